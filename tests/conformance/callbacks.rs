//! The order in which Envoy calls the filter back, read from its log.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::envoy::Envoy;
use crate::support::eventually;

/// More than the messages of a plan.
const MESSAGES: u32 = 16;

/// The log tells contexts apart by their numbers, and each virtual machine counts its own from 1 on. So that of the transport
/// gets so many plugins before its first connection that its connections have higher numbers than the messages.
pub fn tell_contexts_apart(bootstrap: &mut Value) {
    let clusters = bootstrap["static_resources"]["clusters"]
        .as_array_mut()
        .unwrap();
    let pool = clusters
        .iter()
        .find(|cluster| cluster["name"] == "icap_pool");
    let pool = pool.unwrap().clone();
    for n in 0..MESSAGES {
        let mut spare = pool.clone();
        let name = format!("spare_{n}");
        spare["name"] = json!(name);
        spare["load_assignment"]["cluster_name"] = json!(name);
        let options = spare["typed_extension_protocol_options"].as_object_mut();
        let options = options.unwrap().values_mut().next().unwrap();
        options["http_filters"][0]["typed_config"]["config"]["name"] = json!(name);
        clusters.push(spare);
    }
}

/// The callbacks about each message, in the order in which the messages came.
pub async fn of_each_message(envoy: &Envoy, messages: usize) -> Vec<Vec<String>> {
    eventually("the last message to be logged", async || {
        let order = read(&envoy.log());
        let ended = order
            .iter()
            .filter(|of_one| of_one.last().is_some_and(|last| last == "log"));
        (ended.count() >= messages).then_some(order)
    })
    .await
}

fn read(log: &str) -> Vec<Vec<String>> {
    let mut messages: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    let calls = log
        .lines()
        .filter_map(|line| line.split_once("[host->vm] proxy_on_"));
    for (name, arguments) in calls.filter_map(|(_, call)| call.split_once('(')) {
        let context = arguments.split([',', ')']).next().unwrap();
        let context: u32 = context.parse().unwrap();
        let about_message =
            name == "log" || name.starts_with("request_") || name.starts_with("response_");
        if !about_message || context > MESSAGES {
            continue;
        }
        let of_one = messages.entry(context).or_default();
        if of_one.last().is_none_or(|last| last != name) {
            of_one.push(name.to_owned());
        }
    }
    messages.into_values().collect()
}
