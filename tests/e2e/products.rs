//! Every product's answers, as recorded or documented, through one Envoy: by REQMOD and by RESPMOD, where the profile fails closed and
//! where it fails open.

#[path = "../products/rows.rs"]
mod rows;

use std::collections::BTreeSet;

use hyper::Method;
use rows::{Outcome, ROWS, Row, To};
use serde_json::{Value, json};

use crate::support::client::{Version, empty, post, request, sized};
use crate::support::icap_server::{Behaviour, IcapServer};
use crate::support::scene::{Scene, profile};

/// What the application answers and is sent.
const BODY: &str = "neither the server nor its client knows what this is";

const MODES: [&str; 2] = ["fail_closed", "fail_open"];

const DIRECTIONS: [&str; 2] = ["up", "down"];

/// One profile for each product, mode and direction, found by the first segments of the path.
fn configuration() -> Value {
    let products: BTreeSet<&str> = ROWS.iter().map(|row| row.product).collect();
    let (mut profiles, mut rules) = (Vec::new(), Vec::new());
    for product in products {
        for (mode, direction) in MODES
            .into_iter()
            .flat_map(|mode| DIRECTIONS.map(|direction| (mode, direction)))
        {
            let name = format!("{product}-{mode}-{direction}");
            let mut settings = json!({"name": name, "vendor": product, "fail_action": mode});
            if direction == "down" {
                settings["response_service_url"] = json!("icap://icap.test:1344/scan");
            }
            profiles.push(profile(settings));
            rules.push(json!({
                "name": name,
                "match": {"path": {"prefix": format!("/{product}/{mode}/{direction}/")}},
                "action": "enable_icap",
                "profile": name,
            }));
        }
    }
    json!({"profiles": profiles, "rules": rules})
}

/// The status that the client gets, and `action` and `significance` of icap_log.
fn expected(row: &Row, mode: &str) -> (u16, &'static str, Vec<&'static str>) {
    match row.outcome {
        Outcome::Passed => (200, "ICAP_PASSED", Vec::new()),
        Outcome::Blocked(status) => (status, "ICAP_BLOCKED", vec!["ADF_ICAP_BLOCKED"]),
        Outcome::Unscannable => (403, "ICAP_BLOCKED", vec!["ADF_ICAP_UNSCANNABLE"]),
        Outcome::Trouble => {
            let status = if mode == "fail_open" { 200 } else { 503 };
            (status, "ICAP_FAILED", vec!["ADF_ICAP_SERVER_ERROR"])
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_product_is_understood_in_reqmod_and_respmod_closed_and_open() {
    let server = IcapServer::serving(Behaviour::Allow).await;
    let scene = Scene::with(server.address(), json!({}), |setup| {
        setup.plugin = configuration().to_string();
    })
    .await;
    let mut client = scene.client(Version::Http1).await;
    let mut sent = 0;
    for row in ROWS {
        for (mode, direction) in MODES
            .into_iter()
            .flat_map(|mode| DIRECTIONS.map(|direction| (mode, direction)))
        {
            let left_out = match row.to {
                To::Both => "",
                To::Requests => "down",
                To::Responses => "up",
            };
            if direction == left_out {
                continue;
            }
            let case = format!("{}, {}, {mode}, {direction}", row.product, row.what);
            let path = format!("/{}/{mode}/{direction}/file.bin", row.product);
            let answer = Behaviour::Answer(row.bytes());
            let request = match direction {
                "up" => {
                    server.now(answer);
                    post(&path, sized(BODY))
                }
                _ => {
                    server.now(Behaviour::Responses(Box::new(answer)));
                    request(Method::GET, &path, empty())
                }
            };
            let got = client.send(request).await;
            let log = scene.icap_log(sent).await;
            sent += 1;
            let (status, action, significance) = expected(row, mode);
            assert_eq!(got.status, status, "{case}: {log}");
            assert_eq!(log["action"], action, "{case}: {log}");
            let reasons = log.get("significance").cloned().unwrap_or(json!([]));
            assert_eq!(reasons, json!(significance), "{case}: {log}");
            let entry = log["request_logs"].as_array().unwrap().last().unwrap();
            assert_eq!(entry["vendor"], row.product, "{case}: {log}");
            assert_eq!(entry["reason"].as_str(), row.reason, "{case}: {log}");
            assert_eq!(entry["threat_id"].as_str(), row.threat, "{case}: {log}");
        }
    }
    let unscannable = ROWS
        .iter()
        .filter(|row| row.outcome == Outcome::Unscannable);
    let unscannable = 4 * unscannable.count() as u64;
    let metric = "wasmcustom.icap_filter.failed.unscannable";
    scene.envoy.until_stat(metric, unscannable).await;
    assert_eq!(scene.envoy.stat(metric).await, unscannable);
}
