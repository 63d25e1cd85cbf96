//! Each test has its own peer, the cloud under test that talks to it, and raw clients to seed it.

use aws::sdk::{
    aws_config, aws_credential_types, aws_sdk_ec2, aws_sdk_rds, aws_sdk_s3, aws_sdk_sts,
    aws_smithy_http_client, aws_smithy_runtime_api,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::{Access, Aws, AwsConfig};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use base::clock::Clock;
use base::ids::{AccountId, RunId};
use estate::Loss;
use event::Phase;
use port::Guard;
use port::Protected;
use port::{
    Cloud as _, CloudError, CopiedObjects, CopyObjects, Create, Created, Exposure, IsolationScan, Kind,
    LossGate, Observed, Operation, Origin, Permit, Place, Progress, ResourceRef, RunTags, State, Whose,
};
use serde_json::json;

use support::peers::Moto;

pub const PRODUCTION: &str = "111111111111";
pub const SANDBOX: &str = "222222222222";
pub const VAULT: &str = "333333333333";
pub const EAST: &str = "us-east-1";
pub const WEST: &str = "us-west-2";

pub struct World {
    pub moto: Moto,
    pub aws: Rc<Aws>,
    guards: RefCell<BTreeMap<Place, Rc<Guard>>>,
    pub gate: Arc<LossGate>,
    pub run_tags: RunTags,
}

pub fn account(id: &str) -> AccountId {
    id.parse().unwrap()
}

pub fn place(account: &str, region: &str) -> Place {
    Place { account: account.parse().unwrap(), region: region.parse().unwrap() }
}

/// Moto accepts any key. Only the account of the role matters. The variables are cargo's own,
/// because a test cannot set any: other threads may read them.
pub fn keys() -> Access {
    Access {
        access_key_env: Some("CARGO_PKG_NAME".into()),
        // The value is long, because it is redacted from all texts of this process.
        secret_key_env: Some("CARGO_PKG_DESCRIPTION".into()),
        ..Access::default()
    }
}

fn role(id: &str) -> (AccountId, Access) {
    let role = Some(format!("arn:aws:iam::{id}:role/drill"));
    (account(id), Access { role, session_name: Some("drillmaster test".into()), ..keys() })
}

pub fn connect(endpoint: &str, loss: Loss) -> (Aws, Arc<LossGate>) {
    let gate = Arc::new(LossGate::new(loss));
    let config = AwsConfig {
        accounts: [role(PRODUCTION), role(SANDBOX), role(VAULT)].into(),
        endpoint_url: Some(endpoint.to_owned()),
        region: None,
        clock: Clock::real(),
        probe: None,
    };
    (Aws::connect(config, Arc::clone(&gate)).unwrap(), gate)
}

impl World {
    pub fn start(loss: Loss) -> Self {
        let moto = Moto::start();
        moto.delays(&json!({ "default": 0.3 }));
        let (aws, gate) = connect(moto.endpoint(), loss);
        let now = Clock::real().now();
        let run = RunId(format!("{}-test-1f3a", now.format("%Y%m%dT%H%M%SZ")));
        let run_tags = RunTags::new(run, now + chrono::TimeDelta::hours(4));
        Self { moto, aws: Rc::new(aws), guards: RefCell::default(), gate, run_tags }
    }

    pub fn losing_east() -> Self {
        Self::start(Loss::Region(EAST.parse().unwrap()))
    }

    /// The same cloud through separate clients.
    pub fn another(&self) -> Aws {
        connect(self.moto.endpoint(), self.gate.loss().cloned().unwrap()).0
    }

    /// A raw SDK configuration for an account, to seed it. It has no gate and adds no tags.
    pub async fn raw(&self, account: &str, region: &str) -> SdkConfig {
        let base = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(self.moto.endpoint())
            .region(aws_config::Region::new(region.to_owned()))
            .http_client(http())
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .load()
            .await;
        let role = aws_sdk_sts::Client::new(&base).assume_role().role_session_name("seed");
        let keys = role.role_arn(format!("arn:aws:iam::{account}:role/seed")).send().await.unwrap();
        let keys = keys.credentials.unwrap();
        let provider = Credentials::new(
            keys.access_key_id,
            keys.secret_access_key,
            Some(keys.session_token),
            None,
            "seed",
        );
        base.to_builder()
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(provider))
            .build()
    }

    pub async fn ec2(&self, account: &str, region: &str) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.raw(account, region).await)
    }

    pub async fn rds(&self, account: &str, region: &str) -> aws_sdk_rds::Client {
        aws_sdk_rds::Client::new(&self.raw(account, region).await)
    }

    pub async fn s3(&self, account: &str, region: &str) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.raw(account, region).await);
        aws_sdk_s3::Client::from_conf(config.force_path_style(true).build())
    }

    /// The permit that the guard of a drill with its sandbox at this place would give.
    pub async fn permit(&self, place: &Place, operation: Operation) -> Result<Permit, CloudError> {
        let guard = {
            let mut guards = self.guards.borrow_mut();
            let guard = guards.entry(place.clone()).or_insert_with(|| {
                let cloud: Rc<dyn port::Cloud> = Rc::<Aws>::clone(&self.aws);
                Rc::new(Guard::new(cloud, place.clone(), self.run_tags.clone(), Protected::default()))
            });
            Rc::clone(guard)
        };
        guard.enter(if operation == Operation::Delete { Phase::Teardown } else { Phase::Recover });
        guard.permit(place, operation, "test").await
    }

    pub async fn copy_objects(
        &self,
        origin: &Origin,
        copy: &CopyObjects,
        progress: &dyn Fn(Progress),
    ) -> Result<CopiedObjects, CloudError> {
        let permit = self.permit(&copy.to.place(), Operation::Write).await?;
        self.aws.copy_objects(&permit, origin, copy, progress).await
    }

    pub async fn try_create(&self, place: &Place, what: &Create) -> Result<Created, CloudError> {
        self.try_create_as(place, what, 1).await
    }

    pub async fn try_create_as(
        &self,
        place: &Place,
        what: &Create,
        attempt: u32,
    ) -> Result<Created, CloudError> {
        // The same creation has the same token, as in the engine.
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hasher = DefaultHasher::new();
        serde_json::to_string(what).unwrap().hash(&mut hasher);
        let token = format!("{}-{:x}", self.run_tags.run, hasher.finish());
        let origin = Origin::new("step", attempt, token.chars().take(64).collect::<String>());
        let permit = self.permit(place, Operation::Create).await?;
        self.aws.create(&permit, &origin, what).await
    }

    pub async fn create(&self, place: &Place, what: &Create) -> Created {
        self.try_create(place, what).await.unwrap_or_else(|e| panic!("{what:?}: {e}"))
    }

    /// Creates one resource, and waits until it is ready. Returns its id and what was observed.
    pub async fn ready(&self, place: &Place, what: &Create) -> (String, Observed) {
        let created = self.create(place, what).await;
        let id = created.resources.first().unwrap().id.clone();
        let seen = self.wait(place, what.kind(), &id, |state| *state == State::Ready).await;
        (id, seen)
    }

    pub async fn wait(&self, place: &Place, kind: Kind, id: &str, done: impl Fn(&State) -> bool) -> Observed {
        let began = Instant::now();
        loop {
            let seen = self.aws.observe(place, kind, &[id.to_owned()]).await.unwrap();
            let seen = seen.into_iter().next().unwrap();
            if done(&seen.state) {
                return seen;
            }
            assert!(!matches!(seen.state, State::Failed(_)), "{kind:?} {id}: {:?}", seen.state);
            assert!(began.elapsed() < Duration::from_mins(5), "{kind:?} {id} is still {:?}", seen.state);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn try_delete(&self, resource: &ResourceRef) -> Result<(), CloudError> {
        let origin = Origin::new("teardown", 1, "delete");
        let permit = self.permit(&resource.place(), Operation::Delete).await?;
        self.aws.delete(&permit, &origin, resource, &|_| {}).await
    }

    /// One complete inspection of a VPC and of everything that carries the run's tag.
    pub async fn exposures(&self, at: &Place, vpc: &str) -> Vec<Exposure> {
        let (vpc, run, made) = (vpc.to_owned(), self.run_tags.run.clone(), Vec::new());
        self.aws
            .exposures(&IsolationScan { place: at.clone(), vpc, run, made, empty: false, whole: true })
            .await
            .unwrap()
    }

    pub async fn tagged(&self, place: &Place) -> Vec<ResourceRef> {
        let found = self.aws.tagged(place, &Whose::Run(self.run_tags.run.clone())).await.unwrap();
        found.things.into_iter().map(|t| t.resource).collect()
    }

    /// Deletes everything that carries the tag, in any order that works. Asserts that nothing is
    /// left.
    pub async fn tear_down(&self, place: &Place) {
        let began = Instant::now();
        loop {
            let left = self.tagged(place).await;
            if left.is_empty() {
                return;
            }
            assert!(began.elapsed() < Duration::from_mins(5), "left behind: {left:?}");
            for resource in &left {
                match self.try_delete(resource).await {
                    Ok(()) => {}
                    Err(e) if e.may_pass() => {}
                    Err(e) => panic!("{resource}: {e}"),
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A VPC with two subnets, a security group and a DB subnet group, ready.
    pub async fn sandbox(&self, place: &Place) -> Sandbox {
        let zones = self.aws.zones(place).await.unwrap();
        let (vpc, _) =
            self.ready(place, &Create::Vpc { cidr: "10.66.0.0/16".into(), name: "drill".into() }).await;
        let mut subnets = Vec::new();
        for (index, zone) in zones.iter().take(2).enumerate() {
            let what = Create::Subnet {
                vpc: vpc.clone(),
                cidr: format!("10.66.{index}.0/24"),
                az: zone.id.clone(),
                name: format!("drill-{index}"),
            };
            let (id, seen) = self.ready(place, &what).await;
            assert_eq!(seen.attributes.get("az"), Some(&json!(zone.id.as_str())));
            subnets.push(port::SubnetRef { id, az: zone.id.clone() });
        }
        let what = Create::SecurityGroup {
            vpc: vpc.clone(),
            vpc_cidr: "10.66.0.0/16".into(),
            name: "drill-within".into(),
            only_out: false,
        };
        let (group, _) = self.ready(place, &what).await;
        let name = "drill-databases".to_owned();
        let what = Create::DbSubnetGroup { name, subnets: subnets.iter().map(|s| s.id.clone()).collect() };
        let (subnet_group, _) = self.ready(place, &what).await;
        Sandbox { vpc, subnets, group, subnet_group }
    }
}

pub struct Sandbox {
    pub vpc: String,
    pub subnets: Vec<port::SubnetRef>,
    pub group: String,
    pub subnet_group: String,
}

pub fn http() -> aws_smithy_runtime_api::client::http::SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}
