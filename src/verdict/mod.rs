//! What an ICAP response means: judged by status, structure, verdict headers, and the product's rules.
//!
//! [`judge`] takes one complete ICAP response, [`judge_head`] an incomplete one. They know no host, no clock and no
//! connection.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod changed;
mod evidence;
mod infection;
mod judge;
mod status;
mod text;
mod view;
mod violations;

#[cfg(test)]
pub(crate) mod tests;

pub use changed::{same_fields, same_request, same_response};
pub use evidence::is_evidence;
pub use judge::{BlockWith, Judgement, Rest, Verdict, judge, judge_head};
pub use text::clean;
pub use view::{BodyChange, IcapResponseView, Scan};

/// What the verdict headers of an ICAP response say, for the log. Every text is valid UTF-8 without control
/// characters and bounded in length. A pass and a failure have no findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// `X-Blocked-Reason`, else `X-Response-Desc` or `X-Response-Description`, else an error code, else the threat.
    pub reason: Option<String>,
    /// `X-Virus-ID`, else the threat of `X-Infection-Found`, else that of the first violation.
    pub threat_id: Option<String>,
    /// The parts that `X-Violations-Found` lists, at most a hundred.
    pub violations: Vec<Violation>,
}

/// One group of `X-Violations-Found` (draft-stecher-icap-subid section 4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The file, or the part of an archive; `-` where the server knows no name.
    pub file_name: String,
    /// The threat that the server found in the file.
    pub threat_name: String,
    /// What the server did about the threat.
    pub resolution: Resolution,
}

/// What the server did about a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Resolution id 0, and every unknown id.
    NotRepaired,
    /// Resolution id 1.
    Repaired,
    /// Resolution id 2. (In `X-Infection-Found` 2 means "blocked" instead.)
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
