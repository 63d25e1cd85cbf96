//! The port: all that Drillmaster ever asks of a cloud, as one trait with typed requests.
//!
//! Two clouds stand behind it: `twin` (an estate file under virtual time) and `aws` (the real APIs). Decorators
//! over any of them add what must never be forgotten: the loss gate (`gate`) refuses what is lost.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod error;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod finding;
pub mod gate;
pub mod gated;
pub mod grant;
mod isolation;
mod origin;
mod permit;
mod phase;
mod place;
mod ready;
pub mod request;
mod timing;
pub mod wait;

use async_trait::async_trait;

use base::duration::Time;
use base::ids::{AccountId, AzId};
use estate::RecoveryPoint;

pub use error::{CloudError, CloudResult, ErrorKind, Sent};
pub use finding::{Finding, Rule};
pub use gate::LossGate;
pub use grant::{Conditions, Grant, Test};
pub use isolation::{CALLS as SCAN_CALLS, Exposure, IsolationScan, Leak};
pub use origin::{Origin, RunTags, TAG_EXPIRES, TAG_RUN};
pub use permit::guard::Guard;
pub use permit::protected::Protected;
pub use permit::{Operation, Permit};
pub use phase::Phase;
pub use place::Place;
pub use ready::Ready;
pub use request::*;
pub use timing::{ActionTiming, Calibration, Timed};

/// No method has a body here: whatever stands in front of a cloud must forward each of them, or say why not.
#[async_trait(?Send)]
pub trait Cloud {
    /// The account that the credentials for `account` really belong to: asked of STS each time.
    async fn identity(&self, account: &AccountId) -> CloudResult<AccountId>;

    /// Grows whenever other credentials come into use for `account`: what [`Self::identity`] said before is then void.
    fn credentials_generation(&self, account: &AccountId) -> u64;

    /// The zones of a region, as this account names them.
    async fn zones(&self, place: &Place) -> CloudResult<Vec<Zone>>;

    /// Which zones offer what; what is not among the answers is offered everywhere, as far as is known.
    async fn offers(&self, place: &Place, wishes: &Wishes) -> CloudResult<Offers>;

    /// All recovery points of what `query` names that this account can see there, its own and shared ones.
    async fn recovery_points(&self, place: &Place, query: &PointQuery) -> CloudResult<Vec<RecoveryPoint>>;

    /// Begins to create something. What comes back exists, and need not be ready: [`Cloud::observe`] tells.
    async fn create(&self, permit: &Permit, origin: &Origin, what: &Create) -> CloudResult<Created>;

    /// The states of resources of one kind, in one call per page. An id that is not there is `State::Gone`.
    async fn observe(&self, place: &Place, kind: Kind, ids: &[String]) -> CloudResult<Vec<Observed>>;

    /// Begins to delete one resource. Deleting what is gone already succeeds.
    /// What does not carry the run's tag (read just before) is refused.
    async fn delete(&self, permit: &Permit, origin: &Origin, resource: &ResourceRef) -> CloudResult<()>;

    /// Everything at that place that carries the run's tag, or any run's.
    async fn tagged(&self, place: &Place, whose: &Whose) -> CloudResult<Tagged>;

    /// What a stack that is gone has left standing: what its template retains, and final snapshots.
    async fn remains(&self, stack: &ResourceRef) -> CloudResult<Vec<Remains>>;

    /// Looks at the live sandbox: ways in and out of its network, public addresses, roles, shares with others. What
    /// could not be looked at is among the answers, as [`Leak::Unknown`].
    async fn exposures(&self, look: &IsolationScan) -> CloudResult<Vec<Exposure>>;

    /// Copies objects between buckets. A target that does not carry the run's tag (read just before) is refused.
    async fn copy_objects(
        &self,
        permit: &Permit,
        origin: &Origin,
        copy: &CopyObjects,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<CopiedObjects>;

    /// Compares the objects of a bucket with a manifest or another bucket.
    async fn verify_objects(
        &self,
        origin: &Origin,
        verify: &VerifyObjects,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<VerifiedObjects>;

    /// Counts and adds up objects under a prefix.
    async fn measure_objects(&self, bucket: &BucketRef, prefix: &str) -> CloudResult<MeasuredObjects>;

    /// One object by its key, which others may begin with: a count of 0 or 1, and its size.
    async fn measure_object(&self, bucket: &BucketRef, key: &str) -> CloudResult<MeasuredObjects>;

    /// Whether these credentials may do what the drill needs, where AWS can tell without doing it; and the quotas.
    async fn preflight(&self, place: &Place, needs: &Needs) -> CloudResult<Vec<PreflightFinding>>;

    /// The text of a secret of AWS Secrets Manager, by its name or ARN.
    async fn secret(&self, place: &Place, id: &str) -> CloudResult<String>;

    /// How often each API call was made so far (`ec2:DescribeSnapshots`), throttled answers apart.
    fn api_calls(&self) -> ApiCalls;

    /// Whether [`Observed::next_change`] is always told: then nothing need be asked on the off chance.
    fn tells_changes(&self) -> bool;

    /// What point-in-time recovery lags behind at its worst, as far as the cloud is known to do no better whatever it
    /// shows at one instant. The twin's estate says it itself.
    fn least_pitr_lag(&self) -> std::time::Duration;

    /// The disaster is declared: times relative to T0 are fixed from here on.
    fn declare(&self, t0: Time);

    /// How a check of this id is answered, where the cloud answers checks itself (the twin). `None`: ask the network.
    fn probe(&self, check: &str, ready_at: Time) -> Option<ProbeAnswer>;

    /// How long the work of an action that makes no call takes here (`manual.task`, `command.run`). `None`: really do it.
    fn rehearsed(&self, origin: &Origin, action: &str) -> Option<CloudResult<std::time::Duration>>;
}

/// A zone and its name in one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    pub id: AzId,
    pub name: String,
}
