//! Spots Base64 in a text: all of it, or what stands behind `;base64,` as in `data:` URLs.

use std::ops::Range;

const MARK: &[u8] = b";base64,";

/// Words without punctuation have more spaces than one in so many bytes; Base64 has none, or is in lines.
const BYTES_A_SPACE: u64 = 16;

/// Looks at one text, a byte at a time, as it reads once unescaped.
#[derive(Clone, Debug)]
pub(super) struct Spotter {
    /// Whether to look for `data:` URLs.
    data_urls: bool,
    /// The text, if it is Base64 so far.
    whole: Option<Range<u64>>,
    /// How many bytes of it there are, and how many of them are spaces.
    bytes: u64,
    spaces: u64,
    /// How many bytes of [`MARK`] stand before the next byte.
    mark: usize,
    /// The Base64 behind a mark.
    run: Option<Range<u64>>,
}

impl Spotter {
    /// A text that begins at `start` in the body. `whole`: it may be Base64 as a whole.
    pub(super) fn new(start: u64, whole: bool, data_urls: bool) -> Self {
        Self {
            data_urls,
            whole: whole.then_some(start..start),
            bytes: 0,
            spaces: 0,
            mark: 0,
            run: None,
        }
    }

    /// Looks at the next byte, which stands in the body up to `end`. The Base64 that ended before it, if any.
    pub(super) fn push(&mut self, byte: u8, end: u64) -> Option<Range<u64>> {
        let base64 = is_base64(byte);
        self.bytes = self.bytes.saturating_add(1);
        self.spaces = self
            .spaces
            .saturating_add(u64::from(matches!(byte, b' ' | b'\t')));
        match &mut self.whole {
            Some(whole) if base64 => whole.end = end,
            _ => self.whole = None,
        }
        if !self.data_urls {
            return None;
        }
        if let Some(run) = &mut self.run {
            if base64 {
                run.end = end;
                return None;
            }
            return self.run.take().inspect(|_| self.mark(byte, end));
        }
        self.mark(byte, end);
        None
    }

    fn mark(&mut self, byte: u8, end: u64) {
        let expected = MARK.get(self.mark).copied().unwrap_or_default();
        self.mark = match byte.to_ascii_lowercase() {
            lower if lower == expected => self.mark.saturating_add(1),
            b';' => 1,
            _ => 0,
        };
        if self.mark == MARK.len() {
            self.mark = 0;
            self.run = Some(end..end);
        }
    }

    /// The text has ended: the Base64 that it is, or that it ends with.
    pub(super) fn end(&mut self) -> Option<Range<u64>> {
        let lines = self.spaces.saturating_mul(BYTES_A_SPACE) <= self.bytes;
        self.whole.take().filter(|_| lines).or(self.run.take())
    }
}

/// What Base64 may have, in either alphabet, in lines, and with padding.
fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_=\r\n\t ".contains(&byte)
}
