//! The rules and pages that docs/applications.md has for applications.

use serde::Deserialize;
use serde_json::Value;

/// The configuration of the page with a profile of that name in it.
fn configuration(profile: &str) -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/applications.md");
    let text = std::fs::read_to_string(path).unwrap();
    let blocks = text.split("```yaml\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    let mut documents = blocks.flat_map(|block| {
        serde_yaml_ng::Deserializer::from_str(block).map(|d| Value::deserialize(d).unwrap())
    });
    let named = |document: &Value| {
        let profiles = document["profiles"].as_array();
        profiles.is_some_and(|all| all.iter().any(|p| p["name"] == profile))
    };
    documents
        .find(named)
        .unwrap_or_else(|| panic!("no profile {profile} in docs/applications.md"))
}

/// The answers to clients of a profile of the page.
pub fn answers(profile: &str) -> Value {
    let configuration = configuration(profile);
    let profiles = configuration["profiles"].as_array().unwrap();
    let found = profiles.iter().find(|p| p["name"] == profile).unwrap();
    let answers = found.as_object().unwrap().iter();
    let answers = answers.filter(|(name, _)| name.ends_with("_response"));
    answers
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
