//! Tunnels: one for each `HOST:PORT`.

use std::collections::HashSet;

use super::Context;
use super::facts::Facts;
use crate::connect_to::ConnectTo;
use crate::draft::Draft;
use estate::production::canonical;
use yaml::{Diagnostics, Node};

pub fn check(draft: &Draft<'_>, _: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let mut seen = HashSet::new();
    for (node, tunnel) in tunnels(draft) {
        if !seen.insert((canonical(&tunnel.host), tunnel.port)) {
            let from = tunnel.from();
            out.push(
                draft.source.error(node.span, format!("`{from}` has a tunnel already")).help("keep one"),
            );
        }
    }
}

/// The tunnels of the playbook. One that cannot be read has been reported against the schema.
pub(super) fn tunnels<'a>(draft: &'a Draft<'_>) -> impl Iterator<Item = (&'a Node, ConnectTo)> {
    let nodes = draft.root.get("connect_to").and_then(Node::as_seq).unwrap_or_default();
    nodes.iter().filter_map(|node| Some((node, node.as_str()?.parse().ok()?)))
}
