//! `docker compose` and `docker build` in the documentation: right by `docker-compose.yml`, and run by
//! `scripts/compose-test`.

use regex_lite::Regex;
use serde_json::{Map, Value};

use crate::{root, yaml};

fn services() -> Map<String, Value> {
    let file = yaml::load_one(&root().join("docker-compose.yml"));
    file["services"].as_object().unwrap().clone()
}

/// The calls of `compose` in the script that tests the file.
fn tested() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("scripts/compose-test")).unwrap();
    let call = Regex::new(r"\bcompose( -| [a-z]).*|\$COMPOSE .*").unwrap();
    call.find_iter(&text)
        .map(|found| found.as_str().to_owned())
        .collect()
}

/// What is wrong with the arguments of `docker compose`.
pub fn fault(arguments: &[String]) -> Option<String> {
    let services = services();
    let tested = tested();
    let is_tested = |what: &str| tested.iter().any(|call| call.contains(what));
    let mut arguments = arguments.iter().map(String::as_str);
    let mut command = None;
    while let Some(argument) = arguments.next() {
        let right = match (command, argument) {
            (None, "-f") => arguments.next().is_some_and(|file| {
                root().join(file).is_file() && is_tested(&format!("-f {file}"))
            }),
            (None, "--profile") => arguments.next().is_some_and(|profile| {
                let has = |service: &Value| service["profiles"][0] == profile;
                services.values().any(has) && is_tested(&format!("--profile {profile}"))
            }),
            (None, "up" | "logs" | "down") => {
                command = Some(argument);
                is_tested(&format!("compose {argument} "))
            }
            (Some("up"), "--build") => is_tested("compose build"),
            (Some("up"), "-d") => is_tested("compose up -d"),
            (Some("up"), "--scale") => arguments.next().is_some_and(|scale| {
                let service = scale.split_once('=').map_or("", |(service, _)| service);
                services.contains_key(service) && is_tested(&format!("--scale {scale}"))
            }),
            (Some("logs"), "-f") => true,
            (Some(_), service) => services.contains_key(service),
            (None, _) => false,
        };
        if !right {
            return Some(format!(
                "{argument:?} is not in docker-compose.yml, or not run by scripts/compose-test"
            ));
        }
    }
    command.is_none().then(|| "no command".to_owned())
}

/// What is wrong with the arguments of `docker build`: it has to be what a service is built from.
pub fn build_fault(arguments: &[String]) -> Option<String> {
    let ["-f", dockerfile, context] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..]
    else {
        return Some("not of the form -f FILE CONTEXT".to_owned());
    };
    let is_it = |service: &Value| {
        let build = &service["build"];
        build["dockerfile"] == dockerfile && build["context"] == context
    };
    let built = services().values().any(is_it);
    (!built).then(|| format!("no service is built from {dockerfile}"))
}
