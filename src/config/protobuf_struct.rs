//! `google.protobuf.Struct` as Envoy hands it over: serialized, not as JSON.

use super::json::Json;

/// Deepest nesting that is read, as deep as JSON's.
const MAX_DEPTH: usize = 128;

/// A field of a message: its number and what it holds.
pub(super) enum Field<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
}

/// Reads a serialized `google.protobuf.Struct`. `None`: the bytes are none.
pub(super) fn read(bytes: &[u8]) -> Option<Json> {
    structure(bytes, MAX_DEPTH)
}

/// `Struct { map<string, Value> fields = 1; }`
fn structure(mut bytes: &[u8], depth: usize) -> Option<Json> {
    let mut object = Vec::new();
    while !bytes.is_empty() {
        let (1, Field::Bytes(entry)) = field(&mut bytes)? else {
            return None;
        };
        object.push(map_entry(entry, depth.checked_sub(1)?)?);
    }
    Some(Json::Object(object))
}

/// An entry of a map: `key = 1`, `value = 2`.
fn map_entry(mut bytes: &[u8], depth: usize) -> Option<(String, Json)> {
    let (mut key, mut entry) = (String::new(), Json::Null);
    while !bytes.is_empty() {
        match field(&mut bytes)? {
            (1, Field::Bytes(text)) => key = String::from_utf8(text.to_vec()).ok()?,
            (2, Field::Bytes(message)) => entry = value(message, depth)?,
            _ => return None,
        }
    }
    Some((key, entry))
}

/// `Value`: one of null = 1, number = 2, string = 3, bool = 4, struct = 5, list = 6.
fn value(mut bytes: &[u8], depth: usize) -> Option<Json> {
    let mut value = Json::Null;
    while !bytes.is_empty() {
        value = match field(&mut bytes)? {
            (1, Field::Varint(_)) => Json::Null,
            (2, Field::Fixed64(number)) => Json::number(f64::from_le_bytes(number)),
            (3, Field::Bytes(text)) => Json::Text(String::from_utf8(text.to_vec()).ok()?),
            (4, Field::Varint(flag)) => Json::Bool(flag != 0),
            (5, Field::Bytes(message)) => structure(message, depth)?,
            (6, Field::Bytes(message)) => list(message, depth.checked_sub(1)?)?,
            _ => return None,
        };
    }
    Some(value)
}

/// `ListValue { repeated Value values = 1; }`
fn list(mut bytes: &[u8], depth: usize) -> Option<Json> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (1, Field::Bytes(entry)) = field(&mut bytes)? else {
            return None;
        };
        entries.push(value(entry, depth)?);
    }
    Some(Json::List(entries))
}

/// Takes the next field off the front of `bytes`.
pub(super) fn field<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Field<'a>)> {
    let tag = varint(bytes)?;
    let content = match tag & 7 {
        0 => Field::Varint(varint(bytes)?),
        1 => Field::Fixed64(take(bytes, 8)?.try_into().ok()?),
        2 => {
            let len = usize::try_from(varint(bytes)?).ok()?;
            Field::Bytes(take(bytes, len)?)
        }
        _ => return None,
    };
    Some((tag >> 3, content))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(fields: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (number, content) in fields {
            out.extend_from_slice(&[number << 3 | 2, content.len() as u8]);
            out.extend_from_slice(content);
        }
        out
    }

    fn entry(key: &str, value: Vec<u8>) -> (u8, Vec<u8>) {
        (1, message(&[(1, key.into()), (2, value)]))
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let number = [&[0x11][..], &5000.5_f64.to_le_bytes()].concat();
        let text = message(&[(3, b"x".to_vec())]);
        let nested = message(&[(5, message(&[entry("y", vec![0x08, 0x00])]))]);
        let listed = message(&[(6, message(&[(1, text.clone()), (1, vec![0x20, 0x01])]))]);
        let bytes = message(&[
            entry("number", number),
            entry("text", text),
            entry("nested", nested),
            entry("listed", listed),
        ]);
        assert_eq!(
            read(&bytes),
            Some(Json::Object(vec![
                ("number".into(), Json::Real(5000.5)),
                ("text".into(), Json::Text("x".into())),
                (
                    "nested".into(),
                    Json::Object(vec![("y".into(), Json::Null)])
                ),
                (
                    "listed".into(),
                    Json::List(vec![Json::Text("x".into()), Json::Bool(true)])
                ),
            ]))
        );
    }

    #[test]
    fn bytes_cut_anywhere_are_no_struct_or_a_shorter_one_and_never_a_panic() {
        let bytes = message(&[entry("role", message(&[(3, b"transport".to_vec())]))]);
        for end in 1..bytes.len() {
            assert_eq!(read(&bytes[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let mut inner = message(&[(3, b"x".to_vec())]);
        let mut deep = Vec::new();
        for _ in 0..MAX_DEPTH {
            // Lengths of more than one byte: the tags are written by hand.
            deep = nested(1, &[nested(1, b"k"), nested(2, &inner)].concat());
            inner = nested(5, &deep);
        }
        assert!(read(&deep).is_some());
        let deeper = nested(1, &[nested(1, b"k"), nested(2, &inner)].concat());
        assert_eq!(read(&deeper), None);
    }

    fn nested(number: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut len = content.len();
        while len >= 0x80 {
            out.push((len & 0x7f) as u8 | 0x80);
            len >>= 7;
        }
        out.push(len as u8);
        out.extend_from_slice(content);
        out
    }
}
