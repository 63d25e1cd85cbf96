use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value;

use super::JournalError;
use super::chain::{self, End, Hash};
use crate::plain_file;
use event::legal::RunProgress;
use event::{Body, Event, FORMAT};

/// The journal's file in a run's folder.
pub const FILE_NAME: &str = "journal.ndjson";

/// The contents of a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    pub events: Vec<Event>,
    /// The last line has no newline and is left out. The process died while it wrote the line.
    pub torn: bool,
    /// The length of the complete lines in bytes. The next append begins there.
    pub intact_bytes: u64,
    /// The hash of each record in turn.
    hashes: Vec<Hash>,
    /// The events that may come next.
    pub(super) progress: RunProgress,
}

impl Contents {
    fn empty() -> Self {
        Self {
            events: Vec::new(),
            torn: false,
            intact_bytes: 0,
            hashes: Vec::new(),
            progress: RunProgress::default(),
        }
    }

    /// Returns whether the run has ended.
    pub fn finished(&self) -> bool {
        matches!(self.events.last(), Some(Event { body: Body::RunFinished { .. }, .. }))
    }

    /// Returns the number of records and the hash of the last one.
    pub fn end(&self) -> End {
        match self.hashes.last() {
            Some(head) => End { records: self.hashes.len() as u64, head: *head },
            None => End::of_nothing(),
        }
    }

    /// Returns the end of the journal when it had `records` records. `None` if it has fewer.
    pub fn end_at(&self, records: u64) -> Option<End> {
        let Some(last) = records.checked_sub(1) else { return Some(End::of_nothing()) };
        let head = *self.hashes.get(usize::try_from(last).ok()?)?;
        Some(End { records, head })
    }
}

/// Reads the journal in a run's folder. Leaves out a torn last line and reports it. Refuses any
/// other change, with its line.
///
/// The journal alone does not show two kinds of changes: a changed last record, and whole lines cut
/// from the end. Callers compare [`Contents::end`] with the end in the report.
pub fn read(dir: &Path) -> Result<Contents, JournalError> {
    let path = dir.join(FILE_NAME);
    let file = plain_file::open(&path, OpenOptions::new().read(true))
        .map_err(|refused| JournalError::open(&path, refused))?;
    read_from(&file, &path)
}

/// Reads the first record of a journal alone: what was run, and where. `None`: it has none yet.
pub fn first(dir: &Path) -> Result<Option<Event>, JournalError> {
    let path = dir.join(FILE_NAME);
    let file = plain_file::open(&path, OpenOptions::new().read(true))
        .map_err(|refused| JournalError::open(&path, refused))?;
    let mut reader = Lines { from: BufReader::new(&file), path: &path };
    let mut line = Vec::new();
    if !reader.next(&mut line)? || !line.ends_with(b"\n") {
        return Ok(None);
    }
    Contents::empty().check(&line, &mut reader).map(Some)
}

pub(super) fn read_from(file: &File, path: &Path) -> Result<Contents, JournalError> {
    let mut reader = Lines { from: BufReader::new(file), path };
    let mut contents = Contents::empty();
    let mut line = Vec::new();
    while reader.next(&mut line)? {
        if !line.ends_with(b"\n") {
            // A crash of the file system may also leave a tail of NUL bytes.
            contents.torn = true;
            break;
        }
        let event = contents.check(&line, &mut reader)?;
        contents.events.push(event);
        contents.hashes.push(Hash::of(&line));
        contents.intact_bytes += line.len() as u64;
    }
    Ok(contents)
}

struct Lines<'a, R> {
    from: BufReader<R>,
    path: &'a Path,
}

impl<R: Read> Lines<'_, R> {
    /// Reads the next line with its newline, if it has one. Returns false at the end.
    fn next(&mut self, line: &mut Vec<u8>) -> Result<bool, JournalError> {
        line.clear();
        let length =
            self.from.read_until(b'\n', line).map_err(|source| JournalError::read(self.path, source))?;
        Ok(length > 0)
    }
}

impl Contents {
    /// The version that wrote the journal. The first record tells it, which may be `line`.
    fn version(&self, line: &[u8]) -> String {
        let version = match self.events.first().map(|first| &first.body) {
            Some(Body::RunStarted(started)) => Some(started.version.clone()),
            _ => serde_json::from_slice::<Value>(line)
                .ok()
                .and_then(|first| Some(first.get("version")?.as_str()?.to_owned())),
        };
        version.map_or_else(|| "unknown".into(), |version| version.escape_debug().to_string())
    }

    /// Whether `line` holds the hash of the record before, and the next line holds the hash of
    /// `line`. Such a line is as it was written.
    fn is_linked<R: Read>(&self, line: &[u8], reader: &mut Lines<R>) -> Result<bool, JournalError> {
        let mut after = Vec::new();
        let followed = reader.next(&mut after)? && chain::prev(&after) == Some(Hash::of(line));
        Ok(followed && chain::prev(line) == Some(self.end().head))
    }

    /// Checks that `line` is the next record, and returns its event.
    fn check<R: Read>(&mut self, line: &[u8], reader: &mut Lines<R>) -> Result<Event, JournalError> {
        let path = reader.path;
        let number = self.events.len() + 1;
        let damaged = |line, why| JournalError::Damaged { path: path.to_owned(), line, why };
        let changed = |line: usize| {
            let why = format!(
                "the record was changed: line {} holds the hash of another one in its place",
                line + 1
            );
            damaged(line, why)
        };
        if number == 1 {
            check_format(line, path)?;
        }
        let event = match Event::from_line(line) {
            Ok(event) => event,
            Err(error) => {
                let why = error.to_string();
                if error.is_data() && self.is_linked(line, reader)? {
                    let (path, version) = (path.to_owned(), self.version(line));
                    return Err(JournalError::UnknownWord { path, line: number, why, version });
                }
                return Err(damaged(number, format!("this is no record of an event ({why})")));
            }
        };
        let Some(prev) = chain::prev(line) else {
            return Err(damaged(
                number,
                "the record does not begin with `prev`, the hash of the one before".into(),
            ));
        };
        let due = self.end();
        if event.seq != due.records {
            let why = if prev == due.head {
                "the record's number was changed"
            } else {
                "a record was removed, inserted or moved"
            };
            return Err(damaged(
                number,
                format!("event {} stands where event {} was due: {why}", event.seq, due.records),
            ));
        }
        if prev != due.head {
            // One of the two records was changed. The next record shows which, if there is one.
            let mut after = Vec::new();
            let after = if reader.next(&mut after)? { chain::prev(&after) } else { None };
            let before = number.saturating_sub(1);
            return Err(match after {
                _ if number == 1 => damaged(1, "the first record's `prev` is not the hash of nothing".into()),
                Some(hash) if hash == Hash::of(line) => changed(before),
                Some(_) => damaged(
                    number,
                    format!("the record does not follow on line {before}: its `prev` is another's hash"),
                ),
                None => damaged(
                    number,
                    format!(
                        "the record does not follow on line {before}: one of the two was changed, or what stood between them is missing"
                    ),
                ),
            });
        }
        if let Err(why) = self.progress.follow(&event) {
            let mut after = Vec::new();
            let after = if reader.next(&mut after)? { chain::prev(&after) } else { None };
            return Err(match after {
                Some(hash) if hash != Hash::of(line) => changed(number),
                _ => damaged(number, why),
            });
        }
        Ok(event)
    }
}

/// Checks the format before the whole record, which may look different in another format.
fn check_format(record: &[u8], path: &Path) -> Result<(), JournalError> {
    let Ok(record) = serde_json::from_slice::<Value>(record) else { return Ok(()) };
    match record.get("format").and_then(Value::as_u64) {
        Some(found) if found != u64::from(FORMAT) => {
            let version = record.get("version").and_then(Value::as_str).unwrap_or("unknown");
            Err(JournalError::Format {
                path: path.to_owned(),
                found,
                version: version.escape_debug().to_string(),
            })
        }
        _ => Ok(()),
    }
}
