//! The part of a body that stands in the module: it grows at its end, and is taken away in front.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::Range;

use super::held::{Budget, OverBudget, Share};
use crate::host::{HostError, HostResult};

/// Pieces are joined as long as they have no more bytes than this together, so that many small ones take no more than their bytes.
const JOINED_BYTES: usize = 16 * 1024;

/// Bytes of a body from some offset on. Who streams the body and who shows it share them. They count against the budget.
#[derive(Debug)]
pub struct Window {
    budget: Budget,
    bytes: RefCell<Bytes>,
}

/// The bytes, piece by piece, one behind the other.
#[derive(Debug, Default)]
struct Bytes {
    /// Offsets in the body: of the first byte that is here, and of the first one behind the last.
    range: Range<u64>,
    pieces: VecDeque<Piece>,
}

#[derive(Debug)]
struct Piece {
    /// The offset of its first byte in the body.
    at: u64,
    bytes: Vec<u8>,
    share: Share,
}

impl Piece {
    fn end(&self) -> u64 {
        self.at.saturating_add(self.bytes.len() as u64)
    }
}

impl Window {
    /// No byte, at the beginning of a body.
    pub fn new(budget: &Budget) -> Self {
        Self {
            budget: budget.clone(),
            bytes: RefCell::default(),
        }
    }

    /// How many bytes of the body came here and went.
    pub fn start(&self) -> u64 {
        self.bytes.borrow().range.start
    }

    /// How many bytes of the body came here.
    pub fn end(&self) -> u64 {
        self.bytes.borrow().range.end
    }

    /// How many bytes are here.
    pub fn len(&self) -> u64 {
        self.end().saturating_sub(self.start())
    }

    /// Whether no byte is here.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the next bytes of the body.
    ///
    /// # Errors
    /// The budget has no room for them.
    pub fn push(&self, bytes: Vec<u8>) -> Result<(), OverBudget> {
        if bytes.is_empty() {
            return Ok(());
        }
        let share = self.budget.share(bytes.len() as u64)?;
        self.bytes.borrow_mut().push(bytes, share);
        Ok(())
    }

    /// Appends a range of the body to `out`.
    ///
    /// # Errors
    /// Not all of the range is here.
    pub fn read(&self, range: Range<u64>, out: &mut Vec<u8>) -> HostResult {
        let here = self.bytes.borrow();
        if range.start < here.range.start || range.end > here.range.end {
            return Err(HostError::SHORT_BODY);
        }
        let first = here
            .pieces
            .partition_point(|piece| piece.end() <= range.start);
        let reached = here.pieces.iter().skip(first);
        for piece in reached.take_while(|piece| piece.at < range.end) {
            let within = |offset: u64| {
                let offset = offset.clamp(piece.at, piece.end());
                usize::try_from(offset.saturating_sub(piece.at)).unwrap_or(usize::MAX)
            };
            let part = piece.bytes.get(within(range.start)..within(range.end));
            out.extend_from_slice(part.unwrap_or_default());
        }
        Ok(())
    }

    /// Moves what stands before the offset `to` behind the bytes of another window.
    pub fn give(&self, to: u64, other: &Self) {
        while let Some(piece) = self.bytes.borrow_mut().pop(to) {
            other.bytes.borrow_mut().push(piece.bytes, piece.share);
        }
    }

    /// Drops what stands before the offset `to`.
    pub fn discard(&self, to: u64) {
        while self.bytes.borrow_mut().pop(to).is_some() {}
    }

    /// Takes out the next bytes of the body, `most` of them at most.
    pub fn take(&self, most: u64) -> Vec<Vec<u8>> {
        let to = self.start().saturating_add(most);
        let mut taken = Vec::new();
        while let Some(piece) = self.bytes.borrow_mut().pop(to) {
            taken.push(piece.bytes);
        }
        taken
    }
}

impl Bytes {
    fn push(&mut self, bytes: Vec<u8>, share: Share) {
        let at = self.range.end;
        self.range.end = at.saturating_add(bytes.len() as u64);
        if let Some(last) = self.pieces.back_mut()
            && last.bytes.len().saturating_add(bytes.len()) <= JOINED_BYTES
        {
            last.bytes.extend_from_slice(&bytes);
            return last.share.join(share);
        }
        self.pieces.push_back(Piece { at, bytes, share });
    }

    /// Takes out the first piece, or as much of it as stands before the offset `to`.
    fn pop(&mut self, to: u64) -> Option<Piece> {
        let first = self.pieces.front_mut()?;
        if to <= first.at {
            return None;
        }
        if to < first.end() {
            let len = usize::try_from(to.saturating_sub(first.at)).ok()?;
            let rest = first.bytes.split_off(len);
            let bytes = std::mem::replace(&mut first.bytes, rest);
            let share = first.share.split(bytes.len() as u64);
            let at = std::mem::replace(&mut first.at, to);
            self.range.start = to;
            return Some(Piece { at, bytes, share });
        }
        let piece = self.pieces.pop_front()?;
        self.range.start = piece.end();
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(budget: &Budget, pieces: &[&[u8]]) -> Window {
        let window = Window::new(budget);
        for piece in pieces {
            window.push(piece.to_vec()).unwrap();
        }
        window
    }

    fn read(window: &Window, range: Range<u64>) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        window.read(range, &mut out).ok().map(|()| out)
    }

    #[test]
    fn every_range_that_is_here_can_be_read() {
        let budget = Budget::new(99);
        let window = window(&budget, &[b"ab", b"cdef", b"g"]);
        window.discard(1);
        for start in 0..9 {
            for end in start..9 {
                let expected = b"abcdefg".get(start..end).filter(|_| start >= 1);
                let got = read(&window, start as u64..end as u64);
                assert_eq!(got.as_deref(), expected, "{start}..{end}");
            }
        }
    }

    #[test]
    fn bytes_go_on_in_order_and_once() {
        let budget = Budget::new(99);
        let from = window(&budget, &[b"abc", b"def"]);
        let to = window(&budget, &[]);
        from.give(4, &to);
        assert_eq!((from.start(), from.end(), to.end()), (4, 6, 4));
        from.push(b"gh".to_vec()).unwrap();
        from.give(8, &to);
        assert!(from.is_empty());
        assert_eq!(to.take(3).concat(), b"abc");
        assert_eq!(to.take(3).concat(), b"def");
        assert_eq!(to.start(), 6);
        assert_eq!(to.take(u64::MAX).concat(), b"gh");
    }

    #[test]
    fn small_pieces_are_joined() {
        let budget = Budget::new(99_999);
        let from = Window::new(&budget);
        for n in 0..20_000 {
            from.push(vec![n as u8]).unwrap();
        }
        assert_eq!(from.bytes.borrow().pieces.len(), 2);
        assert_eq!(budget.used(), 20_000);
        assert_eq!(read(&from, 16_383..16_386), Some(vec![255, 0, 1]));
        let to = window(&budget, &[b"ab"]);
        from.give(5, &to);
        assert_eq!(to.bytes.borrow().pieces.len(), 1);
        assert_eq!(to.take(u64::MAX).concat(), b"ab\x00\x01\x02\x03\x04");
        drop((from, to));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn the_budget_gets_back_what_went() {
        let budget = Budget::new(6);
        let from = window(&budget, &[b"abcdef"]);
        assert_eq!(from.push(b"g".to_vec()), Err(OverBudget));
        from.discard(2);
        assert_eq!(budget.used(), 4);
        from.push(b"gh".to_vec()).unwrap();
        let to = window(&budget, &[]);
        from.give(5, &to);
        assert_eq!(budget.used(), 6);
        drop(from);
        assert_eq!(budget.used(), 3);
        to.take(1);
        assert_eq!(budget.used(), 2);
    }
}
