//! A drill on the twin whose template would open the sandbox. It is stopped with the reason, and no
//! stack is requested.

struct Done {
    code: Option<i32>,
    told: String,
    journal: Option<String>,
}

/// The sample that loses an account, with this template and these arguments.
fn run(command: &str, template: &str, with: &str) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("drills");
    let playbook = std::fs::read_to_string(samples.join("account-loss.yaml")).unwrap();
    let before = "with: { name: orders, template: orders.stack.yaml }";
    assert!(playbook.contains(before));
    let playbook = playbook.replace(before, &format!("with: {{ name: orders, template: open.yaml{with} }}"));
    std::fs::write(folder.path().join("playbook.yaml"), playbook).unwrap();
    std::fs::copy(samples.join("estate.yaml"), folder.path().join("estate.yaml")).unwrap();
    std::fs::write(folder.path().join("open.yaml"), template).unwrap();
    let mut drill = support::places::drillmaster();
    drill.current_dir(folder.path()).args([command, "playbook.yaml"]);
    if command == "run" {
        drill.args(["--out", "out"]);
    }
    let output = drill.output().unwrap();
    Done {
        code: output.status.code(),
        told: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        journal: std::fs::read_to_string(folder.path().join("out/journal.ndjson")).ok(),
    }
}

const GATEWAY: &str = "Resources:\n  Gateway:\n    Type: AWS::EC2::InternetGateway\n";
const SAID: &str = "`Gateway` (AWS::EC2::InternetGateway) connects a network with the internet";

#[test]
fn a_gateway_is_a_mistake_before_the_run() {
    for command in ["validate", "run"] {
        let done = run(command, GATEWAY, "");
        assert_eq!(done.code, Some(2), "{}", done.told);
        let place = format!("open.yaml:3:11: error: {SAID}");
        assert!(done.told.contains(&place) && done.told.contains("help: "), "{}", done.told);
        assert_eq!(done.journal, None);
    }
}

/// The output of a step decides whether the gateway is made.
#[test]
fn a_gateway_that_only_the_run_knows_of_fails_its_step() {
    let template = format!(
        "Parameters:\n  Stage: {{ Type: String }}\nConditions:\n  Made: !Not [!Equals [!Ref Stage, none]]\n{GATEWAY}    Condition: Made\n"
    );
    let with = ", parameters: { Stage: \"{{ steps.copy.snapshot_id }}\" }";
    let valid = run("validate", &template, with);
    assert_eq!(valid.code, Some(0), "{}", valid.told);
    let done = run("run", &template, with);
    assert_eq!(done.code, Some(1), "{}", done.told);
    let journal = done.journal.unwrap();
    assert!(
        journal.contains(&format!("the template is not deployed: open.yaml:7:11: {SAID}")),
        "{}",
        done.told
    );
    assert!(!journal.contains("CreateStack"), "{journal}");
}

#[test]
fn what_is_allowed_is_a_warning_and_a_finding() {
    let template = "Resources:\n  Papers:\n    Type: AWS::S3::Bucket\n    DeletionPolicy: Retain\n";
    assert_eq!(run("validate", template, "").code, Some(2));
    let valid = run("validate", template, ", allow: [retain]");
    assert_eq!(valid.code, Some(0), "{}", valid.told);
    assert!(
        valid.told.contains("open.yaml:4:21: warning: `Papers` (AWS::S3::Bucket) stays"),
        "{}",
        valid.told
    );
    let done = run("run", template, ", allow: [retain]");
    let journal = done.journal.unwrap();
    let finding = journal.lines().find(|line| line.contains("\"template\"") && line.contains("medium"));
    assert!(finding.is_some_and(|line| line.contains("the step allows it (`retain`)")), "{journal}");
    for (name, said) in
        [("network", "not a name that `allow` takes"), ("AWS::EC2::InternetGateway", "cannot be allowed")]
    {
        let refused = run("validate", template, &format!(", allow: [\"{name}\"]"));
        assert!(refused.code == Some(2) && refused.told.contains(said), "{}", refused.told);
    }
}

const TARGET: &str = "Parameters: { Target: { Type: String } }\nResources:\n  Told:\n    Type: AWS::CloudWatch::Alarm\n    Properties: { AlarmActions: [!Ref Target] }\n";

/// A parameter is judged as soon as its value is known, whatever its source.
#[test]
fn every_parameter_is_judged_at_the_step_at_the_latest() {
    for value in [
        "arn:aws:sns:us-west-2:999988887777:{{ run.id }}",
        "{{ env.PATH }}",
        "arn:aws:sns:us-west-2:999988887777:{{ steps.copy.snapshot_id }}",
    ] {
        let with = format!(", parameters: {{ Target: \"{value}\" }}");
        let valid = run("validate", TARGET, &with);
        assert_eq!(valid.code, Some(0), "{value}: {}", valid.told);
        let done = run("run", TARGET, &with);
        assert_eq!(done.code, Some(1), "{value}: {}", done.told);
        let journal = done.journal.unwrap();
        assert!(journal.contains("the template is not deployed: open.yaml:5:"), "{value}: {}", done.told);
        assert!(!journal.contains("CreateStack"), "{value}: {}", done.told);
    }
    let known = run("validate", TARGET, ", parameters: { Target: \"{{ params.topic }}\" }");
    assert_eq!(known.code, Some(2), "{}", known.told);
}

/// A target may be something that a step made.
#[test]
fn an_output_of_a_step_may_be_a_target() {
    let done = run("run", TARGET, ", parameters: { Target: \"{{ steps.copy.snapshot_id }}\" }");
    let journal = done.journal.unwrap();
    assert!(journal.contains("CreateStack") && !journal.contains("is not deployed"), "{}", done.told);
}

/// `allow` names a property, and each use of it is a finding.
#[test]
fn an_allowed_property_is_a_finding() {
    let template = "Resources:\n  Papers:\n    Type: AWS::S3::Bucket\n    Properties: { MetadataTableConfiguration: {} }\n";
    let refused = run("validate", template, "");
    let name = "AWS::S3::Bucket.MetadataTableConfiguration";
    assert!(
        refused.code == Some(2) && refused.told.contains(&format!("allow: [\"{name}\"]")),
        "{}",
        refused.told
    );
    let done = run("run", template, &format!(", allow: [\"{name}\"]"));
    let journal = done.journal.unwrap();
    let finding = journal.lines().find(|line| line.contains("\"template\"") && line.contains("medium"));
    assert!(
        finding.is_some_and(|line| line.contains(&format!("the step allows it (`{name}`)"))),
        "{journal}"
    );
    for name in ["AWS::EC2::Volume.SourceVolumeId", "AWS::EC2::SecurityGroup.SecurityGroupIngress.CidrIp"] {
        let refused = run("validate", template, &format!(", allow: [\"{name}\"]"));
        assert!(refused.code == Some(2) && refused.told.contains("cannot be allowed"), "{}", refused.told);
    }
}
