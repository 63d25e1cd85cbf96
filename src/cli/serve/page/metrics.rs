//! The store for Prometheus: the newest run of each playbook, what is overdue, and what is open.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::Utc;

use super::{Shared, Site, apart, views};
use crate::cli::history::finding;
use crate::cli::schedule;
use base::severity::Severity;
use history::entry::Entry;
use history::findings::Tracked;
use history::store::Unread;
use history::{History, StoreError};
use notify::metrics::{self, Due, Open, Stored};
use record::journal::FILE_NAME;
use record::report::Report;
use record::run_folder;

pub async fn metrics(State(site): State<Shared>) -> Response {
    match apart(move || of(&site).map_err(|error| error.to_string())).await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        // Prometheus takes it as `up == 0`: nothing is known, and nothing old is shown.
        Ok(Err(why)) | Err(why) => views::failed(&why),
    }
}

fn of(site: &Site) -> Result<String, StoreError> {
    let mut history = site.store.history()?;
    let found = finding::all(&site.store, &mut history)?;
    let open = open(&history, &found);
    let due = schedule::due(&site.playbooks, site.on, &site.store, &mut history, Utc::now());
    let due = due.into_iter().map(|drill| Due {
        playbook: drill.name,
        on: site.on,
        overdue: drill.overdue,
        last_passed: drill.last_passed,
        next: drill.next,
    });
    let reports = newest(site, &mut history);
    let stored = Stored {
        newest: reports.iter().map(AsRef::as_ref).collect(),
        due: due.collect(),
        open,
        unread: history.unread.iter().map(|unread| &unread.run).collect::<BTreeSet<_>>().len(),
    };
    Ok(metrics::of_store(&stored))
}

/// The newest run of each playbook on each cloud. One that cannot be read is not replaced by an older one:
/// that would look like the newest.
fn newest(site: &Site, history: &mut History) -> Vec<Arc<Report>> {
    let now = Utc::now();
    let mut newest: BTreeMap<(&str, &str), &Entry> = BTreeMap::new();
    // A real run of the future has a wrong clock, and would hide what comes before it.
    for entry in history.runs.iter().filter(|entry| entry.simulated || entry.at() <= now) {
        newest.insert((&entry.playbook, entry.on.word()), entry);
    }
    // Fetching takes time, so the lock is not held meanwhile.
    let told = site.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut kept = BTreeMap::new();
    let mut unread = Vec::new();
    for entry in newest.into_values() {
        let run = &entry.run_id;
        // One in a bucket takes time to fetch. `abort` goes on with one in a folder.
        let journal = entry.files.get(FILE_NAME).map_or("", |file| &file.sha256);
        let version = format!("{run} {journal}");
        let report = match told.get(&version) {
            Some(report) => Ok(Arc::clone(report)),
            None => read(site, history, run).map(Arc::new),
        };
        match report {
            Ok(report) => drop(kept.insert(version, report)),
            Err(why) => unread.push(Unread { run: run.clone(), why }),
        }
    }
    history.unread.extend(unread);
    site.told.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&kept);
    kept.into_values().collect()
}

fn read(site: &Site, history: &History, run: &str) -> Result<Report, String> {
    let fetched = site.store.fetch(history, run).map_err(|error| error.to_string())?;
    Ok(run_folder::read(&fetched.folder)?.fold.report)
}

/// What is open of each playbook that was ever run, also where nothing is.
fn open(history: &History, found: &[Tracked]) -> Vec<Open> {
    let ever: BTreeMap<_, _> =
        history.runs.iter().map(|entry| ((&entry.playbook, entry.on.word()), entry.on)).collect();
    let of = |((playbook, _), on): ((&String, &str), _)| {
        let open = || found.iter().filter(|f| f.open && f.playbook == *playbook && f.on == on);
        let of_severity = |severity| open().filter(|finding| finding.severity == severity).count();
        Open {
            playbook: playbook.clone(),
            on,
            by_severity: [Severity::High, Severity::Medium, Severity::Low]
                .map(|severity| (severity, of_severity(severity)))
                .into(),
            overdue: open().filter(|finding| finding.overdue).count(),
        }
    };
    ever.into_iter().map(of).collect()
}
