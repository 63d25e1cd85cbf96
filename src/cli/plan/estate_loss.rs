//! `plan --estate E --lose KIND=ID`: one loss of an estate, without a playbook.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{Args, Output, findings};
use crate::cli::output::print_as;
use crate::ui::text::{Tone, clean};
use crate::ui::{Surroundings, TextStyle, out};
use base::exit::Exit;
use base::visible::Form;
use estate::Loss;
use insight::matrix::{Matrix, Row, workloads};
use insight::protection::Snapshot;
use insight::rules::Findings;

pub fn run(
    args: &Args,
    path: &Path,
    snapshot: &Snapshot<'_>,
    loss: &Loss,
    found: &Findings,
) -> Result<Exit, Exit> {
    let matrix = Matrix::of(snapshot, std::slice::from_ref(loss), &workloads(snapshot.file));
    let Some(row) = matrix.rows.first() else { return Err(Exit::Wrong) };
    let (text, form) = match args.output {
        Output::Json => (format!("{:#}\n", as_json(snapshot, row, found)), Form::Json),
        Output::Text => (as_text(&matrix, row, found, Surroundings::detect().stdout_look()), out::text()),
        Output::Markdown => (super::matrix::as_markdown(&matrix, found), Form::Markup),
        Output::Html => (super::matrix::as_html(&matrix, path, found)?, Form::Markup),
    };
    print_as(&text, form)?;
    Ok(Exit::Passed)
}

fn as_json(snapshot: &Snapshot<'_>, row: &Row, found: &Findings) -> Value {
    let [(_, findings), (_, ignored)] = findings::as_json(found);
    let surviving = snapshot.resources.iter().filter(|resource| !row.lose.takes_resource(resource));
    json!({
        "schema": "drillmaster/plan/v1",
        "lose": row.lose,
        "lost": row.lost,
        "surviving": surviving.map(|resource| resource.id.to_string()).collect::<Vec<_>>(),
        "unprotected": row.unprotected,
        "workloads": row.workloads.iter().map(|(name, workload)| json!({
            "name": name,
            "status": workload.status,
            // Without a playbook nobody knows the steps.
            "expected_rto_s": null,
            "expected_rpo_s": workload.rpo_s,
            "worst_case_s": workload.worst_case_s,
            "worst_case_at_least_s": workload.worst_case_at_least_s,
            "critical_path": [],
        })).collect::<Vec<_>>(),
        "steps": [],
        "findings": findings,
        "ignored": ignored,
        "incomplete": snapshot.file.incomplete,
        "calls": [],
        "quotas": [],
        "cost": { "total_usd": null },
    })
}

fn as_text(matrix: &Matrix, row: &Row, found: &Findings, style: TextStyle) -> String {
    let mut text = super::unread::as_text(&matrix.incomplete, style);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", style.paint(Tone::Strong, "Lost"));
    for resource in &row.lost {
        let _ = writeln!(text, "  {}", clean(resource));
    }
    // It stands at the head already.
    let matrix = Matrix { incomplete: Vec::new(), ..matrix.clone() };
    text + "\n" + &super::matrix::as_text(&matrix, found, style)
}
