//! Transactions: what goes out when, and when a connection may be reused.

use super::*;
use crate::icap::testing::test;

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\n\r\n";
const BODY: &[u8] = b"0123456789";

pub(super) fn transaction(preview: Option<u32>, trailers: Option<Rc<Trailers>>) -> Transaction {
    let request = Request {
        method: Method::Reqmod,
        uri: "icap://a/s".into(),
        host: "a".into(),
        allow: vec![204],
        trailers,
        preview,
        headers: Vec::new(),
        request_head: Some(HEAD.to_vec()),
        response_head: None,
        whole: false,
    };
    Transaction::new(Rc::new(request), Limits::default())
}

pub(super) fn some(available: u64) -> BodyProgress {
    BodyProgress {
        available,
        ended: false,
    }
}

pub(super) fn whole(available: u64) -> BodyProgress {
    BodyProgress {
        available,
        ended: true,
    }
}

/// The bytes that go out when so much of the body has arrived.
pub(super) fn sent(transaction: &mut Transaction, body: BodyProgress) -> String {
    let mut all = Vec::new();
    loop {
        let mut out = Vec::new();
        transaction
            .transmit(body, &mut out, |range, out| {
                out.extend_from_slice(&BODY[range.start as usize..range.end as usize]);
                Ok::<_, ()>(())
            })
            .unwrap();
        if out.is_empty() {
            return String::from_utf8(all).unwrap();
        }
        all.extend_from_slice(&out);
    }
}

/// The part behind the encapsulated head.
pub(super) fn body_of(sent: &str) -> &str {
    let (_, head) = sent.split_once("\r\n\r\n").unwrap();
    head.split_once("\r\n\r\n").unwrap().1
}

/// Takes bytes of an ICAP response, to its end or as far as it goes.
pub(super) fn response(
    transaction: &mut Transaction,
    bytes: &[u8],
) -> Result<bool, TransactionError> {
    transaction.receive(bytes.to_vec());
    let mut ended = false;
    while let Some(event) = transaction.poll()? {
        ended |= matches!(event, Event::End { .. });
    }
    Ok(ended)
}

const CONTINUE: &[u8] = b"ICAP/1.0 100 Continue\r\n\r\n";
const UNCHANGED: &[u8] = b"ICAP/1.0 204 No Content\r\n\r\n";

#[test]
fn without_a_body_there_is_none_and_no_preview() {
    let mut t = transaction(Some(4), None);
    let out = sent(&mut t, whole(0));
    assert!(out.contains("null-body="), "{out}");
    assert!(!out.contains("Preview"), "{out}");
    assert_eq!(body_of(&out), "");
    assert!(t.complete_body_sent());
    assert_eq!(response(&mut t, UNCHANGED), Ok(true));
    assert!(t.reusable());
}

#[test]
fn nothing_is_sent_before_the_preview_is_full_or_the_body_at_its_end() {
    let mut t = transaction(Some(4), None);
    assert_eq!(sent(&mut t, some(4)), "");
    assert!(!t.waits_for_server(some(4)));
    assert!(sent(&mut t, some(5)).contains("Preview: 4\r\n"));
}

#[test]
fn a_body_that_fits_the_preview_ends_with_ieof() {
    for (preview, len) in [(4, 4), (4, 3), (10, 10)] {
        let mut t = transaction(Some(preview), None);
        let out = sent(&mut t, whole(len));
        assert!(out.contains(&format!("Preview: {len}\r\n")), "{out}");
        assert!(body_of(&out).ends_with("\r\n0; ieof\r\n\r\n"), "{out}");
        assert!(t.complete_body_sent() && t.waits_for_server(whole(len)));
    }
}

#[test]
fn a_complete_body_has_its_length_in_the_head() {
    for (preview, body, length) in [
        (Some(4), whole(10), true),
        (Some(10), whole(10), true),
        (None, whole(10), true),
        (None, some(10), false),
        (Some(4), some(10), false),
        (None, whole(0), false),
    ] {
        let out = sent(&mut transaction(preview, None), body);
        let has = out.contains("\r\nContent-Length: 10\r\n\r\n");
        assert_eq!(has, length, "{out}");
        // The offset of the body counts the `Content-Length` line.
        let head = if length { 48 } else { 28 };
        let part = if body == whole(0) { "null" } else { "req" };
        assert!(out.contains(&format!("{part}-body={head}\r\n")), "{out}");
    }
}

#[test]
fn a_content_length_in_the_head_is_not_added_twice() {
    let mut request = (*transaction(None, None).request).clone();
    let head = b"POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\n";
    request.request_head = Some(head.to_vec());
    let mut t = Transaction::new(Rc::new(request), Limits::default());
    let out = sent(&mut t, whole(10)).to_ascii_lowercase();
    assert_eq!(out.matches("content-length").count(), 1, "{out}");
}

#[test]
fn a_request_for_the_whole_body_sends_nothing_before_its_end() {
    let mut request = (*transaction(Some(4), None).request).clone();
    request.whole = true;
    assert!(!Transaction::ready(&request, some(10)));
    assert!(Transaction::ready(&request, whole(10)));
}

#[test]
fn the_rest_waits_for_100_and_follows_as_it_comes() {
    let mut t = transaction(Some(4), None);
    assert_eq!(body_of(&sent(&mut t, some(6))), "4\r\n0123\r\n0\r\n\r\n");
    assert_eq!(sent(&mut t, some(8)), "");
    assert!(t.waits_for_server(some(8)) && t.in_preview());
    assert_eq!(response(&mut t, CONTINUE), Ok(false));
    assert_eq!(sent(&mut t, some(8)), "4\r\n4567\r\n");
    assert!(!t.waits_for_server(some(8)), "now it is the client");
    assert!(t.waits_for_server(some(9)));
    assert_eq!(sent(&mut t, whole(10)), "2\r\n89\r\n0\r\n\r\n");
    assert!(t.waits_for_server(whole(10)) && t.complete_body_sent() && !t.in_preview());
    assert_eq!(response(&mut t, UNCHANGED), Ok(true));
    assert!(t.reusable());
}

#[test]
fn what_went_out_of_a_body_is_needed_no_more() {
    let mut t = transaction(Some(4), None);
    assert_eq!(t.sent(), 0);
    sent(&mut t, some(5));
    assert_eq!(t.sent(), 4);
    assert_eq!(response(&mut t, CONTINUE), Ok(false));
    sent(&mut t, some(7));
    assert_eq!(t.sent(), 7);
    sent(&mut t, whole(10));
    assert_eq!(t.sent(), u64::MAX);
}

#[test]
fn an_end_that_comes_alone_is_one_last_chunk() {
    let mut t = transaction(None, None);
    sent(&mut t, some(10));
    assert_eq!(sent(&mut t, whole(10)), "0\r\n\r\n");
    assert_eq!(sent(&mut t, whole(10)), "");
}

#[test]
fn a_preview_of_nothing_is_the_last_chunk_alone() {
    let mut t = transaction(Some(0), None);
    let out = sent(&mut t, whole(10));
    assert!(out.contains("Preview: 0\r\n"), "{out}");
    assert_eq!(body_of(&out), "0\r\n\r\n");
    assert_eq!(response(&mut t, CONTINUE), Ok(false));
    assert_eq!(sent(&mut t, whole(10)), "a\r\n0123456789\r\n0\r\n\r\n");
}

#[test]
fn without_a_preview_the_body_goes_out_at_once() {
    let mut t = transaction(None, None);
    let out = sent(&mut t, some(3));
    assert!(!out.contains("Preview"), "{out}");
    assert_eq!(body_of(&out), "3\r\n012\r\n");
}

#[test]
fn a_response_to_the_preview_ends_the_transaction_and_keeps_the_connection() {
    let mut t = transaction(Some(4), None);
    sent(&mut t, some(10));
    assert_eq!(response(&mut t, UNCHANGED), Ok(true));
    assert!(t.reusable() && t.in_preview() && !t.complete_body_sent());
    assert_eq!(
        sent(&mut t, whole(10)),
        "",
        "the server does not want the rest"
    );
}

#[test]
fn a_connection_that_is_owed_body_is_not_reused() {
    let mut t = transaction(None, None);
    sent(&mut t, some(10));
    assert_eq!(response(&mut t, UNCHANGED), Ok(true));
    assert!(!t.reusable());
}

#[test]
fn a_connection_is_not_reused_after_close_or_with_bytes_behind_the_response() {
    for bytes in [
        &b"ICAP/1.0 204 No Content\r\nConnection: close\r\n\r\n"[..],
        b"ICAP/1.0 204 No Content\r\n\r\nICAP",
    ] {
        let mut t = transaction(None, None);
        sent(&mut t, whole(1));
        assert_eq!(response(&mut t, bytes), Ok(true));
        assert!(!t.reusable());
    }
}

#[test]
fn a_connection_is_not_reused_before_the_response_has_come_to_its_end() {
    let mut t = transaction(None, None);
    sent(&mut t, whole(1));
    assert!(!t.responded());
    assert_eq!(response(&mut t, b"ICAP/1.0 204 No"), Ok(false));
    assert!(t.responded() && !t.reusable());
    assert!(t.end_of_input().is_err());
}

#[test]
fn a_100_is_an_error_after_the_whole_body_and_harmless_without_a_preview() {
    let mut t = transaction(Some(4), None);
    sent(&mut t, whole(4));
    assert_eq!(
        response(&mut t, CONTINUE),
        Err(TransactionError::UnexpectedContinue)
    );

    let mut t = transaction(None, None);
    sent(&mut t, whole(4));
    assert_eq!(response(&mut t, CONTINUE), Ok(false));
    assert_eq!(response(&mut t, UNCHANGED), Ok(true));
    assert!(t.reusable());
}

#[test]
fn large_bodies_go_out_in_pieces() {
    let mut t = transaction(None, None);
    let mut pieces = Vec::new();
    let body = whole(524_289);
    sent_lengths(&mut t, body, &mut pieces);
    assert_eq!(pieces, [262_144, 262_144, 1]);
}

fn sent_lengths(transaction: &mut Transaction, body: BodyProgress, lengths: &mut Vec<u64>) {
    loop {
        let mut out = Vec::new();
        transaction
            .transmit(body, &mut out, |range, _| {
                lengths.push(range.end - range.start);
                Ok::<_, ()>(())
            })
            .unwrap();
        if out.is_empty() {
            return;
        }
    }
}

#[test]
fn an_unreadable_body_is_not_sent() {
    let mut t = transaction(None, None);
    let mut out = Vec::new();
    assert_eq!(
        t.transmit(whole(4), &mut out, |_, _| Err("gone")),
        Ok(()),
        "the head alone"
    );
    assert_eq!(
        t.transmit(whole(4), &mut out, |_, _| Err("gone")),
        Err("gone")
    );
}

#[test]
fn the_icap_lines_are_kept_as_sent() {
    let mut t = transaction(Some(4), None);
    assert_eq!(t.headers_sent(), b"");
    let out = sent(&mut t, some(5));
    let lines = std::str::from_utf8(t.headers_sent()).unwrap();
    assert!(lines.starts_with("Host: a\r\n") && lines.contains("Preview: 4\r\n"));
    assert!(out.contains(lines));
    assert_eq!(t.method(), Method::Reqmod);
}

#[test]
fn an_unfinished_response_gives_what_it_has() {
    let mut t = transaction(None, None);
    sent(&mut t, whole(1));
    assert!(t.unfinished_head().is_none());
    assert_eq!(
        response(&mut t, b"ICAP/1.0 204 No\r\nX-A: b\r\n"),
        Ok(false)
    );
    let head = t.unfinished_head().unwrap();
    assert_eq!(head.status, 204);
    assert_eq!(head.headers.get("x-a"), Some(&b"b"[..]));
    assert_eq!(t.unfinished_trailers(), Headers::new());

    let mut t = transaction(None, None);
    sent(&mut t, whole(1));
    let begun = b"ICAP/1.0 200 OK\r\nEncapsulated: req-body=0\r\n\r\n1\r\nx\r\n0\r\nX-A: b\r\n";
    assert_eq!(response(&mut t, begun), Ok(false));
    assert_eq!(t.unfinished_trailers().get("x-a"), Some(&b"b"[..]));
}

#[test]
fn the_end_of_input_is_an_error_until_the_response_has_ended() {
    let mut t = transaction(None, None);
    sent(&mut t, whole(1));
    assert!(t.end_of_input().is_err());
    assert_eq!(response(&mut t, UNCHANGED), Ok(true));
    assert!(t.end_of_input().is_ok());
}

#[test]
fn errors_say_what_was_found() {
    let mut t = transaction(None, None);
    sent(&mut t, whole(1));
    let unreadable = response(&mut t, b"HTTP/1.1 200 OK\r\n\r\n").unwrap_err();
    let TransactionError::Response(of_response) = &unreadable else {
        panic!("{unreadable:?}");
    };
    assert_eq!(unreadable.to_string(), of_response.to_string());
    assert_eq!(
        TransactionError::UnexpectedContinue.to_string(),
        "found 100 Continue where nothing is left to send, expected a final status"
    );
}

#[test]
fn of_a_download_the_response_gets_the_length() {
    let mut request = (*transaction(None, None).request).clone();
    request.method = Method::Respmod;
    request.response_head = Some(b"HTTP/1.1 200 OK\r\n\r\n".to_vec());
    let mut t = Transaction::new(Rc::new(request), Limits::default());
    let out = sent(&mut t, whole(10));
    assert!(
        out.contains(
            "POST / HTTP/1.1\r\nHost: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\na\r\n"
        ),
        "{out}"
    );
    assert!(out.contains("res-body=67\r\n"), "{out}");
}

#[test]
fn a_100_before_anything_was_sent_is_an_error() {
    let mut t = transaction(Some(4), None);
    assert_eq!(
        response(&mut t, CONTINUE),
        Err(TransactionError::UnexpectedContinue)
    );
}

#[test]
fn a_response_to_options_keeps_the_connection_without_an_encapsulated() {
    let mut request = (*transaction(None, None).request).clone();
    request.method = Method::Options;
    request.request_head = None;
    let request = Rc::new(request);
    let ok = b"ICAP/1.0 200 OK\r\nMethods: REQMOD\r\n\r\n";
    let mut t = Transaction::of_options(Rc::clone(&request), Limits::default());
    sent(&mut t, whole(0));
    assert_eq!(response(&mut t, ok), Ok(true));
    assert!(t.reusable());

    let mut t = Transaction::new(request, Limits::default());
    sent(&mut t, whole(0));
    assert!(response(&mut t, ok).is_err(), "a body may follow");
}
