//! The values of `format` in a playbook's schema: those of estates, and more.

use super::cidr;
use super::comparison::{Comparison, ComparisonError, SizeComparison};
use super::connect_to::ConnectTo;
use super::model::Schedule;
use base::duration;
use base::ids::BadName;
use estate::EstateFormats;
use yaml::Formats;

/// The formats of playbooks.
pub struct PlaybookFormats;

impl Formats for PlaybookFormats {
    fn check(&self, format: &str, text: &str) -> Result<(), BadName> {
        let bad = |e: ComparisonError| BadName { message: e.message, help: e.help };
        match format {
            "cidr" => cidr::read(text).map(drop),
            "comparison" => text.parse::<Comparison>().map(drop).map_err(bad),
            "size-comparison" => text.parse::<SizeComparison>().map(drop).map_err(bad),
            "connect-to" => text.parse::<ConnectTo>().map(drop),
            "control" => controls::named(text).map(drop),
            "schedule" => text.parse::<Schedule>().map(drop),
            // Nothing can be restored as of an instant that is still to come.
            "when" => match duration::mistaken_time(text) {
                Some(mistaken) => Err(mistaken),
                None => EstateFormats.check(format, text),
            },
            _ => EstateFormats.check(format, text),
        }
    }

    fn noun(&self, format: &str) -> Option<&'static str> {
        Some(match format {
            "cidr" => "a range such as `10.66.0.0/16`",
            "comparison" => "a comparison such as `>= 1000`",
            "size-comparison" => "a comparison such as `>= 1GiB`",
            "connect-to" => "a tunnel such as `db.internal:5432=127.0.0.1:15432`",
            "action" => "an action",
            "control" => "a clause such as `SOC2-A1.3`",
            "schedule" => "`weekly`, `monthly`, `quarterly` or `yearly` (nothing else is read yet)",
            _ => return EstateFormats.noun(format),
        })
    }

    fn pattern(&self, format: &str) -> Option<&'static str> {
        Some(match format {
            "cidr" => r"^(?:[0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}$",
            // An order takes a number or a time; `<>`, `=~`, `!~`, `=>` and `=<` are no operators.
            "comparison" => {
                r"^\s*(?:[<>]=?\s*[-+.0-9].*|==\s*\S.*|=(?:\s+\S|[^\s=<>~]).*|!(?:[^~]|$).*|[^\s<>=!].*)$"
            }
            "size-comparison" => r"^\s*(?:[<>]=?|==?|!=)?\s*\+?[.0-9].*$",
            "schedule" => "^(?:weekly|monthly|quarterly|yearly)$",
            "connect-to" => r"^\s*.+:[0-9]+\s*=\s*.+:[0-9]+\s*$",
            _ => return EstateFormats.pattern(format),
        })
    }
}
