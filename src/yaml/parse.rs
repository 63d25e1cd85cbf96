//! Text to nodes. Everything that can be read on after is collected; a syntax error ends the reading.
//!
//! Limits stand against files made to exhaust memory ("YAML bombs"); no playbook that a person or a generator writes
//! comes near them.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Parser, ScalarStyle};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::node::{Entry, Map, Node, Value};
use super::source::{Source, Span};
use super::{scalar, syntax};

/// Bytes of a file.
pub const LARGEST_FILE: usize = 32 << 20;
/// Values in a document, with those that its aliases repeat.
const MOST_NODES: usize = 1_000_000;
/// Bytes of text in a document, with those that its aliases repeat.
const MOST_TEXT: usize = 64 << 20;
/// Levels of nesting.
const DEEPEST: usize = 64;

/// The document's root where there is one, and all that is wrong with the text.
pub fn parse(source: &Source) -> (Option<Node>, Diagnostics) {
    let mut builder = Builder { source, ..Builder::new(source) };
    let root = builder.read();
    (root, builder.out)
}

/// A collection that is being read.
struct Frame {
    start: usize,
    anchor: usize,
    /// The counters when it began: what it costs to repeat it.
    before: Cost,
    /// Of what it holds so far.
    deepest: usize,
    content: Content,
}

enum Content {
    Seq(Vec<Node>),
    Map(Vec<Entry>, Option<Key>),
}

struct Key {
    text: String,
    span: Span,
    bare: bool,
    merge: bool,
}

#[derive(Clone, Copy, Default)]
struct Cost {
    nodes: usize,
    text: usize,
}

struct Anchored {
    node: Node,
    cost: Cost,
    depth: usize,
}

/// A node on its way to its place.
struct Ready {
    node: Node,
    /// The text of a scalar, should it become a key.
    text: Option<String>,
    plain: bool,
    depth: usize,
}

struct Builder<'a> {
    source: &'a Source,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Anchored>,
    cost: Cost,
    out: Diagnostics,
    /// Where merge keys stand, by the start of their mapping: the place in its entries, and what is merged.
    merges: HashMap<usize, Vec<Node>>,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Source) -> Self {
        Self {
            source,
            stack: Vec::new(),
            anchors: HashMap::new(),
            cost: Cost::default(),
            out: Diagnostics::default(),
            merges: HashMap::new(),
        }
    }

    fn read(&mut self) -> Option<Node> {
        let options = granit_parser::options! { emit_unresolved_aliases: true, emit_comments: false };
        let source = self.source;
        let mut root = None;
        let mut documents = 0;
        for event in Parser::new_from_str_with_options(&source.text, options) {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    self.out.push(syntax::explain(source, &error));
                    return None;
                }
            };
            let place = |mark: granit_parser::Marker| mark.byte_offset().unwrap_or(source.text.len());
            let span = Span::new(place(span.start), place(span.end));
            if matches!(event, Event::DocumentStart(..)) {
                documents += 1;
                if documents > 1 {
                    self.out.push(
                        source
                            .error(span, "a second document begins here")
                            .help("one file holds one document: remove this `---`, or move what follows into a file of its own"),
                    );
                    return root;
                }
            }
            match self.event(event, span) {
                Ok(Some(node)) => root = Some(node),
                Ok(None) => {}
                Err(fatal) => {
                    self.out.push(*fatal);
                    return None;
                }
            }
        }
        root
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<Option<Node>, Box<Diagnostic>> {
        let ready = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let cost = Cost { nodes: 1, text: text.len() };
                self.spend(span, cost)?;
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let typed = match tag.as_deref() {
                    None if plain => scalar::other_than_text(&text),
                    None => None,
                    Some(tag) => match tag.core_suffix() {
                        Some("str") => None,
                        Some("int" | "float" | "bool" | "null") => scalar::other_than_text(&text),
                        _ => {
                            self.foreign_tag(span, tag.suffix());
                            Some(Value::Broken)
                        }
                    },
                };
                let is_key = matches!(self.stack.last(), Some(Frame { content: Content::Map(_, None), .. }));
                let text = text.into_owned();
                // A key's text is needed apart from its value; everything else keeps it once.
                let (value, key) = match typed {
                    Some(value) => (value, Some(text)),
                    None if is_key && anchor == 0 => (Value::Str(String::new()), Some(text)),
                    None if is_key => (Value::Str(text.clone()), Some(text)),
                    None => (Value::Str(text), None),
                };
                let node = Node { span, value };
                if anchor != 0 {
                    self.anchors.insert(anchor, Anchored { node: node.clone(), cost, depth: 0 });
                }
                Ready { node, text: key, plain, depth: 0 }
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(span, tag.as_deref());
                return self.open(span, anchor, Content::Seq(Vec::new()));
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(span, tag.as_deref());
                return self.open(span, anchor, Content::Map(Vec::new(), None));
            }
            Event::SequenceEnd | Event::MappingEnd => match self.close(span)? {
                Some(ready) => ready,
                None => return Ok(None),
            },
            Event::Alias(id) => self.alias(id, span)?,
            Event::UnresolvedAlias(name) => {
                self.spend(span, Cost { nodes: 1, text: 0 })?;
                let diagnostic = self
                    .source
                    .error(span, format!("`*{name}` refers to an anchor that does not stand before it"))
                    .help(format!(
                        "write `&{name}` before the value that it stands for, or quote the text: \"*{name}\""
                    ));
                self.out.push(diagnostic);
                Ready { node: Node { span, value: Value::Broken }, text: None, plain: false, depth: 0 }
            }
            _ => return Ok(None),
        };
        self.place(ready)
    }

    fn check_tag(&mut self, span: Span, tag: Option<&granit_parser::Tag>) {
        if let Some(tag) = tag
            && !matches!(tag.core_suffix(), Some("map" | "seq"))
        {
            self.foreign_tag(span, tag.suffix());
        }
    }

    fn foreign_tag(&mut self, span: Span, suffix: &str) {
        let diagnostic = self
            .source
            .error(span, format!("the tag `!{}` has no meaning here", suffix.trim_start_matches('!')))
            .help("remove it; for a text that begins with `!`, use quotes");
        self.out.push(diagnostic);
    }

    fn spend(&mut self, span: Span, cost: Cost) -> Result<(), Box<Diagnostic>> {
        self.cost.nodes = self.cost.nodes.saturating_add(cost.nodes);
        self.cost.text = self.cost.text.saturating_add(cost.text);
        let what = if self.cost.nodes > MOST_NODES {
            format!("more than {MOST_NODES} values")
        } else if self.cost.text > MOST_TEXT {
            format!("more than {} MiB of text", MOST_TEXT >> 20)
        } else {
            return Ok(());
        };
        Err(self
            .source
            .error(
                span,
                format!("the file holds {what} at this point, its aliases counted as often as they are used"),
            )
            .help("that is no playbook that could be run; split it, or remove aliases of aliases")
            .into())
    }

    fn too_deep(&self, span: Span) -> Diagnostic {
        self.source
            .error(span, format!("nested more than {DEEPEST} levels deep"))
            .help("nothing here needs more than ten")
    }

    fn open(&mut self, span: Span, anchor: usize, content: Content) -> Result<Option<Node>, Box<Diagnostic>> {
        if self.stack.len() >= DEEPEST {
            return Err(self.too_deep(span).into());
        }
        let before = self.cost;
        self.spend(span, Cost { nodes: 1, text: 0 })?;
        self.stack.push(Frame { start: span.start, anchor, before, deepest: 0, content });
        Ok(None)
    }

    fn close(&mut self, span: Span) -> Result<Option<Ready>, Box<Diagnostic>> {
        let Some(frame) = self.stack.pop() else { return Ok(None) };
        let start = frame.start;
        let value = match frame.content {
            Content::Seq(items) => Value::Seq(items),
            Content::Map(entries, _) => Value::Map(self.finish_map(start, entries)),
        };
        let node = Node { span: Span::new(start, self.trim_end(start, span)), value };
        let depth = frame.deepest + 1;
        if frame.anchor != 0 {
            let cost = Cost {
                nodes: self.cost.nodes - frame.before.nodes,
                text: self.cost.text - frame.before.text,
            };
            self.spend(span, cost)?;
            self.anchors.insert(frame.anchor, Anchored { node: node.clone(), cost, depth });
        }
        Ok(Some(Ready { node, text: None, plain: false, depth }))
    }

    /// A block collection ends where the next thing begins: leave out the space between.
    fn trim_end(&self, start: usize, end: Span) -> usize {
        let text = self.source.slice(Span::new(start, end.end));
        start + text.trim_end().len()
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Ready, Box<Diagnostic>> {
        let Some(anchored) = self.anchors.get(&id) else {
            return Err(self
                .source
                .error(span, "this alias stands inside the value that it refers to")
                .help("a value cannot contain itself")
                .into());
        };
        let (cost, depth) = (anchored.cost, anchored.depth);
        if self.stack.len() + depth > DEEPEST {
            return Err(self.too_deep(span).into());
        }
        self.spend(span, cost)?;
        let Some(anchored) = self.anchors.get(&id) else { return Err(self.too_deep(span).into()) };
        let node = Node { span, value: anchored.node.value.clone() };
        let text = match &node.value {
            Value::Str(text) | Value::Number(_, text) => Some(text.clone()),
            _ => None,
        };
        Ok(Ready { node, text, plain: false, depth })
    }

    /// Puts a node where it belongs; the root is returned.
    fn place(&mut self, ready: Ready) -> Result<Option<Node>, Box<Diagnostic>> {
        let source = self.source;
        let Some(frame) = self.stack.last_mut() else { return Ok(Some(ready.node)) };
        frame.deepest = frame.deepest.max(ready.depth);
        match &mut frame.content {
            Content::Seq(items) => items.push(ready.node),
            Content::Map(entries, key) => match key.take() {
                None => *key = Some(read_key(source, ready)?),
                Some(key) if key.merge => self.merges.entry(frame.start).or_default().push(ready.node),
                Some(key) => entries.push(Entry {
                    key: key.text,
                    key_span: key.span,
                    bare: key.bare,
                    value: ready.node,
                }),
            },
        }
        Ok(None)
    }

    fn finish_map(&mut self, start: usize, mut entries: Vec<Entry>) -> Map {
        self.report_duplicates(&entries);
        if let Some(merged) = self.merges.remove(&start) {
            let mut known: HashSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
            for node in merged {
                let span = node.span;
                let maps: Vec<Node> = match node.value {
                    Value::Seq(items) => items,
                    value => vec![Node { span, value }],
                };
                for map in maps {
                    let Value::Map(map) = map.value else {
                        self.out.push(self.source.error(map.span, "`<<` merges mappings, and this is none").help(
                            "write `<<: *anchor` with the anchor of a mapping; for a key of that name, use quotes",
                        ));
                        continue;
                    };
                    // What was merged has been counted where it was repeated.
                    entries.extend(map.entries.into_iter().filter(|entry| known.insert(entry.key.clone())));
                }
            }
        }
        Map { entries }
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
                let diagnostic = self
                    .source
                    .error(
                        entry.key_span,
                        format!("the key `{}` stands here a second time", super::node::short(&entry.key)),
                    )
                    .help(format!("it stands already at {}:{}; keep one of them", at.line, at.column));
                self.out.push(diagnostic);
            }
        }
    }
}

fn read_key(source: &Source, ready: Ready) -> Result<Key, Box<Diagnostic>> {
    let span = ready.node.span;
    let Some(text) = ready.text else {
        let start = span.start.saturating_sub(1);
        let template = source.slice(Span::new(start, span.end)).starts_with("{{");
        return Err(if template {
            syntax::unquoted_template(source, Span::new(start, source.text.len())).into()
        } else {
            source
                .error(span, format!("{} cannot be a key", ready.node.describe()))
                .help("a key is a text: `key: value`")
                .into()
        });
    };
    let bare = ready.plain && !matches!(ready.node.value, Value::Str(_));
    if bare && ready.node.is_null() {
        return Err(source.error(span, "a key is missing before the `:`").help("write `key: value`").into());
    }
    let merge = ready.plain && text == "<<";
    Ok(Key { text, span, bare, merge })
}
