//! Header blocks of parts: accepted and refused.

use super::*;
use crate::multipart::testing::{parts, read, refused, test, with_headers};

const NAMED: &str = "Content-Disposition: form-data; name=a\r\n";

fn lines(more: &str) -> Vec<u8> {
    with_headers(format!("{NAMED}{more}"))
}

#[test]
fn headers_of_a_part() {
    let read = parts(with_headers(
        "content-TYPE:  a/b; c=\"d\"\t \r\nX-Other: \u{e4}\r\nX:\r\n\
        Content-disposition:form-data; name=\"a\"; filename=\"f\"\r\ncontent-transfer-encoding: Binary\r\ncontent-length: 7\r\n",
    ));
    let [part] = read.as_slice() else {
        panic!("{read:?}");
    };
    assert_eq!(
        part.content_type.as_deref(),
        Some(b"a/b; c=\"d\"".as_slice())
    );
    assert_eq!(
        part.content_disposition,
        b"form-data; name=\"a\"; filename=\"f\""
    );
    assert_eq!(
        (part.name.as_str(), part.file_name.as_deref()),
        ("a", Some("f"))
    );
}

#[test]
fn transfer_encodings_that_change_nothing() {
    for encoding in ["7bit", "8bit", "binary", "BINARY"] {
        let line = format!("Content-Transfer-Encoding: {encoding}\r\n");
        assert_eq!(parts(lines(&line)).len(), 1);
    }
    for encoding in [
        "base64",
        "quoted-printable",
        "x-uue",
        "",
        "8bit, base64",
        "\"8bit\"",
    ] {
        let line = format!("Content-Transfer-Encoding: {encoding}\r\n");
        assert_eq!(refused(lines(&line)), Ambiguous::TransferEncoding);
    }
}

#[test]
fn broken_header_blocks() {
    use Ambiguous::*;
    for (block, expected) in [
        ("", NoContentDisposition),
        ("Content-Type: text/plain\r\n", NoContentDisposition),
        ("Content-Disposition : form-data; name=a\r\n", HeaderLine),
        ("Content-Disposition\r\n", HeaderLine),
        (": form-data; name=a\r\n", HeaderLine),
        ("Content Disposition: form-data; name=a\r\n", HeaderLine),
        (
            "Content-Disposition\u{e4}: form-data; name=a\r\n",
            HeaderLine,
        ),
        (
            "\u{feff}Content-Disposition: form-data; name=a\r\n",
            HeaderLine,
        ),
        (
            "Content-Disposition: form-data;\r\n name=a\r\n",
            FoldedHeader,
        ),
        (" Content-Disposition: form-data; name=a\r\n", FoldedHeader),
        ("\tContent-Disposition: form-data; name=a\r\n", FoldedHeader),
        ("Content-Disposition: form-data; name=a\n", BareLineFeed),
        (
            "Content-Disposition: form-data; name=a\nContent-Type: a/b\r\n",
            BareLineFeed,
        ),
        (
            "Content-Disposition: form-data; name=a\n\nx\r\n",
            BareLineFeed,
        ),
        (
            "Content-Disposition: form-data; name=a\r\r\n",
            HeaderCharacter,
        ),
        (
            "Content-Disposition: form-data; name=a\rContent-Type: a/b\r\n",
            HeaderCharacter,
        ),
        (
            "Content-Disposition: form-data; name=\"a\0b\"\r\n",
            HeaderCharacter,
        ),
        (
            "Content-Disposition: form-data; name=\"a\u{7f}\"\r\n",
            HeaderCharacter,
        ),
        (
            "Content-Disposition: form-data; name=\"a\"\u{b}\r\n",
            HeaderCharacter,
        ),
        (
            "X: \u{1b}\r\nContent-Disposition: form-data; name=a\r\n",
            HeaderCharacter,
        ),
        (
            "Content-Disposition: form-data; name=\"--X\"\r\n",
            NearlyDelimiter,
        ),
        (
            "X: --X\r\nContent-Disposition: form-data; name=a\r\n",
            NearlyDelimiter,
        ),
    ] {
        assert_eq!(refused(with_headers(block)), expected, "{block:?}");
    }
}

#[test]
fn headers_of_which_there_is_one() {
    for line in [
        "Content-Disposition: form-data; name=a\r\n",
        "content-type: text/plain\r\n",
        "Content-Transfer-Encoding: 8bit\r\n",
        "Content-Length: 7\r\n",
    ] {
        let twice = match line.starts_with("Content-Disposition") {
            true => lines(line),
            false => lines(&[line, line].concat()),
        };
        assert_eq!(refused(twice), Ambiguous::SecondHeader, "{line:?}");
    }
    assert_eq!(parts(lines("X: 1\r\nX: 2\r\n")).len(), 1);
}

#[test]
fn a_length_is_that_of_the_body() {
    for (length, right) in [
        ("7", true),
        ("007", true),
        ("6", false),
        ("8", false),
        ("", false),
        ("+7", false),
        ("7, 7", false),
        ("0x7", false),
        ("99999999999999999999", false),
    ] {
        let read = read(lines(&format!("Content-Length: {length}\r\n")));
        assert_eq!(
            read.err(),
            (!right).then_some(Ambiguous::PartLength),
            "{length:?}"
        );
    }
}

#[test]
fn a_part_is_no_multipart() {
    for (content_type, nested) in [
        ("multipart/mixed; boundary=y", true),
        ("Multipart/Mixed", true),
        ("text/plain, multipart/mixed", true),
        ("multipart/related; boundary=y", true),
        ("multipart/form-data; boundary=y", true),
        // A web archive, as Chromium sends it.
        ("multipart/related", false),
        ("message/rfc822", false),
    ] {
        let read = read(lines(&format!("Content-Type: {content_type}\r\n")));
        assert_eq!(
            read.err(),
            nested.then_some(Ambiguous::NestedMultipart),
            "{content_type:?}"
        );
    }
}

#[test]
fn a_header_block_has_at_most_16_kib() {
    let rest = "Content-Disposition: form-data; name=a\r\nX: \r\n\r\n".len();
    let block = |length: usize| lines(&format!("X: {}\r\n", "x".repeat(length - rest)));
    assert_eq!(parts(block(HEADER_BLOCK_BYTES)).len(), 1);
    assert_eq!(
        refused(block(HEADER_BLOCK_BYTES + 1)),
        Ambiguous::HeaderBlockTooLong
    );
    let endless = format!("--X\r\nX: {}", "x".repeat(HEADER_BLOCK_BYTES));
    assert_eq!(refused(endless), Ambiguous::HeaderBlockTooLong);
}
