//! Filters of EC2's lists.

use aws_sdk_ec2::types::Filter;

/// EC2 accepts at most 200 values in one filter.
pub const FILTER_VALUES: usize = 200;

pub fn filter(name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}
