//! HTTP/3 in front of Envoy: a listener beside the usual one, and a client, `http3_client.py` beside this file.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::client::HttpResponse;
use super::envoy::Envoy;
use super::envoy_config::Setup;
use super::http_body::{Kind, TRAILER};
use super::pyicap::python;

/// The name of the listener.
pub const LISTENER: &str = "ingress_http3";

/// Whether the Python of the tests has an HTTP/3 client.
pub fn is_there() -> bool {
    let found = Command::new(python())
        .args(["-c", "import aioquic"])
        .output();
    found.is_ok_and(|output| output.status.success())
}

/// Adds a listener for HTTP/3 that does what the usual one does. The certificate is made in `directory`.
pub fn listen(setup: &mut Setup, directory: &Path) {
    let (key, certificate) = (directory.join("key.pem"), directory.join("cert.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=app.test",
        ])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    setup.patch(move |bootstrap| {
        let listeners = bootstrap["static_resources"]["listeners"].as_array_mut().unwrap();
        let mut listener = listeners[0].clone();
        listener["name"] = json!(LISTENER);
        listener["address"]["socket_address"]["protocol"] = json!("UDP");
        listener["udp_listener_config"] = json!({"quic_options": {}});
        let chain = &mut listener["filter_chains"][0];
        chain["transport_socket"] = json!({
            "name": "envoy.transport_sockets.quic",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport",
                "downstream_tls_context": {"common_tls_context": {"tls_certificates": [{
                    "certificate_chain": {"filename": certificate},
                    "private_key": {"filename": key},
                }]}},
            },
        });
        let manager = &mut chain["filters"][0]["typed_config"];
        manager["codec_type"] = json!("HTTP3");
        manager["http3_protocol_options"] = json!({});
        listeners.push(listener);
    });
}

/// The client.
pub struct Http3 {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Http3 {
    /// A client of that Envoy.
    pub fn new(envoy: &Envoy) -> Self {
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/support/http3_client.py");
        let mut process = Command::new(python())
            .arg(script)
            .arg(envoy.listener_named(LISTENER).port().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            to: process.stdin.take().unwrap(),
            from: BufReader::new(process.stdout.take().unwrap()),
            process,
        }
    }

    /// Sends a request with such a body, on a connection of its own.
    ///
    /// # Errors
    /// There is no answer.
    pub fn send(
        &mut self,
        method: &str,
        kind: Kind,
        content: &Bytes,
    ) -> Result<HttpResponse, String> {
        let content = kind.content(content);
        let mut headers = vec![("te", "trailers".to_owned())];
        if kind == Kind::Length {
            headers.push(("content-length", content.len().to_string()));
        }
        let hex = content
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        let request = json!({
            "method": method,
            "path": "/path",
            "headers": headers,
            "body": if kind == Kind::None { Value::Null } else { json!(hex) },
            "trailers": if kind == Kind::Trailers { json!([TRAILER]) } else { json!([]) },
        });
        writeln!(self.to, "{request}").unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).map_err(|e| format!("{e}: {line}"))?;
        if let Some(error) = answer["error"].as_str() {
            return Err(error.to_owned());
        }
        let hex = answer["body"].as_str().unwrap().as_bytes();
        let digit = |digit: &u8| char::from(*digit).to_digit(16).unwrap() as u8;
        Ok(HttpResponse {
            status: u16::try_from(answer["status"].as_u64().unwrap()).unwrap(),
            headers: fields(&answer["headers"]),
            body: hex
                .chunks(2)
                .map(|two| digit(&two[0]) << 4 | digit(&two[1]))
                .collect(),
            trailers: fields(&answer["trailers"]),
        })
    }
}

impl Drop for Http3 {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn fields(list: &Value) -> HeaderMap {
    let list = list.as_array().unwrap().iter();
    list.map(|field| {
        let [name, value] = [0, 1].map(|n| field[n].as_str().unwrap());
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    })
    .collect()
}
