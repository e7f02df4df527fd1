//! Why a form is refused: two programs could read it in two ways.

use std::error::Error;
use std::fmt;

/// What makes a form, or its `Content-Type`, readable in two ways, or in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ambiguous {
    /// The multipart type stands in a `Content-Type` that is not it alone.
    MediaType,
    /// `Content-Type` has no boundary.
    NoBoundary,
    /// `Content-Type` has the word `boundary` once more.
    SecondBoundary,
    /// A boundary of no or of more than [`BOUNDARY_BYTES`](super::BOUNDARY_BYTES) bytes.
    BoundaryLength,
    /// A boundary with other characters than those of RFC 2046 section 5.1.1, or with a comma, where Envoy joins fields.
    BoundaryCharacters,
    /// The parameters of `Content-Type` are no `name=value` after semicolons.
    MediaTypeParameters,
    /// The body ends before the closing delimiter.
    NoClosingDelimiter,
    /// The boundary stands where no delimiter can stand, or with something else around it.
    NearlyDelimiter,
    /// The boundary stands after the closing delimiter.
    AfterClosingDelimiter,
    /// More than [`PARTS`](super::PARTS) parts.
    TooManyParts,
    /// A part's header block of more than [`HEADER_BLOCK_BYTES`](super::HEADER_BLOCK_BYTES) bytes.
    HeaderBlockTooLong,
    /// A header line that is no `name: value`.
    HeaderLine,
    /// A header line that continues the one before it.
    FoldedHeader,
    /// A NUL, a lone CR or another control character in a header line.
    HeaderCharacter,
    /// A header line that ends with LF alone.
    BareLineFeed,
    /// A part without `Content-Disposition`.
    NoContentDisposition,
    /// A part with two headers of which there can be one: `Content-Disposition`, `Content-Type`,
    /// `Content-Transfer-Encoding`, `Content-Length`, `Content-ID`.
    SecondHeader,
    /// `Content-Disposition` is not `form-data`, or elsewhere than in forms no single word.
    DispositionType,
    /// The parameters of `Content-Disposition` are no `name=value` after semicolons.
    DispositionParameters,
    /// `Content-Disposition` has no `name`.
    NoName,
    /// `Content-Disposition` has a parameter twice.
    SecondParameter,
    /// `name` or `filename` in a form of which there are several readings, such as `filename*0`.
    ParameterForm,
    /// A backslash that may or may not belong to a name.
    Backslash,
    /// A quoted name that looks like a further parameter to those who do not read quotes.
    ParameterInValue,
    /// A `filename*` that is not as RFC 5987 says.
    ExtendedFileName,
    /// A `filename` that is an encoded word (RFC 2047).
    EncodedWord,
    /// `filename` and `filename*` differ.
    FileNamesDiffer,
    /// A part that is a multipart itself.
    NestedMultipart,
    /// A `Content-Transfer-Encoding` other than 7bit, 8bit and binary, and elsewhere than in forms Base64 and quoted-printable.
    TransferEncoding,
    /// A part's `Content-Length` is not the length of its body.
    PartLength,
}

impl Ambiguous {
    /// The sentence.
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
