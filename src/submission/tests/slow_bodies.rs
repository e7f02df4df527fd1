//! Bodies that arrive slowly: connections that others need, and answers that depend on the rest.

use super::*;
use crate::submission::IcapResponseBody;

fn preempt(scene: &mut Scene) {
    let step = scene.act(Submission::preempt);
    assert!(matches!(step, Step::Pending), "{step:?}");
}

/// A download of which the preview and one byte more have arrived, and which the server wants to see to its end.
fn streaming(available: u64) -> Scene {
    let mut scene = Scene::open(reqmod(), some(5));
    assert!(matches!(scene.bytes(CONTINUE), Step::Pending));
    scene.extent = some(available);
    assert!(matches!(scene.body(), Step::Pending));
    scene
}

#[test]
fn a_slow_body_gives_its_connection_up_until_it_has_ended() {
    let mut scene = streaming(6);
    let token = scene.submission.connection().unwrap();
    preempt(&mut scene);
    assert_eq!(
        scene.effects(),
        [
            "record: the connection was taken for others, for the body came slowly",
            "preempted"
        ]
    );
    assert_eq!(scene.submission.connection(), None);
    assert!(scene.is_told_to_close(token));
    scene.connections.closed(token);
    scene.extent = some(9);
    assert!(matches!(scene.body(), Step::Pending));
    assert!(!scene.submission.is_waiting(), "the body goes on");
    scene.extent = whole(10);
    assert!(matches!(scene.body(), Step::Pending));
    assert!(scene.submission.is_waiting());
    assert!(matches!(scene.reconnect(), Step::Pending));
    assert!(matches!(scene.bytes(UNCHANGED), Step::Pass(_)));
}

#[test]
fn a_submission_that_waits_for_the_server_keeps_its_connection() {
    for mut scene in [
        Scene::open(reqmod(), some(5)),
        Scene::open(reqmod(), whole(10)),
        Scene::new(reqmod(), some(5)),
    ] {
        let connection = scene.submission.connection();
        preempt(&mut scene);
        assert_eq!(scene.submission.connection(), connection);
        assert_eq!(scene.effects(), Vec::<String>::new());
    }
}

#[test]
fn a_submission_whose_answer_has_begun_keeps_its_connection() {
    for answer in ["ICAP/1.0 204 No", "ICAP/1.0 200 OK\r\nX: y\r\n"] {
        let mut scene = streaming(6);
        assert!(matches!(scene.bytes(answer), Step::Pending));
        let connection = scene.submission.connection();
        preempt(&mut scene);
        assert_eq!(scene.submission.connection(), connection, "{answer}");
    }
}

#[test]
fn an_echo_so_far_does_not_keep_a_connection_from_others() {
    let mut scene = streaming(6);
    let echo = request_with("0123456789");
    let head = echo.split_once("\r\n\r\na\r\n").unwrap().0;
    assert!(matches!(
        scene.bytes(format!("{head}\r\n\r\n4\r\n0123\r\n")),
        Step::Pending
    ));
    preempt(&mut scene);
    assert_eq!(scene.effects().len(), 2);
    assert_eq!(scene.submission.connection(), None);
    scene.extent = whole(10);
    assert!(matches!(scene.body(), Step::Pending));
    assert!(matches!(scene.reconnect(), Step::Pending));
    // The server had begun a message in the place of the original, which now must not go on.
    let step = scene.fail(Cause::Timeout);
    assert_eq!(failure(&step), (Cause::Timeout, false));
}

#[test]
fn an_answer_that_equals_the_body_so_far_waits_for_the_rest_without_a_connection() {
    let mut scene = streaming(6);
    let token = scene.submission.connection().unwrap();
    assert!(matches!(scene.bytes(request_with("012345")), Step::Pending));
    assert_eq!(scene.submission.connection(), None);
    assert!(scene.is_told_to_close(token), "the server is owed the rest");
    assert!(!scene.submission.waits_for_server(scene.extent));
    assert_eq!(scene.submission.waits_for_body(scene.extent), None);
    scene.connections.closed(token);
    assert!(matches!(scene.close_reported(), Step::Pending));
    scene.extent = whole(6);
    let step = scene.body();
    assert!(
        matches!(&step, Step::Pass(record) if record.icap_server_ip.as_deref() == Some("10.0.0.9")),
        "{step:?}"
    );
}

#[test]
fn an_answer_that_equals_the_body_so_far_is_cut_off_when_more_follows() {
    let mut scene = streaming(6);
    let answer = request_with("012345").replace("Host: a\r\n", "Host: a\r\nContent-Length: 10\r\n");
    let at = answer.replace("req-body=28", "req-body=48");
    assert!(matches!(scene.bytes(at), Step::Pending));
    scene.extent = whole(10);
    let step = scene.body();
    assert!(matches!(step, Step::Block(..)), "{step:?}");
}

#[test]
fn a_206_to_a_preview_waits_for_the_rest_and_keeps_the_connection_for_others() {
    let mut scene = Scene::new(reqmod(), some(5));
    let token = scene.start();
    let head = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";
    let response = format!(
        "ICAP/1.0 206 Partial Content\r\nISTag: \"v1\"\r\nEncapsulated: req-hdr=0, req-body={}\r\n\r\n{head}3\r\nabc\r\n0; use-original-body=3\r\n\r\n",
        head.len()
    );
    assert!(matches!(scene.bytes(response), Step::Pending));
    assert_eq!(scene.effects(), [format!("istag v1 of {SERVER}")]);
    assert!(!scene.is_told_to_close(token));
    assert_eq!(scene.stock().idle, 1);
    scene.extent = whole(10);
    let Step::Change(record, change) = scene.body() else {
        panic!("no change");
    };
    assert_eq!(record.icap_server_port, Some(1344));
    let IcapResponseBody::Own(own) = &change.response.body else {
        panic!("{change:?}");
    };
    assert_eq!(own.len(), 10);
    assert_eq!(
        scene.effects(),
        ["preview decided"],
        "the tag was told already"
    );
}

#[test]
fn a_verdict_does_not_wait_for_the_rest() {
    let mut scene = streaming(6);
    let response = request_with("012345").replace(
        "Encapsulated",
        "X-Infection-Found: Type=0; Resolution=2; Threat=Eicar;\r\nEncapsulated",
    );
    let step = scene.bytes(response);
    assert!(matches!(step, Step::Block(..)), "{step:?}");
}

#[test]
fn a_submission_that_has_all_it_needs_is_given_up_at_no_cost() {
    let mut scene = Scene::new(reqmod(), some(5));
    let token = scene.start();
    let head = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";
    let response = format!(
        "ICAP/1.0 206 Partial Content\r\nEncapsulated: req-hdr=0, req-body={}\r\n\r\n{head}0; use-original-body=0\r\n\r\n",
        head.len()
    );
    assert!(matches!(scene.bytes(response), Step::Pending));
    scene.act(Submission::give_up);
    assert!(!scene.is_told_to_close(token));
    assert_eq!(scene.stock().idle, 1);
    scene.extent = whole(10);
    assert!(
        matches!(scene.body(), Step::Pending),
        "nobody asks any more"
    );
}

impl Scene {
    /// Envoy reports a close that the submission has nothing to do with.
    fn close_reported(&mut self) -> Step {
        self.act(|submission, cx| submission.lost(true, cx))
    }
}
