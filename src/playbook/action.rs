//! What an action declares of itself: its arguments, its outputs, and what it restores from.
//!
//! The actions themselves live in the room `actions`; validation, the JSON Schema and the plan see only this.

use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use base::duration::{Span, Time};
use estate::PointKind;

pub struct ActionDecl {
    /// `rds.restore`
    pub name: &'static str,
    /// One sentence for people.
    pub summary: &'static str,
    /// The schema of `with:`, from the type that the action decodes it into.
    pub args: fn(&mut SchemaGenerator) -> Schema,
    /// What arguments that fit the schema may still have wrong (two of three that exclude each other…).
    pub check: fn(&Value) -> Vec<ArgProblem>,
    /// The arguments that may hold secrets: they are sent to whom they are for, and stand nowhere on record.
    pub secrets: &'static [&'static str],
    pub outputs: &'static [Output],
    /// The recovery point that these arguments ask for, where the action restores or copies one.
    pub source: fn(&Value) -> Option<SourceSpec>,
    /// What it asks of the sandbox, as far as these arguments tell before the run.
    pub demands: fn(&Value) -> Demands,
    /// The API calls that it makes in the sandbox's account and region, each that may come up: also those that watch what
    /// it made, and read a tag before they change something.
    pub calls: &'static [&'static str],
    /// The API calls that it makes about the bucket that its arguments name (`/from`, `/source`), with the credentials of
    /// the account that stands there, else the sandbox's.
    pub bucket_calls: &'static [&'static str],
    /// The kinds of recovery points whose size decides how long it takes. Empty: it has no size.
    pub sized_by: &'static [PointKind],
}

/// The actions that make nothing which has a network, an owner, a role or a share, and change nothing of the kind.
pub const OPENS_NOTHING: [&str; 4] = ["ec2.import_key_pair", "ec2.restore_volume", "s3.restore", "s3.verify"];

impl ActionDecl {
    /// Whether the sandbox is to be looked at again after it. So it is after a command or a person, of whom nobody knows
    /// what they did, and after an action that is not known here.
    pub fn may_open(&self) -> bool {
        !OPENS_NOTHING.contains(&self.name)
    }
}

/// What an action asks of the sandbox: what the harness makes for it before T0, and what counts against quotas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demands {
    /// It puts databases into the sandbox's network.
    pub db_subnet_group: bool,
    /// The bucket that it restores into, by the name that the step gives it. A name that only the run will know is `None`.
    pub bucket: Option<String>,
    pub replica: Option<ReplicaDemand>,
    pub db_instances: u32,
    /// Engine and class of `db_instances`, where both are known before the run: a snapshot does not tell its engine.
    pub db_class: Option<(String, String)>,
    pub instances: u32,
    /// The type of `instances`, where it is known before the run.
    pub instance_type: Option<String>,
    /// The file that it reads, relative to the playbook, where it is known before the run: its text is kept with the run.
    pub file: Option<String>,
}

impl Demands {
    pub fn none(_args: &Value) -> Self {
        Self::default()
    }
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
}

impl PointSpec {
    /// `latest`, an RFC 3339 timestamp, a time relative to T0 (`-2h`), else a recovery point's id.
    pub fn read(text: Option<&str>) -> Self {
        match text {
            None | Some("latest") => Self::Latest,
            Some(text) => match text.parse() {
                Ok(base::duration::When::At(time)) => Self::At(time),
                Ok(base::duration::When::BeforeT0(span)) => Self::BeforeT0(span),
                _ => Self::Id(text.to_owned()),
            },
        }
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
