//! The estate that `discover` finds at the peer, as a file for tests without the peer.
//! `tests/aws/discover.rs` compares it with what is found.

use std::fmt::Write as _;
use std::path::PathBuf;

use estate::file::EstateFile;
use serde_json::json;

use crate::places::at;

pub fn path() -> PathBuf {
    at("tests/insight/discovered.yaml")
}

/// The estate as the file holds it: one resource or recovery point a line. YAML holds JSON.
pub fn text(file: &EstateFile) -> String {
    let mut text = String::from("# What `discover` finds at the peer. tests/aws/discover.rs writes it.\n");
    let (accounts, regions) = (json!(file.accounts), json!(file.regions));
    let _infallible = writeln!(text, "accounts: {accounts}\nregions: {regions}\nresources:");
    for resource in &file.resources {
        let _infallible = writeln!(text, "  - {}", json!(resource));
    }
    text.push_str("recovery_points:\n");
    for point in &file.recovery_points {
        let _infallible = writeln!(text, "  - {}", json!(point));
    }
    text
}

/// Compares the file with what was found. `INSTA_UPDATE=always` writes it.
#[track_caller]
pub fn is(file: &EstateFile) {
    let found = text(file);
    if std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always") {
        std::fs::write(path(), &found).unwrap();
    }
    let kept = std::fs::read_to_string(path()).unwrap_or_default();
    let differs = kept.lines().zip(found.lines()).find(|(kept, found)| kept != found);
    assert!(
        kept == found,
        "{} is not what was found ({} lines, {} found); the first that differ: {differs:#?}; \
         INSTA_UPDATE=always writes it",
        path().display(),
        kept.lines().count(),
        found.lines().count()
    );
}
