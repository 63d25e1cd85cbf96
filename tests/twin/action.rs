//! The steps of `action.yml`, run as a runner of GitHub runs them: with bash, with inputs in the
//! environment, and with a `gh` of our own instead of GitHub.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::places::at;
use tempfile::TempDir;

/// A `gh` that takes releases from a folder, and keeps what is written.
const GH: &str = r#"#!/bin/bash
echo "$*" >> "$FAKE/calls"
case "$1" in
  release) cp "$FAKE"/release/* . ;;
  api)
    for word in "$@"; do case "$word" in body=@*) body="${word#body=@}" ;; esac; done
    if [ -e "$FAKE/forbidden" ]; then echo "HTTP 403" >&2; exit 1; fi
    if [ -n "${body:-}" ]; then cp "$body" "$FAKE/comment"; else cat "$FAKE/existing" 2>/dev/null || true; fi
    ;;
esac
"#;

/// The runner's machine, and what `github` holds.
struct Runner {
    folder: TempDir,
    inputs: BTreeMap<String, String>,
    github: BTreeMap<&'static str, String>,
}

#[derive(Debug, Default)]
struct Ended {
    failed: bool,
    log: String,
    outputs: BTreeMap<String, String>,
    /// The inputs of each step that is another action, by its name.
    used: Vec<(String, BTreeMap<String, String>)>,
}

impl Runner {
    /// A job for a pull request, in a checkout that has the samples.
    fn new(inputs: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["fake/release", "bin", "temp", "checkout"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let gh = folder.path().join("bin/gh");
        fs::write(&gh, GH).unwrap();
        fs::set_permissions(&gh, fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["az-loss.yaml", "region-loss.yaml", "estate.yaml", "orders.stack.yaml"] {
            fs::copy(at("drills").join(name), folder.path().join("checkout").join(name)).unwrap();
        }
        let inputs = inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let github = [
            ("github.token", "token"),
            ("github.action_ref", "v1.2.3"),
            ("github.action_repository", "acme/drillmaster"),
            ("github.event.pull_request.number", "7"),
        ];
        let github = github.map(|(name, value)| (name, value.to_owned())).into();
        Self { folder, inputs: inputs.collect(), github }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A release whose program is the one that is tested.
    fn release(&self) {
        let name = "drillmaster-v1.2.3-x86_64-unknown-linux-musl";
        let program = support::places::drillmaster().get_program().to_owned();
        let folder = self.path(name);
        fs::create_dir(&folder).unwrap();
        let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", program.to_str().unwrap());
        fs::write(folder.join("drillmaster"), script).unwrap();
        fs::set_permissions(folder.join("drillmaster"), fs::Permissions::from_mode(0o755)).unwrap();
        let archive = self.path("fake/release").join(format!("{name}.tar.gz"));
        let mut tar = Command::new("tar");
        tar.arg("-czf").arg(&archive).arg("-C").arg(self.folder.path()).arg(name);
        assert!(tar.status().unwrap().success());
        let sum = base::digest::sha256(fs::read(&archive).unwrap());
        fs::write(self.path("fake/release/SHA256SUMS"), format!("{sum}  {name}.tar.gz\n")).unwrap();
    }

    /// Runs the steps of the action.
    fn run(&self) -> Ended {
        let action: Value = serde_saphyr::from_str(&fs::read_to_string(at("action.yml")).unwrap()).unwrap();
        let mut known: BTreeMap<String, String> =
            self.github.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        for (name, input) in action["inputs"].as_object().unwrap() {
            let default = input["default"].as_str().map(|text| filled(text, &known)).unwrap_or_default();
            let value = self.inputs.get(name).cloned().unwrap_or(default);
            known.insert(format!("inputs.{name}"), value);
        }
        let mut ended = Ended::default();
        for step in action["runs"]["steps"].as_array().unwrap() {
            let condition = step["if"].as_str().unwrap_or("");
            if (ended.failed && !condition.contains("always()")) || !holds(condition, &known) {
                continue;
            }
            let given = |key: &str| -> BTreeMap<String, String> {
                let pairs = step[key].as_object().into_iter().flatten();
                pairs.map(|(name, value)| (name.clone(), filled(value.as_str().unwrap(), &known))).collect()
            };
            if let Some(uses) = step["uses"].as_str() {
                ended.used.push((uses.to_owned(), given("with")));
                continue;
            }
            assert_eq!(step["shell"], "bash");
            let (succeeded, outputs) =
                self.script(step["run"].as_str().unwrap(), given("env"), &mut ended.log);
            ended.failed |= !succeeded;
            if let Some(id) = step["id"].as_str() {
                let outputs = outputs.lines().filter_map(|line| line.split_once('='));
                known.extend(
                    outputs.map(|(name, value)| (format!("steps.{id}.outputs.{name}"), value.to_owned())),
                );
            }
        }
        for (name, output) in action["outputs"].as_object().unwrap() {
            ended.outputs.insert(name.clone(), filled(output["value"].as_str().unwrap(), &known));
        }
        ended
    }

    fn script(&self, text: &str, env: BTreeMap<String, String>, log: &mut String) -> (bool, String) {
        assert!(!text.contains("${{"), "an expression in a script is code: {text}");
        let (script, outputs) = (self.path("temp/script.sh"), self.path("temp/outputs"));
        fs::write(&script, text).unwrap();
        fs::write(&outputs, "").unwrap();
        let bin = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let output = Command::new("bash")
            .args(["--noprofile", "--norc", "-eo", "pipefail"])
            .arg(&script)
            .env_clear()
            .envs([("RUNNER_OS", "Linux"), ("RUNNER_ARCH", "X64"), ("GITHUB_REPOSITORY", "acme/infra")])
            .env("PATH", bin)
            .env("HOME", self.folder.path())
            .env("FAKE", self.path("fake"))
            .env("GITHUB_OUTPUT", &outputs)
            .env("RUNNER_TEMP", self.path("temp"))
            .envs(env)
            .current_dir(self.path("checkout"))
            .output()
            .unwrap();
        *log += &String::from_utf8_lossy(&output.stdout);
        *log += &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), fs::read_to_string(outputs).unwrap())
    }

    fn told(&self, file: &str) -> String {
        fs::read_to_string(self.path("fake").join(file)).unwrap_or_default()
    }
}

/// Puts values into `${{ a || b }}`.
fn filled(text: &str, known: &BTreeMap<String, String>) -> String {
    let Some((before, rest)) = text.split_once("${{") else { return text.to_owned() };
    let (expression, after) = rest.split_once("}}").unwrap();
    let values = expression.split("||").map(|name| value(name.trim(), known));
    let first = values.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
    format!("{before}{first}{}", filled(after, known))
}

fn value(name: &str, known: &BTreeMap<String, String>) -> String {
    let context = ["github.", "inputs.", "steps."].iter().any(|context| name.starts_with(context));
    assert!(context, "unknown expression: {name}");
    known.get(name).cloned().unwrap_or_default()
}

fn holds(condition: &str, known: &BTreeMap<String, String>) -> bool {
    let text = |of: &str| of.trim().trim_matches('\'').to_owned();
    condition.split("&&").map(str::trim).filter(|term| !term.is_empty() && *term != "always()").all(|term| {
        match (term.split_once("=="), term.split_once("!=")) {
            (Some((name, wanted)), _) => value(name.trim(), known) == text(wanted),
            (None, Some((name, other))) => value(name.trim(), known) != text(other),
            (None, None) => !value(term, known).is_empty(),
        }
    })
}

fn program() -> String {
    support::places::drillmaster().get_program().to_str().unwrap().to_owned()
}

#[test]
fn a_release_is_downloaded_and_checked_and_its_report_becomes_a_comment() {
    let runner = Runner::new(&[("playbook", "az-loss.yaml")]);
    runner.release();
    let ended = runner.run();
    assert!(!ended.failed, "{}", ended.log);
    assert_eq!(ended.outputs["exit-code"], "0");
    let folder = Path::new(&ended.outputs["folder"]);
    for file in ["report.json", "journal.ndjson", "evidence.sigstore.json"] {
        assert!(folder.join(file).is_file(), "{file}");
    }
    let [(upload, with)] = ended.used.as_slice() else { panic!("{:?}", ended.used) };
    assert!(
        upload.starts_with("actions/upload-artifact@") && with["path"] == ended.outputs["folder"],
        "{with:?}"
    );
    assert!(runner.told("calls").contains("release download v1.2.3 --pattern"), "{}", runner.told("calls"));
    let comment = runner.told("comment");
    assert!(comment.starts_with("<!-- drillmaster ") && comment.contains("orders-az-loss"), "{comment}");
    assert!(runner.told("calls").contains("--method POST repos/acme/infra/issues/7/comments"));
    // The next run writes the same comment anew.
    fs::write(runner.path("fake/existing"), "4711\n").unwrap();
    assert!(!runner.run().failed);
    assert!(runner.told("calls").contains("--method PATCH repos/acme/infra/issues/comments/4711"));
    assert_eq!(runner.told("comment").lines().next(), comment.lines().next());
}

#[test]
fn an_archive_that_does_not_match_is_not_run() {
    let spoil: [fn(&Runner); 2] = [
        |runner| {
            let sums = runner.told("release/SHA256SUMS");
            let other = sums.replace(['0', '1'], "2");
            assert_ne!(sums, other);
            fs::write(runner.path("fake/release/SHA256SUMS"), other).unwrap();
        },
        // No line about the archive must not pass as a match.
        |runner| fs::write(runner.path("fake/release/SHA256SUMS"), "").unwrap(),
    ];
    for spoil in spoil {
        let runner = Runner::new(&[("playbook", "az-loss.yaml")]);
        runner.release();
        spoil(&runner);
        let ended = runner.run();
        assert!(ended.failed && ended.outputs["exit-code"].is_empty(), "{}", ended.log);
        assert!(ended.used.is_empty() && runner.told("comment").is_empty(), "{}", ended.log);
    }
}

#[test]
fn a_version_that_is_no_release_is_told() {
    for version in ["main", "v1", "v1.2.3; id", "3f1b136b"] {
        let runner = Runner::new(&[("playbook", "az-loss.yaml"), ("version", version)]);
        let ended = runner.run();
        assert!(
            ended.failed && ended.log.contains("::error::") && ended.log.contains("with: version: v1.2.3")
        );
        assert!(runner.told("calls").is_empty(), "{version}: {}", runner.told("calls"));
    }
}

#[test]
fn the_verdict_of_the_drill_is_that_of_the_job() {
    let runner = Runner::new(&[("playbook", "region-loss.yaml"), ("program", &program()), ("artifact", "")]);
    let ended = runner.run();
    assert!(ended.failed && ended.outputs["exit-code"] == "1", "{}", ended.log);
    assert!(ended.used.is_empty(), "nothing is to be kept");
    assert!(runner.told("comment").contains("Exit code 1."), "{}", runner.told("comment"));
    let arguments = "--seed\n7\n\n--param=lost=a b\n";
    let runner =
        Runner::new(&[("playbook", "az-loss.yaml"), ("program", &program()), ("arguments", arguments)]);
    let ended = runner.run();
    assert!(ended.failed && ended.outputs["exit-code"] == "2", "{}", ended.log);
    assert!(ended.log.contains("the playbook has no parameter `lost`"), "{}", ended.log);
}

#[test]
fn a_comment_that_is_refused_changes_no_verdict() {
    let runner = Runner::new(&[("playbook", "az-loss.yaml"), ("program", &program())]);
    fs::write(runner.path("fake/forbidden"), "").unwrap();
    let ended = runner.run();
    assert!(
        !ended.failed && ended.log.contains("::warning::The report could not become a comment"),
        "{}",
        ended.log
    );
    let mut runner = Runner::new(&[("playbook", "az-loss.yaml"), ("program", &program())]);
    runner.github.remove("github.event.pull_request.number");
    assert!(!runner.run().failed && runner.told("calls").is_empty(), "no pull request, no comment");
}

#[test]
fn no_input_becomes_code() {
    let hostile = "$(touch pwned) `touch pwned`\"; touch pwned; ' --> .yaml";
    for name in ["playbook", "arguments", "version", "program", "artifact", "comment"] {
        let mut inputs = vec![("playbook", "az-loss.yaml"), ("artifact", "")];
        let program = program();
        if name != "version" {
            inputs.push(("program", &program));
        }
        inputs.retain(|(known, _)| *known != name);
        inputs.push((name, hostile));
        let runner = Runner::new(&inputs);
        let ended = runner.run();
        assert!(
            !runner.path("checkout/pwned").exists() && !runner.path("pwned").exists(),
            "{name}: {}",
            ended.log
        );
        let runs = matches!(name, "artifact" | "comment");
        assert_eq!(ended.failed, !runs, "{name}: {}", ended.log);
    }
}
