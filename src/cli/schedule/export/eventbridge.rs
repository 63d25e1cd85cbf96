//! A schedule of Amazon EventBridge, as a CloudFormation template.

use serde_json::json;

use super::{Job, Manifest, name_in_lower_case};
use ::schedule::list;
use yaml::emit::scalar;

/// The longest name of a schedule.
const LONGEST_NAME: usize = 64;
/// How long EventBridge may try to start a task, in seconds.
const DEADLINES: std::ops::RangeInclusive<u64> = 60..=86_400;

pub fn manifest(job: &Job<'_>) -> Result<Vec<Manifest>, String> {
    job.absolute("the drill runs in the image of the task")?;
    let window = job.schedule.window().map(|window| window.0.as_secs());
    if window.is_some_and(|seconds| seconds < *DEADLINES.start()) {
        return Err("EventBridge knows no deadline below 60s: make the window longer".into());
    }
    let deadline = window.unwrap_or(u64::MAX).min(*DEADLINES.end());
    let name = format!("drillmaster-{}", name_in_lower_case(job.name, LONGEST_NAME - "drillmaster-".len()));
    let head = job.head(&[
        "When clocks are put forward, a drill at a time that does not exist is left out; when they are \
         put back, it is held once. EventBridge tries for the window to start the task, for a day at \
         most. It does not wait for the drill before: give it time. The task's volume must keep the \
         runs, or they are lost with the task. Its task role must be allowed what the drill needs.",
    ]);
    let overrides = json!({ "containerOverrides": [{ "name": "${Container}", "command": command(job) }] });
    let text = format!(
        "{head}AWSTemplateFormatVersion: \"2010-09-09\"
Description: {description}
Parameters:
  Cluster:
    Type: String
    Description: The ARN of the ECS cluster
  TaskDefinition:
    Type: String
    Description: The ARN of a task definition whose image holds Drillmaster and the playbook
  Container:
    Type: String
    Default: drillmaster
    Description: The container's name in the task definition
  Subnets:
    Type: List<AWS::EC2::Subnet::Id>
    Description: Subnets from which the task reaches the APIs of AWS
  Role:
    Type: String
    Description: The ARN of the role with which EventBridge starts the task (ecs:RunTask, iam:PassRole)
Resources:
  Drill:
    Type: AWS::Scheduler::Schedule
    Properties:
      Name: {name}
      ScheduleExpression: {expression}
      ScheduleExpressionTimezone: {zone}
      FlexibleTimeWindow: {{ Mode: \"OFF\" }}
      Target:
        Arn: !Ref Cluster
        RoleArn: !Ref Role
        EcsParameters:
          TaskDefinitionArn: !Ref TaskDefinition
          TaskCount: 1
          LaunchType: FARGATE
          NetworkConfiguration:
            AwsvpcConfiguration:
              Subnets: !Ref Subnets
        Input: !Sub {input}
        RetryPolicy: {{ MaximumEventAgeInSeconds: {deadline}, MaximumRetryAttempts: 185 }}
",
        description = scalar(&format!("Starts the disaster-recovery drill {}", job.name)),
        name = scalar(&name),
        expression = scalar(&expression(job)?),
        zone = scalar(job.schedule.zone().name()),
        input = scalar(&overrides.to_string()),
    );
    Ok(vec![Manifest { name: format!("{name}.template.yaml"), text }])
}

/// The arguments. `Fn::Sub` replaces `${NAME}`, and reads `${!NAME}` as `${NAME}`.
fn command(job: &Job<'_>) -> Vec<String> {
    job.command().iter().map(|text| text.replace("${", "${!")).collect()
}

/// Six fields. One of both kinds of days must be `?`, and weekdays begin with 1 for Sunday.
fn expression(job: &Job<'_>) -> Result<String, String> {
    let fields = &job.fields;
    let (days, weekdays) = match (&fields.days, &fields.weekdays) {
        (Some(_), Some(_)) => {
            return Err(format!(
                "`{}` names days of the month and of the week, and EventBridge takes one of both: make two playbooks of it, or choose another scheduler",
                job.schedule.cron()
            ));
        }
        (days, None) => (list(days.as_deref(), "*"), "?".to_owned()),
        (None, Some(weekdays)) => {
            let from_one: Vec<u16> = weekdays.iter().map(|day| day + 1).collect();
            ("?".to_owned(), list(Some(&from_one), "*"))
        }
    };
    let part = |values: &Option<Vec<u16>>| list(values.as_deref(), "*");
    Ok(format!(
        "cron({} {} {days} {} {weekdays} *)",
        part(&fields.minutes),
        part(&fields.hours),
        part(&fields.months)
    ))
}
