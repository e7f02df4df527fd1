//! Chooses the extractor for a body and runs it.

use super::grpc::Grpc;
use super::json::Json;
use super::text::Text;
use super::urlencoded::UrlEncoded;
use super::value::Found;
use super::{Extractors, Limits, Unextractable, Value};

impl Extractors {
    /// The extractor for a body with this `Content-Type`, empty if there is none. `None` if nothing is looked for in
    /// such a body.
    pub fn extractor(self, content_type: &[u8], limits: Limits) -> Option<Extractor> {
        let media_type = content_type
            .split(|b| *b == b';')
            .next()
            .unwrap_or_default();
        let media_type = media_type.trim_ascii().to_ascii_lowercase();
        let format = match media_type.as_slice() {
            b"application/x-www-form-urlencoded" => (self.urlencoded || self.data_url)
                .then(|| Format::UrlEncoded(UrlEncoded::new(self))),
            t if is_grpc(t) => self.grpc_bytes.then(|| Format::Grpc(Grpc::new())),
            t if is_json(t) => {
                (self.json_base64 || self.data_url).then(|| Format::Json(Json::new(self)))
            }
            _ => self.data_url.then(|| Format::Text(Text::new())),
        };
        Some(Extractor {
            format: format?,
            found: Found::new(limits),
            offset: 0,
            refused: None,
        })
    }
}

fn is_json(media_type: &[u8]) -> bool {
    let named: [&[u8]; 5] = [b"json", b"x-json", b"x-ndjson", b"jsonl", b"json-seq"];
    let subtype = media_type
        .split(|b| *b == b'/')
        .next_back()
        .unwrap_or_default();
    subtype.ends_with(b"+json") || named.contains(&subtype)
}

/// Whether this is gRPC with Protocol Buffers. gRPC with JSON or another format is left to the scan of the whole
/// body.
fn is_grpc(media_type: &[u8]) -> bool {
    let named: [&[u8]; 4] = [
        b"application/grpc",
        b"application/grpc+proto",
        b"application/grpc-web",
        b"application/grpc-web+proto",
    ];
    named.contains(&media_type)
}

/// Looks for values in one body as it arrives.
#[derive(Clone, Debug)]
pub struct Extractor {
    format: Format,
    found: Found,
    /// The number of bytes read.
    offset: u64,
    refused: Option<Unextractable>,
}

#[derive(Clone, Debug)]
enum Format {
    Json(Json),
    UrlEncoded(UrlEncoded),
    Text(Text),
    Grpc(Grpc),
}

impl Extractor {
    /// Reads further. A refused body stays refused.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Unextractable> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        let found = &mut self.found;
        let read = match &mut self.format {
            Format::Json(json) => json.push(bytes, self.offset, found),
            Format::UrlEncoded(fields) => fields.push(bytes, self.offset, found),
            Format::Text(text) => text.push(bytes, self.offset, found),
            Format::Grpc(grpc) => grpc.push(bytes, self.offset, found),
        };
        self.offset = self.offset.saturating_add(bytes.len() as u64);
        read.inspect_err(|refused| self.refused = Some(*refused))
    }

    /// The next complete value.
    pub fn next_value(&mut self) -> Option<Value> {
        self.found.take()
    }

    /// The body has ended. Values may still be taken.
    pub fn finish(&mut self) -> Result<(), Unextractable> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        let found = &mut self.found;
        match &mut self.format {
            Format::Json(json) => json.end(),
            Format::UrlEncoded(fields) => fields.end(self.offset, found),
            Format::Text(text) => text.end(found),
            Format::Grpc(grpc) => grpc.end(),
        }
    }
}
