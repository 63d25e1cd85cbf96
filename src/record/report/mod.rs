//! The report: what a run measured (`model`), what templates see of it (`view`), and its renderings.
//!
//! HTML and Markdown come from the Handlebars templates in the top-level `reports/`; `JUnit` and JSON have fixed
//! forms and come from code.

#![deny(clippy::wildcard_enum_match_arm)]

mod error;
pub mod escape;
mod format;
pub mod github;
mod html;
mod json;
mod junit;
mod markdown;
pub mod model;
mod templates;
pub mod view;
mod write;

pub use error::ReportError;
pub use format::Format;
pub use json::{read, report_schema};
pub use model::Report;
pub use templates::Templates;
pub use write::{FILES, write_all};

/// The report in one format, ending in a newline.
pub fn render(report: &Report, format: Format, templates: &Templates) -> Result<String, ReportError> {
    match format {
        Format::Html => html::render(report, templates),
        Format::Markdown => markdown::render(report, templates),
        Format::Json => json::render(report),
        Format::Junit => junit::render(report),
    }
}
