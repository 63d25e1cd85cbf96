//! Asks AWS Backup for the backup plans that may take what a drill restores. Their copies would
//! outlive the drill, with production's data in them.

use std::collections::BTreeMap;

use super::access::Clients;
use super::error::OrCloud;
use super::selection::{Candidate, Selected, Selection};
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
            unknown: false,
            what: format!(
                "AWS Backup may back up what the drill restores: account {account} has the backup {} in {region}, which selects resources whatever their tags. Teardown names such copies, and does not delete them",
                plans.join(" and the backup ")
            ),
            fix: format!(
                "let the selection leave out what carries the tag `{TAG_RUN}`, or drill in an account without backup plans"
            ),
        }],
        Err(error) => vec![PreflightFinding {
            severity: Severity::Medium,
            unknown: true,
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
                    let selected =
                        answer.backup_selection().map(|one| Selection::of(one).selects(&restored()));
                    if selected.is_some_and(|selected| selected != Selected::No) {
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

/// What a drill restores, before it does: the tags of a run and no others. Tags that a template, a
/// playbook or a snapshot gives are not known here.
fn restored() -> Candidate<'static> {
    Candidate { arn: None, tags: BTreeMap::from([(TAG_RUN, None), (TAG_EXPIRES, None)]) }
}
