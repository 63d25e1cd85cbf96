//! `drillmaster gate RUN…`

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::run_folder::{self, Reach};
use crate::ui::text::{Tone, clean, wrap};
use crate::ui::{OutputMode, Surroundings, TextStyle};
use base::duration::Span;
use base::exit::Exit;
use record::journal;
use record::objectives::gate::{GateResult, GateStatus, Overrides, judge};
use record::report::{self, Report};

/// Judge finished runs again, and return the verdict as the exit code
///
/// 0: recovered, every objective met. 1: recovery failed, an objective was missed or is unknown,
/// the sandbox did not stay closed, or a measure is worse than the baseline. 2: a run or the
/// baseline cannot be read or compared. 3: the drill could not be carried out. 4: teardown left
/// something behind. 130: interrupted. For several runs, the worst code is returned.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Folders of runs, or their report.json
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,
    /// Judge by this RTO instead of the playbook's, for every workload
    #[arg(long, value_name = "DURATION", value_parser = span)]
    pub rto: Option<Span>,
    /// Judge by this RPO instead of the playbook's, for every workload
    #[arg(long, value_name = "DURATION", value_parser = span)]
    pub rpo: Option<Span>,
    /// Also fail if a measure is worse than in this run
    #[arg(long, value_name = "RUN")]
    pub baseline: Option<PathBuf>,
    /// How much worse than the baseline a measure may be: 20% or 0.2
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = tolerance, requires = "baseline")]
    pub tolerance: f64,
    #[arg(long, value_enum, default_value_t)]
    pub output: OutputMode,
}

#[derive(Serialize)]
struct Judged<'a> {
    run: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<bool>,
    #[serde(flatten)]
    result: Option<&'a GateResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// Judges the runs and prints to stdout. Mistakes in the arguments go to stderr. Returns the exit
/// code.
pub fn run(args: &Args) -> Exit {
    let mut page = Vec::new();
    let code = judge_all(args, Surroundings::detect().stdout_look(), &mut page);
    match std::io::stdout().lock().write_all(&page) {
        Ok(()) => code,
        Err(error) => {
            // The exit code is the verdict. A result that could not be printed can only make it
            // worse.
            super::output::write_stderr(&format!("error: the result cannot be written to stdout: {error}\n"));
            code.graver(Exit::Wrong)
        }
    }
}

/// Like [`run`], but prints into `page`.
pub fn judge_all(args: &Args, style: TextStyle, page: &mut Vec<u8>) -> Exit {
    let overrides = Overrides { rto: args.rto, rpo: args.rpo };
    let baseline = match args.baseline.as_deref().map(read).transpose() {
        Ok(baseline) => baseline,
        Err(error) => {
            print(page, args.output, style, args.baseline.as_deref(), Err(&format!("the baseline: {error}")));
            return Exit::Wrong;
        }
    };
    let mut code = Exit::Passed;
    for path in &args.runs {
        match read(path) {
            Ok(report) => {
                let result = judge(&report, &overrides, baseline.as_ref(), args.tolerance);
                code = code.graver(result.exit_code);
                print(page, args.output, style, Some(path), Ok((&report, &result)));
            }
            Err(error) => {
                code = code.graver(Exit::Wrong);
                print(page, args.output, style, Some(path), Err(&error));
            }
        }
    }
    code
}

type Outcome<'a> = Result<(&'a Report, &'a GateResult), &'a str>;

fn print(page: &mut Vec<u8>, output: OutputMode, style: TextStyle, path: Option<&Path>, outcome: Outcome) {
    match output {
        OutputMode::Text => page.extend_from_slice(text(style, path, outcome).as_bytes()),
        OutputMode::Json => {
            let judged = Judged {
                run: path.map(|path| path.display().to_string()).unwrap_or_default(),
                run_id: outcome.ok().map(|(report, _)| report.run_id.as_str()),
                simulated: outcome.ok().map(|(report, _)| report.simulated),
                result: outcome.ok().map(|(_, result)| result),
                error: outcome.err(),
            };
            // The value holds only figures and text, which JSON can always represent.
            let line =
                serde_json::to_string(&judged).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
            page.extend_from_slice(line.as_bytes());
            page.push(b'\n');
        }
    }
}

fn text(style: TextStyle, path: Option<&Path>, outcome: Outcome) -> String {
    let path = path.map(|path| clean(&path.display().to_string()).into_owned()).unwrap_or_default();
    let (report, result) = match outcome {
        Ok(judged) => judged,
        Err(error) => return format!("{} {}\n", style.paint(Tone::Bad, "error:"), clean(error)),
    };
    let (word, tone) = match result.exit_code {
        exit @ Exit::Passed => (exit.word(), Tone::Good),
        Exit::Wrong => ("NOT COMPARABLE", Tone::Bad),
        exit @ (Exit::Failed | Exit::Error | Exit::LeftBehind | Exit::Interrupted) => {
            (exit.word(), Tone::Bad)
        }
    };
    let simulated = if report.simulated { " (SIMULATED on the twin)" } else { "" };
    let mut out = format!(
        "{} (exit code {})  {}, run {}{simulated}  {path}\n",
        style.paint(tone, word),
        result.exit_code,
        clean(&report.playbook.name),
        clean(&report.run_id),
    );
    for line in &result.lines {
        let (word, tone) = match line.status {
            GateStatus::Met => ("met", Tone::Good),
            GateStatus::NoObjective => ("-", Tone::Quiet),
            GateStatus::Missed => ("MISSED", Tone::Bad),
            GateStatus::Unknown => ("UNKNOWN", Tone::Bad),
            GateStatus::Regressed => ("REGRESSED", Tone::Bad),
            GateStatus::Failed => ("FAILED", Tone::Bad),
            GateStatus::NotComparable => ("ERROR", Tone::Bad),
        };
        let workload =
            if line.workload.is_empty() { String::new() } else { format!("{}: ", clean(&line.workload)) };
        let message = format!("{workload}{}", clean(&line.message));
        for (n, part) in wrap(&message, 67, 2).into_iter().enumerate() {
            let word = if n == 0 { word } else { "" };
            out += &format!("  {}  {part}\n", style.paint(tone, &format!("{word:<9}")));
        }
    }
    out
}

fn read(path: &Path) -> Result<Report, String> {
    let report = report::read(path).map_err(|error| super::with_help(&error))?;
    let file = if path.is_dir() { path.join("report.json") } else { path.to_owned() };
    hold_to_journal(&report, &file)?;
    Ok(report)
}

/// Compares a report with the journal beside it: the journal must end where the report says. A copy
/// of a report under another name or in another folder is accepted without a journal.
fn hold_to_journal(report: &Report, file: &Path) -> Result<(), String> {
    let Some(noted) = &report.journal else { return Ok(()) };
    let folder = super::folder_of(file);
    if file.file_name() != Some("report.json".as_ref()) || !folder.join(journal::FILE_NAME).exists() {
        return Ok(());
    }
    let contents = journal::read(&folder).map_err(|error| error.to_string())?;
    match run_folder::compare(&folder, &contents, noted)? {
        Reach::Whole => Ok(()),
        Reach::GoesOn => Err(format!(
            "{}: the journal goes on after this report was made (record {} of {}): the run was resumed and has left no report \
             since; see where it stands with `drillmaster report {}`",
            file.display(),
            noted.records,
            contents.end().records,
            folder.display()
        )),
    }
}

fn span(text: &str) -> Result<Span, String> {
    text.parse::<Span>().map_err(|error| format!("{}; {}", error.message, error.help))
}

/// Parses `20%` or `0.2`.
fn tolerance(text: &str) -> Result<f64, String> {
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
