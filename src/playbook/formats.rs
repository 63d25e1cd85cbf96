//! The values of `format` in a playbook's schema: those of estates, and more.

use super::asked;
use super::cidr;
use super::comparison::{Comparison, ComparisonError, SizeComparison};
use super::connect_to::ConnectTo;
use super::notify;
use base::duration;
use base::ids::BadName;
use estate::EstateFormats;
use yaml::Formats;
use yaml::diagnostic::{list, nearest};
use yaml::node::short;

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
            "answered-name" => answered_name(text),
            "schedule" => word(text),
            "cron" => schedule::check_cron(text),
            "timezone" => zone(text),
            // Nothing can be restored as of an instant that is still to come.
            "when" => match duration::mistaken_time(text) {
                Some(mistaken) => Err(mistaken),
                None => EstateFormats.check(format, text),
            },
            _ => notify::format(format, text).unwrap_or_else(|| EstateFormats.check(format, text)),
        }
    }

    fn noun(&self, format: &str) -> Option<&'static str> {
        Some(match format {
            "cidr" => "a range such as `10.66.0.0/16`",
            "comparison" => "a comparison such as `>= 1000`",
            "size-comparison" => "a comparison such as `>= 1GiB`",
            "connect-to" => "a tunnel such as `db.internal:5432=127.0.0.1:15432`",
            "action" => "an action",
            "answered-name" => "a name such as `db.orders.internal`",
            "control" => "a clause such as `SOC2-A1.3`",
            "schedule" => "a schedule",
            "cron" => "a cron expression such as `0 6 1 */3 *`",
            "timezone" => "a time zone such as `Europe/Berlin`",
            _ => return notify::noun(format).or_else(|| EstateFormats.noun(format)),
        })
    }

    fn pattern(&self, format: &str) -> Option<&'static str> {
        Some(match format {
            "cidr" => r"^(?:[0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}$",
            // An order takes a number or a time; `<>`, `=~`, `!~`, `=>` and `=<` are no operators.
            "comparison" => {
                r"^\s*(?:[<>]=?\s*[-+.0-9].*|==\s*\S.*|=(?:\s+\S|[^\s=<>~]).*|!(?:[^~]|$).*|[^\s<>=!].*)$"
            }
            "answered-name" => {
                r"^[A-Za-z0-9_](?:[-A-Za-z0-9_]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[-A-Za-z0-9_]*[A-Za-z0-9_])?)+$"
            }
            "size-comparison" => r"^\s*(?:[<>]=?|==?|!=)?\s*\+?[.0-9].*$",
            "schedule" => "^(?:weekly|monthly|quarterly|yearly)$",
            "cron" => r"^\s*[-0-9A-Za-z*,/#]+(?:\s+[-0-9A-Za-z*,/#]+){4}\s*$",
            "timezone" => r"^[A-Za-z][-+0-9A-Za-z_/]*$",
            "connect-to" => r"^\s*.+:[0-9]+\s*=\s*.+:[0-9]+\s*$",
            _ => return notify::pattern(format).or_else(|| EstateFormats.pattern(format)),
        })
    }
}

/// A schedule that is a word.
fn word(text: &str) -> Result<(), BadName> {
    let words: Vec<String> = schedule::words().collect();
    if words.iter().any(|word| word == text) {
        return Ok(());
    }
    let known = words.iter().map(String::as_str);
    let help = match nearest(text, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if schedule::check_cron(text).is_ok() => {
            format!("an expression stands in a mapping: `schedule: {{ cron: \"{text}\" }}`")
        }
        None => {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            format!("write {}, or `{{ cron: \"0 6 1 */3 *\", timezone: Europe/Berlin }}`", list(&words))
        }
    };
    // The words of the schema give the same message, which is then told once.
    Err(BadName { message: format!("`{}` is not a schedule", short(text)), help })
}

/// A name that the sandbox answers. A hosted zone holds it, which has the name above it.
fn answered_name(text: &str) -> Result<(), BadName> {
    let bad = |message: String| BadName { message, help: "write a whole name: `db.orders.internal`".into() };
    if text.contains('*') {
        return Err(bad(format!(
            "`{}` stands for many names, and a name of the sandbox is one",
            short(text)
        )));
    }
    let name = asked::dns_name(text).map_err(|wrong| bad(wrong.message))?;
    if name != text.to_ascii_lowercase() {
        return Err(bad(format!("`{}` is not written as it is looked up: `{name}`", short(text))));
    }
    if !name.contains('.') {
        return Err(bad(format!("`{}` has no name above it", short(text))));
    }
    Ok(())
}

/// A time zone. A city without its continent is a usual mistake.
fn zone(text: &str) -> Result<(), BadName> {
    let Err(bad) = schedule::zone(text) else { return Ok(()) };
    let city = |name: &&str| name.rsplit_once('/').is_some_and(|(_, city)| city.eq_ignore_ascii_case(text));
    let near = nearest(text, schedule::zones()).or_else(|| schedule::zones().find(city));
    Err(near.map_or(bad.clone(), |near| BadName { help: format!("did you mean `{near}`?"), ..bad }))
}
