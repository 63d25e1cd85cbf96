//! Resources, and the selectors that workloads use: `rds:db/orders`,
//! `ec2:instance[tag:app=orders]`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::locus::Locus;
use super::scope::{self, Scope};
use base::duration::Size;
use base::ids::{AccountId, BadName, Region};

/// The estate's name of a resource: `service:type/name`. Where a name exists in several places, the
/// place may follow: `rds:db/orders[region=us-west-2]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId {
    /// `service:type`, such as `rds:db`.
    pub kind: String,
    pub name: String,
    pub place: Option<IdPlace>,
}

/// The place in an id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdPlace {
    pub account: Option<AccountId>,
    pub region: Option<Region>,
}

impl ResourceId {
    pub fn new(kind: &str, name: &str) -> Self {
        Self { kind: kind.to_owned(), name: name.to_owned(), place: None }
    }

    /// The id without its place.
    #[must_use]
    pub fn without_place(&self) -> Self {
        Self::new(&self.kind, &self.name)
    }
}

impl IdPlace {
    /// Whether the place is a part of this one.
    pub fn holds(&self, locus: &Locus) -> bool {
        let same_account = self.account.is_none() || self.account == locus.account;
        same_account && (self.region.is_none() || self.region == locus.region)
    }
}

impl FromStr for IdPlace {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let mut place = Self { account: None, region: None };
        for part in text.split(',') {
            match part.trim().split_once('=') {
                Some(("account", id)) if place.account.is_none() => place.account = Some(id.parse()?),
                Some(("region", name)) if place.region.is_none() => place.region = Some(name.parse()?),
                _ => {
                    return Err(BadName {
                        message: format!("`[{text}]` is not the place of a resource"),
                        help: "write `[region=us-west-2]`, `[account=111122223333]`, or both with a comma"
                            .into(),
                    });
                }
            }
        }
        Ok(place)
    }
}

impl fmt::Display for IdPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.account.as_ref().map(|account| format!("account={account}"));
        let region = self.region.as_ref().map(|region| format!("region={region}"));
        f.write_str(&account.into_iter().chain(region).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for ResourceId {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let (kind, name) = text.split_once('/').unwrap_or((text, ""));
        check_kind(text, kind)?;
        let (name, place) = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
            Some((name, place)) => (name, Some(place.parse()?)),
            None => (name, None),
        };
        if name.is_empty() || name.contains(['[', ']']) {
            return Err(BadName {
                message: format!("`{text}` is not the id of a resource"),
                help: format!("write `{kind}/` and the resource's name"),
            });
        }
        Ok(Self { place, ..Self::new(kind, name) })
    }
}

/// Whether `kind` has the form `service:type`. The scope table need not know it: an estate may say
/// the scope of a resource itself.
fn check_kind(text: &str, kind: &str) -> Result<(), BadName> {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if kind.split_once(':').is_some_and(|(service, of)| is_word(service) && is_word(of)) {
        return Ok(());
    }
    let help = near_kind(kind).unwrap_or_else(|| "write `service:type/name`, such as `rds:db/orders`".into());
    Err(BadName { message: format!("`{kind}` in `{text}` is not a type of resource"), help })
}

/// The mistake that neither the scope table nor an estate knows a type.
pub fn unknown_kind(kind: &str) -> BadName {
    let of_service = || {
        let service = kind.split(':').next().unwrap_or_default();
        let same = scope::TABLE.iter().filter(|row| row.kind.split(':').next() == Some(service));
        let kinds: Vec<&str> = same.map(|row| row.kind).collect();
        (!kinds.is_empty()).then(|| format!("the known types of {service} are {}", kinds.join(", ")))
    };
    let help = near_kind(kind).or_else(of_service);
    let own = "an estate may give a resource of any type: add it there with its `scope`";
    BadName {
        message: format!("`{kind}` is not a known type of resource"),
        help: help.map_or_else(|| own.to_owned(), |help| format!("{help}; {own}")),
    }
}

fn near_kind(kind: &str) -> Option<String> {
    let near = scope::TABLE
        .iter()
        .map(|row| (strsim::damerau_levenshtein(row.kind, kind), row.kind))
        .filter(|(distance, _)| *distance <= 3)
        .min();
    near.map(|(_, near)| format!("did you mean `{near}`?"))
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, place } = self;
        match place {
            None => f.pad(&format!("{kind}/{name}")),
            Some(place) => f.pad(&format!("{kind}/{name}[{place}]")),
        }
    }
}

/// One resource by its id, or all resources of a type with a tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Selector {
    Id(ResourceId),
    Tag { kind: String, key: String, value: String },
}

impl Selector {
    pub fn kind(&self) -> &str {
        match self {
            Self::Id(id) => &id.kind,
            Self::Tag { kind, .. } => kind,
        }
    }

    pub fn selects(&self, resource: &Resource) -> bool {
        match self {
            Self::Id(id) => resource.id == *id,
            Self::Tag { kind, key, value } => {
                resource.id.kind == *kind && resource.tags.get(key) == Some(value)
            }
        }
    }

    /// Whether it selects a resource as the cloud knows it. A cloud's ids hold no place: one in the
    /// selector is compared with where the resource is.
    pub fn means(&self, resource: &Resource) -> bool {
        match self {
            Self::Id(id) => {
                id.without_place() == resource.id.without_place()
                    && id.place.as_ref().is_none_or(|place| place.holds(&resource.locus))
            }
            Self::Tag { .. } => self.selects(resource),
        }
    }

    /// Parses a step's argument: `tag:app=orders`, or the name of one resource of type `kind`.
    pub fn of_kind(kind: &str, text: &str) -> Result<Self, BadName> {
        match text.strip_prefix("tag:") {
            Some(tag) => format!("{kind}[tag:{tag}]").parse(),
            // The place may follow: `orders[region=us-west-2]`.
            None if text.ends_with(']') => format!("{kind}/{text}").parse().map(Self::Id),
            None => Ok(Self::Id(ResourceId::new(kind, text))),
        }
    }
}

impl FromStr for Selector {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let Some((kind, rest)) = text.split_once('[').filter(|(kind, _)| !kind.contains('/')) else {
            return text.parse().map(Self::Id);
        };
        check_kind(text, kind)?;
        let tag = rest.strip_suffix(']').and_then(|r| r.strip_prefix("tag:")).and_then(|t| t.split_once('='));
        match tag {
            Some((key, value)) if !key.is_empty() => {
                Ok(Self::Tag { kind: kind.to_owned(), key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err(BadName {
                message: format!("`{text}` is not a selector"),
                help: format!("write `{kind}/NAME` or `{kind}[tag:KEY=VALUE]`"),
            }),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Tag { kind, key, value } => f.pad(&format!("{kind}[tag:{key}={value}]")),
        }
    }
}

macro_rules! text_form {
    ($type:ident, $format:literal, $description:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(|e: BadName| serde::de::Error::custom(format!("{}; {}", e.message, e.help)))
            }
        }
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format, "description": $description })
            }
        }
    };
}

text_form!(
    ResourceId,
    "resource-id",
    "The id of a resource: `rds:db/orders`, or `rds:db/orders[region=us-west-2]` where the name exists in several places."
);
text_form!(
    Selector,
    "selector",
    "A resource (`rds:db/orders`, `rds:db/orders[region=us-west-2]`) or a tag (`ec2:instance[tag:app=orders]`)."
);

/// A resource of the estate.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    pub id: ResourceId,
    pub locus: Locus,
    /// The scope of this resource. It may differ from that of its type (`scope::Differs`).
    pub scope: Scope,
    pub size: Size,
    /// Objects in a bucket.
    pub objects: u64,
    /// A bucket whose objects lie in one zone.
    pub one_zone: bool,
    pub tags: BTreeMap<String, String>,
}
