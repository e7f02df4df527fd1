//! Resumable uploads by tus: tuspy with a server of these tests.

use crate::lab::Lab;
use crate::program::{Application, client};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_one_piece_is_scanned_and_one_in_pieces_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let application = Application::own("tus", directory.path()).await;
    let lab = Lab::new(application.address).await;
    for address in [lab.bare(), lab.scanned(), lab.both()] {
        let said = client("tus", &[&format!("http://{address}/files/")]);
        assert_eq!(said["whole"], "equal", "{said}");
        assert_eq!(said["pieces"], "equal", "{said}");
        let scanned = address != lab.bare();
        let refused = said["infected"]
            .as_str()
            .is_some_and(|text| text.contains("403"));
        assert_eq!(refused, scanned, "{said}");
        // No request has the file in it: docs/split-uploads.md. The response does.
        let expected = match address == lab.both() {
            true => "403 for what was stored",
            false => "equal",
        };
        assert_eq!(said["infected_in_pieces"], expected, "{said}");
    }
}
