//! Names of things in the cloud. Each is checked once, where it enters the program.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::partition::Partition;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name that is not well formed. `message` says what is wrong, `help` what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadName {
    pub message: String,
    pub help: String,
}

/// The resource name at the end of an ARN. Any other text is returned as it is.
///
/// Names may hold colons. RDS calls an automated snapshot `rds:orders-2026-01-31-06-10`.
pub fn name_of(id: &str) -> &str {
    let Some(arn) = id.strip_prefix("arn:") else { return id };
    // The parts are partition, service, region and account, then the name, or a type and the name.
    let mut parts = arn.splitn(6, ':').skip(4);
    let resource = parts.next().unwrap_or(id);
    parts.next().unwrap_or(resource)
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $format:literal, $check:path) => {
        $(#[$doc])*
        ///
        /// Copies share one text: an estate names few of them, each tens of thousands of times.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                $check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(|e: BadName| serde::de::Error::custom(format!("{}; {}", e.message, e.help)))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format })
            }
        }
    };
}

name!(
    /// An AWS account id: a string of 12 digits.
    AccountId, "account-id", check_account
);
name!(
    /// The name of a region, such as `us-east-1`.
    Region, "region", check_region
);
name!(
    /// The id of an availability zone, such as `use1-az1`.
    ///
    /// An id means the same zone in every account. A name (`us-east-1a`) does not, so a name is
    /// never accepted in place of an id.
    AzId, "az-id", check_az
);

fn check_account(text: &str) -> Result<(), BadName> {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    Err(BadName {
        message: format!("`{text}` is not an account id"),
        help: "an account id is a string of 12 digits, in quotes: \"012345678901\"".into(),
    })
}

fn check_region(text: &str) -> Result<(), BadName> {
    let parts: Vec<&str> = text.split('-').collect();
    let well_formed = parts.len() >= 3
        // Two letters, except in the European Sovereign Cloud: `eusc-de-east-1`.
        && parts
            .first()
            .is_some_and(|p| (p.len() == 2 || *p == "eusc") && p.bytes().all(|b| b.is_ascii_lowercase()))
        && parts
            .iter()
            .skip(1)
            .rev()
            .skip(1)
            .all(|p| p.len() >= 2 && p.bytes().all(|b| b.is_ascii_lowercase()))
        && parts.last().is_some_and(|p| (1..=2).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()));
    if well_formed {
        return Ok(());
    }
    let help = match text.strip_suffix(|c: char| c.is_ascii_lowercase()) {
        Some(region) if check_region(region).is_ok() => {
            format!("that is the name of a zone; its region is `{region}`")
        }
        _ => "a region looks like `us-east-1`".to_owned(),
    };
    Err(BadName { message: format!("`{text}` is not a region"), help })
}

fn check_az(text: &str) -> Result<(), BadName> {
    let well_formed = text.rsplit_once("-az").is_some_and(|(region, number)| {
        region.len() >= 4
            && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
    });
    if well_formed {
        return Ok(());
    }
    let zone_name =
        text.strip_suffix(|c: char| c.is_ascii_lowercase()).and_then(|r| r.parse::<Region>().ok());
    let help = match zone_name {
        Some(region) => format!(
            "names of zones differ between accounts; give the zone's id, such as `{}-az1` \
             (`aws ec2 describe-availability-zones` shows both)",
            region.zone_prefix()
        ),
        None => "the id of a zone looks like `use1-az1`".to_owned(),
    };
    Err(BadName { message: format!("`{text}` is not the id of an availability zone"), help })
}

impl Region {
    /// The prefix of the ids of this region's zones: `use1` for `us-east-1`.
    pub fn zone_prefix(&self) -> String {
        let mut prefix = String::new();
        for (i, part) in self.0.split('-').enumerate() {
            if i == 0 || part.bytes().all(|b| b.is_ascii_digit()) {
                prefix.push_str(part);
                continue;
            }
            match part {
                "northeast" => prefix.push_str("ne"),
                "northwest" => prefix.push_str("nw"),
                "southeast" => prefix.push_str("se"),
                "southwest" => prefix.push_str("sw"),
                other => prefix.extend(other.chars().next()),
            }
        }
        prefix
    }

    /// The partition in the ARNs of this region.
    pub fn partition(&self) -> &'static str {
        Partition::of(self).id
    }

    /// Whether the zone is in this region.
    pub fn holds(&self, az: &AzId) -> bool {
        // A local zone's id (`usw2-lax1-az1`) starts with its parent region's prefix.
        az.0.split_once('-').is_some_and(|(prefix, _)| prefix == self.zone_prefix())
    }
}

impl AzId {
    /// Whether it is a zone of the region itself. A Local Zone (`usw2-lax1-az1`) or a Wavelength
    /// Zone has no RDS, few instance types, and lies elsewhere: it is no zone for a sandbox.
    pub fn is_availability_zone(&self) -> bool {
        self.0.bytes().filter(|b| *b == b'-').count() == 1
    }
}

/// The id of one run of a drill: `20261122T074400Z-orders-region-loss-1f3a`. It is safe as the name
/// of a folder and as the value of a tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct RunId(pub String);

impl RunId {
    /// The end, which tells runs apart.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.rsplit('-').next().unwrap_or(&self.0)
    }

    /// How the names of everything that the run makes begin: `dm-1f3a-`.
    #[must_use]
    pub fn name_prefix(&self) -> String {
        format!("dm-{}-", self.short())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_end_in_the_name() {
        for (id, name) in [
            ("orders-1", "orders-1"),
            ("rds:orders-2026-01-31-06-10", "rds:orders-2026-01-31-06-10"),
            ("arn:aws:rds:us-east-1:111122223333:db:orders", "orders"),
            ("arn:aws:rds:us-east-1:111122223333:snapshot:rds:orders-1", "rds:orders-1"),
            ("arn:aws:rds:us-west-2:111122223333:auto-backup:ab-1", "ab-1"),
            ("arn:aws:s3:::uploads", "uploads"),
            ("arn:aws", "arn:aws"),
        ] {
            assert_eq!(name_of(id), name, "{id}");
        }
    }

    #[test]
    fn zone_ids_belong_to_their_region() {
        for (region, az) in [
            ("us-east-1", "use1-az1"),
            ("ap-northeast-1", "apne1-az4"),
            ("us-gov-west-1", "usgw1-az1"),
            ("eu-central-1", "euc1-az2"),
            ("us-west-2", "usw2-lax1-az1"),
        ] {
            let region: Region = region.parse().unwrap();
            assert!(region.holds(&az.parse().unwrap()), "{region} {az}");
        }
        assert!(!"us-east-1".parse::<Region>().unwrap().holds(&"use2-az1".parse().unwrap()));
    }

    #[test]
    fn a_zone_name_is_told_from_an_id() {
        let e = "us-east-1a".parse::<AzId>().unwrap_err();
        assert!(e.help.contains("use1-az1"), "{e:?}");
        assert!("us-east-1a".parse::<Region>().unwrap_err().help.contains("`us-east-1`"));
        assert!("us-east".parse::<Region>().is_err());
    }
}
