//! Last steps that are no pass: another message, a block, a page.

use super::*;
use crate::submission::{IcapResponse, IcapResponseBody};
use crate::verdict::BlockWith;

/// The body of a changed message that is held.
#[track_caller]
fn held(response: &IcapResponse) -> String {
    let IcapResponseBody::Own(own) = &response.body else {
        panic!("{response:?}");
    };
    assert_eq!((own.same, own.from), (0, None));
    let bytes: Vec<u8> = own.held.pieces().flatten().copied().collect();
    String::from_utf8(bytes).unwrap()
}

#[track_caller]
fn changed(step: &Step) -> &IcapResponse {
    match step {
        Step::Change(_, change) => &change.response,
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_body_is_a_change() {
    let mut scene = Scene::open(reqmod(), whole(10));
    let step = scene.bytes(request_with("something else"));
    assert_eq!(held(changed(&step)), "something else");
    assert!(scene.submission.has_begun_change());
    assert_eq!(scene.stock().idle, 1);
}

#[test]
fn an_echo_is_a_pass_and_leaves_nothing_in_memory() {
    let mut scene = Scene::open(reqmod(), whole(10));
    assert!(matches!(
        scene.bytes(request_with("0123456789")),
        Step::Pass(_)
    ));
    assert_eq!(scene.budget.used(), 0);
}

#[test]
fn another_head_over_the_same_body_leaves_the_body_where_it_is() {
    let mut scene = Scene::open(reqmod(), whole(10));
    let response = request_with("0123456789").replace("Host: a\r\n", "Host: b\r\n");
    let step = scene.bytes(response);
    assert!(matches!(changed(&step).body, IcapResponseBody::Same(10)));
    assert_eq!(scene.budget.used(), 0);
}

#[test]
fn another_head_over_the_beginning_of_the_body_is_a_change_with_a_body_of_its_own() {
    let mut scene = Scene::open(reqmod(), whole(10));
    let head = "POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\n\r\n";
    let step = scene.bytes(format!(
        "ICAP/1.0 200 OK\r\nEncapsulated: req-hdr=0, req-body={}\r\n\r\n{head}{}",
        head.len(),
        chunks("0123")
    ));
    assert_eq!(held(changed(&step)), "0123");
}

#[test]
fn a_changed_message_that_can_not_be_held_never_opens() {
    let mut scene = Scene::open(reqmod(), whole(10));
    scene.budget = Budget::new(0);
    let head = "POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\n\r\n";
    assert!(matches!(scene.lost(true), Step::Pending), "for the budget");
    assert!(matches!(scene.reconnect(), Step::Pending));
    let step = scene.bytes(format!(
        "ICAP/1.0 200 OK\r\nEncapsulated: req-hdr=0, req-body={}\r\n\r\n{head}{}",
        head.len(),
        chunks("0123")
    ));
    assert_eq!(failure(&step), (Cause::Overload, false));
}

#[test]
fn a_longer_body_than_may_be_held_never_opens() {
    let mut scene = Scene::open(reqmod(), whole(10));
    let step = scene.bytes(request_with(&"x".repeat(1025)));
    assert_eq!(failure(&step), (Cause::Oversize, false));
    assert_eq!(scene.budget.used(), 0);
}

#[test]
fn a_verdict_in_the_headers_blocks_with_the_page_of_the_profile() {
    let mut scene = Scene::open(reqmod(), whole(10));
    let Step::Block(record, BlockWith::OwnPage, _) = scene.bytes(INFECTED) else {
        panic!("no block");
    };
    assert_eq!(record.findings.threat_id.as_deref(), Some("Eicar"));
    assert!(!scene.submission.has_begun_change());
}

#[test]
fn a_page_blocks_with_itself() {
    let mut scene = Scene::open(reqmod(), whole(10));
    let step = scene.bytes(response_with("403 Forbidden", "No."));
    let Step::Block(_, BlockWith::ServerResponse, response) = step else {
        panic!("{step:?}");
    };
    assert_eq!(held(&response), "No.");
}

#[test]
fn a_page_that_repeats_the_upload_is_a_page_of_its_own() {
    let mut scene = Scene::open(reqmod(), whole(10));
    let step = scene.bytes(response_with("403 Forbidden", "0123"));
    let Step::Block(_, BlockWith::ServerResponse, response) = step else {
        panic!("{step:?}");
    };
    assert_eq!(held(&response), "0123");
}

#[test]
fn a_page_that_is_too_long_blocks_as_soon_as_that_is_known() {
    let mut scene = Scene::new(reqmod(), whole(10));
    let token = scene.start();
    let page = response_with("403 Forbidden", &"x".repeat(1024 * 1024 + 1));
    let step = scene.bytes(begun(&page, 4));
    assert!(matches!(step, Step::Block(..)), "{step:?}");
    assert!(scene.is_told_to_close(token), "it is not read to its end");
}

#[test]
fn a_message_that_ends_early_blocks_and_costs_the_connection() {
    let mut scene = Scene::new(respmod(), whole(10));
    let token = scene.start();
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    let step = scene.bytes(format!(
        "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body={}\r\n\r\n{head}{}",
        head.len(),
        chunks("01234")
    ));
    assert!(
        matches!(step, Step::Block(_, BlockWith::OwnPage, _)),
        "{step:?}"
    );
    assert!(scene.is_told_to_close(token));
    assert_eq!(scene.stock(), Stock::default());
}

#[test]
fn a_206_goes_on_with_the_rest_of_the_original() {
    for (own, from, expected) in [
        ("abc", 3, "abc3456789"),
        ("abc", 10, "abc"),
        ("abc", 0, "abc0123456789"),
        ("012", 5, "01256789"),
    ] {
        let mut scene = Scene::open(reqmod(), whole(10));
        let step = scene.bytes(partial(own, from));
        assert_eq!(held(changed(&step)), expected, "{own} {from}");
    }
}

#[test]
fn a_206_that_is_the_original_is_a_pass() {
    let mut scene = Scene::open(reqmod(), whole(10));
    let step = scene.bytes(partial("012", 3));
    assert!(matches!(step, Step::Pass(_)), "{step:?}");
}

#[test]
fn a_206_that_asks_for_more_than_there_is_never_opens() {
    let mut scene = Scene::new(reqmod(), whole(10));
    let token = scene.start();
    let step = scene.bytes(partial("abc", 11));
    assert_eq!(failure(&step), (Cause::Protocol, false));
    assert_eq!(
        reason(&step),
        "use-original-body is 11, the body has 10 bytes"
    );
    assert!(scene.is_told_to_close(token));
}

#[test]
fn a_206_that_becomes_longer_than_may_be_held_never_opens() {
    let mut scene = Scene::open(reqmod(), whole(10));
    let step = scene.bytes(partial(&"x".repeat(1015), 0));
    assert_eq!(failure(&step), (Cause::Oversize, false));
}

/// A 206 whose body is `own`, then the original from `from` on.
fn partial(own: &str, from: u64) -> String {
    let head = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";
    format!(
        "ICAP/1.0 206 Partial Content\r\nEncapsulated: req-hdr=0, req-body={}\r\n\r\n{head}{:x}\r\n{own}\r\n0; use-original-body={from}\r\n\r\n",
        head.len(),
        own.len()
    )
}

#[test]
fn the_istag_of_an_answer_is_told() {
    let mut scene = Scene::open(reqmod(), whole(10));
    let step = scene.bytes("ICAP/1.0 204 No Content\r\nISTag: \"v1\"\r\n\r\n");
    assert!(matches!(step, Step::Pass(_)));
    assert_eq!(
        scene.effects(),
        [
            format!("istag v1 of {SERVER}"),
            "preview decided".to_owned()
        ]
    );
}

#[test]
fn a_connection_that_the_server_closes_is_not_kept() {
    let mut scene = Scene::new(reqmod(), whole(10));
    let token = scene.start();
    let step = scene.bytes("ICAP/1.0 204 No Content\r\nConnection: close\r\n\r\n");
    assert!(matches!(step, Step::Pass(_)));
    assert!(scene.is_told_to_close(token));
}

/// The answer to a download of `extent`: a head with these lines and no body.
fn without_a_body(extent: Extent, lines: &str) -> Step {
    let head = format!("HTTP/1.1 200 OK\r\n{lines}\r\n");
    let mut scene = Scene::open(respmod(), extent);
    scene.bytes(format!(
        "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, null-body={}\r\n\r\n{head}",
        head.len()
    ))
}

#[test]
fn an_unchanged_head_without_a_body_is_how_some_servers_let_a_message_pass() {
    let step = without_a_body(whole(10), "Content-Length: 10\r\n");
    assert!(matches!(step, Step::Pass(_)), "{step:?}");
    let step = without_a_body(some(5), "Content-Length: 10\r\n");
    assert!(matches!(step, Step::Pass(_)), "{step:?}");
}

#[test]
fn a_head_without_a_body_and_without_its_length_takes_the_body_away() {
    for lines in ["Content-Length: 0\r\n", "X-Other: y\r\n"] {
        let step = without_a_body(whole(10), lines);
        assert!(
            matches!(changed(&step).body, IcapResponseBody::None),
            "{lines}"
        );
    }
    let step = without_a_body(whole(10), "X-Other: y\r\nContent-Length: 7\r\n");
    assert!(matches!(step, Step::Block(..)), "{step:?}");
}

#[test]
fn an_emptied_206_is_a_change_and_an_empty_one_a_pass() {
    let with_length = |length: &str| {
        let head = format!("HTTP/1.1 200 OK\r\n{length}\r\n");
        let mut scene = Scene::open(respmod(), whole(10));
        scene.bytes(format!(
            "ICAP/1.0 206 Partial Content\r\nEncapsulated: res-hdr=0, res-body={}\r\n\r\n{head}0; use-original-body=0\r\n\r\n",
            head.len()
        ))
    };
    let step = with_length("Content-Length: 10\r\n");
    assert!(matches!(step, Step::Pass(_)), "{step:?}");
    let step = with_length("Content-Length: 0\r\n");
    assert!(!matches!(step, Step::Pass(_)), "{step:?}");
}

#[test]
fn a_page_of_an_uploads_own_bytes_that_can_not_be_read_blocks_all_the_same() {
    let mut scene = Scene::open(reqmod(), whole(10));
    let page = response_with("403 Forbidden", "0123");
    let last = "0\r\n\r\n";
    assert!(matches!(
        scene.bytes(begun(&page, last.len())),
        Step::Pending
    ));
    scene.host.body.borrow_mut().clear();
    let step = scene.bytes(last);
    assert!(matches!(step, Step::Block(..)), "{step:?}");
}
