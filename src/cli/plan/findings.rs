//! The findings of an estate and of a plan, in the forms of `plan`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::ui::TextStyle;
use crate::ui::text::{Tone, clean};
use base::severity::Severity;
use insight::rules::{Findings, Grouped};
use record::report::escape;

fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::High => Tone::Bad,
        Severity::Medium => Tone::Warning,
        Severity::Low => Tone::Quiet,
    }
}

/// Nothing, if nothing was found and nothing ignored.
pub fn as_text(findings: &Findings, style: TextStyle) -> String {
    let mut text = String::new();
    if findings.found.is_empty() && findings.ignored.is_empty() {
        return text;
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\n{}", style.paint(Tone::Strong, "Findings"));
    for Grouped { finding, .. } in &findings.found {
        let severity = style.paint(tone(finding.severity), finding.severity.word());
        let _ = writeln!(text, "  {severity} ({}): {}", finding.rule, clean(&finding.message));
        let _ = writeln!(text, "    fix: {}", clean(&finding.fix));
    }
    for ignored in &findings.ignored {
        let _ = writeln!(
            text,
            "  ignored ({}): {} ({}, {})",
            ignored.rule,
            clean(&ignored.because),
            named(ignored.count),
            clean(&ignored.place)
        );
    }
    text
}

pub fn as_markdown(findings: &Findings) -> String {
    let mut text = String::new();
    if findings.found.is_empty() && findings.ignored.is_empty() {
        return text;
    }
    let _ = writeln!(text, "\n## Findings\n\n| severity | rule | finding | fix |\n|---|---|---|---|");
    for Grouped { finding, .. } in &findings.found {
        let (message, fix) = (escape::markdown(&finding.message), escape::markdown(&finding.fix));
        let _ = writeln!(text, "| {} | `{}` | {message} | {fix} |", finding.severity, finding.rule);
    }
    for ignored in &findings.ignored {
        let because = escape::markdown(&ignored.because);
        let _ = writeln!(
            text,
            "| ignored | `{}` | {because} | {}, {} |",
            ignored.rule,
            named(ignored.count),
            escape::markdown(&ignored.place)
        );
    }
    text
}

fn named(count: usize) -> String {
    match count {
        0 => "finds nothing now".to_owned(),
        1 => "finds 1 resource".to_owned(),
        many => format!("finds {many} resources"),
    }
}

/// The class of a severity on a page.
pub fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "bad",
        Severity::Medium => "unknown",
        Severity::Low => "",
    }
}

/// What a page shows.
pub fn for_page(findings: &Findings) -> [(&'static str, Value); 2] {
    let found = findings.found.iter().map(|group| {
        json!({
            "class": class(group.finding.severity),
            "severity": group.finding.severity,
            "rule": group.finding.rule,
            "message": group.finding.message,
            "fix": group.finding.fix,
        })
    });
    let ignored = findings.ignored.iter().map(|ignored| {
        json!({ "rule": ignored.rule, "because": ignored.because, "named": named(ignored.count), "place": ignored.place })
    });
    [("findings", found.collect()), ("ignored", ignored.collect())]
}
