//! A cloud for unit tests. It answers as the test says and refuses everything else.

use std::cell::RefCell;

use async_trait::async_trait;

use base::duration::Time;
use base::ids::AccountId;
use estate::Resource;
use estate::point::Sample;

use super::{
    ApiCalls, BucketRef, CallerIdentity, Cloud, CloudError, CloudResult, CopiedObjects, CopyObjects,
    CopyPoint, Create, Created, ErrorKind, Exposure, Invoked, IsolationScan, Kind, LiveQuery, LookupsOf,
    MeasuredObjects, NameSeen, Needs, Observed, Offers, Origin, Permit, Place, PointQuery, Preflight,
    ProbeAnswer, Progress, Remains, ResourceRef, RunId, SeenPoints, StartRestore, Started, TableLook,
    TableSeen, Tagged, VerifiedObjects, VerifyObjects, Whose, Wishes, Zone,
};

pub struct Fake<C, O> {
    pub create: C,
    pub observe: O,
    /// The ids of each `observe` call, in order.
    pub observed: RefCell<Vec<Vec<String>>>,
}

fn no<T>() -> CloudResult<T> {
    Err(CloudError::new(ErrorKind::Unsupported, "fake", "not in this test"))
}

#[async_trait(?Send)]
impl<C: Fn(&Create) -> CloudResult<Created>, O: Fn(&str) -> Observed> Cloud for Fake<C, O> {
    async fn identity(&self, account: &AccountId) -> CloudResult<CallerIdentity> {
        Ok(CallerIdentity::of(account.clone()))
    }
    fn credentials_generation(&self, _: &AccountId) -> u64 {
        0
    }
    async fn zones(&self, _: &Place) -> CloudResult<Vec<Zone>> {
        no()
    }
    async fn offers(&self, _: &Place, _: &Wishes) -> CloudResult<Offers> {
        no()
    }
    async fn recovery_points(&self, _: &Place, _: &PointQuery) -> CloudResult<SeenPoints> {
        no()
    }
    async fn resources(&self, _: &Place, _: &LiveQuery) -> CloudResult<Vec<Resource>> {
        no()
    }
    async fn create(&self, _: &Permit, _: &Origin, what: &Create) -> CloudResult<Created> {
        (self.create)(what)
    }
    async fn started(&self, _: &Place, _: &RunId, _: &StartRestore, _: &[String]) -> CloudResult<Started> {
        no()
    }
    async fn observe(&self, _: &Place, _: Kind, ids: &[String]) -> CloudResult<Vec<Observed>> {
        self.observed.borrow_mut().push(ids.to_vec());
        Ok(ids.iter().map(|id| (self.observe)(id)).collect())
    }
    async fn delete(&self, _: &Permit, _: &Origin, _: &ResourceRef, _: &dyn Fn(Progress)) -> CloudResult<()> {
        no()
    }
    async fn tagged(&self, _: &Place, _: &Whose) -> CloudResult<Tagged> {
        no()
    }
    async fn remains(&self, _: &ResourceRef) -> CloudResult<Vec<Remains>> {
        no()
    }
    async fn copy_jobs(&self, _: &CopyPoint) -> CloudResult<Vec<ResourceRef>> {
        no()
    }
    async fn exposures(&self, _: &IsolationScan) -> CloudResult<Vec<Exposure>> {
        no()
    }
    async fn invoke(
        &self,
        _: &Permit,
        _: &Origin,
        _: &str,
        _: Vec<u8>,
        _: std::time::Duration,
    ) -> CloudResult<Invoked> {
        no()
    }
    async fn lookups(&self, _: &LookupsOf<'_>) -> CloudResult<Option<Vec<NameSeen>>> {
        no()
    }
    async fn copy_objects(
        &self,
        _: &Permit,
        _: &Origin,
        _: &CopyObjects,
        _: &dyn Fn(Progress),
    ) -> CloudResult<CopiedObjects> {
        no()
    }
    async fn verify_objects(
        &self,
        _: &Origin,
        _: &VerifyObjects,
        _: &dyn Fn(Progress),
    ) -> CloudResult<VerifiedObjects> {
        no()
    }
    async fn measure_objects(&self, _: &BucketRef, _: &str) -> CloudResult<MeasuredObjects> {
        no()
    }
    async fn measure_object(&self, _: &BucketRef, _: &str) -> CloudResult<MeasuredObjects> {
        no()
    }
    async fn sample_objects(&self, _: &BucketRef) -> CloudResult<Option<Sample>> {
        no()
    }
    async fn look_at_table(&self, _: &Place, _: &TableLook) -> CloudResult<TableSeen> {
        no()
    }
    async fn preflight(&self, _: &Place, _: &Needs) -> CloudResult<Preflight> {
        no()
    }
    async fn secret(&self, _: &Place, _: &str) -> CloudResult<String> {
        no()
    }
    fn api_calls(&self) -> ApiCalls {
        ApiCalls::new()
    }
    fn tells_changes(&self) -> bool {
        false
    }
    fn least_pitr_lag(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
    fn declare(&self, _: Time) {}
    fn probe(&self, _: &str, _: Time) -> Option<ProbeAnswer> {
        None
    }
    fn rehearsed(&self, _: &Origin, _: &str) -> Option<CloudResult<std::time::Duration>> {
        None
    }
}
