//! What stands behind Envoy: an application that counts, and an ICAP server that knows one bad word.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A body with this in it is blocked.
pub const BAD: &[u8] = b"something-bad";
/// The page that a blocked client gets.
pub const PAGE: &[u8] = b"blocked by the test's server";

/// A server on a port of its own.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its port.
    pub port: u16,
    requests: Arc<AtomicUsize>,
}

impl Server {
    /// How many requests it has had; OPTIONS and self-tests do not count.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// One that runs elsewhere and says itself what it has had.
    pub fn counting(port: u16) -> Self {
        Self {
            port,
            requests: Arc::default(),
        }
    }

    /// It has had one more.
    pub fn count(&self) {
        self.requests.fetch_add(1, Ordering::SeqCst);
    }

    fn start(serve: fn(&mut BufReader<TcpStream>, &AtomicUsize) -> Option<()>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            requests: Arc::default(),
        };
        let requests = Arc::clone(&server.requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let requests = Arc::clone(&requests);
                let mut stream = BufReader::new(stream.unwrap());
                // It ends when the other side closes, or says what cannot be read.
                thread::spawn(move || while serve(&mut stream, &requests).is_some() {});
            }
        });
        server
    }
}

/// An application: answers each request with the length of its body.
pub fn application() -> Server {
    Server::start(|stream, requests| {
        let (line, fields) = head(stream)?;
        match line.split(' ').nth(1)? {
            "/events" => return send_events(stream, requests),
            "/socket" => return open_socket(stream, requests, &fields),
            "/download" => return send_much(stream),
            _ => {}
        }
        let body = match field(&fields, "content-length") {
            Some(length) => exactly(stream, length.parse().ok()?)?,
            None if field(&fields, "transfer-encoding").is_some() => chunks(stream)?.0,
            None => Vec::new(),
        };
        requests.fetch_add(1, Ordering::SeqCst);
        let length = body.len().to_string();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{length}",
            length.len()
        );
        stream.get_mut().write_all(answer.as_bytes()).ok()
    })
}

/// Sends one event, and nothing more for as long as the client is there.
fn send_events(stream: &mut BufReader<TcpStream>, requests: &AtomicUsize) -> Option<()> {
    requests.fetch_add(1, Ordering::SeqCst);
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n";
    stream.get_mut().write_all(answer.as_bytes()).ok()?;
    stream.read_exact(&mut [0]).ok()
}

/// Switches to another protocol, in which each side's bytes come back.
fn open_socket(
    stream: &mut BufReader<TcpStream>,
    requests: &AtomicUsize,
    fields: &Fields,
) -> Option<()> {
    requests.fetch_add(1, Ordering::SeqCst);
    assert_eq!(field(fields, "upgrade"), Some("websocket"));
    let answer =
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    stream.get_mut().write_all(answer).ok()?;
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        stream.get_mut().write_all(&byte).ok()?;
    }
}

/// How long [`application`]'s answer to `/download` is.
pub const DOWNLOAD: usize = 60 << 20;

fn send_much(stream: &mut BufReader<TcpStream>) -> Option<()> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {DOWNLOAD}\r\n\r\n");
    stream.get_mut().write_all(head.as_bytes()).ok()?;
    for _ in 0..DOWNLOAD >> 20 {
        stream.get_mut().write_all(&[b'x'; 1 << 20]).ok()?;
    }
    Some(())
}

/// An ICAP server: 204, or 200 with a page where the body has [`BAD`] in it.
pub fn icap_server() -> Server {
    Server::start(|stream, requests| {
        let (line, fields) = head(stream)?;
        if line.starts_with("OPTIONS ") {
            let answer = b"ICAP/1.0 200 OK\r\nMethods: REQMOD\r\nISTag: \"test\"\r\nAllow: 204\r\nPreview: 1024\r\nEncapsulated: null-body=0\r\n\r\n";
            return stream.get_mut().write_all(answer).ok();
        }
        assert!(line.starts_with("REQMOD "), "{line}");
        let encapsulated = field(&fields, "encapsulated")?;
        let (section, offset) = encapsulated.rsplit_once('=')?;
        exactly(stream, offset.trim().parse().ok()?)?;
        let mut body = Vec::new();
        if section.ends_with("req-body") {
            let (start, whole) = chunks(stream)?;
            body = start;
            if field(&fields, "preview").is_some() && !whole {
                stream
                    .get_mut()
                    .write_all(b"ICAP/1.0 100 Continue\r\n\r\n")
                    .ok()?;
                body.extend(chunks(stream)?.0);
            }
        }
        let stream = stream.get_mut();
        // The standard library's search is fast in a test's build, too.
        let text = String::from_utf8_lossy(&body);
        let is_self_test = text.contains("$EICAR-STANDARD");
        if !is_self_test {
            requests.fetch_add(1, Ordering::SeqCst);
        }
        if !is_self_test && !text.contains(std::str::from_utf8(BAD).unwrap()) {
            let answer = b"ICAP/1.0 204 No Content\r\nISTag: \"test\"\r\n\r\n";
            return stream.write_all(answer).ok();
        }
        let page = format!(
            "HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n",
            PAGE.len()
        );
        let answer = format!(
            "ICAP/1.0 200 OK\r\nISTag: \"test\"\r\nX-Virus-ID: Bad\r\nEncapsulated: res-hdr=0, res-body={}\r\n\r\n{page}{:x}\r\n",
            page.len(),
            PAGE.len()
        );
        stream.write_all(answer.as_bytes()).ok()?;
        stream.write_all(PAGE).ok()?;
        stream.write_all(b"\r\n0\r\n\r\n").ok()
    })
}

type Fields = Vec<(String, String)>;

fn head(stream: &mut impl BufRead) -> Option<(String, Fields)> {
    let first = line(stream)?;
    let mut fields = Vec::new();
    loop {
        let line = line(stream)?;
        if line.is_empty() {
            return Some((first, fields));
        }
        let (name, value) = line.split_once(':')?;
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    let (_, value) = fields.iter().find(|(known, _)| known == name)?;
    Some(value)
}

fn line(stream: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    Some(line.strip_suffix("\r\n")?.to_owned())
}

fn exactly(stream: &mut impl Read, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// A chunked body, and whether its end said `ieof`.
fn chunks(stream: &mut impl BufRead) -> Option<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    loop {
        let size = line(stream)?;
        let (digits, extension) = size.split_once(';').unwrap_or((&size, ""));
        let length = usize::from_str_radix(digits.trim(), 16).ok()?;
        body.extend(exactly(stream, length)?);
        line(stream)?;
        if length == 0 {
            return Some((body, extension.trim() == "ieof"));
        }
    }
}
