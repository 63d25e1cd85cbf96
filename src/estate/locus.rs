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

impl Locus {
    /// Its account and its region, as far as they are known: `111122223333 us-east-1`.
    pub fn place(&self) -> String {
        let account = self.account.as_ref().map(ToString::to_string);
        let region = self.region.as_ref().map(ToString::to_string);
        account.into_iter().chain(region).collect::<Vec<_>>().join(" ")
    }
}
