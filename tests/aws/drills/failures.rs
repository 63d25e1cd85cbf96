//! A bad day: throttling, lost answers, targets that do not answer, a resource that cannot be
//! deleted, Ctrl-C.

use std::time::{Duration, Instant};

use serde_json::json;

use super::closet::Closet;
use super::drill::Drill;
use support::peers::{Answer, HttpTarget};
use support::ports::Reserved;

#[tokio::test]
async fn throttling_is_waited_out_and_lost_answers_duplicate_nothing() {
    let closet = Closet::open(1.0).await;
    let up = HttpTarget::start(Answer::status(200));
    closet.moto.faults(&json!([
        { "action": "RestoreDBInstanceFromDBSnapshot", "kind": "throttle", "times": 2 },
        { "action": "RestoreDBInstanceFromDBSnapshot", "kind": "drop_after", "times": 1 },
        { "action": "SimulatePrincipalPolicy", "kind": "drop_before", "times": 1 },
        { "action": "CreateVolume", "match": closet.snapshot, "kind": "drop_after", "times": 1 },
        { "action": "CreateVpc", "match": "10.70.", "kind": "drop_after", "times": 1 },
    ]));
    let done = closet.drill("bad-day", &up.url("/")).run();
    done.ends(0, "passed");
    for rule in closet.moto.faults_hit() {
        assert_eq!(rule["hits"], rule["times"], "{rule}");
    }
    let restores = &done.report["api_calls"]["rds:RestoreDBInstanceFromDBSnapshot"];
    assert_eq!(restores["throttled"], 2, "{restores}");
    assert_eq!(done.node("db")["status"], "succeeded");
    // The VPC, two subnets, two groups, a volume and a database were each created once.
    assert_eq!(done.report["teardown"]["created"], 7, "{}", done.told());
    done.nothing_is_left(&closet.moto, &closet.before);
}

#[tokio::test]
async fn what_does_not_answer_is_not_recovered() {
    let closet = Closet::open(1.0).await;
    let nobody = Reserved::new();
    let url = format!("http://{}/", nobody.address());
    let done = closet.drill("silent", &url).run();
    done.ends(1, "failed");
    let up = done.node("up");
    assert_eq!(up["status"], "unhealthy");
    assert!(up["because"].as_str().unwrap().contains("within 10s"), "{up}");
    assert!(up["tries"].as_u64().unwrap() >= 2, "{up}");
    let rto = &done.report["workloads"][0]["rto"];
    assert_eq!((&rto["status"], &rto["measured_s"]), (&json!("unknown"), &json!(null)));
    done.nothing_is_left(&closet.moto, &closet.before);
}

#[tokio::test]
async fn what_flaps_is_not_recovered() {
    let closet = Closet::open(1.0).await;
    let up = HttpTarget::start(Answer::status(200));
    // The target alternates between healthy and unhealthy.
    for request in 1..200 {
        up.then(request, Answer::status(if request % 2 == 0 { 200 } else { 503 }));
    }
    let playbook = closet.playbook(&Closet::head("flapping"), &up.url("/"));
    let playbook = playbook.replace("within: 10s", "within: 10s, stable_for: 1m");
    let done = Drill::new(&playbook, closet.moto.endpoint()).run();
    done.ends(1, "failed");
    let because = done.node("up")["because"].as_str().unwrap();
    assert!(because.contains("did not stay healthy") && because.contains("503"), "{because}");
    done.nothing_is_left(&closet.moto, &closet.before);
}

#[tokio::test]
async fn what_is_too_slow_misses_its_objective() {
    let closet = Closet::open(3.0).await;
    let up = HttpTarget::start(Answer::status(200));
    let playbook = closet.playbook(&Closet::head("slow"), &up.url("/")).replace("rto: 30m", "rto: 2s");
    let done = Drill::new(&playbook, closet.moto.endpoint()).run();
    done.ends(1, "failed");
    let orders = &done.report["workloads"][0];
    assert_eq!((&orders["recovered"], &orders["rto"]["status"]), (&json!(true), &json!("missed")));
    assert!(done.seconds("/workloads/0/rto/measured_s") >= 3.0);
    assert_eq!(orders["rpo"]["status"], "met", "{}", done.told());
    done.nothing_is_left(&closet.moto, &closet.before);
}

#[tokio::test]
async fn what_will_not_delete_is_named() {
    let closet = Closet::open(1.0).await;
    let up = HttpTarget::start(Answer::status(200));
    closet.moto.faults(&json!([{ "action": "DeleteVolume", "kind": "undeletable" }]));
    let done = closet.drill("clinging", &up.url("/")).arg("--teardown-timeout").arg("20s").run();
    // The drill itself passed, but the failed teardown decides the exit code.
    done.ends(4, "passed");
    let left = done.report["teardown"]["left_behind"].as_array().unwrap();
    let volume = done.node("volume")["resources"][0].as_str().unwrap().to_owned();
    assert_eq!(left.len(), 1, "{left:?}");
    let named = left[0].as_str().unwrap();
    assert!(
        named.contains("vol-") && volume.contains(named.split(['/', ' ']).nth(1).unwrap()),
        "{named}, {volume}"
    );
    assert!(done.stdout.contains("vol-"), "{}", done.told());
    // Everything else is gone.
    let ours = closet.moto.state()["resources"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|r| !r["tags"]["drillmaster:run"].is_null())
        .count();
    assert_eq!(ours, 1);
}

#[tokio::test]
async fn an_interrupted_drill_tears_down() {
    let closet = Closet::open(1.0).await;
    closet.moto.delays(&json!({ "db_instance": 3600 }));
    let mut running = closet.drill("cut-short", "http://127.0.0.1/").start();
    let began = Instant::now();
    while closet.count("RestoreDBInstanceFromDBSnapshot") == 0 {
        assert!(!running.is_over() && began.elapsed() < Duration::from_mins(5), "no restore was begun");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.signal("INT");
    let done = running.end();
    done.ends(130, "interrupted");
    assert_eq!(done.node("db")["status"], "failed", "{}", done.told());
    assert_eq!(done.node("up")["status"], "skipped");
    assert!(done.stderr.contains("tearing the sandbox down"), "{}", done.told());
    done.nothing_is_left(&closet.moto, &closet.before);
}

#[tokio::test]
async fn what_is_too_much_at_once_is_waited_for() {
    let closet = Closet::open(0.2).await;
    closet.moto.faults(&json!([{ "action": "CopySnapshot", "kind": "error", "code": "ResourceLimitExceeded",
        "status": 400, "times": 2,
        "message": "Too many snapshot copies in progress. The limit is 20 for this destination region." }]));
    let playbook = format!(
        "{}steps:\n  - {{ id: copy, uses: ec2.copy_snapshot, workload: orders, with: {{ from: {{ snapshot: {} }} }} }}\n\
         checks:\n  - {{ id: done, workload: orders, needs: [copy], command: {{ run: [\"true\"] }} }}\n",
        Closet::head("busy"),
        closet.snapshot
    );
    let done = Drill::new(&playbook, closet.moto.endpoint()).run();
    let copy = done.node("copy");
    assert_eq!((&copy["status"], &copy["attempts"]), (&json!("succeeded"), &json!(1)), "{}", done.told());
    // The pauses are 5 s and 10 s, and they count as part of the recovery.
    assert!(copy["seconds"].as_f64().unwrap() >= 15.0, "{copy}");
    assert_eq!(closet.count("CopySnapshot"), 3);
    done.nothing_is_left(&closet.moto, &closet.before);
}
