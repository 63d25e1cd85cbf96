//! Restores by AWS Backup, where no action of the service itself can restore a resource. A recovery point
//! that lies elsewhere is copied into the sandbox first.
//!
//! Nobody but a person knows the roles that AWS Backup acts with, and the key of the copies. They are
//! marked.

use super::restore::{Found, Item, Names, Restore, Sandbox, check};
use base::ids::AccountId;
use estate::plane::control_plane;
use estate::point::{Use, Wanted, select};
use estate::{PointKind, RecoveryPoint};
use port::restorable::is_continuous;
use port::{Kind, Restorable};
use yaml::emit::scalar as text;

const KINDS: [PointKind; 1] = [PointKind::Backup];

/// What restores a resource from a point of AWS Backup. The error says why nothing does.
pub fn of(found: &Found<'_>, names: &mut Names) -> Result<Restore, String> {
    let id = &found.entry.id;
    let restorable = Restorable::of(&id.kind).ok_or("AWS Backup does not restore it into a sandbox")?;
    let lost = found.sandbox.loss.region().zip(restorable.leads_to());
    if let Some(plane) =
        lost.and_then(|(region, (service, operation))| control_plane(region.as_str(), service, operation))
    {
        return Err(plane.lost());
    }
    let by_arn = |point: &RecoveryPoint| format!("recovery_point: {}", text(&point.id));
    let from = |point: &RecoveryPoint| match &id.place {
        None => format!("resource: {}", text(&id.to_string())),
        // An id that says its place is none for a step: the point's ARN is.
        Some(_) => by_arn(point),
    };
    let mut steps = Vec::new();
    let source = if let Some(point) = found.newest(&KINDS, false) {
        from(point)
    } else {
        let point = to_copy(found).ok_or_else(|| found.why_not(&KINDS))?;
        let copy = copy(found, restorable, point, &from(point), names);
        let copied = text(&format!("{{{{ steps.{}.recovery_point }}}}", copy.id));
        steps.push(copy);
        format!("recovery_point: {copied}")
    };
    steps.push(restore(found, restorable, &source, names));
    let step = steps.last().map(|step| step.id.clone()).unwrap_or_default();
    let (lines, todo) = if restorable == Restorable::FileSystem {
        let mount = Item {
            id: names.item(&format!("mount-{}", id.name)),
            lines: vec![
                "uses: efs.mount".into(),
                format!("with: {{ file_system: \"{{{{ steps.{step}.file_system_id }}}}\" }}"),
            ],
            todo: None,
        };
        let address = format!("tcp: {{ address: \"{{{{ steps.{}.address }}}}:2049\" }}", mount.id);
        steps.push(mount);
        (address, "read a file, too: its files lie in `aws-backup-restore_TIME`")
    } else {
        looked_at(restorable, &step)
    };
    Ok(Restore { steps, check: check(&step, vec![lines, "within: 30m".into()], Some(todo), names) })
}

/// The newest point that can be copied: the newest of its account that survives, is no continuous one and
/// does not lie in cold storage.
fn to_copy<'a>(found: &'a Found<'_>) -> Option<&'a RecoveryPoint> {
    let Sandbox { region, loss, t0, .. } = *found.sandbox;
    let mut owners: Vec<&AccountId> = found.points.iter().map(|point| &point.account).collect();
    owners.sort();
    owners.dedup();
    let of = |owner: &'a AccountId| {
        let can =
            |point: &&RecoveryPoint| point.account == *owner && !is_continuous(&point.id) && !point.cold;
        let points: Vec<RecoveryPoint> = found.points.iter().filter(can).cloned().collect();
        let on = Use { loss, t0, account: owner, reader: None, region, kinds: &KINDS, across_regions: true };
        let chosen = select(&points, &Wanted::Latest, &on).chosen?;
        found.points.iter().find(|point| point.id == chosen.id && point.account == chosen.account)
    };
    owners.into_iter().filter_map(of).max_by_key(|point| point.taken)
}

fn copy(
    found: &Found<'_>,
    restorable: Restorable,
    point: &RecoveryPoint,
    from: &str,
    names: &mut Names,
) -> Item {
    let sandbox = found.sandbox;
    let needs_key = point.account != *sandbox.account && !restorable.is_fully_managed();
    let partition = sandbox.region.partition();
    let key = format!("arn:{partition}:kms:{}:{}:key/KEY", sandbox.region, sandbox.account);
    let key = if needs_key { format!(", kms_key: {}", text(&key)) } else { String::new() };
    let with = format!("with: {{ from: {{ {from} }}, role: {}{key} }}", role(found, &point.account));
    let mut todo =
        format!("the role of account {} that AWS Backup copies with; the copy takes time", point.account);
    if needs_key {
        todo.push_str("; the customer managed key of the copies, in the sandbox's account");
    }
    let id = names.item(&format!("copy-{}", found.entry.id.name));
    let timeout = "timeout: 6h".to_owned();
    Item { id, lines: vec!["uses: backup.copy".into(), with, timeout], todo: Some(todo) }
}

fn restore(found: &Found<'_>, restorable: Restorable, source: &str, names: &mut Names) -> Item {
    let name = &found.entry.id.name;
    let mut more = String::new();
    let mut todo = "the role of the sandbox's account that AWS Backup restores with".to_owned();
    if restorable.is_cluster() {
        let class = found.entry.class.as_deref();
        more = format!(", class: {}", text(class.unwrap_or("db.r6g.large")));
        if class.is_none() {
            todo.push_str("; the class: the estate does not say it");
        }
    }
    if restorable == Restorable::Bucket {
        more = format!(", to: {}", text(&names.bucket(name)));
    }
    let role = role(found, found.sandbox.account);
    let with = format!("with: {{ from: {{ {source} }}, role: {role}{more} }}");
    Item { id: names.item(name), lines: vec!["uses: backup.restore".into(), with], todo: Some(todo) }
}

fn role(found: &Found<'_>, account: &AccountId) -> String {
    text(&format!("arn:{}:iam::{account}:role/ROLE", found.sandbox.region.partition()))
}

/// The check of what was restored, and what a person should ask besides.
fn looked_at(restorable: Restorable, step: &str) -> (String, &'static str) {
    let state = |output: &str| format!("state: {{ of: \"{{{{ steps.{step}.{output} }}}}\" }}");
    match restorable.row().makes {
        Kind::DbInstance => (state("db_id"), "ask for data, too (`sql`)"),
        Kind::DbCluster => (state("cluster_id"), "ask for data, too (`sql`)"),
        Kind::Instance => (state("instance_id"), "ask the application, too (`http`, `tcp`)"),
        Kind::Table => (
            format!("dynamodb: {{ table: \"{{{{ steps.{step}.table }}}}\", min_items: 1 }}"),
            "a key that must be there",
        ),
        Kind::Bucket => {
            (format!("s3: {{ bucket: \"{{{{ steps.{step}.bucket }}}}\" }}"), "how many objects there must be")
        }
        Kind::Volume
        | Kind::Vpc
        | Kind::Subnet
        | Kind::SecurityGroup
        | Kind::DbSubnetGroup
        | Kind::Snapshot
        | Kind::Image
        | Kind::KeyPair
        | Kind::Address
        | Kind::DbSnapshot
        | Kind::DbClusterSnapshot
        | Kind::FileSystem
        | Kind::MountTarget
        | Kind::Vault
        | Kind::CopyJob
        | Kind::RestoreJob
        | Kind::Function
        | Kind::DomainList
        | Kind::RuleGroup
        | Kind::QueryLog
        | Kind::Zone
        | Kind::Stack => (state("volume_id"), "attach it to a machine, and ask for its data"),
    }
}
