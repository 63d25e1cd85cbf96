//! The result of one attempt of a check.

use std::collections::BTreeMap;

use base::redact;
use base::rung::{Rung, RungHealth};
use playbook::comparison::{Comparison, ComparisonError};
use playbook::expr_value::TemplateLeft;
use serde::{Deserialize, Serialize};

/// What an attempt tells of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// The attempt saw everything that the check asks for.
    Healthy,
    /// The resource gave another answer, or none.
    Unhealthy,
    /// The resource was not asked, so its health is not known.
    Unknown,
}

/// The result of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    pub health: Health,
    /// A text for people: at most 200 printable characters, without secrets.
    pub observed: String,
    /// The value that was read, for measures: the first value of an SQL result, the output of a
    /// command, or the body of an HTTP answer. It may hold unprintable characters.
    pub value: Option<String>,
    /// The reason and advice. On a healthy observation: an optional note.
    pub why: Option<String>,
    /// What the check expects and nobody judged, because the twin's estate does not give it. Empty
    /// for a real answer.
    pub assumed: Vec<String>,
    /// What a check of data saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<DataSeen>>,
}

/// What a check of data saw, rung by rung.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSeen {
    pub rungs: Vec<Rung>,
    /// The rows that it counted, by table.
    pub rows: BTreeMap<String, u64>,
}

const OBSERVED_CHARS: usize = 200;

impl Observation {
    pub fn healthy(observed: impl AsRef<str>) -> Self {
        Self {
            health: Health::Healthy,
            observed: printable(observed.as_ref(), OBSERVED_CHARS),
            value: None,
            why: None,
            assumed: Vec::new(),
            data: None,
        }
    }

    pub fn unhealthy(observed: impl AsRef<str>, why: impl AsRef<str>) -> Self {
        let why = Some(printable(why.as_ref(), 600));
        Self { health: Health::Unhealthy, why, ..Self::healthy(observed) }
    }

    /// Nobody was asked. `observed` says so in two words, such as `not asked`.
    pub fn unknown(observed: impl AsRef<str>, why: impl AsRef<str>) -> Self {
        Self { health: Health::Unknown, ..Self::unhealthy(observed, why) }
    }

    pub fn is_healthy(&self) -> bool {
        self.health == Health::Healthy
    }

    #[must_use]
    pub fn with_value(mut self, value: impl Into<String>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Adds a note after any reason that is already there.
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

    /// The observation of a check with rungs: healthy if all of them are, and unhealthy if one is.
    pub fn of_rungs(rungs: Vec<Rung>, rows: BTreeMap<String, u64>) -> Self {
        let are = |health: RungHealth| rungs.iter().filter(move |rung| rung.health == health);
        let told = |rung: &Rung| {
            let why = rung.why.as_ref().unwrap_or(&rung.observed);
            format!("{}: {why}", rung.name)
        };
        let bad: Vec<&Rung> = are(RungHealth::Unhealthy).chain(are(RungHealth::Unknown)).collect();
        let healthy = format!("{} of {} rungs healthy", are(RungHealth::Healthy).count(), rungs.len());
        let observed = match bad.as_slice() {
            [] => healthy,
            bad => {
                let named = bad.iter().map(|rung| format!("{} {}", rung.name, rung.health));
                format!("{healthy}; {}", named.collect::<Vec<_>>().join(", "))
            }
        };
        let why = bad.iter().map(|rung| told(rung)).collect::<Vec<_>>().join("; ");
        let seen = if are(RungHealth::Unhealthy).next().is_some() {
            Self::unhealthy(observed, why)
        } else if !bad.is_empty() || rungs.is_empty() {
            Self::unknown(observed, why)
        } else {
            Self::healthy(observed)
        };
        Self { data: Some(Box::new(DataSeen { rungs, rows })), ..seen }
    }

    /// The same without `secrets`, which were found while it was made.
    #[cfg(feature = "live")]
    #[must_use]
    pub(crate) fn without(self, secrets: &Secrets) -> Self {
        Self {
            observed: printable(&secrets.scrub(&self.observed), OBSERVED_CHARS),
            why: self.why.map(|why| printable(&secrets.scrub(&why), 600)),
            value: self.value.map(|value| secrets.scrub(&value)),
            ..self
        }
    }

    /// Adds expectations that nobody judged.
    #[must_use]
    pub fn assuming(mut self, assumed: Vec<String>) -> Self {
        if !assumed.is_empty() && self.observed.is_empty() {
            "assumed".clone_into(&mut self.observed);
        }
        self.assumed.extend(assumed);
        self
    }

    /// Compares `value` with `expect`. `observed` is the text of the observation. `what` names the
    /// value in messages, such as `the body`.
    pub(crate) fn compared(observed: &str, what: &str, value: &str, expect: &Comparison) -> Self {
        Self::compared_without(&Secrets::default(), observed, what, value, expect)
    }

    /// Like `compared`, for a value that may hold secrets. Compares the whole value, and shows it
    /// without them.
    pub(crate) fn compared_without(
        secrets: &Secrets,
        observed: &str,
        what: &str,
        value: &str,
        expect: &Comparison,
    ) -> Self {
        // Secrets are removed before the text is cut: a cut secret would no longer be found.
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
        Self::unknown("not asked", left.to_string())
    }
}

/// Returns `text` on one line. Escapes control characters and the like, and cuts the text after
/// `longest` characters with an ellipsis.
///
/// Secrets are removed before the cut: a cut secret would no longer be found.
pub fn printable(text: &str, longest: usize) -> String {
    let text = redact::text(text);
    let mut shown = String::new();
    let mut count = 0;
    for c in text.chars() {
        // Bidirectional overrides can make a text read differently from what it says. They are
        // escaped like control characters.
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

/// Secrets of one check, besides those that `redact` knows: passwords and tokens in the playbook or
/// in a URL.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

/// The shortest text that counts as a secret. Removing a shorter one would damage ordinary words
/// and protect nobody.
#[cfg(any(feature = "live", test))]
const SHORTEST_SECRET: usize = 4;

impl Secrets {
    #[cfg(any(feature = "live", test))]
    pub(crate) fn add(&mut self, secret: impl Into<String>) {
        let secret = secret.into();
        if secret.len() >= SHORTEST_SECRET && !self.0.contains(&secret) {
            self.0.push(secret);
            // The longest secret is removed first. Otherwise a rest of it would stay when it
            // contains another one.
            self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    pub(crate) fn scrub(&self, text: &str) -> String {
        let text = redact::text(text).into_owned();
        self.0.iter().fold(text, |text, secret| text.replace(secret, redact::MARK))
    }
}

/// Returns whether a header or variable of this name holds a secret by convention.
#[cfg(feature = "live")]
pub(crate) fn names_a_secret(name: &str) -> bool {
    if playbook::sensitive::says_secret(name) {
        return true;
    }
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
