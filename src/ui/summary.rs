//! The result of a run on stdout.

mod table;

use std::io::Write;
use std::path::PathBuf;

use self::table::Table;
use super::text::{TextStyle, Tone, clean, count, wrap};
use base::duration::human_seconds;
use base::exit::Exit;
use estate::meaning::Means;
use record::report::caveats::{CaveatKind, caveats};
use record::report::headline;
use record::report::model::{
    CheckStatus, Report, Severity, StepStatus, TeardownRan, Verdict, WorkloadReport,
};
use record::report::view::lookups;

/// The width of the summary where there is no terminal.
pub const COLUMNS: usize = 80;
/// The most names that the summary tells.
const MOST_NAMES: usize = 10;
/// In a narrower terminal, lines are broken by it.
const LEAST_COLUMNS: usize = 40;

/// Writes the summary. `files`: the paths of the reports, the first one to open first.
pub fn write(
    out: &mut dyn Write,
    report: &Report,
    files: &[PathBuf],
    style: TextStyle,
    columns: usize,
) -> std::io::Result<()> {
    out.write_all(render(report, files, style, columns).as_bytes())?;
    out.flush()
}

/// Renders the summary with at most so many columns. File names may be longer: they are never cut
/// or broken.
///
/// A failure is told once, where it comes first: as a reason of the verdict.
pub fn render(report: &Report, files: &[PathBuf], style: TextStyle, columns: usize) -> String {
    let mut page = Page { style, columns: columns.max(LEAST_COLUMNS), out: String::new() };
    if report.simulated {
        page.line(Tone::Warning, "SIMULATED on the twin: nothing was really restored.");
        page.blank();
    }
    page.verdict(report);
    page.workloads(report);
    for workload in &report.workloads {
        page.critical_path(workload);
    }
    page.incomplete(report);
    page.failures(report);
    page.denied(report);
    page.lookups(report);
    page.findings(report);
    page.teardown(report);
    if !files.is_empty() {
        page.blank();
    }
    for (n, file) in files.iter().enumerate() {
        let label = if n == 0 { "Report: " } else { "        " };
        page.out += &format!("{label}{}\n", clean(&file.display().to_string()));
    }
    page.out
}

/// What a reason says beyond the headline. `None` if that is nothing.
fn beyond(headline: &str, reason: &str) -> Option<String> {
    let Some((workload, all)) = reason.split_once(": not recovered: ") else {
        return Some(reason.to_owned());
    };
    let more: Vec<&str> = all.split("; ").filter(|part| !headline.contains(part)).collect();
    (!more.is_empty()).then(|| format!("{workload}: not recovered: {}", more.join("; ")))
}

/// Whether a reason of the verdict says this already.
fn is_told(report: &Report, what: &str) -> bool {
    !what.is_empty() && report.reasons.iter().any(|reason| reason.contains(what))
}

struct Page {
    style: TextStyle,
    columns: usize,
    out: String,
}

impl Page {
    fn blank(&mut self) {
        self.out.push('\n');
    }

    /// Wraps before it paints, so that colour codes do not count as columns.
    fn wrapped(&mut self, tone: Tone, text: &str, indent: usize) {
        for line in wrap(text, self.columns, indent) {
            self.out += &self.style.paint(tone, &line);
            self.blank();
        }
    }

    fn line(&mut self, tone: Tone, text: &str) {
        self.wrapped(tone, text, 2);
    }

    fn item(&mut self, text: &str) {
        self.wrapped(Tone::Plain, &format!("  {text}"), 4);
    }

    fn heading(&mut self, text: &str) {
        self.blank();
        self.line(Tone::Strong, text);
    }

    fn verdict(&mut self, report: &Report) {
        let (word, tone) = match report.verdict {
            Verdict::Passed => ("PASSED", Tone::Good),
            Verdict::Failed => ("FAILED", Tone::Bad),
            Verdict::Error => ("ERROR", Tone::Bad),
            Verdict::Interrupted => ("INTERRUPTED", Tone::Bad),
        };
        let tone = if report.exit_code == Exit::Passed { tone } else { Tone::Bad };
        self.line(tone, &format!("{word}, exit code {}", report.exit_code));
        let lost: Vec<String> = report.lose.iter().map(|(k, v)| format!("{k} {v}")).collect();
        self.line(
            Tone::Plain,
            &format!(
                "{}: loss of {}, run {}",
                clean(&report.playbook.name),
                clean(&lost.join(", ")),
                clean(&report.run_id)
            ),
        );
        let headline = headline::of(report);
        self.line(Tone::Strong, &clean(&headline));
        for reason in report.reasons.iter().filter_map(|reason| beyond(&headline, reason)) {
            self.item(&format!("- {}", clean(&reason)));
        }
        // That a run is simulated stands above the verdict.
        for caveat in caveats(report).iter().filter(|caveat| caveat.kind != CaveatKind::Simulated) {
            self.line(Tone::Warning, &clean(&caveat.text));
        }
    }

    fn workloads(&mut self, report: &Report) {
        if report.workloads.is_empty() {
            return;
        }
        self.blank();
        if report.t0.is_none() {
            self.line(Tone::Plain, "The disaster was never declared: nothing was measured.");
        }
        let table = Table::of(report);
        self.out += &table.render(self.columns, self.style);
    }

    fn critical_path(&mut self, workload: &WorkloadReport) {
        if workload.critical_path.is_empty() {
            return;
        }
        let arrow = if self.style.unicode { " → " } else { " > " };
        let links: Vec<String> = workload
            .critical_path
            .iter()
            .map(|l| format!("{} {} ({:.0} %)", clean(&l.id), human_seconds(l.seconds), l.share * 100.0))
            .collect();
        self.heading(&format!("Critical path of {}", clean(&workload.name)));
        self.item(&links.join(arrow));
    }

    fn incomplete(&mut self, report: &Report) {
        for workload in report.workloads.iter().filter(|w| !w.recovered) {
            let mut lines = Vec::new();
            for missing in workload.missing_resources.iter().filter(|missing| !is_told(report, missing)) {
                lines.push(format!("- no step restored {}", clean(missing)));
            }
            for what in workload.incomplete.iter().filter(|what| !is_told(report, what)) {
                // A sentence in `incomplete` may repeat a missing resource.
                if !workload.missing_resources.iter().any(|missing| what.contains(missing.as_str())) {
                    lines.push(format!("- {}", clean(what)));
                }
            }
            if workload.missing_resources.is_empty() && workload.incomplete.is_empty() {
                lines.push("- the report does not say why".to_owned());
            }
            self.list(&format!("{} is not recovered", clean(&workload.name)), &lines);
        }
    }

    fn failures(&mut self, report: &Report) {
        let because =
            |because: &Option<String>| clean(because.as_deref().unwrap_or("no reason given")).into_owned();
        let mut lines = Vec::new();
        for step in &report.steps {
            let how = match step.status {
                StepStatus::Succeeded => continue,
                StepStatus::Failed => "failed",
                StepStatus::Skipped => "was skipped",
                StepStatus::NotRun => "was not run",
            };
            if is_told(report, step.because.as_deref().unwrap_or_default()) {
                continue;
            }
            lines.push(format!(
                "- step {} ({}) {how}: {}",
                clean(&step.id),
                clean(&step.uses),
                because(&step.because)
            ));
        }
        for check in &report.checks {
            let how = match check.status {
                CheckStatus::Healthy => continue,
                CheckStatus::Unhealthy => "never became healthy",
                CheckStatus::Unknown => "is unknown",
                CheckStatus::Skipped => "was skipped",
            };
            let reason = because(&check.because);
            let known = is_told(report, check.because.as_deref().unwrap_or_default());
            let seen = match &check.observed {
                Some(observed) if !observed.is_empty() && !reason.contains(clean(observed).as_ref()) => {
                    format!("; last seen: {}", clean(observed))
                }
                Some(_) | None => String::new(),
            };
            let (id, kind) = (clean(&check.id), clean(&check.kind));
            match (known, seen.strip_prefix("; ")) {
                (true, None) => {}
                (true, Some(seen)) => lines.push(format!("- check {id} ({kind}): {seen}")),
                (false, _) => lines.push(format!("- check {id} ({kind}) {how}: {reason}{seen}")),
            }
        }
        self.list("Steps and checks that did not succeed", &lines);
    }

    fn denied(&mut self, report: &Report) {
        let lines: Vec<String> = report
            .denied_calls
            .iter()
            .map(|d| {
                format!(
                    "- {} at {}, by {}: {}",
                    clean(&d.call),
                    clean(&d.locus),
                    clean(&d.step),
                    clean(&d.why)
                )
            })
            .collect();
        self.list("Denied: what is lost was asked for", &lines);
    }

    /// What restored machines looked up, but what AWS or the sandbox answers for.
    fn lookups(&mut self, report: &Report) {
        let Some(lookups) = report.lookups.as_ref().filter(|lookups| !lookups.is_empty()) else { return };
        let told = lookups.iter().filter(|one| !matches!(one.means, Means::Aws | Means::Sandbox));
        let mut lines = vec![lookups::sentence(lookups, report.lookups_unknown.is_some())];
        lines.extend(told.clone().take(MOST_NAMES).map(|one| {
            let times = if one.count == 1 { String::new() } else { format!(", {} times", one.count) };
            let (machine, name) = (clean(&one.machine), clean(&one.name));
            let means = lookups::means(one.means).word;
            format!("- {machine} asked for {name}{times}: {means}, {}", one.answer.name())
        }));
        let more = told.count().saturating_sub(MOST_NAMES);
        if more > 0 {
            lines.push(format!("and {more} more: see the report"));
        }
        self.list("What it tried to reach", &lines);
    }

    fn findings(&mut self, report: &Report) {
        let (high, other): (Vec<_>, Vec<_>) =
            report.findings.iter().partition(|f| f.severity == Severity::High);
        let mut lines: Vec<String> = high
            .iter()
            .map(|f| {
                format!("- {} ({}): {}; {}", clean(&f.resource), f.rule, clean(&f.message), clean(&f.fix))
            })
            .collect();
        if !other.is_empty() {
            lines.push(format!("{} of lower severity: see the report", count(other.len(), "finding")));
        }
        self.list(if high.is_empty() { "Findings" } else { "Findings of high severity" }, &lines);
    }

    fn list(&mut self, heading: &str, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        self.heading(heading);
        for line in lines {
            self.item(line);
        }
    }

    fn teardown(&mut self, report: &Report) {
        let teardown = &report.teardown;
        self.blank();
        let done = format!("Teardown: {} created, {} deleted", teardown.created, teardown.deleted);
        if let Some(until) = report.sandbox.kept_until {
            let until = until.format("%Y-%m-%d %H:%M:%SZ");
            self.line(Tone::Warning, &format!("{done}; the sandbox is kept until {until}."));
        } else if teardown.left_behind.is_empty() && teardown.created == 0 {
            self.line(Tone::Plain, "Teardown: nothing was created.");
        } else if teardown.left_behind.is_empty() && teardown.ran != TeardownRan::Whole {
            let text = format!("{done}; it did not come to its end, so nobody looked for more.");
            self.line(Tone::Warning, &text);
        } else if teardown.left_behind.is_empty() {
            self.line(Tone::Plain, &format!("{done}, nothing left behind."));
        } else {
            let text = match teardown.ran {
                TeardownRan::Whole => {
                    format!("{done}; LEFT BEHIND (`drillmaster abort` tries again; else remove by hand):")
                }
                TeardownRan::Partly => format!(
                    "Teardown DID NOT END: {} created, {} deleted. `drillmaster abort` goes on with it. What may still stand:",
                    teardown.created, teardown.deleted
                ),
                TeardownRan::Never => format!(
                    "Teardown NEVER RAN: {} created. `drillmaster resume` goes on with the drill, `drillmaster abort` tears it \
                     down. What may still stand:",
                    teardown.created
                ),
            };
            self.line(Tone::Bad, &text);
        }
        for resource in &teardown.left_behind {
            self.item(&format!("- {}", clean(resource)));
        }
    }
}
