//! Scans the live sandbox for ways in and out, and for access by others.

use super::{Provisioner, Ready};
use port::{CloudResult, Exposure, IsolationScan};

/// Scans once. An error means that nothing could be scanned. `whole` means that the scan must be
/// complete (before T0, and before the verdict).
pub async fn scan(provisioner: &Provisioner, ready: &Ready, whole: bool) -> CloudResult<Vec<Exposure>> {
    let look = IsolationScan {
        place: ready.place.clone(),
        vpc: ready.vpc.clone(),
        run: provisioner.run_tags().run.clone(),
        made: provisioner.created(),
        whole,
    };
    provisioner.cloud().exposures(&look).await
}
