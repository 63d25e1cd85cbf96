//! What preflight asks and sees in one place.

use std::collections::{BTreeMap, BTreeSet};

use super::PreflightFinding;

/// How preflight asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Asking {
    /// Before a drill: also by dry runs, and no further once an action is refused.
    #[default]
    ForDrill,
    /// For a look: by reads alone, and everything.
    ForLook,
}

/// A service-linked role of the account. A service makes it with the caller's permission
/// `iam:CreateServiceLinkedRole` when it is first used. It would outlive the drill, so the drill has no
/// such permission, and the role must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceRole {
    /// AWS Backup deletes recovery points with it (AWS Backup guide, "Using roles to back up and copy").
    Backup,
    /// RDS user guide, "Using service-linked roles for Amazon RDS". Aurora, `DocumentDB` and Neptune use
    /// the same.
    Rds,
    /// EFS makes the interfaces of mount targets with it (EFS user guide, "Using service-linked roles").
    Efs,
    /// Route 53 Resolver logs lookups with it, and makes it when a VPC is first associated with a log
    /// (Route 53 developer guide, "Using service-linked roles for VPC Resolver").
    Resolver,
}

impl ServiceRole {
    pub fn service(self) -> &'static str {
        match self {
            Self::Backup => "backup.amazonaws.com",
            Self::Rds => "rds.amazonaws.com",
            Self::Efs => "elasticfilesystem.amazonaws.com",
            Self::Resolver => "route53resolver.amazonaws.com",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Backup => "AWSServiceRoleForBackup",
            Self::Rds => "AWSServiceRoleForRDS",
            Self::Efs => "AWSServiceRoleForAmazonElasticFileSystem",
            Self::Resolver => "AWSServiceRoleForRoute53Resolver",
        }
    }

    /// The name with its path, as its ARN has it.
    pub fn path(self) -> String {
        format!("aws-service-role/{}/{}", self.service(), self.name())
    }
}

/// What the role of the probe must allow: what Lambda needs for a function in a VPC, and nothing else.
/// Without permissions for logs and traces, nothing of what the function says leaves the sandbox.
///
/// Source: Lambda developer guide, "Giving Lambda functions access to resources in an Amazon VPC",
/// section "Required IAM permissions".
pub const PROBE_ROLE: [&str; 6] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
];

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Preflight {
    pub findings: Vec<PreflightFinding>,
    /// `None`: no permissions were asked for, or the cloud has none (the twin).
    pub permissions: Option<Permissions>,
    /// Those that the drill needs something of and that the cloud can be asked for.
    pub quotas: Vec<QuotaSeen>,
}

/// What the simulation of policies says of the actions that the drill needs. Each action is in one
/// of the three lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions {
    /// The ARN whose policies were simulated. `None`: those of these credentials cannot be.
    pub principal: Option<String>,
    pub allowed: BTreeSet<String>,
    /// On what it is refused, by action.
    pub denied: BTreeMap<String, String>,
    /// Why it is not known, by action.
    pub unknown: BTreeMap<String, String>,
}

/// A quota of the live account, and what the drill needs of it.
#[derive(Debug, Clone, PartialEq)]
pub struct QuotaSeen {
    /// `DB instances`
    pub what: &'static str,
    /// `rds/L-7B6409FD`, as in Service Quotas.
    pub code: String,
    /// `None`: unknown.
    pub needed: Option<u64>,
    /// How much of it is in use. `None`: unknown.
    pub used: Option<u64>,
    /// How much there may be. `None`: unknown.
    pub limit: Option<f64>,
    /// Why a figure is unknown.
    pub unknown: Option<String>,
}

impl QuotaSeen {
    /// Whether the drill fits. `None`: unknown.
    pub fn is_enough(&self) -> Option<bool> {
        let (needed, used, limit) = (self.needed?, self.used?, self.limit?);
        Some(needed.saturating_add(used) as f64 <= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::QuotaSeen;

    #[test]
    fn a_quota_is_enough_up_to_its_limit_and_unknown_without_a_figure() {
        let seen = |used, limit| QuotaSeen {
            what: "DB instances",
            code: "rds/L-7B6409FD".to_owned(),
            needed: Some(2),
            used,
            limit,
            unknown: None,
        };
        assert_eq!(seen(Some(38), Some(40.0)).is_enough(), Some(true));
        assert_eq!(seen(Some(39), Some(40.0)).is_enough(), Some(false));
        assert_eq!(seen(None, Some(40.0)).is_enough(), None);
        assert_eq!(seen(Some(0), None).is_enough(), None);
    }
}
