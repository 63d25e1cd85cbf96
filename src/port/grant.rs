//! The permissions that a role needs, in the terms of IAM. `iam-policy` prints them, and preflight
//! proves them.

use std::collections::{BTreeMap, BTreeSet};

/// An example of a name that a run gives to a resource.
const EXAMPLE_NAME: &str = "dm-00000000";
/// An example of an id. Ids of EC2 have 17 hexadecimal digits.
const EXAMPLE_ID: &str = "0123456789abcdef0";

/// The operator of a condition, named as in IAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Test {
    StringEquals,
    StringLike,
    /// For a key that has several values.
    ForAnyValueStringEquals,
}

impl Test {
    pub fn name(self) -> &'static str {
        match self {
            Self::StringEquals => "StringEquals",
            Self::StringLike => "StringLike",
            Self::ForAnyValueStringEquals => "ForAnyValue:StringEquals",
        }
    }
}

/// The values that a condition allows, by operator and key. Any one of them satisfies it.
pub type Conditions = BTreeMap<(Test, String), BTreeSet<String>>;

/// Keys and values that hold for every launch of a drill. Organizations and permission boundaries
/// guard `ec2:RunInstances` by these keys.
pub const LAUNCH: [(&str, &str); 2] =
    [("ec2:MetadataHttpTokens", "required"), ("ec2:AssociatePublicIpAddress", "false")];

/// Actions that a role needs on these resources, with the conditions that the requests satisfy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// `ec2:RunInstances`
    pub actions: BTreeSet<String>,
    /// Patterns of ARNs. `*` stands only for actions without resource types.
    pub resources: BTreeSet<String>,
    pub conditions: Conditions,
}

impl Grant {
    /// Examples of ARNs in a run, one for each pattern. IAM's policy simulation takes them.
    pub fn examples(&self) -> Vec<String> {
        self.resources.iter().map(|pattern| example(pattern)).collect()
    }

    /// All combinations of condition values. Each combination is the context of one possible
    /// request.
    pub fn contexts(&self) -> Vec<Vec<(String, String)>> {
        let mut all = vec![Vec::new()];
        for ((_, key), values) in &self.conditions {
            all = all
                .iter()
                .flat_map(|before: &Vec<(String, String)>| {
                    values.iter().map(move |value| {
                        let value = if value.contains('*') { EXAMPLE_NAME } else { value };
                        let mut context = before.clone();
                        context.push((key.clone(), value.to_owned()));
                        context
                    })
                })
                .collect();
        }
        all
    }
}

fn example(pattern: &str) -> String {
    if pattern == "*" {
        return pattern.to_owned();
    }
    // The prefix of an EC2 id names its kind. A policy may match on it.
    let pattern = pattern.replace("dm-????????", EXAMPLE_NAME).replace('?', "0");
    let id = [
        ("vpc/*", "vpc"),
        ("subnet/*", "subnet"),
        ("security-group/*", "sg"),
        ("snapshot/*", "snap"),
        ("image/*", "ami"),
        ("volume/*", "vol"),
        ("instance/*", "i"),
        ("network-interface/*", "eni"),
        ("elastic-ip/*", "eipalloc"),
    ];
    for (end, prefix) in id {
        if let Some(start) = pattern.strip_suffix(end) {
            let kind = end.trim_end_matches('*');
            return format!("{start}{kind}{prefix}-{EXAMPLE_ID}").replace('*', "example");
        }
    }
    pattern.replace("-*", &format!("-{EXAMPLE_ID}")).replace('*', "example")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_look_like_the_real_thing() {
        for (pattern, wanted) in [
            ("*", "*"),
            ("arn:aws:ec2:us-west-2:9:vpc/*", "arn:aws:ec2:us-west-2:9:vpc/vpc-0123456789abcdef0"),
            ("arn:aws:ec2:*::snapshot/snap-*", "arn:aws:ec2:example::snapshot/snap-0123456789abcdef0"),
            (
                "arn:aws:rds:us-west-2:9:db:dm-????????-*",
                "arn:aws:rds:us-west-2:9:db:dm-00000000-0123456789abcdef0",
            ),
            ("arn:aws:s3:::dm-????????-*/*", "arn:aws:s3:::dm-00000000-0123456789abcdef0/example"),
        ] {
            assert_eq!(example(pattern), wanted);
        }
    }

    #[test]
    fn every_value_of_every_condition_is_asked_about() {
        let set = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect();
        let grant = Grant {
            actions: set(&["ec2:CreateTags"]),
            resources: set(&["*"]),
            conditions: BTreeMap::from([
                ((Test::StringEquals, "ec2:CreateAction".to_owned()), set(&["CreateVpc", "RunInstances"])),
                ((Test::StringLike, "aws:RequestTag/drillmaster:run".to_owned()), set(&["*"])),
            ]),
        };
        let tag = ("aws:RequestTag/drillmaster:run".to_owned(), EXAMPLE_NAME.to_owned());
        let action = |name: &str| ("ec2:CreateAction".to_owned(), name.to_owned());
        let wanted = [vec![action("CreateVpc"), tag.clone()], vec![action("RunInstances"), tag]];
        assert_eq!(grant.contexts(), wanted);
    }
}
