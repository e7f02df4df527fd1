//! gRPC streams of the filter to the ICAP clusters, each through the transport role to a TCP connection.

mod bytes;

use std::rc::Rc;

use icap_filter::host::{HostError, HostResult};
use icap_filter::icap::Direction;

use super::Fields;
use super::host::refused;
use super::vm::{About, PutOff, ROOT, Target};
use crate::random::Dice;
use crate::world::{Event, Sim};

/// A stream, and the connection behind it.
#[derive(Debug)]
pub struct Connection {
    /// The filter's VM, and its name for the stream.
    vm: usize,
    pub token: u32,
    transport: usize,
    context: u32,
    cluster: usize,
    /// The server at the other end, by its place in the plan.
    pub server: usize,
    state: State,
    /// The filter wants to hear nothing more of it.
    cancelled: bool,
    /// The filter was told that it is closed.
    told: bool,
    /// Messages that wait until it is established.
    unsent: Vec<u8>,
    /// What the running callback of the transport role is about.
    pub chunk: Vec<u8>,
    /// The headers of the answer to the filter.
    pub metadata: Fields,
    /// Bytes on their way to the filter, framed.
    framed: Vec<u8>,
    /// The message of the running callback of the filter.
    message: Vec<u8>,
    /// When the last bytes will be there: none overtake others.
    to_server_us: u64,
    to_filter_us: u64,
    /// Bytes that the server has sent, and that the filter has got.
    pub sent: u64,
    pub delivered: u64,
    /// What the server has sent from here on belongs to no answer.
    pub tainted_from: Option<u64>,
    pub dice: Dice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Connecting,
    Established,
    /// The transport role has asked for its end.
    Ending,
    Closed,
}

impl Connection {
    /// The address of the server.
    pub fn peer(&self) -> String {
        format!("10.0.0.{}:1344", self.server + 1)
    }
}

/// The clusters, by their names.
const CLUSTERS: [&str; 2] = ["icap", "icap_responses"];

impl Sim {
    /// Opens a stream.
    pub fn open_stream(self: &Rc<Self>, vm: usize, cluster: &str) -> HostResult<u32> {
        let call = "grpc_stream";
        let Some(cluster) = CLUSTERS.iter().position(|known| *known == cluster) else {
            self.fail(format!("a stream to {cluster}, which is no cluster"));
            return refused(call, HostError::NOT_FOUND);
        };
        let token = self.vms.borrow_mut()[vm].next_token();
        let Some(server) = self.choose_server(cluster) else {
            // Envoy reports within this call what it failed with, and its close after the callback.
            self.callback(vm, ROOT, About::Root, |it| it.on_stream_open(ROOT, token));
            self.vms.borrow_mut()[vm].put_off(PutOff::ReportClose { vm, token });
            return refused(call, HostError::INTERNAL_FAILURE);
        };
        let index = self.connections.borrow().len();
        let transport = self.transport_beside(vm);
        self.connections.borrow_mut().push(Connection {
            vm,
            token,
            transport,
            context: 0,
            cluster,
            server,
            state: State::Connecting,
            cancelled: false,
            told: false,
            unsent: Vec::new(),
            chunk: Vec::new(),
            metadata: Fields::new(),
            framed: Vec::new(),
            message: Vec::new(),
            to_server_us: 0,
            to_filter_us: 0,
            sent: 0,
            delivered: 0,
            tainted_from: None,
            dice: Dice::new(self.plan.seed, "connection", index as u64),
        });
        self.scanner.borrow_mut().accept(index, server);
        let context = self.create_context(transport, Target::Connection(index));
        self.connections.borrow_mut()[index].context = context;
        self.callback(transport, context, About::Transport(index), |it| {
            it.on_headers(context, Direction::Request, false)
        });
        let connect_us = self.plan.servers[server].connect_us;
        self.after(connect_us, Event::Connect(index));
        Ok(token)
    }

    fn choose_server(&self, cluster: usize) -> Option<usize> {
        if !self.has_servers.get() {
            return None;
        }
        let servers = self.plan.servers.iter().enumerate();
        let of_cluster: Vec<usize> = servers
            .filter(|(_, server)| server.for_responses == (cluster == 1))
            .map(|(index, _)| index)
            .collect();
        let so_far = self.connections.borrow().len();
        of_cluster.get(so_far % of_cluster.len().max(1)).copied()
    }

    fn connection<T>(&self, index: usize, act: impl FnOnce(&mut Connection) -> T) -> T {
        act(&mut self.connections.borrow_mut()[index])
    }

    fn by_token(&self, vm: usize, token: u32) -> Option<usize> {
        let connections = self.connections.borrow();
        connections
            .iter()
            .rposition(|it| it.vm == vm && it.token == token)
            .filter(|index| !connections[*index].cancelled)
    }

    /// Sends a message.
    pub fn send(self: &Rc<Self>, vm: usize, token: u32, message: &[u8]) -> HostResult {
        if matches!(self.effective(vm).0, Target::Gate(_) | Target::GateRoot) {
            // A stream belongs to the root context that opened it.
            return refused("grpc_send", HostError::NOT_FOUND);
        }
        let Some(index) = self.by_token(vm, token) else {
            return refused("grpc_send", HostError::NOT_FOUND);
        };
        if let Some(About::Bytes(receiving)) = self.running().map(|frame| frame.about)
            && receiving == index
        {
            self.fail(format!(
                "something is sent on stream {token} in the callback that brings its bytes"
            ));
            return Ok(());
        }
        let tainted = self.connection(index, |it| {
            let stray = it.tainted_from.is_some_and(|from| it.delivered > from);
            stray && it.state == State::Established
        });
        if tainted && !message.is_empty() {
            self.fail(format!(
                "something is sent on stream {token}, on which more than an answer has come"
            ));
            return Ok(());
        }
        let mut framed = vec![0];
        framed.extend_from_slice(&(message.len() as u32).to_be_bytes());
        framed.extend_from_slice(message);
        let state = self.connection(index, |it| it.state);
        match state {
            State::Connecting => {
                self.connection(index, |it| it.unsent.append(&mut framed));
            }
            State::Established => self.transport_sends(index, framed),
            // Its close is about to be reported.
            State::Ending | State::Closed => {}
        }
        Ok(())
    }

    fn transport_sends(self: &Rc<Self>, index: usize, framed: Vec<u8>) {
        let len = framed.len();
        let (transport, context) = self.connection(index, |it| {
            it.chunk = framed;
            (it.transport, it.context)
        });
        let about = About::Transport(index);
        let next = self.callback(transport, context, about, |it| {
            it.on_body(context, Direction::Request, len, false)
        });
        let bytes = self.connection(index, |it| std::mem::take(&mut it.chunk));
        if next == icap_filter::host::Next::Pause {
            self.connection(index, |it| {
                if it.state == State::Established {
                    it.state = State::Ending;
                }
            });
            return;
        }
        if bytes.is_empty() {
            return;
        }
        let latency_us = self.latency_us(index);
        let now = self.now_us();
        let at = self.connection(index, |it| {
            it.to_server_us = it.to_server_us.max(now + latency_us);
            it.to_server_us
        });
        self.at(at, Event::ToServer(index, bytes));
    }

    fn latency_us(&self, index: usize) -> u64 {
        self.plan.servers[self.connection(index, |it| it.server)].latency_us
    }

    /// The filter wants to hear nothing more of a stream.
    pub fn cancel(self: &Rc<Self>, vm: usize, token: u32) -> HostResult {
        let Some(index) = self.by_token(vm, token) else {
            return refused("grpc_cancel", HostError::NOT_FOUND);
        };
        let (state, cluster) = self.connection(index, |it| {
            it.cancelled = true;
            (it.state, it.cluster)
        });
        self.end(index);
        if state == State::Connecting {
            // Envoy's pool fails all others that are being established.
            let others: Vec<usize> = {
                let connections = self.connections.borrow();
                let connecting = connections.iter().enumerate().filter(|(_, it)| {
                    it.vm == vm && it.cluster == cluster && it.state == State::Connecting
                });
                connecting.map(|(index, _)| index).collect()
            };
            for other in others {
                self.end(other);
                let (vm, token) = self.connection(other, |it| (it.vm, it.token));
                self.vms.borrow_mut()[vm].put_off(PutOff::ReportClose { vm, token });
            }
        }
        Ok(())
    }

    /// The connection is established, or not.
    pub fn connected(self: &Rc<Self>, index: usize) {
        if self.connection(index, |it| it.state) != State::Connecting {
            return;
        }
        let server = self.connection(index, |it| it.server);
        let refused = self.scanner.borrow().is_gone(server)
            || self.connection(index, |it| it.dice.one_in(self.plan.faults.refuse));
        self.trace(|| format!("connection {index} to server {server}: refused {refused}"));
        if refused {
            self.end(index);
            let (vm, token) = self.connection(index, |it| (it.vm, it.token));
            self.callback(vm, ROOT, About::Root, |it| it.on_stream_open(ROOT, token));
            return self.report_close(vm, token);
        }
        self.connection(index, |it| it.state = State::Established);
        let (transport, context) = self.connection(index, |it| (it.transport, it.context));
        self.callback(transport, context, About::Transport(index), |it| {
            it.on_headers(context, Direction::Response, false)
        });
        let (vm, token) = self.connection(index, |it| (it.vm, it.token));
        self.callback(vm, ROOT, About::Established(index), |it| {
            it.on_stream_open(ROOT, token)
        });
        let unsent = self.connection(index, |it| std::mem::take(&mut it.unsent));
        if !unsent.is_empty() && self.connection(index, |it| it.state) == State::Established {
            self.transport_sends(index, unsent);
        }
    }

    /// The message of the running callback.
    pub fn stream_message(&self, len: usize) -> HostResult<Vec<u8>> {
        match self.running().map(|frame| frame.about) {
            Some(About::Bytes(index)) => {
                let message = self.connection(index, |it| it.message.clone());
                Ok(message[..len.min(message.len())].to_vec())
            }
            _ => refused("get_buffer_bytes", HostError::NOT_FOUND),
        }
    }

    /// A field of the metadata of the running callback.
    pub fn stream_metadata(&self, name: &str) -> Option<Vec<u8>> {
        let Some(About::Established(index)) = self.running().map(|frame| frame.about) else {
            return None;
        };
        self.connection(index, |it| {
            let found = it.metadata.iter().find(|(n, _)| n == name.as_bytes());
            found.map(|(_, value)| value.clone())
        })
    }

    /// The transport role has answered: the stream ends.
    pub fn transport_ended(self: &Rc<Self>, index: usize) {
        if self.connection(index, |it| it.state) == State::Closed {
            return;
        }
        let (vm, token, cancelled) = self.connection(index, |it| (it.vm, it.token, it.cancelled));
        self.end(index);
        if !cancelled {
            self.close_of(vm, token);
        }
    }

    /// Reports a close, or puts that off where a callback is running.
    fn close_of(self: &Rc<Self>, vm: usize, token: u32) {
        if self.frames.borrow().is_empty() {
            self.report_close(vm, token);
        } else {
            self.vms.borrow_mut()[vm].put_off(PutOff::ReportClose { vm, token });
        }
    }

    /// The filter is told that a stream is closed.
    pub fn report_close(self: &Rc<Self>, vm: usize, token: u32) {
        if let Some(index) = self.by_token(vm, token)
            && self.connection(index, |it| std::mem::replace(&mut it.told, true))
        {
            return;
        }
        self.trace(|| format!("close of stream {token}"));
        self.callback(vm, ROOT, About::Root, |it| it.on_stream_close(ROOT, token));
    }

    /// The connection is no more.
    fn end(self: &Rc<Self>, index: usize) {
        let Some((transport, context)) = self.connection(index, |it| {
            let was = std::mem::replace(&mut it.state, State::Closed);
            (was != State::Closed).then_some((it.transport, it.context))
        }) else {
            return;
        };
        let latency_us = self.latency_us(index);
        let now = self.now_us();
        let at = self.connection(index, |it| it.to_server_us.max(now + latency_us));
        self.at(at, Event::ServerSeesEnd(index));
        self.delete_context(transport, context, About::Transport(index));
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> usize {
        let connections = self.connections.borrow();
        connections
            .iter()
            .filter(|it| it.state != State::Closed)
            .count()
    }
}
