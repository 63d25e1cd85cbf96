//! The roles that services of AWS take for a drill, looked at before T0: AWS Backup to restore and to
//! copy, Lambda for the network interfaces of the probe.

use std::collections::BTreeSet;

use aws_sdk_iam::types::{EvaluationResult, PolicyEvaluationDecisionType};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::access::Clients;
use crate::backup::vault_policy::each;
use crate::error::OrCloud;
use crate::like::is_like;
use crate::pages;
use crate::simulate::doubt;
use base::severity::Severity;
use port::{CloudResult, ErrorKind, Needs, PROBE_ROLE, Place, PreflightFinding, Restorable};

const GET: &str = "iam:GetRole";
const SIMULATE: &str = "iam:SimulatePrincipalPolicy";
/// With these, Lambda keeps a log of each function, in a group that nobody removes (Lambda developer
/// guide, "Sending Lambda function logs to `CloudWatch` Logs").
const LOGS: [&str; 3] = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];

/// What a service does with a role.
#[derive(Clone, Copy)]
enum Does<'a> {
    Restore(&'a BTreeSet<Restorable>),
    /// To this place.
    Copy(&'a Place),
    /// The network interfaces of the probe, in this place.
    Interfaces(&'a Place),
}

impl Does<'_> {
    fn verb(self) -> &'static str {
        match self {
            Self::Restore(_) => "restore",
            Self::Copy(_) => "copy",
            Self::Interfaces(_) => "attach the probe to the sandbox",
        }
    }

    fn service(self) -> &'static str {
        match self {
            Self::Restore(_) | Self::Copy(_) => "AWS Backup",
            Self::Interfaces(_) => "AWS Lambda",
        }
    }

    /// Its name in trust policies.
    fn principal(self) -> &'static str {
        match self {
            Self::Restore(_) | Self::Copy(_) => "backup.amazonaws.com",
            Self::Interfaces(_) => "lambda.amazonaws.com",
        }
    }

    fn policies(self) -> &'static str {
        match self {
            Self::Restore(_) => {
                "attach AWSBackupServiceRolePolicyForRestores (for S3 AWSBackupServiceRolePolicyForS3Restore) to the role"
            }
            Self::Copy(_) => {
                "attach AWSBackupServiceRolePolicyForBackup (for S3 AWSBackupServiceRolePolicyForS3Backup) to the role"
            }
            Self::Interfaces(_) => {
                "attach the policy that `drillmaster iam-policy --for probe` prints to the role"
            }
        }
    }

    /// The actions without which it cannot be done, each with the resource if it is known: a vault like
    /// the one that the run makes, any network interface. AWS Backup uses vaults with the role's own policy
    /// (`AWSBackupServiceRolePolicyForBackup`: `BackupVaultPermissions`, `BackupVaultCopyPermissions`).
    fn needs(self) -> Vec<(BTreeSet<String>, Option<String>)> {
        match self {
            Self::Restore(types) => {
                vec![(types.iter().map(|what| makes(*what).to_owned()).collect(), None)]
            }
            Self::Copy(Place { account, region }) => {
                let partition = region.partition();
                let vault =
                    format!("arn:{partition}:backup:{region}:{account}:backup-vault:dm-00000000-vault");
                let of = |action: &str| BTreeSet::from([action.to_owned()]);
                vec![
                    (of("backup:CopyFromBackupVault"), None),
                    (of("backup:CopyIntoBackupVault"), Some(vault)),
                ]
            }
            Self::Interfaces(Place { account, region }) => {
                let partition = region.partition();
                let interfaces = format!("arn:{partition}:ec2:{region}:{account}:network-interface/*");
                // EC2 describes everything or nothing (Service Authorization Reference).
                let (describe, change): (BTreeSet<String>, _) = PROBE_ROLE
                    .iter()
                    .map(|action| (*action).to_owned())
                    .partition(|action| action.contains(":Describe"));
                vec![(change, Some(interfaces)), (describe, Some("*".to_owned()))]
            }
        }
    }
}

/// Returns a finding for each role that its service cannot use, or of which nobody knows.
pub async fn findings(clients: &Clients, place: &Place, needs: &Needs) -> Vec<PreflightFinding> {
    let restores = needs.restore_roles.iter().map(|(arn, types)| (arn, Does::Restore(types)));
    let copies = needs.copy_roles.iter().map(|(arn, to)| (arn, Does::Copy(to)));
    let mut found = Vec::new();
    let probe = needs.probe_role.iter().map(|arn| (arn, Does::Interfaces(place)));
    for (arn, does) in restores.chain(copies).chain(probe) {
        found.extend(finding(clients, place, arn, does).await);
    }
    found
}

async fn finding(clients: &Clients, place: &Place, arn: &str, does: Does<'_>) -> Option<PreflightFinding> {
    let (verb, service, account) = (does.verb(), does.service(), &place.account);
    // What is not certain is not known.
    let tell = |severity, what: String, fix: &str| {
        let unknown = severity == Severity::Medium;
        Some(PreflightFinding { severity, unknown, what, fix: fix.to_owned() })
    };
    let unknown = |why: String| {
        let what = format!("whether {service} can {verb} with the role {arn} was not proved: {why}");
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
            let what = format!("the role {arn}, with which {service} should {verb}, does not exist");
            let fix = format!("make the role in account {account}, or correct `role` in the playbook");
            return tell(Severity::High, what, &fix);
        }
        Err(error) => return unknown(error.to_string()),
    };
    let principal = does.principal();
    match trust.as_deref().map(|trust| trusts(&decoded(trust), principal)) {
        Some(Some(true)) => {}
        Some(Some(false)) => {
            let what =
                format!("the role {arn} does not trust {principal}, so {service} cannot {verb} with it");
            let fix = format!("let `{principal}` assume the role (`sts:AssumeRole` in its trust policy)");
            return tell(Severity::High, what, &fix);
        }
        Some(None) | None => return unknown("its trust policy cannot be read".to_owned()),
    }
    if let Does::Interfaces(Place { account, region }) = does {
        let partition = region.partition();
        let stream = format!(
            "arn:{partition}:logs:{region}:{account}:log-group:/aws/lambda/dm-00000000-probe:log-stream:0"
        );
        match logs(clients, arn, stream).await {
            Ok(may) if may.is_empty() => {}
            Ok(may) => {
                let logs = may.into_iter().collect::<Vec<_>>().join(", ");
                let what = format!(
                    "the role {arn} may log ({logs}): Lambda would make a log group for each drill, which outlives it"
                );
                let fix = "take the role of `drillmaster iam-policy --for probe`: it may make network interfaces, and nothing else";
                return tell(Severity::High, what, fix);
            }
            Err(error) => return unknown(error.to_string()),
        }
    }
    match refused(clients, arn, does).await {
        Ok(Refused { actions, .. }) if actions.is_empty() => None,
        Ok(Refused { actions, is_certain }) => {
            let actions = actions.into_iter().collect::<Vec<_>>().join(", ");
            let what = format!(
                "account {account} would refuse {actions} to {arn}, which {service} needs to {verb}: IAM says so"
            );
            tell(if is_certain { Severity::High } else { Severity::Medium }, what, does.policies())
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

/// What IAM would refuse to the role.
#[derive(Default)]
struct Refused {
    actions: BTreeSet<String>,
    /// Whether one of them would be refused to the real request, too. A simulation without a resource
    /// does not show it, unless a policy denies the action. One that was told too little does not either.
    is_certain: bool,
}

async fn refused(clients: &Clients, role: &str, does: Does<'_>) -> CloudResult<Refused> {
    let mut refused = Refused::default();
    for (actions, on) in does.needs().into_iter().filter(|(actions, _)| !actions.is_empty()) {
        let is_named = on.is_some();
        for result in simulated(clients, role, actions, on).await? {
            let decision = &result.eval_decision;
            if *decision == PolicyEvaluationDecisionType::Allowed {
                continue;
            }
            let is_certain = is_named || *decision == PolicyEvaluationDecisionType::ExplicitDeny;
            refused.is_certain |= is_certain && doubt(&result, &BTreeSet::new()).is_none();
            refused.actions.insert(result.eval_action_name);
        }
    }
    Ok(refused)
}

/// Which of the actions that log IAM would allow to the role, in a log stream.
async fn logs(clients: &Clients, role: &str, stream: String) -> CloudResult<BTreeSet<String>> {
    let mut may = BTreeSet::new();
    for result in simulated(clients, role, LOGS.map(str::to_owned), Some(stream)).await? {
        if result.eval_decision == PolicyEvaluationDecisionType::Allowed {
            may.insert(result.eval_action_name);
        }
    }
    Ok(may)
}

/// Asks IAM what it would say to the role, for all resources or for one.
async fn simulated(
    clients: &Clients,
    role: &str,
    actions: impl IntoIterator<Item = String>,
    on: Option<String>,
) -> CloudResult<Vec<EvaluationResult>> {
    let request = clients.iam.simulate_principal_policy().policy_source_arn(role);
    let request = request.set_action_names(Some(actions.into_iter().collect()));
    let request = request.set_resource_arns(on.map(|on| vec![on]));
    Ok(pages!(SIMULATE, evaluation_results, request))
}

/// IAM gives policies as in a URL.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Whether a service may assume the role. `None`: the policy is not JSON.
fn trusts(policy: &str, principal: &str) -> Option<bool> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let any = |value: Option<&Value>, fits: &dyn Fn(&str) -> bool| {
        each(value).into_iter().any(|one| one.as_str().is_some_and(fits))
    };
    let allows = |statement: &&Value| {
        let service = statement.get("Principal").and_then(|who| who.get("Service"));
        // IAM takes actions in any case, and with wildcards.
        let is_meant = |action: &str| is_like(&action.to_lowercase(), "sts:assumerole");
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && any(service, &|service| service == principal)
            && any(statement.get("Action"), &is_meant)
    };
    Some(each(policy.get("Statement")).iter().any(allows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_must_trust_its_service() {
        let trusts = |policy: &str| trusts(policy, "backup.amazonaws.com");
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
