//! Asks a person before a drill on AWS: what it would do, as the live accounts show it now.

use std::io::BufRead as _;

use super::complain;
use super::output::write_stderr;
use super::person;
use super::plan::{Planned, prices};
use crate::config::UserConfig;
use crate::ui::Surroundings;
use crate::ui::text::clean;
use base::exit::Exit;
use base::on::On;
use checks::ConnectTo;
use playbook::Loaded;

/// Shows the plan and the look at the live accounts, and asks once. `Err`: the drill is not wanted.
/// Nothing was touched then.
///
/// Without a terminal nobody is asked, and the drill may begin.
pub fn ask(loaded: &Loaded, config: &UserConfig, connect_to: &[ConnectTo]) -> Result<(), Exit> {
    if !person::is_there() {
        return Ok(());
    }
    write_stderr("Looking at the live accounts; nothing is changed …\n");
    let planned = Planned::of(loaded, config, &prices(None)?, On::Aws, connect_to)?;
    write_stderr(&format!("{}\n", planned.as_text(Surroundings::detect().stderr_look())));
    let sandbox = &loaded.playbook.sandbox;
    let account = loaded.playbook.accounts.get(&sandbox.account).map(|account| account.id.to_string());
    write_stderr(&format!(
        "Run this drill? It creates resources in account {} in {}, and deletes them at its end.\nOnly `yes` runs it: ",
        clean(account.as_deref().unwrap_or(&sandbox.account)),
        sandbox.region
    ));
    let mut answer = String::new();
    // The end of the input is no answer, and neither is what cannot be read.
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && answer.trim().eq_ignore_ascii_case("yes") {
        return Ok(());
    }
    complain("the drill was not confirmed: nothing was touched; `--yes` runs it without asking");
    Err(Exit::Wrong)
}
