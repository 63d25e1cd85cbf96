//! The figures of runs for Prometheus, in its text format 0.0.4: of one run for the textfile collector
//! of `node_exporter`, and of a store of runs for whoever serves them.
//!
//! A figure that is unknown has no sample. It is neither 0 nor an old value.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base::duration::Time;
use base::on::On;
use base::private;
use base::redact;
use base::severity::Severity;
use record::report::Report;
use record::report::escape::visible;
use record::report::model::{CheckStatus, Status, StepStatus, Verdict, WorkloadReport};
use record::report::told::Told;

use crate::message::findings;

pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Vec<(&'static str, String)>;

/// Labels and a value.
type Samples = Vec<(Labels, f64)>;

/// A metric: its name without `drillmaster_`, its help, and its samples of a run.
struct Family {
    name: &'static str,
    help: &'static str,
    samples: fn(&Report) -> Samples,
}

const FAMILIES: [Family; 19] = [
    Family {
        name: "drill_info",
        help: "The last run of a drill; always 1.",
        samples: |report| {
            let lost: Vec<String> = report.lose.iter().map(|(what, name)| format!("{what} {name}")).collect();
            let labels = vec![
                ("run_id", report.run_id.clone()),
                ("lost", lost.join(", ")),
                ("version", report.drillmaster_version.clone()),
            ];
            vec![(labels, 1.0)]
        },
    },
    Family {
        name: "drill_verdict",
        help: "The verdict of the last run: 1 for the one that holds, 0 for the others.",
        samples: |report| {
            let all = [
                (Verdict::Passed, "passed"),
                (Verdict::Failed, "failed"),
                (Verdict::Error, "error"),
                (Verdict::Interrupted, "interrupted"),
            ];
            let is = |verdict| if verdict == report.verdict { 1.0 } else { 0.0 };
            all.map(|(verdict, name)| (vec![("verdict", name.to_owned())], is(verdict))).into()
        },
    },
    Family {
        name: "drill_exit_code",
        help: "The exit code of the last run.",
        samples: |report| one(f64::from(report.exit_code.code())),
    },
    Family {
        name: "drill_start_time_seconds",
        help: "When the last run began, in seconds since 1970.",
        samples: |report| one(unix(report.started_at)),
    },
    Family {
        name: "drill_end_time_seconds",
        help: "When the last run ended, in seconds since 1970.",
        samples: |report| one(unix(report.finished_at)),
    },
    Family {
        name: "drill_phase_seconds",
        help: "How long each phase of the last run took.",
        samples: |report| {
            let phases = &report.phases;
            let all = [
                ("preflight", phases.preflight_s),
                ("prepare", phases.prepare_s),
                ("recover", phases.recover_s),
                ("teardown", phases.teardown_s),
            ];
            all.map(|(name, seconds)| (vec![("phase", name.to_owned())], seconds)).into()
        },
    },
    Family {
        name: "drill_steps",
        help: "The steps of the last run, by their outcome.",
        samples: |report| {
            let all = [
                (StepStatus::Succeeded, "succeeded"),
                (StepStatus::Failed, "failed"),
                (StepStatus::Skipped, "skipped"),
                (StepStatus::NotRun, "not_run"),
            ];
            let count = |status| report.steps.iter().filter(|step| step.status == status).count();
            all.map(|(status, name)| (vec![("status", name.to_owned())], number(count(status)))).into()
        },
    },
    Family {
        name: "drill_checks",
        help: "The checks of the last run, by their outcome.",
        samples: |report| {
            let all = [
                (CheckStatus::Healthy, "healthy"),
                (CheckStatus::Unhealthy, "unhealthy"),
                (CheckStatus::Unknown, "unknown"),
                (CheckStatus::Skipped, "skipped"),
            ];
            let count = |status| report.checks.iter().filter(|check| check.status == status).count();
            all.map(|(status, name)| (vec![("status", name.to_owned())], number(count(status)))).into()
        },
    },
    Family {
        name: "drill_findings",
        help: "The findings of the last run, by their severity.",
        samples: |report| {
            let counts = findings(report).into_iter();
            counts.map(|(severity, n)| (vec![("severity", severity.to_string())], number(n))).collect()
        },
    },
    Family {
        name: "drill_uncovered_resources",
        help: "Lost resources that no step of the last run restored.",
        samples: |report| one(number(report.coverage.uncovered.len())),
    },
    Family {
        name: "drill_left_behind_resources",
        help: "Resources that the teardown of the last run left behind.",
        samples: |report| one(number(report.teardown.left_behind.len())),
    },
    Family {
        name: "workload_recovered",
        help: "Whether all of a workload came back.",
        samples: |report| each(report, |workload| Some(if workload.recovered { 1.0 } else { 0.0 })),
    },
    Family {
        name: "workload_objective_status",
        help: "Whether a workload met an objective: 1 for the status that holds, 0 for the others.",
        samples: |report| report.workloads.iter().flat_map(statuses).collect(),
    },
    Family {
        name: "workload_rto_seconds",
        help: "The recovery time of a workload, with what is assumed. Absent if unknown.",
        samples: |report| each(report, |workload| known(Told::rto(workload))),
    },
    Family {
        name: "workload_rto_objective_seconds",
        help: "The recovery time that a workload may take.",
        samples: |report| each(report, |workload| workload.rto.objective_s),
    },
    Family {
        name: "workload_rpo_seconds",
        help: "The data, in time, that a workload lost. Absent if unknown.",
        samples: |report| each(report, |workload| known(Told::rpo(workload))),
    },
    Family {
        name: "workload_rpo_objective_seconds",
        help: "The data, in time, that a workload may lose.",
        samples: |report| each(report, |workload| workload.rpo.objective_s),
    },
    Family {
        name: "workload_rpo_worst_case_seconds",
        help: "The data, in time, that a workload would have lost at the worst instant. Absent if unknown.",
        samples: |report| each(report, |workload| workload.rpo.worst_case_s),
    },
    Family {
        name: "workload_consistency_seconds",
        help: "How far apart the restored stores of a workload lie, in time. Absent if unknown.",
        samples: |report| each(report, |workload| known(Told::consistency(workload))),
    },
];

/// The metrics of runs, one of each playbook and cloud.
pub fn render<'a>(reports: impl IntoIterator<Item = &'a Report>) -> String {
    let reports: Vec<&Report> = reports.into_iter().collect();
    let families = FAMILIES.iter().map(|Family { name, help, samples }| {
        let samples = reports.iter().flat_map(|report| {
            let own = labels(&report.playbook.name, report.on, report.simulated);
            samples(report).into_iter().map(move |(further, value)| ([&own[..], &further].concat(), value))
        });
        family(name, help, samples)
    });
    families.collect()
}

/// What a store of runs tells.
pub struct Stored<'a> {
    /// The newest run of each playbook on each cloud.
    pub newest: Vec<&'a Report>,
    pub due: Vec<Due>,
    pub open: Vec<Open>,
    /// What could not be read, and counts for nothing.
    pub unread: usize,
}

/// A drill with a schedule.
pub struct Due {
    pub playbook: String,
    pub on: On,
    pub overdue: bool,
    /// T0 of the last run that passed.
    pub last_passed: Option<Time>,
    pub next: Option<Time>,
}

/// The open findings of a playbook on a cloud.
pub struct Open {
    pub playbook: String,
    pub on: On,
    /// How many, also where there is none.
    pub by_severity: Vec<(Severity, usize)>,
    /// Those whose due date is past.
    pub overdue: usize,
}

/// The metrics of a store.
pub fn of_store(store: &Stored<'_>) -> String {
    let due = |figure: fn(&Due) -> Option<f64>| {
        let figures = store.due.iter().filter_map(move |due| Some((due, figure(due)?)));
        figures.map(|(due, figure)| (labels(&due.playbook, due.on, due.on.is_simulated()), figure))
    };
    let of = |open: &Open| labels(&open.playbook, open.on, open.on.is_simulated());
    let by_severity = store.open.iter().flat_map(|open| {
        let counts = open.by_severity.iter();
        counts.map(move |(severity, count)| {
            ([of(open), vec![("severity", severity.to_string())]].concat(), number(*count))
        })
    });
    let past_due = store.open.iter().map(|open| (of(open), number(open.overdue)));
    [
        render(store.newest.iter().copied()),
        family(
            "drill_overdue",
            "Whether a drill was due, and none passed before its window closed.",
            due(|due| Some(if due.overdue { 1.0 } else { 0.0 })),
        ),
        family(
            "drill_last_passed_time_seconds",
            "T0 of the last run that passed, in seconds since 1970. Absent if none did.",
            due(|due| due.last_passed.map(unix)),
        ),
        family(
            "drill_next_time_seconds",
            "When the drill is due next, in seconds since 1970.",
            due(|due| due.next.map(unix)),
        ),
        family(
            "open_findings",
            "Findings that no drill and nobody has closed, by their severity.",
            by_severity,
        ),
        family("open_findings_past_due", "Open findings whose due date is past.", past_due),
        family(
            "store_unread_runs",
            "Runs that cannot be read. No figure of a newest run is theirs.",
            [(Labels::new(), number(store.unread))],
        ),
    ]
    .concat()
}

fn labels(playbook: &str, on: On, simulated: bool) -> Labels {
    vec![("playbook", playbook.to_owned()), ("on", on.to_string()), ("simulated", simulated.to_string())]
}

/// A metric with its samples. Empty if it has none.
fn family(name: &str, help: &str, samples: impl IntoIterator<Item = (Labels, f64)>) -> String {
    let lines = samples.into_iter().map(|(labels, value)| {
        let labels: Vec<String> =
            labels.into_iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(&value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        format!("drillmaster_{name}{labels} {value}\n")
    });
    let lines: String = lines.collect();
    if lines.is_empty() {
        return lines;
    }
    format!("# HELP drillmaster_{name} {help}\n# TYPE drillmaster_{name} gauge\n{lines}")
}

/// Writes the metrics of a run. Below a folder, each playbook and cloud has a file of its own, so that
/// a rehearsal never replaces a real run.
///
/// # Errors
/// The file cannot be written, as a text for the user.
pub fn write(path: &Path, report: &Report) -> Result<PathBuf, String> {
    let path = if path.is_dir() {
        path.join(format!("drillmaster-{}-{}.prom", report.playbook.name, report.on))
    } else {
        path.to_owned()
    };
    // The collector is another user.
    let readable = Permissions::from_mode(0o644);
    private::write_whole(&path, render([report]), Some(readable))
        .map_err(|error| format!("{}: the metrics cannot be written: {error}", path.display()))?;
    Ok(path)
}

fn one(value: f64) -> Samples {
    vec![(Vec::new(), value)]
}

fn each(report: &Report, figure: impl Fn(&WorkloadReport) -> Option<f64>) -> Samples {
    let figures = report.workloads.iter().filter_map(|workload| Some((workload, figure(workload)?)));
    figures.map(|(workload, figure)| (of(workload), figure)).collect()
}

fn of(workload: &WorkloadReport) -> Labels {
    let tier = workload.tier.map(|tier| tier.to_string()).unwrap_or_default();
    vec![("workload", workload.name.clone()), ("tier", tier)]
}

fn statuses(workload: &WorkloadReport) -> Samples {
    let objectives = [
        ("rto", workload.rto.status),
        ("rpo", workload.rpo.status),
        ("consistency", workload.consistency.status),
    ];
    let mut samples = Samples::new();
    for (objective, holds) in objectives.into_iter().filter(|(_, status)| *status != Status::None) {
        for (status, name) in [(Status::Met, "met"), (Status::Missed, "missed"), (Status::Unknown, "unknown")]
        {
            let mut labels = of(workload);
            labels.extend([("objective", objective.to_owned()), ("status", name.to_owned())]);
            samples.push((labels, if status == holds { 1.0 } else { 0.0 }));
        }
    }
    samples
}

/// A figure of the whole workload.
fn known(told: Told) -> Option<f64> {
    match told {
        Told::Figure(seconds) => Some(seconds),
        Told::NothingLost => Some(0.0),
        Told::AtLeast(_) | Told::NotRecovered | Told::Unknown => None,
    }
}

fn number(count: usize) -> f64 {
    count as f64
}

fn unix(time: Time) -> f64 {
    time.timestamp_millis() as f64 / 1000.0
}

fn escaped(text: &str) -> String {
    visible(&redact::text(text)).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_ends_early() {
        assert_eq!(escaped("a\"} 1\nb\\"), "a\\\"} 1\\nb\\\\");
    }
}
