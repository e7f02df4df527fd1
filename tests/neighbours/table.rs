//! The table that a run prints.

use std::fmt::Write;

use crate::limits::Limit;

/// A cell with what is against it.
#[derive(Clone)]
pub struct Entry {
    /// Outcome and delivery.
    pub case: String,
    /// What is wrong.
    pub objection: Option<String>,
    /// The documented limit that holds here.
    pub limit: Option<&'static Limit>,
}

impl Entry {
    fn mark(&self) -> String {
        match (&self.objection, self.limit) {
            (Some(_), _) => "WRONG".to_owned(),
            (None, Some(limit)) => limit.mark(),
            (None, None) => "ok".to_owned(),
        }
    }
}

/// Rows with their cells, the cells of a column side by side.
pub fn print(
    title: &str,
    columns: &[&str],
    deliveries: &[&str],
    rows: &[(String, Vec<Entry>)],
) -> String {
    let mut out = format!("\n{title}; in each cell: {}\n", deliveries.join(" / "));
    let width = deliveries.len() * 6;
    let _ = write!(out, "{:<34}", "neighbour");
    for column in columns {
        let _ = write!(out, "| {column:<width$}");
    }
    out.push('\n');
    for (name, entries) in rows {
        let _ = write!(out, "{name:<34}");
        for cells in entries.chunks(deliveries.len()) {
            let marks: Vec<String> = cells.iter().map(Entry::mark).collect();
            let _ = write!(out, "| {:<width$}", marks.join(" "));
        }
        out.push('\n');
    }
    for (name, entries) in rows {
        let mut said = Vec::new();
        for entry in entries {
            let words = match (&entry.objection, entry.limit) {
                (Some(objection), _) => format!("WRONG, {}: {objection}", entry.case),
                (None, Some(limit)) => format!("{}, {}", limit.mark(), limit.why),
                (None, None) => continue,
            };
            if !said.contains(&words) {
                let _ = writeln!(out, "  {name}: {words}");
                said.push(words);
            }
        }
    }
    out
}

/// How many cells are not as they are to be.
pub fn wrong(rows: &[(String, Vec<Entry>)]) -> usize {
    rows.iter()
        .flat_map(|(_, entries)| entries)
        .filter(|entry| entry.objection.is_some())
        .count()
}
