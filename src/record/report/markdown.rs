//! `report.md`: small enough for a pull-request comment.

use super::templates::Templates;
use super::view::{Limits, View};
use super::{Report, ReportError};

/// GitHub refuses comments above 65,536 characters. The rest is left for text that a workflow adds.
pub const MOST_BYTES: usize = 60_000;

/// Renders with fewer and fewer rows per list until the text fits. Each shortened list says how
/// many rows it leaves out.
pub fn render(report: &Report, templates: &Templates) -> Result<String, ReportError> {
    let mut text = String::new();
    for rows in [40, 15, 6, 2] {
        let view = View::of(report, Limits::markdown(rows), "", String::new());
        text = templates.markdown(&View { report: templates.may_name_report().then_some(report), ..view })?;
        if text.len() < MOST_BYTES {
            return Ok(text);
        }
    }
    // Only the user's own template can still be too long. It is cut between two lines.
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
