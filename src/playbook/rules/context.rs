//! What every rule is given.

use crate::action::Catalogue;
use crate::schema::Compiled;
use estate::draft::EstateDraft;
use yaml::files::Files;

/// What rules may look at besides the playbook.
pub struct Context<'a> {
    pub catalogue: Catalogue,
    pub schemas: &'a Compiled,
    /// Absent where the playbook names none, or it could not be read.
    pub estate: Option<&'a EstateDraft>,
    /// The playbook's: paths in it are relative to this.
    pub files: &'a Files,
    /// The values of `--param` that fit.
    pub params: &'a serde_json::Map<String, serde_json::Value>,
}
