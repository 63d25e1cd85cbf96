//! Who is told: each entry names one.

use super::Context;
use super::facts::Facts;
use crate::draft::Draft;
use yaml::Diagnostics;

pub fn check(draft: &Draft<'_>, _: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    crate::notify::check(draft.source, draft.root, out);
}
