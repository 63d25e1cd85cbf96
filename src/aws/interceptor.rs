//! The interceptor on every SDK client. It asks the loss gate before a request is made, and once more
//! with the host that it really goes to. It names the owner of each bucket, and counts each request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextMut, FinalizerInterceptorContextRef,
    Input, InterceptorContext,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{Metadata, OrchestratorError};
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use chrono::{DateTime, TimeDelta, Utc};

use super::caller::{self, Refused};
use super::reads::{Reads, reads};
use base::ids::{AccountId, AzId, Region};
use estate::host::Host;
use estate::{Loss, plane};
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
    /// The owners of buckets, as far as S3 has confirmed them.
    owners: Mutex<BTreeMap<String, AccountId>>,
    /// For each account: the account whose credentials assume its role. Those credentials sign the
    /// `AssumeRole` call again and again, up to the end of the run. If the signing account is lost,
    /// every account entered through it is lost as well.
    signers: Mutex<BTreeMap<AccountId, AccountId>>,
    /// Set once any endpoint has answered.
    reached: AtomicBool,
    /// By how much this machine's clock is ahead of the clock that answered last.
    ahead: Mutex<Option<TimeDelta>>,
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
            owners: Mutex::default(),
            signers: Mutex::default(),
            reached: AtomicBool::new(false),
            ahead: Mutex::default(),
            confirmed: Mutex::default(),
        }
    }

    pub fn api_calls(&self) -> ApiCalls {
        lock(&self.calls).clone()
    }

    /// Returns by how much this machine's clock is ahead of AWS's, or behind it if negative. `None`
    /// before the first answer.
    pub fn clock_ahead(&self) -> Option<TimeDelta> {
        *lock(&self.ahead)
    }

    /// Compares the clock with the `Date` of an answer, which has whole seconds.
    fn compare_clock(&self, date: Option<&str>) {
        let Some(theirs) = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()) else { return };
        #[expect(clippy::disallowed_methods, reason = "the machine's clock itself is in question")]
        let ours = Utc::now();
        *lock(&self.ahead) = Some(ours.signed_duration_since(theirs));
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

    /// Remembers the owner of a bucket of AWS. Every later request to it says whom it expects.
    pub fn know_owner(&self, bucket: &str, owner: &AccountId) {
        lock(&self.owners).insert(bucket.to_owned(), owner.clone());
    }

    fn owner(&self, bucket: &str) -> Option<AccountId> {
        lock(&self.owners).get(bucket).cloned()
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
    /// Whether the requests go to AWS. Another provider's buckets have no owner in AWS's sense.
    to_aws: bool,
}

/// The headers by which S3 refuses a request to a bucket of another owner.
const EXPECTED_OWNER: &str = "x-amz-expected-bucket-owner";
const EXPECTED_SOURCE_OWNER: &str = "x-amz-source-expected-bucket-owner";
const COPY_SOURCE: &str = "x-amz-copy-source";

/// Where a request goes: its host, and its path.
fn destination(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.split_once("://")?.1;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let with_port = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    Some((with_port.map_or(authority, |(host, _)| host), path))
}

/// The bucket that an S3 request is about, by its host or the first part of its path.
fn bucket_of(uri: &str) -> Option<String> {
    let (host, path) = destination(uri)?;
    if let Some(aws) = Host::read(host) {
        return aws.with_path(path).bucket;
    }
    let first = path.trim_start_matches('/').split(['/', '?']).next()?;
    (!first.is_empty()).then(|| first.to_owned())
}

/// The host as the gate judges it. The hosts of global services say no place of their own: their
/// control planes are judged by the operation.
fn led_to(uri: &str) -> Option<Host> {
    let (host, path) = destination(uri)?;
    let host = Host::read(host)?.with_path(path);
    plane::home_of(host.service).is_none().then_some(host)
}

impl LossGateInterceptor {
    pub fn new(service: &'static str, place: &Place, shared: &Arc<Shared>) -> Self {
        Self { service, place: place.clone(), shared: Arc::clone(shared), to_aws: true }
    }

    /// For the requests to another provider.
    #[must_use]
    pub fn elsewhere(mut self, elsewhere: bool) -> Self {
        self.to_aws = !elsewhere;
        self
    }

    /// Judges the place that a request really goes to. An access point's ARN, or a redirect of S3,
    /// may have led it away from the client's region.
    fn check_destination(&self, operation: &str, uri: &str) -> Result<(), DeniedCall> {
        let Some(host) = led_to(uri) else { return Ok(()) };
        let owner = host.bucket.as_deref().and_then(|bucket| self.shared.owner(bucket));
        let owner = owner.as_ref().or(host.account.as_ref());
        let call = Call {
            service: self.service,
            operation,
            account: Some(owner.unwrap_or(&self.place.account)),
            region: Some(host.region.as_ref().unwrap_or(&self.place.region)),
            zones: host.zone.iter().collect(),
            // A multi-region access point leads to any region.
            unclear: host.service == "s3-accesspoint" && host.region.is_none(),
            ..Call::default()
        };
        self.shared.gate.check(&call, &caller::by())
    }

    fn check(&self, operation: &str, input: &Input) -> Result<(), DeniedCall> {
        let known = reads(operation, input);
        let unclear = known.is_none();
        let mut found = known.unwrap_or_default();
        if let Some(bucket) = found.bucket.take()
            && let Some(known) = lock(&self.shared.buckets).get(&bucket)
        {
            // An S3 ARN has neither a region nor an account. This ARN adds both, for the gate.
            let owner = self.shared.owner(&known.name).unwrap_or_else(|| known.account.clone());
            // The regions of another provider are its own.
            let region =
                if self.shared.gate.is_elsewhere(&known.account) { "" } else { known.region.as_str() };
            found.source = Some(format!("arn:aws:s3:{region}:{owner}:{}", known.name));
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
            leads_to: found.leads_to,
            unclear,
            elsewhere: !self.to_aws,
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

    /// Says whose bucket is meant. S3 then refuses a bucket that somebody else owns by now.
    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.service != "s3" || !self.to_aws || operation(cfg) == "CreateBucket" {
            return Ok(());
        }
        let request = context.request_mut();
        let owner = bucket_of(request.uri()).and_then(|bucket| self.shared.owner(&bucket));
        let source = request.headers().get(COPY_SOURCE).and_then(|source| {
            self.shared.owner(source.trim_start_matches('/').split('/').next().unwrap_or_default())
        });
        for (header, owner) in [(EXPECTED_OWNER, owner), (EXPECTED_SOURCE_OWNER, source)] {
            // The search for an owner asks for one after the other itself.
            if let Some(owner) = owner.filter(|_| !request.headers().contains_key(header)) {
                request.headers_mut().insert(header, owner.to_string());
            }
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.check_destination(operation(cfg), context.request().uri()).map_err(Refused)?;
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
        if let Some(response) = context.response() {
            self.shared.reached.store(true, Ordering::Relaxed);
            self.shared.compare_clock(response.headers().get("date"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_of_a_request_is_read_from_its_host_or_its_path() {
        for (uri, bucket) in [
            ("https://receipts.s3.us-west-2.amazonaws.com/2026/1?x-id=GetObject", Some("receipts")),
            ("https://s3.us-west-2.amazonaws.com/my.receipts/2026", Some("my.receipts")),
            ("http://127.0.0.1:5000/receipts?list-type=2", Some("receipts")),
            ("http://127.0.0.1:5000/", None),
            ("https://s3.us-west-2.amazonaws.com/?x-id=ListBuckets", None),
        ] {
            assert_eq!(bucket_of(uri).as_deref(), bucket, "{uri}");
        }
    }

    #[test]
    fn a_request_is_judged_by_the_host_that_it_goes_to() {
        let gate = Arc::new(LossGate::new(Loss::Region("us-east-1".parse().unwrap())));
        gate.enforce(port::gate::Enforcement::Full);
        let place = Place { account: "999988887777".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        let interceptor = LossGateInterceptor::new("s3", &place, &Arc::new(Shared::new(gate)));
        for (uri, passes) in [
            ("https://receipts.s3.us-west-2.amazonaws.com/k", true),
            ("https://receipts.s3.us-east-1.amazonaws.com/k", false),
            ("https://reports-111122223333.s3-accesspoint.us-east-1.amazonaws.com/k", false),
            ("https://m1a2.mrap.accesspoint.s3-global.amazonaws.com/k", false),
            ("https://route53.amazonaws.com/2013-04-01/hostedzone", true),
            ("http://127.0.0.1:5000/receipts/k", true),
        ] {
            assert_eq!(interceptor.check_destination("GetObject", uri).is_ok(), passes, "{uri}");
        }
    }

    #[test]
    fn a_bucket_of_the_lost_account_is_denied_whoever_reads_it() {
        let lost: AccountId = "111122223333".parse().unwrap();
        let gate = Arc::new(LossGate::new(Loss::Account(lost.clone())));
        gate.enforce(port::gate::Enforcement::Full);
        let place = Place { account: "999988887777".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        let shared = Arc::new(Shared::new(gate));
        shared.know_owner("receipts", &lost);
        let interceptor = LossGateInterceptor::new("s3", &place, &shared);
        let check = |uri: &str| interceptor.check_destination("GetObject", uri).is_ok();
        assert!(!check("https://receipts.s3.us-west-2.amazonaws.com/k"));
        assert!(!check("https://s3.us-west-2.amazonaws.com/receipts/k"));
        assert!(check("https://others.s3.us-west-2.amazonaws.com/k"));
    }
}
