//! Host calls about an HTTP message: what they do, and where they are undefined and fail the run.

use std::rc::Rc;

use icap_filter::host::{BodyEdit, HostError, HostResult, LocalResponse, STREAM_FIELD};
use icap_filter::icap::Direction;

use super::Fields;
use super::host::refused;
use super::message::HeldMessage;
use super::vm::{About, PutOff, Reply, Role, Target};
use crate::world::Sim;

/// Where the filter may reach a body.
enum Reach {
    /// In the running callback's own chunk.
    Chunk,
    /// In Envoy's buffer, from the message's own callback.
    OwnBuffer,
    /// In Envoy's buffer, from elsewhere.
    Buffer,
    /// There is none.
    Nothing,
    /// What would be reached is not the buffer.
    Undefined(&'static str),
}

impl Sim {
    /// The configuration of a VM.
    pub fn configuration(&self, vm: usize) -> Vec<u8> {
        match self.vms.borrow()[vm].role {
            Role::Filter if self.effective(vm).0 == Target::GateRoot => {
                br#"{"role": "gate"}"#.to_vec()
            }
            Role::Filter => self.plan.profile.json().into_bytes(),
            Role::Transport => br#"{"role": "transport"}"#.to_vec(),
        }
    }

    /// Whether a call is to fail, by a fault of the plan.
    fn host_fails(&self, vm: usize) -> bool {
        let fails =
            self.vms.borrow()[vm].role == Role::Filter && self.dice.one_in(self.plan.faults.host);
        if fails && let (Target::Message(message), _) = self.effective(vm) {
            self.host_faults.set(self.host_faults.get() + 1);
            self.message(message, |it| it.host_fault = true);
            return true;
        }
        false
    }

    /// The header fields that can be reached.
    pub fn headers(&self, vm: usize, of: Direction) -> HostResult<Fields> {
        let missing = || refused("get_header_map_pairs", HostError::BAD_ARGUMENT);
        match self.effective(vm) {
            (Target::Root | Target::GateRoot | Target::Gate(_), _) => missing(),
            (Target::Message(_), _) if self.host_fails(vm) => missing(),
            (Target::Message(message), _) => self.message(message, |it| {
                let held_message = it.held_message(of);
                match held_message.begun && !held_message.headers_gone {
                    true => Ok(held_message.headers.clone()),
                    false => missing(),
                }
            }),
            (Target::Connection(connection), _) => Ok(match of {
                Direction::Request => vec![(STREAM_FIELD.as_bytes().to_vec(), b"1".to_vec())],
                Direction::Response => self.connections.borrow()[connection].metadata.clone(),
            }),
        }
    }

    /// Changes header fields.
    pub fn edit_headers(
        &self,
        vm: usize,
        of: Direction,
        edit: impl FnOnce(&mut Fields),
    ) -> HostResult {
        let call = "set_header_map_pairs";
        match self.effective(vm) {
            (Target::Root | Target::GateRoot | Target::Gate(_), _) => {
                refused(call, HostError::BAD_ARGUMENT)
            }
            (Target::Message(_), _) if self.host_fails(vm) => {
                refused(call, HostError::INTERNAL_FAILURE)
            }
            (Target::Message(message), alive) => self.message(message, |it| {
                let held_message = it.held_message(of);
                if !alive {
                    return Ok(());
                }
                if !held_message.begun || held_message.headers_gone {
                    return refused(call, HostError::BAD_ARGUMENT);
                }
                edit(&mut held_message.headers);
                Ok(())
            }),
            (Target::Connection(connection), _) => {
                edit(&mut self.connections.borrow_mut()[connection].metadata);
                Ok(())
            }
        }
    }

    /// The trailer fields that can be reached.
    pub fn trailers(&self, vm: usize, of: Direction) -> HostResult<Fields> {
        let missing = || refused("get_header_map_pairs", HostError::BAD_ARGUMENT);
        match self.effective(vm) {
            (Target::Message(_), _) if self.host_fails(vm) => missing(),
            (Target::Message(message), _) => self.message(message, |it| {
                let held_message = it.held_message(of);
                match &held_message.trailers {
                    Some(trailers) if !held_message.done => Ok(trailers.clone()),
                    _ => missing(),
                }
            }),
            (Target::Root | Target::GateRoot | Target::Gate(_) | Target::Connection(_), _) => {
                missing()
            }
        }
    }

    /// Changes trailer fields.
    pub fn edit_trailers(
        &self,
        vm: usize,
        of: Direction,
        call: &'static str,
        edit: impl FnOnce(&mut Fields),
    ) -> HostResult {
        let missing = || refused(call, HostError::BAD_ARGUMENT);
        match self.effective(vm) {
            (Target::Message(_), _) if self.host_fails(vm) => missing(),
            (Target::Message(message), _) => self.message(message, |it| {
                let held_message = it.held_message(of);
                match &mut held_message.trailers {
                    Some(trailers) if !held_message.done => {
                        edit(trailers);
                        Ok(())
                    }
                    _ => missing(),
                }
            }),
            (Target::Root | Target::GateRoot | Target::Gate(_) | Target::Connection(_), _) => {
                missing()
            }
        }
    }

    fn reach(&self, message: usize, of: Direction) -> Reach {
        let own = match self.running().map(|frame| frame.about) {
            Some(About::Message(running, direction)) => running == message && direction == of,
            _ => false,
        };
        self.message(message, |it| {
            if !it.is_open() {
                return Reach::Nothing;
            }
            let held_message = it.held_message(of);
            match held_message {
                HeldMessage { chunk: Some(_), .. } if own => Reach::Chunk,
                // What holds the body whenever it comes may put more into the buffer.
                HeldMessage {
                    resumed: true,
                    buffering: true,
                    done: false,
                    ..
                } if self.plan.is_call(&self.plan.messages[message], of) => Reach::Buffer,
                HeldMessage { resumed: true, .. } => {
                    Reach::Undefined("a body is touched after its message was let go")
                }
                HeldMessage { done: true, .. } => Reach::Nothing,
                HeldMessage {
                    buffering: true, ..
                } if own => Reach::OwnBuffer,
                HeldMessage {
                    buffering: true, ..
                } => Reach::Buffer,
                HeldMessage {
                    hidden: true,
                    headers_sent: false,
                    ..
                } => Reach::Undefined("a body is touched that is held out of reach"),
                _ => Reach::Nothing,
            }
        })
    }

    /// Bytes of a body.
    pub fn read_body(
        &self,
        vm: usize,
        of: Direction,
        start: usize,
        len: usize,
    ) -> HostResult<Vec<u8>> {
        let part = |body: &[u8]| {
            let end = start.saturating_add(len).min(body.len());
            match body.get(start..end) {
                Some(part) => Ok(part.to_vec()),
                None => refused("get_buffer_bytes", HostError::BAD_ARGUMENT),
            }
        };
        let (target, _) = self.effective(vm);
        if let Some(chunk) = self.at_gate(target) {
            return part(&chunk);
        }
        match self.effective(vm) {
            (Target::Root | Target::GateRoot | Target::Gate(_), _) => {
                refused("get_buffer_bytes", HostError::NOT_FOUND)
            }
            (Target::Connection(connection), _) => {
                part(&self.connections.borrow()[connection].chunk)
            }
            (Target::Message(_), false) => Ok(Vec::new()),
            (Target::Message(_), _) if self.host_fails(vm) => {
                refused("get_buffer_bytes", HostError::INTERNAL_FAILURE)
            }
            (Target::Message(message), true) => match self.reach(message, of) {
                Reach::Chunk => self.message(message, |it| {
                    part(it.held_message(of).chunk.as_deref().unwrap_or_default())
                }),
                Reach::OwnBuffer | Reach::Buffer => {
                    self.message(message, |it| part(&it.held_message(of).buffer))
                }
                Reach::Nothing => Ok(Vec::new()),
                Reach::Undefined(why) => {
                    self.fail(why);
                    Ok(Vec::new())
                }
            },
        }
    }

    /// Changes a body.
    pub fn edit_body(self: &Rc<Self>, vm: usize, of: Direction, edit: BodyEdit<'_>) -> HostResult {
        let call = "set_buffer_bytes";
        let message = match self.effective(vm) {
            (Target::Root | Target::GateRoot | Target::Gate(_), _) => {
                return refused(call, HostError::BAD_ARGUMENT);
            }
            (Target::Connection(connection), _) => {
                change(&mut self.connections.borrow_mut()[connection].chunk, edit);
                return Ok(());
            }
            (Target::Message(_), false) => return Ok(()),
            (Target::Message(message), true) => message,
        };
        if self.host_fails(vm) {
            return refused(call, HostError::INTERNAL_FAILURE);
        }
        let limit = self.plan.envoy.buffer_limit;
        let grows = !matches!(edit, BodyEdit::DrainFront(_) | BodyEdit::Replace([]));
        match self.reach(message, of) {
            Reach::Nothing => refused(call, HostError::BAD_ARGUMENT),
            Reach::Undefined(why) => {
                self.fail(why);
                Ok(())
            }
            Reach::Chunk => self.message(message, |it| {
                let held_message = it.held_message(of);
                let chunk = held_message.chunk.get_or_insert_default();
                change(chunk, edit);
                held_message.too_large |= grows && chunk.len() > limit && !held_message.from_gate;
                Ok(())
            }),
            Reach::OwnBuffer => self.message(message, |it| {
                let held_message = it.held_message(of);
                change(&mut held_message.buffer, edit);
                held_message.too_large |= grows && held_message.buffer.len() > limit;
                Ok(())
            }),
            Reach::Buffer => {
                let over = self.message(message, |it| {
                    let held_message = it.held_message(of);
                    change(&mut held_message.buffer, edit);
                    grows && held_message.buffer.len() > limit
                });
                if over {
                    // Envoy answers within this call, which succeeds.
                    self.too_large(message, of);
                }
                Ok(())
            }
        }
    }

    /// Lets a message go on when the callback has returned.
    pub fn resume(&self, vm: usize, of: Direction) -> HostResult {
        match self.effective(vm) {
            (Target::Gate(message), _) => {
                self.vms.borrow_mut()[vm].put_off(PutOff::OpenGate(message));
                Ok(())
            }
            (Target::Message(message), alive) => {
                let twice = alive
                    && self.message(message, |it| {
                        let held_message = it.held_message(of);
                        held_message.headers_gone = true;
                        let was_resumed = std::mem::replace(&mut held_message.resumed, true);
                        let goes_on_again = held_message.buffering
                            && !held_message.done
                            && self.plan.is_call(&self.plan.messages[message], of);
                        was_resumed && !goes_on_again
                    });
                if twice {
                    self.fail(format!("m{message} {of:?} is let go twice"));
                }
                self.vms.borrow_mut()[vm].put_off(PutOff::Resume(message, of));
                Ok(())
            }
            _ => refused("continue_stream", HostError::BAD_ARGUMENT),
        }
    }

    /// Answers the client when the callback has returned.
    pub fn respond(&self, vm: usize, response: &LocalResponse<'_>) -> HostResult {
        let put_off = match self.effective(vm) {
            (Target::Root | Target::GateRoot | Target::Gate(_), _) => {
                return refused("send_local_response", HostError::BAD_ARGUMENT);
            }
            (Target::Connection(connection), _) => PutOff::EndConnection(connection),
            (Target::Message(message), _) => {
                let frames = self.frames.borrow();
                let foreign = frames.iter().find_map(|frame| match frame.about {
                    About::Gate(running) if frame.vm == vm => Some(running),
                    About::Message(running, _) if running != message && frame.vm == vm => {
                        Some(running)
                    }
                    _ => None,
                });
                if let Some(running) = foreign {
                    drop(frames);
                    self.fail(format!(
                        "m{message} is answered in a callback of m{running}, which loses a part of its body or hangs"
                    ));
                    return Ok(());
                }
                PutOff::Reply(
                    message,
                    Reply {
                        status: response.status,
                        details: response.details.to_owned(),
                        fields: owned(response.fields),
                        body: response.body.to_vec(),
                    },
                )
            }
        };
        self.vms.borrow_mut()[vm].put_off(put_off);
        Ok(())
    }

    /// A property.
    pub fn property(&self, vm: usize, path: &[&str]) -> HostResult<Option<Vec<u8>>> {
        let (target, _) = self.effective(vm);
        if let Target::Connection(connection) = target {
            let peer = self.connections.borrow()[connection].peer();
            return Ok((path == ["upstream", "address"]).then(|| peer.into_bytes()));
        }
        let Target::Message(message) = target else {
            return Ok(None);
        };
        if let ["icap_gate_request"] = path {
            return Ok(self.message(message, |it| it.gate_told.clone()));
        }
        if self.host_fails(vm) {
            return refused("get_property", HostError::INTERNAL_FAILURE);
        }
        Ok(match path {
            ["source", "address"] => Some(b"10.1.2.3:40000".to_vec()),
            ["destination", "address"] => Some(b"10.9.9.9:443".to_vec()),
            ["upstream", "address"] => self
                .message(message, |it| it.request.headers_sent)
                .then(|| b"10.2.2.2:80".to_vec()),
            ["source", "port"] => Some(40_000_i64.to_le_bytes().to_vec()),
            ["destination", "port"] => Some(443_i64.to_le_bytes().to_vec()),
            ["response", "code_details"] => {
                let details = self.message(message, |it| it.details.clone());
                (!details.is_empty()).then(|| details.into_bytes())
            }
            ["request", "total_size"] => Some(self.message(message, |it| {
                let head = it.request.headers.iter();
                let head: usize = head.map(|(name, value)| name.len() + value.len()).sum();
                (head as u64 + it.upload_bytes).to_le_bytes().to_vec()
            })),
            ["xds", "route_metadata"] => self.plan.messages[message].route.metadata(),
            _ => None,
        })
    }

    /// Sets a property for the access log.
    pub fn set_property(&self, vm: usize, name: &str, value: &[u8]) -> HostResult {
        if let (Target::Gate(message), _) = self.effective(vm) {
            self.message(message, |it| it.gate_told = Some(value.to_vec()));
            return Ok(());
        }
        let (Target::Message(message), _) = self.effective(vm) else {
            return refused("set_property", HostError::BAD_ARGUMENT);
        };
        if self.host_fails(vm) {
            return refused("set_property", HostError::INTERNAL_FAILURE);
        }
        self.message(message, |it| {
            it.properties.insert(name.to_owned(), value.to_vec());
        });
        Ok(())
    }
}

/// Fields that the module has set.
pub fn owned(fields: &icap_filter::host::Fields) -> Fields {
    let owned = |(name, value): (&[u8], &[u8])| (name.to_vec(), value.to_vec());
    fields.iter().map(owned).collect()
}

/// Changes a buffer as Envoy does.
fn change(buffer: &mut Vec<u8>, edit: BodyEdit<'_>) {
    match edit {
        BodyEdit::DrainFront(len) => {
            buffer.drain(..len.min(buffer.len()));
        }
        BodyEdit::Prepend(bytes) => {
            buffer.splice(0..0, bytes.iter().copied());
        }
        BodyEdit::Append(bytes) => buffer.extend_from_slice(bytes),
        BodyEdit::Replace(bytes) => {
            buffer.clear();
            buffer.extend_from_slice(bytes);
        }
    }
}
