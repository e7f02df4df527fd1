//! Lines of an access log as Envoy writes them with `envoy/envoy.yaml`: always the same ones for the same numbers.

use serde_json::{Value, json};

/// A number that looks like chance.
pub fn scramble(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Noon of a day, in seconds since 1970.
const START: u64 = 1_790_000_000;

/// The time of a line, `n` tenths of a second after the start.
pub fn time(n: u64) -> String {
    let moment = jiff::Timestamp::from_millisecond(((START * 10 + n) * 100) as i64).unwrap();
    format!("{moment:.3}")
}

const SENT: &str = "Host: icap.example.net:1344\\r\\nAllow: 204\\r\\nPreview: 5000\\r\\nX-Client-IP: 192.0.2.1\\r\\nEncapsulated: req-hdr=0, req-body=412\\r\\n";
const RECEIVED: &str = "ISTag: \\\"clamav-27318\\\"\\r\\nServer: C-ICAP/0.5.10\\r\\nConnection: keep-alive\\r\\nEncapsulated: null-body=0\\r\\n";
const THREATS: [&str; 6] = [
    "Win.Test.EICAR_HDB-1",
    "Pdf.Exploit.CVE_2018_4882-6449963-0",
    "Doc.Dropper.Emotet-9778",
    "Js.Trojan.Redirector-1",
    "Html.Phishing.Bank-1298",
    "Xls.Downloader.Generic-77",
];
const FAILURES: [(&str, &str); 4] = [
    ("ADF_ICAP_TIMEDOUT", "no verdict within 60000 ms"),
    ("ADF_ICAP_CONNECTION_ERROR", "no connection to the server"),
    (
        "ADF_ICAP_SERVER_ERROR",
        "unreadable ICAP response: found HTTP, expected ICAP",
    ),
    (
        "ADF_ICAP_OVERLOAD",
        "too many requests are waiting for a connection",
    ),
];

/// icap_log of one transaction.
fn scanned(action: &str, significance: &str, reason: &str, threat: &str, chance: u64) -> String {
    let latency = {
        // From a few milliseconds to a minute, most of them short.
        let base = 4 + (chance >> 8) % 60;
        match chance % 100 {
            0 => base * 400,
            1..=5 => base * 40,
            6..=20 => base * 6,
            _ => base,
        }
    };
    let significance = match significance {
        "" => String::new(),
        name => format!(r#""significance":["{name}"],"#),
    };
    let found = [("reason", reason), ("threat_id", threat)]
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!(r#","{name}":"{value}""#))
        .collect::<String>();
    let (profile, pool) =
        [("upload-av", "icap_pool"), ("dlp", "dlp_pool")][usize::from(chance.is_multiple_of(7))];
    let whole = !chance.is_multiple_of(3);
    let status = if action == "ICAP_BLOCKED" { 200 } else { 204 };
    let server = chance / 11 % 3 + 10;
    format!(
        r#"{{"action":"{action}","rule_name":"scan-uploads","profile":"{profile}",{significance}"request_logs":[{{"icap_response_code":{status},"icap_method":"ICAP_METHOD_REQMOD","http_method":"HTTP_METHOD_POST","icap_absolute_uri":"icap://icap.example.net:1344/avscan","complete_body_sent":{whole},"pool_name":{{"val":"{pool}","crc32":1799851903}},"icap_server_ip":"10.0.0.{server}","icap_server_port":1344,"latency":"{latency}","icap_headers_sent_to_server":"{SENT}","icap_headers_received_from_server":"{RECEIVED}","vendor":"c_icap","action":"{action}"{found}}}]}}"#
    )
}

/// icap_log of request `n`.
pub fn icap_log(n: u64) -> String {
    let chance = scramble(n);
    match chance % 1000 {
        0..=14 => {
            let threat = THREATS[(chance >> 16) as usize % THREATS.len()];
            scanned(
                "ICAP_BLOCKED",
                "ADF_ICAP_BLOCKED",
                "Infected",
                threat,
                chance >> 20,
            )
        }
        15..=24 => {
            let (significance, reason) = FAILURES[(chance >> 16) as usize % FAILURES.len()];
            scanned("ICAP_FAILED", significance, reason, "", chance >> 20)
        }
        25..=34 => scanned("ICAP_MODIFIED", "ADF_ICAP_MODIFIED", "", "", chance >> 20),
        35..=149 => r#"{"action":"ICAP_DISABLED"}"#.to_owned(),
        150..=199 => r#"{"action":"ICAP_DISABLED","rule_name":"skip-health"}"#.to_owned(),
        _ => scanned("ICAP_PASSED", "", "", "", chance >> 20),
    }
}

/// Line `n`, about 1,100 bytes long where it was scanned.
pub fn line(n: u64) -> String {
    let chance = scramble(n ^ 0xabcd);
    let log = icap_log(n);
    let status = match log.get(10..17).unwrap_or_default() {
        ":\"ICAP_" if log.starts_with(r#"{"action":"ICAP_BLOCKED"#) => 403,
        _ if log.starts_with(r#"{"action":"ICAP_FAILED"#) => 503,
        _ => 200,
    };
    let path = match chance % 10 {
        0..=3 => "/upload".to_owned(),
        4..=5 => "/api/v1/documents".to_owned(),
        6 => "/health".to_owned(),
        7 => "/api/v1/avatars".to_owned(),
        _ => format!("/api/v1/documents/{}", (chance >> 12) % 5000),
    };
    let (third, fourth) = ((chance >> 30) % 4, (chance >> 34) % 250 + 1);
    format!(
        r#"{{"time":"{}","request_id":"{:016x}","client":"198.51.{third}.{fourth}","method":"POST","authority":"files.example.com","path":"{path}?part={}","protocol":"HTTP/1.1","status":{status},"status_details":"via_upstream","flags":"-","bytes_received":{},"bytes_sent":120,"duration_ms":{},"icap_log":{log}}}"#,
        time(n),
        scramble(n),
        n % 17,
        chance % 9_000_000,
        chance % 900 + 20,
    )
}

/// The same line with another icap_log.
pub fn line_with(log: &Value) -> Value {
    json!({
        "time": "2026-09-21T14:13:20.000Z", "client": "192.0.2.7", "method": "POST", "authority": "files.example.com",
        "path": "/upload?x=1", "status": 200, "duration_ms": 40, "icap_log": log,
    })
}
