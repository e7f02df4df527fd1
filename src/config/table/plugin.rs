//! The plugin configuration itself.

use super::super::attribute::{Absent, Attribute, Kind, Section};
use super::{PROFILE, RULE};

pub(in super::super) static PLUGIN: Section = Section::new(
    "",
    "The plugin configuration is one JSON object, given to the Wasm filter as a `google.protobuf.Struct` or as a \
     `google.protobuf.StringValue` that holds the JSON text. The transport role takes `role` and nothing else.",
    &[
        Attribute::new(
            "role",
            Kind::Choice(&["filter", "transport"]),
            Absent::Text("filter"),
            "`filter`: the HTTP filter that has requests scanned. `transport`: the upstream filter of the cluster \
             that leads to the ICAP servers; it needs a `vm_id` of its own.",
        ),
        Attribute::new(
            "profiles",
            Kind::Objects {
                section: &PROFILE,
                min: 1,
                max: 100,
            },
            Absent::Required,
            "The ICAP services and how requests are shown to them. Names are unique. Required for the filter role.",
        ),
        Attribute::new(
            "rules",
            Kind::Objects {
                section: &RULE,
                min: 0,
                max: 1000,
            },
            Absent::Words("every request goes to the first profile"),
            "The HTTP security policy; the first rule that matches decides. Where none matches, the request is not \
             scanned (`ICAP_DISABLED`). Names are unique.",
        ),
        Attribute::new(
            "expose",
            Kind::Object(&EXPOSE),
            Absent::Words("all `false`"),
            "Headers that tell the outcome to client or application.",
        ),
        Attribute::new(
            "redact_headers",
            Kind::HeaderNames,
            Absent::Words("`[]`"),
            "Further headers whose values icap_log shows as `***`, beside `authorization`, `proxy-authorization`, \
             `cookie`, `set-cookie` and `x-authenticated-user`.",
        ),
        Attribute::new(
            "icap_log",
            Kind::Object(&ICAP_LOG),
            Absent::Words("text alone"),
            "In which forms icap_log is there for the access log.",
        ),
        Attribute::new(
            "memory_budget_mb",
            Kind::Integer {
                min: 16,
                max: 512,
                unit: "MiB",
            },
            Absent::Integer(256),
            "How much of the ICAP servers' answers a worker may hold at a time. Past it a message fails with the cause \
             `overload`, and is never forwarded. A worker's virtual machine ends at about 1 GiB.",
        ),
        Attribute::new(
            "chained",
            Kind::Bool,
            Absent::Bool(false),
            "Other filters of ours stand in the same chain, such as one for DLP behind one for antivirus. Each entry of \
             `request_logs` has its `profile`, and each filter keeps the entries of the others' profiles: write it into all of \
             them, and no name of a profile twice. See [chains](chain.md).",
        ),
    ],
);

pub(in super::super) static EXPOSE: Section = Section::new(
    "expose",
    "The headers are `x-icap-action` (such as `ICAP_PASSED`) and `x-icap-threat` (where there is one). Where `enforcement` is `monitor` an \
     outcome that changes anything reads `ICAP_BLOCKED; enforced=false`. Headers of these names that come from a client are removed in any \
     case, those that come from an application where `client` is on.",
    &[
        Attribute::new(
            "client",
            Kind::Bool,
            Absent::Bool(false),
            "Add them to the response that the client gets.",
        ),
        Attribute::new(
            "application",
            Kind::Bool,
            Absent::Bool(false),
            "Add them to the request that the application gets.",
        ),
    ],
);

pub(in super::super) static ICAP_LOG: Section = Section::new(
    "icap_log",
    "Switch on what the access log prints, see [envoy/access-log.md](../envoy/access-log.md): each form costs time for each \
     request. With both `false` there is the outcome alone, as `wasm.icap_action`.",
    &[
        Attribute::new(
            "text",
            Kind::Bool,
            Absent::Bool(true),
            "Set the filter state `wasm.icap_log`: JSON text, for a `text_format_source`.",
        ),
        Attribute::new(
            "struct",
            Kind::Bool,
            Absent::Bool(false),
            "Set the filter state `wasm.icap_log_struct`: a protobuf `Struct`, for a `json_format`.",
        ),
    ],
);
