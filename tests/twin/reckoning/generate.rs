//! Makes a drill from a seed.

use std::collections::BTreeMap;

use super::drill::{
    AWAY, BACKUP, Check, Dice, Drill, Fault, HOME, HOUR, Loss, MINUTE, Node, Objectives, PRODUCTION, Pick,
    Point, Probe, Resource, SANDBOX, SECOND, SIZED, Source, Step, UNSIZED, What, Workload,
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

pub fn drill(seed: u64) -> Drill {
    let mut dice = Dice::new(seed);
    let loss = match dice.within(0, 9) {
        0..3 => Loss::Az("euw1-az1"),
        3..8 => Loss::Region(HOME),
        _ => Loss::Account(PRODUCTION),
    };
    let sandbox_account = match loss {
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
    resources(&mut dice, &mut drill);
    for resource in 0..drill.resources.len() {
        points(&mut dice, &mut drill, resource);
    }
    workloads(&mut dice, &mut drill);
    nodes(&mut dice, &mut drill);
    faults(&mut dice, &mut drill);
    drill
}

fn objectives(dice: &mut Dice, chance: i64) -> Objectives {
    Objectives {
        rto: dice.percent(chance).then(|| dice.within(5, 90) * MINUTE),
        rpo: dice.percent(chance).then(|| dice.within(1, 10 * 24) * HOUR),
        consistency: dice.percent(chance / 3).then(|| dice.within(1, 200) * HOUR),
    }
}

fn resources(dice: &mut Dice, drill: &mut Drill) {
    let kinds = [
        ("rds:db", "db"),
        ("rds:cluster", "cl"),
        ("ec2:instance", "i-"),
        ("ec2:volume", "vol-"),
        ("s3:bucket", "bucket"),
    ];
    for (kind, name) in kinds {
        let most = if kind == "rds:db" || kind == "ec2:instance" { 3 } else { 2 };
        for n in 0..dice.within(i64::from(kind == "rds:db"), most) {
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

fn points(dice: &mut Dice, drill: &mut Drill, of: usize) {
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
            kind,
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
            taken: (!dice.percent(3)).then_some(taken),
            usable,
            gib: resource.gib,
            shared: dice.percent(75),
            managed_key: dice.percent(8),
            kms: dice.percent(10).then(|| (dice.one(&[PRODUCTION, BACKUP]), dice.one(&[HOME, AWAY]))),
        });
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
        if dice.percent(60) {
            let region = dice.one(&[HOME, AWAY]);
            drill.points.push(continuous("rds_pitr", format!("{name}-pitr"), region));
        }
        if resource.region == HOME && dice.percent(60) {
            drill.points.push(continuous("rds_replica", format!("{name}-replica"), AWAY));
        }
    }
}

fn workloads(dice: &mut Dice, drill: &mut Drill) {
    for w in 0..dice.within(1, 3) {
        let mut resources: Vec<usize> =
            (0..drill.resources.len()).filter(|r| (*r == 0 && w == 0) || dice.percent(35)).collect();
        if resources.is_empty() {
            resources.push(dice.index(drill.resources.len()));
        }
        let objectives = objectives(dice, 60);
        drill.workloads.push(Workload { name: format!("w{w}"), objectives, resources });
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
    }
}

/// Adds the steps and checks. A copy step gets a second step that uses its copy.
fn nodes(dice: &mut Dice, drill: &mut Drill) {
    // Most lost resources are restored, so that some drills pass.
    for r in 0..drill.resources.len() {
        let listed = drill.workloads.iter().position(|w| w.resources.contains(&r));
        let lost = drill.lost_resource(&drill.resources[r]);
        if let Some(w) = listed.filter(|_| lost && dice.percent(95)) {
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
            let uses = dice.one(&fitting);
            sourced(dice, drill, uses, r, Some(w));
        }
        if dice.percent(25) {
            check(dice, drill);
        }
    }
    for _ in 0..dice.within(0, 3) {
        let uses = dice.one(&[
            "ec2.import_key_pair",
            "ec2.allocate_address",
            "command.run",
            "manual.task",
            "cloudformation.deploy",
        ]);
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

fn sourced(dice: &mut Dice, drill: &mut Drill, uses: &'static str, of: usize, w: Option<usize>) {
    let pick = match dice.within(0, 9) {
        0..7 => Pick::Latest,
        _ => Pick::NotNewer(-dice.within(1, 45 * 24 * 60) * MINUTE - 30 * SECOND),
    };
    let continuous = matches!(uses, "rds.restore_to_time" | "rds.promote_replica" | "s3.restore");
    let pick = if continuous { Pick::Latest } else { pick };
    // A recovery point that can be used, named by its id.
    let candidates = drill.candidates(&plain(uses, Source::Nothing), of);
    let by_id = !candidates.is_empty() && !continuous && dice.percent(15);
    let pick = if by_id { Pick::Id(drill.points[dice.one(&candidates)].id.clone()) } else { pick };
    let mut step = plain(uses, Source::Of(of, pick));
    step.data = uses == "ec2.launch" && dice.percent(40);
    step.kms_key = dice.percent(80);
    step.count = if uses == "ec2.launch" { dice.within(1, 3) } else { 1 };
    let node = push(dice, drill, step, w);
    let second = match uses {
        "rds.copy_snapshot" => "rds.restore",
        "ec2.copy_snapshot" => "ec2.restore_volume",
        "ec2.copy_image" => "ec2.launch",
        "s3.restore" if dice.percent(40) => "s3.verify",
        _ => return,
    };
    let source = if second == "s3.verify" { Source::Bucket(node) } else { Source::Copy(node) };
    let mut step = plain(second, source);
    step.data = second == "ec2.launch" && dice.percent(40);
    push(dice, drill, step, w);
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
    step.timeout = dice.percent(25).then(|| dice.within(60, 1500) * SECOND + 37);
    step.tolerated = dice.percent(8);
    step.when = dice.percent(6).then(|| dice.percent(60));
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
    if dice.percent(30) {
        check.within = Some(dice.within(30, 900) * SECOND + 37);
    }
    if dice.percent(40) {
        check.stable_for = dice.within(1, 90) * SECOND;
    }
    if dice.percent(80) {
        let mut probe = Probe { healthy_after: dice.within(0, 200) * SECOND, ..Probe::default() };
        probe.never = dice.percent(4);
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
    if needs.iter().any(restored) && dice.percent(50) {
        check.measures = true;
        if let Some(probe) = &mut check.probe {
            probe.value = dice.percent(90).then(|| -dice.within(0, 20 * 24 * 3600) * SECOND);
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

fn faults(dice: &mut Dice, drill: &mut Drill) {
    let bad_day = dice.percent(60);
    for n in 0..drill.nodes.len() {
        let What::Step(step) = &mut drill.nodes[n].what else { continue };
        if !bad_day || !dice.percent(40) {
            continue;
        }
        let errors = ["throttled", "server_error", "lost_answer", "never_completes", "comes_up_unhealthy"];
        let mut list = Vec::new();
        if dice.percent(6) {
            list.push(Fault { node: n, attempt: None, error: "will_not_delete" });
        } else if dice.percent(15) {
            list.push(Fault { node: n, attempt: None, error: dice.one(&errors) });
        } else {
            for attempt in 1..=dice.within(1, 2) {
                list.push(Fault { node: n, attempt: Some(attempt), error: dice.one(&errors) });
            }
        }
        if list.iter().any(|f| f.error == "never_completes") && step.timeout.is_none() {
            step.timeout = Some(dice.within(900, 1800) * SECOND + 37);
        }
        drill.faults.extend(list);
    }
}
