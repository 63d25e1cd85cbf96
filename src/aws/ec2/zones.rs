//! The zones of a region.

use super::filters::filter;
use crate::access::Ec2Reader;
use crate::error::OrCloud;
use port::{CloudError, CloudResult, ErrorKind, Zone};

/// Returns the region's own zones by name, without local and wavelength zones.
pub async fn all(ec2: &Ec2Reader) -> CloudResult<Vec<Zone>> {
    const CALL: &str = "ec2:DescribeAvailabilityZones";
    let answer = ec2
        .describe_availability_zones()
        .filters(filter("zone-type", ["availability-zone"]))
        .send()
        .await
        .or_cloud(CALL)?;
    let mut zones = Vec::new();
    for zone in answer.availability_zones() {
        let (Some(id), Some(name)) = (zone.zone_id(), zone.zone_name()) else { continue };
        let id = id
            .parse()
            .map_err(|e: base::ids::BadName| CloudError::new(ErrorKind::Server, CALL, e.message))?;
        zones.push(Zone { id, name: name.to_owned() });
    }
    zones.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(zones)
}
