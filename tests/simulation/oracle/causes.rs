//! Which failures a run may have: none without a reason in its plan.

use icap_filter::icap::Direction;

use super::delivery::Exchange;
use crate::parties::transaction::Said;
use crate::plan::{Framing, MessagePlan, Plan, Route, ServerPlan};

impl Plan {
    /// Everybody is fast, and there are connections enough.
    fn is_swift(&self) -> bool {
        let messages = self.messages.len() as u64;
        let needed = messages * (1 + u64::from(self.profile.parallel)) + 2;
        self.profile.timeout_ms >= 300
            && u64::from(self.profile.max_connections) >= needed
            && self.faults.late_tick == 0
            && self.faults.late_wake_up == 0
            && self.servers.iter().all(|server| {
                server.work_us <= 10_000
                    && server.latency_us <= 1_000
                    && server.connect_us <= 3_000
                    // What is given back byte by byte takes its time.
                    && (server.split == 0 || !server.echoes)
                    && server.outage_ms.is_none()
                    && server
                        .max_connections
                        .is_none_or(|n| u64::from(n) >= needed * self.envoy.workers as u64)
            })
    }

    /// Connections are few and some clients slow, but nothing else goes wrong: a connection is taken from those that delay others.
    pub fn makes_room(&self) -> bool {
        let profile = &self.profile;
        self.faults.are_none()
            && (1..=20).contains(&profile.preempt_ms)
            && profile.timeout_ms >= 2000
            && u64::from(profile.max_pending) >= 2 * self.messages.len() as u64 + 2
            && self.servers.iter().all(|server| {
                server.is_quick() && server.outage_ms.is_none() && server.max_connections.is_none()
            })
    }

    fn lets_wait(&self, message: &MessagePlan) -> bool {
        let limit_us = self.profile.progress_timeout_ms * 1000;
        limit_us == 0
            || [&message.request, &message.response]
                .iter()
                .all(|body| body.pace_us + 100_000 < limit_us)
    }
}

impl Plan {
    /// Nothing goes wrong, and nobody but the clients is slow.
    pub fn is_calm(&self) -> bool {
        self.faults.are_none() && self.is_swift() && self.servers.iter().all(ServerPlan::is_quick)
    }

    /// A connection may be lost.
    pub fn loses_connections(&self) -> bool {
        let faults = &self.faults;
        faults.close > 0
            || faults.refuse > 0
            || faults.idle_close > 0
            || faults.no_server > 0
            || faults.leftover > 0
            || self
                .servers
                .iter()
                .any(|it| it.outage_ms.is_some() || it.close_one_in > 0)
    }
}

impl ServerPlan {
    fn is_quick(&self) -> bool {
        self.split == 0 && self.work_us <= 500 && self.latency_us <= 50 && self.connect_us <= 200
    }
}

impl Exchange<'_> {
    /// Whether a failure with that cause has a reason.
    pub fn may_fail_by(&self, cause: &str) -> bool {
        let plan = self.plan;
        let faults = &plan.faults;
        let loses = plan.loses_connections();
        let sleeps = plan.profile.self_test && plan.servers.iter().any(|it| it.sleeps);
        let largest = self.it.request.size.max(self.it.response.size);
        let told = |said: Said| self.scanner.transactions.iter().any(|it| it.said == said);
        match cause {
            "connection" => loses,
            "timeout" => {
                !(plan.is_swift() || plan.makes_room())
                    || faults.slow > 0
                    || faults.silence > 0
                    || loses
                    || faults.garbage > 0
                    // Each file of a form waits before it is sent to a busy server anew.
                    || (faults.busy > 0 && self.it.request.form.is_some())
                    || self.it.idle_timeout_us.is_some()
                    || !plan.lets_wait(self.it)
                    || !plan.envoy.stop_iteration
            }
            "protocol" => faults.garbage > 0 || faults.status > 0 || faults.leftover > 0,
            "server_error" => faults.status > 0 || faults.busy > 0 || sleeps,
            "bad_request" => plan.is_ambiguous(self.it),
            "unscannable" => told(Said::Unscannable),
            "overload" => !plan.is_swift() && !plan.makes_room(),
            "internal" => {
                [Direction::Request, Direction::Response]
                    .into_iter()
                    .any(|of| self.is_streamed(of) && self.may_spoil_stream(of))
                    || faults.host > 0
                    || !plan.envoy.stop_iteration
                    || matches!(self.it.route, Route::Unknown | Route::Misspelt)
                    || self.it.leaves_us.is_some()
                    || self.it.early_response
                    || self.it.idle_timeout_us.is_some()
                    || largest > plan.envoy.buffer_limit
                    || self.adds_body()
            }
            "oversize" => {
                largest > plan.profile.request_kb.min(plan.profile.response_kb) * 1024
                    || largest + 400 > plan.envoy.buffer_limit
                    || told(Said::TooLong)
                    || self.both_are_too_much()
                    || self.grows()
            }
            _ => false,
        }
    }

    /// A stream may fail at its end: trailers follow it, or somebody keeps a copy.
    fn may_spoil_stream(&self, of: Direction) -> bool {
        let keeps_copy = self.plan.envoy.keeps_copy && of == Direction::Request;
        keeps_copy || self.body(of).framing == Framing::Trailers
    }

    /// A server has made a message longer.
    fn grows(&self) -> bool {
        let longest = self
            .plan
            .profile
            .request_kb
            .min(self.plan.profile.response_kb)
            * 1024;
        let of_form: usize = self
            .scans(Direction::Request)
            .map(|it| match &it.said {
                Said::Change(changed) => changed.body.len().saturating_sub(it.body.len()),
                _ => 0,
            })
            .sum();
        if self.it.request.form.is_some() && self.it.request.size + of_form > longest {
            return true;
        }
        self.scanner.transactions.iter().any(|it| match &it.said {
            Said::Change(changed) => changed.body.len() > longest,
            // A page in the place of a response is held like one.
            Said::Block => it.statement as usize > longest,
            _ => false,
        })
    }

    /// Envoy's buffer is smaller than the profile's, and has no room for a message and for what takes its place, while both come.
    fn both_are_too_much(&self) -> bool {
        let profile = &self.plan.profile;
        let room = self.plan.envoy.buffer_limit;
        let largest = self.it.request.size.max(self.it.response.size);
        let changes = |said: &Said| match said {
            Said::Change(changed) => changed.body.len() + largest > room,
            _ => false,
        };
        room < profile.request_kb.max(profile.response_kb) * 1024
            && self
                .scanner
                .transactions
                .iter()
                .any(|it| changes(&it.said) || it.given.len() + largest > room)
    }

    /// A server has put a body where there was none.
    fn adds_body(&self) -> bool {
        self.scanner.transactions.iter().any(|it| match &it.said {
            Said::Change(changed) => it.body.is_empty() && !changed.body.is_empty(),
            _ => false,
        })
    }
}
