//! Reads AWS.

use std::sync::Arc;

use ::aws::discover::{Progress, Scope, Service, services};

use super::progress::{Event, Shown, What};
use super::{Reading, complain, complained};
use crate::cli::configuration::account_of;
use crate::cli::wire;
use base::clock::{Clock, Pace};
use base::exit::Exit;
use base::ids::AccountId;
use estate::discovered::Discovered;
use playbook::model::Account;
use port::LossGate;
use yaml::diagnostic::nearest;

pub fn read(reading: &Reading, shown: &Shown) -> Result<Discovered, Exit> {
    let wrong = |message: String| {
        shown.end();
        complain(&message);
        Exit::Wrong
    };
    let services =
        reading.services.iter().map(|name| service(name)).collect::<Result<_, _>>().map_err(wrong)?;
    let scope = Scope {
        accounts: reading.accounts.iter().map(|(name, account)| (account.id.clone(), name.clone())).collect(),
        regions: reading.regions.clone(),
        services,
    };
    let clock = Clock::real();
    let gate = Arc::new(LossGate::nothing_lost());
    let accounts: Vec<Account> = reading.accounts.iter().map(|(_, account)| account_of(account)).collect();
    let region = reading.regions.first();
    let aws =
        wire::connect(accounts.iter(), "drillmaster-discover", region, &clock, &gate, None).map_err(wrong)?;
    let runtime = wire::runtime().map_err(wrong)?;
    let told = |progress: Progress<'_>| shown.take(event(progress));
    let work = aws.discover(&scope, &told);
    let local = tokio::task::LocalSet::new();
    runtime.block_on(clock.drive(Pace::Max, local.run_until(work))).map_err(|error| {
        shown.end();
        complain(&format!("nothing could be read: {error}"));
        Exit::Error
    })
}

/// The account of the default credentials: of the environment, a profile or a machine's role.
pub fn own_account() -> Result<AccountId, Exit> {
    let wrong = complained(Exit::Wrong);
    let clock = Clock::real();
    let gate = Arc::new(LossGate::nothing_lost());
    let aws = wire::connect(std::iter::empty(), "drillmaster-discover", None, &clock, &gate, None)
        .map_err(wrong)?;
    let runtime = wire::runtime().map_err(wrong)?;
    let local = tokio::task::LocalSet::new();
    runtime.block_on(clock.drive(Pace::Max, local.run_until(aws.own_account()))).map_err(|error| {
        complain(&format!(
            "no account is named, and the default credentials do not tell one: {error}. Log in, or give \
             --account NAME=ID"
        ));
        Exit::Error
    })
}

fn event(progress: Progress<'_>) -> Event<'_> {
    match progress {
        Progress::Began { account, region, service } => Event { account, region, service, what: What::Began },
        Progress::Ended { account, region, service, resources, points } => {
            Event { account, region, service, what: What::Ended { resources, points } }
        }
        Progress::Failed { account, region, service, why } => {
            Event { account, region, service, what: What::Failed { why } }
        }
    }
}

fn service(name: &str) -> Result<&'static Service, String> {
    let all = services();
    all.iter().find(|service| service.name == name).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|service| service.name).collect();
        let near = nearest(name, names.iter().copied());
        let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        format!("--services {name}: there is no such service{near}; all are: {}", names.join(", "))
    })
}
