//! Submissions that are sent again, and on which connections.

use super::*;

#[test]
fn a_lost_connection_before_the_response_is_followed_by_one_retry() {
    let mut scene = Scene::open(reqmod(), whole(10));
    assert!(matches!(scene.lost(true), Step::Pending));
    assert_eq!(
        scene.effects(),
        [
            "record: connection lost before the ICAP response",
            "retried"
        ]
    );
    assert!(matches!(scene.reconnect(), Step::Pending));
    let step = scene.lost(true);
    assert_eq!(failure(&step), (Cause::Connection, true));
    assert_eq!(reason(&step), "connection lost before the ICAP response");
    assert_eq!(scene.effects(), Vec::<String>::new());
    assert_eq!(scene.stock(), Stock::default());
}

#[test]
fn a_retry_sends_the_same_on_a_new_connection() {
    let mut scene = Scene::new(reqmod(), whole(10));
    let kept = scene.keep_one();
    assert!(matches!(scene.body(), Step::Pending));
    let other = {
        scene.other_waits(CheckoutOptions::FRESH);
        scene.connect(SERVER)
    };
    assert_eq!(
        scene.connections.release(&scene.host, other, scene.now_ms),
        Released::Kept
    );
    let first = scene.sent(kept);
    assert!(matches!(scene.lost(true), Step::Pending));
    assert!(scene.submission.is_waiting(), "no kept connection will do");
    let token = scene.connect(SERVER);
    assert!(matches!(scene.got(token), Step::Pending));
    assert_eq!(scene.sent(token), first);
}

#[test]
fn a_connection_that_is_not_established_is_tried_more_often() {
    let mut scene = Scene::new(reqmod(), whole(10));
    assert!(matches!(scene.body(), Step::Pending));
    for retry in 0..2 {
        let Some(Opened::For(_, token)) = scene.connections.open_next(&scene.host, 1_000) else {
            panic!("no retry {retry}");
        };
        assert!(matches!(scene.got(token), Step::Pending));
        assert!(matches!(scene.lost(false), Step::Pending));
        assert_eq!(
            scene.effects(),
            ["record: no connection to the server", "retried"]
        );
    }
    let Some(Opened::For(_, token)) = scene.connections.open_next(&scene.host, 1_000) else {
        panic!("no last retry");
    };
    assert!(matches!(scene.got(token), Step::Pending));
    let step = scene.lost(false);
    assert_eq!(failure(&step), (Cause::Connection, true));
    assert_eq!(reason(&step), "no connection to the server");
}

#[test]
fn a_begun_answer_is_repeated_only_where_another_server_may_answer() {
    for (second_server, retried) in [("10.0.0.9:1344", false), ("10.0.0.10:1344", true)] {
        let mut scene = Scene::open(reqmod(), whole(10));
        scene.other_waits(CheckoutOptions::default());
        scene.connect(second_server);
        assert!(matches!(
            scene.bytes("ICAP/1.0 204 No Content\r\nX"),
            Step::Pending
        ));
        let step = scene.lost(true);
        assert_eq!(matches!(step, Step::Pending), retried, "{step:?}");
        if !retried {
            assert_eq!(failure(&step), (Cause::Connection, true));
            assert!(reason(&step).starts_with("connection lost: "), "{step:?}");
        }
    }
}

#[test]
fn a_begun_change_is_never_repeated_and_never_opens() {
    let mut scene = Scene::open(reqmod(), whole(10));
    scene.other_waits(CheckoutOptions::default());
    scene.connect("10.0.0.10:1344");
    let response = request_with("something else");
    assert!(matches!(scene.bytes(begun(&response, 10)), Step::Pending));
    assert!(!scene.submission.has_begun_change(), "not noted yet");
    let step = scene.lost(true);
    assert_eq!(failure(&step), (Cause::Connection, false));
    assert!(scene.submission.has_begun_change());
}

#[test]
fn an_answer_that_equals_the_original_so_far_is_repeated_once() {
    let mut scene = Scene::open(reqmod(), whole(10));
    assert!(matches!(scene.bytes(CONTINUE), Step::Pending));
    let echo = request_with("0123456789");
    let half = begun(&echo, 12);
    assert!(matches!(scene.bytes(half), Step::Pending));
    assert!(matches!(scene.lost(true), Step::Pending), "repeated");
    assert!(matches!(scene.reconnect(), Step::Pending));
    assert!(matches!(scene.bytes(half), Step::Pending));
    let step = scene.lost(true);
    assert_eq!(failure(&step), (Cause::Connection, false));
}

#[test]
fn an_answer_with_another_head_is_not_repeated() {
    let mut scene = Scene::open(reqmod(), whole(10));
    let echo = request_with("0123456789").replace("Host: a\r\n", "Host: b\r\n");
    assert!(matches!(scene.bytes(begun(&echo, 12)), Step::Pending));
    assert_eq!(failure(&scene.lost(true)), (Cause::Connection, false));
}

#[test]
fn an_overloaded_server_is_asked_once_more_after_a_pause() {
    let mut scene = Scene::new(reqmod(), whole(10));
    let token = scene.start();
    assert!(matches!(scene.bytes(OVERLOADED), Step::Pending));
    assert_eq!(
        scene.effects(),
        ["record: the server is overloaded", "retried"]
    );
    assert!(scene.is_told_to_close(token));
    assert!(scene.connections.open_next(&scene.host, 1_099).is_none());
    scene.now_ms = 1_100;
    scene.connections.closed(token);
    assert!(matches!(scene.reconnect(), Step::Pending));
    let step = scene.bytes(OVERLOADED);
    assert_eq!(failure(&step), (Cause::ServerError, true));
    assert_eq!(scene.effects(), ["preview decided"]);
}

#[test]
fn a_503_with_a_verdict_is_a_block_and_no_overload() {
    let mut scene = Scene::open(reqmod(), whole(10));
    let step = scene
        .bytes("ICAP/1.0 503 No\r\nX-Infection-Found: Type=0; Resolution=2; Threat=E;\r\n\r\n");
    assert!(matches!(step, Step::Block(..)), "{step:?}");
}

#[test]
fn without_a_server_the_submission_fails_unless_one_lived_a_moment_ago() {
    let mut scene = Scene::new(reqmod(), whole(10));
    assert!(matches!(scene.body(), Step::Pending));
    scene.host.fails.set(true);
    assert!(matches!(
        scene.connections.open_next(&scene.host, 1_000),
        Some(Opened::Failed { .. })
    ));
    let step = scene.act(|submission, cx| submission.no_connection("no server", cx));
    assert_eq!(failure(&step), (Cause::Connection, true));
    assert_eq!(reason(&step), "no server");

    for (now_ms, retried) in [(11_000, true), (11_001, false)] {
        let mut scene = Scene::new(reqmod(), whole(10));
        let token = scene.keep_one();
        scene.connections.closed(token);
        assert!(matches!(scene.body(), Step::Pending));
        scene.now_ms = now_ms;
        scene
            .connections
            .forget(scene.submission.pool(), Owner::Unit(unit(0)));
        let step = scene.act(|submission, cx| submission.no_connection("no server", cx));
        assert_eq!(matches!(step, Step::Pending), retried, "{step:?}");
        assert_eq!(scene.submission.is_waiting(), retried);
        assert_eq!(scene.effects().len(), usize::from(retried));
    }
}

#[test]
fn a_missing_server_is_no_matter_to_who_does_not_wait() {
    let mut scene = Scene::open(reqmod(), whole(10));
    let step = scene.act(|submission, cx| submission.no_connection("no server", cx));
    assert!(matches!(step, Step::Pending));
    assert!(matches!(scene.bytes(UNCHANGED), Step::Pass(_)));
}

#[test]
fn in_the_place_of_an_unusable_connection_comes_a_fresh_one() {
    let mut scene = Scene::new(reqmod(), whole(10));
    assert!(matches!(scene.body(), Step::Pending));
    scene.connect(SERVER);
    scene.keep_one();
    let step = scene.act(Submission::spoiled);
    assert!(matches!(step, Step::Pending));
    assert!(scene.submission.is_waiting(), "the kept one will not do");
    let token = scene.connect(SERVER);
    assert!(matches!(scene.got(token), Step::Pending));
    assert!(matches!(scene.act(Submission::spoiled), Step::Pending));
    assert_eq!(scene.submission.connection(), Some(token));
}

#[test]
fn bytes_of_an_earlier_transaction_are_no_answer_on_a_used_connection() {
    let mut scene = Scene::new(reqmod(), whole(10));
    let kept = scene.keep_one();
    assert!(matches!(scene.body(), Step::Pending));
    assert!(matches!(scene.bytes("0\r\n\r\n"), Step::Pending));
    let effects = scene.effects();
    assert!(effects[0].starts_with("record: unreadable ICAP response"));
    assert_eq!(effects[1..], ["retried"]);
    assert!(scene.is_told_to_close(kept));
    assert!(matches!(scene.reconnect(), Step::Pending));
    let step = scene.bytes("0\r\n\r\n");
    assert_eq!(failure(&step), (Cause::Protocol, true));
}

#[test]
fn bytes_that_begin_no_response_on_a_new_connection_are_a_failure() {
    let mut scene = Scene::open(reqmod(), whole(10));
    let step = scene.bytes("0\r\n\r\n");
    assert_eq!(failure(&step), (Cause::Protocol, true));
    assert!(reason(&step).starts_with("unreadable ICAP response: "));
}

#[test]
fn a_retry_that_finds_no_place_in_the_line_fails() {
    let mut scene = Scene::with(reqmod(), whole(10), |profile| {
        profile.max_connections = 1;
        profile.max_pending = 0;
    });
    scene.other_waits(CheckoutOptions::default());
    let step = scene.body();
    assert_eq!(failure(&step), (Cause::Overload, true));
    assert_eq!(
        reason(&step),
        "too many requests are waiting for a connection"
    );
}
