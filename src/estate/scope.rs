//! The scope of each resource type. This is the one table that decides what a loss takes.

/// The scope of a resource type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In one availability zone: lost with the zone, the region or the account.
    Zonal,
    /// In one region, over its zones: lost with the region or the account.
    Regional,
    /// In no region: lost with the account only.
    Global,
}

/// The scope of one resource type.
pub struct Row {
    /// `service:type`, as the estate and the workloads write it.
    pub kind: &'static str,
    pub scope: Scope,
    /// Whether it holds data whose age counts towards RPO.
    pub data: bool,
    /// The AWS document that the row is taken from.
    pub source: &'static str,
}

const fn row(kind: &'static str, scope: Scope, data: bool, source: &'static str) -> Row {
    Row { kind, scope, data, source }
}

const EC2: &str = "EC2 user guide, \"Resource locations\"";
const RDS: &str = "RDS user guide, \"Regions, Availability Zones, and Local Zones\"";

/// The sources are the services' user guides. An RDS instance with `multi_az` counts as regional
/// (`super::loss`).
pub const TABLE: [Row; 25] = [
    row("ec2:instance", Scope::Zonal, false, EC2),
    row("ec2:volume", Scope::Zonal, true, EC2),
    row("ec2:subnet", Scope::Zonal, false, EC2),
    row("ec2:nat-gateway", Scope::Zonal, false, EC2),
    row("ec2:network-interface", Scope::Zonal, false, EC2),
    row("ec2:snapshot", Scope::Regional, true, EC2),
    row("ec2:image", Scope::Regional, false, EC2),
    row(
        "ec2:key-pair",
        Scope::Regional,
        false,
        "EC2 user guide, \"Resource locations\" (global only when imported everywhere)",
    ),
    row("ec2:address", Scope::Regional, false, EC2),
    row("ec2:security-group", Scope::Regional, false, EC2),
    row("ec2:vpc", Scope::Regional, false, EC2),
    row("ec2:vpc-endpoint", Scope::Regional, false, EC2),
    row("elb:load-balancer", Scope::Regional, false, "ELB user guide"),
    row("autoscaling:group", Scope::Regional, false, "EC2 Auto Scaling user guide"),
    row("rds:db", Scope::Zonal, true, RDS),
    row(
        "rds:cluster",
        Scope::Regional,
        true,
        "Aurora user guide, \"Aurora storage\" (six copies in three zones)",
    ),
    row("rds:snapshot", Scope::Regional, true, RDS),
    row("rds:cluster-snapshot", Scope::Regional, true, RDS),
    row("rds:subnet-group", Scope::Regional, false, RDS),
    row("rds:parameter-group", Scope::Regional, false, RDS),
    row(
        "s3:bucket",
        Scope::Regional,
        true,
        "S3 user guide, \"Buckets overview\" (the name is global, the bucket is not)",
    ),
    row("cloudformation:stack", Scope::Regional, false, "CloudFormation user guide"),
    row("dynamodb:table", Scope::Regional, true, "DynamoDB developer guide"),
    row("iam:role", Scope::Global, false, "IAM user guide"),
    row("iam:user", Scope::Global, false, "IAM user guide"),
];

/// Whether resources of this type hold data whose age counts towards RPO.
pub fn holds_data(kind: &str) -> bool {
    row_of(kind).is_some_and(|row| row.data)
}

pub fn row_of(kind: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.kind == kind)
}
