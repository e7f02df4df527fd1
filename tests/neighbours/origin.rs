//! An application whose answers the test feeds, part by part.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::support::wire::Wire;

/// How an answer is framed.
struct Script {
    head: String,
    chunked: bool,
    parts: UnboundedReceiver<Bytes>,
}

type Scripts = Arc<Mutex<HashMap<String, Script>>>;

/// The application.
pub struct Origin {
    address: SocketAddr,
    scripts: Scripts,
    _tasks: JoinSet<()>,
}

impl Origin {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scripts = Scripts::default();
        let shared = scripts.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let scripts = shared.clone();
                connections.spawn(async move {
                    // Envoy closes when it likes.
                    let _ = serve(stream, &scripts).await;
                });
            }
        });
        Self {
            address,
            scripts,
            _tasks: tasks,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next answer for that path: with these header lines, in chunks where there is no `length`. Dropping the sender ends it.
    pub fn answer(
        &self,
        path: &str,
        fields: &str,
        length: Option<usize>,
    ) -> UnboundedSender<Bytes> {
        let (sender, parts) = unbounded_channel();
        let framing = match length {
            Some(length) => format!("content-length: {length}"),
            None => "transfer-encoding: chunked".to_owned(),
        };
        let script = Script {
            head: format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{fields}{framing}\r\n\r\n"),
            chunked: length.is_none(),
            parts,
        };
        self.scripts.lock().unwrap().insert(path.to_owned(), script);
        sender
    }
}

async fn serve(stream: TcpStream, scripts: &Scripts) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (source, mut sink) = stream.into_split();
    let mut wire = Wire::new(source, Arc::default());
    while let Some(head) = wire.head().await? {
        let path = head.first_line.split(' ').nth(1).unwrap_or_default();
        let script = scripts.lock().unwrap().remove(path);
        let Some(mut script) = script else {
            return Ok(());
        };
        sink.write_all(script.head.as_bytes()).await?;
        while let Some(part) = script.parts.recv().await {
            if script.chunked {
                sink.write_all(format!("{:x}\r\n", part.len()).as_bytes())
                    .await?;
            }
            sink.write_all(&part).await?;
            if script.chunked {
                sink.write_all(b"\r\n").await?;
            }
        }
        if script.chunked {
            sink.write_all(b"0\r\n\r\n").await?;
        }
        sink.shutdown().await?;
    }
    Ok(())
}
