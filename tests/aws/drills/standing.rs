//! A sandbox that stays between drills: `sandbox up`, `status`, `down`, and drills that use it.

use std::time::Duration;

use serde_json::{Value, json};

use super::drill::{Done, Drill, Running};
use super::inside::small::Small;
use super::isolation::until;

/// Nobody watches names here, whose log would keep the lock of a dead runner for longer.
const STANDING: &str = "standing: quarterly, resolver: open";

fn playbook(small: &Small, ttl: &str) -> String {
    small.playbook(&format!("ttl: {ttl}, {STANDING}"), "2m")
}

fn run(small: &Small) -> Drill {
    Drill::new(&playbook(small, "1h"), small.closet.moto.endpoint())
}

fn sandbox(small: &Small, what: &str) -> Done {
    command(small, what).run()
}

fn command(small: &Small, what: &str) -> Drill {
    let args = ["sandbox", what, "playbook.yaml", "--output", "json"];
    Drill::command(&playbook(small, "1h"), small.closet.moto.endpoint(), &args)
}

fn told(done: &Done) -> Value {
    serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{}", done.told()))
}

/// Makes the sandbox, and returns the peer's state with it.
fn up(small: &Small) -> Value {
    let up = sandbox(small, "up");
    assert_eq!(up.exit, Some(0), "{}", up.told());
    assert_eq!(told(&up)["usable"], true, "{}", up.told());
    small.closet.moto.state()
}

fn down(small: &Small) {
    // Who removes a probe needs no program for one.
    let down = command(small, "down").without_probe().run();
    assert_eq!(down.exit, Some(0), "{}", down.told());
    assert_eq!(small.closet.moto.state().to_string(), small.before.to_string());
}

/// A drill that waits for a file after its machine is up.
async fn held(small: &Small, ttl: &str, patience: &str) -> Running {
    let hold = "steps:\n  - { id: hold, uses: command.run, with: { run: [sh, -c, \"until [ -e go ]; do sleep 0.1; done\"] } }\n";
    let playbook = playbook(small, ttl).replace("steps:\n", hold);
    let mut running =
        Drill::new(&playbook, small.closet.moto.endpoint()).arg("--teardown-timeout").arg(patience).start();
    until(&mut running, "holding", |r| r["event"] == "step_started" && r["step"] == "hold").await;
    until(&mut running, "a machine", |r| r["event"] == "step_succeeded" && r["step"] == "web").await;
    running
}

#[tokio::test]
async fn drills_use_it_and_leave_it_empty() {
    let small = Small::open(1.0, 1.0).await;
    let status = sandbox(&small, "status");
    assert_eq!(status.exit, Some(1), "{}", status.told());
    let missing = run(&small).run();
    missing.ends(3, "error");
    assert!(missing.stderr.contains("drillmaster sandbox up"), "{}", missing.told());
    assert_eq!(small.closet.moto.state(), small.before, "nothing was made");

    let standing = up(&small);
    // What is there is not made again.
    assert_eq!(up(&small), standing);
    for _ in 0..2 {
        let done = run(&small).run();
        done.ends(0, "passed");
        assert_eq!(done.report["sandbox"]["standing"], "quarterly", "{}", done.told());
        assert_eq!(done.report["sandbox"]["isolation_verified"], true, "{}", done.told());
        assert_eq!(done.node("up")["status"], "healthy", "{}", done.told());
        // No VPC, no subnet and no function was made, and none was deleted.
        assert_eq!(done.calls("ec2:CreateVpc") + done.calls("lambda:CreateFunction"), 0);
        assert_eq!(done.report["teardown"]["created"], done.report["teardown"]["deleted"]);
        assert_eq!(done.report["teardown"]["left_behind"], json!([]), "{}", done.told());
        assert_eq!(small.closet.moto.state(), standing, "{}", done.told());
    }
    let status = sandbox(&small, "status");
    assert_eq!((status.exit, &told(&status)["missing"]), (Some(0), &json!([])), "{}", status.told());
    let swept =
        Drill::command(&playbook(&small, "1h"), small.closet.moto.endpoint(), &["sweep", "playbook.yaml"]);
    let swept = swept.run();
    assert_eq!(swept.exit, Some(0), "{}", swept.told());
    assert!(swept.stdout.contains("standing sandbox `quarterly`"), "{}", swept.told());
    down(&small);
}

#[tokio::test]
async fn one_drill_at_a_time_uses_it() {
    let small = Small::open(0.5, 0.5).await;
    let standing = up(&small);
    let running = held(&small, "1h", "10m").await;
    let second = run(&small).run();
    second.ends(3, "error");
    assert!(second.stderr.contains("in use by the run"), "{}", second.told());
    for (what, code) in [("status", 1), ("down", 3), ("up", 3)] {
        let refused = sandbox(&small, what);
        assert_eq!(refused.exit, Some(code), "{what}: {}", refused.told());
    }
    let alone = command(&small, "up").without_probe().run();
    assert_eq!(alone.exit, Some(2), "{}", alone.told());
    assert!(alone.stderr.contains("install `drillmaster-probe`"), "{}", alone.told());
    std::fs::write(running.file("go"), "").unwrap();
    running.end().ends(0, "passed");
    assert_eq!(small.closet.moto.state(), standing);
    down(&small);
}

/// A dead runner holds it until its drill has expired. Then the next drill removes what it left.
#[tokio::test]
async fn a_dead_runner_does_not_hold_it_for_ever() {
    let small = Small::open(0.5, 0.5).await;
    let standing = up(&small);
    let running = held(&small, "90s", "1s").await;
    running.signal("KILL");
    let dead = running.end();
    assert_eq!(dead.exit, None, "{}", dead.told());
    assert_ne!(small.closet.moto.state(), standing, "it left something");
    let early = run(&small).run();
    early.ends(3, "error");
    assert!(early.stderr.contains("in use by the run"), "{}", early.told());
    let done = loop {
        let done = run(&small).run();
        if done.exit == Some(0) {
            break done;
        }
        assert!(done.stderr.contains("in use by the run"), "{}", done.told());
        tokio::time::sleep(Duration::from_secs(2)).await;
    };
    done.ends(0, "passed");
    assert_eq!(small.closet.moto.state(), standing, "{}", done.told());
    // The dead run cannot go on with a sandbox that it has lost.
    let late = dead.then(small.closet.moto.endpoint(), &["resume", "out"]).run();
    assert_ne!(late.exit, Some(0), "{}", late.told());
    assert_eq!(small.closet.moto.state(), standing, "{}", late.told());
    down(&small);
}

#[tokio::test]
async fn what_is_in_it_already_stops_a_drill() {
    let small = Small::open(0.0, 0.5).await;
    let standing = up(&small);
    let ec2 = &small.closet.raw.ec2;
    let subnets = ec2.describe_subnets().send().await.unwrap();
    let of_ours = |subnet: &&aws::sdk::aws_sdk_ec2::types::Subnet| {
        subnet
            .tags()
            .iter()
            .any(|tag| tag.value().is_some_and(|value| value.starts_with("standing-quarterly")))
    };
    let subnet = subnets.subnets().iter().find(of_ours).unwrap().subnet_id().unwrap().to_owned();
    let made =
        ec2.create_network_interface().subnet_id(subnet).description("left over").send().await.unwrap();
    let id = made.network_interface.unwrap().network_interface_id.unwrap();
    let done = run(&small).run();
    done.ends(3, "error");
    assert!(done.stderr.contains("is not empty") && done.stderr.contains(&id), "{}", done.told());
    let status = sandbox(&small, "status");
    assert_eq!((status.exit, &told(&status)["usable"]), (Some(1), &json!(false)), "{}", status.told());
    assert!(status.stdout.contains("left over"), "{}", status.told());
    ec2.delete_network_interface().network_interface_id(id).send().await.unwrap();
    assert_eq!(small.closet.moto.state(), standing);
    run(&small).run().ends(0, "passed");
    down(&small);
}
