//! What we send: ICAP requests and chunks.

use std::fmt;

use super::fields::is_token;

/// The last chunk and the empty line after it.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The last chunk of a preview that held the whole body (RFC 3507 section 4.5).
pub const LAST_CHUNK_IEOF: &[u8] = b"0; ieof\r\n\r\n";

/// Headers whose value follows from the other fields of a request.
const OWN_HEADERS: [&str; 4] = ["host", "allow", "preview", "encapsulated"];

/// An ICAP method (RFC 3507 section 4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Request modification.
    Reqmod,
    /// Response modification.
    Respmod,
    /// What can the service do?
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

/// An ICAP request up to its body, which follows in chunks.
///
/// Whatever the parts hold, one request comes out: blanks and control characters are left out of `uri` and `host`; a
/// further header is left out if its name is no token or is one of `Host`, `Allow`, `Preview`, `Encapsulated`; CR, LF and
/// NUL in its value become blanks.
#[derive(Clone, Copy, Debug)]
pub struct IcapRequest<'a> {
    /// The method.
    pub method: Method,
    /// The absolute URI of the service, `icap://host:port/path?query`.
    pub uri: &'a str,
    /// The value of `Host`.
    pub host: &'a str,
    /// The statuses that the server may answer beside the usual ones, for example `[204, 206]`.
    pub allow: &'a [u16],
    /// How many bytes of the body come as preview (RFC 3507 section 4.5). Without a body it is not sent.
    pub preview: Option<u32>,
    /// Further headers.
    pub headers: &'a [(String, String)],
    /// The encapsulated HTTP request head; not sent with OPTIONS.
    pub request_head: Option<&'a [u8]>,
    /// The encapsulated HTTP response head; only sent with RESPMOD.
    pub response_head: Option<&'a [u8]>,
    /// Whether a body follows; never with OPTIONS.
    pub has_body: bool,
}

impl IcapRequest<'_> {
    /// The ICAP head and the encapsulated heads.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.encode_head();
        for (_, head) in self.heads().into_iter().flatten() {
            out.extend_from_slice(head);
        }
        out
    }

    /// The ICAP head: request line, header lines, empty line.
    pub fn encode_head(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        out.extend(visible(self.uri));
        out.extend_from_slice(b" ICAP/1.0\r\n");
        self.push_header_lines(&mut out);
        out.extend_from_slice(b"\r\n");
        out
    }

    /// The header lines of the ICAP head, without request line and empty line.
    pub fn encode_header_lines(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        self.push_header_lines(&mut out);
        out
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
            let value = value.replace(['\r', '\n', '\0'], " ");
            push_line(out, name, value.trim());
        }
        if !self.allow.is_empty() {
            let statuses: Vec<String> = self.allow.iter().map(u16::to_string).collect();
            push_line(out, "Allow", &statuses.join(", "));
        }
        if let Some(preview) = self.preview.filter(|_| self.has_body()) {
            push_line(out, "Preview", &preview.to_string());
        }
        push_line(out, "Encapsulated", &self.encapsulated());
    }

    /// The value of `Encapsulated` (RFC 3507 section 4.4.1).
    fn encapsulated(&self) -> String {
        let mut value = String::new();
        let mut offset = 0_usize;
        for (name, head) in self.heads().into_iter().flatten() {
            value.push_str(&format!("{name}={offset}, "));
            offset = offset.saturating_add(head.len());
        }
        let body = match self.method {
            Method::Reqmod if self.has_body() => "req-body",
            Method::Respmod if self.has_body() => "res-body",
            _ => "null-body",
        };
        value.push_str(&format!("{body}={offset}"));
        value
    }

    /// The heads that this method may carry, in the order in which they are sent.
    fn heads(&self) -> [Option<(&'static str, &[u8])>; 2] {
        let request = self.request_head.map(|head| ("req-hdr", head));
        let response = self.response_head.map(|head| ("res-hdr", head));
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

/// Appends the first line of a chunk of `len` bytes. The caller appends the data and a CRLF; `len` must not be 0, which
/// would be the last chunk.
pub fn chunk_header(len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{len:x}\r\n").as_bytes());
}

fn push_line(out: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

fn visible(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(|b| *b > b' ' && *b != 0x7f)
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
