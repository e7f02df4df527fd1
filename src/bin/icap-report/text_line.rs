//! Reads a line of text with icap_log as JSON in it: Envoy's default format, or any other.

use serde_json::value::RawValue;

use crate::entry::Entry;
use crate::icap_log::IcapLog;
use crate::loose::Loose;
use crate::time;

/// How many braces are tried as the beginning of icap_log, so that a line of braces does not cost its length squared.
const MAX_ATTEMPTS: usize = 32;

/// Returns the result of `use_entry` on the line's entry, or what is wrong with the line.
pub(crate) fn read<R>(
    line: &str,
    use_entry: impl FnOnce(&Entry<'_>) -> R,
) -> Result<R, &'static str> {
    let (before, log) = match find_log(line) {
        Some((start, log)) => (line.get(..start).unwrap_or(line), Some(log)),
        None => (line, None),
    };
    let (time, rest) = moment(before);
    let request = request(rest);
    // Without icap_log the line must look like an access log's: a request that the filter never saw has such a line.
    if log.is_none() && (time.is_none() || request.is_none()) {
        return Err("not a line of an access log");
    }
    let mut entry = Entry {
        time,
        log,
        ..Entry::default()
    };
    if let Some(request) = request {
        entry.method = Loose(request.method.into());
        entry.path = Loose(request.path.into());
        entry.status = Loose(request.status.into());
        entry.duration = request.duration;
        entry.host = Loose(request.host.into());
    }
    Ok(use_entry(&entry))
}

/// The last object that is icap_log, and where it begins. The last one counts, because text is not escaped and the
/// client's own text, such as the path, usually stands before icap_log.
fn find_log(line: &str) -> Option<(usize, IcapLog<'_>)> {
    let mut found = None;
    let mut from = 0;
    for _ in 0..MAX_ATTEMPTS {
        let Some(at) = line.get(from..).and_then(|rest| rest.find("{\"")) else {
            break;
        };
        let start = from + at;
        let rest = line.get(start..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        match values.next() {
            Some(Ok(value)) => {
                if let Some(log) = IcapLog::read(value.get()) {
                    found = Some((start, log));
                }
                from = start + value.get().len().max(1);
            }
            _ => from = start + 1,
        }
    }
    found
}

/// The time at the beginning, in brackets or without, and the rest.
fn moment(text: &str) -> (Option<i64>, &str) {
    let text = text.trim_start();
    let (word, rest) = match text.strip_prefix('[') {
        Some(inside) => inside.split_once(']').unwrap_or(("", text)),
        None => text.split_once(' ').unwrap_or((text, "")),
    };
    match time::read(word) {
        Some(time) => (Some(time), rest),
        None => (None, text),
    }
}

struct Request<'a> {
    method: &'a str,
    path: &'a str,
    status: &'a str,
    duration: Option<f64>,
    host: &'a str,
}

/// Reads `"POST /path HTTP/1.1" 200 …` as in Envoy's default format; in that format also the duration and the host.
fn request(text: &str) -> Option<Request<'_>> {
    let mut pieces = text.split('"');
    let line = pieces.nth(1)?;
    let (method, rest) = line.split_once(' ')?;
    let (path, _protocol) = rest.rsplit_once(' ').unwrap_or((rest, ""));
    let is_method =
        |m: &str| !m.is_empty() && m.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    if !is_method(method) {
        return None;
    }
    let numbers = pieces.next().unwrap_or_default();
    let mut words = numbers.split_ascii_whitespace();
    let status = words.next().filter(|w| w.parse::<u16>().is_ok())?;
    // FLAGS RECEIVED SENT DURATION, then "X-FORWARDED-FOR" "USER-AGENT" "REQUEST-ID" "AUTHORITY".
    let duration = words.nth(3).and_then(|w| w.parse().ok());
    let quoted: Vec<&str> = pieces.take(7).collect();
    let host = quoted.get(6).copied().unwrap_or_default();
    Some(Request {
        method,
        path,
        status,
        duration,
        host,
    })
}
