//! The twin flatters nobody. It judges what the estate answers. Where the estate has no answer, the
//! twin assumes one, reports it and counts it.

use serde_json::{Value, json};
use support::drill::{Drill, Run};

const PLAYBOOK: &str = r#"
name: library
estate: estate.yaml
lose: { region: eu-west-1 }
accounts: { sandbox: { id: "222233334444" } }
sandbox: { account: sandbox, region: eu-central-1, network: { cidr: 10.7.0.0/16 }, ttl: 4h }
workloads:
  library: { objectives: { rto: 1h, rpo: 3h }, resources: ["rds:db/catalogue"] }
steps:
  - { id: db, uses: rds.restore, workload: library, with: { from: { db: catalogue } } }
  - { id: scans, uses: s3.restore, workload: library, with: { from: { bucket: scans-copy }, to: scans } }

checks:
"#;

const ESTATE: &str = r#"
accounts: { "111122223333": { name: production }, "222233334444": { name: sandbox } }
regions: { eu-west-1: { azs: [euw1-az1] }, eu-central-1: { azs: [euc1-az1, euc1-az2] } }
resources:
  - { id: "rds:db/catalogue", account: "111122223333", region: eu-west-1, az: euw1-az1, engine: postgres }
  - { id: "s3:bucket/scans-copy", account: "222233334444", region: eu-central-1, objects: 7 }
recovery_points:
  - { of: "rds:db/catalogue", kind: rds_snapshot, id: catalogue-2h, account: "111122223333", region: eu-central-1, taken: -2h, shared_with: ["222233334444"] }
  - { of: "s3:bucket/scans-copy", kind: s3_versions, id: scans-copy, account: "222233334444", region: eu-central-1, taken: -1m, objects: 7 }
"#;

/// A drill with `one` as its only check, and this probe.
fn drill(check: &str, probe: &str) -> Drill {
    let check = format!("  - {{ id: one, workload: library, needs: [db, scans], within: 2m, {check} }}\n");
    let probes = if probe.is_empty() { String::new() } else { format!("probes: {{ one: {probe} }}\n") };
    Drill::new(&format!("{PLAYBOOK}{check}"), &format!("{ESTATE}{probes}"))
}

/// The message of the only `assumed` finding about `id`.
fn assumed(run: &Run, id: &str) -> Option<String> {
    let findings = run.at("/findings").as_array().unwrap().clone();
    let mut about = findings.iter().filter(|f| f["rule"] == "assumed" && f["resource"] == id);
    let first = about.next()?;
    assert!(about.next().is_none(), "told twice: {findings:#?}");
    assert_eq!(first["severity"], "medium");
    Some(first["message"].as_str().unwrap().to_owned())
}

enum Then {
    /// The check is healthy, and nothing is assumed.
    Judged,
    /// The check is unhealthy, and the reason contains this text.
    Wrong(&'static str),
    /// The check is healthy, and the finding contains this text.
    Assumed(&'static str),
}
use Then::{Assumed, Judged, Wrong};

const HTTP: &str = "http: { url: 'http://{{ steps.db.address }}/'";
const SQL: &str = "sql: { url: 'postgres://{{ steps.db.endpoint }}/x', query: select 1";
const TCP: &str = "tcp: { address: '{{ steps.db.endpoint }}'";
const S3: &str = "s3: { bucket: '{{ steps.scans.bucket }}'";
const DNS: &str = "dns: { name: books.example.com";
const COMMAND: &str = "command: { run: [pg_isready]";
const STATE: &str = "state: { of: '{{ steps.db.db_id }}'";

#[test]
fn every_expectation_is_judged_or_assumed() {
    let rows: &[(&str, &str, &str, Then)] = &[
        (HTTP, "}", "", Assumed("does not say how it is answered")),
        (HTTP, "}", "{ healthy_after: 9s }", Assumed("the status (expected 200)")),
        (HTTP, "}", "{ status: 200 }", Judged),
        (HTTP, "}", "{ value: 503 }", Wrong("the status is 503, expected 200")),
        (HTTP, ", status: [200, 204] }", "{ value: 204 }", Judged),
        (HTTP, ", status: 301 }", "{ status: 200, headers: { Location: x } }", Wrong("expected 301")),
        (
            HTTP,
            ", expect_body: contains ok }",
            "{ status: 200 }",
            Assumed("the body (expected `contains ok`)"),
        ),
        (HTTP, ", expect_body: contains ok }", "{ status: 200, body: all ok }", Judged),
        (HTTP, ", expect_body: contains ok }", "{ status: 200, value: down }", Wrong("the body is `down`")),
        (HTTP, ", expect_body: '>= 5' }", "{ status: 200, value: 4 }", Wrong("the body is `4`")),
        (HTTP, ", expect_header: { server: nginx } }", "{ status: 200, headers: { Server: nginx } }", Judged),
        (
            HTTP,
            ", expect_header: { server: nginx } }",
            "{ status: 200, headers: { server: iis } }",
            Wrong("iis"),
        ),
        (HTTP, ", expect_header: { server: nginx } }", "{ status: 200 }", Assumed("header `server`")),
        (HTTP, ", max_latency: 1s }", "{ status: 200, latency: 2s }", Wrong("longer than `max_latency` 1s")),
        (HTTP, ", max_latency: 1s }", "{ status: 200 }", Assumed("how long the answer takes")),
        (TCP, "}", "", Assumed("does not say how it is answered")),
        (TCP, "}", "{ healthy_after: 9s }", Judged),
        (TCP, ", expect: matches ^SSH }", "{ healthy_after: 9s }", Assumed("what is received")),
        (TCP, ", expect: matches ^SSH }", "{ value: SSH-2.0 }", Judged),
        (TCP, ", expect: matches ^SSH }", "{ value: FTP }", Wrong("`FTP`")),
        (SQL, "}", "{ healthy_after: 9s }", Judged),
        (SQL, ", expect: '>= 10' }", "{ healthy_after: 9s }", Assumed("the first value (expected `>= 10`)")),
        (SQL, ", expect: '>= 10' }", "{ value: 9 }", Wrong("the first value is `9`")),
        (SQL, ", expect: '>= 10' }", "", Assumed("does not say how it is answered")),
        (DNS, "}", "", Assumed("does not say how it is answered")),
        (DNS, ", contains: [10.0.0.2] }", "{ healthy_after: 9s }", Assumed("whether `10.0.0.2`")),
        (DNS, ", contains: [10.0.0.2] }", "{ value: [10.0.0.3, 10.0.0.2] }", Judged),
        (DNS, ", contains: [10.0.0.2] }", "{ value: 10.0.0.3 }", Wrong("`10.0.0.2` is not among")),
        (COMMAND, "}", "", Assumed("does not say how it is answered")),
        (COMMAND, ", exit_code: 3 }", "{ healthy_after: 9s }", Assumed("the exit code (expected 3)")),
        (COMMAND, ", exit_code: 3 }", "{ exit_code: 0 }", Wrong("exit code 0, expected 3")),
        (COMMAND, "}", "{ exit_code: 2 }", Wrong("exit code 2, expected 0")),
        (COMMAND, ", expect: ready }", "{ value: ready }", Judged),
        (COMMAND, ", expect: ready }", "{ exit_code: 0 }", Assumed("the output (expected `ready`)")),
        (STATE, "}", "", Assumed("the status (expected `healthy`)")),
        (STATE, "}", "{ healthy_after: 9s }", Judged),
        (STATE, "}", "{ value: impaired }", Wrong("`impaired`")),
        (STATE, ", expect: stopped }", "{ healthy_after: 9s }", Assumed("the status (expected `stopped`)")),
        ("state: { of: nothing", "}", "{ value: healthy }", Wrong("nothing that this run created")),
        // The estate's entry for the bucket is an answer too. It says nothing about the size.
        (S3, "}", "", Judged),
        (S3, ", min_count: 8 }", "", Wrong("7 objects")),
        (S3, ", count: '== 7' }", "", Judged),
        (S3, ", size: '>= 1GiB' }", "", Assumed("the size (expected `>= 1GiB`)")),
        (S3, ", size: '>= 1GiB' }", "{ bytes: 512MiB }", Wrong("512MiB")),
        (S3, ", count: '== 7' }", "{ count: 6 }", Wrong("is `6`")),
        (S3, ", count: '== 7' }", "{ value: 7 }", Judged),
        // The twin does not know the keys of objects.
        (S3, ", prefix: maps/ }", "", Assumed("whether s3://")),
        (S3, ", key: index.json }", "", Assumed("whether s3://")),
        (S3, ", prefix: maps/ }", "{ count: 0 }", Wrong("nothing exists")),
        ("s3: { bucket: not-there", "}", "{ count: 5 }", Wrong("NoSuchBucket")),
    ];
    for (check, rest, probe, then) in rows {
        let what = format!("{check}{rest} with {probe}");
        let run = drill(&format!("{check}{rest}"), probe).run();
        let because = run.check("one")["because"].as_str().unwrap_or_default().to_owned();
        let told = assumed(&run, "one");
        match then {
            Judged => assert_eq!((run.code, &told), (0, &None), "{what}: {because}"),
            Wrong(part) => {
                assert_eq!((run.code, &told), (1, &None), "{what}");
                assert!(because.contains(part), "{what}: {because}");
            }
            Assumed(part) => {
                assert_eq!(run.code, 0, "{what}: {because}");
                assert!(told.as_ref().is_some_and(|told| told.contains(part)), "{what}: {told:?}");
                assert_eq!(run.at("/assumed"), &json!({ "checks": 1, "of": 1, "steps": 0 }), "{what}");
            }
        }
        if matches!(then, Judged | Wrong(_)) {
            assert_eq!(run.report.get("assumed"), None, "{what}");
        }
    }
}

#[test]
fn commands_and_people_are_assumed() {
    let answered = drill(&format!("{TCP}}}"), "{ healthy_after: 9s }");
    let run = answered
        .step(
            "- { id: warm, uses: command.run, workload: library, needs: [db], with: { run: [make, warm] } }",
        )
        .step("- { id: ask, uses: manual.task, workload: library, with: { instructions: Ask, assume: 1m } }")
        .run();
    run.exits(0).is("/assumed", json!({ "checks": 0, "of": 1, "steps": 2 }));
    assert!(assumed(&run, "warm").unwrap().contains("does not run its command"));
    assert!(assumed(&run, "ask").unwrap().contains("nobody confirmed it"));
}

const COUNT: &str =
    "- { id: tell, uses: command.run, workload: library, needs: [db], with: { run: [count] } }";

#[test]
fn what_a_command_would_have_shown_is_not_passed_on() {
    let with = |check: &str, probes: &str| {
        let mut drill = drill(check, "{ value: 12 }").step(COUNT);
        drill.estate = drill.estate.replace("probes: {", &format!("probes: {{ {probes}"));
        drill.run()
    };
    let check = format!("{SQL}, expect: '== {{{{ steps.tell.stdout }}}}' }}");
    let run = with(&check, "");
    run.exits(0).is("/assumed", json!({ "checks": 1, "of": 1, "steps": 1 }));
    assert!(assumed(&run, "one").unwrap().contains("the first value"));
    // The estate may say what the command prints. The command still did not run.
    with(&check, "tell: { value: 12 }, ")
        .exits(0)
        .is("/assumed", json!({ "checks": 0, "of": 1, "steps": 1 }));
    with(&check, "tell: { value: 13 }, ").exits(1).because(&["library", "one"]);
}

#[test]
fn a_step_that_uses_what_a_command_would_have_shown() {
    let uses = |with: &str| {
        drill(&format!("{TCP}}}"), "{ healthy_after: 9s }")
            .step(COUNT)
            .step(&format!("- {{ id: then, uses: command.run, workload: library, {with} }}"))
    };
    let run = uses("with: { run: [echo, '{{ steps.tell.stdout }}'] }").run();
    run.exits(0);
    let about = run.at("/findings").as_array().unwrap().iter().filter(|f| f["resource"] == "then").count();
    assert_eq!(about, 2, "not run, and given what nobody knows");
    assert_eq!(run.at("/assumed/steps"), 2);
    // Nobody knows whether the step is wanted. Leaving it out would look like success.
    for when in
        ["'{{ steps.tell.stdout }}'", "'{{#if (eq steps.tell.stdout \"yes\")}}true{{else}}false{{/if}}'"]
    {
        let run = uses(&format!("when: {when}, with: {{ run: [echo] }}")).run();
        if run.code == 2 {
            continue; // this helper is not known
        }
        run.exits(1).because(&["then", "the twin does not run"]);
    }
}

#[test]
fn a_retried_copy_begins_when_it_is_retried() {
    let faults = |list: &str| {
        let mut drill = drill(&format!("{TCP}}}"), "{ healthy_after: 9s }")
            .playbook("to: scans } }", "to: scans }, retry: { attempts: 2, backoff: 100s } }");
        drill.estate += &format!("timings: {{ s3.restore: {{ base: 30s }} }}\nfaults: [{list}]\n");
        drill.run()
    };
    let seconds = |run: &Run| run.exits(0).step("scans")["seconds"].as_f64().unwrap();
    assert!((seconds(&faults("")) - 30.0).abs() < 1e-6);
    let refused = faults("{ step: scans, attempt: 1, error: throttled }");
    assert!((seconds(&refused) - 130.0).abs() < 1e-6, "{:#}", refused.step("scans"));
    // The answer was lost after the copy was done. The next attempt asks again and takes the full
    // time again.
    let lost = faults("{ step: scans, attempt: 1, error: lost_answer }");
    assert!((seconds(&lost) - 160.0).abs() < 1e-6, "{:#}", lost.step("scans"));
}

#[test]
fn every_action_takes_its_time_after_a_retry() {
    // The call is refused at once. Each attempt begins when it is made, for every action.
    for (id, uses) in [
        ("a", "rds.restore, with: { from: { db: catalogue } }"),
        ("a", "rds.copy_snapshot, with: { from: { db: catalogue } }"),
        ("a", "s3.restore, with: { from: { bucket: scans-copy }, to: more }"),
        (
            "a",
            "s3.verify, needs: [scans], with: { bucket: '{{ steps.scans.bucket }}', source: { bucket: scans-copy } }",
        ),
        ("a", "command.run, with: { run: [make] }"),
        ("a", "manual.task, with: { instructions: Ask, assume: 1m }"),
        ("a", "ec2.allocate_address"),
    ] {
        let run = |faults: &str| {
            let mut drill = drill(&format!("{TCP}}}"), "{ healthy_after: 9s }").step(&format!(
                "- {{ id: {id}, workload: library, retry: {{ attempts: 2, backoff: 77s }}, uses: {uses} }}"
            ));
            drill.estate += faults;
            drill.run()
        };
        let plain = run("");
        plain.exits(0);
        let seconds = |run: &Run| run.step(id)["seconds"].as_f64().unwrap_or_default();
        for error in ["throttled", "server_error"] {
            let again = run(&format!("faults: [{{ step: {id}, attempt: 1, error: {error} }}]\n"));
            again.exits(0);
            let more = seconds(&again) - seconds(&plain);
            assert!((more - 77.0).abs() < 1e-6, "{uses}: {error} adds {more} s");
        }
    }
}

/// A drill that restores the catalogue from its log, in the production account.
fn to_time(point: &str, retention: &str) -> Drill {
    let from = format!("with: {{ from: {{ db: catalogue, point: \"{point}\" }} }}");
    let log = format!(
        "  - {{ of: \"rds:db/catalogue\", kind: rds_pitr, id: log, account: \"222233334444\", region: eu-central-1, taken: -5m{retention} }}\n"
    );
    let mut drill = drill(&format!("{TCP}}}"), "{ healthy_after: 9s }").playbook(
        "uses: rds.restore, workload: library, with: { from: { db: catalogue } }",
        &format!("uses: rds.restore_to_time, workload: library, {from}"),
    );
    drill.estate = drill.estate.replace("recovery_points:\n", &format!("recovery_points:\n{log}")).replace(
        "account: \"111122223333\", region: eu-west-1, az: euw1-az1, engine",
        "account: \"222233334444\", region: eu-west-1, az: euw1-az1, engine",
    );
    drill
}

#[test]
fn pitr_goes_back_as_far_as_its_retention() {
    to_time("-2h", ", retention: 3h").run().exits(0);
    // Relative times are compared before the run.
    for (point, retention) in [("-4h", ", retention: 3h"), ("-36d", "")] {
        let run = to_time(point, retention).run();
        assert_eq!(run.code, 2, "{}\n{}", run.stdout, run.stderr);
        assert!(run.stderr.contains("reach back"), "{}", run.stderr);
    }
    // Absolute times can be compared only when T0 is known.
    for (point, retention) in [("2026-03-01T08:00:00Z", ", retention: 3h"), ("2026-01-01T00:00:00Z", "")] {
        let run = to_time(point, retention).run();
        run.exits(1).because(&["library", "db"]);
        let because = run.step("db")["because"].as_str().unwrap().to_owned();
        assert!(because.contains("cannot be restored to"), "{because}");
    }
}

#[test]
fn local_zones_are_no_zones_for_a_sandbox() {
    let azs = "eu-central-1: { azs: [euc1-az1, euc1-az2] }";
    let local = "eu-central-1: { azs: [euc1-ham1-az1, euc1-az2, euc1-az1] }";
    let check = format!("{TCP}}}");
    let run = drill(&check, "{ healthy_after: 9s }").estate(azs, local).run();
    run.exits(0).is("/sandbox/azs", json!(["euc1-az1", "euc1-az2"]));
    let few = drill(&check, "").estate(azs, "eu-central-1: { azs: [euc1-ham1-az1, euc1-az1] }").run();
    assert_eq!(few.code, 2, "{}", few.stdout);
    let named = drill(&check, "")
        .estate(azs, local)
        .playbook("cidr: 10.7.0.0/16", "cidr: 10.7.0.0/16, zones: [euc1-az1, euc1-ham1-az1]")
        .run();
    assert_eq!(named.code, 2, "{}", named.stdout);
    assert!(named.stderr.contains("is a Local Zone"), "{}", named.stderr);
}

#[test]
fn classes_that_the_region_does_not_offer() {
    let offers = "eu-central-1: { azs: [euc1-az1, euc1-az2], db_classes: [db.t4g.medium], instance_types: [t4g.small] }";
    let wanting = |class: &str| {
        drill(&format!("{TCP}}}"), "{ healthy_after: 9s }")
            .estate("eu-central-1: { azs: [euc1-az1, euc1-az2] }", offers)
            .playbook("from: { db: catalogue } }", &format!("from: {{ db: catalogue }}, class: {class} }}"))
            .run()
    };
    wanting("db.t4g.medium").exits(0);
    let run = wanting("db.t4g.medum");
    assert_eq!(run.code, 2, "{}", run.stdout);
    for part in ["does not offer the DB class `db.t4g.medum`", "db.t4g.medium"] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
}

#[test]
fn a_report_of_nothing_assumed_says_nothing_of_it() {
    let run = drill(&format!("{TCP}}}"), "{ healthy_after: 9s }").run();
    run.exits(0);
    assert_eq!(run.report.get("assumed"), None::<&Value>);
}

/// Keys and groups that a step names and no step makes: judged where the estate says what exists,
/// else assumed.
#[test]
fn keys_and_groups_that_nobody_lists() {
    const WEST: &str = "us-west-2: { azs: [usw2-az1, usw2-az2, usw2-az3] }";
    let named = |argument: &str, name: &str| {
        Drill::good().playbook(
            "from: { db: orders, point: latest }",
            &format!("from: {{ db: orders, point: latest }}\n      {argument}: {name}"),
        )
    };
    let lists = |drill: Drill, list: &str| drill.estate(WEST, &WEST.replace("] }", &format!("], {list} }}")));
    let is_assumed = |run: &Run| {
        run.at("/findings")
            .as_array()
            .unwrap()
            .iter()
            .any(|f| f["rule"] == "assumed" && f["resource"] == "db")
    };
    for (argument, key) in [("parameter_group", "db_parameter_groups"), ("option_group", "db_option_groups")]
    {
        let unknown = named(argument, "orders-pg").run();
        unknown.exits(0);
        assert!(is_assumed(&unknown), "{argument}");
        assert!(unknown.stdout.contains("assumed"), "{}", unknown.stdout);
        let known = lists(named(argument, "orders-pg"), &format!("{key}: [orders-pg]")).run();
        known.exits(0);
        assert!(!is_assumed(&known), "{argument}");
        let missing = lists(named(argument, "orders-pg"), &format!("{key}: [order-pg]")).run();
        assert_eq!(missing.code, 2, "{}", missing.stderr);
        assert!(missing.stderr.contains("did you mean `order-pg`"), "{}", missing.stderr);
        // A name that only the run knows is judged then.
        let late = named(argument, "\"{{ env.GROUP }}\"").env("GROUP", "orders-pg");
        let late = lists(late, &format!("{key}: []")).run();
        late.exits(1).because(&["`orders-pg`", "the estate's region us-west-2 has no"]);
        // RDS makes the engines' own groups.
        let own = if argument == "option_group" { "default:postgres-17" } else { "default.postgres17" };
        let own = lists(named(argument, &format!("\"{own}\"")), &format!("{key}: []")).run();
        own.exits(0);
    }
    let copy =
        "- id: copy\n  uses: rds.copy_snapshot\n  with: { from: { db: orders }, kms_key: alias/drill }";
    assert!(Drill::good().step(copy).run().exits(0).stdout.contains("assumed"));
    let arn = "kms_keys: [\"arn:aws:kms:us-west-2:999988887777:alias/drill\"]";
    let known = lists(Drill::good().step(copy), arn).run();
    assert!(!known.exits(0).at("/findings").to_string().contains("`copy` was assumed"));
    assert_eq!(lists(Drill::good().step(copy), "kms_keys: [alias/other]").run().code, 2);
}

#[test]
fn quotas_are_judged_where_the_estate_gives_them() {
    const WEST: &str = "us-west-2: { azs: [usw2-az1, usw2-az2, usw2-az3] }";
    let with = |quotas: &str| {
        Drill::good().estate(WEST, &WEST.replace("] }", &format!("], quotas: {{ {quotas} }} }}"))).run()
    };
    with("db_instances: 1, instances: 2").exits(0);
    let exceeded = with("db_instances: 0");
    exceeded.exits(3).because(&["1 DB instances", "quota"]);
    with("instances: 1").exits(3).because(&["2 EC2 instances", "quota"]);
}
