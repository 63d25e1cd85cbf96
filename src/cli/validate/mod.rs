//! `drillmaster validate`

mod sarif;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use chrono::Utc;
use serde_json::{Value, json};

use super::configuration::{self, ConfigArg};
use super::output::print_as;
use crate::cli::history::Runs;
use crate::cli::store::StoreArg;
use crate::config::UserConfig;
use crate::ui::{Surroundings, out};
use base::exit::Exit;
use base::on::On;
use base::redact;
use base::visible::Form;
use clap::ValueEnum;
use playbook::Loaded;
use playbook::document::{Document, check_template};
use playbook::load::COMMAND_LINE;
use playbook::reach::out_of_reach;
use record::report::github::{self, Place, Placed};
use yaml::file::{self, Read};
use yaml::{Diagnostic, Diagnostics};

/// Check playbooks, estates and CloudFormation templates: report every mistake at once, with its
/// place and a correction
///
/// Other YAML files are passed over, with a word on stderr. The exit code is 2 if there is a mistake,
/// or if none of the files could be checked.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster validate drills/region-loss.yaml drills/az-loss.yaml
  drillmaster validate --strict drills/*.yaml
  drillmaster validate drills/*.yaml --output sarif > drills.sarif")]
pub struct Args {
    /// Playbooks, estates and templates, in any order
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Override a param of the playbooks
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = super::name_and_value)]
    params: Vec<(String, String)>,
    /// The cloud that the drills are for. On aws a check that nobody can ask is a mistake
    #[arg(long, value_parser = super::on(), default_value_t)]
    on: On,
    /// Warnings fail too
    #[arg(long)]
    strict: bool,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    config: ConfigArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Output {
    /// For people
    #[default]
    Text,
    /// For programs: one JSON value
    Json,
    /// SARIF 2.1.0, for code hosts and editors
    Sarif,
    /// The text, and annotations of GitHub Actions at the lines
    Github,
}

/// What was found in all files.
#[derive(Default)]
struct Outcome {
    text: String,
    found: Vec<Diagnostic>,
    /// Those in `found`, as texts.
    known: HashSet<String>,
    errors: usize,
    warnings: usize,
    /// How many files of each kind were checked.
    checked: BTreeMap<Document, usize>,
    passed_over: Vec<String>,
    /// Estates and templates that were checked with a playbook.
    with_playbook: BTreeSet<PathBuf>,
}

/// Returns 0 without mistakes. Warnings are allowed, unless `strict`. Otherwise 2.
pub fn run(args: &Args) -> Exit {
    let config = match args.config.load_or_complain() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let outcome = check(args, &config);
    for path in &outcome.passed_over {
        super::output::write_stderr(&format!(
            "passed over: {path}: it is neither a playbook nor an estate nor a CloudFormation template\n"
        ));
    }
    if outcome.checked.is_empty() {
        super::complain(
            "there was nothing to check: name a playbook, an estate or a CloudFormation template",
        );
        return Exit::Wrong;
    }
    let failed = outcome.errors > 0 || (args.strict && outcome.warnings > 0);
    match print(&outcome, failed, args.output) {
        Err(code) => code,
        Ok(()) if failed => Exit::Wrong,
        Ok(()) => Exit::Passed,
    }
}

fn check(args: &Args, config: &UserConfig) -> Outcome {
    let mut outcome = Outcome::default();
    let mut given: Vec<Given<'_>> = args.files.iter().map(|path| Given::of(path)).collect();
    // A playbook that another one extends is checked with it. It need not be whole by itself.
    let playbooks = given.iter().filter(|given| given.kind == Some(Document::Playbook));
    let bases: BTreeSet<PathBuf> = playbooks.filter_map(Given::extends).collect();
    let is_base = |path: &Path| path.canonicalize().is_ok_and(|path| bases.contains(&path));
    // Playbooks come first, because what they name is checked with them.
    for Given { path, read, .. } in given.iter_mut().filter(|given| given.kind == Some(Document::Playbook)) {
        if is_base(path) {
            outcome.add(Document::Playbook, &Diagnostics::default());
            continue;
        }
        let loaded = match read.take() {
            Some(read) => configuration::load_playbook_read(path, read, &args.params, config),
            None => configuration::load_playbook(path, &args.params, config),
        };
        match loaded {
            Ok(mut loaded) => {
                if args.on == On::Aws {
                    loaded.diagnostics.extend(out_of_reach(&loaded, &[]));
                    loaded.diagnostics.sort();
                }
                if let Some(runs) = StoreArg::offline(config) {
                    super::history::tell(&loaded, &mut Runs::of(runs), Utc::now());
                }
                outcome.with_playbook.extend(named_by(&loaded));
                outcome.add(Document::Playbook, &loaded.diagnostics);
            }
            Err(found) => outcome.add(Document::Playbook, &found),
        }
    }
    for Given { path, kind, read } in given {
        let known = path.canonicalize().is_ok_and(|path| outcome.with_playbook.contains(&path));
        match kind {
            Some(Document::Playbook) => {}
            Some(kind) if known => outcome.add(kind, &Diagnostics::default()),
            Some(Document::Estate) => {
                let loaded = match read {
                    Some(read) => super::ignores::load_read_estate(path, Ok(read)),
                    None => super::ignores::load_estate(path),
                };
                let (Ok((_, found)) | Err(found)) = loaded;
                outcome.add(Document::Estate, &found);
            }
            Some(Document::Template) => outcome.add(Document::Template, &check_template(path)),
            None => outcome.passed_over.push(path.display().to_string()),
        }
    }
    outcome
}

/// A file that the command line names.
struct Given<'a> {
    path: &'a Path,
    kind: Option<Document>,
    /// Absent if it could not be read, or is a pipe, which can be read only once.
    read: Option<Read>,
}

impl<'a> Given<'a> {
    /// One that cannot be read counts as a playbook, and the loader says why. So does a pipe.
    fn of(path: &'a Path) -> Self {
        let read = if path.is_file() { file::read(path, 0).ok() } else { None };
        let kind = read.as_ref().map_or(Some(Document::Playbook), Document::of);
        Self { path, kind, read }
    }

    /// The file that a playbook extends.
    fn extends(&self) -> Option<PathBuf> {
        let name = self.read.as_ref()?.tree()?.get("extends")?.as_str()?;
        self.path.parent()?.join(name).canonicalize().ok()
    }
}

/// The estate and the templates that a playbook names.
fn named_by(loaded: &Loaded) -> impl Iterator<Item = PathBuf> {
    let templates = loaded.playbook.steps.iter().filter(|step| step.uses == "cloudformation.deploy");
    let names = templates.filter_map(|step| step.with.get("template")?.as_str());
    names
        .chain(loaded.playbook.estate.as_deref())
        .filter_map(|name| loaded.files.path(name).canonicalize().ok())
}

impl Outcome {
    /// Adds what was found in one file. A mistake in a file that several playbooks name counts once.
    fn add(&mut self, kind: Document, found: &Diagnostics) {
        *self.checked.entry(kind).or_default() += 1;
        let mut fresh = Diagnostics::default();
        for diagnostic in found {
            if self.known.insert(json!(diagnostic).to_string()) {
                self.found.push(diagnostic.clone());
                fresh.push(diagnostic.clone());
            }
        }
        let (errors, warnings) = fresh.count();
        self.errors += errors;
        self.warnings += warnings;
        self.text += &fresh.render(Surroundings::detect().stdout_look().color);
    }
}

fn print(outcome: &Outcome, failed: bool, output: Output) -> Result<(), Exit> {
    match output {
        Output::Text => print_as(&as_text(outcome, failed), out::text()),
        Output::Json => {
            let Outcome { found, errors, warnings, passed_over, .. } = outcome;
            print_json(
                json!({ "errors": errors, "warnings": warnings, "diagnostics": found, "passed_over": passed_over }),
            )
        }
        Output::Sarif => print_json(sarif::log(&outcome.found)),
        Output::Github => {
            print_as(&as_text(outcome, failed), out::text())?;
            let lines = annotations(&outcome.found).into_iter().map(|line| line + "\n");
            print_as(&lines.collect::<Vec<_>>().concat(), Form::Commands)
        }
    }
}

fn print_json(mut value: Value) -> Result<(), Exit> {
    redact::value(&mut value);
    print_as(&format!("{value:#}\n"), Form::Json)
}

fn as_text(outcome: &Outcome, failed: bool) -> String {
    let Outcome { text, errors, warnings, checked, .. } = outcome;
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let files: Vec<String> = checked.iter().map(|(kind, n)| count(*n, &kind.to_string())).collect();
    let verdict = if failed { "not valid" } else { "valid" };
    let mut text = text.clone();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{}: {verdict}: {}, {}{}",
        files.join(", "),
        count(*errors, "error"),
        count(*warnings, "warning"),
        if failed && *errors == 0 { " (--strict)" } else { "" },
    );
    text
}

fn annotations(found: &[Diagnostic]) -> Vec<String> {
    let placed = |found: &Diagnostic| Placed {
        title: None,
        message: match &found.help {
            Some(help) => format!("{}\nhelp: {help}", found.message),
            None => found.message.clone(),
        },
        place: (&*found.file != COMMAND_LINE)
            .then(|| Place { file: found.file.to_string(), at: Some((found.line, found.column)) }),
    };
    let (errors, warnings): (Vec<_>, Vec<_>) = found.iter().partition(|found| found.is_error());
    let placed = |all: Vec<&Diagnostic>| all.into_iter().map(placed).collect();
    github::placed_commands(placed(errors), placed(warnings), "The log of this step shows all of them.")
}
