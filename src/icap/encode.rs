//! Encodes what the filter sends: ICAP requests and chunks.

use std::fmt;
use std::ops::Range;

use super::fields::is_token;
use super::response::TRAILERS;

/// The last chunk and the empty line after it.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The last chunk of a preview that held the whole body (RFC 3507 section 4.5).
pub const LAST_CHUNK_IEOF: &[u8] = b"0; ieof\r\n\r\n";

/// Bytes that an ICAP head usually needs.
pub(super) const LIKELY_HEAD_BYTES: usize = 512;

/// Headers that the encoder writes itself, from the other fields of a request.
const OWN_HEADERS: [&str; 4] = ["host", "allow", "preview", "encapsulated"];

/// An ICAP method (RFC 3507 section 4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Request modification.
    Reqmod,
    /// Response modification.
    Respmod,
    /// Asks what the service can do.
    Options,
}

impl Method {
    /// The method as it stands in the request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reqmod => "REQMOD",
            Self::Respmod => "RESPMOD",
            Self::Options => "OPTIONS",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An ICAP request up to its body. The body follows in chunks.
///
/// Whatever the fields hold, the encoder writes exactly one request. It leaves out blanks and control characters of
/// `uri` and `host`, and every further header whose name is no token or is one of `Host`, `Allow`, `Preview`,
/// `Encapsulated`. CR, LF and NUL in a header's value become blanks.
#[derive(Clone, Copy, Debug)]
pub struct IcapRequest<'a> {
    /// The method.
    pub method: Method,
    /// The absolute URI of the service, `icap://host:port/path?query`.
    pub uri: &'a str,
    /// The value of `Host`.
    pub host: &'a str,
    /// The statuses that the server may send beside the usual ones, for example `[204, 206]`.
    pub allow: &'a [u16],
    /// Whether the client can read ICAP trailers, and may send the message's trailers behind its body.
    pub trailers: bool,
    /// How many bytes of the body go out as the preview (RFC 3507 section 4.5). Not sent without a body.
    pub preview: Option<u32>,
    /// Further headers.
    pub headers: &'a [(String, String)],
    /// The encapsulated HTTP request head. Not sent with OPTIONS.
    pub request_head: Option<&'a [u8]>,
    /// The encapsulated HTTP response head. Sent with RESPMOD only.
    pub response_head: Option<&'a [u8]>,
    /// Whether a body follows; never with OPTIONS.
    pub has_body: bool,
}

impl IcapRequest<'_> {
    /// Appends the ICAP head and the encapsulated heads. Returns where the ICAP header lines stand in `out`, without
    /// request line and empty line.
    pub fn encode(&self, out: &mut Vec<u8>) -> Range<usize> {
        let lines = self.encode_head(out);
        for (_, head) in self.heads().into_iter().flatten() {
            out.extend_from_slice(head);
        }
        lines
    }

    /// Appends the ICAP head: request line, header lines, empty line. Returns where the header lines stand.
    fn encode_head(&self, out: &mut Vec<u8>) -> Range<usize> {
        let heads = self.heads().into_iter().flatten();
        let behind: usize = heads.map(|(_, head)| head.len()).sum();
        out.reserve(LIKELY_HEAD_BYTES.saturating_add(behind));
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        out.extend(visible(self.uri));
        out.extend_from_slice(b" ICAP/1.0\r\n");
        let start = out.len();
        self.push_header_lines(out);
        let lines = start..out.len();
        out.extend_from_slice(b"\r\n");
        lines
    }

    fn push_header_lines(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Host: ");
        out.extend(visible(self.host));
        out.extend_from_slice(b"\r\n");
        for (name, value) in self.headers {
            let own = OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name));
            if own || !is_token(name.as_bytes()) {
                continue;
            }
            let breaks = |c: char| matches!(c, '\r' | '\n' | '\0');
            let value = value.trim_matches(|c: char| c.is_whitespace() || breaks(c));
            for part in [name, ": "] {
                out.extend_from_slice(part.as_bytes());
            }
            let blank = |b: u8| if breaks(char::from(b)) { b' ' } else { b };
            out.extend(value.bytes().map(blank));
            out.extend_from_slice(b"\r\n");
        }
        let mut before = "Allow: ";
        for status in self.allow {
            out.extend_from_slice(before.as_bytes());
            push_decimal(out, *status);
            before = ", ";
        }
        if self.trailers {
            for part in [before, TRAILERS] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        if self.trailers || !self.allow.is_empty() {
            out.extend_from_slice(b"\r\n");
        }
        if let Some(preview) = self.preview.filter(|_| self.has_body()) {
            out.extend_from_slice(b"Preview: ");
            push_decimal(out, preview);
            out.extend_from_slice(b"\r\n");
        }
        self.push_encapsulated(out);
    }

    /// `Encapsulated` (RFC 3507 section 4.4.1).
    fn push_encapsulated(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Encapsulated: ");
        let mut offset = 0_usize;
        for (name, head) in self.heads().into_iter().flatten() {
            out.extend_from_slice(name.as_bytes());
            push_decimal(out, offset);
            out.extend_from_slice(b", ");
            offset = offset.saturating_add(head.len());
        }
        let body = match self.method {
            Method::Reqmod if self.has_body() => "req-body=",
            Method::Respmod if self.has_body() => "res-body=",
            _ => "null-body=",
        };
        out.extend_from_slice(body.as_bytes());
        push_decimal(out, offset);
        out.extend_from_slice(b"\r\n");
    }

    /// The heads that this method may carry, in sending order.
    fn heads(&self) -> [Option<(&'static str, &[u8])>; 2] {
        let request = self.request_head.map(|head| ("req-hdr=", head));
        let response = self.response_head.map(|head| ("res-hdr=", head));
        match self.method {
            Method::Reqmod => [request, None],
            Method::Respmod => [request, response],
            Method::Options => [None, None],
        }
    }

    fn has_body(&self) -> bool {
        self.has_body && self.method != Method::Options
    }
}

/// Appends the first line of a chunk of `len` bytes. The caller appends the data and a CRLF. `len` must not be 0:
/// that would be the last chunk.
pub fn chunk_header(len: usize, out: &mut Vec<u8>) {
    const BITS_OF_A_DIGIT: usize = 4;
    let places = (0..usize::BITS).step_by(BITS_OF_A_DIGIT).rev();
    let digits = places.map(|place| char::from_digit(((len >> place) & 15) as u32, 16));
    let significant = digits.skip_while(|digit| *digit == Some('0')).flatten();
    out.extend(significant.map(|digit| digit as u8));
    out.extend_from_slice(b"\r\n");
}

fn push_decimal(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn visible(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(|b| *b > b' ' && *b != 0x7f)
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
