//! Output that the documentation shows, compared with what is printed. `…` stands for anything.

use regex_lite::Regex;
use serde_json::Value;

/// What stands for anything, or for further fields.
const ANYTHING: &str = "…";

/// The name that a scanner gives EICAR depends on its signatures: it becomes one name.
fn mask(text: &str) -> String {
    let name = Regex::new(r"(?i)[\w.-]*eicar[\w.-]*").unwrap();
    name.replace_all(text, "EICAR").into_owned()
}

/// What is shown and was not printed. A line that is `…` stands for any number of lines.
pub fn missing_line(shown: &[String], printed: &str) -> Option<String> {
    let printed = mask(printed);
    let mut printed = printed.lines().map(str::trim_end);
    let mut skipping = false;
    for line in shown {
        if line.trim() == ANYTHING {
            skipping = true;
            continue;
        }
        let line = mask(line.trim_end());
        let found = if skipping {
            printed.any(|other| other == line)
        } else {
            printed.next() == Some(&line)
        };
        if !found {
            return Some(line);
        }
        skipping = false;
    }
    (!skipping)
        .then(|| printed.next())
        .flatten()
        .map(|line| format!("nothing after which comes {line:?}"))
}

/// Reads JSON that is shown; an object that ends with `…` has fields that are not.
pub fn json(shown: &str) -> Result<Value, String> {
    let named = mask(shown).replace(ANYTHING, "\"…\": null");
    serde_json::from_str(&named).map_err(|e| e.to_string())
}

/// Where what is shown differs from what was printed.
pub fn difference(place: &str, shown: &Value, printed: &Value) -> Option<String> {
    match (shown, printed) {
        (Value::Object(shown), Value::Object(printed)) => {
            let further = (!shown.contains_key(ANYTHING))
                .then(|| printed.keys().find(|name| !shown.contains_key(*name)))
                .flatten();
            if let Some(name) = further {
                return Some(format!("{place}.{name} is not shown"));
            }
            shown
                .iter()
                .filter(|(name, _)| *name != ANYTHING)
                .find_map(|(name, field)| {
                    difference(
                        &format!("{place}.{name}"),
                        field,
                        printed.get(name).unwrap_or_default(),
                    )
                })
        }
        (Value::Array(shown), Value::Array(printed)) if shown.len() == printed.len() => shown
            .iter()
            .zip(printed)
            .enumerate()
            .find_map(|(i, (one, other))| difference(&format!("{place}[{i}]"), one, other)),
        // Of a Struct every number is a double.
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => None,
        (Value::String(one), Value::String(other)) if mask(one) == mask(other) => None,
        _ if shown == printed => None,
        _ => Some(format!("{place} is shown as {shown}, and is {printed}")),
    }
}

#[test]
fn lines_are_compared() {
    let missing = |shown: &[&str], printed: &str| {
        let shown: Vec<String> = shown.iter().map(|&line| line.to_owned()).collect();
        missing_line(&shown, printed)
    };
    let printed = "HTTP/1.1 403\r\ndate: now\r\n\r\nWin.Test.EICAR_HDB-1 \nend\n";
    assert_eq!(
        missing(&["HTTP/1.1 403", "…", "", "Eicar-Test", "end"], printed),
        None
    );
    assert_eq!(missing(&["…"], printed), None);
    assert_eq!(
        missing(&["HTTP/1.1 200", "…"], printed).unwrap(),
        "HTTP/1.1 200"
    );
    assert_eq!(
        missing(&["…", "end", "date: now"], printed).unwrap(),
        "date: now"
    );
    assert!(
        missing(&["HTTP/1.1 403"], printed)
            .unwrap()
            .contains("date: now")
    );
}

#[test]
fn fields_are_compared() {
    let printed = serde_json::json!({"a": 1.0, "b": [{"c": "x", "d": 2}], "e": null});
    let differs = |shown: &str| difference("", &json(shown).unwrap(), &printed);
    assert_eq!(differs(r#"{"a": 1, "b": [{"c": "x", …}], …}"#), None);
    for (shown, why) in [
        (r#"{"a": 1, "b": [{"c": "x"}], …}"#, ".b[0].d is not shown"),
        (r#"{"a": 1}"#, " is not shown"),
        (r#"{"a": 2, …}"#, ".a is shown as 2"),
        (r#"{"b": [], …}"#, ".b is shown as []"),
        (r#"{"z": 1, …}"#, ".z is shown as 1, and is null"),
    ] {
        assert!(
            differs(shown).unwrap().contains(why),
            "{shown}: {:?}",
            differs(shown)
        );
    }
    assert!(json("{").is_err());
}
