//! The parser of one ICAP response: push bytes as they arrive, poll events.

use super::chunked::{BodyEnd, ChunkDecoder, Piece};
use super::encapsulated::{BodyKind, Sections};
use super::error::{IcapResponseError, LimitKind};
use super::head::{HttpHeadReader, IcapHead, IcapHeadReader};
use super::input::Input;
use super::{Headers, HttpHead, Limits};

/// The ICAP head of a final ICAP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcapResponseHead {
    /// The ICAP status, 200 to 999.
    pub status: u16,
    /// The reason phrase, empty if there is none; bytes that are no UTF-8 become U+FFFD, control characters blanks.
    pub reason: String,
    /// The header fields.
    pub headers: Headers,
    /// The header lines as received, line ends included, without status line and final empty line.
    pub raw_headers: Vec<u8>,
    /// Whether the connection is of no use after this ICAP response. ICAP connections persist by default (RFC 3507
    /// section 4.1). Only `Connection: close` ends one, or an ICAP response whose end is uncertain.
    pub close: bool,
}

/// The events of an ICAP response: any number of `Continue`, `Head`, at most one `Http`, any number of `Body`, `End`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// `100 Continue`: the server wants the rest of the body.
    Continue,
    /// The ICAP head.
    Head(IcapResponseHead),
    /// The encapsulated HTTP head.
    Http(HttpHead),
    /// The next bytes of the encapsulated body, never empty.
    Body(&'a [u8]),
    /// The end of the ICAP response.
    End {
        /// The trailers after the last chunk.
        trailers: Headers,
        /// The ICAP trailers, which follow the whole message (draft-rousskov-icap-trailers).
        icap_trailers: Headers,
        /// With status 206: the offset from which the original body follows.
        use_original_body: Option<u64>,
    },
}

/// Parses one final ICAP response and the `100 Continue` before it.
///
/// Push bytes as they arrive. After each push, poll until the parser returns `None`. An error is final: every later
/// poll repeats it. The work is linear in the bytes received, however they are split. The parser reads an `opt-body`
/// and drops it.
#[derive(Debug)]
pub struct IcapResponseParser {
    limits: Limits,
    /// Whether the request was OPTIONS.
    options: bool,
    /// Whether the request offered to read ICAP trailers.
    takes_trailers: bool,
    /// Whether ICAP trailers follow.
    has_trailers: bool,
    input: Input,
    state: State,
    received: u64,
    interim: usize,
    leftover: usize,
    /// The beginning of an ICAP head that the parser could not read to its end.
    broken_head: Option<IcapResponseHead>,
    /// The trailers of a body that the parser could not read to its end.
    broken_trailers: Headers,
    /// Body bytes of several small chunks, given out as one piece.
    run: Vec<u8>,
}

/// The word in `Allow` of an agent that can read trailers.
pub(super) const TRAILERS: &str = "trailers";

/// The most body bytes from small chunks that the parser gives out as one piece. Callers compare or copy piece by
/// piece, so long pieces save work.
const RUN_BYTES: usize = 64 * 1024;
/// A chunk with at least so many bytes available is given out without copying.
const LARGE_BYTES: usize = 4 * 1024;

#[derive(Debug)]
enum State {
    Head(IcapHeadReader),
    /// The parser gave out the head; this is what the head says about the rest.
    Sections(Result<Sections, IcapResponseError>),
    Http(HttpHeadReader, BodyKind),
    Body(Box<ChunkDecoder>, BodyKind),
    /// The body has ended, or can't be read further. The parser gave out every byte before that.
    AfterBody(Result<BodyEnd, IcapResponseError>),
    /// Only `End` follows.
    Empty,
    Done,
    Failed(IcapResponseError),
}

/// An event whose body bytes the caller has still to take.
enum Step {
    Event(Event<'static>),
    /// So many unread bytes.
    Body(usize),
    /// The gathered bytes.
    Run,
}

impl IcapResponseParser {
    /// A parser for the response to REQMOD or RESPMOD: 200, 201 and 206 must have an `Encapsulated` header.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            options: false,
            takes_trailers: false,
            has_trailers: false,
            input: Input::default(),
            state: State::Head(IcapHeadReader::new(&limits)),
            received: 0,
            interim: 0,
            leftover: 0,
            broken_head: None,
            broken_trailers: Headers::new(),
            run: Vec::new(),
        }
    }

    /// A parser for the response to OPTIONS. A missing `Encapsulated` header means that there is no body.
    pub fn for_options(limits: Limits) -> Self {
        Self {
            options: true,
            ..Self::new(limits)
        }
    }

    /// The request has offered to read ICAP trailers.
    pub fn take_trailers(&mut self) {
        self.takes_trailers = true;
    }

    /// Adds bytes. The parser takes them over without copying where all earlier ones were polled.
    pub fn push(&mut self, bytes: Vec<u8>) {
        self.received = self.received.saturating_add(bytes.len() as u64);
        match self.state {
            State::Done => self.leftover = self.leftover.saturating_add(bytes.len()),
            State::Failed(_) => {}
            _ => self.input.push(bytes),
        }
    }

    /// The next event. `None`: the parser needs more bytes, or gave out `End`.
    pub fn poll(&mut self) -> Result<Option<Event<'_>>, IcapResponseError> {
        match self.step() {
            Ok(None) => Ok(None),
            Ok(Some(Step::Event(event))) => Ok(Some(event)),
            Ok(Some(Step::Body(length))) => Ok(Some(Event::Body(self.input.take(length)))),
            Ok(Some(Step::Run)) => Ok(Some(Event::Body(&self.run))),
            Err(error) => {
                self.broken_head = self.unfinished_head();
                self.input.clear();
                self.state = State::Failed(error.clone());
                Err(error)
            }
        }
    }

    /// Whether a byte of the final ICAP response has arrived. A beginning counts until its status proves to be 1xx.
    pub fn started(&self) -> bool {
        match &self.state {
            State::Head(reader) => match reader.status() {
                Some(status) => status >= 200,
                None => self.input.unread().iter().any(|b| !b.is_ascii_whitespace()),
            },
            _ => true,
        }
    }

    /// The final ICAP response's head as far as it arrived, where the head has no end: its bytes stopped or passed a
    /// limit. `None`: the parser gave out the head, or no field has arrived.
    pub fn unfinished_head(&self) -> Option<IcapResponseHead> {
        match &self.state {
            State::Head(reader) => reader
                .so_far(self.input.unread())
                .filter(|head| head.status >= 200)
                .map(|head| self.response_head(head)),
            State::Failed(_) => self.broken_head.clone(),
            _ => None,
        }
    }

    /// The trailers as far as they arrived, where they have no end: their bytes stopped or passed a limit. Empty
    /// where the parser gave them out.
    pub fn unfinished_trailers(&self) -> Headers {
        match &self.state {
            State::Body(decoder, _) => decoder.trailers_so_far(),
            State::Failed(_) => self.broken_trailers.clone(),
            _ => Headers::new(),
        }
    }

    /// The number of bytes pushed.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The number of bytes pushed beyond `End`; 0 before it. A connection with leftovers can't carry another request.
    pub fn leftover(&self) -> usize {
        self.leftover
    }

    /// Call this when the connection has closed and everything was polled. `Ok` after `End`, otherwise the part that
    /// is missing.
    pub fn end_of_input(&self) -> Result<(), IcapResponseError> {
        let expected = match &self.state {
            State::Done => return Ok(()),
            State::Failed(error) => return Err(error.clone()),
            State::Head(_) if !self.started() => "an ICAP response",
            State::Head(_) => "the rest of the ICAP head",
            State::Sections(_) | State::AfterBody(_) | State::Empty => {
                "the caller to poll the ICAP response to its end"
            }
            State::Http(..) => "the rest of the encapsulated head",
            State::Body(decoder, _) => decoder.expected(),
        };
        Err(IcapResponseError::Closed { expected })
    }

    fn step(&mut self) -> Result<Option<Step>, IcapResponseError> {
        loop {
            match &mut self.state {
                State::Head(reader) => {
                    let Some(head) = reader.read(&mut self.input)? else {
                        return Ok(None);
                    };
                    if let Some(event) = self.head(head)? {
                        return Ok(Some(Step::Event(event)));
                    }
                }
                State::Sections(sections) => {
                    let sections = sections.clone()?;
                    self.state = match sections.head {
                        Some((kind, length)) => {
                            let reader = HttpHeadReader::new(kind, length, &self.limits);
                            State::Http(reader, sections.body)
                        }
                        None => self.body(sections.body),
                    };
                }
                State::Http(reader, body) => {
                    let Some(head) = reader.read(&mut self.input)? else {
                        return Ok(None);
                    };
                    let body = *body;
                    self.state = self.body(body);
                    return Ok(Some(Step::Event(Event::Http(head))));
                }
                State::Body(decoder, kind) => {
                    self.run.clear();
                    let step = match gather(decoder, *kind, &mut self.input, &mut self.run) {
                        Ok(step) => step,
                        Err(after) => {
                            if after.is_err() {
                                self.broken_trailers = decoder.trailers_so_far();
                            }
                            self.state = State::AfterBody(after);
                            (!self.run.is_empty()).then_some(Step::Run)
                        }
                    };
                    if step.is_some() || matches!(self.state, State::Body(..)) {
                        return Ok(step);
                    }
                }
                State::AfterBody(after) => {
                    self.run = Vec::new();
                    let after = after.clone()?;
                    return Ok(Some(self.end(after)));
                }
                State::Empty => return Ok(Some(self.end(BodyEnd::default()))),
                State::Done => return Ok(None),
                State::Failed(error) => return Err(error.clone()),
            }
        }
    }

    /// Continues after an ICAP head. `None` for an informational response that has no meaning for the filter.
    fn head(&mut self, head: IcapHead) -> Result<Option<Event<'static>>, IcapResponseError> {
        if head.status < 200 {
            self.interim = self.interim.saturating_add(1);
            if self.interim > self.limits.interim_responses {
                return Err(IcapResponseError::Limit {
                    what: LimitKind::InterimResponses,
                    limit: self.limits.interim_responses as u64,
                });
            }
            self.state = State::Head(IcapHeadReader::new(&self.limits));
            return Ok((head.status == 100).then_some(Event::Continue));
        }
        let headers = &head.headers;
        self.has_trailers =
            self.takes_trailers && headers.has("trailer") && headers.has_token("allow", TRAILERS);
        self.state = State::Sections(Sections::of_response(
            head.status,
            &head.headers,
            self.options,
            &self.limits,
        ));
        Ok(Some(Event::Head(self.response_head(head))))
    }

    fn response_head(&self, head: IcapHead) -> IcapResponseHead {
        IcapResponseHead {
            status: head.status,
            reason: head.reason,
            close: head.headers.has_token("connection", "close")
                || !Sections::are_certain(head.status, &head.headers, self.options),
            headers: head.headers,
            raw_headers: head.raw,
        }
    }

    fn body(&self, kind: BodyKind) -> State {
        match kind {
            BodyKind::None if !self.has_trailers => State::Empty,
            kind => {
                let decoder = ChunkDecoder::new(&self.limits, kind, self.has_trailers);
                State::Body(Box::new(decoder), kind)
            }
        }
    }

    fn end(&mut self, end: BodyEnd) -> Step {
        self.leftover = self.input.clear();
        self.state = State::Done;
        Step::Event(Event::End {
            trailers: end.trailers,
            icap_trailers: end.icap_trailers,
            use_original_body: end.use_original_body,
        })
    }
}

/// Reads further in a body: large chunks without copying, small ones gathered. The error is the body's end or what is
/// wrong with the body; `run` may hold bytes that come before.
fn gather(
    decoder: &mut ChunkDecoder,
    kind: BodyKind,
    input: &mut Input,
    run: &mut Vec<u8>,
) -> Result<Option<Step>, Result<BodyEnd, IcapResponseError>> {
    loop {
        match decoder.read(input) {
            Ok(None) => return Ok((!run.is_empty()).then_some(Step::Run)),
            Ok(Some(Piece::Data(length))) if kind == BodyKind::Options => {
                input.take(length);
            }
            Ok(Some(Piece::Data(length))) if run.is_empty() && length >= LARGE_BYTES => {
                return Ok(Some(Step::Body(length)));
            }
            Ok(Some(Piece::Data(length))) => {
                run.extend_from_slice(input.take(length));
                if run.len() >= RUN_BYTES {
                    return Ok(Some(Step::Run));
                }
            }
            Ok(Some(Piece::End(end))) => return Err(Ok(end)),
            Err(error) => return Err(Err(error)),
        }
    }
}

#[cfg(test)]
#[path = "response_tests/mod.rs"]
mod tests;
