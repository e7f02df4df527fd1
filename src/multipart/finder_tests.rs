//! The search for a word in bytes that arrive in pieces.

use super::*;
use crate::multipart::testing::test;

const WORD: &[u8] = b"--ab";

/// Every hit: where the word ends in all pieces together, and the bytes before it.
fn all<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<(usize, Before)> {
    let mut finder = Finder::new(WORD);
    let mut hits = Vec::new();
    let mut offset = 0;
    for mut piece in pieces {
        while let Some(hit) = finder.search(piece) {
            assert!(hit.end > 0, "a hit takes the search on");
            hits.push((offset + hit.end, hit.before));
            offset += hit.end;
            piece = &piece[hit.end..];
        }
        offset += piece.len();
    }
    hits
}

#[test]
fn words_are_found_wherever_pieces_end() {
    for (text, expected) in [
        ("", vec![]),
        ("--a", vec![]),
        ("--ab", vec![(4, Before::Nothing)]),
        ("\n--ab", vec![(5, Before::Other)]),
        ("\r\n--ab", vec![(6, Before::LineEnd)]),
        ("x\r\n--ab", vec![(7, Before::LineEnd)]),
        ("xyz\r\r\n--ab", vec![(10, Before::LineEnd)]),
        ("\r\n---ab", vec![(7, Before::Other)]),
        ("--a--ab", vec![(7, Before::Other)]),
        (
            "--ab--ab\r\n--ab",
            vec![
                (4, Before::Nothing),
                (8, Before::Nothing),
                (14, Before::LineEnd),
            ],
        ),
        (
            "a long text before it\r\n--ab and behind it",
            vec![(27, Before::LineEnd)],
        ),
    ] {
        let bytes = text.as_bytes();
        for length in 1..=bytes.len().max(1) {
            assert_eq!(
                all(bytes.chunks(length)),
                expected,
                "{text:?} in pieces of {length}"
            );
        }
        for one in 0..=bytes.len() {
            for two in one..=bytes.len() {
                let pieces = [&bytes[..one], &bytes[one..two], &bytes[two..]];
                assert_eq!(all(pieces), expected, "{text:?} cut at {one} and {two}");
            }
        }
    }
}

#[test]
fn no_more_is_held_than_a_word_may_need() {
    let mut finder = Finder::new(WORD);
    for length in (0..10).chain([100, 10_000]).chain(0..10) {
        finder.search(&vec![b'-'; length]);
        assert!(finder.tail.len() <= WORD.len() + 1);
    }
}
