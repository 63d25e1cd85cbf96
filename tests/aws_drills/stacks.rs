//! Stacks go completely, or the report names what they have left standing.

use serde_json::json;

use crate::closet::Closet;
use crate::drill::{Done, Drill};

fn drill(closet: &Closet, name: &str, template: &serde_json::Value) -> Done {
    let playbook = format!(
        "{}steps:
  - {{ id: stack, uses: cloudformation.deploy, workload: orders, with: {{ name: orders, template: stack.json }} }}
checks:
  - {{ id: fine, workload: orders, needs: [stack], command: {{ run: [\"true\"] }} }}
",
        Closet::head(name)
    );
    let drill = Drill::new(&playbook, closet.moto.endpoint());
    drill.file("stack.json", &template.to_string());
    drill.run()
}

fn group(policy: Option<&str>) -> serde_json::Value {
    let mut group = json!({ "Type": "AWS::EC2::SecurityGroup", "Properties": { "GroupDescription": "web", "VpcId": { "Ref": "VpcId" } } });
    if let Some(policy) = policy {
        group["DeletionPolicy"] = policy.into();
    }
    group
}

#[tokio::test]
async fn a_stack_whose_deletion_fails_is_deleted_again() {
    let closet = Closet::open(0.5).await;
    closet.moto.faults(&json!([{ "action": "DeleteStack", "kind": "delete_fails", "times": 2 }]));
    let template =
        json!({ "Parameters": { "VpcId": { "Type": "String" } }, "Resources": { "Web": group(None) } });
    let done = drill(&closet, "sticky", &template);
    assert_eq!(done.report["teardown"]["left_behind"], json!([]), "{}", done.told());
    done.nothing_is_left(&closet.moto, &closet.before);
    assert_eq!(closet.count("DeleteStack"), 3, "{}", done.told());
}

/// A template may retain resources, and RDS databases leave a final snapshot where it says nothing.
#[tokio::test]
async fn what_a_stack_retains_is_deleted_or_named() {
    let closet = Closet::open(0.5).await;
    let db = json!({ "DBInstanceClass": "db.t3.medium", "Engine": "postgres", "AllocatedStorage": "20",
        "MasterUsername": "postgres", "MasterUserPassword": "secretsecret" });
    let template = json!({ "Parameters": { "VpcId": { "Type": "String" } }, "Resources": {
        "Web": group(Some("Retain")),
        "Papers": { "Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": { "BucketName": "kept-papers" } },
        "Orders": { "Type": "AWS::RDS::DBInstance", "Properties": db },
        "Gone": { "Type": "AWS::RDS::DBInstance", "DeletionPolicy": "Delete", "Properties": db },
    } });
    let done = drill(&closet, "hoarder", &template);
    assert_eq!(done.exit, Some(4), "{}", done.told());
    let left = done.report["teardown"]["left_behind"].as_array().unwrap();
    let left: Vec<&str> = left.iter().map(|l| l.as_str().unwrap()).collect();
    let says = |words: &[&str]| left.iter().any(|l| words.iter().all(|w| l.contains(w)));
    assert!(says(&["Papers (AWS::S3::Bucket kept-papers)", "its template retains it"]), "{left:?}");
    assert!(says(&["the final snapshot", "Orders (AWS::RDS::DBInstance"]), "{left:?}");
    // The group carries the run's tag, and is deleted as what it is.
    assert_eq!(left.len(), 2, "{left:?}");
    let state = closet.moto.state().to_string();
    assert!(state.contains("kept-papers"));
}
