//! Sending a body as a case wants it, the next part only when the one before has arrived.

use std::net::SocketAddr;

use bytes::Bytes;
use hyper::{Method, Request};

use crate::filters::gzip;
use crate::judge::PATIENCE;
use crate::outcome::{Delivery, Outcome, PREVIEW};
use crate::rows::{Effect, Row};
use crate::scanner::{Progress, Scanner};
use crate::support::client::{Body, Client, HttpResponse, Version, fed, request_with, sized};
use crate::traffic::{Traffic, of_clients};

/// What a body is sent through.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    /// The row.
    pub row: &'a Row,
    /// Its listener.
    pub listener: SocketAddr,
    /// The scanner.
    pub scanner: &'a Scanner,
    /// What Envoy has read.
    pub traffic: &'a Traffic,
}

/// The path of a case.
pub fn path(row: &Row, outcome: Outcome, delivery: Delivery) -> String {
    format!("/{}/request/{}/{delivery:?}", row.slug(), outcome.word())
}

/// The parts, compressed where the row wants that.
fn parts(row: &Row, outcome: Outcome) -> Vec<Bytes> {
    let parts = outcome.parts();
    if row.effect != Effect::Decompress {
        return parts;
    }
    let whole = gzip(&parts.concat());
    let mut start = 0;
    let mut packed = Vec::new();
    for part in &parts {
        let end = (start + part.len()).min(whole.len());
        packed.push(whole.slice(start..end));
        start = end;
    }
    packed.push(whole.slice(start..));
    packed
}

impl Way<'_> {
    fn request(&self, path: &str, length: Option<usize>, body: Body) -> Request<Body> {
        let mut fields: Vec<(&str, &str)> = self
            .row
            .fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        fields.push(("x-case", path));
        let length = length.map(|length| length.to_string());
        if let Some(length) = &length {
            fields.push(("content-length", length));
        }
        request_with(Method::POST, path, &fields, body)
    }

    /// Sends the body of a case, and waits for the answer. An error says what happened instead.
    pub async fn send(&self, outcome: Outcome, delivery: Delivery) -> Result<HttpResponse, String> {
        let path = path(self.row, outcome, delivery);
        let parts = parts(self.row, outcome);
        self.send_parts(&path, &parts, outcome, delivery).await
    }

    /// The same with parts and a path of the test's own.
    pub async fn send_parts(
        &self,
        path: &str,
        parts: &[Bytes],
        outcome: Outcome,
        delivery: Delivery,
    ) -> Result<HttpResponse, String> {
        let length = parts.iter().map(Bytes::len).sum();
        let version = match delivery {
            Delivery::Http2 => Version::Http2,
            _ => Version::Http1,
        };
        let client = Client::connect(self.listener, version).await;
        if delivery == Delivery::OnePiece {
            let request = self.request(path, None, sized(parts.concat()));
            return arrived(client.send_in_background(request).outcome()).await;
        }
        let read = of_clients(&self.row.slug());
        let before = self.traffic.now(&read).await;
        let (mut feed, body) = fed();
        let length = (delivery == Delivery::SlowLength).then_some(length);
        let pending = client.send_in_background(self.request(path, length, body));
        let mut sent = 0;
        let mut stalled = false;
        for (nth, part) in parts.iter().enumerate() {
            sent += part.len();
            if feed.send_data(part.clone()).await.is_err() {
                break;
            }
            if nth + 1 == parts.len() {
                break;
            }
            let taken = async {
                self.traffic.until(&read, before + sent as u64).await;
                if nth == 0 {
                    self.scanned(path, outcome, delivery, part.len()).await;
                }
                if outcome.streams() && !self.row.holds {
                    // What fits the buffer may wait; what streams is given back as it comes.
                    let far = |progress: &Progress| progress.decided || progress.seen >= sent;
                    let _ = self.scanner.follow(path).wait_for(far).await;
                }
            };
            stalled |= tokio::time::timeout(PATIENCE, taken).await.is_err();
        }
        drop(feed);
        let answer = arrived(pending.outcome()).await;
        if stalled && answer.as_ref().is_ok_and(|answer| answer.status == 200) {
            return Err("the next part had to be sent for the scan to go on".to_owned());
        }
        answer
    }

    /// Waits until the scanner has come as far as it can with the first part.
    async fn scanned(&self, path: &str, outcome: Outcome, delivery: Delivery, part: usize) {
        if self.row.holds {
            return;
        }
        let packed = matches!(self.row.effect, Effect::Compress | Effect::Decompress);
        let enough = if packed { PREVIEW } else { part };
        let far = |progress: &Progress| match outcome {
            Outcome::CleanPreview | Outcome::FailOpen => progress.decided,
            // Its length says at once that it is too long.
            Outcome::Over => delivery == Delivery::SlowLength || progress.seen >= PREVIEW,
            _ => progress.seen >= enough,
        };
        let _ = self.scanner.follow(path).wait_for(far).await;
    }
}

async fn arrived(
    answer: impl Future<Output = Result<HttpResponse, hyper::Error>>,
) -> Result<HttpResponse, String> {
    match tokio::time::timeout(PATIENCE * 2, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("no answer: {error}")),
        Err(_) => Err("hangs".to_owned()),
    }
}
