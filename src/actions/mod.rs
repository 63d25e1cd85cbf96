//! The actions that steps use, one file per service: what each declares of itself, and what it does.

pub mod args;
pub mod cloudformation;
pub mod command;
pub mod ec2;
pub mod manual;
pub mod rds;
pub mod s3;

use crate::playbook::action::Catalogue;

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
