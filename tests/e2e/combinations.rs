//! Every combination of the client's and the application's version of HTTP, the kind of body, and what comes of the scan, in
//! both directions: a table, printed with `cargo test --test e2e -- --nocapture every_combination`.

use std::fmt::Write;

use bytes::Bytes;
use hyper::{HeaderMap, Method};
use serde_json::json;
use tempfile::TempDir;

use crate::support::DEADLINE;
use crate::support::any_http::{AnyHttp, Whole};
use crate::support::client::{HttpResponse, VERSIONS, Version, request_with};
use crate::support::envoy::Envoy;
use crate::support::envoy_config::{Setup, http_protocol_options};
use crate::support::http_body::{Kind, TRAILER};
use crate::support::http3::{self, Http3};
use crate::support::icap_answers::{NO_CONTENT, block_page, request, response};
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Behaviour, IcapServer, refused_address};
use crate::support::payload::pattern;
use crate::support::scene::plugin;

/// What the body becomes that a server changes.
const CHANGED: &[u8] = b"changed";
/// The size of bodies: longer than a preview.
const SIZE: usize = 20_000;

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Downstream {
    Http1,
    Http2,
    /// Where there is a client for it.
    Http3,
}

/// What comes of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Modified,
    Blocked,
    FailedOpen,
    FailedClosed,
}

impl Outcome {
    const ALL: [Self; 5] = [
        Self::Passed,
        Self::Modified,
        Self::Blocked,
        Self::FailedOpen,
        Self::FailedClosed,
    ];

    /// The `action` in icap_log.
    fn action(self) -> &'static str {
        match self {
            Self::Passed => "ICAP_PASSED",
            Self::Modified => "ICAP_MODIFIED",
            Self::Blocked => "ICAP_BLOCKED",
            Self::FailedOpen | Self::FailedClosed => "ICAP_FAILED",
        }
    }

    /// Whether the message goes on.
    fn goes_on(self) -> bool {
        !matches!(self, Self::Blocked | Self::FailedClosed)
    }
}

/// Which message is scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Request,
    Response,
}

/// Sends a message back with another body, where it has one, and a field more.
fn change(seen: &IcapRequest) -> Option<Vec<u8>> {
    if seen.has_body && !seen.complete {
        return None;
    }
    let head = seen.http_response.as_ref().or(seen.http.as_ref())?;
    let fields = head.fields.iter();
    let kept = fields.filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
    let mut changed = head.first_line.clone();
    for (name, value) in kept {
        write!(changed, "\r\n{name}: {value}").unwrap();
    }
    changed.push_str("\r\nX-Changed: yes");
    let body: Option<&[u8]> = match (seen.has_body, seen.body.is_empty()) {
        (false, _) => None,
        (true, true) => Some(b""),
        (true, false) => Some(CHANGED),
    };
    Some(match seen.http_response {
        Some(_) => response("", &changed, body),
        None => request("", &changed, body),
    })
}

/// Lets a message pass once all of it was seen.
fn pass(seen: &IcapRequest) -> Option<Vec<u8>> {
    let waits = seen.has_body && !seen.complete;
    (!waits).then(|| NO_CONTENT.as_bytes().to_vec())
}

fn block(_: &IcapRequest) -> Option<Vec<u8>> {
    Some(block_page("", "no"))
}

/// Envoy, an application and a server, for all messages with one outcome.
struct Row {
    http3: Option<Http3>,
    envoy: Envoy,
    application: AnyHttp,
    _server: IcapServer,
    direction: Direction,
    outcome: Outcome,
    _directory: TempDir,
}

impl Row {
    async fn new(direction: Direction, upstream: Version, outcome: Outcome) -> Self {
        let server = IcapServer::listen().await;
        let behaviour = Behaviour::Decide(match outcome {
            Outcome::Modified => change,
            Outcome::Blocked => block,
            _ => pass,
        });
        let fails = matches!(outcome, Outcome::FailedOpen | Outcome::FailedClosed);
        let scanner = if fails {
            refused_address()
        } else {
            server.address()
        };
        let action = match outcome {
            Outcome::FailedOpen => "fail_open",
            _ => "fail_closed",
        };
        let mut settings = json!({"fail_action": action});
        if direction == Direction::Response {
            settings["response_service_url"] = json!("/respmod");
        }
        let mut plugin = plugin(settings);
        server.serve(behaviour).await;
        if direction == Direction::Response {
            // Requests are left alone.
            plugin["rules"] = json!([{
                "name": "responses", "match": {"response_status": ["2xx"]},
                "action": "enable_icap", "profile": "upload-av",
            }]);
        }
        let application = AnyHttp::start(upstream).await;
        let mut setup = Setup::new(&plugin, scanner, application.address());
        let directory = TempDir::new().unwrap();
        if http3::is_there() {
            http3::listen(&mut setup, directory.path());
        }
        if upstream == Version::Http2 {
            setup.patch(|bootstrap| {
                let clusters = bootstrap["static_resources"]["clusters"].as_array_mut();
                let mut clusters = clusters.unwrap().iter_mut();
                let application = clusters.find(|it| it["name"] == "application").unwrap();
                application["typed_extension_protocol_options"] = http_protocol_options(json!({
                    "explicit_http_config": {"http2_protocol_options": {}},
                }));
            });
        }
        let envoy = Envoy::start(&setup).await;
        Self {
            http3: http3::is_there().then(|| Http3::new(&envoy)),
            envoy,
            application,
            _server: server,
            direction,
            outcome,
            _directory: directory,
        }
    }

    /// Sends one message, and says what is wrong with what comes of it.
    async fn cell(&mut self, n: usize, client: Downstream, kind: Kind) -> Result<(), String> {
        let content = pattern(SIZE);
        let of_request = match self.direction {
            Direction::Request => kind,
            Direction::Response => Kind::None,
        };
        if self.direction == Direction::Response {
            self.application.answer_with(kind, &content);
        }
        let answer = self.send(client, of_request, &content).await?;
        let log = self.envoy.log_entry(n).await["icap_log"].clone();
        let (requests, begun) = self.application.take();
        let action = &log["action"];
        if *action != self.outcome.action() {
            return Err(format!("icap_log says {action}"));
        }
        match self.direction {
            Direction::Request => self.check_request(kind, &answer, &requests, begun, &content),
            Direction::Response => self.check_response(kind, &answer, &content),
        }
    }

    async fn send(
        &mut self,
        client: Downstream,
        kind: Kind,
        content: &Bytes,
    ) -> Result<HttpResponse, String> {
        let version = match client {
            Downstream::Http1 => Version::Http1,
            Downstream::Http2 => Version::Http2,
            Downstream::Http3 => {
                let method = method(kind).as_str().to_owned();
                let http3 = self.http3.as_mut().unwrap();
                return tokio::task::block_in_place(|| http3.send(&method, kind, content));
            }
        };
        let mut fields = vec![("te", "trailers")];
        fields.extend(kind.field());
        let request = request_with(method(kind), "/path", &fields, kind.body(content));
        let mut client = self.envoy.connect(version).await;
        let answer = tokio::time::timeout(DEADLINE, client.try_send(request)).await;
        answer
            .map_err(|_| "no answer".to_owned())?
            .map_err(|e| format!("no answer: {e}"))
    }

    fn check_request(
        &self,
        kind: Kind,
        answer: &HttpResponse,
        requests: &[Whole],
        begun: usize,
        content: &Bytes,
    ) -> Result<(), String> {
        self.check_status(answer, 200)?;
        match requests {
            [] if begun == 0 && !self.outcome.goes_on() => Ok(()),
            [got] if begun == 1 && self.outcome.goes_on() => {
                self.check_whole(kind, (&got.headers, &got.body, &got.trailers), content)
            }
            _ => Err(format!("the application got {begun} requests")),
        }
    }

    fn check_response(
        &self,
        kind: Kind,
        answer: &HttpResponse,
        content: &Bytes,
    ) -> Result<(), String> {
        let status = if kind == Kind::None { 204 } else { 200 };
        self.check_status(answer, status)?;
        match self.outcome.goes_on() {
            true => self.check_whole(
                kind,
                (&answer.headers, &answer.body, &answer.trailers),
                content,
            ),
            false => Ok(()),
        }
    }

    fn check_status(&self, answer: &HttpResponse, good: u16) -> Result<(), String> {
        let expected = match self.outcome {
            Outcome::Blocked => 403,
            Outcome::FailedClosed => 503,
            _ => good,
        };
        match answer.status == expected {
            true => Ok(()),
            false => Err(format!("status {}", answer.status)),
        }
    }

    fn check_whole(
        &self,
        kind: Kind,
        (headers, body, trailers): (&HeaderMap, &Bytes, &HeaderMap),
        content: &Bytes,
    ) -> Result<(), String> {
        let original = kind.content(content);
        let is_changed = self.outcome == Outcome::Modified;
        let expected: &[u8] = match is_changed && !original.is_empty() {
            true => CHANGED,
            false => &original,
        };
        if body.as_ref() != expected {
            return Err(format!("{} bytes of body", body.len()));
        }
        if headers.contains_key("x-changed") != is_changed {
            return Err("a field that the server added is missing, or not".to_owned());
        }
        let length = headers
            .get("content-length")
            .map(|value| value.to_str().unwrap());
        if length.is_some_and(|length| length != expected.len().to_string()) {
            return Err(format!("content-length {length:?}"));
        }
        let trailer = trailers.get(TRAILER.0).map(|value| value.to_str().unwrap());
        match trailer == (kind == Kind::Trailers).then_some(TRAILER.1) {
            true => Ok(()),
            false => Err(format!("trailer {trailer:?}")),
        }
    }
}

fn method(kind: Kind) -> Method {
    match kind {
        Kind::None => Method::GET,
        _ => Method::POST,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_combination_of_versions_bodies_and_outcomes() {
    let mut table = String::from("| scanned | client | application | body |");
    let mut line = String::from("|---|---|---|---|");
    for outcome in Outcome::ALL {
        write!(table, " {outcome:?} |").unwrap();
        line.push_str("---|");
    }
    table = format!("{table}\n{line}\n");
    let mut clients = vec![Downstream::Http1, Downstream::Http2];
    match http3::is_there() {
        true => clients.push(Downstream::Http3),
        false => eprintln!("HTTP/3 is left out: the Python of the tests has no aioquic"),
    }
    let (mut cells, mut wrong) = (0, Vec::new());
    for direction in [Direction::Request, Direction::Response] {
        for upstream in VERSIONS {
            let mut rows = Vec::new();
            for outcome in Outcome::ALL {
                rows.push(Row::new(direction, upstream, outcome).await);
            }
            let mut n = 0;
            for client in &clients {
                for kind in Kind::ALL {
                    write!(
                        table,
                        "| {direction:?} | {client:?} | {upstream:?} | {kind:?} |"
                    )
                    .unwrap();
                    for row in &mut rows {
                        let cell = row.cell(n, *client, kind).await;
                        let what = cell.as_ref().map_or_else(String::as_str, |()| "right");
                        write!(table, " {what} |").unwrap();
                        cells += 1;
                        if let Err(e) = cell {
                            wrong.push(format!(
                                "{direction:?} {client:?} {upstream:?} {kind:?} {:?}: {e}",
                                row.outcome
                            ));
                        }
                    }
                    table.push('\n');
                    n += 1;
                }
            }
        }
    }
    eprintln!("{table}");
    let kinds = Kind::ALL.len() * Outcome::ALL.len();
    assert_eq!(cells, 2 * VERSIONS.len() * clients.len() * kinds);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
