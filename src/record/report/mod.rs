//! The report: what a run measured (`model`), what templates see of it (`view`), and its renderings.
//!
//! HTML and Markdown come from the Handlebars templates in the top-level `reports/`; `JUnit` and JSON have fixed
//! forms and come from code.

mod error;
pub mod escape;
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
pub use json::read;
pub use model::Report;
pub use templates::Templates;
pub use write::{FILES, write_all};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Html,
    Markdown,
    Json,
    Junit,
}

impl Format {
    /// Every format, in the order in which they are written: first the one from which all can be made again.
    pub const ALL: [Self; 4] = [Self::Json, Self::Html, Self::Markdown, Self::Junit];

    /// Its file in a run's folder.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Html => "report.html",
            Self::Markdown => "report.md",
            Self::Json => "report.json",
            Self::Junit => "junit.xml",
        }
    }
}

/// The report in one format, ending in a newline.
pub fn render(report: &Report, format: Format, templates: &Templates) -> Result<String, ReportError> {
    match format {
        Format::Html => html::render(report, templates),
        Format::Markdown => markdown::render(report, templates),
        Format::Json => json::render(report),
        Format::Junit => junit::render(report),
    }
}
