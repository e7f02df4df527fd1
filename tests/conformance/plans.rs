//! The plans that both proxies run.

use crate::plan::{Body, Framing, Plan, Release, Route};

/// How long after one exchange the next begins, in virtual microseconds.
const APART_US: u64 = 2_000_000;

/// The plan of that seed, one exchange after the other, with nothing in it that depends on time.
pub fn of(seed: u64, release: Release) -> Plan {
    let mut plan = Plan::of(seed);
    plan.envoy.release = release;
    plan.envoy.workers = 1;
    plan.envoy.keeps_copy = false;
    plan.envoy.stop_iteration = true;
    plan.envoy.buffer_limit = plan.envoy.buffer_limit.max(64 * 1024);
    plan.profile.timeout_ms = 10_000;
    plan.profile.progress_timeout_ms = 60_000;
    plan.profile.idle_timeout_ms = 60_000;
    plan.profile.self_test = false;
    plan.profile.parallel = 1;
    // How far a stream has come when its server speaks is a matter of time.
    plan.profile.streams = (false, false);
    plan.envoy.gate = false;
    let first = plan.servers[0];
    plan.servers.retain(|it| it.for_responses);
    plan.servers.insert(0, first);
    for server in &mut plan.servers {
        server.connect_us = 100;
        server.latency_us = 10;
        server.work_us = 0;
        server.is_hasty = false;
        server.echoes = false;
        server.outage_ms = None;
        server.split = 0;
        server.max_connections = None;
        server.close_one_in = 0;
    }
    let faults = plan.faults;
    plan.faults = Default::default();
    plan.faults.garbage = faults.garbage;
    plan.faults.status = faults.status;
    plan.faults.busy = faults.busy;
    plan.faults.options = faults.options;
    for (n, message) in plan.messages.iter_mut().enumerate() {
        message.worker = 0;
        message.start_us = APART_US * (n as u64 + 1);
        message.think_us = 0;
        message.early_response = false;
        message.leaves_us = None;
        message.idle_timeout_us = None;
        message.route = Route::Silent;
        let limits = [plan.profile.request_kb, plan.profile.response_kb];
        for (body, limit_kb) in [&mut message.request, &mut message.response]
            .into_iter()
            .zip(limits)
        {
            settle(body, limit_kb * 1024);
        }
    }
    plan
}

/// A body as a client over HTTP/1.1 sends it. One over the limit says so beforehand: else the server may decide by its
/// first part, or not in time.
fn settle(body: &mut Body, limit: usize) {
    body.pace_us = 0;
    if body.form.is_some() {
        // Which parts were shown before the whole is read depends on time.
        body.piece = body.size;
    }
    if body.size > limit && body.framing != Framing::None {
        body.framing = Framing::Length;
    }
    body.end_apart = body.framing != Framing::Length;
    if body.framing == Framing::Length && body.size == 0 {
        // Envoy tells its end with its headers.
        body.framing = Framing::None;
    }
}
