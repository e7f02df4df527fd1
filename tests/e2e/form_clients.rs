//! Forms as real clients send them, before a real scanner.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;

use crate::support::c_icap;
use crate::support::client::{Version, post, sized};
use crate::support::form::FormBody;
use crate::support::payload::{MARK, assert_same_bytes, eicar, pattern};
use crate::support::scene::{PREVIEW, Scene};

async fn scene() -> Scene {
    let service = json!({"service_url": "icap://icap.test/avscan"});
    Scene::new(c_icap::address().await, service).await
}

/// Files of the names, in a directory of their own.
fn files(contents: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in contents {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

/// What is uploaded: the names of files, and whether one of them is infected.
const UPLOADS: [(&[&str], bool); 8] = [
    (&["clean.bin"], false),
    (&["eicar.com"], true),
    (&["clean.bin", "empty.txt", "large.bin"], false),
    (&["eicar.com", "clean.bin", "large.bin"], true),
    (&["clean.bin", "eicar.com", "large.bin"], true),
    (&["large.bin", "clean.bin", "eicar.com"], true),
    (&["empty.txt", "edge.bin"], true),
    (&["empty.txt"], false),
];

fn all_files() -> tempfile::TempDir {
    let mut edge = vec![b'a'; 3 * PREVIEW];
    edge[PREVIEW - 20..PREVIEW - 20 + MARK.len()].copy_from_slice(MARK.as_bytes());
    files(&[
        ("clean.bin", pattern(300).to_vec()),
        ("large.bin", pattern(5 * PREVIEW).to_vec()),
        ("empty.txt", Vec::new()),
        ("eicar.com", eicar()),
        ("edge.bin", edge),
    ])
}

/// Runs a command to its end, on a thread of its own.
async fn run(mut command: Command) -> Output {
    let running = tokio::task::spawn_blocking(move || command.output());
    running.await.unwrap().unwrap()
}

/// Sends all uploads with a client, which gives the status, and checks what comes of each.
async fn check_uploads(client: &str, send: impl AsyncFn(String, Vec<PathBuf>) -> String) {
    let scene = scene().await;
    let directory = all_files();
    let url = format!("http://{}/upload", scene.envoy.listener());
    let mut passed = 0;
    for (n, (names, infected)) in UPLOADS.into_iter().enumerate() {
        let paths = names
            .iter()
            .map(|name| directory.path().join(name))
            .collect();
        let status = send(url.clone(), paths).await;
        let expected = if infected { "403" } else { "200" };
        assert_eq!(status, expected, "{client}: {names:?}");
        let log = scene.icap_log(n).await;
        if infected {
            assert_eq!(log["action"], "ICAP_BLOCKED", "{log}");
            continue;
        }
        passed += 1;
        let entries = log["request_logs"].as_array().unwrap();
        let named = |name: &&str| {
            entries
                .iter()
                .any(|entry| entry["part"]["file_name"].as_str() == Some(*name))
        };
        assert!(names.iter().all(named), "{client}: {log}");
        let body = scene.application.next().await.body;
        for name in names {
            let file = std::fs::read(directory.path().join(name)).unwrap();
            let found = body
                .windows(file.len().max(1))
                .any(|w| file.is_empty() || w == file);
            assert!(found, "{client}: {name} did not arrive");
        }
    }
    assert_eq!(scene.application.requests_received(), passed);
}

#[tokio::test(flavor = "multi_thread")]
async fn curls_forms_are_scanned_file_by_file() {
    check_uploads("curl", async |url, paths| {
        let mut command = Command::new("curl");
        command.args([
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "-F",
            "title=a title",
        ]);
        for path in paths {
            command.arg("-F").arg(format!("file=@{}", path.display()));
        }
        command.arg(url);
        let output = run(command).await;
        String::from_utf8(output.stdout).unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_forms_of_pythons_requests_are_scanned_file_by_file() {
    const UPLOAD: &str = "import sys, requests\n\
         files = [('file', (path.rsplit('/', 1)[1], open(path, 'rb'))) for path in sys.argv[2:]]\n\
         answer = requests.post(sys.argv[1], data={'title': 'a title'}, files=files)\n\
         print(answer.status_code, end='')\n";
    let python = std::env::var_os("PYTHON_BIN").unwrap_or_else(|| ".venv/bin/python3".into());
    check_uploads("requests", async |url, paths| {
        let mut command = Command::new(&python);
        command.args(["-c", UPLOAD, &url]).args(paths);
        let output = run(command).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        String::from_utf8(output.stdout).unwrap()
    })
    .await;
}

/// Debian's package of one harmless file in some forty wrappings, which ClamAV unwraps.
const TEST_FILES: &str = "/usr/share/clamav-testfiles";

fn test_files() -> BTreeMap<String, Vec<u8>> {
    let directory = std::env::var_os("CLAMAV_TESTFILES").unwrap_or_else(|| TEST_FILES.into());
    let entries = Path::new(&directory).read_dir().unwrap();
    let read = |entry: std::fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, std::fs::read(entry.path()).unwrap())
    };
    entries.map(|entry| read(entry.unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_scanner_finds_in_a_file_is_found_in_a_form() {
    let scene = scene().await;
    let files = test_files();
    assert!(files.len() >= 40, "{} files", files.len());
    let mut client = scene.client(Version::Http1).await;
    let mut found = 0;
    for (name, bytes) in &files {
        let expected = if c_icap::finds(bytes).await { 403 } else { 200 };
        found += usize::from(expected == 403);
        let other = pattern(700);
        let forms = [
            FormBody::new().file("f", name, bytes),
            FormBody::new()
                .file("f", "a.bin", &other)
                .file("f", name, bytes)
                .file("f", "b.bin", &other),
            FormBody::new()
                .field("a", "b")
                .file("f", name, bytes)
                .field("c", "d"),
        ];
        let alone = client.send(post("/upload", sized(bytes.clone()))).await;
        assert_eq!(alone.status, expected, "{name} alone");
        for (n, form) in forms.iter().enumerate() {
            let answer = client.send(form.upload()).await;
            assert_eq!(answer.status, expected, "{name} in form {n}");
        }
        if expected == 200 {
            let received = scene.application.next().await.body;
            assert_same_bytes(name, &received, bytes);
            for form in forms {
                assert_same_bytes(name, &scene.application.next().await.body, &form.bytes());
            }
        }
    }
    assert!(found >= 40, "{found} of {} were found", files.len());
}
