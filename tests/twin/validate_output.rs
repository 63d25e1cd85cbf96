//! `validate --output sarif|github`: what code hosts show beside the lines.

use std::path::Path;
use std::process::Output;

use support::golden;
use support::places::{at, drillmaster};

fn validate(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        drillmaster().arg("validate").args(args).current_dir(folder).output().unwrap();
    assert!(stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    (status.code(), String::from_utf8(stdout).unwrap())
}

/// `tests/peers/test_manifests.py` holds the golden file against the schema of SARIF.
#[test]
fn sarif_is_as_agreed() {
    let files =
        ["schedule-cron.yaml", "param-unused.yaml", "many.yaml", "--param", "size=1", "--output", "sarif"];
    let (code, log) = validate(&at("tests/corpus"), &files);
    assert_eq!(code, Some(2));
    let log = log.replace(concat!("\"", env!("CARGO_PKG_VERSION"), "\""), "\"1.2.3\"");
    std::fs::create_dir_all(at("tests/golden/sarif")).unwrap();
    let wrong = golden::plain(&at("tests/golden/sarif/mistakes.sarif"), &log);
    assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
    let (code, log) = validate(&at("tests/samples"), &["region-loss.yaml", "--output", "sarif"]);
    assert!(code == Some(0) && log.contains("\"results\": []"), "{log}");
}

#[test]
fn annotations_stand_at_their_lines() {
    let (code, text) =
        validate(&at("tests/corpus"), &["schedule-cron.yaml", "param-unused.yaml", "--output", "github"]);
    assert_eq!(code, Some(2));
    let commands: Vec<&str> = text.lines().filter(|line| line.starts_with("::")).collect();
    assert_eq!(
        commands,
        [
            "::error file=schedule-cron.yaml,line=18,col=19::`0 6 1 13 *` is no cron expression: `13` is no month%0Ahelp: a \
             month is 1 to 12, or JAN to DEC; lists (`1,4`), ranges (`1-5`), steps (`*/3`) and `*` are possible",
            "::warning file=param-unused.yaml,line=18,col=11::nothing uses the parameter `size`%0Ahelp: use it as \
             \"{{ params.size }}\", or remove it",
        ]
    );
    // The log shows the lines, too.
    assert!(text.contains(" 18 | schedule: { cron:") && text.contains("2 playbooks: not valid"), "{text}");
    let (_, text) = validate(&at("tests/corpus"), &["many.yaml", "--output", "github"]);
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("::error")).collect();
    assert!(errors.len() <= 10, "GitHub shows ten: {errors:#?}");
}

/// Neither the name of a file nor what stands in it commands the runner.
#[test]
fn no_text_from_outside_is_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let name = "a,line=9:::error::x%.yaml";
    let text = std::fs::read_to_string(at("tests/corpus/schedule-word.yaml")).unwrap();
    let hostile = "schedule: \"x\\n::stop-commands::y\\r##vso[task.complete]%0A::error::z\"";
    std::fs::write(folder.path().join(name), text.replace("schedule: quaterly", hostile)).unwrap();
    std::fs::create_dir(folder.path().join("side")).unwrap();
    std::fs::copy(at("tests/corpus/side/estate.yaml"), folder.path().join("side/estate.yaml")).unwrap();
    let (code, text) = validate(folder.path(), &[name, "--output", "github"]);
    assert_eq!(code, Some(2));
    let commands: Vec<&str> = text.lines().filter(|line| line.trim_start().starts_with("::")).collect();
    let [command] = commands.as_slice() else { panic!("{text}") };
    assert!(
        command.starts_with("::error file=a%2Cline=9%3A%3A%3Aerror%3A%3Ax%25.yaml,line=18,col=11::"),
        "{command}"
    );
    assert!(!text.contains("##vso["), "{text}");
}
