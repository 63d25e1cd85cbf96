//! Finds the surviving recovery points and chooses one for a step.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::Engine;
use super::found::{FoundPoints, key};
use super::known::{EstatePoints, Points, report_key};
use super::survey::arn_part;
use crate::actions::context::StepError;
use crate::actions::why_not_copied;
use base::duration::{Time, human_seconds, mistaken_time};
use base::ids::AccountId;
use estate::point::{
    LEAST_RETENTION, LONGEST_RETENTION, LOOK_BACK, Rejection, Use, Wanted, WorstCase, select, worst_case_rpo,
};
use estate::{PointKind, RecoveryPoint, Selector, VaultPolicy};
use event::{Body, Chosen, Made, Newest, RestoreSource};
use playbook::action::{PointSpec, SourceSpec, SourceWhat};
use port::{Finding, Place, PointQuery, Restorable, Rule};

/// The log of a database or table does not reach back to `at`.
fn too_early(chosen: &RecoveryPoint, at: Time) -> StepError {
    let reaches = match chosen.earliest {
        Some(earliest) => format!("its automated backups reach back to {earliest}"),
        None => "AWS keeps them for 35 days at most".to_owned(),
    };
    let older = match chosen.of.kind.as_str() {
        "rds:db" => ", or restore an older snapshot with `rds.restore`",
        "rds:cluster" => ", or restore an older snapshot with `rds.restore_cluster`",
        "dynamodb:table" => ", or name an older backup",
        _ => "",
    };
    StepError::wrong(
        format!("{} cannot be restored to {at}: {reaches}", chosen.of),
        format!("ask for a later instant{older}"),
    )
}

/// The points of the account that a step copies from. All of them, if the step does not name one.
fn owned(found: Rc<FoundPoints>, spec: &SourceSpec) -> Rc<FoundPoints> {
    let Some(owner) = &spec.owner else { return found };
    let points = found.points.iter().filter(|point| point.account == *owner).cloned().collect();
    Rc::new(FoundPoints { points, complete: found.complete })
}

/// Which point a step asks for, and the instant that it names.
pub(super) fn wanted(what: &SourceWhat, t0: Time, draw: impl Fn() -> u64) -> (Wanted, Option<Time>) {
    let point = match what {
        SourceWhat::Id(id) => return (Wanted::Id(id.clone()), None),
        SourceWhat::Of { point, .. } => point,
    };
    match point {
        PointSpec::Latest => (Wanted::Latest, None),
        PointSpec::Id(id) => (Wanted::Id(id.clone()), None),
        PointSpec::LatestClean => (Wanted::LatestClean, None),
        PointSpec::Random => (Wanted::Random(draw()), None),
        // Logs are restored to whole seconds.
        PointSpec::Before(when) => {
            let time = when.resolve(t0);
            (Wanted::Before(time), Some(time - chrono::TimeDelta::seconds(1)))
        }
        PointSpec::At(time) => (Wanted::AsOf(*time), Some(*time)),
        PointSpec::BeforeT0(span) => {
            let time = t0 - span.delta();
            (Wanted::AsOf(time), Some(time))
        }
    }
}

/// An instant of a log, by a number: the longer ago, the less it has been tried.
fn drawn(log: &RecoveryPoint, t0: Time, number: u64) -> Option<Time> {
    let latest = log.taken?.min(t0);
    let reach = (latest - log.earliest?).num_seconds().max(0);
    let back = number % u64::try_from(reach).unwrap_or_default().saturating_add(1);
    Some(latest - chrono::TimeDelta::seconds(i64::try_from(back).ok()?))
}

impl Engine {
    /// The number by which a step draws: by the seed, on AWS by the run. The twin without a seed draws the
    /// same each time.
    pub(super) fn draw(&self, step: &str) -> u64 {
        let seed = match (self.config.seed, self.config.on.is_simulated()) {
            (Some(seed), _) => seed.to_string(),
            (None, true) => String::new(),
            (None, false) => self.config.run.to_string(),
        };
        let digest = base::digest::sha256(format!("{seed}/{step}"));
        digest.get(..16).and_then(|first| u64::from_str_radix(first, 16).ok()).unwrap_or_default()
    }
}

/// Chooses recovery points: in a recovery as of T0, in a look at the live accounts as of now.
pub struct Chooser<'a> {
    pub engine: &'a Engine,
    pub t0: Time,
    pub points: &'a Points,
}

impl Chooser<'_> {
    /// Chooses the source for a step. `None` if its action restores nothing.
    pub async fn choose(&self, step: &str, spec: Option<SourceSpec>) -> Result<Option<Chosen>, StepError> {
        let Some(spec) = spec else { return Ok(None) };
        if let Some(mistaken) = spec.id().and_then(mistaken_time) {
            return Err(StepError::wrong(mistaken.message, mistaken.help));
        }
        let chosen = match &spec.what {
            SourceWhat::Id(id) => self.by_id(id, &spec).await?,
            SourceWhat::Of { kind, name, point: _ } => {
                let selector =
                    Selector::of_kind(kind, name).map_err(|e| StepError::wrong(e.message, e.help))?;
                self.of(step, &spec, selector).await?
            }
        };
        self.report_condition(step, &chosen.source.point, spec.is_copy());
        Ok(Some(chosen))
    }

    /// Remembers the copies that a step made, and returns them for the event.
    pub fn remember(&self, copies: Vec<RecoveryPoint>, origin: Option<&Chosen>) -> Option<Made> {
        let origin = origin.filter(|_| !copies.is_empty())?;
        let made = Made { copies, origin: origin.clone() };
        self.points.remember(&made);
        Some(made)
    }

    /// Restores the gate's lost points from the journal of a resumed run.
    pub fn recall_lost(&self) {
        let loss = &self.engine.plan.loss;
        for (point, _) in self.engine.memory.points.iter().filter(|(point, _)| !point.survives(loss)) {
            self.know_lost(point, &[]);
        }
    }

    /// Marks a point as lost in the gate. Skips it if a surviving point has the same bare id.
    pub fn know_lost(&self, point: &RecoveryPoint, found: &[RecoveryPoint]) {
        if !self.has_surviving_namesake(point, found) {
            self.engine.gate.know_lost_point(&point.id, &format!("{} {}", point.account, point.region));
        }
    }

    pub fn on<'b>(&'b self, spec: &'b SourceSpec) -> Use<'b> {
        Use {
            loss: &self.engine.plan.loss,
            t0: self.t0,
            account: spec.owner.as_ref().unwrap_or(&self.engine.plan.sandbox_account),
            reader: self.reader(spec),
            region: &self.engine.plan.sandbox.region,
            kinds: &spec.kinds,
            across_regions: spec.across_regions,
        }
    }

    /// The owner of a bucket that was named before T0. Another provider's buckets have none.
    pub fn bucket_owner(&self, name: &str, reader: &AccountId) -> Option<AccountId> {
        if self.engine.gate.is_elsewhere(reader) {
            return None;
        }
        self.points.owners.get(name).cloned()
    }

    /// What the estate says of its points.
    fn of_the_estate(&self) -> &EstatePoints {
        let points = || self.engine.estate_points(self.t0);
        self.points.estate.get_or_init(|| EstatePoints::new(points(), &self.engine.plan.loss))
    }

    /// The account whose credentials read the point, if the step names one that survives.
    fn reader(&self, spec: &SourceSpec) -> Option<&AccountId> {
        let plan = &self.engine.plan;
        let named = spec.account.as_deref().and_then(|name| plan.accounts.get(name));
        named.map(|account| &account.id).filter(|id| plan.loss.account() != Some(*id))
    }

    async fn of(&self, step: &str, spec: &SourceSpec, selector: Selector) -> Result<Chosen, StepError> {
        let (query, places) = self.engine.asked_for(selector.clone(), spec);
        let result = self.query(&query, &places).await;
        let result = self.copyable(step, owned(result, spec), spec);
        let meant = self.meant(step, &selector, &result.points)?;
        let found = &*meant;
        let (wanted, at) = wanted(&spec.what, self.t0, || self.engine.draw(step));
        if let Some(later) = at.filter(|at| *at > self.t0) {
            return Err(StepError::after_t0(later, self.t0));
        }
        let on = self.on(spec);
        let selection = select(found, &wanted, &on);
        for (point, why) in &selection.rejected {
            self.report_point(step, point, Some(&point.why(*why, on.loss)));
            if *why == Rejection::Lost {
                self.know_lost(point, found);
            }
        }
        for newer in selection.newer_by_copy() {
            self.report_newer(step, newer, selection.chosen);
        }
        let Some(chosen) = selection.chosen else {
            // A named point that is lost leads to a call that the gate denies, so that the denial
            // is in the journal.
            if let Wanted::Id(id) = &wanted
                && !spec.kinds.iter().any(|k| k.is_continuous())
            {
                let named = selection.rejected.iter().find(|(p, _)| p.id == *id);
                match named {
                    Some((point, Rejection::Lost)) => return Ok(self.lost(point)),
                    Some(_) => {}
                    None => return Ok(self.unknown(id, spec)),
                }
            }
            let nothing = self.no_point(spec, &selector, &selection.rejected, &places);
            return Err(match nothing {
                // The point may be in a place that could not be queried. The next attempt queries
                // it again.
                StepError::Failed { message, help, .. } if !result.complete => {
                    let message = format!("{message} (not every place could be looked at)");
                    StepError::Failed { message, help, again: true }
                }
                error @ (StepError::Failed { .. } | StepError::Provision(_) | StepError::GivenUp { .. }) => {
                    error
                }
            });
        };
        self.report_point(step, chosen, None);
        // One point restores one resource, even if a tag selects several.
        let mut covers = vec![chosen.of.to_string()];
        let mut machines = None;
        match spec.selects() {
            Some(id @ Selector::Id(_)) => covers.extend(self.engine.plan.radius.selected(&id)),
            Some(tag) if chosen.kind == PointKind::Ami => machines = Some(tag),
            _ => {}
        }
        // A continuous backup gives the data of the requested instant. A snapshot gives only its
        // own.
        let at = match wanted {
            Wanted::Random(number) if chosen.kind.is_a_log() => drawn(chosen, self.t0, number),
            Wanted::Random(_)
            | Wanted::Latest
            | Wanted::LatestClean
            | Wanted::Id(_)
            | Wanted::AsOf(_)
            | Wanted::Before(_) => at.filter(|_| chosen.kind.is_continuous()),
        };
        let at = if chosen.kind.is_a_log() {
            let at = self.instant(chosen, at)?;
            self.report_retention(step, chosen, at);
            Some(at)
        } else {
            at
        };
        let mut origin = chosen.clone();
        if let Some(at) = at {
            origin.taken = Some(chosen.data_at(at));
        }
        let mut worst_case = worst_case_rpo(found, &on, LOOK_BACK, self.engine.cloud.least_pitr_lag());
        let has_point = |id: &String| found.iter().any(|point| point.of.to_string() == *id);
        if matches!(selector, Selector::Tag { .. })
            && !self.engine.plan.radius.lost_by_name(&selector).iter().all(has_point)
        {
            worst_case = worst_case.of_some();
        }
        // Versions of an instant are those that had arrived by then, and nobody knows which.
        if chosen.is_copy_of_unknown_lag(spec.stands_for.as_deref()) {
            (origin.taken, worst_case) = (None, WorstCase::default());
        }
        Ok(Chosen {
            source: RestoreSource { id: self.called(chosen), point: chosen.clone(), at },
            origin,
            worst_case,
            covers,
            machines,
            newest: self.newest(spec, found, &on),
        })
    }

    /// What `latest` would have chosen, where the step asks for another point on purpose.
    fn newest(&self, spec: &SourceSpec, found: &[RecoveryPoint], on: &Use<'_>) -> Option<Box<Newest>> {
        let SourceWhat::Of { point, .. } = &spec.what else { return None };
        let asked = point.told()?;
        let newest = select(found, &Wanted::Latest, on).chosen?;
        let taken = newest.taken.map(|taken| taken.min(self.t0));
        Some(Box::new(Newest { asked, id: self.called(newest), taken }))
    }

    /// Those that AWS Backup copies, if the step copies. Why it does not copy the others, is reported.
    fn copyable(&self, step: &str, found: Rc<FoundPoints>, spec: &SourceSpec) -> Rc<FoundPoints> {
        let to = &self.engine.plan.sandbox_account;
        let why_not = |point: &RecoveryPoint| spec.owner.as_ref().and_then(|_| why_not_copied(point, to));
        if found.points.iter().all(|point| why_not(point).is_none()) {
            return found;
        }
        let mut points = Vec::new();
        for point in &found.points {
            match why_not(point) {
                Some((why, _)) => self.report_point(step, point, Some(why)),
                None => points.push(point.clone()),
            }
        }
        Rc::new(FoundPoints { points, complete: found.complete })
    }

    /// The points of the resource that is meant. A resource of the same name in another account or
    /// region lends it none. Where nothing says which one is meant, none is used.
    fn meant<'b>(
        &self,
        step: &str,
        selector: &Selector,
        found: &'b [RecoveryPoint],
    ) -> Result<Cow<'b, [RecoveryPoint]>, StepError> {
        let places: BTreeSet<String> = found.iter().filter_map(RecoveryPoint::of_place).collect();
        if places.is_empty() {
            return Ok(Cow::Borrowed(found));
        }
        let loci = self.engine.plan.loci(selector);
        if loci.is_empty() && places.len() > 1 {
            let places = places.into_iter().collect::<Vec<_>>().join("; ");
            let message = format!("{selector} stands for several resources with recovery points: {places}");
            let fix = format!(
                "say which one is meant: `{selector}[account=…,region=…]`, or let a workload list it, or the estate"
            );
            self.engine.report(Finding::new(Rule::Namesake, selector.to_string(), &message, &fix));
            return Err(StepError::wrong(message, fix));
        }
        let is_meant = |point: &RecoveryPoint| loci.is_empty() || loci.iter().any(|at| point.may_be_of(at));
        if found.iter().all(is_meant) {
            return Ok(Cow::Borrowed(found));
        }
        let (meant, others): (Vec<_>, Vec<_>) = found.iter().cloned().partition(is_meant);
        for other in &others {
            let why = other.why(Rejection::OfNamesake, &self.engine.plan.loss);
            self.report_point(step, other, Some(&why));
        }
        Ok(Cow::Owned(meant))
    }

    /// Reports what a person should know of the chosen point, also if the step names it.
    fn report_condition(&self, step: &str, chosen: &RecoveryPoint, is_copy: bool) {
        let id = &chosen.id;
        if chosen.infected {
            self.engine.report(Finding::new(
                Rule::PointInfected,
                id,
                format!("step `{step}` used {id}, in which a malware scan has found something"),
                "restore the newest clean point (`point: latest` leaves infected ones out), or look at what was restored before anything uses it",
            ));
        }
        if chosen.cold {
            let thaws = Restorable::of(&chosen.of.kind).and_then(Restorable::thaws_in);
            let thaws = thaws.map_or("hours".to_owned(), |thaws| human_seconds(thaws.as_secs_f64()));
            self.engine.report(Finding::new(
                Rule::PointInColdStorage,
                id,
                format!("step `{step}` used {id}, which lies in cold storage: AWS takes up to {thaws} more for it"),
                "keep the points that the objectives need in warm storage (`MoveToColdStorageAfterDays` of the backup plan), or name a warm one",
            ));
        }
        if let Some(VaultPolicy::Unclear(why)) = chosen.vault_policy.as_ref().filter(|_| !is_copy) {
            self.engine.report(Finding::new(
                Rule::VaultPolicyUnclear,
                id,
                format!("whether the vault of {id} lets step `{step}` restore is not known: of its access policy, {why}"),
                "look at the policy (`aws backup get-backup-vault-access-policy`): `backup:StartRestoreJob` must not be denied",
            ));
        }
    }

    /// The instant that PITR restores to. Production may go on during the drill, and its latest
    /// restorable time grows. Only times that could be restored at T0 are allowed.
    fn instant(&self, chosen: &RecoveryPoint, wanted: Option<Time>) -> Result<Time, StepError> {
        let Some(latest) = chosen.taken.map(|taken| taken.min(self.t0)) else {
            return Err(StepError::wrong(
                format!("to which instant {} could be restored at T0 is not known", chosen.of),
                "look at its automated backups (in an estate: say when the point was `taken`)",
            ));
        };
        match wanted {
            Some(at) if at > latest => Err(StepError::wrong(
                format!(
                    "{} cannot be restored to {at}: at T0 it could be restored up to {latest}",
                    chosen.of
                ),
                "ask for an earlier instant, or for `latest`",
            )),
            Some(at) if chosen.earliest.is_some_and(|earliest| at < earliest) => Err(too_early(chosen, at)),
            Some(at) if latest - at > LONGEST_RETENTION.delta() => Err(too_early(chosen, at)),
            wanted => Ok(wanted.unwrap_or(latest)),
        }
    }

    /// Reports that the twin took an instant to be within a retention that the estate does not
    /// give.
    fn report_retention(&self, step: &str, chosen: &RecoveryPoint, at: Time) {
        let is_sure = chosen.taken.is_none_or(|latest| latest - at <= LEAST_RETENTION.delta());
        if is_sure || chosen.earliest.is_some() || !self.engine.cloud.tells_changes() {
            return;
        }
        self.engine.report(Finding::new(
            Rule::Assumed,
            step,
            format!(
                "step `{step}` was assumed: the estate does not say whether the automated backups of {} reach back to {at}",
                chosen.of
            ),
            format!("add `retention: …` to the recovery point `{}` of the estate", chosen.id),
        ));
    }

    async fn by_id(&self, id: &str, spec: &SourceSpec) -> Result<Chosen, StepError> {
        if let Some((copy, origin)) = self.points.made.borrow().get(id) {
            let source = RestoreSource { point: copy.clone(), id: self.called(copy), at: None };
            return Ok(Chosen { source, ..origin.clone() });
        }
        let mut unusable = None;
        for kind in &spec.kinds {
            let query = PointQuery::Id { id: id.to_owned(), kind: *kind, reader: spec.owner.clone() };
            let found = owned(self.query(&query, &self.engine.places_of(id, spec)).await, spec);
            let on = self.on(spec);
            // Accounts and regions may have snapshots of one name. One that is usable is meant, and
            // first of all the sandbox's own.
            let Place { account, region } = self.engine.plan.sandbox_place();
            let mut points: Vec<&RecoveryPoint> = found.points.iter().collect();
            points.sort_by_key(|point| {
                (point.judge(&on).is_err(), point.account != account, point.region != region)
            });
            for point in points {
                match point.judge(&on) {
                    Ok(()) => {
                        self.report_point("", point, None);
                        return Ok(Chosen {
                            source: RestoreSource { point: point.clone(), id: self.called(point), at: None },
                            origin: point.clone(),
                            // The age of a point chosen by id on another day is unknown.
                            worst_case: WorstCase::default(),
                            covers: vec![point.of.to_string()],
                            machines: None,
                            newest: None,
                        });
                    }
                    Err(Rejection::Lost) => {
                        self.report_point("", point, Some(&point.why(Rejection::Lost, on.loss)));
                        self.know_lost(point, &[]);
                        return Ok(self.lost(point));
                    }
                    // A public point of a foreign account. Only its id is known.
                    Err(Rejection::UnknownAtT0) if !self.engine.plan.has_account(&point.account) => {}
                    Err(why) => {
                        let said = point.why(why, on.loss);
                        self.report_point("", point, Some(&said));
                        unusable = Some((said, why, point.kind));
                    }
                }
            }
        }
        match unusable {
            Some((why, rejection, kind)) => Err(StepError::wrong(
                format!("recovery point `{id}` cannot be used: {why}"),
                if rejection == Rejection::KeyLost {
                    kind.under_another_key()
                } else {
                    "name one that survives the loss and was usable at T0, or `point: latest`"
                },
            )),
            // The call itself shows why the point cannot be used: the gate denies it, or the cloud
            // does not find it.
            None => Ok(self.unknown(id, spec)),
        }
    }

    /// A named point that is lost. The gate will deny the call that uses it.
    fn lost(&self, point: &RecoveryPoint) -> Chosen {
        let source = RestoreSource { point: point.clone(), id: self.called(point), at: None };
        let (worst_case, covers) = (WorstCase::default(), Vec::new());
        Chosen { source, origin: point.clone(), worst_case, covers, machines: None, newest: None }
    }

    /// Whether a surviving point in another region or account has the same bare id. The id then
    /// does not show that a lost point is meant.
    fn has_surviving_namesake(&self, point: &RecoveryPoint, found: &[RecoveryPoint]) -> bool {
        let loss = &self.engine.plan.loss;
        if found.iter().any(|other| other.id == point.id && other.survives(loss)) {
            return true;
        }
        self.of_the_estate().surviving.contains(&point.id)
    }

    /// A recovery point with a known id only. Its age is unknown.
    fn unknown(&self, id: &str, spec: &SourceSpec) -> Chosen {
        let kind = spec.kinds.first().copied().unwrap_or(PointKind::EbsSnapshot);
        let service = match kind {
            PointKind::Ami => "ec2:image",
            PointKind::EbsSnapshot => "ec2:snapshot",
            PointKind::RdsClusterSnapshot => "rds:cluster-snapshot",
            PointKind::S3Replica | PointKind::S3Versions => "s3:bucket",
            PointKind::RdsSnapshot | PointKind::RdsPitr | PointKind::RdsReplica => "rds:snapshot",
            PointKind::Backup
            | PointKind::DynamodbPitr
            | PointKind::DynamodbBackup
            | PointKind::EfsReplica => kind.resource_kind(),
        };
        let of = estate::ResourceId::new(service, id);
        let Place { account, region } = self.engine.plan.sandbox_place();
        let region = arn_part(id, 3).and_then(|r| r.parse().ok()).unwrap_or(region);
        let account = spec.owner.clone().unwrap_or(account);
        let point = RecoveryPoint::new(of, kind, id, account, region);
        let source = RestoreSource { point: point.clone(), id: id.to_owned(), at: None };
        let (worst_case, covers) = (WorstCase::default(), Vec::new());
        Chosen { source, origin: point, worst_case, covers, machines: None, newest: None }
    }

    /// The point's name in the sandbox's account.
    fn called(&self, point: &RecoveryPoint) -> String {
        let Place { account, region } = self.engine.plan.sandbox_place();
        point.called_at(&account, &region)
    }

    /// Queries every place once, even if several steps ask at the same time, and merges the
    /// results.
    async fn query(&self, query: &PointQuery, places: &[Place]) -> Rc<FoundPoints> {
        let answer = Rc::clone(self.points.found.borrow_mut().entry(query.clone()).or_default());
        let found = Rc::clone(answer.get_or_init(async || Rc::new(self.ask(query, places).await)).await);
        if !found.complete {
            // Later steps repeat a query that could not reach every place.
            let mut known = self.points.found.borrow_mut();
            if known.get(query).is_some_and(|kept| Rc::ptr_eq(kept, &answer)) {
                known.remove(query);
            }
        }
        found
    }

    async fn ask(&self, query: &PointQuery, places: &[Place]) -> FoundPoints {
        // `Points::found` keeps the answer from now on.
        let surveyed = self.points.surveyed.borrow_mut().swap_remove(query);
        let FoundPoints { points: seen, complete } = if let Some(points) = surveyed {
            FoundPoints { points, complete: true }
        } else {
            // The query depends on a step's output, so it is made after T0. `judge` rejects points
            // that may have become usable since.
            let mut found = self.engine.ask_for_points(query, places).await;
            self.engine.sample_buckets(query, &mut found.points).await;
            found
        };
        let mut merged: BTreeMap<_, RecoveryPoint> = seen.into_iter().map(|p| (key(&p), p)).collect();
        for point in self.lost_by_the_estate(query) {
            merged.entry(key(&point)).or_insert(point);
        }
        let mut points: Vec<RecoveryPoint> = merged.into_values().collect();
        self.learn_from_the_estate(&mut points);
        // A bucket is read as of T0, no matter when it is queried.
        for point in points.iter_mut().filter(|p| p.kind.resource_kind() == "s3:bucket") {
            point.seen_usable = point.seen_usable.map(|seen| seen.min(self.t0));
            point.taken = point.taken.map(|taken| taken.min(self.t0));
        }
        FoundPoints { points, complete }
    }

    /// The lost points by the estate. They cannot be queried any more, but the report shows them.
    fn lost_by_the_estate(&self, query: &PointQuery) -> Vec<RecoveryPoint> {
        let plan = &self.engine.plan;
        let PointQuery::Of { selector, kinds, reader: _ } = query else { return Vec::new() };
        self.of_the_estate().lost.selected(selector, kinds, plan.resources())
    }

    /// Sets the bucket that a copy stands for. Only the estate knows it.
    fn learn_from_the_estate(&self, points: &mut [RecoveryPoint]) {
        for point in points.iter_mut().filter(|p| p.of.kind == "s3:bucket") {
            if let Some(of) = self.of_the_estate().buckets.get(&point.id) {
                point.of = of.clone();
            }
        }
    }

    fn report_point(&self, step: &str, point: &RecoveryPoint, why_not: Option<&str>) {
        if self.points.reported.borrow_mut().insert(report_key(point, why_not)) {
            self.engine.bus.tell(Body::PointSeen {
                point: Box::new(point.clone()),
                asked_by: step.to_owned(),
                why_not: why_not.map(str::to_owned),
            });
        }
    }

    fn report_newer(&self, step: &str, newer: &RecoveryPoint, used: Option<&RecoveryPoint>) {
        let dated = used.is_none_or(|used| used.taken.is_some());
        let used = used.map_or("nothing", |p| p.id.as_str());
        self.engine.report(Finding::new(
            Rule::NewerPointNeedsCopy,
            &newer.id,
            format!(
                "step `{step}` used {used}; {} in {} {} {} newer, survives, and could be used only through a copy",
                newer.id,
                newer.account,
                newer.region,
                if newer.taken.is_some() && dated { "is" } else { "may be" },
            ),
            if newer.kind == PointKind::Backup {
                "copy it to a vault of the sandbox's account and region before the disaster, or in a step with `backup.copy`"
            } else {
                "copy it to the recovery region and share it with the sandbox's account, before the disaster or in a step"
            },
        ));
    }

    /// What to do where no snapshot can be used, but the database's log can. The estate tells: to
    /// ask the cloud would take calls that the step does not declare.
    fn by_its_log(&self, spec: &SourceSpec, selector: &Selector) -> Option<String> {
        let (_, by) = [
            (PointKind::RdsSnapshot, "rds.restore_to_time"),
            (PointKind::RdsClusterSnapshot, "rds.restore_cluster_to_time"),
        ]
        .into_iter()
        .find(|(kind, _)| !spec.is_copy() && spec.kinds.contains(kind))?;
        let plan = &self.engine.plan;
        let kinds = [PointKind::RdsPitr];
        let known = &self.of_the_estate().logs;
        let on = Use { kinds: &kinds, ..self.on(spec) };
        let usable = known.selected(selector, &kinds, plan.resources()).iter().any(|p| p.judge(&on).is_ok());
        usable.then(|| format!("its automated backups survive: restore it to an instant with `{by}`"))
    }

    fn no_point(
        &self,
        spec: &SourceSpec,
        selector: &Selector,
        rejected: &[(&RecoveryPoint, Rejection)],
        places: &[Place],
    ) -> StepError {
        let by_its_log = self.by_its_log(spec, selector);
        let looked = self.engine.looked_in(places);
        if rejected.is_empty() && places.iter().any(|place| self.engine.gate.is_elsewhere(&place.account)) {
            return StepError::wrong(
                format!("no recovery point of {selector} is to be seen {looked}"),
                "check the bucket's name, and that the account's keys may read it; `as_of` needs a bucket with versions",
            );
        }
        if rejected.is_empty() {
            return StepError::wrong(
                format!(
                    "no recovery point of {selector} is to be seen in what survives {} ({looked})",
                    self.engine.plan.loss
                ),
                by_its_log.unwrap_or_else(|| {
                    "back it up to another region and another account, and share the copies with the sandbox's account"
                        .to_owned()
                }),
            );
        }
        // The lost points come last. The others were closer to being usable, so they explain more.
        let mut nearest: Vec<_> = rejected.iter().collect();
        nearest.sort_by_key(|(_, why)| *why == Rejection::Lost);
        let list: Vec<String> = nearest
            .iter()
            .take(5)
            .map(|(p, why)| format!("{}: {}", p.id, p.why(*why, &self.engine.plan.loss)))
            .collect();
        let more = rejected.len().saturating_sub(5);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        StepError::wrong(
            format!("no recovery point of {selector} can be used ({}{more})", list.join("; ")),
            by_its_log.unwrap_or_else(|| {
                let key = nearest.first().filter(|(_, why)| *why == Rejection::KeyLost);
                let by_copy = || {
                    let by_copy = |(point, why): &&(&RecoveryPoint, Rejection)| {
                        point.kind == PointKind::Backup && why.is_mended_by_a_copy()
                    };
                    if !spec.is_copy() && nearest.iter().any(by_copy) {
                        "copy one into the sandbox first, with a step that uses `backup.copy`"
                    } else {
                        "make a point that survives usable to the sandbox: copy it to its region, share it with its account"
                    }
                };
                key.map_or_else(by_copy, |(point, _)| point.kind.under_another_key()).to_owned()
            }),
        )
    }
}
