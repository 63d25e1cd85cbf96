//! The smallest IAM policies that a playbook needs, account by account: derived from the calls that its actions and
//! checks and the harness declare, and from what its arguments name.

mod derive;
mod document;
mod grants;
mod table;
mod trust;

pub use derive::{AccountPolicy, Policies, PolicyError, of};
pub use document::{Document, LONGEST, documents};
pub use trust::{Trust, runner, trust};
