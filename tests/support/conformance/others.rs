use engine::actions::context::StepError;
use port::{Kind, State};
use serde_json::json;

use super::peer::Peer;
use super::stage::{Somebody, Stage, With};

const TEMPLATE: &str = "\
AWSTemplateFormatVersion: '2010-09-09'
Parameters:
  VpcId: { Type: 'AWS::EC2::VPC::Id' }
  SubnetIds: { Type: CommaDelimitedList }
  SecurityGroupId: { Type: String }
  VpcCidr: { Type: String }
  Purpose: { Type: String }
Resources:
  Web:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: { Ref: Purpose }
      VpcId: { Ref: VpcId }
      SecurityGroupEgress: [{ IpProtocol: '-1', CidrIp: { Ref: VpcCidr } }]
Outputs:
  Vpc: { Value: { Ref: VpcId } }
  Within: { Value: { Ref: SecurityGroupId } }
  Range: { Value: { Ref: VpcCidr } }
  Purpose: { Value: { Ref: Purpose } }
  Group: { Value: { Ref: Web } }
";

pub async fn a_stack_gets_the_sandboxs_network(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    peer.write("orders.yaml", TEMPLATE);
    let args = json!({ "name": "orders", "template": "orders.yaml", "parameters": { "Purpose": "a drill" } });
    let deployed = stage.does("stack", "cloudformation.deploy", args).await;
    let outputs = &deployed.outputs["outputs"];
    assert_eq!(outputs["Vpc"], json!(stage.ready.vpc), "{outputs}");
    assert_eq!(outputs["Within"], json!(stage.ready.security_group), "{outputs}");
    assert_eq!(outputs["Range"], json!(stage.ready.cidr), "{outputs}");
    assert_eq!(outputs["Purpose"], json!("a drill"));
    assert!(outputs["Group"].as_str().is_some_and(|g| !g.is_empty()), "{outputs}");
    let restored: Vec<String> = deployed.restored.iter().map(ToString::to_string).collect();
    assert_eq!(restored, ["cloudformation:stack/orders"]);
    let id = deployed.outputs["stack_id"].as_str().unwrap();
    assert!(stage.provisioner.created().contains(&stage.resource(Kind::Stack, id)));
    assert_eq!(stage.state(&stage.resource(Kind::Stack, id)).await, State::Ready);

    // A template that would open the sandbox is not deployed, whatever `allow` says.
    peer.write("open.yaml", "Resources:\n  Gateway: { Type: \"AWS::EC2::InternetGateway\" }\n");
    let args = json!({ "name": "open", "template": "open.yaml", "allow": ["iam", "retain"] });
    let error = stage.attempt("open", 1, "cloudformation.deploy", &args).await.unwrap_err();
    let StepError::Failed { message, again: false, .. } = &error else { panic!("{error:?}") };
    assert!(message.contains("open.yaml:2:20: `Gateway` (AWS::EC2::InternetGateway) connects"), "{message}");

    // Without `allow`, a template that retains a resource is refused, with the reason.
    peer.write(
        "kept.yaml",
        "Resources:\n  Q: { Type: \"AWS::SQS::Queue\", DeletionPolicy: RetainExceptOnCreate }\n",
    );
    let args = json!({ "name": "kept", "template": "kept.yaml" });
    let error = stage.attempt("kept", 1, "cloudformation.deploy", &args).await.unwrap_err();
    assert!(error.to_string().contains("stays when the stack is deleted"), "{error}");

    let args = json!({ "name": "orders", "template": "none.yaml" });
    let error = stage.attempt("none", 1, "cloudformation.deploy", &args).await.unwrap_err();
    assert!(
        matches!(&error, StepError::Failed { message, again: false, .. } if message.contains("none.yaml"))
    );
    stage.close().await;
}

pub async fn a_command_runs_or_is_rehearsed(peer: &Peer) {
    let stage = Stage::open(peer, With::default()).await;
    let began = peer.clock.now();
    let args = json!({ "run": ["sh", "-c", "echo $WORD"], "env": { "WORD": "hello" } });
    let ran = stage.does("command", "command.run", args).await;
    let fails = json!({ "run": ["sh", "-c", "echo it is broken >&2; exit 3"] });
    if peer.is_twin() {
        // The twin runs no command. It takes as long as the calibration says.
        assert_eq!(ran.outputs["stdout"], json!("not-run-on-the-twin"));
        assert_eq!((peer.clock.now() - began).num_seconds(), 20, "twice ten seconds");
        stage.attempt("fails", 1, "command.run", &fails).await.unwrap();
    } else {
        assert_eq!(ran.outputs["stdout"], json!("hello"));
        let error = stage.attempt("fails", 1, "command.run", &fails).await.unwrap_err();
        assert!(error.may_pass() && error.to_string().contains("it is broken"), "{error}");
        let absent = json!({ "run": ["./no-such-program"] });
        let error = stage.attempt("absent", 1, "command.run", &absent).await.unwrap_err();
        assert!(!error.may_pass() && error.help().is_some(), "{error}");
    }
    stage.close().await;
}

pub async fn a_task_needs_a_person_or_is_rehearsed(peer: &Peer) {
    let mut stage = Stage::open(peer, With::default()).await;
    let args = json!({ "instructions": "Confirm the record.", "assume": "3m" });
    if peer.is_twin() {
        let began = peer.clock.now();
        stage.does("task", "manual.task", args).await;
        assert_eq!((peer.clock.now() - began).num_seconds(), 360, "twice what is assumed");
    } else {
        let error = stage.attempt("task", 1, "manual.task", &args).await.unwrap_err();
        assert!(!error.may_pass() && error.to_string().contains("nobody is there"), "{error}");
        stage.person = Somebody::Says(false);
        let error = stage.attempt("task", 1, "manual.task", &args).await.unwrap_err();
        assert!(!error.may_pass() && error.to_string().contains("refused"), "{error}");
        stage.person = Somebody::Says(true);
        stage.does("task", "manual.task", args).await;
    }
    stage.close().await;
}
