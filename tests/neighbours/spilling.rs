//! A filter that writes bodies to disk, before ours.

use serde_json::json;

use crate::application::Application;
use crate::filters;
use crate::outcome::{Delivery, Outcome};
use crate::rows::{Place, Row};
use crate::world::World;

/// That filter's memory limit becomes the limit of what Envoy holds: 413. Where it writes to disk all the same, Envoy has been seen
/// to end. Whatever happens, the application has the whole body or no whole request.
#[tokio::test(flavor = "multi_thread")]
async fn file_system_buffer_before_ours_that_spills_never_forwards_another_body() {
    let application = Application::start(crate::application::Manner::Plain).await;
    let row = |directory: &std::path::Path| {
        let filter = filters::filter(
            "file_system_buffer",
            "FileSystemBufferFilterConfig",
            json!({
                "manager_config": {"thread_pool": {"thread_count": 1}},
                "storage_buffer_path": directory.to_str(),
                "request": {
                    "behavior": {"fully_buffer": {}},
                    "memory_buffer_bytes_limit": 1024, "storage_buffer_bytes_limit": 1 << 20,
                },
            }),
        );
        Row::new("file_system_buffer", Place::Before, vec![filter])
    };
    let rows = |_: &std::path::Path, directory: &std::path::Path| vec![row(directory)];
    let world = World::start(rows, &[application.address()]).await;
    let row = row(std::path::Path::new(""));
    let way = world.way(&row);
    // An answer, or none where Envoy has ended.
    let _ = way.send(Outcome::Clean, Delivery::OnePiece).await;
    let (requests, stray) = application.take(0).await;
    assert!(stray.is_empty());
    for request in requests.iter().filter(|request| request.complete) {
        assert!(
            request.body == Outcome::Clean.parts().concat(),
            "another body"
        );
    }
}
