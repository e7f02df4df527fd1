//! Encodings: the header maps of the ABI, and the varints of protobuf.

use crate::host::Fields;

/// Appends a protobuf varint.
pub(super) fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Encodes fields as a map of the ABI: their count, the sizes of each name and value, then each name and value with a NUL
/// behind it. Numbers are 32 bits, little-endian.
pub(super) fn encode_map<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
) -> Vec<u8> {
    let mut map = Vec::new();
    let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    map.extend_from_slice(&size(fields.clone().count()));
    for (name, value) in fields.clone() {
        map.extend_from_slice(&size(name.len()));
        map.extend_from_slice(&size(value.len()));
    }
    for (name, value) in fields {
        map.extend_from_slice(name);
        map.push(0);
        map.extend_from_slice(value);
        map.push(0);
    }
    map
}

/// Decodes a map of the ABI, see [`encode_map`]. `None` where the map is not readable.
pub(super) fn decode_map(map: Vec<u8>) -> Option<Fields> {
    if map.is_empty() {
        return Some(Fields::new());
    }
    let number = |at: usize| -> Option<usize> {
        let bytes = map.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    let count = number(0)?;
    let mut sizes = 4_usize;
    let mut at = count.checked_mul(8)?.checked_add(4)?;
    let mut places = Vec::with_capacity(count.min(map.len()));
    for _ in 0..count {
        let (name_len, value_len) = (number(sizes)?, number(sizes.checked_add(4)?)?);
        sizes = sizes.checked_add(8)?;
        let name_end = at.checked_add(name_len)?;
        let value_at = name_end.checked_add(1)?;
        let value_end = value_at.checked_add(value_len)?;
        if value_end > map.len() {
            return None;
        }
        places.push((at..name_end, value_at..value_end));
        at = value_end.checked_add(1)?;
    }
    Some(Fields::within(map, places.into_iter()))
}
