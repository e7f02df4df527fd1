//! The HTTP security policy.

use crate::{accept, base, refuse, refuse_at, set, with};
use icap_filter::config::{Config, Enforcement};
use icap_filter::policy::{Decision, Protocol, RequestView, RouteChoice, decide};
use serde_json::{Value, json};
use std::cell::Cell;
use std::net::IpAddr;

/// A request that counts how often it is asked for its address.
struct Request {
    client_ip: Option<IpAddr>,
    peer_ip: Option<IpAddr>,
    port: Option<u16>,
    protocol: Protocol,
    method: &'static str,
    authority: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, Vec<u8>)>,
    has_body: bool,
    address_lookups: Cell<u32>,
    header_lookups: Cell<u32>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            client_ip: Some("192.0.2.7".parse().unwrap()),
            peer_ip: None,
            port: Some(8443),
            protocol: Protocol::Https,
            method: "POST",
            authority: "App.Example:8443",
            path: "/upload/a.zip?kind=zip&x=1",
            headers: vec![
                ("content-type", b"Multipart/Form-Data; boundary=x".to_vec()),
                ("x-tenant", b"blue".to_vec()),
                ("x-tenant", b"green".to_vec()),
                ("cookie", b"a=1; session=abc".to_vec()),
                ("cookie", b"b=2;sessions=zzz".to_vec()),
                ("x-binary", b"\xff\xfe".to_vec()),
            ],
            has_body: true,
            address_lookups: Cell::new(0),
            header_lookups: Cell::new(0),
        }
    }
}

impl RequestView for Request {
    fn client_ip(&self) -> Option<IpAddr> {
        self.address_lookups.set(self.address_lookups.get() + 1);
        self.client_ip
    }

    fn peer_ip(&self) -> Option<IpAddr> {
        self.peer_ip
    }

    fn listener_port(&self) -> Option<u16> {
        self.port
    }

    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn method(&self) -> &[u8] {
        self.method.as_bytes()
    }

    fn authority(&self) -> &[u8] {
        self.authority.as_bytes()
    }

    fn path_and_query(&self) -> &[u8] {
        self.path.as_bytes()
    }

    fn header(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool) {
        self.header_lookups.set(self.header_lookups.get() + 1);
        for (_, value) in self.headers.iter().filter(|(n, _)| *n == name) {
            if !visit(value) {
                break;
            }
        }
    }

    fn has_body(&self) -> bool {
        self.has_body
    }
}

fn config(criteria: Value) -> Config {
    accept(&with("rules[0].match", criteria))
}

fn matches(criteria: Value, request: &Request) -> bool {
    match decide(&config(criteria), request, RouteChoice::None) {
        Decision::Scan { profile, rule, .. } => {
            assert_eq!((&*profile.name, rule.as_deref()), ("av", Some("all")));
            true
        }
        Decision::Skip { rule } => {
            assert_eq!(rule, None);
            false
        }
        Decision::Misconfigured(fault) | Decision::Refuse(fault) => panic!("{fault}"),
    }
}

/// Each criterion with the outcome for the default request.
fn table(cases: &[(Value, bool)]) {
    for (criteria, expected) in cases {
        assert_eq!(
            matches(criteria.clone(), &Request::default()),
            *expected,
            "{criteria}"
        );
    }
}

/// A list and its negation are never both right.
fn table_of(name: &str, cases: &[(Value, bool)]) {
    for (list, expected) in cases {
        table(&[
            (json!({name: list}), *expected),
            (json!({format!("{name}_not"): list}), !*expected),
        ]);
    }
}

#[test]
fn client_addresses() {
    table_of(
        "client_ip",
        &[
            (json!(["192.0.2.0/24"]), true),
            (json!(["10.0.0.0/8", "192.0.2.7"]), true),
            (json!("192.0.2.7/32"), true),
            (json!(["192.0.2.99/24"]), true),
            (json!(["0.0.0.0/0"]), true),
            (json!(["192.0.2.8"]), false),
            (json!(["::/0"]), false),
        ],
    );
    let six = Request {
        client_ip: Some("2001:db8::5".parse().unwrap()),
        ..Request::default()
    };
    assert!(matches(json!({"client_ip": "2001:db8::/32"}), &six));
    assert!(!matches(json!({"client_ip": "0.0.0.0/0"}), &six));
    let mapped = Request {
        client_ip: Some("::ffff:192.0.2.7".parse().unwrap()),
        ..Request::default()
    };
    assert!(matches(json!({"client_ip": "192.0.2.0/24"}), &mapped));
    let unknown = Request {
        client_ip: None,
        ..Request::default()
    };
    assert!(!matches(json!({"client_ip": "0.0.0.0/0"}), &unknown));
    for wrong in [
        "10.0.0.0/33",
        "10.0.0",
        "a.example",
        "",
        "10.0.0.0/",
        "::ffff:10.0.0.0/104",
    ] {
        refuse_at(
            &with("rules[0].match.client_ip", json!([wrong])),
            "rules[0].match.client_ip[0]",
        );
    }
}

#[test]
fn ports_and_protocols() {
    table_of(
        "port",
        &[
            (json!([8443]), true),
            (json!([80, 8443]), true),
            (json!(8443), true),
            (json!(8443.0), true),
            (json!([443]), false),
        ],
    );
    let unknown = Request {
        port: None,
        ..Request::default()
    };
    assert!(!matches(json!({"port": 8443}), &unknown));
    table_of(
        "protocol",
        &[
            (json!(["https"]), true),
            (json!("http"), false),
            (json!(["http", "https"]), true),
        ],
    );
    for (name, wrong) in [
        ("port", json!([0])),
        ("port", json!([65_536])),
        ("port", json!(["80"])),
        ("port", json!([80.5])),
        ("protocol", json!(["HTTP"])),
        ("protocol", json!(["h2"])),
        ("protocol", json!([1])),
    ] {
        let path = format!("rules[0].match.{name}");
        refuse_at(&with(&path, wrong), &format!("{path}[0]"));
    }
}

#[test]
fn strings_of_the_request() {
    table_of(
        "method",
        &[
            (json!(["POST", "PUT"]), true),
            (json!("post"), true),
            (json!(["GET"]), false),
            (json!({"regex": "p(os|u)t"}), true),
        ],
    );
    table_of(
        "host",
        &[
            (json!(["app.example"]), true),
            (json!({"exact": ["b.example", "APP.example"]}), true),
            (json!({"suffix": ".example"}), true),
        ],
    );
    table_of(
        "path",
        &[
            (json!("/upload/a.zip"), true),
            (json!({"prefix": "/upload/"}), true),
            (json!({"prefix": ["/x", "/upload"]}), true),
            (json!({"suffix": [".zip", ".exe"]}), true),
            (json!({"contains": "load/"}), true),
            (json!({"regex": "/upload/.*"}), true),
            (json!(["/y", {"prefix": "/upload/"}]), true),
            (json!("/UPLOAD/a.zip"), false),
            (json!({"prefix": "/UPLOAD/"}), false),
            (json!({"prefix": "/UPLOAD/", "ignore_case": true}), true),
            (json!({"exact": "/Upload/A.zip", "ignore_case": true}), true),
            (json!({"suffix": "A.ZIP", "ignore_case": true}), true),
            (json!({"contains": "LOAD/A", "ignore_case": true}), true),
            (json!({"contains": "LOAD/A"}), false),
            (json!({"regex": "/UPLOAD/.*", "ignore_case": true}), true),
            (json!({"prefix": "/upload/", "invert": true}), false),
            (json!({"prefix": "/download/", "invert": true}), true),
            (
                json!({"prefix": "/upload/a.zip-and-something-longer"}),
                false,
            ),
            (
                json!({"suffix": "something-longer-than/upload/a.zip"}),
                false,
            ),
            (
                json!({"contains": "something-longer-than/upload/a.zip", "ignore_case": true}),
                false,
            ),
        ],
    );
    table_of(
        "query",
        &[
            (json!("kind=zip&x=1"), true),
            (json!({"contains": "kind=zip"}), true),
            (json!({"contains": "kind=exe"}), false),
        ],
    );
    let bare = Request {
        path: "/",
        ..Request::default()
    };
    assert!(matches(json!({"query": ""}), &bare));
    assert!(!matches(json!({"query": {"contains": "x"}}), &bare));
}

#[test]
fn media_types() {
    table_of(
        "content_type",
        &[
            (json!("multipart/form-data"), true),
            (json!({"prefix": "MULTIPART/"}), true),
            (json!(["image/png", "image/jpeg"]), false),
            (json!({"contains": "boundary"}), false),
        ],
    );
    let bare = Request {
        headers: Vec::new(),
        ..Request::default()
    };
    assert!(matches(json!({"content_type": ""}), &bare));
    assert!(matches(
        json!({"content_type_not": {"prefix": "image/"}}),
        &bare
    ));
    assert!(!matches(
        json!({"content_type": {"prefix": "image/"}}),
        &bare
    ));
}

#[test]
fn headers() {
    table_of(
        "header",
        &[
            (json!([{"name": "x-tenant", "exact": "green"}]), true),
            (json!([{"name": "X-Tenant", "exact": "blue"}]), true),
            (json!([{"name": "x-tenant", "exact": "Blue"}]), false),
            (
                json!([{"name": "x-tenant", "exact": "Blue", "ignore_case": true}]),
                true,
            ),
            (json!([{"name": "x-tenant", "prefix": ["re", "gre"]}]), true),
            (json!([{"name": "x-tenant", "regex": "gr[ae]+y"}]), false),
            (
                json!([{"name": "x-tenant", "exact": "blue", "invert": true}]),
                false,
            ),
            (
                json!([{"name": "x-tenant", "exact": "red", "invert": true}]),
                true,
            ),
            (
                json!([{"name": "x-none", "exact": "red", "invert": true}]),
                false,
            ),
            (json!([{"name": "x-none", "exact": ""}]), false),
            (json!([{"name": "x-tenant", "present": true}]), true),
            (json!([{"name": "x-tenant", "present": false}]), false),
            (json!([{"name": "x-none", "present": true}]), false),
            (json!([{"name": "x-none", "present": false}]), true),
            (
                json!([{"name": "x-none", "present": true}, {"name": "x-tenant", "exact": "blue"}]),
                true,
            ),
            (json!([{"name": "x-binary", "regex": ".*"}]), true),
            (json!([{"name": "x-binary", "contains": "a"}]), false),
        ],
    );
}

#[test]
fn cookies() {
    table_of(
        "cookie",
        &[
            (json!([{"name": "session", "exact": "abc"}]), true),
            (json!([{"name": "session", "exact": "zzz"}]), false),
            (json!([{"name": "sessions", "exact": "zzz"}]), true),
            (json!([{"name": "b", "exact": "2"}]), true),
            (json!([{"name": "Session", "present": true}]), false),
            (json!([{"name": "ses", "present": true}]), false),
            (json!([{"name": "none", "present": false}]), true),
        ],
    );
}

#[test]
fn bodies() {
    table(&[
        (json!({"has_body": true}), true),
        (json!({"has_body": false}), false),
    ]);
}

#[test]
fn all_criteria_must_hold() {
    table(&[
        (json!({}), true),
        (
            json!({"method": "POST", "port": 8443, "path": {"prefix": "/upload"}}),
            true,
        ),
        (
            json!({"method": "POST", "port": 8443, "path": {"prefix": "/other"}}),
            false,
        ),
        (
            json!({"path": {"prefix": "/upload"}, "path_not": {"suffix": ".zip"}}),
            false,
        ),
        (
            json!({"path": {"prefix": "/upload"}, "path_not": {"suffix": ".exe"}}),
            true,
        ),
    ]);
}

#[test]
fn criteria_that_are_wrong() {
    for (at, value) in [
        ("path", json!([])),
        ("path", json!({})),
        ("path", json!(1)),
        ("path", json!(null)),
        ("path", json!({"exact": "a", "prefix": "b"})),
        ("path.exact", json!([])),
        ("path.exact", json!(1)),
        ("path.prefix", json!("")),
        ("path.suffix", json!("")),
        ("path.contains", json!("")),
        ("path.regex", json!("(")),
        ("path.regex", json!("a)|(b")),
        ("path.regex", json!("(?=a)")),
        ("path.regex", json!("(a)\\1")),
        ("path.safe_regex", json!("a")),
        ("client_ip", json!([])),
        ("port", json!([])),
        ("protocol", json!([])),
        ("header", json!([])),
        ("header", json!({"name": "x", "present": true})),
        ("has_body", json!("yes")),
        ("has_body_not", json!(true)),
        ("paths", json!("/")),
    ] {
        let path = format!("rules[0].match.{at}");
        let mut config = with(&path, value);
        if at == "path.safe_regex" {
            set(&mut config, "rules[0].match.path.exact", json!("/a"));
        }
        refuse_at(&config, &path);
    }
    for (entry, at) in [
        (json!({"name": "x"}), ""),
        (json!({"name": "x", "present": true, "exact": "a"}), ""),
        (
            json!({"name": "x", "present": true, "invert": true}),
            ".invert",
        ),
        (json!({"name": "x", "present": "yes"}), ".present"),
        (json!({"name": "x y", "present": true}), ".name"),
        (json!({"present": true}), ".name"),
        (json!("x"), ""),
    ] {
        for list in ["header", "cookie", "header_not", "cookie_not"] {
            let path = format!("rules[0].match.{list}");
            refuse_at(&with(&path, json!([entry])), &format!("{path}[0]{at}"));
        }
    }
}

#[test]
fn a_regex_matches_the_whole_value() {
    table(&[
        (json!({"path": {"regex": "/upload/a"}}), false),
        (json!({"path": {"regex": "a.zip"}}), false),
        (json!({"path": {"regex": "/nothing|/upload/a.zip"}}), true),
        (json!({"path": {"regex": "/upload|/nothing"}}), false),
        (
            json!({"path": {"regex": ["/x", "/upload/[a-z]\\.zip"]}}),
            true,
        ),
    ]);
}

#[test]
fn a_hostile_regex_is_bounded() {
    let path = "rules[0].match.path.regex";
    let longest = "a".repeat(512);
    accept(&with(path, json!(longest)));
    assert_eq!(
        refuse_at(&with(path, json!(format!("{longest}a"))), path).found,
        "513 bytes"
    );
    for pattern in [
        "((a{1,100}){1,100}){1,100}".to_owned(),
        "a{100000}".to_owned(),
        format!("{}a{}", "(".repeat(300), ")".repeat(300)),
    ] {
        refuse_at(&with(path, json!(pattern)), path);
    }
    // Exponential for a backtracking engine; here it ends at once, and the test with it.
    let request = Request {
        headers: vec![("x-a", vec![b'a'; 60_000])],
        ..Request::default()
    };
    let evil = json!({"header": [{"name": "x-a", "regex": "(a+)+b"}]});
    assert!(!matches(evil, &request));
}

#[test]
fn the_first_enabled_rule_that_matches_decides() {
    let mut value = base();
    set(
        &mut value,
        "profiles",
        json!([
            {"name": "one", "cluster": "c", "service_url": "/1"},
            {"name": "two", "cluster": "c", "service_url": "/2"},
        ]),
    );
    set(
        &mut value,
        "rules",
        json!([
            {"name": "off", "enabled": false, "match": {}, "action": "bypass"},
            {"name": "get", "match": {"method": "GET"}, "action": "bypass"},
            {"name": "second", "match": {"path": {"prefix": "/two"}}, "action": "enable_icap", "profile": "two"},
            {"name": "first", "match": {"method": "POST"}, "action": "enable_icap", "profile": "one"},
            {"name": "never", "match": {"method": "POST"}, "action": "bypass"},
        ]),
    );
    let config = accept(&value);
    for (method, path, profile, rule) in [
        ("GET", "/two", None, Some("get")),
        ("POST", "/two/x", Some("two"), Some("second")),
        ("POST", "/", Some("one"), Some("first")),
        ("PUT", "/", None, None),
    ] {
        let request = Request {
            method,
            path,
            ..Request::default()
        };
        let (found_profile, found_rule) = match decide(&config, &request, RouteChoice::None) {
            Decision::Scan { profile, rule, .. } => (Some(profile.name.to_string()), rule),
            Decision::Skip { rule } => (None, rule),
            Decision::Misconfigured(fault) | Decision::Refuse(fault) => panic!("{fault}"),
        };
        assert_eq!(found_profile.as_deref(), profile);
        assert_eq!(found_rule.as_deref(), rule);
    }
}

#[test]
fn without_rules_the_first_profile_scans_everything() {
    let mut value = base();
    value.as_object_mut().unwrap().remove("rules");
    let config = accept(&value);
    let decision = decide(&config, &Request::default(), RouteChoice::None);
    let expected = Decision::Scan {
        profile: config.profiles[0].clone(),
        rule: None,
        enforcement: Enforcement::Enforce,
    };
    assert_eq!(decision, expected);
}

#[test]
fn with_an_empty_list_of_rules_nothing_is_scanned() {
    let config = accept(&with("rules", json!([])));
    assert_eq!(
        decide(&config, &Request::default(), RouteChoice::None),
        Decision::Skip { rule: None }
    );
}

#[test]
fn the_route_wins_over_the_rules() {
    let config = accept(&with(
        "rules",
        json!([{"name": "none", "action": "bypass"}]),
    ));
    let request = Request::default();
    let scan = decide(&config, &request, RouteChoice::Profile("av".to_owned()));
    assert!(matches!(scan, Decision::Scan { profile, rule: None, .. } if &*profile.name == "av"));
    let config = accept(&base());
    assert_eq!(
        decide(&config, &request, RouteChoice::Disabled),
        Decision::Skip { rule: None }
    );
    match decide(&config, &request, RouteChoice::Profile("a\nv".to_owned())) {
        Decision::Misconfigured(fault) => assert!(fault.contains("\"a\\nv\""), "{fault}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_is_asked_only_for_what_a_rule_needs() {
    let rules: Vec<Value> = (0..100)
        .map(|i| json!({"name": format!("r{i}"), "match": {"path": format!("/{i}")}, "action": "bypass"}))
        .collect();
    let request = Request::default();
    decide(
        &accept(&with("rules", json!(rules))),
        &request,
        RouteChoice::None,
    );
    assert_eq!(
        (request.address_lookups.get(), request.header_lookups.get()),
        (0, 0)
    );
    let rules: Vec<Value> = (0..100)
        .map(|i| json!({"name": format!("r{i}"), "match": {"client_ip": format!("10.0.0.{i}")}, "action": "bypass"}))
        .collect();
    decide(
        &accept(&with("rules", json!(rules))),
        &request,
        RouteChoice::None,
    );
    assert_eq!(request.address_lookups.get(), 1);
}

#[test]
fn errors_in_a_rule_do_not_hide_those_in_the_next() {
    let config = with(
        "rules",
        json!([
            {"name": "a", "match": {"port": 0}, "action": "bypass"},
            {"name": "b", "match": {"path": {"regex": "["}}, "action": "enable_icap"},
        ]),
    );
    let paths: Vec<String> = refuse(&config).into_iter().map(|e| e.path).collect();
    assert_eq!(
        paths,
        [
            "rules[0].match.port",
            "rules[1].match.path.regex",
            "rules[1].profile"
        ]
    );
}
