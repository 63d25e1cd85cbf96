//! The record of a run: what is on disk at each moment, and what a damaged record is worth.

use std::path::Path;
use std::sync::LazyLock;

use base::severity::Severity;
use event::{Body, Consumer, Event, Phase, Stage};
use port::{Finding, Rule};
use proptest::prelude::*;
use record::journal::{Contents, Durability, FILE_NAME, Journal, JournalError, read};
use sha2::Digest as _;
use support::ui_fixture::{self as fixture, node, number, run_started, script};

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
        if record::journal::must_be_kept(&event.body) {
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
        assert!(error.contains("out") && error.contains("a file is in the place of the folder"), "{error}");
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

/// A journal of `events`, in any order, with a chain that is whole.
fn lines_of(events: &[Event]) -> Vec<u8> {
    let events: Vec<String> = events.iter().map(|event| event.to_line(&[]).unwrap()).collect();
    chained(&events)
}

fn chained(events: &[String]) -> Vec<u8> {
    let mut prev = hash(b"");
    let mut all = Vec::new();
    for event in events {
        let line = format!("{{\"prev\":\"{prev}\",{}\n", event.strip_prefix('{').unwrap());
        prev = hash(line.as_bytes());
        all.extend_from_slice(line.as_bytes());
    }
    all
}

fn hash(bytes: &[u8]) -> String {
    let nibbles = sha2::Sha256::digest(bytes).into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.map(|nibble| char::from_digit(nibble.into(), 16).unwrap()).collect()
}

/// An unknown cloud is not taken for the twin. An unknown severity is not high by default.
#[test]
fn a_word_that_is_not_known_is_refused_with_its_line() {
    let found = |rule: Rule| Finding {
        rule,
        severity: Severity::Medium,
        resource: "sandbox".into(),
        message: "open".into(),
        fix: "close it".into(),
    };
    let bodies = [
        run_started(vec![], vec![]),
        Body::Finding(found(Rule::Preflight)),
        Body::Isolation {
            stage: Stage::BeforeT0,
            exposures: vec![found(Rule::SandboxWayIn)],
            unknown: vec![],
        },
    ];
    let events: Vec<String> = (0..)
        .zip(bodies)
        .map(|(seq, body)| Event { seq, at: chrono::DateTime::UNIX_EPOCH, body })
        .map(|event| event.to_line(&[]).unwrap())
        .collect();
    assert_eq!(read_bytes(&chained(&events)).unwrap().events.len(), 3);
    for (at, known, unknown) in [
        (0, "\"on\":\"twin\"", "azure"),
        (1, "\"severity\":\"medium\"", "grave"),
        (1, "\"rule\":\"preflight\"", "unheard-of"),
        (2, "\"severity\":\"medium\"", "dire"),
    ] {
        let mut changed = events.clone();
        let (key, _) = known.split_once(':').unwrap();
        changed[at] = changed[at].replacen(known, &format!("{key}:\"{unknown}\""), 1);
        assert_ne!(changed[at], events[at]);
        let error = read_bytes(&chained(&changed)).unwrap_err().to_string();
        assert!(
            error.contains(&format!("journal.ndjson:{}: ", at + 1)) && error.contains(unknown),
            "{error}"
        );
        // If the record after it holds its hash, the file is whole and another version wrote it. No
        // record follows the last one.
        let by_another_version = error.contains("use the version that wrote the journal");
        assert_eq!(by_another_version, at + 1 < events.len(), "{error}");
    }
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
    let end = || Body::RunFinished { api_calls: port::ApiCalls::default() };
    refused(bodies(vec![interrupted()]), ":1: the first event is not `run_started`");
    refused(bodies(vec![start(), start()]), ":2: the run starts a second time");
    refused(bodies(vec![start(), end(), interrupted()]), ":3: an event stands after `run_finished`");
    assert!(!read_bytes(&lines_of(&bodies(vec![start(), interrupted()]))).unwrap().finished());
}

/// The bodies of the events, each with its seconds after the first instant.
fn timed(events: &[Event]) -> Vec<(f64, Body)> {
    let after = |event: &Event| (event.at - fixture::at(0.0)).as_seconds_f64();
    events.iter().map(|event| (after(event), event.body.clone())).collect()
}

/// Plans, figures and instants that no run can have. They would hang their reader, or give a time
/// that nobody measured.
#[test]
fn a_record_of_what_cannot_be_is_refused() {
    type Change = fn(&mut Body);
    fn started(body: &mut Body) -> Option<&mut event::RunStarted> {
        match body {
            Body::RunStarted(started) => Some(started),
            _ => None,
        }
    }
    let changes: [(Change, &str); 9] = [
        (
            |body| {
                if let Some(started) = started(body) {
                    let id = started.checks[0].id.clone();
                    started.checks[0].needs = vec![id];
                }
            },
            "the plan waits for itself",
        ),
        (
            |body| {
                if let Some(started) = started(body) {
                    let (step, check) = (started.steps[0].id.clone(), started.checks[0].id.clone());
                    started.steps[0].needs = vec![check];
                    started.checks[0].needs = vec![step];
                }
            },
            "the plan waits for itself",
        ),
        (
            |body| {
                if let Some(started) = started(body) {
                    started.checks[0].needs = vec!["nobody".into()];
                }
            },
            "needs `nobody`, which is not in the plan",
        ),
        (
            |body| {
                if let Some(started) = started(body) {
                    let twin = started.steps[0].clone();
                    started.checks.push(twin);
                }
            },
            "stands twice in the plan",
        ),
        (
            |body| {
                if let Some(started) = started(body) {
                    started.detection_s = Some(-3600.0);
                }
            },
            "no length of time",
        ),
        (
            |body| {
                if let Some(started) = started(body) {
                    started.workloads[0].rto_s = Some(-1.0);
                }
            },
            "no length of time",
        ),
        (
            |body| {
                if let Body::DisasterDeclared { t0 } = body {
                    *t0 += chrono::TimeDelta::days(9000);
                }
            },
            "the disaster was declared at",
        ),
        (
            |body| {
                if let Body::DisasterDeclared { t0 } = body {
                    *t0 -= chrono::TimeDelta::days(1);
                }
            },
            "the disaster was declared at",
        ),
        (
            |body| {
                if let Body::CheckHealthy { healthy_at, .. } = body {
                    *healthy_at -= chrono::TimeDelta::days(1);
                }
            },
            "was asked from",
        ),
    ];
    let story = timed(&recorded());
    assert!(read_bytes(&lines_of(&number(story.clone()))).is_ok());
    for (change, why) in changes {
        let mut story = story.clone();
        for (_, body) in &mut story {
            change(body);
        }
        let error = read_bytes(&lines_of(&number(story))).unwrap_err();
        assert!(error.to_string().contains(why), "{why}: {error}");
    }
}

/// Sequences of events that no run can have. Each is refused when it is read and when it is told.
#[test]
fn a_record_that_cannot_follow_is_refused() {
    let whole = recorded();
    let place = |wanted: fn(&Body) -> bool| whole.iter().position(|event| wanted(&event.body)).unwrap();
    let intent = place(|body| matches!(body, Body::Intent { by, .. } if by == "web"));
    let created = place(|body| matches!(body, Body::Created { by, .. } if by == "web"));
    let declared = place(|body| matches!(body, Body::DisasterDeclared { .. }));
    let retried = place(|body| matches!(body, Body::StepStarted { attempt: 2, .. }));
    let done = place(|body| matches!(body, Body::StepSucceeded { step, .. } if step == "db"));
    let ready = place(|body| matches!(body, Body::CheckReady { check } if check == "rows"));
    let healthy = place(|body| matches!(body, Body::CheckHealthy { check, .. } if check == "rows"));
    let deleting = place(|body| matches!(body, Body::DeleteIntent { .. }));
    let deleted = place(|body| matches!(body, Body::Deleted { .. }));
    let begun = place(|body| matches!(body, Body::PhaseStarted { phase } if *phase == Phase::Recover));
    let sandbox = place(|body| matches!(body, Body::SandboxReady { .. }));
    let without = |left_out: usize| {
        let mut story = timed(&whole);
        story.remove(left_out);
        story
    };
    let twice = |of: usize| {
        let mut story = timed(&whole);
        story.insert(of + 1, story[of].clone());
        story
    };
    for (bodies, line, why) in [
        (without(intent), created, "an answer for t3, which nobody had asked for"),
        (twice(created), created + 1, "an answer for t3, which nobody had asked for"),
        (without(sandbox), declared - 1, "the sandbox was not ready"),
        (twice(declared), declared + 1, "the disaster is declared a second time"),
        (without(declared), retried, "step `db` is not begun"),
        (without(retried), done - 1, "step `db` is between two attempts"),
        (twice(retried), retried + 1, "step `db` is running"),
        (twice(done), done + 1, "step `db` is over"),
        (without(ready), healthy - 2, "check `rows` is not begun"),
        (twice(healthy), healthy + 1, "check `rows` is over"),
        (without(created), deleting - 1, "is nothing that the run made"),
        (without(deleting), deleted - 1, "nobody had asked for the deletion of"),
        (twice(deleted), deleted + 1, "nobody had asked for the deletion of"),
        (twice(begun), begun + 1, "the phase Recover begins a second time"),
    ] {
        let events = number(bodies);
        let error = read_bytes(&lines_of(&events)).unwrap_err();
        let JournalError::Damaged { line: found, why: said, .. } = &error else { panic!("{error}") };
        assert!(said.contains(why), "{why}: {error}");
        // The line is an earlier one where the missing record was needed before.
        assert!(*found <= line + 1, "{why}: line {}, and {error}", line + 1);
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(dir.path(), Durability::Buffered).unwrap();
        let refused = events.iter().find_map(|event| Some((event.seq, journal.take(event).err()?)));
        let (seq, refused) = refused.unwrap();
        assert_eq!(seq + 1, *found as u64, "{why}");
        assert!(refused.message.contains(why) && refused.message.contains("please report this"), "{refused}");
    }
    let mut backwards = whole.clone();
    backwards[5].at = fixture::at(-1.0);
    let error = read_bytes(&lines_of(&backwards)).unwrap_err().to_string();
    assert!(error.contains(":6: it is of ") && error.contains(", and the record before it of "), "{error}");
}

#[test]
fn another_format_and_no_journal_are_told_apart() {
    let newer = br#"{"seq":0,"event":"run_started","format":4,"version":"9.1.0","whatever":true}
"#;
    let error = read_bytes(newer).unwrap_err().to_string();
    assert!(error.contains("format 4") && error.contains("9.1.0"), "{error}");
    let error = read(Path::new("/nowhere/at/all")).unwrap_err().to_string();
    assert!(error.contains("there is no journal; name the folder of a run"), "{error}");
    let empty = read_bytes(b"").unwrap();
    assert!(empty.events.is_empty() && !empty.torn);
}

#[test]
fn ten_thousand_steps_are_recorded_quickly() {
    let steps: Vec<_> = (0..10_000).map(|n| node(&format!("step-{n}"), "rds.restore")).collect();
    let mut bodies = vec![
        (0.0, run_started(steps.clone(), vec![])),
        (1.0, Body::SandboxReady { azs: vec![], outputs: fixture::sandbox_outputs(), ready: None }),
        (1.0, Body::DisasterDeclared { t0: fixture::at(1.0) }),
    ];
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
                account: fixture::account(),
                region: fixture::region(),
                what: fixture::requested(),
            },
        ));
        bodies.push((
            1.0,
            Body::Created {
                by: s(),
                token: s(),
                resources: vec![],
                outputs: std::collections::BTreeMap::default(),
                restored_to: None,
            },
        ));
        let outputs = serde_json::json!({});
        bodies.push((
            1.0,
            Body::StepSucceeded {
                step: s(),
                outputs,
                restored: vec![],
                data: false,
                consistent_at: None,
                confirmed: None,
                made: None,
                redacted: false,
            },
        ));
    }
    let events = number(bodies);
    let dir = tempfile::tempdir().unwrap();
    let start = std::time::Instant::now();
    write(dir.path(), &events, Durability::Buffered);
    // The build is unoptimised, and other tests run beside it. A sync per record would take far
    // longer.
    assert!(start.elapsed().as_secs() < 300, "{:?}", start.elapsed());
    assert_eq!(read(dir.path()).unwrap().events.len(), 40_003);
}

/// Reads the journal after `edit` has changed its lines.
fn edited(edit: impl FnOnce(&mut Vec<Vec<u8>>)) -> Result<Contents, JournalError> {
    let mut lines: Vec<Vec<u8>> =
        lines_of(&recorded()).split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    edit(&mut lines);
    read_bytes(&lines.concat())
}

#[track_caller]
fn refused_at(line: usize, words: &str, read: Result<Contents, JournalError>) {
    let error = read.unwrap_err().to_string();
    assert!(error.contains(&format!("journal.ndjson:{line}: ")) && error.contains(words), "{error}");
}

fn replace(line: &mut Vec<u8>, from: &str, to: &str) {
    let text = String::from_utf8(line.clone()).unwrap();
    assert!(text.contains(from), "{text}");
    *line = text.replacen(from, to, 1).into_bytes();
}

/// Lines count from 1. Events and the indices of this test count from 0.
#[test]
fn the_record_that_does_not_fit_is_named() {
    let last = recorded().len();
    // An improved figure. The error names the line itself, because the two lines after it fit each
    // other.
    let better = |lines: &mut Vec<Vec<u8>>| replace(&mut lines[5], "2026-03-01T", "2025-03-01T");
    refused_at(6, "the record was changed: line 7 holds the hash of another one", edited(better));
    refused_at(4, "a record was removed", edited(|lines| drop(lines.remove(3))));
    refused_at(1, "event 1 stands where event 0 was due", edited(|lines| drop(lines.remove(0))));
    refused_at(5, "inserted", edited(|lines| lines.insert(4, lines[3].clone())));
    refused_at(3, "moved", edited(|lines| lines.swap(2, 8)));
    refused_at(3, "no record of an event", edited(|lines| lines.insert(2, b"\n".to_vec())));
    refused_at(
        5,
        "does not begin with `prev`",
        edited(|lines| replace(&mut lines[4], "\"prev\"", "\"peev\"")),
    );
    refused_at(1, "hash of nothing", edited(|lines| replace(&mut lines[0], ":\"e3b0c442", ":\"e3b0c443")));
    // An edit can make the numbers fit, but not the chain.
    let renumbered = |lines: &mut Vec<Vec<u8>>| {
        lines.remove(3);
        for (n, line) in lines.iter_mut().enumerate().skip(3) {
            replace(line, &format!("\"seq\":{}", n + 1), &format!("\"seq\":{n}"));
        }
    };
    refused_at(4, "does not follow on line 3", edited(renumbered));
    // Either of the last two lines may be the changed one, so the error names both.
    let near_the_end = |lines: &mut Vec<Vec<u8>>| replace(&mut lines[last - 2], "12:20:14Z", "12:20:13Z");
    refused_at(last, &format!("does not follow on line {}: one of the two", last - 1), edited(near_the_end));
    // Only the head reveals a change to the last record, or a cut between two lines.
    let whole = read_bytes(&lines_of(&recorded())).unwrap();
    let changed = edited(|lines| replace(&mut lines[last - 1], "12:20:14Z", "12:20:15Z")).unwrap();
    assert_eq!(changed.end().records, whole.end().records);
    assert_ne!(changed.end().head, whole.end().head);
    let cut = edited(|lines| lines.truncate(last - 4)).unwrap();
    assert_eq!(Some(cut.end()), whole.end_at(cut.end().records));
    assert_eq!(whole.end_at(whole.end().records + 1), None);
}

#[test]
fn the_head_is_what_sha256sum_gives() {
    let bytes = lines_of(&recorded());
    let last = bytes.split_inclusive(|byte| *byte == b'\n').next_back().unwrap();
    assert_eq!(read_bytes(&bytes).unwrap().end().head.to_string(), hash(last));
    assert_eq!(read_bytes(b"").unwrap().end().head.to_string(), hash(b""));
}

/// Continues a journal that was cut to `bytes`, and returns the file.
fn gone_on_with(bytes: &[u8]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    std::fs::write(&path, bytes).unwrap();
    let (mut journal, contents) = Journal::reopen(dir.path(), Durability::Synced).unwrap();
    assert_eq!(
        contents.intact_bytes,
        std::fs::metadata(&path).unwrap().len(),
        "what is torn is cut off at once"
    );
    assert_eq!(journal.kept().end(), contents.end());
    for event in &recorded()[contents.events.len()..] {
        journal.take(event).unwrap();
    }
    let kept = journal.kept();
    drop(journal);
    assert_eq!(kept.end(), read(dir.path()).unwrap().end());
    std::fs::read(path).unwrap()
}

#[test]
fn a_tail_of_nuls_is_a_torn_line() {
    let whole = lines_of(&recorded());
    let ends: Vec<usize> =
        whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(n, _)| n + 1).collect();
    for cut in [0, 10, ends[0], ends[4], ends[4] + 30] {
        let mut bytes = whole[..cut].to_vec();
        bytes.extend([0; 5000]);
        let contents = read_bytes(&bytes).unwrap();
        assert!(contents.torn);
        assert_eq!(contents.events.len(), ends.iter().filter(|end| **end <= cut).count());
        assert!(gone_on_with(&bytes) == whole);
        // Something was written after them. A crash does not leave that.
        bytes.extend(b"\n{}");
        assert!(matches!(read_bytes(&bytes), Err(JournalError::Damaged { .. })));
    }
}

#[test]
fn what_is_damaged_is_not_reopened_nor_touched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    let mut bytes = lines_of(&recorded());
    bytes[2000] ^= 1;
    bytes.extend(b"torn");
    std::fs::write(&path, &bytes).unwrap();
    let error = Journal::reopen(dir.path(), Durability::Synced).unwrap_err();
    assert_eq!(error.to_string(), read(dir.path()).unwrap_err().to_string());
    assert!(std::fs::read(&path).unwrap() == bytes);
    let error = Journal::reopen(&dir.path().join("none"), Durability::Synced).unwrap_err();
    assert!(error.to_string().contains("there is no journal"), "{error}");
}

#[test]
fn one_writer_and_any_number_of_readers() {
    let dir = tempfile::tempdir().unwrap();
    let busy = || {
        let error = Journal::reopen(dir.path(), Durability::Buffered).unwrap_err();
        assert!(matches!(error, JournalError::Busy { .. }), "{error}");
        error.to_string()
    };
    let mut journal = Journal::create(dir.path(), Durability::Buffered).unwrap();
    journal.take(&script()[0]).unwrap();
    let error = busy();
    assert!(error.contains("journal.ndjson") && error.contains("is writing this run's journal"), "{error}");
    #[cfg(target_os = "linux")]
    {
        // The kernel's list of locks is not read at one instant: while others change it, an entry may
        // be missed.
        let named = format!("process {} ", std::process::id());
        assert!((0..50).any(|_| busy().contains(&named)), "{error}");
    }
    assert_eq!(read(dir.path()).unwrap().events.len(), 1);
    drop(journal);
    let (second, contents) = Journal::reopen(dir.path(), Durability::Buffered).unwrap();
    assert_eq!(contents.events.len(), 1);
    busy();
    drop(second);
    Journal::reopen(dir.path(), Durability::Buffered).unwrap();
}

static SOUND: LazyLock<(Vec<u8>, Contents)> = LazyLock::new(|| {
    let whole = lines_of(&recorded());
    let contents = read_bytes(&whole).unwrap();
    (whole, contents)
});

/// One change to the file, by a person or a bad disk.
#[derive(Debug, Clone)]
enum Edit {
    Flip { place: prop::sample::Index, bit: u8 },
    Drop(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Copy { of: prop::sample::Index, to: prop::sample::Index },
    Cut(prop::sample::Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (index(), 0..8_u8).prop_map(|(place, bit)| Edit::Flip { place, bit }),
        1 => index().prop_map(Edit::Drop),
        1 => (index(), index()).prop_map(|(a, b)| Edit::Swap(a, b)),
        1 => (index(), index()).prop_map(|(of, to)| Edit::Copy { of, to }),
        2 => index().prop_map(Edit::Cut),
    ]
}

/// The expected result of an edit.
#[derive(Debug)]
enum Due {
    /// Refused at this line. Where nobody can know the line, it may be the next one.
    Refused {
        line: usize,
        or: Option<usize>,
    },
    /// The edit hit the last line: it is refused there, dropped as torn, or shown by the head.
    Last,
    Prefix,
    Same,
}

fn apply(edit: &Edit, bytes: &mut Vec<u8>) -> Due {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let count = lines.len();
    let refused = |line| Due::Refused { line, or: None };
    let due = match edit {
        Edit::Flip { place, bit } => {
            let place = place.index(bytes.len());
            let line = bytes[..place].split(|byte| *byte == b'\n').count();
            bytes[place] ^= 1 << bit;
            return match line {
                line if line == count => Due::Last,
                line => Due::Refused { line, or: (line == count - 1).then_some(count) },
            };
        }
        Edit::Cut(place) => {
            bytes.truncate(place.index(bytes.len() + 1));
            return Due::Prefix;
        }
        Edit::Drop(line) => {
            let line = line.index(count);
            lines.remove(line);
            if line == count - 1 { Due::Prefix } else { refused(line + 1) }
        }
        Edit::Swap(a, b) => {
            let (a, b) = (a.index(count), b.index(count));
            lines.swap(a, b);
            if a == b { Due::Same } else { refused(a.min(b) + 1) }
        }
        Edit::Copy { of, to } => {
            let (copy, to) = (lines[of.index(count)].clone(), to.index(count + 1));
            // A line copied before itself is still the first there. The second copy is the extra
            // one.
            let line = if of.index(count) == to { to + 2 } else { to + 1 };
            lines.insert(to, copy);
            refused(line)
        }
    };
    *bytes = lines.concat();
    due
}

proptest! {
    /// Every edit is refused with its line, except two that the file alone cannot show: a cut tail
    /// and a changed last record. The head shows those.
    #[test]
    fn every_edit_is_found(edit in edit()) {
        let (whole, sound) = &*SOUND;
        let mut bytes = whole.clone();
        let due = apply(&edit, &mut bytes);
        let found = read_bytes(&bytes);
        match (&due, &found) {
            (Due::Refused { line, or }, Err(JournalError::Damaged { line: found, .. })) => {
                prop_assert!(found == line || Some(*found) == *or, "{found}, not {line}");
            }
            (Due::Refused { line: 1, .. }, Err(JournalError::Format { .. })) => {}
            (Due::Last, Err(JournalError::Damaged { line, .. })) => prop_assert_eq!(*line, recorded().len()),
            (Due::Last, Ok(contents)) => prop_assert!(contents.torn || contents.end() != sound.end()),
            (Due::Prefix, Ok(contents)) => {
                prop_assert_eq!(&contents.events[..], &sound.events[..contents.events.len()]);
                prop_assert_eq!(Some(contents.end()), sound.end_at(contents.end().records));
                prop_assert!(gone_on_with(&bytes) == *whole, "the same file as if it had never been cut");
            }
            (Due::Same, Ok(contents)) => prop_assert_eq!(contents, sound),
            _ => prop_assert!(false, "{due:?}, but {found:?}"),
        }
    }

    /// A journal that was cut anywhere reads as a prefix of its events.
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

    /// A damaged journal is read, or refused with a line. It never makes the reader crash.
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
