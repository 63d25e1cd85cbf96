//! The input of every rule besides the playbook.

use crate::action::Catalogue;
use crate::schema::Compiled;
use estate::draft::EstateDraft;
use yaml::files::Files;

/// The input of rules besides the playbook.
pub struct Context<'a> {
    pub catalogue: Catalogue,
    pub schemas: &'a Compiled,
    /// Absent if the playbook names no estate, or if the estate could not be read.
    pub estate: Option<&'a EstateDraft>,
    /// The files of the playbook's folder. Paths in the playbook are relative to it.
    pub files: &'a Files,
    /// The values of `--param` that have the right type.
    pub params: &'a serde_json::Map<String, serde_json::Value>,
}
