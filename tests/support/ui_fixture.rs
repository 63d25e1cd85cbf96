//! The events of a scripted drill, and reports as they would be read back.

use std::collections::BTreeMap;

use base::duration::Time;
use base::ids::{AccountId, Region};
use base::severity::Severity;
use chrono::TimeDelta;
use estate::point::WorstCase;
use estate::{PointKind, RecoveryPoint};
use event::{
    Body, Event, Identified, NodePlan, Phase, PlaybookText, Purpose, Request, RunStarted, SandboxOutputs,
    Stage, WorkloadPlan,
};
use port::{CallCount, Create, Finding, Kind, ResourceRef, Rule, Sent};
use record::report::model::Report;
use serde_json::{Value, json};

pub fn at(seconds: f64) -> Time {
    let start: Time = "2026-03-01T11:58:30Z".parse().unwrap();
    #[allow(clippy::cast_possible_truncation, reason = "a test's own figures")]
    let millis = (seconds * 1000.0).round() as i64;
    start + TimeDelta::milliseconds(millis)
}

/// T0 in seconds after the start.
pub const T0: f64 = 90.0;

pub fn node(id: &str, uses: &str) -> NodePlan {
    NodePlan {
        id: id.into(),
        uses: uses.into(),
        workload: Some("orders".into()),
        needs: vec![],
        measures_rpo: false,
        measures_of: vec![],
        restores_data: false,
        claims: vec![],
    }
}

pub fn run_started(steps: Vec<NodePlan>, checks: Vec<NodePlan>) -> Body {
    Body::RunStarted(Box::new(RunStarted {
        format: event::FORMAT,
        version: "0.1.0".into(),
        run_id: "20260301-115830-k3f9".into(),
        on: base::on::On::Twin,
        seed: Some(1),
        playbook: PlaybookText {
            name: "region-loss".into(),
            description: String::new(),
            path: "drills/region-loss.yaml".into(),
            sha256: "00".into(),
            source: "name: region-loss\n".into(),
            controls: Vec::new(),
            schedule: None,
        },
        lose: estate::Loss::Region("us-east-1".parse().unwrap()),
        detection_s: Some(300.0),
        decision_s: Some(600.0),
        sandbox_account: "333333333333".parse().unwrap(),
        sandbox_region: "us-west-2".parse().unwrap(),
        sandbox_cidr: "10.99.0.0/16".into(),
        sandbox_standing: None,
        expires: at(86_400.0),
        params: [].into_iter().collect(),
        workloads: vec![WorkloadPlan {
            name: "orders".into(),
            tier: Some(1),
            rto_s: Some(2700.0),
            rpo_s: Some(300.0),
            consistency_s: None,
            own_rpo: true,
            stateless: false,
            lost: vec!["rds:db/orders".into()],
        }],
        steps,
        checks,
        lost: vec!["rds:db/orders".into(), "ec2:instance/i-0a1".into()],
        surviving: vec!["s3:bucket/orders-receipts-west".into()],
        inputs: event::Inputs::default(),
        watches_names: false,
        past: Vec::new(),
    }))
}

pub fn account() -> AccountId {
    "333333333333".parse().unwrap()
}

pub fn region() -> Region {
    "us-west-2".parse().unwrap()
}

/// A request for an intent whose content does not matter.
pub fn requested() -> Request {
    Request::Create(Box::new(Create::Address { name: "front".into() }))
}

pub fn sandbox_outputs() -> SandboxOutputs {
    SandboxOutputs {
        vpc_id: "vpc-1".into(),
        subnet_ids: vec!["subnet-1".into(), "subnet-2".into()],
        security_group_id: "sg-1".into(),
        buckets: BTreeMap::new(),
    }
}

/// Contains every kind of event at least once, in an order that a run could have.
pub fn script() -> Vec<Event> {
    let steps = vec![
        node("db", "rds.restore"),
        node("web", "ec2.launch"),
        node("legacy", "command.run"),
        node("after-legacy", "command.run"),
        node("maybe", "command.run"),
    ];
    let checks = vec![node("rows", "sql"), node("web-up", "http"), node("cart", "http"), node("old", "tcp")];
    let resource = |kind, id: &str| ResourceRef { kind, id: id.into(), account: account(), region: region() };
    let s = String::from;
    let point = Box::new(RecoveryPoint {
        taken: Some(at(T0 - 7200.0)),
        ..RecoveryPoint::new(
            "rds:db/orders".parse().unwrap(),
            PointKind::RdsSnapshot,
            "orders-west-2h",
            account(),
            region(),
        )
    });
    let progress = |text: &str, done| Body::Progress { id: "db".into(), text: text.into(), done };
    let bodies = vec![
        (0.0, run_started(steps, checks)),
        (0.0, Body::PhaseStarted { phase: Phase::Preflight }),
        (
            1.5,
            Body::Finding(Finding {
                rule: Rule::SandboxSharesAccount,
                severity: Severity::Medium,
                resource: s("sandbox"),
                message: s("the sandbox shares production's account"),
                fix: s("use an account of its own"),
            }),
        ),
        (
            2.0,
            Body::Identified(Identified {
                account: account(),
                arn: s("arn:aws:sts::333333333333:assumed-role/drill/nightly"),
                purpose: Purpose::Sandbox,
            }),
        ),
        (2.0, Body::PhaseFinished { phase: Phase::Preflight }),
        (2.0, Body::PhaseStarted { phase: Phase::Prepare }),
        (
            2.0,
            Body::Intent {
                by: s("sandbox"),
                attempt: 1,
                call: s("ec2:CreateVpc"),
                token: s("t1"),
                account: account(),
                region: region(),
                what: requested(),
            },
        ),
        (
            3.0,
            Body::Created {
                by: s("sandbox"),
                token: s("t1"),
                resources: vec![resource(Kind::Vpc, "vpc-1")],
                outputs: std::collections::BTreeMap::default(),
                restored_to: None,
            },
        ),
        (
            88.0,
            Body::SandboxReady {
                azs: vec!["usw2-az1".parse().unwrap(), "usw2-az2".parse().unwrap()],
                outputs: sandbox_outputs(),
                ready: None,
            },
        ),
        (89.0, Body::Isolation { stage: Stage::BeforeT0, exposures: vec![], unknown: vec![] }),
        (90.0, Body::PhaseFinished { phase: Phase::Prepare }),
        (90.0, Body::DisasterDeclared { t0: at(T0) }),
        (90.0, Body::PhaseStarted { phase: Phase::Recover }),
        (90.0, Body::PointSeen { point: point.clone(), asked_by: s("db"), why_not: None }),
        (
            90.0,
            Body::PointSeen {
                point: Box::new(RecoveryPoint { id: s("orders-east-1h"), ..(*point).clone() }),
                asked_by: s("db"),
                why_not: Some(s("it was lost with us-east-1")),
            },
        ),
        (90.0, Body::StepStarted { step: s("db"), attempt: 1 }),
        (
            90.0,
            Body::StepSource {
                step: s("db"),
                point,
                worst_case: WorstCase {
                    seconds: Some(45_000.0),
                    points: 4,
                    span: Some(91_800.0),
                    ..WorstCase::default()
                },
                newest: None,
            },
        ),
        (90.0, Body::StepStarted { step: s("legacy"), attempt: 1 }),
        (
            90.0,
            Body::Denied {
                call: s("rds:CopyDBSnapshot"),
                locus: s("us-east-1"),
                step: s("legacy"),
                why: s("us-east-1 is lost"),
            },
        ),
        (
            90.0,
            Body::Intent {
                by: s("db"),
                attempt: 1,
                call: s("rds:RestoreDBInstanceFromDBSnapshot"),
                token: s("t2"),
                account: account(),
                region: region(),
                what: requested(),
            },
        ),
        (
            90.0,
            Body::NotCreated {
                by: s("db"),
                token: s("t2"),
                error: s("Throttling: rate exceeded"),
                sent: Sent::No,
            },
        ),
        (
            90.0,
            Body::StepRetry {
                step: s("db"),
                attempt: 1,
                error: s("Throttling: rate exceeded"),
                next_at: at(T0 + 10.0),
            },
        ),
        (
            91.0,
            Body::StepFailed {
                step: s("legacy"),
                because: s("exit code 1: \u{1b}[31mno such host\u{1b}[0m\nsecond line"),
                tolerated: true,
            },
        ),
        (91.0, Body::StepSkipped { step: s("after-legacy"), because: s("legacy failed") }),
        (91.0, Body::StepNotRun { step: s("maybe"), because: s("`when` is false"), unwanted: true }),
        (100.0, Body::StepStarted { step: s("db"), attempt: 2 }),
        (110.0, progress("creating", Some(0.01))),
        (120.0, progress("creating", Some(0.03))),
        (141.0, progress("restoring", Some(0.06))),
        (
            940.0,
            Body::StepSucceeded {
                step: s("db"),
                outputs: json!({}),
                restored: vec![s("rds:db/orders")],
                data: true,
                consistent_at: None,
                confirmed: None,
                made: None,
                redacted: false,
            },
        ),
        (940.0, Body::CheckReady { check: s("rows") }),
        (940.0, Body::StepStarted { step: s("web"), attempt: 1 }),
        (
            940.0,
            Body::Intent {
                by: s("web"),
                attempt: 1,
                call: s("ec2:RunInstances"),
                token: s("t3"),
                account: account(),
                region: region(),
                what: requested(),
            },
        ),
        (
            940.0,
            Body::Created {
                by: s("web"),
                token: s("t3"),
                resources: vec![resource(Kind::Instance, "i-9")],
                outputs: std::collections::BTreeMap::default(),
                restored_to: None,
            },
        ),
        (
            941.0,
            Body::CheckTried {
                check: s("rows"),
                healthy: false,
                observed: s("connection refused"),
                tries: 1,
                unknown: false,
            },
        ),
        (
            980.0,
            Body::CheckHealthy {
                check: s("rows"),
                healthy_at: at(980.0),
                observed: s("120000"),
                tries: 5,
                data_time: None,
            },
        ),
        (
            985.0,
            Body::StepSucceeded {
                step: s("web"),
                outputs: json!({}),
                restored: vec![],
                data: false,
                consistent_at: None,
                confirmed: None,
                made: None,
                redacted: false,
            },
        ),
        (985.0, Body::CheckReady { check: s("web-up") }),
        (985.0, Body::CheckReady { check: s("cart") }),
        (
            1005.0,
            Body::CheckHealthy {
                check: s("web-up"),
                healthy_at: at(1005.0),
                observed: s("200 OK"),
                tries: 3,
                data_time: None,
            },
        ),
        (
            1285.0,
            Body::CheckUnhealthy {
                check: s("cart"),
                because: s("status 503, wanted 200"),
                observed: s("503 Service Unavailable"),
                tries: 60,
            },
        ),
        (1285.0, Body::CheckSkipped { check: s("old"), because: s("legacy failed") }),
        (1285.0, Body::PhaseFinished { phase: Phase::Recover }),
        (1285.0, Body::Interrupted { by: s("SIGINT") }),
        (1285.0, Body::PhaseStarted { phase: Phase::Teardown }),
        (1285.0, Body::DeleteIntent { resource: resource(Kind::Instance, "i-9") }),
        (1300.0, Body::Deleted { resource: resource(Kind::Instance, "i-9") }),
        (1300.0, Body::DeleteIntent { resource: resource(Kind::Vpc, "vpc-1") }),
        (
            1301.0,
            Body::DeleteFailed {
                resource: resource(Kind::Vpc, "vpc-1"),
                error: s("DependencyViolation: has dependencies"),
            },
        ),
        (1302.0, Body::Kept { resources: vec![resource(Kind::DbInstance, "dm-db")], until: at(86_400.0) }),
        (1303.0, Body::LeftBehind { resources: vec![s("vpc/vpc-1 (333333333333 us-west-2)")], places: 1 }),
        (
            1303.0,
            Body::Aborted {
                error: s("the sandbox could not be closed"),
                help: Some(s("look at vpc-1")),
                mistake: false,
            },
        ),
        (1304.0, Body::PhaseFinished { phase: Phase::Teardown }),
        (
            1304.0,
            Body::RunFinished {
                api_calls: [(s("ec2:CreateVpc"), CallCount { count: 1, throttled: 0 })].into_iter().collect(),
            },
        ),
    ];
    number(bodies)
}

/// Numbers the events as the bus does. `Progress` takes no number.
pub fn number(bodies: Vec<(f64, Body)>) -> Vec<Event> {
    let mut seq = 0;
    bodies
        .into_iter()
        .map(|(seconds, body)| {
            let event = Event { seq, at: at(seconds), body };
            if !matches!(event.body, Body::Progress { .. }) {
                seq += 1;
            }
            event
        })
        .collect()
}

fn base() -> Value {
    json!({
        "schema": "drillmaster/report/v1", "run_id": "20260301-115830-k3f9", "on": "twin", "simulated": true,
        "drillmaster_version": "0.1.0",
        "playbook": { "name": "region-loss", "description": "", "path": "drills/region-loss.yaml", "sha256": "00", "source": "" },
        "lose": { "region": "us-east-1" },
        "started_at": at(0.0), "t0": at(T0), "finished_at": at(1304.0),
        "verdict": "passed", "exit_code": 0, "reasons": [],
        "assume": { "detection_s": 300.0, "decision_s": 600.0 },
        "sandbox": { "account": "333333333333", "region": "us-west-2", "cidr": "10.99.0.0/16", "azs": ["usw2-az1"],
            "isolation_verified": true, "kept_until": null },
        "params": {}, "seed": 1,
        "workloads": [workload("orders")],
        "steps": [step("db", "rds.restore"), step("web", "ec2.launch")],
        "checks": [check("rows", "sql"), check("web-up", "http")],
        "phases": { "preflight_s": 2.0, "prepare_s": 88.0, "recover_s": 905.0, "teardown_s": 19.0 },
        "denied_calls": [], "blast_radius": { "lost": ["rds:db/orders"], "surviving": [] },
        "recovery_points": [], "coverage": { "covered": ["rds:db/orders"], "uncovered": [] },
        "findings": [], "api_calls": {}, "teardown": { "created": 7, "deleted": 7, "left_behind": [] }
    })
}

pub fn workload(name: &str) -> Value {
    json!({
        "name": name, "tier": 1, "recovered": true, "incomplete": [], "missing_resources": [],
        "rto": { "objective_s": 2700.0, "measured_s": 905.0, "with_assumptions_s": 1805.0, "status": "met" },
        "rpo": { "objective_s": 14400.0, "measured_s": 7380.0, "status": "met", "worst_case_s": 45000.0,
            "sources": [ { "of": "rds:db/orders", "recovery_point": "orders-west-2h", "step": "db",
                "from": "111111111111 us-west-2", "taken": null, "age_s": 7200.0, "data_age_s": 7380.0, "worst_case_s": 45000.0 } ] },
        "critical_path": [
            { "id": "db", "kind": "step", "seconds": 840.0, "share": 0.928 },
            { "id": "web", "kind": "step", "seconds": 45.0, "share": 0.05 },
            { "id": "web-up", "kind": "check", "seconds": 20.0, "share": 0.022 } ]
    })
}

fn step(id: &str, uses: &str) -> Value {
    json!({ "id": id, "uses": uses, "workload": "orders", "needs": [], "status": "succeeded", "because": null,
        "started_at": null, "finished_at": null, "seconds": 840.0, "attempts": 1, "resources": [],
        "recovery_points": [], "critical": true })
}

fn check(id: &str, kind: &str) -> Value {
    json!({ "id": id, "kind": kind, "workload": "orders", "needs": [], "status": "healthy", "because": null,
        "ready_at": null, "healthy_at": null, "settled_at": null, "seconds": 40.0, "observed": "120000", "tries": 5, "critical": false })
}

/// The report of a passed run, changed by `change`.
pub fn report(change: impl FnOnce(&mut Value)) -> Report {
    let mut value = base();
    change(&mut value);
    serde_json::from_value(value).unwrap()
}

pub fn passed() -> Report {
    report(|_| {})
}

/// The report of a run in which much went wrong, with long names.
pub fn failed() -> Report {
    report(|r| {
        r["verdict"] = json!("failed");
        r["exit_code"] = json!(4);
        r["reasons"] = json!([
            "teardown left 1 resource behind",
            "orders: RPO 2h3m exceeds the objective of 5m",
            "customer-facing-storefront-eu: the recovery is not complete"
        ]);
        let w = &mut r["workloads"];
        w[0]["rpo"]["objective_s"] = json!(300.0);
        w[0]["rpo"]["status"] = json!("missed");
        let mut second = workload("customer-facing-storefront-eu");
        second["recovered"] = json!(false);
        second["tier"] = json!(null);
        second["incomplete"] =
            json!(["check cart never became healthy", "s3:bucket/orders-receipts was not restored"]);
        second["missing_resources"] = json!(["s3:bucket/orders-receipts"]);
        second["rto"] = json!({ "objective_s": 2700.0, "measured_s": null, "with_assumptions_s": null, "status": "unknown" });
        second["rpo"] = json!({ "objective_s": null, "measured_s": 97_380.5, "status": "unknown", "worst_case_s": null, "sources": [] });
        second["critical_path"] = json!([]);
        w.as_array_mut().unwrap().push(second);
        r["steps"][1]["status"] = json!("failed");
        r["steps"][1]["because"] = json!(
            "ec2:RunInstances: \u{1b}[2Jthe image ami-west is not shared with 333333333333; share it, or copy it into the sandbox's account before the drill"
        );
        r["checks"][1]["status"] = json!("unhealthy");
        r["checks"][1]["because"] = json!("status 503, wanted 200");
        r["checks"][1]["observed"] = json!("503 Service Unavailable: upstream \u{6ca1}\u{6709} reached");
        r["denied_calls"] = json!([ { "call": "rds:CopyDBSnapshot", "locus": "us-east-1", "step": "legacy", "why": "us-east-1 is lost: what is copied from there would not be there in a real loss" } ]);
        r["findings"] = json!([
            { "rule": "data-from-after-t0", "severity": "high", "resource": "s3:bucket/orders-receipts", "message": "nothing survives to restore it from", "fix": "replicate it to another region" },
            { "rule": "sandbox-shares-account", "severity": "medium", "resource": "sandbox", "message": "m", "fix": "f" } ]);
        r["teardown"] =
            json!({ "created": 7, "deleted": 6, "left_behind": ["vpc/vpc-1 (333333333333 us-west-2)"] });
    })
}

pub fn error() -> Report {
    report(|r| {
        r["verdict"] = json!("error");
        r["exit_code"] = json!(3);
        r["on"] = json!("aws");
        r["simulated"] = json!(false);
        r["t0"] = json!(null);
        r["reasons"] = json!(["the sandbox is not isolated: vpc-1 has the internet gateway igw-1"]);
        let w = &mut r["workloads"][0];
        w["recovered"] = json!(false);
        w["incomplete"] = json!(["the disaster was never declared"]);
        w["rto"] = json!({ "objective_s": 2700.0, "measured_s": null, "with_assumptions_s": null, "status": "unknown" });
        w["rpo"] = json!({ "objective_s": 300.0, "measured_s": null, "status": "unknown", "worst_case_s": null, "sources": [] });
        w["critical_path"] = json!([]);
        r["steps"] = json!([]);
        r["checks"] = json!([]);
    })
}
