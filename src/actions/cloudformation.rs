//! CloudFormation: infrastructure rebuilt from its templates.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::playbook::action::{ActionDecl, Output, Shape};

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

pub const DEPLOY: ActionDecl = ActionDecl {
    name: "cloudformation.deploy",
    summary: "Deploys a CloudFormation stack into the sandbox.",
    args: |g| g.subschema_for::<DeployArgs>(),
    check: |_| Vec::new(),
    outputs: &[
        Output { name: "stack_id", doc: "the stack's id", shape: Shape::Text },
        Output { name: "outputs", doc: "the stack's outputs", shape: Shape::Open },
    ],
    source: |_| None,
    calls: &["cloudformation:CreateStack", "cloudformation:DescribeStacks"],
};
