//! How far a call of a decoder came.

/// The result of a call of [`Decoder::decode`](super::Decoder::decode).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The number of input bytes taken.
    pub taken: usize,
    /// The bytes taken so far decode to more: call again.
    pub has_more: bool,
}
