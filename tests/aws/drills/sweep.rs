//! `drillmaster sweep` finds and removes what killed runs have left. What no run has made stays as
//! it was.

use aws::sdk::{aws_sdk_ec2, aws_sdk_s3};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use port::{Kind, TAG_EXPIRES, TAG_RUN};
use serde_json::{Value, json};

use super::closet::Closet;
use super::drill::{Done, Drill, Running, role};
use super::shop::{PRODUCTION, SANDBOX};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl drill";
const RUNS: usize = 20;
const AT_ONCE: usize = 5;
/// The time to live of the runs, in seconds.
const TTL: u64 = 25;
const TEARDOWN: u64 = 1;

fn sweep(closet: &Closet, playbook: &str, more: &[&str]) -> Done {
    let args = [&["sweep", "playbook.yaml", "--output", "json"], more].concat();
    let drill = Drill::command(playbook, closet.moto.endpoint(), &args);
    with_stack(&drill);
    drill.run()
}

fn with_stack(drill: &Drill) {
    let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("drills/orders.stack.yaml");
    drill.file("orders.stack.yaml", &std::fs::read_to_string(stack).unwrap());
}

#[track_caller]
fn result(done: &Done, code: i32) -> Value {
    assert_eq!(done.exit, Some(code), "{}", done.told());
    let result: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|e| panic!("{e}: {}", done.told()));
    assert_eq!((&result["schema"], &result["exit_code"]), (&json!("drillmaster/sweep/v1"), &json!(code)));
    assert_eq!(result["unseen"], json!([]), "{}", done.told());
    result
}

fn things(result: &Value) -> Vec<&Value> {
    let runs = result["runs"].as_array().unwrap().iter();
    runs.flat_map(|run| run["things"].as_array().unwrap()).collect()
}

fn kinds(result: &Value) -> BTreeSet<&str> {
    things(result).into_iter().map(|thing| thing["resource"]["kind"].as_str().unwrap()).collect()
}

/// Creates one resource of each kind that a drill makes, beside the sandbox and without any tag.
async fn untagged(closet: &Closet) {
    let (ec2, rds, s3) = (&closet.raw.ec2, &closet.raw.rds, &closet.raw.s3);
    let vpc = ec2.create_vpc().cidr_block("10.99.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let mut subnets = Vec::new();
    for (cidr, zone) in [("10.99.0.0/20", "us-west-2a"), ("10.99.16.0/20", "us-west-2b")] {
        let made = ec2.create_subnet().vpc_id(&vpc).cidr_block(cidr).availability_zone(zone).send().await;
        subnets.push(made.unwrap().subnet.unwrap().subnet_id.unwrap());
    }
    let group = ec2.create_security_group().group_name("live").description("live").vpc_id(&vpc);
    group.send().await.unwrap();
    let key = ec2.import_key_pair().key_name("live");
    key.public_key_material(Blob::new(KEY.as_bytes())).send().await.unwrap();
    ec2.allocate_address().send().await.unwrap();
    let run = ec2.run_instances().image_id(&closet.image).min_count(1).max_count(1).subnet_id(&subnets[0]);
    run.instance_type("t3.small".into()).send().await.unwrap();
    let group = rds.create_db_subnet_group().db_subnet_group_name("live").set_subnet_ids(Some(subnets));
    group.db_subnet_group_description("live").send().await.unwrap();
    let cluster = rds.create_db_cluster().db_cluster_identifier("ledger").engine("aurora-postgresql");
    let cluster = cluster.engine_version("15.4").master_username("postgres");
    cluster.master_user_password("secretsecret").send().await.unwrap();
    let kept = rds.create_db_cluster_snapshot().db_cluster_identifier("ledger");
    kept.db_cluster_snapshot_identifier("ledger-1").send().await.unwrap();
    let east = super::account::Account::of(&closet.moto, SANDBOX, super::shop::EAST).await;
    let db = east.rds.create_db_instance().db_instance_identifier("orders-east").engine("postgres");
    let db = db.db_instance_class("db.t3.medium").engine_version("16.3").allocated_storage(20);
    let db = db.master_username("postgres").master_user_password("secretsecret");
    db.backup_retention_period(1).send().await.unwrap();
    let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::UsWest2);
    let create = s3.create_bucket().bucket("papers").create_bucket_configuration(place.build());
    create.send().await.unwrap();
    for key in ["a", "b/c", "ü d"] {
        let body = ByteStream::from(key.as_bytes().to_vec());
        s3.put_object().bucket("papers").key(key).body(body).send().await.unwrap();
    }
    let stack = closet.raw.cloudformation.create_stack().stack_name("live");
    stack.template_body(r#"{"Resources":{"Q":{"Type":"AWS::EC2::SecurityGroup","Properties":{"GroupDescription":"live"}}}}"#).send().await.unwrap();
}

/// When each run is killed: after so many creations in its journal, and after so much more time.
/// The values are always the same, so the runs get equally far however fast the machine is.
fn instants() -> impl Iterator<Item = (usize, Duration)> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |below: u64| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    std::iter::repeat_with(move || (3 + usize::try_from(next(20)).unwrap(), Duration::from_millis(next(400))))
}

/// Kills the run at its instant. Returns `false` if the run was over before.
async fn kill(mut run: Running, (creations, later): (usize, Duration)) -> bool {
    loop {
        if run.is_over() {
            return false;
        }
        let journal = std::fs::read_to_string(run.file("out/journal.ndjson")).unwrap_or_default();
        if journal.matches("\"event\":\"created\"").count() >= creations {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(later).await;
    run.signal("KILL");
    run.end().exit.is_none()
}

#[tokio::test]
async fn the_leavings_of_killed_runs_are_removed_and_nothing_else() {
    let closet = Closet::open(0.5).await;
    closet.moto.seeding(0.0, |_| ());
    untagged(&closet).await;
    closet.moto.delays(&json!({ "default": 0.5 }));
    let before = closet.moto.state();
    let mut steps = include_str!("everything.yaml")
        .replace("<SNAPSHOT>", &closet.snapshot)
        .replace("<IMAGE>", &closet.image)
        .replace("<KEY>", KEY);
    // What carries no tag at first cannot be found by it if the runner dies: tables, and what AWS
    // Backup restores. `abort` finds it by the journal.
    for (from, to) in [
        ("  - id: carts\n", "  - { id: papers"),
        ("  - id: shares\n", "  - { id: greet"),
        ("  - id: items\n", "  # A replica"),
    ] {
        let (from, to) = (steps.find(from).unwrap(), steps.find(to).unwrap());
        steps.replace_range(from..to, "");
    }
    let head = Closet::head("swept").replace("ttl: 1h", &format!("ttl: {TTL}s"));
    // Adds what the playbook of every action does not create, or creates only at its very end.
    let more = format!(
        "  - {{ id: ledger-copy, uses: rds.copy_snapshot, workload: orders, with: {{ from: {{ cluster: ledger }} }} }}
  - {{ id: early, uses: ec2.launch, workload: orders, with: {{ image: {}, type: t3.small }} }}
",
        closet.image
    );
    let playbook = head + &steps.replace("checks:\n", &format!("{more}checks:\n"));

    let (mut instants, mut killed, mut started) = (instants(), 0, 0);
    // When the last runs began. What they make expires a fixed time after this, however late they
    // are killed.
    let mut began = Instant::now();
    while killed < RUNS {
        began = Instant::now();
        started += AT_ONCE;
        assert!(started <= 2 * RUNS, "most runs are over before they can be killed");
        let running = (0..AT_ONCE).map(|_| {
            let drill = Drill::new(&playbook, closet.moto.endpoint());
            with_stack(&drill);
            // A run's resources expire when its ttl and its teardown timeout have passed.
            let drill = drill.arg("--teardown-timeout").arg(format!("{TEARDOWN}s"));
            kill(drill.start(), instants.next().unwrap())
        });
        killed += futures_util::future::join_all(running).await.into_iter().filter(|k| *k).count();
    }
    let last = Instant::now();
    eprintln!("{killed} of {started} runs were killed");

    // The resources of the last runs have not expired. They are listed and left in place.
    let standing = sweep(&closet, &playbook, &["--delete"]);
    let result_of_young: Value = serde_json::from_str(&standing.stdout).unwrap();
    let young = things(&result_of_young).into_iter().filter(|t| t["expiry"] == "stands").count();
    assert!(began.elapsed() > Duration::from_secs(TTL + TEARDOWN) || young > 0, "{}", standing.told());
    let kept = things(&result_of_young).into_iter().filter(|t| t["expiry"] == "stands");
    assert!(kept.into_iter().all(|t| t["outcome"] == "stands"), "{}", standing.told());

    tokio::time::sleep(Duration::from_secs(TTL + TEARDOWN + 1).saturating_sub(last.elapsed())).await;
    let told = result(&sweep(&closet, &playbook, &[]), 1);
    assert!(things(&told).iter().all(|t| t["expiry"] == "expired" && t["outcome"] == "stands"), "{told:#}");
    let done = sweep(&closet, &playbook, &["--delete"]);
    let removed = result(&done, 0);
    assert!(things(&removed).iter().all(|t| t["outcome"] == "removed"), "{removed:#}");
    assert_eq!(things(&removed).len(), things(&told).len());
    let all: BTreeSet<&str> = kinds(&result_of_young).union(&kinds(&removed)).copied().collect();
    let runs = |result: &Value| -> BTreeSet<String> {
        result["runs"].as_array().unwrap().iter().map(|r| r["run"].as_str().unwrap().to_owned()).collect()
    };
    let swept: BTreeSet<String> = runs(&result_of_young).union(&runs(&removed)).cloned().collect();
    eprintln!(
        "{} runs left {} and then {} things of the kinds {all:?}",
        swept.len(),
        things(&result_of_young).len(),
        things(&removed).len()
    );
    assert!(swept.len() >= RUNS, "{swept:?}");
    let tagged_later = [Kind::Table, Kind::FileSystem, Kind::MountTarget, Kind::RestoreJob, Kind::CopyJob];
    // `copies::sweep_finds_the_vault_of_a_dead_run` has a vault. A drill with a probe or a closed resolver
    // expires an hour later than this test waits: `inside::swept` has these.
    let elsewhere =
        [Kind::Vault, Kind::Function, Kind::DomainList, Kind::RuleGroup, Kind::QueryLog, Kind::Zone];
    for &kind in Kind::ALL.iter().filter(|kind| !tagged_later.contains(kind) && !elsewhere.contains(kind)) {
        let name = json!(kind);
        assert!(all.contains(name.as_str().unwrap()), "no run has left a {kind:?}: {all:?}");
    }

    let nothing = result(&sweep(&closet, &playbook, &["--delete"]), 0);
    assert_eq!(nothing["runs"], json!([]));
    assert_eq!(closet.moto.state().to_string(), before.to_string(), "{}", done.told());
}

fn tags(pairs: &[(&str, &str)]) -> TagSpecification {
    let tags = pairs.iter().map(|(k, v)| Tag::builder().key(*k).value(*v).build()).collect();
    TagSpecification::builder().resource_type(ResourceType::Volume).set_tags(Some(tags)).build()
}

#[tokio::test]
async fn what_cannot_be_evaluated_is_told_and_left_alone() {
    let closet = Closet::open(0.0).await;
    let playbook = closet.playbook(&Closet::head("careful"), "http://127.0.0.1:1/");
    let volume = async |pairs: &[(&str, &str)]| {
        let made = closet.raw.ec2.create_volume().availability_zone("us-west-2a").size(1);
        made.tag_specifications(tags(pairs)).send().await.unwrap().volume_id.unwrap()
    };
    let past = volume(&[(TAG_RUN, "20200101T000000Z-old-1f3a"), (TAG_EXPIRES, "2020-01-01T01:00:00Z")]).await;
    let future =
        volume(&[(TAG_RUN, "20200101T000000Z-old-1f3a"), (TAG_EXPIRES, "2999-01-01T01:00:00Z")]).await;
    let without = volume(&[(TAG_RUN, "20200101T000000Z-old-1f3a")]).await;
    let garbled = volume(&[(TAG_RUN, "odd"), (TAG_EXPIRES, "long ago")]).await;
    volume(&[(TAG_EXPIRES, "2020-01-01T01:00:00Z")]).await;
    volume(&[("Name", TAG_RUN)]).await;

    let done = sweep(&closet, &playbook, &["--delete"]);
    let told = result(&done, 1);
    let fates: Vec<(&str, &str, &str)> = things(&told)
        .into_iter()
        .map(|t| {
            let text =
                |value: &'_ Value| -> &str { Box::leak(value.as_str().unwrap().to_owned().into_boxed_str()) };
            (text(&t["resource"]["id"]), text(&t["expiry"]), text(&t["outcome"]))
        })
        .collect();
    let fate =
        |id: &str| fates.iter().find(|(of, ..)| *of == id).map(|(_, expiry, outcome)| (*expiry, *outcome));
    assert_eq!(fate(&past), Some(("expired", "removed")));
    assert_eq!(fate(&future), Some(("stands", "stands")));
    assert_eq!(fate(&without), Some(("unknown", "stands")));
    assert_eq!(fate(&garbled), Some(("unknown", "stands")));
    assert_eq!(fates.len(), 4, "{told:#}");
    let left = closet.raw.ec2.describe_volumes().send().await.unwrap();
    let left: Vec<&str> = left.volumes().iter().filter_map(|v| v.volume_id()).collect();
    assert!(!left.contains(&past.as_str()) && left.contains(&garbled.as_str()), "{left:?}");
    assert_eq!(closet.moto.calls("DeleteVolume").len(), 1);
}

#[tokio::test]
async fn a_sweep_tells_where_it_could_not_look_and_what_resists() {
    let closet = Closet::open(0.0).await;
    let config = format!(
        "protected_accounts: [\"{PRODUCTION}\"]\nregions: [us-west-2]\naccounts:\n  sandbox: {{ id: \"{SANDBOX}\", role: \"{}\" }}\n  live: {{ id: \"{PRODUCTION}\", role: \"{}\" }}\n  wrong: {{ id: \"121212121212\", role: \"{}\" }}\n",
        role(SANDBOX),
        role(PRODUCTION),
        role(SANDBOX),
    );
    let sweep = |args: &[&str]| {
        let args = [&["sweep", "--config", "config.yaml"], args].concat();
        let drill = Drill::command("", closet.moto.endpoint(), &args);
        drill.file("config.yaml", &config);
        drill.run()
    };
    let old = [(TAG_RUN, "20200101T000000Z-old-1f3a"), (TAG_EXPIRES, "2020-01-01T01:00:00Z")];
    let live = super::account::Account::of(&closet.moto, PRODUCTION, "us-west-2").await;
    let made =
        live.ec2.create_volume().availability_zone("us-west-2a").size(1).tag_specifications(tags(&old));
    made.send().await.unwrap();

    let clean = sweep(&["--account", "sandbox"]);
    assert_eq!(clean.exit, Some(0), "{}", clean.told());
    assert!(clean.stdout.contains("1 place searched: no drill has left anything there"), "{}", clean.told());
    // The wrong account's role searches nothing.
    let blind = sweep(&["--account", "sandbox", "--account", "wrong"]);
    assert_eq!(blind.exit, Some(3), "{}", blind.told());
    assert!(blind.stdout.contains("could not be searched: account 121212121212"), "{}", blind.told());
    assert!(blind.stdout.contains(&format!("belong to account {SANDBOX}")), "{}", blind.told());
    // A protected account is not even swept.
    let protected = sweep(&["--account", "live", "--delete"]);
    assert_eq!(protected.exit, Some(4), "{}", protected.told());
    assert!(protected.stdout.contains("NOT removed") && protected.stdout.contains("is protected"));
    assert!(closet.moto.calls("DeleteVolume").is_empty());
    for (args, word) in [
        (&["--account", "nobody"][..], "nobody"),
        (&["--region", "mars"], "mars"),
        (&["--on", "twin"], "--on"),
        (&["no-such.yaml"], "no-such.yaml"),
    ] {
        let wrong = sweep(args);
        assert_eq!(wrong.exit, Some(2), "{}", wrong.told());
        assert!(wrong.stderr.contains(word), "{}", wrong.told());
    }
    let nowhere = Drill::command("", closet.moto.endpoint(), &["sweep"]).run();
    assert_eq!(nowhere.exit, Some(2), "{}", nowhere.told());
    assert!(nowhere.stderr.contains("nowhere to look"), "{}", nowhere.told());
}
