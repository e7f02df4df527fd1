//! The host seam, as the module calls it.

use std::rc::{Rc, Weak};

use icap_filter::host::{
    BodyEdit, Fields, Host, HostError, HostResult, LocalResponse, MetricKind, Version,
};
use icap_filter::icap::Direction;

use super::host_calls::owned;
use crate::world::{Event, Sim};

/// The host of one virtual machine.
#[derive(Clone)]
pub struct SimHost {
    sim: Weak<Sim>,
    vm: usize,
}

impl std::fmt::Debug for SimHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SimHost")
    }
}

/// A failure of that call, with that status.
pub fn refused<T>(call: &'static str, status: u32) -> HostResult<T> {
    Err(HostError { call, status })
}

impl SimHost {
    pub fn new(sim: &Rc<Sim>, vm: usize) -> Self {
        Self {
            sim: Rc::downgrade(sim),
            vm,
        }
    }

    fn sim(&self) -> Rc<Sim> {
        self.sim.upgrade().unwrap()
    }

    /// Does a call and notes it.
    fn call<T: std::fmt::Debug>(
        &self,
        what: impl FnOnce() -> String,
        act: impl FnOnce(&Rc<Sim>) -> HostResult<T>,
    ) -> HostResult<T> {
        let sim = self.sim();
        let result = act(&sim);
        sim.trace(|| match &result {
            Ok(value) => {
                let value = format!("{value:?}");
                let short: String = value.chars().take(60).collect();
                format!("> {} = {short}", what())
            }
            Err(e) => format!("> {} = {e}", what()),
        });
        result
    }
}

impl Host for SimHost {
    fn now_ms(&self) -> u64 {
        self.sim().now_us() / 1000
    }

    fn wall_clock_ms(&self) -> u64 {
        1_700_000_000_000 + self.sim().now_us() / 1000
    }

    fn random(&self) -> u64 {
        self.sim().dice.next()
    }

    fn configuration(&self) -> HostResult<Vec<u8>> {
        Ok(self.sim().configuration(self.vm))
    }

    fn enter(&self, context: u32) -> HostResult {
        match self.sim().enter(self.vm, context) {
            true => Ok(()),
            false => refused("set_effective_context", HostError::BAD_ARGUMENT),
        }
    }

    fn set_tick_period(&self, milliseconds: u32) -> HostResult {
        self.call(
            || format!("tick {milliseconds}"),
            |sim| {
                sim.set_tick(self.vm, milliseconds);
                Ok(())
            },
        )
    }

    fn headers(&self, of: Direction) -> HostResult<Fields> {
        let fields = self.sim().headers(self.vm, of)?;
        Ok(fields.into_iter().collect())
    }

    fn header(&self, of: Direction, name: &str) -> HostResult<Option<Vec<u8>>> {
        let found = self.sim().headers(self.vm, of)?;
        let found = found.into_iter().find(|(n, _)| n == name.as_bytes());
        Ok(found.map(|(_, value)| value))
    }

    fn trailers(&self, of: Direction) -> HostResult<Fields> {
        let fields = self.sim().trailers(self.vm, of)?;
        Ok(fields.into_iter().collect())
    }

    fn set_trailers(&self, of: Direction, fields: &Fields) -> HostResult {
        let owned = |(name, value): (&[u8], &[u8])| (name.to_vec(), value.to_vec());
        let fields: Vec<_> = fields.iter().map(owned).collect();
        self.call(
            || format!("set {of:?} trailers"),
            |sim| sim.edit_trailers(self.vm, of, "set_header_map_pairs", |it| *it = fields),
        )
    }

    fn remove_trailer(&self, of: Direction, name: &str) -> HostResult {
        self.call(
            || format!("remove {of:?} trailer {name}"),
            |sim| {
                let call = "remove_header_map_value";
                let remove = |it: &mut super::Fields| it.retain(|(n, _)| n != name.as_bytes());
                sim.edit_trailers(self.vm, of, call, remove)
            },
        )
    }

    fn set_headers(&self, of: Direction, fields: &Fields) -> HostResult {
        self.call(
            || format!("set {of:?} headers"),
            |sim| sim.edit_headers(self.vm, of, |it| *it = owned(fields)),
        )
    }

    fn set_header(&self, of: Direction, name: &str, value: &[u8]) -> HostResult {
        self.call(
            || format!("set {of:?} header {name}: {}", value.escape_ascii()),
            |sim| {
                sim.edit_headers(self.vm, of, |it| {
                    it.retain(|(n, _)| n != name.as_bytes());
                    it.push((name.as_bytes().to_vec(), value.to_vec()));
                })
            },
        )
    }

    fn remove_header(&self, of: Direction, name: &str) -> HostResult {
        let sim = self.sim();
        sim.edit_headers(self.vm, of, |it| it.retain(|(n, _)| n != name.as_bytes()))
    }

    fn read_body(&self, of: Direction, start: usize, len: usize, out: &mut Vec<u8>) -> HostResult {
        let read = self.call(
            || format!("read {of:?} body {start}+{len}"),
            |sim| sim.read_body(self.vm, of, start, len),
        )?;
        out.extend_from_slice(&read);
        Ok(())
    }

    fn edit_body(&self, of: Direction, edit: BodyEdit<'_>) -> HostResult {
        self.call(
            || match edit {
                BodyEdit::DrainFront(len) => format!("drain {of:?} body {len}"),
                BodyEdit::Prepend(bytes) => format!("prepend {of:?} body {}", bytes.len()),
                BodyEdit::Append(bytes) => format!("append {of:?} body {}", bytes.len()),
                BodyEdit::Replace(bytes) => format!("replace {of:?} body {}", bytes.len()),
            },
            |sim| sim.edit_body(self.vm, of, edit),
        )
    }

    fn resume(&self, of: Direction) -> HostResult {
        self.call(|| format!("resume {of:?}"), |sim| sim.resume(self.vm, of))
    }

    fn respond(&self, response: &LocalResponse<'_>) -> HostResult {
        self.call(
            || format!("respond {} {}", response.status, response.details),
            |sim| sim.respond(self.vm, response),
        )
    }

    fn property(&self, path: &[&str]) -> HostResult<Option<Vec<u8>>> {
        self.sim().property(self.vm, path)
    }

    fn set_property(&self, name: &str, value: &[u8]) -> HostResult {
        self.call(
            || format!("set property {name}"),
            |sim| sim.set_property(self.vm, name, value),
        )
    }

    fn declare_struct_property(&self, _: &str) -> HostResult {
        Ok(())
    }

    fn open_stream(&self, cluster: &str) -> HostResult<u32> {
        self.call(
            || format!("open {cluster}"),
            |sim| sim.open_stream(self.vm, cluster),
        )
    }

    fn send(&self, stream: u32, message: &[u8]) -> HostResult {
        self.call(
            || format!("send on {stream}: {}", shown(message)),
            |sim| sim.send(self.vm, stream, message),
        )
    }

    fn cancel(&self, stream: u32) -> HostResult {
        self.call(
            || format!("cancel {stream}"),
            |sim| sim.cancel(self.vm, stream),
        )
    }

    fn stream_message(&self, len: usize) -> HostResult<Vec<u8>> {
        self.call(
            || format!("message of {len}"),
            |sim| sim.stream_message(len),
        )
    }

    fn stream_metadata(&self, name: &str) -> HostResult<Option<Vec<u8>>> {
        Ok(self.sim().stream_metadata(name))
    }

    fn register_queue(&self, name: &str) -> HostResult<u32> {
        let sim = self.sim();
        let queues = &mut sim.shared.borrow_mut().queues;
        queues.push((name.to_owned(), self.vm, 0));
        Ok(queues.len() as u32)
    }

    fn enqueue(&self, queue: u32) -> HostResult {
        self.call(
            || format!("enqueue {queue}"),
            |sim| {
                let vm = match sim.shared.borrow_mut().queues.get_mut(queue as usize - 1) {
                    Some((_, vm, waiting)) => {
                        *waiting += 1;
                        *vm
                    }
                    None => return refused("enqueue_shared_queue", HostError::NOT_FOUND),
                };
                let late = match sim.dice.one_in(sim.plan.faults.late_wake_up) {
                    true => sim.dice.below(60_000),
                    false => sim.dice.below(30),
                };
                sim.after(late, Event::Queue(vm));
                Ok(())
            },
        )
    }

    fn dequeue(&self, queue: u32) -> HostResult {
        let sim = self.sim();
        let mut shared = sim.shared.borrow_mut();
        match shared.queues.get_mut(queue as usize - 1) {
            Some((_, _, waiting)) if *waiting > 0 => {
                *waiting -= 1;
                Ok(())
            }
            _ => refused("dequeue_shared_queue", 7),
        }
    }

    fn shared(&self, key: &str) -> HostResult<(Option<Vec<u8>>, Version)> {
        let sim = self.sim();
        let shared = sim.shared.borrow();
        let found = shared.values.get(key).cloned();
        Ok(found.map_or((None, Version::ANY), |(value, version)| {
            (Some(value), Version(version))
        }))
    }

    fn set_shared(&self, key: &str, value: &[u8], version: Version) -> HostResult {
        let sim = self.sim();
        let values = &mut sim.shared.borrow_mut().values;
        let now = values.get(key).map_or(0, |(_, version)| *version);
        if version != Version::ANY && version != Version(now) {
            return refused("set_shared_data", HostError::CAS_MISMATCH);
        }
        values.insert(key.to_owned(), (value.to_vec(), now + 1));
        Ok(())
    }

    fn define_metric(&self, kind: MetricKind, name: &str) -> HostResult<u32> {
        Ok(self.sim().shared.borrow_mut().define(kind, name))
    }

    fn add_metric(&self, id: u32, offset: i64) -> HostResult {
        let sim = self.sim();
        let sound = sim.shared.borrow_mut().add(id, offset);
        if !sound {
            sim.fail(format!("the metric {id} can't have {offset} added"));
        }
        Ok(())
    }

    fn record_metric(&self, id: u32, _: u64) -> HostResult {
        self.sim().shared.borrow_mut().record(id);
        Ok(())
    }
}

/// Bytes as a line of a trace has them.
pub fn shown(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(90)];
    let more = if bytes.len() > 90 { "…" } else { "" };
    format!("{} bytes: {}{more}", bytes.len(), start.escape_ascii())
}
