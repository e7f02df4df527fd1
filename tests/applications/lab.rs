//! Envoy as `envoy/envoy.yaml` has it, before an application, with c-icap and ClamAV.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::certificate::Certificate;
use crate::support::c_icap;
use crate::support::envoy::{Envoy, version};

/// More than what is scanned of an upload.
const LARGE: u64 = 52 << 20;

/// A running Envoy with three listeners.
pub struct Lab {
    /// The Envoy.
    pub envoy: Envoy,
}

/// How the example is changed.
#[derive(Default)]
pub struct Changes {
    /// Fields of the profile.
    pub profile: Value,
    /// Other rules.
    pub rules: Option<Value>,
    /// The application speaks HTTP/2.
    pub http2: bool,
    /// The ICAP server; otherwise c-icap.
    pub icap: Option<SocketAddr>,
    /// What Envoy shows to clients, which then have to speak TLS.
    pub certificate: Option<Certificate>,
}

impl Lab {
    /// The example as it is.
    pub async fn new(application: SocketAddr) -> Self {
        Self::with(application, Changes::default()).await
    }

    /// The example with changes.
    pub async fn with(application: SocketAddr, changes: Changes) -> Self {
        let icap = match changes.icap {
            Some(icap) => icap,
            None => c_icap::address().await,
        };
        let envoy = Envoy::start_with(1, |module, _| {
            bootstrap(application, icap, module, &changes)
        })
        .await;
        Self { envoy }
    }

    /// Where nothing is scanned: the filter is not there.
    pub fn bare(&self) -> SocketAddr {
        self.envoy.listener_named("bare")
    }

    /// Where uploads are scanned, as in the example.
    pub fn scanned(&self) -> SocketAddr {
        self.envoy.listener_named("ingress")
    }

    /// Where responses are scanned too.
    pub fn both(&self) -> SocketAddr {
        self.envoy.listener_named("both")
    }
}

fn bootstrap(application: SocketAddr, icap: SocketAddr, module: &Path, changes: &Changes) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/envoy.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let mut config: Value = serde_yaml_ng::from_str(&text).unwrap();
    config["admin"]["address"]["socket_address"]["port_value"] = json!(0);
    each(&mut config, &mut |fields| {
        if fields.contains_key("filename") {
            fields["filename"] = json!(module.to_str());
        }
        if fields.get("name") == Some(&json!("upload-av")) {
            let profile = changes.profile.as_object();
            fields.extend(profile.cloned().unwrap_or_default());
        }
        if let (Some(rules), true) = (&changes.rules, fields.contains_key("profiles")) {
            fields["rules"] = rules.clone();
        }
    });
    for cluster in config["static_resources"]["clusters"]
        .as_array_mut()
        .unwrap()
    {
        let of_application = cluster["name"] == "application";
        let to = if of_application { application } else { icap };
        let endpoint = &mut cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0];
        endpoint["endpoint"]["address"]["socket_address"] =
            json!({"address": "127.0.0.1", "port_value": to.port()});
        if of_application && changes.http2 {
            cluster["typed_extension_protocol_options"] = json!({
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": {"http2_protocol_options": {}},
                },
            });
        }
    }
    let listeners = &mut config["static_resources"]["listeners"];
    let mut ingress = listeners[0].take();
    ingress["address"]["socket_address"]["port_value"] = json!(0);
    if version() < vec![1, 37] {
        allow_large(&mut ingress);
    }
    if let Some(certificate) = &changes.certificate {
        let file = |path: &Path| json!({"filename": path.to_str()});
        let shown = json!({"certificate_chain": file(&certificate.chain), "private_key": file(&certificate.key)});
        ingress["filter_chains"][0]["transport_socket"] = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {"tls_certificates": [shown]},
            },
        });
    }
    *listeners = json!([ingress, without_filter(&ingress), with_responses(&ingress)]);
    config
}

fn manager(listener: &mut Value) -> &mut Value {
    &mut listener["filter_chains"][0]["filters"][0]["typed_config"]
}

fn without_filter(listener: &Value) -> Value {
    let mut bare = listener.clone();
    bare["name"] = json!("bare");
    let filters = manager(&mut bare)["http_filters"].as_array_mut().unwrap();
    filters.retain(|filter| filter["name"] != "icap_filter");
    bare
}

/// What is held of a response counts against the listener's limit.
fn with_responses(listener: &Value) -> Value {
    let mut both = listener.clone();
    both["name"] = json!("both");
    allow_large(&mut both);
    each(&mut both, &mut |fields| {
        if fields.get("name") == Some(&json!("upload-av")) {
            let service = fields["service_url"].clone();
            fields.insert("response_service_url".to_owned(), service);
        }
        if fields.contains_key("profiles") {
            fields["rules"] = json!([{"name": "all", "match": {}, "action": "enable_icap", "profile": "upload-av"}]);
        }
        if fields.get("vm_id") == Some(&json!("icap-filter")) {
            fields["vm_id"] = json!("icap-filter-both");
        }
    });
    both
}

fn allow_large(listener: &mut Value) {
    listener["per_connection_buffer_limit_bytes"] = json!(LARGE);
    let options = &mut manager(listener)["http2_protocol_options"];
    options["initial_stream_window_size"] = json!(LARGE);
    options["initial_connection_window_size"] = json!(LARGE);
}

/// Every object in `value`, from the outside in.
fn each(value: &mut Value, change: &mut dyn FnMut(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            change(fields);
            fields.values_mut().for_each(|field| each(field, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, change)),
        _ => {}
    }
}
