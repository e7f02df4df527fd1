//! The tree as JSON (RFC 8259) on one line, fields in their order.

use std::fmt::Write;

use super::value::{Object, Value};

/// `object` as JSON.
pub(super) fn write(object: &Object<'_>) -> String {
    let mut out = String::with_capacity(1024);
    write_object(&mut out, object);
    out
}

fn write_object(out: &mut String, object: &Object<'_>) {
    out.push('{');
    for (n, (name, value)) in object.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        write_text(out, name);
        out.push(':');
        write_value(out, value);
    }
    out.push('}');
}

fn write_value(out: &mut String, value: &Value<'_>) {
    match value {
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => append(out, format_args!("{number}")),
        Value::Text(text) => write_text(out, text),
        Value::List(list) => {
            out.push('[');
            for (n, value) in list.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write_value(out, value);
            }
            out.push(']');
        }
        Value::Object(object) => write_object(out, object),
    }
}

/// Beyond what RFC 8259 demands, C1 controls, DEL and the Unicode line breaks are escaped too: no terminal and no line
/// reader shall take them for more than text.
fn must_escape(c: char) -> bool {
    matches!(c, '"' | '\\' | '\u{2028}' | '\u{2029}') || c.is_control()
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for piece in text.split_inclusive(must_escape) {
        let special = piece.chars().next_back().filter(|c| must_escape(*c));
        out.push_str(special.map_or(piece, |c| piece.strip_suffix(c).unwrap_or_default()));
        match special {
            None => {}
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\r') => out.push_str("\\r"),
            Some('\n') => out.push_str("\\n"),
            Some('\t') => out.push_str("\\t"),
            Some(c) => append(out, format_args!("\\u{:04x}", u32::from(c))),
        }
    }
    out.push('"');
}

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn object(name: &'static str, value: Value<'static>) -> Object<'static> {
        let mut object = Object::default();
        object.add(name, value);
        object
    }

    #[test]
    fn nests_in_order() {
        let mut top = Object::default();
        top.add("b", Value::Number(18_446_744));
        top.add(
            "a",
            Value::List(vec![Value::Bool(true), Value::Bool(false)]),
        );
        top.add("c", Value::Object(object("d", Value::Text("x".into()))));
        top.add("e", Value::Object(Object::default()));
        let expected = r#"{"b":18446744,"a":[true,false],"c":{"d":"x"},"e":{}}"#;
        assert_eq!(write(&top), expected);
    }

    #[test]
    fn no_control_character_is_raw() {
        let text = "a\"\\/\r\n\t\u{0}\u{1b}\u{7f}\u{9b}\u{2028}ä…";
        let json = write(&object("t", Value::Text(Cow::Borrowed(text))));
        let expected = r#"{"t":"a\"\\/\r\n\t\u0000\u001b\u007f\u009b\u2028ä…"}"#;
        assert_eq!(json, expected);
        let back: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back["t"], text);
    }
}
