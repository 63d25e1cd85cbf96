//! Stores in buckets.

#[cfg(feature = "aws")]
mod s3;

use std::sync::Arc;

use crate::cli::wire;
use crate::config::UserConfig;
use base::duration::Span;
use history::Store;
use history::remote::{Bucket, Provider, Url};

/// Who puts objects into a bucket of S3, and what the bucket has to do with them.
#[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "only S3 has accounts of AWS"))]
struct Terms<'a> {
    /// The key of the configuration that names an account.
    key: &'static str,
    account: Option<&'a String>,
    lock: Option<Span>,
}

/// Opens the bucket of a store. Nothing of it is read yet.
pub fn open(text: &str, config: &UserConfig) -> Result<Store, String> {
    let account = config.store_account.as_ref();
    bucket(text, config, &Terms { key: "store_account", account, lock: config.store_lock })
}

/// Opens the bucket that evidence is handed over to. Nothing of it is read yet.
pub fn open_archive(text: &str, config: &UserConfig) -> Result<Store, String> {
    let account = config.evidence.account.as_ref();
    bucket(text, config, &Terms { key: "evidence.account", account, lock: None })
}

fn bucket(text: &str, config: &UserConfig, terms: &Terms<'_>) -> Result<Store, String> {
    let url = Url::parse(text)?;
    let runtime = wire::runtime()?;
    let s3 = match url.provider {
        Provider::S3 => Some(s3::access(text, &url.bucket, config, terms, &runtime)?),
        Provider::Google | Provider::Azure if terms.lock.is_some() => {
            return Err(format!(
                "{text}: `store_lock` can be checked for S3 alone: leave it out, and set a policy on the bucket"
            ));
        }
        Provider::Google | Provider::Azure => None,
    };
    Ok(Store::new(Arc::new(Bucket::open(&url, s3, runtime)?)))
}

#[cfg(not(feature = "aws"))]
mod s3 {
    use history::remote::S3;

    pub fn access(
        _: &str,
        _: &str,
        _: &crate::config::UserConfig,
        _: &super::Terms<'_>,
        _: &tokio::runtime::Runtime,
    ) -> Result<S3, String> {
        Err(crate::cli::wire::WITHOUT_AWS.to_owned())
    }
}
