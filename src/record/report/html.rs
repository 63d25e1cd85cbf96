//! `report.html`: a single file that loads nothing.

pub use super::templates::Page;
use super::templates::Templates;
use super::view::{Limits, View};
use super::{Report, ReportError};

pub fn render(report: &Report, templates: &Templates) -> Result<String, ReportError> {
    let view = View::of(report, Limits::HTML, templates.css(), templates.css_hash());
    templates.html(&View { report: templates.may_name_report().then_some(report), ..view })
}

/// A page of `plan` or `forecast`. `view` holds what its template names, without the style.
pub fn page(page: Page, mut view: serde_json::Map<String, serde_json::Value>) -> Result<String, ReportError> {
    let templates = Templates::with_page(page)?;
    view.insert("css".into(), templates.css().into());
    view.insert("css_hash".into(), templates.css_hash().into());
    view.insert("version".into(), env!("CARGO_PKG_VERSION").into());
    templates.page(page, &view)
}
