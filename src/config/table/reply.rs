//! What clients get in the application's stead: the objects of `profiles[]` about answers.

use super::super::attribute::{Absent, Attribute, Kind, Section};

const fn status(default: u64, effect: &'static str) -> Attribute {
    Attribute::new(
        "status",
        Kind::Integer {
            min: 400,
            max: 599,
            unit: "",
        },
        Absent::Integer(default),
        effect,
    )
}

const fn content_type(default: &'static str) -> Attribute {
    Attribute::new(
        "content_type",
        Kind::Text { max: 256 },
        Absent::Text(default),
        "`content-type` of `body`.",
    )
}

const fn body(default: &'static str) -> Attribute {
    Attribute::new(
        "body",
        Kind::Page { max: 65_536 },
        Absent::Text(default),
        "The page. `%THREAT%` is what was found, `%REASON%` what the server or the filter says of it, `%REQUEST_ID%` the request's \
         `x-request-id`, which access logs have too; `-` where there is none. They are escaped as `content_type` needs it, \
         which has to be HTML, XML, JSON or plain text where there are any. The first two may name the scanner and its \
         state: leave them out of a page for strangers.",
    )
}

pub(in super::super) static BLOCK_RESPONSE: Section = Section::new(
    "profiles[].block_response",
    "A gRPC call gets status 7 (PERMISSION_DENIED) and a short message in place of any page.",
    &[
        Attribute::new(
            "use_server_response",
            Kind::Bool,
            Absent::Bool(true),
            "Give the client the response that the ICAP server sent, where it sent one. It may name the server's service and \
             version, as c-icap's does.",
        ),
        Attribute::new(
            "keep_server_status",
            Kind::Bool,
            Absent::Bool(true),
            "Leave that response its status. `false`: it gets `status`, for servers that block with 200.",
        ),
        status(403, "HTTP status otherwise."),
        content_type("text/html"),
        body(
            "<!doctype html><title>Blocked</title><p>This request was blocked by the content scanner.</p>",
        ),
    ],
);

pub(in super::super) static TOO_LARGE_RESPONSE: Section = Section::new(
    "profiles[].too_large_response",
    "A gRPC call gets status 8 (RESOURCE_EXHAUSTED) and a short message.",
    &[
        status(413, "HTTP status."),
        content_type("text/plain"),
        body("The content is too large to be scanned.\n"),
    ],
);

pub(in super::super) static FAIL_RESPONSE: Section = Section::new(
    "profiles[].fail_response",
    "Also for a response that is larger than its buffer. A gRPC call gets status 14 (UNAVAILABLE), for a fault of the filter or of \
     Envoy 13 (INTERNAL), and a short message.",
    &[
        status(503, "HTTP status."),
        content_type("text/plain"),
        body("The content could not be scanned.\n"),
        Attribute::new(
            "retry_after_s",
            Kind::Integer {
                min: 0,
                max: 86_400,
                unit: "s",
            },
            Absent::Integer(5),
            "`Retry-After`, which tells clients when to try again; 0: none. Not sent where that is of no use: for a response that is \
             too large, and with the cause `internal`.",
        ),
    ],
);

pub(in super::super) static BAD_REQUEST_RESPONSE: Section = Section::new(
    "profiles[].bad_request_response",
    "A gRPC call gets status 3 (INVALID_ARGUMENT) and a short message.",
    &[
        status(400, "HTTP status."),
        content_type("text/plain"),
        body("The request can't be scanned.\n"),
    ],
);
