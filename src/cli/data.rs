//! `drillmaster data`

use std::path::PathBuf;

use clap::Subcommand;

use super::output::{complain, complained, print_as, write_stderr};
use base::duration::Span;
use base::exit::Exit;
use base::visible::Form;
use playbook::asked;
use playbook::connect_to::ConnectTo;

/// Look at databases, for checks of their data
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Snapshot(SnapshotArgs),
}

/// Make the reference of a database, which `data` checks compare restored copies with
///
/// The reference holds names, definitions and row counts: tables, indexes, routines, extensions,
/// roles. It holds no row and no password. The command only reads, in short transactions. Each table
/// is counted, which takes long on large ones. What the user may not see is not in it: use one that
/// sees all.
///
/// The password comes from `PGPASSWORD` or `MYSQL_PWD`.
///
/// Exit codes: 0 written; 2 the command line is wrong; 3 the database cannot be read.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster data snapshot postgres://reader@db.example.com/orders -o reference.json
  drillmaster data snapshot mysql://reader@db.example.com/orders --password-env READER_PASSWORD")]
struct SnapshotArgs {
    /// The database: `postgres://user@host/database` or `mysql://…`
    url: String,
    /// Write to this file instead of stdout. A reference that is there is replaced
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The environment variable with the password; default: `PGPASSWORD` or `MYSQL_PWD`
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
    /// A PEM file with certificate authorities to trust besides the system's and those of RDS
    #[arg(long, value_name = "FILE")]
    ca_file: Option<String>,
    /// Connect to ADDR:PORT for HOST:PORT, host name and TLS verification unchanged
    #[arg(long, value_name = "HOST:PORT=ADDR:PORT")]
    connect_to: Vec<ConnectTo>,
    /// How long it may take
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    timeout: Span,
}

pub fn run(args: &Args) -> Exit {
    let Command::Snapshot(args) = &args.command;
    match carry_out(args) {
        Ok(()) => Exit::Passed,
        Err(code) => code,
    }
}

fn carry_out(args: &SnapshotArgs) -> Result<(), Exit> {
    let wrong = complained(Exit::Wrong);
    let url = asked::sql_url(&args.url).map_err(|bad| wrong(format!("{}; {}", bad.message, bad.help)))?;
    if url.engine == asked::SqlEngine::MySql && url.database.is_none() {
        return Err(wrong(
            "the URL names no database: write it at the end, `mysql://user@host/orders`".into(),
        ));
    }
    // A file that is none of ours is not replaced.
    if let Some(path) = args.output.as_deref().filter(|path| path.exists()) {
        let ours = std::fs::read_to_string(path)
            .is_ok_and(|text| text.contains(playbook::reference::SCHEMA) || text.trim().is_empty());
        if !ours {
            return Err(wrong(format!(
                "{} is no reference: it is not replaced; choose another file",
                path.display()
            )));
        }
    }
    let (text, told) = taken(args).map_err(|error| {
        complain(&format!("the database cannot be read: {error}"));
        Exit::Error
    })?;
    match &args.output {
        None => print_as(&text, Form::Json)?,
        Some(path) => std::fs::write(path, &text)
            .map_err(|error| wrong(format!("{}: it cannot be written: {error}", path.display())))?,
    }
    write_stderr(&told);
    Ok(())
}

#[cfg(feature = "live")]
fn taken(args: &SnapshotArgs) -> Result<(String, String), String> {
    use playbook::check::SqlTls;
    use playbook::data::DataCheck;

    let spec = DataCheck {
        url: args.url.clone(),
        against: None,
        rungs: None,
        tolerance: None,
        canary: None,
        boundary: None,
        password_env: args.password_env.clone(),
        tls: args.ca_file.clone().map(|file| SqlTls { ca_file: Some(file), ..SqlTls::default() }),
        timeout: Some(args.timeout.into()),
    };
    let net = checks::Net::new(args.connect_to.clone(), ".");
    let runtime = super::wire::runtime()?;
    let taken = runtime.block_on(checks::data::snapshot(&spec, &net))?;
    runtime.shutdown_background();
    let mut reference = taken.reference;
    reference.made_at = Some(chrono::Utc::now());
    let rows: u64 = reference.rows().values().sum();
    let mut told = String::new();
    for unread in &taken.unread {
        told += &format!("warning: {unread}; the rungs that need it will be unknown\n");
    }
    told += &format!("{} tables with {rows} rows\n", reference.tables.len());
    if reference.tables.is_empty() {
        return Err(
            "the user sees no table in it: is it the right database, and may the user read it?".into()
        );
    }
    let text = serde_json::to_string_pretty(&reference).map_err(|error| error.to_string())?;
    Ok((text + "\n", told))
}

#[cfg(not(feature = "live"))]
fn taken(args: &SnapshotArgs) -> Result<(String, String), String> {
    let SnapshotArgs { url: _, output: _, password_env: _, ca_file: _, connect_to: _, timeout: _ } = args;
    Err("this build has no network clients: build it with the feature `live`".into())
}
