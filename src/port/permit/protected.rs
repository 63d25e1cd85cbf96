//! The accounts that the user has protected.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base::ids::AccountId;

/// The accounts in which nothing is ever changed, and the file that lists them.
#[derive(Debug, Clone, Default)]
pub struct Protected {
    accounts: BTreeSet<AccountId>,
    /// Those from whose vaults a drill may copy.
    copied_from: BTreeSet<AccountId>,
    path: PathBuf,
}

impl Protected {
    /// `path` is the file that lists the accounts.
    pub fn new(accounts: BTreeSet<AccountId>, path: PathBuf) -> Self {
        Self { accounts, copied_from: BTreeSet::new(), path }
    }

    /// Names the protected accounts from whose vaults a drill may copy.
    #[must_use]
    pub fn with_copied_from(mut self, accounts: BTreeSet<AccountId>) -> Self {
        self.copied_from = accounts;
        self
    }

    /// Why no copy job may be started in this account. `None` if one may.
    pub fn why_not_copied(&self, account: &AccountId) -> Option<String> {
        let why = self.why(account).filter(|_| !self.copied_from.contains(account))?;
        Some(format!("{why}, and a copy job would run there"))
    }

    /// Why nothing may be changed in this account. `None` if the account is not protected.
    pub fn why(&self, account: &AccountId) -> Option<String> {
        let because = || {
            format!(
                "account {account} is protected: it is among `protected_accounts` of {}",
                self.path.display()
            )
        };
        self.accounts.contains(account).then(because)
    }
}
