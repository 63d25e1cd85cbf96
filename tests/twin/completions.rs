//! Shell completions and manual pages know every command and option.

use std::collections::BTreeSet;
use std::fs;

use support::drill::told;

/// The names that a help text lists: commands, and long options.
fn listed(command: &[&str]) -> (Vec<String>, BTreeSet<String>) {
    let (code, help, _) = told(&[command, &["--help"]].concat());
    assert_eq!(code, 0);
    let (before, commands) = match help.split_once("\nCommands:\n") {
        Some((_, rest)) => (help.as_str(), rest.split("\n\n").next().unwrap().to_owned()),
        None => (help.as_str(), String::new()),
    };
    let first = |line: &str| line.strip_prefix("  ")?.split(' ').next().map(str::to_owned);
    let commands = commands.lines().filter_map(first).filter(|name| !name.is_empty() && name != "help");
    let options = before.lines().filter(|line| line.trim_start().starts_with('-'));
    let long = options.filter_map(|line| line.split_once("--")?.1.split([' ', '=', ',']).next());
    (commands.collect(), long.map(|name| format!("--{name}")).collect())
}

/// Every command, by its words, with its options.
fn all() -> Vec<(Vec<String>, BTreeSet<String>)> {
    let mut all = Vec::new();
    let mut pending: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(words) = pending.pop() {
        let words_of: Vec<&str> = words.iter().map(String::as_str).collect();
        let (below, options) = listed(&words_of);
        pending.extend(below.into_iter().map(|name| [words.clone(), vec![name]].concat()));
        all.push((words, options));
    }
    assert!(all.len() > 20, "{all:?}");
    all
}

#[test]
fn every_shell_knows_every_command_and_option() {
    let all = all();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, script, err) = told(&["completions", shell]);
        assert_eq!(code, 0, "{err}");
        for (words, options) in &all {
            for word in words {
                assert!(script.contains(word.as_str()), "{shell}: {word}");
            }
            for option in options {
                let in_fish = format!("-l {}", option.trim_start_matches('-'));
                let known =
                    script.contains(option.as_str()) || (shell == "fish" && script.contains(&in_fish));
                assert!(known, "{shell}: {words:?} {option}");
            }
        }
    }
    assert_eq!(told(&["completions", "csh"]).0, 2);
}

/// A real bash completes what is typed.
#[cfg(unix)]
#[test]
fn bash_completes() {
    let (_, script, _) = told(&["completions", "bash"]);
    let completed = |typed: &[&str]| {
        let (last, before) = (typed[typed.len() - 1], typed[typed.len() - 2]);
        let words = typed.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        let ask = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={}; _drillmaster drillmaster '{last}' '{before}'; echo \"${{COMPREPLY[*]}}\"",
            typed.len() - 1
        );
        let output = std::process::Command::new("bash").args(["--norc", "-c", &ask]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(completed(&["drillmaster", "forec"]), "forecast");
    assert_eq!(completed(&["drillmaster", "schedule", "ex"]), "export");
    assert_eq!(completed(&["drillmaster", "schedule", "export", "--to", "kube"]), "kubernetes");
    assert_eq!(completed(&["drillmaster", "run", "--keep"]), "--keep-sandbox");
}

#[test]
fn there_is_a_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = told(&["man", "-o", folder.path().join("man1").to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    let mut wanted = BTreeSet::new();
    for (words, options) in all() {
        let name = [vec!["drillmaster".to_owned()], words.clone()].concat().join("-") + ".1";
        let page = fs::read_to_string(folder.path().join("man1").join(&name)).unwrap();
        // A page writes each hyphen as `\-`.
        let page = page.replace("\\-", "-");
        assert!(page.contains(".TH ") && page.contains(".SH NAME"), "{name}");
        for option in options {
            assert!(page.contains(&option), "{name}: {option}");
        }
        let is_leaf = !page.contains(".SH SUBCOMMANDS");
        assert!(!is_leaf || page.contains("Examples:"), "{name} has no examples");
        wanted.insert(name);
    }
    assert_eq!(support::golden::files(&folder.path().join("man1")), wanted);
    let (code, page, _) = told(&["man"]);
    assert!(code == 0 && page.contains(".SH SUBCOMMANDS"), "{page}");
    // A folder that cannot be made is told.
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let (code, _, err) = told(&["man", "-o", file.join("x").to_str().unwrap()]);
    assert!(code == 3 && err.contains("the pages cannot be written"), "{err}");
}
