//! Gives a sign of life for this instance of the module, and looks for those that have died.

use super::worker::Worker;
use crate::host::Host;

impl<H: Host> Worker<H> {
    /// Runs a round if one is due: gives a sign of life, and subtracts from the gauges the shares of dead instances. A new
    /// instance makes a round due at once, since it shares a server's `Max-Connections` with this one.
    pub(super) fn look_after_instances(&mut self) {
        if self.instances.is_due(&self.host, self.now_ms) {
            self.look_for_instances();
        }
    }

    /// Runs a round at once.
    pub(super) fn look_for_instances(&mut self) {
        let round = self
            .instances
            .look(&self.host, &mut self.metrics, self.now_ms);
        if let Err(e) = round {
            log::warn!("icap: the workers are not counted: {e}");
        }
    }

    /// Frees the record of this instance, which is about to go and has subtracted its share from the gauges.
    pub(super) fn leave_instances(&self) {
        self.instances.leave(&self.host);
    }
}
