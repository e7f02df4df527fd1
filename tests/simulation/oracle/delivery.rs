//! What somebody has got of a message, against what the servers have said of it.

use icap_filter::icap::Direction;

use super::entry::Entry;
use crate::envoy::message::{Message, Received};
use crate::parties::client::{NO_TRAILER, TRAILER};
use crate::parties::scanner::Scanner;
use crate::parties::transaction::{Changed, Said, Transaction};
use crate::plan::{Body, Framing, MessagePlan, Plan, Responses, Route, Shown};

/// An exchange that is over, and all that is known of it.
pub struct Exchange<'a> {
    pub plan: &'a Plan,
    pub it: &'a MessagePlan,
    pub message: &'a Message,
    pub scanner: &'a Scanner,
}

/// What somebody has got.
#[derive(Debug, PartialEq)]
pub enum Got<'t> {
    /// Nothing.
    Nothing,
    /// The beginning of the original.
    Part,
    /// The original.
    Original,
    /// What the server made of it.
    Changed(&'t Changed),
    /// A form in which these parts are what servers made of them.
    ChangedForm(Vec<Shown>),
}

impl Exchange<'_> {
    pub fn check(&self) -> Result<(), String> {
        let entry = match Entry::of(self.message) {
            Ok(entry) => Some(entry),
            Err(_) if self.message.host_fault => None,
            Err(why) => return Err(why),
        };
        self.check_direction(Direction::Request, entry.as_ref())?;
        // Whether a local reply in the place of the response to what had begun to go on is scanned depends on what becomes of that.
        let is_cut_off = self.plan.is_streamed(self.it, Direction::Request)
            && !self.message.application.complete;
        if !self.message.replied || self.message.local_body.is_some() && !is_cut_off {
            self.check_direction(Direction::Response, entry.as_ref())?;
        }
        if self.it.route == Route::Misspelt
            && !self.plan.profile.monitor
            && self.message.application.head.is_some()
        {
            return Err("nobody knows whether it is to be scanned, and it went on".to_owned());
        }
        self.check_end()?;
        self.check_time()?;
        match &entry {
            Some(entry) if !self.message.host_fault => {
                self.check_monitored(entry)?;
                self.check_refused(entry)?;
                self.check_entry(entry)
            }
            _ => Ok(()),
        }
    }

    pub fn body(&self, of: Direction) -> &Body {
        match of {
            Direction::Request => &self.it.request,
            Direction::Response => &self.it.response,
        }
    }

    pub fn received(&self, of: Direction) -> &Received {
        match of {
            Direction::Request => &self.message.application,
            Direction::Response => &self.message.client,
        }
    }

    pub fn scans(&self, of: Direction) -> impl Iterator<Item = &Transaction> {
        self.scanner.scans(self.it.id, of)
    }

    /// Whether messages of that direction are scanned.
    pub fn is_scanned(&self, of: Direction) -> bool {
        // A local reply in place of a request that is held is no response to be scanned.
        let comes = self.message.application.head.is_some();
        let profile = &self.plan.profile;
        !self.it.is_skipped()
            && match of {
                Direction::Request => !(profile.as_download && self.it.request.size == 0),
                Direction::Response => comes && profile.responses != Responses::No,
            }
    }

    /// Whether a head that a server has changed takes the place of the original's.
    pub fn takes_heads(&self, of: Direction) -> bool {
        let parts = self.plan.shown(self.it) != [Shown::Whole];
        of == Direction::Response || !(parts || self.plan.profile.as_download)
    }

    fn got(&self, of: Direction) -> Result<Got<'_>, String> {
        let received = self.received(of);
        let Some(head) = &received.head else {
            return Ok(Got::Nothing);
        };
        let original = match (of, &self.message.local_body) {
            (Direction::Response, Some(local)) => local.clone(),
            _ => self.body(of).bytes(self.plan.seed),
        };
        if !received.complete {
            let given = |it: &Transaction| it.given.starts_with(&received.body);
            let is_part = original.starts_with(&received.body)
                || self.is_streamed(of) && self.scans(of).any(given);
            return match is_part {
                true => Ok(Got::Part),
                false => Err(format!(
                    "{of:?}: what was let go is no part of the original"
                )),
            };
        }
        let find = |name: &str| {
            let found = head.iter().find(|(n, _)| n == name.as_bytes());
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let announced = find("content-length");
        let bare = self.it.method == "HEAD" && of == Direction::Response;
        if let Some(length) = &announced
            && *length != received.body.len().to_string()
            && !bare
        {
            return Err(format!(
                "{of:?}: {} bytes arrived, announced were {length}",
                received.body.len()
            ));
        }
        let marked = find("x-scanned").is_some();
        let changed = self.scans(of).filter(|it| it.was_heard_whole());
        let changed = changed.filter_map(|it| match &it.said {
            Said::Change(changed) => Some(changed),
            _ => None,
        });
        // A page of the server's keeps its head.
        let is_page = of == Direction::Response && !self.is_scanned(of);
        if received.body == original && (!marked || is_page) {
            return Ok(Got::Original);
        }
        if of == Direction::Request && self.plan.shown(self.it) != [Shown::Whole] && !marked {
            return self.got_form(&received.body);
        }
        let takes_heads = self.takes_heads(of);
        changed
            .filter(|it| it.marked == marked || !takes_heads && !marked)
            .filter(|it| it.body == received.body)
            .last()
            .map(Got::Changed)
            .ok_or_else(|| {
                format!(
                    "{of:?}: {} bytes arrived that are neither the original nor what a server has said",
                    received.body.len()
                )
            })
    }

    fn check_direction(&self, of: Direction, entry: Option<&Entry>) -> Result<(), String> {
        let received = self.received(of);
        let is_call = self.is_call(of);
        let got = match is_call {
            true if received.head.is_some() => Got::Part,
            true => Got::Nothing,
            false => self.got(of)?,
        };
        if got == Got::Nothing {
            return Ok(());
        }
        if !received.was_logged && !self.message.host_fault {
            return Err(format!("{of:?} went on before its outcome was logged"));
        }
        self.check_fields(of, received)?;
        self.check_trailers(of, received, entry)?;
        if is_call {
            return self.check_call(entry);
        }
        if !self.is_scanned(of) {
            return match got {
                Got::Original | Got::Part => Ok(()),
                _ => Err(format!("{of:?} is not scanned, and was changed")),
            };
        }
        if self.plan.profile.monitor {
            return match got {
                Got::Original | Got::Part => Ok(()),
                _ => Err(format!("{of:?} is monitored, and was changed")),
            };
        }
        if self.is_streamed(of) {
            return self.check_streamed(of, &got, entry);
        }
        let blocked = self.scans(of).any(Transaction::was_seen_to_block);
        if blocked {
            return Err(format!("{of:?} went on, though a server had blocked it"));
        }
        let changed = match got {
            Got::Changed(_) => return self.expect_changed(entry, of),
            Got::ChangedForm(changed) => {
                self.expect_changed(entry, of)?;
                changed
            }
            _ => Vec::new(),
        };
        let shown = match of {
            Direction::Request => self.plan.shown(self.it),
            Direction::Response => vec![Shown::Whole],
        };
        for what in shown.into_iter().filter(|what| !changed.contains(what)) {
            self.check_unchanged(of, what, entry)?;
        }
        match of == Direction::Request && self.plan.is_ambiguous(self.it) {
            true => self.check_unscanned(of, entry),
            false => Ok(()),
        }
    }

    pub fn expect_changed(&self, entry: Option<&Entry>, of: Direction) -> Result<(), String> {
        let actions = ["ICAP_MODIFIED", "ICAP_FAILED", "ICAP_BLOCKED"];
        match entry {
            Some(entry)
                if !actions.contains(&entry.action.as_str()) && !self.message.host_fault =>
            {
                Err(format!(
                    "{of:?} was changed, and its log says {}",
                    entry.action
                ))
            }
            _ => Ok(()),
        }
    }

    /// What only the filter may say is not said by others, and trailers arrive.
    fn check_fields(&self, of: Direction, received: &Received) -> Result<(), String> {
        // A 413 in the midst of another callback passes the filter while it is busy.
        let is_nested = self.message.details == "request_payload_too_large";
        if self.message.host_fault || is_nested {
            return Ok(());
        }
        let head = received.head.iter().flatten();
        let told = head.filter(|(name, _)| name == b"x-icap-action").count();
        // The headers of what streams go before there is an outcome.
        // Nor do those of an answer that comes before the end of a call.
        let is_early = self.it.early_response && self.is_call(Direction::Request);
        let may_be_silent = self.is_streamed(of) || is_early;
        if told != usize::from(self.plan.profile.expose) && !(told == 0 && may_be_silent) {
            return Err(format!("{of:?} has {told} fields x-icap-action"));
        }
        let is_local = of == Direction::Response && self.message.local_body.is_some();
        let trailers = self.body(of).framing == Framing::Trailers && !is_local;
        let has = |trailer: &str| {
            let mut fields = received.trailers.iter().flatten();
            fields.any(|(name, _)| name == trailer.as_bytes())
        };
        // That there is no body to show as a download is known once its trailers are there.
        let is_empty_download =
            of == Direction::Request && self.plan.profile.as_download && self.body(of).size == 0;
        if !received.complete || !trailers || is_empty_download {
            return Ok(());
        }
        let is_scanned = self.is_scanned(of) && !self.plan.profile.monitor;
        let are_wanted = !(is_scanned && self.plan.profile.drops_trailers);
        if has(TRAILER) != are_wanted && !self.scans_trailers(of) {
            return Err(format!("{of:?} has lost its trailers, or kept them"));
        }
        if is_scanned == has(NO_TRAILER) {
            return Err(format!(
                "{of:?} has kept or lost what must not be a trailer"
            ));
        }
        Ok(())
    }

    /// The status that the client has got.
    pub fn status(&self) -> Option<String> {
        let head = self.message.client.head.as_ref()?;
        let found = head.iter().find(|(name, _)| name == b":status");
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// The client gets an answer, unless it leaves.
    fn check_end(&self) -> Result<(), String> {
        let client = &self.message.client;
        let left = self.it.leaves_us.is_some();
        if self.status().is_none() && !left {
            return Err("the client got no answer".to_owned());
        }
        if !client.complete && !left && !self.may_break_off() {
            return Err("the client got only a part of an answer".to_owned());
        }
        Ok(())
    }

    /// What has come in whole waits no longer than the server may be waited for.
    fn check_time(&self) -> Result<(), String> {
        /// How late a time-out may be noticed.
        const SLACK_MS: u64 = 150;
        /// How long a scan may take where nobody is slow: less than a tick of the clock.
        const CALM_MS: u64 = 40;
        /// How long it may take until a connection is taken from a body that is slow, and opened for another.
        const ROOM_MS: u64 = 100;
        let faults = &self.plan.faults;
        let late = u64::from(faults.late_tick > 0 || faults.late_wake_up > 0);
        let longest_us = match self.plan.is_calm() {
            true => CALM_MS * 1000,
            false if self.plan.makes_room() => {
                let bodies = 2 * self.plan.messages.len() as u64;
                (bodies * ROOM_MS + SLACK_MS) * 1000
            }
            false => (self.plan.profile.timeout_ms + SLACK_MS + late * 100) * 1000,
        };
        // The messages of a call wait one after the other.
        let form = self.it.request.form.as_ref();
        let turns = form
            .filter(|form| form.is_call)
            .map_or(1, |form| form.parts.len());
        let longest_us = longest_us * turns as u64;
        for of in [Direction::Request, Direction::Response] {
            let arrived = self.message.arrived_us[of as usize];
            let decided = self.message.decided_us[of as usize];
            let (Some(arrived), Some(decided)) = (arrived, decided) else {
                continue;
            };
            // Behind a gate the server has that time anew with each part that it gives back.
            let parts = match self.plan.envoy.gate && self.is_streamed(of) {
                true => self.scans(of).map(|it| it.given.len() as u64).sum(),
                false => 0,
            };
            let longest_us = longest_us * (1 + parts);
            if self.plan.envoy.stop_iteration && decided > arrived + longest_us {
                return Err(format!(
                    "{of:?} waited for {} ms after it had come in whole",
                    (decided - arrived) / 1000
                ));
            }
        }
        Ok(())
    }

    fn check_entry(&self, entry: &Entry) -> Result<(), String> {
        if self.it.is_skipped() {
            return match entry.action.as_str() {
                "ICAP_DISABLED" => Ok(()),
                other => Err(format!("it is not to be scanned, and its log says {other}")),
            };
        }
        let all = || {
            let both = [Direction::Request, Direction::Response];
            both.into_iter().flat_map(|of| self.scans(of))
        };
        let blocked = all().any(Transaction::was_seen_to_block);
        if blocked && self.message.details == "icap_failed" && entry.action != "ICAP_BLOCKED" {
            // The answer of the one direction may have been cut off by what ended the other.
            let one_way = self.plan.profile.responses == Responses::No;
            // An earlier message may have ended the call.
            if one_way && !self.is_call(Direction::Request) {
                return Err("a server had blocked it, and it is logged as failed".to_owned());
            }
        }
        let application_has_it =
            self.message.application.head.is_some() && !self.plan.profile.monitor;
        let taken = entry.records.iter().filter(|it| it.was_preempted());
        if taken.count() > 1 + usize::from(self.plan.profile.responses != Responses::No) {
            return Err("its connection was taken more than once".to_owned());
        }
        let one_way = self.plan.profile.responses == Responses::No;
        match entry.action.as_str() {
            "ICAP_PASSED" => {
                let both = [Direction::Request, Direction::Response];
                let cleared = both.into_iter().any(|of| {
                    let takes_heads = self.takes_heads(of);
                    self.scans(of)
                        .any(|it| it.clears(takes_heads) && it.was_heard_whole())
                });
                match cleared {
                    true => Ok(()),
                    false => Err("it is logged as passed, which no server has said".to_owned()),
                }
            }
            "ICAP_DISABLED" if !self.is_scanned(Direction::Request) => Ok(()),
            "ICAP_MODIFIED" => {
                match all().any(|it| matches!(it.said, Said::Change(_)) && it.was_heard_whole()) {
                    true => Ok(()),
                    false => Err("it is logged as modified, which no server has said".to_owned()),
                }
            }
            "ICAP_BLOCKED" => {
                if !all().any(|it| it.alarms && it.heard() > 0) {
                    return Err("it is logged as blocked, which no server has said".to_owned());
                }
                let has_beginning =
                    self.is_streamed(Direction::Request) && !self.message.application.complete;
                if one_way && application_has_it && !has_beginning {
                    return Err("it is logged as blocked, and went on".to_owned());
                }
                Ok(())
            }
            "ICAP_FAILED" => {
                let causes = entry.causes();
                // Envoy's buffer had no room for a later message, and was logged within the edit.
                let is_late = self.is_call(Direction::Request)
                    && self.message.details == "request_payload_too_large";
                if causes.is_empty() && is_late {
                    return Ok(());
                }
                if causes.is_empty() {
                    return Err(format!("it failed, and no cause is logged: {entry:?}"));
                }
                match causes.iter().any(|cause| self.may_fail_by(cause)) {
                    true => Ok(()),
                    false => Err(format!(
                        "it failed without a reason in the plan: {:?}",
                        entry.significance
                    )),
                }
            }
            other => Err(format!("its log says {other}")),
        }
    }
}
