//! What comes of a submission's transition.

use std::borrow::Cow;

use super::icap_response::IcapResponse;
use super::record::reason_only;
use crate::bug::{Bug, bug};
use crate::config::Cause;
use crate::connection::{Owner, StreamToken, UnitId};
use crate::report::ScanRecord;
use crate::verdict::{BlockWith, Rest};

/// The record of a transaction, whose action is not decided yet: `ICAP_FAILED`.
pub type Record = Box<ScanRecord<'static>>;

/// What its message is told. Every step but the first is a submission's last.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// It waits.
    Pending,
    /// What was shown may go on as it is.
    Pass(Record),
    /// Something else is to take the place of what was shown.
    Change(Record, Box<Change>),
    /// What was shown may not go on. The client gets the page of that ICAP response, or the profile's own.
    Block(Record, BlockWith, Box<IcapResponse>),
    /// There is no verdict.
    Fail(Record, Failure),
}

/// Another message in the place of what was shown.
#[derive(Debug)]
pub struct Change {
    /// The ICAP response that brings it.
    pub response: IcapResponse,
    /// What the ICAP response says where that message can't be put in place: for [`unusable`].
    pub rest: Rest,
}

/// Why there is no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The cause.
    pub cause: Cause,
    /// Whether the original may go on where the profile lets it: no other message has begun in its place.
    pub may_open: bool,
}

/// What a transition has done besides, and what its caller is to do about it.
#[derive(Debug)]
pub enum Effect {
    /// A transaction failed and is tried again: to be logged.
    Record(Record),
    /// A retry: to be counted.
    Retried,
    /// Its connection was taken for others: to be counted.
    Preempted,
    /// The server needed no more than the preview: to be counted.
    PreviewDecided,
    /// An ICAP response of that server carried this `ISTag`.
    Istag {
        /// The server's address.
        peer: String,
        /// The tag.
        tag: String,
    },
    /// The submission has something to send that has to wait for another callback: [`body`](super::Submission::body) then.
    WakeUp(UnitId),
    /// A connection that was given back works for that one now.
    Handed(Owner, StreamToken),
}

/// The step of a submission whose answer came, and to nothing. Where the ICAP response says that something was found the original is no
/// substitute: it is blocked. `change_begun`: a server has begun to send a message in the place of the original.
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
