//! Reads `Content-Encoding`.

/// A coding that the module can decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `gzip`, `x-gzip`.
    Gzip,
    /// `deflate`.
    Deflate,
    /// `zstd`.
    Zstd,
}

/// What the `Content-Encoding` fields say of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Said {
    /// The content is not coded.
    Plain,
    /// The content is coded once, in a coding that the module can decode.
    Coded(Coding),
    /// The content is coded in another way, or more than once.
    Other,
}

impl Said {
    /// Reads the values of all `Content-Encoding` fields, joined with commas. `aws-chunked` is framing and does not
    /// count.
    pub fn by(value: &[u8]) -> Self {
        let codings = value.split(|b| *b == b',').map(<[u8]>::trim_ascii);
        let mut codings = codings.filter(|coding| {
            ![&b""[..], b"identity", b"aws-chunked"]
                .iter()
                .any(|plain| coding.eq_ignore_ascii_case(plain))
        });
        let Some(first) = codings.next() else {
            return Self::Plain;
        };
        match (Coding::named(first), codings.next()) {
            (Some(coding), None) => Self::Coded(coding),
            _ => Self::Other,
        }
    }
}

impl Coding {
    fn named(name: &[u8]) -> Option<Self> {
        [
            (&b"gzip"[..], Self::Gzip),
            (b"x-gzip", Self::Gzip),
            (b"deflate", Self::Deflate),
            (b"zstd", Self::Zstd),
        ]
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, coding)| coding)
    }
}
