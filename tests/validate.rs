//! Every broken playbook of `tests/corpus` gives exactly the diagnostics that stand beside it.
//!
//! `UPDATE_GOLDEN=1 cargo test --test validate` writes them anew: read the difference as a user would.

use std::path::{Path, PathBuf};

use drillmaster::actions::CATALOGUE;
use drillmaster::playbook::load;

fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files
}

/// What `drillmaster validate` prints, with paths relative to the corpus.
fn diagnostics(path: &Path) -> String {
    let found = match load(path, CATALOGUE, &[]) {
        Ok(loaded) => loaded.diagnostics,
        Err(found) => found,
    };
    let folder = format!("{}/", path.parent().unwrap().display());
    found.render(false).replace(&folder, "")
}

#[test]
fn every_broken_playbook_gives_its_diagnostics() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    let files = corpus();
    assert!(files.len() >= 60, "only {} files", files.len());
    for path in files {
        let golden = path.with_extension("expected");
        let found = diagnostics(&path);
        if found.is_empty() {
            wrong.push(format!("{} passes", path.display()));
            continue;
        }
        if update {
            std::fs::write(&golden, &found).unwrap();
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{} differ from their golden files:\n{}", wrong.len(), wrong.join("\n"));
}
