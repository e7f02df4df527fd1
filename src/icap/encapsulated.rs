//! The `Encapsulated` header of an ICAP response (RFC 3507 section 4.4.1): which parts follow the ICAP head, and
//! where.

use super::error::{IcapResponseError, LimitKind, Snippet};
use super::{Headers, Limits};

/// Which HTTP head an ICAP response carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadKind {
    Request,
    Response,
}

/// Which body an ICAP response carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyKind {
    None,
    /// `req-body` or `res-body`.
    Message,
    /// `opt-body`. No standard gives it a meaning.
    Options,
}

/// The parts of an ICAP response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sections {
    /// The kind of the HTTP head and its length in bytes, never 0.
    pub(super) head: Option<(HeadKind, usize)>,
    pub(super) body: BodyKind,
}

/// Which parts the `Encapsulated` header of an ICAP response names, even where the header is wrong otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// A request: `req-hdr` or `req-body`.
    pub request: bool,
    /// A response: `res-hdr` or `res-body`.
    pub response: bool,
    /// A body that is not `null-body`: `req-body` or `res-body`.
    pub body: bool,
}

impl Announced {
    /// Reads the names from these ICAP headers, wherever the names stand and whatever separates them.
    pub fn by(headers: &Headers) -> Self {
        let mut announced = Self::default();
        let between = |b: &u8| !b.is_ascii_alphanumeric() && *b != b'-';
        let words = headers.all("encapsulated");
        for word in words.flat_map(|value| value.split(between)) {
            match part(word) {
                Some(Name::ReqHdr) => announced.request = true,
                Some(Name::ResHdr) => announced.response = true,
                Some(Name::ReqBody) => (announced.request, announced.body) = (true, true),
                Some(Name::ResBody) => (announced.response, announced.body) = (true, true),
                Some(Name::OptBody | Name::NullBody) | None => {}
            }
        }
        announced
    }

    /// Whether the header announces an HTTP message, or a part of one.
    pub fn message(self) -> bool {
        self.request || self.response
    }
}

impl Sections {
    const NONE: Self = Self {
        head: None,
        body: BodyKind::None,
    };

    /// Reads the header of a final ICAP response. `options`: the request was OPTIONS, whose response may leave the
    /// header out.
    pub(super) fn of_response(
        status: u16,
        headers: &Headers,
        options: bool,
        limits: &Limits,
    ) -> Result<Self, IcapResponseError> {
        // A 204 has no parts by definition; some servers repeat the request's header in it.
        if status == 204 {
            return Ok(Self::NONE);
        }
        let mut parts = Vec::new();
        for element in headers.all("encapsulated").flat_map(elements) {
            add_part(element, &mut parts)?;
        }
        if parts.is_empty() {
            // RFC 3507 defines these three by the message they carry. Without the header, "nothing follows" would
            // pass for "unchanged".
            return match status {
                200 | 201 | 206 if !options => {
                    Err(IcapResponseError::EncapsulatedMissing { status })
                }
                _ => Ok(Self::NONE),
            };
        }
        arrange(&parts)
            .and_then(|sections| match sections.body {
                BodyKind::Options if !options && (200..=299).contains(&status) => {
                    Err("opt-body in a response to OPTIONS only")
                }
                _ => Ok(sections),
            })
            .map_err(|expected| IcapResponseError::Encapsulated {
                found: Snippet::new(headers.get("encapsulated").unwrap_or_default()),
                expected,
            })
            .and_then(|sections| sections.within(limits))
    }

    /// Whether the end of a final ICAP response with these headers is certain: either `Encapsulated` gives it, or the
    /// status means "nothing follows" and no header contradicts. HTTP's headers that announce a body have no meaning
    /// in ICAP, so a response with one of them is uncertain.
    pub(super) fn are_certain(status: u16, headers: &Headers, options: bool) -> bool {
        let mut parts = Vec::new();
        let listed = headers
            .all("encapsulated")
            .flat_map(elements)
            .try_for_each(|element| add_part(element, &mut parts));
        let nothing_follows = match parts.as_slice() {
            _ if listed.is_err() => return false,
            [] => (status == 204 || (options && (200..=299).contains(&status))).then_some(true),
            parts => arrange(parts).ok().map(|sections| sections == Self::NONE),
        };
        match nothing_follows {
            Some(true) => {
                let is_zero = |length: &[u8]| length.trim_ascii() == b"0";
                !headers.has("transfer-encoding") && headers.all("content-length").all(is_zero)
            }
            Some(false) => status != 204,
            None => false,
        }
    }

    fn within(self, limits: &Limits) -> Result<Self, IcapResponseError> {
        match self.head {
            Some((_, length)) if length > limits.head_bytes => Err(IcapResponseError::Limit {
                what: LimitKind::HeadBytes,
                limit: limits.head_bytes as u64,
            }),
            _ => Ok(self),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    ReqHdr,
    ResHdr,
    ReqBody,
    ResBody,
    OptBody,
    NullBody,
}

const NAMES: [(&str, Name); 6] = [
    ("req-hdr", Name::ReqHdr),
    ("res-hdr", Name::ResHdr),
    ("req-body", Name::ReqBody),
    ("res-body", Name::ResBody),
    ("opt-body", Name::OptBody),
    ("null-body", Name::NullBody),
];

/// The non-empty elements of a comma-separated list.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|b| *b == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

/// Reads `name=offset`. No name may come twice, so there are at most six parts.
fn add_part(element: &[u8], parts: &mut Vec<(Name, usize)>) -> Result<(), IcapResponseError> {
    let broken = |expected| IcapResponseError::Encapsulated {
        found: Snippet::new(element),
        expected,
    };
    let mut halves = element.splitn(2, |b| *b == b'=').map(<[u8]>::trim_ascii);
    let (name, offset) = (halves.next(), halves.next());
    let name = name.and_then(part).ok_or_else(|| {
        broken("req-hdr, res-hdr, req-body, res-body, opt-body or null-body and an offset")
    })?;
    let offset = offset
        .and_then(parse_offset)
        .ok_or_else(|| broken("a decimal offset"))?;
    if parts.iter().any(|(other, _)| *other == name) {
        return Err(broken("each part once"));
    }
    parts.push((name, offset));
    Ok(())
}

/// The part with this name.
fn part(name: &[u8]) -> Option<Name> {
    let is = |(known, _): &&(&str, Name)| name.eq_ignore_ascii_case(known.as_bytes());
    NAMES.iter().find(is).map(|(_, part)| *part)
}

fn parse_offset(digits: &[u8]) -> Option<usize> {
    // `parse` would accept a sign.
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Checks order and combination of the parts. The error is the rule that they break.
fn arrange(parts: &[(Name, usize)]) -> Result<Sections, &'static str> {
    let [heads @ .., (body, body_at)] = parts else {
        return Ok(Sections::NONE);
    };
    let (kind, partner) = match body {
        Name::ReqBody => (BodyKind::Message, Some(HeadKind::Request)),
        Name::ResBody => (BodyKind::Message, Some(HeadKind::Response)),
        Name::OptBody => (BodyKind::Options, None),
        Name::NullBody => (BodyKind::None, None),
        Name::ReqHdr | Name::ResHdr => return Err("a body or null-body as the last part"),
    };
    let head = match heads {
        [] => None,
        [(Name::ReqHdr, at)] => Some((HeadKind::Request, at)),
        [(Name::ResHdr, at)] => Some((HeadKind::Response, at)),
        [(Name::ReqHdr, _), (Name::ResHdr, _)] | [(Name::ResHdr, _), (Name::ReqHdr, _)] => {
            return Err("either req-hdr or res-hdr, not both");
        }
        _ => return Err("at most one head, then at most one body"),
    };
    let first = head.map_or(body_at, |(_, at)| at);
    if *first != 0 {
        return Err("the first part at offset 0");
    }
    let Some((head, at)) = head else {
        return Ok(Sections {
            head: None,
            body: kind,
        });
    };
    if kind == BodyKind::Options || partner.is_some_and(|partner| partner != head) {
        return Err("a head and a body of the same message");
    }
    let length = body_at.checked_sub(*at).ok_or("ascending offsets")?;
    Ok(Sections {
        // c-icap can be configured to say "unchanged" with a head of no bytes.
        head: (length > 0).then_some((head, length)),
        body: kind,
    })
}

#[cfg(test)]
#[path = "encapsulated_tests.rs"]
mod tests;
