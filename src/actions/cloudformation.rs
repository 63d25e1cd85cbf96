//! CloudFormation: infrastructure rebuilt from its templates.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Action;
use super::context::{Context, Outcome, StepError, decode};
use crate::cloud::{Create, DeployStack};
use crate::estate::ResourceId;

use crate::playbook::action::{ActionDecl, Demands, Output, Shape};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployArgs {
    /// The production stack's name; the sandbox's is made unique by the run.
    pub name: String,
    /// The template's path, relative to the playbook.
    pub template: String,
    /// Parameters. `VpcId`, `SubnetIds` and `SecurityGroupId` are the sandbox's where the template has them and none are given.
    #[serde(default)]
    pub parameters: IndexMap<String, Value>,
    /// `CAPABILITY_IAM` and the like, where the template needs them.
    #[serde(default)]
    pub capabilities: Vec<String>,
}

pub const DEPLOY: Action = Action {
    decl: ActionDecl {
        name: "cloudformation.deploy",
        summary: "Deploys a CloudFormation stack into the sandbox.",
        args: |g| g.subschema_for::<DeployArgs>(),
        check: |_| Vec::new(),
        secrets: &["parameters"],
        outputs: &[
            Output { name: "stack_id", doc: "the stack's id", shape: Shape::Text },
            Output { name: "outputs", doc: "the stack's outputs", shape: Shape::Open },
        ],
        source: |_| None,
        demands: |args| Demands { file: super::args::text(args, "/template"), ..Demands::default() },
        calls: &[
            "cloudformation:CreateStack",
            "cloudformation:DescribeStacks",
            "cloudformation:DescribeStackEvents",
        ],
        bucket_calls: &[],
    },
    run: |cx, args| Box::pin(deploy(cx, args)),
};

pub async fn deploy(cx: &Context<'_>, args: &Value) -> Result<Outcome, StepError> {
    let args: DeployArgs = decode(args)?;
    let template = cx.files.read(&args.template).map_err(|why| {
        StepError::wrong(
            format!("{} cannot be read: {why}", cx.files.path(&args.template).display()),
            "give the template's path, relative to the playbook",
        )
    })?;
    let mut parameters = BTreeMap::new();
    for (name, value) in &args.parameters {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(","),
            other => plain(other),
        };
        parameters.insert(name.clone(), text);
    }
    let subnets: Vec<&str> = cx.sandbox.subnets.iter().map(|s| s.id.as_str()).collect();
    for (name, value) in [
        ("VpcId", cx.sandbox.vpc.clone()),
        ("SubnetIds", subnets.join(",")),
        ("SecurityGroupId", cx.sandbox.security_group.clone()),
    ] {
        if declares_parameter(&template, name) {
            parameters.entry(name.to_owned()).or_insert(value);
        }
    }
    let what = Create::Stack(DeployStack {
        name: cx.name(""),
        template,
        parameters,
        capabilities: args.capabilities,
    });
    let (id, seen, _) = cx.create_ready("", what).await?;
    let mut outcome = Outcome::default();
    outcome.outputs.insert("stack_id".into(), json!(id));
    outcome
        .outputs
        .insert("outputs".into(), seen.attributes.get("outputs").cloned().unwrap_or_else(|| json!({})));
    outcome.restored.push(ResourceId::new("cloudformation:stack", &args.name));
    Ok(outcome)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether the template's `Parameters` have that name. A template that is no YAML or JSON is CloudFormation's to refuse.
fn declares_parameter(template: &str, name: &str) -> bool {
    #[derive(Deserialize)]
    struct Template {
        #[serde(default, rename = "Parameters")]
        parameters: BTreeMap<String, Value>,
    }
    serde_saphyr::from_str::<Template>(template).is_ok_and(|t| t.parameters.contains_key(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_in_yaml_with_intrinsics_and_in_json() {
        let yaml = "Parameters:\n  VpcId: { Type: String }\nResources:\n  A:\n    Type: X\n    Properties: { V: !Ref VpcId, W: !GetAtt A.B }\n";
        assert!(declares_parameter(yaml, "VpcId"));
        assert!(!declares_parameter(yaml, "SubnetIds"));
        assert!(declares_parameter("{\"Parameters\":{\"VpcId\":{}}}", "VpcId"));
    }
}
