//! Arguments that several actions share: where to restore from.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use estate::PointKind;
use playbook::action::{ArgProblem, PointSpec, Purpose, SourceSpec, SourceWhat};
use playbook::expr::is_template;
use playbook::expr_value::Expr;

/// Where a database comes from: `{ db, point }` or `{ snapshot }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DbSource {
    /// The production database's identifier.
    #[serde(default)]
    pub db: Option<String>,
    /// `latest` (default), a recovery point's id, a timestamp, or a time relative to T0 (`-2h`).
    #[serde(default)]
    pub point: Option<String>,
    /// A snapshot's id or ARN, such as a copy step's `snapshot_id`.
    #[serde(default)]
    pub snapshot: Option<String>,
}

/// Where an Aurora cluster comes from: `{ cluster, point }` or `{ snapshot }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterSource {
    /// The production cluster's identifier.
    #[serde(default)]
    pub cluster: Option<String>,
    /// `latest` (default), a recovery point's id, a timestamp, or a time relative to T0 (`-2h`).
    #[serde(default)]
    pub point: Option<String>,
    /// A cluster snapshot's id or ARN.
    #[serde(default)]
    pub snapshot: Option<String>,
}

/// What is copied: `{ db, point }`, `{ cluster, point }` or `{ snapshot }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DbCopySource {
    /// The production database's identifier.
    #[serde(default)]
    pub db: Option<String>,
    /// The production Aurora cluster's identifier.
    #[serde(default)]
    pub cluster: Option<String>,
    /// `latest` (default), a recovery point's id, a timestamp, or a time relative to T0 (`-2h`).
    #[serde(default)]
    pub point: Option<String>,
    /// A snapshot's id or ARN.
    #[serde(default)]
    pub snapshot: Option<String>,
}

/// Where a volume comes from: `{ volume, point }` or `{ snapshot }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VolumeSource {
    /// The production volume's id, or `tag:KEY=VALUE`.
    #[serde(default)]
    pub volume: Option<String>,
    /// `latest` (default), a recovery point's id, a timestamp, or a time relative to T0 (`-2h`).
    #[serde(default)]
    pub point: Option<String>,
    /// A snapshot's id, such as a copy step's `snapshot_id`.
    #[serde(default)]
    pub snapshot: Option<String>,
}

/// A machine image: its id, or `{ of, point }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ImageSource {
    /// An image's id, such as a copy step's `image_id`.
    Id(String),
    Of(ImageOf),
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageOf {
    /// The production instance's id, or `tag:KEY=VALUE`.
    pub of: String,
    /// `latest` (default), a recovery point's id, a timestamp, or a time relative to T0 (`-2h`).
    #[serde(default)]
    pub point: Option<String>,
}

pub fn of(kind: &'static str, name: &str, point: Option<&str>) -> SourceWhat {
    SourceWhat::Of { kind, name: name.to_owned(), point: PointSpec::read(point) }
}

/// The source of a copy, which takes a point from any surviving region.
pub fn copied(what: SourceWhat, kinds: &[PointKind]) -> SourceSpec {
    SourceSpec { what, kinds: kinds.to_vec(), across_regions: true, purpose: Purpose::Copy }
}

/// The source of a restore in the sandbox's own region.
pub fn restored(what: SourceWhat, kinds: &[PointKind], data: bool) -> SourceSpec {
    SourceSpec { what, kinds: kinds.to_vec(), across_regions: false, purpose: Purpose::Restore { data } }
}

/// The source of a restore of data that reads from any surviving region.
pub fn restored_from_afar(what: SourceWhat, kinds: &[PointKind]) -> SourceSpec {
    SourceSpec { across_regions: true, ..restored(what, kinds, true) }
}

/// A text at a JSON pointer, unless only the run will know it.
pub fn text(args: &Value, pointer: &str) -> Option<String> {
    args.pointer(pointer)?.as_str().filter(|text| !is_template(text)).map(str::to_owned)
}

/// A number of things at a JSON pointer, which may stand as text; 1 where it is not given, or only the run will know it.
pub fn count(args: &Value, pointer: &str) -> u32 {
    let given = args.pointer(pointer);
    given.and_then(|v| serde_json::from_value::<Expr<u32>>(v.clone()).ok()?.get().ok().copied()).unwrap_or(1)
}

/// `{ name, point }` or `{ snapshot }`.
pub fn named_or_snapshot(
    kind: &'static str,
    name: Option<&str>,
    point: Option<&str>,
    snapshot: Option<&str>,
) -> Option<SourceWhat> {
    match (name, snapshot) {
        (Some(name), None) => Some(of(kind, name, point)),
        (None, Some(snapshot)) => Some(SourceWhat::Id(snapshot.to_owned())),
        _ => None,
    }
}

/// Exactly one of `keys` must stand in the record at `pointer`; `point` goes only with the first.
pub fn exactly_one(args: &Value, pointer: &str, keys: &[&str]) -> Vec<ArgProblem> {
    let Some(Value::Object(record)) = args.pointer(pointer) else { return Vec::new() };
    let given: Vec<&str> =
        keys.iter().copied().filter(|k| record.get(*k).is_some_and(|v| !v.is_null())).collect();
    let list = keys.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(" or ");
    let problem = |message: String, help: String| ArgProblem { pointer: pointer.to_owned(), message, help };
    let mut problems = Vec::new();
    match given.as_slice() {
        [] => problems.push(problem(format!("it does not say {list}"), format!("give one of {list}"))),
        [_] => {}
        several => problems.push(problem(
            format!(
                "{} exclude each other",
                several.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(" and ")
            ),
            "keep one of them".into(),
        )),
    }
    if given == ["snapshot"] && record.contains_key("point") {
        problems.push(ArgProblem {
            pointer: format!("{pointer}/point"),
            message: "`point` says nothing where `snapshot` names the recovery point".into(),
            help: "remove `point`".into(),
        });
    }
    problems
}

/// Decodes arguments; for declarations, where arguments that do not fit have been reported already.
pub fn lenient<T: DeserializeOwned>(args: &Value) -> Option<T> {
    serde_json::from_value(args.clone()).ok()
}
