//! Checks the clusters of the ICAP servers.

use super::{Filter, Proxy, is_type};
use crate::document::Node;
use crate::finding::Finding;
use icap_filter::config::{Profile, ServiceUrl};
use std::rc::Rc;

/// Envoy's default circuit breaker.
const DEFAULT_THRESHOLD: u64 = 1024;

/// The HTTP filters of a cluster.
pub(super) fn filters(cluster: &Node, extensions: &[Node]) -> Vec<Filter> {
    let mut filters = Vec::new();
    cluster.walk(&mut |node| {
        let list = node.list("http_filters").into_iter();
        filters.extend(list.map(|filter| Filter::read(filter, extensions)));
        node.field("http_filters").is_none()
    });
    filters
}

/// Checks the clusters that profiles name.
pub(super) fn check(proxy: &Proxy) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut named: Vec<(&Node, Vec<Rc<Profile>>)> = Vec::new();
    for (_, _, plugin, config) in proxy.connections.iter().flat_map(|c| c.scanning()) {
        for (index, profile) in config.profiles.iter().enumerate() {
            let wanted = |cluster: &&Node| cluster.text("name") == *profile.cluster;
            let Some(cluster) = proxy.clusters.iter().find(wanted) else {
                found.push(absent(proxy, plugin, index, profile));
                continue;
            };
            match named.iter_mut().find(|(c, _)| c.place == cluster.place) {
                Some((_, profiles)) => profiles.push(Rc::clone(profile)),
                None => named.push((cluster, vec![Rc::clone(profile)])),
            }
        }
    }
    for (cluster, profiles) in named {
        found.extend(transport(cluster, &proxy.extensions));
        for cluster in members(cluster, &proxy.clusters) {
            found.extend(encryption(cluster, &profiles));
            found.extend(health(cluster, &profiles));
            found.extend(balance(cluster, &profiles));
        }
    }
    found
}

/// The clusters that Envoy opens connections for: an aggregate cluster's members, else the cluster itself.
fn members<'a>(cluster: &'a Node, all: &'a [Node]) -> Vec<&'a Node> {
    let aggregate = cluster.path(&["cluster_type", "typed_config"]);
    let Some(aggregate) = aggregate.filter(|node| node.field("clusters").is_some()) else {
        return vec![cluster];
    };
    let names = aggregate.list("clusters");
    let is_member = |cluster: &&Node| names.iter().any(|name| name.value == cluster.text("name"));
    all.iter().filter(is_member).collect()
}

fn absent(proxy: &Proxy, plugin: &super::Plugin, index: usize, profile: &Profile) -> Finding {
    let place = format!("{}.profiles[{index}].cluster", plugin.written.place);
    let what = format!("no cluster named \"{}\"", profile.cluster);
    let why = "every scan fails with \"no connection\"";
    let names: Vec<String> = proxy.clusters.iter().map(|c| c.text("name")).collect();
    let instead = match names.as_slice() {
        [] => "add the cluster of the ICAP servers".to_owned(),
        names => format!("the clusters here are {}", names.join(", ")),
    };
    match proxy.piece && proxy.clusters.is_empty() {
        true => Finding::warning(
            &place,
            &what,
            "the cluster may be in another file",
            &instead,
        ),
        false => Finding::error(&place, &what, why, &instead),
    }
}

/// Checks that ICAP leaves as raw TCP, through the module's transport role.
fn transport(cluster: &Node, extensions: &[Node]) -> Vec<Finding> {
    let mut found = Vec::new();
    let raw = cluster
        .field("upstream_config")
        .is_some_and(|pool| is_type(&pool.type_name(), "TcpConnectionPoolProto"));
    if !raw {
        found.push(Finding::error(
            &cluster.place,
            "no upstream_config with a TcpConnectionPoolProto",
            "Envoy speaks HTTP to the ICAP server, and every scan fails with \"no connection\"",
            "copy upstream_config of icap_pool in envoy/envoy.yaml",
        ));
    }
    let filters = filters(cluster, extensions);
    // A filter that is a resource of its own may be in another file.
    let carries = filters
        .iter()
        .any(|f| f.plugin.is_some() || f.node.field("config_discovery").is_some());
    if !carries {
        found.push(Finding::error(
            &cluster.place,
            "no icap_transport in http_filters of its HttpProtocolOptions",
            "the filter's bytes do not become ICAP, and every scan fails with \"no connection\"",
            "copy typed_extension_protocol_options of icap_pool in envoy/envoy.yaml",
        ));
    }
    found
}

/// Checks TLS: `icaps` names the service, but only the cluster can encrypt.
fn encryption(cluster: &Node, profiles: &[Rc<Profile>]) -> Option<Finding> {
    let secure = profiles
        .iter()
        .flat_map(|p| services(p))
        .any(|s| s.scheme == "icaps");
    let has_tls = cluster
        .field("transport_socket")
        .or_else(|| cluster.field("transport_socket_matches"))
        .is_some();
    (secure && !has_tls).then(|| {
        Finding::error(
            &cluster.place,
            "icaps in a service_url, and no transport_socket",
            "all content goes to the ICAP server in clear",
            "add the transport_socket of icap_pool in envoy/icaps.yaml",
        )
    })
}

fn services(profile: &Profile) -> impl Iterator<Item = &ServiceUrl> {
    std::iter::once(&profile.service).chain(profile.response_service.as_ref())
}

/// Checks that the health check asks for a service that the server has.
fn health(cluster: &Node, profiles: &[Rc<Profile>]) -> Vec<Finding> {
    let checks = cluster.list("health_checks");
    if checks.is_empty() {
        return vec![Finding::warning(
            &cluster.place,
            "no health check",
            "only requests find a server that hangs, after they waited for response_timeout_ms",
            "copy health_checks of icap_pool in envoy/envoy.yaml, with your service's URL in it",
        )];
    }
    let mut found = Vec::new();
    for check in checks {
        let Some(tcp) = check.field("tcp_health_check") else {
            found.push(Finding::error(
                &check.place,
                "a health check that is no tcp_health_check",
                "no ICAP server responds to that: all are unhealthy, and every scan fails with \"no connection\"",
                "write a tcp_health_check that sends OPTIONS",
            ));
            continue;
        };
        let Some(send) = tcp.field("send") else {
            continue;
        };
        if send.field("binary").is_some() {
            found.push(Finding::error(
                &send.place,
                "a binary payload",
                "Envoy accepts the payload and sends nothing: all servers are unhealthy, and every scan fails with \"no connection\"",
                "write text, each byte as two hexadecimal digits",
            ));
            continue;
        }
        let Some(asked) = unhex(&send.text("text")) else {
            found.push(Finding::error(
                &send.place,
                "a text that is not hexadecimal",
                "Envoy refuses it",
                "write each byte as two hexadecimal digits",
            ));
            continue;
        };
        let url = asked.split(' ').nth(1).unwrap_or_default().to_owned();
        let urls: Vec<String> = profiles
            .iter()
            .flat_map(|p| services(p))
            .map(ServiceUrl::uri)
            .collect();
        if !urls.contains(&url) {
            found.push(Finding::error(
                &send.place,
                &format!("a health check that asks for \"{url}\""),
                "a server that does not have this service is unhealthy, and every scan fails with \"no connection\"",
                &format!("write what asks for {}: {}", urls.join(" or "), urls.first().map_or_else(String::new, |url| options(url))),
            ));
        }
    }
    found
}

/// The OPTIONS request for a service, in hexadecimal digits.
fn options(url: &str) -> String {
    let authority = url.split('/').nth(2).unwrap_or_default();
    let request =
        format!("OPTIONS {url} ICAP/1.0\r\nHost: {authority}\r\nEncapsulated: null-body=0\r\n\r\n");
    request.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<String> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let bytes = digits?
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(high << 4 | low),
            _ => None,
        })
        .collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok()
}

/// Checks the circuit breakers and the panic threshold.
fn balance(cluster: &Node, profiles: &[Rc<Profile>]) -> Vec<Finding> {
    let mut found = Vec::new();
    let panic = cluster
        .field("common_lb_config")
        .and_then(|lb| lb.field("healthy_panic_threshold"))
        .map(|threshold| {
            threshold
                .value
                .get("value")
                .and_then(|v| v.as_f64())
                .unwrap_or_default()
        });
    if panic != Some(0.0) {
        found.push(Finding::warning(
            &cluster.place,
            "healthy_panic_threshold is not 0",
            "where more than that share of the servers is down, Envoy sends scans to dead ones as well",
            "write common_lb_config: {healthy_panic_threshold: {value: 0}}",
        ));
    }
    let wanted = profiles.iter().map(|p| u64::from(p.max_connections)).max();
    let thresholds = cluster
        .field("circuit_breakers")
        .map_or_else(Vec::new, |breakers| breakers.list("thresholds"));
    for threshold in thresholds {
        for name in ["max_connections", "max_pending_requests", "max_requests"] {
            let limit = threshold.number(name).unwrap_or(DEFAULT_THRESHOLD);
            if wanted.is_some_and(|wanted| limit < wanted) {
                found.push(Finding::warning(
                    &format!("{}.{name}", threshold.place),
                    &format!("a circuit breaker of {limit}"),
                    &format!(
                        "the profile's max_connections is {}, for each worker",
                        wanted.unwrap_or_default()
                    ),
                    "write 4096: max_connections of the profile is the limit that shall act",
                ));
            }
        }
    }
    found
}
