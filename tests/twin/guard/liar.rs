//! A cloud that only answers whose credentials these are.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use base::duration::Time;
use base::ids::{AccountId, RunId};
use estate::Resource;
use estate::point::Sample;
use port::{
    ApiCalls, BucketRef, CallerIdentity, Cloud, CloudError, CloudResult, CopiedObjects, CopyObjects,
    CopyPoint, Create, Created, ErrorKind, Exposure, Invoked, IsolationScan, Kind, LiveQuery,
    MeasuredObjects, Needs, Observed, Offers, Origin, Permit, Place, PointQuery, Preflight, ProbeAnswer,
    Progress, Remains, ResourceRef, SeenPoints, StartRestore, Started, TableLook, TableSeen, Tagged,
    VerifiedObjects, VerifyObjects, Whose, Wishes, Zone,
};

#[derive(Default)]
pub struct Liar {
    pub asked: Cell<u32>,
    pub generation: Cell<u64>,
    /// `None`: the account that was asked about.
    says: RefCell<Option<CloudResult<AccountId>>>,
}

impl Liar {
    pub fn honest() -> Rc<Self> {
        Rc::default()
    }

    pub fn answers(&self, account: &str) {
        *self.says.borrow_mut() = Some(Ok(account.parse().unwrap()));
    }

    pub fn fails(&self) {
        *self.says.borrow_mut() = Some(Err(CloudError::new(ErrorKind::Network, "sts", "no answer")));
    }
}

fn never<T>() -> CloudResult<T> {
    panic!("the guard asks only who the credentials are")
}

#[async_trait(?Send)]
impl Cloud for Liar {
    async fn identity(&self, account: &AccountId) -> CloudResult<CallerIdentity> {
        self.asked.set(self.asked.get() + 1);
        // Other tasks run while STS is asked.
        tokio::task::yield_now().await;
        let says = self.says.borrow().clone().unwrap_or_else(|| Ok(account.clone()));
        says.map(CallerIdentity::of)
    }

    fn credentials_generation(&self, _account: &AccountId) -> u64 {
        self.generation.get()
    }

    async fn zones(&self, _: &Place) -> CloudResult<Vec<Zone>> {
        never()
    }

    async fn offers(&self, _: &Place, _: &Wishes) -> CloudResult<Offers> {
        never()
    }

    async fn recovery_points(&self, _: &Place, _: &PointQuery) -> CloudResult<SeenPoints> {
        never()
    }

    async fn started(&self, _: &Place, _: &RunId, _: &StartRestore, _: &[String]) -> CloudResult<Started> {
        never()
    }

    async fn resources(&self, _: &Place, _: &LiveQuery) -> CloudResult<Vec<Resource>> {
        never()
    }

    async fn create(&self, _: &Permit, _: &Origin, _: &Create) -> CloudResult<Created> {
        never()
    }

    async fn observe(&self, _: &Place, _: Kind, _: &[String]) -> CloudResult<Vec<Observed>> {
        never()
    }

    async fn delete(&self, _: &Permit, _: &Origin, _: &ResourceRef, _: &dyn Fn(Progress)) -> CloudResult<()> {
        never()
    }

    async fn tagged(&self, _: &Place, _: &Whose) -> CloudResult<Tagged> {
        never()
    }

    async fn remains(&self, _: &ResourceRef) -> CloudResult<Vec<Remains>> {
        never()
    }

    async fn copy_jobs(&self, _: &CopyPoint) -> CloudResult<Vec<ResourceRef>> {
        never()
    }

    async fn exposures(&self, _: &IsolationScan) -> CloudResult<Vec<Exposure>> {
        never()
    }

    async fn invoke(
        &self,
        _: &Permit,
        _: &Origin,
        _: &str,
        _: Vec<u8>,
        _: std::time::Duration,
    ) -> CloudResult<Invoked> {
        never()
    }

    async fn copy_objects(
        &self,
        _: &Permit,
        _: &Origin,
        _: &CopyObjects,
        _: &dyn Fn(Progress),
    ) -> CloudResult<CopiedObjects> {
        never()
    }

    async fn verify_objects(
        &self,
        _: &Origin,
        _: &VerifyObjects,
        _: &dyn Fn(Progress),
    ) -> CloudResult<VerifiedObjects> {
        never()
    }

    async fn measure_objects(&self, _: &BucketRef, _: &str) -> CloudResult<MeasuredObjects> {
        never()
    }

    async fn measure_object(&self, _: &BucketRef, _: &str) -> CloudResult<MeasuredObjects> {
        never()
    }

    async fn sample_objects(&self, _: &BucketRef) -> CloudResult<Option<Sample>> {
        unreachable!()
    }
    async fn lookups(&self, _: &port::LookupsOf<'_>) -> CloudResult<Option<Vec<port::NameSeen>>> {
        never()
    }
    async fn look_at_table(&self, _: &Place, _: &TableLook) -> CloudResult<TableSeen> {
        never()
    }
    async fn preflight(&self, _: &Place, _: &Needs) -> CloudResult<Preflight> {
        never()
    }

    async fn secret(&self, _: &Place, _: &str) -> CloudResult<String> {
        never()
    }

    fn api_calls(&self) -> ApiCalls {
        ApiCalls::default()
    }

    fn tells_changes(&self) -> bool {
        false
    }

    fn least_pitr_lag(&self) -> Duration {
        Duration::ZERO
    }

    fn declare(&self, _: Time) {}

    fn probe(&self, _: &str, _: Time) -> Option<ProbeAnswer> {
        None
    }

    fn rehearsed(&self, _: &Origin, _: &str) -> Option<CloudResult<Duration>> {
        None
    }
}
