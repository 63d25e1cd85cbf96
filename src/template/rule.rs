//! The rules by which a template is inspected.

/// What a finding is about. Only `Iam`, `Retain` and `Unlisted` can be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A way between the sandbox's network and others, or something that stands outside that network.
    Network,
    /// An address or a name that the world can reach.
    Public,
    /// Others are let in: principals of other accounts, federated users, everybody.
    Access,
    /// Something in another account or region is named.
    Elsewhere,
    /// A machine that holds production's data gets credentials.
    Credentials,
    /// What is deployed is not what can be read.
    Uninspected,
    /// An identity with rights in the sandbox's account.
    Iam,
    /// It outlives the stack, or cannot be deleted.
    Retain,
    /// Its type is not known to stay inside.
    Unlisted,
}
