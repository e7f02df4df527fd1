//! What an ICAP response means: status, structure, verdict headers, what the product means by them.
//!
//! [`judge`] looks at one complete answer and nothing else, [`judge_head`] at what is left of one; they know no host, no clock and no connection.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod changed;
mod evidence;
mod infection;
mod judge;
mod status;
mod text;
mod violations;

#[cfg(test)]
pub(crate) mod tests;

pub use changed::{same_request, same_response};
pub use judge::{
    BlockWith, BodyChange, IcapResponseView, Judgement, Rest, Scan, Verdict, judge, judge_head,
};
pub use text::clean;

/// What the verdict headers of an ICAP response tell, for the log. Every text is valid UTF-8 without control characters and
/// bounded in length; a pass and a failure have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Why: `X-Blocked-Reason`, else `X-Response-Desc` or `X-Response-Description`, else an error code, else the
    /// threat.
    pub reason: Option<String>,
    /// What: `X-Virus-ID`, else the threat of `X-Infection-Found`, else that of the first violation.
    pub threat_id: Option<String>,
    /// The parts found by `X-Violations-Found`, at most a hundred.
    pub violations: Vec<Violation>,
}

/// One group of `X-Violations-Found` (draft-stecher-icap-subid section 4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The file, or the part of an archive; `-` where the server knows no name.
    pub file_name: String,
    /// What was found in it.
    pub threat_name: String,
    /// What the server did about it.
    pub resolution: Resolution,
}

/// What the server did about a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Resolution id 0, and every id that is not known.
    NotRepaired,
    /// Resolution id 1.
    Repaired,
    /// Resolution id 2. (In `X-Infection-Found` a 2 means blocked instead.)
    SectionRemoved,
}

impl Resolution {
    /// The name in icap_log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRepaired => "ICAP_FILE_NOT_REPAIRED",
            Self::Repaired => "ICAP_FILE_REPAIRED",
            Self::SectionRemoved => "ICAP_VIOLATING_SECTION_REMOVED",
        }
    }
}
