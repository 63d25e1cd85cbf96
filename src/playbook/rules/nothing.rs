//! Nothing is not something: what a workload names must be known, must be one thing, and must be
//! lost. Otherwise a drill would pass although nothing of it was shown.

use std::collections::HashSet;

use super::Context;
use super::facts::Facts;
use super::workloads::lists_nothing;
use crate::action::{Arguments, SourceWhat};
use crate::draft::Draft;
use crate::expr::is_template;
use estate::file::EstateFile;
use estate::scope;
use estate::{IdPlace, Loss, Resource, ResourceId, Selector};
use yaml::{Diagnostics, Entry, Node, Span};

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    for entry in &draft.workloads.entries {
        only_commands(draft, facts, entry, out);
    }
    let (Some(file), Some((loss, span))) = (facts.file, &draft.loss) else { return };
    let named = Named::of(draft, facts);
    let vague = unknown_zones(draft, facts, file, loss, &named, out);
    namesakes(draft, facts, loss, &named, out);
    if !vague {
        nothing_lost(draft, facts, loss, *span, &named, out);
    }
}

/// The resources that the playbook names, each with the first place that names it.
struct Named {
    by_workloads: Vec<(usize, Span)>,
    by_steps: Vec<(usize, Span)>,
    /// Every selector was read, and selects something.
    complete: bool,
    /// Every source of a step names a resource of the estate.
    sources_known: bool,
}

impl Named {
    fn of(draft: &Draft<'_>, facts: &Facts<'_>) -> Self {
        let mut named =
            Self { by_workloads: Vec::new(), by_steps: Vec::new(), complete: true, sources_known: true };
        for entry in &draft.workloads.entries {
            for node in selectors_of(entry) {
                let selected = selector(node).map(|selector| facts.selected(&selector)).unwrap_or_default();
                named.complete &= !selected.is_empty();
                named.by_workloads.extend(selected.into_iter().map(|index| (index, node.span)));
            }
        }
        for (item, source) in draft.items.iter().zip(&facts.sources) {
            let Some(source) = source else { continue };
            let literal = match &source.what {
                SourceWhat::Of { name, .. } => !is_template(name),
                SourceWhat::Id(_) => false,
            };
            let selected = source.selects().filter(|_| literal);
            let selected = selected.map(|selector| facts.selected(&selector)).unwrap_or_default();
            named.sources_known &= !selected.is_empty();
            named.by_steps.extend(selected.into_iter().map(|index| (index, item.span())));
        }
        let mut seen = HashSet::new();
        named.by_workloads.retain(|(index, _)| seen.insert(*index));
        named
    }
}

fn selectors_of(entry: &Entry) -> &[Node] {
    entry.value.get("resources").and_then(Node::as_seq).unwrap_or_default()
}

fn selector(node: &Node) -> Option<Selector> {
    node.as_str()?.parse().ok()
}

/// A workload without a resource, of which no step restores or deploys anything.
fn only_commands(draft: &Draft<'_>, facts: &Facts<'_>, entry: &Entry, out: &mut Diagnostics) {
    if !lists_nothing(entry) {
        return;
    }
    let mut steps = draft
        .items
        .iter()
        .zip(&facts.read)
        .filter(|(item, _)| item.is_step && item.workload.is_some_and(|w| w.text == entry.key))
        .peekable();
    if steps.peek().is_none() {
        return;
    }
    // A step that could not be read may restore something.
    let makes_nothing = steps.all(|(_, read)| read.as_ref().is_some_and(|read| makes_nothing(&**read)));
    if makes_nothing {
        out.push(
            draft
                .source
                .error(
                    entry.key_span,
                    format!(
                        "the workload `{}` lists no resource, and none of its steps restores or deploys anything: \
                         nothing shows what came back",
                        entry.key
                    ),
                )
                .help("list its `resources`, and add the steps that restore them"),
        );
    }
}

fn makes_nothing(read: &dyn Arguments) -> bool {
    let demands = read.demands();
    read.source().is_none()
        && demands.machines.is_none()
        && demands.template.is_none()
        && demands.replica.is_none()
        && demands.bucket.is_none()
}

/// Reports zonal resources whose zone is not known while a zone is lost. Returns whether there are
/// any.
fn unknown_zones(
    draft: &Draft<'_>,
    facts: &Facts<'_>,
    file: &EstateFile,
    loss: &Loss,
    named: &Named,
    out: &mut Diagnostics,
) -> bool {
    let mut any = false;
    for (index, span) in &named.by_workloads {
        let Some(resource) = facts.resources.all.get(*index) else { continue };
        if !loss.may_take(resource) {
            continue;
        }
        any = true;
        out.push(
            draft
                .source
                .error(
                    *span,
                    format!(
                        "the estate does not say in which zone `{}` is: whether it is lost with {loss} is unknown",
                        resource.id
                    ),
                )
                .help(format!("write its zone in the estate: {}", zones(file, resource))),
        );
    }
    any
}

fn zones(file: &EstateFile, resource: &Resource) -> String {
    let entry = resource.locus.region.as_ref().and_then(|region| file.regions.get(region));
    let zones = entry.into_iter().flat_map(|entry| &entry.azs);
    zones.map(|az| format!("`az: {az}`")).collect::<Vec<_>>().join(" or ")
}

/// One id that stands for several resources that are lost. Recovery points and steps name a resource
/// by its id alone, so nobody could say which of them came back. If one of them is lost, that one is
/// meant, and the run says so.
fn namesakes(draft: &Draft<'_>, facts: &Facts<'_>, loss: &Loss, named: &Named, out: &mut Diagnostics) {
    let mut seen: HashSet<&ResourceId> = HashSet::new();
    for (index, span) in named.by_workloads.iter().chain(&named.by_steps) {
        let Some(resource) = facts.resources.all.get(*index) else { continue };
        if !seen.insert(&resource.id) {
            continue;
        }
        let all = facts.selected(&Selector::Id(resource.id.clone()));
        let all = all.into_iter().filter_map(|index| facts.resources.all.get(index));
        let lost: Vec<&Resource> = all.filter(|resource| loss.takes_resource(resource)).collect();
        let [_, second, ..] = lost.as_slice() else { continue };
        let places: Vec<String> = lost.iter().map(|resource| resource.locus.place()).collect();
        let place = IdPlace { account: None, region: second.locus.region.clone() };
        let by_region = lost.iter().filter(|other| place.holds(&other.locus)).count() == 1;
        let place = if by_region {
            place
        } else {
            IdPlace { account: second.locus.account.clone(), region: second.locus.region.clone() }
        };
        let id = ResourceId { place: Some(place), ..second.id.clone() };
        out.push(
            draft
                .source
                .error(
                    *span,
                    format!(
                        "`{}` stands for {} resources that are lost, in {}: nothing says which of them comes back",
                        resource.id,
                        lost.len(),
                        places.join(" and ")
                    ),
                )
                .help(format!(
                    "give the one in {} the id `{id}`: in the estate under `resources`, as `of` of its \
                     recovery points, and where the playbook means it",
                    second.locus.place()
                )),
        );
    }
}

/// A drill that loses nothing of what its workloads list.
fn nothing_lost(
    draft: &Draft<'_>,
    facts: &Facts<'_>,
    loss: &Loss,
    span: Span,
    named: &Named,
    out: &mut Diagnostics,
) {
    if sandbox_is_lost(draft, loss) || !is_in_estate(loss, facts) {
        return;
    }
    let lost = |(index, _): &(usize, Span)| {
        facts.resources.all.get(*index).is_some_and(|resource| loss.takes_resource(resource))
    };
    let message = if !facts.resources.all.iter().any(|resource| loss.takes_resource(resource)) {
        format!("nothing of the estate lives in {loss}: nothing is lost")
    } else if named.complete && !named.by_workloads.is_empty() && !named.by_workloads.iter().any(lost) {
        format!("nothing that the workloads list lives in {loss}: the drill would lose nothing of them")
    } else if named.by_workloads.is_empty()
        && named.complete
        && named.sources_known
        && !named.by_steps.is_empty()
        && !named.by_steps.iter().any(lost)
    {
        format!("nothing that the steps restore lives in {loss}, and no workload lists anything that does")
    } else {
        return;
    };
    out.push(
        draft
            .source
            .error(span, message)
            .help("lose the zone, region or account that production lives in, and list what lives there"),
    );
}

/// Whether the estate has what is lost. The rule about the loss reports it otherwise.
fn is_in_estate(loss: &Loss, facts: &Facts<'_>) -> bool {
    facts.file.is_some_and(|file| match loss {
        Loss::Az(az) => file.regions.values().any(|entry| entry.azs.contains(az)),
        Loss::Region(region) => file.regions.contains_key(region),
        Loss::Account(account) => file.accounts.contains_key(account),
    })
}

/// A mistake that the rule about the loss reports.
fn sandbox_is_lost(draft: &Draft<'_>, loss: &Loss) -> bool {
    let account = Facts::sandbox_account(draft);
    let region = Facts::sandbox_region(draft);
    loss.account().is_some_and(|lost| account.as_ref() == Some(lost))
        || loss.region().is_some_and(|lost| region.as_ref() == Some(lost))
}

/// Whether no data of the workload are lost: each resource that it lists is of a type without data,
/// or is known to survive.
pub fn loses_no_data(facts: &Facts<'_>, loss: &Loss, entry: &Entry) -> bool {
    let listed = selectors_of(entry);
    !listed.is_empty()
        && listed.iter().all(|node| {
            let Some(selector) = selector(node) else { return false };
            if scope::row_of(selector.kind()).is_some_and(|row| !row.data) {
                return true;
            }
            let selected = facts.selected(&selector);
            let survives =
                |index: &usize| facts.resources.all.get(*index).is_some_and(|r| !loss.takes_resource(r));
            !selected.is_empty() && selected.iter().all(survives)
        })
}
