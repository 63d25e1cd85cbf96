//! Point-in-time recovery and read replicas. Both stay in their account, and a replica in the
//! sandbox must be in another region than its source.

use super::Context;
use super::facts::Facts;
use crate::action::{PointSpec, Prepared, SourceSpec, SourceWhat};
use crate::draft::{Draft, Item};
use base::duration::{Span as Length, When};
use base::ids::Region;
use estate::point::LONGEST_RETENTION;
use yaml::{Diagnostics, Node};

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    replicas(draft, facts, out);
    let Some(sandbox) = Facts::sandbox_account(draft) else { return };
    for (item, source) in draft.items.iter().zip(&facts.sources) {
        let Some(source) =
            source.as_ref().filter(|s| s.kinds.iter().any(|kind| kind.is_bound_to_its_account()))
        else {
            continue;
        };
        let SourceWhat::Of { kind, name, .. } = &source.what else { continue };
        too_early(draft, facts, item, source, out);
        let found = facts.resources_named(kind, name);
        let Some(first) = found.first() else { continue };
        if found.iter().any(|resource| resource.locus.account.as_ref() == Some(&sandbox)) {
            continue;
        }
        let span = item
            .with
            .and_then(|with| with.get("from"))
            .and_then(|from| ["db", "cluster", "table"].into_iter().find_map(|key| from.get(key)))
            .map_or_else(|| item.span(), |node: &Node| node.span);
        let owner = first.locus.account.as_ref().map_or_else(String::new, ToString::to_string);
        let what = item.decl.map_or("", |decl| decl.name);
        out.push(
            draft
                .source
                .error(
                    span,
                    format!("`{what}` works only in the own account of `{name}` ({owner}), and the sandbox is in {sandbox}"),
                )
                .help(format!("{}, or put the sandbox into that account", elsewhere(kind))),
        );
    }
}

/// What brings a resource of this type into another account.
fn elsewhere(kind: &str) -> &'static str {
    match kind {
        "rds:cluster" => "restore a shared snapshot with `rds.restore_cluster`",
        "dynamodb:table" => "restore a copy that AWS Backup made into the sandbox's account",
        _ => "restore a shared snapshot with `rds.restore`",
    }
}

/// An instant before the earliest that the automated backups reach. Only times relative to T0 can
/// be compared here.
fn too_early(
    draft: &Draft<'_>,
    facts: &Facts<'_>,
    item: &Item<'_>,
    source: &SourceSpec,
    out: &mut Diagnostics,
) {
    let SourceWhat::Of { kind, name, point: PointSpec::BeforeT0(back) } = &source.what else { return };
    if !source.kinds.iter().all(|kind| kind.is_a_log()) {
        return;
    }
    let logs = facts.points_of(kind, name).filter(|point| source.kinds.contains(&point.kind));
    let Some(longest) = logs
        .map(|log| {
            let lag = match log.taken {
                Some(When::BeforeT0(lag)) => lag.0,
                Some(When::At(_) | When::AfterT0(_)) | None => std::time::Duration::ZERO,
            };
            lag.saturating_add(log.retention.unwrap_or(LONGEST_RETENTION).0)
        })
        .max()
    else {
        return;
    };
    if back.0 <= longest {
        return;
    }
    let span = item
        .with
        .and_then(|with| with.get("from"))
        .and_then(|from| from.get("point"))
        .map_or_else(|| item.span(), |node: &Node| node.span);
    let said = format!("the automated backups of `{name}` reach back {}, and not {back}", Length(longest));
    out.push(
        draft
            .source
            .error(span, said)
            .help("ask for a later instant, or restore an older snapshot or backup"),
    );
}

/// Within one region, a read replica is in its source's VPC. That is production's VPC, not the
/// sandbox's.
fn replicas(draft: &Draft<'_>, facts: &Facts<'_>, out: &mut Diagnostics) {
    let Some(sandbox) = Facts::sandbox_region(draft) else { return };
    for item in &draft.items {
        if !item.decl.is_some_and(|decl| decl.needs(Prepared::Replica)) {
            continue;
        }
        let Some(from) = item.with.and_then(|with| with.get("from")) else { continue };
        let Some((db, node)) = from.get("db").and_then(|node| Some((node.as_str()?, node))) else { continue };
        let named = from.get("source_region").and_then(|node| Some((node.as_str()?.parse().ok()?, node)));
        let in_arn = db.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2)?.parse::<Region>().ok());
        let (region, node) = match (in_arn, named) {
            (Some(region), _) => (Some(region), node),
            (None, Some((region, node))) => (Some(region), node),
            (None, None) => {
                let found = facts.resources_named("rds:db", db);
                let known = found.iter().find_map(|resource| resource.locus.region.clone());
                // If nothing names the region, assume the sandbox's region.
                (known.or_else(|| found.is_empty().then(|| sandbox.clone())), node)
            }
        };
        if region.as_ref() != Some(&sandbox) || crate::expr::is_template(db) {
            continue;
        }
        let nowhere = facts.resources_named("rds:db", db).is_empty() && from.get("source_region").is_none();
        let problem = if nowhere && !db.starts_with("arn:") {
            draft
                .source
                .error(node.span, format!("nothing says in which region the database `{db}` is"))
                .help("add `source_region: us-east-1` to `from`, or the database to the estate")
        } else {
            draft.source.error(
                node.span,
                format!("a replica of `{db}` cannot be in the sandbox: both are in `{sandbox}`, and within one region a replica is in its source's VPC"),
            )
            .help("put the sandbox into another region, or use `rds.restore_to_time` or `rds.restore`")
        };
        out.push(problem);
    }
}
