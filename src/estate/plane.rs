//! Control planes that live in one region and are lost with it, and the homes of global services.
//! These are the only tables of them.

/// A control plane that lives in one region and is lost with it.
pub struct ControlPlane {
    pub home: &'static str,
    pub service: &'static str,
    /// The prefixes of operations. An empty prefix means all operations of the service.
    pub operations: &'static [&'static str],
    pub what: &'static str,
}

const fn plane(
    home: &'static str,
    service: &'static str,
    operations: &'static [&'static str],
    what: &'static str,
) -> ControlPlane {
    ControlPlane { home, service, operations, what }
}

const BUCKET_CONFIGURATION: &[&str] =
    &["CreateBucket", "DeleteBucket", "PutBucket", "PutPublicAccessBlock", "DeletePublicAccessBlock"];
pub const EAST: &str = "us-east-1";
const WEST: &str = "us-west-2";

/// The global services whose hosts name no region, and the region that they stand for. Their
/// control planes stand in the table below.
const GLOBAL: [(&str, &str); 3] = [("iam", EAST), ("route53", EAST), ("sts", EAST)];

/// Source: AWS whitepaper "AWS Fault Isolation Boundaries", global services and their appendices.
pub const CONTROL_PLANES: [ControlPlane; 22] = [
    plane(
        EAST,
        "iam",
        &["Create", "Delete", "Put", "Attach", "Detach", "Update", "Add", "Remove", "Tag", "Untag", "Upload"],
        "IAM",
    ),
    plane(EAST, "organizations", &[""], "Organizations"),
    plane(EAST, "account", &[""], "Account Management"),
    plane(EAST, "route53", &[""], "Route 53"),
    plane(EAST, "cloudfront", &[""], "CloudFront"),
    plane(EAST, "shield", &[""], "Shield Advanced"),
    plane(EAST, "s3", BUCKET_CONFIGURATION, "S3's bucket management"),
    plane(
        EAST,
        "elasticloadbalancing",
        &["CreateLoadBalancer", "DeleteLoadBalancer", "ModifyLoadBalancer"],
        "DNS names of load balancers (Route 53)",
    ),
    plane(
        EAST,
        "ec2",
        &["CreateVpcEndpoint", "DeleteVpcEndpoint", "ModifyVpcEndpoint"],
        "PrivateLink endpoints (Route 53)",
    ),
    plane(EAST, "apigateway", &["Create", "Delete", "Update", "Import"], "API Gateway (Route 53)"),
    plane(
        EAST,
        "lambda",
        &["CreateFunctionUrl", "DeleteFunctionUrl", "UpdateFunctionUrl"],
        "Lambda URLs (Route 53)",
    ),
    plane(EAST, "elasticache", &["Create", "Delete", "Modify"], "ElastiCache (Route 53)"),
    plane(EAST, "es", &["Create", "Delete", "Update"], "OpenSearch (Route 53)"),
    plane(EAST, "memorydb", &["Create", "Delete", "Update"], "MemoryDB (Route 53)"),
    plane(EAST, "neptune", &["Create", "Delete", "Modify"], "Neptune (Route 53)"),
    plane(EAST, "dax", &["Create", "Delete", "Update"], "DAX (Route 53)"),
    plane(EAST, "servicediscovery", &["Create", "Delete", "Update"], "ECS service discovery (Route 53)"),
    plane(EAST, "eks", &["CreateCluster", "DeleteCluster", "UpdateCluster"], "EKS control planes (Route 53)"),
    plane(WEST, "route53-recovery-control-config", &[""], "routing-control configuration"),
    plane(WEST, "networkmanager", &[""], "Network Manager"),
    plane(WEST, "globalaccelerator", &[""], "Global Accelerator"),
    plane(
        WEST,
        "s3control",
        &["CreateMultiRegionAccessPoint", "DeleteMultiRegionAccessPoint", "PutMultiRegionAccessPoint"],
        "S3 Multi-Region Access Points",
    ),
];

impl ControlPlane {
    /// Why a call that needs it fails. Continues a sentence about the call.
    pub fn lost(&self) -> String {
        format!(
            "it needs {}, whose control plane lives in {}, which is lost; prepare it before the disaster",
            self.what, self.home
        )
    }
}

/// The region that a host of a global service stands for. `None` for any other service.
pub fn home_of(service: &str) -> Option<&'static str> {
    GLOBAL.iter().find(|(global, _)| *global == service).map(|(_, home)| *home)
}

/// Whether a control plane lives in this region, so that the loss of the region takes it.
pub fn is_home(region: &str) -> bool {
    CONTROL_PLANES.iter().any(|plane| plane.home == region)
}

/// The control plane that `service:operation` needs, if it lives in `region`.
pub fn control_plane(region: &str, service: &str, operation: &str) -> Option<&'static ControlPlane> {
    CONTROL_PLANES.iter().find(|p| {
        p.home == region && p.service == service && p.operations.iter().any(|o| operation.starts_with(o))
    })
}
