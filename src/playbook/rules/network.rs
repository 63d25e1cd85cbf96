//! The sandbox's network: its range, and the zones that it spans.

use super::Context;
use super::facts::Facts;
use crate::playbook::cidr::Cidr;
use crate::playbook::draft::Draft;
use crate::yaml::{Diagnostics, Value};

/// The longest prefix that a subnet of a VPC may have.
const SMALLEST_SUBNET: u32 = 28;

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let azs_node = draft.node_at(&["sandbox", "network", "azs"]);
    let azs = match azs_node.map(|node| &node.value) {
        None => Some(2),
        Some(Value::Number(number, _)) => number.as_u64().filter(|n| (1..=6).contains(n)),
        Some(_) => None,
    };
    let cidr_text = draft.text_at(&["sandbox", "network", "cidr"]);
    let cidr = cidr_text.and_then(|text| text.parse::<Cidr>());
    if let (Some(text), Some(cidr)) = (cidr_text, cidr) {
        if !(16..=26).contains(&cidr.prefix) {
            out.push(
                draft
                    .source
                    .error(text.span, format!("`{}` is not the size of a sandbox", text.text))
                    .help("a VPC takes a /16 at most, and its subnets want a /26 at least: `10.66.0.0/16`"),
            );
        } else if let Some(azs) = azs {
            // One subnet per zone, all of one size: a power of two of them.
            let bits = u64::next_power_of_two(azs).trailing_zeros();
            if u32::from(cidr.prefix) + bits > SMALLEST_SUBNET {
                out.push(
                    draft
                        .source
                        .error(
                            text.span,
                            format!(
                                "`{}` has no room for {azs} subnets of a /{SMALLEST_SUBNET} or more",
                                text.text
                            ),
                        )
                        .help(format!(
                            "use a /{} or a shorter prefix, or fewer `azs`",
                            SMALLEST_SUBNET - bits
                        )),
                );
            }
        }
        if !cidr.is_private() {
            out.push(
                draft
                    .source
                    .warning(text.span, format!("`{}` is not a private range", text.text))
                    .help("use one of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"),
            );
        }
    }
    let (Some(azs), Some(network)) = (azs, draft.node_at(&["sandbox", "network"])) else { return };
    let span = azs_node.map_or(network.span, |node| node.span);
    let rds = draft
        .items
        .iter()
        .find(|item| item.decl.is_some_and(|d| d.name.starts_with("rds.") && d.name != "rds.copy_snapshot"));
    if let (1, Some(item)) = (azs, rds) {
        out.push(
            draft
                .source
                .error(
                    span,
                    format!("one zone is not enough for the {}: RDS wants subnets in two", item.name()),
                )
                .help("write `azs: 2`"),
        );
    }
    let Some(region) = Facts::sandbox_region(draft) else { return };
    let Some(entry) = facts.file.and_then(|file| file.regions.get(&region)) else { return };
    let lost = draft.loss.as_ref().and_then(|(loss, _)| loss.az());
    let surviving = entry.azs.iter().filter(|az| Some(*az) != lost).count();
    // None at all is the business of the rule about what is lost.
    if surviving > 0 && azs > surviving as u64 {
        out.push(
            draft
                .source
                .error(
                    span,
                    format!(
                        "{azs} zones are wanted, but only {surviving} of `{region}` survive in the estate"
                    ),
                )
                .help(format!("write `azs: {surviving}`, or add the region's other zones to the estate")),
        );
    }
}
