//! The delivery check: whether Envoy delivers bodies while headers are held.

/// The result of the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeliveryCheck {
    /// No request with a body has come yet.
    Unknown,
    /// Envoy delivers bodies while headers are held.
    Works,
    /// Envoy does not deliver bodies while headers are held.
    Broken,
}
