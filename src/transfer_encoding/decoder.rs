//! The decoder: one interface for all encodings.

use super::Undecodable;
use super::base64_text::Base64;
use super::quoted_text::QuotedPrintable;

/// How a body is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TransferEncoding {
    /// 7bit, 8bit or binary: not encoded.
    #[default]
    Identity,
    /// RFC 2045 section 6.8.
    Base64,
    /// RFC 2045 section 6.7.
    QuotedPrintable,
}

/// Decodes one body as it arrives. Holds a few bytes, and never returns more bytes than it got.
#[derive(Clone, Debug)]
pub struct Decoder(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Identity,
    Base64(Base64),
    QuotedPrintable(QuotedPrintable),
}

impl Decoder {
    /// A decoder of one body.
    pub fn new(encoding: TransferEncoding) -> Self {
        Self(match encoding {
            TransferEncoding::Identity => Kind::Identity,
            TransferEncoding::Base64 => Kind::Base64(Base64::default()),
            TransferEncoding::QuotedPrintable => Kind::QuotedPrintable(QuotedPrintable::default()),
        })
    }

    /// Decodes the next bytes and appends the result. After an error the decoder is of no use.
    pub fn decode(&mut self, bytes: &[u8], decoded: &mut Vec<u8>) -> Result<(), Undecodable> {
        match &mut self.0 {
            Kind::Identity => decoded.extend_from_slice(bytes),
            Kind::Base64(base64) => base64.decode(bytes, decoded)?,
            Kind::QuotedPrintable(quoted) => quoted.decode(bytes, decoded)?,
        }
        Ok(())
    }

    /// The body has ended.
    pub fn finish(&self) -> Result<(), Undecodable> {
        match &self.0 {
            Kind::Identity => Ok(()),
            Kind::Base64(base64) => base64.finish(),
            Kind::QuotedPrintable(quoted) => quoted.finish(),
        }
    }
}
