//! The accounts that the user has protected.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base::ids::AccountId;

/// The accounts in which nothing is ever changed, and the file that lists them.
#[derive(Debug, Clone, Default)]
pub struct Protected {
    accounts: BTreeSet<AccountId>,
    path: PathBuf,
}

impl Protected {
    /// `path` is the file that lists the accounts.
    pub fn new(accounts: BTreeSet<AccountId>, path: PathBuf) -> Self {
        Self { accounts, path }
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
