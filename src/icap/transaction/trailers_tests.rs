//! Trailers of the message: where they go, and which are known when.

use super::super::tests::{body_of, response, sent, some, transaction, whole};
use super::*;
use crate::icap::testing::test;
use crate::icap::transaction::Transaction;
use std::rc::Rc;

/// A transaction that sends trailers, of which these are announced, and the place for them.
fn with_trailers(preview: Option<u32>, announced: &str) -> (Transaction, Rc<Trailers>) {
    let trailers = Rc::new(Trailers::announced(announced.to_owned()));
    let transaction = transaction(preview, Some(Rc::clone(&trailers)));
    (transaction, trailers)
}

fn fields(fields: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let fields = fields.iter();
    fields
        .map(|(name, value)| (bytes(name), bytes(value)))
        .collect()
}

#[test]
fn they_stand_behind_the_last_chunk() {
    for (preview, last_chunk) in [(None, "0\r\n"), (Some(10), "0; ieof\r\n")] {
        let (mut t, trailers) = with_trailers(preview, "");
        trailers
            .put(&fields(&[("x-a", "1"), ("te", "x"), ("x-b", "2")]))
            .unwrap();
        assert!(trailers.sent().is_none());
        let out = sent(&mut t, whole(10));
        assert!(out.contains("\r\nAllow: 204, trailers\r\n"), "{out}");
        assert!(out.contains("\r\nTrailer: x-a, x-b\r\n\r\n"), "{out}");
        assert!(!out.contains("Content-Length"), "{out}");
        let end = format!("\r\n{last_chunk}x-a: 1\r\nx-b: 2\r\n\r\n");
        assert!(body_of(&out).ends_with(&end), "{out}");
        assert_eq!(trailers.sent().map(Headers::len), Some(2));
    }
}

#[test]
fn a_preview_that_is_not_all_has_none() {
    let (mut t, trailers) = with_trailers(Some(4), "x-a");
    let out = sent(&mut t, some(6));
    assert!(out.contains("\r\nTrailer: x-a\r\n"), "{out}");
    assert!(out.ends_with("4\r\n0123\r\n0\r\n\r\n"), "{out}");
    trailers.put(&fields(&[("x-a", "1")])).unwrap();
    assert!(!response(&mut t, b"ICAP/1.0 100 Continue\r\n\r\n").unwrap());
    assert_eq!(sent(&mut t, whole(6)), "2\r\n45\r\n0\r\nx-a: 1\r\n\r\n");
}

#[test]
fn without_any_the_body_ends_as_ever() {
    let (mut t, trailers) = with_trailers(None, "x-a");
    trailers.put(&fields(&[])).unwrap();
    let out = sent(&mut t, whole(10));
    assert!(
        out.contains("Content-Length: 10") && !out.contains("Trailer:"),
        "{out}"
    );
    assert!(body_of(&out).ends_with("\r\n0\r\n\r\n"), "{out}");
    assert!(trailers.sent().is_none());
}

#[test]
fn without_a_body_there_is_no_place_for_them() {
    let (mut t, trailers) = with_trailers(None, "x-a");
    trailers.put(&fields(&[("x-a", "1")])).unwrap();
    let out = sent(&mut t, whole(0));
    assert!(out.contains("null-body=") && !out.contains("x-a"), "{out}");
    assert!(trailers.sent().is_none());
}

#[test]
fn a_field_that_has_no_form_is_refused_with_all() {
    for bad in [("x a", "1"), ("x-a", "1\r\nx-b: 2")] {
        let (mut t, trailers) = with_trailers(None, "");
        assert!(trailers.put(&fields(&[("x-c", "3"), bad])).is_err());
        assert!(trailers.have_come());
        assert!(body_of(&sent(&mut t, whole(10))).ends_with("\r\n0\r\n\r\n"));
    }
}

#[test]
fn each_transaction_begins_with_none_sent() {
    let (mut t, trailers) = with_trailers(None, "");
    trailers.put(&fields(&[("x-a", "1")])).unwrap();
    sent(&mut t, whole(10));
    assert!(trailers.sent().is_some());
    let again = transaction(None, Some(Rc::clone(&trailers)));
    assert!(trailers.sent().is_none());
    drop(again);
}
