//! Every attribute: default, lowest, highest, just outside, wrong type, unknown neighbour.

use crate::{accept, base, refuse_at, set, with};
use icap_filter::config::{
    Cause, ClientIpSource, Config, Enforcement, FailAction, Grpc, HonorTransferIgnore, Profile,
    RangeRequests, ReplyPage, SendWhen, ShownForm, Trailers, UserEncoding,
};
use icap_filter::extract::Extractors;
use icap_filter::product::{self, ShownAs};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// `profiles[0].x`: the attribute, what was read of it.
type Read<T> = fn(&Profile) -> T;

const INTEGERS: &[(&str, Read<u64>, u64, u64, u64)] = &[
    (
        "request_buffer_size_kb",
        |p| p.request_buffer_bytes / 1024,
        51_200,
        1,
        1_048_576,
    ),
    (
        "response_buffer_size_kb",
        |p| p.response_buffer_bytes / 1024,
        51_200,
        1,
        1_048_576,
    ),
    (
        "preview_size_bytes",
        |p| p.preview_bytes.unwrap().into(),
        5000,
        0,
        65_536,
    ),
    (
        "response_timeout_ms",
        |p| p.response_timeout_ms,
        60_000,
        50,
        3_600_000,
    ),
    (
        "slow_response_warning_threshold_ms",
        |p| p.slow_threshold_ms,
        10_000,
        50,
        3_600_000,
    ),
    (
        "body_progress_timeout_ms",
        |p| p.body_progress_timeout_ms,
        60_000,
        0,
        3_600_000,
    ),
    (
        "upload_preempt_ms",
        |p| p.upload_preempt_ms,
        200,
        0,
        3_600_000,
    ),
    ("max_connections", |p| p.max_connections.into(), 32, 1, 4096),
    (
        "multipart_parallel",
        |p| p.multipart_parallel as u64,
        4,
        1,
        32,
    ),
    ("max_pending", |p| p.max_pending.into(), 1024, 0, 65_536),
    (
        "connection_idle_timeout_ms",
        |p| p.idle_timeout_ms,
        30_000,
        100,
        3_600_000,
    ),
    (
        "max_requests_per_connection",
        |p| p.max_requests_per_connection.into(),
        1000,
        1,
        1_000_000,
    ),
    (
        "max_connection_age_ms",
        |p| p.max_connection_age_ms,
        600_000,
        1_000,
        86_400_000,
    ),
    (
        "options.default_ttl_s",
        |p| p.options.default_ttl_s.into(),
        3600,
        1,
        86_400,
    ),
    (
        "self_test.interval_minutes",
        |p| p.self_test.interval_minutes.into(),
        60,
        1,
        10_080,
    ),
    (
        "block_response.status",
        |p| p.block_response.page.status.into(),
        403,
        400,
        599,
    ),
    (
        "too_large_response.status",
        |p| p.too_large_response.status.into(),
        413,
        400,
        599,
    ),
    (
        "fail_response.status",
        |p| p.fail_response.page.status.into(),
        503,
        400,
        599,
    ),
    (
        "fail_response.retry_after_s",
        |p| p.fail_response.retry_after_s.into(),
        5,
        0,
        86_400,
    ),
    (
        "early_reply_discard_kb",
        |p| p.early_reply_discard_bytes / 1024,
        65_536,
        0,
        1_048_576,
    ),
    (
        "early_reply_delay_ms",
        |p| p.early_reply_delay_ms,
        10_000,
        0,
        600_000,
    ),
    (
        "bad_request_response.status",
        |p| p.bad_request_response.status.into(),
        400,
        400,
        599,
    ),
];

const BOOLEANS: &[(&str, Read<bool>, bool)] = &[
    ("enable_preview", |p| p.preview_bytes.is_some(), true),
    ("allow_204", |p| p.allow_204, true),
    ("quarantine", |p| p.quarantine, false),
    ("options.enabled", |p| p.options.enabled, true),
    ("self_test.enabled", |p| p.self_test.enabled, false),
    (
        "self_test.fail_profile",
        |p| p.self_test.fail_profile,
        false,
    ),
    (
        "decode_content_encoding",
        |p| p.decode_content_encoding,
        false,
    ),
    (
        "require_content_length",
        |p| p.require_content_length,
        false,
    ),
    (
        "block_response.keep_server_status",
        |p| p.block_response.keep_server_status,
        true,
    ),
    (
        "block_response.use_server_response",
        |p| p.block_response.use_server_response,
        true,
    ),
];

const SWITCHES: &[(&str, Read<SendWhen>, SendWhen)] = &[
    ("send_client_ip", |p| p.send_client_ip, SendWhen::Always),
    ("send_server_ip", |p| p.send_server_ip, SendWhen::Never),
];

const FAIL_ACTIONS: &[(&str, Cause)] = &[
    ("fail_action", Cause::Internal),
    ("large_upload_fail_action", Cause::Oversize),
    ("fail_action_by_cause.connection", Cause::Connection),
    ("fail_action_by_cause.timeout", Cause::Timeout),
    ("fail_action_by_cause.protocol", Cause::Protocol),
    ("fail_action_by_cause.server_error", Cause::ServerError),
    ("fail_action_by_cause.overload", Cause::Overload),
    ("fail_action_by_cause.internal", Cause::Internal),
    ("fail_action_by_cause.unscannable", Cause::Unscannable),
];

/// Name, what was read, default, longest, whether it is no secret.
const TEXTS: &[(&str, Read<String>, Option<&str>, usize)] = &[
    ("name", |p| p.name.to_string(), None, 128),
    ("cluster", |p| p.cluster.to_string(), None, 512),
    ("pool_name", |p| p.pool_name.to_string(), Some("pool"), 512),
    (
        "pool_uuid",
        |p| p.pool_uuid.as_deref().unwrap_or_default().to_owned(),
        Some(""),
        512,
    ),
    (
        "block_response.content_type",
        |p| p.block_response.page.content_type.clone(),
        Some("text/html"),
        256,
    ),
    (
        "too_large_response.content_type",
        |p| p.too_large_response.content_type.clone(),
        Some("text/plain"),
        256,
    ),
    (
        "fail_response.content_type",
        |p| p.fail_response.page.content_type.clone(),
        Some("text/plain"),
        256,
    ),
    (
        "bad_request_response.content_type",
        |p| p.bad_request_response.content_type.clone(),
        Some("text/plain"),
        256,
    ),
];

/// An answer to clients that a profile has.
type ReadPage = fn(&Profile) -> &ReplyPage;

/// `profiles[0].x`: an answer to clients.
const REPLIES: &[(&str, ReadPage)] = &[
    ("block_response", |p| &p.block_response.page),
    ("too_large_response", |p| &p.too_large_response),
    ("fail_response", |p| &p.fail_response.page),
    ("bad_request_response", |p| &p.bad_request_response),
];

/// Attributes with a test of their own below.
const OTHERS: &[&str] = &[
    "large_download_fail_action",
    "service_url",
    "response_service_url",
    "vendor",
    "fail_action_by_cause",
    "authenticated_user_header",
    "authenticated_user_scheme",
    "authenticated_user_encoding",
    "authenticated_user_icap_header",
    "response_cluster",
    "pass_requires",
    "authorization",
    "icap_headers",
    "verdict_headers",
    "client_ip_source",
    "honor_transfer_ignore",
    "enforcement",
    "trailers",
    "range_requests",
    "grpc",
    "multipart",
    "scan_requests_as",
    "extract",
    "options",
    "self_test",
];

fn path(name: &str) -> String {
    format!("profiles[0].{name}")
}

fn profile(config: &Value) -> Profile {
    let config: Config = accept(config);
    (*config.profiles[0]).clone()
}

/// A field of nearly that name is unknown, and the error says which one may be meant.
fn refuse_neighbour(name: &str) {
    let (parent, last) = name.rsplit_once('.').unwrap_or(("", name));
    let near = format!("{last}x");
    let whole = match parent {
        "" => path(&near),
        parent => path(&format!("{parent}.{near}")),
    };
    let error = refuse_at(&with(&whole, json!(1)), &whole);
    assert_eq!(error.found, "an unknown field");
    assert_eq!(
        error.allowed,
        format!("no such field; did you mean {last}?")
    );
}

fn refuse_types(name: &str, wrong: &[Value]) {
    for value in wrong {
        let error = refuse_at(&with(&path(name), value.clone()), &path(name));
        assert!(!error.allowed.is_empty());
        let type_name = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "list",
            Value::Object(_) => "object",
        };
        assert!(error.found.contains(type_name), "{error}");
    }
}

#[test]
fn integers() {
    for (name, read, default, min, max) in INTEGERS {
        assert_eq!(read(&profile(&base())), *default, "{name}");
        for value in [*min, *max] {
            assert_eq!(read(&profile(&with(&path(name), json!(value)))), value);
            let double = json!(value as f64);
            assert_eq!(read(&profile(&with(&path(name), double))), value, "{name}");
        }
        for outside in [json!(*min as i64 - 1), json!(max + 1), json!(-1e30)] {
            let error = refuse_at(&with(&path(name), outside.clone()), &path(name));
            assert!(
                error
                    .allowed
                    .starts_with(&format!("an integer from {min} to {max}")),
                "{error}"
            );
            assert!(error.found.starts_with("number "), "{error}");
        }
        refuse_types(
            name,
            &[
                json!(format!("{min}")),
                json!(true),
                json!(null),
                json!([min]),
                json!({}),
                json!(*min as f64 + 0.5),
            ],
        );
        refuse_neighbour(name);
    }
}

#[test]
fn booleans() {
    for (name, read, default) in BOOLEANS {
        assert_eq!(read(&profile(&base())), *default, "{name}");
        for value in [true, false] {
            assert_eq!(read(&profile(&with(&path(name), json!(value)))), value);
        }
        refuse_types(
            name,
            &[json!("true"), json!(1), json!(null), json!([]), json!({})],
        );
        refuse_neighbour(name);
    }
}

#[test]
fn switches() {
    for (name, read, default) in SWITCHES {
        assert_eq!(read(&profile(&base())), *default, "{name}");
        for (value, when) in [
            (json!(true), SendWhen::Always),
            (json!(false), SendWhen::Never),
            (json!("auto"), SendWhen::Auto),
        ] {
            assert_eq!(read(&profile(&with(&path(name), value))), when);
        }
        refuse_types(
            name,
            &[
                json!("yes"),
                json!("true"),
                json!(1),
                json!(null),
                json!([]),
            ],
        );
        refuse_neighbour(name);
    }
}

#[test]
fn fail_actions() {
    for (name, cause) in FAIL_ACTIONS {
        assert_eq!(profile(&base()).fail_action(*cause), FailAction::Closed);
        for (value, action) in [
            ("fail_open", FailAction::Open),
            ("fail_closed", FailAction::Closed),
        ] {
            let profile = profile(&with(&path(name), json!(value)));
            assert_eq!(profile.fail_action(*cause), action, "{name}");
        }
        refuse_types(
            name,
            &[
                json!("open"),
                json!("FAIL_OPEN"),
                json!(true),
                json!(null),
                json!([]),
            ],
        );
        refuse_neighbour(name);
    }
}

#[test]
fn a_cause_has_its_own_action_and_the_others_the_general_one() {
    let mut config = with("profiles[0].fail_action", json!("fail_open"));
    set(
        &mut config,
        "profiles[0].fail_action_by_cause",
        json!({"timeout": "fail_closed"}),
    );
    let profile = profile(&config);
    assert_eq!(profile.fail_action(Cause::Timeout), FailAction::Closed);
    assert_eq!(profile.fail_action(Cause::Connection), FailAction::Open);
    assert_eq!(profile.fail_action(Cause::Oversize), FailAction::Closed);
    refuse_types(
        "fail_action_by_cause",
        &[json!("fail_open"), json!([]), json!(null)],
    );
    refuse_neighbour("fail_action_by_cause");
    let oversize = "profiles[0].fail_action_by_cause.oversize";
    refuse_at(&with(oversize, json!("fail_open")), oversize);
}

#[test]
fn a_bad_request_never_fails_open() {
    let profile = profile(&with("profiles[0].fail_action", json!("fail_open")));
    assert_eq!(profile.fail_action(Cause::BadRequest), FailAction::Closed);
    let key = "profiles[0].fail_action_by_cause.bad_request";
    for action in ["fail_open", "fail_closed"] {
        refuse_at(&with(key, json!(action)), key);
    }
}

#[test]
fn whose_address_the_client_has() {
    for (word, source) in [
        ("downstream", ClientIpSource::Downstream),
        ("peer", ClientIpSource::Peer),
    ] {
        let profile = profile(&with("profiles[0].client_ip_source", json!(word)));
        assert_eq!(profile.client_ip_source, source);
    }
    let default = profile(&base());
    assert_eq!(default.client_ip_source, ClientIpSource::Downstream);
    refuse_types(
        "client_ip_source",
        &[json!("xff"), json!(true), json!(null)],
    );
    refuse_neighbour("client_ip_source");
}

#[test]
fn when_transfer_ignore_is_honored() {
    for (word, when) in [
        ("never", HonorTransferIgnore::Never),
        ("responses", HonorTransferIgnore::Responses),
        ("always", HonorTransferIgnore::Always),
    ] {
        let profile = profile(&with("profiles[0].honor_transfer_ignore", json!(word)));
        assert_eq!(profile.honor_transfer_ignore, when);
    }
    let default = profile(&base());
    assert_eq!(
        default.honor_transfer_ignore,
        HonorTransferIgnore::Responses
    );
    refuse_types(
        "honor_transfer_ignore",
        &[json!("requests"), json!(true), json!(null)],
    );
    refuse_neighbour("honor_transfer_ignore");
}

#[test]
fn what_becomes_of_trailers() {
    for (word, what) in [
        ("forward", Trailers::Forward),
        ("drop", Trailers::Drop),
        ("scan", Trailers::Scan),
    ] {
        let profile = profile(&with("profiles[0].trailers", json!(word)));
        assert_eq!(profile.trailers, what);
    }
    assert_eq!(profile(&base()).trailers, Trailers::Forward);
    refuse_types("trailers", &[json!("pass"), json!(true), json!(null)]);
    refuse_neighbour("trailers");
}

#[test]
fn what_becomes_of_requests_for_ranges() {
    for (word, what) in [
        ("pass", RangeRequests::Pass),
        ("strip", RangeRequests::Strip),
    ] {
        let profile = profile(&with("profiles[0].range_requests", json!(word)));
        assert_eq!(profile.range_requests, what);
    }
    assert_eq!(profile(&base()).range_requests, RangeRequests::Pass);
    refuse_types("range_requests", &[json!("drop"), json!(true), json!(null)]);
    refuse_neighbour("range_requests");
}

#[test]
fn how_grpc_calls_are_shown() {
    for (word, shown) in [("whole", Grpc::Whole), ("messages", Grpc::Messages)] {
        let profile = profile(&with("profiles[0].grpc", json!(word)));
        assert_eq!(profile.grpc, shown);
    }
    assert_eq!(profile(&base()).grpc, Grpc::Whole);
    refuse_types("grpc", &[json!("parts"), json!(true), json!(null)]);
    refuse_neighbour("grpc");
    for (name, value) in [
        ("extract", json!(["data_url", "grpc_bytes"])),
        ("trailers", json!("scan")),
    ] {
        let beside = with(&path(name), value);
        let mut config = beside.clone();
        config["profiles"][0]["grpc"] = json!("messages");
        refuse_at(&config, &path("grpc"));
        config["profiles"][0]["grpc"] = json!("whole");
        let _ = profile(&config);
    }
    let mut config = with(&path("extract"), json!(["json_base64"]));
    config["profiles"][0]["grpc"] = json!("messages");
    let _ = profile(&config);
}

#[test]
fn what_is_enforced() {
    for (word, enforcement) in [
        ("enforce", Enforcement::Enforce),
        ("monitor", Enforcement::Monitor),
    ] {
        let config = accept(&with("profiles[0].enforcement", json!(word)));
        assert_eq!(config.profiles[0].enforcement, enforcement);
        assert_eq!(config.rules.unwrap()[0].enforcement, None);
        let config = accept(&with("rules[0].enforcement", json!(word)));
        assert_eq!(config.profiles[0].enforcement, Enforcement::Enforce);
        assert_eq!(config.rules.unwrap()[0].enforcement, Some(enforcement));
    }
    refuse_types(
        "enforcement",
        &[json!("off"), json!(true), json!(null), json!({})],
    );
    refuse_neighbour("enforcement");
    let error = refuse_at(
        &with("rules[0].enforcement", json!("log")),
        "rules[0].enforcement",
    );
    assert_eq!(error.allowed, "one of enforce, monitor");
    let bypass = json!({"name": "none", "action": "bypass", "enforcement": "monitor"});
    let error = refuse_at(&with("rules[0]", bypass), "rules[0].enforcement");
    assert_eq!(error.found, "it with bypass");
}

#[test]
fn how_uploads_are_shown() {
    for (vendor, word, shown) in [
        ("generic", None, ShownAs::Request),
        ("generic", Some("respmod"), ShownAs::Response),
        ("trend_vision_one_container", None, ShownAs::Response),
        ("vision_one_container", Some("reqmod"), ShownAs::Request),
    ] {
        let mut config = with("profiles[0].vendor", json!(vendor));
        if let Some(word) = word {
            set(&mut config, "profiles[0].scan_requests_as", json!(word));
        }
        assert_eq!(
            profile(&config).scan_requests_as,
            shown,
            "{vendor} {word:?}"
        );
    }
    refuse_types(
        "scan_requests_as",
        &[json!("RESPMOD"), json!(true), json!(null)],
    );
    refuse_neighbour("scan_requests_as");
}

#[test]
fn a_chain() {
    assert!(!accept(&base()).chained);
    assert!(accept(&with("chained", json!(true))).chained);
    assert_eq!(
        refuse_at(&with("chained", json!("yes")), "chained").allowed,
        "true or false"
    );
    let transport = json!({"role": "transport", "chained": true});
    refuse_at(&transport, "chained");
}

#[test]
fn what_holds_where_nobody_knows_the_profile() {
    let monitors = |rule: &str| {
        let mut config = with("profiles[0].enforcement", json!("monitor"));
        set(&mut config, "rules[0].enforcement", json!(rule));
        accept(&config).strictest_enforcement()
    };
    assert_eq!(monitors("monitor"), Enforcement::Monitor);
    assert_eq!(monitors("enforce"), Enforcement::Enforce);
    let config = accept(&with("rules[0].enforcement", json!("monitor")));
    assert_eq!(config.strictest_enforcement(), Enforcement::Enforce);
}

#[test]
fn texts() {
    for (name, read, default, max) in TEXTS {
        if let Some(default) = default {
            assert_eq!(read(&profile(&base())), *default, "{name}");
        }
        for value in ["x".to_owned(), "x".repeat(*max)] {
            let mut config = with(&path(name), json!(value));
            set(&mut config, "rules", json!([]));
            assert_eq!(read(&profile(&config)), value, "{name}");
        }
        for (value, found) in [
            (json!(""), "string \"\"".to_owned()),
            (
                json!("x".repeat(max + 1)),
                format!("string of {} bytes", max + 1),
            ),
            (json!("a\nb"), "string \"a\\nb\"".to_owned()),
            (json!("a\u{0}b"), "string \"a\\0b\"".to_owned()),
            (json!(1), "number 1".to_owned()),
            (json!(null), "null".to_owned()),
            (json!([]), "empty list".to_owned()),
            (json!({}), "object".to_owned()),
        ] {
            let mut config = with(&path(name), value);
            set(&mut config, "rules", json!([]));
            assert_eq!(refuse_at(&config, &path(name)).found, found, "{name}");
        }
        refuse_neighbour(name);
    }
}

#[test]
fn what_is_required_is_missed() {
    for name in ["name", "cluster", "service_url"] {
        let mut config = base();
        set(&mut config, "rules", json!([]));
        config["profiles"][0].as_object_mut().unwrap().remove(name);
        assert_eq!(refuse_at(&config, &path(name)).found, "nothing");
    }
}

#[test]
fn service_urls() {
    assert_eq!(profile(&base()).service.uri(), "icap://pool/avscan");
    assert_eq!(profile(&base()).response_service, None);
    for name in ["service_url", "response_service_url"] {
        let read = |config: &Value| match name {
            "service_url" => profile(config).service,
            _ => profile(config).response_service.unwrap(),
        };
        for url in ["icap://h:1344/a?b", "icaps://h/a", "icap://[::1]:1344/a"] {
            assert_eq!(read(&with(&path(name), json!(url))).uri(), url);
        }
        refuse_types(
            name,
            &[
                json!(""),
                json!("http://h/a"),
                json!("icap:///a"),
                json!("icap://h/a#b"),
                json!("icap://h/a b"),
                json!(format!("/{}", "x".repeat(2048))),
                json!(1),
                json!(null),
                json!({}),
            ],
        );
        refuse_neighbour(name);
        let error = refuse_at(
            &with(&path(name), json!("icap://user:hunter2@h/a")),
            &path(name),
        );
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn vendors() {
    assert_eq!(profile(&base()).vendor.name(), "generic");
    for name in product::names() {
        let config = with("profiles[0].vendor", json!(name));
        assert_eq!(profile(&config).vendor.name(), name);
    }
    refuse_types(
        "vendor",
        &[json!("OPSWAT"), json!(""), json!(1), json!(null)],
    );
    refuse_neighbour("vendor");
}

#[test]
fn how_forms_are_shown() {
    use ShownForm::{Parts, Whole};
    let name = "multipart";
    for (vendor, by_itself) in [
        ("generic", Parts),
        ("c_icap", Parts),
        ("opswat", Whole),
        ("trend_ddan", Whole),
    ] {
        let mut config = with("profiles[0].vendor", json!(vendor));
        assert_eq!(profile(&config).multipart, by_itself, "{vendor}");
        for (word, shown) in [("auto", by_itself), ("whole", Whole), ("parts", Parts)] {
            set(&mut config, &path(name), json!(word));
            assert_eq!(profile(&config).multipart, shown, "{vendor}, {word}");
        }
    }
    refuse_types(name, &[json!("Parts"), json!(""), json!(true), json!(null)]);
    refuse_neighbour(name);
}

#[test]
fn which_values_are_looked_for() {
    let name = "extract";
    let none = Extractors::default();
    assert_eq!(profile(&base()).extract, none);
    for (words, wanted) in [
        (json!([]), none),
        (
            json!(["json_base64"]),
            Extractors {
                json_base64: true,
                ..none
            },
        ),
        (
            json!(["data_url", "urlencoded", "grpc_bytes", "data_url"]),
            Extractors {
                json_base64: false,
                data_url: true,
                urlencoded: true,
                grpc_bytes: true,
            },
        ),
    ] {
        let config = with(&path(name), words);
        assert_eq!(profile(&config).extract, wanted);
    }
    refuse_types(
        name,
        &[json!("data_url"), json!(true), json!(null), json!({})],
    );
    refuse_at(&with(&path(name), json!(["json"])), &path("extract[0]"));
    refuse_neighbour(name);
}

#[test]
fn the_header_of_the_authenticated_user() {
    let name = "authenticated_user_header";
    assert_eq!(profile(&base()).authenticated_user_header, None);
    let read = profile(&with(&path(name), json!("X-User"))).authenticated_user_header;
    assert_eq!(read.as_deref(), Some("x-user"));
    refuse_types(
        name,
        &[
            json!(""),
            json!("x user"),
            json!(":path"),
            json!(1),
            json!([]),
        ],
    );
    refuse_neighbour(name);
    let scheme = path("authenticated_user_scheme");
    for wrong in [
        json!("Local://"),
        json!("x".repeat(65)),
        json!("a\nb"),
        json!(1),
    ] {
        refuse_at(&with(&scheme, wrong), &scheme);
    }
}

#[test]
fn credentials_are_ready_to_send_and_never_shown() {
    assert_eq!(profile(&base()).authorization, None);
    let name = path("authorization");
    for (value, sent) in [
        (
            json!({"basic": {"username": "Aladdin", "password": "open sesame"}}),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ),
        (
            json!({"bearer": "abc.DEF-1_2~+/="}),
            "Bearer abc.DEF-1_2~+/=",
        ),
    ] {
        let secret = profile(&with(&name, value)).authorization.unwrap();
        assert_eq!(secret.expose(), sent);
        assert_eq!(format!("{secret:?}"), "***");
    }
    for (value, at) in [
        (json!("hunter2"), ""),
        (json!(["hunter2"]), ""),
        (json!({}), ""),
        (
            json!({"bearer": "x", "basic": {"username": "u", "password": "hunter2"}}),
            "",
        ),
        (json!({"bearer": "hunter2 x"}), ".bearer"),
        (json!({"bearer": "hunter2\r\nx: y"}), ".bearer"),
        (json!({"bearer": ["hunter2"]}), ".bearer"),
        (json!({"bearer": ""}), ".bearer"),
        (json!({"bearer": "=="}), ".bearer"),
        (
            json!({"bearer": format!("hunter2{}", "x".repeat(8186))}),
            ".bearer",
        ),
        (json!({"basic": "u:hunter2"}), ".basic"),
        (json!({"basic": {"username": "u"}}), ".basic.password"),
        (
            json!({"basic": {"username": "u:hunter2", "password": "p"}}),
            ".basic.username",
        ),
        (
            json!({"basic": {"username": "u", "password": "hunter2\n"}}),
            ".basic.password",
        ),
        (
            json!({"basic": {"username": "u", "password": 1.5}}),
            ".basic.password",
        ),
        (
            json!({"basic": {"username": "u", "password": "p", "passwordx": "hunter2"}}),
            ".basic.passwordx",
        ),
    ] {
        let error = refuse_at(&with(&name, value), &format!("{name}{at}"));
        let line = error.to_string();
        assert!(!line.contains("hunter2") && !line.contains("1.5"), "{line}");
    }
    refuse_neighbour("authorization");
}

#[test]
fn icap_headers() {
    let name = path("icap_headers");
    assert!(profile(&base()).icap_headers.is_empty());
    let headers = profile(&with(&name, json!({"X-Custom": "v", "User-Agent": ""}))).icap_headers;
    let read = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.fixed().unwrap()));
    assert!(read.eq([("User-Agent", ""), ("X-Custom", "v")]));
    let made = json!({"X-Name": "%FILE_NAME:64%", "X-Client-Username": "%REQ(x-user)%"});
    let headers = profile(&with(&name, made)).icap_headers;
    assert!(headers.iter().all(|(_, value)| value.fixed().is_none()));
    for wrong in [
        "50%",
        "%RESP(server)%",
        "%FILE_NAME:x%",
        "%START_TIME%",
        "%hunter2%",
    ] {
        let error = refuse_at(
            &with(&name, json!({"X-Key": wrong})),
            &format!("{name}.X-Key"),
        );
        let line = error.to_string();
        assert!(line.contains("%REQUESTED_SERVER_NAME%"), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
    for reserved in [
        "Host",
        "Encapsulated",
        "preview",
        "ALLOW",
        "ISTag",
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "Transfer-Encoding",
        "Content-Length",
        "Upgrade",
        "TE",
        "Trailer",
        "Expect",
        "Authorization",
        "X-Client-IP",
        "X-Server-IP",
        "X-Authenticated-User",
    ] {
        let error = refuse_at(
            &with(&name, json!({reserved: "hunter2"})),
            &format!("{name}.{reserved}"),
        );
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    for value in [
        "hunter2\r\nX: y",
        "hunter2\n",
        "hunter2\0",
        " hunter2",
        "hunter2 ",
    ] {
        let error = refuse_at(
            &with(&name, json!({"X-Key": value})),
            &format!("{name}.X-Key"),
        );
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    refuse_at(&with(&name, json!({"X-Key": 1})), &format!("{name}.X-Key"));
    refuse_at(&with(&name, json!({"": "v"})), &format!("{name}."));
    refuse_at(&with(&name, json!({"X Y": "v"})), &format!("{name}.X Y"));
    refuse_at(
        &with(&name, json!({"X-A": "v", "x-a": "w"})),
        &format!("{name}.x-a"),
    );
    refuse_types("icap_headers", &[json!([]), json!("X: y"), json!(null)]);
    refuse_neighbour("icap_headers");
}

#[test]
fn verdict_headers() {
    let name = path("verdict_headers");
    assert!(profile(&base()).verdict_headers.is_empty());
    let headers = profile(&with(&name, json!(["X-My-Verdict", "x-other"]))).verdict_headers;
    let names: Vec<&str> = headers.iter().map(|header| header.name.as_str()).collect();
    assert_eq!(names, ["x-my-verdict", "x-other"]);
    let by_value = json!([
        "x-a",
        {"name": "X-A", "exact": ["infected"]},
        {"name": "x-b", "regex": "8[0-9]", "ignore_case": true},
        {"name": "x-c"},
    ]);
    let headers = profile(&with(&name, by_value)).verdict_headers;
    let values: Vec<bool> = headers
        .iter()
        .map(|header| header.value.is_some())
        .collect();
    assert_eq!(values, [false, true, true, false]);
    assert!(profile(&with(&name, json!([]))).verdict_headers.is_empty());
    for (value, at) in [
        (json!(["x y"]), "[0]"),
        (json!(["x-a", 1]), "[1]"),
        (json!(["x-a", "X-A"]), "[1]"),
        (json!(["ISTag"]), ""),
        (json!([{"name": "x-a"}, "x-a"]), "[1]"),
        (json!([{"exact": "x"}]), "[0].name"),
        (json!([{"name": "x-a", "exact": "x", "prefix": "y"}]), "[0]"),
        (json!([{"name": "x-a", "present": true}]), "[0].present"),
        (json!([{"name": "x-a", "regex": "("}]), "[0].regex"),
        (json!("x-a"), ""),
        (json!({}), ""),
        (json!(null), ""),
    ] {
        refuse_at(&with(&name, value), &format!("{name}{at}"));
    }
    refuse_neighbour("verdict_headers");
}

#[test]
fn headers_that_a_pass_requires() {
    let name = path("pass_requires");
    assert!(profile(&base()).pass_requires.is_empty());
    let required = json!([{"name": "X-ICAP-Profile"}, "X-Scanned"]);
    let headers = profile(&with(&name, required)).pass_requires;
    assert_eq!(headers.len(), 2);
    refuse_at(&with(&name, json!([""])), &format!("{name}[0]"));
    refuse_types("pass_requires", &[json!({}), json!("x-a"), json!(null)]);
    refuse_neighbour("pass_requires");
}

#[test]
fn how_the_authenticated_user_is_written() {
    let before = profile(&base());
    assert_eq!(before.authenticated_user_encoding, UserEncoding::Base64);
    assert_eq!(before.authenticated_user_scheme, "Local");
    assert_eq!(
        before.authenticated_user_icap_header,
        "X-Authenticated-User"
    );
    let plain = profile(&with(&path("authenticated_user_encoding"), json!("plain")));
    assert_eq!(plain.authenticated_user_encoding, UserEncoding::Plain);
    assert_eq!(plain.authenticated_user_scheme, "");
    let bare = profile(&with(&path("authenticated_user_scheme"), json!("")));
    assert_eq!(bare.authenticated_user_scheme, "");
    let header = path("authenticated_user_icap_header");
    let own = profile(&with(&header, json!("X-Client-Username")));
    assert_eq!(own.authenticated_user_icap_header, "X-Client-Username");
    for reserved in ["Host", "x-client-ip", "Authorization", "a b"] {
        refuse_at(&with(&header, json!(reserved)), &header);
    }
    refuse_types("authenticated_user_encoding", &[json!("hex"), json!(true)]);
}

#[test]
fn a_server_that_never_gets_a_preview() {
    for (vendor, preview) in [("generic", Some(5000)), ("fortinet", None)] {
        let mut config = with(&path("vendor"), json!(vendor));
        config["profiles"][0]["enable_preview"] = json!(true);
        assert_eq!(profile(&config).preview_bytes, preview, "{vendor}");
    }
}

#[test]
fn what_a_server_cant_look_into_is_opened_by_its_own_cause_only() {
    let mut config = with(&path("fail_action"), json!("fail_open"));
    let closed = profile(&config).fail_action(Cause::Unscannable);
    assert_eq!(closed, FailAction::Closed);
    config["profiles"][0]["fail_action_by_cause"] = json!({"unscannable": "fail_open"});
    let open = profile(&config).fail_action(Cause::Unscannable);
    assert_eq!(open, FailAction::Open);
}

#[test]
fn responses_go_to_another_host_only_by_another_cluster() {
    let url = path("response_service_url");
    let whole = |url: &str, value: Value| {
        let mut config = with(&path("service_url"), json!("icap://icap.example.net/req"));
        config["profiles"][0][url] = value;
        config
    };
    let mut config = whole(
        "response_service_url",
        json!("icap://other.example:1344/resp"),
    );
    refuse_at(&config, &url);
    config["profiles"][0]["response_cluster"] = json!("icap_resp");
    let read = profile(&config);
    assert_eq!(&**read.cluster_for(true), "icap_resp");
    assert_eq!(read.cluster_for(false), &read.cluster);
    let path_only = with(&url, json!("/resp"));
    assert_eq!(
        profile(&path_only).cluster_for(true),
        &profile(&path_only).cluster
    );
    for same in [
        "icap://ICAP.example.net/resp",
        "icap://icap.example.net:1344/resp",
    ] {
        let mut config = with(&path("service_url"), json!("icap://icap.example.net/req"));
        config["profiles"][0]["response_service_url"] = json!(same);
        accept(&config);
    }
    refuse_at(
        &with(&path("response_cluster"), json!("icap_resp")),
        &path("response_cluster"),
    );
}

#[test]
fn pages_for_clients() {
    for (object, read) in REPLIES {
        let name = format!("{object}.body");
        let whole = path(&name);
        assert!(!read(&profile(&base())).body.is_empty(), "{name}");
        for page in [
            String::new(),
            "a\nb 100%".to_owned(),
            "x".repeat(65_536),
            "%THREAT% %REASON% %REQUEST_ID%".to_owned(),
        ] {
            let read = read(&profile(&with(&whole, json!(page)))).clone();
            assert_eq!(read.body, page, "{name}");
        }
        let error = refuse_at(&with(&whole, json!("x".repeat(65_537))), &whole);
        assert_eq!(error.found, "string of 65537 bytes");
        let error = refuse_at(&with(&whole, json!("%THREATS%")), &whole);
        assert!(error.found.contains("\"THREATS\""), "{error}");
        assert!(error.allowed.contains("%THREAT%"), "{error}");
        refuse_types(&name, &[json!(1), json!(null), json!([]), json!({})]);
        refuse_neighbour(&name);
    }
    for object in ["options", "self_test"]
        .into_iter()
        .chain(REPLIES.iter().map(|(object, _)| *object))
    {
        refuse_types(object, &[json!(true), json!([]), json!(null), json!("x")]);
        refuse_neighbour(object);
    }
}

#[test]
fn placeholders_need_a_kind_of_page_that_can_be_escaped() {
    for (content_type, known) in [
        ("text/html; charset=utf-8", true),
        ("application/problem+json", true),
        ("application/xml", true),
        ("text/plain", true),
        ("text/css", false),
        ("application/octet-stream", false),
    ] {
        let mut page = json!({"content_type": content_type, "body": "no placeholder, 100%"});
        accept(&with(&path("fail_response"), page.clone()));
        page["body"] = json!("request %REQUEST_ID%");
        let config = with(&path("fail_response"), page);
        if known {
            accept(&config);
        } else {
            refuse_at(&config, &path("fail_response.content_type"));
        }
    }
}

/// The tables above leave none of the profile's attributes out.
/// Whether requests and responses stream, and what becomes of large bodies that do not.
#[test]
fn large_bodies_stream_where_a_profile_says_so() {
    let read = |config: &Value| {
        let profile = profile(config);
        let actions = [false, true].map(|of| profile.fail_action_for(Cause::Oversize, of));
        ([false, true].map(|of| profile.streams(of)), actions)
    };
    let (closed, open) = (FailAction::Closed, FailAction::Open);
    refuse_types("large_download_fail_action", &[json!("open"), json!(true)]);
    refuse_neighbour("large_download_fail_action");
    for (upload, download, streams, actions) in [
        (None, None, [false, false], [closed, closed]),
        (Some("fail_open"), None, [false, false], [open, open]),
        (Some("stream"), None, [true, false], [closed, closed]),
        (
            Some("stream"),
            Some("fail_open"),
            [true, false],
            [closed, open],
        ),
        (
            Some("fail_open"),
            Some("stream"),
            [false, true],
            [open, closed],
        ),
    ] {
        let mut config = base();
        let names = ["large_upload_fail_action", "large_download_fail_action"];
        for (name, action) in names.into_iter().zip([upload, download]) {
            if let Some(action) = action {
                set(&mut config, &path(name), json!(action));
            }
        }
        assert_eq!(read(&config), (streams, actions), "{upload:?} {download:?}");
    }
}

#[test]
fn every_attribute_of_a_profile_is_tested() {
    let schema: Value = serde_json::from_str(&icap_filter::config::schema::schema()).unwrap();
    let mut known = BTreeSet::new();
    names(&schema, "profiles", "", &mut known);
    let tested: BTreeSet<String> = INTEGERS
        .iter()
        .map(|case| case.0)
        .chain(BOOLEANS.iter().map(|case| case.0))
        .chain(SWITCHES.iter().map(|case| case.0))
        .chain(FAIL_ACTIONS.iter().map(|case| case.0))
        .chain(TEXTS.iter().map(|case| case.0))
        .chain(OTHERS.iter().copied())
        .map(str::to_owned)
        .chain(REPLIES.iter().map(|(object, _)| format!("{object}.body")))
        .chain(REPLIES.iter().map(|(object, _)| (*object).to_owned()))
        .collect();
    known.retain(|name| !name.starts_with("authorization."));
    assert_eq!(known, tested);
}

fn names(schema: &Value, section: &str, prefix: &str, into: &mut BTreeSet<String>) {
    let properties = schema["$defs"][section]["properties"].as_object().unwrap();
    for (name, property) in properties {
        if let Some(reference) = property["$ref"].as_str() {
            let section = reference.strip_prefix("#/$defs/").unwrap();
            names(schema, section, &format!("{prefix}{name}."), into);
        }
        into.insert(format!("{prefix}{name}"));
    }
}
