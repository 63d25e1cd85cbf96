//! Builds nodes straight from the parser's events.
//!
//! Most texts have no mistakes, anchors or tags. For them this takes a third of the time of the way
//! through serde-saphyr, and gives the same nodes. It gives up on anything else, so that one place
//! alone explains mistakes and gives anchors and tags their meaning.

#![warn(clippy::wildcard_enum_match_arm)]

use std::collections::HashSet;

use granit_parser::{Event, Options, Parser, ScalarStyle, StrInput};

use super::builder::end;
use super::limits::{DEEPEST, MOST_NODES, MOST_TEXT};
use super::node::{Entry, Map, Node, Value};
use super::scalar;
use super::source::{Source, Span};

/// The root of a text without anything unusual. `None`: read it another way.
pub fn root(source: &Source) -> Option<Node> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let parser = Parser::with_options(StrInput::new(&source.text), options);
    let mut events =
        Events { source, parser, nodes: 0, text: 0, open_items: Vec::new(), open_entries: Vec::new() };
    let Event::StreamStart = events.next()?.0 else { return None };
    let Event::DocumentStart(_, None) = events.next()?.0 else { return None };
    let (event, span) = events.next()?;
    let root = events.node(event, span, 0)?;
    let ends = matches!((events.next()?.0, events.next()?.0), (Event::DocumentEnd, Event::StreamEnd));
    // A text that holds nothing is told from one that says `null`.
    (ends && !root.is_null()).then_some(root)
}

struct Events<'a> {
    source: &'a Source,
    parser: Parser<'a, StrInput<'a>>,
    nodes: usize,
    text: usize,
    /// The items of the lists that are being read, those of the innermost last. Each list leaves with
    /// a vector of exactly its size: vectors that grow one by one held a third more memory.
    open_items: Vec<Node>,
    /// The same for mappings.
    open_entries: Vec<Entry>,
}

impl<'a> Events<'a> {
    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        let (event, span) = self.parser.next_event()?.ok()?;
        let range = span.byte_range()?;
        Some((event, Span::new(range.start, range.end)))
    }

    #[expect(clippy::match_same_arms, reason = "what the parser knows today is named, apart from the rest")]
    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Option<Node> {
        self.nodes += 1;
        if self.nodes > MOST_NODES || depth >= DEEPEST {
            return None;
        }
        let (value, span) = match event {
            Event::Scalar(text, style, 0, None) => {
                self.text += text.len();
                if self.text > MOST_TEXT {
                    return None;
                }
                let typed = scalar::other_than_text(&text);
                let is_plain = style == ScalarStyle::Plain;
                let is_unusual = match style {
                    // A text of several lines, or a spelling of null that only some parsers know.
                    ScalarStyle::Plain => match &typed {
                        // Nothing may be written for it.
                        Some(Value::Null) => false,
                        Some(_) => text != self.source.slice(span),
                        None => text != self.source.slice(span) || text.eq_ignore_ascii_case("null"),
                    },
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => false,
                    // A block that holds no more than a number.
                    ScalarStyle::Literal | ScalarStyle::Folded => typed.is_some(),
                };
                if is_unusual {
                    return None;
                }
                let typed = typed.filter(|_| is_plain);
                (typed.unwrap_or_else(|| Value::Str(text.into_owned())), span)
            }
            Event::SequenceStart(_, 0, None) => {
                let items = self.items(depth + 1)?;
                let end = end(self.source, span.start, items.last().map(|item| item.span.end));
                (Value::Seq(items), Span::new(span.start, end))
            }
            Event::MappingStart(_, 0, None) => {
                let entries = self.entries(depth + 1)?;
                let last = entries.last().map(|entry| entry.key_span.end.max(entry.value.span.end));
                let end = end(self.source, span.start, last);
                (Value::Map(Map { entries }), Span::new(span.start, end))
            }
            // Anchors, tags and aliases.
            Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::MappingStart(..)
            | Event::Anchor(..)
            | Event::Alias(_)
            | Event::UnresolvedAlias(_)
            // Nothing where a value should be.
            | Event::SequenceEnd
            | Event::MappingEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::StreamStart
            | Event::StreamEnd => return None,
            // The parser's type is `non_exhaustive`.
            _ => return None,
        };
        Some(Node { span, value })
    }

    fn items(&mut self, depth: usize) -> Option<Vec<Node>> {
        let first = self.open_items.len();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Some(self.open_items.drain(first..).collect()),
                (event, span) => {
                    let item = self.node(event, span, depth)?;
                    self.open_items.push(item);
                }
            }
        }
    }

    fn entries(&mut self, depth: usize) -> Option<Vec<Entry>> {
        let first = self.open_entries.len();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            // Any other key is a list, a mapping, or an expression without quotes.
            let Event::Scalar(_, style, ..) = &event else { return None };
            let plain = *style == ScalarStyle::Plain;
            let Node { span: key_span, value } = self.node(event, span, depth)?;
            let (key, bare) = match value {
                Value::Str(text) if !(plain && text == "<<") => (text, false),
                Value::Number(_, text) => (text, true),
                Value::Bool(_) => (self.source.slice(key_span).to_owned(), true),
                Value::Str(_) | Value::Null | Value::Seq(_) | Value::Map(_) | Value::Broken => return None,
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth)?;
            self.open_entries.push(Entry { key, key_span, bare, value });
        }
        let entries: Vec<Entry> = self.open_entries.drain(first..).collect();
        let repeats = if entries.len() <= FEW {
            entries
                .iter()
                .enumerate()
                .any(|(at, entry)| entries.iter().take(at).any(|before| before.key == entry.key))
        } else {
            let mut seen = HashSet::with_capacity(entries.len());
            !entries.iter().all(|entry| seen.insert(entry.key.as_str()))
        };
        (!repeats).then_some(entries)
    }
}

/// Up to so many keys are compared one by one.
const FEW: usize = 16;
