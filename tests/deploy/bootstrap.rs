//! A minimal Envoy configuration that takes what a manifest adds.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::yaml::{mappings, mappings_mut};
use crate::{envoy, root};

/// The name of the network filter that holds the HTTP filters.
pub const HCM: &str = "envoy.filters.network.http_connection_manager";
/// The last HTTP filter.
pub const ROUTER: &str = "envoy.filters.http.router";
/// Where the manifests expect the module in the proxy's container.
pub const MODULE: &str = "/var/local/icap-filter/plugin.wasm";
/// The ICAP servers' name and port, those of the chart's Service.
pub const ICAP_HOST: &str = "c-icap.icap.svc.cluster.local";
/// See [`ICAP_HOST`].
pub const ICAP_PORT: u16 = 1344;

/// The limits of what is held of a connection or stream, in both directions.
const BOTH_WAYS: [&str; 3] = [
    "per_connection_buffer_limit_bytes",
    "initial_stream_window_size",
    "initial_connection_window_size",
];

/// The limit of the examples for uploads.
pub const LIFTED: u64 = 52 << 20;

/// The parts of a configuration.
#[derive(Debug)]
pub struct Parts {
    /// What the control plane's own bootstrap takes in.
    pub bootstrap: Value,
    /// The listener.
    pub listener: Value,
    /// The clusters that were added.
    pub clusters: Vec<Value>,
    /// Filters that are resources of their own.
    pub extensions: Vec<Value>,
}

impl Parts {
    /// A proxy before anything was added: two routes to an application.
    pub fn new(listener: &str, application_port: u16) -> Self {
        let route = |name: &str, prefix: &str| json!({"name": name, "match": {"prefix": prefix}, "route": {"cluster": "application"}});
        Self {
            bootstrap: json!({}),
            listener: json!({
                "name": listener,
                "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
                "filter_chains": [{"filters": [{
                    "name": HCM,
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                        "stat_prefix": "ingress",
                        "http2_protocol_options": {"max_concurrent_streams": 100},
                        "route_config": {"virtual_hosts": [{
                            "name": "all",
                            "domains": ["*"],
                            "routes": [route("health", "/health"), route("uploads", "/")],
                        }]},
                        "http_filters": [{
                            "name": ROUTER,
                            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
                        }],
                    },
                }]}],
            }),
            clusters: vec![json!({
                "name": "application",
                "type": "STATIC",
                "load_assignment": {"cluster_name": "application", "endpoints": [{"lb_endpoints": [{
                    "endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": application_port}}},
                }]}]},
            })],
            extensions: Vec::new(),
        }
    }

    /// The HTTP connection manager.
    pub fn hcm(&mut self) -> &mut Value {
        &mut self.listener["filter_chains"][0]["filters"][0]["typed_config"]
    }

    /// Adds fields to it; the filters among them go before the router.
    pub fn merge_into_hcm(&mut self, mut fields: Map<String, Value>) {
        if let Some(Value::Array(filters)) = fields.remove("http_filters") {
            self.http_filters().splice(0..0, filters);
        }
        self.hcm().as_object_mut().unwrap().extend(fields);
    }

    /// Its filters.
    pub fn http_filters(&mut self) -> &mut Vec<Value> {
        self.hcm()["http_filters"].as_array_mut().unwrap()
    }

    /// Its virtual host.
    pub fn virtual_host(&mut self) -> &mut Value {
        &mut self.hcm()["route_config"]["virtual_hosts"][0]
    }

    /// Its routes.
    pub fn routes(&mut self) -> &mut Vec<Value> {
        self.virtual_host()["routes"].as_array_mut().unwrap()
    }

    /// The route of that name.
    pub fn route(&mut self, name: &str) -> &mut Value {
        let mut routes = self.routes().iter_mut();
        routes.find(|route| route["name"] == name).unwrap()
    }

    /// Writes the configuration into `directory`, with what is of another machine changed to this one: the module's place, the
    /// ICAP server's address, and the control plane as the source of filters.
    pub fn write(mut self, directory: &Path, icap_port: u16) -> PathBuf {
        let mut config = json!({
            "node": {"id": "test", "cluster": "test"},
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
            "static_resources": {"listeners": [self.listener], "clusters": self.clusters},
        });
        let fields = self.bootstrap.as_object().unwrap().clone();
        config.as_object_mut().unwrap().extend(fields);
        localise(&mut config, icap_port);
        if !envoy::lifts_by_route() {
            lift(&mut config);
        }
        for resource in &mut self.extensions {
            resource["@type"] =
                "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig".into();
            localise(resource, icap_port);
            let file = extension_file(directory, &resource["name"]);
            std::fs::write(file, json!({"resources": [resource]}).to_string()).unwrap();
        }
        discover_from(&mut config, directory);
        let path = directory.join("envoy.json");
        std::fs::write(&path, config.to_string()).unwrap();
        path
    }
}

/// Every filter of ours that scans stands directly after one of Envoy's own that looks up the route.
///
/// In a chain the filter that comes first.
pub fn check_route_lookup(config: &Value) {
    let lookup =
        "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation";
    let mut found = 0;
    mappings(config, &mut |fields| {
        let Some(filters) = fields.get("http_filters").and_then(Value::as_array) else {
            return;
        };
        for (place, filter) in filters.iter().enumerate() {
            if ["icap_filter", "icap-filter", "icap_antivirus"]
                .iter()
                .all(|name| filter["name"] != *name)
            {
                continue;
            }
            found += 1;
            let before = place.checked_sub(1).map(|place| &filters[place]);
            let before = before.unwrap_or_else(|| panic!("nothing is before {filter}"));
            assert_eq!(before["typed_config"], json!({"@type": lookup}));
        }
    });
    assert_eq!(found, 1);
}

/// Every configuration of ours has the rules of README, leaves gRPC out, and does without a scanner that lets EICAR pass.
pub fn check_rules(config: &Value) -> usize {
    let mut found = 0;
    mappings(&read_texts(config), &mut |fields| {
        let Some(profiles) = fields.get("profiles").and_then(Value::as_array) else {
            return;
        };
        found += 1;
        let first = profiles[0]["name"].as_str().unwrap();
        // DLP finds other things than the test file. Its rules have a name of their own behind the antivirus' filter.
        let suffix = if first == "dlp" { "-dlp" } else { "" };
        for profile in profiles.iter().filter(|_| suffix.is_empty()) {
            let test = json!({"enabled": true, "fail_profile": true});
            assert_eq!(profile["self_test"], test, "{profile}");
        }
        let rules = json!([
            {
                "name": format!("grpc{suffix}"),
                "match": {
                    "method": "POST",
                    "content_type": [{"exact": "application/grpc"}, {"prefix": "application/grpc+"}],
                    "path": {"regex": r"/([A-Za-z_]\w*\.)+[A-Z]\w*/\w+"},
                },
                "action": "bypass",
            },
            {
                "name": format!("scan-uploads{suffix}"),
                "match": {"method": ["POST", "PUT", "PATCH"], "has_body": true},
                "action": "enable_icap",
                "profile": first,
            },
        ]);
        assert_eq!(fields.get("rules"), Some(&rules));
    });
    found
}

/// Does what the comments beside `request_body_buffer_limit` say of an Envoy in which it has no effect.
pub fn lift(config: &mut Value) {
    mappings_mut(config, &mut |fields| {
        if fields.contains_key("filter_chains") {
            fields.insert(
                "per_connection_buffer_limit_bytes".to_owned(),
                LIFTED.into(),
            );
        }
        let http2 = fields.get_mut("http2_protocol_options");
        if let Some(http2) = http2.filter(|o| o.get("initial_stream_window_size").is_some()) {
            http2["initial_stream_window_size"] = LIFTED.into();
            http2["initial_connection_window_size"] = LIFTED.into();
        }
    });
}

/// The built module.
pub fn module() -> PathBuf {
    let path = std::env::var_os("ICAP_FILTER_WASM").map_or_else(
        || root().join("target/module/icap_filter.wasm"),
        PathBuf::from,
    );
    assert!(path.is_file(), "{} is not built", path.display());
    path
}

fn localise(value: &mut Value, icap_port: u16) {
    mappings_mut(value, &mut |fields| {
        if let Some(file) = fields.get_mut("filename") {
            assert_eq!(file, MODULE);
            *file = module().to_str().unwrap().into();
        }
        if fields.get("address").is_some_and(|a| a == ICAP_HOST) {
            assert_eq!(fields["port_value"], ICAP_PORT);
            fields["address"] = "127.0.0.1".into();
            fields["port_value"] = icap_port.into();
        }
    });
}

/// The file that has a filter which is a resource of its own; Envoy takes one of each.
fn extension_file(directory: &Path, name: &Value) -> PathBuf {
    directory.join(format!("{}.json", name.as_str().unwrap()))
}

fn discover_from(config: &mut Value, directory: &Path) {
    mappings_mut(config, &mut |fields| {
        let Some(name) = fields.get("name").cloned() else {
            return;
        };
        let Some(discovery) = fields.get_mut("config_discovery") else {
            return;
        };
        let file = extension_file(directory, &name);
        assert!(file.is_file(), "{name} is nowhere");
        let source = discovery["config_source"].as_object_mut().unwrap();
        assert!(source.remove("ads").is_some());
        source.insert("path_config_source".to_owned(), json!({"path": file}));
    });
}

/// What the filters in a configuration must agree on: the buffer for uploads holds what is scanned, and no other does; the
/// health check asks for the profile's service, the roles have a virtual machine each, and a stream that hangs ends, but
/// not before a scan does.
pub fn check_agreement(config: &Value) {
    let mut profiles = Vec::new();
    let mut checks = Vec::new();
    let mut limits = Vec::new();
    let mut machines = Vec::new();
    let mut idle = Vec::new();
    mappings(&read_texts(config), &mut |fields| {
        if let Some(list) = fields.get("profiles") {
            profiles.extend(list.as_array().unwrap().iter().cloned());
        }
        if let Some(check) = fields.get("tcp_health_check") {
            checks.push(unhex(check["send"]["text"].as_str().unwrap()));
        }
        machines.extend(fields.get("vm_id").cloned());
        limits.extend(fields.get("request_body_buffer_limit").cloned());
        idle.extend(fields.get("stream_idle_timeout").cloned());
        for name in BOTH_WAYS {
            let limit = fields.get(name).and_then(Value::as_u64).unwrap_or_default();
            assert!(limit <= 1 << 20, "{name}: downloads may fill {limit} bytes");
        }
    });
    assert!(!profiles.is_empty() && !checks.is_empty() && !limits.is_empty());
    // Filters in a chain share a machine, and so do the ways to their servers.
    machines.sort_by_key(Value::to_string);
    machines.dedup();
    assert_eq!(machines.len(), 2, "{machines:?}");
    assert_eq!(idle.len(), 1, "{idle:?}");
    let idle: u64 = idle[0]
        .as_str()
        .unwrap()
        .trim_end_matches('s')
        .parse()
        .unwrap();
    for profile in &profiles {
        let largest = profile["request_buffer_size_kb"].as_u64().unwrap() * 1024;
        for limit in &limits {
            let limit = limit.as_u64().unwrap();
            assert!(limit > largest, "{limit}, and a body may have {largest}");
        }
        if let Some(time) = profile["response_timeout_ms"].as_u64() {
            assert!(
                idle * 1000 > time,
                "{idle} s, and a scan may take {time} ms"
            );
        }
        let service = profile["service_url"].as_str().unwrap();
        let (_, host) = service.split_once("://").unwrap();
        let host = host.split_once('/').unwrap().0;
        let options = format!(
            "OPTIONS {service} ICAP/1.0\r\nHost: {host}\r\nEncapsulated: null-body=0\r\n\r\n"
        );
        assert!(
            checks.contains(&options),
            "{checks:?} ask not for {service}"
        );
    }
}

/// The configuration with the JSON of its `StringValue`s read.
fn read_texts(config: &Value) -> Value {
    let mut config = config.clone();
    mappings_mut(&mut config, &mut |fields| {
        let type_url = "type.googleapis.com/google.protobuf.StringValue";
        if fields.get("@type").is_some_and(|t| t == type_url) {
            let text = fields["value"].as_str().unwrap();
            fields["value"] = serde_json::from_str(text).unwrap();
        }
    });
    config
}

fn unhex(text: &str) -> String {
    let digits: Vec<char> = text.chars().collect();
    let bytes = digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap());
    String::from_utf8(bytes.collect()).unwrap()
}
