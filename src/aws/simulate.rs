//! Asks IAM to simulate whether a role may make the drill's calls. A simulation changes nothing and
//! covers every service.
//!
//! It knows the policies of the role, of its permissions boundary and of the organization. It does
//! not know the policies of buckets and KMS keys.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::access::{Clients, IamReader};
use super::error::OrCloud;
use super::pages;
use super::preflight::listed;
use base::severity::Severity;
use port::grant::LAUNCH;
use port::{CloudResult, ErrorKind, Grant, Permissions, Place, PreflightFinding, Test};

const CALL: &str = "iam:SimulatePrincipalPolicy";
/// The number of simulations at once. IAM throttles early.
const AT_ONCE: usize = 4;

/// What IAM says.
#[derive(Default)]
pub struct Simulated {
    /// `None`: there was nothing to ask.
    pub permissions: Option<Permissions>,
    /// One for the actions that IAM would refuse, and one for those that it may decide differently
    /// about. One if IAM cannot be asked.
    pub findings: Vec<PreflightFinding>,
}

/// Asks about all actions of the grants.
pub async fn ask(
    clients: &Clients,
    place: &Place,
    role: Option<&str>,
    grants: &[Grant],
) -> CloudResult<Simulated> {
    if grants.is_empty() {
        return Ok(Simulated::default());
    }
    let all: BTreeSet<&String> = grants.iter().flat_map(|grant| &grant.actions).collect();
    // What is known if IAM did not answer.
    let unasked = |principal: Option<&str>, why: &str| Permissions {
        principal: principal.map(str::to_owned),
        unknown: all.iter().map(|action| ((*action).clone(), why.to_owned())).collect(),
        ..Permissions::default()
    };
    let principal = match role {
        Some(role) => Some(role.to_owned()),
        None => principal(clients).await?,
    };
    let Some(principal) = principal else {
        let why =
            "no policies can be simulated for these credentials (an account's root user, or a federated one)";
        return Ok(Simulated { permissions: Some(unasked(None, why)), findings: vec![unproven(place, why)] });
    };
    let keys = grants.iter().flat_map(|grant| grant.conditions.keys().map(|(_, key)| key.as_str()));
    let told: BTreeSet<String> =
        keys.chain(LAUNCH.iter().map(|(key, _)| *key)).map(str::to_lowercase).collect();
    let asked =
        grants.iter().flat_map(|grant| grant.contexts().into_iter().map(move |context| (grant, context)));
    let answers: CloudResult<Vec<Vec<Refusal>>> = stream::iter(asked)
        .map(|(grant, context)| refusals(&clients.iam, &principal, grant, context, &told))
        .buffered(AT_ONCE)
        .try_collect()
        .await;
    let refused = match answers {
        Ok(refused) => refused,
        // These errors would fail every other call too.
        Err(e) if matches!(e.kind, ErrorKind::Credentials | ErrorKind::Lost | ErrorKind::Network) => {
            return Err(e);
        }
        // The missing permission is reported like any other: `drillmaster iam-policy` lists it.
        Err(e) if e.kind == ErrorKind::Forbidden => {
            let refused = BTreeMap::from([(CALL.to_owned(), BTreeSet::from([e.to_string()]))]);
            let mut permissions = unasked(Some(&principal), "IAM may not be asked about it");
            permissions.unknown.remove(CALL);
            permissions.denied.insert(CALL.to_owned(), e.to_string());
            let findings = denied(place, &principal, &refused, false).into_iter().collect();
            return Ok(Simulated { permissions: Some(permissions), findings });
        }
        Err(e) => {
            let why = e.to_string();
            return Ok(Simulated {
                permissions: Some(unasked(Some(&principal), &why)),
                findings: vec![unproven(place, &why)],
            });
        }
    };
    let mut by_action: BTreeMap<String, (BTreeSet<String>, bool)> = BTreeMap::new();
    for refusal in refused.into_iter().flatten() {
        let (how, doubtful) = by_action.entry(refusal.action).or_insert_with(|| (BTreeSet::new(), true));
        how.insert(refusal.how);
        *doubtful &= refusal.doubtful;
    }
    let (mut certain, mut doubted) = (Refused::new(), Refused::new());
    for (action, (how, doubtful)) in by_action {
        if doubtful { &mut doubted } else { &mut certain }.insert(action, how);
    }
    let findings = [denied(place, &principal, &certain, false), denied(place, &principal, &doubted, true)];
    let told = |refused: Refused| -> BTreeMap<String, String> {
        refused.into_iter().map(|(action, how)| (action, shown(&how))).collect()
    };
    let (denied, unknown) = (told(certain), told(doubted));
    let is_open = |action: &&&String| !denied.contains_key(**action) && !unknown.contains_key(**action);
    let allowed = all.iter().filter(is_open).map(|action| (*action).clone()).collect();
    let permissions = Some(Permissions { principal: Some(principal), allowed, denied, unknown });
    Ok(Simulated { permissions, findings: findings.into_iter().flatten().collect() })
}

/// On which resources IAM refuses, and why, by action.
type Refused = BTreeMap<String, BTreeSet<String>>;

/// Returns the principal of the current credentials, for playbooks that name no role. `None` for a
/// principal without policies to simulate.
async fn principal(clients: &Clients) -> CloudResult<Option<String>> {
    let answer = clients.sts.get_caller_identity().send().await.or_cloud("sts:GetCallerIdentity")?;
    Ok(answer.arn.as_deref().and_then(principal_of))
}

/// Converts the ARN of a role's session to the role's ARN. A session's ARN lacks the role's path. A
/// user's ARN stays as it is.
fn principal_of(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, _, account, rest] = parts.as_slice() else { return None };
    match (*service, rest.split('/').collect::<Vec<_>>().as_slice()) {
        // AWS IAM Identity Center creates its roles under a path that contains a region. The
        // session's ARN does not show it.
        ("sts", ["assumed-role", role, ..]) if !role.starts_with("AWSReservedSSO_") => {
            Some(format!("arn:{partition}:iam::{account}:role/{role}"))
        }
        ("iam", ["user", ..]) => Some(arn.to_owned()),
        _ => None,
    }
}

struct Refusal {
    action: String,
    how: String,
    /// Whether IAM may decide differently about the real request.
    doubtful: bool,
}

/// Returns why IAM may decide differently about the real request, which carries more context than
/// the simulation.
///
/// `told`: the context keys that the drill's own permissions use. The simulation has all of them.
pub fn doubt(result: &EvaluationResult, told: &BTreeSet<String>) -> Option<&'static str> {
    let organization = result.organizations_decision_detail();
    if organization.is_some_and(|detail| !detail.allowed_by_organizations()) {
        return Some(
            "a policy of the organization refuses it, which may be for want of what only the request tells",
        );
    }
    if result.missing_context_values().iter().any(|key| !told.contains(&key.to_lowercase())) {
        return Some("a condition asks for what only the request tells");
    }
    // The KMS key's own policy may allow what the role's policy does not.
    result.eval_action_name.starts_with("kms:").then_some("the key's own policy is not seen")
}

async fn refusals(
    iam: &IamReader,
    principal: &str,
    grant: &Grant,
    context: Vec<(String, String)>,
    told: &BTreeSet<String>,
) -> CloudResult<Vec<Refusal>> {
    let shown: Vec<String> = context.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    let entry = |key: String, value: String, kind| {
        let entry = ContextEntry::builder().context_key_name(key).context_key_values(value);
        entry.context_key_type(kind).build()
    };
    let launch = LAUNCH.into_iter().filter(|_| grant.actions.contains("ec2:RunInstances"));
    let launch = launch.map(|(key, value)| {
        let kind = if value == "false" { ContextKeyTypeEnum::Boolean } else { ContextKeyTypeEnum::String };
        entry(key.to_owned(), value.to_owned(), kind)
    });
    let entries = context.into_iter().map(|(key, value)| {
        let several =
            grant.conditions.keys().any(|(test, k)| *test == Test::ForAnyValueStringEquals && *k == key);
        let kind = if several { ContextKeyTypeEnum::StringList } else { ContextKeyTypeEnum::String };
        entry(key, value, kind)
    });
    let entries = entries.chain(launch);
    let request = iam
        .simulate_principal_policy()
        .policy_source_arn(principal)
        .set_action_names(Some(grant.actions.iter().cloned().collect()))
        .set_resource_arns(Some(grant.examples()))
        .set_context_entries(Some(entries.collect()));
    let results = pages!(CALL, evaluation_results, request);
    let mut refusals = Vec::new();
    for result in &results {
        let doubt = doubt(result, told);
        for on in refused_on(result) {
            let with = if shown.is_empty() { String::new() } else { format!(" with {}", shown.join(", ")) };
            let why = doubt.map(|why| format!(", but {why}")).unwrap_or_default();
            refusals.push(Refusal {
                action: result.eval_action_name.clone(),
                how: format!("{on}{with}{why}"),
                doubtful: doubt.is_some(),
            });
        }
    }
    // An action without an answer counts as refused.
    let answered: BTreeSet<&str> = results.iter().map(|r| r.eval_action_name.as_str()).collect();
    for action in grant.actions.iter().filter(|action| !answered.contains(action.as_str())) {
        let how = "the simulation says nothing of it".to_owned();
        refusals.push(Refusal { action: action.clone(), how, doubtful: false });
    }
    Ok(refusals)
}

/// Returns the resources on which IAM would refuse the action, each with the reason.
fn refused_on(result: &EvaluationResult) -> Vec<String> {
    let allowed = PolicyEvaluationDecisionType::Allowed;
    let mut refused: Vec<String> = result
        .resource_specific_results()
        .iter()
        .filter(|one| one.eval_resource_decision != allowed)
        .map(|one| format!("{} ({})", one.eval_resource_name, one.eval_resource_decision.as_str()))
        .collect();
    if refused.is_empty() && result.eval_decision != allowed {
        let on = result.eval_resource_name().unwrap_or("*");
        refused.push(format!("{on} ({})", result.eval_decision.as_str()));
    }
    refused
}

/// The first reasons. All of them would fill screens.
fn shown(how: &BTreeSet<String>) -> String {
    how.iter().map(String::as_str).take(3).collect::<Vec<_>>().join("; ")
}

/// One finding for all these actions. It shows what IAM says about the first one.
fn denied(place: &Place, principal: &str, refused: &Refused, doubtful: bool) -> Option<PreflightFinding> {
    let (first, how) = refused.iter().next()?;
    let of = if refused.len() > 1 { format!("{first} on ") } else { String::new() };
    let actions = listed(refused.keys());
    Some(PreflightFinding {
        severity: if doubtful { Severity::Medium } else { Severity::High },
        unknown: false,
        what: format!(
            "account {} would refuse {actions} to {principal}: IAM says so of {of}{}",
            place.account,
            shown(how)
        ),
        fix: format!(
            "allow {} in the role's own policy (the simulation sees no policies of buckets and keys): `drillmaster iam-policy` prints all that the playbook needs",
            if refused.len() > 1 { "these actions".to_owned() } else { format!("`{first}`") }
        ),
    })
}

fn unproven(place: &Place, why: &str) -> PreflightFinding {
    PreflightFinding {
        severity: Severity::Medium,
        unknown: false,
        what: format!(
            "whether account {} allows all that the drill calls could not be proved: {why}",
            place.account
        ),
        fix: format!("allow `{CALL}` on the role itself, as the policy of `drillmaster iam-policy` does"),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::{EvaluationResult, OrganizationsDecisionDetail, PolicyEvaluationDecisionType};

    use super::{BTreeSet, Refused, Severity, denied, doubt, principal_of};

    #[test]
    fn many_refusals_are_one_finding_that_fits_on_one_screen() {
        let place =
            port::Place { account: "999988887777".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        let on = "arn:aws:rds:us-west-2:999988887777:db:drillmaster-example (implicitDeny)".to_owned();
        let actions = (10..35).map(|n| format!("rds:RestoreDBInstanceFromSnapshot{n}"));
        let refused: Refused = actions.map(|action| (action, BTreeSet::from([on.clone()]))).collect();
        let principal = "arn:aws:iam::999988887777:role/drillmaster";
        let found = denied(&place, principal, &refused, false).unwrap();
        assert_eq!(found.severity, Severity::High);
        assert!(refused.keys().all(|action| found.what.contains(action)), "{}", found.what);
        assert!(found.what.len() + found.fix.len() < 80 * 20, "{}", found.what);
        assert_eq!(denied(&place, principal, &Refused::new(), true), None);
    }

    #[test]
    fn a_simulation_that_was_told_too_little_proves_nothing() {
        let told = BTreeSet::from(["aws:requesttag/drillmaster:run".to_owned()]);
        let refused = |action: &str| {
            let result = EvaluationResult::builder().eval_action_name(action);
            result.eval_decision(PolicyEvaluationDecisionType::ImplicitDeny)
        };
        assert_eq!(doubt(&refused("ec2:RunInstances").build().unwrap(), &told), None);
        let result = refused("ec2:RunInstances").missing_context_values("aws:RequestTag/drillmaster:run");
        assert_eq!(doubt(&result.build().unwrap(), &told), None);
        let organization = OrganizationsDecisionDetail::builder().allowed_by_organizations(false).build();
        let result = refused("ec2:RunInstances").organizations_decision_detail(organization);
        assert!(doubt(&result.build().unwrap(), &told).unwrap().contains("organization"));
        let result = refused("ec2:RunInstances").missing_context_values("ec2:InstanceType");
        assert!(doubt(&result.build().unwrap(), &told).unwrap().contains("condition"));
        assert!(doubt(&refused("kms:CreateGrant").build().unwrap(), &told).unwrap().contains("key"));
    }

    #[test]
    fn sessions_are_simulated_as_their_roles() {
        let role = "arn:aws-us-gov:iam::999988887777:role/drillmaster";
        assert_eq!(
            principal_of("arn:aws-us-gov:sts::999988887777:assumed-role/drillmaster/run-1").as_deref(),
            Some(role)
        );
        let user = "arn:aws:iam::999988887777:user/ops/ann";
        assert_eq!(principal_of(user).as_deref(), Some(user));
        for none in [
            "arn:aws:iam::999988887777:root",
            "arn:aws:sts::999988887777:federated-user/ann",
            "arn:aws:sts::999988887777:assumed-role/AWSReservedSSO_Admin_0123/ann",
            "",
        ] {
            assert_eq!(principal_of(none), None, "{none}");
        }
    }
}
