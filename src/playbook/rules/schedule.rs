//! The window of a schedule.

use super::Context;
use super::facts::Facts;
use crate::draft::Draft;
use schedule::Schedule;
use yaml::Diagnostics;

/// Only a schedule whose parts are right by themselves is read whole.
pub fn check(draft: &Draft<'_>, _: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let text = |key: &str| draft.text_at(&["schedule", key]);
    let (Some(cron), Some(window)) = (text("cron"), text("window")) else { return };
    if let Some(length) = window.parse()
        && let Err(bad) = Schedule::check_window(cron.text, length)
    {
        out.push(draft.source.error(window.span, bad.message).help(bad.help));
    }
}
