//! Tunnels: `HOST:PORT=ADDR:PORT`.

use std::collections::HashSet;

use super::Context;
use super::facts::Facts;
use crate::check::split_host_port;
use crate::draft::Draft;
use yaml::{Diagnostics, Node};

pub fn check(draft: &Draft<'_>, _: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let mut seen = HashSet::new();
    for node in draft.root.get("connect_to").and_then(Node::as_seq).unwrap_or_default() {
        let Some(text) = node.as_str() else { continue };
        let sides = text
            .split_once('=')
            .filter(|(from, to)| split_host_port(from).is_some() && split_host_port(to).is_some());
        match sides {
            None => out.push(
                draft
                    .source
                    .error(node.span, format!("`{text}` is not a tunnel"))
                    .help("write `HOST:PORT=ADDR:PORT`, such as `db.internal:5432=127.0.0.1:15432`"),
            ),
            Some((from, _)) if !seen.insert(from) => out.push(
                draft.source.error(node.span, format!("`{from}` has a tunnel already")).help("keep one"),
            ),
            Some(_) => {}
        }
    }
}
