//! Recognizes gRPC calls by their fields.

use super::rewrite::all;
use crate::host::Fields;

/// Whether these are the fields of a gRPC call. gRPC-Web has another framing.
pub(super) fn is_call(fields: &Fields) -> bool {
    let media_type = all(fields, "content-type").unwrap_or_default();
    let essence = media_type.split(|b| *b == b';').next().unwrap_or_default();
    let essence = essence.trim_ascii().to_ascii_lowercase();
    match essence.strip_prefix(b"application/grpc") {
        Some([]) => true,
        Some([b'+', kind @ ..]) => !kind.is_empty() && !kind.contains(&b','),
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
            "application/json",
        ] {
            assert!(!of(value), "{value}");
        }
    }
}
