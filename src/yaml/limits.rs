//! The largest size and depth of a document.

/// The largest file, in bytes.
pub const LARGEST_FILE: usize = 32 << 20;
/// Values in a document, including those that its aliases repeat.
pub const MOST_NODES: usize = 3_000_000;
/// Values under anchors, which are kept for aliases. An anchor inside an anchor keeps its values
/// twice.
pub const MOST_KEPT: usize = 250_000;
/// Bytes of text in a document, including text that its aliases repeat.
pub const MOST_TEXT: usize = 64 << 20;
/// Levels of nesting. Each takes up to 60 KiB of stack in a build without optimisation, and a
/// thread has 2 MiB.
pub const DEEPEST: usize = 24;
