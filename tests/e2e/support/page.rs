//! Blocks of YAML in a page of documentation, to be run.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::envoy_config::{Setup, address};

/// Every block of YAML.
pub fn blocks(page: &str) -> Vec<Value> {
    let blocks = page.split("```yaml\n").skip(1);
    blocks
        .map(|rest| serde_yaml_ng::from_str(rest.split("```").next().unwrap()).unwrap())
        .collect()
}

/// Puts those of the blocks that are clusters into the configuration, each with the endpoint that is given for its name.
pub fn add_clusters(setup: &mut Setup, blocks: &[Value], endpoints: &[(&str, SocketAddr)]) {
    let mut clusters: Vec<Value> = blocks
        .iter()
        .filter(|block| block.get("load_assignment").is_some())
        .cloned()
        .collect();
    assert_eq!(clusters.len(), endpoints.len());
    for cluster in &mut clusters {
        let name = cluster["name"].as_str().unwrap();
        let found = endpoints.iter().find(|(known, _)| *known == name);
        let (_, endpoint) = found.unwrap_or_else(|| panic!("no endpoint for {name}"));
        let place = &mut cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
        assert!(place["address"]["socket_address"].is_object(), "{place}");
        *place = json!({"address": address(*endpoint)});
    }
    setup.patch(move |bootstrap| {
        let all = bootstrap["static_resources"]["clusters"].as_array_mut();
        all.unwrap().extend(clusters.iter().cloned());
    });
}
