//! A probe: a transaction that the filter sends for itself, OPTIONS or a self-test.

use crate::submission::Attempt;

/// The state of a probe.
///
/// ```text
///  Idle ──due──▶ Waiting ──connection──▶ Asked ──ICAP response, loss, time-out──▶ Idle
/// ```
#[derive(Debug)]
pub(super) enum Probe {
    /// No probe is on its way.
    Idle,
    /// The probe waits for a connection.
    Waiting { until_ms: u64 },
    /// The probe was sent.
    Asked {
        attempt: Box<Attempt>,
        until_ms: u64,
    },
}

impl Probe {
    /// Whether the probe takes too long.
    pub(super) fn is_late(&self, now_ms: u64) -> bool {
        match self {
            Self::Idle => false,
            Self::Waiting { until_ms } | Self::Asked { until_ms, .. } => *until_ms <= now_ms,
        }
    }

    /// Takes the state out, and leaves no probe.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Idle)
    }
}
