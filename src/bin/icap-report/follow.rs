//! `--follow`: shows entries as they arrive, from a growing file or from standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use console::Term;

use crate::access_log;
use crate::arguments::Arguments;
use crate::collect::Wanted;
use crate::live::Live;

/// How long the reader waits when a file has no new bytes.
const REST: Duration = Duration::from_millis(100);
/// How often the picture on the terminal is drawn.
const DRAW: Duration = Duration::from_millis(250);
/// The longest line, in bytes; a longer one is cut into several.
const MAX_LINE: u64 = 16 << 20;

/// Follows until standard input ends, or without end.
pub(crate) fn follow(arguments: &Arguments) -> Result<(), String> {
    let [path] = arguments.files.as_slice() else {
        return Err("--follow takes one file".to_owned());
    };
    let wanted = Wanted {
        since: arguments.since,
        until: arguments.until,
        condition: arguments.condition.clone(),
        ..Wanted::default()
    };
    let (sender, lines) = sync_channel(1024);
    let (path, is_everything) = (path.clone(), arguments.all);
    thread::spawn(move || {
        if path == "-" {
            let _ = read_input(&sender);
        } else {
            let _ = read_file(&path, is_everything, &sender);
        }
    });
    let terminal = Term::stdout();
    let mut view = View {
        is_live: terminal.is_term() && !arguments.lines,
        terminal,
        live: Live::default(),
        drawn: 0,
    };
    let (mut second, mut picture) = (Instant::now(), Instant::now());
    loop {
        let is_end = match lines.recv_timeout(DRAW) {
            Ok(line) => {
                view.take(&line, &wanted, arguments.all)
                    .map_err(|e| e.to_string())?;
                false
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => true,
        };
        while second.elapsed() >= Duration::from_secs(1) {
            second += Duration::from_secs(1);
            view.live.second();
        }
        if is_end || picture.elapsed() >= DRAW {
            picture = Instant::now();
            view.draw().map_err(|e| e.to_string())?;
        }
        if is_end {
            return view.end().map_err(|e| e.to_string());
        }
    }
}

struct View {
    terminal: Term,
    /// Whether there is a terminal to draw on. Otherwise significant entries are written line by line.
    is_live: bool,
    live: Live,
    /// The number of lines in the picture.
    drawn: usize,
}

impl View {
    fn take(&mut self, line: &str, wanted: &Wanted, is_everything: bool) -> io::Result<()> {
        if line.trim().is_empty() {
            return Ok(());
        }
        let (live, is_live) = (&mut self.live, self.is_live);
        let shown = access_log::read(line, |entry| {
            if !wanted.holds(entry) {
                return Ok(());
            }
            let shown = live.entry(entry, is_everything || entry.is_significant());
            match shown {
                Some(text) if !is_live => writeln!(io::stdout(), "{text}"),
                _ => Ok(()),
            }
        });
        shown.unwrap_or_else(|_| {
            self.live.bad();
            Ok(())
        })
    }

    fn draw(&mut self) -> io::Result<()> {
        if !self.is_live {
            return Ok(());
        }
        let (rows, columns) = self.terminal.size();
        let lines = self.live.frame(
            usize::from(columns),
            usize::from(rows),
            console::colors_enabled(),
        );
        self.terminal
            .clear_last_lines(self.drawn.min(usize::from(rows)))?;
        self.drawn = lines.len();
        self.terminal
            .write_all(format!("{}\n", lines.join("\n")).as_bytes())?;
        self.terminal.flush()
    }

    fn end(&self) -> io::Result<()> {
        if self.is_live {
            return Ok(());
        }
        writeln!(io::stdout(), "{}", self.live.totals())
    }
}

/// The next line, whatever its bytes. `None` at the end; bytes without a newline stay in `rest`.
fn next_line(source: &mut impl BufRead, rest: &mut Vec<u8>) -> io::Result<Option<String>> {
    let room = MAX_LINE.saturating_sub(rest.len() as u64);
    io::Read::take(source, room).read_until(b'\n', rest)?;
    if rest.last() != Some(&b'\n') && (rest.len() as u64) < MAX_LINE {
        return Ok(None);
    }
    Ok(Some(
        String::from_utf8_lossy(&std::mem::take(rest)).into_owned(),
    ))
}

fn read_input(lines: &SyncSender<String>) -> io::Result<()> {
    let mut source = io::stdin().lock();
    let mut rest = Vec::new();
    while let Some(line) = next_line(&mut source, &mut rest)? {
        if lines.send(line).is_err() {
            return Ok(());
        }
    }
    if !rest.is_empty() {
        let _ = lines.send(String::from_utf8_lossy(&rest).into_owned());
    }
    Ok(())
}

/// Reads bytes added to a file, and goes on with the next file of that name when the log is rotated. A file that
/// exists at the start is read from its end, unless everything is wanted; a later file from its beginning.
fn read_file(path: &str, is_everything: bool, lines: &SyncSender<String>) -> io::Result<()> {
    let mut is_first = !is_everything;
    loop {
        let Ok(file) = File::open(path) else {
            is_first = false;
            thread::sleep(REST);
            continue;
        };
        let inode = file.metadata()?.ino();
        let mut source = BufReader::new(file);
        if is_first {
            source.seek(SeekFrom::End(0))?;
        }
        is_first = false;
        let mut rest = Vec::new();
        loop {
            if let Some(line) = next_line(&mut source, &mut rest)? {
                if lines.send(line).is_err() {
                    return Ok(());
                }
                continue;
            }
            let position = source.stream_position()?;
            let is_other = |now: std::fs::Metadata| now.ino() != inode || now.len() < position;
            if std::fs::metadata(path).map_or(true, is_other) {
                break;
            }
            thread::sleep(REST);
        }
    }
}
