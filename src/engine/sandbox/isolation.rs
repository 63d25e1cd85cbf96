//! Looks at the live sandbox: is there a way in or out, does anything of the run belong to somebody else too?

use super::{Provisioner, Ready};
use port::{CloudResult, Exposure, IsolationScan};

/// Looks once. An error means that nothing could be looked at. `whole`: nothing may be left out (before T0, and before
/// the verdict).
pub async fn look(provisioner: &Provisioner, ready: &Ready, whole: bool) -> CloudResult<Vec<Exposure>> {
    let look = IsolationScan {
        place: ready.place.clone(),
        vpc: ready.vpc.clone(),
        run: provisioner.run_tags().run.clone(),
        made: provisioner.created(),
        whole,
    };
    provisioner.cloud().exposures(&look).await
}
