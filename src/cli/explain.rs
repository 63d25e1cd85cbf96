//! `drillmaster explain`

mod lines;
mod page;

use console::Term;
use serde_json::json;

use super::complain;
use crate::ui::text::{Tone, pad, width, wrap};
use crate::ui::{OutputMode, Surroundings, TextStyle};
use base::exit::Exit;
use base::explanation::{Explanation, Topic};
use lines::{line, lines, of};
use yaml::diagnostic::nearest;

/// Explain a finding of the report: what it means, why it matters, what to do
///
/// Exit codes: 0 printed; 2 there is no such rule.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster explain
  drillmaster explain sandbox-open")]
pub struct Args {
    /// The rule of the finding, as the report names it [default: list all rules]
    #[arg(value_name = "RULE")]
    rule: Option<String>,
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    output: OutputMode,
    /// Print docs/findings.md
    #[arg(long, hide = true, conflicts_with_all = ["rule", "output"])]
    markdown: bool,
}

pub fn run(args: &Args) -> Exit {
    let all = all();
    let text = if args.markdown {
        page::render(&all)
    } else if let Some(wanted) = &args.rule {
        let Some(rule) = all.iter().find(|rule| rule.id == wanted) else {
            complain(&unknown(wanted, &all));
            return Exit::Wrong;
        };
        match args.output {
            OutputMode::Text => one(rule, columns().unwrap_or(WIDEST), Surroundings::detect().stdout_look()),
            OutputMode::Json => format!("{:#}\n", json!(rule)),
        }
    } else {
        match args.output {
            // A program reads one rule per line.
            OutputMode::Text => {
                list(&all, columns().unwrap_or(usize::MAX), Surroundings::detect().stdout_look())
            }
            OutputMode::Json => format!("{:#}\n", json!({ "schema": SCHEMA, "rules": all })),
        }
    };
    match super::print_as(&text, args.output.form()) {
        Ok(()) => Exit::Passed,
        Err(code) => code,
    }
}

const SCHEMA: &str = "drillmaster/rules/v1";

/// Returns all rules in the order of docs/findings.md.
fn all() -> Vec<Explanation> {
    let findings = port::Rule::ALL.iter().map(|rule| rule.explanation());
    let of_templates = template::Rule::ALL.iter().map(|rule| rule.explanation());
    let mut all: Vec<Explanation> = findings.chain(of_templates).collect();
    all.sort_by_key(|rule| Topic::ALL.iter().position(|topic| *topic == rule.topic));
    all
}

fn unknown(wanted: &str, all: &[Explanation]) -> String {
    let ids = || all.iter().map(|rule| rule.id);
    // A part of a rule's name, such as `open` or `iam`, is a better hint than a similar spelling.
    let mut near: Vec<&str> = ids().filter(|id| !wanted.is_empty() && id.contains(wanted)).take(5).collect();
    if near.is_empty() {
        near.extend(nearest(wanted, ids()));
    }
    let help = if near.is_empty() {
        "`drillmaster explain` lists all rules".to_owned()
    } else {
        format!("did you mean `{}`?", near.join("`, `"))
    };
    format!("there is no rule `{wanted}`; {help}")
}

/// The longest line that is easy to read, in columns.
const WIDEST: usize = 100;

/// Returns the width of the terminal, if stdout is one.
fn columns() -> Option<usize> {
    let term = Term::stdout();
    let seen = term.is_term().then(|| term.size_checked()).flatten();
    seen.map(|(_, columns)| usize::from(columns).clamp(40, WIDEST))
}

const INDENT: usize = 2;

/// A line for each rule; two where the terminal is too narrow for that.
fn list(all: &[Explanation], columns: usize, look: TextStyle) -> String {
    let widest = |of: fn(&Explanation) -> usize| all.iter().map(of).max().unwrap_or_default();
    let ids = widest(|rule| width(rule.id));
    let severities = widest(|rule| width(&rule.severity_words()));
    let fits = INDENT + ids + 2 + severities + 2 + widest(|rule| width(rule.title)) <= columns;
    let indent = " ".repeat(INDENT);
    let mut text = String::new();
    for &topic in Topic::ALL {
        line(&mut text, &look.paint(Tone::Strong, topic.title()));
        for rule in of(topic, all) {
            let (id, severity, title) = (rule.id, rule.severity_words(), rule.title);
            if fits {
                let (id, severity) = (pad(id, ids), pad(&severity, severities));
                line(&mut text, &format!("{indent}{id}  {severity}  {title}"));
            } else {
                line(&mut text, &format!("{indent}{id} ({severity})"));
                lines(&mut text, &wrap(title, columns - 2 * INDENT, 0), 2 * INDENT);
            }
        }
        text.push('\n');
    }
    line(&mut text, "`drillmaster explain RULE` tells more.");
    text
}

fn one(rule: &Explanation, columns: usize, look: TextStyle) -> String {
    let mut text = String::new();
    line(&mut text, &format!("{} ({})", look.paint(Tone::Strong, rule.id), rule.severity_words()));
    lines(&mut text, &wrap(rule.title, columns, 0), 0);
    let mut part = |title: &str, said: &str| {
        text.push('\n');
        line(&mut text, &look.paint(Tone::Strong, title));
        lines(&mut text, &wrap(said, columns - INDENT, 0), INDENT);
    };
    part("What it means", rule.meaning);
    part("Why it matters", rule.reason);
    part("What to do", rule.remedy);
    if let Some(how) = rule.switch_off {
        part("Switch it off", how);
    }
    if let Some(source) = rule.source {
        part("Source", source);
    }
    if let Some(page) = rule.page {
        part("See also", &format!("docs/{page}"));
    }
    if let Some(example) = &rule.example {
        text.push('\n');
        line(&mut text, &look.paint(Tone::Strong, "Example"));
        for example in example.text.lines() {
            line(&mut text, &format!("{}{example}", " ".repeat(INDENT)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_is_told_in_full_sentences() {
        let all = all();
        let ids: BTreeSet<&str> = all.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), all.len(), "a rule is there twice");
        for rule in &all {
            let id = rule.id;
            assert!(id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{id}");
            assert!(!rule.severities.is_empty() && rule.severities.is_sorted(), "{id}");
            assert!(width(rule.title) <= 72 && !rule.title.ends_with('.'), "{id}: {}", rule.title);
            for text in [rule.meaning, rule.reason, rule.remedy].into_iter().chain(rule.switch_off) {
                let first = text.chars().next();
                assert!(first.is_some_and(|c| c.is_uppercase() || c == '`'), "{id}: {text}");
                assert!(text.ends_with('.') && !text.contains("  ") && !text.contains('\n'), "{id}: {text}");
            }
            if let Some(example) = &rule.example {
                assert!(example.text.ends_with('\n'), "{id}");
            }
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let all = all();
        let look = TextStyle { color: false, unicode: true };
        for columns in [40, 80, 100] {
            let texts = all.iter().map(|rule| one(&Explanation { example: None, ..*rule }, columns, look));
            for text in texts.chain([list(&all, columns, look)]) {
                for line in text.lines() {
                    assert!(width(line) <= columns || !line.trim().contains(' '), "{columns}: {line}");
                }
            }
        }
    }

    #[test]
    fn near_names_are_named() {
        let all = all();
        for (wanted, near) in [
            ("sandbox-opn", "did you mean `sandbox-open`?"),
            ("bucket", "did you mean `sandbox-bucket-open`?"),
            ("iam", "did you mean `template-iam`?"),
            ("Preflight", "did you mean `preflight`?"),
        ] {
            assert!(unknown(wanted, &all).contains(near), "{}", unknown(wanted, &all));
        }
        for wanted in ["", "nonsense"] {
            assert!(unknown(wanted, &all).ends_with("lists all rules"), "{}", unknown(wanted, &all));
        }
    }
}
