//! A plan in the simulated proxy.

use icap_filter::host::Fields;
use serde_json::Value;

use crate::envoy::message::{Logged, Message};
use crate::plan::{MessagePlan, Plan};
use crate::seen::{Application, COUNTERS, Digest, Exchange, Log, Seen};
use crate::world::Sim;

/// Runs it.
pub fn run(plan: &Plan) -> Seen {
    let sim = Sim::new(plan.clone(), false);
    sim.run();
    assert_eq!(sim.failure(), None, "seed {}", plan.seed);
    sim.stop_proxy();
    let messages = sim.messages.borrow();
    let shared = sim.shared.borrow();
    Seen {
        exchanges: messages
            .iter()
            .zip(&plan.messages)
            .map(|(message, plan)| exchange(message, plan))
            .collect(),
        counters: COUNTERS.map(|name| (name, shared.metric(name))).to_vec(),
    }
}

fn exchange(message: &Message, plan: &MessagePlan) -> Exchange {
    let head = message.client.head.as_ref().unwrap();
    let Logged(said) = message.logged.as_ref().unwrap();
    let entry: Value = said
        .get("icap_log")
        .map_or(Value::Null, |json| serde_json::from_slice(json).unwrap());
    let is_envoys = message.replied && !message.details.starts_with("icap_");
    let application = message.application.head.as_ref();
    Exchange {
        status: field(head, ":status").unwrap().parse().unwrap(),
        page: (!is_envoys && plan.method != "HEAD").then(|| Digest::of(&message.client.body)),
        application: application
            .filter(|_| message.application.complete)
            .map(|head| Application {
                body: Digest::of(&message.application.body),
                length: field(head, "content-length").filter(|length| length != "0"),
                marked: field(head, "x-scanned"),
                outcome: field(head, "x-icap-action"),
                trailers: message
                    .application
                    .trailers
                    .iter()
                    // HTTP/1.1 has no trailers beside a length.
                    .filter(|_| field(head, "content-length").is_none())
                    .flatten()
                    .map(|(name, value)| (text(name), text(value)))
                    .collect(),
            }),
        details: message.details.clone(),
        log: Log::of(&entry),
        callbacks: message.callbacks.iter().map(ToString::to_string).collect(),
    }
}

fn field(head: &Fields, name: &str) -> Option<String> {
    let found = head.iter().find(|(n, _)| n == name.as_bytes());
    found.map(|(_, value)| text(value))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
