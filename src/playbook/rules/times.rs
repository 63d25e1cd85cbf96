//! Times of steps that cannot be intended. Those of checks stand with the checks.

use super::Context;
use super::facts::Facts;
use crate::draft::{Draft, Text};
use base::duration::Span as Length;
use yaml::{Diagnostics, Node};

pub fn check(draft: &Draft<'_>, _: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    for item in draft.items.iter().filter(|item| item.is_step) {
        let mut zero = |node: Option<&Node>, message: &str, help: &str| {
            let node = node.and_then(|node| Some(Text { text: node.as_str()?, span: node.span }));
            if let Some(text) = node.filter(|text| text.parse::<Length>().is_some_and(|it| it.0.is_zero())) {
                out.push(draft.source.error(text.span, message).help(help));
            }
        };
        zero(
            item.get("timeout"),
            "a step cannot succeed within 0s",
            "say how long it may take at most: `40m`; without `timeout` it may take as long as the sandbox stands",
        );
        zero(
            item.get("retry").and_then(|retry| retry.get("backoff")),
            "a step that failed cannot be tried again after 0s: what was wrong has had no time to pass",
            "leave some time before the second attempt: `10s`",
        );
    }
}
