//! One connection from Envoy, as the ICAP server sees it: every byte in and out.

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;

use super::icap_answers::CONTINUE;
use super::icap_message::{IcapRequest, Preview};
use super::icap_server::{Counts, OPTIONS, OptionsAnswer};
use super::wire::{Chunk, Head, Wire};
use super::within;

/// One connection from Envoy.
pub struct Connection {
    pub(super) wire: Wire<TcpStream>,
    pub(super) requests: UnboundedSender<IcapRequest>,
    pub(super) counts: Arc<Counts>,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        counts: Arc<Counts>,
        requests: UnboundedSender<IcapRequest>,
    ) -> Self {
        counts.accepted.fetch_add(1, Ordering::SeqCst);
        let open = counts.open.fetch_add(1, Ordering::SeqCst) + 1;
        counts.most_open.fetch_max(open, Ordering::SeqCst);
        let _ = stream.set_nodelay(true);
        Self {
            wire: Wire::new(stream, Arc::default()),
            requests,
            counts,
        }
    }

    /// Reads the next request: heads, and the preview where there is one. Fails the test when none comes.
    pub async fn request(&mut self) -> IcapRequest {
        within("an ICAP request", self.next())
            .await
            .unwrap()
            .expect("a request before the connection ends")
    }

    /// Reads the next request as [`Connection::request`] does; `None` when the connection ends instead.
    pub async fn next(&mut self) -> Result<Option<IcapRequest>> {
        loop {
            let Some(icap) = self.wire.head().await? else {
                return Ok(None);
            };
            let mut request = IcapRequest {
                icap,
                ..IcapRequest::default()
            };
            if request.method() == "OPTIONS" {
                let answer = {
                    let mut script = self.counts.options.lock().unwrap();
                    script.asked.push(request.icap);
                    script.answer.clone()
                };
                match answer.unwrap_or_else(|| OptionsAnswer::ok(OPTIONS)) {
                    OptionsAnswer::Bytes(bytes) => self.wire.source().write_all(&bytes).await?,
                    OptionsAnswer::Silence => {}
                    OptionsAnswer::Close => return Ok(None),
                }
                continue;
            }
            self.encapsulated_heads(&mut request).await?;
            if request.has_body && request.icap.get("preview").is_some() {
                let ieof = self.read_body(&mut request).await?;
                request.complete = ieof;
                request.preview = Some(Preview {
                    bytes: request.body.clone(),
                    ieof,
                });
            }
            return Ok(Some(request));
        }
    }

    async fn encapsulated_heads(&mut self, request: &mut IcapRequest) -> Result<()> {
        let parts = request.encapsulated();
        for (index, (name, offset)) in parts.iter().enumerate() {
            let end = parts.get(index + 1).map(|(_, next)| *next);
            match (name.as_str(), end) {
                ("req-hdr" | "res-hdr", Some(end)) => {
                    let raw = self.wire.exactly(end - offset).await?;
                    let raw = String::from_utf8_lossy(&raw).into_owned();
                    if raw.find("\r\n\r\n") != Some(raw.len().saturating_sub(4)) {
                        return Err(Error::new(
                            ErrorKind::InvalidData,
                            format!("{name} does not end at the next offset: {raw:?}"),
                        ));
                    }
                    let head = Some(Head::parse(&raw));
                    if name == "req-hdr" {
                        request.http = head;
                    } else {
                        request.http_response = head;
                    }
                }
                ("req-body" | "res-body", None) => request.has_body = true,
                ("null-body", None) => request.complete = true,
                _ => {
                    return Err(Error::new(
                        ErrorKind::InvalidData,
                        format!("Encapsulated: {parts:?}"),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Reads chunks up to a last one; says whether that carried `ieof`.
    async fn read_body(&mut self, request: &mut IcapRequest) -> Result<bool> {
        loop {
            match self.wire.chunk().await? {
                Chunk::Data(data) => {
                    request.chunks.push(data.len());
                    request.body.extend_from_slice(&data);
                }
                Chunk::Last {
                    extension,
                    trailers,
                } => {
                    request.trailers = trailers;
                    return Ok(extension == "ieof");
                }
            }
        }
    }

    /// Reads one chunk of the body beyond the preview into `request`. Fails the test when none comes.
    pub async fn chunk(&mut self, request: &mut IcapRequest) {
        match within("a chunk", self.wire.chunk()).await.unwrap() {
            Chunk::Data(data) => {
                request.chunks.push(data.len());
                request.body.extend_from_slice(&data);
            }
            Chunk::Last { .. } => request.complete = true,
        }
    }

    /// Reads the rest of the body into `request`, to the last chunk.
    pub async fn rest(&mut self, request: &mut IcapRequest) {
        within("the rest of the body", self.read_rest(request))
            .await
            .unwrap();
    }

    pub(super) async fn read_rest(&mut self, request: &mut IcapRequest) -> Result<()> {
        if !request.complete {
            self.read_body(request).await?;
            request.complete = true;
        }
        Ok(())
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire.source().write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends bytes; an error where the peer has closed.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.wire.source().write_all(bytes.as_ref()).await
    }

    /// Sends bytes one by one, each in a packet of its own as far as the kernel allows.
    pub async fn send_bytewise(&mut self, bytes: impl AsRef<[u8]>) {
        for byte in bytes.as_ref() {
            self.send([*byte]).await;
            tokio::task::yield_now().await;
        }
    }

    /// Says `100 Continue` where the body goes on, and reads it to its end.
    pub async fn take_whole(&mut self, request: &mut IcapRequest) {
        within("the whole body", self.read_whole(request))
            .await
            .unwrap();
    }

    pub(super) async fn read_whole(&mut self, request: &mut IcapRequest) -> Result<()> {
        if request.preview.is_some() && !request.complete {
            self.wire.source().write_all(CONTINUE.as_bytes()).await?;
        }
        self.read_rest(request).await
    }

    /// Reads the rest of the body; an error where the connection ends first.
    pub async fn try_rest(&mut self, request: &mut IcapRequest) -> Result<()> {
        within("the rest of the body", self.read_rest(request)).await
    }

    /// Fails the test if anything arrives, or the connection ends, within `time`.
    pub async fn stays_quiet(&mut self, time: Duration) {
        if let Ok(some) = tokio::time::timeout(time, self.wire.some()).await {
            panic!("expected nothing, got {some:?}");
        }
    }

    /// Waits for the peer to close, and returns what it still sent. A reset counts as a close.
    pub async fn closed(&mut self) -> Vec<u8> {
        within("the connection to be closed by the filter", async {
            let mut left = Vec::new();
            while let Ok(Some(bytes)) = self.wire.some().await {
                left.extend_from_slice(&bytes);
            }
            left
        })
        .await
    }

    /// Reads one chunk of the body into `request`; an error where the connection ends first.
    pub async fn try_chunk(&mut self, request: &mut IcapRequest) -> Result<()> {
        match self.wire.chunk().await? {
            Chunk::Data(data) => {
                request.chunks.push(data.len());
                request.body.extend_from_slice(&data);
            }
            Chunk::Last { .. } => request.complete = true,
        }
        Ok(())
    }

    /// Sends a FIN, and reads until the peer has closed, too.
    pub async fn part(&mut self) {
        // The peer may have closed first.
        let _ = self.wire.source().shutdown().await;
        while let Ok(Some(_)) = self.wire.some().await {}
    }

    /// Closes with a FIN.
    pub async fn close(mut self) {
        // The peer may have closed first.
        let _ = self.wire.source().shutdown().await;
    }

    /// Closes with a RST.
    pub fn reset(mut self) {
        self.wire.source().set_zero_linger().unwrap();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.counts.open.fetch_sub(1, Ordering::SeqCst);
    }
}
