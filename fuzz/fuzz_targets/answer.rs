//! Any bytes in any pieces: no panic, and the same events as in one piece.
//!
//! The first byte says how many of the next bytes are lengths of pieces; the answer follows. What is left after the
//! last length is the last piece.
//!
//!     cargo +nightly fuzz run answer -- -dict=fuzz/icap.dict

#![no_main]

mod input;

use std::mem::discriminant;

use icap_filter::icap::{IcapResponseError, IcapResponseParser, Event, Limits};
use input::Input;
use libfuzzer_sys::fuzz_target;

/// What a parser gave: debug forms of the events with adjacent body bytes joined, and how it ended.
#[derive(Default)]
struct Outcome {
    events: Vec<String>,
    body: Vec<u8>,
    error: Option<IcapResponseError>,
    leftover: usize,
    complete: bool,
}

fn parse<'a>(limits: Limits, pieces: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let mut parser = IcapResponseParser::new(limits);
    let mut outcome = Outcome::default();
    for piece in pieces {
        parser.push(piece.to_vec());
        loop {
            match parser.poll() {
                Ok(None) => break,
                Ok(Some(Event::Body(bytes))) => outcome.body.extend_from_slice(bytes),
                Ok(Some(event)) => outcome.events.push(format!("{event:?}")),
                Err(error) => {
                    outcome.error = Some(error);
                    return outcome;
                }
            }
        }
    }
    outcome.leftover = parser.leftover();
    outcome.complete = parser.end_of_input().is_ok();
    outcome
}

fuzz_target!(|data: &[u8]| {
    let Some(input) = Input::of(data) else { return };
    let bytes = input.bytes;
    // Small limits, so that short input reaches them.
    let small = Limits {
        head_bytes: 256,
        header_count: 8,
        header_name_bytes: 32,
        chunk_line_bytes: 64,
        trailer_bytes: 64,
        body_bytes: 1024,
        ..Limits::default()
    };
    for limits in [small, Limits::default()] {
        let whole = parse(limits, std::iter::once(bytes));
        for split in [
            parse(limits, input.pieces()),
            parse(limits, bytes.chunks(1)),
        ] {
            assert_eq!(split.events, whole.events);
            assert_eq!(split.body, whole.body);
            assert_eq!(split.leftover, whole.leftover);
            assert_eq!(split.complete, whole.complete);
            // An error repeats what was found, which depends on how much had come.
            assert_eq!(
                split.error.as_ref().map(discriminant),
                whole.error.as_ref().map(discriminant)
            );
        }
    }
});
