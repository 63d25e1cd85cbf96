//! The disaster: what is lost, and whether a resource is part of the loss.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bucket;
use super::locus::Locus;
use super::resource::Resource;
use super::scope::Scope;
use base::ids::{AccountId, AzId, Region};

/// The loss that the drill simulates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    Az(AzId),
    Region(Region),
    Account(AccountId),
}

impl Loss {
    /// Whether the loss takes a resource of this scope at this place.
    pub fn takes(&self, locus: &Locus, scope: Scope) -> bool {
        match self {
            Self::Account(account) => locus.account.as_ref() == Some(account),
            Self::Region(region) => scope != Scope::Global && locus.region.as_ref() == Some(region),
            Self::Az(az) => scope == Scope::Zonal && locus.az.as_ref() == Some(az),
        }
    }

    pub fn takes_resource(&self, resource: &Resource) -> bool {
        if let (Self::Az(lost), "s3:bucket") = (self, resource.id.kind.as_str()) {
            let Locus { region, az, .. } = &resource.locus;
            return bucket::dies_with(
                lost,
                &resource.id.name,
                region.as_ref(),
                az.as_ref(),
                resource.one_zone,
            );
        }
        self.takes(&resource.locus, resource.scope)
    }

    /// Whether the loss of a zone may take a resource whose own zone is not known.
    pub fn may_take(&self, resource: &Resource) -> bool {
        let (Self::Az(lost), Locus { region, az: None, .. }) = (self, &resource.locus) else { return false };
        resource.scope == Scope::Zonal && region.as_ref().is_none_or(|region| region.holds(lost))
    }

    /// The key that a playbook's `lose` has for it, and what is lost.
    pub fn key_and_name(&self) -> (&'static str, &str) {
        match self {
            Self::Az(az) => ("az", az.as_str()),
            Self::Region(region) => ("region", region.as_str()),
            Self::Account(account) => ("account", account.as_str()),
        }
    }

    pub fn region(&self) -> Option<&Region> {
        match self {
            Self::Region(region) => Some(region),
            Self::Account(_) | Self::Az(_) => None,
        }
    }

    pub fn account(&self) -> Option<&AccountId> {
        match self {
            Self::Account(account) => Some(account),
            Self::Region(_) | Self::Az(_) => None,
        }
    }

    pub fn az(&self) -> Option<&AzId> {
        match self {
            Self::Az(az) => Some(az),
            Self::Region(_) | Self::Account(_) => None,
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Az(az) => write!(f, "availability zone {az}"),
            Self::Region(region) => write!(f, "region {region}"),
            Self::Account(account) => write!(f, "account {account}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::duration::Size;

    fn resource(id: &str, multi_az: bool) -> Resource {
        let id: crate::ResourceId = id.parse().unwrap();
        let scope = crate::scope::row_of(&id.kind).unwrap().scope;
        Resource {
            id,
            scope: if multi_az && scope == Scope::Zonal { Scope::Regional } else { scope },
            locus: Locus {
                account: Some("111122223333".parse().unwrap()),
                region: Some("us-east-1".parse().unwrap()),
                az: Some("use1-az1".parse().unwrap()),
            },
            size: Size(0),
            objects: 0,
            one_zone: false,
            tags: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn a_bucket_in_one_zone_dies_with_it() {
        let zone = |id: &str| Loss::Az(id.parse().unwrap());
        let taken = |id: &str, az: Option<&str>, one_zone: bool, lost: &str| {
            let mut bucket = resource(id, false);
            bucket.locus.az = az.map(|az| az.parse().unwrap());
            bucket.one_zone = one_zone;
            zone(lost).takes_resource(&bucket)
        };
        for (id, az, one_zone, lost, expected) in [
            ("s3:bucket/a--use1-az1--x-s3", None, false, "use1-az1", true),
            ("s3:bucket/a--use1-az1--x-s3", Some("use1-az2"), false, "use1-az2", false),
            ("s3:bucket/a--use1-az2--x-s3", None, false, "use1-az1", false),
            ("s3:bucket/a", None, true, "use1-az1", true),
            ("s3:bucket/a", Some("use1-az2"), true, "use1-az1", false),
            ("s3:bucket/a", None, true, "usw2-az1", false),
            ("s3:bucket/a", Some("use1-az1"), false, "use1-az1", false),
        ] {
            assert_eq!(taken(id, az, one_zone, lost), expected, "{id} {az:?} {one_zone} {lost}");
        }
        let region = Loss::Region("us-east-1".parse().unwrap());
        assert!(region.takes_resource(&resource("s3:bucket/a--use1-az1--x-s3", false)));
    }

    #[test]
    fn a_loss_takes_by_scope() {
        let az = Loss::Az("use1-az1".parse().unwrap());
        let region = Loss::Region("us-east-1".parse().unwrap());
        let account = Loss::Account("111122223333".parse().unwrap());
        for (id, multi_az, by_az, by_region, by_account) in [
            ("rds:db/orders", false, true, true, true),
            ("rds:db/orders", true, false, true, true),
            ("ec2:volume/vol-1", false, true, true, true),
            ("ec2:snapshot/snap-1", false, false, true, true),
            ("s3:bucket/b", false, false, true, true),
            ("iam:role/r", false, false, false, true),
        ] {
            let resource = resource(id, multi_az);
            assert_eq!(az.takes_resource(&resource), by_az, "{id} az");
            assert_eq!(region.takes_resource(&resource), by_region, "{id} region");
            assert_eq!(account.takes_resource(&resource), by_account, "{id} account");
        }
    }
}
