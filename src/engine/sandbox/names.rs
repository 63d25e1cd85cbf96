//! The names that a closed sandbox answers.

use std::collections::BTreeSet;

use crate::plan::{Plan, Work};
use base::ids::RunId;
use estate::meaning::Inside;
use estate::production::canonical;
use playbook::check::CheckType;
use playbook::expr::is_template;
use port::NameRules;
use port::lookups::names_of_restored;

/// What the sandbox's resolver looks up: the names of what is restored, those that a zone answers for the
/// playbook, and those that checks of DNS ask for. Production's own names are refused, although AWS
/// gave them like those of what is restored, unless a zone answers them.
pub fn rules(plan: &Plan) -> NameRules {
    let mut allow = names_of_restored(&plan.sandbox.region);
    // A rule of its own answers each name of a firewall, before these. Until it does, the name is refused.
    let answered: BTreeSet<String> = plan.sandbox.names.keys().map(|name| canonical(name)).collect();
    let by_firewall = plan.sandbox.answers_by_firewall();
    if !by_firewall {
        allow.extend(plan.sandbox.names.keys().map(|name| name.to_ascii_lowercase()));
    }
    let waits = |name: &str| by_firewall && answered.contains(&canonical(name));
    let checks = plan.nodes.iter().filter_map(|node| match &node.work {
        Work::Check(work) if work.kind == CheckType::Dns => work.spec.get("name")?.as_str(),
        Work::Check(_) | Work::Step(_) => None,
    });
    let asked: BTreeSet<&str> = checks.filter(|name| !is_template(name) && !waits(name)).collect();
    allow.extend(asked.into_iter().map(str::to_owned));
    let of_restored = NameRules { refuse: Vec::new(), allow: names_of_restored(&plan.sandbox.region) };
    let own = plan.estate.iter().flat_map(|estate| &estate.resources).flat_map(|entry| &entry.addresses);
    let by_zone = |name: &str| !by_firewall && answered.contains(&canonical(name));
    let refuse: BTreeSet<&String> = own.filter(|name| of_restored.lets(name) && !by_zone(name)).collect();
    NameRules { refuse: refuse.into_iter().cloned().collect(), allow }
}

/// The private zones that hold the names of the playbook: each has the name above one of them.
pub fn zones(plan: &Plan) -> BTreeSet<String> {
    if plan.sandbox.answers_by_firewall() {
        return BTreeSet::new();
    }
    plan.sandbox.names.keys().filter_map(|name| zone_of(name)).collect()
}

/// The zone that holds a name.
pub fn zone_of(name: &str) -> Option<String> {
    name.split_once('.').map(|(_, above)| above.to_ascii_lowercase())
}

/// The sandbox, for the meaning of names.
pub fn inside(plan: &Plan, run: &RunId) -> Inside {
    Inside {
        region: plan.sandbox.region.clone(),
        names: plan.sandbox.names.keys().cloned().collect(),
        made: run.name_prefix(),
    }
}
