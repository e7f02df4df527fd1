//! The results of a submission's transitions.

use std::borrow::Cow;

use super::icap_response::IcapResponse;
use super::record::reason_only;
use crate::bug::{Bug, bug};
use crate::config::Cause;
use crate::connection::{Owner, StreamToken, UnitId};
use crate::icap::Headers;
use crate::report::ScanRecord;
use crate::verdict::{BlockWith, Rest};

/// The record of a transaction. Its action is `ICAP_FAILED` until it is decided.
pub type Record = Box<ScanRecord<'static>>;

/// What a submission tells its message. Every step but `Pending` is the submission's last.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// The submission waits.
    Pending,
    /// The shown body may go on as it is.
    Pass(Record),
    /// Another message takes the place of the shown one.
    Change(Record, Box<Change>),
    /// The shown body may not go on. The client gets the page of that ICAP response, or the profile's own.
    Block(Record, BlockWith, Box<IcapResponse>),
    /// There is no verdict.
    Fail(Record, Failure),
}

/// Another message in the place of what was shown.
#[derive(Debug)]
pub struct Change {
    /// The ICAP response that brings the new message.
    pub response: IcapResponse,
    /// What the ICAP response says if the new message can't be put in place: for [`unusable`].
    pub rest: Rest,
    /// The new trailers; `None`: the message's own stay.
    pub trailers: Option<Headers>,
}

/// Why there is no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The cause.
    pub cause: Cause,
    /// Whether the profile may let the original go on. False once another message has begun in its place.
    pub may_open: bool,
}

/// An action besides the step, for the caller to perform.
#[derive(Debug)]
pub enum Effect {
    /// A transaction failed and is tried again. The caller logs it.
    Record(Record),
    /// A retry, to be counted.
    Retried,
    /// The submission gave its connection to others, to be counted.
    Preempted,
    /// The server decided on the preview alone, to be counted.
    PreviewDecided,
    /// An ICAP response of this server carried this `ISTag`.
    Istag {
        /// The server's address.
        peer: String,
        /// The tag.
        tag: String,
    },
    /// The submission wants to send and has to wait for another callback: call [`body`](super::Submission::body)
    /// then.
    WakeUp(UnitId),
    /// A connection that was given back now works for this owner.
    Handed(Owner, StreamToken),
}

/// The step of a submission whose ICAP response arrived and can't be used. If the response reports a threat, the
/// original must not go on: the step blocks. `change_begun`: a server has begun to send a message in the place of the
/// original.
pub fn unusable(
    change_begun: bool,
    mut record: Record,
    rest: Rest,
    (cause, reason): (Cause, String),
) -> Step {
    if let Rest::Found(mut findings) = rest {
        findings.reason.get_or_insert(reason);
        record.findings = Cow::Owned(findings);
        return Step::Block(record, BlockWith::OwnPage, Box::default());
    }
    let (cause, reason) = match rest {
        Rest::Unscannable(ref why) if cause != Cause::Unscannable => {
            (Cause::Unscannable, why.clone())
        }
        _ => (cause, reason),
    };
    record.findings = reason_only(reason);
    let may_open = !change_begun || matches!(rest, Rest::Trouble(_)) || bug(Bug::FailedChangeOpens);
    Step::Fail(record, Failure { cause, may_open })
}

/// A failure with what the server had said by then, which may make it another failure.
pub(super) fn with_answer(cause: Cause, reason: String, rest: Rest) -> (Cause, String, Rest) {
    // No ICAP response makes up for a fault of the message itself.
    let its_own = matches!(cause, Cause::BadRequest | Cause::Oversize);
    match rest {
        Rest::Unscannable(_) if its_own => (cause, reason, Rest::Silent),
        Rest::Unscannable(ref why) => (Cause::Unscannable, format!("{why}; {reason}"), rest),
        Rest::Trouble(ref trouble) if !its_own => {
            (Cause::ServerError, format!("{trouble}; {reason}"), rest)
        }
        rest => (cause, reason, rest),
    }
}
