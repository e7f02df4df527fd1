//! What an ICAP server notes of a transaction: what it was shown, and what it said.

use icap_filter::icap::Direction;

use super::client::TRAILER;
use super::icap_request::{IcapHead, Trailers, find};
use crate::plan::{Plan, Shown};

/// What a transaction is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Options,
    SelfTest,
    /// That of the message of that number.
    Scan(u64, Direction, Shown),
}

/// What a server says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It may go on as it is.
    Clean,
    /// It must not go on.
    Block,
    /// Another takes its place.
    Change(Changed),
    /// Another takes its place that is too long.
    TooLong,
    /// There is no verdict.
    Trouble,
    /// It can't look into what it was shown.
    Unscannable,
    /// It has too much to do.
    Busy,
    /// It can't be read.
    Garbage,
    /// Nothing.
    Nothing,
}

/// A changed message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    pub body: Vec<u8>,
    /// The head has the field `X-Scanned`.
    pub marked: bool,
    /// What becomes of the trailers that the server was shown behind the body.
    pub trailer: Trailer,
}

/// A trailer in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trailer {
    /// The answer has no place for it.
    Stays,
    /// It has this value.
    Is(String),
    /// There is none.
    Gone,
}

/// A transaction.
#[derive(Debug)]
pub struct Transaction {
    pub connection: usize,
    pub subject: Subject,
    /// How many there were before it about the same.
    pub attempt: u64,
    pub head: IcapHead,
    /// What has come of the body.
    pub body: Vec<u8>,
    /// What a server that gives a body back while it comes has given.
    pub given: Vec<u8>,
    /// All of it has.
    pub whole: bool,
    /// The trailers behind it.
    pub trailers: Trailers,
    /// The rest was asked for.
    pub continued: bool,
    /// It has been answered, or will be.
    pub decided: bool,
    pub said: Said,
    /// Where the answer begins among the bytes of its connection, once it is sent.
    pub begins: Option<u64>,
    /// How many of these say it; more may follow that do not belong to it.
    pub statement: u64,
    /// From where on it is plain that it blocks.
    pub evident: Option<u64>,
    /// It brings an HTTP message.
    pub has_message: bool,
    /// It tells of something that was found, be it gone by now.
    pub alarms: bool,
    /// How many have to have come until its ICAP head is complete.
    pub head_len: u64,
    /// How many until it is seen to be no echo.
    pub differs: Option<u64>,
    /// How many had come when the fate of its message was decided.
    pub at_decision: Option<u64>,
    /// That is the last word.
    pub is_final: bool,
}

impl Subject {
    /// What a request is about; `None` where no client has sent such a thing.
    pub fn of(head: &IcapHead, plan: &Plan) -> Option<Self> {
        if head.method == "OPTIONS" {
            return Some(Self::Options);
        }
        if find(&head.http_request, b"self-test").is_some() {
            return Some(Self::SelfTest);
        }
        let id = number_after(&head.http_request, b"/m")?;
        let of = match head.uri.ends_with("/respond") {
            true => Direction::Response,
            false => Direction::Request,
        };
        if head.shows_trailers() {
            return Some(Self::Scan(id, of, Shown::Trailers));
        }
        // An upload that is shown as a download goes to the service for requests.
        if of == Direction::Response {
            return Some(Self::Scan(id, Direction::Response, Shown::Whole));
        }
        let message = plan.messages.iter().find(|message| message.id == id)?;
        let possible = plan.shown(message);
        if let Some(form) = &message.request.form
            && form.is_call
            && !possible.contains(&Shown::Whole)
        {
            let length = number_after(head.shown(), b"content-length: ")?;
            let n = form
                .parts
                .iter()
                .position(|part| part.size as u64 == length)?;
            return Some(Self::Scan(id, Direction::Request, Shown::File(n)));
        }
        let shown = match number_after(head.shown(), b"name=\"p") {
            Some(n) => Shown::File(n as usize),
            None if possible.contains(&Shown::Whole) => Shown::Whole,
            None => Shown::Fields,
        };
        let subject = Self::Scan(id, Direction::Request, shown);
        possible.contains(&shown).then_some(subject)
    }

    /// Whether it is that message, or a part of it.
    pub fn is_of(&self, id: u64, of: Direction) -> bool {
        matches!(self, Self::Scan(number, direction, _) if (*number, *direction) == (id, of))
    }
}

/// The number behind these bytes.
fn number_after(bytes: &[u8], before: &[u8]) -> Option<u64> {
    let at = find(bytes, before)? + before.len();
    let digits = bytes[at..].iter().take_while(|b| b.is_ascii_digit());
    Some(digits.fold(0_u64, |n, digit| n * 10 + u64::from(digit - b'0')))
}

impl IcapHead {
    /// As which message the body is shown.
    pub fn shown_as(&self) -> Direction {
        match self.method.as_str() {
            "RESPMOD" => Direction::Response,
            _ => Direction::Request,
        }
    }

    /// Whether the trailers of a message are shown, in its head.
    fn shows_trailers(&self) -> bool {
        let field = format!("\r\n{TRAILER}: ");
        let mut heads = [&self.http_request, &self.http_response].into_iter();
        heads.any(|head| find(head, field.as_bytes()).is_some())
    }

    /// The head of the message that is shown.
    pub fn shown(&self) -> &[u8] {
        match self.shown_as() {
            Direction::Request => &self.http_request,
            Direction::Response => &self.http_response,
        }
    }
}

impl Transaction {
    /// A transaction of which the head has come.
    pub fn new(connection: usize, subject: Subject, attempt: u64, head: IcapHead) -> Self {
        Self {
            connection,
            subject,
            attempt,
            whole: !head.has_body,
            head,
            body: Vec::new(),
            given: Vec::new(),
            trailers: Trailers::new(),
            continued: false,
            decided: false,
            said: Said::Nothing,
            begins: None,
            statement: 0,
            evident: None,
            has_message: false,
            alarms: false,
            head_len: 0,
            differs: None,
            at_decision: None,
            is_final: false,
        }
    }

    /// How many bytes of its answer had come when its message was decided.
    pub fn heard(&self) -> u64 {
        self.at_decision.unwrap_or_default()
    }

    /// Whether all of the answer had come.
    pub fn was_heard_whole(&self) -> bool {
        self.statement > 0 && self.heard() >= self.statement
    }

    /// Whether it was plain that it blocks.
    pub fn was_seen_to_block(&self) -> bool {
        self.evident.is_some_and(|at| self.heard() >= at)
    }

    /// Whether it had begun to bring a message.
    pub fn had_begun_message(&self) -> bool {
        self.has_message && self.heard() >= self.head_len
    }

    /// Whether it had been seen to be no echo.
    pub fn was_seen_to_differ(&self) -> bool {
        self.differs.is_some_and(|at| self.heard() >= at)
    }

    /// Whether the head counts that its server gives it: that of a part, and of an upload that is shown as a download, is its own.
    pub fn is_taken_with_head(&self) -> bool {
        match self.subject {
            Subject::Scan(_, Direction::Request, shown) => {
                shown == Shown::Whole && self.head.shown_as() == Direction::Request
            }
            _ => true,
        }
    }

    /// The value of the trailer that it was shown, behind the body or in a head.
    pub fn trailer(&self) -> Option<String> {
        if let Some((_, value)) = self.trailers.iter().find(|(name, _)| name == TRAILER) {
            return Some(value.clone());
        }
        let field = format!("\r\n{TRAILER}: ");
        let heads = [&self.head.http_request, &self.head.http_response];
        heads.into_iter().find_map(|head| {
            let at = find(head, field.as_bytes())? + field.len();
            let end = find(&head[at..], b"\r\n")?;
            Some(String::from_utf8_lossy(&head[at..at + end]).into_owned())
        })
    }

    /// Whether the trailer that it was shown has that mark.
    pub fn has_in_trailer(&self, mark: &[u8]) -> bool {
        let trailer = self.trailer().unwrap_or_default();
        find(trailer.as_bytes(), mark).is_some()
    }

    /// Whether it says that what it was shown may go on as it is. Of a part, and of an upload that is shown as a download, a head
    /// that was changed is not taken.
    pub fn clears(&self, takes_heads: bool) -> bool {
        match &self.said {
            Said::Clean => true,
            Said::Change(changed) => {
                self.whole && changed.body == self.body && !(takes_heads && changed.marked)
            }
            _ => false,
        }
    }
}
