//! What an ICAP server of the tests does by itself, request after request.

use std::io::Result;

use tokio::io::AsyncWriteExt;

use super::icap_answers::{NO_CONTENT, request};
use super::icap_connection::Connection;
use super::icap_message::IcapRequest;

/// What a server does with every request.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// 204 after the preview; after the body where there is no preview.
    Allow,
    /// 100 after the preview, then 204 after the whole body.
    ContinueThenAllow,
    /// Reads the whole body and sends the request back unchanged with a 200.
    Echo,
    /// Reads the whole body, then sends these bytes.
    Answer(Vec<u8>),
    /// Reads the preview only (the body where there is no preview), then sends these bytes.
    AnswerPreview(Vec<u8>),
    /// Reads the preview only, sends these bytes, and closes with a FIN.
    AnswerPreviewThenClose(Vec<u8>),
    /// Reads the whole body, sends these bytes, and closes with a FIN.
    AnswerThenClose(Vec<u8>),
    /// Reads the whole body, sends these bytes, and closes with a RST.
    AnswerThenReset(Vec<u8>),
    /// Reads the whole body and never answers.
    Silence,
    /// Sends what the function makes of the preview, or else of the whole body. Not recorded, so that it can go on for long.
    Decide(Decide),
    /// [`Behaviour::Allow`] for requests, another for responses.
    Responses(Box<Behaviour>),
}

/// The answer to a request; `None` where the rest of the body is wanted first.
pub type Decide = fn(&IcapRequest) -> Option<Vec<u8>>;

impl Connection {
    /// Plays a behaviour until the connection ends.
    pub(super) async fn play(&mut self, behaviour: &std::sync::Mutex<Behaviour>) -> Result<()> {
        let counts = self.counts.clone();
        loop {
            let next = tokio::select! {
                next = self.next() => next?,
                () = counts.hang_up.notified() => None,
            };
            let Some(mut request) = next else {
                return Ok(());
            };
            let behaviour = match behaviour.lock().unwrap().clone() {
                Behaviour::Responses(of_responses) if request.method() == "RESPMOD" => {
                    *of_responses
                }
                Behaviour::Responses(_) => Behaviour::Allow,
                behaviour => behaviour,
            };
            if let Behaviour::Decide(decide) = behaviour {
                let answer = match decide(&request) {
                    Some(answer) if request.preview.is_some() || request.complete => answer,
                    _ => {
                        self.read_whole(&mut request).await?;
                        decide(&request).unwrap_or_default()
                    }
                };
                self.wire.source().write_all(&answer).await?;
                continue;
            }
            match behaviour {
                Behaviour::Allow
                | Behaviour::AnswerPreview(_)
                | Behaviour::AnswerPreviewThenClose(_) => {
                    if request.preview.is_none() {
                        self.read_rest(&mut request).await?;
                    }
                }
                _ => self.read_whole(&mut request).await?,
            }
            let answer = match &behaviour {
                Behaviour::Allow | Behaviour::ContinueThenAllow => NO_CONTENT.as_bytes().to_vec(),
                Behaviour::Echo => echo(&request),
                Behaviour::Answer(answer)
                | Behaviour::AnswerPreview(answer)
                | Behaviour::AnswerPreviewThenClose(answer)
                | Behaviour::AnswerThenClose(answer)
                | Behaviour::AnswerThenReset(answer) => answer.clone(),
                Behaviour::Silence | Behaviour::Decide(_) | Behaviour::Responses(_) => Vec::new(),
            };
            // Recorded first: who sees the answer finds the record. The test may have ended already.
            let _ = self.requests.send(request);
            self.wire.source().write_all(&answer).await?;
            match behaviour {
                Behaviour::AnswerThenClose(_) | Behaviour::AnswerPreviewThenClose(_) => {
                    return self.wire.source().shutdown().await;
                }
                Behaviour::AnswerThenReset(_) => return self.wire.source().set_zero_linger(),
                _ => {}
            }
        }
    }
}

/// The request sent back as it came.
pub fn echo(message: &IcapRequest) -> Vec<u8> {
    let head = message.http().raw.trim_end_matches("\r\n").to_owned();
    let body = message.has_body.then_some(message.body.as_slice());
    request("", &head, body)
}
