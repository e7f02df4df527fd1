//! Forms: each file of a request is shown on its own, and what comes of all of them decides about the request.

use std::rc::Rc;

use super::ask::{Told, ask};
use super::exchange::Exchange;
use super::form::{Form, Next};
use super::upload::as_download;
use super::worker::Worker;
use crate::config::{Cause, ShownForm};
use crate::connection::UnitId;
use crate::host::{Fields, Host, HostError};
use crate::icap::{Direction, Method, Request, encode_request_head};
use crate::multipart::{Ambiguous, Boundary, Part};
use crate::product::ShownAs;
use crate::report::PartName;
use crate::submission::{Shown, Source, Submission};

/// Fields of a form that are not those of its files.
const OF_THE_FORM: [&[u8]; 5] = [
    b"content-disposition",
    b"content-encoding",
    b"content-length",
    b"content-type",
    b"transfer-encoding",
];
/// The type of a file that names none (RFC 7578 section 4.4 leaves it open).
const UNKNOWN_TYPE: &[u8] = b"application/octet-stream";

/// Why a part can't be shown, for the log.
type Fault = (Cause, String);

impl<H: Host> Worker<H> {
    /// Has a message shown, whose fields are given: the files of a form one by one, anything else as it is.
    pub(super) fn show(&mut self, id: u32, exchange: &mut Exchange, fields: &Fields) {
        match boundary(exchange, fields) {
            Ok(None) => self.show_whole(id, exchange),
            Ok(Some(boundary)) => {
                let form = Form::new(boundary, is_encoded(fields));
                exchange.form = Some(Box::new(form));
            }
            Err(why) => {
                let (cause, reason) = refused(why);
                self.fail(id, exchange, cause, reason);
            }
        }
    }

    /// Reads what has come of a form, and has shown what is complete.
    pub(super) fn step_form(&mut self, id: u32, exchange: &mut Exchange) {
        let body = exchange.body.progress();
        if body.ended && body.available == 0 {
            exchange.form = None;
            self.show_whole(id, exchange);
            return self.step_units(id, exchange);
        }
        let source = Source::Host(&self.host, id, exchange.direction, &Shown::Whole);
        let read = match &mut exchange.form {
            Some(form) => read_form(form, source, body.available, body.ended),
            None => Ok(()),
        };
        match read {
            Ok(()) => self.go_on_with_form(id, exchange),
            Err((cause, reason)) => self.fail(id, exchange, cause, reason),
        }
    }

    /// Has shown what may be, and concludes the form when all has ended.
    pub(super) fn go_on_with_form(&mut self, id: u32, exchange: &mut Exchange) {
        let parallel = exchange.profile.multipart_parallel;
        while !exchange.is_decided() {
            // A form does not overload the pool by its own parts: those that are under way make room.
            if !exchange.units.is_empty() && !self.connections.takes_another(exchange.pool) {
                break;
            }
            let next = exchange.form.as_mut();
            let Some((index, next)) = next.and_then(|form| form.next(parallel)) else {
                break;
            };
            let shown = match next {
                Next::Whole => {
                    exchange.form = None;
                    self.show_whole(id, exchange);
                    return self.step_units(id, exchange);
                }
                Next::File(part) => self.show_file(id, exchange, index, &part),
                Next::Fields(runs) => {
                    self.show_runs(id, exchange, index, Shown::Runs(runs.into()), None)
                }
            };
            if let Err((cause, reason)) = shown {
                self.fail(id, exchange, cause, reason);
            }
        }
        let is_complete = exchange
            .form
            .as_ref()
            .is_some_and(|form| form.is_complete());
        if is_complete && !exchange.is_decided() {
            self.conclude_form(id, exchange);
        }
    }

    fn show_file(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        index: u16,
        part: &Part,
    ) -> Result<(), Fault> {
        self.metrics.part_shown(&exchange.profile);
        let body = [part.body.clone()];
        self.show_runs(id, exchange, index, Shown::Runs(body.into()), Some(part))
    }

    /// Has ranges of a form shown: a file, or all parts that are no files.
    fn show_runs(
        &mut self,
        id: u32,
        exchange: &mut Exchange,
        index: u16,
        shown: Shown,
        part: Option<&Part>,
    ) -> Result<(), Fault> {
        let length = shown.extent(exchange.body.extent()).progress.available;
        let request = Rc::new(self.part_request(id, exchange, part, length)?);
        let name = part.map(|part| PartName::new(&part.name, part.file_name.as_deref()));
        let unit = UnitId {
            context: id,
            direction: exchange.direction,
            index,
        };
        let name = name.map(Rc::new);
        let submission = Submission::new(unit, exchange.pool, request, shown, name);
        exchange.units.push(submission);
        if let Some(step) = self.move_unit(exchange, unit, Submission::body) {
            self.take_part_step(id, exchange, index, step);
        }
        Ok(())
    }

    /// What is asked about a file of `length` bytes, or about the form that all parts make that are no files.
    fn part_request(
        &self,
        id: u32,
        exchange: &Exchange,
        part: Option<&Part>,
        length: u64,
    ) -> Result<Request, Fault> {
        let internal = |e: HostError| (Cause::Internal, e.to_string());
        self.host.enter(id).map_err(internal)?;
        let form = self.host.headers(Direction::Request).map_err(internal)?;
        let mut fields = form.clone();
        let length = (b"content-length".to_vec(), length.to_string().into_bytes());
        match part {
            Some(part) => {
                fields.retain(|(name, _)| !OF_THE_FORM.contains(&name.as_slice()));
                let media_type = part.content_type.as_deref().unwrap_or(UNKNOWN_TYPE);
                fields.push((b"content-type".to_vec(), media_type.to_vec()));
                let disposition = part.content_disposition.clone();
                fields.push((b"content-disposition".to_vec(), disposition));
            }
            None => fields.retain(|(name, _)| *name != length.0),
        }
        fields.push(length);
        let profile = &exchange.profile;
        let shown = match profile.scan_requests_as {
            ShownAs::Request => {
                encode_request_head(&fields).map(|request| (Method::Reqmod, (Some(request), None)))
            }
            ShownAs::Response => as_download(&fields)
                .map(|(request, response)| (Method::Respmod, (Some(request), Some(response)))),
        };
        let (method, heads) = shown.map_err(|e| {
            let reason = format!("a part of the form has no form for the server: {e}");
            (Cause::BadRequest, reason)
        })?;
        let watched = self.service(profile, exchange.direction);
        let told = Told::of(&self.host, self.now_ms, profile, watched);
        let told = match part {
            Some(_) => told.about_part(),
            None => told,
        };
        Ok(ask(
            profile,
            watched,
            &profile.service,
            method,
            (&form, &fields),
            heads,
            &told,
        ))
    }
}

/// The boundary of a form whose files are to be shown one by one; `None`: the message is shown as it is.
fn boundary(exchange: &Exchange, fields: &Fields) -> Result<Option<Boundary>, Ambiguous> {
    let is_asked_for = exchange.direction == Direction::Request
        && exchange.profile.multipart == ShownForm::Parts
        && !exchange.body.at_end;
    if !is_asked_for {
        return Ok(None);
    }
    let types = fields.iter().filter(|(name, _)| name == b"content-type");
    let types: Vec<&[u8]> = types.map(|(_, value)| value.as_slice()).collect();
    Boundary::of(&types.join(&b","[..]))
}

/// Whether a body is said to be encoded. Not every application looks at that: what is a form as it comes is read as one.
fn is_encoded(fields: &Fields) -> bool {
    let mut codings = fields
        .iter()
        .filter(|(name, _)| name == b"content-encoding");
    codings.any(|(_, coding)| !coding.trim_ascii().eq_ignore_ascii_case(b"identity"))
}

/// Reads on in a form.
fn read_form<H: Host>(
    form: &mut Form,
    source: Source<'_, H>,
    available: u64,
    ended: bool,
) -> Result<(), Fault> {
    let mut bytes = Vec::new();
    while let Some(range) = form.unread(available) {
        bytes.clear();
        let read = source.read(range, &mut bytes);
        read.map_err(|e| {
            let reason = format!("the body could not be read: {e}");
            (Cause::Internal, reason)
        })?;
        form.read(&bytes).map_err(refused)?;
    }
    match ended {
        true => form.end().map_err(refused),
        false => Ok(()),
    }
}

fn refused(why: Ambiguous) -> Fault {
    (
        Cause::BadRequest,
        format!("the form can be read in two ways: {why}"),
    )
}
