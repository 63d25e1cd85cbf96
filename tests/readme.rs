//! What the documentation says is held against the program: commands are run, tables compared, links followed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it did not expect")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use engine::actions::CATALOGUE;
use playbook::action::{Output, Shape};
use port::LOOK_CALLS;
use regex::Regex;
use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PROGRAM: &str = env!("CARGO_BIN_EXE_drillmaster");
const PAGES: [&str; 5] =
    ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "drills/README.md", "reports/README.md"];

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(name)).unwrap()
}

/// Fenced blocks: what stands behind the fence, and what is inside.
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
    found
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
    copy(&Path::new(ROOT).join("drills"), &dir.path().join("drills"));
    dir
}

/// Runs one line of a block: what it printed on stdout. The exit code must be the one that its comment names, else 0.
fn run(line: &str, folder: &Path) -> String {
    let (command, comment) = line.split_once('#').unwrap_or((line, ""));
    let mut words = command.split_whitespace();
    let words: Vec<&str> = match words.next() {
        Some("drillmaster") => words.collect(),
        Some("cargo") => {
            let words: Vec<&str> = words.collect();
            let rest = words.strip_prefix(["run", "--no-default-features", "--"].as_slice());
            rest.unwrap_or_else(|| panic!("`{line}` is not how the program is run")).to_vec()
        }
        _ => panic!("`{line}` does not run the program"),
    };
    let expected = Regex::new(r"exit code (\d+)").unwrap().captures(comment);
    let expected: i32 = expected.map_or(0, |code| code[1].parse().unwrap());
    let output = Command::new(PROGRAM)
        .args(&words)
        .current_dir(folder)
        .env_clear()
        .env("LANG", "C.UTF-8")
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(expected),
        "`{line}` printed\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Run ids differ from run to run, and never in length.
fn without_run_ids(text: &str) -> String {
    Regex::new(r"\d{8}T\d{6}Z-([a-z-]+)-[0-9a-f]{8}").unwrap().replace_all(text, "RUN-$1").into_owned()
}

/// Runs all runnable blocks of a page in one folder; gives back how many commands that were and how many outputs agreed.
fn run_page(name: &str) -> (usize, usize) {
    let folder = clone();
    let (mut commands, mut compared, mut printed) = (0, 0, String::new());
    for (info, text) in blocks(&page(name)) {
        match info.as_str() {
            "sh runnable" => {
                for line in text.lines() {
                    printed = run(line, folder.path());
                    commands += 1;
                }
            }
            "text stdout" => {
                assert_eq!(without_run_ids(&text), without_run_ids(&printed), "{name} shows another output");
                compared += 1;
            }
            _ => {}
        }
    }
    (commands, compared)
}

#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    assert_eq!(run_page("README.md"), (14, 1));
}

#[test]
fn the_samples_do_what_their_readme_says() {
    assert_eq!(run_page("drills/README.md"), (3, 0));
}

#[test]
fn the_playbook_of_the_readme_is_valid_and_runs() {
    let folder = clone();
    let readme = page("README.md");
    let all = blocks(&readme);
    let (_, text) = all.iter().find(|(info, text)| info == "yaml" && text.contains("\nsteps:")).unwrap();
    fs::write(folder.path().join("drills/readme.yaml"), text).unwrap();
    assert_eq!(
        run("drillmaster validate drills/readme.yaml", folder.path()),
        "1 playbook: valid: 0 errors, 0 warnings\n"
    );
    // As in the sample, the newest snapshot that survives is two hours old.
    let printed = run("drillmaster run drills/readme.yaml # exit code 1", folder.path());
    assert!(printed.contains("RPO 2h missed its objective of 5m"), "{printed}");
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#\s]+)[^)]*\)").unwrap();
    let mut followed = 0;
    for name in PAGES {
        let folder = Path::new(ROOT).join(name).parent().unwrap().to_owned();
        for found in link.captures_iter(&page(name)) {
            if found[1].starts_with("https://") {
                continue;
            }
            assert!(folder.join(&found[1]).exists(), "{name}: {} is not there", &found[1]);
            followed += 1;
        }
    }
    assert!(followed >= 12, "{followed}");
}

#[test]
fn paths_in_commands_and_snippets_exist() {
    let path = Regex::new(r"\b(?:drills|tests|reports|src)/[\w./-]*\w").unwrap();
    for name in PAGES {
        for found in path.find_iter(&page(name)) {
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
    for what in ["playbook", "estate"] {
        let committed = page(&format!("drills/schema/{what}.json"));
        let printed = run(&format!("drillmaster schema {what}"), folder.path());
        assert!(
            committed == printed,
            "drills/schema/{what}.json is old: drillmaster schema {what} > drills/schema/{what}.json"
        );
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

/// The cells of the table row that begins with `name`.
fn row(readme: &str, name: &str) -> Vec<String> {
    let begin = format!("| `{name}` |");
    let line =
        readme.lines().find(|l| l.starts_with(&begin)).unwrap_or_else(|| panic!("no row for `{name}`"));
    line.split('|').map(|cell| cell.trim().to_owned()).collect()
}

fn names(cell: &str) -> BTreeSet<String> {
    Regex::new(r"`([a-z_0-9]+)`").unwrap().captures_iter(cell).map(|found| found[1].to_owned()).collect()
}

fn bold(cell: &str) -> BTreeSet<String> {
    Regex::new(r"\*\*`([a-z_0-9]+)`\*\*")
        .unwrap()
        .captures_iter(cell)
        .map(|found| found[1].to_owned())
        .collect()
}

/// What a schema with references requires, and all its keys, those of the records in it included.
fn keys(schema: &Value, root: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some(reference) = schema.get("$ref") {
        return keys(root.pointer(text(reference).trim_start_matches('#')).unwrap(), root);
    }
    let required = schema["required"].as_array().map(|l| l.iter().map(text).collect()).unwrap_or_default();
    let all = schema["properties"].as_object().map(|p| p.keys().cloned().collect()).unwrap_or_default();
    (required, all)
}

fn schema() -> Value {
    serde_json::from_str(&page("drills/schema/playbook.json")).unwrap()
}

#[test]
fn the_table_of_actions_is_complete() {
    fn outputs(of: &[Output]) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for output in of {
            all.insert(output.name.to_owned());
            if let Shape::Records(fields) = output.shape {
                all.extend(outputs(fields));
            }
        }
        all
    }
    let (readme, schema) = (page("README.md"), schema());
    let cases = schema["$defs"]["Step"]["allOf"].as_array().unwrap();
    assert_eq!(cases.len(), CATALOGUE.0.len());
    for (action, case) in CATALOGUE.0.iter().zip(cases) {
        assert_eq!(case["if"]["properties"]["uses"]["const"], action.name);
        let cells = row(&readme, action.name);
        let (required, all) = keys(&case["then"]["properties"]["with"], &schema);
        assert_eq!(bold(&cells[2]), required, "{}", action.name);
        assert!(all.is_subset(&names(&cells[2])), "{}: {all:?}", action.name);
        assert_eq!(names(&cells[3]), outputs(action.outputs), "{}", action.name);
    }
    let rows = readme.lines().filter(|l| Regex::new(r"^\| `[a-z0-9]+\.[a-z_]+` \|").unwrap().is_match(l));
    assert_eq!(rows.count(), CATALOGUE.0.len(), "the table has a row for no action");
}

#[test]
fn the_table_of_checks_is_complete() {
    let (readme, schema) = (page("README.md"), schema());
    let common = readme.lines().find(|l| l.starts_with("All have ")).unwrap();
    let (_, all) = keys(&schema["$defs"]["Check"], &schema);
    for key in all {
        let Some(of) = schema["$defs"]["Check"]["properties"][&key]["anyOf"]
            .get(0)
            .filter(|s| s["$ref"].as_str().is_some_and(|r| r.ends_with("Check")))
        else {
            assert!(names(common).contains(&key), "`{key}` of a check");
            continue;
        };
        let cells = row(&readme, &key);
        let (required, all) = keys(of, &schema);
        assert_eq!(bold(&cells[2]), required, "{key}");
        assert!(all.is_subset(&names(&cells[2])), "{key}: {all:?}");
    }
}

fn sources(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { sources(&path, all) } else { all.push(path) }
    }
}

/// What a look at the sandbox says that it calls is what it calls.
#[test]
fn the_calls_of_a_look_are_listed() {
    let call = Regex::new(r#""((?:ec2|rds|s3|route53):[A-Z][A-Za-z0-9]+)""#).unwrap();
    let folder = Path::new(ROOT).join("src/aws");
    let mut files = vec![folder.join("exposure.rs")];
    sources(&folder.join("exposure"), &mut files);
    let mut called = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        called.extend(call.captures_iter(&text).map(|found| found[1].to_owned()));
    }
    let listed: BTreeSet<String> = LOOK_CALLS.iter().map(|call| (*call).to_owned()).collect();
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
    let table: BTreeSet<String> = Regex::new(r"(?m)^\| (\d+) \|")
        .unwrap()
        .captures_iter(&page("README.md"))
        .map(|found| found[1].to_owned())
        .collect();
    assert_eq!(told, table);
}
