//! The drill inspects the real state of the sandbox. If somebody opens the sandbox, before T0 or
//! while the drill runs, the drill notices and does not pass. The test itself plays that outsider.
//! It acts while a step waits for a file, and then writes the file.

use aws::sdk::{aws_sdk_ec2, aws_sdk_lambda, aws_sdk_route53};
use std::time::Duration;

use aws_sdk_ec2::types::{
    CreateVolumePermission, CreateVolumePermissionModifications, IamInstanceProfileSpecification,
    IpPermission, IpRange, LaunchPermission, LaunchPermissionModifications, PermissionGroup,
};
use port::SCAN_CALLS;
use serde_json::{Value, json};

use super::closet::{Closet, creations};
use super::drill::{Done, Drill, Running};
use super::shop::{PRODUCTION, SANDBOX, WEST};

/// A playbook with these steps and one more, which waits until the test has changed the sandbox.
fn playbook(head: &str, steps: &str, needs: &str) -> String {
    format!(
        "{}steps:
{steps}  - {{ id: hold, uses: command.run, workload: orders, needs: [{needs}], with: {{ run: [sh, -c, \"until [ -e go ]; do sleep 0.1; done\"] }} }}
checks:
  - {{ id: fine, workload: orders, needs: [hold], command: {{ run: [\"true\"] }} }}
",
        head.replace(", rpo: 1d", "")
    )
}

/// Waits until the journal holds a record for which `holds` is true.
pub async fn until(running: &mut Running, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    loop {
        let journal = std::fs::read_to_string(running.file("out/journal.ndjson")).unwrap_or_default();
        let mut records = journal.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        if let Some(found) = records.find(|record| holds(record)) {
            return found;
        }
        assert!(!running.is_over(), "the drill ended without {what}: {journal}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn until_held(running: &mut Running) {
    until(running, "holding", |r| r["event"] == "step_started" && r["step"] == "hold").await;
}

fn go_on(running: &Running) {
    std::fs::write(running.file("go"), "").unwrap();
}

/// The resource of this kind that the run made, according to its journal.
async fn made(running: &mut Running, kind: &str) -> String {
    let of = |r: &Value| r["resources"][0]["kind"] == kind && r["event"] == "created";
    until(running, kind, of).await["resources"][0]["id"].as_str().unwrap().to_owned()
}

fn to(cidr: &str) -> IpPermission {
    IpPermission::builder().ip_protocol("-1").ip_ranges(IpRange::builder().cidr_ip(cidr).build()).build()
}

/// Asserts that the drill was carried out and failed only because of its sandbox: every objective
/// is met.
#[track_caller]
fn failed(done: &Done, rule: &str, words: &[&str]) {
    done.ends(1, "failed");
    let reasons = done.report["reasons"].to_string();
    let all = ["after T0"].iter().chain(words).all(|word| reasons.contains(word));
    assert!(all, "{words:?} are not among the reasons: {reasons}");
    let findings = done.report["findings"].as_array().unwrap();
    let named = |f: &&Value| {
        f["rule"] == rule && f["severity"] == "high" && words.iter().all(|w| f.to_string().contains(w))
    };
    assert!(findings.iter().any(|f| named(&f)), "{rule}, {words:?}: {findings:#?}");
    assert_eq!(done.report["workloads"][0]["rto"]["status"], "met");
    assert_eq!(done.report["sandbox"]["isolation_verified"], false);
}

fn monitor(done: &Done) -> Vec<Value> {
    let journal = std::fs::read_to_string(done.file("out/journal.ndjson")).unwrap();
    let records = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|r| r["event"] == "isolation").collect()
}

const COPIES: &str =
    "  - { id: snapshot, uses: ec2.copy_snapshot, workload: orders, with: { from: { snapshot: SNAPSHOT } } }
  - { id: image, uses: ec2.copy_image, workload: orders, with: { image: IMAGE } }
  - { id: db-copy, uses: rds.copy_snapshot, workload: orders, with: { from: { snapshot: orders-1 } } }
";

fn copies(closet: &Closet) -> String {
    COPIES.replace("SNAPSHOT", &closet.snapshot).replace("IMAGE", &closet.image)
}

/// The control: the same drills pass when nobody opens the sandbox. The inspections make exactly
/// the calls that they declare.
#[tokio::test]
async fn a_sandbox_that_nobody_opens_passes() {
    let closet = Closet::open(0.5).await;
    let steps = format!(
        "{}  - {{ id: web, uses: ec2.launch, workload: orders, with: {{ image: {}, type: t3.small }} }}\n  - {{ id: address, uses: ec2.allocate_address, workload: orders }}\n",
        copies(&closet),
        closet.image
    );
    let playbook = playbook(&Closet::head("closed"), &steps, "snapshot, image, db-copy, web, address");
    let mut running = Drill::new(&playbook, closet.moto.endpoint()).start();
    until_held(&mut running).await;
    until(&mut running, "a look", |r| r["event"] == "isolation" && r["stage"] == "after_t0").await;
    go_on(&running);
    let done = running.end();
    done.ends(0, "passed");
    assert_eq!(done.report["sandbox"]["isolation_verified"], true, "{}", done.told());
    let monitor = monitor(&done);
    assert_eq!(monitor.first().unwrap()["stage"], "before_t0");
    assert_eq!(monitor.last().unwrap()["stage"], "last");
    assert!(monitor.iter().filter(|l| l["stage"] == "after_t0").count() >= 1, "{monitor:?}");
    assert!(monitor.iter().all(|l| l["exposures"].is_null() && l["unknown"].is_null()), "{monitor:#?}");
    // us-east-1 is lost, and Route 53's control plane with it. So Route 53 is asked only before T0
    // and after the recovery.
    assert_eq!(done.calls("route53:ListHostedZonesByVPC"), 2);
    assert_eq!(done.report["denied_calls"], json!([]));
    for call in SCAN_CALLS.iter().filter(|call| !call.contains("Cluster")) {
        // This drill made no bucket and no cluster.
        assert!(
            call.starts_with("s3:") || done.calls(call) > 0,
            "{call} was not called: {}",
            done.report["api_calls"]
        );
    }
    done.nothing_is_left(&closet.moto, &closet.before);
}

#[tokio::test]
async fn a_group_that_a_hand_opens_before_t0_stops_the_drill() {
    let closet = Closet::open(1.0).await;
    let playbook = playbook(&Closet::head("opened-early"), &copies(&closet), "snapshot");
    let mut running = Drill::new(&playbook, closet.moto.endpoint()).start();
    let vpc = made(&mut running, "vpc").await;
    let ec2 = &closet.raw.ec2;
    // A new security group allows all outgoing traffic.
    let group = ec2.create_security_group().group_name("by-hand").description("x").vpc_id(&vpc);
    let group = group.send().await.unwrap().group_id.unwrap();
    ec2.authorize_security_group_ingress()
        .group_id(&group)
        .ip_permissions(to("203.0.113.0/24"))
        .send()
        .await
        .unwrap();
    // The group does not belong to the run. Teardown can remove neither the group nor the VPC until
    // the group's owner has deleted it.
    until(&mut running, "the VPC's deletion", |r| {
        r["event"] == "delete_intent" && r["resource"]["kind"] == "vpc"
    })
    .await;
    ec2.delete_security_group().group_id(&group).send().await.unwrap();
    let done = running.end();
    done.ends(3, "error");
    let told = done.told();
    for words in [
        "the sandbox is not isolated",
        &group,
        "lets traffic out to 0.0.0.0/0",
        "lets traffic in from 203.0.113.0/24",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(done.report["t0"], Value::Null);
    assert!(!creations(&closet.moto).iter().any(|call| call["action"] == "CopySnapshot"));
    done.nothing_is_left(&closet.moto, &closet.before);
}

/// The sandbox is opened while the drill runs, and closed again before it ends. It still counts as
/// opened.
#[tokio::test]
async fn a_group_that_a_hand_opens_after_t0_fails_the_drill() {
    let closet = Closet::open(0.5).await;
    let first = "  - { id: first, uses: command.run, workload: orders, with: { run: [sh, -c, \"until [ -e first ]; do sleep 0.1; done\"] } }\n";
    let playbook = playbook(&Closet::head("opened-late"), &(copies(&closet) + first), "first");
    let mut running = Drill::new(&playbook, closet.moto.endpoint()).start();
    until(&mut running, "a beginning", |r| r["event"] == "step_started" && r["step"] == "first").await;
    let group = made(&mut running, "security_group").await;
    let ec2 = &closet.raw.ec2;
    ec2.authorize_security_group_egress()
        .group_id(&group)
        .ip_permissions(to("0.0.0.0/0"))
        .send()
        .await
        .unwrap();
    std::fs::write(running.file("first"), "").unwrap();
    until(&mut running, "a look", |r| r["event"] == "isolation" && !r["exposures"].is_null()).await;
    ec2.revoke_security_group_egress().group_id(&group).ip_permissions(to("0.0.0.0/0")).send().await.unwrap();
    go_on(&running);
    let done = running.end();
    failed(&done, "sandbox-open", &[&group, "lets traffic out to 0.0.0.0/0"]);
    assert!(monitor(&done).last().unwrap()["exposures"].is_null(), "it was closed again");
    done.nothing_is_left(&closet.moto, &closet.before);
}

/// What a function sends and gets over Lambda's API passes no rule of the network.
#[tokio::test]
async fn a_function_that_a_hand_makes_inside_fails_the_drill() {
    use aws_sdk_lambda::types::{FunctionCode, Runtime, VpcConfig};
    /// A zip file with nothing in it: the end of its directory alone.
    const EMPTY: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let closet = Closet::open(0.5).await;
    closet.moto.delays(&json!({ "function_interface": 0.0 }));
    let wish = json!({ "account": SANDBOX, "name": "theirs" });
    let role = closet.moto.call("POST", "/peer/roles", Some(&wish))["arn"].as_str().unwrap().to_owned();
    let before = closet.moto.state();
    let playbook = playbook(&Closet::head("function"), &copies(&closet), "snapshot");
    let mut running = Drill::new(&playbook, closet.moto.endpoint()).start();
    until_held(&mut running).await;
    let (subnet, group) = (made(&mut running, "subnet").await, made(&mut running, "security_group").await);
    let network = VpcConfig::builder().subnet_ids(subnet).security_group_ids(group).build();
    let code = FunctionCode::builder().zip_file(EMPTY.to_vec().into()).build();
    let function = closet.raw.lambda.create_function().function_name("theirs").role(role).code(code);
    let function = function.runtime(Runtime::Providedal2023).handler("bootstrap").vpc_config(network);
    function.send().await.unwrap();
    go_on(&running);
    // While the function is there, its subnet cannot be deleted.
    until(&mut running, "the subnet's deletion", |r| {
        r["event"] == "delete_intent" && r["resource"]["kind"] == "subnet"
    })
    .await;
    closet.raw.lambda.delete_function().function_name("theirs").send().await.unwrap();
    let done = running.end();
    failed(
        &done,
        "sandbox-open",
        &["theirs", "a function of AWS Lambda that is not the run's is in the VPC"],
    );
    done.nothing_is_left(&closet.moto, &before);
}

/// A name that is looked up leaves the sandbox, and passes no rule of the network.
#[tokio::test]
async fn a_resolver_that_a_hand_opens_fails_the_drill() {
    let closet = Closet::open(0.5).await;
    let head = Closet::head("resolver").replace("ttl: 1h", "ttl: 1h, resolver: closed");
    let mut running =
        Drill::new(&playbook(&head, &copies(&closet), "snapshot"), closet.moto.endpoint()).start();
    until_held(&mut running).await;
    let (vpc, group) = (made(&mut running, "vpc").await, made(&mut running, "rule_group").await);
    let resolver = &closet.raw.resolver;
    resolver
        .update_firewall_config()
        .resource_id(&vpc)
        .firewall_fail_open("ENABLED".into())
        .send()
        .await
        .unwrap();
    let placed = resolver.list_firewall_rule_group_associations().firewall_rule_group_id(&group).send().await;
    let placed = placed.unwrap().firewall_rule_group_associations.unwrap()[0].id.clone().unwrap();
    let off = resolver.disassociate_firewall_rule_group().firewall_rule_group_association_id(&placed);
    off.send().await.unwrap();
    let rules = resolver.list_firewall_rules().firewall_rule_group_id(&group).send().await.unwrap();
    let last = rules.firewall_rules().iter().max_by_key(|rule| rule.priority()).unwrap();
    let last = last.firewall_domain_list_id().unwrap();
    let theirs =
        resolver.create_firewall_domain_list().name("theirs").creator_request_id("theirs").send().await;
    let theirs = theirs.unwrap().firewall_domain_list.unwrap().id.unwrap();
    resolver
        .delete_firewall_rule()
        .firewall_rule_group_id(&group)
        .firewall_domain_list_id(last)
        .send()
        .await
        .unwrap();
    let lets =
        resolver.create_firewall_rule().firewall_rule_group_id(&group).firewall_domain_list_id(&theirs);
    lets.priority(1).action("ALLOW".into()).name("theirs").creator_request_id("1").send().await.unwrap();
    go_on(&running);
    // The run may not touch a list that is not its own, so nor may it delete the rule.
    until(&mut running, "a look", |r| r["event"] == "isolation" && r.to_string().contains("are let through"))
        .await;
    let gone =
        resolver.delete_firewall_rule().firewall_rule_group_id(&group).firewall_domain_list_id(&theirs);
    gone.send().await.unwrap();
    let done = running.end();
    for said in [
        "the firewall of names is not in force for the VPC",
        "names are answered where the firewall fails",
        "the last rule does not refuse all other names",
        &format!("names of {theirs} are let through"),
    ] {
        failed(&done, "sandbox-resolver-opened", &[&group, said]);
    }
    resolver.delete_firewall_domain_list().firewall_domain_list_id(&theirs).send().await.unwrap();
    done.nothing_is_left(&closet.moto, &closet.before);
}

#[tokio::test]
async fn copies_that_a_hand_shares_fail_the_drill() {
    let closet = Closet::open(0.5).await;
    let playbook = playbook(&Closet::head("shared"), &copies(&closet), "snapshot, image, db-copy");
    let mut running = Drill::new(&playbook, closet.moto.endpoint()).start();
    until_held(&mut running).await;
    let (ec2, rds) = (&closet.raw.ec2, &closet.raw.rds);
    let snapshot = made(&mut running, "snapshot").await;
    let everybody = CreateVolumePermission::builder().group(PermissionGroup::All).build();
    let everybody = CreateVolumePermissionModifications::builder().add(everybody).build();
    ec2.modify_snapshot_attribute()
        .snapshot_id(&snapshot)
        .attribute(aws_sdk_ec2::types::SnapshotAttributeName::CreateVolumePermission)
        .create_volume_permission(everybody)
        .operation_type(aws_sdk_ec2::types::OperationType::Add)
        .group_names("all")
        .send()
        .await
        .unwrap();
    let image = made(&mut running, "image").await;
    let other = LaunchPermission::builder().user_id(PRODUCTION).build();
    let other = LaunchPermissionModifications::builder().add(other).build();
    ec2.modify_image_attribute().image_id(&image).launch_permission(other).send().await.unwrap();
    let db = made(&mut running, "db_snapshot").await;
    let share = rds.modify_db_snapshot_attribute().db_snapshot_identifier(&db).attribute_name("restore");
    share.values_to_add("all").send().await.unwrap();
    go_on(&running);
    let done = running.end();
    let shared = format!("the image is shared with {PRODUCTION}");
    failed(&done, "sandbox-data-shared", &[&snapshot, "the snapshot is public"]);
    failed(&done, "sandbox-data-shared", &[&image, &shared]);
    failed(&done, "sandbox-data-shared", &[&db, "the snapshot is public"]);
    done.nothing_is_left(&closet.moto, &closet.before);
}

#[tokio::test]
async fn an_instance_that_a_hand_gives_a_role_fails_the_drill() {
    let closet = Closet::open(0.5).await;
    let profile = json!({ "Resources": {
        "Role": { "Type": "AWS::IAM::Role", "Properties": { "RoleName": "admin", "AssumeRolePolicyDocument": {
            "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Principal": { "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole" }] } } },
        "Profile": { "Type": "AWS::IAM::InstanceProfile", "Properties": { "InstanceProfileName": "admin", "Roles": [{ "Ref": "Role" }] } },
    } });
    let stack = closet.raw.cloudformation.create_stack().stack_name("iam").template_body(profile.to_string());
    closet.moto.delays(&json!({ "default": 0 }));
    stack.send().await.unwrap();
    closet.moto.delays(&json!({ "default": 0.5 }));
    let before = closet.moto.state();
    let steps = format!(
        "  - {{ id: web, uses: ec2.launch, workload: orders, with: {{ image: {}, type: t3.small }} }}\n",
        closet.image
    );
    let playbook = playbook(&Closet::head("somebody"), &steps, "web");
    let mut running = Drill::new(&playbook, closet.moto.endpoint()).start();
    until_held(&mut running).await;
    let instance = made(&mut running, "instance").await;
    let profile = IamInstanceProfileSpecification::builder().name("admin").build();
    let given = closet.raw.ec2.associate_iam_instance_profile().instance_id(&instance);
    given.iam_instance_profile(profile).send().await.unwrap();
    go_on(&running);
    let done = running.end();
    let arn = format!("arn:aws:iam::{SANDBOX}:instance-profile/admin");
    failed(&done, "sandbox-role", &[&instance, &arn]);
    assert_eq!(done.report["teardown"]["left_behind"], json!([]), "{}", done.told());
    assert_eq!(closet.moto.state(), before);
}

fn denied(action: &str) -> Value {
    let message = format!("User: drill is not authorized to perform: {action}");
    json!([{ "action": action, "kind": "error", "code": "UnauthorizedOperation", "status": 403, "message": message, "times": 99 }])
}

/// A sandbox that cannot be inspected does not count as closed. Before T0 the drill stops, and
/// names the call that it needs.
#[tokio::test]
async fn a_look_that_is_denied_before_t0_stops_the_drill() {
    let closet = Closet::open(0.5).await;
    closet.moto.faults(&denied("DescribeNatGateways"));
    let playbook = playbook(&Closet::head("blind"), &copies(&closet), "snapshot");
    let done = Drill::new(&playbook, closet.moto.endpoint()).run();
    done.ends(3, "error");
    let told: String = done.told().split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "the sandbox could not be proved closed",
        "ec2:DescribeNatGateways: UnauthorizedOperation",
        "they only read",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(done.report["t0"], Value::Null);
    done.nothing_is_left(&closet.moto, &closet.before);
}

/// After T0 a failed inspection fails the drill, unless a later one sees what it could not.
#[tokio::test]
async fn a_look_that_is_denied_after_t0_is_no_pass() {
    let closet = Closet::open(0.5).await;
    let steps = copies(&closet);
    let names = "snapshot, image, db-copy";
    let run = async |name: &str, blind_to_the_end: bool| {
        let playbook = playbook(&Closet::head(name), &steps, names);
        let mut running = Drill::new(&playbook, closet.moto.endpoint()).start();
        until(&mut running, "T0", |r| r["event"] == "disaster_declared").await;
        closet.moto.faults(&denied("DescribeSnapshotAttribute"));
        until(&mut running, "a blind look", |r| r["event"] == "isolation" && !r["unknown"].is_null()).await;
        if !blind_to_the_end {
            closet.moto.faults(&json!([]));
        }
        go_on(&running);
        let done = running.end();
        closet.moto.faults(&json!([]));
        done
    };
    let done = run("blind", true).await;
    done.ends(1, "failed");
    let reasons = done.report["reasons"].to_string();
    let words = ["whether the sandbox was closed is unknown", "ec2:DescribeSnapshotAttribute"];
    assert!(words.iter().all(|w| reasons.contains(w)), "{reasons}");
    let findings = done.report["findings"].as_array().unwrap();
    assert!(
        findings.iter().any(|f| f["rule"] == "isolation-unknown" && f["severity"] == "high"),
        "{findings:?}"
    );
    let done = run("seeing-again", false).await;
    done.ends(0, "passed");
    assert_eq!(done.report["sandbox"]["isolation_verified"], true);
}

/// A private hosted zone gives names, but no network path. The report mentions it, and the drill
/// does not fail.
#[tokio::test]
async fn a_private_zone_is_told() {
    let closet = Closet::open(0.5).await;
    let playbook = playbook(&Closet::head("zoned"), &copies(&closet), "snapshot, image, db-copy");
    let mut running = Drill::new(&playbook, closet.moto.endpoint()).start();
    until_held(&mut running).await;
    let vpc = made(&mut running, "vpc").await;
    let vpc = aws_sdk_route53::types::Vpc::builder().vpc_id(vpc).vpc_region(WEST.into()).build();
    let zone = closet.raw.route53.create_hosted_zone().name("corp.internal").caller_reference("x").vpc(vpc);
    let private = aws_sdk_route53::types::HostedZoneConfig::builder().private_zone(true).build();
    let zone = zone.hosted_zone_config(private);
    let zone = zone.send().await.unwrap().hosted_zone.unwrap().id;
    go_on(&running);
    let done = running.end();
    done.ends(0, "passed");
    let findings = done.report["findings"].as_array().unwrap();
    let found = findings.iter().find(|f| f["rule"] == "sandbox-private-zone");
    let found = found.unwrap_or_else(|| panic!("{findings:#?}"));
    assert_eq!(found["severity"], "medium");
    assert!(found["message"].as_str().unwrap().contains("corp.internal"), "{found}");
    assert!(zone.ends_with(found["resource"].as_str().unwrap()), "{zone}: {found}");
}
