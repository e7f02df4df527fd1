//! Forms, and gRPC calls: which parts they have, and what is wrong with them.

use super::content::{Label, letters};
use crate::random::Dice;

/// What the delimiters are made of: bodies have other letters.
const BOUNDARY: &str = "simform";

/// A form.
#[derive(Clone, Debug)]
pub struct Form {
    /// Its parts, of which there is at least one.
    pub parts: Vec<Part>,
    /// What is wrong with it.
    pub flaw: Option<Flaw>,
    /// It is no form, but a gRPC call, whose messages are its parts.
    pub is_call: bool,
}

/// A part of a form.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// It has the name of a file.
    pub is_file: bool,
    /// How long its body is.
    pub size: usize,
    /// What is in that.
    pub label: Label,
}

/// Why a form can be read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It breaks off before its closing delimiter.
    NoEnd,
    /// A header line of its last part ends with LF alone.
    BareLineFeed,
    /// Its last part has no name.
    NoName,
    /// Its last part has two types.
    TwoTypes,
    /// Another part follows its end.
    AfterTheEnd,
    /// Its type names two boundaries.
    SecondBoundary,
}

/// What of a message a server is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The message as it is.
    Whole,
    /// That part of its form, which is a file.
    File(usize),
    /// All parts of its form that are no files.
    Fields,
    /// Its trailers, in its head.
    Trailers,
}

impl Form {
    /// What its `content-type` says.
    pub fn content_type(&self) -> String {
        if self.is_call {
            return "application/grpc".to_owned();
        }
        let second = match self.flaw {
            Some(Flaw::SecondBoundary) => "; boundary=other",
            _ => "",
        };
        format!("multipart/form-data; boundary={BOUNDARY}{second}")
    }

    /// Its bytes.
    pub fn bytes(&self, seed: u64, id: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.is_call {
            for n in 0..self.parts.len() {
                bytes.extend(self.message(n, &self.part_body(seed, id, n)));
            }
            if self.flaw == Some(Flaw::NoEnd) {
                bytes.pop();
            }
            return bytes;
        }
        for n in 0..self.parts.len() {
            bytes.extend(self.whole_part(seed, id, n));
        }
        bytes.extend_from_slice(self.end().as_bytes());
        bytes
    }

    /// What a server is to be shown of it.
    pub fn shown(&self, seed: u64, id: u64, what: Shown) -> Vec<u8> {
        match what {
            Shown::Trailers => Vec::new(),
            Shown::Whole => self.bytes(seed, id),
            Shown::File(n) => self.part_body(seed, id, n),
            Shown::Fields => {
                let fields = (0..self.parts.len()).filter(|n| !self.parts[*n].is_file);
                let mut bytes: Vec<u8> =
                    fields.flat_map(|n| self.whole_part(seed, id, n)).collect();
                bytes.extend_from_slice(self.end().as_bytes());
                bytes
            }
        }
    }

    /// What of it is to be shown to servers, where each file is.
    pub fn all_shown(&self) -> Vec<Shown> {
        let files = (0..self.parts.len()).filter(|n| self.is_call || self.parts[*n].is_file);
        let mut all: Vec<Shown> = files.map(Shown::File).collect();
        if all.is_empty() {
            return vec![Shown::Whole];
        }
        if !self.is_call && self.parts.iter().any(|part| !part.is_file) {
            all.push(Shown::Fields);
        }
        all
    }

    /// The form with other bytes in the place of what was shown; `None`: these are no such fields.
    pub fn with(&self, seed: u64, id: u64, changes: &[(Shown, Vec<u8>)]) -> Option<Vec<u8>> {
        let new = |what| changes.iter().rev().find(|(of, _)| *of == what);
        let mut fields = match new(Shown::Fields) {
            Some((_, bytes)) => Some(split(bytes)?.into_iter()),
            None => None,
        };
        let mut bytes = Vec::new();
        for (n, part) in self.parts.iter().enumerate() {
            match (&mut fields, new(Shown::File(n))) {
                (Some(fields), _) if !part.is_file => bytes.extend(fields.next()?),
                (_, Some((_, body))) => {
                    bytes.extend_from_slice(self.part_head(n).as_bytes());
                    bytes.extend_from_slice(body);
                    bytes.extend_from_slice(b"\r\n");
                }
                _ => bytes.extend(self.whole_part(seed, id, n)),
            }
        }
        bytes.extend_from_slice(self.end().as_bytes());
        Some(bytes)
    }

    /// A message of a call with that content.
    pub fn message(&self, n: usize, content: &[u8]) -> Vec<u8> {
        let is_last = n + 1 == self.parts.len();
        let flag = match self.flaw {
            Some(flaw) if is_last && flaw != Flaw::NoEnd => 7,
            _ => 0,
        };
        [&[flag][..], &(content.len() as u32).to_be_bytes(), content].concat()
    }

    /// How long it is.
    pub fn size(&self) -> usize {
        if self.is_call {
            let all: usize = self.parts.iter().map(|part| 5 + part.size).sum();
            return all - usize::from(self.flaw == Some(Flaw::NoEnd));
        }
        let parts = self.parts.iter().enumerate();
        let parts = parts.map(|(n, part)| self.part_head(n).len() + part.size + 2);
        parts.sum::<usize>() + self.end().len()
    }

    fn whole_part(&self, seed: u64, id: u64, n: usize) -> Vec<u8> {
        let head = self.part_head(n).into_bytes();
        [head, self.part_body(seed, id, n), b"\r\n".to_vec()].concat()
    }

    fn part_body(&self, seed: u64, id: u64, n: usize) -> Vec<u8> {
        let part = &self.parts[n];
        let dice = Dice::new(seed, "part", id * 64 + n as u64);
        letters(&dice, part.size, part.label)
    }

    /// The delimiter and the headers of a part.
    fn part_head(&self, n: usize) -> String {
        let flaw = self.flaw.filter(|_| n + 1 == self.parts.len());
        let name = match flaw {
            Some(Flaw::NoName) => String::new(),
            _ => format!("; name=\"p{n}\""),
        };
        let (file_name, of_file) = match self.parts[n].is_file {
            true => (
                format!("; filename=\"f{n}.bin\""),
                "Content-Type: application/octet-stream\r\n",
            ),
            false => (String::new(), ""),
        };
        let end = match flaw {
            Some(Flaw::BareLineFeed) => "\n",
            _ => "\r\n",
        };
        let types = match flaw {
            Some(Flaw::TwoTypes) => "Content-Type: text/plain\r\nContent-Type: text/html\r\n",
            _ => of_file,
        };
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data{name}{file_name}{end}{types}\r\n")
    }

    fn end(&self) -> String {
        match self.flaw {
            Some(Flaw::NoEnd) => String::new(),
            Some(Flaw::AfterTheEnd) => {
                format!(
                    "--{BOUNDARY}--\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\nq\r\n"
                )
            }
            _ => format!("--{BOUNDARY}--\r\n"),
        }
    }
}

/// The parts of a form, each with its delimiter; `None`: it is none.
fn split(form: &[u8]) -> Option<Vec<Vec<u8>>> {
    let text = std::str::from_utf8(form).ok()?;
    let parts = text.strip_suffix(&format!("--{BOUNDARY}--\r\n"))?;
    let delimiter = format!("--{BOUNDARY}\r\n");
    let mut parts = parts.split(&delimiter);
    parts.next().filter(|before| before.is_empty())?;
    Some(
        parts
            .map(|part| format!("{delimiter}{part}").into_bytes())
            .collect(),
    )
}
