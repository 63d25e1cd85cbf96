//! The properties that the inspection knows: bad values, required properties, and references that
//! must belong to the stack.
//!
//! Source: CloudFormation template reference, the page of each type. If a row depends on a default,
//! it names the source of the default.

use super::rule::Rule;
use super::types::{CLOSED, LEAVE_OUT};

/// When a property's value is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadWhen {
    /// The value is true.
    True,
    /// The value is false.
    False,
    /// The value is one of these.
    Is(&'static [&'static str]),
    /// The value is none of these.
    IsNot(&'static [&'static str]),
    /// There is a value.
    Given,
}

/// A property whose value can be bad.
pub struct Property {
    /// The resource type. Empty for a property of this name in any type, at any depth.
    pub kind: &'static str,
    pub key: &'static str,
    pub when: BadWhen,
    pub rule: Rule,
    pub what: &'static str,
    pub fix: &'static str,
}

const fn property(
    kind: &'static str,
    key: &'static str,
    when: BadWhen,
    rule: Rule,
    what: &'static str,
    fix: &'static str,
) -> Property {
    Property { kind, key, when, rule, what, fix }
}

const TO_FALSE: &str = "set it to false; with `!If` or a parameter, where production needs the other value";
const TO_TRUE: &str = "set it to true, or leave it out";
const NO_ROLE: &str =
    "set it to `!Ref AWS::NoValue` in a drill, with `!If`: machines of the sandbox start without a role";
const PRIVATE: &str = "leave it out, or keep all four at true";

pub const PROPERTIES: &[Property] = &[
    property(
        "",
        "AssociatePublicIpAddress",
        BadWhen::True,
        Rule::Public,
        "gives machines public addresses",
        TO_FALSE,
    ),
    property(
        "",
        "MapPublicIpOnLaunch",
        BadWhen::True,
        Rule::Public,
        "gives machines public addresses",
        TO_FALSE,
    ),
    property(
        "",
        "AssignIpv6AddressOnCreation",
        BadWhen::True,
        Rule::Public,
        "gives machines public addresses",
        TO_FALSE,
    ),
    property(
        "",
        "PubliclyAccessible",
        BadWhen::True,
        Rule::Public,
        "gives a database a public address",
        TO_FALSE,
    ),
    property(
        "",
        "AssignPublicIp",
        BadWhen::IsNot(&["DISABLED"]),
        Rule::Public,
        "gives tasks public addresses",
        "set it to DISABLED",
    ),
    property("", "AllocationId", BadWhen::Given, Rule::Public, "uses an Elastic IP address", CLOSED),
    property("", "EIP", BadWhen::Given, Rule::Public, "uses an Elastic IP address", CLOSED),
    property(
        "",
        "Ipv6AddressCount",
        BadWhen::Given,
        Rule::Public,
        "asks for IPv6 addresses, which are public",
        CLOSED,
    ),
    property(
        "",
        "Ipv6Addresses",
        BadWhen::Given,
        Rule::Public,
        "asks for IPv6 addresses, which are public",
        CLOSED,
    ),
    property(
        "",
        "Ipv6Prefixes",
        BadWhen::Given,
        Rule::Public,
        "asks for IPv6 addresses, which are public",
        CLOSED,
    ),
    property(
        "",
        "Ipv6PrefixCount",
        BadWhen::Given,
        Rule::Public,
        "asks for IPv6 addresses, which are public",
        CLOSED,
    ),
    property("", "IamInstanceProfile", BadWhen::Given, Rule::Credentials, "gives machines a role", NO_ROLE),
    property("", "DeletionProtection", BadWhen::True, Rule::Retain, "keeps it from being deleted", TO_FALSE),
    property(
        "",
        "DeletionProtectionEnabled",
        BadWhen::True,
        Rule::Retain,
        "keeps it from being deleted",
        TO_FALSE,
    ),
    property(
        "",
        "DisableApiTermination",
        BadWhen::True,
        Rule::Retain,
        "keeps it from being deleted",
        TO_FALSE,
    ),
    property(
        "",
        "EnableTerminationProtection",
        BadWhen::True,
        Rule::Retain,
        "keeps it from being deleted",
        TO_FALSE,
    ),
    property(
        "",
        "ObjectLockEnabled",
        BadWhen::True,
        Rule::Retain,
        "keeps objects from being deleted",
        TO_FALSE,
    ),
    property("", "BlockPublicAcls", BadWhen::False, Rule::Public, "lets a bucket become public", PRIVATE),
    property("", "BlockPublicPolicy", BadWhen::False, Rule::Public, "lets a bucket become public", PRIVATE),
    property("", "IgnorePublicAcls", BadWhen::False, Rule::Public, "lets a bucket become public", PRIVATE),
    property(
        "",
        "RestrictPublicBuckets",
        BadWhen::False,
        Rule::Public,
        "lets a bucket become public",
        PRIVATE,
    ),
    property(
        "AWS::S3::Bucket",
        "AccessControl",
        BadWhen::Is(&["PublicRead", "PublicReadWrite", "AuthenticatedRead"]),
        Rule::Public,
        "lets everybody read the bucket",
        "leave it out, or use `Private`",
    ),
    property(
        "AWS::S3::Bucket",
        "ReplicationConfiguration",
        BadWhen::Given,
        Rule::Elsewhere,
        "copies objects into another bucket",
        LEAVE_OUT,
    ),
    property(
        "AWS::EFS::FileSystem",
        "ReplicationConfiguration",
        BadWhen::Given,
        Rule::Elsewhere,
        "copies files into another file system",
        LEAVE_OUT,
    ),
    property(
        "AWS::SecretsManager::Secret",
        "ReplicaRegions",
        BadWhen::Given,
        Rule::Elsewhere,
        "copies the secret into other regions",
        LEAVE_OUT,
    ),
    property(
        "",
        "GlobalClusterIdentifier",
        BadWhen::Given,
        Rule::Elsewhere,
        "joins a global cluster",
        LEAVE_OUT,
    ),
    property(
        "",
        "GlobalReplicationGroupId",
        BadWhen::Given,
        Rule::Elsewhere,
        "joins a global replication group",
        LEAVE_OUT,
    ),
    property(
        "",
        "SourceDBClusterIdentifier",
        BadWhen::Given,
        Rule::Elsewhere,
        "copies another cluster",
        "restore from a recovery point with `rds.restore_cluster`",
    ),
    property(
        "",
        "EnableHttpEndpoint",
        BadWhen::True,
        Rule::Public,
        "answers queries from outside the sandbox's network",
        TO_FALSE,
    ),
    property(
        "AWS::AutoScaling::LaunchConfiguration",
        "InstanceId",
        BadWhen::Given,
        Rule::Credentials,
        "copies an instance, and its role",
        "write out what it would copy",
    ),
    property(
        "AWS::AutoScaling::AutoScalingGroup",
        "InstanceId",
        BadWhen::Given,
        Rule::Credentials,
        "copies an instance, and its role",
        "give it a launch template of this template",
    ),
    property(
        "",
        "SourceDBInstanceIdentifier",
        BadWhen::Given,
        Rule::Elsewhere,
        "makes a replica of another database",
        "restore from a recovery point with `rds.restore`",
    ),
    property(
        "",
        "ReplicationSourceIdentifier",
        BadWhen::Given,
        Rule::Elsewhere,
        "makes a replica of another database",
        "restore from a recovery point with `rds.restore_cluster`",
    ),
    // The default is `internet-facing` (Elastic Load Balancing API reference, CreateLoadBalancer,
    // "Scheme").
    property(
        "AWS::ElasticLoadBalancing::LoadBalancer",
        "Scheme",
        BadWhen::IsNot(&["internal"]),
        Rule::Public,
        "makes the load balancer public",
        "write `Scheme: internal`",
    ),
    property(
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "Scheme",
        BadWhen::IsNot(&["internal"]),
        Rule::Public,
        "makes the load balancer public",
        "write `Scheme: internal`",
    ),
    property(
        "AWS::SNS::Subscription",
        "Protocol",
        BadWhen::IsNot(&["lambda", "sqs", "firehose"]),
        Rule::Access,
        "sends messages out of the account",
        LEAVE_OUT,
    ),
    property(
        "AWS::SNS::Topic",
        "Protocol",
        BadWhen::IsNot(&["lambda", "sqs", "firehose"]),
        Rule::Access,
        "sends messages out of the account",
        LEAVE_OUT,
    ),
    property(
        "",
        "AssociatedRoles",
        BadWhen::Given,
        Rule::Credentials,
        "lets a database reach other services",
        "leave it out in a drill, with `!If`",
    ),
    property(
        "",
        "DeleteAutomatedBackups",
        BadWhen::False,
        Rule::Retain,
        "keeps its backups when it is deleted",
        TO_TRUE,
    ),
    property(
        "",
        "SourceDbiResourceId",
        BadWhen::Given,
        Rule::Elsewhere,
        "copies another database",
        "restore from a recovery point with `rds.restore_to_time`",
    ),
    property(
        "",
        "SourceDbClusterResourceId",
        BadWhen::Given,
        Rule::Elsewhere,
        "copies another database",
        "restore from a recovery point with `rds.restore_to_time`",
    ),
    property(
        "",
        "SourceDBInstanceAutomatedBackupsArn",
        BadWhen::Given,
        Rule::Elsewhere,
        "copies another database",
        "restore from a recovery point with `rds.restore_to_time`",
    ),
    property(
        "",
        "AutomaticBackupReplicationRegion",
        BadWhen::Given,
        Rule::Elsewhere,
        "copies its backups into another region",
        LEAVE_OUT,
    ),
    property(
        "",
        "AutomaticBackupReplicationKmsKeyId",
        BadWhen::Given,
        Rule::Elsewhere,
        "copies its backups into another region",
        LEAVE_OUT,
    ),
    property(
        "",
        "AutomaticBackupReplicationRetentionPeriod",
        BadWhen::Given,
        Rule::Elsewhere,
        "copies its backups into another region",
        LEAVE_OUT,
    ),
    property(
        "",
        "OutpostArn",
        BadWhen::Given,
        Rule::Network,
        "stands on an Outpost, outside the sandbox's network",
        LEAVE_OUT,
    ),
    property(
        "",
        "EnableLniAtDeviceIndex",
        BadWhen::Given,
        Rule::Network,
        "connects machines with an Outpost's surroundings",
        LEAVE_OUT,
    ),
    property(
        "",
        "Ipv4IpamPoolId",
        BadWhen::Given,
        Rule::Network,
        "takes addresses outside the sandbox's range",
        LEAVE_OUT,
    ),
    property(
        "",
        "Ipv6IpamPoolId",
        BadWhen::Given,
        Rule::Public,
        "asks for IPv6 addresses, which are public",
        CLOSED,
    ),
    property(
        "",
        "VpcLatticeConfigurations",
        BadWhen::Given,
        Rule::Network,
        "connects services of different networks",
        CLOSED,
    ),
    property("", "GatewayConnectors", BadWhen::Given, Rule::Network, "lets others reach the service", CLOSED),
    property(
        "AWS::Route53::RecordSet",
        "HostedZoneName",
        BadWhen::Given,
        Rule::Network,
        "names its zone by name: it may be production's",
        OWN_ZONE,
    ),
    property(
        "AWS::ECS::TaskDefinition",
        "FSxWindowsFileServerVolumeConfiguration",
        BadWhen::Given,
        Rule::Elsewhere,
        "mounts files that stand already",
        "use a file system of this template",
    ),
    property(
        "AWS::ECS::TaskDefinition",
        "S3FilesVolumeConfiguration",
        BadWhen::Given,
        Rule::Elsewhere,
        "mounts files that stand already",
        "use a file system of this template",
    ),
    property(
        "",
        "SourceVolumeId",
        BadWhen::Given,
        Rule::Elsewhere,
        "copies a volume that stands",
        "restore from a recovery point with `ec2.restore_volume`",
    ),
    property("", "DeleteOnTermination", BadWhen::False, Rule::Retain, "lets it outlive its machine", TO_TRUE),
    property(
        "",
        "AssociateCarrierIpAddress",
        BadWhen::True,
        Rule::Public,
        "gives machines public addresses",
        TO_FALSE,
    ),
    property(
        "",
        "EnablePrimaryIpv6",
        BadWhen::True,
        Rule::Public,
        "asks for IPv6 addresses, which are public",
        TO_FALSE,
    ),
    property(
        "",
        "PrimaryIpv6",
        BadWhen::True,
        Rule::Public,
        "asks for IPv6 addresses, which are public",
        TO_FALSE,
    ),
    property(
        "",
        "BypassPolicyLockoutSafetyCheck",
        BadWhen::True,
        Rule::Retain,
        "lets a policy keep it from being deleted",
        TO_FALSE,
    ),
    property(
        "",
        "NewInstancesProtectedFromScaleIn",
        BadWhen::True,
        Rule::Retain,
        "keeps machines from being deleted",
        TO_FALSE,
    ),
    // DynamoDB Developer Guide, "Point-in-time recovery": a deleted table leaves a backup for 35 days.
    property(
        "",
        "PointInTimeRecoveryEnabled",
        BadWhen::True,
        Rule::Retain,
        "leaves a backup for 35 days when it is deleted",
        TO_FALSE,
    ),
    property(
        "",
        "TerminateHookAbandon",
        BadWhen::IsNot(&["terminate"]),
        Rule::Retain,
        "keeps machines from being deleted",
        "set it to `terminate`, or leave it out",
    ),
    property(
        "AWS::AutoScaling::AutoScalingGroup",
        "DeletionProtection",
        BadWhen::IsNot(&["none"]),
        Rule::Retain,
        "keeps it from being deleted",
        "set it to `none`, or leave it out",
    ),
    property(
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "deletion_protection.enabled",
        BadWhen::True,
        Rule::Retain,
        "keeps it from being deleted",
        TO_FALSE,
    ),
    // AWS Backup keeps its recovery points when the file system is deleted.
    property(
        "AWS::EFS::FileSystem",
        "Status",
        BadWhen::IsNot(&["DISABLED"]),
        Rule::Retain,
        "has it backed up, and backups stay",
        "set it to DISABLED; with `!If` or a parameter, where production needs backups",
    ),
    property(
        "",
        "LogDriver",
        BadWhen::IsNot(&["awslogs", "json-file", "local", "none"]),
        Rule::Elsewhere,
        "sends logs to another service",
        "use `awslogs` with a log group of this template",
    ),
    property(
        "",
        "CapacityProviders",
        BadWhen::IsNot(&["FARGATE", "FARGATE_SPOT"]),
        Rule::Elsewhere,
        "uses machines that stand already",
        "use FARGATE or FARGATE_SPOT",
    ),
    property(
        "",
        "CapacityProvider",
        BadWhen::IsNot(&["FARGATE", "FARGATE_SPOT"]),
        Rule::Elsewhere,
        "uses machines that stand already",
        "use FARGATE or FARGATE_SPOT",
    ),
    property(
        "AWS::ECS::TaskDefinition",
        "awslogs-create-group",
        BadWhen::True,
        Rule::Retain,
        "makes a log group that the stack does not delete",
        "set it to false, and make the log group in this template",
    ),
];

/// A property that a resource must have.
pub struct Needed {
    pub kind: &'static str,
    /// Properties (with `/` between levels). At least one of them must exist.
    pub any: &'static [&'static str],
    pub rule: Rule,
    /// The consequence if none exists.
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

/// Required properties. Without a subnet, services use the default VPC (each type's page: "If you
/// don't specify …, the default VPC").
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
    needed(
        "AWS::ECS::Service",
        &["NetworkConfiguration/AwsvpcConfiguration/Subnets"],
        "would run on machines that stand already, outside the sandbox's network",
        IN_SUBNETS,
    ),
    needed(
        "AWS::ECS::Service",
        &["Cluster"],
        "would run in the account's default cluster",
        "refer to a cluster that this template makes",
    ),
    Needed {
        kind: "AWS::ECS::Service",
        any: &["NetworkConfiguration/AwsvpcConfiguration/AssignPublicIp"],
        rule: Rule::Public,
        what: "may give its tasks public addresses: it depends on how the service is made where nothing is said",
        fix: "write `AssignPublicIp: DISABLED`",
    },
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
    // "When you create a security group, if you do not add egress rules, we add egress rules that
    // allow all outbound IPv4 and IPv6 traffic" (CloudFormation template reference,
    // AWS::EC2::SecurityGroup). The sandbox has no gateway. The proof of isolation still counts
    // such a rule as a way out, so that one mistake alone opens nothing.
    Needed {
        kind: "AWS::EC2::SecurityGroup",
        any: &["SecurityGroupEgress"],
        rule: Rule::Network,
        what: "lets everything out: that is what EC2 adds where no egress rule is given",
        fix: "add `SecurityGroupEgress: [{ IpProtocol: \"-1\", CidrIp: !Ref VpcCidr }]`: a parameter `VpcCidr` is filled in",
    },
];

/// A key whose value must refer to the stack or the sandbox.
pub struct StackReference {
    pub key: &'static str,
    /// The types that the row applies to, or beginnings of types before a `*`. Empty: all types.
    pub kinds: &'static [&'static str],
    /// Types in which this key is the resource's own name.
    pub except: &'static [&'static str],
    /// Whether a parameter may also bring the id of a resource that a step created. Otherwise only
    /// resources of the stack and ids of the sandbox are allowed.
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
) -> StackReference {
    StackReference { key, kinds, except, by_parameter: true, rule: Rule::Elsewhere, fix: TARGET }
}

const fn rights(
    key: &'static str,
    kinds: &'static [&'static str],
    except: &'static [&'static str],
) -> StackReference {
    StackReference { key, kinds, except, by_parameter: false, rule: Rule::Credentials, fix: OWN_ROLE }
}

/// The row for properties of admitted types that must refer to the stack, and have no row of their own.
pub const OWN_TARGET: &StackReference = &target("", &[], &[]);
/// The row for the log group of a container.
pub const LOG_GROUP: &StackReference = &target("awslogs-group", &[], &[]);

const fn group(key: &'static str) -> StackReference {
    StackReference { key, kinds: &[], except: &[], by_parameter: true, rule: Rule::Network, fix: TARGET }
}

/// The row for keys that end like [`ROLE_KEYS`] and so name a role.
pub const ROLES: &StackReference = &rights("", &[], &[]);
/// The endings of keys that name a role, and one key that names a role of AWS instead.
pub const ROLE_KEYS: (&[&str], &str) = (&["RoleArn", "RoleARN"], "ServiceLinkedRoleARN");
const OWN_ROLE: &str =
    "refer to a role that this template makes, with `allow: [iam]` on the step, or leave it out";

/// Keys that decide where a resource is, what it acts on, or whose settings or rights it uses.
pub const STACK_REFERENCES: &[StackReference] = &[
    StackReference {
        key: "VpcId",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: FILLED_IN,
    },
    StackReference {
        key: "VPCId",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: FILLED_IN,
    },
    StackReference {
        key: "SubnetId",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: FILLED_IN,
    },
    StackReference {
        key: "SubnetIds",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: FILLED_IN,
    },
    StackReference {
        key: "Subnets",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: FILLED_IN,
    },
    StackReference {
        key: "VPCZoneIdentifier",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: FILLED_IN,
    },
    StackReference {
        key: "DBSubnetGroupName",
        kinds: &[],
        except: &["AWS::RDS::DBSubnetGroup", "AWS::DocDB::DBSubnetGroup", "AWS::Neptune::DBSubnetGroup"],
        by_parameter: true,
        rule: Rule::Network,
        fix: IN_GROUP,
    },
    StackReference {
        key: "CacheSubnetGroupName",
        kinds: &[],
        except: &["AWS::ElastiCache::SubnetGroup"],
        by_parameter: true,
        rule: Rule::Network,
        fix: IN_GROUP,
    },
    StackReference {
        key: "HostedZoneId",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: OWN_ZONE,
    },
    StackReference {
        key: "LaunchTemplateId",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: OWN,
    },
    StackReference {
        key: "LaunchTemplateName",
        kinds: &[],
        except: &["AWS::EC2::LaunchTemplate"],
        by_parameter: false,
        rule: Rule::Network,
        fix: OWN,
    },
    StackReference {
        key: "LaunchConfigurationName",
        kinds: &[],
        except: &["AWS::AutoScaling::LaunchConfiguration"],
        by_parameter: false,
        rule: Rule::Network,
        fix: OWN,
    },
    StackReference {
        key: "SourcePrefixListId",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: OWN,
    },
    StackReference {
        key: "DestinationPrefixListId",
        kinds: &[],
        except: &[],
        by_parameter: false,
        rule: Rule::Network,
        fix: OWN,
    },
    group("SecurityGroupIds"),
    group("SecurityGroups"),
    group("VpcSecurityGroupIds"),
    group("VPCSecurityGroups"),
    group("GroupSet"),
    group("SourceSecurityGroupId"),
    group("SourceSecurityGroupName"),
    group("DestinationSecurityGroupId"),
    // Targets that such a resource changes, fills or starts.
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
    // Rights of an identity outside the stack. A role in the template needs `allow: [iam]`.
    rights("Role", &[], &[]),
    rights("CustomIAMInstanceProfile", &[], &[]),
    rights("Roles", &["AWS::IAM::*"], &[]),
    rights("Users", &["AWS::IAM::*"], &[]),
    rights("Groups", &["AWS::IAM::*"], &[]),
    rights("RoleName", &[], &["AWS::IAM::Role"]),
];

/// Beginnings of ids of networks and gateways, and whether a parameter may bring such an id from a
/// step.
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

/// Keys that hold a policy in any type.
pub const POLICY_KEYS: &[&str] = &[
    "AccessPolicy",
    "AssumeRolePolicyDocument",
    "FileSystemPolicy",
    "KeyPolicy",
    "PolicyDocument",
    "RegistryPolicyText",
    "RepositoryPolicyText",
    "ResourcePolicy",
    "ResourcePolicyDocument",
];

/// Keys that name a region.
pub const REGION_KEYS: &[&str] =
    &["Region", "VPCRegion", "SourceRegion", "DestinationRegion", "PeerRegion", "ReplicaRegion"];
