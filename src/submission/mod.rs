//! One body shown to an ICAP service: waiting for a connection, the transaction on it, the retries, and the verdict.
//!
//! A message has one [`Submission`], or one for each part of a form. The message calls a method for each input and
//! acts on the returned [`Step`]. An action that can't fail is an [`Effect`]; the caller performs effects before it
//! acts on the step. A submission knows no trailers of its message, no outcomes and no clock.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod attempt;
mod content;
mod cx;
mod decoded;
mod encoded;
mod extent;
mod held;
mod icap_response;
mod judge;
mod message;
mod record;
mod retry;
mod source;
mod state;
mod step;
mod window;

#[cfg(test)]
mod tests;

pub use attempt::{A_PAGE, Attempt, PAGE_BYTES, Progress};
pub use content::Content;
pub use cx::Cx;
pub use decoded::{Decoded, Decoder, NotDecoded};
pub use encoded::Encoded;
pub use extent::Extent;
pub use held::{Budget, Held, OverBudget, PIECE_BYTES, Share};
pub use icap_response::{IcapResponse, IcapResponseBody, Keep, NotKept, OwnBody, copy};
pub use judge::{SHOWN_STATUS, judge_probe};
pub use message::Message;
pub use record::{reason_only, record};
pub use retry::{Loss, Prospect};
pub use source::{Shown, Source};
pub use state::{GivenBack, Submission};
pub use step::{Change, Effect, Failure, Record, Step, unusable};
pub use window::{Part, Window};
