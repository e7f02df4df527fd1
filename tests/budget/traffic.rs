//! Requests that go through the module, and an ICAP server that answers them.

use std::collections::BTreeMap;
use std::rc::Rc;

use icap_filter::icap::Direction;
use icap_filter::instance::Instance;

use crate::counting::{Allocated, Side, allocated};
use crate::host::{CountingHost, HeldMessage, Proxy, ROOT};

/// How many bytes of a body come in one callback, and of an answer in one message: what Envoy reads at once.
const READ_BYTES: usize = 16 * 1024;
/// What the server wants to see before it says whether it needs the rest.
const PREVIEW_BYTES: usize = 1024;
/// How many requests go before those that are counted, so that what grows once has grown.
const WARM_UP: u32 = 64;
/// How many requests are counted.
const COUNTED: u32 = 64;
/// A context that is never let go: while a message is held the worker puts off what can wait for its tick.
const HELD: u32 = 2;

/// What the server makes of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// 204.
    Unchanged,
    /// 200 with all that was sent.
    Echo,
    /// 200 with a page.
    Block,
    /// It is not asked.
    Bypass,
}

/// Requests of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub body_bytes: usize,
    pub verdict: Verdict,
    /// icap_log as a `Struct` too.
    pub both_forms: bool,
    /// The server is told the client's address.
    pub client_address: bool,
}

/// What a request costs.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    /// How often each function of the host was called.
    pub calls: BTreeMap<&'static str, f64>,
    pub allocations: f64,
    pub allocated_bytes: f64,
}

impl Cost {
    /// All calls of the host's, but for those that read the clock: each callback reads it once.
    pub fn host_calls(&self) -> f64 {
        let but_clock = |(name, _): &(&&str, &f64)| **name != "clock_time_get";
        self.calls
            .iter()
            .filter(but_clock)
            .map(|(_, times)| times)
            .sum()
    }
}

impl Scenario {
    /// What one of these requests costs, as a mean.
    pub fn cost(&self) -> Cost {
        let mut worker = Worker::start(self);
        (0..WARM_UP).for_each(|_| worker.request(self));
        let before = (worker.proxy.calls.borrow().clone(), allocated());
        (0..COUNTED).for_each(|_| worker.request(self));
        let mean = |count: u64| count as f64 / f64::from(COUNTED);
        let calls = worker.proxy.calls.borrow();
        let since = calls.iter().map(|(name, times)| {
            let times = times - before.0.get(name).copied().unwrap_or_default();
            (*name, mean(times))
        });
        let Allocated { times, bytes } = allocated();
        Cost {
            calls: since.filter(|(_, times)| *times > 0.0).collect(),
            allocations: mean(times - before.1.times),
            allocated_bytes: mean(bytes - before.1.bytes),
        }
    }

    /// Sends so many requests.
    pub fn repeat(&self, requests: u32) {
        let mut worker = Worker::start(self);
        (0..requests).for_each(|_| worker.request(self));
    }

    fn configuration(&self) -> Vec<u8> {
        format!(
            r#"{{"profiles": [{{"name": "upload-av", "cluster": "icap_pool", "vendor": "c_icap",
                  "service_url": "icap://icap.example.net:1344/avscan", "preview_size_bytes": {PREVIEW_BYTES},
                  "send_client_ip": {}, "options": {{"enabled": false}}}}],
                "rules": [{{"name": "scan-uploads", "match": {{"path": {{"prefix": "/upload"}}}},
                  "action": "enable_icap", "profile": "upload-av"}}],
                "icap_log": {{"text": true, "struct": {}}}}}"#,
            self.client_address, self.both_forms
        )
        .into_bytes()
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let path = match self.verdict {
            Verdict::Bypass => "/other",
            _ => "/upload",
        };
        fields(&[
            (":authority", "app.example.net"),
            (":path", path),
            (":method", "POST"),
            (":scheme", "https"),
            ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0)"),
            ("accept", "*/*"),
            ("content-type", "application/octet-stream"),
            ("content-length", &self.body_bytes.to_string()),
            ("x-forwarded-proto", "https"),
            ("x-request-id", "6f1c2b1e-8f0f-4a6c-9d6d-1d6a3a1f0a55"),
        ])
    }
}

fn fields(fields: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let owned = fields.iter();
    owned
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect()
}

/// The module on a worker.
struct Worker {
    proxy: Rc<Proxy>,
    instance: Instance<CountingHost>,
    next_context: u32,
    body: Vec<u8>,
}

impl Worker {
    fn start(scenario: &Scenario) -> Self {
        let proxy = Rc::new(Proxy::new(scenario.configuration()));
        let worker = Self {
            instance: Instance::new(CountingHost(Rc::clone(&proxy))),
            proxy,
            next_context: HELD + 1,
            body: (0..scenario.body_bytes).map(|n| n as u8).collect(),
        };
        worker.callback(ROOT, |it| it.on_create(ROOT, 0));
        assert!(worker.callback(ROOT, |it| it.on_configure(ROOT)));
        let held = Scenario {
            verdict: Verdict::Unchanged,
            body_bytes: 1,
            ..*scenario
        };
        worker.headers(HELD, Direction::Request, held.fields());
        worker
    }

    fn callback<T>(&self, context: u32, act: impl FnOnce(&Instance<CountingHost>) -> T) -> T {
        self.proxy.callback(context);
        let _side = Side::module();
        act(&self.instance)
    }

    fn headers(&self, id: u32, of: Direction, fields: Vec<(&'static str, String)>) {
        if of == Direction::Request {
            self.callback(id, |it| it.on_create(id, ROOT));
        }
        let held_message = HeldMessage::new(fields);
        let key = (id, of == Direction::Response);
        self.proxy.messages.borrow_mut().insert(key, held_message);
        self.callback(id, |it| it.on_headers(id, of, false));
    }

    /// Sends a request from its headers to its end.
    fn request(&mut self, scenario: &Scenario) {
        let id = self.next_context;
        self.next_context += 1;
        self.headers(id, Direction::Request, scenario.fields());
        let mut came = 0;
        while came < self.body.len() {
            let end = self.body.len().min(came + READ_BYTES);
            let held = {
                let mut messages = self.proxy.messages.borrow_mut();
                let held_message = messages.get_mut(&(id, false)).unwrap();
                // What was let go is not held any more.
                if self.proxy.ended.borrow().contains(&id) || scenario.verdict == Verdict::Bypass {
                    held_message.body.clear();
                }
                held_message.body.extend_from_slice(&self.body[came..end]);
                held_message.body.len()
            };
            came = end;
            let at_end = end == self.body.len();
            self.callback(id, |it| it.on_body(id, Direction::Request, held, at_end));
            if scenario.verdict != Verdict::Bypass {
                self.serve(scenario);
            }
        }
        let let_go = scenario.verdict == Verdict::Bypass || self.proxy.ended.take().contains(&id);
        assert!(let_go, "{}: the request is held for ever", scenario.name);
        let answer = fields(&[(":status", "200"), ("content-length", "2")]);
        self.headers(id, Direction::Response, answer);
        self.callback(id, |it| it.on_body(id, Direction::Response, 2, true));
        self.callback(id, |it| it.on_log(id));
        self.callback(id, |it| it.on_done(id));
        self.callback(id, |it| it.on_delete(id));
        self.proxy
            .messages
            .borrow_mut()
            .retain(|(of, _), _| *of != id);
    }

    /// Lets the server answer, and the module act on what it says, until neither has more to say.
    fn serve(&self, scenario: &Scenario) {
        loop {
            let answers: Vec<(u32, Vec<u8>)> = {
                let mut sent = self.proxy.sent.borrow_mut();
                let answered = sent
                    .iter_mut()
                    .filter_map(|(stream, sent)| Some((*stream, answer(scenario.verdict, sent)?)));
                answered.collect()
            };
            let opening = self.proxy.opening.take();
            let enqueued = self.proxy.enqueued.take();
            // A connection is opened at a tick, which comes where nothing else does.
            if answers.is_empty() && opening.is_empty() && enqueued == 0 {
                if self.proxy.calls.borrow().contains_key("grpc_stream") {
                    return;
                }
                self.callback(ROOT, |it| it.on_tick(ROOT));
            }
            for stream in opening {
                self.callback(ROOT, |it| it.on_stream_open(ROOT, stream));
            }
            for (stream, bytes) in answers {
                for part in bytes.chunks(READ_BYTES) {
                    self.proxy.message.replace(part.to_vec());
                    self.callback(ROOT, |it| it.on_stream_message(ROOT, stream, part.len()));
                }
            }
            for _ in 0..enqueued {
                self.callback(ROOT, |it| it.on_queue_ready(ROOT));
            }
        }
    }
}

/// What the server says to what was sent; `None`: it waits for more.
fn answer(verdict: Verdict, sent: &mut Vec<u8>) -> Option<Vec<u8>> {
    const WHOLE_PREVIEW: &[u8] = b"\r\n0; ieof\r\n\r\n";
    const END: &[u8] = b"\r\n0\r\n\r\n";
    const MORE: &[u8] = b"ICAP/1.0 100 Continue\r\n\r\n";
    let ends = sent.ends_with(WHOLE_PREVIEW) || sent.ends_with(END);
    if !ends {
        return None;
    }
    let is_preview = find(sent, b"\r\nPreview: ").is_some() && !sent.ends_with(WHOLE_PREVIEW);
    if is_preview && !sent.starts_with(b"+") && verdict != Verdict::Block {
        // The rest follows: what was sent is kept for the echo, and marked.
        sent.truncate(sent.len() - END.len() + 2);
        sent.insert(0, b'+');
        return Some(MORE.to_vec());
    }
    let whole = std::mem::take(sent);
    Some(match verdict {
        Verdict::Echo => echo(&whole),
        Verdict::Block => block(),
        Verdict::Unchanged | Verdict::Bypass => unchanged(),
    })
}

const STARTS: &str =
    "Server: C-ICAP/0.5.10\r\nConnection: keep-alive\r\nISTag: \"CI0001-X9f3k2\"\r\n";

fn unchanged() -> Vec<u8> {
    format!("ICAP/1.0 204 Unmodified\r\n{STARTS}\r\n").into_bytes()
}

fn block() -> Vec<u8> {
    let page = "<html><body>VIRUS FOUND</body></html>";
    let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 37\r\n\r\n";
    format!(
        "ICAP/1.0 200 OK\r\n{STARTS}X-Infection-Found: Type=0; Resolution=2; Threat=EICAR;\r\n\
         Encapsulated: res-hdr=0, res-body={}\r\n\r\n{head}{:x}\r\n{page}\r\n0\r\n\r\n",
        head.len(),
        page.len()
    )
    .into_bytes()
}

/// The head and the body that were sent, as they were.
fn echo(sent: &[u8]) -> Vec<u8> {
    let icap_end = find(sent, b"\r\n\r\n").unwrap() + 4;
    let http_end = icap_end + find(&sent[icap_end..], b"\r\n\r\n").unwrap() + 4;
    let head = &sent[icap_end..http_end];
    let mut answer = format!(
        "ICAP/1.0 200 OK\r\n{STARTS}Encapsulated: req-hdr=0, req-body={}\r\n\r\n",
        head.len()
    )
    .into_bytes();
    answer.extend_from_slice(head);
    let mut body = Vec::new();
    let mut rest = &sent[http_end..];
    while let Some(line) = find(rest, b"\r\n") {
        let size = std::str::from_utf8(&rest[..line]).unwrap();
        let size = usize::from_str_radix(size.split(';').next().unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 2 + size + 2..];
    }
    // As c-icap sends it.
    for chunk in body.chunks(4096) {
        answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        answer.extend_from_slice(chunk);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
