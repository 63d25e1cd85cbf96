//! The SDK clients for each account. An account is reached by a profile, by an assumed role or by a
//! second provider's keys.

mod confirmed;
mod dry_run;
mod http;
mod read_only;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{
    self, ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future,
};
use aws_sdk_s3::config::{
    RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use self::confirmed::Confirmed;
use super::function::Package;
use super::interceptor::{FailFast, LossGateInterceptor, Shared};
use aws_types::endpoint_config::AccountIdEndpointMode;
use base::ids::{AccountId, Region};
use port::{CloudError, CloudResult, ErrorKind, Place};

pub use self::dry_run::{Asker, Fidelity, Shown};
pub use self::http::{Http, clients as http_clients};
pub use self::read_only::{
    BackupReader, CloudControlReader, CloudFormationReader, CloudWatchReader, DynamoDbReader, Ec2Reader,
    EfsReader, IamReader, LambdaReader, LogsReader, QuotasReader, RdsReader, ResolverReader, Route53Reader,
    S3Reader, SecretsReader, StsReader,
};
pub use self::writer::{S3Writer, Writer};

/// How the accounts are reached.
#[derive(Clone)]
pub struct AwsConfig {
    /// An account without an entry uses the default chain: environment, profile, SSO, instance
    /// role.
    pub accounts: BTreeMap<AccountId, Access>,
    /// Overrides `AWS_ENDPOINT_URL` and the profile's endpoint.
    pub endpoint_url: Option<String>,
    /// The region to ask in where none is configured: the sandbox's.
    pub region: Option<Region>,
    pub clock: base::clock::Clock,
    /// The program of the probe, if a playbook asks for one.
    pub probe: Option<Package>,
}

/// How one account is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// A profile of the shared configuration. `None`: the default chain.
    pub profile: Option<String>,
    /// The ARN of the role to assume, with the credentials of the profile or the default chain.
    pub role: Option<String>,
    /// `None`: `drillmaster`.
    pub session_name: Option<String>,
    pub external_id: Option<String>,
    /// The URL of an S3-compatible second provider. Only its buckets can be used.
    pub endpoint: Option<String>,
    /// The names of the environment variables that hold the second provider's keys. `None`: the
    /// usual chain.
    pub access_key_env: Option<String>,
    pub secret_key_env: Option<String>,
}

/// The SDK's clients for one account and region. They only read. A permit gives a [`Writer`].
pub struct Clients {
    pub ec2: Ec2Reader,
    pub rds: RdsReader,
    pub s3: S3Reader,
    pub cloudformation: CloudFormationReader,
    pub backup: BackupReader,
    pub cloud_control: CloudControlReader,
    pub cloudwatch: CloudWatchReader,
    pub logs: LogsReader,
    pub dynamodb: DynamoDbReader,
    pub efs: EfsReader,
    pub iam: IamReader,
    pub lambda: LambdaReader,
    pub quotas: QuotasReader,
    pub resolver: ResolverReader,
    pub route53: Route53Reader,
    pub secrets: SecretsReader,
    pub sts: StsReader,
    /// STS with the credentials that assume the role, if the account has one.
    pub sts_before_role: Option<StsReader>,
    place: Place,
    raw: Raw,
    credentials: Option<SharedCredentialsProvider>,
    /// The endpoint of its S3 requests. Two accounts with the same endpoint can copy on the
    /// server's side.
    pub s3_endpoint: Option<String>,
}

/// The clients that can change something.
struct Raw {
    ec2: aws_sdk_ec2::Client,
    ec2_once: aws_sdk_ec2::Client,
    rds: aws_sdk_rds::Client,
    s3: aws_sdk_s3::Client,
    s3_bulk: aws_sdk_s3::Client,
    cloudformation: aws_sdk_cloudformation::Client,
    backup: aws_sdk_backup::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    efs: aws_sdk_efs::Client,
    lambda: aws_sdk_lambda::Client,
    lambda_once: aws_sdk_lambda::Client,
    resolver: aws_sdk_route53resolver::Client,
    resolver_once: aws_sdk_route53resolver::Client,
    route53: aws_sdk_route53::Client,
    route53_once: aws_sdk_route53::Client,
}

/// The number of attempts. Low enough that a call that always fails ends soon, such as an unknown
/// operation on a test peer.
const ATTEMPTS: u32 = 8;

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(40))
        .operation_attempt_timeout(Duration::from_secs(60))
        .operation_timeout(Duration::from_secs(300))
        .build()
}

/// No limit for an attempt or for the whole call. What the base configuration limits stays limited
/// unless it is switched off by name.
fn object_timeouts() -> aws_smithy_types::timeout::TimeoutConfigBuilder {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .disable_operation_attempt_timeout()
        .disable_operation_timeout()
}

/// Loads a profile or the default chain: credentials, endpoint and default region. `region` is the
/// default where none is configured.
pub async fn load(
    profile: Option<&str>,
    endpoint: Option<&str>,
    region: Option<&Region>,
    http: &SharedHttpClient,
) -> SdkConfig {
    let loader = || {
        let retry = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.clone())
            .retry_config(retry.with_max_backoff(Duration::from_secs(20)))
            .timeout_config(timeouts());
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        if let Some(url) = endpoint {
            loader = loader.endpoint_url(url);
        }
        loader
    };
    let mut config = loader().load().await;
    if let (None, Some(region)) = (config.region(), region) {
        // Sources of credentials need a region too, so it is given before they are made.
        let region = aws_types::region::Region::new(region.to_string());
        config = loader().region(region).load().await;
    }
    let Some(profile) = profile else { return config };
    // The default chain would prefer keys in the environment to the profile that the playbook
    // names.
    let way = ProviderConfig::without_region().with_region(config.region().cloned());
    let way = way.with_http_client(http.clone());
    let keys = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&way).build();
    config.into_builder().credentials_provider(SharedCredentialsProvider::new(keys)).build()
}

/// Builds the clients for `place`. Each carries the interceptor that asks the gate and counts.
pub fn clients(
    base: &SdkConfig,
    access: &Access,
    place: &Place,
    http: &Http,
    shared: &Arc<Shared>,
) -> CloudResult<Clients> {
    let region = aws_types::region::Region::new(place.region.to_string());
    let mut builder = base.to_builder().region(region);
    let watch = |service| LossGateInterceptor::new(service, place, shared);
    let first = || FailFast(Arc::clone(shared));
    if access.access_key_env.is_some() || access.secret_key_env.is_some() {
        builder = builder.credentials_provider(SharedCredentialsProvider::new(keys_from_env(access)?));
    }
    if let Some(endpoint) = &access.endpoint {
        builder = builder.endpoint_url(endpoint.clone());
    }
    let config = builder.build();
    let sts = aws_sdk_sts::config::Builder::from(&config).interceptor(watch("sts")).retry_classifier(first());
    let mut builder = config.to_builder();
    let mut sts_before_role = None;
    if let Some(role) = &access.role {
        let sts = aws_sdk_sts::Client::from_conf(sts.clone().build());
        sts_before_role = Some(StsReader::new(sts.clone()));
        builder = builder.credentials_provider(assumed(role, access, sts));
    }
    let config = builder.build();
    // Only the question for the credentials' account goes out with unconfirmed credentials. Every
    // other request waits for the answer.
    let identity = aws_sdk_sts::config::Builder::from(&config)
        .interceptor(watch("sts"))
        .retry_classifier(first())
        .build();
    let config = match config.credentials_provider() {
        // Another provider has no STS, and its keys belong to no AWS account.
        Some(inner) if access.endpoint.is_none() => {
            let account = place.account.clone();
            let confirmed = Confirmed { inner, sts, account, shared: Arc::clone(shared) };
            let provider = SharedCredentialsProvider::new(confirmed);
            config.to_builder().credentials_provider(provider).build()
        }
        _ => config,
    };
    // A client that differs from the others in nothing but its service.
    macro_rules! client {
        ($sdk:ident, $service:literal) => {
            $sdk::Client::from_conf(
                $sdk::config::Builder::from(&config)
                    .interceptor(watch($service))
                    .retry_classifier(first())
                    .build(),
            )
        };
    }
    let s3_endpoint = access.endpoint.clone().or_else(|| s3_endpoint(&config));
    let ec2 = aws_sdk_ec2::config::Builder::from(&config).interceptor(watch("ec2")).retry_classifier(first());
    let lambda =
        aws_sdk_lambda::config::Builder::from(&config).interceptor(watch("lambda")).retry_classifier(first());
    let resolver = aws_sdk_route53resolver::config::Builder::from(&config)
        .interceptor(watch("route53resolver"))
        .retry_classifier(first());
    let route53 = aws_sdk_route53::config::Builder::from(&config)
        .interceptor(watch("route53"))
        .retry_classifier(first());
    let mut s3 = aws_sdk_s3::config::Builder::from(&config)
        .interceptor(watch("s3").elsewhere(access.endpoint.is_some()))
        .retry_classifier(first())
        // An ARN must not lead a request to another region, or to whichever answers first.
        .disable_multi_region_access_points(true)
        .use_arn_region(false)
        // Objects may be gigabytes, so they get no total timeout. The SDK's stalled-stream
        // protection ends a stalled read.
        .timeout_config(object_timeouts().read_timeout(Duration::from_secs(60)).build())
        .force_path_style(s3_endpoint.as_deref().is_some_and(needs_path_style) || access.endpoint.is_some());
    if let Some(endpoint) = &access.endpoint {
        // What the environment or a profile says of AWS's endpoints is not meant for this one.
        s3 = s3.endpoint_url(endpoint).use_fips(false).use_dual_stack(false);
        // Other providers do not know S3's newer checksum headers. Drillmaster computes its own
        // checksums.
        s3 = s3
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    }
    let raw = Raw {
        ec2: aws_sdk_ec2::Client::from_conf(ec2.clone().build()),
        ec2_once: aws_sdk_ec2::Client::from_conf(ec2.retry_config(RetryConfig::disabled()).build()),
        rds: client!(aws_sdk_rds, "rds"),
        s3_bulk: aws_sdk_s3::Client::from_conf(
            s3.clone()
                .http_client(http.patient.clone())
                .timeout_config(object_timeouts().disable_read_timeout().build())
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
                .build(),
        ),
        s3: aws_sdk_s3::Client::from_conf(s3.build()),
        cloudformation: client!(aws_sdk_cloudformation, "cloudformation"),
        backup: client!(aws_sdk_backup, "backup"),
        dynamodb: aws_sdk_dynamodb::Client::from_conf(
            aws_sdk_dynamodb::config::Builder::from(&config)
                .interceptor(watch("dynamodb"))
                .retry_classifier(first())
                // The gate judges a host by its region, which endpoints of accounts hide.
                .account_id_endpoint_mode(AccountIdEndpointMode::Disabled)
                .build(),
        ),
        efs: client!(aws_sdk_efs, "elasticfilesystem"),
        lambda: aws_sdk_lambda::Client::from_conf(lambda.clone().build()),
        // It invokes, and a check may be silent for minutes.
        lambda_once: aws_sdk_lambda::Client::from_conf(
            lambda.http_client(http.patient.clone()).retry_config(RetryConfig::disabled()).build(),
        ),
        resolver: aws_sdk_route53resolver::Client::from_conf(resolver.clone().build()),
        resolver_once: aws_sdk_route53resolver::Client::from_conf(
            resolver.retry_config(RetryConfig::disabled()).build(),
        ),
        route53: aws_sdk_route53::Client::from_conf(route53.clone().build()),
        route53_once: aws_sdk_route53::Client::from_conf(
            route53.retry_config(RetryConfig::disabled()).build(),
        ),
    };
    Ok(Clients {
        ec2: Ec2Reader::new(raw.ec2.clone()),
        rds: RdsReader::new(raw.rds.clone()),
        s3: S3Reader::new(raw.s3.clone()),
        cloudformation: CloudFormationReader::new(raw.cloudformation.clone()),
        backup: BackupReader::new(raw.backup.clone()),
        // IAM knows the calls of Cloud Control as CloudFormation's.
        cloud_control: CloudControlReader::new(client!(aws_sdk_cloudcontrol, "cloudformation")),
        cloudwatch: CloudWatchReader::new(client!(aws_sdk_cloudwatch, "cloudwatch")),
        logs: LogsReader::new(client!(aws_sdk_cloudwatchlogs, "logs")),
        dynamodb: DynamoDbReader::new(raw.dynamodb.clone()),
        efs: EfsReader::new(raw.efs.clone()),
        lambda: LambdaReader::new(raw.lambda.clone()),
        iam: IamReader::new(client!(aws_sdk_iam, "iam")),
        quotas: QuotasReader::new(client!(aws_sdk_servicequotas, "servicequotas")),
        resolver: ResolverReader::new(raw.resolver.clone()),
        route53: Route53Reader::new(raw.route53.clone()),
        secrets: SecretsReader::new(client!(aws_sdk_secretsmanager, "secretsmanager")),
        sts: StsReader::new(aws_sdk_sts::Client::from_conf(identity)),
        sts_before_role,
        place: place.clone(),
        raw,
        credentials: config.credentials_provider(),
        s3_endpoint,
    })
}

pub fn s3_endpoint(config: &SdkConfig) -> Option<String> {
    std::env::var("AWS_ENDPOINT_URL_S3")
        .ok()
        .filter(|url| !url.is_empty())
        .or_else(|| config.endpoint_url().map(str::to_owned))
}

/// Returns whether the host is an IP address or `localhost`. Such a host has no subdomains for a
/// bucket's name.
pub fn needs_path_style(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok()
}

fn keys_from_env(access: &Access) -> CloudResult<Credentials> {
    let read = |name: Option<&String>, what: &str| {
        let Some(name) = name else {
            return Err(CloudError::new(
                ErrorKind::Credentials,
                "credentials",
                format!("the account has no `{what}`"),
            )
            .help(format!("name the environment variable in `{what}`")));
        };
        base::secret::of_variable(name, &|name| std::env::var_os(name)).map_err(|why| {
            CloudError::new(ErrorKind::Credentials, "credentials", format!("`{what}`: {why}"))
                .help(format!("export {name} with the second provider's key"))
        })
    };
    let key = read(access.access_key_env.as_ref(), "access_key_env")?;
    let secret = read(access.secret_key_env.as_ref(), "secret_key_env")?;
    Ok(Credentials::new(key, secret, None, None, "environment variables of the playbook"))
}

/// Turns `name_in_playbook` into a session name that STS accepts: 2–64 characters of `[\w+=,.@-]`.
pub fn session_name(name_in_playbook: Option<&str>) -> String {
    let name: String = name_in_playbook
        .unwrap_or("drillmaster")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "_+=,.@-".contains(c) { c } else { '-' })
        .take(64)
        .collect();
    if name.len() < 2 { "drillmaster".to_owned() } else { name }
}

/// An assumed role.
///
/// aws-config has a provider for this too, but it gives no way to put an interceptor on its STS
/// client. The gate would not see the call, and it would not be counted.
#[derive(Debug)]
struct AssumedRole {
    sts: aws_sdk_sts::Client,
    role: String,
    session: String,
    external_id: Option<String>,
}

/// The credentials of the role of an access.
pub fn assumed(role: &str, access: &Access, sts: aws_sdk_sts::Client) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(AssumedRole {
        sts,
        role: role.to_owned(),
        session: session_name(access.session_name.as_deref()),
        external_id: access.external_id.clone(),
    })
}

impl AssumedRole {
    async fn assume(&self) -> provider::Result {
        let answer = self
            .sts
            .assume_role()
            .role_arn(&self.role)
            .role_session_name(&self.session)
            .set_external_id(self.external_id.clone())
            .send()
            .await
            .map_err(CredentialsError::provider_error)?;
        let keys = answer
            .credentials
            .ok_or_else(|| CredentialsError::provider_error("AssumeRole answered without credentials"))?;
        let expires = SystemTime::try_from(keys.expiration).map_err(CredentialsError::provider_error)?;
        Ok(Credentials::new(
            keys.access_key_id,
            keys.secret_access_key,
            Some(keys.session_token),
            Some(expires),
            "AssumeRole",
        ))
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.assume())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_path_style() {
        for url in
            ["http://127.0.0.1:5000", "http://localhost:5000/", "http://[::1]:9000", "https://10.0.0.1"]
        {
            assert!(needs_path_style(url), "{url}");
        }
        assert!(!needs_path_style("https://s3.eu-central-1.amazonaws.com"));
    }

    #[test]
    fn session_names_are_made_acceptable() {
        assert_eq!(session_name(Some("drillmaster 2026:ö")), "drillmaster-2026--");
        assert_eq!(session_name(Some(&"x".repeat(99))).len(), 64);
        assert_eq!(session_name(Some("")), "drillmaster");
    }
}
