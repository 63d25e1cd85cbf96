//! How large and how deep a document may be.

/// Bytes of a file.
pub const LARGEST_FILE: usize = 32 << 20;
/// Values in a document, with those that its aliases repeat.
pub const MOST_NODES: usize = 1_000_000;
/// Of them, those under anchors, which are kept for aliases. An anchor within an anchor keeps its
/// values twice.
pub const MOST_KEPT: usize = 250_000;
/// Bytes of text in a document, with those that its aliases repeat.
pub const MOST_TEXT: usize = 64 << 20;
/// Levels of nesting. Each takes up to 60 KiB of stack in a build without optimisation, and a
/// thread has 2 MiB.
pub const DEEPEST: usize = 24;
