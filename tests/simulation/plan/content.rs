//! Bodies: what is in them, how long they are, and how they come.

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
        }
    }

    /// Its bytes: letters, and what its label says.
    pub fn bytes(&self, seed: u64) -> Vec<u8> {
        let dice = Dice::new(seed, "body", self.id);
        let mut word = 0;
        let mut bytes: Vec<u8> = (0..self.size)
            .map(|n| {
                if n % 8 == 0 {
                    word = dice.next();
                }
                b'a' + ((word >> ((n % 8) * 8)) & 15) as u8
            })
            .collect();
        let (mark, at) = match self.label {
            Label::Clean => return bytes,
            Label::Infected(at) => (EVIL, at),
            Label::Edited(at) => (EDIT, at),
        };
        bytes[at..at + mark.len()].copy_from_slice(mark);
        bytes
    }

    /// A label that fits.
    pub fn fitted(mut self) -> Self {
        match &mut self.label {
            Label::Clean => {}
            Label::Infected(at) | Label::Edited(at) => match self.size.checked_sub(EVIL.len()) {
                Some(last) => *at = (*at).min(last),
                None => self.label = Label::Clean,
            },
        }
        if self.framing == Framing::None {
            self.size = 0;
            self.label = Label::Clean;
        }
        self
    }
}
