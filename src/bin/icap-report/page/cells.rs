//! Counts entries for the page: merges equal ones and makes each column as small as its values allow.

use std::collections::HashMap;

use crate::columns::{Column, Columns, NO_LATENCY, NO_TIME, OTHERS, values};
use crate::latency;
use crate::summary::ranking;

/// From how many entries on the page keeps fewer details.
const MANY: usize = 20_000;
/// How many values of a field the page keeps apart, with few entries and with many.
const VALUES: [usize; 2] = [5_000, 400];
/// How many pieces the time is divided into, with few entries and with many.
const PIECES: [i64; 2] = [2_000, 480];
/// The possible lengths of a piece of time, in milliseconds.
const STEPS: [i64; 24] = [
    1,
    10,
    100,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    14_400_000,
    21_600_000,
    43_200_000,
    86_400_000,
    604_800_000,
    2_592_000_000,
    31_536_000_000,
];
/// Stands for an entry without a time.
const NO_PIECE: u16 = u16::MAX;

/// A field on the page.
pub(super) struct PageField {
    /// The values, the most frequent first.
    pub(super) values: Vec<String>,
    /// The set of values for each code, as indexes into `values`.
    pub(super) sets: Vec<Vec<u32>>,
    /// The page's code for each code of the column.
    codes: Vec<u16>,
}

impl PageField {
    fn new(column: &Column, limit: usize) -> Self {
        let ranked = ranking(column);
        let is_cut = ranked.len() > limit;
        let mut names: Vec<String> = ranked
            .into_iter()
            .take(limit)
            .map(|(value, _)| value.to_owned())
            .collect();
        if is_cut && !names.iter().any(|name| name == OTHERS) {
            names.push(OTHERS.to_owned());
        }
        let places: HashMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
        let others = places.get(OTHERS).copied();
        let mut sets = Vec::new();
        let mut known: HashMap<Vec<u32>, u16> = HashMap::new();
        let mut codes = Vec::with_capacity(column.texts.len());
        for text in &column.texts {
            let mut set: Vec<u32> = values(text)
                .filter_map(|value| places.get(value).copied().or(others))
                .collect();
            set.sort_unstable();
            set.dedup();
            let code = match known.get(&set) {
                Some(code) => *code,
                None => {
                    // There are more combinations than codes: the rest shares the last code.
                    let code = u16::try_from(sets.len()).unwrap_or(u16::MAX);
                    if usize::from(code) == sets.len() {
                        sets.push(set.clone());
                    }
                    known.insert(set, code);
                    code
                }
            };
            codes.push(code);
        }
        Self {
            values: names,
            sets,
            codes,
        }
    }

    fn is_wide(&self) -> bool {
        self.sets.len() > 256
    }
}

/// The pieces that the time is divided into.
#[derive(Clone, Copy)]
pub(super) struct Pieces {
    /// The beginning of the first piece, in milliseconds since 1970.
    pub(super) start: i64,
    /// The length of each piece, in milliseconds.
    pub(super) step: i64,
    /// The number of pieces.
    pub(super) count: i64,
}

impl Pieces {
    fn new(columns: &Columns, most: i64) -> Option<Self> {
        let times = || columns.times.iter().copied().filter(|t| *t != NO_TIME);
        let (first, last) = (times().min()?, times().max()?);
        let fits = |step: &i64| (last - first) / step < most - 1;
        let step = STEPS
            .into_iter()
            .find(fits)
            .unwrap_or((last - first) / (most - 2) + 1);
        let start = first.div_euclid(step) * step;
        Some(Self {
            start,
            step,
            count: (last - start) / step + 1,
        })
    }

    fn piece(self, time: i64) -> u16 {
        if time == NO_TIME {
            return NO_PIECE;
        }
        u16::try_from((time - self.start) / self.step).unwrap_or(NO_PIECE)
    }
}

/// The columns that the page counts by.
pub(super) struct Cells<'a> {
    columns: &'a Columns,
    pub(super) fields: Vec<PageField>,
    pub(super) pieces: Option<Pieces>,
}

/// Columns as bytes: the fields in order, then piece of time, latency class, and count.
pub(super) struct Packed {
    /// The number of rows.
    pub(super) rows: usize,
    /// For each column: the bytes of a value, and all values in little-endian order.
    pub(super) columns: Vec<(usize, Vec<u8>)>,
}

impl<'a> Cells<'a> {
    pub(super) fn new(columns: &'a Columns) -> Self {
        let is_many = usize::from(columns.len() > MANY);
        let limit = VALUES.get(is_many).copied().unwrap_or_default();
        let pieces = PIECES.get(is_many).copied().unwrap_or_default();
        Self {
            fields: columns
                .fields()
                .map(|(_, column)| PageField::new(column, limit))
                .collect(),
            pieces: Pieces::new(columns, pieces),
            columns,
        }
    }

    /// Appends the bytes of an entry.
    fn row(&self, row: usize, out: &mut Vec<u8>) {
        for ((_, column), field) in self.columns.fields().zip(&self.fields) {
            let code = column
                .codes
                .get(row)
                .and_then(|code| field.codes.get(*code as usize));
            let [low, high] = code.copied().unwrap_or_default().to_le_bytes();
            out.push(low);
            if field.is_wide() {
                out.push(high);
            }
        }
        let time = self.columns.times.get(row).copied().unwrap_or(NO_TIME);
        let piece = self.pieces.map_or(NO_PIECE, |pieces| pieces.piece(time));
        out.extend_from_slice(&piece.to_le_bytes());
        let latency = self
            .columns
            .latencies
            .get(row)
            .copied()
            .unwrap_or(NO_LATENCY);
        out.push(if latency == NO_LATENCY {
            latency::NONE
        } else {
            latency::class(latency)
        });
    }

    /// The number of bytes of each column.
    fn widths(&self) -> Vec<usize> {
        let fields = self
            .fields
            .iter()
            .map(|field| 1 + usize::from(field.is_wide()));
        fields.chain([2, 1]).collect()
    }

    /// All entries, equal ones merged.
    pub(super) fn all(&self) -> Packed {
        let width: usize = self.widths().iter().sum();
        let count = self.columns.len();
        let mut bytes = Vec::with_capacity(width * count);
        for row in 0..count {
            self.row(row, &mut bytes);
        }
        let mut rows: Vec<&[u8]> = bytes.chunks_exact(width).collect();
        rows.sort_unstable();
        let mut cells: Vec<(&[u8], u32)> = Vec::new();
        for row in rows {
            match cells.last_mut() {
                Some((last, count)) if *last == row => *count += 1,
                _ => cells.push((row, 1)),
            }
        }
        self.pack(&cells)
    }

    /// These entries, not merged.
    pub(super) fn these(&self, rows: impl Iterator<Item = usize>) -> Packed {
        let rows: Vec<Vec<u8>> = rows
            .map(|row| {
                let mut bytes = Vec::new();
                self.row(row, &mut bytes);
                bytes
            })
            .collect();
        let cells: Vec<(&[u8], u32)> = rows.iter().map(|row| (row.as_slice(), 1)).collect();
        self.pack(&cells)
    }

    fn pack(&self, cells: &[(&[u8], u32)]) -> Packed {
        let mut columns = Vec::new();
        let mut at = 0;
        for width in self.widths() {
            let mut column = Vec::with_capacity(width * cells.len());
            for (row, _) in cells {
                column.extend_from_slice(row.get(at..at + width).unwrap_or_default());
            }
            columns.push((width, column));
            at += width;
        }
        let counts = cells
            .iter()
            .flat_map(|(_, count)| count.to_le_bytes())
            .collect();
        columns.push((4, counts));
        Packed {
            rows: cells.len(),
            columns,
        }
    }
}
