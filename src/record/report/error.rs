//! Errors of reports and their files, with advice.

use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum ReportError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: this is {what}, not a file", path.display())]
    NotAFile { path: PathBuf, what: &'static str },
    #[error("{}: the journal could not be written to its end, so the report holds more than the journal", .0.display())]
    CutShort(PathBuf),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{} is not a template: its name must end in `.html.hbs` or `.md.hbs`", .0.display())]
    NotATemplate(PathBuf),
    #[error("{} holds no template: it has none of report.html.hbs, report.md.hbs, report.css and partials/*.hbs", .0.display())]
    NoTemplates(PathBuf),
    /// `at` is `file:line:column`, as far as it is known.
    #[error("{at}: {what}")]
    Template { at: String, what: String },
    #[error("{}: there is no such run", .0.display())]
    NoRun(PathBuf),
    #[error("{}: there is no report in this folder", .0.display())]
    NoReport(PathBuf),
    #[error("{}: this is not a report of drillmaster: it has no `schema`", .0.display())]
    Foreign(PathBuf),
    #[error("{}:{line}:{column}: the report is damaged: {what}", path.display())]
    Damaged { path: PathBuf, line: usize, column: usize, what: String },
    #[error("{}: the report has the schema `{found}`, and this drillmaster reads `{}`", path.display(), super::model::SCHEMA)]
    UnknownSchema { path: PathBuf, found: String },
    #[error("the report cannot be put into {format}: {what}")]
    Render { format: &'static str, what: String },
}

impl ReportError {
    /// Returns the next step for the user.
    pub fn help(&self) -> String {
        match self {
            Self::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                "name a file or folder that exists with --template".into()
            }
            Self::NoRun(_) | Self::Foreign(_) => {
                "name a run's folder (`runs/<run-id>`) or its report.json".into()
            }
            Self::NoReport(_) => {
                "the run may have been cut short before it was written: `drillmaster report --format json` makes it \
                 from the journal, where there is one"
                    .into()
            }
            Self::Read { .. } => "check that the file may be read".into(),
            Self::CutShort(_) => "make room, and run the drill again".into(),
            Self::NotAFile { .. } => "restore report.json from a copy, or remove it: the journal is enough".into(),
            Self::Write { .. } => {
                "make room or name another folder with --out, then render again with `drillmaster report`".into()
            }
            Self::NotATemplate(_) | Self::NoTemplates(_) => {
                "start from a copy of the built-in templates (reports/ in the source), and see reports/README.md"
                    .into()
            }
            Self::Template { .. } => {
                "the names that a template may use are listed in reports/README.md; the built-in templates are used \
                 without --template"
                    .into()
            }
            Self::Damaged { .. } => {
                "the file was cut short or edited; render it again from the run's journal, or run the drill again"
                    .into()
            }
            Self::UnknownSchema { .. } => {
                "read it with the drillmaster that wrote it (see `drillmaster_version` in the file), or a newer one"
                    .into()
            }
            Self::Render { .. } => "please report this as a bug, with the run's report.json".into(),
        }
    }
}
