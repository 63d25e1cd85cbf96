//! CloudFormation stacks: deployed from a template's text, observed with the reason of a failure,
//! and deleted.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{Capability, OnFailure, Parameter, ResourceStatus, Stack, StackStatus};
use serde_json::Value;

use super::access::{CloudFormationReader, Writer};
use super::error::OrCloud;
use super::once::begun;
use super::{At, observed, pages, s3, tags, with};
use port::{
    CloudError, CloudResult, Created, DeployStack, ErrorKind, Kind, Observed, Progress, State, TAG_RUN,
};

pub async fn create(at: &At<'_>, stack: &DeployStack) -> CloudResult<Created> {
    const CALL: &str = "cloudformation:CreateStack";
    let writer = at.writer().await?;
    let client = &writer.cloudformation;
    let parameters = stack
        .parameters
        .iter()
        .map(|(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build())
        .collect();
    let made = client
        .create_stack()
        .stack_name(&stack.name)
        .template_body(&stack.template)
        .set_parameters(Some(parameters))
        .set_capabilities(Some(stack.capabilities.iter().map(|c| Capability::from(c.as_str())).collect()))
        .set_tags(Some(tags::cloudformation(at, &stack.name)))
        .client_request_token(tags::token(at, ""))
        .on_failure(OnFailure::Rollback)
        .send()
        .await
        .or_cloud(CALL);
    let id = match made {
        Ok(answer) => answer.stack_id.unwrap_or_else(|| stack.name.clone()),
        Err(e) if e.kind == ErrorKind::AlreadyExists => {
            let found = begun(describe(&writer.read.cloudformation, &stack.name).await)?;
            match found {
                Some(s) if run_of(&s) == Some(at.run_tags.run.0.as_str()) => {
                    s.stack_id.unwrap_or_else(|| stack.name.clone())
                }
                _ => {
                    return Err(CloudError::new(
                        ErrorKind::AlreadyExists,
                        CALL,
                        format!("the stack {} exists, and this run did not create it", stack.name),
                    )
                    .help("remove or rename it: nothing of another run is ever taken over"));
                }
            }
        }
        Err(e) => return Err(e),
    };
    Ok(at.created(Kind::Stack, id, "stack_id"))
}

fn run_of(stack: &Stack) -> Option<&str> {
    stack.tags().iter().find(|t| t.key() == Some(TAG_RUN)).and_then(|t| t.value())
}

async fn describe(client: &CloudFormationReader, id: &str) -> CloudResult<Option<Stack>> {
    let found = client.describe_stacks().stack_name(id).send().await;
    match found.or_cloud("cloudformation:DescribeStacks") {
        Err(e) if e.kind == ErrorKind::NotFound => Ok(None),
        other => Ok(other?.stacks.unwrap_or_default().into_iter().next()),
    }
}

pub async fn all(client: &CloudFormationReader) -> CloudResult<Vec<Stack>> {
    Ok(pages!("cloudformation:DescribeStacks", stacks, client.describe_stacks()))
}

/// Observes stacks with one request. One stack is asked for by its id. Several come from the list
/// of all stacks, which leaves out deleted ones.
pub async fn observe(client: &CloudFormationReader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let stacks = match ids {
        [id] => describe(client, id).await?.into_iter().collect(),
        _ => all(client).await?,
    };
    let mut seen = Vec::new();
    for stack in stacks {
        let matches = |id: &&String| stack.stack_id() == Some(id) || stack.stack_name() == Some(id);
        if let Some(id) = ids.iter().find(matches) {
            seen.push(observe_one(client, id, &stack).await?);
        }
    }
    Ok(seen)
}

async fn observe_one(client: &CloudFormationReader, id: &str, stack: &Stack) -> CloudResult<Observed> {
    let status = stack.stack_status().map_or("CREATE_IN_PROGRESS", StackStatus::as_str).to_owned();
    let said = stack.stack_status_reason().unwrap_or_default().to_owned();
    let failed = status.contains("ROLLBACK") || status.ends_with("_FAILED");
    let state = match status.as_str() {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => State::Ready,
        "DELETE_COMPLETE" => State::Gone,
        "DELETE_FAILED" => State::Failed(format!("{status} {said}").trim().to_owned()),
        // A rollback always ends in failure, so there is nothing to wait for.
        _ if failed => {
            let why = first_failure(client, id).await?.unwrap_or_else(|| said.clone());
            State::Failed(format!("{status} {why}").trim().to_owned())
        }
        _ => State::Pending(status.clone()),
    };
    let outputs: BTreeMap<&str, &str> =
        stack.outputs().iter().filter_map(|o| Some((o.output_key()?, o.output_value()?))).collect();
    let seen = with(observed(id, state), "outputs", serde_json::to_value(outputs).unwrap_or(Value::Null));
    let seen = with(seen, "stack_id", stack.stack_id.clone());
    let reason = if said.is_empty() { Value::Null } else { Value::from(said) };
    Ok(with(with(seen, "status", status), "reason", reason))
}

/// Returns the first failure with AWS's reason. The later ones are cancellations that follow from
/// it.
async fn first_failure(client: &CloudFormationReader, id: &str) -> CloudResult<Option<String>> {
    let events = pages!(
        "cloudformation:DescribeStackEvents",
        stack_events,
        client.describe_stack_events().stack_name(id)
    );
    // Events come newest first, so the first failure is the last one in the list.
    let failed = events.iter().rfind(|e| {
        e.resource_status().is_some_and(|s| s.as_str().ends_with("_FAILED"))
            && e.resource_status_reason().is_some_and(|r| !r.contains("cancelled"))
    });
    Ok(failed.map(|e| {
        let what = e.logical_resource_id().unwrap_or("the stack");
        format!("{what}: {}", e.resource_status_reason().unwrap_or("no reason given"))
    }))
}

pub async fn delete(to: &Writer, id: &str, progress: &dyn Fn(Progress)) -> CloudResult<()> {
    const CALL: &str = "cloudformation:DeleteStack";
    let (client, run_tags) = (&to.cloudformation, &to.run_tags);
    let Some(stack) = describe(&to.read.cloudformation, id).await? else { return Ok(()) };
    if stack.stack_status() == Some(&StackStatus::DeleteComplete) {
        return Ok(());
    }
    tags::guard(CALL, id, run_of(&stack), run_tags)?;
    if stack.stack_status() == Some(&StackStatus::DeleteFailed) {
        empty_buckets(to, id, progress).await?;
    }
    // No client token: CloudFormation would take a repeated token for a repeat of a failed
    // deletion.
    client.delete_stack().stack_name(id).send().await.or_cloud(CALL)?;
    Ok(())
}

/// Empties the buckets that a failed deletion has left. CloudFormation deletes only empty ones. It
/// gives a stack's tags to its buckets, so a bucket without the run's tag is not the run's.
async fn empty_buckets(to: &Writer, id: &str, progress: &dyn Fn(Progress)) -> CloudResult<()> {
    const CALL: &str = "cloudformation:DeleteStack";
    let request = to.read.cloudformation.list_stack_resources().stack_name(id);
    let listed = pages!("cloudformation:ListStackResources", stack_resource_summaries, request);
    for one in &listed {
        let status = one.resource_status();
        let is_left = one.resource_type() == Some("AWS::S3::Bucket")
            && status != Some(&ResourceStatus::DeleteComplete)
            && status != Some(&ResourceStatus::DeleteSkipped);
        let Some(name) = one.physical_resource_id().filter(|_| is_left) else { continue };
        let logical = one.logical_resource_id().unwrap_or("?");
        let named = format!("the bucket {name} (`{logical}` of the stack {id})");
        let tags = match s3::bucket::tags_of(&to.read.s3, name).await {
            Ok(tags) => tags,
            Err(e) if e.kind == ErrorKind::NotFound => continue,
            Err(e) => return Err(CloudError { message: format!("{named}: {}", e.message), ..e }),
        };
        if s3::bucket::run_of(&tags) == Some(to.run_tags.run.0.as_str()) {
            s3::bucket::empty(to, name, progress).await?;
        } else if status == Some(&ResourceStatus::DeleteFailed) {
            let why = one.resource_status_reason().unwrap_or("it may not be empty");
            let what = format!(
                "{named} keeps the stack: {why}. It does not carry this run's tag, so it is left alone: empty it by hand, and delete the stack again"
            );
            return Err(CloudError::new(ErrorKind::Guarded, CALL, what));
        }
    }
    Ok(())
}
