//! Topics of Amazon SNS.

use async_trait::async_trait;

use crate::cli::wire;
use ::aws::{Access, topic as sns_topic};
use ::notify::Topic;
use playbook::model::Account;
use playbook::notify::{self, Sns};

struct OfSdk {
    access: Access,
    region: String,
    topic: String,
}

/// The topic of an entry. Nothing is asked yet. `account` finds an account by its name.
pub fn topic(sns: &Sns, account: &dyn Fn(&str) -> Option<Account>) -> Result<Box<dyn Topic>, String> {
    let region = notify::topic(&sns.topic).map_err(|bad| format!("{bad}: {}", bad.help))?.to_owned();
    let access = match &sns.account {
        None => Access::default(),
        Some(name) => {
            let account =
                account(name).ok_or_else(|| format!("`{}` is none of `accounts`", name.escape_debug()))?;
            wire::access_of(&account, "drillmaster-notify")
        }
    };
    Ok(Box::new(OfSdk { access, region, topic: sns.topic.clone() }))
}

#[async_trait]
impl Topic for OfSdk {
    async fn publish(&self, subject: &str, text: &str) -> Result<(), String> {
        sns_topic::publish(&self.access, &self.region, &self.topic, subject, text).await
    }
}
