//! gRPC: grpcio on both sides.

use serde_json::json;

use crate::lab::{Changes, Lab};
use crate::program::{Application, client};
use crate::support::icap_server::refused_address;
use crate::support::payload::MARK;

fn scanning(icap: Option<std::net::SocketAddr>) -> Changes {
    Changes {
        rules: Some(
            json!([{"name": "all", "match": {}, "action": "enable_icap", "profile": "upload-av"}]),
        ),
        http2: true,
        icap,
        ..Changes::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_every_kind_pass_by_the_examples_rule() {
    let directory = tempfile::tempdir().unwrap();
    let application = Application::own("calls", directory.path()).await;
    let changes = Changes {
        http2: true,
        ..Changes::default()
    };
    let lab = Lab::with(application.address, changes).await;
    for address in [lab.bare(), lab.scanned()] {
        let said = client("calls", &[&address.to_string(), &"all"]);
        for kind in ["unary", "client_stream", "server_stream", "both_streams"] {
            assert_eq!(said[kind], "equal", "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_calls_are_scanned_a_refused_one_has_a_status_and_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let application = Application::own("calls", directory.path()).await;
    let lab = Lab::with(application.address, scanning(None)).await;
    let said = client("calls", &[&lab.scanned().to_string(), &"refused", &MARK]);
    assert_eq!(said["unary"], "equal", "{said}");
    assert_eq!(said["infected"]["code"], "PERMISSION_DENIED", "{said}");
    let details = said["infected"]["details"].as_str().unwrap();
    assert!(
        details.starts_with("blocked by the content scanner: Mark-Anywhere"),
        "{said}"
    );
    assert_eq!(said["large"]["code"], "RESOURCE_EXHAUSTED", "{said}");
    // EICAR does not stand at the start of what the scanner is shown.
    assert_eq!(said["eicar"], "equal", "{said}");

    let lab = Lab::with(application.address, scanning(Some(refused_address()))).await;
    let said = client("calls", &[&lab.scanned().to_string(), &"down"]);
    assert_eq!(said["unary"]["code"], "UNAVAILABLE", "{said}");
}
