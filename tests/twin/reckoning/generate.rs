//! Makes a drill from a seed.

use std::collections::{BTreeMap, BTreeSet};

use super::drill::{
    AWAY, BACKUP, Check, DAY, Dice, Drill, Fault, HOME, HOUR, Loss, MINUTE, Node, Objectives, PRODUCTION,
    Pick, Point, Probe, Resource, SANDBOX, SECOND, SIZED, Source, Step, UNSIZED, What, Workload,
};

const SOURCED: [&str; 12] = [
    "rds.promote_replica",
    "rds.restore",
    "rds.restore",
    "ec2.launch",
    "ec2.launch",
    "ec2.restore_volume",
    "rds.copy_snapshot",
    "ec2.copy_snapshot",
    "ec2.copy_image",
    "rds.restore_to_time",
    "rds.restore_cluster",
    "s3.restore",
];

fn kind_of(uses: &str) -> &'static str {
    match uses {
        "rds.restore" | "rds.restore_to_time" | "rds.copy_snapshot" | "rds.promote_replica" => "rds:db",
        "rds.restore_cluster" => "rds:cluster",
        "ec2.launch" | "ec2.copy_image" => "ec2:instance",
        "ec2.restore_volume" | "ec2.copy_snapshot" => "ec2:volume",
        "s3.restore" => "s3:bucket",
        other => panic!("{other}"),
    }
}

/// The faults that an action can have, as the page of the twin lists them.
pub fn faults_of(uses: &str) -> Vec<&'static str> {
    let mut all = vec!["throttled", "server_error", "lost_answer", "never_completes"];
    if uses != "s3.restore" {
        all.push("comes_up_unhealthy");
    }
    let makes_nothing = ["rds.promote_replica", "s3.restore", "s3.verify", "command.run", "manual.task"];
    if !makes_nothing.contains(&uses) {
        all.push("will_not_delete");
    }
    if !["ec2.restore_volume", "ec2.import_key_pair", "s3.restore", "s3.verify"].contains(&uses) {
        all.push("sandbox_open");
    }
    all
}

/// Each action with each of its faults.
pub fn wishes() -> Vec<(&'static str, &'static str)> {
    let others = ["s3.verify", "command.run", "manual.task", "cloudformation.deploy"];
    let others = others.into_iter().chain(["ec2.import_key_pair", "ec2.allocate_address"]);
    let actions: BTreeSet<&'static str> = SOURCED.into_iter().chain(others).collect();
    actions.into_iter().flat_map(|uses| faults_of(uses).into_iter().map(move |fault| (uses, fault))).collect()
}

/// The resource that a step of a wished action restores.
fn wished_kind(uses: &str) -> Option<&'static str> {
    match uses {
        "s3.verify" => Some("s3:bucket"),
        _ => SOURCED.contains(&uses).then(|| kind_of(uses)),
    }
}

/// The drill of a seed. The seeds take turns at each action and fault, so that all of them occur.
pub fn drill(seed: u64) -> Drill {
    let mut dice = Dice::new(seed);
    // Each third drill is calm. The others take turns at the wishes.
    dice.calm = seed % 3 == 2;
    let wishes = wishes();
    let turn = usize::try_from(seed - (seed + 1) / 3).unwrap();
    let wish = if dice.calm { ("", "") } else { wishes[turn % wishes.len()] };
    let own_account = matches!(wish.0, "rds.restore_to_time" | "rds.promote_replica");
    let regional = matches!(wished_kind(wish.0), Some("rds:cluster" | "s3:bucket"));
    let loss = match dice.within(0, 9) {
        _ if own_account || regional => Loss::Region(HOME),
        0..3 => Loss::Az("euw1-az1"),
        3..8 => Loss::Region(HOME),
        _ => Loss::Account(PRODUCTION),
    };
    let sandbox_account = match loss {
        _ if own_account => PRODUCTION,
        Loss::Account(_) => SANDBOX,
        Loss::Az(_) | Loss::Region(_) => dice.one(&[SANDBOX, SANDBOX, PRODUCTION]),
    };
    let sandbox_region = match loss {
        Loss::Region(_) => AWAY,
        Loss::Az(_) | Loss::Account(_) => dice.one(&[HOME, AWAY]),
    };
    let mut drill = Drill {
        loss,
        sandbox_account,
        sandbox_region,
        // A deadline never falls on the exact instant at which something else ends.
        ttl: if dice.mishap(if wish.0 == "rds.promote_replica" { 40 } else { 8 }) {
            dice.within(5, 60) * MINUTE + 41
        } else {
            2 * DAY
        },
        objectives: objectives(&mut dice, 50),
        detection: None,
        decision: None,
        resources: Vec::new(),
        points: Vec::new(),
        timings: BTreeMap::new(),
        workloads: Vec::new(),
        nodes: Vec::new(),
        faults: Vec::new(),
    };
    if dice.percent(30) {
        drill.detection = Some(dice.within(0, 600) * SECOND);
    }
    if dice.percent(30) {
        drill.decision = Some(dice.within(0, 600) * SECOND);
    }
    for name in SIZED {
        drill.timings.insert(name, (dice.within(1, 600) * SECOND, dice.within(0, 30) * 100));
    }
    for name in UNSIZED {
        drill.timings.insert(name, (dice.within(1, 300) * SECOND, 0));
    }
    drill.timings.insert("rds.promote_replica", (dice.within(1, 600) * SECOND, dice.within(0, 30) * 100));
    let wished_kind = wished_kind(wish.0);
    resources(&mut dice, &mut drill, wished_kind);
    for resource in 0..drill.resources.len() {
        points(&mut dice, &mut drill, resource, wish.0);
    }
    workloads(&mut dice, &mut drill, wished_kind);
    nodes(&mut dice, &mut drill, wish.0);
    faults(&mut dice, &mut drill, wish);
    drill
}

fn objectives(dice: &mut Dice, chance: i64) -> Objectives {
    if dice.calm {
        let some = |dice: &mut Dice| dice.percent(chance).then_some(60 * DAY);
        return Objectives { rto: some(dice), rpo: some(dice), consistency: some(dice) };
    }
    Objectives {
        rto: dice.percent(chance).then(|| dice.within(5, 90) * MINUTE),
        rpo: dice.percent(chance).then(|| dice.within(1, 10 * 24) * HOUR),
        consistency: dice.percent(chance / 3).then(|| dice.within(1, 200) * HOUR),
    }
}

fn resources(dice: &mut Dice, drill: &mut Drill, wished: Option<&str>) {
    let kinds = [
        ("rds:db", "db"),
        ("rds:cluster", "cl"),
        ("ec2:volume", "vol-"),
        ("ec2:instance", "i-"),
        ("s3:bucket", "bucket"),
    ];
    for (kind, name) in kinds {
        let most = if kind == "rds:db" || kind == "ec2:instance" { 3 } else { 2 };
        for n in 0..dice.within(i64::from(kind == "rds:db" || wished == Some(kind)), most) {
            let zonal = matches!(kind, "rds:db" | "ec2:instance" | "ec2:volume");
            let one_zone = kind == "s3:bucket" && dice.percent(30);
            let region = if kind == "rds:db" && n > 0 && dice.percent(15) { AWAY } else { HOME };
            let zone = match (region == HOME, n) {
                // The first database is always lost.
                (true, 0) => 1,
                (true | false, _) => dice.within(1, 3),
            };
            let prefix = if region == HOME { "euw1" } else { "euc1" };
            drill.resources.push(Resource {
                id: format!("{kind}/{name}{n}"),
                account: PRODUCTION,
                region,
                az: (zonal || one_zone).then(|| format!("{prefix}-az{zone}")),
                multi_az: kind == "rds:db" && n > 0 && dice.percent(25),
                one_zone,
                gib: dice.within(1, 300),
            });
        }
    }
}

fn points(dice: &mut Dice, drill: &mut Drill, of: usize, wished: &str) {
    let resource = drill.resources[of].clone();
    let kind = match resource.kind() {
        "rds:db" => "rds_snapshot",
        "rds:cluster" => "rds_cluster_snapshot",
        "ec2:instance" => "ami",
        "ec2:volume" => "ebs_snapshot",
        _ => "s3_replica",
    };
    let name = resource.name().to_owned();
    if kind == "s3_replica" {
        let taken = -dice.within(1, 600) * SECOND;
        drill.points.push(Point {
            of,
            kind: if dice.percent(50) { "s3_versions" } else { kind },
            id: format!("{name}-replica"),
            account: if drill.sandbox_account == PRODUCTION { PRODUCTION } else { BACKUP },
            region: AWAY,
            taken: Some(taken),
            usable: taken,
            gib: resource.gib,
            shared: true,
            managed_key: false,
            kms: None,
        });
        return;
    }
    for n in 0..dice.within(1, 6) {
        // No two recovery points of one resource hold data of the same instant.
        let taken = -(dice.within(1, 45 * 24 * 60) * MINUTE + n * SECOND);
        let mut usable = taken + if dice.percent(60) { 0 } else { dice.within(1, 48 * 60) * MINUTE };
        if usable == 0 {
            usable += SECOND;
        }
        drill.points.push(Point {
            of,
            kind,
            id: match kind {
                "ami" => format!("ami-{name}{n}"),
                "ebs_snapshot" => format!("snap-{name}{n}"),
                _ => format!("{name}-{n}"),
            },
            account: dice.one(&[PRODUCTION, PRODUCTION, BACKUP, SANDBOX]),
            region: dice.one(&[HOME, AWAY, AWAY]),
            taken: (!dice.mishap(3)).then_some(taken),
            usable,
            gib: resource.gib,
            shared: dice.percent(75),
            managed_key: dice.percent(8),
            kms: dice.percent(10).then(|| (dice.one(&[PRODUCTION, BACKUP]), dice.one(&[HOME, AWAY]))),
        });
    }
    if dice.calm || wished_kind(wished) == Some(resource.kind()) {
        let account = if drill.sandbox_account == PRODUCTION { PRODUCTION } else { BACKUP };
        let region = drill.sandbox_region;
        let first = drill.points.iter_mut().find(|p| p.of == of).unwrap();
        let usable = first.taken.unwrap_or(first.usable);
        *first =
            Point { account, region, usable, shared: true, managed_key: false, kms: None, ..first.clone() };
    }
    if kind == "rds_snapshot" {
        let taken = -dice.within(1, 30) * MINUTE;
        let continuous = |kind, id: String, region| Point {
            of,
            kind,
            id,
            account: PRODUCTION,
            region,
            taken: Some(taken),
            usable: taken,
            gib: resource.gib,
            shared: false,
            managed_key: false,
            kms: None,
        };
        if wished == "rds.restore_to_time" || dice.percent(60) {
            let region = if wished == "rds.restore_to_time" { AWAY } else { dice.one(&[HOME, AWAY]) };
            drill.points.push(continuous("rds_pitr", format!("{name}-pitr"), region));
        }
        if resource.region == HOME && (wished == "rds.promote_replica" || dice.percent(60)) {
            drill.points.push(continuous("rds_replica", format!("{name}-replica"), AWAY));
        }
    }
}

fn workloads(dice: &mut Dice, drill: &mut Drill, wished: Option<&str>) {
    let wished = drill.resources.iter().position(|r| Some(r.kind()) == wished);
    for w in 0..dice.within(1, 3) {
        let mut resources: Vec<usize> = (0..drill.resources.len())
            .filter(|r| (w == 0 && (*r == 0 || Some(*r) == wished)) || dice.percent(35))
            .collect();
        if resources.is_empty() {
            resources.push(dice.index(drill.resources.len()));
        }
        let objectives = objectives(dice, 60);
        // A tag lists all machines.
        let machines = |r: &usize| drill.resources[*r].kind() == "ec2:instance";
        let by_tag = (0..drill.resources.len()).any(|r| machines(&r)) && dice.percent(30);
        if by_tag {
            resources.extend((0..drill.resources.len()).filter(machines));
            resources.sort_unstable();
            resources.dedup();
        }
        drill.workloads.push(Workload { name: format!("w{w}"), objectives, resources, by_tag });
    }
}

fn plain(uses: &'static str, source: Source) -> Step {
    Step {
        uses,
        source,
        count: 1,
        data: false,
        volumes: Vec::new(),
        assume: 0,
        timeout: None,
        attempts: 1,
        backoff: 10 * SECOND,
        tolerated: false,
        when: None,
        kms_key: false,
        as_of: None,
    }
}

/// Adds the steps and checks. A copy step gets a second step that uses its copy.
fn nodes(dice: &mut Dice, drill: &mut Drill, wished: &'static str) {
    // Most lost resources are restored, so that some drills pass.
    for r in 0..drill.resources.len() {
        let listed = drill.workloads.iter().position(|w| w.resources.contains(&r));
        let lost = drill.lost_resource(&drill.resources[r]);
        if let Some(w) = listed.filter(|_| lost && !dice.mishap(5)) {
            let kind = drill.resources[r].kind().to_owned();
            let fitting: Vec<&'static str> = SOURCED
                .into_iter()
                .filter(|uses| kind_of(uses) == kind)
                // PITR and replicas do not cross accounts. A replica lies in another region than
                // its database.
                .filter(|uses| !uses.contains("_time") || drill.sandbox_account == PRODUCTION)
                .filter(|uses| {
                    let elsewhere = drill.sandbox_region != drill.resources[r].region;
                    *uses != "rds.promote_replica" || (drill.sandbox_account == PRODUCTION && elsewhere)
                })
                .collect();
            let finds = |uses: &&'static str| !drill.candidates(&plain(uses, Source::Nothing), r).is_empty();
            let fitting: Vec<&'static str> =
                if dice.calm { fitting.into_iter().filter(finds).collect() } else { fitting };
            let first = if wished == "s3.verify" { "s3.restore" } else { wished };
            let uses = if fitting.contains(&first) { first } else { dice.one(&fitting) };
            sourced(dice, drill, uses, r, Some(w), wished);
        }
        if dice.percent(25) {
            check(dice, drill);
        }
    }
    let plain_ones = [
        "ec2.import_key_pair",
        "ec2.allocate_address",
        "command.run",
        "manual.task",
        "cloudformation.deploy",
    ];
    for n in 0..dice.within(i64::from(plain_ones.contains(&wished)), 3) {
        let uses = dice.one(&plain_ones);
        let uses = if n == 0 && plain_ones.contains(&wished) { wished } else { uses };
        let w = dice.percent(60).then(|| dice.index(drill.workloads.len()));
        let mut step = plain(uses, Source::Nothing);
        step.assume = dice.within(1, 900) * SECOND;
        push(dice, drill, step, w);
        if dice.percent(40) {
            check(dice, drill);
        }
    }
    // Each workload has a check on one of its own steps.
    for w in 0..drill.workloads.len() {
        let own = (0..drill.nodes.len())
            .rev()
            .find(|n| drill.nodes[*n].workload == Some(w) && matches!(drill.nodes[*n].what, What::Step(_)));
        let own = own.unwrap_or_else(|| {
            let mut step = plain("manual.task", Source::Nothing);
            step.assume = dice.within(1, 900) * SECOND;
            push(dice, drill, step, Some(w))
        });
        let check = a_check(dice);
        let id = format!("up{w}");
        drill.nodes.push(Node { id, workload: Some(w), needs: vec![own], what: What::Check(check) });
    }
}

fn sourced(
    dice: &mut Dice,
    drill: &mut Drill,
    uses: &'static str,
    of: usize,
    w: Option<usize>,
    wished: &str,
) {
    let pick = match dice.within(0, 9) {
        _ if dice.calm => Pick::Latest,
        0..7 => Pick::Latest,
        _ => Pick::NotNewer(-dice.within(1, 45 * 24 * 60) * MINUTE - 30 * SECOND),
    };
    let continuous = matches!(uses, "rds.restore_to_time" | "rds.promote_replica" | "s3.restore");
    let pick = if continuous { Pick::Latest } else { pick };
    // A recovery point that can be used, named by its id.
    let candidates = drill.candidates(&plain(uses, Source::Nothing), of);
    let by_id = !candidates.is_empty() && !continuous && dice.percent(15);
    let pick = if by_id { Pick::Id(drill.points[dice.one(&candidates)].id.clone()) } else { pick };
    let tagged = uses == "ec2.launch" && !matches!(pick, Pick::Id(_)) && dice.percent(35);
    let mut step = plain(uses, if tagged { Source::Tagged(pick) } else { Source::Of(of, pick) });
    let versioned = |p: &Point| p.of == of && p.kind == "s3_versions";
    if uses == "s3.restore" && drill.points.iter().any(versioned) && dice.percent(60) {
        step.as_of = Some(-dice.within(1, 1200) * SECOND);
    }
    if uses == "ec2.launch" && dice.percent(60) {
        step.volumes = unattached(drill);
    }
    step.data = uses == "ec2.launch" && dice.percent(40);
    step.kms_key = dice.percent(80);
    step.count = match uses {
        "ec2.launch" if dice.calm => 3,
        "ec2.launch" => dice.within(1, 3),
        _ => 1,
    };
    let node = push(dice, drill, step, w);
    let second = match uses {
        "rds.copy_snapshot" => "rds.restore",
        "ec2.copy_snapshot" => "ec2.restore_volume",
        "ec2.copy_image" => "ec2.launch",
        "s3.restore" if wished == "s3.verify" || dice.percent(40) => "s3.verify",
        _ => return,
    };
    let source = if second == "s3.verify" { Source::Bucket(node) } else { Source::Copy(node) };
    let mut step = plain(second, source);
    step.data = second == "ec2.launch" && dice.percent(40);
    push(dice, drill, step, w);
}

/// The volumes that steps restore and no launch has attached.
fn unattached(drill: &Drill) -> Vec<usize> {
    let steps = || {
        drill.nodes.iter().enumerate().filter_map(|(n, node)| match &node.what {
            What::Step(step) => Some((n, step)),
            What::Check(_) => None,
        })
    };
    let attached: BTreeSet<usize> = steps().flat_map(|(_, step)| step.volumes.iter().copied()).collect();
    let volumes = steps().filter(|(n, step)| step.uses == "ec2.restore_volume" && !attached.contains(n));
    volumes.map(|(n, _)| n).collect()
}

fn some_needs(dice: &mut Dice, drill: &Drill, most: i64) -> Vec<usize> {
    let mut needs: Vec<usize> = Vec::new();
    if !drill.nodes.is_empty() {
        for _ in 0..dice.within(0, most) {
            needs.push(dice.index(drill.nodes.len()));
        }
    }
    needs.sort_unstable();
    needs.dedup();
    needs
}

fn push(dice: &mut Dice, drill: &mut Drill, mut step: Step, workload: Option<usize>) -> usize {
    step.attempts = dice.one(&[1, 1, 2, 3, 4]);
    step.backoff = dice.within(1, 60) * SECOND;
    // The timeout never ends at the exact instant at which something else ends.
    step.timeout = dice.mishap(25).then(|| dice.within(60, 1500) * SECOND + 37);
    step.tolerated = dice.mishap(8);
    step.when = dice.mishap(6).then(|| dice.percent(60));
    let needs = some_needs(dice, drill, 2);
    let n = drill.nodes.len();
    drill.nodes.push(Node { id: format!("s{n}"), workload, needs, what: What::Step(step) });
    n
}

fn a_check(dice: &mut Dice) -> Check {
    let mut check =
        Check { measures: false, within: None, stable_for: 0, every: None, probe: None, names: None };
    if dice.percent(30) {
        check.every = Some(dice.within(1, 30) * SECOND);
    }
    if dice.mishap(30) {
        check.within = Some(dice.within(30, 900) * SECOND + 37);
    }
    if dice.percent(40) {
        check.stable_for = dice.within(1, 90) * SECOND;
    }
    if dice.percent(80) {
        let mut probe = Probe {
            healthy_after: dice.within(0, if dice.calm { 100 } else { 200 }) * SECOND,
            ..Probe::default()
        };
        probe.never = dice.mishap(4);
        probe.flaps =
            dice.percent(25).then(|| (dice.within(1, 60) * SECOND + 11, dice.within(1, 60) * SECOND));
        check.probe = Some(probe);
    }
    check
}

fn check(dice: &mut Dice, drill: &mut Drill) {
    let n = drill.nodes.len();
    let mut check = a_check(dice);
    let mut needs = some_needs(dice, drill, 2);
    if needs.is_empty() {
        if n == 0 {
            return;
        }
        needs.push(n - 1);
    }
    let restored =
        |n: &usize| matches!(&drill.nodes[*n].what, What::Step(step) if step.uses.contains("restore"));
    if needs.iter().any(restored) && dice.percent(50) && !(dice.calm && check.probe.is_none()) {
        check.measures = true;
        if let Some(probe) = &mut check.probe {
            probe.value = (!dice.mishap(10)).then(|| -dice.within(0, 20 * 24 * 3600) * SECOND);
        }
    }
    let names = needs.iter().find_map(|n| match &drill.nodes[*n].what {
        What::Step(step) => match step.uses {
            "rds.restore" | "rds.restore_to_time" | "rds.restore_cluster" => Some((*n, "endpoint")),
            "ec2.launch" => Some((*n, "instances.0.private_ip")),
            _ => None,
        },
        What::Check(_) => None,
    });
    check.names = names.filter(|_| !check.measures && dice.percent(60));
    let workload = dice.percent(60).then(|| dice.index(drill.workloads.len()));
    drill.nodes.push(Node { id: format!("c{n}"), workload, needs, what: What::Check(check) });
}

fn faults(dice: &mut Dice, drill: &mut Drill, wish: (&str, &'static str)) {
    let bad_day = dice.mishap(35);
    let is_wished =
        |node: &Node| matches!(&node.what, What::Step(step) if step.uses == wish.0 && step.when.is_none());
    let wished = drill.nodes.iter().position(is_wished);
    // Nothing keeps the wished step from its first attempt.
    let before = wished.and_then(|n| match drill.step_of(n).source {
        Source::Bucket(before) | Source::Copy(before) => Some(before),
        Source::Nothing | Source::Of(..) | Source::Tagged(_) => None,
    });
    for node in before.into_iter().chain(wished) {
        drill.nodes[node].needs.clear();
    }
    if let Some(What::Step(step)) = before.map(|n| &mut drill.nodes[n].what) {
        (step.when, step.timeout) = (None, None);
    }
    for n in 0..drill.nodes.len() {
        let What::Step(step) = &mut drill.nodes[n].what else { continue };
        let mut list = Vec::new();
        let known = faults_of(step.uses);
        let of_calls: Vec<&'static str> =
            known.iter().copied().filter(|e| !matches!(*e, "will_not_delete" | "sandbox_open")).collect();
        let once = |error: &'static str| {
            let whole = !of_calls.contains(&error);
            Fault { node: n, attempt: (!whole).then_some(1), error }
        };
        if wished == Some(n) {
            list.push(once(wish.1));
            step.attempts = step.attempts.max(dice.one(&[1, 2, 3]));
        } else if !bad_day || before == Some(n) || !dice.percent(40) {
            continue;
        } else if dice.percent(6) {
            list.push(once(dice.one(&known)));
        } else if dice.percent(15) {
            list.push(Fault { node: n, attempt: None, error: dice.one(&of_calls) });
        } else {
            for attempt in 1..=dice.within(1, 2).min(step.attempts) {
                list.push(Fault { node: n, attempt: Some(attempt), error: dice.one(&of_calls) });
            }
        }
        if list.iter().any(|f| f.error == "never_completes") && step.timeout.is_none() {
            step.timeout = Some(dice.within(900, 1800) * SECOND + 37);
        }
        drill.faults.extend(list);
    }
}
