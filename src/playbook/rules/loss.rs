//! The loss: exactly one, in the estate, and not the place of the sandbox.

use super::Context;
use super::facts::Facts;
use crate::draft::Draft;
use base::ids::{AccountId, AzId, Region};
use estate::Loss;
use estate::file::EstateFile;
use yaml::diagnostic::{nearest, suggest};
use yaml::{Diagnostics, Span};

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    exactly_one(draft, out);
    let Some((loss, span)) = &draft.loss else { return };
    let region = Facts::sandbox_region(draft);
    let region_span = draft.text_at(&["sandbox", "region"]).map_or(*span, |text| text.span);
    let account_span = draft.text_at(&["sandbox", "account"]).map_or(*span, |text| text.span);
    match loss {
        Loss::Region(lost) if region.as_ref() == Some(lost) => out.push(
            draft
                .source
                .error(region_span, format!("the sandbox is in `{lost}`, the region that is lost"))
                .help("restore into a region that survives"),
        ),
        Loss::Account(lost) if Facts::sandbox_account(draft).as_ref() == Some(lost) => out.push(
            draft
                .source
                .error(account_span, format!("the sandbox is in account {lost}, which is lost"))
                .help("restore into an account that survives"),
        ),
        Loss::Az(_) | Loss::Region(_) | Loss::Account(_) => {}
    }
    let Some(file) = facts.file else { return };
    if let Some((message, help)) = unknown(loss, file) {
        out.push(draft.source.error(*span, message).help(help));
        return;
    }
    sandbox_in_estate(draft, file, region.as_ref(), (region_span, account_span), out);
    if let (Loss::Az(lost), Some(region)) = (loss, &region)
        && let Some(entry) = file.regions.get(region)
        && !entry.azs.is_empty()
        && entry.azs.iter().all(|az| az == lost)
    {
        out.push(
            draft
                .source
                .error(region_span, format!("every zone that the estate knows in `{region}` is lost"))
                .help("restore into a region with zones that survive"),
        );
    }
}

fn exactly_one(draft: &Draft<'_>, out: &mut Diagnostics) {
    let Some(node) = draft.root.get("lose") else { return };
    let Some(map) = node.as_map() else { return };
    let known = ["region", "az", "account"];
    let given: Vec<_> =
        map.entries.iter().filter(|e| !e.value.is_null() && known.contains(&e.key.as_str())).collect();
    match given.as_slice() {
        [] if map.entries.iter().any(|e| nearest(&e.key, known).is_some()) => {}
        [] => {
            let span = Span::new(node.span.start, node.span.start + 1);
            out.push(
                draft
                    .source
                    .error(span, "nothing is lost")
                    .help("name one: `region: us-east-1`, `az: use1-az1` or `account: \"111122223333\"`"),
            );
        }
        [_] => {}
        [first, rest @ ..] => {
            for entry in rest.iter().filter(|entry| entry.key != first.key) {
                out.push(
                    draft
                        .source
                        .error(entry.key_span, format!("both `{}` and `{}` are lost", first.key, entry.key))
                        .help("a drill loses exactly one: write a playbook for each"),
                );
            }
        }
    }
}

/// A message and help if the estate does not have what is lost.
fn unknown(loss: &Loss, file: &EstateFile) -> Option<(String, String)> {
    let help = |found: Option<String>| found.unwrap_or_else(|| "the estate has none".into());
    match loss {
        Loss::Region(region) if !file.regions.contains_key(region) => Some((
            format!("the estate has no region `{region}`"),
            help(suggest(region.as_str(), file.regions.keys().map(Region::as_str), "region")),
        )),
        Loss::Az(az) if !file.regions.values().any(|entry| entry.azs.contains(az)) => {
            let all = file.regions.values().flat_map(|entry| &entry.azs).map(AzId::as_str);
            Some((
                format!("no region of the estate has the zone `{az}`"),
                help(suggest(az.as_str(), all, "zone")),
            ))
        }
        Loss::Account(account) if !file.accounts.contains_key(account) => Some((
            format!("the estate has no account {account}"),
            help(suggest(account.as_str(), file.accounts.keys().map(AccountId::as_str), "account")),
        )),
        Loss::Az(_) | Loss::Region(_) | Loss::Account(_) => None,
    }
}

fn sandbox_in_estate(
    draft: &Draft<'_>,
    file: &EstateFile,
    region: Option<&Region>,
    (region_span, account_span): (Span, Span),
    out: &mut Diagnostics,
) {
    if let Some(region) = region.filter(|region| !file.regions.contains_key(*region)) {
        out.push(
            draft
                .source
                .error(region_span, format!("the estate has no region `{region}`, where the sandbox is"))
                .help(format!(
                    "add it to the estate's `regions`, with its zones: `{region}: {{ azs: [{}-az1, …] }}`",
                    region.zone_prefix()
                )),
        );
    }
    if let Some(account) =
        Facts::sandbox_account(draft).filter(|account| !file.accounts.contains_key(account))
    {
        out.push(
            draft
                .source
                .error(account_span, format!("the estate has no account {account}, where the sandbox is"))
                .help(format!("add it to the estate's `accounts`: `\"{account}\": {{ name: sandbox }}`")),
        );
    }
}
