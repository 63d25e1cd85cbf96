//! The restore jobs of AWS Backup in the playbook's accounts.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;

use crate::cli::output::write_stderr;
use crate::cli::wire;
use aws::history::{RestoreJob, restores};
use base::clock::Clock;
use base::duration::Span;
use base::ids::AccountId;
use engine::plan::Plan;
use playbook::Loaded;
use port::{LossGate, Place, Restorable};

use super::learned::JOB_HISTORY_DAYS;

/// Reads the jobs of the types that the playbook restores with `backup.restore`. Says on stderr what
/// could not be read.
///
/// # Errors
/// Nothing could be read.
pub fn read(loaded: &Loaded) -> Result<Vec<RestoreJob>, String> {
    let plan = wire::plan_of(loaded.clone())?;
    let wanted = types(&plan);
    if wanted.is_empty() {
        write_stderr(
            "note: no step uses `backup.restore`, so restore jobs of AWS Backup teach nothing here\n",
        );
        return Ok(Vec::new());
    }
    let clock = Clock::real();
    let gate = Arc::new(LossGate::nothing_lost().with_elsewhere(plan.accounts_elsewhere()));
    let region = Some(&plan.sandbox.region);
    let aws = wire::connect(plan.accounts.values(), "drillmaster-forecast", region, &clock, &gate, None)?;
    let since = clock.now() - Span::from_secs(JOB_HISTORY_DAYS * 86_400).delta();
    let places = places(&plan);
    let answers = wire::runtime()?.block_on(async {
        let local = tokio::task::LocalSet::new();
        local.run_until(join_all(places.iter().map(|place| restores(&aws, place, since)))).await
    });
    let (mut jobs, mut failures) = (Vec::new(), Vec::new());
    for (place, answer) in places.iter().zip(answers) {
        match answer {
            Ok(found) => jobs.extend(found.into_iter().filter(|job| wanted.contains(&job.restores))),
            Err(error) => failures.push(format!("{place}: {error}")),
        }
    }
    if failures.len() == places.len() {
        return Err(format!("no restore job of AWS Backup could be read: {}", failures.join("; ")));
    }
    for failure in failures {
        write_stderr(&format!("note: nothing is learned from AWS Backup in {failure}\n"));
    }
    Ok(jobs)
}

/// The types that steps restore with `backup.restore`. All of them, if the playbook does not say one.
fn types(plan: &Plan) -> Vec<Restorable> {
    let mut types = Vec::new();
    for backup in plan.steps().filter_map(|(_, work)| work.demands.backup.as_ref()) {
        match backup.restores.and_then(Restorable::of) {
            Some(known) => types.push(known),
            None => types.extend(Restorable::ALL),
        }
    }
    types
}

/// The playbook's accounts, in the regions of the estate and of the sandbox. Nothing is lost yet: the jobs
/// of production's own region count, too.
fn places(plan: &Plan) -> Vec<Place> {
    let mut regions: BTreeSet<_> = BTreeSet::from([plan.sandbox.region.clone()]);
    regions.extend(plan.estate.iter().flat_map(|estate| estate.regions.keys().cloned()));
    let accounts: BTreeSet<_> =
        plan.accounts.values().filter(|a| a.endpoint.is_none()).map(|a| a.id.clone()).collect();
    let of = |account| {
        regions.iter().map(move |region| Place { account: AccountId::clone(account), region: region.clone() })
    };
    accounts.iter().flat_map(of).collect()
}
