//! Properties over random forms, compared with another parser. Native only: they are slow in WebAssembly.

use futures_util::{FutureExt, stream};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::multipart::Part;
use crate::multipart::testing::{Read, boundary, in_pieces};

const TYPE: &str = "multipart/form-data; boundary=X-y";

/// What both parsers say of a part.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    name: String,
    file_name: Option<String>,
    content_type: Option<String>,
    body: Vec<u8>,
}

fn ours(form: &[u8], part: Part) -> Seen {
    let body = form[part.body.start as usize..part.body.end as usize].to_vec();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Seen {
        name: part.name,
        file_name: part.file_name,
        content_type: part.content_type.map(text),
        body,
    }
}

/// The parts as multer reads them.
fn theirs(form: &[u8]) -> Result<Vec<Seen>, multer::Error> {
    let pieces = form.to_vec();
    let stream = stream::iter([Ok::<_, std::io::Error>(pieces)]);
    let mut form = multer::Multipart::new(stream, "X-y");
    let read = async {
        let mut seen = Vec::new();
        while let Some(field) = form.next_field().await? {
            let text =
                |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let content_type = field.headers().get("content-type").map(text);
            let name = field.name().unwrap_or_default().to_owned();
            let file_name = field.file_name().map(str::to_owned);
            seen.push(Seen {
                name,
                file_name,
                content_type,
                body: field.bytes().await?.to_vec(),
            });
        }
        Ok(seen)
    };
    read.now_or_never().expect("all bytes are there")
}

/// multer reads every form that our parser accepts, alike. Names that are no UTF-8 count as none, as in multer.
fn agree(form: &[u8]) -> Result<(), TestCaseError> {
    if let Ok((parts, _)) = in_pieces(&boundary(TYPE), [form]) {
        let parts: Vec<Seen> = parts.into_iter().map(|part| ours(form, part)).collect();
        match theirs(form) {
            Ok(mut theirs) => {
                for (theirs, ours) in theirs.iter_mut().zip(&parts) {
                    let other = |name: &str| name.contains(char::REPLACEMENT_CHARACTER);
                    if other(&ours.name) || ours.file_name.as_deref().is_some_and(other) {
                        theirs.name.clone_from(&ours.name);
                        theirs.file_name.clone_from(&ours.file_name);
                    }
                }
                prop_assert_eq!(parts, theirs, "{}", form.escape_ascii());
            }
            Err(error) => prop_assert!(false, "{error}: {}", form.escape_ascii()),
        }
    }
    Ok(())
}

/// Pieces of forms, in an order that sometimes makes a form.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        10 => prop::sample::select(vec![
            "--X-y\r\n", "\r\n--X-y\r\n", "\r\n--X-y--\r\n", "--X-y--", "\n--X-y\n", "\r\n--X-y \r\n", "\r\n--X-yz\r\n", "\r\n--X-",
            "--", "X-y", "\r\n", "\r\n\r\n", "\n", "\r", " ", "-", "body", "\r\n\r\nbody\r\n--X-y--\r\n", "name=a", "; filename=b",
            "Content-Disposition: form-data; name=\"a\"", "Content-Disposition: form-data; name=\"f\"; filename=\"g.txt\"",
            "Content-Disposition: form-data; name=\"f\"; filename=\"g;h\\i\"", "content-disposition:form-data;name=b",
            "Content-Disposition: form-data; filename=\"g\"", "Content-Disposition: attachment; name=a",
            "Content-Type: text/plain", "Content-Type: multipart/mixed; boundary=Y", "X: y", "Content-Length: 4", "\0", "\"", "\\\"",
        ]).prop_map(|s| s.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..5),
    ];
    vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "\r\n", "\r", "\n", "--", "-", "X", "X-y", "\r\n--X-", "\0", "a",
    ]);
    prop_oneof![
        vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes()),
        vec(any::<u8>(), 0..60),
    ]
}

type Written = (String, Option<String>, Option<String>, Vec<u8>);

fn written() -> impl Strategy<Value = Vec<Written>> {
    let content_type =
        prop::option::of("[a-z]{1,5}/[a-z]{1,5}".prop_map(|t| t.replace("multipart", "x")));
    let file_name =
        prop::option::of("[ !#-$&-\\[\\]-~]{0,9}".prop_map(|n| n.replace(['\\', '='], "")));
    vec(
        ("[a-z0-9\\[\\]]{0,6}", file_name, content_type, content()),
        0..5,
    )
}

/// A form as a client writes it, and its contents.
fn write(parts: &[Written], epilogue: &str) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, file_name, content_type, body) in parts {
        form.extend(format!("--X-y\r\nContent-Disposition: form-data; name=\"{name}\"").bytes());
        form.extend(
            file_name
                .iter()
                .flat_map(|f| format!("; filename=\"{f}\"").into_bytes()),
        );
        form.extend(
            content_type
                .iter()
                .flat_map(|t| format!("\r\nContent-Type: {t}").into_bytes()),
        );
        form.extend(b"\r\n\r\n");
        form.extend(body);
        form.extend(b"\r\n");
    }
    form.extend(format!("--X-y--{epilogue}").bytes());
    form
}

fn cut<'a>(form: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(form.len() + 1)).collect();
    cuts.extend([0, form.len()]);
    cuts.sort_unstable();
    cuts.windows(2)
        .map(|pair| &form[pair[0]..pair[1]])
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn hostile_forms_are_refused_or_read_alike(form in hostile()) {
        agree(&form)?;
    }

    #[test]
    fn a_changed_byte_is_refused_or_read_alike(
        parts in written(),
        at in any::<prop::sample::Index>(),
        byte in prop_oneof![Just(None), any::<u8>().prop_map(Some), prop::sample::select(b"\r\n- \t\";=\\:X".as_slice()).prop_map(Some)],
    ) {
        let mut form = write(&parts, "\r\n");
        let at = at.index(form.len());
        match byte {
            Some(byte) => form[at] = byte,
            None => drop(form.remove(at)),
        }
        agree(&form)?;
    }

    #[test]
    fn what_was_written_is_read(parts in written(), end in prop::sample::select(vec!["", "\r\n", " \r\n", "\r\nepilogue"])) {
        let form = write(&parts, end);
        if parts.iter().any(|(.., body)| body.windows(5).any(|w| w == b"--X-y")) {
            return agree(&form);
        }
        let whole: Read = in_pieces(&boundary(TYPE), [form.as_slice()]);
        let seen: Vec<Seen> = whole.unwrap().0.into_iter().map(|part| ours(&form, part)).collect();
        let expected: Vec<Seen> = parts
            .into_iter()
            .map(|(name, file_name, content_type, body)| Seen { name, file_name, content_type, body })
            .collect();
        prop_assert_eq!(&seen, &expected);
        agree(&form)?;
    }

    #[test]
    fn pieces_make_no_difference(form in hostile(), cuts in vec(any::<prop::sample::Index>(), 0..6)) {
        let whole = in_pieces(&boundary(TYPE), [form.as_slice()]);
        prop_assert_eq!(in_pieces(&boundary(TYPE), cut(&form, &cuts)), whole);
    }
}
