//! The gates of one instance of the module, and where each stands.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use crate::ascending_map::AscendingMap;
use crate::host::Host;
use crate::icap::Direction;

/// One direction of the HTTP stream of a gate's context.
pub(super) type Key = (u32, Direction);

/// The gates of the messages that a filter of this instance slows down, or has slowed down.
#[derive(Clone, Debug, Default)]
pub struct Gates(Rc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// By this a gate is known to be of this instance: the numbers of contexts are those of other instances too.
    name: OnceCell<u64>,
    gates: RefCell<AscendingMap<Key, Gate>>,
    /// The log tells of a gate in another virtual machine once.
    told_stranger: Cell<bool>,
}

#[derive(Clone, Copy, Debug)]
struct Gate {
    /// The context of the filter that scans.
    filter: u32,
    state: State,
}

/// Where a gate stands.
///
/// ```text
///          ┌──────── open ───────┐
///          ▼                     │
///  Open ─shut─▶ Shut ─a part─▶ Holding
///   └─the end of the body────────▲ │
///  any ─leave─▶ Left ◀─────leave───┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Parts of the body go on; its end does not.
    Open,
    /// Nothing goes on. Nothing has come since.
    Shut,
    /// The host holds what has come.
    Holding,
    /// All goes on, for good.
    Left,
}

impl Gates {
    /// The property by which a gate tells the filter that scans of itself.
    fn property(of: Direction) -> &'static str {
        match of {
            Direction::Request => "icap_gate_request",
            Direction::Response => "icap_gate_response",
        }
    }

    fn name<H: Host>(&self, host: &H) -> u64 {
        *self.0.name.get_or_init(|| host.random())
    }

    /// Tells the filters behind that a gate stands there: the context `id`, which is the effective one.
    pub(super) fn announce<H: Host>(&self, host: &H, id: u32, of: Direction) {
        let told = format!("{:x} {id}", self.name(host));
        if let Err(e) = host.set_property(Self::property(of), told.as_bytes()) {
            log::debug!("context {id}: {e}");
        }
    }

    /// The gate that stands before the filter whose context `filter` is the effective one, from now on that filter's. `None`: there
    /// is none, or none in this instance, or the gate is another filter's.
    pub(super) fn claim<H: Host>(&self, host: &H, filter: u32, of: Direction) -> Option<Key> {
        let told = host.property(&[Self::property(of)]).ok()??;
        let told = std::str::from_utf8(&told).ok()?;
        let (name, id) = told.split_once(' ')?;
        let id: u32 = id.parse().ok()?;
        let name = u64::from_str_radix(name, 16).ok()?;
        if self.0.name.get() != Some(&name) {
            if !self.0.told_stranger.replace(true) {
                log::warn!(
                    "icap: a gate stands before the filter in another virtual machine: both need the same vm_id"
                );
            }
            return None;
        }
        let key = (id, of);
        let mut gates = self.0.gates.borrow_mut();
        if gates.contains(key) {
            return None;
        }
        let state = State::Open;
        gates.insert(key, Gate { filter, state });
        Some(key)
    }

    fn state(&self, key: Key) -> State {
        let gates = self.0.gates.borrow();
        gates.get(key).map_or(State::Left, |gate| gate.state)
    }

    fn set(&self, key: Key, state: State) {
        if let Some(gate) = self.0.gates.borrow_mut().get_mut(key) {
            gate.state = state;
        }
    }

    /// A part of a body comes, or its end: whether the gate holds it, and then for which filter.
    pub(super) fn take(&self, key: Key, at_end: bool) -> Option<u32> {
        let mut gates = self.0.gates.borrow_mut();
        let gate = gates.get_mut(key)?;
        let holds = match gate.state {
            State::Open => at_end,
            State::Shut | State::Holding => true,
            State::Left => false,
        };
        if holds {
            gate.state = State::Holding;
        }
        holds.then_some(gate.filter)
    }

    /// Nothing goes on any more.
    pub(super) fn shut(&self, key: Key) {
        if self.state(key) == State::Open {
            self.set(key, State::Shut);
        }
    }

    /// Whether nothing goes on.
    pub(super) fn is_shut(&self, key: Key) -> bool {
        matches!(self.state(key), State::Shut | State::Holding)
    }

    /// Whether the host holds a part of the body.
    pub(super) fn is_holding(&self, key: Key) -> bool {
        self.state(key) == State::Holding
    }

    /// Lets what is held go on, and what comes next.
    pub(super) fn open<H: Host>(&self, host: &H, key: Key) {
        self.pass(host, key, State::Open);
    }

    /// Lets what is held go on, and all that still comes.
    pub(super) fn leave<H: Host>(&self, host: &H, key: Key) {
        self.pass(host, key, State::Left);
    }

    fn pass<H: Host>(&self, host: &H, key: Key, state: State) {
        let (id, of) = key;
        let is_holding = self.is_holding(key);
        self.set(key, state);
        if is_holding && let Err(e) = host.enter(id).and_then(|()| host.resume(of)) {
            log::debug!("context {id}: {e}");
        }
    }

    /// All that still comes goes on; what is held is of no use any more, for its message gets no further.
    pub(super) fn forget(&self, key: Key) {
        self.set(key, State::Left);
    }

    /// The host deletes that context.
    pub fn on_delete(&self, id: u32) {
        let mut gates = self.0.gates.borrow_mut();
        for of in [Direction::Request, Direction::Response] {
            gates.remove((id, of));
        }
    }
}
