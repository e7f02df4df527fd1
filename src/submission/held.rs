//! What a worker holds of ICAP responses: bodies in pieces, within one budget.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;

/// The most bytes of one piece. A body grows by pieces, so no bytes have to move when it grows. The last piece may be
/// half empty, so pieces are small.
pub const PIECE_BYTES: usize = 256 * 1024;

/// The bytes of ICAP responses that a worker may hold, for all messages together. Clones share one budget.
#[derive(Clone, Debug)]
pub struct Budget {
    limit: u64,
    used: Rc<Cell<u64>>,
}

/// The budget has no room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverBudget;

/// Bytes of an ICAP response. Dropping them returns their share of the budget.
#[derive(Debug)]
pub struct Held {
    budget: Budget,
    /// All pieces are full but the last.
    pieces: Vec<Vec<u8>>,
    len: u64,
    reserved: u64,
    /// How many bytes have moved to another place.
    placed: u64,
    /// The first bytes, kept when the bytes moved.
    beginning: Option<Vec<u8>>,
}

/// A share of a budget. Dropping it returns the share.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    bytes: u64,
}

impl Budget {
    /// A budget of which nothing is used. `limit` is in bytes.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            used: Rc::default(),
        }
    }

    /// How many bytes are held.
    pub fn used(&self) -> u64 {
        self.used.get()
    }

    /// Takes a share of the budget for other memory.
    ///
    /// # Errors
    /// The budget has no room for it.
    pub fn share(&self, bytes: u64) -> Result<Share, OverBudget> {
        self.reserve(bytes)?;
        Ok(Share {
            budget: self.clone(),
            bytes,
        })
    }

    fn reserve(&self, bytes: u64) -> Result<(), OverBudget> {
        let used = self.used.get().saturating_add(bytes);
        if used > self.limit {
            return Err(OverBudget);
        }
        self.used.set(used);
        Ok(())
    }
}

impl Share {
    /// Takes more of the budget, so that the share is that large. A larger share stays as it is.
    ///
    /// # Errors
    /// The budget has no room for it; the share is what it was.
    pub fn grow_to(&mut self, bytes: u64) -> Result<(), OverBudget> {
        let more = bytes.saturating_sub(self.bytes);
        self.budget.reserve(more)?;
        self.bytes = self.bytes.saturating_add(more);
        Ok(())
    }
}

impl Budget {
    fn give_back(&self, bytes: u64) {
        self.used.set(self.used.get().saturating_sub(bytes));
    }
}

impl Held {
    /// No bytes yet, out of this budget.
    pub fn new(budget: &Budget) -> Self {
        Self {
            budget: budget.clone(),
            pieces: Vec::new(),
            len: 0,
            reserved: 0,
            placed: 0,
            beginning: None,
        }
    }

    /// How many bytes there are, moved ones included.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes have moved to another place.
    pub fn placed(&self) -> u64 {
        self.placed
    }

    /// Takes the held bytes out, to move them to another place.
    pub fn take_out(&mut self) -> Vec<Vec<u8>> {
        let pieces = std::mem::take(&mut self.pieces);
        self.placed = self.len;
        if self.beginning.is_none() {
            self.beginning = pieces.first().cloned();
        }
        let kept = self.beginning.as_ref().map_or(0, Vec::len) as u64;
        let kept = kept.min(self.reserved);
        self.budget.give_back(self.reserved.saturating_sub(kept));
        self.reserved = kept;
        pieces
    }

    /// The first bytes, at most one piece.
    pub fn beginning(&self) -> &[u8] {
        let here = self.pieces.first().filter(|_| self.placed == 0);
        here.or(self.beginning.as_ref()).map_or(&[], Vec::as_slice)
    }

    /// The bytes that are still held, piece by piece.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(Vec::as_slice)
    }

    /// Appends a range of these bytes to `other`.
    ///
    /// # Errors
    /// The budget has no room for them.
    pub fn copy_to(&self, range: Range<u64>, other: &mut Self) -> Result<(), OverBudget> {
        let mut begin = 0_u64;
        for piece in &self.pieces {
            let end = begin.saturating_add(piece.len() as u64);
            let at = |offset: u64| {
                let within = offset.clamp(begin, end).saturating_sub(begin);
                usize::try_from(within).unwrap_or(usize::MAX)
            };
            let part = piece.get(at(range.start)..at(range.end));
            other.extend(part.unwrap_or_default())?;
            begin = end;
        }
        Ok(())
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// The budget has no room for them; some may have been added.
    pub fn extend(&mut self, mut bytes: &[u8]) -> Result<(), OverBudget> {
        while !bytes.is_empty() {
            let filled = self.pieces.last().map_or(PIECE_BYTES, Vec::len);
            let room = PIECE_BYTES.saturating_sub(filled);
            if room == 0 {
                self.pieces.push(Vec::new());
                continue;
            }
            let Some((now, rest)) = bytes.split_at_checked(room.min(bytes.len())) else {
                return Ok(());
            };
            self.append(now)?;
            bytes = rest;
        }
        Ok(())
    }

    /// Adds as many bytes as fit the last piece. Reserves budget before memory.
    fn append(&mut self, bytes: &[u8]) -> Result<(), OverBudget> {
        let Some(piece) = self.pieces.last_mut() else {
            return Ok(());
        };
        let needed = piece.len().saturating_add(bytes.len());
        if needed > piece.capacity() {
            // At most twice the bytes needed, and never more than a piece.
            let capacity = needed.next_power_of_two().min(PIECE_BYTES);
            let more = capacity.saturating_sub(piece.capacity()) as u64;
            self.budget.reserve(more)?;
            self.reserved = self.reserved.saturating_add(more);
            piece.reserve_exact(capacity.saturating_sub(piece.len()));
        }
        piece.extend_from_slice(bytes);
        self.len = self.len.saturating_add(bytes.len() as u64);
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.give_back(self.reserved);
    }
}

impl Share {
    /// Makes another share a part of it.
    pub(super) fn join(&mut self, mut other: Self) {
        self.bytes = self.bytes.saturating_add(std::mem::take(&mut other.bytes));
    }

    /// Parts with so many bytes of it, which are a share of their own.
    pub(super) fn split(&mut self, bytes: u64) -> Self {
        self.bytes = self.bytes.saturating_sub(bytes);
        Self {
            budget: self.budget.clone(),
            bytes,
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(held: &Held) -> Vec<u8> {
        held.pieces().collect::<Vec<_>>().concat()
    }

    #[test]
    fn added_bytes_stay_in_order_and_in_pieces() {
        let budget = Budget::new(u64::MAX);
        let mut held = Held::new(&budget);
        let bytes: Vec<u8> = (0..3 * PIECE_BYTES + 7).map(|n| n as u8).collect();
        for part in bytes.chunks(1000) {
            held.extend(part).unwrap();
        }
        assert_eq!(held.len(), bytes.len() as u64);
        assert!(bytes_of(&held) == bytes);
        assert_eq!(held.pieces().count(), 4);
        assert!(
            held.pieces()
                .take(3)
                .all(|piece| piece.len() == PIECE_BYTES)
        );
    }

    #[test]
    fn ranges_are_copied_across_pieces() {
        let budget = Budget::new(u64::MAX);
        let mut held = Held::new(&budget);
        let bytes: Vec<u8> = (0..2 * PIECE_BYTES + 7).map(|n| n as u8).collect();
        held.extend(&bytes).unwrap();
        let piece = PIECE_BYTES;
        for range in [0..0, 0..3, 5..piece, piece - 1..piece + 1, 7..2 * piece + 7] {
            let mut other = Held::new(&budget);
            held.copy_to(range.start as u64..range.end as u64, &mut other)
                .unwrap();
            assert!(bytes_of(&other) == bytes[range.clone()], "{range:?}");
        }
    }

    #[test]
    fn the_budget_is_shared_reserved_first_and_given_back() {
        let budget = Budget::new(1000);
        let mut first = Held::new(&budget);
        first.extend(&[1; 500]).unwrap();
        assert_eq!(budget.used(), 512);
        let mut second = Held::new(&budget);
        assert_eq!(second.extend(&[2; 500]), Err(OverBudget));
        assert!(second.is_empty());
        drop(first);
        assert_eq!(budget.used(), 0);
        second.extend(&[2; 500]).unwrap();
        drop(second);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn bytes_taken_out_count_and_are_not_held() {
        let budget = Budget::new(3 * PIECE_BYTES as u64);
        let mut held = Held::new(&budget);
        let bytes: Vec<u8> = (0..2 * PIECE_BYTES).map(|n| n as u8).collect();
        let mut elsewhere = Vec::new();
        for _ in 0..8 {
            held.extend(&bytes).unwrap();
            elsewhere.extend(held.take_out().concat());
            assert_eq!(budget.used(), PIECE_BYTES as u64, "its beginning");
        }
        assert!(elsewhere == bytes.repeat(8));
        assert_eq!(held.len(), elsewhere.len() as u64);
        assert_eq!(held.placed(), held.len());
        held.extend(b"more").unwrap();
        assert_eq!(bytes_of(&held), b"more");
        assert_eq!(held.beginning(), &bytes[..PIECE_BYTES]);
        drop(held);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn many_small_bodies_take_no_more_than_twice_their_size() {
        let budget = Budget::new(u64::MAX);
        let mut all = Vec::new();
        for size in 1..500 {
            let mut held = Held::new(&budget);
            for byte in vec![7; size] {
                held.extend(&[byte]).unwrap();
            }
            all.push(held);
        }
        let sum: u64 = all.iter().map(Held::len).sum();
        assert!(budget.used() <= 2 * sum, "{} for {sum}", budget.used());
    }

    #[test]
    fn a_large_body_takes_its_size_and_a_piece_at_most() {
        let budget = Budget::new(u64::MAX);
        let mut held = Held::new(&budget);
        for _ in 0..1000 {
            held.extend(&[7; 1234]).unwrap();
        }
        assert!(budget.used() <= held.len() + PIECE_BYTES as u64);
    }
}
