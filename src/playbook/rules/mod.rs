//! Rules for playbooks: mistakes that remain although each value is well formed. Each rule is one
//! file and one row of `RULES`.

mod addresses;
mod answers;
mod arguments;
mod checks;
mod claims;
mod connect_to;
mod contents;
mod context;
mod coverage;
mod cycles;
mod data;
mod endpoints;
mod estate_links;
mod facts;
mod files;
mod identity;
mod loss;
mod lost_sources;
mod names;
mod network;
mod nothing;
mod notify;
mod objectives;
mod offers;
mod partitions;
mod pitr;
mod references;
mod roles;
mod schedule;
mod secrets;
mod shown;
mod templates;
mod times;
mod workloads;

use super::draft::Draft;
use facts::Facts;
use yaml::Diagnostics;

pub use context::Context;

type Rule = fn(&Draft<'_>, &Facts<'_>, &Context<'_>, &mut Diagnostics);

const RULES: [Rule; 32] = [
    identity::check,
    partitions::check,
    names::check,
    cycles::check,
    arguments::check,
    references::check,
    roles::check,
    answers::check,
    secrets::check,
    workloads::check,
    shown::check,
    coverage::check,
    claims::check,
    objectives::check,
    checks::check,
    data::check,
    addresses::check,
    endpoints::check,
    loss::check,
    nothing::check,
    network::check,
    lost_sources::check,
    pitr::check,
    offers::check,
    files::check,
    contents::check,
    templates::check,
    times::check,
    schedule::check,
    notify::check,
    connect_to::check,
    estate_links::check,
];

pub fn check(draft: &Draft<'_>, context: &Context<'_>, out: &mut Diagnostics) {
    let facts = Facts::new(draft, context);
    for rule in RULES {
        rule(draft, &facts, context, out);
    }
}
