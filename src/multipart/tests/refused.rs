//! Forms that programs read in two ways. Comments say which program reads what.

use crate::multipart::testing::{refused, test};
use crate::multipart::{Ambiguous, PARTS};

const FIELD: &str = "Content-Disposition: form-data; name=\"a\"\r\n";
const FILE: &str = "Content-Disposition: form-data; name=\"f\"; filename=\"g\"\r\n";

fn form(content: &str) -> String {
    format!("--X\r\n{FIELD}\r\n{content}\r\n--X--\r\n")
}

#[test]
fn forms_without_an_end() {
    let whole = format!("--X\r\n{FIELD}\r\nbody\r\n--X--");
    // Most programs take the complete parts, some the rest as well.
    for length in 0..whole.len() {
        assert_eq!(
            refused(&whole.as_bytes()[..length]),
            Ambiguous::NoClosingDelimiter,
            "{length} bytes"
        );
    }
    assert_eq!(refused("no form"), Ambiguous::NoClosingDelimiter);
    assert_eq!(
        refused("--Y\r\n\r\n--Y--\r\n"),
        Ambiguous::NoClosingDelimiter
    );
    assert_eq!(
        refused(format!("--X\r\n{FIELD}\r\nbody\r\n--X ")),
        Ambiguous::NoClosingDelimiter
    );
}

#[test]
fn the_boundary_within_content() {
    for content in [
        // Go, busboy and Java read on; PHP and programs that split at the boundary do not.
        "a\r\n--Xy\r\nb",
        "a\r\n--X-\r\nb",
        "a\r\n--X y\r\nb",
        "a\r\n--X\ty\r\nb",
        "a\r\n--X\0\r\nb",
        "a\r\n--X;\r\nb",
        "a\r\n--X\u{a0}\r\nb",
        // Python, PHP and Go take a lone LF for a line end, werkzeug a lone CR; busboy and Java neither.
        "a\n--X\r\nb",
        "a\r--X\r\nb",
        "a\r\n--X\nb",
        "a\r\n--X\rb",
        "a\r\n--X \nb",
        "a\n--X\nb",
        "a\r\r--X\r\nb",
        "a\n\n--X\r\nb",
        "a\n\r--X\r\nb",
        "a\n--X--\r\n",
        "a\r\n--X--\nb",
        "a\r\n--X--\rb",
        "a\r\n--X--y",
        "a\r\n--X-- y",
        "a\r\n--X---\r\nb",
        "a\r\n--X--X\r\n",
        // Not on a line of its own: only programs that split at the boundary alone find it.
        "a--X",
        "a--Xb",
        " --X\r\n",
        "a\r\n --X\r\nb",
        "a\r\n---X\r\nb",
        "a\r\n-----X--\r\nb",
        "a\u{b}--X\r\n",
        // Directly behind the headers: an empty part for Go and Python, content for Java.
        "--X\r\nb",
        "--X--\r\n",
        "\n--X\r\n",
        "\r--X\r\n",
    ] {
        assert_eq!(
            refused(form(content)),
            Ambiguous::NearlyDelimiter,
            "{content:?}"
        );
    }
}

#[test]
fn the_boundary_before_the_first_part() {
    for preamble in [
        " ",
        "\n",
        "\r",
        "a",
        "a\n",
        "\r\n ",
        "\r\n-",
        "--X\n",
        "--Xy\r\n",
        "a --X\r\n",
        "a\r\n--X y\r\n",
    ] {
        let form = format!("{preamble}{}", form("body"));
        assert_eq!(refused(&form), Ambiguous::NearlyDelimiter, "{preamble:?}");
    }
}

#[test]
fn a_part_after_the_end() {
    // PHP reads on behind the closing delimiter, others do not.
    for epilogue in [
        "--X\r\n",
        "--X--\r\n",
        "--X",
        "a\r\n--X\r\n",
        "a\n--X\n",
        "a--Xb",
        "--X--\r\n--X",
    ] {
        assert_eq!(
            refused(format!("{}{epilogue}", form("body"))),
            Ambiguous::AfterClosingDelimiter,
            "{epilogue:?}"
        );
        let whole = format!("{}{epilogue}\r\n{FILE}\r\nbody\r\n--X--\r\n", form("body"));
        assert_eq!(
            refused(whole),
            Ambiguous::AfterClosingDelimiter,
            "{epilogue:?}"
        );
    }
}

#[test]
fn line_ends_of_delimiters() {
    let unix = form("body").replace("\r\n", "\n");
    assert_eq!(refused(&unix), Ambiguous::NearlyDelimiter);
    assert_eq!(
        refused(form("body").replace("--X--\r\n", "--X--\r")),
        Ambiguous::NearlyDelimiter
    );
    assert_eq!(
        refused(form("body").replace("--X--\r\n", "--X--\n")),
        Ambiguous::NearlyDelimiter
    );
}

#[test]
fn a_delimiter_among_headers() {
    // Some programs end the part at this line, others see a broken header.
    for headers in ["--X\r\n", "--X--\r\n"] {
        let form = format!("--X\r\n{FIELD}{headers}{FILE}\r\nbody\r\n--X--\r\n");
        assert_eq!(refused(&form), Ambiguous::NearlyDelimiter, "{headers:?}");
        let form = format!("--X\r\n{headers}{FILE}\r\nbody\r\n--X--\r\n");
        assert_eq!(refused(&form), Ambiguous::NearlyDelimiter, "{headers:?}");
    }
}

#[test]
fn a_part_too_many() {
    let part = format!("--X\r\n{FIELD}\r\nbody\r\n");
    let form = format!("{}--X--\r\n", part.repeat(PARTS + 1));
    assert_eq!(refused(form), Ambiguous::TooManyParts);
}

#[test]
fn every_sentence_says_what_was_found_and_expected() {
    for ambiguous in [
        Ambiguous::NoBoundary,
        Ambiguous::NearlyDelimiter,
        Ambiguous::PartLength,
    ] {
        let sentence = ambiguous.to_string();
        assert!(
            sentence.starts_with("found ") && sentence.contains(", expected "),
            "{sentence}"
        );
    }
}
