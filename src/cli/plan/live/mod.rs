//! `plan PLAYBOOK --on aws`: what the live accounts show, before anything is changed.

pub mod model;
mod sections;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::model::{
    Identity, IdentityStatus, Live, NotAllowed, Offer, Permissions, PointStatus, Quota, StepPoint,
    Sufficiency, Trouble, UsedPoint, Verdict,
};
use crate::cli::wire::{self, Drill, Options};
use crate::config::UserConfig;
use base::duration::{Time, seconds_between};
use base::exit::Exit;
use base::ids::AccountId;
use checks::ConnectTo;
use engine::run::look::{Found, Look, Source};
use engine::run::{Halt, Stop};
use event::Chosen;
use playbook::Loaded;
use port::{ApiCalls, Rule};
use record::objectives::Record;

pub use sections::{called, of as sections};

/// What a person may do who reads that something is not allowed.
const POLICY: &str = "attach the policy that `drillmaster iam-policy` prints for this account";

/// Looks at the live accounts of a playbook.
pub fn look(loaded: Loaded, config: &UserConfig, connect_to: &[ConnectTo]) -> Result<Live, String> {
    let named: Vec<(String, AccountId)> =
        loaded.playbook.accounts.iter().map(|(name, account)| (name.clone(), account.id.clone())).collect();
    let plan = wire::plan_of(loaded)?;
    let options = Options {
        patience: Duration::ZERO,
        connect_to: connect_to.to_vec(),
        ..Options::live("plan", config)
    };
    let runtime = wire::runtime()?;
    let seen = runtime.block_on(async {
        let drill = Drill::new(plan, &options, &[], CancellationToken::new(), |_| Vec::new())?;
        Ok::<_, String>(Box::pin(drill.look()).await)
    });
    // Some tasks may never return, such as a name lookup.
    runtime.shutdown_background();
    let (look, record, calls) = seen?;
    Ok(Names(named).live(&look, record, calls))
}

/// The playbook's names for accounts.
struct Names(Vec<(String, AccountId)>);

impl Names {
    fn of(&self, account: &AccountId) -> Vec<String> {
        self.0.iter().filter(|(_, id)| id == account).map(|(name, _)| name.clone()).collect()
    }

    fn live(&self, look: &Look, record: Record, calls: ApiCalls) -> Live {
        let mut live = Live {
            looked_at: look.at,
            verdict: Verdict::Clear,
            exit_code: Exit::Passed,
            reasons: Vec::new(),
            unknown: Vec::new(),
            identities: look.identities.iter().map(|one| self.identity(one)).collect(),
            points: look.sources.iter().map(|source| point(source, &record, look.at)).collect(),
            permissions: self.permissions(look),
            quotas: quotas(look),
            zones: look.zones.clone(),
            offers: offers(look),
            findings: record.findings,
            calls,
        };
        live.judge(look);
        live
    }

    fn identity(&self, one: &engine::run::Identity) -> Identity {
        let (status, because) = match &one.belongs_to {
            Ok(found) if found.account == one.account => (IdentityStatus::Confirmed, None),
            Ok(found) => {
                (IdentityStatus::OfAnother, Some(format!("they belong to account {}", found.account)))
            }
            Err(error) => (IdentityStatus::Unknown, Some(error.to_string())),
        };
        Identity { account: one.account.clone(), names: self.of(&one.account), status, because }
    }

    fn permissions(&self, look: &Look) -> Vec<Permissions> {
        let told = |action: &String, because: &String| NotAllowed {
            action: action.clone(),
            because: because.clone(),
            fix: format!("allow `{action}`: {POLICY}"),
        };
        let seen = look.places.iter().filter_map(|(place, seen)| Some((place, seen.as_ref().ok()?)));
        let seen = seen.filter_map(|(place, seen)| Some((place, seen.permissions.as_ref()?)));
        seen.map(|(place, seen)| Permissions {
            account: place.account.clone(),
            names: self.of(&place.account),
            principal: seen.principal.clone(),
            allowed: seen.allowed.iter().cloned().collect(),
            denied: seen.denied.iter().map(|(action, because)| told(action, because)).collect(),
            unknown: seen.unknown.iter().map(|(action, because)| told(action, because)).collect(),
        })
        .collect()
    }
}

fn quotas(look: &Look) -> Vec<Quota> {
    let seen = look.places.iter().filter_map(|(place, seen)| Some((place, seen.as_ref().ok()?)));
    let all = seen.flat_map(|(place, seen)| seen.quotas.iter().map(move |quota| (place, quota)));
    all.map(|(place, quota)| Quota {
        account: place.account.clone(),
        region: place.region.clone(),
        what: quota.what.to_owned(),
        code: quota.code.clone(),
        needed: quota.needed,
        used: quota.used,
        limit: quota.limit,
        status: Sufficiency::of(quota.is_enough()),
        because: quota.unknown.clone(),
    })
    .collect()
}

fn offers(look: &Look) -> Vec<Offer> {
    let offer = |offer: &engine::run::look::Offer| Offer {
        what: offer.what.clone(),
        zones: offer.zones.as_ref().map(|zones| zones.iter().cloned().collect()),
        status: Sufficiency::of(offer.is_enough),
    };
    look.offers.iter().map(offer).collect()
}

fn point(source: &Source, record: &Record, at: Time) -> StepPoint {
    let mut point = StepPoint {
        step: source.step.clone(),
        uses: source.uses.clone(),
        status: PointStatus::Found,
        point: None,
        not_newer_because: Vec::new(),
        because: None,
        fix: None,
    };
    let (status, why, fix) = match &source.found {
        Found::Point(chosen) => {
            point.point = Some(used(chosen, at));
            point.not_newer_because = not_newer(chosen, record);
            return point;
        }
        Found::None { why, fix } => (PointStatus::None, why, fix.clone()),
        Found::Unknown { why, fix } => (PointStatus::Unknown, why, fix.clone()),
        Found::Later { why } => (PointStatus::Later, why, None),
    };
    StepPoint { status, because: Some(why.clone()), fix, ..point }
}

fn used(chosen: &Chosen, at: Time) -> UsedPoint {
    let point = &chosen.origin;
    UsedPoint {
        id: point.id.clone(),
        of: point.of.to_string(),
        account: point.account.clone(),
        region: point.region.clone(),
        taken: point.taken,
        age_s: point.taken.map(|taken| seconds_between(taken, at)),
    }
}

/// The reasons of the points of the same resource that are newer.
fn not_newer(chosen: &Chosen, record: &Record) -> Vec<String> {
    let used = &chosen.source.point;
    let all = record.points.iter().filter(|seen| seen.point.of == used.of && seen.point.taken > used.taken);
    let mut reasons: Vec<String> =
        all.filter_map(|seen| Some(format!("{}: {}", seen.point.id, seen.why_not.as_deref()?))).collect();
    reasons.sort();
    reasons.dedup();
    reasons
}

impl Live {
    fn judge(&mut self, look: &Look) {
        for halt in &look.halts {
            let told = told(halt);
            if halt.unseen { &mut self.unknown } else { &mut self.reasons }.push(told);
        }
        self.unknown.extend(self.unproved());
        let seen = look.places.iter().filter_map(|(_, seen)| seen.as_ref().ok());
        for found in seen.flat_map(|seen| &seen.findings).filter(|found| found.unknown) {
            self.unknown.push(Trouble { what: found.what.clone(), fix: Some(found.fix.clone()) });
        }
        for (source, point) in look.sources.iter().zip(&self.points) {
            let because = point.because.as_deref().unwrap_or_default();
            let told = Trouble { what: format!("step `{}`: {because}", point.step), fix: point.fix.clone() };
            match point.status {
                PointStatus::None if !source.is_optional => self.reasons.push(told),
                PointStatus::Unknown => self.unknown.push(told),
                PointStatus::Found | PointStatus::None | PointStatus::Later => {}
            }
        }
        let unseen = [
            Rule::RecoveryPointsUnseen,
            Rule::ProductionUnseen,
            Rule::AccountOutOfReach,
            Rule::VaultPolicyUnclear,
        ];
        for finding in self.findings.iter().filter(|finding| unseen.contains(&finding.rule)) {
            let what = format!("{}: {}", finding.resource, finding.message);
            self.unknown.push(Trouble { what, fix: Some(finding.fix.clone()) });
        }
        for list in [&mut self.reasons, &mut self.unknown] {
            let mut known = Vec::new();
            for told in list.drain(..) {
                if !known.contains(&told) {
                    known.push(told);
                }
            }
            *list = known;
        }
        let is_mistaken = look.halts.iter().any(|halt| matches!(halt.stop, Stop::Mistaken { .. }));
        (self.verdict, self.exit_code) = match (self.reasons.is_empty(), self.unknown.is_empty()) {
            _ if is_mistaken => (Verdict::Blocked, Exit::Wrong),
            (false, _) => (Verdict::Blocked, Exit::Failed),
            (true, false) => (Verdict::Unknown, Exit::Error),
            (true, true) => (Verdict::Clear, Exit::Passed),
        };
    }

    /// Permissions, quotas and offers of which nothing is known.
    fn unproved(&self) -> Vec<Trouble> {
        let mut all = Vec::new();
        for Permissions { account, unknown, .. } in &self.permissions {
            if let Some(first) = unknown.first() {
                let what = format!(
                    "whether account {account} allows {} is not known: {}",
                    crate::ui::text::count(unknown.len(), "action"),
                    first.because
                );
                all.push(Trouble { what, fix: Some(POLICY.to_owned()) });
            }
        }
        for quota in self.quotas.iter().filter(|quota| quota.status == Sufficiency::Unknown) {
            let because = quota.because.as_deref().unwrap_or("AWS does not say");
            let what = format!("whether the quota {} is enough is not known: {because}", quota.code);
            let fix = "allow `servicequotas:GetServiceQuota`, or look into the Service Quotas console";
            all.push(Trouble { what, fix: Some(fix.to_owned()) });
        }
        for offer in self.offers.iter().filter(|offer| offer.status == Sufficiency::Unknown) {
            let what = format!("whether the sandbox's zones offer {} is not known", offer.what);
            all.push(Trouble { what, fix: None });
        }
        all
    }
}

fn told(halt: &Halt) -> Trouble {
    let (what, fix) = halt.told();
    Trouble { what: what.to_owned(), fix: fix.map(str::to_owned) }
}
