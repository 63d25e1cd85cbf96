//! `report.md`: fit for a pull-request comment.

use super::templates::Templates;
use super::view::{Limits, View};
use super::{Report, ReportError};

/// GitHub refuses comments above 65,536 characters; a little is left for what a workflow puts around it.
pub const MOST_BYTES: usize = 60_000;

/// Renders with ever fewer rows per list until it fits; each shortened list says how many it leaves out.
pub fn render(report: &Report, templates: &Templates) -> Result<String, ReportError> {
    let mut text = String::new();
    for rows in [40, 15, 6, 2] {
        text = templates.markdown(&View::of(report, Limits::markdown(rows), "", String::new()))?;
        if text.len() < MOST_BYTES {
            return Ok(text);
        }
    }
    // Only a template of the user's own gets here: it is cut between lines.
    let note = "\n\n*Cut here: the whole of it would not fit into a comment. See report.html.*\n";
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if end + line.len() + note.len() >= MOST_BYTES {
            break;
        }
        end += line.len();
    }
    text.truncate(end);
    text.push_str(note);
    Ok(text)
}
