//! A stack is removed completely, or the report names what it left behind. A stack that would open
//! the sandbox is not deployed.

use serde_json::json;

use super::closet::Closet;
use super::drill::{Done, Drill, role};
use super::shop::SANDBOX;

fn drill(closet: &Closet, name: &str, with: &str, template: &serde_json::Value) -> Done {
    let playbook = format!(
        "{}steps:
  - {{ id: stage, uses: command.run, workload: orders, with: {{ run: [echo, production] }} }}
  - {{ id: stack, uses: cloudformation.deploy, workload: orders, with: {{ name: orders, template: stack.json{with} }} }}
checks:
  - {{ id: fine, workload: orders, needs: [stack], command: {{ run: [\"true\"] }} }}
",
        // S3 manages buckets in us-east-1, and one of these stacks makes a bucket.
        Closet::head_losing(name, "region: eu-west-1", &role(SANDBOX))
    );
    let drill = Drill::new(&playbook, closet.moto.endpoint());
    drill.file("stack.json", &template.to_string());
    drill.run()
}

fn group(policy: Option<&str>) -> serde_json::Value {
    let inside = json!([{ "IpProtocol": "-1", "CidrIp": { "Ref": "VpcCidr" } }]);
    let mut group = json!({ "Type": "AWS::EC2::SecurityGroup", "Properties": {
        "GroupDescription": "web", "VpcId": { "Ref": "VpcId" }, "SecurityGroupEgress": inside } });
    if let Some(policy) = policy {
        group["DeletionPolicy"] = policy.into();
    }
    group
}

fn parameters() -> serde_json::Value {
    json!({ "VpcId": { "Type": "String" }, "VpcCidr": { "Type": "String" }, "SubnetIds": { "Type": "CommaDelimitedList" } })
}

#[tokio::test]
async fn a_stack_whose_deletion_fails_is_deleted_again() {
    let closet = Closet::open(0.5).await;
    closet.moto.faults(&json!([{ "action": "DeleteStack", "kind": "delete_fails", "times": 2 }]));
    let template = json!({ "Parameters": parameters(), "Resources": { "Web": group(None) } });
    let done = drill(&closet, "sticky", "", &template);
    assert_eq!(done.report["teardown"]["left_behind"], json!([]), "{}", done.told());
    done.nothing_is_left(&closet.moto, &closet.before);
    assert_eq!(closet.count("DeleteStack"), 3, "{}", done.told());
}

/// A template may retain resources. RDS databases leave a final snapshot unless the template says
/// otherwise.
#[tokio::test]
async fn what_a_stack_retains_is_deleted_or_named() {
    let closet = Closet::open(0.5).await;
    let db = json!({ "DBInstanceClass": "db.t3.medium", "Engine": "postgres", "AllocatedStorage": "20",
        "MasterUsername": "postgres", "MasterUserPassword": "secretsecret", "DBSubnetGroupName": { "Ref": "Subnets" } });
    let subnets = json!({ "DBSubnetGroupDescription": "orders", "SubnetIds": { "Ref": "SubnetIds" } });
    let template = json!({ "Parameters": parameters(), "Resources": {
        // The peer deletes a stack's resources without waiting for the databases that use this
        // subnet group.
        "Subnets": { "Type": "AWS::RDS::DBSubnetGroup", "DeletionPolicy": "Retain", "Properties": subnets },
        "Web": group(Some("Retain")),
        "Papers": { "Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": { "BucketName": "kept-papers" } },
        "Orders": { "Type": "AWS::RDS::DBInstance", "Properties": db },
        "Gone": { "Type": "AWS::RDS::DBInstance", "DeletionPolicy": "Delete", "Properties": db },
    } });
    let refused = drill(&closet, "hoarder", "", &template);
    assert_eq!(refused.exit, Some(2), "{}", refused.told());
    assert!(refused.stderr.contains("stays when the stack is deleted"), "{}", refused.told());
    assert_eq!(closet.count("CreateStack"), 0);
    let done = drill(&closet, "hoarder", ", allow: [retain]", &template);
    assert_eq!(done.exit, Some(4), "{}", done.told());
    let findings = done.report["findings"].as_array().unwrap();
    let allowed = |f: &&serde_json::Value| f["rule"] == "template" && f["severity"] == "medium";
    assert_eq!(findings.iter().filter(allowed).count(), 4, "{}", done.told());
    let left = done.report["teardown"]["left_behind"].as_array().unwrap();
    let left: Vec<&str> = left.iter().map(|l| l.as_str().unwrap()).collect();
    let says = |words: &[&str]| left.iter().any(|l| words.iter().all(|w| l.contains(w)));
    assert!(says(&["Papers (AWS::S3::Bucket kept-papers)", "its template retains it"]), "{left:?}");
    assert!(says(&["the final snapshot", "Orders (AWS::RDS::DBInstance"]), "{left:?}");
    assert!(says(&["Subnets (AWS::RDS::DBSubnetGroup", "its template retains it"]), "{left:?}");
    // The security group carries the run's tag, so teardown deletes it as a security group.
    assert_eq!(left.len(), 3, "{left:?}");
    let state = closet.moto.state().to_string();
    assert!(state.contains("kept-papers"));
}

/// RDS makes log groups for a database that exports logs. CloudFormation does not know of them. A
/// group that is older than the stack is not the drill's.
#[tokio::test]
async fn a_log_group_that_a_service_made_for_a_stack_is_named() {
    let closet = Closet::open(0.5).await;
    closet
        .raw
        .logs
        .create_log_group()
        .log_group_name("/aws/rds/instance/logging/older")
        .send()
        .await
        .unwrap();
    let db = json!({ "DBInstanceClass": "db.t3.medium", "Engine": "postgres", "AllocatedStorage": "20",
        "DBInstanceIdentifier": "logging", "EnableCloudwatchLogsExports": ["postgresql"],
        "MasterUsername": "postgres", "MasterUserPassword": "secretsecret", "DBSubnetGroupName": { "Ref": "Subnets" } });
    let subnets = json!({ "DBSubnetGroupDescription": "orders", "SubnetIds": { "Ref": "SubnetIds" } });
    let template = json!({ "Parameters": parameters(), "Resources": {
        "Subnets": { "Type": "AWS::RDS::DBSubnetGroup", "DeletionPolicy": "Retain", "Properties": subnets },
        "Orders": { "Type": "AWS::RDS::DBInstance", "DeletionPolicy": "Delete", "Properties": db },
    } });
    let done = drill(&closet, "logging", ", allow: [retain]", &template);
    assert_eq!(done.exit, Some(4), "{}", done.told());
    let left = done.report["teardown"]["left_behind"].to_string();
    assert!(left.contains("the log group /aws/rds/instance/logging/postgresql of Orders"), "{left}");
    assert!(left.contains("aws logs delete-log-group"), "{left}");
    assert!(!left.contains("older"), "{left}");
    assert!(done.report["findings"].to_string().contains("/aws/rds/instance/logging/…"), "{}", done.told());
}

/// The acceptance test of the inspection. A problem that is known before the run is a mistake in
/// the playbook's files. A problem that only the run reveals fails its step. In both cases
/// CloudFormation is asked for nothing.
#[tokio::test]
async fn a_template_with_an_internet_gateway_is_stopped_with_the_reason() {
    let closet = Closet::open(0.5).await;
    let mut template = json!({ "Parameters": { "Stage": { "Type": "String", "Default": "drill" } },
        "Conditions": { "IsProduction": { "Fn::Equals": [{ "Ref": "Stage" }, "production"] } },
        "Resources": { "Gateway": { "Type": "AWS::EC2::InternetGateway" } } });
    let done = drill(&closet, "open", "", &template);
    assert_eq!(done.exit, Some(2), "{}", done.told());
    for words in [
        "stack.json:1:",
        "error: `Gateway` (AWS::EC2::InternetGateway) connects a network with the internet",
        "help: the sandbox is proved closed, and stays so",
    ] {
        assert!(done.stderr.contains(words), "no {words:?}: {}", done.told());
    }
    assert!(!done.file("out").exists());
    assert_eq!(closet.count("CreateVpc"), 0);

    template["Resources"]["Gateway"]["Condition"] = "IsProduction".into();
    let done = drill(&closet, "late", ", parameters: { Stage: '{{ steps.stage.stdout }}' }", &template);
    done.ends(1, "failed");
    let stack = done.node("stack");
    assert_eq!(stack["status"], "failed", "{stack}");
    let error = stack["because"].as_str().unwrap_or_default();
    assert!(error.contains("the template is not deployed: stack.json:1:"), "{stack}");
    assert!(
        error.contains("`Gateway` (AWS::EC2::InternetGateway) connects a network with the internet"),
        "{stack}"
    );
    assert_eq!(closet.count("CreateStack"), 0, "{}", done.told());
    done.nothing_is_left(&closet.moto, &closet.before);
}
