//! Requests to the port that several tests make.

use base::duration::Size;
use port::{Create, CreateVolume};

/// A volume of 1 GiB in the zone `az`.
pub fn volume(snapshot: &str, az: &str) -> Create {
    Create::Volume(CreateVolume {
        snapshot: snapshot.into(),
        az: az.parse().unwrap(),
        volume_type: "gp3".into(),
        iops: None,
        throughput: None,
        initialization_rate: None,
        name: "data".into(),
        size: Size::gib(1),
    })
}
