//! A decoder of `google.protobuf.Struct` that shares no code with the encoder.

use serde_json::{Map, Value};

/// `bytes` as JSON; `None` if they are no well-formed `Struct`.
pub(in crate::report) fn decode(bytes: &[u8]) -> Option<Value> {
    let mut object = Map::new();
    for (field, entry) in fields(bytes)? {
        let Field::Bytes(entry) = entry else {
            return None;
        };
        let mut parts = fields(entry)?.into_iter();
        let (Some((1, Field::Bytes(key))), Some((2, Field::Bytes(value))), None, 1) =
            (parts.next(), parts.next(), parts.next(), field)
        else {
            return None;
        };
        object.insert(text(key)?, value_of(value)?);
    }
    Some(Value::Object(object))
}

fn value_of(bytes: &[u8]) -> Option<Value> {
    let mut parts = fields(bytes)?.into_iter();
    let (field, part) = parts.next()?;
    if parts.next().is_some() {
        return None;
    }
    match (field, part) {
        // Every number in the log is whole.
        (2, Field::Fixed64(bits)) => Some(Value::from(f64::from_bits(bits) as u64)),
        (3, Field::Bytes(bytes)) => Some(Value::String(text(bytes)?)),
        (4, Field::Varint(truth @ (0 | 1))) => Some(Value::Bool(truth == 1)),
        (5, Field::Bytes(bytes)) => decode(bytes),
        (6, Field::Bytes(bytes)) => {
            let values = fields(bytes)?.into_iter().map(|value| match value {
                (1, Field::Bytes(value)) => value_of(value),
                _ => None,
            });
            values.collect::<Option<Vec<_>>>().map(Value::Array)
        }
        _ => None,
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
}

fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let field = match key & 7 {
            0 => Field::Varint(varint(&mut bytes)?),
            1 => {
                let (head, rest) = bytes.split_first_chunk::<8>()?;
                bytes = rest;
                Field::Fixed64(u64::from_le_bytes(*head))
            }
            2 => {
                let len = varint(&mut bytes)? as usize;
                let (head, rest) = bytes.split_at_checked(len)?;
                bytes = rest;
                Field::Bytes(head)
            }
            _ => return None,
        };
        found.push((key >> 3, field));
    }
    Some(found)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
