//! Lines of text, and the rules of a topic: for the terminal and for the page.

use std::fmt::Write as _;

use base::explanation::{Explanation, Topic};

/// The rules of one topic, in their order.
pub fn of(topic: Topic, all: &[Explanation]) -> impl Iterator<Item = &Explanation> {
    all.iter().filter(move |rule| rule.topic == topic)
}

/// Adds lines that were wrapped, each after `indent` blanks.
pub fn lines(text: &mut String, wrapped: &[String], indent: usize) {
    for part in wrapped {
        line(text, &format!("{}{part}", " ".repeat(indent)));
    }
}

/// Adds one line.
pub fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}
