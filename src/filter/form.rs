//! A form whose files are shown one by one: what of it is to be shown next, and what takes the place of what.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::config::Cause;
use crate::multipart::{Ambiguous, Boundary, Layout, Parser, Part};
use crate::submission::{Held, PIECE_BYTES};

/// A form under scan.
#[derive(Debug)]
pub(super) struct Form {
    parser: Parser,
    /// For the reading of a changed one.
    boundary: Boundary,
    /// How many bytes were read.
    read: u64,
    /// Where the parts stand that are complete, in their order.
    parts: Vec<Placed>,
    /// Files that are complete and were not shown, with their places in `parts`.
    files: VecDeque<(usize, Part)>,
    stage: Stage,
    /// What each submission shows, by its index, and how long it is.
    shown: Vec<(Target, u64)>,
    /// How many of them have not ended.
    running: usize,
    /// What takes the place of what.
    changes: Vec<(Target, Held)>,
    /// The cause of the first failure that opens the form.
    failed_open: Option<Cause>,
}

/// How far the reading of a form got.
#[derive(Debug)]
enum Stage {
    /// More is to come.
    Coming,
    /// All parts are known; those that are no files were not shown.
    Ended(Layout),
    /// Nothing is left to be shown but files.
    Shown,
}

/// Where a part stands.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) whole: Range<u64>,
    pub(super) headers: Range<u64>,
    pub(super) body: Range<u64>,
    pub(super) is_file: bool,
    /// Of its names: a changed form has to have the same.
    names: u64,
}

/// What of a form a submission shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The file in that place.
    File(usize),
    /// All parts that are no files, as one form.
    Fields,
}

/// What is to be shown.
#[derive(Debug)]
pub(super) enum Next {
    /// A file.
    File(Part),
    /// These ranges, which are a form.
    Fields(Vec<Range<u64>>),
    /// The form as it is: it has no file.
    Whole,
}

impl Form {
    /// A form of which nothing was read.
    pub(super) fn new(boundary: Boundary) -> Self {
        Self {
            parser: Parser::new(boundary.clone()),
            boundary,
            read: 0,
            parts: Vec::new(),
            files: VecDeque::new(),
            stage: Stage::Coming,
            shown: Vec::new(),
            running: 0,
            changes: Vec::new(),
            failed_open: None,
        }
    }

    /// The next range to be read, of a body of which `available` bytes have come.
    pub(super) fn unread(&self, available: u64) -> Option<Range<u64>> {
        let end = available.min(self.read.saturating_add(PIECE_BYTES as u64));
        (self.read < end).then_some(self.read..end)
    }

    /// Reads on.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), Ambiguous> {
        self.read = self.read.saturating_add(bytes.len() as u64);
        let read = self.parser.push(bytes);
        while let Some(part) = self.parser.next_part() {
            let placed = Placed::of(&part);
            if placed.is_file {
                self.files.push_back((self.parts.len(), part));
            }
            self.parts.push(placed);
        }
        read
    }

    /// The body has come to its end.
    pub(super) fn end(&mut self) -> Result<(), Ambiguous> {
        if let Stage::Coming = self.stage {
            self.stage = Stage::Ended(self.parser.finish()?);
        }
        Ok(())
    }

    /// What is to be shown by the submission of that index, where no more than `parallel` are to run. Each index comes once.
    pub(super) fn next(&mut self, parallel: usize) -> Option<(u16, Next)> {
        if self.running >= parallel {
            return None;
        }
        let index = u16::try_from(self.shown.len()).ok()?;
        let (target, next) = match self.files.pop_front() {
            Some((place, part)) => (Target::File(place), Next::File(part)),
            None => (Target::Fields, self.fields()?),
        };
        let bytes = match &next {
            Next::File(part) => length(&part.body),
            Next::Fields(runs) => runs.iter().map(length).fold(0, u64::saturating_add),
            Next::Whole => self.read,
        };
        self.shown.push((target, bytes));
        self.running = self.running.saturating_add(1);
        Some((index, next))
    }

    /// What is left to be shown when all files are.
    fn fields(&mut self) -> Option<Next> {
        let Stage::Ended(layout) = &self.stage else {
            return None;
        };
        let mut runs: Vec<Range<u64>> = Vec::new();
        let fields = self.parts.iter().filter(|part| !part.is_file);
        for range in fields.map(|part| &part.whole).chain([&layout.closing]) {
            match runs.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => runs.push(range.clone()),
            }
        }
        let files = self.parts.iter().filter(|part| part.is_file).count();
        self.stage = Stage::Shown;
        match files {
            0 => Some(Next::Whole),
            files if files == self.parts.len() => None,
            _ => Some(Next::Fields(runs)),
        }
    }

    /// A submission has ended.
    pub(super) fn ended(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// Whether all was shown, and all that was shown has ended.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.stage, Stage::Shown) && self.running == 0 && self.files.is_empty()
    }

    /// How long the body is that the submission of that index shows.
    pub(super) fn shown_bytes(&self, index: u16) -> u64 {
        let shown = self.shown.get(usize::from(index));
        shown.map_or(0, |(_, bytes)| *bytes)
    }

    /// A part failed with that cause, which lets the form go on.
    pub(super) fn fail_open(&mut self, cause: Cause) {
        self.failed_open.get_or_insert(cause);
    }

    /// The cause of the first such failure.
    pub(super) fn failed_open(&self) -> Option<Cause> {
        self.failed_open
    }

    /// Notes what takes the place of what the submission of that index showed.
    pub(super) fn change(&mut self, index: u16, body: Held) {
        if let Some((target, _)) = self.shown.get(usize::from(index)) {
            self.changes.push((*target, body));
        }
    }

    /// Whether anything takes the place of anything.
    pub(super) fn is_changed(&self) -> bool {
        !self.changes.is_empty()
    }

    /// What takes the place of what.
    pub(super) fn take_changes(&mut self) -> Vec<(Target, Held)> {
        std::mem::take(&mut self.changes)
    }

    /// The parts that are complete, in their order.
    pub(super) fn parts(&self) -> &[Placed] {
        &self.parts
    }

    /// What its delimiters are made of.
    pub(super) fn boundary(&self) -> &Boundary {
        &self.boundary
    }

    /// How much is held of changes, in bytes.
    pub(super) fn held_bytes(&self) -> u64 {
        let held = self.changes.iter().map(|(_, held)| held.len());
        held.fold(0, u64::saturating_add)
    }
}

impl Placed {
    fn of(part: &Part) -> Self {
        Self {
            whole: part.whole.clone(),
            headers: part.headers.clone(),
            body: part.body.clone(),
            // A browser sends an input in which no file was chosen as one without a name and without bytes.
            is_file: part.is_file()
                && !(part.body.is_empty() && part.file_name.as_deref() == Some("")),
            names: names(part),
        }
    }

    /// Whether another has the same names.
    pub(super) fn is_named_as(&self, part: &Part) -> bool {
        self.names == names(part)
    }
}

/// Both names of a part, as a number: a form may have a thousand long ones.
fn names(part: &Part) -> u64 {
    let mut names = DefaultHasher::new();
    (&part.name, &part.file_name).hash(&mut names);
    names.finish()
}

pub(super) fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;
