//! Checks of data on the twin: what the estate answers, what is assumed by name, what they compare with,
//! and what `validate` refuses.

use serde_json::{Value, json};
use support::drill::{Drill, START, told};

fn check(keys: &str) -> String {
    format!(
        "- id: orders-data\n  workload: orders\n  data: {{ url: \"postgres://u@{{{{ steps.db.endpoint }}}}/orders\", {keys} }}\n"
    )
}

fn drill(keys: &str, probe: &str) -> Drill {
    let drill = Drill::good().check(&check(keys));
    let reference = json!({
        "schema": "drillmaster/data/v1", "engine": "postgres", "tables": {
            "public.orders": { "rows": 1000, "columns": { "id": "bigint not null" } },
            "public.queue": { "rows": 0, "columns": {} }
        }, "collations": {}, "extensions": {}, "roles": null
    });
    std::fs::write(drill.folder().join("reference.json"), reference.to_string()).unwrap();
    if probe.is_empty() { drill } else { drill.probe(&format!("orders-data: {probe}\n")) }
}

fn healths(check: &Value) -> Vec<(String, String)> {
    let rungs = check["rungs"].as_array().unwrap();
    let text = |rung: &Value, key: &str| rung[key].as_str().unwrap().to_owned();
    rungs.iter().map(|rung| (text(rung, "name"), text(rung, "health"))).collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(name, health)| ((*name).to_owned(), (*health).to_owned())).collect()
}

#[test]
fn rungs_that_the_estate_does_not_answer_are_assumed_by_name() {
    let asked = "against: reference.json, rungs: [structure, volume, indexes]";
    let run = drill(asked, "{ tables: { public.orders: 1020 }, rungs: { indexes: healthy } }").run();
    let check = run.check("orders-data");
    assert_eq!(
        healths(check),
        pairs(&[("structure", "unknown"), ("volume", "healthy"), ("indexes", "healthy")]),
        "{check}"
    );
    assert_eq!((&check["status"], &check["rows"]), (&json!("healthy"), &json!({ "public.orders": 1020 })));
    let finding = run.one("/findings", "resource", "orders-data");
    assert!(finding["message"].as_str().unwrap().contains("the rung `structure`"), "{finding}");
    // The report tells them in one place.
    let markdown = std::fs::read_to_string(run.folder.join("report.md")).unwrap();
    assert!(
        markdown.contains("### Data, rung by rung") && markdown.contains("| volume | healthy |"),
        "{markdown}"
    );
    let page = std::fs::read_to_string(run.folder.join("report.html")).unwrap();
    assert!(page.contains("Data, rung by rung") && page.contains("1020 rows in 1 table"));
}

#[test]
fn a_rung_that_is_not_healthy_fails_the_check_and_one_that_is_unknown_never_passes() {
    let asked = "against: reference.json, rungs: [volume, indexes]";
    for (probe, status, because) in [
        (
            "{ tables: { public.orders: 900 }, rungs: { indexes: healthy } }",
            "unhealthy",
            "public.orders has 900 rows, and had 1000",
        ),
        (
            "{ tables: { public.orders: 1000 }, rungs: { indexes: unhealthy } }",
            "unhealthy",
            "indexes: the estate says so",
        ),
        ("{ tables: { public.orders: 1000 }, rungs: { indexes: unknown } }", "unknown", "indexes"),
    ] {
        let run = drill(asked, probe).run();
        run.exits(1);
        let check = run.check("orders-data");
        assert_eq!(check["status"], status, "{check}");
        assert!(check["because"].as_str().unwrap().contains(because), "{check}");
    }
    let tolerant = drill(
        "against: reference.json, rungs: [volume], tolerance: 10%",
        "{ tables: { public.orders: 900 } }",
    );
    assert_eq!(tolerant.run().check("orders-data")["status"], "healthy");
}

/// The first run has nothing to compare with. The next ones compare with the last that passed.
#[test]
fn rows_are_compared_with_the_last_run_that_passed() {
    let drill = drill("against: last-passed, rungs: [volume]", "{ tables: { public.orders: 1000 } }");
    let store = drill.folder().join("store");
    let run = |drill: &Drill| drill.run_with(&["--start", START, "--store", store.to_str().unwrap()]);
    let first = run(&drill);
    let found = first.one("/findings", "resource", "orders-data");
    assert!(found["message"].as_str().unwrap().contains("compared its rows with nothing"), "{found}");
    let name = first.at("/run_id").as_str().unwrap().to_owned();

    let mut later = drill;
    later.estate = later.estate.replace("public.orders: 1000", "public.orders: 700");
    let later = later.run_with(&["--start", "2026-03-02T12:00:00Z", "--store", store.to_str().unwrap()]);
    later.exits(1);
    let check = later.check("orders-data");
    let because = check["because"].as_str().unwrap();
    assert!(because.contains("public.orders has 700 rows, and had 1000"), "{check}");
    assert!(because.contains(&name), "{check}");
}

/// A newer run that nobody can read may have passed: an older one is not the last.
#[test]
fn rows_of_an_older_run_do_not_stand_for_those_of_a_newer_one_that_cannot_be_read() {
    let drill = drill("against: last-passed, rungs: [volume]", "{ tables: { public.orders: 1000 } }");
    let store = drill.folder().join("store");
    let run = |start: &str| drill.run_with(&["--start", start, "--store", store.to_str().unwrap()]);
    let breaks = |run: &str| {
        std::fs::create_dir_all(store.join(run)).unwrap();
        for file in ["journal.ndjson", "report.json"] {
            std::fs::write(store.join(run).join(file), "{").unwrap();
        }
    };
    run(START);
    // An older one that cannot be read changes nothing.
    breaks("20200101T000000Z-orders-region-loss-0badcafe");
    let second = run("2026-03-02T12:00:00Z");
    assert_eq!(second.check("orders-data")["status"], "healthy", "{}", second.stderr);
    let second = second.at("/run_id").as_str().unwrap();
    breaks(second);
    let third = run("2026-03-03T12:00:00Z");
    third.exits(1);
    let check = third.check("orders-data");
    assert_eq!(check["status"], "unknown", "{check}");
    assert!(check["because"].as_str().unwrap().contains(second), "{check}");
}

/// Runs that nobody can read are not the same as no runs.
#[test]
fn rows_of_runs_that_cannot_be_read_are_unknown() {
    let drill = drill("against: last-passed, rungs: [volume]", "{ tables: { public.orders: 1000 } }");
    let store = drill.folder().join("store");
    let run = |start: &str| drill.run_with(&["--start", start, "--store", store.to_str().unwrap()]);
    let name = run(START).at("/run_id").as_str().unwrap().to_owned();
    for file in std::fs::read_dir(store.join(&name)).unwrap() {
        std::fs::write(file.unwrap().path(), "{").unwrap();
    }
    let later = run("2026-03-02T12:00:00Z");
    later.exits(1);
    let check = later.check("orders-data");
    assert_eq!(check["status"], "unknown", "{check}");
    assert!(
        check["because"].as_str().unwrap().contains("earlier runs have counted cannot be read"),
        "{check}"
    );
}

#[test]
fn what_cannot_be_asked_is_refused_before_the_drill() {
    let sum = "0".repeat(64);
    for (keys, part) in [
        ("rungs: [structure]".to_owned(), "nothing to compare with"),
        ("against: gone.json".to_owned(), "gone.json` cannot be read"),
        ("against: broken.json".to_owned(), "this is no reference of a database"),
        ("against: '{{ params.db_class }}'".to_owned(), "known only during the run"),
        ("canary: { query: select 1, equals: hunter22 }".to_owned(), "would be kept with every run"),
        (format!("rungs: [canary], canary: {{ query: delete from t, sha256: '{sum}' }}"), "checks only read"),
        ("rungs: [indices]".to_owned(), "indices"),
    ] {
        let drill = drill(&keys, "");
        std::fs::write(drill.folder().join("broken.json"), "{ \"tables\": 3 }").unwrap();
        let file = drill.write();
        let (code, out, err) = told(&["validate", file.to_str().unwrap()]);
        assert!(code == 2 && format!("{out}{err}").contains(part), "{keys}: {out}{err}");
    }
    // The first transaction goes only into what the drill made.
    for (host, refused) in [
        ("db.example.com", true),
        ("{{ params.db_class }}", true),
        ("{{ steps.db.endpoint }}", false),
        ("{{ steps.db.address }}:5432", false),
    ] {
        let check = format!(
            "- id: orders-data\n  workload: orders\n  needs: [db]\n  data: {{ url: \"postgres://u@{host}/orders\", rungs: [write] }}\n"
        );
        let drill = Drill::good().check(&check);
        let (_, out, err) = told(&["validate", drill.write().to_str().unwrap()]);
        let says = format!("{out}{err}").contains("would write into a database that this drill did not make");
        assert_eq!(says, refused, "{host}: {out}{err}");
    }
    let drill = drill("rungs: [indexes]", "{ rungs: { indices: healthy } }");
    let (code, out, err) = told(&["validate", drill.write().to_str().unwrap()]);
    assert!(
        code == 2 && format!("{out}{err}").contains("a `data` check has no rung `indices`"),
        "{out}{err}"
    );
}

/// The whole question travels in a request to Lambda. What does not fit is told before the drill.
#[test]
fn what_is_too_large_for_the_probe_is_refused_before_the_drill() {
    let probe = "sandbox:\n  probe: { role: \"arn:aws:iam::999988887777:role/probe\" }\n";
    // Each of these bytes takes two in a question.
    for (bytes, with_probe, fits) in [(3 << 20, true, false), (3 << 20, false, true), (2 << 20, true, true)] {
        let mut drill = drill("against: reference.json, rungs: [volume]", "");
        if with_probe {
            drill = drill.playbook("sandbox:\n", probe);
        }
        let reference = drill.folder().join("reference.json");
        let text = std::fs::read_to_string(&reference).unwrap();
        let column = format!("\"id\":\"bigint not null default '{}'\"", "\\\"".repeat(bytes / 2));
        std::fs::write(&reference, text.replace("\"id\":\"bigint not null\"", &column)).unwrap();
        let (code, out, err) = told(&["validate", drill.write().to_str().unwrap()]);
        let says = format!("{out}{err}").contains("bytes in a question to the probe");
        assert_eq!((says, code == 2), (!fits, !fits), "{bytes}, {with_probe}: {out}{err}");
    }
}
