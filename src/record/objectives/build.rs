//! Builds the report of a record, with its verdict.

use std::collections::{BTreeMap, HashSet};

use super::lookups;
use super::measure::{Measures, age, is_from_after};
use super::record::{Record, name};
use crate::report::headline;
use crate::report::model::{
    Assumed, Assumptions, BlastRadius, CheckReport, CheckStatus, Confirmation, Consistency, Coverage,
    Finding, Phases, PlaybookRef, PointRow, ProbeKind, ProbeReport, Report, Resumption, Rpo, RpoSource, Rto,
    SCHEMA, SandboxRef, Status, StepReport, StepStatus, Teardown, TeardownRan, Verdict, WorkloadReport,
};
use base::duration::seconds_between;
use base::exit::Exit;
use event::{Phase, RunStarted};
use port::{Kind, Rule};

/// The report. `None` if not even the first event is in the journal.
pub fn report(record: &Record) -> Option<Report> {
    let (started_at, started) = record.started.as_ref()?;
    let finished_at = record.last_at.unwrap_or(*started_at);
    let measures = record.t0.map(|t0| Measures::new(record, started, t0));
    let workloads = workloads(started, measures.as_ref());
    let teardown = teardown(record);
    let (verdict, exit_code, reasons) = judge(record, started, &workloads, &teardown);
    let critical: Vec<&str> =
        workloads.iter().flat_map(|w| &w.critical_path).map(|l| l.id.as_str()).collect();
    let steps = steps(record, started, &critical);
    let checks = checks(record, started, &critical);
    let coverage = coverage(started, &workloads, measures.as_ref());
    let phase = |phase: Phase| match record.phases.get(&phase) {
        Some((from, to)) => seconds_between(*from, to.unwrap_or(finished_at)),
        None => 0.0,
    };
    let assume = match (started.detection_s, started.decision_s) {
        (None, None) => None,
        (detection_s, decision_s) => Some(Assumptions { detection_s, decision_s }),
    };
    let mut report = Report {
        schema: SCHEMA.to_owned(),
        run_id: started.run_id.clone(),
        on: started.on,
        simulated: started.on.is_simulated(),
        drillmaster_version: started.version.clone(),
        playbook: PlaybookRef {
            name: started.playbook.name.clone(),
            description: started.playbook.description.clone(),
            path: started.playbook.path.clone(),
            sha256: started.playbook.sha256.clone(),
            source: started.playbook.source.clone(),
            controls: started.playbook.controls.clone(),
            schedule: started.playbook.schedule.clone(),
        },
        lose: BTreeMap::from([{
            let (key, name) = started.lose.key_and_name();
            (key.to_owned(), name.to_owned())
        }]),
        started_at: *started_at,
        t0: record.t0,
        finished_at,
        verdict,
        exit_code,
        headline: String::new(),
        reasons,
        assume,
        sandbox: SandboxRef {
            account: started.sandbox_account.to_string(),
            region: started.sandbox_region.to_string(),
            cidr: started.sandbox_cidr.clone(),
            standing: started.sandbox_standing.clone(),
            azs: record.azs.iter().map(ToString::to_string).collect(),
            isolation_verified: record.isolation.is_verified(record.t0.is_some()),
            kept_until: record.kept.as_ref().map(|(_, until)| *until),
        },
        params: started.params.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        seed: started.seed,
        identities: record.identities.clone(),
        workloads,
        steps,
        checks,
        lookups: lookups::told(record, started),
        lookups_unknown: lookups::unknown(record, started),
        probe: record.probed.clone().map(|probed| ProbeReport { kind: ProbeKind::Lambda, probed }),
        phases: Phases {
            preflight_s: phase(Phase::Preflight),
            prepare_s: phase(Phase::Prepare),
            recover_s: phase(Phase::Recover),
            teardown_s: phase(Phase::Teardown),
        },
        denied_calls: record.denied.clone(),
        blast_radius: BlastRadius { lost: started.lost.clone(), surviving: started.surviving.clone() },
        forecast: record.forecast.clone(),
        past: started.past.clone(),
        recovery_points: points(record),
        coverage,
        findings: record.findings.clone(),
        api_calls: record.api_calls.clone(),
        teardown,
        assumed: assumed(record, started),
        resumed: record.resumed.clone(),
        journal: None,
    };
    let implausible = sources(&report).filter_map(newer_than_its_source);
    let mut more: Vec<Finding> = implausible.collect();
    more.extend(sources(&report).filter_map(|source| from_after_t0(source, record.t0?)));
    more.extend(report.workloads.iter().flat_map(|workload| of_objectives(workload, record.t0)));
    more.extend(resumed(&report.resumed));
    more.extend(lookups::findings(record, started));
    let carried_out = matches!(report.verdict, Verdict::Passed | Verdict::Failed);
    more.extend(record.isolation.findings(carried_out));
    report.findings.extend(more);
    report.findings.sort_by_key(|f| f.severity);
    report.headline = headline::of(&report);
    Some(report)
}

/// Counts the checks and steps that were assumed.
fn assumed(record: &Record, started: &RunStarted) -> Option<Assumed> {
    let found = record.findings.iter().filter(|finding| finding.rule == Rule::Assumed);
    let named: HashSet<&str> = found.map(|finding| finding.resource.as_str()).collect();
    let count =
        |nodes: &[event::NodePlan]| nodes.iter().filter(|node| named.contains(node.id.as_str())).count();
    let (checks, steps) = (count(&started.checks), count(&started.steps));
    (checks + steps > 0).then_some(Assumed { checks, of: started.checks.len(), steps })
}

/// Stores without an objective for their consistency are worth a finding from this spread on.
const APART_S: f64 = 3600.0;

/// The findings about a workload's objectives, and about figures that no objective judges.
fn of_objectives(workload: &WorkloadReport, t0: Option<base::duration::Time>) -> Vec<Finding> {
    let human = base::duration::human_seconds;
    let name = &workload.name;
    let (rto, rpo, consistency) = (&workload.rto, &workload.rpo, &workload.consistency);
    let mut found = Vec::new();
    if rto.objective_s.is_none() && rpo.objective_s.is_none() && consistency.objective_s.is_none() {
        found.push(Finding::new(
            Rule::NoObjective,
            name,
            "the workload has no objective: the drill says whether it came back, and not whether that was soon enough",
            "say under `objectives` how long the recovery may take, and how much data may be lost",
        ));
    }
    let worst = rpo.worst_case_s.or(rpo.worst_case_at_least_s);
    if let (Some(objective), Some(worst)) = (rpo.objective_s, worst)
        && worst > objective
    {
        let least = if rpo.worst_case_s.is_some() { "" } else { "at least " };
        found.push(Finding::new(
            Rule::WorstCaseMisses,
            name,
            format!(
                "at the worst instant of the look-back window it would have lost {least}{} of data; its objective is {}",
                human(worst),
                human(objective)
            ),
            "make recovery points more often, or have them copied sooner",
        ));
    }
    if let (None, Some(spread), Some(t0)) = (consistency.objective_s, consistency.measured_s, t0)
        && spread > APART_S
    {
        found.push(Finding::new(
            Rule::StoresApart,
            name,
            format!("its stores were restored to instants {} apart: {}", human(spread), ends(rpo, t0)),
            "restore them to the same instant, or say under `objectives` how far apart they may be: `consistency: 5m`",
        ));
    }
    found
}

/// The newest and the oldest store of a workload, each with the age that RPO counts.
fn ends(rpo: &Rpo, t0: base::duration::Time) -> String {
    let mut aged: Vec<(f64, &RpoSource)> =
        rpo.sources.iter().filter_map(|source| Some((age(source, t0)?, source))).collect();
    aged.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ends = match aged.as_slice() {
        [newest, .., oldest] => vec![newest, oldest],
        few => few.iter().collect(),
    };
    let told = ends
        .into_iter()
        .map(|(age, source)| format!("{} to {} before T0", source.of, base::duration::human_seconds(*age)));
    told.collect::<Vec<_>>().join(", ")
}

fn sources(report: &Report) -> impl Iterator<Item = &RpoSource> {
    report.workloads.iter().flat_map(|w| &w.rpo.sources)
}

/// Data from after T0 would not have existed in a real disaster.
fn from_after_t0(source: &RpoSource, t0: base::duration::Time) -> Option<Finding> {
    is_from_after(source, t0).then(|| {
        Finding::new(
        Rule::DataFromAfterT0,
        &source.of,
        format!(
            "what step `{}` restored from {} is from after T0: on the day it would not have been there, so its age is \
             unknown",
            source.step, source.recovery_point
        ),
        "restore from a point that was complete at T0, or as of an instant before it",
        )
    })
}

/// Restored data that claim to be newer than their source.
fn newer_than_its_source(source: &RpoSource) -> Option<Finding> {
    let data = source.data_age_s?;
    let implausible = source.age_s.map_or(data < 0.0, |point| data < point);
    implausible.then(|| {
        Finding::new(
        Rule::DataNewerThanItsSource,
        &source.of,
        format!(
            "the newest timestamp in what step `{}` restored is newer than recovery point {}: something wrote it after \
             the restore, so it shows nothing of what was lost, and is not counted",
            source.step, source.recovery_point
        ),
        "let the query read a timestamp that only production writes",
        )
    })
}

/// The limits of the report of a resumed run.
fn resumed(resumed: &[Resumption]) -> Option<Finding> {
    let gaps = resumed.iter().map(|r| r.gap_s).sum();
    (!resumed.is_empty()).then(|| {
        Finding::new(
        Rule::RunResumed,
        "run",
        format!(
            "the runner died, and the run went on {}; none was there for {} in all, which counts as recovery time; \
             `api_calls` are those of the last process",
            if resumed.len() == 1 { "once".to_owned() } else { format!("{} times", resumed.len()) },
            base::duration::human_seconds(gaps),
        ),
        "run the drill again for figures without a gap, on a machine that stays up",
        )
    })
}

fn workloads(started: &RunStarted, measures: Option<&Measures<'_>>) -> Vec<WorkloadReport> {
    let empty = |objective_s: Option<f64>| {
        (objective_s, None, if objective_s.is_some() { Status::Unknown } else { Status::None })
    };
    let of = |plan: &event::WorkloadPlan| {
        let Some(measures) = measures else {
            let (objective_s, measured_s, status) = empty(plan.rto_s);
            let rto = Rto { objective_s, measured_s, with_assumptions_s: None, status };
            let (objective_s, measured_s, status) = empty(plan.rpo_s);
            return WorkloadReport {
                name: plan.name.clone(),
                tier: plan.tier,
                recovered: false,
                incomplete: vec!["the disaster was never declared".into()],
                missing_resources: plan.lost.clone(),
                rto,
                rpo: Rpo {
                    objective_s,
                    measured_s,
                    nothing_lost: false,
                    partial: false,
                    status,
                    newest_s: None,
                    judged_by_newest: false,
                    worst_case_s: None,
                    worst_case_at_least_s: None,
                    sources: Vec::new(),
                },
                consistency: {
                    let (objective_s, measured_s, status) = empty(plan.consistency_s);
                    Consistency { objective_s, measured_s, partial: false, status }
                },
                critical_path: Vec::new(),
            };
        };
        let measured = measures.workload(plan);
        WorkloadReport {
            name: plan.name.clone(),
            tier: plan.tier,
            recovered: measured.incomplete.is_empty(),
            incomplete: measured.incomplete,
            missing_resources: measured.missing_resources,
            rto: measured.rto,
            rpo: measured.rpo,
            consistency: measured.consistency,
            critical_path: measured.critical_path,
        }
    };
    started.workloads.iter().map(of).collect()
}

/// The verdict, its exit code, and its reasons, most important first.
fn judge(
    record: &Record,
    started: &RunStarted,
    workloads: &[WorkloadReport],
    teardown: &Teardown,
) -> (Verdict, Exit, Vec<String>) {
    let mut reasons = Vec::new();
    let verdict = if record.interrupted {
        reasons.push("the drill was interrupted".to_owned());
        Verdict::Interrupted
    } else if let Some(error) = &record.aborted {
        reasons.push(error.clone());
        Verdict::Error
    } else if !record.finished {
        reasons.push(
            "the drill did not come to its end: where its runner died, `drillmaster resume` goes on with it, and \
             `drillmaster abort` tears it down"
                .to_owned(),
        );
        Verdict::Error
    } else if record.t0.is_none() {
        reasons.push("the drill did not come to its end".to_owned());
        Verdict::Error
    } else {
        reasons.extend(record.isolation.failures());
        for workload in workloads {
            reasons.extend(of_workload(workload, record.t0));
        }
        reasons.extend(of_loose_nodes(record, started));
        if reasons.is_empty() { Verdict::Passed } else { Verdict::Failed }
    };
    let exit_code = if let Some(trouble) = teardown.trouble() {
        reasons.push(trouble);
        Exit::LeftBehind
    } else {
        match verdict {
            Verdict::Passed => Exit::Passed,
            Verdict::Failed => Exit::Failed,
            Verdict::Error if record.mistaken => Exit::Wrong,
            Verdict::Error => Exit::Error,
            Verdict::Interrupted => Exit::Interrupted,
        }
    };
    (verdict, exit_code, reasons)
}

fn of_workload(workload: &WorkloadReport, t0: Option<base::duration::Time>) -> Vec<String> {
    let name = &workload.name;
    let mut reasons = Vec::new();
    if !workload.recovered {
        reasons.push(format!("{name}: not recovered: {}", first_few(&workload.incomplete)));
    }
    let (rto, rpo) = (&workload.rto, &workload.rpo);
    let figures = [
        ("RTO", rto.status, rto.objective_s, rto.with_assumptions_s.or(rto.measured_s)),
        ("RPO", rpo.status, rpo.objective_s, rpo.measured_s),
    ];
    for (measure, status, objective, measured) in figures {
        let human = |s: Option<f64>| s.map_or_else(|| "unknown".to_owned(), base::duration::human_seconds);
        match (status, objective) {
            (Status::Missed, _) => {
                reasons.push(format!(
                    "{name}: {measure} {} missed its objective of {}",
                    human(measured),
                    human(objective)
                ));
            }
            (Status::Unknown, _) => {
                reasons.push(format!("{name}: {measure} is unknown, and unknown meets no objective"));
            }
            (Status::Met | Status::None, _) => {}
        }
    }
    let consistency = &workload.consistency;
    match (consistency.status, consistency.measured_s, consistency.objective_s) {
        (Status::Missed, Some(spread), Some(objective)) => reasons.push(format!(
            "{name}: its stores lie {} apart, and consistency allows {}: {}",
            base::duration::human_seconds(spread),
            base::duration::human_seconds(objective),
            t0.map(|t0| ends(rpo, t0)).unwrap_or_default()
        )),
        (Status::Missed | Status::Unknown, ..) => reasons.push(format!(
            "{name}: how far its stores lie apart is unknown, and unknown meets no objective of consistency"
        )),
        (Status::Met | Status::None, ..) => {}
    }
    reasons
}

/// Failed nodes without a workload. They must not go unnoticed either.
fn of_loose_nodes(record: &Record, started: &RunStarted) -> Vec<String> {
    let loose = |workload: &Option<String>| workload.is_none();
    let mut reasons = Vec::new();
    for node in started.steps.iter().filter(|n| loose(&n.workload)) {
        let step = record.steps.get(&node.id);
        if step.is_some_and(|s| s.status == Some(StepStatus::Failed) && !s.tolerated) {
            reasons.push(format!(
                "step `{}` failed: {}",
                node.id,
                step.and_then(|s| s.because.as_deref()).unwrap_or("")
            ));
        }
    }
    for node in started.checks.iter().filter(|n| loose(&n.workload)) {
        let check = record.checks.get(&node.id);
        let how = match check.and_then(|check| check.status) {
            Some(CheckStatus::Unhealthy) => Some("unhealthy"),
            Some(CheckStatus::Unknown) => Some("unknown"),
            Some(CheckStatus::Healthy | CheckStatus::Skipped) | None => None,
        };
        if let Some(how) = how {
            reasons.push(format!(
                "check `{}` is {how}: {}",
                node.id,
                check.and_then(|c| c.because.as_deref()).unwrap_or("")
            ));
        }
    }
    reasons
}

fn steps(record: &Record, started: &RunStarted, critical: &[&str]) -> Vec<StepReport> {
    let none = super::record::StepRecord::default();
    let critical: HashSet<&&str> = critical.iter().collect();
    started
        .steps
        .iter()
        .map(|node| {
            let step = record.steps.get(&node.id).unwrap_or(&none);
            StepReport {
                id: node.id.clone(),
                uses: node.uses.clone(),
                workload: node.workload.clone(),
                needs: node.needs.clone(),
                status: step.status.unwrap_or(StepStatus::NotRun),
                because: step
                    .because
                    .clone()
                    .or_else(|| step.status.is_none().then(|| "the drill ended before it".to_owned())),
                started_at: step.started_at,
                finished_at: step.finished_at,
                seconds: step.started_at.zip(step.finished_at).map(|(from, to)| seconds_between(from, to)),
                attempts: step.attempts,
                resources: step.resources.clone(),
                recovery_points: step.source.iter().map(|p| p.id.clone()).collect(),
                tolerated: step.tolerated && node.workload.is_none(),
                confirmed: step.confirmed.clone().zip(step.finished_at).map(|(confirmed, at)| Confirmation {
                    by: confirmed.by,
                    at,
                    through: confirmed.through,
                    note: confirmed.note,
                }),
                critical: critical.contains(&node.id.as_str()),
            }
        })
        .collect()
}

fn checks(record: &Record, started: &RunStarted, critical: &[&str]) -> Vec<CheckReport> {
    let none = super::record::CheckRecord::default();
    let critical: HashSet<&&str> = critical.iter().collect();
    started
        .checks
        .iter()
        .map(|node| {
            let check = record.checks.get(&node.id).unwrap_or(&none);
            CheckReport {
                id: node.id.clone(),
                kind: node.uses.clone(),
                workload: node.workload.clone(),
                needs: node.needs.clone(),
                status: check.status.unwrap_or(CheckStatus::Skipped),
                because: check
                    .because
                    .clone()
                    .or_else(|| check.status.is_none().then(|| "the drill ended before it".to_owned())),
                ready_at: check.ready_at,
                healthy_at: check.healthy_at,
                settled_at: check.settled_at,
                seconds: check.ready_at.zip(check.healthy_at).map(|(from, to)| seconds_between(from, to)),
                observed: check.observed.clone(),
                rungs: check.rungs.clone(),
                rows: check.rows.clone(),
                tries: check.tries,
                critical: critical.contains(&node.id.as_str()),
            }
        })
        .collect()
}

fn points(record: &Record) -> Vec<PointRow> {
    // Snapshots in several places may have the same name, and some of them may be lost.
    let key = |p: &estate::RecoveryPoint| (p.kind, p.account.to_string(), p.region.to_string(), p.id.clone());
    let mut used = BTreeMap::new();
    for (id, step) in &record.steps {
        if let Some(point) = &step.source {
            used.entry(key(point)).or_insert_with(|| id.clone());
        }
    }
    let mut rows = BTreeMap::new();
    for seen in &record.points {
        let point = &seen.point;
        let used_by = used.get(&key(point)).cloned();
        let row = PointRow {
            id: point.id.clone(),
            of: point.of.to_string(),
            kind: serde_json::to_value(point.kind)
                .ok()
                .and_then(|v| v.as_str().map(str::to_owned))
                .unwrap_or_default(),
            account: point.account.to_string(),
            region: point.region.to_string(),
            taken: point.taken,
            usable: point.usable,
            age_s: point.taken.zip(record.t0).map(|(taken, t0)| seconds_between(taken, t0)),
            why_not: seen.why_not.clone().filter(|_| used_by.is_none()),
            used_by,
        };
        rows.entry((row.of.clone(), key(point))).or_insert(row);
    }
    let mut rows: Vec<PointRow> = rows.into_values().collect();
    rows.sort_by(|a, b| (&a.of, b.taken, &a.id).cmp(&(&b.of, a.taken, &b.id)));
    rows
}

fn coverage(started: &RunStarted, workloads: &[WorkloadReport], measures: Option<&Measures<'_>>) -> Coverage {
    let mut coverage = Coverage::default();
    for id in &started.lost {
        if measures.is_some_and(|m| m.is_restored(id)) {
            coverage.covered.push(id.clone());
        } else {
            coverage.uncovered.push(id.clone());
        }
    }
    // Resources that a workload names and that are not in the estate.
    coverage.uncovered.extend(workloads.iter().flat_map(|w| &w.missing_resources).cloned());
    coverage.covered.sort();
    coverage.uncovered.sort();
    coverage.uncovered.dedup();
    coverage
}

fn teardown(record: &Record) -> Teardown {
    let mut created: Vec<String> = record.created.iter().map(name).collect();
    created.sort();
    created.dedup();
    let mut deleted: Vec<String> = record.deleted.iter().map(name).collect();
    deleted.sort();
    deleted.dedup();
    let left_behind = match (&record.left_behind, &record.kept) {
        (Some(left), _) => left.clone(),
        // A sandbox that was kept on purpose is in `sandbox.kept_until`, and is not a failure.
        (None, Some(_)) => Vec::new(),
        // Teardown did not end. Every resource that is not known to be gone may still exist.
        (None, None) => created.iter().filter(|c| !deleted.contains(c)).cloned().collect(),
    };
    let ran = match record.phases.get(&Phase::Teardown) {
        _ if record.finished => TeardownRan::Whole,
        Some(_) => TeardownRan::Partly,
        None => TeardownRan::Never,
    };
    let whole = record.looked_at.filter(|_| left_behind.is_empty());
    Teardown {
        ran,
        created: created.len(),
        deleted: deleted.len(),
        // What a later search found may hold data. The empty network holds none.
        data_gone_at: record.data_gone_at.filter(|_| left_behind.iter().all(|left| is_network(left))),
        // Without a probe, nothing stays longer than the rest.
        network_gone_at: whole.filter(|_| record.data_gone_at.is_some() && record.network_left.is_empty()),
        network_left: record.network_left.iter().map(name).collect(),
        left_behind,
    }
}

/// Whether a resource that is named by its kind and id belongs to the empty network.
fn is_network(name: &str) -> bool {
    let kind = name.split_once('/').map(|(kind, _)| kind);
    Kind::NETWORK.iter().any(|network| Some(network.name()) == kind)
}

/// A short list for a reason. The report has the full list.
fn first_few(items: &[String]) -> String {
    const FEW: usize = 5;
    let mut text = items.iter().take(FEW).cloned().collect::<Vec<_>>().join("; ");
    if items.len() > FEW {
        text += &format!("; and {} more", items.len() - FEW);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instant_stays_while_an_empty_network_alone_is_left() {
        let at: base::duration::Time = "2026-11-22T08:00:00Z".parse().unwrap();
        let told = |left: &[&str]| {
            let left = left.iter().map(|&name| name.to_owned()).collect();
            teardown(&Record {
                data_gone_at: Some(at),
                left_behind: Some(left),
                finished: true,
                ..Record::default()
            })
        };
        assert_eq!(told(&[]).data_gone_at, Some(at));
        let network: Vec<String> = Kind::NETWORK.iter().map(|kind| format!("{}/x", kind.name())).collect();
        let network: Vec<&str> = network.iter().map(String::as_str).collect();
        assert_eq!(told(&network).data_gone_at, Some(at));
        for data in ["ec2:volume/vol-1", "what RDS has in eu-west-1 could not be read"] {
            assert_eq!(told(&[&network, &[data][..]].concat()).data_gone_at, None, "{data}");
        }
    }
}
