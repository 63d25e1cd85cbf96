//! EC2: networks, snapshots, images, volumes, instances.

pub mod image;
pub mod instance;
pub mod misc;
pub mod network;
pub mod snapshot;
pub mod volume;

use aws_sdk_ec2::types::Filter;

use super::At;
use super::tags::{TAG_TOKEN, clean};
use port::TAG_RUN;

/// EC2 takes at most 200 values in a filter.
pub const FILTER_VALUES: usize = 200;

pub fn filter(name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}

/// Finds what an earlier call with the same token made.
fn made_before(at: &At<'_>) -> Vec<Filter> {
    vec![
        filter(&format!("tag:{TAG_RUN}"), [at.marks.run.to_string()]),
        filter(&format!("tag:{TAG_TOKEN}"), [clean(&at.origin.token, 64)]),
    ]
}
