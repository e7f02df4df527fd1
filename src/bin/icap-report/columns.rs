//! Stores entries as columns: each value once, and its number in every entry.

use std::collections::HashMap;
use std::sync::Arc;

use crate::entry::{Entry, Field, Values};

/// Separates the values of a field with several values.
pub(crate) const SEPARATOR: char = '\u{1f}';
/// Stands for values past [`MAX_VALUES`], and on the page for rare values.
pub(crate) const OTHERS: &str = "(others)";
/// How many different values of a field are kept apart.
const MAX_VALUES: usize = 50_000;
/// How many bytes of a value are kept.
const MAX_VALUE_BYTES: usize = 300;
/// Stands for a missing time.
pub(crate) const NO_TIME: i64 = i64::MIN;
/// Stands for a missing latency.
pub(crate) const NO_LATENCY: u32 = u32::MAX;

/// One field of all entries.
#[derive(Debug, Default)]
pub(crate) struct Column {
    numbers: HashMap<Arc<str>, u32>,
    /// The text of each number: the values of a field, joined by [`SEPARATOR`]; empty for no value.
    pub(crate) texts: Vec<Arc<str>>,
    /// The number that each entry has.
    pub(crate) codes: Vec<u32>,
}

impl Column {
    /// The number for a text.
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        if self.texts.len() >= MAX_VALUES && text != OTHERS {
            return self.number(OTHERS);
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let text: Arc<str> = text.into();
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        number
    }

    /// How many entries have each text.
    pub(crate) fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.texts.len()];
        for code in &self.codes {
            if let Some(count) = counts.get_mut(*code as usize) {
                *count += 1;
            }
        }
        counts
    }
}

/// The values in the text of a column.
pub(crate) fn values(text: &str) -> impl Iterator<Item = &str> {
    text.split(SEPARATOR).filter(|value| !value.is_empty())
}

/// The columns of all fields, and the times and latencies.
#[derive(Debug)]
pub(crate) struct Columns {
    fields: Vec<Column>,
    /// Milliseconds since 1970, or [`NO_TIME`].
    pub(crate) times: Vec<i64>,
    /// Milliseconds, or [`NO_LATENCY`].
    pub(crate) latencies: Vec<u32>,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            fields: Field::ALL.iter().map(|_| Column::default()).collect(),
            times: Vec::new(),
            latencies: Vec::new(),
        }
    }
}

impl Columns {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// Every field and its column.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (Field, &Column)> {
        Field::ALL.into_iter().zip(&self.fields)
    }

    /// The column of a field.
    pub(crate) fn field(&self, field: Field) -> Option<&Column> {
        self.fields()
            .find(|(f, _)| *f == field)
            .map(|(_, column)| column)
    }

    /// Adds an entry.
    pub(crate) fn add(&mut self, entry: &Entry<'_>) {
        let mut values = Values::default();
        let mut joined = String::new();
        for (field, column) in Field::ALL.into_iter().zip(&mut self.fields) {
            entry.values(field, &mut values);
            let number = match values.0.as_slice() {
                [] => column.number(""),
                [value] if is_plain(value) => column.number(value),
                several => {
                    joined.clear();
                    for value in several {
                        if !joined.is_empty() {
                            joined.push(SEPARATOR);
                        }
                        joined.extend(
                            cut(value)
                                .chars()
                                .map(|c| if c == SEPARATOR { ' ' } else { c }),
                        );
                    }
                    column.number(&joined)
                }
            };
            column.codes.push(number);
        }
        self.times.push(entry.time.unwrap_or(NO_TIME));
        let latency = entry
            .latency()
            .map(|ms| ms.clamp(0.0, f64::from(NO_LATENCY - 1)) as u32);
        self.latencies.push(latency.unwrap_or(NO_LATENCY));
    }

    /// Appends the entries of other columns.
    pub(crate) fn append(&mut self, other: &Self) {
        for (column, more) in self.fields.iter_mut().zip(&other.fields) {
            let numbers: Vec<u32> = more.texts.iter().map(|text| column.number(text)).collect();
            let here = |code: &u32| numbers.get(*code as usize).copied().unwrap_or(0);
            column.codes.extend(more.codes.iter().map(here));
        }
        self.times.extend_from_slice(&other.times);
        self.latencies.extend_from_slice(&other.latencies);
    }
}

fn is_plain(value: &str) -> bool {
    value.len() <= MAX_VALUE_BYTES && !value.contains(SEPARATOR)
}

fn cut(value: &str) -> &str {
    let mut end = value.len().min(MAX_VALUE_BYTES);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    value.get(..end).unwrap_or_default()
}
