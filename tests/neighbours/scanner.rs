//! The ICAP server of the matrix. The path of a request says what becomes of it; what the server has seen and done is told
//! to whoever sends the body.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::filters::{gunzip, gzip};
use crate::outcome::{BREAK, FOUND, Outcome, changed};
use crate::support::icap_answers::{CONTINUE, NO_CONTENT_CLOSE, chunked};
use crate::support::icap_message::IcapRequest;
use crate::support::icap_server::{Connection, IcapServer};

/// The service of the other filter of ours: 204 after the body.
pub const OTHER_AT_END: &str = "/other-at-end";
/// The same, on the preview.
pub const OTHER_ON_PREVIEW: &str = "/other-on-preview";
/// A path with this word is read to its end, and never answered.
pub const SILENT: &str = "silent";
/// The second word of paths to which forms are sent.
pub const FORM: &str = "form";
/// The file that is changed in them.
pub const CHANGED_FILE: &str = "changed.bin";
/// What a page says.
pub const PAGE: &str = "blocked by the scanner\n";

/// How far a case is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Bytes of the body that the scanner has seen.
    pub seen: usize,
    /// Whether the scanner has decided and the filter knows: it has closed the connection.
    pub decided: bool,
}

type Board = Arc<Mutex<HashMap<String, watch::Sender<Progress>>>>;

/// The server.
pub struct Scanner {
    server: IcapServer,
    board: Board,
}

impl Scanner {
    /// Starts it.
    pub async fn start() -> Self {
        let server = IcapServer::listen().await;
        let board = Board::default();
        let shared = board.clone();
        server
            .play(move |connection| serve(connection, shared.clone()))
            .await;
        Self { server, board }
    }

    /// Where it listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// The progress of the case with that path.
    pub fn follow(&self, path: &str) -> watch::Receiver<Progress> {
        sender(&self.board, path).subscribe()
    }
}

fn sender(board: &Board, path: &str) -> watch::Sender<Progress> {
    board
        .lock()
        .unwrap()
        .entry(path.to_owned())
        .or_default()
        .clone()
}

async fn serve(mut connection: Connection, board: Board) {
    // Envoy closes when it likes.
    while let Ok(Some(mut request)) = connection.next().await {
        let response = request.method() == "RESPMOD";
        let path = path_of(&request);
        let other = [OTHER_AT_END, OTHER_ON_PREVIEW]
            .into_iter()
            .find(|service| request.icap.first_line.contains(service));
        let outcome = match other {
            Some(OTHER_ON_PREVIEW) => Outcome::CleanPreview,
            Some(_) => Outcome::Clean,
            None if path.split('/').nth(2) == Some(FORM) => outcome_in_form(&request),
            None => outcome_of(&path, response),
        };
        let progress = match other {
            Some(_) => watch::Sender::default(),
            None => sender(&board, &path),
        };
        if play(&mut connection, &mut request, outcome, response, &progress)
            .await
            .is_err()
        {
            connection.part().await;
        }
        progress.send_modify(|progress| progress.decided = true);
    }
}

fn path_of(request: &IcapRequest) -> String {
    let line = &request.http().first_line;
    let target = line.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    path.to_owned()
}

fn outcome_in_form(request: &IcapRequest) -> Outcome {
    match request.http().get("content-disposition") {
        Some(value) if value.contains(CHANGED_FILE) => Outcome::Changed,
        _ => Outcome::Clean,
    }
}

/// `/ROW/DIRECTION/OUTCOME/DELIVERY`; what is not about this direction passes.
fn outcome_of(path: &str, response: bool) -> Outcome {
    let mut words = path.split('/').skip(2);
    let direction = if response { "response" } else { "request" };
    match (words.next(), words.next()) {
        (Some(found), Some(word)) if found == direction => {
            Outcome::of(word).unwrap_or(Outcome::Clean)
        }
        _ => Outcome::Clean,
    }
}

/// Plays it. The peer has closed when this returns without an error.
async fn play(
    connection: &mut Connection,
    request: &mut IcapRequest,
    outcome: Outcome,
    response: bool,
    progress: &watch::Sender<Progress>,
) -> std::io::Result<()> {
    let see = |request: &IcapRequest| {
        let seen = request.body.len();
        progress.send_modify(|progress| progress.seen = progress.seen.max(seen));
    };
    see(request);
    if outcome.streams() {
        give_back(connection, request, outcome, see).await?;
        connection.next().await?;
        return Ok(());
    }
    if outcome != Outcome::CleanPreview || request.preview.is_none() {
        if request.preview.is_some() && !request.complete {
            connection.try_send(CONTINUE).await?;
        }
        while !request.complete {
            if outcome == Outcome::FailOpen && request.body.len() >= BREAK {
                break;
            }
            connection.try_chunk(request).await?;
            see(request);
        }
    }
    if path_of(request).contains(SILENT) {
        connection.next().await?;
        return Ok(());
    }
    let answer = match outcome {
        Outcome::FailOpen => Vec::new(),
        Outcome::Clean | Outcome::CleanPreview | Outcome::Over => NO_CONTENT_CLOSE.into(),
        Outcome::Changed => change(request, response),
        Outcome::Blocked | Outcome::Streamed | Outcome::StreamBlocked => page(),
    };
    connection.try_send(answer).await?;
    if outcome == Outcome::FailOpen {
        connection.part().await;
    } else {
        // The filter closes once it has read the answer.
        connection.next().await?;
    }
    Ok(())
}

/// Gives the body back while it comes.
async fn give_back(
    connection: &mut Connection,
    request: &mut IcapRequest,
    outcome: Outcome,
    see: impl Fn(&IcapRequest),
) -> std::io::Result<()> {
    if request.preview.is_some() && !request.complete {
        connection.try_send(CONTINUE).await?;
    }
    let head = request.http().raw.clone();
    let icap = format!(
        "ICAP/1.0 200 OK\r\nISTag: \"n-1\"\r\nConnection: close\r\nEncapsulated: req-hdr=0, req-body={}\r\n\r\n{head}",
        head.len()
    );
    connection.try_send(icap).await?;
    let mut given = 0;
    loop {
        let new = &request.body[given..];
        if !new.is_empty() {
            let mut chunk = chunked(new);
            chunk.truncate(chunk.len() - b"0\r\n\r\n".len());
            connection.try_send(chunk).await?;
            given = request.body.len();
            see(request);
        }
        if outcome == Outcome::StreamBlocked && given >= FOUND {
            return connection.try_send("0\r\nX-Virus-ID: late\r\n\r\n").await;
        }
        if request.complete {
            return connection.try_send("0\r\n\r\n").await;
        }
        connection.try_chunk(request).await?;
    }
}

/// The message with another body; compressed, where the original is.
fn change(request: &IcapRequest, response: bool) -> Vec<u8> {
    let body = if gunzip(&request.body).is_some() {
        gzip(&changed())
    } else {
        changed()
    };
    let (kind, head) = if response {
        ("res", request.http_response.as_ref().unwrap())
    } else {
        ("req", request.http())
    };
    let lines = head.raw.split("\r\n").filter(|line| !line.is_empty());
    let mut lines: Vec<String> = lines
        .filter(|line| !line.to_ascii_lowercase().starts_with("content-length:"))
        .map(str::to_owned)
        .collect();
    lines.push(format!("Content-Length: {}", body.len()));
    answer(kind, &lines.join("\r\n"), &body)
}

fn page() -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: {}",
        PAGE.len()
    );
    answer("res", &head, PAGE.as_bytes())
}

fn answer(kind: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("{head}\r\n\r\n");
    let mut answer = format!(
        "ICAP/1.0 200 OK\r\nISTag: \"n-1\"\r\nConnection: close\r\nEncapsulated: {kind}-hdr=0, {kind}-body={}\r\n\r\n{head}",
        head.len()
    )
    .into_bytes();
    answer.extend_from_slice(&chunked(body));
    answer
}
