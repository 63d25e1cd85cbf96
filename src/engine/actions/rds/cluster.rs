//! What both restores of a cluster share: the capacity range, the instances and the outputs.

use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ADDRESS, ENDPOINT, PORT};
use crate::actions::context::{Context, Outcome, StepError, take};
use playbook::action::{ArgProblem, Output, Shape};
use port::wait::Until;
use port::{Create, Kind, Observed, Serverless};

pub(super) const OUTPUTS: &[Output] = &[
    ENDPOINT,
    ADDRESS,
    PORT,
    Output { name: "reader_endpoint", doc: "the reader's `host:port`", shape: Shape::Text },
    Output { name: "cluster_id", doc: "the cluster's identifier", shape: Shape::Text },
    Output { name: "instance_ids", doc: "the identifiers of its instances", shape: Shape::Texts },
];

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerlessArgs {
    #[schemars(range(min = 0.0, max = 256.0))]
    pub min: f64,
    #[schemars(range(min = 1.0, max = 256.0))]
    pub max: f64,
}

impl From<ServerlessArgs> for Serverless {
    fn from(args: ServerlessArgs) -> Self {
        Self { min: args.min, max: args.max }
    }
}

pub(super) fn capacity_problems(class: &str, serverless: Option<ServerlessArgs>) -> Vec<ArgProblem> {
    let mut problems = Vec::new();
    if class == "db.serverless" && serverless.is_none() {
        problems.push(ArgProblem {
            pointer: "/class".into(),
            message: "`db.serverless` needs a capacity range".into(),
            help: "add `serverless: { min: 0.5, max: 4 }`, in Aurora capacity units, as production has it"
                .into(),
        });
    }
    if let Some(ServerlessArgs { min, max }) = serverless
        && (min > max || [min, max].iter().any(|c| (c * 2.0).fract() != 0.0))
    {
        problems.push(ArgProblem {
            pointer: "/serverless".into(),
            message: format!("a cluster cannot scale between {min} and {max} capacity units"),
            help: "write halves or whole numbers, the smaller one as `min`: `{ min: 0.5, max: 4 }`".into(),
        });
    }
    problems
}

/// Checks how many instances a cluster of Aurora is to have.
pub(in crate::actions) fn instance_count(count: u32) -> Result<u32, StepError> {
    if count == 0 || count > 16 {
        return Err(StepError::wrong(
            format!("`instances` is {count}"),
            "a cluster has between 1 and 16 instances",
        ));
    }
    Ok(count)
}

/// Adds the instances of a restored Aurora cluster. The restore creates none, and without instances
/// nobody can query the cluster.
pub(in crate::actions) async fn add_instances(
    cx: &Context<'_>,
    cluster: &str,
    (class, engine): (&str, &str),
    count: u32,
) -> Result<Vec<String>, StepError> {
    try_join_all((1..=count).map(|index| {
        let (slot, cluster) = (format!("{index}"), cluster.to_owned());
        let (class, engine) = (class.to_owned(), engine.to_owned());
        async move {
            let what = Create::DbClusterInstance { cluster, name: cx.name(&slot), class, engine, index };
            Ok::<_, StepError>(cx.create_ready(&slot, what).await?.0)
        }
    }))
    .await
}

/// Waits until the cluster is ready, and gives the outputs.
pub(super) async fn finished(
    cx: &Context<'_>,
    cluster: &str,
    instances: Vec<String>,
) -> Result<Outcome, StepError> {
    let seen = cx.ready(Kind::DbCluster, cluster, Until::Ready).await?;
    let mut outcome = Outcome::default();
    outcome.outputs.insert("cluster_id".into(), json!(cluster));
    outcome.outputs.insert("instance_ids".into(), json!(instances));
    take(&mut outcome.outputs, &seen, &["endpoint", "address", "port", "reader_endpoint"]);
    Ok(outcome)
}

/// The identifiers of the instances that RDS made with the cluster.
pub(super) fn member_ids(seen: &Observed) -> Vec<String> {
    let members = seen.attributes.get("member_ids").and_then(Value::as_array);
    members.into_iter().flatten().filter_map(|id| Some(id.as_str()?.to_owned())).collect()
}
