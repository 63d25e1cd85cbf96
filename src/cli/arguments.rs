//! Arguments that several commands take.

use chrono::Utc;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use base::duration::Time;
use base::ids::{BadName, Region};
use base::on::On;

/// Parses `NAME=VALUE`.
pub fn name_and_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "write it as NAME=VALUE".to_owned())
}

/// The value of `--on`.
pub fn on() -> impl TypedValueParser<Value = On> {
    let known = On::ALL.iter().map(|on| PossibleValue::new(on.word()).help(on.meaning()));
    PossibleValuesParser::new(known).try_map(|text| text.parse::<On>())
}

/// Parses an instant.
pub fn time(text: &str) -> Result<Time, String> {
    chrono::DateTime::parse_from_rfc3339(text)
        .map(|t| t.with_timezone(&Utc))
        .map_err(|_| "write it like 2026-01-31T08:00:00Z".to_owned())
}

pub fn region(text: &str) -> Result<Region, String> {
    text.parse().map_err(|e: BadName| format!("{}; {}", e.message, e.help))
}
