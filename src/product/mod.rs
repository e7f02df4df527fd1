//! The ICAP products as data, one row each in [`PRODUCTS`]. No other code of the module knows a product by its name.
//!
//! The rows give the names of `vendor`, the product's rules for the verdict, and the page `docs/icap-servers.md`.

#[cfg(not(target_arch = "wasm32"))]
pub mod page;
mod table;

pub use table::PRODUCTS;

use std::fmt;

/// One product.
#[derive(Debug)]
pub struct Product {
    /// The name as `vendor` of a profile, then the aliases: older names, and those that its maker uses.
    pub names: &'static [&'static str],
    /// The default path of the service for requests. `None`: the product has none, or its administrator chooses it.
    pub request_path: Option<&'static str>,
    /// The default path of the service for responses.
    pub response_path: Option<&'static str>,
    /// Whether the product may get a preview.
    pub preview: Preview,
    /// Whether the product opens `multipart/form-data` itself.
    pub multipart: Multipart,
    /// How the product is shown an upload.
    pub scan_requests_as: ShownAs,
    /// The product's own verdict headers. [`COMMON_HEADERS`] count too.
    pub verdict_headers: &'static [(&'static str, Sign)],
    /// ICAP statuses that mean "blocked": an error status always, a 2xx only without an HTTP message.
    pub blocking_statuses: &'static [u16],
    /// HTTP responses by which the product reports, dressed as content, that there is no verdict. The first that fits
    /// counts.
    pub reports: &'static [Report],
    /// Error codes of `X-Error-Code` and `X-ICAP-Error`. A code that no product lists refuses the content.
    pub codes: &'static [(&'static str, Trouble)],
    /// The product's texts on the page.
    #[cfg(not(target_arch = "wasm32"))]
    pub words: Words,
}

/// What the page says of a product.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug)]
pub struct Words {
    /// The heading.
    pub title: &'static str,
    /// The methods, in words.
    pub methods: &'static str,
    /// Headers that the product wants in a request, in words; empty: none known.
    pub wants: &'static str,
    /// Notes for operators, in Markdown.
    pub notes: &'static str,
    /// A profile, in YAML.
    pub example: &'static str,
}

/// Whether a product may get a preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preview {
    /// As the product's OPTIONS response and the profile say.
    Yes,
    /// Never: the product responds to a preview without scanning anything.
    Never,
}

/// Whether a product opens forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multipart {
    /// The product opens a form itself.
    Whole,
    /// The product does not open forms, or nobody knows that it does.
    Parts,
}

/// How an upload is shown to a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownAs {
    /// As a request, by REQMOD.
    Request,
    /// As the response to a GET of its URL, by RESPMOD: the product has no REQMOD.
    Response,
}

/// What a verdict header means, if it is there and its value is not a word for "nothing".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The grammar of `X-Infection-Found`.
    Infection,
    /// The grammar of `X-Violations-Found`.
    Violations,
    /// The name of a threat: blocked, unless a resolution says that it was repaired.
    Threat,
    /// One word: blocked if the word is one of [`BLOCKING_WORDS`].
    Action,
    /// The result of the scan: blocked, whatever the value.
    Result,
    /// Why the server blocked.
    Reason,
    /// An error code. Counts in an error response only: a pass may carry one as a detail.
    ErrorCode,
    /// A description of the ICAP response, whatever the verdict.
    Description,
}

/// Why there is no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The server can't look into this content. The client chose the content.
    Unscannable,
    /// The server itself is in trouble, and says nothing about the content.
    Own,
}

/// An HTTP response that is no verdict.
#[derive(Debug)]
pub struct Report {
    /// The HTTP status.
    pub status: u16,
    /// A text that must be in the page, in any case; empty: no condition.
    pub text: &'static str,
    /// What the response reports.
    pub trouble: Trouble,
    /// What the response reports, in words.
    pub what: &'static str,
}

/// The verdict headers that products share (draft-stecher-icap-subid, OPSWAT, ESET, Symantec).
pub const COMMON_HEADERS: &[(&str, Sign)] = &[
    ("X-Infection-Found", Sign::Infection),
    ("X-Violations-Found", Sign::Violations),
    ("X-Virus-ID", Sign::Threat),
    ("X-Response-Info", Sign::Action),
    ("X-Blocked-Reason", Sign::Reason),
    ("X-Response-Desc", Sign::Description),
    ("X-Response-Description", Sign::Description),
    ("X-Error-Code", Sign::ErrorCode),
    ("X-ICAP-Error", Sign::ErrorCode),
];

/// Values of `X-Response-Info` that mean "blocked". `Allowed`, `Options` and the names of a policy's own actions do
/// not.
pub const BLOCKING_WORDS: [&str; 6] = ["blocked", "block", "denied", "deny", "rejected", "reject"];

/// The ICAP status that is a verdict from any server (Avira).
pub const BLOCKING_STATUS: u16 = 403;

/// Statuses of a page of refusal, where RESPMOD puts one in place of another response.
pub const REFUSALS: [u16; 2] = [403, 451];

/// What a header means, for any product. No two products use one name with two meanings, so a threat is found even if
/// the profile names the wrong product.
pub fn sign(header: &str) -> Option<Sign> {
    let own = PRODUCTS.iter().flat_map(|product| product.verdict_headers);
    COMMON_HEADERS
        .iter()
        .chain(own)
        .find(|(name, _)| name.len() == header.len() && is_same(name, header))
        .map(|(_, sign)| *sign)
}

/// Whether two names are the same without case. Not inlined: the comparison would be there once for each known name.
#[inline(never)]
fn is_same(known: &str, name: &str) -> bool {
    known.eq_ignore_ascii_case(name)
}

/// What an error code means, for any product. `None`: the code refuses the content.
pub fn trouble(code: &str) -> Option<Trouble> {
    PRODUCTS
        .iter()
        .flat_map(|product| product.codes)
        .find(|(known, _)| known.eq_ignore_ascii_case(code))
        .map(|(_, trouble)| *trouble)
}

impl Product {
    /// Whether an ICAP status means "blocked" by itself.
    pub fn blocks_by(&self, status: u16) -> bool {
        status == BLOCKING_STATUS || self.blocking_statuses.contains(&status)
    }

    /// What an HTTP response reports, by its status and the beginning of its page.
    pub fn report(&self, status: u16, page: &[u8]) -> Option<&'static Report> {
        self.reports
            .iter()
            .find(|report| report.status == status && contains(page, report.text.as_bytes()))
    }
}

fn contains(page: &[u8], text: &[u8]) -> bool {
    text.is_empty()
        || page
            .windows(text.len())
            .any(|window| window.eq_ignore_ascii_case(text))
}

/// A product, by the name in `vendor` of a profile.
#[derive(Clone, Copy)]
pub struct Vendor {
    name: &'static str,
    product: &'static Product,
}

impl Vendor {
    /// The product with this name or alias.
    pub fn named(name: &str) -> Option<Self> {
        PRODUCTS.iter().find_map(|product| {
            let name = product.names.iter().find(|known| **known == name)?;
            Some(Self { name, product })
        })
    }

    /// The name from the profile. icap_log shows the same, so that programs that read the log need not know the
    /// aliases.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// The product.
    pub fn product(self) -> &'static Product {
        self.product
    }
}

impl PartialEq for Vendor {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Vendor {}

impl fmt::Debug for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Every name and alias that `vendor` accepts.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRODUCTS.iter().flat_map(|product| product.names).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_name_stands_for_two_products() {
        let mut seen = HashSet::new();
        assert!(names().all(|name| seen.insert(name)));
        for name in names() {
            assert_eq!(Vendor::named(name).map(Vendor::name), Some(name));
        }
        assert_eq!(Vendor::named("Opswat"), None);
    }

    #[test]
    fn no_header_and_no_code_means_two_things() {
        let own = PRODUCTS.iter().flat_map(|product| product.verdict_headers);
        for (name, meant) in COMMON_HEADERS.iter().chain(own) {
            assert_eq!(sign(&name.to_ascii_lowercase()), Some(*meant), "{name}");
        }
        for (code, meant) in PRODUCTS.iter().flat_map(|product| product.codes) {
            assert_eq!(trouble(code), Some(*meant), "{code}");
        }
    }

    #[test]
    fn older_names_are_aliases() {
        for (old, name) in [
            ("symantec", "symantec_protection_engine"),
            ("trend_micro", "trend_vision_one_appliance"),
            ("kaspersky", "kaspersky_scan_engine"),
            ("mcafee", "skyhigh"),
        ] {
            let product = Vendor::named(old).unwrap().product();
            assert_eq!(product.names.first(), Some(&name));
        }
    }
}
