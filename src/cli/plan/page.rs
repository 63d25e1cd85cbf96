//! The page of `plan PLAYBOOK --output html`.

use serde_json::{Map, Value, json};

use super::findings::{self, class};
use super::playbook::{Known, code, expected_rows, of_rehearsal, order_rows, point_rows};
use super::unread;
use crate::cli::output::{complain, with_help};
use base::exit::Exit;
use record::report::Report;
use record::report::headline;
use record::report::html::{self, Page};

pub fn of(report: &Report, known: &Known) -> Result<String, Exit> {
    html::page(Page::Plan, view(report, known)).map_err(|error| {
        complain(&with_help(&error));
        Exit::Error
    })
}

fn view(report: &Report, known: &Known) -> Map<String, Value> {
    let passes = code(report) == Exit::Passed;
    let unread = unread::sentence(&known.incomplete);
    let mut sentence = headline::of(report);
    for more in unread.iter().chain(&report.reasons) {
        sentence.push(' ');
        sentence.push_str(more);
    }
    let colour = match (passes, &unread) {
        (false, _) => "bad",
        (true, Some(_)) => "unknown",
        (true, None) => "ok",
    };
    let lost: Vec<String> = report.lose.iter().map(|(kind, name)| format!("{kind} {name}")).collect();
    let mut view = Map::new();
    let mut put = |key: &str, value: Value| view.insert(key.to_owned(), value);
    put("title", format!("Plan of {}", report.playbook.name).into());
    put("playbook", report.playbook.name.clone().into());
    put("lost", lost.join(", ").into());
    put("class", colour.into());
    put("headline", if passes { "As planned, this can pass" } else { "As planned, this cannot pass" }.into());
    put("sentence", sentence.into());
    put("tables", tables(report, known).into());
    put("lists", lists(report, known).into());
    let [(_, found), (ignored, values)] = findings::for_page(&known.findings);
    put(ignored, values);
    let mut graded: Vec<_> = of_rehearsal(report).collect();
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

fn tables(report: &Report, known: &Known) -> Vec<Value> {
    let order = report.t0.map(|t0| order_rows(report, t0)).unwrap_or_default();
    let title = format!("Cost: {}", known.needs.cost_words());
    let notes = known.needs.cost_notes().join("; ");
    vec![
        table("Expected", "", &["Workload", "", "Expected", "Objective", ""], expected_rows(report)),
        table("Restored from", "", &["Step", "Recovery point", "Age", "Place"], point_rows(report)),
        table("Order, from T0", "", &["From", "To", "Id", "What"], order),
        table(
            "Quotas of the sandbox's region",
            "Unknown is not enough.",
            &["What", "Needed", "Left", "Status"],
            known.needs.quota_rows(),
        ),
        table(&title, &notes, &["Step", "What", "Hours", "US dollars"], known.needs.cost_rows()),
    ]
}

fn table<const N: usize>(title: &str, note: &str, columns: &[&str; N], rows: Vec<[String; N]>) -> Value {
    let rows: Vec<Vec<String>> = rows.into_iter().map(Vec::from).collect();
    json!({ "title": title, "note": note, "columns": columns.as_slice(), "rows": rows })
}

fn lists(report: &Report, known: &Known) -> Vec<Value> {
    let lists = [
        ("Lost", &report.blast_radius.lost),
        ("Lost, and nothing usable survives", &known.unprotected),
        ("Lost and not restored", &report.coverage.uncovered),
        ("Surviving", &report.blast_radius.surviving),
    ];
    let lists = lists.into_iter().filter(|(_, items)| !items.is_empty());
    lists.map(|(title, items)| json!({ "title": title, "items": items })).collect()
}
