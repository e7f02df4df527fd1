//! The fields of a message without those about its length, its coding, or the framing around its content.

use crate::host::Fields;

/// The field with the length of a body.
pub(super) const LENGTH: &str = "content-length";

/// The fields of a message without those about the length of its body.
pub(super) fn without_length(fields: &Fields) -> Fields {
    let mut kept = fields.clone();
    kept.retain(|name| {
        !name.eq_ignore_ascii_case(LENGTH.as_bytes())
            && !name.eq_ignore_ascii_case(b"transfer-encoding")
    });
    kept
}

/// The fields of a message without `Content-Encoding`.
pub(super) fn without_coding(fields: &Fields) -> Fields {
    let mut kept = fields.clone();
    kept.retain(|name| !name.eq_ignore_ascii_case(b"content-encoding"));
    kept
}

/// The fields of an upload without the framing. `length`: that of the content, in bytes.
pub(super) fn without_framing(fields: &Fields, length: u64) -> Fields {
    let mut bare = Fields::new();
    for (name, value) in fields.iter() {
        match name {
            b"content-length" | b"transfer-encoding" => {}
            b"content-encoding" => {
                let codings = value.split(|b| *b == b',').map(<[u8]>::trim_ascii);
                let others: Vec<&[u8]> = codings
                    .filter(|coding| !coding.eq_ignore_ascii_case(b"aws-chunked"))
                    .filter(|coding| !coding.is_empty())
                    .collect();
                if !others.is_empty() {
                    bare.push(name, others.join(&b", "[..]));
                }
            }
            _ => bare.push(name, value),
        }
    }
    bare.push(LENGTH, length.to_string());
    bare
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::rewrite::all;

    fn bare(encoding: &str) -> Option<String> {
        let fields = [
            ("content-encoding", encoding),
            ("content-length", "99"),
            ("x", "y"),
        ];
        let bare = without_framing(&fields.into_iter().collect(), 7);
        assert_eq!(all(&bare, "content-length").as_deref(), Some(&b"7"[..]));
        assert_eq!(all(&bare, "x").as_deref(), Some(&b"y"[..]));
        all(&bare, "content-encoding").map(|value| String::from_utf8(value.into_owned()).unwrap())
    }

    #[test]
    fn only_the_framing_is_taken_from_the_encodings() {
        for (encoding, left) in [
            ("aws-chunked", None),
            ("AWS-chunked,", None),
            ("aws-chunked,gzip", Some("gzip")),
            ("gzip , Aws-Chunked , br", Some("gzip, br")),
            ("gzip", Some("gzip")),
        ] {
            assert_eq!(bare(encoding).as_deref(), left, "{encoding}");
        }
    }

    #[test]
    fn a_length_is_left_out() {
        let names = ["a", "content-length", "Transfer-Encoding"];
        let fields = names.map(|name| (name, "1")).into_iter().collect();
        let kept = [("a", "1")].into_iter().collect();
        assert_eq!(without_length(&fields), kept);
    }
}
