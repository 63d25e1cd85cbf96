//! Turns what serde-saphyr has read into nodes: types of plain scalars, keys, duplicates, merges.

use std::collections::{HashMap, HashSet};

use super::diagnostic::Diagnostics;
use super::node::{Entry, Map, Node, Value, short};
use super::raw::{Content, Raw};
use super::source::{Source, Span};
use super::{scalar, syntax};

/// Builds the nodes of one document and collects the mistakes in it.
pub struct Builder<'a> {
    source: &'a Source,
    pub out: Diagnostics,
    /// Where the values begin that could not be read. Each has been reported.
    pub broken: Vec<usize>,
    tags: Tags,
}

/// Maps a tag to a key. A value `!Ref x` is then read as `{ Ref: x }`. `None` means that the tag
/// has no meaning, which is a mistake.
pub type Tags = fn(&str) -> Option<&'static str>;

/// The prefix that a tag of YAML itself (`!!str`) resolves to.
const CORE: &str = "tag:yaml.org,2002:";

impl<'a> Builder<'a> {
    pub fn new(source: &'a Source, tags: Tags) -> Self {
        Self { source, out: Diagnostics::default(), broken: Vec::new(), tags }
    }

    /// The root of the document. `None` if the document is empty.
    pub fn root(&mut self, raw: Raw<'_>) -> Option<Node> {
        let comment = |line: &str| line.trim_start().is_empty() || line.trim_start().starts_with('#');
        let text = self.source.text.trim_start_matches('\u{feff}');
        let empty = matches!(raw.content, Content::Null) && text.lines().all(comment);
        (!empty).then(|| self.node(raw, false))
    }

    /// Builds one node. `repeated` means that an alias repeats the value. Its mistakes are then
    /// reported only where the value is written.
    fn node(&mut self, raw: Raw<'_>, repeated: bool) -> Node {
        let alias = !repeated && raw.used != raw.written;
        let written = raw.written.span();
        let mut span = if repeated { written } else { raw.used.span() };
        let repeated = repeated || alias;
        let function = raw.tag.as_deref().and_then(self.tags);
        let foreign =
            function.is_none() && raw.tag.as_deref().is_some_and(|tag| self.is_foreign(tag, &raw, repeated));
        let start = written.start;
        let value = match raw.content {
            _ if self.broken.contains(&start) => Value::Broken,
            Content::Seq(items) => {
                let items: Vec<Node> = items.into_iter().map(|item| self.node(item, repeated)).collect();
                if !alias {
                    span.end = end(self.source, start, items.last().map(|item| item.span.end));
                }
                Value::Seq(items)
            }
            Content::Map(entries) if self.is_template(start, &entries) => {
                let template = syntax::template(self.source, start);
                if !repeated {
                    self.out.push(syntax::unquoted_template(self.source, template));
                }
                // Continue with the expression that the author meant.
                Value::Str(self.source.slice(template).to_owned())
            }
            Content::Map(entries) => {
                let (map, last) = self.map(entries, repeated);
                if !alias {
                    span.end = end(self.source, start, last);
                }
                Value::Map(map)
            }
            _ if foreign => Value::Broken,
            content => self.scalar(content, raw.tag.is_some(), written),
        };
        let Some(function) = function else { return Node { span, value } };
        let entry =
            Entry { key: function.to_owned(), key_span: span, bare: false, value: Node { span, value } };
        Node { span, value: Value::Map(Map { entries: vec![entry] }) }
    }

    fn is_foreign(&mut self, tag: &str, raw: &Raw<'_>, repeated: bool) -> bool {
        let collection = matches!(raw.content, Content::Seq(_) | Content::Map(_));
        let known: &[_] = if collection { &["seq", "map"] } else { &["str", "int", "float", "bool", "null"] };
        let foreign = !tag.strip_prefix(CORE).is_some_and(|name| known.contains(&name));
        if foreign && !repeated {
            let spelled = match tag.strip_prefix(CORE) {
                Some(name) => format!("!!{name}"),
                None if tag.starts_with('!') => tag.to_owned(),
                None => format!("!<{tag}>"),
            };
            self.out.push(syntax::foreign_tag(self.source, raw.written.span(), &spelled));
        }
        foreign
    }

    /// Whether a scalar has neither a tag nor quotes.
    fn is_plain(&self, tagged: bool, written: Span) -> bool {
        let text = self.source.text.get(written.start..).unwrap_or_default();
        !tagged && !text.starts_with(['"', '\'', '|', '>'])
    }

    fn scalar(&self, content: Content<'_>, tagged: bool, written: Span) -> Value {
        let plain = self.is_plain(tagged, written);
        match content {
            Content::Null if !tagged => Value::Null,
            Content::Text(text) => {
                let typed = plain.then(|| scalar::other_than_text(&text)).flatten();
                typed.unwrap_or_else(|| Value::Str(text.into_owned()))
            }
            // A number is resolved from the text in the file. A tag may have made a number of a
            // quoted text.
            _ => scalar::resolve(self.source.slice(written).trim_matches(['"', '\''])),
        }
    }

    /// Whether a mapping is an expression without quotes. YAML reads `{{ a }}` as a mapping whose
    /// key is a mapping.
    fn is_template(&self, start: usize, entries: &[(Raw<'_>, Raw<'_>)]) -> bool {
        matches!(entries.first(), Some((Raw { content: Content::Map(_), .. }, _)))
            && self.source.text.get(start..).is_some_and(|text| text.starts_with("{{"))
    }

    /// Returns the mapping, and the end of its last value.
    fn map(&mut self, raw: Vec<(Raw<'_>, Raw<'_>)>, repeated: bool) -> (Map, Option<usize>) {
        let mut entries = Vec::with_capacity(raw.len());
        let mut merged = Vec::new();
        let mut last = None;
        for (key, value) in raw {
            let written = key.written.span();
            let plain = self.is_plain(key.tag.is_some(), written) && (repeated || key.used == key.written);
            let key = self.node(key, repeated);
            let value = self.node(value, repeated);
            let key_span = key.span;
            last = Some(key_span.end.max(value.span.end));
            let bare = plain && key.as_str().is_none();
            match self.key_text(key, written, repeated) {
                Some(text) if plain && text == "<<" => merged.push(value),
                Some(text) => entries.push(Entry { key: text, key_span, bare, value }),
                None => {}
            }
        }
        if !repeated {
            self.report_duplicates(&entries);
        }
        self.merge(&mut entries, merged, repeated);
        (Map { entries }, last)
    }

    fn key_text(&mut self, key: Node, written: Span, repeated: bool) -> Option<String> {
        let (message, help) = match key.value {
            Value::Str(text) | Value::Number(_, text) => return Some(text),
            Value::Bool(_) => return Some(self.source.slice(written).to_owned()),
            Value::Broken => return None,
            Value::Null => ("a key is missing before the `:`".to_owned(), "write `key: value`"),
            _ => (format!("{} cannot be a key", key.describe()), "a key is a text: `key: value`"),
        };
        if !repeated {
            self.out.push(self.source.error(key.span, message).help(help));
        }
        None
    }

    fn merge(&mut self, entries: &mut Vec<Entry>, merged: Vec<Node>, repeated: bool) {
        if merged.is_empty() {
            return;
        }
        let mut known: HashSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
        for node in merged {
            let maps = match node.value {
                Value::Seq(items) => items,
                value => vec![Node { span: node.span, value }],
            };
            for map in maps {
                match map.value {
                    Value::Map(map) => {
                        entries.extend(map.entries.into_iter().filter(|entry| known.insert(entry.key.clone())));
                    }
                    Value::Broken => {}
                    _ if repeated => {}
                    _ => self.out.push(self.source.error(map.span, "`<<` merges mappings, and this is not a mapping").help(
                        "write `<<: *anchor` with the anchor of a mapping; for a key of that name, use quotes",
                    )),
                }
            }
        }
    }

    fn report_duplicates(&mut self, entries: &[Entry]) {
        let mut first: HashMap<&str, Span> = HashMap::new();
        let few = entries.len() <= 16;
        for (i, entry) in entries.iter().enumerate() {
            let seen = if few {
                entries.iter().take(i).find(|e| e.key == entry.key).map(|e| e.key_span)
            } else {
                let seen = first.get(entry.key.as_str()).copied();
                first.entry(&entry.key).or_insert(entry.key_span);
                seen
            };
            if let Some(seen) = seen {
                let at = self.source.position(seen.start);
                let message = format!("the key `{}` is given twice", short(&entry.key));
                let help = format!("the first one is at {}:{}; keep one of them", at.line, at.column);
                self.out.push(self.source.error(entry.key_span, message).help(help));
            }
        }
    }
}

/// Where a collection ends: at its closing bracket, or else with its last value.
pub fn end(source: &Source, start: usize, last: Option<usize>) -> usize {
    let last = last.unwrap_or(start + 1).max(start);
    let rest = source.text.get(last..).unwrap_or_default();
    let closes = match source.text.as_bytes().get(start) {
        Some(b'[') => ']',
        Some(b'{') => '}',
        _ => return start + source.slice(Span::new(start, last)).trim_end().len(),
    };
    let mut comment = false;
    for (at, c) in rest.char_indices() {
        match c {
            '\n' => comment = false,
            _ if comment => {}
            '#' => comment = true,
            c if c == closes => return last + at + 1,
            c if c == ',' || c.is_whitespace() => {}
            _ => break,
        }
    }
    last
}
