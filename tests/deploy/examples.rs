//! The configurations in `envoy/` and the one of the containers: what they have in common, and how applications that talk
//! for long fare behind them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use regex_lite::Regex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bootstrap::{LIFTED, check_agreement, check_route_lookup, check_rules, lift, module};
use crate::client::{self, post, post_http2};
use crate::envoy::{Envoy, lifts_by_route};
use crate::grpc;
use crate::servers::{BAD, DOWNLOAD, Server, application, icap_server};
use crate::{eventually, root, yaml, yaml_files_below};

/// All of them.
fn files() -> Vec<PathBuf> {
    let mut files = yaml_files_below("envoy");
    files.push(root().join("docker/envoy/envoy.yaml"));
    files
}

/// An Envoy with one of them, and what stands behind it.
pub struct Scene {
    /// The Envoy.
    pub envoy: Envoy,
    application: Server,
    /// The one ICAP server, whatever the example calls it.
    pub icap_server: Server,
    _directory: TempDir,
}

impl Scene {
    fn start(file: &str) -> Self {
        Self::start_with(file, application(), |_| {})
    }

    /// Starts them, with changes to the example.
    pub fn start_with(file: &str, application: Server, change: impl FnOnce(&mut Value)) -> Self {
        let icap_server = icap_server();
        let mut config = yaml::load_one(&root().join(file));
        config["admin"]["address"]["socket_address"]["port_value"] = 0.into();
        // Not the one for metrics.
        let listeners = &mut config["static_resources"]["listeners"];
        listeners.as_array_mut().unwrap().truncate(1);
        listeners[0]["address"]["socket_address"]["port_value"] = 0.into();
        for cluster in config["static_resources"]["clusters"]
            .as_array_mut()
            .unwrap()
        {
            let port = match cluster["name"] == "application" {
                true => application.port,
                false => icap_server.port,
            };
            let endpoint = &mut cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0];
            endpoint["endpoint"]["address"]["socket_address"] =
                json!({"address": "127.0.0.1", "port_value": port});
        }
        yaml::mappings_mut(&mut config, &mut |fields| {
            if let Some(file) = fields.get_mut("filename") {
                *file = module().to_str().unwrap().into();
            }
        });
        if !lifts_by_route() {
            lift(&mut config);
        }
        change(&mut config);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("envoy.json");
        std::fs::write(&path, config.to_string()).unwrap();
        Self {
            envoy: Envoy::start(&path),
            application,
            icap_server,
            _directory: directory,
        }
    }

    /// A connection on which a head was sent.
    fn begin(&self, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.envoy.listener).unwrap();
        stream.set_read_timeout(Some(client::DEADLINE)).unwrap();
        let head = head.replace('\n', "\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }
}

/// Reads until `end` was read.
#[track_caller]
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        let mut byte = [0];
        if stream.read(&mut byte).unwrap() == 0 {
            panic!("ended after {}", String::from_utf8_lossy(&read));
        }
        read.extend(byte);
    }
    String::from_utf8(read).unwrap()
}

#[test]
fn every_example_has_what_all_need() {
    for file in files() {
        let config = yaml::load_one(&file);
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.display();
        let is_chain = file.ends_with("envoy/chain.yaml");
        // Behind a gate a small buffer does.
        let limit = match file.ends_with("envoy/gate.yaml") {
            true => 6 << 20,
            false => LIFTED,
        };
        assert_eq!(check_rules(&config), 1 + usize::from(is_chain), "{name}");
        check_route_lookup(&config);
        let listener = &config["static_resources"]["listeners"][0];
        check_agreement(&json!([listener, config["static_resources"]["clusters"]]));
        let hcm = &listener["filter_chains"][0]["filters"][0]["typed_config"];
        // X-Forwarded-For of the client is not believed.
        assert_eq!(hcm["use_remote_address"], true, "{name}");
        assert_eq!(
            hcm["upgrade_configs"][0]["upgrade_type"], "websocket",
            "{name}"
        );
        assert_eq!(
            listener["per_connection_buffer_limit_bytes"],
            1 << 20,
            "{name}"
        );
        let http2 = &hcm["http2_protocol_options"];
        for window in [
            "initial_stream_window_size",
            "initial_connection_window_size",
        ] {
            assert_eq!(http2[window], 1 << 20, "{name}");
        }
        for route in hcm["route_config"]["virtual_hosts"][0]["routes"]
            .as_array()
            .unwrap()
        {
            assert_eq!(route["route"]["timeout"], "0s", "{name}");
            assert_eq!(route["request_body_buffer_limit"], limit, "{name}");
        }
        // What changes paths breaks applications.
        let option =
            Regex::new("(?m)^ *(normalize_path|merge_slashes|path_with_escaped_slashes_action):");
        assert!(!option.unwrap().is_match(&text), "{name}");
    }
}

/// As fast as it goes: one read of Envoy's may bring as much as the listener's limit, and that must still fit beside what is held.
#[test]
fn a_fast_upload_past_the_buffer_goes_on_where_the_example_fails_open() {
    const SIZE: usize = 60 << 20;
    if !lifts_by_route() {
        return;
    }
    let scene = Scene::start_with("envoy/envoy.yaml", application(), |config| {
        yaml::mappings_mut(config, &mut |fields| {
            if let Some(action) = fields.get_mut("large_upload_fail_action") {
                *action = "fail_open".into();
            }
        });
    });
    let mut upload = format!("{SIZE:x}\r\n").into_bytes();
    upload.resize(upload.len() + SIZE, b'x');
    upload.extend_from_slice(b"\r\n0\r\n\r\n");
    for _ in 0..6 {
        let mut stream = scene.begin("POST / HTTP/1.1\nhost: test\ntransfer-encoding: chunked\n\n");
        stream.write_all(&upload).unwrap();
        let answer = read_until(&mut stream, &SIZE.to_string());
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

/// The two filters of one virtual machine scan as one does alone.
#[test]
fn the_example_with_a_gate_scans() {
    let scene = Scene::start_with("envoy/gate.yaml", application(), |config| {
        yaml::mappings_mut(config, &mut |fields| {
            if let Some(limit) = fields.get_mut("response_timeout_ms") {
                *limit = 3000.into();
            }
        });
    });
    let size = 2 << 20;
    let clean = post(scene.envoy.listener, "/upload", &vec![b'x'; size]);
    assert_eq!(clean.status, 200);
    assert_eq!(clean.body, size.to_string().as_bytes());
    assert_eq!(post(scene.envoy.listener, "/upload", BAD).status, 403);
    // This server gives nothing back before it has the whole.
    let large = post(scene.envoy.listener, "/upload", &vec![b'x'; 16 << 20]);
    assert_eq!(large.status, 413);
    assert_eq!(post(scene.envoy.listener, "/upload", b"after").status, 200);
}

/// What runs is checked as what is written is: Envoy's own dump of it.
#[test]
fn check_config_reads_the_dump_of_a_running_envoy() {
    let scene = Scene::start("envoy/envoy.yaml");
    let check = |change: &dyn Fn(String) -> String| {
        let dump = client::get(scene.envoy.admin, "/config_dump").unwrap().body;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dump.json");
        std::fs::write(&path, change(String::from_utf8(dump).unwrap())).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_check-config"));
        let output = command.arg("--envoy").arg(&path).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let said = check(&|dump| dump);
    // An Envoy without the route's limit has large ones for everything.
    let expected = match lifts_by_route() {
        true => said.ends_with(": ok: 1 filter scans\n"),
        false => said.contains("for everything") && said.lines().all(|l| l.contains(": warning: ")),
    };
    assert!(expected, "{said}");
    let flag = "\"allow_on_headers_stop_iteration\": true";
    let said = check(&|dump| dump.replace(flag, "\"allow_on_headers_stop_iteration\": false"));
    assert!(
        said.contains("no allow_on_headers_stop_iteration"),
        "{said}"
    );
}

#[test]
fn an_upload_of_forty_mebibytes_passes_with_limits_of_one() {
    let scene = Scene::start("envoy/envoy.yaml");
    let body = vec![b'x'; 40 << 20];
    for post in [post, post_http2] {
        let answer = post(scene.envoy.listener, "/upload", &body);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, body.len().to_string().as_bytes());
    }
    assert_eq!(scene.icap_server.requests(), 2);
    // What is above the profile's own limit gets the filter's answer.
    let answer = post(scene.envoy.listener, "/upload", &vec![b'x'; 51 << 20]);
    assert_eq!(answer.status, 413);
    assert_eq!(scene.application.requests(), 2);
}

/// Nobody reads ten downloads: Envoy stops to take them from the application, after what all kernels keep, and little more.
#[test]
fn unread_downloads_are_bounded() {
    if !lifts_by_route() {
        return;
    }
    let scene = Scene::start("envoy/envoy.yaml");
    let paused = "cluster.application.upstream_flow_control_paused_reading_total";
    let received = "cluster.application.upstream_cx_rx_bytes_total";
    let clients: Vec<TcpStream> = (0..10)
        .map(|_| scene.begin("GET /download HTTP/1.1\nhost: test\n\n"))
        .collect();
    eventually("Envoy to stop reading", || {
        (scene.envoy.stat(paused) >= 10).then_some(())
    });
    assert!(scene.envoy.stat(received) < 10 * DOWNLOAD / 3);
    drop(clients);

    let (paused_before, before) = (scene.envoy.stat(paused), scene.envoy.stat(received));
    let _clients = client::unread_http2(scene.envoy.listener, "/download", 10);
    eventually("Envoy to stop reading", || {
        (scene.envoy.stat(paused) >= paused_before + 10).then_some(())
    });
    assert!(scene.envoy.stat(received) - before < 10 * DOWNLOAD / 3);
}

#[test]
fn websocket_passes() {
    let scene = Scene::start("envoy/envoy.yaml");
    let mut stream = scene.begin(
        "GET /socket HTTP/1.1\nhost: test\nconnection: Upgrade\nupgrade: websocket\nsec-websocket-version: 13\n\n",
    );
    let head = read_until(&mut stream, "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    for text in ["one", "two"] {
        stream.write_all(text.as_bytes()).unwrap();
        read_until(&mut stream, text);
    }
    assert_eq!(scene.icap_server.requests(), 0);
}

/// What a client writes after it asked for another protocol is no request, whatever the application makes of it.
#[test]
fn a_request_behind_an_upgrade_that_is_refused_does_not_pass() {
    let scene = Scene::start("envoy/envoy.yaml");
    let mut stream = scene.begin(&format!(
        "GET /refused HTTP/1.1\nhost: test\nconnection: Upgrade\nupgrade: websocket\n\n\
         POST /upload HTTP/1.1\nhost: test\ncontent-length: {}\n\n{}",
        BAD.len(),
        String::from_utf8_lossy(BAD),
    ));
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert_eq!(scene.application.requests(), 1);
}

#[test]
fn server_sent_events_pass_as_they_come() {
    let scene = Scene::start("envoy/envoy.yaml");
    for head in [
        "GET /events HTTP/1.1\nhost: test\n\n",
        "POST /events HTTP/1.1\nhost: test\ncontent-length: 5\n\nclean",
    ] {
        read_until(&mut scene.begin(head), "data: 1\n\n");
    }
    // The body of the second, and not its answer.
    assert_eq!(scene.icap_server.requests(), 1);
}

#[test]
fn a_grpc_conversation_passes_and_its_content_type_alone_does_not() {
    let application = grpc::application();
    let scene = Scene::start_with("envoy/envoy.yaml", application, |config| {
        let protocol = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
        let clusters = config["static_resources"]["clusters"]
            .as_array_mut()
            .unwrap();
        let application = clusters.iter_mut().find(|c| c["name"] == "application");
        application.unwrap()["typed_extension_protocol_options"] = json!({protocol: {
            "@type": format!("type.googleapis.com/{protocol}"),
            "explicit_http_config": {"http2_protocol_options": {}},
        }});
    });
    for content_type in ["application/grpc", "application/grpc+proto"] {
        grpc::talk(scene.envoy.listener, "/chat.v1.Chat/Talk", content_type);
    }
    assert_eq!(scene.icap_server.requests(), 0);
    for path in [
        "/upload",
        "/index.php/upload",
        "/a.b/c/d",
        "/a.B/",
        "/%61.B/c",
    ] {
        let status = grpc::send(scene.envoy.listener, path, BAD);
        assert_ne!(status, "0", "{path}");
    }
    assert_eq!(scene.application.requests(), 2);
}

#[test]
fn split_uploads_are_refused() {
    let scene = Scene::start("envoy/split-uploads.yaml");
    let status = |head: &str| {
        let head = format!("{head}\nhost: test\nconnection: close\ncontent-length: 3\n\nabc");
        let mut answer = String::new();
        scene.begin(&head).read_to_string(&mut answer).unwrap();
        answer[9..12].parse::<u16>().unwrap()
    };
    let pieces = [
        "PUT /file HTTP/1.1\ncontent-range: bytes 0-2/6",
        "PATCH /files/1 HTTP/1.1\nupload-offset: 0",
        "POST /files HTTP/1.1\nx-http-method-override: PATCH\nupload-offset: 3",
        "POST /files HTTP/1.1\nupload-concat: partial",
        "POST /files HTTP/1.1\ncontent-type: application/offset+octet-stream",
        "POST /files HTTP/1.1\nupload-complete: ?0",
        "PUT /file HTTP/1.1\noc-chunked: 1",
        "PUT /remote.php/dav/uploads/me/1/00001 HTTP/1.1",
        "PUT /remote.php/dav/%75ploads/me/1/00001 HTTP/1.1",
        "PUT /remote.php//dav//uploads//me/1/00001 HTTP/1.1",
        "PUT /remote.php/dav/files/../uploads/me/1/00001 HTTP/1.1",
        "PUT /remote.php/dav%2Fuploads/me/1/00001 HTTP/1.1",
        "MOVE /remote.php/dav/uploads/me/1/.file HTTP/1.1",
        "PUT /bucket/key?partNumber=1&uploadId=a HTTP/1.1",
        "PUT /bucket/key?uploadId=a&%70artNumber=1 HTTP/1.1",
        "PUT /container/blob?comp=block&blockid=a HTTP/1.1",
        "POST /upload?resumableChunkNumber=1 HTTP/1.1",
    ];
    for piece in pieces {
        assert_eq!(status(piece), 403, "{piece}");
    }
    assert_eq!(scene.application.requests(), 0);
    let whole = [
        "PUT /file HTTP/1.1",
        "POST /uploads HTTP/1.1",
        "PUT /remote.php/dav/files/me/a HTTP/1.1",
        "PUT /bucket/partNumber HTTP/1.1",
        "POST /files HTTP/1.1\nupload-complete: ?1",
    ];
    for request in whole {
        assert_eq!(status(request), 200, "{request}");
    }
    assert_eq!(scene.icap_server.requests(), whole.len());
}
