//! A store in a bucket of some provider: S3, Google Cloud Storage, Azure Blob Storage.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use https::http::{HeaderMap, HeaderName, HeaderValue};
use https::{Client, Failed, Limits};
use object_store::aws::{AmazonS3Builder, AwsCredential, Checksum, S3ConditionalPut};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpResponseBody, HttpService,
};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{
    CredentialProvider, Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, RetryConfig,
};
use tokio::runtime::Runtime;

use base::causes::chain;

use crate::objects::{Listed, Listing, Objects, Put, StoreError};

/// How many objects are read at once.
const AT_ONCE: usize = 16;

/// An object that shows whether the store makes objects only where none is.
const PROBE: &str = "probe.txt";
const PROBE_TEXT: &str = "A store of drillmaster. This object shows that nothing here is replaced.\n";

/// How long one request may take, with its answer. A report of 50,000 steps has 60 MiB.
const PATIENCE: Duration = Duration::from_mins(5);

/// Where S3 is, and who asks.
pub struct S3 {
    pub region: String,
    pub endpoint: String,
    pub keys: Arc<dyn Keys>,
}

/// The keys of S3, as they are now.
#[async_trait]
pub trait Keys: Debug + Send + Sync {
    async fn keys(&self) -> Result<S3Keys, String>;
}

pub struct S3Keys {
    pub key_id: String,
    pub secret_key: String,
    pub token: Option<String>,
}

/// `s3://BUCKET/PREFIX`, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    pub provider: Provider,
    pub bucket: String,
    pub prefix: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    S3,
    Google,
    Azure,
}

impl Url {
    /// # Errors
    /// It is no such URL, as a text for the user.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            let shown = text.escape_debug();
            format!(
                "`{shown}` names no bucket: write it as s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"
            )
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let provider = match scheme {
            "s3" => Provider::S3,
            "gs" => Provider::Google,
            "az" => Provider::Azure,
            _ => return Err(wrong()),
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        let is_name = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        if bucket.is_empty() || !bucket.chars().all(is_name) {
            return Err(wrong());
        }
        if !prefix.is_empty() && !prefix.split('/').all(crate::objects::is_part) {
            return Err(format!(
                "the prefix of `{}` may hold letters, digits, `.`, `_` and `-` between its slashes",
                text.escape_debug()
            ));
        }
        Ok(Self { provider, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

pub struct Bucket {
    place: String,
    prefix: String,
    store: Arc<dyn ObjectStore>,
    runtime: Runtime,
}

impl Bucket {
    /// Opens a bucket. Nothing is asked yet. `s3` is needed for S3 alone: the other providers are read
    /// from their usual variables of the environment.
    ///
    /// # Errors
    /// Something is not configured, as a text for the user.
    pub fn open(url: &Url, s3: Option<S3>, runtime: Runtime) -> Result<Self, String> {
        let (scheme, store): (_, Arc<dyn ObjectStore>) = match (url.provider, s3) {
            (Provider::S3, Some(s3)) => ("s3", Arc::new(open_s3(&url.bucket, s3)?)),
            (Provider::S3, None) => return Err("nothing says how S3 is reached".to_owned()),
            (Provider::Google, _) => ("gs", Arc::new(open_google(&url.bucket)?)),
            (Provider::Azure, _) => ("az", Arc::new(open_azure(&url.bucket)?)),
        };
        let slash = if url.prefix.is_empty() { "" } else { "/" };
        let place = format!("{scheme}://{}{slash}{}", url.bucket, url.prefix);
        Ok(Self { place, prefix: url.prefix.clone(), store, runtime })
    }

    fn path(&self, key: &str) -> Path {
        Path::from(if self.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) })
    }

    fn failed(&self, what: &str, error: &Error) -> StoreError {
        // Providers answer in XML of several lines.
        let said = chain(error).split_whitespace().collect::<Vec<_>>().join(" ");
        // The crate has no kinds for what became of a list.
        let is = |status: u16| said.contains(&format!("status code: {status} "));
        let is_refused = matches!(error, Error::PermissionDenied { .. } | Error::Unauthenticated { .. });
        let advice = if is_refused || is(401) || is(403) {
            "; check the credentials, and their permission to read, write and list here"
        } else if matches!(error, Error::NotFound { .. }) || is(404) {
            "; check the name of the bucket"
        } else {
            ""
        };
        StoreError::new(self.place.clone(), format!("{what}: {said}{advice}"))
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let read = async { self.store.get(&self.path(key)).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(&format!("{key} cannot be read"), &error)),
        }
    }

    fn put(&self, key: &str, bytes: &[u8], mode: PutMode) -> Result<Put, StoreError> {
        let payload = PutPayload::from(bytes.to_vec());
        let path = self.path(key);
        let put = self.store.put_opts(&path, payload, PutOptions { mode, ..PutOptions::default() });
        match self.runtime.block_on(put) {
            Ok(_) => Ok(Put::Made),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Put::Exists),
            Err(error) => Err(self.failed(&format!("{key} cannot be written"), &error)),
        }
    }
}

impl Objects for Bucket {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn refuse_if_unsafe(&self) -> Result<(), StoreError> {
        let probe = || self.put(PROBE, PROBE_TEXT.as_bytes(), PutMode::Create);
        // The first may make it, and the second must not.
        if probe()? == Put::Exists || probe()? == Put::Exists {
            return Ok(());
        }
        Err(StoreError::new(
            self.place.clone(),
            "this store replaces an object although it is asked not to (a conditional write, `If-None-Match: *`), so two \
             runs could overwrite each other; name a store with conditional writes, such as S3 itself",
        ))
    }

    fn create(&self, key: &str, bytes: &[u8]) -> Result<Put, StoreError> {
        self.put(key, bytes, PutMode::Create)
    }

    fn replace(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.put(key, bytes, PutMode::Overwrite).map(drop)
    }

    fn read(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.runtime.block_on(self.get(key))
    }

    fn read_all(&self, keys: &[String]) -> Vec<Result<Option<Vec<u8>>, StoreError>> {
        let reads = stream::iter(keys.iter().map(|key| self.get(key)));
        self.runtime.block_on(reads.buffered(AT_ONCE).collect())
    }

    fn list(&self, under: &str) -> Result<Listing, StoreError> {
        let prefix = self.path(under);
        let prefix = (!prefix.as_ref().is_empty()).then_some(prefix);
        let list = self.store.list(prefix.as_ref()).try_collect::<Vec<_>>();
        let found =
            self.runtime.block_on(list).map_err(|error| self.failed("it cannot be listed", &error))?;
        let key_of = |path: &Path| {
            let key = path.as_ref().strip_prefix(self.prefix.as_str())?.trim_start_matches('/');
            (!key.is_empty()).then(|| key.to_owned())
        };
        let listed = found
            .iter()
            .filter_map(|object| Some(Listed { key: key_of(&object.location)?, size: object.size }));
        let mut objects: Vec<Listed> = listed.collect();
        objects.sort();
        Ok(Listing { objects, unread: Vec::new() })
    }

    /// It would cost a download.
    fn digest(&self, _: &str) -> Option<Result<String, StoreError>> {
        None
    }

    fn run_folder(&self, _: &str) -> Option<std::path::PathBuf> {
        None
    }
}

/// Five tries within a minute.
fn retries() -> RetryConfig {
    RetryConfig { max_retries: 5, retry_timeout: Duration::from_mins(1), ..RetryConfig::default() }
}

fn open_s3(bucket: &str, s3: S3) -> Result<impl ObjectStore, String> {
    let builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(s3.region)
        .with_credentials(Arc::new(Credentials(s3.keys)))
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // A bucket with object lock takes no write without a checksum, and without this header no
        // checksum.
        .with_checksum_algorithm(Checksum::SHA256)
        .with_client_options(ClientOptions::new().with_default_headers(HeaderMap::from_iter([(
            HeaderName::from_static("x-amz-sdk-checksum-algorithm"),
            HeaderValue::from_static("SHA256"),
        )])))
        .with_allow_http(s3.endpoint.starts_with("http://"))
        .with_endpoint(s3.endpoint)
        .with_retry(retries())
        .with_http_connector(Connector::new()?);
    builder.build().map_err(|error| chain(&error))
}

fn open_google(bucket: &str) -> Result<impl ObjectStore, String> {
    let builder = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(bucket)
        .with_retry(retries())
        .with_http_connector(Connector::new()?);
    builder.build().map_err(|error| {
        format!("{}; name a service account in GOOGLE_SERVICE_ACCOUNT, or log in with gcloud", chain(&error))
    })
}

fn open_azure(container: &str) -> Result<impl ObjectStore, String> {
    let builder = MicrosoftAzureBuilder::from_env()
        .with_container_name(container)
        .with_retry(retries())
        .with_http_connector(Connector::new()?);
    builder.build().map_err(|error| {
        format!(
            "{}; name the storage account in AZURE_STORAGE_ACCOUNT_NAME, and its key or a token in the usual variables",
            chain(&error)
        )
    })
}

#[derive(Debug)]
struct Credentials(Arc<dyn Keys>);

#[async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let keys = self.0.keys().await.map_err(|why| Error::Generic { store: "S3", source: why.into() })?;
        let S3Keys { key_id, secret_key, token } = keys;
        Ok(Arc::new(AwsCredential { key_id, secret_key, token }))
    }
}

/// The program's own HTTP client. The crate's has TLS from a library in C.
#[derive(Debug, Clone)]
struct Connector(Client<HttpRequestBody>);

impl Connector {
    fn new() -> Result<Self, String> {
        Client::new().map(Self)
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let limits = Limits { time: PATIENCE, bytes: usize::MAX };
        let answer = self.0.ask(request, limits).await.map_err(|failed| {
            // A request that may have been sent is not repeated by the crate where that would not be the
            // same.
            let kind = match failed {
                Failed::Connect(_) => HttpErrorKind::Connect,
                Failed::Interrupted(_) | Failed::Body { .. } => HttpErrorKind::Interrupted,
                Failed::Late(_) => HttpErrorKind::Timeout,
            };
            HttpError::new(kind, failed)
        })?;
        Ok(answer.map(HttpResponseBody::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_provider_a_bucket_and_a_prefix() {
        let url = |text| Url::parse(text).map(|url| (url.provider, url.bucket, url.prefix));
        let is = |provider, bucket: &str, prefix: &str| Ok((provider, bucket.to_owned(), prefix.to_owned()));
        assert_eq!(url("s3://acme-drills"), is(Provider::S3, "acme-drills", ""));
        assert_eq!(url("s3://acme-drills/"), is(Provider::S3, "acme-drills", ""));
        assert_eq!(url("gs://acme/dr/2026/"), is(Provider::Google, "acme", "dr/2026"));
        assert_eq!(url("az://drills/dr"), is(Provider::Azure, "drills", "dr"));
        for bad in
            ["s3://", "s3:///x", "ftp://a/b", "acme", "s3://a b", "s3://a/../b", "s3://a/b//c", "s3://a/b?c"]
        {
            assert!(url(bad).is_err(), "{bad}");
        }
    }
}
