//! The part of a body that stands in the module: it grows at its end, and is taken away in front.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::{Deref, Range};
use std::rc::Rc;

use super::held::{Budget, OverBudget, Share};
use crate::host::{HostError, HostResult};

/// Blocks are joined as long as they have no more bytes than this together, so that many small ones take no more than their bytes.
const JOINED_BYTES: usize = 16 * 1024;

/// Bytes of a body from some offset on. Who streams the body and who shows it share them. They count against the budget.
#[derive(Debug)]
pub struct Window {
    budget: Budget,
    bytes: RefCell<Bytes>,
}

/// The bytes, part by part, one behind the other.
#[derive(Debug, Default)]
struct Bytes {
    /// Offsets in the body: of the first byte that is here, and of the first one behind the last.
    range: Range<u64>,
    parts: VecDeque<Placed>,
}

/// A part, and the offset of its first byte in the body.
#[derive(Debug)]
struct Placed {
    at: u64,
    part: Part,
}

impl Placed {
    fn end(&self) -> u64 {
        self.at.saturating_add(self.part.len() as u64)
    }
}

/// Bytes that came together. They take memory until every part of them is gone.
#[derive(Debug)]
struct Block {
    bytes: Vec<u8>,
    share: Share,
}

/// A part of a body. However often a body is divided, its bytes stay where they are.
#[derive(Debug)]
pub struct Part {
    block: Rc<Block>,
    range: Range<usize>,
}

impl Deref for Part {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let bytes = self.block.bytes.get(self.range.clone());
        bytes.unwrap_or_default()
    }
}

impl Borrow<[u8]> for Part {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl Part {
    /// Adds the part that follows, where that saves memory; gives it back otherwise.
    fn join(&mut self, next: Self) -> Option<Self> {
        if Rc::ptr_eq(&self.block, &next.block) && self.range.end == next.range.start {
            self.range.end = next.range.end;
            return None;
        }
        let own = &self.block.bytes;
        let is_small = own.len().saturating_add(next.len()) <= JOINED_BYTES;
        if !is_small || self.range.end != own.len() {
            return Some(next);
        }
        let Some(own) = Rc::get_mut(&mut self.block) else {
            return Some(next);
        };
        let Part { block, range } = next;
        match Rc::try_unwrap(block) {
            Ok(mut block) => {
                let bytes = block.bytes.get(range).unwrap_or_default();
                own.bytes.extend_from_slice(bytes);
                own.share.join(block.share.split(bytes.len() as u64));
                self.range.end = own.bytes.len();
                None
            }
            Err(block) => Some(Self { block, range }),
        }
    }

    /// Parts with its first bytes.
    fn split(&mut self, len: u64) -> Self {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let end = self.range.start.saturating_add(len).min(self.range.end);
        let first = self.range.start..end;
        self.range.start = end;
        Self {
            block: Rc::clone(&self.block),
            range: first,
        }
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
        let range = 0..bytes.len();
        let block = Rc::new(Block { bytes, share });
        self.bytes.borrow_mut().push(Part { block, range });
        Ok(())
    }

    /// Shows a range of the body to `each`, part by part.
    ///
    /// # Errors
    /// Not all of the range is here, of which `each` has seen nothing; or an error of `each`.
    pub fn visit(
        &self,
        range: Range<u64>,
        each: &mut dyn FnMut(&[u8]) -> HostResult,
    ) -> HostResult {
        let here = self.bytes.borrow();
        if range.start < here.range.start || range.end > here.range.end {
            return Err(HostError::SHORT_BODY);
        }
        let first = here
            .parts
            .partition_point(|placed| placed.end() <= range.start);
        let reached = here.parts.iter().skip(first);
        for placed in reached.take_while(|placed| placed.at < range.end) {
            let within = |offset: u64| {
                let offset = offset.clamp(placed.at, placed.end());
                usize::try_from(offset.saturating_sub(placed.at)).unwrap_or(usize::MAX)
            };
            let bytes = placed.part.get(within(range.start)..within(range.end));
            each(bytes.unwrap_or_default())?;
        }
        Ok(())
    }

    /// Appends a range of the body to `out`.
    ///
    /// # Errors
    /// Not all of the range is here.
    pub fn read(&self, range: Range<u64>, out: &mut Vec<u8>) -> HostResult {
        self.visit(range, &mut |bytes| {
            out.extend_from_slice(bytes);
            Ok(())
        })
    }

    /// Moves what stands before the offset `to` behind the bytes of another window.
    pub fn give(&self, to: u64, other: &Self) {
        while let Some(part) = self.bytes.borrow_mut().pop(to) {
            other.bytes.borrow_mut().push(part);
        }
    }

    /// Drops what stands before the offset `to`.
    pub fn discard(&self, to: u64) {
        while self.bytes.borrow_mut().pop(to).is_some() {}
    }

    /// Takes out the next bytes of the body, `most` of them at most.
    pub fn take(&self, most: u64) -> Vec<Part> {
        let to = self.start().saturating_add(most);
        let mut taken = Vec::new();
        while let Some(part) = self.bytes.borrow_mut().pop(to) {
            taken.push(part);
        }
        taken
    }
}

impl Bytes {
    fn push(&mut self, part: Part) {
        let at = self.range.end;
        self.range.end = at.saturating_add(part.len() as u64);
        let rest = match self.parts.back_mut() {
            Some(last) => last.part.join(part),
            None => Some(part),
        };
        if let Some(part) = rest {
            self.parts.push_back(Placed { at, part });
        }
    }

    /// Takes out the first part, or as much of it as stands before the offset `to`.
    fn pop(&mut self, to: u64) -> Option<Part> {
        let first = self.parts.front_mut()?;
        if to <= first.at {
            return None;
        }
        if to < first.end() {
            let part = first.part.split(to.saturating_sub(first.at));
            first.at = to;
            self.range.start = to;
            return Some(part);
        }
        let placed = self.parts.pop_front()?;
        self.range.start = placed.end();
        Some(placed.part)
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
        assert_eq!(from.bytes.borrow().parts.len(), 2);
        assert_eq!(budget.used(), 20_000);
        assert_eq!(read(&from, 16_383..16_386), Some(vec![255, 0, 1]));
        let more = window(&budget, &[b"ab"]);
        more.give(2, &from);
        assert_eq!((from.bytes.borrow().parts.len(), from.end()), (2, 20_002));
        drop(from);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn the_budget_gets_back_what_went_with_all_that_came_beside_it() {
        let budget = Budget::new(6);
        let from = window(&budget, &[b"abcdef"]);
        assert_eq!(from.push(b"g".to_vec()), Err(OverBudget));
        from.discard(2);
        let to = window(&budget, &[]);
        from.give(5, &to);
        drop(from);
        let taken = to.take(1);
        drop(to);
        assert_eq!((taken.concat(), budget.used()), (b"c".to_vec(), 6));
        drop(taken);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn parts_of_what_came_together_are_one_again() {
        let budget = Budget::new(99_999);
        let from = window(&budget, &[&[7; 50_000]]);
        let to = window(&budget, &[]);
        for end in 1..=50_000 {
            from.give(end, &to);
        }
        assert_eq!(to.bytes.borrow().parts.len(), 1);
        assert_eq!(to.take(u64::MAX).concat(), [7; 50_000]);
    }

    #[test]
    fn what_was_dropped_in_between_does_not_come_back() {
        let budget = Budget::new(99_999);
        let from = window(&budget, &[&[1; 20_000], &[2; 20_000]]);
        let to = window(&budget, &[]);
        from.give(5_000, &to);
        from.discard(15_000);
        from.give(25_000, &to);
        let expected = [[1; 10_000].as_slice(), &[2; 5_000]].concat();
        assert!(to.take(u64::MAX).concat() == expected);
    }

    #[test]
    fn of_a_part_that_is_joined_the_rest_counts_no_more() {
        let budget = Budget::new(99);
        let to = window(&budget, &[b"ab"]);
        let from = window(&budget, &[b"cdef"]);
        from.discard(3);
        from.give(4, &to);
        assert_eq!((to.len(), budget.used()), (3, 3));
    }
}
