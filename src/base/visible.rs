//! Text for people. What hides or turns text around is shown as an escape, and no text from outside
//! becomes a command of a CI's runner.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character is invisible, changes the reading order, or controls a terminal.
pub fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// Joiners are part of emoji and of some scripts. Next to ASCII they only hide.
pub fn joins(before: Option<char>, c: char, next: Option<char>) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
        && before.is_some_and(|before| !before.is_ascii())
        && next.is_some_and(|next| !next.is_ascii())
}

/// What a text is written as. It decides on the form of an escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Lines for people. `colour`: the program's own colours pass.
    Text {
        colour: bool,
    },
    /// Lines that are commands of the runner, made by the program.
    Commands,
    Json,
    /// HTML, XML or Markdown.
    Markup,
}

impl Form {
    fn escape(self, c: char, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Text { .. } | Self::Commands => write!(out, "{}", c.escape_unicode()),
            Self::Json => {
                c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"))
            }
            Self::Markup => write!(out, "&#{};", u32::from(c)),
        };
    }
}

/// A text that is safe to print.
pub fn printed(text: &str, form: Form) -> Cow<'_, str> {
    let harmless = |c: char| c == '\n' || c == '\t' || !hides(c);
    if text.chars().all(harmless) && !text.contains("##") && !text.contains("::") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let (mut at, mut before, mut at_start) = (0, None, true);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(c) = rest.chars().next() else { break };
        let next = rest.chars().nth(1);
        at += c.len_utf8();
        match c {
            '\n' => at_start = true,
            '\r' if next == Some('\n') => continue,
            '\u{1b}' if let Some(colour) = own_colour(rest, form) => {
                out.push_str(colour);
                at += colour.len() - 1;
                continue;
            }
            // The second of two characters is escaped. So the text can still be read.
            '#' if is_command(rest) => {
                out.push('#');
                form.escape('#', &mut out);
                at += 1;
                at_start = false;
                continue;
            }
            ':' if at_start && next == Some(':') && matches!(form, Form::Text { .. } | Form::Markup) => {
                out.push(':');
                form.escape(':', &mut out);
                at += 1;
                at_start = false;
                continue;
            }
            _ => at_start &= c.is_whitespace() || hides(c),
        }
        let kept = matches!(c, '\n' | '\t') || !hides(c) || joins(before, c, next);
        if kept {
            out.push(c);
        } else {
            form.escape(c, &mut out);
        }
        before = Some(c);
    }
    Cow::Owned(out)
}

/// Whether a text begins like `##[error]`, `##vso[…]` or `##teamcity[…]`. Runners look for these
/// anywhere in a line.
fn is_command(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("##") else { return false };
    rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .starts_with('[')
}

/// The escape sequence of a colour at the beginning of a text, if it is one that the program itself
/// prints. None of these hides a text.
fn own_colour(text: &str, form: Form) -> Option<&str> {
    if form != (Form::Text { colour: true }) {
        return None;
    }
    let inner = text.strip_prefix("\u{1b}[")?;
    let end = inner.find('m')?;
    let known = |code: &str| {
        matches!(code, "" | "0" | "1" | "2" | "4" | "22" | "24" | "31" | "32" | "33" | "34" | "36" | "39")
    };
    inner.get(..end)?.split(';').all(known).then(|| text.get(..end + 3)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Form = Form::Text { colour: false };

    #[test]
    fn no_text_commands_a_runner() {
        for (text, told) in [
            ("::error::x", ":\\u{3a}error::x"),
            ("a\n  ::stop-commands::x", "a\n  :\\u{3a}stop-commands::x"),
            ("std::io and a ::b", "std::io and a ::b"),
            ("none ##vso[task.complete]", "none #\\u{23}vso[task.complete]"),
            ("##[error]", "#\\u{23}[error]"),
            ("###teamcity[x]", "##\\u{23}teamcity[x]"),
            ("## Heading [a]", "## Heading [a]"),
            ("\u{202e}::error::", "\\u{202e}:\\u{3a}error::"),
        ] {
            assert_eq!(printed(text, PLAIN), told);
        }
        assert_eq!(printed("::error file=a::##vso[x]", Form::Commands), "::error file=a::#\\u{23}vso[x]");
        assert_eq!(printed("##[x] ::", Form::Markup), "#&#35;[x] ::");
    }

    #[test]
    fn what_hides_or_turns_text_is_shown() {
        assert_eq!(printed("a\u{202e}b\u{9b}2Jc\u{1b}[2J\r\n", PLAIN), "a\\u{202e}b\\u{9b}2Jc\\u{1b}[2J\n");
        assert_eq!(printed("👩\u{200d}🚒 x\u{200d}y", PLAIN), "👩\u{200d}🚒 x\\u{200d}y");
        let colour = Form::Text { colour: true };
        assert_eq!(printed("\u{1b}[1;31mred\u{1b}[0m", colour), "\u{1b}[1;31mred\u{1b}[0m");
        assert_eq!(printed("\u{1b}[8mhidden", colour), "\\u{1b}[8mhidden");
        assert_eq!(printed("\u{1b}[1m::error::", colour), "\u{1b}[1m:\\u{3a}error::");
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({ "a": "##vso[x]\u{202e}\u{7f}\u{e0041}", "::b": ["::c"] });
        for text in [value.to_string(), format!("{value:#}")] {
            let told = printed(&text, Form::Json);
            assert!(!told.contains("##vso[") && !told.chars().any(|c| c != '\n' && hides(c)), "{told}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&told).ok().as_ref(), Some(&value));
        }
    }
}
