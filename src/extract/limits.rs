//! How far the extractors look into a body.

/// The limits of one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many values may be reported. Each is a transaction of its own.
    pub values: usize,
    /// How many bytes the values may have together, as they stand in the body. gRPC values may lie within each other.
    pub bytes: u64,
    /// How deep objects and arrays, or messages, may nest.
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
