//! The trailers of a message, which follow its body to the server.

use std::cell::{Cell, OnceCell};

use crate::icap::encode::{LAST_CHUNK, LAST_CHUNK_IEOF};
use crate::icap::encode_http::{check, push_line};
use crate::icap::{EncodeError, FieldList, Headers, is_hop_by_hop};

/// The trailers of the message whose body is shown. They come after all of the body, if any come, so the last chunk
/// waits for them.
#[derive(Debug, Default)]
pub struct Trailers {
    /// The names that the message announces in its head, as a list.
    announced: String,
    come: OnceCell<Headers>,
    /// The present transaction has sent them.
    sent: Cell<bool>,
}

impl Trailers {
    /// Trailers that have not come. `announced`: the names in the head's `Trailer` field.
    pub fn announced(announced: String) -> Self {
        Self {
            announced,
            ..Self::default()
        }
    }

    /// The message has ended, with these trailers. It ends once.
    ///
    /// # Errors
    /// A field can't stand behind a body; none follows it then.
    pub fn put(&self, fields: &impl FieldList) -> Result<(), EncodeError> {
        let mut come = Headers::new();
        let mut fields = fields.fields().filter(|(name, _)| !is_hop_by_hop(name));
        let fit = fields.try_for_each(|(name, value)| {
            check(name, value)?;
            come.push(String::from_utf8_lossy(name), value);
            Ok(())
        });
        let come = match fit {
            Ok(()) => come,
            Err(_) => Headers::new(),
        };
        self.come.get_or_init(|| come);
        fit
    }

    /// Whether the message has ended.
    pub fn have_come(&self) -> bool {
        self.come.get().is_some()
    }

    /// The trailers that the last transaction has sent; `None`: it has sent none.
    pub fn sent(&self) -> Option<&Headers> {
        self.come.get().filter(|_| self.sent.get())
    }

    /// Their names, as far as they are known: those that have come, else those that were announced.
    pub(super) fn names(&self) -> String {
        match self.come.get() {
            Some(fields) => {
                let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
                names.join(", ")
            }
            None => self.announced.clone(),
        }
    }

    /// A transaction begins, which has sent nothing.
    pub(super) fn begin(&self) {
        self.sent.set(false);
    }

    /// Appends them where they belong in `last_chunk`: before its final empty line.
    fn append(&self, last_chunk: &[u8], out: &mut Vec<u8>) {
        let (line, end) = last_chunk.split_at(last_chunk.len().saturating_sub(2));
        out.extend_from_slice(line);
        for field in self.come.get().into_iter().flat_map(Headers::iter) {
            push_line(out, field.name.as_bytes(), &field.value);
            self.sent.set(true);
        }
        out.extend_from_slice(end);
    }
}

/// Appends the last chunk, with the trailers where there are any. `ieof`: the preview held the whole body.
pub(super) fn push_last_chunk(trailers: Option<&Trailers>, ieof: bool, out: &mut Vec<u8>) {
    let last_chunk = match ieof {
        true => LAST_CHUNK_IEOF,
        false => LAST_CHUNK,
    };
    match trailers {
        Some(trailers) => trailers.append(last_chunk, out),
        None => out.extend_from_slice(last_chunk),
    }
}

#[cfg(test)]
#[path = "trailers_tests.rs"]
mod tests;
