//! `--output json`: writes each event as a line to stdout. Leaves out [`Body::Progress`], which is
//! only for people. After the last event comes the verdict ([`record::report::Outcome`]).

use std::io::Write;

use event::{Body, Consumer, ConsumerError, Event};

pub struct Ndjson<W: Write> {
    out: W,
}

impl<W: Write> Ndjson<W> {
    pub fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write> Consumer for Ndjson<W> {
    fn take(&mut self, event: &Event) -> Result<(), ConsumerError> {
        if matches!(event.body, Body::Progress { .. }) {
            return Ok(());
        }
        let written = event
            .to_line(&[])
            .map_err(std::io::Error::from)
            .and_then(|line| writeln!(self.out, "{line}"))
            // The reader waits for each event, and stdout may be buffered.
            .and_then(|()| self.out.flush());
        written.map_err(|error| ConsumerError {
            message: format!(
                "event {} cannot be written to stdout: {error}; keep its reader running, or leave out --output json",
                event.seq
            ),
        })
    }
}
