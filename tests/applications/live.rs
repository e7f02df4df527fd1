//! What talks while it is open: WebSocket, server-sent events, long polls, and lines both ways in one request.

use crate::lab::{Changes, Lab};
use crate::program::{Application, client};

#[tokio::test(flavor = "multi_thread")]
async fn both_ends_of_a_websocket_talk_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let application = Application::own("echo", directory.path()).await;
    let lab = Lab::new(application.address).await;
    // An upgrade is never held, also where everything is scanned.
    for address in [lab.bare(), lab.scanned(), lab.both()] {
        let said = client("echo", &[&format!("ws://{address}/")]);
        assert_eq!(said["text"], "equal", "{said}");
        assert_eq!(said["binary"], "equal", "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_while_the_stream_is_open() {
    let directory = tempfile::tempdir().unwrap();
    let application = Application::own("events", directory.path()).await;
    let lab = Lab::new(application.address).await;
    for address in [lab.bare(), lab.scanned()] {
        for method in ["GET", "POST"] {
            let said = client("events", &[&address.to_string(), &method]);
            // The server sends an event only once the client has said that it has the one before.
            assert_eq!(
                said["events"],
                serde_json::json!(["0", "1", "2"]),
                "{method}: {said}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_waits_until_there_is_something() {
    let directory = tempfile::tempdir().unwrap();
    let application = Application::own("poll", directory.path()).await;
    let lab = Lab::new(application.address).await;
    for address in [lab.bare(), lab.scanned(), lab.both()] {
        let said = client("poll", &[&address.to_string()]);
        assert_eq!(said["news"], "it is here", "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_go_both_ways_in_one_request_where_a_rule_leaves_their_path_out() {
    let directory = tempfile::tempdir().unwrap();
    let application = Application::own("lines", directory.path()).await;
    let rules = serde_json::json!([
        {"name": "talks", "match": {"path": {"exact": "/talk"}}, "action": "bypass"},
        {"name": "uploads", "match": {"method": ["POST"], "has_body": true}, "action": "enable_icap", "profile": "upload-av"},
    ]);
    let changes = Changes {
        rules: Some(rules),
        ..Changes::default()
    };
    let lab = Lab::with(application.address, changes).await;
    for address in [lab.bare(), lab.scanned()] {
        // The client sends a line once the answer to the one before is there.
        let said = client("lines", &[&address.to_string(), &"/talk"]);
        assert_eq!(
            said["answers"],
            serde_json::json!(["0!", "1!", "2!"]),
            "{said}"
        );
    }
}
