//! The loss gate in front of any cloud. It checks each typed request before it is made. A request
//! that stands for many calls is checked by one of them, and on AWS each call again by the
//! interceptor. Preflight is not checked here: it runs before T0 only, when the gate is open.

use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;

use super::gate::{Call, LossGate};
use super::{
    AccountId, Against, ApiCalls, BucketRef, CallerIdentity, Cloud, CloudError, CloudResult, CopiedObjects,
    CopyObjects, CopyPoint, Create, Created, ErrorKind, Exposure, Facts, Invoked, IsolationScan, Kind,
    Listener, LiveQuery, LookupsOf, MeasuredObjects, NameSeen, Needs, Observed, Offers, Origin, Permit,
    Place, PointQuery, Preflight, ProbeAnswer, Progress, Remains, ResourceRef, RunId, SeenPoints,
    StartRestore, Started, TableLook, TableSeen, Tagged, Time, VerifiedObjects, VerifyObjects, Whose, Wishes,
    Zone,
};
use estate::point::Sample;
use estate::{PointKind, Resource};

pub struct Gated {
    inner: Rc<dyn Cloud>,
    gate: Arc<LossGate>,
}

impl Gated {
    pub fn new(inner: Rc<dyn Cloud>, gate: Arc<LossGate>) -> Self {
        Self { inner, gate }
    }

    fn check(&self, call: &str, place: &Place, by: &str) -> CloudResult<()> {
        self.check_call(call, place, by, |call| call)
    }

    fn check_call<'a>(
        &self,
        call: &'a str,
        place: &'a Place,
        by: &str,
        fill: impl FnOnce(Call<'a>) -> Call<'a>,
    ) -> CloudResult<()> {
        let (service, operation) = call.split_once(':').unwrap_or((call, ""));
        let asked = fill(Call {
            service,
            operation,
            account: Some(&place.account),
            region: Some(&place.region),
            elsewhere: self.gate.is_elsewhere(&place.account),
            ..Call::default()
        });
        self.ask(&asked, by)
    }

    fn ask(&self, call: &Call<'_>, by: &str) -> CloudResult<()> {
        self.gate.check(call, by).map_err(|denied| {
            CloudError::new(ErrorKind::Lost, denied.call, denied.why)
                .help("a recovery may use only what survives the loss; see the report's denied calls")
        })
    }

    fn check_bucket(&self, call: &str, bucket: &BucketRef, by: &str) -> CloudResult<()> {
        let place = Place { account: bucket.account.clone(), region: bucket.region.clone() };
        self.check_call(call, &place, by, |call| Call { source: Some(&bucket.name), ..call })
    }
}

/// The gate's facts about a request that creates something.
pub fn create_call<'a>(place: &'a Place, what: &'a Create) -> Call<'a> {
    let Facts { call, source, source_region, kms_key, zones, size: _, changes: _ } = what.facts();
    let (service, operation) = call.name().split_once(':').unwrap_or((call.name(), ""));
    let leads_to = if let Create::StartRestore(start) = what { start.restores.leads_to() } else { None };
    Call {
        service,
        operation,
        account: Some(&place.account),
        signer: None,
        region: Some(&place.region),
        source,
        source_region,
        key: kms_key,
        zones,
        leads_to,
        unclear: false,
        elsewhere: false,
    }
}

/// The call that reads the state of resources of this kind.
pub fn describe_call(kind: Kind) -> &'static str {
    match kind {
        Kind::Vpc => "ec2:DescribeVpcs",
        Kind::Subnet => "ec2:DescribeSubnets",
        Kind::SecurityGroup => "ec2:DescribeSecurityGroups",
        Kind::DbSubnetGroup => "rds:DescribeDBSubnetGroups",
        Kind::Bucket => "s3:HeadBucket",
        Kind::Snapshot => "ec2:DescribeSnapshots",
        Kind::Image => "ec2:DescribeImages",
        Kind::Volume => "ec2:DescribeVolumes",
        Kind::Instance => "ec2:DescribeInstances",
        Kind::KeyPair => "ec2:DescribeKeyPairs",
        Kind::Address => "ec2:DescribeAddresses",
        Kind::DbInstance => "rds:DescribeDBInstances",
        Kind::DbCluster => "rds:DescribeDBClusters",
        Kind::DbSnapshot => "rds:DescribeDBSnapshots",
        Kind::DbClusterSnapshot => "rds:DescribeDBClusterSnapshots",
        Kind::FileSystem => "elasticfilesystem:DescribeFileSystems",
        Kind::MountTarget => "elasticfilesystem:DescribeMountTargets",
        Kind::Table => "dynamodb:DescribeTable",
        Kind::Vault => "backup:ListBackupVaults",
        Kind::CopyJob => "backup:DescribeCopyJob",
        Kind::RestoreJob => "backup:DescribeRestoreJob",
        Kind::Function => "lambda:GetFunction",
        Kind::DomainList => "route53resolver:GetFirewallDomainList",
        Kind::RuleGroup => "route53resolver:GetFirewallRuleGroup",
        Kind::QueryLog => "route53resolver:GetResolverQueryLogConfig",
        Kind::Zone => "route53:GetHostedZone",
        Kind::Stack => "cloudformation:DescribeStacks",
    }
}

/// The call that deletes a resource of this kind.
pub fn delete_call(kind: Kind) -> &'static str {
    match kind {
        Kind::Vpc => "ec2:DeleteVpc",
        Kind::Subnet => "ec2:DeleteSubnet",
        Kind::SecurityGroup => "ec2:DeleteSecurityGroup",
        Kind::DbSubnetGroup => "rds:DeleteDBSubnetGroup",
        Kind::Bucket => "s3:DeleteBucket",
        Kind::Snapshot => "ec2:DeleteSnapshot",
        Kind::Image => "ec2:DeregisterImage",
        Kind::Volume => "ec2:DeleteVolume",
        Kind::Instance => "ec2:TerminateInstances",
        Kind::KeyPair => "ec2:DeleteKeyPair",
        Kind::Address => "ec2:ReleaseAddress",
        Kind::DbInstance => "rds:DeleteDBInstance",
        Kind::DbCluster => "rds:DeleteDBCluster",
        Kind::DbSnapshot => "rds:DeleteDBSnapshot",
        Kind::DbClusterSnapshot => "rds:DeleteDBClusterSnapshot",
        Kind::FileSystem => "elasticfilesystem:DeleteFileSystem",
        Kind::MountTarget => "elasticfilesystem:DeleteMountTarget",
        Kind::Table => "dynamodb:DeleteTable",
        Kind::Vault => "backup:DeleteBackupVault",
        // A job cannot be deleted. It is looked at until it has ended.
        Kind::CopyJob => "backup:DescribeCopyJob",
        Kind::RestoreJob => "backup:DescribeRestoreJob",
        Kind::Function => "lambda:DeleteFunction",
        Kind::DomainList => "route53resolver:DeleteFirewallDomainList",
        Kind::RuleGroup => "route53resolver:DeleteFirewallRuleGroup",
        Kind::QueryLog => "route53resolver:DeleteResolverQueryLogConfig",
        Kind::Zone => "route53:DeleteHostedZone",
        Kind::Stack => "cloudformation:DeleteStack",
    }
}

/// The call that lists recovery points for this query.
pub fn points_call(query: &PointQuery) -> &'static str {
    let kind = match query {
        PointQuery::Of { kinds, .. } => kinds.first().copied(),
        PointQuery::Id { kind, .. } => Some(*kind),
    };
    match kind {
        Some(PointKind::EbsSnapshot) | None => "ec2:DescribeSnapshots",
        Some(PointKind::Ami) => "ec2:DescribeImages",
        Some(PointKind::RdsSnapshot) => "rds:DescribeDBSnapshots",
        Some(PointKind::RdsClusterSnapshot) => "rds:DescribeDBClusterSnapshots",
        Some(PointKind::RdsPitr) if query.is_of("rds:cluster") => "rds:DescribeDBClusters",
        Some(PointKind::RdsPitr | PointKind::RdsReplica) => "rds:DescribeDBInstances",
        Some(PointKind::S3Replica | PointKind::S3Versions) => "s3:GetBucketVersioning",
        Some(PointKind::Backup) => "backup:ListRecoveryPointsByBackupVault",
        Some(PointKind::DynamodbPitr) => "dynamodb:DescribeContinuousBackups",
        Some(PointKind::DynamodbBackup) => "dynamodb:ListBackups",
        Some(PointKind::EfsReplica) => "elasticfilesystem:DescribeReplicationConfigurations",
    }
}

#[async_trait(?Send)]
impl Cloud for Gated {
    async fn identity(&self, account: &AccountId) -> CloudResult<CallerIdentity> {
        // STS is a global service here, so only the account can be lost.
        self.ask(
            &Call {
                service: "sts",
                operation: "GetCallerIdentity",
                account: Some(account),
                ..Call::default()
            },
            "preflight",
        )?;
        self.inner.identity(account).await
    }

    async fn zones(&self, place: &Place) -> CloudResult<Vec<Zone>> {
        self.check("ec2:DescribeAvailabilityZones", place, "sandbox")?;
        self.inner.zones(place).await
    }

    async fn offers(&self, place: &Place, wishes: &Wishes) -> CloudResult<Offers> {
        self.check("ec2:DescribeInstanceTypeOfferings", place, "sandbox")?;
        self.inner.offers(place, wishes).await
    }

    async fn recovery_points(&self, place: &Place, query: &PointQuery) -> CloudResult<SeenPoints> {
        self.check(points_call(query), place, "recovery points")?;
        self.inner.recovery_points(place, query).await
    }

    async fn started(
        &self,
        place: &Place,
        run: &RunId,
        start: &StartRestore,
        known: &[String],
    ) -> CloudResult<Started> {
        self.check("backup:ListRestoreJobs", place, "teardown")?;
        self.inner.started(place, run, start, known).await
    }

    async fn resources(&self, place: &Place, query: &LiveQuery) -> CloudResult<Vec<Resource>> {
        self.check(query.kind.call(), place, "preflight")?;
        self.inner.resources(place, query).await
    }

    fn credentials_generation(&self, account: &AccountId) -> u64 {
        self.inner.credentials_generation(account)
    }

    async fn create(&self, permit: &Permit, origin: &Origin, what: &Create) -> CloudResult<Created> {
        self.ask(&create_call(permit.place(), what), &origin.by)?;
        self.inner.create(permit, origin, what).await
    }

    async fn observe(&self, place: &Place, kind: Kind, ids: &[String]) -> CloudResult<Vec<Observed>> {
        self.check(describe_call(kind), place, "waiting")?;
        self.inner.observe(place, kind, ids).await
    }

    async fn delete(
        &self,
        permit: &Permit,
        origin: &Origin,
        resource: &ResourceRef,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<()> {
        self.check(delete_call(resource.kind), permit.place(), &origin.by)?;
        self.inner.delete(permit, origin, resource, progress).await
    }

    async fn tagged(&self, place: &Place, whose: &Whose) -> CloudResult<Tagged> {
        self.check("ec2:DescribeTags", place, "teardown")?;
        self.inner.tagged(place, whose).await
    }

    async fn remains(&self, stack: &ResourceRef) -> CloudResult<Vec<Remains>> {
        self.check("cloudformation:ListStackResources", &stack.place(), "teardown")?;
        self.inner.remains(stack).await
    }

    async fn copy_jobs(&self, copy: &CopyPoint) -> CloudResult<Vec<ResourceRef>> {
        self.check("backup:ListCopyJobs", &copy.from, "teardown")?;
        self.inner.copy_jobs(copy).await
    }

    async fn exposures(&self, look: &IsolationScan) -> CloudResult<Vec<Exposure>> {
        self.check("ec2:DescribeRouteTables", &look.place, "isolation")?;
        self.inner.exposures(look).await
    }

    async fn invoke(
        &self,
        permit: &Permit,
        origin: &Origin,
        function: &str,
        payload: Vec<u8>,
        limit: std::time::Duration,
    ) -> CloudResult<Invoked> {
        self.check("lambda:Invoke", permit.place(), &origin.by)?;
        self.inner.invoke(permit, origin, function, payload, limit).await
    }

    async fn lookups(&self, of: &LookupsOf<'_>) -> CloudResult<Option<Vec<NameSeen>>> {
        self.check("s3:ListObjectsV2", &of.sandbox.place, "lookups")?;
        self.inner.lookups(of).await
    }

    async fn copy_objects(
        &self,
        permit: &Permit,
        origin: &Origin,
        copy: &CopyObjects,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<CopiedObjects> {
        self.check_bucket("s3:GetObject", &copy.from, &origin.by)?;
        self.check_bucket("s3:PutObject", &copy.to, &origin.by)?;
        self.inner.copy_objects(permit, origin, copy, progress).await
    }

    async fn verify_objects(
        &self,
        origin: &Origin,
        verify: &VerifyObjects,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<VerifiedObjects> {
        self.check_bucket("s3:GetObject", &verify.bucket, &origin.by)?;
        if let Against::Bucket { bucket, .. } = &verify.against {
            self.check_bucket("s3:GetObject", bucket, &origin.by)?;
        }
        self.inner.verify_objects(origin, verify, progress).await
    }

    async fn measure_objects(&self, bucket: &BucketRef, prefix: &str) -> CloudResult<MeasuredObjects> {
        self.check_bucket("s3:ListObjectsV2", bucket, "check")?;
        self.inner.measure_objects(bucket, prefix).await
    }

    async fn measure_object(&self, bucket: &BucketRef, key: &str) -> CloudResult<MeasuredObjects> {
        self.check_bucket("s3:ListObjectsV2", bucket, "check")?;
        self.inner.measure_object(bucket, key).await
    }

    async fn sample_objects(&self, bucket: &BucketRef) -> CloudResult<Option<Sample>> {
        self.check_bucket("s3:ListObjectsV2", bucket, "recovery points")?;
        self.inner.sample_objects(bucket).await
    }

    async fn look_at_table(&self, place: &Place, look: &TableLook) -> CloudResult<TableSeen> {
        if look.count.is_some() {
            self.check("dynamodb:Scan", place, "check")?;
        }
        if look.key.is_some() {
            self.check("dynamodb:GetItem", place, "check")?;
        }
        self.inner.look_at_table(place, look).await
    }

    async fn preflight(&self, place: &Place, needs: &Needs) -> CloudResult<Preflight> {
        self.inner.preflight(place, needs).await
    }

    async fn secret(&self, place: &Place, id: &str) -> CloudResult<String> {
        self.check("secretsmanager:GetSecretValue", place, "secrets")?;
        self.inner.secret(place, id).await
    }

    fn api_calls(&self) -> ApiCalls {
        self.inner.api_calls()
    }

    fn tells_changes(&self) -> bool {
        self.inner.tells_changes()
    }

    fn least_pitr_lag(&self) -> std::time::Duration {
        self.inner.least_pitr_lag()
    }

    fn declare(&self, t0: Time) {
        self.inner.declare(t0);
    }

    fn listener(&self, host: &str) -> Option<Listener> {
        self.inner.listener(host)
    }

    fn probe(&self, check: &str, ready_at: Time) -> Option<ProbeAnswer> {
        self.inner.probe(check, ready_at)
    }

    fn rehearsed(&self, origin: &Origin, action: &str) -> Option<CloudResult<std::time::Duration>> {
        self.inner.rehearsed(origin, action)
    }
}
