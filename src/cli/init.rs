//! `drillmaster init`

use std::io::Write as _;
use std::path::{Path, PathBuf};

use chrono::Utc;

use super::ignores::load_estate_or_complain;
use super::output::{complain, complained, print_as, write_stderr};
use super::plan;
use base::exit::Exit;
use base::visible::Form;
use estate::{Loss, Selector};
use insight::init::{Wanted, draft};

/// Write a first playbook for an estate and a loss, valid as written
///
/// It restores everything that is lost and that the program can restore, and checks it. The sandbox
/// is the surviving account and region in which most of it can be restored. What nothing restores
/// stands in a comment, with the reason. TODO marks what a person must decide.
///
/// Exit codes: 0 written; 1 nothing that is lost can be restored; 2 the estate or the command line
/// is wrong.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster init --estate drills/estate.yaml --lose region=us-east-1 -o playbook.yaml
  drillmaster init --estate drills/estate.yaml --lose az=use1-az1 --workload tag:app=orders")]
pub struct Args {
    /// The estate
    #[arg(long, value_name = "FILE")]
    estate: PathBuf,
    /// What is lost: `az=use1-az1`, `region=us-east-1` or `account=111122223333`
    #[arg(long, value_name = "KIND=ID", value_parser = plan::loss)]
    lose: Loss,
    /// Only resources with this tag (`tag:app=orders`), or of this id (`rds:db/orders`)
    #[arg(long = "workload", value_name = "SELECTOR", value_parser = only)]
    only: Vec<Only>,
    /// Write to this file instead of stdout. A file that exists is not overwritten
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone)]
enum Only {
    Tag(String, String),
    Selector(Selector),
}

fn only(text: &str) -> Result<Only, String> {
    if let Some((key, value)) = text.strip_prefix("tag:").and_then(|tag| tag.split_once('=')) {
        return Ok(Only::Tag(key.to_owned(), value.to_owned()));
    }
    let selector = text.parse::<Selector>();
    selector.map(Only::Selector).map_err(|wrong| format!("{}; {}", wrong.message, wrong.help))
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(()) => Exit::Passed,
        Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<(), Exit> {
    let wrong = complained(Exit::Wrong);
    let loaded = load_estate_or_complain(&args.estate)?;
    let at = args.estate.display();
    plan::is_in(&loaded.file, &args.lose)
        .and_then(|()| plan::can_judge(&loaded.file, std::slice::from_ref(&args.lose)))
        .map_err(|message| wrong(format!("{at}: {message}")))?;
    let mut only: Vec<Selector> = Vec::new();
    for wanted in &args.only {
        match wanted {
            Only::Selector(selector) => only.push(selector.clone()),
            // A tag without a type selects resources of every type that has it.
            Only::Tag(key, value) => {
                let tagged = loaded.file.resources.iter().filter(|r| r.tags.get(key) == Some(value));
                let before = only.len();
                only.extend(tagged.map(|r| Selector::Id(r.id.clone())));
                if only.len() == before {
                    return Err(wrong(format!("{at}: no resource has the tag {key}={value}")));
                }
            }
        }
    }
    let estate = relative(&args.estate, args.output.as_deref());
    let wanted =
        Wanted { file: &loaded.file, loss: &args.lose, only: &only, estate: &estate, t0: Utc::now() };
    let draft = draft(&wanted).map_err(|error| {
        complain(&format!("{at}: {error}; see `drillmaster plan --estate {at} --lose …`"));
        Exit::Failed
    })?;
    match &args.output {
        // An escape of JSON is one of YAML, too.
        None => print_as(&draft.text, Form::Json)?,
        Some(path) => write_new(path, &draft.text)
            .map_err(|error| wrong(format!("{}: it cannot be written: {error}", path.display())))?,
    }
    if let Some(told) = estate::incomplete::told(&loaded.file.incomplete) {
        write_stderr(&format!("warning: {told}; nothing of it is restored\n"));
    }
    let left = draft.left.len();
    write_stderr(&format!("{} restored, {left} left: the playbook says why\n", draft.restored));
    Ok(())
}

/// A playbook that somebody wrote is not overwritten.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// The estate's path, seen from the playbook's folder.
fn relative(estate: &Path, playbook: Option<&Path>) -> String {
    let folder = playbook.and_then(Path::parent).unwrap_or(Path::new(""));
    if folder.as_os_str().is_empty() || estate.is_absolute() {
        return estate.display().to_string();
    }
    match estate.strip_prefix(folder) {
        Ok(inside) => inside.display().to_string(),
        Err(_) => std::path::absolute(estate).unwrap_or_else(|_| estate.to_owned()).display().to_string(),
    }
}
