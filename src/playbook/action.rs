//! The declaration of an action, and the arguments of a step.
//!
//! The actions themselves are in the engine. Validation and the JSON Schema see only this.

use std::borrow::Cow;
use std::ops::Deref;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use base::duration::{Span, Time, When};
use base::ids::{AccountId, Region};
use estate::file::FaultKind;
use estate::{PointKind, Selector};

use super::expr::is_template;

pub struct ActionDecl {
    /// `rds.restore`
    pub name: &'static str,
    /// One sentence for people.
    pub summary: &'static str,
    /// The schema of `with`, from the type that `read` makes of it.
    pub args: fn(&mut SchemaGenerator) -> Schema,
    /// Reads `with`. Arguments that fit the schema can be read.
    pub read: fn(&Value) -> Result<Box<dyn Arguments>, serde_json::Error>,
    /// The arguments that may hold secrets. They are sent on, and never kept on record.
    pub secrets: &'static [&'static str],
    /// The arguments that name files, relative to the playbook.
    pub files: &'static [FileArg],
    pub outputs: &'static [Output],
    /// The API calls that it may make in the sandbox's account and region. They include calls that
    /// observe a created resource, and calls that read a tag before a change.
    pub calls: &'static [&'static str],
    /// The API calls about the buckets in [`Demands::reads`]. They are made with the credentials of
    /// the account that is named there, or else of the sandbox's.
    pub bucket_calls: &'static [&'static str],
    /// The resources that the harness creates for it before T0.
    pub prepared: &'static [Prepared],
    /// Whether it may open the sandbox. An action may, if it creates or changes something with a
    /// network, an owner, a role or a share, or if its effect is unknown. The sandbox is scanned
    /// again after it.
    pub may_open: bool,
    /// Whether a step may say with `restores` what it restores, because its arguments do not tell.
    pub may_claim: bool,
    /// The kinds of recovery points whose size decides how long it takes. Empty if none does.
    pub sized_by: &'static [PointKind],
    /// The faults that the twin can play, but for `sandbox_open`: `may_open` says that.
    pub faults: &'static [FaultKind],
}

impl ActionDecl {
    /// `rds`
    pub fn service(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }

    pub fn needs(&self, what: Prepared) -> bool {
        self.prepared.contains(&what)
    }

    /// Whether a fault of the estate can happen to a step of this action.
    pub fn meets(&self, fault: FaultKind) -> bool {
        match fault {
            FaultKind::SandboxOpen => self.may_open,
            FaultKind::Throttled
            | FaultKind::ServerError
            | FaultKind::LostAnswer
            | FaultKind::NeverCompletes
            | FaultKind::ComesUpUnhealthy
            | FaultKind::WillNotDelete => self.faults.contains(&fault),
        }
    }

    /// The arguments that name files of a kind.
    pub fn files_of(&self, kind: FileKind) -> impl Iterator<Item = &'static str> {
        self.files.iter().filter(move |file| file.kind == kind).map(|file| file.name)
    }
}

/// The arguments of a step, read into the type of its action. Texts in them may still be expressions.
pub trait Arguments {
    /// Mistakes that the schema does not find, such as two arguments that exclude each other.
    fn problems(&self) -> Vec<ArgProblem>;
    /// The recovery point that they ask for, if the action restores or copies one.
    fn source(&self) -> Option<SourceSpec>;
    /// What the step needs, as far as they say it.
    fn demands(&self) -> Demands;
}

/// An argument that names a file.
#[derive(Debug, Clone, Copy)]
pub struct FileArg {
    pub name: &'static str,
    pub kind: FileKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A CloudFormation template. Its text is kept with the run.
    Template,
    /// A manifest of objects. Its text is kept with the run.
    Manifest,
    /// A program of this machine and its arguments, as a list.
    Program,
}

/// A resource that the harness creates for an action before T0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepared {
    /// A DB subnet group. Databases in the sandbox's network need one.
    DbSubnetGroup,
    /// The bucket of [`Demands::bucket`].
    Bucket,
    /// The replica of [`Demands::replica`].
    Replica,
    /// A vault of AWS Backup for [`Demands::copy`].
    Vault,
}

/// What a step needs, as far as its arguments say it before the run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demands {
    /// The bucket that it restores into, by the step's name for it. `None` if the name is known
    /// only during the run.
    pub bucket: Option<String>,
    pub replica: Option<ReplicaDemand>,
    pub db_instances: u32,
    /// Engine and class of `db_instances`, if both are known. A snapshot does not say its engine.
    pub db_class: Option<(String, String)>,
    /// The class of `db_instances`, if only a recovery point tells the engine.
    pub class: Option<String>,
    pub machines: Option<Machines>,
    /// The KMS key that encrypts what it creates. It may be an expression.
    pub kms_key: Option<String>,
    /// Whether it names an option group for what it creates.
    pub option_group: bool,
    /// The buckets that it reads, besides those that the run creates.
    pub reads: Vec<BucketRead>,
    pub template: Option<TemplateUse>,
    /// Whether `bucket` must keep versions.
    pub versioned: bool,
    /// Whether it may need a DB subnet group, besides what its action always needs.
    pub db_subnet_group: bool,
    pub backup: Option<BackupUse>,
    pub copy: Option<CopyUse>,
}

/// A restore by AWS Backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupUse {
    /// The ARN of the role that AWS Backup restores with. It may be an expression.
    pub role: String,
    /// The estate's type of what is restored. `None` if it is known only during the run.
    pub restores: Option<&'static str>,
}

/// A copy by AWS Backup into a vault of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyUse {
    /// The ARN of the role that AWS Backup copies with. It may be an expression.
    pub role: String,
    /// The account of the role, from whose vault is copied. `None` if it is known only during the run.
    pub from: Option<AccountId>,
    /// The key of the vault, as the step names it. It may be an expression.
    pub kms_key: Option<String>,
    /// Whether a copy from another account must go into a vault with such a key.
    pub needs_key: bool,
}

/// Instances to be launched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machines {
    /// `None` if it is known only during the run.
    pub count: Option<u32>,
    /// `None` if it is known only during the run.
    pub instance_type: Option<String>,
}

/// A bucket that a step reads. Its name and the account may be expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketRead {
    pub name: String,
    /// `None` if it is not given, or known only during the run.
    pub region: Option<Region>,
    /// The name of the account in `accounts` whose credentials read it.
    pub account: Option<String>,
}

/// A CloudFormation template to be deployed. Its path and its parameters may be expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateUse {
    /// Relative to the playbook.
    pub path: String,
    pub parameters: IndexMap<String, Value>,
    pub capabilities: Vec<String>,
    /// What the inspection allows.
    pub allow: Vec<String>,
}

/// A read replica in the sandbox, made before T0 because production can give none after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaDemand {
    /// The production database's identifier.
    pub source: String,
    /// Where it is, as far as the playbook says it.
    pub source_region: Option<String>,
    pub class: Option<String>,
    pub parameter_group: Option<String>,
    pub kms_key: Option<String>,
}

/// Something wrong with arguments, at a JSON pointer below `with` (`/from/point`; empty: `with` itself).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgProblem {
    pub pointer: String,
    pub message: String,
    pub help: String,
}

/// A value that `{{ steps.ID.NAME }}` may name.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    pub name: &'static str,
    pub doc: &'static str,
    pub shape: Shape,
}

#[derive(Debug, Clone, Copy)]
pub enum Shape {
    Text,
    Number,
    /// A list of texts: `steps.ID.NAME.0`
    Texts,
    /// A list of records: `steps.ID.NAME.0.FIELD`
    Records(&'static [Output]),
    /// A record whose fields are known only at run time: `steps.ID.NAME.ANY`
    Open,
}

/// What an action wants to restore from, as its arguments say.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSpec {
    pub what: SourceWhat,
    pub kinds: Vec<PointKind>,
    /// The point may lie in any surviving region.
    pub across_regions: bool,
    pub purpose: Purpose,
    /// The name of the resource that it stands for, if that is another one, such as a replica's
    /// original.
    pub stands_for: Option<String>,
    /// The region that the arguments name, if it is known.
    pub region: Option<Region>,
    /// The name in `accounts` whose credentials read it, if the arguments name one.
    pub account: Option<String>,
    /// The account whose vaults hold it, if points of other accounts do not count.
    pub owner: Option<AccountId>,
}

/// What an action makes of a recovery point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Another recovery point. It restores nothing itself: what is restored from the copy does.
    Copy,
    Restore {
        /// Data whose age counts towards RPO.
        data: bool,
    },
}

impl SourceSpec {
    pub fn is_copy(&self) -> bool {
        self.purpose == Purpose::Copy
    }

    /// Whether it restores data whose age counts towards RPO.
    pub fn restores_data(&self) -> bool {
        self.purpose == Purpose::Restore { data: true }
    }

    /// The bucket that it reads, if it reads one.
    pub fn bucket(&self) -> Option<&str> {
        // A backup of a bucket is read from its vault.
        if self.kinds.iter().any(|kind| kind.resource_kind() != "s3:bucket") {
            return None;
        }
        match &self.what {
            SourceWhat::Of { kind: "s3:bucket", name, .. } => Some(name),
            SourceWhat::Of { .. } | SourceWhat::Id(_) => None,
        }
    }

    /// The resources that it names. A step that restores from a copy covers them too.
    pub fn selects(&self) -> Option<Selector> {
        match &self.what {
            SourceWhat::Of { kind, name, .. } => {
                Selector::of_kind(kind, self.stands_for.as_ref().unwrap_or(name)).ok()
            }
            SourceWhat::Id(_) => None,
        }
    }

    /// The id of the recovery point, if the source names one.
    pub fn id(&self) -> Option<&str> {
        match &self.what {
            SourceWhat::Id(id) | SourceWhat::Of { point: PointSpec::Id(id), .. } => Some(id),
            SourceWhat::Of { .. } => None,
        }
    }

    /// The texts that decide on the recovery point and are still expressions.
    pub fn expressions(&self) -> Vec<&str> {
        let texts = match &self.what {
            SourceWhat::Of { name, point: PointSpec::Id(id), .. } => vec![name, id],
            SourceWhat::Of { name, .. } => vec![name],
            SourceWhat::Id(id) => vec![id],
        };
        texts.into_iter().map(String::as_str).filter(|text| is_template(text)).collect()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum SourceWhat {
    /// Points of a resource or a tag: type (`rds:db`), name or `tag:k=v`, and which point.
    Of { kind: &'static str, name: String, point: PointSpec },
    /// A point by its id or ARN; it may be an expression still.
    Id(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PointSpec {
    Latest,
    Id(String),
    /// A timestamp, or a time relative to T0.
    At(Time),
    BeforeT0(Span),
    /// The newest one whose data are older than an instant.
    Before(When),
    /// The newest one that a malware scan called clean.
    LatestClean,
    /// Any that can be used: old points rot unseen.
    Random,
}

impl PointSpec {
    /// `latest`, `latest-clean`, `random`, an RFC 3339 timestamp, a time relative to T0 (`-2h`), the text
    /// of `{ before: TIME }`, else a recovery point's id.
    pub fn read(text: Option<&str>) -> Self {
        match text {
            None | Some("latest") => Self::Latest,
            Some("latest-clean") => Self::LatestClean,
            Some("random") => Self::Random,
            Some(text) => match text.strip_prefix(BEFORE).map(str::parse) {
                Some(Ok(when)) => Self::Before(when),
                Some(Err(_)) | None => Self::of_time(text),
            },
        }
    }

    fn of_time(text: &str) -> Self {
        match text.parse() {
            Ok(When::At(time)) => Self::At(time),
            Ok(When::BeforeT0(span)) => Self::BeforeT0(span),
            Ok(When::AfterT0(_)) | Err(_) => Self::Id(text.to_owned()),
        }
    }

    /// What a step asks for that is not simply the newest point, in the playbook's words.
    pub fn told(&self) -> Option<String> {
        match self {
            Self::Random => Some("random".to_owned()),
            Self::LatestClean => Some("latest-clean".to_owned()),
            Self::Before(When::At(time)) => Some(format!("before {time}")),
            Self::Before(When::BeforeT0(span)) => Some(format!("before -{span}")),
            Self::Before(When::AfterT0(span)) => Some(format!("before +{span}")),
            Self::Latest | Self::Id(_) | Self::At(_) | Self::BeforeT0(_) => None,
        }
    }
}

/// Begins the text that stands for `{ before: TIME }`.
const BEFORE: &str = "before ";

/// A recovery point as a playbook asks for it: a text, or `{ before: TIME }`. Behaves like its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointArg(String);

impl Deref for PointArg {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The mapping of a [`PointArg`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BeforeArg {
    before: String,
}

impl<'de> Deserialize<'de> for PointArg {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            other @ Value::Object(_) => {
                let BeforeArg { before } = serde_json::from_value(other).map_err(D::Error::custom)?;
                let is_time = matches!(before.parse(), Ok(When::At(_) | When::BeforeT0(_)));
                if !is_time && !is_template(&before) {
                    return Err(D::Error::custom(format!(
                        "`{before}` is no time before T0: write `-2h` or `2026-01-31T08:00:00Z`"
                    )));
                }
                Ok(Self(format!("{BEFORE}{before}")))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                Err(D::Error::custom("a recovery point is a text, or `{ before: TIME }`"))
            }
        }
    }
}

impl Serialize for PointArg {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.strip_prefix(BEFORE) {
            Some(before) => BeforeArg { before: before.to_owned() }.serialize(serializer),
            None => serializer.serialize_str(&self.0),
        }
    }
}

impl JsonSchema for PointArg {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Point".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string" },
            {
                "type": "object",
                "properties": { "before": { "type": "string" } },
                "required": ["before"],
                "additionalProperties": false
            }
        ] })
    }
}

/// All the actions there are.
#[derive(Clone, Copy)]
pub struct Catalogue(pub &'static [&'static ActionDecl]);

impl Catalogue {
    pub fn get(self, name: &str) -> Option<&'static ActionDecl> {
        self.0.iter().find(|decl| decl.name == name).copied()
    }
}
