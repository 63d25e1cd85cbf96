//! What `verify` prints for people.

use std::fmt::Write as _;
use std::path::Path;

use super::facts::{Facts, Figure};
use crate::ui::text::{clean, count};
use base::duration::{Time, human_seconds};
use base::exit::Exit;
use evidence::key::Holder;
use evidence::timestamp::Stamped;
use evidence::verify::Verified;
use record::report::Report;
use record::report::caveats::{CaveatKind, caveats};
use record::report::headline;
use record::report::model::{Status, TeardownRan, Verdict};

/// The longest name of a line.
const NAMES: usize = 14;
/// Findings that are printed. The report has all.
const FINDINGS: usize = 20;

struct Page {
    out: String,
}

impl Page {
    /// A line with its name. What goes on below has an empty one.
    fn line(&mut self, name: &str, value: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.out, "{name:<NAMES$} {}", clean(value));
    }

    fn lines(&mut self, name: &str, values: impl IntoIterator<Item = String>) {
        for (n, value) in values.into_iter().enumerate() {
            self.line(if n == 0 { name } else { "" }, &value);
        }
    }
}

fn second(time: Time) -> String {
    time.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// `told`: the report that the journal gives, and its facts, if it can be read.
pub fn text(folder: &Path, told: Option<(&Report, &Facts<'_>)>, verified: &Verified) -> String {
    let mut page = Page { out: String::new() };
    page.line("Run", &folder.display().to_string());
    if let Some((report, facts)) = told {
        drill(&mut page, report, facts);
    }
    ran_by(&mut page, told, verified);
    if let Some((report, facts)) = told {
        outcome(&mut page, report, facts);
        open(&mut page, report, facts);
    }
    signatures(&mut page, verified);
    for fault in &verified.faults {
        page.line("FAULT", &format!("{}: {}", fault.file, fault.what));
    }
    let _ = writeln!(page.out, "\n{}", conclusion(told.map(|(report, _)| report), verified));
    page.out
}

/// What was run, and what was lost.
fn drill(page: &mut Page, report: &Report, facts: &Facts<'_>) {
    let simulated = report.simulated;
    let kind = if simulated {
        "SIMULATED on the twin: nothing was really restored"
    } else {
        "a drill with --on aws"
    };
    page.line("Kind", kind);
    page.line("Run id", &report.run_id);
    let playbook = &facts.playbook;
    page.line(
        "Playbook",
        &format!("{} ({}, SHA-256 {})", report.playbook.name, playbook.name, playbook.sha256),
    );
    page.lines("It names", facts.files.iter().map(|file| format!("{} (SHA-256 {})", file.name, file.sha256)));
    let lost = facts.lose.iter().map(|(kind, id)| {
        let kind = if kind == "az" { "availability zone" } else { kind.as_str() };
        format!("{kind} {id}")
    });
    page.line("Lost", &lost.collect::<Vec<_>>().join(", "));
    let simulation = if simulated { " (simulated)" } else { "" };
    let place = match &facts.restored_in {
        Some(place) => format!("account {}, {}{simulation}", place.account, place.region),
        None => "nowhere: it ended before the disaster was declared (T0)".to_owned(),
    };
    page.line("Restored in", &place);
    let (from, to) = (second(facts.started_at), second(facts.finished_at));
    let held = if simulated {
        format!("(simulated time, which runs ahead of the clock) {from} to {to}")
    } else {
        format!("{from} to {to}")
    };
    page.line("Held", &held);
}

fn ran_by(page: &mut Page, told: Option<(&Report, &Facts<'_>)>, verified: &Verified) {
    if let Some(by) = &verified.ran_by {
        let of = |what: &str, name: &Option<String>| match name {
            Some(name) => format!("{what} {name}"),
            None => format!("{what} not recorded"),
        };
        let job = by.ci_job.as_ref().map(|job| format!(", CI job {job}")).unwrap_or_default();
        page.line("Run by", &format!("{}, {}{job}", of("user", &by.user), of("host", &by.host)));
    }
    if let Some((report, facts)) = told {
        let who: Vec<String> = match facts.identities {
            [] if report.simulated => vec!["none (simulated)".to_owned()],
            [] => vec!["unknown: the journal does not say".to_owned()],
            all => all.iter().map(|who| format!("{} ({})", who.arn, who.purpose.word())).collect(),
        };
        page.lines("AWS identities", who);
    }
    if let Some(endpoint) = verified.ran_by.as_ref().and_then(|by| by.endpoint.as_ref()) {
        page.line("Endpoint", &format!("{endpoint}: the calls went there, perhaps to an emulation of AWS"));
    }
    if let Some((_, facts)) = told.filter(|(_, facts)| facts.resumed > 0) {
        page.line("Resumed", &format!("{}, by another process", count(facts.resumed, "time")));
    }
}

fn outcome(page: &mut Page, report: &Report, facts: &Facts<'_>) {
    let word = match facts.verdict {
        Verdict::Passed if facts.exit_code == Exit::LeftBehind => "PASSED, not clean",
        Verdict::Passed if facts.exit_code != Exit::Passed => "UNCLEAR",
        Verdict::Passed => "PASSED",
        Verdict::Failed => "FAILED",
        Verdict::Error => "ERROR",
        Verdict::Interrupted => "INTERRUPTED",
    };
    let code = facts.exit_code.code();
    let (first, more) = facts.reasons.split_at(facts.reasons.len().min(1));
    let why = first.first().map(|why| format!(": {why}")).unwrap_or_default();
    page.line("Verdict", &format!("{word} (exit code {code}){why}"));
    page.lines("", more.iter().cloned());
    page.line("Outcome", &headline::of(report));
    page.lines("Figures", facts.figures.iter().map(figure));
    let beside = caveats(report).into_iter().filter(|caveat| caveat.kind != CaveatKind::Simulated);
    page.lines("Caveats", beside.map(|caveat| caveat.text));
}

/// `orders: RTO 30m5s, objective 45m: MET`
fn figure(figure: &Figure<'_>) -> String {
    let Figure { workload, measure, objective_s, status, told, .. } = figure;
    let against = match (objective_s.map(human_seconds), status) {
        (Some(objective), Status::Met) => format!("objective {objective}: MET"),
        (Some(objective), Status::Missed) => format!("objective {objective}: MISSED"),
        (Some(objective), Status::Unknown) => format!("objective {objective}: UNKNOWN, so not met"),
        (_, Status::Unknown) => "UNKNOWN".to_owned(),
        (None, Status::Met | Status::Missed) | (_, Status::None) => "no objective".to_owned(),
    };
    format!("{workload}: {} {}, {against}", measure.word(), told.words(*objective_s))
}

/// What is open at the end of the run.
fn open(page: &mut Page, report: &Report, facts: &Facts<'_>) {
    let mut findings: Vec<_> = facts.findings.iter().collect();
    findings.sort_by_key(|finding| finding.severity);
    let shown = findings.iter().take(FINDINGS);
    let mut told: Vec<String> = shown
        .map(|finding| format!("{} {}: {}", finding.severity, finding.resource, finding.message))
        .collect();
    match findings.len() {
        0 => told.push("none".to_owned()),
        all if all > FINDINGS => told.push(format!("and {} more: see report.html", all - FINDINGS)),
        _ => {}
    }
    page.lines("Findings", told);
    let restored = if report.blast_radius.lost.is_empty() {
        "unknown: no estate lists what was lost"
    } else {
        "nothing: each lost resource that is known was restored"
    };
    page.line("Not restored", &listed(restored, facts.uncovered));
    let Facts { created, deleted, .. } = facts;
    let looked = match report.teardown.ran {
        TeardownRan::Whole => "nothing",
        TeardownRan::Partly | TeardownRan::Never => "unknown: teardown did not come to its end",
    };
    let kept = match report.sandbox.kept_until {
        Some(until) => format!("; the sandbox was kept on request, until {}", second(until)),
        None => String::new(),
    };
    page.line(
        "Left behind",
        &format!("{} ({created} created, {deleted} deleted){kept}", listed(looked, facts.left_behind)),
    );
}

fn listed(none: &str, names: &[String]) -> String {
    if names.is_empty() { none.to_owned() } else { names.join(", ") }
}

fn signatures(page: &mut Page, verified: &Verified) {
    if let Some(signed) = &verified.signed_by {
        let key = match signed.key {
            Holder::Kept => "",
            Holder::ThrownAway => ", a key that was made for this run alone",
        };
        let at = verified.signed_at.map(second).unwrap_or_default();
        page.line("Signed", &format!("{at} with {}{key}", signed.fingerprint));
    }
    if let Some(Stamped { at, authority, trusted }) = &verified.stamp {
        let at = second(*at);
        let said = if *trusted {
            format!("seen at {at} by {authority}")
        } else {
            format!(
                "not verified: you named no authority; it says {at}, and names {authority} (--timestamp-ca)"
            )
        };
        page.line("Time stamp", &said);
    }
    for review in &verified.reviews {
        let counts = if review.counts { "" } else { "; does not count: no other key that you trust" };
        let (at, by, key) = (second(review.signed_at), &review.by, &review.fingerprint);
        page.line("Reviewed", &format!("{at} by {by}, with {key}{counts}: {}", review.note));
    }
    if !verified.files.is_empty() {
        page.line("Unchanged", &verified.files.join(", "));
    }
    if !verified.unsigned.is_empty() {
        page.line("Not signed", &format!("{}: no part of the evidence", verified.unsigned.join(", ")));
    }
}

fn conclusion(report: Option<&Report>, verified: &Verified) -> String {
    if !verified.good {
        return "NOT VERIFIED: do not rely on anything above".to_owned();
    }
    let rehearsal = match report {
        Some(report) if report.simulated => "; it is a rehearsal, no drill",
        Some(_) | None => "",
    };
    let unsigned = match verified.unsigned.len() {
        0 => String::new(),
        1 => "; 1 file is not part of it".to_owned(),
        many => format!("; {many} files are not part of it"),
    };
    format!(
        "VERIFIED: unchanged, and signed by a key that you trust{rehearsal}{unsigned}\n\
         This says nothing of the objectives: see the verdict above. Whether it is the run that you asked\n\
         for cannot be seen here: compare its run id and its playbook with those that you asked for."
    )
}
