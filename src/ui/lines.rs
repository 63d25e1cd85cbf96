//! The display for logs: one line for each event, with fixed columns.

use std::collections::HashMap;
use std::io::Write;

use chrono::TimeDelta;

use super::narrator::{Line, Narrator};
use super::text::{TextStyle, pad};
use base::duration::Time;
use event::{Body, Consumer, ConsumerError, Event};

/// The shortest time between two progress lines of one step or check.
const PROGRESS_EVERY: TimeDelta = TimeDelta::seconds(30);

pub struct Lines<W: Write> {
    out: Option<W>,
    style: TextStyle,
    narrator: Narrator,
    reported: HashMap<String, (Time, String)>,
}

impl<W: Write> Lines<W> {
    pub fn new(out: W, style: TextStyle) -> Self {
        Self { out: Some(out), style, narrator: Narrator::default(), reported: HashMap::new() }
    }

    /// Returns the writer, for tests.
    pub fn into_inner(self) -> Option<W> {
        self.out
    }

    fn write(&mut self, line: &Line) {
        let Some(out) = &mut self.out else { return };
        let text = format!(
            "{}  {}  {}{}{}",
            pad(&line.time, 10),
            self.style.paint(line.mark.tone(), &pad(line.mark.word(), 8)),
            line.subject,
            if line.text.is_empty() { "" } else { ": " },
            line.text
        );
        // The reader of stderr is gone. The drill goes on, because the journal is its record.
        if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            self.out = None;
        }
    }

    /// Returns whether to write this progress. It must have new words, and the last line must be 30
    /// s old.
    fn is_due(&mut self, id: &str, text: &str, at: Time) -> bool {
        match self.reported.get(id) {
            Some((last, said)) if at - *last < PROGRESS_EVERY || said == text => false,
            Some(_) | None => {
                self.reported.insert(id.to_owned(), (at, text.to_owned()));
                true
            }
        }
    }
}

impl<W: Write> Consumer for Lines<W> {
    fn take(&mut self, event: &Event) -> Result<(), ConsumerError> {
        if let Body::Progress { id, .. } = &event.body {
            let (id, line) = (id.clone(), self.narrator.tell(event));
            if let Some(line) = line
                && self.is_due(&id, &line.text, event.at)
            {
                self.write(&line);
            }
        } else if let Some(line) = self.narrator.tell(event) {
            self.write(&line);
        }
        Ok(())
    }

    fn recall(&mut self, event: &Event) {
        self.narrator.learn(event);
    }
}
