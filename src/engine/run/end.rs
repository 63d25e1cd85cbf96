//! How steps and checks end.

/// How a node ended, as far as others depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Done,
    /// Those that depend on it run all the same.
    Tolerated,
    Failed,
    NotRun,
    /// Something that it depends on did not end well.
    Skipped,
}
