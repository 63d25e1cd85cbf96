//! The objectives and measures of each workload. Shown in columns where they fit, otherwise in
//! sentences.

use super::super::text::{TextStyle, Tone, clean, pad, width, wrap};
use base::duration::human_seconds;
use record::report::model::{Report, Status};
use record::report::told::Told;
use record::report::view::workload::worst_case_misses;

const HEADER: [&str; 6] = ["", "Objective", "Measured", "+ assumed", "Worst case", "Status"];

pub struct Table {
    rows: Vec<Row>,
}

struct Row {
    workload: String,
    cells: [String; 6],
    tone: Tone,
}

impl Table {
    pub fn of(report: &Report) -> Self {
        let mut rows = Vec::new();
        for w in &report.workloads {
            let tier = w.tier.map(|tier| format!(" (tier {tier})")).unwrap_or_default();
            let workload = format!("{}{tier}", clean(&w.name));
            let (word, tone) = status_word(w.rto.status, w.rto.objective_s);
            rows.push(Row {
                workload: workload.clone(),
                cells: [
                    "RTO".into(),
                    time(w.rto.objective_s, "none"),
                    match Told::rto(w) {
                        Told::Figure(_) => time(w.rto.measured_s, "unknown"),
                        told
                        @ (Told::AtLeast(_) | Told::NotRecovered | Told::NothingLost | Told::Unknown) => {
                            exact(told)
                        }
                    },
                    if matches!(Told::rto(w), Told::Figure(_)) {
                        time(w.rto.with_assumptions_s, "-")
                    } else {
                        "-".into()
                    },
                    "-".into(),
                    word.into(),
                ],
                tone,
            });
            let (word, tone) = status_word(w.rpo.status, w.rpo.objective_s);
            rows.push(Row {
                workload,
                cells: [
                    "RPO".into(),
                    time(w.rpo.objective_s, "none"),
                    exact(Told::rpo(w)),
                    "-".into(),
                    match (w.rpo.worst_case_s, w.rpo.worst_case_at_least_s) {
                        (None, Some(at_least)) => format!("≥ {}", human_seconds(at_least)),
                        (worst, _) => time(worst, "unknown"),
                    } + if worst_case_misses(&w.rpo) { " (misses)" } else { "" },
                    word.into(),
                ],
                tone,
            });
            if w.consistency.objective_s.is_some() {
                let (word, tone) = status_word(w.consistency.status, w.consistency.objective_s);
                rows.push(Row {
                    workload: format!("{}{tier}", clean(&w.name)),
                    cells: [
                        "apart".into(),
                        time(w.consistency.objective_s, "none"),
                        exact(Told::consistency(w)),
                        "-".into(),
                        "-".into(),
                        word.into(),
                    ],
                    tone,
                });
            }
        }
        Self { rows }
    }

    pub fn render(&self, columns: usize, style: TextStyle) -> String {
        let mut widths = HEADER.map(width);
        for row in &self.rows {
            for (cell, w) in row.cells.iter().zip(&mut widths) {
                *w = (*w).max(width(cell));
            }
        }
        let cells: usize = widths.iter().map(|w| w + 2).sum::<usize>() - 2;
        let name = self.rows.iter().map(|row| width(&row.workload)).max().unwrap_or(0).max(8);
        if name + 2 + cells <= columns {
            self.in_columns(name, &widths, style)
        } else if 2 + cells <= columns {
            self.under_names(&widths, columns, style)
        } else {
            self.in_sentences(columns, style)
        }
    }

    fn in_columns(&self, name: usize, widths: &[usize; 6], style: TextStyle) -> String {
        let mut out =
            style.paint(Tone::Quiet, &set(&pad("Workload", name), &HEADER.map(str::to_owned), widths));
        out.push('\n');
        let mut last = "";
        for row in &self.rows {
            let shown = if row.workload == last { "" } else { row.workload.as_str() };
            last = &row.workload;
            out += &row.painted(&pad(shown, name), widths, style);
        }
        out
    }

    fn under_names(&self, widths: &[usize; 6], columns: usize, style: TextStyle) -> String {
        let mut out = style.paint(Tone::Quiet, set("", &HEADER.map(str::to_owned), widths).trim_end());
        out.push('\n');
        let mut last = "";
        for row in &self.rows {
            if row.workload != last {
                for line in wrap(&row.workload, columns, 2) {
                    out += &format!("{line}\n");
                }
            }
            last = &row.workload;
            out += &row.painted("", widths, style);
        }
        out
    }

    fn in_sentences(&self, columns: usize, style: TextStyle) -> String {
        let mut out = String::new();
        for row in &self.rows {
            let [measure, objective, measured, assumed, worst, status] = &row.cells;
            let mut text = format!("{} {measure}: objective {objective}, measured {measured}", row.workload);
            if assumed != "-" {
                text += &format!(", with what is assumed {assumed}");
            }
            if worst != "-" {
                text += &format!(", worst case {worst}");
            }
            for line in wrap(&format!("{text}: {status}"), columns, 2) {
                out += &style.paint(row.tone, &line);
                out.push('\n');
            }
        }
        out
    }
}

impl Row {
    fn painted(&self, name: &str, widths: &[usize; 6], style: TextStyle) -> String {
        let line = set(name, &self.cells, widths);
        let [.., status] = &self.cells;
        match line.strip_suffix(status.as_str()) {
            Some(front) => format!("{front}{}\n", style.paint(self.tone, status)),
            None => format!("{line}\n"),
        }
    }
}

/// Joins a name and its cells into a line without trailing spaces.
fn set(name: &str, cells: &[String; 6], widths: &[usize; 6]) -> String {
    let mut line = name.to_owned();
    for (cell, width) in cells.iter().zip(widths) {
        line += &format!("  {}", pad(cell, *width));
    }
    line.trim_end().to_owned()
}

/// A figure in full, or what stands in its place.
fn exact(told: Told) -> String {
    match told {
        Told::Figure(seconds) => human_seconds(seconds),
        Told::AtLeast(_) | Told::NotRecovered | Told::NothingLost | Told::Unknown => told.words(None),
    }
}

fn time(seconds: Option<f64>, none: &str) -> String {
    seconds.map_or_else(|| none.to_owned(), human_seconds)
}

/// Returns the status as the table shows it.
fn status_word(status: Status, objective: Option<f64>) -> (&'static str, Tone) {
    match (status, objective) {
        (_, None) | (Status::None, _) => ("no objective", Tone::Quiet),
        (Status::Met, _) => ("met", Tone::Good),
        (Status::Missed, _) => ("MISSED", Tone::Bad),
        (Status::Unknown, _) => ("UNKNOWN", Tone::Bad),
    }
}
