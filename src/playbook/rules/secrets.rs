//! Secrets in expressions: their references, and where they are allowed.

use super::Context;
use super::facts::Facts;
use crate::action::{Catalogue, FileKind};
use crate::check::CheckType;
use crate::draft::{Draft, Item, Use};
use crate::expr::SECRET;
use crate::secret::SecretRef;
use estate::Loss;
use yaml::diagnostic::list;
use yaml::{Diagnostics, Node, Span};

pub fn check(draft: &Draft<'_>, _: &Facts<'_>, context: &Context<'_>, out: &mut Diagnostics) {
    for item in &draft.items {
        for used in item.uses_of_names.iter().filter(|used| used.path.first().is_some_and(|p| p == SECRET)) {
            // Skips `{{ secret }}` and the like. The rule for references reports them.
            let [_, reference] = used.path.as_slice() else { continue };
            match reference.parse::<SecretRef>() {
                Err(wrong) => out.push(draft.source.error(used.span, wrong.message).help(wrong.help)),
                Ok(reference) => {
                    lost(draft, used, &reference, out);
                    place(draft, item, used, context.catalogue, out);
                }
            }
        }
    }
}

/// Reports a secret that is lost. A secret that a real disaster would make unreadable must not be
/// read before the drill either.
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
                    format!("the secret is in {region} of account {account}, which is lost with {loss}"),
                )
                .help("name its replica in a surviving region, or another secret there"),
        );
    }
}

/// Reports a secret in an argument that does not allow one. Other arguments are kept on record and
/// name resources.
fn place(draft: &Draft<'_>, item: &Item<'_>, used: &Use, catalogue: Catalogue, out: &mut Diagnostics) {
    let program = if item.is_step {
        let allowed = item.decl.map_or(&[][..], |decl| decl.secrets);
        let stands =
            |key: &&&str| item.with.and_then(|with| with.get(key)).is_some_and(|node| holds(node, used.span));
        if item.decl.is_some() && !allowed.iter().any(|key| stands(&key)) {
            let action = item.decl.map_or("", |decl| decl.name);
            let help = match allowed {
                [] => format!("secrets are allowed in checks, and in {}", takers(catalogue)),
                some => format!("in `{action}`, secrets are allowed in {}", list(some)),
            };
            out.push(
                draft
                    .source
                    .error(
                        used.span,
                        format!(
                            "a secret is not allowed here: the arguments of the {} are kept on record",
                            item.name()
                        ),
                    )
                    .help(help),
            );
            return;
        }
        let name = item.decl.and_then(|decl| decl.files_of(FileKind::Program).next());
        name.and_then(|name| item.with?.get(name))
    } else {
        let command = item.kinds.iter().find(|(kind, _)| *kind == CheckType::Command);
        command.and_then(|(_, entry)| entry.value.get("run"))
    };
    if program.is_some_and(|program| holds(program, used.span)) {
        out.push(
            draft
                .source
                .warning(used.span, "everyone on this machine can read the arguments of a running program")
                .help("give the secret as a variable: `env: { PASSWORD: '{{ secret \"…\" }}' }`"),
        );
    }
}

/// The actions that take secrets, the most general ones first. The catalogue has them last.
fn takers(catalogue: Catalogue) -> String {
    let takers = catalogue.0.iter().rev().filter(|decl| !decl.secrets.is_empty());
    let names: Vec<String> = takers.map(|decl| format!("`{}`", decl.name)).collect();
    match names.as_slice() {
        [some @ .., last] if !some.is_empty() => format!("{} and {last}", some.join(", ")),
        one => one.concat(),
    }
}

fn holds(node: &Node, span: Span) -> bool {
    node.span.start <= span.start && span.end <= node.span.end
}
