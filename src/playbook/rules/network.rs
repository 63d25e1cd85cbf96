//! The sandbox's network: its range and its zones.

use super::Context;
use super::facts::Facts;
use crate::action::{ActionDecl, Prepared};
use crate::cidr;
use crate::draft::Draft;
use base::ids::AzId;
use yaml::{Diagnostics, Value};

/// The longest prefix that a subnet of a VPC may have.
const SMALLEST_SUBNET: u32 = 28;

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let azs_node = draft.node_at(&["sandbox", "network", "azs"]);
    let zones = zones(draft, facts, out);
    let azs = match azs_node.map(|node| &node.value) {
        None => Some(2),
        Some(Value::Number(number, _)) => number.as_u64().filter(|n| (1..=6).contains(n)),
        Some(_) => None,
    };
    if let (Some(node), Some(azs), Some(zones)) = (azs_node, azs, zones)
        && azs != zones
    {
        out.push(
            draft
                .source
                .error(node.span, format!("`azs` is {azs}, and `zones` names {zones}"))
                .help("leave `azs` out: the zones are counted"),
        );
        return;
    }
    let azs = zones.or(azs);
    let cidr_text = draft.text_at(&["sandbox", "network", "cidr"]);
    let range = cidr_text.and_then(|text| cidr::read(text.text).ok());
    if let (Some(text), Some(range)) = (cidr_text, range) {
        if !(16..=26).contains(&range.prefix_len()) {
            out.push(
                draft
                    .source
                    .error(text.span, format!("`{}` is not a valid size for a sandbox", text.text))
                    .help("a VPC is at most a /16, and its subnets need at least a /26: `10.66.0.0/16`"),
            );
        } else if let Some(azs) = azs {
            // There is one subnet per zone, all of one size, so the range is split into a power of
            // two.
            let bits = u64::next_power_of_two(azs).trailing_zeros();
            if u32::from(range.prefix_len()) + bits > SMALLEST_SUBNET {
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
        if !cidr::is_private(range) {
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
    let in_subnets = |decl: &ActionDecl| decl.needs(Prepared::DbSubnetGroup);
    let rds = draft.items.iter().find(|item| item.decl.is_some_and(in_subnets));
    if let (1, Some(item)) = (azs, rds) {
        out.push(
            draft
                .source
                .error(
                    span,
                    format!("one zone is not enough for the {}: RDS needs subnets in two", item.name()),
                )
                .help("write `azs: 2`"),
        );
    }
    let Some(region) = Facts::sandbox_region(draft) else { return };
    let Some(entry) = facts.file.and_then(|file| file.regions.get(&region)) else { return };
    let lost = draft.loss.as_ref().and_then(|(loss, _)| loss.az());
    let surviving = entry.azs.iter().filter(|az| az.is_availability_zone() && Some(*az) != lost).count();
    // The rule about the loss reports the case that no zone survives.
    if surviving > 0 && azs > surviving as u64 {
        out.push(
            draft
                .source
                .error(
                    span,
                    format!(
                        "{azs} zones are required, but only {surviving} of `{region}` survive in the estate"
                    ),
                )
                .help(format!("write `azs: {surviving}`, or add the region's other zones to the estate")),
        );
    }
}

/// The number of zones that the playbook names. Each must be in the sandbox's region and survive.
fn zones(draft: &Draft<'_>, facts: &Facts<'_>, out: &mut Diagnostics) -> Option<u64> {
    let items = draft.node_at(&["sandbox", "network", "zones"])?.as_seq()?;
    let region = Facts::sandbox_region(draft);
    let known = region.as_ref().and_then(|region| facts.file.and_then(|file| file.regions.get(region)));
    let lost = draft.loss.as_ref().and_then(|(loss, _)| loss.az());
    let mut seen: Vec<AzId> = Vec::new();
    for item in items {
        // The schema reports texts that are not zone ids.
        let Some(az) = item.as_str().and_then(|text| text.parse::<AzId>().ok()) else { continue };
        let problem = if let Some(region) = region.as_ref().filter(|region| !region.holds(&az)) {
            let help = format!("its zones have ids such as `{}-az1`", region.zone_prefix());
            Some((format!("the zone `{az}` is not in `{region}`, where the sandbox is"), help))
        } else if !az.is_availability_zone() {
            let said = format!("`{az}` is a Local Zone, and a sandbox needs availability zones");
            let prefix = region.as_ref().map_or_else(|| "use1".to_owned(), base::ids::Region::zone_prefix);
            Some((said, format!("name zones of the region itself, such as `{prefix}-az1`")))
        } else if lost == Some(&az) {
            Some((format!("the zone `{az}` is lost"), "name one that survives".to_owned()))
        } else if seen.contains(&az) {
            Some((format!("the zone `{az}` is listed twice"), "keep one".to_owned()))
        } else if let Some(known) = known.filter(|known| !known.azs.contains(&az)) {
            let names: Vec<&str> = known.azs.iter().map(AzId::as_str).collect();
            let help = format!("the estate has {}: choose one of them, or add it there", names.join(", "));
            Some((format!("the estate has no zone `{az}`"), help))
        } else {
            None
        };
        if let Some((said, help)) = problem {
            out.push(draft.source.error(item.span, said).help(help));
        }
        seen.push(az);
    }
    Some(items.len() as u64)
}
