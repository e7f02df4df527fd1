//! The texts of errors.

use super::*;
use crate::icap::testing::{broken, test};

#[test]
fn messages_say_what_was_found_and_what_was_expected() {
    assert_eq!(
        broken("HTTP/1.1 400 Bad Request\r\n").to_string(),
        "found \"HTTP/1.1 400 Bad Request\\r\\n\", expected \"ICAP/1.0\" and a status"
    );
    let limit = IcapResponseError::Limit {
        what: LimitKind::HeadBytes,
        limit: 7,
    };
    assert_eq!(
        limit.to_string(),
        "found more than 7 bytes of one head, expected at most that"
    );
}

#[test]
fn messages_stay_short_and_escape_what_they_repeat() {
    let line = [b"ICAP/1.0 \x1b[2J\x07\xff".as_slice(), &[b'\x01'; 500]].concat();
    let message = broken([&line, b"\n".as_slice()].concat()).to_string();
    assert!(message.len() < 300, "{message}");
    assert!(!message.contains(char::is_control), "{message:?}");
    assert!(message.contains("\\x1b[2J\\x07\\xff"), "{message}");
    assert!(message.contains('…'), "{message}");
}
