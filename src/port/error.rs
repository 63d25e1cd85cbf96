//! Errors of calls to a cloud. Each error says whether the request may have taken effect.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether the cloud may have acted on the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// The request never left, or the cloud refused it. Nothing was done.
    No,
    /// The request may have arrived, but its answer was lost. Look before you repeat it.
    Maybe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The loss gate refused the call, because it would touch lost resources.
    Lost,
    /// The guard refused the call, because it would change something outside the sandbox.
    Guarded,
    /// Too many requests.
    Throttled,
    NotFound,
    AlreadyExists,
    /// The credentials are missing, expired or wrong.
    Credentials,
    /// The credentials are valid, but the call is not allowed.
    Forbidden,
    /// The request is invalid. Repeating it does not help.
    Invalid,
    /// The request exceeds a quota of the account.
    Quota,
    /// The request exceeds a limit on concurrent operations. It may pass once one of them ends.
    Busy,
    /// Another resource still depends on this one.
    InUse,
    /// The cloud failed to process the request.
    Server,
    /// No answer came: a failure of the network or of name resolution, or a time-out.
    Network,
    /// This cloud does not support the request.
    Unsupported,
}

pub type CloudResult<T> = Result<T, CloudError>;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {message}")]
pub struct CloudError {
    pub kind: ErrorKind,
    /// The API call: `rds:RestoreDBInstanceFromDBSnapshot`.
    pub call: String,
    pub message: String,
    /// What the user can do.
    pub help: Option<String>,
    pub sent: Sent,
}

impl CloudError {
    pub fn new(kind: ErrorKind, call: impl Into<String>, message: impl Into<String>) -> Self {
        let sent = if kind.may_have_been_done() { Sent::Maybe } else { Sent::No };
        Self { kind, call: call.into(), message: message.into(), help: None, sent }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub fn sent(mut self, sent: Sent) -> Self {
        self.sent = sent;
        self
    }

    /// Whether the same request may succeed later.
    pub fn may_pass(&self) -> bool {
        self.kind.may_pass()
    }
}

impl ErrorKind {
    /// Whether the cloud may have acted on a request that ended with this error.
    fn may_have_been_done(self) -> bool {
        match self {
            Self::Network | Self::Server => true,
            Self::Lost
            | Self::Guarded
            | Self::Throttled
            | Self::NotFound
            | Self::AlreadyExists
            | Self::Credentials
            | Self::Forbidden
            | Self::Invalid
            | Self::Quota
            | Self::Busy
            | Self::InUse
            | Self::Unsupported => false,
        }
    }

    fn may_pass(self) -> bool {
        match self {
            Self::Throttled | Self::Server | Self::Network | Self::InUse | Self::Busy => true,
            Self::Lost
            | Self::Guarded
            | Self::NotFound
            | Self::AlreadyExists
            | Self::Credentials
            | Self::Forbidden
            | Self::Invalid
            | Self::Quota
            | Self::Unsupported => false,
        }
    }

    /// Whether another attempt of a step can succeed. Drillmaster's own refusals are final.
    pub fn is_worth_another_attempt(self) -> bool {
        match self {
            Self::Lost | Self::Guarded | Self::Unsupported => false,
            Self::Throttled
            | Self::NotFound
            | Self::AlreadyExists
            | Self::Credentials
            | Self::Forbidden
            | Self::Invalid
            | Self::Quota
            | Self::Busy
            | Self::InUse
            | Self::Server
            | Self::Network => true,
        }
    }
}
