//! The floor of the house: names, durations and sizes, clocks, graphs, texts without secrets, programs.

pub mod clock;
pub mod digest;
pub mod duration;
pub mod exit;
pub mod graph;
pub mod ids;
pub mod on;
pub mod process;
pub mod redact;
pub mod severity;
