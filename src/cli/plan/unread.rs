//! What `discover` could not read, at the head of a plan and of a matrix.

use std::fmt::Write as _;

use crate::ui::TextStyle;
use crate::ui::text::{Tone, clean};
use estate::file::Incomplete;
use record::report::escape;

const MEANING: &str = "Nothing is known of what lies there: what is unprotected or untouched may be neither.";

/// Nothing, if all was read.
pub fn as_text(incomplete: &[Incomplete], style: TextStyle) -> String {
    let mut text = String::new();
    if incomplete.is_empty() {
        return text;
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", style.paint(Tone::Bad, "Not all of the estate was read"));
    for one in incomplete {
        let _ = writeln!(text, "  {}: {}", clean(&one.place()), clean(&one.why));
    }
    let _ = writeln!(text, "{MEANING}\n");
    text
}

pub fn as_markdown(incomplete: &[Incomplete]) -> String {
    let mut text = String::new();
    if incomplete.is_empty() {
        return text;
    }
    let _ = writeln!(text, "**Not all of the estate was read.** {MEANING}\n");
    for one in incomplete {
        let _ = writeln!(text, "- {}: {}", escape::markdown(&one.place()), escape::markdown(&one.why));
    }
    text.push('\n');
    text
}

/// One sentence for a page.
pub fn sentence(incomplete: &[Incomplete]) -> Option<String> {
    let told = estate::incomplete::told(incomplete)?;
    let mut letters = told.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    Some(format!("{first}{}. {MEANING}", letters.as_str()))
}
