//! The clock behind the time-out `response_timeout_ms`.

/// Measures how long a message has waited for the ICAP server. It stands while the message waits for the upload.
#[derive(Clone, Copy, Debug)]
pub struct ServerClock {
    budget_ms: u64,
    spent_ms: u64,
    running_since: Option<u64>,
}

impl ServerClock {
    /// A clock that stands still.
    pub fn new(budget_ms: u64) -> Self {
        Self {
            budget_ms,
            spent_ms: 0,
            running_since: None,
        }
    }

    /// Starts the clock at `now_ms`, or stops it.
    pub fn run(&mut self, running: bool, now_ms: u64) {
        self.spent_ms = self.spent(now_ms);
        self.running_since = running.then_some(now_ms);
    }

    /// Sets the clock back to the start at `now_ms`: the server has done a part of what is asked of it.
    pub fn restart(&mut self, now_ms: u64) {
        self.spent_ms = 0;
        self.running_since = self.running_since.map(|_| now_ms);
    }

    /// Milliseconds for which the clock has run.
    pub fn spent(&self, now_ms: u64) -> u64 {
        let running = self
            .running_since
            .map_or(0, |since| now_ms.saturating_sub(since));
        self.spent_ms.saturating_add(running)
    }

    /// Whether the budget is used up.
    pub fn expired(&self, now_ms: u64) -> bool {
        self.spent(now_ms) >= self.budget_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_counts_only_while_it_runs() {
        let mut clock = ServerClock::new(100);
        clock.run(true, 1_000);
        clock.run(false, 1_060);
        assert_eq!(clock.spent(9_000), 60);
        clock.run(true, 9_000);
        assert!(!clock.expired(9_039));
        assert!(clock.expired(9_040));
    }

    #[test]
    fn a_restart_forgets_what_was_spent() {
        let mut clock = ServerClock::new(100);
        clock.run(true, 0);
        clock.restart(90);
        assert_eq!(clock.spent(120), 30);
        clock.run(false, 120);
        clock.restart(130);
        assert_eq!(clock.spent(200), 0);
    }

    #[test]
    fn running_on_keeps_what_was_spent() {
        let mut clock = ServerClock::new(100);
        clock.run(true, 0);
        clock.run(true, 50);
        assert_eq!(clock.spent(70), 70);
    }
}
