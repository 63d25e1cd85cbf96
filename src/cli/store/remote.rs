//! Stores in buckets.

use std::sync::Arc;

use async_trait::async_trait;

use crate::cli::configuration::account_of;
use crate::cli::wire;
use crate::config::UserConfig;
use ::aws::object_store::BucketAccess;
use base::duration::{Span, human_seconds};
use history::Store;
use history::remote::{Bucket, Keys, Provider, S3, S3Keys, Url};

/// Opens the bucket of a URL. Nothing of it is read yet.
pub fn open(text: &str, config: &UserConfig) -> Result<Store, String> {
    let url = Url::parse(text)?;
    let runtime = wire::runtime()?;
    let s3 = match url.provider {
        Provider::S3 => {
            let access = Arc::new(runtime.block_on(BucketAccess::new(&access(config)?))?);
            if let Some(wanted) = config.store_lock {
                let found = runtime.block_on(access.retention(&url.bucket)).map_err(|error| {
                    format!("{text}: {error}; check the name of the bucket and the permissions")
                })?;
                must_lock(text, wanted, found)?;
            }
            let (region, endpoint) = (access.region(), access.endpoint());
            Some(S3 { region, endpoint, keys: Arc::new(OfSdk(access)) })
        }
        Provider::Google | Provider::Azure if config.store_lock.is_some() => {
            return Err(format!(
                "{text}: `store_lock` can be checked for S3 alone: leave it out, and set a policy on the bucket"
            ));
        }
        Provider::Google | Provider::Azure => None,
    };
    Ok(Store::new(Arc::new(Bucket::open(&url, s3, runtime)?)))
}

/// The way into the account of the store.
fn access(config: &UserConfig) -> Result<::aws::Access, String> {
    let Some(name) = &config.store_account else { return Ok(::aws::Access::default()) };
    let account = config.accounts.get(name).ok_or_else(|| {
        format!(
            "`store_account` names {}, which is no account of `accounts` in the configuration",
            name.escape_debug()
        )
    })?;
    Ok(wire::access_of(&account_of(account), "drillmaster-store"))
}

fn must_lock(place: &str, wanted: Span, found: Option<::aws::object_store::Retention>) -> Result<(), String> {
    const DAY_S: f64 = 86_400.0;
    let told = match found {
        Some(found) if f64::from(found.days) * DAY_S >= wanted.as_secs_f64() => return Ok(()),
        Some(found) => format!("its default retention is {} days", found.days),
        None => "it has no default retention".to_owned(),
    };
    Err(format!(
        "{place}: the bucket does not lock what is put there for {} (`store_lock`): {told}; set object lock's default \
         retention on the bucket",
        human_seconds(wanted.as_secs_f64())
    ))
}

/// Credentials as the SDK finds and renews them.
#[derive(Debug)]
struct OfSdk(Arc<BucketAccess>);

#[async_trait]
impl Keys for OfSdk {
    async fn keys(&self) -> Result<S3Keys, String> {
        let ::aws::object_store::Keys { key_id, secret_key, token } = self.0.keys().await?;
        Ok(S3Keys { key_id, secret_key, token })
    }
}
