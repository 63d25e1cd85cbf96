//! Deploys a stack from a template.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::lost;
use crate::actions::action::{Action, OF_A_RESOURCE};
use crate::actions::context::{Context, Outcome, StepError};
use base::severity::Severity;
use estate::file::FaultKind;
use estate::{PointKind, ResourceId};
use playbook::action::{
    ArgProblem, Demands, FileArg, FileKind, Output, Prepared, Shape, SourceSpec, TemplateUse,
};
use playbook::expr;
use port::{Calibration, Create, CreateCall, DeployStack, Finding, Rule, Timed};
use template::stays::How;
use template::{self, Allow, Given, Holds, SANDBOX_CIDR, SANDBOX_IDS, Surroundings, Template};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployArgs {
    /// The production stack's name. The run makes the sandbox's name unique.
    pub name: String,
    /// The template's path, relative to the playbook.
    pub template: String,
    /// Parameters. If the template has `VpcId`, `SubnetIds`, `SecurityGroupId` or `VpcCidr` and no
    /// value is given, the sandbox's value is used.
    #[serde(default)]
    pub parameters: IndexMap<String, Value>,
    /// Capabilities that the template needs, such as `CAPABILITY_IAM`.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Exceptions from the inspection of the template: `iam` (roles and policies), `retain`
    /// (resources that outlive the stack), and types or properties that are not known to stay inside
    /// the sandbox (`AWS::Batch::JobQueue`, `AWS::RDS::DBInstance.DomainIAMRoleName`). Each becomes a finding of the report.
    #[serde(default)]
    pub allow: Vec<String>,
}

pub struct Deploy;

impl Action for Deploy {
    type Args = DeployArgs;

    const NAME: &'static str = "cloudformation.deploy";
    const SUMMARY: &'static str = "Deploys a CloudFormation stack into the sandbox.";
    const OUTPUTS: &'static [Output] = &[
        Output { name: "stack_id", doc: "the stack's id", shape: Shape::Text },
        Output { name: "outputs", doc: "the stack's outputs", shape: Shape::Open },
    ];
    const CALLS: &'static [&'static str] = &[
        "cloudformation:CreateStack",
        "cloudformation:DescribeStacks",
        "cloudformation:ListStacks",
        "cloudformation:DescribeStackEvents",
    ];
    const MAY_OPEN: bool = true;
    const MAY_CLAIM: bool = true;
    const SIZED_BY: &'static [PointKind] = &[];
    const FAULTS: &'static [FaultKind] = OF_A_RESOURCE;
    const PREPARED: &'static [Prepared] = &[];
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[Timed::Request(CreateCall::CreateStack)],
        base: Duration::from_mins(5),
        per_gib: Duration::ZERO,
        spread: 0.3,
        source: "5 min (m)",
    };
    const SECRETS: &'static [&'static str] = &["parameters"];
    const FILES: &'static [FileArg] = &[FileArg { name: "template", kind: FileKind::Template }];

    fn problems(args: &DeployArgs) -> Vec<ArgProblem> {
        allowed(args).err().into_iter().collect()
    }

    fn source(_args: &DeployArgs) -> Option<SourceSpec> {
        None
    }

    fn demands(args: &DeployArgs) -> Demands {
        let template = TemplateUse {
            path: args.template.clone(),
            parameters: args.parameters.clone(),
            capabilities: args.capabilities.clone(),
            allow: args.allow.clone(),
        };
        Demands { template: Some(template), ..Demands::default() }
    }

    async fn run(cx: &Context<'_>, args: DeployArgs) -> Result<Outcome, StepError> {
        let allow = allowed(&args).map_err(|problem| StepError::wrong(problem.message, problem.help))?;
        let text = cx.files.read(&args.template).map_err(|why| {
            StepError::wrong(
                format!("{} cannot be read: {why}", cx.files.path(&args.template).display()),
                "give the template's path, relative to the playbook",
            )
        })?;
        let template = Template::read(&args.template, &text, 0).map_err(|found| {
            let first = found.iter().next();
            let said = first.map(|d| format!("{}:{}:{}: {}", d.file, d.line, d.column, d.message));
            StepError::wrong(
                format!("the template cannot be inspected: {}", said.unwrap_or_default()),
                first.and_then(|d| d.help.clone()).unwrap_or_default(),
            )
        })?;
        let parameters = parameters(cx, &args, &template);
        let surroundings = surroundings(cx, &parameters);
        let mut findings = inspected(&template, &surroundings, &allow)?;
        lost::refuse(cx, &template, &surroundings).await?;
        findings.extend(staying(&template, &surroundings, &args.name));
        findings.extend(assumed(cx, &template, &surroundings));
        let what = Create::Stack(DeployStack {
            name: cx.name(""),
            template: text,
            parameters,
            capabilities: args.capabilities,
        });
        let (id, seen, _) = cx.create_ready("", what).await?;
        let mut outcome = Outcome { findings, ..Outcome::default() };
        outcome.outputs.insert("stack_id".into(), json!(id));
        outcome
            .outputs
            .insert("outputs".into(), seen.attributes.get("outputs").cloned().unwrap_or_else(|| json!({})));
        outcome.restored.push(ResourceId::new("cloudformation:stack", &args.name));
        Ok(outcome)
    }
}

/// The exceptions that `allow` names.
fn allowed(args: &DeployArgs) -> Result<Allow, ArgProblem> {
    let names: Vec<&str> = args.allow.iter().map(String::as_str).collect();
    Allow::read(&names).map_err(|(index, message, help)| ArgProblem {
        pointer: format!("/allow/{index}"),
        message,
        help,
    })
}

/// The parameters of the step, and the sandbox's own ones that the template has.
fn parameters(cx: &Context<'_>, args: &DeployArgs, template: &Template) -> BTreeMap<String, String> {
    let given = args.parameters.iter();
    let mut parameters: BTreeMap<String, String> =
        given.map(|(name, value)| (name.clone(), template::parameter_text(value))).collect();
    let subnets: Vec<&str> = cx.sandbox.subnets.iter().map(|s| s.id.as_str()).collect();
    let ids = [cx.sandbox.vpc.clone(), subnets.join(","), cx.sandbox.security_group.clone()];
    for (name, value) in SANDBOX_IDS.into_iter().zip(ids).chain([(SANDBOX_CIDR, cx.sandbox.cidr.clone())]) {
        if template.declares(name) {
            parameters.entry(name.to_owned()).or_insert(value);
        }
    }
    parameters
}

/// The parameters whose value is, as a whole, an output of a step that makes what it names.
fn from_steps(cx: &Context<'_>) -> BTreeSet<String> {
    let is_an_output = |text: &str| match expr::references(text).as_deref() {
        Ok([one]) => {
            let step = one.path.get(1).filter(|_| one.path.first().is_some_and(|root| root == "steps"));
            let alone = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
            alone.is_some_and(|inner| inner.trim() == one.path.join("."))
                && step.is_some_and(|step| cx.makers.contains(step.as_str()))
        }
        _ => false,
    };
    let all = |value: &Value| match value {
        Value::String(text) => is_an_output(text),
        Value::Array(items) => {
            !items.is_empty() && items.iter().all(|item| item.as_str().is_some_and(is_an_output))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    };
    let written = cx.written.get("parameters").and_then(Value::as_object);
    written.into_iter().flatten().filter(|(_, value)| all(value)).map(|(name, _)| name.clone()).collect()
}

/// The place and the parameters of the deployment.
fn surroundings(cx: &Context<'_>, parameters: &BTreeMap<String, String>) -> Surroundings {
    let sandbox = cx.sandbox;
    let ids =
        [&sandbox.vpc, &sandbox.security_group].into_iter().chain(sandbox.subnets.iter().map(|s| &s.id));
    Surroundings {
        account: Some(sandbox.place.account.clone()),
        region: Some(sandbox.place.region.clone()),
        cidr: Some(sandbox.cidr.clone()),
        ids: ids.chain(&sandbox.db_subnet_group).cloned().collect(),
        parameters: parameters
            .iter()
            .map(|(name, text)| (name.clone(), Given::Value(text.clone())))
            .collect(),
        from_steps: from_steps(cx),
    }
}

/// Assertions of the template that only AWS can judge. The twin takes them to hold.
fn assumed(cx: &Context<'_>, template: &Template, surroundings: &Surroundings) -> Vec<Finding> {
    if !cx.provisioner.cloud().tells_changes() {
        return Vec::new();
    }
    let unknown = template::assertions(template, surroundings).into_iter();
    unknown
        .filter(|one| one.holds == Holds::Unknown)
        .map(|one| {
            Finding::new(
                Rule::Assumed,
                cx.step,
                format!(
                    "step `{}` was assumed: the twin cannot judge {} of the template",
                    cx.step,
                    one.told()
                ),
                "run the drill `--on aws`, where CloudFormation judges it",
            )
        })
        .collect()
}

/// Findings about what stays although CloudFormation deletes the stack.
fn staying(template: &Template, surroundings: &Surroundings, stack: &str) -> Vec<Finding> {
    let found = template::stays(template, surroundings);
    let stays = found.into_iter().filter(|one| !one.is_left_behind());
    stays
        .map(|one| {
            let severity = match one.how {
                How::Retained | How::Snapshot | How::Pending { .. } => Severity::Medium,
                How::Logs { .. } => Severity::Low,
            };
            Finding::new(Rule::StackLeaves, &one.resource, one.told(stack), one.fix()).graded(severity)
        })
        .collect()
}

/// The findings of the template's inspection. An error if the template must not be deployed.
fn inspected(
    template: &Template,
    surroundings: &Surroundings,
    allow: &Allow,
) -> Result<Vec<Finding>, StepError> {
    let found = template::inspect(template, surroundings, allow);
    let mut stops = found.iter().filter(|finding| finding.severity == Severity::High);
    if let Some(first) = stops.next() {
        let more = match stops.count() {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let said = format!("the template is not deployed: {}{more}", first.told(template));
        return Err(StepError::wrong(said, first.fix.clone()));
    }
    Ok(found
        .into_iter()
        .map(|finding| {
            let fix = if finding.severity == Severity::Medium {
                "remove it from `allow` once the template can do without"
            } else {
                "nothing has to be done for a drill"
            };
            Finding::new(Rule::Template, &finding.resource, finding.told(template), fix)
                .graded(finding.severity)
        })
        .collect())
}
