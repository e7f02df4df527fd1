//! Reads heads as they arrive: the ICAP head, and the HTTP head inside an ICAP response.

use super::encapsulated::HeadKind;
use super::error::{IcapResponseError, LimitKind, Snippet};
use super::fields::{FieldReader, Rules};
use super::input::{Input, trim_line_end};
use super::start_line::{ICAP_START, http_request, http_status, icap_status};
use super::{Headers, HttpHead, Limits, RequestHead, ResponseHead};

/// Bytes that the lines of an ICAP head usually need.
const LIKELY_BYTES: usize = 512;

/// A complete ICAP head.
#[derive(Clone, Debug)]
pub(super) struct IcapHead {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) headers: Headers,
    /// The header lines as received.
    pub(super) raw: Vec<u8>,
}

/// Reads one ICAP head line by line.
#[derive(Debug)]
pub(super) struct IcapHeadReader {
    start: Option<(u16, String)>,
    fields: FieldReader,
    raw: Vec<u8>,
    /// How many bytes of the header lines are kept.
    max_raw: usize,
    /// How many bytes the head may still have.
    budget: usize,
    max_bytes: usize,
    /// How many lines the head may still have.
    lines: usize,
    max_lines: usize,
    /// How many empty lines may still come before the status line.
    empty_lines: usize,
    max_empty_lines: usize,
}

impl IcapHeadReader {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            start: None,
            fields: FieldReader::new(Rules::Icap, limits),
            raw: Vec::new(),
            max_raw: limits.head_bytes,
            budget: limits.icap_head_bytes,
            max_bytes: limits.icap_head_bytes,
            lines: limits.icap_head_lines,
            max_lines: limits.icap_head_lines,
            empty_lines: limits.leading_empty_lines,
            max_empty_lines: limits.leading_empty_lines,
        }
    }

    /// The status, once the reader has read its line.
    pub(super) fn status(&self) -> Option<u16> {
        self.start.as_ref().map(|(status, _)| *status)
    }

    /// Reads further. `None`: the reader needs more bytes.
    pub(super) fn read(
        &mut self,
        input: &mut Input,
    ) -> Result<Option<IcapHead>, IcapResponseError> {
        loop {
            if self.start.is_none() {
                refuse_other_protocols(input.unread())?;
            }
            let unread = input.unread().len();
            let Ok(line) = input.take_line(self.budget) else {
                return Err(IcapResponseError::Limit {
                    what: LimitKind::HeadBytes,
                    limit: self.max_bytes as u64,
                });
            };
            let Some(line) = line else {
                return Ok(None);
            };
            let Some(lines) = self.lines.checked_sub(1) else {
                return Err(IcapResponseError::Limit {
                    what: LimitKind::HeadLines,
                    limit: self.max_lines as u64,
                });
            };
            self.lines = lines;
            self.budget = self.budget.saturating_sub(line.len());
            match (trim_line_end(line), self.start.take()) {
                ([], None) => self.leading_empty_line()?,
                ([], Some((status, reason))) => {
                    return Ok(Some(IcapHead {
                        status,
                        reason,
                        headers: self.fields.finish(),
                        raw: std::mem::take(&mut self.raw),
                    }));
                }
                (text, None) => {
                    let start = icap_status(text).ok_or_else(|| IcapResponseError::StatusLine {
                        found: Snippet::new(text),
                    })?;
                    self.start = Some(start);
                }
                (text, start) => {
                    self.start = start;
                    self.fields.line(text)?;
                    let room = self.max_raw.saturating_sub(self.raw.len());
                    if self.raw.is_empty() {
                        // Usually the whole head has arrived.
                        self.raw.reserve(room.min(unread).min(LIKELY_BYTES));
                    }
                    self.raw.extend_from_slice(line.get(..room).unwrap_or(line));
                }
            }
        }
    }

    /// An unfinished head as far as it has arrived, with the line that `unread` begins. `None` before the status
    /// line.
    pub(super) fn so_far(&self, unread: &[u8]) -> Option<IcapHead> {
        let (status, reason) = self.start.clone()?;
        let mut fields = self.fields.clone();
        let line = trim_line_end(unread.split(|b| *b == b'\n').next().unwrap_or_default());
        // A line without a colon is a name that broke off. It would become a part of the value before it.
        let is_field = line.contains(&b':') || matches!(line.first(), Some(b' ' | b'\t'));
        if is_field && fields.line(line).is_err() {
            return None;
        }
        Some(IcapHead {
            status,
            reason,
            headers: fields.finish(),
            raw: self.raw.clone(),
        })
    }

    fn leading_empty_line(&mut self) -> Result<(), IcapResponseError> {
        let Some(left) = self.empty_lines.checked_sub(1) else {
            return Err(IcapResponseError::Limit {
                what: LimitKind::LeadingEmptyLines,
                limit: self.max_empty_lines as u64,
            });
        };
        self.empty_lines = left;
        Ok(())
    }
}

/// A peer that speaks another protocol, such as TLS, may never send a line end. Its first bytes are enough to refuse
/// it.
fn refuse_other_protocols(unread: &[u8]) -> Result<(), IcapResponseError> {
    let empty_line = matches!(unread.first(), Some(b'\r' | b'\n'));
    if !empty_line && unread.iter().zip(ICAP_START).any(|(a, b)| a != b) {
        return Err(IcapResponseError::StatusLine {
            found: Snippet::new(unread),
        });
    }
    Ok(())
}

/// Reads one encapsulated HTTP head. The head must fill its section exactly.
#[derive(Debug)]
pub(super) struct HttpHeadReader {
    kind: HeadKind,
    start: Option<Start>,
    fields: FieldReader,
    announced: usize,
    /// Bytes of the section that are still unread.
    left: usize,
}

#[derive(Debug)]
enum Start {
    Request { method: String, target: Vec<u8> },
    Response { status: u16 },
}

impl HttpHeadReader {
    /// `announced` is the section's length in bytes.
    pub(super) fn new(kind: HeadKind, announced: usize, limits: &Limits) -> Self {
        Self {
            kind,
            start: None,
            fields: FieldReader::new(Rules::Http, limits),
            announced,
            left: announced,
        }
    }

    /// Reads further. `None`: the reader needs more bytes.
    pub(super) fn read(
        &mut self,
        input: &mut Input,
    ) -> Result<Option<HttpHead>, IcapResponseError> {
        loop {
            let Ok(line) = input.take_line(self.left) else {
                return Err(self.wrong_length(false));
            };
            let Some(line) = line else {
                return Ok(None);
            };
            self.left = self.left.saturating_sub(line.len());
            match (trim_line_end(line), self.start.take()) {
                (text, None) => self.start = Some(start_line(self.kind, text)?),
                ([], Some(start)) if self.left == 0 => {
                    return Ok(Some(start.into_head(self.fields.finish())));
                }
                ([], Some(_)) => return Err(self.wrong_length(true)),
                (text, start) => {
                    self.start = start;
                    self.fields.line(text)?;
                }
            }
        }
    }

    fn wrong_length(&self, ended_early: bool) -> IcapResponseError {
        IcapResponseError::HttpHeadLength {
            announced: self.announced,
            ended_early,
        }
    }
}

impl Start {
    fn into_head(self, headers: Headers) -> HttpHead {
        match self {
            Self::Request { method, target } => HttpHead::Request(RequestHead {
                method,
                target,
                headers,
            }),
            Self::Response { status } => HttpHead::Response(ResponseHead { status, headers }),
        }
    }
}

fn start_line(kind: HeadKind, line: &[u8]) -> Result<Start, IcapResponseError> {
    let (start, expected) = match kind {
        HeadKind::Request => (
            http_request(line).map(|(method, target)| Start::Request { method, target }),
            "a request line such as \"GET / HTTP/1.1\"",
        ),
        HeadKind::Response => (
            http_status(line).map(|status| Start::Response { status }),
            "a status line such as \"HTTP/1.1 403 Forbidden\"",
        ),
    };
    start.ok_or_else(|| IcapResponseError::HttpStartLine {
        found: Snippet::new(line),
        expected,
    })
}

impl RequestHead {
    /// Parses a head that [`encode_request_head`](super::encode_request_head) wrote.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match parse(HeadKind::Request, bytes)? {
            HttpHead::Request(head) => Some(head),
            HttpHead::Response(_) => None,
        }
    }
}

impl ResponseHead {
    /// Parses a head that [`encode_response_head`](super::encode_response_head) wrote.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match parse(HeadKind::Response, bytes)? {
            HttpHead::Response(head) => Some(head),
            HttpHead::Request(_) => None,
        }
    }
}

fn parse(kind: HeadKind, bytes: &[u8]) -> Option<HttpHead> {
    let limits = Limits {
        head_bytes: bytes.len(),
        header_count: usize::MAX,
        ..Limits::default()
    };
    let mut input = Input::default();
    input.push(bytes.to_vec());
    HttpHeadReader::new(kind, bytes.len(), &limits)
        .read(&mut input)
        .ok()?
}
