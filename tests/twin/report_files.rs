//! External templates, the files of a run, reading them again, and GitHub.

use std::fs;
use std::path::Path;

use record::report::{self, Format, ReportError, Templates, github, render, write_all};
use support::report_fixtures::{error_before_t0, passed, region_loss, unpleasant};

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn message(error: &ReportError) -> String {
    assert!(!error.help().is_empty());
    error.to_string()
}

#[test]
fn every_file_is_written_whole_and_can_be_read_again() {
    let dir = dir();
    let run = dir.path().join("runs/one");
    let templates = Templates::built_in().unwrap();
    for report in [unpleasant(), region_loss()] {
        write_all(&report, &run, &templates).unwrap();
        assert_eq!(report::read(&run).unwrap().report, report);
        assert_eq!(report::read(&run.join("report.json")).unwrap().report, report);
    }
    let mut names: Vec<_> =
        fs::read_dir(&run).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let mut expected = ["junit.xml", "report.html", "report.json", "report.md"];
    expected.sort_unstable();
    assert_eq!(names, expected, "nothing temporary is left");
    for name in expected {
        assert!(fs::read_to_string(run.join(name)).unwrap().ends_with('\n'), "{name}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let dir = dir();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = write_all(&passed(), &file.join("run"), &Templates::built_in().unwrap()).unwrap_err();
    assert!(message(&error).contains(&file.display().to_string()), "{error}");
    // A folder stands in the place of a file.
    fs::create_dir_all(dir.path().join("run/report.html")).unwrap();
    let run = dir.path().join("run");
    let error = write_all(&passed(), &run, &Templates::built_in().unwrap()).unwrap_err();
    assert!(message(&error).contains("report.html"), "{error}");
    assert!(run.join("junit.xml").exists(), "the other formats are written all the same");
    assert_eq!(fs::read_dir(&run).unwrap().count(), 4, "nothing temporary is left");
}

#[test]
fn damaged_and_foreign_reports_are_told_apart() {
    let dir = dir();
    let path = dir.path().join("report.json");
    let whole = render(&passed(), Format::Json, &Templates::built_in().unwrap()).unwrap();
    let read = |text: &[u8]| {
        fs::write(&path, text).unwrap();
        message(&report::read(dir.path()).unwrap_err())
    };
    let foreign = read(whole.replacen("report/v1", "report/v9", 1).as_bytes());
    assert!(
        foreign.contains("drillmaster/report/v9") && foreign.contains("drillmaster/report/v1"),
        "{foreign}"
    );
    assert!(read(&whole.as_bytes()[..whole.len() / 2]).contains("damaged: EOF"));
    assert!(read(b"").contains(":1:0: "));
    assert!(read(b"{}").contains("schema"));
    assert!(read(b"\xff\xfe\x00").contains("report.json:1:"));
    assert!(read(whole.replacen("\"exit_code\": 0", "\"exit_code\": \"zero\"", 1).as_bytes()).contains("u8"));
    // A word that this version does not know is never read as another word.
    for (known, unknown) in [
        ("\"exit_code\": 0", "\"exit_code\": 7"),
        ("\"on\": \"aws\"", "\"on\": \"azure\""),
        ("\"severity\": \"medium\"", "\"severity\": \"grave\""),
        ("\"rule\": \"newer-point-needs-copy\"", "\"rule\": \"unheard-of\""),
    ] {
        let text = render(&region_loss(), Format::Json, &Templates::built_in().unwrap()).unwrap();
        let text = text
            .replace("\"exit_code\": 1", "\"exit_code\": 0")
            .replace("\"on\": \"twin\"", "\"on\": \"aws\"");
        assert!(text.contains(known), "{known}");
        let said = read(text.replacen(known, unknown, 1).as_bytes());
        let word = unknown.rsplit([' ', '"']).find(|word| !word.is_empty()).unwrap();
        assert!(said.contains("damaged") && said.contains(word), "{said}");
    }
    fs::remove_file(&path).unwrap();
    assert!(message(&report::read(dir.path()).unwrap_err()).contains("there is no report in this folder"));
}

#[test]
fn a_template_replaces_the_built_in_one_and_sees_the_raw_report() {
    let dir = dir();
    let file = dir.path().join("mine.md.hbs");
    fs::write(&file, "{{title}}: {{report.workloads.0.rto.measured_s}} {{code facts.run_id}}\n").unwrap();
    let templates = Templates::load(Some(&file)).unwrap();
    assert_eq!(
        render(&region_loss(), Format::Markdown, &templates).unwrap(),
        "Simulated: orders-region-loss: failed: 905.0 `2026-03-02-0900-7f3a`\n"
    );
    let html = render(&region_loss(), Format::Html, &templates).unwrap();
    assert!(html.contains("<!doctype html>"), "the other format stays");

    let folder = dir.path().join("folder");
    fs::create_dir_all(folder.join("partials")).unwrap();
    fs::write(folder.join("partials/more.html.hbs"), "<p>MORE</p>").unwrap();
    fs::write(folder.join("partials/logo.html.hbs"), "<b>{{playbook.name}}</b>").unwrap();
    fs::write(folder.join("report.html.hbs"), "{{> logo}}{{> more steps}}").unwrap();
    let templates = Templates::load(Some(&folder)).unwrap();
    assert_eq!(
        render(&region_loss(), Format::Html, &templates).unwrap(),
        "<b>orders-region-loss</b><p>MORE</p>"
    );
}

#[test]
fn a_mistake_in_a_template_is_placed() {
    let dir = dir();
    let file = dir.path().join("mine.html.hbs");
    let load = |text: &str| {
        fs::write(&file, text).unwrap();
        Templates::load(Some(&file))
    };
    let place = |line: &str| format!("{}:{line}", file.display());
    let error = load("line one\n  {{#if simulated}} x").unwrap_err();
    assert!(message(&error).starts_with(&place("2:")), "{error}");
    for (text, line, what) in [
        ("a\n\n {{no_such}}", "3:", "no_such"),
        ("a\n{{#if simulatd}}x{{/if}}", "2:", "simulatd"),
        ("{{#unless simulatd}}x{{/unless}}", "1:", "simulatd"),
        ("{{#each workloads.rows}}\n{{nam}}{{/each}}", "2:", "nam"),
        ("{{nohelper title}}", "1:", "nohelper"),
        ("{{> nopartial}}", "1:", "nopartial"),
    ] {
        let templates = load(text).unwrap();
        let error = render(&region_loss(), Format::Html, &templates).unwrap_err();
        let said = message(&error);
        assert!(said.starts_with(&place(line)) && said.contains(what), "{text}: {said}");
    }
    // A mistake in one template does not stop the record from being written.
    let templates = load("{{no_such}}").unwrap();
    let run = dir.path().join("run");
    assert!(write_all(&passed(), &run, &templates).is_err());
    assert_eq!(report::read(&run).unwrap().report, passed());
}

#[test]
fn what_is_no_template_is_refused() {
    let dir = dir();
    let empty = message(&Templates::load(Some(dir.path())).unwrap_err());
    assert!(empty.contains("holds no template"), "{empty}");
    let file = dir.path().join("report.html");
    fs::write(&file, "").unwrap();
    assert!(message(&Templates::load(Some(&file)).unwrap_err()).contains("is not a template"));
    assert!(
        message(&Templates::load(Some(Path::new("/no/such.md.hbs"))).unwrap_err()).contains("cannot read")
    );
}

#[test]
fn every_part_of_the_readme_names_something_that_exists() {
    // Each name of the table's first column must be a name of the view.
    let readme = include_str!("../../reports/README.md");
    let dir = dir();
    let file = dir.path().join("probe.md.hbs");
    let mut names = 0;
    let rows = readme.lines().skip_while(|l| !l.starts_with("| name")).skip(2);
    for row in rows.take_while(|l| l.starts_with('|')).filter(|l| !l.contains("of a workload")) {
        let first = row.split('|').nth(1).unwrap();
        for name in first.split('`').skip(1).step_by(2) {
            fs::write(&file, format!("{{{{#if {name}}}}}x{{{{/if}}}}")).unwrap();
            render(&unpleasant(), Format::Markdown, &Templates::load(Some(&file)).unwrap()).unwrap();
            names += 1;
        }
    }
    assert!(names >= 25, "{names}");
}

#[test]
fn github_gets_a_summary_and_annotations_only_where_it_asks() {
    let dir = dir();
    let summary = dir.path().join("summary.md");
    fs::write(&summary, "before\n").unwrap();
    let templates = Templates::built_in().unwrap();
    let none = github::publish(&unpleasant(), &templates, |_| None).unwrap();
    assert!(none.is_empty());
    let env = |name: &str| match name {
        "GITHUB_STEP_SUMMARY" => Some(summary.display().to_string()),
        "GITHUB_ACTIONS" => Some("true".into()),
        _ => None,
    };
    let lines = github::publish(&unpleasant(), &templates, env).unwrap();
    let text = fs::read_to_string(&summary).unwrap();
    assert!(text.starts_with("before\n## Failed") && text.contains("Denied calls"), "{text}");
    assert!(lines.iter().all(|l| l.starts_with("::") && !l.contains('\n')));
    for expected in [
        "::error file=drills/region-loss.yaml,title=RTO of payments missed::1h2m with assumptions, objective 1h",
        "::error file=drills/region-loss.yaml,title=RPO of search unknown::not recovered, objective 15m",
    ] {
        assert!(lines.iter().any(|l| l == expected), "{expected}\n{lines:#?}");
    }
    assert!(lines.iter().any(|l| l.contains("s3%3ACreateBucket denied")), "{lines:#?}");
    assert!(github::annotations(&passed()).is_empty());
    let error = github::annotations(&error_before_t0());
    assert!(
        error[0].contains("The drill could not be carried out::")
            && error[0].contains("the sandbox is not isolated"),
        "{error:#?}"
    );
    let simulated = github::annotations(&region_loss());
    assert!(simulated[1].contains("title=Simulated%3A RPO of orders missed"), "{simulated:#?}");

    let broken = github::publish(&passed(), &templates, |n| {
        (n == "GITHUB_STEP_SUMMARY").then(|| "/no/such/file".into())
    });
    assert!(message(&broken.unwrap_err()).contains("/no/such/file"));
}
