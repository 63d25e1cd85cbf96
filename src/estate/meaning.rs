//! What a name means that something in a sandbox looked up: whether it leads to what is lost, to
//! production, to AWS, into the sandbox or into the world.

use std::collections::BTreeSet;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::host::Host;
use super::production::{Objection, Production, canonical};
use base::ids::Region;

/// What a name means. The gravest is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// It leads to what is lost: a dependency that the recovery does not restore.
    Lost,
    /// It is production's. A copy that finds it works on the original.
    Production,
    /// Somebody else's.
    World,
    /// AWS's own, outside of what is lost.
    Aws,
    /// The sandbox's: something that the drill made, or a name that it answers itself.
    Sandbox,
}

impl Means {
    pub const ALL: [Self; 5] = [Self::Lost, Self::Production, Self::World, Self::Aws, Self::Sandbox];

    /// The name, as it stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Production => "production",
            Self::Aws => "aws",
            Self::Sandbox => "sandbox",
            Self::World => "world",
        }
    }
}

/// The sandbox in which a name was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    pub region: Region,
    /// The names that the sandbox answers itself, as the playbook writes them.
    pub names: BTreeSet<String>,
    /// How the names begin that the run gives to what it makes: `dm-1f3a5c7e-`.
    pub made: String,
}

/// What a name means, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    pub means: Means,
    /// The rest of a sentence that begins with the name, or what it is.
    pub why: String,
}

/// The ends of names that no public name server has: reserved for private use (ICANN's resolution on
/// `.internal` of 2024, RFC 6762, RFC 8375), and what networks commonly use beside them (RFC 6762,
/// appendix G).
const PRIVATE: [&str; 8] = ["internal", "local", "home.arpa", "intranet", "private", "corp", "home", "lan"];

/// The services whose names lead to what customers made: databases, caches, file systems, load balancers,
/// search domains. Which account such a name is of, nobody can tell from it.
const OF_RESOURCES: [&str; 9] = [
    "docdb",
    "elasticache",
    "elasticfilesystem",
    "elasticloadbalancing",
    "es",
    "neptune",
    "rds",
    "redshift",
    "redshift-serverless",
];

impl Production {
    /// What a name means that something in the sandbox looked up.
    ///
    /// A name that the sandbox answers is the sandbox's, also where production has it too: that is
    /// what the answer is for.
    pub fn meaning(&self, name: &str, inside: &Inside) -> Meaning {
        let name = canonical(name);
        let told = |means, why: &str| Meaning { means, why: why.to_owned() };
        if inside.names.iter().any(|answered| canonical(answered) == name) {
            return told(Means::Sandbox, "the sandbox answers it, by `sandbox.names`");
        }
        if self.is_made(&name) || name == "localhost" || name.ends_with(".localhost") {
            return told(Means::Sandbox, "the drill made it");
        }
        // A reverse name asks for an address, which is judged instead.
        let asked = reversed(&name).map_or_else(|| name.clone(), |ip| ip.to_string());
        if let Ok(ip) = asked.parse() {
            if self.is_in_sandbox(ip) {
                return told(Means::Sandbox, "an address of the sandbox");
            }
            if let Some(found) = self.host(&asked, "", true) {
                return of_objection(found, &asked);
            }
            return if is_private(ip) {
                told(Means::Production, "a private address outside of the sandbox")
            } else {
                told(Means::World, "a public address")
            };
        }
        if let Some(found) = self.host(&name, "", true) {
            return of_objection(found, &name);
        }
        match Host::read(&name) {
            Some(aws) => self.of_aws(&name, &aws, inside),
            None => self.of_others(&name),
        }
    }

    /// A name of AWS that leads to nothing lost and to no known resource of production.
    fn of_aws(&self, name: &str, aws: &Host, inside: &Inside) -> Meaning {
        let told = |means, why: String| Meaning { means, why };
        let is_machine = name.ends_with(".compute.internal") || name.ends_with(".ec2.internal");
        if is_machine {
            if aws.region.as_ref() != Some(&inside.region) {
                return told(Means::Production, "a private name of a network in another region".to_owned());
            }
            return if aws.address.is_some_and(|ip| !self.is_in_sandbox(ip)) {
                told(Means::Production, "a private name of a machine outside of the sandbox".to_owned())
            } else {
                told(Means::Sandbox, "a name of the sandbox's own network".to_owned())
            };
        }
        if let Some(bucket) = aws.bucket.as_deref().filter(|bucket| self.has_bucket(bucket)) {
            return told(Means::Production, format!("the bucket `{bucket}` is production's, and survives"));
        }
        if let Some(account) = aws.account.as_ref().filter(|account| self.has_account(account)) {
            return told(Means::Production, format!("it names account {account}, which holds production"));
        }
        if OF_RESOURCES.contains(&aws.service) {
            if name.starts_with(&inside.made) {
                return told(Means::Sandbox, "it has the name of what the drill made".to_owned());
            }
            let why = "names something in AWS that the drill did not make and the estate does not have";
            return told(Means::Production, why.to_owned());
        }
        match &aws.region {
            Some(region) => told(Means::Aws, format!("an endpoint of AWS in {region}")),
            None => told(Means::Aws, "a global endpoint of AWS".to_owned()),
        }
    }

    fn of_others(&self, name: &str) -> Meaning {
        if let Some(found) = self.above(name) {
            return found;
        }
        let is_private = !name.contains('.')
            || PRIVATE.iter().any(|end| name.strip_suffix(end).is_some_and(|rest| rest.ends_with('.')));
        if is_private {
            let why = "a private name, which only production's network would answer".to_owned();
            return Meaning { means: Means::Production, why };
        }
        Meaning { means: Means::World, why: "a public name of somebody else's".to_owned() }
    }

    /// What a name means that lies below one that production goes by.
    fn above(&self, name: &str) -> Option<Meaning> {
        let mut rest = name;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(found) = self.named(parent) {
                let means = if found.lost { Means::Lost } else { Means::Production };
                return Some(Meaning {
                    means,
                    why: format!("lies below a name of production: {}", found.why),
                });
            }
            rest = parent;
        }
        None
    }
}

/// What speaks against a check of the name is what the name means. `name` begins the sentence.
fn of_objection(found: Objection, name: &str) -> Meaning {
    let Objection { why, lost, locus: _ } = found;
    let means = if lost { Means::Lost } else { Means::Production };
    let rest = why.strip_prefix('`').and_then(|rest| rest.strip_prefix(name)?.strip_prefix("` "));
    let why = rest.map(str::to_owned).unwrap_or(why);
    Meaning { means, why }
}

/// Whether nobody in the world has the address: it is one of a private network (RFC 1918, RFC 6598,
/// RFC 4193), or of the machine itself.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let shared = first == 100 && (64..128).contains(&second);
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// The address that a reverse name asks for: `7.0.66.10.in-addr.arpa` (RFC 1035), or one of 32 digits
/// below `ip6.arpa` (RFC 3596).
fn reversed(name: &str) -> Option<IpAddr> {
    if let Some(labels) = name.strip_suffix(".in-addr.arpa") {
        let octets: Vec<&str> = labels.rsplit('.').collect();
        return if octets.len() == 4 { octets.join(".").parse().ok() } else { None };
    }
    let digits: Vec<&str> = name.strip_suffix(".ip6.arpa")?.rsplit('.').collect();
    if digits.len() != 32 || digits.iter().any(|digit| digit.len() != 1) {
        return None;
    }
    let groups: Vec<String> = digits.chunks(4).map(<[&str]>::concat).collect();
    groups.join(":").parse().ok()
}
