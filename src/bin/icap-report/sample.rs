//! Chooses the entries that are kept in full for the page's table: all, or some of each kind.

use std::collections::BTreeMap;

/// How many bytes of a line are kept.
const MAX_LINE: usize = 256 << 10;

/// A line that is kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// The row of the entry in the columns.
    pub(crate) row: usize,
    /// The number of the line over all inputs, from 1.
    pub(crate) line: u64,
    /// The line.
    pub(crate) text: String,
}

/// The entries with the best rank, up to a number.
#[derive(Debug)]
struct Best {
    room: usize,
    kept: BTreeMap<(u64, usize), Kept>,
}

impl Best {
    fn new(room: usize) -> Self {
        Self {
            room,
            kept: BTreeMap::new(),
        }
    }

    fn offer(&mut self, rank: u64, row: usize, line: u64, text: &[u8]) {
        let is_full = self.kept.len() >= self.room;
        let is_better = self
            .kept
            .first_key_value()
            .is_some_and(|(least, _)| *least < (rank, row));
        if is_full && !is_better {
            return;
        }
        if is_full {
            self.kept.pop_first();
        }
        let text = text.get(..text.len().min(MAX_LINE)).unwrap_or_default();
        let kept = Kept {
            row,
            line,
            text: String::from_utf8_lossy(text).into_owned(),
        };
        self.kept.insert((rank, row), kept);
    }
}

/// The slowest entries, significant ones, and a random choice of all.
#[derive(Debug)]
pub(crate) struct Sample {
    slowest: Best,
    significant: Best,
    any: Best,
}

impl Sample {
    /// Keeps at most about `room` entries.
    pub(crate) fn new(room: usize) -> Self {
        Self {
            slowest: Best::new(room / 8),
            significant: Best::new(room / 2),
            any: Best::new(room),
        }
    }

    /// Offers an entry. The random choice depends only on the entry's row, so the same input gives the same page.
    pub(crate) fn offer(
        &mut self,
        row: usize,
        line: u64,
        text: &[u8],
        latency: Option<u32>,
        is_significant: bool,
    ) {
        let rank = scramble(row as u64);
        self.any.offer(rank, row, line, text);
        // While there is room for all entries, the other lists would only repeat them.
        if self.any.kept.len() < self.any.room {
            return;
        }
        if let Some(latency) = latency {
            self.slowest.offer(u64::from(latency), row, line, text);
        }
        if is_significant {
            self.significant.offer(rank, row, line, text);
        }
    }

    /// The kept entries in the order of the input. Without room for all, the slowest and the significant go first.
    pub(crate) fn finish(self) -> Vec<Kept> {
        let room = self.any.room;
        let mut chosen = BTreeMap::new();
        let by_rank = |best: Best| best.kept.into_values().rev();
        for kept in by_rank(self.slowest)
            .chain(by_rank(self.significant))
            .chain(by_rank(self.any))
        {
            if chosen.len() < room {
                chosen.entry(kept.row).or_insert(kept);
            }
        }
        chosen.into_values().collect()
    }
}

/// SplitMix64: turns successive numbers into random-looking ones.
fn scramble(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
