//! Servers that give a message back while it still comes, as those do that scan what passes.

use std::rc::Rc;

use super::super::decision::Stage;
use super::super::icap_request::find;
use super::super::icap_response::begun_echo;
use super::super::transaction::{Changed, Said, Subject, Transaction};
use crate::plan::{EDIT, EVIL, Plan};
use crate::random::Dice;
use crate::world::{End, Sim};

/// How a server gives a message back.
struct Manner {
    /// It keeps so many bytes until it has all.
    lag: usize,
    /// It says that it found something as soon as it knows, and not when it has all.
    is_hasty: bool,
    /// It says so in trailers, and not by an early end.
    by_trailers: bool,
    /// The head is marked.
    marks: bool,
    /// What takes the place of [`EDIT`].
    in_place: &'static [u8],
    /// It breaks off once it has given so many bytes.
    breaks_at: Option<usize>,
    /// It gives no more than so many, and says nothing.
    silent_at: Option<usize>,
    /// What else it decides.
    dice: Dice,
}

impl Manner {
    fn of(plan: &Plan, it: &Transaction) -> Self {
        let Subject::Scan(id, of, _) = it.subject else {
            panic!("only scans are given back");
        };
        let dice = Dice::new(plan.seed, "echo", (id * 2 + of as u64) * 64 + it.attempt);
        let marks = dice.one_in(4);
        Self {
            lag: dice.pick(&[3, 3, 40, 300, 2000, 1_000_000]),
            is_hasty: dice.one_in(2),
            // With another head the beginning of a message is a whole one.
            by_trailers: dice.one_in(2) || marks,
            marks,
            in_place: dice.pick(&[b"FIXD", b"FIXD", b"X", b"FIXED"]),
            breaks_at: dice
                .one_in(plan.faults.close)
                .then(|| dice.below(4000) as usize),
            silent_at: dice
                .one_in(plan.faults.silence)
                .then(|| dice.below(4000) as usize),
            dice,
        }
    }

    /// What is given for the beginning of a body, which does not end within [`EDIT`].
    fn given(&self, body: &[u8]) -> Vec<u8> {
        let mut given = body.to_vec();
        if let Some(at) = find(&given, EDIT) {
            given.splice(at..at + EDIT.len(), self.in_place.iter().copied());
        }
        given
    }
}

impl Sim {
    /// Whether the server of that connection gives back what it is shown now, and has not decided by the preview.
    pub fn gives_back(&self, connection: usize, index: usize, stage: Stage) -> bool {
        let scanner = self.scanner.borrow();
        let it = &scanner.transactions[index];
        let server = &self.plan.servers[scanner.sessions[connection].server];
        let is_shown = matches!(it.subject, Subject::Scan(.., crate::plan::Shown::Whole));
        server.echoes
            && is_shown
            && it.head.has_body
            && stage != Stage::Preview
            && (it.continued || it.head.preview.is_none())
    }

    /// Gives back what may be by now, and says what it has found once it has all.
    pub fn give_back(self: &Rc<Self>, connection: usize, index: usize, stage: Stage) {
        let begins = self.connections.borrow()[connection].sent;
        let (bytes, end) = {
            let mut scanner = self.scanner.borrow_mut();
            let it = &mut scanner.transactions[index];
            let manner = Manner::of(&self.plan, it);
            let whole = stage == Stage::Whole;
            let evil = find(&it.body, EVIL);
            let bad_trailer = whole && it.has_in_trailer(EVIL);
            let edited_trailer = whole && it.has_in_trailer(EDIT);
            let mut upto = match whole {
                true => it.body.len(),
                false => it.body.len().saturating_sub(manner.lag),
            };
            upto = upto.min(evil.unwrap_or(upto));
            if let Some(at) = find(&it.body, EDIT)
                && (at..at + EDIT.len()).contains(&upto)
            {
                upto = at;
            }
            let changed = find(&it.body[..upto], EDIT).is_some();
            let given = manner.given(&it.body[..upto]);
            let mut new = given[it.given.len().min(given.len())..].to_vec();
            let blocks =
                bad_trailer || evil.is_some() && (whole || manner.is_hasty && manner.by_trailers);
            let is_over = whole || blocks;
            let mut end = End::No;
            if let Some(at) = manner.silent_at
                && given.len() >= at
            {
                return;
            }
            let breaks = manner.breaks_at.is_some_and(|at| given.len() >= at);
            if breaks {
                new.truncate(new.len() / 2);
                end = End::Fin;
            }
            if new.is_empty() && !is_over && !breaks {
                return;
            }
            let mut bytes = Vec::new();
            if it.begins.is_none() {
                let keeps_length = manner.in_place.len() == EDIT.len();
                bytes = begun_echo(
                    it.head.shown_as(),
                    it.head.shown(),
                    manner.marks,
                    keeps_length,
                );
                it.begins = Some(begins);
                it.has_message = true;
                it.head_len = find(&bytes, b"\r\n\r\n").unwrap() as u64 + 4;
                if manner.marks && it.is_taken_with_head() {
                    it.differs = Some(bytes.len() as u64);
                }
            }
            if !new.is_empty() {
                bytes.extend_from_slice(format!("{:x}\r\n", new.len()).as_bytes());
                bytes.extend_from_slice(&new);
                bytes.extend_from_slice(b"\r\n");
                it.given.extend_from_slice(&new);
            }
            let so_far = begins - it.begins.unwrap();
            if changed && !breaks {
                it.differs.get_or_insert(so_far + bytes.len() as u64);
            }
            if breaks {
                it.decided = true;
                it.statement = u64::MAX;
            } else if is_over {
                // With a change before it the beginning of a message is a whole one.
                let says_so = manner.by_trailers || find(&it.body, EDIT).is_some() || bad_trailer;
                let fixed = it.fixed_trailers(&manner.dice);
                let is_changed = changed || manner.marks || edited_trailer;
                let trailers = match (blocks, is_changed) {
                    (true, _) if says_so => "X-Virus-ID: Sim\r\n".to_owned(),
                    (true, _) => String::new(),
                    (false, true) => fixed.lines,
                    (false, false) => it.same_trailers(),
                };
                bytes.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
                let statement = so_far + bytes.len() as u64;
                it.decided = true;
                it.statement = statement;
                it.alarms = blocks;
                if blocks {
                    it.said = Said::Block;
                    it.evident = Some(statement);
                    it.differs.get_or_insert(statement);
                } else if is_changed {
                    it.said = Said::Change(Changed {
                        body: it.given.clone(),
                        marked: manner.marks,
                        trailer: fixed.trailer,
                    });
                } else {
                    it.said = Said::Clean;
                }
            }
            let decided = it.decided;
            let what = format!(
                "server on connection {connection} has given back {} of {} bytes: {:?}",
                it.given.len(),
                it.body.len(),
                it.said
            );
            let session = &mut scanner.sessions[connection];
            session.steps += 1;
            if decided {
                session.reader.answered();
                session.closed = end != End::No;
            }
            self.trace(|| what);
            (bytes, end)
        };
        self.server_sends(connection, &bytes, end);
    }
}
