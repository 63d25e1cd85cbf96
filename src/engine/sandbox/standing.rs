//! A sandbox that stays between drills: its network and its probe. Their tags name no drill but the
//! sandbox itself, and its parts are found by the client tokens among their tags. A drill holds a lock
//! while it uses one: a security group in its VPC, whose name can be taken only once.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use super::prepare::{SandboxSpec, VPC, one, subnet_slot};
use super::provisioner::{ProvisionError, Provisioner};
use super::sweep::{self, Expiry, Outcome, Sweeper};
use base::clock::Clock;
use base::digest::sha256;
use base::duration::Time;
use base::ids::{AzId, RunId};
use estate::Loss;
use event::SANDBOX;
use port::wait::{Until, Waiter};
use port::{
    Cloud, CloudError, CloudResult, Create, ErrorKind, Kind, Place, Protected, ResourceRef, Whose, Zone,
};

/// The beginning of the run id in the tags of a standing sandbox.
const PREFIX: &str = "standing-";
/// The name of the security group that is the lock.
const LOCK_NAME: &str = "drillmaster-lock";
const TAGGED: &str = "ec2:DescribeVpcs";
/// The most that `sandbox.network.azs` may ask for.
const MOST_ZONES: usize = 6;

/// The last second that a tag with four digits for the year can name.
///
/// # Panics
/// Never.
pub fn forever() -> Time {
    chrono::DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(Time::MAX_UTC)
}

/// The run id in the tags of a standing sandbox. Names of resources end in its last part.
pub fn run_of(name: &str) -> RunId {
    let digest: String = sha256(name).chars().take(8).collect();
    RunId(format!("{PREFIX}{name}-{digest}"))
}

/// The name of the standing sandbox that has this run id in its tags.
pub fn name_of(run: &str) -> Option<&str> {
    let (name, _) = run.strip_prefix(PREFIX)?.rsplit_once('-')?;
    (run_of(name).0 == run).then_some(name)
}

/// Whether a run id is kept for standing sandboxes.
pub fn is_reserved(run: &str) -> bool {
    run.starts_with(PREFIX)
}

/// The parts that stand, by client token.
pub async fn find(cloud: &dyn Cloud, place: &Place, name: &str) -> CloudResult<HashMap<String, ResourceRef>> {
    let found = cloud.tagged(place, &Whose::Network(Some(run_of(name)))).await?;
    if let Some(unread) = found.unread.first() {
        let said = format!("the standing sandbox `{name}` cannot be read whole: {unread}");
        return Err(CloudError::new(ErrorKind::Server, TAGGED, said));
    }
    let mut by_token = HashMap::new();
    for thing in found.things {
        let Some(token) = thing.token else { continue };
        if let Some(other) = by_token.insert(token, thing.resource.clone()) {
            let said =
                format!("the standing sandbox `{name}` is there twice: {other} and {}", thing.resource);
            return Err(CloudError::new(ErrorKind::Invalid, TAGGED, said)
                .help("remove it with `drillmaster sandbox down`, and make it anew"));
        }
    }
    Ok(by_token)
}

/// The slots of all parts that a drill with this specification needs.
pub fn slots(spec: &SandboxSpec) -> Vec<String> {
    let mut slots = vec![VPC.to_owned(), "sg".to_owned()];
    slots.extend((0..spec.azs as usize).map(subnet_slot));
    slots.extend(spec.databases.then(|| "db-subnets".to_owned()));
    if spec.probe.is_some() {
        slots.extend(["probe-subnet", "probe-sg", "probe"].map(str::to_owned));
    }
    slots
}

/// The slots whose parts are missing.
pub fn missing(standing: &Provisioner, spec: &SandboxSpec) -> Vec<String> {
    let is_missing = |slot: &String| standing.part(SANDBOX, slot).is_none();
    slots(spec).into_iter().filter(is_missing).collect()
}

/// The zones of the subnets that stand. The range of the VPC is the playbook's, too.
pub async fn zones(
    standing: &Rc<Provisioner>,
    waiter: &Rc<Waiter>,
    spec: &SandboxSpec,
    loss: &Loss,
) -> Result<Vec<Zone>, ProvisionError> {
    let place = &spec.place;
    let wrong = |said: String, help: &str| {
        ProvisionError::Cloud(CloudError::new(ErrorKind::Invalid, TAGGED, said).help(help.to_owned()))
    };
    let vpc = part(standing, VPC)?;
    let seen = waiter.wait(place, Kind::Vpc, &vpc.id, Until::Ready).await?;
    let cidr = seen.attributes.get("cidr").and_then(serde_json::Value::as_str);
    if let Some(cidr) = cidr.filter(|cidr| *cidr != spec.cidr) {
        let said =
            format!("the standing sandbox has the range {cidr}, and the playbook asks for {}", spec.cidr);
        return Err(wrong(said, "give the playbook that `sandbox.network.cidr`, or name another sandbox"));
    }
    let stand =
        (0..MOST_ZONES).filter(|index| standing.part(SANDBOX, &subnet_slot(*index)).is_some()).count();
    if stand != spec.azs as usize {
        let said = format!(
            "the standing sandbox has subnets in {stand} zones, and the playbook asks for {}",
            spec.azs
        );
        return Err(wrong(
            said,
            "give the playbook that number as `sandbox.network.azs`, or name another sandbox",
        ));
    }
    let all = standing.cloud().zones(place).await?;
    let mut zones = Vec::new();
    for index in 0..spec.azs as usize {
        let subnet = part(standing, &subnet_slot(index))?;
        let seen = waiter.wait(place, Kind::Subnet, &subnet.id, Until::Ready).await?;
        let az = seen.attributes.get("az").and_then(serde_json::Value::as_str);
        let az: Option<AzId> = az.and_then(|az| az.parse().ok());
        let zone = all.iter().find(|zone| az.as_ref() == Some(&zone.id)).cloned();
        let Some(zone) = zone else {
            return Err(wrong(format!("the zone of {subnet} cannot be read"), "look at the subnet by hand"));
        };
        if loss.az() == Some(&zone.id) {
            let said = format!("{subnet} of the standing sandbox lies in {}, which the drill loses", zone.id);
            return Err(wrong(said, "name another sandbox: `drillmaster sandbox up` makes it elsewhere"));
        }
        if !spec.zones.is_empty() && !spec.zones.contains(&zone.id) {
            let said =
                format!("{subnet} of the standing sandbox lies in {}, which is none of `zones`", zone.id);
            return Err(wrong(said, "correct `sandbox.network.zones`, or name another sandbox"));
        }
        zones.push(zone);
    }
    Ok(zones)
}

fn part(standing: &Provisioner, slot: &str) -> Result<ResourceRef, CloudError> {
    standing.part(SANDBOX, slot).ok_or_else(|| {
        CloudError::new(ErrorKind::NotFound, TAGGED, format!("the standing sandbox has no {slot}"))
            .help("make it with `drillmaster sandbox up`; if it is there in part, remove it first with `sandbox down`")
    })
}

/// What to do about a removal that was cut off: its lock never expires.
pub const FINISH_REMOVAL: &str =
    "finish its removal with `drillmaster sandbox down`, and make it anew with `drillmaster sandbox up`";

/// Who holds the lock of a standing sandbox, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub run: RunId,
    pub until: Expiry,
}

fn lock_slot(name: &str) -> String {
    format!("lock-{name}")
}

/// Looks who holds the lock.
pub async fn holder(cloud: &dyn Cloud, place: &Place, name: &str, now: Time) -> CloudResult<Option<Holder>> {
    let slot = lock_slot(name);
    let found = cloud.tagged(place, &Whose::Network(None)).await?;
    let lock = found.things.into_iter().find(|thing| {
        let token = Provisioner::name_of(&thing.run, SANDBOX, &slot);
        thing.resource.kind == Kind::SecurityGroup && thing.token == Some(token)
    });
    if let (None, Some(unread)) = (&lock, found.unread.first()) {
        let said = format!("nobody knows who uses the standing sandbox `{name}`: {unread}");
        return Err(CloudError::new(ErrorKind::Server, TAGGED, said));
    }
    Ok(lock.map(|lock| Holder { until: sweep::expiry(lock.expires.as_deref(), now), run: lock.run }))
}

/// What the lock needs besides the cloud.
pub struct Locking<'a> {
    pub name: &'a str,
    pub clock: &'a Clock,
    pub protected: &'a Protected,
    pub patience: Duration,
}

impl Locking<'_> {
    /// Takes the lock for a run. Whoever died with it loses it when its drill has expired: then all that
    /// it left here is removed first.
    pub async fn take(
        &self,
        provisioner: &Rc<Provisioner>,
        standing: &Rc<Provisioner>,
        waiter: &Rc<Waiter>,
        spec: &SandboxSpec,
    ) -> Result<(), ProvisionError> {
        let place = &spec.place;
        let vpc = part(standing, VPC)?.id;
        let take = async || self.hold(provisioner, waiter, &vpc, spec).await;
        match take().await {
            Err(ProvisionError::Cloud(error)) if error.kind == ErrorKind::AlreadyExists => {}
            taken => return taken,
        }
        let cloud = standing.cloud();
        match holder(&**cloud, place, self.name, self.clock.now()).await? {
            Some(Holder { run, until: Expiry::Expired(_) }) => self.clear(cloud, place, &run).await?,
            Some(Holder { run, until }) => return Err(self.in_use(&run, &until).into()),
            // It was let go between the two calls, or a hand has made the group.
            None => {}
        }
        match take().await {
            Err(ProvisionError::Cloud(error)) if error.kind == ErrorKind::AlreadyExists => {
                let said = format!("the standing sandbox `{}` is in use", self.name);
                let help = format!("wait; if it stays so, look whose the security group {LOCK_NAME} is");
                Err(CloudError::new(ErrorKind::InUse, error.call, said).help(help).into())
            }
            taken => taken,
        }
    }

    /// Makes the lock. `AlreadyExists`: somebody holds it.
    pub async fn hold(
        &self,
        provisioner: &Rc<Provisioner>,
        waiter: &Rc<Waiter>,
        vpc: &str,
        spec: &SandboxSpec,
    ) -> Result<(), ProvisionError> {
        let what = Create::SecurityGroup {
            vpc: vpc.to_owned(),
            vpc_cidr: spec.cidr.clone(),
            name: LOCK_NAME.to_owned(),
            only_out: true,
        };
        one(provisioner, waiter, &spec.place, &lock_slot(self.name), what).await.map(drop)
    }

    fn in_use(&self, run: &RunId, until: &Expiry) -> CloudError {
        if name_of(&run.0) == Some(self.name) {
            let said = format!("the standing sandbox `{}` is being removed", self.name);
            return CloudError::new(ErrorKind::InUse, "ec2:CreateSecurityGroup", said).help(FINISH_REMOVAL);
        }
        let until = match until {
            Expiry::Expired(at) | Expiry::StandsUntil(at) => format!(", until {at} at the latest"),
            Expiry::Unknown(why) => format!("; {why}"),
        };
        let said = format!("the standing sandbox `{}` is in use by the run {run}{until}", self.name);
        let help = "wait for its end; if its runner is dead, end it with `drillmaster abort`";
        CloudError::new(ErrorKind::InUse, "ec2:CreateSecurityGroup", said).help(help)
    }

    /// Removes what an expired run has left at this place, its lock included.
    pub async fn clear(&self, cloud: &Rc<dyn Cloud>, place: &Place, run: &RunId) -> CloudResult<()> {
        let places = [place.clone()];
        let whose = Whose::Run(run.clone());
        let mut swept = sweep::look(&**cloud, &places, &whose, self.clock.now()).await;
        let (cloud, clock) = (Rc::clone(cloud), self.clock.clone());
        let (protected, patience) = (self.protected.clone(), self.patience);
        Sweeper { cloud, clock, protected, patience }.remove_expired(&mut swept).await;
        let left: Vec<String> = swept
            .leftovers
            .iter()
            .filter_map(|left| match &left.outcome {
                Outcome::Removed => None,
                Outcome::Stands => Some(left.thing.resource.to_string()),
                Outcome::Resisted(why) => Some(format!("{}: {why}", left.thing.resource)),
            })
            .chain(swept.unseen)
            .chain(swept.held)
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        let said = format!(
            "the run {run} has expired, and not all that it left could be removed: {}",
            left.join("; ")
        );
        Err(CloudError::new(ErrorKind::InUse, "ec2:DeleteSecurityGroup", said)
            .help("remove it with `drillmaster sweep --delete`"))
    }
}

/// Whether the lock that the run took still stands. Somebody takes it away once the run has expired.
pub async fn is_held(provisioner: &Provisioner, place: &Place, name: &str, now: Time) -> CloudResult<bool> {
    let holder = holder(&**provisioner.cloud(), place, name, now).await?;
    Ok(holder.is_some_and(|holder| holder.run == provisioner.run_tags().run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_sandbox_is_told_from_a_run() {
        let run = run_of("quarterly-east");
        assert!(run.0.starts_with("standing-quarterly-east-") && is_reserved(&run.0));
        assert_eq!(name_of(&run.0), Some("quarterly-east"));
        for other in ["20260302T090000Z-standing-5f2c9a1e", "standing-quarterly-00000000", "standing-", ""] {
            assert_eq!(name_of(other), None, "{other}");
        }
        assert_ne!(run_of("a-b").0.rsplit('-').next(), run_of("x-b").0.rsplit('-').next());
        assert_eq!(forever().to_rfc3339(), "9999-12-31T23:59:59+00:00");
    }
}
