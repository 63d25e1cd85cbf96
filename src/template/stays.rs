//! What stays when a stack is deleted.

use std::fmt;

use super::chosen;
use super::read::Template;
use super::resolve::{Resolver, Surroundings};
use super::types::leaves_a_snapshot;
use super::value::{Form, Resolved, Truth, shown};
use yaml::{Entry, Node, Span};

/// Something that stays, with its place in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stays {
    pub span: Span,
    /// The logical id.
    pub resource: String,
    /// The resource type.
    pub kind: String,
    pub how: How,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// `DeletionPolicy` keeps the resource.
    Retained,
    /// CloudFormation takes a final snapshot.
    Snapshot,
    /// AWS deletes the key itself, after this many days.
    Pending { days: String },
    /// The service writes logs to groups that are not the stack's.
    Logs { groups: String },
}

impl Stays {
    /// Whether teardown leaves it behind for good. Otherwise nothing of production stays in it
    /// that could be used.
    pub fn is_left_behind(&self) -> bool {
        match self.how {
            How::Retained | How::Snapshot => true,
            How::Pending { .. } | How::Logs { .. } => false,
        }
    }

    /// What stays, in words. `stack` names the stack.
    pub fn told(&self, stack: &str) -> String {
        let name = format!("{} ({})", self.resource, self.kind);
        match &self.how {
            How::Retained => format!("{name} of the stack {stack}: its template retains it"),
            How::Snapshot => format!("the final snapshot of {name} of the stack {stack}"),
            How::Pending { days } => format!(
                "the key {name} of the stack {stack} is not deleted at once: it is pending deletion for {days} d"
            ),
            How::Logs { groups } => format!(
                "{name} of the stack {stack} may write to {groups}, which CloudFormation does not delete; a group \
                 that teardown then finds counts as left behind"
            ),
        }
    }

    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        match self.how {
            How::Retained | How::Snapshot => {
                "write `DeletionPolicy: Delete` for the drill, with a parameter; remove what is left yourself"
            }
            How::Pending { .. } => {
                "AWS deletes it after the waiting period, 7 days at least (`PendingWindowInDays`); pass a key that \
                 exists by a parameter if drills must leave none"
            }
            How::Logs { .. } => {
                "make the log group in the template (`AWS::Logs::LogGroup`) and name it in the logging settings, or \
                 delete it after the drill with `aws logs delete-log-group`"
            }
        }
    }
}

/// The log groups that a service makes itself for a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGroups {
    /// The name of the group, or what the names of all of them begin with.
    pub name: String,
    pub is_prefix: bool,
}

impl LogGroups {
    /// Those of a resource of this type with this name, which is its physical id.
    pub fn of(kind: &str, name: &str) -> Option<Self> {
        let (name, is_prefix) = match kind {
            // Lambda developer guide, "Sending Lambda function logs to CloudWatch Logs".
            "AWS::Lambda::Function" => (format!("/aws/lambda/{name}"), false),
            // CodeBuild user guide, "Build project settings", logs.
            "AWS::CodeBuild::Project" => (format!("/aws/codebuild/{name}"), false),
            // RDS user guide, "Publishing database logs to Amazon CloudWatch Logs".
            "AWS::RDS::DBInstance" => (format!("/aws/rds/instance/{name}/"), true),
            "AWS::RDS::DBCluster" => (format!("/aws/rds/cluster/{name}/"), true),
            _ => return None,
        };
        Some(Self { name, is_prefix })
    }

    /// Whether this is one of them.
    pub fn hold(&self, group: &str) -> bool {
        if self.is_prefix { group.starts_with(&self.name) } else { group == self.name }
    }
}

impl fmt::Display for LogGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_prefix {
            write!(f, "the log groups {}…", self.name)
        } else {
            write!(f, "the log group {}", self.name)
        }
    }
}

/// What stays of a stack, in the order of the file.
pub fn stays(template: &Template, surroundings: &Surroundings) -> Vec<Stays> {
    let resolver = Resolver::new(template, surroundings);
    let mut found = Vec::new();
    for entry in template.section("Resources") {
        if matches!(resolver.is_made(&entry.value), Truth::No | Truth::Later) {
            continue;
        }
        let Some(kind) = entry.value.get("Type").and_then(Node::as_str) else { continue };
        let how = deletion(entry, kind, &resolver).or_else(|| lingers(template, entry, kind, &resolver));
        if let Some(how) = how {
            let (resource, kind) = (entry.key.clone(), kind.to_owned());
            found.push(Stays { span: entry.key_span, resource, kind, how });
        }
    }
    found
}

/// What the resource's `DeletionPolicy` keeps (CloudFormation template reference, "`DeletionPolicy`
/// attribute").
fn deletion(entry: &Entry, kind: &str, resolver: &Resolver<'_>) -> Option<How> {
    let policy = entry.value.get("DeletionPolicy").map(|node| resolver.resolve(node));
    if let Some(policy) = policy.filter(|policy| !matches!(policy.form, Form::Nothing)) {
        return match policy.known() {
            Some("Delete") => None,
            Some("Snapshot") => Some(How::Snapshot),
            _ => Some(How::Retained),
        };
    }
    let cluster = property(entry, "DBClusterIdentifier", resolver);
    let in_a_cluster = cluster.is_some_and(|cluster| cluster.is_given());
    leaves_a_snapshot(kind, in_a_cluster).then_some(How::Snapshot)
}

/// What outlives the resource although CloudFormation deletes it.
fn lingers(template: &Template, entry: &Entry, kind: &str, resolver: &Resolver<'_>) -> Option<How> {
    let given = |key: &str| property(entry, key, resolver).is_some_and(|value| value.is_given());
    let named = |key: &str| {
        let name = property(entry, key, resolver);
        let text = name.as_ref().and_then(|name| name.leaves().first().map(|leaf| shown(leaf.1)));
        text.unwrap_or_else(|| format!("<name of {}>", entry.key))
    };
    let logs = |groups: &LogGroups| How::Logs { groups: groups.to_string() };
    match kind {
        // KMS API reference, "ScheduleKeyDeletion": 30 days if no number is given.
        "AWS::KMS::Key" | "AWS::KMS::ReplicaKey" => {
            let days = property(entry, "PendingWindowInDays", resolver);
            let days = days.as_ref().and_then(Resolved::known).unwrap_or("30").to_owned();
            Some(How::Pending { days })
        }
        "AWS::Lambda::Function" => {
            let elsewhere = property(entry, "LoggingConfig", resolver)
                .is_some_and(|logging| logging.get("LogGroup").into_iter().flatten().any(Resolved::is_given));
            let groups = LogGroups::of(kind, &named("FunctionName"))?;
            (!elsewhere && !makes_group(template, entry, &groups, resolver)).then(|| logs(&groups))
        }
        "AWS::CodeBuild::Project" if !given("LogsConfig") => {
            LogGroups::of(kind, &named("Name")).as_ref().map(logs)
        }
        "AWS::RDS::DBInstance" if given("EnableCloudwatchLogsExports") => {
            LogGroups::of(kind, &named("DBInstanceIdentifier")).as_ref().map(logs)
        }
        "AWS::RDS::DBCluster" if given("EnableCloudwatchLogsExports") => {
            LogGroups::of(kind, &named("DBClusterIdentifier")).as_ref().map(logs)
        }
        _ => None,
    }
}

/// Whether the template makes the log group of a function, so that it is deleted with the stack.
fn makes_group(template: &Template, function: &Entry, groups: &LogGroups, resolver: &Resolver<'_>) -> bool {
    template.section("Resources").iter().any(|entry| {
        if entry.value.get("Type").and_then(Node::as_str) != Some("AWS::Logs::LogGroup")
            || resolver.is_made(&entry.value) == Truth::No
        {
            return false;
        }
        let Some(name) = entry.value.get("Properties").and_then(|p| p.get("LogGroupName")) else {
            return false;
        };
        let mut refers = false;
        chosen::functions(resolver, name, &mut |used| {
            refers |= chosen::names(used).any(|name| name == function.key);
        });
        refers || resolver.resolve(name).known().is_some_and(|name| groups.hold(name))
    })
}

fn property(entry: &Entry, key: &str, resolver: &Resolver<'_>) -> Option<Resolved> {
    let node = entry.value.get("Properties")?.get(key)?;
    Some(resolver.resolve(node)).filter(|value| !matches!(value.form, Form::Nothing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what_stays(resources: &str) -> Vec<(String, How)> {
        let text = format!("Resources:\n{resources}");
        let template = Template::read("t", &text, 0).unwrap_or_else(|f| panic!("{}", f.render(false)));
        let found = stays(&template, &Surroundings::default());
        found.into_iter().map(|one| (one.resource, one.how)).collect()
    }

    #[test]
    fn what_a_policy_keeps_is_left_behind() {
        for (attributes, expected) in [
            ("Type: 'AWS::SQS::Queue'", None),
            ("Type: 'AWS::SQS::Queue', DeletionPolicy: Retain", Some(How::Retained)),
            ("Type: 'AWS::SQS::Queue', DeletionPolicy: RetainExceptOnCreate", Some(How::Retained)),
            ("Type: 'AWS::EC2::Volume', DeletionPolicy: Snapshot", Some(How::Snapshot)),
            ("Type: 'AWS::RDS::DBCluster'", Some(How::Snapshot)),
            ("Type: 'AWS::RDS::DBCluster', DeletionPolicy: Delete", None),
            ("Type: 'AWS::RDS::DBInstance', Properties: { DBClusterIdentifier: c }", None),
        ] {
            let found = what_stays(&format!("  R: {{ {attributes} }}\n"));
            assert_eq!(found.into_iter().map(|one| one.1).next(), expected, "{attributes}");
        }
    }

    #[test]
    fn keys_wait_and_services_write_logs_of_their_own() {
        let days = |days: &str| Some(How::Pending { days: days.to_owned() });
        let logs = |groups: &str| Some(How::Logs { groups: groups.to_owned() });
        for (resources, expected) in [
            ("  R: { Type: 'AWS::KMS::Key' }\n", days("30")),
            ("  R: { Type: 'AWS::KMS::Key', Properties: { PendingWindowInDays: 7 } }\n", days("7")),
            (
                "  R: { Type: 'AWS::Lambda::Function', Properties: { FunctionName: f } }\n",
                logs("the log group /aws/lambda/f"),
            ),
            ("  R: { Type: 'AWS::Lambda::Function' }\n", logs("the log group /aws/lambda/<name of R>")),
            (
                "  R: { Type: 'AWS::Lambda::Function', Properties: { LoggingConfig: { LogGroup: g } } }\n",
                None,
            ),
            (
                "  R: { Type: 'AWS::Lambda::Function' }\n  G: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: !Sub '/aws/lambda/${R}' } }\n",
                None,
            ),
            (
                "  R: { Type: 'AWS::RDS::DBInstance', DeletionPolicy: Delete, Properties: { DBInstanceIdentifier: d, EnableCloudwatchLogsExports: [x] } }\n",
                logs("the log groups /aws/rds/instance/d/…"),
            ),
        ] {
            let found = what_stays(resources);
            assert_eq!(found.into_iter().map(|one| one.1).next(), expected, "{resources}");
        }
    }
}
