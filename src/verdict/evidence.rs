//! Collects the verdict headers of an ICAP response and weighs them.

use crate::config::{IcapHeaderMatcher, Profile};
use crate::icap::{Headers, HttpHead};
use crate::product::{self, BLOCKING_WORDS, Sign, Trouble};

use super::text::{clean, says_nothing, unquoted};
use super::{Findings, IcapResponseView, Scan, Violation, infection, violations};

/// What the verdict headers say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Silent,
    /// The server found something, and repaired or removed all of it.
    Repaired,
    /// The server found something that is still there, or says that it blocked.
    Harmful,
}

/// What an error code says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// The server refused the content.
    Refused,
    /// The server can't look into the content, for the reason in the code.
    Unscannable(String),
    /// The server itself is in trouble.
    Own,
}

/// Whether `name: value` matches the configured header.
pub(super) fn says(header: &IcapHeaderMatcher, name: &str, value: &[u8]) -> bool {
    header.name.eq_ignore_ascii_case(name)
        && match &header.value {
            Some(matcher) => matcher.matches(value.trim_ascii()),
            None => !says_nothing(value),
        }
}

/// Whether a server may give its verdict in a field of that name.
#[inline(never)]
pub fn is_evidence(name: &str, profile: &Profile) -> bool {
    let configured = [&profile.verdict_headers, &profile.pass_requires];
    let mut configured = configured.into_iter().flatten();
    product::sign(name).is_some() || configured.any(|it| it.name.eq_ignore_ascii_case(name))
}

/// The verdict headers of one ICAP response.
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
    /// Reads the ICAP headers and those of an encapsulated response, where squidclamav puts its verdict. In an ICAP
    /// response to RESPMOD the latter count only if the original response did not have the same: otherwise they are
    /// the application's. Headers of an encapsulated request never count: they are the client's.
    pub(super) fn gather(view: &IcapResponseView<'_>, profile: &Profile) -> Self {
        let mut evidence = Self::default();
        evidence.read(view.headers, None, profile);
        if let Some(HttpHead::Response(response)) = view.http {
            let original = match view.scan {
                Scan::Request => None,
                Scan::Response | Scan::Upload => view.original_response.map(|head| &head.headers),
            };
            evidence.read(&response.headers, original, profile);
        }
        evidence
    }

    fn read(&mut self, headers: &Headers, original: Option<&Headers>, profile: &Profile) {
        for header in headers.iter() {
            let (name, value) = (header.name.as_str(), header.value.as_slice());
            let sign = product::sign(name);
            let custom = profile
                .verdict_headers
                .iter()
                .any(|custom| says(custom, name, value));
            if sign.is_none() && !custom
                || original.is_some_and(|original| original.all(name).any(|v| v == value))
            {
                continue;
            }
            if custom {
                self.harmful = true;
                self.note_custom(name, value);
            }
            if let Some(sign) = sign {
                self.weigh(sign, name, value);
            }
        }
    }

    fn note_custom(&mut self, name: &str, value: &[u8]) {
        self.custom
            .get_or_insert_with(|| clean(format!("{name}: {}", clean(value)).as_bytes()));
    }

    fn weigh(&mut self, sign: Sign, name: &str, value: &[u8]) {
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
                    // The ICAP head and the HTTP head may carry the same list; it counts once.
                    if self.violations != found.list {
                        self.violations.extend(found.list.into_iter().take(room));
                    }
                }
            }
            Sign::Threat => {
                self.named = true;
                self.virus_id.get_or_insert_with(|| clean(unquoted(value)));
            }
            Sign::Result => {
                self.harmful = true;
                self.note_custom(name, value);
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

    /// What all headers say together. One part that was not repaired outweighs all repaired ones.
    pub(super) fn standing(&self) -> Standing {
        if self.harmful || (self.named && !self.repaired) {
            Standing::Harmful
        } else if self.repaired {
            Standing::Repaired
        } else {
            Standing::Silent
        }
    }

    /// What the error code says; `None` without one.
    pub(super) fn by_code(&self) -> Option<Code> {
        let code = self.error_code.as_deref()?;
        // Details may follow the code.
        let word = code.split([';', ',', ' ']).next().unwrap_or_default();
        Some(match product::trouble(word) {
            None => Code::Refused,
            Some(Trouble::Own) => Code::Own,
            Some(Trouble::Unscannable) => Code::Unscannable(code.to_owned()),
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
