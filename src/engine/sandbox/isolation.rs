//! Looks at the live sandbox: is there a way in or out, does anything of the run belong to somebody else too?

use super::{Hands, Ready};
use port::{CloudResult, Exposure, Look};

/// Looks once. An error means that nothing could be looked at. `whole`: nothing may be left out (before T0, and before
/// the verdict).
pub async fn look(hands: &Hands, ready: &Ready, whole: bool) -> CloudResult<Vec<Exposure>> {
    let look = Look {
        place: ready.place.clone(),
        vpc: ready.vpc.clone(),
        run: hands.marks().run.clone(),
        made: hands.created(),
        whole,
    };
    hands.cloud().exposures(&look).await
}
