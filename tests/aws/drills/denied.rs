//! From T0 on, what is lost is out of reach. A step that needs it fails with the reason. The report
//! lists the denied call, and the peer's log shows that it was never sent.

use aws::sdk::{aws_config, aws_credential_types, aws_sdk_sts, aws_smithy_http_client};
use serde_json::Value;

use super::closet::Closet;
use super::drill::{Done, Drill, role};
use super::shop::{BACKUP, EAST, PRODUCTION, SANDBOX, Shop};

#[track_caller]
fn denied(done: &Done, step: &str, call: &str, why: &str) {
    let denied = done.report["denied_calls"].as_array().unwrap();
    let found = denied.iter().find(|d| d["step"] == step && d["call"] == call);
    let found = found.unwrap_or_else(|| panic!("{call} of {step} is not among {denied:?}: {}", done.told()));
    assert!(found["why"].as_str().unwrap().contains(why), "{found}");
    let node = done.node(step);
    assert_eq!(node["status"], "failed", "{node}");
    assert!(node["because"].as_str().unwrap().contains(why), "{node}");
}

#[tokio::test]
async fn the_lost_region_and_its_control_planes_are_not_called() {
    let shop = Shop::open(1.0).await;
    let before = shop.moto.state();
    let playbook = format!(
        "{}params: {{ snapshot: none }}
steps:
  - {{ id: copy, uses: rds.copy_snapshot, workload: orders, with: {{ from: {{ snapshot: \"{{{{ params.snapshot }}}}\" }} }} }}
  - {{ id: name, uses: command.run, workload: orders, with: {{ run: [printf, late] }} }}
  - {{ id: bucket, uses: s3.restore, workload: orders, with: {{ from: {{ bucket: orders-receipts-replica }}, to: \"{{{{ steps.name.stdout }}}}\" }} }}
checks:
  - {{ id: there, workload: orders, needs: [bucket], s3: {{ bucket: \"{{{{ steps.bucket.bucket }}}}\" }} }}
",
        Closet::head("too-late").replace(
            "accounts: {",
            &format!("accounts: {{ backup: {{ id: \"{BACKUP}\", role: \"{}\" }},", role(BACKUP))
        )
    );
    let arn = format!("arn:aws:rds:us-east-1:{PRODUCTION}:snapshot:orders-east-1h");
    let drill = Drill::new(&playbook, shop.moto.endpoint());
    let done = drill.arg("--param").arg(format!("snapshot={arn}")).run();
    done.ends(1, "failed");
    done.nothing_is_left(&shop.moto, &before);
    denied(&done, "copy", "rds:CopyDBSnapshot", "would read from region us-east-1");
    denied(&done, "bucket", "s3:CreateBucket", "control plane lives in us-east-1");
    assert_eq!(done.node("there")["status"], "skipped");
    assert!(shop.moto.calls("CopyDBSnapshot").is_empty());
    assert!(shop.moto.calls("CreateBucket").is_empty());
    assert!(shop.moto.log().iter().all(|call| call["region"] != EAST));
}

#[tokio::test]
async fn the_lost_accounts_credentials_and_points_are_not_used() {
    let shop = Shop::open(1.0).await;
    let before = shop.moto.state();
    let accounts = [("production", PRODUCTION), ("backup", BACKUP)]
        .map(|(name, id)| format!("{name}: {{ id: \"{id}\", role: \"{}\" }}, ", role(id)));
    let head = Closet::head_losing("stolen", &format!("account: \"{PRODUCTION}\""), &role(SANDBOX));
    let playbook = format!(
        "{}params: {{ snapshot: none, who: sandbox }}
steps:
  - {{ id: db, uses: rds.restore, workload: orders, with: {{ from: {{ snapshot: \"{{{{ params.snapshot }}}}\" }} }} }}
  - {{ id: receipts, uses: s3.restore, workload: orders, with: {{ from: {{ bucket: orders-receipts-replica, account: \"{{{{ params.who }}}}\" }}, to: receipts }} }}
checks:
  - {{ id: there, workload: orders, needs: [receipts], s3: {{ bucket: \"{{{{ steps.receipts.bucket }}}}\" }} }}
",
        head.replace("accounts: { ", &format!("accounts: {{ {}", accounts.concat()))
    );
    let arn = format!("arn:aws:rds:us-west-2:{PRODUCTION}:snapshot:orders-west-2h");
    let drill = Drill::new(&playbook, shop.moto.endpoint());
    let drill = drill.arg("--param").arg(format!("snapshot={arn}"));
    let done = drill.arg("--param").arg("who=production").run();
    done.ends(1, "failed");
    done.nothing_is_left(&shop.moto, &before);
    denied(&done, "receipts", "s3:GetObject", "credentials are not to be used");
    let why = format!("belongs to account {PRODUCTION}, which is lost");
    denied(&done, "db", "rds:RestoreDBInstanceFromDBSnapshot", &why);
    assert!(shop.moto.calls("RestoreDBInstanceFromDBSnapshot").is_empty());
    let used = |call: &Value| {
        call["account"] == PRODUCTION
            || call["params"]["RoleArn"].as_str().is_some_and(|r| r.contains(PRODUCTION))
    };
    let log = shop.moto.log();
    let used: Vec<&Value> = log.iter().filter(|call| used(call)).collect();
    assert!(used.is_empty(), "{used:?}");
}

/// A role is assumed with some account's credentials. If they belong to the lost account, the role
/// cannot be assumed any more.
#[tokio::test]
async fn the_lost_accounts_credentials_open_no_other_account() {
    let shop = Shop::open(1.0).await;
    // A profile holds credentials of production.
    let base = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .endpoint_url(shop.moto.endpoint())
        .region(aws_config::Region::new("us-west-2"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(aws_credential_types::Credentials::new("test", "test", None, None, "test"));
    let assumed = aws_sdk_sts::Client::new(&base.load().await).assume_role().role_session_name("thief");
    let keys = assumed.role_arn(role(PRODUCTION)).send().await.unwrap().credentials.unwrap();
    let profile = format!(
        "[stolen]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}\n",
        keys.access_key_id, keys.secret_access_key, keys.session_token
    );
    shop.moto.clear_log();
    let before = shop.moto.state();
    let playbook = |sandbox: &str, backup: &str| {
        let head = Closet::head_losing("stolen", &format!("account: \"{PRODUCTION}\""), &role(SANDBOX));
        let head = head.replace(
            "accounts: { sandbox: { ",
            &format!(
                "accounts: {{ backup: {{ id: \"{BACKUP}\", role: \"{}\"{backup} }}, sandbox: {{ {sandbox}",
                role(BACKUP)
            ),
        );
        format!(
            "{head}steps:
  - {{ id: receipts, uses: s3.restore, workload: orders, with: {{ from: {{ bucket: orders-receipts-replica, account: backup }}, to: receipts }} }}
checks:
  - {{ id: there, workload: orders, needs: [receipts], s3: {{ bucket: \"{{{{ steps.receipts.bucket }}}}\" }} }}
"
        )
    };
    let run = |playbook: &str| {
        let drill = Drill::new(playbook, shop.moto.endpoint());
        drill.folder_for(".aws");
        drill.file(".aws/credentials", &profile);
        drill.run()
    };
    let by_the_thief = || {
        let log =
            shop.moto.log().into_iter().filter(|call| call["access_key"] == keys.access_key_id.as_str());
        log.map(|call| call["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let done = run(&playbook("", ", profile: stolen"));
    done.ends(1, "failed");
    done.nothing_is_left(&shop.moto, &before);
    denied(
        &done,
        "receipts",
        "s3:GetBucketVersioning",
        &format!("obtained with those of account {PRODUCTION}"),
    );
    // Before T0 the role is still assumed, to look for recovery points. From T0 on, no request is
    // made with these keys.
    assert_eq!(by_the_thief(), ["GetCallerIdentity", "AssumeRole"]);
    let findings = done.report["findings"].as_array().unwrap();
    let out_of_reach = findings.iter().find(|f| f["rule"] == "account-out-of-reach").unwrap();
    assert!(out_of_reach["message"].as_str().unwrap().contains(PRODUCTION), "{out_of_reach}");

    // Here the sandbox's role needs the lost account's credentials, so the drill cannot be carried
    // out.
    shop.moto.clear_log();
    let done = run(&playbook("profile: stolen, ", ""));
    done.ends(3, "error");
    assert!(
        done.stderr.contains(&format!("credentials of account {PRODUCTION}, which the drill loses")),
        "{}",
        done.told()
    );
    assert!(done.stderr.contains("a way in that survives"), "{}", done.told());
    assert_eq!(by_the_thief(), ["GetCallerIdentity"]);
    assert_eq!(super::closet::creations(&shop.moto), Vec::<Value>::new());
}

#[tokio::test]
async fn nothing_is_created_in_the_lost_zone() {
    let closet = Closet::open(1.0).await;
    let head = Closet::head_losing("dark-zone", "az: usw2-az1", &role(SANDBOX));
    let step = |id: &str, az: &str| {
        let from = &closet.snapshot;
        format!(
            "  - {{ id: {id}, uses: ec2.restore_volume, workload: orders, with: {{ from: {{ snapshot: {from} }}, az: \"{az}\" }} }}\n"
        )
    };
    let playbook = format!(
        "{head}params: {{ zone: usw2-az2 }}\nsteps:\n{}{}checks:
  - {{ id: state, workload: orders, needs: [light], state: {{ of: \"{{{{ steps.light.volume_id }}}}\" }} }}\n",
        step("dark", "{{ params.zone }}"),
        step("light", "usw2-az2"),
    );
    let drill = Drill::new(&playbook, closet.moto.endpoint());
    let done = drill.arg("--param").arg("zone=usw2-az1").run();
    done.ends(1, "failed");
    done.nothing_is_left(&closet.moto, &closet.before);
    denied(&done, "dark", "ec2:CreateVolume", "usw2-az1 is lost");
    assert_eq!(done.node("light")["status"], "succeeded", "{}", done.told());
    let made = closet.moto.calls("CreateVolume");
    let made: Vec<&Value> = made.iter().filter(|c| c["params"]["DryRun"].is_null()).collect();
    assert_eq!(made.len(), 1, "{made:?}");
    // This account's name for usw2-az2 is us-west-2a.
    assert_eq!(made[0]["params"]["AvailabilityZone"], "us-west-2a", "{}", made[0]);
}
