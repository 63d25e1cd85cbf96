//! The secrets that this process has read, and their removal from texts.
//!
//! There is one list for the whole process. Panics, errors on stderr and the journal must all know
//! it, and code that forgot to pass a list along would leak. A value is registered when it is read,
//! before anything is done with it.

mod decoded;
mod forms;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{LazyLock, PoisonError, RwLock};

use aho_corasick::AhoCorasick;
use serde_json::Value;

pub use forms::SHORTEST;

/// The text that replaces a secret.
pub const MARK: &str = "***";

static PROCESS_WIDE: LazyLock<Redactor> = LazyLock::new(Redactor::default);

/// Registers a secret for the whole process. Returns `false` if it is too short to be redacted.
pub fn register(secret: &str) -> bool {
    PROCESS_WIDE.register(secret)
}

/// `text` without the registered secrets, in whatever form they occur in it.
pub fn text(text: &str) -> Cow<'_, str> {
    PROCESS_WIDE.text(text)
}

/// A text that was cut at its end, without the first part of a secret that may be left there.
pub fn without_begun(text: &str) -> &str {
    PROCESS_WIDE.without_begun(text)
}

/// Removes the secrets from all texts and keys of a value. Returns whether there were any.
pub fn value(value: &mut Value) -> bool {
    PROCESS_WIDE.value(value)
}

/// Removes the secrets from a text. Returns whether there were any.
pub fn string(string: &mut String) -> bool {
    PROCESS_WIDE.string(string)
}

/// A list of secrets.
#[derive(Default)]
pub struct Redactor(RwLock<Known>);

#[derive(Default)]
struct Known {
    secrets: BTreeSet<String>,
    forms: BTreeSet<String>,
    /// Finds all forms at once. Absent if there are no forms, or if it could not be built.
    finder: Option<AhoCorasick>,
}

impl Redactor {
    /// Registers a secret in all its forms. Returns `false` if it is too short to be redacted.
    pub fn register(&self, secret: &str) -> bool {
        if secret.trim().chars().count() < SHORTEST {
            return false;
        }
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).secrets.contains(secret);
        if !known {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            known.secrets.insert(secret.to_owned());
            known.forms.extend(forms::of(secret));
            known.finder = AhoCorasick::new(&known.forms).ok();
        }
        true
    }

    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.forms.is_empty() {
            return Cow::Borrowed(text);
        }
        let ranges = known.found_in(text);
        if ranges.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for range in ranges {
            out.push_str(text.get(at..range.start).unwrap_or(""));
            out.push_str(MARK);
            at = range.end;
        }
        out.push_str(text.get(at..).unwrap_or(""));
        Cow::Owned(out)
    }

    /// `text`, which was cut at its end, without the first part of a secret that may be left there.
    pub fn without_begun<'a>(&self, text: &'a str) -> &'a str {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut rest = text;
        // Repeats, because removing one beginning may expose another, as in `abab`.
        loop {
            while let Some(length) = known.forms.iter().filter_map(|form| begun_at_end(form, rest)).max() {
                rest = rest.get(..rest.len() - length).unwrap_or("");
            }
            match known.begun_in_readings(rest).and_then(|at| rest.get(..at)) {
                Some(shorter) => rest = shorter,
                None => return rest,
            }
        }
    }

    pub fn string(&self, string: &mut String) -> bool {
        match self.text(string) {
            Cow::Borrowed(_) => false,
            Cow::Owned(clean) => {
                *string = clean;
                true
            }
        }
    }

    pub fn value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(string) => self.string(string),
            Value::Array(items) => items.iter_mut().fold(false, |any, item| self.value(item) | any),
            Value::Object(fields) => {
                let mut any = fields.values_mut().fold(false, |any, field| self.value(field) | any);
                if fields.keys().any(|key| matches!(self.text(key), Cow::Owned(_))) {
                    any = true;
                    let old = std::mem::take(fields);
                    fields.extend(old.into_iter().map(|(key, field)| (self.text(&key).into_owned(), field)));
                }
                any
            }
            // A secret of digits only may occur as a number.
            Value::Number(number) => {
                let text = number.to_string();
                match self.text(&text) {
                    Cow::Borrowed(_) => false,
                    Cow::Owned(clean) => {
                        *value = Value::String(clean);
                        true
                    }
                }
            }
            Value::Null | Value::Bool(_) => false,
        }
    }
}

/// The length of the longest beginning of `form` with which `text` ends.
fn begun_at_end(form: &str, text: &str) -> Option<usize> {
    let ends = form.char_indices().map(|(at, _)| at).skip(1).take_while(|at| *at <= text.len());
    ends.filter(|end| form.get(..*end).is_some_and(|begun| text.ends_with(begun))).max()
}

impl Known {
    /// Where a secret begins that is encoded and cut off at the end of a text.
    fn begun_in_readings(&self, text: &str) -> Option<usize> {
        if self.secrets.is_empty() {
            return None;
        }
        let places = decoded::readings(text).into_iter().filter_map(|reading| {
            let read = String::from_utf8_lossy(&reading.text);
            // Bytes that are not UTF-8 would move the places.
            if read.len() != reading.text.len() {
                return None;
            }
            let length = self.secrets.iter().filter_map(|secret| begun_at_end(secret, &read)).max()?;
            let place = reading.place(&(read.len() - length..read.len()))?;
            (length > 1).then_some(place.start)
        });
        places.min().filter(|at| text.is_char_boundary(*at))
    }

    /// The ranges of the secrets in a text, in order. Overlapping ranges are merged, so that no
    /// part of a secret is left.
    fn found_in(&self, text: &str) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = if let Some(finder) = &self.finder {
            let mut found: Vec<_> = finder.find_overlapping_iter(text).map(|m| m.range()).collect();
            for reading in decoded::readings(text) {
                let there = finder.find_overlapping_iter(&reading.text);
                found.extend(there.filter_map(|m| reading.place(&m.range())));
            }
            found
        } else {
            let each = |form: &String| {
                let length = form.len();
                text.match_indices(form.as_str()).map(move |(at, _)| at..at + length).collect::<Vec<_>>()
            };
            self.forms.iter().flat_map(each).collect()
        };
        // A decoded byte may be a part of a character only.
        for range in &mut found {
            while !text.is_char_boundary(range.start) {
                range.start -= 1;
            }
            while !text.is_char_boundary(range.end) {
                range.end += 1;
            }
        }
        found.sort_by_key(|range| (range.start, range.end));
        let mut merged: Vec<Range<usize>> = Vec::new();
        for range in found {
            match merged.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn knowing(secrets: &[&str]) -> Redactor {
        let redactor = Redactor::default();
        for secret in secrets {
            assert!(redactor.register(secret), "{secret}");
        }
        redactor
    }

    #[test]
    fn secrets_are_blotted_out_wherever_they_stand() {
        let redactor = knowing(&["hunter2", "hunter22", "overlap", "lapping"]);
        assert_eq!(redactor.text("hunter22, hunter2; hunter"), "***, ***; hunter");
        assert_eq!(redactor.text("overlapping"), "***", "no rest of one is left where another begins");
        assert!(matches!(redactor.text("nothing"), Cow::Borrowed("nothing")));
        assert!(!redactor.register("abc") && !redactor.register("a  \n"), "too short to be found safely");
        assert_eq!(redactor.text("abc"), "abc");
    }

    #[test]
    fn no_encoding_hides_a_secret() {
        let secret = "k7&Rq<w9/Zt 'é\u{1f680}";
        let redactor = knowing(&[secret]);
        let base64 = {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD
                .encode(format!("-- a longer text, and {secret} in it --"))
        };
        let lines: Vec<String> = base64
            .as_bytes()
            .chunks(12)
            .map(|line| format!("    {}", String::from_utf8_lossy(line)))
            .collect();
        let entities =
            |form: &dyn Fn(u32) -> String| secret.chars().map(|c| form(u32::from(c))).collect::<String>();
        let units: String =
            secret.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<Vec<_>>().concat();
        let octal: String = secret.bytes().map(|byte| format!("\\{byte:03o}")).collect::<Vec<_>>().concat();
        let hex: String = secret.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<Vec<_>>().concat();
        let percent: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
        let mail: String = secret.bytes().map(|byte| format!("={byte:02X}")).collect::<Vec<_>>().concat();
        for text in [
            "k7&#x26;Rq&#60;w9&#X2f;Zt&#0032;&#39;é\u{1f680}".to_owned(),
            "k7&#38Rq&lt;w9&sol;Zt &apos;&#xe9;\u{1f680}".to_owned(),
            entities(&|c| format!("&#{c:08};")),
            entities(&|c| format!("&#x{c:X};")),
            "k7\\u0026Rq\\u003cw9\\/Zt 'é\u{1f680}".to_owned(),
            "k7\\&Rq\\<w9/Zt\\ \\'é\u{1f680}".to_owned(),
            "$'k7&Rq<w9/Zt \\'\\303\\251\u{1f680}'".to_owned(),
            "k7%26Rq%3cw9/Zt+'é\u{1f680}".to_owned(),
            "k7%2526Rq%253Cw9%252fZt%2520%2527%25C3%25a9\u{1f680}".to_owned(),
            serde_json::to_string(&entities(&|c| format!("&#{c};"))).unwrap(),
            units,
            octal,
            hex,
            percent,
            mail,
            lines.join("\n"),
            lines.join("\r\n"),
            lines.join("\\n"),
        ] {
            let clean = redactor.text(&format!("<{text}>")).into_owned();
            assert!(clean.contains(MARK), "{text:?}: {clean:?}");
            assert!(
                !clean.contains("Rq") && !clean.contains("k7") && clean.len() < text.len(),
                "{text:?}: {clean:?}"
            );
        }
        assert_eq!(redactor.text("k7&Rq and 100%25 &amp; \\u0026"), "k7&Rq and 100%25 &amp; \\u0026");
        assert_eq!(redactor.without_begun("it is k7&#x26;Rq&#x3C;"), "it is ");
    }

    #[test]
    fn what_was_cut_leaves_no_half_secret() {
        let redactor = knowing(&["hunter2-long", "ababac"]);
        assert_eq!(redactor.without_begun("it is hunter2-lo"), "it is ");
        assert_eq!(redactor.without_begun("it is ababa"), "it is ");
        assert_eq!(redactor.without_begun("it is over"), "it is over");
        assert_eq!(redactor.without_begun(""), "");
        assert_eq!(Redactor::default().without_begun("as it is"), "as it is");
    }

    #[test]
    fn values_are_searched_to_the_bottom() {
        let redactor = knowing(&["hunter2", "84759321"]);
        let mut value = json!({ "a": ["x hunter2", 1], "hunter2": { "n": 84_759_321 }, "ok": true });
        assert!(redactor.value(&mut value));
        assert_eq!(value, json!({ "a": ["x ***", 1], "***": { "n": "***" }, "ok": true }));
        let mut plain = json!({ "a": ["x", 1.5, null] });
        assert!(!redactor.value(&mut plain));
        assert_eq!(plain, json!({ "a": ["x", 1.5, null] }));
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(24))]
        /// Whatever a secret consists of, no form of it is left in a text that held it.
        #[test]
        fn no_form_survives(secret in "\\PC{4,40}", before in "\\PC{0,10}", after in "\\PC{0,10}") {
            proptest::prop_assume!(secret.trim().chars().count() >= SHORTEST);
            let redactor = knowing(&[&secret]);
            for form in forms::of(&secret) {
                let clean = redactor.text(&format!("{before}{form}{after}")).into_owned();
                proptest::prop_assert!(clean.contains(MARK));
                proptest::prop_assert!(!clean.replace(MARK, "\u{0}").contains(&form), "{form:?} in {clean:?}");
            }
        }
    }
}
