//! S3: boto3 with moto.

use std::path::Path;

use serde_json::{Value, json};

use crate::certificate::Certificate;
use crate::lab::{Changes, Lab};
use crate::program::{Application, client, python};
use crate::rules;

async fn moto(directory: &Path) -> Application {
    Application::start(python(), directory, |command, port| {
        command
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p"])
            .arg(port.to_string());
    })
    .await
}

fn talk(address: std::net::SocketAddr) -> Value {
    client("s3", &[&format!("http://{address}")])
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_arrive_as_they_were_and_an_infected_one_is_an_s3_error() {
    let directory = tempfile::tempdir().unwrap();
    let application = moto(directory.path()).await;
    let changes = Changes {
        profile: rules::answers("s3"),
        ..Changes::default()
    };
    let lab = Lab::with(application.address, changes).await;
    for address in [lab.bare(), lab.scanned(), lab.both()] {
        let said = talk(address);
        for what in ["put", "multipart", "presigned", "ranged", "odd_key"] {
            assert_eq!(said[what], "equal", "{said}");
        }
        let scanned = address != lab.bare();
        if scanned {
            assert_eq!(said["infected"]["code"], "AccessDenied", "{said}");
            let message = said["infected"]["message"].as_str().unwrap();
            assert!(message.contains("Eicar-Test-Signature"), "{said}");
            assert_eq!(said["stored"], false, "{said}");
            assert_eq!(said["large"]["code"], "EntityTooLarge", "{said}");
        } else {
            assert_eq!(said["infected"], Value::Null, "{said}");
            assert_eq!(said["stored"], true, "{said}");
            assert_eq!(said["large"], Value::Null, "{said}");
        }
    }
}

/// Over TLS boto3 sends `aws-chunked`: the scanner has to see the object without that framing.
#[tokio::test(flavor = "multi_thread")]
async fn over_tls_an_infected_object_is_never_stored_whichever_way_it_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let application = moto(directory.path()).await;
    let certificate = Certificate::new(directory.path());
    let trusted = certificate.chain.clone();
    let changes = Changes {
        profile: rules::answers("s3"),
        certificate: Some(certificate),
        ..Changes::default()
    };
    let lab = Lab::with(application.address, changes).await;
    for address in [lab.bare(), lab.scanned(), lab.both()] {
        let url = format!("https://{address}");
        let said = client("s3_tls", &[&url, &trusted]);
        assert_eq!(said["framed"], json!(["PutObject", "UploadPart"]), "{said}");
        for way in [
            "put_object",
            "put_stream",
            "multipart",
            "presigned_put",
            "presigned_form",
        ] {
            let said = &said[way];
            assert_eq!(said["clean"]["content"], "equal", "{way}: {said}");
            let infected = &said["infected"];
            if address == lab.bare() {
                assert_eq!(infected["content"], "equal", "{way}: {said}");
                continue;
            }
            assert_eq!(infected["there"], false, "{way}: {said}");
            let told = infected["said"].as_str().unwrap();
            let expected = match way {
                "presigned_put" | "presigned_form" => "403",
                _ => "Eicar-Test-Signature",
            };
            assert!(told.contains(expected), "{way}: {said}");
        }
    }
}
