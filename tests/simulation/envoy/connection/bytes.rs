//! Bytes of the servers on their way to the filter.

use std::rc::Rc;

use icap_filter::icap::Direction;

use super::super::host::shown;
use super::super::vm::{About, ROOT};
use super::{Connection, State};
use crate::world::{End, Event, Sim};

/// Bytes of the prefix of a gRPC message.
const PREFIX: usize = 5;

impl Sim {
    /// The server sends bytes, in pieces, and perhaps ends the connection with the last.
    pub fn server_sends(&self, index: usize, bytes: &[u8], end: End) {
        let server = self.connection(index, |it| it.server);
        let (latency_us, split) = {
            let server = &self.plan.servers[server];
            (server.latency_us, server.split)
        };
        let split = match split {
            0 => bytes.len(),
            // An answer of many pieces is not more of a test than one of some.
            split => split.max(bytes.len() / 24),
        };
        self.connection(index, |it| it.sent += bytes.len() as u64);
        let mut pieces: Vec<&[u8]> = bytes.chunks(split.max(1)).collect();
        if pieces.is_empty() {
            pieces.push(&[]);
        }
        let last = pieces.len() - 1;
        for (n, piece) in pieces.into_iter().enumerate() {
            let end = if n == last { end } else { End::No };
            let now = self.now_us();
            let at = self.connection(index, |it| {
                let pause = if it.dice.one_in(3) {
                    it.dice.below(2_000)
                } else {
                    0
                };
                let pause = if n == 0 { 0 } else { pause };
                it.to_filter_us = it.to_filter_us.max(now + latency_us) + pause;
                it.to_filter_us
            });
            self.at(at, Event::ToFilter(index, piece.to_vec(), end));
        }
    }

    /// Bytes of the server come, and perhaps the end of the connection.
    pub fn filter_receives(self: &Rc<Self>, index: usize, bytes: Vec<u8>, end: End) {
        if !matches!(
            self.connection(index, |it| it.state),
            State::Established | State::Ending
        ) {
            return;
        }
        self.trace(|| {
            format!(
                "connection {index} brings {} and then {end:?}",
                shown(&bytes)
            )
        });
        let with_data = !bytes.is_empty() && end == End::Fin;
        if !bytes.is_empty() && end != End::Reset {
            self.bytes_come(index, bytes);
        }
        if end == End::No || self.has_failed() {
            return;
        }
        let (vm, token) = self.connection(index, |it| (it.vm, it.token));
        let cancelled = self.connection(index, |it| it.cancelled);
        self.end(index);
        if !cancelled {
            self.report_close(vm, token);
            if with_data && self.plan.envoy.release == crate::plan::Release::V1_36 {
                self.connection(index, |it| it.told = false);
                self.report_close(vm, token);
            }
        }
    }

    fn bytes_come(self: &Rc<Self>, index: usize, bytes: Vec<u8>) {
        let len = bytes.len();
        let (transport, context) = self.connection(index, |it| {
            it.chunk = bytes;
            (it.transport, it.context)
        });
        let about = About::Transport(index);
        self.callback(transport, context, about, |it| {
            it.on_body(context, Direction::Response, len, false)
        });
        let (vm, token) = self.connection(index, |it| {
            let chunk = std::mem::take(&mut it.chunk);
            it.framed.extend_from_slice(&chunk);
            if it.state == State::Established {
                it.delivered += len as u64;
            }
            (it.vm, it.token)
        });
        while let Some(len) = self.connection(index, Connection::next_message) {
            if self.connection(index, |it| it.cancelled) || self.has_failed() {
                return;
            }
            self.callback(vm, ROOT, About::Bytes(index), |it| {
                it.on_stream_message(ROOT, token, len)
            });
        }
    }
}

impl Connection {
    /// Makes the next whole message the one of the callback, and gives its length.
    fn next_message(&mut self) -> Option<usize> {
        let prefix = self.framed.get(..PREFIX)?;
        let len = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
        let message = self.framed.get(PREFIX..PREFIX + len)?.to_vec();
        self.framed.drain(..PREFIX + len);
        self.message = message;
        Some(len)
    }
}
