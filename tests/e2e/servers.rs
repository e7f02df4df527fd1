//! ICAP servers of others, with all that they ask for in their OPTIONS: a server on pyicap, and c-icap's services that
//! filter URLs and texts. `eicar`, `bodies` and `partial` do the same for c-icap's virus scanner and examples.

use std::collections::HashSet;
use std::net::SocketAddr;

use bytes::Bytes;
use hyper::{Method, Request};
use serde_json::{Value, json};

use crate::support::c_icap::{
    self, BLOCKED_HOST, BLOCKED_URL, CONTENT_LIMIT, FORBIDDEN, MARKED_HOST, MASK,
    QUIETLY_BLOCKED_HOST, SECRET,
};
use crate::support::client::{Body, VERSIONS, Version, request_with, sized, unsized_body};
use crate::support::payload::{MIB, assert_same_bytes, pattern};
use crate::support::pyicap::{BLOCKED_MARK, CHANGED_MARK, CHANGED_TO, PAGE, Pyicap};
use crate::support::scene::Scene;

/// Nothing, within the preview of 1024 bytes that these servers ask for, past it, and many chunks.
const SIZES: [usize; 4] = [0, 1000, 1025, MIB + 1];

/// Where a mark stands, and how long the body around it is: all there is, in the preview, across its edge, far behind.
const PLACES: [(usize, usize); 4] = [(0, 0), (500, 3000), (1018, 3000), (MIB, MIB + 5000)];

/// Envoy before one service.
struct Service {
    scene: Scene,
    sent: usize,
}

/// How a request ended: the client's answer, and icap_log.
struct Outcome {
    status: u16,
    text: String,
    log: Value,
}

impl Service {
    /// A service of the shared c-icap.
    async fn of_c_icap(name: &str) -> Self {
        let url = format!("icap://icap.test/{name}");
        Self::at(c_icap::address().await, json!({"service_url": url})).await
    }

    async fn of_pyicap(server: &Pyicap, mut changes: Value) -> Self {
        changes["service_url"] = json!("icap://icap.test/marks");
        Self::at(server.address(), changes).await
    }

    async fn at(address: SocketAddr, mut changes: Value) -> Self {
        changes["options"] = json!({"enabled": true});
        let scene = Scene::new(address, changes).await;
        scene.until_learned(1).await;
        Self { scene, sent: 0 }
    }

    async fn send(&mut self, version: Version, request: Request<Body>) -> Outcome {
        let answer = self.scene.client(version).await.send(request).await;
        let log = self.scene.icap_log(self.sent).await;
        self.sent += 1;
        Outcome {
            status: answer.status,
            text: answer.text(),
            log,
        }
    }

    /// Sends a request that ends with `action` and the server's `code`, and demands `body` from the application. Gives
    /// back the value of the field `x-category` there, and icap_log.
    async fn assert_arrives(
        &mut self,
        case: &str,
        (version, request): (Version, Request<Body>),
        body: &[u8],
        (action, code): (&str, u16),
    ) -> (Option<String>, Value) {
        let Outcome { status, log, .. } = self.send(version, request).await;
        assert_eq!(status, 200, "{case}: {log}");
        let received = self.scene.application.next().await;
        assert_same_bytes(case, &received.body, body);
        assert_eq!(log["action"], action, "{case}: {log}");
        assert_eq!(
            log["request_logs"][0]["icap_response_code"], code,
            "{case}: {log}"
        );
        let category = received.head.get("x-category").map(str::to_owned);
        (category, log)
    }

    /// Sends clean texts of all sizes in every way; `code` is what the server answers to a body of that size.
    async fn assert_clean_pass(&mut self, code: impl Fn(usize) -> u16) {
        for version in VERSIONS {
            for size in SIZES {
                let bytes = pattern(size);
                for (framing, body) in both_framings(&bytes) {
                    let case = format!("{version:?} {framing} {size}");
                    let request = (version, text("app.test", "/clean", body));
                    let expected = ("ICAP_PASSED", code(size));
                    let (_, log) = self.assert_arrives(&case, request, &bytes, expected).await;
                    let entry = &log["request_logs"][0];
                    assert_eq!(entry.get("reason"), None, "{case}: {log}");
                }
            }
        }
    }

    /// Sends a request that the server blocks, and demands what icap_log has of it.
    async fn assert_blocked(
        &mut self,
        (version, request): (Version, Request<Body>),
        code: u16,
        page: &str,
        reason: &str,
    ) {
        let Outcome { status, text, log } = self.send(version, request).await;
        assert_eq!(status, 403, "{log}");
        assert!(text.contains(page), "{text}");
        assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");
        assert_eq!(log["significance"], json!(["ADF_ICAP_BLOCKED"]), "{log}");
        let entry = &log["request_logs"][0];
        assert_eq!(entry["action"], "ICAP_BLOCKED", "{log}");
        assert_eq!(entry["icap_response_code"], code, "{log}");
        assert_eq!(entry["reason"], reason, "{log}");
    }

    async fn assert_application_untouched(&self) {
        self.scene.assert_application_untouched(self.sent).await;
    }

    /// Demands that every scan but the first went over a connection that had been there.
    async fn assert_one_connection(&self) {
        let reused = "wasmcustom.icap_filter.connections_reused";
        let reuses = self.sent.saturating_sub(1) as u64;
        self.scene.envoy.until_stat(reused, reuses).await;
        // The others are for the OPTIONS, of the worker and of the main thread, before there was any request.
        assert_eq!(self.scene.envoy.metric("connections_opened").await, 3);
        assert_eq!(self.scene.envoy.metric("options_failed").await, 0);
    }
}

/// A POST of a text.
fn text(host: &str, path: &str, body: Body) -> Request<Body> {
    let fields = [("content-type", "text/plain")];
    let mut request = request_with(Method::POST, path, &fields, body);
    *request.uri_mut() = format!("http://{host}{path}").parse().unwrap();
    request
}

/// The same bytes with and without `content-length`.
fn both_framings(bytes: &Bytes) -> [(&'static str, Body); 2] {
    [
        ("sized", sized(bytes.clone())),
        ("unsized", unsized_body(bytes.clone())),
    ]
}

/// A body of about `length` bytes with `mark` at `place`.
fn marked(mark: &str, (place, length): (usize, usize)) -> Bytes {
    let mut body = "a line of text\n".repeat(length / 15 + 1).into_bytes();
    body.truncate(length);
    body.splice(place..place, mark.bytes());
    Bytes::from(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn pyicap_passes_what_is_clean() {
    let server = Pyicap::start().await;
    let mut service = Service::of_pyicap(&server, json!({})).await;
    service.assert_clean_pass(|_| 204).await;
    let changes = "wasmcustom.icap_filter.istag_changed";
    // pyicap makes up an ISTag for each answer, unless the service sets one: OPTIONS are asked for again and again.
    let sent = service.sent as u64;
    service.scene.envoy.until_stat(changes, sent).await;
    assert_eq!(service.scene.envoy.metric("options_failed").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pyicap_without_204_sends_back_what_is_clean() {
    let server = Pyicap::start().await;
    for changes in [
        json!({"allow_204": false}),
        json!({"allow_204": false, "enable_preview": false}),
    ] {
        let preview = changes.get("enable_preview").is_none();
        let mut service = Service::of_pyicap(&server, changes).await;
        // A body that fits the preview is answered there, where 204 needs no leave.
        let code = |size| {
            if preview && (1..=1024).contains(&size) {
                204
            } else {
                200
            }
        };
        service.assert_clean_pass(code).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pyicap_blocks_a_marked_body() {
    let server = Pyicap::start().await;
    let mut service = Service::of_pyicap(&server, json!({})).await;
    for version in VERSIONS {
        for place in PLACES {
            for (_, body) in both_framings(&marked(BLOCKED_MARK, place)) {
                let request = (version, text("app.test", "/upload", body));
                let reason = "a mark was found";
                service.assert_blocked(request, 200, PAGE, reason).await;
            }
        }
    }
    service.assert_application_untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pyicap_changes_a_marked_body() {
    let server = Pyicap::start().await;
    let mut service = Service::of_pyicap(&server, json!({})).await;
    for version in VERSIONS {
        for place in PLACES {
            let changed = marked(CHANGED_TO, place);
            for (framing, body) in both_framings(&marked(CHANGED_MARK, place)) {
                let case = format!("{version:?} {framing} {place:?}");
                let request = (version, text("app.test", "/upload", body));
                let expected = ("ICAP_MODIFIED", 200);
                let (_, log) = service
                    .assert_arrives(&case, request, &changed, expected)
                    .await;
                let entry = &log["request_logs"][0];
                assert_eq!(entry["modified_content_length"], changed.len(), "{log}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pyicap_keeps_its_connections() {
    const REQUESTS: usize = 20;
    let server = Pyicap::start().await;
    let mut service = Service::of_pyicap(&server, json!({})).await;
    let mut connections = HashSet::new();
    for n in 0..REQUESTS {
        let mark = ["", BLOCKED_MARK, CHANGED_MARK][n % 3];
        let body = sized(marked(mark, (500, 3000)));
        let Outcome { log, .. } = service
            .send(Version::Http1, text("app.test", "/", body))
            .await;
        let fields = &log["request_logs"][0]["icap_headers_received_from_server"];
        let mut lines = fields.as_str().unwrap().lines();
        let connection = lines.find(|line| line.starts_with("X-Connection: "));
        connections.insert(connection.unwrap().to_owned());
    }
    // More than one: OPTIONS, asked for between the scans, may have the one that is there.
    assert!(connections.len() <= REQUESTS / 4, "{connections:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_pyicap_has_not_passes_nothing() {
    let server = Pyicap::start().await;
    let url = json!({"service_url": "icap://icap.test/absent"});
    let mut service = Service::at(server.address(), url).await;
    for size in SIZES {
        let request = text("app.test", "/", sized(pattern(size)));
        let Outcome { status, log, .. } = service.send(Version::Http1, request).await;
        assert_eq!(status, 503, "{log}");
        assert_eq!(log["action"], "ICAP_FAILED", "{log}");
    }
    service.assert_application_untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn url_check_passes_other_urls_by_their_head_alone() {
    let mut service = Service::of_c_icap("url_check").await;
    service.assert_clean_pass(|_| 204).await;
    service.assert_one_connection().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn url_check_blocks_a_host_with_its_page() {
    let mut service = Service::of_c_icap("url_check").await;
    for version in VERSIONS {
        for size in [0, 1000] {
            let request = text(BLOCKED_HOST, "/upload", sized(pattern(size)));
            let (page, reason) = ("Access denied", "URL category blocked_hosts is BLOCKED");
            let request = (version, request);
            service.assert_blocked(request, 200, page, reason).await;
        }
    }
    service.assert_application_untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn url_check_without_its_page_blocks_a_host_whatever_the_body() {
    let mut service = Service::of_c_icap("url_check").await;
    for version in VERSIONS {
        for size in SIZES {
            for (_, body) in both_framings(&pattern(size)) {
                let request = (version, text(QUIETLY_BLOCKED_HOST, "/upload", body));
                // What the client gets then is the profile's page.
                let (page, reason) = ("content scanner", "URL category blocked_hosts is BLOCKED");
                service.assert_blocked(request, 204, page, reason).await;
            }
        }
    }
    service.assert_one_connection().await;
    service.assert_application_untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_url_check_that_breaks_off_lets_nothing_pass() {
    let mut service = Service::of_c_icap("url_check").await;
    for version in VERSIONS {
        // The service ends the connection behind the page's head when it has to read more body after that.
        let request = text(BLOCKED_HOST, "/upload", sized(pattern(MIB)));
        let Outcome { status, log, .. } = service.send(version, request).await;
        assert!(matches!(status, 403 | 503), "{log}");
    }
    service.assert_application_untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn url_check_adds_a_field_to_the_head_by_206() {
    let mut service = Service::of_c_icap("url_check").await;
    for version in VERSIONS {
        for size in SIZES {
            let bytes = pattern(size);
            for (framing, body) in both_framings(&bytes) {
                let case = format!("{version:?} {framing} {size}");
                let request = (version, text(MARKED_HOST, "/upload", body));
                let expected = ("ICAP_MODIFIED", if size == 0 { 200 } else { 206 });
                let (category, log) = service
                    .assert_arrives(&case, request, &bytes, expected)
                    .await;
                assert_eq!(category.as_deref(), Some("marked"), "{case}: {log}");
            }
        }
    }
    service.assert_one_connection().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn url_check_finds_a_url_at_subdomains_alone() {
    // It loses the first character of the host where the target of a request is no whole URL.
    let (host, path) = BLOCKED_URL.split_once('/').unwrap();
    let path = format!("/{path}");
    let mut service = Service::of_c_icap("url_check").await;
    let subdomain = text(&format!("www.{host}"), &path, sized(""));
    let reason = "URL category blocked_urls is BLOCKED";
    let subdomain = (Version::Http1, subdomain);
    service
        .assert_blocked(subdomain, 200, "Access denied", reason)
        .await;
    service.assert_application_untouched().await;
    let same = (Version::Http1, text(host, &path, sized("")));
    let expected = ("ICAP_PASSED", 204);
    service.assert_arrives(&path, same, b"", expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn content_filtering_sends_back_what_is_clean() {
    let mut service = Service::of_c_icap("content_filtering").await;
    // It has no 204 for what it has read, and gives the whole body back.
    service
        .assert_clean_pass(|size| if size == 0 { 204 } else { 200 })
        .await;
    service.assert_one_connection().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn content_filtering_blocks_a_text() {
    let mut service = Service::of_c_icap("content_filtering").await;
    for version in VERSIONS {
        for place in PLACES {
            for (_, body) in both_framings(&marked(FORBIDDEN, place)) {
                let request = (version, text("app.test", "/upload", body));
                let (page, reason) = ("Web page access blocked", "forbidden score=10>0");
                service.assert_blocked(request, 200, page, reason).await;
            }
        }
    }
    service.assert_one_connection().await;
    service.assert_application_untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn content_filtering_replaces_in_a_text() {
    let mut service = Service::of_c_icap("content_filtering").await;
    for version in VERSIONS {
        for place in PLACES {
            let masked = marked(MASK, place);
            for (framing, body) in both_framings(&marked(SECRET, place)) {
                let case = format!("{version:?} {framing} {place:?}");
                let request = (version, text("app.test", "/upload", body));
                let expected = ("ICAP_MODIFIED", 200);
                let (_, log) = service
                    .assert_arrives(&case, request, &masked, expected)
                    .await;
                let entry = &log["request_logs"][0];
                assert_eq!(entry["reason"], "secret score=5>0", "{log}");
                assert_eq!(entry["modified_content_length"], masked.len(), "{log}");
            }
        }
    }
    service.assert_one_connection().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn content_filtering_reads_neither_other_types_nor_large_bodies() {
    let mut service = Service::of_c_icap("content_filtering").await;
    let body = marked(FORBIDDEN, (0, 100));
    let fields = [("content-type", "application/octet-stream")];
    let request = request_with(Method::POST, "/", &fields, sized(body.clone()));
    let passed = ("ICAP_PASSED", 204);
    service
        .assert_arrives("binary", (Version::Http1, request), &body, passed)
        .await;
    let body = marked(FORBIDDEN, (0, CONTENT_LIMIT));
    let request = text("app.test", "/", sized(body.clone()));
    service
        .assert_arrives("large", (Version::Http1, request), &body, passed)
        .await;
}
