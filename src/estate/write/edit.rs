//! Edits of a text by the positions of its nodes. What no edit names keeps its bytes.

use std::collections::BTreeSet;

use yaml::{Entry, Node, Source, Span, Value};

/// Edits of one text. Each replaces a range.
pub struct Edits<'a> {
    text: &'a str,
    newline: &'static str,
    list: Vec<(Span, String)>,
}

/// A mapping or a list, with the ranges of its parts.
pub struct Collection<'a> {
    text: &'a str,
    span: Span,
    style: Style,
    parts: Vec<Span>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `{ … }` or `[ … ]`.
    Flow,
    /// Each part begins a line. `dash`: with `- `.
    Block { dash: bool },
    /// `*name`, which stands for a value elsewhere.
    Alias,
}

/// Where a new part goes, among those that the text has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    First,
    After(usize),
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// The end of the line, before its line break.
fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let end = rest.find('\n').map_or(text.len(), |newline| at + newline);
    if text.get(..end).is_some_and(|before| before.ends_with('\r')) && end > at { end - 1 } else { end }
}

/// The start of the next line.
fn next_line(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// The white space before `at` in its line. `None`: something else stands there.
fn indent(text: &str, at: usize) -> Option<&str> {
    let before = text.get(line_start(text, at)..at)?.trim_start_matches('\u{feff}');
    before.chars().all(|c| c == ' ').then_some(before)
}

impl<'a> Edits<'a> {
    pub fn new(source: &'a Source) -> Self {
        let newline = if source.text.contains("\r\n") { "\r\n" } else { "\n" };
        Self { text: &source.text, newline, list: Vec::new() }
    }

    fn replace(&mut self, start: usize, end: usize, text: impl Into<String>) {
        self.list.push((Span::new(start, end), text.into()));
    }

    /// Inserts whole lines at the start of a line, or at the end of the text.
    fn insert_lines(&mut self, at: usize, lines: &str) {
        let ends = at == 0 || self.text.get(..at).is_some_and(|before| before.ends_with('\n'));
        let lines = if ends { lines.to_owned() } else { format!("{}{lines}", self.newline) };
        self.replace(at, at, lines);
    }

    /// Gives a key another value.
    pub fn set(&mut self, entry: &Entry, text: &str) {
        let Span { start, end } = entry.value.span;
        if matches!(entry.value.value, Value::Null) && start == end {
            self.replace(start, end, format!(" {text}"));
        } else {
            self.replace(start, end, text);
        }
    }

    /// The edited text. `None` if two edits meet.
    pub fn apply(mut self) -> Option<String> {
        self.list.sort_by_key(|(span, _)| *span);
        let (mut out, mut at) = (String::with_capacity(self.text.len()), 0);
        for (span, text) in &self.list {
            out.push_str(self.text.get(at..span.start).filter(|_| span.start >= at)?);
            out.push_str(text);
            at = span.end;
        }
        out.push_str(self.text.get(at..)?);
        Some(out)
    }
}

impl<'a> Collection<'a> {
    pub fn of(source: &'a Source, node: &Node) -> Self {
        let text: &str = &source.text;
        // A list without indentation begins where its first item does.
        let style = match (text.as_bytes().get(node.span.start), &node.value) {
            (Some(b'['), Value::Seq(_)) | (Some(b'{'), Value::Map(_)) => Style::Flow,
            (Some(b'*'), _) => Style::Alias,
            (_, Value::Seq(_)) => Style::Block { dash: true },
            _ => Style::Block { dash: false },
        };
        let parts = match &node.value {
            Value::Map(map) => {
                let own = map.entries.iter();
                own.map(|entry| Span::new(entry.key_span.start, entry.value.span.end.max(entry.key_span.end)))
                    .collect()
            }
            Value::Seq(items) if style == (Style::Block { dash: true }) => {
                let mut after = node.span.start;
                let part = |item: &Node| {
                    let start = dash(text, after, item.span.start);
                    after = item.span.end;
                    Span::new(start, item.span.end)
                };
                items.iter().map(part).collect()
            }
            Value::Seq(items) => items.iter().map(|item| item.span).collect(),
            Value::Null | Value::Broken | Value::Bool(_) | Value::Number(..) | Value::Str(_) => Vec::new(),
        };
        Self { text, span: node.span, style, parts }
    }

    pub fn is_alias(&self) -> bool {
        self.style == Style::Alias
    }

    /// Removes parts. Comments before them stay.
    pub fn remove(&self, edits: &mut Edits<'_>, gone: &BTreeSet<usize>) {
        let mut is_first = true;
        for (index, part) in self.parts.iter().enumerate() {
            if !gone.contains(&index) {
                is_first = false;
                continue;
            }
            let (previous, next) =
                (index.checked_sub(1).and_then(|i| self.parts.get(i)), self.parts.get(index + 1));
            match (self.style, indent(self.text, part.start), previous, next) {
                (Style::Alias, ..) => {}
                // The first one goes with its comma. What stands behind the comma stays.
                (Style::Flow, at_start, _, Some(next)) if is_first && self.comma(*part, *next).is_some() => {
                    let after = self.comma(*part, *next).unwrap_or(next.start);
                    match at_start {
                        Some(_) if self.has_own_line(*part) => {
                            edits.replace(
                                line_start(self.text, part.start),
                                next_line(self.text, part.end),
                                "",
                            );
                        }
                        _ if self
                            .text
                            .get(after..next.start)
                            .is_some_and(|gap| gap.contains(['#', '\n'])) =>
                        {
                            edits.replace(part.start, after, "");
                        }
                        _ => edits.replace(part.start, next.start, ""),
                    }
                }
                // A comma before the closing bracket is allowed.
                (Style::Flow, Some(_), ..) if !is_first && self.has_own_line(*part) => {
                    edits.replace(line_start(self.text, part.start), next_line(self.text, part.end), "");
                }
                (Style::Flow, _, Some(previous), _) if !is_first => edits.replace(previous.end, part.end, ""),
                (Style::Block { .. }, Some(_), ..) => {
                    edits.replace(line_start(self.text, part.start), next_line(self.text, part.end), "");
                }
                // The first key of a mapping in a list stands in the line of its dash.
                (Style::Flow | Style::Block { .. }, _, _, Some(next)) => {
                    edits.replace(part.start, next.start, "");
                }
                (Style::Flow | Style::Block { .. }, _, _, None) => edits.replace(part.start, part.end, ""),
            }
        }
    }

    /// Where the comma behind a part ends, if it stands before any comment.
    fn comma(&self, part: Span, next: Span) -> Option<usize> {
        let gap = self.text.get(part.end..next.start)?;
        let before = gap.split('#').next().unwrap_or_default();
        before.find(',').map(|at| part.end + at + 1)
    }

    /// Whether nothing follows a part in its line but a comma and a comment.
    fn has_own_line(&self, part: Span) -> bool {
        let rest = self.text.get(part.end..line_end(self.text, part.end)).unwrap_or_default().trim_start();
        let rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        rest.is_empty() || rest.starts_with('#')
    }

    /// Adds parts after the last one.
    pub fn append(&self, edits: &mut Edits<'_>, added: &[String]) {
        let place = self.parts.len().checked_sub(1).map_or(Place::First, Place::After);
        for text in added {
            self.insert(edits, place, text);
        }
    }

    /// Removes and adds parts of a section. `entry`: the section in the root.
    pub fn change(
        &self,
        edits: &mut Edits<'_>,
        gone: &BTreeSet<usize>,
        added: Vec<(Place, String)>,
        entry: Option<&Entry>,
    ) {
        let nothing_left = gone.len() == self.parts.len();
        match self.style {
            Style::Alias => {}
            Style::Block { .. } if nothing_left && added.is_empty() => {
                self.remove(edits, gone);
                if let Some(colon) = entry.and_then(|entry| self.colon(entry)) {
                    edits.replace(colon, colon, " []");
                }
            }
            Style::Flow if nothing_left => {
                // Such as `resources: []`. The root may be a mapping in braces, or not.
                let block = entry.filter(|entry| indent(self.text, entry.key_span.start) == Some(""));
                let is_list = self.text.as_bytes().get(self.span.start) == Some(&b'[');
                match block.and_then(|entry| self.colon(entry)) {
                    Some(colon) if is_list && !added.is_empty() => {
                        edits.replace(colon, self.span.end, "");
                        let newline = edits.newline;
                        let lines = added.iter().map(|(_, text)| format!("  - {text}{newline}"));
                        edits.insert_lines(next_line(self.text, self.span.end), &lines.collect::<String>());
                    }
                    Some(_) | None => {
                        let parts: Vec<String> = added.into_iter().map(|(_, text)| text).collect();
                        let inside = match (is_list, parts.is_empty()) {
                            (true, _) => format!("[{}]", parts.join(", ")),
                            (false, true) => "{}".to_owned(),
                            (false, false) => format!("{{ {} }}", parts.join(", ")),
                        };
                        edits.replace(self.span.start, self.span.end, inside);
                    }
                }
            }
            Style::Block { .. } | Style::Flow => {
                self.remove(edits, gone);
                for (place, text) in added {
                    // In braces, a part cannot follow one that goes away with its comma.
                    let kept = |at: usize| (0..=at).rev().find(|index| !gone.contains(index));
                    let place = match (self.style, place) {
                        (Style::Flow, Place::After(at)) => kept(at).map_or(Place::First, Place::After),
                        (Style::Flow | Style::Block { .. } | Style::Alias, place) => place,
                    };
                    self.insert(edits, place, &text);
                }
            }
        }
    }

    /// Where the value of a key begins: after its colon.
    fn colon(&self, entry: &Entry) -> Option<usize> {
        let rest = self.text.get(entry.key_span.end..)?;
        rest.find(':').map(|colon| entry.key_span.end + colon + 1)
    }

    fn insert(&self, edits: &mut Edits<'_>, place: Place, text: &str) {
        let newline = edits.newline;
        let dash = if self.style == (Style::Block { dash: true }) { "- " } else { "" };
        let after = match place {
            Place::First => None,
            Place::After(at) => self.parts.get(at),
        };
        match (self.style, after, self.parts.first()) {
            (Style::Alias, ..) | (Style::Flow | Style::Block { .. }, _, None) => {}
            (Style::Flow, Some(part), Some(_)) => {
                let end = line_end(self.text, part.end);
                let rest = self.text.get(part.end..end).unwrap_or_default().trim_start();
                let ends = |rest: &str| rest.trim().is_empty() || rest.trim_start().starts_with('#');
                match (indent(self.text, part.start), rest.strip_prefix(',')) {
                    // One part in each line, perhaps with a comment.
                    (Some(indent), Some(rest)) if ends(rest) => {
                        edits.replace(end, end, format!("{newline}{indent}{text},"));
                    }
                    (Some(indent), None) if ends(rest) => {
                        edits.replace(part.end, part.end, ",");
                        edits.replace(end, end, format!("{newline}{indent}{text}"));
                    }
                    (Some(_) | None, _) => edits.replace(part.end, part.end, format!(", {text}")),
                }
            }
            (Style::Flow, None, Some(first)) => {
                let own_line = indent(self.text, first.start);
                let between = own_line.map_or(" ".to_owned(), |indent| format!("{newline}{indent}"));
                edits.replace(first.start, first.start, format!("{text},{between}"));
            }
            (Style::Block { .. }, Some(part), Some(first)) => {
                let indent = self.column(first.start);
                let line = format!("{indent}{dash}{text}{newline}");
                edits.insert_lines(next_line(self.text, part.end), &line);
            }
            (Style::Block { .. }, None, Some(first)) => {
                let indent = self.column(first.start);
                let at = self.before_comments(first.start);
                edits.insert_lines(at, &format!("{indent}{dash}{text}{newline}"));
            }
        }
    }

    /// White space up to the column of a position.
    fn column(&self, at: usize) -> String {
        let before = self.text.get(line_start(self.text, at)..at).unwrap_or_default();
        " ".repeat(before.trim_start_matches('\u{feff}').chars().count())
    }

    /// The start of the line, or of the comments just above it.
    fn before_comments(&self, at: usize) -> usize {
        let mut start = line_start(self.text, at);
        while start > 0 {
            let above = line_start(self.text, start - 1);
            if !self.text.get(above..start).is_some_and(|line| line.trim_start().starts_with('#')) {
                break;
            }
            start = above;
        }
        start
    }

    /// Adds a section to the root: after its part `before`, or after the last one.
    pub fn insert_section(
        &self,
        edits: &mut Edits<'_>,
        before: Option<usize>,
        key: &str,
        is_list: bool,
        entries: &[String],
    ) {
        let after = before.or(self.parts.len().checked_sub(1));
        let newline = edits.newline;
        match (self.style, after.and_then(|at| self.parts.get(at))) {
            (Style::Block { .. }, Some(part)) => {
                let dash = if is_list { "- " } else { "" };
                let lines = entries.iter().map(|text| format!("  {dash}{text}{newline}"));
                let text = format!("{key}:{newline}{}", lines.collect::<String>());
                edits.insert_lines(next_line(self.text, part.end), &text);
            }
            (Style::Flow | Style::Alias, _) | (Style::Block { .. }, None) => {
                let (open, close) = if is_list { ("[", "]") } else { ("{ ", " }") };
                let text = format!("{key}: {open}{}{close}", entries.join(", "));
                self.insert(edits, after.map_or(Place::First, Place::After), &text);
            }
        }
    }
}

/// The dash of an item that begins at `start`: the first of a line after the item before.
fn dash(text: &str, after: usize, start: usize) -> usize {
    let mut line = line_start(text, start);
    loop {
        let begin = text.get(line..).unwrap_or_default();
        let dash = line + (begin.len() - begin.trim_start_matches([' ', '\u{feff}']).len());
        if text.get(dash..).is_some_and(|rest| rest.starts_with('-')) && dash <= start {
            return dash;
        }
        if line <= after || line == 0 {
            return start;
        }
        line = line_start(text, line - 1);
    }
}
