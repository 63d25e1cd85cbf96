//! Explains syntax errors to the person who made them.

use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::granit_parser::{ErrorKind as E, ScanError};
use serde_saphyr::{Error, ExternalMessageSource, Location};

use super::diagnostic::Diagnostic;
use super::limits::{DEEPEST, MOST_KEPT, MOST_NODES, MOST_TEXT};
use super::source::{Source, Span};

/// The byte position of a mistake. If an alias repeats the mistake, the position of the alias.
pub fn place(source: &Source, error: &Error) -> usize {
    if let Error::ExternalMessage { source: from, .. } = error
        && let ExternalMessageSource::Parser(error) = &**from
    {
        return error.marker().byte_offset().unwrap_or(source.text.len());
    }
    let byte = |location: Location| {
        let span = location.span();
        let byte = span.byte_offset().and_then(|byte| usize::try_from(byte).ok());
        // Some errors carry only the number of the character.
        let character = usize::try_from(span.offset()).unwrap_or(usize::MAX);
        byte.or_else(|| source.text.char_indices().nth(character).map(|(byte, _)| byte))
    };
    error.locations().and_then(|at| byte(at.reference_location)).unwrap_or(source.text.len())
}

/// The original error, without the layers that aliases have put around it.
fn innermost(error: &Error) -> &Error {
    match error {
        Error::AliasError { error, .. } | Error::WithSnippet { error, .. } => innermost(error),
        error => error,
    }
}

/// The part of the text to replace so that the rest can be read, and its replacement of the same
/// length.
pub fn repair(source: &Source, error: &Error, at: usize) -> Option<(Span, String)> {
    match innermost(error) {
        Error::UnknownAnchor { .. } | Error::RecursiveReferencesRequireWeakTypes { .. } => {
            let alias = alias(source, at)?;
            Some((alias, "x".repeat(alias.end - alias.start)))
        }
        Error::InvalidScalar { .. }
        | Error::InvalidBooleanStrict { .. }
        | Error::TaggedScalarCannotDeserializeIntoString { .. }
        | Error::UnsupportedIncludeForm { .. }
        | Error::UnsupportedTag { .. } => {
            let tag = tag(source, at)?;
            Some((tag, " ".repeat(tag.end - tag.start)))
        }
        _ => None,
    }
}

fn alias(source: &Source, at: usize) -> Option<Span> {
    let text = source.text.get(at..).filter(|text| text.starts_with('*'))?;
    let length = text.find(|c: char| c.is_whitespace() || ",[]{}".contains(c)).unwrap_or(text.len());
    Some(Span::new(at, at + length))
}

/// The tag of a value. It is before or after the value's anchor.
fn tag(source: &Source, value: usize) -> Option<Span> {
    let before = source.text.get(..value)?;
    before.split_whitespace().rev().take(2).find_map(|word| {
        let start = word.as_ptr() as usize - before.as_ptr() as usize;
        word.find('!').map(|n| Span::new(start + n, start + word.len()))
    })
}

pub fn foreign_tag(source: &Source, span: Span, tag: &str) -> Diagnostic {
    source
        .error(span, format!("the tag `{tag}` has no meaning here"))
        .help("remove it; for a text that begins with `!`, use quotes")
}

/// Explains an error that has ended the reading.
pub fn explain(source: &Source, error: &Error, at: usize) -> Diagnostic {
    let next = source.text.get(at..).and_then(|text| text.chars().next()).map_or(1, char::len_utf8);
    let span = alias(source, at).unwrap_or(Span::new(at, at + next));
    let name = source.slice(span);
    let (message, help) = match innermost(error) {
        Error::ExternalMessage { source: from, .. } if let ExternalMessageSource::Parser(error) = &**from => {
            return scan_error(source, error, at);
        }
        Error::UnknownAnchor { .. } => (
            format!("`{name}` refers to an anchor that is not defined before it"),
            format!(
                "write `&{}` before the value that it names, or quote the text: \"{name}\"",
                name.trim_start_matches('*')
            ),
        ),
        Error::RecursiveReferencesRequireWeakTypes { .. } => (
            "this alias is inside the value that it refers to".to_owned(),
            "a value cannot contain itself".to_owned(),
        ),
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            (format!("nested more than {DEEPEST} levels deep"), "nothing here needs more than ten".to_owned())
        }
        Error::Budget { breach, .. } => {
            let most = match breach {
                BudgetBreach::ScalarBytes { .. } | BudgetBreach::RecordedAnchorBytes { .. } => {
                    format!("{} MiB of text", MOST_TEXT >> 20)
                }
                BudgetBreach::RecordedAnchorEvents { .. } => format!("{MOST_KEPT} values under anchors"),
                _ => format!("{MOST_NODES} values"),
            };
            (
                format!(
                    "the file holds more than {most} up to this point, counting an alias each time it is used"
                ),
                "no playbook needs this much: split it, or remove aliases of aliases".to_owned(),
            )
        }
        other => match tag(source, at).filter(|_| repair(source, error, at).is_some()) {
            Some(tag) => return foreign_tag(source, Span::new(at, at + name.len()), source.slice(tag)),
            None => (
                format!(
                    "this is not YAML: {}",
                    other.render_with_formatter(&serde_saphyr::UserMessageFormatter)
                ),
                "put texts with special characters into quotes".to_owned(),
            ),
        },
    };
    source.error(span, message).help(help)
}

fn scan_error(source: &Source, error: &ScanError, byte: usize) -> Diagnostic {
    let byte = last_content(source, byte);
    let span = Span::new(byte, byte + 1);
    if let Some(start) = template_on_line(source, byte) {
        return unquoted_template(source, template(source, start));
    }
    let (message, help) = match error.kind() {
        E::TabNotAllowed | E::TabInBlockIndentation | E::TabInIndentation => {
            ("a tab where YAML needs spaces".to_owned(), "indent with spaces only")
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
            format!("`{open}` is closed with `{close}`"),
            "brackets must match; a text that contains brackets needs quotes",
        ),
        E::MisplacedFlowCollectionEnd => {
            ("a closing bracket without an opening one".to_owned(), "remove it, or put the text into quotes")
        }
        E::UnclosedQuotedScalar => {
            ("nothing closes this quote".to_owned(), "end the text with the same kind of quote")
        }
        E::MappingValueNotAllowed | E::InvalidColonPlacement | E::MappingKeyNotAllowed => (
            "a `:` where no key is allowed".to_owned(),
            "put a text that contains `: ` into quotes; keys of one mapping begin in the same column",
        ),
        E::SimpleKeyExpected | E::InvalidSimpleKey => (
            "a `:` is missing after this key".to_owned(),
            "write `key: value`; a text of several lines needs quotes or `|`",
        ),
        E::ExpectedBlockMappingKey | E::InvalidIndentation | E::ExpectedBlockSequenceEntry => (
            "this line does not fit the indentation of the lines before it".to_owned(),
            "keys of one mapping, and the `-` of one list, begin in the same column",
        ),
        E::BlockSequenceEntryNotAllowed | E::BlockEntryInFlowCollection => (
            "a `-` where no list item is allowed".to_owned(),
            "begin the list on a line of its own; put a text that begins with `- ` into quotes",
        ),
        E::UnexpectedCharacter { character } => {
            (format!("no text can begin with `{}`", character.escape_default()), "put the text into quotes")
        }
        E::UnknownQuotedScalarEscape | E::InvalidQuotedScalarHexEscape | E::InvalidUnicodeEscape => (
            "an unknown escape in a double-quoted text".to_owned(),
            "write a backslash as `\\\\`, or use single quotes, where it has no special meaning",
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

/// The last bracket that opens a collection and is not closed before `byte`. This is a guess, since
/// nothing is parsed.
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

/// Moves an error at the end of the file back to the last character of content.
fn last_content(source: &Source, byte: usize) -> usize {
    if byte < source.text.len() {
        return byte;
    }
    let text = source.text.trim_end();
    text.char_indices().next_back().map_or(0, |(at, _)| at)
}

/// An expression without quotes on the line of `byte` or the line before. YAML reads `{{` as a
/// mapping.
fn template_on_line(source: &Source, byte: usize) -> Option<usize> {
    let line = source.position(byte).line;
    [line, line.saturating_sub(1)].into_iter().filter(|l| *l > 0).find_map(|line| {
        let text = source.line(line);
        let at = text.find("{{")?;
        let before = text.get(..at)?;
        let bare = before.trim_end().ends_with([':', '-', ',', '[']) && !before.contains(['"', '\'']);
        let base = text.as_ptr() as usize - source.text.as_ptr() as usize;
        bare.then_some(base + at)
    })
}

/// The part of the template at `start` that is on the same line.
pub fn template(source: &Source, start: usize) -> Span {
    let text = source.slice(Span::new(start, source.text.len())).lines().next().unwrap_or("");
    let shown = text.split_inclusive("}}").next().unwrap_or(text).trim_end();
    Span::new(start, start + shown.len())
}

pub fn unquoted_template(source: &Source, template: Span) -> Diagnostic {
    let text = source.slice(template);
    let help = if text.ends_with("}}") {
        format!("write it in quotes: \"{text}\"")
    } else {
        "put it into quotes: \"{{ params.name }}\"".to_owned()
    };
    source.error(template, "an expression without quotes: to YAML, `{` begins a mapping").help(help)
}
