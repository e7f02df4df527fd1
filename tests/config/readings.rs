//! Requests that can be read in more than one way: a rule that scans takes them, a rule that does not scan leaves them.

use crate::{accept, base, set};
use icap_filter::config::Config;
use icap_filter::policy::{Decision, Protocol, RequestView, RouteChoice, decide};
use serde_json::{Value, json};
use std::net::IpAddr;

struct Request {
    authority: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    peer: Option<IpAddr>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            authority: "app.example",
            path: "/",
            headers: Vec::new(),
            peer: None,
        }
    }
}

impl RequestView for Request {
    fn client_ip(&self) -> Option<IpAddr> {
        // As a header says.
        Some("10.1.2.3".parse().unwrap())
    }

    fn peer_ip(&self) -> Option<IpAddr> {
        self.peer
    }

    fn listener_port(&self) -> Option<u16> {
        None
    }

    fn protocol(&self) -> Protocol {
        Protocol::Http
    }

    fn method(&self) -> &[u8] {
        b"POST"
    }

    fn authority(&self) -> &[u8] {
        self.authority.as_bytes()
    }

    fn path_and_query(&self) -> &[u8] {
        self.path.as_bytes()
    }

    fn header(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool) {
        for (_, value) in self.headers.iter().filter(|(n, _)| *n == name) {
            if !visit(value.as_bytes()) {
                return;
            }
        }
    }

    fn has_body(&self) -> bool {
        true
    }
}

/// Rules of which the first has `criteria`, and where it is a bypass, a second that scans the rest.
fn config(criteria: Value, action: &str, source: &str) -> Config {
    let mut config = base();
    set(&mut config, "profiles[0].client_ip_source", json!(source));
    let first = json!({"name": "first", "match": criteria, "action": action, "profile": "av"});
    let rest = json!({"name": "rest", "action": "enable_icap", "profile": "av"});
    let rules = if action == "bypass" {
        json!([first, rest])
    } else {
        json!([first])
    };
    set(&mut config, "rules", rules);
    accept(&config)
}

fn is_scanned(config: &Config, request: &Request) -> bool {
    match decide(config, request, RouteChoice::None) {
        Decision::Scan { .. } => true,
        Decision::Skip { .. } => false,
        other => panic!("{other:?}"),
    }
}

/// However a rule with these criteria is used, and its negation, the request is scanned.
fn assert_always_scanned(name: &str, list: &Value, request: &Request) {
    for negation in ["", "_not"] {
        for action in ["enable_icap", "bypass"] {
            let criteria = json!({format!("{name}{negation}"): list});
            let config = config(criteria.clone(), action, "downstream");
            assert!(is_scanned(&config, request), "{action} {criteria}");
        }
    }
}

#[test]
fn a_path_is_matched_in_all_its_spellings() {
    let upload = json!({"prefix": "/api/upload"});
    for path in [
        "/api%2fupload",
        "/api%252Fupload/x",
        "/api;x/upload",
        "//api/upload",
        "/./api/upload",
        "/static/..%2fapi/upload",
        "/api\\upload",
    ] {
        let request = Request {
            path,
            ..Request::default()
        };
        assert_always_scanned("path", &upload, &request);
    }
    let request = Request {
        path: "/api/upload;x",
        ..Request::default()
    };
    let scan = config(json!({"path": "/api/upload"}), "enable_icap", "downstream");
    assert!(is_scanned(&scan, &request));
}

#[test]
fn a_path_does_not_climb_out_of_what_is_not_scanned() {
    let open = config(
        json!({"path": {"prefix": "/static/"}}),
        "bypass",
        "downstream",
    );
    for (path, scanned) in [
        ("/static/a.png", false),
        ("/static/@scope%2fname", false),
        ("/static/../api/upload", true),
        ("/static/..%2fapi/upload", true),
        ("/static/..;/api/upload", true),
        ("/static/%252e%252e/api/upload", true),
    ] {
        let request = Request {
            path,
            ..Request::default()
        };
        assert_eq!(is_scanned(&open, &request), scanned, "{path}");
    }
}

#[test]
fn a_host_is_cut_at_its_first_colon_and_has_no_user() {
    let scan = config(
        json!({"host": "upload.example"}),
        "enable_icap",
        "downstream",
    );
    for authority in [
        "upload.example",
        "UPLOAD.example.:80",
        "upload.example:abc",
        "upload.example:80:80",
        "upload.example:-1",
    ] {
        let request = Request {
            authority,
            ..Request::default()
        };
        assert!(is_scanned(&scan, &request), "{authority}");
    }
    for authority in [
        "u@upload.example",
        "other.example@upload.example",
        "upload.example:1@other.example",
        "upload%2eexample",
        "upload.example,other.example",
    ] {
        let request = Request {
            authority,
            ..Request::default()
        };
        assert_always_scanned("host", &json!("upload.example"), &request);
        assert_always_scanned("host", &json!("other.example"), &request);
    }
}

#[test]
fn of_several_content_types_each_counts() {
    for headers in [
        vec![
            ("content-type", "image/png"),
            ("content-type", "application/zip"),
        ],
        vec![
            ("content-type", "application/zip"),
            ("content-type", "image/png"),
        ],
        vec![("content-type", "image/png, application/zip;x=y")],
        vec![("content-type", "image/png;x=y,Application/ZIP")],
        vec![("content-type", "image/png; x=\", application/zip\"")],
    ] {
        let request = Request {
            headers,
            ..Request::default()
        };
        for list in ["image/png", "application/zip"] {
            assert_always_scanned("content_type", &json!(list), &request);
        }
    }
    let form = Request {
        headers: vec![("content-type", "multipart/form-data; boundary=\"a,b\"")],
        ..Request::default()
    };
    let open = config(
        json!({"content_type": "multipart/form-data"}),
        "bypass",
        "downstream",
    );
    assert!(
        !is_scanned(&open, &form),
        "a comma in a parameter is no list"
    );
}

#[test]
fn cookies_with_blanks_or_quotes_around_are_read_both_ways() {
    for cookie in [
        "role=\"upload\"",
        "role =upload",
        "role= upload; a=b",
        "a=b; role = \"upload\"",
    ] {
        let request = Request {
            headers: vec![("cookie", cookie)],
            ..Request::default()
        };
        let list = json!([{"name": "role", "exact": "upload"}]);
        assert_always_scanned("cookie", &list, &request);
    }
}

#[test]
fn the_peer_and_no_header_says_who_the_client_is() {
    let office = json!({"client_ip": "10.0.0.0/8"});
    for (peer, by_header, by_peer) in [
        (Some("192.0.2.7"), true, false),
        (Some("10.9.9.9"), true, true),
        // Nobody knows: what may have to be scanned is.
        (None, true, true),
    ] {
        let request = Request {
            peer: peer.map(|ip| ip.parse().unwrap()),
            ..Request::default()
        };
        for (source, expected) in [("downstream", by_header), ("peer", by_peer)] {
            let scan = config(office.clone(), "enable_icap", source);
            assert_eq!(is_scanned(&scan, &request), expected, "{source} {peer:?}");
        }
    }
    let unknown = Request::default();
    let open = config(office, "bypass", "peer");
    assert!(is_scanned(&open, &unknown), "an unknown peer opens nothing");
}
