//! A buffer of received bytes. It remembers how far it has searched for a line end, which keeps reading lines linear.

use memchr::memchr;

/// The bytes allowed contain no line end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LineTooLong;

/// Received bytes. Reading moves a cursor. A later push drops the bytes before the cursor.
#[derive(Debug, Default)]
pub(super) struct Input {
    bytes: Vec<u8>,
    read: usize,
    /// How many bytes after `read` are known to contain no LF.
    searched: usize,
}

impl Input {
    /// Adds bytes. Takes over their allocation where the buffer has no unread bytes.
    pub(super) fn push(&mut self, more: Vec<u8>) {
        if self.read >= self.bytes.len() {
            self.bytes = more;
            self.read = 0;
            self.searched = 0;
            return;
        }
        // Moves at most as many bytes as were read since the last move, so that all moves together stay linear.
        if self.read > self.bytes.len() / 2 {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        self.bytes.extend_from_slice(&more);
    }

    /// The unread bytes.
    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.read..).unwrap_or_default()
    }

    /// Reads up to `n` bytes.
    pub(super) fn take(&mut self, n: usize) -> &[u8] {
        let start = self.read;
        let end = start.saturating_add(n).min(self.bytes.len());
        self.read = end;
        self.searched = 0;
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Reads one line with its line end. The line must end within the next `budget` bytes.
    pub(super) fn take_line(&mut self, budget: usize) -> Result<Option<&[u8]>, LineTooLong> {
        let unread = self.unread();
        let length = unread.len();
        let fresh = unread.get(self.searched..).unwrap_or_default();
        let line = memchr(b'\n', fresh).map(|i| self.searched.saturating_add(i).saturating_add(1));
        match line {
            Some(line) if line <= budget => Ok(Some(self.take(line))),
            None if length < budget => {
                self.searched = length;
                Ok(None)
            }
            _ => Err(LineTooLong),
        }
    }

    /// Drops the unread bytes and returns how many there were.
    pub(super) fn clear(&mut self) -> usize {
        let unread = self.unread().len();
        *self = Self::default();
        unread
    }
}

/// The line without its CRLF or LF.
pub(super) fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
