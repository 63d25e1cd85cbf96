//! Any template gives findings with a place in the file, and never a panic.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use template::{Allow, Template, inspect, outputs};

use super::{surroundings, templates};

fn holds(text: &str) -> Result<(), TestCaseError> {
    let lines: Vec<usize> = text.split('\n').map(|line| line.chars().count()).collect();
    let began = Instant::now();
    match Template::read("t", text, 0) {
        Err(found) => prop_assert!(found.has_errors(), "refused without an error"),
        Ok(template) => {
            let around = surroundings(&[]);
            let found = inspect(&template, &around, &Allow::default());
            for d in found.iter().map(|f| f.diagnostic(&template)) {
                prop_assert!((1..=lines.len()).contains(&d.line), "{d:?}");
                prop_assert!((1..=lines[d.line - 1] + 1).contains(&d.column), "{d:?}");
                prop_assert!(
                    !d.message.is_empty() && d.help.as_ref().is_some_and(|h| !h.is_empty()),
                    "{d:?}"
                );
                let private = |c: char| ('\u{fdd0}'..='\u{fdd3}').contains(&c);
                prop_assert!(
                    text.contains(private) || !d.message.contains(private),
                    "a mark is shown: {d:?}"
                );
            }
            let _ = outputs(&template, &around);
        }
    }
    prop_assert!(began.elapsed() < Duration::from_secs(120), "it takes too long");
    Ok(())
}

const PIECES: [&str; 36] = [
    "!Ref VpcId",
    "!Ref AWS::NoValue",
    "!Ref It",
    "!Sub \"${AWS::AccountId}\"",
    "!Sub \"${\"",
    "!If [C, a, b]",
    "!If [C]",
    "!Join [\"\", [a, b]]",
    "!Select [0, x]",
    "!Split [\"\", x]",
    "!FindInMap [A, B, C]",
    "!GetAtt It.Arn",
    "!GetAZs \"\"",
    "!ImportValue x",
    "!Transform {}",
    "Fn::ForEach::X: []",
    "!Equals [a, a]",
    "!Condition C",
    "Condition: C\n",
    "Type: AWS::EC2::InternetGateway\n",
    "DeletionPolicy: !Ref X\n",
    "{{resolve:ssm:x}}",
    "arn:",
    "arn:aws:s3:us-east-1:111122223333:x",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "\"",
    "é",
    "\u{fdd0}",
];

#[derive(Debug, Clone)]
enum Change {
    Remove(usize, usize),
    Insert(usize, usize),
    Copy(usize, usize, usize),
}

fn apply(text: &str, changes: &[Change], other: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let all: Vec<char> = other.chars().collect();
    for change in changes {
        let place = |at: usize, chars: &[char]| at % (chars.len() + 1);
        match *change {
            Change::Remove(at, count) => {
                let start = place(at, &chars);
                let end = (start + count % 24).min(chars.len());
                chars.drain(start..end);
            }
            Change::Insert(at, piece) => {
                let start = place(at, &chars);
                chars.splice(start..start, PIECES[piece % PIECES.len()].chars());
            }
            Change::Copy(from, count, at) => {
                let start = from % (all.len() + 1);
                let piece = all[start..(start + count % 80).min(all.len())].to_vec();
                let at = place(at, &chars);
                chars.splice(at..at, piece);
            }
        }
    }
    chars.into_iter().collect()
}

fn run(config: Config) {
    let seeds: Vec<String> = ["bad", "fine"]
        .iter()
        .flat_map(|folder| templates(folder))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let change = prop_oneof![
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Change::Remove(a, b)),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Change::Insert(a, b)),
        (any::<usize>(), any::<usize>(), any::<usize>()).prop_map(|(a, b, c)| Change::Copy(a, b, c)),
    ];
    let cases = (any::<usize>(), any::<usize>(), prop::collection::vec(change, 0..8));
    let mut runner = TestRunner::new(config);
    let ran = runner.run(&cases, |(seed, other, changes)| {
        holds(&apply(&seeds[seed % seeds.len()], &changes, &seeds[other % seeds.len()]))
    });
    assert!(ran.is_ok(), "{ran:?}");
}

#[test]
fn no_mutated_template_brings_the_inspection_down() {
    run(Config { cases: 3000, failure_persistence: None, ..Config::default() });
}

/// `FUZZ_SECONDS=600 cargo test --test twin templates::fuzz -- --ignored` runs for ten minutes.
#[test]
#[ignore = "takes as long as FUZZ_SECONDS says"]
fn no_mutated_template_brings_it_down_for_long() {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(60);
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        run(Config { cases: 5000, failure_persistence: None, ..Config::default() });
    }
}

/// Functions that multiply each other beyond the memory, and conditions that refer to each other.
#[test]
fn templates_made_to_grow_do_not() {
    let mut sub = "x".repeat(500);
    for _ in 0..9 {
        sub = format!("!Sub [\"{}\", {{ A: {sub} }}]", "${A}".repeat(100));
    }
    let conditions = (0..40).map(|i| format!("  C{i}: !And [!Condition C{n}, !Condition C{n}]", n = i + 1));
    let conditions = format!("{}\n", conditions.collect::<Vec<_>>().join("\n"));
    let mapping = "Mappings: { M: { A: { B: [!FindInMap [M, A, B], !FindInMap [M, A, B]] } } }\n";
    let text = format!(
        "{mapping}Conditions:\n{conditions}  C40: !Condition C0\nResources:\n  It:\n    Type: AWS::SSM::Parameter\n    Condition: C0\n    \
         Properties: {{ Value: {sub}, Other: !FindInMap [M, A, B] }}\n"
    );
    holds(&text).unwrap();
    let bomb = (1..12).map(|i| format!("a{i}: &a{i} [{}]", vec![format!("*a{}", i - 1); 9].join(", ")));
    let bomb = format!("{}\n", bomb.collect::<Vec<_>>().join("\n"));
    holds(&format!("a0: &a0 [x, x]\n{bomb}Resources: {{ It: *a11 }}\n")).unwrap();
}
