//! The end of a drill, told to those who are there and to those who are not.

use std::time::{Duration, Instant};

use serde_json::Value;
use support::drill::{Drill, told};
use support::peers::{Answer, HttpTarget};
use support::ports::Reserved;

/// Longer than any limit.
const NEVER: Duration = Duration::from_secs(100);

fn telling(entries: &str) -> Drill {
    Drill::good().playbook("\nsteps:\n", &format!("\nnotify:\n{entries}\nsteps:\n"))
}

#[test]
fn dead_recipients_delay_a_run_by_their_limit_and_change_nothing() {
    let silent = HttpTarget::start(Answer::status(200).after(NEVER));
    let alive = HttpTarget::start(Answer::status(200).body("ok"));
    let closed = Reserved::new();
    let entries = format!(
        "  - webhook: {{ url: \"{}\" }}\n    timeout: 3s\n  - webhook: {{ url: \"http://{}/\" }}\n  \
         - webhook: {{ url: \"http://nowhere.invalid/\" }}\n    timeout: 3s\n  - slack: {{ url: env:SLACK }}\n",
        silent.url("/"),
        closed.address()
    );
    let quiet = Instant::now();
    Drill::good().run().exits(0);
    let quiet = quiet.elapsed();
    let drill = telling(&entries).env("SLACK", &alive.url("/services/slack-token-of-the-run"));
    let begun = Instant::now();
    let run = drill.run();
    let took = begun.elapsed();
    run.exits(0).is_clean();
    assert!(took < quiet * 2 + Duration::from_secs(4), "{took:?}, and {quiet:?} without telling");
    let warned = run.stderr.lines().filter(|line| line.starts_with("warning: ")).collect::<Vec<_>>();
    let [silent, closed, nowhere] = warned.as_slice() else { panic!("{}", run.stderr) };
    assert!(silent.contains("entry 1") && silent.contains("no answer within 3s"), "{silent}");
    assert!(closed.contains("entry 2") && closed.contains("refused"), "{closed}");
    assert!(nowhere.contains("entry 3"), "{nowhere}");
    let requests = alive.requests();
    assert_eq!(requests.len(), 1);
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert!(body["text"].as_str().unwrap().starts_with("Simulated: "), "{body}");
    assert!(body.to_string().contains(run.report["run_id"].as_str().unwrap()), "{body}");
    // The secret is on no record.
    for file in ["journal.ndjson", "report.json", "report.html"] {
        let text = std::fs::read_to_string(run.folder.join(file)).unwrap();
        assert!(!text.contains("slack-token-of-the-run"), "{file}");
    }
    assert!(!run.stderr.contains("slack-token-of-the-run"), "{}", run.stderr);
}

#[test]
fn a_finished_run_is_told_to_whom_its_playbook_named() {
    let target = HttpTarget::start(Answer::status(200));
    let drill = telling(&format!("  - webhook: {{ url: \"{}\" }}\n", target.url("/drills")));
    let run = drill.run();
    run.exits(0);
    let (code, out, err) = told(&["notify", run.folder.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("webhook (entry 1 of `notify` in ") && out.ends_with("): told\n"), "{out}");
    let bodies: Vec<Value> =
        target.requests().iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    let [first, again] = bodies.as_slice() else { panic!("{bodies:#?}") };
    assert_eq!(first, again);
    let refusing = HttpTarget::start(Answer::status(500).body("no"));
    let config = drill.folder().join("config.yaml");
    let entry = format!("notify:\n  - webhook: {{ url: \"{}\" }}\n", refusing.url("/"));
    std::fs::write(&config, entry).unwrap();
    let (code, _, err) =
        told(&["notify", run.folder.to_str().unwrap(), "--config", config.to_str().unwrap()]);
    assert!(code == 1 && err.contains("it answered 500 Internal Server Error and said `no`"), "{err}");
}

#[test]
fn a_run_is_a_trace() {
    let target = HttpTarget::start(Answer::status(200).body("{}"));
    let run = Drill::good().env("OTEL_EXPORTER_OTLP_ENDPOINT", &target.url("")).run();
    run.exits(0);
    let requests = target.requests();
    assert_eq!((requests.len(), requests[0].path.as_str()), (1, "/v1/traces"));
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    let parts = ["steps", "checks"].map(|list| run.report[list].as_array().unwrap().len());
    assert_eq!(spans.len(), 1 + parts[0] + parts[1]);
}
