//! The ICAP servers, and what they note.

mod acts;
mod echo;

use std::rc::Rc;

use icap_filter::icap::Direction;

use super::decision::{Decision, Stage, decide};
use super::icap_request::{Came, IcapHead, Reader};
use super::icap_response::{self, IcapResponse};
use super::transaction::{Said, Subject, Transaction};
use crate::plan::{Plan, ServerPlan};
use crate::random::Dice;
use crate::world::{End, Event, Sim};

/// How often a message may be sent anew.
const MOST_ATTEMPTS: u64 = 7;

/// All servers.
#[derive(Debug)]
pub struct Scanner {
    sessions: Vec<Session>,
    pub transactions: Vec<Transaction>,
    gone: Vec<bool>,
}

/// A connection, as its server sees it.
#[derive(Debug)]
struct Session {
    server: usize,
    reader: Reader,
    /// The transaction that is under way.
    current: Option<usize>,
    /// What is to be sent.
    pending: Option<Pending>,
    /// How often something has happened on it.
    steps: u64,
    closed: bool,
    /// It has sent what is no answer: what the filter makes of that is its own affair.
    is_out_of_step: bool,
}

#[derive(Debug)]
struct Pending {
    bytes: Vec<u8>,
    end: End,
}

impl Scanner {
    /// Nothing has happened.
    pub fn new(plan: &Plan) -> Self {
        Self {
            sessions: Vec::new(),
            transactions: Vec::new(),
            gone: vec![false; plan.servers.len()],
        }
    }

    /// A connection to that server is being established.
    pub fn accept(&mut self, connection: usize, server: usize) {
        assert_eq!(self.sessions.len(), connection);
        self.sessions.push(Session {
            server,
            reader: Reader::default(),
            current: None,
            pending: None,
            steps: 0,
            closed: false,
            is_out_of_step: false,
        });
    }

    pub fn is_gone(&self, server: usize) -> bool {
        self.gone[server]
    }

    /// What was noted of the scans of a message.
    pub fn scans(&self, id: u64, of: Direction) -> impl Iterator<Item = &Transaction> {
        self.transactions
            .iter()
            .filter(move |it| it.subject.is_of(id, of))
    }
}

impl Sim {
    /// Bytes come to a server.
    pub fn server_receives(self: &Rc<Self>, connection: usize, bytes: &[u8]) {
        {
            let session = &mut self.scanner.borrow_mut().sessions[connection];
            if session.closed || session.is_out_of_step {
                return;
            }
            session.steps += 1;
            session.reader.push(bytes);
        }
        loop {
            let came = self.scanner.borrow_mut().sessions[connection].reader.next();
            let stage = match came {
                Ok(None) => return,
                Err(why) => return self.fail(format!("a server can't read what it got: {why}")),
                Ok(Some(Came::Head(head))) => {
                    let is_sent_unasked = head.has_body && head.preview.is_none();
                    if !self.begin_transaction(connection, head) {
                        return;
                    }
                    if !is_sent_unasked {
                        continue;
                    }
                    Stage::Heads
                }
                Ok(Some(Came::Body(bytes))) => {
                    let transaction = self.current(connection);
                    let mut scanner = self.scanner.borrow_mut();
                    let it = &mut scanner.transactions[transaction];
                    it.body.extend_from_slice(&bytes);
                    if let Some(why) = too_far_behind(&self.plan, it) {
                        drop(scanner);
                        return self.fail(why);
                    }
                    if it.head.preview.is_some() && !it.continued {
                        continue;
                    }
                    Stage::Midway
                }
                Ok(Some(Came::Preview)) => Stage::Preview,
                Ok(Some(Came::Whole(trailers))) => {
                    let transaction = self.current(connection);
                    {
                        let it = &mut self.scanner.borrow_mut().transactions[transaction];
                        it.whole = true;
                        it.trailers = trailers;
                    }
                    self.check_content(transaction);
                    Stage::Whole
                }
            };
            self.consider(connection, stage);
        }
    }

    fn current(&self, connection: usize) -> usize {
        self.scanner.borrow().sessions[connection].current.unwrap()
    }

    /// A request begins. False where that must not be.
    fn begin_transaction(self: &Rc<Self>, connection: usize, head: IcapHead) -> bool {
        let Some(subject) = Subject::of(&head, &self.plan) else {
            self.fail("a server is shown what no client has sent");
            return false;
        };
        self.trace(|| {
            format!(
                "server on connection {connection}: {} {subject:?}",
                head.method
            )
        });
        let server = &self.plan.servers[self.scanner.borrow().sessions[connection].server];
        let asks_for_scan = self.plan.profile.scans_trailers && self.plan.profile.options;
        if head.allow_trailers && !(server.takes_trailers && asks_for_scan) {
            self.fail("trailers are offered to who does not take them");
            return false;
        }
        let mut scanner = self.scanner.borrow_mut();
        let earlier = scanner
            .transactions
            .iter()
            .filter(|it| it.subject == subject);
        let attempt = earlier.count() as u64;
        if attempt > MOST_ATTEMPTS && matches!(subject, Subject::Scan(..)) {
            drop(scanner);
            self.fail(format!("{subject:?} is sent again and again"));
            return false;
        }
        let index = scanner.transactions.len();
        let session = &mut scanner.sessions[connection];
        let unanswered = session.current.replace(index);
        let has_body = head.has_body;
        if let Some(earlier) = unanswered
            && !scanner.transactions[earlier].decided
        {
            drop(scanner);
            self.fail("a request begins on a connection whose last one has not been answered");
            return false;
        }
        scanner
            .transactions
            .push(Transaction::new(connection, subject, attempt, head));
        drop(scanner);
        if !has_body {
            self.consider(connection, Stage::Whole);
        }
        true
    }

    /// What a server gets to its end is all that there is.
    fn check_content(&self, transaction: usize) {
        let scanner = self.scanner.borrow();
        let it = &scanner.transactions[transaction];
        let Subject::Scan(id, of, shown) = it.subject else {
            return;
        };
        let plan = self.plan.messages.iter().find(|plan| plan.id == id);
        let Some(plan) = plan else {
            return self.fail(format!("a server is shown m{id}, which there is not"));
        };
        let index = self.plan.messages.iter().position(|plan| plan.id == id);
        let local = index.and_then(|index| self.message(index, |it| it.passed_reply.clone()));
        let original = match (of, local) {
            (Direction::Request, _) => match &plan.request.form {
                Some(form) => form.shown(self.plan.seed, plan.request.id, shown),
                None => plan.request.bytes(self.plan.seed),
            },
            (Direction::Response, Some(local)) => local,
            (Direction::Response, None) => plan.response.bytes(self.plan.seed),
        };
        let limit = match of {
            Direction::Request => self.plan.profile.request_kb,
            Direction::Response => self.plan.profile.response_kb,
        };
        if it.body.len() > limit * 1024 && !self.plan.profile.streams(of) {
            self.fail(format!(
                "a server is shown all of m{id} {of:?}, which is past the limit"
            ));
        }
        if it.body != original {
            self.fail(format!(
                "a server is shown {} bytes as all of m{id} {of:?} {shown:?}, which has {}",
                it.body.len(),
                original.len()
            ));
        }
    }

    /// The server of that connection thinks about what it has.
    fn consider(self: &Rc<Self>, connection: usize, stage: Stage) {
        let index = self.current(connection);
        if self.gives_back(connection, index, stage) {
            if !self.scanner.borrow().transactions[index].decided {
                self.give_back(connection, index, stage);
            }
            return;
        }
        let decision = {
            let scanner = self.scanner.borrow();
            let it = &scanner.transactions[index];
            if it.decided {
                return;
            }
            let server = &self.plan.servers[scanner.sessions[connection].server];
            match it.subject {
                Subject::Options => at_once(answer_options(&self.plan, server, connection as u64)),
                Subject::SelfTest if stage == Stage::Whole => {
                    let answer = match server.sleeps {
                        true => icap_response::bare(204, icap_response::Extra::default()),
                        false => icap_response::bare(403, icap_response::Extra::default()),
                    };
                    at_once(answer)
                }
                Subject::SelfTest if stage == Stage::Preview => Decision::GoOn,
                Subject::SelfTest => Decision::Wait,
                Subject::Scan(..) => decide(&self.plan, server, stage, it),
            }
        };
        match decision {
            Decision::Wait => {}
            Decision::GoOn => {
                let mut scanner = self.scanner.borrow_mut();
                scanner.transactions[index].continued = true;
                scanner.sessions[connection].reader.go_on();
                drop(scanner);
                self.server_sends(connection, b"ICAP/1.0 100 Continue\r\n\r\n", End::No);
            }
            Decision::IcapResponse {
                said,
                answer,
                delay_us,
                sent,
                statement,
                end,
            } => {
                self.trace(|| {
                    format!("server on connection {connection} decides at {stage:?}: {said:?}, {sent} of {} bytes, {end:?}", answer.bytes.len())
                });
                let mut scanner = self.scanner.borrow_mut();
                let it = &mut scanner.transactions[index];
                let is_out_of_step = said == Said::Garbage;
                it.decided = true;
                it.said = said;
                it.head_len = answer.head_len as u64;
                it.differs = answer.differs.map(|at| at as u64);
                it.statement = statement as u64;
                it.evident = answer.evident.map(|at| at as u64);
                it.has_message = answer.has_message;
                it.given = answer.given;
                it.alarms = answer.alarms;
                let session = &mut scanner.sessions[connection];
                let mut bytes = answer.bytes;
                bytes.truncate(sent);
                session.pending = Some(Pending { bytes, end });
                session.is_out_of_step |= is_out_of_step;
                session.steps += 1;
                let steps = session.steps;
                drop(scanner);
                self.after(delay_us, Event::Server(connection, steps));
            }
        }
    }

    /// The fate of a message is decided: what had been heard of its scans by then counts.
    pub fn note_decision(&self, message: usize, of: Direction) {
        let id = self.plan.messages[message].id;
        let now = self.now_us();
        // Of what goes on while it is scanned the end is what counts.
        let streams = self.plan.is_streamed(&self.plan.messages[message], of);
        self.message(message, |it| {
            if streams && !it.settled[of as usize] {
                it.settled[of as usize] = it.is_settled(of);
                it.decided_us[of as usize] = Some(now);
            }
            it.decided_us[of as usize].get_or_insert(now);
        });
        let counts = |it: &Transaction| it.at_decision.is_none() || streams && !it.is_final;
        let is_final = self.message(message, |it| it.settled[of as usize]);
        let connections = self.connections.borrow();
        let mut scanner = self.scanner.borrow_mut();
        for it in scanner.transactions.iter_mut() {
            if it.subject.is_of(id, of) && counts(it) {
                let delivered = connections[it.connection].delivered;
                let heard = it.begins.map(|begins| delivered.saturating_sub(begins));
                it.at_decision = Some(heard.unwrap_or_default());
                it.is_final = is_final;
            }
        }
    }
}

/// What is wrong where a server was sent more of a body than it may lag: what it has not given back is kept by the filter.
fn too_far_behind(plan: &Plan, it: &Transaction) -> Option<String> {
    let Subject::Scan(id, of, _) = it.subject else {
        return None;
    };
    let message = plan.messages.iter().find(|message| message.id == id)?;
    let (body, limit) = match of {
        Direction::Request => (&message.request, plan.profile.request_kb * 1024),
        Direction::Response => (&message.response, plan.profile.response_kb * 1024),
    };
    let lag = it.body.len().saturating_sub(it.given.len());
    // The gate holds more, and hands a copy on.
    let at_gate = match plan.envoy.gate && of == Direction::Request {
        true => plan.envoy.buffer_limit + 2 * body.piece,
        false => 0,
    };
    (plan.is_streamed(message, of) && lag > limit + body.piece + at_gate).then(|| {
        format!("a server is sent {lag} bytes of m{id} {of:?} more than it has given back")
    })
}

fn at_once(answer: IcapResponse) -> Decision {
    Decision::IcapResponse {
        said: Said::Nothing,
        sent: answer.bytes.len(),
        statement: answer.bytes.len(),
        answer,
        delay_us: 0,
        end: End::No,
    }
}

/// The answer to the OPTIONS that is the `n`-th, of a server.
pub fn answer_options(plan: &Plan, server: &ServerPlan, n: u64) -> IcapResponse {
    let dice = Dice::new(plan.seed, "options", n);
    if dice.one_in(plan.faults.options) {
        return icap_response::bare(dice.pick(&[404, 500, 503]), icap_response::Extra::default());
    }
    let methods = match server.for_responses {
        true => "RESPMOD",
        false => "REQMOD, RESPMOD",
    };
    let allow = match (server.allow_206, server.takes_trailers) {
        (true, true) => "204, 206, trailers",
        (true, false) => "204, 206",
        (false, true) => "204, trailers",
        (false, false) => "204",
    };
    let closes = dice.one_in(server.close_one_in);
    icap_response::options(
        methods,
        server.preview,
        server.max_connections,
        allow,
        closes,
    )
}
