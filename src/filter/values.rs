//! The search for values within a body that hold files, as `extract` of a profile says.

use std::collections::VecDeque;

use crate::extract::{Extractor, Unextractable, Value};

/// The search through a body that is read as it comes.
#[derive(Debug)]
pub(super) struct Values {
    /// `None`: the search has ended, or can't go on.
    extractor: Option<Extractor>,
    found: VecDeque<Value>,
    fault: Option<Unextractable>,
}

impl Values {
    /// A search with `extractor`.
    pub(super) fn new(extractor: Extractor) -> Self {
        Self {
            extractor: Some(extractor),
            found: VecDeque::new(),
            fault: None,
        }
    }

    /// Reads the next bytes of the content.
    pub(super) fn read(&mut self, content: &[u8]) {
        self.advance(|extractor| extractor.push(content));
    }

    /// The whole content was read.
    pub(super) fn end(&mut self) {
        self.advance(Extractor::finish);
        self.extractor = None;
    }

    fn advance(&mut self, act: impl FnOnce(&mut Extractor) -> Result<(), Unextractable>) {
        let Some(extractor) = &mut self.extractor else {
            return;
        };
        let read = act(extractor);
        self.found
            .extend(std::iter::from_fn(|| extractor.next_value()));
        if let Err(fault) = read {
            self.fault = Some(fault);
            self.extractor = None;
        }
    }

    /// The next value that was not shown. Each comes once.
    pub(super) fn next(&mut self) -> Option<Value> {
        self.found.pop_front()
    }

    /// Whether all values found so far were taken.
    pub(super) fn are_shown(&self) -> bool {
        self.found.is_empty()
    }

    /// Why the search can't go on. Gives the reason once.
    pub(super) fn take_fault(&mut self) -> Option<Unextractable> {
        self.fault.take()
    }
}
