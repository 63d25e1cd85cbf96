//! The page of `plan PLAYBOOK --output html`.

use serde_json::{Map, Value, json};

use super::findings::{self, class};
use super::live::model::Trouble;
use super::playbook::{Planned, expected_rows, of_rehearsal, order_rows, point_rows};
use super::{live, permissions, unread};
use crate::cli::output::complain;
use crate::cli::with_help;
use crate::ui::text::Tone;
use base::exit::Exit;
use insight::rules::Findings;
use record::report::headline;
use record::report::html::{self, Page};

pub fn of(planned: &Planned) -> Result<String, Exit> {
    html::page(Page::Plan, view(planned)).map_err(|error| {
        complain(&with_help(&error));
        Exit::Error
    })
}

fn view(planned: &Planned) -> Map<String, Value> {
    let rehearsed = planned.rehearsed.as_ref();
    let unread = rehearsed.and_then(|(_, known)| unread::sentence(&known.incomplete));
    let mut sentences: Vec<String> = Vec::new();
    sentences.extend(rehearsed.map(|(report, _)| headline::of(report)));
    sentences.extend(unread.clone());
    sentences.extend(rehearsed.iter().flat_map(|(report, _)| report.reasons.iter().cloned()));
    sentences.push(planned.source_of_times().to_owned());
    let colour = match (planned.verdict().0, &unread) {
        (Tone::Good, None) => "ok",
        (Tone::Bad, _) => "bad",
        (Tone::Good | Tone::Warning | Tone::Plain | Tone::Strong | Tone::Quiet, _) => "unknown",
    };
    let mut view = Map::new();
    let mut put = |key: &str, value: Value| view.insert(key.to_owned(), value);
    put("title", format!("Plan of {}", planned.name).into());
    put("playbook", planned.name.clone().into());
    put("lost", planned.lost_words().into());
    put("class", colour.into());
    put("headline", planned.verdict().1.trim_end_matches('.').into());
    put("sentence", sentences.join(" ").into());
    put("tables", tables(planned).into());
    put("lists", lists(planned).into());
    let none = Findings::default();
    let [(_, found), (ignored, values)] =
        findings::for_page(rehearsed.map_or(&none, |(_, known)| &known.findings));
    put(ignored, values);
    let mut graded: Vec<_> = rehearsed.iter().flat_map(|(report, _)| of_rehearsal(report)).collect();
    graded.extend(planned.live_findings());
    graded.sort_by_key(|finding| finding.severity);
    let rows = graded.into_iter().map(|finding| {
        json!({
            "class": class(finding.severity), "severity": finding.severity, "rule": finding.rule,
            "message": finding.message, "fix": finding.fix,
        })
    });
    let rows: Vec<Value> = rows.chain(found.as_array().cloned().unwrap_or_default()).collect();
    put("findings", rows.into());
    view
}

fn tables(planned: &Planned) -> Vec<Value> {
    let mut tables = Vec::new();
    if let Some((report, known)) = &planned.rehearsed {
        let order = report.t0.map(|t0| order_rows(report, t0)).unwrap_or_default();
        let title = format!("Cost: {}", known.needs.cost_words());
        let notes = known.needs.cost_notes().join("; ");
        tables = vec![
            table("Expected", "", &["Workload", "", "Expected", "Objective", ""], &expected_rows(report)),
            table("Restored from", "", &["Step", "Recovery point", "Age", "Place"], &point_rows(report)),
            table("Order, from T0", "", &["From", "To", "Id", "What"], &order),
            table(
                "Quotas of the sandbox's region",
                "Unknown is not enough.",
                &["What", "Needed", "Left", "Status"],
                &known.needs.quota_rows(),
            ),
            table(&title, &notes, &["Step", "What", "Hours", "US dollars"], &known.needs.cost_rows()),
        ];
    }
    let hint = permissions::hint(&planned.path);
    let rows = permissions::rows(&planned.permissions);
    tables.push(table("Permissions", &hint, &["Account", "Actions", "What for", "Role"], &rows));
    let Some(live) = &planned.live else { return tables };
    let note = format!("Read from the live accounts at {}.", live.looked_at.format("%Y-%m-%d %H:%M:%SZ"));
    for (title, told) in [
        ("In the live accounts: what stands in the way", &live.reasons),
        ("In the live accounts: what could not be looked at", &live.unknown),
    ] {
        let row = |told: &Trouble| [told.what.clone(), told.fix.clone().unwrap_or_default()];
        let rows: Vec<[String; 2]> = told.iter().map(row).collect();
        if !rows.is_empty() {
            tables.push(table(title, "", &["What", "What to do"], &rows));
        }
    }
    for section in live::sections(live) {
        tables.push(table(&section.title, &note, &section.columns, &section.rows));
    }
    tables
}

fn table(title: &str, note: &str, columns: &[&str], rows: &[impl AsRef<[String]>]) -> Value {
    let rows: Vec<&[String]> = rows.iter().map(AsRef::as_ref).collect();
    json!({ "title": title, "note": note, "columns": columns, "rows": rows })
}

fn lists(planned: &Planned) -> Vec<Value> {
    let lists = match &planned.rehearsed {
        Some((report, known)) => vec![
            ("Lost", &report.blast_radius.lost),
            ("Lost, and nothing usable survives", &known.unprotected),
            ("Lost and not restored", &report.coverage.uncovered),
            ("Surviving", &report.blast_radius.surviving),
        ],
        None => vec![("The workloads list", &planned.listed)],
    };
    let lists = lists.into_iter().filter(|(_, items)| !items.is_empty());
    lists.map(|(title, items)| json!({ "title": title, "items": items })).collect()
}
