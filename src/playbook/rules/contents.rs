//! What the files of a playbook hold: manifests, certificates and references. After T0 it is too late to find out.
//!
//! Files that cannot be opened are reported elsewhere.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Context;
use super::facts::Facts;
use super::files::{certificate_file, reference_file};
use crate::action::FileKind;
use crate::draft::Draft;
use crate::expr::is_template;
use crate::manifest;
use crate::reference::{NotRead, Reference};
use yaml::{Diagnostics, Node, Source, Span, Value};

/// Diagnostics of these files come after those of the playbook, of the estate and of templates.
const FIRST_RANK: u16 = 1 << 12;

pub fn check(draft: &Draft<'_>, _: &Facts<'_>, context: &Context<'_>, out: &mut Diagnostics) {
    let mut reader = Reader { draft, context, seen: HashSet::new() };
    for item in &draft.items {
        for name in item.decl.into_iter().flat_map(|decl| decl.files_of(FileKind::Manifest)) {
            let Some(with) = item.with else { continue };
            let may_be_empty = with.get("allow_empty").is_some_and(|node| node.value != Value::Bool(false));
            reader.read("manifest", with.get(name), out, |source| objects(source, may_be_empty));
        }
        for (kind, entry) in &item.kinds {
            reader.read("certificate file", certificate_file(*kind, &entry.value), out, certificates);
            reader.read("reference", reference_file(*kind, &entry.value), out, reference);
        }
    }
}

/// A mistake in a file: its line, counted from 1, what is wrong, and what to do.
type Mistake = (usize, String, String);

struct Reader<'a> {
    draft: &'a Draft<'a>,
    context: &'a Context<'a>,
    /// Thousands of steps may name the same file.
    seen: HashSet<String>,
}

impl Reader<'_> {
    fn read(
        &mut self,
        what: &str,
        named: Option<&Node>,
        out: &mut Diagnostics,
        judge: impl Fn(&str) -> Result<(), Mistake>,
    ) {
        let Some((node, name)) = named.and_then(|node| Some((node, node.as_str()?))) else { return };
        let files = self.context.files;
        if is_template(name) || name.is_empty() || files.unreadable(name).is_some() {
            return;
        }
        if !self.seen.insert(name.to_owned()) {
            return;
        }
        let text = match files.read(name) {
            Ok(text) => text,
            Err(why) => {
                let said = format!("the {what} `{name}` cannot be read: {why}");
                out.push(self.draft.source.error(node.span, said).help("save it as UTF-8 text"));
                return;
            }
        };
        if let Err((line, said, help)) = judge(&text) {
            let rank = FIRST_RANK.saturating_add(u16::try_from(self.seen.len()).unwrap_or(u16::MAX));
            let source = Source::new(&files.path(name).display().to_string(), &text, rank);
            let start = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
            let span = Span::new(start, start + source.line(line).len());
            out.push(source.error(span, said).help(help));
        }
    }
}

fn objects(text: &str, may_be_empty: bool) -> Result<(), Mistake> {
    match manifest::read(text) {
        Err(line) => {
            let line = usize::try_from(line).unwrap_or(usize::MAX);
            Err((line, manifest::NO_ENTRY.to_owned(), manifest::FORM.to_owned()))
        }
        Ok(entries) if entries.is_empty() && !may_be_empty => {
            let said = "the manifest names no object: the step would compare nothing, and fail";
            Err((1, said.to_owned(), "list the objects, or write `allow_empty: true` on the step".to_owned()))
        }
        Ok(_) => Ok(()),
    }
}

fn reference(text: &str) -> Result<(), Mistake> {
    let read = Reference::read(text);
    read.map(|_| ()).map_err(|NotRead { line, message, help }| (line, message, help))
}

/// Checks that a text holds certificates in PEM form. The check itself decides whom it trusts.
fn certificates(text: &str) -> Result<(), Mistake> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let help =
        || "give a PEM file: each certificate stands between `BEGIN CERTIFICATE` and `END CERTIFICATE`";
    let mut open: Option<(usize, String)> = None;
    let mut whole = 0;
    for (number, line) in text.lines().map(str::trim).enumerate().map(|(at, line)| (at + 1, line)) {
        match (&mut open, line) {
            (None, BEGIN) => open = Some((number, String::new())),
            (None, _) => {}
            (Some((begin, body)), END) => {
                // A certificate is a sequence in DER, which begins with this byte.
                if STANDARD.decode(&*body).ok().and_then(|der| der.first().copied()) != Some(0x30) {
                    return Err((
                        *begin,
                        "the certificate that begins here is damaged".into(),
                        help().into(),
                    ));
                }
                whole += 1;
                open = None;
            }
            (Some((_, body)), line) => body.push_str(line),
        }
    }
    match (open, whole) {
        (Some((begin, _)), _) => {
            Err((begin, "the certificate that begins here has no end".into(), help().into()))
        }
        (None, 0) => Err((1, "there is no certificate in this file".into(), help().into())),
        (None, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{certificates, objects};

    #[test]
    fn certificates_are_whole() {
        let pem =
            |body: &str| format!("# rds\n-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\r\n");
        let good = pem("MIIBszCCAVmgAwIBAgIUQ0Zk");
        for text in [good.clone(), good.repeat(3)] {
            assert_eq!(certificates(&text), Ok(()), "{text}");
        }
        let key = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n";
        for (text, line) in [
            (String::new(), 1),
            ("hello\n".to_owned(), 1),
            (key.to_owned(), 1),
            (pem("not base64"), 2),
            (pem("aGVsbG8="), 2),
            (good.clone() + "-----BEGIN CERTIFICATE-----\nMIIB", 5),
        ] {
            assert_eq!(certificates(&text).map_err(|(line, ..)| line), Err(line), "{text}");
        }
    }

    #[test]
    fn a_manifest_of_nothing_compares_nothing() {
        assert!(objects("key,size,sha256\n", false).is_err());
        assert!(objects("key,size,sha256\n", true).is_ok());
        assert!(objects("a,1\n", false).is_ok());
    }
}
