//! Loss enforcement on the twin. A call that would touch lost resources is denied and recorded. Its
//! step fails, and nothing is created. The values come from the environment or a param, so
//! validation cannot see them.

use serde_json::json;
use support::drill::{Drill, Run};

/// Checks the only denied call: its step failed for that reason and created nothing.
#[track_caller]
fn denied(run: &Run, step: &str, call: &str, locus: &str, why: &str) {
    run.exits(1).is_clean();
    let list = run.at("/denied_calls").as_array().unwrap();
    assert_eq!(list.len(), 1, "{list:#?}\n{}", run.stderr);
    let denial = &list[0];
    assert_eq!((&denial["call"], &denial["step"]), (&json!(call), &json!(step)), "{denial:#}");
    assert!(denial["locus"].as_str().unwrap().contains(locus), "{denial:#}");
    assert!(denial["why"].as_str().unwrap().contains(why), "{denial:#}");
    let failed = run.step(step);
    assert_eq!(failed["status"], "failed", "{failed:#}");
    let because = failed["because"].as_str().unwrap();
    assert!(because.contains(why) && because.contains(call), "{because}");
    // The refusal is final. Another attempt would be refused as well.
    assert_eq!(failed["attempts"], 1);
    assert_eq!(failed["resources"], json!([]));
    assert!(run.events("created").iter().all(|e| e["by"] != step));
    // The call did not reach the cloud.
    let asked = run.at("/api_calls").get(call).map_or(0, |c| c["count"].as_u64().unwrap());
    let others = run.events("created").iter().filter(|e| e["by"] != "teardown").count() as u64;
    assert!(asked == 0 || asked < others, "{call} was made {asked} times");
}

const EXTRA: &str = "- id: extra\n  workload: orders\n  retry: { attempts: 3, backoff: 1s }\n";

fn region_loss(step: &str) -> Drill {
    Drill::of("region-loss").step(&format!("{EXTRA}{step}"))
}

#[test]
fn a_copy_from_the_lost_region() {
    let arn = "arn:aws:rds:us-east-1:111122223333:snapshot:orders-east-1h";
    let drill =
        region_loss("  uses: rds.copy_snapshot\n  with: { from: { snapshot: \"{{ params.snapshot }}\" } }")
            .playbook("params: {", "params: { snapshot: none,");
    let run = drill.run_with(&["--param", &format!("snapshot={arn}")]);
    denied(&run, "extra", "rds:CopyDBSnapshot", "us-east-1", "read from region us-east-1, which is lost");
    // Only the name is given. The estate says where the snapshot lies.
    let run = drill.run_with(&["--param", "snapshot=orders-east-1h"]);
    denied(&run, "extra", "rds:CopyDBSnapshot", "us-east-1", "the recovery point lies in");
    let images = region_loss("  uses: ec2.copy_image\n  with: { image: \"{{ env.IMAGE }}\" }")
        .env("IMAGE", "ami-east");
    denied(&images.run(), "extra", "ec2:CopyImage", "us-east-1", "which is lost");
}

#[test]
fn a_restore_from_the_lost_region() {
    let launch = region_loss("  uses: ec2.launch\n  with: { image: \"{{ env.IMAGE }}\", type: t4g.small }");
    denied(&launch.env("IMAGE", "ami-east").run(), "extra", "ec2:RunInstances", "us-east-1", "which is lost");
    let volume = region_loss(
        "  uses: ec2.restore_volume\n  with: { from: { volume: vol-0c3, point: \"{{ env.POINT }}\" } }",
    );
    denied(&volume.env("POINT", "snap-0c3").run(), "extra", "ec2:CreateVolume", "us-east-1", "which is lost");
}

#[test]
fn a_bucket_in_the_lost_region() {
    let drill = region_loss(
        "  uses: s3.restore\n  with: { from: { bucket: orders-receipts-replica, region: \"{{ params.region }}\" }, to: again }",
    )
    .playbook("params: {", "params: { region: us-west-2,");
    drill.run_with(&[]).exits(1).is("/denied_calls", json!([])).is_clean();
    let run = drill.run_with(&["--param", "region=us-east-1"]);
    denied(&run, "extra", "s3:GetObject", "us-east-1", "us-east-1 is lost: its endpoints do not answer");
}

#[test]
fn a_bucket_created_after_t0_with_us_east_1_lost() {
    let step = "  uses: s3.restore\n  needs: [db]\n  with: { from: { bucket: orders-receipts-replica }, to: \"late-{{ steps.db.port }}\" }";
    let run = region_loss(step).run();
    denied(&run, "extra", "s3:CreateBucket", "us-east-1", "control plane lives in us-east-1");
    run.because(&["step `extra`", "prepare it before the disaster"]);
    // The step whose bucket the playbook names succeeds. Its bucket was made before T0 and is
    // removed afterwards.
    assert_eq!(run.step("receipts")["status"], "succeeded");
    // S3 still creates buckets when another region is lost.
    let step = step.replace("orders-receipts-replica", "orders-receipts");
    let run = Drill::of("az-loss").step(&format!("- id: extra\n{step}")).run();
    run.exits(0).is("/denied_calls", json!([])).is_clean();
    assert_eq!(run.step("extra")["resources"].as_array().unwrap().len(), 1);
}

fn account_loss(step: &str) -> Drill {
    Drill::of("account-loss").step(&format!("{EXTRA}{step}"))
}

#[test]
fn what_belongs_to_the_lost_account() {
    let arn = "arn:aws:rds:us-west-2:111122223333:snapshot:orders-west-2h";
    let restore = "  uses: rds.restore\n  with: { from: { snapshot: \"{{ env.SNAPSHOT }}\" } }";
    let call = "rds:RestoreDBInstanceFromDBSnapshot";
    // The snapshot lies in a surviving region and is shared with the sandbox. A drill without a
    // gate would use it.
    for name in [arn, "orders-west-2h"] {
        let run = account_loss(restore).env("SNAPSHOT", name).run();
        denied(&run, "extra", call, "111122223333", "which is lost");
    }
    let pinned = "  uses: rds.restore\n  with: { from: { db: orders, point: \"{{ env.SNAPSHOT }}\" } }";
    let run = account_loss(pinned).env("SNAPSHOT", "orders-west-2h").run();
    denied(&run, "extra", call, "111122223333", "which is lost");
    let point = run.one("/recovery_points", "id", "orders-west-2h");
    assert_eq!((&point["used_by"], &point["why_not"]), (&json!(null), &json!("it is lost")));
    let copy = "  uses: rds.copy_snapshot\n  with: { from: { snapshot: \"{{ env.SNAPSHOT }}\" } }";
    let run = account_loss(copy).env("SNAPSHOT", arn).run();
    denied(&run, "extra", "rds:CopyDBSnapshot", "111122223333", "which is lost");
    let image = "  uses: ec2.launch\n  with: { image: \"{{ env.IMAGE }}\", type: t4g.small }";
    let run = account_loss(image).env("IMAGE", "ami-west").run();
    denied(&run, "extra", "ec2:RunInstances", "111122223333", "which is lost");
    // The vault's snapshot survives.
    let run = account_loss(restore).env("SNAPSHOT", "orders-vault-25h").run();
    run.exits(1).is("/denied_calls", json!([])).is_clean();
    assert_eq!(run.step("extra")["status"], "succeeded");
}

#[test]
fn the_credentials_of_the_lost_account() {
    let step = "  uses: s3.restore\n  with: { from: { bucket: orders-receipts-replica, account: \"{{ env.WHO }}\" }, to: again }";
    let run = account_loss(step).env("WHO", "production").run();
    denied(&run, "extra", "s3:GetObject", "111122223333", "its credentials are not to be used");
    let run = account_loss(step).env("WHO", "backup").run();
    assert_eq!(run.step("extra")["status"], "succeeded");
    run.is("/denied_calls", json!([]));
}

#[test]
fn the_lost_zone() {
    for (uses, call) in [
        (
            "uses: ec2.restore_volume\n  with: { from: { volume: vol-0c3 }, az: \"{{ env.ZONE }}\" }",
            "ec2:CreateVolume",
        ),
        (
            "uses: rds.restore_to_time\n  with: { from: { db: orders }, az: \"{{ env.ZONE }}\" }",
            "rds:RestoreDBInstanceToPointInTime",
        ),
    ] {
        let drill = || Drill::of("az-loss").step(&format!("{EXTRA}  {uses}"));
        let run = drill().env("ZONE", "use1-az1").run();
        denied(&run, "extra", call, "use1-az1", "availability zone use1-az1 is lost");
        drill().env("ZONE", "use1-az2").run().exits(0).is("/denied_calls", json!([])).is_clean();
    }
}

/// Copies of a snapshot mostly keep its name. The loss of one must not affect the surviving one.
#[test]
fn a_surviving_snapshot_with_the_name_of_a_lost_one() {
    let drill = Drill::of("region-loss")
        .estate("id: orders-west-2h,", "id: orders-nightly,")
        .estate("id: orders-east-1h,", "id: orders-nightly,")
        .playbook("account: sandbox\n", "account: production\n")
        .playbook("db: orders, point: latest", "db: orders, point: orders-nightly");
    let run = drill.run();
    run.is("/denied_calls", json!([])).is_clean();
    assert_eq!(run.step("db")["status"], "succeeded", "{:#}", run.step("db"));
    run.is("/workloads/0/rpo/measured_s", 7380.0);
}

/// Teardown cleans up although the control planes are lost. Before T0, nothing is denied.
#[test]
fn the_harness_is_not_denied() {
    let run = Drill::of("region-loss").run();
    run.is("/denied_calls", json!([])).is_clean();
    assert_eq!(run.at("/api_calls/s3:CreateBucket/count"), 1);
    assert_eq!(run.at("/api_calls/s3:DeleteBucket/count"), 1);
}

/// Two regions hold snapshots of the same name. The report shows the one that was used, not the
/// lost one.
#[test]
fn a_lost_namesake_is_not_shown_as_what_was_used() {
    let mut drill = Drill::of("region-loss");
    assert!(drill.estate.contains("id: orders-east-1h"));
    drill.estate = drill.estate.replace("id: orders-east-1h", "id: orders-west-2h");
    let run = drill.run();
    let rows = run.at("/recovery_points").as_array().unwrap().clone();
    let named: Vec<_> = rows.iter().filter(|row| row["id"] == "orders-west-2h").collect();
    assert_eq!(named.len(), 2, "{rows:?}");
    for row in named {
        let used = row["region"] == "us-west-2";
        assert_eq!(row["used_by"].is_string(), used, "{row}");
        assert_eq!(row["why_not"].is_string(), !used, "{row}");
    }
}
