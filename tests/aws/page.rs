//! The page of `serve` in a real Chromium, and its metrics before Prometheus's own checker, with names that
//! no playbook may have. A store may hold runs of others, so its names are not ours.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use base::digest::sha256;
use serde_json::Value;
use support::drill::{Drill, drillmaster, told};
use support::peers::{browser, checkers, program, stores};
use support::places::at;
use support::serving::{Serving, recorded, run_of};

/// Markup that tells of itself, a way out of an attribute, and a word without a break.
fn hostile(of: &str) -> String {
    let markup =
        "<script>window.owned=1</script><img src=x onerror=\"window.owned=1\">\"'&{{csrf}}\\\n\u{202e}";
    format!("{of}{markup}{}", "x".repeat(90))
}

/// Writes a run anew with other names. Its chain of hashes is right.
fn rename(run: &Path) {
    let names: BTreeMap<&str, String> = [
        ("orders-region-loss", hostile("P")),
        ("orders", hostile("W")),
        ("web", hostile("S")),
        ("web-up", hostile("C")),
    ]
    .into();
    let file = run.join("journal.ndjson");
    let mut before = sha256("");
    let mut journal = String::new();
    for line in fs::read_to_string(&file).unwrap().lines() {
        let mut record: Value = serde_json::from_str(line).unwrap();
        put_in(&mut record, &names);
        record["prev"] = before.into();
        let line = format!("{record}\n");
        before = sha256(&line);
        journal += &line;
    }
    fs::write(file, journal).unwrap();
    for entry in fs::read_dir(run).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("journal.ndjson") {
            fs::remove_file(path).unwrap();
        }
    }
    // What is missing of a run's reports is written again.
    let (_, out, err) = told(&["resume", run.to_str().unwrap()]);
    let report = fs::read_to_string(run.join("report.json")).unwrap_or_else(|_| panic!("{out}{err}"));
    assert!(report.contains("window.owned"), "{report}");
}

fn put_in(value: &mut Value, names: &BTreeMap<&str, String>) {
    match value {
        Value::String(text) => {
            if let Some(name) = names.get(text.as_str()) {
                text.clone_from(name);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|entry| put_in(entry, names)),
        Value::Object(map) => {
            for (key, mut entry) in std::mem::take(map) {
                put_in(&mut entry, names);
                let is_prose = matches!(key.as_str(), "message" | "description");
                if let Value::String(text) = &mut entry
                    && is_prose
                {
                    *text = hostile(text);
                }
                map.insert(names.get(key.as_str()).cloned().unwrap_or(key), entry);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

struct Page {
    serving: Serving,
    drill: Drill,
    at: String,
    /// A run that waits for a person.
    waiting: String,
    /// The newest of those with hostile names.
    ended: String,
}

/// A store with runs that passed, that failed, and that measured nothing, and a drill that waits.
fn page() -> Page {
    let named = |drill: Drill| {
        drill.playbook("\nworkloads:", "\nschedule: yearly\ncontrols: [SOC2-A1.3, DORA-12.3]\n\nworkloads:")
    };
    let ask = serde_json::to_string(&hostile("Cut over: ").replace("{{csrf}}", "")).unwrap();
    // A browser takes its time, and the sandbox ends with its ttl.
    let drill = named(Drill::good()).playbook("ttl: 4h", "ttl: 48h").step(&format!(
        "- {{ id: ask, uses: manual.task, workload: orders, timeout: 9000h, with: {{ instructions: {ask} }} }}"
    ));
    let runs = drill.folder().join("runs");
    fs::create_dir(&runs).unwrap();
    let unmeasured = Drill::good().faults(&["{ step: db, error: never_completes }"]);
    let past = [
        (named(Drill::good()), "2026-01-15T09:00:00Z"),
        (named(Drill::of("region-loss")), "2026-04-15T09:00:00Z"),
        (named(unmeasured), "2026-07-15T09:00:00Z"),
        (named(Drill::good()), "2026-10-15T09:00:00Z"),
    ];
    let mut ended = String::new();
    for (number, (past, start)) in past.into_iter().enumerate() {
        ended = format!("past-{number}");
        let mut run = drillmaster();
        run.current_dir(drill.folder())
            .arg("run")
            .arg(past.write())
            .args(["--run-id", &ended, "--start", start]);
        let done = run.output().unwrap();
        assert!(runs.join(&ended).join("report.json").is_file(), "{done:?}");
        rename(&runs.join(&ended));
    }
    let store = runs.to_str().unwrap();
    let (_, findings, err) = told(&["finding", "list", "--store", store, "--output", "json"]);
    let findings: Value = serde_json::from_str(&findings).unwrap_or_else(|_| panic!("{err}"));
    let id = findings["findings"][0]["id"].as_str().unwrap();
    let owner = hostile("Ann ");
    let (code, _, err) = told(&[
        "finding",
        "assign",
        id,
        "--owner",
        &owner,
        "--due",
        "2026-02-01",
        "--by",
        "me",
        "--store",
        store,
    ]);
    assert_eq!(code, 0, "{err}");
    let mut serving = Serving::start(&drill, &["--", "--ask-people", "--pace", "300"]);
    let at = serving.page();
    let waiting = run_of(&serving.until("starts"));
    recorded(&drill, &waiting, "task_asked");
    Page { serving, drill, at, waiting, ended }
}

#[test]
fn a_browser_shows_hostile_names_as_names_and_a_person_needs_no_mouse() {
    let mut page = page();
    let mut looks = Command::new(program("node"));
    looks.arg(at("tests/peers/browser.js")).arg(browser());
    looks.arg(format!("http://{}", page.at)).args([&page.waiting, &page.ended]);
    // Where its pictures go, for whoever wants to look at them.
    looks.args(std::env::var_os("PICTURES"));
    let done = looks.env("NODE_PATH", stores().join("node_modules")).output().unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success(), "{said}");
    page.serving.until("ended with exit code");
    let answers = page.drill.folder().join("runs").join(&page.waiting).join("approvals");
    assert!(answers.join("ask.json").is_file(), "{}", answers.display());
}

#[test]
fn prometheus_finds_no_fault_with_the_metrics_of_a_store() {
    let page = page();
    let mut socket = TcpStream::connect(&page.at).unwrap();
    write!(socket, "GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", page.at).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(body.contains("window.owned") && body.contains("drillmaster_drill_overdue{"), "{body}");
    let mut promtool = Command::new(checkers().join("promtool"));
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().unwrap();
    promtool.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let done = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success() && said.is_empty(), "{said}\n{body}");
}
