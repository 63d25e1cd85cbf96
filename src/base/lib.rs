//! Shared basics: names, durations and sizes, clocks, graphs, redaction of secrets, child
//! processes.

pub mod architecture;
pub mod causes;
pub mod clock;
pub mod digest;
pub mod duration;
pub mod exit;
pub mod explanation;
pub mod graph;
pub mod ids;
pub mod on;
pub mod parallel;
pub mod partition;
pub mod private;
pub mod process;
pub mod redact;
pub mod rung;
pub mod secret;
pub mod severity;
pub mod visible;
