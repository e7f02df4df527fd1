//! Bodies that are not shown as they stand: parts of them, their content without framing, what they decode to.

use std::ops::Range;

use super::*;
use crate::host::HostError;
use crate::submission::{Content, Decoded, Decoder};
use crate::transfer_encoding::{self, TransferEncoding};

/// What a server is sent of `body`, shown as `shown`, without the ICAP head.
fn sent(body: &[u8], shown: Shown) -> String {
    let mut scene = Scene::showing(body, shown);
    let token = scene.start();
    let sent = scene.sent(token);
    let (_, behind) = sent.split_once("\r\n\r\n").unwrap();
    behind.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// The runs of a part in Base64.
fn in_base64(body: &[u8], run: Range<u64>) -> Rc<Decoded> {
    let decoder = transfer_encoding::Decoder::new(TransferEncoding::Base64);
    let runs: Rc<[Range<u64>]> = Rc::new([run.clone()]);
    let decoded = Decoded::new(runs, Decoder::Transfer(decoder), |range, out| {
        let start = (run.start + range.start) as usize;
        let end = (run.start + range.end) as usize;
        out.extend_from_slice(&body[start..end]);
        Ok::<_, HostError>(())
    });
    Rc::new(decoded.unwrap())
}

impl Scene {
    /// A scene that shows all of its body as `shown`, without a preview.
    fn showing(body: &[u8], shown: Shown) -> Self {
        let mut request = reqmod();
        request.preview = None;
        let mut scene = Self::new(request.clone(), whole(body.len() as u64));
        *scene.host.body.borrow_mut() = body.to_vec();
        let pool = scene.submission.pool();
        scene.submission = Submission::new(unit(0), pool, Rc::new(request), shown, None);
        scene
    }
}

#[test]
fn a_part_is_sent_as_a_body_of_its_own() {
    let runs = Rc::new([2..4, 6..9]);
    assert_eq!(
        sent(b"0123456789", Shown::Runs(runs)),
        "5\r\n23678\r\n0\r\n\r\n"
    );
}

#[test]
fn a_content_is_sent_without_its_framing() {
    let content = Content::new(5);
    content.push(3..5);
    content.push(7..10);
    content.end();
    let shown = Shown::Content(Rc::new(content));
    assert_eq!(shown.announced(), Some(5));
    assert_eq!(sent(b"2xx01xx234xx", shown), "5\r\n01234\r\n0\r\n\r\n");
}

#[test]
fn an_encoded_part_is_sent_decoded() {
    let body = b"--x aGVsbG8= --x";
    let shown = Shown::Decoded(in_base64(body, 4..12));
    assert_eq!(shown.announced(), Some(5));
    assert_eq!(sent(body, shown), "5\r\nhello\r\n0\r\n\r\n");
}

/// A body in gzip that has arrived.
#[cfg(not(target_arch = "wasm32"))]
fn gzip(text: &[u8]) -> (Vec<u8>, Rc<crate::submission::Encoded>) {
    use crate::content_encoding::Coding;
    use crate::submission::Encoded;
    use std::io::Write;
    let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    coder.write_all(text).unwrap();
    let coded = coder.finish().unwrap();
    let encoded = Encoded::new(Coding::Gzip, None, &Budget::new(1 << 20)).unwrap();
    encoded.came(coded.len());
    encoded.says(text);
    encoded.end();
    (coded, Rc::new(encoded))
}

#[test]
#[cfg(not(target_arch = "wasm32"))]
fn a_coded_body_and_the_parts_in_it_are_sent_decoded() {
    let (coded, encoded) = gzip(b"--x aGVsbG8= --x");
    let whole = Shown::Within(Rc::clone(&encoded), Rc::new(Shown::Whole));
    assert_eq!(sent(&coded, whole), "10\r\n--x aGVsbG8= --x\r\n0\r\n\r\n");
    let runs = Shown::Runs(Rc::new([0..3, 13..16]));
    let runs = Shown::Within(Rc::clone(&encoded), Rc::new(runs));
    assert_eq!(sent(&coded, runs), "6\r\n--x--x\r\n0\r\n\r\n");
    let part = Shown::Decoded(in_base64(b"--x aGVsbG8= --x", 4..12));
    let part = Shown::Within(encoded, Rc::new(part));
    assert_eq!(sent(&coded, part), "5\r\nhello\r\n0\r\n\r\n");
}

#[test]
fn what_the_host_does_not_give_is_a_failure() {
    for shown in [
        Shown::Runs(Rc::new([0..2, 8..12])),
        Shown::Rest { from: 4, at: 4 },
        Shown::Rest { from: 0, at: 1 },
    ] {
        let mut scene = Scene::showing(BODY, shown.clone());
        assert!(matches!(scene.body(), Step::Pending));
        let token = scene.connect(SERVER);
        let step = scene.got(token);
        assert_eq!(failure(&step), (Cause::Internal, true), "{shown:?}");
    }
}
