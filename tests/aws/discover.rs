//! `discover` against a large estate: 3 accounts in 3 regions. What has to be found was written down
//! by the seeding (`tests/peers/moto_peer/estate.py`), not derived from what is read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws::discover::{Progress, Scope, Service, services};
use aws::{Access, Aws, AwsConfig};
use base::clock::Clock;
use base::ids::AccountId;
use estate::discovered::{Discovered, What};
use port::LossGate;
use serde_json::{Value, json};

use support::peers::Moto;

const ACCOUNTS: [(&str, &str); 3] =
    [("111111111111", "production"), ("222222222222", "sandbox"), ("333333333333", "vault")];
const REGIONS: [&str; 3] = ["us-east-1", "us-west-2", "eu-west-1"];

fn role(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/reader")
}

fn connect(moto: &Moto) -> Aws {
    let access = |account: &str| Access {
        role: Some(role(account)),
        // The peer accepts any key. The variables are cargo's own.
        access_key_env: Some("CARGO_PKG_NAME".into()),
        secret_key_env: Some("CARGO_PKG_DESCRIPTION".into()),
        ..Access::default()
    };
    let accounts = ACCOUNTS.iter().map(|(id, _)| (id.parse().unwrap(), access(id))).collect();
    let config = AwsConfig {
        accounts,
        endpoint_url: Some(moto.endpoint().to_owned()),
        region: Some("us-east-1".parse().unwrap()),
        clock: Clock::real(),
        probe: None,
    };
    Aws::connect(config, Arc::new(LossGate::nothing_lost())).unwrap()
}

fn scope(services: Vec<&'static Service>) -> Scope {
    Scope {
        accounts: ACCOUNTS.iter().map(|(id, name)| (id.parse().unwrap(), (*name).to_owned())).collect(),
        regions: REGIONS.iter().map(|region| region.parse().unwrap()).collect(),
        services,
    }
}

fn service(name: &str) -> &'static Service {
    services().iter().find(|service| service.name == name).unwrap()
}

/// An entry with the keys that say something.
fn told(entry: &impl serde::Serialize) -> Value {
    let Value::Object(mut entry) = serde_json::to_value(entry).unwrap() else { panic!("no object") };
    let nothing = [json!(null), json!(false), json!([]), json!({}), json!(0), json!("0B")];
    entry.retain(|_, value| !nothing.contains(value));
    for replica in entry.get_mut("replicas").and_then(Value::as_array_mut).into_iter().flatten() {
        replica.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    }
    sorted_keys(&Value::Object(entry))
}

fn sorted_keys(value: &Value) -> Value {
    match value {
        Value::Object(all) => {
            let all: BTreeMap<_, _> =
                all.iter().map(|(key, value)| (key.clone(), sorted_keys(value))).collect();
            json!(all)
        }
        other => other.clone(),
    }
}

/// The differences of two lists, as lines.
fn differences(found: impl Iterator<Item = Value>, expected: &Value) -> Vec<String> {
    let line = |value: Value| sorted_keys(&value).to_string();
    let mut count: BTreeMap<String, i32> = BTreeMap::new();
    for one in found {
        *count.entry(line(one)).or_default() += 1;
    }
    for one in expected.as_array().unwrap() {
        *count.entry(line(one.clone())).or_default() -= 1;
    }
    let shown = |(line, count): (String, i32)| match count {
        0 => None,
        1.. => Some(format!("found and not seeded: {line}")),
        _ => Some(format!("seeded and not found: {line}")),
    };
    count.into_iter().filter_map(shown).collect()
}

fn all_differences(found: &Discovered, expected: &Value) -> Vec<String> {
    let mut all = differences(found.resources.iter().map(told), &expected["resources"]);
    all.extend(differences(found.recovery_points.iter().map(told), &expected["points"]));
    all
}

/// Everything that was discovered, as one text.
fn text(found: &Discovered) -> String {
    let resources: Vec<Value> = found.resources.iter().map(told).collect();
    let points: Vec<Value> = found.recovery_points.iter().map(told).collect();
    json!({ "resources": resources, "points": points, "accounts": found.accounts, "regions": found.regions,
        "incomplete": found.incomplete })
    .to_string()
}

/// An estate's file with what was discovered has no mistakes.
fn is_valid(found: &Discovered) {
    let file = estate::file::EstateFile {
        accounts: found.accounts.clone(),
        regions: found.regions.clone(),
        resources: found.resources.clone(),
        recovery_points: found.recovery_points.clone(),
        incomplete: found.incomplete.clone(),
        ..Default::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("estate.yaml");
    // YAML holds JSON.
    std::fs::write(&path, serde_json::to_string_pretty(&file).unwrap()).unwrap();
    if let Err(wrong) = estate::load::load(&path) {
        let wrong: Vec<String> = wrong.iter().take(9).map(|one| one.message.clone()).collect();
        panic!("{wrong:?}");
    }
}

fn few(all: &[String]) -> String {
    let shown: Vec<&str> = all.iter().take(30).map(String::as_str).collect();
    format!("{} differences:\n{}", all.len(), shown.join("\n"))
}

#[tokio::test]
async fn what_is_discovered_is_what_was_seeded() {
    let moto = Moto::start();
    let expected = moto.call("POST", "/peer/estate", None);
    assert!(expected["resources"].as_array().unwrap().len() >= 3_000);
    let ended = RefCell::new(0);
    let progress = |progress: Progress<'_>| match progress {
        Progress::Began { .. } => {}
        Progress::Ended { resources, points, .. } => *ended.borrow_mut() += resources + points,
        Progress::Failed { account, region, service, why } => {
            panic!("{account} {region:?} {service}: {why}")
        }
    };
    let found = connect(&moto).discover_at_once(&scope(Vec::new()), &progress).await.unwrap();
    let wrong = all_differences(&found, &expected);
    assert!(wrong.is_empty(), "{}", few(&wrong));
    assert!(*ended.borrow() >= found.resources.len());
    assert_eq!(found.incomplete, []);
    for (account, entry) in &found.accounts {
        let Value::Object(mut said) = told(entry) else { panic!("no object") };
        said.remove("name");
        // What is not so is said too: a root user without keys.
        said.insert("root_access_keys".into(), json!(entry.root_access_keys));
        assert_eq!(Value::Object(said), sorted_keys(&expected["accounts"][account.as_str()]), "{account}");
    }
    // No value of an environment, a parameter, a template or user data.
    let written = text(&found);
    for secret in ["s3cr3t", "hunter2"] {
        assert!(!written.contains(secret), "{secret}");
    }
    // What other places name stands in the file too, so that it is valid.
    assert!(found.regions.contains_key(&"ap-south-1".parse().unwrap()));
    for region in REGIONS {
        assert!(found.regions[&region.parse().unwrap()].azs.len() >= 3, "{region}");
    }
    is_valid(&found);
    // The drills of each loss are in tests/twin/first_playbook.rs.
    support::discovered::holds(&expected);
    // Each list came on more than one page.
    let mut paged: BTreeMap<String, usize> = BTreeMap::new();
    for entry in moto.log() {
        let place = format!("{} {} {}", entry["account"], entry["region"], entry["action"]);
        *paged.entry(place).or_default() += 1;
    }
    for action in ["DescribeInstances", "DescribeDBSnapshots", "ListBuckets", "ListTables", "ListCopyJobs"] {
        for (account, _) in ACCOUNTS {
            let calls = paged[&format!("\"{account}\" \"us-west-2\" \"{action}\"")];
            assert!(calls > 1, "{action}: {calls}");
        }
    }

    // The same estate gives the same result.
    let again = connect(&moto).discover_at_once(&scope(Vec::new()), &|_| {}).await.unwrap();
    assert_eq!(text(&again), written);
    assert_eq!(again.read, found.read);
}

#[tokio::test]
async fn what_fails_is_told_and_the_rest_is_whole() {
    let moto = Moto::start();
    let expected = moto.call("POST", "/peer/estate", None);
    let denied = |action: &str, account: &str, region: &str| {
        json!({ "action": action, "account": account, "region": region, "kind": "error", "status": 403,
            "code": "UnauthorizedOperation", "message": "not today", "times": 9999 })
    };
    let [(first, _), (second, _), (third, _)] = ACCOUNTS;
    moto.faults(&json!([
        // A whole region, one list of a service, and the second page of another.
        denied("DescribeAvailabilityZones", first, "eu-west-1"),
        denied("DescribeSnapshots", second, "us-west-2"),
        { "action": "DescribeDBInstances", "account": third, "region": "us-east-1", "match": "at-", "kind": "error",
            "status": 403, "code": "AccessDenied", "message": "not this page", "times": 9999 },
        // One table of several.
        { "action": "DescribeContinuousBackups", "account": third, "region": "us-west-2", "kind": "error",
            "status": 400, "code": "AccessDeniedException", "message": "not this table", "times": 1 },
    ]));
    let wanted = ["ec2", "rds", "dynamodb"].map(service).to_vec();
    let failed = RefCell::new(BTreeSet::new());
    let progress = |progress: Progress<'_>| {
        if let Progress::Failed { account, region, service, why } = progress {
            assert!(why.contains("not t"), "{why}");
            failed.borrow_mut().insert(format!("{account} {} {service}", region.unwrap()));
        }
    };
    let found = connect(&moto).discover_at_once(&scope(wanted), &progress).await.unwrap();
    let expected_failures = [
        format!("{first} eu-west-1 all services"),
        format!("{second} us-west-2 ec2"),
        format!("{third} us-east-1 rds"),
        format!("{third} us-west-2 dynamodb"),
    ];
    assert_eq!(failed.into_inner(), expected_failures.into());
    let told: Vec<String> = found
        .incomplete
        .iter()
        .map(|it| {
            format!("{} {} {}", it.account, it.region.as_ref().unwrap(), it.service.as_deref().unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        told,
        [
            format!("{first} eu-west-1 -"),
            format!("{second} us-west-2 ec2"),
            format!("{third} us-east-1 rds"),
            format!("{third} us-west-2 dynamodb"),
        ]
    );

    // All else is there, and nothing of what failed is said to be read.
    let is_missing = |entry: &Value, is_point: bool| {
        let (account, region) = (&entry["account"], &entry["region"]);
        let kind = entry["kind"].as_str().unwrap_or_default();
        let id = entry["id"].as_str().unwrap();
        (account == first && region == "eu-west-1")
            || (account == second && region == "us-west-2" && kind == "ebs_snapshot")
            || (account == third && region == "us-east-1")
                && (if is_point {
                    kind == "rds_pitr" || kind == "rds_replica"
                } else {
                    id.starts_with("rds:db/")
                })
    };
    let of_wanted = |id: &str| {
        ["ec2:", "rds:", "docdb:", "neptune:", "dynamodb:"].iter().any(|service| id.starts_with(service))
    };
    let lines: BTreeSet<String> = found
        .resources
        .iter()
        .map(|r| format!("{} {} {}", r.account, r.region.as_ref().unwrap(), r.id.without_place()))
        .collect();
    for entry in expected["resources"].as_array().unwrap() {
        let id = entry["id"].as_str().unwrap();
        if of_wanted(id) {
            let bare = id.split('[').next().unwrap();
            let line = format!(
                "{} {} {bare}",
                entry["account"].as_str().unwrap(),
                entry["region"].as_str().unwrap()
            );
            assert_eq!(lines.contains(&line), !is_missing(entry, false), "{line}");
        }
    }
    let points: BTreeSet<&str> = found.recovery_points.iter().map(|point| point.id.as_str()).collect();
    for entry in expected["points"].as_array().unwrap() {
        let (id, kind) = (entry["id"].as_str().unwrap(), entry["kind"].as_str().unwrap());
        let own = ["ebs_snapshot", "rds_snapshot", "dynamodb_backup"].contains(&kind);
        // A shared snapshot is known by the account that it is shared with.
        if own && entry.get("shared_with").is_none() {
            assert_eq!(points.contains(id), !is_missing(entry, true), "{entry}");
        }
    }
    let place = |account: &str, region: &str, what: What| {
        let (account, region): (AccountId, _) = (account.parse().unwrap(), Some(region.parse().unwrap()));
        found.read.contains(&estate::discovered::Read { account, region, what })
    };
    let instances = || What::Resources("ec2:instance".into());
    let databases = || What::Resources("rds:db".into());
    assert!(place(second, "us-west-2", instances()) && !place(first, "eu-west-1", instances()));
    assert!(place(second, "us-west-2", databases()) && !place(third, "us-east-1", databases()));
    let tables = || What::Resources("dynamodb:table".into());
    assert!(place(third, "us-east-1", tables()) && !place(third, "us-west-2", tables()));
}

#[tokio::test]
async fn where_nothing_can_be_read_there_is_an_error() {
    let moto = Moto::start();
    moto.faults(&json!([{ "action": "DescribeAvailabilityZones", "kind": "error", "status": 403,
        "code": "UnauthorizedOperation", "message": "not today", "times": 9999 }]));
    let error = connect(&moto).discover_at_once(&scope(Vec::new()), &|_| {}).await.unwrap_err();
    assert!(error.to_string().contains("not today"), "{error}");
}

/// The documents of `iam-policy --for discover`.
fn printed_policy(more: &[&str]) -> Vec<Value> {
    let mut program = support::places::drillmaster();
    let done =
        program.args(["iam-policy", "--for", "discover", "--output", "json"]).args(more).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let printed: Value = serde_json::from_slice(&done.stdout).unwrap();
    printed["policies"].as_array().unwrap().clone()
}

fn actions(documents: &[Value]) -> BTreeSet<String> {
    let several = |value: &Value| match value {
        Value::Array(all) => all.iter().map(|one| one.as_str().unwrap().to_lowercase()).collect::<Vec<_>>(),
        one => vec![one.as_str().unwrap().to_lowercase()],
    };
    let statements = documents.iter().flat_map(|document| document["Statement"].as_array().unwrap());
    statements.flat_map(|statement| several(&statement["Action"])).collect()
}

fn enforce(moto: &Moto, documents: &[Value]) {
    let policies: serde_json::Map<_, _> =
        ACCOUNTS.iter().map(|(account, _)| (role(account), json!(documents))).collect();
    moto.call("POST", "/peer/policies", Some(&Value::Object(policies)));
}

/// The peer asks for the permissions of each call, and for those that CloudFormation's schemas give
/// for what Cloud Control does. It is told only what the policy allows.
#[tokio::test]
async fn the_printed_policy_is_enough_and_none_of_it_can_be_spared() {
    let moto = Moto::start();
    let expected = moto.call("POST", "/peer/estate", None);
    let documents = printed_policy(&[]);
    enforce(&moto, &documents);
    let found = connect(&moto).discover_at_once(&scope(Vec::new()), &|_| {}).await.unwrap();
    assert_eq!(found.incomplete, []);
    let wrong = all_differences(&found, &expected);
    assert!(wrong.is_empty(), "{}", few(&wrong));
    // Where no region is named, the account is asked for them.
    let all_regions = Scope {
        accounts: vec![(ACCOUNTS[0].0.parse().unwrap(), "production".into())],
        regions: Vec::new(),
        services: vec![service("efs")],
    };
    let found = connect(&moto).discover_at_once(&all_regions, &|_| {}).await.unwrap();
    assert!(found.regions.len() > REGIONS.len() && found.incomplete.is_empty());
    let denied: Vec<Value> = moto.log().into_iter().filter(|entry| entry.get("denied").is_some()).collect();
    assert_eq!(denied, Vec::<Value>::new());
    let used = moto.call("GET", "/peer/used", None);
    let used: BTreeSet<String> =
        used.as_array().unwrap().iter().map(|action| action.as_str().unwrap().to_lowercase()).collect();
    let allowed = actions(&documents);
    let spared: Vec<&String> = allowed.difference(&used).collect();
    assert!(spared.is_empty(), "allowed and never needed: {spared:?}");
    let missing: Vec<&String> = used.difference(&allowed).collect();
    assert!(missing.is_empty(), "needed and not allowed: {missing:?}");
    // Nothing in it reads what is stored.
    for content in [
        "s3:getobject",
        "secretsmanager:getsecretvalue",
        "ssm:getparameter",
        "kms:decrypt",
        "dynamodb:getitem",
    ] {
        assert!(!allowed.iter().any(|action| action.starts_with(content)), "{content}");
    }
}

/// With the policy of one service, nothing else can be read: the enforcement can refuse.
#[tokio::test]
async fn the_policy_of_one_service_reads_that_service() {
    let moto = Moto::start();
    moto.call("POST", "/peer/estate", None);
    enforce(&moto, &printed_policy(&["--services", "dynamodb", "--region", "us-east-1"]));
    let mut scope = scope(["dynamodb", "efs"].map(service).to_vec());
    scope.regions.truncate(1);
    let found = connect(&moto).discover_at_once(&scope, &|_| {}).await.unwrap();
    assert!(found.resources.iter().all(|resource| resource.id.kind == "dynamodb:table"));
    assert_eq!(found.resources.len(), 36);
    assert!(found.incomplete.iter().all(|it| it.service.as_deref() == Some("efs")), "{:?}", found.incomplete);
    assert_eq!(found.incomplete.len(), 3);
}
