//! The peers of a measured Envoy. They do as little as they can, so that what is measured is Envoy's.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::support::payload::{assert_same_bytes, pattern};

/// What a peer reads and writes at once, in bytes.
pub(super) const PIECE: usize = 256 * 1024;

/// Reads to the end of a head, and gives what follows it.
pub(super) async fn after_head(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    loop {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0);
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            return read.split_off(end + 4);
        }
    }
}

/// An application: takes uploads of these lengths, and answers each once all of it is there. Each repeats a pattern of [`PIECE`] bytes.
pub(super) async fn application(listener: TcpListener, lengths: Vec<u64>, is_checked: bool) {
    let expected = pattern(2 * PIECE).slice(..PIECE).repeat(2);
    let mut buffer = vec![0; PIECE];
    for length in lengths {
        let (mut stream, _) = listener.accept().await.unwrap();
        let begun = after_head(&mut stream).await;
        let mut at = begun.len() as u64;
        assert_same_bytes("the beginning", &begun, &expected[..begun.len()]);
        while at < length {
            let len = stream.read(&mut buffer).await.unwrap();
            assert!(len > 0, "an upload ends after {at} bytes");
            if is_checked {
                let from = (at % PIECE as u64) as usize;
                assert_same_bytes("a part", &buffer[..len], &expected[from..from + len]);
            }
            at += len as u64;
        }
        let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    }
}

/// How fast a server gives back at most, in bytes a second; `None`: as fast as it can.
type Rate = Option<u64>;

/// An ICAP server for one upload a connection: gives its chunks back as they come.
pub(super) async fn echo(listener: TcpListener, given: watch::Sender<u64>, rate: Rate) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        give_back(stream, &given, rate).await;
    }
}

async fn give_back(mut stream: TcpStream, given: &watch::Sender<u64>, rate: Rate) {
    let mut http = after_head(&mut stream).await;
    let end = loop {
        if let Some(end) = http.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        assert!(stream.read_buf(&mut http).await.unwrap() > 0);
    };
    let icap = format!("ICAP/1.0 200 OK\r\nEncapsulated: req-hdr=0, req-body={end}\r\n\r\n");
    stream.write_all(icap.as_bytes()).await.unwrap();
    stream.write_all(&http).await.unwrap();
    let begun = Instant::now();
    let mut sent = 0;
    let mut buffer = vec![0; PIECE];
    loop {
        let len = stream.read(&mut buffer).await.unwrap_or_default();
        if len == 0 || stream.write_all(&buffer[..len]).await.is_err() {
            return;
        }
        sent += len as u64;
        given.send_modify(|given| *given += len as u64);
        if let Some(rate) = rate {
            sleep_until(begun + Duration::from_secs_f64(sent as f64 / rate as f64)).await;
        }
    }
}

/// In the place of an ICAP server: passes all of each connection on to another place.
pub(super) async fn relay(listener: TcpListener, to: SocketAddr, given: watch::Sender<u64>) {
    loop {
        let (from, _) = listener.accept().await.unwrap();
        let to = TcpStream::connect(to).await.unwrap();
        pass_on(from, to, &given).await;
    }
}

async fn pass_on(mut from: TcpStream, mut to: TcpStream, given: &watch::Sender<u64>) {
    let (mut incoming, mut back) = from.split();
    let (mut answers, mut outgoing) = to.split();
    let there = async {
        let mut buffer = vec![0; PIECE];
        loop {
            let len = incoming.read(&mut buffer).await.unwrap_or_default();
            if len == 0 || outgoing.write_all(&buffer[..len]).await.is_err() {
                return;
            }
            given.send_modify(|given| *given += len as u64);
        }
    };
    let and_back = tokio::io::copy(&mut answers, &mut back);
    tokio::select! { () = there => {}, _ = and_back => {} }
}

/// A client: uploads so many bytes over a connection of its own. `keep_near` is asked after each piece with what was sent by then.
pub(super) async fn upload(listener: SocketAddr, length: u64, mut keep_near: impl AsyncFnMut(u64)) {
    let mut stream = TcpStream::connect(listener).await.unwrap();
    let head =
        format!("POST /upload HTTP/1.1\r\nhost: app.test\r\ncontent-length: {length}\r\n\r\n");
    let piece = pattern(PIECE);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut sent = 0;
    while sent < length {
        stream.write_all(&piece).await.unwrap();
        sent += piece.len() as u64;
        keep_near(sent).await;
    }
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 200");
}
