//! The record of a run: what is on disk when, and what a damaged one is worth.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

#[path = "support/ui_fixture.rs"]
mod fixture;

use std::path::Path;

use drillmaster::event::{Body, Consumer, Event};
use drillmaster::journal::{Contents, Durability, FILE_NAME, Journal, JournalError, read};
use fixture::{node, number, run_started, script};
use proptest::prelude::*;
use sha2::Digest as _;

fn recorded() -> Vec<Event> {
    script().into_iter().filter(|event| !matches!(event.body, Body::Progress { .. })).collect()
}

fn write(dir: &Path, events: &[Event], durability: Durability) -> Vec<u8> {
    let mut journal = Journal::create(dir, durability).unwrap();
    for event in events {
        journal.take(event).unwrap();
    }
    std::fs::read(dir.join(FILE_NAME)).unwrap()
}

fn read_bytes(bytes: &[u8]) -> Result<Contents, JournalError> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE_NAME), bytes).unwrap();
    read(dir.path())
}

#[test]
fn what_is_written_is_read_without_progress() {
    for durability in [Durability::Synced, Durability::Buffered] {
        let dir = tempfile::tempdir().unwrap();
        let bytes = write(&dir.path().join("new/folder"), &script(), durability);
        let contents = read(&dir.path().join("new/folder")).unwrap();
        assert_eq!(contents.events, recorded());
        assert!(contents.finished() && !contents.torn);
        assert_eq!(contents.intact_bytes, bytes.len() as u64);
        assert_eq!(bytes, lines_of(&recorded()), "the format, and its chain");
    }
}

#[test]
fn what_a_crash_must_not_lose_is_written_before_take_returns() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(dir.path(), Durability::Buffered).unwrap();
    let mut looked = 0;
    for event in script() {
        journal.take(&event).unwrap();
        if drillmaster::journal::must_be_kept(&event.body) {
            looked += 1;
            assert_eq!(read(dir.path()).unwrap().events.last(), Some(&event));
        }
    }
    assert!(looked >= 6, "{looked}");
}

#[test]
fn a_journal_is_never_written_into_twice() {
    let dir = tempfile::tempdir().unwrap();
    let before = write(dir.path(), &script(), Durability::Buffered);
    let error = Journal::create(dir.path(), Durability::Buffered).unwrap_err().to_string();
    assert!(error.contains("journal.ndjson") && error.contains("--out"), "{error}");
    assert_eq!(std::fs::read(dir.path().join(FILE_NAME)).unwrap(), before);
}

#[test]
fn a_file_where_the_folder_should_be_is_told() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("out"), "").unwrap();
    for folder in ["out", "out/run"] {
        let error = Journal::create(&dir.path().join(folder), Durability::Synced).unwrap_err().to_string();
        assert!(
            error.contains("out") && error.contains("a file stands where the folder should be"),
            "{error}"
        );
    }
}

#[test]
fn a_gap_is_refused_when_written_and_when_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(dir.path(), Durability::Buffered).unwrap();
    journal.take(&script()[0]).unwrap();
    let error = journal.take(&script()[2]).unwrap_err().message;
    assert!(error.contains("event 2 came where event 1 was due"), "{error}");

    let mut events = recorded();
    events.remove(3);
    let error = read_bytes(&lines_of(&events)).unwrap_err().to_string();
    assert!(
        error.contains(":4: event 4 stands where event 3 was due: the record's number was changed"),
        "{error}"
    );
}

/// The journal of `events`, whatever their order, with a chain that is whole.
fn lines_of(events: &[Event]) -> Vec<u8> {
    let mut prev = hash(b"");
    let mut all = Vec::new();
    for event in events {
        let event = serde_json::to_string(event).unwrap();
        let line = format!("{{\"prev\":\"{prev}\",{}\n", event.strip_prefix('{').unwrap());
        prev = hash(line.as_bytes());
        all.extend_from_slice(line.as_bytes());
    }
    all
}

fn hash(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_damaged_middle_is_refused_with_its_line() {
    let mut lines: Vec<String> =
        String::from_utf8(lines_of(&recorded())).unwrap().lines().map(str::to_owned).collect();
    lines[6] = lines[6].replace("\"event\"", "\"even");
    let error = read_bytes((lines.join("\n") + "\n").as_bytes()).unwrap_err().to_string();
    assert!(error.contains("journal.ndjson:7: this is no record of an event"), "{error}");
}

#[test]
fn only_a_whole_story_is_read() {
    let refused = |events: Vec<Event>, why: &str| {
        let error = read_bytes(&lines_of(&events)).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    let bodies = |bodies: Vec<Body>| number(bodies.into_iter().map(|body| (0.0, body)).collect());
    let start = || run_started(vec![node("db", "rds.restore")], vec![]);
    let interrupted = || Body::Interrupted { by: "SIGINT".into() };
    let end = || Body::RunFinished { api_calls: serde_json::json!({}) };
    refused(bodies(vec![interrupted()]), ":1: the first event is not `run_started`");
    refused(bodies(vec![start(), start()]), ":2: the run starts a second time");
    refused(bodies(vec![start(), end(), interrupted()]), ":3: an event stands after `run_finished`");
    assert!(!read_bytes(&lines_of(&bodies(vec![start(), interrupted()]))).unwrap().finished());
}

#[test]
fn another_format_and_no_journal_are_told_apart() {
    let newer = br#"{"seq":0,"event":"run_started","format":3,"version":"9.1.0","whatever":true}
"#;
    let error = read_bytes(newer).unwrap_err().to_string();
    assert!(error.contains("format 3") && error.contains("9.1.0"), "{error}");
    let error = read(Path::new("/nowhere/at/all")).unwrap_err().to_string();
    assert!(error.contains("there is no journal; name the folder of a run"), "{error}");
    let empty = read_bytes(b"").unwrap();
    assert!(empty.events.is_empty() && !empty.torn);
}

#[test]
fn ten_thousand_steps_are_recorded_quickly() {
    let steps: Vec<_> = (0..10_000).map(|n| node(&format!("step-{n}"), "rds.restore")).collect();
    let mut bodies = vec![(0.0, run_started(steps.clone(), vec![]))];
    for step in &steps {
        let s = || step.id.clone();
        bodies.push((1.0, Body::StepStarted { step: s(), attempt: 1 }));
        bodies.push((
            1.0,
            Body::Intent {
                by: s(),
                attempt: 1,
                call: "rds:Restore".into(),
                token: s(),
                account: s(),
                region: s(),
                what: serde_json::json!({}),
            },
        ));
        bodies.push((1.0, Body::Created { by: s(), token: s(), resources: vec![] }));
        let outputs = serde_json::json!({});
        bodies.push((
            2.0,
            Body::StepSucceeded { step: s(), outputs, restored: vec![], data: false, consistent_at: None },
        ));
    }
    let events = number(bodies);
    let dir = tempfile::tempdir().unwrap();
    let start = std::time::Instant::now();
    write(dir.path(), &events, Durability::Buffered);
    // Unoptimised, and beside other tests: a sync for each record would take far longer.
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    assert_eq!(read(dir.path()).unwrap().events.len(), 40_001);
}

proptest! {
    /// However a run was cut short, what is read is what was told, up to some event.
    #[test]
    fn any_prefix_reads_as_a_prefix(cut in 0.0..=1.0_f64) {
        let events = recorded();
        let bytes = lines_of(&events);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
        let bytes = &bytes[..(bytes.len() as f64 * cut) as usize];
        let contents = read_bytes(bytes).unwrap();
        prop_assert_eq!(&contents.events[..], &events[..contents.events.len()]);
        let whole = bytes.split(|byte| *byte == b'\n').count() - 1;
        prop_assert_eq!(contents.events.len(), whole);
        prop_assert_eq!(contents.torn, !bytes.is_empty() && bytes.last() != Some(&b'\n'));
        prop_assert!(bytes[..usize::try_from(contents.intact_bytes).unwrap()].ends_with(b"\n") || whole == 0);
    }

    /// Whatever was changed in it, a journal is read or refused with a line: it never brings the reader down.
    #[test]
    fn any_damage_is_read_or_refused(place in 0.0..1.0_f64, bytes in prop::collection::vec(any::<u8>(), 1..8)) {
        let mut whole = lines_of(&recorded());
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
        let start = (whole.len() as f64 * place) as usize;
        for (old, new) in whole[start..].iter_mut().zip(&bytes) {
            *old = *new;
        }
        match read_bytes(&whole) {
            Ok(contents) => prop_assert!(contents.events.len() <= recorded().len()),
            Err(JournalError::Damaged { line, .. }) => prop_assert!(line <= recorded().len() + 8),
            Err(JournalError::Format { .. }) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
