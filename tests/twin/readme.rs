//! Compares the documentation with the program: runs examples, follows links, checks tables.
//!
//! The words after a fence say what is done with a block. The blocks of a page share one folder and
//! are taken in order. The folder holds `drills/` and `reports/` as a fresh clone does.
//!
//! - `sh runnable`: each line is run. Its exit code must be the one in its comment, or 0.
//! - `text stdout`: the line before printed this.
//! - `sh openssl`: `tests/aws/evidence.rs` runs it, because it needs openssl.
//! - `yaml file=NAME`: the block is written to NAME.
//! - `yaml steps`, `yaml checks`: the block is added to the steps or checks of
//!   `drills/region-loss.yaml`, or of the playbook that the fence names. It must stay valid.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use base::exit::Exit;
use engine::actions::CATALOGUE;
use playbook::action::{Output, Shape};
use port::SCAN_CALLS;
use regex::Regex;
use serde_json::Value;
use support::drill::drillmaster;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Pages whose examples are run, besides those under `docs/`.
const RUN: [&str; 3] = ["README.md", "drills/README.md", "reports/README.md"];
/// Pages without examples.
const OTHERS: [&str; 3] = ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"];

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(name)).unwrap()
}

/// The pages whose examples are run.
fn pages() -> Vec<String> {
    let docs = fs::read_dir(Path::new(ROOT).join("docs")).unwrap();
    let names = docs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let markdown = names.filter(|name| Path::new(name).extension().is_some_and(|e| e == "md"));
    let mut all: Vec<String> = markdown.map(|name| format!("docs/{name}")).collect();
    all.extend(RUN.map(str::to_owned));
    all.sort();
    all
}

fn all_pages() -> Vec<String> {
    let mut all = pages();
    all.extend(OTHERS.map(str::to_owned));
    all
}

/// Fenced blocks: the words after the fence, and the contents.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match (line.strip_prefix("```"), inside) {
            (Some(info), false) => found.push((info.to_owned(), String::new())),
            (None, true) => {
                if let Some((_, text)) = found.last_mut() {
                    text.push_str(line);
                    text.push('\n');
                }
            }
            _ => {}
        }
        inside ^= line.starts_with("```");
    }
    assert!(!inside, "a block is not closed");
    found
}

/// The lines outside of blocks.
fn prose(page: &str) -> Vec<&str> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        let fence = line.starts_with("```");
        if !inside && !fence {
            lines.push(line);
        }
        inside ^= fence;
    }
    lines
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A folder like a fresh clone, as far as the commands of the documentation look at it.
fn clone() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["drills", "reports"] {
        copy(&Path::new(ROOT).join(name), &dir.path().join(name));
    }
    dir
}

/// Runs one line of a block and returns its stdout.
fn run(line: &str, folder: &Path) -> String {
    let (command, comment) = line.split_once('#').unwrap_or((line, ""));
    let words = shlex::split(command).unwrap_or_else(|| panic!("`{line}` cannot be split into words"));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (["drillmaster", words @ ..] | ["cargo", "run", "--no-default-features", "--", words @ ..]) =
        words.as_slice()
    else {
        panic!("`{line}` does not run the program")
    };
    let expected = Regex::new(r"exit code (\d+)").unwrap().captures(comment);
    let expected: i32 = expected.map_or(0, |code| code[1].parse().unwrap());
    let output = drillmaster().args(words).current_dir(folder).env("LANG", "C.UTF-8").output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(expected),
        "`{line}` printed\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Run ids differ between runs, but always have the same length.
fn without_run_ids(text: &str) -> String {
    let text = Regex::new(r"\d{8}T\d{6}Z-([a-z-]+)-[0-9a-f]{8}").unwrap().replace_all(text, "RUN-$1");
    Regex::new(r"SHA256:[A-Za-z0-9+/]{43}=").unwrap().replace_all(&text, "SHA256:KEY").into_owned()
}

/// Adds steps or checks to a playbook, which must stay valid.
fn fits(page: &str, part: &str, base: &str, added: &str) {
    let folder = clone();
    let path = folder.path().join(base);
    let text = fs::read_to_string(&path).unwrap();
    let text = match (part, text.split_once("\nchecks:\n")) {
        ("steps", Some((before, after))) => format!("{before}\n{added}\nchecks:\n{after}"),
        ("checks", Some(_)) => format!("{text}\n{added}"),
        _ => panic!("{page}: {base} has no checks, or `{part}` is no part of it"),
    };
    fs::write(path, text).unwrap();
    run(&format!("drillmaster validate {base}"), folder.path());
}

/// What was done with the examples of a page.
#[derive(Debug, Default)]
struct Done {
    commands: usize,
    outputs: usize,
    files: usize,
    fragments: usize,
}

fn run_page(name: &str) -> Done {
    let folder = clone();
    let (mut done, mut printed) = (Done::default(), String::new());
    for (info, text) in blocks(&page(name)) {
        let words: Vec<&str> = info.split_whitespace().collect();
        match words.as_slice() {
            ["sh", "runnable"] => {
                for line in text.lines() {
                    printed = run(line, folder.path());
                    done.commands += 1;
                }
            }
            ["text", "stdout"] => {
                assert!(
                    without_run_ids(&text) == without_run_ids(&printed),
                    "{name} shows another output than this:\n{printed}"
                );
                done.outputs += 1;
            }
            ["yaml", part @ ("steps" | "checks"), base @ ..] => {
                fits(name, part, base.first().unwrap_or(&"drills/region-loss.yaml"), &text);
                done.fragments += 1;
            }
            ["yaml", file] if file.starts_with("file=") => {
                fs::write(folder.path().join(file.trim_start_matches("file=")), text).unwrap();
                done.files += 1;
            }
            ["sh" | "text" | "yaml"] | ["sh", "openssl"] => {}
            _ => panic!("{name}: nothing is known of a block of `{info}`"),
        }
    }
    done
}

#[test]
fn the_examples_of_every_page_do_what_it_says() {
    let mut all = Done::default();
    for name in pages() {
        let done = run_page(&name);
        assert!(done.commands > 0, "{name} has no example that is run");
        all.commands += done.commands;
        all.outputs += done.outputs;
        all.files += done.files;
        all.fragments += done.fragments;
    }
    // The counts matter because a mistyped fence would be skipped.
    let enough = all.commands >= 45 && all.outputs >= 4 && all.files >= 6 && all.fragments >= 20;
    assert!(enough, "{all:?}");
}

#[test]
fn the_first_playbook_is_valid_and_misses_its_rpo() {
    let folder = clone();
    let (_, text) =
        blocks(&page("docs/playbooks.md")).into_iter().find(|(i, _)| i.contains("file=")).unwrap();
    fs::write(folder.path().join("drills/orders.yaml"), text).unwrap();
    assert_eq!(
        run("drillmaster validate drills/orders.yaml", folder.path()),
        "1 playbook: valid: 0 errors, 0 warnings\n"
    );
    // As in the sample, the newest snapshot that survives is two hours old.
    let printed = run("drillmaster run drills/orders.yaml # exit code 1", folder.path());
    assert!(printed.contains("RPO 2h missed its objective of 5m"), "{printed}");
}

#[test]
fn the_page_of_findings_names_those_of_the_sample() {
    let folder = clone();
    run("drillmaster run drills/az-loss.yaml --out out", folder.path());
    let report = fs::read_to_string(folder.path().join("out/report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let found: BTreeSet<&str> = findings.iter().map(|finding| finding["rule"].as_str().unwrap()).collect();
    let page = page("docs/findings.md");
    let (_, told) = page.split_once("its report has these findings:").unwrap();
    let (told, _) = told.split_once("\n\n").unwrap();
    let name = Regex::new("`([a-z-]+)`").unwrap();
    let named: BTreeSet<&str> =
        name.captures_iter(told).map(|found| found.get(1).unwrap().as_str()).collect();
    assert_eq!(named, found);
}

/// What `verify --output json` prints is explained member by member.
#[test]
fn every_member_of_the_json_of_verify_is_explained() {
    let folder = clone();
    for line in [
        "drillmaster keygen drill.key",
        "drillmaster run drills/az-loss.yaml --out out --sign-with drill.key",
    ] {
        run(line, folder.path());
    }
    let printed = run("drillmaster verify out --key drill.key.pub --output json", folder.path());
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let page = page("docs/evidence.md");
    for (header, value) in [("| member |", &printed), ("| member of `drill` |", &printed["drill"])] {
        let (_, rows) = page.split_once(header).unwrap();
        let (rows, _) = rows.split_once("\n\n").unwrap();
        let cells = rows.lines().skip(2).map(|row| row.split('|').nth(1).unwrap());
        let told: BTreeSet<&str> =
            cells.flat_map(|cell| cell.split(',')).map(|name| name.trim().trim_matches('`')).collect();
        let found: BTreeSet<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(told, found, "{header}");
    }
}

#[test]
fn the_readme_is_short_and_begins_with_two_commands() {
    let readme = page("README.md");
    assert!(readme.lines().count() <= 200, "{} lines", readme.lines().count());
    let commands: Vec<(String, String)> =
        blocks(&readme).into_iter().filter(|(info, _)| info.starts_with("sh")).take(2).collect();
    assert_eq!(
        commands[0].1,
        "cargo run --no-default-features -- run drills/region-loss.yaml   # exit code 1\n"
    );
    assert_eq!(commands[1].1, "tests/run\n");
}

/// The anchor that GitHub makes from a heading: lower case, no punctuation, hyphens for blanks.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The anchors of a page. A repeated heading gets a number.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let heading = Regex::new("^#{1,6} (.+)$").unwrap();
    let mut all = BTreeSet::new();
    for line in prose(page) {
        let Some(found) = heading.captures(line) else { continue };
        let anchor = anchor(&found[1]);
        let times = seen.entry(anchor.clone()).or_default();
        all.insert(if *times == 0 { anchor } else { format!("{anchor}-{times}") });
        *times += 1;
    }
    all
}

/// Why a link of a page leads nowhere.
fn broken(name: &str, link: &str) -> Option<String> {
    if link.starts_with("https://") {
        return None;
    }
    let (file, wanted) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let folder = Path::new(ROOT).join(name).parent().unwrap().to_owned();
    let target = if file.is_empty() { Path::new(ROOT).join(name) } else { folder.join(file) };
    if !target.exists() {
        return Some(format!("{name}: {file} is not there"));
    }
    let wanted = wanted?;
    let headings =
        if target.is_dir() { BTreeSet::new() } else { anchors(&fs::read_to_string(&target).unwrap()) };
    (!headings.contains(wanted)).then(|| format!("{name}: {file} has no heading for #{wanted}"))
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)[^)]*\)").unwrap();
    let mut followed = 0;
    let mut wrong = Vec::new();
    for name in all_pages() {
        for line in prose(&page(&name)) {
            for found in link.captures_iter(line) {
                wrong.extend(broken(&name, &found[1]));
                followed += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(followed >= 100, "{followed}");
}

#[test]
fn a_link_to_nowhere_is_found() {
    assert_eq!(broken("docs/faq.md", "../README.md#two-commands"), None);
    assert_eq!(broken("docs/faq.md", "actions.md#ec2copy_snapshot"), None);
    assert_eq!(broken("docs/faq.md", "images/report.png"), None);
    assert!(broken("docs/faq.md", "nowhere.md").is_some());
    assert!(broken("docs/faq.md", "aws.md#nowhere").is_some());
    assert!(broken("docs/faq.md", "#nowhere").is_some());
    let twice = anchors("# A\n## b: `c.d`!\n```sh\n# no heading\n```\n## b: `c.d`!\n");
    assert_eq!(twice.into_iter().collect::<Vec<_>>(), ["a", "b-cd", "b-cd-1"]);
}

#[test]
fn every_page_is_linked_from_the_readme() {
    let readme = page("README.md");
    for name in pages().iter().filter(|name| name.starts_with("docs/")) {
        assert!(readme.contains(&format!("]({name})")), "README.md does not lead to {name}");
    }
}

#[test]
fn paths_in_commands_and_snippets_exist() {
    let path = Regex::new(r"\b(?:drills|tests|reports|src)/[\w./-]*\w").unwrap();
    for name in all_pages() {
        let text = page(&name);
        let blocks = blocks(&text);
        let made: Vec<&str> =
            blocks.iter().filter_map(|(info, _)| Some(info.split_once("file=")?.1)).collect();
        for found in path.find_iter(&text).filter(|found| !made.contains(&found.as_str())) {
            let there = [ROOT.to_owned(), format!("{ROOT}/drills"), format!("{ROOT}/reports")];
            assert!(
                there.iter().any(|r| Path::new(r).join(found.as_str()).exists()),
                "{name}: {}",
                found.as_str()
            );
        }
    }
}

#[test]
fn the_committed_schemas_are_current() {
    let folder = clone();
    for (file, what) in [
        ("drills/schema/playbook.json", "playbook"),
        ("drills/schema/estate.json", "estate"),
        ("reports/schema/report.json", "report"),
        ("reports/schema/events.json", "events"),
        ("reports/schema/plan.json", "plan"),
        ("reports/schema/matrix.json", "matrix"),
        ("reports/schema/forecast.json", "forecast"),
        ("reports/schema/schedule.json", "schedule"),
        ("reports/schema/overdue.json", "overdue"),
        ("reports/schema/history.json", "history"),
        ("reports/schema/trend.json", "trend"),
        ("reports/schema/findings.json", "findings"),
        ("reports/schema/controls.json", "controls"),
        ("reports/schema/notice.json", "notice"),
    ] {
        let committed = page(file);
        let printed = run(&format!("drillmaster schema {what}"), folder.path());
        assert!(committed == printed, "{file} is old: drillmaster schema {what} > {file}");
    }
}

#[test]
fn samples_name_their_schema() {
    for (name, schema) in [
        ("region-loss", "playbook"),
        ("az-loss", "playbook"),
        ("account-loss", "playbook"),
        ("estate", "estate"),
    ] {
        let first = format!("# yaml-language-server: $schema=schema/{schema}.json\n");
        assert!(page(&format!("drills/{name}.yaml")).starts_with(&first), "{name}");
    }
}

/// The lines below a heading, up to the next heading of the same or a higher level.
fn section(page: &str, heading: &str) -> Vec<String> {
    let level = heading.chars().take_while(|c| *c == '#').count();
    let lines = prose(page);
    let at =
        lines.iter().position(|line| *line == heading).unwrap_or_else(|| panic!("no heading `{heading}`"));
    let ends = |line: &str| {
        let hashes = line.chars().take_while(|c| *c == '#').count();
        (1..=level).contains(&hashes)
    };
    lines[at + 1..].iter().take_while(|line| !ends(line)).map(|line| (*line).to_owned()).collect()
}

/// The rows of the table whose first header is `header`, by the name in the first cell.
///
/// Each has whether the name is bold, and the whole row.
fn table(section: &[String], header: &str) -> BTreeMap<String, (bool, String)> {
    let name = Regex::new(r"^\| (\*\*)?`([a-zA-Z_0-9]+)`").unwrap();
    let rows = section.iter().skip_while(|line| !line.starts_with(&format!("| {header} |"))).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let found = name.captures(row).unwrap_or_else(|| panic!("a row without a name: {row}"));
        (found[2].to_owned(), (found.get(1).is_some(), row.clone()))
    })
    .collect()
}

/// The required keys and all keys of a schema with references.
fn keys(schema: &Value, root: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some(reference) = schema.get("$ref") {
        return keys(root.pointer(text(reference).trim_start_matches('#')).unwrap(), root);
    }
    let required =
        schema.get("required").or_else(|| schema.pointer("/then/required")).unwrap_or(&Value::Null);
    let required = required.as_array().map(|l| l.iter().map(text).collect()).unwrap_or_default();
    let all = schema["properties"].as_object().map(|p| p.keys().cloned().collect()).unwrap_or_default();
    (required, all)
}

/// Checks that a table names exactly the keys of a schema, with the required ones in bold.
fn describes(
    rows: &BTreeMap<String, (bool, String)>,
    (required, all): &(BTreeSet<String>, BTreeSet<String>),
    what: &str,
) {
    let names: BTreeSet<String> = rows.keys().cloned().collect();
    assert_eq!(names, *all, "{what}");
    let bold: BTreeSet<String> = rows.iter().filter(|(_, row)| row.0).map(|(name, _)| name.clone()).collect();
    assert_eq!(bold, *required, "{what}: bold");
}

fn schema(what: &str) -> Value {
    serde_json::from_str(&page(&format!("drills/schema/{what}.json"))).unwrap()
}

#[test]
fn the_page_of_actions_is_complete() {
    let (page, schema) = (page("docs/actions.md"), schema("playbook"));
    let cases = schema["$defs"]["Step"]["allOf"].as_array().unwrap();
    assert_eq!(cases.len(), CATALOGUE.0.len());
    for (action, case) in CATALOGUE.0.iter().zip(cases) {
        assert_eq!(case["if"]["properties"]["uses"]["const"], action.name);
        let section = section(&page, &format!("### `{}`", action.name));
        let given = keys(&case["then"]["properties"]["with"], &schema);
        describes(&table(&section, "argument"), &given, action.name);
        let outputs = table(&section, "output");
        let names: BTreeSet<&str> = outputs.keys().map(String::as_str).collect();
        assert_eq!(names, action.outputs.iter().map(|o| o.name).collect(), "{}", action.name);
        for output in action.outputs {
            let Output { name, shape: Shape::Records(fields), .. } = output else { continue };
            for field in *fields {
                assert!(outputs[*name].1.contains(&format!("`{}`", field.name)), "{name}: {}", field.name);
            }
        }
        assert!(page.contains(&format!("| [`{}`](#", action.name)), "the list lacks {}", action.name);
    }
    let sections = prose(&page).iter().filter(|line| line.starts_with("### `")).count();
    assert_eq!(sections, CATALOGUE.0.len(), "a section is of no action");
    let from = table(&section(&page, "### `s3.restore`"), "key of `from`");
    describes(&from, &keys(&schema["$defs"]["BucketSource"], &schema), "from of s3.restore");
}

#[test]
fn the_page_of_findings_is_generated() {
    let printed = run("drillmaster explain --markdown", Path::new(ROOT));
    assert!(
        page("docs/findings.md") == printed,
        "docs/findings.md is old: drillmaster explain --markdown > docs/findings.md"
    );
    let anchors = anchors(&printed);
    for id in rules() {
        assert!(anchors.contains(id), "no heading for {id}");
    }
}

/// The ids of all rules of findings, those of templates included.
fn rules() -> impl Iterator<Item = &'static str> {
    let of_templates = template::Rule::ALL.iter().map(|rule| rule.id());
    port::Rule::ALL.iter().map(|rule| rule.id()).chain(of_templates)
}

/// No rule is described that nothing reports any more.
///
/// The compiler does not warn about variants of a public enum that nobody makes.
/// The leaks that a scan of AWS or of the twin finds.
fn named_leaks() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in ["src/aws", "src/twin", "src/engine"] {
        sources(&Path::new(ROOT).join(folder), &mut files);
    }
    let name = Regex::new(r"\bLeak::([A-Z]\w+)").unwrap();
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let programs = texts.map(|text| text.split("#[cfg(test)]").next().unwrap().to_owned());
    programs.flat_map(|text| name.captures_iter(&text).map(|m| m[1].to_owned()).collect::<Vec<_>>()).collect()
}

#[test]
fn every_rule_is_reported_somewhere() {
    let named = |folder: &str, but: &str| {
        let mut files = Vec::new();
        sources(&Path::new(ROOT).join(folder), &mut files);
        let name = Regex::new(r"\bRule::([A-Z]\w+)").unwrap();
        let mut all = BTreeSet::new();
        // `isolation.rs` names the rule of each leak but does not report it. The scan does.
        let apart = |file: &&PathBuf| !file.ends_with(but) && !file.ends_with("port/isolation.rs");
        for file in files.iter().filter(apart) {
            let text = fs::read_to_string(file).unwrap();
            let program = text.split("#[cfg(test)]").next().unwrap();
            all.extend(name.captures_iter(program).map(|found| found[1].to_owned()));
        }
        all
    };
    let (all, of_templates) =
        (named("src", "port/finding/rule.rs"), named("src/template", "template/rule.rs"));
    let scanned = named_leaks();
    for leak in port::Leak::ALL {
        assert!(scanned.contains(&format!("{leak:?}")), "no scan finds {leak:?}");
    }
    let leaks = port::Leak::ALL.iter().map(|leak| leak.rule());
    let of_leaks: BTreeSet<String> = leaks.map(|rule| rule.to_string()).collect();
    // Only runs of older versions have these rules.
    let old = [port::Rule::ProbeWithoutValue];
    for rule in port::Rule::ALL.iter().filter(|rule| !old.contains(rule)) {
        let reported = all.contains(&format!("{rule:?}")) || of_leaks.contains(&rule.to_string());
        assert!(reported, "nothing reports {rule}");
    }
    for rule in template::Rule::ALL {
        assert!(of_templates.contains(&format!("{rule:?}")), "nothing reports {}", rule.id());
    }
}

#[test]
fn the_page_of_checks_is_complete() {
    let (page, schema) = (page("docs/checks.md"), schema("playbook"));
    let check = &schema["$defs"]["Check"];
    let (required, mut common) = keys(check, &schema);
    for (key, of) in check["properties"].as_object().unwrap() {
        let of = &of["anyOf"][0];
        if of["$ref"].as_str().is_some_and(|r| r.ends_with("Check")) {
            common.remove(key);
            describes(&table(&section(&page, &format!("## {key}")), "key"), &keys(of, &schema), key);
        }
    }
    describes(&table(&section(&page, "## Keys of every check"), "key"), &(required, common), "Check");
}

#[test]
fn the_page_of_playbooks_is_complete() {
    let (page, schema) = (page("docs/playbooks.md"), schema("playbook"));
    describes(&table(&section(&page, "## Keys"), "key"), &keys(&schema, &schema), "Playbook");
    for (heading, header, record) in [
        ("### Accounts", "key", "Account"),
        ("### Sandbox", "key", "Sandbox"),
        ("### Sandbox", "key of `network`", "Network"),
        ("### Schedule", "key", "Calendar"),
        ("### Workloads", "key", "Workload"),
        ("### Steps", "key", "Step"),
    ] {
        let rows = table(&section(&page, heading), header);
        describes(&rows, &keys(&schema["$defs"][record], &schema), record);
    }
}

#[test]
fn the_page_of_telling_people_is_complete() {
    let (page, schema) = (page("docs/notify.md"), schema("playbook"));
    for (heading, record) in [("## Who is told", "Notify"), ("## Mail", "Smtp")] {
        let rows = table(&section(&page, heading), "key");
        describes(&rows, &keys(&schema["$defs"][record], &schema), record);
    }
    let metrics = fs::read_to_string(Path::new(ROOT).join("tests/golden/metrics/failed.snap")).unwrap();
    let names: Vec<&str> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(names.len() > 15, "{names:?}");
    let rows = table(&section(&page, "## Metrics"), "metric");
    for name in names {
        assert!(rows.values().any(|(_, row)| row.contains(&format!("`{name}`"))), "no row for {name}");
    }
}

#[test]
fn the_inputs_of_the_action_are_listed() {
    let action: Value = serde_saphyr::from_str(&page("action.yml")).unwrap();
    let inputs = action["inputs"].as_object().unwrap();
    let required = inputs.iter().filter(|(_, input)| input["required"] == true);
    let required = required.map(|(name, _)| name.clone()).collect();
    let rows = table(&section(&page("docs/ci.md"), "## GitHub Actions"), "input");
    describes(&rows, &(required, inputs.keys().cloned().collect()), "action.yml");
}

#[test]
fn the_page_of_estates_is_complete() {
    let (page, schema) = (page("docs/twin.md"), schema("estate"));
    describes(&table(&section(&page, "## Estate keys"), "key"), &keys(&schema, &schema), "EstateFile");
    for (heading, record) in [
        ("### Resources", "ResourceEntry"),
        ("### Recovery points", "PointEntry"),
        ("### Timings", "Timing"),
        ("### Probes", "Probe"),
        ("### Faults", "Fault"),
    ] {
        let rows = table(&section(&page, heading), "key");
        describes(&rows, &keys(&schema["$defs"][record], &schema), record);
    }
    for (heading, header, variants) in
        [("### Recovery points", "kind", "PointKind"), ("### Faults", "fault", "FaultKind")]
    {
        let rows = table(&section(&page, heading), header);
        let names: BTreeSet<String> = rows.into_keys().collect();
        assert_eq!(names, variants_of(&schema["$defs"][variants]), "{variants}");
    }
}

/// The values of an enumeration, with and without descriptions.
fn variants_of(schema: &Value) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let list = |of: &Value| of.as_array().cloned().unwrap_or_default();
    let mut all: BTreeSet<String> = list(&schema["enum"]).iter().filter_map(text).collect();
    for one in list(&schema["oneOf"]) {
        all.extend(text(&one["const"]));
        all.extend(list(&one["enum"]).iter().filter_map(text));
    }
    all
}

fn sources(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { sources(&path, all) } else { all.push(path) }
    }
}

/// The documented calls of a look at the sandbox are the calls that it makes.
#[test]
fn the_calls_of_a_look_are_listed() {
    let call = Regex::new(r#""((?:ec2|lambda|rds|s3|route53):[A-Z][A-Za-z0-9]+)""#).unwrap();
    let folder = Path::new(ROOT).join("src/aws");
    let mut files = vec![folder.join("exposure.rs")];
    sources(&folder.join("exposure"), &mut files);
    let mut called = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        called.extend(call.captures_iter(&text).map(|found| found[1].to_owned()));
    }
    // The list of functions is `aws::function`'s.
    called.insert("lambda:ListFunctions".to_owned());
    let listed: BTreeSet<String> = SCAN_CALLS.iter().map(|call| (*call).to_owned()).collect();
    assert_eq!(called, listed);
}

#[test]
fn the_table_of_exit_codes_is_that_of_the_help() {
    let help = run("drillmaster --help", Path::new(ROOT));
    let told: BTreeSet<String> = Regex::new(r"[:;]\s+(\d+)\s")
        .unwrap()
        .captures_iter(&help)
        .map(|found| found[1].to_owned())
        .collect();
    let row = Regex::new(r"^\| (\d+) \|").unwrap();
    let section = section(&page("docs/reports.md"), "## Exit codes");
    let table = section.iter().filter_map(|line| Some(row.captures(line)?[1].to_owned())).collect();
    assert_eq!(told, table);
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for exit in Exit::ALL {
        assert!(help.contains(&format!("{exit} {}", exit.meaning())), "{help}");
        let row = section.iter().find(|line| line.starts_with(&format!("| {exit} |"))).unwrap();
        assert!(row.contains(exit.meaning()), "{row}");
    }
}
