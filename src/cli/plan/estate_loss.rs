//! `plan --estate E --lose KIND=ID`: one loss of an estate, without a playbook.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use super::model::{self, Plan, PlanFinding, Workload};
use super::{Args, Output};
use crate::cli::output::print_as;
use crate::ui::text::{Tone, clean};
use crate::ui::{Surroundings, TextStyle, out};
use base::exit::Exit;
use base::visible::Form;
use estate::Loss;
use insight::matrix::{Matrix, Row, workloads};
use insight::needs::cost::Cost;
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
        Output::Json => (format!("{:#}\n", json!(plan_of(snapshot, row, found))), Form::Json),
        Output::Text => (as_text(&matrix, row, found, Surroundings::detect().stdout_look()), out::text()),
        Output::Markdown => (super::matrix::as_markdown(&matrix, found), Form::Markup),
        Output::Html => (super::matrix::as_html(&matrix, path, found)?, Form::Markup),
    };
    print_as(&text, form)?;
    Ok(Exit::Passed)
}

fn plan_of(snapshot: &Snapshot<'_>, row: &Row, found: &Findings) -> Plan<'static> {
    let surviving = snapshot.resources.iter().filter(|resource| !row.lose.takes_resource(resource));
    Plan {
        schema: model::SCHEMA,
        rehearsed: None,
        lose: model::lose(&row.lose),
        lost: row.lost.clone(),
        surviving: surviving.map(|resource| resource.id.to_string()).collect(),
        unprotected: row.unprotected.clone(),
        incomplete: snapshot.file.incomplete.clone(),
        workloads: row.workloads.iter().map(|(name, row)| Workload::of_estate(name, row)).collect(),
        // Without a playbook nobody knows the steps.
        steps: Vec::new(),
        findings: found.found.iter().map(PlanFinding::from).collect(),
        ignored: found.ignored.clone(),
        calls: Vec::new(),
        permissions: &[],
        quotas: Vec::new(),
        cost: Cost::unknown(),
        live: None,
    }
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
