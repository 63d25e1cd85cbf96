//! The output that people see: lines, the summary, the live display.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use drillmaster::ui::lines::Lines;
use drillmaster::ui::live::Live;
use drillmaster::ui::ndjson::Ndjson;
use drillmaster::ui::text::width;
use drillmaster::ui::{Display, OutputMode, Surroundings, TextStyle, choose, summary};
use event::{Body, Consumer, ConsumerError, Event, Phase};
use indicatif::{InMemoryTerm, ProgressDrawTarget};
use support::golden;
use support::ui_fixture::{self as fixture, node, number, run_started, script};

const PLAIN: TextStyle = TextStyle { color: false, unicode: true };
const ASCII: TextStyle = TextStyle { color: false, unicode: false };

fn lines(events: &[Event], look: TextStyle) -> String {
    let mut lines = Lines::new(Vec::new(), look);
    for event in events {
        lines.take(event).unwrap();
    }
    String::from_utf8(lines.into_inner().unwrap()).unwrap()
}

#[test]
fn a_log_has_one_line_per_event() {
    let text = lines(&script(), PLAIN);
    golden!("ui", "lines", &text);
    assert!(!text.contains('\u{1b}'), "control characters from outside come through");
    let mut seen = std::collections::HashSet::new();
    assert!(text.lines().all(|line| seen.insert(line)), "a line stands there twice");
    assert_eq!(text.matches("rate exceeded").count(), 1);
}

/// Where nothing was requested, there is nowhere to look and nothing to claim.
#[test]
fn a_teardown_that_looked_nowhere_says_so() {
    let told = |places| {
        let left = Body::LeftBehind { resources: vec![], places };
        lines(&number(vec![(0.0, run_started(vec![], vec![])), (1.0, left)]), PLAIN)
    };
    assert!(told(0).contains("nothing was created") && !told(0).contains("looked again"), "{}", told(0));
    assert!(told(1).contains("looked again: nothing is left behind"), "{}", told(1));
}

#[test]
fn a_log_has_colour_only_when_asked() {
    assert!(lines(&script(), TextStyle { color: true, unicode: true }).contains("\u{1b}[32m"));
}

#[test]
fn progress_is_told_every_30_seconds_at_most_and_never_twice_in_the_same_words() {
    let progress = |at, text: &str| (at, Body::Progress { id: "db".into(), text: text.into(), done: None });
    let mut bodies = vec![(0.0, run_started(vec![node("db", "rds.restore")], vec![]))];
    bodies.extend((0..100).map(|n| progress(f64::from(n), &format!("at {n}"))));
    bodies.extend((100..200).map(|n| progress(f64::from(n), "still waiting")));
    let text = lines(&number(bodies), PLAIN);
    let told: Vec<&str> = text.lines().skip(1).map(|line| line.rsplit(": ").next().unwrap()).collect();
    assert_eq!(told, ["at 0", "at 30", "at 60", "at 90", "still waiting"]);
}

struct Closed;
impl std::io::Write for Closed {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_stderr_does_not_stop_a_drill_and_a_closed_stdout_does() {
    let mut lines = Lines::new(Closed, PLAIN);
    let mut ndjson = Ndjson::new(Closed);
    for event in script() {
        lines.take(&event).unwrap();
    }
    let ConsumerError { message } = ndjson.take(&script()[0]).unwrap_err();
    assert!(message.contains("stdout") && message.contains("--output json"), "{message}");
}

#[test]
fn ndjson_is_the_events_without_progress() {
    let mut out = Vec::new();
    let mut ndjson = Ndjson::new(&mut out);
    for event in script() {
        ndjson.take(&event).unwrap();
    }
    let read: Vec<Event> = String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| Event::from_line(line.as_bytes()).unwrap())
        .collect();
    let expected: Vec<Event> =
        script().into_iter().filter(|event| !matches!(event.body, Body::Progress { .. })).collect();
    assert_eq!(read, expected);
}

#[test]
fn what_is_shown_follows_the_surroundings() {
    let terminal = Surroundings {
        stderr_is_terminal: true,
        stdout_is_terminal: true,
        utf8: true,
        ..Surroundings::default()
    };
    let pick = |around| choose(OutputMode::Text, &around);
    assert_eq!(pick(terminal), Display::Live(TextStyle { color: true, unicode: true }));
    assert_eq!(
        pick(Surroundings { utf8: false, ..terminal }),
        Display::Live(TextStyle { color: true, unicode: false })
    );
    assert_eq!(pick(Surroundings { no_color: true, ..terminal }), Display::Live(PLAIN));
    assert_eq!(pick(Surroundings { dumb: true, ..terminal }), Display::Lines(PLAIN));
    assert_eq!(
        pick(Surroundings { ci: true, ..terminal }),
        Display::Lines(TextStyle { color: true, unicode: true })
    );
    assert_eq!(pick(Surroundings { stderr_is_terminal: false, ..terminal }), Display::Lines(PLAIN));
    assert_eq!(choose(OutputMode::Json, &terminal), Display::Ndjson);
    assert!(!Surroundings { stdout_is_terminal: false, ..terminal }.stdout_look().color);
}

fn files() -> Vec<PathBuf> {
    ["report.html", "report.json"].map(|name| PathBuf::from("runs/20260301-115830-k3f9").join(name)).into()
}

#[test]
fn summaries() {
    for (name, report) in
        [("passed", fixture::passed()), ("failed", fixture::failed()), ("error", fixture::error())]
    {
        let text = summary::render(&report, &files(), PLAIN, summary::COLUMNS);
        golden!("ui", format!("summary-{name}"), &text);
        let ascii = summary::render(&report, &files(), ASCII, summary::COLUMNS);
        let coloured =
            summary::render(&report, &files(), TextStyle { color: true, unicode: true }, summary::COLUMNS);
        assert_eq!(console::strip_ansi_codes(&coloured), text, "colour moves nothing");
        for line in text.lines().chain(ascii.lines()) {
            assert!(width(line) <= 80, "{} columns: {line}", width(line));
            assert!(!line.contains('\u{1b}') && !line.contains(char::is_control), "{line:?}");
        }
    }
}

#[test]
fn nothing_in_a_summary_is_cut_whatever_the_length() {
    for n in [1, 8, 20, 30, 79, 200] {
        let name = format!("w{}", "x".repeat(n));
        let report = fixture::report(|r| {
            r["workloads"][0]["name"] = name.clone().into();
            r["workloads"][0]["rto"]["measured_s"] = 8_639_999.999.into();
            r["workloads"][0]["rto"]["with_assumptions_s"] = 8_639_999.998.into();
        });
        let text = summary::render(&report, &[], PLAIN, summary::COLUMNS);
        assert!(text.lines().all(|line| width(line) <= 80), "{text}");
        let joined: String = text.split_whitespace().collect();
        assert!(joined.contains(&name), "{text}");
        assert!(text.contains("99d23h59m59.999s"), "{text}");
    }
}

/// A display of `columns` by `rows`. With `speed` 0, time stands still between events, so the
/// drawing is exact.
fn live(rows: u16, columns: u16, look: TextStyle) -> (InMemoryTerm, Live) {
    let terminal = InMemoryTerm::new(rows, columns);
    let size = Box::new(move || (usize::from(columns), usize::from(rows)));
    let live = Live::on(ProgressDrawTarget::term_like(Box::new(terminal.clone())), look, 0.0, size);
    (terminal, live)
}

#[test]
fn a_question_is_not_painted_over() {
    let (terminal, mut live) = live(24, 80, PLAIN);
    let mut events = script().into_iter();
    let half = events.by_ref().take(12).collect::<Vec<_>>();
    for event in &half {
        live.take(event).unwrap();
    }
    live.paint();
    assert!(!terminal.contents().is_empty());
    let paused = live.pause();
    let cleared = terminal.contents();
    for event in events.by_ref().take(5) {
        live.take(&event).unwrap();
        live.paint();
    }
    assert_eq!(terminal.contents(), cleared, "the display painted while somebody was asked");
    drop(paused);
    live.paint();
    assert_ne!(terminal.contents(), cleared);
}

#[test]
fn a_terminal_shows_what_runs() {
    let (terminal, mut live) = live(24, 80, PLAIN);
    let mut shown = String::new();
    for event in script() {
        live.take(&event).unwrap();
        live.paint();
        let looked_at = match &event.body {
            Body::StepNotRun { .. } => true,
            Body::Progress { text, .. } => text == "restoring",
            Body::CheckReady { check } => check == "cart",
            _ => false,
        };
        if looked_at {
            shown = format!("{shown}{}\n{}\n", "=".repeat(80), terminal.contents());
        }
    }
    let rule = "=".repeat(80);
    let text = format!("{shown}{rule}\n{}\n{rule}\n", terminal.contents());
    golden!("ui", "live", &text);
    assert!(!terminal.contents().contains("running"), "the frame is gone at the end");
}

#[test]
fn a_terminal_without_utf8_gets_ascii() {
    let (terminal, mut live) = live(24, 80, ASCII);
    for event in script() {
        live.take(&event).unwrap();
        live.paint();
        assert!(terminal.contents().is_ascii(), "{}", terminal.contents());
    }
}

#[test]
fn no_width_and_no_height_breaks_the_display() {
    for (rows, columns) in [(2, 10), (3, 300), (5, 20), (24, 40), (24, 200)] {
        let (_terminal, mut live) = live(rows, columns, PLAIN);
        for event in script() {
            live.take(&event).unwrap();
            live.paint();
        }
    }
}

#[test]
fn more_than_fits_is_summed_up() {
    let steps: Vec<_> =
        (0..100).map(|n| node(&format!("restore-{n:03}-データ-{}", "x".repeat(60)), "rds.restore")).collect();
    let mut bodies =
        vec![(0.0, run_started(steps.clone(), vec![])), (0.0, Body::PhaseStarted { phase: Phase::Recover })];
    bodies.extend(steps.iter().map(|step| (0.0, Body::StepStarted { step: step.id.clone(), attempt: 1 })));
    let (terminal, mut live) = live(24, 80, PLAIN);
    for event in number(bodies) {
        live.take(&event).unwrap();
    }
    live.paint();
    let text = terminal.contents();
    assert!(text.contains("100 running") && text.contains("and 82 more running"), "{text}");
    assert!(text.lines().count() <= 24 && text.lines().all(|line| width(line) < 80), "{text}");
    assert!(text.contains("rds.restore  0s"), "the ends of long names are cut, not what follows: {text}");
}

#[test]
fn ten_thousand_steps_are_not_held_up_by_their_display() {
    let steps: Vec<_> = (0..10_000).map(|n| node(&format!("step-{n}"), "rds.restore")).collect();
    let mut bodies = vec![(0.0, run_started(steps.clone(), vec![]))];
    bodies.extend(steps.iter().map(|step| (1.0, Body::StepStarted { step: step.id.clone(), attempt: 1 })));
    bodies.extend(steps.iter().map(|step| {
        (
            2.0,
            Body::StepSucceeded {
                step: step.id.clone(),
                outputs: serde_json::json!({}),
                restored: vec![],
                data: false,
                consistent_at: None,
                confirmed: None,
                made: None,
                redacted: false,
            },
        )
    }));
    bodies.push((3.0, Body::RunFinished { api_calls: port::ApiCalls::default() }));
    let events = number(bodies);
    let start = Instant::now();
    let (_terminal, mut live) = live(24, 80, PLAIN);
    for event in &events {
        live.take(event).unwrap();
    }
    // The build is unoptimised, and other tests run beside it. The limit is far above the usual
    // time and far below the time of one drawing per event.
    assert!(start.elapsed() < Duration::from_secs(300), "{:?}", start.elapsed());
}

/// A bucket with many objects takes long to empty, and no step is running then.
#[test]
fn what_teardown_deletes_object_by_object_is_seen() {
    let bucket = port::ResourceRef {
        kind: port::Kind::Bucket,
        id: "dm-1f3a-receipts".into(),
        account: "999988887777".parse().unwrap(),
        region: "us-west-2".parse().unwrap(),
    };
    let deleted = |objects: u32| Body::Progress {
        id: bucket.to_string(),
        text: format!("{objects} objects deleted"),
        done: None,
    };
    let events = number(vec![
        (0.0, run_started(vec![node("db", "rds.restore")], vec![])),
        (1.0, Body::PhaseStarted { phase: Phase::Teardown }),
        (2.0, Body::DeleteIntent { resource: bucket.clone() }),
        (3.0, deleted(1000)),
        (4.0, deleted(2000)),
        (40.0, deleted(3000)),
        (41.0, Body::Deleted { resource: bucket.clone() }),
    ]);
    let text = lines(&events, PLAIN);
    for (objects, told) in [(1000, true), (2000, false), (3000, true)] {
        let line = format!("bucket/dm-1f3a-receipts (999988887777 us-west-2): {objects} objects deleted");
        assert_eq!(text.contains(&line), told, "{text}");
    }
    let (terminal, mut live) = live(24, 100, PLAIN);
    for (event, shown) in events.iter().zip([None, None, None, Some(1000), Some(2000), Some(3000), None]) {
        live.take(event).unwrap();
        live.paint();
        let seen = terminal.contents();
        match shown {
            Some(objects) => {
                let row = |line: &str| {
                    line.contains("dm-1f3a-receip") && line.contains(&format!("{objects} objects"))
                };
                assert!(seen.lines().any(row), "{seen}");
            }
            None => assert!(!seen.contains("dm-1f3a"), "{seen}"),
        }
    }
}

#[test]
fn no_golden_file_is_left_over() {
    let names = ["lines", "live", "summary-error", "summary-failed", "summary-passed"];
    golden::are_all_of("ui", &names.map(str::to_owned));
}

/// A result is as wide as its terminal.
#[test]
fn summaries_are_as_wide_as_the_terminal() {
    let report = fixture::failed();
    let widest = |columns: usize| {
        let text = summary::render(&report, &[], PLAIN, columns);
        text.lines().map(width).max().unwrap()
    };
    for columns in [40, 60, 80, 120, 200] {
        assert!(widest(columns) <= columns, "{columns}: {}", widest(columns));
    }
    assert!(widest(160) > 80);
}

/// The panel shows each workload with its objectives and expected figures, and each step with its
/// recovery point.
#[test]
fn the_panel_shows_what_is_wanted_and_what_is_used() {
    let (terminal, live) = live(24, 100, PLAIN);
    let mut live = live.expecting([("orders".to_owned(), 1200.0)].into());
    let mut seen = Vec::new();
    for event in script() {
        live.take(&event).unwrap();
        live.paint();
        seen.push(terminal.contents());
    }
    let any = |words: &[&str]| {
        seen.iter().any(|frame| frame.lines().any(|line| words.iter().all(|word| line.contains(word))))
    };
    assert!(any(&["orders", "RTO 45m, RPO 5m", "expected 20m", "/9 ended"]), "{}", seen.concat());
    assert!(any(&["db", "rds.restore from orders-west-2h", "%"]), "{}", seen.concat());
}
