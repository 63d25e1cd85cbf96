//! `extends`: playbooks that share accounts, a sandbox, workloads or parameters.
//!
//! The texts of the files become one source, and their mappings one mapping, in which the extending
//! playbook wins. All rules then see one playbook, and each message names the file that it is about.

use std::path::{Component, Path, PathBuf};

use super::load::PLAYBOOK;
use base::digest;
use yaml::file;
use yaml::files::Files;
use yaml::{Diagnostics, Map, Node, Source, Value};

/// The longest chain of files.
const LONGEST: usize = 8;

/// Merges into `root` what the playbook extends, and what that extends. Returns the digest of all
/// files, which is `sha256` if there is but one.
pub fn merge(
    source: &mut Source,
    root: &mut Node,
    sha256: &str,
    files: &mut Files,
    out: &mut Diagnostics,
) -> String {
    let own = files.path(Path::new(&*source.name).file_name().and_then(|name| name.to_str()).unwrap_or(""));
    let mut seen = vec![plain(&own)];
    let mut digests = vec![sha256.to_owned()];
    let mut next = named(root);
    while let Some((name, span)) = next.take() {
        let path = files.path(&name);
        let wrong = |said: String, help: &str| source.error(span, said).help(help);
        if seen.contains(&plain(&path)) {
            out.push(wrong(
                format!("`{name}` extends itself, directly or through others"),
                "remove the `extends` of one of the files",
            ));
            break;
        }
        if seen.len() >= LONGEST {
            let said = format!("more than {LONGEST} files extend each other");
            out.push(wrong(said, "put what they share into fewer files"));
            break;
        }
        if let Some(why) = files.unreadable(&name) {
            let said = format!("`{name}`, which the playbook extends, cannot be read: {why}");
            let help = format!("the path is relative to the playbook: `{}` was looked for", path.display());
            out.push(wrong(said, &help));
            break;
        }
        let shown = path.display().to_string();
        let read = match files.kept().get(&name) {
            Some(text) => file::from_bytes(&shown, text.as_bytes(), source.rank),
            None => file::read(&path, source.rank),
        };
        let mut read = match read {
            Ok(read) => read,
            Err(diagnostic) => {
                out.push(*diagnostic);
                break;
            }
        };
        let Some(mut base) = file::root(&mut read, &PLAYBOOK, out) else { break };
        files.keep(&name, read.source.text.to_string());
        base.shift(source.append(&shown, &read.source.text));
        seen.push(plain(&path));
        digests.push(read.sha256);
        next = named(&base);
        under(root, base);
    }
    match digests.as_slice() {
        [_] => sha256.to_owned(),
        several => digest::sha256(several.join("\n").as_bytes()),
    }
}

/// The text under `extends`, and its place.
fn named(root: &Node) -> Option<(String, yaml::Span)> {
    let node = root.get("extends")?;
    Some((node.as_str()?.to_owned(), node.span))
}

/// Adds to `over` what only `base` has. A null is a value: it says that there is nothing.
fn under(over: &mut Node, base: Node) {
    let (Value::Map(over), Value::Map(base)) = (&mut over.value, base.value) else { return };
    let Map { entries } = base;
    for entry in entries {
        match over.entries.iter_mut().find(|own| own.key == entry.key) {
            // Exactly one thing is lost. Two mappings merged would name two.
            Some(own) if own.key == "lose" => {}
            Some(own) => under(&mut own.value, entry.value),
            None => over.entries.push(entry),
        }
    }
}

/// A path without `.` and `..`, so that two names of one file are the same. It need not exist: a
/// resumed run has only the texts.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            Component::ParentDir | Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                plain.push(part);
            }
        }
    }
    plain
}
