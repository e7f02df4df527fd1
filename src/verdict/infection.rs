//! `X-Infection-Found: Type=T; Resolution=R; Threat=TEXT;` (draft-stecher-icap-subid section 4.2).

use super::text::clean;

/// What one `X-Infection-Found` says. Its type (virus, mail policy, container violation) makes no difference.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Infection {
    /// `Resolution=1`: the body in the ICAP response is the repaired copy. A missing, unknown or contradictory
    /// resolution counts as not repaired.
    pub(super) repaired: bool,
    /// The threat's name, if the header has one.
    pub(super) threat: Option<String>,
}

/// Reads a value. Order of the parameters, case of their names, blanks and the final `;` do not matter.
pub(super) fn parse(value: &[u8]) -> Infection {
    let mut resolutions = 0_usize;
    let mut repairs = 0_usize;
    let mut threat = None;
    for parameter in value.split(|b| *b == b';') {
        let Some(equals) = memchr::memchr(b'=', parameter) else {
            continue;
        };
        let (name, value) = parameter.split_at(equals);
        let name = name.trim_ascii();
        let value = value.strip_prefix(b"=").unwrap_or(value).trim_ascii();
        if name.eq_ignore_ascii_case(b"resolution") {
            resolutions = resolutions.saturating_add(1);
            repairs = repairs.saturating_add(usize::from(value == b"1"));
        } else if name.eq_ignore_ascii_case(b"threat") && threat.is_none() && !value.is_empty() {
            threat = Some(clean(value));
        }
    }
    Infection {
        repaired: resolutions > 0 && repairs == resolutions,
        threat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn infection(repaired: bool, threat: Option<&str>) -> Infection {
        Infection {
            repaired,
            threat: threat.map(str::to_owned),
        }
    }

    #[test]
    fn known_forms() {
        let cases: [(&str, Infection); 9] = [
            (
                "Type=0; Resolution=2; Threat=EICAR Test String;",
                infection(false, Some("EICAR Test String")),
            ),
            (
                "Type=2; Resolution=2; Threat=Encrypted container violation",
                infection(false, Some("Encrypted container violation")),
            ),
            (
                "Type=0; Resolution=1; Threat=W97M.X;",
                infection(true, Some("W97M.X")),
            ),
            (
                "type = 0 ;resolution = 1 ;threat = a=b ;",
                infection(true, Some("a=b")),
            ),
            ("Type=0;Resolution=0;Threat=;", infection(false, None)),
            ("Threat=X; Resolution=1", infection(true, Some("X"))),
            ("Type=0; Threat=X;", infection(false, Some("X"))),
            (
                "Type=0; Resolution=11; Threat=X",
                infection(false, Some("X")),
            ),
            ("infected", infection(false, None)),
        ];
        for (value, expected) in cases {
            assert_eq!(parse(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn a_second_resolution_cannot_turn_an_infection_into_a_repair() {
        let value = b"Type=0; Resolution=0; Threat=x; Resolution=1;";
        assert_eq!(parse(value), infection(false, Some("x")));
        let value = b"Type=0; Resolution=1; Threat=x; Resolution=0;";
        assert_eq!(parse(value), infection(false, Some("x")));
    }
}
