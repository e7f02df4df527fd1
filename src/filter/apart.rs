//! A message that is shown to servers in parts: finds the parts, says which to show next, and collects the changes.

use std::ops::Range;
use std::rc::Rc;

use super::coded::Coded;
use super::form::{Form, Rest};
use super::framed::Framed;
use super::indivisible::Indivisible;
use super::part_results::{PartResults, Target};
use super::values::Values;
use crate::bug::{Bug, bug};
use crate::extract::{Unextractable, Value};
use crate::host::Fields;
use crate::icap::Trailers;
use crate::multipart::Part;
use crate::submission::{Content, Held, PIECE_BYTES, Shown};

/// Why an upload in `aws-chunked` can't be changed.
const FRAMED: &str =
    "the server changed an upload in aws-chunked, whose checksums and signatures would be wrong";
/// Why an encoded part can't be changed.
const ENCODED: &str = "the server changed a part that was decoded for it";
/// Why a value within the body can't be changed.
const VALUE: &str = "the server changed a value that stands within the body";

/// Why a form with a content coding can't be changed.
const CODED: &str = "the server changed a part of a form that was decoded for it";
/// Why trailers can't be changed into a body.
const TRAILERS: &str = "the server added a body to trailers";

/// A message that is shown in parts.
///
/// ```text
///  body ──framing taken off, decoded──▶ content ──form──▶ files, fields
///                                               └──────▶ the content as a whole, and the values in it
/// ```
#[derive(Debug)]
pub(super) struct Apart {
    /// The `aws-chunked` framing around the content.
    framed: Option<Framed>,
    /// The decoder of the content's coding.
    coded: Option<Coded>,
    form: Option<Form>,
    /// The search for values, which are shown beside all else.
    values: Option<Values>,
    trailers: TrailerScan,
    /// Where the submission of the content finds the trailers that it sends behind its body. `None`: it sends none, or has ended.
    behind_body: Option<Rc<Trailers>>,
    /// The whole body has come and was read.
    ended: bool,
    /// How many bytes of the body were read.
    read: u64,
    /// The content as a whole is still to be shown.
    whole_is_due: bool,
    /// The target of each submission, by its index, and the target's length in bytes once the target has come in whole.
    shown: Vec<(Target, Option<u64>)>,
    /// How many submissions have not ended.
    running: usize,
    /// What has become of the parts.
    pub(super) results: PartResults,
}

/// Whether trailers are to be shown.
#[derive(Debug)]
enum TrailerScan {
    /// No trailers are shown.
    Unwanted,
    /// No trailers have come, and the message has not ended.
    Wanted,
    /// The submission of the content has got these trailers, to send them behind its body.
    Given(Fields),
    /// These trailers are to be shown by a submission of their own.
    Due(Fields),
    /// The message has ended, and its trailers are shown.
    Settled,
}

/// What is to be shown next, with its ranges in the body.
#[derive(Debug)]
pub(super) enum Next {
    /// The content as it is.
    Whole,
    /// A file of a form.
    File(Part, Vec<Range<u64>>),
    /// The fields of a form: these ranges together are a form of their own.
    Fields(Vec<Range<u64>>),
    /// A value within the content.
    Value(Value, Vec<Range<u64>>),
    /// Trailers.
    Trailers(Fields),
}

impl Apart {
    /// A message of which nothing was read, with any of: framing, a form, a search for values.
    pub(super) fn new(framed: Option<Framed>, form: Option<Form>, values: Option<Values>) -> Self {
        Self {
            values,
            trailers: TrailerScan::Unwanted,
            behind_body: None,
            coded: None,
            ended: false,
            whole_is_due: form.is_none(),
            framed,
            form,
            read: 0,
            shown: Vec::new(),
            running: 0,
            results: PartResults::default(),
        }
    }

    /// The same message with a coded content.
    pub(super) fn decoding(self, coded: Option<Coded>) -> Self {
        Self { coded, ..self }
    }

    /// Where the content stands within its framing, as far as that is read.
    pub(super) fn framed_content(&self) -> Option<Rc<Content>> {
        self.framed
            .as_ref()
            .map(|framed| Rc::clone(framed.content()))
    }

    /// The same message, whose trailers are to be shown.
    pub(super) fn with_trailers(self) -> Self {
        Self {
            trailers: TrailerScan::Wanted,
            ..self
        }
    }

    /// The server takes trailers behind a body: gives the place for them where they are shown and the content is one body.
    /// `announced`: the names that the message's head announces.
    pub(super) fn show_behind_body(&mut self, announced: String) -> Option<Rc<Trailers>> {
        if self.form.is_none() && matches!(self.trailers, TrailerScan::Wanted) {
            self.behind_body = Some(Rc::new(Trailers::announced(announced)));
        }
        self.behind_body.clone()
    }

    /// The message has ended, with these trailers.
    pub(super) fn take_trailers(&mut self, fields: Fields) {
        if !matches!(self.trailers, TrailerScan::Wanted) {
            return;
        }
        let given = self
            .behind_body
            .as_ref()
            .is_some_and(|place| place.put(&fields).is_ok());
        self.trailers = match given {
            _ if fields.is_empty() => TrailerScan::Settled,
            true => TrailerScan::Given(fields),
            false => TrailerScan::Due(fields),
        };
    }

    /// The next range to read of the body, of which `available` bytes have come.
    pub(super) fn unread(&self, available: u64) -> Option<Range<u64>> {
        let looks = self.framed.is_some() || self.coded.is_some();
        if !looks && self.form.is_none() && self.values.is_none() {
            return None;
        }
        let end = available.min(self.read.saturating_add(PIECE_BYTES as u64));
        (self.read < end).then_some(self.read..end)
    }

    /// Reads the next bytes of the body.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), Indivisible> {
        let start = self.read;
        self.read = start.saturating_add(bytes.len() as u64);
        let Some(framed) = &mut self.framed else {
            return self.look(bytes);
        };
        for range in framed.read(bytes).map_err(Indivisible::Upload)? {
            let at =
                |offset: u64| usize::try_from(offset.saturating_sub(start)).unwrap_or_default();
            let content = bytes.get(at(range.start)..at(range.end));
            self.look(content.unwrap_or_default())?;
        }
        Ok(())
    }

    /// Reads the next bytes of the content, coded or not.
    fn look(&mut self, content: &[u8]) -> Result<(), Indivisible> {
        let Some(mut coded) = self.coded.take() else {
            return self.look_into(content);
        };
        let read = coded.read(content, |content| self.look_into(content));
        self.coded = Some(coded);
        read
    }

    /// Reads the next bytes of the decoded content.
    fn look_into(&mut self, content: &[u8]) -> Result<(), Indivisible> {
        if let Some(values) = &mut self.values {
            values.read(content);
        }
        match &mut self.form {
            Some(form) => form.read(content).map_err(Indivisible::Form),
            None => Ok(()),
        }
    }

    /// The whole body was read.
    pub(super) fn end(&mut self) -> Result<(), Indivisible> {
        if let Some(framed) = &self.framed {
            framed.end().map_err(Indivisible::Upload)?;
        }
        if let Some(coded) = &self.coded {
            coded.end()?;
        }
        if let Some(form) = &mut self.form {
            form.end().map_err(Indivisible::Form)?;
        }
        if let Some(values) = &mut self.values {
            values.end();
        }
        self.ended = true;
        Ok(())
    }

    /// Why the search for values has stopped. Gives the reason once.
    pub(super) fn take_fault(&mut self) -> Option<Unextractable> {
        self.values.as_mut().and_then(Values::take_fault)
    }

    /// What to show next, and the index of the submission for it. `None` where `parallel` submissions run already or nothing is
    /// left. Each index comes once.
    pub(super) fn next(&mut self, parallel: usize) -> Option<(u16, Next)> {
        if self.running >= parallel {
            return None;
        }
        let index = u16::try_from(self.shown.len()).ok()?;
        let (target, next) = self.take_next()?;
        self.shown.push((target, None));
        self.running = self.running.saturating_add(1);
        Some((index, next))
    }

    fn take_next(&mut self) -> Option<(Target, Next)> {
        if std::mem::take(&mut self.whole_is_due) {
            return Some((Target::Whole, Next::Whole));
        }
        if let Some(value) = self.values.as_mut().and_then(Values::next) {
            let runs = self.places(std::slice::from_ref(&value.range));
            return Some((Target::Value, Next::Value(value, runs)));
        }
        if let TrailerScan::Due(fields) = &mut self.trailers {
            let fields = std::mem::take(fields);
            self.trailers = TrailerScan::Settled;
            return Some((Target::Trailers, Next::Trailers(fields)));
        }
        let form = self.form.as_mut()?;
        if let Some((place, part)) = form.next_file() {
            let runs = self.places(std::slice::from_ref(&part.body));
            return Some((Target::File(place), Next::File(part, runs)));
        }
        match form.rest()? {
            Rest::Whole => Some((Target::Whole, Next::Whole)),
            Rest::Fields(runs) => Some((Target::Fields, Next::Fields(self.places(&runs)))),
        }
    }

    /// Where ranges of the content stand in the body.
    fn places(&self, ranges: &[Range<u64>]) -> Vec<Range<u64>> {
        match &self.framed {
            // Ranges of a decoded content stay as they are: `shown_of` puts them within the coded body.
            _ if self.coded.is_some() => ranges.to_vec(),
            None => ranges.to_vec(),
            Some(framed) => {
                let places = ranges.iter().map(|range| framed.content().places(range));
                places.flatten().collect()
            }
        }
    }

    /// Whether the message is a form and nothing else to take apart. Such a form without a file is shown as any other message.
    pub(super) fn is_only_form(&self) -> bool {
        self.framed.is_none()
            && self.coded.is_none()
            && self.values.is_none()
            && matches!(self.trailers, TrailerScan::Unwanted)
    }

    /// The content as a whole, as a submission shows it.
    pub(super) fn whole(&self) -> Shown {
        match (&self.coded, &self.framed) {
            (Some(_), _) => self.shown_of(Shown::Whole),
            (None, None) => Shown::Whole,
            (None, Some(framed)) => Shown::Content(Rc::clone(framed.content())),
        }
    }

    /// What [`Apart::next`] gave, as a submission shows it.
    pub(super) fn shown_of(&self, shown: Shown) -> Shown {
        match &self.coded {
            Some(coded) => Shown::Within(Rc::clone(coded.encoded()), Rc::new(shown)),
            None => shown,
        }
    }

    /// Whether the content is decoded.
    pub(super) fn is_decoded(&self) -> bool {
        self.coded.is_some()
    }

    /// The submission of that index has ended. `judged`: its server lets it pass, or changes it.
    pub(super) fn ended(&mut self, index: u16, judged: bool) {
        self.running = self.running.saturating_sub(1);
        let is_whole = matches!(self.shown.get(usize::from(index)), Some((Target::Whole, _)));
        let Some(place) = self.behind_body.take_if(|_| is_whole) else {
            return;
        };
        if let TrailerScan::Given(fields) = &mut self.trailers {
            let fields = std::mem::take(fields);
            // The server may have answered before the end of the body.
            let shown = place.sent().is_some() || bug(Bug::UnsentTrailersCount);
            self.trailers = match judged && shown {
                true => TrailerScan::Settled,
                false => TrailerScan::Due(fields),
            };
        }
    }

    /// Whether everything was shown and every submission has ended.
    pub(super) fn is_complete(&self) -> bool {
        (self.running == 0 || bug(Bug::FirstPartDecides))
            && self.ended
            && !self.whole_is_due
            && matches!(self.trailers, TrailerScan::Unwanted | TrailerScan::Settled)
            && self.values.as_ref().is_none_or(Values::are_shown)
            && self.form.as_ref().is_none_or(Form::is_shown)
    }

    /// Notes the length in bytes of the body that the submission of that index shows.
    pub(super) fn shows(&mut self, index: u16, length: u64) {
        if let Some((_, bytes)) = self.shown.get_mut(usize::from(index)) {
            *bytes = Some(length);
        }
    }

    /// The length in bytes of the body that the submission of that index shows; `None`: not all of this body has come.
    pub(super) fn shown_bytes(&self, index: u16) -> Option<u64> {
        let whole = match (&self.coded, &self.framed) {
            (Some(coded), _) => Some(coded.encoded().extent().progress),
            (None, framed) => framed.as_ref().map(|it| it.content().extent().progress),
        };
        match (self.shown.get(usize::from(index))?, whole) {
            ((Target::Whole, _), Some(whole)) => whole.ended.then_some(whole.available),
            ((_, bytes), _) => *bytes,
        }
    }

    /// Why the server can't change what the submission of that index shows; `None`: the server can.
    pub(super) fn fixed(&self, index: u16) -> Option<&'static str> {
        if self.framed.is_some() {
            return Some(FRAMED);
        }
        match (self.shown.get(usize::from(index))?, &self.form) {
            ((Target::Value, _), _) => Some(VALUE),
            ((Target::Trailers, _), _) => Some(TRAILERS),
            (_, Some(_)) if self.coded.is_some() => Some(CODED),
            ((Target::File(place), _), Some(form)) => {
                form.parts().get(*place)?.is_encoded.then_some(ENCODED)
            }
            _ => None,
        }
    }

    /// Whether the submission of that index shows the message itself: the whole content, without framing around it.
    pub(super) fn is_message(&self, index: u16) -> bool {
        let shown = self.shown.get(usize::from(index));
        self.framed.is_none() && shown.is_some_and(|(target, _)| *target == Target::Whole)
    }

    /// Notes the changed body of what the submission of that index showed.
    pub(super) fn change(&mut self, index: u16, body: Held) {
        if let Some((target, _)) = self.shown.get(usize::from(index)) {
            self.results.change(*target, body);
        }
    }

    /// The form, and the changed parts with the targets whose places they take.
    pub(super) fn take_changes(&mut self) -> Option<(&Form, Vec<(Target, Held)>)> {
        let changes = self.results.take_changes();
        self.form.as_ref().map(|form| (form, changes))
    }
}

#[cfg(test)]
#[path = "apart_tests.rs"]
mod tests;
