//! Credentials that STS has confirmed.
//!
//! No request is signed with keys of another account than the intended one. The SDK asks for new
//! credentials when they expire, and those are confirmed in turn.

use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};

use crate::interceptor::Shared;
use base::ids::AccountId;

pub struct Confirmed {
    pub inner: SharedCredentialsProvider,
    /// STS without credentials of its own: each call brings the keys to confirm.
    pub sts: aws_sdk_sts::config::Builder,
    pub account: AccountId,
    pub shared: Arc<Shared>,
}

impl std::fmt::Debug for Confirmed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Confirmed").field("account", &self.account).finish_non_exhaustive()
    }
}

/// The credentials belong to another account.
#[derive(Debug, thiserror::Error)]
#[error("the credentials for account {expected} belong to account {found}")]
pub struct WrongAccount {
    expected: AccountId,
    found: String,
}

impl Confirmed {
    async fn confirm(&self) -> provider::Result {
        let keys = self.inner.provide_credentials().await?;
        if self.shared.is_confirmed(&self.account, keys.access_key_id()) {
            return Ok(keys);
        }
        let found = self.account_of(&keys).await?;
        if found != self.account.as_str() {
            let error = WrongAccount { expected: self.account.clone(), found };
            return Err(CredentialsError::provider_error(error));
        }
        self.shared.confirm(&self.account, keys.access_key_id());
        Ok(keys)
    }

    async fn account_of(&self, keys: &Credentials) -> Result<String, CredentialsError> {
        let provider = SharedCredentialsProvider::new(keys.clone());
        let sts = aws_sdk_sts::Client::from_conf(self.sts.clone().credentials_provider(provider).build());
        let answer = sts.get_caller_identity().send().await.map_err(CredentialsError::provider_error)?;
        Ok(answer.account.unwrap_or_default())
    }
}

impl ProvideCredentials for Confirmed {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.confirm())
    }
}
