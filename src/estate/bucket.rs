//! What the name of a bucket says: the zone of a directory bucket, and names that are none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::ids::{AzId, BadName, Region};

/// The storage classes of S3, by their names there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StorageClass {
    Standard,
    StandardIa,
    IntelligentTiering,
    #[serde(rename = "ONEZONE_IA")]
    OneZoneIa,
    #[serde(rename = "EXPRESS_ONEZONE")]
    ExpressOneZone,
    GlacierIr,
    Glacier,
    DeepArchive,
    ReducedRedundancy,
}

impl StorageClass {
    /// Whether its objects lie in one zone.
    pub fn is_one_zone(self) -> bool {
        match self {
            Self::OneZoneIa | Self::ExpressOneZone => true,
            Self::Standard
            | Self::StandardIa
            | Self::IntelligentTiering
            | Self::GlacierIr
            | Self::Glacier
            | Self::DeepArchive
            | Self::ReducedRedundancy => false,
        }
    }
}

impl StorageClass {
    /// Reads a class by its name in S3. `None`: it is one that this version does not know.
    pub fn read(name: &str) -> Option<Self> {
        serde_json::from_value(name.into()).ok()
    }

    /// Whether its objects must be restored before they can be read, which takes minutes to days.
    pub fn is_archived(self) -> bool {
        match self {
            Self::Glacier | Self::DeepArchive => true,
            Self::Standard
            | Self::StandardIa
            | Self::IntelligentTiering
            | Self::OneZoneIa
            | Self::ExpressOneZone
            | Self::GlacierIr
            | Self::ReducedRedundancy => false,
        }
    }
}

/// Whether a bucket of this name and region dies with the zone. AWS does not say in which zone the
/// objects of a one-zone class lie. So it may be the lost one.
pub fn dies_with(
    lost: &AzId,
    name: &str,
    region: Option<&Region>,
    az: Option<&AzId>,
    one_zone: bool,
) -> bool {
    match zone(name).as_ref().or(az.filter(|_| one_zone)) {
        Some(zone) => zone == lost,
        None => one_zone && region.is_some_and(|region| region.holds(lost)),
    }
}

/// The zone of a directory bucket, by its name: `carts--use1-az4--x-s3`. An access point of one has
/// the same form, with the ending `--xa-s3`.
pub fn zone(name: &str) -> Option<AzId> {
    let rest = name.strip_suffix("--x-s3").or_else(|| name.strip_suffix("--xa-s3"))?;
    rest.rsplit_once("--")?.1.parse().ok()
}

/// Refuses an ARN where the name of a bucket belongs.
///
/// The SDK follows an ARN to wherever it leads: an access point into its own region, a multi-region
/// access point into whichever region answers first.
pub fn check(name: &str) -> Result<(), BadName> {
    let Some(arn) = name.strip_prefix("arn:") else { return Ok(()) };
    let parts: Vec<&str> = arn.splitn(5, ':').collect();
    let (region, resource) =
        (parts.get(2).copied().unwrap_or_default(), parts.get(4).copied().unwrap_or_default());
    let (what, help) = if resource.starts_with("accesspoint") && region.is_empty() {
        (
            "the ARN of a multi-region access point, which leads to any of its regions, a lost one too",
            "name the bucket behind it that survives".to_owned(),
        )
    } else if resource.contains("accesspoint") {
        ("the ARN of an access point, not the name of a bucket", "name the bucket behind it".to_owned())
    } else if resource.is_empty() || resource.contains([':', '/']) {
        ("an ARN, not the name of a bucket", "name the bucket, such as `orders-receipts`".to_owned())
    } else {
        ("the ARN of a bucket, not its name", format!("write `{resource}`"))
    };
    Err(BadName { message: format!("`{name}` is {what}"), help })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_buckets_say_their_zone() {
        for (name, expected) in [
            ("carts--use1-az4--x-s3", Some("use1-az4")),
            ("a--b--usw2-lax1-az1--x-s3", Some("usw2-lax1-az1")),
            ("carts-ap--use1-az4--xa-s3", Some("use1-az4")),
            ("carts--x-s3", None),
            ("carts--use1-az4", None),
            ("use1-az4--x-s3", None),
            ("carts", None),
        ] {
            assert_eq!(zone(name).as_ref().map(AzId::as_str), expected, "{name}");
        }
    }

    #[test]
    fn arns_are_no_names_of_buckets() {
        for (arn, word) in [
            ("arn:aws:s3::111122223333:accesspoint/m1a2.mrap", "multi-region"),
            ("arn:aws:s3:us-west-2:111122223333:accesspoint/reports", "an access point"),
            ("arn:aws:s3:us-west-2:111122223333:accesspoint:reports", "an access point"),
            ("arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-1/accesspoint/a", "an access point"),
            ("arn:aws-cn:s3:::receipts", "its name"),
            ("arn:aws:s3:::receipts/2026/*", "not the name"),
            ("arn:", "not the name"),
        ] {
            let wrong = check(arn).unwrap_err();
            assert!(wrong.message.contains(word), "{arn}: {wrong:?}");
        }
        assert!(check("arn.of.a.bucket").is_ok() && check("receipts").is_ok());
    }
}
