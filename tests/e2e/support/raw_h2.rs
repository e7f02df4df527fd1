//! HTTP/2 requests whose header fields no library would send (RFC 9113, RFC 7541).

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend_from_slice(&[kind, flags, 0, 0, 0, stream]);
    frame.extend_from_slice(payload);
    frame
}

/// A string shorter than 127 bytes, without Huffman coding.
fn string(text: &[u8], out: &mut Vec<u8>) {
    assert!(text.len() < 127);
    out.push(text.len() as u8);
    out.extend_from_slice(text);
}

/// Sends one request with these fields, and `body` in a DATA frame; waits until its stream ends in some way.
pub async fn send_bytes(to: SocketAddr, fields: &[(&str, &[u8])], body: Option<&[u8]>) {
    let mut block = Vec::new();
    for (name, value) in fields {
        // A literal that is not indexed, with a new name.
        block.push(0);
        string(name.as_bytes(), &mut block);
        string(value, &mut block);
    }
    let ends = if body.is_none() { END_STREAM } else { 0 };
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(frame(HEADERS, END_HEADERS | ends, 1, &block));
    if let Some(body) = body {
        bytes.extend(frame(DATA, END_STREAM, 1, body));
    }
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    within("the end of an HTTP/2 stream", async {
        loop {
            let mut head = [0; 9];
            if stream.read_exact(&mut head).await.is_err() {
                return;
            }
            let length =
                usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let mut payload = vec![0; length];
            if stream.read_exact(&mut payload).await.is_err() {
                return;
            }
            let (kind, flags, id) = (head[3], head[4], head[8]);
            let ended = matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0;
            if kind == GOAWAY || id == 1 && (ended || kind == RST_STREAM) {
                return;
            }
        }
    })
    .await;
}

/// The same with text.
pub async fn send(to: SocketAddr, fields: &[(&str, &str)], body: Option<&[u8]>) {
    let fields: Vec<(&str, &[u8])> = fields.iter().map(|(n, v)| (*n, v.as_bytes())).collect();
    send_bytes(to, &fields, body).await;
}
