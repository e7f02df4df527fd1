//! Forms as browsers send them: `multipart/form-data`.

use hyper::{Method, Request};

use super::client::{Body, request_with, sized, unsized_body};

/// A form under construction.
#[derive(Clone, Debug)]
pub struct FormBody {
    boundary: String,
    bytes: Vec<u8>,
}

impl FormBody {
    /// A form without parts, and a boundary as Chromium writes it.
    pub fn new() -> Self {
        Self::with_boundary("----WebKitFormBoundary7MA4YWxkTrZu0gW")
    }

    /// The same with another boundary.
    pub fn with_boundary(boundary: &str) -> Self {
        Self {
            boundary: boundary.to_owned(),
            bytes: Vec::new(),
        }
    }

    /// Adds a file.
    pub fn file(self, name: &str, file_name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let headers = format!(
            "Content-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
             Content-Type: application/pdf\r\n"
        );
        self.part(&headers, bytes)
    }

    /// Adds a field.
    pub fn field(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let headers = format!("Content-Disposition: form-data; name=\"{name}\"\r\n");
        self.part(&headers, value)
    }

    /// Adds a part with these header lines, each with its CRLF.
    pub fn part(mut self, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let head = format!("--{}\r\n{headers}\r\n", self.boundary);
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(body.as_ref());
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    /// The whole body.
    pub fn bytes(&self) -> Vec<u8> {
        let closing = format!("--{}--\r\n", self.boundary);
        [self.bytes.as_slice(), closing.as_bytes()].concat()
    }

    /// The value of `Content-Type`.
    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// An upload of it.
    pub fn upload(&self) -> Request<Body> {
        self.upload_with(&[], sized(self.bytes()))
    }

    /// The same without a length.
    pub fn upload_unsized(&self) -> Request<Body> {
        self.upload_with(&[], unsized_body(self.bytes()))
    }

    /// An upload with further fields, and a body of the test's own.
    pub fn upload_with(&self, fields: &[(&str, &str)], body: Body) -> Request<Body> {
        upload(&self.content_type(), fields, body)
    }
}

/// An upload of that type.
pub fn upload(content_type: &str, fields: &[(&str, &str)], body: Body) -> Request<Body> {
    let fields = [&[("content-type", content_type)], fields].concat();
    request_with(Method::POST, "/upload?album=7", &fields, body)
}
