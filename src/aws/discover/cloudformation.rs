//! CloudFormation: stacks, whether they drifted, and which regions and accounts their templates name.

use aws_sdk_cloudformation::types::StackDriftStatus;

use super::found::{Found, empty_resource};
use super::{Here, Service, listed};
use crate::time::some_time;
use base::duration::When;
use estate::file::Drift;
use estate::mentions;
use port::{CloudResult, TAG_RUN};

pub const SERVICE: Service = Service {
    name: "cloudformation",
    calls: &[
        "cloudformation:DescribeStacks",
        "cloudformation:GetTemplate",
        // IAM asks for it where stacks are described without a name.
        "cloudformation:ListStacks",
    ],
};

const KIND: &str = "cloudformation:stack";

pub async fn read(here: &Here<'_>) -> Found {
    let mut found = Found::default();
    let request = here.clients.cloudformation.describe_stacks();
    let all = listed!(here, "cloudformation:DescribeStacks", stacks, next_token, request);
    let Some(all) = found.take(all) else { return found };
    for stack in all {
        let Some(name) = stack.stack_name() else { continue };
        let mut entry = empty_resource(KIND, name, here.account(), Some(here.region()));
        let pair = |tag: &aws_sdk_cloudformation::types::Tag| {
            Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))
        };
        entry.tags = stack.tags().iter().filter_map(pair).collect();
        // A nested stack is part of another one.
        entry.stack = stack.parent_id().and_then(|id| id.split('/').nth(1)).map(str::to_owned);
        let drift = stack.drift_information();
        entry.drift = drift.and_then(|drift| drift.stack_drift_status()).map(seen);
        entry.drift_checked = drift.and_then(|drift| some_time(drift.last_check_timestamp())).map(When::At);
        if !entry.tags.contains_key(TAG_RUN) {
            let named = named_by_template(here, name).await;
            entry.mentions = found.take(named).unwrap_or_default();
        }
        found.resource(entry, stack.stack_id.clone());
    }
    found.whole(KIND);
    found
}

/// What the last detection of drift saw. None is started here. What CloudFormation could not tell was
/// not checked.
#[expect(clippy::wildcard_enum_match_arm, reason = "the states are the SDK's, and may become more")]
fn seen(status: &StackDriftStatus) -> Drift {
    match status {
        StackDriftStatus::Drifted => Drift::Drifted,
        StackDriftStatus::InSync => Drift::InSync,
        _ => Drift::NotChecked,
    }
}

/// The regions and accounts that the template names. Its text is not kept.
async fn named_by_template(here: &Here<'_>, name: &str) -> CloudResult<Vec<String>> {
    let request = here.clients.cloudformation.get_template().stack_name(name).send();
    let answer = here.call("cloudformation:GetTemplate", request).await?;
    Ok(mentions::in_text(answer.template_body().unwrap_or_default()).into_iter().collect())
}
