//! Uploads in `aws-chunked`, as S3 clients send them.

use hyper::{Method, Request};

use super::client::{Body, request_with};

/// A streaming payload, and what its chunks look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// As boto3 and others send it over TLS: a checksum behind the chunks.
    Unsigned,
    /// As clients send it without TLS: a signature in each chunk.
    Signed,
}

impl Payload {
    /// The value of `x-amz-content-sha256`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Unsigned => "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            Self::Signed => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        }
    }

    /// The body: `content` in chunks of so many bytes.
    pub fn frame(self, content: &[u8], chunk: usize) -> Vec<u8> {
        let mut body = Vec::new();
        for chunk in content.chunks(chunk) {
            body.extend_from_slice(self.chunk_line(chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(self.chunk_line(0).as_bytes());
        if self == Self::Unsigned {
            body.extend_from_slice(b"x-amz-checksum-crc32:NhCmhg==\r\n");
        }
        body.extend_from_slice(b"\r\n");
        body
    }

    fn chunk_line(self, size: usize) -> String {
        match self {
            Self::Unsigned => format!("{size:x}\r\n"),
            Self::Signed => format!("{size:x};chunk-signature={}\r\n", "0a".repeat(32)),
        }
    }

    /// A `PUT` of a framed body. `length`: of the content.
    pub fn put(self, length: usize, fields: &[(&str, &str)], body: Body) -> Request<Body> {
        let length = length.to_string();
        let own = [
            ("content-encoding", "aws-chunked"),
            ("content-type", "application/pdf"),
            ("x-amz-content-sha256", self.kind()),
            ("x-amz-decoded-content-length", length.as_str()),
        ];
        let mut all: Vec<(&str, &str)> = fields.to_vec();
        let is_new = |(name, _): &(&str, &str)| fields.iter().all(|(given, _)| given != name);
        all.extend(own.into_iter().filter(is_new));
        all.retain(|(_, value)| !value.is_empty());
        request_with(Method::PUT, "/bucket/report.pdf", &all, body)
    }
}
