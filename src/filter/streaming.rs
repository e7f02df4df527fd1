//! A body larger than the buffer that is scanned while it passes: what of it is here, and what may go on.

use std::rc::Rc;

use crate::submission::{Budget, GivenBack, IcapResponseBody, OverBudget, Part, Window};

/// How many bytes go on in one callback at least, where so many are ready: Envoy has to have room for what is put in at once.
const AT_ONCE_BYTES: u64 = 256 * 1024;

/// The body of a message that streams.
///
/// ```text
///             bytes come ──▶ window ──given back by the server──▶ ready ──in an own callback──▶ gone on
/// ```
#[derive(Debug)]
pub(super) struct Streaming {
    /// The original, from the first byte on that the server has not given back. The submission reads it.
    window: Rc<Window>,
    /// What goes on with the next callback.
    ready: Window,
    state: State,
    /// `content-length` of the message that goes on.
    promised: Option<u64>,
    /// How many bytes the server has given back.
    given: u64,
    /// The headers have gone on.
    begun: bool,
    /// So many bytes were taken in from the gate, which still holds them; `None`: the gate holds nothing.
    ahead: Option<u64>,
    /// Whether there is a gate is known.
    knows_gate: bool,
}

/// Where a stream stands.
///
/// ```text
///  Held ─first bytes given back─▶ Passing ─answer complete─▶ Complete
///   │                               └─answer complete, the same─▶ Free
///   └─answer without a message, or failed and open─▶ Free
/// ```
///
/// It ends with the body of the original, or sooner with an answer to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing goes on yet.
    Held,
    /// What the server gives back goes on.
    Passing,
    /// The server has given all: what still comes of the original is thrown away.
    Complete,
    /// What comes goes on as it is.
    Free,
}

impl Streaming {
    /// A stream of which nothing has come. `promised`: its `content-length`.
    pub(super) fn new(budget: &Budget, promised: Option<u64>) -> Self {
        Self {
            window: Rc::new(Window::new(budget)),
            ready: Window::new(budget),
            state: State::Held,
            promised,
            given: 0,
            begun: false,
            ahead: None,
            knows_gate: false,
        }
    }

    /// Where the submission reads the body.
    pub(super) fn window(&self) -> Rc<Window> {
        Rc::clone(&self.window)
    }

    /// Takes in the next bytes of the original.
    pub(super) fn take_in(&mut self, bytes: Vec<u8>) -> Result<(), OverBudget> {
        match self.state {
            State::Held | State::Passing => self.window.push(bytes),
            State::Free => self.ready.push(bytes),
            State::Complete => Ok(()),
        }
    }

    /// Whether it is to be found out now if there is a gate. True once.
    pub(super) fn asks_for_gate(&mut self) -> bool {
        !std::mem::replace(&mut self.knows_gate, true)
    }

    /// Notes that the gate holds `size` further bytes, which were taken in.
    pub(super) fn note_ahead(&mut self, size: u64) {
        self.ahead = Some(self.ahead.unwrap_or(0).saturating_add(size));
    }

    /// How many bytes of what comes now were taken in while the gate held them. `None`: the gate held nothing.
    pub(super) fn take_ahead(&mut self) -> Option<u64> {
        self.ahead.take()
    }

    /// How many bytes of the original the server has given back.
    pub(super) fn given(&self) -> u64 {
        self.given
    }

    /// Whether what goes on is the original, and no server has given any of it.
    pub(super) fn is_original(&self) -> bool {
        self.state == State::Free
    }

    /// Whether nothing goes on yet.
    pub(super) fn is_held(&self) -> bool {
        self.state == State::Held
    }

    /// Whether the headers have gone on, and perhaps a part of the body.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether something was given back that has gone on, or is to.
    pub(super) fn has_released(&self) -> bool {
        self.begun || self.state == State::Passing
    }

    /// How many bytes have gone on.
    pub(super) fn gone(&self) -> u64 {
        self.ready.start()
    }

    /// How many bytes have gone on, or are ready to.
    pub(super) fn released(&self) -> u64 {
        self.ready.end()
    }

    /// Whether nothing is ready to go on.
    pub(super) fn has_nothing_ready(&self) -> bool {
        self.ready.is_empty()
    }

    /// How many bytes of the original the server has not given back, of which `available` have come.
    pub(super) fn lag(&self, available: u64) -> u64 {
        match self.state {
            State::Held | State::Passing => available.saturating_sub(self.given),
            State::Complete | State::Free => 0,
        }
    }

    /// The first bytes are given back. `promised`: the `content-length` with which the message goes on.
    pub(super) fn begin(&mut self, promised: Option<u64>) {
        self.state = State::Passing;
        self.promised = promised;
    }

    /// Has go on what the server has given back.
    pub(super) fn release(&mut self, given: GivenBack) -> Result<(), OverBudget> {
        self.window.give(given.same, &self.ready);
        for piece in given.pieces {
            self.ready.push(piece)?;
        }
        self.given = given.len;
        if given.differs {
            // It is compared with nothing any more.
            self.window.discard(given.sent);
        }
        Ok(())
    }

    /// Has go on what is here of the original, and what still comes of it.
    pub(super) fn free(&mut self) {
        if self.state != State::Complete {
            self.window.give(u64::MAX, &self.ready);
            self.state = State::Free;
        }
    }

    /// Has go on the rest of what the server has given in the place of the original.
    pub(super) fn complete(&mut self, body: IcapResponseBody) -> Result<(), OverBudget> {
        let (same, own) = match body {
            IcapResponseBody::None | IcapResponseBody::Lost(_) => (0, None),
            IcapResponseBody::Same(same) => (same, None),
            IcapResponseBody::Own(own) => (own.same, Some(own)),
        };
        self.window.give(same, &self.ready);
        if let Some(mut own) = own {
            for piece in own.held.take_out() {
                self.ready.push(piece)?;
            }
            if let Some(from) = own.from {
                self.window.discard(from);
                self.window.give(u64::MAX, &self.ready);
            }
        }
        self.window.discard(u64::MAX);
        self.state = State::Complete;
        Ok(())
    }

    /// Whether more is ready to go on than `content-length` promises.
    pub(super) fn exceeds_promise(&self) -> bool {
        self.promised
            .is_some_and(|promised| self.released() > promised)
    }

    /// Whether all that goes on is as long as `content-length` promises.
    pub(super) fn keeps_promise(&self) -> bool {
        self.promised
            .is_none_or(|promised| self.released() == promised)
    }

    /// Takes what goes on in a callback that brings `size` bytes.
    pub(super) fn take_with(&mut self, size: u64) -> Vec<Part> {
        self.begun = true;
        self.ready.take(size.max(AT_ONCE_BYTES))
    }

    /// Takes all that is ready.
    pub(super) fn take_all(&mut self) -> Vec<Part> {
        self.ready.take(u64::MAX)
    }

    /// Whether nothing more has to be done for what still comes: it goes on as it is.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Free && self.ready.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(same: u64, pieces: &[&[u8]], differs: bool, sent: u64) -> GivenBack {
        let own: usize = pieces.iter().map(|piece| piece.len()).sum();
        GivenBack {
            head: None,
            head_differs: false,
            same,
            pieces: pieces.iter().map(|piece| piece.to_vec()).collect(),
            differs,
            len: same + own as u64,
            sent,
        }
    }

    fn stream(bytes: &[u8], promised: Option<u64>) -> Streaming {
        let mut stream = Streaming::new(&Budget::new(1 << 20), promised);
        stream.take_in(bytes.to_vec()).unwrap();
        stream
    }

    #[test]
    fn an_echo_goes_on_as_far_as_it_was_given_back() {
        let mut stream = stream(b"hello world", Some(11));
        assert!(stream.is_held());
        assert_eq!(stream.lag(11), 11);
        stream.begin(Some(11));
        stream.release(given(5, &[], false, 11)).unwrap();
        assert_eq!(stream.lag(11), 6);
        assert_eq!(stream.take_with(0).concat(), b"hello");
        stream.release(given(8, &[], false, 11)).unwrap();
        assert!(!stream.keeps_promise());
        stream.free();
        assert!(stream.keeps_promise());
        assert_eq!(stream.take_all().concat(), b" world");
        assert!(stream.is_over());
    }

    #[test]
    fn of_a_changed_body_the_original_goes_on_no_further_than_it_is_the_same() {
        let mut stream = stream(b"hello world", None);
        stream.begin(None);
        stream.release(given(6, &[b"th"], true, 11)).unwrap();
        stream.release(given(6, &[b"ere"], true, 11)).unwrap();
        stream.complete(IcapResponseBody::Same(6)).unwrap();
        stream.take_in(b", and more".to_vec()).unwrap();
        assert_eq!(stream.take_all().concat(), b"hello there");
    }

    #[test]
    fn what_goes_on_is_no_longer_than_promised() {
        let mut stream = stream(b"hello", Some(5));
        stream.begin(Some(5));
        stream.release(given(5, &[b"!"], true, 5)).unwrap();
        assert!(stream.exceeds_promise());
        assert!(!stream.keeps_promise());
    }
}
