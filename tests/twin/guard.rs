//! The guard: what it checks before anything is changed. It stops a drill that names resources of
//! others.

mod liar;

use std::path::PathBuf;
use std::rc::Rc;

use base::ids::RunId;
use drillmaster::config;
use event::Phase;
use liar::Liar;
use port::Guard;
use port::Protected;
use port::{CopyPoint, Create, ErrorKind, Operation, Place, RunTags};
use support::drill::{Drill, drillmaster};

const PRODUCTION: &str = "111122223333";
const SANDBOX: &str = "999988887777";

fn place(account: &str, region: &str) -> Place {
    Place { account: account.parse().unwrap(), region: region.parse().unwrap() }
}

fn guard(cloud: &Rc<Liar>, protected: Protected) -> Guard {
    let run_tags = RunTags::new(RunId("20260301T120000Z-x-1f3a".into()), chrono::DateTime::UNIX_EPOCH);
    Guard::new(Rc::<Liar>::clone(cloud), place(SANDBOX, "us-west-2"), run_tags, protected)
}

async fn refused(guard: &Guard, place: &Place, operation: Operation) -> Option<String> {
    match guard.permit(place, operation, "ec2:CreateVpc").await {
        Ok(permit) => {
            assert_eq!(permit.place(), place);
            permit.covers(operation, place, "ec2:CreateVpc").unwrap();
            None
        }
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::Guarded, "{error}");
            assert!(error.help.is_some(), "{error} does not say what to do");
            Some(error.message)
        }
    }
}

#[tokio::test]
async fn only_the_sandbox_is_changed() {
    let cloud = Liar::honest();
    let guard = guard(&cloud, Protected::default());
    guard.enter(Phase::Recover);
    assert_eq!(refused(&guard, &place(SANDBOX, "us-west-2"), Operation::Create).await, None);
    for elsewhere in [place(PRODUCTION, "us-west-2"), place(SANDBOX, "us-east-1")] {
        let why = refused(&guard, &elsewhere, Operation::Create).await.unwrap();
        assert!(why.contains("is not the sandbox") && why.contains(elsewhere.account.as_str()), "{why}");
    }
}

#[tokio::test]
async fn each_phase_allows_its_own_changes() {
    let cloud = Liar::honest();
    let guard = guard(&cloud, Protected::default());
    let at = place(SANDBOX, "us-west-2");
    let allowed = async || {
        let mut all = Vec::new();
        for operation in [Operation::Create, Operation::Write, Operation::Delete] {
            if refused(&guard, &at, operation).await.is_none() {
                all.push(operation);
            }
        }
        all
    };
    assert_eq!(allowed().await, [], "before anything has begun");
    for (phase, deeds) in [
        (Phase::Preflight, &[][..]),
        (Phase::Prepare, &[Operation::Create, Operation::Write]),
        (Phase::Recover, &[Operation::Create, Operation::Write]),
        (Phase::Teardown, &[Operation::Delete]),
    ] {
        guard.enter(phase);
        assert_eq!(allowed().await, deeds, "{phase:?}");
    }
}

/// The permit is for one recovery point, one role and one vault of the run.
#[tokio::test]
async fn a_permit_to_copy_is_good_for_no_other_copy() {
    let cloud = Liar::honest();
    let guard = guard(&cloud, Protected::default()).with_copied_from([PRODUCTION.parse().unwrap()].into());
    guard.enter(Phase::Recover);
    let copy = CopyPoint {
        recovery_point: "arn:aws:backup:eu-west-1:111122223333:recovery-point:1".into(),
        from: place(PRODUCTION, "eu-west-1"),
        source_vault: "far".into(),
        to: place(SANDBOX, "us-west-2"),
        vault: "dm-1f3a-vault".into(),
        role: "arn:aws:iam::111122223333:role/copy".into(),
        name: "fetch".into(),
        size: base::duration::Size(0),
        created: None,
    };
    let permit = guard.permit_creation(&copy.to, &Create::CopyPoint(copy.clone())).await.unwrap();
    permit.covers_creation(&Create::CopyPoint(copy.clone())).unwrap();
    let other = |change: fn(&mut CopyPoint)| {
        let mut other = copy.clone();
        change(&mut other);
        permit.covers_creation(&Create::CopyPoint(other)).map_err(|error| error.kind)
    };
    for change in [
        (|copy| copy.recovery_point.push('2')) as fn(&mut CopyPoint),
        |copy| copy.vault = "production".into(),
        |copy| copy.role = "arn:aws:iam::111122223333:role/admin".into(),
        |copy| copy.to = place(PRODUCTION, "us-west-2"),
        |copy| copy.from = place(PRODUCTION, "us-east-1"),
    ] {
        assert_eq!(other(change), Err(ErrorKind::Guarded));
    }
}

#[tokio::test]
async fn a_permit_is_good_for_nothing_else() {
    let cloud = Liar::honest();
    let guard = guard(&cloud, Protected::default());
    guard.enter(Phase::Teardown);
    let at = place(SANDBOX, "us-west-2");
    let permit = guard.permit(&at, Operation::Delete, "x").await.unwrap();
    permit.covers(Operation::Delete, &at, "x").unwrap();
    for (operation, at) in [
        (Operation::Create, at.clone()),
        (Operation::Write, at),
        (Operation::Delete, place(PRODUCTION, "us-west-2")),
    ] {
        assert_eq!(permit.covers(operation, &at, "x").unwrap_err().kind, ErrorKind::Guarded);
    }
}

#[tokio::test]
async fn credentials_are_confirmed_whenever_they_change() {
    let cloud = Liar::honest();
    let guard = guard(&cloud, Protected::default());
    guard.enter(Phase::Prepare);
    let at = place(SANDBOX, "us-west-2");
    let (one, two, three) = tokio::join!(
        refused(&guard, &at, Operation::Create),
        refused(&guard, &at, Operation::Create),
        refused(&guard, &at, Operation::Write)
    );
    assert_eq!((one, two, three), (None, None, None));
    assert_eq!(cloud.asked.get(), 1, "many calls ask once");
    cloud.generation.set(1);
    assert_eq!(refused(&guard, &at, Operation::Create).await, None);
    assert_eq!(refused(&guard, &at, Operation::Create).await, None);
    assert_eq!(cloud.asked.get(), 2, "other credentials are asked about again");
    cloud.generation.set(2);
    cloud.answers(PRODUCTION);
    for _ in 0..2 {
        let why = refused(&guard, &at, Operation::Create).await.unwrap();
        assert_eq!(why, format!("the credentials for account {SANDBOX} belong to account {PRODUCTION}"));
    }
    cloud.answers(SANDBOX);
    assert_eq!(refused(&guard, &at, Operation::Create).await, None);
    cloud.generation.set(3);
    cloud.fails();
    let error = guard.permit(&at, Operation::Create, "x").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Network, "what cannot be confirmed is not permitted");
}

#[tokio::test]
async fn a_protected_account_is_never_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, format!("protected_accounts: [\"{SANDBOX}\"]\n")).unwrap();
    let protected = config::load(Some((path, true))).unwrap().protected();
    let cloud = Liar::honest();
    let guard = guard(&cloud, protected);
    for phase in [Phase::Prepare, Phase::Recover, Phase::Teardown] {
        guard.enter(phase);
        for operation in [Operation::Create, Operation::Write, Operation::Delete] {
            let why = refused(&guard, &place(SANDBOX, "us-west-2"), operation).await.unwrap();
            assert!(why.contains("is protected") && why.contains("config.yaml"), "{why}");
        }
    }
    assert_eq!(cloud.asked.get(), 0);
}

/// Runs the program with this configuration, at each place where the file may lie.
fn with_config(drill: &Drill, text: &str, args: &[&str]) -> Vec<(i32, String)> {
    let path = drill.write();
    let home = drill.folder().join("home/.config/drillmaster");
    let xdg = drill.folder().join("xdg/drillmaster");
    let file = |folder: &PathBuf| {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("config.yaml"), text).unwrap();
        folder.join("config.yaml")
    };
    let (home_file, xdg_file) = (file(&home), file(&xdg));
    let run = |more: &[&str], variables: &[(&str, PathBuf)]| {
        let mut command = drillmaster();
        command.args(args).arg(&path).args(more).envs(variables.iter().map(|(k, v)| (k, v)));
        let output = command.current_dir(drill.folder()).output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(told).unwrap())
    };
    vec![
        run(&["--config", xdg_file.to_str().unwrap()], &[]),
        run(&[], &[("DRILLMASTER_CONFIG", home_file)]),
        run(&[], &[("XDG_CONFIG_HOME", drill.folder().join("xdg"))]),
        run(&[], &[("HOME", drill.folder().join("home"))]),
    ]
}

#[test]
fn a_sandbox_in_a_protected_account_is_a_mistake() {
    let drill = Drill::of("region-loss");
    for command in ["validate", "plan", "run"] {
        for (code, told) in with_config(&drill, &format!("protected_accounts: [\"{SANDBOX}\"]"), &[command]) {
            assert_eq!(code, 2, "{told}");
            assert!(told.contains("playbook.yaml:") && told.contains("account: sandbox"), "{told}");
            assert!(told.contains(&format!("account {SANDBOX} is protected")), "{told}");
            assert!(told.contains("config.yaml"), "it does not say who protects it: {told}");
        }
        assert!(!drill.folder().join("runs").exists(), "{command} has begun a run");
    }
    // The list is meant to protect production.
    for (code, told) in with_config(&drill, &format!("protected_accounts: [\"{PRODUCTION}\"]"), &["validate"])
    {
        assert_eq!(code, 0, "{told}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_stops_everything() {
    let drill = Drill::of("region-loss");
    for (text, word) in [
        ("protected_account: [\"111122223333\"]", "protected_accounts"),
        ("protected_accounts: [111122223333]", "quotes"),
        ("protected_accounts: [\"1111\"]", "12"),
        ("- x", "configuration"),
    ] {
        for (code, told) in with_config(&drill, text, &["run"]) {
            assert_eq!(code, 2, "{told}");
            assert!(told.contains("config.yaml:1:") && told.contains(word), "no `{word}`: {told}");
        }
    }
    let path = drill.write();
    let output = drillmaster().arg("run").arg(path).args(["--config", "/no/such.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("/no/such.yaml"));
    assert!(!drill.folder().join("runs").exists());
}

/// A production volume next to the sandbox, in the sandbox's own account and region.
const LIVE: &str = "  - { id: \"ec2:volume/vol-live\", account: \"999988887777\", region: us-west-2, az: usw2-az1, size: 1GiB }";

#[test]
fn a_playbook_that_names_what_is_productions_is_stopped() {
    let drill = Drill::of("region-loss")
        .estate("\nresources:\n", &format!("\nresources:\n{LIVE}\n"))
        .playbook("      count: 2\n", "      count: 2\n      volumes: [vol-live]\n");
    let run = drill.run();
    run.exits(1).is_clean();
    let because = run.step("web")["because"].as_str().unwrap();
    assert!(because.contains("vol-live was not made by this run"), "{because}");
    let launched = run.events("intent").iter().any(|e| e["call"] == "ec2:RunInstances");
    assert!(!launched, "machines were started all the same");
}

#[test]
fn a_targets_name_never_means_productions_bucket() {
    let drill = Drill::of("region-loss").playbook("to: receipts", "to: orders-receipts-replica");
    let run = drill.run();
    run.is_clean();
    assert_eq!(run.step("receipts")["status"], "succeeded");
    let made = run.step("receipts")["resources"].to_string();
    assert!(!made.contains("s3:bucket/orders-receipts-replica "), "{made}");
    for event in run.events("delete_intent").iter().chain(&run.events("deleted")) {
        let id = event["resource"]["id"].as_str().unwrap();
        assert!(id != "orders-receipts-replica", "{event}");
    }
}
