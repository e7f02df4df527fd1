//! Forms that are accepted, and the places of their parts.

use crate::multipart::testing::{parts, read, read_as, test, with_headers};
use crate::multipart::{FIELD_BYTES, PARTS, Part};

const FIELD: &str = "Content-Disposition: form-data; name=\"a\"\r\n";

fn at<'a>(body: &'a str, range: &std::ops::Range<u64>) -> &'a str {
    body.get(range.start as usize..range.end as usize)
        .expect("a range of the body")
}

fn bodies<'a>(form: &'a str, parts: &[Part]) -> Vec<&'a str> {
    parts.iter().map(|part| at(form, &part.body)).collect()
}

#[test]
fn ranges_are_those_of_the_body() {
    let form = "preamble\r\n--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--X \t\r\n\
        Content-Type: a/b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"g\"\r\n\r\n\r\ntwo\r\n\r\n--X--\t\r\nepilogue";
    let (parts, layout) = read(form).unwrap();
    assert_eq!(at(form, &layout.preamble), "preamble\r\n");
    assert_eq!(at(form, &layout.closing), "--X--\t\r\nepilogue");
    assert_eq!(bodies(form, &parts), ["one", "\r\ntwo\r\n"]);
    let names = parts
        .iter()
        .map(|part| (part.name.as_str(), part.file_name.as_deref()));
    assert_eq!(names.collect::<Vec<_>>(), [("a", None), ("f", Some("g"))]);
    assert_eq!(
        at(form, &parts[0].whole),
        "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n"
    );
    assert_eq!(
        at(form, &parts[1].headers),
        "Content-Type: a/b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"g\"\r\n"
    );
    assert_eq!(parts[0].whole.end, parts[1].whole.start);
    assert_eq!(parts[1].whole.end, layout.closing.start);
}

#[test]
fn wholes_and_the_closing_are_a_form() {
    let form = format!(
        "p\r\n--X\r\n{FIELD}\r\none\r\n--X\r\n{FIELD}\r\ntwo\r\n--X\r\n{FIELD}\r\nthree\r\n--X--"
    );
    let (parts, layout) = read(&form).unwrap();
    let without_the_second = [&parts[0].whole, &parts[2].whole, &layout.closing]
        .map(|r| at(&form, r))
        .concat();
    let (parts, _) = read(&without_the_second).unwrap();
    assert_eq!(bodies(&without_the_second, &parts), ["one", "three"]);
}

#[test]
fn endings() {
    for end in [
        "--X--",
        "--X--\r\n",
        "--X-- \t",
        "--X--  \r\n",
        "--X--\r\n\r\n--\r\nX-X\r\n",
    ] {
        let form = format!("--X\r\n{FIELD}\r\nbody\r\n{end}");
        let (parts, layout) = read(&form).unwrap();
        assert_eq!(bodies(&form, &parts), ["body"]);
        assert_eq!(at(&form, &layout.closing), end);
    }
}

#[test]
fn a_form_may_have_no_part() {
    for form in [
        "--X--",
        "--X--\r\n",
        "\r\n--X--\r\n",
        "preamble\r\n--X--\r\nepilogue",
    ] {
        assert_eq!(parts(form), [], "{form:?}");
    }
}

#[test]
fn parts_may_be_empty() {
    let form = format!("--X\r\n{FIELD}\r\n\r\n--X\r\n{FIELD}\r\n\r\n--X--\r\n");
    assert_eq!(bodies(&form, &parts(&form)), ["", ""]);
}

#[test]
fn content_may_look_like_much() {
    for body in [
        "\r\n",
        "\r\n\r\n",
        "\r",
        "\n",
        "-",
        "--",
        "\r\n-",
        "\r\n--",
        "\r\n--x",
        "\r\nX",
        "\r\n-X",
        "\r\n--\r\nX",
        "- -X",
        "\0",
        "Content-Disposition: form-data; name=\"b\"\r\n\r\n",
        "\r\n-\r\n--\r\n---\r\n",
        "\r\r\n\n",
    ] {
        let form = format!("--X\r\n{FIELD}\r\n{body}\r\n--X--\r\n");
        assert_eq!(bodies(&form, &parts(&form)), [body], "{body:?}");
    }
}

#[test]
fn boundaries_may_begin_like_delimiters() {
    for boundary in ["-", "--", "---", "-----a", "a--", "--a--", "\"=_a b:c\""] {
        let text = boundary.trim_matches('"');
        let body = "\r\n-\r\n";
        let form = format!("--{text}\r\n{FIELD}\r\n{body}\r\n--{text}--\r\n");
        let read = read_as(&format!("multipart/form-data; boundary={boundary}"), &form);
        assert_eq!(bodies(&form, &read.unwrap().0), [body], "{text:?}");
    }
}

#[test]
fn what_is_a_file() {
    let limit = FIELD_BYTES as usize;
    for (headers, length, file) in [
        ("Content-Disposition: form-data; name=a\r\n", 0, false),
        ("Content-Disposition: form-data; name=a\r\n", limit, false),
        (
            "Content-Disposition: form-data; name=a\r\n",
            limit + 1,
            true,
        ),
        (
            "Content-Disposition: form-data; name=a\r\nContent-Type: text/plain\r\n",
            1,
            false,
        ),
        (
            "Content-Disposition: form-data; name=a\r\nContent-Type: TEXT/Plain ; charset=utf-8\r\n",
            1,
            false,
        ),
        (
            "Content-Disposition: form-data; name=a\r\nContent-Type: text/plainer\r\n",
            1,
            true,
        ),
        (
            "Content-Disposition: form-data; name=a\r\nContent-Type: text/plain, a/b\r\n",
            1,
            true,
        ),
        (
            "Content-Disposition: form-data; name=a\r\nContent-Type: application/json\r\n",
            1,
            true,
        ),
        (
            "Content-Disposition: form-data; name=a\r\nContent-Type:\r\n",
            1,
            true,
        ),
        (
            "Content-Disposition: form-data; name=a; filename=\"\"\r\n",
            0,
            true,
        ),
        (
            "Content-Disposition: form-data; name=a; filename=b\r\nContent-Type: text/plain\r\n",
            1,
            true,
        ),
        (
            "Content-Disposition: form-data; name=a; filename*=utf-8''b\r\n",
            1,
            true,
        ),
    ] {
        let body = "x".repeat(length);
        let form = format!("--X\r\n{headers}\r\n{body}\r\n--X--");
        let parts = parts(&form);
        assert_eq!(
            parts.iter().map(Part::is_file).collect::<Vec<_>>(),
            [file],
            "{headers:?} {length}"
        );
    }
}

#[test]
fn a_form_may_have_1000_parts() {
    let part = format!("--X\r\n{FIELD}\r\nbody\r\n");
    let form = format!("{}--X--\r\n", part.repeat(PARTS));
    assert_eq!(parts(form).len(), 1000);
}

#[test]
fn a_part_is_complete_once_its_delimiter_arrived() {
    let form = with_headers(FIELD);
    let (before, _) = form.split_at(form.len() - "--\r\n".len());
    let mut parser = crate::multipart::Parser::new(crate::multipart::testing::boundary(
        super::super::testing::X,
    ));
    parser.push(before).unwrap();
    assert_eq!(parser.next_part(), None);
    parser.push(b"-").unwrap();
    assert_eq!(parser.next_part(), None);
    parser.push(b"-").unwrap();
    assert!(parser.next_part().is_some());
    assert_eq!(parser.next_part(), None);
}
