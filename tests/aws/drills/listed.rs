//! Playbooks without an estate: before T0, live accounts say whether what the workloads list exists,
//! is one thing, and is lost.

use aws::sdk::aws_sdk_ec2::types::Tag;
use serde_json::{Value, json};

use super::account::Account;
use super::closet::{Closet, creations};
use super::drill::{Done, Drill, role};
use super::privileges;
use super::shop::{EAST, PRODUCTION, SANDBOX};
use support::peers::{Answer, HttpTarget};

/// A playbook that loses this, and whose workload lists these resources. It names production too.
fn playbook(closet: &Closet, lost: &str, listed: &str, url: &str) -> String {
    let head = Closet::head_losing("listed", lost, &role(SANDBOX));
    let production =
        format!("production: {{ id: \"{PRODUCTION}\", role: \"{}\" }}, sandbox:", role(PRODUCTION));
    let head = head.replacen("sandbox:", &production, 1);
    let head = head.replace("orders: {}", &format!("orders: {{ resources: [{listed}] }}"));
    closet.playbook(&head, url)
}

fn run(closet: &Closet, lost: &str, listed: &str) -> Done {
    let text = playbook(closet, lost, listed, "http://127.0.0.1:1/");
    closet.moto.clear_log();
    Drill::new(&text, closet.moto.endpoint()).run()
}

/// Asserts that the drill ended with exit code 2 and these words, and that it touched nothing.
#[track_caller]
fn is_mistaken(closet: &Closet, done: &Done, said: &[&str]) {
    done.ends(2, "error");
    for words in said {
        assert!(done.stderr.contains(words), "{words}: {}", done.told());
    }
    assert_eq!(creations(&closet.moto), Vec::<Value>::new(), "{}", done.told());
    assert_eq!(done.report["t0"], Value::Null);
    assert_eq!(done.report["teardown"]["created"], 0);
}

async fn database(account: &Account, id: &str, zone: &str) {
    let db = account.rds.create_db_instance().db_instance_identifier(id).engine("postgres");
    let db = db.db_instance_class("db.t3.medium").engine_version("16.3").allocated_storage(20);
    let db = db.master_username("postgres").master_user_password("secretsecret");
    db.availability_zone(zone).send().await.unwrap();
}

#[tokio::test]
async fn what_lives_nowhere_or_elsewhere_ends_the_drill_before_anything_is_made() {
    let closet = Closet::open(0.0).await;
    let lost = "region: us-east-1";

    let done = run(&closet, lost, "\"rds:db/orders\", \"rds:db/ordrs\"");
    let account = format!("account {PRODUCTION} in us-east-1");
    is_mistaken(&closet, &done, &["playbook.yaml:6:", "`rds:db/ordrs` selects nothing", &account]);
    let gated = done.then(closet.moto.endpoint(), &["gate", "out"]).run();
    assert_eq!(gated.exit, Some(2), "{}", gated.told());

    let done = run(&closet, lost, "\"ec2:instance[tag:app=orders]\"");
    is_mistaken(&closet, &done, &["playbook.yaml:6:", "`ec2:instance[tag:app=orders]` selects nothing"]);

    // It lives in the sandbox's account, in a region that is not lost.
    let done = run(&closet, lost, "\"rds:db/orders\"");
    is_mistaken(
        &closet,
        &done,
        &["playbook.yaml:2:", "nothing that the workloads list lives in region us-east-1"],
    );
}

#[tokio::test]
async fn an_id_that_stands_for_two_resources_ends_the_drill() {
    let closet = Closet::open(0.0).await;
    let production = Account::of(&closet.moto, PRODUCTION, EAST).await;
    let west = Account::of(&closet.moto, PRODUCTION, "us-west-2").await;
    database(&west, "orders", "us-west-2a").await;
    database(&production, "billing", "us-east-1a").await;

    // None of the two is lost.
    let done = run(&closet, "region: us-east-1", "\"rds:db/orders\", \"rds:db/billing\"");
    is_mistaken(&closet, &done, &["`rds:db/orders` stands for 2 resources", "none of them is lost"]);

    // Both are lost.
    database(&production, "orders", "us-east-1a").await;
    let beside = Account::of(&closet.moto, SANDBOX, EAST).await;
    database(&beside, "orders", "us-east-1a").await;
    let done = run(&closet, "region: us-east-1", "\"rds:db/orders\"");
    is_mistaken(
        &closet,
        &done,
        &["playbook.yaml:6:", "`rds:db/orders` stands for 2 resources that are lost", PRODUCTION, SANDBOX],
    );
}

#[tokio::test]
async fn a_zone_that_is_not_known_ends_the_drill_if_a_zone_is_lost() {
    let closet = Closet::open(0.0).await;
    let production = Account::of(&closet.moto, PRODUCTION, "us-west-2").await;
    // The account has no zone of this name, so nobody knows its id.
    database(&production, "billing", "us-west-2z").await;
    let done = run(&closet, "az: usw2-az4", "\"rds:db/billing\"");
    is_mistaken(&closet, &done, &["playbook.yaml:6:", "AWS does not say in which zone `rds:db/billing`"]);
}

#[tokio::test]
async fn what_is_there_and_lost_lets_the_drill_go_on() {
    let closet = Closet::open(0.0).await;
    let up = HttpTarget::start(Answer::status(200));
    let production = Account::of(&closet.moto, PRODUCTION, EAST).await;
    database(&production, "orders", "us-east-1a").await;
    let before = closet.moto.state();
    // The sandbox's account holds another `orders`, which is not lost.
    let text = playbook(&closet, "region: us-east-1", "\"rds:db/orders\"", &up.url("/"));
    closet.moto.clear_log();
    let done = Drill::new(&text, closet.moto.endpoint()).run();
    done.ends(0, "passed");
    done.nothing_is_left(&closet.moto, &before);
    let rules: Vec<&Value> = done.report["findings"].as_array().unwrap().iter().map(|f| &f["rule"]).collect();
    assert!(rules.contains(&&json!("namesake")), "{rules:?}");
    assert!(!rules.contains(&&json!("production-unseen")), "{rules:?}");

    // Without the permission nobody knows. The drill goes on, and says so.
    let drill = Drill::new(&text, closet.moto.endpoint());
    let mut printed = drill.policies(&[]);
    let accounts = printed["accounts"].as_array_mut().unwrap();
    let theirs = accounts.iter_mut().find(|account| account["role"] == role(PRODUCTION)).unwrap();
    theirs["policies"] = json!([{ "Version": "2012-10-17", "Statement": [
        { "Sid": "Prove", "Effect": "Allow", "Action": "iam:SimulatePrincipalPolicy", "Resource": "*" }] }]);
    privileges::enforce(closet.moto.endpoint(), &printed);
    let done = drill.start_as_it_is().end_refused();
    done.ends(0, "passed");
    let findings = done.report["findings"].as_array().unwrap();
    let unseen = findings.iter().find(|f| f["rule"] == "production-unseen").unwrap();
    assert!(unseen["resource"].as_str().unwrap().contains(PRODUCTION), "{unseen}");
}

/// The account that will be lost is asked before it is lost, and never after.
#[tokio::test]
async fn a_lost_account_is_asked_before_t0() {
    let closet = Closet::open(0.0).await;
    let up = HttpTarget::start(Answer::status(200));
    let production = Account::of(&closet.moto, PRODUCTION, "us-west-2").await;
    let machine = production.ec2.register_image().name("web").root_device_name("/dev/sda1").send().await;
    let image = machine.unwrap().image_id.unwrap();
    let ran = production.ec2.run_instances().image_id(image).min_count(1).max_count(1).send().await.unwrap();
    let id = ran.instances()[0].instance_id().unwrap();
    let tag = Tag::builder().key("app").value("orders").build();
    production.ec2.create_tags().resources(id).tags(tag).send().await.unwrap();
    let lost = format!("account: \"{PRODUCTION}\"");
    let text = playbook(&closet, &lost, "\"ec2:instance[tag:app=orders]\"", &up.url("/"));
    closet.moto.clear_log();
    let done = Drill::new(&text, closet.moto.endpoint()).run();
    // No step restores the machines, so the workload is not recovered.
    done.ends(1, "failed");
    let findings = done.report["findings"].as_array().unwrap();
    assert!(!findings.iter().any(|f| f["rule"] == "production-unseen"), "{findings:?}");
    assert!(done.calls("ec2:DescribeInstances") > 0);

    // Nothing of it is found in the regions that the playbook names: it may live in another one.
    let text = playbook(&closet, &lost, "\"rds:db/billing\"", &up.url("/"));
    let done = Drill::new(&text, closet.moto.endpoint()).run();
    done.ends(1, "failed");
    let findings = done.report["findings"].as_array().unwrap();
    let unseen = findings.iter().find(|f| f["rule"] == "production-unseen").unwrap();
    assert_eq!(unseen["resource"], "rds:db/billing", "{unseen}");
}
