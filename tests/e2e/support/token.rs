//! Requests that each carry a token of their own, and a server whose every answer carries it: an answer that reaches the
//! wrong request shows.

use hyper::Request;

use super::client::{Body, HttpResponse, post, sized};
use super::icap_answers::{NO_CONTENT, block_page, request};
use super::icap_message::IcapRequest;
use super::payload::pattern;
use super::wire::Head;

/// The header in which the server puts the token into a request, and the application into its answer.
const HEADER: &str = "x-verdict-token";

/// What the server is to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// 204.
    Pass,
    /// 200 with the request, changed to carry the token.
    Modify,
    /// 200 with a 403 page that carries the token.
    Block,
}

/// Every wish.
pub const WISHES: [Wish; 3] = [Wish::Pass, Wish::Modify, Wish::Block];

/// A request with its token and the wish at the start of its body.
#[derive(Clone, Debug)]
pub struct Tagged {
    wish: Wish,
    token: String,
    length: usize,
}

/// What a request ended in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As it was to.
    Right,
    /// 503: no verdict.
    Failed,
    /// Otherwise.
    Wrong,
}

impl Tagged {
    /// A request whose body has about `length` bytes.
    pub fn new(wish: Wish, token: String, length: usize) -> Self {
        Self {
            wish,
            token,
            length,
        }
    }

    /// The request to send.
    pub fn request(&self) -> Request<Body> {
        let mut body = format!("{:?} {}\n", self.wish, self.token).into_bytes();
        body.extend_from_slice(&pattern(self.length));
        post("/upload", sized(body))
    }

    /// What came of it.
    pub fn judge(&self, answer: &HttpResponse) -> Ending {
        let right = match self.wish {
            Wish::Pass => answer.status == 200 && answer.header(HEADER).is_none(),
            Wish::Modify => answer.status == 200 && answer.header(HEADER) == Some(&self.token),
            Wish::Block => answer.status == 403 && answer.text() == self.token,
        };
        match answer.status {
            _ if right => Ending::Right,
            503 => Ending::Failed,
            _ => Ending::Wrong,
        }
    }
}

/// The server's side: does as the body wishes, by its first line.
pub fn decide(message: &IcapRequest) -> Option<Vec<u8>> {
    let line = message.body.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let (wish, token) = line.split_once(' ')?;
    match wish {
        "Pass" => Some(NO_CONTENT.into()),
        "Block" => Some(block_page("", token)),
        // The whole body goes back, so that it is wanted first.
        _ if !message.complete => None,
        _ => {
            let head = message.http().raw.trim_end_matches("\r\n");
            let head = format!("{head}\r\n{HEADER}: {token}");
            Some(request("", &head, Some(&message.body)))
        }
    }
}

/// The application's side: the header line with the token that has reached it, and its CRLF.
pub fn returned(head: &Head) -> String {
    head.get(HEADER)
        .map(|token| format!("{HEADER}: {token}\r\n"))
        .unwrap_or_default()
}
