//! What an ICAP server decides: it looks at what has really come, and says so in one of many forms. Or it fails.

use icap_filter::icap::Direction;

use super::icap_request::find;
use super::icap_response::{Extra, IcapResponse, bare, changed, differs_at, echo, page, partial};
use super::transaction::{Changed, Said, Subject, Trailer, Transaction};
use crate::plan::{EDIT, EVIL, Plan, ServerPlan, Shown};
use crate::random::Dice;
use crate::world::End;

/// How much of a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The heads alone, before the first byte of a body that is not asked for.
    Heads,
    /// A part of a body that goes on without being asked.
    Midway,
    /// The preview.
    Preview,
    /// All of it.
    Whole,
}

/// What a server does.
#[derive(Debug)]
pub enum Decision {
    /// It waits for more.
    Wait,
    /// It asks for the rest.
    GoOn,
    /// It answers, so much later, with bytes of which the first so many are sent, and then perhaps ends the connection.
    IcapResponse {
        said: Said,
        answer: IcapResponse,
        delay_us: u64,
        sent: usize,
        /// How many bytes say it.
        statement: usize,
        end: End,
    },
}

/// Decides about a transaction.
pub fn decide(plan: &Plan, server: &ServerPlan, stage: Stage, it: &Transaction) -> Decision {
    let Subject::Scan(id, of, shown) = it.subject else {
        return Decision::Wait;
    };
    if stage == Stage::Heads {
        return match before_body(plan, server, it, (id, of, shown)) {
            Some(decision) => decision,
            None => Decision::Wait,
        };
    }
    let dice = match shown {
        Shown::Whole => {
            let number = id * 4 + u64::from(of == Direction::Response);
            Dice::new(plan.seed, "decision", number * 64 + it.attempt)
        }
        Shown::File(_) | Shown::Fields => {
            let part = match shown {
                Shown::File(n) => n as u64,
                _ => 63,
            };
            let number = (id * 64 + part) * 64 + it.attempt;
            Dice::new(plan.seed, "decision about a part", number)
        }
        Shown::Trailers => {
            let number = (id * 4 + u64::from(of == Direction::Response)) * 64 + it.attempt;
            Dice::new(plan.seed, "decision about trailers", number)
        }
    };
    let early = dice.below(2000) as usize;
    let is_evil = find(&it.body, EVIL).is_some();
    let ripe = match stage {
        Stage::Whole => true,
        Stage::Preview => is_evil && !server.echoes || server.trusts_preview,
        Stage::Heads => false,
        // Some say it as soon as they know, and some of those let go what they have not seen.
        Stage::Midway => {
            server.is_hasty && (is_evil || (server.trusts_preview && it.body.len() > early))
        }
    };
    let fault = fault(plan, &dice);
    if !ripe
        && fault
            .as_ref()
            .is_none_or(|_| stage != Stage::Preview || dice.one_in(2))
    {
        return match stage {
            Stage::Preview => Decision::GoOn,
            Stage::Heads | Stage::Midway | Stage::Whole => Decision::Wait,
        };
    }
    let delay_us = dice.below(server.work_us + 1);
    let closes = dice.one_in(server.close_one_in);
    let (said, answer) = match fault {
        Some(said @ Said::Nothing) => (said, IcapResponse::default()),
        Some(said) => in_trouble(said, &dice),
        None => verdict(plan, it, stage, closes, &dice),
    };
    let delay_us = match dice.one_in(plan.faults.slow) {
        true => delay_us + (plan.profile.timeout_ms + dice.below(200)) * 1000,
        false => delay_us,
    };
    let mut answer = answer;
    let statement = answer.bytes.len();
    let mut sent = statement;
    let mut end = End::No;
    if dice.one_in(plan.faults.close) {
        sent = dice.below(sent as u64 + 1) as usize;
        end = dice.pick(&[End::Fin, End::Fin, End::Reset]);
    } else if closes {
        end = dice.pick(&[End::Fin, End::No]);
    } else if dice.one_in(plan.faults.leftover) && !matches!(said, Said::Nothing | Said::Garbage) {
        answer.bytes.extend_from_slice(b"leftover\r\n\r\n");
        sent = answer.bytes.len();
    }
    Decision::IcapResponse {
        said,
        answer,
        delay_us,
        sent,
        statement,
        end,
    }
}

/// Some put another body in the place of one of which they have seen nothing.
fn before_body(
    plan: &Plan,
    server: &ServerPlan,
    it: &Transaction,
    (id, of, shown): (u64, Direction, Shown),
) -> Option<Decision> {
    let dice = Dice::new(plan.seed, "decision before the body", id * 64 + it.attempt);
    let message = plan.messages.iter().find(|message| message.id == id)?;
    let (body, limit) = match of {
        Direction::Request => (&message.request, plan.profile.request_kb),
        Direction::Response => (&message.response, plan.profile.response_kb),
    };
    let may = server.is_hasty
        && dice.one_in(2)
        && shown == Shown::Whole
        && body.size > 0
        && body.size <= limit * 1024;
    if !may {
        return None;
    }
    let length = dice.range(1, limit as u64 * 1024) as usize;
    let changed_to = Changed {
        body: vec![b'!'; length],
        marked: true,
        trailer: Trailer::Gone,
    };
    let (of, head) = (it.head.shown_as(), it.head.shown());
    let mut answer = changed(of, head, &changed_to, true, Extra::default());
    answer.differs = Some(answer.head_len + head.len() + 50);
    let statement = answer.bytes.len();
    Some(Decision::IcapResponse {
        said: Said::Change(changed_to),
        answer,
        delay_us: dice.below(server.work_us + 1),
        sent: statement,
        statement,
        end: End::No,
    })
}

fn fault(plan: &Plan, dice: &Dice) -> Option<Said> {
    let faults = &plan.faults;
    let each = [
        (faults.silence, Said::Nothing),
        (faults.garbage, Said::Garbage),
        (faults.status, Said::Trouble),
        (faults.busy, Said::Busy),
    ];
    let mut happened = None;
    for (weight, said) in each {
        // Each is drawn, whatever the others do.
        if dice.one_in(weight) {
            happened.get_or_insert(said);
        }
    }
    happened
}

fn in_trouble(said: Said, dice: &Dice) -> (Said, IcapResponse) {
    let answer = match said {
        Said::Busy => bare(503, Extra::default()),
        Said::Trouble => match dice.pick(&[500, 404, 400, 203, 202, 302, 405, 502, 501]) {
            501 => return (Said::Unscannable, unscannable()),
            status => bare(status, Extra::default()),
        },
        _ => {
            let bytes: &[u8] = dice.pick(&[
                b"garbage\r\n\r\n".as_slice(),
                b"ICAP/1.0 200 OK\r\n\r\n",
                b"HTTP/1.1 200 OK\r\n\r\n",
                b"ICAP/1.0 200 OK\r\nEncapsulated: req-hdr=0, req-body=9\r\n\r\nnonsense.zz\r\n",
                b"ICAP/1.0 100 Continue\r\n\r\nICAP/1.0 100 Continue\r\n\r\n",
            ]);
            IcapResponse {
                head_len: bytes.len(),
                bytes: bytes.to_vec(),
                ..IcapResponse::default()
            }
        }
    };
    (said, answer)
}

/// It has found something that it can't open.
fn unscannable() -> IcapResponse {
    let fields = "X-Error-Code: password_protected\r\n";
    let mut answer = bare(
        500,
        Extra {
            fields,
            ..Extra::default()
        },
    );
    answer.alarms = true;
    answer
}

fn verdict(
    plan: &Plan,
    it: &Transaction,
    stage: Stage,
    closes: bool,
    dice: &Dice,
) -> (Said, IcapResponse) {
    let extra = Extra {
        closes,
        ..Extra::default()
    };
    let of = it.head.shown_as();
    let whole = stage == Stage::Whole;
    if find(&it.body, EVIL).is_some() || it.has_in_trailer(EVIL) {
        return (Said::Block, block(it, of, whole, extra, dice));
    }
    if let Subject::Scan(.., Shown::Trailers) = it.subject {
        // What becomes of that head is not taken over.
        let answer = match it.has_in_trailer(EDIT) {
            true => {
                let body = Vec::new();
                let (marked, trailer) = (true, Trailer::Stays);
                let changed_to = Changed {
                    body,
                    marked,
                    trailer,
                };
                changed(of, it.head.shown(), &changed_to, false, extra)
            }
            false => bare(204, extra),
        };
        return (Said::Clean, answer);
    }
    let fixed = it.fixed_trailers(dice);
    let extra = Extra {
        trailers: &fixed.lines,
        ..extra
    };
    if whole && (find(&it.body, EDIT).is_some() || dice.one_in(10)) {
        return change(plan, it, of, extra, fixed.trailer, dice);
    }
    if whole && it.has_in_trailer(EDIT) && !it.trailers.is_empty() {
        let changed_to = Changed {
            body: it.body.clone(),
            marked: false,
            trailer: fixed.trailer,
        };
        let answer = echo(of, it.head.shown(), Some(&it.body), extra);
        return (Said::Change(changed_to), answer);
    }
    let same = it.same_trailers();
    let extra = Extra {
        trailers: &same,
        ..extra
    };
    let body = it.head.has_body.then_some(it.body.as_slice());
    let answer = match dice.below(3) {
        0 if whole => echo(of, it.head.shown(), body, extra),
        1 if it.head.allow_206 && it.head.has_body => partial(of, it.head.shown(), b"", 0, extra),
        _ => bare(204, extra),
    };
    (Said::Clean, answer)
}

fn block(
    it: &Transaction,
    of: Direction,
    whole: bool,
    extra: Extra<'_>,
    dice: &Dice,
) -> IcapResponse {
    let found = Extra {
        fields: "X-Infection-Found: Type=0; Resolution=2; Threat=Sim;\r\n",
        ..extra
    };
    // Only the trailer says it.
    let form = match find(&it.body, EVIL) {
        Some(_) => dice.below(7),
        None => dice.pick(&[0, 1, 2, 6]),
    };
    let (mut answer, by_head) = match form {
        0 => (bare(204, found), true),
        1 => (bare(403, extra), true),
        2 => (page(b"<p>blocked</p>", found), true),
        3 if whole => (echo(of, it.head.shown(), Some(&it.body), found), true),
        4 if whole => {
            let trailers = Extra {
                trailers: "X-Virus-ID: Sim\r\n",
                ..extra
            };
            (echo(of, it.head.shown(), Some(&it.body), trailers), false)
        }
        5 => {
            // The beginning of the message, as those send it who give it back before they know what is in the rest.
            let at = find(&it.body, EVIL).unwrap_or_default();
            let part = &it.body[..dice.below(at as u64 + 1) as usize];
            (echo(of, it.head.shown(), Some(part), extra), false)
        }
        _ => {
            let long = vec![b'p'; dice.below(1500) as usize];
            // To RESPMOD it might be a changed response, as far as the ICAP head says.
            (page(&long, extra), of == Direction::Request)
        }
    };
    answer.evident = Some(if by_head {
        answer.head_len
    } else {
        answer.bytes.len()
    });
    answer.differs = answer.evident;
    answer.alarms = true;
    answer
}

fn change(
    plan: &Plan,
    it: &Transaction,
    of: Direction,
    extra: Extra<'_>,
    trailer: Trailer,
    dice: &Dice,
) -> (Said, IcapResponse) {
    let streams = match it.subject {
        Subject::Scan(id, direction, Shown::Whole) => {
            let mut messages = plan.messages.iter();
            messages.any(|message| message.id == id && plan.is_streamed(message, direction))
        }
        _ => false,
    };
    let at = find(&it.body, EDIT);
    let marked = at.is_none() || dice.one_in(3);
    let mut body = it.body.clone();
    let had_body = it.head.has_body;
    if let Some(at) = at {
        // Other fields in the place of the form's are no change that anybody could take.
        let form = match it.subject {
            Subject::Scan(.., Shown::Fields) => dice.pick(&[0, 6, 7]),
            _ => dice.below(7),
        };
        if form == 6 && it.head.allow_206 {
            body.splice(at..at + EDIT.len(), *b"FIXED");
            let start = body[..at + 5].to_vec();
            let mut answer = partial(of, it.head.shown(), &start, at + EDIT.len(), extra);
            answer.differs = Some(answer.bytes.len());
            return (
                Said::Change(Changed {
                    body,
                    marked: false,
                    trailer: Trailer::Stays,
                }),
                answer,
            );
        }
        match form {
            0 => body[at..at + EDIT.len()].copy_from_slice(b"FIXD"),
            1 => body.truncate(at),
            2 => body = b"other".to_vec(),
            3 => body.clear(),
            4 => {
                body.splice(at..at + EDIT.len(), [b'+'; 300]);
            }
            5 if dice.one_in(3) => {
                let longest = plan.profile.request_kb.max(plan.profile.response_kb) * 1024;
                let body = vec![b'!'; longest + 1];
                let changed_to = Changed {
                    body,
                    marked,
                    trailer: trailer.clone(),
                };
                if streams {
                    let mut answer = changed(of, it.head.shown(), &changed_to, had_body, extra);
                    answer.differs = differs_at(&answer, &changed_to.body, &it.body);
                    return (Said::Change(changed_to), answer);
                }
                let mut answer = changed(of, it.head.shown(), &changed_to, had_body, extra);
                answer.differs = Some(answer.head_len + it.head.shown().len() + 800);
                return (Said::TooLong, answer);
            }
            _ => {
                body.splice(at..at + EDIT.len(), *b"FIXED");
            }
        }
    }
    let changed_to = Changed {
        body,
        marked,
        trailer,
    };
    let repaired = Extra {
        fields: "X-Infection-Found: Type=0; Resolution=1; Threat=Sim;\r\n",
        ..extra
    };
    let repairs = at.is_some() && dice.one_in(5);
    let extra = if repairs { repaired } else { extra };
    let mut answer = changed(of, it.head.shown(), &changed_to, had_body, extra);
    answer.alarms = repairs;
    answer.differs = match marked && it.is_taken_with_head() {
        true => Some(answer.head_len + it.head.shown().len() + 50),
        false => differs_at(&answer, &changed_to.body, &it.body),
    };
    (Said::Change(changed_to), answer)
}
