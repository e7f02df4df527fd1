//! Several of our filters in a row: each keeps what the others have logged.
//!
//! A request goes through the filters in their order, its response backwards, and each writes icap_log when it has an outcome. So
//! each reads first what is there. Envoy does not hand a `Struct` back, so that the entry is kept as text in a property of
//! its own, whatever forms of icap_log are wanted.

use crate::config::Config;
use crate::host::{Host, HostResult};
use crate::report::{Conclusion, Others};

/// Property with the whole entry so far, as JSON text.
const CHAIN_PROPERTY: &str = "icap_log_chain";

/// What the other filters have logged of an HTTP exchange.
#[derive(Debug, Default)]
pub(super) struct Chain {
    others: Option<Others>,
    /// What this filter has written last. What stands there now is the same, as long as no other has written.
    written: Option<String>,
}

impl Chain {
    /// Looks for what others have logged since this filter did. The context of the message has been entered.
    pub(super) fn look<H: Host>(&mut self, host: &H, config: &Config) {
        if !config.chained {
            return;
        }
        let found = match host.property(&[CHAIN_PROPERTY]) {
            Ok(found) => found,
            Err(e) => return log::debug!("icap: what other filters logged: {e}"),
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

    /// Writes the entry of all filters so far.
    pub(super) fn write<H: Host>(&mut self, host: &H, json: String) -> HostResult {
        host.set_property(CHAIN_PROPERTY, json.as_bytes())?;
        self.written = Some(json);
        Ok(())
    }

    /// What client and application are told of an outcome of this filter's, and of what it found.
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

    /// What there is of others.
    pub(super) fn others(&self) -> Option<&Others> {
        self.others.as_ref()
    }
}
