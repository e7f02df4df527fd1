//! What one scan costs in the protocol alone: writing its heads, reading its answer.

#![allow(missing_docs, reason = "criterion's macros write functions without")]

use criterion::{BatchSize, Criterion, Throughput, black_box, criterion_group, criterion_main};
use icap_filter::icap::{
    Event, IcapRequest, IcapResponseParser, Limits, Method, encode_request_head,
};

const NO_CONTENT: &[u8] =
    b"ICAP/1.0 204 No Content\r\nISTag: \"bench-1\"\r\nServer: C-ICAP/0.5.10\r\n\
    Connection: keep-alive\r\nDate: Sun, 01 Jan 2023 00:00:00 GMT\r\n\r\n";
const HTTP_HEAD: &str = "POST /upload?name=report.pdf HTTP/1.1\r\nHost: app.example.net\r\n\
    User-Agent: bench/1.0\r\nContent-Type: application/pdf\r\nContent-Length: 102400\r\n\r\n";

/// A 200 that sends `len` bytes back, in chunks of 4 KiB.
fn echo(len: usize) -> Vec<u8> {
    let mut answer = format!(
        "ICAP/1.0 200 OK\r\nISTag: \"bench-1\"\r\nEncapsulated: req-hdr=0, req-body={}\r\n\r\n{HTTP_HEAD}",
        HTTP_HEAD.len()
    )
    .into_bytes();
    for chunk in vec![b'x'; len].chunks(4096) {
        answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        answer.extend_from_slice(chunk);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}

/// Reads `answer`, handed over in pieces of 16 KiB as they come from a socket. Returns the length of its body.
fn read(pieces: Vec<Vec<u8>>) -> usize {
    let mut parser = IcapResponseParser::new(Limits::default());
    let mut body = 0;
    for piece in pieces {
        parser.push(piece);
        loop {
            match parser.poll() {
                Ok(None) => break,
                Ok(Some(Event::Body(bytes))) => body += bytes.len(),
                Ok(Some(Event::End { .. })) => return body,
                Ok(Some(_)) => {}
                Err(error) => unreadable(&error),
            }
        }
    }
    body
}

fn unreadable(error: &dyn std::fmt::Display) -> ! {
    eprintln!("the benchmark's own answer is unreadable: {error}");
    std::process::exit(1)
}

fn answers(c: &mut Criterion) {
    const ECHOED: usize = 100 * 1024;
    let mut group = c.benchmark_group("answer");
    for (name, answer, body) in [
        ("204", NO_CONTENT.to_vec(), 0),
        ("200 echo of 100 KiB", echo(ECHOED), ECHOED),
    ] {
        let pieces: Vec<Vec<u8>> = answer.chunks(16 * 1024).map(<[u8]>::to_vec).collect();
        assert_eq!(read(pieces.clone()), body, "{name}");
        group.throughput(Throughput::Bytes(answer.len() as u64));
        group.bench_function(name, |b| {
            b.iter_batched(
                || pieces.clone(),
                |pieces| black_box(read(pieces)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn heads(c: &mut Criterion) {
    let fields: Vec<(Vec<u8>, Vec<u8>)> = [
        (":authority", "app.example.net"),
        (":path", "/upload?name=report.pdf"),
        (":method", "POST"),
        (":scheme", "https"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        ),
        (
            "accept",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        ),
        ("accept-language", "en-US,en;q=0.5"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("content-type", "application/pdf"),
        ("content-length", "102400"),
        (
            "cookie",
            "session=0123456789abcdef0123456789abcdef; theme=dark",
        ),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "6b3f1c1e-55f1-4c8e-9c59-6b6f0f1c2d3e"),
    ]
    .iter()
    .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
    .collect();
    let headers = [("X-Client-IP".to_owned(), "192.0.2.1".to_owned())];
    c.bench_function("request heads", |b| {
        b.iter(|| {
            let head = encode_request_head(black_box(&fields));
            let Ok(head) = head else {
                return Vec::new();
            };
            let mut out = Vec::new();
            IcapRequest {
                method: Method::Reqmod,
                uri: "icap://icap.example.net:1344/avscan",
                host: "icap.example.net:1344",
                allow: &[204],
                trailers: false,
                preview: Some(5000),
                headers: &headers,
                request_head: Some(&head),
                response_head: None,
                has_body: true,
            }
            .encode(&mut out);
            out
        });
    });
}

criterion_group!(benches, answers, heads);
criterion_main!(benches);
