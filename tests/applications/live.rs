//! What talks while it is open: WebSocket, and server-sent events.

use crate::lab::Lab;
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
