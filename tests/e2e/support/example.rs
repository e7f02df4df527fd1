//! The configurations in `envoy/`, run as they are but for addresses, file names and the pace of health checks.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::envoy::Envoy;

/// Reads `envoy/NAME.yaml`, and starts Envoy with it. `endpoints` gives the address for each host that the file names;
/// `files` gives the path for each file name beside the module's. Listener and admin get free ports.
pub async fn start(name: &str, endpoints: &[(&str, SocketAddr)], files: &[(&str, &Path)]) -> Envoy {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("envoy/{name}.yaml"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut bootstrap: Value = serde_yaml_ng::from_str(&text).unwrap();
    let mut replaced = Replaced {
        endpoints: endpoints.iter().copied().collect(),
        files: files
            .iter()
            .map(|(name, path)| (*name, path.to_path_buf()))
            .collect(),
    };
    bootstrap["admin"]["address"]["socket_address"]["port_value"] = json!(0);
    bootstrap["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"] =
        json!(0);
    Envoy::start_with(1, |module, _| {
        replaced
            .files
            .insert("target/module/icap_filter.wasm", module.to_owned());
        replaced.walk(&mut bootstrap);
        bootstrap
    })
    .await
}

struct Replaced<'a> {
    endpoints: HashMap<&'a str, SocketAddr>,
    files: HashMap<&'a str, PathBuf>,
}

impl Replaced<'_> {
    fn walk(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.walk(item)),
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    match name.as_str() {
                        "endpoint" => self.endpoint(&mut field["address"]["socket_address"]),
                        "filename" => self.file(field),
                        "interval" | "no_traffic_interval" | "unhealthy_interval" => {
                            *field = json!("0.3s");
                        }
                        _ => self.walk(field),
                    }
                }
            }
            _ => {}
        }
    }

    fn endpoint(&self, socket: &mut Value) {
        let host = socket["address"].as_str().unwrap_or_default();
        let Some(address) = self.endpoints.get(host) else {
            panic!("no server for {host}");
        };
        // A host name stays one, but one that resolves here.
        let resolved = host.parse::<std::net::IpAddr>().is_err();
        let found = if resolved {
            "localhost".to_owned()
        } else {
            address.ip().to_string()
        };
        *socket = json!({"address": found, "port_value": address.port()});
    }

    fn file(&self, name: &mut Value) {
        let path = self.files.get(name.as_str().unwrap_or_default());
        let path = path.unwrap_or_else(|| panic!("no file for {name}"));
        *name = json!(path.to_str());
    }
}
