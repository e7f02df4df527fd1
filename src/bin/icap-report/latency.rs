//! Classes of latencies, at most a tenth of their value wide: few classes, and still good percentiles.

use std::sync::LazyLock;

/// Where a decade is divided. No class crosses 1, 2 or 5.
const STEPS: [u32; 30] = [
    10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 24, 26, 28, 30, 33, 36, 40, 45, 50, 55, 60, 65,
    70, 75, 80, 85, 90, 95,
];

/// Stands for an entry without a latency.
pub(crate) const NONE: u8 = 255;

/// The lower ends of the classes in milliseconds, up to an hour and a half.
pub(crate) static EDGES: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let decades = [1, 10, 100, 1_000, 10_000, 100_000];
    (0..10)
        .chain(decades.iter().flat_map(|d| STEPS.map(|s| s * d)))
        .collect()
});

/// The class of a latency.
pub(crate) fn class(milliseconds: u32) -> u8 {
    let above = EDGES.partition_point(|edge| *edge <= milliseconds);
    u8::try_from(above.saturating_sub(1)).unwrap_or(NONE - 1)
}
