//! The verdict headers of an answer, weighed.

use crate::config::Profile;
use crate::icap::{Headers, HttpHead};

use super::text::{clean, says_nothing};
use super::{AnswerView, Findings, Scan, Violation, infection, violations};

/// What a verdict header says where it is there and its value is not one for "nothing".
#[derive(Clone, Copy)]
enum Sign {
    /// The grammar of `X-Infection-Found`.
    Infection,
    /// The grammar of `X-Violations-Found`.
    Violations,
    /// The name of what was found; blocked unless a resolution says that it was repaired.
    Threat,
    /// One word: blocked if it is one of [`BLOCKING_WORDS`].
    Action,
    /// Why the server blocked.
    Reason,
    /// Blocked in an error answer only: a pass may carry it as a detail.
    ErrorCode,
    /// Words about the answer, whatever it is.
    Description,
}

/// The verdict headers that all products share (draft-stecher-icap-subid, OPSWAT, ESET, Symantec).
const SIGNS: [(&str, Sign); 9] = [
    ("X-Infection-Found", Sign::Infection),
    ("X-Violations-Found", Sign::Violations),
    ("X-Virus-ID", Sign::Threat),
    ("X-Response-Info", Sign::Action),
    ("X-Blocked-Reason", Sign::Reason),
    ("X-Response-Desc", Sign::Description),
    ("X-Response-Description", Sign::Description),
    ("X-Error-Code", Sign::ErrorCode),
    ("X-ICAP-Error", Sign::ErrorCode),
];

/// Values of `X-Response-Info` that say blocked; `Allowed`, `Options` and names of a policy's own actions do not.
const BLOCKING_WORDS: [&str; 6] = ["blocked", "block", "denied", "deny", "rejected", "reject"];

/// Error codes by which a scanner reports its own trouble: nothing was found out about the content.
const TROUBLE_CODES: [&str; 10] = [
    "antivirus_engine_failure",
    "antivirus_license_expired",
    "antivirus_load_failure",
    "connection_failure",
    "insufficient_space",
    "internal_error",
    "request_timeout",
    "scan_timeout",
    "server_error",
    "server_unavailable",
];

/// What the headers say as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Silent,
    /// Something was found, and all of it was repaired or removed.
    Repaired,
    /// Something was found and is still there, or the server says that it blocked.
    Harmful,
}

/// The verdict headers of one answer.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    harmful: bool,
    repaired: bool,
    named: bool,
    error_code: Option<String>,
    blocked_reason: Option<String>,
    description: Option<String>,
    virus_id: Option<String>,
    infection: Option<String>,
    custom: Option<String>,
    violations: Vec<Violation>,
}

impl Evidence {
    /// Reads the ICAP headers and those of an encapsulated response (squidclamav puts its verdict there too). In an
    /// answer to RESPMOD the latter count only where the original response had not the same: they would be the
    /// application's. Those of an encapsulated request never count: they are the client's.
    pub(super) fn gather(view: &AnswerView<'_>, profile: &Profile) -> Self {
        let mut evidence = Self::default();
        evidence.read(view.headers, None, profile);
        if let Some(HttpHead::Response(response)) = view.http {
            let original = match view.scan {
                Scan::Request => None,
                Scan::Response => view.original_response.map(|head| &head.headers),
            };
            evidence.read(&response.headers, original, profile);
        }
        evidence
    }

    fn read(&mut self, headers: &Headers, original: Option<&Headers>, profile: &Profile) {
        for header in headers.iter() {
            let (name, value) = (header.name.as_str(), header.value.as_slice());
            let sign = SIGNS
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, sign)| *sign);
            let custom = profile
                .verdict_headers
                .iter()
                .any(|custom| custom.eq_ignore_ascii_case(name));
            if sign.is_none() && !custom
                || original.is_some_and(|original| original.all(name).any(|v| v == value))
            {
                continue;
            }
            if custom {
                self.harmful = true;
                self.custom
                    .get_or_insert_with(|| clean(format!("{name}: {}", clean(value)).as_bytes()));
            }
            if let Some(sign) = sign {
                self.weigh(sign, value);
            }
        }
    }

    fn weigh(&mut self, sign: Sign, value: &[u8]) {
        if says_nothing(value) {
            return;
        }
        match sign {
            Sign::Infection => {
                let found = infection::parse(value);
                self.resolve(found.repaired);
                self.infection = self.infection.take().or(found.threat);
            }
            Sign::Violations => {
                if let Some(found) = violations::parse(value) {
                    self.resolve(found.repaired);
                    let room = violations::MAX_VIOLATIONS.saturating_sub(self.violations.len());
                    // The same list in the ICAP and in the HTTP headers is one list.
                    if self.violations != found.list {
                        self.violations.extend(found.list.into_iter().take(room));
                    }
                }
            }
            Sign::Threat => {
                self.named = true;
                self.virus_id.get_or_insert_with(|| clean(value));
            }
            Sign::Action => {
                self.harmful |= BLOCKING_WORDS
                    .iter()
                    .any(|word| value.trim_ascii().eq_ignore_ascii_case(word.as_bytes()));
            }
            Sign::Reason => {
                self.harmful = true;
                self.blocked_reason.get_or_insert_with(|| clean(value));
            }
            Sign::ErrorCode => {
                self.error_code.get_or_insert_with(|| clean(value));
            }
            Sign::Description => {
                self.description.get_or_insert_with(|| clean(value));
            }
        }
    }

    fn resolve(&mut self, repaired: bool) {
        self.repaired |= repaired;
        self.harmful |= !repaired;
    }

    /// What the headers say as a whole. One part that was not repaired outweighs all that were.
    pub(super) fn standing(&self) -> Standing {
        if self.harmful || (self.named && !self.repaired) {
            Standing::Harmful
        } else if self.repaired {
            Standing::Repaired
        } else {
            Standing::Silent
        }
    }

    /// Whether an error code says that the content was refused, and not that the scanner is in trouble.
    pub(super) fn refused_by_code(&self) -> bool {
        self.error_code.as_ref().is_some_and(|code| {
            !TROUBLE_CODES
                .iter()
                .any(|trouble| code.eq_ignore_ascii_case(trouble))
        })
    }

    /// The findings for the log.
    pub(super) fn into_findings(self) -> Findings {
        let first_violation = self.violations.first().map(|v| &v.threat_name);
        let threat_id = self
            .virus_id
            .or(self.infection)
            .or_else(|| first_violation.cloned());
        let reason = self
            .blocked_reason
            .or(self.description)
            .or(self.error_code)
            .or_else(|| threat_id.clone())
            .or(self.custom);
        Findings {
            reason,
            threat_id,
            violations: self.violations,
        }
    }
}
