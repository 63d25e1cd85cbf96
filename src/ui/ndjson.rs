//! `--output json`: each event as a line on stdout, but for [`Body::Progress`], which is shown to people only.

use std::io::Write;

use event::{Body, Consumer, ConsumerError, Event};

pub struct Ndjson<W: Write> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> Ndjson<W> {
    pub fn new(out: W) -> Self {
        Self { out, line: Vec::new() }
    }
}

impl<W: Write> Consumer for Ndjson<W> {
    fn take(&mut self, event: &Event) -> Result<(), ConsumerError> {
        if matches!(event.body, Body::Progress { .. }) {
            return Ok(());
        }
        self.line.clear();
        let written = serde_json::to_writer(&mut self.line, event)
            .map_err(std::io::Error::from)
            .and_then(|()| {
                self.line.push(b'\n');
                self.out.write_all(&self.line)
            })
            // A reader waits for each event, and stdout may be a buffer.
            .and_then(|()| self.out.flush());
        written.map_err(|error| ConsumerError {
            message: format!(
                "event {} cannot be written to stdout: {error}; keep its reader running, or leave out --output json",
                event.seq
            ),
        })
    }
}
