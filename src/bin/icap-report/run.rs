//! Runs the command.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Format, Kind};
use crate::collect::{Collection, Wanted, collect};
use crate::entry::Field;
use crate::input::Inputs;
use crate::{csv, follow, page, summary};

/// The exit code if entries are of a kind in `--fail-on`.
const FOUND: u8 = 1;
/// The exit code for wrong usage, and for files that cannot be read or written.
const TROUBLE: u8 = 2;

/// Runs the command.
pub(crate) fn run() -> ExitCode {
    let mut arguments = Arguments::parse();
    if arguments.files.is_empty() {
        arguments.files.push("-".to_owned());
    }
    let done = if arguments.follow {
        follow::follow(&arguments).map(|()| ExitCode::SUCCESS)
    } else {
        report(&arguments)
    };
    done.unwrap_or_else(|fault| {
        let _ = writeln!(io::stderr(), "icap-report: {fault}");
        ExitCode::from(TROUBLE)
    })
}

fn report(arguments: &Arguments) -> Result<ExitCode, String> {
    let inputs = Inputs::new(&arguments.files)?;
    let format = format(arguments);
    let wanted = Wanted {
        since: arguments.since,
        until: arguments.until,
        condition: arguments.condition.clone(),
        sample: if format == Format::Html {
            arguments.rows as usize
        } else {
            0
        },
        csv: format == Format::Csv,
    };
    let name = arguments.output.as_deref();
    let failed = |e: io::Error| format!("{}: {e}", name.unwrap_or("standard output"));
    let sink: Box<dyn Write> = match name {
        Some(name) => Box::new(File::create(name).map_err(failed)?),
        None => Box::new(io::stdout().lock()),
    };
    let mut sink = BufWriter::with_capacity(1 << 16, sink);
    let mut written = match format {
        Format::Csv => sink.write_all(csv::header().as_bytes()),
        _ => Ok(()),
    };
    let collection = collect(inputs, &wanted, |csv| {
        if written.is_ok() {
            written = sink.write_all(csv);
        }
        written.is_ok()
    });
    let written = written.and_then(|()| match format {
        Format::Csv => Ok(()),
        Format::Html => page::write(&collection, &arguments.files, &mut sink),
        Format::Text => sink.write_all(summary::text(&collection, arguments.top).as_bytes()),
        Format::Json => writeln!(sink, "{:#}", summary::json(&collection)),
    });
    match written.and_then(|()| sink.flush()) {
        // The reader of standard output may have stopped reading.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
        other => other.map_err(failed)?,
    }
    if format == Format::Csv && collection.bad > 0 {
        let _ = writeln!(
            io::stderr(),
            "icap-report: {} lines do not belong to an access log",
            collection.bad
        );
    }
    if !collection.faults.is_empty() {
        return Err(collection.faults.join("; "));
    }
    let is_found = arguments.fail_on.iter().any(|kind| has(&collection, *kind));
    Ok(if is_found {
        ExitCode::from(FOUND)
    } else {
        ExitCode::SUCCESS
    })
}

fn format(arguments: &Arguments) -> Format {
    let is_page = |name: &String| name.ends_with(".html") || name.ends_with(".htm");
    arguments
        .format
        .unwrap_or(if arguments.output.as_ref().is_some_and(is_page) {
            Format::Html
        } else {
            Format::Text
        })
}

fn has(collection: &Collection, kind: Kind) -> bool {
    let Some(action) = kind.action() else {
        return collection.bad > 0;
    };
    let column = collection.columns.field(Field::Action);
    column.is_some_and(|column| column.texts.iter().any(|text| &**text == action))
}
