//! The trailers that a server gives back behind a body.

use super::client::TRAILER;
use super::transaction::{Trailer, Transaction};
use crate::random::Dice;

/// Trailers in an answer: their lines, and what they say.
pub struct GivenTrailers {
    pub lines: String,
    pub trailer: Trailer,
}

impl Transaction {
    /// The lines of the trailers that the server was shown behind the body.
    pub fn same_trailers(&self) -> String {
        let lines = self.trailers.iter().rev();
        lines
            .map(|(name, value)| format!("{}: {value}\r\n", name.to_uppercase()))
            .collect()
    }

    /// What a server gives that changes the message: none in some cases, else what it was shown, without what it was to find.
    pub fn fixed_trailers(&self, dice: &Dice) -> GivenTrailers {
        if self.trailers.is_empty() {
            let (lines, trailer) = (String::new(), Trailer::Gone);
            return GivenTrailers { lines, trailer };
        }
        let value = self.trailer().unwrap_or_default().replace("EDIT", "FIXED");
        let lines = format!("{TRAILER}: {value}\r\nx-forwarded-for: 1.2.3.4\r\n");
        match dice.one_in(4) {
            true => GivenTrailers {
                lines: String::new(),
                trailer: Trailer::Gone,
            },
            false => GivenTrailers {
                lines,
                trailer: Trailer::Is(value),
            },
        }
    }
}
