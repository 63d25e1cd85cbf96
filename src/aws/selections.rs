//! Asks AWS Backup for the backup plans that may take what a drill restores. Their copies would
//! outlive the drill, with production's data in them.

use aws_sdk_backup::types::{BackupSelection, ConditionParameter, Conditions};

use super::access::Clients;
use super::error::OrCloud;
use base::severity::Severity;
use port::{CloudResult, Place, PreflightFinding, TAG_EXPIRES, TAG_RUN};

/// Returns a finding for the plans in the sandbox's place that may select the run's resources. If
/// AWS Backup could not be asked, a finding says so.
pub async fn findings(clients: &Clients, place: &Place) -> Vec<PreflightFinding> {
    let Place { account, region } = place;
    match selecting(clients).await {
        Ok(plans) if plans.is_empty() => Vec::new(),
        Ok(plans) => vec![PreflightFinding {
            severity: Severity::Medium,
            what: format!(
                "AWS Backup may back up what the drill restores: account {account} has the backup {} in {region}, which selects resources whatever their tags. Teardown names such copies, and does not delete them",
                plans.join(" and the backup ")
            ),
            fix: format!(
                "let the selection leave out what carries the tag `{TAG_RUN}`, or drill in an account without backup plans"
            ),
        }],
        Err(error) => vec![PreflightFinding {
            severity: Severity::Low,
            what: format!(
                "whether a backup plan of account {account} in {region} selects what the drill restores is unknown: {error}"
            ),
            fix: "allow `backup:ListBackupPlans`, `backup:ListBackupSelections` and `backup:GetBackupSelection`"
                .into(),
        }],
    }
}

/// Returns the plans with a selection that may take the run's resources: `plan daily (selection
/// everything)`.
async fn selecting(clients: &Clients) -> CloudResult<Vec<String>> {
    let mut found = Vec::new();
    let mut plans = clients.backup.list_backup_plans().into_paginator().send();
    while let Some(page) = plans.next().await {
        for plan in page.or_cloud("backup:ListBackupPlans")?.backup_plans_list() {
            let Some(id) = plan.backup_plan_id() else { continue };
            let mut selections =
                clients.backup.list_backup_selections().backup_plan_id(id).into_paginator().send();
            while let Some(page) = selections.next().await {
                for one in page.or_cloud("backup:ListBackupSelections")?.backup_selections_list() {
                    let Some(selection) = one.selection_id() else { continue };
                    let asked =
                        clients.backup.get_backup_selection().backup_plan_id(id).selection_id(selection);
                    let answer = asked.send().await.or_cloud("backup:GetBackupSelection")?;
                    if answer.backup_selection().is_some_and(may_select) {
                        let name = plan.backup_plan_name().unwrap_or(id);
                        let selection = one.selection_name().unwrap_or(selection);
                        found.push(format!("plan {name} (selection {selection})"));
                    }
                }
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Returns whether a new resource may be selected that has the tags of a run and no others.
///
/// What `Resources` names must meet all of `Conditions`. `ListOfTags` adds to it (terraform-provider-aws
/// issues 41274 and 49829). A selection without both takes everything (API reference,
/// "`BackupSelection`"). Tags that a template, a playbook or a snapshot gives are not known here.
fn may_select(selection: &BackupSelection) -> bool {
    let arns = selection.resources();
    // A whole ARN means something that exists already. No plan knows the values of a run's tags.
    let by_arn = match arns {
        [] => selection.list_of_tags().is_empty(),
        arns => arns.iter().any(|arn| arn.ends_with('*')),
    };
    let left_out = selection.not_resources().iter().any(|arn| arn == "*");
    by_arn && !left_out && selection.conditions().is_none_or(may_hold)
}

fn may_hold(conditions: &Conditions) -> bool {
    let is_any = |condition: &ConditionParameter| condition.condition_value() == Some("*");
    conditions.string_equals().is_empty()
        && conditions.string_like().iter().all(of_a_run)
        && !conditions.string_not_like().iter().any(|condition| of_a_run(condition) && is_any(condition))
}

/// Whether the condition asks for a tag that a run's resources carry.
fn of_a_run(condition: &ConditionParameter) -> bool {
    let key = condition.condition_key().unwrap_or_default();
    [TAG_RUN, TAG_EXPIRES].contains(&key.strip_prefix("aws:ResourceTag/").unwrap_or(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_backup::types::{Condition, ConditionType};

    fn condition(key: &str, value: &str) -> ConditionParameter {
        ConditionParameter::builder().condition_key(key).condition_value(value).build()
    }

    #[test]
    fn a_selection_takes_what_it_does_not_leave_out() {
        let selection = || BackupSelection::builder().selection_name("s").iam_role_arn("r");
        let conditions = Conditions::builder;
        let prod = || condition("aws:ResourceTag/backup", "daily");
        let tag = Condition::builder().condition_type(ConditionType::Stringequals);
        let tag = tag.condition_key("backup").condition_value("daily").build().unwrap();
        for (may, selection) in [
            (true, selection()),
            (true, selection().resources("*")),
            (true, selection().resources("*").list_of_tags(tag.clone())),
            (false, selection().list_of_tags(tag)),
            (true, selection().resources("arn:aws:rds:*:*:db:*")),
            (false, selection().resources("arn:aws:rds:us-west-2:999988887777:db:orders")),
            (false, selection().resources("*").not_resources("*")),
            (true, selection().resources("*").not_resources("arn:aws:ec2:*:*:volume/*")),
            (false, selection().resources("*").conditions(conditions().string_equals(prod()).build())),
            (true, selection().resources("*").conditions(conditions().string_not_equals(prod()).build())),
            (false, selection().conditions(conditions().string_like(condition("team", "*")).build())),
            (true, selection().conditions(conditions().string_like(condition(TAG_RUN, "*")).build())),
            (false, selection().conditions(conditions().string_not_like(condition(TAG_RUN, "*")).build())),
        ] {
            let selection = selection.build().unwrap();
            assert_eq!(may_select(&selection), may, "{selection:?}");
        }
    }
}
