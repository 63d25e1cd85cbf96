//! The report in every format: golden files for the text formats, structure for HTML, and hostile
//! content.

use base::exit::Exit;
use record::report::model::{CheckStatus, Status, StepStatus};
use record::report::{Format, Report, Templates, render};
use support::report_fixtures::{error_before_t0, many_steps, passed, region_loss, unpleasant};
use support::{golden, markup};

fn fixtures() -> [(&'static str, Report); 4] {
    [
        ("region-loss", region_loss()),
        ("passed", passed()),
        ("unpleasant", unpleasant()),
        ("error-before-t0", error_before_t0()),
    ]
}

fn rendered(report: &Report, format: Format) -> String {
    render(report, format, &Templates::built_in().unwrap()).unwrap()
}

#[test]
fn markdown_and_junit_are_as_agreed() {
    let mut names = Vec::new();
    for (name, report) in fixtures() {
        for (ending, format) in [("md", Format::Markdown), ("junit.xml", Format::Junit)] {
            let name = format!("{name}.{ending}");
            golden!("report", name.as_str(), &rendered(&report, format));
            names.push(name);
        }
    }
    golden::are_all_of("report", &names);
}

#[test]
fn html_is_well_formed_self_contained_and_in_order() {
    for (name, report) in fixtures() {
        let html = rendered(&report, Format::Html);
        let page = markup::parse(&html);
        assert_eq!(page.count("h1"), 1, "{name}");
        let mut level = 0;
        for heading in &page.headings {
            assert!(*heading <= level + 1, "{name}: h{heading} after h{level}");
            level = *heading;
        }
        for landmark in ["header", "nav", "main", "footer"] {
            assert_eq!(page.count(landmark), 1, "{name}: {landmark}");
        }
        for forbidden in ["script", "link", "img", "iframe", "object", "form", "base"] {
            assert_eq!(page.count(forbidden), 0, "{name}: {forbidden}");
        }
        page.assert_attributes_are_harmless();
        page.assert_anchors_lead_somewhere();
        for load in ["@import", "http:", "https:", "url(//", "url(data"] {
            let text = html.split_once("<ol class=\"source\">").map_or(html.as_str(), |(before, _)| before);
            assert!(!text.contains(load), "{name}: {load}");
        }
    }
}

#[test]
fn the_policy_lets_exactly_this_style_sheet_through() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let html = rendered(&passed(), Format::Html);
    let css = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(css.as_bytes()));
    let policy =
        format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'");
    assert!(html.contains(&policy), "{hash}");
}

#[test]
fn a_simulated_run_says_so_in_every_format_and_a_real_one_never() {
    let real = Report { simulated: false, on: base::on::On::Aws, ..region_loss() };
    for format in [Format::Html, Format::Markdown, Format::Junit] {
        assert!(rendered(&region_loss(), format).contains("SIMULATED"), "{format:?}");
        let text = rendered(&real, format);
        // The style sheet contains the word. The page must not use it.
        let text = text.split_once("</style>").map_or(text.as_str(), |(_, body)| body);
        assert!(!text.contains("SIMULATED"), "{format:?}");
    }
    let html = rendered(&region_loss(), Format::Html);
    assert!(html.contains("<body class=\"simulated\">"), "the print header hangs on it");
    assert!(html.contains("@page simulated{@top-center{content:\"SIMULATED"));
    assert!(rendered(&region_loss(), Format::Markdown).starts_with("> **SIMULATED.**"));
    // No figure of the model looks like one of AWS.
    let real = rendered(&real, Format::Html);
    for words in [
        "API calls (simulated: none reached AWS)",
        "Observed (from the estate)",
        "account 999988887777 (simulated)",
        "<dt>AWS identity</dt><dd><code>none (simulated)</code></dd>",
    ] {
        assert!(html.contains(words) && !real.contains(words), "{words}");
    }
}

#[test]
fn unknown_is_never_shown_as_good() {
    let mut report = passed();
    for w in &mut report.workloads {
        (w.rto.status, w.rto.measured_s) = (Status::Unknown, None);
        (w.rpo.status, w.rpo.objective_s) = (Status::Met, None);
    }
    let html = rendered(&report, Format::Html);
    let score = html.split_once("<table class=\"score\">").unwrap().1.split_once("</table>").unwrap().0;
    assert!(!score.contains("badge ok\">met") && !score.contains("rect class=\"ok\""), "{score}");
    assert!(score.contains("badge unknown\">unknown") && score.contains("rect class=\"hatch\""), "{score}");
    assert!(rendered(&report, Format::Markdown).contains("| unknown | 20m | **unknown** |"));
    assert!(
        rendered(&report, Format::Junit)
            .contains("<failure message=\"unknown: it could not be measured, objective 20m\"")
    );
}

#[test]
fn a_run_that_ended_before_t0_is_not_dated_from_it() {
    let html = rendered(&error_before_t0(), Format::Html);
    let timeline = html.split_once("id=\"timeline\"").unwrap().1.split_once("</section>").unwrap().0;
    assert!(!timeline.contains("T0 +") && !timeline.contains(">T0<"), "{timeline}");
    assert!(timeline.contains("start + 4s"));
    assert!(html.contains("never: the drill ended before it"));
}

#[test]
fn a_pass_that_left_something_behind_is_not_green() {
    let mut report = passed();
    report.exit_code = Exit::LeftBehind;
    report.teardown.left_behind = vec!["ec2:volume/vol-1".into()];
    let html = rendered(&report, Format::Html);
    assert!(html.contains("<header class=\"verdict bad\">"));
    report.exit_code = Exit::Failed;
    assert!(rendered(&report, Format::Html).contains("<header class=\"verdict unknown\">"));
}

#[test]
fn the_figures_of_the_region_loss_stand_in_every_format() {
    for format in [Format::Html, Format::Markdown] {
        let text = rendered(&region_loss(), format);
        for figure in ["30m5s", "15m5s measured", "2h3m", "12h30m", "45m", "93 %"] {
            assert!(text.contains(figure), "{format:?}: {figure}");
        }
    }
    let junit = rendered(&region_loss(), Format::Junit);
    assert!(junit.contains("missed: 2h3m, objective 5m"));
    assert!(junit.contains("30m5s with assumptions, objective 45m"));
}

#[test]
fn what_is_left_out_is_counted() {
    let report = many_steps(10_000);
    let html = rendered(&report, Format::Html);
    let page = markup::parse(&html);
    assert!(html.contains("rows are left out"), "the timeline");
    assert!(html.contains("9000 of 10000 are left out"), "the table");
    assert!(page.count("tr") < 1800);
    let failed: Vec<_> = report.steps.iter().filter(|s| s.status == StepStatus::Failed).collect();
    for step in &failed {
        assert_eq!(html.matches(&format!("<code>{}</code>", step.id)).count(), 1, "{}", step.id);
        assert!(html.contains(&format!("<span class=\"id\">{}</span>", step.id)), "{}", step.id);
    }
}

#[test]
fn two_hundred_rows_are_all_shown() {
    let html = rendered(&many_steps(197), Format::Html);
    assert!(!html.contains("rows are left out"));
    assert!(rendered(&many_steps(198), Format::Html).contains("rows are left out"));
}

#[test]
fn markdown_fits_into_a_comment_whatever_comes() {
    let mut report = unpleasant();
    let text = "<b>|*_`@x #1 ".repeat(400);
    for i in 0..3000 {
        let mut step = report.steps[0].clone();
        step.id = format!("{i} {text}");
        step.because = Some(text.clone());
        report.steps.push(step);
        let mut check = report.checks[0].clone();
        check.status = CheckStatus::Unhealthy;
        (check.id, check.observed) = (text.clone(), Some(text.clone()));
        report.checks.push(check);
        let mut workload = report.workloads[0].clone();
        workload.name = format!("{i} {text}");
        workload.incomplete = vec![text.clone(); 50];
        report.workloads.push(workload);
        report.findings.push(report.findings[0].clone());
        report.denied_calls.push(report.denied_calls[0].clone());
        report.teardown.left_behind.push(text.clone());
        report.reasons.push(text.clone());
        report.coverage.uncovered.push(text.clone());
    }
    let markdown = rendered(&report, Format::Markdown);
    assert!(markdown.len() < 60_000, "{}", markdown.len());
    for section in [
        "Steps that did not succeed",
        "Findings",
        "Denied calls",
        "Coverage and teardown",
        "of 3003 workloads",
    ] {
        assert!(markdown.contains(section), "{section}");
    }
    assert!(!markdown.contains("Cut here"), "lists are shortened, not the text");
}

const HOSTILE: &str = "</script></style></title><img src=x onerror=\"alert(1)\">'\"`{{#if}}{{{x}}} ]]> <!-- \u{202e}gnp.exe \
     \u{200b}\u{0}\u{1b}[31m | @everyone #1 [a](javascript:alert(1)) http://evil.example www.evil.example\r\n# heading\n\
     ::error::x\n\u{1f525}\u{feff}";

/// Puts hostile text into every free-text field of a report.
fn poison(report: &Report, text: &str) -> Report {
    fn walk(value: &mut serde_json::Value, text: &str, fits: &mut impl FnMut(&str) -> bool) {
        match value {
            serde_json::Value::String(s) => {
                s.push_str(if fits(s) { text } else { "" });
            }
            serde_json::Value::Array(list) => list.iter_mut().for_each(|v| walk(v, text, fits)),
            serde_json::Value::Object(map) => {
                let keys: Vec<String> = map.keys().cloned().collect();
                // These maps have keys that come from outside.
                let open = keys.iter().any(|k| k.contains(':')) || keys == ["region"] || keys == ["db_class"];
                for key in keys {
                    if let Some(v) = map.get_mut(&key) {
                        walk(v, text, fits);
                    }
                    if open && let Some(v) = map.remove(&key) {
                        map.insert(format!("{key}{text}"), v);
                    }
                }
            }
            _ => {}
        }
    }
    const FIXED: [&str; 24] = [
        "drillmaster/report/v1",
        "passed",
        "failed",
        "error",
        "interrupted",
        "met",
        "none",
        "missed",
        "unknown",
        "succeeded",
        "skipped",
        "not_run",
        "healthy",
        "unhealthy",
        "high",
        "medium",
        "low",
        "calibration",
        "estate",
        "learned",
        "twin",
        "aws",
        "step",
        "check",
    ];
    let mut value = serde_json::to_value(report).unwrap();
    walk(&mut value, text, &mut |s| {
        !FIXED.contains(&s) && !is_rule(s) && chrono::DateTime::parse_from_rfc3339(s).is_err()
    });
    // Accounts and purposes have types of their own: only the ARN is free text.
    for (poisoned, who) in value
        .get_mut("identities")
        .and_then(serde_json::Value::as_array_mut)
        .into_iter()
        .flatten()
        .zip(&report.identities)
    {
        poisoned["account"] = who.account.as_str().into();
        poisoned["purpose"] = serde_json::to_value(who.purpose).unwrap();
    }
    serde_json::from_value(value).unwrap()
}

/// The rule of a finding comes from a fixed list and is not free text.
fn is_rule(text: &str) -> bool {
    serde_json::from_value::<port::Rule>(text.into()).is_ok()
}

#[test]
fn hostile_text_neither_breaks_nor_injects() {
    let long = format!("{HOSTILE}{}", "W".repeat(10_000));
    for text in [HOSTILE, &long] {
        for (name, report) in fixtures() {
            let clean = markup::parse(&rendered(&report, Format::Html));
            let report = poison(&report, text);
            let html = rendered(&report, Format::Html);
            let page = markup::parse(&html);
            page.assert_attributes_are_harmless();
            // The playbook's text has more lines. Otherwise the page has exactly the same elements
            // as before.
            for (element, count) in &clean.elements {
                if !["li", "code", "title"].contains(&element.as_str()) {
                    assert_eq!(page.count(element), *count, "{name}: {element}");
                }
            }
            assert_eq!(page.elements.len(), clean.elements.len(), "{name}");
            for hidden in ['\u{202e}', '\u{200b}', '\u{0}', '\u{1b}', '\u{feff}'] {
                assert!(!html.contains(hidden), "{name}: {hidden:?}");
            }

            let markdown = rendered(&report, Format::Markdown);
            for bad in [
                "<img",
                "</script",
                "@everyone",
                " #1 ",
                "](javascript",
                "http://",
                "www.evil",
                "\n# h",
                "\u{202e}",
            ] {
                // GitHub interprets nothing inside code spans.
                let unescaped = markdown.replace("\\`", "").replace("\\]", "");
                let outside: String = unescaped.split('`').step_by(2).collect();
                assert!(!outside.contains(bad), "{name}: {bad}");
            }
            for line in markdown.lines().filter(|l| l.starts_with('|')) {
                let cells = line.replace("\\|", "").matches('|').count();
                assert!([5, 6, 10].contains(&cells), "{name}: {cells} {line}");
            }

            let junit = rendered(&report, Format::Junit);
            markup::parse(&junit);
            assert!(!junit.contains('\u{0}') && !junit.contains('\u{1b}'));
        }
    }
}

#[test]
fn of_a_long_chain_the_failed_step_is_still_in_the_picture() {
    let mut report = many_steps(5000);
    for step in &mut report.steps {
        step.critical = true;
    }
    let last = report.steps.last_mut().unwrap();
    (last.id, last.status, last.seconds) = ("the-last".into(), StepStatus::Failed, Some(0.1));
    last.finished_at = last.started_at;
    let html = rendered(&report, Format::Html);
    assert!(html.contains("<span class=\"id\">the-last</span>"));
}
