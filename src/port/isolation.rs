//! The isolation scan: its scope, its findings, and their meaning.

use serde::{Deserialize, Serialize};

use super::{CloudError, Place, ResourceRef, Rule};
use base::ids::RunId;
use base::severity::Severity;
use strum::VariantArray;

/// The scope of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IsolationScan {
    pub place: Place,
    /// The sandbox's own VPC. The scan adds other resources that carry the run's tag.
    pub vpc: String,
    pub run: RunId,
    /// All resources that the run has created, by its journal. Their tags do not matter.
    pub made: Vec<ResourceRef>,
    /// Whether nothing may be in the network but the probe: before a standing sandbox is used.
    pub empty: bool,
    /// Whether the scan must be complete. If so, every call that the loss gate refuses now becomes
    /// an unknown.
    pub whole: bool,
}

/// A leak, or a part of the sandbox that could not be scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    pub leak: Leak,
    /// The cloud's own id of the resource to correct.
    pub resource: String,
    pub what: String,
    /// For a part that could not be scanned: whether a later scan may succeed.
    pub may_pass: bool,
}

impl Exposure {
    pub fn new(leak: Leak, resource: impl Into<String>, what: impl Into<String>) -> Self {
        Self { leak, resource: resource.into(), what: what.into(), may_pass: false }
    }

    pub fn unread(resource: impl Into<String>, what: impl Into<String>, error: &CloudError) -> Self {
        Self { may_pass: error.may_pass(), ..Self::new(Leak::Unknown, resource, what) }
    }

    pub fn is_high(&self) -> bool {
        self.leak.severity() == Severity::High
    }
}

/// The way in which the sandbox is not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, VariantArray)]
pub enum Leak {
    /// Traffic can leave or come in: through a route, a gateway, a peering, an endpoint or a rule
    /// of a security group. Or a resource of the run is in another network.
    Way,
    /// Principals that IAM allows can connect to resources inside. Nothing inside can connect out
    /// through it.
    WayIn,
    /// A resource of the run has, or would get, a public address.
    PublicAddress,
    /// A machine or database of the run has a role with which it can call AWS.
    Role,
    /// Other accounts can use a snapshot or image of the run.
    Share,
    /// A bucket of the run is open to others.
    Bucket,
    /// Names of a private zone resolve in the sandbox. This lets no traffic through.
    Zone,
    /// A network ACL replaces the default one. It cannot open anything that routes and security
    /// groups close.
    NetworkAcl,
    /// The sandbox's resolver was closed, and answers more than it should.
    Resolver,
    /// Something is in a standing sandbox that should be empty.
    Occupied,
    /// This part could not be scanned.
    Unknown,
}

impl Leak {
    /// Every variant, in the order of the definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The rule of the finding.
    pub fn rule(self) -> Rule {
        match self {
            Self::Way => Rule::SandboxOpen,
            Self::WayIn => Rule::SandboxWayIn,
            Self::PublicAddress => Rule::SandboxPublicAddress,
            Self::Role => Rule::SandboxRole,
            Self::Share => Rule::SandboxDataShared,
            Self::Bucket => Rule::SandboxBucketOpen,
            Self::Zone => Rule::SandboxPrivateZone,
            Self::NetworkAcl => Rule::SandboxNetworkAcl,
            Self::Resolver => Rule::SandboxResolverOpened,
            Self::Occupied => Rule::SandboxOccupied,
            Self::Unknown => Rule::IsolationUnknown,
        }
    }

    /// `High` stops a drill before T0, and fails it afterwards.
    pub fn severity(self) -> Severity {
        self.rule().severity()
    }

    pub fn fix(self) -> &'static str {
        match self {
            Self::Way => {
                "find out who or what opened it (a step, a template, automation of the account, a hand: CloudTrail tells), and keep it from doing so"
            }
            Self::WayIn => {
                "nothing where checks go through it; allow as few as possible ec2-instance-connect:OpenTunnel"
            }
            Self::PublicAddress => {
                "restore without a public address, and leave addresses of the run unassociated; let a probe ask checks from inside (`sandbox.probe`)"
            }
            Self::Role => {
                "find out who or what attached the role (CloudTrail tells): what is restored must not be able to act as anybody"
            }
            Self::Share => {
                "take the share back, and find out who or what made it (CloudTrail tells): it is production's data"
            }
            Self::Bucket => {
                "close the bucket, and find out who or what opened it (CloudTrail tells): it holds production's data"
            }
            Self::Zone => {
                "what is restored finds production by the names that it was configured with; associate the zone with no sandbox, or only one whose names lead into it"
            }
            Self::NetworkAcl => {
                "find out who put it there: it may also keep the recovery's own traffic from flowing"
            }
            Self::Resolver => {
                "find out who changed the firewall (CloudTrail tells): names can carry data out of the sandbox. A rule that was added goes by hand; then `drillmaster abort RUN` removes the rest"
            }
            Self::Occupied => {
                "find out whose it is (the name and the tags of the interface tell), and remove it: `drillmaster sweep` lists what drills have left"
            }
            Self::Unknown => {
                "allow the sandbox's role the calls that are named: they only read; and see that the API answers. What was not looked at is not known to be closed"
            }
        }
    }
}

/// The calls of a complete scan. All of them only read. A closed resolver needs those of
/// [`RESOLVER_CALLS`] besides.
pub const CALLS: &[&str] = &[
    "ec2:DescribeAddresses",
    "ec2:DescribeEgressOnlyInternetGateways",
    "ec2:DescribeImageAttribute",
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeNatGateways",
    "ec2:DescribeNetworkAcls",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSnapshotAttribute",
    "ec2:DescribeSnapshots",
    "ec2:DescribeSubnets",
    "ec2:DescribeTransitGatewayVpcAttachments",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeVpcPeeringConnections",
    "ec2:DescribeVpcs",
    "ec2:DescribeVpnGateways",
    "lambda:ListFunctions",
    "rds:DescribeDBClusterSnapshotAttributes",
    "rds:DescribeDBClusterSnapshots",
    "rds:DescribeDBClusters",
    "rds:DescribeDBInstances",
    "rds:DescribeDBSnapshotAttributes",
    "rds:DescribeDBSnapshots",
    "route53:ListHostedZonesByVPC",
    "s3:GetBucketPolicy",
    "s3:GetPublicAccessBlock",
];

/// The calls that look whether a closed resolver is closed still.
pub const RESOLVER_CALLS: &[&str] = &[
    "route53resolver:GetFirewallConfig",
    "route53resolver:ListFirewallRuleGroupAssociations",
    "route53resolver:ListFirewallRules",
];
