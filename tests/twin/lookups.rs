//! What restored machines tried to reach: the estate's `lookups`, the playbook's `names`, and what
//! every form of the report says of them.

use event::Body;
use serde_json::{Value, json};
use support::drill::{Drill, told};
use support::rehearsal::{Given, loaded, rehearse};
use twin::Unanswered;

const PROBE: &str = "probe: { role: \"arn:aws:iam::999988887777:role/drillmaster-probe\" }";

const LOOKUPS: &str = r"
lookups:
  - { machine: web, name: sqs.us-east-1.amazonaws.com, count: 3 }
  - { machine: web, name: orders.c1a2.us-east-1.rds.amazonaws.com }
  - { machine: web, name: DB.orders.internal. }
  - { machine: web, name: smtp.mailer.example }
  - { machine: web, name: archive.orders.internal }
  - { machine: web, name: sqs.us-west-2.amazonaws.com, count: 2 }
  - { machine: worker, name: nobody.example }
";

/// The sample of a lost region, with these lines in the sandbox and these at the end of the estate.
fn drill(sandbox: &str, lookups: &str) -> Drill {
    let mut drill = Drill::good().playbook("  ttl: 4h\n", &format!("  ttl: 4h\n{sandbox}\n"));
    drill.estate.push_str(lookups);
    drill
}

fn closed() -> Drill {
    drill(&format!("  {PROBE}\n  names: {{ db.orders.internal: \"{{{{ steps.db.address }}}}\" }}"), LOOKUPS)
}

fn rows(report: &Value) -> Vec<(String, u64, String, String)> {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let rows = report["lookups"].as_array().unwrap().iter();
    rows.map(|row| {
        assert_eq!(row["machine"], "web");
        (text(row, "name"), row["count"].as_u64().unwrap(), text(row, "answer"), text(row, "means"))
    })
    .collect()
}

#[test]
fn each_name_is_told_with_what_it_means_and_the_gravest_is_first() {
    let run = closed().run();
    run.exits(0).is_clean();
    let row = |name: &str, count, answer: &str, means: &str| {
        (name.to_owned(), count, answer.to_owned(), means.to_owned())
    };
    assert_eq!(
        rows(&run.report),
        [
            row("orders.c1a2.us-east-1.rds.amazonaws.com", 1, "blocked", "lost"),
            row("sqs.us-east-1.amazonaws.com", 3, "blocked", "lost"),
            row("archive.orders.internal", 1, "blocked", "production"),
            row("smtp.mailer.example", 1, "blocked", "world"),
            row("sqs.us-west-2.amazonaws.com", 2, "blocked", "aws"),
            row("db.orders.internal", 1, "answered", "sandbox"),
        ]
    );
    assert_eq!(run.report.get("lookups_unknown"), None);
    let finding = run.one("/findings", "rule", "depends-on-what-is-lost");
    assert_eq!((&finding["severity"], &finding["resource"]), (&json!("high"), &json!("orders")));
    let message = finding["message"].as_str().unwrap();
    for part in
        ["machine of `web`", "2 names", "sqs.us-east-1.amazonaws.com", "region us-east-1, which is lost"]
    {
        assert!(message.contains(part), "{part}: {message}");
    }
    for (rule, severity, name) in [
        ("calls-production", "medium", "archive.orders.internal"),
        ("reaches-the-world", "low", "smtp.mailer.example"),
    ] {
        let finding = run.one("/findings", "rule", rule);
        assert_eq!(finding["severity"], severity);
        assert!(finding["message"].as_str().unwrap().contains(name), "{finding}");
    }
}

#[test]
fn every_form_of_the_report_tells_it() {
    let run = closed().run();
    let read = |name: &str| std::fs::read_to_string(run.folder.join(name)).unwrap();
    for (form, text) in
        [("html", read("report.html")), ("md", read("report.md")), ("text", run.stdout.clone())]
    {
        for part in [
            "What it tried to reach",
            "web",
            "sqs.us-east-1.amazonaws.com",
            "lost",
            "production's",
            "blocked",
        ] {
            let text = text.replace("&#39;", "'");
            assert!(text.contains(part), "{form} has no `{part}`");
        }
    }
    // The terminal tells what matters, and leaves AWS's own to the report.
    assert!(!run.stdout.contains("sqs.us-west-2"), "{}", run.stdout);
    let (code, text, _) = told(&["report", run.folder.to_str().unwrap(), "--format", "json"]);
    let again: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &again["lookups"]), (0, &run.report["lookups"]));
}

/// Nobody saw nothing: a report says what it does not know.
#[test]
fn what_nobody_watched_or_could_read_is_unknown_and_never_none() {
    let open = Drill::good().run();
    assert_eq!((open.report.get("lookups"), open.report.get("lookups_unknown")), (None, None));
    let chosen = drill(&format!("  {PROBE}\n  resolver: open"), LOOKUPS).run();
    assert_eq!(chosen.report.get("lookups"), None);
    for (sandbox, lookups, names, why) in [
        (format!("  {PROBE}"), "", 0, "the estate does not say"),
        ("  resolver: closed".to_owned(), LOOKUPS, 6, "has no probe"),
        ("  resolver: closed".to_owned(), "lookups: []\n", 0, "has no probe"),
    ] {
        let run = drill(&sandbox, lookups).run();
        run.exits(0);
        assert_eq!(run.at("/lookups").as_array().unwrap().len(), names, "{sandbox}");
        assert!(run.at("/lookups_unknown").as_str().unwrap().contains(why), "{}", run.at("/lookups_unknown"));
        let page = std::fs::read_to_string(run.folder.join("report.html")).unwrap();
        assert!(
            page.contains("not all is known") && run.stdout.contains("what restored machines tried to reach")
        );
    }
    let nothing = drill(&format!("  {PROBE}"), "lookups: []\n").run();
    assert_eq!(nothing.report["lookups"], json!([]));
    assert_eq!(nothing.report.get("lookups_unknown"), None);
    assert!(
        std::fs::read_to_string(nothing.folder.join("report.md")).unwrap().contains("Nothing. No restored")
    );
}

#[test]
fn a_drill_that_is_cut_short_knows_nothing_of_names() {
    let drill = drill(&format!("  {PROBE}"), LOOKUPS);
    let cut = |body: &Body| matches!(body, Body::StepSucceeded { step, .. } if step == "web");
    let given = Given { interrupt: cut, ..Given::default() };
    let left = rehearse(&loaded(&drill.write()), &given, &[], Unanswered::Done);
    assert!(!left.events.iter().any(|event| matches!(event.body, Body::LookedUp(_))));
    assert_eq!(left.report.lookups, Some(Vec::new()));
    assert!(left.report.lookups_unknown.unwrap().contains("ended before"));
}

/// A machine that was never launched looks nothing up.
#[test]
fn machines_that_did_not_come_back_look_nothing_up() {
    let run =
        drill(&format!("  {PROBE}"), LOOKUPS).faults(&["{ step: web, error: comes_up_unhealthy }"]).run();
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert_eq!(run.report["lookups"], json!([]));
}

/// A program may look up any number of names, and put anything into them.
#[test]
fn any_number_of_any_names_is_told_within_limits() {
    let mut lookups = "lookups:\n".to_owned();
    for n in 0..1_500 {
        lookups += &format!("  - {{ machine: web, name: n{n}.example }}\n");
    }
    lookups += "  - { machine: web, name: sqs.us-east-1.amazonaws.com }\n";
    lookups += "  - { machine: web, name: \"<script>\\u202E*_.example\" }\n";
    let run = drill(&format!("  {PROBE}"), &lookups).run();
    let told = run.at("/lookups").as_array().unwrap();
    assert_eq!((told.len(), &told[0]["means"]), (1_000, &json!("lost")));
    assert!(
        run.at("/lookups_unknown").as_str().unwrap().contains("502 names more"),
        "{}",
        run.at("/lookups_unknown")
    );
    assert!(run.stdout.lines().count() < 100, "{}", run.stdout);
    let page = std::fs::read_to_string(run.folder.join("report.html")).unwrap();
    assert!(!page.contains("<script>"));
}

/// An answer that needs no step is brought by the first that succeeds.
#[test]
fn a_name_may_be_answered_without_a_step() {
    for by in ["", "  names_by: firewall\n"] {
        let answer = if by.is_empty() { "10.66.0.9" } else { "nothing.orders.internal" };
        let sandbox = format!("  {PROBE}\n{by}  names: {{ db.orders.internal: \"{answer}\" }}");
        let run = drill(&sandbox, LOOKUPS).run();
        run.exits(0).is_clean();
        let row = ("db.orders.internal".to_owned(), 1, "answered".to_owned(), "sandbox".to_owned());
        assert!(rows(&run.report).contains(&row), "{by}: {:#?}", run.report["lookups"]);
    }
}
