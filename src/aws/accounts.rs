//! The clients for each account of a playbook.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use aws_config::SdkConfig;

use super::access::{self, Access, AwsConfig, Clients};
use super::ec2::zones;
use super::interceptor::Shared;
use base::ids::{AccountId, AzId, Region};
use estate::Loss;
use port::{BucketRef, CloudError, CloudResult, ErrorKind, LossGate, Place, Zone};

/// The AWS APIs for all accounts of a playbook.
pub struct Aws {
    pub(super) config: AwsConfig,
    pub(super) shared: Arc<Shared>,
    http: access::Http,
    bases: RefCell<BTreeMap<Option<String>, Rc<SdkConfig>>>,
    clients: RefCell<BTreeMap<Place, Rc<Clients>>>,
    zones: RefCell<BTreeMap<Place, Rc<Vec<Zone>>>>,
}

impl Aws {
    /// Prepares the clients. Sends nothing yet: the SDK looks up credentials on first use.
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
            http: access::http_clients()?,
            bases: RefCell::default(),
            clients: RefCell::default(),
            zones: RefCell::default(),
        })
    }

    pub(super) fn access(&self, account: &AccountId) -> Access {
        self.config.accounts.get(account).cloned().unwrap_or_default()
    }

    /// Names the account and its way in, where the credentials are at fault. Another error is
    /// returned as it is.
    pub(super) fn whose_credentials(&self, account: &AccountId, mut error: CloudError) -> CloudError {
        if error.kind == ErrorKind::Credentials {
            let access = self.access(account);
            let way = match (&access.role, &access.profile) {
                (None, Some(profile)) => format!("profile `{profile}`"),
                (None, None) => "the environment's credentials".to_owned(),
                (Some(role), Some(profile)) => format!("role {role} with profile `{profile}`"),
                (Some(role), None) => format!("role {role} with the environment's credentials"),
            };
            error.message = format!("account {account}, {way}: {}", error.message);
        }
        error
    }

    /// Says of an error that it is another provider's, if the account is one.
    pub(super) fn blame(&self, account: &AccountId, error: CloudError) -> CloudError {
        let Access { endpoint, access_key_env, secret_key_env, .. } = self.access(account);
        let Some(endpoint) = endpoint.filter(|_| error.kind != ErrorKind::Lost) else { return error };
        let keys = match (access_key_env, secret_key_env) {
            (Some(key), Some(secret)) => format!("the keys in {key} and {secret}"),
            _ => "the keys (`access_key_env`, `secret_key_env`)".to_owned(),
        };
        let help = match error.kind {
            ErrorKind::Credentials | ErrorKind::Forbidden => {
                format!("it is the provider that refuses: check {keys}, and what they may read there")
            }
            ErrorKind::Network | ErrorKind::Server => {
                "it is the provider that does not answer: check the account's `endpoint`, and whether its server is up"
                    .to_owned()
            }
            ErrorKind::Throttled
            | ErrorKind::NotFound
            | ErrorKind::AlreadyExists
            | ErrorKind::InUse
            | ErrorKind::Quota
            | ErrorKind::Busy
            | ErrorKind::Invalid
            | ErrorKind::Lost
            | ErrorKind::Guarded
            | ErrorKind::Unsupported => error.help.clone().unwrap_or_else(|| {
                "it is the provider that says so: check the account's `endpoint`, the bucket and its region".to_owned()
            }),
        };
        CloudError { message: format!("the provider at {endpoint}: {}", error.message), ..error }.help(help)
    }

    async fn base(&self, profile: Option<&str>) -> Rc<SdkConfig> {
        let key = profile.map(str::to_owned);
        if let Some(base) = self.bases.borrow().get(&key) {
            return Rc::clone(base);
        }
        let base = Rc::new(
            access::load(
                profile,
                self.config.endpoint_url.as_deref(),
                self.config.region.as_ref(),
                &self.http.usual,
            )
            .await,
        );
        // Two callers may have loaded it at the same time. The first one stays, so that both share
        // its caches.
        Rc::clone(self.bases.borrow_mut().entry(key).or_insert(base))
    }

    /// Returns the clients for this place. S3-compatible providers are allowed.
    pub(super) async fn s3_clients(&self, place: &Place) -> CloudResult<Rc<Clients>> {
        if let Some(clients) = self.clients.borrow().get(place) {
            return Ok(Rc::clone(clients));
        }
        let access = self.access(&place.account);
        let base = self.base(access.profile.as_deref()).await;
        let clients = Rc::new(access::clients(&base, &access, place, &self.http, &self.shared)?);
        Ok(Rc::clone(self.clients.borrow_mut().entry(place.clone()).or_insert(clients)))
    }

    /// Returns the clients for this place. S3-compatible providers are refused.
    pub(super) async fn clients(&self, place: &Place) -> CloudResult<Rc<Clients>> {
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

    pub(super) async fn zone_map(&self, place: &Place) -> CloudResult<Rc<Vec<Zone>>> {
        if let Some(zones) = self.zones.borrow().get(place) {
            return Ok(Rc::clone(zones));
        }
        let zones = Rc::new(zones::all(&self.clients(place).await?.ec2).await?);
        let by_name = zones.iter().map(|z| (z.name.clone(), z.id.clone())).collect();
        self.shared.know_zones(place, by_name);
        self.zones.borrow_mut().insert(place.clone(), Rc::clone(&zones));
        Ok(zones)
    }

    /// Returns this account's name for the zone.
    pub(super) async fn zone_name(&self, place: &Place, id: &AzId) -> CloudResult<String> {
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

    /// Returns a region for global requests, never the lost one.
    pub(super) async fn any_place(&self, account: &AccountId) -> CloudResult<Place> {
        let lost = self.shared.gate.loss().and_then(Loss::region).cloned();
        let base = self.base(self.access(account).profile.as_deref()).await;
        let configured = base.region().map(ToString::to_string);
        let region = configured
            .iter()
            .map(String::as_str)
            .chain(self.config.region.as_ref().map(Region::as_str))
            .chain(["us-east-1", "us-west-2"])
            .filter_map(|name| name.parse::<Region>().ok())
            .find(|region| lost.as_ref() != Some(region));
        let region = region.ok_or_else(|| {
            CloudError::new(ErrorKind::Invalid, "connect", "no region to ask in").help("set AWS_REGION")
        })?;
        Ok(Place { account: account.clone(), region })
    }

    /// Returns the clients for a bucket, and tells the gate where the bucket is.
    pub(super) async fn bucket_clients(&self, bucket: &BucketRef) -> CloudResult<Rc<Clients>> {
        self.shared.know_bucket(bucket);
        if let Some(owner) = bucket.owner.as_ref().filter(|_| self.access(&bucket.account).endpoint.is_none())
        {
            self.shared.know_owner(&bucket.name, owner);
        }
        let place = Place { account: bucket.account.clone(), region: bucket.region.clone() };
        self.s3_clients(&place).await
    }
}
