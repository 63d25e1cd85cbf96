//! For logs: one line per event, as it comes, with stable columns.

use std::collections::HashMap;
use std::io::Write;

use chrono::TimeDelta;

use super::narrator::{Line, Narrator};
use super::text::{TextStyle, pad};
use base::duration::Time;
use event::{Body, Consumer, ConsumerError, Event};

/// How often the progress of one step or check is told.
const PROGRESS_EVERY: TimeDelta = TimeDelta::seconds(30);

pub struct Lines<W: Write> {
    out: Option<W>,
    look: TextStyle,
    teller: Narrator,
    told: HashMap<String, (Time, String)>,
}

impl<W: Write> Lines<W> {
    pub fn new(out: W, look: TextStyle) -> Self {
        Self { out: Some(out), look, teller: Narrator::default(), told: HashMap::new() }
    }

    /// What was written, for tests.
    pub fn into_inner(self) -> Option<W> {
        self.out
    }

    fn write(&mut self, line: &Line) {
        let Some(out) = &mut self.out else { return };
        let text = format!(
            "{}  {}  {}{}{}",
            pad(&line.time, 10),
            self.look.paint(line.mark.tone(), &pad(line.mark.word(), 8)),
            line.subject,
            if line.text.is_empty() { "" } else { ": " },
            line.text
        );
        // Nobody reads any more: the drill goes on, and its record is the journal.
        if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            self.out = None;
        }
    }

    /// Whether this progress is news: not told within 30 s, and not the same words again.
    fn is_due(&mut self, id: &str, text: &str, at: Time) -> bool {
        match self.told.get(id) {
            Some((last, said)) if at - *last < PROGRESS_EVERY || said == text => false,
            _ => {
                self.told.insert(id.to_owned(), (at, text.to_owned()));
                true
            }
        }
    }
}

impl<W: Write> Consumer for Lines<W> {
    fn take(&mut self, event: &Event) -> Result<(), ConsumerError> {
        if let Body::Progress { id, .. } = &event.body {
            let (id, line) = (id.clone(), self.teller.tell(event));
            if let Some(line) = line
                && self.is_due(&id, &line.text, event.at)
            {
                self.write(&line);
            }
        } else if let Some(line) = self.teller.tell(event) {
            self.write(&line);
        }
        Ok(())
    }

    fn recall(&mut self, event: &Event) {
        self.teller.learn(event);
    }
}
