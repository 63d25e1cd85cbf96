//! Restores a recovery point of AWS Backup into the sandbox.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{own_role, role_problem};
use crate::actions::action::{Action, OF_A_RESOURCE};
use crate::actions::args;
use crate::actions::context::{Context, Outcome, StepError, take, value};
use crate::actions::rds::cluster;
use base::ids::AzId;
use estate::PointKind;
use estate::file::FaultKind;
use estate::scope::{holds_data, row_of};
use event::{Body, RestoreSource, Stage};
use playbook::action::{
    ArgProblem, BackupUse, Demands, Machines, Output, PointArg, PointSpec, Prepared, Shape, SourceSpec,
    SourceWhat,
};
use playbook::expr::is_template;
use playbook::expr_value::Expr;
use port::request::OUTSIDE;
use port::restorable::{NOT_ISOLATED, NotIsolated, Put};
use port::wait::Until;
use port::{
    AdoptRestored, BucketRef, Calibration, Create, CreateCall, Finding, Kind, Landing, Restorable, Rule,
    StartRestore, Timed,
};

/// The recovery point: `{ resource, point }` or `{ recovery_point }`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupSource {
    /// The resource that was backed up, as the estate names it: `efs:file-system/fs-1`.
    #[serde(default)]
    pub resource: Option<String>,
    /// `latest` (default), a recovery point's ARN, a timestamp, or a time relative to T0 (`-2h`).
    #[serde(default)]
    pub point: Option<PointArg>,
    /// A recovery point's ARN, as AWS Backup shows it in the vault.
    #[serde(default)]
    pub recovery_point: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupRestoreArgs {
    pub from: BackupSource,
    /// The ARN of the role with which AWS Backup makes the resource. It must be a role of the
    /// sandbox's account.
    pub role: String,
    /// More restore metadata of AWS Backup, by key. Those that decide where the restore lands are
    /// set by Drillmaster.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// For a bucket: a name for the bucket in the sandbox. It is created before T0, and the run
    /// makes its real name unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// For a cluster: the class of its instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// For a cluster: the number of its instances. The restored cluster has none of its own.
    /// Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<Expr<u32>>,
}

impl BackupSource {
    /// The type and the name of the resource.
    pub(super) fn named(&self) -> Option<(&str, &str)> {
        self.resource.as_deref()?.split_once('/')
    }

    /// What is restored, as far as the arguments tell it.
    pub(super) fn restorable(&self) -> Option<Restorable> {
        match (self.named(), &self.recovery_point) {
            (Some((kind, _)), _) => Restorable::of(kind),
            (None, Some(arn)) => Restorable::of_arn(arn),
            (None, None) => None,
        }
    }

    /// What is wrong with it in a step of `action`.
    pub(super) fn problems(&self, action: &str) -> Vec<ArgProblem> {
        let mut problems = args::exactly_one(
            "/from",
            &[("resource", self.resource.is_some()), ("recovery_point", self.recovery_point.is_some())],
        );
        let mut wrong = |pointer: &str, message: String, help: String| {
            problems.push(ArgProblem { pointer: pointer.to_owned(), message, help });
        };
        if self.recovery_point.is_some() && self.point.is_some() {
            wrong(
                "/from/point",
                "`recovery_point` already names the recovery point, so `point` has no effect".into(),
                "remove `point`".into(),
            );
        }
        if let Some(arn) = self.recovery_point.as_deref()
            && !is_template(arn)
            && !arn.starts_with("arn:")
        {
            wrong(
                "/from/recovery_point",
                format!("`{arn}` is no ARN of a recovery point"),
                "write the whole ARN, as AWS Backup shows it in the vault; or name the `resource`".into(),
            );
        }
        let Some(resource) = self.resource.as_deref() else { return problems };
        let types = || Restorable::ALL.iter().map(|one| one.row().kind).collect::<Vec<_>>().join(", ");
        match self.named() {
            Some((kind, name)) if Restorable::of(kind).is_some() && !name.is_empty() => {}
            Some((kind, _)) => match NOT_ISOLATED.iter().find(|refused| refused.kind == kind) {
                Some(NotIsolated { why, .. }) => wrong(
                    "/from/resource",
                    format!("`{kind}` is not restored into a sandbox: {why}"),
                    "restore it by hand (`manual.task`), outside of this step".into(),
                ),
                None => wrong(
                    "/from/resource",
                    format!("`{action}` does not know the type of `{resource}`"),
                    format!("write TYPE/NAME with one of these types: {}", types()),
                ),
            },
            None => wrong(
                "/from/resource",
                format!("`{resource}` does not say the resource's type"),
                format!("write TYPE/NAME with one of these types: {}", types()),
            ),
        }
        problems
    }
}

/// What is wrong with arguments that belong to some types only.
fn of_the_type(args: &BackupRestoreArgs, restorable: Restorable) -> Vec<ArgProblem> {
    let kind = restorable.row().kind;
    let mut problems = Vec::new();
    let mut wrong = |pointer: &str, message: String, help: &str| {
        problems.push(ArgProblem { pointer: pointer.to_owned(), message, help: help.to_owned() });
    };
    for key in args.metadata.keys().filter(|key| !is_template(key)) {
        if let Some((message, help)) = restorable.refusal(key) {
            wrong(&format!("/metadata/{}", key.replace('~', "~0").replace('/', "~1")), message, &help);
        }
    }
    let is_bucket = restorable == Restorable::Bucket;
    match (&args.to, is_bucket) {
        (None, true) => wrong(
            "",
            "a bucket's objects need a bucket in the sandbox".into(),
            "name it: `to: receipts`; it is created before T0",
        ),
        (Some(_), false) => {
            wrong("/to", format!("`to` is for buckets, and this restores {kind}"), "leave it out");
        }
        (Some(to), true) => {
            let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            if !(is_template(to) || (!to.is_empty() && to.len() <= 30 && to.bytes().all(letters))) {
                wrong(
                    "/to",
                    format!("`{to}` cannot be part of a bucket's name"),
                    "at most 30 lower-case letters, digits and hyphens",
                );
            }
        }
        (None, false) => {}
    }
    let is_cluster = restorable.is_cluster();
    if is_cluster && args.class.is_none() {
        wrong(
            "",
            format!("{kind}: AWS Backup restores a cluster without instances, so nobody can query it"),
            "name the class of its instances: `class: db.r6g.large`",
        );
    }
    for (pointer, given) in [("/class", args.class.is_some()), ("/instances", args.instances.is_some())] {
        if given && !is_cluster {
            let said = format!("`{}` is for clusters, and this restores {kind}", &pointer[1..]);
            wrong(pointer, said, "leave it out");
        }
    }
    problems
}

pub struct Restore;

impl Action for Restore {
    type Args = BackupRestoreArgs;

    const NAME: &'static str = "backup.restore";
    const SUMMARY: &'static str = "Restores a recovery point of AWS Backup into the sandbox.";
    const OUTPUTS: &'static [Output] = &[
        Output { name: "job_id", doc: "the id of the restore job", shape: Shape::Text },
        Output { name: "endpoint", doc: "of a database: `host:port`", shape: Shape::Text },
        Output { name: "address", doc: "of a database: the host, without a port", shape: Shape::Text },
        Output { name: "port", doc: "of a database: the port", shape: Shape::Number },
        Output { name: "db_id", doc: "of a database: the instance's identifier", shape: Shape::Text },
        Output { name: "cluster_id", doc: "of a cluster: its identifier", shape: Shape::Text },
        Output { name: "reader_endpoint", doc: "of a cluster: the reader's `host:port`", shape: Shape::Text },
        Output {
            name: "instance_ids",
            doc: "of a cluster: the identifiers of its instances; of a machine: its id",
            shape: Shape::Texts,
        },
        Output { name: "instance_id", doc: "of a machine: its id", shape: Shape::Text },
        Output { name: "private_ip", doc: "of a machine: its address", shape: Shape::Text },
        Output { name: "volume_id", doc: "of a volume: its id", shape: Shape::Text },
        Output { name: "az", doc: "of a machine or a volume: the id of its zone", shape: Shape::Text },
        Output { name: "file_system_id", doc: "of a file system: its id", shape: Shape::Text },
        Output { name: "table", doc: "of a table: its name", shape: Shape::Text },
        Output { name: "bucket", doc: "of a bucket: its real name in the sandbox", shape: Shape::Text },
    ];
    const CALLS: &'static [&'static str] = &["backup:StartRestoreJob", "backup:DescribeRestoreJob"];
    const MAY_OPEN: bool = true;
    const SIZED_BY: &'static [PointKind] = &[PointKind::Backup];
    const FAULTS: &'static [FaultKind] = OF_A_RESOURCE;
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::Request(CreateCall::StartRestoreJob)],
        base: Duration::from_mins(12),
        per_gib: Duration::from_secs(4),
        spread: 0.35,
        source: "as the service's own restore, plus the job's start and end: AWS gives no figure (m)",
    };
    const PARTS: &'static [Calibration] = &[Calibration {
        name: "backup.adopt",
        of: &[Timed::Request(CreateCall::AdoptRestored)],
        base: Duration::from_secs(1),
        per_gib: Duration::ZERO,
        spread: 0.0,
        source: "a few calls (m)",
    }];
    const PREPARED: &'static [Prepared] = &[];

    fn problems(args: &BackupRestoreArgs) -> Vec<ArgProblem> {
        let mut problems = args.from.problems(Self::NAME);
        problems.extend(role_problem(
            &args.role,
            "name the role that AWS Backup restores with: `arn:aws:iam::ACCOUNT:role/NAME`, in the sandbox's account",
        ));
        if let Some(restorable) = args.from.restorable() {
            problems.extend(of_the_type(args, restorable));
        }
        problems
    }

    fn source(args: &BackupRestoreArgs) -> Option<SourceSpec> {
        let from = &args.from;
        let (what, data) = match (from.named(), &from.recovery_point) {
            (Some((kind, name)), None) => {
                let kind = row_of(kind)?.kind;
                let point = PointSpec::read(from.point.as_deref());
                (SourceWhat::Of { kind, name: name.to_owned(), point }, holds_data(kind))
            }
            (None, Some(arn)) => {
                let data = from.restorable().is_none_or(|one| holds_data(one.row().kind));
                (SourceWhat::Id(arn.clone()), data)
            }
            (Some(_), Some(_)) | (None, None) => return None,
        };
        Some(args::restored(what, Self::SIZED_BY, data))
    }

    fn demands(args: &BackupRestoreArgs) -> Demands {
        let restorable = args.from.restorable();
        let is_database = restorable.is_none_or(Restorable::is_database);
        let db_instances = match restorable {
            Some(Restorable::Database) => 1,
            Some(one) if one.is_cluster() => args::count(args.instances.as_ref()).unwrap_or(1),
            Some(_) | None => 0,
        };
        let makes = restorable.map(|one| one.row().makes);
        let metadata = |key: &str| {
            let given = args.metadata.iter().find(|(one, _)| one.eq_ignore_ascii_case(key));
            given.map(|(_, value)| value.clone())
        };
        let machines = (makes == Some(Kind::Instance)).then(|| Machines {
            count: Some(1),
            instance_type: metadata("instanceType").as_deref().and_then(args::known),
        });
        let class = args.class.clone().or_else(|| metadata("dbInstanceClass"));
        Demands {
            bucket: args.to.as_deref().and_then(args::known),
            machines,
            class: class.as_deref().and_then(args::known),
            versioned: args.to.is_some(),
            db_subnet_group: is_database,
            db_instances,
            backup: Some(BackupUse {
                role: args.role.clone(),
                restores: restorable.map(|one| one.row().kind),
            }),
            ..Demands::default()
        }
    }

    async fn run(cx: &Context<'_>, args: BackupRestoreArgs) -> Result<Outcome, StepError> {
        own_role(cx, &args.role)?;
        let source = cx.source()?;
        let restorable = restorable_of(&args, source)?;
        if let Some(problem) = of_the_type(&args, restorable).into_iter().next() {
            return Err(StepError::wrong(problem.message, problem.help));
        }
        let bucket = bucket_of(cx, &args).await?;
        let az = cx.sandbox.subnets.first().map(|subnet| subnet.az.clone());
        let metadata = metadata_of(cx, &args, restorable, source, bucket.as_deref())?;
        let key = |name: &str| metadata.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        let kms_key =
            ["kmsKeyId", "kmsMasterKeyArn", "kmsKey"].iter().find_map(|name| Some(key(name)?.1.clone()));
        let az = az.filter(|_| restorable == Restorable::Volume);
        let start = Create::StartRestore(StartRestore {
            recovery_point: source.id.clone(),
            restores: restorable,
            role: args.role.clone(),
            kms_key: kms_key.filter(|_| args.metadata.keys().any(|key| key.to_lowercase().contains("kms"))),
            metadata,
            az: az.clone(),
            name: cx.name(""),
            size: cx.size(),
        });
        let (job, ..) = cx.create_ready("", start).await?;
        let landing = landing_of(cx, restorable, bucket.clone(), az);
        let adopt = AdoptRestored { job: job.clone(), restores: restorable, landing, name: cx.name("") };
        let adopted = cx.create("restored", Create::AdoptRestored(adopt)).await?;
        if let Some(why) = adopted.outputs.get(OUTSIDE).and_then(Value::as_str) {
            return Err(outside(cx, &job, why));
        }
        let mut outcome = Outcome::default();
        outcome.outputs.insert("job_id".into(), json!(job));
        if let Some(bucket) = bucket {
            objects(cx, &bucket, &mut outcome).await?;
            return Ok(outcome);
        }
        let kind = restorable.row().makes;
        let Some(made) = adopted.resources.iter().find(|made| made.kind == kind) else {
            return Err(StepError::failed(format!("the job {job} names nothing that it made")));
        };
        let id = made.id.clone();
        let seen = cx.ready(kind, &id, Until::Ready).await?;
        if restorable.is_cluster() {
            let count = value(args.instances.as_ref())?.unwrap_or(1);
            let engine = seen.attributes.get("engine").and_then(Value::as_str).unwrap_or_default();
            let class = args.class.unwrap_or_default();
            let count = cluster::instance_count(count)?;
            let instances = cluster::add_instances(cx, &id, (&class, engine), count).await?;
            outcome.outputs.insert("instance_ids".into(), json!(instances));
            let seen = cx.ready(kind, &id, Until::Ready).await?;
            take(&mut outcome.outputs, &seen, &["endpoint", "address", "port", "reader_endpoint"]);
        }
        if restorable == Restorable::Instance {
            outcome.outputs.insert("instance_ids".into(), json!([id]));
        }
        let (named, read) = outputs_of(restorable);
        outcome.outputs.insert(named.into(), json!(id));
        take(&mut outcome.outputs, &seen, read);
        Ok(outcome)
    }
}

/// What the step restores: by its arguments, else by the recovery point.
fn restorable_of(args: &BackupRestoreArgs, source: &RestoreSource) -> Result<Restorable, StepError> {
    let of_point = || Restorable::of(&source.point.of.kind).or_else(|| Restorable::of_arn(&source.id));
    args.from.restorable().or_else(of_point).ok_or_else(|| {
        let of = &source.point.of;
        let why = NOT_ISOLATED.iter().find(|refused| refused.kind == of.kind).map(|refused| refused.why);
        StepError::wrong(
            format!(
                "{} cannot be restored into the sandbox: {}",
                source.id,
                why.unwrap_or("of what it is a recovery point is not known")
            ),
            "name the `resource` and its type, or a recovery point that AWS Backup shows in a vault of the sandbox's account",
        )
    })
}

/// The real name of the bucket that objects are restored into.
async fn bucket_of(cx: &Context<'_>, args: &BackupRestoreArgs) -> Result<Option<String>, StepError> {
    let Some(to) = &args.to else { return Ok(None) };
    if let Some(real) = cx.sandbox.buckets.get(to) {
        return Ok(Some(real.clone()));
    }
    // The name was not known before T0.
    let what = Create::Bucket { name: cx.name(to), versioned: true };
    Ok(Some(cx.create_ready("bucket", what).await?.0))
}

fn metadata_of(
    cx: &Context<'_>,
    args: &BackupRestoreArgs,
    restorable: Restorable,
    source: &RestoreSource,
    bucket: Option<&str>,
) -> Result<BTreeMap<String, String>, StepError> {
    let missing = |what: &str| {
        StepError::wrong(
            format!("the sandbox has no {what}"),
            "this is a defect of Drillmaster: please report it",
        )
    };
    let row = restorable.row();
    let mut metadata = BTreeMap::new();
    for (key, put) in row.sets {
        let value = match put {
            Put::Name => cx.name(""),
            Put::DbSubnetGroup => {
                cx.sandbox.db_subnet_group.clone().ok_or_else(|| missing("DB subnet group"))?
            }
            Put::Groups => json!([cx.sandbox.security_group]).to_string(),
            Put::Subnet => cx.sandbox.subnets.first().ok_or_else(|| missing("subnet"))?.id.clone(),
            // The cloud knows the zone's name.
            Put::Zone => continue,
            Put::Bucket => bucket.ok_or_else(|| missing("bucket"))?.to_owned(),
            Put::Original => source.point.of.name.clone(),
            Put::Text(text) => (*text).to_owned(),
        };
        metadata.insert((*key).to_owned(), value);
    }
    for may in row.may {
        let given = args.metadata.iter().find(|(key, _)| may.key.eq_ignore_ascii_case(key));
        if let Some(value) = given.map(|(_, value)| value.as_str()).or(may.default) {
            metadata.insert(may.key.to_owned(), value.to_owned());
        }
    }
    Ok(metadata)
}

fn landing_of(cx: &Context<'_>, restorable: Restorable, bucket: Option<String>, az: Option<AzId>) -> Landing {
    let sandbox = cx.sandbox;
    let has_name = restorable.row().sets.iter().any(|(_, put)| *put == Put::Name);
    Landing {
        name: bucket.or_else(|| has_name.then(|| cx.name(""))),
        vpc: sandbox.vpc.clone(),
        subnets: sandbox.subnets.iter().map(|subnet| subnet.id.clone()).collect(),
        groups: vec![sandbox.security_group.clone()],
        subnet_group: sandbox.db_subnet_group.clone(),
        az,
    }
}

/// A restore that landed outside the sandbox fails the step and, as an open sandbox does, the drill.
fn outside(cx: &Context<'_>, job: &str, why: &str) -> StepError {
    let message = format!("what AWS Backup restored with the job {job} does not lie in the sandbox: {why}");
    let fix = "look at it at once, and at the account's automation (CloudTrail tells who changed it); teardown deletes it only if it is proved to be this run's";
    let found = Finding::new(Rule::RestoredOutside, cx.step, &message, fix);
    cx.provisioner.tell(Body::Isolation {
        stage: Stage::AfterT0,
        exposures: vec![found],
        unknown: Vec::new(),
    });
    StepError::wrong(message, fix)
}

/// `COMPLETED` is not success: jobs for S3 complete when some objects failed, and when none matched.
async fn objects(cx: &Context<'_>, bucket: &str, outcome: &mut Outcome) -> Result<(), StepError> {
    let place = cx.place();
    let look = BucketRef {
        name: bucket.to_owned(),
        account: place.account.clone(),
        region: place.region.clone(),
        owner: Some(place.account.clone()),
    };
    let seen = cx.provisioner.cloud().measure_objects(&look, "").await?;
    if seen.count == Some(0) {
        return Err(StepError::wrong(
            "the job completed, and the bucket in the sandbox is empty: nothing was restored",
            "AWS Backup completes also when no object matches, or when the role may not use a key: read the job's status message, and the role's permissions",
        ));
    }
    let count = seen.count.map_or("an unknown number of".to_owned(), |count| count.to_string());
    outcome.findings.push(Finding::new(
        Rule::RestoreUnproved,
        cx.step,
        format!(
            "AWS Backup completes a job for S3 also when some objects failed. Seen in {bucket}: {count} objects. How many \
             the recovery point holds, the job does not say"
        ),
        "compare the bucket with a manifest (`s3.verify`), or let a check count its objects",
    ));
    outcome.outputs.insert(outputs_of(Restorable::Bucket).0.into(), json!(bucket));
    Ok(())
}

/// The output that names what was restored, and those that are read from it.
fn outputs_of(restorable: Restorable) -> (&'static str, &'static [&'static str]) {
    match restorable {
        Restorable::Database => ("db_id", &["endpoint", "address", "port"]),
        Restorable::Cluster | Restorable::DocumentDb | Restorable::Neptune => ("cluster_id", &[]),
        Restorable::Instance => ("instance_id", &["private_ip", "az"]),
        Restorable::Volume => ("volume_id", &["az"]),
        Restorable::FileSystem => ("file_system_id", &[]),
        Restorable::Table => ("table", &[]),
        Restorable::Bucket => ("bucket", &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(with: Value) -> Vec<(String, String)> {
        let args: BackupRestoreArgs = serde_json::from_value(with).unwrap();
        Restore::problems(&args).into_iter().map(|p| (p.pointer, p.message)).collect()
    }

    const ROLE: &str = "arn:aws:iam::999988887777:role/restore";

    #[test]
    fn what_would_leave_the_sandbox_is_a_mistake_where_it_stands() {
        let with = json!({
            "from": { "resource": "ec2:instance/i-1" }, "role": ROLE,
            "metadata": { "IamInstanceProfileName": "web", "instanceType": "t3.small" },
        });
        let found = problems(with);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, "/metadata/IamInstanceProfileName");
        for (resource, says) in [
            ("fsx:file-system/fs-1", "is not restored into a sandbox"),
            ("efs:file-system", "does not say"),
            ("ecr:repository/x", "does not know"),
        ] {
            let found = problems(json!({ "from": { "resource": resource }, "role": ROLE }));
            assert!(found.len() == 1 && found[0].1.contains(says), "{found:?}");
        }
        let found = problems(json!({ "from": { "resource": "efs:file-system/fs-1" }, "role": "restore" }));
        assert_eq!(found[0].0, "/role");
    }

    #[test]
    fn clusters_need_a_class_and_buckets_a_bucket() {
        let of = |resource: &str| problems(json!({ "from": { "resource": resource }, "role": ROLE })).len();
        assert_eq!(
            (of("rds:cluster/c"), of("s3:bucket/b"), of("rds:db/d"), of("dynamodb:table/t")),
            (1, 1, 0, 0)
        );
    }

    /// What preflight asks about: quotas, and what the zones offer.
    #[test]
    fn what_a_restore_needs_is_read_from_its_arguments() {
        let demands = |resource: &str, class: Value, metadata: Value| {
            let with = json!({
                "from": { "resource": resource }, "role": ROLE, "class": class, "metadata": metadata,
            });
            Restore::demands(&serde_json::from_value(with).unwrap())
        };
        let machine = demands("ec2:instance/i-1", Value::Null, json!({ "InstanceType": "t3.small" }));
        let wanted = Machines { count: Some(1), instance_type: Some("t3.small".into()) };
        assert_eq!(machine.machines, Some(wanted));
        let unsaid = demands("ec2:instance/i-1", Value::Null, json!({}));
        assert_eq!(unsaid.machines, Some(Machines { count: Some(1), instance_type: None }));
        let db = demands("rds:db/d", Value::Null, json!({ "dbInstanceClass": "db.t4g.micro" }));
        assert_eq!((db.machines, db.class.as_deref()), (None, Some("db.t4g.micro")));
        let cluster = demands("rds:cluster/c", json!("db.r6g.large"), json!({}));
        assert_eq!(cluster.class.as_deref(), Some("db.r6g.large"));
    }

    #[test]
    fn the_roles_account_is_read_from_its_arn() {
        let of = super::super::account_of_role;
        assert_eq!(of(ROLE), Some("999988887777"));
        assert_eq!(of("arn:aws:iam::999988887777:user/restore"), None);
        assert_eq!(of("restore"), None);
    }
}
