//! The forms that a report has.

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
