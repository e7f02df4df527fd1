//! Looks for one word in bytes that come in pieces, and holds of them only what the word's beginning may be in.

use memchr::memmem;

/// Searches what it is given, in order, for one word.
#[derive(Clone, Debug)]
pub(super) struct Finder {
    word: memmem::Finder<'static>,
    /// The last bytes seen: as many as may begin a word, and two before them.
    tail: Vec<u8>,
}

/// The first word of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// Where it ends in that piece; it may have begun in an earlier one.
    pub(super) end: usize,
    pub(super) before: Before,
}

/// What stands before a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// It is the first that was searched.
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

    /// Searches the next piece. With a hit the search begins anew: what follows the word is to come as the next piece.
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
            // Where less than two bytes of the piece stand before it, the tail has them, with those that came earlier.
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
