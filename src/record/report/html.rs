//! `report.html`: a single file that loads nothing.

use super::templates::Templates;
use super::view::{Limits, View};
use super::{Report, ReportError};

pub fn render(report: &Report, templates: &Templates) -> Result<String, ReportError> {
    templates.html(&View::of(report, Limits::HTML, templates.css(), templates.css_hash()))
}
