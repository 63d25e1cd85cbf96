//! Scans the live sandbox for ways in and out, and for access by others.

use super::{Provisioner, Ready};
use port::{CloudResult, Exposure, IsolationScan, ResourceRef};

/// Scans once. An error means that nothing could be scanned. `whole` means that the scan must be
/// complete (before T0, and before the verdict).
pub async fn scan(provisioner: &Provisioner, ready: &Ready, whole: bool) -> CloudResult<Vec<Exposure>> {
    let made = [provisioner.created(), ready.standing.clone()].concat();
    provisioner.cloud().exposures(&look(provisioner, ready, made, whole, false)).await
}

/// Scans a standing sandbox before it is used. Nothing may be in it but its probe.
pub async fn scan_empty(provisioner: &Provisioner, ready: &Ready) -> CloudResult<Vec<Exposure>> {
    let look = look(provisioner, ready, ready.standing.clone(), true, true);
    provisioner.cloud().exposures(&look).await
}

fn look(
    provisioner: &Provisioner,
    ready: &Ready,
    made: Vec<ResourceRef>,
    whole: bool,
    empty: bool,
) -> IsolationScan {
    IsolationScan {
        place: ready.place.clone(),
        vpc: ready.vpc.clone(),
        run: provisioner.run_tags().run.clone(),
        made,
        empty,
        whole,
    }
}
