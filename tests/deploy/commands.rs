//! The commands in the documentation. Each is run, or checked against what it names; one of which nothing is known is a
//! fault.

use std::collections::BTreeSet;
use std::process::Command;

use regex_lite::Regex;

use crate::demonstration::{ADMIN, Demonstration, LISTENER};
use crate::documentation::refused;
use crate::pages::{self, Page};
use crate::shell::{self, Call};
use crate::{compose, kubernetes, root, shown, yaml};

/// In a sentence, code that begins with one of these and goes on is a command.
const PROGRAMS: [&str; 15] = [
    "cargo",
    "curl",
    "docker",
    "docker-compose",
    "egctl",
    "envoy",
    "git",
    "helm",
    "istioctl",
    "kubectl",
    "kustomize",
    "make",
    "openssl",
    "printf",
    "sudo",
];

/// Commands that are not tested, and why.
const UNTESTED: [(&str, &str); 3] = [
    (
        "tar -xzf examples.tar.gz",
        "make release-dry-run does it with a release",
    ),
    (
        "sha256sum --check --quiet SHA256SUMS",
        "make release-dry-run does it with a release",
    ),
    ("docker rmi", "its arguments are whatever images there are"),
];

/// A file that stands for the reader's.
const EXAMPLE: &str = "envoy/envoy.yaml";

/// A command of a page.
#[derive(Debug)]
struct Shown {
    place: String,
    line: String,
    /// The output that is shown with it, if any.
    output: Vec<String>,
}

impl Shown {
    fn new(place: String, line: &str) -> Self {
        Self {
            place,
            line: line.to_owned(),
            output: Vec::new(),
        }
    }

    /// Whether it is sent to what `make run` has started.
    fn is_sent(&self) -> bool {
        let calls = shell::parse(&self.line).unwrap_or_default();
        calls.iter().flatten().any(|call| call[0] == "curl")
    }
}

/// The commands of a page, in its blocks and in its sentences.
fn of(page: &Page) -> Vec<Shown> {
    let mut found = Vec::new();
    for block in &page.blocks {
        for (number, line) in block.lines.iter().enumerate() {
            let command = match block.language.as_str() {
                "sh" if line.is_empty() => None,
                "sh" => Some(line.as_str()),
                "console" => line.strip_prefix("$ "),
                _ => break,
            };
            match command {
                Some(command) => found.push(Shown::new(block.place(number), command)),
                None if block.language == "console" => {
                    let last: &mut Shown = found.last_mut().expect("output follows a command");
                    last.output.push(line.clone());
                }
                None => {}
            }
        }
    }
    found.extend(page.spans.iter().filter_map(spoken));
    found
}

/// A piece of code in a sentence, if it is a command.
fn spoken(span: &pages::Span) -> Option<Shown> {
    let (program, arguments) = span.text.split_once(' ').unwrap_or((&span.text, ""));
    let is_script = program.starts_with("scripts/");
    let is_command = is_script || PROGRAMS.contains(&program) && !arguments.is_empty();
    is_command.then(|| Shown::new(span.place.clone(), &span.text))
}

fn all() -> Vec<Shown> {
    let mut found: Vec<Shown> = pages::pages()
        .iter()
        .flat_map(|page| of(&pages::read(page)))
        .collect();
    found.extend(pages::spans_of_comments().iter().filter_map(spoken));
    found
}

/// Checks a line that is not sent to what `make run` has started, and says which commands of it are not tested.
fn check(line: &str) -> Result<Vec<&'static str>, String> {
    let mut untested = Vec::new();
    for pipe in shell::parse(line)? {
        let alone = pipe
            .iter()
            .map(|call| call.join(" "))
            .collect::<Vec<_>>()
            .join(" | ");
        match UNTESTED.iter().find(|(command, _)| *command == alone) {
            Some((command, _)) => untested.push(*command),
            None => check_pipe(&pipe, line)?,
        }
    }
    Ok(untested)
}

fn check_pipe(pipe: &[Call], line: &str) -> Result<(), String> {
    let (first, rest) = pipe.split_first().unwrap();
    let (program, arguments) = first.split_first().unwrap();
    match program.as_str() {
        "kubectl" => kubernetes::kubectl(arguments)?,
        "istioctl" => kubernetes::istioctl(arguments)?,
        "egctl" => kubernetes::egctl(arguments)?,
        "helm" => kubernetes::helm(arguments)?,
        // The whole of it, pipe and all.
        "printf" => return check_health_request(line),
        program => {
            if let [call] = rest
                && call[0] == "target/release/icap-report"
            {
                let faults = [
                    check_local(program, arguments),
                    icap_report_fault(&call[1..]),
                ];
                return faults.into_iter().flatten().next().map_or(Ok(()), Err);
            }
            if !rest.is_empty() {
                return Err(format!("{program} into a pipe is not known"));
            }
            return check_local(program, arguments).map_or(Ok(()), Err);
        }
    }
    for call in rest {
        match &call[0][..] {
            "grep" => kubernetes::grep(&call[1..])?,
            other => return Err(format!("{other} is not known here")),
        }
    }
    Ok(())
}

/// What is wrong with a call of a program on the reader's machine.
fn check_local(program: &str, arguments: &[String]) -> Option<String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match (program, &words[..]) {
        ("make", _) => make_fault(&words),
        ("sudo", ["make", rest @ ..]) => make_fault(rest),
        ("docker", ["compose", ..]) => compose::fault(&arguments[1..]),
        ("docker-compose", _) => compose::fault(arguments),
        ("docker", ["build", ..]) => compose::build_fault(&arguments[1..]),
        ("cargo", ["run", "--bin", "check-config", "--", "FILE" | "envoy.yaml"]) => {
            run_check_config()
        }
        // Of the release, or built: the example stands for the reader's.
        ("./check-config-x86_64-linux", ["--envoy", EXAMPLE])
        | (
            "cargo",
            [
                "run",
                "--bin",
                "check-config",
                "--",
                "--envoy",
                "envoy.yaml",
            ],
        ) => check_whole(),
        ("./check-gateway", ["http://127.0.0.1:10000/upload"]) => None,
        ("cargo", ["build", "--release", "--bin", "icap-report"]) => None,
        ("target/release/icap-report", _) => icap_report_fault(arguments),
        ("envoy", ["--mode", "validate", "-c", "envoy.yaml"]) => {
            refused(&yaml::load_one(&root().join(EXAMPLE)))
        }
        (script, []) if root().join(script).is_file() => {
            let ran = Command::new(root().join(script)).output().unwrap().status;
            (!ran.success()).then(|| ran.to_string())
        }
        _ => Some("there is no test for it".to_owned()),
    }
}

/// What is wrong with the arguments of `make`: every target has its line in `make help`, every variable is one.
fn make_fault(words: &[&str]) -> Option<String> {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let is_there = |pattern: String| Regex::new(&pattern).unwrap().is_match(&makefile);
    let wrong = words.iter().find(|word| match word.split_once('=') {
        Some((variable, _)) => !is_there(format!("(?m)^{variable} \\?=")),
        None => !is_there(format!("(?m)^{}:.* ## ", regex_lite::escape(word))),
    });
    match wrong {
        Some(word) => Some(format!("make knows no {word}")),
        None if words.is_empty() => Some("make without a target".to_owned()),
        None => None,
    }
}

/// What is wrong with arguments of `icap-report`: it reads those in front of `--help` before it helps.
fn icap_report_fault(arguments: &[String]) -> Option<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_icap-report"));
    let output = command.args(arguments).arg("--help").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success()).then_some(said)
}

/// What is wrong when the example's configuration is checked.
fn run_check_config() -> Option<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_check-config"));
    let output = command.arg(EXAMPLE).current_dir(root()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (!output.status.success() || said.is_empty()).then_some(said)
}

/// What is wrong when all of the example is checked.
fn check_whole() -> Option<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_check-config"));
    command.args(["--envoy", EXAMPLE]).current_dir(root());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (!said.ends_with(": ok: 1 filter scans\n")).then_some(said)
}

/// The line has to print what the example's health check sends, once it has the example's service.
fn check_health_request(line: &str) -> Result<(), String> {
    let example = std::fs::read_to_string(root().join(EXAMPLE)).unwrap();
    let line = line
        .replace("HOST", "127.0.0.1:1344")
        .replace("SERVICE", "avscan");
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", &line])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() && example.contains(&format!("text: \"{printed}\"\n")) {
        Ok(())
    } else {
        Err(format!(
            "it prints {printed:?}, which no health check sends"
        ))
    }
}

/// What is wrong with what a command got that was sent to what `make run` has started.
fn wrong_answer(demonstration: &Demonstration, command: &Shown) -> Option<String> {
    if !command.line.contains(LISTENER) && !command.line.contains(ADMIN) {
        return Some("it is not sent to what `make run` starts".to_owned());
    }
    let output = demonstration.run(&command.line);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        return Some(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let blocked = command.line.contains("scripts/eicar");
    let status = if blocked {
        "HTTP/1.1 403 "
    } else {
        "HTTP/1.1 200 "
    };
    if !printed.starts_with(status) {
        return Some(format!("not {status}, but {printed}"));
    }
    let missing = (!command.output.is_empty())
        .then(|| shown::missing_line(&command.output, &printed))
        .flatten();
    missing.map(|line| format!("{line:?} is shown, and not in {printed}"))
}

#[test]
fn every_command_is_right() {
    let (mut checked, mut untested) = (0, BTreeSet::new());
    let mut faults = Vec::new();
    for command in all() {
        let at = format!("{}: {}", command.place, command.line);
        if command.is_sent() {
            continue;
        }
        match check(&command.line) {
            Ok(known) => untested.extend(known),
            Err(fault) => faults.push(format!("{at}: {fault}")),
        }
        if !command.output.is_empty() {
            faults.push(format!("{at}: nothing compares its output"));
        }
        checked += 1;
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(checked > 30, "only {checked} commands were found");
    assert_eq!(
        untested.len(),
        UNTESTED.len(),
        "only {untested:?} are there"
    );
}

#[test]
fn what_is_sent_is_answered_as_shown() {
    let demonstration = Demonstration::start();
    let mut sent = all();
    sent.retain(Shown::is_sent);
    let faults: Vec<String> = sent
        .iter()
        .filter_map(|command| {
            let fault = wrong_answer(&demonstration, command)?;
            Some(format!("{}: {}: {fault}", command.place, command.line))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(sent.len() > 3, "only {sent:?} were found");
    assert!(
        sent.iter().any(|command| !command.output.is_empty()),
        "no output is shown"
    );

    let mut samples = 0;
    for path in pages::pages() {
        for block in pages::read(&path).blocks {
            if block.language == "text" && block.text().starts_with("\"icap_log\"") {
                let shown = shown::json(&format!("{{{},…}}", block.text()))
                    .unwrap_or_else(|e| panic!("{}: {e}", block.place(0)));
                let difference =
                    shown::difference("", &shown, &demonstration.logged("ICAP_BLOCKED"));
                assert_eq!(difference, None, "{}", block.place(0));
                samples += 1;
            }
        }
    }
    assert!(samples > 0, "no sample of icap_log was found");
    let wrong = |line: &str, output: &str| {
        let mut command = Shown::new(String::new(), line);
        command
            .output
            .extend((!output.is_empty()).then(|| output.to_owned()));
        wrong_answer(&demonstration, &command).unwrap_or_default()
    };
    let clean = format!("curl -is http://{LISTENER}/ --data-binary clean");
    assert_eq!(wrong(&clean, ""), "");
    assert!(wrong(&clean, "HTTP/1.1 201 Created").contains("201 Created"));
    assert!(wrong(&format!("{clean} # scripts/eicar"), "").contains("not HTTP/1.1 403"));
    assert!(wrong("curl http://127.0.0.1:1/", "").contains("not sent to"));
    assert_ne!(wrong(&format!("curl -f http://{ADMIN}/nowhere"), ""), "");
}

#[test]
fn wrong_commands_are_found() {
    for (line, expected) in [
        ("make rum", "make knows no rum"),
        ("make envoy", "make knows no envoy"),
        ("make ENVOY=1 e2e", "make knows no ENVOY=1"),
        ("sudo rm -rf /", "no test"),
        ("docker compose up --buld", "--buld"),
        ("docker compose up envy", "envy"),
        ("docker compose up --scale envoy=7", "--scale"),
        ("docker compose -f docker-compose.yaml up", "-f"),
        ("docker compose restart", "restart"),
        ("docker build -f Dockerfile .", "no service is built from"),
        ("docker run envoy", "no test"),
        ("cargo run --bin check", "no test"),
        ("envoy -c envoy.yaml", "no test"),
        ("printf 'OPTIONS HOST' | od", "no health check"),
        ("kubectl apply -f deploy", "-f is not known"),
        (
            "kubectl create configmap icap-filter --from-file=plugin.wasm=icap_filter.wasm",
            "which namespace",
        ),
        (
            "kubectl -n shop create configmap icap-filter --from-file=icap_filter.wasm=icap_filter.wasm",
            "nobody loads",
        ),
        (
            "kubectl get envoypatchpolicy icap-filter",
            "not in the namespace default",
        ),
        ("kubectl get pod x", "there is no pod x"),
        ("kubectl delete namespace shop", "is not known"),
        (
            "kubectl exec POD -c istio-proxy -- pilot-agent request GET stats | grep icap_filtre",
            "nothing prints",
        ),
        (
            "istioctl proxy-config clusters POD --fqdn icap_pol",
            "no cluster icap_pol",
        ),
        ("istioctl proxy-config cluster POD", "is not known"),
        ("egctl config envoy-proxy listeners", "is not known"),
        ("helm install x", "is not known"),
        (
            "helm install icap-filter deploy/helm/icap-filter -n icap --set modul.source=file",
            "'modul' not allowed",
        ),
        ("scripts/eica", "no test"),
        ("make run > x", "> is not looked into"),
    ] {
        let said = check(line).unwrap_err();
        assert!(said.contains(expected), "{line}: {said}");
    }
}
