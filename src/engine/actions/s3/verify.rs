//! Compares objects of a bucket with a manifest or with their source.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{BucketSource, READS, as_of, bucket_names, reader};
use crate::actions::action::Action;
use crate::actions::args;
use crate::actions::context::{Context, Outcome, StepError, value};
use base::duration::Size;
use estate::PointKind;
use playbook::action::{
    ArgProblem, BucketRead, Demands, FileArg, FileKind, Output, Prepared, Shape, SourceSpec,
};
use playbook::expr::is_template;
use playbook::expr_value::Expr;
use port::{Against, BucketRef, Calibration, Finding, ManifestEntry, Progress, Rule, Timed, VerifyObjects};
use yaml::files::Files;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyArgs {
    /// The bucket to check, such as a restore step's `bucket`.
    pub bucket: String,
    /// Compare with this bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<BucketSource>,
    /// Compare with this file of lines `key,size,sha256`. The path is relative to the playbook.
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
                bucket: BucketRef {
                    name: from.bucket.clone(),
                    account: reader(cx, from.account.as_deref())?,
                    region: value(from.region.as_ref())?.unwrap_or_else(|| cx.place().region.clone()),
                },
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

/// Parses CSV lines of `key,size,sha256`. The checksum may be empty or left out.
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

/// The entries of a manifest, or the number of the first line that is not one.
fn entries(text: &str) -> Result<Vec<ManifestEntry>, u64> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        // A key may hold a carriage return. At the end of a line it is trimmed.
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

/// The line of the next record. The reader counts comments and empty lines before a record as part
/// of it.
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
    fn a_wrong_line_is_reported_by_its_number() {
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
