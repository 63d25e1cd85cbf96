//! What `discover` writes: a new estate, and an existing one with what was found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use estate::discovered::{Discovered, Read, What};
use estate::file::{EstateFile, Incomplete, Limits, PointEntry, ResourceEntry};
use estate::write::{Asked, Changes, NotWritten, Written, fresh, merged};
use estate::{PointKind, load};
use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest};
use proptest::strategy::Strategy as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

const PRODUCTION: &str = "111122223333";
const VAULT: &str = "444455556666";
const SANDBOX: &str = "999988887777";
const PATH: &str = "estate.yaml";

fn resource(value: Value) -> ResourceEntry {
    serde_json::from_value(value).unwrap()
}

fn point(value: Value) -> PointEntry {
    serde_json::from_value(value).unwrap()
}

/// A database with its snapshot, as AWS tells it.
fn shop() -> Discovered {
    let file: EstateFile = serde_json::from_value(json!({
        "accounts": { PRODUCTION: { "name": "prod" }, SANDBOX: { "name": "drills" } },
        "regions": {
            "us-east-1": { "azs": ["use1-az1", "use1-az2"] },
            "us-west-2": { "azs": ["usw2-az1"] },
        },
        "resources": [
            { "id": "rds:db/orders", "account": PRODUCTION, "region": "us-east-1", "az": "use1-az1",
              "size": "200GiB", "tags": { "app": "orders" } },
            { "id": "ec2:volume/vol-1", "account": PRODUCTION, "region": "us-east-1", "az": "use1-az2",
              "size": "8GiB" },
        ],
        "recovery_points": [
            { "of": "rds:db/orders", "kind": "rds_snapshot", "id": "orders-1", "account": PRODUCTION,
              "region": "us-west-2", "taken": "2026-01-31T08:00:00Z", "shared_with": [SANDBOX] },
        ],
    }))
    .unwrap();
    let read = |region: &str, what: What| Read {
        account: PRODUCTION.parse().unwrap(),
        region: Some(region.parse().unwrap()),
        what,
    };
    let mut found = Discovered {
        accounts: file.accounts,
        regions: file.regions,
        resources: file.resources,
        recovery_points: file.recovery_points,
        ..Discovered::default()
    };
    for region in ["us-east-1", "us-west-2"] {
        for kind in ["rds:db", "ec2:volume"] {
            found.read.insert(read(region, What::Resources(kind.into())));
        }
        found.read.insert(read(region, What::Points(PointKind::RdsSnapshot, "rds:db".into())));
    }
    found
}

fn all() -> Asked {
    Asked { accounts: [PRODUCTION, VAULT, SANDBOX].map(|id| id.parse().unwrap()).into(), ..Asked::default() }
}

fn merge(text: &str, found: &Discovered) -> Result<Written, NotWritten> {
    let read = yaml::file::from_bytes(PATH, text.as_bytes(), 0);
    merged(Path::new(PATH), read, found, &all())
}

#[track_caller]
fn merge_well(text: &str, found: &Discovered) -> Written {
    let written = merge(text, found).unwrap_or_else(|error| panic!("{}\n{text}", told(error)));
    let again = merge(&written.text, found).unwrap_or_else(|error| panic!("{}", told(error)));
    assert_eq!(again.text, written.text, "the second time changes bytes");
    assert!(again.changes.added.is_empty() && again.changes.changed.is_empty());
    assert!(again.changes.gone.is_empty());
    written
}

fn told(error: NotWritten) -> String {
    match error {
        NotWritten::File(found) => found.render(false),
        NotWritten::Found(why) => why,
    }
}

fn parsed(text: &str) -> EstateFile {
    let read = yaml::file::from_bytes(PATH, text.as_bytes(), 0);
    match load::load_read(Path::new(PATH), read) {
        Ok((loaded, _)) => std::sync::Arc::unwrap_or_clone(loaded.file),
        Err(found) => panic!("{}\n{text}", found.render(false)),
    }
}

#[test]
fn a_new_file_has_one_line_for_each_thing() {
    let written = fresh(Path::new(PATH), &shop()).unwrap();
    assert_eq!(
        written.text,
        r#"# Written by `drillmaster discover`. It may be edited: `discover` keeps comments, sections and keys
# that it does not write.
accounts:
  "111122223333": { name: prod }
  "999988887777": { name: drills }
regions:
  us-east-1: { azs: [use1-az1, use1-az2] }
  us-west-2: { azs: [usw2-az1] }
resources:
  - { id: "ec2:volume/vol-1", account: "111122223333", region: us-east-1, az: use1-az2, size: 8GiB }
  - { id: "rds:db/orders", account: "111122223333", region: us-east-1, az: use1-az1, size: 200GiB, tags: { app: orders } }
recovery_points:
  - { of: "rds:db/orders", kind: rds_snapshot, id: orders-1, account: "111122223333", region: us-west-2, taken: "2026-01-31T08:00:00Z", shared_with: ["999988887777"] }
"#
    );
    assert_eq!(written.changes.added.len(), 3);
    assert_eq!(merge_well(&written.text, &shop()).text, written.text);
}

#[test]
fn what_entries_name_stands_in_the_estate() {
    let mut found = shop();
    found.accounts.clear();
    found.regions.clear();
    found.recovery_points[0].shared_with = vec![SANDBOX.parse().unwrap(), VAULT.parse().unwrap()];
    found.resources.push(resource(json!({ "id": "s3:bucket/a", "account": VAULT, "region": "eu-west-1" })));
    let written = fresh(Path::new(PATH), &found).unwrap();
    let file = parsed(&written.text);
    assert_eq!(file.accounts.len(), 2);
    assert_eq!(file.regions.len(), 3);
    let vault = VAULT.parse().unwrap();
    assert!(file.accounts[&vault].is_unread(&vault));
    // Once it is read, it has the name that it was read by.
    let named = Discovered {
        accounts: [(vault, serde_json::from_value(json!({ "name": "vault" })).unwrap())].into(),
        ..found.clone()
    };
    assert!(merge_well(&written.text, &named).text.contains("\"444455556666\": { name: vault }"));
    // An account that nobody named gets no part in the estate, and the user hears of it.
    assert_eq!(written.changes.strangers, [SANDBOX.parse().unwrap()].into());
    assert_eq!(file.recovery_points[0].shared_with, [VAULT.parse().unwrap()]);
    // An account that the file names is no stranger.
    let known = written.text.replace("accounts:\n", "accounts:\n  \"999988887777\": { name: drills }\n");
    let written = merge_well(&known, &found);
    assert!(written.changes.strangers.is_empty());
    assert_eq!(parsed(&written.text).recovery_points[0].shared_with.len(), 2);
}

/// Written by hand, in several styles.
const BY_HAND: &str = r#"# Our estate.
accounts: { "111122223333": { name: "The shop" }, "444455556666": { name: vault } }   # by hand

regions:
  us-east-1:
    # with a Local Zone
    azs: [use1-az1, use1-bos1-az1]
    quotas: { instances: 5 }
timings: { rds.restore: { base: 9m } }   # measured

resources:   # all of them
  # the orders
  - id: rds:db/orders   # do not touch
    account: "111122223333"
    region: us-east-1
    az: use1-az1
    multi_az: true
    size: 204800MiB
    dns_ttl: 60s
    tags:
      app: orders
  # left behind
  - { id: "rds:db/old", account: "111122223333", region: us-east-1, az: use1-az1 }   # to be deleted
  - { id: "acme:thing/x", account: "111122223333", region: us-east-1, scope: regional } # ours

  # of another account
  - { id: "rds:db/theirs", account: "444455556666", region: us-east-1, az: use1-az1 }

probes:
  rows: { value: 1 }
# The end."#;

#[test]
fn what_is_gone_goes_and_quotas_of_a_region_that_was_not_read_stay() {
    let old = format!(
        r#"accounts: {{ "{PRODUCTION}": {{ name: prod, quotas: {{ us-west-2: {{ vcpus: 8 }}, us-east-1: {{ vcpus: 1 }} }} }} }}
regions: {{ us-east-1: {{ azs: [use1-az1] }}, us-west-2: {{ azs: [usw2-az1] }} }}
resources:
  - {{ id: "rds:db/orders", account: "{PRODUCTION}", region: us-east-1, az: use1-az1, parameter_group: tuned }}
recovery_points:
  - {{ of: "s3:bucket/b", kind: s3_versions, id: b, account: "{PRODUCTION}", region: us-east-1, taken: -0s, guard: mfa, locked_for: 9d }}
"#
    );
    let mut found = shop();
    let here = || "us-east-1".parse().unwrap();
    let vcpus = |vcpus| Limits { vcpus: Some(vcpus), ..Limits::default() };
    found.accounts.get_mut(&PRODUCTION.parse().unwrap()).unwrap().quotas.insert(here(), vcpus(64));
    found.recovery_points.push(point(json!({ "of": "s3:bucket/b", "kind": "s3_versions", "id": "b",
        "account": PRODUCTION, "region": "us-east-1", "taken": "-0s" })));
    let file = parsed(&merge_well(&old, &found).text);
    let quotas = &file.accounts[&PRODUCTION.parse().unwrap()].quotas;
    assert_eq!((quotas[&here()], quotas[&"us-west-2".parse().unwrap()]), (vcpus(64), vcpus(8)));
    let bucket = file.recovery_points.iter().find(|point| point.id == "b").unwrap();
    assert!(bucket.guard.is_none() && bucket.locked_for.is_none());
    let database = file.resources.iter().find(|resource| resource.id.kind == "rds:db").unwrap();
    assert_eq!(database.parameter_group, None);
}

#[test]
fn what_is_written_by_hand_stays() {
    let written = merge_well(BY_HAND, &shop());
    assert_eq!(
        written.text,
        r#"# Our estate.
accounts: { "111122223333": { name: "The shop" }, "444455556666": { name: vault }, "999988887777": { name: drills } }   # by hand

regions:
  us-east-1:
    # with a Local Zone
    azs: [use1-az1, use1-bos1-az1, use1-az2]
    quotas: { instances: 5 }
  us-west-2: { azs: [usw2-az1] }
timings: { rds.restore: { base: 9m } }   # measured

resources:   # all of them
  # the orders
  - id: rds:db/orders   # do not touch
    account: "111122223333"
    region: us-east-1
    az: use1-az1
    size: 204800MiB
    dns_ttl: 60s
    tags:
      app: orders
  # left behind
  - { id: "acme:thing/x", account: "111122223333", region: us-east-1, scope: regional } # ours
  - { id: "ec2:volume/vol-1", account: "111122223333", region: us-east-1, az: use1-az2, size: 8GiB }

  # of another account
  - { id: "rds:db/theirs", account: "444455556666", region: us-east-1, az: use1-az1 }
recovery_points:
  - { of: "rds:db/orders", kind: rds_snapshot, id: orders-1, account: "111122223333", region: us-west-2, taken: "2026-01-31T08:00:00Z", shared_with: ["999988887777"] }

probes:
  rows: { value: 1 }
# The end."#
    );
    assert_eq!(
        written.changes,
        Changes {
            added: vec![
                "ec2:volume/vol-1 in us-east-1".into(),
                "orders-1 of rds:db/orders in us-west-2".into()
            ],
            // A database that has lost its standby must not keep it in the file.
            changed: vec!["rds:db/orders in us-east-1".into()],
            gone: vec!["rds:db/old in us-east-1".into()],
            ..Changes::default()
        }
    );
}

#[test]
fn what_was_not_read_whole_is_not_gone() {
    let mut found = shop();
    found.read.retain(|read| read.what != What::Resources("rds:db".into()));
    assert!(merge_well(BY_HAND, &found).text.contains("rds:db/old"));
    found.resources.clear();
    found.recovery_points.clear();
    found.read.clear();
    let written = merge_well(BY_HAND, &found);
    assert_eq!(written.changes, Changes::default());
}

#[test]
fn each_style_can_be_edited() {
    let mut found = shop();
    found.resources[0].size = "300GiB".parse().unwrap();
    found.resources.push(resource(json!({ "id": "rds:db/a", "account": PRODUCTION, "region": "us-east-1",
        "az": "use1-az1" })));
    let styles = [
        // JSON, in one line and in several.
        r#"{"accounts":{"111122223333":{"name":"p"}},"regions":{"us-east-1":{"azs":["use1-az1"]}},"resources":[{"id":"rds:db/orders","account":"111122223333","region":"us-east-1","az":"use1-az1","size":"200GiB"}]}"#,
        "{\n  \"accounts\": { \"111122223333\": { \"name\": \"p\" } },\n  \"regions\": { \"us-east-1\": { \"azs\": [\"use1-az1\"] } },\n  \"resources\": [\n    { \"id\": \"rds:db/orders\", \"account\": \"111122223333\", \"region\": \"us-east-1\", \"az\": \"use1-az1\" }, # mine\n    { \"id\": \"rds:db/old\", \"account\": \"111122223333\", \"region\": \"us-east-1\", \"az\": \"use1-az1\" }\n  ]\n}\n",
        // No list yet, an empty one, one without indentation, one with dashes of their own.
        "accounts: { \"111122223333\": { name: p } }\nregions: { us-east-1: { azs: [use1-az1] } }\nrecovery_points: []",
        "accounts: { \"111122223333\": { name: p } }\nregions: { us-east-1: { azs: [use1-az1] } }\nresources: []   # none\nrecovery_points: [ ]\n",
        "accounts: { \"111122223333\": { name: p } }\nregions: { us-east-1: { azs: [use1-az1] } }\nrecovery_points: []\nresources:\n- { id: \"rds:db/orders\", account: \"111122223333\", region: us-east-1, az: use1-az1, size: 1GiB }",
        "accounts: { \"111122223333\": { name: p } }\nregions: { us-east-1: { azs: [use1-az1] } }\nrecovery_points: []\nresources:\n  -\n    id: rds:db/orders\n    size: 1GiB\n    account: \"111122223333\"\n    region: us-east-1\n    tags:\n      # an old one\n      app: x\n    az: use1-az1\n  -   multi_az: true\n      id: rds:db/a\n      account: \"111122223333\"\n      region: us-east-1\n",
        // Every change in one line.
        "accounts: { \"111122223333\": { name: p } }\nregions: { us-east-1: { azs: [use1-az1] } }\nrecovery_points: []\nresources: [ { id: \"rds:db/old\", account: \"111122223333\", region: us-east-1, az: use1-az1 }, { multi_az: true, id: \"rds:db/orders\", account: \"111122223333\", region: us-east-1, az: use1-az1 }, { id: \"rds:db/old2\", account: \"111122223333\", region: us-east-1, az: use1-az1 } ]\n",
    ];
    for text in styles {
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            let written = merge_well(&text, &found);
            let file = parsed(&written.text);
            let orders = file.resources.iter().find(|r| r.id.name == "orders").unwrap();
            assert_eq!(orders.size, "300GiB".parse().unwrap(), "{}", written.text);
            assert!(!orders.multi_az && orders.tags.contains_key("app"));
            assert_eq!(file.resources.len(), 3, "{}", written.text);
            assert_eq!(file.recovery_points.len(), 1);
            assert_eq!(written.text.contains("\r\n"), text.contains("\r\n"));
            assert!(!written.text.replace("\r\n", "").contains('\r'));
            assert_eq!(text.contains("# mine"), written.text.contains("# mine"));
        }
    }
}

#[test]
fn a_list_may_become_empty_and_full_again() {
    let start = fresh(Path::new(PATH), &shop()).unwrap().text;
    let mut found = shop();
    found.resources.clear();
    found.recovery_points.clear();
    let written = merge_well(&start, &found);
    assert!(written.text.contains("resources: []\nrecovery_points: []\n"), "{}", written.text);
    assert_eq!(written.changes.gone.len(), 3);
    assert_eq!(merge_well(&written.text, &shop()).text, start);
}

#[test]
fn what_could_not_be_read_is_told_until_it_is_read() {
    let failed = |account: &str, region: Option<&str>, service: Option<&str>| Incomplete {
        account: account.parse().unwrap(),
        region: region.map(|region| region.parse().unwrap()),
        service: service.map(str::to_owned),
        why: "AccessDenied: \"no\" # today".to_owned(),
    };
    let mut found = shop();
    found.incomplete = vec![
        failed(PRODUCTION, Some("us-west-2"), Some("rds")),
        failed(PRODUCTION, None, Some("iam")),
        failed(VAULT, None, None),
    ];
    let first = fresh(Path::new(PATH), &found).unwrap().text;
    assert_eq!(parsed(&first).incomplete.len(), 3);
    let left = |asked: &Asked| {
        let read = yaml::file::from_bytes(PATH, first.as_bytes(), 0);
        let written = merged(Path::new(PATH), read, &shop(), asked).unwrap_or_else(|e| panic!("{}", told(e)));
        parsed(&written.text).incomplete.len()
    };
    assert_eq!(left(&all()), 0);
    let only = |accounts: &[&str], regions: &[&str], services: &[&str]| Asked {
        accounts: accounts.iter().map(|id| id.parse().unwrap()).collect(),
        regions: regions.iter().map(|region| region.parse().unwrap()).collect(),
        services: services.iter().map(|service| (*service).to_owned()).collect(),
    };
    assert_eq!(left(&only(&[PRODUCTION], &[], &[])), 1);
    assert_eq!(left(&only(&[PRODUCTION], &["us-east-1"], &[])), 2);
    assert_eq!(left(&only(&[PRODUCTION, VAULT], &["us-west-2"], &[])), 1);
    assert_eq!(left(&only(&[PRODUCTION, VAULT], &[], &["rds"])), 2);
    // A reason that changed is one line of the diff.
    found.incomplete[0].why = "throttled".to_owned();
    let written = merge_well(&first, &found).text;
    let different = written.lines().zip(first.lines()).filter(|(a, b)| a != b);
    assert_eq!(different.count(), 1);
    // The section goes with its last entry.
    assert!(!merge_well(&first, &shop()).text.contains("incomplete"));
}

#[test]
fn a_file_that_is_no_estate_is_not_touched() {
    for (text, words) in [
        ("resources: [", "estate.yaml:1:"),
        ("accounts: {}\nregions: {}\nresources: [{ id: x }]\n", "estate.yaml:3:"),
        ("name: a playbook\nsteps: []\n", "not an estate"),
        ("", "empty"),
    ] {
        let error = told(merge(text, &shop()).unwrap_err());
        assert!(error.contains(words), "{text}: {error}");
    }
    // Others share the bytes of an anchor, and an alias has none of its own.
    let start = "accounts: { \"111122223333\": { name: p } }\nregions: { us-east-1: { azs: [use1-az1] } }\nrecovery_points: []\nresources:\n  - &o { id: \"rds:db/orders\", account: \"111122223333\", region: us-east-1, az: use1-az1 }\n";
    for (entry, words) in [
        ("  - { <<: *o, id: \"rds:db/a\" }\n", "without anchors"),
        ("  - { <<: *o, id: \"rds:db/orders\", account: \"444455556666\" }\n", "444455556666"),
    ] {
        let mut found = shop();
        found.resources.push(resource(json!({ "id": "rds:db/a", "account": PRODUCTION,
            "region": "us-east-1", "az": "use1-az1" })));
        let error = told(merge(&format!("{start}{entry}"), &found).unwrap_err());
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn ids_follow_what_was_found_in_resources_and_points_alike() {
    let start = fresh(Path::new(PATH), &shop()).unwrap().text;
    let text = start.replace("\"rds:db/orders\"", "\"rds:db/orders[region=us-east-1]\"");
    assert_eq!(text.matches("[region=us-east-1]").count(), 2);
    // Otherwise a new point would restore nothing that the estate lists.
    let written = merge_well(&text, &shop());
    assert_eq!(written.text, start);
    assert_eq!(written.changes.changed.len(), 2);
}

#[test]
fn namesakes_that_were_read_one_after_the_other_are_told() {
    let first = fresh(Path::new(PATH), &shop()).unwrap();
    assert!(first.changes.namesakes.is_empty());
    let mut west = shop();
    west.resources = vec![resource(json!({ "id": "rds:db/orders", "account": PRODUCTION,
        "region": "us-west-2", "az": "usw2-az1" }))];
    west.read.retain(|read| read.region.as_ref().is_some_and(|region| region.as_str() == "us-west-2"));
    let written = merge_well(&first.text, &west);
    assert_eq!(written.changes.namesakes, ["rds:db/orders".to_owned()].into());
    // Read together, they have ids of their own.
    let mut both = west.clone();
    both.resources = ["us-east-1", "us-west-2"]
        .map(|region| {
            let az = if region == "us-east-1" { "use1-az1" } else { "usw2-az1" };
            resource(json!({ "id": format!("rds:db/orders[region={region}]"), "account": PRODUCTION,
                "region": region, "az": az }))
        })
        .to_vec();
    let written = merge_well(&written.text, &both);
    assert!(written.changes.namesakes.is_empty(), "{}", written.text);
    assert_eq!(written.text.matches("rds:db/orders[region=us-").count(), 2, "{}", written.text);
}

/// An estate of some hundred things at random.
fn random(seed: u64, texts: &[String]) -> Discovered {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut found = Discovered::default();
    // No name of AWS has brackets or braces. Few names, so that two readings share many things.
    let name = |rng: &mut StdRng| {
        let text = &texts[rng.random_range(0..texts.len())];
        format!("n{}{}", rng.random_range(0..8), text.replace(['[', ']', '{'], ""))
    };
    for (id, label) in [(PRODUCTION, 0), (VAULT, 1)] {
        let entry = json!({ "name": texts[label % texts.len()] });
        found.accounts.insert(id.parse().unwrap(), serde_json::from_value(entry).unwrap());
    }
    for (region, short) in [("us-east-1", "use1"), ("us-west-2", "usw2")] {
        let azs: Vec<String> = (1..=rng.random_range(1..4)).map(|n| format!("{short}-az{n}")).collect();
        let entry = json!({ "azs": azs });
        found.regions.insert(region.parse().unwrap(), serde_json::from_value(entry).unwrap());
    }
    let mut ids = BTreeSet::new();
    for _ in 0..rng.random_range(0..80) {
        let kind = ["rds:db", "ec2:volume", "s3:bucket", "dynamodb:table"][rng.random_range(0..4)];
        let (region, az) = [("us-east-1", "use1-az1"), ("us-west-2", "usw2-az1")][rng.random_range(0..2)];
        let account = [PRODUCTION, VAULT][rng.random_range(0..2)];
        let mut entry =
            json!({ "id": format!("{kind}/{}", name(&mut rng)), "account": account, "region": region });
        if matches!(kind, "rds:db" | "ec2:volume") {
            entry["az"] = az.into();
            entry["size"] = rng.random_range(0..1_u64 << 45).into();
        }
        for _ in 0..rng.random_range(0..3) {
            entry["tags"][name(&mut rng)] = texts[rng.random_range(0..texts.len())].clone().into();
        }
        if rng.random_bool(0.2) {
            entry["stack"] = name(&mut rng).into();
        }
        if rng.random_bool(0.2) && kind == "dynamodb:table" {
            entry["replicas"] = json!([{ "region": "us-west-2", "lag": "3s" }]);
        }
        if ids.insert((entry["id"].clone().to_string(), account, region)) {
            found.resources.push(resource(entry));
        }
    }
    let databases: Vec<ResourceEntry> =
        found.resources.iter().filter(|r| r.id.kind == "rds:db").cloned().collect();
    for (n, db) in databases.iter().enumerate() {
        for k in 0..rng.random_range(0..4) {
            let mut entry = json!({ "of": db.id, "kind": "rds_snapshot", "id": format!("{n}-{k}{}", name(&mut rng)),
                "account": db.account, "region": "us-west-2", "taken": "2026-01-31T08:00:00.5Z" });
            if rng.random_bool(0.3) {
                entry["shared_with"] = json!([VAULT]);
            }
            found.recovery_points.push(point(entry));
        }
    }
    for account in [PRODUCTION, VAULT] {
        for region in ["us-east-1", "us-west-2"] {
            let mut what: Vec<What> =
                ["rds:db", "ec2:volume", "dynamodb:table"].map(|kind| What::Resources(kind.into())).into();
            what.push(What::Points(PointKind::RdsSnapshot, "rds:db".into()));
            for what in what {
                if rng.random_bool(0.7) {
                    let (account, region) = (account.parse().unwrap(), Some(region.parse().unwrap()));
                    found.read.insert(Read { account, region, what });
                }
            }
        }
    }
    found
}

/// What must be in the file: by hand, without the code under test.
fn expected(before: &Discovered, now: &Discovered) -> BTreeMap<String, Value> {
    let key = |kind: &str, value: &Value| {
        format!("{kind} {} {} {}", value["id"], value["account"], value["region"])
    };
    let resources = |found: &Discovered| -> Vec<(String, Value, Read)> {
        let one = |r: &ResourceEntry| {
            let what = What::Resources(r.id.kind.clone());
            let read = Read { account: r.account.clone(), region: r.region.clone(), what };
            (key("resource", &json!(r)), json!(r), read)
        };
        found.resources.iter().map(one).collect()
    };
    let points = |found: &Discovered| -> Vec<(String, Value, Read)> {
        let one = |p: &PointEntry| {
            let what = What::Points(p.kind, p.of.kind.clone());
            let read = Read { account: p.account.clone(), region: Some(p.region.clone()), what };
            (key("point", &json!(p)), json!(p), read)
        };
        found.recovery_points.iter().map(one).collect()
    };
    let mut all = BTreeMap::new();
    // A share is told by the account that it is for, or not at all.
    let unread_shares = |value: &Value, read: &Read| -> Vec<Value> {
        let mut shares = value["shared_with"].as_array().cloned().unwrap_or_default();
        shares.retain(|id| {
            let account = id.as_str().unwrap().parse().unwrap();
            !now.read.contains(&Read { account, ..read.clone() })
        });
        shares
    };
    for (key, mut value, read) in resources(before).into_iter().chain(points(before)) {
        if !now.read.contains(&read) {
            let shares = unread_shares(&value, &read);
            value.as_object_mut().unwrap().remove("shared_with");
            if !shares.is_empty() {
                value["shared_with"] = shares.into();
            }
            all.insert(key, value);
        }
    }
    let kept: BTreeMap<String, Value> =
        resources(before).into_iter().chain(points(before)).map(|(key, value, _)| (key, value)).collect();
    for (key, mut value, read) in resources(now).into_iter().chain(points(now)) {
        if let Some(old) = kept.get(&key) {
            let mut shares = value["shared_with"].as_array().cloned().unwrap_or_default();
            shares.extend(unread_shares(old, &read));
            shares.sort_by_key(Value::to_string);
            shares.dedup();
            if !shares.is_empty() {
                value["shared_with"] = shares.into();
            }
            // What `discover` tells of each resource of its type goes with its last reading.
            let tagged = key.contains("\"ec2:volume/") || key.contains("\"rds:db/");
            for (name, was) in old.as_object().unwrap() {
                let told = match name.as_str() {
                    "replicas" | "shared_with" => true,
                    "tags" => tagged,
                    _ => false,
                };
                if value.get(name).is_none() && !told {
                    value[name] = was.clone();
                }
            }
        }
        all.insert(key, value);
    }
    all
}

fn said(file: &EstateFile) -> BTreeMap<String, Value> {
    let key = |kind: &str, value: &Value| {
        format!("{kind} {} {} {}", value["id"], value["account"], value["region"])
    };
    let resources = file.resources.iter().map(|r| (key("resource", &json!(r)), json!(r)));
    let points = file.recovery_points.iter().map(|p| (key("point", &json!(p)), json!(p)));
    resources.chain(points).collect()
}

/// A reading of `SANDBOX` alone, which sees `found`.
fn by_sandbox(found: Vec<PointEntry>) -> Discovered {
    let read = |region: &str| Read {
        account: SANDBOX.parse().unwrap(),
        region: Some(region.parse().unwrap()),
        what: What::Points(PointKind::RdsSnapshot, "rds:db".into()),
    };
    let read = ["us-east-1", "us-west-2"].map(read).into();
    Discovered { recovery_points: found, read, ..Discovered::default() }
}

#[test]
fn a_share_goes_only_if_the_account_that_would_see_it_was_read() {
    let start = fresh(Path::new(PATH), &shop()).unwrap().text;
    let shared = |text: &str| parsed(text).recovery_points[0].shared_with.clone();
    let sandbox = vec![SANDBOX.parse().unwrap()];
    // Production alone cannot tell.
    let mut found = shop();
    found.recovery_points[0].shared_with.clear();
    assert_eq!(shared(&merge_well(&start, &found).text), sandbox);
    // The sandbox can, whether its owner was read or not.
    assert!(shared(&merge_well(&start, &by_sandbox(Vec::new())).text).is_empty());
    found.read.extend(by_sandbox(Vec::new()).read);
    assert!(shared(&merge_well(&start, &found).text).is_empty());
}

#[test]
fn a_snapshot_that_is_seen_from_elsewhere_is_the_one_that_its_owner_names() {
    let name = "orders-1".to_owned();
    let arn = format!("arn:aws:rds:us-west-2:{PRODUCTION}:snapshot:{name}");
    let seen = PointEntry { id: arn.clone(), ..shop().recovery_points[0].clone() };
    let ids = |text: &str| -> Vec<String> {
        parsed(text).recovery_points.into_iter().map(|point| point.id).collect()
    };
    let start = fresh(Path::new(PATH), &shop()).unwrap().text;
    let seen_alone = by_sandbox(vec![seen.clone()]);
    assert_eq!(ids(&merge_well(&start, &seen_alone).text), std::slice::from_ref(&name));
    // Its owner is read later.
    let first = Discovered { recovery_points: vec![seen], ..shop() };
    let start = fresh(Path::new(PATH), &first).unwrap().text;
    assert_eq!(ids(&start), [arn]);
    assert_eq!(ids(&merge_well(&start, &shop()).text), [name]);
}

#[test]
fn what_a_failed_call_would_tell_stays_and_what_is_over_goes() {
    let entry = |kind: &str, more: Value| {
        let mut entry = json!({ "id": format!("{kind}/x"), "account": PRODUCTION, "region": "us-east-1" });
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        resource(entry)
    };
    let west = || json!({ "replicas": [{ "region": "us-west-2" }] });
    for (kind, more, goes_unread) in [
        ("rds:cluster", west(), false),
        ("docdb:cluster", west(), false),
        ("ecr:repository", west(), false),
        ("dynamodb:table", west(), true),
        ("secretsmanager:secret", west(), true),
        ("rds:db", json!({ "multi_az": true }), true),
        ("redshift:cluster", json!({ "multi_az": true }), true),
        ("mq:broker", json!({ "multi_az": true }), true),
        ("elasticache:replication-group", json!({ "multi_az": true }), true),
    ] {
        let before = Discovered { resources: vec![entry(kind, more.clone())], ..shop() };
        let start = fresh(Path::new(PATH), &before).unwrap().text;
        let mut now = Discovered { resources: vec![entry(kind, json!({}))], ..shop() };
        now.recovery_points.clear();
        let stays = |now: &Discovered| {
            let now = parsed(&merge_well(&start, now).text).resources.remove(0);
            now.multi_az || !now.replicas.is_empty()
        };
        assert_eq!(!stays(&now), goes_unread, "{kind} {more}");
        let whole = What::Resources(kind.into());
        let (account, region) = (PRODUCTION.parse().unwrap(), Some("us-east-1".parse().unwrap()));
        now.read.insert(Read { account, region, what: whole });
        assert!(!stays(&now), "{kind} {more}");
    }
}

#[test]
fn a_resource_that_has_lost_its_last_tag_has_none() {
    let start = fresh(Path::new(PATH), &shop()).unwrap().text;
    let mut now = shop();
    now.resources[0].tags.clear();
    let file = parsed(&merge_well(&start, &now).text);
    assert!(file.resources.iter().all(|resource| resource.tags.is_empty()), "{file:?}");
}

/// One list holds the points of all types, also of those that nothing else reads.
#[test]
fn a_point_of_a_type_that_is_not_read_goes_with_the_list_of_points() {
    let of = |id: &str| {
        point(
            json!({ "of": id, "kind": "backup", "id": format!("arn:aws:backup:us-west-2:{PRODUCTION}:recovery-point:1"),
            "account": PRODUCTION, "region": "us-west-2", "taken": "2026-01-31T08:00:00Z" }),
        )
    };
    let mut before = shop();
    before.recovery_points.push(of("qldb:ledger/accounts"));
    let start = fresh(Path::new(PATH), &before).unwrap().text;
    let mut now = shop();
    assert_eq!(parsed(&merge_well(&start, &now).text).recovery_points.len(), 2);
    let (account, region) = (PRODUCTION.parse().unwrap(), Some("us-west-2".parse().unwrap()));
    let what = What::Points(PointKind::Backup, What::ANY.into());
    now.read.insert(Read { account, region, what });
    assert_eq!(parsed(&merge_well(&start, &now).text).recovery_points.len(), 1);
}

#[test]
fn comments_in_brackets_stay_if_the_first_entry_goes() {
    let entry = |name: &str| {
        format!("{{ id: \"ec2:volume/{name}\", account: \"{PRODUCTION}\", region: us-east-1, az: use1-az1 }}")
    };
    let (a, b, c) = (entry("vol-a"), entry("vol-b"), entry("vol-c"));
    let head = format!(
        "accounts: {{ \"{PRODUCTION}\": {{ name: prod }} }}\nregions: {{ us-east-1: {{ azs: [use1-az1] }} }}\n"
    );
    for list in [
        format!("[\n  # of a\n  {a}, # behind a\n  # of b\n  {b}, # behind b\n  # of c\n  {c}\n]"),
        format!("[ {a}, # behind a\n  # of b\n  {b}, # behind b\n  {c} ]"),
        format!("[ {a},\n  {b}, # behind b\n  {c} # behind c\n]"),
    ] {
        let start = format!("{head}resources: {list}\n");
        for left in [&["vol-b", "vol-c"][..], &["vol-c"], &["vol-a", "vol-c"]] {
            let mut now = shop();
            now.recovery_points.clear();
            let keep = |name: &&str| {
                resource(json!({ "id": format!("ec2:volume/{name}"), "account": PRODUCTION,
                "region": "us-east-1", "az": "use1-az1" }))
            };
            now.resources = left.iter().map(keep).collect();
            let text = merge_well(&start, &now).text;
            let names: Vec<String> = parsed(&text).resources.into_iter().map(|one| one.id.name).collect();
            assert_eq!(names, left, "{text}");
            // What stands behind an entry in its own line goes with it.
            let comments = start.match_indices("# of").count();
            assert_eq!(text.match_indices("# of").count(), comments, "{start}\n→\n{text}");
        }
    }
}

/// The text with a comment above and behind each entry, and the comments.
fn commented(text: &str) -> String {
    let mut out = String::new();
    for (n, line) in text.lines().enumerate() {
        if line.starts_with("  ") {
            out.push_str(&format!("  # above {n}\n{line} # behind {n}\n"));
        } else {
            out.push_str(&format!("{line}\n"));
        }
    }
    out + "timings:\n  rds.restore: { base: 9m } # by hand\nprobes: {}\n"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_two_readings_in_a_row_are_written_well(
        seed in any::<u64>(),
        texts in prop::collection::vec(any::<String>().prop_filter("a name", |text| text.len() < 200), 1..12),
    ) {
        let (before, now) = (random(seed, &texts), random(seed ^ 1, &texts));
        let first = fresh(Path::new(PATH), &before).unwrap();
        // Whatever the order in which it was found.
        let mut shuffled = before.clone();
        let mut rng = StdRng::seed_from_u64(seed);
        shuffled.resources.shuffle(&mut rng);
        shuffled.recovery_points.shuffle(&mut rng);
        prop_assert_eq!(&fresh(Path::new(PATH), &shuffled).unwrap().text, &first.text);
        let nothing = Discovered::default();
        prop_assert_eq!(said(&parsed(&first.text)), expected(&nothing, &before));

        let start = commented(&first.text);
        prop_assert_eq!(&merge_well(&start, &before).text, &start);
        let written = merge_well(&start, &now);
        let file = parsed(&written.text);
        prop_assert_eq!(said(&file), expected(&before, &now));
        prop_assert_eq!(file.timings.len(), 1);
        // Lines of entries that did not change are there byte for byte, behind the comment above them.
        let changed = written.changes.changed.len() + written.changes.gone.len();
        let (old, new): (Vec<&str>, Vec<&str>) = (start.lines().collect(), written.text.lines().collect());
        let mut same = 0;
        for (n, line) in old.iter().enumerate() {
            if line.trim_start().starts_with('#') {
                prop_assert!(new.contains(line), "{line} is lost");
            } else if let Some(at) = new.iter().position(|other| other == line) {
                same += 1;
                if line.starts_with("  ") && n > 0 && at > 0 {
                    prop_assert_eq!(new[at - 1], old[n - 1]);
                }
            }
        }
        let entries = old.iter().filter(|line| !line.trim_start().starts_with('#')).count();
        // Sections and regions may change, too.
        prop_assert!(same + changed + 8 >= entries, "{same} of {entries}, {changed} changed");
    }
}

/// Runs `discover` with a configuration of its own. Returns the exit code and stderr.
fn discover(folder: &Path, args: &[&str]) -> (i32, String) {
    let config = folder.join("config.yaml");
    if !config.exists() {
        std::fs::write(&config, "protected_accounts: []\n").unwrap();
    }
    let config = config.display().to_string();
    let (code, out, err) = support::drill::told(&[&["discover", "--config", &config][..], args].concat());
    assert_eq!(out, "", "{err}");
    (code, err)
}

#[test]
fn what_is_wrong_is_told_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let out = folder.path().join("new.yaml").display().to_string();
    let account = format!("prod={PRODUCTION}");
    let broken = file("broken.yaml", "accounts: {}\nregions: []\n");
    let nowhere = folder.path().join("no/estate.yaml").display().to_string();
    for (args, words) in [
        (&["-o", &out, "--account", "prod"][..], "write NAME=ID"),
        (&["-o", &out, "--account", "prod=12"], "12"),
        (&["-o", &out, "--account", &format!("{account},profil=x")], "`profil` is no way into an account"),
        (&["-o", &out, "--account", &format!("{account},role=a,role=b")], "given twice"),
        (&["-o", &out, "--account", &account, "--account", &format!("other={PRODUCTION}")], "named twice"),
        (&["-o", &out, "--account", &account, "--region", "nowhere"], "region"),
        (&["-o", "-", "--account", &account, "--output", "json"], "name a file"),
        (&["-o", &broken, "--account", &account], "broken.yaml:2:"),
        (&["-o", &nowhere, "--account", &account], "its folder does not exist"),
        (&["--account", &account], "--out"),
    ] {
        let (code, err) = discover(folder.path(), args);
        assert_eq!(code, 2, "{args:?}: {err}");
        assert!(err.contains(words), "{args:?}: {err}");
    }
    assert_eq!(std::fs::read_to_string(&broken).unwrap(), "accounts: {}\nregions: []\n");
    assert!(!folder.path().join("new.yaml").exists());
}

#[test]
fn accounts_and_regions_come_from_the_configuration() {
    if cfg!(feature = "aws") {
        return; // `tests/aws` reads accounts.
    }
    let folder = tempfile::tempdir().unwrap();
    let config = format!("accounts:\n  prod: {{ id: \"{PRODUCTION}\", profile: p }}\nregions: [us-east-1]\n");
    std::fs::write(folder.path().join("config.yaml"), config).unwrap();
    for args in [&["-o", "new.yaml"][..], &["-o", "-", "--account", "prod"]] {
        let (code, err) = discover(folder.path(), args);
        assert_eq!(code, 2);
        assert!(err.contains("cargo feature `aws`"), "{err}");
    }
}

#[test]
fn each_command_says_what_was_not_read() {
    let mut drill = support::drill::Drill::of("region-loss");
    drill.estate += "incomplete:\n  - { account: \"111122223333\", region: us-west-2, service: rds, why: \"no, \\u202e you may not\" }\n";
    let playbook = drill.write().display().to_string();
    let estate = drill.folder().join("estate.yaml").display().to_string();
    let place = "rds in us-west-2 of account 111122223333";
    let commands: [&[&str]; 6] = [
        &["plan", "--estate", &estate, "--lose-each", "region"],
        &["plan", "--estate", &estate, "--lose", "region=us-east-1"],
        &["plan", &playbook],
        &["plan", &playbook, "--lose-each", "az"],
        &["forecast", &playbook, "--runs", "10"],
        &["init", "--estate", &estate, "--lose", "region=us-east-1"],
    ];
    for command in commands {
        for output in ["text", "json", "markdown", "html"] {
            let fixed = match command[0] {
                "plan" => false,
                "forecast" => output == "markdown" || output == "html",
                _ => output != "text",
            };
            if fixed {
                continue;
            }
            let mut args = command.to_vec();
            if output != "text" {
                args.extend(["--output", output]);
            }
            let (_, out, err) = support::drill::told(&args);
            assert!(!out.contains('\u{202e}'), "{args:?}");
            if output == "json" {
                let json: Value = serde_json::from_str(&out).unwrap();
                assert_eq!(json["incomplete"].as_array().map(Vec::len), Some(1), "{args:?}");
                if command[0] == "plan" {
                    let findings = json["findings"].as_array().unwrap();
                    let of_rule = findings.iter().filter(|f| f["rule"] == "estate-incomplete");
                    let grave: Vec<&Value> = of_rule.map(|finding| &finding["severity"]).collect();
                    assert_eq!(grave, [&json!("high")], "{args:?}");
                }
            } else {
                assert!(out.contains(place), "{args:?}: {out}");
            }
            assert_eq!(err.contains(place), command[0] == "init", "{args:?}: {err}");
        }
    }
    let run = drill.run();
    let findings = run.report["findings"].as_array().unwrap();
    let of_rule = findings.iter().filter(|finding| finding["rule"] == "estate-incomplete");
    assert_eq!(of_rule.count(), 1);
    // The playbook of `init` is valid, whatever the reason holds.
    let (code, text, _) = support::drill::told(commands[5]);
    assert_eq!(code, 0);
    assert!(yaml::parse(&yaml::Source::new("f", &text, 0)).0.is_some(), "{text}");
}
