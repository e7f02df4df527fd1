//! What is monitored goes on as it came, whatever is said of it, and is logged as what would have been.

use super::delivery::Exchange;
use super::entry::Entry;

impl Exchange<'_> {
    /// The log says whether what it says was done, and the filter has answered no client.
    pub fn check_monitored(&self, entry: &Entry) -> Result<(), String> {
        let monitored = self.plan.profile.monitor && entry.action != "ICAP_DISABLED";
        if entry.enforced == monitored {
            return Err(format!(
                "it is logged as {}, enforced: {}",
                entry.action, entry.enforced
            ));
        }
        let details = &self.message.details;
        if monitored && details.starts_with("icap_") {
            return Err(format!("it is monitored, and was answered: {details}"));
        }
        Ok(())
    }
}
