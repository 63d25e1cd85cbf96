//! Asks a person before a drill on AWS: what it would do, as the live accounts show it now.

use std::fmt::Write as _;
use std::io::BufRead as _;

use super::complain;
use super::output::write_stderr;
use super::person;
use super::plan::{Planned, prices};
use super::wire;
use crate::config::UserConfig;
use crate::ui::Surroundings;
use crate::ui::text::clean;
use base::exit::Exit;
use base::on::On;
use checks::ConnectTo;
use engine::plan::Plan;
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
    let plan = wire::plan_of(loaded.clone()).map_err(|message| {
        complain(&message);
        Exit::Wrong
    })?;
    write_stderr(&question(&plan));
    let mut answer = String::new();
    // The end of the input is no answer, and neither is what cannot be read.
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && answer.trim().eq_ignore_ascii_case("yes") {
        return Ok(());
    }
    complain("the drill was not confirmed: nothing was touched; `--yes` runs it without asking");
    Err(Exit::Wrong)
}

/// What the drill would do, the copy jobs outside of the sandbox by name.
fn question(plan: &Plan) -> String {
    let mut text = format!(
        "Run this drill? It creates resources in account {} in {}, and deletes them at its end.\n",
        plan.sandbox_account, plan.sandbox.region
    );
    for (node, _, copy) in plan.copies() {
        let from = match &copy.from {
            Some(from) => {
                let named = plan.accounts.iter().find(|(_, account)| account.id == *from);
                let name = named.map(|(name, _)| format!(" ({})", clean(name))).unwrap_or_default();
                format!("account {from}{name}")
            }
            None => "an account that is known only during the run".to_owned(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "Step `{}` starts a copy job of AWS Backup in {from}, with the role {}; no call stops it.",
            clean(&node.id),
            clean(&copy.role)
        );
    }
    text.push_str("Only `yes` runs it: ");
    text
}
