//! The sandbox, ready for use.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Place, ResourceRef, SubnetRef};

/// The firewall of a sandbox's resolver, and the log of what it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamesWatch {
    pub rule_group: String,
    /// The real name of the bucket that holds the log.
    pub bucket: String,
}

/// The parts of the sandbox that exist before T0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ready {
    pub place: Place,
    /// The VPC's address range.
    pub cidr: String,
    pub vpc: String,
    pub subnets: Vec<SubnetRef>,
    pub security_group: String,
    pub db_subnet_group: Option<String>,
    /// The real names of buckets, by their names in the steps.
    pub buckets: BTreeMap<String, String>,
    /// The identifiers of replicas, by the step that promotes them.
    pub replicas: BTreeMap<String, String>,
    /// The names of the vaults for copies, by the key that encrypts them, as the steps name it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vaults: BTreeMap<String, String>,
    /// The function that asks checks from inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
    /// The parts of a standing sandbox, which stay. Empty: everything is this run's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub standing: Vec<ResourceRef>,
    /// What closes the sandbox's resolver and watches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<NamesWatch>,
    /// The private zones that answer names, by the names of the zones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zones: BTreeMap<String, String>,
}
