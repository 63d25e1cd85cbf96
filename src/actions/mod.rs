//! The actions that steps use, one file per service: what each declares of itself, and what it does.

pub mod args;
pub mod cloudformation;
pub mod command;
pub mod context;
pub mod ec2;
pub mod manual;
pub mod rds;
pub mod s3;

use serde_json::Value;

use crate::playbook::action::Catalogue;
use context::{Context, Outcome, StepError};

/// Every action, in the order in which help and schema list them.
pub const CATALOGUE: Catalogue = Catalogue(&[
    &ec2::COPY_SNAPSHOT,
    &ec2::COPY_IMAGE,
    &ec2::RESTORE_VOLUME,
    &ec2::LAUNCH,
    &ec2::IMPORT_KEY_PAIR,
    &ec2::ALLOCATE_ADDRESS,
    &rds::COPY_SNAPSHOT,
    &rds::RESTORE,
    &rds::RESTORE_TO_TIME,
    &rds::RESTORE_CLUSTER,
    &rds::PROMOTE_REPLICA,
    &s3::RESTORE,
    &s3::VERIFY,
    &cloudformation::DEPLOY,
    &command::RUN,
    &manual::TASK,
]);

/// Does what `uses` says, once. Arguments are rendered already.
pub async fn run(uses: &str, cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    match uses {
        "ec2.copy_snapshot" => ec2::copy_snapshot(cx, args).await,
        "ec2.copy_image" => ec2::copy_image(cx, args).await,
        "ec2.restore_volume" => ec2::restore_volume(cx, args).await,
        "ec2.launch" => ec2::launch(cx, args).await,
        "ec2.import_key_pair" => ec2::import_key_pair(cx, args).await,
        "ec2.allocate_address" => ec2::allocate_address(cx, args).await,
        "rds.copy_snapshot" => rds::copy_snapshot(cx, args).await,
        "rds.restore" => rds::restore(cx, args).await,
        "rds.restore_to_time" => rds::restore_to_time(cx, args).await,
        "rds.restore_cluster" => rds::restore_cluster(cx, args).await,
        "rds.promote_replica" => rds::promote_replica(cx, args).await,
        "s3.restore" => s3::restore(cx, args).await,
        "s3.verify" => s3::verify(cx, args).await,
        "cloudformation.deploy" => cloudformation::deploy(cx, args).await,
        "command.run" => command::run(cx, args).await,
        "manual.task" => manual::run(cx, args).await,
        other => Err(StepError::wrong(format!("`{other}` is no action"), "run `drillmaster validate`")),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_action_of_the_catalogue_is_dispatched() {
        let source = include_str!("mod.rs");
        for action in super::CATALOGUE.0 {
            assert!(source.contains(&format!("\"{}\" =>", action.name)), "{}", action.name);
        }
    }
}
