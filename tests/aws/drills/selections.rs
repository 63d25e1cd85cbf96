//! A backup plan that would take what the drill restores is told before T0.

use aws::sdk::aws_sdk_backup::types::ConditionType;
use aws::sdk::aws_sdk_backup::types::{BackupPlanInput, BackupRuleInput, BackupSelection, Condition};

use super::closet::Closet;
use support::peers::{Answer, HttpTarget};

async fn plan(closet: &Closet, name: &str, selection: BackupSelection) {
    let backup = &closet.raw.backup;
    let rule =
        BackupRuleInput::builder().rule_name("daily").target_backup_vault_name("Default").build().unwrap();
    let plan = BackupPlanInput::builder().backup_plan_name(name).rules(rule).build().unwrap();
    let made = backup.create_backup_plan().backup_plan(plan).send().await.unwrap();
    let select = backup.create_backup_selection().backup_plan_id(made.backup_plan_id().unwrap());
    select.backup_selection(selection).send().await.unwrap();
}

#[tokio::test]
async fn a_backup_plan_that_may_take_what_is_restored_is_a_finding() {
    let closet = Closet::open(0.2).await;
    let web = HttpTarget::start(Answer::status(200));
    let selection = || BackupSelection::builder().iam_role_arn("arn:aws:iam::999988887777:role/backup");
    let tag = Condition::builder().condition_type(ConditionType::Stringequals);
    let tag = tag.condition_key("backup").condition_value("daily").build().unwrap();
    let tagged = selection().selection_name("tagged").list_of_tags(tag).build().unwrap();
    plan(&closet, "by-tag", tagged).await;
    let all = selection().selection_name("everything").resources("*").build().unwrap();
    plan(&closet, "nightly", all).await;
    let done = closet.drill("planned", &web.url("/")).run();
    done.ends(0, "passed");
    let findings = done.report["findings"].as_array().unwrap();
    let told = |words: &str| findings.iter().any(|f| f["message"].as_str().unwrap().contains(words));
    assert!(told("the backup plan nightly (selection everything)"), "{}", done.told());
    assert!(!told("by-tag"), "{}", done.told());
}
