//! One interface for all codings.

use std::error::Error;
use std::fmt;

use super::Coding;
use super::deflate::Deflate;
use super::gzip::Gzip;

/// Why a content can't be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Undecodable {
    /// It is not coded as it says.
    Broken,
    /// It ends in the midst.
    CutOff,
    /// Something else follows it.
    Trailing,
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "found other bytes than Content-Encoding says",
            Self::CutOff => "found its end in the midst of the coded content",
            Self::Trailing => "found bytes behind the coded content, expected none",
        })
    }
}

impl Error for Undecodable {}

/// How far a call of [`Decoder::decode`] came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// How many of the bytes were taken.
    pub taken: usize,
    /// There is more to be given of what was taken.
    pub has_more: bool,
}

/// Decodes one content as it arrives.
#[derive(Debug)]
pub struct Decoder(Kind);

#[derive(Debug)]
enum Kind {
    Gzip(Gzip),
    Deflate(Deflate),
}

impl Decoder {
    /// A decoder of one content.
    pub fn new(coding: Coding) -> Self {
        Self(match coding {
            Coding::Gzip => Kind::Gzip(Gzip::new()),
            Coding::Deflate => Kind::Deflate(Deflate::default()),
        })
    }

    /// Takes some of the next bytes and appends what they say, at most 64 KiB. To be called again with the bytes that were not
    /// taken, until all were and there is no more. After an error the decoder is of no use.
    ///
    /// # Errors
    /// They can't be decoded.
    pub fn decode(&mut self, bytes: &[u8], decoded: &mut Vec<u8>) -> Result<Step, Undecodable> {
        match &mut self.0 {
            Kind::Gzip(gzip) => gzip.decode(bytes, decoded),
            Kind::Deflate(deflate) => deflate.decode(bytes, decoded),
        }
    }

    /// Says that the content has ended. One without any bytes is empty.
    ///
    /// # Errors
    /// It has not come to its own end.
    pub fn finish(&self) -> Result<(), Undecodable> {
        match &self.0 {
            Kind::Gzip(gzip) => gzip.finish(),
            Kind::Deflate(deflate) => deflate.finish(),
        }
    }
}
