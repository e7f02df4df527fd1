//! The Envoy configuration that the tests run with, as JSON.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

/// How the plugin configuration is handed to the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `google.protobuf.Struct`: YAML inside Envoy's.
    Struct,
    /// `google.protobuf.StringValue`: JSON text.
    Text,
}

/// What a test chooses; the rest is fixed.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The plugin configuration, as JSON text.
    pub plugin: String,
    /// How it is handed over.
    pub form: Form,
    /// Endpoints of the cluster `icap_pool`.
    pub icap: Vec<SocketAddr>,
    /// The application.
    pub application: SocketAddr,
    /// `per_connection_buffer_limit_bytes` of the listener.
    pub buffer_limit: u32,
    /// Worker threads.
    pub concurrency: u32,
    /// Whether `icap_pool` is health checked with an ICAP OPTIONS.
    pub health_check: bool,
    /// Metadata of the only route.
    pub route_metadata: Option<Value>,
    /// Further ICAP clusters: name and endpoint.
    pub more_pools: Vec<(&'static str, SocketAddr)>,
    /// Further routes, before the one that takes everything to the application.
    pub more_routes: Vec<Value>,
    /// Further access loggers.
    pub more_access_logs: Vec<Value>,
    /// Fields of the connection manager, beside or instead of the usual ones.
    pub manager: Value,
    /// Fields of the bootstrap configuration, beside or instead of the usual ones.
    pub bootstrap: Value,
    /// Whether the listener is read from a file that [`Envoy::update`](super::envoy::Envoy::update) replaces.
    pub listener_from_file: bool,
    /// Changes to the finished bootstrap configuration.
    pub patches: Vec<Patch>,
}

/// A change to a bootstrap configuration.
#[derive(Clone)]
pub struct Patch(Arc<dyn Fn(&mut Value) + Send + Sync>);

impl std::fmt::Debug for Patch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Patch")
    }
}

/// Name of that file.
const LISTENER_FILE: &str = "listener.json";

impl Setup {
    /// One worker, room for 64 MiB, no health check.
    pub fn new(plugin: &Value, icap: SocketAddr, application: SocketAddr) -> Self {
        Self {
            plugin: plugin.to_string(),
            form: Form::Struct,
            icap: vec![icap],
            application,
            buffer_limit: 64 * 1024 * 1024,
            concurrency: 1,
            health_check: false,
            route_metadata: None,
            more_pools: Vec::new(),
            more_routes: Vec::new(),
            more_access_logs: Vec::new(),
            manager: json!({}),
            bootstrap: json!({}),
            listener_from_file: false,
            patches: Vec::new(),
        }
    }

    /// Changes the bootstrap configuration, once it is complete.
    pub fn patch(&mut self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.patches.push(Patch(Arc::new(change)));
    }

    /// Changes the cluster `icap_pool`.
    pub fn patch_pool(&mut self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.patch(move |bootstrap| {
            let clusters = bootstrap["static_resources"]["clusters"]
                .as_array_mut()
                .unwrap();
            let pool = clusters
                .iter_mut()
                .find(|cluster| cluster["name"] == "icap_pool");
            change(pool.unwrap());
        });
    }

    /// Puts the listener's file into `directory`, in one step as Envoy wants it.
    pub fn write_listener(&self, module: &Path, directory: &Path) {
        let mut listener = self.listener(module, directory);
        listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
        let new = directory.join("listener.new");
        std::fs::write(&new, json!({"resources": [listener]}).to_string()).unwrap();
        std::fs::rename(&new, directory.join(LISTENER_FILE)).unwrap();
    }

    /// The bootstrap configuration. Access logs go into `directory`.
    pub fn bootstrap(&self, module: &Path, directory: &Path) -> Value {
        let pools = self.more_pools.iter();
        let mut clusters: Vec<Value> = pools
            .map(|(name, endpoint)| self.icap_cluster(name, &[*endpoint], module))
            .collect();
        clusters.push(self.icap_cluster("icap_pool", &self.icap, module));
        clusters.push(self.application_cluster());
        let mut bootstrap = json!({
            "admin": {"address": address("127.0.0.1:0".parse().unwrap())},
            "static_resources": {"clusters": clusters},
        });
        if self.listener_from_file {
            self.write_listener(module, directory);
            bootstrap["node"] = json!({"id": "e2e", "cluster": "e2e"});
            bootstrap["dynamic_resources"] = json!({"lds_config": {
                "resource_api_version": "V3",
                "path_config_source": {"path": directory.join(LISTENER_FILE).to_str()},
            }});
        } else {
            bootstrap["static_resources"]["listeners"] = json!([self.listener(module, directory)]);
        }
        put_in(&mut bootstrap, &self.bootstrap);
        for Patch(change) in &self.patches {
            change(&mut bootstrap);
        }
        bootstrap
    }

    fn listener(&self, module: &Path, directory: &Path) -> Value {
        let configuration = match self.form {
            Form::Struct => {
                let value: Value = serde_json::from_str(&self.plugin).unwrap();
                json!({"@type": "type.googleapis.com/google.protobuf.Struct", "value": value})
            }
            Form::Text => string_value(&self.plugin),
        };
        let mut route = json!({
            "match": {"prefix": "/"},
            "route": {"cluster": "application", "timeout": "60s"},
        });
        if let Some(metadata) = &self.route_metadata {
            route["metadata"] = json!({"filter_metadata": {"icap_filter": metadata}});
        }
        let mut routes = self.more_routes.clone();
        routes.push(route);
        let mut loggers = access_logs(directory);
        loggers.extend(self.more_access_logs.iter().cloned());
        let mut manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "ingress",
            "codec_type": "AUTO",
            "http_protocol_options": {"enable_trailers": true},
            // A stream's window is also the limit of what a filter may buffer of it.
            "http2_protocol_options": {
                "initial_stream_window_size": self.buffer_limit.max(65535),
                "initial_connection_window_size": self.buffer_limit.max(65535),
            },
            "access_log": loggers,
            "route_config": {
                "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}],
            },
            "http_filters": [
                wasm_filter("icap_filter", module, &configuration),
                {
                    "name": "envoy.filters.http.router",
                    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
                },
            ],
        });
        put_in(&mut manager, &self.manager);
        json!({
            "name": "ingress",
            "address": address("127.0.0.1:0".parse().unwrap()),
            "per_connection_buffer_limit_bytes": self.buffer_limit,
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager,
            }]}],
        })
    }

    /// HTTP streams to this cluster go out as raw TCP payload; the module's transport role takes the gRPC framing off.
    fn icap_cluster(&self, name: &str, endpoints: &[SocketAddr], module: &Path) -> Value {
        let mut cluster = cluster(name, endpoints);
        cluster["upstream_config"] = json!({
            "name": "envoy.filters.connection_pools.http.tcp",
            "typed_config": {"@type": "type.googleapis.com/envoy.extensions.upstreams.http.tcp.v3.TcpConnectionPoolProto"},
        });
        cluster["typed_extension_protocol_options"] = http_protocol_options(json!({
            "explicit_http_config": {"http2_protocol_options": {}},
            "http_filters": [
                wasm_filter("icap_transport", module, &string_value(r#"{"role": "transport"}"#)),
                {
                    "name": "envoy.filters.http.upstream_codec",
                    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"},
                },
            ],
        }));
        cluster["circuit_breakers"] = json!({"thresholds": [{
            "max_connections": 1024, "max_pending_requests": 1024, "max_requests": 1024,
        }]});
        if self.health_check {
            let options = "OPTIONS icap://health.test/scan ICAP/1.0\r\nHost: health.test\r\n\r\n";
            cluster["health_checks"] = json!([{
                "timeout": "1s",
                "interval": "1s",
                "no_traffic_interval": "1s",
                "unhealthy_threshold": 1,
                "healthy_threshold": 1,
                "tcp_health_check": {
                    "send": {"text": hex(options)},
                    "receive": [{"text": hex("ICAP/1.0 200")}],
                },
            }]);
        }
        cluster
    }

    fn application_cluster(&self) -> Value {
        let mut cluster = cluster("application", &[self.application]);
        cluster["typed_extension_protocol_options"] = http_protocol_options(json!({
            "explicit_http_config": {"http_protocol_options": {"enable_trailers": true}},
        }));
        cluster
    }
}

/// Puts every field of `fields` into `object`.
fn put_in(object: &mut Value, fields: &Value) {
    for (name, value) in fields.as_object().unwrap() {
        object[name] = value.clone();
    }
}

/// A static cluster with these endpoints.
pub fn cluster(name: &str, endpoints: &[SocketAddr]) -> Value {
    let endpoints: Vec<Value> = endpoints
        .iter()
        .map(|endpoint| json!({"endpoint": {"address": address(*endpoint)}}))
        .collect();
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    })
}

fn wasm_filter(name: &str, module: &Path, configuration: &Value) -> Value {
    json!({
        "name": name,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": name,
                "allow_on_headers_stop_iteration": true,
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "vm_id": name,
                    "code": {"local": {"filename": module.to_str()}},
                },
                "configuration": configuration,
            },
        },
    })
}

/// The options of a cluster's HTTP.
pub fn http_protocol_options(mut options: Value) -> Value {
    const NAME: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    options["@type"] = json!(format!("type.googleapis.com/{NAME}"));
    json!({NAME: options})
}

/// Two logs of the same requests, because each shows icap_log its own way: as text, nested by the format, and typed.
fn access_logs(directory: &Path) -> Vec<Value> {
    let fields = [
        ("code", "%RESPONSE_CODE%"),
        ("details", "\"%RESPONSE_CODE_DETAILS%\""),
        ("flags", "\"%RESPONSE_FLAGS%\""),
        ("protocol", "\"%PROTOCOL%\""),
        ("method", "\"%REQ(:METHOD)%\""),
        ("duration", "%DURATION%"),
        ("icap_action", "\"%FILTER_STATE(wasm.icap_action:PLAIN)%\""),
        (
            "icap_significant",
            "\"%FILTER_STATE(wasm.icap_significant:PLAIN)%\"",
        ),
        ("icap_log", "%FILTER_STATE(wasm.icap_log:PLAIN)%"),
    ]
    .map(|(name, value)| format!("\"{name}\":{value}"))
    .join(",");
    let log = |file: &str, format: Value| {
        json!({
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": directory.join(file).to_str(),
                "log_format": format,
            },
        })
    };
    vec![
        log(
            super::envoy::PLAIN_LOG,
            json!({"text_format_source": {"inline_string": format!("{{{fields}}}\n")}}),
        ),
        log(
            super::envoy::TYPED_LOG,
            json!({"json_format": {"icap_log": "%FILTER_STATE(wasm.icap_log_struct:TYPED)%"}}),
        ),
    ]
}

fn string_value(text: &str) -> Value {
    json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text})
}

/// A socket address as Envoy writes it.
pub fn address(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

/// Bytes as Envoy's TCP health checker writes them.
pub fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
