//! The configuration files of the ICAP server's pod, with the real c-icap and clamd.

use std::fs::{File, create_dir, read_to_string, write};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use crate::process::Process;
use crate::{eventually, root};

fn program(variable: &str, default: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| default.into(), PathBuf::from)
}

/// Copies a file of the pod, with its places changed to those of this machine.
fn localise(name: &str, directory: &Path, places: &[(&str, &str)]) -> PathBuf {
    let mut text = read_to_string(root().join("deploy/icap-server").join(name)).unwrap();
    for (from, to) in places {
        assert!(text.contains(from), "{name} has no {from}");
        text = text.replace(from, to);
    }
    let path = directory.join(name);
    write(&path, text).unwrap();
    path
}

/// Where c-icap's modules are on this machine.
fn modules() -> String {
    let places = Path::new("/usr/lib").read_dir().unwrap();
    let mut places = places.map(|entry| entry.unwrap().path().join("c_icap"));
    let place = places.find(|path| path.join("virus_scan.so").exists());
    place
        .expect("c-icap's modules")
        .to_str()
        .unwrap()
        .to_owned()
}

fn exchange(port: u16, request: &[u8]) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(request).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn the_pod_finds_eicar_and_passes_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    for name in ["run", "tmp", "signatures"] {
        create_dir(at.join(name)).unwrap();
    }
    let eicar = [
        "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR",
        "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*",
    ]
    .concat();
    let hex: String = eicar.bytes().map(|b| format!("{b:02x}")).collect();
    write(
        at.join("signatures/eicar.ndb"),
        format!("Eicar:0:*:{hex}\n"),
    )
    .unwrap();

    let run = at.join("run").to_str().unwrap().to_owned();
    let tmp = at.join("tmp").to_str().unwrap().to_owned();
    let signatures = at.join("signatures").to_str().unwrap().to_owned();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let clamd = localise(
        "clamd.conf",
        at,
        &[
            ("/run/icap", &run),
            ("Directory /tmp", &format!("Directory {tmp}")),
            ("/var/lib/clamav", &signatures),
        ],
    );
    let c_icap = localise(
        "c-icap.conf",
        at,
        &[
            ("Port 1344", &format!("Port 127.0.0.1:{port}")),
            ("TmpDir /tmp", &format!("TmpDir {tmp}")),
            ("/run/icap", &run),
            ("/usr/lib/x86_64-linux-gnu/c_icap", &modules()),
        ],
    );
    let output = |name: &str| File::create(at.join(name)).unwrap();
    let _clamd = Process::start(program("CLAMD_BIN", "/usr/sbin/clamd"), |command| {
        let output = output("clamd.log");
        let out = output.try_clone().unwrap();
        command
            .arg("--config-file")
            .arg(clamd)
            .stdout(out)
            .stderr(output);
    });
    eventually("clamd", || {
        std::os::unix::net::UnixStream::connect(at.join("run/clamd.sock")).ok()
    });
    let _c_icap = Process::start(program("C_ICAP_BIN", "/usr/bin/c-icap"), |command| {
        let output = output("c-icap.log");
        let out = output.try_clone().unwrap();
        command
            .args(["-N", "-D", "-f"])
            .arg(c_icap)
            .stdout(out)
            .stderr(output);
    });
    eventually("c-icap to answer OPTIONS", || {
        let answer = exchange(
            port,
            b"OPTIONS icap://x/avscan ICAP/1.0\r\nHost: x\r\nConnection: close\r\nEncapsulated: null-body=0\r\n\r\n",
        )?;
        answer.starts_with("ICAP/1.0 200").then_some(())
    });
    let scan = |body: &str| {
        let head = "POST / HTTP/1.1\r\nHost: x\r\n\r\n";
        let request = format!(
            "REQMOD icap://x/avscan ICAP/1.0\r\nHost: x\r\nAllow: 204\r\nConnection: close\r\n\
             Encapsulated: req-hdr=0, req-body={}\r\n\r\n{head}{:x}\r\n{body}\r\n0\r\n\r\n",
            head.len(),
            body.len()
        );
        exchange(port, request.as_bytes()).unwrap()
    };
    let clean = scan("nothing is wrong with this");
    assert!(clean.starts_with("ICAP/1.0 204"), "{clean}");
    let bad = scan(&eicar);
    assert!(bad.starts_with("ICAP/1.0 200"), "{bad}");
    assert!(
        bad.contains(" 403 Forbidden") && bad.contains("Threat=Eicar"),
        "{bad}"
    );
}
