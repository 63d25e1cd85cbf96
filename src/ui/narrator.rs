//! Describes events in words, for a terminal and for a log alike.

use indexmap::IndexMap;

use super::text::{Tone, clean, count, since};
use base::duration::{Time, human_seconds, seconds_between};
use base::ids::AzId;
use base::on::On;
use base::severity::Severity;
use estate::RecoveryPoint;
use estate::point::WorstCase;
use event::forecast::WorkloadForecast;
use event::{Body, Event, Forecast, Phase, Probed, RunStarted, Stage};
use port::{Finding, ResourceRef};

/// The kind of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Info,
    Started,
    Waiting,
    Retrying,
    Done,
    Failed,
    Skipped,
    Warning,
}

impl Mark {
    /// The word for logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Started => "started",
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
            Self::Done => "done",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
        }
    }

    /// The symbol for terminals.
    pub fn symbol(self, unicode: bool) -> &'static str {
        match (self, unicode) {
            (Self::Info | Self::Started | Self::Waiting, true) => "·",
            (Self::Info | Self::Started | Self::Waiting, false) => ".",
            (Self::Retrying, true) => "↻",
            (Self::Retrying, false) => "r",
            (Self::Done, true) => "✓",
            (Self::Done, false) => "+",
            (Self::Failed, true) => "✗",
            (Self::Failed, false) => "x",
            (Self::Skipped, true) => "–",
            (Self::Skipped, false) => "-",
            (Self::Warning, _) => "!",
        }
    }

    pub fn tone(self) -> Tone {
        match self {
            Self::Info | Self::Started | Self::Waiting => Tone::Plain,
            Self::Done => Tone::Good,
            Self::Failed => Tone::Bad,
            Self::Skipped => Tone::Quiet,
            Self::Retrying | Self::Warning => Tone::Warning,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The time since T0 or since the start.
    pub time: String,
    pub mark: Mark,
    /// For example `step db` or `phase recover`. Safe to print.
    pub subject: String,
    /// Safe to print.
    pub text: String,
    /// A live display prints this line too. It shows running work by itself.
    pub settled: bool,
}

/// Turns events into lines. Remembers earlier events.
#[derive(Debug, Default)]
pub struct Narrator {
    start: Option<Time>,
    t0: Option<Time>,
    uses: IndexMap<String, String>,
    /// The start of a step's first attempt, or the time at which a check was ready.
    since: IndexMap<String, Time>,
    phase: Option<(Phase, Time)>,
}

impl Narrator {
    /// Returns the time column of an event at `at`.
    pub fn time(&self, at: Time) -> String {
        since(self.start.unwrap_or(at), self.t0, at)
    }

    /// Returns a step's action or a check's kind. Safe to print.
    pub fn uses(&self, id: &str) -> String {
        self.uses.get(id).map(|uses| clean(uses).into_owned()).unwrap_or_default()
    }

    fn took(&self, id: &str, at: Time) -> String {
        match self.since.get(id) {
            Some(start) => format!("in {}", human_seconds(seconds_between(*start, at))),
            None => "at once".into(),
        }
    }

    fn step(&self, id: &str) -> String {
        match self.uses.get(id) {
            Some(uses) => format!("step {} ({})", clean(id), clean(uses)),
            None => format!("step {}", clean(id)),
        }
    }

    fn check(&self, id: &str) -> String {
        match self.uses.get(id) {
            Some(uses) => format!("check {} ({})", clean(id), clean(uses)),
            None => format!("check {}", clean(id)),
        }
    }

    /// Returns the line of an event. `None` for events that a person does not need. The journal has
    /// all events.
    pub fn tell(&mut self, event: &Event) -> Option<Line> {
        self.learn(event);
        let (mark, subject, text, settled) = self.words(event)?;
        Some(Line { time: self.time(event.at), mark, subject, text, settled })
    }

    pub fn learn(&mut self, event: &Event) {
        match &event.body {
            Body::RunStarted(run) => {
                self.start = Some(event.at);
                let nodes = run.steps.iter().chain(&run.checks);
                self.uses = nodes.map(|node| (node.id.clone(), node.uses.clone())).collect();
            }
            Body::PhaseStarted { phase } => self.phase = Some((*phase, event.at)),
            Body::DisasterDeclared { t0 } => self.t0 = Some(*t0),
            Body::StepStarted { step: id, .. } | Body::CheckReady { check: id } => {
                self.since.entry(id.clone()).or_insert(event.at);
            }
            Body::PhaseFinished { .. }
            | Body::Intent { .. }
            | Body::Created { .. }
            | Body::NotCreated { .. }
            | Body::Discarded { .. }
            | Body::SandboxReady { .. }
            | Body::Isolation { .. }
            | Body::Surveyed { .. }
            | Body::Forecast(_)
            | Body::Identified(_)
            | Body::PointSeen { .. }
            | Body::StepSource { .. }
            | Body::TaskAsked { .. }
            | Body::Progress { .. }
            | Body::StepRetry { .. }
            | Body::StepSucceeded { .. }
            | Body::StepFailed { .. }
            | Body::StepSkipped { .. }
            | Body::StepNotRun { .. }
            | Body::CheckTried { .. }
            | Body::CheckRungs { .. }
            | Body::CheckHealthy { .. }
            | Body::CheckUnhealthy { .. }
            | Body::CheckUnknown { .. }
            | Body::CheckSkipped { .. }
            | Body::Denied { .. }
            | Body::Finding(_)
            | Body::DeleteIntent { .. }
            | Body::Deleted { .. }
            | Body::DeleteFailed { .. }
            | Body::Kept { .. }
            | Body::LeftBehind { .. }
            | Body::DataGone
            | Body::NetworkLeft { .. }
            | Body::Probed(_)
            | Body::LookedUp(_)
            | Body::Interrupted { .. }
            | Body::Resumed { .. }
            | Body::Aborted { .. }
            | Body::RunFinished { .. } => {}
        }
    }

    fn words(&self, event: &Event) -> Option<(Mark, String, String, bool)> {
        let at = event.at;
        Some(match &event.body {
            Body::RunStarted(run) => (Mark::Info, format!("run {}", clean(&run.run_id)), opening(run), true),
            Body::PhaseStarted { phase } => (Mark::Started, phase_name(*phase), String::new(), false),
            Body::PhaseFinished { phase } => {
                let took = match self.phase {
                    Some((running, start)) if running == *phase => {
                        format!("in {}", human_seconds(seconds_between(start, at)))
                    }
                    Some(_) | None => String::new(),
                };
                (Mark::Done, phase_name(*phase), took, true)
            }
            Body::Created { by, resources, .. } => {
                if resources.is_empty() {
                    return None;
                }
                (Mark::Info, format!("created by {}", clean(by)), names(resources), false)
            }
            Body::SandboxReady { azs, .. } => {
                let where_ = if azs.is_empty() {
                    String::new()
                } else {
                    format!(" in {}", azs.iter().map(AzId::as_str).collect::<Vec<_>>().join(", "))
                };
                (Mark::Done, "sandbox".into(), format!("ready{where_}"), true)
            }
            Body::Isolation { stage, exposures, unknown } => isolation(*stage, exposures, unknown)?,
            Body::Identified(who) => (
                Mark::Info,
                "identity".into(),
                format!("{}, in account {} ({})", clean(&who.arn), who.account, who.purpose.word()),
                false,
            ),
            Body::Forecast(forecast) => (Mark::Info, "forecast".into(), expected(forecast), true),
            Body::DisasterDeclared { t0 } => (
                Mark::Warning,
                "disaster".into(),
                format!(
                    "declared at {}; what is lost is out of reach from here on",
                    t0.format("%Y-%m-%d %H:%M:%SZ")
                ),
                true,
            ),
            Body::PointSeen { point, why_not: Some(why), asked_by, .. } if !asked_by.is_empty() => (
                Mark::Info,
                format!("recovery point {}", clean(&point.id)),
                format!("not for {}: {}", clean(asked_by), clean(why)),
                false,
            ),
            // The outcome of a request has its own line. The error of `NotCreated` stands in the
            // retry or the failure of its step.
            Body::PointSeen { .. }
            | Body::Surveyed { .. }
            | Body::Intent { .. }
            | Body::NotCreated { .. }
            | Body::Discarded { .. }
            | Body::DeleteIntent { .. } => return None,
            Body::StepStarted { step, attempt: 1 } => (Mark::Started, self.step(step), String::new(), false),
            Body::StepStarted { step, attempt } => {
                (Mark::Started, self.step(step), format!("attempt {attempt}"), false)
            }
            Body::StepSource { step, point, worst_case, .. } => {
                (Mark::Info, self.step(step), self.source(point, worst_case), false)
            }
            Body::TaskAsked { step, instructions } => {
                (Mark::Warning, self.step(step), format!("waits for a person: {}", clean(instructions)), true)
            }
            Body::Progress { id, text, done } => {
                let done =
                    done.map(|d| format!(" ({:.0} %)", (d * 100.0).clamp(0.0, 100.0))).unwrap_or_default();
                (Mark::Waiting, clean(id).into_owned(), format!("{}{done}", clean(text)), false)
            }
            Body::StepRetry { step, attempt, error, next_at } => (
                Mark::Retrying,
                self.step(step),
                format!("attempt {attempt} failed, again at {}: {}", self.time(*next_at), clean(error)),
                true,
            ),
            Body::StepSucceeded { step, .. } => (Mark::Done, self.step(step), self.took(step, at), true),
            Body::StepFailed { step, because, tolerated } => {
                let tolerated = if *tolerated { " (tolerated: continue_on_error)" } else { "" };
                let text = format!("{}: {}{tolerated}", self.took(step, at), clean(because));
                (Mark::Failed, self.step(step), text, true)
            }
            Body::StepSkipped { step, because } => {
                (Mark::Skipped, self.step(step), clean(because).into_owned(), true)
            }
            Body::StepNotRun { step, because, .. } => {
                (Mark::Skipped, self.step(step), format!("not run: {}", clean(because)), true)
            }
            Body::CheckReady { check } => (Mark::Started, self.check(check), String::new(), false),
            Body::CheckTried { check, healthy, observed, tries, unknown } => {
                let state = match (healthy, unknown) {
                    (true, _) => "healthy, has to hold",
                    (false, true) => "not known yet",
                    (false, false) => "not healthy yet",
                };
                (
                    Mark::Waiting,
                    self.check(check),
                    format!("try {tries}, {state}: {}", clean(observed)),
                    false,
                )
            }
            Body::CheckRungs { check, rungs, .. } => {
                let told = rungs.iter().map(|rung| format!("{} {}", rung.name, rung.health));
                let told = told.collect::<Vec<_>>().join(", ");
                (Mark::Info, self.check(check), clean(&told).into_owned(), false)
            }
            Body::CheckHealthy { check, healthy_at, observed, .. } => (
                Mark::Done,
                self.check(check),
                format!("healthy at {}: {}", self.time(*healthy_at), clean(observed)),
                true,
            ),
            Body::CheckUnhealthy { check, because, observed, tries }
            | Body::CheckUnknown { check, because, observed, tries } => {
                // The reason often quotes the observation.
                let seen = if observed.is_empty() || because.contains(observed.as_str()) {
                    String::new()
                } else {
                    format!("; last seen: {}", clean(observed))
                };
                (
                    Mark::Failed,
                    self.check(check),
                    format!(
                        "after {tries} {}: {}{seen}",
                        if *tries == 1 { "try" } else { "tries" },
                        clean(because)
                    ),
                    true,
                )
            }
            Body::CheckSkipped { check, because } => {
                (Mark::Skipped, self.check(check), clean(because).into_owned(), true)
            }
            Body::Denied { call, locus, step, why } => (
                Mark::Warning,
                format!("denied {}", clean(call)),
                format!("step {} at {}: {}", clean(step), clean(locus), clean(why)),
                true,
            ),
            Body::Finding(Finding { rule, severity, resource, message, fix: _ }) => (
                if *severity == Severity::High { Mark::Warning } else { Mark::Info },
                format!("finding {rule}"),
                format!("{severity}: {}: {}", clean(resource), clean(message)),
                *severity == Severity::High,
            ),
            Body::Deleted { resource } => (Mark::Info, "deleted".into(), name(resource), false),
            Body::DeleteFailed { resource, error } => {
                (Mark::Warning, "not deleted".into(), format!("{}: {}", name(resource), clean(error)), true)
            }
            Body::Kept { resources, until } => (
                Mark::Warning,
                "kept".into(),
                format!("until {}: {}", until.format("%Y-%m-%d %H:%M:%SZ"), names(resources)),
                true,
            ),
            Body::LeftBehind { resources, places: 0 } if resources.is_empty() => (
                Mark::Done,
                "teardown".into(),
                "nothing was created, and nothing had to be removed".into(),
                true,
            ),
            Body::LeftBehind { resources, .. } if resources.is_empty() => {
                (Mark::Done, "teardown".into(), "looked again: nothing is left behind".into(), true)
            }
            Body::LeftBehind { resources, .. } => (
                Mark::Failed,
                "left behind".into(),
                format!(
                    "`drillmaster abort` tries again; else remove by hand: {}",
                    clean(&resources.join(", "))
                ),
                true,
            ),
            Body::DataGone => (
                Mark::Done,
                "teardown".into(),
                "looked again: all that holds data or costs money is gone; AWS Lambda still keeps its interfaces in the empty network".into(),
                true,
            ),
            Body::NetworkLeft { resources } => (
                Mark::Info,
                "network left".into(),
                format!("`drillmaster abort` removes it once Lambda lets it go: {}", names(resources)),
                true,
            ),
            Body::Probed(Probed { invocations, unanswered, .. }) => {
                let how = if *unanswered == 0 { String::new() } else { format!(", {unanswered} without an answer") };
                (Mark::Info, "probe".into(), format!("invoked {invocations} times{how}"), false)
            }
            Body::LookedUp(found) => (
                if found.unknown.is_some() { Mark::Warning } else { Mark::Info },
                "looked up".into(),
                match &found.unknown {
                    Some(why) => format!("{}; {}", count(found.lookups.len(), "name"), clean(why)),
                    None => format!("{} by restored machines", count(found.lookups.len(), "name")),
                },
                true,
            ),
            Body::Interrupted { by } => (
                Mark::Warning,
                "interrupted".into(),
                format!("by {}: no more steps are started, the sandbox is torn down", clean(by)),
                true,
            ),
            Body::Resumed { by, gap_s } => (
                Mark::Warning,
                "run".into(),
                format!("goes on ({}), {} after its last record", clean(by), human_seconds(*gap_s)),
                true,
            ),
            Body::Aborted { error, help, mistake: _ } => {
                let help = help.as_ref().map(|help| format!(" (help: {})", clean(help))).unwrap_or_default();
                (
                    Mark::Failed,
                    "drill".into(),
                    format!("could not be carried out: {}{help}", clean(error)),
                    true,
                )
            }
            Body::RunFinished { .. } => (Mark::Info, "run".into(), "finished".into(), false),
        })
    }

    fn source(&self, point: &RecoveryPoint, worst_case: &WorstCase) -> String {
        let age = match (point.taken, self.t0) {
            (Some(taken), Some(t0)) => format!("{} old at T0", human_seconds(seconds_between(taken, t0))),
            (Some(taken), None) => format!("taken {}", taken.format("%Y-%m-%d %H:%M:%SZ")),
            (None, _) => "its age is unknown".into(),
        };
        let worst = match (worst_case.seconds, worst_case.at_least) {
            (Some(s), _) => format!(", worst case {}", human_seconds(s)),
            (None, Some(s)) => format!(", worst case at least {}", human_seconds(s)),
            (None, None) => String::new(),
        };
        let over = match (worst_case.points, worst_case.span) {
            (points @ 1.., Some(span)) if !worst.is_empty() => {
                format!(" over {} in {}", count(points, "point"), human_seconds(span))
            }
            _ => String::new(),
        };
        let worst = worst + &over;
        format!("from recovery point {}, {age}{worst}", clean(&point.id))
    }
}

fn opening(run: &RunStarted) -> String {
    let on = match run.on {
        On::Twin => "the twin (SIMULATED)",
        On::Aws => On::Aws.word(),
    };
    format!(
        "{} on {on}, losing {}: {}, {}; {} lost",
        clean(&run.playbook.name),
        losing(run),
        count(run.steps.len(), "step"),
        count(run.checks.len(), "check"),
        count(run.lost.len(), "resource"),
    )
}

/// Returns the lost resources, such as `region us-east-1`.
pub fn losing(run: &RunStarted) -> String {
    let (key, name) = run.lose.key_and_name();
    format!("{key} {}", clean(name))
}

/// Workloads whose forecast is told. The report has all.
const FORECAST: usize = 3;

/// Returns what a model says of the recovery.
fn expected(forecast: &Forecast) -> String {
    if let Some(because) = &forecast.because {
        return format!("none: {}", clean(because));
    }
    let figure = |seconds: Option<f64>| match seconds {
        Some(seconds) => format!("up to {}", human_seconds(seconds.round())),
        None => "without end".into(),
    };
    let told = |workload: &WorkloadForecast| {
        let name = clean(&workload.name);
        let Some(rto) = &workload.rto else {
            return format!("{name} unknown: {}", clean(workload.because.as_deref().unwrap_or_default()));
        };
        // Nearly all never reads as all.
        let met = rto.p_met.map(|met| format!(", the objective met in {} %", (met * 1000.0).floor() / 10.0));
        let (half, most) = (figure(rto.p50_s), figure(rto.p90_s));
        format!("{name} {half} in half of the recoveries, {most} in 90 %{}", met.unwrap_or_default())
    };
    let mut parts: Vec<String> = forecast.workloads.iter().take(FORECAST).map(told).collect();
    if let Some(more) = forecast.workloads.len().checked_sub(FORECAST).filter(|more| *more > 0) {
        parts.push(format!("and {}", count(more, "more workload")));
    }
    format!("by a model, not measured: {}", parts.join("; "))
}

/// Returns the line of an isolation scan. `None` while steps run, if the sandbox is as closed as
/// before.
fn isolation(stage: Stage, open: &[Finding], unknown: &[Finding]) -> Option<(Mark, String, String, bool)> {
    let list = |found: &[&Finding]| {
        let said = found.iter().map(|f| format!("{}: {}", clean(&f.resource), clean(&f.message)));
        said.collect::<Vec<_>>().join("; ")
    };
    let (high, low): (Vec<_>, Vec<_>) = open.iter().partition(|found| found.severity == Severity::High);
    let (mark, text) = if !high.is_empty() {
        (Mark::Failed, format!("the sandbox is open: {}", list(&high)))
    } else if !unknown.is_empty() {
        let mark = if stage == Stage::AfterT0 { Mark::Warning } else { Mark::Failed };
        (
            mark,
            format!("the sandbox is not known to be closed: {}", list(&unknown.iter().collect::<Vec<_>>())),
        )
    } else if stage == Stage::AfterT0 {
        return None;
    } else if low.is_empty() {
        (Mark::Done, "verified: the sandbox is closed".into())
    } else {
        (Mark::Done, format!("verified: the sandbox is closed; worth a look: {}", list(&low)))
    };
    Some((mark, "isolation".into(), text, true))
}

pub fn phase_name(phase: Phase) -> String {
    let name = match phase {
        Phase::Preflight => "preflight",
        Phase::Prepare => "prepare",
        Phase::Recover => "recover",
        Phase::Teardown => "teardown",
    };
    format!("phase {name}")
}

fn names(resources: &[ResourceRef]) -> String {
    resources.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Returns the name of a resource, such as `db instance orders`.
fn name(resource: &ResourceRef) -> String {
    format!("{} {}", resource.kind.words(), clean(&resource.id))
}
