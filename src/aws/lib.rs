//! The real cloud: the port over the AWS SDKs. The only room that names `aws_sdk_*`.
//!
//! Every client carries an interceptor (`interceptor`) that asks the loss gate and counts calls; every error becomes
//! the port's (`error`); everything created is tagged in the call that creates it (`tags`).

mod access;
mod cloudformation;
mod ec2;
mod error;
mod exposure;
mod interceptor;
mod once;
mod points;
mod preflight;
mod presign;
mod rds;
mod reads;
mod remains;
mod s3;
mod secrets;
mod simulate;
mod tagged;
mod tags;
mod time;
mod whole;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use self::access::{Clients, Writer};
use self::error::OrCloud;
use self::interceptor::{Shared, on_behalf};
use base::ids::{AccountId, AzId, Region};
use estate::{Loss, RecoveryPoint};
use port::gate::Call;
use port::gated::delete_call;
use port::{
    ApiCalls, BucketRef, Cloud, CloudError, CloudResult, CopiedObjects, CopyObjects, Create, Created, Deed,
    ErrorKind, Exposure, Kind, Look, LossGate, Marks, MeasuredObjects, Needs, Observed, Offers, Origin,
    Permit, Place, PointQuery, PreflightFinding, Progress, Remains, ResourceRef, Tagged, VerifiedObjects,
    VerifyObjects, Whose, Wishes, Zone,
};

pub use access::{Access, AwsConfig};

/// The SDK, for the integration tests that set a stage with it and look behind the port. No other room uses it.
#[doc(hidden)]
pub mod sdk {
    pub use {
        aws_config, aws_credential_types, aws_sdk_cloudformation, aws_sdk_ec2, aws_sdk_rds, aws_sdk_route53,
        aws_sdk_s3, aws_sdk_secretsmanager, aws_sdk_sts, aws_smithy_http_client, aws_smithy_runtime_api,
    };
}

/// The AWS APIs, for all accounts of a playbook.
pub struct Aws {
    config: AwsConfig,
    shared: Arc<Shared>,
    http: SharedHttpClient,
    bases: RefCell<BTreeMap<Option<String>, Rc<SdkConfig>>>,
    clients: RefCell<BTreeMap<Place, Rc<Clients>>>,
    zones: RefCell<BTreeMap<Place, Rc<Vec<Zone>>>>,
}

impl Aws {
    /// Prepares the way in; nothing is sent yet, credentials are looked up when they are first needed.
    pub fn connect(config: AwsConfig, gate: Arc<LossGate>) -> CloudResult<Self> {
        for (account, access) in &config.accounts {
            if access.endpoint.is_some() && access.role.is_some() {
                return Err(CloudError::new(
                    ErrorKind::Invalid,
                    "connect",
                    format!("account {account} has both `endpoint` and `role`"),
                )
                .help(
                    "a second provider has no AWS roles: give `access_key_env` and `secret_key_env` instead",
                ));
            }
        }
        Ok(Self {
            config,
            shared: Arc::new(Shared::new(gate)),
            http: access::http_client(),
            bases: RefCell::default(),
            clients: RefCell::default(),
            zones: RefCell::default(),
        })
    }

    fn access(&self, account: &AccountId) -> Access {
        self.config.accounts.get(account).cloned().unwrap_or_default()
    }

    async fn base(&self, profile: Option<&str>) -> Rc<SdkConfig> {
        let key = profile.map(str::to_owned);
        if let Some(base) = self.bases.borrow().get(&key) {
            return Rc::clone(base);
        }
        let base = Rc::new(access::load(profile, self.config.endpoint_url.as_deref(), &self.http).await);
        // Two first callers may both have loaded it: the first one stays, so that they share its caches.
        Rc::clone(self.bases.borrow_mut().entry(key).or_insert(base))
    }

    /// The clients for any service that works with this account, S3-compatible providers included.
    async fn s3_clients(&self, place: &Place) -> CloudResult<Rc<Clients>> {
        if let Some(clients) = self.clients.borrow().get(place) {
            return Ok(Rc::clone(clients));
        }
        let access = self.access(&place.account);
        let base = self.base(access.profile.as_deref()).await;
        let clients = Rc::new(access::clients(&base, &access, place, &self.shared)?);
        Ok(Rc::clone(self.clients.borrow_mut().entry(place.clone()).or_insert(clients)))
    }

    /// The clients for AWS proper.
    async fn clients(&self, place: &Place) -> CloudResult<Rc<Clients>> {
        if let Some(endpoint) = self.access(&place.account).endpoint {
            return Err(CloudError::new(
                ErrorKind::Unsupported,
                "connect",
                format!("account {} is another provider ({endpoint}): it has buckets only", place.account),
            )
            .help("use it in `s3.restore` and `s3.verify`"));
        }
        self.s3_clients(place).await
    }

    async fn zone_map(&self, place: &Place) -> CloudResult<Rc<Vec<Zone>>> {
        if let Some(zones) = self.zones.borrow().get(place) {
            return Ok(Rc::clone(zones));
        }
        let zones = Rc::new(ec2::misc::zones(&self.clients(place).await?.ec2).await?);
        let by_name = zones.iter().map(|z| (z.name.clone(), z.id.clone())).collect();
        self.shared.know_zones(place, by_name);
        self.zones.borrow_mut().insert(place.clone(), Rc::clone(&zones));
        Ok(zones)
    }

    /// What this account calls the zone.
    async fn zone_name(&self, place: &Place, id: &AzId) -> CloudResult<String> {
        let zones = self.zone_map(place).await?;
        zones.iter().find(|z| z.id == *id).map(|z| z.name.clone()).ok_or_else(|| {
            let known: Vec<&str> = zones.iter().map(|z| z.id.as_str()).collect();
            CloudError::new(
                ErrorKind::Invalid,
                "ec2:DescribeAvailabilityZones",
                format!("account {} has no zone {id} in {}", place.account, place.region),
            )
            .help(format!("its zones there are {}", known.join(", ")))
        })
    }

    /// A region to ask global things in: never the lost one.
    async fn any_place(&self, account: &AccountId) -> CloudResult<Place> {
        let lost = self.shared.gate.loss().and_then(Loss::region).cloned();
        let base = self.base(self.access(account).profile.as_deref()).await;
        let configured = base.region().map(ToString::to_string);
        let region = configured
            .iter()
            .map(String::as_str)
            .chain(["us-east-1", "us-west-2"])
            .filter_map(|name| name.parse::<Region>().ok())
            .find(|region| lost.as_ref() != Some(region));
        let region = region.ok_or_else(|| {
            CloudError::new(ErrorKind::Invalid, "connect", "no region to ask in").help("set AWS_REGION")
        })?;
        Ok(Place { account: account.clone(), region })
    }
}

/// RDS user guide, "Restoring a DB instance to a specified time": transaction logs are uploaded every 5 minutes, so that
/// the latest restorable time is typically within the last 5 minutes.
const LEAST_PITR_LAG: std::time::Duration = std::time::Duration::from_mins(5);

/// What a call that reads is made on behalf of, unless a step's name stands around it.
const READING: &str = "reading";

#[async_trait(?Send)]
impl Cloud for Aws {
    async fn identity(&self, account: &AccountId) -> CloudResult<AccountId> {
        on_behalf(READING, async {
            let place = self.any_place(account).await?;
            let clients = self.clients(&place).await?;
            if let Some(sts) = &clients.sts_before_role
                && self.shared.signer(account).is_none()
            {
                let signer = whose(sts).await?;
                self.shared.know_signer(account, &signer);
                if self.shared.gate.loss().and_then(Loss::account) == Some(&signer) {
                    return Err(entered_through_the_lost(account, &signer));
                }
            }
            whose(&clients.sts).await
        })
        .await
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

    async fn recovery_points(&self, place: &Place, query: &PointQuery) -> CloudResult<Vec<RecoveryPoint>> {
        on_behalf(READING, points::find(self, place, query)).await
    }

    fn credentials_generation(&self, account: &AccountId) -> u64 {
        self.shared.keys_used(account)
    }

    async fn create(&self, permit: &Permit, origin: &Origin, what: &Create) -> CloudResult<Created> {
        on_behalf(&origin.by, async {
            let at = At { aws: self, permit, place: permit.place(), origin, marks: permit.marks() };
            at.guard_changed(what).await?;
            let answer = match what {
                Create::Vpc { .. } | Create::Subnet { .. } | Create::SecurityGroup { .. } => {
                    ec2::network::create(&at, what).await
                }
                Create::KeyPair { .. } | Create::Address { .. } => ec2::misc::create(&at, what).await,
                Create::CopySnapshot { .. } => ec2::snapshot::copy(&at, what).await,
                Create::CopyImage { .. } => ec2::image::copy(&at, what).await,
                Create::Volume(volume) => ec2::volume::create(&at, volume).await,
                Create::AttachVolume { volume, instance, device } => {
                    ec2::volume::attach(&at, volume, instance, device).await
                }
                Create::Instances(instances) => ec2::instance::run(&at, instances).await,
                Create::DbSubnetGroup { name, subnets } => {
                    rds::subnet_group::create(&at, name, subnets).await
                }
                Create::CopyDbSnapshot { .. } | Create::CopyDbClusterSnapshot { .. } => {
                    rds::snapshot::copy(&at, what).await
                }
                Create::Db(db) => rds::instance::restore(&at, db).await,
                Create::DbToTime(to) => rds::instance::restore_to_time(&at, to).await,
                Create::DbReplica { source, source_region, kms_key, db } => {
                    rds::replica::create(&at, source, source_region, kms_key.as_deref(), db).await
                }
                Create::PromoteReplica { db, .. } => rds::replica::promote(&at, db).await,
                Create::DbCluster(cluster) => rds::cluster::restore(&at, cluster).await,
                Create::DbClusterInstance { cluster, name, class, engine, .. } => {
                    rds::cluster::add_instance(&at, cluster, name, class, engine).await
                }
                Create::Bucket { name } => s3::bucket::create(&at, name).await,
                Create::Stack(stack) => cloudformation::create(&at, stack).await,
            };
            // The last answer may be a refusal, and an earlier attempt's answer have been lost.
            if interceptor::doubtful() { once::begun(answer) } else { answer }
        })
        .await
    }

    async fn observe(&self, place: &Place, kind: Kind, ids: &[String]) -> CloudResult<Vec<Observed>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        on_behalf(READING, async {
            let clients = self.s3_clients(place).await?;
            let found = match kind {
                Kind::Bucket => s3::bucket::observe(&clients.s3, ids).await?,
                Kind::Vpc | Kind::Subnet | Kind::SecurityGroup => {
                    ec2::network::observe(&clients.ec2, kind, ids).await?
                }
                Kind::Snapshot => ec2::snapshot::observe(&clients.ec2, ids).await?,
                Kind::Image => ec2::image::observe(&clients.ec2, ids).await?,
                Kind::Volume => ec2::volume::observe(&clients.ec2, &self.zone_map(place).await?, ids).await?,
                Kind::Instance => {
                    ec2::instance::observe(&clients.ec2, &self.zone_map(place).await?, ids).await?
                }
                Kind::KeyPair | Kind::Address => ec2::misc::observe(&clients.ec2, kind, ids).await?,
                Kind::DbSubnetGroup => rds::subnet_group::observe(&clients.rds, ids).await?,
                Kind::DbInstance => {
                    rds::instance::observe(&clients.rds, &self.zone_map(place).await?, ids).await?
                }
                Kind::DbCluster => rds::cluster::observe(&clients.rds, ids).await?,
                Kind::DbSnapshot | Kind::DbClusterSnapshot => {
                    rds::snapshot::observe(&clients.rds, kind, ids).await?
                }
                Kind::Stack => cloudformation::observe(&clients.cloudformation, ids).await?,
            };
            Ok(in_order(ids, found))
        })
        .await
    }

    async fn delete(&self, permit: &Permit, origin: &Origin, resource: &ResourceRef) -> CloudResult<()> {
        on_behalf(&origin.by, async {
            let clients = self.s3_clients(&resource.place()).await?;
            let to = &clients.writer(permit, Deed::Delete, delete_call(resource.kind))?;
            let gone = match resource.kind {
                Kind::Vpc | Kind::Subnet | Kind::SecurityGroup => ec2::network::delete(to, resource).await,
                Kind::Snapshot => ec2::snapshot::delete(to, &resource.id).await,
                Kind::Image => ec2::image::delete(to, &resource.id).await,
                Kind::Volume => ec2::volume::delete(to, &resource.id).await,
                Kind::Instance => ec2::instance::terminate(to, &resource.id).await,
                Kind::KeyPair | Kind::Address => ec2::misc::delete(to, resource).await,
                Kind::DbSubnetGroup => rds::subnet_group::delete(to, &resource.id).await,
                Kind::DbInstance => rds::instance::delete(to, &resource.id).await,
                Kind::DbCluster => rds::cluster::delete(to, &resource.id).await,
                Kind::DbSnapshot | Kind::DbClusterSnapshot => rds::snapshot::delete(to, resource).await,
                Kind::Bucket => s3::bucket::delete(to, &resource.id).await,
                Kind::Stack => cloudformation::delete(to, &resource.id).await,
            };
            match gone {
                Err(e) if e.kind == ErrorKind::NotFound => Ok(()),
                other => other,
            }
        })
        .await
    }

    async fn tagged(&self, place: &Place, whose: &Whose) -> CloudResult<Tagged> {
        on_behalf("teardown", tagged::all(self, place, whose)).await
    }

    async fn remains(&self, stack: &ResourceRef) -> CloudResult<Vec<Remains>> {
        on_behalf("teardown", async {
            let clients = self.clients(&stack.place()).await?;
            remains::of(&clients, stack).await
        })
        .await
    }

    async fn exposures(&self, look: &Look) -> CloudResult<Vec<Exposure>> {
        on_behalf("isolation", async {
            let clients = self.clients(&look.place).await?;
            let zones = Call {
                service: "route53",
                operation: "ListHostedZonesByVPC",
                account: Some(&look.place.account),
                region: Some(&look.place.region),
                ..Call::default()
            };
            Ok(exposure::find(&clients, look, self.shared.gate.lets_through(&zones)).await)
        })
        .await
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

    async fn preflight(&self, place: &Place, needs: &Needs) -> CloudResult<Vec<PreflightFinding>> {
        on_behalf("preflight", async {
            let clients = self.clients(place).await?;
            let role = self.access(&place.account).role;
            let mut found = simulate::findings(&clients, place, role.as_deref(), &needs.grants).await?;
            if found.iter().any(|f| f.fatal) {
                return Ok(found);
            }
            // What IAM has proved needs no dry run: those are asked with made-up ids, which a narrow policy refuses.
            if needs.grants.is_empty() || !found.is_empty() {
                found.extend(preflight::refusals(&clients, place, needs).await?);
            }
            found.extend(preflight::quotas(&clients, place, needs).await?);
            Ok(found)
        })
        .await
    }

    async fn secret(&self, place: &Place, id: &str) -> CloudResult<String> {
        on_behalf(READING, secrets::text(&*self.clients(place).await?, id)).await
    }

    fn api_calls(&self) -> ApiCalls {
        self.shared.api_calls()
    }
}

impl Aws {
    /// The clients for a bucket; the gate learns where it lies.
    async fn bucket_clients(&self, bucket: &BucketRef) -> CloudResult<Rc<Clients>> {
        self.shared.know_bucket(bucket);
        let place = Place { account: bucket.account.clone(), region: bucket.region.clone() };
        self.s3_clients(&place).await
    }
}

/// The account that the client's credentials belong to. Needs no permission.
async fn whose(sts: &access::StsReader) -> CloudResult<AccountId> {
    const CALL: &str = "sts:GetCallerIdentity";
    let id = sts.get_caller_identity().send().await.or_cloud(CALL)?.account.unwrap_or_default();
    id.parse().map_err(|_| CloudError::new(ErrorKind::Server, CALL, format!("`{id}` is not an account id")))
}

fn entered_through_the_lost(account: &AccountId, lost: &AccountId) -> CloudError {
    let said = format!(
        "the role in account {account} is assumed with credentials of account {lost}, which the drill loses: \
         whoever has lost {lost} cannot enter {account} this way"
    );
    CloudError::new(ErrorKind::Credentials, "sts:AssumeRole", said).help(
        "give the account a way in that survives: a `profile` (or the environment) whose credentials belong to another account",
    )
}

/// All that a creating call needs to know besides what it creates.
struct At<'a> {
    aws: &'a Aws,
    permit: &'a Permit,
    place: &'a Place,
    origin: &'a Origin,
    marks: &'a Marks,
}

impl At<'_> {
    /// The way to change the sandbox.
    async fn writer(&self) -> CloudResult<Writer> {
        self.aws.clients(self.place).await?.writer(self.permit, Deed::Create, "create")
    }

    /// The same where another provider may hold the buckets.
    async fn bucket_writer(&self) -> CloudResult<Writer> {
        self.aws.s3_clients(self.place).await?.writer(self.permit, Deed::Create, "s3:CreateBucket")
    }

    /// What is there already and would be changed must carry this run's tag right now.
    async fn guard_changed(&self, what: &Create) -> CloudResult<()> {
        let (changed, what_call) = (what.changes(self.place), what.call());
        if changed.is_empty() {
            return Ok(());
        }
        let clients = self.aws.clients(self.place).await?;
        for resource in changed {
            let Some(run) = tags::run_on(&clients, &resource).await? else {
                let what = format!("{resource} is not there");
                return Err(CloudError::new(ErrorKind::NotFound, what_call, what)
                    .help("check the id, the account and the region that it is looked for in"));
            };
            tags::guard(what_call, &resource.to_string(), run.as_deref(), self.marks)?;
        }
        Ok(())
    }

    async fn zone_name(&self, id: &AzId) -> CloudResult<String> {
        self.aws.zone_name(self.place, id).await
    }

    fn resource(&self, kind: Kind, id: impl Into<String>) -> ResourceRef {
        ResourceRef {
            kind,
            id: id.into(),
            account: self.place.account.clone(),
            region: self.place.region.clone(),
        }
    }

    /// One created resource, with its id as an output of that name.
    fn created(&self, kind: Kind, id: impl Into<String>, output: &str) -> Created {
        let id = id.into();
        let outputs = BTreeMap::from([(output.to_owned(), serde_json::Value::from(id.clone()))]);
        Created { resources: vec![self.resource(kind, id)], outputs, restored_to: None }
    }
}

/// What the answer should have held and did not: the call may have worked.
fn missing(call: &str, what: &str) -> CloudError {
    CloudError::new(ErrorKind::Server, call, format!("the answer holds no {what}"))
}

fn observed(id: impl Into<String>, state: port::State) -> Observed {
    Observed { id: id.into(), state, healthy: None, attributes: BTreeMap::new(), next_change: None }
}

fn with(mut observed: Observed, name: &str, value: impl Into<serde_json::Value>) -> Observed {
    let value = value.into();
    if !value.is_null() {
        observed.attributes.insert(name.to_owned(), value);
    }
    observed
}

/// One answer for each id, in the order asked; what was not found is gone.
fn in_order(ids: &[String], found: Vec<Observed>) -> Vec<Observed> {
    let mut by_id: BTreeMap<String, Observed> = found.into_iter().map(|o| (o.id.clone(), o)).collect();
    ids.iter().map(|id| by_id.remove(id).unwrap_or_else(|| observed(id, port::State::Gone))).collect()
}

/// Pages through a list: `next` makes one request and answers with the items and the token of the next page.
macro_rules! pages {
    ($call:expr, $items:ident, $request:expr) => {{
        let mut all = Vec::new();
        let mut pages = $request.into_paginator().send();
        while let Some(page) = pages.next().await {
            all.extend($crate::error::OrCloud::or_cloud(page, $call)?.$items.unwrap_or_default());
        }
        all
    }};
}
use pages;
