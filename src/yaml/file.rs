//! Reads text files. A file may hold anything: the wrong encoding, binary data, nothing at all.

use std::path::Path;

use base::digest;

use super::builder::Tags;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::limits::LARGEST_FILE;
use super::node::Node;
use super::parse::parse_tagged;
use super::source::{Source, Span};

/// A text file that was read.
pub struct Read {
    pub source: Source,
    /// The SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
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
    if meta.len() > LARGEST_FILE as u64 {
        let message = format!("has {} MiB: the limit is {} MiB", meta.len() >> 20, LARGEST_FILE >> 20);
        return Err(whole(message, "is this the right file?"));
    }
    let bytes = std::fs::read(path)
        .map_err(|e| whole(format!("cannot be read: {}", plain(&e)), "check its permissions"))?;
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
                source.error(Span::new(at, at), message).help("save the file as UTF-8 text"),
            ));
        }
    };
    let source = Source::new(name, text, rank);
    if let Some(at) = text.find('\0') {
        let diagnostic = source.error(Span::new(at, at), "this is not a text file: it holds a NUL byte");
        return Err(Box::new(diagnostic.help("is this the right file?")));
    }
    let sha256 = digest::sha256(bytes);
    Ok(Read { source, sha256 })
}

/// The root mapping of a document. `what` names the document (`a playbook`), and `first` the key
/// that such a document begins with. Both are for messages.
pub fn root(source: &Source, what: &str, first: &str, out: &mut Diagnostics) -> Option<Node> {
    tagged_root(source, what, first, |_| None, out)
}

/// The same as [`root`], for a document with tags of its own.
pub fn tagged_root(
    source: &Source,
    what: &str,
    first: &str,
    tags: Tags,
    out: &mut Diagnostics,
) -> Option<Node> {
    let (node, found) = parse_tagged(source, tags);
    let broken = found.has_errors();
    out.extend(found);
    let help = format!("{what} is a mapping that begins with keys such as `{first}`");
    match node {
        Some(node) if node.as_map().is_some() => return Some(node),
        Some(node) if node.is_null() => {
            out.push(source.error(Span::default(), "the file holds nothing").help(help));
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
            out.push(source.error(Span::default(), message).help(help));
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
