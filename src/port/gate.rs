//! The loss gate. From T0 on it refuses calls that touch lost resources.
//!
//! One gate serves both clouds. The decorator `Gated` asks it before each typed request of either
//! cloud. On AWS an interceptor inside the SDK asks again before each HTTP request is sent, so no
//! action can bypass the gate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use base::ids::{AccountId, AzId, Region};
use estate::Loss;
use estate::plane::control_plane;

/// The facts about one API call that the gate needs.
#[derive(Debug, Clone, Default)]
pub struct Call<'a> {
    /// `rds`
    pub service: &'a str,
    /// `CopyDBSnapshot`
    pub operation: &'a str,
    /// The account that the call acts in.
    pub account: Option<&'a AccountId>,
    /// The account whose credentials sign the call, if it is not `account`. Also the account whose
    /// credentials obtained the signing ones.
    pub signer: Option<&'a AccountId>,
    /// The region of the endpoint.
    pub region: Option<&'a Region>,
    /// A region that the cloud reads from to carry out the call.
    pub source_region: Option<&'a Region>,
    /// The resource that the call reads from: an id or an ARN.
    pub source: Option<&'a str>,
    /// The KMS key that the call encrypts with: an ARN, an id or an alias.
    pub key: Option<&'a str>,
    /// The zones in which the call creates something.
    pub zones: Vec<&'a AzId>,
    /// The call that the service makes to carry it out, as service and operation, if that needs a
    /// control plane that the call itself does not.
    pub leads_to: Option<(&'a str, &'a str)>,
    /// Whether the source of the call is unknown.
    pub unclear: bool,
    /// Whether it goes to another provider. Its regions are its own, even if AWS has one of the same
    /// name, and so are its control planes.
    pub elsewhere: bool,
}

/// A refused call, as the report shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DeniedCall {
    /// `rds:CopyDBSnapshot`
    pub call: String,
    /// The lost place that the call would touch: a region, an account or a zone.
    pub locus: String,
    /// The step that made the call.
    pub step: String,
    pub why: String,
}

/// The rules that the gate enforces at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// Before T0.
    Off,
    /// From T0 until the recovery has ended.
    Full,
    /// In teardown. Lost resources stay out of reach. Control planes that a real loss would take
    /// down are allowed: they are not really lost, and the cleanup needs them.
    Teardown,
}

pub struct LossGate {
    /// `None` means that nothing is lost. The gate then lets everything pass, as in a sweep.
    loss: Option<Loss>,
    state: Mutex<GateState>,
    /// The accounts that are another provider's.
    elsewhere: BTreeSet<AccountId>,
}

struct GateState {
    enforcement: Enforcement,
    /// Lost recovery points: from the id or ARN to the lost place.
    lost_points: BTreeMap<String, String>,
    denied: Vec<DeniedCall>,
    seen: BTreeSet<DeniedCall>,
}

impl GateState {
    /// Keeps a refusal once, however often the call is made again.
    fn record(&mut self, denied: &DeniedCall) {
        if self.seen.insert(denied.clone()) {
            self.denied.push(denied.clone());
        }
    }
}

impl LossGate {
    pub fn new(loss: Loss) -> Self {
        Self::of(Some(loss))
    }

    /// A gate for work outside of any drill.
    pub fn nothing_lost() -> Self {
        Self::of(None)
    }

    fn of(loss: Option<Loss>) -> Self {
        let state = GateState {
            enforcement: Enforcement::Off,
            lost_points: BTreeMap::new(),
            denied: Vec::new(),
            seen: BTreeSet::new(),
        };
        Self { loss, state: Mutex::new(state), elsewhere: BTreeSet::new() }
    }

    /// Names the accounts that are another provider's.
    #[must_use]
    pub fn with_elsewhere(mut self, accounts: impl IntoIterator<Item = AccountId>) -> Self {
        self.elsewhere.extend(accounts);
        self
    }

    /// Whether the account is another provider's.
    pub fn is_elsewhere(&self, account: &AccountId) -> bool {
        self.elsewhere.contains(account)
    }

    pub fn loss(&self) -> Option<&Loss> {
        self.loss.as_ref()
    }

    pub fn enforce(&self, enforcement: Enforcement) {
        self.lock().enforcement = enforcement;
    }

    pub fn enforcement(&self) -> Enforcement {
        self.lock().enforcement
    }

    /// Marks a recovery point as lost. Calls that use it are then refused, even by its bare id.
    pub fn know_lost_point(&self, id: &str, locus: &str) {
        self.lock().lost_points.insert(id.to_owned(), locus.to_owned());
    }

    /// Restores a refusal from the journal of a resumed run, so that it is not reported again.
    pub fn recall(&self, denied: &DeniedCall) {
        self.lock().record(denied);
    }

    /// Records a refusal that the gate cannot find by itself, because the call is made on the
    /// run's behalf by a service of the cloud. Returns whether it is enforced at the moment.
    pub fn refuse(&self, denied: &DeniedCall) -> bool {
        let mut state = self.lock();
        match state.enforcement {
            Enforcement::Off | Enforcement::Teardown => false,
            Enforcement::Full => {
                state.record(denied);
                true
            }
        }
    }

    /// The lost place of a recovery point that was marked as lost.
    pub fn lost_point(&self, id: &str) -> Option<String> {
        self.lock().lost_points.get(id).cloned()
    }

    /// The refused calls, in the order of their first refusal.
    pub fn denied(&self) -> Vec<DeniedCall> {
        self.lock().denied.clone()
    }

    /// Lets the call pass, or returns the refusal. A refusal is recorded under `step`.
    pub fn check(&self, call: &Call<'_>, step: &str) -> Result<(), DeniedCall> {
        let mut state = self.lock();
        let Some((locus, why)) = self.verdict(&state, call) else { return Ok(()) };
        let denied = DeniedCall {
            call: format!("{}:{}", call.service, call.operation),
            locus,
            step: step.to_owned(),
            why,
        };
        state.record(&denied);
        Err(denied)
    }

    /// Whether the call would pass. Records no refusal. The harness uses this to put off calls of
    /// its own.
    pub fn lets_through(&self, call: &Call<'_>) -> bool {
        self.verdict(&self.lock(), call).is_none()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, GateState> {
        // A panic elsewhere must not open the gate. The state is still valid.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn verdict(&self, state: &GateState, call: &Call<'_>) -> Option<(String, String)> {
        if state.enforcement == Enforcement::Off {
            return None;
        }
        let loss = self.loss.as_ref()?;
        if call.unclear {
            let why = "what it reads from is not known; this is a defect of Drillmaster: please report it";
            return Some((loss.to_string(), why.to_owned()));
        }
        let arn = call.source.and_then(ArnParts::of);
        let key = call.key.and_then(ArnParts::of);
        let of_lost_key = key.as_ref().is_some_and(|key| match loss {
            Loss::Region(lost) => key.region == lost.as_str(),
            Loss::Account(lost) => key.account == lost.as_str(),
            Loss::Az(_) => false,
        });
        match loss {
            Loss::Region(_) if call.elsewhere => {}
            Loss::Region(lost) => {
                if call.region == Some(lost) {
                    return Some((
                        lost.to_string(),
                        format!("region {lost} is lost: its endpoints do not answer"),
                    ));
                }
                if call.source_region == Some(lost) || arn.as_ref().is_some_and(|a| a.region == lost.as_str())
                {
                    return Some((
                        lost.to_string(),
                        format!("it would read from region {lost}, which is lost"),
                    ));
                }
            }
            Loss::Account(lost) => {
                if call.account == Some(lost) {
                    return Some((
                        lost.to_string(),
                        format!("account {lost} is lost: its credentials are not to be used"),
                    ));
                }
                if call.signer == Some(lost) {
                    return Some((
                        lost.to_string(),
                        format!("its credentials are obtained with those of account {lost}, which is lost"),
                    ));
                }
                if arn.as_ref().is_some_and(|a| a.account == lost.as_str()) {
                    return Some((
                        lost.to_string(),
                        format!("it would use what belongs to account {lost}, which is lost"),
                    ));
                }
            }
            Loss::Az(lost) => {
                if call.zones.contains(&lost) {
                    return Some((
                        lost.to_string(),
                        format!("availability zone {lost} is lost: nothing can run there"),
                    ));
                }
            }
        }
        if of_lost_key && let Some(key) = key {
            let locus = format!("{} {}", key.account, key.region);
            let why = format!("it would use a KMS key of {locus}, which is lost with {loss}");
            return Some((locus, why));
        }
        if let Some(locus) = call.source.and_then(|s| state.lost_points.get(s)) {
            return Some((locus.clone(), format!("the recovery point lies in {locus}, which is lost")));
        }
        if state.enforcement == Enforcement::Full
            && !call.elsewhere
            && let Some(lost) = loss.region()
            && let Some(plane) = control_plane(lost.as_str(), call.service, call.operation).or_else(|| {
                let (service, operation) = call.leads_to?;
                control_plane(lost.as_str(), service, operation)
            })
        {
            return Some((lost.to_string(), plane.lost()));
        }
        None
    }
}

struct ArnParts<'a> {
    region: &'a str,
    account: &'a str,
}

impl<'a> ArnParts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
        let (_partition, _service) = (parts.next()?, parts.next()?);
        Some(Self { region: parts.next()?, account: parts.next()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(loss: Loss) -> LossGate {
        let gate = LossGate::new(loss);
        gate.enforce(Enforcement::Full);
        gate
    }

    #[test]
    fn before_t0_everything_passes() {
        let gate = LossGate::new(Loss::Region("us-east-1".parse().unwrap()));
        let east = "us-east-1".parse().unwrap();
        let call = Call { service: "ec2", operation: "RunInstances", region: Some(&east), ..Call::default() };
        assert!(gate.check(&call, "x").is_ok());
        gate.enforce(Enforcement::Full);
        assert!(gate.check(&call, "x").unwrap_err().why.contains("is lost"));
        assert_eq!(gate.denied().len(), 1);
    }

    #[test]
    fn sources_in_the_lost_region_or_account_are_refused() {
        let west = "us-west-2".parse().unwrap();
        let sandbox: AccountId = "999988887777".parse().unwrap();
        let arn = "arn:aws:rds:us-east-1:111122223333:snapshot:orders";
        for loss in
            [Loss::Region("us-east-1".parse().unwrap()), Loss::Account("111122223333".parse().unwrap())]
        {
            let gate = gate(loss);
            let copy = Call {
                service: "rds",
                operation: "CopyDBSnapshot",
                account: Some(&sandbox),
                region: Some(&west),
                source: Some(arn),
                ..Call::default()
            };
            assert!(gate.check(&copy, "copy").is_err());
            gate.know_lost_point("snap-1", "us-east-1");
            let volume = Call {
                service: "ec2",
                operation: "CreateVolume",
                region: Some(&west),
                source: Some("snap-1"),
                ..Call::default()
            };
            assert!(gate.check(&volume, "volume").is_err());
            let other = Call { source: Some("snap-2"), ..volume };
            assert!(gate.check(&other, "volume").is_ok());
        }
    }

    #[test]
    fn with_us_east_1_its_control_planes_are_lost_but_teardown_may_clean_up() {
        let gate = gate(Loss::Region("us-east-1".parse().unwrap()));
        let west = "us-west-2".parse().unwrap();
        let create =
            Call { service: "s3", operation: "CreateBucket", region: Some(&west), ..Call::default() };
        let denied = gate.check(&create, "receipts").unwrap_err();
        assert!(denied.why.contains("control plane lives in us-east-1"), "{denied:?}");
        let put = Call { operation: "PutObject", ..create.clone() };
        assert!(gate.check(&put, "receipts").is_ok());
        gate.enforce(Enforcement::Teardown);
        assert!(gate.check(&Call { operation: "DeleteBucket", ..create }, "teardown").is_ok());
    }

    #[test]
    fn a_call_that_leads_to_a_lost_control_plane_is_denied() {
        let west = "us-west-2".parse().unwrap();
        let call = Call {
            service: "backup",
            operation: "StartRestoreJob",
            region: Some(&west),
            leads_to: crate::Restorable::Neptune.leads_to(),
            ..Call::default()
        };
        let denied = gate(Loss::Region("us-east-1".parse().unwrap())).check(&call, "graph").unwrap_err();
        assert!(denied.why.contains("Neptune") && denied.why.contains("us-east-1"), "{denied:?}");
        assert!(gate(Loss::Region("eu-west-1".parse().unwrap())).check(&call, "graph").is_ok());
        let other = Call { leads_to: crate::Restorable::Cluster.leads_to(), ..call };
        assert!(gate(Loss::Region("us-east-1".parse().unwrap())).check(&other, "ledger").is_ok());
    }

    #[test]
    fn the_regions_of_another_provider_are_its_own() {
        let east = "us-east-1".parse().unwrap();
        let other: AccountId = "999999999999".parse().unwrap();
        let call = Call {
            service: "s3",
            operation: "GetObject",
            account: Some(&other),
            region: Some(&east),
            elsewhere: true,
            ..Call::default()
        };
        assert!(gate(Loss::Region(east.clone())).check(&call, "x").is_ok());
        assert!(
            gate(Loss::Region(east.clone())).check(&Call { elsewhere: false, ..call.clone() }, "x").is_err()
        );
        assert!(gate(Loss::Account(other.clone())).check(&call, "x").is_err());
    }

    #[test]
    fn calls_with_unknown_facts_are_refused_after_a_loss() {
        let gate = LossGate::new(Loss::Region("us-east-1".parse().unwrap()));
        let west = "us-west-2".parse().unwrap();
        let call = Call {
            service: "backup",
            operation: "StartRestoreJob",
            region: Some(&west),
            unclear: true,
            ..Call::default()
        };
        assert!(gate.check(&call, "x").is_ok());
        gate.enforce(Enforcement::Full);
        assert!(gate.check(&call, "x").unwrap_err().why.contains("is not known"));
        assert!(LossGate::nothing_lost().check(&call, "x").is_ok());
    }

    #[test]
    fn nothing_is_created_in_the_lost_zone() {
        let lost: AzId = "use1-az1".parse().unwrap();
        let other: AzId = "use1-az2".parse().unwrap();
        let gate = gate(Loss::Az(lost.clone()));
        let call = Call { service: "ec2", operation: "CreateVolume", zones: vec![&other], ..Call::default() };
        assert!(gate.check(&call, "v").is_ok());
        assert!(gate.check(&Call { zones: vec![&other, &lost], ..call }, "v").is_err());
    }
}
