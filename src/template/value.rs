//! Values of a template, as far as they are known. In texts, marker characters replace the unknown
//! parts. No text from outside may hold these characters.

use yaml::Span;

/// Marks an id or a name of this stack or of the sandbox.
pub(super) const OWN: char = '\u{fdd0}';
/// Marks a part that is unknown before the deployment.
pub(super) const OPEN: char = '\u{fdd1}';
/// Marks a part that is known only during the run.
pub(super) const LATER: char = '\u{fdd2}';
/// Marks a name of this stack that its author wrote, or that can be guessed. As a whole it refers to
/// the stack. As a part of a text it may be any text.
pub(super) const NAMED: char = '\u{fdd3}';

const MARKERS: [char; 4] = [OWN, OPEN, LATER, NAMED];

/// What `Fn::GetAZs` gives: zones of the stack's region, which are only known to be some of them.
pub(super) const ZONES: &str = "\u{fdd0}Fn::GetAZs";

/// A resolved value, with the place where it is used, not where a parameter is declared.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub span: Span,
    pub form: Form,
    /// Whether it comes from a parameter that the deployment was given.
    pub given: bool,
}

/// The content of a value.
#[derive(Debug, Clone)]
pub enum Form {
    /// Also numbers and booleans, which CloudFormation reads as texts.
    Text(String),
    List(Vec<Resolved>),
    Map(Vec<(String, Span, Resolved)>),
    /// One of these, because the condition cannot be decided.
    Either(Vec<Resolved>),
    /// `AWS::NoValue`: the value counts as absent.
    Nothing,
}

/// How much is known of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    Known,
    /// It contains ids or generated names of this stack or of the sandbox. The rest is known.
    Own,
    /// It contains names of this stack that may be any text. The rest is known, or `Own`.
    Named,
    /// It contains a part that is unknown before the deployment.
    Open,
    /// It contains a part that is known only during the run.
    Later,
}

/// The result of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    Yes,
    No,
    /// Unknown before the deployment.
    Open,
    /// Known only during the run.
    Later,
}

/// How much is known of a text.
pub fn knowledge(text: &str) -> Knowledge {
    if text.contains(LATER) {
        Knowledge::Later
    } else if text.contains(OPEN) {
        Knowledge::Open
    } else if text.contains(NAMED) {
        Knowledge::Named
    } else if text.contains(OWN) {
        Knowledge::Own
    } else {
        Knowledge::Known
    }
}

/// The text with `stand_in` for what AWS generates. `None` if more of it is unknown.
pub(super) fn stand_ins(text: &str, stand_in: &str) -> Option<String> {
    match knowledge(text) {
        Knowledge::Known | Knowledge::Own => Some(text.replace(OWN, stand_in)),
        Knowledge::Named | Knowledge::Open | Knowledge::Later => None,
    }
}

/// Reads a boolean. CloudFormation reads YAML 1.1, which has more words for booleans than YAML 1.2.
pub fn truth(text: &str) -> Truth {
    match (knowledge(text), text.to_ascii_lowercase().as_str()) {
        (Knowledge::Later, _) => Truth::Later,
        (Knowledge::Known, "true" | "yes" | "on" | "y" | "1") => Truth::Yes,
        (Knowledge::Known, "false" | "no" | "off" | "n" | "0") => Truth::No,
        _ => Truth::Open,
    }
}

impl Resolved {
    pub(super) fn text(span: Span, text: impl Into<String>) -> Self {
        let mut text = text.into();
        // Nested functions can produce texts that fill the memory.
        if text.len() > LONGEST {
            text = OPEN.into();
        }
        Self { span, form: Form::Text(text), given: false }
    }

    pub(super) fn mark(span: Span, mark: char) -> Self {
        Self::text(span, mark)
    }

    /// The text, if all of it is known.
    pub fn known(&self) -> Option<&str> {
        match &self.form {
            Form::Text(text) if knowledge(text) == Knowledge::Known => Some(text),
            Form::Text(_) | Form::List(_) | Form::Map(_) | Form::Either(_) | Form::Nothing => None,
        }
    }

    /// The value of a key, in each form that this value may take and in each item of a list. `None`
    /// for each without such a key.
    pub fn get(&self, key: &str) -> Vec<Option<&Resolved>> {
        match &self.form {
            Form::Map(entries) => vec![entries.iter().find(|e| e.0 == key).map(|e| &e.2)],
            Form::Either(forms) | Form::List(forms) if !forms.is_empty() => {
                forms.iter().flat_map(|form| form.get(key)).collect()
            }
            Form::Text(_) | Form::List(_) | Form::Either(_) | Form::Nothing => vec![None],
        }
    }

    /// Every text at this level: the items of a list, and all alternatives.
    pub fn leaves(&self) -> Vec<(&Resolved, &str)> {
        match &self.form {
            Form::Text(text) => vec![(self, text)],
            Form::List(items) | Form::Either(items) => items.iter().flat_map(Self::leaves).collect(),
            Form::Map(_) | Form::Nothing => Vec::new(),
        }
    }

    /// The items of a list, in each of its forms.
    pub fn items(&self) -> Vec<&Resolved> {
        match &self.form {
            Form::List(items) | Form::Either(items) => items.iter().flat_map(Self::items).collect(),
            Form::Nothing => Vec::new(),
            Form::Text(_) | Form::Map(_) => vec![self],
        }
    }

    /// Whether it exists, whatever the conditions are.
    pub fn is_given(&self) -> bool {
        match &self.form {
            Form::Text(text) => !text.is_empty(),
            Form::List(items) => items.iter().any(Self::is_given),
            Form::Map(entries) => !entries.is_empty(),
            Form::Either(forms) => forms.iter().all(Self::is_given),
            Form::Nothing => false,
        }
    }

    pub(super) fn flat(&self) -> String {
        match &self.form {
            Form::Text(text) => text.clone(),
            Form::Nothing => String::new(),
            Form::List(_) | Form::Map(_) | Form::Either(_) => {
                let later = self
                    .items()
                    .iter()
                    .any(|item| matches!(&item.form, Form::Text(text) if text.contains(LATER)));
                if later { LATER } else { OPEN }.into()
            }
        }
    }
}

/// The longest text that functions may produce, in bytes. No property accepts more.
pub(super) const LONGEST: usize = 1 << 16;

/// A text from outside, without markers. A dynamic reference is open, since CloudFormation looks it
/// up.
pub(super) fn literal(text: &str) -> String {
    let mut text = if text.contains(MARKERS) { text.replace(MARKERS, "\u{fffd}") } else { text.to_owned() };
    if text.contains("{{resolve:") {
        text.push(OPEN);
    }
    text
}

/// The marker for a value that depends on this text.
pub(super) fn marker_of(text: &str) -> char {
    match knowledge(text) {
        Knowledge::Later => LATER,
        Knowledge::Own => OWN,
        Knowledge::Named => NAMED,
        Knowledge::Open | Knowledge::Known => OPEN,
    }
}

/// Whether the whole text is a reference to the stack or the sandbox.
pub(super) fn is_a_reference(text: &str) -> bool {
    let mut chars = text.chars();
    matches!((chars.next(), chars.next()), (Some(OWN | NAMED), None))
}

/// Reads a plain scalar as CloudFormation does, which reads YAML 1.1: `yes`, `no`, `on` and `off` are
/// truth values (YAML 1.1, "Boolean Language-Independent Type"; `y` and `n` are texts there). `None` for
/// a number that YAML 1.1 and 1.2 may read differently.
pub(super) fn plain(text: &str) -> Option<&str> {
    const TRUE: [&str; 9] = ["true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"];
    const FALSE: [&str; 9] = ["false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"];
    if TRUE.contains(&text) {
        return Some("true");
    }
    if FALSE.contains(&text) {
        return Some("false");
    }
    // YAML 1.1's infinities and its not-a-number.
    if text
        .trim_start_matches(['-', '+'])
        .strip_prefix('.')
        .is_some_and(|word| word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("nan"))
    {
        return None;
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = digits.strip_prefix('.').unwrap_or(digits).starts_with(|c: char| c.is_ascii_digit())
        && (["0x", "0o", "0b"].iter().any(|start| digits.starts_with(start))
            || digits.bytes().all(|b| b.is_ascii_digit() || b"_:.eE+-".contains(&b)));
    (!is_number || reads_alike(text)).then_some(text)
}

/// Whether a number is printed as it is written: `80`, `-1`, `0.5`, and not `010`, `0x50`, `5.70`, `-0`,
/// nor what a double holds in part only or prints with an exponent (`0.0001`, `12345678.5`). Texts such
/// as dates, versions and addresses are no numbers.
fn reads_alike(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let parts: Vec<&str> = digits.split('.').collect();
    match parts.as_slice() {
        [one] if whole(one) => text != "-0",
        [one, rest] if whole(one) => {
            rest.bytes().all(|b| b.is_ascii_digit())
                && !rest.is_empty()
                && !rest.ends_with('0')
                && one.len() < 8
                && one.len() + rest.len() <= 15
                && (*one != "0" || !rest.starts_with("000"))
        }
        [_, _, _, ..] => !digits.contains([':', '_']),
        [one] => one.contains('-') && !one.contains([':', '_', 'x', 'o', 'b']),
        _ => false,
    }
}

/// A text for people, with `…` for the unknown parts.
pub fn shown(text: &str) -> String {
    text.replace(MARKERS, "…")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that a double does not hold, or prints with an exponent, is open.
    #[test]
    fn numbers_that_are_printed_otherwise_are_open() {
        for text in ["-0", "0.00001", "12345678.5", "1.0000000000000000001", ".inf", "-.Inf", ".NaN", "010"] {
            assert_eq!(plain(text), None, "{text}");
        }
        for text in ["0", "80", "-1", "0.5", "0.001", "2010-09-09", "1.2.3", "inf", ".info"] {
            assert_eq!(plain(text), Some(text), "{text}");
        }
    }
}
