//! Bodies to send, and how to compare them.

use bytes::Bytes;

/// One mebibyte.
pub const MIB: usize = 1024 * 1024;

/// `length` bytes that repeat with no short period, so that a piece lost, doubled or moved shows.
pub fn pattern(length: usize) -> Bytes {
    let mut state = 0x9e37_79b9_u32;
    let mut bytes = Vec::with_capacity(length + 4);
    while bytes.len() < length {
        // xorshift32
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    Bytes::from(bytes)
}

/// The EICAR test string, put together at run time: in one piece, this file itself would be found infected.
pub fn eicar() -> Vec<u8> {
    [
        r"X5O!P%@AP[4\PZX54(P^)7CC)7}",
        "$EICAR-STANDARD-ANTIVIRUS",
        "-TEST-FILE!$H+H*",
    ]
    .concat()
    .into_bytes()
}

/// What the tests' own signature finds wherever it stands: EICAR is one only at a file's start.
pub const MARK: &str = "icap-filter-tests-find-this-anywhere-in-a-file";

/// A body of `length` bytes with EICAR at its start, or with [`MARK`] at an `offset` beyond that.
pub fn infected(offset: usize, length: usize) -> Bytes {
    let mut body = vec![b'a'; length];
    let virus = match offset {
        0 => eicar(),
        _ => MARK.into(),
    };
    body[offset..offset + virus.len()].copy_from_slice(&virus);
    Bytes::from(body)
}

/// Fails with the place of the first difference, not with two dumps of many megabytes.
#[track_caller]
pub fn assert_same_bytes(what: &str, found: &[u8], expected: &[u8]) {
    if found == expected {
        return;
    }
    let place = found
        .iter()
        .zip(expected)
        .position(|(f, e)| f != e)
        .unwrap_or(found.len().min(expected.len()));
    panic!(
        "{what}: {} bytes found, {} expected, first difference at {place}",
        found.len(),
        expected.len()
    );
}
