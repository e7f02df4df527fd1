//! Writes icap_log as a serialized `google.protobuf.Struct`.
//!
//! Fields used: `Struct.fields` 1 (map: key 1, value 2); `Value.number_value` 2, `string_value` 3, `bool_value` 4,
//! `struct_value` 5, `list_value` 6; `ListValue.values` 1.

use super::object::Object;

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const DELIMITED: u8 = 2;

/// A writer of a `Struct`.
#[derive(Debug)]
pub(super) struct Struct {
    out: Vec<u8>,
}

impl Struct {
    /// Returns the serialized object whose fields `write` adds. `capacity`: the bytes that it usually needs.
    pub(super) fn of(capacity: usize, write: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut object = Self {
            out: Vec::with_capacity(capacity),
        };
        write(&mut object);
        object.out
    }

    /// A length-delimited field. Its length is known only after its content: one byte is reserved for the length, and
    /// the content moves if the length needs more.
    fn delimited(&mut self, field: u8, write: impl FnOnce(&mut Self)) {
        self.out.extend_from_slice(&[tag(field, DELIMITED), 0]);
        let start = self.out.len();
        write(self);
        let len = self.out.len().saturating_sub(start);
        let (length, bytes) = varint(len);
        let length = length.get(..bytes).unwrap_or_default();
        let place = start.saturating_sub(1);
        if let ([length], Some(free)) = (length, self.out.get_mut(place)) {
            *free = *length;
        } else {
            self.out.splice(place..start, length.iter().copied());
        }
    }

    /// An entry of the map of fields.
    fn entry(&mut self, name: &str, value: impl FnOnce(&mut Self)) {
        self.delimited(1, |entry| {
            entry.bytes(1, name.as_bytes());
            entry.delimited(2, value);
        });
    }

    /// The tag and the length before a length-delimited field.
    fn announce(&mut self, field: u8, len: usize) {
        self.out.push(tag(field, DELIMITED));
        match u8::try_from(len) {
            Ok(short @ ..0x80) => self.out.push(short),
            _ => {
                let (length, bytes) = varint(len);
                let length = length.get(..bytes).unwrap_or_default();
                self.out.extend_from_slice(length);
            }
        }
    }

    /// A length-delimited field with known content.
    fn bytes(&mut self, field: u8, bytes: &[u8]) {
        self.announce(field, bytes.len());
        self.out.extend_from_slice(bytes);
    }

    /// An entry of the map of fields whose value has `len` bytes, which the caller adds.
    fn entry_of(&mut self, name: &str, len: usize) {
        let value = announced(len);
        self.announce(1, announced(name.len()).saturating_add(value));
        self.bytes(1, name.as_bytes());
        self.announce(2, len);
    }

    fn list<T>(
        &mut self,
        name: &str,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.entry(name, |value| {
            value.delimited(6, |list| {
                for item in items {
                    list.delimited(1, |value| write(value, item));
                }
            });
        });
    }
}

impl Object for Struct {
    fn text(&mut self, name: &str, text: &str) {
        self.entry_of(name, announced(text.len()));
        self.bytes(3, text.as_bytes());
    }

    #[expect(clippy::cast_precision_loss, reason = "below 2^53 by definition")]
    fn number(&mut self, name: &str, number: u64) {
        let bytes = (number as f64).to_le_bytes();
        self.entry_of(name, bytes.len().saturating_add(1));
        self.out.push(tag(2, FIXED64));
        self.out.extend_from_slice(&bytes);
    }

    fn truth(&mut self, name: &str, truth: bool) {
        let value = [tag(4, VARINT), u8::from(truth)];
        self.entry_of(name, value.len());
        self.out.extend_from_slice(&value);
    }

    fn object(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.entry(name, |value| value.delimited(5, write));
    }

    fn texts<'t>(&mut self, name: &str, texts: impl Iterator<Item = &'t str>) {
        self.list(name, texts, |value, text| value.bytes(3, text.as_bytes()));
    }

    fn objects<T>(
        &mut self,
        name: &str,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.list(name, items, |value, item| {
            value.delimited(5, |object| write(object, item));
        });
    }
}

fn tag(field: u8, wire_type: u8) -> u8 {
    field << 3 | wire_type
}

/// How many bytes a length-delimited field takes whose content has `len`.
fn announced(len: usize) -> usize {
    let mut varint = 1_usize;
    let mut rest = len >> 7;
    while rest > 0 {
        varint = varint.saturating_add(1);
        rest >>= 7;
    }
    len.saturating_add(varint).saturating_add(1)
}

/// The most bytes of a varint of 64 bits.
const VARINT_BYTES: usize = 10;

/// A number as protobuf encodes it, and the number of its bytes.
fn varint(mut number: usize) -> ([u8; VARINT_BYTES], usize) {
    let mut bytes = [0; VARINT_BYTES];
    let mut used = 0_usize;
    for byte in &mut bytes {
        used = used.saturating_add(1);
        *byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            break;
        }
        *byte |= 0x80;
    }
    (bytes, used)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes are those of Google's protobuf library.
    #[test]
    fn is_what_protobuf_writes() {
        let got = Struct::of(0, |top| {
            top.text("a", "x");
            top.number("n", 200);
            top.texts("b", ["y"].into_iter());
            top.truth("t", true);
        });
        let expected: &[u8] = b"\
            \x0a\x08\x0a\x01a\x12\x03\x1a\x01x\
            \x0a\x0e\x0a\x01n\x12\x09\x11\x00\x00\x00\x00\x00\x00\x69\x40\
            \x0a\x0c\x0a\x01b\x12\x07\x32\x05\x0a\x03\x1a\x01y\
            \x0a\x07\x0a\x01t\x12\x02\x20\x01";
        assert_eq!(got, expected);
    }

    /// Each of the three lengths around the text is right, whether the content had to move or not.
    #[test]
    fn lengths_of_every_width_are_announced_right() {
        for len in [0, 1, 110, 127, 128, 129, 16_383, 16_384, 3_000_000] {
            let text = "x".repeat(len);
            let got = Struct::of(0, |top| {
                top.object("o", |inner| inner.text("t", &text));
            });
            let fields = crate::report::tests::struct_decoder::decode(&got).unwrap();
            let inner = &fields["o"];
            assert!(inner["t"] == text, "{len}");
        }
    }
}
