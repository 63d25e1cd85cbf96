//! Rules for estates: mistakes that remain although each value is well formed.

use std::collections::{HashMap, HashSet};

use super::draft::EstateDraft;
use super::file::{EstateFile, Fault, FaultKind, PointEntry, ResourceEntry};
use super::locus::Locus;
use super::point::LONGEST_RETENTION;
use super::resource::{ResourceId, unknown_kind};
use super::scope::{self, Differs, Scope};
use super::series;
use base::duration::When;
use base::ids::{AccountId, AzId, Region};
use yaml::diagnostic::suggest;
use yaml::{Diagnostics, Span};

/// Ten years. No recovery takes longer.
const LONGEST: base::duration::Span = base::duration::Span::from_secs(3650 * 86_400);

struct EstateRules<'a> {
    draft: &'a EstateDraft,
    file: &'a EstateFile,
    out: &'a mut Diagnostics,
}

pub fn check(draft: &EstateDraft, file: &EstateFile, out: &mut Diagnostics) {
    let mut rules = EstateRules { draft, file, out };
    rules.accounts();
    rules.regions();
    rules.resources();
    rules.points();
    rules.timings_and_faults();
}

impl EstateRules<'_> {
    fn span(&self, pointer: &str) -> Span {
        self.draft.root.at_pointer(pointer).span
    }

    fn error(&mut self, pointer: &str, message: String, help: Option<String>) {
        self.out.push(self.draft.source.error(self.span(pointer), message).maybe_help(help));
    }

    fn warning(&mut self, pointer: &str, message: String, help: &str) {
        self.out.push(self.draft.source.warning(self.span(pointer), message).help(help));
    }

    fn accounts(&mut self) {
        let file = self.file;
        for (account, entry) in &file.accounts {
            for region in entry.quotas.keys() {
                self.region(|| format!("/accounts/{account}/quotas/{region}"), region);
            }
        }
    }

    fn regions(&mut self) {
        let mut seen = HashMap::new();
        for (region, entry) in &self.file.regions {
            for (i, az) in entry.azs.iter().enumerate() {
                let pointer = format!("/regions/{region}/azs/{i}");
                if !region.holds(az) {
                    let help = format!("the ids of its zones begin with `{}-`", region.zone_prefix());
                    self.error(&pointer, format!("the zone `{az}` is not in region `{region}`"), Some(help));
                } else if seen.insert(az, region).is_some() {
                    self.error(&pointer, format!("the zone `{az}` is listed twice"), Some("keep one".into()));
                }
            }
        }
    }

    fn account(&mut self, pointer: impl FnOnce() -> String, account: &AccountId) {
        if !self.file.accounts.contains_key(account) {
            let help = suggest(account.as_str(), self.file.accounts.keys().map(AccountId::as_str), "account");
            self.error(&pointer(), format!("the account `{account}` is not among `accounts`"), help);
        }
    }

    fn region(&mut self, pointer: impl FnOnce() -> String, region: &Region) {
        if !self.file.regions.contains_key(region) {
            let help = suggest(region.as_str(), self.file.regions.keys().map(Region::as_str), "region");
            self.error(&pointer(), format!("the region `{region}` is not among `regions`"), help);
        }
    }

    fn resources(&mut self) {
        let file = self.file;
        let mut seen: HashSet<(&ResourceId, &AccountId, Option<&Region>)> = HashSet::new();
        for (i, resource) in file.resources.iter().enumerate() {
            let here = format!("/resources/{i}");
            self.account(|| format!("{here}/account"), &resource.account);
            let locus =
                Locus { account: Some(resource.account.clone()), region: resource.region.clone(), az: None };
            if let Some(place) = resource.id.place.as_ref().filter(|place| !place.holds(&locus)) {
                self.error(
                    &format!("{here}/id"),
                    format!("the id says `[{place}]`, and the resource lies elsewhere"),
                    Some("write in the id what `account:` and `region:` say".into()),
                );
            }
            self.scope(&here, resource);
            let scope = resource.scope();
            if !seen.insert((&resource.id, &resource.account, resource.region.as_ref())) {
                self.error(
                    &format!("{here}/id"),
                    format!("the resource `{}` is listed twice", resource.id),
                    Some("keep one".into()),
                );
            }
            match &resource.region {
                Some(region) => {
                    self.region(|| format!("{here}/region"), region);
                    if let Some(az) = &resource.az {
                        self.zone(|| format!("{here}/az"), region, az);
                    }
                }
                None if scope != Scope::Global => {
                    let kind = &resource.id.kind;
                    self.error(
                        &format!("{here}/id"),
                        format!("`{}` has no region", resource.id),
                        Some(format!("add `region:`; every `{kind}` lives in one")),
                    );
                }
                None => {}
            }
            if scope == Scope::Zonal && resource.az.is_none() && resource.region.is_some() {
                let help = if may_have_a_standby(resource) {
                    "add `az:` with the zone's id, or `multi_az: true`: without it no loss of a zone takes it"
                } else {
                    "add `az:` with the zone's id: without it no loss of a zone takes it"
                };
                self.warning(&format!("{here}/id"), format!("`{}` has no zone", resource.id), help);
            }
            if resource.multi_az && !may_have_a_standby(resource) {
                self.error(
                    &format!("{here}/multi_az"),
                    format!("a `{}` cannot be Multi-AZ", resource.id.kind),
                    Some("no resource of this type has a standby in another zone: remove it".into()),
                );
            }
            for (j, replica) in resource.replicas.iter().enumerate() {
                self.region(|| format!("{here}/replicas/{j}/region"), &replica.region);
                if let Some(account) = &replica.account {
                    self.account(|| format!("{here}/replicas/{j}/account"), account);
                }
            }
        }
    }

    /// A scope of its own belongs to the types that the table does not know, and to these only.
    fn scope(&mut self, here: &str, resource: &ResourceEntry) {
        match (scope::row_of(&resource.id.kind), resource.scope) {
            (Some(_), None) | (None, Some(_)) => {}
            (None, None) => {
                let unknown = unknown_kind(&resource.id.kind);
                self.error(
                    &format!("{here}/id"),
                    unknown.message,
                    Some(format!("{} (zonal, regional or global)", unknown.help)),
                );
            }
            (Some(row), Some(_)) => self.error(
                &format!("{here}/scope"),
                format!("the scope of `{}` is known: it is {}", resource.id.kind, row.scope),
                Some("remove `scope`".into()),
            ),
        }
    }

    /// A series has an interval and a time that it is kept for, and no time of a single point.
    fn series(&mut self, here: &str, point: &PointEntry) {
        let mut wrong = |key: &str, message: &str, help: &str| {
            self.error(&format!("{here}/{key}"), message.to_owned(), Some(help.to_owned()));
        };
        match (point.every, point.keep) {
            (None, None) => {
                if point.lag.is_some() {
                    wrong("lag", "only a series has a `lag`", "add `every` and `keep`, or write `usable`");
                }
                return;
            }
            (Some(_), None) => {
                return wrong(
                    "every",
                    "a series needs `keep`",
                    "add how long each point is kept, such as `7d`",
                );
            }
            (None, Some(_)) => {
                return wrong("keep", "`keep` belongs to a series", "add `every`, such as `6h`");
            }
            (Some(every), Some(_)) if every.0.is_zero() => {
                return wrong("every", "the interval is zero", "write the time between two points: `6h`");
            }
            (Some(every), Some(keep)) if keep < every => {
                return wrong("keep", "each point is gone before the next is taken", "keep it for longer");
            }
            (Some(_), Some(_)) => {}
        }
        if point.usable.is_some() {
            wrong("usable", "a series has no single time", "write `lag`: how long each copy takes");
        }
        if point.kind.is_continuous() {
            wrong("every", "points of this kind are a series already", "write `taken`, the latest instant");
        }
        if series::of(point).is_some_and(|series| series.points() > series::MOST) {
            let message = format!("the series has more than {} points", series::MOST);
            wrong("every", &message, "a unit may be wrong: write a longer `every` or a shorter `keep`");
        }
    }

    fn zone(&mut self, pointer: impl FnOnce() -> String, region: &Region, az: &AzId) {
        let Some(known) = self.file.regions.get(region).map(|entry| &entry.azs) else { return };
        if !known.contains(az) {
            let help = suggest(az.as_str(), known.iter().map(AzId::as_str), "zone");
            self.error(
                &pointer(),
                format!("the zone `{az}` is not among the zones of region `{region}`"),
                help,
            );
        }
    }

    fn points(&mut self) {
        let file = self.file;
        let known: HashSet<&ResourceId> = file.resources.iter().map(|resource| &resource.id).collect();
        let mut seen = HashSet::new();
        let mut strangers = Vec::new();
        let mut all = 0_u64;
        for (i, point) in file.recovery_points.iter().enumerate() {
            let here = format!("/recovery_points/{i}");
            let most = series::MOST_OF_ALL;
            let counted = all;
            all = all.saturating_add(series::of(point).map_or(1, |series| series.points()));
            if counted <= most && all > most {
                self.error(
                    &here,
                    format!("with this entry, the recovery points of all series are more than {most}"),
                    Some("write longer `every` or shorter `keep`".into()),
                );
            }
            self.account(|| format!("{here}/account"), &point.account);
            self.region(|| format!("{here}/region"), &point.region);
            for (j, account) in point.shared_with.iter().enumerate() {
                self.account(|| format!("{here}/shared_with/{j}"), account);
            }
            if !seen.insert((&point.id, point.kind, &point.account, &point.region)) {
                self.error(
                    &format!("{here}/id"),
                    format!("the recovery point `{}` is listed twice", point.id),
                    Some("keep one, or give the other its own id".into()),
                );
            }
            if !known.contains(&point.of) {
                strangers.push(i);
            }
            let wanted = resource_kinds(point.kind);
            if scope::row_of(&point.of.kind).is_some() && !wanted.contains(&point.of.kind.as_str()) {
                let kind =
                    self.draft.root.at_pointer(&format!("{here}/kind")).as_str().unwrap_or("").to_owned();
                self.error(
                    &format!("{here}/kind"),
                    format!("a recovery point of kind `{kind}` cannot restore `{}`", point.of),
                    Some(format!("it restores {}", wanted.join(" or "))),
                );
            }
            let is_key = |key: &str| {
                let locus = super::point::key_locus(key);
                locus.is_some_and(|l| l.account.is_some() && l.region.is_some()) && key.contains(":kms:")
            };
            if let Some(key) = point.kms_key.as_deref().filter(|key| !is_key(key)) {
                self.error(
                    &format!("{here}/kms_key"),
                    format!(
                        "`{key}` is not the ARN of a KMS key, so nobody can tell whether the key is lost"
                    ),
                    Some("write it like `arn:aws:kms:us-west-2:111122223333:key/1234abcd-…`".into()),
                );
            }
            if let Some(taken @ When::AfterT0(span)) = point.taken {
                self.error(
                    &format!("{here}/taken"),
                    format!("it was taken {taken} after T0, so it cannot be restored"),
                    Some(format!("write `-{span}` for the time {span} before T0")),
                );
            }
            self.series(&here, point);
            if point.retention.is_some() && !point.kind.is_a_log() {
                self.error(
                    &format!("{here}/retention"),
                    "only `rds_pitr` and `dynamodb_pitr` have a retention: other points are one instant"
                        .into(),
                    Some("remove it".into()),
                );
            }
            if point.retention.is_some_and(|retention| retention > LONGEST_RETENTION) {
                self.error(
                    &format!("{here}/retention"),
                    "RDS and DynamoDB keep the log for 35 days at most".into(),
                    Some("write the retention of the automated backups, such as `7d`".into()),
                );
            }
            if let (Some(taken), Some(usable)) = (point.taken, point.usable)
                && before(usable, taken)
            {
                self.error(
                    &format!("{here}/usable"),
                    format!("it was usable ({usable}) before it was taken ({taken})"),
                    Some("`usable` is when the copy was complete: at or after `taken`".into()),
                );
            }
        }
        self.strangers(&strangers);
    }

    /// Recovery points of resources that the estate does not list. An estate of `discover` may hold
    /// hundreds of them, such as backups of what was deleted, so many of them are one warning.
    fn strangers(&mut self, points: &[usize]) {
        const EACH: usize = 3;
        const HELP: &str = "add the resource, or correct the name";
        let file = self.file;
        let told = if points.len() > EACH { &points[..1] } else { points };
        for i in told {
            let of = &file.recovery_points[*i].of;
            let more = match points.len() - told.len() {
                0 => String::new(),
                more => format!(", nor {more} others of resources that are not listed"),
            };
            let message =
                format!("`{of}` is not among `resources`: coverage cannot count this recovery point{more}");
            self.warning(&format!("/recovery_points/{i}/of"), message, HELP);
        }
    }

    fn timings_and_faults(&mut self) {
        let file = self.file;
        let largest =
            file.resources().iter().map(|r| r.size).chain(file.recovery_points.iter().map(|p| p.size)).max();
        let largest = largest.unwrap_or_default();
        for (action, timing) in &file.timings {
            let timing_node = self.draft.root.at_pointer(&format!("/timings/{action}"));
            if ["base", "per_gib"].iter().all(|key| timing_node.get(key).is_none()) {
                self.error(
                    &format!("/timings/{action}"),
                    format!("the timing of `{action}` has no duration: the action would take no time"),
                    Some(
                        "give `base`, `per_gib` or both; or leave the action out, for the built-in figures"
                            .into(),
                    ),
                );
            }
            let takes = timing.base.as_secs_f64() + timing.per_gib.as_secs_f64() * largest.as_gib();
            if takes > LONGEST.as_secs_f64() {
                self.error(
                    &format!("/timings/{action}/per_gib"),
                    format!(
                        "for the largest size of this estate ({largest}) it comes to more than {LONGEST}"
                    ),
                    Some("a unit may be wrong: `per_gib` is the time for each GiB, such as `1.5s`".into()),
                );
            }
            if !(0.0..=5.0).contains(&timing.spread) {
                self.error(
                    &format!("/timings/{action}/spread"),
                    format!("the spread {} is out of range", timing.spread),
                    Some("it is a share of the mean: between 0 and 5, mostly about 0.25".into()),
                );
            }
        }
        self.faults();
    }

    /// Faults that could never happen in any playbook.
    fn faults(&mut self) {
        let file = self.file;
        for (i, fault) in file.faults.iter().enumerate() {
            let name = fault.error.name();
            if fault.step.is_none() && fault.error != FaultKind::SandboxOpen {
                self.error(
                    &format!("/faults/{i}/error"),
                    format!("`{name}` has no step, so it never happens"),
                    Some("name the step that has it: `{ step: db, error: … }`".into()),
                );
            }
            if fault.attempt.is_some() && !fault.error.meets_calls() {
                self.error(
                    &format!("/faults/{i}/attempt"),
                    format!("`{name}` does not depend on the attempt"),
                    Some("remove `attempt`".into()),
                );
            }
            let hides = |earlier: &&Fault| {
                earlier.step == fault.step
                    && earlier.error.meets_calls()
                    && (earlier.attempt.is_none() || earlier.attempt == fault.attempt)
            };
            if let Some(earlier) = file.faults[..i].iter().find(hides)
                && fault.error.meets_calls()
            {
                self.warning(
                    &format!("/faults/{i}"),
                    format!(
                        "`{}` of the same step and attempt stands before it: this fault never happens",
                        earlier.error.name()
                    ),
                    "keep one of them, or give each its own `attempt`",
                );
            }
            if fault.attempt == Some(0) {
                self.error(
                    &format!("/faults/{i}/attempt"),
                    "attempts are counted from 1".into(),
                    Some("write 1 for the first, or leave it out for every attempt".into()),
                );
            }
        }
    }
}

fn may_have_a_standby(resource: &ResourceEntry) -> bool {
    scope::row_of(&resource.id.kind).is_some_and(|row| row.differs == Differs::WithStandby)
}

/// The resource types that points of a kind can restore.
fn resource_kinds(kind: super::PointKind) -> Vec<&'static str> {
    scope::TABLE.iter().filter(|row| row.protected_by.contains(&kind)).map(|row| row.kind).collect()
}

/// Whether `a` is before `b`, if that is certain without knowing T0.
fn before(a: When, b: When) -> bool {
    match (a, b) {
        (When::At(a), When::At(b)) => a < b,
        (When::BeforeT0(a), When::BeforeT0(b)) => a > b,
        (When::AfterT0(a), When::AfterT0(b)) => a < b,
        (When::BeforeT0(a), When::AfterT0(b)) => !(a.0.is_zero() && b.0.is_zero()),
        _ => false,
    }
}
