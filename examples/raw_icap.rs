//! The floor of what a scan can take: REQMOD on one kept connection, nothing around it. `make bench-peers` runs it.
//!
//! `raw_icap PORT BODY_BYTES SECONDS` prints the requests, the microseconds they took, and the 50th and the 99th percentile of
//! the latency in microseconds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program for benchmarks"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const PREVIEW: usize = 1024;

fn chunk(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// The request up to its preview, and what follows a `100 Continue`.
fn request(body: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let http = format!(
        "POST /upload HTTP/1.1\r\nHost: app\r\nContent-Length: {}\r\nContent-Type: application/octet-stream\r\n\r\n",
        body.len()
    );
    let preview = PREVIEW.min(body.len());
    let (first, rest) = body.split_at(preview);
    let mut start = format!(
        "REQMOD icap://127.0.0.1/echo ICAP/1.0\r\nHost: 127.0.0.1\r\nAllow: 204\r\nPreview: {preview}\r\n\
         Encapsulated: req-hdr=0, req-body={}\r\n\r\n{http}",
        http.len()
    )
    .into_bytes();
    chunk(first, &mut start);
    start.extend_from_slice(if rest.is_empty() {
        b"0; ieof\r\n\r\n"
    } else {
        b"0\r\n\r\n"
    });
    let mut more = Vec::new();
    for piece in rest.chunks(64 * 1024) {
        chunk(piece, &mut more);
    }
    more.extend_from_slice(b"0\r\n\r\n");
    (start, more)
}

/// Reads one head; what follows the head of a 200 up to its last chunk, too.
fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> u16 {
    let mut got = Vec::new();
    loop {
        let n = stream.read(buffer).expect("an answer");
        assert!(n > 0, "the server closed the connection");
        got.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&got[..got.len().min(16)]);
        let status = text.split(' ').nth(1).and_then(|it| it.parse().ok());
        match status {
            Some(200) if !got.ends_with(b"0\r\n\r\n") => {}
            Some(status) if got.windows(4).any(|it| it == b"\r\n\r\n") => return status,
            _ => {}
        }
    }
}

fn main() {
    let arguments: Vec<u64> = std::env::args()
        .skip(1)
        .map(|it| it.parse().expect("PORT BODY_BYTES SECONDS"))
        .collect();
    let [port, bytes, seconds] = arguments[..] else {
        panic!("usage: raw_icap PORT BODY_BYTES SECONDS");
    };
    let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
    stream.set_nodelay(true).unwrap();
    let (start, more) = request(&vec![b'x'; usize::try_from(bytes).unwrap()]);
    let mut buffer = vec![0; 256 * 1024];
    let mut taken = Vec::new();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds) {
        let sent = Instant::now();
        stream.write_all(&start).unwrap();
        if answer(&mut stream, &mut buffer) == 100 {
            stream.write_all(&more).unwrap();
            answer(&mut stream, &mut buffer);
        }
        taken.push(sent.elapsed().as_micros());
    }
    let total = began.elapsed().as_micros();
    taken.sort_unstable();
    let percentile = |p: usize| taken[(taken.len() - 1) * p / 100];
    println!(
        "{} {total} {} {}",
        taken.len(),
        percentile(50),
        percentile(99)
    );
}
