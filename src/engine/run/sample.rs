//! Looks at some objects of the buckets that steps restore from. Objects in a lost zone, or under a
//! lost key, would fail their copy only during the recovery.

use super::Engine;
use estate::RecoveryPoint;
use estate::point::Sample;
use port::{BucketRef, Finding, PointQuery, Rule};

impl Engine {
    /// Adds to each surviving bucket what some of its objects are like, and reports what was looked
    /// at. Buckets of another provider have no zones and keys of AWS.
    pub(super) async fn sample_buckets(&self, query: &PointQuery, points: &mut [RecoveryPoint]) {
        let reader = match query {
            PointQuery::Of { reader, .. } => reader.as_ref(),
            PointQuery::Id { .. } => None,
        };
        let loss = &self.plan.loss;
        // These credentials copy the objects.
        let account = reader.unwrap_or(&self.plan.sandbox_account);
        if loss.account() == Some(account) {
            return;
        }
        let buckets = points.iter_mut().filter(|p| {
            p.kind.resource_kind() == "s3:bucket" && !p.elsewhere && p.sample.is_none() && p.survives(loss)
        });
        for point in buckets {
            let bucket = BucketRef {
                name: point.id.clone(),
                account: account.clone(),
                region: point.region.clone(),
                owner: Some(point.account.clone()),
            };
            let sample = match self.cloud.sample_objects(&bucket).await {
                Ok(Some(sample)) => sample,
                Ok(None) => continue,
                Err(error) => Sample { unread: Some(error.to_string()), ..Sample::default() },
            };
            if let Some(finding) = told(&point.id, &sample) {
                self.report(finding);
            }
            point.sample = Some(sample);
        }
    }
}

fn told(bucket: &str, sample: &Sample) -> Option<Finding> {
    let looked = sample.told();
    let finding = |message: String, fix: &str| {
        Some(Finding::new(Rule::ObjectsSampled, format!("s3:bucket/{bucket}"), message, fix))
    };
    if let Some(why) = &sample.unread {
        return finding(
            format!("the keys of {looked} of {bucket} were read, and no more: {why}"),
            "let the role that copies read the objects (s3:ListBucket, s3:GetObject)",
        );
    }
    if sample.archived > 0 {
        return finding(
            format!(
                "{} of the {} objects of {bucket} that were listed are archived: S3 copies none of them before it has restored it",
                sample.archived, sample.listed
            ),
            "restore them (`aws s3api restore-object`) before a drill, or restore from a bucket with another storage class",
        );
    }
    if sample.listed == 0 {
        return None;
    }
    let classes = if sample.more { "the first" } else { "all" };
    Some(
        Finding::new(
            Rule::ObjectsSampled,
            format!("s3:bucket/{bucket}"),
            format!(
                "the keys of {looked} of {bucket} were read before they are copied, and the storage classes of {classes} {}: the others may lie in a lost zone or under a lost key",
                sample.listed
            ),
            "nothing has to be done: the copy reads each object, and fails with those that are lost",
        )
        .graded(base::severity::Severity::Low),
    )
}
