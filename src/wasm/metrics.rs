//! Host calls about Envoy's statistics.

use super::abi;
use super::call::check;
use crate::abi::metric;
use crate::host::{HostResult, MetricKind};

/// Makes a metric known and gives its handle.
pub(super) fn define_metric(kind: MetricKind, name: &str) -> HostResult<u32> {
    let mut id = 0;
    // SAFETY: `name` outlives the call; the host writes one number.
    check("define_metric", unsafe {
        abi::proxy_define_metric(metric(kind), name.as_ptr(), name.len(), &raw mut id)
    })
    .map(|()| id)
}

/// Adds to a counter or a gauge. Only a gauge takes a negative offset.
pub(super) fn add_metric(id: u32, offset: i64) -> HostResult {
    // SAFETY: no pointers.
    check("increment_metric", unsafe {
        abi::proxy_increment_metric(id, offset)
    })
}

/// Records a value in a histogram.
pub(super) fn record_metric(id: u32, value: u64) -> HostResult {
    // SAFETY: no pointers.
    check("record_metric", unsafe {
        abi::proxy_record_metric(id, value)
    })
}
