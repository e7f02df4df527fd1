//! Recognizes gRPC calls by their fields.

use super::rewrite::{all, find};
use crate::host::Fields;

/// Whether these are the fields of a gRPC call. gRPC-Web has another framing, and who reads two types, or a coded body, may see something
/// else than messages.
pub(super) fn is_call(fields: &Fields) -> bool {
    let media_type = all(fields, "content-type").unwrap_or_default();
    let coding = all(fields, "content-encoding").unwrap_or_default();
    let is_coded = !coding.is_empty() && !coding.trim_ascii().eq_ignore_ascii_case(b"identity");
    // A response has no method.
    let is_post = find(fields, ":method").is_none_or(|method| method == b"POST");
    if is_coded || !is_post || media_type.contains(&b',') {
        return false;
    }
    let essence = media_type.split(|b| *b == b';').next().unwrap_or_default();
    let essence = essence.trim_ascii().to_ascii_lowercase();
    match essence.strip_prefix(b"application/grpc") {
        Some([]) => true,
        Some([b'+', kind @ ..]) => !kind.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_known_by_its_type() {
        let of = |value: &str| is_call(&Fields::from_iter([("content-type", value)]));
        for value in [
            "application/grpc",
            "application/grpc+proto",
            "Application/GRPC+json; charset=utf-8",
            " application/grpc ;x",
        ] {
            assert!(of(value), "{value}");
        }
        for value in [
            "",
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/grpc-web-text",
            "application/grpc+",
            "application/grpcx",
            "application/grpc, text/plain",
            "application/grpc+proto, text/plain",
            "application/grpc; x=y, text/plain",
            "application/json",
        ] {
            assert!(!of(value), "{value}");
        }
    }

    #[test]
    fn what_may_be_read_in_another_way_is_no_call() {
        let of = |also: &[(&str, &str)]| {
            let mut fields = Fields::from_iter([("content-type", "application/grpc")]);
            also.iter()
                .for_each(|(name, value)| fields.push(name, *value));
            is_call(&fields)
        };
        assert!(of(&[
            (":method", "POST"),
            ("content-encoding", " Identity")
        ]));
        for also in [
            &[(":method", "GET")][..],
            &[(":method", "PUT")],
            &[("content-encoding", "gzip")],
            &[
                ("content-encoding", "identity"),
                ("content-encoding", "gzip"),
            ],
            &[("content-type", "text/plain")],
        ] {
            assert!(!of(also), "{also:?}");
        }
    }
}
