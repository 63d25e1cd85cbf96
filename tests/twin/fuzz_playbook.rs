//! Any bytes give either a playbook or a mistake with its place in the file, and never a panic.
//!
//! The test is short by default. `FUZZ_SECONDS=600 cargo test --release --test twin no_bytes_panic`
//! runs it for ten minutes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use engine::actions::CATALOGUE;
use playbook::load::load_bytes;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// The folder of the samples' estate, so that the estate's rules take part.
fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/fuzzed.yaml")
}

fn holds(bytes: &[u8]) -> Result<(), TestCaseError> {
    let found = match load_bytes(&place(), bytes, CATALOGUE, &[]) {
        Ok(loaded) => {
            prop_assert!(!loaded.diagnostics.has_errors());
            loaded.diagnostics
        }
        Err(found) => {
            prop_assert!(found.has_errors(), "refused without an error");
            found
        }
    };
    let name = place().display().to_string();
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<usize> = text.split('\n').map(|line| line.chars().count()).collect();
    let mut before = (0, 0);
    for d in found.iter().filter(|d| *d.file == *name) {
        prop_assert!((1..=lines.len()).contains(&d.line), "{d:?}");
        prop_assert!((1..=lines[d.line - 1] + 1).contains(&d.column), "{d:?}");
        prop_assert!(!d.message.is_empty() && !d.message.contains('\n'), "{d:?}");
        prop_assert!((d.line, d.column) >= before, "out of order: {d:?}");
        before = (d.line, d.column);
    }
    prop_assert!(found.render(true).len() >= found.render(false).len());
    Ok(())
}

/// Valid and broken playbooks. Mutations of both reach far into the program.
fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut seeds: Vec<(PathBuf, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    seeds.sort();
    seeds.into_iter().map(|(_, bytes)| bytes).collect()
}

/// The seeds that are YAML, as JSON.
fn documents(seeds: &[Vec<u8>]) -> Vec<serde_json::Value> {
    let texts = seeds.iter().filter_map(|seed| std::str::from_utf8(seed).ok());
    let nodes = texts.filter_map(|text| yaml::parse(&yaml::Source::new("seed", text, 0)).0);
    nodes.filter(|node| node.as_map().is_some()).map(|node| node.to_json()).collect()
}

const PIECES: [&str; 40] = [
    "{{",
    "}}",
    "{{ steps.db.endpoint }}",
    "{{#if params.x}}",
    "{{/if}}",
    "{{else}}",
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
    "'",
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "!x ",
    "|",
    ">",
    "#",
    "0123",
    "-1",
    "1e99",
    "null",
    "~",
    "true",
    "\u{feff}",
    "\r\n",
    "é",
    "\u{0}",
    "---",
    "...",
    "? ",
    "%YAML 1.2",
    "99999999999999999999",
];

#[derive(Debug, Clone)]
enum Change {
    Remove(usize, usize),
    Insert(usize, usize),
    Swap(usize, usize),
    Copy(usize, usize, usize),
    Byte(usize, u8),
}

fn change() -> impl Strategy<Value = Change> {
    let at = || any::<usize>();
    prop_oneof![
        (at(), 0_usize..40).prop_map(|(a, n)| Change::Remove(a, n)),
        (at(), 0..PIECES.len()).prop_map(|(a, p)| Change::Insert(a, p)),
        (at(), at()).prop_map(|(a, b)| Change::Swap(a, b)),
        (at(), 0_usize..200, at()).prop_map(|(a, n, b)| Change::Copy(a, n, b)),
        (at(), any::<u8>()).prop_map(|(a, b)| Change::Byte(a, b)),
    ]
}

fn mutated(seed: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for change in changes {
        let length = bytes.len().max(1);
        match *change {
            Change::Remove(at, n) => {
                let at = at % length;
                bytes.drain(at.min(bytes.len())..(at + n).min(bytes.len()));
            }
            Change::Insert(at, piece) => {
                let at = (at % length).min(bytes.len());
                bytes.splice(at..at, PIECES[piece].bytes());
            }
            Change::Swap(a, b) if !bytes.is_empty() => bytes.swap(a % length, b % length),
            Change::Copy(from, n, to) => {
                let from = (from % length).min(bytes.len());
                let part = bytes[from..(from + n).min(bytes.len())].to_vec();
                let to = (to % length).min(bytes.len());
                bytes.splice(to..to, part);
            }
            Change::Byte(at, byte) if !bytes.is_empty() => bytes[at % length] = byte,
            Change::Swap(..) | Change::Byte(..) => {}
        }
    }
    bytes
}

/// Lines of keys and odd values. They are valid YAML more often than random bytes.
fn yaml() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "name",
        "lose",
        "region",
        "az",
        "account",
        "accounts",
        "sandbox",
        "network",
        "cidr",
        "azs",
        "ttl",
        "params",
        "workloads",
        "orders",
        "resources",
        "steps",
        "checks",
        "id",
        "uses",
        "with",
        "from",
        "needs",
        "when",
        "sql",
        "url",
        "expect",
        "estate",
        "objectives",
        "rto",
    ]);
    let value = prop_oneof![
        prop::sample::select(PIECES.to_vec()).prop_map(str::to_owned),
        prop::sample::select(vec![
            "rds.restore",
            "ec2.launch",
            "side/estate.yaml",
            "us-east-1",
            "[db]",
            "{ db: orders }",
            "1h",
            "\"{{ steps.db.port }}\""
        ])
        .prop_map(str::to_owned),
        "\\PC{0,12}",
    ];
    let line = (0_usize..6, any::<bool>(), key, value).prop_map(|(indent, item, key, value)| {
        format!("{}{}{key}: {value}\n", "  ".repeat(indent), if item { "- " } else { "" })
    });
    prop::collection::vec(line, 0..30).prop_map(|lines| lines.concat())
}

/// Replacements for a value: mostly of another type, or a name from elsewhere.
const ODD: [&str; 24] = [
    "null",
    "true",
    "0",
    "-1",
    "7",
    "1.5",
    "1e300",
    "18446744073709551615",
    "\"\"",
    "\"x\"",
    "\"db\"",
    "\"web\"",
    "\"orders\"",
    "\"{{\"",
    "\"{{ steps.db.endpoint }}\"",
    "\"{{ steps.web.instances }}\"",
    "\"{{#each params}}{{this}}{{/each}}\"",
    "\"1h\"",
    "\"us-east-1\"",
    "\"use1-az1\"",
    "[]",
    "[[\"db\"]]",
    "{}",
    "{\"id\": \"db\"}",
];

/// Changes values of a playbook that stays well formed. JSON is YAML, so the result always reaches
/// the schema and the rules.
fn changed(value: &mut serde_json::Value, path: &[usize], odd: usize) {
    use serde_json::Value;
    let next = match (&mut *value, path) {
        (Value::Array(items), [at, rest @ ..]) if !items.is_empty() => {
            let at = at % items.len();
            Some((&mut items[at], rest))
        }
        (Value::Object(fields), [at, rest @ ..]) if !fields.is_empty() => {
            let at = at % fields.len();
            fields.values_mut().nth(at).map(|field| (field, rest))
        }
        _ => None,
    };
    match next {
        Some((next, rest)) => changed(next, rest, odd),
        None => *value = serde_json::from_str(ODD[odd % ODD.len()]).unwrap(),
    }
}

fn run(cases: u32) {
    let seeds = seeds();
    // A runner counts its cases over all strategies, so each strategy needs its own runner.
    let runner = || TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    runner().run(&prop::collection::vec(any::<u8>(), 0..400), |bytes| holds(&bytes)).unwrap();
    runner().run(&"\\PC{0,200}", |text| holds(text.as_bytes())).unwrap();
    runner().run(&yaml(), |text| holds(text.as_bytes())).unwrap();
    let few =
        prop_oneof![3 => prop::collection::vec(change(), 1..3), 1 => prop::collection::vec(change(), 3..12)];
    let changes = (0..seeds.len(), few);
    runner().run(&changes, |(seed, changes)| holds(&mutated(&seeds[seed], &changes))).unwrap();
    let documents = documents(&seeds);
    let path = prop::collection::vec(any::<usize>(), 0..6);
    let values = (0..documents.len(), prop::collection::vec((path, any::<usize>()), 1..5));
    let test = |(seed, changes): (usize, Vec<(Vec<usize>, usize)>)| {
        let mut document = documents[seed].clone();
        for (path, odd) in changes {
            changed(&mut document, &path, odd);
        }
        holds(serde_json::to_string_pretty(&document).unwrap().as_bytes())
    };
    runner().run(&values, test).unwrap();
}

/// One round, or as many rounds as fit into `FUZZ_SECONDS`:
/// `FUZZ_SECONDS=600 cargo test --test twin no_bytes_panic`.
#[test]
fn no_bytes_panic() {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut rounds = 0_u64;
    loop {
        run(100);
        rounds += 1;
        if Instant::now() >= end {
            break;
        }
    }
    println!("{} cases", rounds * 500);
}
