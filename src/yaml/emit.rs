//! Writes values as YAML in flow style: `{ id: "rds:db/orders", size: 200GiB }`.
//!
//! A text is written without quotes only where every version of YAML reads it as a text. Otherwise
//! it is written as a JSON string, which YAML reads too.

use std::fmt::Write as _;

use serde_json::Value as Json;

use base::visible::hides;

/// The longest key that may stand before its `:` without a `?`, in characters (YAML 1.2, 7.4.3). It
/// leaves room for escapes.
const LONGEST_KEY: usize = 1000;

/// Words that some version of YAML reads as something other than a text.
const RESERVED: [&str; 13] =
    ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity", "undefined"];

/// A text as a scalar.
pub fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

fn is_plain(text: &str) -> bool {
    is_word(text) || is_measure(text)
}

/// Letters, digits and `-._`, with a letter at the beginning.
fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
        && !RESERVED.contains(&text.to_ascii_lowercase().as_str())
}

/// A size or a duration, such as `200GiB` or `-1h30m`. Its unit makes it a text.
fn is_measure(text: &str) -> bool {
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    while !rest.is_empty() {
        let Some((whole, tail)) = digits(rest) else { return false };
        let tail = tail.strip_prefix('.').map_or(Some(tail), |tail| digits(tail).map(|(_, tail)| tail));
        let Some(tail) = tail else { return false };
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        // `0b1` and `0B1` are numbers of YAML 1.1.
        let is_unit = matches!(unit, "KiB" | "MiB" | "GiB" | "TiB" | "w" | "d" | "h" | "m" | "s" | "ms")
            || (unit == "B" && tail.is_empty() && whole != "0");
        if !is_unit {
            return false;
        }
        rest = tail;
    }
    text.len() > 1
}

/// The digits at the beginning, and the rest.
fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A text as a JSON string. What hides in a text, or turns it around, is escaped.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        // Writing to a string cannot fail.
        let _ = match c {
            '"' => write!(out, "\\\""),
            '\\' => write!(out, "\\\\"),
            '\n' => write!(out, "\\n"),
            '\t' => write!(out, "\\t"),
            c if hides(c) && u32::from(c) > 0xffff => write!(out, "\\U{:08x}", u32::from(c)),
            c if hides(c) => write!(out, "\\u{:04x}", u32::from(c)),
            c => write!(out, "{c}"),
        };
    }
    out.push('"');
    out
}

/// A key with its value: `app: orders`.
pub fn pair(key: &str, value: &Json) -> String {
    let key = scalar(key);
    let mark = if key.chars().count() > LONGEST_KEY { "? " } else { "" };
    format!("{mark}{key}: {}", flow(value))
}

/// A value in one line.
pub fn flow(value: &Json) -> String {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => value.to_string(),
        Json::String(text) => scalar(text),
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(object) if object.is_empty() => "{}".to_owned(),
        Json::Object(object) => {
            let pairs: Vec<String> = object.iter().map(|(key, value)| pair(key, value)).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    /// What the reader of this crate makes of a value in each place where a value can stand.
    fn read(value: &Json) -> Vec<Json> {
        let texts = [
            format!("a: {}\n", flow(value)),
            format!("a:\n  - {}\n", flow(value)),
            format!("a: {{ b: {}, c: 1 }} # d\n", flow(value)),
        ];
        let pointers = ["/a", "/a/0", "/a/b"];
        let read = texts.iter().zip(pointers).map(|(text, pointer)| {
            let (root, found) = crate::parse(&Source::new("f", text, 0));
            assert!(!found.has_errors(), "{text}\n{}", found.render(false));
            root.unwrap().at_pointer(pointer).to_json()
        });
        read.collect()
    }

    #[test]
    fn what_is_hostile_reads_back_as_it_was() {
        let long = "k".repeat(3000);
        let texts = [
            "",
            " ",
            "~",
            "yes",
            "No",
            "on",
            "y",
            "null",
            "NULL",
            "true",
            "0123",
            "1e3",
            "0x1F",
            "0o17",
            "0b1",
            "0B",
            "1_000",
            "12:30:45",
            ".5",
            "1.",
            ".inf",
            ".NaN",
            "nan",
            "-",
            "--",
            "---",
            "...",
            "- a",
            "? a",
            ": a",
            "a: b",
            "a:",
            "a #b",
            "# a",
            "{a}",
            "[a]",
            "a,b",
            "&a",
            "*a",
            "!a",
            "!!str a",
            "|",
            ">",
            "%a",
            "@a",
            "`a",
            "'a'",
            "\"a\"",
            "\\",
            "\\n",
            "a\nb",
            "a\r\nb",
            "\t",
            " a",
            "a ",
            "é",
            "👩\u{200d}👩",
            "\u{7f}",
            "\u{85}",
            "\u{0}",
            "\u{1b}[31m",
            "\u{feff}",
            "\u{202e}",
            "\u{2028}",
            "\u{fffe}",
            "\u{e0001}",
            "<<",
            "=",
            "2026-01-31",
            "2026-01-31T08:00:00Z",
            "200GiB",
            "-1h30m",
            "1.5TiB",
            "2d",
            "1d2",
            "1dd",
            "111122223333",
            "arn:aws:kms:us-east-1:111122223333:key/a",
            "{{ a }}",
            "a\u{a0}b",
            "\u{10ffff}",
            &long,
        ];
        for text in texts {
            let value = Json::from(text);
            for got in read(&value) {
                assert_eq!(got, value, "{text:?} as {}", flow(&value));
            }
            let object = serde_json::json!({ text: [text, { text: true }], "z": 1 });
            for got in read(&object) {
                assert_eq!(got, object, "{text:?} as {}", flow(&object));
            }
            assert!(!flow(&object).chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
        }
    }

    #[test]
    fn what_is_plain_stays_plain() {
        for text in
            ["orders", "us-east-1", "use1-az1", "200GiB", "1.5TiB", "-1h30m", "90s", "db.t4g.medium", "i-0a1"]
        {
            assert_eq!(scalar(text), text);
        }
        let entry = serde_json::json!({ "id": "rds:db/orders", "account": "111122223333", "az": "use1-az1",
            "size": "200GiB", "tags": { "app": "orders" }, "shared_with": [], "multi_az": true });
        assert_eq!(
            flow(&entry),
            "{ id: \"rds:db/orders\", account: \"111122223333\", az: use1-az1, size: 200GiB, \
             tags: { app: orders }, shared_with: [], multi_az: true }"
        );
    }
}
