//! Mistakes around the filter: the example with one thing wrong, and what must be said of it.

#![allow(clippy::string_slice, reason = "the example is ASCII where it is cut")]

use std::path::Path;

fn example() -> String {
    file("envoy/envoy.yaml")
}

fn file(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join(name)).unwrap()
}

/// The example of a chain, with one text replaced.
fn chain(old: &str, new: &str) -> String {
    let text = file("envoy/chain.yaml");
    assert!(text.contains(old), "the example has no {old:?}");
    text.replace(old, new)
}

/// The example of a gate, with one text replaced where it stands first.
fn gate(old: &str, new: &str) -> String {
    let text = file("envoy/gate.yaml");
    assert!(text.contains(old), "the example has no {old:?}");
    text.replacen(old, new, 1)
}

/// A filter that stands before or after another.
fn filter(kind: &str, message: &str) -> String {
    format!(
        "          - name: envoy.filters.http.{kind}\n            typed_config:\n              \
         \"@type\": type.googleapis.com/envoy.extensions.filters.http.{kind}.v3.{message}\n"
    )
}

const LOOKUP: &str = "          - name: route_lookup\n";
const ROUTER: &str = "          - name: envoy.filters.http.router\n";

fn before(kind: &str, message: &str) -> String {
    let new = filter(kind, message);
    replaced(&[(LOOKUP, &format!("{new}{LOOKUP}"))])
}

fn after(kind: &str, message: &str) -> String {
    let new = filter(kind, message);
    replaced(&[(ROUTER, &format!("{new}{ROUTER}"))])
}

/// The example with some texts replaced, each of which must be there.
pub(crate) fn replaced(changes: &[(&str, &str)]) -> String {
    let mut text = example();
    for (old, new) in changes {
        assert!(text.contains(old), "the example has no {old:?}");
        text = text.replace(old, new);
    }
    text
}

/// The example with `instead` in place of what stands from `start` to the router.
fn cut_to_router(start: &str, instead: &str) -> String {
    let text = example();
    let (start, end) = (text.find(start).unwrap(), text.find(ROUTER).unwrap());
    format!("{}{instead}{}", &text[..start], &text[end..])
}

/// A mistake: its name, the configuration, whether it is an error, and what the line about it says.
pub(crate) type Mistake = (&'static str, String, bool, &'static [&'static str]);

const ERROR: bool = true;
const WARNING: bool = false;

/// All of them.
pub(crate) fn mistakes() -> Vec<Mistake> {
    let metadata = |namespace: &str, entry: &str| {
        replaced(&[(
            "              - match: {prefix: \"/\"}\n",
            &format!(
                "              - match: {{prefix: \"/\"}}\n                metadata: {{filter_metadata: {{{namespace}: {entry}}}}}\n"
            ),
        )])
    };
    let responses = (
        "request_buffer_size_kb: 51200",
        "request_buffer_size_kb: 51200\n                      response_service_url: icap://127.0.0.1:1344/avscan",
    );
    let after_with_responses =
        |kind: &str, message: &str| after(kind, message).replace(responses.0, responses.1);
    vec![
        (
            "no flag",
            replaced(&[("allow_on_headers_stop_iteration: true", "root_id: \"\"")]),
            ERROR,
            &["no allow_on_headers_stop_iteration"],
        ),
        (
            "typo in a profile",
            replaced(&[(
                "fail_action: fail_closed\n                      large",
                "fail_acton: fail_closed\n                      large",
            )]),
            ERROR,
            &["fail_acton", "did you mean fail_action"],
        ),
        (
            "number as a text",
            replaced(&[(
                "request_buffer_size_kb: 51200",
                "request_buffer_size_kb: 50MB",
            )]),
            ERROR,
            &["request_buffer_size_kb", "50MB"],
        ),
        (
            "wrong cluster",
            replaced(&[("cluster: icap_pool\n", "cluster: icap-pool\n")]),
            ERROR,
            &[
                "profiles[0].cluster",
                "no cluster named \"icap-pool\"",
                "the clusters here are application, icap_pool",
            ],
        ),
        (
            "no raw TCP",
            replaced(&[("TcpConnectionPoolProto", "HttpConnectionPoolProto")]),
            ERROR,
            &["no upstream_config"],
        ),
        (
            "no transport filter",
            replaced(&[
                ("value: {role: transport}", "value: {kind: other}"),
                ("name: icap_transport", "name: other"),
                (
                    "filename: target/module/icap_filter.wasm",
                    "filename: other.wasm",
                ),
            ]),
            ERROR,
            &["no icap_transport"],
        ),
        (
            "profiles in the cluster",
            replaced(&[(
                "value: {role: transport}",
                "value: {profiles: [{name: av, cluster: icap_pool, service_url: \"icap://127.0.0.1:1344/avscan\"}]}",
            )]),
            ERROR,
            &[
                "profiles in the filters of a cluster",
                "never becomes ready",
            ],
        ),
        (
            "transport role in the listener",
            cut_to_router(
                "                    icap_log: {struct: true}\n",
                "                    role: transport\n",
            ),
            ERROR,
            &["role transport in a listener"],
        ),
        (
            "filter forgotten",
            cut_to_router("          - name: icap_filter\n", ""),
            ERROR,
            &["role transport, and no filter in a listener"],
        ),
        (
            "one vm_id for both",
            replaced(&[("vm_id: icap-transport", "vm_id: icap-filter")]),
            WARNING,
            &["vm_id \"icap-filter\""],
        ),
        (
            "fails open",
            replaced(&[("failure_policy: FAIL_RELOAD", "failure_policy: FAIL_OPEN")]),
            ERROR,
            &["the plugin fails open"],
        ),
        (
            "fail_open beside it",
            replaced(&[("failure_policy: FAIL_RELOAD", "fail_open: true")]),
            ERROR,
            &["the plugin fails open"],
        ),
        (
            "no failure_policy",
            replaced(&[("failure_policy: FAIL_RELOAD", "root_id: \"\"")]),
            WARNING,
            &["no failure_policy"],
        ),
        (
            "icaps without TLS",
            replaced(&[("service_url: icap://", "service_url: icaps://")]),
            ERROR,
            &[
                "icaps in a service_url, and no transport_socket",
                "in clear",
            ],
        ),
        (
            "health check for another service",
            replaced(&[("1344/avscan\n", "1344/other\n")]),
            ERROR,
            &[
                "a health check that asks for \"icap://127.0.0.1:1344/avscan\"",
                "4f5054494f4e53",
            ],
        ),
        (
            "health check with a binary payload",
            replaced(&[("          text: \"4f", "          binary: \"4f")]),
            ERROR,
            &["a binary payload", "sends nothing"],
        ),
        (
            "health check by HTTP",
            replaced(&[("tcp_health_check:", "http_health_check:")]),
            ERROR,
            &["no tcp_health_check"],
        ),
        (
            "no health check",
            replaced(&[("health_checks:", "unknown:")]),
            WARNING,
            &["no health check"],
        ),
        (
            "panic",
            replaced(&[(
                "healthy_panic_threshold: {value: 0}",
                "healthy_panic_threshold: {value: 50}",
            )]),
            WARNING,
            &["healthy_panic_threshold"],
        ),
        (
            "circuit breaker",
            replaced(&[("max_requests: 4096", "max_requests: 8")]),
            WARNING,
            &["a circuit breaker of 8"],
        ),
        (
            "limit below the profile's",
            replaced(&[(
                "request_body_buffer_limit: 54525952",
                "request_body_buffer_limit: 1048576",
            )]),
            ERROR,
            &["a limit of 1 MiB", "50 MiB"],
        ),
        (
            "limit forgotten",
            replaced(&[("request_body_buffer_limit: 54525952", "name: all")]),
            ERROR,
            &[
                "the listener's limit of 1 MiB",
                "request_body_buffer_limit: 54525952",
            ],
        ),
        (
            "window below the profile's",
            replaced(&[
                ("request_body_buffer_limit: 54525952", "name: all"),
                (
                    "per_connection_buffer_limit_bytes: 1048576",
                    "per_connection_buffer_limit_bytes: 54525952",
                ),
            ]),
            ERROR,
            &["an HTTP/2 window of 1 MiB"],
        ),
        (
            "no room for one read",
            replaced(&[
                (
                    "large_upload_fail_action: fail_closed",
                    "large_upload_fail_action: fail_open",
                ),
                (
                    "request_body_buffer_limit: 54525952",
                    "request_body_buffer_limit: 53477376",
                ),
            ]),
            ERROR,
            &[
                "1 MiB of room above the profile's buffer",
                "request_body_buffer_limit: 53608448",
            ],
        ),
        (
            "a retry policy beside a stream",
            replaced(&[
                (
                    "large_upload_fail_action: fail_closed",
                    "large_upload_fail_action: stream",
                ),
                (
                    "route: {cluster: application, timeout: 0s}",
                    "route: {cluster: application, retry_policy: {retry_on: 5xx}, timeout: 0s}",
                ),
            ]),
            ERROR,
            &[
                "a copy of each request for a retry or a redirect",
                "per_request_buffer_limit_bytes: 0",
            ],
        ),
        (
            "a retry policy beside calls message by message",
            replaced(&[
                ("large_upload_fail_action: fail_closed", "grpc: messages"),
                (
                    "route: {cluster: application, timeout: 0s}",
                    "route: {cluster: application, retry_policy: {retry_on: 5xx}, timeout: 0s}",
                ),
            ]),
            ERROR,
            &[
                "a copy of each request for a retry or a redirect, beside grpc: messages",
                "per_request_buffer_limit_bytes: 0",
            ],
        ),
        (
            "a stream without a gate",
            replaced(&[(
                "large_upload_fail_action: fail_closed",
                "large_upload_fail_action: stream",
            )]),
            WARNING,
            &["no gate directly before the filter", "role: gate"],
        ),
        (
            "a gate in another virtual machine",
            gate("vm_id: icap-filter", "vm_id: icap-gate"),
            ERROR,
            &[
                "vm_id \"icap-gate\" for a gate",
                "different virtual machines",
            ],
        ),
        (
            "a gate far from its filter",
            gate(LOOKUP, &format!("{}{LOOKUP}", filter("cors", "Cors"))),
            ERROR,
            &["a gate that slows nothing down"],
        ),
        (
            "a gate beside a filter that does not stream",
            gate(
                "large_upload_fail_action: stream",
                "large_upload_fail_action: fail_closed",
            ),
            ERROR,
            &["a gate that slows nothing down"],
        ),
        (
            "a gate in a cluster",
            gate("value: {role: transport}", "value: {role: gate}"),
            ERROR,
            &["role gate in the filters of a cluster"],
        ),
        (
            "no room for one read in monitor mode",
            replaced(&[
                (
                    "vendor: c_icap",
                    "vendor: c_icap\n                      enforcement: monitor",
                ),
                (
                    "request_body_buffer_limit: 54525952",
                    "request_body_buffer_limit: 53477376",
                ),
            ]),
            ERROR,
            &["1 MiB of room above the profile's buffer"],
        ),
        (
            "no room for one read, and no limit of the route's",
            replaced(&[
                (
                    "large_upload_fail_action: fail_closed",
                    "large_upload_fail_action: fail_open",
                ),
                ("request_body_buffer_limit: 54525952", "name: all"),
                (
                    "per_connection_buffer_limit_bytes: 1048576",
                    "per_connection_buffer_limit_bytes: 54525952",
                ),
                (
                    "initial_stream_window_size: 1048576",
                    "initial_stream_window_size: 54525952",
                ),
            ]),
            WARNING,
            &["2 MiB of room above the profile's buffer"],
        ),
        (
            "large limit for everything",
            replaced(&[(
                "per_connection_buffer_limit_bytes: 1048576",
                "per_connection_buffer_limit_bytes: 54525952",
            )]),
            WARNING,
            &["a limit of 52 MiB for everything"],
        ),
        (
            "large window for everything",
            replaced(&[(
                "initial_stream_window_size: 1048576",
                "initial_stream_window_size: 54525952",
            )]),
            WARNING,
            &["initial_stream_window_size", "52 MiB for everything"],
        ),
        (
            "idle time-out below a scan's",
            replaced(&[("stream_idle_timeout: 120s", "stream_idle_timeout: 15s")]),
            ERROR,
            &["stream_idle_timeout of 15000 ms", "60000"],
        ),
        (
            "no idle time-out",
            replaced(&[("stream_idle_timeout: 120s", "stream_idle_timeout: 0s")]),
            ERROR,
            &["stream_idle_timeout of 0"],
        ),
        (
            "request_timeout",
            replaced(&[(
                "stream_idle_timeout: 120s",
                "stream_idle_timeout: 120s\n          request_timeout: 10s",
            )]),
            ERROR,
            &["request_timeout of 10000 ms"],
        ),
        (
            "proxy_100_continue",
            replaced(&[(
                "stream_idle_timeout: 120s",
                "stream_idle_timeout: 120s\n          proxy_100_continue: true",
            )]),
            ERROR,
            &["proxy_100_continue"],
        ),
        (
            "cache before",
            before("cache", "CacheConfig"),
            ERROR,
            &["cache before the filter"],
        ),
        (
            "file_system_buffer before",
            before("file_system_buffer", "FileSystemBufferFilterConfig"),
            ERROR,
            &["file_system_buffer before"],
        ),
        (
            "grpc_web after",
            after("grpc_web", "GrpcWeb"),
            ERROR,
            &["grpc_web after the filter", "base64"],
        ),
        (
            "decompressor after",
            after("decompressor", "Decompressor"),
            ERROR,
            &["decompressor after", "compressed"],
        ),
        (
            "compressor after, responses scanned",
            after_with_responses("compressor", "Compressor"),
            ERROR,
            &["compressor after"],
        ),
        (
            "decompressor after, responses scanned",
            after_with_responses("decompressor", "Decompressor"),
            ERROR,
            &["does not report the end"],
        ),
        (
            "compressor after",
            after("compressor", "Compressor"),
            WARNING,
            &["compressor after the filter", "as soon as responses"],
        ),
        (
            "rbac after",
            after("rbac", "RBAC"),
            ERROR,
            &["rbac after the filter", "scanned first"],
        ),
        (
            "ext_authz after",
            after("ext_authz", "ExtAuthz"),
            ERROR,
            &["ext_authz after"],
        ),
        (
            "rate limit after",
            after("local_ratelimit", "LocalRateLimit"),
            ERROR,
            &["local_ratelimit after"],
        ),
        (
            "disabled route behind a filter that chooses anew",
            {
                let lookup = filter("header_mutation", "HeaderMutation")
                    .replace("envoy.filters.http.header_mutation", "route_lookup");
                let text = metadata("icap_filter", "{profile: upload-av}");
                assert!(text.contains(&lookup), "{lookup}");
                text.replace(&lookup, &filter("lua", "Lua"))
            },
            ERROR,
            &["looks up the route", "lua can choose another route"],
        ),
        (
            "metadata in another namespace",
            metadata("icap-filter", "{disabled: true}"),
            ERROR,
            &["the namespace \"icap-filter\""],
        ),
        (
            "metadata with another key",
            metadata("icap_filter", "{disable: true}"),
            ERROR,
            &["the key \"disable\""],
        ),
        (
            "metadata of another type",
            metadata("icap_filter", "{disabled: \"true\"}"),
            ERROR,
            &["the value \"true\""],
        ),
        (
            "metadata of an unknown profile",
            metadata("icap_filter", "{profile: upload}"),
            ERROR,
            &["the profile \"upload\""],
        ),
        (
            "metadata of a virtual host",
            replaced(&[(
                "              domains: [\"*\"]\n",
                "              domains: [\"*\"]\n              metadata: {filter_metadata: {icap_filter: {disabled: true}}}\n",
            )]),
            ERROR,
            &["metadata of a virtual host"],
        ),
        (
            "client_ip that the client chooses",
            replaced(&[
                ("use_remote_address: true", "use_remote_address: false"),
                (
                    "has_body: true}",
                    "has_body: true, client_ip_not: 10.0.0.0/8}",
                ),
            ]),
            ERROR,
            &["client_ip without use_remote_address"],
        ),
        (
            "kibibytes taken for mebibytes",
            replaced(&[(
                "request_buffer_size_kb: 51200",
                "request_buffer_size_kb: 50",
            )]),
            WARNING,
            &["a buffer of 50 KiB", "50 MiB are 51200"],
        ),
        (
            "two filters that do not know of each other",
            chain("chained: true", "chained: false"),
            WARNING,
            &[
                "a second filter that scans",
                "write chained: true into both",
            ],
        ),
        (
            "one name in both filters of a chain",
            chain(
                "- name: dlp\n                      cluster",
                "- name: antivirus\n                      cluster",
            )
            .replace("profile: dlp", "profile: antivirus"),
            ERROR,
            &["the profile \"antivirus\"", "different names"],
        ),
        (
            "milliseconds taken for seconds",
            replaced(&[("response_timeout_ms: 60000", "response_timeout_ms: 60")]),
            WARNING,
            &["60 ms for a scan", "a minute is 60000"],
        ),
        (
            "slow after the end",
            replaced(&[("response_timeout_ms: 60000", "response_timeout_ms: 5000")]),
            WARNING,
            &["a warning after 10000 ms"],
        ),
        (
            "a variable",
            replaced(&[(
                "response_timeout_ms: 60000",
                "response_timeout_ms: 60000\n                      authorization: {basic: {username: a, password: $ICAP_PASSWORD}}",
            )]),
            WARNING,
            &["begins with $"],
        ),
        (
            "no rule",
            cut_to_router(
                "                    rules:\n",
                "                    rules: []\n",
            ),
            ERROR,
            &["no rule that is enabled"],
        ),
        (
            "a property of another name",
            replaced(&[(
                "TYPED_CEL(filter_state['wasm.icap_log_struct'])",
                "FILTER_STATE(wasm.icap_logs:PLAIN)",
            )]),
            WARNING,
            &["the filter state \"wasm.icap_logs"],
        ),
    ]
}
