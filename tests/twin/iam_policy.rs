//! `drillmaster iam-policy`: its output for each sample, as golden files, and the rules that every
//! printed policy follows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::Value;
use support::golden;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const SAMPLES: [&str; 3] = ["region-loss", "az-loss", "account-loss"];

fn told(args: &[&str], folder: &Path) -> (Option<i32>, String, String) {
    let mut command = support::places::drillmaster();
    let output = command.current_dir(folder).arg("iam-policy").args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn samples() -> PathBuf {
    Path::new(ROOT).join("drills")
}

fn printed(args: &[&str], folder: &Path) -> Value {
    let (code, stdout, stderr) = told(&[args, &["--output", "json"]].concat(), folder);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

fn several(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(all) => all.iter().map(|v| v.as_str().unwrap()).collect(),
        one => vec![one.as_str().unwrap()],
    }
}

fn statements(account: &Value) -> Vec<&Value> {
    let documents = account["policies"].as_array().unwrap();
    documents.iter().flat_map(|d| d["Statement"].as_array().unwrap()).collect()
}

#[test]
fn the_samples_have_these_policies() {
    for sample in SAMPLES {
        let playbook = format!("{sample}.yaml");
        let (code, stdout, stderr) = told(&[&playbook], &samples());
        assert_eq!(code, Some(0), "{stderr}");
        golden!("iam", sample, &format!("{stdout}--- stderr\n{stderr}"));
        assert_eq!(told(&[&playbook], &samples()).1, stdout, "it is the same each time");
    }
    golden::are_all_of("iam", &SAMPLES.map(str::to_owned));
}

/// A playbook for a database in `lost`, with the sandbox in `sandbox`.
fn of_step(lost: &str, sandbox: &str, step: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "name: orders\nlose: {{ region: {lost} }}\naccounts: {{ sandbox: {{ id: \"111122223333\" }} }}\n\
         sandbox: {{ account: sandbox, region: {sandbox}, network: {{ cidr: 10.66.0.0/16 }}, ttl: 4h }}\n\
         workloads: {{ orders: {{ objectives: {{ rto: 1h }}, resources: [\"rds:db/orders\"] }} }}\n\
         steps: [ {{ id: db, workload: orders, {step} }} ]\n\
         checks: [ {{ id: up, workload: orders, needs: [db], tcp: {{ address: \"{{{{ steps.db.endpoint }}}}\" }} }} ]\n"
    );
    std::fs::write(folder.path().join("playbook.yaml"), text).unwrap();
    folder
}

#[test]
fn a_replica_may_be_made_in_both_regions() {
    let step = "uses: rds.promote_replica, with: { from: { db: orders, source_region: us-east-1 } }";
    let folder = of_step("us-east-1", "us-west-2", step);
    let printed = printed(&["playbook.yaml"], folder.path());
    let of_source = |statement: &&Value| {
        several(&statement["Action"]).contains(&"rds:CreateDBInstanceReadReplica")
            && several(&statement["Resource"]).contains(&"arn:aws:rds:*:111122223333:db:*")
    };
    let all = statements(&printed["accounts"][0]);
    let statement = all.iter().find(|statement| of_source(statement)).unwrap();
    let regions = several(&statement["Condition"]["StringEquals"]["aws:RequestedRegion"]);
    assert_eq!(regions, ["us-east-1", "us-west-2"]);
}

/// Without an estate, a drill asks each account for what the workloads list, and the lost account
/// too. With an estate it asks for nothing.
#[test]
fn what_workloads_list_is_looked_up_only_without_an_estate() {
    let lost = "rds:DescribeDBInstances";
    let folder = tempfile::tempdir().unwrap();
    let text = "name: orders\nlose: { account: \"444455556666\" }\n\
         accounts: { sandbox: { id: \"111122223333\" }, production: { id: \"444455556666\" } }\n\
         sandbox: { account: sandbox, region: us-west-2, network: { cidr: 10.66.0.0/16 }, ttl: 4h }\n\
         workloads: { orders: { objectives: { rto: 1h }, resources: [RESOURCES] } }\n\
         steps: [ { id: db, workload: orders, uses: rds.restore, with: { from: { snapshot: orders-1 } } } ]\n\
         checks: [ { id: up, workload: orders, needs: [db], tcp: { address: \"{{ steps.db.endpoint }}\" } } ]\n";
    let actions_of = |resources: &str| -> Vec<(String, BTreeSet<String>)> {
        let text = text.replace("RESOURCES", resources);
        std::fs::write(folder.path().join("playbook.yaml"), text).unwrap();
        let printed = printed(&["playbook.yaml"], folder.path());
        let accounts = printed["accounts"].as_array().unwrap().clone();
        let actions = |account: &Value| {
            let all = statements(account).into_iter().flat_map(|statement| several(&statement["Action"]));
            all.map(str::to_owned).collect()
        };
        accounts.iter().map(|a| (a["account"].as_str().unwrap().to_owned(), actions(a))).collect()
    };
    for (resources, expected) in [
        ("\"rds:db/orders\"", &["ec2:DescribeAvailabilityZones", lost][..]),
        ("\"rds:cluster/ledger\"", &["rds:DescribeDBClusters"]),
        ("\"s3:bucket/receipts\"", &["s3:GetBucketLocation", "s3:ListAllMyBuckets"]),
        (
            "\"s3:bucket[tag:app=orders]\"",
            &["s3:GetBucketLocation", "s3:GetBucketTagging", "s3:ListAllMyBuckets"],
        ),
        ("\"ec2:volume[tag:app=orders]\"", &["ec2:DescribeAvailabilityZones", "ec2:DescribeVolumes"]),
    ] {
        let accounts = actions_of(resources);
        let of_lost = accounts.iter().find(|(id, _)| id == "444455556666").map(|(_, actions)| actions);
        let expected: BTreeSet<String> = expected.iter().map(|action| (*action).to_owned()).collect();
        assert_eq!(of_lost, Some(&expected), "{resources}");
    }
    // A type that cannot be asked for needs no permission.
    assert_eq!(actions_of("\"dynamodb:table/orders\"").len(), 1);
    let sample = printed(&["account-loss.yaml"], &samples());
    let ids = sample["accounts"].as_array().unwrap().iter().map(|a| a["account"].as_str().unwrap());
    assert!(!ids.collect::<Vec<_>>().contains(&"111122223333"), "the lost account has no policy");
}

#[test]
fn arns_are_of_the_sandboxs_partition() {
    let step = "uses: rds.restore, with: { from: { db: orders } }";
    for (lost, sandbox, partition) in [
        ("us-isob-east-1", "us-isob-west-1", "aws-iso-b"),
        ("cn-north-1", "cn-northwest-1", "aws-cn"),
        ("us-gov-east-1", "us-gov-west-1", "aws-us-gov"),
        ("eusc-de-west-1", "eusc-de-east-1", "aws-eusc"),
    ] {
        let folder = of_step(lost, sandbox, step);
        let (code, stdout, stderr) = told(&["playbook.yaml"], folder.path());
        assert_eq!(code, Some(0), "{stderr}");
        assert!(stdout.contains(&format!("arn:{partition}:rds:{sandbox}:")), "{stdout}");
        assert!(!stdout.contains("arn:aws:"), "{stdout}");
    }
}

/// Whether the action only reads or lists. No other action is allowed in accounts that do not hold
/// the sandbox.
fn reads(action: &str) -> bool {
    let (_, name) = action.split_once(':').unwrap();
    ["Describe", "List", "Get"].iter().any(|verb| name.starts_with(verb))
        || action == "iam:SimulatePrincipalPolicy"
}

#[test]
fn every_policy_keeps_to_its_account_region_and_tags() {
    for sample in SAMPLES {
        let printed = printed(&[&format!("{sample}.yaml")], &samples());
        let accounts = printed["accounts"].as_array().unwrap();
        assert_eq!(accounts.iter().filter(|a| a["changes"] == true).count(), 1);
        for account in accounts {
            let mut sids = BTreeSet::new();
            for document in account["policies"].as_array().unwrap() {
                assert_eq!(document["Version"], "2012-10-17");
                let length = document.to_string().chars().filter(|c| !c.is_whitespace()).count();
                assert!(length <= 6_144, "{length}");
            }
            for statement in statements(account) {
                let sid = statement["Sid"].as_str().unwrap();
                assert!(sid.bytes().all(|b| b.is_ascii_alphanumeric()) && sids.insert(sid), "{sid}");
                assert_eq!(statement["Effect"], "Allow");
                let actions = several(&statement["Action"]);
                assert!(actions.iter().all(|a| !a.contains('*')), "{actions:?}");
                assert!(account["changes"] == true || actions.iter().all(|a| reads(a)), "{statement:#}");
                // Each role that preflight asks about has a statement.
                if sid.starts_with("ProveIAM") {
                    continue;
                }
                let tests = &statement["Condition"];
                // Route 53 has no regions.
                let is_global = actions.iter().all(|a| a.starts_with("route53:"));
                assert!(
                    is_global || tests["StringEquals"]["aws:RequestedRegion"] != Value::Null,
                    "{statement:#}"
                );
                // A statement about all resources may only read.
                if statement["Resource"] == "*" {
                    assert!(actions.iter().all(|a| reads(a)), "{statement:#}");
                }
                // Actions that delete or change need the run's tag, or a name that only runs give.
                let tagged = tests["StringLike"]["aws:ResourceTag/drillmaster:run"] == "*";
                let named = several(&statement["Resource"]).iter().all(|on| on.contains("dm-????????-*"));
                let changes = |action: &&&str| {
                    let name = action.split(':').nth(1).unwrap();
                    ["Delete", "Terminate", "Modify", "Deregister", "Release", "Attach"]
                        .iter()
                        .any(|verb| name.starts_with(verb))
                };
                for action in actions.iter().filter(changes) {
                    assert!(tagged || named, "{action}: {statement:#}");
                }
            }
        }
    }
}

#[test]
fn the_lost_account_needs_none() {
    let printed = printed(&["account-loss.yaml"], &samples());
    let accounts = printed["accounts"].as_array().unwrap();
    assert!(accounts.iter().all(|a| a["account"] != "111122223333"), "{printed:#}");
    let (code, _, stderr) = told(&["account-loss.yaml", "--account", "production"], &samples());
    assert_eq!(code, Some(2));
    assert!(stderr.contains("no account `production`") && stderr.contains("backup"), "{stderr}");
}

const PLAYBOOK: &str = r#"
name: narrow
lose: { region: us-east-1 }
objectives: { rto: 1h, rpo: 1d }
accounts:
  sandbox: { id: "999988887777", role: "arn:aws:iam::999988887777:role/dr/drillmaster", external_id: quarterly }
sandbox: { account: sandbox, region: us-west-2, network: { cidr: 10.66.0.0/16, azs: 2 }, ttl: 1h }
params: { key: "arn:aws:kms:us-west-2:999988887777:key/1234" }
workloads: { orders: {} }
steps:
  - id: copy
    uses: rds.copy_snapshot
    workload: orders
    with: { from: { snapshot: "arn:aws:rds:us-west-2:111122223333:snapshot:a" }, kms_key: "{{ params.key }}" }
  - id: db
    uses: rds.restore
    workload: orders
    with: { from: { snapshot: "{{ steps.copy.snapshot_id }}" } }
  - id: stack
    uses: cloudformation.deploy
    workload: orders
    with: { name: web, template: web.json }
checks:
  - id: up
    workload: orders
    needs: [db, stack]
    sql: { url: 'postgres://drill:{{ secret "aws:drill/db#password" }}@{{ steps.db.endpoint }}/x', query: "select 1", expect: "== 1" }
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("playbook.yaml"), PLAYBOOK).unwrap();
    let template = r#"{ "Parameters": { "VpcId": { "Type": "String" }, "VpcCidr": { "Type": "String" } }, "Resources": {
        "G": { "Type": "AWS::EC2::SecurityGroup", "Properties": { "GroupDescription": "web", "VpcId": { "Ref": "VpcId" },
            "SecurityGroupEgress": [ { "IpProtocol": "-1", "CidrIp": { "Ref": "VpcCidr" } } ] } },
        "Q": { "Type": "AWS::SQS::Queue" } } }"#;
    std::fs::write(folder.path().join("web.json"), template).unwrap();
    folder
}

#[test]
fn what_arguments_name_is_all_that_is_allowed() {
    let folder = folder();
    let printed = printed(&["playbook.yaml"], folder.path());
    let sandbox = &printed["accounts"][0];
    let on = |action: &str| -> Vec<&str> {
        let with = |s: &&&Value| several(&s["Action"]).contains(&action);
        let all = statements(sandbox);
        all.iter().filter(with).flat_map(|s| several(&s["Resource"])).collect()
    };
    assert_eq!(on("kms:CreateGrant"), ["arn:aws:kms:us-west-2:999988887777:key/1234"]);
    assert_eq!(
        on("secretsmanager:GetSecretValue"),
        ["arn:aws:secretsmanager:us-west-2:999988887777:secret:drill/db-??????"]
    );
    assert_eq!(on("iam:SimulatePrincipalPolicy"), ["arn:aws:iam::999988887777:role/dr/drillmaster"]);
    // The policy covers the resources that the template makes, where they are known. The notes name
    // the others.
    assert!(!on("ec2:DeleteSecurityGroup").is_empty());
    let notes = printed["notes"].to_string();
    assert!(notes.contains("makes AWS::SQS::Queue: add"), "{notes}");
    assert_eq!(on("sqs:CreateQueue"), Vec::<&str>::new());
}

#[test]
fn what_a_false_condition_leaves_out_is_not_noted() {
    let folder = folder();
    let given = PLAYBOOK.replace("template: web.json", r#"template: web.json, parameters: { Full: "no" }"#);
    std::fs::write(folder.path().join("playbook.yaml"), given).unwrap();
    let template = r#"{ "Parameters": { "Full": { "Type": "String", "Default": "yes" } },
        "Conditions": { "IsFull": { "Fn::Equals": [ { "Ref": "Full" }, "yes" ] } }, "Resources": {
        "Q": { "Type": "AWS::SQS::Queue", "Condition": "IsFull" },
        "T": { "Type": "AWS::SNS::Topic" } } }"#;
    std::fs::write(folder.path().join("web.json"), template).unwrap();
    let printed = printed(&["playbook.yaml"], folder.path());
    let notes = printed["notes"].to_string();
    assert!(notes.contains("makes AWS::SNS::Topic: add") && !notes.contains("AWS::SQS::Queue"), "{notes}");
}

#[test]
fn a_role_trusts_whom_the_command_line_names() {
    let folder = folder();
    let told_nobody = printed(&["playbook.yaml"], folder.path());
    assert_eq!(told_nobody["accounts"][0]["trust"], Value::Null);
    assert!(told_nobody["notes"].to_string().contains("--trust ARN"), "{told_nobody:#}");
    let ci = "arn:aws:iam::123456789012:role/ci";
    let printed = printed(&["playbook.yaml", "--trust", ci], folder.path());
    let trust = &printed["accounts"][0]["trust"]["Statement"][0];
    assert_eq!(trust["Principal"]["AWS"], ci);
    assert_eq!(trust["Action"], "sts:AssumeRole");
    assert_eq!(trust["Condition"]["StringEquals"]["sts:ExternalId"], "quarterly");
    let runner = &printed["runner"]["Statement"][0];
    assert_eq!(several(&runner["Resource"]), ["arn:aws:iam::999988887777:role/dr/drillmaster"]);
    let (code, _, stderr) = told(&["playbook.yaml", "--trust", "*"], folder.path());
    assert_eq!(code, Some(2));
    assert!(stderr.contains("ARN of a role or user"), "{stderr}");
}

/// Calls that need no permission, or that are declared from what the playbook's arguments name.
const APART: [&str; 3] = ["sts:GetCallerIdentity", "sts:AssumeRole", "secretsmanager:GetSecretValue"];

fn sources(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { sources(&path, all) } else { all.push(path) }
    }
}

/// This includes calls that no test drill makes: every name of a call in an error counts.
#[test]
fn every_call_to_aws_is_declared() {
    let mut declared: BTreeSet<&str> = APART.into();
    declared.extend(engine::policy::declared());
    let declared: BTreeSet<&str> = declared.iter().map(|call| call.split('/').next().unwrap()).collect();
    let call = "ec2|rds|s3|sts|cloudformation|servicequotas|secretsmanager|route53|kms|ssm|backup";
    let call = Regex::new(&format!("\"((?:{call}):[A-Z][A-Za-z0-9]+)[\" ]")).unwrap();
    let mut files = Vec::new();
    sources(&Path::new(ROOT).join("src/aws"), &mut files);
    let mut made = BTreeSet::new();
    // `discover` is no drill. Its services declare their calls, and `tests/aws/discover.rs` holds
    // them against those that are made.
    files.retain(|file| !file.starts_with(Path::new(ROOT).join("src/aws/discover")));
    // The store of runs is none of a drill's accounts. docs/history.md lists what its role needs.
    files.retain(|file| !file.ends_with("src/aws/object_store.rs"));
    let evidence = std::fs::read_to_string(Path::new(ROOT).join("docs/evidence.md")).unwrap();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        let found = call.captures_iter(text).map(|found| found[1].to_owned());
        // These are no drill either: whoever signs and pushes has credentials of their own.
        if ["kms.rs", "archive.rs"].iter().any(|name| file.ends_with(Path::new("src/aws").join(name))) {
            found.for_each(|call| assert!(evidence.contains(&call), "docs/evidence.md does not name {call}"));
        } else {
            made.extend(found);
        }
    }
    // They are AWS Backup's calls, and stand in the policies of vaults and of the role that copies.
    assert!(made.remove("backup:CopyIntoBackupVault") && made.remove("backup:CopyFromBackupVault"));
    // They stand in the policy of the bucket that the resolver's log is delivered into.
    assert!(made.remove("s3:GetBucketAcl") && made.remove("s3:ListBucket"));
    assert!(made.len() > 80, "{}", made.len());
    let missing: Vec<&String> = made.iter().filter(|call| !declared.contains(call.as_str())).collect();
    assert!(missing.is_empty(), "no action, check or `sandbox::calls` declares {missing:?}");
}

/// `plan` names the actions of the policies, and where the policies come from.
#[test]
fn a_plan_tells_the_same_permissions_account_by_account() {
    for sample in SAMPLES {
        let playbook = format!("{sample}.yaml");
        let printed = printed(&[&playbook], &samples());
        let plan = |output: &str| {
            let mut command = support::places::drillmaster();
            command.current_dir(samples()).args(["plan", &playbook, "--output", output]);
            String::from_utf8(command.output().unwrap().stdout).unwrap()
        };
        let planned: Value = serde_json::from_str(&plan("json")).unwrap();
        assert_eq!(planned["live"], Value::Null, "nothing real was looked at");
        let needed = planned["permissions"].as_array().unwrap();
        let accounts = printed["accounts"].as_array().unwrap();
        assert_eq!(needed.len(), accounts.len());
        let texts = ["text", "markdown", "html"].map(plan);
        for (needed, account) in needed.iter().zip(accounts) {
            let actions: BTreeSet<&str> =
                statements(account).into_iter().flat_map(|statement| several(&statement["Action"])).collect();
            assert_eq!(several(&needed["actions"]), actions.iter().copied().collect::<Vec<_>>());
            for key in ["account", "names", "role", "changes"] {
                assert_eq!(needed[key], account[key], "{sample}: {key}");
            }
            for text in &texts {
                assert!(text.contains(&format!("{} actions", actions.len())), "{sample}: {text}");
            }
        }
        let hint = format!("drillmaster iam-policy {playbook}");
        assert!(texts.iter().all(|text| text.contains(&hint)), "{sample}");
    }
}

/// The template in the documentation makes the role that `--for probe` prints.
#[test]
fn the_template_of_the_probes_role_is_what_is_printed() {
    let text = std::fs::read_to_string(Path::new(ROOT).join("docs/probe-role.yaml")).unwrap();
    // Functions of CloudFormation are tags in YAML.
    let text = text.replace("!Ref ", "").replace("!GetAtt ", "");
    let template: Value = serde_saphyr::from_str(&text).unwrap();
    let role = &template["Resources"]["Role"]["Properties"];
    let printed = printed(&["--for", "probe"], &samples());
    assert_eq!(role["Policies"].as_array().unwrap().len(), 1);
    assert_eq!(role["Policies"][0]["PolicyDocument"], printed["policies"][0]);
    assert_eq!(role["AssumeRolePolicyDocument"], printed["trust"]);
}
