//! Several filters of this module in a row share one icap_log: each keeps what the others have logged.
//!
//! A request goes through the filters in their order, a response in reverse. Each filter that has an outcome reads icap_log and
//! writes it anew. Envoy does not give a `Struct` back, so the filters pass icap_log on as text, in a property of its own.

use crate::config::Config;
use crate::host::{Host, HostResult};
use crate::report::{Conclusion, Others};

/// The property with the whole icap_log so far, as JSON text.
const CHAIN_PROPERTY: &str = "icap_log_chain";

/// What the other filters have logged of a request and its response.
#[derive(Debug, Default)]
pub(super) struct Chain {
    others: Option<Others>,
    /// What this filter has written last. The property still holds this text as long as no other filter has written.
    written: Option<String>,
}

impl Chain {
    /// Reads what other filters have logged since this filter did. The caller has entered the context of the message.
    pub(super) fn look<H: Host>(&mut self, host: &H, config: &Config) {
        if !config.chained {
            return;
        }
        let found = match host.property(&[CHAIN_PROPERTY]) {
            Ok(found) => found,
            Err(e) => return log::debug!("icap: reading the icap_log of other filters: {e}"),
        };
        let Some(found) =
            found.filter(|found| Some(&**found) != self.written.as_deref().map(str::as_bytes))
        else {
            return;
        };
        self.others = Others::read(&found, |name| config.profile(name).is_some());
        if self.others.is_none() {
            log::error!(
                "icap: the property {CHAIN_PROPERTY} holds no icap_log: does another filter write it?"
            );
        }
    }

    /// Writes the icap_log of all filters so far.
    pub(super) fn write<H: Host>(&mut self, host: &H, json: String) -> HostResult {
        host.set_property(CHAIN_PROPERTY, json.as_bytes())?;
        self.written = Some(json);
        Ok(())
    }

    /// The conclusion and the threat that client and application are told: those of all filters together.
    pub(super) fn told<'a>(
        &'a self,
        own: Conclusion,
        threat: Option<&'a str>,
    ) -> (Conclusion, Option<&'a str>) {
        match &self.others {
            Some(others) => (own.with(others.conclusion()), threat.or(others.threat())),
            None => (own, threat),
        }
    }

    /// What the other filters have logged.
    pub(super) fn others(&self) -> Option<&Others> {
        self.others.as_ref()
    }
}
