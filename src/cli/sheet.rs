//! A table as text, Markdown, CSV and HTML: one form for every list that the history gives.

use std::fmt::Write as _;

use base::exit::Exit;
use base::visible::Form;
use clap::ValueEnum;
use record::report::escape;
use record::report::html::{self, Page};
use record::report::view::chart::Chart;
use serde_json::{Value, json};

use super::output::{complain, print_as};
use super::with_help;
use crate::ui::text::{Tone, clean, pad, width};
use crate::ui::{Surroundings, TextStyle, out};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    #[default]
    Text,
    Markdown,
    Csv,
    Json,
    Html,
}

/// A cell. Its text may hold anything; it is escaped where it is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    pub text: String,
    pub tone: Tone,
    /// The same as in the row above: people see a blank, and a spreadsheet has it again.
    pub is_repeated: bool,
    /// The run that it tells of. The page of `serve` leads there.
    pub run: Option<String>,
}

impl Cell {
    pub fn new(text: impl Into<String>) -> Self {
        Self::of(Tone::Plain, text)
    }

    pub fn of(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone, is_repeated: false, run: None }
    }

    pub fn repeated(self, is_repeated: bool) -> Self {
        Self { is_repeated, ..self }
    }

    pub fn of_run(self, run: impl Into<String>) -> Self {
        Self { run: Some(run.into()), ..self }
    }

    fn shown(&self) -> &str {
        if self.is_repeated { "" } else { &self.text }
    }
}

/// What is not broken over lines in HTML: instants, words, figures.
const SHORT: usize = 20;

/// Pictures of one thing.
#[derive(Debug)]
pub struct Charts {
    pub title: String,
    /// What they leave out. Empty: nothing.
    pub note: String,
    pub pictures: Vec<Chart>,
}

/// A table with its words.
#[derive(Debug, Default)]
pub struct Sheet {
    pub title: String,
    /// What it says in one sentence. Empty: nothing.
    pub sentence: String,
    /// Whether the sentence is good news.
    pub good: Option<bool>,
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
    /// What else is to be known, below the table.
    pub notes: Vec<String>,
    /// What is printed instead of an empty table.
    pub none: &'static str,
    /// What HTML shows above the table.
    pub charts: Vec<Charts>,
}

impl Sheet {
    /// Prints it in one of the forms. `value` is what JSON holds.
    pub fn print(&self, output: Output, value: &impl serde::Serialize) -> Result<(), Exit> {
        let (text, form) = match output {
            Output::Text => (self.as_text(Surroundings::detect().stdout_look()), out::text()),
            Output::Markdown => (self.as_markdown(), Form::Markup),
            Output::Csv => (self.as_csv()?, Form::Markup),
            Output::Json => (format!("{:#}\n", json!(value)), Form::Json),
            Output::Html => (self.as_html()?, Form::Markup),
        };
        print_as(&text, form)
    }

    pub fn as_text(&self, style: TextStyle) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        if !self.sentence.is_empty() {
            let tone = match self.good {
                Some(true) => Tone::Good,
                Some(false) => Tone::Bad,
                None => Tone::Strong,
            };
            let _ = writeln!(text, "{}", style.paint(tone, &clean(&self.sentence)));
        }
        if self.rows.is_empty() {
            let _ = writeln!(text, "{}", self.none);
        } else {
            text.push_str(&self.table(style));
        }
        for note in &self.notes {
            let _ = writeln!(text, "note: {}", clean(note));
        }
        text
    }

    fn table(&self, style: TextStyle) -> String {
        let mut text = String::new();
        let cleaned: Vec<Vec<(String, Tone)>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| (clean(cell.shown()).into_owned(), cell.tone)).collect())
            .collect();
        let mut widths: Vec<usize> = self.columns.iter().map(|name| width(name)).collect();
        for row in &cleaned {
            for ((cell, _), known) in row.iter().zip(&mut widths) {
                *known = (*known).max(width(cell));
            }
        }
        let names: Vec<String> =
            self.columns.iter().zip(&widths).map(|(name, width)| pad(name, *width)).collect();
        let _ = writeln!(text, "{}", style.paint(Tone::Quiet, names.join("  ").trim_end()));
        for row in cleaned {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|((cell, tone), width)| style.paint(*tone, &pad(cell, *width)))
                .collect();
            let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        }
        text
    }

    pub fn as_markdown(&self) -> String {
        let mut text = format!("# {}\n\n", escape::markdown(&self.title));
        if !self.sentence.is_empty() {
            let _ = writeln!(text, "{}\n", escape::markdown(&self.sentence));
        }
        if self.rows.is_empty() {
            let _ = writeln!(text, "{}", self.none);
        } else {
            let _ = writeln!(text, "| {} |", self.columns.join(" | "));
            let _ = writeln!(text, "|{}", "---|".repeat(self.columns.len()));
            for row in &self.rows {
                let cells: Vec<String> = row.iter().map(|cell| escape::markdown(cell.shown())).collect();
                let _ = writeln!(text, "| {} |", cells.join(" | "));
            }
        }
        for note in &self.notes {
            let _ = writeln!(text, "\nNote: {}", escape::markdown(note));
        }
        text
    }

    fn as_csv(&self) -> Result<String, Exit> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let rows = self.rows.iter().map(|row| row.iter().map(|cell| in_csv(&cell.text)).collect::<Vec<_>>());
        let head = std::iter::once(self.columns.iter().map(|&name| name.to_owned()).collect());
        let mut written = Ok(());
        for row in head.chain(rows) {
            written = written.and_then(|()| writer.write_record(row));
        }
        let bytes = written.map_err(|error| error.to_string()).and_then(|()| {
            let bytes = writer.into_inner().map_err(|error| error.to_string())?;
            String::from_utf8(bytes).map_err(|error| error.to_string())
        });
        bytes.map_err(|error| {
            complain(&format!("the table cannot be put into CSV: {error}"));
            Exit::Error
        })
    }

    /// What a template shows of it. `links`: cells lead to the runs that they tell of.
    pub fn view(&self, links: bool) -> Value {
        let class = |tone: Tone| match tone {
            Tone::Good => "ok",
            Tone::Bad => "bad",
            Tone::Warning => "unknown",
            Tone::Plain | Tone::Strong | Tone::Quiet => "",
        };
        let rows: Vec<Vec<Value>> = self
            .rows
            .iter()
            .map(|row| {
                let view = |(cell, label): (&Cell, &&str)| {
                    let run = cell.run.as_deref().filter(|_| links && !cell.is_repeated);
                    let text = escape::visible(cell.shown());
                    json!({
                        "short": width(&text) <= SHORT,
                        "text": text,
                        "class": class(cell.tone),
                        "run": run.unwrap_or_default(),
                        // Narrow pages have no head above the cell, and no empty cells.
                        "label": if cell.shown().is_empty() { "" } else { label },
                    })
                };
                row.iter().zip(&self.columns).map(view).collect()
            })
            .collect();
        let charts = self.charts.iter().map(|charts| {
            json!({
                "title": escape::visible(&charts.title),
                "note": escape::visible(&charts.note),
                "pictures": charts.pictures,
            })
        });
        json!({
            "title": escape::visible(&self.title),
            "sentence": escape::visible(&self.sentence),
            "class": match self.good { Some(true) => "ok", Some(false) => "bad", None => "unknown" },
            "columns": self.columns,
            "rows": rows,
            "notes": self.notes.iter().map(|note| escape::visible(note)).collect::<Vec<_>>(),
            "none": self.none,
            "charts": charts.collect::<Vec<_>>(),
        })
    }

    fn as_html(&self) -> Result<String, Exit> {
        let Value::Object(view) = self.view(false) else { return Err(Exit::Error) };
        html::page(Page::Sheet, view).map_err(|error| {
            complain(&with_help(&error));
            Exit::Error
        })
    }
}

/// A spreadsheet takes a cell that begins so as a formula.
fn in_csv(text: &str) -> String {
    let shown = escape::visible(text);
    if shown.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{shown}") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(text: &str) -> Sheet {
        Sheet {
            title: "Runs".into(),
            columns: vec!["name", "figure"],
            rows: vec![vec![Cell::new(text), Cell::of(Tone::Good, "5m")]],
            none: "No run.",
            ..Sheet::default()
        }
    }

    #[test]
    fn hostile_cells_stay_cells() {
        let hostile = "=cmd()|<script>\u{1b}[31m\n\u{202e}x,\"y";
        let text = sheet(hostile).as_text(TextStyle::default());
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}') && text.lines().count() == 2,
            "{text}"
        );
        let markdown = sheet(hostile).as_markdown();
        assert!(!markdown.contains("<script>") && markdown.lines().count() == 5, "{markdown}");
        let csv = sheet(hostile).as_csv().unwrap();
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let row = reader.records().next().unwrap().unwrap();
        assert!(row.get(0).unwrap().starts_with("'=cmd()") && row.len() == 2, "{csv}");
        let html = sheet(hostile).as_html().unwrap();
        assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"), "{html}");
    }

    #[test]
    fn an_empty_table_says_so() {
        let empty = Sheet { rows: Vec::new(), ..sheet("") };
        assert_eq!(empty.as_text(TextStyle::default()), "No run.\n");
        assert!(empty.as_markdown().contains("No run."));
        assert!(empty.as_html().unwrap().contains("No run."));
    }
}
