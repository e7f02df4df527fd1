//! Submissions without a verdict: what they say, what becomes of their connections.

use super::*;
use crate::product::Vendor;
use crate::submission::NotKept;
use crate::verdict::BlockWith;

#[test]
fn a_given_up_submission_leaves_the_line() {
    let mut scene = Scene::new(reqmod(), whole(10));
    assert!(matches!(scene.body(), Step::Pending));
    assert_eq!(scene.stock().pending, 1);
    scene.act(Submission::give_up);
    assert_eq!(scene.stock(), Stock::default());
    assert!(!scene.submission.is_waiting());
    assert!(matches!(scene.body(), Step::Pending), "no second life");
    assert_eq!(scene.stock(), Stock::default());
}

#[test]
fn a_given_up_submission_closes_its_connection_without_a_last_chunk() {
    let mut scene = Scene::new(reqmod(), some(10));
    let token = scene.start();
    let before = scene.sent(token);
    scene.act(Submission::give_up);
    assert_eq!(scene.sent(token), before);
    assert!(scene.is_told_to_close(token));
    assert_eq!(scene.stock().active, 0);
    scene.act(Submission::give_up);
    assert_eq!(scene.sent(token), before);
}

#[test]
fn a_failure_without_an_answer_has_its_own_cause() {
    for cause in [Cause::Timeout, Cause::Oversize, Cause::BadRequest] {
        let mut scene = Scene::new(reqmod(), whole(10));
        let token = scene.start();
        let step = scene.fail(cause);
        assert_eq!(failure(&step), (cause, true));
        assert_eq!(reason(&step), "a reason");
        assert!(scene.is_told_to_close(token));
    }
}

#[test]
fn what_a_server_found_counts_whatever_fails_before_its_answer_ends() {
    let refused = "ICAP/1.0 500 No\r\nX-Error-Code: X\r\n\r\n";
    for (answer, says) in [(INFECTED, "Eicar"), (refused, "X")] {
        for cause in [Cause::Timeout, Cause::BadRequest, Cause::Oversize] {
            let mut scene = Scene::open(reqmod(), whole(10));
            let head = answer.trim_end_matches("\r\n");
            assert!(matches!(
                scene.bytes(format!("{head}\r\nX:")),
                Step::Pending
            ));
            let step = scene.fail(cause);
            assert!(
                matches!(step, Step::Block(_, BlockWith::OwnPage, _)),
                "{step:?}"
            );
            assert!(reason(&step).contains(says), "{step:?}");
        }
    }
}

#[test]
fn a_verdict_counts_though_the_answer_breaks_off_in_the_next_name() {
    for name in ["", "\r", "V", "Via", "Via:"] {
        let mut scene = Scene::open(reqmod(), whole(10));
        let begun = format!("ICAP/1.0 200 OK\r\nX-Response-Info: BLOCKED\r\n{name}");
        assert!(matches!(scene.bytes(begun), Step::Pending));
        let step = scene.lost(true);
        assert!(matches!(step, Step::Block(..)), "{name:?}: {step:?}");
    }
}

#[test]
fn a_server_in_trouble_is_the_cause_unless_the_message_is_at_fault() {
    for (cause, expected, says) in [
        (
            Cause::Timeout,
            (Cause::ServerError, true),
            "scan error; a reason",
        ),
        (
            Cause::Connection,
            (Cause::ServerError, true),
            "scan error; a reason",
        ),
        (Cause::Oversize, (Cause::Oversize, true), "a reason"),
        (Cause::BadRequest, (Cause::BadRequest, true), "a reason"),
    ] {
        let mut scene = Scene::with(reqmod(), whole(10), |profile| {
            profile.vendor = Vendor::named("trend_micro").unwrap();
        });
        scene.start();
        let page = response_with("500 Oops", "Trouble.");
        assert!(matches!(scene.bytes(begun(&page, 8)), Step::Pending));
        let step = scene.fail(cause);
        assert_eq!(failure(&step), expected, "{cause:?}");
        assert!(reason(&step).ends_with(says), "{step:?}");
        assert_eq!(reason(&step) == "a reason", says == "a reason", "{step:?}");
    }
}

#[test]
fn a_server_that_can_not_look_into_the_content_is_the_cause_unless_the_message_is_at_fault() {
    for (cause, expected, says) in [
        (Cause::Timeout, Cause::Unscannable, "; a reason"),
        (Cause::Connection, Cause::Unscannable, "; a reason"),
        (Cause::Oversize, Cause::Oversize, "a reason"),
        (Cause::BadRequest, Cause::BadRequest, "a reason"),
    ] {
        let mut scene = Scene::open(reqmod(), whole(10));
        let unscannable = "ICAP/1.0 500 No\r\nX-Error-Code: decode_error\r\nX:";
        assert!(matches!(scene.bytes(unscannable), Step::Pending));
        let step = scene.fail(cause);
        assert_eq!(failure(&step), (expected, true), "{cause:?}");
        assert!(reason(&step).ends_with(says), "{cause:?}: {step:?}");
    }
}

#[test]
fn a_page_that_breaks_off_blocks() {
    let page = response_with("403 Forbidden\r\nContent-Type: text/html", "<h1>No</h1>");
    let mut scene = Scene::open(reqmod(), whole(10));
    assert!(matches!(scene.bytes(begun(&page, 8)), Step::Pending));
    let step = scene.lost(true);
    assert!(matches!(step, Step::Block(_, BlockWith::OwnPage, _)));
    assert!(reason(&step).starts_with("connection lost: "), "{step:?}");
}

#[test]
fn an_unreadable_body_is_an_internal_failure() {
    let mut scene = Scene::open(reqmod(), some(10));
    scene.host.body.borrow_mut().truncate(5);
    let step = scene.bytes(CONTINUE);
    assert_eq!(failure(&step), (Cause::Internal, true));
    assert!(reason(&step).starts_with("the body could not be read: "));
}

#[test]
fn a_send_that_fails_waits_for_the_close_that_envoy_reports() {
    let mut scene = Scene::open(reqmod(), whole(10));
    // The host still gives the body; only the stream is gone.
    scene.host.fails.set(true);
    assert!(matches!(scene.bytes(CONTINUE), Step::Pending));
    assert!(matches!(scene.lost(true), Step::Pending));
    assert_eq!(scene.effects()[1], "retried");
}

#[test]
fn a_second_100_is_a_failure() {
    let mut scene = Scene::open(reqmod(), whole(4));
    let step = scene.bytes(CONTINUE);
    assert_eq!(failure(&step), (Cause::Protocol, true));
}

#[test]
fn the_loss_of_a_connection_that_is_not_had_is_no_loss() {
    let mut scene = Scene::new(reqmod(), whole(10));
    let step = scene.act(|submission, cx| submission.lost(true, cx));
    assert!(matches!(step, Step::Pending));
    assert!(scene.submission.is_collecting());
}

#[test]
fn an_answer_that_can_not_be_kept_has_a_cause_for_each_reason() {
    for (why, cause) in [
        (NotKept::TooLarge, Cause::Oversize),
        (NotKept::OverBudget, Cause::Overload),
        (NotKept::Unreadable, Cause::Internal),
    ] {
        assert_eq!(why.cause(), cause);
        assert!(!why.sentence().is_empty());
    }
}

#[test]
fn a_changed_answer_over_an_unreadable_original_never_opens() {
    let mut scene = Scene::open(reqmod(), whole(10));
    scene.host.body.borrow_mut().clear();
    let step = scene.bytes(request_with("0123"));
    assert_eq!(failure(&step), (Cause::Internal, false));
    assert_eq!(reason(&step), "the original body could not be read");
}
