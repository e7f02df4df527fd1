//! The plan that a seed makes.

use super::content::{Body, Framing, Label};
use super::faults::Faults;
use super::form::{Flaw, Form, Part};
use super::profile::{CAUSES, ProfilePlan, Responses};
use super::{EnvoyPlan, MessagePlan, Plan, Release, Route, ServerPlan};
use crate::random::Dice;

const KIB: usize = 1024;

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        let dice = Dice::new(seed, "plan", 0);
        let mut profile = profile(&Dice::new(seed, "profile", 0));
        profile.calls = !profile.monitor && Dice::new(seed, "calls", 0).one_in(6);
        // No message streams whose trailers are scanned.
        profile.scans_trailers = !profile.calls
            && profile.streams == (false, false)
            && Dice::new(seed, "scanned trailers", 0).one_in(3);
        profile.drops_trailers &= !profile.scans_trailers;
        let envoy = EnvoyPlan {
            release: dice.pick(&[Release::V1_36, Release::V1_40, Release::V1_40]),
            workers: if dice.one_in(12) { 2 } else { 1 },
            buffer_limit: match dice.below(6) {
                0 => profile.request_kb.max(profile.response_kb) * KIB / 2,
                1 => 64 * KIB,
                _ => 1024 * KIB,
            },
            keeps_copy: dice.one_in(3),
            stop_iteration: !dice.one_in(60),
            gate: profile.streams.0 && Dice::new(seed, "gate", 0).one_in(2),
        };
        if !envoy.stop_iteration && profile.progress_timeout_ms == 0 {
            // Nothing else would notice that no body of a response comes.
            profile.progress_timeout_ms = 1000;
        }
        let own_servers = profile.responses == Responses::OwnServers;
        let servers = (0..dice.pick(&[1, 1, 1, 2, 3]))
            .map(|id| server(seed, id, false))
            .chain(own_servers.then(|| server(seed, 100, true)))
            .collect();
        let count = dice.pick(&[1, 1, 2, 2, 3, 4, 6, 8]);
        let at_once = dice.one_in(2);
        let messages = (0..count)
            .map(|id| message(seed, id, &profile, envoy.workers, at_once))
            .map(
                |it| match profile.calls && Dice::new(seed, "call", it.id).one_in(2) {
                    true => as_call(seed, it),
                    false => it,
                },
            )
            .collect();
        let mut plan = Self {
            seed,
            envoy,
            profile,
            servers,
            messages,
            faults: faults(&Dice::new(seed, "faults", 0)),
        };
        plan.enlarge();
        if dice.one_in(4) {
            plan.calm();
        } else if dice.one_in(6) {
            plan.crowd();
        }
        plan
    }

    /// Where large bodies stream, half of them are large.
    fn enlarge(&mut self) {
        let profile = &self.profile;
        for message in &mut self.messages {
            let bodies = [&mut message.request, &mut message.response];
            let limits = [profile.request_kb * KIB, profile.response_kb * KIB];
            let streams = [profile.streams.0, profile.streams.1];
            for ((body, limit), streams) in bodies.into_iter().zip(limits).zip(streams) {
                let dice = Dice::new(self.seed, "large body", body.id);
                let is_plain = body.framing != Framing::None && body.form.is_none();
                if streams && is_plain && dice.one_in(2) {
                    body.size = dice.range(limit as u64, 6 * limit as u64) as usize;
                    let at = dice.below(body.size as u64) as usize;
                    body.label = match body.label {
                        Label::Clean => Label::Clean,
                        Label::Infected(_) => Label::Infected(at),
                        Label::Edited(_) => Label::Edited(at),
                    };
                    body.piece = body.piece.max(body.size / 24 + 1);
                    *body = body.clone().fitted();
                }
            }
        }
    }

    /// Nothing goes wrong, and nobody but the clients is slow: whatever fails has no excuse.
    fn calm(&mut self) {
        self.faults = Faults::default();
        self.envoy.stop_iteration = true;
        self.profile.max_connections = 64;
        self.profile.timeout_ms = self.profile.timeout_ms.max(300);
        for server in &mut self.servers {
            server.connect_us = server.connect_us.min(200);
            server.latency_us = server.latency_us.min(50);
            server.work_us = server.work_us.min(500);
            server.max_connections = None;
            server.outage_ms = None;
            server.split = 0;
            server.close_one_in = 0;
        }
    }
}

impl Plan {
    /// The same, but there is one connection for all, and half of the clients are slow: nobody is to wait behind them for long.
    fn crowd(&mut self) {
        self.calm();
        self.profile.max_connections = 1;
        self.profile.max_pending = 100;
        self.profile.timeout_ms = 2000;
        self.profile.progress_timeout_ms = 60_000;
        self.profile.preempt_ms = 20;
        // No connection is taken from what streams, nor from what a server has begun to answer.
        self.profile.streams = (false, false);
        for server in &mut self.servers {
            server.echoes = false;
        }
        for message in self.messages.iter_mut().filter(|it| it.id % 2 == 0) {
            message.request.pace_us = 100_000;
        }
    }
}

fn profile(dice: &Dice) -> ProfilePlan {
    let open = match dice.below(4) {
        0 => Vec::new(),
        1 => CAUSES.into_iter().chain(["oversize"]).collect(),
        _ => CAUSES
            .into_iter()
            .chain(["oversize"])
            .filter(|_| dice.one_in(2))
            .collect(),
    };
    ProfilePlan {
        request_kb: dice.pick(&[1, 1, 2, 4]),
        response_kb: dice.pick(&[1, 1, 2, 4]),
        preview: dice.pick(&[
            None,
            Some(0),
            Some(0),
            Some(16),
            Some(64),
            Some(1000),
            Some(5000),
        ]),
        allow_204: !dice.one_in(4),
        timeout_ms: dice.pick(&[50, 120, 300, 1000]),
        progress_timeout_ms: dice.pick(&[0, 200, 1000, 60_000]),
        open,
        responses: dice.pick(&[
            Responses::No,
            Responses::No,
            Responses::SameServers,
            Responses::OwnServers,
        ]),
        max_connections: dice.pick(&[1, 1, 2, 4, 32]),
        max_pending: dice.pick(&[0, 1, 2, 100, 100]),
        idle_timeout_ms: dice.pick(&[100, 300, 2000]),
        max_requests: dice.pick(&[1, 2, 1000, 1000]),
        options: dice.one_in(2),
        require_length: dice.one_in(8),
        server_page: !dice.one_in(3),
        expose: dice.one_in(4),
        self_test: dice.one_in(16),
        parts: !dice.one_in(5),
        parallel: dice.pick(&[1, 2, 4]),
        monitor: dice.one_in(5),
        as_download: dice.one_in(6),
        preempt_ms: dice.pick(&[0, 20, 50, 200]),
        quarantine: dice.one_in(4),
        drops_trailers: dice.one_in(4),
        scans_trailers: false,
        calls: false,
        streams: match dice.below(4) {
            0 => (true, true),
            1 => (true, false),
            _ => (false, false),
        },
    }
}

fn server(seed: u64, id: u64, for_responses: bool) -> ServerPlan {
    let dice = Dice::new(seed, "server plan", id);
    ServerPlan {
        for_responses,
        connect_us: dice.pick(&[0, 200, 200, 3_000, 20_000]),
        latency_us: dice.pick(&[0, 50, 50, 1_000, 5_000]),
        work_us: dice.pick(&[0, 0, 500, 10_000, 30_000]),
        trusts_preview: dice.one_in(2),
        is_hasty: dice.one_in(4),
        preview: dice.pick(&[None, Some(0), Some(32), Some(1024), Some(1024)]),
        max_connections: dice.pick(&[None, None, None, Some(1), Some(2), Some(8)]),
        allow_206: dice.one_in(2),
        // All servers of a cluster are alike in this.
        takes_trailers: Dice::new(seed, "takes trailers", 0).one_in(2),
        close_one_in: dice.pick(&[0, 0, 2, 5]),
        split: dice.pick(&[0, 0, 1, 7, 40, 200]),
        outage_ms: dice
            .one_in(12)
            .then(|| (dice.below(100), dice.range(10, 600))),
        sleeps: dice.one_in(4),
        echoes: dice.one_in(2),
    }
}

fn message(
    seed: u64,
    id: u64,
    profile: &ProfilePlan,
    workers: usize,
    at_once: bool,
) -> MessagePlan {
    let dice = Dice::new(seed, "message", id);
    let method = dice.pick(&["POST", "POST", "POST", "PUT", "GET", "HEAD"]);
    let status = match dice.below(12) {
        0 => 204,
        1 => 304,
        2 => 404,
        3 => 500,
        _ => 200,
    };
    let request = match method {
        "POST" | "PUT" => upload(seed, &dice, id, profile.request_kb * KIB),
        _ => Body::none(),
    };
    let response = match status {
        204 | 304 => Body::none(),
        _ if method == "HEAD" => Body::none(),
        _ => body(&dice, id * 2 + 1, profile.response_kb * KIB),
    };
    MessagePlan {
        id,
        worker: dice.below(workers as u64) as usize,
        start_us: match at_once {
            true => dice.below(500),
            false => dice.below(400_000),
        },
        method,
        bypass: dice.one_in(12),
        route: match dice.below(40) {
            0 => Route::Profile,
            1 => Route::Unknown,
            2 => Route::Disabled,
            3 => Route::Misspelt,
            _ => Route::Silent,
        },
        request,
        response,
        status,
        think_us: dice.pick(&[0, 100, 5_000, 50_000]),
        early_response: dice.one_in(20),
        leaves_us: dice
            .one_in(8)
            .then(|| dice.pick(&[100, 2_000, 20_000, 200_000]) + dice.below(2_000)),
        idle_timeout_us: dice
            .one_in(20)
            .then(|| dice.pick(&[2_000, 20_000, 200_000]) + dice.below(2_000)),
    }
}

fn body(dice: &Dice, id: u64, limit: usize) -> Body {
    let size = match dice.below(10) {
        0 => 0,
        1 | 2 => dice.range(1, 64),
        3..=6 => dice.range(1, limit as u64),
        7 => dice.range(limit as u64 - 4, limit as u64 + 4),
        8 => dice.range(1000, 1100),
        _ => dice.range(limit as u64, 3 * limit as u64),
    };
    let size = size as usize;
    let at = dice.below(size.max(1) as u64) as usize;
    let at = if dice.one_in(3) { at.min(40) } else { at };
    let label = match dice.below(6) {
        0 | 1 => Label::Infected(at),
        2 | 3 => Label::Edited(at),
        _ => Label::Clean,
    };
    Body {
        id,
        framing: dice.pick(&[
            Framing::None,
            Framing::Length,
            Framing::Length,
            Framing::Chunked,
            Framing::Trailers,
        ]),
        size,
        label,
        piece: match dice.below(4) {
            0 => size.max(1),
            1 => dice.range(1, 64) as usize,
            _ => dice.range(64, 2048) as usize,
        }
        .max(size / 24 + 1),
        pace_us: dice.pick(&[0, 0, 100, 3_000, 40_000]),
        end_apart: dice.one_in(2),
        form: None,
    }
    .fitted()
}

/// A body of a request, which in a third of all runs is as likely a form as not.
fn upload(seed: u64, dice: &Dice, id: u64, limit: usize) -> Body {
    let mut body = body(dice, id * 2, limit);
    let dice = Dice::new(seed, "form", id);
    if Dice::new(seed, "forms", 0).one_in(3) && dice.one_in(2) {
        let form = form(&dice);
        body.piece = body.piece.max(form.size() / 24 + 1);
        body.form = Some(form);
    }
    body.fitted()
}

/// The same exchange with a gRPC call for its request. Its messages differ in their lengths, by which servers tell them apart.
fn as_call(seed: u64, mut message: MessagePlan) -> MessagePlan {
    message.method = "POST";
    let body = &mut message.request;
    if body.framing == Framing::None {
        body.framing = Framing::Chunked;
    }
    let dice = Dice::new(seed, "messages of a call", message.id);
    let mut form = form(&dice);
    form.is_call = true;
    for (n, part) in form.parts.iter_mut().enumerate() {
        part.size = 8 * (part.size + 1) + n;
        part.label = match part.label {
            Label::Infected(at) => Label::Infected(8 * at),
            Label::Edited(at) => Label::Edited(8 * at),
            Label::Clean => Label::Clean,
        };
    }
    body.piece = body.piece.max(form.size() / 24 + 1);
    body.form = Some(form);
    *body = body.clone().fitted();
    message
}

fn form(dice: &Dice) -> Form {
    let count = dice.pick(&[1, 1, 2, 2, 3, 4, 6]);
    let parts = (0..count).map(|_| part(dice)).collect();
    let flaw = dice.one_in(6).then(|| {
        dice.pick(&[
            Flaw::NoEnd,
            Flaw::BareLineFeed,
            Flaw::NoName,
            Flaw::TwoTypes,
            Flaw::AfterTheEnd,
            Flaw::SecondBoundary,
        ])
    });
    Form {
        parts,
        flaw,
        is_call: false,
    }
}

fn part(dice: &Dice) -> Part {
    let size = match dice.below(6) {
        0 => 0,
        1 | 2 => dice.range(1, 40),
        3 | 4 => dice.range(40, 300),
        _ => dice.range(300, 1200),
    };
    let at = dice.below(size.max(1)) as usize;
    let label = match dice.below(8) {
        0 => Label::Infected(at),
        1 | 2 => Label::Edited(at),
        _ => Label::Clean,
    };
    Part {
        is_file: !dice.one_in(3),
        size: size as usize,
        label,
    }
}

fn faults(dice: &Dice) -> Faults {
    let mut faults = Faults::default();
    // A third of all runs has none, a third one kind of them, a third many.
    match dice.below(3) {
        0 => {}
        1 => {
            let chosen = dice.below(faults.each().len() as u64) as usize;
            let weight = dice.pick(&[1, 2, 4, 10]);
            for (n, (_, fault)) in faults.each().into_iter().enumerate() {
                if n == chosen {
                    *fault = weight;
                }
            }
        }
        _ => {
            for (_, fault) in faults.each() {
                if dice.one_in(3) {
                    *fault = dice.pick(&[2, 4, 10, 30]);
                }
            }
        }
    }
    if faults.host > 0 {
        faults.host *= 20;
    }
    faults
}
