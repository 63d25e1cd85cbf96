//! Random drills: their contents, and how they are written as a playbook and an estate.
//!
//! Times are in milliseconds. The times of a drill count from T0 and are negative before it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

pub const PRODUCTION: &str = "111122223333";
pub const BACKUP: &str = "444455556666";
pub const SANDBOX: &str = "999988887777";
pub const HOME: &str = "eu-west-1";
pub const AWAY: &str = "eu-central-1";

/// Pseudo-random numbers, the same for the same seed (`SplitMix64`).
pub struct Dice {
    state: u64,
    /// The drill has no mishaps, so that some drills pass.
    pub calm: bool,
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D, calm: false }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `from` to `to`, both included.
    pub fn within(&mut self, from: i64, to: i64) -> i64 {
        from + i64::try_from(self.next() % u64::try_from(to - from + 1).unwrap()).unwrap()
    }

    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.next() % len as u64).unwrap()
    }

    pub fn percent(&mut self, chance: i64) -> bool {
        self.within(0, 99) < chance
    }

    /// Like [`Self::percent`], for a mishap.
    pub fn mishap(&mut self, chance: i64) -> bool {
        self.percent(chance) && !self.calm
    }

    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Az(&'static str),
    Region(&'static str),
    Account(&'static str),
}

#[derive(Debug, Clone)]
pub struct Resource {
    /// `rds:db/db0`
    pub id: String,
    pub account: &'static str,
    pub region: &'static str,
    pub az: Option<String>,
    pub multi_az: bool,
    pub one_zone: bool,
    pub gib: i64,
}

impl Resource {
    pub fn kind(&self) -> &str {
        self.id.split('/').next().unwrap()
    }

    pub fn name(&self) -> &str {
        self.id.split('/').nth(1).unwrap()
    }
}

#[derive(Debug, Clone)]
pub struct Point {
    pub of: usize,
    pub kind: &'static str,
    pub id: String,
    pub account: &'static str,
    pub region: &'static str,
    pub taken: Option<i64>,
    pub usable: i64,
    pub gib: i64,
    pub shared: bool,
    pub managed_key: bool,
    /// The account and region of its KMS key.
    pub kms: Option<(&'static str, &'static str)>,
}

#[derive(Debug, Clone)]
pub enum Pick {
    Latest,
    /// The newest point whose data are not newer than this.
    NotNewer(i64),
    Id(String),
}

#[derive(Debug, Clone)]
pub enum Source {
    Nothing,
    Of(usize, Pick),
    /// Any machine with the tag `app=a`, which all machines carry.
    Tagged(Pick),
    /// The output of a copy step, by its node.
    Copy(usize),
    /// The bucket that a step restored, by its node.
    Bucket(usize),
}

#[derive(Debug, Clone)]
pub struct Step {
    pub uses: &'static str,
    pub source: Source,
    pub count: i64,
    pub data: bool,
    pub volumes: Vec<usize>,
    pub assume: i64,
    pub timeout: Option<i64>,
    pub attempts: i64,
    pub backoff: i64,
    pub tolerated: bool,
    pub when: Option<bool>,
    /// The copy gets its own key.
    pub kms_key: bool,
    /// The objects of a versioned bucket, as they were then.
    pub as_of: Option<i64>,
}

#[derive(Debug, Clone, Default)]
pub struct Probe {
    pub healthy_after: i64,
    pub never: bool,
    pub flaps: Option<(i64, i64)>,
    pub value: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct Check {
    pub measures: bool,
    pub within: Option<i64>,
    pub stable_for: i64,
    pub every: Option<i64>,
    pub probe: Option<Probe>,
    /// The step whose output the check's address names.
    pub names: Option<(usize, &'static str)>,
}

#[derive(Debug, Clone)]
pub enum What {
    Step(Step),
    Check(Check),
}

/// A step or a check. It needs only nodes that stand before it.
#[derive(Debug, Clone)]
pub struct Node {
    pub id: String,
    pub workload: Option<usize>,
    pub needs: Vec<usize>,
    pub what: What,
}

#[derive(Debug, Clone, Default)]
pub struct Objectives {
    pub rto: Option<i64>,
    pub rpo: Option<i64>,
    pub consistency: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct Workload {
    pub name: String,
    pub objectives: Objectives,
    pub resources: Vec<usize>,
    /// It lists the machines by their tag.
    pub by_tag: bool,
}

#[derive(Debug, Clone)]
pub struct Fault {
    pub node: usize,
    pub attempt: Option<i64>,
    pub error: &'static str,
}

#[derive(Debug, Clone)]
pub struct Drill {
    pub loss: Loss,
    pub sandbox_account: &'static str,
    pub sandbox_region: &'static str,
    pub ttl: i64,
    pub objectives: Objectives,
    pub detection: Option<i64>,
    pub decision: Option<i64>,
    pub resources: Vec<Resource>,
    pub points: Vec<Point>,
    /// `base` and `per_gib`
    pub timings: BTreeMap<&'static str, (i64, i64)>,
    pub workloads: Vec<Workload>,
    pub nodes: Vec<Node>,
    pub faults: Vec<Fault>,
}

pub const SIZED: [&str; 10] = [
    "ec2.copy_snapshot",
    "ec2.copy_image",
    "ec2.restore_volume",
    "ec2.launch",
    "rds.copy_snapshot",
    "rds.restore",
    "rds.restore_to_time",
    "rds.restore_cluster",
    "s3.restore",
    "s3.verify",
];
pub const UNSIZED: [&str; 4] =
    ["ec2.import_key_pair", "ec2.allocate_address", "command.run", "cloudformation.deploy"];

/// What `cloudformation.deploy` deploys: `stack.yaml`, beside the playbook.
pub const STACK: &str = "Resources:\n  Queue: { Type: \"AWS::SQS::Queue\" }\n";

fn span(ms: i64) -> String {
    let (seconds, rest) = (ms / SECOND, ms % SECOND);
    match rest {
        0 => format!("{seconds}s"),
        _ => format!("{seconds}.{rest:03}s"),
    }
}

/// A time relative to T0.
fn instant(ms: i64) -> String {
    if ms < 0 { format!("-{}", span(-ms)) } else { span(ms) }
}

fn objectives(of: &Objectives) -> String {
    let keys = [("rto", of.rto), ("rpo", of.rpo), ("consistency", of.consistency)];
    let keys: Vec<String> =
        keys.iter().filter_map(|(key, value)| value.map(|v| format!("{key}: {}", span(v)))).collect();
    format!("{{ {} }}", keys.join(", "))
}

impl Drill {
    fn ids(&self, of: &[usize]) -> String {
        of.iter().map(|n| self.nodes[*n].id.clone()).collect::<Vec<_>>().join(", ")
    }

    pub fn step_of(&self, node: usize) -> &Step {
        match &self.nodes[node].what {
            What::Step(step) => step,
            What::Check(_) => panic!("{} is a check", self.nodes[node].id),
        }
    }

    pub fn playbook(&self) -> String {
        let mut out = String::new();
        let lose = match self.loss {
            Loss::Az(az) => format!("az: {az}"),
            Loss::Region(region) => format!("region: {region}"),
            Loss::Account(account) => format!("account: \"{account}\""),
        };
        let (account, region) =
            (if self.sandbox_account == SANDBOX { "sandbox" } else { "production" }, self.sandbox_region);
        let _infallible = writeln!(
            out,
            "name: reckoned\nestate: estate.yaml\nlose: {{ {lose} }}\nobjectives: {}\naccounts:\n  production: {{ id: \"{PRODUCTION}\" }}\n  backup: {{ id: \"{BACKUP}\" }}\n  sandbox: {{ id: \"{SANDBOX}\" }}\nsandbox: {{ account: {account}, region: {region}, network: {{ cidr: 10.66.0.0/16, azs: 2 }}, ttl: {} }}",
            objectives(&self.objectives),
            span(self.ttl)
        );
        let assume = [("detection", self.detection), ("decision", self.decision)];
        let assume: Vec<String> =
            assume.iter().filter_map(|(k, v)| v.map(|v| format!("{k}: {}", span(v)))).collect();
        if !assume.is_empty() {
            let _infallible = writeln!(out, "assume: {{ {} }}", assume.join(", "));
        }
        let _infallible = writeln!(out, "workloads:");
        for workload in &self.workloads {
            let named = workload.resources.iter().map(|r| &self.resources[*r]);
            let named = named.filter(|r| !workload.by_tag || r.kind() != "ec2:instance");
            let mut listed: Vec<String> = named.map(|r| format!("\"{}\"", r.id)).collect();
            if workload.by_tag {
                listed.push("\"ec2:instance[tag:app=a]\"".to_owned());
            }
            let _infallible = writeln!(
                out,
                "  {}: {{ objectives: {}, resources: [{}] }}",
                workload.name,
                objectives(&workload.objectives),
                listed.join(", ")
            );
        }
        for (title, steps) in [("steps", true), ("checks", false)] {
            let _infallible = writeln!(out, "{title}:");
            for node in &self.nodes {
                let body = match (&node.what, steps) {
                    (What::Step(step), true) => self.step(step),
                    (What::Check(check), false) => self.check(check),
                    (What::Step(_), false) | (What::Check(_), true) => continue,
                };
                let workload = node
                    .workload
                    .map_or(String::new(), |w| format!("workload: {}, ", self.workloads[w].name));
                let _infallible = writeln!(
                    out,
                    "  - {{ id: {}, {workload}needs: [{}], {body} }}",
                    node.id,
                    self.ids(&node.needs)
                );
            }
        }
        out
    }

    fn step(&self, step: &Step) -> String {
        let mut with = Vec::new();
        let of = |resource: &usize| &self.resources[*resource];
        let pick = |pick: &Pick| match pick {
            Pick::Latest => String::new(),
            Pick::NotNewer(at) => format!(", point: {}", instant(*at)),
            Pick::Id(id) => format!(", point: {id}"),
        };
        match &step.source {
            Source::Nothing => {}
            Source::Of(resource, point) => {
                let key = match of(resource).kind() {
                    "rds:db" => "from: { db",
                    "rds:cluster" => "from: { cluster",
                    "ec2:volume" => "from: { volume",
                    "ec2:instance" => "image: { of",
                    "s3:bucket" => "from: { bucket",
                    other => panic!("{other}"),
                };
                let name = of(resource).name();
                if of(resource).kind() == "s3:bucket" {
                    let as_of = step.as_of.map_or(String::new(), |at| format!(", as_of: {}", instant(at)));
                    with.push(format!("{key}: {name}-replica, of: {name}{as_of} }}, to: {name}"));
                } else {
                    let from = match step.uses {
                        "rds.promote_replica" => format!(", source_region: {}", of(resource).region),
                        _ => pick(point),
                    };
                    with.push(format!("{key}: {name}{from} }}"));
                }
            }
            Source::Tagged(point) => with.push(format!("image: {{ of: \"tag:app=a\"{} }}", pick(point))),
            Source::Copy(copy) => with.push(match step.uses {
                "ec2.launch" => format!("image: \"{{{{ steps.{}.image_id }}}}\"", self.nodes[*copy].id),
                _ => {
                    format!("from: {{ snapshot: \"{{{{ steps.{}.snapshot_id }}}}\" }}", self.nodes[*copy].id)
                }
            }),
            Source::Bucket(restore) => {
                let What::Step(Step { source: Source::Of(resource, _), .. }) = &self.nodes[*restore].what
                else {
                    panic!("a bucket is verified after it is restored")
                };
                let (id, name) = (&self.nodes[*restore].id, of(resource).name());
                let as_of = self.step_of(*restore).as_of;
                let as_of = as_of.map_or(String::new(), |at| format!(", as_of: {}", instant(at)));
                with.push(format!(
                    "bucket: \"{{{{ steps.{id}.bucket }}}}\", source: {{ bucket: {name}-replica{as_of} }}"
                ));
            }
        }
        match step.uses {
            "ec2.launch" => {
                with.push(format!("type: t4g.small, count: {}", step.count));
                if step.data {
                    with.push("data: true".into());
                }
                if !step.volumes.is_empty() {
                    let ids: Vec<String> = step
                        .volumes
                        .iter()
                        .map(|n| format!("\"{{{{ steps.{}.volume_id }}}}\"", self.nodes[*n].id))
                        .collect();
                    with.push(format!("volumes: [{}]", ids.join(", ")));
                }
            }
            "rds.restore_cluster" => with.push("engine: aurora-mysql, class: db.r6g.large".into()),
            "ec2.import_key_pair" => with.push("public_key: ssh-ed25519 AAAA".into()),
            "cloudformation.deploy" => with.push("name: jobs, template: stack.yaml".into()),
            "command.run" => with.push("run: [make, it]".into()),
            "rds.copy_snapshot" if step.kms_key => with.push(format!(
                "kms_key: \"arn:aws:kms:{}:{}:key/own\"",
                self.sandbox_region, self.sandbox_account
            )),
            "manual.task" => with.push(format!("instructions: do it, assume: {}", span(step.assume))),
            _ => {}
        }
        let mut body = format!(
            "uses: {}, with: {{ {} }}, retry: {{ attempts: {}, backoff: {} }}",
            step.uses,
            with.join(", "),
            step.attempts,
            span(step.backoff)
        );
        if let Some(timeout) = step.timeout {
            let _infallible = write!(body, ", timeout: {}", span(timeout));
        }
        if step.tolerated {
            body.push_str(", continue_on_error: true");
        }
        if let Some(when) = step.when {
            let _infallible = write!(body, ", when: {when}");
        }
        body
    }

    fn check(&self, check: &Check) -> String {
        let mut body = match (&check.names, check.measures) {
            (_, true) => "measures: rpo, command: { run: [newest] }".to_owned(),
            (Some((step, output)), false) => {
                let after = if *output == "endpoint" { "" } else { ":80" };
                format!("tcp: {{ address: \"{{{{ steps.{}.{output} }}}}{after}\" }}", self.nodes[*step].id)
            }
            (None, false) => "tcp: { address: \"a.example.com:1\" }".to_owned(),
        };
        if let Some(within) = check.within {
            let _infallible = write!(body, ", within: {}", span(within));
        }
        if check.stable_for > 0 {
            let _infallible = write!(body, ", stable_for: {}", span(check.stable_for));
        }
        if let Some(every) = check.every {
            let _infallible = write!(body, ", every: {}", span(every));
        }
        body
    }

    pub fn estate(&self) -> String {
        let mut out = format!(
            "accounts: {{ \"{PRODUCTION}\": {{ name: production }}, \"{BACKUP}\": {{ name: backup }}, \"{SANDBOX}\": {{ name: sandbox }} }}\nregions:\n  {HOME}: {{ azs: [euw1-az1, euw1-az2, euw1-az3] }}\n  {AWAY}: {{ azs: [euc1-az1, euc1-az2, euc1-az3] }}\nresources:\n"
        );
        for resource in &self.resources {
            let Resource { id, account, region, az, multi_az, one_zone, gib } = resource;
            let mut rest = az.as_ref().map_or(String::new(), |az| format!(", az: {az}"));
            if *multi_az {
                rest.push_str(", multi_az: true");
            }
            if *one_zone {
                rest.push_str(", storage_class: ONEZONE_IA");
            }
            match resource.kind() {
                "s3:bucket" => rest.push_str(", objects: 100"),
                "ec2:instance" => rest.push_str(", tags: { app: a }"),
                _ => {}
            }
            let _infallible = writeln!(
                out,
                "  - {{ id: \"{id}\", account: \"{account}\", region: {region}, size: {gib}GiB{rest} }}"
            );
        }
        for point in self.points.iter().filter(|p| p.kind.starts_with("s3_")) {
            let Point { id, account, region, gib, .. } = point;
            let _infallible = writeln!(
                out,
                "  - {{ id: \"s3:bucket/{id}\", account: \"{account}\", region: {region}, size: {gib}GiB, objects: 100 }}"
            );
        }
        let _infallible =
            writeln!(out, "recovery_points:{}", if self.points.is_empty() { " []" } else { "" });
        for point in &self.points {
            let Point { of, kind, id, account, region, taken, usable, gib, .. } = point;
            let mut rest = taken.map_or(String::new(), |taken| format!(", taken: {}", instant(taken)));
            if point.shared {
                let _infallible = write!(rest, ", shared_with: [\"{SANDBOX}\"]");
            }
            if point.managed_key {
                rest.push_str(", managed_key: true");
            }
            if let Some((account, region)) = point.kms {
                let _infallible = write!(rest, ", kms_key: \"arn:aws:kms:{region}:{account}:key/k\"");
            }
            if kind.starts_with("s3_") {
                rest.push_str(", objects: 100");
            }
            let _infallible = writeln!(
                out,
                "  - {{ of: \"{}\", kind: {kind}, id: {id}, account: \"{account}\", region: {region}, usable: {}, size: {gib}GiB{rest} }}",
                self.resources[*of].id,
                instant(*usable)
            );
        }
        let _infallible = writeln!(out, "timings:");
        for (name, (base, per_gib)) in &self.timings {
            let per_gib = match per_gib {
                0 => String::new(),
                some => format!(", per_gib: {}", span(*some)),
            };
            let _infallible = writeln!(out, "  {name}: {{ base: {}{per_gib} }}", span(*base));
        }
        let probes: Vec<String> = self.nodes.iter().filter_map(probe).collect();
        if !probes.is_empty() {
            let _infallible = writeln!(out, "probes:\n{}", probes.join("\n"));
        }
        if !self.faults.is_empty() {
            let _infallible = writeln!(out, "faults:");
        }
        for fault in &self.faults {
            let attempt = fault.attempt.map_or(String::new(), |n| format!("attempt: {n}, "));
            let _infallible = writeln!(
                out,
                "  - {{ step: {}, {attempt}error: {} }}",
                self.nodes[fault.node].id, fault.error
            );
        }
        out
    }
}

fn probe(node: &Node) -> Option<String> {
    let What::Check(Check { probe: Some(probe), .. }) = &node.what else { return None };
    let mut keys = vec![format!("healthy_after: {}", span(probe.healthy_after))];
    if probe.never {
        keys.push("never: true".into());
    }
    if let Some((after, down)) = probe.flaps {
        keys.push(format!("flaps_after: {}, down_for: {}", span(after), span(down)));
    }
    if let Some(value) = probe.value {
        keys.push(format!("value: {}", instant(value)));
    }
    Some(format!("  {}: {{ {} }}", node.id, keys.join(", ")))
}
