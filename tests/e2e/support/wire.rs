//! Reading HTTP and ICAP messages off a connection, with every byte counted.

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest head a test peer accepts.
const HEAD_LIMIT: usize = 256 * 1024;

/// A message head: its first line and its header fields in order, names as received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Request or status line.
    pub first_line: String,
    /// Name and value of each field.
    pub fields: Vec<(String, String)>,
    /// The head as it was on the wire, the empty line included.
    pub raw: String,
}

impl Head {
    /// Takes a whole head apart.
    pub fn parse(raw: &str) -> Self {
        let mut lines = raw.split("\r\n");
        let first_line = lines.next().unwrap_or_default().to_owned();
        let fields = lines
            .filter(|line| !line.is_empty())
            .map(|line| {
                let (name, value) = line
                    .split_once(':')
                    .unwrap_or_else(|| panic!("no header field: {line:?}"));
                (name.to_owned(), value.trim().to_owned())
            })
            .collect();
        Self {
            first_line,
            fields,
            raw: raw.to_owned(),
        }
    }

    /// The values of every field of that name, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
            .collect()
    }

    /// The value of the first field of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }
}

/// One chunk of a chunked body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Payload.
    Data(Vec<u8>),
    /// The last chunk, with its extension and the trailer fields.
    Last {
        /// What stood behind the `0;`, such as `ieof`.
        extension: String,
        /// Trailer fields.
        trailers: Vec<(String, String)>,
    },
}

/// The receiving side of a connection.
pub struct Wire<R> {
    source: R,
    buffer: BytesMut,
    received: Arc<AtomicU64>,
}

impl<R: AsyncRead + Unpin> Wire<R> {
    /// Reads from `source`, adding every byte to `received`.
    pub fn new(source: R, received: Arc<AtomicU64>) -> Self {
        Self {
            source,
            buffer: BytesMut::with_capacity(64 * 1024),
            received,
        }
    }

    /// The connection itself, to write to or to set options.
    pub fn source(&mut self) -> &mut R {
        &mut self.source
    }

    /// Reads what is there, at least one byte; `false` at the end.
    async fn fill(&mut self) -> Result<bool> {
        self.buffer.reserve(64 * 1024);
        let n = self.source.read_buf(&mut self.buffer).await?;
        self.received.fetch_add(n as u64, Ordering::SeqCst);
        Ok(n > 0)
    }

    async fn fill_or_fail(&mut self, what: &str) -> Result<()> {
        if self.fill().await? {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::UnexpectedEof,
            format!("connection ended in {what}"),
        ))
    }

    /// The next head with its empty line; `None` when the connection ends before its first byte.
    pub async fn head(&mut self) -> Result<Option<Head>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let raw = self.buffer.split_to(end + 4);
                return Ok(Some(Head::parse(&String::from_utf8_lossy(&raw))));
            }
            if self.buffer.len() > HEAD_LIMIT {
                return Err(Error::new(ErrorKind::InvalidData, "head too long"));
            }
            if self.buffer.is_empty() {
                if !self.fill().await? {
                    return Ok(None);
                }
            } else {
                self.fill_or_fail("a head").await?;
            }
        }
    }

    /// Exactly `n` bytes.
    pub async fn exactly(&mut self, n: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < n {
            self.fill_or_fail("a body of known length").await?;
        }
        Ok(self.buffer.split_to(n).to_vec())
    }

    async fn line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line = self.buffer.split_to(end);
                self.buffer.advance(2);
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            if self.buffer.len() > HEAD_LIMIT {
                return Err(Error::new(ErrorKind::InvalidData, "line too long"));
            }
            self.fill_or_fail("a chunk").await?;
        }
    }

    /// The next chunk of a chunked body.
    pub async fn chunk(&mut self) -> Result<Chunk> {
        let line = self.line().await?;
        let (size, extension) = line.split_once(';').unwrap_or((&line, ""));
        let size = usize::from_str_radix(size.trim(), 16)
            .map_err(|_| Error::new(ErrorKind::InvalidData, format!("chunk size {line:?}")))?;
        if size > 0 {
            let data = self.exactly(size).await?;
            if self.exactly(2).await? != b"\r\n" {
                return Err(Error::new(ErrorKind::InvalidData, "chunk without CRLF"));
            }
            return Ok(Chunk::Data(data));
        }
        let mut trailers = Vec::new();
        loop {
            let field = self.line().await?;
            match field.split_once(':') {
                Some((name, value)) => trailers.push((name.to_owned(), value.trim().to_owned())),
                None => break,
            }
        }
        Ok(Chunk::Last {
            extension: extension.trim().to_owned(),
            trailers,
        })
    }

    /// Whatever bytes come next; `None` at the end.
    pub async fn some(&mut self) -> Result<Option<Vec<u8>>> {
        if self.buffer.is_empty() && !self.fill().await? {
            return Ok(None);
        }
        Ok(Some(self.buffer.split().to_vec()))
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}
