//! `--format html`: one page that needs no network and no other files.
//!
//! The page holds the log as one compressed piece of data, so no character of a client's is part of the page's own
//! text. The script inserts values as text, and the page's policy runs no other script.

mod cells;

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::access_log;
use crate::collect::Collection;
use crate::columns::NO_TIME;
use crate::entry::Field;
use crate::latency;
use crate::sample::Kept;
use crate::time;

use cells::{Cells, Packed};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
/// The parts of the script: counting, drawing, and clicks.
const SCRIPTS: [&str; 5] = [
    include_str!("data.js"),
    include_str!("filters.js"),
    include_str!("charts.js"),
    include_str!("detail.js"),
    include_str!("page.js"),
];

/// Writes the page.
pub(crate) fn write(
    collection: &Collection,
    files: &[String],
    out: &mut impl Write,
) -> io::Result<()> {
    let script = format!("'use strict';\n(() => {{\n{}\n}})();\n", SCRIPTS.join("\n"));
    let data = STANDARD.encode(data(collection, files)?);
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'",
        hash(&script),
        hash(STYLE),
    );
    for (n, piece) in TEMPLATE.split("{{").enumerate() {
        let (name, text) = piece
            .split_once("}}")
            .filter(|_| n > 0)
            .unwrap_or(("", piece));
        let value = match name {
            "policy" => &policy,
            "style" => STYLE,
            "script" => &script,
            "data" => &data,
            _ => "",
        };
        out.write_all(value.as_bytes())?;
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

/// The source of a script or style for the Content-Security-Policy.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// The data, compressed: the length of the description, the description as JSON, then the columns that the
/// description names.
fn data(collection: &Collection, files: &[String]) -> io::Result<Vec<u8>> {
    let columns = &collection.columns;
    let cells = Cells::new(columns);
    let all = cells.all();
    let table = cells.these(collection.kept.iter().map(|kept| kept.row));
    let mut bytes = Vec::new();
    let fields: Vec<Value> = Field::ALL
        .into_iter()
        .zip(&cells.fields)
        .map(|(field, page)| {
            json!({"name": field.name(), "label": field.label(), "values": page.values, "sets": page.sets})
        })
        .collect();
    let description = json!({
        "files": files,
        "made": time::write(time::now()),
        "lines": collection.lines,
        "entries": columns.len(),
        "leftOut": collection.left_out,
        "bad": collection.bad,
        "badLines": collection.bad_lines.iter()
            .map(|bad| json!({"line": bad.line, "why": bad.why, "text": bad.text}))
            .collect::<Vec<_>>(),
        "faults": collection.faults,
        "fields": fields,
        "edges": *latency::EDGES,
        "time": cells.pieces.map(|p| json!({"start": p.start, "step": p.step, "count": p.count})),
        "cells": layout(&all, &mut bytes),
        "table": layout(&table, &mut bytes),
        "rows": collection.kept.iter().map(|kept| row(collection, kept)).collect::<Vec<_>>(),
    })
    .to_string();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(4));
    let length = u32::try_from(description.len()).map_err(io::Error::other)?;
    encoder.write_all(&length.to_le_bytes())?;
    encoder.write_all(description.as_bytes())?;
    encoder.write_all(&bytes)?;
    encoder.finish()
}

/// Appends the columns to `bytes` and describes where each one is.
fn layout(packed: &Packed, bytes: &mut Vec<u8>) -> Value {
    let mut columns = Vec::new();
    for (width, column) in &packed.columns {
        columns.push(json!([bytes.len(), width]));
        bytes.extend_from_slice(column);
    }
    json!({"rows": packed.rows, "columns": columns})
}

/// An entry of the table.
fn row(collection: &Collection, kept: &Kept) -> Value {
    let columns = &collection.columns;
    let time = columns
        .times
        .get(kept.row)
        .copied()
        .filter(|t| *t != NO_TIME);
    let read = access_log::read(&kept.text, |entry| {
        // As text, to keep the order of its members.
        let log = entry.log.as_ref().map(|log| log.json);
        json!({
            "time": time,
            "line": kept.line,
            "latency": entry.latency(),
            "duration": entry.duration,
            "path": entry.path.text(),
            "log": log,
            "text": kept.text,
        })
    });
    // The line was cut for its length.
    read.unwrap_or_else(|_| json!({"time": time, "line": kept.line, "text": kept.text}))
}
