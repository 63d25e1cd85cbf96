//! `drillmaster schedule next`

use std::path::PathBuf;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::configuration::{ConfigArg, load_or_complain};
use crate::cli::output::{complain, print_as, write_stderr};
use crate::ui::OutputMode;
use crate::ui::text::clean;
use ::schedule::Schedule;
use base::duration::Time;
use base::exit::Exit;
use playbook::Loaded;

/// Show when the drills of playbooks are due next
///
/// Times are those of the schedule's time zone and of UTC. A playbook without a schedule is told on
/// stderr; if none has one, the exit code is 2.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster schedule next playbook.yaml --count 4
  drillmaster schedule next drills/*.yaml --from 2026-01-31T08:00:00Z --output json")]
pub struct Args {
    /// The playbooks
    #[arg(value_name = "PLAYBOOK", required = true)]
    playbooks: Vec<PathBuf>,
    /// How many drills to show of each playbook
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1000))]
    count: usize,
    /// Show those after this time (RFC 3339); default: now
    #[arg(long, value_name = "TIME", value_parser = crate::cli::arguments::time)]
    from: Option<Time>,
    #[arg(long, value_enum, default_value_t)]
    output: OutputMode,
    #[command(flatten)]
    config: ConfigArg,
}

/// What `schedule next --output json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Schedules {
    schema: &'static str,
    from: Time,
    playbooks: Vec<Entry>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Entry {
    name: String,
    path: String,
    /// As the playbook says it. `null`: it says none.
    schedule: Option<Schedule>,
    /// The expression of five fields that it stands for.
    cron: Option<String>,
    timezone: Option<&'static str>,
    /// The expression in English.
    means: Option<String>,
    next: Vec<Occurrence>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Occurrence {
    due: Time,
    /// The same instant, with the distance from UTC at the place.
    local: String,
    /// The instant from which on it counts as missed.
    until: Option<Time>,
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(()) => Exit::Passed,
        Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<(), Exit> {
    let config = args.config.load_or_complain()?;
    let from = args.from.unwrap_or_else(Utc::now);
    let mut playbooks = Vec::new();
    for path in &args.playbooks {
        let loaded = load_or_complain(path, &[], &config)?;
        if loaded.playbook.schedule.is_none() {
            write_stderr(&format!("{} has no schedule: it is never due\n", clean(&loaded.playbook.name)));
        }
        playbooks.push(scheduled(&loaded, from, args.count));
    }
    if playbooks.iter().all(|playbook| playbook.schedule.is_none()) {
        complain("no playbook says when it is due: write `schedule: quarterly` into one");
        return Err(Exit::Wrong);
    }
    let all = Schedules { schema: "drillmaster/schedule/v1", from, playbooks };
    let text = match args.output {
        OutputMode::Json => serde_json::to_string_pretty(&all).map(|json| json + "\n").map_err(|error| {
            complain(&format!("the result cannot be written as JSON: {error}"));
            Exit::Error
        })?,
        OutputMode::Text => all.playbooks.iter().map(as_text).collect::<Vec<_>>().concat(),
    };
    print_as(&text, args.output.form())
}

fn scheduled(loaded: &Loaded, from: Time, count: usize) -> Entry {
    let schedule = loaded.playbook.schedule.clone();
    let due = |schedule: &Schedule| {
        let all = schedule.after(from).take(count);
        all.map(|due| Occurrence { due, local: local(due, schedule), until: schedule.closes(due) }).collect()
    };
    Entry {
        name: loaded.playbook.name.clone(),
        path: loaded.path.display().to_string(),
        cron: schedule.as_ref().map(|schedule| schedule.cron().to_owned()),
        timezone: schedule.as_ref().map(|schedule| schedule.zone().name()),
        means: schedule.as_ref().map(Schedule::describe),
        next: schedule.as_ref().map(due).unwrap_or_default(),
        schedule,
    }
}

fn local(due: Time, schedule: &Schedule) -> String {
    due.with_timezone(&schedule.zone()).to_rfc3339_opts(SecondsFormat::Secs, false)
}

fn as_text(of: &Entry) -> String {
    let name = clean(&of.name);
    let Some(schedule) = &of.schedule else { return format!("{name}: no schedule\n") };
    let (shortest, longest) = schedule.intervals();
    let apart = if shortest == longest {
        format!("every {shortest}")
    } else {
        format!("every {shortest} to {longest}")
    };
    let window = match schedule.window() {
        Some(window) => format!("may begin within {window}"),
        None => "may begin until the next one is due".to_owned(),
    };
    let mut text = format!("{name}: {schedule}, {apart}, {window}\n");
    for Occurrence { due, .. } in &of.next {
        let local = due.with_timezone(&schedule.zone());
        text += &format!("  {}   {}\n", local.format("%a %Y-%m-%d %H:%M %Z"), utc(*due));
    }
    text
}

fn utc(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
