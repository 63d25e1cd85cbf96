//! Exit code 3: whatever prevents a drill is reported before anything is created, or at least
//! before T0.

use std::time::{Duration, Instant};

use aws::sdk::aws_sdk_rds::types::OptionConfiguration;
use serde_json::{Value, json};

use super::account::Account;
use super::closet::{Closet, creations};
use super::drill::{Done, Drill, Running, role};
use super::shop::{BACKUP, SANDBOX};
use support::ports::Reserved;

#[track_caller]
fn says(done: &Done, words: &[&str]) {
    let told: String = done.told().split_whitespace().collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(told.contains(word), "{word:?} is not said: {}", done.told());
    }
}

#[tokio::test]
async fn credentials_of_another_account_end_the_drill() {
    let closet = Closet::open(1.0).await;
    let head = Closet::head_losing("mixed-up", "region: us-east-1", &role(BACKUP));
    let done = Drill::new(&closet.playbook(&head, "http://127.0.0.1/"), closet.moto.endpoint()).run();
    done.ends(3, "error");
    says(
        &done,
        &[&format!("the credentials for account {SANDBOX} belong to account {BACKUP}"), "`accounts`"],
    );
    assert_eq!(creations(&closet.moto), Vec::<Value>::new());
    assert_eq!(done.report["t0"], Value::Null);
    done.nothing_is_left(&closet.moto, &closet.before);
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed_ends_the_drill() {
    let closet = Closet::open(1.0).await;
    let message = "User: arn:aws:iam::111122223333:user/ci is not authorized to perform: sts:AssumeRole";
    closet
        .moto
        .faults(&json!([{ "action": "AssumeRole", "kind": "error", "code": "AccessDenied", "status": 403,
        "message": message, "times": 50 }]));
    let done = closet.drill("locked-out", "http://127.0.0.1/").run();
    done.ends(3, "error");
    says(&done, &[message, "`role`"]);
    assert_eq!(creations(&closet.moto), Vec::<Value>::new());
    done.nothing_is_left(&closet.moto, &closet.before);
}

#[test]
fn an_endpoint_where_nobody_listens_ends_the_drill_soon() {
    let nobody = Reserved::new();
    let endpoint = format!("http://{}", nobody.address());
    let playbook = format!(
        "{}steps:\n  - {{ id: ip, uses: ec2.allocate_address, workload: orders }}\nchecks:\n  - {{ id: up, workload: orders, needs: [ip], http: {{ url: \"http://127.0.0.1/\" }} }}\n",
        Closet::head("nobody-there")
    );
    let done = Drill::new(&playbook, &endpoint).run();
    done.ends(3, "error");
    says(&done, &["AWS_ENDPOINT_URL"]);
    assert!(done.took < Duration::from_mins(3), "{:?}", done.took);
}

#[tokio::test]
async fn an_open_sandbox_ends_the_drill_before_t0() {
    let closet = Closet::open(1.0).await;
    // Somebody's automation connects every new VPC to the internet.
    let mut running = closet.drill("open", "http://127.0.0.1/").start();
    let vpc = first_vpc(&closet, &mut running).await;
    let gateway = closet.raw.ec2.create_internet_gateway().send().await.unwrap();
    let gateway = gateway.internet_gateway.unwrap().internet_gateway_id.unwrap();
    let attach = closet.raw.ec2.attach_internet_gateway().internet_gateway_id(&gateway).vpc_id(&vpc);
    attach.send().await.unwrap();
    // Teardown cannot remove the VPC while the gateway exists. It keeps trying, and the
    // automation's owner removes the gateway.
    let began = Instant::now();
    while closet.count("DeleteVpc") == 0 && began.elapsed() < Duration::from_mins(5) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let detach = closet.raw.ec2.detach_internet_gateway().internet_gateway_id(&gateway).vpc_id(&vpc);
    detach.send().await.unwrap();
    closet.raw.ec2.delete_internet_gateway().internet_gateway_id(&gateway).send().await.unwrap();
    let done = running.end();
    done.ends(3, "error");
    says(&done, &["the sandbox is not isolated", &gateway, "an internet gateway is attached to the VPC"]);
    assert_eq!(done.report["t0"], Value::Null);
    assert_eq!(done.report["sandbox"]["isolation_verified"], false);
    assert!(closet.moto.calls("CreateVolume").iter().all(|c| !c["params"]["DryRun"].is_null()));
    assert_eq!(closet.count("RestoreDBInstanceFromDBSnapshot"), 0);
    done.nothing_is_left(&closet.moto, &closet.before);
}

/// Waits until the sandbox's VPC exists, and returns its id.
async fn first_vpc(closet: &Closet, running: &mut Running) -> String {
    loop {
        let state = closet.moto.state();
        let found = state["resources"].as_array().unwrap().iter().find(|r| r["type"] == "ec2:vpc").cloned();
        if let Some(vpc) = found {
            return vpc["id"].as_str().unwrap().to_owned();
        }
        assert!(!running.is_over(), "the drill ended without a VPC");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A resource whose creation no answer confirmed is kept too, and is reported.
#[tokio::test]
async fn a_kept_sandbox_names_what_only_its_tag_finds() {
    let closet = Closet::open(1.0).await;
    closet
        .moto
        .faults(&json!([{ "action": "ModifyVpcAttribute", "kind": "error", "code": "UnauthorizedOperation",
        "status": 403, "message": "You are not authorized to perform this operation.", "times": 9 }]));
    let done = closet.drill("half-built", "http://127.0.0.1/").arg("--keep-sandbox").run();
    assert_eq!(done.exit, Some(3), "{}", done.told());
    let vpcs = closet.raw.ec2.describe_vpcs().send().await.unwrap();
    let tagged = vpcs.vpcs().iter().filter(|v| v.tags().iter().any(|t| t.key() == Some("drillmaster:run")));
    let vpc = tagged.map(|v| v.vpc_id().unwrap()).next().unwrap();
    assert!(done.stderr.contains(vpc), "{vpc} is not told of: {}", done.told());
    assert_eq!(done.report["teardown"]["created"], 1, "{}", done.told());
}

/// Some zones do not offer what the plan launches. They are skipped, or named if too few are left.
#[tokio::test]
async fn zones_that_do_not_offer_what_is_launched_are_passed_over() {
    let closet = Closet::open(0.5).await;
    let playbook = |zones: &str| {
        let head = Closet::head("picky").replace("azs: 2", zones).replace(", rpo: 1d", "");
        format!(
            "{head}steps:\n  - {{ id: web, uses: ec2.launch, workload: orders, with: {{ image: {}, type: t3.small }} }}\n\
             checks:\n  - {{ id: fine, workload: orders, needs: [web], command: {{ run: [\"true\"] }} }}\n",
            closet.image
        )
    };
    closet.moto.faults(&json!([{ "action": "DescribeInstanceTypeOfferings", "kind": "offered_in", "zones": ["usw2-az2", "usw2-az3"], "times": 9 }]));
    let done = Drill::new(&playbook("azs: 2"), closet.moto.endpoint()).run();
    done.ends(0, "passed");
    assert_eq!(done.report["sandbox"]["azs"], json!(["usw2-az2", "usw2-az3"]), "{}", done.told());
    let done = Drill::new(&playbook("zones: [usw2-az3]"), closet.moto.endpoint()).run();
    assert_eq!(done.report["sandbox"]["azs"], json!(["usw2-az3"]), "{}", done.told());
    let done = Drill::new(&playbook("zones: [usw2-az1, usw2-az2]"), closet.moto.endpoint()).run();
    done.ends(3, "error");
    says(&done, &["t3.small in usw2-az2, usw2-az3", "`sandbox.network.azs`"]);
    assert_eq!(creations(&closet.moto).iter().filter(|c| c["action"] == "CreateVpc").count(), 2);
}

/// RDS copies a snapshot with such options only together with an option group that has them. The
/// drill says so before T0, and not in the recovery.
#[tokio::test]
async fn a_copy_without_the_option_group_that_it_needs_ends_the_drill() {
    let closet = Closet::open(0.3).await;
    let there = Account::of(&closet.moto, SANDBOX, "eu-west-1").await;
    closet.moto.delays(&json!({ "default": 0 }));
    for (account, options) in [(&there, &["TDE", "MEMCACHED"][..]), (&closet.raw, &["TDE"])] {
        let group = account.rds.create_option_group().option_group_name("secured").engine_name("mysql");
        let group = group.major_engine_version("8.0").option_group_description("secured");
        group.send().await.unwrap();
        let change = account.rds.modify_option_group().option_group_name("secured").apply_immediately(true);
        let options = options.iter().map(|name| OptionConfiguration::builder().option_name(*name).build());
        change.set_options_to_include(Some(options.collect())).send().await.unwrap();
    }
    let db = there.rds.create_db_instance().db_instance_identifier("secured").engine("mysql");
    let db = db.db_instance_class("db.t3.medium").engine_version("8.0.35").allocated_storage(20);
    let db = db.master_username("admin1").master_user_password("secretsecret").option_group_name("secured");
    db.send().await.unwrap();
    let kept = there.rds.create_db_snapshot().db_instance_identifier("secured");
    kept.db_snapshot_identifier("secured-1").send().await.unwrap();
    closet.moto.clear_log();
    let before = closet.moto.state();
    let drill = |more: &str| {
        let playbook = format!(
            "{}steps:
  - {{ id: copy, uses: rds.copy_snapshot, workload: orders, with: {{ from: {{ snapshot: \"arn:aws:rds:eu-west-1:{SANDBOX}:snapshot:secured-1\" }}{more} }} }}
checks:
  - {{ id: fine, workload: orders, needs: [copy], command: {{ run: [\"true\"] }} }}
",
            // A copy alone brings no data back whose age could be told.
            Closet::head("options").replace(", rpo: 1d", "")
        );
        Drill::new(&playbook, closet.moto.endpoint()).run()
    };
    let done = drill("");
    done.ends(3, "error");
    says(&done, &["options that RDS never takes away (TDE)", "step `copy`", "name it with `option_group`"]);
    assert_eq!((closet.count("CopyDBSnapshot"), &done.report["t0"]), (0, &Value::Null));
    done.nothing_is_left(&closet.moto, &before);
    let done = drill(", option_group: secured");
    done.ends(0, "passed");
    assert_eq!(closet.moto.calls("CopyDBSnapshot")[0]["params"]["OptionGroupName"], "secured");
    done.nothing_is_left(&closet.moto, &before);
}
