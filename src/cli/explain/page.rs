//! Renders docs/findings.md.

use super::lines::{line, lines, of};
use crate::ui::text::wrap;
use base::explanation::{Explanation, Topic};

/// The width of the documentation, in columns.
const COLUMNS: usize = 100;

const BEGINNING: &str = "\
# Findings

<!-- Generated: drillmaster explain --markdown > docs/findings.md -->

A finding is a warning in the report. It has a rule, a severity (high, medium or low), the resource,
a message and a fix. Most findings do not change the verdict. Findings of [isolation](#isolation)
with severity high do.

No option switches a finding off. It goes away with its cause. Where that differs, the rule says so:
a comment can ignore the rules of [the estate and the plan](#the-estate-and-the-plan).

The sample az-loss passes, and its report has these findings: `sandbox-shares-account`,
`check-proves-little`, `assumed` and `stores-apart`.

```sh runnable
drillmaster run drills/az-loss.yaml --out runs/az
drillmaster report runs/az --format markdown
```

`drillmaster explain` lists all rules, and explains one:

```sh runnable
drillmaster explain
drillmaster explain sandbox-shares-account
drillmaster explain sandbox-shares-account --output json
```
";

pub fn render(all: &[Explanation]) -> String {
    let mut page = BEGINNING.to_owned();
    for &topic in Topic::ALL {
        line(&mut page, &format!("\n## {}\n", topic.title()));
        lines(&mut page, &wrap(topic.about(), COLUMNS, 0), 0);
        line(&mut page, "\n| rule | severity | finding |\n|---|---|---|");
        for rule in of(topic, all) {
            let (id, severity, title) = (rule.id, rule.severity_words(), rule.title);
            line(&mut page, &format!("| [`{id}`](#{id}) | {severity} | {title} |"));
        }
        of(topic, all).for_each(|rule| section(&mut page, rule));
    }
    page
}

fn section(page: &mut String, rule: &Explanation) {
    line(page, &format!("\n### `{}`\n", rule.id));
    let mut paragraph = |text: &str| lines(page, &wrap(text, COLUMNS, 0), 0);
    paragraph(&format!("{} (severity {}).", rule.title, rule.severity_words()));
    for (title, text) in [
        ("What it means", Some(rule.meaning)),
        ("Why it matters", Some(rule.reason)),
        ("What to do", Some(rule.remedy)),
        ("Switch it off", rule.switch_off),
    ] {
        let Some(text) = text else { continue };
        page.push('\n');
        lines(page, &wrap(&format!("**{title}.** {text}"), COLUMNS, 0), 0);
    }
    if let Some(example) = &rule.example {
        line(page, &format!("\n```{}\n{}```", example.fence, example.text));
    }
    let mut see = Vec::new();
    if let Some(target) = rule.page {
        let name = target.split_once('#').map_or(target, |(file, _)| file);
        see.push(format!("See also [{name}]({target})."));
    }
    see.extend(rule.source.map(|source| format!("Source: {source}.")));
    if !see.is_empty() {
        page.push('\n');
        lines(page, &wrap(&see.join(" "), COLUMNS, 0), 0);
    }
}
