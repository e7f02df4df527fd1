//! What a server has given back of a body that streams, while the body still comes.

use super::*;
use crate::submission::{GivenBack, Window};

/// A submission that reads its body from a window, and has sent the eight bytes of it that have come.
fn streaming(request: Request) -> Scene {
    let request = Request {
        preview: None,
        ..request
    };
    let mut scene = Scene::new(request, some(8));
    let window = Rc::new(Window::new(&scene.budget));
    window.push(BODY[..8].to_vec()).unwrap();
    scene.submission.stream(window);
    // The host has nothing of it.
    scene.host.body.borrow_mut().clear();
    scene.start();
    scene
}

/// The beginning of an ICAP response with a request, as far as the first chunk of its body goes.
fn begun_request(body: &str) -> String {
    begun(&request_with(body), 5).to_owned()
}

fn given(scene: &mut Scene) -> Option<GivenBack> {
    scene.act(|submission, cx| submission.given_back(cx))
}

/// The answer's body as far as it was given back, with the original's bytes in their place.
fn text(given: &GivenBack) -> String {
    let same = &BODY[..given.same as usize];
    String::from_utf8([same, &given.pieces.concat()].concat()).unwrap()
}

#[test]
fn an_echo_is_given_back_as_it_comes() {
    let mut scene = streaming(reqmod());
    assert!(given(&mut scene).is_none(), "nothing was answered");
    assert!(matches!(scene.bytes(begun_request("0123")), Step::Pending));
    let so_far = given(&mut scene).unwrap();
    assert_eq!((text(&so_far), so_far.len), ("0123".to_owned(), 4));
    assert!(!so_far.differs && !so_far.head_differs && so_far.pieces.is_empty());
    assert_eq!(so_far.sent, 8);
    assert!(matches!(scene.bytes("2\r\n45\r\n"), Step::Pending));
    assert_eq!(text(&given(&mut scene).unwrap()), "012345");
}

#[test]
fn what_differs_is_given_once() {
    let mut scene = streaming(reqmod());
    assert!(matches!(scene.bytes(begun_request("01xx")), Step::Pending));
    let first = given(&mut scene).unwrap();
    assert_eq!((text(&first), first.len), ("01xx".to_owned(), 4));
    assert!(first.differs);
    assert!(matches!(scene.bytes("2\r\nyy\r\n"), Step::Pending));
    let next = given(&mut scene).unwrap();
    assert_eq!(next.pieces.concat(), b"yy");
    assert_eq!((next.same, next.len), (first.same, 6));
}

#[test]
fn nothing_is_given_back_that_may_be_no_message_for_the_receiver() {
    let found = "ICAP/1.0 200 OK\r\nX-Virus-ID: Eicar";
    let page = begun(&response_with("403 Forbidden", "page"), 5).to_owned();
    for (request, answer, what) in [
        (
            reqmod(),
            begun_request("0123").replace("200 OK", "201 Created"),
            "another status",
        ),
        (
            reqmod(),
            begun_request("0123").replace("ICAP/1.0 200 OK", found),
            "a threat",
        ),
        (reqmod(), page.clone(), "a page in the place of a request"),
        (respmod(), page, "a page in the place of a response"),
    ] {
        let mut scene = streaming(request);
        assert!(matches!(scene.bytes(answer), Step::Pending), "{what}");
        assert!(given(&mut scene).is_none(), "{what}");
    }
}

#[test]
fn after_a_part_has_gone_on_the_original_goes_on_no_more() {
    for (released, may_open) in [(false, true), (true, false)] {
        let mut scene = streaming(reqmod());
        if released {
            scene.submission.released();
        }
        assert_eq!(
            failure(&scene.fail(Cause::Timeout)),
            (Cause::Timeout, may_open)
        );
    }
}
