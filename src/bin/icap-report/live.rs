//! The state of `--follow`, and its picture on a terminal of any size.

use std::collections::VecDeque;
use std::fmt::Write as _;

use crate::entry::{Entry, Field, UNSEEN, Values};
use crate::printable::printable;
use crate::time;

/// How many seconds the counts reach back.
const SECONDS: usize = 60;
/// How many entries are kept for the picture.
const REMEMBERED: usize = 200;
/// The outcomes: name, name on the terminal, colour.
const OUTCOMES: [(&str, &str, u8); 7] = [
    ("ICAP_PASSED", "passed", 32),
    ("ICAP_MODIFIED", "modified", 34),
    ("ICAP_BLOCKED", "blocked", 31),
    ("ICAP_FAILED", "failed", 33),
    ("ICAP_DISABLED", "disabled", 90),
    (NOT_DONE, "not done", 35),
    (UNSEEN, "unseen", 90),
];
/// Stands for outcomes that were not enforced.
const NOT_DONE: &str = "not done";
/// The bars for a count, from none to the largest.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Counts, and the last entries.
#[derive(Debug, Default)]
pub(crate) struct Live {
    totals: [u64; OUTCOMES.len()],
    /// Entries in each of the last seconds, the current one last.
    seconds: VecDeque<[u32; OUTCOMES.len()]>,
    last: VecDeque<(usize, String)>,
    bad: u64,
}

fn place(entry: &Entry<'_>) -> usize {
    let action = match entry.action() {
        "ICAP_MODIFIED" | "ICAP_BLOCKED" | "ICAP_FAILED" if entry.is_monitored() => NOT_DONE,
        action => action,
    };
    let known = OUTCOMES.iter().position(|(name, _, _)| *name == action);
    known.unwrap_or(OUTCOMES.len() - 1)
}

impl Live {
    /// Adds an entry. `is_shown`: as a line too. Returns that line.
    pub(crate) fn entry(&mut self, entry: &Entry<'_>, is_shown: bool) -> Option<&str> {
        let place = place(entry);
        if let Some(total) = self.totals.get_mut(place) {
            *total += 1;
        }
        if self.seconds.is_empty() {
            self.second();
        }
        if let Some(count) = self.seconds.back_mut().and_then(|s| s.get_mut(place)) {
            *count += 1;
        }
        if !is_shown {
            return None;
        }
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back((place, line(entry)));
        self.last.back().map(|(_, line)| line.as_str())
    }

    /// Counts a line that does not belong to an access log.
    pub(crate) fn bad(&mut self) {
        self.bad += 1;
    }

    /// A second has passed.
    pub(crate) fn second(&mut self) {
        if self.seconds.len() == SECONDS {
            self.seconds.pop_front();
        }
        self.seconds.push_back([0; OUTCOMES.len()]);
    }

    /// The totals on one line.
    pub(crate) fn totals(&self) -> String {
        let mut text = format!("{} entries", self.totals.iter().sum::<u64>());
        for ((_, name, _), total) in OUTCOMES.iter().zip(self.totals) {
            if total > 0 {
                let _ = write!(text, ", {total} {name}");
            }
        }
        if self.bad > 0 {
            let _ = write!(text, ", {} bad lines", self.bad);
        }
        text
    }

    /// The lines of the picture for a terminal with so many columns and rows, coloured or not.
    pub(crate) fn frame(&self, columns: usize, rows: usize, is_coloured: bool) -> Vec<String> {
        let paint = |place: usize, text: &str| match OUTCOMES.get(place) {
            Some((_, _, colour)) if is_coloured => format!("\u{1b}[{colour}m{text}\u{1b}[0m"),
            _ => text.to_owned(),
        };
        let mut lines = vec![printable(&self.totals(), columns)];
        for (place, (_, name, _)) in OUTCOMES.iter().enumerate() {
            let counts: Vec<u32> = self
                .seconds
                .iter()
                .filter_map(|s| s.get(place).copied())
                .collect();
            if counts.iter().all(|n| *n == 0) {
                continue;
            }
            // The current second is not over, so the one before gives the rate.
            let rate = counts
                .len()
                .checked_sub(2)
                .and_then(|n| counts.get(n))
                .copied()
                .unwrap_or(0);
            let head = format!("{name:<9}{rate:>6}/s ");
            let room = columns.saturating_sub(head.len());
            let shown = counts
                .get(counts.len().saturating_sub(room)..)
                .unwrap_or_default();
            lines.push(paint(
                place,
                &printable(&format!("{head}{}", bars(shown)), columns),
            ));
        }
        lines.push(String::new());
        let room = rows.saturating_sub(lines.len() + 1);
        let skipped = self.last.len().saturating_sub(room);
        for (place, line) in self.last.iter().skip(skipped) {
            lines.push(paint(*place, &printable(line, columns)));
        }
        lines.truncate(rows.saturating_sub(1).max(1));
        lines
    }
}

/// Draws counts as a row of bars.
fn bars(counts: &[u32]) -> String {
    let most = u64::from(counts.iter().copied().max().unwrap_or(0).max(1));
    let last = BARS.len() as u64 - 1;
    let bar = |count: &u32| {
        BARS.get((u64::from(*count) * last).div_ceil(most) as usize)
            .copied()
    };
    counts.iter().filter_map(bar).collect()
}

/// An entry on one line.
fn line(entry: &Entry<'_>) -> String {
    let moment = entry.time.map(time::write).unwrap_or_default();
    // Without the date: followed entries are of today.
    let moment = moment
        .split_once('T')
        .map_or("", |(_, clock)| clock)
        .trim_end_matches('Z');
    let mut text = format!("{moment:<12} {:<14}", entry.action());
    if entry.is_monitored() {
        text.push_str(" (monitored only)");
    }
    for word in [
        entry.status.text(),
        entry.client.text(),
        entry.method.text(),
        entry.path.text(),
    ] {
        if !word.is_empty() {
            let _ = write!(text, " {word}");
        }
    }
    let mut values = Values::default();
    for field in [Field::Rule, Field::Threat, Field::Reason] {
        entry.values(field, &mut values);
        if !values.0.is_empty() {
            let _ = write!(text, "  {}: {}", field.name(), values.0.join(", "));
        }
    }
    if let Some(latency) = entry.latency() {
        let _ = write!(text, "  {latency} ms");
    }
    printable(&text, 1000)
}
