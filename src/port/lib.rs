//! The port: one trait with typed requests for everything that Drillmaster asks of a cloud.
//!
//! Two clouds implement it: `twin` (an estate file under virtual time) and `aws` (the real APIs).
//! Decorators work over both. One of them is the loss gate (`gate`), which refuses calls to lost
//! resources.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod error;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod finding;
pub mod gate;
pub mod gated;
pub mod grant;
mod identity;
mod isolation;
mod live;
pub mod lookups;
mod origin;
mod permit;
mod phase;
mod place;
mod points;
pub mod preflight;
mod ready;
pub mod request;
pub mod restorable;
pub mod table;
mod timing;
pub mod wait;

use async_trait::async_trait;

use base::duration::Time;
use base::ids::{AccountId, AzId, RunId};
use estate::Resource;
use estate::point::Sample;

pub use error::{CloudError, CloudResult, ErrorKind, Sent};
pub use finding::{Finding, Rule};
pub use gate::LossGate;
pub use grant::{Conditions, Grant, Test};
pub use identity::CallerIdentity;
pub use isolation::{CALLS as SCAN_CALLS, Exposure, IsolationScan, Leak, RESOLVER_CALLS};
pub use live::{LiveKind, LiveQuery};
pub use lookups::{Asker, LookupsOf, NameRules, NameSeen};
pub use origin::{Origin, RunTags, TAG_EXPIRES, TAG_RUN};
pub use permit::guard::Guard;
pub use permit::protected::Protected;
pub use permit::{Operation, Permit};
pub use phase::Phase;
pub use place::Place;
pub use points::SeenPoints;
pub use preflight::{Asking, PROBE_ROLE, Permissions, Preflight, QuotaSeen, ServiceRole};
pub use ready::{NamesWatch, Ready};
pub use request::*;
pub use restorable::Restorable;
pub use table::{CountItems, KeyPart, TableLook, TableSeen};
pub use timing::{ActionTiming, Calibration, Timed, timed_name};

/// A cloud.
///
/// No method has a default body, so that a decorator cannot forget to forward one.
#[async_trait(?Send)]
pub trait Cloud {
    /// Whose the credentials for `account` really are. Asks STS each time.
    async fn identity(&self, account: &AccountId) -> CloudResult<CallerIdentity>;

    /// Grows whenever other credentials come into use for `account`. Earlier answers of
    /// [`Self::identity`] are then void.
    fn credentials_generation(&self, account: &AccountId) -> u64;

    /// The zones of a region, as this account names them.
    async fn zones(&self, place: &Place) -> CloudResult<Vec<Zone>>;

    /// The zones that offer each wish. A wish without an entry is offered everywhere, as far as is
    /// known.
    async fn offers(&self, place: &Place, wishes: &Wishes) -> CloudResult<Offers>;

    /// All recovery points for `query` that this account can see there: its own and shared ones.
    async fn recovery_points(&self, place: &Place, query: &PointQuery) -> CloudResult<SeenPoints>;

    /// Production's resources in this place that the query means. Those of any run are left out.
    /// Their sizes are unknown, and their tags are given only if the query asks for tags.
    async fn resources(&self, place: &Place, query: &LiveQuery) -> CloudResult<Vec<Resource>>;

    /// Begins to create something. The result exists but need not be ready. [`Cloud::observe`]
    /// returns its state.
    async fn create(&self, permit: &Permit, origin: &Origin, what: &Create) -> CloudResult<Created>;

    /// The restore job of this run that a start without an answer began. A job carries no tags, so the
    /// request tells it. `known`: the jobs that other requests began.
    async fn started(
        &self,
        place: &Place,
        run: &RunId,
        start: &StartRestore,
        known: &[String],
    ) -> CloudResult<Started>;

    /// The states of resources of one kind, with one call per page. An id that is not found is
    /// `State::Gone`.
    async fn observe(&self, place: &Place, kind: Kind, ids: &[String]) -> CloudResult<Vec<Observed>>;

    /// Begins to delete one resource. Succeeds if the resource is already gone. Refuses a resource
    /// without the run's tag, which is read just before. `progress` hears of the objects that are
    /// deleted while a bucket is emptied.
    async fn delete(
        &self,
        permit: &Permit,
        origin: &Origin,
        resource: &ResourceRef,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<()>;

    /// All resources in this place that carry the run's tag, or the tag of any run.
    async fn tagged(&self, place: &Place, whose: &Whose) -> CloudResult<Tagged>;

    /// The resources that a deleted stack left behind: those that its template retains, and final
    /// snapshots.
    async fn remains(&self, stack: &ResourceRef) -> CloudResult<Vec<Remains>>;

    /// The copy jobs that this request has started, as far as the account of the original sees them.
    /// They carry no tags.
    async fn copy_jobs(&self, copy: &CopyPoint) -> CloudResult<Vec<ResourceRef>>;

    /// Scans the live sandbox for ways in and out of its network, public addresses, roles, and
    /// shares with others. Parts that could not be scanned are returned as [`Leak::Unknown`].
    async fn exposures(&self, look: &IsolationScan) -> CloudResult<Vec<Exposure>>;

    /// Copies objects between buckets. Refuses a target without the run's tag, which is read just
    /// before.
    async fn copy_objects(
        &self,
        permit: &Permit,
        origin: &Origin,
        copy: &CopyObjects,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<CopiedObjects>;

    /// Invokes a function that this run created, once, and waits for its answer for `limit` at most.
    async fn invoke(
        &self,
        permit: &Permit,
        origin: &Origin,
        function: &str,
        payload: Vec<u8>,
        limit: std::time::Duration,
    ) -> CloudResult<Invoked>;

    /// The names that were looked up in a sandbox whose resolver is closed. `None`: nobody knows (the
    /// twin, if its estate does not say).
    async fn lookups(&self, of: &LookupsOf<'_>) -> CloudResult<Option<Vec<NameSeen>>>;

    /// Compares the objects of a bucket with a manifest or another bucket.
    async fn verify_objects(
        &self,
        origin: &Origin,
        verify: &VerifyObjects,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<VerifiedObjects>;

    /// Counts the objects under a prefix, and adds up their sizes.
    async fn measure_objects(&self, bucket: &BucketRef, prefix: &str) -> CloudResult<MeasuredObjects>;

    /// Counts exactly one key, which may also be a prefix of others: a count of 0 or 1, and the
    /// size.
    async fn measure_object(&self, bucket: &BucketRef, key: &str) -> CloudResult<MeasuredObjects>;

    /// Looks at some of a bucket's objects: their storage classes, and the keys that encrypt them.
    /// `None`: the cloud knows its objects otherwise (the twin, whose estate tells).
    async fn sample_objects(&self, bucket: &BucketRef) -> CloudResult<Option<Sample>>;

    /// Counts and reads items of a DynamoDB table.
    async fn look_at_table(&self, place: &Place, look: &TableLook) -> CloudResult<TableSeen>;

    /// Checks the quotas, and whether these credentials allow the calls of the drill. Permissions
    /// are proved only if AWS can do so without making the call.
    async fn preflight(&self, place: &Place, needs: &Needs) -> CloudResult<Preflight>;

    /// The text of a secret in AWS Secrets Manager, by its name or ARN.
    async fn secret(&self, place: &Place, id: &str) -> CloudResult<String>;

    /// The number of calls so far by name (`ec2:DescribeSnapshots`). Throttled answers are counted
    /// apart.
    fn api_calls(&self) -> ApiCalls;

    /// Whether [`Observed::next_change`] is always set. If so, polling in between is needless.
    fn tells_changes(&self) -> bool;

    /// The worst known lag of point-in-time recovery, even if the cloud shows less at one instant.
    /// Zero on the twin, whose estate gives the lag itself.
    fn least_pitr_lag(&self) -> std::time::Duration;

    /// Declares the disaster. Times relative to T0 are fixed from here on.
    fn declare(&self, t0: Time);

    /// The answer to a check, if the cloud answers checks itself (the twin). `None` means that the
    /// network has to be asked.
    fn probe(&self, check: &str, ready_at: Time) -> Option<ProbeAnswer>;

    /// The database that answers at a host name, if the cloud knows its databases by name (the
    /// twin). A real server tells by itself what it is.
    fn listener(&self, _host: &str) -> Option<Listener> {
        None
    }

    /// How long an action without calls takes here (`manual.task`, `command.run`). `None` means
    /// that the work is really done.
    fn rehearsed(&self, origin: &Origin, action: &str) -> Option<CloudResult<std::time::Duration>>;
}

/// A zone and its name in one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    pub id: AzId,
    pub name: String,
}
