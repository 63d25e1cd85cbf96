//! The current content of the live display: a header, and a line for each running step and check.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use chrono::TimeDelta;

use super::super::narrator::{Line, Mark, Narrator, losing, phase_name};
use super::super::text::{TextStyle, Tone, clean, clock, pad, since, width, wrap};
use base::duration::{Time, human_seconds, seconds_between};
use event::{Body, Event, RunStarted, WorkloadPlan};

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const SPINNER_ASCII: [&str; 4] = ["|", "/", "-", "\\"];

/// Rows for the header, the summary line and the lines that scroll up.
const RESERVED_ROWS: usize = 6;

pub struct Frame {
    style: TextStyle,
    /// The seconds of the run in one second of real time.
    speed: f64,
    began: Instant,
    narrator: Narrator,
    run: Option<Run>,
    t0: Option<Time>,
    phase: String,
    interrupted: bool,
    /// In the order of their start. Thousands may run at once.
    running: BTreeMap<u64, Running>,
    places: HashMap<String, u64>,
    next_place: u64,
    settled: Vec<Line>,
    /// The time that each workload is expected to take, in seconds.
    expected: BTreeMap<String, f64>,
    /// The time of the last event, in the run's time and in real time.
    last: Option<(Time, Instant)>,
}

struct Run {
    start: Time,
    simulated: bool,
    title: String,
    steps: Counts,
    checks: Counts,
    workloads: Vec<Workload>,
    /// The workload of each step and check.
    owners: HashMap<String, usize>,
}

struct Workload {
    name: String,
    /// `RTO 45m, RPO 5m`
    objectives: String,
    rto_s: Option<f64>,
    nodes: Counts,
    /// When the last of its steps and checks ended.
    ended_at: Option<Time>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    settled: usize,
    failed: usize,
}

struct Running {
    id: String,
    is_check: bool,
    uses: String,
    since: Time,
    /// The recovery point that it restores from.
    point: String,
    note: String,
    /// The time of the next attempt, while the step or check waits for it.
    retry_at: Option<Time>,
    done: Option<f64>,
}

impl Workload {
    fn new(plan: &WorkloadPlan, run: &RunStarted) -> Self {
        let objective = |name: &str, seconds: Option<f64>| {
            seconds.map(|seconds| format!("{name} {}", human_seconds(seconds)))
        };
        let objectives: Vec<String> =
            [objective("RTO", plan.rto_s), objective("RPO", plan.rpo_s)].into_iter().flatten().collect();
        let own = run.steps.iter().chain(&run.checks);
        let all = own.filter(|node| node.workload.as_deref() == Some(&plan.name)).count();
        Self {
            name: clean(&plan.name).into_owned(),
            objectives: if objectives.is_empty() { "no objective".into() } else { objectives.join(", ") },
            rto_s: plan.rto_s,
            nodes: Counts { all, ..Counts::default() },
            ended_at: None,
        }
    }
}

fn owners(run: &RunStarted) -> HashMap<String, usize> {
    let nodes = run.steps.iter().chain(&run.checks);
    nodes
        .filter_map(|node| {
            let owner = node.workload.as_deref()?;
            Some((node.id.clone(), run.workloads.iter().position(|w| w.name == owner)?))
        })
        .collect()
}

impl Frame {
    pub fn new(style: TextStyle, speed: f64) -> Self {
        Self {
            style,
            speed,
            began: Instant::now(),
            narrator: Narrator::default(),
            run: None,
            t0: None,
            phase: String::new(),
            interrupted: false,
            running: BTreeMap::new(),
            places: HashMap::new(),
            next_place: 0,
            settled: Vec::new(),
            expected: BTreeMap::new(),
            last: None,
        }
    }

    /// The time that each workload is expected to take, in seconds, by its name.
    pub fn expect(&mut self, expected: BTreeMap<String, f64>) {
        self.expected = expected;
    }

    pub fn take(&mut self, event: &Event) {
        self.last = Some((event.at, Instant::now()));
        if let Some(line) = self.narrator.tell(event)
            && line.settled
        {
            self.settled.push(line);
        }
        match &event.body {
            Body::RunStarted(run) => {
                let uses = |nodes: &[event::NodePlan]| Counts { all: nodes.len(), ..Counts::default() };
                self.run = Some(Run {
                    start: event.at,
                    simulated: run.on.is_simulated(),
                    title: format!(
                        "{}: losing {}, run {}",
                        clean(&run.playbook.name),
                        losing(run),
                        clean(&run.run_id)
                    ),
                    steps: uses(&run.steps),
                    checks: uses(&run.checks),
                    workloads: run.workloads.iter().map(|plan| Workload::new(plan, run)).collect(),
                    owners: owners(run),
                });
            }
            Body::PhaseStarted { phase } => self.phase = phase_name(*phase),
            Body::DisasterDeclared { t0 } => self.t0 = Some(*t0),
            Body::StepStarted { step, .. } => self.start(step, false, event.at),
            Body::CheckReady { check } => self.start(check, true, event.at),
            Body::StepSource { step, point, .. } => {
                if let Some(running) = self.running_mut(step) {
                    running.point = clean(&point.id).into_owned();
                }
            }
            Body::TaskAsked { step, .. } => self.note(step, "waits for a person".to_owned(), None),
            Body::Progress { id, text, done } => {
                // A resource whose deletion takes long has a row of its own, until it is gone.
                if self.narrator.uses(id).is_empty() && !self.places.contains_key(id) {
                    self.start(id, false, event.at);
                }
                let text = clean(text).into_owned();
                self.note(id, text, *done);
            }
            Body::Deleted { resource } | Body::DeleteFailed { resource, .. } => {
                self.end(&resource.to_string());
            }
            Body::CheckTried { check, observed, tries, .. } => {
                self.note(check, format!("try {tries}: {}", clean(observed)), None);
            }
            Body::StepRetry { step, attempt, error, next_at } => {
                if let Some(running) = self.running_mut(step) {
                    running.note = format!("attempt {attempt}: {}", clean(error));
                    running.retry_at = Some(*next_at);
                    running.done = None;
                }
            }
            Body::StepFailed { step, .. } => self.settle(step, false, true, event.at),
            Body::StepSucceeded { step, .. }
            | Body::StepSkipped { step, .. }
            | Body::StepNotRun { step, .. } => self.settle(step, false, false, event.at),
            Body::CheckHealthy { check, .. } | Body::CheckSkipped { check, .. } => {
                self.settle(check, true, false, event.at);
            }
            Body::CheckUnhealthy { check, .. } | Body::CheckUnknown { check, .. } => {
                self.settle(check, true, true, event.at);
            }
            Body::Interrupted { .. } => self.interrupted = true,
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
            | Body::Denied { .. }
            | Body::Finding(_)
            | Body::CheckRungs { .. }
            | Body::DeleteIntent { .. }
            | Body::Kept { .. }
            | Body::LeftBehind { .. }
            | Body::DataGone
            | Body::NetworkLeft { .. }
            | Body::Probed(_)
            | Body::LookedUp(_)
            | Body::Resumed { .. }
            | Body::Aborted { .. }
            | Body::RunFinished { .. } => {}
        }
    }

    fn start(&mut self, id: &str, is_check: bool, at: Time) {
        if let Some(running) = self.running_mut(id) {
            if running.retry_at.take().is_some() {
                running.note.clear();
            }
            return;
        }
        let running = Running {
            id: id.to_owned(),
            is_check,
            uses: self.narrator.uses(id),
            since: at,
            point: String::new(),
            note: String::new(),
            retry_at: None,
            done: None,
        };
        self.running.insert(self.next_place, running);
        self.places.insert(id.to_owned(), self.next_place);
        self.next_place += 1;
    }

    fn running_mut(&mut self, id: &str) -> Option<&mut Running> {
        self.running.get_mut(self.places.get(id)?)
    }

    fn note(&mut self, id: &str, note: String, done: Option<f64>) {
        if let Some(running) = self.running_mut(id) {
            running.note = note;
            running.done = done.or(running.done);
        }
    }

    fn end(&mut self, id: &str) {
        if let Some(place) = self.places.remove(id) {
            self.running.remove(&place);
        }
    }

    fn settle(&mut self, id: &str, is_check: bool, failed: bool, at: Time) {
        self.end(id);
        if let Some(run) = &mut self.run {
            let counts = if is_check { &mut run.checks } else { &mut run.steps };
            counts.settled += 1;
            counts.failed += usize::from(failed);
            if let Some(workload) = run.owners.get(id).and_then(|owner| run.workloads.get_mut(*owner)) {
                workload.nodes.settled += 1;
                workload.nodes.failed += usize::from(failed);
                if workload.nodes.settled == workload.nodes.all {
                    workload.ended_at = Some(at);
                }
            }
        }
    }

    /// Returns the lines of everything that finished since the last call. Each line has at most
    /// `columns` columns.
    pub fn take_settled(&mut self, columns: usize) -> Vec<String> {
        let room = columns.saturating_sub(1).max(20);
        let mut out = Vec::new();
        for line in std::mem::take(&mut self.settled) {
            let symbol = line.mark.symbol(self.style.unicode);
            let colon = if line.text.is_empty() { "" } else { ": " };
            let text = format!("{}{colon}{}", line.subject, line.text);
            let time = pad(&line.time, 10);
            let indent = time.len() + 3;
            for (n, part) in wrap(&text, room.saturating_sub(indent), 2).into_iter().enumerate() {
                if n > 0 {
                    out.push(format!("{}{part}", " ".repeat(indent)));
                    continue;
                }
                let part = if line.mark == Mark::Failed { self.style.paint(Tone::Bad, &part) } else { part };
                out.push(format!("{time} {} {part}", self.style.paint(line.mark.tone(), symbol)));
            }
        }
        out
    }

    /// Returns the current time of the run: the time of the last event plus the time passed since
    /// then.
    fn now(&self) -> Option<Time> {
        let (at, when) = self.last?;
        let passed = when.elapsed().as_secs_f64() * self.speed;
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        let passed = TimeDelta::milliseconds((passed * 1000.0) as i64);
        at.checked_add_signed(passed).or(Some(at))
    }

    pub fn draw(&self, columns: usize, rows: usize) -> String {
        let (Some(run), Some(now)) = (&self.run, self.now()) else { return String::new() };
        let room = columns.saturating_sub(1).max(10);
        let mut lines = vec![self.title(run, room), self.status(run, now, room)];
        // Running work comes first where there is little room.
        let fits = rows.saturating_sub(RESERVED_ROWS).max(1);
        let workloads = run.workloads.len().min(fits.saturating_sub(self.running.len()));
        let name_width =
            run.workloads.iter().take(workloads).map(|w| width(&w.name)).max().unwrap_or(0).min(room / 2);
        lines.extend(run.workloads.iter().take(workloads).map(|w| self.workload(w, name_width, now, room)));
        let fits = fits.saturating_sub(workloads).max(1);
        let id_width =
            self.running.values().take(fits).map(|r| width(&clean(&r.id))).max().unwrap_or(0).min(room / 2);
        lines.extend(self.running.values().take(fits).map(|r| self.row(r, id_width, now, room)));
        if let Some(more) = self.running.len().checked_sub(fits).filter(|more| *more > 0) {
            let more = format!("  {} and {more} more running", self.style.ellipsis());
            lines.push(self.style.paint(Tone::Quiet, &self.style.truncate(&more, room)));
        }
        lines.truncate(rows.saturating_sub(1).max(1));
        lines.join("\n")
    }

    fn title(&self, run: &Run, room: usize) -> String {
        let simulated = if run.simulated { "SIMULATED " } else { "" };
        let title = self.style.truncate(&run.title, room.saturating_sub(simulated.len()));
        let simulated = self.style.paint(Tone::Warning, simulated);
        format!("{simulated}{}", self.style.paint(Tone::Strong, &title))
    }

    fn status(&self, run: &Run, now: Time, room: usize) -> String {
        let mut parts = vec![since(run.start, self.t0, now), self.phase.clone()];
        for (name, counts) in [("steps", &run.steps), ("checks", &run.checks)] {
            let failed =
                if counts.failed > 0 { format!(" ({} failed)", counts.failed) } else { String::new() };
            parts.push(format!("{name} {}/{}{failed}", counts.settled, counts.all));
        }
        parts.push(format!("{} running", self.running.len()));
        if self.interrupted {
            parts.push("INTERRUPTED: tearing down".into());
        }
        parts.retain(|part| !part.is_empty());
        self.style.truncate(&parts.join("  "), room).into_owned()
    }

    /// A workload with its objectives, and with the time that it is expected to take.
    fn workload(&self, workload: &Workload, name_width: usize, now: Time, room: usize) -> String {
        let name = pad(&self.style.shorten(&workload.name, name_width), name_width);
        let mut parts = vec![name, workload.objectives.clone()];
        if let Some(expected) = self.expected.get(&workload.name) {
            parts.push(format!("expected {}", human_seconds(*expected)));
        }
        let Counts { all, settled, failed } = workload.nodes;
        let failures = if failed > 0 { format!(" ({failed} failed)") } else { String::new() };
        parts.push(format!("{settled}/{all} ended{failures}"));
        let passed = self.t0.map(|t0| seconds_between(t0, workload.ended_at.unwrap_or(now)));
        let late = passed.zip(workload.rto_s).is_some_and(|(passed, rto)| passed > rto);
        if late {
            parts.push("past its RTO".to_owned());
        }
        let text = self.style.truncate(&parts.join("  "), room.saturating_sub(2)).into_owned();
        let tone = if late || failed > 0 { Tone::Bad } else { Tone::Plain };
        format!("  {}", self.style.paint(tone, &text))
    }

    fn row(&self, running: &Running, id_width: usize, now: Time, room: usize) -> String {
        let id = clean(&running.id);
        let id = pad(&self.style.shorten(&id, id_width), id_width);
        let kind = if running.is_check { "check " } else { "" };
        let elapsed = clock(seconds_between(running.since, now));
        let from = if running.point.is_empty() { String::new() } else { format!(" from {}", running.point) };
        let mut text = format!("{id}  {kind}{}{from}  {elapsed}", running.uses);
        if let Some(at) = running.retry_at {
            text += &format!("  again in {}:", clock(seconds_between(now, at)));
        } else if let Some(done) = running.done {
            text += &format!("  {:.0} %", (done * 100.0).clamp(0.0, 100.0));
        }
        if !running.note.is_empty() {
            text += &format!("  {}", running.note);
        }
        let symbol = if running.retry_at.is_some() {
            self.style.paint(Tone::Warning, Mark::Retrying.symbol(self.style.unicode))
        } else {
            self.spinner().to_owned()
        };
        format!("{symbol} {}", self.style.truncate(&text, room.saturating_sub(2)))
    }

    fn spinner(&self) -> &'static str {
        let frames: &[&'static str] = if self.style.unicode { &SPINNER } else { &SPINNER_ASCII };
        // At full pace a rehearsal is over at once, so the spinner stands still.
        let turn = if self.speed > 0.0 { self.began.elapsed().as_millis() / 100 } else { 0 };
        let turn = usize::try_from(turn % frames.len() as u128).unwrap_or(0);
        frames.get(turn).copied().unwrap_or("-")
    }
}
