//! The lines and tables of a plan as text.

use std::fmt::Write as _;

use crate::ui::TextStyle;
use crate::ui::text::{Tone, clean, pad, width};

pub fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", line.trim_end());
}

pub fn heading(text: &mut String, style: TextStyle, title: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    line(text, &style.paint(Tone::Strong, title));
}

/// The first items under a title. Of a discovered estate a loss may take thousands.
pub fn list(text: &mut String, title: &str, items: &[String]) {
    const NAMED: usize = 20;
    if items.is_empty() {
        return;
    }
    line(text, &format!("{title}:"));
    for item in items.iter().take(NAMED) {
        line(text, &format!("  {}", clean(item)));
    }
    if let Some(more) = items.len().checked_sub(NAMED).filter(|more| *more > 0) {
        line(text, &format!("  and {more} more (`--output json` lists all)"));
    }
}

pub fn table(text: &mut String, rows: &[impl AsRef<[String]>]) {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (index, cell) in row.as_ref().iter().enumerate() {
            match widths.get_mut(index) {
                Some(known) => *known = (*known).max(width(cell)),
                None => widths.push(width(cell)),
            }
        }
    }
    for row in rows {
        let cells: Vec<String> = row.as_ref().iter().zip(&widths).map(|(cell, w)| pad(cell, *w)).collect();
        line(text, &format!("  {}", cells.join("  ")));
    }
}
