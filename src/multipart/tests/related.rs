//! `multipart/related` and `multipart/mixed`.

use crate::multipart::testing::{Read, read_as, test};
use crate::multipart::{Ambiguous, Boundary, Kind, Part};
use crate::transfer_encoding::TransferEncoding;

fn related(body: &str) -> Read {
    read_as("multipart/related; boundary=X", body)
}

fn part(headers: &str) -> Result<Part, Ambiguous> {
    let body = format!("--X\r\n{headers}\r\nbody\r\n--X--\r\n");
    let mixed = read_as("multipart/mixed; boundary=X", &body);
    assert_eq!(related(&body), mixed);
    let (mut parts, _) = mixed?;
    Ok(parts.remove(0))
}

#[test]
fn boundaries() {
    for (content_type, expected) in [
        // Google Drive, SOAP with attachments, a batch.
        (
            "multipart/related; boundary=\"===============1153==\"",
            Some((Kind::Related, "===============1153==")),
        ),
        (
            "Multipart/Related; boundary=\"uuid:7c1a\"; type=\"application/xop+xml\"; start=\"<root@a>\"; start-info=\"text/xml\"",
            Some((Kind::Related, "uuid:7c1a")),
        ),
        (
            "multipart/mixed; boundary=batch_a",
            Some((Kind::Mixed, "batch_a")),
        ),
        ("multipart/form-data; boundary=a", None),
        ("multipart/alternative; boundary=a", None),
        ("text/plain", None),
    ] {
        let found = Boundary::of_related(content_type.as_bytes()).unwrap();
        let found = found
            .as_ref()
            .map(|b| (b.kind(), std::str::from_utf8(b.as_bytes()).unwrap()));
        assert_eq!(found, expected, "{content_type:?}");
    }
    for (content_type, expected) in [
        ("multipart/related", Ambiguous::NoBoundary),
        (
            "multipart/mixed; boundary=a; boundary=b",
            Ambiguous::SecondBoundary,
        ),
        ("multipart/mixedx; boundary=a", Ambiguous::MediaType),
        (
            "text/plain, multipart/related; boundary=a",
            Ambiguous::MediaType,
        ),
        (
            "multipart/related; type=text/xml; boundary=a",
            Ambiguous::MediaTypeParameters,
        ),
    ] {
        assert_eq!(
            Boundary::of_related(content_type.as_bytes()),
            Err(expected),
            "{content_type:?}"
        );
    }
}

#[test]
fn names_are_optional() {
    for (headers, name, file_name) in [
        ("", "", None),
        ("Content-Type: application/json\r\n", "", None),
        ("Content-ID: <root@a>\r\n", "root@a", None),
        ("Content-ID: root\r\n", "root", None),
        (
            "Content-ID: <b>\r\nContent-Disposition: attachment; name=a; filename=\"c.pdf\"\r\n",
            "a",
            Some("c.pdf"),
        ),
        (
            "Content-Disposition: inline\r\nContent-ID: <b>\r\n",
            "b",
            None,
        ),
        (
            "Content-Disposition: attachment; filename*=utf-8''%C3%A4\r\n",
            "",
            Some("\u{e4}"),
        ),
    ] {
        let part = part(headers).unwrap();
        assert_eq!(
            (part.name.as_str(), part.file_name.as_deref()),
            (name, file_name),
            "{headers:?}"
        );
    }
}

#[test]
fn encodings_of_parts_are_reported() {
    for (encoding, expected) in [
        ("8bit", TransferEncoding::Identity),
        ("Base64", TransferEncoding::Base64),
        ("QUOTED-PRINTABLE", TransferEncoding::QuotedPrintable),
    ] {
        let part = part(&format!("Content-Transfer-Encoding: {encoding}\r\n")).unwrap();
        assert_eq!(
            (part.encoding, part.is_file()),
            (expected, encoding != "8bit")
        );
    }
}

#[test]
fn ambiguous_values() {
    use Ambiguous::*;
    for (headers, expected) in [
        (
            "Content-Transfer-Encoding: x-uuencode\r\n",
            TransferEncoding,
        ),
        (
            "Content-Transfer-Encoding: base64, 8bit\r\n",
            TransferEncoding,
        ),
        (
            "Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: base64\r\n",
            SecondHeader,
        ),
        ("Content-ID: a\r\nContent-ID: b\r\n", SecondHeader),
        (
            "Content-Disposition: attachment, inline\r\n",
            DispositionType,
        ),
        ("Content-Disposition:\r\n", DispositionType),
        (
            "Content-Disposition: attachment; filename=a; filename*=utf-8''b\r\n",
            FileNamesDiffer,
        ),
        (
            "Content-Type: multipart/mixed; boundary=y\r\n",
            NestedMultipart,
        ),
        (
            "Content-Type: multipart/alternative; boundary=y\r\n",
            NestedMultipart,
        ),
        (
            "Content-Type: text/xml;\r\n charset=utf-8\r\n",
            FoldedHeader,
        ),
        ("Content-Length: 5\r\n", PartLength),
    ] {
        assert_eq!(part(headers), Err(expected), "{headers:?}");
    }
    assert_eq!(related("--X\n\nbody\n--X--\n"), Err(NearlyDelimiter));
}
