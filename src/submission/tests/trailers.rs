//! Trailers that follow a body to the server, and those that the server gives back.

use super::*;
use crate::config::Trailers as WhatBecomes;
use crate::icap::{Headers, Trailers};

/// A submission that sends trailers behind its body, and the place for them.
fn scene(preview: Option<u32>) -> (Scene, Rc<Trailers>) {
    let trailers = Rc::new(Trailers::default());
    let request = Request {
        preview,
        trailers: Some(Rc::clone(&trailers)),
        ..reqmod()
    };
    let scene = Scene::with(request, whole(10), |profile| {
        profile.trailers = WhatBecomes::Scan;
    });
    (scene, trailers)
}

fn put(trailers: &Trailers, fields: &[(&str, &str)]) {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let fields = fields.iter();
    let fields: Vec<_> = fields.map(|(n, v)| (bytes(n), bytes(v))).collect();
    trailers.put(&fields).unwrap();
}

/// An echo that these trailers follow.
fn echo(trailers: &str) -> String {
    let echo = request_with("0123456789");
    format!("{}{trailers}\r\n", begun(&echo, 2))
}

/// The trailers of a change.
#[track_caller]
fn changed_trailers(step: Step) -> Option<Headers> {
    match step {
        Step::Change(_, change) => change.trailers,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_end_of_the_body_waits_for_them() {
    let (mut scene, trailers) = scene(Some(10));
    assert!(matches!(scene.body(), Step::Pending));
    assert!(scene.submission.is_collecting(), "it may be no ieof");
    put(&trailers, &[("x-a", "1")]);
    let token = scene.start();
    assert!(scene.sent(token).ends_with("0; ieof\r\nx-a: 1\r\n\r\n"));
    assert!(matches!(scene.bytes(UNCHANGED), Step::Pass(_)));
    assert_eq!(trailers.sent().map(Headers::len), Some(1));

    let (mut scene, trailers) = self::scene(None);
    let token = scene.start();
    assert!(scene.sent(token).ends_with("a\r\n0123456789\r\n"));
    assert!(!scene.submission.waits_for_server(scene.extent));
    put(&trailers, &[("x-a", "1")]);
    assert!(matches!(scene.body(), Step::Pending));
    assert!(scene.sent(token).ends_with("9\r\n0\r\nx-a: 1\r\n\r\n"));
    assert!(scene.submission.waits_for_server(scene.extent));
}

#[test]
fn a_server_may_answer_before_they_are_sent() {
    let (mut scene, trailers) = scene(Some(4));
    scene.start();
    put(&trailers, &[("x-a", "1")]);
    assert!(matches!(scene.bytes(UNCHANGED), Step::Pass(_)));
    assert!(trailers.sent().is_none());
}

#[test]
fn an_echo_waits_for_them_too() {
    let (mut scene, trailers) = scene(None);
    scene.start();
    assert!(matches!(scene.bytes(echo("")), Step::Pending));
    put(&trailers, &[("x-a", "1")]);
    assert!(matches!(scene.body(), Step::Pass(_)));
    assert!(trailers.sent().is_none(), "the answer came before");
}

#[test]
fn they_are_sent_again_with_a_retry() {
    let (mut scene, trailers) = scene(None);
    put(&trailers, &[("x-a", "1")]);
    scene.keep_one();
    assert!(matches!(scene.body(), Step::Pending));
    assert!(trailers.sent().is_some());
    assert!(matches!(scene.lost(true), Step::Pending));
    let token = scene.connect(SERVER);
    assert!(matches!(scene.got(token), Step::Pending));
    assert!(scene.sent(token).ends_with("0\r\nx-a: 1\r\n\r\n"));
    assert!(trailers.sent().is_some());
}

#[test]
fn the_same_are_a_pass_and_others_a_change() {
    for (given, is_same) in [
        ("X-A: 1\r\nx-b: 2\r\n", true),
        ("x-b: 2\r\nx-a: 1\r\n", true),
        ("x-a: 1\r\nx-b: 3\r\n", false),
        ("x-a: 1\r\nx-b: 2\r\nx-c: 3\r\n", false),
        ("x-a: 1\r\n", false),
        ("", false),
    ] {
        let (mut scene, trailers) = scene(None);
        put(&trailers, &[("x-a", "1"), ("x-b", "2")]);
        scene.start();
        let step = scene.bytes(echo(given));
        match is_same {
            true => assert!(matches!(step, Step::Pass(_)), "{given:?}: {step:?}"),
            false => {
                let fields = changed_trailers(step).unwrap();
                assert_eq!(fields.len(), given.lines().count(), "{given:?}");
            }
        }
    }
}

#[test]
fn an_answer_that_has_no_place_for_them_leaves_them() {
    let head = "POST / HTTP/1.1\r\nHost: b\r\n\r\n";
    let parts = format!("req-hdr=0, null-body={}", head.len());
    let bare = format!("ICAP/1.0 200 OK\r\nEncapsulated: {parts}\r\n\r\n{head}");
    let partial = format!(
        "ICAP/1.0 206 OK\r\nEncapsulated: req-hdr=0, req-body={}\r\n\r\n{head}0; use-original-body=0\r\n\r\n",
        head.len()
    );
    for answer in [bare, partial] {
        let (mut scene, trailers) = scene(None);
        put(&trailers, &[("x-a", "1")]);
        scene.start();
        assert_eq!(changed_trailers(scene.bytes(&answer)), None, "{answer}");
    }
    let (mut scene, trailers) = scene(None);
    put(&trailers, &[]);
    scene.start();
    // What was shown without any gets none: those are the server's own word.
    assert!(matches!(scene.bytes(echo("x-a: 1\r\n")), Step::Pass(_)));
}

#[test]
fn a_verdict_may_stand_in_icap_trailers() {
    let (mut scene, trailers) = scene(None);
    put(&trailers, &[("x-a", "1")]);
    scene.start();
    let announced = "ICAP/1.0 200 OK\r\nAllow: trailers\r\nTrailer: X-Virus-ID\r\n";
    let answer = echo("x-a: 1\r\n").replacen("ICAP/1.0 200 OK\r\n", announced, 1);
    assert!(matches!(scene.bytes(&answer), Step::Pending));
    let step = scene.bytes("X-Virus-ID: Eicar\r\n\r\n");
    assert!(matches!(step, Step::Block(..)), "{step:?}");
}
