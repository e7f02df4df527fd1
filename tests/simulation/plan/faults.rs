//! What may go wrong in a run: each once in so many times, or never where that is 0.

/// The weights of the faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A server closes its connection in the midst of a transaction, by FIN or RST.
    pub close: u64,
    /// A server refuses to be connected to.
    pub refuse: u64,
    /// A server says nothing.
    pub silence: u64,
    /// A server is slower than the profile's time-out.
    pub slow: u64,
    /// A server sends what is no answer.
    pub garbage: u64,
    /// A server sends a status that says that it is in trouble, or that means nothing.
    pub status: u64,
    /// A server has too much to do (503).
    pub busy: u64,
    /// A server sends more than its answer, in the same read.
    pub leftover: u64,
    /// A server closes a connection that idles.
    pub idle_close: u64,
    /// A host call fails.
    pub host: u64,
    /// A wake-up comes late.
    pub late_wake_up: u64,
    /// A tick comes late.
    pub late_tick: u64,
    /// OPTIONS is answered by an error.
    pub options: u64,
    /// The cluster has no server for some time.
    pub no_server: u64,
}

impl Faults {
    /// Whether nothing may go wrong.
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }

    /// Each with what it is called, to be taken away one by one.
    pub fn each(&mut self) -> [(&'static str, &mut u64); 14] {
        [
            ("close", &mut self.close),
            ("refuse", &mut self.refuse),
            ("silence", &mut self.silence),
            ("slow", &mut self.slow),
            ("garbage", &mut self.garbage),
            ("status", &mut self.status),
            ("busy", &mut self.busy),
            ("leftover", &mut self.leftover),
            ("idle_close", &mut self.idle_close),
            ("host", &mut self.host),
            ("late_wake_up", &mut self.late_wake_up),
            ("late_tick", &mut self.late_tick),
            ("options", &mut self.options),
            ("no_server", &mut self.no_server),
        ]
    }
}
