//! What one attempt of a check saw.

use base::redact;
use playbook::comparison::{Comparison, ComparisonError};
use playbook::expr_value::TemplateLeft;

/// What one attempt saw. `healthy` only when everything that was asked for was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    pub healthy: bool,
    /// What was seen, for people: at most 200 characters, all of them printable, and no password.
    pub observed: String,
    /// The value that was read (the first value of an SQL result, the output of a command, the body of an HTTP
    /// answer), for measures. Not printable as it is.
    pub value: Option<String>,
    /// Why it is not healthy and what to do about it; on a healthy observation, what a reader should know.
    pub why: Option<String>,
}

const OBSERVED_CHARS: usize = 200;

impl Observation {
    pub fn healthy(observed: impl AsRef<str>) -> Self {
        Self { healthy: true, observed: printable(observed.as_ref(), OBSERVED_CHARS), value: None, why: None }
    }

    pub fn unhealthy(observed: impl AsRef<str>, why: impl AsRef<str>) -> Self {
        Self { healthy: false, why: Some(printable(why.as_ref(), 600)), ..Self::healthy(observed) }
    }

    #[must_use]
    pub fn with_value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Adds what a reader should know, after the reason that may stand there already.
    #[must_use]
    pub fn with_note(mut self, note: Option<String>) -> Self {
        if let Some(note) = note {
            self.why = Some(match self.why.take() {
                Some(why) => format!("{why}; {note}"),
                None => note,
            });
        }
        self
    }

    /// Compares `value` and says what was seen in `observed`. `what` names the thing compared: `the body`.
    pub(crate) fn compared(observed: &str, what: &str, value: &str, expect: &Comparison) -> Self {
        Self::compared_without(&Secrets::default(), observed, what, value, expect)
    }

    /// Like `compared`, for a value that may hold secrets: it is compared as it is, and shown without them.
    pub(crate) fn compared_without(
        secrets: &Secrets,
        observed: &str,
        what: &str,
        value: &str,
        expect: &Comparison,
    ) -> Self {
        // Scrubbed before it is cut: half a secret is one too.
        let shown = secrets.scrub(value);
        match expect.judge(value) {
            Ok(judged) if judged.holds => Self::healthy(observed).with_note(judged.note),
            Ok(judged) => {
                let seen = printable(shown.trim(), 80);
                Self::unhealthy(observed, format!("{what} is `{seen}`, expected `{expect}`"))
                    .with_note(judged.note)
            }
            Err(raw) => {
                let ComparisonError { message, help } =
                    if shown == value { raw } else { expect.incomparable_as(&shown) };
                Self::unhealthy(observed, format!("{what}: {message}; {help}"))
            }
        }
    }
}

impl From<TemplateLeft> for Observation {
    fn from(left: TemplateLeft) -> Self {
        Self::unhealthy("not asked", left.to_string())
    }
}

/// `text` on one line: control characters and the like escaped, cut after `longest` characters with an ellipsis.
///
/// Secrets go before the cut: half of one would not be known for one.
pub fn printable(text: &str, longest: usize) -> String {
    let text = redact::text(text);
    let mut shown = String::new();
    let mut count = 0;
    for c in text.chars() {
        // Bidirectional overrides can make a report read otherwise than it is; escape them with the controls.
        let hidden = c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}');
        let piece: String = if hidden { c.escape_default().collect() } else { c.to_string() };
        let length = piece.chars().count();
        if count + length > longest.saturating_sub(1) {
            shown.push('…');
            return shown;
        }
        count += length;
        shown += &piece;
    }
    shown
}

/// Texts that must not be printed, besides what `redact` knows: passwords and tokens that the playbook or a URL gives.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

/// Shorter texts would blot out ordinary words, and protect nobody.
#[cfg(any(feature = "live", test))]
const SHORTEST_SECRET: usize = 4;

impl Secrets {
    #[cfg(any(feature = "live", test))]
    pub(crate) fn add(&mut self, secret: impl Into<String>) {
        let secret = secret.into();
        if secret.len() >= SHORTEST_SECRET && !self.0.contains(&secret) {
            self.0.push(secret);
            // The longest first, so that no rest of one is left when it contains another.
            self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    pub(crate) fn scrub(&self, text: &str) -> String {
        let text = redact::text(text).into_owned();
        self.0.iter().fold(text, |text, secret| text.replace(secret, redact::MARK))
    }
}

/// True for names of headers and variables whose values are secrets by convention.
#[cfg(feature = "live")]
pub(crate) fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["authorization", "cookie", "token", "secret", "passw", "pwd", "key", "credential"]
        .iter()
        .any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_one_short_line() {
        assert_eq!(printable("a\nb\u{1b}[31m\u{202e}", 100), "a\\nb\\u{1b}[31m\\u{202e}");
        let long = printable(&"é".repeat(500), 200);
        assert_eq!((long.chars().count(), long.ends_with('…')), (200, true));
        assert_eq!(
            Observation::healthy("\0".repeat(500)).observed.chars().filter(|c| c.is_control()).count(),
            0
        );
    }

    #[test]
    fn secrets_are_blotted_out_longest_first() {
        let mut secrets = Secrets::default();
        secrets.add("hunter2");
        secrets.add("hunter22");
        secrets.add("a");
        assert_eq!(secrets.scrub("hunter22 hunter2 a"), "*** *** a");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_made_printable(text in "\\PC{0,20}[\\x00-\\x1f\u{2028}]{0,300}") {
            let shown = printable(&text, 200);
            proptest::prop_assert!(shown.chars().count() <= 200 && !shown.chars().any(char::is_control));
        }
    }
}
