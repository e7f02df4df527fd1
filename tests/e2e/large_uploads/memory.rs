//! What memory many uploads take that are scanned at the same time, each in Envoy's buffer.

use std::sync::Arc;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::peers::{PIECE, after_head, upload};
use super::{BUFFER, Memory, mib, put_limits};
use crate::support::envoy::Envoy;
use crate::support::envoy_config::Setup;
use crate::support::icap_answers::NO_CONTENT;
use crate::support::payload::MIB;
use crate::support::scene::plugin;

const UPLOADS: usize = 20;
const LENGTH: u64 = 40 * MIB as u64;

/// When an ICAP server begins to read bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    AsTheyCome,
    /// Once the clients have sent all that Envoy takes.
    Late,
}

/// Lets one upload pass, once all of them have come to their servers.
async fn scan(mut stream: TcpStream, all_here: Arc<Barrier>) {
    let mut tail = after_head(&mut stream).await;
    let mut got = tail.len() as u64;
    let mut buffer = vec![0; PIECE];
    while !(got > LENGTH && tail.ends_with(b"\r\n0\r\n\r\n")) {
        let len = stream.read(&mut buffer).await.unwrap();
        assert!(len > 0, "an ICAP request ends after {got} bytes");
        got += len as u64;
        tail.extend_from_slice(&buffer[..len]);
        tail.drain(..tail.len().saturating_sub(16));
    }
    all_here.wait().await;
    stream.write_all(NO_CONTENT.as_bytes()).await.unwrap();
    let _ = stream.read(&mut buffer).await;
}

/// Takes one upload, and answers.
async fn serve(mut stream: TcpStream) {
    let mut got = after_head(&mut stream).await.len() as u64;
    let mut buffer = vec![0; PIECE];
    while got < LENGTH {
        let len = stream.read(&mut buffer).await.unwrap();
        assert!(len > 0, "an upload ends after {got} bytes");
        got += len as u64;
    }
    let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(answer).await.unwrap();
}

async fn measure(reads: Reads) -> f64 {
    let application = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scanner = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let configuration = plugin(json!({
        "request_buffer_size_kb": BUFFER / 1024,
        "enable_preview": false,
        "max_connections": UPLOADS,
        "response_timeout_ms": 120_000,
    }));
    let mut setup = Setup::new(
        &configuration,
        scanner.local_addr().unwrap(),
        application.local_addr().unwrap(),
    );
    put_limits(&mut setup);
    let envoy = Envoy::start(&setup).await;
    let memory = Memory::of_idle(&envoy);
    let all_here = Arc::new(Barrier::new(UPLOADS));
    // The clients, and who lets the servers read.
    let all_sent = Arc::new(Barrier::new(UPLOADS + 1));
    let (sent, clients) = (Arc::clone(&all_sent), envoy.listener());
    let mut uploads = JoinSet::new();
    for _ in 0..UPLOADS {
        let all_sent = Arc::clone(&all_sent);
        uploads.spawn(upload(clients, LENGTH, async move |sent| {
            if sent == LENGTH {
                all_sent.wait().await;
            }
        }));
    }
    let scanning = tokio::spawn(async move {
        let mut scans = JoinSet::new();
        if reads == Reads::Late {
            sent.wait().await;
        }
        for _ in 0..UPLOADS {
            let (stream, _) = scanner.accept().await.unwrap();
            scans.spawn(scan(stream, Arc::clone(&all_here)));
        }
        if reads == Reads::AsTheyCome {
            sent.wait().await;
        }
        scans.join_all().await;
    });
    let serving = tokio::spawn(async move {
        let mut uploads = JoinSet::new();
        for _ in 0..UPLOADS {
            let (stream, _) = application.accept().await.unwrap();
            uploads.spawn(serve(stream));
        }
        uploads.join_all().await;
    });
    uploads.join_all().await;
    scanning.abort();
    serving.await.unwrap();
    for n in 0..UPLOADS {
        let log = envoy.log_entry(n).await;
        assert_eq!(log["icap_action"], "ICAP_PASSED", "{log}");
    }
    let bodies = mib(UPLOADS as u64 * LENGTH);
    let taken = mib(memory.above_idle(&envoy));
    eprintln!(
        "{UPLOADS} uploads of {:.0} MiB at once, the server reads {reads:?}: {taken:.0} MiB more than the {:.0} MiB of idle, {:.2} times the bodies",
        mib(LENGTH),
        mib(memory.idle),
        taken / bodies,
    );
    taken
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; make large-uploads runs it"]
async fn twenty_uploads_at_once_take_little_more_than_their_bytes() {
    let bodies = mib(UPLOADS as u64 * LENGTH);
    let taken = measure(Reads::AsTheyCome).await;
    assert!(taken <= 1.3 * bodies + 100.0, "{taken:.0} MiB");
    measure(Reads::Late).await;
}
