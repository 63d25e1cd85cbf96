//! S3: restores and compares objects.

pub mod restore;
pub mod verify;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::context::{Context, StepError, value};
use base::duration::{Time, When};
use base::ids::{AccountId, Region};
use estate::bucket;
use playbook::action::{ArgProblem, BucketRead};
use playbook::expr_value::Expr;
use port::BucketRef;

/// A bucket to restore from.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BucketSource {
    pub bucket: String,
    /// The production bucket that this bucket is a replica or other copy of. Default: the estate's
    /// value, otherwise the bucket itself.
    #[serde(default)]
    pub of: Option<String>,
    /// Use the versions that were current at this instant. Needs a versioned bucket.
    #[serde(default)]
    pub as_of: Option<Expr<When>>,
    /// Only objects whose key begins with this prefix.
    #[serde(default)]
    pub prefix: Option<String>,
    /// The name of the account in `accounts` whose credentials read the bucket. Default: the
    /// sandbox's.
    #[serde(default)]
    pub account: Option<String>,
    /// The bucket's region. Default: for a restore, where the bucket is found, otherwise the
    /// sandbox's.
    #[serde(default)]
    #[schemars(with = "Option<Region>")]
    pub region: Option<Expr<Region>>,
}

impl BucketSource {
    /// The given region, if it is known before the run.
    fn known_region(&self) -> Option<Region> {
        self.region.as_ref()?.get().ok().cloned()
    }

    fn read(&self) -> BucketRead {
        BucketRead { name: self.bucket.clone(), region: self.known_region(), account: self.account.clone() }
    }
}

/// Refuses ARNs where names of buckets belong: the SDK follows them elsewhere.
fn bucket_names(named: &[(&str, &str)]) -> Vec<ArgProblem> {
    let wrong = named.iter().filter_map(|(pointer, name)| Some((pointer, bucket::check(name).err()?)));
    wrong
        .map(|(pointer, bad)| ArgProblem {
            pointer: (*pointer).to_owned(),
            message: bad.message,
            help: bad.help,
        })
        .collect()
}

/// The calls for reading a bucket. `CopyObject` reads its source like `GetObject` and
/// `GetObjectTagging`.
const READS: &[&str] = &[
    "s3:GetBucketVersioning",
    "s3:ListObjectsV2",
    "s3:ListObjectVersions",
    "s3:HeadObject",
    "s3:GetObject",
    "s3:GetObjectTagging",
];

/// The instant of `as_of`. It cannot lie after T0: the objects were not written yet.
fn as_of(cx: &Context<'_>, from: &BucketSource) -> Result<Option<Time>, StepError> {
    let at = value(from.as_of.as_ref())?.map(|when| when.resolve(cx.t0));
    match at {
        Some(at) if at > cx.t0 => Err(StepError::after_t0(at, cx.t0)),
        at => Ok(at),
    }
}

/// A bucket that may be named in the playbook, or is an output of a step.
fn bucket(cx: &Context<'_>, name: &str, account: AccountId, region: Region) -> BucketRef {
    let made_here = cx.sandbox.buckets.values().any(|real| real == name);
    let owner = if made_here { Some(cx.place().account.clone()) } else { (cx.bucket_owner)(name, &account) };
    BucketRef { name: name.to_owned(), account, region, owner }
}

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
