//! Parses and judges the recorded ICAP responses of every product, for requests and responses.

#[path = "../../../tests/products/rows.rs"]
#[allow(unreachable_pub, reason = "another test shares it")]
mod rows;

use std::collections::HashSet;

use rows::{Outcome, ROWS, Row, To};
use serde_json::json;

use super::super::{BodyChange, IcapResponseView, Judgement, Scan, Verdict, judge};
use super::{profile, profile_with};
use crate::config::{Cause, FailAction};
use crate::icap::{Event, Headers, HttpHead, IcapResponseParser, Limits, ResponseHead};
use crate::product::PRODUCTS;

/// The verdict on the row's bytes.
fn judged(row: &Row, scan: Scan) -> Judgement {
    let mut parser = IcapResponseParser::new(Limits::default());
    parser.push(row.bytes());
    let (mut head, mut http, mut body) = (None, None, Vec::new());
    loop {
        match parser.poll().unwrap().unwrap() {
            Event::Head(found) => head = Some(found),
            Event::Http(found) => http = Some(found),
            Event::Body(bytes) => body.extend_from_slice(bytes),
            Event::Continue => panic!("{}", row.what),
            Event::End { .. } => break,
        }
    }
    let head = head.unwrap();
    let original = ResponseHead {
        status: 200,
        headers: Headers::new(),
    };
    let view = IcapResponseView {
        scan,
        status: head.status,
        headers: &head.headers,
        http: http.as_ref(),
        original_response: (scan == Scan::Response).then_some(&original),
        head_changed: matches!(&http, Some(HttpHead::Response(page)) if page.status != 200),
        body: match http {
            Some(_) => BodyChange::Changed,
            None => BodyChange::None,
        },
        page: &body,
    };
    judge(&view, &profile(row.product))
}

#[test]
fn every_product_is_understood_in_reqmod_and_respmod() {
    for row in ROWS {
        for scan in [Scan::Request, Scan::Response] {
            let left_out = match row.to {
                To::Both => None,
                To::Requests => Some(Scan::Response),
                To::Responses => Some(Scan::Request),
            };
            if left_out == Some(scan) {
                continue;
            }
            let case = format!("{}, {}, {scan:?}", row.product, row.what);
            let Judgement { verdict, findings } = judged(row, scan);
            let (outcome, reason) = match verdict {
                Verdict::Pass => (Outcome::Passed, None),
                Verdict::Block(_) => {
                    let Outcome::Blocked(status) = row.outcome else {
                        panic!("{case}: blocked");
                    };
                    (Outcome::Blocked(status), findings.reason)
                }
                Verdict::Fail {
                    cause: Cause::Unscannable,
                    reason,
                } => (Outcome::Unscannable, Some(reason)),
                Verdict::Fail { cause, reason } => {
                    assert_eq!(cause, Cause::ServerError, "{case}: {reason}");
                    (Outcome::Trouble, Some(reason))
                }
                Verdict::Modify => panic!("{case}: modified"),
            };
            assert_eq!(outcome, row.outcome, "{case}");
            assert_eq!(reason.as_deref(), row.reason, "{case}");
            assert_eq!(findings.threat_id.as_deref(), row.threat, "{case}");
        }
    }
}

#[test]
fn every_product_has_responses_that_pass_and_that_block() {
    let shown = |wanted: fn(Outcome) -> bool| -> HashSet<&str> {
        let rows = ROWS.iter().filter(|row| wanted(row.outcome));
        rows.map(|row| row.product).collect()
    };
    let all: HashSet<&str> = PRODUCTS.iter().map(|product| product.names[0]).collect();
    assert_eq!(shown(|outcome| outcome == Outcome::Passed), all);
    assert_eq!(shown(|outcome| matches!(outcome, Outcome::Blocked(_))), all);
}

#[test]
fn only_its_own_cause_opens_what_a_server_cant_look_into() {
    let of = |attributes| profile_with("symantec_content_analysis", attributes);
    let open = of(json!({"fail_action": "fail_open"}));
    assert_eq!(open.fail_action(Cause::ServerError), FailAction::Open);
    assert_eq!(open.fail_action(Cause::Unscannable), FailAction::Closed);
    let open = of(json!({"fail_action_by_cause": {"unscannable": "fail_open"}}));
    assert_eq!(open.fail_action(Cause::ServerError), FailAction::Closed);
    assert_eq!(open.fail_action(Cause::Unscannable), FailAction::Open);
}
