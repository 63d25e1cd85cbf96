//! Steps that name something lost, or something that the estate does not have.

use super::Context;
use super::facts::Facts;
use crate::action::{PointSpec, SourceSpec, SourceWhat};
use crate::draft::{Draft, Item};
use crate::expr::is_template;
use crate::stack::survives;
use base::ids::{AzId, Region};
use estate::Loss;
use estate::file::PointEntry;
use estate::production::Production;
use estate::scope;
use yaml::diagnostic::nearest;
use yaml::{Diagnostics, Entry, Node, Span, Value};

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let Some((loss, _)) = &draft.loss else { return };
    let production = Production::new(loss, facts.file, None);
    for ((item, source), read) in draft.items.iter().zip(&facts.sources).zip(&facts.read) {
        let Some(with) = item.with.filter(|_| item.is_step) else { continue };
        let mut check = LossCheck { draft, loss, item, out: &mut *out };
        check.arguments(with);
        if let Some(source) = source {
            check.source(with, source, facts);
        }
        // With an estate, the bucket of a source is looked up with its recovery points.
        let of_source = source.as_ref().filter(|_| facts.file.is_some()).and_then(SourceSpec::bucket);
        for read in read.iter().flat_map(|read| read.demands().reads) {
            if of_source != Some(read.name.as_str())
                && !is_template(&read.name)
                && !read.account.as_deref().is_some_and(|name| draft.is_elsewhere(name))
                && production.bucket(&read.name).is_some()
            {
                check.lost(
                    find(with, &read.name).unwrap_or(with.span),
                    &format!("the bucket `{}`", read.name),
                );
            }
        }
    }
}

struct LossCheck<'a, 'o> {
    draft: &'a Draft<'a>,
    loss: &'a Loss,
    item: &'a Item<'a>,
    out: &'o mut Diagnostics,
}

impl LossCheck<'_, '_> {
    fn lost(&mut self, span: Span, what: &str) {
        self.out.push(
            self.draft
                .source
                .error(
                    span,
                    format!("the {} names {what}, which is lost with {}", self.item.name(), self.loss),
                )
                .help("name something that survives; no call reaches what is lost"),
        );
    }

    fn lost_itself(&mut self, span: Span, what: &str) {
        self.out.push(
            self.draft
                .source
                .error(span, format!("the {} names {what}, which is lost", self.item.name()))
                .help("name one that survives; no call reaches what is lost"),
        );
    }

    /// Checks the literal regions, accounts, zones and ARNs anywhere in the arguments.
    fn arguments(&mut self, node: &Node) {
        match &node.value {
            Value::Map(map) => {
                // The regions of another provider are its own.
                let account = node.get("account").and_then(Node::as_str);
                let elsewhere = account.is_some_and(|name| self.draft.is_elsewhere(name));
                for entry in map.entries.iter().filter(|entry| !elsewhere || entry.key != "region") {
                    self.named(entry);
                    self.arguments(&entry.value);
                }
            }
            Value::Seq(items) => items.iter().for_each(|item| self.arguments(item)),
            Value::Str(text) if text.starts_with("arn:") => {
                let parts: Vec<&str> = text.splitn(6, ':').collect();
                let lost = match self.loss {
                    Loss::Region(region) => parts.get(3) == Some(&region.as_str()),
                    Loss::Account(account) => parts.get(4) == Some(&account.as_str()),
                    Loss::Az(_) => false,
                };
                if lost {
                    self.lost(node.span, "an ARN");
                }
            }
            Value::Null | Value::Broken | Value::Bool(_) | Value::Number(..) | Value::Str(_) => {}
        }
    }

    fn named(&mut self, entry: &Entry) {
        let Some(text) = entry.value.as_str().filter(|text| !is_template(text)) else { return };
        let span = entry.value.span;
        match (entry.key.as_str(), self.loss) {
            ("region", Loss::Region(lost)) if text == lost.as_str() => {
                self.lost_itself(span, &format!("the region `{lost}`"));
            }
            ("account", Loss::Account(lost))
                if text == lost.as_str()
                    || self.draft.account_id(text).is_some_and(|id| id.text == lost.as_str()) =>
            {
                self.lost_itself(span, &format!("the account `{text}`"));
            }
            ("az", loss) => match text.parse::<AzId>() {
                Err(bad) => self.out.push(self.draft.source.error(span, bad.message).help(bad.help)),
                Ok(az) if loss.az() == Some(&az) => self.lost_itself(span, &format!("the zone `{az}`")),
                Ok(az) => {
                    let sandbox = Facts::sandbox_region(self.draft);
                    if let Some(region) = sandbox.filter(|region: &Region| !region.holds(&az)) {
                        self.out.push(
                            self.draft
                                .source
                                .error(
                                    span,
                                    format!("the zone `{az}` is not in `{region}`, where the sandbox is"),
                                )
                                .help(format!("its zones have ids such as `{}-az1`", region.zone_prefix())),
                        );
                    }
                }
            },
            _ => {}
        }
    }

    fn source(&mut self, with: &Node, source: &SourceSpec, facts: &Facts<'_>) {
        let literal = |id: &&String| !is_template(id);
        match &source.what {
            SourceWhat::Id(id) => {
                if let Some(id) = Some(id).filter(literal) {
                    self.point(with, id, facts, false);
                }
            }
            SourceWhat::Of { kind, name, point } => {
                if let PointSpec::Id(id) = point
                    && !is_template(id)
                {
                    self.point(with, id, facts, true);
                }
                if facts.file.is_some() && !is_template(name) {
                    self.named_resource(with, kind, name, source.bucket().is_some(), facts);
                }
            }
        }
    }

    fn point(&mut self, with: &Node, id: &str, facts: &Facts<'_>, must_exist: bool) {
        let span = find(with, id).unwrap_or(with.span);
        let points = facts.points(id);
        let (Some(first), loss) = (points.first(), self.loss) else {
            if must_exist && let Some(file) = facts.file {
                let near = nearest(id, file.recovery_points.iter().map(|point| point.id.as_str()));
                let help = near.map_or_else(
                    || "write `latest`, `latest-clean`, `random`, the id of one of the estate's `recovery_points`, or a time such as `-2h`".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                self.out.push(
                    self.draft
                        .source
                        .warning(span, format!("the estate has no recovery point `{id}`"))
                        .help(help),
                );
            }
            return;
        };
        if points.iter().any(|point| survives(point, loss)) || id.starts_with("arn:") {
            return;
        }
        if self.key_is_lost(span, &format!("`{id}`"), points) {
            return;
        }
        let place = format!("`{id}` ({}, account {})", first.region, first.account);
        self.lost(span, &place);
    }

    /// Names the lost key, if a point's place survives and its key does not. Then the key is the
    /// cause, and not the place.
    fn key_is_lost(&mut self, span: Span, what: &str, points: &[&PointEntry]) -> bool {
        let lost = points.iter().find_map(|point| Some((point.lost_key(self.loss)?, point.kind)));
        let Some((key, kind)) = lost else { return false };
        let said =
            format!("the {} names {what}, whose key {key} is lost with {}", self.item.name(), self.loss);
        self.out.push(self.draft.source.error(span, said).help(kind.under_another_key()));
        true
    }

    /// Checks a resource that the source names. A bucket is read itself. Any other name only
    /// selects recovery points.
    fn named_resource(&mut self, with: &Node, kind: &str, name: &str, is_read: bool, facts: &Facts<'_>) {
        let span = find(with, name).unwrap_or(with.span);
        let found = facts.resources_named(kind, name);
        if is_read {
            let points = facts.points(name);
            let lost = !points.is_empty() && !points.iter().any(|point| survives(point, self.loss));
            let gone = !found.is_empty() && found.iter().all(|resource| self.loss.takes_resource(resource));
            if lost && !gone && self.key_is_lost(span, &format!("the bucket `{name}`"), points) {
                return;
            }
            if lost || gone {
                self.lost(span, &format!("the bucket `{name}`"));
                return;
            }
            if !points.is_empty() {
                return;
            }
        }
        if found.is_empty() && scope::row_of(kind).is_some() {
            let of_kind = facts.resources.all.iter().filter(|resource| resource.id.kind == kind);
            let near = nearest(name, of_kind.map(|resource| resource.id.name.as_str()));
            let help = near.map_or_else(
                || format!("add `{kind}/{name}` to the estate, or correct the name"),
                |near| format!("did you mean `{near}`?"),
            );
            self.out.push(
                self.draft
                    .source
                    .warning(span, format!("the estate has no `{kind}` named `{name}`"))
                    .help(help),
            );
        }
    }
}

/// The place of a text in the arguments.
pub(super) fn find(node: &Node, text: &str) -> Option<Span> {
    match &node.value {
        Value::Str(value) if value == text => Some(node.span),
        Value::Seq(items) => items.iter().find_map(|item| find(item, text)),
        Value::Map(map) => map.entries.iter().find_map(|entry| find(&entry.value, text)),
        Value::Null | Value::Broken | Value::Bool(_) | Value::Number(..) | Value::Str(_) => None,
    }
}
