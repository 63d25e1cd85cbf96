//! A stand-in for a secret, and the search for it in everything that a run writes.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Only letters and digits, which no text encoding changes.
pub const CORE: &str = "Zq7CanaryKx9";
/// Also contains the characters that URLs, pages, shells and JSON encode differently.
pub const CANARY: &str = "Zq7CanaryKx9@/\"<&>'+% ;";

/// The texts to search for. They include halves, so that a truncated canary is found.
fn traces() -> Vec<String> {
    let (first, second) = CORE.split_at(CORE.len() / 2);
    let mut traces: Vec<String> = vec![first.to_lowercase(), second.to_lowercase()];
    traces.push(hex(CORE));
    traces
}

pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// The traces in base64, where case matters.
fn base64_traces() -> Vec<String> {
    (0..3)
        .map(|shift| {
            let mut bytes = vec![b'x'; shift];
            bytes.extend(CORE.bytes());
            STANDARD_NO_PAD.encode(&bytes)[4..bytes.len() * 8 / 6].to_owned()
        })
        .collect()
}

/// Lists the traces of the canary in `text`.
pub fn found(text: &str) -> Vec<String> {
    let small = text.to_lowercase();
    let mut found: Vec<String> = traces().into_iter().filter(|trace| small.contains(trace)).collect();
    found.extend(base64_traces().into_iter().filter(|trace| text.contains(trace)));
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

/// Everything that a run wrote, each text with the place where it was written.
pub fn written(folder: &Path, stdout: &[u8], stderr: &[u8]) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut all = vec![("stdout".to_owned(), text(stdout)), ("stderr".to_owned(), text(stderr))];
    if folder.exists() {
        all.extend(
            files(folder)
                .iter()
                .map(|path| (path.display().to_string(), text(&std::fs::read(path).unwrap()))),
        );
    }
    all
}

#[track_caller]
pub fn is_nowhere(all: &[(String, String)]) {
    for (place, text) in all {
        let found = self::found(text);
        let line = text.lines().find(|line| !self::found(line).is_empty()).unwrap_or_default();
        assert!(found.is_empty(), "{found:?} in {place}: {line}");
    }
}
