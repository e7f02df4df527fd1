//! How fast a large upload streams through an ICAP server that gives it back, and what memory that takes.
//!
//! ```text
//!  without the filter   client ──▶ Envoy ──▶ application
//!  detour               client ──▶ Envoy ──▶ relay ──▶ Envoy ──▶ application     the same way, without the module
//!  stream mode          client ──▶ Envoy ──▶ ICAP server ──▶ Envoy ──▶ application
//! ```

use std::net::SocketAddr;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::peers::{PIECE, application, echo, relay, upload};
use super::{BUFFER, Memory, mib, put_limits};
use crate::support::envoy::Envoy;
use crate::support::envoy_config::{Setup, address, cluster};
use crate::support::payload::pattern;
use crate::support::scene::plugin;
use crate::support::within;

/// The upload that is measured, in bytes.
const UPLOAD: u64 = 1 << 30;
/// The upload before it, by which V8 learns what to compile for speed, in bytes.
const WARM_UP: u64 = 128 << 20;
/// How far the client may be ahead of what was given back, in bytes.
const AHEAD: u64 = 8 << 20;
const ROUNDS: usize = 3;

/// The way of the upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    WithoutFilter,
    Detour,
    StreamMode,
}

/// Takes the filter out.
fn remove_filter(bootstrap: &mut Value) {
    let listener = &mut bootstrap["static_resources"]["listeners"][0];
    let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
    manager["http_filters"].as_array_mut().unwrap().remove(0);
}

/// Adds a second listener, whose requests go to `application`.
fn add_listener(bootstrap: &mut Value, application: SocketAddr) {
    let resources = &mut bootstrap["static_resources"];
    let mut second = resources["listeners"][0].clone();
    second["name"] = json!("onward");
    let manager = &mut second["filter_chains"][0]["filters"][0]["typed_config"];
    manager["access_log"] = json!([]);
    manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"]["cluster"] = json!("onward");
    second["address"] = address("127.0.0.1:0".parse().unwrap());
    resources["listeners"].as_array_mut().unwrap().push(second);
    let clusters = resources["clusters"].as_array_mut().unwrap();
    clusters.push(cluster("onward", &[application]));
}

async fn measure(way: Way) {
    let sink = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let configuration = plugin(json!({
        "request_buffer_size_kb": BUFFER / 1024,
        "large_upload_fail_action": "stream",
        "enable_preview": false,
        "max_requests_per_connection": 1,
    }));
    let [of_sink, of_between] = [&sink, &between].map(|it| it.local_addr().unwrap());
    let first = match way {
        Way::Detour => of_between,
        Way::WithoutFilter | Way::StreamMode => of_sink,
    };
    let mut setup = Setup::new(&configuration, of_between, first);
    put_limits(&mut setup);
    setup.patch(move |bootstrap| match way {
        Way::StreamMode => {}
        Way::WithoutFilter => remove_filter(bootstrap),
        Way::Detour => {
            remove_filter(bootstrap);
            add_listener(bootstrap, of_sink);
        }
    });
    let envoy = Envoy::start(&setup).await;
    let (sender, given) = watch::channel(0);
    let giving = match way {
        Way::Detour => tokio::spawn(relay(between, envoy.listener_named("onward"), sender)),
        Way::WithoutFilter | Way::StreamMode => tokio::spawn(echo(between, sender, None)),
    };
    let receiving = tokio::spawn(application(sink, vec![WARM_UP, UPLOAD], false));
    send(&envoy, way, given.clone(), WARM_UP).await;
    let memory = Memory::of_idle(&envoy);
    let (used, started) = (envoy.processor_seconds(), Instant::now());
    send(&envoy, way, given, UPLOAD).await;
    let seconds = started.elapsed().as_secs_f64();
    eprintln!(
        "{way:?}: {:.0} MiB/s; Envoy's processor time {:.2} s; resident at most {:.0} MiB more than the {:.0} MiB before",
        mib(UPLOAD) / seconds,
        envoy.processor_seconds() - used,
        mib(memory.above_idle(&envoy)),
        mib(memory.idle),
    );
    if way == Way::StreamMode {
        let log = envoy.log_entry(1).await;
        assert_eq!(log["icap_action"], "ICAP_PASSED", "{log}");
    }
    giving.abort();
    receiving.await.unwrap();
}

/// Uploads, and where the bytes are given back never far ahead of that.
async fn send(envoy: &Envoy, way: Way, mut given: watch::Receiver<u64>, length: u64) {
    let before = *given.borrow();
    let listener = envoy.listener_named("ingress");
    upload(listener, length, async |sent| {
        if way != Way::WithoutFilter {
            let is_near = |given: &u64| given - before + AHEAD >= sent;
            let near = within("bytes that are given back", given.wait_for(is_near));
            near.await.unwrap();
        }
    })
    .await;
}

/// The echo alone: what the ICAP server, its client and the loopback cost without Envoy.
async fn measure_echo() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, _given) = watch::channel(0);
    let giving = tokio::spawn(echo(listener, sender, None));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let heads = b"REQMOD icap://echo.test/ ICAP/1.0\r\n\r\nPOST / HTTP/1.1\r\n\r\n";
    stream.write_all(heads).await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"POST / HTTP/1.1\r\n\r\n") {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0);
    }
    let (mut back, mut there) = stream.split();
    let piece = pattern(PIECE);
    let started = Instant::now();
    let sends = async {
        for _ in 0..UPLOAD / PIECE as u64 {
            there.write_all(&piece).await.unwrap();
        }
    };
    let reads = async {
        let (mut left, mut buffer) = (UPLOAD, vec![0; PIECE]);
        while left > 0 {
            left -= back.read(&mut buffer).await.unwrap() as u64;
        }
    };
    tokio::join!(sends, reads);
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("the echo alone: {:.0} MiB/s", mib(UPLOAD) / seconds);
    giving.abort();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; make large-uploads runs it"]
async fn a_gibibyte_in_stream_mode_and_without_the_filter() {
    for _ in 0..ROUNDS {
        measure_echo().await;
        for way in [Way::WithoutFilter, Way::Detour, Way::StreamMode] {
            measure(way).await;
        }
    }
}
