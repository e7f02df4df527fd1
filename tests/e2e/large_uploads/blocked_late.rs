//! Uploads in stream mode that are blocked after most of them has gone on.

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::peers::{PIECE, after_head};
use super::{BUFFER, Memory, mib, put_limits};
use crate::streams::{Ends, Upload, begin_to_give, chunk, streaming, ways};
use crate::support::icap_server::IcapServer;
use crate::support::payload::pattern;
use crate::support::scene::Scene;
use crate::support::within;

/// The upload, in bytes.
const UPLOAD: u64 = 1 << 30;
/// So much is given back before something is found, in bytes.
const FOUND: u64 = 900 << 20;
/// How far the client may be ahead of what was given back, in bytes.
const AHEAD: u64 = 8 << 20;

/// How many bytes of an upload an application got, and the last of them.
async fn take(listener: &TcpListener) -> (u64, Vec<u8>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut tail = after_head(&mut stream).await;
    let mut got = tail.len() as u64;
    let mut buffer = vec![0; PIECE];
    while let Ok(len) = stream.read(&mut buffer).await
        && len > 0
    {
        got += len as u64;
        tail.extend_from_slice(&buffer[..len]);
        tail.drain(..tail.len().saturating_sub(16));
    }
    (got, tail)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "large; make large-uploads runs it"]
async fn a_block_after_900_mib_leaves_no_whole_request_at_the_application() {
    let application = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = application.local_addr().unwrap();
    let server = IcapServer::listen().await;
    let changes = json!({"request_buffer_size_kb": BUFFER / 1024});
    let scene = Scene::with(server.address(), streaming(changes), |setup| {
        setup.application = address;
        put_limits(setup);
    })
    .await;
    let memory = Memory::of_idle(&scene.envoy);
    let piece = pattern(PIECE);
    for (n, way) in ways().enumerate() {
        let mut upload = Upload::begin(&scene, way, UPLOAD as usize).await;
        let mut feed = upload.feed.take().unwrap();
        let (giving, mut given) = watch::channel(0);
        let piece = piece.clone();
        let feeding = tokio::spawn(async move {
            let mut sent = 0;
            while sent < UPLOAD && feed.send_data(piece.clone()).await.is_ok() {
                sent += piece.len() as u64;
                let is_near = |given: &u64| given + AHEAD >= sent || *given >= FOUND;
                let near = within("bytes that are given back", given.wait_for(is_near));
                near.await.unwrap();
            }
        });
        let blocking = async {
            let mut connection = server.accept().await;
            let mut request = begin_to_give(&mut connection).await.unwrap();
            let mut all = 0;
            while all < FOUND {
                let part = std::mem::take(&mut request.body);
                all += part.len() as u64;
                if !part.is_empty() {
                    connection.send(chunk(&part)).await;
                    giving.send_replace(all);
                }
                connection.chunk(&mut request).await;
            }
            connection.send("0\r\nX-Virus-ID: late\r\n\r\n").await;
            upload.ends_blocked(&scene, n, way).await;
        };
        let ((got, tail), ()) = tokio::join!(take(&application), blocking);
        feeding.abort();
        match way.1 {
            Ends::ByLength => assert!(got < UPLOAD, "{way:?}: all of it arrived"),
            Ends::BySaying => assert!(!tail.ends_with(b"0\r\n\r\n"), "{way:?}: its end arrived"),
        }
        eprintln!(
            "{way:?}: blocked after the application had {:.0} MiB",
            mib(got)
        );
    }
    eprintln!(
        "resident at most {:.0} MiB more than idle",
        mib(memory.above_idle(&scene.envoy))
    );
}
