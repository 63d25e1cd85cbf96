//! The `--help` texts of the program and of each command, as golden files.

use support::golden;
use support::places::drillmaster;

fn help(command: &[&str]) -> String {
    let output = drillmaster().args(command).arg("--help").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_help_text_is_as_agreed() {
    let whole = help(&[]);
    let (_, commands) = whole.split_once("\nCommands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let first_of = |line: &str| line.strip_prefix("  ")?.split(' ').next().map(str::to_owned);
    let commands: Vec<String> = commands.lines().filter_map(first_of).filter(|c| !c.is_empty()).collect();
    assert!(commands.len() >= 11 && commands.contains(&"run".to_owned()), "{commands:?}");
    golden!("help", "drillmaster", &whole);
    let mut names = vec!["drillmaster".to_owned()];
    for command in commands.into_iter().filter(|command| command != "help") {
        golden!("help", command.as_str(), &help(&[&command]));
        names.push(command);
    }
    golden!("help", "evidence-push", &help(&["evidence", "push"]));
    names.push("evidence-push".to_owned());
    golden::are_all_of("help", &names);
}
