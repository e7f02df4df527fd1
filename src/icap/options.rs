//! What a server says about a service in its response to OPTIONS (RFC 3507 section 4.10).

use std::borrow::Cow;

use super::response::TRAILERS;
use super::{Headers, IcapResponseHead};

/// What a service offers and asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceOptions {
    /// `Methods`, upper case; empty where the server does not say.
    pub methods: Vec<String>,
    /// `Preview`: the largest preview the service takes, in bytes.
    pub preview: Option<u32>,
    /// The statuses of `Allow`.
    pub allow: Vec<u16>,
    /// `Allow` names `trailers`: the server reads those behind a body.
    pub trailers: bool,
    /// `Transfer-*`: what the service wants of a message, by the extension of its path.
    pub transfer: TransferLists,
    /// `Max-Connections`, for all connections of this client together.
    pub max_connections: Option<u32>,
    /// `Options-TTL`, in seconds.
    pub ttl_s: Option<u32>,
    /// `ISTag` without its quotation marks.
    pub istag: Option<String>,
    /// The headers of `X-Include`, lower case.
    pub include: Vec<String>,
    /// `Service`: the name of the product.
    pub service: Option<String>,
}

/// What a service wants of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// A preview first.
    Preview,
    /// Nothing: the service does not look at such messages.
    Ignore,
    /// The whole body at once.
    Complete,
}

/// `Transfer-Preview`, `Transfer-Ignore` and `Transfer-Complete`: extensions in lower case, without their dot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransferLists {
    preview: Vec<String>,
    ignore: Vec<String>,
    complete: Vec<String>,
}

/// An ICAP response to OPTIONS that tells nothing of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionsRefused {
    /// The ICAP status, where a 2xx was expected.
    pub status: u16,
}

impl std::fmt::Display for OptionsRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "found status {} in response to OPTIONS, expected 200",
            self.status
        )
    }
}

impl std::error::Error for OptionsRefused {}

impl ServiceOptions {
    /// Reads the ICAP response. A missing or unreadable field counts as not said.
    ///
    /// # Errors
    /// The status is not 2xx.
    pub fn read(head: &IcapResponseHead) -> Result<Self, OptionsRefused> {
        if !(200..300).contains(&head.status) {
            return Err(OptionsRefused {
                status: head.status,
            });
        }
        let headers = &head.headers;
        Ok(Self {
            methods: tokens(headers, "Methods")
                .map(|method| method.to_ascii_uppercase())
                .collect(),
            preview: number(headers, "Preview"),
            allow: tokens(headers, "Allow")
                .filter_map(|status| status.parse().ok())
                .collect(),
            trailers: headers.has_token("Allow", TRAILERS),
            transfer: TransferLists {
                preview: extensions(headers, "Transfer-Preview"),
                ignore: extensions(headers, "Transfer-Ignore"),
                complete: extensions(headers, "Transfer-Complete"),
            },
            max_connections: number(headers, "Max-Connections"),
            ttl_s: number(headers, "Options-TTL"),
            istag: istag(headers).map(Cow::into_owned),
            include: tokens(headers, "X-Include")
                .map(|name| name.to_ascii_lowercase())
                .collect(),
            service: headers.text("Service"),
        })
    }

    /// Whether the service takes this method. A service that names no methods takes all.
    pub fn takes(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|m| m == method)
    }

    /// Whether `X-Include` asks for this header.
    pub fn includes(&self, header: &str) -> bool {
        self.include
            .iter()
            .any(|name| name.eq_ignore_ascii_case(header))
    }
}

impl TransferLists {
    /// What the service wants of a message with this path (without query). A list that holds the extension goes
    /// before a list that holds `*`. Where no list matches, the service wants a preview.
    pub fn of(&self, path: &str) -> Transfer {
        let file = path.rsplit('/').next().unwrap_or_default();
        let extension = file
            .rsplit_once('.')
            .map(|(_, extension)| extension.to_ascii_lowercase());
        let lists = [
            (&self.preview, Transfer::Preview),
            (&self.ignore, Transfer::Ignore),
            (&self.complete, Transfer::Complete),
        ];
        let listed = |wanted: &str| {
            lists
                .iter()
                .find(|(list, _)| list.iter().any(|e| e == wanted))
                .map(|(_, wish)| *wish)
        };
        extension
            .as_deref()
            .and_then(listed)
            .or_else(|| listed("*"))
            .unwrap_or(Transfer::Preview)
    }
}

/// The `ISTag` of any ICAP response, without its quotation marks. Some servers leave these out, or send more than 32
/// bytes.
pub fn istag(headers: &Headers) -> Option<Cow<'_, str>> {
    /// How many characters the filter compares.
    const MAX_CHARS: usize = 128;
    let value = headers.get("ISTag")?;
    if let Ok(text) = std::str::from_utf8(value)
        && value.len() <= MAX_CHARS
        && !value.contains(&b'\n')
    {
        let tag = text.trim().trim_matches('"');
        return (!tag.is_empty()).then_some(Cow::Borrowed(tag));
    }
    let text = headers.text("ISTag")?;
    let tag: String = text
        .trim()
        .trim_matches('"')
        .chars()
        .take(MAX_CHARS)
        .collect();
    (!tag.is_empty()).then_some(Cow::Owned(tag))
}

fn tokens<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = String> + 'a {
    headers
        .all(name)
        .flat_map(|value| value.split(|b| matches!(b, b',' | b'\n')))
        .map(|token| String::from_utf8_lossy(token).trim().to_owned())
        .filter(|token| !token.is_empty())
}

fn extensions(headers: &Headers, name: &str) -> Vec<String> {
    tokens(headers, name)
        .map(|e| e.trim_start_matches('.').to_ascii_lowercase())
        .collect()
}

fn number(headers: &Headers, name: &str) -> Option<u32> {
    headers.text(name)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::icap::testing::test;

    fn options(status: u16, headers: &[(&str, &str)]) -> Result<ServiceOptions, OptionsRefused> {
        ServiceOptions::read(&IcapResponseHead {
            status,
            reason: String::new(),
            headers: headers.iter().map(|(n, v)| (*n, *v)).collect(),
            raw_headers: Vec::new(),
            close: false,
        })
    }

    #[test]
    fn every_field_is_read() {
        let read = options(
            200,
            &[
                ("Methods", "RESPMOD, REQMOD"),
                ("Service", "C-ICAP/0.5.10 server - Echo"),
                ("ISTag", "\"CI0001-XXXXXXXXX\""),
                ("Transfer-Preview", "*"),
                ("Transfer-Ignore", "jpg, .GIF"),
                ("Transfer-Complete", "exe"),
                ("Options-TTL", "3600"),
                ("Preview", "1024"),
                ("Max-Connections", "20"),
                ("Allow", "204, 206, trailers"),
                ("X-Include", "X-Client-IP,X-Authenticated-User"),
            ],
        )
        .unwrap();
        assert_eq!(read.preview, Some(1024));
        assert_eq!(
            (read.allow.as_slice(), read.trailers),
            (&[204, 206][..], true)
        );
        assert_eq!(read.max_connections, Some(20));
        assert_eq!(read.ttl_s, Some(3600));
        assert_eq!(read.istag.as_deref(), Some("CI0001-XXXXXXXXX"));
        assert!(read.takes("REQMOD") && !read.takes("LOG"));
        assert!(read.includes("x-client-ip") && !read.includes("x-server-ip"));
        assert_eq!(read.transfer.of("/a/b.gif"), Transfer::Ignore);
        assert_eq!(read.transfer.of("/a.d/setup.EXE"), Transfer::Complete);
        assert_eq!(read.transfer.of("/a.gif/upload"), Transfer::Preview);
    }

    #[test]
    fn missing_and_unreadable_fields_count_as_not_said() {
        let read = options(
            200,
            &[
                ("Preview", "many"),
                ("Max-Connections", "-1"),
                ("ISTag", " "),
            ],
        );
        let read = read.unwrap();
        assert_eq!(
            (read.preview, read.max_connections, read.istag.as_deref()),
            (None, None, None)
        );
        assert!(read.takes("REQMOD") && !read.trailers);
        assert_eq!(read.transfer.of("/x"), Transfer::Preview);
    }

    #[test]
    fn the_list_with_the_star_takes_the_rest() {
        let read = options(
            200,
            &[("Transfer-Ignore", "*"), ("Transfer-Preview", "zip")],
        )
        .unwrap();
        assert_eq!(read.transfer.of("/x.zip"), Transfer::Preview);
        assert_eq!(read.transfer.of("/x.txt"), Transfer::Ignore);
        assert_eq!(read.transfer.of("/x"), Transfer::Ignore);
    }

    #[test]
    fn an_error_status_is_refused() {
        assert_eq!(options(404, &[]), Err(OptionsRefused { status: 404 }));
    }

    #[test]
    fn an_unquoted_tag_is_the_same_tag() {
        let tag = |text: &str| {
            let headers = [("ISTag", text)].into_iter().collect();
            istag(&headers).map(Cow::into_owned)
        };
        assert_eq!(tag("\"abc\""), tag("abc"));
        let long = "x".repeat(200);
        assert_eq!(
            tag(&long).as_deref(),
            long.get(..128),
            "as much as is compared"
        );
    }
}
