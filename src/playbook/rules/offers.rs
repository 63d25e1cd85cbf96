//! Instance types and DB classes that the sandbox's region does not offer, where the estate says
//! what it offers.

use super::Context;
use super::facts::Facts;
use crate::action::ActionDecl;
use crate::draft::Draft;
use crate::expr::is_template;
use yaml::diagnostic::suggest;
use yaml::{Diagnostics, Node};

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let Some(region) = Facts::sandbox_region(draft) else { return };
    let Some(entry) = facts.file.and_then(|file| file.regions.get(&region)) else { return };
    for item in draft.items.iter().filter(|item| item.is_step) {
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
