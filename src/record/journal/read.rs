use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value;

use super::JournalError;
use super::chain::{self, End, Hash};
use event::legal::Course;
use event::{Body, Event, FORMAT};

/// The journal's file in a run's folder.
pub const FILE_NAME: &str = "journal.ndjson";

/// What a journal holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    pub events: Vec<Event>,
    /// Something without a newline stands at the end, and is left out: the run was cut short while it was written.
    pub torn: bool,
    /// The length of the finished lines in bytes: where an append has to go on.
    pub intact_bytes: u64,
    /// Of each record in turn.
    hashes: Vec<Hash>,
    /// What may follow.
    pub(super) course: Course,
}

impl Contents {
    /// The run came to its end.
    pub fn finished(&self) -> bool {
        matches!(self.events.last(), Some(Event { body: Body::RunFinished { .. }, .. }))
    }

    /// How many records there are, and the hash of the last.
    pub fn end(&self) -> End {
        match self.hashes.last() {
            Some(head) => End { records: self.hashes.len() as u64, head: *head },
            None => End::of_nothing(),
        }
    }

    /// Where the journal ended when it had that many records; `None`: it never had.
    pub fn end_at(&self, records: u64) -> Option<End> {
        let Some(last) = records.checked_sub(1) else { return Some(End::of_nothing()) };
        let head = *self.hashes.get(usize::try_from(last).ok()?)?;
        Some(End { records, head })
    }
}

/// Reads the journal in a run's folder. A torn last line is left out and told; anything else that is not as it was
/// written is refused with its line.
///
/// Two changes cannot be seen in the journal alone: a last record that was changed, and a tail that was cut between two
/// lines. [`Contents::end`] is compared with what the report noted.
pub fn read(dir: &Path) -> Result<Contents, JournalError> {
    let path = dir.join(FILE_NAME);
    let file = File::open(&path).map_err(|source| JournalError::read(&path, source))?;
    read_from(&file, &path)
}

pub(super) fn read_from(file: &File, path: &Path) -> Result<Contents, JournalError> {
    let mut reader = Lines { from: BufReader::new(file), path };
    let mut contents = Contents {
        events: Vec::new(),
        torn: false,
        intact_bytes: 0,
        hashes: Vec::new(),
        course: Course::default(),
    };
    let mut line = Vec::new();
    while reader.next(&mut line)? {
        if !line.ends_with(b"\n") {
            // Also what a crash of the file system may leave: a tail of NULs.
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
    /// The next line with its newline, if it has one; false at the end.
    fn next(&mut self, line: &mut Vec<u8>) -> Result<bool, JournalError> {
        line.clear();
        let length =
            self.from.read_until(b'\n', line).map_err(|source| JournalError::read(self.path, source))?;
        Ok(length > 0)
    }
}

impl Contents {
    /// Whether `line` is the record that follows on what was read so far.
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
        let event = Event::from_line(line)
            .map_err(|error| damaged(number, format!("this is no record of an event ({error})")))?;
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
            // Which of the two was changed? The one after them knows, if it is there.
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
        if let Err(why) = self.course.follow(&event) {
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

/// Looked at before the record as a whole, which another format may shape in another way.
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
