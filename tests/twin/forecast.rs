//! `forecast`: what it says of the samples, and what it learns from.

use serde_json::Value;
use support::drill::{Drill, told};

fn forecast(playbook: &str, more: &[&str]) -> Value {
    let (code, out, err) = told(&[&["forecast", playbook, "--output", "json"], more].concat());
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn the_sample_has_a_distribution_and_a_chance() {
    let playbook = support::places::at("drills/region-loss.yaml").display().to_string();
    let first = forecast(&playbook, &["--runs", "2000", "--seed", "7"]);
    assert_eq!(first, forecast(&playbook, &["--runs", "2000", "--seed", "7"]));
    assert_ne!(first, forecast(&playbook, &["--runs", "2000", "--seed", "8"]));
    assert_eq!(first["schema"], "drillmaster/forecast/v1");
    assert_eq!((&first["runs"], &first["seed"]), (&2000.into(), &7.into()));
    let rto = &first["workloads"][0]["rto"];
    let of = |key: &str| rto[key].as_f64().unwrap();
    assert!(of("p50_s") < of("p90_s") && of("p90_s") < of("p99_s"), "{rto:#}");
    assert_eq!(rto["objective_s"], 2700.0);
    assert!(of("p_met_low") <= of("p_met") && of("p_met") <= of("p_met_high"));
    assert_eq!(first["workloads"][0]["critical"][0]["id"], "db");
    assert_eq!(first["workloads"][0]["gains"][0]["faster"], 0.25);
    assert!(first["learned_from"].as_array().unwrap().iter().all(|a| a["model"] == "calibration"));
}

/// The estate of the sample without its spreads: each draw is the twin's run.
#[test]
fn without_spread_it_is_the_twins_run() {
    let sample = |name: &str| std::fs::read_to_string(support::places::at("drills").join(name)).unwrap();
    let mut estate = sample("estate.yaml");
    for spread in ["0.25", "0.3", "0.2"] {
        estate = estate.replace(&format!(", spread: {spread} }}"), " }");
    }
    for name in ["region-loss.yaml", "az-loss.yaml"] {
        let drill = Drill::new(&sample(name), &estate);
        let run = drill.run();
        let said = forecast(&drill.write().display().to_string(), &["--runs", "50"]);
        let report = run.at("/workloads/0/rto");
        let assumed = &report["with_assumptions_s"];
        let expected = if assumed.is_null() { &report["measured_s"] } else { assumed };
        for key in ["p50_s", "p90_s", "p99_s"] {
            let found = said["workloads"][0]["rto"][key].as_f64().unwrap();
            assert!((found - expected.as_f64().unwrap()).abs() < 1e-6, "{name} {key}: {found} {expected}");
        }
    }
}

/// The report of a run has the same figures as the command, made before T0.
#[test]
fn a_run_forecasts_its_recovery() {
    let drill = Drill::of("region-loss");
    let run = drill.run();
    let told = run.at("/forecast");
    assert_eq!((&told["runs"], &told["seed"]), (&10_000.into(), &1.into()));
    let said = forecast(&drill.write().display().to_string(), &[]);
    let (found, expected) = (&told["workloads"][0], &said["workloads"][0]);
    assert_eq!(found["name"], expected["name"]);
    for key in ["p50_s", "p90_s", "p99_s", "p_met", "p_met_low"] {
        let of = |forecast: &Value| forecast["rto"][key].as_f64().unwrap();
        assert!((of(found) - of(expected)).abs() <= 0.0005, "{key}: {found:#} {expected:#}");
    }
    assert_eq!(found["rto"]["histogram"]["counts"], expected["rto"]["histogram"]["counts"]);
    let of_db = run.one("/forecast/learned_from", "action", "rds.restore");
    assert_eq!((&of_db["model"], &of_db["runs"]), (&"estate".into(), &0.into()));
    // It is recorded before T0, takes none of the run's time, and comes out the same.
    let journal = run.journal();
    let at = |name: &str| journal.iter().position(|event| event["event"] == name).unwrap();
    assert!(at("forecast") < at("disaster_declared"));
    assert_eq!(run.comparable(), drill.run().comparable());
    let read = |name: &str| std::fs::read_to_string(run.folder.join(name)).unwrap();
    let html = read("report.html");
    support::markup::parse(&html).assert_attributes_are_harmless();
    assert!(html.contains("A forecast is a model, not a measurement") && html.contains("distribution"));
    assert!(html.contains("circle class=\"measured\"") && html.contains("slower than"), "{html}");
    assert!(read("report.md").contains("forecast before T0, by a model: P50 "), "{}", read("report.md"));
    assert!(run.stderr.contains("by a model, not measured: orders up to "), "{}", run.stderr);
}

/// Playbooks of many steps are drawn less often, and those of too many not at all.
#[test]
fn a_large_playbook_has_a_smaller_forecast_in_its_run_or_none() {
    let run = support::drill::copies(249, "latest").run();
    run.is("/forecast/runs", 4_000);
    assert_eq!(run.at("/forecast").get("because"), None);
    let run = support::drill::copies(500, "latest").run();
    run.is("/forecast/runs", 0).is("/forecast/workloads", Value::Array(vec![]));
    assert!(run.at("/forecast/because").as_str().unwrap().starts_with("501 steps and checks are too many"));
    let html = std::fs::read_to_string(run.folder.join("report.html")).unwrap();
    assert!(html.contains("There is no forecast: 501 steps"), "the page says why");
}

#[test]
fn the_page_and_the_table_say_what_the_json_says() {
    let playbook = support::places::at("drills/region-loss.yaml").display().to_string();
    let said = forecast(&playbook, &[]);
    let p90 = said["workloads"][0]["rto"]["p90_s"].as_f64().unwrap().round();
    let p90 = base::duration::human_seconds(p90);
    for output in ["html", "markdown"] {
        let (code, out, err) = told(&["forecast", &playbook, "--output", output]);
        assert_eq!(code, 0, "{err}");
        for words in [p90.as_str(), "not a measurement", "The estate gives the times of", "web-up", "45m"] {
            assert!(out.contains(words), "{output}: no {words} in {out}");
        }
        if output == "html" {
            let page = support::markup::parse(&out);
            page.assert_attributes_are_harmless();
            assert_eq!((page.count("h1"), page.count("script")), (1, 0));
            assert!(page.count("path") >= 3, "{out}");
        }
    }
    // Without spread there is one bar. Where nothing comes back there is none, and the page says why.
    let drill = Drill::of("region-loss").faults(&["{ step: db, error: never_completes }"]);
    let playbook = drill.write().display().to_string();
    let (_, html, _) = told(&["forecast", &playbook, "--runs", "50", "--output", "html"]);
    assert!(html.contains("Not everything comes back") && html.contains("did not recover it"), "{html}");
    assert_eq!(support::markup::parse(&html).count("path"), 0);
}

#[test]
fn what_the_rehearsal_does_not_recover_has_no_forecast() {
    let drill = Drill::of("region-loss").faults(&["{ step: db, error: never_completes }"]);
    let said = forecast(&drill.write().display().to_string(), &["--runs", "50"]);
    assert_eq!(said["workloads"][0]["rto"], Value::Null);
    assert!(said["workloads"][0]["because"].as_str().unwrap().contains("did not recover"));
}

#[test]
fn contention_slows_what_aws_does() {
    let drill = Drill::of("az-loss");
    let slower = Drill::of("az-loss").playbook("\nworkloads:", "\nassume: { contention: 2 }\nworkloads:");
    let p50 = |drill: &Drill| {
        let said = forecast(&drill.write().display().to_string(), &["--runs", "500"]);
        said["workloads"][0]["rto"]["p50_s"].as_f64().unwrap()
    };
    assert!(p50(&slower) > 1.8 * p50(&drill));
    let (code, out, _) = told(&["forecast", &slower.write().display().to_string(), "--runs", "500"]);
    assert_eq!(code, 0);
    assert!(out.contains("Everything takes 2 times as long"), "{out}");
}

#[test]
fn simulated_drills_teach_nothing() {
    let drill = Drill::of("region-loss");
    let run = drill.run();
    let playbook = drill.write().display().to_string();
    let folder = run.folder.display().to_string();
    let (code, _, err) = told(&["forecast", &playbook, "--runs", "10", "--learn", &folder]);
    assert_eq!(code, 0);
    assert!(err.contains("it is simulated"), "{err}");
    let empty = tempfile::tempdir().unwrap();
    let (code, _, err) = told(&["forecast", &playbook, "--learn", &empty.path().display().to_string()]);
    assert_eq!(code, 2);
    assert!(err.contains("no run is here"), "{err}");
}
