//! The content of a body whose framing stands between the pieces of content.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use super::extent::{Extent, length};
use crate::icap::BodyProgress;

/// The ranges of a body that are its content, in order, as they arrive. The parser that finds the ranges and the
/// submission that sends them share this value.
#[derive(Debug, Default)]
pub struct Content {
    runs: RefCell<Vec<Run>>,
    ended: Cell<bool>,
    announced: u64,
}

/// A range of the body.
#[derive(Clone, Debug)]
struct Run {
    /// Where the range begins in the content.
    at: u64,
    range: Range<u64>,
}

impl Run {
    fn end(&self) -> u64 {
        self.at.saturating_add(length(&self.range))
    }
}

impl Content {
    /// A content without any range yet. `announced`: its length in bytes.
    pub fn new(announced: u64) -> Self {
        Self {
            announced,
            ..Self::default()
        }
    }

    /// Adds the next range. The range must begin at or behind the end of the last one.
    pub fn push(&self, range: Range<u64>) {
        let mut runs = self.runs.borrow_mut();
        match runs.last_mut() {
            Some(last) if last.range.end == range.start => last.range.end = range.end,
            last => {
                let at = last.map_or(0, |last| last.end());
                runs.push(Run { at, range });
            }
        }
    }

    /// The content has ended and was as long as announced.
    pub fn end(&self) {
        self.ended.set(true);
    }

    /// How much of the content has arrived.
    pub fn extent(&self) -> Extent {
        let available = self.runs.borrow().last().map_or(0, Run::end);
        Extent {
            progress: BodyProgress {
                available,
                ended: self.ended.get(),
            },
            announced: Some(self.announced),
        }
    }

    /// Where a range of the content stands in the body, as far as the content has arrived.
    pub fn places(&self, wanted: &Range<u64>) -> Vec<Range<u64>> {
        let runs = self.runs.borrow();
        let first = runs.partition_point(|run| run.end() <= wanted.start);
        let reached = runs.iter().skip(first);
        reached
            .take_while(|run| run.at < wanted.end)
            .map(|run| {
                let at = |offset: u64| {
                    run.range
                        .start
                        .saturating_add(offset.saturating_sub(run.at))
                };
                at(wanted.start.max(run.at))..at(wanted.end.min(run.end()))
            })
            .filter(|range| range.start < range.end)
            .collect()
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "one run is a list too")]
mod tests {
    use super::*;

    #[test]
    fn content_is_read_as_one_body() {
        let original: Vec<u8> = (0..60).collect();
        for runs in [
            vec![0..40],
            vec![3..7, 7..8, 20..31],
            vec![1..2, 4..5, 7..8, 10..20, 55..60],
            vec![],
        ] {
            let content = Content::new(9);
            let mut shown = Vec::new();
            for run in &runs {
                content.push(run.clone());
                shown.extend_from_slice(&original[run.start as usize..run.end as usize]);
                assert_eq!(content.extent().progress.available, shown.len() as u64);
            }
            assert_eq!(content.extent().announced, Some(9));
            assert!(!content.extent().progress.ended);
            content.end();
            assert!(content.extent().progress.ended);
            for start in 0..=shown.len() {
                for end in start..=shown.len() {
                    let places = content.places(&(start as u64..end as u64));
                    let got: Vec<u8> = places
                        .into_iter()
                        .flat_map(|part| original[part.start as usize..part.end as usize].to_vec())
                        .collect();
                    assert_eq!(got, shown[start..end], "{runs:?} {start}..{end}");
                }
            }
        }
    }
}
