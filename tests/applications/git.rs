//! git over HTTP. That its pushes are scanned and its clones survive a dead scanner is tested beside the page's rules.

use std::path::Path;

use crate::lab::Lab;
use crate::program::{Application, Said, python, run};
use crate::support::payload::{MIB, eicar, pattern};

fn git(directory: &Path, arguments: &[&str]) -> Said {
    run("git", |command| {
        command
            .current_dir(directory)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .args(["-c", "user.name=test", "-c", "user.email=test@test.test"])
            .args(arguments);
    })
}

#[track_caller]
fn succeed(directory: &Path, arguments: &[&str]) -> String {
    let said = git(directory, arguments);
    assert!(said.success, "{arguments:?}: {}", said.text);
    said.text
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_arrive_as_they_were_and_what_is_in_a_pack_no_scanner_sees() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    for name in ["bare", "scanned", "both"] {
        let repository = format!("store/{name}.git");
        succeed(at, &["init", "-q", "--bare", &repository]);
        let repository = at.join(repository);
        succeed(&repository, &["config", "http.receivepack", "true"]);
        succeed(&repository, &["symbolic-ref", "HEAD", "refs/heads/main"]);
    }
    let application = Application::start(python(), at, |command, port| {
        let server = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deploy/git_server.py");
        command
            .arg(server)
            .arg(at.join("store"))
            .arg(port.to_string());
    })
    .await;
    let lab = Lab::new(application.address).await;
    succeed(at, &["init", "-q", "-b", "main", "work"]);
    let work = at.join("work");
    // More than git sends with a length: the push is chunked.
    std::fs::write(work.join("large"), pattern(5 * MIB)).unwrap();
    std::fs::write(work.join("infected"), eicar()).unwrap();
    succeed(&work, &["add", "."]);
    succeed(&work, &["commit", "-q", "-m", "both"]);
    for (name, address) in [
        ("bare", lab.bare()),
        ("scanned", lab.scanned()),
        ("both", lab.both()),
    ] {
        let url = format!("http://{address}/{name}.git");
        succeed(&work, &["push", "-q", &url, "main"]);
        succeed(at, &["clone", "-q", &url, name]);
        let clone = at.join(name);
        succeed(&clone, &["fsck", "--strict"]);
        let head = |directory: &Path| succeed(directory, &["rev-parse", "HEAD"]);
        assert_eq!(head(&clone), head(&work), "{name}");
        let got = std::fs::read(clone.join("infected")).unwrap();
        assert_eq!(got, eicar(), "{name}");
    }
    assert!(lab.envoy.metric("passed").await > 0);
}
