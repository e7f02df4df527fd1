//! A form, or another multipart body, whose files are shown one by one: finds the parts, and says which are still to be shown.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::bug::{Bug, bug};
use crate::multipart::{Ambiguous, Boundary, Layout, Parser, Part};
use crate::transfer_encoding::TransferEncoding;

/// A form under scan. All ranges are in bytes of the content, that is of the body without framing and coding.
#[derive(Debug)]
pub(super) struct Form {
    parser: Parser,
    /// Kept to read a changed form.
    boundary: Boundary,
    /// The headers announce a content coding, so the coded bytes need not be a form.
    is_encoded: bool,
    /// The parts that have come in whole, in their order.
    parts: Vec<Placed>,
    /// The files that have come in whole and were not shown, with their index in `parts`.
    files: VecDeque<(usize, Part)>,
    stage: Stage,
}

/// How far a form was read and shown.
#[derive(Debug)]
enum Stage {
    /// More is to come.
    Coming,
    /// All parts are known; the fields were not shown.
    Ended(Layout),
    /// The body is coded: its parts can't be known, so it is shown as a whole.
    Opaque,
    /// At most files are left to be shown.
    Shown,
}

/// Where a part stands in the content.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) whole: Range<u64>,
    pub(super) headers: Range<u64>,
    pub(super) body: Range<u64>,
    pub(super) is_file: bool,
    /// The part's body is in a transfer encoding.
    pub(super) is_encoded: bool,
    /// A hash of the part's names: the same part of a changed form must have the same names.
    names: u64,
}

/// What is to be shown of a form beside its files.
#[derive(Debug)]
pub(super) enum Rest {
    /// The fields: these ranges together are a form without files.
    Fields(Vec<Range<u64>>),
    /// The form as it is, which has no file.
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

    /// Reads the next bytes of the content.
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

    /// The whole content was read.
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

    /// The next file, with its index among the parts. Each comes once.
    pub(super) fn next_file(&mut self) -> Option<(usize, Part)> {
        self.files.pop_front()
    }

    /// What to show beside the files, once the whole form was read. Comes once.
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

    /// Whether everything was taken that is to be shown.
    pub(super) fn is_shown(&self) -> bool {
        matches!(self.stage, Stage::Shown) && self.files.is_empty()
    }

    /// The parts that have come in whole, in their order.
    pub(super) fn parts(&self) -> &[Placed] {
        &self.parts
    }

    /// The boundary of the form's delimiters.
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
            // Where the user chose no file, a browser sends a part with an empty file name and no bytes.
            is_file: part.is_file()
                && !(part.body.is_empty() && part.file_name.as_deref() == Some("")),
            is_encoded: part.encoding != TransferEncoding::Identity,
            names: names(part),
        }
    }

    /// Whether another part has the same names.
    pub(super) fn is_named_as(&self, part: &Part) -> bool {
        self.names == names(part)
    }
}

/// A hash of a part's two names. The names themselves are not kept: a form may have a thousand long ones.
fn names(part: &Part) -> u64 {
    let mut names = DefaultHasher::new();
    (&part.name, &part.file_name).hash(&mut names);
    names.finish()
}

pub(super) fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}
