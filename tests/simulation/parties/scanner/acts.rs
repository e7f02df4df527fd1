//! What servers do: they send what they have decided to, close connections, and are gone for a time.

use std::rc::Rc;

use crate::random::Dice;
use crate::world::{End, Event, Sim};

impl Sim {
    /// The server sends what it has decided to.
    pub fn server_acts(self: &Rc<Self>, connection: usize, _: u64) {
        let (pending, index) = {
            let session = &mut self.scanner.borrow_mut().sessions[connection];
            if session.closed {
                return;
            }
            session.steps += 1;
            (session.pending.take(), session.current)
        };
        let (Some(pending), Some(index)) = (pending, index) else {
            return;
        };
        let begins = self.connections.borrow()[connection].sent;
        let steps = {
            let mut scanner = self.scanner.borrow_mut();
            let it = &mut scanner.transactions[index];
            it.begins = Some(begins);
            let statement = it.statement;
            if pending.bytes.len() as u64 > statement {
                self.connections.borrow_mut()[connection].tainted_from = Some(begins + statement);
            }
            let session = &mut scanner.sessions[connection];
            session.reader.answered();
            session.closed = pending.end != End::No;
            session.steps
        };
        if pending.bytes.is_empty() && pending.end == End::No {
            return;
        }
        self.server_sends(connection, &pending.bytes, pending.end);
        if pending.end == End::No {
            let dice = Dice::new(self.plan.seed, "idle close", index as u64);
            if dice.one_in(self.plan.faults.idle_close) {
                let delay_us = dice.pick(&[0, 10, 1_000, 50_000]);
                self.after(delay_us, Event::IdleClose(connection, steps));
            }
        }
    }

    /// The server closes a connection on which nothing has happened since.
    pub fn server_closes_idle(self: &Rc<Self>, connection: usize, steps: u64) {
        {
            let mut scanner = self.scanner.borrow_mut();
            let session = &mut scanner.sessions[connection];
            if session.closed || session.steps != steps {
                return;
            }
            session.closed = true;
        }
        self.server_sends(connection, b"", End::Fin);
    }

    /// The filter's end of a connection is closed.
    pub fn server_sees_end(&self, connection: usize) {
        self.scanner.borrow_mut().sessions[connection].closed = true;
    }

    /// A server is gone with all its connections, or back.
    pub fn outage(self: &Rc<Self>, server: usize, begins: bool) {
        self.trace(|| format!("server {server} is gone: {begins}"));
        let lost: Vec<usize> = {
            let mut scanner = self.scanner.borrow_mut();
            scanner.gone[server] = begins;
            let sessions = scanner.sessions.iter_mut().enumerate();
            let open = sessions.filter(|(_, it)| begins && it.server == server && !it.closed);
            open.map(|(index, session)| {
                session.closed = true;
                index
            })
            .collect()
        };
        for connection in lost {
            self.server_sends(connection, b"", End::Reset);
        }
    }
}
