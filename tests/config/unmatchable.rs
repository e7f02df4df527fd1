//! Rules that no request can match are refused, with what to write instead.

use crate::{accept, base, refuse_at, set, with};
use icap_filter::config::summary;
use serde_json::json;

#[test]
fn a_rule_that_can_never_match_is_refused_and_says_what_to_write() {
    for (criterion, value, instead) in [
        ("host", "app.example:8443", "without its port"),
        ("host", "*.example.test", "{\"suffix\": \".example.test\"}"),
        ("host", "https://app.example", "the host alone"),
        ("host", "app.example.", "\"app.example\""),
        ("host", "2001:db8::1", "\"[2001:db8::1]\""),
        ("host", "[2001:db8::1]:443", "without its port"),
        ("path", "/upload/*", "{\"prefix\": \"/upload/\"}"),
        ("path", "*.zip", "{\"suffix\": \".zip\"}"),
        ("path", "upload", "\"/upload\""),
        ("path", "/upload?x=1", "\"query\""),
        ("query", "?x=1", "\"x=1\""),
        ("method", "POST,PUT", "[\"POST\", \"PUT\"]"),
        ("method", "POST PUT", "[\"POST\", \"PUT\"]"),
        ("method", "*", "no method at all"),
        (
            "content_type",
            "multipart/*",
            "{\"prefix\": \"multipart/\"}",
        ),
        (
            "content_type",
            "text/html; charset=utf-8",
            "without its parameters",
        ),
        ("content_type", "text/html, text/plain", "a list"),
        ("content_type", "multipart", "{\"prefix\": \"multipart/\"}"),
    ] {
        for name in [criterion.to_owned(), format!("{criterion}_not")] {
            let path = format!("rules[0].match.{name}");
            let error = refuse_at(&with(&path, json!(value)), &path);
            assert!(error.found.contains("matches no request"), "{error}");
            assert!(error.allowed.contains(instead), "{error}");
            let listed = refuse_at(&with(&path, json!([value])), &format!("{path}[0]"));
            assert_eq!(listed.allowed, error.allowed);
        }
    }
    for (at, value) in [
        ("host.suffix", "example:8443"),
        ("path.prefix", "upload/"),
        ("path.prefix", "/upload/*"),
        ("path.suffix", "x?y"),
        ("path.contains", "?"),
        ("content_type.contains", "; boundary"),
    ] {
        let path = format!("rules[0].match.{at}");
        refuse_at(&with(&path, json!(value)), &path);
    }
    let header = "rules[0].match.header";
    let value = json!([{"name": "x", "exact": " a"}]);
    refuse_at(&with(header, value), "rules[0].match.header[0].exact");
    let cookie = "rules[0].match.cookie";
    let value = json!([{"name": "x", "contains": ";"}]);
    refuse_at(&with(cookie, value), "rules[0].match.cookie[0].contains");
}

#[test]
fn what_can_match_is_accepted() {
    for (criterion, value) in [
        (
            "host",
            json!(["a.example", "[::1]", {"suffix": ".example"}, {"prefix": "[2001:db8:"}]),
        ),
        (
            "path",
            json!(["/", "*", "/a*b", {"suffix": ".zip"}, {"contains": "upload"}, {"regex": "/a\\*"}]),
        ),
        ("query", json!(["", {"contains": "?"}])),
        ("method", json!(["POST", "M-SEARCH", {"prefix": "P"}])),
        (
            "content_type",
            json!(["", "text/html", {"prefix": "multipart/"}, {"suffix": "+json"}]),
        ),
    ] {
        accept(&with(&format!("rules[0].match.{criterion}"), value));
    }
}

#[test]
fn a_rule_behind_one_that_takes_everything_is_refused() {
    let mut config = base();
    let behind = json!({"name": "late", "match": {"path": "/a"}, "action": "bypass"});
    set(&mut config, "rules[0].match", json!({}));
    config["rules"].as_array_mut().unwrap().push(behind);
    let error = refuse_at(&config, "rules[1]");
    assert!(error.allowed.contains("before string \"all\""), "{error}");
    set(&mut config, "rules[0].enabled", json!(false));
    accept(&config);
}

#[test]
fn names_that_are_one_name_in_the_metrics_are_refused() {
    for other in ["a b", "a_b", "a/b", "a.b"] {
        let mut config = base();
        set(&mut config, "profiles[0].name", json!("a.b"));
        set(&mut config, "rules[0].profile", json!("a.b"));
        let second = json!({"name": other, "cluster": "pool", "service_url": "/x"});
        config["profiles"].as_array_mut().unwrap().push(second);
        let error = refuse_at(&config, "profiles[1].name");
        assert_eq!(
            error.allowed.contains("in the metrics both"),
            other != "a.b",
            "{error}"
        );
    }
    let mut config = base();
    set(&mut config, "rules[0].match", json!({"path": "/a"}));
    set(&mut config, "rules[0].name", json!("r 1"));
    let second = json!({"name": "r.1", "action": "bypass"});
    config["rules"].as_array_mut().unwrap().push(second);
    refuse_at(&config, "rules[1].name");
}

#[test]
fn the_summary_tells_the_rules_in_words() {
    let mut config = base();
    set(
        &mut config,
        "rules[0].match",
        json!({
            "method": ["POST", "PUT"],
            "path": {"prefix": "/upload"},
            "client_ip_not": "10.0.0.0/8",
            "header": [{"name": "x-key", "exact": "s3cret"}],
            "has_body": true,
        }),
    );
    let text = summary(&accept(&config));
    let words = "all: with a body, method POST or PUT, path begins with /upload, not client_ip in 10.0.0.0/8, \
                 header x-key with a value as configured → scanned by av";
    assert!(text.contains(words), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
    let text = summary(&accept(&with("rules", json!([]))));
    assert!(text.contains("nothing is scanned"), "{text}");
}

#[test]
fn the_summary_has_words_for_every_criterion() {
    for (criterion, value, words) in [
        ("has_body", json!(false), "without a body"),
        ("port", json!([80, 443]), "port 80 or 443"),
        (
            "protocol",
            json!(["http", "https"]),
            "protocol http or https",
        ),
        ("protocol_not", json!("https"), "not protocol https"),
        ("host", json!({"suffix": ".test"}), "host ends with .test"),
        (
            "path",
            json!({"contains": ["/a", "/b"]}),
            "path contains /a or /b",
        ),
        (
            "path",
            json!({"regex": "/[0-9]+"}),
            "path matches as a whole 1 regular expressions",
        ),
        (
            "path_not",
            json!({"prefix": "/a", "invert": true}),
            "not path not begins with /a",
        ),
        ("query", json!("secret=1"), "query as configured"),
        (
            "content_type",
            json!(["", "text/html"]),
            "content_type (empty) or text/html",
        ),
        (
            "header",
            json!([{"name": "x-a", "present": true}, {"name": "x-b", "present": false}]),
            "header x-a there or x-b not there",
        ),
        (
            "cookie",
            json!([{"name": "id", "exact": "7"}]),
            "cookie id with a value as configured",
        ),
        (
            "method",
            json!(["A", "B", "C", "D", "E", "F", "G", "H", "I", "J"]),
            "A or B or C or D or E or F or G or H or 2 more",
        ),
    ] {
        let mut config = base();
        set(&mut config, "rules[0].match", json!({criterion: value}));
        let text = summary(&accept(&config));
        assert!(text.contains(words), "{criterion}: {text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn the_summary_has_words_for_criteria_of_responses_and_for_what_a_rule_does() {
    let mut config = base();
    set(
        &mut config,
        "profiles[0].response_service_url",
        json!("/respmod"),
    );
    for (criterion, value, words) in [
        (
            "response_status",
            json!(["2xx", 404]),
            "response_status 200 to 299 or 404",
        ),
        (
            "response_content_type_not",
            json!({"prefix": "image/"}),
            "not response_content_type begins with image/",
        ),
        (
            "response_size",
            json!({"min": 1, "max": 9}),
            "response_size of 1 to 9 bytes",
        ),
        (
            "response_size",
            json!({"min": 7}),
            "response_size of 7 bytes and more",
        ),
        (
            "response_header",
            json!([{"name": "x-a", "present": true}]),
            "response_header x-a there",
        ),
    ] {
        set(&mut config, "rules[0].match", json!({criterion: value}));
        let text = summary(&accept(&config));
        assert!(text.contains(words), "{criterion}: {text}");
    }
    set(&mut config, "rules[0].match", json!({}));
    set(&mut config, "rules[0].enforcement", json!("monitor"));
    let text = summary(&accept(&config));
    assert!(
        text.contains("every request → scanned by av and monitored only"),
        "{text}"
    );
    set(&mut config, "rules[0].enforcement", json!("enforce"));
    set(&mut config, "rules[0].enabled", json!(false));
    let text = summary(&accept(&config));
    assert!(
        text.contains("scanned by av and enforced (not enabled)"),
        "{text}"
    );
}
