//! The decoder: one interface for all codings.

use super::deflate::Deflate;
use super::gzip::Gzip;
use super::zstd::Zstd;
use super::{Coding, Step, Undecodable};

/// Decodes one content as it arrives.
#[derive(Debug)]
pub struct Decoder(Kind);

#[derive(Debug)]
enum Kind {
    Gzip(Gzip),
    Deflate(Deflate),
    Zstd(Zstd),
}

impl Decoder {
    /// A decoder of one content.
    pub fn new(coding: Coding) -> Self {
        Self(match coding {
            Coding::Gzip => Kind::Gzip(Gzip::new()),
            Coding::Deflate => Kind::Deflate(Deflate::default()),
            Coding::Zstd => Kind::Zstd(Zstd::new()),
        })
    }

    /// Takes some of the next bytes and appends the decoded bytes, at most 64 KiB. Call again with the bytes that
    /// were not taken, until all were taken and [`Step::has_more`] is false. After an error the decoder is of no use.
    ///
    /// # Errors
    /// The bytes can't be decoded.
    pub fn decode(&mut self, bytes: &[u8], decoded: &mut Vec<u8>) -> Result<Step, Undecodable> {
        match &mut self.0 {
            Kind::Gzip(gzip) => gzip.decode(bytes, decoded),
            Kind::Deflate(deflate) => deflate.decode(bytes, decoded),
            Kind::Zstd(zstd) => zstd.decode(bytes, decoded),
        }
    }

    /// The most memory, in bytes, that the decoder takes by now beside its tables and buffers of some 128 KiB.
    pub fn memory_bytes(&self) -> u64 {
        match &self.0 {
            Kind::Gzip(_) | Kind::Deflate(_) => 0,
            Kind::Zstd(zstd) => zstd.memory_bytes(),
        }
    }

    /// The content has ended. A content without any bytes counts as empty.
    ///
    /// # Errors
    /// The coded content is not complete.
    pub fn finish(&self) -> Result<(), Undecodable> {
        match &self.0 {
            Kind::Gzip(gzip) => gzip.finish(),
            Kind::Deflate(deflate) => deflate.finish(),
            Kind::Zstd(zstd) => zstd.finish(),
        }
    }
}
