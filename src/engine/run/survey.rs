//! Looks for recovery points before T0 and keeps the results. Points that become usable later do
//! not count.

use std::collections::{BTreeMap, HashSet};

use futures_util::{StreamExt as _, future::join_all, stream};
use serde_json::{Map, Value};

use super::Engine;
use super::found::{FoundPoints, PointKey, SurveyedPoints, merge};
use crate::plan::{StepWork, Work};
use crate::secrets::{Asked, Keys};
use base::ids::{AccountId, Region};
use estate::{PointKind, RecoveryPoint, Selector};
use playbook::action::{BucketRead, SourceSpec, SourceWhat};
use playbook::check::CheckType;
use playbook::expr::{is_template, render_known};
use port::{CloudError, ErrorKind, Finding, Place, PointQuery, Rule, SeenPoints};

/// How many queries run at once. APIs throttle callers that list everything at the same time.
const AT_ONCE: usize = 8;
/// How many places a message names.
const MOST_NAMED: usize = 6;

impl Engine {
    /// Makes all queries that are known before the run, each of them once.
    ///
    /// `known`: the names that expressions may use by now.
    pub(super) async fn survey(&self, known: &Map<String, Value>) -> SurveyedPoints {
        let mut seen = HashSet::new();
        let mut wanted = Vec::new();
        for (_, work) in self.plan.steps() {
            for (query, places) in self.queries(work, known).await {
                if seen.insert(query.clone()) {
                    wanted.push((query, places, true));
                }
            }
        }
        for (query, places) in self.named_buckets() {
            if seen.insert(query.clone()) {
                wanted.push((query, places, false));
            }
        }
        let asked = stream::iter(wanted).map(async |(query, places, is_restored)| {
            let mut seen = self.ask_for_points(&query, &places).await;
            if is_restored {
                self.sample_buckets(&query, &mut seen.points).await;
            }
            self.date_copies(&query, &mut seen.points).await;
            // An incomplete result is left out. A step that needs the query repeats it.
            seen.complete.then_some((query, seen.points))
        });
        asked.buffered(AT_ONCE).filter_map(std::future::ready).collect().await
    }

    /// Looks for the age of AWS Backup's copies where they were made from. Only the place of the source
    /// lists a copy job, and that place is about to be lost. This is before T0.
    async fn date_copies(&self, query: &PointQuery, points: &mut Vec<RecoveryPoint>) {
        let undated =
            |p: &RecoveryPoint| p.kind == PointKind::Backup && p.taken.is_none() && p.made.is_some();
        // An estate gives the age of each copy.
        if self.cloud.tells_changes() || !points.iter().any(undated) {
            return;
        }
        let query = match query {
            PointQuery::Of { selector, reader, .. } => PointQuery::Of {
                selector: selector.clone(),
                kinds: vec![PointKind::Backup],
                reader: reader.clone(),
            },
            PointQuery::Id { .. } => query.clone(),
        };
        let places = self.plan.lost_places();
        let answers = join_all(places.iter().map(|place| self.cloud.recovery_points(place, &query))).await;
        let mut merged: BTreeMap<PointKey, RecoveryPoint> = BTreeMap::new();
        for point in std::mem::take(points) {
            merge(&mut merged, point);
        }
        for (place, answer) in places.iter().zip(answers) {
            let errors = match answer {
                Ok(seen) => {
                    for point in seen.points {
                        merge(&mut merged, point);
                    }
                    seen.unread
                }
                Err(error) => vec![error],
            };
            for error in errors {
                self.report_undated(place, &error);
            }
        }
        points.extend(merged.into_values());
    }

    /// The buckets that steps and checks read by their names, besides those that a step restores
    /// from. Who owns them must be known before T0.
    fn named_buckets(&self) -> Vec<(PointQuery, Vec<Place>)> {
        let mut reads: Vec<BucketRead> = Vec::new();
        for node in &self.plan.nodes {
            match &node.work {
                Work::Step(work) => reads.extend(work.demands.reads.iter().cloned()),
                Work::Check(work) if work.kind == CheckType::S3 => {
                    let name = work.spec.get("bucket").and_then(Value::as_str).unwrap_or_default();
                    reads.push(BucketRead { name: name.to_owned(), region: None, account: None });
                }
                Work::Check(_) => {}
            }
        }
        let mut all = Vec::new();
        for read in reads.iter().filter(|read| !is_template(&read.name)) {
            let reader = read.account.as_deref().and_then(|name| self.plan.accounts.get(name));
            let Ok(selector) = Selector::of_kind("s3:bucket", &read.name) else { continue };
            let kinds = vec![PointKind::S3Replica, PointKind::S3Versions];
            let query = PointQuery::Of { selector, kinds, reader: reader.map(|account| account.id.clone()) };
            let account = reader.map_or(&self.plan.sandbox_account, |account| &account.id);
            // It is read with these credentials, in this region.
            all.push((query, vec![self.place_of_reader(account, read.region.as_ref())]));
        }
        all
    }

    pub(super) async fn queries(
        &self,
        work: &StepWork,
        known: &Map<String, Value>,
    ) -> Vec<(PointQuery, Vec<Place>)> {
        let Some(spec) = self.known_source(work, known).await else { return Vec::new() };
        match &spec.what {
            SourceWhat::Of { kind, name, .. } if !is_template(name) => {
                let selector = Selector::of_kind(kind, name).ok();
                let Some(selector) = selector else { return Vec::new() };
                vec![self.asked_for(selector, &spec)]
            }
            SourceWhat::Id(id) if !is_template(id) => {
                let reader = &spec.owner;
                let query = |kind: &_| PointQuery::Id { id: id.clone(), kind: *kind, reader: reader.clone() };
                spec.kinds.iter().map(|kind| (query(kind), self.places_of(id, &spec))).collect()
            }
            // The name is the output of a step. The query is made once it is known.
            SourceWhat::Of { .. } | SourceWhat::Id(_) => Vec::new(),
        }
    }

    /// The source of a step, as far as it is known before T0. Params and the environment are known
    /// by then.
    pub(super) async fn known_source(
        &self,
        work: &StepWork,
        known: &Map<String, Value>,
    ) -> Option<SourceSpec> {
        let source = work.source.as_ref()?;
        if source.expressions().is_empty() {
            return Some(source.clone());
        }
        let with = work.with();
        let mut names = known.clone();
        // A value that cannot be read is reported by the step that needs it.
        let asked = Asked { value: &with, secret: Keys::These(work.action.decl.secrets) };
        names.extend(self.secrets.named_in(asked).await.unwrap_or_default());
        let with = render_known(&with, &Value::Object(names));
        (work.action.read)(&with).ok()?.source()
    }

    /// The query for points of `selector`, and the places where it is made. The points of another
    /// provider are asked for there and nowhere else.
    pub(super) fn asked_for(&self, selector: Selector, spec: &SourceSpec) -> (PointQuery, Vec<Place>) {
        let kinds = spec.kinds.clone();
        if let Some(owner) = &spec.owner {
            let query = PointQuery::Of { selector, kinds, reader: Some(owner.clone()) };
            return (query, self.places_of_owner(owner, spec.region.as_ref()));
        }
        let reader = spec.account.as_deref().and_then(|name| self.plan.accounts.get(name));
        let query = PointQuery::Of { selector, kinds, reader: reader.map(|account| account.id.clone()) };
        let places = match reader.filter(|account| account.endpoint.is_some()) {
            Some(there) => vec![self.place_of_reader(&there.id, spec.region.as_ref())],
            None => self.places(),
        };
        (query, places)
    }

    /// Where an account reads: in the region that is named, else in the sandbox's.
    pub(super) fn place_of_reader(&self, account: &AccountId, region: Option<&Region>) -> Place {
        let region = region.unwrap_or(&self.plan.sandbox.region).clone();
        Place { account: account.clone(), region }
    }

    /// Every surviving account in every surviving region of interest.
    pub(super) fn places(&self) -> Vec<Place> {
        let plan = &self.plan;
        plan.surviving_accounts()
            .into_iter()
            .flat_map(|account| {
                plan.regions
                    .iter()
                    .map(move |region| Place { account: account.clone(), region: region.clone() })
            })
            .collect()
    }

    /// Where an account keeps its vaults: in the region that is named, else in every region of
    /// interest. Empty if the account is lost, or none of the playbook's.
    fn places_of_owner(&self, owner: &AccountId, region: Option<&Region>) -> Vec<Place> {
        let is_named = |place: &Place| region.is_none_or(|region| place.region == *region);
        self.places().into_iter().filter(|place| place.account == *owner).filter(is_named).collect()
    }

    /// The place of a point that is named by its id: its ARN's region, otherwise the one that the
    /// arguments name, otherwise the sandbox's. In the account of its owner if the arguments tell that.
    pub(super) fn places_of(&self, id: &str, spec: &SourceSpec) -> Vec<Place> {
        let region = arn_part(id, 3).and_then(|r| r.parse().ok()).or_else(|| spec.region.clone());
        let mut place = self.plan.sandbox_place();
        if let Some(owner) = &spec.owner {
            if !self.plan.surviving_accounts().contains(owner) {
                return Vec::new();
            }
            place.account = owner.clone();
        }
        if let Some(region) = region {
            if self.plan.loss.region() == Some(&region) {
                return Vec::new();
            }
            place.region = region;
        }
        vec![place]
    }

    /// Queries every place, and merges the results.
    pub(super) async fn ask_for_points(&self, query: &PointQuery, places: &[Place]) -> FoundPoints {
        let answers = join_all(places.iter().map(|place| self.cloud.recovery_points(place, query))).await;
        let mut merged: BTreeMap<PointKey, RecoveryPoint> = BTreeMap::new();
        let mut complete = true;
        for (place, answer) in places.iter().zip(answers) {
            match answer {
                Ok(SeenPoints { points, unread }) => {
                    for mut point in points {
                        point.elsewhere = self.gate.is_elsewhere(&point.account);
                        merge(&mut merged, point);
                    }
                    // What was not read may hold the point that is looked for.
                    complete &= unread.iter().all(|error| error.kind == ErrorKind::Unsupported);
                    for error in &unread {
                        self.report_unseen(place, error);
                    }
                }
                Err(error) => {
                    complete &= error.kind == ErrorKind::Unsupported;
                    self.report_unseen(place, &error);
                }
            }
        }
        complete &= self.ask_who_may(&mut merged).await;
        FoundPoints { points: merged.into_values().collect(), complete }
    }

    /// Points that are shared with an organization do not name the sandbox's account. So that
    /// account looks up each of them by its id.
    async fn ask_who_may(&self, merged: &mut BTreeMap<PointKey, RecoveryPoint>) -> bool {
        let account = &self.plan.sandbox_account;
        let widely = merged.values().filter(|p| p.shared_widely && !p.shared_with.contains(account));
        let asked: Vec<_> = widely
            .map(|p| {
                let place = Place { account: account.clone(), region: p.region.clone() };
                (place, PointQuery::Id { id: p.id.clone(), kind: p.kind, reader: None })
            })
            .collect();
        let answers = asked.iter().map(|(place, query)| self.cloud.recovery_points(place, query));
        let mut complete = true;
        for ((place, _), answer) in asked.iter().zip(join_all(answers).await) {
            match answer {
                Ok(SeenPoints { points, unread }) => {
                    for p in points {
                        merge(merged, p);
                    }
                    complete &= unread.is_empty();
                    for error in &unread {
                        self.report_unseen(place, error);
                    }
                }
                Err(error) => {
                    complete = false;
                    self.report_unseen(place, &error);
                }
            }
        }
        complete
    }

    /// Where points were looked for, in words.
    pub(super) fn looked_in(&self, places: &[Place]) -> String {
        let mut all: Vec<String> = places.iter().map(|place| self.called(place)).collect();
        all.dedup();
        let more = all.len().saturating_sub(MOST_NAMED);
        all.truncate(MOST_NAMED);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        format!("looked for in {}{more}", all.join(", "))
    }

    fn called(&self, place: &Place) -> String {
        let named = self.plan.accounts.iter().find(|(_, account)| account.id == place.account);
        match named.and_then(|(name, account)| Some((name, account.endpoint.as_deref()?))) {
            Some((name, endpoint)) => format!("account `{name}` at {endpoint}"),
            None => format!("account {} in {}", place.account, place.region),
        }
    }

    fn report_unseen(&self, place: &Place, error: &CloudError) {
        if error.kind == ErrorKind::Unsupported {
            return;
        }
        self.report(Finding::new(
            Rule::RecoveryPointsUnseen,
            format!("{} {}", place.account, place.region),
            format!(
                "recovery points could not be listed, and a newer one than was used may lie there: {error}"
            ),
            error.help.as_deref().unwrap_or("give the drill credentials that may read there"),
        ));
    }

    fn report_undated(&self, place: &Place, error: &CloudError) {
        self.report(Finding::new(
            Rule::RecoveryPointsUnseen,
            format!("{} {}", place.account, place.region),
            format!("how old the copies are that were made from there is not known: {error}"),
            error.help.as_deref().unwrap_or("give the drill credentials that may read there before T0"),
        ));
    }
}

/// A part of an ARN, counted from 1 after `arn`.
pub(super) fn arn_part(id: &str, part: usize) -> Option<&str> {
    id.strip_prefix("arn:")?.split(':').nth(part - 1)
}
