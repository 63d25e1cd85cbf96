//! Finds test files that nobody runs.

use std::path::{Path, PathBuf};

/// Fails if no `mod` names a `.rs` file below `folder`. Cargo would silently leave such a file out.
///
/// `root` is the crate's root in `folder`. A module lies beside the file that names it, or in the
/// folder with that file's name.
pub fn none_is_forgotten(folder: &Path, root: &str) {
    let forgotten = forgotten(folder, &folder.join(root));
    assert!(forgotten.is_empty(), "no `mod` names {forgotten:?}");
}

fn forgotten(folder: &Path, parent: &Path) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(parent).unwrap_or_default();
    let named = |name: &str| {
        let with_end = format!("mod {name};");
        text.lines().any(|line| line.trim_start().trim_start_matches("pub ") == with_end)
    };
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    let mut found = Vec::new();
    for path in all {
        if path == parent {
            continue;
        }
        let stem = path.file_stem().unwrap().to_str().unwrap();
        if path.is_dir() {
            let inside = path.join("mod.rs");
            let beside = path.with_extension("rs");
            found.extend(forgotten(&path, if inside.is_file() { &inside } else { &beside }));
        } else if path.extension().is_some_and(|ending| ending == "rs") && !named(stem) {
            found.push(path);
        }
    }
    found
}

/// The `.rs` files below `folder` that belong to none of the crates in `known`.
pub fn elsewhere(folder: &Path, known: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !known.iter().any(|name| path.ends_with(name)) {
                found.extend(elsewhere(&path, &[]));
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}
