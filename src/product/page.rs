//! Prints `docs/icap-servers.md`: the tested servers, what most servers have in common, and a section for each
//! product. Native builds only.

use super::{Multipart, PRODUCTS, Preview, Product, ShownAs, Sign, Trouble};
use std::fmt::Write;

/// The part of the page that is about no product.
const HEAD: &str = include_str!("page_head.md");

const TABLE_HEAD: &str = "\
## The products

`vendor` of a profile names the product. The module knows the facts in these columns; set the rest yourself.

| product | `vendor` | also | service paths | methods | preview | forms | headers it wants |
|---|---|---|---|---|---|---|---|
";

const UNSCANNABLE: &str = "
**Unscannable** is content that the server says it can't look into: an encrypted or too deep archive, too many files, a format that it can't decode. The
client chooses the content, so the filter blocks it with 403, `ADF_ICAP_UNSCANNABLE` and the counter `failed.unscannable`. `fail_open` does not let it pass;
only `fail_action_by_cause: {unscannable: fail_open}` does. **Trouble of its own** is a failure with the cause `server_error`.

";

/// The whole page, in Markdown.
pub fn page() -> String {
    let mut page = format!("{HEAD}{TABLE_HEAD}");
    for product in PRODUCTS {
        page.push_str(&row(product));
    }
    page.push_str(UNSCANNABLE);
    let sections: Vec<String> = PRODUCTS.iter().map(section).collect();
    page.push_str(&sections.join("\n"));
    page
}

fn row(product: &Product) -> String {
    let names: Vec<String> = product.names.iter().map(|name| code(name)).collect();
    let (name, aliases) = names
        .split_first()
        .map_or_else(Default::default, |(name, aliases)| {
            (name.as_str(), aliases.join(", "))
        });
    let mut paths: Vec<&str> = [product.request_path, product.response_path]
        .into_iter()
        .flatten()
        .collect();
    paths.dedup();
    let paths: Vec<String> = paths.into_iter().map(code).collect();
    let preview = match product.preview {
        Preview::Yes => "yes",
        Preview::Never => "**never**",
    };
    let forms = match product.multipart {
        Multipart::Whole => "opens them itself",
        Multipart::Parts => "not known to open them",
    };
    format!(
        "| [{}](#{}) | {name} | {aliases} | {} | {} | {preview} | {forms} | {} |\n",
        product.words.title,
        anchor(product.words.title),
        paths.join(", "),
        product.words.methods,
        product.words.wants,
    )
}

fn section(product: &Product) -> String {
    let mut text = format!("## {}\n\n{}\n\n", product.words.title, product.words.notes);
    let mut facts = Vec::new();
    if !product.verdict_headers.is_empty() {
        let headers = product.verdict_headers.iter().map(|(name, sign)| {
            let says = match sign {
                Sign::Threat => "the threat",
                Sign::Reason => "the reason",
                Sign::Result => "blocked, unless the value is a word for nothing",
                _ => "as the header's grammar says",
            };
            format!("`{name}` ({says})")
        });
        facts.push(format!("Headers of its own: {}.", list(headers)));
    }
    if !product.blocking_statuses.is_empty() {
        let statuses = product.blocking_statuses.iter().map(u16::to_string);
        facts.push(format!("ICAP statuses that block: {}.", list(statuses)));
    }
    if !product.reports.is_empty() {
        let reports = product.reports.iter().map(|report| {
            let page = match report.text {
                "" => String::new(),
                text => format!(" with \"{text}\""),
            };
            let meaning = match report.trouble {
                Trouble::Unscannable => "unscannable",
                Trouble::Own => "trouble of its own",
            };
            format!(
                "HTTP {}{page} is {meaning} ({})",
                report.status, report.what
            )
        });
        facts.push(format!("Without a verdict header, {}.", list(reports)));
    }
    if product.scan_requests_as == ShownAs::Response {
        facts.push(
            "The product is shown uploads as responses (`scan_requests_as: respmod`).".to_owned(),
        );
    }
    if !facts.is_empty() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}\n", facts.join(" "));
    }
    let _ = writeln!(text, "```yaml\nprofiles:\n{}\n```", product.words.example);
    text
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// The anchor of a heading: lower case, blanks as dashes, no punctuation.
fn anchor(title: &str) -> String {
    title
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c),
            _ => None,
        })
        .collect()
}
