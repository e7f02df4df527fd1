//! The usual scene: client, Envoy with one profile, ICAP server, application.

use std::net::SocketAddr;

use hyper::Request;
use serde_json::{Value, json};

use super::application::Application;
use super::client::{Body, Client, HttpResponse, Pending, Version};
use super::envoy::Envoy;
use super::envoy_config::Setup;
use super::eventually;

/// The preview of [`profile`], in bytes.
pub const PREVIEW: usize = 5000;

/// The profile that tests start from, with `changes` to its fields. No OPTIONS: the server sees nothing but the scans.
pub fn profile(changes: Value) -> Value {
    let mut profile = json!({
        "name": "upload-av",
        "cluster": "icap_pool",
        "service_url": "icap://icap.test:1344/scan",
        "request_buffer_size_kb": 51200,
        "enable_preview": true,
        "preview_size_bytes": PREVIEW,
        "response_timeout_ms": 15000,
        "options": {"enabled": false},
    });
    let fields = profile.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        fields.insert(name.clone(), value.clone());
    }
    profile
}

/// A plugin configuration with that one profile, and icap_log in both forms.
pub fn plugin(changes: Value) -> Value {
    json!({"profiles": [profile(changes)], "icap_log": {"text": true, "struct": true}})
}

/// Envoy between a client and an application.
pub struct Scene {
    /// Envoy.
    pub envoy: Envoy,
    /// The application behind it.
    pub application: Application,
}

impl Scene {
    /// Waits until so many workers, and the main thread, know the OPTIONS of their service: the connection idles, or is
    /// closed, once the answer has been read.
    pub async fn until_learned(&self, workers: u64) {
        eventually("every instance to have learned", async || {
            let idle = self
                .envoy
                .stat("wasmcustom.icap_filter.connections_idle")
                .await;
            let closed = self
                .envoy
                .stat("wasmcustom.icap_filter.connections_closed")
                .await;
            (idle + closed > workers).then_some(())
        })
        .await;
    }

    /// Envoy with the usual profile, `changes` to it, and one ICAP server.
    pub async fn new(icap: SocketAddr, changes: Value) -> Self {
        Self::with(icap, changes, |_| {}).await
    }

    /// The same, with changes to the Envoy around it.
    pub async fn with(icap: SocketAddr, changes: Value, adjust: impl FnOnce(&mut Setup)) -> Self {
        let application = Application::start().await;
        let mut setup = Setup::new(&plugin(changes), icap, application.address());
        adjust(&mut setup);
        Self {
            envoy: Envoy::start(&setup).await,
            application,
        }
    }

    /// A client connection.
    pub async fn client(&self, version: Version) -> Client {
        self.envoy.connect(version).await
    }

    /// One request over HTTP/1.1 on a connection of its own.
    pub async fn send(&self, request: Request<Body>) -> HttpResponse {
        self.client(Version::Http1).await.send(request).await
    }

    /// The same without waiting for the answer.
    pub async fn send_in_background(&self, request: Request<Body>) -> Pending {
        self.client(Version::Http1)
            .await
            .send_in_background(request)
    }

    /// Waits for `n` access log entries, so that whatever a request might still have done is done, and fails the test
    /// when a byte has reached the application.
    pub async fn assert_application_untouched(&self, n: usize) {
        if let Some(last) = n.checked_sub(1) {
            self.envoy.log_entry(last).await;
        }
        assert_eq!(self.application.bytes_received(), 0);
    }

    /// icap_log of the `n`-th request.
    pub async fn icap_log(&self, n: usize) -> Value {
        self.envoy.log_entry(n).await["icap_log"].clone()
    }
}
