//! S3: objects copied back, and compared.

use schemars::JsonSchema;
use serde::Deserialize;

use super::args;
use crate::duration::When;
use crate::estate::PointKind;
use crate::ids::Region;
use crate::playbook::action::{ActionDecl, ArgProblem, Output, PointSpec, Shape, SourceWhat};
use crate::playbook::expr_value::Expr;

/// A bucket to restore from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
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
    /// The bucket's region; default: what the estate says, else the sandbox's.
    #[serde(default)]
    pub region: Option<Region>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreArgs {
    pub from: BucketSource,
    /// A name for the bucket in the sandbox; the real one is made unique by the run. It is created before T0.
    pub to: String,
}

pub const RESTORE: ActionDecl = ActionDecl {
    name: "s3.restore",
    summary: "Copies the objects of a bucket into a bucket of the sandbox.",
    args: |g| g.subschema_for::<RestoreArgs>(),
    check: |args| {
        let to = args.pointer("/to").and_then(|v| v.as_str()).unwrap_or("x");
        let fits = to.contains("{{")
            || (!to.is_empty()
                && to.len() <= 30
                && to.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
        if fits {
            return Vec::new();
        }
        vec![ArgProblem {
            pointer: "/to".into(),
            message: format!("`{to}` cannot be part of a bucket's name"),
            help: "at most 30 lower-case letters, digits and hyphens".into(),
        }]
    },
    outputs: &[
        Output { name: "bucket", doc: "the real name of the bucket in the sandbox", shape: Shape::Text },
        Output { name: "objects", doc: "how many objects were copied", shape: Shape::Number },
        Output { name: "bytes", doc: "their size", shape: Shape::Number },
    ],
    source: |args| {
        let RestoreArgs { from, .. } = args::lenient(args)?;
        let point = match from.as_of.as_ref().and_then(|w| w.get().ok()) {
            Some(When::At(time)) => PointSpec::At(*time),
            Some(When::BeforeT0(span)) => PointSpec::BeforeT0(*span),
            _ => PointSpec::Latest,
        };
        let kinds = [PointKind::S3Replica, PointKind::S3Versions];
        let kinds = if point == PointSpec::Latest { &kinds[..] } else { &kinds[1..] };
        let what = SourceWhat::Of { kind: "s3:bucket", name: from.bucket, point };
        Some(args::source(what, kinds, true, true))
    },
    calls: &["s3:ListObjectsV2", "s3:ListObjectVersions", "s3:GetObject", "s3:PutObject", "s3:CopyObject"],
};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyArgs {
    /// The bucket to look at, such as a restore step's `bucket`.
    pub bucket: String,
    /// Compare with this bucket.
    #[serde(default)]
    pub source: Option<BucketSource>,
    /// Compare with this file (path relative to the playbook): lines of `key,size,sha256`.
    #[serde(default)]
    pub manifest: Option<String>,
    /// Read every object and compare checksums computed on our side; default: true.
    #[serde(default)]
    pub checksums: Option<Expr<bool>>,
    #[serde(default)]
    pub prefix: Option<String>,
}

pub const VERIFY: ActionDecl = ActionDecl {
    name: "s3.verify",
    summary: "Compares names, sizes and checksums of a restored bucket with a manifest or with the source; fails on any difference.",
    args: |g| g.subschema_for::<VerifyArgs>(),
    check: |args| args::exactly_one(args, "", &["source", "manifest"]),
    outputs: &[Output {
        name: "matched",
        doc: "how many objects are as they should be",
        shape: Shape::Number,
    }],
    source: |_| None,
    calls: &["s3:ListObjectsV2", "s3:GetObject"],
};
