//! What a message asks its submission.

use super::*;

#[test]
fn who_is_waited_for() {
    let mut scene = Scene::new(reqmod(), some(5));
    assert!(!scene.submission.waits_for_server(some(5)), "collecting");
    assert!(matches!(scene.body(), Step::Pending));
    assert!(scene.submission.waits_for_server(some(5)), "in the line");
    assert_eq!(scene.submission.waits_for_body(some(5)), None);
    assert!(matches!(scene.reconnect(), Step::Pending));
    assert!(scene.submission.waits_for_server(some(5)), "for a 100");
    assert!(matches!(scene.bytes(CONTINUE), Step::Pending));
    assert!(
        !scene.submission.waits_for_server(some(5)),
        "for the client"
    );
    assert_eq!(scene.submission.waits_for_body(some(5)), Some(1_000));
    assert!(scene.submission.waits_for_server(whole(5)));
    assert_eq!(scene.submission.waits_for_body(whole(5)), None);
    assert!(matches!(scene.fail(Cause::Timeout), Step::Fail(..)));
    assert!(!scene.submission.waits_for_server(whole(5)), "done");
}

#[test]
fn the_names_of_a_submission() {
    let scene = Scene::new(reqmod(), some(5));
    assert_eq!(scene.submission.id(), unit(0));
    assert_eq!(scene.submission.pool(), scene.connections.pool_of("av"));
    assert_eq!(scene.submission.connection(), None);
}

#[test]
fn the_record_of_a_submission_says_how_far_it_is() {
    let mut scene = Scene::new(reqmod(), whole(10));
    let record = scene.act(|submission, cx| submission.record(cx));
    assert_eq!(record.latency_ms, None);
    assert_eq!(record.icap_server_ip, None);
    scene.start();
    scene.now_ms += 5;
    assert!(matches!(
        scene.bytes("ICAP/1.0 200 OK\r\nEncapsulated: null-body=0\r\n"),
        Step::Pending
    ));
    let record = scene.act(|submission, cx| submission.record(cx));
    assert_eq!(record.latency_ms, Some(5));
    assert_eq!(record.icap_server_ip.as_deref(), Some("10.0.0.9"));
    assert!(record.icap_headers_sent_to_server.contains("Preview: 4"));
    assert_eq!(record.icap_response_code, None);
}

/// Whether an answer with this beginning may be a page for the client who uploads.
fn is_page(request: Request, answer: &str, is_upload: bool) -> bool {
    let mut scene = Scene::open(request, whole(10));
    assert!(matches!(scene.bytes(answer), Step::Pending));
    scene.submission.gets_page(is_upload)
}

/// The beginning of an answer with an HTTP head, without its body.
fn head_of(answer: &str, body: &str) -> String {
    answer.trim_end_matches(&chunks(body)).to_owned()
}

#[test]
fn a_response_with_another_status_may_be_a_page() {
    let forbidden = head_of(&response_with("403 Forbidden", "No."), "No.");
    let ok = head_of(&response_with("200 OK", "Yes"), "Yes");
    let html = "200 OK\r\nContent-Type: text/html";
    let html = head_of(&response_with(html, "<p>"), "<p>");
    for (answer, of_download, of_upload) in [
        (&forbidden, true, true),
        (&ok, false, false),
        (&html, false, true),
    ] {
        assert_eq!(is_page(respmod(), answer, false), of_download, "{answer}");
        assert_eq!(is_page(respmod(), answer, true), of_upload, "{answer}");
        assert!(is_page(reqmod(), answer, false), "{answer}");
    }
}

#[test]
fn what_is_no_response_may_be_a_page_for_an_upload_alone() {
    let request = head_of(&request_with("0123"), "0123");
    for is_upload in [true, false] {
        assert_eq!(is_page(respmod(), &request, is_upload), is_upload);
    }
    let scene = Scene::new(respmod(), whole(10));
    assert!(!scene.submission.gets_page(true), "there is no answer");
}

#[test]
fn a_new_body_can_be_moved_once_the_original_is_needed_no_more() {
    let begun = |answer: &str| begun(answer, 7).to_owned();
    let change = begun(&request_with("something else"));
    // The preview alone was sent; the whole body was; all that has come.
    for (extent, continues) in [(some(5), false), (whole(10), true), (some(5), true)] {
        let mut scene = Scene::open(reqmod(), extent);
        if continues {
            assert!(matches!(scene.bytes(CONTINUE), Step::Pending));
        }
        assert!(scene.submission.own_body(extent).is_none(), "no answer");
        assert!(matches!(scene.bytes(&change), Step::Pending));
        assert!(scene.submission.own_body(extent).is_some(), "{extent:?}");
    }
    // A page is for the client, and a 206 goes on with the original.
    for answer in [
        begun(&response_with("403 Forbidden", "something else")),
        change.replace("200 OK", "206 Partial Content"),
        begun(&request_with("0123456789")),
    ] {
        let mut scene = Scene::open(reqmod(), whole(10));
        assert!(matches!(scene.bytes(answer), Step::Pending));
        assert!(scene.submission.own_body(whole(10)).is_none());
    }
}

#[test]
fn after_a_move_the_body_is_read_where_it_stands() {
    let mut scene = Scene::open(reqmod(), some(5));
    scene.submission.moved(4, 7);
    *scene.host.body.borrow_mut() = b"xxxxxxx456789".to_vec();
    scene.extent = whole(10);
    let token = scene.submission.connection().unwrap();
    assert!(matches!(scene.bytes(CONTINUE), Step::Pending));
    assert!(scene.sent(token).ends_with("6\r\n456789\r\n0\r\n\r\n"));
}
