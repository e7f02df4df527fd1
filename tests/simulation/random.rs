//! Random decisions that a seed replays.
//!
//! Each actor draws its own numbers, from the seed, its name and how many it has drawn: whatever one of them does, or that one of
//! them is left out, the others decide as before. So a plan can be shrunk.

use std::cell::Cell;

/// One actor's decisions.
#[derive(Debug)]
pub struct Dice {
    state: u64,
    drawn: Cell<u64>,
}

impl Dice {
    /// The decisions of an actor, which its kind and a number name.
    pub fn new(seed: u64, kind: &str, number: u64) -> Self {
        let mut state = mix(seed ^ 0x1cab_f117);
        for byte in kind.bytes() {
            state = mix(state ^ u64::from(byte));
        }
        Self {
            state: mix(state ^ number),
            drawn: Cell::new(0),
        }
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        let n = self.drawn.get();
        self.drawn.set(n + 1);
        mix(self
            .state
            .wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&self, bound: u64) -> u64 {
        match bound {
            0 => 0,
            bound => self.next() % bound,
        }
    }

    /// A number from `low` to `high`.
    pub fn range(&self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True once in so many times; never where that is 0.
    pub fn one_in(&self, times: u64) -> bool {
        times > 0 && self.below(times) == 0
    }

    /// One of these.
    pub fn pick<T: Copy>(&self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// A number that looks as if it had nothing to do with `n` (splitmix64).
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
