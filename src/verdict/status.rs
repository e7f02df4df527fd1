//! Sentences for ICAP statuses.

/// Statuses and their names: those of RFC 3507 section 4.3.3, HTTP's that ICAP servers send, and those of Symantec's
/// engines.
const PHRASES: [(u16, &str); 19] = [
    (202, "Scan still pending"),
    (400, "Bad request"),
    (401, "Unauthorized"),
    (404, "ICAP service not found"),
    (405, "Method not allowed for service"),
    (407, "Proxy authentication required"),
    (408, "Request timeout"),
    (413, "Request too large"),
    (418, "Bad composition"),
    (500, "Server error"),
    (501, "Method not implemented"),
    (502, "Bad gateway"),
    (503, "Service overloaded"),
    (504, "Gateway timeout"),
    (505, "ICAP version not supported"),
    (506, "Server too busy"),
    (539, "No antivirus licence"),
    (551, "Resource unavailable"),
    (558, "No licence"),
];

/// One short sentence for a status that is no verdict, such as `ICAP status 503 Service overloaded`.
pub(super) fn sentence(status: u16) -> String {
    match PHRASES.iter().find(|(known, _)| *known == status) {
        Some((_, phrase)) => format!("ICAP status {status} {phrase}"),
        None => format!("ICAP status {status}"),
    }
}
