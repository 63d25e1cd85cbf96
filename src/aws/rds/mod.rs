//! RDS and Aurora: subnet groups, snapshots, instances, replicas, clusters.

pub mod cluster;
pub mod instance;
pub mod replica;
pub mod snapshot;
pub mod subnet_group;

use aws_sdk_rds::types::Filter;

use super::At;
use super::tags::rds_value;
use port::{CloudError, CloudResult, ErrorKind, TAG_RUN};

/// The number of values in one filter. RDS documents no limit. A page holds 100 in any case.
pub const FILTER_VALUES: usize = 100;

pub fn filter(name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}

/// Accepts a name that is taken if its resource carries this run's tag.
///
/// Drillmaster chooses the names, so an earlier attempt of this run has then created the resource.
fn adopt(
    at: &At<'_>,
    made: CloudResult<()>,
    what: &str,
    found: Option<&[aws_sdk_rds::types::Tag]>,
) -> CloudResult<()> {
    let Err(error) = made else { return Ok(()) };
    if error.kind != ErrorKind::AlreadyExists {
        return Err(error);
    }
    match found.and_then(|tags| rds_value(tags, TAG_RUN)) {
        Some(run) if run == at.run_tags.run.0 => Ok(()),
        _ => Err(CloudError::new(
            ErrorKind::AlreadyExists,
            error.call,
            format!("{what} exists, and this run did not create it"),
        )
        .help("remove or rename it: nothing of another run is ever taken over")),
    }
}

/// Returns whether the name is taken, so that its resource has to be examined.
pub fn taken(made: &CloudResult<()>) -> bool {
    made.as_ref().is_err_and(|e| e.kind == ErrorKind::AlreadyExists)
}
