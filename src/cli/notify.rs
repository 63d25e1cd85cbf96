//! `drillmaster notify`

use std::path::PathBuf;

use super::configuration::{ConfigArg, load_or_complain};
use super::output::{complain, complained, print};
use super::resume::kept_playbook;
use super::run_folder;
use super::telling::{TellArgs, Telling};
use crate::ui::text::clean;
use base::exit::Exit;

/// Tell of a finished run again, or try who would be told
///
/// Tells those whom the run's playbook names, as the run kept it, and those of the configuration. What is
/// told comes from the run's journal. Exit codes: 0 everybody was told; 1 somebody was not; 2 the run, the
/// playbook or the configuration is wrong, or names nobody.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster notify runs/20261122T074400Z-orders-1f3a2b4c
  drillmaster notify runs/rehearsal --playbook drills/region-loss.yaml
  drillmaster notify runs/rehearsal --metrics /var/lib/node_exporter/textfile")]
pub struct Args {
    /// The run's folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Tell those whom this playbook names, instead of those of the run's own
    #[arg(long, value_name = "FILE")]
    playbook: Option<PathBuf>,
    /// Override a param of `--playbook`
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = super::name_and_value, requires = "playbook")]
    params: Vec<(String, String)>,
    #[command(flatten)]
    telling: TellArgs,
    #[command(flatten)]
    config: ConfigArg,
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(code) | Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<Exit, Exit> {
    let wrong = complained(Exit::Wrong);
    let config = args.config.load_or_complain()?;
    let told = run_folder::read(&args.run).map_err(wrong)?;
    if let Some(next) = told.next() {
        return Err(wrong(format!("nobody is told of a run without an end: {next}")));
    }
    let loaded = match &args.playbook {
        Some(path) => load_or_complain(path, &args.params, &config)?,
        None => kept_playbook(&told.folder)?,
    };
    let (telling, unread) = Telling::read(&loaded, &args.telling, &config);
    if unread.is_empty() && telling.recipients.is_empty() && telling.metrics.is_none() {
        let message = "neither the playbook nor the configuration names anybody to tell: add `notify`, or give --metrics";
        return Err(wrong(message.to_owned()));
    }
    let report = &told.fold.report;
    let mut code = Exit::Passed;
    for why in unread {
        complain(&why);
        code = Exit::Failed;
    }
    for recipient in telling.recipients.iter().filter(|recipient| !recipient.wants(report)) {
        print(&format!("{}: does not ask for such a run\n", clean(recipient.name())))?;
    }
    for (name, sent) in telling.told(report) {
        match sent {
            Ok(()) => print(&format!("{}: told\n", clean(&name)))?,
            Err(why) => {
                complain(&format!("{name}: {why}"));
                code = Exit::Failed;
            }
        }
    }
    Ok(code)
}
