//! EC2: networks, snapshots, images, volumes, instances.

mod filters;
pub mod image;
pub mod instance;
pub mod misc;
pub mod network;
pub mod snapshot;
pub mod volume;
pub mod zones;

use aws_sdk_ec2::types::Filter;

use super::At;
use super::tags::{TAG_TOKEN, clean};
use port::TAG_RUN;

pub use filters::{FILTER_VALUES, filter};

/// Returns filters for the resource that an earlier call with the same client token made.
fn made_before(at: &At<'_>) -> Vec<Filter> {
    vec![
        filter(&format!("tag:{TAG_RUN}"), [at.run_tags.run.to_string()]),
        filter(&format!("tag:{TAG_TOKEN}"), [clean(&at.origin.token, 64)]),
    ]
}
