//! Spots Base64 in a text: the whole text, or the part behind `;base64,` as in `data:` URLs.

use std::ops::Range;

const MARK: &[u8] = b";base64,";

/// Words without punctuation have more spaces than one in so many bytes. Base64 has none, or stands in lines.
const BYTES_A_SPACE: u64 = 16;

/// Looks at one text, a byte at a time, after unescaping.
#[derive(Clone, Debug)]
pub(super) struct Spotter {
    /// Whether to look for `data:` URLs.
    data_urls: bool,
    /// The range of the text, while the text is all Base64.
    whole: Option<Range<u64>>,
    /// How many bytes and how many spaces the text has so far.
    bytes: u64,
    spaces: u64,
    /// How many bytes of [`MARK`] match just before the next byte.
    mark: usize,
    /// The range of the Base64 behind a mark.
    run: Option<Range<u64>>,
}

impl Spotter {
    /// A text that begins at `start` in the body. `whole`: the whole text may be Base64.
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

    /// Looks at the next byte, which ends before `end` in the body. Returns the Base64 that ended before the byte, if
    /// any.
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

    /// The text has ended. Returns the Base64 that is the text or its end.
    pub(super) fn end(&mut self) -> Option<Range<u64>> {
        let lines = self.spaces.saturating_mul(BYTES_A_SPACE) <= self.bytes;
        self.whole.take().filter(|_| lines).or(self.run.take())
    }
}

/// The characters of Base64, in either alphabet, in lines, and with padding.
fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_=\r\n\t ".contains(&byte)
}
