//! A YAML document as a tree of nodes with positions.

use serde_json::Number;

use super::source::Span;

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where the value is in the file. For an alias, where the alias is.
    pub span: Span,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    /// A value that could not be read. It has been reported, so every check accepts it.
    Broken,
    Bool(bool),
    /// A number, with its text in the file. The text matters: to its author, `012` may not mean 12.
    Number(Number, String),
    Str(String),
    Seq(Vec<Node>),
    Map(Map),
}

/// A mapping with all its entries in order, duplicates included.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map {
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    pub key_span: Span,
    /// The key is written without quotes and YAML does not read it as a text: `012345678901:` or
    /// `true:`.
    pub bare: bool,
    pub value: Node,
}

impl Map {
    /// The first value with this key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

impl Node {
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Seq(items) => Some(items),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key)
    }

    /// The value in words, for messages: `a list`, `the number 3`.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null | Value::Broken => "nothing".into(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Number(_, raw) => format!("the number {}", short(raw)),
            Value::Str(text) if text.is_empty() => "an empty text".into(),
            Value::Str(text) => format!("the text `{}`", short(text)),
            Value::Seq(_) => "a list".into(),
            Value::Map(_) => "a mapping".into(),
        }
    }

    /// Moves all spans, for a text that is appended to another one.
    pub fn shift(&mut self, by: usize) {
        let moved = |span: &mut Span| *span = Span::new(span.start + by, span.end + by);
        moved(&mut self.span);
        match &mut self.value {
            Value::Seq(items) => items.iter_mut().for_each(|item| item.shift(by)),
            Value::Map(map) => {
                for entry in &mut map.entries {
                    moved(&mut entry.key_span);
                    entry.value.shift(by);
                }
            }
            Value::Null | Value::Broken | Value::Bool(_) | Value::Number(..) | Value::Str(_) => {}
        }
    }

    /// The value as JSON. Of duplicate keys, the first counts.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null | Value::Broken => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number, _) => serde_json::Value::Number(number.clone()),
            Value::Str(text) => text.clone().into(),
            Value::Seq(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(map) => map.to_json(),
        }
    }

    /// The node at a JSON pointer. If the pointer leads nowhere, returns the deepest node on the
    /// way.
    pub fn at_pointer(&self, pointer: &str) -> &Node {
        let mut node = self;
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            let next = match &node.value {
                Value::Map(map) => map.get(&part),
                Value::Seq(items) => part.parse::<usize>().ok().and_then(|i| items.get(i)),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => return node,
            }
        }
        node
    }
}

impl Map {
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::Map::with_capacity(self.entries.len());
        for entry in &self.entries {
            if !object.contains_key(&entry.key) {
                object.insert(entry.key.clone(), entry.value.to_json());
            }
        }
        object.into()
    }
}

/// A text for a message: the beginning of its first line.
pub fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    let mut shown: String = line.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if shown.len() < text.trim_end().len() {
        shown.push('…');
    }
    shown
}
