//! What came of a case.

use std::time::Duration;

use crate::application::{Received, SIGN};
use crate::filters::{LUA_PREFIX, gunzip};
use crate::outcome::{Outcome, changed};
use crate::rows::{Effect, Place, Row};
use crate::support::client::HttpResponse;

/// How long a case waits for something before that is what happened. Nothing waits that long when all is well.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// A cell of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// As it is to be.
    Right,
    /// A failure was answered, and the application has no whole request, nor bytes that belong to none.
    Refused(u16),
    /// The application took the beginning of the body for the whole.
    Cut(String),
    /// The application waits for the rest of the body, or for its end.
    Stuck(String),
    /// The original went by, although the scanner has another outcome for it.
    Unscanned,
    /// Anything else, in words.
    Wrong(String),
}

/// The body that the application is to get, where it gets one.
pub fn expected(row: &Row, outcome: Outcome) -> Vec<u8> {
    let scanned = outcome == Outcome::Changed && !row.is_monitored();
    let body = if scanned {
        changed().to_vec()
    } else {
        outcome.parts().concat()
    };
    if row.effect == Effect::Prefix && !(scanned && row.place == Place::Before) {
        return [LUA_PREFIX, &body].concat();
    }
    body
}

/// What is wrong with a body that the application got.
pub fn difference(row: &Row, outcome: Outcome, request: &Received) -> Option<String> {
    let expected = expected(row, outcome);
    let found = match row.effect {
        Effect::Compress => match gunzip(&request.body) {
            Some(plain) => plain,
            None => return Some(format!("{} bytes that are no gzip", request.body.len())),
        },
        _ => request.body.clone(),
    };
    if found == expected {
        return None;
    }
    let place = found.iter().zip(&expected).position(|(f, e)| f != e);
    let place = place.unwrap_or(found.len().min(expected.len()));
    Some(format!(
        "{} bytes instead of {}, differs at {place}",
        found.len(),
        expected.len()
    ))
}

/// Judges a case by what the client, the application and the log have.
pub fn judge(
    row: &Row,
    outcome: Outcome,
    answer: &Result<HttpResponse, String>,
    (requests, stray): (&[Received], &[u8]),
    log: &str,
) -> Cell {
    if !stray.is_empty() {
        return Cell::Wrong(format!("{} bytes after the body", stray.len()));
    }
    let is_blocked = outcome.is_blocked() && !row.is_monitored();
    let complete: Vec<&Received> = requests.iter().filter(|r| r.complete).collect();
    for request in &complete {
        if is_blocked {
            return Cell::Wrong("what is blocked reached the application".to_owned());
        }
        if let Some(difference) = difference(row, outcome, request) {
            return if expected(row, outcome).starts_with(&request.body) {
                Cell::Cut(difference)
            } else {
                Cell::Wrong(difference)
            };
        }
    }
    if is_blocked && !requests.is_empty() && !outcome.streams() {
        return Cell::Wrong("a part of what is blocked reached the application".to_owned());
    }
    let answer = match answer {
        Ok(answer) => answer,
        Err(what) => {
            let is_part = |it: &Received| expected(row, outcome).starts_with(&it.body);
            return match requests {
                [part] if !part.body.is_empty() && is_part(part) => Cell::Stuck(what.clone()),
                _ => Cell::Wrong(what.clone()),
            };
        }
    };
    let served = answer.status == 200 && answer.header(SIGN).is_some();
    if is_blocked {
        let blocked = !served && log.contains("\"ICAP_BLOCKED\"");
        // gRPC clients get 200 with the status beside it.
        let told = answer.status == 403 || answer.header("grpc-status") == Some("7");
        return match blocked && told {
            true => Cell::Right,
            false => Cell::Wrong(format!("{} {log}", answer.status)),
        };
    }
    if !served && complete.is_empty() {
        return Cell::Refused(answer.status);
    }
    if !served || complete.len() != row.copies || requests.len() != row.copies {
        return Cell::Wrong(format!(
            "{}, {} requests of {} at the application",
            answer.status,
            complete.len(),
            row.copies
        ));
    }
    if row.logs_alone() && !log.contains(&format!("\"{}\"", outcome.action())) {
        return Cell::Wrong(format!("logged {log}"));
    }
    Cell::Right
}
