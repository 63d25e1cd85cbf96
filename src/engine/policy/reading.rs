//! The smallest policy that lets `discover` read an account.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Document, split};
use super::grants::{Statement, in_regions};
use base::ids::Region;
use port::{Conditions, Grant};

/// The calls whose action has another name. S3 user guide, "Required permissions for Amazon S3 API
/// operations".
const ACTIONS: [(&str, &str); 5] = [
    ("s3:GetBucketEncryption", "s3:GetEncryptionConfiguration"),
    ("s3:GetBucketReplication", "s3:GetReplicationConfiguration"),
    ("s3:GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration"),
    ("s3:HeadBucket", "s3:ListBucket"),
    ("s3:ListBuckets", "s3:ListAllMyBuckets"),
];

/// Where an action has resources, which ones. ARNs are without `arn:PARTITION:`. Every other action
/// lists, and has none.
///
/// Source: the Service Authorization Reference, "Resource types" of each action.
const ON: [(&str, &[&str]); 48] = [
    ("acm:DescribeCertificate", &["acm:*:*:certificate/*"]),
    ("acm:ListTagsForCertificate", &["acm:*:*:certificate/*"]),
    ("apigateway:GET", &["apigateway:*::/*"]),
    ("backup:GetBackupSelection", &["backup:*:*:backup-plan:*"]),
    ("backup:GetBackupVaultAccessPolicy", &["backup:*:*:backup-vault:*"]),
    ("backup:ListBackupSelections", &["backup:*:*:backup-plan:*"]),
    ("backup:ListRecoveryPointsByBackupVault", &["backup:*:*:backup-vault:*"]),
    ("backup:ListTags", &["backup:*:*:backup-plan:*", "backup:*:*:backup-vault:*"]),
    ("cloudformation:GetTemplate", &["cloudformation:*:*:stack/*"]),
    ("cognito-idp:DescribeUserPool", &["cognito-idp:*:*:userpool/*"]),
    ("cognito-idp:GetUserPoolMfaConfig", &["cognito-idp:*:*:userpool/*"]),
    ("dynamodb:DescribeBackup", &["dynamodb:*:*:table/*/backup/*"]),
    ("dynamodb:DescribeContinuousBackups", &["dynamodb:*:*:table/*"]),
    ("dynamodb:DescribeTable", &["dynamodb:*:*:table/*"]),
    ("dynamodb:ListTagsOfResource", &["dynamodb:*:*:table/*"]),
    ("ecr:GetLifecyclePolicy", &["ecr:*:*:repository/*"]),
    ("ecr:GetRepositoryPolicy", &["ecr:*:*:repository/*"]),
    ("ecr:ListTagsForResource", &["ecr:*:*:repository/*"]),
    ("eks:DescribeCluster", &["eks:*:*:cluster/*"]),
    ("eks:DescribeNodegroup", &["eks:*:*:nodegroup/*"]),
    ("eks:ListNodegroups", &["eks:*:*:cluster/*"]),
    ("events:DescribeEventBus", &["events:*:*:event-bus/*"]),
    ("events:DescribeRule", &["events:*:*:rule/*"]),
    ("events:ListTagsForResource", &["events:*:*:event-bus/*", "events:*:*:rule/*"]),
    ("events:ListTargetsByRule", &["events:*:*:rule/*"]),
    ("iam:ListAccessKeys", &["iam::*:user/*"]),
    ("kafka:DescribeCluster", &["kafka:*:*:cluster/*"]),
    ("kinesis:DescribeStreamSummary", &["kinesis:*:*:stream/*"]),
    ("kinesis:ListTagsForStream", &["kinesis:*:*:stream/*"]),
    ("kms:DescribeKey", &["kms:*:*:key/*"]),
    ("kms:GetKeyPolicy", &["kms:*:*:key/*"]),
    ("kms:GetKeyRotationStatus", &["kms:*:*:key/*"]),
    ("kms:ListResourceTags", &["kms:*:*:key/*"]),
    ("lambda:GetFunction", &["lambda:*:*:function:*"]),
    ("lambda:GetRuntimeManagementConfig", &["lambda:*:*:function:*"]),
    ("route53:ListResourceRecordSets", &["route53:::hostedzone/*"]),
    ("s3:GetBucketObjectLockConfiguration", &["s3:::*"]),
    ("s3:GetBucketPolicy", &["s3:::*"]),
    ("s3:GetBucketTagging", &["s3:::*"]),
    ("s3:GetBucketVersioning", &["s3:::*"]),
    ("s3:GetEncryptionConfiguration", &["s3:::*"]),
    ("s3:GetReplicationConfiguration", &["s3:::*"]),
    ("s3:ListBucket", &["s3:::*"]),
    ("secretsmanager:DescribeSecret", &["secretsmanager:*:*:secret:*"]),
    ("servicequotas:GetServiceQuota", &["servicequotas:*:*:*"]),
    ("sns:ListSubscriptionsByTopic", &["sns:*:*:*"]),
    ("sqs:GetQueueAttributes", &["sqs:*:*:*"]),
    ("states:DescribeStateMachine", &["states:*:*:stateMachine:*"]),
];

/// Services without regions. A condition on the region would refuse all of their requests.
const GLOBAL: [&str; 4] = ["cloudfront:", "iam:", "route53:", "s3:ListAllMyBuckets"];

/// The policy for these calls, in as many documents as its length requires. No regions: all of them.
pub fn reading(calls: &BTreeSet<&str>, regions: &BTreeSet<Region>) -> Vec<Document> {
    let partition = regions.first().map_or("aws", |region| region.partition());
    let mut groups: BTreeMap<(String, BTreeSet<String>, Conditions), BTreeSet<String>> = BTreeMap::new();
    for call in calls {
        let action = ACTIONS.iter().find(|(name, _)| name == call).map_or(*call, |(_, action)| action);
        let on = ON.iter().find(|(name, _)| *name == action).map(|(_, on)| *on);
        let arns = |on: &[&str]| on.iter().map(|on| format!("arn:{partition}:{on}")).collect();
        let resources = on.map_or_else(|| BTreeSet::from(["*".to_owned()]), arns);
        let is_global = GLOBAL.iter().any(|begins| action.starts_with(begins));
        // Cloud Control asks for global types in one region, which may be none of these.
        let is_anywhere = is_global || action.starts_with("cloudformation:");
        let conditions =
            if regions.is_empty() || is_anywhere { Conditions::new() } else { in_regions(regions) };
        let service = if resources.contains("*") { String::new() } else { service(action) };
        groups.entry((service, resources, conditions)).or_default().insert(action.to_owned());
    }
    let statements: Vec<Statement> = groups
        .into_iter()
        .map(|((_, resources, conditions), actions)| Statement {
            purpose: "Read",
            grant: Grant { actions, resources, conditions },
        })
        .collect();
    split(&statements)
}

fn service(action: &str) -> String {
    action.split(':').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_on_their_resources_and_in_their_regions() {
        let calls = BTreeSet::from([
            "dynamodb:DescribeTable",
            "ec2:DescribeVolumes",
            "iam:ListRoles",
            "s3:HeadBucket",
        ]);
        let regions = BTreeSet::from(["cn-north-1".parse().unwrap()]);
        let documents = reading(&calls, &regions);
        let statements = documents[0].json["Statement"].as_array().unwrap();
        let of = |action: &str| {
            let named = |s: &&serde_json::Value| s["Action"].to_string().contains(action);
            statements.iter().find(named).unwrap()
        };
        assert_eq!(of("DescribeTable")["Resource"], "arn:aws-cn:dynamodb:*:*:table/*");
        assert_eq!(of("DescribeVolumes")["Resource"], "*");
        assert!(of("DescribeVolumes").get("Condition").is_some());
        assert!(of("iam:ListRoles").get("Condition").is_none());
        assert_eq!(of("s3:ListBucket")["Resource"], "arn:aws-cn:s3:::*");
    }
}
