//! `drillmaster sweep`

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Value, json};

use super::arguments::region;
use super::configuration::{ConfigArg, account_of};
use super::{complain, complained, wire};
use crate::config::{SweptAccount, UserConfig};
use crate::ui::text::{clean, count};
use crate::ui::{OutputMode, Surroundings};
use base::clock::{Clock, Pace};
use base::duration::{Span, Time, human_seconds, seconds_between};
use base::exit::Exit;
use base::ids::{AccountId, Region};
use engine::actions::CATALOGUE;
use engine::sandbox::standing;
use engine::sandbox::sweep::{self, Expiry, Leftover, Outcome, Sweeper, Swept};
use playbook::load;
use playbook::model::Account;
use port::{LossGate, Place, Whose};

/// Find resources that drills left in AWS, by the tag drillmaster:run; with --delete, remove
/// expired ones
///
/// Looks in all accounts and regions of the named playbooks, or else of the configuration. Removes
/// only resources with the tag drillmaster:run and a readable tag drillmaster:expires that has
/// passed, in dependency order.
///
/// Exit codes: 0 nothing expired is left; 1 expired resources are left, or resources of unknown
/// expiry; 2 the command line, the configuration or a playbook is wrong; 3 some places could not be
/// read; 4 an expired resource could not be removed.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster sweep
  drillmaster sweep --delete")]
pub struct Args {
    /// Playbooks whose accounts and regions are searched
    #[arg(value_name = "PLAYBOOK")]
    playbooks: Vec<PathBuf>,
    /// Search only this account, by its id or its name; an unknown id is reached with the default
    /// credentials
    #[arg(long = "account", value_name = "ACCOUNT")]
    accounts: Vec<String>,
    /// Search this region, instead of those of the playbooks or the configuration
    #[arg(long = "region", value_name = "REGION", value_parser = region)]
    regions: Vec<Region>,
    /// Remove expired resources
    #[arg(long)]
    delete: bool,
    /// The time after which a resource that cannot be deleted is given up
    #[arg(long, value_name = "DURATION", default_value = "45m")]
    teardown_timeout: Span,
    /// text: the resources found and their outcome; json: the same as one object
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    output: OutputMode,
    #[command(flatten)]
    config: ConfigArg,
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(code) | Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<Exit, Exit> {
    let wrong = complained(Exit::Wrong);
    let config = args.config.load_or_complain()?;
    let (accounts, places) = where_to_look(args, &config)?;
    let clock = Clock::real();
    let gate = Arc::new(LossGate::nothing_lost());
    // A region that is swept is one that the credentials can be asked in.
    let region = places.first().map(|place| &place.region);
    let cloud =
        wire::aws(accounts.values(), "drillmaster-sweep", region, &clock, &gate, None).map_err(wrong)?;
    let runtime = wire::runtime().map_err(wrong)?;
    let sweeper = Sweeper {
        cloud: Rc::clone(&cloud),
        clock: clock.clone(),
        protected: config.protected(),
        patience: args.teardown_timeout.0,
    };
    let now = clock.now();
    let work = async {
        let mut swept = sweep::look(&*cloud, &places, &Whose::Any, now).await;
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
    super::print_as(&text, args.output.form())?;
    Ok(code)
}

/// Returns the accounts with their access, and every place to search.
fn where_to_look(
    args: &Args,
    config: &UserConfig,
) -> Result<(BTreeMap<AccountId, Account>, Vec<Place>), Exit> {
    let mut named: Vec<(String, Account, BTreeSet<Region>)> = Vec::new();
    for path in &args.playbooks {
        // A protected sandbox is allowed here. It is searched like any other, and nothing in it is
        // removed.
        let loaded = load(path, CATALOGUE, &[]).map_err(|found| {
            let colour = Surroundings::detect().stderr_look().color;
            super::output::write_stderr(&found.render(colour));
            Exit::Wrong
        })?;
        let plan = wire::plan_of(loaded).map_err(|message| {
            complain(&message);
            Exit::Wrong
        })?;
        let mut regions: BTreeSet<Region> = plan.regions.iter().cloned().collect();
        regions.insert(plan.sandbox.region.clone());
        regions.extend(plan.loss.region().cloned());
        // Another provider has only buckets, and no sandbox is ever created there.
        let accounts = plan.accounts.into_iter().filter(|(_, account)| account.endpoint.is_none());
        named.extend(accounts.map(|(name, account)| (name, account, regions.clone())));
    }
    if args.playbooks.is_empty() {
        let accounts = config.accounts.iter();
        named.extend(accounts.map(|(name, a)| (name.clone(), account_of(a), config.regions.clone())));
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
            let account = account_of(&SweptAccount { id, profile: None, role: None, external_id: None });
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
            && access_of(other) != access_of(&account)
        {
            complain(&format!(
                "account {} has two different logins; sweep one playbook at a time",
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

fn access_of(account: &Account) -> [Option<&String>; 3] {
    [account.profile.as_ref(), account.role.as_ref(), account.external_id.as_ref()]
}

/// Returns the exit code of the worst outcome.
fn exit_code(swept: &Swept) -> Exit {
    let any = |is: fn(&Leftover) -> bool| swept.leftovers.iter().any(is);
    if any(|l| matches!(l.outcome, Outcome::Resisted(_))) || !swept.held.is_empty() {
        Exit::LeftBehind
    } else if !swept.unseen.is_empty() {
        Exit::Error
    } else {
        let stands =
            |l: &Leftover| l.outcome == Outcome::Stands && !matches!(l.expiry, Expiry::StandsUntil(_));
        if any(stands) { Exit::Failed } else { Exit::Passed }
    }
}

/// Groups the resources by run. Runs are ordered by their ids, which begin with the time of their
/// start.
fn by_run(swept: &Swept) -> BTreeMap<&str, Vec<&Leftover>> {
    let mut runs: BTreeMap<&str, Vec<&Leftover>> = BTreeMap::new();
    for leftover in &swept.leftovers {
        runs.entry(&leftover.thing.run.0).or_default().push(leftover);
    }
    runs
}

/// Returns when the run began, by its id or else by its oldest resource.
fn began(run: &str, leftovers: &[&Leftover]) -> Option<Time> {
    let stamp = run.split('-').next().unwrap_or_default();
    let by_id = chrono::NaiveDateTime::parse_from_str(stamp, "%Y%m%dT%H%M%SZ").ok();
    by_id.map(|t| t.and_utc()).or_else(|| leftovers.iter().filter_map(|l| l.thing.created).min())
}

fn as_json(swept: &Swept, code: Exit, now: Time) -> Value {
    let runs: Vec<Value> = by_run(swept)
        .into_iter()
        .map(|(run, leftovers)| {
            let things: Vec<Value> = leftovers.iter().map(|leftover| resource_as_json(leftover)).collect();
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
        "held": swept.held,
        "runs": runs,
        "exit_code": code,
    })
}

fn resource_as_json(leftover: &Leftover) -> Value {
    let (expiry, why) = match &leftover.expiry {
        Expiry::Expired(_) => ("expired", None),
        Expiry::StandsUntil(_) => ("stands", None),
        Expiry::Unknown(why) => ("unknown", Some(why)),
    };
    let (outcome, why) = match &leftover.outcome {
        Outcome::Stands => ("stands", why),
        Outcome::Removed => ("removed", None),
        Outcome::Resisted(why) => ("not_removed", Some(why)),
    };
    let thing = &leftover.thing;
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
        // Writing to a string cannot fail. Tags and errors come from outside, so they are cleaned.
        let _ = writeln!(text, "{}", clean(&words));
    };
    for (run, leftovers) in by_run(swept) {
        let age = began(run, &leftovers).map_or("age unknown".to_owned(), |began| {
            format!("{} old", human_seconds(seconds_between(began, now)))
        });
        let is_standing = standing::name_of(run);
        line(match is_standing {
            Some(name) => format!(
                "standing sandbox `{name}`: {}, {age}; `drillmaster sandbox down` removes it",
                count(leftovers.len(), "thing")
            ),
            None => format!("{run}: {}, {age}", count(leftovers.len(), "thing")),
        });
        for leftover in leftovers {
            let expiry = match &leftover.expiry {
                Expiry::Expired(at) => format!("expired {} ago", human_seconds(seconds_between(*at, now))),
                Expiry::StandsUntil(_) if is_standing.is_some() => "stays".to_owned(),
                Expiry::StandsUntil(at) => format!("expires in {}", human_seconds(seconds_between(now, *at))),
                Expiry::Unknown(why) => format!("left alone: {why}"),
            };
            let outcome = match &leftover.outcome {
                Outcome::Stands => String::new(),
                Outcome::Removed => "; removed".to_owned(),
                Outcome::Resisted(why) => format!("; NOT removed: {why}"),
            };
            line(format!("  {}: {expiry}{outcome}", leftover.thing.resource));
        }
    }
    for unseen in &swept.unseen {
        line(format!("could not be searched: {unseen}"));
    }
    for held in &swept.held {
        line(format!("cannot be removed by Drillmaster: {held}"));
    }
    let number = |is: fn(&Leftover) -> bool| swept.leftovers.iter().filter(|l| is(l)).count();
    let places = count(swept.looked_at.len(), "place");
    if swept.leftovers.is_empty() {
        line(match (swept.looked_at.is_empty(), swept.unseen.is_empty()) {
            (true, _) => "nothing could be searched: whether a drill has left anything is unknown".to_owned(),
            (false, true) if swept.held.is_empty() => {
                format!("{places} searched: no drill has left anything there")
            }
            (false, true) => format!("{places} searched: no drill has left anything else there"),
            (false, false) => {
                format!("{places} searched: nothing was found, and what could not be searched is unknown")
            }
        });
        return text;
    }
    let expired = number(|l| matches!(l.expiry, Expiry::Expired(_)));
    let mut words =
        format!("{places} searched: {}, {expired} expired", count(swept.leftovers.len(), "resource"));
    let unknown = number(|l| matches!(l.expiry, Expiry::Unknown(_)));
    if unknown > 0 {
        // Writing to a string cannot fail.
        let _ = write!(words, ", {unknown} of unknown expiry");
    }
    if delete {
        let removed = number(|l| l.outcome == Outcome::Removed);
        // Writing to a string cannot fail.
        let _ = write!(words, ", {removed} removed");
    } else if expired > 0 {
        words.push_str("; remove expired resources with --delete");
    }
    line(words);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing is said of a place that was not searched.
    #[test]
    fn only_what_was_searched_is_clean() {
        let place =
            || Place { account: "999988887777".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        let told = |looked_at: Vec<Place>, unseen: Vec<String>| {
            as_text(&Swept { looked_at, unseen, ..Swept::default() }, false, Clock::real().now())
        };
        let unseen = || vec!["999988887777 us-west-2: no credentials".to_owned()];
        assert!(told(vec![place()], vec![]).contains("1 place searched: no drill has left anything there"));
        for text in [told(vec![], unseen()), told(vec![place()], unseen()), told(vec![], vec![])] {
            assert!(!text.contains("no drill has left anything") && text.contains("unknown"), "{text}");
        }
    }
}
