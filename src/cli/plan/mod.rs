//! `drillmaster plan`: what a loss takes and what comes back, without a drill.

mod estate_loss;
mod matrix;
mod playbook;

use std::path::PathBuf;
use std::time::Duration;

use chrono::Utc;
use clap::ValueEnum;

use super::configuration::ConfigArg;
use super::output::{complain, write_stderr};
use crate::ui::Surroundings;
use ::estate::file::EstateFile;
use ::estate::{Loss, load};
use base::exit::Exit;
use insight::matrix::{Each, Workloads, losses, workloads};
use insight::protection::Snapshot;

/// What point-in-time recovery loses at least, at its worst (RDS user guide: logs every 5 minutes).
const LEAST_PITR_LAG: Duration = Duration::from_mins(5);

/// Show what a loss takes, what survives and what comes back; change nothing
///
/// With a playbook: it is rehearsed on the twin. The sources of each restore, the order and the
/// expected RTO and RPO are shown; exit code 1: as planned, the drill cannot pass. With an estate
/// alone: what `--lose` takes, and what of it nothing protects. With `--lose-each`: the matrix of
/// all zones, regions or accounts. A workload is then each value of the tag `app`, or those of the
/// playbook.
#[derive(clap::Args)]
pub struct Args {
    /// The playbook to rehearse
    #[arg(required_unless_present = "estate")]
    playbook: Option<PathBuf>,
    /// The estate to look at, without a playbook
    #[arg(long, value_name = "FILE", conflicts_with = "playbook")]
    estate: Option<PathBuf>,
    /// What is lost: `az=use1-az1`, `region=us-east-1` or `account=111122223333`
    #[arg(long, value_name = "KIND=ID", value_parser = loss, requires = "estate", conflicts_with = "lose_each")]
    lose: Option<Loss>,
    /// Show the matrix: each zone, region or account of the estate is lost in turn
    #[arg(long, value_enum, value_name = "KIND")]
    lose_each: Option<Kind>,
    /// Override a param of the playbook
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = super::name_and_value)]
    params: Vec<(String, String)>,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    config: ConfigArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Az,
    Region,
    Account,
}

/// The value of `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Output {
    #[default]
    Text,
    Markdown,
    Json,
    /// A page with the matrix
    Html,
}

/// Parses `region=us-east-1`.
pub fn loss(text: &str) -> Result<Loss, String> {
    let (kind, id) = text.split_once('=').ok_or("write KIND=ID, such as region=us-east-1")?;
    let told = |wrong: base::ids::BadName| format!("{}; {}", wrong.message, wrong.help);
    match kind {
        "az" => id.parse().map(Loss::Az).map_err(told),
        "region" => id.parse().map(Loss::Region).map_err(told),
        "account" => id.parse().map(Loss::Account).map_err(told),
        other => Err(format!("`{other}` is no kind of loss: write az, region or account")),
    }
}

/// The losses of one kind, in the estate's order.
fn each(file: &EstateFile, kind: Kind) -> Vec<Loss> {
    losses(
        file,
        match kind {
            Kind::Az => Each::Az,
            Kind::Region => Each::Region,
            Kind::Account => Each::Account,
        },
    )
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(code) | Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<Exit, Exit> {
    let config = args.config.load_or_complain()?;
    match (&args.playbook, &args.estate, args.lose_each) {
        (Some(path), _, None) => playbook::run(args, path, &config),
        (Some(path), _, Some(kind)) => {
            let loaded = super::load_or_complain(path, &args.params, &config)?;
            let Some(estate) = &loaded.estate else {
                complain(&format!("{}: the playbook names no estate: add `estate: FILE`", path.display()));
                return Err(Exit::Wrong);
            };
            let file = &estate.file;
            let mut of_playbook = Workloads::new();
            for (name, workload) in &loaded.playbook.workloads {
                let resources = file.resources().into_iter().enumerate();
                let selected = resources.filter(|(_, r)| workload.resources.iter().any(|s| s.selects(r)));
                of_playbook.insert(name.clone(), selected.map(|(index, _)| index).collect());
            }
            matrix::run(args, &estate.path, file, &each(file, kind), &of_playbook)
        }
        (None, Some(path), kind) => {
            let (loaded, found) = load::load(path).map_err(|found| {
                write_stderr(&found.render(Surroundings::detect().stderr_look().color));
                Exit::Wrong
            })?;
            write_stderr(&found.render(Surroundings::detect().stderr_look().color));
            let file = &loaded.file;
            match (kind, &args.lose) {
                (Some(kind), _) => matrix::run(args, path, file, &each(file, kind), &workloads(file)),
                (None, Some(loss)) => {
                    is_in(file, loss).map_err(|message| {
                        complain(&format!("{}: {message}", path.display()));
                        Exit::Wrong
                    })?;
                    estate_loss::run(args, path, &Snapshot::new(file, Utc::now(), LEAST_PITR_LAG), loss)
                }
                (None, None) => {
                    complain("an estate alone needs a loss: add `--lose KIND=ID` or `--lose-each KIND`");
                    Err(Exit::Wrong)
                }
            }
        }
        (None, None, _) => Err(Exit::Wrong),
    }
}

/// Refuses a loss that the estate does not know. It would take nothing.
pub fn is_in(file: &EstateFile, loss: &Loss) -> Result<(), String> {
    let known: Vec<&str> = match loss {
        Loss::Az(_) => {
            file.regions.values().flat_map(|entry| &entry.azs).map(base::ids::AzId::as_str).collect()
        }
        Loss::Region(_) => file.regions.keys().map(base::ids::Region::as_str).collect(),
        Loss::Account(_) => file.accounts.keys().map(base::ids::AccountId::as_str).collect(),
    };
    let (_, name) = loss.key_and_name();
    if known.contains(&name) {
        return Ok(());
    }
    Err(format!("the estate has no {loss}: it has {}", known.join(", ")))
}
