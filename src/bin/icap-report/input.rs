//! Reads files, compressed or not, and standard input, in pieces of whole lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::zstd::Frames;

/// How many bytes are read at a time.
const PIECE: usize = 1 << 20;
/// The longest line, in bytes. The rest of a longer line is skipped.
const MAX_LINE: usize = 16 << 20;
/// Inputs with more bytes get a progress bar.
const LONG: u64 = 16 << 20;

/// A piece of the input: successive lines.
#[derive(Debug)]
pub(crate) struct Piece {
    /// The number of the first line over all inputs, from 1.
    pub(crate) first_line: u64,
    /// The lines, each with its newline. The last line may lack one.
    pub(crate) bytes: Vec<u8>,
}

/// The inputs.
pub(crate) struct Inputs {
    paths: Vec<String>,
    progress: ProgressBar,
}

impl Inputs {
    /// Opens the files with these names; `-` is standard input. The error names the file that cannot be opened.
    pub(crate) fn new(paths: &[String]) -> Result<Self, String> {
        let mut length = 0;
        let mut is_known = true;
        for path in paths {
            if path == "-" {
                is_known = false;
                continue;
            }
            let file = File::open(path).map_err(|e| format!("{path}: {e}"))?;
            let metadata = file.metadata().map_err(|e| format!("{path}: {e}"))?;
            if metadata.is_dir() {
                return Err(format!("{path}: it is a directory"));
            }
            is_known &= metadata.is_file();
            length += metadata.len();
        }
        let is_seen = io::stderr().is_terminal() && (!is_known || length >= LONG);
        Ok(Self {
            paths: paths.to_vec(),
            progress: bar(is_seen, is_known.then_some(length)),
        })
    }

    /// Passes the pieces to `take` in order, until it returns false. Returns the inputs that could not be read.
    pub(crate) fn read(self, mut take: impl FnMut(Piece) -> bool) -> Vec<String> {
        let mut faults = Vec::new();
        let mut line = 1;
        for path in &self.paths {
            let opened = open(path, &self.progress);
            let result = opened.and_then(|source| read_lines(source, &mut line, &mut take));
            match result {
                Ok(true) => {}
                Ok(false) => break,
                Err(e) => faults.push(format!("{path}: {e}")),
            }
        }
        self.progress.finish_and_clear();
        faults
    }
}

fn bar(is_seen: bool, length: Option<u64>) -> ProgressBar {
    if !is_seen {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr_with_hz(10));
    let template = match length {
        Some(_) => "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        None => "{spinner} {bytes} read, {bytes_per_sec}",
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Opens a file and decompresses it if its first bytes say so.
fn open(path: &str, progress: &ProgressBar) -> io::Result<Box<dyn Read>> {
    let source: Box<dyn Read> = if path == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(Path::new(path))?)
    };
    let mut source = BufReader::with_capacity(1 << 16, progress.wrap_read(source));
    let start = source.fill_buf()?;
    Ok(if start.starts_with(&[0x1f, 0x8b]) {
        Box::new(flate2::bufread::MultiGzDecoder::new(source))
    } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Box::new(Frames::new(source)?)
    } else {
        Box::new(source)
    })
}

/// Cuts the input into pieces of whole lines. False if `take` returned false.
fn read_lines(
    mut source: Box<dyn Read>,
    line: &mut u64,
    take: &mut impl FnMut(Piece) -> bool,
) -> io::Result<bool> {
    let mut rest: Vec<u8> = Vec::new();
    let mut is_passing_over = false;
    loop {
        let mut bytes = std::mem::take(&mut rest);
        let before = bytes.len();
        bytes.reserve(PIECE);
        let result = source.by_ref().take(PIECE as u64).read_to_end(&mut bytes);
        let is_end = matches!(result, Ok(0)) || result.is_err();
        let fresh = bytes.get(before..).unwrap_or_default();
        match memchr::memrchr(b'\n', fresh) {
            Some(at) => rest = bytes.split_off(before + at + 1),
            None if !is_end && bytes.len() < MAX_LINE => {
                rest = bytes;
                continue;
            }
            None => {}
        }
        if is_passing_over {
            let end = memchr::memchr(b'\n', &bytes).map_or(bytes.len(), |at| at + 1);
            is_passing_over = bytes.get(end.wrapping_sub(1)) != Some(&b'\n');
            bytes.drain(..end);
        }
        let lines = memchr::memchr_iter(b'\n', &bytes).count() as u64;
        let is_cut = !bytes.is_empty() && bytes.last() != Some(&b'\n');
        is_passing_over |= is_cut;
        let piece = Piece {
            first_line: *line,
            bytes,
        };
        *line += lines + u64::from(is_cut);
        if !piece.bytes.is_empty() && !take(piece) {
            return Ok(false);
        }
        if is_end {
            return result.map(|_| true);
        }
    }
}
