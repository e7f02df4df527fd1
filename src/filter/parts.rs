//! Messages that are shown in parts: decides how a message is taken apart, reads its body as it comes, and starts a submission
//! for each part.

use std::ops::Range;
use std::rc::Rc;

use super::apart::{Apart, Next};
use super::bare_fields::{without_coding, without_length};
use super::exchange::Exchange;
use super::fault::{Fault, not_apart, not_decoded, unreadable};
use super::part_request::Head;
use super::take_apart::take_apart;
use super::worker::Worker;
use crate::config::{Cause, FailAction};
use crate::connection::UnitId;
use crate::extract::{self, Value};
use crate::host::{Fields, Host};
use crate::icap::{Direction, Request};
use crate::multipart::Part;
use crate::report::{Outcome, PartName};
use crate::submission::{Decoded, Decoder, Shown, Source, Submission};
use crate::transfer_encoding::{self, TransferEncoding};

impl<H: Host> Worker<H> {
    /// Begins the scan of a message with these fields, in parts or as it is.
    pub(super) fn show(&mut self, id: u32, exchange: &mut Exchange, fields: &Fields) {
        let shown = match take_apart(exchange, fields, &self.budget) {
            Ok(None) => {
                self.show_whole(id, exchange);
                Ok(())
            }
            Ok(Some(apart)) => self.show_apart(exchange, fields, apart),
            Err(why) => Err(not_apart(why)),
        };
        if let Err((cause, reason)) = shown {
            self.fail(id, exchange, cause, reason);
        }
    }

    /// Begins the scan of a message in parts.
    fn show_apart(
        &mut self,
        exchange: &mut Exchange,
        fields: &Fields,
        mut apart: Apart,
    ) -> Result<(), Fault> {
        if apart.is_decoded() {
            exchange.is_decoded = true;
            let head = without_coding(&without_length(fields));
            exchange.request = Rc::new(self.request_with_head(exchange, fields, &head)?);
        } else if let Some(length) = apart.whole().announced() {
            let head = Head::Unframed;
            exchange.request = Rc::new(self.request_of_part(exchange, fields, head, length)?);
        }
        self.show_behind_body(exchange, fields, &mut apart);
        exchange.apart = Some(Box::new(apart));
        Ok(())
    }

    /// Reads the bytes that have come of a message that is shown in parts, and shows the parts that have come in whole.
    pub(super) fn step_apart(&mut self, id: u32, exchange: &mut Exchange) {
        let body = exchange.body.progress();
        if body.ended
            && body.available == 0
            && exchange
                .apart
                .as_ref()
                .is_some_and(|apart| apart.is_only_form())
        {
            exchange.apart = None;
            self.show_whole(id, exchange);
            return self.step_units(id, exchange);
        }
        let source = Source::Host(&self.host, id, exchange.direction, &Shown::Whole);
        let read = match &mut exchange.apart {
            Some(apart) => {
                if exchange.body.at_end {
                    apart.take_trailers(Fields::new());
                }
                read_on(apart, source, body.available, body.ended)
            }
            None => Ok(()),
        };
        match read {
            Ok(()) => {
                self.note_fault(id, exchange);
                self.step_units(id, exchange);
                self.go_on_apart(id, exchange);
            }
            Err((cause, reason)) => self.fail(id, exchange, cause, reason),
        }
    }

    /// If the search for values has stopped, the content counts as unscannable, as if a server had said so. A failure that opens
    /// must not let the body or another value pass that is infected: these are still scanned.
    fn note_fault(&mut self, id: u32, exchange: &mut Exchange) {
        let cause = Cause::Unscannable;
        let monitored = exchange.is_monitored();
        let Some(apart) = &mut exchange.apart else {
            return;
        };
        let Some(why) = apart.take_fault() else {
            return;
        };
        let reason = format!("the values in the body can't be looked for: {why}");
        let opens = exchange.profile.fail_action(cause) == FailAction::Open;
        if opens || monitored {
            apart.results.fail_open(cause, !opens);
            let mut record = self.failed_record(id, exchange, cause, &reason);
            if !opens {
                record.outcome = Some(Outcome::Blocked);
            }
            exchange.journal.push(*record);
        } else {
            self.fail(id, exchange, cause, reason);
        }
    }

    /// Starts as many submissions as may run, and concludes the message when all have ended.
    pub(super) fn go_on_apart(&mut self, id: u32, exchange: &mut Exchange) {
        let parallel = exchange.profile.multipart_parallel;
        while !exchange.is_decided() {
            // A message must not overload the pool by its own parts: the next part waits until a running one ends.
            if !exchange.units.is_empty() && !self.connections.takes_another(exchange.pool) {
                break;
            }
            let Some(apart) = &mut exchange.apart else {
                break;
            };
            let Some((index, next)) = apart.next(parallel) else {
                break;
            };
            let shown = match next {
                Next::Whole if apart.is_only_form() => {
                    exchange.apart = None;
                    self.show_whole(id, exchange);
                    return self.step_units(id, exchange);
                }
                Next::Whole => {
                    let (request, shown) = (exchange.request.clone(), apart.whole());
                    self.show_part(id, exchange, index, request, shown, None);
                    Ok(())
                }
                Next::File(part, runs) => {
                    let name = PartName::new(&part.name, part.file_name.as_deref());
                    self.metrics.part_shown(&exchange.profile);
                    let file = Head::File(&part);
                    self.file(id, exchange, &part, runs.into())
                        .and_then(|shown| {
                            self.show_runs(id, exchange, index, file, shown, Some(name))
                        })
                }
                Next::Value(value, runs) => {
                    self.show_value(id, exchange, index, &value, runs.into())
                }
                Next::Trailers(fields) => self.show_trailers(id, exchange, index, fields),
                Next::Fields(runs) => {
                    let shown = apart.shown_of(Shown::Runs(runs.into()));
                    self.show_runs(id, exchange, index, Head::Fields, shown, None)
                }
            };
            if let Err((cause, reason)) = shown {
                self.fail(id, exchange, cause, reason);
            }
        }
        let is_complete = exchange
            .apart
            .as_ref()
            .is_some_and(|apart| apart.is_complete());
        if is_complete && !exchange.is_decided() {
            self.conclude_apart(id, exchange);
        }
    }

    /// Shows a part that has come in whole: a file, a value, or the fields of a form.
    fn show_runs(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        index: u16,
        head: Head<'_>,
        shown: Shown,
        name: Option<PartName>,
    ) -> Result<(), Fault> {
        let length = shown.extent(exchange.body.extent()).progress.available;
        let internal = |e| (Cause::Internal, format!("{e}"));
        self.host.enter(id).map_err(internal)?;
        let fields = self.host.headers(Direction::Request).map_err(internal)?;
        let request = Rc::new(self.request_of_part(exchange, &fields, head, length)?);
        if let Some(apart) = &mut exchange.apart {
            apart.shows(index, length);
        }
        self.show_part(id, exchange, index, request, shown, name.map(Rc::new));
        Ok(())
    }

    /// Decodes and shows a value, unless it is empty.
    fn show_value(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        index: u16,
        value: &Value,
        runs: Rc<[Range<u64>]>,
    ) -> Result<(), Fault> {
        let coded = shown_of(exchange, Shown::Runs(Rc::clone(&runs)));
        let source = Source::Host(&self.host, id, exchange.direction, &coded);
        let decoder = Decoder::Value(extract::Decoder::new(value.encoding));
        let decoded = Decoded::new(runs, decoder, |range, out| source.read(range, out));
        let decoded = decoded.map_err(not_decoded)?;
        if decoded.is_empty() {
            if let Some(apart) = &mut exchange.apart {
                apart.ended(index, true);
            }
            return Ok(());
        }
        self.metrics.part_shown(&exchange.profile);
        let shown = shown_of(exchange, Shown::Decoded(Rc::new(decoded)));
        let name = PartName::new(&value.name, None);
        self.show_runs(id, exchange, index, Head::Value, shown, Some(name))
    }

    /// A file as a submission shows it: without its transfer encoding.
    fn file(
        &self,
        id: u32,
        exchange: &Exchange,
        part: &Part,
        runs: Rc<[Range<u64>]>,
    ) -> Result<Shown, Fault> {
        if part.encoding == TransferEncoding::Identity {
            return Ok(shown_of(exchange, Shown::Runs(runs)));
        }
        let coded = shown_of(exchange, Shown::Runs(Rc::clone(&runs)));
        let source = Source::Host(&self.host, id, exchange.direction, &coded);
        let decoder = Decoder::Transfer(transfer_encoding::Decoder::new(part.encoding));
        let decoded = Decoded::new(runs, decoder, |range, out| source.read(range, out));
        decoded
            .map(|decoded| shown_of(exchange, Shown::Decoded(Rc::new(decoded))))
            .map_err(not_decoded)
    }

    pub(super) fn show_part(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        index: u16,
        request: Rc<Request>,
        shown: Shown,
        name: Option<Rc<PartName>>,
    ) {
        let unit = UnitId {
            context: id,
            direction: exchange.direction,
            index,
        };
        let submission = Submission::new(unit, exchange.pool, request, shown, name);
        exchange.units.push(submission);
        if let Some(step) = self.move_unit(exchange, unit, Submission::body) {
            self.take_part_step(id, exchange, index, step);
        }
    }
}

/// A part of the message as a submission shows it: within the decoded content, where the message is coded.
fn shown_of(exchange: &Exchange, shown: Shown) -> Shown {
    match &exchange.apart {
        Some(apart) => apart.shown_of(shown),
        None => shown,
    }
}

/// Reads the bytes of a body that have come.
fn read_on<H: Host>(
    apart: &mut Apart,
    source: Source<'_, H>,
    available: u64,
    ended: bool,
) -> Result<(), Fault> {
    let mut bytes = Vec::new();
    while let Some(range) = apart.unread(available) {
        bytes.clear();
        let read = source.read(range, &mut bytes);
        read.map_err(unreadable)?;
        apart.read(&bytes).map_err(not_apart)?;
    }
    match ended {
        true => apart.end().map_err(not_apart),
        false => Ok(()),
    }
}
