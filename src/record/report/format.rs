//! The formats of a report.

use strum::VariantArray;

/// The first is written before the others: all can be made again from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, VariantArray)]
pub enum Format {
    Json,
    Html,
    Markdown,
    Junit,
}

impl Format {
    /// Every format, in the order of the definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Returns the name of its file in a run's folder.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Html => "report.html",
            Self::Markdown => "report.md",
            Self::Json => "report.json",
            Self::Junit => "junit.xml",
        }
    }
}
