//! What the sandbox's region does not have, where the estate says what it has: instance types, DB
//! classes, keys, parameter groups and option groups.

use super::Context;
use super::facts::Facts;
use crate::action::ActionDecl;
use crate::draft::Draft;
use crate::expr::is_template;
use estate::file::{Existence, NAMED};
use yaml::diagnostic::suggest;
use yaml::{Diagnostics, Node};

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let Some(region) = Facts::sandbox_region(draft) else { return };
    let Some(entry) = facts.file.and_then(|file| file.regions.get(&region)) else { return };
    for item in draft.items.iter().filter(|item| item.is_step) {
        for named in NAMED {
            let node = item.with.and_then(|with| with.get(named.argument));
            let Some((name, node)) = node.and_then(|node| Some((node.as_str()?, node))) else { continue };
            if is_template(name) || named.existence(Some(entry), name) != Existence::Missing {
                continue;
            }
            let said = format!("the estate's region `{region}` has no {} `{name}`", named.what);
            let known = named.known(Some(entry)).iter().map(String::as_str);
            let help = suggest(name, known, named.what).unwrap_or_else(|| {
                format!("name one that the sandbox's account has there, or add it to `{}`", named.listed_in)
            });
            out.push(draft.source.error(node.span, said).help(help));
        }
        let (key, what, offered) = match item.decl.map(ActionDecl::service) {
            Some("rds") => ("class", "DB class", &entry.db_classes),
            Some("ec2") => ("type", "instance type", &entry.instance_types),
            Some(_) | None => continue,
        };
        let (Some(offered), Some(node)) = (offered, item.with.and_then(|with| with.get(key))) else {
            continue;
        };
        let Some(wanted) = Node::as_str(node).filter(|wanted| !is_template(wanted)) else { continue };
        if offered.iter().any(|known| known == wanted) {
            continue;
        }
        let help = suggest(wanted, offered.iter().map(String::as_str), what);
        let said = format!("the estate's region `{region}` does not offer the {what} `{wanted}`");
        out.push(draft.source.error(node.span, said).maybe_help(help));
    }
}
