//! git behind an example, with the rules that the documentation has for it: pushes are scanned, clones are not.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::examples::Scene;
use crate::process::Process;
use crate::servers::Server;
use crate::{eventually, pages, root, yaml};

/// The rules of the page.
fn rules() -> Value {
    let page = pages::read(&root().join("docs/applications.md"));
    let mut blocks = page.blocks.iter().filter(|b| b.language == "yaml");
    let block = blocks.find(|block| block.text().contains("git-upload-pack"));
    yaml::parse(&block.unwrap().text()).unwrap().remove(0)["rules"].take()
}

fn git(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("git");
    command
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .args(["-c", "user.name=test", "-c", "user.email=test@test.test"])
        .args(arguments);
    command.output().unwrap()
}

#[track_caller]
fn succeed(directory: &Path, arguments: &[&str]) -> String {
    let output = git(directory, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// A server with one empty repository.
fn serve(directory: &Path) -> (Server, Process) {
    succeed(directory, &["init", "-q", "--bare", "store/project.git"]);
    let project = directory.join("store/project.git");
    succeed(&project, &["config", "http.receivepack", "true"]);
    succeed(&project, &["symbolic-ref", "HEAD", "refs/heads/main"]);
    let printed = directory.join("port");
    let output = File::create(&printed).unwrap();
    let python = std::env::var_os("PYTHON_BIN").unwrap_or_else(|| "python3".into());
    let process = Process::start(python, |command| {
        command
            .arg(root().join("tests/deploy/git_server.py"))
            .arg(directory.join("store"))
            .stdout(output)
            .stderr(File::create(directory.join("git-server.log")).unwrap());
    });
    let port = eventually("the git server", || {
        std::fs::read_to_string(&printed).ok()?.trim().parse().ok()
    });
    (Server::counting(port), process)
}

#[test]
fn pushes_are_scanned_and_a_dead_scanner_stops_no_clone() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (server, _process) = serve(at);
    let start = |alive: bool| {
        Scene::start_with("envoy/envoy.yaml", server.clone(), |config| {
            yaml::mappings_mut(config, &mut |fields| {
                if fields.contains_key("rules") && fields.contains_key("profiles") {
                    fields.insert("rules".to_owned(), rules());
                }
                // Nobody listens on port 1.
                if !alive && fields.get("name").is_some_and(|name| name == "icap_pool") {
                    let address = json!({"address": "127.0.0.1", "port_value": 1});
                    fields["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
                        ["socket_address"] = address;
                }
            });
        })
    };
    let url = |scene: &Scene| format!("http://{}/project.git", scene.envoy.listener);
    let commit = |name: &str| {
        // More than what git sends with a length, and nothing that can be made smaller.
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        let noise: Vec<u8> = noise.take(3_000_000).collect();
        std::fs::write(at.join("work").join(name), noise).unwrap();
        succeed(&at.join("work"), &["add", "."]);
        succeed(&at.join("work"), &["commit", "-q", "-m", name]);
    };
    succeed(at, &["init", "-q", "-b", "main", "work"]);
    commit("first");

    let scene = start(true);
    let work = at.join("work");
    succeed(&work, &["push", "-q", &url(&scene), "main"]);
    let scanned = scene.icap_server.requests();
    assert!(scanned > 0);
    succeed(at, &["clone", "-q", &url(&scene), "clone"]);
    assert_eq!(scene.icap_server.requests(), scanned);
    let head = |directory: &str| succeed(&at.join(directory), &["rev-parse", "HEAD"]);
    assert_eq!(head("clone"), head("work"));
    succeed(&at.join("clone"), &["fsck", "--strict"]);

    let scene = start(false);
    commit("second");
    let push = git(&work, &["push", "-q", &url(&scene), "main"]);
    let said = String::from_utf8_lossy(&push.stderr);
    assert!(!push.status.success() && said.contains("503"), "{said}");
    succeed(at, &["clone", "-q", &url(&scene), "other"]);
    assert_eq!(head("other"), head("clone"));
}
