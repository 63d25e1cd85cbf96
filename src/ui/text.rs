//! Text for terminals. Text from outside cannot move the cursor, and widths are counted in columns,
//! not in bytes.

use std::borrow::Cow;

use console::{Style, measure_text_width};

use base::duration::{Time, seconds_between};
use base::visible::hides;

/// The style of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextStyle {
    pub color: bool,
    /// Characters beyond ASCII may be used.
    pub unicode: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Good,
    Bad,
    Warning,
    Strong,
    Quiet,
}

impl TextStyle {
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let style = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Good => Style::new().green(),
            Tone::Bad => Style::new().red().bold(),
            Tone::Warning => Style::new().yellow(),
            Tone::Strong => Style::new().bold(),
            Tone::Quiet => Style::new().dim(),
        };
        style.force_styling(self.color).apply_to(text).to_string()
    }

    pub fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    /// Cuts the text to `width` columns and adds an ellipsis.
    pub fn truncate(self, text: &str, width: usize) -> Cow<'_, str> {
        let tail = if measure_text_width(self.ellipsis()) > width { "" } else { self.ellipsis() };
        console::truncate_str(text, width, tail)
    }

    /// Cuts a name in its middle. Long names often share their beginning and differ only at their
    /// end.
    pub fn shorten(self, name: &str, columns: usize) -> String {
        let seen = width(name);
        let dots = width(self.ellipsis());
        if seen <= columns || columns < dots + 4 {
            return self.truncate(name, columns).into_owned();
        }
        let tail = (columns - dots) / 2;
        let head = columns - dots - tail;
        let mut end = String::new();
        for c in name.chars().rev() {
            if width(&format!("{c}{end}")) > tail {
                break;
            }
            end.insert(0, c);
        }
        format!("{}{}{end}", console::truncate_str(name, head, ""), self.ellipsis())
    }
}

/// Shows harmful characters as escapes: control characters, and characters that change the reading
/// order.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(hides) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if hides(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Returns the number of terminal columns.
pub fn width(text: &str) -> usize {
    measure_text_width(text)
}

/// Breaks the text at spaces into lines of at most `width` columns. Indents all lines but the first
/// by `indent`.
pub fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    let indent = " ".repeat(indent.min(width / 2));
    let options = textwrap::Options::new(width.max(10))
        .subsequent_indent(&indent)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options).into_iter().map(Cow::into_owned).collect()
}

pub fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(missing))
}

/// Returns the time since T0 (`T+12m05s`), or before T0 the time since the start (`+12m05s`), in
/// whole seconds.
pub fn since(start: Time, t0: Option<Time>, at: Time) -> String {
    let (prefix, from) = match t0 {
        Some(t0) => ("T", t0),
        None => ("", start),
    };
    let seconds = seconds_between(from, at);
    let sign = if seconds < 0.0 { '-' } else { '+' };
    format!("{prefix}{sign}{}", clock(seconds.abs()))
}

/// Returns whole seconds with a fixed number of digits (`5s`, `2m05s`, `1h02m05s`), so that a
/// ticking time keeps its width.
pub fn clock(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, which is good enough"
    )]
    let seconds = seconds.max(0.0) as u64;
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (h, m) {
        (0, 0) => format!("{s}s"),
        (0, m) => format!("{m}m{s:02}s"),
        (h, m) => format!("{h}h{m:02}m{s:02}s"),
    }
}

/// Returns `3 steps` or `1 step`.
pub fn count(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_both_ends() {
        let style = TextStyle { color: false, unicode: true };
        assert_eq!(style.shorten("restore-volume-12", 20), "restore-volume-12");
        assert_eq!(style.shorten("restore-volume-12", 9), "rest…e-12");
        assert_eq!(style.shorten("restore-volume-12", 2), "r…");
        for columns in 0..30 {
            assert!(width(&style.shorten("データベース-restore-データ", columns)) <= columns);
            assert!(width(&TextStyle::default().shorten("データベース-restore-データ", columns)) <= columns);
        }
    }

    #[test]
    fn what_could_move_the_cursor_or_turn_text_round_is_escaped() {
        assert_eq!(clean("a\u{1b}[2Jb\n\t\u{202e}c"), "a\\u{1b}[2Jb\\n\\t\\u{202e}c");
        assert!(matches!(clean("plain ✓ データ"), Cow::Borrowed(_)));
    }

    #[test]
    fn time_counts_from_t0_once_there_is_one() {
        let at = |s| chrono::DateTime::from_timestamp(s, 999_000_000).unwrap_or_default();
        assert_eq!(since(at(0), None, at(65)), "+1m05s");
        assert_eq!(since(at(0), Some(at(60)), at(3665)), "T+1h00m05s");
        assert_eq!(since(at(0), Some(at(60)), at(58)), "T-2s");
    }
}
