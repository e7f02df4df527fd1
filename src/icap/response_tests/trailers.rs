//! ICAP trailers, which follow the whole message (draft-rousskov-icap-trailers).

use crate::icap::testing::{BEHIND, Seen, drain, test, tr, tr_in};
use crate::icap::{Headers, IcapResponseError, IcapResponseParser, LimitKind, Limits};

/// A parser for the response to a request that offered to read ICAP trailers.
fn taking() -> IcapResponseParser {
    within(Limits::default())
}

fn within(limits: Limits) -> IcapResponseParser {
    let mut parser = IcapResponseParser::new(limits);
    parser.take_trailers();
    parser
}

/// A response that announces ICAP trailers.
fn announcing(parts: &str, rest: &str) -> String {
    format!(
        "ICAP/1.0 200 OK\r\nAllow: 204, Trailers\r\nTrailer: X-Note\r\nEncapsulated: {parts}\r\n\r\n{rest}"
    )
}

fn fields(fields: &[(&str, &str)]) -> Headers {
    fields.iter().copied().collect()
}

#[test]
fn icap_trailers_follow_those_of_the_message() {
    let rest = "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\nX-Note: a\r\n b\r\n\r\n";
    let seen = tr_in(taking, announcing("res-body=0", rest));
    let expected = [
        Seen::IcapTrailers(fields(&[("X-Note", "a\nb")])),
        Seen::End(fields(&[("X-Sum", "1")]), None),
    ];
    assert_eq!(seen[2..], expected);
    for rest in ["X-Note: a\r\n\r\n", "\r\n"] {
        let seen = tr_in(taking, announcing("null-body=0", rest));
        assert_eq!(seen.len(), if rest.len() > 2 { 3 } else { 2 }, "{rest:?}");
    }
}

#[test]
fn without_offer_or_announcement_there_are_none() {
    let rest = "0\r\n\r\n";
    assert_eq!(tr(announcing("res-body=0", rest)).len(), 2);
    for line in ["Trailer: X-Note\r\n", "Allow: 204, Trailers\r\n"] {
        let other = announcing("res-body=0", rest).replace(line, "");
        assert_eq!(tr_in(taking, other).len(), 2);
    }
}

#[test]
fn what_breaks_off_gives_what_it_has() {
    let mut parser = taking();
    let mut seen = Vec::new();
    parser.push(announcing("null-body=0", "X-Note: a\r\nX-").into());
    drain(&mut parser, &mut seen).unwrap();
    let expected = "the rest of the ICAP trailers";
    assert_eq!(
        parser.end_of_input(),
        Err(IcapResponseError::Closed { expected })
    );
    assert_eq!(parser.unfinished_trailers(), fields(&[("X-Note", "a")]));

    // Those of the message come before them, and count as well.
    let mut parser = taking();
    parser.push(announcing("res-body=0", "0\r\nX-Sum: 1\r\n\r\nX-Note: a\r\nX-").into());
    drain(&mut parser, &mut seen).unwrap();
    assert!(parser.end_of_input().is_err());
    let both = fields(&[("X-Sum", "1"), ("X-Note", "a")]);
    assert_eq!(parser.unfinished_trailers(), both);

    let limits = Limits {
        trailer_bytes: 20,
        ..Limits::default()
    };
    let mut parser = within(limits);
    parser.push(announcing("null-body=0", "X-Note: a\r\nX-Other: bbbbbb\r\n\r\n").into());
    let what = LimitKind::TrailerBytes;
    let limit = IcapResponseError::Limit { what, limit: 20 };
    assert_eq!(drain(&mut parser, &mut seen), Err(limit));
    assert_eq!(parser.unfinished_trailers(), fields(&[("X-Note", "a")]));
}

#[test]
fn what_follows_icap_trailers_is_left_over() {
    let mut parser = taking();
    let whole = announcing("null-body=0", "X-Note: a\r\n\r\n");
    parser.push([whole.as_bytes(), BEHIND].concat());
    drain(&mut parser, &mut Vec::new()).unwrap();
    assert_eq!(parser.leftover(), BEHIND.len());
}
