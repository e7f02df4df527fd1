//! Which messages of a gRPC call are under scan, and since when.

/// The messages under scan, in their order.
#[derive(Debug, Default)]
pub(super) struct UnderScan {
    messages: Vec<Shown>,
    /// The index of the next submission.
    next_index: u16,
}

/// A message that a server is shown.
#[derive(Clone, Copy, Debug)]
struct Shown {
    number: u64,
    /// Of its submission.
    index: u16,
    since_ms: u64,
}

impl UnderScan {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Adds a message that follows all others. The index of its submission, which no other has.
    pub(super) fn add(&mut self, number: u64, now_ms: u64) -> u16 {
        let mut index = self.next_index;
        while self.number(index).is_some() {
            index = index.wrapping_add(1);
        }
        self.next_index = index.wrapping_add(1);
        self.messages.push(Shown {
            number,
            index,
            since_ms: now_ms,
        });
        index
    }

    /// The number of the message that the submission of that index shows.
    pub(super) fn number(&self, index: u16) -> Option<u64> {
        let shown = self.messages.iter().find(|it| it.index == index)?;
        Some(shown.number)
    }

    /// Leaves the messages for which `is` holds.
    pub(super) fn retain(&mut self, is: impl Fn(u64) -> bool) {
        self.messages.retain(|it| is(it.number));
    }

    /// Since when the oldest message is shown, for which those behind it wait.
    pub(super) fn since(&self) -> Option<u64> {
        self.messages.first().map(|it| it.since_ms)
    }

    /// The indexes of the submissions of messages that are shown since then or longer, of the oldest one in any case.
    pub(super) fn longest(&self, since_ms: u64) -> Vec<u16> {
        let since_ms = since_ms.max(self.since().unwrap_or_default());
        let shown = self.messages.iter().filter(|it| it.since_ms <= since_ms);
        shown.map(|it| it.index).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_submissions_have_one_index() {
        let mut shown = UnderScan::default();
        let first = shown.add(0, 0);
        for number in 1..200_000 {
            let index = shown.add(number, 0);
            assert_ne!(index, first);
            assert_eq!(shown.number(index), Some(number));
            shown.retain(|it| it != number);
        }
        assert_eq!(shown.number(first), Some(0));
    }

    #[test]
    fn those_are_late_that_are_shown_for_so_long() {
        let mut shown = UnderScan::default();
        assert_eq!((shown.since(), shown.longest(9)), (None, vec![]));
        for (number, ms) in [(0, 10), (1, 10), (2, 20), (3, 30)] {
            shown.add(number, ms);
        }
        assert_eq!(shown.longest(20), [0, 1, 2]);
        assert_eq!(shown.longest(5), [0, 1]);
        shown.retain(|number| number > 1);
        assert_eq!((shown.since(), shown.longest(0)), (Some(20), vec![2]));
    }
}
