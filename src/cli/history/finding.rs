//! `drillmaster finding`

use chrono::{NaiveDate, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::{LeftOut, Place, date, notes};
use crate::cli::arguments::time;
use crate::cli::evidence::signing::user;
use crate::cli::output::{complain, complained, print};
use crate::cli::sheet::{Cell, Output, Sheet};
use crate::ui::text::{Tone, clean, count};
use base::duration::{Time, human_seconds};
use base::exit::Exit;
use base::on::On;
use base::severity::Severity;
use history::findings::{DECISION, Decided, Decision, Tracked, track};
use history::{Entry, History, Store, StoreError};

/// Follow findings over time: the next drill closes or reopens them
///
/// A finding has the same id in all runs of a playbook on the same cloud. It is closed by the first run
/// that looked for it and did not find it, and reopened by one that finds it again.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster finding list --on aws
  drillmaster finding list --all --output csv")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// List findings: the open ones first, then the gravest
    List(List),
    /// Give a finding to a person, with a date until which it should be closed
    Assign(Assign),
    /// Close a finding by hand: it is accepted, or mended where the drill cannot see it
    ///
    /// A later run that finds it reopens it.
    Close(Close),
}

#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster finding list --on aws
  drillmaster finding list --all --output csv")]
struct List {
    /// Only findings of this playbook, by its `name`
    #[arg(long, value_name = "NAME")]
    playbook: Option<String>,
    /// Only findings on this cloud: `aws` for real drills, `twin` for rehearsals
    #[arg(long, value_parser = crate::cli::on())]
    on: Option<On>,
    /// Closed findings too
    #[arg(long)]
    all: bool,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    from: Place,
}

#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster finding assign 325d514bd7f2 --owner ann --due 2027-03-31")]
struct Assign {
    /// The id, as `finding list` shows it
    id: String,
    /// Who should close it
    #[arg(long, value_name = "NAME")]
    owner: String,
    /// Until when (2027-03-31)
    #[arg(long, value_name = "DATE")]
    due: Option<NaiveDate>,
    #[command(flatten)]
    decided: DecidedArgs,
    #[command(flatten)]
    from: Place,
}

#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster finding close 325d514bd7f2 --because accepted")]
struct Close {
    /// The id, as `finding list` shows it
    id: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    because: String,
    #[command(flatten)]
    decided: DecidedArgs,
    #[command(flatten)]
    from: Place,
}

#[derive(clap::Args)]
struct DecidedArgs {
    /// Who decided; default: the user of this program
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// When it was decided (RFC 3339); default: now
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Time>,
}

/// What `--output json` prints.
#[derive(Serialize, JsonSchema)]
pub struct Printed<'a> {
    schema: &'static str,
    store: String,
    findings: &'a [Tracked],
    #[serde(flatten)]
    left_out: LeftOut,
}

pub fn run(args: &Args) -> Exit {
    let done = match &args.what {
        What::List(args) => list(args),
        What::Assign(args) => {
            let what = Decided::Assigned { owner: args.owner.clone(), due: args.due };
            decide(&args.from, &args.id, &args.decided, what)
        }
        What::Close(args) => {
            decide(&args.from, &args.id, &args.decided, Decided::Closed { because: args.because.clone() })
        }
    };
    done.unwrap_or_else(|code| code)
}

fn list(args: &List) -> Result<Exit, Exit> {
    let (store, mut history) = args.from.history(&args.from.config()?)?;
    let findings = all(&store, &mut history);
    let mut findings = findings.map_err(|error| complained(Exit::Error)(error.to_string()))?;
    findings.retain(|finding| {
        args.playbook.as_ref().is_none_or(|name| *name == finding.playbook)
            && args.on.is_none_or(|on| on == finding.on)
            && (args.all || finding.open)
    });
    let value = Printed {
        schema: "drillmaster/findings/v1",
        store: store.place(),
        findings: &findings,
        left_out: LeftOut::of(&history),
    };
    let mut sheet = sheet(&findings, !history.runs.is_empty() && history.unread.is_empty());
    sheet.notes = notes(&history);
    sheet.print(args.output, &value)?;
    Ok(Exit::Passed)
}

/// Every finding of a store. What cannot be read of the decisions becomes a note of the history.
pub fn all(store: &Store, history: &mut History) -> Result<Vec<Tracked>, StoreError> {
    let (decisions, notes) = store.decisions()?;
    history.notes.extend(notes);
    Ok(track(history, &decisions, Utc::now().date_naive()))
}

fn decide(from: &Place, id: &str, decided: &DecidedArgs, what: Decided) -> Result<Exit, Exit> {
    let wrong = complained(Exit::Wrong);
    let Some(by) = decided.by.clone().or_else(user).filter(|by| !by.trim().is_empty()) else {
        return Err(wrong("nobody is known who decides: say --by NAME".to_owned()));
    };
    let (store, mut history) = from.history(&from.config()?)?;
    let findings = all(&store, &mut history);
    let findings = findings.map_err(|error| complained(Exit::Error)(error.to_string()))?;
    let mut named = findings.iter().filter(|finding| finding.id.starts_with(id));
    let (Some(finding), None) = (named.next(), named.next()) else {
        let what = if findings.iter().any(|finding| finding.id.starts_with(id)) {
            "several findings"
        } else {
            "no finding"
        };
        return Err(wrong(format!(
            "{what} of {} {} an id that begins with `{}`: `drillmaster finding list --all` shows the ids",
            store.place(),
            if what.starts_with('s') { "have" } else { "has" },
            id.escape_debug()
        )));
    };
    if !finding.open {
        complain(&format!("the finding {} is closed since {}", finding.id, date_of(finding)));
        return Err(Exit::Wrong);
    }
    let now = Utc::now();
    let at = decided.at.unwrap_or(now);
    if at > now {
        return Err(wrong(format!(
            "--at {at} lies in the future: say when it was decided",
            at = at.to_rfc3339()
        )));
    }
    // The last run of its drill. What a later one finds comes after the decision.
    let of_drill = |run: &&Entry| run.playbook == finding.playbook && run.on == finding.on;
    let last = history.runs.iter().rev().find(of_drill);
    let after = last.map_or_else(|| finding.last_found_by.clone(), |run| run.run_id.clone());
    let decision = Decision { schema: DECISION.to_owned(), after, at, by, what };
    store.decide(&finding.id, &decision).map_err(|error| complained(Exit::Error)(error.to_string()))?;
    let words = match &decision.what {
        Decided::Assigned { owner, due: Some(due) } => {
            format!("{} is due on {due}, from {}", finding.id, clean(owner))
        }
        Decided::Assigned { owner, due: None } => format!("{} belongs to {}", finding.id, clean(owner)),
        Decided::Closed { .. } => format!("{} is closed; a run that finds it again reopens it", finding.id),
    };
    print(&format!("{words}: {} {}\n", finding.rule, clean(&finding.resource)))?;
    Ok(Exit::Passed)
}

fn date_of(finding: &Tracked) -> String {
    finding.closed_at.map(date).unwrap_or_default()
}

pub fn sheet(findings: &[Tracked], all_read: bool) -> Sheet {
    let tone = |severity| match severity {
        Severity::High => Tone::Bad,
        Severity::Medium => Tone::Warning,
        Severity::Low => Tone::Quiet,
    };
    let open = findings.iter().filter(|finding| finding.open).count();
    let overdue = findings.iter().filter(|finding| finding.overdue).count();
    let rows = findings.iter().map(|finding| {
        let again = match finding.reopened {
            0 => String::new(),
            times => format!(", reopened ×{times}"),
        };
        let state = match (finding.open, &finding.because, &finding.not_looked_at) {
            (true, _, None) => format!("open{again}"),
            (true, _, Some(why)) => format!("open{again}; {why}"),
            (false, None, _) => format!("mended {}{again}", date_of(finding)),
            (false, Some(because), _) => {
                let by = finding.closed_by.as_deref().unwrap_or_default();
                format!("closed {} by {by}: {because}{again}", date_of(finding))
            }
        };
        let mut owner = finding.owner.clone().unwrap_or_else(|| "-".into());
        if let Some(due) = finding.due {
            owner += &format!(", due {due}");
        }
        let took = finding.time_to_close_s.map_or_else(|| "-".into(), human_seconds);
        vec![
            Cell::new(&finding.id),
            Cell::of(tone(finding.severity), finding.severity.word()),
            Cell::of(if finding.open { Tone::Strong } else { Tone::Good }, state),
            Cell::new(date(finding.opened_at)),
            Cell::new(took),
            Cell::of(if finding.overdue { Tone::Bad } else { Tone::Plain }, owner),
            Cell::new(format!("{} on {}", finding.playbook, finding.on)),
            Cell::new(format!("{} {}", finding.rule, finding.resource)),
            Cell::of(Tone::Quiet, &finding.message),
        ]
    });
    let mut sentence = format!("{} open", count(open, "finding"));
    if overdue > 0 {
        sentence += &format!(", {overdue} overdue");
    }
    Sheet {
        title: "Findings".into(),
        sentence,
        good: all_read.then_some(open == 0),
        columns: vec![
            "id",
            "severity",
            "state",
            "opened",
            "time to close",
            "owner",
            "drill",
            "finding",
            "as it was last found",
        ],
        rows: rows.collect(),
        none: "No finding is open. `--all` shows the closed ones.",
        ..Sheet::default()
    }
}
