//! Shows an upload as a download, for servers that scan responses only.
//!
//! The server sees the response to a GET of the same URL, with the upload's body and the fields that describe it.

use super::rewrite::find;
use crate::host::Fields;
use crate::icap::{EncodeError, encode_request_head, encode_response_head};

/// The fields of an upload that the response gets.
const OF_CONTENT: [&str; 6] = [
    "content-type",
    "content-length",
    "content-disposition",
    "content-encoding",
    "content-language",
    // Decides whether the length counts; the server does not see it.
    "transfer-encoding",
];

/// The heads of the GET and of its response, for the ICAP request.
///
/// # Errors
/// The upload's fields can't be encoded.
pub(super) fn as_download(upload: &Fields) -> Result<(Vec<u8>, Vec<u8>), EncodeError> {
    let mut request = Fields::new();
    for (name, value) in upload.iter() {
        match name {
            b":method" => request.push(name, "GET"),
            name if name.starts_with(b"content-") => {}
            _ => request.push(name, value),
        }
    }
    let is_of_content = |name: &[u8]| OF_CONTENT.iter().any(|of| of.as_bytes() == name);
    let mut response = Fields::new();
    response.push(":status", "200");
    response.extend(upload.iter().filter(|(name, _)| is_of_content(name)));
    Ok((
        encode_request_head(&request)?,
        encode_response_head(&response)?,
    ))
}

/// The fields of an upload whose body the server has changed: its own, with the new length in bytes. `encoding`: the new body's
/// `Content-Encoding`.
///
/// # Errors
/// The new body's encoding differs from that in the upload's fields, of which only the length may change.
pub(super) fn with_new_body(
    upload: &Fields,
    encoding: Option<&[u8]>,
    length: Option<u64>,
) -> Result<Fields, &'static str> {
    let before = find(upload, "content-encoding").map(<[u8]>::trim_ascii);
    let same = match (before, encoding.map(<[u8]>::trim_ascii)) {
        (Some(before), Some(after)) => before.eq_ignore_ascii_case(after),
        (None, Some(after)) => after.eq_ignore_ascii_case(b"identity"),
        (before, None) => before.is_none(),
    };
    if !same {
        return Err("the server changed the content-encoding, which an upload can't take over");
    }
    let Some(length) = length else {
        return Ok(upload.clone());
    };
    let framing = |name: &[u8]| name == b"content-length" || name == b"transfer-encoding";
    let mut fields = upload.clone();
    fields.retain(|name| !framing(name));
    fields.push("content-length", length.to_string());
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&str, &str)]) -> Fields {
        fields.iter().copied().collect()
    }

    fn upload(more: &[(&str, &str)]) -> Fields {
        let own = [
            (":method", "PUT"),
            (":path", "/a/report.pdf?x=1"),
            (":authority", "app.test"),
            (":scheme", "https"),
            ("authorization", "Bearer t"),
            ("content-type", "application/pdf"),
            ("content-disposition", "attachment; filename=r.pdf"),
            ("content-md5", "Q2hlY2s="),
            ("expect", "100-continue"),
        ];
        fields(&[&own[..], more].concat())
    }

    #[test]
    fn an_upload_is_shown_as_the_response_to_a_get_of_its_url() {
        let (request, response) = as_download(&upload(&[("content-length", "7")])).unwrap();
        assert_eq!(
            String::from_utf8(request).unwrap(),
            "GET /a/report.pdf?x=1 HTTP/1.1\r\nHost: app.test\r\nauthorization: Bearer t\r\n\r\n"
        );
        assert_eq!(
            String::from_utf8(response).unwrap(),
            "HTTP/1.1 200 OK\r\ncontent-type: application/pdf\r\n\
             content-disposition: attachment; filename=r.pdf\r\ncontent-length: 7\r\n\r\n"
        );
    }

    #[test]
    fn a_length_beside_chunks_is_none() {
        let more = [("content-length", "7"), ("transfer-encoding", "chunked")];
        let (_, response) = as_download(&upload(&more)).unwrap();
        let response = String::from_utf8(response).unwrap();
        assert!(!response.contains("length"), "{response}");
        assert!(!response.contains("chunked"), "{response}");
    }

    #[test]
    fn what_has_no_form_is_refused() {
        assert!(as_download(&upload(&[("x\"y", "z")])).is_err());
        assert!(as_download(&fields(&[(":method", "PUT")])).is_err());
    }

    #[test]
    fn a_changed_upload_has_its_own_head_and_the_new_length() {
        for before in ["content-length", "transfer-encoding"] {
            let original = upload(&[(before, "7")]);
            let changed = with_new_body(&original, None, Some(12)).unwrap();
            let mut expected = upload(&[]);
            expected.push("content-length", "12");
            assert_eq!(changed, expected);
            assert_eq!(with_new_body(&original, None, None).unwrap(), original);
        }
    }

    #[test]
    fn a_body_in_another_encoding_takes_no_place() {
        let plain = upload(&[]);
        let zipped = upload(&[("content-encoding", "gzip")]);
        for (original, encoding, fits) in [
            (&plain, None, true),
            (&plain, Some("identity"), true),
            (&plain, Some("gzip"), false),
            (&zipped, Some(" GZIP"), true),
            (&zipped, None, false),
            (&zipped, Some("br"), false),
        ] {
            let changed = with_new_body(original, encoding.map(str::as_bytes), Some(1));
            assert_eq!(changed.is_ok(), fits, "{encoding:?}");
        }
    }
}
