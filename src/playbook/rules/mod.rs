//! What a playbook may have wrong although each value is well formed: one file per rule, one row per rule here.

use std::path::Path;

use super::action::Catalogue;
use super::draft::Draft;
use super::schema::Compiled;
use crate::estate::load::EstateDraft;
use crate::yaml::Diagnostics;

/// What rules may look at besides the playbook.
pub struct Context<'a> {
    pub catalogue: Catalogue,
    pub schemas: &'a Compiled,
    /// Absent where the playbook names none, or it could not be read.
    pub estate: Option<&'a EstateDraft>,
    /// The playbook's: paths in it are relative to this.
    pub folder: &'a Path,
}

pub type Rule = fn(&Draft<'_>, &Context<'_>, &mut Diagnostics);

pub const RULES: [(&str, Rule); 0] = [];

pub fn check(draft: &Draft<'_>, context: &Context<'_>, out: &mut Diagnostics) {
    for (_, rule) in RULES {
        rule(draft, context, out);
    }
}
