//! Faults: why something of a message can't be shown, or can't be replaced.

use super::indivisible::Indivisible;
use crate::config::Cause;
use crate::host::HostError;
use crate::submission::{NotDecoded, NotKept};

/// The cause of the failure, and a sentence for the log.
pub(super) type Fault = (Cause, String);

/// A part could not be decoded.
pub(super) fn not_decoded(why: NotDecoded) -> Fault {
    match why {
        NotDecoded::Unreadable(e) => unreadable(e),
        NotDecoded::Undecodable(why) => {
            let reason = format!("a part of the form can be decoded in two ways: {why}");
            (Cause::BadRequest, reason)
        }
    }
}

/// The host did not give the body.
pub(super) fn unreadable(e: HostError) -> Fault {
    (Cause::Internal, format!("the body could not be read: {e}"))
}

/// The message can't be shown in parts.
pub(super) fn not_apart(why: Indivisible) -> Fault {
    let cause = match why {
        Indivisible::Upload(_) | Indivisible::Form(_) | Indivisible::ContentTypes => {
            Cause::BadRequest
        }
        Indivisible::TooLarge => Cause::Oversize,
        Indivisible::Coding(_) => Cause::Unscannable,
        Indivisible::OverBudget => Cause::Overload,
    };
    (cause, why.to_string())
}

/// There is no room for a part of the change.
pub(super) fn no_room(why: NotKept) -> Fault {
    (why.cause(), why.sentence().to_owned())
}
