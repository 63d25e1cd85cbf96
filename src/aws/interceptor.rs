//! The interceptor on every SDK client. It asks the loss gate before a request is sent, and counts
//! each request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
    FinalizerInterceptorContextMut, FinalizerInterceptorContextRef, Input, InterceptorContext,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{Metadata, OrchestratorError};
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::caller::{self, Refused};
use super::reads::{Reads, reads};
use base::ids::{AccountId, AzId, Region};
use estate::Loss;
use port::gate::{Call, DeniedCall, LossGate};
use port::{ApiCalls, BucketRef, Place};

/// State that the interceptors of all clients share.
pub struct Shared {
    pub gate: Arc<LossGate>,
    calls: Mutex<ApiCalls>,
    /// For each place: its zones' ids by the names that this account uses for them.
    zones: Mutex<BTreeMap<Place, BTreeMap<String, AzId>>>,
    /// Buckets seen so far, by name. The source of an S3 copy names only the bucket, without its
    /// region and account.
    buckets: Mutex<BTreeMap<String, BucketRef>>,
    /// For each account: the account whose credentials assume its role. Those credentials sign the
    /// `AssumeRole` call again and again, up to the end of the run. If the signing account is lost,
    /// every account entered through it is lost as well.
    signers: Mutex<BTreeMap<AccountId, AccountId>>,
    /// Set once any endpoint has answered.
    reached: AtomicBool,
    /// For each account: the access keys that STS has confirmed as its own. Key ids are not secret.
    confirmed: Mutex<BTreeMap<AccountId, BTreeSet<String>>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn new(gate: Arc<LossGate>) -> Self {
        Self {
            gate,
            calls: Mutex::default(),
            zones: Mutex::default(),
            buckets: Mutex::default(),
            signers: Mutex::default(),
            reached: AtomicBool::new(false),
            confirmed: Mutex::default(),
        }
    }

    pub fn api_calls(&self) -> ApiCalls {
        lock(&self.calls).clone()
    }

    pub fn is_confirmed(&self, account: &AccountId, key: &str) -> bool {
        lock(&self.confirmed).get(account).is_some_and(|keys| keys.contains(key))
    }

    pub fn confirm(&self, account: &AccountId, key: &str) {
        lock(&self.confirmed).entry(account.clone()).or_default().insert(key.to_owned());
    }

    /// Returns how many access keys the account has used so far.
    pub fn keys_used(&self, account: &AccountId) -> u64 {
        lock(&self.confirmed).get(account).map_or(0, |keys| keys.len() as u64)
    }

    pub fn know_zones(&self, place: &Place, zones: BTreeMap<String, AzId>) {
        lock(&self.zones).insert(place.clone(), zones);
    }

    pub fn know_bucket(&self, bucket: &BucketRef) {
        lock(&self.buckets).insert(bucket.name.clone(), bucket.clone());
    }

    pub fn know_signer(&self, account: &AccountId, signer: &AccountId) {
        lock(&self.signers).insert(account.clone(), signer.clone());
    }

    pub fn signer(&self, account: &AccountId) -> Option<AccountId> {
        lock(&self.signers).get(account).cloned()
    }

    /// Returns the ids of the zones that a request names.
    ///
    /// A name without a known id counts as the lost zone if the lost zone is in this region. The
    /// gate refuses what it cannot verify.
    fn zone_ids(&self, place: &Place, reads: &Reads) -> Vec<AzId> {
        let known = lock(&self.zones);
        let names = known.get(place);
        let mut ids = Vec::new();
        for zone in &reads.zones {
            let id = match names.and_then(|n| n.get(zone)) {
                Some(id) => Some(id.clone()),
                None => zone.parse().ok().or_else(|| {
                    self.gate.loss().and_then(Loss::az).filter(|lost| place.region.holds(lost)).cloned()
                }),
            };
            ids.extend(id);
        }
        ids
    }

    fn count(&self, service: &str, operation: &str, throttled: bool) {
        let mut calls = lock(&self.calls);
        let entry = calls.entry(format!("{service}:{operation}")).or_default();
        if throttled {
            entry.throttled += 1;
        } else {
            entry.count += 1;
        }
    }
}

/// The interceptor of one client.
#[derive(Debug)]
pub struct LossGateInterceptor {
    service: &'static str,
    place: Place,
    shared: Arc<Shared>,
}

impl LossGateInterceptor {
    pub fn new(service: &'static str, place: &Place, shared: &Arc<Shared>) -> Self {
        Self { service, place: place.clone(), shared: Arc::clone(shared) }
    }

    fn check(&self, operation: &str, input: &Input) -> Result<(), DeniedCall> {
        let known = reads(operation, input);
        let unclear = known.is_none();
        let mut found = known.unwrap_or_default();
        if let Some(bucket) = found.bucket.take()
            && let Some(known) = lock(&self.shared.buckets).get(&bucket)
        {
            // An S3 ARN has neither a region nor an account. This ARN adds both, for the gate.
            found.source = Some(format!("arn:aws:s3:{}:{}:{}", known.region, known.account, known.name));
        }
        let zones = self.shared.zone_ids(&self.place, &found);
        let source_region: Option<Region> = found.source_region.as_deref().and_then(|r| r.parse().ok());
        let signer = self.shared.signer(&self.place.account);
        let call = Call {
            service: self.service,
            operation,
            account: Some(&self.place.account),
            signer: signer.as_ref(),
            region: Some(&self.place.region),
            source_region: source_region.as_ref(),
            source: found.source.as_deref(),
            key: found.key.as_deref(),
            zones: zones.iter().collect(),
            unclear,
        };
        self.shared.gate.check(&call, &caller::by())
    }
}

fn operation(cfg: &ConfigBag) -> &str {
    cfg.load::<Metadata>().map_or("?", Metadata::name)
}

#[dyn_dispatch_hint]
impl Intercept for LossGateInterceptor {
    fn name(&self) -> &'static str {
        "drillmaster-loss-gate"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.check(operation(cfg), context.input()).map_err(|denied| Refused(denied).into())
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.shared.count(self.service, operation(cfg), false);
        Ok(())
    }

    /// Turns an answer that was cut short into an error. The SDK then retries, or the caller learns
    /// that the request may have taken effect.
    fn modify_before_attempt_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().and_then(|response| response.body().bytes());
        if !body.is_none_or(super::whole::is_whole)
            && let Some(answer) = context.output_or_error_mut()
        {
            *answer = Err(OrchestratorError::response("the answer was cut short".into()));
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.response().is_some() {
            self.shared.reached.store(true, Ordering::Relaxed);
        }
        let Some(Err(error)) = context.output_or_error() else { return Ok(()) };
        let status = context.response().map(|r| r.status().as_u16());
        let said = format!("{error:?}");
        if super::error::THROTTLED.iter().any(|code| said.contains(code)) || status == Some(429) {
            self.shared.count(self.service, operation(cfg), true);
        } else if match status {
            // An answer arrived but could not be read: the request reached AWS.
            Some(status) => status >= 500 || error.is_response_error(),
            // A failure to get credentials means that nothing was sent.
            None => {
                error.is_timeout_error()
                    || error.is_response_error()
                    || error.as_connector_error().is_some_and(|e| !super::error::never_connected(e))
            }
        } {
            caller::doubt();
        }
        Ok(())
    }
}

/// Forbids retries while no endpoint has ever answered and no connection can be made.
///
/// Then the address is wrong or the network is down, and the user hears it at once instead of after
/// a minute of retries. After the first answer, the SDK retries as usual.
#[derive(Debug)]
pub struct FailFast(pub Arc<Shared>);

impl ClassifyRetry for FailFast {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err);
        let never = error.and_then(|e| e.as_connector_error()).is_some_and(super::error::never_connected);
        if never && !self.0.reached.load(Ordering::Relaxed) {
            return RetryAction::RetryForbidden;
        }
        RetryAction::NoActionIndicated
    }

    fn name(&self) -> &'static str {
        "drillmaster-fail-fast"
    }

    fn priority(&self) -> RetryClassifierPriority {
        // The classifier that runs last decides.
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
