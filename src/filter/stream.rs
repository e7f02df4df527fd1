//! The HTTP context of the filter role: hands each callback to the worker.

use std::cell::RefCell;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::worker::Worker;
use crate::host::{self, Half};

/// One HTTP stream.
#[derive(Debug)]
pub(super) struct FilterContext {
    id: u32,
    /// `None` where no configuration was accepted.
    worker: Option<Rc<RefCell<Worker>>>,
}

impl FilterContext {
    pub(super) fn new(id: u32, worker: Option<Rc<RefCell<Worker>>>) -> Self {
        Self { id, worker }
    }

    /// What the worker says; where there is none, nothing passes.
    fn ask(&self, act: impl FnOnce(&mut Worker) -> Action) -> Action {
        host::begin(self.id);
        match self.worker.as_ref().map(|worker| worker.try_borrow_mut()) {
            Some(Ok(mut worker)) => act(&mut worker),
            unusable => {
                log::error!(
                    "icap: the request is refused: {}",
                    match unusable {
                        Some(Err(e)) => format!("a callback came within a callback: {e}"),
                        _ => "the filter has no configuration".to_owned(),
                    }
                );
                if let Err(e) = host::respond(503, "icap_unconfigured", &Vec::new(), &[]) {
                    log::error!("icap: {e}");
                }
                Action::Pause
            }
        }
    }
}

impl Context for FilterContext {
    fn on_done(&mut self) -> bool {
        host::begin(self.id);
        if let Some(Ok(mut worker)) = self.worker.as_ref().map(|worker| worker.try_borrow_mut()) {
            worker.on_done(self.id);
        }
        true
    }
}

impl HttpContext for FilterContext {
    fn on_log(&mut self) {
        host::begin(self.id);
        if let Some(Ok(mut worker)) = self.worker.as_ref().map(|worker| worker.try_borrow_mut()) {
            worker.on_log(self.id);
        }
    }

    fn on_http_request_headers(&mut self, _: usize, at_end: bool) -> Action {
        self.ask(|worker| worker.on_headers(self.id, Half::Request, at_end))
    }

    fn on_http_request_body(&mut self, available: usize, at_end: bool) -> Action {
        self.ask(|worker| worker.on_body(self.id, Half::Request, available, at_end))
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.ask(|worker| worker.on_trailers(self.id, Half::Request))
    }

    fn on_http_response_headers(&mut self, _: usize, at_end: bool) -> Action {
        self.ask(|worker| worker.on_headers(self.id, Half::Response, at_end))
    }

    fn on_http_response_body(&mut self, available: usize, at_end: bool) -> Action {
        self.ask(|worker| worker.on_body(self.id, Half::Response, available, at_end))
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.ask(|worker| worker.on_trailers(self.id, Half::Response))
    }
}
