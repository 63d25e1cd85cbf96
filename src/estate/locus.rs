//! The place of a resource.

use serde::{Deserialize, Serialize};

use base::ids::{AccountId, AzId, Region};

/// The place of a resource. An absent part does not bind it: a regional resource has no zone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Locus {
    pub account: Option<AccountId>,
    pub region: Option<Region>,
    pub az: Option<AzId>,
}
