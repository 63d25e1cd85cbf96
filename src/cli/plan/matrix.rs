//! `plan --lose-each`: the matrix as text, Markdown, JSON and HTML.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::model::MatrixWithFindings;
use super::{Args, Output, findings, unread, worst_case};
use crate::cli::output::{complain, print_as};
use crate::cli::with_help;
use crate::ui::text::{Tone, clean, pad, width};
use crate::ui::{Surroundings, TextStyle, out};
use base::duration::human_seconds;
use base::exit::Exit;
use base::visible::Form;
use estate::Loss;
use insight::matrix::{Matrix, Status, WorkloadRow, Workloads};
use insight::protection::Snapshot;
use insight::rules::Findings;
use record::report::escape;
use record::report::html::{self, Page};

/// The most unprotected resources that a page lists for one loss.
const LISTED: usize = 200;

pub fn run(
    args: &Args,
    path: &Path,
    snapshot: &Snapshot<'_>,
    losses: &[Loss],
    workloads: &Workloads,
    found: &Findings,
) -> Result<Exit, Exit> {
    let matrix = Matrix::of(snapshot, losses, workloads);
    let (text, form) = match args.output {
        Output::Json => (format!("{:#}\n", json!(MatrixWithFindings::new(&matrix, found))), Form::Json),
        Output::Text => (as_text(&matrix, found, Surroundings::detect().stdout_look()), out::text()),
        Output::Markdown => (as_markdown(&matrix, found), Form::Markup),
        Output::Html => (as_html(&matrix, path, found)?, Form::Markup),
    };
    print_as(&text, form)?;
    Ok(Exit::Passed)
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Recoverable => "can come back",
        Status::Partly => "in part only",
        Status::Unprotected => "cannot come back",
        Status::Untouched => "not touched",
    }
}

fn tone(status: Status) -> Tone {
    match status {
        Status::Recoverable => Tone::Good,
        Status::Partly => Tone::Warning,
        Status::Unprotected => Tone::Bad,
        Status::Untouched => Tone::Quiet,
    }
}

fn class(status: Status) -> &'static str {
    match status {
        Status::Recoverable => "ok",
        Status::Partly => "unknown",
        Status::Unprotected => "bad",
        Status::Untouched => "",
    }
}

/// What a workload loses, in words: the RPO, then the worst case.
fn figures(row: &WorkloadRow) -> Vec<String> {
    if row.status == Status::Untouched {
        return Vec::new();
    }
    let mut figures = Vec::new();
    if row.unprotected > 0 {
        figures.push(format!("{} of {} lost resources unprotected", row.unprotected, row.lost));
    }
    figures.push(match row.rpo_s {
        Some(seconds) if seconds <= 0.0 => return figures,
        Some(seconds) => format!("loses {} of data", human_seconds(seconds)),
        None if row.unprotected > 0 => return figures,
        None => "how much data it loses is unknown".to_owned(),
    });
    figures.push(worst_case(row.worst_case_s, row.worst_case_at_least_s));
    figures
}

pub fn as_text(matrix: &Matrix, found: &Findings, style: TextStyle) -> String {
    let mut text = unread::as_text(&matrix.incomplete, style);
    // Writing to a string cannot fail.
    for row in &matrix.rows {
        let counts = format!("{} lost, {} unprotected", row.lost.len(), row.unprotected.len());
        let _ = writeln!(text, "{}  {counts}", style.paint(Tone::Strong, &row.lose.to_string()));
        let touched: Vec<(&String, &WorkloadRow)> =
            row.workloads.iter().filter(|(_, w)| w.status != Status::Untouched).collect();
        let names = touched.iter().map(|(name, _)| width(&clean(name))).max().unwrap_or(0);
        for (name, workload) in touched {
            let word = style.paint(tone(workload.status), &pad(word(workload.status), 18));
            let line = format!("  {}  {word}  {}", pad(&clean(name), names), figures(workload).join(", "));
            let _ = writeln!(text, "{}", line.trim_end());
        }
        for resource in row.unprotected.iter().take(10) {
            let _ = writeln!(text, "    unprotected: {}", clean(resource));
        }
        if let Some(more) = row.unprotected.len().checked_sub(10).filter(|more| *more > 0) {
            let _ = writeln!(text, "    and {more} more (`--output json` lists all)");
        }
    }
    text.push_str(&findings::as_text(found, style));
    text.push_str("\nNothing was restored: this is what the estate says.\n");
    text
}

pub fn as_markdown(matrix: &Matrix, found: &Findings) -> String {
    let mut text = String::from("# What each loss takes, and what comes back\n\n");
    text.push_str(&unread::as_markdown(&matrix.incomplete));
    text.push_str("| lost | resources | unprotected |");
    let columns: Vec<&String> =
        matrix.rows.iter().flat_map(|row| row.workloads.keys()).fold(Vec::new(), |mut names, name| {
            if !names.contains(&name) {
                names.push(name);
            }
            names
        });
    for name in &columns {
        let _ = write!(text, " {} |", escape::markdown(name));
    }
    let _ = write!(text, "\n|---|---|---|{}\n", "---|".repeat(columns.len()));
    for row in &matrix.rows {
        let _ = write!(text, "| {} | {} | {} |", row.lose, row.lost.len(), row.unprotected.len());
        for name in &columns {
            let cell = row.workloads.get(*name).map(|workload| {
                let mut parts = vec![word(workload.status).to_owned()];
                parts.extend(figures(workload));
                parts.join(", ")
            });
            let _ = write!(text, " {} |", cell.unwrap_or_default());
        }
        text.push('\n');
    }
    text.push_str(&findings::as_markdown(found));
    text.push_str("\nNothing was restored: this is what the estate says.\n");
    text
}

pub fn as_html(matrix: &Matrix, path: &Path, found: &Findings) -> Result<String, Exit> {
    html::page(Page::Matrix, page(matrix, path, found)).map_err(|error| {
        complain(&with_help(&error));
        Exit::Error
    })
}

fn page(matrix: &Matrix, path: &Path, found: &Findings) -> Map<String, Value> {
    let columns: Vec<&String> =
        matrix.rows.first().map(|row| row.workloads.keys().collect()).unwrap_or_default();
    let all = matrix.rows.len();
    let bad = matrix.rows.iter().filter(|row| !row.unprotected.is_empty()).count();
    let unread = unread::sentence(&matrix.incomplete);
    let headline = match bad {
        0 if unread.is_some() => "Something survives of all that was read".to_owned(),
        0 => "Something survives of all".to_owned(),
        1 => format!("1 of {all} losses takes what nothing protects"),
        bad => format!("{bad} of {all} losses take what nothing protects"),
    };
    let colour = match (bad, &unread) {
        (0, None) => "ok",
        (0, Some(_)) => "unknown",
        (_, _) => "bad",
    };
    let says = "This is what the estate says. Only a drill shows whether it really comes back.";
    let sentence = unread.map_or_else(|| says.to_owned(), |unread| format!("{unread} {says}"));
    let rows: Vec<Value> = matrix
        .rows
        .iter()
        .map(|row| {
            let (kind, name) = row.lose.key_and_name();
            let cells: Vec<Value> = columns
                .iter()
                .filter_map(|column| row.workloads.get(*column))
                .map(|w| json!({ "class": class(w.status), "word": word(w.status), "details": figures(w) }))
                .collect();
            json!({
                "kind": kind,
                "name": name,
                "lost": row.lost.len(),
                "unprotected": row.unprotected.len(),
                "listed": row.unprotected.iter().take(LISTED).collect::<Vec<_>>(),
                "more": row.unprotected.len().saturating_sub(LISTED),
                "cells": cells,
            })
        })
        .collect();
    let mut page = json!({
        "title": format!("Losses of {}", path.display()),
        "estate": path.display().to_string(),
        "class": colour,
        "headline": headline,
        "sentence": sentence,
        "columns": columns,
        "rows": rows,
    });
    let Some(page) = page.as_object_mut() else { return Map::new() };
    page.extend(findings::for_page(found).map(|(key, value)| (key.to_owned(), value)));
    std::mem::take(page)
}
