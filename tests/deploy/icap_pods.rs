//! The files of the ICAP server's pod, its scripts among them, with the real c-icap and clamd.

use std::fs::{File, create_dir, read_to_string, write};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::Process;
use crate::{chart, eventually, root};

/// Where the pod's files are.
const FILES: &str = "deploy/helm/icap-filter/files";

/// The EICAR test file.
pub fn eicar() -> Vec<u8> {
    let parts = [
        "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR",
        "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*",
    ];
    parts.concat().into_bytes()
}

fn program(variable: &str, default: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| default.into(), PathBuf::from)
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

/// The containers of a pod, on this machine.
struct Pod {
    port: u16,
    directory: TempDir,
}

impl Pod {
    fn new() -> Self {
        let pod = Self {
            port: TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port(),
            directory: tempfile::tempdir().unwrap(),
        };
        for name in ["run", "tmp", "signatures"] {
            create_dir(pod.at(name)).unwrap();
        }
        // As ClamAV's own: at a file's start.
        let hex: String = eicar().iter().map(|b| format!("{b:02x}")).collect();
        write(pod.at("signatures/eicar.ndb"), format!("Eicar:0:0:{hex}\n")).unwrap();
        pod.localise(
            "clamd.conf",
            &[
                ("/run/icap", "run"),
                ("Directory /tmp", "Directory tmp"),
                ("/var/lib/clamav", "signatures"),
            ],
        );
        pod.localise(
            "c-icap.conf",
            &[
                ("Port 1344", ""),
                ("TmpDir /tmp", "TmpDir tmp"),
                ("/run/icap", "run"),
                ("/usr/lib/c_icap", ""),
            ],
        );
        pod
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn socket(&self) -> PathBuf {
        self.at("run/clamd.sock")
    }

    /// Copies a file of the pod, with its places changed to those of this machine.
    fn localise(&self, name: &str, places: &[(&str, &str)]) {
        let mut text = read_to_string(root().join(FILES).join(name)).unwrap();
        for (from, to) in places {
            assert!(text.contains(from), "{name} has no {from}");
            let here = match *from {
                "Port 1344" => format!("Port 127.0.0.1:{}", self.port),
                "/usr/lib/c_icap" => modules(),
                _ => match to.split_once(' ') {
                    Some((word, to)) => format!("{word} {}", self.at(to).display()),
                    None => self.at(to).display().to_string(),
                },
            };
            text = text.replace(from, &here);
        }
        write(self.at(name), text).unwrap();
    }

    fn clamd(&self) -> Process {
        let clamd = program("CLAMD_BIN", "/usr/sbin/clamd");
        let config = self.at("clamd.conf");
        self.start(
            clamd,
            &["--config-file", config.to_str().unwrap()],
            "clamd.log",
        )
    }

    /// c-icap as the manifest starts it: after clamd.
    fn c_icap(&self) -> Process {
        let container = container("c-icap");
        let command = words(&container["command"]);
        let [
            "bash",
            script,
            "/run/icap/clamd.sock",
            "c-icap",
            options @ ..,
        ] = &command.iter().map(String::as_str).collect::<Vec<_>>()[..]
        else {
            panic!("{command:?}");
        };
        let c_icap = program("C_ICAP_BIN", "/usr/bin/c-icap");
        let mut arguments = vec![
            here(script),
            self.socket().display().to_string(),
            c_icap.display().to_string(),
        ];
        arguments.extend(
            options
                .iter()
                .map(|option| option.replace("/etc/icap", self.directory.path().to_str().unwrap())),
        );
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.start("bash".into(), &arguments, "c-icap.log")
    }

    /// c-icap as it would be without a script that waits.
    fn c_icap_at_once(&self) -> Process {
        let c_icap = program("C_ICAP_BIN", "/usr/bin/c-icap");
        let config = self.at("c-icap.conf");
        self.start(
            c_icap,
            &["-N", "-D", "-f", config.to_str().unwrap()],
            "c-icap.log",
        )
    }

    fn start(&self, program: PathBuf, arguments: &[&str], log: &str) -> Process {
        let output = File::create(self.at(log)).unwrap();
        Process::start(program, |command| {
            command
                .args(arguments)
                .stdout(output.try_clone().unwrap())
                .stderr(output);
        })
    }

    /// Whether a probe of c-icap's container succeeds.
    fn probe(&self, name: &str) -> bool {
        let probe = &container("c-icap")[name]["exec"]["command"];
        let command = words(probe);
        let ["bash", script, what, "1344", "/run/icap/clamd.sock"] =
            command.iter().map(String::as_str).collect::<Vec<_>>()[..]
        else {
            panic!("{command:?}");
        };
        Command::new("bash")
            .args([&here(script), what, &self.port.to_string()])
            .arg(self.socket())
            .status()
            .unwrap()
            .success()
    }

    fn is_ready(&self) -> bool {
        self.probe("readinessProbe")
    }

    fn is_alive(&self) -> bool {
        self.probe("livenessProbe")
    }

    fn listens(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    fn until_clamd_answers(&self) {
        eventually("clamd", || {
            let ping = root().join(FILES).join("ping-clamd");
            let answered = Command::new(ping).arg(self.socket()).status();
            answered.unwrap().success().then_some(())
        });
    }

    fn until_ready(&self) {
        eventually("the pod to be ready", || self.is_ready().then_some(()));
    }

    /// What c-icap answers to an upload of that body.
    fn scan(&self, body: &[u8]) -> String {
        let head = "POST / HTTP/1.1\r\nHost: x\r\n\r\n";
        let mut request = format!(
            "REQMOD icap://x/avscan ICAP/1.0\r\nHost: x\r\nAllow: 204\r\nConnection: close\r\n\
             Encapsulated: req-hdr=0, req-body={}\r\n\r\n{head}{:x}\r\n",
            head.len(),
            body.len()
        )
        .into_bytes();
        request.extend(body);
        request.extend(b"\r\n0\r\n\r\n");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[track_caller]
    fn assert_passes(&self, body: &[u8]) {
        let answer = self.scan(body);
        assert!(answer.starts_with("ICAP/1.0 204"), "{answer}");
    }

    #[track_caller]
    fn assert_blocks(&self, body: &[u8], threat: &str) {
        let answer = self.scan(body);
        assert!(answer.starts_with("ICAP/1.0 200"), "{answer}");
        assert!(answer.contains(" 403 Forbidden"), "{answer}");
        assert!(answer.contains(&format!("Threat={threat}")), "{answer}");
    }
}

/// A container of the pod in the manifest.
fn container(name: &str) -> Value {
    let mut deployment = chart::resource("istio-gateway", "Deployment", "c-icap");
    let containers = &mut deployment["spec"]["template"]["spec"]["containers"];
    let containers = containers.as_array_mut().unwrap();
    let found = containers.iter_mut().find(|c| c["name"] == name);
    found.unwrap().take()
}

fn words(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// A script of the pod's configuration, in the repository.
fn here(script: &str) -> String {
    let name = script.strip_prefix("/etc/icap/").unwrap();
    let files = chart::resource("istio-gateway", "ConfigMap", "c-icap");
    assert!(files["data"][name].is_string(), "{name} is not mounted");
    let path = root().join(FILES).join(name);
    path.to_str().unwrap().to_owned()
}

/// `depth` archives around a file, made by Python.
fn nested_archive(content: &[u8], depth: usize) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("inner");
    write(&file, content).unwrap();
    let code = "import io, sys, zipfile\n\
                data = open(sys.argv[1], 'rb').read()\n\
                for i in range(int(sys.argv[2])):\n    \
                    out = io.BytesIO()\n    \
                    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:\n        \
                        z.writestr('a.zip' if i else 'a.txt', data)\n    \
                    data = out.getvalue()\n\
                open(sys.argv[1], 'wb').write(data)\n";
    let python = program("PYTHON_BIN", "python3");
    let made = Command::new(python)
        .args(["-c", code])
        .arg(&file)
        .arg(depth.to_string())
        .status();
    assert!(made.unwrap().success());
    std::fs::read(file).unwrap()
}

#[test]
fn the_pod_finds_eicar_and_passes_the_rest() {
    let pod = Pod::new();
    let (_clamd, _c_icap) = (pod.clamd(), pod.c_icap());
    pod.until_ready();
    assert!(pod.is_alive());
    pod.assert_passes(b"nothing is wrong with this");
    pod.assert_blocks(&eicar(), "Eicar");
    pod.assert_blocks(&nested_archive(&eicar(), 3), "Eicar");
    // ClamAV's own signature is one of a file's start: of a form this server alone finds nothing.
    let mut form =
        b"--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a\"\r\n\r\n".to_vec();
    form.extend(eicar());
    form.extend(b"\r\n--x--\r\n");
    pod.assert_passes(&form);
}

#[test]
fn what_exceeds_the_limits_of_the_pod_is_blocked() {
    let pod = Pod::new();
    let (_clamd, _c_icap) = (pod.clamd(), pod.c_icap());
    pod.until_ready();
    let deep = nested_archive(b"who knows", 40);
    pod.assert_blocks(&deep, "Heuristics.Limits.Exceeded");
}

#[test]
fn a_pod_whose_clamd_comes_late_waits_for_it() {
    let pod = Pod::new();
    let _c_icap = pod.c_icap();
    // It is given the time that c-icap itself would take.
    let other = Pod::new();
    let _at_once = other.c_icap_at_once();
    eventually("c-icap without clamd", || other.listens().then_some(()));
    assert!(!pod.listens());
    assert!(!pod.is_ready() && !pod.is_alive());
    let _clamd = pod.clamd();
    pod.until_ready();
    assert!(pod.is_alive());
    pod.assert_blocks(&eicar(), "Eicar");

    // The one that did not wait passes everything once clamd is there, and both probes see it.
    let _late = other.clamd();
    other.until_clamd_answers();
    other.assert_passes(&eicar());
    assert!(!other.is_ready() && !other.is_alive());
}

#[test]
fn a_pod_whose_clamd_is_gone_is_neither_ready_nor_alive() {
    let pod = Pod::new();
    let clamd = pod.clamd();
    let _c_icap = pod.c_icap();
    pod.until_ready();
    drop(clamd);
    assert!(!pod.is_ready() && !pod.is_alive());
    assert!(!pod.scan(&eicar()).starts_with("ICAP/1.0 204"));
    let clamd = pod.clamd();
    pod.until_ready();
    assert!(pod.is_alive());

    // One that is there and does not answer is busy.
    clamd.signal("STOP");
    assert!(!pod.is_ready() && pod.is_alive());
    clamd.signal("CONT");
    pod.until_ready();
}
