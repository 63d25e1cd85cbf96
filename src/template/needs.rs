//! What a deployment needs besides the template: the API operations that CloudFormation calls, the
//! zones in which it places something, and what exists already.

use super::chosen;
use super::operations::operations;
use super::read::Template;
use super::resolve::{Resolver, Surroundings};
use super::types::is_a_type;
use super::value::{Form, Knowledge, Resolved, Truth, ZONES, knowledge};
use base::ids::AzId;
use yaml::{Node, Span};

/// One need, with its place in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    pub span: Span,
    /// The logical id. Empty in `Outputs`.
    pub resource: String,
    /// The resource type. Empty in `Outputs`.
    pub kind: String,
    /// The call that has this need: `ec2:CreateSubnet`.
    pub call: &'static str,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// CloudFormation makes the call.
    Call,
    /// Which calls CloudFormation makes for this type is unknown.
    UnknownCalls,
    /// It is placed in this zone: an id or a name.
    Zone(String),
    /// It is placed in a zone that this function or service chooses.
    ChosenZone(&'static str),
    /// It is placed in a zone that cannot be known before the deployment.
    UnknownZone,
    /// It is placed in a subnet that exists already.
    Subnet(String),
    /// It uses something that exists already. `None`: its name cannot be known before the
    /// deployment.
    Thing(Thing, Option<String>),
    /// It uses what this ARN names.
    Arn(String),
    /// It reads an output of another stack, in this region and with this role. `None`: unknown.
    Output { region: Option<String>, role: Option<String> },
}

/// Something that exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    Image,
    Snapshot,
    Volume,
    DbSnapshot,
    DbClusterSnapshot,
    Key,
    Bucket,
    KeyPair,
}

impl Thing {
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Snapshot => "snapshot",
            Self::Volume => "volume",
            Self::DbSnapshot => "DB snapshot",
            Self::DbClusterSnapshot => "DB cluster snapshot",
            Self::Key => "KMS key",
            Self::Bucket => "bucket",
            Self::KeyPair => "key pair",
        }
    }
}

/// The call for what CloudFormation does without a service of its own.
const STACK: &str = "cloudformation:CreateStack";
/// The call by which `Fn::GetStackOutput` reads.
const OUTPUT: &str = "cloudformation:DescribeStacks";

/// The properties that name zones, of any type and at any depth. Source: all properties with `Zone`
/// in their names in CloudFormation's resource schemas.
const ZONE_KEYS: [&str; 12] = [
    "AvailabilityZone",
    "AvailabilityZoneId",
    "AvailabilityZoneIds",
    "AvailabilityZoneName",
    "AvailabilityZones",
    "DefaultAvailabilityZone",
    "PreferredAvailabilityZone",
    "PreferredAvailabilityZones",
    "PrimaryAvailabilityZone",
    "ReplicaAvailabilityZones",
    "SecondaryAvailabilityZone",
    "StandbyAvailabilityZones",
];

/// The properties that name subnets.
const SUBNET_KEYS: [&str; 5] = ["PreferredSubnetId", "SubnetId", "SubnetIds", "Subnets", "VPCZoneIdentifier"];

/// The properties that name what exists already, by its id or name.
const THING_KEYS: [(&str, Thing); 12] = [
    ("ImageId", Thing::Image),
    ("SnapshotId", Thing::Snapshot),
    ("DBSnapshotIdentifier", Thing::DbSnapshot),
    ("DBClusterSnapshotIdentifier", Thing::DbClusterSnapshot),
    ("SnapshotIdentifier", Thing::DbClusterSnapshot),
    ("Bucket", Thing::Bucket),
    ("S3Bucket", Thing::Bucket),
    ("S3BucketName", Thing::Bucket),
    ("SourceBucket", Thing::Bucket),
    ("DestinationBucketName", Thing::Bucket),
    ("KeyName", Thing::KeyPair),
    ("VolumeId", Thing::Volume),
];

/// Ids of EC2 tell by themselves what they are.
const ID_STARTS: [(&str, Thing); 3] =
    [("ami-", Thing::Image), ("snap-", Thing::Snapshot), ("vol-", Thing::Volume)];

/// Policies name resources and use none of them. Tags are only text.
const UNUSED_KEYS: [&str; 9] = [
    "AssumeRolePolicyDocument",
    "FileSystemPolicy",
    "KeyPolicy",
    "Policies",
    "PolicyDocument",
    "RepositoryPolicyText",
    "ResourcePolicy",
    "TagSpecifications",
    "Tags",
];

/// Types without a zone of their own are put into a zone that EC2 chooses.
const PLACED_BY_EC2: [&str; 2] = ["AWS::EC2::Subnet", "AWS::EC2::Volume"];

/// The needs of a deployment, in the order of the file. A value that only the run will know gives
/// none.
pub fn needs(template: &Template, surroundings: &Surroundings) -> Vec<Need> {
    let resolver = Resolver::new(template, surroundings);
    let mut list = Vec::new();
    for entry in template.section("Resources") {
        let node = &entry.value;
        if matches!(resolver.is_made(node), Truth::No | Truth::Later) {
            continue;
        }
        let Some(kind_node) = node.get("Type") else { continue };
        let Some(kind) = kind_node.as_str() else { continue };
        let row = operations(kind);
        let call = row.and_then(|row| row.create).unwrap_or(STACK);
        let mut of = Collected { resource: &entry.key, kind, call, list: &mut list };
        for call in row.iter().flat_map(|row| row.all()) {
            of.call = call;
            of.push(kind_node.span, What::Call);
        }
        of.call = call;
        if row.is_none() && is_a_type(kind) {
            of.push(kind_node.span, What::UnknownCalls);
        }
        if let Some(properties) = node.get("Properties") {
            let seen = resolver.resolve(properties);
            of.walk(&seen, "");
            of.outputs(&resolver, properties);
            let zone = ["AvailabilityZone", "AvailabilityZoneId"].iter().flat_map(|key| seen.get(key));
            let named = zone.flatten().any(|value| !matches!(value.form, Form::Nothing));
            if PLACED_BY_EC2.contains(&kind) && !named {
                of.push(kind_node.span, What::ChosenZone("EC2"));
            }
        }
    }
    for entry in template.section("Outputs") {
        if !matches!(resolver.is_made(&entry.value), Truth::No | Truth::Later) {
            let mut of = Collected { resource: "", kind: "", call: STACK, list: &mut list };
            of.outputs(&resolver, &entry.value);
        }
    }
    list
}

/// The needs so far, and the resource that is being looked at.
struct Collected<'a> {
    resource: &'a str,
    kind: &'a str,
    call: &'static str,
    list: &'a mut Vec<Need>,
}

impl Collected<'_> {
    fn push(&mut self, span: Span, what: What) {
        self.list.push(Need {
            span,
            resource: self.resource.to_owned(),
            kind: self.kind.to_owned(),
            call: self.call,
            what,
        });
    }

    fn walk(&mut self, value: &Resolved, key: &str) {
        match &value.form {
            Form::Map(entries) => {
                for (key, _, value) in entries {
                    if !UNUSED_KEYS.contains(&key.as_str()) {
                        self.walk(value, key);
                    }
                }
            }
            Form::List(items) | Form::Either(items) => items.iter().for_each(|item| self.walk(item, key)),
            Form::Text(text) => self.leaf(value.span, key, text),
            Form::Nothing => {}
        }
    }

    fn leaf(&mut self, span: Span, key: &str, text: &str) {
        for arn in arns(text) {
            self.push(span, What::Arn(arn.to_owned()));
        }
        let known = knowledge(text);
        if let Some(zone) = zone_in(text) {
            return self.push(span, What::Zone(zone.to_owned()));
        }
        let start = |(start, thing): &(&str, Thing)| text.starts_with(start).then_some(*thing);
        let thing = ID_STARTS.iter().find_map(start).filter(|_| known == Knowledge::Known);
        let thing = thing.or_else(|| self.thing(key));
        if text.contains(ZONES) {
            self.push(span, What::ChosenZone("Fn::GetAZs"));
        } else if ZONE_KEYS.contains(&key) {
            match known {
                // A target group takes `all` for targets outside the VPC.
                Knowledge::Known if text == "all" => {}
                Knowledge::Known => self.push(span, What::Zone(text.to_owned())),
                Knowledge::Open => self.push(span, What::UnknownZone),
                // A text that a name repeats is judged where it stands.
                Knowledge::Own | Knowledge::Named | Knowledge::Later => {}
            }
        } else if text.starts_with("subnet-") && known == Knowledge::Known {
            self.push(span, What::Subnet(text.to_owned()));
        } else if SUBNET_KEYS.contains(&key) && known == Knowledge::Open {
            self.push(span, What::UnknownZone);
        } else if let Some(thing) = thing
            && !text.contains("arn:")
            && !is_public(text)
        {
            match known {
                Knowledge::Known => self.push(span, What::Thing(thing, Some(text.to_owned()))),
                Knowledge::Open => self.push(span, What::Thing(thing, None)),
                // A text that a name repeats is judged where it stands.
                Knowledge::Own | Knowledge::Named | Knowledge::Later => {}
            }
        }
    }

    fn thing(&self, key: &str) -> Option<Thing> {
        if self.kind == "AWS::EC2::KeyPair" && key == "KeyName" {
            // The name of what the template makes.
            return None;
        }
        let row = THING_KEYS.iter().find(|(of, _)| *of == key).map(|(_, thing)| *thing);
        row.or_else(|| {
            let key = key.to_ascii_lowercase();
            (key.contains("kms") && key.contains("key")).then_some(Thing::Key)
        })
    }

    /// The outputs of other stacks that the template reads.
    fn outputs(&mut self, resolver: &Resolver<'_>, node: &Node) {
        let mut found = Vec::new();
        chosen::functions(resolver, node, &mut |function| {
            if function.key == "Fn::GetStackOutput" {
                found.push(function);
            }
        });
        for function in found {
            let argument = |key: &str, absent: &str| match function.value.get(key) {
                None => Some(absent.to_owned()),
                Some(node) => {
                    let text = resolver.resolve(node).flat();
                    (knowledge(&text) == Knowledge::Known).then_some(text)
                }
            };
            let (region, role) = (argument("Region", ""), argument("RoleArn", ""));
            let call = std::mem::replace(&mut self.call, OUTPUT);
            self.push(function.key_span, What::Output { region, role });
            self.call = call;
        }
    }
}

/// Whether it is a public parameter of AWS, such as the newest image of an operating system.
fn is_public(text: &str) -> bool {
    text.starts_with("{{resolve:ssm:/aws/service/")
}

/// The zone whose id is the text, or stands in the name of a directory bucket.
fn zone_in(text: &str) -> Option<&str> {
    let zone = text.strip_suffix("--x-s3").map_or(Some(text), |name| name.rsplit("--").next())?;
    zone.parse::<AzId>().is_ok().then_some(zone)
}

/// The ARNs in a text.
fn arns(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("arn:").filter_map(|(at, _)| {
        let begins = text[..at].chars().next_back().is_none_or(|before| !before.is_ascii_alphanumeric());
        let arn = &text[at..];
        let ends = arn.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '}' | ',' | '|'));
        begins.then(|| ends.map_or(arn, |end| &arn[..end]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Given;

    fn needed(resources: &str, parameters: &[(&str, &str)]) -> Vec<What> {
        let lines: Vec<String> =
            parameters.iter().map(|(name, _)| format!("  {name}: {{ Type: String }}\n")).collect();
        let declared = lines.concat();
        let declared = if declared.is_empty() { declared } else { format!("Parameters:\n{declared}") };
        let text = format!("{declared}Resources:\n{resources}");
        let template = Template::read("t", &text, 0).unwrap_or_else(|f| panic!("{}", f.render(false)));
        let surroundings = Surroundings {
            account: "111122223333".parse().ok(),
            region: "us-west-2".parse().ok(),
            parameters: parameters
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Given::Value((*value).to_owned())))
                .collect(),
            ..Surroundings::default()
        };
        let found = needs(&template, &surroundings).into_iter().map(|need| need.what);
        found.filter(|what| *what != What::Call).collect()
    }

    #[test]
    fn zones_are_found_however_they_are_named() {
        let zone = |name: &str| vec![What::Zone(name.to_owned())];
        for (value, expected) in [
            ("us-west-2a", zone("us-west-2a")),
            ("usw2-az1", zone("usw2-az1")),
            ("!Ref Zone", zone("us-west-2c")),
            ("!Sub '${AWS::Region}b'", zone("us-west-2b")),
            ("!Select [0, !GetAZs '']", vec![What::ChosenZone("Fn::GetAZs")]),
            ("!Select [1, [us-west-2a, us-west-2b]]", zone("us-west-2b")),
            ("!ImportValue zone", vec![What::UnknownZone]),
            ("!Ref AWS::NoValue", vec![What::ChosenZone("EC2")]),
        ] {
            let subnet =
                format!("  S: {{ Type: 'AWS::EC2::Subnet', Properties: {{ AvailabilityZone: {value} }} }}\n");
            assert_eq!(needed(&subnet, &[("Zone", "us-west-2c")]), expected, "{value}");
        }
        let group = "  G: { Type: 'AWS::AutoScaling::AutoScalingGroup', Properties: { AvailabilityZones: !GetAZs '' } }\n";
        assert_eq!(needed(group, &[]), [What::ChosenZone("Fn::GetAZs")]);
        let directory = "  B: { Type: 'AWS::S3Express::DirectoryBucket', Properties: { BucketName: logs--usw2-az2--x-s3 } }\n";
        assert_eq!(needed(directory, &[]), zone("usw2-az2"));
    }

    #[test]
    fn what_exists_already_is_found_by_its_property_and_by_its_id() {
        let thing = |thing: Thing, id: &str| What::Thing(thing, Some(id.to_owned()));
        for (property, expected) in [
            ("ImageId: ami-0b2", vec![thing(Thing::Image, "ami-0b2")]),
            ("Other: [ami-0b2]", vec![thing(Thing::Image, "ami-0b2")]),
            ("ImageId: !Ref Ami", vec![thing(Thing::Image, "ami-1")]),
            ("ImageId: !ImportValue ami", vec![What::Thing(Thing::Image, None)]),
            ("ImageId: '{{resolve:ssm:/aws/service/ami/x}}'", vec![]),
            ("ImageId: '{{resolve:ssm:/ours}}'", vec![What::Thing(Thing::Image, None)]),
            ("DBSnapshotIdentifier: orders-2h", vec![thing(Thing::DbSnapshot, "orders-2h")]),
            ("Code: { S3Bucket: code }", vec![thing(Thing::Bucket, "code")]),
            ("KmsMasterKeyId: alias/x", vec![thing(Thing::Key, "alias/x")]),
            ("Tags: [{ Key: of, Value: ami-0b2 }]", vec![]),
            ("SubnetId: subnet-1", vec![What::Subnet("subnet-1".to_owned())]),
            (
                "Password: '{{resolve:secretsmanager:arn:aws:secretsmanager:us-east-1:1:secret:x}}'",
                vec![What::Arn("arn:aws:secretsmanager:us-east-1:1:secret:x".to_owned())],
            ),
            (
                "Password: { 'Fn::GetStackOutput': { StackName: s, OutputName: o, Region: us-east-1 } }",
                vec![What::Output { region: Some("us-east-1".to_owned()), role: Some(String::new()) }],
            ),
        ] {
            let resource = format!("  R: {{ Type: 'AWS::EC2::Instance', Properties: {{ {property} }} }}\n");
            assert_eq!(needed(&resource, &[("Ami", "ami-1")]), expected, "{property}");
        }
    }

    #[test]
    fn a_type_without_a_row_has_unknown_calls() {
        assert_eq!(needed("  A: { Type: 'AWS::Braket::Job' }\n", &[]), [What::UnknownCalls]);
        assert_eq!(needed("  A: { Type: 'AWS::SQS::Queue' }\n", &[]), []);
    }
}
