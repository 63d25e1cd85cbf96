//! Comments that speak to the program: `# drillmaster: ignore RULE because …`.

use super::node::{Node, Value};
use super::source::{Source, Span};

/// The word that such a comment begins with.
pub const WORD: &str = "drillmaster:";

/// One comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive<'a> {
    /// What follows the word, to the end of the line.
    pub text: &'a str,
    pub span: Span,
}

/// All such comments of a document. What stands in a text is no comment: a script may hold anything.
pub fn directives<'a>(source: &'a Source, root: &Node) -> Vec<Directive<'a>> {
    let text: &str = &source.text;
    let mut found = Vec::new();
    for (at, _) in text.match_indices(WORD) {
        let before = text.get(..at).unwrap_or("").trim_end_matches([' ', '\t']);
        let Some(before) = before.strip_suffix('#') else { continue };
        if !(before.is_empty() || before.ends_with([' ', '\t', '\n', '\u{feff}'])) {
            continue;
        }
        let rest = text.get(at + WORD.len()..).unwrap_or("");
        let line = rest.lines().next().unwrap_or("").trim_end();
        let span = Span::new(before.len(), at + WORD.len() + line.len());
        if !is_in_a_text(root, span.start) {
            found.push(Directive { text: line.trim(), span });
        }
    }
    found
}

/// Whether a byte stands in a text or in a key.
fn is_in_a_text(node: &Node, at: usize) -> bool {
    let holds = |span: Span| span.start <= at && at < span.end;
    match &node.value {
        Value::Str(_) => holds(node.span),
        Value::Seq(items) => items.iter().any(|item| is_in_a_text(item, at)),
        Value::Map(map) => {
            map.entries.iter().any(|entry| holds(entry.key_span) || is_in_a_text(&entry.value, at))
        }
        Value::Null | Value::Broken | Value::Bool(_) | Value::Number(..) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_comments_speak() {
        let text = "# drillmaster: ignore a because b\n\
                    x: 1 #drillmaster:   ignore c  \n\
                    y: \"# drillmaster: ignore d\"\n\
                    z: |\n  echo\n  # drillmaster: ignore e\n  echo\n\
                    # drillmaster is a program\n\
                    w: a#drillmaster:f\n\
                    # see # drillmaster:\n";
        let source = Source::new("f", text, 0);
        let (root, _) = crate::parse(&source);
        let root = root.unwrap();
        let found = directives(&source, &root);
        let texts: Vec<&str> = found.iter().map(|directive| directive.text).collect();
        assert_eq!(texts, ["ignore a because b", "ignore c", ""]);
        assert_eq!(source.place(found[1].span.start).position.line, 2);
    }
}
