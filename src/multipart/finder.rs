//! Finds a word in bytes that arrive in pieces. Holds only bytes in which the word may have begun.

use memchr::memmem;

/// Searches pieces, in order, for one word.
#[derive(Clone, Debug)]
pub(super) struct Finder {
    word: memmem::Finder<'static>,
    /// The last bytes seen: as many as may begin the word, and two before them.
    tail: Vec<u8>,
}

/// The first occurrence of the word in a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// Where the word ends in the piece. The word may have begun in an earlier piece.
    pub(super) end: usize,
    pub(super) before: Before,
}

/// The bytes before a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing: the word begins the first piece.
    Nothing,
    LineEnd,
    Other,
}

impl Before {
    fn of(bytes: &[u8]) -> Self {
        match bytes {
            [] => Self::Nothing,
            [.., b'\r', b'\n'] => Self::LineEnd,
            _ => Self::Other,
        }
    }
}

impl Finder {
    pub(super) fn new(word: &[u8]) -> Self {
        Self {
            word: memmem::Finder::new(word).into_owned(),
            tail: Vec::with_capacity(word.len().saturating_mul(2).saturating_add(2)),
        }
    }

    /// Searches the next piece. After a hit the search starts again: pass the bytes behind the word as the next
    /// piece.
    pub(super) fn search(&mut self, piece: &[u8]) -> Option<Hit> {
        let hit = self.search_on(piece);
        if hit.is_some() {
            self.tail.clear();
        }
        hit
    }

    fn search_on(&mut self, piece: &[u8]) -> Option<Hit> {
        let word = self.word.needle().len();
        let seen = self.tail.len();
        let overlap = word.saturating_sub(1);
        self.tail.extend(piece.iter().take(overlap));
        if seen > 0
            && let Some(start) = self.word.find(&self.tail)
        {
            return Some(Hit {
                end: start.saturating_add(word).saturating_sub(seen),
                before: Before::of(self.tail.get(..start).unwrap_or_default()),
            });
        }
        if let Some(start) = self.word.find(piece) {
            // If fewer than two bytes of this piece stand before the word, the tail has the missing ones.
            let before = match start {
                0 | 1 => self.tail.get(..seen.saturating_add(start)),
                _ => piece.get(..start),
            };
            return Some(Hit {
                end: start.saturating_add(word),
                before: Before::of(before.unwrap_or_default()),
            });
        }
        let kept = overlap.saturating_add(2);
        if piece.len() >= kept {
            self.tail.clear();
        } else {
            self.tail.truncate(seen);
        }
        let from = piece.len().saturating_sub(kept);
        self.tail.extend(piece.iter().skip(from));
        let surplus = self.tail.len().saturating_sub(kept);
        self.tail.drain(..surplus);
        None
    }
}

#[cfg(test)]
#[path = "finder_tests.rs"]
mod tests;
