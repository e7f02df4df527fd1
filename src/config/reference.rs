//! Prints `docs/configuration.md` from the declared attributes. Native builds only.

use super::attribute::{Absent, Attribute, Kind, Section};
use super::sections::SECTIONS;
use crate::product::PRODUCTS;
use std::fmt::Write;

const HEAD: &str = "\
<!-- Printed from the parser's own table: cargo run --bin check-config -- --print-reference > docs/configuration.md -->

# Configuration

The plugin configuration of the HTTP filter, and of the transport filter beside it. It is checked strictly: unknown or
duplicate fields, wrong types, values out of range and names that lead nowhere are errors. Each error names the field's
path, what was found and what is allowed; Envoy then refuses the configuration, and on an update keeps the old one. A
number that arrives as a double (`5000.0`) is taken for the integer it is. `null` is no way to leave a field out.

`cargo run --bin check-config -- FILE` finds the same errors offline, in a plugin configuration or anywhere in an Envoy
or Kubernetes YAML. `schema/config.schema.json` lets an editor find most of them while typing.

The last column is the name in the Avi (NSX Advanced Load Balancer) `IcapProfile`. Two things differ from there: failures
and large uploads are closed by default and not open, and a timeout counts only the time in which the server is waited for.

A whole configuration, small and larger:

```json
{\"profiles\": [{\"name\": \"upload-av\", \"cluster\": \"icap_pool\", \"service_url\": \"icap://icap.example.net:1344/avscan\"}]}
```

```json
";

const TAIL: &str = "\
## How a request finds its profile

1. CONNECT and upgrades (WebSocket) are never held.
2. Route metadata, `metadata.filter_metadata.icap_filter`: `{disabled: true}` or `{profile: NAME}`. A name that no profile
   has is a failure with the cause `internal`, handled as the first profile's `fail_action` says; it is never passed over.
3. Without `rules`: the first profile. With `rules`: the first enabled rule all of whose criteria hold; where there is
   none, the request is not scanned.

## Rules for responses

A rule with `response_status`, `response_content_type`, `response_size` or `response_header` is passed over when a request comes. When the head of its response
is there, all rules are gone through again, in their order, by what they say of both: the first that matches decides whether the response is scanned, and by
which profile. So the response of a request that no rule has scanned can be (downloads alone), and that of one that was can be left out (redirects, video).
Without such a rule a response is scanned where its request was. The profile needs a `response_service_url`. Route metadata wins here, too.

```yaml
profiles:
- {name: upload-av, cluster: icap_pool, service_url: /reqmod, response_service_url: /respmod}
rules:
- {name: no-video, match: {response_content_type: {prefix: video/}}, action: bypass}
- {name: no-redirects, match: {response_status: [3xx, 304]}, action: bypass}
- {name: uploads, match: {has_body: true}, action: enable_icap, profile: upload-av}
- name: downloads
  match: {response_header: [{name: content-disposition, prefix: attachment}]}
  action: enable_icap
  profile: upload-av
```

Header values are bytes: comparisons work on the bytes, a regular expression sees U+FFFD for what is no UTF-8.
";

/// A configuration that uses most attributes; a test parses it.
pub const EXAMPLE: &str = include_str!("example.json");

/// The whole page, in Markdown.
pub fn reference() -> String {
    let mut page = format!("{HEAD}{EXAMPLE}```\n\n");
    for section in SECTIONS {
        print_section(&mut page, section);
    }
    page.push_str(TAIL);
    page
}

fn print_section(page: &mut String, section: &Section) {
    let title = match section.path {
        "" => "The plugin configuration".to_owned(),
        path if path.contains(' ') => path.to_owned(),
        path => format!("`{path}`"),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(page, "## {title}\n");
    if !section.intro.is_empty() {
        let _ = writeln!(page, "{}\n", section.intro.trim_start());
    }
    page.push_str("| name | type | unit | default | range | effect | Avi name |\n");
    page.push_str("|---|---|---|---|---|---|---|\n");
    for attribute in section.attributes() {
        let _ = writeln!(page, "{}", row(attribute));
    }
    page.push('\n');
}

fn row(attribute: &Attribute) -> String {
    let Described { kind, unit, range } = describe(attribute.kind);
    let avi = attribute
        .avi
        .map_or_else(String::new, |name| format!("`{name}`"));
    format!(
        "| `{}` | {kind} | {unit} | {} | {range} | {} | {avi} |",
        attribute.name,
        default(attribute.default),
        attribute.effect.trim_start()
    )
}

fn default(absent: Absent) -> String {
    match absent {
        Absent::Required => "**required**".to_owned(),
        Absent::Nothing => "none".to_owned(),
        Absent::Bool(value) => format!("`{value}`"),
        Absent::Integer(value) => format!("`{value}`"),
        Absent::Text(text) => format!("`\"{}\"`", text.replace('\n', "\\n")),
        Absent::Words(words) => words.to_owned(),
    }
}

struct Described {
    kind: &'static str,
    unit: &'static str,
    range: String,
}

fn describe(kind: Kind) -> Described {
    let words = |words: &[&str]| {
        let quoted: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
        quoted.join(", ")
    };
    let at = |section: &Section| match section.path {
        path if path.contains(' ') => format!("see {path}"),
        path => format!("see `{path}`"),
    };
    let (kind, unit, range) = match kind {
        Kind::Bool => ("boolean", "", "`true`, `false`".to_owned()),
        Kind::Integer { min, max, unit } => ("integer", unit, format!("{min} to {max}")),
        Kind::Text { max } => ("string", "", format!("1 to {max} bytes, no control characters")),
        Kind::Secret { max } => (
            "string, secret",
            "",
            format!("1 to {max} bytes, no control characters"),
        ),
        Kind::Page { max } => ("string", "", format!("0 to {max} bytes")),
        Kind::Choice(choice) => ("string", "", words(choice)),
        Kind::Switch => ("boolean or string", "", "`true`, `false`, `\"auto\"`".to_owned()),
        Kind::HeaderName => ("string", "", "a token (RFC 9110)".to_owned()),
        Kind::HeaderNames => ("list of strings", "", "different tokens (RFC 9110)".to_owned()),
        Kind::HeaderMap => ("object of strings", "", "no control characters".to_owned()),
        Kind::ServiceUrl => (
            "string",
            "",
            "`icap://HOST[:PORT]/PATH`, `icaps://…` or `/PATH`; no user, no fragment, at most 2048 bytes"
                .to_owned(),
        ),
        Kind::Object(section) => ("object", "", at(section)),
        Kind::Objects { section, min, max } => (
            "list of objects",
            "",
            format!("{min} to {max}; {}", at(section)),
        ),
        Kind::Networks => ("string or list", "", "IPv4 and IPv6, `10.0.0.0/8` or `10.0.0.1`".to_owned()),
        Kind::Ports => ("integer or list", "", "1 to 65535".to_owned()),
        Kind::Statuses => ("integer, string or list", "", "100 to 599, `\"1xx\"` to `\"5xx\"`".to_owned()),
        Kind::Words(choice) => ("list of strings", "", words(choice)),
        Kind::Choices(choice) => ("string or list", "", words(choice)),
        Kind::Matchers(section) => ("string, object or list", "", at(section)),
        Kind::Product => {
            let first = PRODUCTS.iter().filter_map(|product| product.names.first());
            ("string", "", words(&first.copied().collect::<Vec<_>>()))
        }
        Kind::IcapHeaderMatchers(section) => ("list of strings and objects", "", at(section)),
        Kind::Texts => ("string or list", "", "at least one; not empty, but for `exact`".to_owned()),
    };
    Described { kind, unit, range }
}
