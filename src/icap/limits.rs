//! How much an ICAP server may make the filter hold or do. Past a limit the ICAP response is broken, never
//! "incomplete".

/// A head that Envoy accepts by default (60 KiB of header map) still fits, with its line ends, when a server echoes
/// it. Squid reads 64 KB, Node 16 KiB, Go 1 MiB.
pub const HEAD_BYTES: usize = 64 * 1024;

/// Past [`HEAD_BYTES`] and [`HEADER_COUNT`] the filter still reads the fields of an ICAP head, because a verdict may
/// be among them: a scanner lists every infected member of an archive, and a client may put thousands into one.
pub const ICAP_HEAD_BYTES: usize = 1024 * 1024;

/// The lines that four thousand members of an archive take in `X-Violations-Found`.
pub const ICAP_HEAD_LINES: usize = 16 * 1024;

/// How much the filter keeps of each field past the limits: enough for a verdict and the name of a threat.
pub const CUT_FIELD_BYTES: usize = 512;

/// Twice as many as Envoy, hyper and Apache httpd accept (100), so that an echo with the server's additions fits.
pub const HEADER_COUNT: usize = 256;

/// A client may choose long names and Envoy forwards them. Apache httpd stops a whole field at 8190.
pub const HEADER_NAME_BYTES: usize = 8 * 1024;

/// Room for a size, `use-original-body` and a signature in extensions. Go stops at 4096 too, hyper at 16 KiB of
/// extensions.
pub const CHUNK_LINE_BYTES: usize = 4 * 1024;

/// The hexadecimal digits of 64 bits. Go stops at 16 too, h11 at 20.
pub const CHUNK_SIZE_DIGITS: usize = 16;

/// Trailers carry digests and scan notes. hyper stops at 16 KiB; Node counts them into its 16 KiB of headers.
pub const TRAILER_BYTES: usize = 16 * 1024;

/// The largest buffer that a profile may ask for.
pub const BODY_BYTES: u64 = 1024 * 1024 * 1024;

/// RFC 9112 section 2.2 asks for at least one, because sloppy servers end a body with one CRLF too many.
pub const LEADING_EMPTY_LINES: usize = 4;

/// An ICAP server has one occasion to send `100 Continue`; a second may be a slip. Go stops at 5 informational
/// responses.
pub const INTERIM_RESPONSES: usize = 8;

/// The limits of one ICAP response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the encapsulated HTTP head: start line, fields, line ends, final empty line. For the ICAP head: bytes
    /// of names and values that the filter keeps; it cuts what goes past.
    pub head_bytes: usize,
    /// Bytes of the ICAP head: status line, fields, line ends, final empty line.
    pub icap_head_bytes: usize,
    /// Lines of the ICAP head.
    pub icap_head_lines: usize,
    /// Fields in one HTTP head. In an ICAP head and in trailers the filter drops further ones.
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
    /// Informational (1xx) responses before the final one.
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
            interim_responses: INTERIM_RESPONSES,
        }
    }
}
