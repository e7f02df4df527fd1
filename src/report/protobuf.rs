//! The tree as a serialized `google.protobuf.Struct`.
//!
//! Fields used: `Struct.fields` 1 (map: key 1, value 2); `Value.number_value` 2, `string_value` 3, `bool_value` 4,
//! `struct_value` 5, `list_value` 6; `ListValue.values` 1.

use super::value::{Object, Value};

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const DELIMITED: u8 = 2;

/// `object` as a serialized `Struct`.
pub(super) fn write(object: &Object<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(struct_len(object));
    write_struct(&mut out, object);
    out
}

fn write_struct(out: &mut Vec<u8>, object: &Object<'_>) {
    for (name, value) in object.iter() {
        open(out, 1, entry_len(name, value));
        open(out, 1, name.len());
        out.extend_from_slice(name.as_bytes());
        open(out, 2, value_len(value));
        write_value(out, value);
    }
}

fn write_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "below 2^53 by definition")]
        Value::Number(number) => {
            out.push(tag(2, FIXED64));
            out.extend_from_slice(&(*number as f64).to_le_bytes());
        }
        Value::Text(text) => {
            open(out, 3, text.len());
            out.extend_from_slice(text.as_bytes());
        }
        Value::Bool(truth) => out.extend_from_slice(&[tag(4, VARINT), u8::from(*truth)]),
        Value::Object(object) => {
            open(out, 5, struct_len(object));
            write_struct(out, object);
        }
        Value::List(list) => {
            open(out, 6, list_len(list));
            for value in list {
                open(out, 1, value_len(value));
                write_value(out, value);
            }
        }
    }
}

fn tag(field: u8, wire_type: u8) -> u8 {
    field << 3 | wire_type
}

/// The tag and the length in front of a length-delimited field.
fn open(out: &mut Vec<u8>, field: u8, len: usize) {
    out.push(tag(field, DELIMITED));
    let mut rest = len;
    while rest > 0x7f {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// The length of a length-delimited field with its tag and its length.
fn delimited_len(len: usize) -> usize {
    let bits = usize::BITS - len.leading_zeros();
    1 + bits.div_ceil(7).max(1) as usize + len
}

fn struct_len(object: &Object<'_>) -> usize {
    let fields = object.iter();
    fields
        .map(|(name, value)| delimited_len(entry_len(name, value)))
        .sum()
}

fn entry_len(name: &str, value: &Value<'_>) -> usize {
    delimited_len(name.len()) + delimited_len(value_len(value))
}

fn value_len(value: &Value<'_>) -> usize {
    match value {
        Value::Number(_) => 1 + 8,
        Value::Text(text) => delimited_len(text.len()),
        Value::Bool(_) => 1 + 1,
        Value::Object(object) => delimited_len(struct_len(object)),
        Value::List(list) => delimited_len(list_len(list)),
    }
}

fn list_len(list: &[Value<'_>]) -> usize {
    list.iter()
        .map(|value| delimited_len(value_len(value)))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes are those of Google's protobuf library.
    #[test]
    fn is_what_protobuf_writes() {
        let mut object = Object::default();
        object.add("a", Value::Text("x".into()));
        object.add("n", Value::Number(200));
        object.add("b", Value::List(vec![Value::Bool(true)]));
        let expected: &[u8] = b"\
            \x0a\x08\x0a\x01a\x12\x03\x1a\x01x\
            \x0a\x0e\x0a\x01n\x12\x09\x11\x00\x00\x00\x00\x00\x00\x69\x40\
            \x0a\x0b\x0a\x01b\x12\x06\x32\x04\x0a\x02\x20\x01";
        assert_eq!(write(&object), expected);
    }

    #[test]
    fn lengths_of_every_width_are_announced_right() {
        for len in [0, 1, 110, 127, 128, 129, 16_383, 16_384, 3_000_000] {
            let mut object = Object::default();
            object.add("t", Value::Text("x".repeat(len).into()));
            assert_eq!(write(&object).len(), struct_len(&object), "{len}");
        }
    }
}
