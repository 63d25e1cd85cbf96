//! The report: the figures of a run (`model`), their form for templates (`view`), and the output
//! formats.
//!
//! The top-level `reports/` holds the Handlebars templates of HTML and Markdown. Code writes
//! `JUnit` and JSON, whose forms are fixed.

pub mod caveats;
pub mod compare;
mod error;
pub mod escape;
mod format;
pub mod github;
pub mod headline;
pub mod html;
mod json;
mod junit;
mod markdown;
pub mod model;
pub mod outcome;
mod templates;
pub mod told;
pub mod view;
mod write;

pub use error::ReportError;
pub use format::Format;
pub use json::{Written, read, report_schema};
pub use model::Report;
pub use outcome::Outcome;
pub use templates::{PendingTemplates, Templates};
pub use write::write_all;

/// Renders the report in one format. The text ends with a newline.
pub fn render(report: &Report, format: Format, templates: &Templates) -> Result<String, ReportError> {
    match format {
        Format::Html => html::render(report, templates),
        Format::Markdown => markdown::render(report, templates),
        Format::Json => json::render(report),
        Format::Junit => junit::render(report),
    }
}
