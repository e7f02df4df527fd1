//! What an ICAP server may make us hold or do. Past a limit the answer is broken, never "need more".

/// A head that Envoy's defaults let in (60 KiB of header map) fits with its line ends when a server echoes it.
/// Squid reads 64 KB, Node 16 KiB, Go 1 MiB.
pub const HEAD_BYTES: usize = 64 * 1024;

/// Past [`HEAD_BYTES`] and [`HEADER_COUNT`] the fields of an ICAP head are still looked at, for a verdict may be among them:
/// a scanner lists every infected member of an archive, of which the client may put in thousands.
pub const ICAP_HEAD_BYTES: usize = 1024 * 1024;

/// As many lines as four thousand members of an archive take in `X-Violations-Found`.
pub const ICAP_HEAD_LINES: usize = 16 * 1024;

/// What is kept of each field past the limits: enough for a verdict and the name of a threat.
pub const CUT_FIELD_BYTES: usize = 512;

/// Twice what Envoy, hyper and Apache httpd let in (100), so that an echo with the server's additions fits.
pub const HEADER_COUNT: usize = 256;

/// A client may choose long names and Envoy lets them pass; Apache httpd stops a whole field at 8190.
pub const HEADER_NAME_BYTES: usize = 8 * 1024;

/// A size, `use-original-body` and some signature in extensions. Go stops at 4096 too, hyper at 16 KiB of extensions.
pub const CHUNK_LINE_BYTES: usize = 4 * 1024;

/// As many hexadecimal digits as 64 bits hold. Go stops at 16 too, h11 at 20.
pub const CHUNK_SIZE_DIGITS: usize = 16;

/// Trailers carry digests and scan notes. hyper stops at 16 KiB, Node counts them into its 16 KiB of headers.
pub const TRAILER_BYTES: usize = 16 * 1024;

/// The largest buffer that a profile may ask for.
pub const BODY_BYTES: u64 = 1024 * 1024 * 1024;

/// RFC 9112 section 2.2 asks for at least one; sloppy servers end a body with one CRLF too many.
pub const LEADING_EMPTY_LINES: usize = 4;

/// An ICAP server has one occasion to say 100; a second may be a slip. Go stops at 5 informational answers.
pub const INTERIM_ANSWERS: usize = 8;

/// The limits of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the encapsulated HTTP head: start line, fields, line ends, final empty line. Of the ICAP head: bytes of names
    /// and values that are kept; what is past them is cut.
    pub head_bytes: usize,
    /// Bytes of the ICAP head: status line, fields, line ends, final empty line.
    pub icap_head_bytes: usize,
    /// Lines of the ICAP head.
    pub icap_head_lines: usize,
    /// Fields in one HTTP head; in an ICAP head and in trailers further ones are cut.
    pub header_count: usize,
    /// Bytes of a field name.
    pub header_name_bytes: usize,
    /// Bytes of the line that starts a chunk: size, extensions, line end.
    pub chunk_line_bytes: usize,
    /// Hexadecimal digits of a chunk size, leading zeros included. More than 16 have no effect.
    pub chunk_size_digits: usize,
    /// Bytes of the trailers, their line ends and final empty line included.
    pub trailer_bytes: usize,
    /// Bytes of the decoded body.
    pub body_bytes: u64,
    /// Empty lines before a status line.
    pub leading_empty_lines: usize,
    /// Informational (1xx) answers before the final one.
    pub interim_responses: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: HEAD_BYTES,
            icap_head_bytes: ICAP_HEAD_BYTES,
            icap_head_lines: ICAP_HEAD_LINES,
            header_count: HEADER_COUNT,
            header_name_bytes: HEADER_NAME_BYTES,
            chunk_line_bytes: CHUNK_LINE_BYTES,
            chunk_size_digits: CHUNK_SIZE_DIGITS,
            trailer_bytes: TRAILER_BYTES,
            body_bytes: BODY_BYTES,
            leading_empty_lines: LEADING_EMPTY_LINES,
            interim_responses: INTERIM_ANSWERS,
        }
    }
}
