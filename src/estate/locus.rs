//! Where a thing lives.

use serde::{Deserialize, Serialize};

use base::ids::{AccountId, AzId, Region};

/// Where a thing lives; what is absent does not bind it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Locus {
    pub account: Option<AccountId>,
    pub region: Option<Region>,
    pub az: Option<AzId>,
}
