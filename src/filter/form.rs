//! A form, or another multipart, whose files are shown one by one: which parts it has.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::bug::{Bug, bug};
use crate::multipart::{Ambiguous, Boundary, Layout, Parser, Part};
use crate::transfer_encoding::TransferEncoding;

/// A form under scan. All ranges are in bytes of the content: of the body, where no framing stands around that.
#[derive(Debug)]
pub(super) struct Form {
    parser: Parser,
    /// For the reading of a changed one.
    boundary: Boundary,
    /// It is said to be encoded: then it may be no form before it is decoded.
    is_encoded: bool,
    /// Where the parts stand that are complete, in their order.
    parts: Vec<Placed>,
    /// Files that are complete and were not shown, with their places in `parts`.
    files: VecDeque<(usize, Part)>,
    stage: Stage,
}

/// How far the reading of a form got.
#[derive(Debug)]
enum Stage {
    /// More is to come.
    Coming,
    /// All parts are known; those that are no files were not shown.
    Ended(Layout),
    /// It has none that could be known.
    Opaque,
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
    /// Its body is in a transfer encoding.
    pub(super) is_encoded: bool,
    /// Of its names: a changed form has to have the same.
    names: u64,
}

/// What is left to be shown of a form beside its files.
#[derive(Debug)]
pub(super) enum Rest {
    /// These ranges, which are a form of all parts that are no files.
    Fields(Vec<Range<u64>>),
    /// The form as it is: it has no file.
    Whole,
}

impl Form {
    /// A form of which nothing was read.
    pub(super) fn new(boundary: Boundary, is_encoded: bool) -> Self {
        Self {
            is_encoded,
            parser: Parser::new(boundary.clone()),
            boundary,
            parts: Vec::new(),
            files: VecDeque::new(),
            stage: Stage::Coming,
        }
    }

    /// Reads on.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), Ambiguous> {
        let read = self.parser.push(bytes);
        while let Some(part) = self.parser.next_part() {
            let placed = Placed::of(&part);
            if placed.is_file && (self.parts.is_empty() || !bug(Bug::FileUnshown)) {
                self.files.push_back((self.parts.len(), part));
            }
            self.parts.push(placed);
        }
        read
    }

    /// The body has come to its end.
    pub(super) fn end(&mut self) -> Result<(), Ambiguous> {
        if let Stage::Coming = self.stage {
            self.stage = match self.parser.finish() {
                Err(_) if self.is_encoded && !self.parser.has_delimiter() => Stage::Opaque,
                Err(_) if bug(Bug::AmbiguousFormShown) => Stage::Opaque,
                layout => Stage::Ended(layout?),
            };
        }
        Ok(())
    }

    /// The next file, with its place among the parts. Each comes once.
    pub(super) fn next_file(&mut self) -> Option<(usize, Part)> {
        self.files.pop_front()
    }

    /// What is left when all files were taken and the form is at its end; once.
    pub(super) fn rest(&mut self) -> Option<Rest> {
        let layout = match &self.stage {
            Stage::Ended(layout) => layout,
            Stage::Opaque => {
                self.stage = Stage::Shown;
                return Some(Rest::Whole);
            }
            Stage::Coming | Stage::Shown => return None,
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
            0 => Some(Rest::Whole),
            files if files == self.parts.len() || bug(Bug::FieldsUnshown) => None,
            _ => Some(Rest::Fields(runs)),
        }
    }

    /// Whether all was taken that is to be shown.
    pub(super) fn is_shown(&self) -> bool {
        matches!(self.stage, Stage::Shown) && self.files.is_empty()
    }

    /// The parts that are complete, in their order.
    pub(super) fn parts(&self) -> &[Placed] {
        &self.parts
    }

    /// What its delimiters are made of.
    pub(super) fn boundary(&self) -> &Boundary {
        &self.boundary
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
            is_encoded: part.encoding != TransferEncoding::Identity,
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
