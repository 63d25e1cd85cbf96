//! The partitions of AWS. Accounts, roles and data of one do not exist in another.

use crate::ids::Region;

/// A partition: how its ARNs begin, and how the host names of its services end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// `aws-cn`, as in `arn:aws-cn:…`
    pub id: &'static str,
    /// `amazonaws.com.cn`
    pub dns_suffix: &'static str,
    /// How the names of its regions begin.
    regions: &'static [&'static str],
}

const fn row(id: &'static str, dns_suffix: &'static str, regions: &'static [&'static str]) -> Partition {
    Partition { id, dns_suffix, regions }
}

/// The commercial partition. Its regions have no prefix in common.
const AWS: Partition = row("aws", "amazonaws.com", &[]);

/// Source: `partitions.json` of botocore 1.44.8.
pub const PARTITIONS: [Partition; 8] = [
    row("aws-us-gov", "amazonaws.com", &["us-gov-"]),
    row("aws-cn", "amazonaws.com.cn", &["cn-"]),
    row("aws-eusc", "amazonaws.eu", &["eusc-"]),
    row("aws-iso", "c2s.ic.gov", &["us-iso-"]),
    row("aws-iso-b", "sc2s.sgov.gov", &["us-isob-"]),
    row("aws-iso-e", "cloud.adc-e.uk", &["eu-isoe-"]),
    row("aws-iso-f", "csp.hci.ic.gov", &["us-isof-"]),
    AWS,
];

impl Partition {
    /// The partition of a region. A region of no other partition counts as commercial.
    pub fn of(region: &Region) -> &'static Self {
        let named = |partition: &&Self| partition.regions.iter().any(|p| region.as_str().starts_with(p));
        PARTITIONS.iter().find(named).unwrap_or(&AWS)
    }

    /// What stands before the partition's ending in the host name of a service:
    /// `db.abc.us-west-2.rds` of `db.abc.us-west-2.rds.amazonaws.com`. `None` if the name ends as in
    /// no partition.
    pub fn service_of_host(host: &str) -> Option<String> {
        let host = host.to_ascii_lowercase();
        let ends = PARTITIONS.iter().find_map(|p| host.strip_suffix(p.dns_suffix)?.strip_suffix('.'));
        ends.map(str::to_owned)
    }

    /// The partition of an ARN, such as `aws-cn` of `arn:aws-cn:iam::…`. `None` if the text is no
    /// ARN.
    pub fn of_arn(arn: &str) -> Option<&str> {
        arn.strip_prefix("arn:")?.split_once(':').map(|(partition, _)| partition)
    }
}

#[cfg(test)]
mod tests {
    use super::{PARTITIONS, Partition};

    #[test]
    fn a_region_is_in_its_partition() {
        for (region, id, suffix) in [
            ("us-east-1", "aws", "amazonaws.com"),
            ("mx-central-1", "aws", "amazonaws.com"),
            ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
            ("cn-northwest-1", "aws-cn", "amazonaws.com.cn"),
            ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
            ("us-iso-west-1", "aws-iso", "c2s.ic.gov"),
            ("us-isob-west-1", "aws-iso-b", "sc2s.sgov.gov"),
            ("eu-isoe-west-1", "aws-iso-e", "cloud.adc-e.uk"),
            ("us-isof-south-1", "aws-iso-f", "csp.hci.ic.gov"),
        ] {
            let partition = Partition::of(&region.parse().unwrap());
            assert_eq!((partition.id, partition.dns_suffix), (id, suffix), "{region}");
        }
        assert_eq!(Partition::of_arn("arn:aws-cn:iam::111122223333:role/x"), Some("aws-cn"));
        assert_eq!(Partition::of_arn("orders"), None);
    }

    #[test]
    fn the_host_names_of_every_partition_are_known() {
        for partition in PARTITIONS {
            let host = format!("db.abc.RDS.{}", partition.dns_suffix);
            assert_eq!(Partition::service_of_host(&host).as_deref(), Some("db.abc.rds"), "{host}");
        }
        for host in
            ["amazonaws.com", "xamazonaws.com", "db.rds.amazonaws.com.example", "db.rds.amazonaws.example"]
        {
            assert_eq!(Partition::service_of_host(host), None, "{host}");
        }
    }
}
