//! Trailers that are scanned: they arrive as a server has called them clean, or as one has given them back.

use icap_filter::icap::Direction;

use super::delivery::Exchange;
use super::entry::Entry;
use crate::envoy::message::Received;
use crate::parties::client::TRAILER;
use crate::parties::transaction::{Said, Subject, Trailer, Transaction};
use crate::plan::{Framing, Shown};

impl Exchange<'_> {
    /// Whether the trailers of that direction are to be scanned.
    pub fn scans_trailers(&self, of: Direction) -> bool {
        let is_local = of == Direction::Response && self.message.local_body.is_some();
        let profile = &self.plan.profile;
        profile.scans_trailers
            && !profile.monitor
            && self.is_scanned(of)
            && self.body(of).framing == Framing::Trailers
            && !is_local
    }

    /// What has arrived of the trailers of a message that is complete.
    pub fn check_trailers(
        &self,
        of: Direction,
        received: &Received,
        entry: Option<&Entry>,
    ) -> Result<(), String> {
        if !self.scans_trailers(of) || !received.complete || self.message.host_fault {
            return Ok(());
        }
        let original = self.body(of).trailer(self.plan.seed);
        let mut fields = received.trailers.iter().flatten();
        let arrived = fields.find(|(name, _)| name == TRAILER.as_bytes());
        let arrived = arrived.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
        let heard = |what: Shown| {
            self.scans(of).filter(move |it| {
                matches!(it.subject, Subject::Scan(.., shown) if shown == what)
                    && it.was_heard_whole()
            })
        };
        let given = || {
            heard(Shown::Whole).filter_map(|it| match &it.said {
                Said::Change(changed) => Some(&changed.trailer),
                _ => None,
            })
        };
        match arrived {
            Some(value) if value == original => {
                let is_other =
                    |it: &Trailer| matches!(it, Trailer::Is(value) if *value != original);
                if given().any(is_other) {
                    return Err(format!(
                        "{of:?}: its trailer went on, though a server had changed it"
                    ));
                }
                let alone = heard(Shown::Trailers).any(|it| it.said == Said::Clean);
                if alone || heard(Shown::Whole).any(|it| self.clears_trailers(it)) {
                    return Ok(());
                }
                self.check_unscanned(of, entry)
                    .map_err(|why| format!("the trailers of {why}"))
            }
            Some(value) => match given().any(|it| *it == Trailer::Is(value.clone())) {
                true => Ok(()),
                false => Err(format!("{of:?} has the trailer {value}, which nobody gave")),
            },
            None => match given().any(|it| *it == Trailer::Gone) {
                true => Ok(()),
                false => Err(format!("{of:?} has lost its trailers")),
            },
        }
    }

    /// Whether a server was shown trailers behind a body that it lets go on. One that is hasty answers before it has all.
    fn clears_trailers(&self, it: &Transaction) -> bool {
        let is_hasty = self.plan.servers.iter().any(|server| server.is_hasty);
        let lets_go = matches!(it.said, Said::Clean | Said::Change(_));
        lets_go && it.head.allow_trailers && (is_hasty || !it.trailers.is_empty())
    }
}
