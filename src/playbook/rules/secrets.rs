//! Secrets in expressions: what they name, and where they may stand.

use super::Context;
use super::facts::Facts;
use crate::draft::{Draft, Item, Use};
use crate::expr::SECRET;
use crate::secret::SecretRef;
use estate::Loss;
use yaml::diagnostic::list;
use yaml::{Diagnostics, Node, Span};

pub fn check(draft: &Draft<'_>, _: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    for item in &draft.items {
        for used in item.uses_of_names.iter().filter(|used| used.path.first().is_some_and(|p| p == SECRET)) {
            // `{{ secret }}` and the like: a name that is not there, and reported as such.
            let [_, reference] = used.path.as_slice() else { continue };
            match reference.parse::<SecretRef>() {
                Err(wrong) => out.push(draft.source.error(used.span, wrong.message).help(wrong.help)),
                Ok(reference) => {
                    lost(draft, used, &reference, out);
                    place(draft, item, used, out);
                }
            }
        }
    }
}

/// What could not be read in a real disaster must not be read before it either.
fn lost(draft: &Draft<'_>, used: &Use, reference: &SecretRef, out: &mut Diagnostics) {
    let (Some((loss, _)), SecretRef::Aws(secret)) = (&draft.loss, reference) else { return };
    let Some((region, account)) = &secret.place else { return };
    let gone = match loss {
        Loss::Region(lost) => lost == region,
        Loss::Account(lost) => lost == account,
        Loss::Az(_) => false,
    };
    if gone {
        out.push(
            draft
                .source
                .error(
                    used.span,
                    format!("the secret lies in {region} of account {account}, which is lost with {loss}"),
                )
                .help("name its replica in a surviving region, or another secret there"),
        );
    }
}

/// A secret may stand where it goes no further than to whom it is given: what other arguments hold is kept on record,
/// and names resources.
fn place(draft: &Draft<'_>, item: &Item<'_>, used: &Use, out: &mut Diagnostics) {
    let command = if item.is_step {
        let allowed = item.decl.map_or(&[][..], |decl| decl.secrets);
        let stands =
            |key: &&&str| item.with.and_then(|with| with.get(key)).is_some_and(|node| holds(node, used.span));
        if item.decl.is_some() && !allowed.iter().any(|key| stands(&key)) {
            let action = item.decl.map_or("", |decl| decl.name);
            let help = match allowed {
                [] => "secrets can stand in checks, and in `command.run`, `cloudformation.deploy` and `ec2.launch`".to_owned(),
                some => format!("in `{action}`, secrets can stand in {}", list(some)),
            };
            out.push(
                draft
                    .source
                    .error(
                        used.span,
                        format!(
                            "a secret cannot stand here: what the {} is given is kept on record",
                            item.name()
                        ),
                    )
                    .help(help),
            );
            return;
        }
        item.with.filter(|_| item.decl.is_some_and(|decl| decl.name == "command.run"))
    } else {
        item.kinds.iter().find(|(kind, _)| *kind == "command").map(|(_, entry)| &entry.value)
    };
    if command.and_then(|command| command.get("run")).is_some_and(|run| holds(run, used.span)) {
        out.push(
            draft
                .source
                .warning(used.span, "everyone on this machine can read the arguments of a running program")
                .help("give the secret as a variable: `env: { PASSWORD: '{{ secret \"…\" }}' }`"),
        );
    }
}

fn holds(node: &Node, span: Span) -> bool {
    node.span.start <= span.start && span.end <= node.span.end
}
