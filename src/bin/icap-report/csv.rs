//! `--format csv`: one line for each entry (RFC 4180).

use crate::entry::{Entry, Field, Values};
use crate::time;

/// The columns before the fields of [`Field::ALL`].
const FIRST: [&str; 4] = ["time", "latency_ms", "duration_ms", "uri"];

/// The line of names.
pub(crate) fn header() -> String {
    let fields = Field::ALL.into_iter().map(Field::name);
    let names: Vec<&str> = FIRST.into_iter().chain(fields).collect();
    format!("{}\r\n", names.join(","))
}

/// Appends the line of an entry. Several values are separated by `; `.
pub(crate) fn write(entry: &Entry<'_>, out: &mut Vec<u8>) {
    let number = |n: Option<f64>| n.map_or(String::new(), |n| n.to_string());
    out.extend_from_slice(entry.time.map(time::write).unwrap_or_default().as_bytes());
    for text in [number(entry.latency()), number(entry.duration)] {
        out.push(b',');
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b',');
    cell(entry.path.text(), out);
    let mut values = Values::default();
    for field in Field::ALL {
        out.push(b',');
        entry.values(field, &mut values);
        match values.0.as_slice() {
            [] => {}
            [value] => cell(value, out),
            several => cell(&several.join("; "), out),
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a value, quoted where necessary. A value that a spreadsheet would take for a formula gets a `'` in front.
fn cell(value: &str, out: &mut Vec<u8>) {
    let is_formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let needs_quotes = is_formula || value.contains([',', '"', '\r', '\n']);
    if !needs_quotes {
        out.extend_from_slice(value.as_bytes());
        return;
    }
    out.push(b'"');
    if is_formula {
        out.push(b'\'');
    }
    out.extend_from_slice(value.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}
