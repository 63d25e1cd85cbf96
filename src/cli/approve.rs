//! `drillmaster approve RUN STEP`

use std::path::{Path, PathBuf};

use chrono::Utc;

use super::output::{complained, print};
use crate::ui::text::clean;
use base::exit::Exit;
use event::{Body, Event};
use record::approval::{self, Approval};
use record::journal;
use record::objectives::Record;
use record::report::ReportError;
use record::run_folder::{folder_of, with_help};

/// Confirm a task for which a running drill waits, or refuse it
///
/// A step `manual.task` shows its instructions and waits. This answers it from another process: in CI,
/// or where the drill runs without a terminal. The name and the note go into the run's records. The
/// first answer counts, and none can be taken back. Exit codes: 0 the answer was given; 2 there is
/// nothing to answer.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster approve runs/20260302T090000Z-orders-5f2c9a1e cut-over --by 'Ada Lovelace'
  drillmaster approve runs/20260302T090000Z-orders-5f2c9a1e cut-over --refuse --by Ada --note 'DNS is wrong'")]
pub struct Args {
    /// The run's folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The id of the step
    step: String,
    /// Your name
    #[arg(long, value_name = "NAME")]
    by: String,
    /// What you did, or why you refuse
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// The task cannot be done: the step fails
    #[arg(long)]
    refuse: bool,
}

pub fn run(args: &Args) -> Exit {
    if args.run.symlink_metadata().is_err() {
        return complained(Exit::Wrong)(with_help(&ReportError::NoRun(args.run.clone())));
    }
    let folder = folder_of(&args.run);
    let answer = Given { step: &args.step, by: &args.by, note: args.note.as_deref(), done: !args.refuse };
    match answer.give(&folder).map_err(complained(Exit::Wrong)) {
        Ok(told) => print(&told).map_or_else(|code| code, |()| Exit::Passed),
        Err(code) => code,
    }
}

/// An answer to a task, as a person gives it.
pub struct Given<'a> {
    pub step: &'a str,
    pub by: &'a str,
    pub note: Option<&'a str>,
    pub done: bool,
}

impl Given<'_> {
    /// Puts the answer where the run finds it. Returns what was done, in words.
    ///
    /// # Errors
    /// The run does not wait for it, as a text for the user.
    pub fn give(&self, folder: &Path) -> Result<String, String> {
        let step = self.step;
        if self.by.trim().is_empty() {
            return Err("the name is empty: an answer says who gave it".to_owned());
        }
        let contents = journal::read(folder).map_err(|error| error.to_string())?;
        waits(&contents.events, step).map_err(|why| format!("{}: {why}", folder.display()))?;
        let approval = Approval {
            step: step.to_owned(),
            done: self.done,
            by: self.by.to_owned(),
            at: Utc::now(),
            note: self.note.map(str::to_owned),
        };
        if !approval::give(folder, &approval)? {
            return Err(format!(
                "{}: somebody has answered `{step}` already, and the first answer counts",
                folder.display()
            ));
        }
        let word = if self.done { "confirmed" } else { "refused" };
        Ok(format!("{step}: {word} by {}\n", clean(self.by)))
    }
}

/// # Errors
/// Why the step waits for nobody.
fn waits(events: &[Event], step: &str) -> Result<(), String> {
    let record = Record::from_events(events);
    let Some(Body::RunStarted(started)) = events.first().map(|first| &first.body) else {
        return Err("the run has not begun".to_owned());
    };
    let shown = step.escape_debug();
    let Some(node) = started.steps.iter().find(|node| node.id == step) else {
        let tasks = started.steps.iter().filter(|node| node.uses == "manual.task");
        let tasks: Vec<String> = tasks.map(|node| format!("`{}`", node.id)).collect();
        let known = if tasks.is_empty() { "none".to_owned() } else { tasks.join(", ") };
        return Err(format!("there is no step `{shown}`; those that wait for a person: {known}"));
    };
    if node.uses != "manual.task" {
        return Err(format!("`{shown}` is {}, and only a `manual.task` waits for a person", node.uses));
    }
    if record.finished {
        return Err("the run is over: nobody waits for an answer any more".to_owned());
    }
    let state = record.steps.get(step);
    if state.is_some_and(|state| state.status.is_some()) {
        return Err(format!("`{shown}` has ended, and waits for no answer any more"));
    }
    if state.and_then(|state| state.waits()).is_none() {
        return Err(format!("`{shown}` does not wait yet: answer it once the run asks"));
    }
    Ok(())
}
