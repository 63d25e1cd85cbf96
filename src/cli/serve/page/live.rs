//! What a run does now, from its journal, as server-sent events.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;

use super::{Shared, apart, views};
use crate::ui::narrator::Narrator;
use event::Body;
use record::journal;

/// How often the journal is looked at.
const LOOKS_EVERY: Duration = Duration::from_millis(500);

/// A reader of a journal.
struct Reader {
    folder: PathBuf,
    /// The size of the journal when it was read last.
    size: u64,
    /// The records that were told.
    told: usize,
    narrator: Narrator,
    waiting: std::collections::VecDeque<Event>,
    ended: bool,
}

pub async fn events(State(site): State<Shared>, Path(run): Path<String>) -> Response {
    let Some(folder) = site.local(&run) else {
        return views::sorry(StatusCode::NOT_FOUND, "this run does not go on here");
    };
    let reader = Reader {
        folder,
        size: 0,
        told: 0,
        narrator: Narrator::default(),
        waiting: std::collections::VecDeque::new(),
        ended: false,
    };
    let told = stream::unfold(reader, |mut reader| async move {
        loop {
            if let Some(event) = reader.waiting.pop_front() {
                return Some((Ok::<_, Infallible>(event), reader));
            }
            if reader.ended {
                return None;
            }
            if !reader.read().await {
                tokio::time::sleep(LOOKS_EVERY).await;
            }
        }
    });
    Sse::new(told).keep_alive(KeepAlive::default()).into_response()
}

impl Reader {
    /// Whether there was something new.
    async fn read(&mut self) -> bool {
        let size = std::fs::metadata(self.folder.join(journal::FILE_NAME)).map_or(0, |found| found.len());
        if size == self.size {
            return false;
        }
        self.size = size;
        let folder = self.folder.clone();
        let contents = match apart(move || journal::read(&folder)).await {
            Ok(Ok(contents)) => contents,
            Ok(Err(error)) => return self.fail(&error.to_string()),
            Err(error) => return self.fail(&error),
        };
        let contents = Arc::new(contents);
        for event in contents.events.iter().skip(self.told) {
            if let Some(line) = self.narrator.tell(event) {
                let said = json!({
                    "at": line.time,
                    "mark": line.mark.word(),
                    "what": line.subject,
                    "text": line.text,
                });
                self.waiting.push_back(Event::default().event("line").data(said.to_string()));
            }
            if matches!(event.body, Body::TaskAsked { .. }) {
                self.waiting.push_back(Event::default().event("asked").data("{}"));
            }
            self.ended = matches!(event.body, Body::RunFinished { .. });
        }
        self.told = contents.events.len();
        if self.ended {
            self.waiting.push_back(Event::default().event("ended").data("{}"));
        }
        true
    }

    fn fail(&mut self, error: &str) -> bool {
        let said = json!({ "at": "", "mark": "FAILED", "what": "the journal cannot be read", "text": error });
        self.waiting.push_back(Event::default().event("line").data(said.to_string()));
        self.ended = true;
        true
    }
}
