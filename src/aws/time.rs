//! Converts between the SDK's times and ours.

use aws_smithy_types::DateTime;

use base::duration::Time;

pub fn to_time(at: &DateTime) -> Option<Time> {
    Time::from_timestamp(at.secs(), at.subsec_nanos())
}

pub fn some_time(at: Option<&DateTime>) -> Option<Time> {
    at.and_then(to_time)
}

pub fn from_time(at: Time) -> DateTime {
    DateTime::from_secs_and_nanos(at.timestamp(), at.timestamp_subsec_nanos())
}
