//! Reads all lines with several threads, and merges the results in the order of the input.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::access_log;
use crate::columns::{Columns, NO_LATENCY};
use crate::condition::Condition;
use crate::csv;
use crate::input::{Inputs, Piece};
use crate::printable::printable;
use crate::sample::{Kept, Sample};

/// How many bad lines the report shows.
const BAD_SHOWN: usize = 20;
/// How many characters of a bad line the report shows.
const BAD_WIDTH: usize = 200;
/// More threads would only wait for the thread that merges their results.
const MAX_THREADS: usize = 8;

/// Which entries count, and what the report needs of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// The earliest time, in milliseconds since 1970.
    pub(crate) since: Option<i64>,
    /// The end of the time range, exclusive, in milliseconds since 1970.
    pub(crate) until: Option<i64>,
    pub(crate) condition: Option<Condition>,
    /// How many entries are kept in full.
    pub(crate) sample: usize,
    /// Whether each entry is written as a line of CSV.
    pub(crate) csv: bool,
}

/// A line that does not belong to an access log.
#[derive(Clone, Debug)]
pub(crate) struct Bad {
    /// The number of the line over all inputs, from 1.
    pub(crate) line: u64,
    /// What is wrong.
    pub(crate) why: &'static str,
    /// The printable beginning of the line.
    pub(crate) text: String,
}

/// Everything that was read.
#[derive(Debug)]
pub(crate) struct Collection {
    /// The number of lines.
    pub(crate) lines: u64,
    /// The number of bad lines.
    pub(crate) bad: u64,
    /// The first bad lines.
    pub(crate) bad_lines: Vec<Bad>,
    /// The number of entries that the conditions left out.
    pub(crate) left_out: u64,
    pub(crate) columns: Columns,
    pub(crate) kept: Vec<Kept>,
    /// Files that could not be read to their end, and why.
    pub(crate) faults: Vec<String>,
}

/// The result for one piece of the input.
struct Batch {
    piece: Piece,
    lines: u64,
    bad: u64,
    bad_lines: Vec<Bad>,
    left_out: u64,
    columns: Columns,
    /// For each entry: the place of its line in the piece, the line's number there, whether the entry is significant.
    places: Vec<(usize, usize, u64, bool)>,
    csv: Vec<u8>,
}

impl Wanted {
    /// Whether an entry counts. An entry without a time counts unless a time is asked for.
    pub(crate) fn holds(&self, entry: &crate::entry::Entry<'_>) -> bool {
        let since = self
            .since
            .is_none_or(|since| entry.time.is_some_and(|t| t >= since));
        let until = self
            .until
            .is_none_or(|until| entry.time.is_some_and(|t| t < until));
        since && until && self.condition.as_ref().is_none_or(|c| c.holds(entry))
    }

    fn read(&self, piece: Piece) -> Batch {
        let mut batch = Batch {
            lines: 0,
            bad: 0,
            bad_lines: Vec::new(),
            left_out: 0,
            columns: Columns::default(),
            places: Vec::new(),
            csv: Vec::new(),
            piece: Piece {
                first_line: piece.first_line,
                bytes: Vec::new(),
            },
        };
        let mut start = 0;
        for line in piece.bytes.split_inclusive(|b| *b == b'\n') {
            let number = batch.lines;
            batch.lines += 1;
            let place = (start, start + line.len(), number);
            start += line.len();
            let text = String::from_utf8_lossy(line);
            if text.trim().is_empty() {
                continue;
            }
            let result = access_log::read(&text, |entry| {
                if !self.holds(entry) {
                    batch.left_out += 1;
                    return;
                }
                batch.columns.add(entry);
                batch
                    .places
                    .push((place.0, place.1, place.2, entry.is_significant()));
                if self.csv {
                    csv::write(entry, &mut batch.csv);
                }
            });
            if let Err(why) = result {
                batch.bad += 1;
                if batch.bad_lines.len() < BAD_SHOWN {
                    batch.bad_lines.push(Bad {
                        line: piece.first_line + number,
                        why,
                        text: printable(text.trim(), BAD_WIDTH),
                    });
                }
            }
        }
        batch.piece = piece;
        batch
    }
}

/// Reads all inputs. `write` gets the CSV as it is made; reading ends when `write` returns false.
pub(crate) fn collect(
    inputs: Inputs,
    wanted: &Wanted,
    mut write: impl FnMut(&[u8]) -> bool,
) -> Collection {
    let threads = thread::available_parallelism().map_or(1, |n| n.get().min(MAX_THREADS));
    let mut collection = Collection {
        lines: 0,
        bad: 0,
        bad_lines: Vec::new(),
        left_out: 0,
        columns: Columns::default(),
        kept: Vec::new(),
        faults: Vec::new(),
    };
    let mut sample = Sample::new(wanted.sample);
    thread::scope(|scope| {
        let mut pieces = Vec::new();
        let mut batches = Vec::new();
        for _ in 0..threads {
            let (piece_sender, piece_receiver) = sync_channel(1);
            let (batch_sender, batch_receiver) = sync_channel(1);
            pieces.push(piece_sender);
            batches.push(batch_receiver);
            scope.spawn(move || work(wanted, &piece_receiver, &batch_sender));
        }
        let reader = scope.spawn(move || {
            let mut turns = pieces.iter().cycle();
            inputs.read(|piece| turns.next().is_some_and(|to| to.send(piece).is_ok()))
        });
        // The threads take turns, so the results keep the order of the input.
        for batch in batches.iter().cycle() {
            let Ok(batch) = batch.recv() else { break };
            if !write(&batch.csv) {
                break;
            }
            collection.add(batch, &mut sample);
        }
        drop(batches);
        collection.faults = reader.join().unwrap_or_default();
    });
    collection.kept = sample.finish();
    collection
}

fn work(wanted: &Wanted, pieces: &Receiver<Piece>, batches: &SyncSender<Batch>) {
    while let Ok(piece) = pieces.recv() {
        if batches.send(wanted.read(piece)).is_err() {
            return;
        }
    }
}

impl Collection {
    fn add(&mut self, batch: Batch, sample: &mut Sample) {
        let first_row = self.columns.len();
        self.lines += batch.lines;
        self.bad += batch.bad;
        self.left_out += batch.left_out;
        let room = BAD_SHOWN.saturating_sub(self.bad_lines.len());
        self.bad_lines
            .extend(batch.bad_lines.into_iter().take(room));
        let latencies = batch.columns.latencies.iter();
        for (n, (place, latency)) in batch.places.iter().zip(latencies).enumerate() {
            let (start, end, line, is_significant) = *place;
            let text = batch.piece.bytes.get(start..end).unwrap_or_default();
            let latency = (*latency != NO_LATENCY).then_some(*latency);
            sample.offer(
                first_row + n,
                batch.piece.first_line + line,
                text.trim_ascii(),
                latency,
                is_significant,
            );
        }
        self.columns.append(&batch.columns);
    }
}
