//! Copies by AWS Backup that could not begin. What is wrong is known before T0, and not when the step is
//! due.

use super::{Engine, Stop};
use crate::actions::KEY_HELP;

impl Engine {
    /// Stops a drill with such a copy.
    pub(super) fn copies_that_cannot_begin(&self) -> Option<Stop> {
        let plan = &self.plan;
        let surviving = plan.surviving_accounts();
        for (node, work) in plan.steps() {
            let Some(copy) = &work.demands.copy else { continue };
            let stop = |why: String, help: &str| {
                let error = format!("step `{}` cannot copy: {why}", node.id);
                Some(Stop::Aborted { error, help: Some(help.to_owned()) })
            };
            let Some(from) = &copy.from else {
                return stop(
                    format!("its role `{}` is known only during the run", copy.role),
                    "let `role` be known before T0: the vault in the sandbox admits only its account",
                );
            };
            // A copy from what is lost is denied when its step is due, so that the report shows it.
            if plan.loss.account() == Some(from) {
                continue;
            }
            if !surviving.contains(from) {
                return stop(
                    format!("its role belongs to account {from}, which is none of the playbook's"),
                    "add the account to `accounts`, with a way in: the copy job is started there",
                );
            }
            if let Some(why) = self.config.protected.why_not_copied(from) {
                return stop(why, "to allow it, add the account to `copy_from` of that file");
            }
            if copy.needs_key && *from != plan.sandbox_account {
                return stop(format!("it copies from account {from} without a key"), KEY_HELP);
            }
        }
        None
    }
}
