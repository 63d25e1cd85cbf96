//! Coverage: a tag may select more resources than a step restores. The others are not restored.

use super::Context;
use super::facts::Facts;
use super::lost_sources::find;
use crate::action::SourceWhat;
use crate::draft::Draft;
use crate::expr::is_template;
use yaml::Diagnostics;

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    for ((item, source), read) in draft.items.iter().zip(&facts.sources).zip(&facts.read) {
        let (Some(with), Some(source), Some(read)) = (item.with, source, read) else { continue };
        let SourceWhat::Of { kind, name, .. } = &source.what else { continue };
        if !name.starts_with("tag:") || is_template(name) {
            continue;
        }
        let found = facts.resources_named(kind, name);
        let span = find(with, name).unwrap_or(with.span);
        if *kind != "ec2:instance" {
            if found.len() > 1 {
                out.push(
                    draft
                        .source
                        .warning(
                            span,
                            format!(
                                "`{name}` selects {} resources of type `{kind}`, but the {} restores one",
                                found.len(),
                                item.name()
                            ),
                        )
                        .help("restore each in a step of its own, by its name"),
                );
            }
            continue;
        }
        let (Some((loss, _)), Some(machines)) = (&draft.loss, read.demands().machines) else { continue };
        let lost = found.iter().filter(|resource| loss.takes_resource(resource)).count() as u64;
        if let Some(launched) = machines.count.filter(|count| u64::from(*count) < lost) {
            let count = with.get("count");
            out.push(
                draft
                    .source
                    .warning(
                        count.map_or(span, |node| node.span),
                        format!("`{name}` selects {lost} lost machines, but only {launched} are launched"),
                    )
                    .help(format!("launch as many as are lost: `count: {lost}`")),
            );
        }
    }
}
