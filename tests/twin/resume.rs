//! Runs whose runner dies after every record and is resumed. Nothing is lost, made twice or left
//! behind. The figures are those of the run that was not cut short.

use std::collections::HashSet;
use std::time::Duration;

use event::{Body, Event, Stage};
use record::report::Report;
use support::drill::{self, Drill};
use support::rehearsal::{Given, Left, loaded, read_back, rehearse};
use twin::Unanswered;

/// A report without the fields that only say how the run was carried out: `resumed` itself and the
/// finding about it; `api_calls`, which a dead process does not count; `journal`, the hash of the
/// records.
fn comparable(report: &Report) -> serde_json::Value {
    let mut report = serde_json::to_value(report).unwrap();
    let fields = report.as_object_mut().unwrap();
    for only_how in ["resumed", "api_calls", "journal"] {
        fields.remove(only_how);
    }
    fields["findings"].as_array_mut().unwrap().retain(|finding| finding["rule"] != "run-resumed");
    report
}

/// Checks that nothing was made twice under one token, and that the records are numbered without
/// gaps.
fn is_sound(left: &Left, what: &str) {
    let mut made = HashSet::new();
    for (number, event) in left.events.iter().enumerate() {
        assert_eq!(event.seq, number as u64, "{what}");
        if let Body::Created { token, resources, .. } = &event.body
            && !token.is_empty()
            && !resources.is_empty()
        {
            assert!(made.insert(token.clone()), "{what}: `{token}` was created twice");
        }
    }
    assert!(matches!(left.events.last().unwrap().body, Body::RunFinished { .. }), "{what}");
}

#[track_caller]
fn same(found: &Report, expected: &Report, what: &str) {
    let (found, expected) = (comparable(found), comparable(expected));
    if found == expected {
        return;
    }
    let (found, expected) = (lines(&found), lines(&expected));
    let differ: Vec<String> = expected
        .iter()
        .filter(|line| !found.contains(line))
        .map(|line| format!("- {line}"))
        .chain(found.iter().filter(|line| !expected.contains(line)).map(|line| format!("+ {line}")))
        .collect();
    panic!("{what}:\n{}", differ.join("\n"));
}

/// One line for each leaf, such as `/steps/0/attempts: 1`.
fn lines(value: &serde_json::Value) -> Vec<String> {
    fn walk(value: &serde_json::Value, at: &str, out: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(map) => {
                map.iter().for_each(|(k, v)| walk(v, &format!("{at}/{k}"), out));
            }
            serde_json::Value::Array(list) => {
                list.iter().enumerate().for_each(|(i, v)| walk(v, &format!("{at}/{i}"), out));
            }
            leaf => out.push(format!("{at}: {leaf}")),
        }
    }
    let mut out = Vec::new();
    walk(value, "", &mut out);
    out
}

fn told(event: &Event) -> String {
    let text = event.to_line(&[]).unwrap();
    text.chars().take(300).collect()
}

/// Cuts a drill after every record and resumes it. The unanswered requests have taken effect in one
/// case, and not in the other.
fn survives(drill: &Drill, given: &Given, first: impl Fn(&[Event]) -> usize) -> Report {
    let playbook = loaded(&drill.write());
    let whole = rehearse(&playbook, given, &[], Unanswered::Done);
    is_sound(&whole, "uncut");
    let from = first(&whole.events);
    let records = read_back(&whole.events);
    let again = Given { interrupt: |_| false, ..given.clone() };
    for cut in from..records.len() {
        for unanswered in [Unanswered::Done, Unanswered::NotDone] {
            let what = format!(
                "cut after record {cut} of {}, {}, unanswered requests {unanswered:?}",
                records.len(),
                told(&records[cut - 1])
            );
            let left = rehearse(&playbook, &again, &records[..cut], unanswered);
            is_sound(&left, &what);
            same(&left.report, &whole.report, &what);
            assert_eq!(left.standing, whole.standing, "{what}");
        }
    }
    whole.report
}

fn from_the_start(_: &[Event]) -> usize {
    1
}

#[test]
fn the_drills_that_come_with_it() {
    for (name, code) in [("region-loss", 1), ("az-loss", 0), ("account-loss", 1)] {
        let report = survives(&Drill::of(name), &Given::default(), from_the_start);
        assert_eq!((report.exit_code.code(), report.teardown.left_behind), (code, vec![]), "{name}");
    }
}

/// There are more copies than may be under way at once. One of them never ends and is given up.
#[test]
fn copies_that_wait_for_their_turn() {
    let drill = drill::copies(23, "orders-west-2h")
        .playbook("id: c3, ", "id: c3, timeout: 150s, ")
        .faults(&["{ step: c3, error: never_completes }"]);
    let report = survives(&drill, &Given::default(), |events| events.len() / 2);
    assert_eq!((report.exit_code.code(), report.teardown.left_behind), (1, vec![]));
}

#[test]
fn few_jobs_and_varying_times() {
    let given = Given { jobs: 1, seed: Some(7), ..Given::default() };
    survives(&Drill::of("region-loss"), &given, from_the_start);
    survives(&Drill::of("az-loss"), &given, from_the_start);
}

/// A drill with every kind of trouble: a retry that made something new, a tolerated failure, a
/// skipped step, a denied call.
fn troubled() -> Drill {
    Drill::of("region-loss")
        .playbook("db_class: db.t4g.medium }", "db_class: db.t4g.medium, wanted: false, lost_snapshot: x }")
        .step("- id: note\n  uses: command.run\n  with: { run: [\"true\"] }\n  continue_on_error: true")
        .step("- id: after-note\n  uses: command.run\n  needs: [note]\n  with: { run: [\"true\"] }")
        .step("- id: never\n  uses: command.run\n  when: \"{{ params.wanted }}\"\n  with: { run: [\"true\"] }")
        .step("- id: after-never\n  uses: command.run\n  needs: [never]\n  with: { run: [\"true\"] }")
        .step("- id: after-that\n  uses: command.run\n  needs: [after-never, web]\n  with: { run: [\"true\"] }")
        .step("- id: east\n  uses: rds.copy_snapshot\n  with: { from: { snapshot: \"{{ params.lost_snapshot }}\" } }\n  continue_on_error: true")
        .step("- id: same\n  uses: s3.verify\n  with: { bucket: \"{{ steps.receipts.bucket }}\", source: { bucket: orders-receipts-replica } }\n  retry: { attempts: 2, backoff: 5s }")
        .step("- id: vault-copy\n  uses: rds.copy_snapshot\n  with: { from: { snapshot: \"arn:aws:rds:us-west-2:444455556666:snapshot:orders-vault-25h\" } }\n  timeout: 1m\n  retry: { attempts: 2, backoff: 1m }\n  continue_on_error: true")
        .step("- id: person\n  uses: manual.task\n  with: { instructions: look, assume: 7m }")
}

#[test]
fn every_fault_that_the_twin_knows() {
    let steps = ["db", "receipts", "web", "same", "note", "vault-copy"];
    for fault in ["throttled", "server_error", "lost_answer", "never_completes", "comes_up_unhealthy"] {
        // Copied objects have no state that could be unhealthy.
        let meets = |step: &&&str| fault != "comes_up_unhealthy" || **step != "receipts";
        let faults: Vec<String> = steps
            .iter()
            .filter(meets)
            .map(|step| format!("{{ step: {step}, attempt: 1, error: {fault} }}"))
            .collect();
        let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
        let drill = troubled().faults(&faults);
        let report = survives(&drill, &Given { jobs: 3, ..Given::default() }, from_the_start);
        assert!(report.steps.iter().any(|step| step.attempts > 1), "{fault}");
    }
}

#[test]
fn what_will_not_go_away_is_left_once() {
    let drill = Drill::of("region-loss").faults(&["{ step: db, error: will_not_delete }"]);
    let report = survives(&drill, &Given::default(), from_the_start);
    assert_eq!(report.exit_code.code(), 4);
}

#[test]
fn before_the_disaster() {
    let open = Drill::of("region-loss").faults(&["{ error: sandbox_open }"]);
    assert_eq!(survives(&open, &Given::default(), from_the_start).exit_code.code(), 3);
    let late = Drill::of("region-loss").faults(&["{ step: sandbox, error: never_completes }"]);
    assert_eq!(survives(&late, &Given::default(), from_the_start).exit_code.code(), 3);
    let broken = Drill::of("region-loss").faults(&["{ step: sandbox, error: server_error }"]);
    assert_eq!(survives(&broken, &Given::default(), from_the_start).exit_code.code(), 3);
}

/// An earlier finding stays. Anything that nobody has looked at since is looked at again.
#[test]
fn a_sandbox_that_is_opened_after_t0() {
    for step in ["db", "app"] {
        let opened = Drill::of("az-loss").faults(&[&format!("{{ step: {step}, error: sandbox_open }}")]);
        let report = survives(&opened, &Given::default(), from_the_start);
        assert_eq!((report.exit_code.code(), report.sandbox.isolation_verified), (1, false), "{step}");
    }
    let note = "- id: note\n  uses: command.run\n  needs: [app]\n  with: { run: [\"true\"] }";
    let opened = Drill::of("az-loss").step(note).faults(&["{ step: note, error: sandbox_open }"]);
    assert_eq!(survives(&opened, &Given::default(), from_the_start).exit_code.code(), 1);
}

fn monitor(left: &Left, stage: Stage) -> usize {
    let of = |e: &&Event| matches!(&e.body, Body::Isolation { stage: of, .. } if *of == stage);
    left.events.iter().filter(of).count()
}

/// No step and no measure waits for a look, however long it takes. If many steps end meanwhile, one
/// look covers them all.
#[test]
fn looks_take_no_time_from_the_recovery() {
    let twenty: Vec<String> = (1..=20)
        .map(|n| {
            let assume = 30 * n;
            format!("- id: n{n}\n  uses: manual.task\n  with: {{ instructions: look, assume: {assume}s }}\n")
        })
        .collect();
    let playbook = loaded(&Drill::of("region-loss").step(twenty.concat().trim_end()).write());
    let quick = rehearse(&playbook, &Given::default(), &[], Unanswered::Done);
    let slow = Given { a_look_takes: Duration::from_mins(4), ..Given::default() };
    let slow = rehearse(&playbook, &slow, &[], Unanswered::Done);
    let steps = slow.report.steps.len();
    assert!(monitor(&slow, Stage::AfterT0) >= 2, "{}", monitor(&slow, Stage::AfterT0));
    assert!(monitor(&slow, Stage::AfterT0) < steps / 2, "{} of {steps}", monitor(&slow, Stage::AfterT0));
    assert_eq!((monitor(&slow, Stage::BeforeT0), monitor(&slow, Stage::Last)), (1, 1));
    let measured = |left: &Left| {
        let report = &left.report;
        let of = |w: &record::report::model::WorkloadReport| {
            (w.rto.clone(), w.rpo.measured_s, w.rpo.worst_case_s, w.critical_path.clone())
        };
        (
            report.workloads.iter().map(of).collect::<Vec<_>>(),
            report.phases.recover_s,
            report.exit_code.code(),
        )
    };
    assert_eq!(measured(&slow), measured(&quick));
    // Before T0 and after the recovery, the run waits for the look.
    let longer = |left: &Left| (left.report.finished_at - left.report.started_at).num_seconds();
    assert_eq!(longer(&slow) - longer(&quick), 2 * 240);
}

#[test]
fn a_look_without_an_answer_is_no_proof() {
    let playbook = loaded(&Drill::of("region-loss").write());
    let given = Given { a_look_takes: Duration::from_mins(11), ..Given::default() };
    let left = rehearse(&playbook, &given, &[], Unanswered::Done);
    assert_eq!(left.report.exit_code.code(), 3);
    let why = left.report.reasons.join(" ");
    assert!(why.contains("could not be proved closed") && why.contains("no answer within 10m"), "{why}");
    assert!(left.report.findings.iter().any(|f| f.rule == port::Rule::IsolationUnknown));
}

#[test]
fn checks_that_flap_and_time_that_runs_out() {
    let flaps = Drill::of("region-loss").estate(
        "web-up: { healthy_after: 20s }",
        "web-up: { healthy_after: 20s, flaps_after: 10s, down_for: 95s }",
    );
    survives(&flaps, &Given::default(), from_the_start);
    let wrong = Drill::of("region-loss").estate("value: 120000", "value: 12");
    survives(&wrong, &Given::default(), from_the_start);
    let short = Drill::of("region-loss").playbook("  ttl: 4h", "  ttl: 15m");
    let report = survives(&short, &Given::default(), from_the_start);
    assert_eq!(report.exit_code.code(), 1);
}

#[test]
fn a_sandbox_that_is_kept() {
    let given = Given { keep_sandbox: true, ..Given::default() };
    let report = survives(&Drill::of("az-loss"), &given, from_the_start);
    assert!(report.sandbox.kept_until.is_some());
}

/// An interrupted run is only torn down. An interruption that is not yet on record never happened.
#[test]
fn an_interrupted_run_is_only_torn_down() {
    let interruptions: [fn(&Body) -> bool; 3] = [
        |body| matches!(body, Body::Created { by, .. } if by == "sandbox"),
        |body| matches!(body, Body::Created { by, .. } if by == "db"),
        |body| matches!(body, Body::StepSucceeded { step, .. } if step == "db"),
    ];
    for interrupt in interruptions {
        let given = Given { interrupt, ..Given::default() };
        let told = |events: &[Event]| {
            events.iter().position(|e| matches!(e.body, Body::Interrupted { .. })).unwrap() + 1
        };
        let report = survives(&Drill::of("region-loss"), &given, told);
        assert_eq!((report.exit_code.code(), report.teardown.left_behind), (130, vec![]));
    }
}

#[test]
fn an_abort_leaves_nothing_wherever_the_runner_died() {
    for drill in [Drill::of("region-loss"), Drill::of("az-loss"), troubled()] {
        let playbook = loaded(&drill.write());
        let whole = rehearse(&playbook, &Given::default(), &[], Unanswered::Done);
        let records = read_back(&whole.events);
        let abort = Given { abort: true, ..Given::default() };
        for cut in 1..records.len() {
            for unanswered in [Unanswered::Done, Unanswered::NotDone] {
                let what = format!("cut after record {cut}: {}", told(&records[cut - 1]));
                let left = rehearse(&playbook, &abort, &records[..cut], unanswered);
                is_sound(&left, &what);
                assert!(left.standing.is_empty(), "{what}: {:?}", left.standing);
                assert!(left.report.teardown.left_behind.is_empty(), "{what}");
                let after = &left.events[cut..];
                let begun = |e: &Event| matches!(e.body, Body::Intent { .. } | Body::StepStarted { .. });
                assert!(!after.iter().any(begun), "{what}: nothing new is begun");
                let over = records[..cut]
                    .iter()
                    .any(|e| matches!(e.body, Body::PhaseFinished { phase: event::Phase::Recover }));
                let code = if over { whole.report.exit_code.code() } else { 130 };
                assert_eq!(left.report.exit_code.code(), code, "{what}");
            }
        }
    }
}

/// A runner that dies again and again, each time after a few more records.
#[test]
fn a_resumed_run_is_resumed() {
    for drill in [Drill::of("region-loss"), Drill::of("account-loss"), troubled()] {
        let playbook = loaded(&drill.write());
        let whole = rehearse(&playbook, &Given::default(), &[], Unanswered::Done);
        for stride in [3, 10] {
            let mut records = read_back(&whole.events[..1]);
            // A resumed process could leave the same few records each time. Then the run would
            // never end.
            for unanswered in [Unanswered::Done, Unanswered::NotDone].into_iter().cycle().take(60) {
                let left = rehearse(&playbook, &Given::default(), &records, unanswered);
                let what = format!("stride {stride}, after record {}", records.len());
                is_sound(&left, &what);
                same(&left.report, &whole.report, &what);
                assert!(left.standing.is_empty(), "{what}");
                // `resumed` is itself a record. The cut comes after it and some records of the run.
                let next = records.len() + 1 + stride;
                if next >= left.events.len() {
                    break;
                }
                records = read_back(&left.events[..next]);
            }
        }
    }
}

/// Nobody watched during the gap. The time that a resource may resist deletion begins again, and
/// the gap is on record.
#[test]
fn patience_is_counted_from_the_first_try() {
    let drill = Drill::of("az-loss").faults(&["{ step: db, error: will_not_delete }"]);
    let given = Given { patience: Duration::from_mins(1), ..Given::default() };
    survives(&drill, &given, from_the_start);
}
