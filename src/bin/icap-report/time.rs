//! Reads and writes times, in milliseconds since 1970 (UTC).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Reads a time of an access log: RFC 3339, or seconds or milliseconds since 1970.
pub(crate) fn read(text: &str) -> Option<i64> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.as_millisecond());
    }
    if let Ok(number) = text.parse::<f64>() {
        // A number this large means milliseconds, from 1973 on.
        let milliseconds = if number.abs() < 1e11 {
            number * 1000.0
        } else {
            number
        };
        // Larger numbers have no date that RFC 3339 can write.
        return (milliseconds.abs() < 2.5e14).then_some(milliseconds as i64);
    }
    local(text)
}

/// Reads a date, or a date and a time without a zone, as UTC.
fn local(text: &str) -> Option<i64> {
    let moment = text
        .parse::<DateTime>()
        .or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)))
        .ok()?;
    let zoned = moment.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

/// Reads a time of the command line: like [`read`], or how long ago (`90s`, `15m`, `2h`, `3d`).
pub(crate) fn read_argument(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let ago = |text: &str| {
        let unit = match text.chars().next_back()? {
            's' => 1_000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            _ => return None,
        };
        let number: i64 = text.get(..text.len() - 1)?.parse().ok()?;
        now().checked_sub(number.checked_mul(unit)?)
    };
    ago(text).or_else(|| read(text)).ok_or_else(|| {
        "expected a moment (2026-01-31T12:00:00Z, 2026-01-31) or how long ago (90s, 15m, 2h, 3d)"
            .to_owned()
    })
}

/// The current time.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// The time in RFC 3339, with milliseconds. Empty for a time without such a form.
pub(crate) fn write(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds)
        .map(|moment| format!("{moment:.3}"))
        .unwrap_or_default()
}
