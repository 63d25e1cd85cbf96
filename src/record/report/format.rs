//! The formats of a report.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Html,
    Markdown,
    Json,
    Junit,
}

impl Format {
    /// Every format, in the order of writing. JSON comes first, because every other format can be
    /// made from it.
    pub const ALL: [Self; 4] = [Self::Json, Self::Html, Self::Markdown, Self::Junit];

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
