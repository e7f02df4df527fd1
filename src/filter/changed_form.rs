//! Makes the form in which changed parts stand in the place of the original ones.

use std::ops::Range;

use super::fault::{Fault, no_room};
use super::form::{Form, Placed};
use super::part_results::Target;
use super::replacement::Piece;
use crate::config::Cause;
use crate::multipart::{Ambiguous, Parser, Part};
use crate::submission::{Budget, Held, NotKept, OverBudget, PIECE_BYTES};

/// Why changed fields can't take the place of the original ones.
const OTHER_FIELDS: &str = "the server changed the fields of the form into others";
/// Why a changed form can't take the place of the original.
const OTHER_PARTS: &str = "the changed form has other parts";

/// Other bytes in the place of a range of the original.
type Edit = (Range<u64>, Held);

/// Edits in the order of the original. None overlap.
#[derive(Default)]
struct Edits(Vec<Edit>);

impl Edits {
    fn add(&mut self, range: Range<u64>, held: Held) {
        let at = self
            .0
            .partition_point(|(before, _)| before.start < range.start);
        self.0.insert(at, (range, held));
    }
}

impl Form {
    /// The form with these changes, piece by piece. `read` gives a range of the original, which has `available` bytes.
    ///
    /// # Errors
    /// A change would give the form other parts, or there is no room for it.
    pub(super) fn changed(
        &self,
        changes: Vec<(Target, Held)>,
        available: u64,
        budget: &Budget,
        read: impl Fn(Range<u64>) -> Option<Vec<u8>>,
    ) -> Result<Vec<Piece>, Fault> {
        let mut edits = Edits::default();
        for (target, held) in changes {
            match target {
                Target::File(place) => {
                    if let Some(part) = self.parts().get(place) {
                        if let Some((value, length)) = length_edit(part, held.len(), budget, &read)?
                        {
                            edits.add(value, length);
                        }
                        edits.add(part.body.clone(), held);
                    }
                }
                Target::Fields => self.field_edits(&held, budget, &mut edits)?,
                // These targets are no parts of the form.
                Target::Whole | Target::Value | Target::Trailers => {}
            }
        }
        let mut pieces = Vec::new();
        let mut end = 0;
        for (range, held) in edits.0 {
            pieces.push(Piece::Same(end..range.start));
            pieces.push(Piece::Other(held));
            end = range.end;
        }
        pieces.push(Piece::Same(end..available));
        pieces.retain(|piece| piece.len() > 0);
        self.check(&pieces, read)?;
        Ok(pieces)
    }

    /// Adds the edits for the changed fields, each in the place of its original.
    fn field_edits(&self, held: &Held, budget: &Budget, edits: &mut Edits) -> Result<(), Fault> {
        let other = || (Cause::Protocol, OTHER_FIELDS.to_owned());
        let mut parser = Parser::new(self.boundary().clone());
        let mut fields = self.parts().iter().filter(|part| !part.is_file);
        let mut put = |part: &Part| {
            let field = fields.next().filter(|field| field.is_named_as(part));
            let field = field.ok_or_else(other)?;
            let mut bytes = Held::new(budget);
            held.copy_to(part.whole.clone(), &mut bytes)
                .map_err(no_space)?;
            edits.add(field.whole.clone(), bytes);
            Ok::<(), Fault>(())
        };
        for piece in held.pieces() {
            parser.push(piece).map_err(|_| other())?;
            while let Some(part) = parser.next_part() {
                put(&part)?;
            }
        }
        parser.finish().map_err(|_| other())?;
        match fields.next() {
            None => Ok(()),
            Some(_) => Err(other()),
        }
    }

    /// Reads the changed form as the application will, and checks that the form has the same parts as before.
    fn check(
        &self,
        pieces: &[Piece],
        read: impl Fn(Range<u64>) -> Option<Vec<u8>>,
    ) -> Result<(), Fault> {
        let other = |why: Ambiguous| (Cause::Protocol, format!("{OTHER_PARTS}: {why}"));
        let mut parser = Parser::new(self.boundary().clone());
        let mut parts = self.parts().iter();
        let mut same = true;
        let mut feed = |bytes: &[u8]| {
            parser.push(bytes).map_err(other)?;
            while let Some(part) = parser.next_part() {
                same &= parts.next().is_some_and(|known| known.is_named_as(&part));
            }
            Ok::<(), Fault>(())
        };
        for piece in pieces {
            match piece {
                Piece::Same(range) => {
                    let mut start = range.start;
                    while start < range.end {
                        let end = range.end.min(start.saturating_add(PIECE_BYTES as u64));
                        feed(&read(start..end).ok_or_else(unreadable)?)?;
                        start = end;
                    }
                }
                Piece::Other(held) => held.pieces().try_for_each(&mut feed)?,
            }
        }
        parser.finish().map_err(other)?;
        match same && parts.next().is_none() {
            true => Ok(()),
            false => Err((Cause::Protocol, OTHER_PARTS.to_owned())),
        }
    }
}

/// The edit of the part's own `Content-Length`, where the part has one.
fn length_edit(
    part: &Placed,
    len: u64,
    budget: &Budget,
    read: impl Fn(Range<u64>) -> Option<Vec<u8>>,
) -> Result<Option<Edit>, Fault> {
    let headers = read(part.headers.clone()).ok_or_else(unreadable)?;
    let Some(value) = length_value(&headers) else {
        return Ok(None);
    };
    let at = |offset: usize| part.headers.start.saturating_add(offset as u64);
    let mut held = Held::new(budget);
    held.extend(len.to_string().as_bytes()).map_err(no_space)?;
    Ok(Some((at(value.start)..at(value.end), held)))
}

/// Where the value of `Content-Length` stands in a part's header lines.
fn length_value(headers: &[u8]) -> Option<Range<usize>> {
    let mut start = 0_usize;
    for line in headers.split_inclusive(|b| *b == b'\n') {
        let colon = memchr::memchr(b':', line);
        if let Some((name, value)) = colon.and_then(|colon| line.split_at_checked(colon))
            && name.trim_ascii().eq_ignore_ascii_case(b"content-length")
        {
            let value = value.strip_prefix(b":").unwrap_or(value);
            let led = value.trim_ascii_start();
            let begin = start.saturating_add(line.len()).saturating_sub(led.len());
            return Some(begin..begin.saturating_add(led.trim_ascii_end().len()));
        }
        start = start.saturating_add(line.len());
    }
    None
}

fn no_space(over: OverBudget) -> Fault {
    no_room(over.into())
}

fn unreadable() -> Fault {
    no_room(NotKept::Unreadable)
}
