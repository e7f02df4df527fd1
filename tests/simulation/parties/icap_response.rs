//! Answers of ICAP servers, as bytes.

use icap_filter::icap::Direction;

use super::icap_request::find;
use super::transaction::Changed;

/// An answer: its bytes, where its ICAP head ends, and from where on it is seen to be no echo.
#[derive(Clone, Debug, Default)]
pub struct IcapResponse {
    pub bytes: Vec<u8>,
    pub head_len: usize,
    pub differs: Option<usize>,
    /// From where on it is plain that it blocks.
    pub evident: Option<usize>,
    /// It brings an HTTP message.
    pub has_message: bool,
    /// The body of that.
    pub given: Vec<u8>,
    /// It tells of something that was found, be it gone by now.
    pub alarms: bool,
}

/// What stands in the ICAP head, beside status and parts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extra<'a> {
    pub fields: &'a str,
    pub trailers: &'a str,
    pub closes: bool,
}

impl Extra<'_> {
    fn lines(self) -> String {
        let close = if self.closes {
            "Connection: close\r\n"
        } else {
            ""
        };
        format!("ISTag: \"sim-1\"\r\n{}{close}", self.fields)
    }
}

/// A status without a message.
pub fn bare(status: u16, extra: Extra<'_>) -> IcapResponse {
    let parts = match status {
        204 => "",
        _ => "Encapsulated: null-body=0\r\n",
    };
    let bytes = format!("ICAP/1.0 {status} Phrase\r\n{}{parts}\r\n", extra.lines()).into_bytes();
    IcapResponse {
        head_len: bytes.len(),
        bytes,
        ..IcapResponse::default()
    }
}

/// What a server offers.
pub fn options(
    methods: &str,
    preview: Option<u32>,
    max_connections: Option<u32>,
    allow: &str,
    closes: bool,
) -> IcapResponse {
    let preview = preview.map_or_else(String::new, |n| format!("Preview: {n}\r\n"));
    let max = max_connections.map_or_else(String::new, |n| format!("Max-Connections: {n}\r\n"));
    let fields =
        format!("Methods: {methods}\r\nAllow: {allow}\r\nOptions-TTL: 3600\r\n{preview}{max}");
    bare(
        200,
        Extra {
            fields: &fields,
            closes,
            ..Extra::default()
        },
    )
}

/// A page for the client.
pub fn page(body: &[u8], extra: Extra<'_>) -> IcapResponse {
    let head = format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    message(200, "res", head.as_bytes(), Some(body), extra)
}

/// The message of the transaction, with that body, marked where that is wanted.
pub fn changed(
    of: Direction,
    head: &[u8],
    changed: &Changed,
    had_body: bool,
    extra: Extra<'_>,
) -> IcapResponse {
    let length = (!changed.body.is_empty() || had_body).then_some(changed.body.len());
    let head = rewritten(head, length, changed.marked);
    let body = (had_body || !changed.body.is_empty()).then_some(changed.body.as_slice());
    message(200, kind(of), &head, body, extra)
}

/// The message as it was shown, sent back. `trailers` follow its body.
pub fn echo(of: Direction, head: &[u8], body: Option<&[u8]>, extra: Extra<'_>) -> IcapResponse {
    message(200, kind(of), head, body, extra)
}

/// The beginning of a message that is given back while it still comes. `keeps_length`: its head says how long it will be, where that of
/// the message does.
pub fn begun_echo(of: Direction, head: &[u8], marked: bool, keeps_length: bool) -> Vec<u8> {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = text
        .split("\r\n")
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let head = match marked || !keeps_length {
        true => rewritten(head, length.filter(|_| keeps_length), marked),
        false => head.to_vec(),
    };
    let kind = kind(of);
    let icap = format!(
        "ICAP/1.0 200 OK\r\nISTag: \"sim-1\"\r\nEncapsulated: {kind}-hdr=0, {kind}-body={}\r\n\r\n",
        head.len()
    );
    [icap.as_bytes(), &head].concat()
}

/// The beginning of a message, and from which offset on the original goes on (206).
pub fn partial(
    of: Direction,
    head: &[u8],
    start: &[u8],
    goes_on_at: usize,
    extra: Extra<'_>,
) -> IcapResponse {
    let extra = Extra {
        trailers: "",
        ..extra
    };
    let mut answer = message(206, kind(of), head, Some(start), extra);
    let end = answer.bytes.len() - b"0\r\n\r\n".len();
    answer.bytes.truncate(end);
    let last = format!("0; use-original-body={goes_on_at}\r\n\r\n");
    answer.bytes.extend_from_slice(last.as_bytes());
    answer
}

fn kind(of: Direction) -> &'static str {
    match of {
        Direction::Request => "req",
        Direction::Response => "res",
    }
}

fn message(
    status: u16,
    kind: &str,
    head: &[u8],
    body: Option<&[u8]>,
    extra: Extra<'_>,
) -> IcapResponse {
    let rest = if body.is_some() {
        format!("{kind}-body")
    } else {
        "null-body".to_owned()
    };
    let mut bytes = format!(
        "ICAP/1.0 {status} OK\r\n{}Encapsulated: {kind}-hdr=0, {rest}={}\r\n\r\n",
        extra.lines(),
        head.len()
    )
    .into_bytes();
    let head_len = bytes.len();
    bytes.extend_from_slice(head);
    if let Some(body) = body {
        for chunk in body.chunks(700) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n");
        bytes.extend_from_slice(extra.trailers.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    IcapResponse {
        bytes,
        head_len,
        has_message: true,
        given: body.unwrap_or_default().to_vec(),
        ..IcapResponse::default()
    }
}

/// A head with another length, and a mark.
fn rewritten(head: &[u8], length: Option<usize>, marked: bool) -> Vec<u8> {
    let text = String::from_utf8_lossy(head).into_owned();
    let mut out = String::new();
    for line in text.trim_end_matches("\r\n").split("\r\n") {
        if !line.to_ascii_lowercase().starts_with("content-length:") {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    if let Some(length) = length {
        out.push_str(&format!("Content-Length: {length}\r\n"));
    }
    if marked {
        out.push_str("X-Scanned: yes\r\n");
    }
    out.push_str("\r\n");
    out.into_bytes()
}

/// How many bytes of an answer have to have come until its body is seen to differ from `original`.
pub fn differs_at(answer: &IcapResponse, body: &[u8], original: &[u8]) -> Option<usize> {
    let same = body
        .iter()
        .zip(original)
        .take_while(|(a, b)| a == b)
        .count();
    if same == body.len() && same == original.len() {
        return None;
    }
    if same == body.len() {
        return Some(answer.bytes.len());
    }
    // The chunk in which the difference is, as a whole: an upper bound.
    let from = find(&answer.bytes[answer.head_len..], b"\r\n\r\n")? + answer.head_len;
    let chunk_start = same / 700 * 700;
    let chunk_end = (chunk_start + 700).min(body.len());
    let overhead = (chunk_start / 700 + 1) * 7;
    Some((from + 4 + chunk_end + overhead + 2).min(answer.bytes.len()))
}
