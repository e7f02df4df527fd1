//! Makes a plan that fails smaller, as long as it fails in the same way.

use crate::plan::{Body, Form, Framing, Label, MessagePlan, Plan, Route};
use crate::run::run;

/// How many runs it may take.
const MOST_RUNS: usize = 2_000;

/// The smallest plan that was found to fail like this one.
pub fn shrink(plan: &Plan, failure: &str) -> Plan {
    let mut runs = 0;
    let mut smallest = plan.clone();
    loop {
        let smaller = candidates(&smallest).into_iter().find(|candidate| {
            runs += 1;
            runs <= MOST_RUNS
                && run(candidate, false)
                    .failure
                    .is_some_and(|found| kind(&found) == kind(failure))
        });
        match smaller {
            Some(smaller) => smallest = smaller,
            None => return smallest,
        }
    }
}

/// A failure without its numbers.
pub fn kind(failure: &str) -> String {
    let mut kind: String = failure
        .chars()
        .map(|c| if c.is_ascii_digit() { '#' } else { c })
        .collect();
    while kind.contains("##") {
        kind = kind.replace("##", "#");
    }
    kind
}

/// Plans that are a little smaller, the most radical first.
fn candidates(plan: &Plan) -> Vec<Plan> {
    let mut all = Vec::new();
    let mut add = |change: &dyn Fn(&mut Plan)| {
        let mut smaller = plan.clone();
        change(&mut smaller);
        if format!("{smaller:?}") != format!("{plan:?}") {
            all.push(smaller);
        }
    };
    for index in 0..plan.messages.len() {
        add(&|it| {
            it.messages.remove(index);
        });
    }
    if plan.servers.len() > 1 {
        for index in 0..plan.servers.len() {
            add(&|it| {
                it.servers.remove(index);
            });
        }
    }
    for index in 0..plan.faults.clone().each().len() {
        add(&|it| *it.faults.each()[index].1 = 0);
    }
    for index in 0..plan.servers.len() {
        add(&|it| it.servers[index].outage_ms = None);
        add(&|it| it.servers[index].close_one_in = 0);
        add(&|it| it.servers[index].split = 0);
        add(&|it| it.servers[index].max_connections = None);
        add(&|it| it.servers[index].allow_206 = false);
        add(&|it| it.servers[index].takes_trailers = false);
        add(&|it| it.servers[index].echoes = false);
        add(&|it| it.servers[index].work_us = 0);
        add(&|it| it.servers[index].connect_us = 0);
        add(&|it| it.servers[index].latency_us = 0);
    }
    for index in 0..plan.messages.len() {
        let changes: [&dyn Fn(&mut MessagePlan); 10] = [
            &|it| it.route = Route::Silent,
            &|it| it.leaves_us = None,
            &|it| it.idle_timeout_us = None,
            &|it| it.early_response = false,
            &|it| it.think_us = 0,
            &|it| it.start_us = 0,
            &|it| it.start_us /= 2,
            &|it| it.worker = 0,
            &|it| it.response = Body::none(),
            &|it| it.request = Body::none(),
        ];
        for change in changes {
            add(&|it| change(&mut it.messages[index]));
        }
        let bodies: [fn(&mut MessagePlan) -> &mut Body; 2] =
            [|it| &mut it.request, |it| &mut it.response];
        for body in bodies {
            let changes: [fn(&mut Body); 7] = [
                |it| it.size /= 2,
                |it| it.size = it.size.saturating_sub(1),
                |it| it.piece = it.size.max(1),
                |it| it.pace_us = 0,
                |it| it.end_apart = false,
                |it| it.label = Label::Clean,
                |it| {
                    if it.framing == Framing::Trailers {
                        it.framing = Framing::Chunked;
                    }
                },
            ];
            for change in changes {
                add(&|it| {
                    let body = body(&mut it.messages[index]);
                    change(body);
                    *body = body.clone().fitted();
                });
            }
        }
        let form = plan.messages[index].request.form.as_ref();
        for change in form.map(smaller_forms).unwrap_or_default() {
            add(&|it| {
                let body = &mut it.messages[index].request;
                body.form.clone_from(&change);
                *body = body.clone().fitted();
            });
        }
    }
    add(&|it| it.envoy.workers = 1);
    add(&|it| it.envoy.keeps_copy = false);
    add(&|it| it.envoy.gate = false);
    add(&|it| it.profile.options = false);
    add(&|it| it.profile.self_test = false);
    add(&|it| it.profile.drops_trailers = false);
    add(&|it| it.profile.scans_trailers = false);
    add(&|it| it.profile.expose = false);
    add(&|it| it.profile.as_download = false);
    add(&|it| it.profile.streams = (it.profile.streams.0, false));
    add(&|it| it.profile.streams = (false, it.profile.streams.1));
    add(&|it| it.profile.calls = false);
    add(&|it| it.profile.monitor = false);
    add(&|it| it.profile.parts = false);
    add(&|it| it.profile.parallel = 1);
    all
}

/// Forms with less in them, and none.
fn smaller_forms(form: &Form) -> Vec<Option<Form>> {
    let mut all = vec![None];
    let mut add = |change: &dyn Fn(&mut Form)| {
        let mut smaller = form.clone();
        change(&mut smaller);
        all.push(Some(smaller));
    };
    add(&|it| it.flaw = None);
    for n in 0..form.parts.len() {
        if form.parts.len() > 1 {
            add(&|it| {
                it.parts.remove(n);
            });
        }
        if !form.is_call {
            add(&|it| it.parts[n].size /= 2);
            add(&|it| it.parts[n].size = it.parts[n].size.saturating_sub(1));
        }
        add(&|it| it.parts[n].label = Label::Clean);
        add(&|it| it.parts[n].is_file = true);
    }
    all
}
