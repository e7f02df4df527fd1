//! `X-Violations-Found: N` and N groups of four folded lines: file, threat, problem id, resolution id
//! (draft-stecher-icap-subid section 4.3).

use super::text::{clean, says_nothing};
use super::{Resolution, Violation};

/// How many groups are kept for the log. Further groups still count for the verdict.
pub(super) const MAX_VIOLATIONS: usize = 100;

/// What one `X-Violations-Found` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violations {
    /// The groups, at most [`MAX_VIOLATIONS`].
    pub(super) list: Vec<Violation>,
    /// Whether every group was repaired or removed. False also where the value announces violations that it does not
    /// list.
    pub(super) repaired: bool,
}

/// Reads a value; `None` where it says that there are no violations.
///
/// The groups decide. The announced count is unreliable, since some servers always write 1: it counts only where
/// there is no group. Lines are the folds of the field. A value on one line is split at blanks, and two numbers end a
/// group.
pub(super) fn parse(value: &[u8]) -> Option<Violations> {
    let mut groups = Groups::default();
    let mut lines = value.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let first = lines.next().unwrap_or_default();
    let folded: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    if folded.is_empty() {
        groups.add_words(first);
    } else {
        // A server that leaves the count out begins with a file name.
        let uncounted = (!is_number(first) && !first.is_empty()).then_some(first);
        let lines: Vec<&[u8]> = uncounted.into_iter().chain(folded).collect();
        for group in lines.chunks(4) {
            groups.add_lines(group);
        }
    }
    if groups.found == 0 {
        return (!says_nothing(first)).then_some(Violations {
            list: Vec::new(),
            repaired: false,
        });
    }
    Some(Violations {
        repaired: groups.unrepaired == 0,
        list: groups.list,
    })
}

#[derive(Default)]
struct Groups {
    list: Vec<Violation>,
    found: usize,
    unrepaired: usize,
}

impl Groups {
    fn add(&mut self, file_name: &[u8], threat_name: &[u8], resolution: &[u8]) {
        let resolution = match resolution {
            b"1" => Resolution::Repaired,
            b"2" => Resolution::SectionRemoved,
            _ => Resolution::NotRepaired,
        };
        self.found = self.found.saturating_add(1);
        let unrepaired = usize::from(resolution == Resolution::NotRepaired);
        self.unrepaired = self.unrepaired.saturating_add(unrepaired);
        if self.list.len() < MAX_VIOLATIONS {
            self.list.push(Violation {
                file_name: clean(file_name),
                threat_name: clean(threat_name),
                resolution,
            });
        }
    }

    /// Adds one group of lines. Lines that a cut-off group lacks are empty; its resolution is "not repaired".
    fn add_lines(&mut self, group: &[&[u8]]) {
        let line = |n: usize| group.get(n).copied().unwrap_or_default();
        self.add(line(0), line(1), line(3));
    }

    /// Adds all groups of a value without folds: `N file threat … problem resolution`. The threat may have several
    /// words.
    fn add_words(&mut self, value: &[u8]) {
        let mut words: Vec<&[u8]> = value
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .collect();
        if words.first().is_some_and(|word| is_number(word)) {
            words.remove(0);
        }
        let mut group: Vec<&[u8]> = Vec::new();
        for word in words {
            group.push(word);
            if let [file, threat @ .., problem, resolution] = group.as_slice()
                && !threat.is_empty()
                && is_number(problem)
                && is_number(resolution)
            {
                self.add(file, &threat.join(&b' '), resolution);
                group.clear();
            }
        }
        // A client may choose a file name with blanks and numbers, which ends its group too early.
        if self.found > 0
            && let [file, threat @ ..] = group.as_slice()
        {
            self.add(file, &threat.join(&b' '), b"");
        }
    }
}

fn is_number(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(file_name: &str, threat_name: &str, resolution: Resolution) -> Violation {
        Violation {
            file_name: file_name.to_owned(),
            threat_name: threat_name.to_owned(),
            resolution,
        }
    }

    #[test]
    fn groups_of_four_folded_lines() {
        let value =
            b"2\ntest.zip/dir1/eicar.com\nEICAR Test String\n11101\n2\ntest.zip\nPolicy\n0\n0";
        let found = parse(value).unwrap();
        assert_eq!(
            found.list,
            [
                violation(
                    "test.zip/dir1/eicar.com",
                    "EICAR Test String",
                    Resolution::SectionRemoved
                ),
                violation("test.zip", "Policy", Resolution::NotRepaired),
            ]
        );
        assert!(!found.repaired);
    }

    #[test]
    fn every_group_repaired_or_removed_is_a_repair() {
        assert!(parse(b"2\na\nX\n0\n1\nb\nY\n0\n2").unwrap().repaired);
        assert!(!parse(b"2\na\nX\n0\n1\nb\nY\n0\n3").unwrap().repaired);
    }

    #[test]
    fn the_groups_decide_and_not_the_count() {
        assert_eq!(parse(b"1\na\nX\n0\n0\nb\nY\n0\n0").unwrap().list.len(), 2);
        assert_eq!(parse(b"7\na\nX\n0\n0").unwrap().list.len(), 1);
        assert_eq!(parse(b"0\na\nX\n0\n0").unwrap().list.len(), 1);
        assert_eq!(
            parse(b"a\nX\n0\n1").unwrap().list,
            [violation("a", "X", Resolution::Repaired)]
        );
    }

    #[test]
    fn none_and_unlisted_violations() {
        assert_eq!(parse(b"0"), None);
        assert_eq!(parse(b""), None);
        let unlisted = Violations {
            list: Vec::new(),
            repaired: false,
        };
        assert_eq!(parse(b"3").unwrap(), unlisted);
        assert_eq!(parse(b"yes").unwrap(), unlisted);
    }

    #[test]
    fn a_cut_off_group_counts_as_not_repaired() {
        let found = parse(b"2\na\nX\n0\n1\nb\nY").unwrap();
        assert_eq!(
            found.list.get(1),
            Some(&violation("b", "Y", Resolution::NotRepaired))
        );
        assert!(!found.repaired);
    }

    #[test]
    fn one_line_is_split_at_blanks() {
        let found = parse(b"2 - EICAR Test String 0 2 a.zip/b.com Worm.X 11101 1").unwrap();
        assert_eq!(
            found.list,
            [
                violation("-", "EICAR Test String", Resolution::SectionRemoved),
                violation("a.zip/b.com", "Worm.X", Resolution::Repaired),
            ]
        );
        assert!(found.repaired);
    }

    #[test]
    fn a_file_name_that_looks_like_a_group_does_not_repair_what_follows() {
        for value in [
            "1 report v 0 1 EICAR 0 0",
            "1 report v 0 1 EICAR",
            "a b 0 1 EICAR 11101 0",
        ] {
            assert!(!parse(value.as_bytes()).unwrap().repaired, "{value}");
        }
    }

    #[test]
    fn a_category_behind_the_threat_is_kept() {
        let found = parse(b"1\ntool.exe\nRemacc.X|NonViralThreat=RemoteAccess\n9005\n0").unwrap();
        assert_eq!(
            found.list,
            [violation(
                "tool.exe",
                "Remacc.X|NonViralThreat=RemoteAccess",
                Resolution::NotRepaired
            )]
        );
    }

    #[test]
    fn groups_past_the_bound_still_count() {
        let mut value = b"101".to_vec();
        for _ in 0..MAX_VIOLATIONS {
            value.extend_from_slice(b"\nf\nX\n0\n1");
        }
        assert!(parse(&value).unwrap().repaired);
        value.extend_from_slice(b"\nf\nX\n0\n0");
        let found = parse(&value).unwrap();
        assert_eq!(found.list.len(), MAX_VIOLATIONS);
        assert!(!found.repaired);
    }
}
