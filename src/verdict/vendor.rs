//! What sets the products apart, as data.

use crate::config::Vendor;

/// Where a product's answers mean something else than the headers and the structure say.
#[derive(Debug)]
pub(super) struct Habits {
    /// ICAP statuses that say blocked by themselves: error statuses always, a 2xx where it brings no HTTP message.
    pub(super) verdict_statuses: &'static [u16],
    /// Statuses of an encapsulated response that report trouble of the scanner, and what it is: content, yet no
    /// verdict.
    pub(super) trouble: &'static [(u16, &'static str)],
    /// Statuses that say blocked where RESPMOD brings them in place of another one.
    pub(super) blocking_responses: &'static [u16],
}

/// The rule: 403 as a verdict (Avira), error pages 403 and 451 in place of a response.
const COMMON: Habits = Habits {
    verdict_statuses: &[403],
    trouble: &[],
    blocking_responses: &[403, 451],
};

/// Protection Engine answers 201 where it replaced or blocked the content.
const SYMANTEC: Habits = Habits {
    verdict_statuses: &[201, 403],
    ..COMMON
};

/// Vision One File Security dresses its own errors as content.
const TREND_MICRO: Habits = Habits {
    trouble: &[
        (400, "bad request"),
        (401, "authentication failed"),
        (500, "scan error"),
    ],
    ..COMMON
};

/// The products with habits of their own.
const TABLE: [(Vendor, Habits); 2] = [
    (Vendor::Symantec, SYMANTEC),
    (Vendor::TrendMicro, TREND_MICRO),
];

impl Habits {
    /// Those of `vendor`.
    pub(super) fn of(vendor: Vendor) -> &'static Self {
        const COMMON_REF: &Habits = &COMMON;
        const TABLE_REF: &[(Vendor, Habits)] = &TABLE;
        TABLE_REF
            .iter()
            .find(|(known, _)| *known == vendor)
            .map_or(COMMON_REF, |(_, habits)| habits)
    }
}
