//! `drillmaster discover`

#[cfg(feature = "aws")]
mod live;
mod progress;
mod target;

use crate::cli::arguments::region;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::json;

use self::progress::Shown;
use self::target::Target;
use super::configuration::ConfigArg;
use super::output::{complain, complained, print_as, write_stderr};
use crate::config::{SweptAccount, UserConfig};
use crate::ui::text::clean;
use crate::ui::{OutputMode, Surroundings};
use base::exit::Exit;
use base::ids::{AccountId, Region};
use base::visible::Form;
use estate::discovered::Discovered;
use estate::file::Incomplete;
use estate::write::{Asked, NotWritten, Written};

/// Read live accounts into an estate file; change nothing in AWS
///
/// Reads resources and recovery points with calls that only read. An existing file keeps what is
/// written by hand: comments, order, sections, and keys that AWS does not tell. An entry that is
/// gone from AWS is removed only if its place and type were read whole. What could not be read
/// stands under `incomplete:` in the file, and nothing is known of it.
///
/// Exit codes: 0 written; 2 the command line, the configuration or the existing file is wrong; 3
/// nothing could be read, or with --strict not everything.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster discover -o estate.yaml
  drillmaster discover -o estate.yaml --account production=111122223333,profile=prod-readonly")]
pub struct Args {
    /// The estate file to write, or `-` for stdout
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    out: PathBuf,
    /// Read this account: its name in the estate, its id, and the role or the profile that reaches
    /// it. NAME alone is an account of the configuration
    ///
    /// Default: the accounts of the configuration, or else the one of the default credentials.
    #[arg(long = "account", value_name = "NAME=ID[,role=ARN[,external_id=ID]|,profile=NAME]", value_parser = account)]
    accounts: Vec<Named>,
    /// Read this region
    ///
    /// Default: the regions of the configuration, or else all that are enabled in each account.
    #[arg(long = "region", value_name = "REGION", value_parser = region)]
    regions: Vec<Region>,
    /// Read only these services, with commas between them
    #[arg(long, value_name = "SERVICES", value_delimiter = ',')]
    services: Vec<String>,
    /// Exit code 3 if anything could not be read
    #[arg(long)]
    strict: bool,
    /// text: progress and changes on stderr; json: both as NDJSON on stdout
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    output: OutputMode,
    #[command(flatten)]
    config: ConfigArg,
}

/// An account of the command line.
#[derive(Debug, Clone)]
struct Named {
    name: String,
    /// `None`: the configuration says it.
    account: Option<SweptAccount>,
}

/// What is read.
#[derive(Debug)]
pub struct Reading {
    /// By their names in the estate. Empty: the account of the default credentials.
    pub accounts: Vec<(String, SweptAccount)>,
    pub regions: Vec<Region>,
    /// Empty: all.
    pub services: Vec<String>,
}

fn account(text: &str) -> Result<Named, String> {
    const FORM: &str =
        "write NAME=ID, NAME=ID,role=ARN, NAME=ID,role=ARN,external_id=ID or NAME=ID,profile=NAME";
    let Some((name, rest)) = text.split_once('=') else {
        return Ok(Named { name: text.to_owned(), account: None });
    };
    let mut parts = rest.split(',');
    let id = parts.next().unwrap_or_default().parse();
    let id = id.map_err(|e: base::ids::BadName| format!("{}; {}", e.message, e.help))?;
    let mut account = SweptAccount { id, profile: None, role: None, external_id: None };
    for part in parts {
        let (key, value) = part.split_once('=').filter(|(_, value)| !value.is_empty()).ok_or(FORM)?;
        let place = match key {
            "role" => &mut account.role,
            "profile" => &mut account.profile,
            "external_id" => &mut account.external_id,
            other => return Err(format!("`{other}` is no way into an account; {FORM}")),
        };
        if place.replace(value.to_owned()).is_some() {
            return Err(format!("`{key}` is given twice"));
        }
    }
    if name.is_empty() {
        return Err(format!("the account {} has no name; {FORM}", account.id));
    }
    Ok(Named { name: name.to_owned(), account: Some(account) })
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(code) | Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<Exit, Exit> {
    let wrong = complained(Exit::Wrong);
    let config = args.config.load_or_complain()?;
    let mut reading = what_to_read(args, &config).map_err(wrong)?;
    let target = Target::of(&args.out);
    if target.is_stdout() && args.output == OutputMode::Json {
        return Err(wrong(
            "`-o -` prints the estate to stdout, and so does `--output json` its events: name a file".into(),
        ));
    }
    // Reading takes minutes. A file that cannot be edited is told before.
    target.check().map_err(refuse)?;
    if reading.accounts.is_empty() {
        reading.accounts = vec![own_account()?];
    }
    let asked = Asked {
        accounts: reading.accounts.iter().map(|(_, account)| account.id.clone()).collect(),
        regions: reading.regions.iter().cloned().collect(),
        services: reading.services.iter().cloned().collect(),
    };
    let shown = Shown::new(args.output, &reading.accounts);
    let found = read(&reading, &shown)?;
    shown.end();
    if found.read.is_empty() && !found.incomplete.is_empty() {
        not_read(&found, args.output);
        complain("nothing could be read, so nothing is written");
        return Err(Exit::Error);
    }
    finish(args, &target, &found, &asked)
}

/// With the types that no reading tells of, for each account that was read.
fn with_never_read(found: &Discovered) -> Discovered {
    let mut all = found.clone();
    let accounts: BTreeSet<&AccountId> = found.read.iter().map(|read| &read.account).collect();
    for (kind, why) in never_read() {
        all.incomplete.extend(accounts.iter().map(|account| Incomplete {
            account: AccountId::clone(account),
            region: None,
            service: Some((*kind).to_owned()),
            why: format!("never read, because {why}: write those that you have into the file by hand"),
        }));
    }
    all.incomplete.sort();
    all
}

fn finish(args: &Args, target: &Target, found: &Discovered, asked: &Asked) -> Result<Exit, Exit> {
    let written = if args.services.is_empty() {
        target.write(&with_never_read(found), asked)
    } else {
        target.write(found, asked)
    };
    let written = written.map_err(refuse)?;
    let never: Vec<&str> = never_read().iter().map(|(kind, _)| *kind).collect();
    let code = if args.strict && !found.incomplete.is_empty() { Exit::Error } else { Exit::Passed };
    if target.is_stdout() {
        // An escape of JSON is one of YAML, too.
        print_as(&written.text, Form::Json)?;
    }
    not_read(found, args.output);
    match args.output {
        OutputMode::Json => {
            let changes = &written.changes;
            let mut line = json!({
                "event": "written", "file": args.out.display().to_string(), "added": changes.added,
                "changed": changes.changed, "gone": changes.gone, "not_listed": changes.strangers, "namesakes": changes.namesakes,
                "never_read": never, "incomplete": found.incomplete, "exit_code": code,
            });
            base::redact::value(&mut line);
            print_as(&format!("{line}\n"), Form::Json)?;
        }
        OutputMode::Text => {
            write_stderr(&told(&written, &args.out.display().to_string()));
            if args.services.is_empty() && !never.is_empty() {
                write_stderr(&format!(
                    "never read: {}; write those that you have into the file by hand\n",
                    never.join(", ")
                ));
            }
        }
    }
    Ok(code)
}

/// What is new in the file, for people.
fn told(written: &Written, path: &str) -> String {
    const NAMED: usize = 20;
    let changes = &written.changes;
    let (added, changed, gone) = (changes.added.len(), changes.changed.len(), changes.gone.len());
    let mut text = format!("{}: {added} added, {changed} changed, {gone} gone", clean(path));
    let mut names = changes.gone.iter().take(NAMED).map(|name| clean(name)).peekable();
    if names.peek().is_some() {
        text.push_str(": ");
        text.push_str(&names.collect::<Vec<_>>().join(", "));
        if let Some(more) = gone.checked_sub(NAMED).filter(|more| *more > 0) {
            // Writing to a string cannot fail.
            let _ = write!(text, " and {more} more");
        }
    }
    text.push('\n');
    if !changes.strangers.is_empty() {
        let ids: Vec<&str> = changes.strangers.iter().map(AccountId::as_str).collect();
        let _ = writeln!(
            text,
            "recovery points are shared with accounts that the estate does not list: {}; this is left out. To keep it, add them to `accounts` and discover again",
            ids.join(", ")
        );
    }
    if !changes.namesakes.is_empty() {
        let ids: Vec<_> = changes.namesakes.iter().map(|id| clean(id)).collect();
        let _ = writeln!(
            text,
            "ids that stand for several resources, whose recovery points cannot be told apart: {}; read their places in one run, which tells them apart by `[region=…]`",
            ids.join(", ")
        );
    }
    text
}

/// Tells what could not be read, with the reasons. NDJSON has had an event for each.
fn not_read(found: &Discovered, output: OutputMode) {
    if output == OutputMode::Json {
        return;
    }
    for incomplete in &found.incomplete {
        write_stderr(&format!("not read: {}: {}\n", clean(&incomplete.place()), clean(&incomplete.why)));
    }
}

fn refuse(why: NotWritten) -> Exit {
    match why {
        NotWritten::File(found) => {
            write_stderr(&found.render(Surroundings::detect().stderr_look().color));
            Exit::Wrong
        }
        NotWritten::Found(why) => {
            complain(&format!("the estate cannot be written: {why}"));
            Exit::Error
        }
    }
}

fn what_to_read(args: &Args, config: &UserConfig) -> Result<Reading, String> {
    let mut accounts: Vec<(String, SweptAccount)> = Vec::new();
    for named in &args.accounts {
        let account = match &named.account {
            Some(account) => account.clone(),
            None => config.accounts.get(&named.name).cloned().ok_or_else(|| {
                let known: Vec<&str> = config.accounts.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                format!(
                    "--account {}: the configuration has no such account (it has {known}): write NAME=ID",
                    named.name
                )
            })?,
        };
        accounts.push((named.name.clone(), account));
    }
    if args.accounts.is_empty() {
        accounts = config.accounts.iter().map(|(name, account)| (name.clone(), account.clone())).collect();
    }
    let mut seen = BTreeSet::new();
    if let Some((name, account)) = accounts.iter().find(|(_, account)| !seen.insert(&account.id)) {
        return Err(format!(
            "the account {} is named twice, the second time as `{name}`: keep one",
            account.id
        ));
    }
    let regions =
        if args.regions.is_empty() { config.regions.iter().cloned().collect() } else { args.regions.clone() };
    Ok(Reading { accounts, regions, services: args.services.clone() })
}

/// The account of the default credentials, and its name in the estate.
#[cfg(feature = "aws")]
fn own_account() -> Result<(String, SweptAccount), Exit> {
    let id = live::own_account()?;
    Ok((format!("account-{id}"), SweptAccount { id, profile: None, role: None, external_id: None }))
}

#[cfg(not(feature = "aws"))]
fn own_account() -> Result<(String, SweptAccount), Exit> {
    complain(super::wire::WITHOUT_AWS);
    Err(Exit::Wrong)
}

#[cfg(feature = "aws")]
fn read(reading: &Reading, shown: &Shown) -> Result<Discovered, Exit> {
    live::read(reading, shown)
}

/// The types that the scope table knows and `discover` cannot read, and why.
#[cfg(feature = "aws")]
fn never_read() -> &'static [(&'static str, &'static str)] {
    &::aws::discover::NOT_READ
}

#[cfg(not(feature = "aws"))]
fn never_read() -> &'static [(&'static str, &'static str)] {
    &[]
}

#[cfg(not(feature = "aws"))]
fn read(_: &Reading, _: &Shown) -> Result<Discovered, Exit> {
    complain(super::wire::WITHOUT_AWS);
    Err(Exit::Wrong)
}
