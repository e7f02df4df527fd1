//! Rules that look at the response.

use crate::{accept, base, refuse_at};
use icap_filter::config::Config;
use icap_filter::policy::{Decision, Outlook, Protocol, RequestView, ResponseView};
use serde_json::{Value, json};
use std::net::IpAddr;

struct Get(&'static str);

impl RequestView for Get {
    fn client_ip(&self) -> Option<IpAddr> {
        None
    }

    fn peer_ip(&self) -> Option<IpAddr> {
        None
    }

    fn listener_port(&self) -> Option<u16> {
        None
    }

    fn protocol(&self) -> Protocol {
        Protocol::Http
    }

    fn method(&self) -> &[u8] {
        b"GET"
    }

    fn authority(&self) -> &[u8] {
        b"app.test"
    }

    fn path_and_query(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn header(&self, _: &str, _: &mut dyn FnMut(&[u8]) -> bool) {}

    fn has_body(&self) -> bool {
        false
    }
}

struct Response(u16, Option<u64>, &'static [(&'static str, &'static str)]);

impl ResponseView for Response {
    fn status(&self) -> u16 {
        self.0
    }

    fn length(&self) -> Option<u64> {
        self.1
    }

    fn header(&self, name: &str, visit: &mut dyn FnMut(&[u8]) -> bool) {
        let mut values = self.2.iter().filter(|(known, _)| *known == name);
        values.all(|(_, value)| visit(value.as_bytes()));
    }
}

fn with_rules(rules: Value) -> Value {
    let mut config = base();
    config["profiles"][0]["response_service_url"] = json!("/respmod");
    config["rules"] = rules;
    config
}

fn rule(criteria: Value, action: &str) -> Value {
    json!({"name": format!("{action} {criteria}"), "match": criteria, "action": action, "profile": "av"})
}

/// Whether the response is scanned, where the first rule is that one and the second scans the rest.
fn is_scanned(criteria: Value, action: &str, response: &Response) -> bool {
    let rest = if action == "bypass" {
        "enable_icap"
    } else {
        "bypass"
    };
    let rules = json!([rule(criteria, action), rule(json!({}), rest)]);
    let config: Config = accept(&with_rules(rules));
    let outlook = Outlook::of(&config, &Get("/a")).unwrap();
    matches!(outlook.decide(&config, response), Decision::Scan { .. })
}

#[test]
fn each_criterion_goes_by_the_response() {
    let video = &[("content-type", "video/mp4; codecs=x")];
    let download = &[("content-disposition", "attachment; filename=a")];
    for (criteria, hit, miss) in [
        (
            json!({"response_status": 304}),
            Response(304, None, &[]),
            Response(200, None, &[]),
        ),
        (
            json!({"response_status": ["3xx", 404]}),
            Response(399, None, &[]),
            Response(400, None, &[]),
        ),
        (
            json!({"response_status_not": "2xx"}),
            Response(500, None, &[]),
            Response(299, None, &[]),
        ),
        (
            json!({"response_content_type": {"prefix": "video/"}}),
            Response(200, None, video),
            Response(200, None, download),
        ),
        (
            json!({"response_content_type_not": "video/mp4"}),
            Response(200, None, &[]),
            Response(200, None, video),
        ),
        (
            json!({"response_size": {"min": 5, "max": 9}}),
            Response(200, Some(9), &[]),
            Response(200, Some(10), &[]),
        ),
        (
            json!({"response_size_not": {"max": 4}}),
            Response(200, Some(5), &[]),
            Response(200, Some(4), &[]),
        ),
        (
            json!({"response_header": [{"name": "Content-Disposition", "prefix": "attachment"}]}),
            Response(200, None, download),
            Response(200, None, video),
        ),
        (
            json!({"response_header_not": [{"name": "x-clean", "present": true}]}),
            Response(200, None, &[]),
            Response(200, None, &[("x-clean", "1")]),
        ),
        (
            json!({"response_status": 200, "path": "/a"}),
            Response(200, None, &[]),
            Response(201, None, &[]),
        ),
    ] {
        for action in ["enable_icap", "bypass"] {
            let scans = action == "enable_icap";
            assert_eq!(
                is_scanned(criteria.clone(), action, &hit),
                scans,
                "{criteria}"
            );
            assert_eq!(
                is_scanned(criteria.clone(), action, &miss),
                !scans,
                "{criteria}"
            );
        }
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_scanned() {
    let both = &[("content-type", "text/html"), ("content-type", "video/mp4")];
    for (criteria, response) in [
        (
            json!({"response_size": {"min": 5}}),
            Response(200, None, &[]),
        ),
        (
            json!({"response_size_not": {"min": 5}}),
            Response(200, None, &[]),
        ),
        (
            json!({"response_content_type": "video/mp4"}),
            Response(200, None, both),
        ),
    ] {
        for action in ["enable_icap", "bypass"] {
            assert!(
                is_scanned(criteria.clone(), action, &response),
                "{criteria}"
            );
        }
    }
}

#[test]
fn without_such_a_rule_a_response_goes_the_way_of_its_request() {
    let config = accept(&with_rules(json!([rule(json!({}), "enable_icap")])));
    assert_eq!(Outlook::of(&config, &Get("/a")), None);
    let other = json!([rule(
        json!({"path": "/b", "response_status": 200}),
        "enable_icap"
    )]);
    let config = accept(&with_rules(other));
    let outlook = Outlook::of(&config, &Get("/a")).unwrap();
    assert_eq!(outlook.profile(&config), None);
    let decision = outlook.decide(&config, &Response(200, None, &[]));
    assert_eq!(decision, Decision::Skip { rule: None });
}

#[test]
fn criteria_that_no_response_can_meet_are_refused() {
    for (criteria, at) in [
        (json!({"response_status": 99}), "response_status"),
        (json!({"response_status": 600}), "response_status"),
        (
            json!({"response_status": ["2xx", "6xx"]}),
            "response_status[1]",
        ),
        (json!({"response_status": "20x"}), "response_status"),
        (json!({"response_status": []}), "response_status"),
        (json!({"response_size": {}}), "response_size"),
        (
            json!({"response_size": {"min": 9, "max": 5}}),
            "response_size",
        ),
        (
            json!({"response_size": {"min": 1, "least": 9}}),
            "response_size.least",
        ),
        (json!({"response_size": 9}), "response_size"),
        (
            json!({"response_content_type": "video/*"}),
            "response_content_type",
        ),
        (json!({"response_header": []}), "response_header"),
    ] {
        let rules = json!([rule(criteria, "bypass")]);
        refuse_at(&with_rules(rules), &format!("rules[0].match.{at}"));
    }
    let mut without = with_rules(json!([rule(
        json!({"response_status": 200}),
        "enable_icap"
    )]));
    let profile = without["profiles"][0].as_object_mut().unwrap();
    profile.remove("response_service_url");
    refuse_at(&without, "rules[0].profile");
}
