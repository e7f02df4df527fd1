//! `profiles[]`.

use super::super::attribute::{Absent, Attribute, Kind, Section};
use super::reply::{BAD_REQUEST_RESPONSE, BLOCK_RESPONSE, FAIL_RESPONSE, TOO_LARGE_RESPONSE};
use super::rule::ENFORCEMENTS;
use super::within_profile::{
    ANSWER_HEADER, AUTHORIZATION, FAIL_ACTION_BY_CAUSE, OPTIONS, SELF_TEST,
};
use super::{FAIL_ACTIONS, LARGE_BODY_ACTIONS, NAME_BYTES, integer};

/// What `extract` may name.
pub(in crate::config) const EXTRACTORS: &[&str] =
    &["json_base64", "data_url", "urlencoded", "grpc_bytes"];

pub(in super::super) static PROFILE: Section = Section::new(
    "profiles[]",
    "One ICAP service, the pool of servers behind it, and how requests are shown to it.",
    &[
        Attribute::new(
            "name",
            Kind::Text { max: NAME_BYTES },
            Absent::Required,
            "Unique. Rules, route metadata, logs and statistics call the profile by it.",
        )
        .avi("name"),
        Attribute::new(
            "cluster",
            Kind::Text { max: 512 },
            Absent::Required,
            "The Envoy cluster of the ICAP servers: load balancing, health checks and TLS are set there.",
        )
        .avi("pool_group_ref"),
        Attribute::new(
            "service_url",
            Kind::ServiceUrl,
            Absent::Required,
            "The service that requests are sent to (REQMOD). With only a path and query, the authority is the cluster's \
             name. No port is added. `icaps` is for the request line only: TLS is the cluster's transport socket.",
        )
        .avi("service_uri"),
        Attribute::new(
            "response_service_url",
            Kind::ServiceUrl,
            Absent::Words("responses are not scanned"),
            "The service that responses are sent to (RESPMOD). Its host is the one of `service_url`, unless there is a \
             `response_cluster`: with only a path, the authority is the name of the cluster that it is sent to.",
        ),
        Attribute::new(
            "response_cluster",
            Kind::Text { max: 512 },
            Absent::Words("as `cluster`"),
            "Another Envoy cluster for responses, with OPTIONS, connections, limits and self-test of its own; only with \
             `response_service_url`.",
        ),
        Attribute::new(
            "scan_requests_as",
            Kind::Choice(&["reqmod", "respmod"]),
            Absent::Words("as the product of `vendor` wants: [ICAP servers](icap-servers.md)"),
            "How an upload is shown. `reqmod`: as the request that it is. `respmod`: as the response to a GET of its URL, with its \
             type, length, disposition and encoding, for servers that have RESPMOD alone. Then a 204 or the same body passes; another body \
             takes the place of the upload's, whose head stays its own but for the length; another status than 200, an HTML page in \
             the place of another type, or a verdict header blocks. A request without body is not scanned (`ICAP_DISABLED`).",
        ),
        Attribute::new(
            "vendor",
            Kind::Product,
            Absent::Text("generic"),
            "The product behind the service: what its answers mean beside the headers that all have, and what it must not get. \
             [ICAP servers](icap-servers.md) says what each name and alias stands for. Logged as it is written here.",
        )
        .avi("vendor"),
        Attribute::new(
            "pool_name",
            Kind::Text { max: 512 },
            Absent::Words("the cluster's name"),
            "Name of the pool in icap_log.",
        ),
        Attribute::new(
            "pool_uuid",
            Kind::Text { max: 512 },
            Absent::Nothing,
            "UUID of the pool in icap_log.",
        ),
        Attribute::new(
            "request_buffer_size_kb",
            integer(1, 1_048_576, "KiB"),
            Absent::Integer(51_200),
            "The largest request body that is scanned. A larger one is handled as `large_upload_fail_action` says. \
             The listener's `per_connection_buffer_limit_bytes` must be larger, and for HTTP/2 its \
             `initial_stream_window_size`: past these Envoy itself answers 413.",
        )
        .avi("buffer_size"),
        Attribute::new(
            "response_buffer_size_kb",
            integer(1, 1_048_576, "KiB"),
            Absent::Integer(51_200),
            "The largest response body that is scanned, and the largest body that is taken from the ICAP server.",
        ),
        Attribute::new(
            "enable_preview",
            Kind::Bool,
            Absent::Bool(true),
            "Send the start of the body first, the rest only when the server asks for it.",
        )
        .avi("enable_preview"),
        Attribute::new(
            "preview_size_bytes",
            integer(0, 65_536, "bytes"),
            Absent::Integer(5000),
            "Length of that start. The server's OPTIONS may lower it. 0: only the headers. A server whose OPTIONS names no preview gets none, unless this or `enable_preview` is written.",
        )
        .avi("preview_size"),
        Attribute::new(
            "allow_204",
            Kind::Bool,
            Absent::Bool(true),
            "Let the server answer \"unchanged\" (204) to a body that it has read past the preview.",
        )
        .avi("allow_204"),
        Attribute::new(
            "response_timeout_ms",
            integer(50, 3_600_000, "ms"),
            Absent::Integer(60_000),
            "The total time per request in which the server, and not the client's upload, is waited for.",
        )
        .avi("response_timeout"),
        Attribute::new(
            "body_progress_timeout_ms",
            integer(0, 3_600_000, "ms"),
            Absent::Integer(60_000),
            "A held message whose body makes no progress for so long fails with the cause `timeout`. 0: the body is waited \
             for without end.",
        ),
        Attribute::new(
            "upload_preempt_ms",
            integer(0, 3_600_000, "ms"),
            Absent::Integer(200),
            "How long others wait for a connection, all being in use, before one is taken from a message whose body comes slowly and \
             whose scan waits for nothing else. That scan starts anew once the body is there in whole; at most once for each. \
             0: connections are kept.",
        ),
        Attribute::new(
            "slow_response_warning_threshold_ms",
            integer(50, 3_600_000, "ms"),
            Absent::Integer(10_000),
            "From where on a scan is logged as slow (`ADF_ICAP_SERVER_HIGH_RESPONSE_TIME`).",
        )
        .avi("slow_response_warning_threshold"),
        Attribute::new(
            "fail_action",
            Kind::Choice(FAIL_ACTIONS),
            Absent::Text("fail_closed"),
            "What happens to a request whose scan failed: `fail_closed` answers 503, `fail_open` forwards it unscanned.",
        )
        .avi("fail_action"),
        Attribute::new(
            "fail_action_by_cause",
            Kind::Object(&FAIL_ACTION_BY_CAUSE),
            Absent::Words("`{}`"),
            "Another action for some causes.",
        ),
        Attribute::new(
            "large_upload_fail_action",
            Kind::Choice(LARGE_BODY_ACTIONS),
            Absent::Text("fail_closed"),
            "What happens to a request whose body is larger than the buffer: `fail_closed` answers 413, `fail_open` \
             forwards it unscanned. `stream` scans it while it passes: what the server gives back goes on, while the rest still \
             comes. A server that gives nothing back before it has the whole body, as most antivirus does, ends such an upload with \
             413. The application sees the beginning of an upload that is blocked later, and never its end. See \
             [large bodies](operations.md#bodies-larger-than-the-buffer).",
        )
        .avi("buffer_size_exceed_action"),
        Attribute::new(
            "large_download_fail_action",
            Kind::Choice(LARGE_BODY_ACTIONS),
            Absent::Words("as `large_upload_fail_action`; beside `stream`: `fail_closed`"),
            "The same for a response whose body is larger than `response_buffer_size_kb`. `stream`: the client sees the beginning of \
             a download that is blocked later, which then breaks off.",
        ),
        Attribute::new(
            "enforcement",
            Kind::Choice(ENFORCEMENTS),
            Absent::Text("enforce"),
            "`monitor`: everything is scanned, logged (`\"enforced\": false` beside the `action` that it would have had) and \
             counted (`would_block`, `would_modify`, `would_fail`), and every message goes on as it came, whatever the scan, \
             `fail_action` or the size of its body says. A rule may say otherwise for itself. See \
             [operations](operations.md#from-monitoring-to-enforcing).",
        ),
        Attribute::new(
            "max_connections",
            integer(1, 4096, ""),
            Absent::Integer(32),
            "Connections per worker. The server's Max-Connections may lower it.",
        ),
        Attribute::new(
            "quarantine",
            Kind::Bool,
            Absent::Bool(false),
            "A connection rests for a turn of Envoy's loop, some milliseconds, after each answer: if the server sends more behind it, the \
             connection is closed, and what came late is nobody's verdict. For servers that are known to do that: without a kept \
             connection at hand another is opened, up to `max_connections`.",
        ),
        Attribute::new(
            "max_pending",
            integer(0, 65_536, ""),
            Absent::Integer(1024),
            "Requests per worker that may wait for a connection; one more fails with the cause `overload`.",
        ),
        Attribute::new(
            "connection_idle_timeout_ms",
            integer(100, 3_600_000, "ms"),
            Absent::Integer(30_000),
            "How long a connection is kept without a request. Most ICAP servers give a thread to each.",
        ),
        Attribute::new(
            "max_requests_per_connection",
            integer(1, 1_000_000, ""),
            Absent::Integer(1000),
            "After so many requests a connection is closed.",
        ),
        Attribute::new(
            "max_connection_age_ms",
            integer(1_000, 86_400_000, "ms"),
            Absent::Integer(600_000),
            "A connection that is older is closed after its request. So servers that were added get their share.",
        ),
        Attribute::new(
            "client_ip_source",
            Kind::Choice(&["downstream", "peer"]),
            Absent::Text("downstream"),
            "Which address the rule criterion `client_ip` and `X-Client-IP` take. `downstream`: the one that Envoy trusts. Where \
             the connection manager has `use_remote_address: false` (Envoy's default, and Istio's inbound listeners), that is \
             what `X-Forwarded-For` says, which a client can write. `peer`: the address of the connection itself, never one \
             from a header. Envoy tells it only by filter state: put `envoy.filters.http.set_filter_state` before this filter, \
             with `object_key: icap_filter.peer`, `factory_key: envoy.string` and the format \
             `%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%`. Without that the address is not known where Envoy took its own \
             from a header: then `X-Client-IP` is not sent, rules that scan match, rules that do not scan do not, and the log \
             says so. A rule without profile goes by `peer` if any profile does.",
        ),
        Attribute::new(
            "send_client_ip",
            Kind::Switch,
            Absent::Bool(true),
            "Send `X-Client-IP`, the address that `client_ip_source` names. `\"auto\"`: when the server's OPTIONS names it \
             in `X-Include`.",
        ),
        Attribute::new(
            "send_server_ip",
            Kind::Switch,
            Absent::Bool(false),
            "Send `X-Server-IP`, likewise.",
        ),
        Attribute::new(
            "authenticated_user_header",
            Kind::HeaderName,
            Absent::Nothing,
            "The request header whose value is sent as `X-Authenticated-User`, in base64. Only a header that Envoy \
             itself sets or removes can be trusted.",
        ),
        Attribute::new(
            "authenticated_user_scheme",
            Kind::Page { max: 64 },
            Absent::Words("`\"Local\"`, and none with `plain`"),
            "What stands before `://` in that value: letters, digits, `+`, `-`, `.`. Empty: the value has no scheme.",
        ),
        Attribute::new(
            "authenticated_user_encoding",
            Kind::Choice(&["base64", "plain"]),
            Absent::Text("base64"),
            "How that value is written: `base64` of scheme and name, or the name in `plain` text.",
        ),
        Attribute::new(
            "authenticated_user_icap_header",
            Kind::HeaderName,
            Absent::Text("X-Authenticated-User"),
            "The ICAP header that has it, such as `X-Client-Username`.",
        ),
        Attribute::new(
            "authorization",
            Kind::Object(&AUTHORIZATION),
            Absent::Nothing,
            "Credentials for the ICAP server. Never logged.",
        ),
        Attribute::new(
            "icap_headers",
            Kind::HeaderMap,
            Absent::Words("`{}`"),
            "Further headers of each ICAP request. A value may have Envoy's operators `%REQ(name)%`, `%PATH%`, \
             `%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%`, `%DOWNSTREAM_PEER_SUBJECT%`, `%REQUESTED_SERVER_NAME%`, and \
             `%FILE_NAME%`: the name in `Content-Disposition`, else the last segment of the path; of a form's file its own name. `%REQ(name):20%` takes at \
             most 20 bytes, `%%` is a percent sign. A header is left out where an operator has no value, or one that can't \
             be written, and in OPTIONS. Refused: `Host`, `Encapsulated`, `Preview`, `Allow`, `ISTag`, \
             `Connection`, `Keep-Alive`, `Proxy-Connection`, `Transfer-Encoding`, `Content-Length`, `Upgrade`, `TE`, \
             `Trailer`, `Expect`, and those with an attribute of their own: `Authorization`, `X-Client-IP`, \
             `X-Server-IP`, `X-Authenticated-User`.",
        ),
        Attribute::new(
            "verdict_headers",
            Kind::AnswerHeaders(&ANSWER_HEADER),
            Absent::Words("`[]`"),
            "Headers of the server's answer that mean blocked, beside the known ones. A bare name: by its presence, unless its \
             value is a word for nothing, such as `none`, `clean` or `0`. With a string matcher: by its value.",
        ),
        Attribute::new(
            "pass_requires",
            Kind::AnswerHeaders(&ANSWER_HEADER),
            Absent::Words("`[]`"),
            "Headers without which an answer lets nothing pass, changed or not: it fails with the cause `server_error`. For servers that \
             answer 204 when they could not scan.",
        ),
        Attribute::new(
            "require_content_length",
            Kind::Bool,
            Absent::Bool(false),
            "Wait for the whole body where its length is not announced, so that the server gets its `Content-Length`. A body that is \
             whole when it is sent has one in any case.",
        ),
        Attribute::new(
            "honor_transfer_ignore",
            Kind::Choice(&["never", "responses", "always"]),
            Absent::Text("responses"),
            "For which messages the server's `Transfer-Ignore` counts: a path with an extension from that list is not \
             scanned. A client chooses the path of its request; with `always` it chooses by it whether an upload is scanned.",
        ),
        Attribute::new(
            "decode_content_encoding",
            Kind::Bool,
            Absent::Bool(false),
            "Show bodies that are coded in `gzip` or `deflate` decoded, for servers that do not decode them. The original goes on where the server \
             changes nothing; what it changes goes on without `Content-Encoding`. Decoded, a body may be as large as the buffer, and 200 times \
             as large as it came once it is larger than 1 MiB; past that it is handled as `large_upload_fail_action` says. What can't be \
             decoded is `unscannable`. A body that is coded and not decoded (`br`, `zstd`, several codings, a range) is marked in icap_log: `\"encoded\": \"br\"`. \
             The decoders of one body take 256 KiB of `memory_budget_mb`. See [What a scanner sees](wrappings.md#content-encodings).",
        ),
        Attribute::new(
            "trailers",
            Kind::Choice(&["forward", "drop", "scan"]),
            Absent::Text("forward"),
            "What becomes of the trailer fields of a message that is scanned. `forward`: they go on. `drop`: they do not, but for gRPC's own in a response. \
             `scan`: once they are there they are shown to the server, too, as fields of the message's head in a transaction of their own \
             without a body; a message whose head does not end it is then held to its end, also where its preview was enough. In any case fields \
             are taken out that must not be trailers ([protocol](protocol.md#trailers)), and both are told in icap_log. In monitor \
             mode all go on.",
        ),
        Attribute::new(
            "range_requests",
            Kind::Choice(&["pass", "strip"]),
            Absent::Text("pass"),
            "What becomes of a request for a range of a resource, where this profile may scan the response. `pass`: it goes on, and the \
             scanner sees the range alone. `strip`: without `Range` and `If-Range`, so that the application answers with the whole, which \
             is scanned and given to the client. Nothing is taken out in monitor mode.",
        ),
        Attribute::new(
            "multipart",
            Kind::Choice(&["auto", "whole", "parts"]),
            Absent::Text("auto"),
            "How a form with files (`multipart/form-data`, and `multipart/related` and `multipart/mixed`) is shown. `parts`: each file in a transaction of its own, so that the scanner gets the \
             file and not its wrapping, and all other parts as one form. `whole`: the form as it is. `auto`: `parts`, but `whole` for a \
             product that opens forms itself. See [Forms](forms.md).",
        ),
        Attribute::new(
            "multipart_parallel",
            integer(1, 32, ""),
            Absent::Integer(4),
            "How many parts of one form are under scan at a time. Each takes a connection of the pool.",
        ),
        Attribute::new(
            "extract",
            Kind::Words(EXTRACTORS),
            Absent::Words("`[]`"),
            "Values in the bodies of requests that are shown beside the whole body, each decoded and in a transaction of its own: Base64 in \
             JSON, Base64 in `data:` URLs, fields of urlencoded forms, fields of gRPC messages. Values of up to 64 bytes are left \
             out. A body that can't be looked into, or has more than 1,000 values, is `unscannable`. See [What a scanner sees](wrappings.md#values-within-bodies).",
        ),
        Attribute::new(
            "options",
            Kind::Object(&OPTIONS),
            Absent::Words("its defaults"),
            "Asking the server for its OPTIONS.",
        ),
        Attribute::new(
            "self_test",
            Kind::Object(&SELF_TEST),
            Absent::Words("its defaults"),
            "Showing the server the EICAR test file now and then, to notice a scanner that no longer scans.",
        ),
        Attribute::new(
            "block_response",
            Kind::Object(&BLOCK_RESPONSE),
            Absent::Words("its defaults"),
            "What the client of a blocked request gets.",
        ),
        Attribute::new(
            "too_large_response",
            Kind::Object(&TOO_LARGE_RESPONSE),
            Absent::Words("its defaults"),
            "What the client gets whose upload is larger than the buffer, with `large_upload_fail_action: fail_closed`.",
        ),
        Attribute::new(
            "fail_response",
            Kind::Object(&FAIL_RESPONSE),
            Absent::Words("its defaults"),
            "What the client gets where the scan failed, with `fail_closed`.",
        ),
        Attribute::new(
            "bad_request_response",
            Kind::Object(&BAD_REQUEST_RESPONSE),
            Absent::Words("its defaults"),
            "What the client gets whose request can't be shown to a scanner.",
        ),
        Attribute::new(
            "early_reply_discard_kb",
            integer(0, 1_048_576, "KiB"),
            Absent::Integer(65_536),
            "An answer that is due before its upload has ended waits for the rest, which is thrown away: many clients write all before \
             they read, and where Envoy answers earlier they see a closed connection. It is given at once where more than so \
             much is still to come, and where nothing comes for a second. 0: always at once.",
        ),
        Attribute::new(
            "early_reply_delay_ms",
            integer(0, 600_000, "ms"),
            Absent::Integer(10_000),
            "The longest such a wait.",
        ),
    ],
);
