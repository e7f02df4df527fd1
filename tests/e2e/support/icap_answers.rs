//! ICAP answers to send, byte for byte.

/// `100 Continue`.
pub const CONTINUE: &str = "ICAP/1.0 100 Continue\r\n\r\n";

/// `204 No Content`: nothing to change.
pub const NO_CONTENT: &str = "ICAP/1.0 204 No Content\r\nISTag: \"e2e-1\"\r\n\r\n";

/// `204` that ends the connection.
pub const NO_CONTENT_CLOSE: &str =
    "ICAP/1.0 204 No Content\r\nISTag: \"e2e-1\"\r\nConnection: close\r\n\r\n";

/// A `200` whose encapsulated part is a response for the client: `head` up to and without the empty line. `icap_fields`
/// are further ICAP header lines, each with its CRLF. `body` is `None` for a response without one.
pub fn response(icap_fields: &str, head: &str, body: Option<&[u8]>) -> Vec<u8> {
    encapsulate(icap_fields, "res", head, body)
}

/// A `200` whose encapsulated part is the request to forward. `body` is `None` for a request without one.
pub fn request(icap_fields: &str, head: &str, body: Option<&[u8]>) -> Vec<u8> {
    encapsulate(icap_fields, "req", head, body)
}

/// The usual 403 page of a virus scanner.
pub fn block_page(icap_fields: &str, page: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: {}",
        page.len()
    );
    response(icap_fields, &head, Some(page.as_bytes()))
}

fn encapsulate(icap_fields: &str, kind: &str, head: &str, body: Option<&[u8]>) -> Vec<u8> {
    let head = format!("{head}\r\n\r\n");
    let body_kind = if body.is_some() { kind } else { "null" };
    let mut answer = format!(
        "ICAP/1.0 200 OK\r\nISTag: \"e2e-1\"\r\n{icap_fields}Encapsulated: {kind}-hdr=0, {body_kind}-body={}\r\n\r\n{head}",
        head.len()
    )
    .into_bytes();
    if let Some(body) = body {
        answer.extend_from_slice(&chunked(body));
    }
    answer
}

/// An answer that ends with a body, with trailers behind that, each line with its CRLF.
pub fn with_trailers(mut answer: Vec<u8>, trailers: &str) -> Vec<u8> {
    let end = answer.len() - 2;
    answer.splice(end..end, trailers.bytes());
    answer
}

/// `body` in chunks of up to 64 KiB with its last chunk.
pub fn chunked(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + body.len() / 1024 + 16);
    for chunk in body.chunks(64 * 1024) {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}
