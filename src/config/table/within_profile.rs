//! The objects in `profiles[]`.

use super::super::attribute::{Absent, Attribute, Kind, Section};
use super::rule::{CONTAINS, EXACT, IGNORE_CASE, INVERT, PREFIX, REGEX, SUFFIX};
use super::{FAIL_ACTIONS, integer};

pub(in super::super) static ANSWER_HEADER: Section = Section::new(
    "header of an answer",
    "At most one of `exact`, `prefix`, `suffix`, `contains`, `regex`. None of them: as the bare name.",
    &[
        Attribute::new(
            "name",
            Kind::HeaderName,
            Absent::Required,
            "The header. Case is ignored.",
        ),
        EXACT,
        PREFIX,
        SUFFIX,
        CONTAINS,
        REGEX,
        IGNORE_CASE,
        INVERT,
    ],
);

pub(in super::super) static FAIL_ACTION_BY_CAUSE: Section = Section::new(
    "profiles[].fail_action_by_cause",
    "Each is `fail_closed` or `fail_open`, and without value is as `fail_action`. A body that is too large is no such \
     cause: see `large_upload_fail_action`. Nor is `bad_request`, what the client sent and no scanner can be shown: it always \
     gets 400, but where `enforcement` is `monitor`.",
    &[
        cause("connection", "No connection, or the connection was lost."),
        cause("timeout", "`response_timeout_ms` is over."),
        cause("protocol", "The server's answer could not be read."),
        cause("server_error", "ICAP 4xx or 5xx that is no verdict."),
        cause("overload", "Too many requests wait for a connection."),
        cause("internal", "A fault of the filter or of Envoy's buffers."),
        Attribute::new(
            "unscannable",
            Kind::Choice(FAIL_ACTIONS),
            Absent::Text("fail_closed"),
            "The server says that it can't look into this content (an encrypted or too deep archive, too many files): blocked \
             with 403, whatever `fail_action` says.",
        ),
    ],
)
.refusing(&[
    (
        "bad_request",
        "nothing: such a request always gets 400, for what a client sends must not decide whether it is scanned",
    ),
    ("oversize", "large_upload_fail_action, beside fail_action"),
]);

const fn cause(name: &'static str, effect: &'static str) -> Attribute {
    Attribute::new(
        name,
        Kind::Choice(FAIL_ACTIONS),
        Absent::Words("as `fail_action`"),
        effect,
    )
}

pub(in super::super) static AUTHORIZATION: Section = Section::new(
    "profiles[].authorization",
    "Exactly one of the two.",
    &[
        Attribute::new(
            "basic",
            Kind::Object(&BASIC),
            Absent::Nothing,
            "User name and password (RFC 7617).",
        ),
        Attribute::new(
            "bearer",
            Kind::Secret { max: 8192 },
            Absent::Nothing,
            "A token (RFC 6750).",
        ),
    ],
);

pub(in super::super) static BASIC: Section = Section::new(
    "profiles[].authorization.basic",
    "",
    &[
        Attribute::new(
            "username",
            Kind::Secret { max: 1024 },
            Absent::Required,
            "Without a colon.",
        ),
        Attribute::new(
            "password",
            Kind::Secret { max: 1024 },
            Absent::Required,
            "The password.",
        ),
    ],
);

pub(in super::super) static OPTIONS: Section = Section::new(
    "profiles[].options",
    "",
    &[
        Attribute::new(
            "enabled",
            Kind::Bool,
            Absent::Bool(true),
            "Ask the server what it can do before the first request and when that knowledge is out of date.",
        ),
        Attribute::new(
            "default_ttl_s",
            integer(1, 86_400, "s"),
            Absent::Integer(3600),
            "How long an answer without `Options-TTL` holds.",
        ),
    ],
);

pub(in super::super) static SELF_TEST: Section = Section::new(
    "profiles[].self_test",
    "Each worker tests for itself. A test that is not blocked is logged and counted as `selftest_failed`; one that gets no \
     verdict at all says nothing and is tried again.",
    &[
        Attribute::new(
            "enabled",
            Kind::Bool,
            Absent::Bool(false),
            "Test at the start and every `interval_minutes`.",
        ),
        Attribute::new(
            "interval_minutes",
            integer(1, 10_080, "min"),
            Absent::Integer(60),
            "The time between two tests.",
        ),
        Attribute::new(
            "fail_profile",
            Kind::Bool,
            Absent::Bool(false),
            "After a failed test let every request of the profile fail with the cause `server_error`, until a test \
             succeeds.",
        ),
    ],
);
