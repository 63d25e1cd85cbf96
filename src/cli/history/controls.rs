//! `drillmaster controls`

use std::path::PathBuf;

use chrono::Utc;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{LeftOut, Place, date, figure, finding, judged, load_all, notes};
use crate::cli::evidence::verify::TrustArgs;
use crate::cli::output::{complain, complained, print_as};
use crate::cli::sheet::{Cell, Output, Sheet};
use crate::ui::text::{Tone, count};
use base::exit::Exit;
use base::visible::Form;
use evidence::verify::Trust;
use history::controls::{Claim, Drill, Evidence, Row, Standing, matrix};
use history::entry::Entry;
use history::{History, Store, StoreError};
use playbook::Loaded;
use playbook::model::Playbook;
use record::run_folder;

/// Print, for each clause of a law or standard, which drills were held for it and what they showed
///
/// A playbook names its clauses in `controls:`. A clause is shown if a real drill that names it passed,
/// not longer ago than the clause or the playbook's schedule allows, if none failed since, and if its
/// evidence is valid for a trusted key. Rehearsals on the twin satisfy no clause. The texts of clauses are
/// summaries: an auditor decides. Every run is read whole. With --require the exit code is 1 if a clause is
/// not shown, and 3 if a run cannot be read.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster controls --list
  drillmaster controls drills/*.yaml --store s3://acme-recovery/runs --output html")]
pub struct Args {
    /// Playbooks, for their schedules, and for clauses that no drill was held for yet
    #[arg(value_name = "PLAYBOOK")]
    playbooks: Vec<PathBuf>,
    /// List all clauses of the catalogue, and what each wants
    #[arg(long)]
    list: bool,
    /// Exit code 1 if one of these clauses is not shown: ids with commas between them, or `all` for those
    /// that a drill names
    #[arg(long, value_name = "CLAUSES", value_delimiter = ',', value_parser = clause)]
    require: Vec<String>,
    #[command(flatten)]
    trust: TrustArgs,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    from: Place,
}

/// What `--output json` prints.
#[derive(Serialize, JsonSchema)]
pub struct Printed<'a> {
    schema: &'static str,
    store: String,
    clauses: &'a [Row],
    #[serde(flatten)]
    left_out: LeftOut,
}

/// Stands for all clauses that a drill names.
const ALL: &str = "all";

fn clause(text: &str) -> Result<String, String> {
    if text == ALL {
        return Ok(text.to_owned());
    }
    controls::named(text)
        .map(|clause| clause.id.to_owned())
        .map_err(|error| format!("{}; {}", error.message, error.help))
}

pub fn run(args: &Args) -> Exit {
    let done = if args.list { list(args.output) } else { show(args) };
    done.unwrap_or_else(|code| code)
}

fn list(output: Output) -> Result<Exit, Exit> {
    let rows = controls::ALL.iter().map(|clause| {
        let often = clause
            .months
            .map_or_else(|| "periodically".to_owned(), |months| format!("every {months} months"));
        vec![
            Cell::new(clause.id),
            Cell::new(often),
            Cell::new(clause.wants),
            Cell::of(Tone::Quiet, clause.of),
        ]
    });
    let sheet = Sheet {
        title: "Clauses that demand tested recovery".into(),
        columns: vec!["clause", "how often", "what it wants, in our words", "of"],
        rows: rows.collect(),
        none: "The catalogue is empty.",
        ..Sheet::default()
    };
    if output == Output::Json {
        let clauses = controls::ALL.iter().map(|clause| {
            json!({ "id": clause.id, "of": clause.of, "wants": clause.wants, "months": clause.months })
        });
        print_as(&format!("{:#}\n", json!(clauses.collect::<Vec<_>>())), Form::Json)?;
        return Ok(Exit::Passed);
    }
    sheet.print(output, &())?;
    Ok(Exit::Passed)
}

fn show(args: &Args) -> Result<Exit, Exit> {
    let config = args.from.config()?;
    let trust = args.trust.trust(&config).map_err(complained(Exit::Wrong))?;
    let claims: Vec<Claim> = load_all(&args.playbooks, &config)?.iter().map(claim).collect();
    let store = args.from.store(&config)?;
    let read = read(&store, &claims, &trust);
    let (history, rows) = read.map_err(|error| complained(Exit::Error)(error.to_string()))?;
    let value = Printed {
        schema: "drillmaster/controls/v1",
        store: store.place(),
        clauses: &rows,
        left_out: LeftOut::of(&history),
    };
    sheet(&rows, &history).print(args.output, &value)?;
    if args.require.is_empty() {
        return Ok(Exit::Passed);
    }
    let missing = not_shown(&args.require, &rows);
    for clause in &missing {
        complain(&format!("{clause} is demanded, and is not shown"));
    }
    Ok(judged(missing.is_empty(), &history))
}

/// The clauses of `--require` that are not shown. `all` stands for those that a drill names, of which there
/// must be one.
fn not_shown(required: &[String], rows: &[Row]) -> Vec<String> {
    let is_shown = |row: &&Row| row.standing == Standing::Shown;
    let mut missing = Vec::new();
    for clause in required {
        if clause == ALL {
            missing.extend(rows.iter().filter(|row| !is_shown(row)).map(|row| row.clause.clone()));
            if rows.is_empty() {
                missing.push("any clause".to_owned());
            }
        } else if !rows.iter().filter(is_shown).any(|row| row.clause == *clause) {
            missing.push(clause.clone());
        }
    }
    missing
}

/// The matrix of a store, and the history that it rests on. Every run is read whole, and its evidence
/// verified: whoever bets on this does not bet on the index.
fn read(store: &Store, claims: &[Claim], trust: &Trust) -> Result<(History, Vec<Row>), StoreError> {
    let mut history = store.whole_history()?;
    let findings = finding::all(store, &mut history)?;
    let mut verify = |entry: &Entry| evidence(store, &history, entry, trust);
    let rows = matrix(&history, claims, &findings, Utc::now(), &mut verify);
    Ok((history, rows))
}

/// The matrix of a store as a table.
pub fn sheet_of(store: &Store, claims: &[Claim], trust: &Trust) -> Result<Sheet, StoreError> {
    let (history, rows) = read(store, claims, trust)?;
    Ok(sheet(&rows, &history))
}

/// What a playbook claims as it is now.
pub fn claim(loaded: &Loaded) -> Claim {
    let Playbook { name, controls, schedule, .. } = &loaded.playbook;
    Claim { playbook: name.clone(), controls: controls.clone(), schedule: schedule.clone() }
}

/// Verifies the evidence of a run where it lies.
fn evidence(store: &Store, history: &History, entry: &Entry, trust: &Trust) -> Evidence {
    let fetched = match store.fetch(history, &entry.run_id) {
        Ok(fetched) => fetched,
        Err(error) => return Evidence::Invalid { why: error.to_string() },
    };
    let told = match run_folder::read(&fetched.folder) {
        Ok(told) => told,
        Err(why) => return Evidence::Invalid { why },
    };
    let verified = evidence::verify::verify(&fetched.folder, Ok(&told.fold.report), trust);
    match verified.faults.first() {
        None if verified.good => {
            Evidence::Valid { reviews: verified.reviews.iter().filter(|review| review.counts).count() }
        }
        None => Evidence::Invalid { why: "it is not good".into() },
        Some(fault) => Evidence::Invalid { why: format!("{}: {}", fault.file, fault.what) },
    }
}

fn word(standing: Standing) -> (&'static str, Tone) {
    match standing {
        Standing::Shown => ("shown", Tone::Good),
        Standing::Unproved => ("UNPROVED", Tone::Bad),
        Standing::FailedSince => ("FAILED SINCE", Tone::Bad),
        Standing::NoSchedule => ("NO SCHEDULE", Tone::Bad),
        Standing::Overdue => ("OVERDUE", Tone::Bad),
        Standing::NotShown => ("NOT SHOWN", Tone::Bad),
    }
}

fn sheet(rows: &[Row], history: &History) -> Sheet {
    let mut cells = Vec::new();
    for row in rows {
        for (index, drill) in row.drills.iter().enumerate() {
            let (text, tone) = word(drill.standing);
            let mut line = vec![
                Cell::new(&row.clause).repeated(index > 0),
                Cell::of(tone, text),
                Cell::new(&drill.playbook),
            ];
            line.extend(of_drill(drill));
            line.push(Cell::of(Tone::Quiet, &row.wants).repeated(index > 0));
            cells.push(line);
        }
    }
    let shown = rows.iter().filter(|row| row.standing == Standing::Shown).count();
    Sheet {
        title: "Controls".into(),
        sentence: if rows.is_empty() {
            String::new()
        } else {
            format!("{shown} of {} shown", count(rows.len(), "clause"))
        },
        good: (!rows.is_empty() && history.unread.is_empty()).then_some(shown == rows.len()),
        columns: vec![
            "clause",
            "standing",
            "drill",
            "last passed",
            "figures",
            "evidence",
            "due",
            "open findings",
            "rehearsed",
            "what it wants, in our words",
        ],
        rows: cells,
        notes: notes(history),
        none: "No run and no playbook names a clause: write `controls: [SOC2-A1.3]` into a playbook.",
        ..Sheet::default()
    }
}

fn of_drill(drill: &Drill) -> [Cell; 6] {
    let at = |held: &Option<history::controls::Held>| {
        held.as_ref().map_or_else(|| "never".to_owned(), |held| date(held.at))
    };
    let mut passed = at(&drill.last_passed);
    if let Some(failed) = &drill.failed_since {
        passed += &format!(", NOT PASSED {}", date(failed.at));
    }
    let figures: Vec<String> = drill
        .figures
        .iter()
        .map(|w| format!("{}: RTO {}, RPO {}", w.name, figure(&w.rto).0, figure(&w.rpo).0))
        .collect();
    let (evidence, tone) = match &drill.evidence {
        Evidence::Valid { reviews: 0 } => ("valid, not reviewed".to_owned(), Tone::Good),
        Evidence::Valid { reviews } => (format!("valid, {}", count(*reviews, "review")), Tone::Good),
        Evidence::Invalid { why } => (format!("NOT VALID: {why}"), Tone::Bad),
        Evidence::None => ("-".to_owned(), Tone::Plain),
    };
    let is_drilled = drill.last_passed.is_some() || drill.failed_since.is_some();
    let findings = match (drill.open_findings, drill.open_high) {
        // Nobody looked.
        (0, _) if !is_drilled => "-".to_owned(),
        (0, _) => "none".to_owned(),
        (open, 0) => open.to_string(),
        (open, high) => format!("{open} ({high} high)"),
    };
    let mut passed = Cell::of(if drill.failed_since.is_some() { Tone::Bad } else { Tone::Plain }, passed);
    passed.run = drill.last_passed.as_ref().map(|held| held.run_id.clone());
    let mut rehearsed = Cell::new(at(&drill.last_rehearsed));
    rehearsed.run = drill.last_rehearsed.as_ref().map(|held| held.run_id.clone());
    [
        passed,
        Cell::new(if figures.is_empty() { "-".to_owned() } else { figures.join("; ") }),
        Cell::of(tone, evidence),
        Cell::new(drill.due.map_or_else(|| "not said".to_owned(), date)),
        Cell::of(if drill.open_high > 0 { Tone::Bad } else { Tone::Plain }, findings),
        rehearsed,
    ]
}
