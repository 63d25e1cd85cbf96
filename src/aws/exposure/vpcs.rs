//! The run's own VPCs, and constructors of what is found in them.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, Vpc};
use ipnet::Ipv4Net;

use crate::access::Ec2Reader as Client;
use crate::ec2::filter;
use crate::{missing, pages};
use port::{CloudError, CloudResult, ErrorKind, Exposure, IsolationScan, Leak, TAG_RUN};

/// How many lists are read at once. A scan must leave most of the API's rate limit to the steps.
pub const AT_ONCE: usize = 4;

pub fn found(leak: Leak, resource: Option<String>, what: impl Into<String>) -> Exposure {
    Exposure::new(leak, resource.unwrap_or_else(|| "?".to_owned()), what)
}

pub fn way(resource: Option<String>, what: impl Into<String>) -> Exposure {
    found(Leak::Way, resource, what)
}

/// The run's VPCs with their IPv4 ranges: the sandbox's VPC, and the VPCs that a stack has made.
pub struct Vpcs(pub BTreeMap<String, Vec<Ipv4Net>>);

impl Vpcs {
    pub async fn of(ec2: &Client, scan: &IsolationScan) -> CloudResult<Self> {
        const CALL: &str = "ec2:DescribeVpcs";
        let of = |filter: Filter| async move {
            Ok::<_, CloudError>(pages!(CALL, vpcs, ec2.describe_vpcs().filters(filter)))
        };
        let mut all: Vec<Vpc> = of(filter("vpc-id", [&scan.vpc])).await?;
        if all.is_empty() {
            return Err(CloudError::new(ErrorKind::NotFound, CALL, format!("there is no VPC {}", scan.vpc)));
        }
        all.extend(of(filter(&format!("tag:{TAG_RUN}"), [scan.run.to_string()])).await?);
        let ranges = |vpc: &Vpc| {
            let more = vpc.cidr_block_association_set().iter().filter_map(|a| a.cidr_block());
            vpc.cidr_block().into_iter().chain(more).filter_map(|cidr| cidr.parse().ok()).collect()
        };
        let known = all.iter().map(|vpc| Some((vpc.vpc_id.clone()?, ranges(vpc))));
        Ok(Self(known.collect::<Option<_>>().ok_or_else(|| missing(CALL, "VPC id"))?))
    }

    pub fn filter(&self, name: &str) -> Filter {
        filter(name, self.0.keys())
    }

    pub fn has(&self, vpc: Option<&str>) -> bool {
        vpc.is_some_and(|vpc| self.0.contains_key(vpc))
    }
}
