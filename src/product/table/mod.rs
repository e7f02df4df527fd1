//! The rows. Their facts come from the vendors' documentation and from recorded ICAP responses; facts without a
//! source are left out.

mod gateways;
mod kaspersky;
mod scanners;
mod symantec;
mod trend_micro;

use super::Product;

/// Every product. The first is the product without assumptions.
pub static PRODUCTS: &[Product] = &[
    gateways::GENERIC,
    scanners::OPSWAT,
    scanners::C_ICAP,
    symantec::SYMANTEC_PROTECTION_ENGINE,
    symantec::SYMANTEC_CONTENT_ANALYSIS,
    symantec::SYMANTEC_DLP,
    trend_micro::TREND_VISION_ONE_CONTAINER,
    trend_micro::TREND_VISION_ONE_APPLIANCE,
    trend_micro::TREND_IWSVA,
    trend_micro::TREND_DDAN,
    gateways::SKYHIGH,
    kaspersky::KASPERSKY_SCAN_ENGINE,
    kaspersky::KASPERSKY_WEB_TRAFFIC,
    scanners::SOPHOS,
    scanners::ESET,
    gateways::FORTINET,
    scanners::WITHSECURE,
    gateways::CHECK_POINT,
    scanners::BITDEFENDER,
    gateways::FORCEPOINT,
];
