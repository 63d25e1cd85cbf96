//! The comparisons of checks: `>= 1000`, `== ok`, `matches ^v2`.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use regex::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::decimal::Decimal;
use super::timestamp::{Stamp, parse_calendar};
use base::duration::Size;

pub use super::timestamp::parse_timestamp;

/// A comparison with a fixed right-hand side.
///
/// - Two numbers are compared as decimals of any length.
/// - Two timestamps are compared as instants.
/// - `true` or `false` on the right-hand side is compared with a database's booleans (`t`, `f`,
///   `1`, `0`).
/// - Anything else is text, which allows only `==`, `!=`, `matches` and `contains`.
#[derive(Debug, Clone)]
pub struct Comparison {
    text: String,
    op: Op,
    operand: String,
    pattern: Option<Regex>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Matches,
    Contains,
}

/// A comparison that is malformed, or two values that cannot be compared. `help` says what to write
/// instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ComparisonError {
    pub message: String,
    pub help: String,
}

fn error(message: impl Into<String>, help: impl Into<String>) -> ComparisonError {
    ComparisonError { message: message.into(), help: help.into() }
}

/// The result of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparisonResult {
    pub holds: bool,
    /// A note on the way of comparing, such as an assumed time zone.
    pub note: Option<String>,
}

const FORMS: &str = "write `>= 1000`, `> 0`, `< 5`, `<= 5`, `== ok`, `!= error`, `matches ^v2`, `contains ready`, or a bare value";

// Longer operators come first, since `>=` starts with `>`.
const OPERATORS: [(&str, Op); 7] = [
    (">=", Op::AtLeast),
    ("<=", Op::AtMost),
    ("==", Op::Equal),
    ("!=", Op::NotEqual),
    (">", Op::Greater),
    ("<", Op::Less),
    ("=", Op::Equal),
];

impl FromStr for Comparison {
    type Err = ComparisonError;
    fn from_str(text: &str) -> Result<Self, ComparisonError> {
        let this = Self::split(text)?;
        let typed = Decimal::parse(&this.operand).is_some() || parse_calendar(&this.operand).is_some();
        if this.op.orders() && !typed {
            return Err(error(
                format!(
                    "`{}` is neither a number nor a timestamp, so nothing is greater or less than it",
                    this.operand
                ),
                "compare text with `==`, `!=`, `matches` or `contains`; write a timestamp like `2026-01-31T08:00:00Z`",
            ));
        }
        Ok(this)
    }
}

impl Comparison {
    /// Whether SQL's NULL is expected: `== null`.
    pub fn is_null(&self) -> bool {
        self.op == Op::Equal && self.operand.eq_ignore_ascii_case("null")
    }

    fn split(text: &str) -> Result<Self, ComparisonError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(error("an empty comparison", FORMS));
        }
        for wrong in ["<>", "=~", "!~", "=>", "=<"] {
            if trimmed.starts_with(wrong) {
                return Err(error(format!("`{wrong}` is not a comparison"), FORMS));
            }
        }
        let words = [("matches", Op::Matches), ("contains", Op::Contains)];
        let word = words.iter().find_map(|(word, op)| {
            let rest = trimmed.strip_prefix(word)?;
            (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some((*op, rest))
        });
        let symbol = || OPERATORS.iter().find_map(|(symbol, op)| Some((*op, trimmed.strip_prefix(symbol)?)));
        let (op, operand) = word.or_else(symbol).unwrap_or((Op::Equal, trimmed));
        let operand = operand.trim();
        if operand.is_empty() {
            return Err(error(format!("`{trimmed}` has no value to compare with"), FORMS));
        }
        let pattern = match op {
            Op::Matches => Some(Regex::new(operand).map_err(|e| {
                error(
                    format!("`{operand}` is not a regular expression: {}", one_line(&e.to_string())),
                    "see https://docs.rs/regex/#syntax; put the whole value into single quotes in YAML",
                )
            })?),
            Op::Equal | Op::NotEqual | Op::Less | Op::AtMost | Op::Greater | Op::AtLeast | Op::Contains => {
                None
            }
        };
        Ok(Self { text: trimmed.to_owned(), op, operand: operand.to_owned(), pattern })
    }

    /// Compares `observed`. White space around it is ignored, except for `matches` and `contains`.
    ///
    /// An error means that the two values cannot be compared. It never counts as holding.
    pub fn judge(&self, observed: &str) -> Result<ComparisonResult, ComparisonError> {
        let plain = |holds| Ok(ComparisonResult { holds, note: None });
        match (&self.pattern, self.op) {
            (Some(pattern), _) => return plain(pattern.is_match(observed)),
            (None, Op::Contains) => return plain(observed.contains(&self.operand)),
            _ => {}
        }
        let observed = observed.trim();
        if let Some(right) = Decimal::parse(&self.operand) {
            return match Decimal::parse(observed) {
                Some(left) => plain(self.op.admits(left.cmp(&right))),
                None if self.op == Op::Equal => plain(false),
                None => Err(self.incomparable(observed, "a number")),
            };
        }
        if let Some(right) = parse_calendar(&self.operand) {
            return match parse_calendar(observed) {
                Some(left) => Ok(ComparisonResult {
                    holds: self.op.admits(left.at.cmp(&right.at)),
                    note: zone_note(left, right),
                }),
                None if self.op == Op::Equal => plain(false),
                None => Err(self.incomparable(observed, "a timestamp")),
            };
        }
        if let Some(right) = boolean(&self.operand, &["true"], &["false"]) {
            return match boolean(observed, &["true", "t", "1"], &["false", "f", "0"]) {
                Some(left) => plain((left == right) == (self.op == Op::Equal)),
                None if self.op == Op::Equal => plain(false),
                None => Err(self.incomparable(observed, "a boolean")),
            };
        }
        match self.op {
            Op::Equal => plain(observed == self.operand),
            Op::NotEqual => plain(observed != self.operand),
            Op::Less | Op::AtMost | Op::Greater | Op::AtLeast | Op::Matches | Op::Contains => {
                Err(self.incomparable(observed, "a number or a timestamp"))
            }
        }
    }

    /// Whether any number and most texts fit, as with `>= 0` and `matches .*`: an empty table would.
    pub fn admits_anything(&self) -> bool {
        ["0", "1", "1000000000"].iter().all(|text| self.judge(text).is_ok_and(|result| result.holds))
    }

    /// Whether more input can only turn "does not hold" into "holds", never back.
    pub fn is_monotone(&self) -> bool {
        self.op == Op::Contains
    }

    /// Whether the result needs the whole input, because the input is compared as one value.
    pub fn needs_whole(&self) -> bool {
        !matches!(self.op, Op::Contains | Op::Matches)
    }

    /// The error of an impossible comparison, showing another text than the compared one.
    pub fn incomparable_as(&self, shown: &str) -> ComparisonError {
        self.incomparable(shown.trim(), "comparable")
    }

    fn incomparable(&self, observed: &str, wanted: &str) -> ComparisonError {
        let shown: String = observed.chars().take(60).collect();
        error(
            format!("`{shown}` is not {wanted}, so it cannot be compared with `{}`", self.text),
            format!("make the check return {wanted}, or compare with `matches`"),
        )
    }
}

impl Op {
    fn orders(self) -> bool {
        matches!(self, Self::Less | Self::AtMost | Self::Greater | Self::AtLeast)
    }

    fn admits(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
            Self::Matches | Self::Contains => false,
        }
    }
}

fn boolean(text: &str, yes: &[&str], no: &[&str]) -> Option<bool> {
    let is = |names: &[&str]| names.iter().any(|name| text.eq_ignore_ascii_case(name));
    if is(yes) { Some(true) } else { is(no).then_some(false) }
}

fn zone_note(left: Stamp, right: Stamp) -> Option<String> {
    match (left.assumed_utc, right.assumed_utc) {
        (false, false) => None,
        (true, _) => Some("the timestamp names no zone and was read as UTC".into()),
        (false, true) => Some("the timestamp to compare with names no zone and was read as UTC".into()),
    }
}

fn one_line(text: &str) -> String {
    text.lines().last().unwrap_or(text).trim().trim_start_matches("error: ").to_owned()
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl PartialEq for Comparison {
    fn eq(&self, other: &Self) -> bool {
        self.op == other.op && self.operand == other.operand
    }
}

impl Eq for Comparison {}

/// A comparison of a size in bytes: `>= 1GiB`, `> 0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeComparison {
    text: String,
    op: Op,
    size: Size,
}

impl FromStr for SizeComparison {
    type Err = ComparisonError;
    fn from_str(text: &str) -> Result<Self, ComparisonError> {
        let split = Comparison::split(text)?;
        if split.pattern.is_some() || split.op == Op::Contains {
            return Err(error(
                format!("`{}` does not compare a size", split.text),
                "write it like `>= 1GiB`",
            ));
        }
        let size = split
            .operand
            .parse()
            .map_err(|e: base::ids::BadName| error(e.message, "write it like `>= 1GiB`"))?;
        Ok(Self { text: split.text, op: split.op, size })
    }
}

impl SizeComparison {
    pub fn holds(&self, bytes: u64) -> bool {
        self.op.admits(bytes.cmp(&self.size.0))
    }
}

impl fmt::Display for SizeComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

macro_rules! scalar_form {
    ($type:ident, $format:literal, $description:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = deserializer.deserialize_any(ScalarText)?;
                text.parse().map_err(|e: ComparisonError| D::Error::custom(format!("{}; {}", e.message, e.help)))
            }
        }
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.text)
            }
        }
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": ["string", "number", "boolean"], "format": $format, "description": $description
                })
            }
        }
    };
}

scalar_form!(
    Comparison,
    "comparison",
    "A comparison: `>= 1000`, `> 0`, `< 5`, `<= 5`, `== ok`, `!= error`, `matches ^v2`, `contains ready`; a bare value means `==`."
);
scalar_form!(SizeComparison, "size-comparison", "A comparison with a size: `>= 1GiB`, `> 0`.");

/// Reads a scalar as text, so that `expect: 5` and `expect: true` need no quotes.
struct ScalarText;

impl Visitor<'_> for ScalarText {
    type Value = String;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a comparison such as `>= 1000` or `== ok`")
    }
    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
    fn visit_bool<E>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }
    fn visit_i64<E>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }
    fn visit_u64<E>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }
    fn visit_i128<E>(self, value: i128) -> Result<String, E> {
        Ok(value.to_string())
    }
    fn visit_u128<E>(self, value: u128) -> Result<String, E> {
        Ok(value.to_string())
    }
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<String, E> {
        // Beyond 2^53, the parsed number may differ from the written one.
        if value.abs() >= 9_007_199_254_740_992.0 || !value.is_finite() {
            return Err(E::custom(
                "a number this large loses digits unless it is quoted: write `\"== 90071992547409931\"`",
            ));
        }
        Ok(value.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(comparison: &str, observed: &str) -> Option<bool> {
        comparison.parse::<Comparison>().unwrap().judge(observed).ok().map(|judged| judged.holds)
    }

    #[test]
    fn numbers_are_compared_as_decimals() {
        for (comparison, observed, expected) in [
            (">= 1000", "1000", true),
            (">= 1000", "999.9999999999999999999", false),
            (">= 1e3", "1000", true),
            ("> 9007199254740992", "9007199254740993", true),
            ("== 1", "1.0", true),
            ("1", " 1\n", true),
            ("!= 0", "0.00", false),
            ("< 5", "-7", true),
            (">=1000", "120000", true),
            ("== 10", "9", false),
            ("== 5", "five", false),
        ] {
            assert_eq!(holds(comparison, observed), Some(expected), "{comparison} / {observed}");
        }
        // In text order, "9" would be more than "1000".
        assert_eq!(holds(">= 1000", "9"), Some(false));
    }

    #[test]
    fn what_cannot_be_compared_never_holds() {
        for (comparison, observed) in [
            (">= 1000", "many"),
            (">= 1000", ""),
            (">= 1000", "NaN"),
            (">= 1000", "Infinity"),
            ("!= 0", "error"),
            ("> 2026-01-01", "5"),
            ("!= true", "maybe"),
            ("< 5", "2026-01-01"),
        ] {
            assert_eq!(holds(comparison, observed), None, "{comparison} / {observed}");
        }
    }

    #[test]
    fn timestamps_are_instants() {
        assert_eq!(holds("> 2026-01-02T03:04:05Z", "2026-01-02 03:04:06+00"), Some(true));
        assert_eq!(holds("== 2026-01-02T03:04:05Z", "2026-01-02 04:04:05+01"), Some(true));
        let judged =
            "> 2026-01-01T00:00:00Z".parse::<Comparison>().unwrap().judge("2026-01-02 00:00:00").unwrap();
        assert!(judged.holds && judged.note.unwrap().contains("UTC"));
    }

    #[test]
    fn booleans_and_text() {
        for (comparison, observed, expected) in [
            ("true", "t", true),
            ("== true", "1", true),
            ("== false", "f", true),
            ("!= true", "f", true),
            ("== t", "t", true),
            ("== t", "true", false),
            ("== true", "yes", false),
            ("ok", "ok", true),
            ("== ok", "OK", false),
            ("!= error", "ok", true),
            ("matches ^v2", "v2.1", true),
            ("matches ^v2", "v1", false),
            ("contains foo", "a foo b", true),
            ("matches ^a b$", "a b", true),
            ("containsfoo", "containsfoo", true),
            ("= x", "x", true),
        ] {
            assert_eq!(holds(comparison, observed), Some(expected), "{comparison} / {observed}");
        }
    }

    #[test]
    fn mistakes_are_found_when_read() {
        for text in
            ["", "  ", ">=", "matches", "contains ", ">= many", "> ok", "matches (", "<> 5", "=~ x", "< NaN"]
        {
            let error = text.parse::<Comparison>().unwrap_err();
            assert!(
                !error.message.is_empty() && !error.help.is_empty() && !error.message.contains('\n'),
                "{text}: {error:?}"
            );
        }
    }

    #[test]
    fn sizes() {
        let at_least: SizeComparison = ">= 1GiB".parse().unwrap();
        assert!(at_least.holds(1 << 30) && !at_least.holds((1 << 30) - 1));
        assert!("== 5".parse::<SizeComparison>().unwrap().holds(5));
        assert!(
            ">= big".parse::<SizeComparison>().is_err() && "matches 1".parse::<SizeComparison>().is_err()
        );
    }

    #[test]
    fn yaml_scalars_need_no_quotes() {
        let list: Vec<Comparison> =
            serde_saphyr::from_str("[5, true, 1.5, \">= 3\", ok, \"90071992547409931234\"]").unwrap();
        let texts: Vec<String> = list.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["5", "true", "1.5", ">= 3", "ok", "90071992547409931234"]);
        let error =
            serde_saphyr::from_str::<Vec<Comparison>>("[90071992547409931234]").unwrap_err().to_string();
        assert!(error.contains("quoted"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(comparison in ".{0,40}", observed in ".{0,40}") {
            if let Ok(comparison) = comparison.parse::<Comparison>() {
                let _ = comparison.judge(&observed);
            }
            let _ = parse_timestamp(&observed);
        }

        #[test]
        fn ordering_with_text_never_holds(op in "(>=|<=|>|<)", observed in "[a-z]{1,8}") {
            let comparison: Comparison = format!("{op} 10").parse().unwrap();
            proptest::prop_assert!(comparison.judge(&observed).is_err());
        }
    }
}
