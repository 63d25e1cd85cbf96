//! The `--help` texts of the program and of each command, as golden files.

use support::golden;
use support::places::drillmaster;

fn help(command: &[&str]) -> String {
    let output = drillmaster().args(command).arg("--help").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    let Some((_, commands)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let first_of = |line: &str| line.strip_prefix("  ")?.split(' ').next().map(str::to_owned);
    let all = commands.lines().filter_map(first_of);
    all.filter(|command| !command.is_empty() && command != "help").collect()
}

/// Compares the help of a command and of those below it. `names` gets those of the golden files.
fn compare(command: &[&str], names: &mut Vec<String>) {
    let text = help(command);
    let name = if command.is_empty() { "drillmaster".to_owned() } else { command.join("-") };
    golden!("help", name.as_str(), &text);
    names.push(name);
    for below in commands(&text) {
        compare(&[command, &[&below]].concat(), names);
    }
}

#[test]
fn every_help_text_is_as_agreed() {
    let mut names = Vec::new();
    compare(&[], &mut names);
    assert!(names.len() >= 12 && names.contains(&"run".to_owned()), "{names:?}");
    golden::are_all_of("help", &names);
}
