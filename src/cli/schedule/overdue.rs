//! `drillmaster schedule overdue`

use std::path::PathBuf;

use chrono::Utc;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::configuration::load_or_complain;
use crate::cli::history::{Place, date, notes};
use crate::cli::output::complain;
use crate::cli::sheet::{Cell, Output, Sheet};
use crate::ui::text::{Tone, count};
use ::schedule::Schedule;
use base::duration::Time;
use base::exit::Exit;
use base::on::On;
use history::Entry;

/// Say which drills are overdue
///
/// A drill is overdue if no run of it passed since the last time that it was due and its window closed. A
/// real run counts, and not one on the twin, unless --on says otherwise. Exit codes: 0 none is overdue; 1
/// some are, with their names; 2 the command line or a playbook is wrong, or no playbook has a schedule; 3
/// the store cannot be read.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster schedule overdue playbook.yaml
  drillmaster schedule overdue drills/*.yaml --store s3://acme-drills/dr --output json")]
pub struct Args {
    /// The playbooks
    #[arg(value_name = "PLAYBOOK", required = true)]
    playbooks: Vec<PathBuf>,
    /// Whose runs count
    #[arg(long, value_parser = crate::cli::on(), default_value_t = On::Aws)]
    on: On,
    /// Say it of this time (RFC 3339); default: now
    #[arg(long, value_name = "TIME", value_parser = crate::cli::arguments::time)]
    at: Option<Time>,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    from: Place,
}

/// What `--output json` prints.
#[derive(Serialize, JsonSchema)]
pub struct Overdue {
    schema: &'static str,
    store: String,
    at: Time,
    playbooks: Vec<Drill>,
}

#[derive(Serialize, JsonSchema)]
struct Drill {
    name: String,
    path: String,
    /// As the playbook says it.
    schedule: Schedule,
    overdue: bool,
    /// The last run that passed.
    last_passed: Option<Time>,
    last_passed_run: Option<String>,
    /// The first time that it was due since then, and missed.
    missed: Option<Time>,
    /// When it is due next.
    next: Option<Time>,
}

pub fn run(args: &Args) -> Exit {
    carry_out(args).unwrap_or_else(|code| code)
}

fn carry_out(args: &Args) -> Result<Exit, Exit> {
    let config = args.from.config()?;
    let mut scheduled = Vec::new();
    for path in &args.playbooks {
        let loaded = load_or_complain(path, &[], &config)?;
        if let Some(schedule) = loaded.playbook.schedule {
            scheduled.push((loaded.playbook.name, loaded.path.display().to_string(), schedule));
        }
    }
    if scheduled.is_empty() {
        complain("no playbook says when it is due: write `schedule: quarterly` into one");
        return Err(Exit::Wrong);
    }
    let (store, history) = args.from.history()?;
    let at = args.at.unwrap_or_else(Utc::now);
    let drills = scheduled.into_iter().map(|(name, path, schedule)| {
        let passed = history.last_passed(&name, args.on, at);
        drill(name, path, schedule, passed, at)
    });
    let printed =
        Overdue { schema: "drillmaster/overdue/v1", store: store.place(), at, playbooks: drills.collect() };
    let overdue = printed.playbooks.iter().filter(|drill| drill.overdue).count();
    let mut sheet = sheet(&printed.playbooks, overdue, args.on);
    sheet.notes = notes(&history);
    sheet.print(args.output, &printed)?;
    Ok(if overdue > 0 { Exit::Failed } else { Exit::Passed })
}

/// What is due of these playbooks: name, path, schedule.
pub fn overdue_sheet(
    playbooks: Vec<(String, String, Schedule)>,
    on: On,
    history: &history::History,
) -> Sheet {
    let at = Utc::now();
    let drills = playbooks.into_iter().map(|(name, path, schedule)| {
        let passed = history.last_passed(&name, on, at);
        drill(name, path, schedule, passed, at)
    });
    let drills: Vec<Drill> = drills.collect();
    let overdue = drills.iter().filter(|drill| drill.overdue).count();
    sheet(&drills, overdue, on)
}

fn drill(name: String, path: String, schedule: Schedule, passed: Option<&Entry>, at: Time) -> Drill {
    let held = passed.map(Entry::at);
    let missed = held.and_then(|held| schedule.missed(held, at).next());
    let next = schedule.after(at).next();
    Drill {
        name,
        path,
        overdue: held.is_none() || missed.is_some(),
        last_passed: held,
        last_passed_run: passed.map(|run| run.run_id.clone()),
        missed,
        next,
        schedule,
    }
}

fn sheet(drills: &[Drill], overdue: usize, on: On) -> Sheet {
    let told = |at: Option<Time>| at.map_or_else(|| "never".to_owned(), date);
    let rows = drills.iter().map(|drill| {
        let (word, tone) = if drill.overdue { ("OVERDUE", Tone::Bad) } else { ("in time", Tone::Good) };
        vec![
            Cell::new(&drill.name),
            Cell::of(tone, word),
            Cell::new(told(drill.last_passed)),
            Cell::new(drill.missed.map_or_else(|| "-".to_owned(), date)),
            Cell::new(told(drill.next)),
            Cell::of(Tone::Quiet, drill.schedule.to_string()),
        ]
    });
    Sheet {
        title: format!("Drills that are due on {on}"),
        sentence: match overdue {
            0 => format!("{} in time", count(drills.len(), "drill")),
            _ => format!("{overdue} of {} overdue", count(drills.len(), "drill")),
        },
        good: Some(overdue == 0),
        columns: vec!["drill", "", "last passed", "missed", "next", "schedule"],
        rows: rows.collect(),
        none: "No playbook has a schedule.",
        ..Sheet::default()
    }
}
