//! `drillmaster approve`: a person answers, from another process, a run that waits for them.

use std::path::Path;

use serde_json::json;
use support::drill::{Drill, Run, told};

use crate::interruption::{Watched, finish};

/// A thousand seconds of the twin in each second.
const QUICK: [&str; 5] = ["--ask-people", "--pace", "1000", "--seed", "1"];

fn drill(more: &str) -> Drill {
    Drill::good().step(&format!(
        "- {{ id: ask, uses: manual.task, workload: orders, with: {{ instructions: \"Cut over, \\u001b[31mAda\" }}{more} }}"
    ))
}

/// The step waits for people however long they take.
fn patient() -> Drill {
    drill(", timeout: 9000h")
}

fn approve(run: &Path, step: &str, args: &[&str]) -> (i32, String, String) {
    told(&[&["approve", run.to_str().unwrap(), step], args].concat())
}

fn waiting(drill: &Drill) -> Watched {
    let run = Watched::start(drill, &QUICK);
    run.until_recorded("task_asked");
    run
}

fn step<'a>(run: &'a Run, id: &str) -> &'a serde_json::Value {
    run.step(id)
}

#[test]
fn an_answer_of_another_process_goes_on_record() {
    let drill = patient();
    let run = waiting(&drill);
    let by = ["--by", "Ada <b>Lovelace</b>", "--note", "records \"compared\""];
    let (code, out, err) = approve(&run.out, "ask", &by);
    assert_eq!((code, out.as_str()), (0, "ask: confirmed by Ada <b>Lovelace</b>\n"), "{err}");
    let again = approve(&run.out, "ask", &["--by", "Bob", "--refuse"]);
    assert!(
        again.0 == 2 && again.2.contains("waits for no answer") || again.2.contains("answered `ask` already")
    );
    let run = finish(&drill, run);
    run.exits(0);
    let ask = step(&run, "ask");
    assert_eq!(ask["status"], "succeeded");
    assert_eq!(ask["confirmed"]["by"], "Ada <b>Lovelace</b>");
    assert_eq!(ask["confirmed"]["through"], "approval");
    assert_eq!(ask["confirmed"]["note"], "records \"compared\"");
    assert_eq!(ask["confirmed"]["at"], ask["finished_at"]);
    assert!(ask["seconds"].as_f64().unwrap() > 0.0, "the time that people took is measured: {ask}");
    let asked = run.events("task_asked");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["step"], "ask");
    let html = std::fs::read_to_string(run.folder.join("report.html")).unwrap();
    assert!(html.contains("confirmed by Ada &lt;b&gt;Lovelace&lt;/b&gt;"), "{html}");
    // Afterwards nobody waits.
    let (code, _, err) = approve(&run.folder, "ask", &["--by", "Ada"]);
    assert!(code == 2 && err.contains("the run is over"), "{err}");
}

#[test]
fn a_refusal_fails_the_step() {
    let drill = patient();
    let run = waiting(&drill);
    let (code, out, err) = approve(&run.out, "ask", &["--refuse", "--by", "Ada", "--note", "DNS is wrong"]);
    assert_eq!((code, out.as_str()), (0, "ask: refused by Ada\n"), "{err}");
    let run = finish(&drill, run);
    run.exits(1);
    let because = step(&run, "ask")["because"].as_str().unwrap();
    assert!(because.contains("the task was refused by Ada: DNS is wrong"), "{because}");
}

#[test]
fn what_does_not_wait_takes_no_answer() {
    let drill = patient().step(
        "- { id: later, uses: manual.task, needs: [ask], workload: orders, with: { instructions: More } }",
    );
    let run = waiting(&drill);
    for (step, args, why) in [
        ("later", &["--by", "Ada"][..], "`later` does not wait yet: answer it once the run asks"),
        ("none", &["--by", "Ada"], "there is no step `none`; those that wait for a person: `ask`, `later`"),
        ("../x", &["--by", "Ada"], "there is no step `../x`"),
        ("db", &["--by", "Ada"], "only a `manual.task` waits for a person"),
        ("ask", &["--by", " "], "the name is empty"),
    ] {
        let (code, out, err) = approve(&run.out, step, args);
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(err.contains(why), "{err}");
    }
    let nowhere = run.out.with_file_name("nowhere");
    let (code, _, err) = approve(&nowhere, "ask", &["--by", "Ada"]);
    assert!(code == 2 && err.contains("nowhere"), "{err}");
    assert!(!run.out.join("approvals").exists(), "nothing was written");
    run.signal("INT");
    finish(&drill, run).exits(130);
}

#[test]
fn a_file_that_is_no_answer_fails_the_step_and_names_the_file() {
    let drill = patient();
    let run = waiting(&drill);
    std::fs::create_dir(run.out.join("approvals")).unwrap();
    std::fs::write(run.out.join("approvals/ask.json"), "{ \"done\": true }").unwrap();
    let run = finish(&drill, run);
    run.exits(1);
    let because = step(&run, "ask")["because"].as_str().unwrap();
    assert!(because.contains("approvals/ask.json") && because.contains("missing field"), "{because}");
}

#[test]
fn without_a_terminal_and_a_timeout_the_wait_ends() {
    let run = drill("").run_with(&QUICK);
    run.exits(1);
    let ask = step(&run, "ask");
    let because = ask["because"].as_str().unwrap();
    assert!(because.contains("nobody confirmed the task within 1h"), "{because}");
    assert!(because.contains("drillmaster approve"), "{because}");
    assert_eq!(ask["seconds"], json!(3600.0));
}

#[test]
fn people_are_asked_only_at_a_pace_that_they_can_follow() {
    let drill = patient();
    let path = drill.write();
    let (code, _, err) = told(&["run", path.to_str().unwrap(), "--ask-people"]);
    assert!(code == 2 && err.contains("add `--pace realtime`"), "{err}");
}

/// An answer that came while no process ran is found by the one that goes on.
#[test]
fn a_resumed_run_still_asks_people() {
    let drill = patient();
    let run = waiting(&drill);
    run.signal("KILL");
    let (_, out) = run.end();
    let (code, _, err) = approve(&out, "ask", &["--by", "Ada"]);
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = told(&["resume", out.to_str().unwrap()]);
    assert_eq!(code, 0, "{err}");
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("report.json")).unwrap()).unwrap();
    let ask = report["steps"].as_array().unwrap().iter().find(|step| step["id"] == "ask").unwrap();
    assert_eq!(ask["confirmed"]["by"], "Ada");
}
