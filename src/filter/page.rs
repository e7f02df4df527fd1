//! The page of a local reply.

use crate::host::Fields;

/// The status, fields and body of a local reply.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) fields: Fields,
    pub(super) body: Vec<u8>,
}
