//! `drillmaster sweep`

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Value, json};

use super::configuration::ConfigArg;
use super::{complain, wire};
use crate::config::{SweptAccount, UserConfig};
use crate::ui::text::{clean, count};
use crate::ui::{OutputMode, Surroundings};
use base::clock::{Clock, Pace};
use base::duration::{Span, Time, human_seconds, seconds_between};
use base::exit::Exit;
use base::ids::{AccountId, Region};
use engine::actions::CATALOGUE;
use engine::sandbox::sweep::{self, Expiry, Leftover, Outcome, Sweeper, Swept};
use playbook::load;
use playbook::model::Account;
use port::{LossGate, Place};

/// Find what drills have left standing in AWS, by its tag drillmaster:run; with --delete, remove what has expired
///
/// Looks in all accounts and regions of the playbooks, or of the configuration where no playbook is named. Removed is
/// only what carries drillmaster:run and a readable drillmaster:expires that has passed, in dependency order.
///
/// Exit codes: 0 nothing expired is left; 1 expired things stand, or things of which it cannot be told; 2 the command line, the
/// configuration or a playbook is wrong; 3 it could not look everywhere; 4 something expired could not be removed.
#[derive(clap::Args)]
pub struct Args {
    /// Playbooks whose accounts and regions are looked through
    #[arg(value_name = "PLAYBOOK")]
    playbooks: Vec<PathBuf>,
    /// Look only in this account, by its id or its name; an id that is named nowhere is reached with the default credentials
    #[arg(long = "account", value_name = "ACCOUNT")]
    accounts: Vec<String>,
    /// Look in this region, instead of those of the playbooks or the configuration
    #[arg(long = "region", value_name = "REGION", value_parser = region)]
    regions: Vec<Region>,
    /// Remove what has expired
    #[arg(long)]
    delete: bool,
    /// How long one resource may resist its deletion
    #[arg(long, value_name = "DURATION", default_value = "45m")]
    teardown_timeout: Span,
    /// text: what was found, and what became of it; json: one object with all of it
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    output: OutputMode,
    #[command(flatten)]
    config: ConfigArg,
}

fn region(text: &str) -> Result<Region, String> {
    text.parse().map_err(|e: base::ids::BadName| format!("{}; {}", e.message, e.help))
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(code) | Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<Exit, Exit> {
    let wrong = |message: String| {
        complain(&message);
        Exit::Wrong
    };
    let config = args.config.load_or_complain()?;
    let (accounts, places) = where_to_look(args, &config)?;
    let clock = Clock::real();
    let gate = Arc::new(LossGate::nothing_lost());
    let cloud = wire::aws(accounts.values(), "drillmaster-sweep", &clock, &gate).map_err(wrong)?;
    let runtime = wire::runtime().map_err(wrong)?;
    let sweeper = Sweeper {
        cloud: Rc::clone(&cloud),
        clock: clock.clone(),
        protected: config.protected(),
        patience: args.teardown_timeout.0,
    };
    let now = clock.now();
    let work = async {
        let mut swept = sweep::look(&*cloud, &places, now).await;
        if args.delete {
            sweeper.remove_expired(&mut swept).await;
        }
        swept
    };
    let local = tokio::task::LocalSet::new();
    let swept = runtime.block_on(clock.drive(Pace::Max, local.run_until(work)));
    let code = exit_code(&swept);
    let text = match args.output {
        OutputMode::Json => format!("{:#}\n", as_json(&swept, code, now)),
        OutputMode::Text => as_text(&swept, args.delete, now),
    };
    super::print(&text)?;
    Ok(code)
}

/// The accounts with their ways in, and every place to look at.
fn where_to_look(
    args: &Args,
    config: &UserConfig,
) -> Result<(BTreeMap<AccountId, Account>, Vec<Place>), Exit> {
    let mut named: Vec<(String, Account, BTreeSet<Region>)> = Vec::new();
    for path in &args.playbooks {
        // A protected sandbox is no mistake here: it is looked at like the others, and nothing in it is removed.
        let loaded = load(path, CATALOGUE, &[]).map_err(|found| {
            let colour = Surroundings::detect().stderr_look().color;
            let _nobody_listens = write!(std::io::stderr(), "{}", found.render(colour));
            Exit::Wrong
        })?;
        let plan = wire::plan_of(loaded).map_err(|message| {
            complain(&message);
            Exit::Wrong
        })?;
        let mut regions: BTreeSet<Region> = plan.regions.iter().cloned().collect();
        regions.insert(plan.sandbox.region.clone());
        regions.extend(plan.loss.region().cloned());
        // Another provider has buckets only, and no sandbox is ever made there.
        let accounts = plan.accounts.into_iter().filter(|(_, account)| account.endpoint.is_none());
        named.extend(accounts.map(|(name, account)| (name, account, regions.clone())));
    }
    if args.playbooks.is_empty() {
        let accounts = config.accounts.iter();
        named.extend(accounts.map(|(name, a)| (name.clone(), way_in(a), config.regions.clone())));
    }
    for wanted in &args.accounts {
        let known = named.iter().any(|(name, account, _)| name == wanted || account.id.as_str() == wanted);
        if !known {
            let Ok(id) = wanted.parse::<AccountId>() else {
                let names: BTreeSet<&str> = named.iter().map(|(name, ..)| name.as_str()).collect();
                let names = names.into_iter().collect::<Vec<_>>().join(", ");
                complain(&format!(
                    "--account {wanted}: neither an account id nor the name of an account ({})",
                    if names.is_empty() { "none is named anywhere" } else { &names }
                ));
                return Err(Exit::Wrong);
            };
            let account = way_in(&SweptAccount { id, profile: None, role: None, external_id: None });
            named.push((wanted.clone(), account, config.regions.clone()));
        }
    }
    let meant = |name: &str, id: &AccountId| {
        args.accounts.is_empty() || args.accounts.iter().any(|w| w == name || w == id.as_str())
    };
    let mut accounts: BTreeMap<AccountId, Account> = BTreeMap::new();
    let mut places = BTreeSet::new();
    for (name, account, regions) in named {
        if !meant(&name, &account.id) {
            continue;
        }
        let regions = if args.regions.is_empty() { regions } else { args.regions.iter().cloned().collect() };
        places.extend(regions.into_iter().map(|region| Place { account: account.id.clone(), region }));
        if let Some(other) = accounts.get(&account.id)
            && ways(other) != ways(&account)
        {
            complain(&format!(
                "account {} is given two different ways in; sweep one playbook at a time",
                account.id
            ));
            return Err(Exit::Wrong);
        }
        accounts.insert(account.id.clone(), account);
    }
    if places.is_empty() {
        complain(
            "there is nowhere to look: name a playbook, or `accounts` and `regions` in the configuration, or give --account and --region",
        );
        return Err(Exit::Wrong);
    }
    Ok((accounts, places.into_iter().collect()))
}

fn ways(account: &Account) -> [Option<&String>; 3] {
    [account.profile.as_ref(), account.role.as_ref(), account.external_id.as_ref()]
}

fn way_in(swept: &SweptAccount) -> Account {
    Account {
        id: swept.id.clone(),
        profile: swept.profile.clone(),
        role: swept.role.clone(),
        session_name: None,
        external_id: swept.external_id.clone(),
        endpoint: None,
        access_key_env: None,
        secret_key_env: None,
    }
}

/// The worst of what was found.
fn exit_code(swept: &Swept) -> Exit {
    let any = |is: fn(&Leftover) -> bool| swept.leftovers.iter().any(is);
    if any(|l| matches!(l.outcome, Outcome::Resisted(_))) {
        Exit::LeftBehind
    } else if !swept.unseen.is_empty() {
        Exit::Error
    } else {
        let stands =
            |l: &Leftover| l.outcome == Outcome::Stands && !matches!(l.expiry, Expiry::StandsUntil(_));
        if any(stands) { Exit::Failed } else { Exit::Passed }
    }
}

/// The things of each run, in the order of their ids; a run's id begins with the time of its start.
fn by_run(swept: &Swept) -> BTreeMap<&str, Vec<&Leftover>> {
    let mut runs: BTreeMap<&str, Vec<&Leftover>> = BTreeMap::new();
    for leaving in &swept.leftovers {
        runs.entry(&leaving.thing.run.0).or_default().push(leaving);
    }
    runs
}

/// When the run began: by its id, else by the oldest of its things.
fn began(run: &str, leftovers: &[&Leftover]) -> Option<Time> {
    let stamp = run.split('-').next().unwrap_or_default();
    let by_id = chrono::NaiveDateTime::parse_from_str(stamp, "%Y%m%dT%H%M%SZ").ok();
    by_id.map(|t| t.and_utc()).or_else(|| leftovers.iter().filter_map(|l| l.thing.created).min())
}

fn as_json(swept: &Swept, code: Exit, now: Time) -> Value {
    let runs: Vec<Value> = by_run(swept)
        .into_iter()
        .map(|(run, leftovers)| {
            let things: Vec<Value> = leftovers.iter().map(|leaving| thing_as_json(leaving)).collect();
            let age = began(run, &leftovers).map(|began| seconds_between(began, now));
            let expired = leftovers.iter().filter(|l| matches!(l.expiry, Expiry::Expired(_))).count();
            json!({ "run": run, "age_s": age, "things": things, "expired": expired })
        })
        .collect();
    let looked_at: Vec<Value> =
        swept.looked_at.iter().map(|p| json!({ "account": p.account, "region": p.region })).collect();
    json!({
        "schema": "drillmaster/sweep/v1",
        "looked_at": looked_at,
        "unseen": swept.unseen,
        "runs": runs,
        "exit_code": code,
    })
}

fn thing_as_json(leaving: &Leftover) -> Value {
    let (expiry, why) = match &leaving.expiry {
        Expiry::Expired(_) => ("expired", None),
        Expiry::StandsUntil(_) => ("stands", None),
        Expiry::Unknown(why) => ("unknown", Some(why)),
    };
    let (outcome, why) = match &leaving.outcome {
        Outcome::Stands => ("stands", why),
        Outcome::Removed => ("removed", None),
        Outcome::Resisted(why) => ("not_removed", Some(why)),
    };
    let thing = &leaving.thing;
    json!({
        "resource": thing.resource,
        "created": thing.created,
        "expires": thing.expires,
        "expiry": expiry,
        "outcome": outcome,
        "why": why,
    })
}

fn as_text(swept: &Swept, delete: bool, now: Time) -> String {
    let mut text = String::new();
    let mut line = |words: String| {
        // Writing to a string cannot fail. Tags and errors are other people's words.
        let _infallible = writeln!(text, "{}", clean(&words));
    };
    for (run, leftovers) in by_run(swept) {
        let age = began(run, &leftovers).map_or("age unknown".to_owned(), |began| {
            format!("{} old", human_seconds(seconds_between(began, now)))
        });
        line(format!("{run}: {}, {age}", count(leftovers.len(), "thing")));
        for leaving in leftovers {
            let expiry = match &leaving.expiry {
                Expiry::Expired(at) => format!("expired {} ago", human_seconds(seconds_between(*at, now))),
                Expiry::StandsUntil(at) => format!("expires in {}", human_seconds(seconds_between(now, *at))),
                Expiry::Unknown(why) => format!("left alone: {why}"),
            };
            let outcome = match &leaving.outcome {
                Outcome::Stands => String::new(),
                Outcome::Removed => "; removed".to_owned(),
                Outcome::Resisted(why) => format!("; NOT removed: {why}"),
            };
            line(format!("  {}: {expiry}{outcome}", leaving.thing.resource));
        }
    }
    for unseen in &swept.unseen {
        line(format!("could not be looked at: {unseen}"));
    }
    let number = |is: fn(&Leftover) -> bool| swept.leftovers.iter().filter(|l| is(l)).count();
    let places = count(swept.looked_at.len(), "place");
    if swept.leftovers.is_empty() {
        line(format!("{places} looked at: no drill has left anything there"));
        return text;
    }
    let expired = number(|l| matches!(l.expiry, Expiry::Expired(_)));
    let mut words =
        format!("{places} looked at: {}, {expired} expired", count(swept.leftovers.len(), "thing"));
    let unknown = number(|l| matches!(l.expiry, Expiry::Unknown(_)));
    if unknown > 0 {
        let _infallible = write!(words, ", {unknown} of which it cannot be told");
    }
    if delete {
        let removed = number(|l| l.outcome == Outcome::Removed);
        let _infallible = write!(words, ", {removed} removed");
    } else if expired > 0 {
        words.push_str("; remove what has expired with --delete");
    }
    line(words);
    text
}
