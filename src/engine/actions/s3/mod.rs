//! S3: objects copied back, and compared.

pub mod restore;
pub mod verify;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::context::{Context, StepError};
use base::duration::When;
use base::ids::{AccountId, Region};
use playbook::action::BucketRead;
use playbook::expr_value::Expr;

/// A bucket to restore from.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BucketSource {
    pub bucket: String,
    /// The production bucket that this one stands for (its replica, its copy elsewhere); default: what the estate
    /// says, else the bucket itself.
    #[serde(default)]
    pub of: Option<String>,
    /// The versions that were current at this instant; needs a versioned bucket.
    #[serde(default)]
    pub as_of: Option<Expr<When>>,
    /// Only objects whose key starts so.
    #[serde(default)]
    pub prefix: Option<String>,
    /// The name of the account in `accounts` whose credentials read it; default: the sandbox's.
    #[serde(default)]
    pub account: Option<String>,
    /// The bucket's region; default: for a restore where it is found, else the sandbox's.
    #[serde(default)]
    #[schemars(with = "Option<Region>")]
    pub region: Option<Expr<Region>>,
}

impl BucketSource {
    /// The region that is given, where it is known.
    fn known_region(&self) -> Option<Region> {
        self.region.as_ref()?.get().ok().cloned()
    }

    fn read(&self) -> BucketRead {
        BucketRead { name: self.bucket.clone(), region: self.known_region(), account: self.account.clone() }
    }
}

/// What reading a bucket calls; `CopyObject` reads its source as `GetObject` and `GetObjectTagging` do.
const READS: &[&str] = &[
    "s3:GetBucketVersioning",
    "s3:ListObjectsV2",
    "s3:ListObjectVersions",
    "s3:HeadObject",
    "s3:GetObject",
    "s3:GetObjectTagging",
];

fn reader(cx: &Context<'_>, account: Option<&str>) -> Result<AccountId, StepError> {
    match account {
        None => Ok(cx.place().account.clone()),
        Some(name) => {
            cx.accounts.get(name).map(|account| account.id.clone()).ok_or_else(|| {
                StepError::wrong(format!("`{name}` is none of `accounts`"), "name one of them")
            })
        }
    }
}
