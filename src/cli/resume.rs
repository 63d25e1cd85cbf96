//! `drillmaster resume` and `drillmaster abort`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{TimeDelta, Utc};

use super::configuration::ConfigArg;
use super::evidence::signing::{Signature, SigningArgs, still_signed};
use super::forecast::Asked;
use super::output::write_stderr;
use super::run::{Ended, Run, deliver, show};
use super::store::{self, StoreArg};
use super::telling::{TellArgs, Telling};
use super::wire::{self, Options};
use super::{complain, complained};
use super::{run_folder, with_help};
use crate::config::UserConfig;
use crate::ui::{OutputMode, Surroundings};
use base::clock::Pace;
use base::exit::Exit;
use base::ids::RunId;
use base::on::On;
use base::redact;
use checks::ConnectTo;
use engine::actions::CATALOGUE;
use event::{Body, Event, RunStarted};
use evidence::verify::is_signed;
use history::Store;
use playbook::{Loaded, load_kept};
use record::journal::{self, Contents, Journal};
use record::objectives::Record;
use record::report::{self, PendingTemplates, Templates};
use yaml::files::Files;

/// Resume a run whose process died, from its folder alone
///
/// Nothing is done twice: resources that may exist are searched for first, and steps and checks
/// that ended stay ended. The RTO clock never stopped. A run that was interrupted or was in
/// teardown is only torn down. For a run that has ended, the reports are written again, unless they are
/// signed. The exit code is the verdict, as for `run`.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster resume runs/20260302T090000Z-orders-5f2c9a1e")]
pub struct Args {
    #[command(flatten)]
    common: Common,
    /// A secret that the first run was given by `--param`: it is on no record; no other param may
    /// change in the middle of a run
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = super::name_and_value)]
    params: Vec<(String, String)>,
    /// The number of steps that may run at once; default: as in the first run
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    jobs: Option<usize>,
    /// Send checks for HOST:PORT to ADDR:PORT, host names and TLS verification unchanged; default:
    /// as in the first run
    #[arg(long, value_name = "HOST:PORT=ADDR:PORT")]
    connect_to: Vec<ConnectTo>,
}

/// Tear down a run without resuming it, or remove the resources that a finished run left behind
///
/// The drill counts as interrupted: the exit code is 130 if everything is removed, and 4 if
/// something is left. A drill that had ended keeps its verdict. Its sandbox was kept (`run
/// --keep-sandbox`) or could not be removed: then the exit code is the verdict's, or 4.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster abort runs/20260302T090000Z-orders-5f2c9a1e")]
pub struct AbortArgs {
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Common {
    /// The run's folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Handlebars templates instead of the built-in ones: a file `*.html.hbs` or `*.md.hbs`, or a
    /// folder of them
    #[arg(long, value_name = "PATH")]
    template: Option<PathBuf>,
    /// text: progress on stderr and the result on stdout; json: events as NDJSON on stdout
    #[arg(long, value_enum, default_value_t)]
    output: OutputMode,
    #[command(flatten)]
    signing: SigningArgs,
    #[command(flatten)]
    store: StoreArg,
    #[command(flatten)]
    telling: TellArgs,
    #[command(flatten)]
    config: ConfigArg,
}

pub fn resume(args: &Args) -> Exit {
    match go_on(&args.common, args.jobs, &args.connect_to, &args.params, false) {
        Ok(code) | Err(code) => code,
    }
}

pub fn abort(args: &AbortArgs) -> Exit {
    match go_on(&args.common, None, &[], &[], true) {
        Ok(code) | Err(code) => code,
    }
}

fn go_on(
    args: &Common,
    jobs: Option<usize>,
    connect_to: &[ConnectTo],
    given: &[(String, String)],
    abort: bool,
) -> Result<Exit, Exit> {
    let wrong = complained(Exit::Wrong);
    let failed = complained(Exit::Error);
    let config = args.config.load_or_complain()?;
    let folder = super::folder_of(&args.run);
    let templates = PendingTemplates::load(args.template.as_deref()).map_err(|e| wrong(e.to_string()))?;
    // The journal is read before it is touched: a run that has ended is not opened again.
    let contents = journal::read(&folder).map_err(|e| wrong(e.to_string()))?;
    let started = started(&contents.events, &folder).map_err(wrong)?;
    let store = args.store.for_resumed(&config, started.inputs.store.as_deref()).map_err(wrong)?;
    let store = store.or_else(|| store::of_folder(&folder));
    if is_over(&contents, abort) {
        if !given.is_empty() {
            let message =
                "the run has ended and takes no param: leave `--param` out to write its reports again";
            return Err(wrong(format!("{}: {message}", folder.display())));
        }
        let templates = templates.get().map_err(|e| wrong(e.to_string()))?;
        return written_again(&folder, &contents, &templates, store.as_ref(), args);
    }
    let signing = args.signing.signing(&config, Some(&started.lose))?;
    let params = params(&started.inputs.params, given, &folder, abort).map_err(wrong)?;
    let on = started.on;
    let pace = started.inputs.pace.map_or(Pace::Max, Pace::Times);
    let durability = super::run::durability(on, pace);
    // Read again under the lock: another process may have resumed the run in between.
    let (journal, contents) = Journal::reopen(&folder, durability).map_err(|e| failed(e.to_string()))?;
    if is_over(&contents, abort) {
        return Err(failed(format!("{}: the run has just ended: look at its report", folder.display())));
    }
    if on == On::Aws {
        clock_agrees(&contents.events).map_err(failed)?;
    }
    let loaded = loaded(&started, &params)?;
    let telling = Telling::of(&loaded, &args.telling, &config);
    let inputs = &started.inputs;
    let forecast = if abort { None } else { forecast(&contents, &loaded, &config, inputs.jobs) };
    let plan = wire::plan_of(loaded).map_err(wrong)?;
    let connect_to = if connect_to.is_empty() {
        let given = inputs.connect_to.iter().map(|text| text.parse::<ConnectTo>());
        given.collect::<Result<_, _>>().map_err(|e| wrong(e.to_string()))?
    } else {
        connect_to.to_vec()
    };
    let options = Options {
        on,
        run: RunId(started.run_id.clone()),
        seed: started.seed,
        pace,
        ask_people: inputs.ask_people,
        folder: Some(folder.clone()),
        jobs: jobs.unwrap_or(inputs.jobs).max(1),
        keep_sandbox: inputs.keep_sandbox && !abort,
        wait_network: inputs.wait_network || abort,
        patience: Duration::try_from_secs_f64(inputs.patience_s)
            .unwrap_or(engine::sandbox::teardown::PATIENCE),
        connect_to,
        start: Utc::now(),
        abort,
        needs_program: !abort,
        protected: config.protected(),
        forecast,
        past: started.past.clone(),
        store: started.inputs.store.clone(),
    };
    let expected = BTreeMap::new();
    // A run that had ended lies in its store as it was signed then.
    let store = store.filter(|store| {
        if contents.finished() {
            let place = store.place();
            write_stderr(&format!(
                "note: {place} keeps the run as it had ended: what comes now is in {} alone\n",
                folder.display()
            ));
        }
        !contents.finished()
    });
    let (before, output) = (contents.events, args.output);
    let run = Run { options, before, folder, templates, signing, store, telling, output, expected };
    run.carry_out(plan, move || Ok(journal))
}

/// Writes the reports of a run that has ended, where they are not as they were signed. It signs
/// nothing: only the process that ends a run does, because the folder may have been changed since.
fn written_again(
    folder: &Path,
    contents: &Contents,
    templates: &Templates,
    store: Option<&Store>,
    args: &Common,
) -> Result<Exit, Exit> {
    let wrong = complained(Exit::Wrong);
    let told = run_folder::read(folder).map_err(wrong)?;
    let around = Surroundings::detect();
    if folder.join(evidence::EVIDENCE).symlink_metadata().is_ok() {
        // A report that is missing can be written again from a journal that is as it was signed.
        if still_signed(folder, &told).is_err() && is_signed(folder, journal::FILE_NAME) {
            report::write_all(&told.fold.report, folder, templates)
                .map_err(|error| wrong(with_help(&error)))?;
        }
        still_signed(folder, &told).map_err(wrong)?;
        // The first process may have died before it put the run there.
        if let Some(store) = store {
            store::keep(store, folder).map_err(complained(Exit::Error))?;
        }
        return Ok(show(&told.fold.report, folder, templates, Signature::Kept, args.output, around));
    }
    let mut report = told.fold.report;
    report.journal = Some(run_folder::noted(contents.end()));
    Ok(deliver(&report, folder, templates, &Ended::default(), args.output, around))
}

/// Returns what a model says of the recovery, if the first process died before it recorded that. The
/// run's first instant counts, as for an uninterrupted run.
fn forecast(
    contents: &Contents,
    loaded: &Loaded,
    config: &UserConfig,
    jobs: usize,
) -> Option<event::Forecast> {
    let record = Record::from_events(&contents.events);
    let (start, _) = record.started?;
    if record.t0.is_some() || record.forecast.is_some() {
        return None;
    }
    super::forecast::before_run(loaded, config, &Asked { start, jobs, watched: false }).forecast
}

/// Returns whether only the reports are left to write: the run has ended, and no kept or
/// left-behind resource and no network has to be removed.
fn is_over(contents: &Contents, abort: bool) -> bool {
    let is_left = || {
        let record = Record::from_events(&contents.events);
        let network = !record.network_left.is_empty();
        record.kept.is_some() || network || record.left_behind.is_some_and(|left| !left.is_empty())
    };
    contents.finished() && !(abort && is_left())
}

/// Returns the first event of the run.
fn started(events: &[Event], folder: &Path) -> Result<RunStarted, String> {
    if let Some(Body::RunStarted(started)) = events.first().map(|first| &first.body) {
        return Ok((**started).clone());
    }
    Err(format!(
        "{}: not even the run's beginning is on record, so nothing was done: run the drill anew with another --out, or remove the folder",
        folder.display()
    ))
}

/// Returns the parameters that the run was given. Secrets are on no record, and are given again.
///
/// # Errors
///
/// A secret is missing, or `given` would change a value. One run has one set of parameters: steps
/// that ended have used theirs, and the report names one value each.
fn params(
    recorded: &[(String, String)],
    given: &[(String, String)],
    folder: &Path,
    abort: bool,
) -> Result<Vec<(String, String)>, String> {
    let is_secret = |value: &str| value.contains(redact::MARK);
    for (name, value) in given {
        match recorded.iter().find(|(known, _)| known == name) {
            Some((_, known)) if known == value => {}
            Some((_, known)) if is_secret(known) && could_be(known, value) => {}
            Some((_, known)) if is_secret(known) => {
                return Err(format!(
                    "--param {name}: this is not the value of the first run, which was `{known}`: give the same one"
                ));
            }
            Some(_) | None => {
                return Err(format!(
                    "--param {name}: a run keeps the params that it began with, since its first steps and its report \
                     stand on them: leave it out, or tear the run down with `drillmaster abort {}` and start it anew",
                    folder.display()
                ));
            }
        }
    }
    let mut all = Vec::new();
    for (name, known) in recorded {
        match given.iter().rev().find(|(of, _)| of == name) {
            Some((_, value)) => all.push((name.clone(), value.clone())),
            None if !is_secret(known) => all.push((name.clone(), known.clone())),
            // A teardown needs no secret: the playbook's own value does.
            None if abort => {}
            None => {
                return Err(format!(
                    "the param `{name}` held a secret, which is on no record: give it again with `--param {name}=…`, or \
                     tear the run down with `drillmaster abort {}`",
                    folder.display()
                ));
            }
        }
    }
    Ok(all)
}

/// Whether a value could be the one that was recorded without its secrets.
fn could_be(recorded: &str, value: &str) -> bool {
    let parts: Vec<&str> = recorded.split(redact::MARK).collect();
    let Some(((first, last), between)) = ends(&parts) else { return recorded == value };
    let Some(mut rest) = value.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else {
        return false;
    };
    for part in between {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

/// The first and the last of several parts, and those between them.
fn ends<'a>(parts: &'a [&'a str]) -> Option<((&'a str, &'a str), &'a [&'a str])> {
    match parts {
        [first, between @ .., last] => Some(((first, last), between)),
        [] | [_] => None,
    }
}

/// Returns the playbook of a run as its journal keeps it, for a command that needs none of its secrets.
///
/// # Errors
/// It cannot be read. The mistake was written to stderr.
pub fn kept_playbook(folder: &Path) -> Result<Loaded, Exit> {
    let wrong = complained(Exit::Wrong);
    let contents = journal::read(folder).map_err(|e| wrong(e.to_string()))?;
    let started = started(&contents.events, folder).map_err(wrong)?;
    let params = params(&started.inputs.params, &[], folder, true).map_err(wrong)?;
    loaded(&started, &params)
}

/// Returns the playbook as the run read it, with its files.
fn loaded(started: &RunStarted, params: &[(String, String)]) -> Result<Loaded, Exit> {
    let folder = PathBuf::from(&started.inputs.folder);
    let name = Path::new(&started.playbook.path).file_name().unwrap_or("playbook.yaml".as_ref());
    let files = Files::kept_by_a_run(&folder, started.inputs.files.clone());
    let path = folder.join(name);
    load_kept(&path, &started.playbook.source, files, CATALOGUE, params).map_err(|found| {
        super::output::write_stderr(&found.render(false));
        complain(&format!(
            "the playbook as the run kept it cannot be read by this version: go on with version {}",
            started.version
        ));
        Exit::Wrong
    })
}

/// Refuses a clock behind the last record. All figures are differences of times, which different
/// machines may have recorded.
fn clock_agrees(events: &[Event]) -> Result<(), String> {
    let now = Utc::now();
    match events.last() {
        Some(last) if last.at > now + TimeDelta::seconds(1) => Err(format!(
            "this machine's clock says {}, and the run's last record is of {}: set the clock, or every figure would be wrong",
            now.format("%Y-%m-%dT%H:%M:%SZ"),
            last.at.format("%Y-%m-%dT%H:%M:%SZ"),
        )),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::params;

    fn of(given: &[(&str, &str)], abort: bool) -> Result<Vec<(String, String)>, String> {
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let recorded = owned(&[("class", "db.t4g.small"), ("url", "postgres://app:***@db:5432/***")]);
        params(&recorded, &owned(given), Path::new("runs/a"), abort)
    }

    #[test]
    fn only_secrets_are_given_again() {
        let secret = ("url", "postgres://app:pw@db:5432/orders");
        let value = |all: &[(String, String)]| all.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>();
        assert_eq!(value(&of(&[secret], false).unwrap()), ["db.t4g.small", secret.1]);
        assert_eq!(of(&[secret, ("class", "db.t4g.small")], false).unwrap().len(), 2);
        let missing = of(&[], false).unwrap_err();
        assert!(missing.contains("`url` held a secret") && missing.contains("--param url=…"), "{missing}");
        assert_eq!(value(&of(&[], true).unwrap()), ["db.t4g.small"], "a teardown needs no secret");
        for changed in [("class", "db.r6g.large"), ("more", "1")] {
            let refused = of(&[secret, changed], false).unwrap_err();
            assert!(refused.contains("keeps the params that it began with"), "{refused}");
            assert!(refused.contains("drillmaster abort runs/a"), "{refused}");
        }
        for other in ["postgres://app:pw@elsewhere:5432/orders", "mysql://app:pw@db:5432/orders"] {
            let refused = of(&[("url", other)], false).unwrap_err();
            assert!(refused.contains("not the value of the first run"), "{refused}");
            assert!(!refused.contains("pw") && !refused.contains("elsewhere"), "{refused}");
        }
    }
}
