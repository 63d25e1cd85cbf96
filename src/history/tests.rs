//! Findings and controls over runs that are made up here, with the outcome reckoned by hand.

use std::collections::BTreeMap;

use chrono::{Days, TimeZone as _, Utc};

use base::duration::Time;
use base::exit::Exit;
use base::on::On;
use base::severity::Severity;
use port::finding::Rule;
use record::report::model::{Status, Verdict};
use schedule::Schedule;

use crate::History;
use crate::controls::Standing::{FailedSince, NoSchedule, NotShown, Overdue, Shown, Unproved};
use crate::controls::{Claim, Evidence, matrix};
use crate::entry::{Entry, Figure, Figures, Found, SCHEMA, finding_id};
use crate::findings::{DECISION, Decided, Decision, Tracked, track};

fn at(month: u32, day: u32) -> Time {
    Utc.with_ymd_and_hms(2026, month, day, 6, 0, 0).unwrap()
}

fn quarterly() -> Schedule {
    serde_json::from_str(r#""quarterly""#).unwrap()
}

/// A run of the playbook `orders` that passed on this day.
fn run(id: &str, on: On, t0: Time) -> Entry {
    let figure =
        |measured_s| Figure { objective_s: Some(3600.0), measured_s: Some(measured_s), status: Status::Met };
    Entry {
        schema: SCHEMA.into(),
        run_id: id.into(),
        on,
        simulated: on.is_simulated(),
        drillmaster_version: "0.1.0".into(),
        playbook: "orders".into(),
        playbook_sha256: "00".into(),
        controls: vec!["DORA-11.6".into(), "SOC2-A1.3".into()],
        schedule: Some(quarterly()),
        lose: BTreeMap::from([("region".into(), "us-east-1".into())]),
        started_at: t0,
        t0: Some(t0),
        finished_at: t0 + chrono::Duration::hours(1),
        verdict: Verdict::Passed,
        exit_code: Exit::Passed,
        headline: String::new(),
        workloads: vec![Figures {
            name: "shop".into(),
            tier: None,
            recovered: true,
            rto: figure(1800.0),
            rpo: figure(900.0),
            consistency: Figure { objective_s: None, measured_s: None, status: Status::None },
            worst_case_s: None,
        }],
        findings: Vec::new(),
        names_known: true,
        files: BTreeMap::new(),
    }
}

fn finds(mut entry: Entry, rule: Rule) -> Entry {
    entry.findings.push(Found {
        id: finding_id(&entry.playbook, entry.on, rule, "shop"),
        rule,
        severity: Severity::High,
        resource: "shop".into(),
        message: format!("seen by {}", entry.run_id),
    });
    entry
}

fn failed(mut entry: Entry, verdict: Verdict) -> Entry {
    entry.verdict = verdict;
    entry.exit_code = match verdict {
        Verdict::Passed => Exit::Passed,
        Verdict::Failed => Exit::Failed,
        Verdict::Error => Exit::Error,
        Verdict::Interrupted => Exit::Interrupted,
    };
    entry
}

fn history(runs: Vec<Entry>) -> History {
    History { runs, ..History::default() }
}

fn tracked(runs: Vec<Entry>) -> Vec<Tracked> {
    track(&history(runs), &BTreeMap::new(), at(12, 1).date_naive())
}

fn states(runs: Vec<Entry>) -> Vec<(bool, usize)> {
    tracked(runs).iter().map(|finding| (finding.open, finding.reopened)).collect()
}

const RULE: Rule = Rule::StoresApart;

#[test]
fn the_next_run_that_looked_closes_a_finding_and_another_reopens_it() {
    let (one, two, three) = (at(1, 1), at(4, 1), at(7, 1));
    let aws = |id: &str, t0| run(id, On::Aws, t0);
    assert_eq!(states(vec![finds(aws("1", one), RULE)]), [(true, 0)]);
    assert_eq!(states(vec![finds(aws("1", one), RULE), aws("2", two)]), [(false, 0)]);
    assert_eq!(
        states(vec![finds(aws("1", one), RULE), aws("2", two), finds(aws("3", three), RULE)]),
        [(true, 1)]
    );
    let closed = tracked(vec![finds(aws("1", one), RULE), finds(aws("2", two), RULE), aws("3", three)]);
    let [closed] = closed.as_slice() else { panic!("{closed:?}") };
    assert_eq!((closed.opened_by.as_str(), closed.last_found_by.as_str()), ("1", "2"));
    assert_eq!((closed.closed_by.as_deref(), closed.message.as_str()), (Some("3"), "seen by 2"));
    // January, February, March, April, May and June 2026.
    assert_eq!(closed.time_to_close_s, Some(f64::from(31 + 28 + 31 + 30 + 31 + 30) * 86_400.0));
}

#[test]
fn a_run_that_did_not_look_closes_nothing() {
    let first = || finds(run("1", On::Aws, at(1, 1)), RULE);
    let second = || run("2", On::Aws, at(4, 1));
    for verdict in [Verdict::Error, Verdict::Interrupted] {
        assert_eq!(states(vec![first(), failed(second(), verdict)]), [(true, 0)], "{verdict:?}");
    }
    // A drill that failed looked everywhere.
    assert_eq!(states(vec![first(), failed(second(), Verdict::Failed)]), [(false, 0)]);
    // Where a workload did not recover, little was looked at.
    let mut worse = failed(second(), Verdict::Failed);
    worse.workloads[0].recovered = false;
    let found = tracked(vec![first(), worse]);
    assert!(found[0].open && found[0].not_looked_at.as_deref().unwrap().contains("did not recover"));
    // Before T0 nothing was looked at.
    assert_eq!(states(vec![first(), Entry { t0: None, ..failed(second(), Verdict::Failed) }]), [(true, 0)]);
    // What the twin no longer finds is not mended on AWS, and the other way round.
    assert_eq!(states(vec![first(), run("2", On::Twin, at(4, 1))]), [(true, 0)]);
    let rehearsed = finds(run("1", On::Twin, at(1, 1)), RULE);
    assert_eq!(states(vec![rehearsed, second()]), [(true, 0)]);
    // Another playbook says nothing about this one.
    assert_eq!(states(vec![first(), Entry { playbook: "other".into(), ..second() }]), [(true, 0)]);
    let other_loss = BTreeMap::from([("az".to_owned(), "use1-az1".to_owned())]);
    let narrower = [
        (Entry { lose: other_loss, ..second() }, "loses something else"),
        (Entry { workloads: Vec::new(), ..second() }, "no longer has the workload shop"),
    ];
    for (narrower, why) in narrower {
        let found = tracked(vec![first(), narrower]);
        let [found] = found.as_slice() else { panic!("{found:?}") };
        assert!(found.open && found.not_looked_at.as_deref().unwrap().contains(why), "{found:?}");
    }
}

/// A log of names that could not be read whole shows of no name that nobody asks for it any more.
#[test]
fn names_that_are_not_known_close_no_finding_on_names() {
    let (first, second) = (at(3, 1), at(6, 1));
    for (rule, stays) in [(Rule::DependsOnWhatIsLost, true), (Rule::CallsProduction, true), (RULE, false)] {
        let found = finds(run("a", On::Aws, first), rule);
        let later = Entry { names_known: false, ..run("b", On::Aws, second) };
        let [finding] = tracked(vec![found.clone(), later]).try_into().unwrap();
        assert_eq!((finding.open, finding.not_looked_at.is_some()), (stays, stays), "{rule:?}");
        let [finding] = tracked(vec![found, run("b", On::Aws, second)]).try_into().unwrap();
        assert!(!finding.open, "{rule:?}");
    }
}

#[test]
fn an_objective_that_is_taken_away_is_not_met() {
    let missed = || {
        let mut run = run("1", On::Aws, at(1, 1));
        run.findings.push(Found {
            id: finding_id("orders", On::Aws, Rule::ObjectiveMissed, "shop RTO"),
            rule: Rule::ObjectiveMissed,
            severity: Severity::High,
            resource: "shop RTO".into(),
            message: String::new(),
        });
        run
    };
    assert_eq!(states(vec![missed(), run("2", On::Aws, at(4, 1))]), [(false, 0)]);
    let mut without = run("2", On::Aws, at(4, 1));
    without.workloads[0].rto.objective_s = None;
    without.workloads[0].rto.status = Status::None;
    let found = tracked(vec![missed(), without]);
    assert!(found[0].open && found[0].not_looked_at.as_deref().unwrap().contains("this objective"));
}

#[test]
fn decisions_come_after_the_run_that_they_know_whatever_the_clocks_say() {
    let runs = || {
        let second = finds(run("2", On::Aws, at(7, 1)), RULE);
        history(vec![finds(run("1", On::Aws, at(1, 1)), RULE), second])
    };
    let id = runs().runs[0].findings[0].id.clone();
    let decision = |after: &str, month, what| Decision {
        schema: DECISION.into(),
        after: after.into(),
        at: at(month, 1),
        by: "ann".into(),
        what,
    };
    let due = at(11, 30).date_naive();
    let owned = decision("1", 2, Decided::Assigned { owner: "bob".into(), due: Some(due) });
    let closed = |after, month| decision(after, month, Decided::Closed { because: "accepted".into() });
    let states = |decisions: Vec<Decision>| {
        let decisions = BTreeMap::from([(id.clone(), decisions)]);
        let found = track(&runs(), &decisions, at(12, 1).date_naive());
        found.into_iter().next().unwrap()
    };
    let found = states(vec![owned.clone()]);
    assert!(found.open && found.overdue && found.owner.as_deref() == Some("bob"), "{found:?}");
    // Closed after the first run, and found again by the second: also by a clock that is wrong.
    for month in [3, 12] {
        let found = states(vec![owned.clone(), closed("1", month)]);
        assert_eq!((found.open, found.reopened, found.overdue), (true, 1, true));
    }
    // Closed after the second.
    let found = states(vec![owned, closed("2", 8)]);
    assert_eq!((found.open, found.overdue, found.closed_by.as_deref()), (false, false, Some("ann")));
    assert_eq!(found.because.as_deref(), Some("accepted"));
    // A clock before the finding measures no time.
    let found = states(vec![closed("2", 1)]);
    assert_eq!((found.open, found.time_to_close_s), (false, None));
    // The run that the person knew is gone.
    assert!(!states(vec![closed("0", 8)]).open);
}

#[test]
fn the_matrix_counts_real_drills_in_time_with_valid_evidence() {
    let rows = |runs: Vec<Entry>, claims: &[Claim], now: Time, valid: bool| {
        let mut verify = |_: &Entry| {
            if valid { Evidence::Valid { reviews: 1 } } else { Evidence::Invalid { why: "changed".into() } }
        };
        matrix(&history(runs), claims, &[], now, &mut verify)
    };
    let standings = |rows: &[crate::controls::Row]| {
        rows.iter().map(|row| (row.clause.clone(), row.standing)).collect::<Vec<_>>()
    };
    let both = |soc2, dora| vec![("SOC2-A1.3".to_owned(), soc2), ("DORA-11.6".to_owned(), dora)];
    let real = || run("1", On::Aws, at(1, 15));
    assert_eq!(standings(&rows(vec![real()], &[], at(2, 1), false)), both(Unproved, Unproved));
    // DORA 11(6) wants it yearly, and the playbook each quarter: that of April 1 had to be held before
    // July 1.
    assert_eq!(standings(&rows(vec![real()], &[], at(6, 30), true)), both(Shown, Shown));
    let closing = Utc.with_ymd_and_hms(2026, 7, 1, 6, 0, 0).unwrap();
    assert_eq!(standings(&rows(vec![real()], &[], closing, true)), both(Overdue, Overdue));
    // Without a schedule the year of DORA counts, and SOC 2 says nothing of how often.
    let seldom = || Entry { schedule: None, ..real() };
    let found = rows(vec![seldom()], &[], at(12, 1), true);
    assert_eq!(standings(&found), both(NoSchedule, Shown));
    assert_eq!(found[1].drills[0].due, Some(Utc.with_ymd_and_hms(2027, 1, 15, 6, 0, 0).unwrap()));
    let after_a_year = at(1, 15).checked_add_days(Days::new(366)).unwrap();
    assert_eq!(standings(&rows(vec![seldom()], &[], after_a_year, true)), both(NoSchedule, Overdue));
    // The playbook of today counts before that of the last run.
    let claim = || Claim {
        playbook: "orders".into(),
        controls: vec!["SOC2-A1.3".into()],
        schedule: Some(quarterly()),
    };
    let soc2 = |standing| vec![("SOC2-A1.3".to_owned(), standing)];
    assert_eq!(standings(&rows(vec![seldom()], &[claim()], at(6, 30), true)), soc2(Shown));
    assert_eq!(standings(&rows(vec![seldom()], &[claim()], at(7, 2), true)), soc2(Overdue));
    // A rehearsal shows nothing, nor does a drill that failed, nor one that named no clause.
    for other in [
        run("1", On::Twin, at(1, 15)),
        failed(real(), Verdict::Failed),
        Entry { controls: vec!["SOC2-A1.3".into()], ..failed(real(), Verdict::Error) },
        Entry { controls: Vec::new(), ..real() },
    ] {
        assert_eq!(standings(&rows(vec![other], &[claim()], at(2, 1), true)), soc2(NotShown));
    }
    // The last one failed.
    let later = failed(run("2", On::Aws, at(4, 15)), Verdict::Failed);
    let found = rows(vec![real(), later], &[], at(5, 1), true);
    let drill = &found[0].drills[0];
    let since = drill.failed_since.as_ref().map(|held| held.run_id.as_str());
    assert_eq!((drill.standing, since), (FailedSince, Some("2")));
    // A run of the future hides nothing.
    let future = run("3", On::Aws, at(11, 1));
    let earlier = failed(run("2", On::Aws, at(4, 15)), Verdict::Failed);
    assert_eq!(standings(&rows(vec![earlier, future], &[claim()], at(5, 1), true)), soc2(NotShown));
}
