//! What a syntax error means to the person who made it.

use granit_parser::{ErrorKind as E, ScanError};

use super::diagnostic::Diagnostic;
use super::source::{Source, Span};

pub fn explain(source: &Source, error: &ScanError) -> Diagnostic {
    let byte = error.marker().byte_offset().unwrap_or(source.text.len());
    let byte = last_content(source, byte);
    let span = Span::new(byte, byte + 1);
    if let Some(template) = template_on_line(source, byte) {
        return unquoted_template(source, template);
    }
    let (message, help) = match error.kind() {
        E::TabNotAllowed | E::TabInBlockIndentation | E::TabInIndentation => {
            ("a tab where YAML wants spaces".to_owned(), "indent with spaces only")
        }
        E::UnexpectedEofFlowSequence
        | E::ExpectedFlowSequenceSeparator
        | E::UnexpectedEofFlowMapping
        | E::UnexpectedEofImplicitFlowMapping
        | E::ExpectedFlowMappingSeparator => (
            "a comma or a closing bracket is missing before this".to_owned(),
            "a text with a comma, a bracket or `: ` in it needs quotes",
        ),
        E::UnclosedFlowCollection { open } => {
            (format!("nothing closes this `{open}`"), "close it; a text that contains brackets needs quotes")
        }
        E::MismatchedFlowCollectionEnd { open, close } => (
            format!("`{close}` closes what `{open}` has opened"),
            "brackets must match; a text that contains brackets needs quotes",
        ),
        E::MisplacedFlowCollectionEnd => {
            ("a closing bracket that nothing has opened".to_owned(), "remove it, or put the text into quotes")
        }
        E::UnclosedQuotedScalar => {
            ("nothing closes this quote".to_owned(), "end the text with the same kind of quote")
        }
        E::MappingValueNotAllowed | E::InvalidColonPlacement | E::MappingKeyNotAllowed => (
            "a `:` where no key can stand".to_owned(),
            "put a text that contains `: ` into quotes; keys of one mapping begin in the same column",
        ),
        E::SimpleKeyExpected | E::InvalidSimpleKey => (
            "no `:` follows here, where a key must stand".to_owned(),
            "write `key: value`; a text of several lines needs quotes or `|`",
        ),
        E::ExpectedBlockMappingKey | E::InvalidIndentation | E::ExpectedBlockSequenceEntry => (
            "this line does not fit the indentation of those before it".to_owned(),
            "keys of one mapping, and the `-` of one list, begin in the same column",
        ),
        E::BlockSequenceEntryNotAllowed | E::BlockEntryInFlowCollection => (
            "a `-` where no list item can stand".to_owned(),
            "begin the list on a line of its own; put a text that begins with `- ` into quotes",
        ),
        E::UnexpectedCharacter { character } => {
            (format!("no text can begin with `{}`", character.escape_default()), "put the text into quotes")
        }
        E::UnknownQuotedScalarEscape | E::InvalidQuotedScalarHexEscape | E::InvalidUnicodeEscape => (
            "an unknown escape in a double-quoted text".to_owned(),
            "write a backslash as `\\\\`, or use single quotes, in which it means nothing",
        ),
        E::InvalidTrailingSingleQuotedScalar | E::InvalidTrailingDoubleQuotedScalar => (
            "something follows the closing quote".to_owned(),
            "put the whole text into quotes; write a quote inside it as `''` in single or `\\\"` in double quotes",
        ),
        E::RecursionLimitExceeded => {
            ("brackets nested too deep".to_owned(), "nothing here needs more than ten levels")
        }
        other => (format!("this is not YAML: {other}"), "put texts with special characters into quotes"),
    };
    let open = matches!(
        error.kind(),
        E::UnexpectedEofFlowSequence
            | E::ExpectedFlowSequenceSeparator
            | E::UnexpectedEofFlowMapping
            | E::UnexpectedEofImplicitFlowMapping
            | E::ExpectedFlowMappingSeparator
            | E::MappingValueNotAllowed
            | E::InvalidColonPlacement
            | E::BlockEntryInFlowCollection
            | E::UnclosedFlowCollection { .. }
    );
    if let Some((bracket, at)) = open_bracket(source, byte).filter(|_| open) {
        let at = source.position(at);
        return source.error(span, message).help(format!(
            "the `{bracket}` at {}:{} is still open here: close it, or put the text around it into quotes",
            at.line, at.column
        ));
    }
    source.error(span, message).help(help)
}

/// The last bracket that begins a collection and is not closed before `byte`, as far as can be told without parsing.
fn open_bracket(source: &Source, byte: usize) -> Option<(char, usize)> {
    let mut open = Vec::new();
    let mut quote = None;
    let mut before = '\n';
    let mut comment = false;
    for (at, c) in source.text.get(..byte)?.char_indices() {
        match (quote, c) {
            _ if comment => comment = c != '\n',
            (Some(q), c) if q == c && !(q == '"' && before == '\\') => quote = None,
            (None, '#') if before.is_whitespace() => comment = true,
            (None, '"' | '\'') if before.is_whitespace() || "[{,:-".contains(before) => quote = Some(c),
            (None, '[' | '{') if !open.is_empty() || before.is_whitespace() || "[{,".contains(before) => {
                open.push((c, at));
            }
            (None, ']' | '}') => {
                open.pop();
            }
            _ => {}
        }
        before = c;
    }
    open.pop()
}

/// An error that is noticed only at the end of the file is shown after the last thing that stands there.
fn last_content(source: &Source, byte: usize) -> usize {
    if byte < source.text.len() {
        return byte;
    }
    let text = source.text.trim_end();
    text.char_indices().next_back().map_or(0, |(at, _)| at)
}

/// An expression without quotes on the line of `byte` or the one before: YAML takes `{{` for a mapping.
fn template_on_line(source: &Source, byte: usize) -> Option<Span> {
    let line = source.position(byte).line;
    [line, line.saturating_sub(1)].into_iter().filter(|l| *l > 0).find_map(|line| {
        let text = source.line(line);
        let at = text.find("{{")?;
        let before = text.get(..at)?;
        let bare = before.trim_end().ends_with([':', '-', ',', '[']) && !before.contains(['"', '\'']);
        let base = text.as_ptr() as usize - source.text.as_ptr() as usize;
        bare.then(|| Span::new(base + at, base + text.len()))
    })
}

pub fn unquoted_template(source: &Source, span: Span) -> Diagnostic {
    let text = source.slice(span).lines().next().unwrap_or("");
    let shown = text.split_inclusive("}}").next().unwrap_or(text).trim_end();
    let help = if shown.ends_with("}}") {
        format!("write it in quotes: \"{shown}\"")
    } else {
        "put it into quotes: \"{{ params.name }}\"".to_owned()
    };
    source
        .error(
            Span::new(span.start, span.start + shown.len()),
            "an expression without quotes: to YAML, `{` begins a mapping",
        )
        .help(help)
}
