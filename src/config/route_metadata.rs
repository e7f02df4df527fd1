//! What a route's metadata says about the scan. Envoy hands it over as a serialized `envoy.config.core.v3.Metadata`.

use super::json::Json;
use super::protobuf_struct::{Field, field, read};
use crate::policy::RouteChoice;

/// The filter's namespace in `filter_metadata`.
const NAMESPACE: &str = "icap_filter";

/// Misspellings of the namespace, without punctuation and in lower case.
const MISTAKEN_FOR_IT: [&str; 7] = [
    "icapfilter",
    "icapfilters",
    "icap",
    "envoyfiltershttpicapfilter",
    "envoyfiltershttpicap",
    "wasmicapfilter",
    "httpicapfilter",
];

/// What a route's metadata says. Metadata that makes no sense is [`RouteChoice::Wrong`], and never passed over.
pub fn route_choice(metadata: &[u8]) -> RouteChoice {
    match ours(metadata) {
        None => RouteChoice::Wrong("the route's metadata can't be read".to_owned()),
        Some(Err(fault)) => RouteChoice::Wrong(fault),
        Some(Ok(None)) => RouteChoice::None,
        Some(Ok(Some(fields))) => choice(&fields),
    }
}

type Entries = Vec<(String, Json)>;

/// The entry of the filter's namespace. `None`: the bytes are no metadata.
fn ours(mut bytes: &[u8]) -> Option<Result<Option<Entries>, String>> {
    let mut found = None;
    while !bytes.is_empty() {
        let entry = match field(&mut bytes)? {
            (1, Field::Bytes(entry)) => entry,
            // `typed_filter_metadata`, which other filters use.
            (2, Field::Bytes(_)) => continue,
            _ => return None,
        };
        let (key, value) = map_entry(entry)?;
        if key == NAMESPACE.as_bytes() {
            match read(value) {
                Some(Json::Object(fields)) => found = Some(fields),
                _ => return None,
            }
        } else if is_mistaken(key) {
            return Some(Err(format!(
                "the route's metadata has the namespace \"{}\": write {NAMESPACE}",
                key.escape_ascii()
            )));
        }
    }
    Some(Ok(found))
}

fn map_entry(mut bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut key, mut value): (&[u8], &[u8]) = (b"", b"");
    while !bytes.is_empty() {
        match field(&mut bytes)? {
            (1, Field::Bytes(text)) => key = text,
            (2, Field::Bytes(message)) => value = message,
            _ => return None,
        }
    }
    Some((key, value))
}

fn is_mistaken(namespace: &[u8]) -> bool {
    let bare = namespace.iter().filter(|b| b.is_ascii_alphanumeric());
    let bare: Vec<u8> = bare.map(u8::to_ascii_lowercase).collect();
    MISTAKEN_FOR_IT.iter().any(|word| word.as_bytes() == bare)
}

fn choice(fields: &Entries) -> RouteChoice {
    let mut disabled = false;
    let mut profile = None;
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("disabled", Json::Bool(flag)) => disabled = *flag,
            ("profile", Json::Text(name)) => profile = Some(name.clone()),
            ("disabled", other) => {
                return wrong(
                    key,
                    &format!(
                        "is a {}: write true or false, without quotes",
                        other.type_name()
                    ),
                );
            }
            ("profile", other) => {
                return wrong(
                    key,
                    &format!("is a {}: write the name of a profile", other.type_name()),
                );
            }
            _ => return wrong(key, "is no key of it: there are profile and disabled"),
        }
    }
    match profile {
        _ if disabled => RouteChoice::Disabled,
        Some(name) => RouteChoice::Profile(name),
        None => RouteChoice::None,
    }
}

fn wrong(key: &str, what: &str) -> RouteChoice {
    let key: String = key.chars().take(64).collect();
    let key = key.escape_debug();
    RouteChoice::Wrong(format!("the route's metadata {NAMESPACE}.{key} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One length-delimited field.
    fn part(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, content.len() as u8], content].concat()
    }

    fn entry(key: &str, value: &[u8]) -> Vec<u8> {
        part(1, &[part(1, key.as_bytes()), part(2, value)].concat())
    }

    const TRUE: &[u8] = &[0x20, 0x01];
    const FALSE: &[u8] = &[0x20, 0x00];

    fn text(text: &str) -> Vec<u8> {
        part(3, text.as_bytes())
    }

    fn wrong_words(metadata: &[u8]) -> String {
        match route_choice(metadata) {
            RouteChoice::Wrong(words) => words,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_route_chooses_a_profile_or_none() {
        assert_eq!(route_choice(b""), RouteChoice::None);
        let foreign = entry("istio", &entry("config", &text("x")));
        assert_eq!(route_choice(&foreign), RouteChoice::None);
        let ours = |fields: Vec<u8>| entry("icap_filter", &fields);
        assert_eq!(route_choice(&ours(Vec::new())), RouteChoice::None);
        assert_eq!(
            route_choice(&ours(entry("disabled", TRUE))),
            RouteChoice::Disabled
        );
        assert_eq!(
            route_choice(&ours(entry("disabled", FALSE))),
            RouteChoice::None
        );
        let named = [foreign, ours(entry("profile", &text("av")))].concat();
        assert_eq!(route_choice(&named), RouteChoice::Profile("av".to_owned()));
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        let ours = |fields: Vec<u8>| entry("icap_filter", &fields);
        for (metadata, words) in [
            (entry("icap-filter", &[]), "write icap_filter"),
            (entry("ICAP_FILTER", &[]), "write icap_filter"),
            (entry("icap", &[]), "write icap_filter"),
            (
                ours(entry("disable", TRUE)),
                "icap_filter.disable is no key",
            ),
            (
                ours(entry("disabled", &text("true"))),
                "icap_filter.disabled is a string: write true or false",
            ),
            (
                ours(entry("profile", TRUE)),
                "icap_filter.profile is a boolean",
            ),
            (b"\x09nonsense".to_vec(), "can't be read"),
            (entry("icap_filter", b"\x0f"), "can't be read"),
        ] {
            let found = wrong_words(&metadata);
            assert!(found.contains(words), "{found}");
        }
    }
}
