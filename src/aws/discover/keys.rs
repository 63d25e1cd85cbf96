//! The ages of access keys, and whether the root user has any. The keys themselves are not read.

use super::Here;
use super::found::Found;
use crate::time::some_time;
use base::duration::When;
use estate::discovered::What;
use port::CloudResult;

pub const CALLS: &[&str] = &["iam:GetAccountSummary", "iam:ListAccessKeys"];

const USER: &str = "iam:user";

/// Tells of each user that was found when its active keys were made, and of the account whether its
/// root user has keys.
pub async fn read(here: &Here<'_>, found: &mut Found) {
    let mut resources = std::mem::take(&mut found.resources);
    for resource in resources.iter_mut().filter(|resource| resource.entry.id.kind == USER) {
        match found.take(made(here, &resource.entry.id.name).await) {
            Some(made) => resource.entry.access_keys_made = made,
            // Nobody knows whether the keys that were known are still there.
            None => {
                found.whole.remove(&What::Resources(USER.to_owned()));
            }
        }
    }
    found.resources = resources;
    let root = root(here).await;
    if let Some(Some(root)) = found.take(root) {
        found.root_keys.push((here.account().clone(), root));
    }
}

async fn made(here: &Here<'_>, user: &str) -> CloudResult<Vec<When>> {
    let (mut all, mut marker) = (Vec::new(), None);
    loop {
        let request = here.clients.iam.list_access_keys().user_name(user).set_marker(marker);
        let answer = here.call("iam:ListAccessKeys", request.send()).await?;
        let active = answer.access_key_metadata.into_iter().filter(|key| {
            key.status.as_ref().is_some_and(|status| *status == aws_sdk_iam::types::StatusType::Active)
        });
        all.extend(active.filter_map(|key| some_time(key.create_date.as_ref())).map(When::At));
        marker = answer.marker.filter(|_| answer.is_truncated);
        if marker.is_none() {
            return Ok(all);
        }
    }
}

/// `None`: AWS does not say.
async fn root(here: &Here<'_>) -> CloudResult<Option<bool>> {
    let answer = here.call("iam:GetAccountSummary", here.clients.iam.get_account_summary().send()).await?;
    let summary = answer.summary_map.unwrap_or_default();
    let key = aws_sdk_iam::types::SummaryKeyType::AccountAccessKeysPresent;
    Ok(summary.get(&key).map(|keys| *keys > 0))
}
