//! Why the parser refuses a form: two programs could read the form in two ways.

use std::error::Error;
use std::fmt;

/// Why a form, or its `Content-Type`, can be read in two ways, or in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ambiguous {
    /// `Content-Type` names the multipart type beside another one.
    MediaType,
    /// `Content-Type` has no boundary.
    NoBoundary,
    /// `Content-Type` has the word `boundary` twice.
    SecondBoundary,
    /// The boundary is empty or has more than [`BOUNDARY_BYTES`](super::BOUNDARY_BYTES) bytes.
    BoundaryLength,
    /// The boundary has characters outside of RFC 2046 section 5.1.1, or a comma, with which Envoy joins fields.
    BoundaryCharacters,
    /// The parameters of `Content-Type` are no `name=value` after semicolons.
    MediaTypeParameters,
    /// The body ends before the closing delimiter.
    NoClosingDelimiter,
    /// The boundary stands where no delimiter can stand, or with other bytes on its line.
    NearlyDelimiter,
    /// The boundary stands after the closing delimiter.
    AfterClosingDelimiter,
    /// More than [`PARTS`](super::PARTS) parts.
    TooManyParts,
    /// A part's header block has more than [`HEADER_BLOCK_BYTES`](super::HEADER_BLOCK_BYTES) bytes.
    HeaderBlockTooLong,
    /// A header line is no `name: value`.
    HeaderLine,
    /// A header line continues the line before it.
    FoldedHeader,
    /// A header line has a NUL, a lone CR or another control character.
    HeaderCharacter,
    /// A header line ends with LF alone.
    BareLineFeed,
    /// A part has no `Content-Disposition`.
    NoContentDisposition,
    /// A part has one of these headers twice: `Content-Disposition`, `Content-Type`, `Content-Transfer-Encoding`,
    /// `Content-Length`, `Content-ID`.
    SecondHeader,
    /// `Content-Disposition` is not `form-data`, or, outside of forms, no single word.
    DispositionType,
    /// The parameters of `Content-Disposition` are no `name=value` after semicolons.
    DispositionParameters,
    /// `Content-Disposition` has no `name`.
    NoName,
    /// `Content-Disposition` has a parameter twice.
    SecondParameter,
    /// `name` or `filename` has a form with several readings, such as `filename*0`.
    ParameterForm,
    /// A backslash may or may not belong to a name.
    Backslash,
    /// A quoted name contains text that programs without quotes read as a further parameter.
    ParameterInValue,
    /// A `filename*` does not follow RFC 5987.
    ExtendedFileName,
    /// A `filename` is an encoded word (RFC 2047).
    EncodedWord,
    /// `filename` and `filename*` differ.
    FileNamesDiffer,
    /// A part is a multipart itself.
    NestedMultipart,
    /// `Content-Transfer-Encoding` is not 7bit, 8bit or binary, nor, outside of forms, Base64 or quoted-printable.
    TransferEncoding,
    /// A part's `Content-Length` is not the length of its body.
    PartLength,
}

impl Ambiguous {
    /// The error as a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MediaType => {
                "found a multipart type beside another media type in Content-Type, expected it alone"
            }
            Self::NoBoundary => "found no boundary in Content-Type, expected one",
            Self::SecondBoundary => {
                "found the word boundary more than once in Content-Type, expected one boundary"
            }
            Self::BoundaryLength => {
                "found a boundary that is empty or too long, expected 1 to 70 bytes"
            }
            Self::BoundaryCharacters => {
                "found a boundary that begins or ends with a space, or has a character that none may have, expected letters, digits and '()+_-./:=?"
            }
            Self::MediaTypeParameters => {
                "found parameters of Content-Type that are not well-formed, expected \"; name=value\""
            }
            Self::NoClosingDelimiter => {
                "found the end of the form before its closing delimiter, expected \"--boundary--\""
            }
            Self::NearlyDelimiter => {
                "found the boundary within a part or with something else on its line, expected it only in delimiters, each a line of its own that ends with CRLF"
            }
            Self::AfterClosingDelimiter => {
                "found the boundary after the closing delimiter, expected no further part"
            }
            Self::TooManyParts => "found more than 1000 parts in a form, expected at most that",
            Self::HeaderBlockTooLong => {
                "found a part with more than 16 KiB of headers, expected at most that"
            }
            Self::HeaderLine => {
                "found a line among a part's headers that is none, expected \"name: value\""
            }
            Self::FoldedHeader => {
                "found a header of a part that goes on in the next line, expected it in one line"
            }
            Self::HeaderCharacter => {
                "found a control character in a header of a part, expected none"
            }
            Self::BareLineFeed => "found a header of a part that ends with LF alone, expected CRLF",
            Self::NoContentDisposition => {
                "found a part without Content-Disposition, expected one in each"
            }
            Self::SecondHeader => {
                "found the same header twice in a part, expected one Content-Disposition, Content-Type, Content-Transfer-Encoding, Content-Length and Content-ID"
            }
            Self::DispositionType => {
                "found a part with another Content-Disposition, expected form-data, or elsewhere than in forms a single word"
            }
            Self::DispositionParameters => {
                "found parameters of a part's Content-Disposition that are not well-formed, expected \"; name=value\""
            }
            Self::NoName => "found a part without a name, expected one in its Content-Disposition",
            Self::SecondParameter => {
                "found a parameter twice in a part's Content-Disposition, expected it once"
            }
            Self::ParameterForm => {
                "found a form of name or filename in a part's Content-Disposition that programs read in several ways, expected name, filename or filename*"
            }
            Self::Backslash => {
                "found a backslash before a quote or in a file's extension, expected none there"
            }
            Self::ParameterInValue => {
                "found \"name=\" within a quoted name of a part, expected none"
            }
            Self::ExtendedFileName => {
                "found a filename* that is not well-formed, expected UTF-8''name with percent-escapes"
            }
            Self::EncodedWord => {
                "found a filename that is an encoded word (RFC 2047), expected filename* for it"
            }
            Self::FileNamesDiffer => {
                "found a filename and a filename* that differ, expected one file name"
            }
            Self::NestedMultipart => {
                "found a part that is a multipart itself, expected files as parts of the whole"
            }
            Self::TransferEncoding => {
                "found another Content-Transfer-Encoding in a part, expected 7bit, 8bit or binary, or elsewhere than in forms base64 or quoted-printable"
            }
            Self::PartLength => {
                "found a Content-Length in a part that is not its body's length, expected that or none"
            }
        }
    }
}

impl fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error for Ambiguous {}
