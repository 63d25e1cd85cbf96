//! ARCHITECTURE.md's two tables, held against the source: who may import whom, and what only some rooms may name.
//!
//! Inline test modules are held to the floors as well; only their `super::` paths are not followed.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[derive(Debug, Default)]
struct Rules {
    /// Rooms by name (`cloud/aws`), with their floors.
    floors: BTreeMap<String, u32>,
    /// Words, and the only rooms that may name them.
    reserved: Vec<(String, Vec<String>)>,
}

/// The texts between backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn rules_of(page: &str) -> Rules {
    let mut rules = Rules::default();
    let mut reserved = false;
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, first, second, ..] = cells.as_slice() else {
            reserved = false;
            continue;
        };
        reserved |= *first == "only these rooms";
        let floor = first.strip_prefix('F').and_then(|n| n.parse().ok());
        if let (Some(floor), [room]) = (floor, quoted(second).as_slice()) {
            let before = rules.floors.insert(room.clone(), floor);
            assert!(before.is_none(), "`{room}` stands twice in the table");
        } else if reserved {
            rules.reserved.extend(quoted(second).into_iter().map(|word| (word, quoted(first))));
        }
    }
    rules
}

/// The room that a path below `src/` (or a module path with `/`) belongs to: the longest that fits.
fn room_of<'a>(path: &str, rules: &'a Rules) -> Option<&'a str> {
    let fits = |room: &&String| {
        path.strip_prefix(room.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
    };
    rules.floors.keys().filter(fits).max_by_key(|room| room.len()).map(String::as_str)
}

/// The code without comments, line by line; texts stay.
fn code(text: &str) -> String {
    let cut = |line: &str| {
        let comment = line
            .match_indices("//")
            .map(|(at, _)| at)
            .find(|at| line[..*at].matches('"').count().is_multiple_of(2) && !line[..*at].ends_with(':'));
        comment.map_or(line, |at| &line[..at]).to_owned() + "\n"
    };
    text.lines().map(cut).collect()
}

fn is_part_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands by itself, or as the beginning of a name where it ends in `_`.
fn occurrences<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_part_of_a_name)
            && (word.ends_with(['_', '!', ':']) || !after.is_some_and(is_part_of_a_name))
    })
}

/// The module paths that a `use` tree or a path begins with: `a::{b::C, d}` gives `a/b/C` and `a/d`.
fn paths(rest: &str) -> Vec<String> {
    let name: String = rest.chars().take_while(|c| is_part_of_a_name(*c)).collect();
    let after = &rest[name.len()..];
    if !name.is_empty() {
        let Some(deeper) = after.strip_prefix("::") else { return vec![name] };
        let deeper = paths(deeper);
        if deeper.is_empty() {
            return vec![name];
        }
        return deeper.iter().map(|path| format!("{name}/{path}")).collect();
    }
    let Some(list) = after.strip_prefix('{') else { return Vec::new() };
    let (mut depth, mut found, mut item) = (0_u32, Vec::new(), String::new());
    for c in list.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => found.extend(paths(std::mem::take(&mut item).trim())),
            c => {
                depth = match c {
                    '{' => depth + 1,
                    '}' => depth - 1,
                    _ => depth,
                };
                item.push(c);
            }
        }
    }
    found.extend(paths(item.trim()));
    found
}

/// The module of a file, as a path below `src/`: `cloud/twin` for `cloud/twin/mod.rs`.
fn module_of(file: &str) -> &str {
    let stem = file.trim_end_matches(".rs");
    stem.strip_suffix("/mod").unwrap_or(stem)
}

/// Whether a file belongs to a module.
fn lies_in(file: &str, module: &str) -> bool {
    module_of(file).strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Every module path that a file names, with its line.
fn imports(file: &str, text: &str) -> Vec<(usize, String)> {
    let code = code(text);
    let line = |at: usize| code[..at].matches('\n').count() + 1;
    let mut found = Vec::new();
    for at in occurrences(&code, "crate::") {
        found.extend(paths(&code[at + "crate::".len()..]).into_iter().map(|path| (line(at), path)));
    }
    let module: Vec<&str> = module_of(file).split('/').collect();
    let tests = code.find("mod tests {").or(code.find("mod testing {")).unwrap_or(code.len());
    for at in occurrences(&code[..tests], "super::") {
        if code[..at].ends_with("super::") {
            continue;
        }
        let (mut rest, mut up) = (&code[at..], 0);
        while let Some(further) = rest.strip_prefix("super::") {
            (rest, up) = (further, up + 1);
        }
        let base = module[..module.len().saturating_sub(up)].join("/");
        let mut named = paths(rest);
        if named.is_empty() {
            named.push(String::new());
        }
        found.extend(
            named.into_iter().map(|path| (line(at), format!("{base}/{path}").trim_matches('/').to_owned())),
        );
    }
    // A room within a room can also be named from the outer one without any prefix.
    for inner in ["aws", "twin"] {
        let path = format!("{inner}::");
        if file.starts_with("cloud/") && !file.starts_with(&format!("cloud/{inner}/")) {
            let bare = occurrences(&code, &path).filter(|at| !code[..*at].ends_with("::"));
            found.extend(bare.map(|at| (line(at), format!("cloud/{inner}"))));
        }
    }
    found
}

/// What a file does that the rules forbid.
fn trespasses(file: &str, text: &str, rules: &Rules) -> Vec<String> {
    let Some(room) = room_of(file, rules) else {
        return vec![format!("src/{file}: ARCHITECTURE.md gives it no floor")];
    };
    let mut found = Vec::new();
    for (line, path) in imports(file, text) {
        let Some(other) = room_of(&path, rules) else { continue };
        let (from, to) = (rules.floors[room], rules.floors[other]);
        if other != room && to >= from {
            found.push(format!("src/{file}:{line}: `{room}` (F{from}) imports `{other}` (F{to})"));
        }
    }
    let code = code(text);
    for (word, rooms) in &rules.reserved {
        // A rule may also name a part of a room: `sandbox/guard`.
        if !rooms.iter().any(|r| r == room || lies_in(file, r))
            && let Some(at) = occurrences(&code, word).next()
        {
            let line = code[..at].matches('\n').count() + 1;
            found.push(format!("src/{file}:{line}: `{room}` names `{word}`; only {} may", rooms.join(", ")));
        }
    }
    found.dedup();
    found
}

fn sources(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|e| e == "rs") {
            all.push(path);
        }
    }
}

/// The crate's files by their paths below `src/`, but for the two roots.
fn crate_files() -> Vec<(String, String)> {
    let src = Path::new(ROOT).join("src");
    let mut all = Vec::new();
    sources(&src, &mut all);
    all.sort();
    let named = all.into_iter().map(|path| {
        (path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap())
    });
    named.filter(|(file, _)| !["lib.rs", "main.rs"].contains(&file.as_str())).collect()
}

fn rules() -> Rules {
    rules_of(&fs::read_to_string(Path::new(ROOT).join("ARCHITECTURE.md")).unwrap())
}

#[test]
fn rooms_import_only_lower_floors_and_name_only_what_they_may() {
    let rules = rules();
    let found: Vec<String> =
        crate_files().iter().flat_map(|(file, text)| trespasses(file, text, &rules)).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn the_tables_hold_nothing_that_is_not_there() {
    let rules = rules();
    let files = crate_files();
    for room in rules.floors.keys() {
        assert!(
            files.iter().any(|(file, _)| room_of(file, &rules) == Some(room)),
            "there is no room `{room}`"
        );
    }
    for (word, rooms) in &rules.reserved {
        for room in rooms {
            let is_file = files.iter().any(|(file, _)| lies_in(file, room));
            assert!(rules.floors.contains_key(room) || is_file, "`{room}` is neither a room nor a file");
        }
        let used = |file: &str, text: &str| {
            rooms.iter().any(|r| room_of(file, &rules) == Some(r) || lies_in(file, r))
                && occurrences(&code(text), word).next().is_some()
        };
        let never_used = ["println!", "print!", "eprintln!", "eprint!", "Local::now"];
        assert!(
            never_used.contains(&word.as_str()) || files.iter().any(|(file, text)| used(file, text)),
            "`{word}` is named nowhere in {rooms:?}"
        );
    }
}

#[test]
fn the_program_itself_names_only_the_command_line() {
    let main = fs::read_to_string(Path::new(ROOT).join("src/main.rs")).unwrap();
    let code = code(&main);
    let named: Vec<String> = occurrences(&code, "drillmaster::")
        .flat_map(|at| paths(&code[at + "drillmaster::".len()..]))
        .collect();
    assert_eq!(named, ["cli/main"]);
}

/// The test must be able to fail: each way to trespass, and each way to look like it.
#[test]
fn trespasses_are_found() {
    let rules = rules();
    let of = |file: &str, text: &str| trespasses(file, text, &rules).len();
    assert_eq!(of("ids.rs", "use crate::duration::Time;"), 1, "upwards");
    assert_eq!(of("estate/loss.rs", "fn f(c: &crate::clock::Clock) {}"), 1, "the same floor");
    assert_eq!(of("estate/loss.rs", "use crate::{ids::Region, engine::{self, Engine}};"), 1, "a list");
    assert_eq!(of("engine/step.rs", "use crate::cloud::{Kind, twin::Twin};"), 1, "a room within a room");
    assert_eq!(of("engine/step.rs", "use super::super::journal::Journal;"), 1, "by way of super");
    assert_eq!(of("cloud/wait.rs", "use super::twin::Twin;"), 1, "by way of super, downwards in the tree");
    assert_eq!(of("cloud/mod.rs", "use twin::Twin;"), 1, "by its bare name");
    assert_eq!(of("cloud/twin/mod.rs", "use super::*;\nuse super::aws::Aws;"), 1, "a room beside it");
    assert_eq!(of("engine/step.rs", "use aws_sdk_rds::types::Tag;"), 1, "the SDK");
    assert_eq!(of("engine/step.rs", "println!(\"x\"); let _ = tokio::time::sleep(d);"), 2, "output, time");
    assert_eq!(of("sandbox/hands.rs", "let p = Permit::grant(place, marks, deed);"), 1, "the guard's");
    assert_eq!(of("cloud/aws/mod.rs", "let p = Permit::grant(place, marks, deed);"), 1, "the guard's");
    assert_eq!(of("cloud/aws/tagged.rs", "fn f(c: &aws_sdk_rds::Client) {}"), 1, "a client that can write");
    assert_eq!(of("attic.rs", ""), 1, "no floor");

    assert_eq!(of("sandbox/guard.rs", "let p = Permit::grant(place, marks, deed);"), 0);
    assert_eq!(of("engine/step.rs", "use super::points::Chosen;\n/// See `crate::journal::Journal`."), 0);
    assert_eq!(of("engine/step.rs", "use crate::{actions::{self, CATALOGUE}, clock};"), 0);
    assert_eq!(of("cloud/twin/world.rs", "use super::super::*;\nuse crate::estate::Resource;"), 0);
    assert_eq!(of("ids.rs", "mod tests {\n    use super::*;\n}"), 0);
    assert_eq!(of("yaml/check.rs", "let printed = my_print!(x); let u = \"https://tokio::x\";"), 0);
}
