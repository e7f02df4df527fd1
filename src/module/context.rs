//! The contexts of one instance of the module, and the role that each plays.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::config::{self, PluginConfig};
use crate::filter::{self, FilterRole};
use crate::host::{self, Half, Next};
use crate::report;
use crate::transport::{HangUps, PEER_FIELD, TransportContext};

thread_local! {
    /// Borrowed only to look a context up, never while it acts: a callback may come within a callback.
    static CONTEXTS: RefCell<HashMap<u32, Context>> = RefCell::default();
}

/// What a context is there for.
#[derive(Clone, Debug)]
pub(super) enum Context {
    /// A plugin on a worker.
    Root(Rc<Root>),
    /// An HTTP stream of the filter role.
    Message(u32, Rc<FilterRole>),
    /// A connection of the upstream role.
    Connection(Rc<TransportContext>),
    /// An HTTP stream of a plugin whose configuration was not accepted: it is refused.
    Refused,
}

/// The root context of one plugin on one worker.
#[derive(Debug)]
pub(super) struct Root {
    id: u32,
    role: RefCell<Role>,
}

/// Which of its two roles the module plays here; settled by its configuration.
#[derive(Clone, Debug)]
enum Role {
    /// No configuration was accepted: every request is refused.
    Unconfigured,
    /// The HTTP filter.
    Filter(Rc<FilterRole>),
    /// The upstream filter of an ICAP cluster.
    Transport(Rc<HangUps>),
}

/// The context of that number.
pub(super) fn find(id: u32) -> Option<Context> {
    CONTEXTS.with_borrow(|contexts| contexts.get(&id).cloned())
}

/// Makes a context: of an HTTP stream, or where `root` is 0 of a plugin.
pub(super) fn create(id: u32, root: u32) {
    let context = match find(root) {
        Some(Context::Root(root)) => root.stream(id),
        _ if root == 0 => Context::Root(Rc::new(Root {
            id,
            role: RefCell::new(Role::Unconfigured),
        })),
        _ => Context::Refused,
    };
    CONTEXTS.with_borrow_mut(|contexts| contexts.insert(id, context));
}

/// The context of that number is gone.
pub(super) fn delete(id: u32) {
    // Dropped when the borrow has ended.
    let gone = CONTEXTS.with_borrow_mut(|contexts| contexts.remove(&id));
    drop(gone);
}

impl Root {
    fn role(&self) -> Role {
        self.role.borrow().clone()
    }

    /// The context of an HTTP stream of this plugin.
    fn stream(&self, id: u32) -> Context {
        match self.role() {
            Role::Filter(filter) => Context::Message(id, filter),
            Role::Transport(hang_ups) => {
                Context::Connection(Rc::new(TransportContext::new(id, hang_ups)))
            }
            Role::Unconfigured => Context::Refused,
        }
    }

    fn configure(&self) -> Result<(), Vec<String>> {
        let bytes = host::plugin_configuration().map_err(|e| vec![e.to_string()])?;
        let parsed = config::parse(&bytes)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let role = match parsed {
            PluginConfig::Transport => Role::Transport(Rc::new(HangUps::new(self.id))),
            PluginConfig::Filter(config) => {
                let secrets = config.profiles.iter().map(|profile| &profile.secrets);
                report::keep_out_of_lines(&config::Secrets::joined(secrets));
                log::info!("icap configuration: {}", config::summary(&config));
                if let Err(e) = host::declare_struct_property(filter::LOG_STRUCT_PROPERTY) {
                    // A second root context of the same VM finds it declared.
                    log::debug!("icap: {e}");
                }
                Role::Filter(Rc::new(FilterRole::start(self.id, config)))
            }
        };
        self.role.replace(role);
        Ok(())
    }
}

impl Context {
    /// The filter role, of which this is the root.
    fn filter(self) -> Option<Rc<FilterRole>> {
        match self {
            Self::Root(root) => match root.role() {
                Role::Filter(filter) => Some(filter),
                Role::Transport(_) | Role::Unconfigured => None,
            },
            Self::Message(..) | Self::Connection(_) | Self::Refused => None,
        }
    }

    /// Reads the configuration. False where it is not accepted.
    pub(super) fn on_configure(self) -> bool {
        let Self::Root(root) = self else { return false };
        let configured = root.configure();
        for error in configured.as_ref().err().into_iter().flatten() {
            log::error!("icap configuration: {error}");
        }
        configured.is_ok()
    }

    /// Time has passed.
    pub(super) fn on_tick(self) {
        let Self::Root(root) = self else { return };
        match root.role() {
            Role::Filter(filter) => filter.on_tick(),
            Role::Transport(hang_ups) => hang_ups.on_tick(),
            Role::Unconfigured => {}
        }
    }

    /// A callback that was asked for.
    pub(super) fn on_queue_ready(self) {
        if let Some(filter) = self.filter() {
            filter.on_recall();
        }
    }

    /// A stream is established, or has failed before it was.
    pub(super) fn on_stream_open(self, token: u32) {
        // The metadata of a failure is Envoy's own, and does not name a server.
        if let (Some(filter), Ok(Some(peer))) = (self.filter(), host::stream_metadata(PEER_FIELD)) {
            filter.on_connected(token, String::from_utf8_lossy(&peer).into_owned());
        }
    }

    /// Bytes from a server.
    pub(super) fn on_stream_message(self, token: u32, len: usize) {
        if let Some(filter) = self.filter() {
            filter.on_message(token, len);
        }
    }

    /// A stream is closed.
    pub(super) fn on_stream_close(self, token: u32) {
        if let Some(filter) = self.filter() {
            filter.on_closed(token);
        }
    }

    /// The headers of a message have come.
    pub(super) fn on_headers(self, half: Half, at_end: bool) -> Next {
        match (self, half) {
            (Self::Message(id, filter), _) => filter.on_headers(id, half, at_end),
            (Self::Connection(connection), Half::Response) => connection.on_established(),
            (Self::Connection(connection), Half::Request) => connection.on_outgoing_headers(),
            // Its own answer goes through here.
            (Self::Refused, Half::Response) => Next::Continue,
            (Self::Refused | Self::Root(_), _) => filter::refuse("the filter has no configuration"),
        }
    }

    /// `len` bytes of a body are there.
    pub(super) fn on_body(self, half: Half, len: usize, at_end: bool) -> Next {
        match (self, half) {
            (Self::Message(id, filter), _) => filter.on_body(id, half, len, at_end),
            (Self::Connection(connection), Half::Request) => connection.on_outgoing(len),
            (Self::Connection(connection), Half::Response) => connection.on_incoming(len),
            (Self::Refused, Half::Response) => Next::Continue,
            (Self::Refused | Self::Root(_), _) => Next::Pause,
        }
    }

    /// A message has come to its end with trailers.
    pub(super) fn on_trailers(self, half: Half) -> Next {
        match (self, half) {
            (Self::Message(id, filter), _) => filter.on_trailers(id, half),
            (Self::Connection(_), _) | (Self::Refused, Half::Response) => Next::Continue,
            (Self::Refused | Self::Root(_), _) => Next::Pause,
        }
    }

    /// The access log is about to be written.
    pub(super) fn on_log(self) {
        if let Self::Message(id, filter) = self {
            filter.on_log(id);
        }
    }

    /// The context is about to go.
    pub(super) fn on_done(self) {
        match self {
            Self::Message(id, filter) => filter.on_done(id),
            root @ Self::Root(_) => {
                if let Some(filter) = root.filter() {
                    filter.on_stop();
                }
            }
            Self::Connection(_) | Self::Refused => {}
        }
    }
}
