//! Compares a report with the reckoning.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use serde_json::Value;

use super::drill::{Drill, What};
use super::reckon::{End, OfWorkload, Reckoned};

/// Seconds as milliseconds. `null` gives `None`.
fn millis(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a drill's times are small")]
    value.as_f64().map(|seconds| (seconds * 1000.0).round() as i64)
}

fn ids(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

struct Found(Vec<String>);

impl Found {
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, reckoned: &T, reported: &T) {
        if reckoned != reported {
            self.0.push(format!("{what}: reckoned {reckoned:?}, reported {reported:?}"));
        }
    }
}

pub fn compare(drill: &Drill, reckoned: &Reckoned, report: &Value) -> Vec<String> {
    let mut found = Found(Vec::new());
    nodes(&mut found, drill, reckoned, report);
    for (n, of) in reckoned.workloads.iter().enumerate() {
        let name = &drill.workloads[n].name;
        let all = report["workloads"].as_array().unwrap();
        let reported = all.iter().find(|w| w["name"] == **name).unwrap();
        workload(&mut found, name, of, reported);
        path(&mut found, drill, reckoned, n, reported);
    }
    found.same("covered", &reckoned.covered, &ids(&report["coverage"]["covered"]));
    found.same("uncovered", &reckoned.uncovered, &ids(&report["coverage"]["uncovered"]));
    let verdict = if reckoned.passed { "passed" } else { "failed" };
    found.same("verdict", &verdict, &report["verdict"].as_str().unwrap());
    found.same("exit code", &Some(reckoned.code), &report["exit_code"].as_i64());
    found.0
}

fn nodes(found: &mut Found, drill: &Drill, reckoned: &Reckoned, report: &Value) {
    let t0 = DateTime::parse_from_rfc3339(report["t0"].as_str().unwrap()).unwrap();
    let at = |value: &Value| {
        let at = value.as_str().map(|text| DateTime::parse_from_rfc3339(text).unwrap());
        at.map(|at| (at - t0).num_milliseconds())
    };
    for (node, ended) in drill.nodes.iter().zip(&reckoned.ended) {
        let (list, well, failed) = match node.what {
            What::Step(_) => ("steps", "succeeded", "failed"),
            What::Check(_) => ("checks", "healthy", "unhealthy"),
        };
        let all = report[list].as_array().unwrap();
        let reported = all.iter().find(|row| row["id"] == *node.id).unwrap();
        let end = match ended.end {
            End::Well => well,
            End::Failed => match node.what {
                What::Check(_) if ended.unasked => "unknown",
                What::Check(_) | What::Step(_) => failed,
            },
            End::Skipped => "skipped",
            End::LeftOut => "not_run",
            End::NotBegun => match node.what {
                What::Step(_) => "not_run",
                What::Check(_) => "skipped",
            },
        };
        let because = reported["because"].as_str().unwrap_or("");
        found.same(&format!("{} ({because})", node.id), &end, &reported["status"].as_str().unwrap());
        if let What::Step(step) = &node.what {
            let attempts = u64::try_from(ended.attempts.len()).ok();
            let what = format!("{} {}: attempts", node.id, step.uses);
            // An attempt that found no recovery point made no call, and counts.
            let none = ended.attempts.is_empty();
            found.same(&what, &attempts, &reported["attempts"].as_u64().map(|n| if none { 0 } else { n }));
        }
        match (&node.what, ended.end) {
            (What::Step(step), End::Well | End::Failed) => {
                let what = format!("{} {} ends ({because})", node.id, step.uses);
                found.same(&what, &Some(ended.at), &at(&reported["finished_at"]));
            }
            (What::Check(_), End::Well) => {
                found.same(
                    &format!("{} healthy", node.id),
                    &Some(ended.healthy),
                    &at(&reported["healthy_at"]),
                );
                found.same(&format!("{} settled", node.id), &Some(ended.at), &at(&reported["settled_at"]));
            }
            (What::Check(_), End::Failed) => {
                found.same(&format!("{} given up", node.id), &Some(ended.at), &at(&reported["settled_at"]));
            }
            (_, End::Skipped | End::LeftOut | End::NotBegun) => {}
        }
    }
}

fn workload(found: &mut Found, name: &str, of: &OfWorkload, reported: &Value) {
    let (rto, rpo) = (&reported["rto"], &reported["rpo"]);
    found.same(&format!("{name} recovered"), &Some(of.recovered), &reported["recovered"].as_bool());
    found.same(&format!("{name} RTO"), &of.rto, &millis(&rto["measured_s"]));
    found.same(
        &format!("{name} RTO with assumptions"),
        &of.with_assumptions,
        &millis(&rto["with_assumptions_s"]),
    );
    found.same(&format!("{name} RTO status"), &Some(of.rto_status), &rto["status"].as_str());
    found.same(&format!("{name} RPO"), &of.rpo, &millis(&rpo["measured_s"]));
    found.same(&format!("{name} RPO status"), &Some(of.rpo_status), &rpo["status"].as_str());
    found.same(&format!("{name} worst case"), &of.worst, &millis(&rpo["worst_case_s"]));
    let consistency = reported["consistency"]["status"].as_str();
    found.same(&format!("{name} consistency"), &Some(of.consistency_status), &consistency);
    let sources = rpo["sources"].as_array().unwrap();
    let by_step: BTreeMap<&str, &Value> =
        sources.iter().map(|source| (source["step"].as_str().unwrap_or(""), source)).collect();
    let steps: BTreeSet<&str> = of.stores.iter().map(|store| store.step.as_str()).collect();
    found.same(&format!("{name} stores"), &steps, &by_step.keys().copied().collect());
    for store in &of.stores {
        let Some(source) = by_step.get(store.step.as_str()) else { continue };
        let what = format!("{name} store of {}", store.step);
        found.same(&what, &Some(store.of.as_str()), &source["of"].as_str());
        found.same(&what, &Some(store.point.as_str()), &source["recovery_point"].as_str());
        found.same(&format!("{what}: age"), &store.age, &millis(&source["age_s"]));
        found.same(&format!("{what}: age of its data"), &store.data_age, &millis(&source["data_age_s"]));
        found.same(&format!("{what}: worst case"), &store.worst, &millis(&source["worst_case_s"]));
    }
}

/// Each link is the dependency that finished last. If two finished at once, either is right.
fn path(found: &mut Found, drill: &Drill, reckoned: &Reckoned, w: usize, reported: &Value) {
    let name = &drill.workloads[w].name;
    let links = reported["critical_path"].as_array().unwrap();
    let path: Vec<usize> = links
        .iter()
        .map(|link| drill.nodes.iter().position(|node| link["id"] == *node.id).unwrap())
        .collect();
    let Some(rto) = reckoned.workloads[w].rto else {
        found.same(&format!("{name} critical path"), &Vec::new(), &path);
        return;
    };
    let ids: Vec<&str> = path.iter().map(|n| drill.nodes[*n].id.as_str()).collect();
    let Some((last, before)) = path.split_last() else {
        found.0.push(format!("{name} has no critical path"));
        return;
    };
    if !reckoned.workloads[w].nodes.contains(last) || reckoned.ended[*last].healthy != rto {
        found.0.push(format!("{name} critical path {ids:?} does not end when it is recovered, at {rto}"));
    }
    for (n, link) in path.iter().enumerate() {
        let waits = drill.waits_for(*link);
        let latest = waits.iter().map(|n| reckoned.ended[*n].at).max();
        let well = match (n.checked_sub(1).map(|before| path[before]), latest) {
            (None, latest) => latest.is_none_or(|at| at == 0),
            (Some(before), latest) => waits.contains(&before) && Some(reckoned.ended[before].at) == latest,
        };
        if !well {
            let id = &drill.nodes[*link].id;
            found.0.push(format!(
                "{name} critical path {ids:?}: before {id} stands not what it waited for last"
            ));
        }
    }
    let ends = before.iter().map(|n| reckoned.ended[*n].at).chain([rto]);
    let mut from = 0;
    let mut shares = 0.0;
    for (end, link) in ends.zip(links) {
        let seconds = end - from;
        from = end;
        found.same(
            &format!("{name} critical path {ids:?}: {}", link["id"]),
            &Some(seconds),
            &millis(&link["seconds"]),
        );
        let share = link["share"].as_f64().unwrap_or(-1.0);
        shares += share;
        #[expect(clippy::cast_precision_loss, reason = "a drill's times are small")]
        let reckoned = if rto == 0 { share } else { seconds as f64 / rto as f64 };
        if (share - reckoned).abs() > 1e-9 {
            found
                .0
                .push(format!("{name} critical path: {} has share {share}, reckoned {reckoned}", link["id"]));
        }
    }
    if rto > 0 && (shares - 1.0).abs() > 1e-9 {
        found.0.push(format!("{name} critical path: its shares sum to {shares}"));
    }
}
