//! Which extractor reads a body.

use super::grpc::Grpc;
use super::json::Json;
use super::text::Text;
use super::urlencoded::UrlEncoded;
use super::value::Found;
use super::{Limits, Unextractable, Value};

/// What is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extractors {
    /// Strings in JSON that are Base64.
    pub json_base64: bool,
    /// Base64 in `data:` URLs: in strings of JSON, in urlencoded fields, and in bodies of all other types but gRPC's.
    pub data_url: bool,
    /// Fields of urlencoded forms: as they are, and those that are Base64 decoded as well.
    pub urlencoded: bool,
    /// Fields in gRPC messages.
    pub grpc_bytes: bool,
}

impl Extractors {
    /// The extractor of a body with that `Content-Type`, empty where there is none; `None` if nothing is looked for in it.
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

/// gRPC in Protocol Buffers; in JSON or another format its messages are texts to the whole body's scan.
fn is_grpc(media_type: &[u8]) -> bool {
    let named: [&[u8]; 4] = [
        b"application/grpc",
        b"application/grpc+proto",
        b"application/grpc-web",
        b"application/grpc-web+proto",
    ];
    named.contains(&media_type)
}

/// Looks into one body as it arrives.
#[derive(Clone, Debug)]
pub struct Extractor {
    format: Format,
    found: Found,
    /// How many bytes were read.
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
    /// Reads on. Once a body is refused, it stays refused.
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

    /// The next value that is complete.
    pub fn next_value(&mut self) -> Option<Value> {
        self.found.take()
    }

    /// Says that the body has ended; values may be left to be taken.
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
