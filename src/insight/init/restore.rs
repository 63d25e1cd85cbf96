//! The steps and checks that restore one resource.

use std::collections::HashMap;

use base::duration::{Size, Time};
use base::ids::{AccountId, Region};
use estate::file::ResourceEntry;
use estate::point::{Use, Wanted, select};
use estate::{Loss, PointKind, RecoveryPoint, scope};

use super::backup;
use crate::protection::Snapshot;
use yaml::emit::scalar as text;

/// Where everything is restored.
#[derive(Debug, Clone, Copy)]
pub struct Sandbox<'a> {
    pub account: &'a AccountId,
    pub region: &'a Region,
    /// The zones that its network can use.
    pub zones: usize,
    pub loss: &'a Loss,
    pub t0: Time,
}

/// The lines of the steps and of the checks, in YAML, without the workload.
#[derive(Debug)]
pub struct Restore {
    pub steps: Vec<Item>,
    pub check: Item,
}

/// A step or a check: its id, what follows it, and what a person must decide.
#[derive(Debug)]
pub struct Item {
    pub id: String,
    pub lines: Vec<String>,
    pub todo: Option<String>,
}

/// The type of machines whose type the estate does not say.
const DEFAULT_TYPE: &str = "t3.medium";

/// Gives out ids that are not taken yet.
#[derive(Default)]
pub struct Names(HashMap<String, usize>);

impl Names {
    /// A workload's name: letters, digits, `-` and `_`.
    pub fn workload(&mut self, name: &str) -> String {
        self.free("workload", name)
    }

    fn free(&mut self, of: &str, name: &str) -> String {
        let plain: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
            .collect();
        let plain = plain.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
        let plain: String = plain.chars().take(40).collect();
        let plain = match plain.chars().next() {
            None => of.to_owned(),
            Some(first) if first.is_ascii_digit() => format!("{of}-{plain}"),
            Some(_) => plain,
        };
        let taken = self.0.entry(format!("{of}/{plain}")).or_default();
        *taken += 1;
        if *taken == 1 { plain } else { format!("{plain}-{taken}") }
    }

    pub(super) fn item(&mut self, name: &str) -> String {
        self.free("item", name)
    }

    /// A name for a bucket of the sandbox: at most 30 characters. Two buckets never share one.
    pub(super) fn bucket(&mut self, name: &str) -> String {
        let short: String = name.chars().take(26).collect();
        self.free("bucket", &short)
    }
}

/// What restores a resource. The error says why nothing does.
pub fn of(
    entry: &ResourceEntry,
    snapshot: &Snapshot<'_>,
    sandbox: &Sandbox<'_>,
    names: &mut Names,
) -> Result<Restore, String> {
    let found = Found { entry, points: snapshot.points(&entry.id), snapshot, sandbox };
    if entry.id.kind.starts_with("rds:") && sandbox.zones < 2 {
        return Err(format!(
            "RDS needs subnets in two zones, and {} has only {} left",
            sandbox.region, sandbox.zones
        ));
    }
    let by_service = match entry.id.kind.as_str() {
        "rds:db" => database(&found, names),
        "rds:cluster" => cluster(&found, names),
        "ec2:volume" => volume(&found, names),
        "ec2:instance" | "autoscaling:group" => machine(&found, names),
        "s3:bucket" => bucket(&found, names),
        "dynamodb:table" => table(&found, names),
        "ec2:key-pair" => Err("add `ec2.import_key_pair` with its public key, which no estate holds".into()),
        "cloudformation:stack" => Err("add `cloudformation.deploy` with its template".into()),
        kind => Err(match scope::row_of(kind).map(|row| row.restored_by) {
            Some([]) | None => "nothing of ours restores it".into(),
            Some(actions) => format!("add {} by hand", actions.join(" or ")),
        }),
    };
    let has_backup = found.points.iter().any(|point| point.kind == PointKind::Backup);
    match by_service {
        Err(why) if has_backup => {
            let only = scope::row_of(&entry.id.kind).is_some_and(|row| row.restored_by == ["backup.restore"]);
            backup::of(&found, names).map_err(|by_backup| if only { by_backup } else { why })
        }
        known => known,
    }
}

/// A lost resource and its recovery points.
pub(super) struct Found<'a> {
    pub(super) entry: &'a ResourceEntry,
    pub(super) points: &'a [RecoveryPoint],
    pub(super) snapshot: &'a Snapshot<'a>,
    pub(super) sandbox: &'a Sandbox<'a>,
}

impl Found<'_> {
    pub(super) fn newest(&self, kinds: &[PointKind], across_regions: bool) -> Option<&RecoveryPoint> {
        let Sandbox { account, region, loss, t0, .. } = *self.sandbox;
        let on = Use { loss, t0, account, reader: None, region, kinds, across_regions };
        select(self.points, &Wanted::Latest, &on).chosen
    }

    /// The source of a restore. An id that says its place is none for a step: the point's id is.
    fn from(&self, key: &str, point: &RecoveryPoint) -> String {
        match self.entry.id.place {
            None => format!("with: {{ from: {{ {key}: {} }} }}", text(&self.entry.id.name)),
            Some(_) => format!("with: {{ from: {{ snapshot: {} }} }}", text(&self.called(point))),
        }
    }

    /// The point's name in the sandbox, also if another account or region has one of the same name.
    fn called(&self, point: &RecoveryPoint) -> String {
        point.called_at(self.sandbox.account, self.sandbox.region)
    }

    /// The image for a step: by its machine, or by its own id.
    fn image(&self, point: &RecoveryPoint) -> String {
        let id = &self.entry.id;
        let is_named = id.kind == "ec2:instance" && id.place.is_none();
        if is_named { format!("{{ of: {} }}", text(&id.name)) } else { text(&point.id) }
    }

    /// Why no point of these kinds can be used: the most frequent reason.
    pub(super) fn why_not(&self, kinds: &[PointKind]) -> String {
        let Sandbox { account, region, loss, t0, .. } = *self.sandbox;
        let on = Use { loss, t0, account, reader: None, region, kinds, across_regions: true };
        let mut reasons: HashMap<String, usize> = HashMap::new();
        for point in self.points.iter().filter(|point| kinds.contains(&point.kind)) {
            if let Err(why) = point.judge(&on) {
                *reasons.entry(point.why(why, loss)).or_default() += 1;
            }
        }
        let most = reasons.into_iter().max_by(|a, b| (a.1, &b.0).cmp(&(b.1, &a.0)));
        most.map_or_else(
            || "it has no recovery point that an action can use".into(),
            |(why, count)| {
                let points = if count == 1 { "its recovery point" } else { "of its recovery points, most" };
                format!("{points}: {why}")
            },
        )
    }

    /// A copy step, for a point that cannot be used in place.
    fn copy(&self, kind: PointKind, action: &str, key: &str, names: &mut Names) -> Result<Item, String> {
        let point = self.newest(&[kind], true).ok_or_else(|| self.why_not(&[kind]))?;
        if point.encrypted {
            return Err(format!(
                "its recovery point {} is encrypted and needs a copy: add `{action}` with a `kms_key` of {}",
                point.id, self.sandbox.region
            ));
        }
        // A step finds a point of another region by its resource, or by an ARN, and EC2's have none.
        let is_bare = !self.called(point).starts_with("arn:");
        let is_named = self.entry.id.place.is_none() && self.entry.id.kind != "autoscaling:group";
        if !is_named && is_bare && point.region != *self.sandbox.region {
            return Err(format!(
                "its newest point is {} in {}, and `{action}` finds a point of another region only by the name \
                 of its resource: a group has no images of its own, and several resources may share a name",
                point.id, point.region
            ));
        }
        let id = names.item(&format!("copy-{}", self.entry.id.name));
        let from = match kind {
            PointKind::Ami => format!("with: {{ image: {} }}", self.image(point)),
            PointKind::EbsSnapshot
            | PointKind::RdsSnapshot
            | PointKind::RdsClusterSnapshot
            | PointKind::RdsPitr
            | PointKind::RdsReplica
            | PointKind::S3Replica
            | PointKind::S3Versions
            | PointKind::Backup
            | PointKind::DynamodbPitr
            | PointKind::DynamodbBackup
            | PointKind::EfsReplica => self.from(key, point),
        };
        Ok(Item { id, lines: vec![format!("uses: {action}"), from], todo: None })
    }
}

pub(super) fn check(of: &str, lines: Vec<String>, todo: Option<&str>, names: &mut Names) -> Item {
    Item { id: names.item(&format!("{of}-up")), lines, todo: todo.map(str::to_owned) }
}

const SQL: &str = "ask for data, too: `sql: { url: …, query: \"select count(*) from …\", expect: \">= 1\" }`";

fn database(found: &Found<'_>, names: &mut Names) -> Result<Restore, String> {
    let name = &found.entry.id.name;
    // The log is restored by the database's name, which the place of an id is no part of.
    let log = found.newest(&[PointKind::RdsPitr], false).filter(|_| found.entry.id.place.is_none());
    let snapshot = found.newest(&[PointKind::RdsSnapshot], false);
    let log = log.filter(|log| snapshot.is_none_or(|snapshot| log.taken > snapshot.taken));
    let mut steps = Vec::new();
    match (log, snapshot) {
        (Some(log), _) => {
            let lines = vec!["uses: rds.restore_to_time".into(), found.from("db", log)];
            steps.push(Item { id: names.item(name), lines, todo: None });
        }
        (None, Some(snapshot)) => {
            let lines = vec!["uses: rds.restore".into(), found.from("db", snapshot)];
            steps.push(Item { id: names.item(name), lines, todo: None });
        }
        (None, None) => {
            let copy = found.copy(PointKind::RdsSnapshot, "rds.copy_snapshot", "db", names)?;
            let copied = text(&format!("{{{{ steps.{}.snapshot_id }}}}", copy.id));
            steps.push(copy);
            let from = format!("with: {{ from: {{ snapshot: {copied} }} }}");
            steps.push(Item {
                id: names.item(name),
                lines: vec!["uses: rds.restore".into(), from],
                todo: None,
            });
        }
    }
    let restored = steps.last().map(|step| step.id.clone()).unwrap_or_default();
    let of = format!("state: {{ of: \"{{{{ steps.{restored}.db_id }}}}\" }}");
    let check = check(&restored, vec![of, "within: 30m".into()], Some(SQL), names);
    Ok(Restore { steps, check })
}

fn cluster(found: &Found<'_>, names: &mut Names) -> Result<Restore, String> {
    let name = &found.entry.id.name;
    // The log is restored by the cluster's name, which the place of an id is no part of.
    let log = found.newest(&[PointKind::RdsPitr], false).filter(|_| found.entry.id.place.is_none());
    let snapshot = found.newest(&[PointKind::RdsClusterSnapshot], false);
    let log = log.filter(|log| snapshot.is_none_or(|snapshot| log.taken > snapshot.taken));
    let point = log.or(snapshot).ok_or_else(|| found.why_not(&[PointKind::RdsClusterSnapshot]))?;
    let engine = found.entry.engine.as_deref().or(point.engine.as_deref());
    let class = found.entry.class.as_deref();
    let mut todo = Vec::new();
    if engine.is_none() {
        todo.push("the engine: the estate does not say it");
    }
    if class.is_none() {
        todo.push("the class: the estate does not say it");
    }
    let from = match found.entry.id.place {
        None => format!("cluster: {}", text(name)),
        Some(_) => format!("snapshot: {}", text(&found.called(point))),
    };
    let uses = if log.is_some() { "rds.restore_cluster_to_time" } else { "rds.restore_cluster" };
    let with = format!(
        "with: {{ from: {{ {from} }}, engine: {}, class: {} }}",
        text(engine.unwrap_or("aurora-postgresql")),
        text(class.unwrap_or("db.r6g.large"))
    );
    let todo = (!todo.is_empty()).then(|| todo.join("; "));
    let step = Item { id: names.item(name), lines: vec![format!("uses: {uses}"), with], todo };
    let of = format!("state: {{ of: \"{{{{ steps.{}.cluster_id }}}}\" }}", step.id);
    let check = check(&step.id, vec![of, "within: 30m".into()], Some(SQL), names);
    Ok(Restore { steps: vec![step], check })
}

fn table(found: &Found<'_>, names: &mut Names) -> Result<Restore, String> {
    let name = &found.entry.id.name;
    let kinds = [PointKind::DynamodbPitr, PointKind::DynamodbBackup];
    if found.entry.account != *found.sandbox.account {
        return Err("`dynamodb.restore` works only in the table's own account".into());
    }
    let point = found.newest(&kinds, true).ok_or_else(|| found.why_not(&kinds))?;
    if found.entry.id.place.is_some() {
        return Err(format!(
            "several tables are called {name}, and `dynamodb.restore` takes a table by its name: its newest point is {}",
            point.id
        ));
    }
    let with = format!("with: {{ from: {{ table: {} }} }}", text(name));
    let todo = "say what production has: `ttl`, `stream`, `pitr`, `scaling` (or `none`)";
    let step = Item {
        id: names.item(name),
        lines: vec!["uses: dynamodb.restore".into(), with],
        todo: Some(todo.into()),
    };
    let of = format!("dynamodb: {{ table: \"{{{{ steps.{}.name }}}}\", min_items: 1 }}", step.id);
    let check = check(&step.id, vec![of, "within: 30m".into()], None, names);
    Ok(Restore { steps: vec![step], check })
}

fn volume(found: &Found<'_>, names: &mut Names) -> Result<Restore, String> {
    let name = &found.entry.id.name;
    let mut steps = Vec::new();
    let from = if let Some(snapshot) = found.newest(&[PointKind::EbsSnapshot], false) {
        found.from("volume", snapshot)
    } else {
        let copy = found.copy(PointKind::EbsSnapshot, "ec2.copy_snapshot", "volume", names)?;
        let copied = text(&format!("{{{{ steps.{}.snapshot_id }}}}", copy.id));
        steps.push(copy);
        format!("with: {{ from: {{ snapshot: {copied} }} }}")
    };
    let lines = vec!["uses: ec2.restore_volume".into(), from];
    steps.push(Item { id: names.item(name), lines, todo: None });
    let restored = steps.last().map(|step| step.id.clone()).unwrap_or_default();
    let of = format!("state: {{ of: \"{{{{ steps.{restored}.volume_id }}}}\" }}");
    let todo = "attach it to a machine (`volumes` of `ec2.launch`), and ask for its data";
    Ok(Restore { steps, check: check(&restored, vec![of], Some(todo), names) })
}

fn machine(found: &Found<'_>, names: &mut Names) -> Result<Restore, String> {
    let entry = found.entry;
    let kinds = [PointKind::Ami];
    let mut steps = Vec::new();
    // An image by its machine says what it restores. A copy says it, too. Any other does not.
    let mut claims = entry.id.kind != "ec2:instance";
    let image = if let Some(point) = found.newest(&kinds, false) {
        found.image(point)
    } else {
        let copy = found.copy(PointKind::Ami, "ec2.copy_image", "", names)?;
        let copied = text(&format!("{{{{ steps.{}.image_id }}}}", copy.id));
        claims = false;
        steps.push(copy);
        copied
    };
    let class = entry.class.as_deref();
    let with = format!("with: {{ image: {image}, type: {} }}", text(class.unwrap_or(DEFAULT_TYPE)));
    let mut lines = vec!["uses: ec2.launch".into(), with];
    if claims {
        lines.push(format!("restores: [{}]", text(&entry.id.to_string())));
    }
    let todo = class.is_none().then(|| "the type: the estate does not say it".to_owned());
    steps.push(Item { id: names.item(&entry.id.name), lines, todo });
    let restored = steps.last().map(|step| step.id.clone()).unwrap_or_default();
    let of = format!("state: {{ of: \"{{{{ steps.{restored}.instance_ids.0 }}}}\" }}");
    let todo = "ask the application, too: `http: { url: … }` or `tcp: …`";
    Ok(Restore { steps, check: check(&restored, vec![of, "within: 15m".into()], Some(todo), names) })
}

fn bucket(found: &Found<'_>, names: &mut Names) -> Result<Restore, String> {
    let kinds = [PointKind::S3Replica, PointKind::S3Versions];
    // Objects are copied by S3 itself, from any region.
    let point = found.newest(&kinds, true).ok_or_else(|| found.why_not(&kinds))?;
    if point.objects == 0 && point.size == Size(0) && !found.snapshot.is_filled(&point.id) {
        return Err(format!(
            "the estate does not say what {} holds, and a restore of no objects proves nothing: give it `objects` and \
             `size`",
            point.id
        ));
    }
    let id = names.item(&found.entry.id.name);
    let to = names.bucket(&found.entry.id.name);
    let lines = vec![
        "uses: s3.restore".into(),
        format!("with: {{ from: {{ bucket: {} }}, to: {} }}", text(&point.id), text(&to)),
    ];
    let check = check(&id, vec![format!("s3: {{ bucket: \"{{{{ steps.{id}.bucket }}}}\" }}")], None, names);
    Ok(Restore { steps: vec![Item { id, lines, todo: None }], check })
}
