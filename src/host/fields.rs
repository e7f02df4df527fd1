//! Header fields, whose names and values all lie in one buffer.

use std::fmt;
use std::ops::Range;

use crate::icap::FieldList;

/// Header fields in order, pseudo headers among them. Their bytes lie in one buffer: the host's map where the host gave them.
/// A message has a dozen fields, and a vector for each name and value would be most of its allocations.
#[derive(Clone, Default)]
pub struct Fields {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

/// Where a field's name and its value lie in the buffer.
#[derive(Clone, Debug)]
struct Place {
    name: Range<usize>,
    value: Range<usize>,
}

impl Fields {
    /// No field.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fields whose names and values lie in `bytes`. A range outside of `bytes` gives an empty name or value.
    pub fn within(
        bytes: Vec<u8>,
        places: impl Iterator<Item = (Range<usize>, Range<usize>)>,
    ) -> Self {
        let inside = |range: Range<usize>| match bytes.get(range.clone()) {
            Some(_) => range,
            None => 0..0,
        };
        let places = places.map(|(name, value)| Place {
            name: inside(name),
            value: inside(value),
        });
        let places = places.collect();
        Self { bytes, places }
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds a field behind the others.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let name = self.append(name.as_ref());
        let value = self.append(value.as_ref());
        self.places.push(Place { name, value });
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.places
            .iter()
            .map(|place| (self.at(&place.name), self.at(&place.value)))
    }

    /// The values of the fields of that name, in any case, in order.
    pub fn named<'f>(&'f self, name: &[u8]) -> impl Iterator<Item = &'f [u8]> {
        // Most names differ in their lengths already.
        self.places
            .iter()
            .filter(move |place| place.name.len() == name.len())
            .filter(move |place| self.at(&place.name).eq_ignore_ascii_case(name))
            .map(|place| self.at(&place.value))
    }

    fn at(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// Keeps the fields whose name `keep` accepts.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8]) -> bool) {
        let bytes = &self.bytes;
        self.places
            .retain(|place| keep(bytes.get(place.name.clone()).unwrap_or_default()));
    }
}

impl FieldList for Fields {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.iter()
    }

    fn values<'f>(&'f self, name: &'f [u8]) -> impl Iterator<Item = &'f [u8]> {
        self.named(name)
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> Extend<(N, V)> for Fields {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, fields: I) {
        for (name, value) in fields {
            self.push(name, value);
        }
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(of: I) -> Self {
        let mut fields = Self::new();
        fields.extend(of);
        fields
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Fields {}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |(name, value): (&[u8], &[u8])| {
            format!("{}: {}", name.escape_ascii(), value.escape_ascii())
        };
        f.debug_list().entries(self.iter().map(line)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_what_was_put_in_wherever_they_lie() {
        let mut given = Fields::within(
            b"..a1bb2.".to_vec(),
            [(2..3, 3..4), (4..6, 6..7), (3..4, 8..8), (9..10, 7..30)].into_iter(),
        );
        let expected: Fields = [("a", "1"), ("bb", "2"), ("1", ""), ("", "")]
            .into_iter()
            .collect();
        assert_eq!(given, expected);
        given.push("c", "3");
        assert_ne!(given, expected);
        given.retain(|name| !name.is_empty() && name != b"a");
        let left = [("bb", "2"), ("1", ""), ("c", "3")];
        assert_eq!(given, left.into_iter().collect());
        assert_eq!(format!("{given:?}"), r#"["bb: 2", "1: ", "c: 3"]"#);
    }
}
