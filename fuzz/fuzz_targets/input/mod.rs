//! How the targets' input is cut: a count, so many lengths of pieces, and the bytes that these pieces are of.

/// Bytes, and how they come.
pub struct Input<'a> {
    lengths: &'a [u8],
    /// The bytes.
    pub bytes: &'a [u8],
}

impl<'a> Input<'a> {
    /// The input, whose first byte says how many of the next are lengths; `None`: it is too short.
    pub fn of(data: &'a [u8]) -> Option<Self> {
        let [count, data @ ..] = data else {
            return None;
        };
        let (lengths, bytes) = data.split_at_checked(usize::from(*count))?;
        Some(Self { lengths, bytes })
    }

    /// The pieces of the bytes. What is left after the last length is the last piece.
    pub fn pieces(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.pieces_of(self.bytes)
    }

    /// The pieces of other bytes, by the same lengths.
    pub fn pieces_of<'b>(
        &self,
        mut bytes: &'b [u8],
    ) -> impl Iterator<Item = &'b [u8]> + use<'a, 'b> {
        let mut lengths = self.lengths.iter();
        std::iter::from_fn(move || {
            let length = match lengths.next() {
                Some(length) => usize::from(*length).min(bytes.len()),
                None if bytes.is_empty() => return None,
                None => bytes.len(),
            };
            let (piece, rest) = bytes.split_at(length);
            bytes = rest;
            Some(piece)
        })
    }
}
