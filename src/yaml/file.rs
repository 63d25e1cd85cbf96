//! Reads text files. A file may hold anything: the wrong encoding, binary data, nothing at all.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use base::digest;

use super::builder::Tags;
use super::diagnostic::{Diagnostic, Diagnostics, nearest};
use super::limits::LARGEST_FILE;
use super::node::Node;
use super::parse::{parse, parse_tagged};
use super::source::{Source, Span};

/// A text file that was read.
pub struct Read {
    pub source: Source,
    /// The SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    /// The text as YAML without tags of its own. Parsing takes most of the time of a large file, so
    /// it is done once.
    parsed: OnceCell<Parsed>,
}

/// What [`parse`] returns.
type Parsed = (Option<Node>, Diagnostics);

impl Read {
    /// The root of the text as YAML without tags of its own. `None` if it could not be read.
    pub fn tree(&self) -> Option<&Node> {
        self.parsed.get_or_init(|| parse(&self.source)).0.as_ref()
    }
}

/// Reads a text file. `rank` orders its diagnostics among those of other files.
pub fn read(path: &Path, rank: u16) -> Result<Read, Box<Diagnostic>> {
    let name = path.display().to_string();
    let whole = |message: String, help: &str| {
        Box::new(Source::new(&name, "", rank).error(Span::default(), message).help(help))
    };
    let meta = std::fs::metadata(path)
        .map_err(|e| whole(format!("cannot be read: {}", plain(&e)), "check the path"))?;
    if meta.is_dir() {
        return Err(whole("is a folder".into(), "name the file in it"));
    }
    let too_large = |size: String| {
        let message = format!("has {size} MiB: the limit is {} MiB", LARGEST_FILE >> 20);
        whole(message, "is this the right file?")
    };
    if meta.len() > LARGEST_FILE as u64 {
        return Err(too_large((meta.len() >> 20).to_string()));
    }
    // A device or a pipe does not say its size, and may have no end.
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_FILE as u64 + 1).read_to_end(&mut bytes))
        .map_err(|e| whole(format!("cannot be read: {}", plain(&e)), "check its permissions"))?;
    if bytes.len() > LARGEST_FILE {
        return Err(too_large(format!("more than {}", LARGEST_FILE >> 20)));
    }
    from_bytes(&name, &bytes, rank)
}

/// The same as [`read`], for bytes that were read already.
pub fn from_bytes(name: &str, bytes: &[u8], rank: u16) -> Result<Read, Box<Diagnostic>> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let diagnostic = Source::new(name, "", rank).error(Span::default(), "the text is in UTF-16");
        return Err(Box::new(diagnostic.help("save it as UTF-8")));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.valid_up_to();
            let source = Source::new(name, &String::from_utf8_lossy(bytes), rank);
            let byte = bytes.get(at).copied().unwrap_or(0);
            let message = if bytes.contains(&0) {
                "this is not a text file".to_owned()
            } else {
                format!("the byte 0x{byte:02x} is not UTF-8")
            };
            return Err(Box::new(
                source.error(Span::new(at, at), message).help("save the file as UTF-8 text").without_line(),
            ));
        }
    };
    let source = Source::new(name, text, rank);
    if let Some(at) = text.find('\0') {
        let diagnostic = source.error(Span::new(at, at), "this is not a text file: it holds a NUL byte");
        return Err(Box::new(diagnostic.help("is this the right file?").without_line()));
    }
    let sha256 = digest::sha256(bytes);
    Ok(Read { source, sha256, parsed: OnceCell::new() })
}

/// A kind of document, and how it is told from any other file.
pub struct Document {
    /// `a playbook`, for messages.
    pub what: &'static str,
    /// The key that it begins with, for messages.
    pub first: &'static str,
    /// The keys of its root mapping of which one tells it from other files.
    pub telling: &'static [&'static str],
    /// The other keys of its own. Other programs use each of them too.
    pub usual: &'static [&'static str],
    /// The keys that other files have too, such as `name`.
    pub common: &'static [&'static str],
}

impl Document {
    fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.telling.iter().chain(self.usual).copied()
    }

    /// Which of some kinds of document a file is. A key that is misspelt counts as well, but not
    /// alone: a file with mistakes must not be passed over as another program's.
    pub fn told<'a>(read: &Read, kinds: &'a [&'a Self]) -> Option<&'a Self> {
        let keys = top_level_keys(read);
        let is_told = |kind: &&Self| {
            let whole = |list: &[&str]| keys.iter().filter(|key| list.contains(&key.as_str())).count();
            whole(kind.telling) > 0 || whole(kind.usual) > 1
        };
        let is_misspelt = |kind: &&Self| {
            let is_key = |key: &&String| {
                kind.keys().any(|known| known == key.as_str()) || nearest(key, kind.keys()).is_some()
            };
            keys.iter().filter(is_key).count() > 1
        };
        let kinds = || kinds.iter().copied();
        kinds().find(is_told).or_else(|| kinds().find(is_misspelt))
    }

    /// Whether the text looks like this kind of document. Only then are lines of it quoted: a
    /// private key that was given by mistake must not be printed.
    fn is_like(&self, text: &str, node: Option<&Node>) -> bool {
        let own = |key: &str| self.keys().any(|known| known == key) || nearest(key, self.keys()).is_some();
        match node.and_then(Node::as_map) {
            Some(map) => {
                let keys = || map.entries.iter().map(|entry| entry.key.as_str());
                keys().any(own) || keys().all(|key| self.common.contains(&key))
            }
            // What is broken, or wrapped into a list, is searched as a text.
            None => self.keys().any(|key| {
                text.match_indices(key).any(|(at, _)| {
                    let before = text.get(..at).and_then(|before| before.chars().next_back());
                    let after = text.get(at + key.len()..).unwrap_or("").trim_start_matches(['"', '\'']);
                    let after = after.strip_prefix(':');
                    !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-')
                        && after.is_some_and(|rest| {
                            rest.is_empty() || rest.starts_with([' ', '\n', '\r', '\t', '{', '['])
                        })
                })
            }),
        }
    }
}

/// The keys of the outermost mapping. In a text that cannot be read as YAML, these are the words
/// before a colon at the beginning of a line.
pub fn top_level_keys(read: &Read) -> BTreeSet<String> {
    if let Some(map) = read.tree().and_then(Node::as_map) {
        return map.entries.iter().map(|entry| entry.key.clone()).collect();
    }
    let key = |line: &str| {
        let (key, _) = line.trim_start_matches('\u{feff}').split_once(':')?;
        let key = key.trim_end().trim_matches(['"', '\'']);
        let is_word = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_word.then(|| key.to_owned())
    };
    read.source.text.lines().filter_map(key).collect()
}

/// The root mapping of a document.
pub fn root(read: &mut Read, document: &Document, out: &mut Diagnostics) -> Option<Node> {
    let parsed = read.parsed.take().unwrap_or_else(|| parse(&read.source));
    root_of(&read.source, parsed, document, out)
}

/// The same as [`root`], for a document with tags of its own.
pub fn tagged_root(source: &Source, document: &Document, tags: Tags, out: &mut Diagnostics) -> Option<Node> {
    root_of(source, parse_tagged(source, tags), document, out)
}

fn root_of(
    source: &Source,
    (node, found): Parsed,
    document: &Document,
    out: &mut Diagnostics,
) -> Option<Node> {
    let broken = found.has_errors();
    let what = document.what;
    let help = format!("{what} is a mapping that begins with keys such as `{}:`", document.first);
    let is_blank = node.as_ref().is_none_or(Node::is_null) && !broken;
    if !is_blank && !document.is_like(&source.text, node.as_ref()) {
        let message = format!("this is not {what}, so no line of it is shown");
        out.push(source.error(Span::default(), message).help(help).without_line());
        return None;
    }
    out.extend(found);
    match node {
        Some(node) if node.as_map().is_some() => return Some(node),
        Some(node) if node.is_null() => {
            out.push(source.error(Span::default(), "the file holds nothing").help(help).without_line());
        }
        Some(node) => {
            let message = format!("expected {what}, found {}", node.describe());
            out.push(source.error(Span::new(node.span.start, node.span.start + 1), message).help(help));
        }
        None if !broken => {
            let message = if source.text.trim().is_empty() {
                "the file is empty"
            } else {
                "the file holds nothing but comments"
            };
            out.push(source.error(Span::default(), message).help(help).without_line());
        }
        None => {}
    }
    None
}

/// An I/O error in words, without the number of the operating system's error.
pub fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}
