//! Unit tests of `apart`.

use super::*;
use crate::config::Cause;
use crate::filter::replacement::Piece;
use crate::multipart::Boundary;
use crate::submission::Budget;

const TYPE: &[u8] = b"multipart/form-data; boundary=b";

fn boundary() -> Boundary {
    Boundary::of(TYPE).unwrap().unwrap()
}

fn apart() -> Apart {
    Apart::new(None, Some(Form::new(boundary(), false)), None)
}

/// A part of the form: a file where there is a file name, else a field.
fn part(name: &str, file_name: Option<&str>, body: &str) -> String {
    let file = file_name.map_or(String::new(), |file| format!("; filename=\"{file}\""));
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{body}\r\n")
}

fn body(parts: &[String]) -> String {
    format!("{}--b--\r\n", parts.concat())
}

/// A form that was read to its end, `step` bytes at a time.
fn read(body: &str, step: usize) -> Apart {
    let mut form = apart();
    for part in body.as_bytes().chunks(step) {
        form.read(part).unwrap();
    }
    form.end().unwrap();
    form
}

fn text(body: &str, range: &Range<u64>) -> String {
    let range = range.start as usize..range.end as usize;
    body.get(range).unwrap().to_owned()
}

/// What is shown of a form, with the names of its files.
fn shown(body: &str, form: &mut Apart) -> Vec<(Option<String>, String)> {
    let mut all = Vec::new();
    while let Some((_, next)) = form.next(1) {
        all.push(match next {
            Next::File(part, runs) => (part.file_name, text(body, &runs[0])),
            Next::Fields(runs) => (None, runs.iter().map(|run| text(body, run)).collect()),
            Next::Whole => (None, "whole".to_owned()),
            Next::Value(value, _) => panic!("{value:?}"),
            Next::Trailers(fields) => panic!("{fields:?}"),
        });
        form.ended(0, true);
    }
    assert!(form.is_complete());
    all
}

#[test]
fn files_are_shown_alone_and_the_fields_as_a_form() {
    let fields = [
        part("a", None, "1"),
        part("b", None, "2"),
        part("c", None, "3"),
    ];
    let files = [part("f", Some("x"), "file x"), part("f", Some("y"), "")];
    let [a, b, c] = fields.clone();
    let [x, y] = files.clone();
    let named = |name: &str, text: &str| (Some(name.to_owned()), text.to_owned());
    let form = body(&[a, b, x, c, y]);
    let all = [named("x", "file x"), named("y", ""), (None, body(&fields))];
    for step in [1, 2, 7, form.len()] {
        assert_eq!(shown(&form, &mut read(&form, step)), all, "{step} bytes");
    }
    let form = body(&files);
    let all = &all[..2];
    assert_eq!(shown(&form, &mut read(&form, 3)), all);
    for form in [body(&fields), body(&[])] {
        let whole = (None, "whole".to_owned());
        assert_eq!(shown(&form, &mut read(&form, 3)), [whole]);
    }
}

#[test]
fn an_input_without_a_file_is_a_field() {
    let empty = part("f", Some(""), "");
    let form = body(&[empty.clone(), part("g", Some("x"), "1")]);
    let all = shown(&form, &mut read(&form, 5));
    assert_eq!(all[1], (None, body(&[empty])));
}

#[test]
fn what_is_encoded_may_be_no_form_and_is_none_in_part() {
    let read = |bytes: &str| {
        let mut form = Apart::new(None, Some(Form::new(boundary(), true)), None);
        form.read(bytes.as_bytes())?;
        form.end()?;
        Ok::<_, Indivisible>(form.next(1).map(|(_, next)| next))
    };
    assert!(matches!(read("\x1f\u{8b}\x08..."), Ok(Some(Next::Whole))));
    let form = body(&[part("f", Some("x"), "1")]);
    assert!(matches!(read(&form), Ok(Some(Next::File(..)))));
    for hidden in [form.replace("--b--", ""), format!("gzip {form}")] {
        assert!(read(&hidden).is_err(), "{hidden}");
    }
}

#[test]
fn no_more_run_than_may() {
    let form = body(&[part("f", Some("x"), "1"), part("f", Some("y"), "2")]);
    let mut form = read(&form, 9);
    assert!(form.next(1).is_some());
    assert!(form.next(1).is_none());
    assert!(matches!(form.next(2), Some((1, Next::File(..)))));
    assert!(!form.is_complete());
    form.ended(0, true);
    form.ended(1, true);
    assert!(form.next(2).is_none());
    assert!(form.is_complete());
}

#[test]
fn each_byte_is_read_once() {
    let mut form = apart();
    assert_eq!(form.unread(0), None);
    assert_eq!(form.unread(9), Some(0..9));
    form.read(b"--b\r\n").unwrap();
    assert_eq!(form.unread(9), Some(5..9));
    assert_eq!(form.unread(5), None);
    let piece = PIECE_BYTES as u64;
    assert_eq!(form.unread(9 * piece), Some(5..5 + piece));
}

/// The form after the submissions of these indices were changed into these bodies.
fn changed(form: &str, bodies: &[(u16, &str)]) -> Result<String, (Cause, String)> {
    let budget = Budget::new(1 << 20);
    let mut read = read(form, 11);
    while read.next(99).is_some() {}
    for (index, bytes) in bodies {
        let mut held = Held::new(&budget);
        held.extend(bytes.as_bytes()).unwrap();
        read.change(*index, held);
    }
    let original = |range: Range<u64>| Some(text(form, &range).into_bytes());
    let (taken, changes) = read.take_changes().unwrap();
    let pieces = taken.changed(changes, form.len() as u64, &budget, original)?;
    let mut out = Vec::new();
    for piece in &pieces {
        match piece {
            Piece::Same(range) => out.extend(text(form, range).into_bytes()),
            Piece::Other(held) => held.pieces().for_each(|bytes| out.extend_from_slice(bytes)),
        }
    }
    let len: u64 = pieces.iter().map(Piece::len).sum();
    assert_eq!(len, out.len() as u64);
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn changed_files_and_fields_take_their_places() {
    let with = |x: &str, a: &str, y: &str, b: &str| {
        body(&[
            part("f", Some("x"), x),
            part("a", None, a),
            part("f", Some("y"), y),
            part("b", None, b),
        ])
    };
    let fields = |a: &str, b: &str| body(&[part("a", None, a), part("b", None, b)]);
    let form = with("one", "1", "two", "2");
    for (bodies, expected) in [
        (vec![(0, "ONE!")], with("ONE!", "1", "two", "2")),
        (vec![(1, "")], with("one", "1", "", "2")),
        (vec![(1, "TWO"), (0, "")], with("", "1", "TWO", "2")),
        (
            vec![(2, fields("***", "").as_str()), (0, "ONE")],
            with("ONE", "***", "two", ""),
        ),
    ] {
        assert_eq!(changed(&form, &bodies).unwrap(), expected, "{bodies:?}");
    }
}

#[test]
fn the_own_length_of_a_changed_file_is_put_right() {
    let with = |length: &str, bytes: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\
             CONTENT-length:\t{length} \r\nX-Else: 3\r\n\r\n{bytes}\r\n--b--"
        )
    };
    let got = changed(&with("3", "abc"), &[(0, "0123456789ab")]);
    assert_eq!(got.unwrap(), with("12", "0123456789ab"));
}

#[test]
fn a_change_that_makes_another_form_is_refused() {
    let form = body(&[part("f", Some("x"), "one"), part("a", None, "1")]);
    let renamed = body(&[part("A", None, "1")]);
    let more = body(&[part("a", None, "1"), part("b", None, "2")]);
    let cut = part("a", None, "1");
    for bodies in [
        [(0, "x\r\n--b--")],
        [(
            0,
            "x\r\n--b\r\nContent-Disposition: form-data; name=\"z\"\r\n\r\n",
        )],
        [(0, "x--b")],
        [(1, "")],
        [(1, renamed.as_str())],
        [(1, more.as_str())],
        [(1, cut.as_str())],
        [(1, "--b--")],
    ] {
        let refused = changed(&form, &bodies).unwrap_err();
        assert_eq!(refused.0, Cause::Protocol, "{bodies:?}: {}", refused.1);
    }
}

/// A message whose trailers are shown behind its body, and the place for them.
fn with_trailers(form: Option<Form>) -> (Apart, Option<Rc<Trailers>>) {
    let mut apart = Apart::new(None, form, None).with_trailers();
    let place = apart.show_behind_body(String::new());
    (apart, place)
}

fn trailers() -> Fields {
    [("x-a", "1")].into_iter().collect()
}

#[test]
fn trailers_that_were_not_sent_behind_the_body_are_shown_alone() {
    for judged in [true, false] {
        let (mut apart, place) = with_trailers(None);
        assert!(place.is_some());
        assert!(matches!(apart.next(4), Some((0, Next::Whole))));
        apart.end().unwrap();
        apart.take_trailers(trailers());
        assert!(apart.next(4).is_none(), "they go behind the body");
        apart.ended(0, judged);
        assert!(matches!(apart.next(4), Some((1, Next::Trailers(fields))) if fields == trailers()));
        assert!(!apart.is_complete());
        apart.ended(1, true);
        assert!(apart.is_complete());
    }
}

#[test]
fn trailers_behind_a_body_that_has_its_verdict_are_shown_alone() {
    let (mut apart, place) = with_trailers(None);
    assert!(matches!(apart.next(4), Some((0, Next::Whole))));
    apart.ended(0, true);
    apart.end().unwrap();
    assert!(!apart.is_complete(), "trailers may come");
    apart.take_trailers(trailers());
    assert!(place.is_some_and(|place| !place.have_come()));
    assert!(matches!(apart.next(4), Some((1, Next::Trailers(_)))));
}

#[test]
fn a_message_without_trailers_ends_with_its_end() {
    let (mut apart, place) = with_trailers(None);
    assert!(matches!(apart.next(4), Some((0, Next::Whole))));
    apart.end().unwrap();
    apart.take_trailers(Fields::new());
    assert!(place.is_some_and(|place| place.have_come()));
    apart.ended(0, true);
    assert!(apart.next(4).is_none() && apart.is_complete());
}

#[test]
fn the_trailers_of_a_form_are_shown_alone() {
    let (mut apart, place) = with_trailers(Some(Form::new(boundary(), false)));
    assert!(place.is_none());
    apart.take_trailers(trailers());
    assert!(matches!(apart.next(4), Some((0, Next::Trailers(_)))));
}
