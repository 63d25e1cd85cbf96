//! Exit code 3: what keeps a drill from being carried out is told before anything is created, or at least before T0.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::closet::{Closet, creations};
use crate::drill::{Done, Drill, Running, role};
use crate::peers::free_port;
use crate::shop::{BACKUP, SANDBOX};

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
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    let playbook = format!(
        "{}steps:\n  - {{ id: ip, uses: ec2.allocate_address, workload: orders }}\nchecks:\n  - {{ id: up, workload: orders, needs: [ip], http: {{ url: \"http://127.0.0.1/\" }} }}\n",
        Closet::head("nobody-there")
    );
    let done = Drill::new(&playbook, &endpoint).run();
    done.ends(3, "error");
    says(&done, &["AWS_ENDPOINT_URL"]);
    assert!(done.took < Duration::from_secs(10), "{:?}", done.took);
}

#[tokio::test]
async fn an_open_sandbox_ends_the_drill_before_t0() {
    let closet = Closet::open(1.0).await;
    // Somebody's automation that connects every new VPC to the internet.
    let mut running = closet.drill("open", "http://127.0.0.1/").start();
    let vpc = first_vpc(&closet, &mut running).await;
    let gateway = closet.raw.ec2.create_internet_gateway().send().await.unwrap();
    let gateway = gateway.internet_gateway.unwrap().internet_gateway_id.unwrap();
    let attach = closet.raw.ec2.attach_internet_gateway().internet_gateway_id(&gateway).vpc_id(&vpc);
    attach.send().await.unwrap();
    // While it is there, teardown cannot remove the VPC; it is patient, and the automation's owner takes it away.
    let began = Instant::now();
    while closet.count("DeleteVpc") == 0 && began.elapsed() < Duration::from_secs(60) {
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

/// The id of the sandbox's VPC, as soon as there is one.
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
