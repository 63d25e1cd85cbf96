//! `report.html`: a single file that loads nothing.

use super::templates::Templates;
use super::view::{Limits, View};
use super::{Report, ReportError};

pub fn render(report: &Report, templates: &Templates) -> Result<String, ReportError> {
    let view = View::of(report, Limits::HTML, templates.css(), templates.css_hash());
    templates.html(&View { report: templates.may_name_report().then_some(report), ..view })
}

/// The page of a matrix. `page` holds what the template `matrix.html.hbs` names, without the style.
pub fn matrix(mut page: serde_json::Map<String, serde_json::Value>) -> Result<String, ReportError> {
    let templates = Templates::with_matrix()?;
    page.insert("css".into(), templates.css().into());
    page.insert("css_hash".into(), templates.css_hash().into());
    page.insert("version".into(), env!("CARGO_PKG_VERSION").into());
    templates.matrix(&page)
}
