//! Diagnostics: what is wrong, where, and what to write instead.

use std::fmt::Write as _;
use std::sync::Arc;

use base::visible::hides;
use serde::Serialize;

use super::source::{Source, Span};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    #[serde(serialize_with = "as_text")]
    pub file: Arc<str>,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The source line (a part of it if it is long), the column of the first mark under it, and the
    /// number of marks.
    #[serde(skip)]
    snippet: (String, usize, usize),
    /// The rank of the source and the part of it, which order diagnostics of several files.
    #[serde(skip)]
    rank: (u16, u16),
}

fn as_text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// Makes a message safe and short. Messages quote the file, which may hold anything. Control
/// characters become spaces, and a text that is too long loses its middle.
fn tidy(text: &str) -> String {
    const LONGEST: usize = 1000;
    let length = text.chars().count();
    if length <= LONGEST {
        return text.chars().map(shown).collect();
    }
    let half = LONGEST / 2;
    let (start, end): (String, String) =
        (text.chars().take(half).map(shown).collect(), text.chars().skip(length - half).map(shown).collect());
    format!("{start} … {end}")
}

/// The longest line that is shown whole, in characters. A longer line is cut around the column.
const WIDEST: usize = 140;
/// How many characters of a cut line stay before the column.
const LEAD: usize = 40;

impl Source {
    pub fn error(&self, span: Span, message: impl Into<String>) -> Diagnostic {
        self.diagnostic(Severity::Error, span, &message.into())
    }

    pub fn warning(&self, span: Span, message: impl Into<String>) -> Diagnostic {
        self.diagnostic(Severity::Warning, span, &message.into())
    }

    fn diagnostic(&self, severity: Severity, span: Span, message: &str) -> Diagnostic {
        let super::source::Place { file, part, position: at, line } = self.place(span.start);
        let marked = self.slice(span).lines().next().unwrap_or("").trim_end().chars().count().max(1);
        let snippet = cut(line, at.column, marked);
        Diagnostic {
            severity,
            file,
            line: at.line,
            column: at.column,
            message: tidy(message),
            help: None,
            snippet,
            rank: (self.rank, part),
        }
    }
}

/// The part of a line to show, with the place and the number of the marks under it. Control
/// characters become spaces, and other characters that hide become escapes. So the marks are
/// aligned, and no terminal turns the line around.
fn cut(line: &str, column: usize, marked: usize) -> (String, usize, usize) {
    let skipped = if column > WIDEST - LEAD { column - 1 - LEAD } else { 0 };
    let mut rest = line.chars().skip(skipped);
    let part: Vec<String> = rest.by_ref().take(WIDEST).map(shown).collect();
    let more = rest.next().is_some();
    let width = |from: usize, to: usize| -> usize {
        let part = part.get(from.min(part.len())..to.min(part.len())).unwrap_or_default();
        part.iter().map(|c| c.chars().count()).sum()
    };
    let begin = column - 1 - skipped;
    // A mark past the end of the line stays there.
    let mut start = width(0, begin) + begin.saturating_sub(part.len());
    let marks = width(begin, begin + marked).max(1);
    let mut text = part.concat();
    if skipped > 0 {
        text.insert(0, '…');
        start += 1;
    }
    if more {
        text.push('…');
    }
    (text, start, marks)
}

/// A character as it is shown.
fn shown(c: char) -> String {
    match c {
        c if c.is_control() => " ".to_owned(),
        c if hides(c) => c.escape_unicode().to_string(),
        c => c.to_string(),
    }
}

impl Diagnostic {
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(tidy(&help.into()));
        self
    }

    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.map(|help| tidy(&help));
        self
    }

    /// Leaves the source line out, since it may be a secret.
    #[must_use]
    pub fn without_line(mut self) -> Self {
        self.snippet = Default::default();
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// `file:line:column: error: message`, the line with marks under it, and `help: …`.
    pub fn render(&self, colour: bool) -> String {
        let (word, paint) = match self.severity {
            Severity::Error => ("error", "\x1b[1;31m"),
            Severity::Warning => ("warning", "\x1b[1;33m"),
        };
        let (paint, bold, dim, plain) =
            if colour { (paint, "\x1b[1m", "\x1b[34m", "\x1b[0m") } else { ("", "", "", "") };
        let mut out = format!(
            "{bold}{}:{}:{}:{plain} {paint}{word}:{plain} {bold}{}{plain}\n",
            self.file, self.line, self.column, self.message
        );
        let (text, start, marked) = &self.snippet;
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let space = " ".repeat(*start);
        let marks = "^".repeat(*marked);
        // An empty line is not shown. The diagnostic is about the whole file or its end.
        if !text.trim().is_empty() {
            let _ = writeln!(out, " {dim}{number} |{plain} {text}");
            let _ = writeln!(out, " {dim}{gutter} |{plain} {space}{paint}{marks}{plain}");
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, " {gutter} {bold}help:{plain} {help}");
        }
        out
    }
}

/// A list of diagnostics.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    pub fn extend(&mut self, more: Self) {
        self.list.extend(more.list);
    }

    pub fn has_errors(&self) -> bool {
        self.list.iter().any(Diagnostic::is_error)
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// The number of errors and the number of warnings.
    pub fn count(&self) -> (usize, usize) {
        let errors = self.list.iter().filter(|d| d.is_error()).count();
        (errors, self.list.len() - errors)
    }

    /// Orders by file, position and severity, and drops duplicates.
    pub fn sort(&mut self) {
        self.list.sort_by(|a, b| {
            let key = |d: &Diagnostic| (d.rank, d.line, d.column, d.severity);
            key(a).cmp(&key(b)).then_with(|| a.file.cmp(&b.file)).then_with(|| a.message.cmp(&b.message))
        });
        self.list.dedup_by(|a, b| {
            a.file == b.file && a.line == b.line && a.column == b.column && a.message == b.message
        });
    }

    pub fn render(&self, colour: bool) -> String {
        let parts: Vec<String> = self.list.iter().map(|d| d.render(colour)).collect();
        parts.join("\n")
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

/// `did you mean …?` if the name resembles a known one, otherwise a list of the known ones.
pub fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>, what: &str) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(near) = nearest(name, known.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    match known.as_slice() {
        [] => None,
        [one] => Some(format!("the only {what} is `{one}`")),
        several if several.len() <= 20 => Some(format!("known {what}s: {}", list(several))),
        several => Some(format!("there are {} {what}s, from {}", several.len(), list(several.get(..5)?))),
    }
}

/// The known name that is nearest to a mistyped one, if any is near enough.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = name.to_lowercase();
    let length = folded.chars().count();
    // A third of the letters may be wrong. Transposed letters count once.
    let most = (length / 3).clamp(1, 4);
    known
        .into_iter()
        // The distance is at least the difference in length. This filter is cheap, and lists can be
        // long.
        .filter(|other| other.len().abs_diff(folded.len()) <= most && *other != name)
        .map(|other| (strsim::damerau_levenshtein(&folded, &other.to_lowercase()), other))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// `` `a`, `b`, `c` ``
pub fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_shows_its_line_with_marks() {
        let source = Source::new("p.yaml", "name: x\nlsoe: { region: r }\n", 0);
        let text =
            source.error(Span::new(8, 12), "unknown key `lsoe`").help("did you mean `lose`?").render(false);
        assert_eq!(
            text,
            "p.yaml:2:1: error: unknown key `lsoe`\n 2 | lsoe: { region: r }\n   | ^^^^\n   help: did you mean `lose`?\n"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_column() {
        let line = format!("{}HERE{}", "a".repeat(500_000), "b".repeat(500_000));
        let source = Source::new("p", &line, 0);
        let text = source.error(Span::new(500_000, 500_004), "m").render(false);
        assert!(text.len() < 1000, "{}", text.len());
        let lines: Vec<&str> = text.lines().collect();
        let column = |line: &str, what: &str| line.find(what).map(|b| line[..b].chars().count());
        assert_eq!(column(lines[1], "HERE"), column(lines[2], "^^^^"), "{text}");
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("wokload", ["workload", "with"]), Some("workload"));
        assert_eq!(nearest("NEEDS", ["needs"]), Some("needs"));
        assert_eq!(nearest("xyz", ["needs"]), None);
        assert_eq!(nearest("ab", ["db"]), Some("db"));
    }
}
