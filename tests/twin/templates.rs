//! The findings of the inspection of CloudFormation templates. Each template in
//! `tests/templates/bad` opens the sandbox in one way, and its findings stand beside it. The
//! templates in `tests/templates/fine` give no findings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::severity::Severity;
use support::golden;
use support::places::at;
use template::{Allow, Given, SANDBOX_CIDR, SANDBOX_IDS, Surroundings, Template, inspect};

mod drills;
mod fuzz;
mod lost;
mod table;

fn folder(name: &str) -> PathBuf {
    at("tests/templates").join(name)
}

fn templates(name: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending != "expected"))
        .collect();
    files.sort();
    files
}

/// The text after `# allow:` or `# given:` in the comments at the beginning of a template.
fn said(text: &str, what: &str) -> Vec<String> {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("# {what}: ")));
    line.map(|line| line.split(", ").map(str::to_owned).collect()).unwrap_or_default()
}

/// The surroundings as validation knows them, without anything that only the run will make.
fn surroundings(given: &[String]) -> Surroundings {
    let mut parameters: BTreeMap<String, Given> =
        SANDBOX_IDS.iter().map(|name| ((*name).to_owned(), Given::Sandbox)).collect();
    parameters.insert(SANDBOX_CIDR.to_owned(), Given::Value("10.66.0.0/16".to_owned()));
    for pair in given {
        let (name, value) = pair.split_once('=').unwrap();
        let value = if value == "(later)" { Given::Later } else { Given::Value(value.to_owned()) };
        parameters.insert(name.to_owned(), value);
    }
    Surroundings {
        account: "999988887777".parse().ok(),
        region: "us-west-2".parse().ok(),
        cidr: Some("10.66.0.0/16".to_owned()),
        parameters,
        ..Surroundings::default()
    }
}

/// The output of `validate` about a template, and whether it stops the drill.
fn diagnostics(path: &Path) -> (String, bool) {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let template = match Template::read(name, &text, 0) {
        Ok(template) => template,
        Err(found) => return (found.render(false), true),
    };
    let allow = Allow::read(&said(&text, "allow")).unwrap();
    let found = inspect(&template, &surroundings(&said(&text, "given")), &allow);
    let shown: Vec<String> = found.iter().map(|f| f.diagnostic(&template).render(false)).collect();
    (shown.join("\n"), found.iter().any(|f| f.severity == Severity::High))
}

#[test]
fn every_bad_template_is_told_as_expected() {
    let files = templates("bad");
    golden::none_is_left_over(&folder("bad"), &["yaml", "json"]);
    golden::none_is_left_over(&folder("fine"), &[]);
    assert!(files.len() >= 80, "only {} templates", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (found, stops) = diagnostics(&path);
        // A finding that the step allows is reported and does not stop the drill.
        if found.is_empty() || stops == name.ends_with("-is-allowed") {
            wrong.push(format!("{name} stops: {stops}\n{found}"));
        }
        wrong.extend(golden::beside(&path, &found));
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn innocent_templates_give_nothing() {
    let mut files = templates("fine");
    assert!(files.len() >= 12, "only {} templates", files.len());
    files.extend(
        ["drills", "tests/samples", "tests/corpus/side"].map(|folder| at(folder).join("orders.stack.yaml")),
    );
    for path in files {
        assert_eq!(diagnostics(&path), (String::new(), false), "{}", path.display());
    }
}

/// Every type that leads out of the sandbox is found by its name. No type is in both lists.
#[test]
fn the_lists_of_types_do_not_overlap() {
    use template::types::{INSIDE, OUTWARD, outward};
    for kind in INSIDE {
        assert!(outward(kind).is_none(), "{kind}");
    }
    for row in OUTWARD {
        let kind = row.kind.replace('*', "Anything");
        assert_eq!(outward(&kind).map(|found| found.kind), Some(row.kind), "{kind}");
        assert!(!row.what.is_empty() && !row.fix.is_empty(), "{kind}");
    }
    let mut sorted = INSIDE.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted, INSIDE);
}

/// No name can allow a thing that opens the network or cannot be read.
#[test]
fn only_some_things_can_be_allowed() {
    use template::types::OUTWARD;
    for row in OUTWARD {
        assert!(Allow::read(&[row.kind.replace('*', "Anything")]).is_err(), "{}", row.kind);
    }
    for name in
        ["", "network", "all", "*", "AWS::*", "AWS::ECS::*", "AWS::S3::Bucket", "IAM", "Custom::X", "A::B::C"]
    {
        assert!(Allow::read(&[name]).is_err(), "{name}");
    }
    let many = ["iam", "retain", "AWS::Batch::JobQueue"];
    assert!(Allow::read(&many).is_ok());
    for path in templates("bad") {
        let text = std::fs::read_to_string(&path).unwrap();
        let Ok(template) = Template::read("t", &text, 0) else { continue };
        let around = surroundings(&said(&text, "given"));
        let rules = |allow: &Allow| -> Vec<String> {
            let found = inspect(&template, &around, allow);
            found.iter().filter(|f| f.severity == Severity::High).map(|f| format!("{:?}", f.rule)).collect()
        };
        let never = |rules: Vec<String>| -> Vec<String> {
            rules.into_iter().filter(|r| !["Iam", "Retain", "Unlisted"].contains(&r.as_str())).collect()
        };
        let plain = never(rules(&Allow::default()));
        let allowed = rules(&Allow::read(&many).unwrap());
        assert_eq!(never(allowed.clone()), plain, "{}", path.display());
        assert!(!allowed.iter().any(|r| r == "Iam" || r == "Retain"), "{}", path.display());
    }
}
