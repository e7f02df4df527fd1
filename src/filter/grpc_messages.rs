//! The messages of a gRPC call that are shown one by one: what has come of each, and what may go on.

use std::collections::VecDeque;
use std::rc::Rc;

use super::grpc_ends::Ends;
use super::grpc_shown::UnderScan;
use crate::bug::{Bug, bug};
use crate::config::Cause;
use crate::grpc::{Broken, Framer, Piece, Prefix};
use crate::host::Fields;
use crate::report::Outcome;
use crate::submission::{Budget, Held, OverBudget, Part, Share, Window};

/// What a message that waits takes of the budget beside its bytes.
const OVERHEAD_BYTES: u64 = 512;

/// How many messages of a call may wait.
pub(super) const MAX_WAITING: usize = 10_000;

/// How many ticks in a row find a client silent that says no more: what it had sent by the first has come by the second.
const QUIET_TICKS: u8 = 2;

/// The body of a call whose messages are shown one by one. The host's buffer holds nothing of it.
///
/// ```text
///  bytes come ──▶ queue of messages ──all up to it have their verdicts──▶ ready ──put into the host's buffer──▶ gone on
/// ```
#[derive(Debug)]
pub(super) struct GrpcMessages {
    framer: Framer,
    budget: Budget,
    /// The fields of the HTTP message, which the host no longer gives once they have gone on.
    pub(super) fields: Fields,
    /// In order, as their numbers.
    queue: VecDeque<Queued>,
    /// How many messages have begun to come.
    come: u64,
    shown: UnderScan,
    /// The number of the first message that may have to be shown yet.
    next: u64,
    /// The numbers of the messages that are longer than what may be held, where nothing was said about them.
    too_long: Vec<u64>,
    /// How many bytes the queue holds.
    held: u64,
    /// What goes on next.
    ready: Window,
    pub(super) ends: Ends,
    /// The first bytes that have gone on, until it is known that nobody keeps them.
    pub(super) first: Option<Vec<u8>>,
    /// Something has gone on.
    begun: bool,
    /// How many ticks have found the client silent.
    quiet_ticks: u8,
    /// What came behind the last message and is none.
    unframed: Vec<u8>,
    /// What becomes of what still comes.
    rest: Rest,
}

/// What becomes of what still comes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    Scanned,
    /// It goes on as it is.
    Free,
    /// Nothing goes on any more.
    Dropped,
}

/// A message of the call.
#[derive(Debug)]
struct Queued {
    /// Its place in the call.
    number: u64,
    prefix: Prefix,
    content: Rc<Window>,
    /// All of it has come.
    whole: bool,
    stage: Stage,
    _share: Share,
}

/// Where a message stands.
///
/// ```text
///  Coming ─whole─▶ Shown ─verdict─▶ Decided
///    └─longer than the buffer─▶ TooLong ─opens─▶ Passing
/// ```
#[derive(Debug)]
enum Stage {
    /// It has not been shown.
    Coming,
    /// It is longer than what may be held.
    TooLong,
    /// A submission shows it.
    Shown,
    /// It may go on, with another content where there is one.
    Decided(Option<Held>),
    /// What has come of it may go on. True: its prefix has gone.
    Passing(bool),
}

/// Why bytes can't be taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    Broken(Broken),
    /// Too many messages wait. None of their bytes is lost.
    TooMany,
    OverBudget,
}

impl From<OverBudget> for NotTaken {
    fn from(_: OverBudget) -> Self {
        Self::OverBudget
    }
}

/// A message that is to be shown.
#[derive(Debug)]
pub(super) struct NextMessage {
    /// Of its submission.
    pub(super) index: u16,
    pub(super) number: u64,
    pub(super) content: Rc<Window>,
}

impl GrpcMessages {
    /// A call of which nothing has come.
    pub(super) fn new(budget: &Budget, fields: Fields) -> Self {
        Self {
            framer: Framer::default(),
            budget: budget.clone(),
            fields,
            queue: VecDeque::new(),
            come: 0,
            shown: UnderScan::default(),
            next: 0,
            too_long: Vec::new(),
            held: 0,
            ready: Window::new(budget),
            ends: Ends::default(),
            first: None,
            begun: false,
            quiet_ticks: 0,
            unframed: Vec::new(),
            rest: Rest::Scanned,
        }
    }

    /// Takes in the next bytes of the body. `limit`: the longest message that is held.
    pub(super) fn take_in(&mut self, bytes: Vec<u8>, limit: u64) -> Result<(), NotTaken> {
        self.quiet_ticks = 0;
        match self.rest {
            Rest::Scanned => {}
            Rest::Free => return Ok(self.ready.push(bytes)?),
            Rest::Dropped => return Ok(()),
        }
        let mut rest = bytes.as_slice();
        loop {
            let unread = rest;
            let piece = match self.framer.next(&mut rest) {
                Ok(Some(piece)) => piece,
                Ok(None) => return Ok(()),
                Err(broken) => {
                    self.unframed = unread.to_vec();
                    return Err(NotTaken::Broken(broken));
                }
            };
            match piece {
                Piece::Begins(prefix) => {
                    if self.queue.len() >= MAX_WAITING {
                        self.unframed = [prefix.bytes().as_slice(), rest].concat();
                        return Err(NotTaken::TooMany);
                    }
                    self.begin(prefix, limit)?;
                }
                Piece::Content(content) => {
                    if let Some(last) = self.queue.back() {
                        last.content.push(content.to_vec())?;
                        self.held = self.held.saturating_add(content.len() as u64);
                    }
                }
                Piece::Ends => {
                    if let Some(last) = self.queue.back_mut() {
                        last.whole = true;
                        // There is nothing to show, but a call is shown to some server.
                        let is_unshown = (last.content.end() == 0 && last.number > 0)
                            || (last.number == 1 && bug(Bug::MessageUnshown));
                        if is_unshown && matches!(last.stage, Stage::Coming) {
                            last.stage = Stage::Decided(None);
                        }
                    }
                    self.release()?;
                }
            }
        }
    }

    fn begin(&mut self, prefix: Prefix, limit: u64) -> Result<(), OverBudget> {
        let share = self.budget.share(OVERHEAD_BYTES)?;
        let is_too_long = u64::from(prefix.length) > limit;
        if is_too_long {
            self.too_long.push(self.come);
        }
        self.queue.push_back(Queued {
            number: self.come,
            prefix,
            content: Rc::new(Window::new(&self.budget)),
            whole: false,
            stage: match is_too_long {
                true => Stage::TooLong,
                false => Stage::Coming,
            },
            _share: share,
        });
        self.come = self.come.saturating_add(1);
        Ok(())
    }

    /// The body has ended.
    pub(super) fn end(&self) -> Result<(), Broken> {
        match self.rest {
            Rest::Scanned => self.framer.end(),
            Rest::Free | Rest::Dropped => Ok(()),
        }
    }

    /// The number of the first message that is longer than what may be held, if nothing was said about it.
    pub(super) fn too_long(&self) -> Option<u64> {
        self.too_long.first().copied()
    }

    fn queued(&mut self, number: u64) -> Option<&mut Queued> {
        let at = self.queue.binary_search_by_key(&number, |it| it.number);
        self.queue.get_mut(at.ok()?)
    }

    /// Has a message go on as it comes.
    pub(super) fn pass(&mut self, number: u64) {
        self.too_long.retain(|it| *it != number);
        if let Some(it) = self.queued(number) {
            it.stage = Stage::Passing(false);
        }
    }

    /// The next message to show, where fewer than `parallel` are shown.
    pub(super) fn next(&mut self, parallel: usize, now_ms: u64) -> Option<NextMessage> {
        if self.shown.len() >= parallel {
            return None;
        }
        let from = self.queue.partition_point(|it| it.number < self.next);
        let mut unseen = self.queue.iter_mut().skip(from);
        let Some(it) = unseen.find(|it| matches!(it.stage, Stage::Coming)) else {
            self.next = self.come;
            return None;
        };
        self.next = it.number;
        if !it.whole {
            return None;
        }
        self.next = self.next.saturating_add(1);
        it.stage = Stage::Shown;
        Some(NextMessage {
            index: self.shown.add(it.number, now_ms),
            number: it.number,
            content: Rc::clone(&it.content),
        })
    }

    /// The number of the message that the submission of that index shows, and its prefix.
    pub(super) fn shown(&self, index: u16) -> Option<(u64, Prefix)> {
        let number = self.shown.number(index)?;
        let at = self.queue.binary_search_by_key(&number, |it| it.number);
        let it = self.queue.get(at.ok()?)?;
        Some((it.number, it.prefix))
    }

    /// The messages under scan.
    pub(super) fn under_scan(&self) -> &UnderScan {
        &self.shown
    }

    /// A message may go on, with another content where there is one.
    pub(super) fn decide(&mut self, number: u64, change: Option<Held>) {
        self.shown.retain(|it| it != number);
        if let Some(it) = self.queued(number) {
            it.stage = Stage::Decided(change);
        }
    }

    /// The call ends with a message: drops it and all behind it. What still comes is not taken in.
    pub(super) fn end_before(&mut self, number: u64) {
        if bug(Bug::BehindBlockGoesOn) {
            return self.decide(number, None);
        }
        self.queue.retain(|it| it.number < number);
        self.shown.retain(|it| it < number);
        self.too_long.retain(|it| *it < number);
        let held = self.queue.iter().map(|it| it.content.len());
        self.held = held.fold(0, u64::saturating_add);
        self.rest = Rest::Dropped;
    }

    /// Moves what may go on to what goes on next.
    pub(super) fn release(&mut self) -> Result<(), OverBudget> {
        if bug(Bug::MessagesOutOfOrder) {
            let decided = |it: &Queued| matches!(it.stage, Stage::Decided(_));
            self.queue.make_contiguous().sort_by_key(|it| !decided(it));
        }
        while let Some(first) = self.queue.front_mut() {
            let before = first.content.len();
            match &mut first.stage {
                Stage::Decided(change) => {
                    let change = change.take();
                    let length = match &change {
                        Some(held) => u32::try_from(held.len()).unwrap_or(u32::MAX),
                        None => first.prefix.length,
                    };
                    let prefix = Prefix {
                        length,
                        ..first.prefix
                    };
                    self.ready.push(prefix.bytes())?;
                    match change {
                        None => first.content.give(u64::MAX, &self.ready),
                        Some(mut held) => {
                            for piece in held.take_out() {
                                self.ready.push(piece)?;
                            }
                        }
                    }
                }
                Stage::Passing(has_prefix) => {
                    if !std::mem::replace(has_prefix, true) {
                        self.ready.push(first.prefix.bytes())?;
                    }
                    first.content.give(u64::MAX, &self.ready);
                }
                Stage::Coming | Stage::TooLong | Stage::Shown => return Ok(()),
            }
            self.held = self.held.saturating_sub(before);
            if !first.whole {
                return Ok(());
            }
            self.queue.pop_front();
        }
        Ok(())
    }

    /// Has go on all that is here, and all that comes.
    pub(super) fn let_all_go(&mut self) -> Result<(), OverBudget> {
        if self.rest == Rest::Free {
            return Ok(());
        }
        for it in &mut self.queue {
            if !matches!(it.stage, Stage::Passing(_)) {
                it.stage = Stage::Passing(false);
            }
        }
        self.release()?;
        // At most the last one is left, whose rest is still to come.
        self.queue.clear();
        self.shown = UnderScan::default();
        self.held = 0;
        self.rest = Rest::Free;
        self.ready.push(self.framer.begun_prefix())?;
        self.ready.push(std::mem::take(&mut self.unframed))
    }

    /// How many bytes have come and can't go on yet.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    /// Whether no message has come.
    pub(super) fn is_empty(&self) -> bool {
        self.come == 0
    }

    /// Whether all that has come may go on, or has.
    pub(super) fn is_done(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many bytes go on next.
    pub(super) fn ready_bytes(&self) -> u64 {
        self.ready.len()
    }

    /// Whether nothing goes on before more of the body comes, or at all.
    pub(super) fn has_nothing_ready(&self) -> bool {
        self.ready.is_empty()
    }

    /// Whether the rest of a message is awaited, or the first one.
    pub(super) fn awaits_bytes(&self) -> bool {
        let has_none = !self.begun && self.queue.is_empty() && self.ready.is_empty();
        self.rest != Rest::Dropped && (has_none || !self.framer.is_between())
    }

    /// Whether something has gone on.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether the client says no more for now.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet_ticks >= QUIET_TICKS
    }

    /// Notes that a tick has found the client silent. Whether that is enough.
    pub(super) fn note_quiet_tick(&mut self) -> bool {
        self.quiet_ticks = self.quiet_ticks.saturating_add(1);
        self.is_quiet()
    }

    /// Takes what goes on now.
    pub(super) fn take(&mut self, most: u64) -> Vec<Part> {
        let taken = self.ready.take(most);
        if !self.begun {
            self.begun = true;
            self.first = Some(taken.concat());
        }
        taken
    }

    /// How a message counts: its outcome, and of a failure that opened the cause.
    pub(super) fn note(&mut self, outcome: Outcome, cause: Option<Cause>) {
        self.ends.note(outcome, cause);
    }
}

#[cfg(test)]
#[path = "grpc_messages_tests.rs"]
mod tests;
