//! Keeps track of the host's buffer while it gets a changed body and the original still comes.

use std::collections::VecDeque;

use super::buffer::{append, drain, turn};
use crate::host::{Host, HostResult};
use crate::icap::Direction;

/// The segments of the buffer, of the changed body and of the original.
///
/// ```text
///  [changed][original][changed][original] ◀── the host adds bytes of the original
/// ```
///
/// The original's segments are removed in the end, and earlier when they take too much room.
#[derive(Debug, Default)]
pub(super) struct Layout {
    segments: VecDeque<Segment>,
    /// How many bytes of the changed body the filter has put in.
    added: u64,
    /// How many bytes of the original were removed.
    gone: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    len: u64,
    /// The segment belongs to the changed body.
    stays: bool,
}

impl Layout {
    /// A buffer that holds `available` bytes of the original. The changed body begins with the first `same` of them.
    pub(super) fn of(same: u64, available: u64) -> Self {
        let mut layout = Self::default();
        layout.add(same, true);
        layout.add(available.saturating_sub(same), false);
        layout
    }

    /// How many bytes the buffer holds.
    pub(super) fn size(&self) -> u64 {
        self.sum(|_| true)
    }

    /// Whether the buffer holds the changed body alone.
    pub(super) fn is_tidy(&self) -> bool {
        self.useless() == 0
    }

    /// How many bytes of the buffer are the original's, and so of no use.
    fn useless(&self) -> u64 {
        self.sum(|segment| !segment.stays)
    }

    /// Whether removing the useless bytes is worth the moves: they are at least `large`, and either as many as the bytes to move,
    /// or the buffer would exceed `limit` bytes with `more` added.
    pub(super) fn is_wasteful(&self, more: u64, limit: u64, large: u64) -> bool {
        let useless = self.useless();
        let stays = self.size().saturating_sub(useless);
        useless >= large && (useless >= stays || self.size().saturating_add(more) > limit)
    }

    /// The host has added bytes of the original, so that the buffer has `size` bytes. Gives how many bytes of the original have
    /// come in all.
    pub(super) fn grow_to(&mut self, size: u64) -> u64 {
        let more = size.saturating_sub(self.size());
        self.add(more, false);
        size.saturating_add(self.gone).saturating_sub(self.added)
    }

    /// Appends pieces of the changed body. The caller has entered the context.
    pub(super) fn append<H: Host>(
        &mut self,
        host: &H,
        direction: Direction,
        pieces: &[Vec<u8>],
    ) -> HostResult {
        append(host, direction, pieces.iter().map(Vec::as_slice))?;
        for piece in pieces {
            self.add(piece.len() as u64, true);
            self.added = self.added.saturating_add(piece.len() as u64);
        }
        Ok(())
    }

    /// Removes the useless bytes, by moving the others from the front to the end. The caller has entered the context.
    pub(super) fn compact<H: Host>(&mut self, host: &H, direction: Direction) -> HostResult {
        if self.useless() == 0 {
            return Ok(());
        }
        let mut stays = 0_u64;
        for segment in std::mem::take(&mut self.segments) {
            let Segment { len, .. } = segment;
            if segment.stays {
                turn(host, direction, 0..len)?;
                stays = stays.saturating_add(len);
            } else {
                drain(host, direction, 0..len)?;
                self.gone = self.gone.saturating_add(len);
            }
        }
        self.add(stays, true);
        Ok(())
    }

    fn add(&mut self, len: u64, stays: bool) {
        match self.segments.back_mut() {
            _ if len == 0 => {}
            Some(last) if last.stays == stays => last.len = last.len.saturating_add(len),
            _ => self.segments.push_back(Segment { len, stays }),
        }
    }

    fn sum(&self, counts: impl Fn(&Segment) -> bool) -> u64 {
        let counted = self.segments.iter().filter(|segment| counts(segment));
        counted
            .map(|segment| segment.len)
            .fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::MemoryHost;

    const REQUEST: Direction = Direction::Request;

    /// A host whose buffer holds `bytes`.
    fn holding(bytes: &[u8]) -> MemoryHost {
        let host = MemoryHost::default();
        host.body.borrow_mut().extend_from_slice(bytes);
        host
    }

    fn comes(host: &MemoryHost, layout: &mut Layout, bytes: &[u8]) -> u64 {
        host.body.borrow_mut().extend_from_slice(bytes);
        let size = host.body.borrow().len() as u64;
        layout.grow_to(size)
    }

    #[test]
    fn the_changed_body_is_what_stays_in_whatever_order_all_of_it_comes() {
        let host = holding(b"same,then other");
        let mut layout = Layout::of(5, 15);
        layout.append(&host, REQUEST, &[b"new ".to_vec()]).unwrap();
        assert_eq!(comes(&host, &mut layout, b"more of it"), 25);
        layout
            .append(&host, REQUEST, &[b"and ".to_vec(), b"newer".to_vec()])
            .unwrap();
        assert_eq!(layout.useless(), 20);
        assert!(layout.is_wasteful(0, 99, 20), "20 of 38 are of no use");
        assert!(!layout.is_wasteful(0, 99, 21), "it is not worth the calls");
        layout.compact(&host, REQUEST).unwrap();
        assert_eq!(*host.body.borrow(), b"same,new and newer");
        assert_eq!((layout.size(), layout.useless()), (18, 0));
        // The original goes on, and the count of its bytes includes those that were removed.
        assert_eq!(comes(&host, &mut layout, b"the end"), 32);
        assert!(!layout.is_wasteful(0, 25, 5));
        assert!(layout.is_wasteful(1, 25, 5), "there would be too much");
        layout.append(&host, REQUEST, &[b"!".to_vec()]).unwrap();
        layout.compact(&host, REQUEST).unwrap();
        assert_eq!(*host.body.borrow(), b"same,new and newer!");
    }

    #[test]
    fn nothing_may_stay_and_nothing_may_go() {
        let host = holding(b"all of it");
        let mut layout = Layout::of(0, 9);
        layout.compact(&host, REQUEST).unwrap();
        assert_eq!(*host.body.borrow(), b"");
        layout.append(&host, REQUEST, &[b"other".to_vec()]).unwrap();
        assert_eq!(*host.body.borrow(), b"other");
        let host = holding(b"all of it");
        let mut layout = Layout::of(9, 9);
        layout.compact(&host, REQUEST).unwrap();
        assert_eq!(*host.body.borrow(), b"all of it");
    }
}
