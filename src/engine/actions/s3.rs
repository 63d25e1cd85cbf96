//! S3: objects copied back, and compared.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::context::{Context, Outcome, StepError, decode, value};
use super::{Action, args};
use base::duration::{Size, When};
use base::ids::{AccountId, Region};
use base::severity::Severity;
use estate::PointKind;
use event::RestoreSource;
use playbook::action::{ActionDecl, ArgProblem, Demands, Output, PointSpec, Shape, SourceWhat};
use playbook::expr::is_template;
use playbook::expr_value::Expr;
use port::{Against, BucketRef, CopyObjects, Create, Finding, ManifestEntry, Progress, VerifyObjects};
use yaml::files::Files;

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
    /// The bucket's region; default: for a restore where it is found, else the sandbox's.
    #[serde(default)]
    pub region: Option<Region>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreArgs {
    pub from: BucketSource,
    /// A name for the bucket in the sandbox; the real one is made unique by the run. It is created before T0.
    pub to: String,
    /// Default: false. A restore of no object at all has failed, unless the bucket is meant to be empty.
    #[serde(default)]
    pub allow_empty: bool,
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

pub const RESTORE: Action = Action {
    decl: ActionDecl {
        name: "s3.restore",
        summary: "Copies the objects of a bucket into a bucket of the sandbox.",
        args: |g| g.subschema_for::<RestoreArgs>(),
        check: |args| {
            let to = args.pointer("/to").and_then(|v| v.as_str()).unwrap_or("x");
            let fits = is_template(to)
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
        secrets: &[],
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
            Some(args::restored_from_afar(what, kinds))
        },
        demands: |args| Demands { bucket: args::text(args, "/to"), ..Demands::default() },
        calls: &[
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
        ],
        bucket_calls: READS,
        sized_by: &[PointKind::S3Replica, PointKind::S3Versions],
    },
    run: |cx, args| Box::pin(restore(cx, args)),
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
    /// Default: false. A comparison of no object at all shows nothing, and has failed.
    #[serde(default)]
    pub allow_empty: bool,
}

pub const VERIFY: Action = Action {
    decl: ActionDecl {
        name: "s3.verify",
        summary: "Compares names, sizes and checksums of a restored bucket with a manifest or with the source; fails on any difference.",
        args: |g| g.subschema_for::<VerifyArgs>(),
        check: |args| args::exactly_one(args, "", &["source", "manifest"]),
        secrets: &[],
        outputs: &[Output {
            name: "matched",
            doc: "how many objects are as they should be",
            shape: Shape::Number,
        }],
        source: |_| None,
        demands: |args| Demands { file: args::text(args, "/manifest"), ..Demands::default() },
        calls: READS,
        bucket_calls: READS,
        sized_by: &[PointKind::S3Replica, PointKind::S3Versions],
    },
    run: |cx, args| Box::pin(verify(cx, args)),
};

pub async fn restore(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let args: RestoreArgs = decode(args)?;
    let source = cx.source()?;
    let real = match cx.sandbox.buckets.get(&args.to) {
        Some(real) => real.clone(),
        // Its name was known only now. After T0 this needs S3's bucket management, which may be lost.
        None => cx.create_ready("bucket", Create::Bucket { name: cx.name(&args.to) }).await?.0,
    };
    let as_of = value(args.from.as_of.as_ref())?;
    let copy = CopyObjects {
        from: BucketRef {
            name: args.from.bucket.clone(),
            account: reader(cx, args.from.account.as_deref())?,
            region: args.from.region.clone().unwrap_or_else(|| source.point.region.clone()),
        },
        to: BucketRef {
            name: real.clone(),
            account: cx.place().account.clone(),
            region: cx.place().region.clone(),
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
        consistent_at: if is_copy_of_unknown_lag(&args.from, source) {
            None
        } else {
            source.at.or(copied.newest)
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

/// How far a bucket lags behind the one that it stands for, S3 does not tell. Its objects do not either: a replica's carry the
/// time of the original (S3 user guide, "What does Amazon S3 replicate?"), also where they came after T0, and those of another
/// copy that of the copying. Its versions tell only what it held itself. An estate knows, and says since when the point was usable.
fn is_copy_of_unknown_lag(from: &BucketSource, source: &RestoreSource) -> bool {
    let named = from.of.as_ref().is_some_and(|of| *of != from.bucket);
    let is_copy = named || source.point.of.name != from.bucket;
    is_copy && source.point.usable.is_none()
}

/// What a restore left out, or could not tell, for the report.
fn restored_less(
    from: &BucketSource,
    copy: &CopyObjects,
    left_out: u64,
    source: &RestoreSource,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let bucket = &copy.from.name;
    if is_copy_of_unknown_lag(from, source) {
        findings.push(Finding {
            rule: "lag-unknown".into(),
            severity: Severity::Medium,
            resource: source.point.of.to_string(),
            message: format!(
                "how far {bucket} lagged behind {} at T0, S3 does not tell: how old its data are is unknown",
                from.of.as_ref().unwrap_or(&source.point.of.name)
            ),
            fix: "let a check with `measures: rpo` return the newest timestamp in what was restored".into(),
        });
    }
    if left_out > 0 {
        findings.push(Finding {
            rule: "objects-after-t0".into(),
            severity: Severity::Medium,
            resource: source.point.of.to_string(),
            message: format!(
                "{} in {bucket} {} written after T0 and left out; what an object was before it was overwritten, a bucket \
                 without versions does not tell",
                if left_out == 1 { "1 object".to_owned() } else { format!("{left_out} objects") },
                if left_out == 1 { "was" } else { "were" },
            ),
            fix: "keep versions in the bucket that is restored from".into(),
        });
    }
    if !copy.prefix.is_empty() {
        findings.push(Finding {
            rule: "restored-in-part".into(),
            severity: Severity::Medium,
            resource: source.point.of.to_string(),
            message: format!(
                "only objects of {bucket} whose key begins with `{}` were restored: that does not cover the bucket",
                copy.prefix
            ),
            fix: "leave `prefix` out, or name as a resource only what is meant to come back".into(),
        });
    }
    findings
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

pub async fn verify(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let args: VerifyArgs = decode(args)?;
    let against = match (&args.source, &args.manifest) {
        (Some(from), None) => Against::Bucket {
            bucket: BucketRef {
                name: from.bucket.clone(),
                account: reader(cx, from.account.as_deref())?,
                region: from.region.clone().unwrap_or_else(|| cx.place().region.clone()),
            },
            as_of: match value(from.as_of.as_ref())? {
                Some(When::At(time)) => Some(time),
                Some(_) => {
                    return Err(StepError::wrong("`as_of` must be a timestamp here", "write it as RFC 3339"));
                }
                None => None,
            },
        },
        (None, Some(path)) => Against::Manifest(manifest(cx.files, path)?),
        _ => return Err(StepError::wrong("it says neither `source` nor `manifest`", "give one of them")),
    };
    let objects = match &against {
        Against::Manifest(entries) => entries.len() as u64,
        Against::Bucket { .. } => 0,
    };
    let verify = VerifyObjects {
        bucket: BucketRef {
            name: args.bucket.clone(),
            account: cx.place().account.clone(),
            region: cx.place().region.clone(),
        },
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
    outcome.outputs.insert("matched".into(), json!(seen.matched));
    Ok(outcome)
}

/// Lines of `key,size,sha256`, as CSV; the checksum may be empty or left out.
fn manifest(files: &Files, name: &str) -> Result<Vec<ManifestEntry>, StepError> {
    let path = files.path(name);
    let text = files.read(name).map_err(|why| {
        StepError::wrong(
            format!("{} cannot be read: {why}", path.display()),
            "give the manifest's path, relative to the playbook",
        )
    })?;
    let bad = |line: u64| {
        StepError::wrong(
            format!("{}:{line}: this is not `key,size,sha256`", path.display()),
            "write a key, its size in bytes, and the SHA-256 in hexadecimal or nothing",
        )
    };
    entries(&text).map_err(bad)
}

/// The entries of a manifest, or the number of the first line that is none.
fn entries(text: &str) -> Result<Vec<ManifestEntry>, u64> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        // A key may hold a carriage return; at the end of a line it is trimmed away.
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(text.as_bytes());
    let mut entries = Vec::new();
    let mut record = csv::StringRecord::new();
    loop {
        let before = reader.position().clone();
        match reader.read_record(&mut record) {
            Ok(true) if record.len() == 1 && record[0].trim().is_empty() => {}
            Ok(true) => entries.push(entry(&record).ok_or_else(|| line_after(text, &before))?),
            Ok(false) => return Ok(entries),
            Err(_) => return Err(line_after(text, &before)),
        }
    }
}

fn entry(record: &csv::StringRecord) -> Option<ManifestEntry> {
    let (key, size, sha256) = match record.iter().collect::<Vec<_>>()[..] {
        [key, size] => (key, size, ""),
        [key, size, sha256] => (key, size, sha256),
        _ => return None,
    };
    let sha256 = Some(sha256.trim().to_ascii_lowercase()).filter(|s| !s.is_empty());
    if sha256.as_ref().is_some_and(|s| s.len() != 64 || !s.bytes().all(|b| b.is_ascii_hexdigit())) {
        return None;
    }
    Some(ManifestEntry { key: key.to_owned(), size: size.trim().parse().ok()?, sha256 })
}

/// The line of the record that is read next. The reader counts the comments and empty lines before
/// a record among the record's own.
fn line_after(text: &str, position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte()).ok().and_then(|at| text.get(at..)).unwrap_or_default();
    let skipped = rest.split('\n').take_while(|line| line.is_empty() || line.starts_with('#'));
    position.line() + skipped.count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_read_as_csv() {
        let sum = "AB".repeat(32);
        let text = format!(
            "# key,size,sha256\n\n  \na,5,{sum}\r\nlogs/x, 6 \n\r\n\"b,\"\"c\"\"\",7,\n\"# d\",8\n# e\nf\"g,9,"
        );
        let read = entries(&text).unwrap();
        let read: Vec<_> = read.iter().map(|e| (e.key.as_str(), e.size, e.sha256.as_deref())).collect();
        let lower = sum.to_ascii_lowercase();
        let expected = [
            ("a", 5, Some(lower.as_str())),
            ("logs/x", 6, None),
            ("b,\"c\"", 7, None),
            ("# d", 8, None),
            ("f\"g", 9, None),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_no_entry_is_told_by_its_line() {
        let long = format!("a,1,{}", "0".repeat(63));
        for (text, line) in [
            ("a", 1),
            ("# c\n\n# d\na,1\n\n  \n# e\nb,many", 8),
            ("a,1\nb,2,xyz\nc,3", 2),
            ("a,1,,", 1),
            ("a,-1", 1),
            ("a,1\r\n\r\nb,", 3),
            ("a,1\n\"b,2\nc,3", 2),
            (long.as_str(), 1),
        ] {
            assert_eq!(entries(text), Err(line), "{text}");
        }
        assert_eq!(entries("# nothing\n"), Ok(Vec::new()));
    }
}
