//! The values of `format` in the schema of estates, and their parsers.

use crate::{ResourceId, Selector};
use base::duration::{Size, Span, When};
use base::ids::{AccountId, AzId, BadName, Region};
use yaml::Formats;

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
