//! The names that were looked up in a sandbox, as a cloud tells them.

use base::ids::Region;
use base::partition::Partition;
use estate::production::canonical;

use super::Ready;

/// A name that something in the sandbox looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameSeen {
    pub by: Asker,
    pub name: String,
    pub count: u64,
    /// Whether the firewall blocked it. `None`: the cloud has no firewall (the twin).
    pub blocked: Option<bool>,
}

/// Who looked a name up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asker {
    /// A machine that this step launched.
    Step(String),
    /// A machine, by its id.
    Instance(String),
    /// Something else, by its address.
    Address(String),
}

/// The question for the names that were looked up in a sandbox.
#[derive(Debug, Clone, Copy)]
pub struct LookupsOf<'a> {
    pub sandbox: &'a Ready,
}

/// What the resolver of a closed sandbox answers. A pattern is a name, or `*.` and a name: all names
/// below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameRules {
    /// Production's own names, although `allow` has names above them.
    pub refuse: Vec<String>,
    /// What the drill needs. All else is blocked.
    pub allow: Vec<String>,
}

impl NameRules {
    /// Whether the resolver answers a name.
    pub fn lets(&self, name: &str) -> bool {
        let name = canonical(name);
        let fits = |patterns: &[String]| patterns.iter().any(|pattern| is_of(pattern, &name));
        !fits(&self.refuse) && fits(&self.allow)
    }
}

/// Whether a pattern means a name. As in DNS Firewall, `*.example.com` does not mean `example.com`.
fn is_of(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(above) => name.strip_suffix(&canonical(above)).is_some_and(|rest| rest.ends_with('.')),
        None => canonical(pattern) == name,
    }
}

/// The names that AWS gives to what is restored in a region: databases, machines, file systems, load
/// balancers, caches and search domains. Their name servers are AWS's, so that no name that is made up
/// below them reaches anybody else.
pub fn names_of_restored(region: &Region) -> Vec<String> {
    const BEFORE_REGION: [&str; 2] = ["efs", "elb"];
    const AFTER_REGION: [&str; 6] = ["docdb", "elb", "es", "neptune", "rds", "redshift"];
    let suffix = Partition::of(region).dns_suffix;
    let before = BEFORE_REGION.iter().map(|service| format!("*.{service}.{region}.{suffix}"));
    let after = AFTER_REGION.iter().map(|service| format!("*.{region}.{service}.{suffix}"));
    let mut names: Vec<String> = before.chain(after).collect();
    names.push(format!("*.{}.cache.{suffix}", region.zone_prefix()));
    // China's databases have the region last.
    names.push(format!("*.rds.{region}.{suffix}"));
    names.push(if region.as_str() == estate::plane::EAST {
        "*.ec2.internal".to_owned()
    } else {
        format!("*.{region}.compute.internal")
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_what_lies_below_it() {
        let rules = NameRules {
            refuse: vec!["ledger.c1.eu-west-1.rds.amazonaws.com".into()],
            allow: names_of_restored(&"eu-west-1".parse().unwrap()),
        };
        for (name, lets) in [
            ("orders.c1.eu-west-1.rds.amazonaws.com", true),
            ("ORDERS.c1.eu-west-1.rds.amazonaws.com.", true),
            ("ledger.c1.eu-west-1.rds.amazonaws.com", false),
            ("eu-west-1.rds.amazonaws.com", false),
            ("orders.c1.us-east-1.rds.amazonaws.com", false),
            ("x.eu-west-1.rds.amazonaws.com.evil.example", false),
            ("fs-1.efs.eu-west-1.amazonaws.com", true),
            ("sqs.eu-west-1.amazonaws.com", false),
            ("ip-10-66-0-9.eu-west-1.compute.internal", true),
            ("ip-10-66-0-9.ec2.internal", false),
            ("a.euw1.cache.amazonaws.com", true),
            ("", false),
        ] {
            assert_eq!(rules.lets(name), lets, "{name}");
        }
    }
}
