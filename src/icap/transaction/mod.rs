//! One ICAP transaction on one connection: what to send next, and what the ICAP response says.

mod request;
mod trailers;

pub use request::Request;
pub use trailers::Trailers;

use std::ops::Range;
use std::rc::Rc;

use super::encode::LIKELY_HEAD_BYTES;
use super::{
    Event, Headers, IcapResponseError, IcapResponseHead, IcapResponseParser, LAST_CHUNK, Limits,
    Method, chunk_header,
};
use crate::bug::{Bug, bug};
use trailers::push_last_chunk;

/// The most body bytes of one [`Transaction::transmit`]. The bound limits copying, and is large enough that the chunk
/// framing costs nothing.
pub const PIECE_BYTES: u64 = 256 * 1024;

/// How much of the HTTP body has arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodyProgress {
    /// Bytes received so far.
    pub available: u64,
    /// Whether the body has ended.
    pub ended: bool,
}

/// Why a transaction can't go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionError {
    /// The ICAP response could not be read.
    Response(IcapResponseError),
    /// The server sent `100 Continue` after a preview that held the whole body, or sent a second one.
    UnexpectedContinue,
}

impl std::fmt::Display for TransactionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Response(e) => e.fmt(f),
            Self::UnexpectedContinue => f.write_str(
                "found 100 Continue where nothing is left to send, expected a final status",
            ),
        }
    }
}

impl std::error::Error for TransactionError {}

impl From<IcapResponseError> for TransactionError {
    fn from(e: IcapResponseError) -> Self {
        Self::Response(e)
    }
}

/// The send half.
///
/// ```text
///             ┌── no body ────────────────────────────────────────▶ Done
///  Collecting ┼── whole body fits the preview (ieof) ─────────────▶ Done
///             ├── preview full ──▶ AwaitContinue ──100──▶ Streaming ──end of body──▶ Done
///             └── no preview ──────────────────────────▶ Streaming ──end of body──▶ Done
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    /// The transaction has sent nothing: the preview is not full and the body has not ended.
    Collecting,
    /// The transaction has sent the preview. The server decides whether it wants the rest, from `sent` on.
    AwaitContinue { sent: u64 },
    /// The transaction sends the body as it arrives.
    Streaming { sent: u64 },
    /// The transaction has sent the last chunk, or there is no body.
    Done { previewed: bool },
}

/// One transaction. To drive it: feed one input, then drain [`transmit`](Self::transmit) and [`poll`](Self::poll)
/// until neither has more, then feed the next.
#[derive(Debug)]
pub struct Transaction {
    request: Rc<Request>,
    sending: Sending,
    parser: IcapResponseParser,
    headers_sent: Vec<u8>,
    closes: bool,
    ended: bool,
}

impl Transaction {
    /// A transaction that has sent nothing.
    pub fn new(request: Rc<Request>, limits: Limits) -> Self {
        let mut parser = IcapResponseParser::new(limits);
        if let Some(trailers) = &request.trailers {
            trailers.begin();
            parser.take_trailers();
        }
        Self {
            request,
            sending: Sending::Collecting,
            parser,
            headers_sent: Vec::new(),
            closes: false,
            ended: false,
        }
    }

    /// A transaction whose request is OPTIONS.
    pub fn of_options(request: Rc<Request>, limits: Limits) -> Self {
        Self {
            parser: IcapResponseParser::for_options(limits),
            ..Self::new(request, limits)
        }
    }

    /// Whether [`transmit`](Self::transmit) would send its first bytes now, and so needs a connection.
    pub fn ready(request: &Request, body: BodyProgress) -> bool {
        body.ended
            || (!request.whole
                && request
                    .preview
                    .is_none_or(|preview| body.available > u64::from(preview)))
    }

    /// Appends everything that can be sent now to `out`, at most a piece. `read` appends the given range of the HTTP
    /// body. Call again until nothing is appended.
    ///
    /// # Errors
    /// The error of `read`.
    pub fn transmit<E>(
        &mut self,
        body: BodyProgress,
        out: &mut Vec<u8>,
        mut read: impl FnMut(Range<u64>, &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.sending {
            Sending::Collecting => {
                if !Self::ready(&self.request, body) {
                    return Ok(());
                }
                self.sending = self.open(body, out, &mut read)?;
            }
            Sending::Streaming { sent } => {
                let end = body.available.min(sent.saturating_add(PIECE_BYTES));
                append_chunk(sent..end, out, &mut read)?;
                self.sending = if body.ended && end == body.available {
                    push_last_chunk(self.request.trailers.as_deref(), false, out);
                    Sending::Done { previewed: false }
                } else {
                    Sending::Streaming { sent: end }
                };
            }
            Sending::AwaitContinue { .. } | Sending::Done { .. } => {}
        }
        Ok(())
    }

    /// The ICAP head and, where a preview is used, the preview (RFC 3507 section 4.5).
    fn open<E>(
        &mut self,
        body: BodyProgress,
        out: &mut Vec<u8>,
        read: &mut impl FnMut(Range<u64>, &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Sending, E> {
        let whole = body.ended.then_some(body.available);
        let has_body = whole != Some(0);
        // A body whose length is known needs no larger preview than itself.
        let preview = self.request.preview.map(|limit| match whole {
            Some(len) => u32::try_from(len).map_or(limit, |len| len.min(limit)),
            None => limit,
        });
        let heads = self.request.heads(whole);
        let head = self.request.encodable(&heads, preview, has_body);
        let shown = preview.filter(|_| has_body).unwrap_or_default() as usize;
        out.reserve(
            LIKELY_HEAD_BYTES
                .saturating_add(heads.len())
                .saturating_add(shown),
        );
        let lines = head.encode(out);
        self.headers_sent = out.get(lines).unwrap_or_default().to_vec();
        Ok(match preview {
            _ if !has_body => Sending::Done { previewed: false },
            None => Sending::Streaming { sent: 0 },
            Some(preview) => {
                let preview = u64::from(preview);
                append_chunk(0..preview, out, read)?;
                if whole == Some(preview) {
                    let trailers = self.request.trailers.as_deref();
                    push_last_chunk(trailers, !bug(Bug::NoIeof), out);
                    Sending::Done { previewed: true }
                } else {
                    out.extend_from_slice(LAST_CHUNK);
                    Sending::AwaitContinue { sent: preview }
                }
            }
        })
    }

    /// Takes bytes of the ICAP response.
    pub fn receive(&mut self, bytes: Vec<u8>) {
        self.parser.push(bytes);
    }

    /// The next event of the ICAP response; `None` when it needs more bytes. The transaction has already acted on a
    /// returned [`Event::Continue`]: call [`transmit`](Self::transmit).
    ///
    /// # Errors
    /// The ICAP response is not readable; the connection is of no more use.
    pub fn poll(&mut self) -> Result<Option<Event<'_>>, TransactionError> {
        let Some(event) = self.parser.poll()? else {
            return Ok(None);
        };
        match &event {
            Event::Continue => {
                self.sending = match self.sending {
                    Sending::AwaitContinue { .. } if bug(Bug::RestFromTheStart) => {
                        Sending::Streaming { sent: 0 }
                    }
                    Sending::AwaitContinue { sent } => Sending::Streaming { sent },
                    // Without a preview a `100` is needless and harmless.
                    state @ (Sending::Streaming { .. } | Sending::Done { previewed: false }) => {
                        state
                    }
                    Sending::Collecting | Sending::Done { previewed: true } => {
                        return Err(TransactionError::UnexpectedContinue);
                    }
                };
            }
            Event::Head(head) => self.closes = head.close,
            Event::End { .. } => self.ended = true,
            Event::Http(_) | Event::Body(_) => {}
        }
        Ok(Some(event))
    }

    /// The method of the request.
    pub fn method(&self) -> Method {
        self.request.method
    }

    /// Whether the transaction waits for the server, not for the client's upload.
    pub fn waits_for_server(&self, body: BodyProgress) -> bool {
        match self.sending {
            Sending::Collecting => false,
            Sending::Streaming { sent } => {
                body.ended || sent < body.available || bug(Bug::ClockRunsDuringUpload)
            }
            Sending::AwaitContinue { .. } | Sending::Done { .. } => true,
        }
    }

    /// Whether a byte of a final ICAP response has arrived.
    pub fn responded(&self) -> bool {
        self.parser.started()
    }

    /// The head of an unfinished ICAP response: see [`IcapResponseParser::unfinished_head`].
    pub fn unfinished_head(&self) -> Option<IcapResponseHead> {
        self.parser.unfinished_head()
    }

    /// Trailers without an end: see [`IcapResponseParser::unfinished_trailers`].
    pub fn unfinished_trailers(&self) -> Headers {
        self.parser.unfinished_trailers()
    }

    /// Whether the connection may carry another transaction: the ICAP response was read to its end, no byte follows
    /// it, the whole request was sent, and the server did not say `Connection: close`.
    pub fn reusable(&self) -> bool {
        self.ended
            && !self.closes
            && (self.parser.leftover() == 0 || bug(Bug::ReuseWithLeftover))
            && (matches!(
                self.sending,
                Sending::Done { .. } | Sending::AwaitContinue { .. }
            ) || bug(Bug::ReuseWhileOwed))
    }

    /// How many bytes of the body are needed no more, for they went out.
    pub fn sent(&self) -> u64 {
        match self.sending {
            Sending::Collecting => 0,
            Sending::AwaitContinue { sent } | Sending::Streaming { sent } => sent,
            Sending::Done { .. } => u64::MAX,
        }
    }

    /// Whether the transaction sent the whole body.
    pub fn complete_body_sent(&self) -> bool {
        matches!(self.sending, Sending::Done { .. })
    }

    /// Whether only the preview was sent when the ICAP response arrived.
    pub fn in_preview(&self) -> bool {
        matches!(
            self.sending,
            Sending::AwaitContinue { .. } | Sending::Done { previewed: true }
        )
    }

    /// The ICAP header lines as sent.
    pub fn headers_sent(&self) -> &[u8] {
        &self.headers_sent
    }

    /// What is missing if the connection closes now.
    ///
    /// # Errors
    /// Names the part that was still expected.
    pub fn end_of_input(&self) -> Result<(), IcapResponseError> {
        self.parser.end_of_input()
    }
}

fn append_chunk<E>(
    range: Range<u64>,
    out: &mut Vec<u8>,
    read: &mut impl FnMut(Range<u64>, &mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let Ok(len) = usize::try_from(range.end.saturating_sub(range.start)) else {
        return Ok(());
    };
    if len == 0 {
        return Ok(());
    }
    // Room for the chunk's frame and for the end of the body.
    out.reserve(len.saturating_add(32));
    chunk_header(len, out);
    read(range, out)?;
    out.extend_from_slice(b"\r\n");
    Ok(())
}

#[cfg(test)]
mod tests;
