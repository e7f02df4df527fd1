//! Compares the HTTP head that a server sent back with the one that it was shown.

use std::collections::BinaryHeap;
use std::iter;

use crate::icap::{Header, Headers, RequestHead, ResponseHead, is_hop_by_hop};

/// Fields, beside hop-by-hop ones, that are no sign of a change; lower case. They frame the body, which is compared
/// by itself, or any intermediary writes them.
const NOT_COMPARED: [&str; 4] = ["content-length", "date", "via", "warning"];

/// Whether `got`, the `req-hdr` of an ICAP response, is `sent` unchanged.
///
/// Compares method and target as text. A target in absolute form with the same host counts as the same, because
/// proxies in front of a scanner write that form. In header fields these differences do not count: the order of
/// different names, the case of names, blanks around values, the length of runs of blanks, and whether equal names
/// stand in several fields or in one, joined by `, `. Not compared: `Connection` and the fields it names,
/// `Keep-Alive`, `Proxy-Authenticate`, `Proxy-Authorization`, `Proxy-Connection`, `TE`, `Trailer`,
/// `Transfer-Encoding`, `Upgrade`, `Content-Length`, `Via`, `Date`, `Warning`.
pub fn same_request(sent: &RequestHead, got: &RequestHead) -> bool {
    sent.method == got.method
        && same_target(sent, &got.target)
        && same_fields(&sent.headers, &got.headers)
}

/// Whether `got`, the `res-hdr` of an ICAP response to RESPMOD, is `sent` unchanged. Compares header fields like
/// [`same_request`].
pub fn same_response(sent: &ResponseHead, got: &ResponseHead) -> bool {
    sent.status == got.status && same_fields(&sent.headers, &got.headers)
}

/// Whether `got` is the sent target, or its absolute form (RFC 9112 section 3.2.2).
fn same_target(sent: &RequestHead, got: &[u8]) -> bool {
    if sent.target == got {
        return true;
    }
    let Some(host) = sent.headers.get("host") else {
        return false;
    };
    let rest = ["http://", "https://"].iter().find_map(|scheme| {
        let (head, rest) = got.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
    });
    let Some((authority, path)) = rest.and_then(|rest| rest.split_at_checked(host.len())) else {
        return false;
    };
    authority.eq_ignore_ascii_case(host)
        && (path == sent.target.as_slice() || (path.is_empty() && sent.target == b"/"))
}

/// Whether the fields of a head, or those behind a body, are the sent ones. Compares them like [`same_request`].
pub fn same_fields(sent: &Headers, got: &Headers) -> bool {
    let same_field = |(a, b): (&Header, &Header)| {
        a.name.eq_ignore_ascii_case(&b.name) && words(&a.value).eq(words(&b.value))
    };
    // An echo usually keeps the order, and then nothing has to be sorted.
    let mut rest = (compared(sent), compared(got));
    loop {
        match (rest.0.next(), rest.1.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if same_field((a, b)) => {}
            _ => break,
        }
    }
    let (sent, got) = (by_name(sent), by_name(got));
    let same_name = |a: &&Header, b: &&Header| a.name.eq_ignore_ascii_case(&b.name);
    let mut sent = sent.chunk_by(same_name);
    let mut got = got.chunk_by(same_name);
    loop {
        match (sent.next(), got.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if same_group(a, b) => {}
            _ => return false,
        }
    }
}

fn same_group(sent: &[&Header], got: &[&Header]) -> bool {
    let name = |group: &[&Header]| group.first().map(|h| h.name.to_ascii_lowercase());
    name(sent) == name(got) && joined(sent).eq(joined(got))
}

/// The compared fields, sorted by name; equal names keep their order.
fn by_name(headers: &Headers) -> Vec<&Header> {
    let fields: Vec<&Header> = compared(headers).collect();
    // A heap sorts too, with a tenth of the code of the standard library's sort.
    let names = fields.iter().enumerate();
    let names: BinaryHeap<(String, usize)> = names
        .map(|(index, field)| (field.name.to_ascii_lowercase(), index))
        .collect();
    let sorted = names.into_sorted_vec().into_iter();
    sorted
        .filter_map(|(_, index)| fields.get(index).copied())
        .collect()
}

fn compared(headers: &Headers) -> impl Iterator<Item = &Header> {
    let of_one_hop: Vec<&[u8]> = headers
        .all("connection")
        .flat_map(|value| value.split(|b| *b == b','))
        .map(<[u8]>::trim_ascii)
        .collect();
    headers.iter().filter(move |field| {
        let is = |name: &[u8]| field.name.as_bytes().eq_ignore_ascii_case(name);
        !is_hop_by_hop(field.name.as_bytes())
            && !NOT_COMPARED.iter().any(|name| is(name.as_bytes()))
            && !of_one_hop.iter().any(|name| is(name))
    })
}

/// The values of equal names as one list (RFC 9110 section 5.3).
fn joined<'a>(group: &'a [&'a Header]) -> impl Iterator<Item = u8> + 'a {
    group.iter().enumerate().flat_map(|(n, field)| {
        let comma: &[u8] = if n == 0 { b"" } else { b", " };
        comma.iter().copied().chain(words(&field.value))
    })
}

/// A value with each run of blanks and folds as one blank.
fn words(value: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut bytes = value.trim_ascii().iter().copied().peekable();
    iter::from_fn(move || {
        let byte = bytes.next()?;
        if !byte.is_ascii_whitespace() {
            return Some(byte);
        }
        while bytes.next_if(u8::is_ascii_whitespace).is_some() {}
        Some(b' ')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> RequestHead {
        RequestHead {
            method: "POST".to_owned(),
            target: b"/upload?x=1".to_vec(),
            headers: headers.iter().copied().collect(),
        }
    }

    const SENT: [(&str, &str); 5] = [
        ("Host", "app.example.com"),
        ("Accept", "text/html"),
        ("Accept", "*/*"),
        ("Content-Length", "12"),
        ("X-Token", "a b"),
    ];

    #[test]
    fn an_echo_is_the_same() {
        let equal: [&[(&str, &str)]; 5] = [
            &SENT,
            &[
                ("x-token", "a b"),
                ("ACCEPT", "text/html"),
                ("host", "app.example.com"),
                ("accept", "*/*"),
            ],
            &[
                ("Host", "app.example.com"),
                ("Accept", "text/html, */*"),
                ("X-Token", "a \n b"),
            ],
            &[
                ("Host", "app.example.com"),
                ("Accept", "text/html"),
                ("Accept", "*/*"),
                ("X-Token", "a b"),
                ("Via", "ICAP/1.0 av (C-ICAP/0.5.10)"),
                ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"),
                ("Transfer-Encoding", "chunked"),
            ],
            &[
                ("Connection", "close, X-Hop"),
                ("X-Hop", "1"),
                ("Host", "app.example.com"),
                ("Accept", "text/html"),
                ("Accept", "*/*"),
                ("X-Token", "a b"),
            ],
        ];
        for got in equal {
            assert!(same_request(&request(&SENT), &request(got)), "{got:?}");
        }
    }

    #[test]
    fn a_change_is_seen() {
        let changed: [&[(&str, &str)]; 6] = [
            // A field added, removed, changed, doubled; the order within a name changed; a blank removed.
            &[
                ("Host", "app.example.com"),
                ("Accept", "text/html"),
                ("Accept", "*/*"),
                ("X-Token", "a b"),
                ("X-Scanned", "yes"),
            ],
            &[
                ("Host", "app.example.com"),
                ("Accept", "text/html"),
                ("Accept", "*/*"),
            ],
            &[
                ("Host", "evil.example.com"),
                ("Accept", "text/html"),
                ("Accept", "*/*"),
                ("X-Token", "a b"),
            ],
            &[
                ("Host", "app.example.com"),
                ("Accept", "text/html"),
                ("Accept", "*/*"),
                ("X-Token", "a b"),
                ("X-Token", "a b"),
            ],
            &[
                ("Host", "app.example.com"),
                ("Accept", "*/*"),
                ("Accept", "text/html"),
                ("X-Token", "a b"),
            ],
            &[
                ("Host", "app.example.com"),
                ("Accept", "text/html"),
                ("Accept", "*/*"),
                ("X-Token", "ab"),
            ],
        ];
        for got in changed {
            assert!(!same_request(&request(&SENT), &request(got)), "{got:?}");
        }
    }

    #[test]
    fn the_absolute_form_of_the_target_is_no_change() {
        let got = |target: &str| RequestHead {
            target: target.as_bytes().to_vec(),
            ..request(&SENT)
        };
        for same in [
            "http://app.example.com/upload?x=1",
            "HTTPS://APP.example.com/upload?x=1",
        ] {
            assert!(same_request(&request(&SENT), &got(same)), "{same}");
        }
        for other in [
            "http://evil.example.com/upload?x=1",
            "http://app.example.com.evil/upload?x=1",
            "http://app.example.com/upload",
            "http://app.example.com",
            "ftp://app.example.com/upload?x=1",
            "//app.example.com/upload?x=1",
        ] {
            assert!(!same_request(&request(&SENT), &got(other)), "{other}");
        }
    }

    #[test]
    fn method_target_and_status_count() {
        let sent = request(&SENT);
        let method = RequestHead {
            method: "PUT".to_owned(),
            ..sent.clone()
        };
        let target = RequestHead {
            target: b"/upload".to_vec(),
            ..sent.clone()
        };
        assert!(!same_request(&sent, &method));
        assert!(!same_request(&sent, &target));
        let ok = ResponseHead {
            status: 200,
            headers: sent.headers.clone(),
        };
        let error = ResponseHead {
            status: 403,
            headers: sent.headers,
        };
        assert!(same_response(&ok, &ok));
        assert!(!same_response(&ok, &error));
    }
}
