//! What cannot work beside a neighbour, and what happens there instead. `docs/beside-other-filters.md` says the same.

use crate::judge::Cell;
use crate::outcome::Outcome;
use crate::rows::Row;
use crate::support::envoy::version;

/// What happens instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// This status is answered, and nothing is forwarded.
    Refused(u16),
    /// The same, or all is well: that depends on the timing.
    RefusedOrRight(u16),
    /// The application has the beginning of the body for the whole, or waits for the rest, or all is well: that depends on the timing.
    CutOrRight,
    /// This status is answered, or the application waits for the end, or all is well: that depends on the timing.
    RefusedOrStuckOrRight(u16),
    /// The filter is not asked: the original goes by.
    Unscanned,
}

/// A combination that cannot work.
pub struct Limit {
    /// The row's title.
    pub row: &'static str,
    /// Which outcomes.
    pub outcomes: &'static [Outcome],
    /// What happens instead.
    pub instead: Instead,
    /// The first version of Envoy in which it works, where there is one.
    pub until: Option<[u32; 2]>,
    /// Why.
    pub why: &'static str,
}

/// Those of requests.
pub const LIMITS: &[Limit] = &[
    Limit {
        row: "bandwidth_limit, before",
        outcomes: MIDWAY,
        instead: Instead::CutOrRight,
        until: Some([1, 40]),
        why: ENDS_EARLY,
    },
    Limit {
        row: "ext_proc, streamed, before",
        outcomes: MIDWAY,
        instead: Instead::CutOrRight,
        until: Some([1, 40]),
        why: ENDS_EARLY,
    },
    Limit {
        row: "stream, fault delay, after",
        outcomes: &[Outcome::Streamed],
        instead: Instead::RefusedOrRight(503),
        until: None,
        why: HELD,
    },
    Limit {
        row: "stream, retry policy",
        outcomes: &[Outcome::Streamed],
        instead: Instead::RefusedOrRight(503),
        until: None,
        why: KEPT,
    },
    Limit {
        row: "stream, internal redirect policy",
        outcomes: &[Outcome::Streamed],
        instead: Instead::RefusedOrRight(503),
        until: None,
        why: KEPT,
    },
    Limit {
        row: "stream, buffer, after",
        outcomes: &[Outcome::Streamed],
        instead: Instead::RefusedOrRight(503),
        until: None,
        why: KEPT,
    },
    Limit {
        row: "stream, internal redirect policy that keeps nothing",
        outcomes: &[Outcome::Streamed],
        instead: Instead::RefusedOrRight(503),
        until: Some([1, 40]),
        why: KEPT_ANYWAY,
    },
    Limit {
        row: "stream, bandwidth_limit, after",
        outcomes: &[Outcome::Streamed],
        instead: Instead::RefusedOrStuckOrRight(503),
        until: None,
        why: LOST_END,
    },
    Limit {
        row: "stream, ext_proc, streamed, after",
        outcomes: &[Outcome::Streamed],
        instead: Instead::RefusedOrStuckOrRight(503),
        until: None,
        why: LOST_END,
    },
    Limit {
        row: "gate, bandwidth_limit, after",
        outcomes: &[Outcome::Streamed],
        instead: Instead::RefusedOrStuckOrRight(503),
        until: None,
        why: LOST_END,
    },
    Limit {
        row: "gate, ext_proc, streamed, after",
        outcomes: &[Outcome::Streamed],
        instead: Instead::RefusedOrStuckOrRight(503),
        until: None,
        why: LOST_END,
    },
    Limit {
        row: "gate, fault delay, after",
        outcomes: &[Outcome::Streamed],
        instead: Instead::RefusedOrRight(503),
        until: None,
        why: HELD,
    },
    Limit {
        row: "gate, retry policy",
        outcomes: &[Outcome::Streamed],
        instead: Instead::RefusedOrRight(503),
        until: None,
        why: KEPT,
    },
    Limit {
        row: "gate, buffer, after",
        outcomes: &[Outcome::Streamed],
        instead: Instead::RefusedOrRight(503),
        until: None,
        why: KEPT,
    },
];

/// Those of responses.
pub const RESPONSE_LIMITS: &[Limit] = &[
    Limit {
        row: "decompressor, after",
        outcomes: &[
            Outcome::Clean,
            Outcome::FailOpen,
            Outcome::Changed,
            Outcome::Blocked,
        ],
        instead: Instead::Refused(503),
        until: None,
        why: NO_END,
    },
    Limit {
        row: "decompressor, after",
        outcomes: &[Outcome::CleanPreview],
        instead: Instead::RefusedOrRight(503),
        until: None,
        why: NO_END,
    },
    Limit {
        row: "cache, before",
        outcomes: &[Outcome::Changed, Outcome::Blocked],
        instead: Instead::Unscanned,
        until: None,
        why: "a cache fetches what it may keep by a client of its own, past every filter that stands after it",
    },
];

/// What a message is let go by before its end.
const MIDWAY: &[Outcome] = &[Outcome::CleanPreview, Outcome::FailOpen, Outcome::Over];

const HELD: &str = "Envoy takes a request for ended once a later filter lets go what it has of it, also where an earlier one holds the end";
const LOST_END: &str = "where a later filter lets go what it has while the end is held before it, the end at times does not reach the application; and before the router has connected the end is refused";
const KEPT: &str = "who keeps a copy of what has gone on would deliver it again with the last part, where that waits for the server";
const KEPT_ANYWAY: &str =
    "Envoy before 1.40 keeps a copy for an internal redirect whatever the route says";
const ENDS_EARLY: &str = "Envoy before 1.40 ends a message that a filter lets go once its client has ended it, also where an earlier filter still keeps a part";
const NO_END: &str =
    "Envoy's decompressor never tells of the end of a response that is held: it ends as a time-out";

impl Limit {
    fn covers(&self, row: &Row, outcome: Outcome) -> bool {
        self.row == row.title()
            && self.outcomes.contains(&outcome)
            && self.until.is_none_or(|until| version() < until.to_vec())
    }

    /// As in the table.
    pub fn mark(&self) -> String {
        match self.instead {
            Instead::Refused(status) => status.to_string(),
            Instead::RefusedOrRight(status) => format!("{status}?"),
            Instead::CutOrRight => "cut?".to_owned(),
            Instead::RefusedOrStuckOrRight(_) => "stuck?".to_owned(),
            Instead::Unscanned => "past".to_owned(),
        }
    }

    fn allows(&self, cell: &Cell) -> bool {
        match (self.instead, cell) {
            (
                Instead::Refused(status)
                | Instead::RefusedOrRight(status)
                | Instead::RefusedOrStuckOrRight(status),
                Cell::Refused(found),
            ) => status == *found,
            (
                Instead::RefusedOrRight(_)
                | Instead::CutOrRight
                | Instead::RefusedOrStuckOrRight(_),
                Cell::Right,
            )
            | (Instead::CutOrRight, Cell::Cut(_) | Cell::Stuck(_))
            | (Instead::RefusedOrStuckOrRight(_), Cell::Stuck(_))
            | (Instead::Unscanned, Cell::Unscanned) => true,
            _ => false,
        }
    }
}

/// The limit of a list that holds for a case.
pub fn limit_of(limits: &'static [Limit], row: &Row, outcome: Outcome) -> Option<&'static Limit> {
    limits.iter().find(|limit| limit.covers(row, outcome))
}

/// What is against a cell; `None` where it is as it is to be, or as its limit says.
pub fn objection(cell: &Cell, limit: Option<&Limit>) -> Option<String> {
    match limit {
        Some(limit) if limit.allows(cell) => return None,
        None if *cell == Cell::Right => return None,
        _ => {}
    }
    Some(match cell {
        Cell::Right => "works, although it is said that it cannot".to_owned(),
        Cell::Refused(status) => format!("refused with {status}"),
        Cell::Unscanned => "went by unscanned".to_owned(),
        Cell::Cut(what) | Cell::Stuck(what) | Cell::Wrong(what) => what.clone(),
    })
}
