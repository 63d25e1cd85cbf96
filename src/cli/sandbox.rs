//! `drillmaster sandbox`: a sandbox that stays between drills.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::configuration::ConfigArg;
use super::output::write_stderr;
use super::wire::{self, Drill, Options};
use super::{complain, complained, joined, load_or_complain};
use crate::ui::OutputMode;
use crate::ui::text::{clean, count};
use base::duration::Span;
use base::exit::Exit;
use engine::run::{Engine, Standing, Stop};
use engine::sandbox::sweep::Expiry;

/// Keep a sandbox between drills on AWS: its network and its probe
///
/// `sandbox: { standing: NAME }` in a playbook names it. A drill that uses it prepares in seconds,
/// proves before T0 that it is closed and empty, and leaves it empty. One drill at a time can use it.
/// It costs nothing while nothing is in it.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make the standing sandbox that a playbook names, or what is missing of it
    ///
    /// Exit codes: 0 it stands, and was seen to be closed and empty; 2 the playbook or the command line
    /// is wrong; 3 it could not be made, and what was made stays for `sandbox down`.
    #[command(after_long_help = "\
Examples:
  drillmaster sandbox up playbook.yaml")]
    Up(Of),
    /// Say whether a drill could use it now; change nothing
    ///
    /// Exit codes: 0 a drill could use it; 1 it could not; 2 the playbook or the command line is wrong;
    /// 3 it could not be looked at.
    #[command(after_long_help = "\
Examples:
  drillmaster sandbox status playbook.yaml")]
    Status(Of),
    /// Remove it
    ///
    /// With a probe this takes up to an hour: AWS Lambda keeps the network that long.
    ///
    /// Exit codes: 0 nothing of it is left; 2 the playbook or the command line is wrong; 3 a drill uses
    /// it, or it could not be looked at; 4 something is left.
    #[command(after_long_help = "\
Examples:
  drillmaster sandbox down playbook.yaml")]
    Down(DownArgs),
}

#[derive(clap::Args)]
struct Of {
    /// The playbook
    playbook: PathBuf,
    /// Override a param of the playbook
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = super::name_and_value)]
    params: Vec<(String, String)>,
    /// text: a few lines; json: the same as one object
    #[arg(long, value_enum, default_value_t, hide_possible_values = true, value_name = "text|json")]
    output: OutputMode,
    #[command(flatten)]
    config: ConfigArg,
}

#[derive(clap::Args)]
struct DownArgs {
    #[command(flatten)]
    of: Of,
    /// The time after which a resource that cannot be deleted is given up
    #[arg(long, value_name = "DURATION", default_value = "45m")]
    teardown_timeout: Span,
}

pub fn run(args: &Args) -> Exit {
    let ended = match &args.command {
        Command::Up(of) => up(of),
        Command::Status(of) => status(of),
        Command::Down(down) => take_down(down),
    };
    match ended {
        Ok(code) | Err(code) => code,
    }
}

fn up(of: &Of) -> Result<Exit, Exit> {
    write_stderr("Making the standing sandbox; a probe takes a minute or two …\n");
    let standing = carry_out(of, true, None, async |engine| Box::pin(engine.stand_up()).await)?;
    let code = if standing.is_usable() { Exit::Passed } else { Exit::Error };
    print(of, &standing, code)
}

fn status(of: &Of) -> Result<Exit, Exit> {
    let standing = carry_out(of, true, None, async |engine| Box::pin(engine.look_at_standing()).await)?;
    let code = if standing.is_usable() { Exit::Passed } else { Exit::Failed };
    print(of, &standing, code)
}

fn take_down(down: &DownArgs) -> Result<Exit, Exit> {
    write_stderr("Removing the standing sandbox; with a probe this takes up to an hour …\n");
    let patience = Some(down.teardown_timeout);
    let work = async |engine: &Engine| Box::pin(engine.take_down()).await;
    let (parts, left) = carry_out(&down.of, false, patience, work)?;
    let code = if left.is_empty() { Exit::Passed } else { Exit::LeftBehind };
    let text = match down.of.output {
        OutputMode::Json => {
            let all = json!({
                "schema": "drillmaster/sandbox/v1", "removed": parts, "left_behind": left, "exit_code": code,
            });
            format!("{all:#}\n")
        }
        OutputMode::Text => {
            let mut text = match parts.len() {
                0 => "nothing of it was there\n".to_owned(),
                parts => format!("{} removed\n", count(parts.saturating_sub(left.len()), "resource")),
            };
            for left in &left {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "left behind: {}", clean(left));
            }
            text
        }
    };
    super::print_as(&text, down.of.output.form())?;
    Ok(code)
}

/// Does something with the standing sandbox of a playbook, with the probe's program if it makes the probe or
/// compares it.
fn carry_out<T>(
    of: &Of,
    needs_program: bool,
    patience: Option<Span>,
    work: impl AsyncFnOnce(&Engine) -> Result<T, Stop>,
) -> Result<T, Exit> {
    let wrong = complained(Exit::Wrong);
    let config = of.config.load_or_complain()?;
    let loaded = load_or_complain(&of.playbook, &of.params, &config)?;
    if loaded.playbook.sandbox.standing.is_none() {
        let place = loaded.place_of("/sandbox");
        return Err(wrong(format!(
            "{place}: the playbook names no standing sandbox: add `standing: NAME` to its `sandbox`"
        )));
    }
    let plan = wire::plan_of(loaded).map_err(wrong)?;
    let mut options = Options::live("drillmaster-sandbox", &config);
    options.needs_program = needs_program;
    options.patience = patience.map_or(options.patience, |patience| patience.0);
    let runtime = wire::runtime().map_err(wrong)?;
    let ended = runtime.block_on(async {
        let drill = Drill::new(plan, &options, &[], CancellationToken::new(), |_| Vec::new())?;
        Ok::<_, String>(Box::pin(drill.with_engine(work)).await)
    });
    // Some tasks may never return, such as a name lookup.
    runtime.shutdown_background();
    let (done, record, _) = ended.map_err(wrong)?;
    done.map_err(|stop| {
        for finding in &record.findings {
            write_stderr(&format!("{}: {}\n", clean(&finding.resource), clean(&finding.message)));
        }
        let (code, error, help) = match stop {
            Stop::Interrupted => (Exit::Interrupted, "interrupted".to_owned(), None),
            Stop::Aborted { error, help } => (Exit::Error, error, help),
            Stop::Mistaken { error, help } => (Exit::Wrong, error, help),
        };
        complain(&joined(&error, help.as_deref()));
        code
    })
}

fn print(of: &Of, standing: &Standing, code: Exit) -> Result<Exit, Exit> {
    let text = match of.output {
        OutputMode::Json => format!("{:#}\n", as_json(standing, code)),
        OutputMode::Text => as_text(standing),
    };
    super::print_as(&text, of.output.form())?;
    Ok(code)
}

fn as_json(standing: &Standing, code: Exit) -> Value {
    let held = standing.holder.as_ref().map(|held| {
        let until = match &held.until {
            Expiry::Expired(at) | Expiry::StandsUntil(at) => Some(at),
            Expiry::Unknown(_) => None,
        };
        json!({ "run": held.run, "until": until })
    });
    let exposures = standing.exposures.iter();
    let exposures: Vec<Value> = exposures
        .map(|found| json!({ "rule": found.leak.rule(), "resource": found.resource, "what": found.what }))
        .collect();
    json!({
        "schema": "drillmaster/sandbox/v1",
        "standing": standing.name,
        "account": standing.place.account,
        "region": standing.place.region,
        "resources": standing.parts,
        "missing": standing.missing,
        "held_by": held,
        "exposures": exposures,
        "usable": standing.is_usable(),
        "exit_code": code,
    })
}

fn as_text(standing: &Standing) -> String {
    let mut text = String::new();
    let mut line = |words: String| {
        // Writing to a string cannot fail. Names and errors come from outside, so they are cleaned.
        let _ = writeln!(text, "{}", clean(&words));
    };
    line(format!("standing sandbox `{}` in account {}", standing.name, standing.place));
    for part in &standing.parts {
        line(format!("  {part}"));
    }
    for missing in &standing.missing {
        line(format!("  missing: {missing}"));
    }
    for found in &standing.exposures {
        line(format!("  {}: {}", found.resource, found.what));
    }
    line(match (&standing.holder, standing.is_usable()) {
        (Some(held), _) => match &held.until {
            Expiry::StandsUntil(at) => format!("in use by the run {}, until {at} at the latest", held.run),
            Expiry::Expired(at) => {
                format!(
                    "the run {} has left it at {at} without a teardown: the next drill removes what is left",
                    held.run
                )
            }
            Expiry::Unknown(why) => format!("in use by the run {}: {why}", held.run),
        },
        (None, true) => "closed and empty: a drill can use it".to_owned(),
        (None, false) if standing.parts.is_empty() => {
            "it is not there: `drillmaster sandbox up` makes it".to_owned()
        }
        (None, false) => "no drill can use it".to_owned(),
    });
    text
}
