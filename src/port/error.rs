//! What can go wrong with a call, and whether the request may have taken effect.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether the cloud may have acted on the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// It never left, or the cloud refused it: nothing was done.
    No,
    /// It may have arrived and its answer was lost: look before doing it again.
    Maybe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The loss gate refused it: it would touch what is lost.
    Lost,
    /// The guard refused it: it would change something outside the sandbox.
    Guarded,
    /// Too many requests.
    Throttled,
    NotFound,
    AlreadyExists,
    /// The credentials are missing, expired or wrong.
    Credentials,
    /// The credentials are good and may not do this.
    Forbidden,
    /// The request is wrong, and will be wrong again.
    Invalid,
    /// A limit of the account.
    Quota,
    /// A limit of what may be under way at once: it passes when something of that ends.
    Busy,
    /// Something still depends on it.
    InUse,
    /// A fault on the cloud's side.
    Server,
    /// No answer: network, name resolution, time-out.
    Network,
    /// This cloud cannot do it.
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
    /// What the user can do about it.
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
    /// Whether the cloud may have acted on a request that ended so.
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

    /// Whether another attempt of a step can make sense: what was refused on our side is refused again.
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
