//! The spellings of a path. Some applications take `/api%2fupload`, `/api/upload;x` or `//api/./upload` for
//! `/api/upload`, others do not.

/// How often percent-encoding is decoded. Some applications do so twice.
const MAX_DECODINGS: usize = 3;

/// The other paths that an application may read in `path` (without query): percent-encoding decoded once or more
/// often, `\` as `/`, runs of `/` as one, `.` and `..` resolved, parameters (`;x`) kept or removed. Empty for a path
/// with one reading only.
pub(super) fn spellings(path: &[u8]) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    if is_plain(path) {
        return found;
    }
    let mut decoded = path.to_vec();
    for _ in 0..=MAX_DECODINGS {
        for keeps_parameters in [true, false] {
            let spelling = resolve(&decoded, keeps_parameters);
            if spelling != path && !found.contains(&spelling) {
                found.push(spelling);
            }
        }
        let next = decode(&decoded);
        if next == decoded {
            break;
        }
        decoded = next;
    }
    found
}

fn is_plain(path: &[u8]) -> bool {
    !path.iter().any(|b| matches!(b, b'%' | b';' | b'\\'))
        && !path.windows(2).any(|pair| matches!(pair, b"//" | b"/."))
}

/// Decodes percent-encoding once (RFC 3986 section 2.1). Invalid escapes stay.
fn decode(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        let byte = match after {
            [high, low, ..] if *first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match byte {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

fn resolve(path: &[u8], keeps_parameters: bool) -> Vec<u8> {
    let mut segments: Vec<&[u8]> = Vec::new();
    let mut is_folder = false;
    for segment in path.split(|b| matches!(b, b'/' | b'\\')) {
        let name = segment.split(|b| *b == b';').next().unwrap_or_default();
        let dots = matches!(name, b"" | b"." | b"..");
        is_folder = dots;
        match name {
            b".." => {
                segments.pop();
            }
            _ if dots => {}
            _ if keeps_parameters => segments.push(segment),
            _ => segments.push(name),
        }
    }
    let mut resolved = Vec::with_capacity(path.len());
    for segment in &segments {
        resolved.push(b'/');
        resolved.extend_from_slice(segment);
    }
    if is_folder || segments.is_empty() {
        resolved.push(b'/');
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::spellings;

    #[test]
    fn a_plain_path_has_one_spelling() {
        for path in ["/", "/a/b", "/a.b/c~d", "*", "", "/a/"] {
            assert!(spellings(path.as_bytes()).is_empty(), "{path}");
        }
    }

    #[test]
    fn other_spellings_of_an_upload_are_found() {
        for path in [
            "/api%2fupload",
            "/api%2Fupload",
            "/api%252fupload",
            "/api%5cupload",
            "/api\\upload",
            "/api/upload;x",
            "/api;x=1/upload;y",
            "/api/upload%3bx",
            "//api//upload",
            "/./api/./upload",
            "/static/../api/upload",
            "/static/..%2fapi/upload",
            "/static/..;/api/upload",
            "/static/%2e%2e/api/upload",
            "/%61pi/upl%6fad",
        ] {
            let found = spellings(path.as_bytes());
            assert!(found.contains(&b"/api/upload".to_vec()), "{path}");
        }
    }

    #[test]
    fn the_end_of_a_folder_stays() {
        assert!(spellings(b"/a/./").contains(&b"/a/".to_vec()));
        assert!(spellings(b"/a/b/..").contains(&b"/a/".to_vec()));
        assert!(spellings(b"/..").contains(&b"/".to_vec()));
    }

    #[test]
    fn invalid_escapes_stay() {
        assert_eq!(spellings(b"/100%"), Vec::<Vec<u8>>::new());
        assert_eq!(spellings(b"/%zz%2"), Vec::<Vec<u8>>::new());
    }
}
