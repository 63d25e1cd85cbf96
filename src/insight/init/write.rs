//! The playbook's text.

use std::fmt::Write as _;

use super::restore::{Item, Sandbox};
use super::{Part, Wanted};
use estate::Loss;
use yaml::emit::scalar as text;

pub fn playbook(wanted: &Wanted<'_>, sandbox: &Sandbox<'_>, parts: &[Part]) -> String {
    let (kind, lost) = wanted.loss.key_and_name();
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "# A first playbook, written by `drillmaster init` from what the estate says.\n\
         # What a person must decide is marked TODO. `drillmaster plan` shows what it would do.\n\
         {}\
         name: {}\n\
         estate: {}\n\
         lose: {{ {kind}: {} }}\n\n\
         # TODO: the objectives of the business. Without them the report judges no time and no age.\n\
         # objectives: {{ rto: 4h, rpo: 24h }}\n\n",
        unread(wanted),
        text(&format!("{kind}-loss-{lost}")),
        text(wanted.estate),
        text(lost),
    );
    accounts(&mut out, wanted, sandbox);
    let _ = write!(
        out,
        "sandbox:\n  account: {}\n  region: {}\n  network: {{ cidr: 10.66.0.0/16, azs: {} }}\n  ttl: 8h\n\n",
        text(&name_of(wanted, sandbox)),
        sandbox.region,
        sandbox.zones.min(2)
    );
    out.push_str("workloads:\n");
    for part in parts {
        let _ = writeln!(out, "  {}:\n    resources:", text(&part.name));
        for resource in &part.resources {
            let _ = writeln!(out, "      - {}", text(resource));
        }
        for (resource, why) in &part.left {
            let _ = writeln!(out, "    # {} stays lost: {}", line(resource), line(why));
        }
    }
    out.push_str("\nsteps:\n");
    for part in parts {
        for step in part.restores.iter().flat_map(|restore| &restore.steps) {
            item(&mut out, &part.name, step, None);
        }
    }
    out.push_str("\nchecks:\n");
    for part in parts {
        for restore in &part.restores {
            let needs = restore.steps.last().map(|step| step.id.as_str());
            item(&mut out, &part.name, &restore.check, needs);
        }
        if part.restores.is_empty() {
            item(&mut out, &part.name, &never(part), None);
        }
    }
    out
}

/// What the estate does not know, as comments.
fn unread(wanted: &Wanted<'_>) -> String {
    let mut out = String::new();
    for one in &wanted.file.incomplete {
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "# TODO: `discover` could not read {}, so nothing of it is restored: {}",
            line(&one.place()),
            line(&one.why)
        );
    }
    out
}

/// The check of a workload that nothing restores. It never becomes healthy, so the drill says that
/// the workload stays lost.
fn never(part: &Part) -> Item {
    Item {
        id: format!("{}-stays-lost", part.name),
        lines: vec!["command: { run: [\"false\"] }".into(), "within: 1s".into()],
        todo: Some("a check of the workload, once a step restores it".into()),
    }
}

fn item(out: &mut String, workload: &str, item: &Item, needs: Option<&str>) {
    // Writing to a string cannot fail.
    if let Some(todo) = &item.todo {
        let _ = writeln!(out, "  # TODO: {}", line(todo));
    }
    let _ = writeln!(out, "  - id: {}\n    workload: {}", text(&item.id), text(workload));
    if let Some(needs) = needs {
        let _ = writeln!(out, "    needs: [{}]", text(needs));
    }
    for line in &item.lines {
        let _ = writeln!(out, "    {line}");
    }
}

/// The playbook's names of the accounts: those of the estate, if they differ from each other.
fn accounts(out: &mut String, wanted: &Wanted<'_>, sandbox: &Sandbox<'_>) {
    out.push_str("# TODO: how to get into each account on AWS: `profile:` or `role:`.\naccounts:\n");
    let is_lost = |id: &base::ids::AccountId| match wanted.loss {
        Loss::Account(lost) => lost == id,
        Loss::Az(_) | Loss::Region(_) => false,
    };
    for id in wanted.file.accounts.keys() {
        let note = if is_lost(id) { "   # lost" } else { "" };
        let _ = writeln!(out, "  {}: {{ id: \"{id}\" }}{note}", text(&account_name(wanted, id)));
    }
    let shares = wanted.file.resources.iter().any(|resource| resource.account == *sandbox.account);
    if shares {
        out.push_str(
            "# TODO: nothing can be restored in an account of its own. The sandbox lies in one with production.\n",
        );
    }
    out.push('\n');
}

fn name_of(wanted: &Wanted<'_>, sandbox: &Sandbox<'_>) -> String {
    account_name(wanted, sandbox.account)
}

fn account_name(wanted: &Wanted<'_>, id: &base::ids::AccountId) -> String {
    let name = wanted.file.accounts.get(id).map(|entry| entry.name.as_str()).unwrap_or_default();
    let same = wanted.file.accounts.values().filter(|entry| entry.name == name).count();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_name && same == 1 { name.to_owned() } else { format!("account-{id}") }
}

/// A text that stays in its line of comment.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
