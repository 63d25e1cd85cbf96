//! Compares `report.json` with the report that the journal gives.

use std::collections::BTreeSet;

use serde_json::Value;

/// A place where the two differ. The texts are JSON, or say that there is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `checks[rows].status`
    pub path: String,
    pub report: String,
    pub journal: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`: the report says {}, the journal says {}", self.path, self.report, self.journal)
    }
}

/// Returns where `report` differs from `journal`, in the order of the journal's fields.
///
/// `older`: another version of the program wrote the report. Then it may lack fields. They flatter
/// nobody, because the journal is judged.
pub fn differences(report: &Value, journal: &Value, older: bool) -> Vec<Difference> {
    let mut comparison = Comparison { older, found: Vec::new() };
    comparison.value("", Some(report), Some(journal));
    comparison.found
}

struct Comparison {
    older: bool,
    found: Vec<Difference>,
}

impl Comparison {
    fn value(&mut self, path: &str, report: Option<&Value>, journal: Option<&Value>) {
        match (report, journal) {
            (Some(Value::Object(report)), Some(Value::Object(journal))) => {
                let more = report.keys().filter(|key| !journal.contains_key(*key));
                for key in journal.keys().chain(more) {
                    let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    self.value(&inner, report.get(key), journal.get(key));
                }
            }
            (Some(Value::Array(report)), Some(Value::Array(journal))) => self.list(path, report, journal),
            (Some(report), Some(journal)) if same(report, journal) => {}
            (None, Some(_)) if self.older && !path.ends_with(']') => {}
            (None, None) => {}
            (report, journal) => {
                self.found.push(Difference {
                    path: path.to_owned(),
                    report: shown(report),
                    journal: shown(journal),
                });
            }
        }
    }

    /// Entries are compared by name where each has one of its own, and by place elsewhere.
    fn list(&mut self, path: &str, report: &[Value], journal: &[Value]) {
        let names = |list: &[Value]| -> Option<Vec<String>> {
            let names: Vec<String> = list.iter().map(name).collect::<Option<_>>()?;
            let different: BTreeSet<&String> = names.iter().collect();
            (different.len() == names.len()).then_some(names)
        };
        if let (Some(in_report), Some(in_journal)) = (names(report), names(journal)) {
            let of = |names: &[String], list, wanted| at(list, names.iter().position(|name| name == wanted));
            let more = in_report.iter().filter(|name| !in_journal.contains(name));
            for name in in_journal.iter().chain(more) {
                let inner = format!("{path}[{name}]");
                self.value(&inner, of(&in_report, report, name), of(&in_journal, journal, name));
            }
            let sorted = |names: &[String]| names.iter().cloned().collect::<BTreeSet<String>>();
            if in_report != in_journal && sorted(&in_report) == sorted(&in_journal) {
                self.value(path, Some(&order(&in_report)), Some(&order(&in_journal)));
            }
            return;
        }
        for index in 0..report.len().max(journal.len()) {
            self.value(&format!("{path}[{index}]"), report.get(index), journal.get(index));
        }
    }
}

/// The order of a list, as one value.
fn order(names: &[String]) -> Value {
    Value::from(format!("the order {}", names.join(", ")))
}

fn at(list: &[Value], index: Option<usize>) -> Option<&Value> {
    list.get(index?)
}

/// The name of a list's entry.
fn name(entry: &Value) -> Option<String> {
    ["id", "name", "of"].into_iter().find_map(|key| entry.get(key)?.as_str()).map(str::to_owned)
}

/// `905` and `905.0` are the same figure.
fn same(report: &Value, journal: &Value) -> bool {
    match (report, journal) {
        (Value::Number(report), Value::Number(journal)) => {
            report == journal
                || report.as_f64().zip(journal.as_f64()).is_some_and(|(a, b)| a.to_bits() == b.to_bits())
        }
        _ => report == journal,
    }
}

fn shown(value: Option<&Value>) -> String {
    const MOST: usize = 100;
    let Some(value) = value else { return "nothing".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(report: &Value, journal: &Value, older: bool) -> Vec<String> {
        differences(report, journal, older).into_iter().map(|d| d.path).collect()
    }

    #[test]
    fn every_field_is_compared_and_named_by_its_path() {
        let journal = json!({
            "verdict": "failed", "figure": 905.0,
            "checks": [{ "id": "rows", "status": "unhealthy" }, { "id": "web", "status": "healthy" }],
            "findings": [{ "rule": "a" }, { "rule": "a" }], "reasons": ["x"],
        });
        assert_eq!(paths(&journal, &journal, false), Vec::<String>::new());
        let mut same = journal.clone();
        same["figure"] = json!(905);
        assert_eq!(paths(&same, &journal, false), Vec::<String>::new());
        let changes: [(&str, Value, &str); 8] = [
            ("/verdict", json!("passed"), "verdict"),
            ("/figure", json!(904.999), "figure"),
            ("/figure", json!(null), "figure"),
            ("/checks/0/status", json!("healthy"), "checks[rows].status"),
            ("/checks/0", json!({ "id": "web2", "status": "unhealthy" }), "checks[rows]"),
            ("/findings/1/rule", json!("b"), "findings[1].rule"),
            ("/findings", json!([{ "rule": "a" }]), "findings[1]"),
            ("/reasons", json!([]), "reasons[0]"),
        ];
        for (pointer, value, path) in changes {
            let mut report = journal.clone();
            *report.pointer_mut(pointer).unwrap() = value;
            for older in [false, true] {
                assert_eq!(paths(&report, &journal, older)[0], path, "{pointer}");
            }
        }
        let mut turned = journal.clone();
        turned["checks"].as_array_mut().unwrap().reverse();
        assert_eq!(paths(&turned, &journal, true), ["checks"]);
    }

    /// A field that the report's version did not know is no difference. One that it cannot have had is.
    #[test]
    fn an_older_report_may_lack_fields_and_nothing_else() {
        let journal = json!({ "a": 1, "new": 2, "checks": [{ "id": "x", "new": 3 }] });
        let report = json!({ "a": 1, "checks": [{ "id": "x" }] });
        assert_eq!(paths(&report, &journal, true), Vec::<String>::new());
        assert_eq!(paths(&report, &journal, false), ["new", "checks[x].new"]);
        assert_eq!(paths(&journal, &report, true), ["checks[x].new", "new"]);
        assert_eq!(paths(&json!({ "a": 1, "checks": [] }), &journal, true), ["checks[x]"]);
    }
}
