//! A large upload behind a gate, through an ICAP server that takes no more than a part of what the client could send.

use std::time::Instant;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::peers::{application, echo, upload};
use super::{BUFFER, Memory, mib};
use crate::gate::{Side, put_gate};
use crate::streams::streaming;
use crate::support::envoy::Envoy;
use crate::support::envoy_config::Setup;
use crate::support::payload::MIB;

/// The upload, in bytes.
const UPLOAD: u64 = 1 << 30;
/// What the server gives back in a second at most, in bytes.
const RATE: u64 = 64 << 20;
/// How far the client may be ahead: the window, and what the gate, reads and sockets hold, in bytes.
const MOST_AHEAD: u64 = BUFFER as u64 + 24 * MIB as u64;
/// The memory that it may take, in bytes: the window, here and on its way, and what allocators keep.
const MEMORY: u64 = 200 * MIB as u64;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; make large-uploads runs it"]
async fn a_gibibyte_behind_a_gate_goes_at_the_pace_of_the_server() {
    let sink = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scanner = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let changes = json!({"request_buffer_size_kb": BUFFER / 1024, "enable_preview": false});
    let configuration = crate::support::scene::plugin(streaming(changes));
    let [of_sink, of_scanner] = [&sink, &scanner].map(|it| it.local_addr().unwrap());
    let mut setup = Setup::new(&configuration, of_scanner, of_sink);
    put_gate(&mut setup, Side::Before);
    let envoy = Envoy::start(&setup).await;
    let (sender, given) = watch::channel(0);
    let giving = tokio::spawn(echo(scanner, sender, Some(RATE)));
    let receiving = tokio::spawn(application(sink, vec![UPLOAD], true));
    let memory = Memory::of_idle(&envoy);
    let started = Instant::now();
    let mut ahead = 0;
    upload(envoy.listener(), UPLOAD, async |sent| {
        ahead = ahead.max(sent.saturating_sub(*given.borrow()));
    })
    .await;
    let seconds = started.elapsed().as_secs_f64();
    receiving.await.unwrap();
    giving.abort();
    let log = envoy.log_entry(0).await;
    assert_eq!(log["icap_action"], "ICAP_PASSED", "{log}");
    let taken = memory.above_idle(&envoy);
    eprintln!(
        "behind a gate, the server takes {:.0} MiB/s: {:.0} MiB/s, the client ahead by {:.0} MiB at most, resident at most {:.0} MiB more than idle",
        mib(RATE),
        mib(UPLOAD) / seconds,
        mib(ahead),
        mib(taken),
    );
    assert!(ahead <= MOST_AHEAD, "{ahead} bytes ahead");
    assert!(taken <= MEMORY, "{taken} bytes");
}
