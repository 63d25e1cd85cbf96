//! Stacks that would touch lost resources: through the calls that CloudFormation makes, through
//! zones, or through existing resources.

use std::collections::BTreeMap;
use std::path::Path;

use base::ids::AzId;
use estate::Loss;
use estate::plane::control_plane;
use playbook::stack::{Around, Certainty, Known, Touched, touched};
use template::operations::OPERATIONS;
use template::{Surroundings, Template, Thing};

fn judged(text: &str, loss: &Loss, find: &dyn Fn(Thing, &str) -> Known) -> Vec<Touched> {
    let template =
        Template::read("t.yaml", text, 0).unwrap_or_else(|found| panic!("{}", found.render(false)));
    let (account, region) = ("999988887777".parse().unwrap(), "us-west-2".parse().unwrap());
    let surroundings = Surroundings {
        account: Some(account),
        region: Some(region),
        ids: ["subnet-own".to_owned()].into(),
        ..Surroundings::default()
    };
    let zone = |id: &str| id.parse::<AzId>().unwrap();
    let zones: BTreeMap<String, AzId> = [("us-west-2a", "usw2-az2"), ("us-west-2b", "usw2-az1")]
        .map(|(n, id)| (n.to_owned(), zone(id)))
        .into();
    let subnets = BTreeMap::from([("subnet-own".to_owned(), zone("usw2-az2"))]);
    let around =
        Around { loss, region: surroundings.region.as_ref(), zones: Some(&zones), subnets: &subnets, find };
    touched(&template, &surroundings, &around)
}

fn nothing_is_known(_: Thing, _: &str) -> Known {
    Known::Unknown
}

#[test]
fn every_type_is_judged_by_the_table_of_control_planes() {
    for region in ["us-east-1", "us-west-2", "eu-west-1"] {
        let loss = Loss::Region(region.parse().unwrap());
        for row in OPERATIONS {
            // The stack has a zone, so that nothing else is found.
            let text = format!(
                "Resources:\n  One:\n    Type: {}\n    Properties: {{ AvailabilityZone: a }}\n",
                row.kind
            );
            let found = judged(&text, &loss, &nothing_is_known);
            let needs = row.all().any(|call| {
                let (service, operation) = call.split_once(':').unwrap();
                control_plane(region, service, operation).is_some()
            });
            assert_eq!(found.len(), usize::from(needs), "{} without {region}: {found:?}", row.kind);
            assert!(found.iter().all(|one| one.certainty == Certainty::Plane && one.locus == region));
        }
    }
}

/// The types that cannot be made without us-east-1, according to AWS.
#[test]
fn types_that_need_route_53_iam_or_the_management_of_buckets_are_among_them() {
    let loss = Loss::Region("us-east-1".parse().unwrap());
    for kind in [
        "AWS::ApiGateway::RestApi",
        "AWS::DAX::Cluster",
        "AWS::EC2::VPCEndpoint",
        "AWS::EKS::Cluster",
        "AWS::ElastiCache::CacheCluster",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::ElasticLoadBalancing::LoadBalancer",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::Elasticsearch::Domain",
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::Lambda::Url",
        "AWS::MemoryDB::Cluster",
        "AWS::Neptune::DBCluster",
        "AWS::OpenSearchService::Domain",
        "AWS::Route53::HostedZone",
        "AWS::Route53::RecordSet",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::ServiceDiscovery::Service",
    ] {
        let found = judged(&format!("Resources:\n  One:\n    Type: {kind}\n"), &loss, &nothing_is_known);
        assert!(
            found.iter().any(|one| one.why.contains("control plane lives in us-east-1")),
            "{kind}: {found:?}"
        );
    }
    let unknown = judged("Resources: { One: { Type: 'AWS::Braket::Job' } }\n", &loss, &nothing_is_known);
    assert_eq!(unknown.iter().map(|one| one.certainty).collect::<Vec<_>>(), [Certainty::Unknown]);
}

#[test]
fn a_lost_zone_is_found_however_it_is_named() {
    let loss = Loss::Az("usw2-az1".parse().unwrap());
    for (kind, properties, expected) in [
        ("EC2::Subnet", "AvailabilityZone: us-west-2b", Some(Certainty::Named)),
        ("EC2::Subnet", "AvailabilityZone: us-west-2a", None),
        ("EC2::Subnet", "AvailabilityZoneId: usw2-az1", Some(Certainty::Named)),
        ("EC2::Subnet", "AvailabilityZoneId: usw2-az2", None),
        ("EC2::Subnet", "AvailabilityZone: !Sub '${AWS::Region}b'", Some(Certainty::Named)),
        ("EC2::Subnet", "AvailabilityZone: !Select [0, !GetAZs '']", Some(Certainty::Unknown)),
        ("EC2::Subnet", "AvailabilityZone: us-west-2z", Some(Certainty::Unknown)),
        ("EC2::Subnet", "AvailabilityZone: !ImportValue zone", Some(Certainty::Unknown)),
        ("EC2::Subnet", "CidrBlock: 10.0.0.0/24", Some(Certainty::Unknown)),
        ("EC2::Volume", "Size: 1", Some(Certainty::Unknown)),
        ("EC2::Instance", "SubnetId: subnet-own", None),
        ("EC2::Instance", "SubnetId: subnet-other", Some(Certainty::Unknown)),
        ("RDS::DBInstance", "AvailabilityZone: us-west-2b", Some(Certainty::Named)),
        ("ElastiCache::CacheCluster", "PreferredAvailabilityZones: [us-west-2b]", Some(Certainty::Named)),
        ("AutoScaling::AutoScalingGroup", "AvailabilityZones: !GetAZs ''", Some(Certainty::Unknown)),
        ("S3Express::DirectoryBucket", "BucketName: a--usw2-az1--x-s3", Some(Certainty::Named)),
    ] {
        let text = format!("Resources:\n  One:\n    Type: AWS::{kind}\n    Properties: {{ {properties} }}\n");
        let found = judged(&text, &loss, &nothing_is_known);
        assert_eq!(found.first().map(|one| one.certainty), expected, "{kind} {properties}: {found:?}");
        // A zone of another region does not matter.
        let elsewhere = Loss::Az("use1-az1".parse().unwrap());
        assert_eq!(judged(&text, &elsewhere, &nothing_is_known), [], "{kind} {properties}");
    }
}

#[test]
fn what_a_lost_account_or_region_holds_is_found_by_id_and_by_arn() {
    let account = Loss::Account("111122223333".parse().unwrap());
    let region = Loss::Region("us-east-1".parse().unwrap());
    let find = |_: Thing, id: &str| match id {
        "ami-lost" | "snap-lost" | "db-lost" | "code-lost" => {
            Known::Lost("111122223333 us-east-1".to_owned())
        }
        "ami-fine" => Known::Survives,
        _ => Known::Unknown,
    };
    for (properties, by_account, by_region) in [
        ("ImageId: ami-lost", Some(Certainty::Named), Some(Certainty::Named)),
        ("ImageId: ami-fine", None, None),
        ("ImageId: ami-unknown", Some(Certainty::Unknown), None),
        ("ImageId: '{{resolve:ssm:/aws/service/x}}'", None, None),
        (
            "BlockDeviceMappings: [{ Ebs: { SnapshotId: snap-lost } }]",
            Some(Certainty::Named),
            Some(Certainty::Named),
        ),
        ("DBSnapshotIdentifier: db-lost", Some(Certainty::Named), Some(Certainty::Named)),
        ("Code: { S3Bucket: code-lost }", Some(Certainty::Named), Some(Certainty::Named)),
        ("KmsKeyId: alias/own", None, None),
        (
            "KmsKeyId: 'arn:aws:kms:us-east-1:111122223333:key/1'",
            Some(Certainty::Named),
            Some(Certainty::Named),
        ),
        (
            "Password: '{{resolve:secretsmanager:arn:aws:secretsmanager:us-west-2:111122223333:secret:x}}'",
            Some(Certainty::Named),
            None,
        ),
        (
            "Value: { 'Fn::GetStackOutput': { StackName: a, OutputName: b, Region: us-east-1 } }",
            None,
            Some(Certainty::Named),
        ),
        (
            "Value: { 'Fn::GetStackOutput': { StackName: a, OutputName: b, RoleArn: 'arn:aws:iam::111122223333:role/r' } }",
            Some(Certainty::Named),
            None,
        ),
        (
            "Value: { 'Fn::GetStackOutput': { StackName: a, OutputName: b, Region: !ImportValue c } }",
            None,
            Some(Certainty::Unknown),
        ),
    ] {
        let text =
            format!("Resources:\n  One:\n    Type: AWS::EC2::Instance\n    Properties: {{ {properties} }}\n");
        for (loss, expected) in [(&account, by_account), (&region, by_region)] {
            let found = judged(&text, loss, &find);
            assert_eq!(found.first().map(|one| one.certainty), expected, "{loss}: {properties}: {found:?}");
        }
    }
}

struct Done {
    code: Option<i32>,
    told: String,
    report: serde_json::Value,
}

/// A drill with this stack. It loses a zone of the sandbox's region, or another region.
fn drill(command: &str, lose: &str, template: &str, with: &str) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("estate.yaml", ESTATE);
    write("stack.yaml", template);
    write("playbook.yaml", &PLAYBOOK.replace("LOSE", lose).replace("WITH", with));
    let mut drill = support::places::drillmaster();
    drill.current_dir(folder.path()).args([command, "playbook.yaml"]);
    if command == "run" {
        drill.args(["--out", "out"]);
    }
    let output = drill.output().unwrap();
    Done {
        code: output.status.code(),
        told: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        report: read(&folder.path().join("out/report.json")),
    }
}

fn read(path: &Path) -> serde_json::Value {
    std::fs::read_to_string(path).map_or(serde_json::Value::Null, |text| serde_json::from_str(&text).unwrap())
}

const ESTATE: &str = r#"
accounts: { "111122223333": { name: production }, "999988887777": { name: sandbox } }
regions:
  us-east-1: { azs: [use1-az1, use1-az2] }
  us-west-2: { azs: [usw2-az1, usw2-az2, usw2-az3] }
resources:
  - { id: "rds:db/shop", account: "111122223333", region: us-east-1, az: use1-az1 }
  - { id: "rds:db/stock", account: "111122223333", region: us-west-2, az: usw2-az1 }
recovery_points:
  - { of: "rds:db/shop", kind: rds_snapshot, id: shop-1h, account: "111122223333", region: us-west-2, taken: -1h, shared_with: ["999988887777"] }
  - { of: "rds:db/stock", kind: rds_snapshot, id: stock-1h, account: "111122223333", region: us-west-2, taken: -1h, shared_with: ["999988887777"] }
probes: { rows: { value: 7 } }
"#;

const PLAYBOOK: &str = r#"
name: shop
estate: estate.yaml
lose: { LOSE }
accounts: { sandbox: { id: "999988887777" } }
sandbox: { account: sandbox, region: us-west-2, network: { cidr: 10.70.0.0/16 }, ttl: 4h }
workloads:
  shop: { objectives: { rto: 1h, rpo: 2h }, resources: ["rds:db/shop", "rds:db/stock"] }
steps:
  - { id: shop, uses: rds.restore, workload: shop, with: { from: { db: shop } } }
  - { id: stock, uses: rds.restore, workload: shop, with: { from: { db: stock } } }
  - { id: stack, uses: cloudformation.deploy, workload: shop, with: { name: shop, template: stack.yaml WITH } }
checks:
  - id: rows
    workload: shop
    needs: [shop, stock]
    sql: { url: "postgres://drill@{{ steps.shop.endpoint }}/shop", query: "select count(*) from {{ steps.stock.db_id }}", expect: "> 0" }
"#;

const SUBNET: &str = "Parameters: { VpcId: { Type: String }, Where: { Type: String, Default: '' } }\n\
    Resources:\n  Net:\n    Type: AWS::EC2::Subnet\n    Properties: { VpcId: !Ref VpcId, CidrBlock: 10.70.240.0/24, AvailabilityZone: !Ref Where }\n";

#[test]
fn a_subnet_of_the_lost_zone_is_denied_and_one_beside_it_is_made() {
    for (zone, denied) in [("us-west-2a", true), ("us-west-2b", false)] {
        let with = format!(", parameters: {{ Where: {zone} }}");
        let done = drill("run", "az: usw2-az1", SUBNET, &with);
        let calls = done.report["denied_calls"].as_array().cloned().unwrap_or_default();
        assert_eq!(calls.len(), usize::from(denied), "{zone}: {}", done.told);
        if let Some(call) = calls.first() {
            assert_eq!(
                (done.code, &call["call"], &call["step"]),
                (Some(1), &"ec2:CreateSubnet".into(), &"stack".into())
            );
            assert_eq!(call["locus"], "usw2-az1");
            let why = call["why"].as_str().unwrap();
            assert!(
                why.starts_with("stack.yaml:5:") && why.contains("`Net`") && why.contains("is lost"),
                "{why}"
            );
        }
    }
    // A zone has the same id in every account, so validation knows it.
    let with = ", parameters: { Where: usw2-az1 }";
    assert_eq!(drill("validate", "az: usw2-az1", SUBNET, with).code, Some(2));
}

#[test]
fn each_call_to_a_lost_control_plane_is_denied_with_its_line() {
    let stack = "Resources:\n  Papers:\n    Type: AWS::S3::Bucket\n  Mail:\n    Type: AWS::SQS::Queue\n  Names:\n    Type: AWS::SNS::Topic\n  \
        Other:\n    Type: AWS::S3::Bucket\n";
    let valid = drill("validate", "region: us-east-1", stack, "");
    assert_eq!(valid.code, Some(0), "{}", valid.told);
    assert!(
        valid.told.contains("stack.yaml:3:11: warning: `Papers` (AWS::S3::Bucket) cannot be made"),
        "{}",
        valid.told
    );
    let done = drill("run", "region: us-east-1", stack, "");
    assert_eq!(done.code, Some(1), "{}", done.told);
    let calls = done.report["denied_calls"].as_array().unwrap();
    let told: Vec<_> = calls
        .iter()
        .map(|call| (call["call"].as_str().unwrap(), &call["why"].as_str().unwrap()[..15]))
        .collect();
    assert_eq!(told, [("s3:CreateBucket", "stack.yaml:3:11"), ("s3:CreateBucket", "stack.yaml:9:11")]);
    let zone = drill("run", "az: usw2-az1", stack, "");
    assert!(zone.report["denied_calls"].as_array().is_none_or(Vec::is_empty), "{}", zone.told);
}

/// The value is known only during the run, so only the twin can refuse it.
#[test]
fn the_twin_refuses_what_cloudformation_refuses() {
    let stack = "Parameters: { Port: { Type: Number, MaxValue: 99 } }\nResources: { Mail: { Type: 'AWS::SQS::Queue' } }\n";
    let given = drill("validate", "region: us-east-1", stack, ", parameters: { Port: 100 }");
    assert!(
        given.code == Some(2) && given.told.contains("'Port' must be a number not greater than 99"),
        "{}",
        given.told
    );
    let with = ", parameters: { Port: \"{{ steps.shop.port }}\" }";
    assert_eq!(drill("validate", "region: us-east-1", stack, with).code, Some(0));
    let done = drill("run", "region: us-east-1", stack, with);
    assert_eq!(done.code, Some(1), "{}", done.told);
    assert!(
        done.told.contains("ValidationError: Parameter 'Port' must be a number not greater than 99: 5432"),
        "{}",
        done.told
    );
}

#[test]
fn what_a_stack_retains_is_left_behind_and_what_lingers_is_named() {
    let stack = "Resources:\n  Mail:\n    Type: AWS::SQS::Queue\n    DeletionPolicy: Retain\n";
    let done = drill("run", "region: us-east-1", stack, ", allow: [retain]");
    assert_eq!(done.code, Some(4), "{}", done.told);
    assert!(
        done.told.contains("Mail (AWS::SQS::Queue)") && done.told.contains("its template retains it"),
        "{}",
        done.told
    );
    let key = "Resources:\n  Lock:\n    Type: AWS::KMS::Key\n    Properties: { PendingWindowInDays: 9 }\n";
    let done = drill("run", "region: us-east-1", key, "");
    assert_eq!(done.code, Some(0), "{}", done.told);
    let findings = done.report["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["rule"] == "stack-leaves").unwrap();
    assert!(
        finding["message"].as_str().unwrap().contains("the key Lock")
            && finding["message"].as_str().unwrap().contains("9 d")
    );
}
