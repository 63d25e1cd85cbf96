//! The port over the AWS SDKs. No other crate names `aws_sdk_*`.
//!
//! Every client carries an interceptor (`interceptor`). It asks the loss gate before each request
//! and counts calls. Every SDK error becomes an error of the port (`error`). Every resource gets
//! its tags in the call that creates it (`tags`).

#![deny(clippy::wildcard_enum_match_arm)]

mod access;
mod accounts;
mod answer;
mod at;
mod backup;
mod caller;
mod carried;
mod cloudformation;
pub mod discover;
mod dynamodb;
mod ec2;
mod efs;
mod error;
mod exposure;
pub mod function;
mod heap;
pub mod history;
mod interceptor;
pub mod kms;
mod like;
mod managed_keys;
pub mod object_store;
mod once;
mod passed_role;
mod points;
mod preflight;
mod presign;
mod rds;
mod reads;
mod remains;
mod resolver;
mod resources;
mod s3;
mod secrets;
mod selection;
mod selections;
mod service_roles;
mod simulate;
mod tagged;
mod tags;
mod time;
pub mod topic;
mod whole;
mod zone;

use async_trait::async_trait;
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityOutput;

use self::answer::{in_order, missing, observed, pages, with};
use self::at::At;
use self::caller::on_behalf;
use self::error::OrCloud;
use self::heap::on_heap;
use self::simulate::Simulated;
use base::duration::Time;
use base::ids::{AccountId, RunId};
use base::severity::Severity;
use estate::point::Sample;
use estate::{Loss, Resource};
use port::gate::{Call, Enforcement};
use port::gated::delete_call;
use port::{
    ApiCalls, Asking, BucketRef, CallerIdentity, Cloud, CloudError, CloudResult, CopiedObjects, CopyObjects,
    CopyPoint, Create, Created, ErrorKind, Exposure, Invoked, IsolationScan, Kind, LiveQuery, LookupsOf,
    MeasuredObjects, NameSeen, Needs, Observed, Offers, Operation, Origin, Permit, Place, PointQuery,
    Preflight, ProbeAnswer, Progress, Remains, ResourceRef, SeenPoints, StartRestore, Started, TableLook,
    TableSeen, Tagged, VerifiedObjects, VerifyObjects, Whose, Wishes, Zone,
};

pub use access::{Access, AwsConfig};
pub use accounts::Aws;

/// The SDK, for integration tests. They set up resources with it and read state past the port.
#[doc(hidden)]
pub mod sdk {
    pub use {
        aws_config, aws_credential_types, aws_sdk_backup, aws_sdk_cloudformation, aws_sdk_cloudwatchlogs,
        aws_sdk_dynamodb, aws_sdk_ec2, aws_sdk_efs, aws_sdk_kms, aws_sdk_lambda, aws_sdk_rds,
        aws_sdk_route53, aws_sdk_route53resolver, aws_sdk_s3, aws_sdk_secretsmanager, aws_sdk_sns,
        aws_sdk_sts, aws_smithy_http_client, aws_smithy_runtime_api,
    };
}

/// The smallest distance between now and the latest restorable time of point-in-time recovery.
///
/// RDS uploads transaction logs every 5 minutes, so the latest restorable time is typically within
/// the last 5 minutes (RDS user guide, "Restoring a DB instance to a specified time").
const LEAST_PITR_LAG: std::time::Duration = std::time::Duration::from_mins(5);

/// The caller's name for calls that read, unless they run inside a step.
const READING: &str = "reading";

#[async_trait(?Send)]
impl Cloud for Aws {
    async fn identity(&self, account: &AccountId) -> CloudResult<CallerIdentity> {
        on_behalf(READING, async {
            let place = self.any_place(account).await?;
            let clients = self.clients(&place).await?;
            if let Some(sts) = &clients.sts_before_role
                && self.shared.signer(account).is_none()
            {
                let signer = whose(sts).await?.account;
                self.shared.know_signer(account, &signer);
                if self.shared.gate.loss().and_then(Loss::account) == Some(&signer) {
                    return Err(role_needs_lost_account(account, &signer));
                }
            }
            let identity = whose(&clients.sts).await?;
            let gate = &self.shared.gate;
            // Only a drill that has not begun is stopped. A wrong clock must not keep a sandbox.
            let is_before_t0 = gate.loss().is_some() && gate.enforcement() == Enforcement::Off;
            match self.shared.clock_ahead() {
                Some(ahead) if is_before_t0 && ahead.abs() > MOST_SKEW => Err(clock_is_wrong(ahead)),
                Some(_) | None => Ok(identity),
            }
        })
        .await
        .map_err(|error| self.whose_credentials(account, error))
    }

    async fn zones(&self, place: &Place) -> CloudResult<Vec<Zone>> {
        on_behalf(READING, async { Ok(self.zone_map(place).await?.to_vec()) }).await
    }

    fn least_pitr_lag(&self) -> std::time::Duration {
        LEAST_PITR_LAG
    }

    async fn offers(&self, place: &Place, wishes: &Wishes) -> CloudResult<Offers> {
        on_behalf("sandbox", async {
            let clients = self.clients(place).await?;
            preflight::offers(&clients, &self.zone_map(place).await?, wishes).await
        })
        .await
    }

    async fn recovery_points(&self, place: &Place, query: &PointQuery) -> CloudResult<SeenPoints> {
        on_behalf(READING, points::find(self, place, query)).await
    }

    async fn resources(&self, place: &Place, query: &LiveQuery) -> CloudResult<Vec<Resource>> {
        on_behalf("preflight", resources::find(self, place, query)).await
    }

    fn credentials_generation(&self, account: &AccountId) -> u64 {
        self.shared.keys_used(account)
    }

    async fn create(&self, permit: &Permit, origin: &Origin, what: &Create) -> CloudResult<Created> {
        on_behalf(&origin.by, async {
            let at = At { aws: self, permit, place: permit.place(), origin, run_tags: permit.run_tags() };
            carried::guard_changed(&at, what).await?;
            let request = match what {
                Create::Vpc { cidr, name } => on_heap(|| ec2::network::vpc(&at, cidr, name)),
                Create::Subnet { vpc, cidr, az, name } => {
                    on_heap(|| ec2::network::subnet(&at, vpc, cidr, az, name))
                }
                Create::SecurityGroup { vpc, vpc_cidr, name, only_out } => {
                    on_heap(|| ec2::network::security_group(&at, vpc, vpc_cidr, name, *only_out))
                }
                Create::KeyPair { name, public_key } => {
                    on_heap(|| ec2::misc::key_pair(&at, name, public_key))
                }
                Create::Address { name } => on_heap(|| ec2::misc::address(&at, name)),
                Create::CopySnapshot { .. } => on_heap(|| ec2::snapshot::copy(&at, what)),
                Create::CopyImage { .. } => on_heap(|| ec2::image::copy(&at, what)),
                Create::Volume(volume) => on_heap(|| ec2::volume::create(&at, volume)),
                Create::AttachVolume { volume, instance, device } => {
                    on_heap(|| ec2::volume::attach(&at, volume, instance, device))
                }
                Create::Instances(instances) => on_heap(|| ec2::instance::run(&at, instances)),
                Create::DbSubnetGroup { name, subnets } => {
                    on_heap(|| rds::subnet_group::create(&at, name, subnets))
                }
                Create::CopyDbSnapshot { .. } | Create::CopyDbClusterSnapshot { .. } => {
                    on_heap(|| rds::snapshot::copy(&at, what))
                }
                Create::Db(db) => on_heap(|| rds::instance::restore(&at, db)),
                Create::DbToTime(to) => on_heap(|| rds::instance::restore_to_time(&at, to)),
                Create::DbReplica { source, source_region, kms_key, db } => {
                    on_heap(|| rds::replica::create(&at, source, source_region, kms_key.as_deref(), db))
                }
                Create::PromoteReplica { db, size: _ } => on_heap(|| rds::replica::promote(&at, db)),
                Create::DbCluster(cluster) => on_heap(|| rds::cluster::restore(&at, cluster)),
                Create::DbClusterToTime(to) => on_heap(|| rds::cluster::restore_to_time(&at, to)),
                Create::DbClusterInstance { cluster, name, class, engine, index: _ } => {
                    on_heap(|| rds::cluster::add_instance(&at, cluster, name, class, engine))
                }
                Create::Table(table) => on_heap(|| dynamodb::table::restore(&at, table)),
                Create::TableToTime(to) => on_heap(|| dynamodb::table::restore_to_time(&at, to)),
                Create::SetTable(settings) => on_heap(|| dynamodb::table::set(&at, settings)),
                Create::Bucket { name, versioned } => on_heap(|| s3::bucket::create(&at, name, *versioned)),
                Create::Vault { name, kms_key, admits } => {
                    on_heap(|| backup::vault::create(&at, name, kms_key.as_deref(), admits))
                }
                Create::CopyPoint(copy) => on_heap(|| backup::copy::start(&at, what, copy)),
                Create::StartRestore(start) => on_heap(|| backup::start(&at, start)),
                Create::AdoptRestored(adopted) => on_heap(|| backup::adopt(&at, adopted)),
                Create::MountTarget { file_system, subnet, group, name: _ } => {
                    on_heap(|| efs::mount(&at, file_system, subnet, group))
                }
                Create::Function(function) => on_heap(|| function::create(&at, function)),
                Create::DomainList { name, domains } => on_heap(|| resolver::domain_list(&at, name, domains)),
                Create::RuleGroup { name, vpc, rules } => {
                    on_heap(|| resolver::rule_group(&at, name, vpc, rules))
                }
                Create::OverrideRule { group, list, to, name, order } => {
                    on_heap(|| resolver::override_rule(&at, group, list, to, (*order, name)))
                }
                Create::QueryLog { name, vpc, bucket } => {
                    on_heap(|| resolver::query_log(&at, name, vpc, bucket))
                }
                Create::Zone { name, vpc, domain } => on_heap(|| zone::create(&at, name, vpc, domain)),
                Create::Record { zone, domain, to } => on_heap(|| zone::record(&at, zone, domain, to)),
                Create::Stack(stack) => on_heap(|| cloudformation::create(&at, stack)),
            };
            let answer = request.await;
            // Every failure counts as "may have been created" once one attempt was doubtful: an
            // earlier attempt may have succeeded and its answer may be lost.
            if caller::doubtful() { once::begun(answer) } else { answer }
        })
        .await
    }

    async fn started(
        &self,
        place: &Place,
        run: &RunId,
        start: &StartRestore,
        known: &[String],
    ) -> CloudResult<Started> {
        on_behalf("teardown", async {
            let clients = self.clients(place).await?;
            backup::started(&clients.backup, place, run, start, known).await
        })
        .await
    }

    async fn observe(&self, place: &Place, kind: Kind, ids: &[String]) -> CloudResult<Vec<Observed>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        on_behalf(READING, async {
            let clients = self.s3_clients(place).await?;
            let request = match kind {
                Kind::Bucket => on_heap(|| s3::bucket::observe(&clients.s3, ids)),
                Kind::Vpc => on_heap(|| ec2::network::observe_vpcs(&clients.ec2, ids)),
                Kind::Subnet => on_heap(|| ec2::network::observe_subnets(&clients.ec2, ids)),
                Kind::SecurityGroup => on_heap(|| ec2::network::observe_groups(&clients.ec2, ids)),
                Kind::Snapshot => on_heap(|| ec2::snapshot::observe(&clients.ec2, ids)),
                Kind::Image => on_heap(|| ec2::image::observe(&clients.ec2, ids)),
                Kind::Volume => on_heap(|| async {
                    ec2::volume::observe(&clients.ec2, &self.zone_map(place).await?, ids).await
                }),
                Kind::Instance => on_heap(|| async {
                    ec2::instance::observe(&clients.ec2, &self.zone_map(place).await?, ids).await
                }),
                Kind::KeyPair => on_heap(|| ec2::misc::observe_key_pairs(&clients.ec2, ids)),
                Kind::Address => on_heap(|| ec2::misc::observe_addresses(&clients.ec2, ids)),
                Kind::DbSubnetGroup => on_heap(|| rds::subnet_group::observe(&clients.rds, ids)),
                Kind::DbInstance => on_heap(|| async {
                    rds::instance::observe(&clients.rds, &self.zone_map(place).await?, ids).await
                }),
                Kind::DbCluster => on_heap(|| rds::cluster::observe(&clients.rds, ids)),
                Kind::DbSnapshot | Kind::DbClusterSnapshot => {
                    on_heap(|| rds::snapshot::observe(&clients.rds, kind, ids))
                }
                Kind::FileSystem => on_heap(|| efs::observe(&clients.efs, ids)),
                Kind::MountTarget => on_heap(|| efs::observe_targets(&clients.efs, ids)),
                Kind::Table => on_heap(|| dynamodb::table::observe(&clients.dynamodb, ids)),
                Kind::Vault => on_heap(|| backup::vault::observe(&clients.backup, ids)),
                Kind::CopyJob => on_heap(|| backup::copy::observe(&clients.backup, ids)),
                Kind::RestoreJob => on_heap(|| backup::observe(&clients.backup, ids)),
                Kind::Function => on_heap(|| function::observe(&clients.lambda, ids)),
                Kind::DomainList | Kind::RuleGroup | Kind::QueryLog => {
                    on_heap(|| resolver::observe(&clients.resolver, kind, ids))
                }
                Kind::Zone => on_heap(|| zone::observe(&clients.route53, ids)),
                Kind::Stack => on_heap(|| cloudformation::observe(&clients.cloudformation, ids)),
            };
            let found = request.await?;
            Ok(in_order(ids, found))
        })
        .await
    }

    async fn delete(
        &self,
        permit: &Permit,
        origin: &Origin,
        resource: &ResourceRef,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<()> {
        on_behalf(&origin.by, async {
            let clients = self.s3_clients(&resource.place()).await?;
            let to = &clients.writer(permit, Operation::Delete, delete_call(resource.kind))?;
            let request = match resource.kind {
                Kind::Vpc => on_heap(|| ec2::network::delete_vpc(to, &resource.id)),
                Kind::Subnet => on_heap(|| ec2::network::delete_subnet(to, &resource.id)),
                Kind::SecurityGroup => on_heap(|| ec2::network::delete_group(to, &resource.id)),
                Kind::Snapshot => on_heap(|| ec2::snapshot::delete(to, &resource.id)),
                Kind::Image => on_heap(|| ec2::image::delete(to, &resource.id)),
                Kind::Volume => on_heap(|| ec2::volume::delete(to, &resource.id)),
                Kind::Instance => on_heap(|| ec2::instance::terminate(to, &resource.id)),
                Kind::KeyPair => on_heap(|| ec2::misc::delete_key_pair(to, &resource.id)),
                Kind::Address => on_heap(|| ec2::misc::delete_address(to, &resource.id)),
                Kind::DbSubnetGroup => on_heap(|| rds::subnet_group::delete(to, &resource.id)),
                Kind::DbInstance => on_heap(|| rds::instance::delete(to, &resource.id)),
                Kind::DbCluster => on_heap(|| rds::cluster::delete(to, &resource.id)),
                Kind::DbSnapshot | Kind::DbClusterSnapshot => on_heap(|| rds::snapshot::delete(to, resource)),
                Kind::Table => on_heap(|| dynamodb::table::delete(to, &resource.id)),
                Kind::Bucket => on_heap(|| s3::bucket::delete(to, &resource.id, progress)),
                Kind::FileSystem => on_heap(|| efs::delete(to, &resource.id)),
                Kind::MountTarget => on_heap(|| efs::delete_target(to, &resource.id)),
                Kind::Vault => on_heap(|| backup::vault::delete(to, &resource.id)),
                Kind::CopyJob => {
                    let said = format!("{resource} is not deleted: it is waited for");
                    return Err(CloudError::new(ErrorKind::Unsupported, delete_call(resource.kind), said));
                }
                Kind::RestoreJob => {
                    let now = self.config.clock.now();
                    on_heap(|| async move { backup::finish(to, now, &resource.place(), &resource.id).await })
                }
                Kind::Function => on_heap(|| function::delete(to, &resource.id)),
                Kind::DomainList | Kind::RuleGroup | Kind::QueryLog => {
                    on_heap(|| resolver::delete(to, resource.kind, &resource.id))
                }
                Kind::Zone => on_heap(|| zone::delete(to, &resource.id)),
                Kind::Stack => on_heap(|| cloudformation::delete(to, &resource.id, progress)),
            };
            match request.await {
                Err(e) if e.kind == ErrorKind::NotFound => Ok(()),
                other => other,
            }
        })
        .await
    }

    async fn tagged(&self, place: &Place, whose: &Whose) -> CloudResult<Tagged> {
        let found = on_behalf("teardown", tagged::all(self, place, whose)).await;
        found.map_err(|error| self.whose_credentials(&place.account, error))
    }

    async fn remains(&self, stack: &ResourceRef) -> CloudResult<Vec<Remains>> {
        on_behalf("teardown", async {
            let clients = self.clients(&stack.place()).await?;
            remains::of(&clients, stack).await
        })
        .await
    }

    async fn copy_jobs(&self, copy: &CopyPoint) -> CloudResult<Vec<ResourceRef>> {
        on_behalf("teardown", backup::copy::started(self, copy)).await
    }

    async fn exposures(&self, scan: &IsolationScan) -> CloudResult<Vec<Exposure>> {
        on_behalf("isolation", async {
            let clients = self.clients(&scan.place).await?;
            let zones = Call {
                service: "route53",
                operation: "ListHostedZonesByVPC",
                account: Some(&scan.place.account),
                region: Some(&scan.place.region),
                ..Call::default()
            };
            Ok(exposure::find(&clients, scan, self.shared.gate.lets_through(&zones)).await)
        })
        .await
    }

    async fn invoke(
        &self,
        permit: &Permit,
        origin: &Origin,
        function: &str,
        payload: Vec<u8>,
        limit: std::time::Duration,
    ) -> CloudResult<Invoked> {
        on_behalf(&origin.by, async {
            let clients = self.clients(permit.place()).await?;
            function::invoke(
                &clients.writer(permit, Operation::Invoke, port::INVOKE)?,
                function,
                payload,
                limit,
            )
            .await
        })
        .await
    }

    async fn lookups(&self, of: &LookupsOf<'_>) -> CloudResult<Option<Vec<NameSeen>>> {
        let (place, vpc) = (&of.sandbox.place, of.sandbox.vpc.as_str());
        let Some(watch) = &of.sandbox.watch else { return Ok(None) };
        resolver::lookups(&*self.clients(place).await?, vpc, watch).await.map(Some)
    }

    async fn copy_objects(
        &self,
        permit: &Permit,
        origin: &Origin,
        copy: &CopyObjects,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<CopiedObjects> {
        on_behalf(&origin.by, s3::copy::run(self, permit, copy, progress)).await
    }

    async fn verify_objects(
        &self,
        origin: &Origin,
        verify: &VerifyObjects,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<VerifiedObjects> {
        on_behalf(&origin.by, s3::verify::run(self, verify, progress)).await
    }

    async fn measure_objects(&self, bucket: &BucketRef, prefix: &str) -> CloudResult<MeasuredObjects> {
        on_behalf(READING, async {
            let clients = self.bucket_clients(bucket).await?;
            s3::list::measure(&clients.s3, &bucket.name, prefix).await
        })
        .await
    }

    async fn measure_object(&self, bucket: &BucketRef, key: &str) -> CloudResult<MeasuredObjects> {
        on_behalf(READING, async {
            let clients = self.bucket_clients(bucket).await?;
            s3::list::measure_one(&clients.s3, &bucket.name, key).await
        })
        .await
    }

    async fn sample_objects(&self, bucket: &BucketRef) -> CloudResult<Option<Sample>> {
        on_behalf(READING, async {
            let clients = self.bucket_clients(bucket).await?;
            s3::sample::of(&clients.s3, &bucket.name).await.map(Some)
        })
        .await
    }

    async fn look_at_table(&self, place: &Place, look: &TableLook) -> CloudResult<TableSeen> {
        on_behalf(READING, async {
            let clients = self.clients(place).await?;
            dynamodb::items::look(&clients.dynamodb, look).await
        })
        .await
    }

    async fn preflight(&self, place: &Place, needs: &Needs) -> CloudResult<Preflight> {
        on_behalf("preflight", async {
            let clients = self.clients(place).await?;
            let role = self.access(&place.account).role;
            let is_look = needs.asking == Asking::ForLook;
            let Simulated { permissions, mut findings } =
                simulate::ask(&clients, place, role.as_deref(), &needs.grants).await?;
            if !is_look && findings.iter().any(|f| f.severity == Severity::High) {
                return Ok(Preflight { findings, permissions, quotas: Vec::new() });
            }
            // A dry run asks with made-up ids, which a narrow policy refuses. It is not needed
            // where IAM's simulation has already answered for the permissions.
            if !is_look && (needs.grants.is_empty() || !findings.is_empty()) {
                findings.extend(preflight::refusals(&clients, place, needs).await?);
            }
            let quotas = match preflight::quotas(&clients, place, needs).await {
                Ok((quotas, wrong)) => {
                    findings.extend(wrong);
                    quotas
                }
                Err(error) if is_look => preflight::unknown_quotas(needs, &error),
                Err(error) => return Err(error),
            };
            // Tags are needed only where something is created.
            if needs.run_tags.is_some() {
                findings.extend(selections::findings(&clients, place).await);
            }
            findings.extend(service_roles::findings(&clients, place, &needs.service_roles).await);
            findings.extend(passed_role::findings(&clients, place, needs).await);
            Ok(Preflight { findings, permissions, quotas })
        })
        .await
    }

    async fn secret(&self, place: &Place, id: &str) -> CloudResult<String> {
        on_behalf(READING, secrets::text(&*self.clients(place).await?, id)).await
    }

    fn api_calls(&self) -> ApiCalls {
        self.shared.api_calls()
    }

    /// AWS does not announce when a state will change.
    fn tells_changes(&self) -> bool {
        false
    }

    /// Does nothing: AWS gives recovery points absolute times, and none is relative to T0.
    fn declare(&self, _t0: Time) {}

    /// Returns `None`: checks connect to the restored resources themselves.
    fn probe(&self, _check: &str, _ready_at: Time) -> Option<ProbeAnswer> {
        None
    }

    /// Returns `None`: commands really run, and people are really asked.
    fn rehearsed(&self, _origin: &Origin, _action: &str) -> Option<CloudResult<std::time::Duration>> {
        None
    }
}

impl Aws {
    /// The account of the default credentials: of the environment, a profile or a machine's role.
    pub async fn own_account(&self) -> CloudResult<AccountId> {
        on_behalf(READING, async {
            // STS alone is asked with credentials that nobody confirmed, so any account will do.
            let nobody = "000000000000".parse();
            let nobody = nobody.map_err(|_| CloudError::new(ErrorKind::Invalid, "connect", "no account"))?;
            Ok(whose(&self.clients(&self.any_place(&nobody).await?).await?.sts).await?.account)
        })
        .await
    }
}

/// The call that tells whose the credentials are. It needs no permission.
const WHO: &str = "sts:GetCallerIdentity";

async fn whose(sts: &access::StsReader) -> CloudResult<CallerIdentity> {
    identity_in(sts.get_caller_identity().send().await.or_cloud(WHO)?)
}

fn identity_in(answer: GetCallerIdentityOutput) -> CloudResult<CallerIdentity> {
    let id = answer.account.unwrap_or_default();
    let account = id
        .parse()
        .map_err(|_| CloudError::new(ErrorKind::Server, WHO, format!("`{id}` is not an account id")))?;
    Ok(CallerIdentity { account, arn: answer.arn })
}

/// How far this machine's clock may be from AWS's. AWS refuses requests from five minutes on, and
/// ages of recovery points are wrong by as much as the clock is.
const MOST_SKEW: chrono::TimeDelta = chrono::TimeDelta::seconds(30);

fn clock_is_wrong(ahead: chrono::TimeDelta) -> CloudError {
    let way = if ahead > chrono::TimeDelta::zero() { "ahead of" } else { "behind" };
    let said = format!("this machine's clock is {} s {way} AWS's", ahead.num_seconds().abs());
    CloudError::new(ErrorKind::Invalid, WHO, said).help(error::CLOCK_HELP)
}

fn role_needs_lost_account(account: &AccountId, lost: &AccountId) -> CloudError {
    let said = format!(
        "the role in account {account} is assumed with credentials of account {lost}, which the drill loses: \
         whoever has lost {lost} cannot enter {account} this way"
    );
    CloudError::new(ErrorKind::Credentials, "sts:AssumeRole", said).help(
        "give the account a way in that survives: a `profile` (or the environment) whose credentials belong to another account",
    )
}
