//! Golden files: texts of the program that people have approved. `tests/README.md` says how to
//! review a change.

use std::collections::BTreeSet;
use std::path::Path;

use crate::places::at;

/// Compares a text with `tests/golden/FOLDER/NAME.snap`, through `insta`.
#[macro_export]
macro_rules! golden {
    ($folder:expr, $name:expr, $text:expr) => {{
        let text: &str = $text;
        // insta ignores whitespace at both ends, and treats all line ends alike.
        assert!(text == format!("{}\n", text.trim()) && !text.contains('\r'), "{text:?}");
        let settings = $crate::golden::settings($folder);
        settings.bind(|| $crate::insta::assert_snapshot!($name, text));
    }};
}

pub fn settings(folder: &str) -> insta::Settings {
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(at("tests/golden").join(folder));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

/// Fails if a golden file is used by no test, or if one is missing.
#[track_caller]
pub fn are_all_of(folder: &str, names: &[String]) {
    let wanted: BTreeSet<String> = names.iter().map(|name| format!("{name}.snap")).collect();
    // Files that insta leaves for a review are not golden files yet.
    let found =
        files(&at("tests/golden").join(folder)).into_iter().filter(|name| !name.ends_with(".snap.new"));
    assert_eq!(found.collect::<BTreeSet<_>>(), wanted, "of tests/golden/{folder}");
}

/// The names of the files in a folder.
pub fn files(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    files.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// Compares a text, byte for byte, with the file `input` whose extension is `expected`. Returns
/// what is wrong.
///
/// `INSTA_UPDATE=always` writes the file, as it does for insta's own files.
pub fn beside(input: &Path, found: &str) -> Option<String> {
    plain(&input.with_extension("expected"), found)
}

/// Compares a text, byte for byte, with a file. Returns what is wrong.
///
/// `INSTA_UPDATE=always` writes the file, as it does for insta's own files.
pub fn plain(path: &Path, found: &str) -> Option<String> {
    if std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always" || how == "force") {
        std::fs::write(path, found).unwrap();
    }
    match std::fs::read_to_string(path) {
        Ok(expected) if expected == found => None,
        Ok(expected) => Some(format!("{}:\n{}", path.display(), differing(&expected, found))),
        Err(error) => Some(format!("{}: {error}\n{found}", path.display())),
    }
}

fn differing(expected: &str, found: &str) -> String {
    format!("--- expected\n{expected}--- found\n{found}")
}

/// Fails if a file `NAME.expected` has no input of the same name.
#[track_caller]
pub fn none_is_left_over(folder: &Path, inputs: &[&str]) {
    let files = files(folder);
    for name in &files {
        if let Some(stem) = name.strip_suffix(".expected") {
            let known = inputs.iter().any(|ending| files.contains(&format!("{stem}.{ending}")));
            assert!(known, "{name} in {} has no input", folder.display());
        }
    }
}
