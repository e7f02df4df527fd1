//! What cannot work beside a neighbour, and what happens there instead. The documentation says the same.

use crate::judge::Cell;
use crate::outcome::{Delivery, Outcome};
use crate::rows::Row;

/// A combination that cannot work.
pub struct Limit {
    /// The row's title.
    pub row: &'static str,
    /// Which outcomes; all where there are none.
    pub outcomes: &'static [Outcome],
    /// Which deliveries; all where there are none.
    pub deliveries: &'static [Delivery],
    /// The status of the failure that is answered.
    pub status: u16,
    /// Why.
    pub why: &'static str,
}

/// All of them.
pub const LIMITS: &[Limit] = &[];

impl Limit {
    fn covers(&self, row: &Row, outcome: Outcome, delivery: Delivery) -> bool {
        self.row == row.title()
            && (self.outcomes.is_empty() || self.outcomes.contains(&outcome))
            && (self.deliveries.is_empty() || self.deliveries.contains(&delivery))
    }
}

/// The limit that holds for a case.
pub fn limit(row: &Row, outcome: Outcome, delivery: Delivery) -> Option<&'static Limit> {
    LIMITS
        .iter()
        .find(|limit| limit.covers(row, outcome, delivery))
}

/// What is against a cell; `None` where it is as it is to be, or as its limit says.
pub fn objection(cell: &Cell, limit: Option<&Limit>) -> Option<String> {
    match (cell, limit) {
        (Cell::Right, None) => None,
        (Cell::Refused(status), Some(limit)) if *status == limit.status => None,
        (Cell::Right, Some(limit)) => Some(format!("works, although: {}", limit.why)),
        (Cell::Refused(status), _) => Some(format!("refused with {status}")),
        (Cell::Wrong(what), _) => Some(what.clone()),
    }
}
