//! Whatever bytes a client or a server sends, both forms of the log stay valid, equal, and free of secrets.

use std::borrow::Cow;

use proptest::prelude::*;

use crate::config::{LogForms, Secrets};

use super::super::{
    Conclusion, IcapLog, Outcome, ScanRecord, Significance, TrailerNames, redact_headers,
};
use super::record;
use super::struct_decoder::decode;
use crate::icap::{Headers, HttpHead, RequestHead, ResponseHead};
use crate::verdict::tests::profile;
use crate::verdict::{BodyChange, IcapResponseView, Scan, judge};

/// No other generated text contains this.
const SECRET: &str = "hunter2-PASSWORD";

const SECRET_NAMES: [&str; 7] = [
    "Authorization",
    "proxy-authorization",
    "X-Authenticated-User",
    "Cookie",
    "SET-COOKIE",
    "X-Api-Key",
    "Authorization ",
];

fn header_name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "X-Infection-Found",
            "X-Violations-Found",
            "X-Virus-ID",
            "X-Response-Info",
            "X-Response-Desc",
            "X-Blocked-Reason",
            "X-Error-Code",
            "X-My-Verdict",
            "Connection",
        ])
        .prop_map(str::to_owned),
        "[!-9;-~]{1,12}",
    ]
}

/// Random values mixed with words of the headers' grammar, so that parsers get further.
fn header_value() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..24),
        "\\PC{0,8}".prop_map(String::into_bytes),
        prop::sample::select(vec![
            "Type=0; ",
            "Resolution=1;",
            "Resolution=",
            "Threat=",
            "\n",
            "1",
            "0",
            "2\n",
            " ",
            "\"",
        ])
        .prop_map(|s| s.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn headers() -> impl Strategy<Value = Headers> {
    prop::collection::vec((header_name(), header_value()), 0..8)
        .prop_map(|fields| fields.into_iter().collect())
}

/// Raw header lines: arbitrary bytes, and secrets in any of their forms, folds and line endings.
fn raw_headers() -> impl Strategy<Value = Vec<u8>> {
    let ending = || prop::sample::select(vec!["\r\n", "\n", "\r", "\r\n\r\n"]);
    let fold = prop::sample::select(vec![" ", "\r\n ", "\n\t", "\r\n\t\t", "\r "]);
    let secret = (prop::sample::select(SECRET_NAMES.to_vec()), fold, ending())
        .prop_map(|(name, fold, end)| format!("{name}:{fold}{SECRET}{end}").into_bytes());
    let noise = (prop::collection::vec(any::<u8>(), 0..40), ending())
        .prop_map(|(bytes, end)| [bytes.as_slice(), end.as_bytes()].concat());
    let line = (header_name(), header_value(), ending())
        .prop_map(|(name, value, end)| [name.as_bytes(), b": ", &value, end.as_bytes()].concat());
    prop::collection::vec(prop_oneof![secret, noise, line], 0..12).prop_map(|lines| lines.concat())
}

fn body_change() -> impl Strategy<Value = BodyChange> {
    prop::sample::select(vec![
        BodyChange::None,
        BodyChange::Same,
        BodyChange::Changed,
    ])
}

fn http_head() -> impl Strategy<Value = Option<HttpHead>> {
    let response = (100_u16..600, headers())
        .prop_map(|(status, headers)| HttpHead::Response(ResponseHead { status, headers }));
    let request = headers().prop_map(|headers| {
        HttpHead::Request(RequestHead {
            method: "POST".to_owned(),
            target: b"/".to_vec(),
            headers,
        })
    });
    prop::option::of(prop_oneof![response, request])
}

fn assert_no_raw_control(text: &str) {
    let raw = text.chars().find(|c| c.is_control());
    assert_eq!(raw, None, "raw control character in {text:?}");
}

proptest! {
    #[test]
    fn both_forms_stay_valid_and_equal(
        status in 100_u16..600,
        icap_headers in headers(),
        http in http_head(),
        body in body_change(),
        sent in raw_headers(),
        received in raw_headers(),
        method in "\\PC{0,12}",
        rule_name in any::<String>(),
        respmod in any::<bool>(),
    ) {
        let mut profile = profile("generic");
        profile.verdict_headers = vec![crate::config::IcapHeaderMatcher {
            name: "x-my-verdict".to_owned(),
            value: None,
        }];
        let view = IcapResponseView {
            scan: if respmod { Scan::Response } else { Scan::Request },
            status,
            headers: &icap_headers,
            page: b"",
            http: http.as_ref(),
            original_response: None,
            head_changed: false,
            body,
        };
        let findings = judge(&view, &profile).findings;
        let extra = ["x-api-key"];
        let records = [ScanRecord {
            http_method: Cow::Owned(method),
            icap_headers_sent_to_server: redact_headers(&sent, extra, &Secrets::default()).into(),
            icap_headers_received_from_server: redact_headers(&received, extra, &Secrets::default()).into(),
            findings: Cow::Owned(findings),
            ..record()
        }];
        let log = IcapLog {
            conclusion: Conclusion::done(Outcome::Blocked, Significance::BLOCKED),
            rule_name: Some(&rule_name),
            profile: Some("upload-av"),
            reason: None,
trailers: TrailerNames::default(),
            request_logs: &records,
            others: None,
        };

        let forms = |text, structure| log.in_forms(LogForms { text, structure });
        let (Some(json), Some(bytes)) = forms(true, true) else {
            panic!("both forms were asked for")
        };
        assert_no_raw_control(&json);
        let from_json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let from_struct = decode(&bytes).expect("a well-formed Struct");
        prop_assert_eq!(from_json, from_struct);
        prop_assert!(!json.contains(SECRET));
        prop_assert_eq!(forms(true, false), (Some(log.to_json()), None));
        prop_assert_eq!(forms(false, true), (None, Some(log.to_struct())));
        prop_assert_eq!(forms(false, false), (None, None));
        prop_assert_eq!(log.to_json(), json);
        prop_assert_eq!(log.to_struct(), bytes);
    }

    #[test]
    fn redaction_hides_every_secret_and_keeps_its_bound(raw in raw_headers()) {
        let text = redact_headers(&raw, ["x-api-key"], &Secrets::default());
        prop_assert!(!text.contains(SECRET), "{:?}", text);
        prop_assert!(text.len() <= super::super::MAX_HEADERS_TEXT_BYTES + '…'.len_utf8());
    }
}

#[test]
fn the_decoder_refuses_what_is_no_struct() {
    for broken in [
        &b"\x0a\x05\x0a\x01a"[..],
        b"\x12\x00",
        b"\x0a\x08\x0a\x01a\x12\x03\x1a\x01\xff",
    ] {
        assert_eq!(decode(broken), None, "{broken:?}");
    }
}
