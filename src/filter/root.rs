//! The root context of the filter role: configuration, time, and what comes from the ICAP servers.

use std::cell::RefCell;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::stream::FilterContext;
use super::worker::Worker;
use crate::config::{self, PluginConfig};
use crate::host;
use crate::transport::{HangUps, PEER_FIELD, TransportContext};

/// Which of its two roles the module plays here; settled by its configuration.
#[derive(Debug)]
enum Role {
    /// No configuration was accepted: every request is refused.
    Unconfigured,
    /// The HTTP filter.
    Filter(Rc<RefCell<Worker>>),
    /// The upstream filter of an ICAP cluster.
    Transport(Rc<HangUps>),
}

/// The root context of one plugin on one worker.
#[derive(Debug)]
pub struct PluginRoot {
    id: u32,
    role: Role,
}

impl PluginRoot {
    /// A root context that waits for its configuration.
    pub fn new(id: u32) -> Self {
        Self {
            id,
            role: Role::Unconfigured,
        }
    }

    /// Runs `act` on the worker. Envoy never calls back while a callback runs, so that it is always free.
    fn with_worker(&self, act: impl FnOnce(&mut Worker)) {
        host::begin(self.id);
        if let Role::Filter(worker) = &self.role {
            match worker.try_borrow_mut() {
                Ok(mut worker) => act(&mut worker),
                Err(e) => log::error!("icap: a callback came within a callback: {e}"),
            }
        }
    }

    fn configure(&mut self) -> Result<(), Vec<String>> {
        let bytes = host::plugin_configuration().map_err(|e| vec![e.to_string()])?;
        let parsed = config::parse(&bytes)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        self.role = match parsed {
            PluginConfig::Transport => Role::Transport(Rc::new(HangUps::new(self.id))),
            PluginConfig::Filter(config) => {
                log::info!("icap configuration: {}", config::summary(&config));
                if let Err(e) = host::declare_struct_property(super::LOG_STRUCT_PROPERTY) {
                    // A second root context of the same VM finds it declared.
                    log::debug!("icap: {e}");
                }
                let mut worker = Worker::new(self.id, Rc::new(config));
                worker.start();
                Role::Filter(Rc::new(RefCell::new(worker)))
            }
        };
        Ok(())
    }
}

impl Context for PluginRoot {
    fn on_done(&mut self) -> bool {
        self.with_worker(Worker::stop);
        true
    }

    fn on_grpc_stream_initial_metadata(&mut self, token: u32, _: u32) {
        let peer = host::stream_metadata(PEER_FIELD)
            .ok()
            .flatten()
            .unwrap_or_default();
        let peer = String::from_utf8_lossy(&peer).into_owned();
        self.with_worker(|worker| worker.on_connected(token, peer));
    }

    fn on_grpc_stream_message(&mut self, token: u32, len: usize) {
        self.with_worker(|worker| worker.on_message(token, len));
    }

    fn on_grpc_stream_close(&mut self, token: u32, _status: u32) {
        self.with_worker(|worker| worker.on_closed(token));
    }
}

impl RootContext for PluginRoot {
    fn on_vm_start(&mut self, _: usize) -> bool {
        log::info!(
            "icap-filter {} (revision {}, features {})",
            env!("CARGO_PKG_VERSION"),
            env!("ICAP_FILTER_REVISION"),
            env!("ICAP_FILTER_WASM_FEATURES"),
        );
        true
    }

    fn on_configure(&mut self, _: usize) -> bool {
        host::begin(self.id);
        match self.configure() {
            Ok(()) => true,
            Err(errors) => {
                for error in errors {
                    log::error!("icap configuration: {error}");
                }
                false
            }
        }
    }

    fn on_tick(&mut self) {
        match &self.role {
            Role::Transport(hang_ups) => {
                host::begin(self.id);
                hang_ups.on_tick();
            }
            Role::Filter(_) | Role::Unconfigured => self.with_worker(Worker::on_tick),
        }
    }

    fn on_queue_ready(&mut self, _: u32) {
        self.with_worker(Worker::on_called);
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(match &self.role {
            Role::Filter(worker) => Box::new(FilterContext::new(id, Some(Rc::clone(worker)))),
            Role::Transport(hang_ups) => Box::new(TransportContext::new(id, Rc::clone(hang_ups))),
            Role::Unconfigured => Box::new(FilterContext::new(id, None)),
        })
    }
}
