//! Checks that nobody can ask on AWS: their addresses are inside the sandbox, into which nothing
//! leads, and there is neither a probe nor a tunnel.

use std::net::IpAddr;

use super::address::{Target, targets};
use super::check::{CheckKind, split_host_port};
use super::cidr;
use super::connect_to::ConnectTo;
use super::expr;
use super::load::Loaded;
use yaml::Diagnostics;

/// The checks that nobody can ask on AWS, with the tunnels of the command line.
pub fn out_of_reach(loaded: &Loaded, given: &[ConnectTo]) -> Diagnostics {
    let playbook = &loaded.playbook;
    if playbook.sandbox.probe().is_some() {
        return Diagnostics::default();
    }
    let tunnels: Vec<&ConnectTo> = given.iter().chain(&playbook.connect_to).collect();
    let mut found = Diagnostics::default();
    for (index, check) in playbook.checks.iter().enumerate() {
        let Some((of, spec)) = check.kind() else { continue };
        let Ok(kind) = serde_json::from_value::<CheckKind>(serde_json::json!({ of.key(): spec })) else {
            continue;
        };
        let is_out_of_reach =
            |target: &Target<'_>| target.dialled().is_some_and(|to| is_inside(loaded, to, &tunnels));
        let Some(target) = targets(&kind).into_iter().find(is_out_of_reach) else { continue };
        let pointer = format!("/checks/{index}/{}/{}", of.key(), target.field);
        let said = format!(
            "nothing can ask the check `{}` on aws: its address is inside the sandbox, into which nothing leads",
            check.id
        );
        let help =
            "add `sandbox.probe`, which asks checks from inside (docs/probe.md), or a tunnel (`connect_to`)";
        found.push(loaded.error_at(&pointer, said).help(help));
    }
    found
}

/// Whether an address is one of the sandbox's own, and no tunnel leads there.
fn is_inside(loaded: &Loaded, address: &str, tunnels: &[&ConnectTo]) -> bool {
    // The run alone knows what the names stand for. Any tunnel may be meant for it.
    if expr::is_template(address) {
        return tunnels.is_empty() && is_made_by_aws(loaded, address);
    }
    let (host, port) = match split_host_port(address) {
        Some((host, port)) => (host, Some(port)),
        None => (address, None),
    };
    let is_private = match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => cidr::is_private(ip.into()),
        Ok(IpAddr::V6(_)) | Err(_) => false,
    };
    is_private && !tunnels.iter().any(|tunnel| port.is_none_or(|port| tunnel.applies(host, port)))
}

/// Whether an address names an output of a step that makes something in the sandbox. What a program or
/// a person tells may be anywhere.
fn is_made_by_aws(loaded: &Loaded, address: &str) -> bool {
    // What cannot be read has been reported.
    let Ok(names) = expr::named(&address.into(), "steps") else { return false };
    let steps = &loaded.playbook.steps;
    let elsewhere = ["command.", "manual."];
    steps.iter().any(|step| names.contains(&step.id) && !elsewhere.iter().any(|of| step.uses.starts_with(of)))
}
