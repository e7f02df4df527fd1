//! Values within a body that hold files, as `extract` of a profile has them looked for.

use std::collections::VecDeque;

use crate::extract::{Extractor, Unextractable, Value};

/// The values of a body that is read as it comes.
#[derive(Debug)]
pub(super) struct Values {
    /// `None`: what is left of the body can't be looked into.
    extractor: Option<Extractor>,
    found: VecDeque<Value>,
    fault: Option<Unextractable>,
}

impl Values {
    /// Those that `extractor` finds.
    pub(super) fn new(extractor: Extractor) -> Self {
        Self {
            extractor: Some(extractor),
            found: VecDeque::new(),
            fault: None,
        }
    }

    /// Reads on in the content.
    pub(super) fn read(&mut self, content: &[u8]) {
        self.advance(|extractor| extractor.push(content));
    }

    /// The content has come to its end.
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

    /// Whether all were taken that were found.
    pub(super) fn are_shown(&self) -> bool {
        self.found.is_empty()
    }

    /// Why the body can't be looked into any further; once.
    pub(super) fn take_fault(&mut self) -> Option<Unextractable> {
        self.fault.take()
    }
}
