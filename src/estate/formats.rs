//! The values of `format` in the schema of estates, and their parsers.

use crate::{ResourceId, Selector};
use base::duration::{Size, Span, When};
use base::ids::{AccountId, AzId, BadName, Region};
use yaml::Formats;

/// `1h30m`, without the anchors.
macro_rules! duration {
    () => {
        r"(?:0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ms|w|d|h|m|s)\s*)+)"
    };
}

/// The formats of estates. Playbooks add their own.
pub struct EstateFormats;

impl Formats for EstateFormats {
    fn check(&self, format: &str, text: &str) -> Result<(), BadName> {
        match format {
            "duration" => text.parse::<Span>().map(drop).map_err(|bad| clock_time(text, bad)),
            "size" => text.parse::<Size>().map(drop),
            "when" => text.parse::<When>().map(drop).map_err(|bad| clock_time(text, bad)),
            "account-id" => text.parse::<AccountId>().map(drop),
            "region" => text.parse::<Region>().map(drop),
            "az-id" => text.parse::<AzId>().map(drop),
            "resource-id" => text.parse::<ResourceId>().map(drop),
            "selector" => text.parse::<Selector>().map(drop),
            _ => Ok(()),
        }
    }

    fn noun(&self, format: &str) -> Option<&'static str> {
        Some(match format {
            "duration" => "a duration such as `15m`",
            "size" => "a size such as `200GiB`",
            "when" => "a time such as `-2h`",
            "account-id" => "an account id in quotes",
            "region" => "a region such as `us-east-1`",
            "az-id" => "the id of a zone such as `use1-az1`",
            "resource-id" | "selector" => "a resource such as `rds:db/orders`",
            _ => return None,
        })
    }

    fn pattern(&self, format: &str) -> Option<&'static str> {
        Some(match format {
            "duration" => concat!(r"^\s*", duration!(), r"\s*$"),
            "size" => r"^\s*\+?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*(?:[TGMK]i?B|B)?\s*$",
            "when" => concat!(
                r"^\s*(?:[-+]?\s*",
                duration!(),
                r"|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?",
                r"(?:[Zz]|[-+][0-9]{2}:[0-9]{2}))\s*$"
            ),
            "account-id" => "^[0-9]{12}$",
            "region" => "^(?:[a-z]{2}|eusc)(?:-[a-z]{2,})+-[0-9]{1,2}$",
            "az-id" => "^[a-z0-9-]{4,}-az[0-9]+$",
            "resource-id" => r"^[a-z0-9]+:[a-z-]+/[^\[\]]+(?:\[(?:account|region)=[^\[\]]+\])?$",
            "selector" => {
                r"^[a-z0-9]+:[a-z-]+(?:/[^\[\]]+(?:\[(?:account|region)=[^\[\]]+\])?|\[tag:[^=]+=.*\])$"
            }
            _ => return None,
        })
    }
}

/// Improves the help for a text such as `1:30`. YAML 1.1 read it as a sexagesimal number; YAML 1.2
/// reads a plain text.
fn clock_time(text: &str, bad: BadName) -> BadName {
    let parts =
        text.split_once(':').and_then(|(a, b)| Some((a.parse::<u32>().ok()?, b.parse::<u32>().ok()?)));
    match parts {
        Some((a, b)) => BadName { help: format!("write `{a}h{b}m` or `{a}m{b}s`"), ..bad },
        None => bad,
    }
}
