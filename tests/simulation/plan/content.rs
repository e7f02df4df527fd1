//! Bodies: what is in them, how long they are, and how they come.

use super::form::Form;
use crate::random::Dice;

/// Infected: the scanner finds these bytes.
pub const EVIL: &[u8] = b"EVIL";
/// To be changed: the scanner finds these.
pub const EDIT: &[u8] = b"EDIT";

/// What a scanner is to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// Nothing.
    Clean,
    /// [`EVIL`] at that offset.
    Infected(usize),
    /// [`EDIT`] at that offset.
    Edited(usize),
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// `content-length`.
    Length,
    /// It is told at the end.
    Chunked,
    /// The same, with trailers.
    Trailers,
}

/// A body.
#[derive(Clone, Debug)]
pub struct Body {
    /// Its number, which gives its bytes.
    pub id: u64,
    /// How its end is told.
    pub framing: Framing,
    /// How long it is.
    pub size: usize,
    /// What is in it.
    pub label: Label,
    /// How many bytes come at once.
    pub piece: usize,
    /// How long it takes from one piece to the next, in microseconds.
    pub pace_us: u64,
    /// The end comes after the last piece, by itself.
    pub end_apart: bool,
    /// It is a form, which says how long it is and what is in it.
    pub form: Option<Form>,
}

impl Body {
    /// None.
    pub fn none() -> Self {
        Self {
            id: 0,
            framing: Framing::None,
            size: 0,
            label: Label::Clean,
            piece: 1,
            pace_us: 0,
            end_apart: false,
            form: None,
        }
    }

    /// Its bytes: letters, and what its label says; or a form.
    pub fn bytes(&self, seed: u64) -> Vec<u8> {
        match &self.form {
            Some(form) => form.bytes(seed, self.id),
            None => letters(&Dice::new(seed, "body", self.id), self.size, self.label),
        }
    }

    /// The value of its trailer, where it has one: its number, and what a scanner is to find.
    pub fn trailer(&self, seed: u64) -> String {
        let mark = match Dice::new(seed, "trailer", self.id).below(6) {
            0 => EVIL,
            1 => EDIT,
            _ => b"",
        };
        format!("{}{}", String::from_utf8_lossy(mark), self.id)
    }

    /// A label that fits.
    pub fn fitted(mut self) -> Self {
        if self.framing == Framing::None {
            self.size = 0;
            self.form = None;
        }
        if let Some(form) = &mut self.form {
            for part in &mut form.parts {
                part.label = part.label.fitted(part.size);
            }
            self.size = form.size();
            self.label = Label::Clean;
        }
        self.label = self.label.fitted(self.size);
        self
    }
}

impl Label {
    /// The same where it fits into so many bytes.
    pub fn fitted(self, size: usize) -> Self {
        let Some(last) = size.checked_sub(EVIL.len()) else {
            return Self::Clean;
        };
        match self {
            Self::Clean => Self::Clean,
            Self::Infected(at) => Self::Infected(at.min(last)),
            Self::Edited(at) => Self::Edited(at.min(last)),
        }
    }
}

/// So many letters from `a` to `p`, and what a label says.
pub fn letters(dice: &Dice, size: usize, label: Label) -> Vec<u8> {
    const LOW_FOUR_BITS: u64 = u64::from_le_bytes([15; 8]);
    const A: u64 = u64::from_le_bytes([b'a'; 8]);
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        let eight = (dice.next() & LOW_FOUR_BITS) + A;
        bytes.extend_from_slice(&eight.to_le_bytes());
    }
    bytes.truncate(size);
    let (mark, at) = match label {
        Label::Clean => return bytes,
        Label::Infected(at) => (EVIL, at),
        Label::Edited(at) => (EDIT, at),
    };
    bytes[at..at + mark.len()].copy_from_slice(mark);
    bytes
}
