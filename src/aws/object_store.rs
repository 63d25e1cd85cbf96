//! How a bucket of S3 that takes runs or evidence is reached: the credentials, the region and the
//! endpoint, as the SDK finds them.

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_s3::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use aws_sdk_s3::types::{DefaultRetention, ObjectLockRetentionMode};
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use aws_types::SdkConfig;

use crate::access::{Access, assumed, http_clients, load, s3_endpoint};
use crate::error::OrCloud as _;
use base::causes::chain;
use port::CloudError;

/// The way to a bucket that belongs to no drill. No loss gate stands before it: a store lies where no
/// drill loses anything.
#[derive(Debug)]
pub struct BucketAccess {
    config: SdkConfig,
    credentials: SharedCredentialsProvider,
    key: &'static str,
}

/// The credentials of one request.
pub struct Keys {
    pub key_id: String,
    pub secret_key: String,
    pub token: Option<String>,
}

/// How long a new object of a bucket cannot be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub days: u32,
    /// Not even the root user of the account can delete it.
    pub is_compliance: bool,
}

impl BucketAccess {
    /// Reads the profile, the role and the region. Nothing is asked yet. `key` is the one of the
    /// configuration that names an account.
    ///
    /// # Errors
    /// There are no credentials, or no region, as a text for the user.
    pub async fn new(access: &Access, key: &'static str) -> Result<Self, String> {
        let http = http_clients().map_err(|error| error.to_string())?;
        let config = load(access.profile.as_deref(), access.endpoint.as_deref(), None, &http.usual).await;
        if config.region().is_none() {
            return Err("no region is configured for the bucket: set AWS_REGION".to_owned());
        }
        let none = || format!("there are no credentials for the bucket: log in, or name `{key}`");
        let own = config.credentials_provider().ok_or_else(none)?;
        let sts = || aws_sdk_sts::Client::new(&config);
        let credentials = access.role.as_ref().map_or(own, |role| assumed(role, access, sts()));
        Ok(Self { config, credentials, key })
    }

    pub fn region(&self) -> String {
        self.config.region().map(ToString::to_string).unwrap_or_default()
    }

    /// Where S3 is: what was configured, or AWS's own endpoint of the region and its partition (FIPS and
    /// dual stack as configured).
    ///
    /// # Errors
    /// The SDK knows none, as a text for the user.
    pub async fn endpoint(&self) -> Result<String, String> {
        if let Some(url) = s3_endpoint(&self.config) {
            return Ok(url);
        }
        let asked = Params::builder()
            .region(self.region())
            .use_fips(self.config.use_fips().unwrap_or_default())
            .use_dual_stack(self.config.use_dual_stack().unwrap_or_default())
            .build()
            .map_err(|error| error.to_string())?;
        let found = DefaultResolver::new().resolve_endpoint(&asked).await;
        found.map(|endpoint| endpoint.url().to_owned()).map_err(|error| chain(error.as_ref()))
    }

    /// The keys, as they are now.
    pub async fn keys(&self) -> Result<Keys, String> {
        let keys = self.credentials.provide_credentials().await;
        let keys = keys.map_err(|error| format!("{}; log in, or name `{}`", chain(&error), self.key))?;
        Ok(Keys {
            key_id: keys.access_key_id().to_owned(),
            secret_key: keys.secret_access_key().to_owned(),
            token: keys.session_token().map(str::to_owned),
        })
    }

    /// The default retention of a bucket's object lock. `None`: it has none.
    ///
    /// # Errors
    /// It could not be asked.
    pub async fn retention(&self, bucket: &str) -> Result<Option<Retention>, CloudError> {
        let builder = aws_sdk_s3::config::Builder::from(&self.config)
            .credentials_provider(self.credentials.clone())
            .force_path_style(s3_endpoint(&self.config).is_some());
        let client = aws_sdk_s3::Client::from_conf(builder.build());
        let asked = client.get_object_lock_configuration().bucket(bucket).send().await;
        let code = asked.as_ref().err().and_then(|error| error.as_service_error()?.code());
        if code == Some("ObjectLockConfigurationNotFoundError") {
            return Ok(None);
        }
        let found = asked.or_cloud("s3:GetObjectLockConfiguration")?;
        let lock = found.object_lock_configuration();
        let retention = lock.and_then(|lock| lock.rule()).and_then(|rule| rule.default_retention());
        Ok(retention.and_then(retention_of))
    }
}

fn retention_of(found: &DefaultRetention) -> Option<Retention> {
    let days = found.days().or_else(|| found.years().and_then(|years| years.checked_mul(365)))?;
    let is_compliance = found.mode() == Some(&ObjectLockRetentionMode::Compliance);
    Some(Retention { days: u32::try_from(days).ok()?, is_compliance })
}
