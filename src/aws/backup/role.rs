//! The role that AWS Backup restores with, looked at before T0.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::PolicyEvaluationDecisionType;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::vault_policy::each;
use crate::access::Clients;
use crate::error::OrCloud;
use crate::like::is_like;
use crate::pages;
use base::severity::Severity;
use port::{CloudResult, ErrorKind, Place, PreflightFinding, Restorable};

const GET: &str = "iam:GetRole";
const SIMULATE: &str = "iam:SimulatePrincipalPolicy";
const SERVICE: &str = "backup.amazonaws.com";
const POLICIES: &str = "attach AWSBackupServiceRolePolicyForRestores (for S3 AWSBackupServiceRolePolicyForS3Restore) to the role";

/// Returns a finding for each role that AWS Backup cannot restore with, or of which nobody knows.
pub async fn findings(
    clients: &Clients,
    place: &Place,
    roles: &BTreeMap<String, BTreeSet<Restorable>>,
) -> Vec<PreflightFinding> {
    let mut found = Vec::new();
    for (arn, restores) in roles {
        found.extend(finding(clients, place, arn, restores).await);
    }
    found
}

async fn finding(
    clients: &Clients,
    place: &Place,
    arn: &str,
    restores: &BTreeSet<Restorable>,
) -> Option<PreflightFinding> {
    let tell =
        |severity, what: String, fix: &str| Some(PreflightFinding { severity, what, fix: fix.to_owned() });
    let unknown = |why: String| {
        let what = format!("whether AWS Backup can restore with the role {arn} was not proved: {why}");
        tell(
            Severity::Medium,
            what,
            "allow `iam:GetRole` and `iam:SimulatePrincipalPolicy` on it: `drillmaster iam-policy` prints both",
        )
    };
    let name = arn.rsplit('/').next().unwrap_or(arn);
    let trust = match clients.iam.get_role().role_name(name).send().await.or_cloud(GET) {
        Ok(answer) => answer.role.and_then(|role| role.assume_role_policy_document),
        Err(error) if error.kind == ErrorKind::NotFound => {
            let what = format!("the role {arn}, with which AWS Backup should restore, does not exist");
            return tell(
                Severity::High,
                what,
                "make the role in the sandbox's account, or correct `role` in the playbook",
            );
        }
        Err(error) => return unknown(error.to_string()),
    };
    match trust.as_deref().map(|trust| trusts(&decoded(trust))) {
        Some(Some(true)) => {}
        Some(Some(false)) => {
            let what =
                format!("the role {arn} does not trust {SERVICE}, so AWS Backup cannot restore with it");
            return tell(
                Severity::High,
                what,
                "let `backup.amazonaws.com` assume the role (`sts:AssumeRole` in its trust policy)",
            );
        }
        Some(None) | None => return unknown("its trust policy cannot be read".to_owned()),
    }
    match refused(clients, arn, restores).await {
        Ok(refused) if refused.is_empty() => None,
        Ok(refused) => {
            let refused = refused.into_iter().collect::<Vec<_>>().join(", ");
            let what = format!(
                "account {} would refuse {refused} to {arn}, with which AWS Backup restores: IAM says so",
                place.account
            );
            tell(Severity::Medium, what, POLICIES)
        }
        Err(error) => unknown(error.to_string()),
    }
}

/// The action without which AWS Backup cannot make what a restore makes.
fn makes(what: Restorable) -> &'static str {
    match what {
        Restorable::Database => "rds:RestoreDBInstanceFromDBSnapshot",
        Restorable::Cluster | Restorable::DocumentDb | Restorable::Neptune => {
            "rds:RestoreDBClusterFromSnapshot"
        }
        Restorable::Instance => "ec2:RunInstances",
        Restorable::Volume => "ec2:CreateVolume",
        Restorable::FileSystem => "elasticfilesystem:CreateFilesystem",
        Restorable::Table => "dynamodb:RestoreTableFromAwsBackup",
        Restorable::Bucket => "s3:PutObject",
    }
}

/// The actions that IAM would refuse to the role.
async fn refused(
    clients: &Clients,
    role: &str,
    restores: &BTreeSet<Restorable>,
) -> CloudResult<BTreeSet<String>> {
    let actions: BTreeSet<String> = restores.iter().map(|what| makes(*what).to_owned()).collect();
    if actions.is_empty() {
        return Ok(actions);
    }
    let request = clients.iam.simulate_principal_policy().policy_source_arn(role);
    let request = request.set_action_names(Some(actions.into_iter().collect()));
    let results = pages!(SIMULATE, evaluation_results, request);
    let is_refused =
        |decision: &PolicyEvaluationDecisionType| *decision != PolicyEvaluationDecisionType::Allowed;
    Ok(results
        .into_iter()
        .filter(|one| is_refused(&one.eval_decision))
        .map(|one| one.eval_action_name)
        .collect())
}

/// IAM gives policies as in a URL.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Whether AWS Backup may assume the role. `None`: the policy is not JSON.
fn trusts(policy: &str) -> Option<bool> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let any = |value: Option<&Value>, fits: &dyn Fn(&str) -> bool| {
        each(value).into_iter().any(|one| one.as_str().is_some_and(fits))
    };
    let allows = |statement: &&Value| {
        let service = statement.get("Principal").and_then(|who| who.get("Service"));
        // IAM takes actions in any case, and with wildcards.
        let is_meant = |action: &str| is_like(&action.to_lowercase(), "sts:assumerole");
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && any(service, &|service| service == SERVICE)
            && any(statement.get("Action"), &is_meant)
    };
    Some(each(policy.get("Statement")).iter().any(allows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_must_trust_aws_backup() {
        let policy = |who: &str| {
            format!(
                r#"{{ "Statement": [{{ "Effect": "Allow", "Principal": {who}, "Action": "sts:AssumeRole" }}] }}"#
            )
        };
        assert_eq!(trusts(&policy(r#"{ "Service": "backup.amazonaws.com" }"#)), Some(true));
        assert_eq!(
            trusts(&policy(r#"{ "Service": ["ec2.amazonaws.com", "backup.amazonaws.com"] }"#)),
            Some(true)
        );
        assert_eq!(trusts(&policy(r#"{ "Service": "ec2.amazonaws.com" }"#)), Some(false));
        for (action, does) in [("STS:AssumeRole", true), ("sts:Assume*", true), ("sts:TagSession", false)] {
            let policy = policy(r#"{ "Service": "backup.amazonaws.com" }"#).replace("sts:AssumeRole", action);
            assert_eq!(trusts(&policy), Some(does), "{action}");
        }
        assert_eq!(trusts(&policy(r#"{ "AWS": "*" }"#)), Some(false));
        assert_eq!(trusts("no JSON"), None);
        assert_eq!(decoded("%7B%22a%22%3A%201%7D%"), "{\"a\": 1}%");
    }
}
