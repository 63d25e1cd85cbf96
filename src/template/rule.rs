//! The rules of the inspection.

/// The rule of a finding. Only `Iam`, `Retain` and `Unlisted` can be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A connection between the sandbox's network and others, or a resource outside that network.
    Network,
    /// An address or a name that is reachable from the internet.
    Public,
    /// Access for others: principals of other accounts, federated users, everybody.
    Access,
    /// A reference to another account or region.
    Elsewhere,
    /// Credentials for a machine that holds production's data.
    Credentials,
    /// The deployed resources differ from the text of the template.
    Uninspected,
    /// An identity with rights in the sandbox's account.
    Iam,
    /// A resource that outlives the stack, or cannot be deleted.
    Retain,
    /// A type that is not known to stay inside the sandbox.
    Unlisted,
}
