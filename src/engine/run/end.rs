//! The ways in which steps and checks end.

/// How a node ended, for the nodes that depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Done,
    /// The node failed, and its dependents run anyway.
    Tolerated,
    Failed,
    NotRun,
    /// A dependency of the node did not succeed.
    Skipped,
}
