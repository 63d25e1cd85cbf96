//! `drillmaster plan`: what a loss takes and what comes back, without a drill.

mod brought;
mod estate_loss;
mod findings;
mod lines;
mod live;
mod matrix;
mod model;
mod needs;
mod page;
mod permissions;
mod playbook;
mod points;
mod restored;
pub mod unread;

use std::path::{Path, PathBuf};

use chrono::Utc;
use clap::ValueEnum;

use super::configuration::ConfigArg;
use super::history::{self, Runs};
use super::ignores::{Ignores, load_estate_or_complain};
use super::output::complain;
use super::store::StoreArg;
use ::estate::file::EstateFile;
use ::estate::{Loss, Resource, Selectors};
use ::playbook::Loaded;
use base::duration::{Span, human_seconds};
use base::exit::Exit;
use base::on::On;
use insight::matrix::{Each, Workloads, losses, workloads};
use insight::protection::Snapshot;
use insight::rules::{self, Goal, Look};

/// Show what a loss takes, what survives and what comes back; change nothing
///
/// With a playbook: it is rehearsed on the twin. The sources of each restore, the order, the
/// expected RTO and RPO, the permissions, the quotas and the cost are shown; exit code 1: as planned,
/// the drill cannot pass. With `--on aws` the live accounts are read too: the recovery points as
/// they are now, credentials, permissions, quotas and offers; exit code 3: something could not be
/// looked at. With an estate alone: what `--lose` takes, and what of it nothing protects. With
/// `--lose-each`: the matrix of all zones, regions or accounts. A workload is then each value of the
/// tag `app`, or those of the playbook.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster plan drills/region-loss.yaml
  drillmaster plan playbook.yaml --on aws
  drillmaster plan --estate drills/estate.yaml --lose region=us-east-1
  drillmaster plan --estate drills/estate.yaml --lose-each az --output markdown")]
pub struct Args {
    /// The playbook to rehearse
    #[arg(required_unless_present = "estate")]
    playbook: Option<PathBuf>,
    /// The estate to look at, without a playbook
    #[arg(long, value_name = "FILE", conflicts_with = "playbook")]
    estate: Option<PathBuf>,
    /// Where to look: on the twin alone, or at the live accounts too; both change nothing
    #[arg(long, value_parser = super::on(), default_value_t, conflicts_with_all = ["estate", "lose_each"])]
    on: On,
    /// What is lost: `az=use1-az1`, `region=us-east-1` or `account=111122223333`
    #[arg(long, value_name = "KIND=ID", value_parser = loss, requires = "estate", conflicts_with = "lose_each")]
    lose: Option<Loss>,
    /// Show the matrix: each zone, region or account of the estate is lost in turn
    #[arg(long, value_enum, value_name = "KIND")]
    lose_each: Option<Kind>,
    /// The table of list prices to reckon the cost with, instead of the program's own
    #[arg(long, value_name = "FILE", conflicts_with = "estate")]
    prices: Option<PathBuf>,
    /// Override a param of the playbook
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = super::name_and_value, conflicts_with = "estate")]
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

/// The value of `--output`, also for `forecast`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    #[default]
    Text,
    Markdown,
    Json,
    /// A page
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

/// A worst case in words. `at_least`: a lower bound, if it is not known.
fn worst_case(seconds: Option<f64>, at_least: Option<f64>) -> String {
    match (seconds, at_least) {
        (Some(seconds), _) => format!("worst case {}", human_seconds(seconds)),
        (None, Some(seconds)) => format!("worst case at least {}", human_seconds(seconds)),
        (None, None) => "worst case unknown".to_owned(),
    }
}

pub use model::{MatrixWithFindings, Plan};
pub use needs::prices;
pub use playbook::Planned;

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
            let snapshot = Snapshot::new(file, Utc::now());
            let of_playbook = workloads_of(&loaded, &snapshot);
            let mut look = Look::new(&snapshot, None);
            look.goals = goals(&loaded, &of_playbook);
            look.practice =
                StoreArg::offline(&config).and_then(|store| history::practice(&loaded, &mut Runs::of(store)));
            let found = rules::findings(&look, &Ignores::of_playbook(&loaded).ignores);
            let losses = each(file, kind);
            judgeable(&estate.path, file, &losses)?;
            matrix::run(args, &estate.path, &snapshot, &losses, &of_playbook, &found)
        }
        (None, Some(path), kind) => {
            let loaded = load_estate_or_complain(path)?;
            let file = &loaded.file;
            let snapshot = Snapshot::new(file, Utc::now());
            let ignores = Ignores::of_estate(&loaded).ignores;
            let found = rules::findings(&Look::new(&snapshot, args.lose.as_ref()), &ignores);
            match (kind, &args.lose) {
                (Some(kind), _) => {
                    let losses = each(file, kind);
                    judgeable(path, file, &losses)?;
                    matrix::run(args, path, &snapshot, &losses, &workloads(file), &found)
                }
                (None, Some(loss)) => {
                    is_in(file, loss).map_err(|message| {
                        complain(&format!("{}: {message}", path.display()));
                        Exit::Wrong
                    })?;
                    judgeable(path, file, std::slice::from_ref(loss))?;
                    estate_loss::run(args, path, &snapshot, loss, &found)
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

fn judgeable(path: &Path, file: &EstateFile, losses: &[Loss]) -> Result<(), Exit> {
    can_judge(file, losses).map_err(|message| {
        complain(&format!("{}: {message}", path.display()));
        Exit::Wrong
    })
}

/// The workloads of a playbook, each with the indices of its resources in the estate.
fn workloads_of(loaded: &Loaded, snapshot: &Snapshot<'_>) -> Workloads {
    let workloads = loaded.playbook.workloads.iter().map(|(name, workload)| {
        let resources = snapshot.resources.iter().enumerate();
        let selectors = Selectors::new(&workload.resources);
        let selected = resources.filter(|(_, resource)| selectors.selects(resource));
        (name.clone(), selected.map(|(index, _)| index).collect())
    });
    workloads.collect()
}

/// What the workloads of a playbook want. Those without objectives of their own have the playbook's.
fn goals(loaded: &Loaded, workloads: &Workloads) -> Vec<Goal> {
    let goals = loaded.playbook.workloads.iter().map(|(name, workload)| {
        let (own, all) = (&workload.objectives, &loaded.playbook.objectives);
        Goal {
            workload: name.clone(),
            resources: workloads.get(name).cloned().unwrap_or_default(),
            rto_s: own.rto.or(all.rto).map(Span::as_secs_f64),
            rpo_s: own.rpo.or(all.rpo).map(Span::as_secs_f64),
            expected_rto_s: None,
        }
    });
    goals.collect()
}

/// Refuses an estate that cannot say what these losses take: nothing is not something, and a zonal
/// resource whose zone is not said may be lost or not.
pub fn can_judge(file: &EstateFile, losses: &[Loss]) -> Result<(), String> {
    if losses.is_empty() {
        return Err("the estate lists none of what should be lost: add its `regions` and `accounts`".into());
    }
    if file.resources.is_empty() {
        return Err("the estate lists no resource, so no loss takes anything: add `resources`".into());
    }
    let may_be_lost = |resource: &Resource| losses.iter().any(|loss| loss.may_take(resource));
    let vague: Vec<String> =
        file.resources().iter().filter(|r| may_be_lost(r)).map(|r| r.id.to_string()).collect();
    if vague.is_empty() {
        return Ok(());
    }
    let more = vague.len().saturating_sub(5);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named = vague.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    Err(format!(
        "the estate does not say in which zone {named}{more} lies, so whether a zone takes it is unknown: add `az:`"
    ))
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
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(format!("the estate has no {loss}: it has {known}"))
}
