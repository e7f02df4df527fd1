//! How far a body is looked into.

/// The limits of one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many values may be told: each is a transaction of its own.
    pub values: usize,
    /// How many bytes they may have together, as they stand in the body: those of gRPC may lie within each other.
    pub bytes: u64,
    /// How deep objects and arrays, or messages, may lie within each other.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            values: 1000,
            bytes: 1024 * 1024 * 1024,
            depth: 64,
        }
    }
}
