//! One instance of the module: keeps the contexts, and hands each callback of the host to the role of its context.
//!
//! The host makes one instance for each of its threads. A callback may come within a callback.

use std::cell::RefCell;
use std::rc::Rc;

use crate::ascending_map::AscendingMap;
use crate::config::{self, PluginConfig};
use crate::filter::{self, FilterRole};
use crate::gate::{self, Arrival, Gates};
use crate::host::{Host, Next};
use crate::icap::Direction;
use crate::report;
use crate::transport::{PEER_FIELD, PendingCloses, TransportContext};

/// An instance of the module.
#[derive(Debug)]
pub struct Instance<H> {
    host: H,
    /// Borrowed only to look a context up, never while a context acts: a callback may come within a callback.
    contexts: RefCell<AscendingMap<u32, Context<H>>>,
    gates: Gates,
}

/// A context of the host, by its purpose.
#[derive(Debug)]
enum Context<H> {
    /// The root context of a plugin on a worker.
    Root(Rc<Root<H>>),
    /// An HTTP stream of the filter role.
    Message(u32, Rc<FilterRole<H>>),
    /// A connection of the transport role.
    Connection(Rc<TransportContext<H>>),
    /// An HTTP stream of the gate role.
    Gate(u32, Gates),
    /// An HTTP stream of a plugin whose configuration was not accepted: the filter refuses it.
    Refused,
}

/// The root context of one plugin on one worker.
#[derive(Debug)]
struct Root<H> {
    host: H,
    id: u32,
    gates: Gates,
    role: RefCell<Role<H>>,
}

/// The role of a plugin, as its configuration says.
#[derive(Debug)]
enum Role<H> {
    /// No configuration was accepted: the filter refuses every request.
    Unconfigured,
    /// The HTTP filter.
    Filter(Rc<FilterRole<H>>),
    /// The upstream filter of an ICAP cluster.
    Transport(Rc<PendingCloses<H>>),
    /// The filter that slows senders of bodies down.
    Gate,
}

// Not derived: a derived `Clone` would need `H: Clone`, though only the `Rc`s are cloned.
impl<H> Clone for Context<H> {
    fn clone(&self) -> Self {
        match self {
            Self::Root(root) => Self::Root(Rc::clone(root)),
            Self::Message(id, filter) => Self::Message(*id, Rc::clone(filter)),
            Self::Connection(connection) => Self::Connection(Rc::clone(connection)),
            Self::Gate(id, gates) => Self::Gate(*id, gates.clone()),
            Self::Refused => Self::Refused,
        }
    }
}

impl<H> Clone for Role<H> {
    fn clone(&self) -> Self {
        match self {
            Self::Unconfigured => Self::Unconfigured,
            Self::Filter(filter) => Self::Filter(Rc::clone(filter)),
            Self::Transport(pending_closes) => Self::Transport(Rc::clone(pending_closes)),
            Self::Gate => Self::Gate,
        }
    }
}

impl<H: Host + Clone> Instance<H> {
    /// An instance without any context.
    pub fn new(host: H) -> Self {
        Self {
            host,
            contexts: RefCell::default(),
            gates: Gates::default(),
        }
    }

    fn find(&self, id: u32) -> Option<Context<H>> {
        let found = self.contexts.borrow().get(id).cloned();
        if found.is_none() {
            log::error!("icap: Envoy calls back about the context {id}, which it never created");
        }
        found
    }

    /// The host creates a context: of an HTTP stream, or of a plugin where `root` is 0.
    pub fn on_create(&self, id: u32, root: u32) {
        let of = self.contexts.borrow().get(root).cloned();
        let context = match of {
            Some(Context::Root(root)) => root.stream(id),
            _ if root == 0 => Context::Root(Rc::new(Root {
                host: self.host.clone(),
                id,
                gates: self.gates.clone(),
                role: RefCell::new(Role::Unconfigured),
            })),
            _ => Context::Refused,
        };
        self.contexts.borrow_mut().insert(id, context);
    }

    /// The host deletes that context.
    pub fn on_delete(&self, id: u32) {
        // Dropped only when the borrow has ended.
        let gone = self.contexts.borrow_mut().remove(id);
        self.gates.on_delete(id);
        drop(gone);
    }

    /// Has a root context read its configuration. False where the configuration is not accepted.
    pub fn on_configure(&self, id: u32) -> bool {
        self.find(id).is_some_and(Context::on_configure)
    }

    /// A tick of a root context.
    pub fn on_tick(&self, root: u32) {
        if let Some(context) = self.find(root) {
            context.on_tick();
        }
    }

    /// A queue that a root context has registered has an entry.
    pub fn on_queue_ready(&self, root: u32) {
        if let Some(context) = self.find(root) {
            context.on_queue_ready();
        }
    }

    /// A stream of a root context is established, or could not be.
    pub fn on_stream_open(&self, root: u32, token: u32) {
        if let Some(context) = self.find(root) {
            context.on_stream_open(&self.host, token);
        }
    }

    /// `len` bytes have come on a stream of a root context.
    pub fn on_stream_message(&self, root: u32, token: u32, len: usize) {
        if let Some(context) = self.find(root) {
            context.on_stream_message(token, len);
        }
    }

    /// A stream of a root context is closed.
    pub fn on_stream_close(&self, root: u32, token: u32) {
        if let Some(context) = self.find(root) {
            context.on_stream_close(token);
        }
    }

    /// The headers of a message have come.
    pub fn on_headers(&self, id: u32, of: Direction, at_end: bool) -> Next {
        match self.find(id) {
            Some(context) => context.on_headers(&self.host, of, at_end),
            None => filter::refuse(&self.host, UNKNOWN),
        }
    }

    /// `len` bytes of a body are there: all that the host holds, and those that have just come.
    pub fn on_body(&self, id: u32, of: Direction, len: usize, at_end: bool) -> Next {
        match self.find(id) {
            Some(Context::Gate(id, gates)) => {
                let (next, arrival) = gate::on_body(&gates, &self.host, (id, of), len, at_end);
                self.tell(arrival);
                next
            }
            Some(context) => context.on_body(of, len, at_end),
            None => filter::refuse(&self.host, UNKNOWN),
        }
    }

    /// The trailers of a message have come, which end it.
    pub fn on_trailers(&self, id: u32, of: Direction) -> Next {
        match self.find(id) {
            Some(Context::Gate(id, gates)) => {
                let (next, arrival) = gate::on_trailers(&gates, id, of);
                self.tell(arrival);
                next
            }
            Some(context) => context.on_trailers(of),
            None => filter::refuse(&self.host, UNKNOWN),
        }
    }

    /// Hands what a gate holds to the filter that scans.
    fn tell(&self, arrival: Option<Arrival>) {
        let Some(arrival) = arrival else { return };
        if let Some(Context::Message(_, filter)) = self.find(arrival.filter) {
            filter.on_arrival(arrival);
        }
    }

    /// The access log is about to be written.
    pub fn on_log(&self, id: u32) {
        if let Some(context) = self.find(id) {
            context.on_log();
        }
    }

    /// The host is about to delete the context.
    pub fn on_done(&self, id: u32) {
        if let Some(context) = self.find(id) {
            context.on_done();
        }
    }
}

/// Why the filter refuses a message whose context the host never created.
const UNKNOWN: &str = "its context is not known";

impl<H: Host + Clone> Root<H> {
    fn role(&self) -> Role<H> {
        self.role.borrow().clone()
    }

    /// The context of an HTTP stream of this plugin.
    fn stream(&self, id: u32) -> Context<H> {
        match self.role() {
            Role::Filter(filter) => Context::Message(id, filter),
            Role::Transport(pending_closes) => Context::Connection(Rc::new(TransportContext::new(
                self.host.clone(),
                id,
                pending_closes,
            ))),
            Role::Gate => Context::Gate(id, self.gates.clone()),
            Role::Unconfigured => Context::Refused,
        }
    }

    fn configure(&self) -> Result<(), Vec<String>> {
        let bytes = self.host.configuration().map_err(|e| vec![e.to_string()])?;
        let parsed = config::parse(&bytes)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let role = match parsed {
            PluginConfig::Transport => {
                Role::Transport(Rc::new(PendingCloses::new(self.host.clone(), self.id)))
            }
            PluginConfig::Gate => Role::Gate,
            PluginConfig::Filter(config) => {
                let secrets = config.profiles.iter().map(|profile| &profile.secrets);
                report::keep_out_of_lines(&config::Secrets::joined(secrets));
                log::info!("icap configuration: {}", config::summary(&config));
                if let Err(e) = self
                    .host
                    .declare_struct_property(filter::LOG_STRUCT_PROPERTY)
                {
                    // Fails in the second root context of a VM: the first has declared the property.
                    log::debug!("icap: {e}");
                }
                Role::Filter(Rc::new(FilterRole::start(
                    self.host.clone(),
                    self.id,
                    config,
                    self.gates.clone(),
                )))
            }
        };
        self.role.replace(role);
        Ok(())
    }
}

impl<H: Host + Clone> Context<H> {
    /// The filter role, if this is its root context.
    fn filter(self) -> Option<Rc<FilterRole<H>>> {
        match self {
            Self::Root(root) => match root.role() {
                Role::Filter(filter) => Some(filter),
                Role::Transport(_) | Role::Gate | Role::Unconfigured => None,
            },
            Self::Message(..) | Self::Connection(_) | Self::Gate(..) | Self::Refused => None,
        }
    }

    /// Reads the configuration. False where the configuration is not accepted.
    fn on_configure(self) -> bool {
        let Self::Root(root) = self else { return false };
        let configured = root.configure();
        for error in configured.as_ref().err().into_iter().flatten() {
            log::error!("icap configuration: {error}");
        }
        configured.is_ok()
    }

    /// A tick.
    fn on_tick(self) {
        let Self::Root(root) = self else { return };
        match root.role() {
            Role::Filter(filter) => filter.on_tick(),
            Role::Transport(pending_closes) => pending_closes.on_tick(),
            Role::Gate | Role::Unconfigured => {}
        }
    }

    /// A wake-up that the worker has asked for.
    fn on_queue_ready(self) {
        if let Some(filter) = self.filter() {
            filter.on_wake_up();
        }
    }

    /// A stream is established, or could not be.
    fn on_stream_open(self, host: &H, token: u32) {
        // If the stream failed, the metadata is Envoy's own and names no server.
        if let (Some(filter), Ok(Some(peer))) = (self.filter(), host.stream_metadata(PEER_FIELD)) {
            filter.on_connected(token, String::from_utf8_lossy(&peer).into_owned());
        }
    }

    /// `len` bytes have come from a server.
    fn on_stream_message(self, token: u32, len: usize) {
        if let Some(filter) = self.filter() {
            filter.on_message(token, len);
        }
    }

    /// A stream is closed.
    fn on_stream_close(self, token: u32) {
        if let Some(filter) = self.filter() {
            filter.on_closed(token);
        }
    }

    /// The headers of a message have come.
    fn on_headers(self, host: &H, direction: Direction, at_end: bool) -> Next {
        match (self, direction) {
            (Self::Message(id, filter), _) => filter.on_headers(id, direction, at_end),
            (Self::Connection(connection), Direction::Response) => connection.on_established(),
            (Self::Connection(connection), Direction::Request) => connection.on_outgoing_headers(),
            (Self::Gate(id, gates), _) => {
                gate::on_headers(&gates, host, id, direction, at_end);
                Next::Continue
            }
            // The local reply by which the filter refuses goes through here.
            (Self::Refused, Direction::Response) => Next::Continue,
            (Self::Refused | Self::Root(_), _) => {
                filter::refuse(host, "the filter has no configuration")
            }
        }
    }

    /// `len` bytes of a body are there: all that the host holds, and those that have just come.
    fn on_body(self, direction: Direction, len: usize, at_end: bool) -> Next {
        match (self, direction) {
            (Self::Message(id, filter), _) => filter.on_body(id, direction, len, at_end),
            (Self::Connection(connection), Direction::Request) => connection.on_outgoing(len),
            (Self::Connection(connection), Direction::Response) => connection.on_incoming(len),
            (Self::Gate(..), _) | (Self::Refused, Direction::Response) => Next::Continue,
            (Self::Refused | Self::Root(_), _) => Next::Pause,
        }
    }

    /// The trailers of a message have come, which end it.
    fn on_trailers(self, direction: Direction) -> Next {
        match (self, direction) {
            (Self::Message(id, filter), _) => filter.on_trailers(id, direction),
            (Self::Connection(_) | Self::Gate(..), _) | (Self::Refused, Direction::Response) => {
                Next::Continue
            }
            (Self::Refused | Self::Root(_), _) => Next::Pause,
        }
    }

    /// The access log is about to be written.
    fn on_log(self) {
        if let Self::Message(id, filter) = self {
            filter.on_log(id);
        }
    }

    /// The host is about to delete the context.
    fn on_done(self) {
        match self {
            Self::Message(id, filter) => filter.on_done(id),
            root @ Self::Root(_) => {
                if let Some(filter) = root.filter() {
                    filter.on_stop();
                }
            }
            Self::Connection(_) | Self::Gate(..) | Self::Refused => {}
        }
    }
}
