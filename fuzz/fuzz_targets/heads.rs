//! A header map made of any bytes: either it is refused, or the encoded head is read back as one head with no field that
//! was not in the map.
//!
//! The first byte chooses request or response; the rest is `name NUL value NUL name …`, so that CR and LF can be anywhere.
//!
//!     cargo +nightly fuzz run heads -- -dict=fuzz/icap.dict

#![no_main]

use icap_filter::icap::{
    IcapResponseParser, Event, Header, HttpHead, Limits, encode_request_head, encode_response_head,
};
use libfuzzer_sys::fuzz_target;

type Field = (Vec<u8>, Vec<u8>);

/// The head as an ICAP server would echo it.
fn read_back(kind: &str, head: &[u8]) -> HttpHead {
    let start = format!(
        "ICAP/1.0 200 OK\r\nEncapsulated: {kind}-hdr=0, null-body={}\r\n\r\n",
        head.len()
    );
    let limits = Limits {
        head_bytes: usize::MAX,
        header_count: usize::MAX,
        header_name_bytes: usize::MAX,
        ..Limits::default()
    };
    let mut parser = IcapResponseParser::new(limits);
    parser.push([start.as_bytes(), head].concat());
    let mut found = None;
    while let Some(event) = parser.poll().expect("an encoded head can be read") {
        if let Event::Http(head) = event {
            found = Some(head);
        }
    }
    assert_eq!(parser.end_of_input(), Ok(()));
    assert_eq!(parser.leftover(), 0);
    found.expect("a head")
}

fn came_from(header: &Header, fields: &[Field]) -> bool {
    let name = header.name.to_ascii_lowercase();
    if name == "cookie" {
        return fields
            .iter()
            .any(|(n, _)| n.eq_ignore_ascii_case(b"cookie"));
    }
    fields.iter().any(|(n, v)| {
        let same = n.eq_ignore_ascii_case(name.as_bytes())
            || (name == "host" && n.eq_ignore_ascii_case(b":authority"));
        same && trim(v) == trim(&header.value)
    })
}

fn trim(value: &[u8]) -> &[u8] {
    value.trim_ascii()
}

fuzz_target!(|data: &[u8]| {
    let [choice, data @ ..] = data else { return };
    let mut fields: Vec<Field> = Vec::new();
    let mut parts = data.split(|b| *b == 0).map(<[u8]>::to_vec);
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        fields.push((name, value));
    }
    let headers = if choice & 1 == 0 {
        let Ok(head) = encode_request_head(&fields) else {
            return;
        };
        // A target that is no UTF-8 can be sent but not read back.
        let target = fields
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(b":path"));
        if target.is_some_and(|(_, path)| std::str::from_utf8(path).is_err()) {
            return;
        }
        match read_back("req", &head) {
            HttpHead::Request(request) => request.headers,
            other => panic!("{other:?}"),
        }
    } else {
        let Ok(head) = encode_response_head(&fields) else {
            return;
        };
        match read_back("res", &head) {
            HttpHead::Response(response) => response.headers,
            other => panic!("{other:?}"),
        }
    };
    for header in headers.iter() {
        assert!(came_from(header, &fields), "{header:?} of {fields:?}");
    }
});
