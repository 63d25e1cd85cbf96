//! What the inspection knows of properties: those that decide, those that must be there, those that must be of the stack.
//!
//! Source: CloudFormation template reference, the page of each type; where a default decides, the row says whose.

use super::rule::Rule;
use super::types::{CLOSED, LEAVE_OUT};

/// When a property's value is a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// It is true.
    True,
    /// It is false.
    False,
    /// It is one of these.
    Is(&'static [&'static str]),
    /// It is none of these.
    IsNot(&'static [&'static str]),
    /// It is there.
    Given,
}

pub struct Property {
    /// The type that it belongs to; empty: whatever has a property of this name, at any depth.
    pub kind: &'static str,
    pub key: &'static str,
    pub when: When,
    pub rule: Rule,
    pub what: &'static str,
    pub fix: &'static str,
}

const fn property(
    kind: &'static str,
    key: &'static str,
    when: When,
    rule: Rule,
    what: &'static str,
    fix: &'static str,
) -> Property {
    Property { kind, key, when, rule, what, fix }
}

const TO_FALSE: &str = "set it to false; with `!If` or a parameter, where production needs the other value";
const NO_ROLE: &str =
    "set it to `!Ref AWS::NoValue` in a drill, with `!If`: machines of the sandbox start without a role";
const PRIVATE: &str = "leave it out, or keep all four at true";

pub const PROPERTIES: &[Property] = &[
    property(
        "",
        "AssociatePublicIpAddress",
        When::True,
        Rule::Public,
        "gives machines public addresses",
        TO_FALSE,
    ),
    property(
        "",
        "MapPublicIpOnLaunch",
        When::True,
        Rule::Public,
        "gives machines public addresses",
        TO_FALSE,
    ),
    property(
        "",
        "AssignIpv6AddressOnCreation",
        When::True,
        Rule::Public,
        "gives machines public addresses",
        TO_FALSE,
    ),
    property(
        "",
        "PubliclyAccessible",
        When::True,
        Rule::Public,
        "gives a database a public address",
        TO_FALSE,
    ),
    property(
        "",
        "AssignPublicIp",
        When::IsNot(&["DISABLED"]),
        Rule::Public,
        "gives tasks public addresses",
        "set it to DISABLED",
    ),
    property("", "AllocationId", When::Given, Rule::Public, "uses an Elastic IP address", CLOSED),
    property("", "EIP", When::Given, Rule::Public, "uses an Elastic IP address", CLOSED),
    property(
        "",
        "Ipv6AddressCount",
        When::Given,
        Rule::Public,
        "asks for IPv6 addresses, which are public",
        CLOSED,
    ),
    property(
        "",
        "Ipv6Addresses",
        When::Given,
        Rule::Public,
        "asks for IPv6 addresses, which are public",
        CLOSED,
    ),
    property(
        "",
        "Ipv6Prefixes",
        When::Given,
        Rule::Public,
        "asks for IPv6 addresses, which are public",
        CLOSED,
    ),
    property(
        "",
        "Ipv6PrefixCount",
        When::Given,
        Rule::Public,
        "asks for IPv6 addresses, which are public",
        CLOSED,
    ),
    property("", "IamInstanceProfile", When::Given, Rule::Credentials, "gives machines a role", NO_ROLE),
    property("", "DeletionProtection", When::True, Rule::Retain, "keeps it from being deleted", TO_FALSE),
    property(
        "",
        "DeletionProtectionEnabled",
        When::True,
        Rule::Retain,
        "keeps it from being deleted",
        TO_FALSE,
    ),
    property("", "DisableApiTermination", When::True, Rule::Retain, "keeps it from being deleted", TO_FALSE),
    property(
        "",
        "EnableTerminationProtection",
        When::True,
        Rule::Retain,
        "keeps it from being deleted",
        TO_FALSE,
    ),
    property("", "ObjectLockEnabled", When::True, Rule::Retain, "keeps objects from being deleted", TO_FALSE),
    property("", "BlockPublicAcls", When::False, Rule::Public, "lets a bucket become public", PRIVATE),
    property("", "BlockPublicPolicy", When::False, Rule::Public, "lets a bucket become public", PRIVATE),
    property("", "IgnorePublicAcls", When::False, Rule::Public, "lets a bucket become public", PRIVATE),
    property("", "RestrictPublicBuckets", When::False, Rule::Public, "lets a bucket become public", PRIVATE),
    property(
        "AWS::S3::Bucket",
        "AccessControl",
        When::Is(&["PublicRead", "PublicReadWrite", "AuthenticatedRead"]),
        Rule::Public,
        "lets everybody read the bucket",
        "leave it out, or use `Private`",
    ),
    property(
        "AWS::S3::Bucket",
        "ReplicationConfiguration",
        When::Given,
        Rule::Elsewhere,
        "copies objects into another bucket",
        LEAVE_OUT,
    ),
    property(
        "AWS::EFS::FileSystem",
        "ReplicationConfiguration",
        When::Given,
        Rule::Elsewhere,
        "copies files into another file system",
        LEAVE_OUT,
    ),
    property(
        "AWS::SecretsManager::Secret",
        "ReplicaRegions",
        When::Given,
        Rule::Elsewhere,
        "copies the secret into other regions",
        LEAVE_OUT,
    ),
    property(
        "",
        "GlobalClusterIdentifier",
        When::Given,
        Rule::Elsewhere,
        "joins a global cluster",
        LEAVE_OUT,
    ),
    property(
        "",
        "GlobalReplicationGroupId",
        When::Given,
        Rule::Elsewhere,
        "joins a global replication group",
        LEAVE_OUT,
    ),
    property(
        "",
        "SourceDBClusterIdentifier",
        When::Given,
        Rule::Elsewhere,
        "copies another cluster",
        "restore from a recovery point with `rds.restore_cluster`",
    ),
    property(
        "",
        "EnableHttpEndpoint",
        When::True,
        Rule::Public,
        "answers queries from outside the sandbox's network",
        TO_FALSE,
    ),
    property(
        "AWS::AutoScaling::LaunchConfiguration",
        "InstanceId",
        When::Given,
        Rule::Credentials,
        "copies an instance, and its role",
        "write out what it would copy",
    ),
    property(
        "AWS::AutoScaling::AutoScalingGroup",
        "InstanceId",
        When::Given,
        Rule::Credentials,
        "copies an instance, and its role",
        "give it a launch template of this template",
    ),
    property(
        "",
        "SourceDBInstanceIdentifier",
        When::Given,
        Rule::Elsewhere,
        "makes a replica of another database",
        "restore from a recovery point with `rds.restore`",
    ),
    property(
        "",
        "ReplicationSourceIdentifier",
        When::Given,
        Rule::Elsewhere,
        "makes a replica of another database",
        "restore from a recovery point with `rds.restore_cluster`",
    ),
    // Default `internet-facing`: Elastic Load Balancing API reference, CreateLoadBalancer, "Scheme".
    property(
        "AWS::ElasticLoadBalancing::LoadBalancer",
        "Scheme",
        When::IsNot(&["internal"]),
        Rule::Public,
        "makes the load balancer public",
        "write `Scheme: internal`",
    ),
    property(
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "Scheme",
        When::IsNot(&["internal"]),
        Rule::Public,
        "makes the load balancer public",
        "write `Scheme: internal`",
    ),
    property(
        "AWS::SNS::Subscription",
        "Protocol",
        When::IsNot(&["lambda", "sqs", "firehose"]),
        Rule::Access,
        "sends messages out of the account",
        LEAVE_OUT,
    ),
    property(
        "AWS::SNS::Topic",
        "Protocol",
        When::IsNot(&["lambda", "sqs", "firehose"]),
        Rule::Access,
        "sends messages out of the account",
        LEAVE_OUT,
    ),
    property(
        "",
        "AssociatedRoles",
        When::Given,
        Rule::Credentials,
        "lets a database reach other services",
        "leave it out in a drill, with `!If`",
    ),
    property(
        "",
        "DeleteAutomatedBackups",
        When::False,
        Rule::Retain,
        "keeps its backups when it is deleted",
        "set it to true, or leave it out",
    ),
];

pub struct Needed {
    pub kind: &'static str,
    /// Properties (with `/` between levels) of which one must be there.
    pub any: &'static [&'static str],
    pub rule: Rule,
    /// What happens without.
    pub what: &'static str,
    pub fix: &'static str,
}

const DEFAULT_VPC: &str = "would stand in the account's default VPC, outside the sandbox";
const IN_SUBNETS: &str = "give it the sandbox's subnets: a parameter `SubnetIds` is filled in";
const IN_GROUP: &str =
    "give it a subnet group of the stack, made of the parameter `SubnetIds`, which is filled in";

const fn needed(
    kind: &'static str,
    any: &'static [&'static str],
    what: &'static str,
    fix: &'static str,
) -> Needed {
    Needed { kind, any, rule: Rule::Network, what, fix }
}

/// Without a subnet, services use the default VPC (each type's page: "If you don't specify …, the default VPC").
pub const NEEDED: &[Needed] = &[
    needed(
        "AWS::EC2::SecurityGroup",
        &["VpcId"],
        DEFAULT_VPC,
        "write `VpcId: !Ref VpcId`: a parameter of that name is filled in",
    ),
    needed(
        "AWS::EC2::Instance",
        &["SubnetId", "NetworkInterfaces/SubnetId", "NetworkInterfaces/NetworkInterfaceId"],
        DEFAULT_VPC,
        "give it a `SubnetId` of the parameter `SubnetIds`, which is filled in",
    ),
    needed("AWS::AutoScaling::AutoScalingGroup", &["VPCZoneIdentifier"], DEFAULT_VPC, IN_SUBNETS),
    needed("AWS::ElasticLoadBalancing::LoadBalancer", &["Subnets"], DEFAULT_VPC, IN_SUBNETS),
    needed(
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        &["Subnets", "SubnetMappings"],
        DEFAULT_VPC,
        IN_SUBNETS,
    ),
    needed("AWS::RDS::DBInstance", &["DBSubnetGroupName", "DBClusterIdentifier"], DEFAULT_VPC, IN_GROUP),
    needed("AWS::RDS::DBCluster", &["DBSubnetGroupName"], DEFAULT_VPC, IN_GROUP),
    needed("AWS::DocDB::DBCluster", &["DBSubnetGroupName"], DEFAULT_VPC, IN_GROUP),
    needed("AWS::Neptune::DBCluster", &["DBSubnetGroupName"], DEFAULT_VPC, IN_GROUP),
    needed("AWS::ElastiCache::CacheCluster", &["CacheSubnetGroupName"], DEFAULT_VPC, IN_GROUP),
    needed("AWS::ElastiCache::ReplicationGroup", &["CacheSubnetGroupName"], DEFAULT_VPC, IN_GROUP),
    needed(
        "AWS::Lambda::Function",
        &["VpcConfig/SubnetIds"],
        "runs outside the sandbox's network, and reaches the internet",
        IN_SUBNETS,
    ),
    Needed {
        kind: "AWS::ElasticLoadBalancing::LoadBalancer",
        any: &["Scheme"],
        rule: Rule::Public,
        what: "would be public: `internet-facing` is the default",
        fix: "write `Scheme: internal`",
    },
    Needed {
        kind: "AWS::ElasticLoadBalancingV2::LoadBalancer",
        any: &["Scheme"],
        rule: Rule::Public,
        what: "would be public: `internet-facing` is the default",
        fix: "write `Scheme: internal`",
    },
    Needed {
        kind: "AWS::Route53::HostedZone",
        any: &["VPCs/VPCId"],
        rule: Rule::Public,
        what: "is a public zone: the world sees its names",
        fix: "make it private: `VPCs: [{ VPCId: !Ref VpcId, VPCRegion: !Ref AWS::Region }]`",
    },
    Needed {
        kind: "AWS::Route53::RecordSet",
        any: &["HostedZoneId"],
        rule: Rule::Network,
        what: "names its zone by name: it may be production's",
        fix: OWN_ZONE,
    },
    // "When you create a security group, if you do not add egress rules, we add egress rules that allow all outbound
    // IPv4 and IPv6 traffic" (CloudFormation template reference, AWS::EC2::SecurityGroup). No gateway is there to be
    // reached; the proof of isolation counts it as a way out all the same, so that one mistake alone opens nothing.
    Needed {
        kind: "AWS::EC2::SecurityGroup",
        any: &["SecurityGroupEgress"],
        rule: Rule::Network,
        what: "lets everything out: that is what EC2 adds where no egress rule is given",
        fix: "add `SecurityGroupEgress: [{ IpProtocol: \"-1\", CidrIp: !Ref VpcCidr }]`: a parameter `VpcCidr` is filled in",
    },
];

pub struct OfTheStack {
    pub key: &'static str,
    /// Types, or the beginnings of types before a `*`, that it decides of; empty: all.
    pub kinds: &'static [&'static str],
    /// Types whose own name this is.
    pub except: &'static [&'static str],
    /// What else it may name, besides resources of the stack: ids of the sandbox only, or also what a step made.
    pub by_parameter: bool,
    pub rule: Rule,
    pub fix: &'static str,
}

const OWN_ZONE: &str =
    "refer to a private zone that this template makes, with the sandbox's `VpcId` in `VPCs`";
const FILLED_IN: &str =
    "declare a parameter `VpcId` or `SubnetIds` and refer to it: the step fills in the sandbox's";
const OWN: &str = "refer to one that this template makes";

const TARGET: &str = "refer to one that this template makes, or that a step makes, by a parameter";

const fn target(
    key: &'static str,
    kinds: &'static [&'static str],
    except: &'static [&'static str],
) -> OfTheStack {
    OfTheStack { key, kinds, except, by_parameter: true, rule: Rule::Elsewhere, fix: TARGET }
}

const fn rights(
    key: &'static str,
    kinds: &'static [&'static str],
    except: &'static [&'static str],
) -> OfTheStack {
    OfTheStack { key, kinds, except, by_parameter: false, rule: Rule::Credentials, fix: OWN_ROLE }
}

/// Whatever key ends like this names a role.
pub const ROLES: &OfTheStack = &rights("", &[], &[]);
/// The ends of such keys; and a key that names a role of AWS itself.
pub const ROLE_KEYS: (&[&str], &str) = (&["RoleArn", "RoleARN"], "ServiceLinkedRoleARN");
const OWN_ROLE: &str =
    "refer to a role that this template makes, with `allow: [iam]` on the step, or leave it out";

/// Keys that decide where something stands, what it acts on, or with which settings or rights of somebody else's.
pub const OF_THE_STACK: &[OfTheStack] = &[
    OfTheStack {
        key: "VpcId",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: FILLED_IN,
    },
    OfTheStack {
        key: "VPCId",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: FILLED_IN,
    },
    OfTheStack {
        key: "SubnetId",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: FILLED_IN,
    },
    OfTheStack {
        key: "SubnetIds",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: FILLED_IN,
    },
    OfTheStack {
        key: "Subnets",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: FILLED_IN,
    },
    OfTheStack {
        key: "VPCZoneIdentifier",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: FILLED_IN,
    },
    OfTheStack {
        key: "DBSubnetGroupName",
        kinds: &[],
        except: &["AWS::RDS::DBSubnetGroup", "AWS::DocDB::DBSubnetGroup", "AWS::Neptune::DBSubnetGroup"],
        by_parameter: true,
        rule: Rule::Network,
        fix: IN_GROUP,
    },
    OfTheStack {
        key: "CacheSubnetGroupName",
        kinds: &[],
        except: &["AWS::ElastiCache::SubnetGroup"],
        by_parameter: true,
        rule: Rule::Network,
        fix: IN_GROUP,
    },
    OfTheStack {
        key: "HostedZoneId",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: OWN_ZONE,
    },
    OfTheStack {
        key: "LaunchTemplateId",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: OWN,
    },
    OfTheStack {
        key: "LaunchTemplateName",
        kinds: &[],
        except: &["AWS::EC2::LaunchTemplate"],
        by_parameter: false,
        rule: Rule::Network,
        fix: OWN,
    },
    OfTheStack {
        key: "LaunchConfigurationName",
        kinds: &[],
        except: &["AWS::AutoScaling::LaunchConfiguration"],
        by_parameter: false,
        rule: Rule::Network,
        fix: OWN,
    },
    // What is changed, filled or started by them.
    target("Bucket", &["AWS::S3::BucketPolicy"], &[]),
    target("Queues", &["AWS::SQS::QueuePolicy"], &[]),
    target("Queue", &["AWS::SQS::QueueInlinePolicy", "AWS::S3::Bucket"], &[]),
    target("Topics", &["AWS::SNS::TopicPolicy"], &[]),
    target("TopicArn", &[], &[]),
    target("Topic", &["AWS::S3::Bucket"], &[]),
    target("Function", &["AWS::S3::Bucket"], &[]),
    target("Endpoint", &["AWS::SNS::*"], &[]),
    target("SecretId", &[], &[]),
    target("AutoScalingGroupName", &[], &["AWS::AutoScaling::AutoScalingGroup"]),
    target(
        "DBClusterIdentifier",
        &[],
        &["AWS::RDS::DBCluster", "AWS::DocDB::DBCluster", "AWS::Neptune::DBCluster"],
    ),
    target("FileSystemId", &[], &["AWS::EFS::FileSystem"]),
    target("VolumeId", &[], &[]),
    target(
        "InstanceId",
        &[],
        &["AWS::AutoScaling::LaunchConfiguration", "AWS::AutoScaling::AutoScalingGroup"],
    ),
    target("InstanceIds", &[], &[]),
    target("Instances", &["AWS::ElasticLoadBalancing::LoadBalancer"], &[]),
    target("ListenerArn", &[], &[]),
    target("LoadBalancerArn", &[], &[]),
    target("LoadBalancerNames", &[], &[]),
    target("TargetGroupARNs", &[], &[]),
    target("TargetGroupArns", &[], &[]),
    target("TargetGroupArn", &[], &[]),
    target("GroupId", &["AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"], &[]),
    target("GroupName", &["AWS::EC2::SecurityGroupIngress"], &[]),
    target("NetworkAclId", &[], &[]),
    target("RouteTableId", &[], &[]),
    target("NetworkInterfaceId", &[], &[]),
    target("FunctionName", &[], &["AWS::Lambda::Function"]),
    target("TargetId", &["AWS::SecretsManager::SecretTargetAttachment"], &[]),
    target("TargetKeyId", &[], &[]),
    target("LogGroupName", &[], &["AWS::Logs::LogGroup"]),
    target("AlarmActions", &[], &[]),
    target("OKActions", &[], &[]),
    target("InsufficientDataActions", &[], &[]),
    target("DestinationBucketName", &[], &[]),
    target("BucketArn", &[], &[]),
    target("BucketARN", &[], &[]),
    target("S3BucketName", &["AWS::ElasticLoadBalancing::LoadBalancer"], &[]),
    target("StreamArn", &[], &[]),
    target("KinesisStreamArn", &[], &[]),
    target("DestinationArn", &[], &[]),
    target("deadLetterTargetArn", &[], &[]),
    target("TargetArn", &["AWS::Lambda::Function"], &[]),
    // Rights of somebody else: a role that the template makes needs `allow: [iam]`.
    rights("Role", &[], &[]),
    rights("CustomIAMInstanceProfile", &[], &[]),
    rights("Roles", &["AWS::IAM::*"], &[]),
    rights("Users", &["AWS::IAM::*"], &[]),
    rights("Groups", &["AWS::IAM::*"], &[]),
    rights("RoleName", &[], &["AWS::IAM::Role"]),
];

/// Beginnings of ids that name a place or a way, and whether a parameter may bring one that a step made.
pub const NETWORK_IDS: &[(&str, bool)] = &[
    ("vpc-", false),
    ("subnet-", false),
    ("sg-", true),
    ("rtb-", true),
    ("acl-", true),
    ("eni-", true),
    ("pl-", false),
    ("igw-", false),
    ("nat-", false),
    ("eigw-", false),
    ("cagw-", false),
    ("lgw-", false),
    ("vgw-", false),
    ("cgw-", false),
    ("tgw-", false),
    ("pcx-", false),
    ("vpce-", false),
    ("eipalloc-", false),
];

/// Keys that name a region.
pub const REGION_KEYS: &[&str] =
    &["Region", "VPCRegion", "SourceRegion", "DestinationRegion", "PeerRegion", "ReplicaRegion"];
