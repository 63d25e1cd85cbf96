//! Types of resources that lead out of the sandbox, and types that stay inside. What stands in neither list is not known to.
//!
//! Source: CloudFormation template reference, the page of each type.

use super::table::Rule;

pub struct Outward {
    /// A type, or the beginning of types before a `*`.
    pub kind: &'static str,
    pub rule: Rule,
    /// What it would do: goes on after the resource's name.
    pub what: &'static str,
    pub fix: &'static str,
}

pub const LEAVE_OUT: &str =
    "leave it out of a drill's deployment: give it a `Condition` on a parameter that the step sets";
pub const CLOSED: &str = "the sandbox is proved closed, and stays so: leave it out with a `Condition` on a parameter that the step sets";
const INLINE: &str = "put what it brings into this template, or deploy it with a step of its own";
const ALLOW_IAM: &str = "leave it out with a `Condition`, or write `allow: [iam]` on the step; machines get no role in either case";

const fn row(kind: &'static str, rule: Rule, what: &'static str, fix: &'static str) -> Outward {
    Outward { kind, rule, what, fix }
}

/// The first row that fits counts.
pub const OUTWARD: &[Outward] = &[
    row("AWS::EC2::InternetGateway", Rule::Network, "connects a network with the internet", CLOSED),
    row(
        "AWS::EC2::VPCGatewayAttachment",
        Rule::Network,
        "connects a network with an internet or VPN gateway",
        CLOSED,
    ),
    row("AWS::EC2::NatGateway", Rule::Network, "lets a network reach others", CLOSED),
    row("AWS::EC2::EgressOnlyInternetGateway", Rule::Network, "lets IPv6 out to the internet", CLOSED),
    row("AWS::EC2::CarrierGateway", Rule::Network, "connects a network with a carrier's", CLOSED),
    row("AWS::EC2::VPNGateway", Rule::Network, "is a gateway to a VPN", CLOSED),
    row(
        "AWS::EC2::VPNGatewayRoutePropagation",
        Rule::Network,
        "takes a VPN's routes into a route table",
        CLOSED,
    ),
    row("AWS::EC2::CustomerGateway", Rule::Network, "is the other end of a VPN", CLOSED),
    row("AWS::EC2::VPNConnection*", Rule::Network, "connects a network with another by VPN", CLOSED),
    row("AWS::EC2::ClientVpn*", Rule::Network, "lets clients into a network by VPN", CLOSED),
    row("AWS::EC2::TransitGateway*", Rule::Network, "connects networks by a transit gateway", CLOSED),
    row(
        "AWS::EC2::LocalGateway*",
        Rule::Network,
        "connects a network with an Outpost's surroundings",
        CLOSED,
    ),
    row("AWS::EC2::VPCPeeringConnection", Rule::Network, "connects a network with another VPC", CLOSED),
    row("AWS::EC2::VPCEndpointService*", Rule::Network, "offers something of the network to others", CLOSED),
    row("AWS::EC2::VPCEndpoint*", Rule::Network, "leads from the network to services outside it", CLOSED),
    row(
        "AWS::EC2::InstanceConnectEndpoint",
        Rule::Network,
        "is a way into the network for people",
        "let checks in with `command.run` steps that open it and close it again",
    ),
    row("AWS::EC2::VerifiedAccess*", Rule::Network, "is a way into the network for people", CLOSED),
    row("AWS::EC2::Route", Rule::Network, "is a route that leads further than the VPC", CLOSED),
    row("AWS::NetworkManager::*", Rule::Network, "connects networks", CLOSED),
    row("AWS::DirectConnect::*", Rule::Network, "connects networks", CLOSED),
    row("AWS::VpcLattice::*", Rule::Network, "connects services of different networks", CLOSED),
    row(
        "AWS::EC2::VPC",
        Rule::Network,
        "is a network of its own: only the sandbox's is proved closed",
        "use the sandbox's: parameters `VpcId`, `SubnetIds` and `SecurityGroupId` are filled in",
    ),
    row("AWS::EC2::VPCCidrBlock", Rule::Network, "widens a VPC beyond the range of the sandbox", CLOSED),
    row("AWS::EC2::EIP", Rule::Public, "is a public address", CLOSED),
    row("AWS::EC2::EIPAssociation", Rule::Public, "gives a machine a public address", CLOSED),
    row("AWS::Lambda::Url", Rule::Public, "is a URL that the internet can reach", CLOSED),
    row("AWS::ApiGateway*", Rule::Public, "is an API that the internet can reach", CLOSED),
    row("AWS::AppSync::*", Rule::Public, "is an API that the internet can reach", CLOSED),
    row(
        "AWS::AppRunner::*",
        Rule::Public,
        "runs outside the sandbox's network, and the internet can reach it",
        CLOSED,
    ),
    row("AWS::Amplify::*", Rule::Public, "is published on the internet", CLOSED),
    row("AWS::CloudFront::*", Rule::Public, "is published on the internet", CLOSED),
    row("AWS::GlobalAccelerator::*", Rule::Public, "has public addresses", CLOSED),
    row(
        "AWS::Lightsail::*",
        Rule::Public,
        "runs outside the sandbox's network, with public addresses",
        CLOSED,
    ),
    row("AWS::ElasticBeanstalk::*", Rule::Uninspected, "makes resources that stand in no template", INLINE),
    row("AWS::Transfer::*", Rule::Public, "is a server that others can reach", CLOSED),
    row(
        "AWS::Route53::RecordSetGroup",
        Rule::Network,
        "changes names that others may resolve",
        "write records one by one, in a private zone of the template",
    ),
    row("AWS::Route53::HealthCheck", Rule::Network, "asks from outside, whatever it checks", LEAVE_OUT),
    row("AWS::Route53::CidrCollection", Rule::Network, "decides how names are answered", LEAVE_OUT),
    row("AWS::Route53::DNSSEC", Rule::Network, "signs a zone that the world sees", LEAVE_OUT),
    row("AWS::Route53::KeySigningKey", Rule::Network, "signs a zone that the world sees", LEAVE_OUT),
    row("AWS::Route53Profiles::*", Rule::Network, "changes how names are resolved", LEAVE_OUT),
    row("AWS::Route53RecoveryControl::*", Rule::Network, "can move production's traffic", LEAVE_OUT),
    row(
        "AWS::Route53Resolver::*",
        Rule::Network,
        "changes how names are resolved, and can forward queries",
        LEAVE_OUT,
    ),
    row("AWS::ServiceDiscovery::*", Rule::Network, "makes a Route 53 zone", LEAVE_OUT),
    row("AWS::RAM::*", Rule::Access, "shares resources with other accounts", LEAVE_OUT),
    row("AWS::Organizations::*", Rule::Elsewhere, "changes the organization and its accounts", LEAVE_OUT),
    row("AWS::SSO::*", Rule::Access, "gives people access to accounts", LEAVE_OUT),
    row(
        "AWS::DynamoDB::GlobalTable",
        Rule::Elsewhere,
        "replicates to other regions",
        "use `AWS::DynamoDB::Table`",
    ),
    row("AWS::RDS::GlobalCluster", Rule::Elsewhere, "replicates to other regions", LEAVE_OUT),
    row("AWS::DMS::*", Rule::Elsewhere, "copies data from one database to another", LEAVE_OUT),
    row("AWS::DataSync::*", Rule::Elsewhere, "copies data from one store to another", LEAVE_OUT),
    row(
        "AWS::ECR::ReplicationConfiguration",
        Rule::Elsewhere,
        "replicates to other regions or accounts",
        LEAVE_OUT,
    ),
    row(
        "AWS::EC2::SnapshotBlockPublicAccess",
        Rule::Public,
        "changes what the account may publish",
        LEAVE_OUT,
    ),
    row("AWS::IAM::User*", Rule::Access, "is a user: its credentials work from anywhere", LEAVE_OUT),
    row("AWS::IAM::AccessKey", Rule::Access, "is a key that works from anywhere", LEAVE_OUT),
    row("AWS::IAM::Group*", Rule::Access, "gives users rights", LEAVE_OUT),
    row("AWS::IAM::OIDCProvider", Rule::Access, "lets identities of others into the account", LEAVE_OUT),
    row("AWS::IAM::SAMLProvider", Rule::Access, "lets identities of others into the account", LEAVE_OUT),
    row("AWS::RolesAnywhere::*", Rule::Access, "lets machines outside AWS into the account", LEAVE_OUT),
    row("AWS::IAM::*", Rule::Iam, "gives rights in the sandbox's account", ALLOW_IAM),
    row(
        "AWS::CloudFormation::Stack",
        Rule::Uninspected,
        "is a nested stack: its template is not here to be inspected",
        "deploy it with a `cloudformation.deploy` step of its own",
    ),
    row(
        "AWS::CloudFormation::StackSet",
        Rule::Elsewhere,
        "deploys stacks into other accounts and regions",
        LEAVE_OUT,
    ),
    row(
        "AWS::CloudFormation::CustomResource",
        Rule::Uninspected,
        "runs code that decides what is made",
        LEAVE_OUT,
    ),
    row("AWS::CloudFormation::Macro", Rule::Uninspected, "rewrites templates", LEAVE_OUT),
    row("Custom::*", Rule::Uninspected, "runs code that decides what is made", LEAVE_OUT),
];

/// Types that neither lead out of the sandbox's network nor let anybody in, as long as their properties do not:
/// those are looked at by key and by value all the same.
pub const INSIDE: &[&str] = &[
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::AutoScaling::LaunchConfiguration",
    "AWS::AutoScaling::ScalingPolicy",
    "AWS::AutoScaling::ScheduledAction",
    "AWS::CDK::Metadata",
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::DocDB::DBCluster",
    "AWS::DocDB::DBClusterParameterGroup",
    "AWS::DocDB::DBInstance",
    "AWS::DocDB::DBSubnetGroup",
    "AWS::DynamoDB::Table",
    "AWS::EC2::Instance",
    "AWS::EC2::KeyPair",
    "AWS::EC2::LaunchTemplate",
    "AWS::EC2::NetworkAcl",
    "AWS::EC2::NetworkAclEntry",
    "AWS::EC2::NetworkInterface",
    "AWS::EC2::NetworkInterfaceAttachment",
    "AWS::EC2::PlacementGroup",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetNetworkAclAssociation",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::Volume",
    "AWS::EC2::VolumeAttachment",
    "AWS::EFS::AccessPoint",
    "AWS::EFS::FileSystem",
    "AWS::EFS::MountTarget",
    "AWS::ElastiCache::CacheCluster",
    "AWS::ElastiCache::ParameterGroup",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::ElastiCache::SubnetGroup",
    "AWS::ElasticLoadBalancing::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Function",
    "AWS::Lambda::Version",
    "AWS::Logs::LogGroup",
    "AWS::Logs::LogStream",
    "AWS::Logs::MetricFilter",
    "AWS::Neptune::DBCluster",
    "AWS::Neptune::DBClusterParameterGroup",
    "AWS::Neptune::DBInstance",
    "AWS::Neptune::DBParameterGroup",
    "AWS::Neptune::DBSubnetGroup",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBClusterParameterGroup",
    "AWS::RDS::DBInstance",
    "AWS::RDS::DBParameterGroup",
    "AWS::RDS::DBSubnetGroup",
    "AWS::RDS::OptionGroup",
    "AWS::Route53::HostedZone",
    "AWS::Route53::RecordSet",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicInlinePolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueueInlinePolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SSM::Parameter",
    "AWS::SecretsManager::ResourcePolicy",
    "AWS::SecretsManager::Secret",
    "AWS::SecretsManager::SecretTargetAttachment",
];

/// Of these, deletion leaves a final snapshot where no policy is given, of `DBInstance` unless it belongs to a cluster
/// (CloudFormation template reference, "`DeletionPolicy` attribute").
pub fn leaves_a_snapshot(kind: &str, in_a_cluster: bool) -> bool {
    kind == "AWS::RDS::DBCluster" || (kind == "AWS::RDS::DBInstance" && !in_a_cluster)
}

/// The row of a type that leads out.
pub fn outward(kind: &str) -> Option<&'static Outward> {
    OUTWARD.iter().find(|row| match row.kind.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => kind == row.kind,
    })
}
