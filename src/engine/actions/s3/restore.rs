//! Copies objects of a bucket into a bucket of the sandbox.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{BucketSource, READS, as_of, bucket, bucket_names, reader};
use crate::actions::action::{Action, OF_A_COPY};
use crate::actions::args;
use crate::actions::context::{Context, Outcome, StepError, value};
use base::duration::{Size, When};
use estate::PointKind;
use estate::file::FaultKind;
use event::RestoreSource;
use playbook::action::{ArgProblem, Demands, Output, PointSpec, Prepared, Shape, SourceSpec, SourceWhat};
use playbook::expr::is_template;
use playbook::expr_value::Expr;
use port::{BucketRef, Calibration, CopyObjects, Create, Finding, Progress, Rule, Timed};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreArgs {
    pub from: BucketSource,
    /// A name for the bucket in the sandbox. It is created before T0, and the run makes its real
    /// name unique.
    pub to: String,
    /// Default: false. A restore of no objects fails, unless this is true.
    #[serde(default)]
    pub allow_empty: bool,
}

pub struct Restore;

impl Action for Restore {
    type Args = RestoreArgs;

    const NAME: &'static str = "s3.restore";
    const SUMMARY: &'static str = "Copies the objects of a bucket into a bucket of the sandbox.";
    const OUTPUTS: &'static [Output] = &[
        Output { name: "bucket", doc: "the real name of the bucket in the sandbox", shape: Shape::Text },
        Output { name: "objects", doc: "how many objects were copied", shape: Shape::Number },
        Output { name: "bytes", doc: "their size", shape: Shape::Number },
    ];
    const CALLS: &'static [&'static str] = &[
        "s3:CreateBucket",
        "s3:GetBucketTagging",
        "s3:ListBuckets",
        "s3:CopyObject",
        "s3:PutObject",
        "s3:CreateMultipartUpload",
        "s3:UploadPart",
        "s3:UploadPartCopy",
        "s3:CompleteMultipartUpload",
        "s3:AbortMultipartUpload",
    ];
    const BUCKET_CALLS: &'static [&'static str] = READS;
    // Objects are copied without their ACLs, into a bucket that the run created and closed.
    const MAY_OPEN: bool = false;
    const SIZED_BY: &'static [PointKind] = &[PointKind::S3Replica, PointKind::S3Versions];
    const FAULTS: &'static [FaultKind] = OF_A_COPY;
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::CopyObjects],
        base: Duration::from_secs(5),
        per_gib: Duration::from_secs(4),
        spread: 0.3,
        source: "256 MiB/s, 3,500 writes/s per prefix (m)",
    };
    const PREPARED: &'static [Prepared] = &[Prepared::Bucket];

    fn problems(args: &RestoreArgs) -> Vec<ArgProblem> {
        let from = &args.from;
        let of = from.of.as_deref().unwrap_or_default();
        let mut problems = bucket_names(&[("/from/bucket", &from.bucket), ("/from/of", of)]);
        let to = &args.to;
        let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if is_template(to) || (!to.is_empty() && to.len() <= 30 && to.bytes().all(letters)) {
            return problems;
        }
        problems.push(ArgProblem {
            pointer: "/to".into(),
            message: format!("`{to}` cannot be part of a bucket's name"),
            help: "at most 30 lower-case letters, digits and hyphens".into(),
        });
        problems
    }

    fn source(args: &RestoreArgs) -> Option<SourceSpec> {
        let from = &args.from;
        let point = match &from.as_of {
            Some(Expr::Value(When::At(time))) => PointSpec::At(*time),
            Some(Expr::Value(When::BeforeT0(span))) => PointSpec::BeforeT0(*span),
            Some(Expr::Value(When::AfterT0(_))) | None => PointSpec::Latest,
            Some(Expr::Template(text)) => PointSpec::Id(text.clone()),
        };
        // Only versions show the bucket's content at an instant.
        let kinds = if point == PointSpec::Latest { Self::SIZED_BY } else { &[PointKind::S3Versions][..] };
        let what = SourceWhat::Of { kind: "s3:bucket", name: from.bucket.clone(), point };
        let region = from.known_region();
        let spec = args::restored_from_afar(what, kinds);
        let account = from.account.clone();
        Some(SourceSpec { stands_for: from.of.clone(), region, account, ..spec })
    }

    fn demands(args: &RestoreArgs) -> Demands {
        Demands { bucket: args::known(&args.to), reads: vec![args.from.read()], ..Demands::default() }
    }

    async fn run(cx: &Context<'_>, args: RestoreArgs) -> Result<Outcome, StepError> {
        let source = cx.source()?;
        let real = match cx.sandbox.buckets.get(&args.to) {
            Some(real) => real.clone(),
            // The name was not known before T0. Creating the bucket now needs S3's bucket
            // management, which may be lost.
            None => {
                cx.create_ready("bucket", Create::Bucket { name: cx.name(&args.to), versioned: false })
                    .await?
                    .0
            }
        };
        let as_of = as_of(cx, &args.from)?;
        let copy = CopyObjects {
            from: bucket(
                cx,
                &args.from.bucket,
                reader(cx, args.from.account.as_deref())?,
                value(args.from.region.as_ref())?.unwrap_or_else(|| source.point.region.clone()),
            ),
            to: BucketRef {
                owner: Some(cx.place().account.clone()),
                ..bucket(cx, &real, cx.place().account.clone(), cx.place().region.clone())
            },
            prefix: args.from.prefix.clone().unwrap_or_default(),
            as_of: as_of.map(|_| source.at.unwrap_or(cx.t0)),
            not_after: Some(cx.t0),
            size: source.point.size,
            objects: source.point.objects,
        };
        let progress = |p: Progress| {
            let done = p.of_objects.filter(|of| *of > 0).map(|of| p.objects as f64 / of as f64);
            (cx.progress)(format!("{} objects, {}", p.objects, Size(p.bytes)), done);
        };
        let copied = cx.provisioner.copy_objects(cx.step, cx.attempt, &copy, &progress).await?;
        if copied.objects == 0 && copied.bytes == 0 && !args.allow_empty {
            return Err(StepError::wrong(
                format!("0 objects were copied from {}: nothing was restored", copy.from.name),
                "look into the bucket (on the twin: say how many `objects` it has), or say `allow_empty: true`",
            ));
        }
        let mut outcome = Outcome {
            consistent_at: if source.point.is_copy_of_unknown_lag(args.from.of.as_deref()) {
                None
            } else {
                source.at.map(|at| source.point.data_at(at)).or(copied.newest)
            },
            in_part: !copy.prefix.is_empty(),
            findings: restored_less(&args.from, &copy, copied.left_out, source),
            ..Outcome::default()
        };
        outcome.outputs.insert("bucket".into(), json!(real));
        outcome.outputs.insert("objects".into(), json!(copied.objects));
        outcome.outputs.insert("bytes".into(), json!(copied.bytes));
        Ok(outcome)
    }
}

/// Findings about objects that were left out, or about an unknown lag.
fn restored_less(
    from: &BucketSource,
    copy: &CopyObjects,
    left_out: u64,
    source: &RestoreSource,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = &copy.from.name;
    if source.point.is_copy_of_unknown_lag(from.of.as_deref()) {
        findings.push(Finding::new(
            Rule::LagUnknown,
            source.point.of.to_string(),
            format!(
                "how far {name} lagged behind {} at T0, S3 does not tell: how old its data are is unknown",
                from.of.as_ref().unwrap_or(&source.point.of.name)
            ),
            "let a check with `measures: rpo` return the newest timestamp in what was restored",
        ));
    }
    if left_out > 0 {
        findings.push(Finding::new(
            Rule::ObjectsAfterT0,
            source.point.of.to_string(),
            format!(
                "{} in {name} {} written after T0 and left out; what an object was before it was overwritten, a bucket \
                 without versions does not tell",
                if left_out == 1 { "1 object".to_owned() } else { format!("{left_out} objects") },
                if left_out == 1 { "was" } else { "were" },
            ),
            "keep versions in the bucket that is restored from",
        ));
    }
    if !copy.prefix.is_empty() {
        findings.push(Finding::new(
            Rule::RestoredInPart,
            source.point.of.to_string(),
            format!(
                "only objects of {name} whose key begins with `{}` were restored: that does not cover the bucket",
                copy.prefix
            ),
            "leave `prefix` out, or name as a resource only what is meant to come back",
        ));
    }
    findings
}
