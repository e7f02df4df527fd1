//! How fast a large upload streams, and what memory that takes, beside an Envoy without the filter. `make stream-speed` prints both.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::envoy::Envoy;
use crate::support::envoy_config::Setup;
use crate::support::eventually;
use crate::support::payload::{MIB, pattern};
use crate::support::scene::plugin;

/// The upload, in bytes.
const UPLOAD: u64 = 1 << 30;
/// The profile's buffer, in bytes.
const BUFFER: usize = 16 * MIB;
/// How far the client may be ahead of what was given back, in bytes.
const AHEAD: u64 = 8 << 20;
const PIECE: usize = 256 * 1024;

/// Reads to the end of a head, and gives what follows it.
async fn after_head(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    loop {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0);
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            return read.split_off(end + 4);
        }
    }
}

/// Takes one upload, and answers once all of it is there.
async fn application(listener: TcpListener) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut left = UPLOAD - after_head(&mut stream).await.len() as u64;
    let mut buffer = vec![0; PIECE];
    while left > 0 {
        left -= stream.read(&mut buffer).await.unwrap() as u64;
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(answer).await.unwrap();
    let _ = stream.read(&mut buffer).await;
}

/// Gives the chunks of one upload back as they come.
async fn echo(listener: TcpListener, given: Arc<AtomicU64>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut http = after_head(&mut stream).await;
    let end = loop {
        if let Some(end) = http.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        assert!(stream.read_buf(&mut http).await.unwrap() > 0);
    };
    let icap = format!("ICAP/1.0 200 OK\r\nEncapsulated: req-hdr=0, req-body={end}\r\n\r\n");
    stream.write_all(icap.as_bytes()).await.unwrap();
    stream.write_all(&http).await.unwrap();
    let mut buffer = vec![0; PIECE];
    loop {
        let len = stream.read(&mut buffer).await.unwrap_or_default();
        if len == 0 || stream.write_all(&buffer[..len]).await.is_err() {
            return;
        }
        given.fetch_add(len as u64, Ordering::SeqCst);
    }
}

/// Uploads, and gives the seconds that it took. `given`: what the client must not be far ahead of.
async fn upload(envoy: &Envoy, given: Option<&AtomicU64>) -> f64 {
    let mut stream = TcpStream::connect(envoy.listener()).await.unwrap();
    let head =
        format!("POST /upload HTTP/1.1\r\nhost: app.test\r\ncontent-length: {UPLOAD}\r\n\r\n");
    let piece = pattern(PIECE);
    let started = Instant::now();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut sent = 0;
    while sent < UPLOAD {
        stream.write_all(&piece).await.unwrap();
        sent += piece.len() as u64;
        while given.is_some_and(|given| given.load(Ordering::SeqCst) + AHEAD < sent) {
            tokio::task::yield_now().await;
        }
    }
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 200");
    started.elapsed().as_secs_f64()
}

async fn measure(with_filter: bool) {
    let sink = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scanner = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let configuration = plugin(json!({
        "request_buffer_size_kb": BUFFER / 1024,
        "large_upload_fail_action": "stream",
        "enable_preview": false,
    }));
    let mut setup = Setup::new(
        &configuration,
        scanner.local_addr().unwrap(),
        sink.local_addr().unwrap(),
    );
    setup.buffer_limit = (BUFFER + 2 * MIB) as u32;
    if !with_filter {
        setup.patch(|bootstrap| {
            let manager = &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
            let filters = manager["typed_config"]["http_filters"].as_array_mut();
            filters.unwrap().remove(0);
        });
    }
    let given = Arc::new(AtomicU64::new(0));
    let echoing = tokio::spawn(echo(scanner, Arc::clone(&given)));
    let receiving = tokio::spawn(application(sink));
    let envoy = Envoy::start(&setup).await;
    let before = envoy.resident_bytes();
    let seconds = upload(&envoy, with_filter.then_some(&*given)).await;
    eprintln!(
        "{}: {seconds:.2} s, {:.0} MiB/s; resident before {} MiB, at most {} MiB",
        if with_filter {
            "stream mode"
        } else {
            "without the filter"
        },
        UPLOAD as f64 / seconds / MIB as f64,
        before / MIB as u64,
        envoy.peak_resident_bytes() / MIB as u64,
    );
    if with_filter {
        eventually("the log of the upload", async || {
            (envoy.log_entries() > 0).then_some(())
        })
        .await;
        assert_eq!(envoy.log_entry(0).await["icap_action"], "ICAP_PASSED");
    }
    echoing.abort();
    receiving.abort();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; make stream-speed runs it"]
async fn a_gibibyte_in_stream_mode_and_without_the_filter() {
    for with_filter in [false, true, false, true] {
        measure(with_filter).await;
    }
}
