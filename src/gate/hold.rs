//! The hold that a filter has on the gate before it.

use super::gates::{Gates, Key};
use crate::host::Host;
use crate::icap::Direction;

/// A gate that stands before a filter, in the hand of that filter.
#[derive(Debug)]
pub struct Hold {
    gates: Gates,
    key: Key,
}

impl Hold {
    /// Takes hold of the gate that stands before the filter whose context `filter` is the effective one. `None`: there is none, or
    /// none in this instance, or the gate is another filter's.
    pub fn of<H: Host>(gates: &Gates, host: &H, filter: u32, of: Direction) -> Option<Self> {
        let key = gates.claim(host, filter, of)?;
        let gates = gates.clone();
        Some(Self { gates, key })
    }

    /// Stops the sender: what comes from now on is held.
    pub fn shut(&self) {
        self.gates.shut(self.key);
    }

    /// Whether what comes is held.
    pub fn is_shut(&self) -> bool {
        self.gates.is_shut(self.key)
    }

    /// Whether something has come that is held.
    pub fn is_holding(&self) -> bool {
        self.gates.is_holding(self.key)
    }

    /// Lets what is held go on, in a callback of its own, and what comes next. Its end is held again.
    pub fn open<H: Host>(&self, host: &H) {
        self.gates.open(host, self.key);
    }

    /// Lets what is held go on, in a callback of its own, and all that still comes.
    pub fn leave<H: Host>(self, host: &H) {
        self.gates.leave(host, self.key);
    }

    /// The message gets no further: nothing is held for its sake.
    pub fn forget(self) {
        self.gates.forget(self.key);
    }
}
