//! Names within paths: what npm, GitLab and S3 send in one spelling arrives in that spelling.

use crate::lab::Lab;
use crate::program::{Application, client};

#[tokio::test(flavor = "multi_thread")]
async fn applications_get_each_path_as_the_client_wrote_it() {
    let directory = tempfile::tempdir().unwrap();
    let application = Application::own("paths", directory.path()).await;
    let lab = Lab::new(application.address).await;
    let paths = [
        // npm's scoped packages, GitLab's API, keys of S3, a document's address as a parameter.
        "/@scope%2fname",
        "/api/v4/projects/group%2Fproject/repository/files/a%2Fb.txt",
        "/bucket/a//b",
        "/bucket/a%2Fb%20c+d",
        "/bucket/%E2%82%AC",
        "/view?of=http://host/a/../b%2f",
    ];
    for address in [lab.bare(), lab.scanned(), lab.both()] {
        for method in ["GET", "PUT"] {
            let address = address.to_string();
            let mut arguments: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&address, &method];
            arguments.extend(paths.iter().map(|path| path as &dyn AsRef<_>));
            let said = client("paths", &arguments);
            assert_eq!(said["paths"], serde_json::json!(paths), "{method}: {said}");
        }
    }
}
