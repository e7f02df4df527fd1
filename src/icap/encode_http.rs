//! Makes HTTP/1.1 heads for the ICAP server from Envoy's header map (RFC 9112; hop-by-hop fields: RFC 9110 section
//! 7.6.1).

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use super::error::Snippet;
use super::fields::is_token;

/// Header fields in the form of Envoy's header map: pseudo headers such as `:method` are ordinary entries.
pub trait FieldList {
    /// Names and values, in order.
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone;

    /// The values of the fields of that name, in any case, in order.
    fn values<'f>(&'f self, name: &'f [u8]) -> impl Iterator<Item = &'f [u8]> {
        self.fields()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

impl FieldList for Vec<(Vec<u8>, Vec<u8>)> {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// Fields about the client's connection (RFC 9110 section 7.6.1), not the one to the ICAP server, and credentials for
/// a proxy. Lower case.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether a field of this name, in any case, is about one connection. Fields that a `Connection` field names are
/// hop-by-hop too.
pub fn is_hop_by_hop(name: &[u8]) -> bool {
    let mut known = HOP_BY_HOP.iter();
    known.any(|hop| hop.len() == name.len() && is_same(hop.as_bytes(), name))
}

/// Whether two names are the same without case. Not inlined: the comparison would be there once for each known name.
#[inline(never)]
fn is_same(known: &[u8], name: &[u8]) -> bool {
    known.eq_ignore_ascii_case(name)
}

/// Why a header map has no HTTP/1.1 form.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// A pseudo header is missing.
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// A pseudo header appears twice.
    Duplicate {
        /// Its name.
        name: &'static str,
    },
    /// The value of a pseudo header cannot stand in a start line.
    Value {
        /// Its name.
        name: &'static str,
        /// Its value.
        found: Snippet,
    },
    /// A field name is no token.
    FieldName {
        /// The name.
        found: Snippet,
    },
    /// A field value contains CR, LF or NUL.
    FieldValue {
        /// The field's name.
        name: Snippet,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name } => write!(f, "found no {name}, expected one"),
            Self::Duplicate { name } => write!(f, "found {name} twice, expected it once"),
            Self::Value { name, found } => write!(
                f,
                "found {name} {found}, expected what can stand in a start line"
            ),
            Self::FieldName { found } => write!(f, "found header name {found}, expected a token"),
            Self::FieldValue { name } => write!(
                f,
                "found CR, LF or NUL in the value of {name}, expected none"
            ),
        }
    }
}

impl Error for EncodeError {}

/// The HTTP/1.1 head of a request: request line with the path as target, `Host` from `:authority`, then the fields in
/// their order. All `cookie` fields are joined into the first.
///
/// Left out: hop-by-hop fields, fields that `Connection` names, `Proxy-Authorization`, `Expect`, the `host` field
/// beside an `:authority`, further pseudo headers, and a `Content-Length` that is no single number or stands beside
/// `Transfer-Encoding`.
pub fn encode_request_head(fields: &impl FieldList) -> Result<Vec<u8>, EncodeError> {
    let method = required(fields, ":method")?;
    if !is_token(method) {
        return Err(bad_value(":method", method));
    }
    let path = required(fields, ":path")?;
    if path.is_empty() || !path.iter().all(|b| is_visible(*b)) {
        return Err(bad_value(":path", path));
    }
    let authority = pseudo(fields, ":authority")?;

    let mut out = Vec::with_capacity(1024);
    for part in [method, b" ", path, b" HTTP/1.1\r\n"] {
        out.extend_from_slice(part);
    }
    if let Some(authority) = authority {
        if !authority.iter().all(|b| is_visible(*b)) {
            return Err(bad_value(":authority", authority));
        }
        push_line(&mut out, b"Host", authority);
    }
    push_fields(&mut out, fields, |name| {
        name.eq_ignore_ascii_case(b"expect")
            || (name.eq_ignore_ascii_case(b"host") && authority.is_some())
    })?;
    out.extend_from_slice(b"\r\n");
    Ok(out)
}

/// The HTTP/1.1 head of a response: status line, then the fields in their order. Leaves out the same fields as
/// [`encode_request_head`].
pub fn encode_response_head(fields: &impl FieldList) -> Result<Vec<u8>, EncodeError> {
    let status = required(fields, ":status")?;
    if !matches!(status, [b'1'..=b'5', b, c] if b.is_ascii_digit() && c.is_ascii_digit()) {
        return Err(bad_value(":status", status));
    }
    let mut out = Vec::with_capacity(1024);
    for part in [b"HTTP/1.1 ", status, b" ", reason(status), b"\r\n"] {
        out.extend_from_slice(part);
    }
    push_fields(&mut out, fields, |_| false)?;
    out.extend_from_slice(b"\r\n");
    Ok(out)
}

/// An encoded head, with a `Content-Length` added where `length` is known and the head has none.
pub fn with_length(head: &[u8], length: Option<u64>) -> Cow<'_, [u8]> {
    let names_length = || {
        memchr::memchr_iter(b'\n', head).any(|end| {
            const NAME: &[u8] = b"content-length:";
            let line = end.checked_add(1).and_then(|line| head.get(line..));
            let name = line.and_then(|line| line.get(..NAME.len()));
            name.is_some_and(|name| name.eq_ignore_ascii_case(NAME))
        })
    };
    match length {
        Some(length) if !names_length() => {
            with_line(head, &format!("Content-Length: {length}\r\n"))
        }
        _ => Cow::Borrowed(head),
    }
}

/// An encoded head with a further line.
pub fn with_line<'h>(head: &'h [u8], line: &str) -> Cow<'h, [u8]> {
    match head.strip_suffix(b"\r\n") {
        Some(fields) => Cow::Owned([fields, line.as_bytes(), b"\r\n"].concat()),
        None => Cow::Borrowed(head),
    }
}

fn push_fields(
    out: &mut Vec<u8>,
    fields: &impl FieldList,
    left_out: impl Fn(&[u8]) -> bool,
) -> Result<(), EncodeError> {
    let named = named_by_connection(fields);
    let mut length = content_length(fields);
    let mut cookies_done = false;
    for (name, value) in fields.fields() {
        if name.first() == Some(&b':') {
            continue;
        }
        check(name, value)?;
        let is_named = || named.iter().any(|named| named.eq_ignore_ascii_case(name));
        if is_hop_by_hop(name) || is_named() || left_out(name) {
            continue;
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            if let Some(length) = length.take() {
                push_line(out, name, length);
            }
        } else if !name.eq_ignore_ascii_case(b"cookie") {
            push_line(out, name, value);
        } else if !cookies_done {
            cookies_done = true;
            push_line(out, name, &joined_cookies(fields));
        }
    }
    Ok(())
}

pub(super) fn check(name: &[u8], value: &[u8]) -> Result<(), EncodeError> {
    if !is_token(name) {
        return Err(EncodeError::FieldName {
            found: Snippet::new(name),
        });
    }
    if memchr::memchr3(b'\r', b'\n', 0, value).is_some() {
        return Err(EncodeError::FieldValue {
            name: Snippet::new(name),
        });
    }
    Ok(())
}

/// The field names in `Connection`. Fields that describe the message itself stay: the application sees
/// them in spite of `Connection`, so a client must not hide them from the scanner.
fn named_by_connection(fields: &impl FieldList) -> Vec<&[u8]> {
    const END_TO_END: [&[u8]; 3] = [b"host", b"cookie", b"authorization"];
    const OF_CONTENT: &[u8] = b"content-";
    let is_end_to_end = |name: &[u8]| {
        let start = name.get(..OF_CONTENT.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(OF_CONTENT))
            || END_TO_END
                .iter()
                .any(|kept| kept.eq_ignore_ascii_case(name))
    };
    fields
        .values(b"connection")
        .flat_map(|value| value.split(|b| *b == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|name| !is_end_to_end(name))
        .collect()
}

/// The value of `Content-Length` if it is one number, which may be repeated.
fn content_length(fields: &impl FieldList) -> Option<&[u8]> {
    if fields.values(b"transfer-encoding").next().is_some() {
        return None;
    }
    let mut values = fields.values(b"content-length").map(<[u8]>::trim_ascii);
    let first = values.next()?;
    let number = !first.is_empty() && first.iter().all(u8::is_ascii_digit);
    (number && values.all(|other| other == first)).then_some(first)
}

/// Joins the cookies: HTTP/2 may split them over several fields, HTTP/1.1 may not (RFC 9113 section 8.2.3).
fn joined_cookies(fields: &impl FieldList) -> Vec<u8> {
    let cookies: Vec<&[u8]> = fields.values(b"cookie").collect();
    cookies.join(b"; ".as_slice())
}

fn pseudo<'a>(
    fields: &'a impl FieldList,
    name: &'static str,
) -> Result<Option<&'a [u8]>, EncodeError> {
    let mut values = fields.values(name.as_bytes());
    let first = values.next();
    if values.next().is_some() {
        return Err(EncodeError::Duplicate { name });
    }
    Ok(first)
}

fn required<'a>(fields: &'a impl FieldList, name: &'static str) -> Result<&'a [u8], EncodeError> {
    pseudo(fields, name)?.ok_or(EncodeError::Missing { name })
}

fn bad_value(name: &'static str, value: &[u8]) -> EncodeError {
    EncodeError::Value {
        name,
        found: Snippet::new(value),
    }
}

fn is_visible(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f
}

pub(super) fn push_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// The reason phrase of a common status (RFC 9110 section 15). HTTP allows an empty one for the others.
fn reason(status: &[u8]) -> &'static [u8] {
    match status {
        b"200" => b"OK",
        b"201" => b"Created",
        b"202" => b"Accepted",
        b"204" => b"No Content",
        b"206" => b"Partial Content",
        b"301" => b"Moved Permanently",
        b"302" => b"Found",
        b"303" => b"See Other",
        b"304" => b"Not Modified",
        b"307" => b"Temporary Redirect",
        b"308" => b"Permanent Redirect",
        b"400" => b"Bad Request",
        b"401" => b"Unauthorized",
        b"403" => b"Forbidden",
        b"404" => b"Not Found",
        b"405" => b"Method Not Allowed",
        b"413" => b"Content Too Large",
        b"429" => b"Too Many Requests",
        b"500" => b"Internal Server Error",
        b"502" => b"Bad Gateway",
        b"503" => b"Service Unavailable",
        b"504" => b"Gateway Timeout",
        _ => b"",
    }
}

#[cfg(test)]
#[path = "encode_http_tests.rs"]
mod tests;
