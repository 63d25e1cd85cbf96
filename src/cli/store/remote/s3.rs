//! Buckets of S3: credentials, region and endpoint as the SDK finds them.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Runtime;

use super::Terms;
use crate::cli::configuration::account_of;
use crate::cli::wire;
use crate::config::UserConfig;
use ::aws::object_store::BucketAccess;
use base::duration::{Span, human_seconds};
use history::remote::{Keys, S3, S3Keys};

/// How the bucket of a URL is reached. Whether it locks what is put there is asked, if that is wanted.
pub fn access(
    text: &str,
    bucket: &str,
    config: &UserConfig,
    terms: &Terms<'_>,
    runtime: &Runtime,
) -> Result<S3, String> {
    let access = account(config, terms)?;
    let access = Arc::new(runtime.block_on(BucketAccess::new(&access, terms.key))?);
    if let Some(wanted) = terms.lock {
        let found = runtime
            .block_on(access.retention(bucket))
            .map_err(|error| format!("{text}: {error}; check the name of the bucket and the permissions"))?;
        must_lock(text, wanted, found)?;
    }
    let (region, endpoint) = (access.region(), runtime.block_on(access.endpoint())?);
    Ok(S3 { region, endpoint, keys: Arc::new(OfSdk(access)) })
}

/// The way into the account that the configuration names.
fn account(config: &UserConfig, terms: &Terms<'_>) -> Result<::aws::Access, String> {
    let Some(name) = terms.account else { return Ok(::aws::Access::default()) };
    let account = config.accounts.get(name).ok_or_else(|| {
        format!(
            "`{}` names {}, which is no account of `accounts` in the configuration",
            terms.key,
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
