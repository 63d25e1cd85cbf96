//! The expected result of a drill on the twin, reckoned from the design and the documents alone.
//!
//! Where these leave something open and the program decides, a comment says *open*.

use std::collections::BTreeSet;

use super::drill::{Check, DAY, Drill, Fault, Loss, MINUTE, Pick, Point, Resource, Source, Step, What};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Well,
    Failed,
    Skipped,
    /// Its `when` is false.
    LeftOut,
    /// It had not begun when the sandbox's ttl ended.
    NotBegun,
}

/// How a step or a check ended.
#[derive(Debug, Clone)]
pub struct Ended {
    pub end: End,
    /// The time at which a step succeeded or failed, or a check settled. Its dependents begin then.
    pub at: i64,
    /// For a check: the start of the stretch that held.
    pub healthy: i64,
    /// The recovery point of its data.
    pub point: Option<usize>,
    /// Nobody could ask the check to its end, so it is unknown.
    pub unasked: bool,
    /// The step got as far as its calls.
    pub called: bool,
    /// For a step: when each attempt began, and the fault that it had.
    pub attempts: Vec<(i64, Option<&'static str>)>,
}

impl Ended {
    fn new(end: End, at: i64) -> Self {
        Self { end, at, healthy: at, point: None, unasked: false, called: false, attempts: Vec::new() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    pub of: String,
    pub point: String,
    pub step: String,
    pub age: Option<i64>,
    pub data_age: Option<i64>,
    pub worst: Option<i64>,
    /// A check that was to measure the age did not.
    pub measure_failed: bool,
}

impl Store {
    /// The age that counts. Data newer than their recovery point were written after the restore and
    /// do not count.
    fn counts(&self) -> Option<i64> {
        match (self.data_age, self.age) {
            (Some(data), Some(age)) => Some(data.max(age)),
            (data, age) => data.or(age),
        }
    }
}

#[derive(Debug, Clone)]
pub struct OfWorkload {
    /// Its steps and checks.
    pub nodes: Vec<usize>,
    pub recovered: bool,
    pub rto: Option<i64>,
    pub with_assumptions: Option<i64>,
    pub rto_status: &'static str,
    pub rpo: Option<i64>,
    pub rpo_status: &'static str,
    pub worst: Option<i64>,
    pub consistency_status: &'static str,
    pub stores: Vec<Store>,
}

#[derive(Debug)]
pub struct Reckoned {
    pub ended: Vec<Ended>,
    pub workloads: Vec<OfWorkload>,
    pub covered: BTreeSet<String>,
    pub uncovered: BTreeSet<String>,
    pub passed: bool,
    /// The sandbox's ttl ended before the recovery did.
    pub out_of_time: bool,
    pub code: i64,
}

/// Actions that restore data stores ("`rds.*`, `s3.*` and `ec2.restore_volume`").
fn restores_data(step: &Step) -> bool {
    match step.uses {
        "rds.restore"
        | "rds.restore_to_time"
        | "rds.restore_cluster"
        | "rds.promote_replica"
        | "s3.restore"
        | "ec2.restore_volume" => true,
        "ec2.launch" => step.data,
        _ => false,
    }
}

/// Actions that bring a resource back. A copy of a snapshot or a comparison restores nothing.
fn restores(step: &Step) -> bool {
    restores_data(step) || step.uses == "ec2.launch"
}

fn kinds(uses: &str, of: &Resource) -> &'static [&'static str] {
    match (uses, of.kind()) {
        ("rds.restore_to_time", _) => &["rds_pitr"],
        ("rds.promote_replica", _) => &["rds_replica"],
        (_, "rds:db") => &["rds_snapshot"],
        (_, "rds:cluster") => &["rds_cluster_snapshot"],
        (_, "ec2:volume") => &["ebs_snapshot"],
        (_, "ec2:instance") => &["ami"],
        (_, "s3:bucket") => &["s3_replica", "s3_versions"],
        other => panic!("{other:?}"),
    }
}

impl Drill {
    fn lost(&self, account: &str, region: &str) -> bool {
        match self.loss {
            Loss::Az(_) => false,
            Loss::Region(lost) => lost == region,
            Loss::Account(lost) => lost == account,
        }
    }

    pub fn lost_resource(&self, of: &Resource) -> bool {
        match self.loss {
            Loss::Az(az) => of.az.as_deref() == Some(az) && !of.multi_az && zonal(of),
            Loss::Region(_) | Loss::Account(_) => self.lost(of.account, of.region),
        }
    }

    /// The point and its encryption key both lie outside the blast radius.
    pub fn survives(&self, point: &Point) -> bool {
        !self.lost(point.account, point.region)
            && point.kms.is_none_or(|(account, region)| !self.lost(account, region))
    }

    /// The point's own account may use it, and so may the accounts that it is shared with. PITR and
    /// replicas never cross accounts.
    pub fn may_use(&self, point: &Point) -> bool {
        let crosses = !matches!(point.kind, "rds_pitr" | "rds_replica") && point.shared && !point.managed_key;
        point.account == self.sandbox_account || (crosses && self.sandbox_account == super::drill::SANDBOX)
    }

    /// The recovery point that a step takes.
    pub fn chosen(&self, step: &Step, of: usize, pick: &Pick) -> Option<usize> {
        self.newest(self.candidates(step, of), pick)
    }

    fn newest(&self, candidates: Vec<usize>, pick: &Pick) -> Option<usize> {
        let usable = candidates.into_iter().map(|n| (n, &self.points[n]));
        let picked = usable.filter(|(_, point)| match pick {
            Pick::Latest => true,
            Pick::NotNewer(at) => point.taken.is_some_and(|taken| taken <= *at),
            Pick::Id(id) => point.id == *id,
        });
        picked.max_by_key(|(_, point)| point.taken).map(|(n, _)| n)
    }

    /// `base + per_gib × size`, rounded to a millisecond.
    fn takes(&self, step: &Step, point: Option<usize>) -> i64 {
        if step.uses == "manual.task" {
            return step.assume;
        }
        let (base, per_gib) = self.timings[step.uses];
        base + per_gib * point.map_or(0, |point| self.points[point].gib)
    }

    /// The machines, all of which carry the tag.
    fn machines(&self) -> Vec<usize> {
        (0..self.resources.len()).filter(|r| self.resources[*r].kind() == "ec2:instance").collect()
    }

    fn fault(&self, node: usize, attempt: i64) -> Option<&'static str> {
        let of_calls = |f: &&Fault| !matches!(f.error, "will_not_delete" | "sandbox_open");
        let of_it = self.faults.iter().filter(|f| f.node == node).filter(of_calls);
        of_it.filter(|f| f.attempt.is_none_or(|n| n == attempt)).map(|f| f.error).next()
    }

    /// The nodes that a node waits for: its needs, and the steps whose output it names.
    pub fn waits_for(&self, node: usize) -> BTreeSet<usize> {
        let mut all: BTreeSet<usize> = self.nodes[node].needs.iter().copied().collect();
        match &self.nodes[node].what {
            What::Step(step) => {
                all.extend(&step.volumes);
                if let Source::Copy(n) | Source::Bucket(n) = step.source {
                    all.insert(n);
                }
            }
            What::Check(check) => all.extend(check.names.map(|(n, _)| n)),
        }
        all
    }

    fn run_step(&self, node: usize, step: &Step, start: i64, ended: &[Ended]) -> Ended {
        let failed = |at| Ended::new(End::Failed, at);
        // The volume that it names was never made.
        if step.volumes.iter().any(|n| ended[*n].end != End::Well) {
            return failed(start);
        }
        let point = match &step.source {
            Source::Nothing => None,
            Source::Of(of, pick) => match self.chosen(step, *of, pick) {
                Some(point) => Some(point),
                None => return failed(start),
            },
            Source::Tagged(pick) => {
                let all = self.machines().into_iter().flat_map(|of| self.candidates(step, of)).collect();
                match self.newest(all, pick) {
                    Some(point) => Some(point),
                    None => return failed(start),
                }
            }
            // The resource that it names was never made, though the step before was allowed to
            // fail.
            Source::Copy(copy) | Source::Bucket(copy) if ended[*copy].end != End::Well => {
                return failed(start);
            }
            // The provenance passes through copies.
            Source::Copy(copy) | Source::Bucket(copy) => ended[*copy].point,
        };
        // RDS copies an encrypted snapshot from another region or account only with a key for the
        // copy.
        let source = point.map(|n| &self.points[n]);
        let crosses = |p: &Point| p.account != self.sandbox_account || p.region != self.sandbox_region;
        let sealed = source.is_some_and(|p| (p.kms.is_some() || p.managed_key) && crosses(p));
        if step.uses == "rds.copy_snapshot" && sealed && !step.kms_key {
            return failed(start);
        }
        let takes = self.takes(step, point);
        // The next attempt takes over a cloud resource that an earlier attempt began, though its
        // answer was lost. *Open*: objects are copied and compared again, and a command or a person
        // begins again.
        let objects = matches!(step.uses, "s3.restore" | "s3.verify");
        let no_resource = objects || matches!(step.uses, "command.run" | "manual.task");
        let limit = step.timeout.unwrap_or(i64::MAX / 4);
        let mut at = start;
        // The time at which a call of an earlier attempt took effect, though its answer never
        // arrived.
        let mut begun: Option<i64> = None;
        let mut attempts = Vec::new();
        for attempt in 1..=step.attempts {
            if attempt > 1 {
                at += step.backoff << (attempt - 2);
            }
            // A resource that an earlier attempt began is healthy and goes on. A fault of what this
            // attempt begins then has no effect. For a cluster, this attempt begins the instances.
            // For a launch, it attaches the volumes.
            let begins_more = step.uses == "rds.restore_cluster" || !step.volumes.is_empty();
            let taken_over = begun.is_some() && !begins_more;
            let fault = self
                .fault(node, attempt)
                .filter(|fault| !taken_over || !matches!(*fault, "never_completes" | "comes_up_unhealthy"));
            attempts.push((at, fault));
            let (over, well) = match fault {
                Some("throttled" | "server_error") => (at, false),
                // The answer to a copy of objects comes when all are copied.
                Some("lost_answer") if objects => ((at + takes).min(at + limit), false),
                Some("lost_answer") => {
                    begun = begun.or(Some(at).filter(|_| !no_resource));
                    (at, false)
                }
                // *Open*: where no resource comes up, the attempt fails at once. Copied objects
                // have no state that could fail. Among compared objects, one differs.
                Some("comes_up_unhealthy") if no_resource && !objects => (at, false),
                Some("never_completes") => {
                    begun = None;
                    (at + limit, false)
                }
                Some("comes_up_unhealthy") if step.uses != "s3.restore" => {
                    let up = begun.take().unwrap_or(at) + takes;
                    (up.max(at).min(at + limit), false)
                }
                _ => {
                    let ready = (begun.unwrap_or(at) + takes).max(at);
                    // An attempt that exceeds the timeout is given up, and the next one begins
                    // again.
                    begun = None;
                    (ready.min(at + limit), ready <= at + limit)
                }
            };
            at = over;
            if well {
                return Ended { point, called: true, attempts, ..Ended::new(End::Well, at) };
            }
        }
        Ended { called: true, attempts, ..failed(at) }
    }

    /// The check holds once its probe stays healthy for `stable_for`. The probe is healthy from
    /// `healthy_after` on, except for one time of being down.
    ///
    /// *Open*: whether the twin tries only at each `every`. It sees each change at the instant of
    /// the change.
    /// *Open*: `within` limits when the stretch that holds begins, not when it has held.
    fn run_check(check: &Check, start: i64) -> Ended {
        let within = check.within.unwrap_or(5 * MINUTE);
        let probe = check.probe.clone().unwrap_or_default();
        let first = probe.healthy_after;
        let begins = match probe.flaps {
            // The probe goes down before it has held, so the stretch that holds begins after that.
            Some((after, down)) if after < check.stable_for => first + after + down,
            Some(_) | None => first,
        };
        // A measure without an answer measures nothing.
        let answers = !check.measures || probe.value.is_some();
        if probe.never || !answers || first > within || begins > within {
            // A stretch that began in time may go on beyond `within`. The check gives up when it
            // breaks.
            let breaks = probe.flaps.map(|(after, _)| first + after);
            let begun = !probe.never && answers && first <= within;
            let up = start + breaks.filter(|_| begun).unwrap_or(0).max(within);
            return Ended::new(End::Failed, up);
        }
        let healthy = start + begins;
        Ended { healthy, ..Ended::new(End::Well, healthy + check.stable_for) }
    }

    /// `deadline`: the end of the sandbox's ttl. It ends what runs, and nothing begins after it.
    fn nodes_ended(&self, deadline: i64) -> Vec<Ended> {
        let mut ended: Vec<Ended> = Vec::new();
        for (n, node) in self.nodes.iter().enumerate() {
            let waits = self.waits_for(n);
            let start = waits.iter().map(|w| ended[*w].at).max().unwrap_or(0);
            let holds_back = |w: &usize| match (&ended[*w].end, &self.nodes[*w].what) {
                (End::Well, _) => false,
                (End::Failed, What::Step(step)) => !step.tolerated,
                (End::Failed, What::Check(_)) | (End::Skipped | End::LeftOut | End::NotBegun, _) => true,
            };
            // The first that holds it back has it skipped at once, whatever else it waits for.
            let skipped = waits.iter().copied().filter(holds_back).map(|w| ended[w].at).min();
            let end = match &node.what {
                _ if skipped.unwrap_or(start) >= deadline => Ended::new(End::NotBegun, deadline),
                _ if skipped.is_some() => Ended::new(End::Skipped, skipped.unwrap_or(start)),
                What::Step(step) if step.when == Some(false) => Ended::new(End::LeftOut, start),
                What::Step(step) => self.run_step(n, step, start, &ended),
                // The resource that it names was never made, so there is nothing to ask.
                What::Check(Check { names: Some((step, _)), .. }) if ended[*step].end != End::Well => {
                    Ended { unasked: true, ..Ended::new(End::Failed, start) }
                }
                What::Check(check) => Self::run_check(check, start),
            };
            ended.push(if end.at > deadline {
                let attempts = end.attempts.into_iter().filter(|(at, _)| *at < deadline).collect();
                Ended { called: end.called, unasked: true, attempts, ..Ended::new(End::Failed, deadline) }
            } else {
                end
            });
        }
        ended
    }

    /// The recovery points that a step could have used, if this step read the cloud's points.
    pub fn candidates(&self, step: &Step, of: usize) -> Vec<usize> {
        // A copy takes the point from any region. A restore of objects is a copy, too.
        let in_place = !step.uses.contains("copy") && step.uses != "s3.restore";
        let kinds = kinds(step.uses, &self.resources[of]);
        // RDS does not restore an encrypted snapshot of another account. A snapshot with a key is
        // encrypted.
        let sealed = |point: &Point| {
            in_place
                && point.kind == "rds_snapshot"
                && point.kms.is_some()
                && point.account != self.sandbox_account
        };
        let fits = |point: &Point| {
            point.of == of
                && !sealed(point)
                && kinds.contains(&point.kind)
                && self.survives(point)
                && point.usable <= 0
                && self.may_use(point)
                && (!in_place || point.region == self.sandbox_region)
        };
        (0..self.points.len()).filter(|n| fits(&self.points[*n])).collect()
    }

    /// The supremum of `t − time of the newest point usable at t`.
    ///
    /// It grows between the instants at which a point becomes usable. So it is reached just before
    /// such an instant, or at T0. A point without a time could be of any age, so the result is then
    /// unknown.
    fn worst_case(&self, step: &Step, of: usize) -> Option<i64> {
        let points: Vec<(i64, Option<i64>)> = self
            .candidates(step, of)
            .into_iter()
            .map(|n| (self.points[n].usable, self.points[n].taken))
            .collect();
        let points: Vec<(i64, i64)> =
            points.into_iter().map(|(u, taken)| Some((u, taken?))).collect::<Option<_>>()?;
        let first = points.iter().map(|(usable, _)| *usable).min()?;
        let window = first.max(-30 * DAY);
        let newest = |when: &dyn Fn(i64) -> bool| {
            points.iter().filter(|(usable, _)| when(*usable)).map(|(_, taken)| *taken).max()
        };
        let mut worst = newest(&|usable| usable <= 0).map(|taken| -taken)?;
        for at in points.iter().map(|(usable, _)| *usable).filter(|at| *at > window) {
            if let Some(taken) = newest(&|usable| usable < at) {
                worst = worst.max(at - taken);
            }
        }
        Some(worst)
    }

    /// The nearest steps before a check that restore data.
    fn measured_by(&self, check: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut look: Vec<usize> = self.waits_for(check).into_iter().collect();
        while let Some(n) = look.pop() {
            match &self.nodes[n].what {
                What::Step(step) if restores_data(step) => {
                    found.insert(n);
                }
                What::Step(_) | What::Check(_) => look.extend(self.waits_for(n)),
            }
        }
        found
    }

    fn store(&self, node: usize, ended: &[Ended]) -> Option<Store> {
        let point = &self.points[ended[node].point?];
        let step = self.step_of(node);
        let lag = point.taken.map(|taken| -taken).filter(|age| *age >= 0);
        // Versions of an instant are as old as that instant, and never newer than the point.
        let age = lag.map(|lag| lag.max(step.as_of.map_or(0, |at| -at)));
        // For a copy: the points that the step which made the copy could have taken.
        let chose = match step.source {
            Source::Copy(copy) => self.step_of(copy),
            Source::Nothing | Source::Of(..) | Source::Tagged(_) | Source::Bucket(_) => step,
        };
        let worst = match step.uses {
            // PITR, replicas and replicated buckets are continuous, and their lag counts.
            "rds.restore_to_time" | "rds.promote_replica" | "s3.restore" => lag,
            // The worst of the machines that the tag selects.
            _ if matches!(chose.source, Source::Tagged(_)) => {
                let each: Option<Vec<i64>> =
                    self.machines().into_iter().map(|of| self.worst_case(chose, of)).collect();
                each.and_then(|each| each.into_iter().max())
            }
            _ => self.worst_case(chose, point.of),
        };
        let mut store = Store {
            of: self.resources[point.of].id.clone(),
            point: point.id.clone(),
            step: self.nodes[node].id.clone(),
            age,
            data_age: None,
            worst,
            measure_failed: false,
        };
        for (n, checked) in self.nodes.iter().enumerate() {
            let What::Check(check) = &checked.what else { continue };
            if !check.measures || !self.measured_by(n).contains(&node) {
                continue;
            }
            let value = check.probe.as_ref().and_then(|p| p.value);
            match value.filter(|_| ended[n].end == End::Well) {
                // The oldest of several measures counts. *Open.*
                Some(value) => store.data_age = store.data_age.max(Some(-value)),
                None => store.measure_failed = true,
            }
        }
        Some(store)
    }

    fn workload(&self, w: usize, ended: &[Ended], covered: &BTreeSet<String>) -> OfWorkload {
        let workload = &self.workloads[w];
        let lost =
            || workload.resources.iter().map(|r| &self.resources[*r]).filter(|r| self.lost_resource(r));
        // *Open*: a step of another workload, or of none, counts as a step of this workload if it
        // restored one of its lost resources.
        let restored_for_it =
            |n: usize| self.restored(n, ended).into_iter().any(|id| lost().any(|r| r.id == id));
        let own: Vec<usize> = (0..self.nodes.len())
            .filter(|n| self.nodes[*n].workload == Some(w) || restored_for_it(*n))
            // *Open*: a step whose `when` is false does not belong to the recovery.
            .filter(|n| ended[*n].end != End::LeftOut)
            .collect();
        let all_well = own.iter().all(|n| ended[*n].end == End::Well);
        let missing = lost().any(|r| !covered.contains(&r.id));
        let recovered = all_well && !missing;
        // *Open*: with a resource missing, the time of the others is reported, but meets no
        // objective.
        let rto = all_well.then(|| own.iter().map(|n| ended[*n].healthy).max().unwrap_or(0));
        let assumes = self.detection.is_some() || self.decision.is_some();
        let assumed = self.detection.unwrap_or(0) + self.decision.unwrap_or(0);
        let with_assumptions = rto.filter(|_| assumes).map(|rto| rto + assumed);
        // A measured figure beyond the objective misses it, whatever else is unknown. An unknown
        // figure meets no objective.
        let judged = |objective: Option<i64>, measured: Option<i64>, known: bool| match (objective, measured)
        {
            (None, _) => "none",
            (Some(objective), Some(measured)) if measured > objective => "missed",
            (Some(_), Some(_)) if known => "met",
            (Some(_), _) => "unknown",
        };
        let rto_objective = workload.objectives.rto.or(self.objectives.rto);
        let data_steps: Vec<usize> = own
            .iter()
            .copied()
            .filter(|n| matches!(&self.nodes[*n].what, What::Step(step) if restores_data(step)))
            .collect();
        let stores: Vec<Store> = data_steps
            .iter()
            .filter(|n| ended[**n].end == End::Well)
            .filter_map(|n| self.store(*n, ended))
            .collect();
        let ages: Vec<i64> = stores.iter().filter_map(Store::counts).collect();
        let holds_data = |r: &Resource| r.kind() != "ec2:instance";
        // No store was lost or restored, so no data is lost.
        let nothing_lost = data_steps.is_empty() && !lost().any(holds_data);
        let known = !missing
            && ages.len() == data_steps.len()
            && stores.iter().all(|store| !store.measure_failed)
            && (nothing_lost || !data_steps.is_empty());
        let of_nothing = nothing_lost.then_some(0);
        let (oldest, newest) = (ages.iter().max().copied(), ages.iter().min().copied());
        let rpo = oldest.or(of_nothing);
        let default = self.objectives.rpo.filter(|_| !nothing_lost);
        let rpo_objective = workload.objectives.rpo.or(default);
        let spread = oldest.zip(newest).map(|(old, new)| old - new).or(of_nothing);
        let worst: Option<Vec<i64>> = stores.iter().map(|store| store.worst).collect();
        let worst = worst.filter(|all| all.len() == data_steps.len()).and_then(|all| all.into_iter().max());
        let consistency = workload.objectives.consistency.or(self.objectives.consistency);
        OfWorkload {
            nodes: own,
            recovered,
            rto,
            with_assumptions,
            rto_status: judged(rto_objective, if assumes { with_assumptions } else { rto }, recovered),
            rpo,
            rpo_status: judged(rpo_objective, rpo, known),
            worst,
            consistency_status: judged(consistency, spread, known),
            stores,
        }
    }

    /// The resources that a step has restored. One image stands for all lost machines with a tag,
    /// if as many were launched as were lost.
    fn restored(&self, node: usize, ended: &[Ended]) -> Vec<&str> {
        let What::Step(step) = &self.nodes[node].what else { return Vec::new() };
        let point = ended[node].point.filter(|_| restores(step) && ended[node].end == End::Well);
        let Some(point) = point else { return Vec::new() };
        let mut of = vec![self.points[point].of];
        let machines = self.machines().into_iter().filter(|r| self.lost_resource(&self.resources[*r]));
        let lost: Vec<usize> = machines.collect();
        let launched = usize::try_from(step.count).unwrap();
        if matches!(step.source, Source::Tagged(_)) && launched >= lost.len() {
            of.extend(lost);
        }
        of.into_iter().map(|r| self.resources[r].id.as_str()).collect()
    }

    /// `deadline`: when the sandbox's ttl ends, counted from T0.
    pub fn reckon(&self, deadline: i64) -> Reckoned {
        let ended = self.nodes_ended(deadline);
        let lost: BTreeSet<String> =
            self.resources.iter().filter(|r| self.lost_resource(r)).map(|r| r.id.clone()).collect();
        let covered: BTreeSet<String> =
            (0..self.nodes.len()).flat_map(|n| self.restored(n, &ended)).map(str::to_owned).collect();
        let covered: BTreeSet<String> = covered.intersection(&lost).cloned().collect();
        let uncovered: BTreeSet<String> = lost.difference(&covered).cloned().collect();
        let workloads: Vec<OfWorkload> =
            (0..self.workloads.len()).map(|w| self.workload(w, &ended, &covered)).collect();
        // *Open*: a failed step or check of no workload fails the drill, unless the step may fail.
        let none_failed = self.nodes.iter().zip(&ended).all(|(node, ended)| {
            let may = matches!(&node.what, What::Step(step) if step.tolerated);
            node.workload.is_some() || ended.end != End::Failed || may
        });
        // A way out of the sandbox fails the drill, though it was opened after T0.
        let opened = self.faults.iter().any(|f| f.error == "sandbox_open" && ended[f.node].called);
        let passed = none_failed
            && !opened
            && workloads.iter().all(|w| {
                w.recovered
                    && [w.rto_status, w.rpo_status, w.consistency_status]
                        .iter()
                        .all(|s| ["met", "none"].contains(s))
            });
        let left_behind = self
            .faults
            .iter()
            .any(|f| f.error == "will_not_delete" && self.creates(f.node) && ended[f.node].called);
        let code = match (left_behind, passed) {
            (true, _) => 4,
            (false, true) => 0,
            (false, false) => 1,
        };
        let out_of_time = ended.iter().any(|node| node.at >= deadline);
        Reckoned { ended, workloads, covered, uncovered, passed, out_of_time, code }
    }

    fn creates(&self, node: usize) -> bool {
        // The bucket of a restore and the replica to promote are made before T0. No step makes
        // them.
        let uses = self.step_of(node).uses;
        !matches!(uses, "manual.task" | "command.run" | "s3.verify" | "s3.restore" | "rds.promote_replica")
    }
}

fn zonal(of: &Resource) -> bool {
    match of.kind() {
        "rds:db" | "ec2:instance" | "ec2:volume" => true,
        "s3:bucket" => of.one_zone,
        _ => false,
    }
}
