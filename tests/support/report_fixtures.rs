//! Reports as runs would leave them. The figures of the region loss and the zone loss come from
//! shared examples.

use std::collections::BTreeMap;

use base::exit::Exit;
use base::on::On;
use chrono::{DateTime, TimeDelta, Utc};
use event::forecast::{self, ActionModel, Histogram, RtoForecast, TimesFrom};
use event::{Forecast, Purpose};
use port::Rule;
use port::gate::DeniedCall;
use port::request::CallCount;
use record::report::model::{
    Assumptions, BlastRadius, CheckReport, CheckStatus, Consistency, Coverage, Finding, Identified, Link,
    Phases, PlaybookRef, PointRow, Report, Rpo, RpoSource, Rto, SCHEMA, SandboxRef, Severity, Status,
    StepReport, StepStatus, Teardown, TeardownRan, Verdict, WorkloadReport,
};

pub fn t0() -> DateTime<Utc> {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

#[allow(clippy::cast_possible_truncation, reason = "a test's own figures")]
pub fn at(seconds: f64) -> DateTime<Utc> {
    t0() + TimeDelta::milliseconds((seconds * 1000.0) as i64)
}

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}

pub fn step(id: &str, uses: &str, needs: &[&str], from: f64, to: f64) -> StepReport {
    StepReport {
        id: id.into(),
        uses: uses.into(),
        workload: Some("orders".into()),
        needs: strings(needs),
        status: StepStatus::Succeeded,
        because: None,
        started_at: Some(at(from)),
        finished_at: Some(at(to)),
        seconds: Some(to - from),
        attempts: 1,
        resources: vec![],
        recovery_points: vec![],
        tolerated: false,
        confirmed: None,
        critical: false,
    }
}

pub fn check(id: &str, kind: &str, needs: &[&str], ready: f64, healthy: f64, observed: &str) -> CheckReport {
    CheckReport {
        id: id.into(),
        kind: kind.into(),
        workload: Some("orders".into()),
        needs: strings(needs),
        status: CheckStatus::Healthy,
        because: None,
        ready_at: Some(at(ready)),
        healthy_at: Some(at(healthy)),
        settled_at: Some(at(healthy)),
        seconds: Some(healthy - ready),
        observed: Some(observed.into()),
        rungs: vec![],
        rows: BTreeMap::new(),
        tries: 1,
        critical: false,
    }
}

pub fn point(
    id: &str,
    of: &str,
    kind: &str,
    place: (&str, &str),
    age: f64,
    usable: f64,
    fate: Result<&str, &str>,
) -> PointRow {
    PointRow {
        id: id.into(),
        of: of.into(),
        kind: kind.into(),
        account: place.0.into(),
        region: place.1.into(),
        taken: Some(at(-age)),
        usable: Some(at(-usable)),
        age_s: Some(age),
        used_by: fate.ok().map(Into::into),
        why_not: fate.err().map(Into::into),
    }
}

fn link(id: &str, kind: &str, seconds: f64, of: f64) -> Link {
    Link { id: id.into(), kind: kind.into(), seconds, share: seconds / of }
}

fn identified(account: &str, arn: &str, purpose: Purpose) -> Identified {
    Identified { account: account.parse().unwrap(), arn: arn.into(), purpose }
}

fn calls(list: &[(&str, u64, u64)]) -> BTreeMap<String, CallCount> {
    list.iter()
        .map(|(n, count, throttled)| ((*n).into(), CallCount { count: *count, throttled: *throttled }))
        .collect()
}

const PROD: &str = "111122223333";
const VAULT: &str = "444455556666";
const EAST: &str = "us-east-1";
const WEST: &str = "us-west-2";

/// What a model said of the region loss.
pub fn region_forecast() -> Forecast {
    let counts = vec![20, 180, 900, 1800, 2400, 2000, 1300, 700, 400, 300];
    let rto = RtoForecast {
        p50_s: Some(1780.5),
        p90_s: Some(2210.0),
        p99_s: Some(2480.0),
        p_failed: 0.0,
        objective_s: Some(2700.0),
        p_met: Some(0.9934),
        p_met_low: Some(0.9916),
        p_met_high: Some(0.9948),
        histogram: Histogram { from_s: 1050.0, width_s: 150.0, counts },
    };
    let action = |action: &str, model| ActionModel { action: action.into(), of: None, model, runs: 0 };
    Forecast {
        runs: 10_000,
        seed: 1,
        contention: 1.5,
        because: None,
        workloads: vec![forecast::WorkloadForecast { name: "orders".into(), rto: Some(rto), because: None }],
        learned_from: vec![
            action("ec2.launch", TimesFrom::Calibration),
            action("rds.restore", TimesFrom::Estate),
            ActionModel { action: "s3.restore".into(), of: None, model: TimesFrom::Learned, runs: 3 },
        ],
    }
}

/// us-east-1 is lost. `orders` is restored in time, but from data that are too old.
pub fn region_loss() -> Report {
    let mut db = step("db", "rds.restore", &[], 0.0, 840.0);
    db.resources = strings(&["rds:db/drill-7f3a-db"]);
    db.recovery_points = strings(&["orders-west-2h"]);
    db.critical = true;
    let mut web = step("web", "ec2.launch", &["db"], 840.0, 885.0);
    web.resources = strings(&["ec2:instance/i-0f00000000000001", "ec2:instance/i-0f00000000000002"]);
    web.recovery_points = strings(&["ami-west"]);
    web.critical = true;
    let mut receipts = step("receipts", "s3.restore", &[], 0.0, 45.0);
    receipts.recovery_points = strings(&["orders-receipts-replica"]);
    let mut web_up = check("web-up", "http", &["web"], 885.0, 905.0, "200 in 12 ms");
    web_up.critical = true;
    web_up.settled_at = Some(at(935.0));
    web_up.tries = 6;
    Report {
        schema: SCHEMA.into(),
        run_id: "2026-03-02-0900-7f3a".into(),
        on: On::Twin,
        simulated: true,
        drillmaster_version: "0.1.0".into(),
        playbook: PlaybookRef {
            name: "orders-region-loss".into(),
            description: "us-east-1 is gone; rebuild orders in us-west-2 from what survives.".into(),
            path: "drills/region-loss.yaml".into(),
            sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            source: SOURCE.into(),
            controls: Vec::new(),
            schedule: None,
        },
        lose: [("region".to_owned(), EAST.to_owned())].into(),
        started_at: at(-64.0),
        t0: Some(t0()),
        finished_at: at(1010.0),
        verdict: Verdict::Failed,
        exit_code: Exit::Failed,
        headline: String::new(),
        reasons: strings(&["orders: RPO 2h3m misses its objective of 5m"]),
        assume: Some(Assumptions { detection_s: Some(300.0), decision_s: Some(600.0) }),
        sandbox: SandboxRef {
            account: "999988887777".into(),
            region: WEST.into(),
            cidr: "10.66.0.0/16".into(),
            azs: strings(&["usw2-az1", "usw2-az2"]),
            isolation_verified: true,
            kept_until: None,
            standing: None,
        },
        params: [("db_class".to_owned(), "db.t4g.medium".to_owned())].into(),
        seed: None,
        identities: vec![],
        workloads: vec![WorkloadReport {
            name: "orders".into(),
            tier: Some(1),
            recovered: true,
            incomplete: vec![],
            missing_resources: vec![],
            rto: Rto {
                objective_s: Some(2700.0),
                measured_s: Some(905.0),
                with_assumptions_s: Some(1805.0),
                status: Status::Met,
            },
            rpo: Rpo {
                nothing_lost: false,
                partial: false,
                objective_s: Some(300.0),
                measured_s: Some(7380.0),
                status: Status::Missed,
                newest_s: None,
                judged_by_newest: false,
                worst_case_s: Some(45_000.0),
                worst_case_at_least_s: None,
                sources: vec![
                    RpoSource {
                        of: "rds:db/orders".into(),
                        recovery_point: "orders-west-2h".into(),
                        step: "db".into(),
                        from: format!("{PROD} {WEST}"),
                        taken: Some(at(-7200.0)),
                        age_s: Some(7200.0),
                        asked: None,
                        newest: None,
                        newest_age_s: None,
                        data_age_s: Some(7380.0),
                        worst_case_s: Some(45_000.0),
                        worst_case_at_least_s: None,
                        worst_case_points: 4,
                        worst_case_span_s: Some(91_800.0),
                    },
                    RpoSource {
                        of: "s3:bucket/orders-receipts".into(),
                        recovery_point: "orders-receipts-replica".into(),
                        step: "receipts".into(),
                        from: format!("{VAULT} {WEST}"),
                        taken: Some(at(-240.0)),
                        age_s: Some(240.0),
                        asked: None,
                        newest: None,
                        newest_age_s: None,
                        data_age_s: None,
                        worst_case_s: Some(240.0),
                        worst_case_at_least_s: None,
                        worst_case_points: 0,
                        worst_case_span_s: None,
                    },
                ],
            },
            consistency: Consistency::default(),
            critical_path: vec![
                link("db", "step", 840.0, 905.0),
                link("web", "step", 45.0, 905.0),
                link("web-up", "check", 20.0, 905.0),
            ],
        }],
        steps: vec![db, web, receipts],
        lookups: None,
        lookups_unknown: None,
        probe: None,
        checks: vec![
            check("rows", "sql", &["db"], 840.0, 880.0, "120000"),
            check("freshness", "sql", &["db"], 840.0, 840.0, "2026-03-02T06:57:00Z"),
            web_up,
        ],
        phases: Phases { preflight_s: 4.0, prepare_s: 60.0, recover_s: 935.0, teardown_s: 75.0 },
        denied_calls: vec![],
        blast_radius: BlastRadius {
            lost: strings(&[
                "ec2:instance/i-0a1",
                "ec2:instance/i-0d4",
                "ec2:volume/vol-0c3",
                "rds:db/orders",
                "s3:bucket/orders-receipts",
            ]),
            surviving: strings(&["s3:bucket/orders-receipts-replica"]),
        },
        forecast: Some(region_forecast()),
        past: Vec::new(),
        recovery_points: region_points(),
        coverage: Coverage {
            covered: strings(&["ec2:instance/i-0a1", "rds:db/orders", "s3:bucket/orders-receipts"]),
            uncovered: strings(&["ec2:instance/i-0d4", "ec2:volume/vol-0c3"]),
        },
        findings: vec![
            Finding {
                rule: Rule::NewerPointNeedsCopy,
                severity: Severity::Medium,
                resource: "rds:db/orders".into(),
                message: "orders-west-late (20m old) survives, but its copy was not complete at T0.".into(),
                fix: "Copy more often than every 12h, or replicate continuously.".into(),
            },
            Finding {
                rule: Rule::DataFromAfterT0,
                severity: Severity::High,
                resource: "ec2:instance/i-0d4".into(),
                message: "It is lost, and no workload restores it.".into(),
                fix: "Give it to a workload and a step, or list it under `ignore` with the reason.".into(),
            },
        ],
        api_calls: calls(&[
            ("ec2:DescribeInstances", 9, 0),
            ("ec2:RunInstances", 1, 0),
            ("rds:DescribeDBInstances", 41, 0),
            ("rds:RestoreDBInstanceFromDBSnapshot", 2, 1),
        ]),
        teardown: Teardown {
            ran: TeardownRan::Whole,
            created: 11,
            deleted: 11,
            left_behind: vec![],
            ..Teardown::default()
        },
        assumed: None,
        resumed: Vec::new(),
        journal: None,
    }
}

fn region_points() -> Vec<PointRow> {
    let db = "rds:db/orders";
    let older = "older than orders-west-2h";
    let lost = "it lies in us-east-1, which is lost";
    vec![
        point("orders-west-26h", db, "rds_snapshot", (PROD, WEST), 93_600.0, 91_800.0, Err(older)),
        point("orders-west-14h", db, "rds_snapshot", (PROD, WEST), 50_400.0, 48_600.0, Err(older)),
        point("orders-west-2h", db, "rds_snapshot", (PROD, WEST), 7200.0, 5400.0, Ok("db")),
        point(
            "orders-west-late",
            db,
            "rds_snapshot",
            (PROD, WEST),
            1200.0,
            -600.0,
            Err("its copy was not complete at T0"),
        ),
        point("orders-east-1h", db, "rds_snapshot", (PROD, EAST), 3600.0, 3600.0, Err(lost)),
        point("orders-pitr", db, "rds_pitr", (PROD, EAST), 300.0, 300.0, Err(lost)),
        point("orders-vault-25h", db, "rds_snapshot", (VAULT, WEST), 90_000.0, 86_400.0, Err(older)),
        point("ami-east", "ec2:instance/i-0a1", "ami", (PROD, EAST), 86_400.0, 86_400.0, Err(lost)),
        point("ami-west", "ec2:instance/i-0a1", "ami", (PROD, WEST), 86_400.0, 86_400.0, Ok("web")),
        point(
            "ami-vault",
            "ec2:instance/i-0a1",
            "ami",
            (VAULT, WEST),
            259_200.0,
            259_200.0,
            Err("older than ami-west"),
        ),
        point("snap-0c3", "ec2:volume/vol-0c3", "ebs_snapshot", (PROD, EAST), 21_600.0, 21_600.0, Err(lost)),
        point(
            "orders-receipts-replica",
            "s3:bucket/orders-receipts",
            "s3_replica",
            (VAULT, WEST),
            240.0,
            240.0,
            Ok("receipts"),
        ),
    ]
}

/// One zone is lost, and everything is restored in time.
pub fn passed() -> Report {
    let base = region_loss();
    let mut volume = step("volume", "ec2.restore_volume", &[], 0.0, 20.0);
    volume.recovery_points = strings(&["snap-0c3"]);
    let mut db = step("db", "rds.restore_to_time", &[], 0.0, 1120.0);
    db.critical = true;
    db.recovery_points = strings(&["orders-pitr"]);
    let mut app = step("app", "ec2.launch", &["volume"], 20.0, 65.0);
    app.recovery_points = strings(&["ami-east"]);
    let mut app_up = check("app-up", "http", &["app", "db"], 1120.0, 1145.0, "200 in 9 ms");
    app_up.critical = true;
    let source = |of: &str, point: &str, step: &str, age: f64| RpoSource {
        of: of.into(),
        recovery_point: point.into(),
        step: step.into(),
        from: format!("{PROD} {EAST}"),
        taken: Some(at(-age)),
        age_s: Some(age),
        asked: None,
        newest: None,
        newest_age_s: None,
        data_age_s: None,
        worst_case_s: Some(age),
        worst_case_at_least_s: None,
        worst_case_points: 1,
        worst_case_span_s: Some(age),
    };
    Report {
        on: On::Aws,
        simulated: false,
        identities: vec![
            identified(
                "999988887777",
                "arn:aws:sts::999988887777:assumed-role/drill/nightly",
                Purpose::Sandbox,
            ),
            identified(PROD, "arn:aws:sts::111122223333:assumed-role/drill-reads/nightly", Purpose::Read),
        ],
        lose: [("az".to_owned(), "use1-az1".to_owned())].into(),
        playbook: PlaybookRef {
            name: "orders-az-loss".into(),
            description: "use1-az1 is gone.".into(),
            path: "drills/az-loss.yaml".into(),
            ..base.playbook
        },
        verdict: Verdict::Passed,
        exit_code: Exit::Passed,
        headline: String::new(),
        reasons: vec![],
        assume: None,
        finished_at: at(1300.0),
        phases: Phases { preflight_s: 4.2, prepare_s: 59.8, recover_s: 1145.0, teardown_s: 155.0 },
        workloads: vec![WorkloadReport {
            name: "orders".into(),
            tier: None,
            recovered: true,
            incomplete: vec![],
            missing_resources: vec![],
            rto: Rto {
                objective_s: Some(1200.0),
                measured_s: Some(1145.0),
                with_assumptions_s: None,
                status: Status::Met,
            },
            rpo: Rpo {
                nothing_lost: false,
                partial: false,
                objective_s: Some(21_600.0),
                measured_s: Some(21_600.0),
                status: Status::Met,
                newest_s: None,
                judged_by_newest: false,
                worst_case_s: Some(21_600.0),
                worst_case_at_least_s: None,
                sources: vec![
                    source("ec2:volume/vol-0c3", "snap-0c3", "volume", 21_600.0),
                    source("rds:db/orders", "orders-pitr", "db", 300.0),
                ],
            },
            consistency: Consistency::default(),
            critical_path: vec![link("db", "step", 1120.0, 1145.0), link("app-up", "check", 25.0, 1145.0)],
        }],
        steps: vec![volume, db, app],
        checks: vec![app_up],
        findings: vec![],
        coverage: Coverage {
            covered: strings(&["ec2:instance/i-0a1", "ec2:volume/vol-0c3", "rds:db/orders"]),
            uncovered: vec![],
        },
        seed: Some(0),
        ..base
    }
}

/// One run on the real cloud in which everything unpleasant happens.
pub fn unpleasant() -> Report {
    let mut report = region_loss();
    report.on = On::Aws;
    report.simulated = false;
    report.exit_code = Exit::LeftBehind;
    let hostile = "arn:aws:iam::999988887777:user/<script>|`x`|</code>\u{202e}";
    report.identities = vec![identified("999988887777", hostile, Purpose::Sandbox)];
    report.playbook.name = "shop-region-loss".into();
    report.reasons = strings(&[
        "teardown left 2 resources behind",
        "orders: did not recover: step db failed",
        "payments: RTO 1h2m misses its objective of 1h",
        "search: RPO is unknown: nothing restored ec2:volume/vol-0c3",
    ]);
    report.finished_at = at(4300.0);
    report.phases = Phases { preflight_s: 31.0, prepare_s: 190.5, recover_s: 3900.0, teardown_s: 400.0 };
    report.started_at = at(-221.5);
    let orders = &mut report.workloads[0];
    orders.recovered = false;
    orders.incomplete = strings(&["step db failed", "check web-up was skipped", "check rows was skipped"]);
    orders.missing_resources = strings(&["s3:bucket/orders-receipts"]);
    orders.rto = Rto {
        objective_s: Some(2700.0),
        measured_s: None,
        with_assumptions_s: None,
        status: Status::Unknown,
    };
    orders.rpo.status = Status::Unknown;
    orders.rpo.measured_s = None;
    orders.rpo.worst_case_s = None;
    orders.critical_path = vec![];
    orders.rpo.sources = vec![];
    report.workloads.push(WorkloadReport {
        name: "payments".into(),
        tier: Some(0),
        recovered: true,
        incomplete: vec![],
        missing_resources: vec![],
        rto: Rto {
            objective_s: Some(3600.0),
            measured_s: Some(2820.2),
            with_assumptions_s: Some(3720.2),
            status: Status::Missed,
        },
        rpo: Rpo {
            nothing_lost: false,
            partial: false,
            objective_s: None,
            measured_s: Some(3605.0),
            status: Status::Met,
            newest_s: None,
            judged_by_newest: false,
            worst_case_s: None,
            worst_case_at_least_s: None,
            sources: vec![],
        },
        consistency: Consistency::default(),
        critical_path: vec![
            link("ledger-copy", "step", 1320.0, 2820.2),
            link("ledger", "step", 1210.2, 2820.2),
            link("ledger-rows", "check", 290.0, 2820.2),
        ],
    });
    report.workloads.push(WorkloadReport {
        name: "search".into(),
        tier: Some(3),
        recovered: false,
        incomplete: strings(&["a lost resource was not restored"]),
        missing_resources: strings(&["ec2:volume/vol-0c3"]),
        rto: Rto {
            objective_s: Some(14_400.0),
            measured_s: Some(5165.0),
            with_assumptions_s: None,
            status: Status::Unknown,
        },
        rpo: Rpo {
            nothing_lost: false,
            partial: false,
            objective_s: Some(900.0),
            measured_s: None,
            status: Status::Unknown,
            newest_s: None,
            judged_by_newest: false,
            worst_case_s: None,
            worst_case_at_least_s: None,
            sources: vec![],
        },
        consistency: Consistency::default(),
        critical_path: vec![],
    });
    let mut db = step("db", "rds.restore", &[], 0.0, 2400.0);
    db.status = StepStatus::Failed;
    db.attempts = 3;
    db.because = Some("timed out after 40m: rds:db/drill-7f3a-db is still `creating`; the last error was Throttling: Rate exceeded".into());
    let not_started = |mut step: StepReport, status, because: &str| {
        step.status = status;
        step.because = Some(because.into());
        (step.started_at, step.finished_at, step.seconds, step.attempts) = (None, None, None, 0);
        step
    };
    let web = not_started(
        step("web", "ec2.launch", &["db"], 0.0, 0.0),
        StepStatus::Skipped,
        "it needs db, which failed",
    );
    let dns = not_started(
        step("dns-cutover", "manual.task", &[], 0.0, 0.0),
        StepStatus::NotRun,
        "`when` was false",
    );
    let mut receipts = step("receipts", "s3.restore", &[], 0.0, 3.0);
    receipts.status = StepStatus::Failed;
    receipts.because = Some(
        "denied: s3:CreateBucket needs S3's bucket management, whose control plane lives in us-east-1".into(),
    );
    let mut copy = step("ledger-copy", "rds.copy_snapshot", &[], 0.0, 1320.0);
    copy.workload = Some("payments".into());
    copy.critical = true;
    copy.attempts = 2;
    let mut ledger = step("ledger", "rds.restore", &["ledger-copy"], 1320.0, 2530.2);
    ledger.workload = Some("payments".into());
    ledger.critical = true;
    report.steps = vec![db, web, dns, receipts, copy, ledger];
    let skipped = |mut check: CheckReport, because: &str| {
        check.status = CheckStatus::Skipped;
        check.because = Some(because.into());
        (check.ready_at, check.healthy_at, check.settled_at, check.seconds, check.observed, check.tries) =
            (None, None, None, None, None, 0);
        check
    };
    let mut rows = check("ledger-rows", "sql", &["ledger"], 2530.2, 2820.2, "48211");
    rows.workload = Some("payments".into());
    rows.critical = true;
    rows.tries = 58;
    let mut flaps = check("search-up", "http", &[], 2530.2, 0.0, "503 Service Unavailable in 1.2 s");
    flaps.workload = Some("search".into());
    flaps.status = CheckStatus::Unhealthy;
    flaps.because = Some("it was healthy 4 times, never for 30s in a row, within 10m".into());
    flaps.healthy_at = None;
    flaps.seconds = None;
    flaps.settled_at = Some(at(3130.2));
    flaps.tries = 120;
    let mut lone = check("runbook", "command", &[], 0.0, 2.0, "ok");
    lone.workload = None;
    report.checks = vec![
        skipped(check("rows", "sql", &["db"], 0.0, 0.0, ""), "it needs db, which failed"),
        skipped(check("web-up", "http", &["web"], 0.0, 0.0, ""), "it needs web, which was skipped"),
        rows,
        flaps,
        lone,
    ];
    report.denied_calls = vec![DeniedCall {
        call: "s3:CreateBucket".into(),
        locus: EAST.into(),
        step: "receipts".into(),
        why: "it needs S3's bucket management, whose control plane lives in us-east-1, which is lost; prepare it before the disaster".into(),
    }];
    report.coverage = Coverage {
        covered: strings(&["ec2:instance/i-0a1"]),
        uncovered: strings(&[
            "ec2:instance/i-0d4",
            "ec2:volume/vol-0c3",
            "rds:db/orders",
            "s3:bucket/orders-receipts",
        ]),
    };
    report.teardown = Teardown {
        ran: TeardownRan::Whole,
        created: 14,
        deleted: 12,
        left_behind: strings(&["rds:db/drill-7f3a-db", "ec2:security-group/sg-0badc0de"]),
        ..Teardown::default()
    };
    report.seed = Some(42);
    report
}

/// The sandbox was open, so nothing was declared lost and nothing was restored.
pub fn error_before_t0() -> Report {
    let mut report = region_loss();
    report.on = On::Aws;
    report.simulated = false;
    report.t0 = None;
    report.verdict = Verdict::Error;
    report.exit_code = Exit::Error;
    report.reasons = strings(&["the sandbox is not isolated: vpc-0a1 has an internet gateway igw-0b2"]);
    report.finished_at = at(20.0);
    report.phases = Phases { preflight_s: 4.0, prepare_s: 60.0, recover_s: 0.0, teardown_s: 20.0 };
    report.sandbox.isolation_verified = false;
    for w in &mut report.workloads {
        w.recovered = false;
        w.incomplete = strings(&["the disaster was never declared"]);
        (w.rto.measured_s, w.rto.with_assumptions_s, w.rto.status) = (None, None, Status::Unknown);
        (w.rpo.measured_s, w.rpo.worst_case_s, w.rpo.status) = (None, None, Status::Unknown);
        w.rpo.sources.clear();
        w.critical_path.clear();
    }
    for s in &mut report.steps {
        (s.status, s.because) = (StepStatus::NotRun, Some("the drill ended before T0".into()));
        (s.started_at, s.finished_at, s.seconds, s.attempts, s.critical) = (None, None, None, 0, false);
        s.resources.clear();
        s.recovery_points.clear();
    }
    for c in &mut report.checks {
        (c.status, c.because) = (CheckStatus::Skipped, Some("the drill ended before T0".into()));
        (c.ready_at, c.healthy_at, c.settled_at, c.seconds) = (None, None, None, None);
        (c.observed, c.tries, c.critical) = (None, 0, false);
    }
    report.recovery_points.clear();
    report.coverage = Coverage::default();
    report.teardown = Teardown {
        ran: TeardownRan::Whole,
        created: 6,
        deleted: 6,
        left_behind: vec![],
        ..Teardown::default()
    };
    report
}

/// `count` steps in a chain of tens, with a few failures.
pub fn many_steps(count: usize) -> Report {
    let mut report = region_loss();
    report.steps = (0..count)
        .map(|i| {
            let start = (i % 10) as f64 * 80.0;
            let mut s = step(&format!("step-{i}"), "command.run", &[], start, start + 10.0 + (i % 70) as f64);
            s.critical = i % 97 == 0;
            if i % 450 == 7 {
                s.status = StepStatus::Failed;
                s.because = Some("exit code 2".into());
            }
            s
        })
        .collect();
    report
}

const SOURCE: &str = r#"name: orders-region-loss
description: us-east-1 is gone; rebuild orders in us-west-2 from what survives.
estate: estate.yaml
lose: { region: us-east-1 }

objectives: { rto: 1h, rpo: 15m }
assume: { detection: 5m, decision: 10m }

steps:
  - id: db
    uses: rds.restore
    workload: orders
    with:
      from: { db: orders, point: latest }
      class: "{{ params.db_class }}"
    timeout: 40m
    retry: { attempts: 3, backoff: 10s }

checks:
  - id: rows
    workload: orders
    needs: [db]
    sql: { url: "postgres://{{ steps.db.endpoint }}/orders", query: "select count(*) from orders", expect: ">= 1000" }
    within: 10m
"#;
