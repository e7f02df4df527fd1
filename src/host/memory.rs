//! A host for unit tests: shared values, one body, and streams to nowhere.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::{BodyEdit, Fields, Host, HostError, HostResult, LocalResponse, MetricKind, Version};
use crate::icap::Direction;

/// Keeps shared values, one body, and what is sent on streams; every other call fails.
#[derive(Debug, Default)]
pub(crate) struct MemoryHost {
    shared: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
    /// The body, of whatever direction a call names.
    pub(crate) body: RefCell<Vec<u8>>,
    /// How many streams have been opened. They are numbered from 1.
    pub(crate) opened: Cell<u32>,
    /// The messages sent on streams, in their order.
    pub(crate) sent: RefCell<Vec<(u32, Vec<u8>)>>,
    /// The streams that were reset, in their order.
    pub(crate) cancelled: RefCell<Vec<u32>>,
    /// Whether no stream can be opened, sent on or reset.
    pub(crate) fails: Cell<bool>,
}

impl MemoryHost {
    fn works(&self, call: &'static str) -> HostResult {
        match self.fails.get() {
            true => missing(call),
            false => Ok(()),
        }
    }
}

fn missing<T>(call: &'static str) -> HostResult<T> {
    Err(HostError {
        call,
        status: HostError::INTERNAL_FAILURE,
    })
}

impl Host for MemoryHost {
    fn now_ms(&self) -> u64 {
        0
    }

    fn wall_clock_ms(&self) -> u64 {
        1
    }

    fn random(&self) -> u64 {
        0
    }

    fn configuration(&self) -> HostResult<Vec<u8>> {
        missing("configuration")
    }

    fn enter(&self, _: u32) -> HostResult {
        Ok(())
    }

    fn set_tick_period(&self, _: u32) -> HostResult {
        missing("set_tick_period")
    }

    fn headers(&self, _: Direction) -> HostResult<Fields> {
        missing("headers")
    }

    fn header(&self, _: Direction, _: &str) -> HostResult<Option<Vec<u8>>> {
        missing("header")
    }

    fn set_headers(&self, _: Direction, _: &Fields) -> HostResult {
        missing("set_headers")
    }

    fn set_header(&self, _: Direction, _: &str, _: &[u8]) -> HostResult {
        missing("set_header")
    }

    fn remove_header(&self, _: Direction, _: &str) -> HostResult {
        missing("remove_header")
    }

    fn read_body(&self, _: Direction, start: usize, len: usize, out: &mut Vec<u8>) -> HostResult {
        out.extend(self.body.borrow().iter().skip(start).take(len));
        Ok(())
    }

    fn trailers(&self, _: Direction) -> HostResult<Fields> {
        missing("trailers")
    }

    fn set_trailers(&self, _: Direction, _: &Fields) -> HostResult {
        missing("set_trailers")
    }

    fn remove_trailer(&self, _: Direction, _: &str) -> HostResult {
        missing("remove_trailer")
    }

    fn edit_body(&self, _: Direction, edit: BodyEdit<'_>) -> HostResult {
        let mut body = self.body.borrow_mut();
        match edit {
            BodyEdit::DrainFront(n) => *body = body.get(n..).unwrap_or_default().to_vec(),
            BodyEdit::Prepend(bytes) => drop(body.splice(..0, bytes.iter().copied())),
            BodyEdit::Append(bytes) => body.extend_from_slice(bytes),
            BodyEdit::Replace(bytes) => *body = bytes.to_vec(),
        }
        Ok(())
    }

    fn resume(&self, _: Direction) -> HostResult {
        missing("resume")
    }

    fn respond(&self, _: &LocalResponse<'_>) -> HostResult {
        missing("respond")
    }

    fn property(&self, _: &[&str]) -> HostResult<Option<Vec<u8>>> {
        missing("property")
    }

    fn set_property(&self, _: &str, _: &[u8]) -> HostResult {
        missing("set_property")
    }

    fn declare_struct_property(&self, _: &str) -> HostResult {
        missing("declare_struct_property")
    }

    fn open_stream(&self, _: &str) -> HostResult<u32> {
        self.works("open_stream")?;
        self.opened.set(self.opened.get() + 1);
        Ok(self.opened.get())
    }

    fn send(&self, stream: u32, message: &[u8]) -> HostResult {
        self.works("send")?;
        self.sent.borrow_mut().push((stream, message.to_vec()));
        Ok(())
    }

    fn cancel(&self, stream: u32) -> HostResult {
        self.cancelled.borrow_mut().push(stream);
        self.works("cancel")
    }

    fn stream_message(&self, _: usize) -> HostResult<Vec<u8>> {
        missing("stream_message")
    }

    fn stream_metadata(&self, _: &str) -> HostResult<Option<Vec<u8>>> {
        missing("stream_metadata")
    }

    fn register_queue(&self, _: &str) -> HostResult<u32> {
        missing("register_queue")
    }

    fn enqueue(&self, _: u32) -> HostResult {
        missing("enqueue")
    }

    fn dequeue(&self, _: u32) -> HostResult {
        missing("dequeue")
    }

    fn shared(&self, key: &str) -> HostResult<(Option<Vec<u8>>, Version)> {
        let found = self.shared.borrow().get(key).cloned();
        Ok(found.map_or((None, Version::ANY), |(value, version)| {
            (Some(value), Version(version))
        }))
    }

    fn set_shared(&self, key: &str, value: &[u8], version: Version) -> HostResult {
        let mut shared = self.shared.borrow_mut();
        let current = shared.get(key).map_or(0, |(_, version)| *version);
        if version != Version::ANY && version != Version(current) {
            return Err(HostError {
                call: "set_shared_data",
                status: HostError::CAS_MISMATCH,
            });
        }
        shared.insert(key.to_owned(), (value.to_vec(), current.saturating_add(1)));
        Ok(())
    }

    fn define_metric(&self, _: MetricKind, _: &str) -> HostResult<u32> {
        missing("define_metric")
    }

    fn add_metric(&self, _: u32, _: i64) -> HostResult {
        missing("add_metric")
    }

    fn record_metric(&self, _: u32, _: u64) -> HostResult {
        missing("record_metric")
    }
}
