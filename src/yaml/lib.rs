//! YAML with positions: text becomes nodes that know where they stand, nodes are checked against a JSON Schema, and
//! every mistake becomes a diagnostic that shows the line. What the keys mean is no business of this room.

mod builder;
pub mod check;
pub mod diagnostic;
pub mod file;
pub mod files;
pub mod limits;
pub mod node;
pub mod parse;
mod raw;
mod scalar;
pub mod schema;
pub mod source;
mod syntax;

pub use check::{Checker, Formats, is_template};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use node::{Entry, Map, Node, Value};
pub use parse::parse;
pub use schema::Schema;
pub use source::{Position, Source, Span};
