//! YAML with positions. Text becomes nodes that know their place in the file. Nodes are checked
//! against a JSON Schema. Every mistake becomes a diagnostic that shows its line.
//!
//! This crate does not know what the keys of a playbook or an estate mean.

mod builder;
pub mod check;
mod de;
pub mod diagnostic;
pub mod directive;
pub mod emit;
mod events;
pub mod file;
pub mod files;
pub mod limits;
pub mod node;
pub mod parse;
pub mod patterns;
mod raw;
mod scalar;
pub mod schema;
pub mod source;
mod syntax;

pub use check::{Checker, Formats, is_template};
pub use de::decode;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use node::{Entry, Map, Node, Value};
pub use parse::parse;
pub use schema::Schema;
pub use source::{Position, Source, Span};
