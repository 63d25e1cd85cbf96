//! What a stack would touch of what is lost: by the calls that CloudFormation makes, by zones, and
//! by what exists already. The loss gate sees none of these calls.
//!
//! Validation and the action that deploys judge by this one function.

use std::collections::BTreeMap;

use base::ids::{AccountId, AzId, Region, name_of};
use estate::file::{EstateFile, PointEntry};
use estate::plane::{control_plane, is_home};
use estate::point::key_locus;
use estate::scope::Scope;
use estate::{Locus, Loss};
use template::{Need, Surroundings, Template, Thing, What, needs};
use yaml::Span;

/// The facts about the deployment that the template does not hold.
pub struct Around<'a> {
    pub loss: &'a Loss,
    pub region: Option<&'a Region>,
    /// The zones of the sandbox's region by the names that its account gives them. `None` before
    /// a run, when they are not known.
    pub zones: Option<&'a BTreeMap<String, AzId>>,
    /// The zones of the sandbox's subnets. Empty before a run.
    pub subnets: &'a BTreeMap<String, AzId>,
    /// What is known of something that exists already.
    pub find: &'a dyn Fn(Thing, &str) -> Known,
}

/// What is known of something that exists already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    Survives,
    /// Lost, with its place.
    Lost(String),
    /// It survives, and the key that encrypts it is lost.
    KeyLost {
        key: String,
        locus: String,
    },
    Unknown,
}

/// How certain it is that a need cannot be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// The template names what is lost.
    Named,
    /// It is a call that the lost region takes along. What a drill should show.
    Plane,
    /// It cannot be told. Unknown is not safe.
    Unknown,
}

/// One call that CloudFormation could not make after the loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    pub span: Span,
    /// `ec2:CreateSubnet`
    pub call: &'static str,
    /// What is lost: a zone, a region, an account, or a place in it.
    pub locus: String,
    /// Names the resource and the reason.
    pub why: String,
    pub fix: &'static str,
    pub certainty: Certainty,
}

impl Touched {
    /// The reason as `stack.yaml:12:7: …`.
    pub fn told(&self, template: &Template) -> String {
        let at = template.source.position(self.span.start);
        format!("{}:{}:{}: {}", template.source.name, at.line, at.column, self.why)
    }
}

const PLANE: &str =
    "prepare it before the disaster, in a stack of its own, and pass what it makes by a parameter";
const ZONE: &str = "name a zone that survives, by its id in a parameter of the step; or use the sandbox's subnets (`SubnetIds`)";
const THING: &str =
    "use one that survives: a copy in the sandbox's account and region, passed by a parameter";
const UNKNOWN_THING: &str =
    "write it into the estate, with its account; or pass one that a step made by a parameter";
const OUTPUT: &str = "pass the value by a parameter of the step";

/// What a deployment would touch of what is lost, in the order of the file. A value that only the
/// run will know gives nothing.
pub fn touched(template: &Template, surroundings: &Surroundings, around: &Around<'_>) -> Vec<Touched> {
    let mut found: Vec<Touched> = Vec::new();
    for need in needs(template, surroundings) {
        if let Some((certainty, locus, what, fix)) = around.judge(&need) {
            let subject = match (need.resource.as_str(), need.kind.as_str()) {
                ("", _) => "an output".to_owned(),
                (name, kind) => format!("`{name}` ({kind})"),
            };
            let why = format!("{subject} {what}");
            let (span, call) = (need.span, need.call);
            found.push(Touched { span, call, locus, why, fix, certainty });
        }
    }
    // A resource that cannot be made need not be deleted either.
    found.dedup_by(|next, before| next.span == before.span && next.why == before.why);
    found
}

type Verdict = Option<(Certainty, String, String, &'static str)>;

impl Around<'_> {
    fn judge(&self, need: &Need) -> Verdict {
        match &need.what {
            What::Call => self.call(need.call),
            What::UnknownCalls => self.unknown_calls(),
            What::Zone(zone) => self.zone(zone),
            What::ChosenZone(by) => self.unknown_zone(&format!("is placed in a zone that {by} chooses")),
            What::UnknownZone => self.unknown_zone("is placed in a zone that cannot be told"),
            What::Subnet(subnet) => self.subnet(subnet),
            What::Thing(thing, id) => self.thing(*thing, id.as_deref()),
            What::Arn(arn) => self.arn(arn),
            What::Output { region, role } => self.output(region.as_deref(), role.as_deref()),
        }
    }

    fn call(&self, call: &str) -> Verdict {
        let lost = self.loss.region()?;
        let (service, operation) = call.split_once(':')?;
        let plane = control_plane(lost.as_str(), service, operation)?;
        let what = format!("cannot be made: {}", plane.lost());
        Some((Certainty::Plane, lost.to_string(), what, PLANE))
    }

    fn unknown_calls(&self) -> Verdict {
        let lost = self.loss.region().filter(|lost| is_home(lost.as_str()))?;
        let what = format!(
            "is of a type whose calls are unknown, and control planes are lost with region {lost}: it may need one"
        );
        Some((Certainty::Unknown, lost.to_string(), what, PLANE))
    }

    /// The lost zone, if it lies in the region of the stack.
    fn lost_zone(&self) -> Option<&AzId> {
        self.loss.az().filter(|az| self.region.is_none_or(|region| region.holds(az)))
    }

    fn zone(&self, zone: &str) -> Verdict {
        let lost = self.lost_zone()?;
        let is_id = zone.parse::<AzId>().is_ok();
        let id = match self.zones {
            _ if is_id => zone,
            // Names differ between accounts. The run asks for them.
            None => return None,
            Some(zones) => {
                let Some(id) = zones.get(zone) else {
                    let what = format!("is placed in `{zone}`, which is no zone that the account names");
                    return self.unknown_zone(&what);
                };
                id.as_str()
            }
        };
        (id == lost.as_str()).then(|| {
            let named = if is_id { String::new() } else { format!(" (`{zone}`)") };
            let what = format!("is placed in availability zone {lost}{named}, which is lost");
            (Certainty::Named, lost.to_string(), what, ZONE)
        })
    }

    fn unknown_zone(&self, what: &str) -> Verdict {
        let lost = self.lost_zone()?;
        let what = format!("{what}; availability zone {lost} is lost, and it may be that one");
        Some((Certainty::Unknown, lost.to_string(), what, ZONE))
    }

    fn subnet(&self, subnet: &str) -> Verdict {
        match self.subnets.get(subnet) {
            Some(zone) => self.zone(zone.as_str()),
            None if self.zones.is_none() => None,
            None => self.unknown_zone(&format!("is placed in {subnet}, whose zone is unknown")),
        }
    }

    fn thing(&self, thing: Thing, id: Option<&str>) -> Verdict {
        let known = id.map_or(Known::Unknown, |id| (self.find)(thing, id));
        let name = thing.name();
        match (known, id) {
            (Known::Survives, _) => None,
            (Known::Lost(locus), id) => {
                let what = format!(
                    "uses the {name} `{}` of {locus}, which is lost with {}",
                    id.unwrap_or_default(),
                    self.loss
                );
                Some((Certainty::Named, locus, what, THING))
            }
            (Known::KeyLost { key, locus }, id) => {
                let what = format!(
                    "uses the {name} `{}`, whose key {key} is lost with {}",
                    id.unwrap_or_default(),
                    self.loss
                );
                Some((Certainty::Named, locus, what, THING))
            }
            (Known::Unknown, id) => {
                let id = id.map_or_else(
                    || format!("uses a {name} that cannot be told"),
                    |id| format!("uses the {name} `{id}`, whose account is unknown"),
                );
                let lost = self.loss.account().filter(|_| may_be_anothers(thing))?;
                let what = format!("{id}; account {lost} is lost, and it may be its");
                Some((Certainty::Unknown, lost.to_string(), what, UNKNOWN_THING))
            }
        }
    }

    fn arn(&self, arn: &str) -> Verdict {
        let locus = key_locus(arn)?;
        if !self.takes(&locus) {
            return None;
        }
        let what = format!("uses {arn}, which is lost with {}", self.loss);
        Some((Certainty::Named, self.loss.key_and_name().1.to_owned(), what, THING))
    }

    fn output(&self, region: Option<&str>, role: Option<&str>) -> Verdict {
        let unknown = match self.loss {
            Loss::Region(_) => region.is_none(),
            Loss::Account(_) => role.is_none(),
            Loss::Az(_) => false,
        };
        let lost = self.loss.key_and_name().1.to_owned();
        if unknown {
            let what = format!(
                "reads an output of a stack whose place cannot be told; {} is lost, and it may lie there",
                self.loss
            );
            return Some((Certainty::Unknown, lost, what, OUTPUT));
        }
        let of_role = role.and_then(key_locus).is_some_and(|locus| self.takes(&locus));
        let of_region = self.loss.region().is_some_and(|lost| region == Some(lost.as_str()));
        let what = format!("reads an output of a stack that is lost with {}", self.loss);
        (of_role || of_region).then_some((Certainty::Named, lost, what, OUTPUT))
    }

    fn takes(&self, locus: &Locus) -> bool {
        self.loss.takes(locus, Scope::Regional)
    }
}

/// Whether accounts share such things, so that the bare id may be another account's. KMS keys and
/// key pairs by their names are the sandbox's own.
fn may_be_anothers(thing: Thing) -> bool {
    match thing {
        Thing::Image | Thing::Snapshot | Thing::DbSnapshot | Thing::DbClusterSnapshot | Thing::Bucket => true,
        Thing::Volume | Thing::Key | Thing::KeyPair => false,
    }
}

/// What the estate knows of something that exists already.
pub fn in_estate(file: &EstateFile, loss: &Loss, thing: Thing, id: &str) -> Known {
    let kinds: &[&str] = match thing {
        Thing::Image => &["ec2:image"],
        Thing::Snapshot => &["ec2:snapshot"],
        Thing::Volume => &["ec2:volume"],
        Thing::DbSnapshot => &["rds:snapshot"],
        // RDS and its relatives take snapshots of instances by the same property.
        Thing::DbClusterSnapshot => &["rds:cluster-snapshot", "rds:snapshot"],
        Thing::Bucket => &["s3:bucket"],
        Thing::KeyPair => &["ec2:key-pair"],
        Thing::Key => return Known::Unknown,
    };
    let name = name_of(id);
    let mut lost = None;
    let points = file.recovery_points.iter().filter(|point| point.id == id || point.id == name);
    for point in points.filter(|point| kinds.contains(&point.kind.resource_kind())) {
        if survives(point, loss) {
            return Known::Survives;
        }
        let locus = format!("{} {}", point.account, point.region);
        lost = Some(match point.lost_key(loss) {
            Some(key) => Known::KeyLost { key: key.to_owned(), locus },
            None => Known::Lost(locus),
        });
    }
    for resource in file.resources() {
        if kinds.contains(&resource.id.kind.as_str()) && resource.id.name == name {
            if !loss.takes_resource(&resource) {
                return Known::Survives;
            }
            let Locus { account, region, az } = &resource.locus;
            let parts = [account.as_ref().map(AccountId::as_str), region.as_ref().map(Region::as_str)];
            let parts = parts.into_iter().chain([az.as_ref().map(AzId::as_str)]).flatten();
            lost = Some(Known::Lost(parts.collect::<Vec<_>>().join(" ")));
        }
    }
    lost.unwrap_or(Known::Unknown)
}

/// Whether a recovery point survives. It is also lost if the key that encrypts it is lost.
pub fn survives(point: &PointEntry, loss: &Loss) -> bool {
    point.place_survives(loss) && point.lost_key(loss).is_none()
}
