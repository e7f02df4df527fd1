//! Files that clients wrap into something: Google's library for Cloud Storage, SOAP with zeep, gRPC with grpcio.

use std::path::Path;

use serde_json::{Value, json};

use crate::lab::{Changes, Lab};
use crate::program::{Application, client};

/// How many uploads have reached the application.
fn arrived(directory: &Path) -> usize {
    let uploads = std::fs::read_to_string(directory.join("uploads")).unwrap();
    uploads.lines().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_beside_its_metadata_is_scanned_on_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let application = Application::own("digests", directory.path()).await;
    let lab = Lab::new(application.address).await;
    let mut expected = 0;
    for (address, scanned) in [
        (lab.bare(), false),
        (lab.scanned(), true),
        (lab.both(), true),
    ] {
        let said = client("media", &[&address.to_string()]);
        for what in ["clean", "text"] {
            assert_eq!(said[what]["content"], "equal", "{said}");
            assert_eq!(said[what]["type"], "multipart/related", "{said}");
        }
        assert_told(&said["infected"], scanned);
        expected += if scanned { 2 } else { 3 };
        assert_eq!(arrived(directory.path()), expected);
    }
}

/// What a client has got for an infected file.
#[track_caller]
fn assert_told(infected: &Value, scanned: bool) {
    let status = if scanned { 403 } else { 200 };
    assert_eq!(infected["status"], status, "{infected}");
    if scanned {
        let text = infected["text"].as_str().unwrap();
        assert!(text.contains("Eicar-Test-Signature"), "{infected}");
    }
}

/// zeep sends content in its envelope alone: there no scanner finds it. It can't send MTOM; what is sent here beside its envelope is
/// of that shape.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_beside_a_soap_envelope_is_scanned_on_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let application = Application::own("digests", directory.path()).await;
    let lab = Lab::new(application.address).await;
    let wsdl = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/applications/clients/store.wsdl"
    );
    let mut expected = 0;
    for (address, scanned) in [
        (lab.bare(), false),
        (lab.scanned(), true),
        (lab.both(), true),
    ] {
        let said = client("soap", &[&address.to_string(), &wsdl]);
        for (form, what) in [
            ("envelope", "clean"),
            ("envelope", "infected"),
            ("mtom", "clean"),
        ] {
            assert_eq!(said[form][what]["content"], "equal", "{said}");
        }
        assert_told(&said["mtom"]["infected"], scanned);
        expected += if scanned { 3 } else { 4 };
        assert_eq!(arrived(directory.path()), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_a_bytes_field_of_a_call_is_scanned_on_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let application = Application::own("calls", directory.path()).await;
    let changes = Changes {
        profile: json!({"extract": ["grpc_bytes"]}),
        rules: Some(
            json!([{"name": "all", "match": {}, "action": "enable_icap", "profile": "upload-av"}]),
        ),
        http2: true,
        ..Changes::default()
    };
    let lab = Lab::with(application.address, changes).await;
    let said = client("calls", &[&lab.scanned().to_string(), &"fields"]);
    assert_eq!(said["unary"], "equal", "{said}");
    for what in ["eicar", "nested"] {
        assert_eq!(said[what]["code"], "PERMISSION_DENIED", "{said}");
        let details = said[what]["details"].as_str().unwrap();
        assert!(details.contains("Eicar-Test-Signature"), "{said}");
    }
    let said = client("calls", &[&lab.bare().to_string(), &"fields"]);
    for what in ["unary", "eicar", "nested"] {
        assert_eq!(said[what], "equal", "{said}");
    }
}
