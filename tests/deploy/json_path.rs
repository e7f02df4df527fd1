//! As much of JSONPath and JSON Patch as Envoy Gateway's policies here use.

use serde_json::{Map, Value};

/// The JSON pointers of what `path` selects: steps `.name`, `..name`, `[*]` and `[?(@.name=='value')]`.
pub fn select(document: &Value, path: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("[*]") {
            found = found
                .iter()
                .flat_map(|pointer| entries(document, pointer))
                .collect();
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix("[?(@.") {
            let (condition, after) = after.split_once(")]").expect("an end of the filter");
            let (name, value) = condition.split_once("==").expect("a comparison");
            let value = value.strip_prefix('\'').and_then(|v| v.strip_suffix('\''));
            let value = value.expect("a value in quotes");
            found = found
                .iter()
                .flat_map(|pointer| entries(document, pointer))
                .filter(|pointer| document.pointer(pointer).unwrap()[name] == value)
                .collect();
            rest = after;
            continue;
        }
        let (deep, after) = match rest.strip_prefix("..") {
            Some(after) => (true, after),
            None => (false, rest.strip_prefix('.').expect("a step")),
        };
        let end = after.find(['.', '[']).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        found = found
            .iter()
            .flat_map(|pointer| match deep {
                true => below(document, pointer),
                false => vec![pointer.clone()],
            })
            .filter(|pointer| document.pointer(pointer).unwrap().get(name).is_some())
            .map(|pointer| format!("{pointer}/{name}"))
            .collect();
        rest = after;
    }
    found
}

/// The pointers of a list's entries.
fn entries(document: &Value, pointer: &str) -> Vec<String> {
    let list = document.pointer(pointer).unwrap().as_array();
    let count = list.map_or(0, Vec::len);
    (0..count).map(|i| format!("{pointer}/{i}")).collect()
}

/// The pointers of a value and of everything in it.
fn below(document: &Value, pointer: &str) -> Vec<String> {
    let mut all = vec![pointer.to_owned()];
    let inner: Vec<String> = match document.pointer(pointer).unwrap() {
        Value::Object(fields) => {
            let escaped = fields
                .keys()
                .map(|k| k.replace('~', "~0").replace('/', "~1"));
            escaped.map(|k| format!("{pointer}/{k}")).collect()
        }
        Value::Array(_) => entries(document, pointer),
        _ => Vec::new(),
    };
    all.extend(inner.iter().flat_map(|pointer| below(document, pointer)));
    all
}

/// `add` of JSON Patch (RFC 6902 section 4.1); mappings on the way are made, as Envoy Gateway does.
pub fn add(document: &mut Value, pointer: &str, value: Value) {
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
    let mut place = document;
    for step in parent.split('/').skip(1) {
        place = match place {
            Value::Array(entries) => &mut entries[step.parse::<usize>().unwrap()],
            Value::Object(fields) => fields
                .entry(step)
                .or_insert_with(|| Value::Object(Map::new())),
            other => panic!("{pointer} leads into {other}"),
        };
    }
    match place {
        Value::Array(entries) => entries.insert(last.parse().unwrap(), value),
        Value::Object(fields) => {
            fields.insert(last.to_owned(), value);
        }
        other => panic!("{pointer} leads into {other}"),
    }
}

#[test]
fn paths_select_and_patches_add() {
    let mut document =
        serde_json::json!({"a": [{"filters": [{"name": "x"}, {"name": "y", "c": {}}]}]});
    let path = "..filters[?(@.name=='y')].c";
    assert_eq!(select(&document, path), ["/a/0/filters/1/c"]);
    assert!(select(&document, "..filters[?(@.name=='z')]").is_empty());
    add(&mut document, "/a/0/filters/1/c/new/deep", 1.into());
    add(&mut document, "/a/0/filters/0", 2.into());
    assert_eq!(
        document,
        serde_json::json!({"a": [{"filters": [2, {"name": "x"}, {"name": "y", "c": {"new": {"deep": 1}}}]}]})
    );
}
