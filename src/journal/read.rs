use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

use super::{FILE_NAME, JournalError};
use crate::event::{Body, Event, FORMAT};

/// What a journal holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    pub events: Vec<Event>,
    /// The last line was not finished, and is left out: the run was cut short while it was written.
    pub torn: bool,
    /// The length of the finished lines in bytes: where an append has to go on.
    pub intact_bytes: u64,
}

impl Contents {
    /// The run came to its end.
    pub fn finished(&self) -> bool {
        matches!(self.events.last(), Some(Event { body: Body::RunFinished { .. }, .. }))
    }
}

/// Reads the journal in a run's folder. A torn last line is left out and told; anything else that is not as it was
/// written is refused with its line.
pub fn read(dir: &Path) -> Result<Contents, JournalError> {
    let path = dir.join(FILE_NAME);
    let file = File::open(&path).map_err(|source| JournalError::read(&path, source))?;
    let mut reader = BufReader::new(file);
    let mut contents = Contents { events: Vec::new(), torn: false, intact_bytes: 0 };
    let mut line = Vec::new();
    loop {
        line.clear();
        let length =
            reader.read_until(b'\n', &mut line).map_err(|source| JournalError::read(&path, source))?;
        if length == 0 {
            return Ok(contents);
        }
        let Some(record) = line.strip_suffix(b"\n") else {
            contents.torn = true;
            return Ok(contents);
        };
        let number = contents.events.len() + 1;
        let damaged = |why: String| JournalError::Damaged { path: path.clone(), line: number, why };
        if number == 1 {
            check_format(record, &path)?;
        }
        let event: Event = serde_json::from_slice(record)
            .map_err(|error| damaged(format!("this is no record of an event ({error})")))?;
        let expected = contents.events.len() as u64;
        if event.seq != expected {
            return Err(damaged(format!("event {} stands where event {expected} was due", event.seq)));
        }
        match (&event.body, contents.events.last().map(|last| &last.body)) {
            (Body::RunStarted(_), None) => {}
            (_, None) => return Err(damaged("the first event is not `run_started`".into())),
            (Body::RunStarted(_), Some(_)) => return Err(damaged("the run starts a second time".into())),
            (Body::Progress { .. }, _) => return Err(damaged("`progress` is never recorded".into())),
            (_, Some(Body::RunFinished { .. })) => {
                return Err(damaged("an event stands after `run_finished`".into()));
            }
            _ => {}
        }
        contents.events.push(event);
        contents.intact_bytes += length as u64;
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
