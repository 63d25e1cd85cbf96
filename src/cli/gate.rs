//! `drillmaster gate RUN…`

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::Utc;
use serde::Serialize;

use super::configuration::ConfigArg;
use super::history::or_here;
use super::output::write_stderr;
use super::run_folder::{self, Told};
use super::store::StoreArg;
use crate::ui::text::{Tone, clean, wrap};
use crate::ui::{OutputMode, Surroundings, TextStyle, out};
use base::duration::Span;
use base::exit::Exit;
use history::baseline::Baseline;
use history::{Entry, History, Store};
use record::objectives::Fold;
use record::objectives::gate::{Demand, GateLine, GateResult, GateStatus, MaxAge, Overrides, Terms, judge};
use record::report::caveats::{Caveat, CaveatKind, caveats};
use record::report::escape::{markdown as escape, markdown_code};
use record::report::github;

/// Judge finished runs again by their journals, and return the verdict as the exit code
///
/// 0: recovered, every objective met. 1: recovery failed, an objective was missed or is unknown,
/// the sandbox did not stay closed, a demand is not met, or something is worse than in the baseline
/// or no longer looked at. 2: a run or the baseline cannot be read or compared, or its report.json
/// differs from its journal. 3: the drill could not be carried out. 4: teardown left something
/// behind. 130: interrupted. For several runs, the worst code is returned.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster gate runs/rehearsal
  drillmaster gate runs/next --baseline runs/baseline --tolerance 20%
  drillmaster gate runs/drill --require real,worst-case --max-age 92d")]
pub struct Args {
    /// Folders of runs, or their report.json with the journal beside it
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,
    /// Judge by this RTO instead of the playbook's, for every workload
    #[arg(long, value_name = "DURATION", value_parser = span)]
    pub rto: Option<Span>,
    /// Judge by this RPO instead of the playbook's, for every workload
    #[arg(long, value_name = "DURATION", value_parser = span)]
    pub rpo: Option<Span>,
    /// Also demand: `real` (no simulation), `coverage=100%` (of what was lost), `worst-case` (the
    /// worst case of each RPO is within its objective), `no-assumed` (no check was assumed); may be
    /// repeated
    #[arg(long, value_name = "DEMAND", value_parser = demand, value_delimiter = ',')]
    pub require: Vec<Demand>,
    /// Also fail if the run ended longer ago
    #[arg(long, value_name = "DURATION", value_parser = span)]
    pub max_age: Option<Span>,
    /// Also fail if a measure is worse than in this run, or something is no longer looked at:
    /// `last-passed` and `median:N` are the latest runs of the playbook on the same cloud that passed,
    /// before each run that is judged; otherwise the folder of a run
    #[arg(long, value_name = "last-passed|median:N|RUN")]
    pub baseline: Option<PathBuf>,
    /// How much worse than the baseline a measure may be: 20% or 0.2
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = parse_share, requires = "baseline")]
    pub tolerance: f64,
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputMode,
    /// Where `last-passed` and `median:N` are looked for; default: where the run lies
    #[command(flatten)]
    pub store: StoreArg,
    #[command(flatten)]
    pub config: ConfigArg,
}

#[derive(Serialize)]
struct Judged<'a> {
    run: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    caveats: Vec<Caveat>,
    #[serde(flatten)]
    result: Option<&'a GateResult>,
    /// What to do about a run that did not come to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// How the result is printed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    pub style: TextStyle,
    /// The width of the terminal. Nothing is wrapped elsewhere.
    pub columns: Option<usize>,
}

/// Judges the runs and prints to stdout. Mistakes in the arguments go to stderr. Returns the exit
/// code.
pub fn run(args: &Args) -> Exit {
    let mut page = Vec::new();
    let around = Surroundings::detect();
    let look = Look { style: around.stdout_look(), columns: around.stdout_columns() };
    let mut code = judge_all(args, look, &mut page, |name| std::env::var(name).ok());
    let mut stdout = out::stdout(args.output.form());
    if let Err(error) = stdout.write_all(&page).and_then(|()| stdout.flush()) {
        // The exit code is the verdict. A result that could not be printed can only make it worse.
        super::complain(&format!("the result cannot be written to stdout: {error}"));
        code = code.graver(Exit::Wrong);
    }
    code
}

/// Like [`run`], but prints into `page`. `env` reads the environment.
pub fn judge_all(args: &Args, look: Look, page: &mut Vec<u8>, env: impl Fn(&str) -> Option<String>) -> Exit {
    let terms = Terms {
        overrides: Overrides { rto: args.rto, rpo: args.rpo },
        demands: args.require.clone(),
        max_age: args.max_age.map(|age| MaxAge { age, now: Utc::now() }),
        tolerance: args.tolerance,
    };
    let mut baselines = match Baselines::of(args) {
        Ok(baselines) => baselines,
        Err(error) => {
            let error = format!("the baseline: {error}");
            let path = args.baseline.clone().unwrap_or_default();
            print_all(args.output, look, page, &[(path, Err(error))], env);
            return Exit::Wrong;
        }
    };
    let judge_one = |path: &PathBuf| {
        let judged = read(path).and_then(|told| {
            let baseline = baselines.before(&told).map_err(|error| format!("the baseline: {error}"))?;
            let result = judge(&told.fold, &terms, baseline.as_deref());
            Ok((told, result))
        });
        (path.clone(), judged)
    };
    let outcomes: Vec<Outcome> = args.runs.iter().map(judge_one).collect();
    let code = outcomes.iter().map(|(_, outcome)| match outcome {
        Ok((_, result)) => result.exit_code,
        Err(_) => Exit::Wrong,
    });
    let code = code.fold(Exit::Passed, Exit::graver);
    let printed = print_all(args.output, look, page, &outcomes, env);
    if printed { code } else { code.graver(Exit::Wrong) }
}

type Outcome = (PathBuf, Result<(Told, GateResult), String>);

/// Prints the outcomes, and publishes them in GitHub Actions. Returns whether that succeeded.
fn print_all(
    output: OutputMode,
    look: Look,
    page: &mut Vec<u8>,
    outcomes: &[Outcome],
    env: impl Fn(&str) -> Option<String>,
) -> bool {
    for (path, outcome) in outcomes {
        let text = match output {
            OutputMode::Text => text(look, path, outcome.as_ref()),
            OutputMode::Json => json(path, outcome.as_ref()),
        };
        page.extend_from_slice(text.as_bytes());
    }
    let summary = || Ok(outcomes.iter().map(|(path, outcome)| markdown(path, outcome.as_ref())).collect());
    let notes = || outcomes.iter().flat_map(|(path, outcome)| annotations(path, outcome.as_ref())).collect();
    match github::publish_texts(summary, notes, env) {
        Ok(lines) if output == OutputMode::Text => {
            page.extend(lines.iter().flat_map(|line| format!("{line}\n").into_bytes()));
            true
        }
        Ok(_) => true,
        Err(error) => {
            super::complain(&super::with_help(&error));
            false
        }
    }
}

type OutcomeRef<'a> = Result<&'a (Told, GateResult), &'a String>;

fn json(path: &Path, outcome: OutcomeRef) -> String {
    let report = outcome.ok().map(|(told, _)| &told.fold.report);
    let judged = Judged {
        run: path.display().to_string(),
        run_id: report.map(|report| report.run_id.as_str()),
        simulated: report.map(|report| report.simulated),
        caveats: report.map(caveats).unwrap_or_default(),
        result: outcome.ok().map(|(_, result)| result),
        next: outcome.ok().and_then(|(told, _)| told.next()),
        error: outcome.err().map(String::as_str),
    };
    // The value holds only figures and text, which JSON can always represent.
    let line = serde_json::to_string(&judged).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
    format!("{line}\n")
}

/// The word of a result, and whether it is good.
fn word(exit: Exit) -> (&'static str, Tone) {
    match exit {
        Exit::Passed => (exit.word(), Tone::Good),
        Exit::Wrong => ("NOT COMPARABLE", Tone::Bad),
        Exit::Failed | Exit::Error | Exit::LeftBehind | Exit::Interrupted => (exit.word(), Tone::Bad),
    }
}

fn status(status: GateStatus) -> (&'static str, Tone) {
    match status {
        GateStatus::Met => ("met", Tone::Good),
        GateStatus::NoObjective => ("-", Tone::Quiet),
        GateStatus::Improved => ("better", Tone::Good),
        GateStatus::Missed => ("MISSED", Tone::Bad),
        GateStatus::Unknown => ("UNKNOWN", Tone::Bad),
        GateStatus::Regressed => ("REGRESSED", Tone::Bad),
        GateStatus::Failed => ("FAILED", Tone::Bad),
        GateStatus::NotComparable => ("ERROR", Tone::Bad),
    }
}

fn message(line: &GateLine) -> String {
    if line.workload.is_empty() {
        line.message.clone()
    } else {
        format!("{}: {}", line.workload, line.message)
    }
}

fn text(look: Look, path: &Path, outcome: OutcomeRef) -> String {
    let style = look.style;
    let (told, result) = match outcome {
        Ok(judged) => judged,
        Err(error) => return format!("{} {}\n", style.paint(Tone::Bad, "error:"), clean(error)),
    };
    let report = &told.fold.report;
    let (word, tone) = word(result.exit_code);
    let simulated = if report.simulated { " (SIMULATED on the twin)" } else { "" };
    let mut out = format!(
        "{} (exit code {})  {}, run {}{simulated}  {}\n",
        style.paint(tone, word),
        result.exit_code,
        clean(&report.playbook.name),
        clean(&report.run_id),
        clean(&path.display().to_string()),
    );
    let mut line = |word: &str, tone: Tone, message: &str| {
        let message = clean(message);
        let parts = match look.columns {
            // The word and the blanks around it take 13 columns.
            Some(columns) => wrap(&message, columns.saturating_sub(13).max(20), 2),
            None => vec![message.into_owned()],
        };
        for (n, part) in parts.into_iter().enumerate() {
            let word = if n == 0 { word } else { "" };
            out += &format!("  {}  {part}\n", style.paint(tone, &format!("{word:<9}")));
        }
    };
    for caveat in caveats(report).iter().filter(|caveat| caveat.kind != CaveatKind::Simulated) {
        line("note", Tone::Warning, &caveat.text);
    }
    for judged in &result.lines {
        let (word, tone) = status(judged.status);
        line(word, tone, &message(judged));
    }
    if let Some(next) = told.next() {
        line("next", Tone::Strong, &next);
    }
    out
}

/// The summary for GitHub Actions.
fn markdown(path: &Path, outcome: OutcomeRef) -> String {
    let (told, result) = match outcome {
        Ok(judged) => judged,
        Err(error) => {
            let path = markdown_code(&path.display().to_string());
            return format!("## Gate: not judged: {path}\n\n{}\n\n", escape(error));
        }
    };
    let report = &told.fold.report;
    let simulated = if report.simulated { " (simulated)" } else { "" };
    let (word, _) = word(result.exit_code);
    let mut out = format!(
        "## Gate: {word}: {}{simulated}\n\nRun {}, exit code {}.\n\n",
        markdown_code(&report.playbook.name),
        markdown_code(&report.run_id),
        result.exit_code
    );
    for text in caveats(report).iter().map(|caveat| &caveat.text).chain(&told.next()) {
        out += &format!("- {}\n", escape(text));
    }
    out += "\n| | Workload | |\n|---|---|---|\n";
    for line in &result.lines {
        let workload = if line.workload.is_empty() { String::new() } else { markdown_code(&line.workload) };
        out += &format!("| {} | {workload} | {} |\n", status(line.status).0, escape(&line.message));
    }
    out + "\n"
}

/// The workflow commands for GitHub Actions.
fn annotations(path: &Path, outcome: OutcomeRef) -> Vec<String> {
    let rest = "See the output of `drillmaster gate` for all of them.";
    let (told, result) = match outcome {
        Ok(judged) => judged,
        Err(error) => {
            let note = ("The run is not judged".to_owned(), error.clone());
            return github::commands(vec![note], Vec::new(), &path.display().to_string(), rest);
        }
    };
    let report = &told.fold.report;
    let simulated = if report.simulated { "Simulated: " } else { "" };
    let bad = result.lines.iter().filter(|line| status(line.status).1 == Tone::Bad);
    let errors =
        bad.map(|line| (format!("{simulated}gate: {}", status(line.status).0), message(line))).collect();
    let caveats = caveats(report).into_iter().filter(|caveat| caveat.kind != CaveatKind::Simulated);
    let warnings = caveats.map(|caveat| caveat.text).chain(told.next());
    let warnings = warnings.map(|text| (format!("{simulated}beside the verdict"), text)).collect();
    github::commands(errors, warnings, &report.playbook.path, rest)
}

/// What the runs are compared with.
enum Baselines {
    None,
    /// One run for all.
    Run(Box<Fold>),
    /// The latest of a store, before each run.
    Latest {
        which: Baseline,
        store: Option<Store>,
        history: Option<History>,
    },
}

impl Baselines {
    fn of(args: &Args) -> Result<Self, String> {
        let Some(named) = &args.baseline else { return Ok(Self::None) };
        let text = named.to_str().unwrap_or_default();
        if text != "last-passed" && !text.starts_with("median:") {
            return read(named).map(|told| Self::Run(Box::new(told.fold)));
        }
        let which = text.parse()?;
        let config = args.config.load().map_err(|found| found.render(false))?;
        let store = args.store.named(&config).transpose()?;
        Ok(Self::Latest { which, store, history: None })
    }

    fn before(&mut self, told: &Told) -> Result<Option<Cow<'_, Fold>>, String> {
        let (which, store, history) = match self {
            Self::None => return Ok(None),
            Self::Run(fold) => return Ok(Some(Cow::Borrowed(fold))),
            Self::Latest { which, store, history } => (*which, store, history),
        };
        let is_named = store.is_some();
        let store = match store {
            Some(store) => store.clone(),
            None => super::store::local(or_here(told.folder.parent().unwrap_or(Path::new("")))),
        };
        // Runs that lie elsewhere have a history of their own.
        let mut history = match history.take().filter(|_| is_named) {
            Some(history) => history,
            None => store.history().map_err(|error| error.to_string())?,
        };
        let run = Entry::of(&told.fold.report, BTreeMap::new());
        let found = store.baseline(&mut history, &run, which).map_err(|error| error.to_string())?;
        if let Self::Latest { history: kept, .. } = self {
            *kept = Some(history);
        }
        write_stderr(&format!("note: {}: the baseline is {}\n", run.run_id, in_words(which, &found.runs)));
        Ok(Some(Cow::Owned(found.fold)))
    }
}

/// Which runs a baseline was made from.
fn in_words(which: Baseline, runs: &[String]) -> String {
    match which {
        Baseline::LastPassed => runs.join(", "),
        Baseline::Median(wanted) if runs.len() < wanted => {
            format!("the median of {} (there are no {wanted} that passed): {}", runs.len(), runs.join(", "))
        }
        Baseline::Median(_) => format!("the median of {}: {}", runs.len(), runs.join(", ")),
    }
}

/// Reads a run. A report that cannot be compared with its journal is not judged.
fn read(path: &Path) -> Result<Told, String> {
    let told = run_folder::read(path)?;
    match &told.unread {
        None => Ok(told),
        Some(error) => Err(super::with_help(error)),
    }
}

fn span(text: &str) -> Result<Span, String> {
    text.parse::<Span>().map_err(|error| format!("{}; {}", error.message, error.help))
}

fn demand(text: &str) -> Result<Demand, String> {
    match text.split_once('=') {
        None if text == "real" => Ok(Demand::Real),
        None if text == "worst-case" => Ok(Demand::WorstCase),
        None if text == "no-assumed" => Ok(Demand::NoAssumed),
        Some(("coverage", share)) => {
            let share = parse_share(share)?;
            if share <= 0.0 || share > 1.0 {
                return Err("a coverage lies above 0% and up to 100%".to_owned());
            }
            Ok(Demand::Coverage(share))
        }
        None if text == "coverage" => Err("say how much: `coverage=100%`".to_owned()),
        None | Some(_) => Err("write `real`, `coverage=100%`, `worst-case` or `no-assumed`".to_owned()),
    }
}

/// Parses `20%` or `0.2`.
pub fn parse_share(text: &str) -> Result<f64, String> {
    let help = "write it like `20%` or `0.2`";
    let text = text.trim();
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse::<f64>(),
    }
    .map_err(|_| format!("`{text}` is not a share; {help}"))?;
    if !share.is_finite() || share < 0.0 {
        return Err(format!("`{text}` is not a share of zero or more; {help}"));
    }
    if share > 1.0 && !text.ends_with('%') {
        return Err(format!(
            "`{text}` would be {} %; write `{text}%` if that many percent are meant",
            share * 100.0
        ));
    }
    Ok(share)
}
