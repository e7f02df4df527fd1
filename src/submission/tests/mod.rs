//! Submissions from their first byte to their last step, on a host that notes what is sent.

mod changes;
mod failures;
mod queries;
mod retries;
mod shown;
mod slow_bodies;
mod streamed;
mod trailers;

use std::borrow::Cow;
use std::rc::Rc;

use super::{Budget, Cx, Effect, Extent, Message, Shown, Step, Submission};
use crate::config::{Cause, Profile};
use crate::connection::{
    Checkout, CheckoutOptions, Connections, Opened, Owner, Released, Stock, StreamToken, UnitId,
};
use crate::host::MemoryHost;
use crate::icap::{BodyProgress, Direction, Method, Request};
use crate::verdict::tests::profile;

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\n\r\n";
const BODY: &[u8] = b"0123456789";
const SERVER: &str = "10.0.0.9:1344";

const CONTINUE: &str = "ICAP/1.0 100 Continue\r\n\r\n";
const UNCHANGED: &str = "ICAP/1.0 204 No Content\r\n\r\n";
const OVERLOADED: &str = "ICAP/1.0 503 Overloaded\r\n\r\n";
const INFECTED: &str =
    "ICAP/1.0 204 No Content\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Eicar;\r\n\r\n";

/// One submission with all that it works with.
struct Scene {
    host: MemoryHost,
    connections: Connections,
    budget: Budget,
    profile: Rc<Profile>,
    submission: Submission,
    /// How much of [`BODY`] has arrived.
    extent: Extent,
    direction: Direction,
    effects: Vec<Effect>,
    now_ms: u64,
}

/// The ICAP request for an upload, with a preview of four bytes.
fn reqmod() -> Request {
    Request {
        method: Method::Reqmod,
        uri: "icap://a/s".into(),
        host: "a".into(),
        allow: vec![204],
        trailers: None,
        preview: Some(4),
        headers: Vec::new(),
        whole: false,
        request_head: Some(HEAD.to_vec()),
        response_head: None,
    }
}

/// The ICAP request for a download.
fn respmod() -> Request {
    Request {
        method: Method::Respmod,
        response_head: Some(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n".to_vec()),
        ..reqmod()
    }
}

/// An ICAP response with another HTTP request, whose body is `body`.
fn request_with(body: &str) -> String {
    let head = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";
    format!(
        "ICAP/1.0 200 OK\r\nEncapsulated: req-hdr=0, req-body={}\r\n\r\n{head}{}",
        head.len(),
        chunks(body)
    )
}

/// An ICAP response with an HTTP response, whose head has these lines and whose body is `body`.
fn response_with(lines: &str, body: &str) -> String {
    let head = format!("HTTP/1.1 {lines}\r\n\r\n");
    format!(
        "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body={}\r\n\r\n{head}{}",
        head.len(),
        chunks(body)
    )
}

fn chunks(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

/// An answer without its last bytes.
fn begun(answer: &str, missing: usize) -> &str {
    answer.get(..answer.len() - missing).unwrap()
}

impl Scene {
    fn new(request: Request, extent: Extent) -> Self {
        Self::with(request, extent, |_| {})
    }

    /// A scene whose profile has changes, beside those that every scene needs.
    fn with(request: Request, extent: Extent, change: impl FnOnce(&mut Profile)) -> Self {
        let mut profile = profile("generic");
        profile.max_connections = 4;
        profile.max_pending = 4;
        profile.max_requests_per_connection = 100;
        profile.max_connection_age_ms = 1_000_000;
        profile.idle_timeout_ms = 1_000_000;
        change(&mut profile);
        let direction = match request.method {
            Method::Respmod => Direction::Response,
            _ => Direction::Request,
        };
        let profile = Rc::new(profile);
        let connections = Connections::new(1, &[Rc::clone(&profile)]);
        let pool = connections.pool_of("av");
        let host = MemoryHost::default();
        *host.body.borrow_mut() = BODY.to_vec();
        Self {
            host,
            connections,
            budget: Budget::new(1 << 20),
            profile,
            submission: Submission::new(unit(0), pool, Rc::new(request), Shown::Whole, None),
            extent,
            direction,
            effects: Vec::new(),
            now_ms: 1_000,
        }
    }

    /// A submission that has a connection of its own and has sent what it can.
    fn open(request: Request, extent: Extent) -> Self {
        let mut scene = Self::new(request, extent);
        scene.start();
        scene
    }

    fn start(&mut self) -> StreamToken {
        assert!(matches!(self.body(), Step::Pending));
        assert!(self.submission.is_waiting());
        let token = self.connect(SERVER);
        assert!(matches!(self.got(token), Step::Pending));
        token
    }

    fn act<T>(&mut self, act: impl FnOnce(&mut Submission, &mut Cx<'_, MemoryHost>) -> T) -> T {
        let mut cx = Cx {
            host: &self.host,
            now_ms: self.now_ms,
            connections: &mut self.connections,
            budget: &self.budget,
            message: Message {
                context: 7,
                direction: self.direction,
                profile: &self.profile,
                http_method: &Cow::Borrowed("POST"),
                encoded: &None,
                redacted: &[],
                extent: self.extent,
                is_apart: false,
            },
            effects: &mut self.effects,
        };
        act(&mut self.submission, &mut cx)
    }

    fn body(&mut self) -> Step {
        self.act(Submission::body)
    }

    fn got(&mut self, token: StreamToken) -> Step {
        self.act(|submission, cx| submission.got(token, cx))
    }

    fn bytes(&mut self, bytes: impl AsRef<[u8]>) -> Step {
        self.act(|submission, cx| submission.bytes(bytes.as_ref().to_vec(), cx))
    }

    /// The connection of the submission closes, or was never established.
    fn lost(&mut self, was_connected: bool) -> Step {
        let token = self.submission.connection().unwrap();
        self.connections.closed(token);
        self.act(|submission, cx| submission.lost(was_connected, cx))
    }

    fn fail(&mut self, cause: Cause) -> Step {
        self.act(|submission, cx| submission.fail(cause, "a reason".to_owned(), cx))
    }

    /// Opens a connection to `server` for the request that waits first.
    fn connect(&mut self, server: &str) -> StreamToken {
        let Some(Opened::For(_, token)) = self.connections.open_next(&self.host, self.now_ms)
        else {
            panic!("no connection is wanted");
        };
        self.connections
            .connected(&self.host, token, server.to_owned(), self.now_ms);
        token
    }

    /// Gives the submission a new connection to the server.
    fn reconnect(&mut self) -> Step {
        let token = self.connect(SERVER);
        self.got(token)
    }

    /// An idle connection that has served another request.
    fn keep_one(&mut self) -> StreamToken {
        self.other_waits(CheckoutOptions::default());
        let token = self.connect(SERVER);
        let released = self.connections.release(&self.host, token, self.now_ms);
        assert_eq!(released, Released::Kept);
        token
    }

    /// Another submission waits for a connection.
    fn other_waits(&mut self, options: CheckoutOptions) {
        let (pool, other) = (self.submission.pool(), Owner::Unit(unit(9)));
        let checkout = self.connections.checkout(pool, other, options, self.now_ms);
        assert_eq!(checkout, Checkout::Waiting);
    }

    /// What was sent on this stream, as text.
    fn sent(&self, token: StreamToken) -> String {
        let sent = self.host.sent.borrow();
        let messages = sent.iter().filter(|(stream, _)| *stream == token);
        let bytes: Vec<u8> = messages.flat_map(|(_, bytes)| bytes.clone()).collect();
        String::from_utf8(bytes).unwrap()
    }

    /// Whether the stream was told to close: the last message on it is empty.
    fn is_told_to_close(&self, token: StreamToken) -> bool {
        let sent = self.host.sent.borrow();
        let last = sent.iter().rfind(|(stream, _)| *stream == token);
        last.is_some_and(|(_, bytes)| bytes.is_empty())
    }

    fn stock(&mut self) -> Stock {
        let stock = self.connections.take_stock().next();
        stock.unwrap().1
    }

    /// What the effects since the last look are, each in a word.
    fn effects(&mut self) -> Vec<String> {
        self.effects
            .drain(..)
            .map(|effect| match effect {
                Effect::Record(record) => match &record.findings.reason {
                    Some(reason) => format!("record: {reason}"),
                    None => "record".to_owned(),
                },
                Effect::Retried => "retried".to_owned(),
                Effect::Preempted => "preempted".to_owned(),
                Effect::PreviewDecided => "preview decided".to_owned(),
                Effect::Istag { peer, tag } => format!("istag {tag} of {peer}"),
                Effect::WakeUp(_) => "wake-up".to_owned(),
                Effect::Handed(_, token) => format!("handed {token}"),
            })
            .collect()
    }
}

fn unit(index: u16) -> UnitId {
    UnitId {
        context: 7,
        direction: Direction::Request,
        index,
    }
}

fn some(available: u64) -> Extent {
    Extent {
        progress: BodyProgress {
            available,
            ended: false,
        },
        announced: Some(10),
    }
}

fn whole(available: u64) -> Extent {
    Extent {
        progress: BodyProgress {
            available,
            ended: true,
        },
        announced: Some(available),
    }
}

/// The cause of a failure, and whether the original may go on.
#[track_caller]
fn failure(step: &Step) -> (Cause, bool) {
    match step {
        Step::Fail(_, failure) => (failure.cause, failure.may_open),
        other => panic!("{other:?}"),
    }
}

/// The reason in the record of a last step.
#[track_caller]
fn reason(step: &Step) -> &str {
    let (Step::Fail(record, _) | Step::Block(record, ..)) = step else {
        panic!("{step:?}");
    };
    record.findings.reason.as_deref().unwrap_or_default()
}

#[test]
fn nothing_waits_for_a_connection_before_there_is_something_to_send() {
    let mut scene = Scene::new(reqmod(), some(4));
    assert!(matches!(scene.body(), Step::Pending));
    assert!(scene.submission.is_collecting() && !scene.submission.is_waiting());
    assert_eq!(scene.stock(), Stock::default());
    scene.extent = some(5);
    assert!(matches!(scene.body(), Step::Pending));
    assert!(!scene.submission.is_collecting() && scene.submission.is_waiting());
    assert_eq!(scene.stock().pending, 1);
}

#[test]
fn a_204_to_the_preview_passes_and_keeps_the_connection() {
    let mut scene = Scene::new(reqmod(), some(5));
    let token = scene.start();
    assert!(scene.sent(token).ends_with("4\r\n0123\r\n0\r\n\r\n"));
    scene.now_ms += 30;
    let Step::Pass(record) = scene.bytes(UNCHANGED) else {
        panic!("no pass");
    };
    assert_eq!(record.icap_response_code, Some(204));
    assert_eq!(record.latency_ms, Some(30));
    assert_eq!(record.icap_server_ip.as_deref(), Some("10.0.0.9"));
    assert_eq!(record.icap_server_port, Some(1344));
    assert!(!record.complete_body_sent);
    assert_eq!(scene.effects(), ["preview decided"]);
    let stock = scene.stock();
    assert_eq!((stock.active, stock.idle, stock.pending), (0, 1, 0));
    assert_eq!(scene.submission.connection(), None);
}

#[test]
fn the_rest_follows_100_in_a_callback_of_its_own() {
    let mut scene = Scene::new(reqmod(), some(5));
    let token = scene.start();
    let before = scene.sent(token);
    scene.connections.receive_from(Some(token));
    assert!(matches!(scene.bytes(CONTINUE), Step::Pending));
    assert_eq!(scene.effects(), ["wake-up"]);
    assert_eq!(scene.sent(token), before, "nothing while bytes come");
    scene.connections.receive_from(None);
    assert!(matches!(scene.body(), Step::Pending));
    assert!(scene.sent(token).ends_with("1\r\n4\r\n"));
    scene.extent = whole(10);
    assert!(matches!(scene.body(), Step::Pending));
    assert!(scene.sent(token).ends_with("5\r\n56789\r\n0\r\n\r\n"));
    assert!(matches!(scene.bytes(UNCHANGED), Step::Pass(record) if record.complete_body_sent));
    assert_eq!(scene.effects(), Vec::<String>::new(), "not by the preview");
    assert_eq!(scene.stock().idle, 1);
}

#[test]
fn a_kept_connection_serves_at_once_and_not_while_its_bytes_are_read() {
    let mut scene = Scene::new(reqmod(), whole(10));
    let token = scene.keep_one();
    assert!(matches!(scene.body(), Step::Pending));
    assert_eq!(scene.submission.connection(), Some(token));
    assert!(scene.sent(token).contains("Preview: 4\r\n"));

    let mut scene = Scene::new(reqmod(), whole(10));
    let token = scene.keep_one();
    scene.connections.receive_from(Some(token));
    assert!(matches!(scene.body(), Step::Pending));
    assert_eq!(scene.effects(), [format!("handed {token}")]);
    assert!(scene.submission.is_waiting());
    assert_eq!(scene.sent(token), "");
}

#[test]
fn a_connection_that_comes_too_late_goes_back() {
    let mut scene = Scene::open(reqmod(), whole(10));
    assert!(matches!(scene.bytes(UNCHANGED), Step::Pass(_)));
    scene.other_waits(CheckoutOptions::FRESH);
    let token = scene.connect(SERVER);
    assert!(matches!(scene.got(token), Step::Pending));
    let stock = scene.stock();
    assert_eq!((stock.active, stock.idle), (0, 2));
}

#[test]
fn a_connection_that_comes_too_late_goes_to_the_next_in_line() {
    let mut scene = Scene::with(reqmod(), whole(10), |profile| profile.max_connections = 1);
    let token = scene.start();
    scene.other_waits(CheckoutOptions::default());
    assert!(matches!(scene.bytes(UNCHANGED), Step::Pass(_)));
    assert_eq!(
        scene.effects(),
        [format!("handed {token}"), "preview decided".to_owned()]
    );
}
