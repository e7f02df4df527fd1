//! One Envoy for many chains: each row has a listener, a route and an application of its own.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::filters;
use crate::outcome::{BUFFER_KB, PREVIEW};
use crate::rows::{LIMIT, Place, Row};
use crate::support::envoy_config::{Setup, cluster};
use crate::support::scene;

/// The cluster of the authorization service.
pub const AUTHZ: &str = "authz";
/// The cluster of the external processor.
pub const PROCESSOR: &str = "processor";
/// The cluster that gets copies of requests: the row's own application, by another name.
pub const MIRROR: &str = "mirror";
/// The cluster of the error page.
pub const ERROR_PAGE: &str = "error_page";

/// What stands around the rows.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// The ICAP server.
    pub scanner: SocketAddr,
    /// The authorization service.
    pub authz: SocketAddr,
    /// The external processor.
    pub processor: SocketAddr,
    /// The error page's application.
    pub error_page: SocketAddr,
}

/// The profile of every row: what can fail open does.
pub fn changes() -> Value {
    json!({
        "request_buffer_size_kb": BUFFER_KB,
        "response_buffer_size_kb": BUFFER_KB,
        "preview_size_bytes": PREVIEW,
        "fail_action": "fail_open",
        "large_upload_fail_action": "fail_open",
    })
}

/// A filter of ours with that profile, and `more` changes to it.
pub fn icap_filter(name: &str, module: &Path, more: Value) -> Value {
    let mut profile = changes();
    for (field, value) in more.as_object().unwrap() {
        profile[field] = value.clone();
    }
    json!({
        "name": name,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "icap_filter",
                "allow_on_headers_stop_iteration": true,
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "vm_id": "icap_filter",
                    "code": {"local": {"filename": module.to_str()}},
                },
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.Struct",
                    "value": scene::plugin(profile),
                },
            },
        },
    })
}

/// A gate for our filter, in the same virtual machine.
fn gate(module: &Path) -> Value {
    let mut gate = icap_filter("icap_gate", module, json!({}));
    gate["typed_config"]["config"]["configuration"]["value"] = json!({"role": "gate"});
    gate
}

/// The filters of a request chain: the neighbour before or after ours.
fn chain(row: &Row, module: &Path) -> Vec<Value> {
    let mut chain = row.filters.clone();
    for neighbour in &mut chain {
        if neighbour["name"] == "icap_filter" {
            neighbour["name"] = json!("icap_filter_other");
        }
    }
    let place = if row.place == Place::Before {
        chain.len()
    } else {
        0
    };
    chain.insert(
        place,
        icap_filter("icap_filter", module, row.profile.clone()),
    );
    if row.gated {
        chain.insert(place, gate(module));
    }
    chain.push(filters::router());
    chain
}

/// The whole configuration. `rows` come with the addresses of their applications.
pub fn bootstrap(
    rows: &[(Row, SocketAddr)],
    around: Surroundings,
    module: &Path,
    directory: &Path,
) -> Value {
    let setup = Setup::new(&scene::plugin(json!({})), around.scanner, around.error_page);
    let mut bootstrap = setup.bootstrap(module, directory);
    let usual = bootstrap["static_resources"]["listeners"][0].take();
    let mut clusters = vec![
        // Without the application's, which each row has for itself.
        bootstrap["static_resources"]["clusters"][0].take(),
        cluster(AUTHZ, &[around.authz]),
        cluster(ERROR_PAGE, &[around.error_page]),
    ];
    let mut processor = cluster(PROCESSOR, &[around.processor]);
    processor["typed_extension_protocol_options"] = json!({
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        },
    });
    clusters.push(processor);
    let mut listeners = Vec::new();
    for (row, application) in rows {
        clusters.push(cluster(&row.slug(), &[*application]));
        if row.action.get("request_mirror_policies").is_some() {
            clusters.push(cluster(MIRROR, &[*application]));
        }
        listeners.push(listener(&usual, row, module, directory));
    }
    bootstrap["static_resources"] = json!({"listeners": listeners, "clusters": clusters});
    // A page with all of them is asked for again and again.
    bootstrap["stats_config"] = json!({"stats_matcher": {"inclusion_list": {"patterns": [
        {"suffix": "_cx_rx_bytes_total"},
    ]}}});
    bootstrap
}

fn listener(usual: &Value, row: &Row, module: &Path, directory: &Path) -> Value {
    let mut listener = usual.clone();
    listener["name"] = json!(row.slug());
    listener["per_connection_buffer_limit_bytes"] = json!(row.limit);
    let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
    manager["stat_prefix"] = json!(row.slug());
    manager["http2_protocol_options"] = json!({
        "initial_stream_window_size": row.limit.max(65535), "initial_connection_window_size": LIMIT,
    });
    manager["access_log"] = json!([{
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": directory.join(row.slug()).to_str(),
            "log_format": {"text_format_source": {"inline_string":
                "%REQ(X-CASE)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %FILTER_STATE(wasm.icap_log:PLAIN)%\n"}},
        },
    }]);
    manager["http_filters"] = json!(chain(row, module));
    manager["route_config"] = routes(row);
    listener
}

fn routes(row: &Row) -> Value {
    let mut action = json!({"cluster": row.slug(), "timeout": "60s"});
    for (field, value) in row.action.as_object().unwrap() {
        action[field] = value.clone();
    }
    let mut route = json!({"match": {"prefix": "/"}, "route": action});
    for (field, value) in row.route.as_object().unwrap() {
        route[field] = value.clone();
    }
    let error_page = json!({
        "match": {"path": "/error-page"},
        "route": {"cluster": ERROR_PAGE},
        "metadata": {"filter_metadata": {"icap_filter": {"disabled": true}}},
    });
    let mut routes = vec![error_page];
    match &row.routes {
        Some(own) => routes.extend(own.as_array().unwrap().iter().cloned()),
        None => routes.push(route),
    }
    let mut host = json!({"name": "all", "domains": ["*"], "routes": routes});
    if row.name == "cors" {
        host["typed_per_filter_config"] = json!({"envoy.filters.http.cors": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
            "allow_origin_string_match": [{"prefix": "http://"}],
            "allow_methods": "POST",
        }});
    }
    json!({"virtual_hosts": [host]})
}
