//! Copies by AWS Backup that could not begin. What is wrong is known before T0, and not when the step is
//! due.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::begin::{Halt, Preflighted};
use super::found::SurveyedPoints;
use super::known::Points;
use super::points::{Chooser, wanted};
use super::{Engine, Stop};
use crate::actions::{KEY_HELP, copy_doubts, why_not_copied};
use base::ids::AccountId;
use base::severity::Severity;
use estate::RecoveryPoint;
use estate::point::select;
use playbook::expr::is_template;
use port::restorable::is_continuous;
use port::{Finding, Place, Rule};

impl Engine {
    /// The roles of an account that AWS Backup copies with, as far as they are known, and where to.
    pub(super) fn copy_roles(&self, account: &AccountId) -> BTreeMap<String, Place> {
        let of_account = self.plan.copies().filter(|(_, _, copy)| copy.from.as_ref() == Some(account));
        let known = of_account.filter(|(_, _, copy)| !is_template(&copy.role));
        known.map(|(_, _, copy)| (copy.role.clone(), self.plan.sandbox_place())).collect()
    }

    /// Stops a drill with such a copy, as far as the playbook and the accounts show it.
    pub(super) fn copies_that_cannot_begin(&self, seen: &Preflighted) -> Option<Halt> {
        let plan = &self.plan;
        let surviving = plan.surviving_accounts();
        for (node, _, copy) in self.plan.copies() {
            let stop = |why: String, help: &str| {
                let error = format!("step `{}` cannot copy: {why}", node.id);
                let stop = Stop::Aborted { error, help: Some(help.to_owned()) };
                Some(Halt { stop, unseen: false })
            };
            let Some(from) = &copy.from else {
                return stop(
                    format!("its role `{}` is known only during the run", copy.role),
                    "let `role` be known before T0: the vault in the sandbox admits only its account",
                );
            };
            if !surviving.contains(from) {
                return stop(
                    format!("its role belongs to account {from}, which is none of the playbook's"),
                    "add the account to `accounts`, with a way in: the copy job is started there",
                );
            }
            if let Some(why) = self.config.protected.why_not_copied(from) {
                return stop(why, "to allow it, add the account to `copy_from` of that file");
            }
            if copy.needs_key && *from != plan.sandbox_account {
                return stop(format!("it copies from account {from} without a key"), KEY_HELP);
            }
            if let Some((error, help)) = seen.out_of_reach(from) {
                let why = format!("account {from}, where the copy job is started, is out of reach: {error}");
                let help = help.unwrap_or("give the drill a way into the account (`accounts`)");
                return stop(why, help).map(|halt| Halt { unseen: true, ..halt });
            }
        }
        None
    }

    /// The same, as far as the recovery points show it that would be copied now. What is not known of
    /// them is reported.
    pub(super) async fn points_that_cannot_be_copied(
        &self,
        known: &Map<String, Value>,
        surveyed: &SurveyedPoints,
    ) -> Vec<Halt> {
        let to = &self.plan.sandbox_account;
        let mut halts = Vec::new();
        let points = Points::default();
        let t0 = self.clock.now();
        let chooser = Chooser { engine: self, t0, points: &points };
        for (node, work, copy) in self.plan.copies() {
            let Some(spec) = self.known_source(work, known).await else { continue };
            let (wanted, _) = wanted(&spec.what, t0, || self.draw(&node.id));
            for (query, _) in self.queries(work, known).await {
                // One that was not read whole is asked for again by the step.
                let Some(found) = surveyed.get(&query) else { continue };
                let owned = found.iter().filter(|point| copy.from.as_ref() == Some(&point.account)).cloned();
                let (barred, free): (Vec<RecoveryPoint>, Vec<_>) =
                    owned.partition(|point| why_not_copied(point, to).is_some());
                // A continuous one stands beside the snapshots, and tells nothing of them.
                let (continuous, snapshots): (Vec<_>, Vec<_>) =
                    barred.into_iter().partition(|point| is_continuous(&point.id));
                let barred = if snapshots.is_empty() { continuous } else { snapshots };
                let on = chooser.on(&spec);
                if let Some(chosen) = select(&free, &wanted, &on).chosen {
                    for doubt in copy_doubts(chosen, to) {
                        self.report(Finding::new(
                            Rule::VaultPolicyUnclear,
                            &chosen.id,
                            format!("whether step `{}` may copy {} is not known: {doubt}", node.id, chosen.id),
                            "look at the policy (`aws backup get-backup-vault-access-policy`) and at the key, or let the drill read them: `drillmaster iam-policy` prints what it needs",
                        ));
                    }
                } else if let Some(chosen) = select(&barred, &wanted, &on).chosen
                    && let Some((why, fix)) = why_not_copied(chosen, to)
                {
                    let said = format!("step `{}` cannot copy {}: {why}", node.id, chosen.id);
                    // The drill may pass without it.
                    if work.step.when.is_some() || work.step.continue_on_error {
                        let found = Finding::new(Rule::Preflight, &node.id, said, fix);
                        self.report(found.graded(Severity::Medium));
                    } else {
                        let stop = Stop::Aborted { error: said, help: Some(fix.to_owned()) };
                        halts.push(Halt { stop, unseen: false });
                    }
                }
            }
        }
        halts
    }
}

impl Preflighted {
    /// Why an account could not be looked into, and what to do. `None`: it could.
    fn out_of_reach(&self, account: &AccountId) -> Option<(String, Option<&str>)> {
        let identity = self.identities.iter().find(|one| one.account == *account);
        let identity = identity.and_then(|one| one.belongs_to.as_ref().err());
        let mut looked = self.seen.iter().filter(|(place, _)| place.account == *account);
        let error = identity.or_else(|| looked.find_map(|(_, seen)| seen.as_ref().err()))?;
        Some((error.to_string(), error.help.as_deref()))
    }
}
