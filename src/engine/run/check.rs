//! Runs one check until it is healthy and stays so, or until its time is up.

use std::borrow::Cow;

use serde_json::Value;

use super::Recovery;
use super::end::End;
use super::memory::CheckMemory;
use crate::plan::{CheckWork, Node};
use crate::secrets::PLACEHOLDER;
use base::duration::{Span, Time};
use base::ids::AccountId;
use checks::{self, DataSeen, DynamodbObserved, Health, Observation, S3Observed};
use event::Body;
use playbook::check::{CheckKind, DEFAULT_TIMEOUT, DynamodbCheck, KeyValue, S3Check, StateCheck};
use playbook::comparison::parse_timestamp;
use playbook::data::{self, DataRung};
use playbook::expr_value::TemplateLeft;
use playbook::model::Measures;
use playbook::{expr, sensitive};
use port::{
    BucketRef, CloudResult, CountItems, Finding, KeyPart, Kind, MeasuredObjects, Observed, ResourceRef, Rule,
    State, TableLook, TableSeen,
};

/// The result of one try.
struct Try {
    seen: Observation,
    next_change: Option<Time>,
    /// The result is exact from this instant on. Nothing changes before `next_change`.
    exact: bool,
}

/// The progress of a check.
struct CheckProgress {
    ready_at: Time,
    tries: u32,
    /// The result of the last try.
    last: Option<(Health, String)>,
    healthy_since: Option<Time>,
    /// The check was healthy, and did not stay so.
    flapped: bool,
    /// The time of the last try before the run was resumed. Taken by the first try afterwards.
    last_try_before_resume: Option<Time>,
}

impl CheckProgress {
    fn new(ready_at: Time) -> Self {
        Self {
            ready_at,
            tries: 0,
            last: None,
            healthy_since: None,
            flapped: false,
            last_try_before_resume: None,
        }
    }

    /// Continues a check of a resumed run. Healthy time that nobody watched does not count, unless
    /// results are exact.
    fn resumed(known: &CheckMemory, exact: bool) -> Self {
        let CheckMemory { ready_at, tries, last, tried_at, healthy_since, flapped } = known.clone();
        let healthy_since = healthy_since.filter(|_| exact);
        Self { ready_at, tries, last, healthy_since, flapped, last_try_before_resume: tried_at }
    }
}

impl Try {
    /// `by_probe`: nobody knows whether the probe or what it asks is slow.
    fn too_late(by_probe: bool) -> Self {
        let why = "the question was still without an answer when `within` ended";
        let seen = if by_probe {
            Observation::unknown("no answer", why)
        } else {
            Observation::unhealthy("no answer", why)
        };
        Self { seen, next_change: None, exact: false }
    }
}

impl Recovery<'_> {
    pub async fn check(&self, index: usize, node: &Node, work: &CheckWork) -> End {
        let (bus, clock) = (&self.engine.bus, &self.engine.clock);
        let id = &node.id;
        let mut progress = if let Some(known) = self.engine.memory.checks.get(id) {
            CheckProgress::resumed(known, self.engine.cloud.tells_changes())
        } else {
            bus.tell(Body::CheckReady { check: id.clone() });
            CheckProgress::new(clock.now())
        };
        let failed = |health: Health, because: String, observed: String, tries: u32| {
            self.tell_denials();
            let check = id.clone();
            bus.tell(match health {
                Health::Unknown => Body::CheckUnknown { check, because, observed, tries },
                Health::Healthy | Health::Unhealthy => {
                    Body::CheckUnhealthy { check, because, observed, tries }
                }
            });
            End::Failed
        };
        let kind = match self.spec(index, work).await {
            Ok(kind) => kind,
            Err(error) => return failed(Health::Unknown, error, String::new(), 0),
        };
        self.note_zones().await;
        self.note_hosts().await;
        if let Some(why) = self.deny_check(id, &kind) {
            return failed(Health::Unhealthy, why, String::new(), 0);
        }
        let deadline = progress.ready_at + work.check.within.delta();
        loop {
            let started = clock.now();
            let asked = self.try_once(id, work, &kind, progress.ready_at);
            // An answer after the deadline comes too late, unless the check is healthy and only has
            // to stay so.
            let tried = if progress.healthy_since.is_none() && started < deadline {
                let late = || {
                    // The probe gives a check its own time. Until that is over, what does not answer is
                    // what was asked, as before.
                    let timeout = Span(kind.timeout().unwrap_or(DEFAULT_TIMEOUT.0)).delta();
                    let was_unhealthy =
                        progress.last.as_ref().is_some_and(|(health, _)| *health == Health::Unhealthy);
                    let is_early = was_unhealthy && clock.now() <= started + timeout;
                    Try::too_late(self.is_asked_by_probe(&kind) && !is_early)
                };
                clock.timeout_at(deadline, asked).await.unwrap_or_else(late)
            } else {
                asked.await
            };
            let now = clock.now();
            let Try { seen, next_change, exact } = tried;
            let seen = self.with_ended_background(index, seen);
            let next = |healthy_since: Option<Time>| {
                let next = match (next_change, exact) {
                    (Some(change), _) => change,
                    (None, true) => Time::MAX_UTC,
                    (None, false) => (started + work.check.every.delta()).max(now),
                };
                match healthy_since {
                    Some(since) => next.min(since + work.check.stable_for.delta()),
                    None => next.min(deadline),
                }
            };
            let result = (seen.health, seen.observed.clone());
            // After a resume, an exact result that equals the last one means that nothing has
            // changed since.
            let repeated = progress
                .last_try_before_resume
                .take()
                .filter(|_| exact && progress.last.as_ref() == Some(&result));
            if repeated.is_some() && next(progress.healthy_since) > now {
                clock.sleep_until(next(progress.healthy_since)).await;
                continue;
            }
            // A first try at the instant of the last one repeats that try, so it is not counted.
            progress.tries += u32::from(repeated != Some(now));
            if progress.last.as_ref() != Some(&result) {
                bus.tell(Body::CheckTried {
                    check: id.clone(),
                    healthy: seen.is_healthy(),
                    observed: seen.observed.clone(),
                    tries: progress.tries,
                    unknown: seen.health == Health::Unknown,
                });
                progress.last = Some(result);
            }
            if seen.is_healthy() {
                let since = *progress.healthy_since.get_or_insert(now);
                if now >= since + work.check.stable_for.delta() {
                    let data_time = Self::measured(work, &seen);
                    self.report_assumed(id, &kind, &seen);
                    self.report_uncompared(id, &kind);
                    self.tell_rungs(id, &seen);
                    self.tell_denials();
                    bus.tell(Body::CheckHealthy {
                        check: id.clone(),
                        healthy_at: since,
                        observed: seen.observed,
                        tries: progress.tries,
                        data_time,
                    });
                    return End::Done;
                }
            } else {
                // Healthy time that nobody watched does not count either.
                let was_healthy = progress.healthy_since.take().is_some();
                progress.flapped |= was_healthy && seen.health == Health::Unhealthy;
                if now >= deadline {
                    self.tell_rungs(id, &seen);
                    let why = seen.why.unwrap_or_else(|| "it was not healthy".into());
                    let how = match seen.health {
                        Health::Unknown => "it is not known whether it became healthy",
                        Health::Healthy | Health::Unhealthy if progress.flapped => {
                            "it did not stay healthy for `stable_for`"
                        }
                        Health::Healthy | Health::Unhealthy => "it did not become healthy",
                    };
                    return failed(
                        seen.health,
                        format!("{how} within {}: {why}", work.check.within),
                        seen.observed,
                        progress.tries,
                    );
                }
            }
            // Prevents a tight loop, whatever the playbook says.
            let next = next(progress.healthy_since).max(now + chrono::TimeDelta::milliseconds(1));
            clock.sleep_until(next).await;
        }
    }

    /// Renders the expressions in the check's own part.
    async fn spec(&self, index: usize, work: &CheckWork) -> Result<CheckKind, String> {
        let mut spec = Cow::Borrowed(&work.spec);
        // A password in a URL may hold any character.
        if let Some(Value::String(url)) = work.spec.get("url").filter(|_| work.kind.has_url()) {
            let encoded = expr::url_encoded(url);
            if encoded != *url {
                spec.to_mut()["url"] = encoded.into();
            }
        }
        let rendered = self.render(index, &spec).await.map_err(|error| match error.help() {
            Some(help) => format!("{error} ({help})"),
            None => error.to_string(),
        })?;
        if let Some(url) = rendered.as_value().get("url").and_then(Value::as_str) {
            sensitive::register_password(url, &self.engine.plan.source);
        }
        let values = rendered.as_value().clone();
        let mut kind: CheckKind =
            rendered.under(work.kind.key()).read().map_err(|e| format!("its arguments do not fit: {e}"))?;
        if let CheckKind::Data(spec) = &mut kind {
            spec.name_last_passed(&self.engine.plan.nodes[index].id);
        }
        // What an expression gave may be wrong in ways that the types do not find. What the twin made
        // up says nothing.
        let made_up = self.made_up(&work.spec);
        let is_made_up = |field: &str| {
            let text = values.get(field).map(Value::to_string).unwrap_or_default();
            text.contains(PLACEHOLDER) || made_up.iter().any(|made| text.contains(made.as_str()))
        };
        match kind.mistakes().into_iter().find(|mistake| !is_made_up(mistake.field)) {
            Some(wrong) => Err(format!("it cannot be asked: {}; {}", wrong.message, wrong.help)),
            None => Ok(kind),
        }
    }

    /// Tells what a check of data saw, rung by rung.
    fn tell_rungs(&self, id: &str, seen: &Observation) {
        if let Some(data) = seen.data.as_deref().cloned() {
            let DataSeen { rungs, rows } = data;
            self.engine.bus.tell(Body::CheckRungs { check: id.to_owned(), rungs, rows });
        }
    }

    /// Reports a check that counts rows and has nothing to compare them with yet.
    fn report_uncompared(&self, id: &str, kind: &CheckKind) {
        let CheckKind::Data(spec) = kind else { return };
        let Some(against) = spec.against.as_deref().filter(|against| data::is_last_passed(against)) else {
            return;
        };
        let counts = spec.asked().contains(&DataRung::Volume);
        if counts && !self.engine.plan.files.kept().contains_key(against) {
            self.engine.report(Finding::new(
                Rule::CheckProvesLittle,
                id,
                format!(
                    "check `{id}` compared its rows with nothing: no run of this playbook that counted them has passed"
                ),
                "nothing, if this is the first run: the next one compares with its counts. Else name the store with the runs (`--store`), or compare with a reference (`drillmaster data snapshot`)",
            ));
        }
    }

    async fn try_once(&self, id: &str, work: &CheckWork, kind: &CheckKind, ready_at: Time) -> Try {
        if let Some(answer) = self.engine.cloud.probe(id, ready_at) {
            return Try {
                next_change: answer.next_change,
                seen: self.of_what_was_restored(kind, self.rehearsed(work, kind, answer).await),
                exact: true,
            };
        }
        let seen = match kind {
            CheckKind::S3(spec) => self.ask_s3(spec).await,
            CheckKind::Dynamodb(spec) => self.ask_table(spec).await,
            CheckKind::State(spec) => self.ask_state(spec).await,
            kind @ (CheckKind::Http(_)
            | CheckKind::Tcp(_)
            | CheckKind::Dns(_)
            | CheckKind::Sql(_)
            | CheckKind::Data(_)
            | CheckKind::Redis(_)
            | CheckKind::Command(_)) => self.ask_network(id, kind).await,
        };
        let seen = self.of_what_was_restored(kind, seen);
        Try { seen: self.require_timestamp(work, seen), next_change: None, exact: false }
    }

    /// A name that still leads to production, or into what is lost, is not healthy.
    fn of_what_was_restored(&self, kind: &CheckKind, seen: Observation) -> Observation {
        let answer = seen.value.as_deref().filter(|_| seen.is_healthy());
        match answer.and_then(|answer| self.engine.addresses.answer(kind, answer)) {
            Some(found) => Observation::unhealthy(
                &seen.observed,
                format!("the answer leads to what was not restored: {}", found.why),
            ),
            None => seen,
        }
    }

    /// A check that measures RPO is healthy only if it returns a timestamp from before T0. Later
    /// data cannot have been restored.
    pub(super) fn require_timestamp(&self, work: &CheckWork, seen: Observation) -> Observation {
        if work.check.measures != Some(Measures::Rpo) || !seen.is_healthy() {
            return seen;
        }
        let why = match Self::measured(work, &seen) {
            Some(newest) if newest <= self.t0 => return seen,
            Some(_) => {
                "it measures RPO, and the newest timestamp lies after T0: it was written since, not restored"
            }
            None => "it measures RPO, and what it returns is not a timestamp",
        };
        Observation::unhealthy(&seen.observed, why)
    }

    fn measured(work: &CheckWork, seen: &Observation) -> Option<Time> {
        work.check.measures?;
        parse_timestamp(seen.value.as_deref()?)
    }

    pub(super) async fn measured_s3(&self, spec: &S3Check) -> CloudResult<MeasuredObjects> {
        let place = &self.ready.place;
        let bucket = BucketRef {
            name: spec.bucket.clone(),
            account: place.account.clone(),
            region: place.region.clone(),
            owner: self.owner_of(&spec.bucket),
        };
        match &spec.key {
            Some(key) => self.engine.cloud.measure_object(&bucket, key).await,
            None => {
                self.engine.cloud.measure_objects(&bucket, spec.prefix.as_deref().unwrap_or_default()).await
            }
        }
    }

    /// The owner of a bucket: the sandbox's account, if the run made it.
    fn owner_of(&self, bucket: &str) -> Option<AccountId> {
        let here = &self.ready.place.account;
        if self.ready.buckets.values().any(|real| real == bucket) {
            return Some(here.clone());
        }
        self.chooser().bucket_owner(bucket, here)
    }

    async fn ask_s3(&self, spec: &S3Check) -> Observation {
        match self.measured_s3(spec).await {
            Ok(seen) => checks::judge_s3(spec, &S3Observed { count: seen.count, bytes: seen.bytes }),
            Err(error) => Observation::unknown("not seen", error.to_string()),
        }
    }

    async fn ask_table(&self, spec: &DynamodbCheck) -> Observation {
        match self.seen_table(spec).await {
            Ok(seen) => checks::judge_dynamodb(spec, &seen),
            Err(unseen) => unseen,
        }
    }

    /// Looks at a table that the run made.
    pub(super) async fn seen_table(&self, spec: &DynamodbCheck) -> Result<DynamodbObserved, Observation> {
        let is_it = |r: &ResourceRef| r.kind == Kind::Table && r.id == spec.table;
        let Some(resource) = self.provisioner.find(is_it) else {
            let why = format!("`{}` is no table that this run restored", spec.table);
            return Err(Observation::unknown("not asked", why));
        };
        let look = look_at(spec).map_err(Observation::from)?;
        match self.engine.cloud.look_at_table(&resource.place(), &look).await {
            Ok(TableSeen { items, all, found, value }) => Ok(DynamodbObserved { items, all, found, value }),
            Err(error) => Err(Observation::unknown("not seen", error.to_string())),
        }
    }

    async fn ask_state(&self, spec: &StateCheck) -> Observation {
        match self.status_of(spec).await {
            Ok(status) => checks::judge_state(spec, &status),
            Err(unseen) => unseen,
        }
    }

    /// The status of a resource: `healthy`, or the cloud's own word.
    pub(super) async fn status_of(&self, spec: &StateCheck) -> Result<String, Observation> {
        let Some(resource) = self.provisioner.find(|r| r.id == spec.of) else {
            return Err(Observation::unknown(
                "not asked",
                format!("`{}` is nothing that this run created", spec.of),
            ));
        };
        let ids = [resource.id.clone()];
        match self.engine.cloud.observe(&resource.place(), resource.kind, &ids).await {
            Ok(seen) => Ok(seen.first().map_or("gone".to_owned(), status)),
            Err(error) => Err(Observation::unknown("not seen", error.to_string())),
        }
    }
}

/// What has to be looked at for the check. Items are counted no further than needed.
fn look_at(spec: &DynamodbCheck) -> Result<TableLook, TemplateLeft> {
    let count = match (&spec.count, &spec.min_items) {
        (Some(_), _) => Some(CountItems::All),
        (None, Some(min)) => Some(CountItems::UpTo(*min.get()?)),
        (None, None) => spec.key.is_none().then_some(CountItems::UpTo(1)),
    };
    let part = |value: &KeyValue| match value {
        KeyValue::S(text) => KeyPart::Text(text.clone()),
        KeyValue::N(number) => KeyPart::Number(number.clone()),
        // `CheckKind::mistakes` refuses what is no base64.
        KeyValue::B(_) => KeyPart::Bytes(value.bytes().unwrap_or_default()),
    };
    let key = spec.key.as_ref();
    Ok(TableLook {
        table: spec.table.clone(),
        count,
        key: key.map(|key| key.iter().map(|(name, value)| (name.clone(), part(value))).collect()),
        attribute: spec.attribute.clone(),
    })
}

/// `healthy`, or the cloud's own word.
fn status(seen: &Observed) -> String {
    match &seen.state {
        State::Ready if seen.healthy == Some(false) => "status checks not passed".into(),
        State::Ready => "healthy".into(),
        State::Pending(word) | State::Failed(word) => word.clone(),
        State::Gone => "gone".into(),
    }
}
