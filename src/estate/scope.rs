//! The table of resource types: what a loss takes, what protects a resource, and what restores it.

use super::point::PointKind::{
    self, Ami, Backup, DynamodbBackup, DynamodbPitr, EbsSnapshot, EfsReplica, RdsClusterSnapshot, RdsPitr,
    RdsReplica, RdsSnapshot, S3Replica, S3Versions,
};

/// The scope of a resource.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
    strum::Display,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Scope {
    /// In one availability zone: lost with the zone, the region or the account.
    Zonal,
    /// In one region, over its zones: lost with the region or the account.
    Regional,
    /// In no region: lost with the account only.
    Global,
}

/// How a single resource can differ from the scope of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Differs {
    /// All resources of the type have its scope.
    Never,
    /// A zonal type whose resources may have a standby in another zone (`multi_az: true`). They
    /// survive the loss of one zone.
    WithStandby,
    /// A regional type whose resources may lie in one zone: those that have an `az`.
    InOneZone,
}

/// One resource type.
pub struct Row {
    /// `service:type`, as the estate and the workloads write it.
    pub kind: &'static str,
    pub scope: Scope,
    pub differs: Differs,
    /// Whether it holds data whose age counts towards RPO.
    pub data: bool,
    /// The kinds of recovery points that protect it.
    pub protected_by: &'static [PointKind],
    /// The copies that the service itself can keep in step elsewhere. An estate lists those that
    /// exist under `replicas`. Empty: none.
    pub replicates_by: &'static str,
    /// The actions that restore it. Empty: nothing of ours restores it.
    pub restored_by: &'static [&'static str],
    /// The AWS document that the row is taken from.
    pub source: &'static str,
}

const fn row(kind: &'static str, scope: Scope, source: &'static str) -> Row {
    Row {
        kind,
        scope,
        differs: Differs::Never,
        data: false,
        protected_by: &[],
        replicates_by: "",
        restored_by: &[],
        source,
    }
}

impl Row {
    /// The scope of one resource of the type.
    pub fn scope_of(&self, has_standby: bool, has_zone: bool) -> Scope {
        match self.differs {
            Differs::WithStandby if has_standby => Scope::Regional,
            Differs::InOneZone if has_zone => Scope::Zonal,
            Differs::Never | Differs::WithStandby | Differs::InOneZone => self.scope,
        }
    }

    const fn data(self) -> Self {
        Self { data: true, ..self }
    }

    const fn differs(self, differs: Differs) -> Self {
        Self { differs, ..self }
    }

    const fn points(self, protected_by: &'static [PointKind]) -> Self {
        Self { protected_by, ..self }
    }

    const fn replicates(self, replicates_by: &'static str) -> Self {
        Self { replicates_by, ..self }
    }

    const fn restored(self, restored_by: &'static [&'static str]) -> Self {
        Self { restored_by, ..self }
    }
}

use Differs::{InOneZone, WithStandby};
use Scope::{Global, Regional, Zonal};

const EC2: &str = "EC2 user guide, \"Resource locations\"";
const RDS: &str = "RDS user guide, \"Regions, Availability Zones, and Local Zones\"";
const AURORA: &str = "Aurora user guide, \"Aurora storage\" (six copies in three zones)";
const BOUNDARIES: &str = "AWS Fault Isolation Boundaries, \"Global services\"";

/// Every type that the program knows. A resource of another type needs its own `scope:`.
pub const TABLE: [Row; 69] = [
    row("ec2:instance", Zonal, EC2).points(&[Ami, Backup]).restored(&["ec2.launch", "backup.restore"]),
    row("ec2:volume", Zonal, EC2)
        .data()
        .points(&[EbsSnapshot, Backup])
        .restored(&["ec2.restore_volume", "backup.restore"]),
    row("ec2:subnet", Zonal, EC2),
    row("ec2:nat-gateway", Zonal, EC2),
    row("ec2:network-interface", Zonal, EC2),
    row("ec2:snapshot", Regional, EC2).data().restored(&["ec2.copy_snapshot"]),
    row("ec2:image", Regional, EC2).points(&[Ami]).restored(&["ec2.copy_image"]),
    row(
        "ec2:key-pair",
        Regional,
        "EC2 user guide, \"Resource locations\" (global only when imported everywhere)",
    )
    .restored(&["ec2.import_key_pair"]),
    row("ec2:address", Regional, EC2).restored(&["ec2.allocate_address"]),
    row("ec2:security-group", Regional, EC2),
    row("ec2:vpc", Regional, EC2),
    row("ec2:vpc-endpoint", Regional, EC2),
    row("ec2:launch-template", Regional, EC2),
    row("ec2:transit-gateway", Regional, "Transit Gateway guide, \"How transit gateways work\""),
    row("elb:load-balancer", Regional, "ELB user guide, \"How Elastic Load Balancing works\""),
    row("elb:target-group", Regional, "ELB user guide, \"How Elastic Load Balancing works\""),
    row("autoscaling:group", Regional, "EC2 Auto Scaling user guide, \"Availability Zones\"")
        .points(&[Ami])
        .restored(&["ec2.launch"]),
    row("rds:db", Zonal, RDS)
        .data()
        .differs(WithStandby)
        .points(&[RdsSnapshot, RdsPitr, RdsReplica, Backup])
        .restored(&["rds.restore", "rds.restore_to_time", "rds.promote_replica", "backup.restore"]),
    row("rds:cluster", Regional, AURORA)
        .data()
        .points(&[RdsClusterSnapshot, RdsPitr, RdsReplica, Backup])
        .replicates("Aurora global databases")
        .restored(&["rds.restore_cluster", "rds.restore_cluster_to_time", "backup.restore"]),
    row("rds:snapshot", Regional, RDS).data().restored(&["rds.copy_snapshot"]),
    row("rds:cluster-snapshot", Regional, RDS).data().restored(&["rds.copy_snapshot"]),
    row("rds:subnet-group", Regional, RDS),
    row("rds:parameter-group", Regional, RDS),
    row("rds:option-group", Regional, RDS),
    row("docdb:cluster", Regional, "DocumentDB guide, \"High availability\" (six copies in three zones)")
        .data()
        .points(&[RdsClusterSnapshot, RdsPitr, Backup])
        .replicates("global clusters")
        .restored(&["backup.restore"]),
    row("neptune:cluster", Regional, "Neptune guide, \"Storage\" (six copies in three zones)")
        .data()
        .points(&[RdsClusterSnapshot, RdsPitr, Backup])
        .replicates("global databases")
        .restored(&["backup.restore"]),
    row("dynamodb:table", Regional, "DynamoDB developer guide, \"How it works\"")
        .data()
        .points(&[DynamodbPitr, DynamodbBackup, Backup])
        .replicates("global tables")
        .restored(&["dynamodb.restore", "backup.restore"]),
    row("efs:file-system", Regional, "EFS user guide, \"Storage classes\" (One Zone lies in one zone)")
        .data()
        .differs(InOneZone)
        .points(&[Backup, EfsReplica])
        .restored(&["backup.restore"]),
    row("fsx:file-system", Zonal, "FSx user guides, \"Availability and durability\" (Single-AZ, Multi-AZ)")
        .data()
        .differs(WithStandby)
        .points(&[Backup]),
    row("elasticache:cluster", Zonal, "ElastiCache user guide, \"Regions and Availability Zones\"")
        .differs(WithStandby),
    row(
        "elasticache:replication-group",
        Zonal,
        "ElastiCache user guide, \"Minimizing downtime with Multi-AZ\"",
    )
    .differs(WithStandby)
    .replicates("global datastores"),
    row("memorydb:cluster", Regional, "MemoryDB guide, \"Multi-AZ\" (its log lies in several zones)")
        .data()
        .replicates("multi-Region clusters"),
    row("opensearch:domain", Zonal, "OpenSearch Service guide, \"Configuring a multi-AZ domain\"")
        .data()
        .differs(WithStandby)
        .replicates("cross-cluster replication"),
    row("redshift:cluster", Zonal, "Redshift guide, \"Multi-AZ deployment\"")
        .data()
        .differs(WithStandby)
        .points(&[Backup]),
    row("s3:bucket", Regional, "S3 user guide, \"Buckets overview\" (the name is global, the bucket is not)")
        .data()
        .points(&[S3Replica, S3Versions, Backup])
        .restored(&["s3.restore", "backup.restore"]),
    row("lambda:function", Regional, "Lambda guide, \"Resilience\""),
    row("ecs:cluster", Regional, "ECS guide, \"Clusters\""),
    row("ecs:service", Regional, "ECS guide, \"Services\""),
    row("ecs:task-definition", Regional, "ECS guide, \"Task definitions\""),
    row("eks:cluster", Regional, "EKS guide, \"Resilience\"").data().points(&[Backup]),
    row("eks:nodegroup", Regional, "EKS guide, \"Managed node groups\""),
    row("ecr:repository", Regional, "ECR guide, \"Private image replication\"")
        .replicates("registry replication"),
    row("secretsmanager:secret", Regional, "Secrets Manager guide, \"Multi-Region secrets\"")
        .replicates("secret replicas"),
    row("ssm:parameter", Regional, "Systems Manager guide, \"Parameter Store\""),
    row("kms:key", Regional, "KMS guide, \"Multi-Region keys\"").replicates("multi-Region keys"),
    row("acm:certificate", Regional, "ACM guide, \"Supported Regions\""),
    row("sns:topic", Regional, "SNS guide, \"Resilience\""),
    row("sqs:queue", Regional, "SQS guide, \"Resilience\""),
    row("kinesis:stream", Regional, "Kinesis Data Streams guide, \"Resilience\""),
    row("msk:cluster", Regional, "MSK guide, \"How it works\""),
    row("mq:broker", Zonal, "Amazon MQ guide, \"Deployment options\"").differs(WithStandby),
    row("events:rule", Regional, "EventBridge guide, \"Resilience\""),
    row("events:bus", Regional, "EventBridge guide, \"Resilience\""),
    row("states:state-machine", Regional, "Step Functions guide, \"Resilience\""),
    row("apigateway:api", Regional, "API Gateway guide, \"Resilience\""),
    row("cognito:user-pool", Regional, "Cognito guide, \"Resilience\" (no backup exists)"),
    row("logs:log-group", Regional, "CloudWatch Logs guide, \"Resilience\""),
    row("cloudwatch:alarm", Regional, "CloudWatch guide, \"Alarms\""),
    row("cloudformation:stack", Regional, "CloudFormation user guide, \"How it works\"")
        .restored(&["cloudformation.deploy"]),
    row("backup:vault", Regional, "AWS Backup guide, \"Backup vaults\""),
    row("backup:plan", Regional, "AWS Backup guide, \"Backup plans\""),
    row("timestream:table", Regional, "Timestream guide, \"Resilience\"").data().points(&[Backup]),
    row("storagegateway:volume", Regional, "Storage Gateway guide, \"Volumes\"").data().points(&[Backup]),
    row("route53:hosted-zone", Global, BOUNDARIES),
    row("cloudfront:distribution", Global, BOUNDARIES),
    row("iam:role", Global, BOUNDARIES),
    row("iam:user", Global, BOUNDARIES),
    row("iam:policy", Global, BOUNDARIES),
    row("iam:instance-profile", Global, BOUNDARIES),
];

/// Whether resources of this type hold data whose age counts towards RPO. A type that is not known
/// may hold data.
pub fn holds_data(kind: &str) -> bool {
    row_of(kind).is_none_or(|row| row.data)
}

pub fn row_of(kind: &str) -> Option<&'static Row> {
    static BY_KIND: std::sync::LazyLock<std::collections::HashMap<&str, &Row>> =
        std::sync::LazyLock::new(|| TABLE.iter().map(|row| (row.kind, row)).collect());
    BY_KIND.get(kind).copied()
}
