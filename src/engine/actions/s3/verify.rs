//! Compares objects of a bucket with a manifest or with their source.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{BucketSource, READS, as_of, bucket, bucket_names, reader};
use crate::actions::action::{Action, OF_AN_OUTCOME};
use crate::actions::args;
use crate::actions::context::{Context, Outcome, StepError, value};
use base::duration::Size;
use estate::PointKind;
use estate::file::FaultKind;
use playbook::action::{
    ArgProblem, BucketRead, Demands, FileArg, FileKind, Output, Prepared, Shape, SourceSpec,
};
use playbook::expr::is_template;
use playbook::expr_value::Expr;
use playbook::manifest::{self, Entry};
use port::{Against, Calibration, Finding, ManifestEntry, Progress, Rule, Timed, VerifyObjects};
use yaml::files::Files;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyArgs {
    /// The bucket to check, such as a restore step's `bucket`.
    pub bucket: String,
    /// Compare with this bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<BucketSource>,
    /// Compare with this file of lines `key,size,sha256`. The first line may be that header. The path
    /// is relative to the playbook.
    #[serde(default)]
    pub manifest: Option<String>,
    /// Whether to read every object and compare checksums that Drillmaster computes. Default: true.
    #[serde(default)]
    pub checksums: Option<Expr<bool>>,
    #[serde(default)]
    pub prefix: Option<String>,
    /// Default: false. A comparison of no objects proves nothing and fails, unless this is true.
    #[serde(default)]
    pub allow_empty: bool,
}

pub struct Verify;

impl Action for Verify {
    type Args = VerifyArgs;

    const NAME: &'static str = "s3.verify";
    const SUMMARY: &'static str = "Compares names, sizes and checksums of a restored bucket with a manifest or with the source; fails on any difference.";
    const OUTPUTS: &'static [Output] =
        &[Output { name: "matched", doc: "how many objects are as they should be", shape: Shape::Number }];
    const CALLS: &'static [&'static str] = READS;
    const BUCKET_CALLS: &'static [&'static str] = READS;
    // The action only reads.
    const MAY_OPEN: bool = false;
    const SIZED_BY: &'static [PointKind] = &[PointKind::S3Replica, PointKind::S3Versions];
    const FAULTS: &'static [FaultKind] = OF_AN_OUTCOME;
    const PREPARED: &'static [Prepared] = &[];
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::VerifyObjects],
        base: Duration::from_secs(5),
        per_gib: Duration::from_secs(4),
        spread: 0.3,
        source: "256 MiB/s (m)",
    };
    const FILES: &'static [FileArg] = &[FileArg { name: "manifest", kind: FileKind::Manifest }];

    fn problems(args: &VerifyArgs) -> Vec<ArgProblem> {
        let keys = [("source", args.source.is_some()), ("manifest", args.manifest.is_some())];
        let mut problems = args::exactly_one("", &keys);
        let source = args.source.as_ref().map_or("", |from| &from.bucket);
        problems.extend(bucket_names(&[("/bucket", &args.bucket), ("/source/bucket", source)]));
        problems
    }

    fn source(_args: &VerifyArgs) -> Option<SourceSpec> {
        None
    }

    fn demands(args: &VerifyArgs) -> Demands {
        let mut reads: Vec<BucketRead> = args.source.iter().map(BucketSource::read).collect();
        // An expression names a bucket that a step created, which the action's own calls cover.
        if !is_template(&args.bucket) {
            reads.push(BucketRead { name: args.bucket.clone(), region: None, account: None });
        }
        Demands { reads, ..Demands::default() }
    }

    async fn run(cx: &Context<'_>, args: VerifyArgs) -> Result<Outcome, StepError> {
        let against = match (&args.source, &args.manifest) {
            (Some(from), None) => Against::Bucket {
                bucket: bucket(
                    cx,
                    &from.bucket,
                    reader(cx, from.account.as_deref())?,
                    value(from.region.as_ref())?.unwrap_or_else(|| cx.place().region.clone()),
                ),
                as_of: as_of(cx, from)?,
            },
            (None, Some(path)) => Against::Manifest(manifest(cx.files, path)?),
            _ => return Err(StepError::wrong("it says neither `source` nor `manifest`", "give one of them")),
        };
        let objects = match &against {
            Against::Manifest(entries) => entries.len() as u64,
            Against::Bucket { .. } => 0,
        };
        let verify = VerifyObjects {
            bucket: bucket(cx, &args.bucket, cx.place().account.clone(), cx.place().region.clone()),
            prefix: args.prefix.clone().unwrap_or_default(),
            against,
            not_after: Some(cx.t0),
            checksums: value(args.checksums.as_ref())?.unwrap_or(true),
            size: Size(0),
            objects,
        };
        let progress = |p: Progress| (cx.progress)(format!("{} objects compared", p.objects), None);
        let origin = cx.origin("verify");
        let seen = cx.provisioner.cloud().verify_objects(&origin, &verify, &progress).await?;
        if seen.missing + seen.extra + seen.different > 0 {
            return Err(StepError::failed(format!(
                "{} objects are as they should be, {} are missing, {} are too many, {} differ: {}",
                seen.matched,
                seen.missing,
                seen.extra,
                seen.different,
                seen.examples.join("; ")
            )));
        }
        if seen.matched == 0 && !args.allow_empty {
            return Err(StepError::wrong(
                "it compared nothing: there is no object on either side",
                "look at the bucket and the `prefix`, or say `allow_empty: true`",
            ));
        }
        let mut outcome = Outcome::default();
        if seen.unknown {
            let id = cx.step;
            outcome.findings.push(Finding::new(
                Rule::Assumed,
                id,
                format!("step `{id}` was assumed: the estate does not say what one of the buckets holds"),
                "give the buckets `objects` and `size` in the estate",
            ));
        }
        outcome.outputs.insert("matched".into(), json!(seen.matched));
        Ok(outcome)
    }
}

/// The entries of a manifest. Validation has read it already, unless its name was an expression.
fn manifest(files: &Files, name: &str) -> Result<Vec<ManifestEntry>, StepError> {
    let path = files.path(name);
    let text = files.read(name).map_err(|why| {
        StepError::wrong(
            format!("{} cannot be read: {why}", path.display()),
            "give the manifest's path, relative to the playbook",
        )
    })?;
    let entries = manifest::read(&text).map_err(|line| {
        StepError::wrong(format!("{}:{line}: {}", path.display(), manifest::NO_ENTRY), manifest::FORM)
    })?;
    let entries = entries.into_iter().map(|Entry { key, size, sha256 }| ManifestEntry { key, size, sha256 });
    Ok(entries.collect())
}
