//! The text of a file, and positions in it.

use std::sync::Arc;

/// A range of bytes in a source's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// A line and a column, both counted from 1. Columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// A file's text, with the name that diagnostics show. Texts of further files may follow it: those
/// that a playbook extends. A span then says in which file it is.
#[derive(Debug, Clone)]
pub struct Source {
    pub name: Arc<str>,
    pub text: Arc<str>,
    /// Orders the diagnostics of several files. Lower ranks come first.
    pub rank: u16,
    /// The byte at which each line starts.
    lines: Vec<usize>,
    /// The further files: the byte at which each starts, and its name.
    parts: Vec<(usize, Arc<str>)>,
}

/// A place in one of a source's files, for a message.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    pub file: Arc<str>,
    /// Counts the files of a source from 0.
    pub part: u16,
    pub position: Position,
    pub line: &'a str,
}

impl Source {
    pub fn new(name: &str, text: &str, rank: u16) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
        let lines = std::iter::once(0).chain(starts).collect();
        Self { name: name.into(), text: text.into(), rank, lines, parts: Vec::new() }
    }

    /// Adds the text of a further file. Returns by how much the spans in it are moved.
    pub fn append(&mut self, name: &str, text: &str) -> usize {
        // A part begins on a line of its own.
        let whole = format!("{}\n", self.text);
        let start = whole.len();
        let parts = std::mem::take(&mut self.parts);
        *self = Self::new(&self.name, &(whole + text), self.rank);
        self.parts = parts;
        self.parts.push((start, name.into()));
        start
    }

    /// The file of a byte, and its place in that file.
    pub fn place(&self, byte: usize) -> Place<'_> {
        let part = self.parts.partition_point(|(start, _)| *start <= byte);
        let position = self.position(byte);
        let line = self.line(position.line);
        let (file, before) = match part.checked_sub(1).and_then(|at| self.parts.get(at)) {
            Some((start, name)) => (name, self.position(*start).line - 1),
            None => (&self.name, 0),
        };
        Place {
            file: Arc::clone(file),
            part: u16::try_from(part).unwrap_or(u16::MAX),
            position: Position { line: position.line - before, column: position.column },
            line,
        }
    }

    /// The position of a byte. A byte past the end has the position of the end.
    pub fn position(&self, byte: usize) -> Position {
        let byte = floor_char(&self.text, byte);
        let line = self.lines.partition_point(|start| *start <= byte).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..byte).unwrap_or("");
        let before = if start == 0 { before.trim_start_matches('\u{feff}') } else { before };
        Position { line, column: before.chars().count() + 1 }
    }

    /// The text of a line (counted from 1) without its line break.
    pub fn line(&self, line: usize) -> &str {
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        let end = self.lines.get(line).copied().unwrap_or(self.text.len());
        let text = self.text.get(start..end).unwrap_or("").trim_end_matches(['\n', '\r']);
        if start == 0 { text.trim_start_matches('\u{feff}') } else { text }
    }

    /// The text of a range.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(floor_char(&self.text, span.start)..floor_char(&self.text, span.end)).unwrap_or("")
    }
}

/// The nearest start of a character at or before `byte`.
fn floor_char(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_says_in_which_file_it_is() {
        let mut source = Source::new("a", "x: 1\ny: 2", 0);
        let (b, c) = (source.append("b", "z: 3\nlong: 4\n"), source.append("c", "w: 5"));
        let at = |byte: usize| {
            let place = source.place(byte);
            (place.file.to_string(), place.position.line, place.position.column, place.line.to_owned())
        };
        assert_eq!(at(5), ("a".into(), 2, 1, "y: 2".into()));
        assert_eq!(at(b), ("b".into(), 1, 1, "z: 3".into()));
        assert_eq!(at(b + 11), ("b".into(), 2, 7, "long: 4".into()));
        assert_eq!(at(c + 3), ("c".into(), 1, 4, "w: 5".into()));
        assert_eq!(source.slice(Span::new(c, c + 1)), "w");
    }

    #[test]
    fn columns_count_characters_and_lines_end_anyhow() {
        let source = Source::new("f", "\u{feff}é: 1\r\nb: 2\n", 0);
        let at = |byte| (source.position(byte).line, source.position(byte).column);
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(3), (1, 1));
        assert_eq!(at(5), (1, 2));
        assert_eq!(at(10), (2, 1));
        assert_eq!(at(999), (3, 1));
        assert_eq!(
            (source.line(1), source.line(2), source.line(3), source.line(9)),
            ("é: 1", "b: 2", "", "")
        );
    }
}
