//! `drillmaster schedule overdue`

use std::path::PathBuf;

use chrono::Utc;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::history::{LeftOut, Place, date, judged, load_all, notes};
use crate::cli::output::complain;
use crate::cli::sheet::{Cell, Output, Sheet};
use crate::ui::text::{Tone, count};
use ::schedule::Schedule;
use base::duration::Time;
use base::exit::Exit;
use base::on::On;
use history::{Entry, History, Store};
use playbook::Loaded;

/// Say which drills are overdue
///
/// A drill is overdue if no run of it passed since the last time that it was due and its window closed. A
/// real run counts, and not one on the twin, unless --on says otherwise. Exit codes: 0 none is overdue; 1
/// some are, with their names; 2 the command line or a playbook is wrong, or no playbook has a schedule; 3
/// the store or a run of it cannot be read.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster schedule overdue playbook.yaml
  drillmaster schedule overdue drills/*.yaml --store s3://acme-recovery/runs --output json")]
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
    #[serde(flatten)]
    left_out: LeftOut,
}

#[derive(Serialize, JsonSchema)]
pub struct Drill {
    pub name: String,
    path: String,
    /// As the playbook says it. `null`: it is never due.
    schedule: Option<Schedule>,
    pub overdue: bool,
    /// The last run that passed.
    pub last_passed: Option<Time>,
    last_passed_run: Option<String>,
    /// Whether that run was of the playbook as it is now, to the letter.
    is_of_this_playbook: Option<bool>,
    /// The first time that it was due since then, and missed.
    missed: Option<Time>,
    /// When it is due next.
    pub next: Option<Time>,
}

pub fn run(args: &Args) -> Exit {
    carry_out(args).unwrap_or_else(|code| code)
}

fn carry_out(args: &Args) -> Result<Exit, Exit> {
    let config = args.from.config()?;
    let playbooks = load_all(&args.playbooks, &config)?;
    if playbooks.iter().all(|loaded| loaded.playbook.schedule.is_none()) {
        complain("no playbook says when it is due: write `schedule: quarterly` into one");
        return Err(Exit::Wrong);
    }
    let (store, mut history) = args.from.history(&config)?;
    let at = args.at.unwrap_or_else(Utc::now);
    let asked: Vec<Asked> = playbooks.iter().map(Asked::of).collect();
    let drills = due(&asked, args.on, &store, &mut history, at);
    let printed = Overdue {
        schema: "drillmaster/overdue/v1",
        store: store.place(),
        at,
        playbooks: drills,
        left_out: LeftOut::of(&history),
    };
    let overdue = printed.playbooks.iter().filter(|drill| drill.overdue).count();
    let mut sheet = sheet(&printed.playbooks, overdue, args.on);
    sheet.notes = notes(&history);
    sheet.print(args.output, &printed)?;
    Ok(judged(overdue == 0, &history))
}

/// What is due of these playbooks. Runs that turn out to be unreadable join those of the history.
pub fn due(asked: &[Asked], on: On, store: &Store, history: &mut History, at: Time) -> Vec<Drill> {
    asked.iter().map(|asked| drill(asked.clone(), on, store, history, at)).collect()
}

/// What is due of these playbooks now, as a table.
pub fn overdue_sheet(asked: &[Asked], on: On, store: &Store, history: &mut History) -> Sheet {
    let drills = due(asked, on, store, history, Utc::now());
    let overdue = drills.iter().filter(|drill| drill.overdue).count();
    sheet(&drills, overdue, on)
}

/// A playbook of which it is asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub name: String,
    pub path: String,
    pub schedule: Option<Schedule>,
    pub sha256: String,
}

impl Asked {
    pub fn of(loaded: &Loaded) -> Self {
        Self {
            name: loaded.playbook.name.clone(),
            path: loaded.path.display().to_string(),
            schedule: loaded.playbook.schedule.clone(),
            sha256: loaded.sha256.clone(),
        }
    }
}

fn drill(asked: Asked, on: On, store: &Store, history: &mut History, at: Time) -> Drill {
    let Asked { name, path, schedule, sha256 } = asked;
    let wanted = |run: &Entry| run.playbook == name && run.on == on && run.passed() && run.at() <= at;
    let passed = store.confirmed(history, wanted, 1).into_iter().next();
    let held = passed.as_ref().map(Entry::at);
    let missed = held.zip(schedule.as_ref()).and_then(|(held, schedule)| schedule.missed(held, at).next());
    Drill {
        name,
        path,
        overdue: schedule.is_some() && (held.is_none() || missed.is_some()),
        last_passed: held,
        last_passed_run: passed.as_ref().map(|run| run.run_id.clone()),
        is_of_this_playbook: passed.map(|run| run.playbook_sha256 == sha256),
        missed,
        next: schedule.as_ref().and_then(|schedule| schedule.after(at).next()),
        schedule,
    }
}

fn sheet(drills: &[Drill], overdue: usize, on: On) -> Sheet {
    let told = |at: Option<Time>| at.map_or_else(|| "never".to_owned(), date);
    let rows = drills.iter().map(|drill| {
        let (word, tone) = match (&drill.schedule, drill.overdue) {
            (None, _) => ("no schedule", Tone::Warning),
            (Some(_), true) => ("OVERDUE", Tone::Bad),
            (Some(_), false) => ("in time", Tone::Good),
        };
        let mut passed = told(drill.last_passed);
        if drill.is_of_this_playbook == Some(false) {
            passed += " (the playbook has changed since)";
        }
        let mut passed = Cell::new(passed);
        passed.run.clone_from(&drill.last_passed_run);
        vec![
            Cell::new(&drill.name),
            Cell::of(tone, word),
            passed,
            Cell::new(drill.missed.map_or_else(|| "-".to_owned(), date)),
            Cell::new(told(drill.next)),
            Cell::of(
                Tone::Quiet,
                drill.schedule.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            ),
        ]
    });
    Sheet {
        title: format!("Drills that are due on {on}"),
        sentence: format!("{overdue} of {} overdue", count(drills.len(), "drill")),
        good: Some(overdue == 0),
        columns: vec!["drill", "", "last passed", "missed", "next", "schedule"],
        rows: rows.collect(),
        none: "No playbook has a schedule.",
        ..Sheet::default()
    }
}
