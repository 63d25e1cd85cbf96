//! A value of a template as far as it is known. In texts, characters that no text from outside may hold stand for what is not.

use yaml::Span;

/// What stands in a text for an id or a name of this stack or of the sandbox.
pub(super) const OWN: char = '\u{fdd0}';
/// What stands in a text for what nobody knows before the deployment.
pub(super) const OPEN: char = '\u{fdd1}';
/// What stands in a text for what only the run will know.
pub(super) const LATER: char = '\u{fdd2}';

/// A value, with its place in the template: where it is used, not where a parameter is declared.
#[derive(Debug, Clone)]
pub struct Seen {
    pub span: Span,
    pub what: What,
    /// It comes from a parameter that the deployment was given.
    pub given: bool,
}

#[derive(Debug, Clone)]
pub enum What {
    /// Also numbers and truth values, which CloudFormation takes as texts.
    Text(String),
    List(Vec<Seen>),
    Map(Vec<(String, Span, Seen)>),
    /// One of these: the condition cannot be decided.
    Either(Vec<Seen>),
    /// `AWS::NoValue`: as if it were not there.
    Nothing,
}

/// How much is known of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    Known,
    /// It holds names of this stack or of the sandbox, and is known apart from them.
    Own,
    Open,
    Later,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    Yes,
    No,
    Open,
    Later,
}

/// Of a text.
pub fn knowledge(text: &str) -> Knowledge {
    if text.contains(LATER) {
        Knowledge::Later
    } else if text.contains(OPEN) {
        Knowledge::Open
    } else if text.contains(OWN) {
        Knowledge::Own
    } else {
        Knowledge::Known
    }
}

/// YAML 1.1, which CloudFormation reads, has more words for a truth value than YAML 1.2.
pub fn truth(text: &str) -> Truth {
    match (knowledge(text), text.to_ascii_lowercase().as_str()) {
        (Knowledge::Later, _) => Truth::Later,
        (Knowledge::Known, "true" | "yes" | "on" | "y" | "1") => Truth::Yes,
        (Knowledge::Known, "false" | "no" | "off" | "n" | "0") => Truth::No,
        _ => Truth::Open,
    }
}

impl Seen {
    pub(super) fn text(span: Span, text: impl Into<String>) -> Self {
        let mut text = text.into();
        // Functions within functions can make texts that fill the memory.
        if text.len() > LONGEST {
            text = OPEN.into();
        }
        Self { span, what: What::Text(text), given: false }
    }

    pub(super) fn mark(span: Span, mark: char) -> Self {
        Self::text(span, mark)
    }

    /// The text, where all of it is known.
    pub fn known(&self) -> Option<&str> {
        match &self.what {
            What::Text(text) if knowledge(text) == Knowledge::Known => Some(text),
            _ => None,
        }
    }

    /// The value of a key, in each of the forms that this may take, and of all the items of a list; `None` for each that
    /// has no such key.
    pub fn get(&self, key: &str) -> Vec<Option<&Seen>> {
        match &self.what {
            What::Map(entries) => vec![entries.iter().find(|e| e.0 == key).map(|e| &e.2)],
            What::Either(forms) | What::List(forms) if !forms.is_empty() => {
                forms.iter().flat_map(|form| form.get(key)).collect()
            }
            _ => vec![None],
        }
    }

    /// Every text in it at the same level: of a list its items, of a choice all that it may be.
    pub fn leaves(&self) -> Vec<(&Seen, &str)> {
        match &self.what {
            What::Text(text) => vec![(self, text)],
            What::List(items) | What::Either(items) => items.iter().flat_map(Self::leaves).collect(),
            What::Map(_) | What::Nothing => Vec::new(),
        }
    }

    /// The things that a list holds, in each of its forms.
    pub fn items(&self) -> Vec<&Seen> {
        match &self.what {
            What::List(items) | What::Either(items) => items.iter().flat_map(Self::items).collect(),
            What::Nothing => Vec::new(),
            What::Text(_) | What::Map(_) => vec![self],
        }
    }

    /// Whether it is there whatever conditions say.
    pub fn is_given(&self) -> bool {
        match &self.what {
            What::Text(text) => !text.is_empty(),
            What::List(items) => items.iter().any(Self::is_given),
            What::Map(entries) => !entries.is_empty(),
            What::Either(forms) => forms.iter().all(Self::is_given),
            What::Nothing => false,
        }
    }

    pub(super) fn flat(&self) -> String {
        match &self.what {
            What::Text(text) => text.clone(),
            What::Nothing => String::new(),
            What::List(_) | What::Map(_) | What::Either(_) => {
                let later = self
                    .items()
                    .iter()
                    .any(|item| matches!(&item.what, What::Text(text) if text.contains(LATER)));
                if later { LATER } else { OPEN }.into()
            }
        }
    }
}

/// Bytes of a text that functions make: more than any property takes.
pub(super) const LONGEST: usize = 1 << 16;

/// A text from outside: without our marks. A dynamic reference is looked up by CloudFormation.
pub(super) fn literal(text: &str) -> String {
    let mut text = if text.contains([OWN, OPEN, LATER]) {
        text.replace([OWN, OPEN, LATER], "\u{fffd}")
    } else {
        text.to_owned()
    };
    if text.contains("{{resolve:") {
        text.push(OPEN);
    }
    text
}

pub(super) fn worst(text: &str) -> char {
    match knowledge(text) {
        Knowledge::Later => LATER,
        Knowledge::Own => OWN,
        Knowledge::Open | Knowledge::Known => OPEN,
    }
}

/// A text for people: what is not known in it as `…`.
pub fn shown(text: &str) -> String {
    text.replace([OWN, OPEN, LATER], "…")
}
