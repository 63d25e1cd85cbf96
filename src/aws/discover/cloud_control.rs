//! The long tail: what Cloud Control lists, by one table.
//!
//! Cloud Control asks each service with the caller's permissions. The permissions of a row are those
//! of the type's handlers `list` and `read` in CloudFormation's resource schemas, without those that
//! would let a reader see secrets: `secretsmanager:GetSecretValue`, `ssm:GetParameters` and
//! `kms:Decrypt`. A parameter is listed and never got, because its value would come along.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudcontrol::types::ResourceDescription;
use serde_json::Value;

use super::found::{Found, empty_resource, some, sorted};
use super::{Here, Service, keys, listed, records};
use base::ids::Region;
use base::partition::Partition;
use estate::file::{ReplicaEntry, ResourceEntry};
use estate::mentions;
use port::{CloudError, CloudResult, ErrorKind};

const LIST: &str = "cloudformation:ListResources";
const GET: &str = "cloudformation:GetResource";

/// Items on a page: at most 100.
const PAGE: i32 = 100;

/// The types of `estate::scope::TABLE` that nothing here reads, and why.
pub const NOT_READ: [(&str, &str); 3] = [
    ("fsx:file-system", "Cloud Control does not know the type"),
    ("opensearch:domain", "Cloud Control cannot list the type"),
    ("storagegateway:volume", "Cloud Control lists it for one gateway at a time, and no gateway is known"),
];

/// How a resource's name is told.
#[derive(Clone, Copy)]
enum Named {
    /// The identifier. One of several parts has `/` between them.
    Id,
    /// A property. Without it, the identifier.
    By(&'static str),
    /// What stands in the identifier after the last occurrence of this.
    After(&'static str),
    /// The part of an ARN's path with this number: 1 of `cluster/NAME/ID` and -2 of
    /// `loadbalancer/app/NAME/ID`.
    Part(isize),
}

/// One type.
struct Row {
    service: &'static str,
    kind: &'static str,
    of: &'static str,
    named: Named,
    /// The permissions of its handler `list`.
    list: &'static [&'static str],
    /// Those of its handler `read`. Empty: what the list says is enough.
    read: &'static [&'static str],
    arn: &'static str,
    tags: &'static str,
    key: &'static str,
    class: &'static str,
    /// The name of its zone.
    zone: &'static str,
    /// What the type has besides.
    more: fn(&Value, &mut ResourceEntry),
}

const fn row(
    service: &'static str,
    kind: &'static str,
    of: &'static str,
    named: Named,
    list: &'static [&'static str],
    read: &'static [&'static str],
) -> Row {
    Row {
        service,
        kind,
        of,
        named,
        list,
        read,
        arn: "/Arn",
        tags: "/Tags",
        key: "",
        class: "",
        zone: "",
        more: |_, _| {},
    }
}

impl Row {
    const fn key(self, key: &'static str) -> Self {
        Self { key, ..self }
    }

    const fn arn(self, arn: &'static str) -> Self {
        Self { arn, ..self }
    }

    const fn tags(self, tags: &'static str) -> Self {
        Self { tags, ..self }
    }

    const fn class(self, class: &'static str) -> Self {
        Self { class, ..self }
    }

    const fn zone(self, zone: &'static str) -> Self {
        Self { zone, ..self }
    }

    const fn more(self, more: fn(&Value, &mut ResourceEntry)) -> Self {
        Self { more, ..self }
    }

    /// The type has no region: any endpoint lists it.
    fn is_global(&self) -> bool {
        let row = estate::scope::row_of(self.of);
        row.is_some_and(|row| row.scope == estate::scope::Scope::Global)
    }
}

use Named::{After, By, Id, Part};

/// All of them. The types of one service stand together.
#[rustfmt::skip]
const TABLE: [Row; 39] = [
    row("elb", "AWS::ElasticLoadBalancingV2::LoadBalancer", "elb:load-balancer", Part(-2),
        &["elasticloadbalancing:DescribeLoadBalancers"],
        &["elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancerAttributes",
          "elasticloadbalancing:DescribeCapacityReservation", "elasticloadbalancing:DescribeTags"])
        .arn("/LoadBalancerArn").more(|it, entry| entry.addresses = sorted(text(it, "/DNSName"))),
    row("elb", "AWS::ElasticLoadBalancing::LoadBalancer", "elb:load-balancer", Id,
        &["elasticloadbalancing:DescribeLoadBalancers"],
        &["elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancerPolicies",
          "elasticloadbalancing:DescribeLoadBalancerAttributes", "elasticloadbalancing:DescribeTags"])
        .more(|it, entry| entry.addresses = sorted(text(it, "/DNSName"))),
    row("elb", "AWS::ElasticLoadBalancingV2::TargetGroup", "elb:target-group", Part(-2),
        &["elasticloadbalancing:DescribeTargetGroups"],
        &["elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetGroupAttributes",
          "elasticloadbalancing:DescribeTargetHealth", "elasticloadbalancing:DescribeTags"])
        .arn("/TargetGroupArn"),
    row("autoscaling", "AWS::AutoScaling::AutoScalingGroup", "autoscaling:group", Id,
        &["autoscaling:Describe*"], &["autoscaling:Describe*"]).arn("/AutoScalingGroupARN"),
    row("elasticache", "AWS::ElastiCache::CacheCluster", "elasticache:cluster", Id,
        &["elasticache:DescribeCacheClusters"],
        &["elasticache:DescribeCacheClusters", "elasticache:ListTagsForResource"])
        .class("/CacheNodeType").zone("/PreferredAvailabilityZone")
        .more(|it, entry| entry.multi_az = text(it, "/AZMode").as_deref() == Some("cross-az")),
    row("elasticache", "AWS::ElastiCache::ReplicationGroup", "elasticache:replication-group", Id,
        &["elasticache:DescribeReplicationGroups"],
        &["elasticache:DescribeReplicationGroups", "elasticache:ListTagsForResource"])
        .class("/CacheNodeType").key("/KmsKeyId").zone("/PreferredCacheClusterAZs/0")
        .more(|it, entry| entry.multi_az = is(it, "/MultiAZEnabled")),
    row("memorydb", "AWS::MemoryDB::Cluster", "memorydb:cluster", Id,
        &["memorydb:DescribeClusters"], &["memorydb:DescribeClusters", "memorydb:ListTags"])
        .arn("/ARN").class("/NodeType").key("/KmsKeyId"),
    row("redshift", "AWS::Redshift::Cluster", "redshift:cluster", Id,
        &["redshift:DescribeClusters", "redshift:DescribeTags"],
        &["redshift:DescribeClusters", "redshift:DescribeLoggingStatus", "redshift:DescribeSnapshotCopyGrant",
          "redshift:DescribeClusterDbRevisions", "redshift:DescribeTags", "redshift:GetResourcePolicy"])
        .class("/NodeType").key("/KmsKeyId").zone("/AvailabilityZone")
        .more(|it, entry| entry.multi_az = is(it, "/MultiAZ")),
    row("lambda", "AWS::Lambda::Function", "lambda:function", Id,
        &["lambda:ListFunctions"],
        &["lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig", "lambda:GetFunctionRecursionConfig",
          "lambda:GetFunctionScalingConfig", "lambda:GetRuntimeManagementConfig"])
        .key("/KmsKeyArn").more(environment_of_function),
    row("ecs", "AWS::ECS::Cluster", "ecs:cluster", Id,
        &["ecs:DescribeClusters", "ecs:ListClusters"], &["ecs:DescribeClusters"]),
    row("ecs", "AWS::ECS::Service", "ecs:service", After("service/"),
        &["ecs:DescribeServices", "ecs:ListClusters", "ecs:ListServices"], &["ecs:DescribeServices"])
        .arn("/ServiceArn"),
    row("ecs", "AWS::ECS::TaskDefinition", "ecs:task-definition", After("task-definition/"),
        &["ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions"], &["ecs:DescribeTaskDefinition"])
        .arn("/TaskDefinitionArn").more(environment_of_containers),
    row("eks", "AWS::EKS::Cluster", "eks:cluster", Id, &["eks:ListClusters"], &["eks:DescribeCluster"])
        .key("/EncryptionConfig/0/Provider/KeyArn")
        .more(|it, entry| entry.addresses = sorted(text(it, "/Endpoint").map(|url| url.replace("https://", "")))),
    row("eks", "AWS::EKS::Nodegroup", "eks:nodegroup", Id, &["eks:ListNodegroups"], &["eks:DescribeNodegroup"])
        .class("/InstanceTypes/0"),
    row("ecr", "AWS::ECR::Repository", "ecr:repository", Id,
        &["ecr:DescribeRepositories"],
        &["ecr:DescribeRepositories", "ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy", "ecr:ListTagsForResource"])
        .key("/EncryptionConfiguration/KmsKey"),
    row("secretsmanager", "AWS::SecretsManager::Secret", "secretsmanager:secret", By("/Name"),
        &["secretsmanager:ListSecrets"], &["secretsmanager:DescribeSecret"])
        .arn("/Id").key("/KmsKeyId").more(replicas_of_secret),
    row("ssm", "AWS::SSM::Parameter", "ssm:parameter", Id, &["ssm:DescribeParameters"], &[]),
    row("kms", "AWS::KMS::Key", "kms:key", Id,
        &["kms:DescribeKey", "kms:ListKeys"],
        &["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"]),
    row("acm", "AWS::CertificateManager::Certificate", "acm:certificate", After("certificate/"),
        &["acm:ListCertificates"], &["acm:DescribeCertificate", "acm:ListTagsForCertificate"])
        .arn("/CertificateArn"),
    row("sns", "AWS::SNS::Topic", "sns:topic", After(":"),
        &["sns:ListTopics"],
        &["sns:GetDataProtectionPolicy", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:ListTagsForResource"])
        .arn("/TopicArn").key("/KmsMasterKeyId"),
    row("sqs", "AWS::SQS::Queue", "sqs:queue", After("/"),
        &["sqs:ListQueues"], &["sqs:GetQueueAttributes", "sqs:ListQueueTags"]).key("/KmsMasterKeyId"),
    row("kinesis", "AWS::Kinesis::Stream", "kinesis:stream", Id,
        &["kinesis:ListStreams"],
        &["kinesis:DescribeStreamSummary", "kinesis:ListTagsForResource", "kinesis:ListTagsForStream"])
        .key("/StreamEncryption/KeyId"),
    row("msk", "AWS::MSK::Cluster", "msk:cluster", Part(-2), &["kafka:ListClusters"], &["kafka:DescribeCluster"])
        .class("/BrokerNodeGroupInfo/InstanceType").key("/EncryptionInfo/EncryptionAtRest/DataVolumeKMSKeyId"),
    row("mq", "AWS::AmazonMQ::Broker", "mq:broker", By("/BrokerName"),
        &["mq:ListBrokers"], &["mq:DescribeBroker", "mq:DescribeSharedResources"])
        .class("/HostInstanceType").key("/EncryptionOptions/KmsKeyId")
        .more(|it, entry| entry.multi_az = text(it, "/DeploymentMode").is_some_and(|mode| mode != "SINGLE_INSTANCE")),
    row("events", "AWS::Events::Rule", "events:rule", After("rule/"),
        &["events:ListRules"], &["events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule"]),
    row("events", "AWS::Events::EventBus", "events:bus", Id,
        &["events:ListEventBuses", "events:ListTagsForResource"],
        &["events:DescribeEventBus", "events:ListTagsForResource"]).key("/KmsKeyIdentifier"),
    row("states", "AWS::StepFunctions::StateMachine", "states:state-machine", After(":"),
        &["states:ListStateMachines"], &["states:DescribeStateMachine", "states:ListTagsForResource"])
        .key("/EncryptionConfiguration/KmsKeyId"),
    row("apigateway", "AWS::ApiGateway::RestApi", "apigateway:api", Id, &["apigateway:GET"], &["apigateway:GET"]),
    row("apigateway", "AWS::ApiGatewayV2::Api", "apigateway:api", Id, &["apigateway:GET"], &["apigateway:GET"]),
    row("cognito", "AWS::Cognito::UserPool", "cognito:user-pool", Id,
        &["cognito-idp:ListUserPools"], &["cognito-idp:DescribeUserPool", "cognito-idp:GetUserPoolMfaConfig"])
        .tags("/UserPoolTags"),
    row("logs", "AWS::Logs::LogGroup", "logs:log-group", Id,
        &["logs:DescribeLogGroups", "logs:ListTagsForResource"], &[]).key("/KmsKeyId"),
    row("cloudwatch", "AWS::CloudWatch::Alarm", "cloudwatch:alarm", Id, &["cloudwatch:DescribeAlarms"], &[]),
    row("timestream", "AWS::Timestream::Table", "timestream:table", Id,
        &["timestream:DescribeEndpoints", "timestream:ListTables"],
        &["timestream:DescribeEndpoints", "timestream:DescribeTable", "timestream:ListTagsForResource"]),
    row("route53", "AWS::Route53::HostedZone", "route53:hosted-zone", Id,
        &["route53:GetHostedZone", "route53:ListHostedZones", "route53:ListQueryLoggingConfigs", "route53:ListTagsForResource"],
        &["route53:GetHostedZone", "route53:ListQueryLoggingConfigs", "route53:ListTagsForResource"])
        .tags("/HostedZoneTags"),
    row("cloudfront", "AWS::CloudFront::Distribution", "cloudfront:distribution", Id,
        &["cloudfront:ListDistributions", "cloudfront:ListTagsForResource"],
        &["cloudfront:GetDistribution", "cloudfront:GetDistributionConfig", "cloudfront:ListTagsForResource"])
        .more(|it, entry| entry.addresses = sorted(text(it, "/DomainName"))),
    row("iam", "AWS::IAM::Role", "iam:role", Id, &["iam:ListRoles"], &[]),
    row("iam", "AWS::IAM::User", "iam:user", Id, &["iam:ListUsers"], &[]),
    row("iam", "AWS::IAM::ManagedPolicy", "iam:policy", After("/"), &["iam:ListPolicies"], &[]),
    row("iam", "AWS::IAM::InstanceProfile", "iam:instance-profile", Id, &["iam:ListInstanceProfiles"], &[]),
];

/// Permissions of what is asked besides the rows: aliases tell which keys are AWS's own, the registry
/// where its images are copied to, IAM how old access keys are, and Route 53 how long records live.
const BESIDES: [(&str, &[&str]); 4] = [
    ("kms", &["kms:ListAliases"]),
    ("ecr", &["ecr:DescribeRegistry"]),
    ("iam", keys::CALLS),
    ("route53", records::CALLS),
];

/// The services of the table, each with its calls.
pub fn services() -> Vec<Service> {
    let mut names: Vec<&'static str> = TABLE.iter().map(|row| row.service).collect();
    names.dedup();
    let calls = |name: &str| -> &'static [&'static str] {
        let rows = || TABLE.iter().filter(move |row| row.service == name);
        let mut all: BTreeSet<&'static str> = BTreeSet::from([LIST]);
        all.extend(rows().flat_map(|row| row.list.iter().chain(row.read)));
        let besides = BESIDES.iter().filter(|(service, _)| *service == name);
        all.extend(besides.clone().flat_map(|(_, calls)| calls.iter()));
        let gets = rows().any(|row| !row.read.is_empty());
        all.extend(gets.then_some(GET));
        // The list is made once, and lives as long as the program.
        all.into_iter().collect::<Vec<_>>().leak()
    };
    names.into_iter().map(|name| Service { name, calls: calls(name) }).collect()
}

/// Whether the table has global types of this service, or others.
pub fn holds(service: &str, is_global: bool) -> bool {
    TABLE.iter().any(|row| row.service == service && row.is_global() == is_global)
}

/// The region in which Cloud Control is asked for global types.
pub fn home(any: &Region) -> Region {
    let home = match Partition::of(any).id {
        "aws-us-gov" => "us-gov-west-1",
        "aws-cn" => "cn-northwest-1",
        "aws" => "us-east-1",
        // The other partitions have few regions. Any of them will do.
        _ => return any.clone(),
    };
    home.parse().unwrap_or_else(|_| any.clone())
}

pub async fn read(here: &Here<'_>, service: &str) -> Found {
    let mut found = Found::default();
    // `None`: nobody knows which keys are AWS's own.
    let managed = if service == "kms" { managed_keys(here, &mut found).await } else { None };
    let mut read_whole = Vec::new();
    // Node groups are listed for each cluster. `None`: nobody knows which clusters there are.
    let mut clusters: Option<Vec<String>> = None;
    for row in TABLE.iter().filter(|row| row.service == service) {
        let listed = if row.kind == "AWS::EKS::Nodegroup" {
            // That the clusters could not be listed has been noted.
            let Some(clusters) = &clusters else { continue };
            node_groups(here, clusters).await
        } else {
            list(here, row.kind, None).await
        };
        let listed = match listed {
            Ok(all) => all,
            // The region does not have the type, and nothing of it.
            Err(error) if is_unknown_type(&error) => Vec::new(),
            Err(error) => {
                found.fail(&error);
                continue;
            }
        };
        if row.kind == "AWS::EKS::Cluster" {
            clusters = Some(listed.iter().map(|(id, _)| id.clone()).collect());
        }
        // Without the list, AWS's own keys would stand among the customer's.
        let mut is_whole = row.kind != "AWS::KMS::Key" || managed.is_some();
        for (id, properties) in relevant(here, row, listed) {
            let is_managed = managed.as_ref().is_some_and(|managed: &BTreeSet<String>| managed.contains(&id));
            if row.kind == "AWS::KMS::Key" && is_managed {
                continue;
            }
            let properties =
                if row.read.is_empty() { Ok(Some(properties)) } else { get(here, row.kind, &id).await };
            match properties {
                Ok(Some(properties)) => add(here, row, &id, &properties, &mut found),
                // It was deleted meanwhile.
                Ok(None) => {}
                // Nobody knows whether it belongs to a drill.
                Err(error) => {
                    found.fail(&error);
                    is_whole = false;
                }
            }
        }
        if is_whole {
            read_whole.push(row.kind);
        }
    }
    if service == "ecr" {
        let replicated = replicate_registry(here, &mut found).await;
        if found.take(replicated).is_none() {
            // Nobody knows whether a repository has copies.
            read_whole.retain(|kind| *kind != "AWS::ECR::Repository");
        }
    }
    // Two types of CloudFormation may be one of ours: old and new load balancers.
    for row in TABLE.iter().filter(|row| row.service == service) {
        let same = || TABLE.iter().filter(|other| other.of == row.of);
        if same().all(|row| read_whole.contains(&row.kind)) {
            found.whole(row.of);
        }
    }
    match service {
        "iam" => keys::read(here, &mut found).await,
        "route53" => records::read(here, &mut found).await,
        _ => {}
    }
    found
}

fn is_unknown_type(error: &CloudError) -> bool {
    error.message.starts_with("TypeNotFoundException")
}

/// Lists the resources of a type: their identifiers, with the properties that the list holds.
async fn list(here: &Here<'_>, kind: &str, model: Option<Value>) -> CloudResult<Vec<(String, Value)>> {
    let request = here.clients.cloud_control.list_resources().type_name(kind).max_results(PAGE);
    let request = request.set_resource_model(model.map(|model| model.to_string()));
    let all: Vec<ResourceDescription> = listed!(here, LIST, resource_descriptions, next_token, request)?;
    let mut found = Vec::new();
    for it in all {
        let properties = parsed(LIST, it.properties())?;
        found.extend(it.identifier.map(|id| (id, properties)));
    }
    Ok(found)
}

async fn get(here: &Here<'_>, kind: &str, id: &str) -> CloudResult<Option<Value>> {
    let request = here.clients.cloud_control.get_resource().type_name(kind).identifier(id).send();
    let answer = match here.call(GET, request).await {
        Ok(answer) => answer,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let properties = answer.resource_description.and_then(|it| it.properties);
    parsed(GET, properties.as_deref()).map(Some)
}

fn parsed(call: &str, properties: Option<&str>) -> CloudResult<Value> {
    let Some(text) = properties.filter(|text| !text.is_empty()) else { return Ok(Value::Null) };
    // The text may hold values of environments, so no part of it goes into the error.
    serde_json::from_str(text).map_err(|_| {
        CloudError::new(ErrorKind::Server, call, "the properties of a resource are not JSON".to_owned())
    })
}

async fn node_groups(here: &Here<'_>, clusters: &[String]) -> CloudResult<Vec<(String, Value)>> {
    let mut all = Vec::new();
    for cluster in clusters {
        let model = serde_json::json!({ "ClusterName": cluster });
        all.extend(list(here, "AWS::EKS::Nodegroup", Some(model)).await?);
    }
    Ok(all)
}

/// The keys that AWS manages, by their aliases. Nobody creates or restores them.
async fn managed_keys(here: &Here<'_>, found: &mut Found) -> Option<BTreeSet<String>> {
    let aliases = found.take(list(here, "AWS::KMS::Alias", None).await)?;
    let mut managed = BTreeSet::new();
    for (name, mut properties) in aliases.into_iter().filter(|(name, _)| name.starts_with("alias/aws/")) {
        if properties.pointer("/TargetKeyId").is_none() {
            // An alias that its service has not used yet leads to no key.
            properties = found.take(get(here, "AWS::KMS::Alias", &name).await)?.unwrap_or_default();
        }
        managed.extend(text(&properties, "/TargetKeyId"));
    }
    let (region, account) = (here.region(), here.account());
    let arn = |key: &String| format!("arn:{}:kms:{region}:{account}:key/{key}", region.partition());
    found.managed_keys.extend(managed.iter().map(arn));
    Some(managed)
}

/// Leaves out what is not the account's own: default things of AWS, and old revisions.
fn relevant(here: &Here<'_>, row: &Row, listed: Vec<(String, Value)>) -> Vec<(String, Value)> {
    match row.kind {
        // A family has one current revision. The older ones are kept by ECS for ever.
        "AWS::ECS::TaskDefinition" => {
            let mut newest: BTreeMap<String, (u64, (String, Value))> = BTreeMap::new();
            for one in listed {
                let (family, revision) = one.0.rsplit_once(':').unwrap_or((&one.0, "0"));
                let revision = revision.parse().unwrap_or(0);
                if newest.get(family).is_none_or(|(known, _)| *known < revision) {
                    newest.insert(family.to_owned(), (revision, one));
                }
            }
            newest.into_values().map(|(_, one)| one).collect()
        }
        "AWS::Events::EventBus" => listed.into_iter().filter(|(id, _)| id != "default").collect(),
        "AWS::IAM::ManagedPolicy" => {
            let own = format!(":{}:", here.account());
            listed.into_iter().filter(|(id, _)| id.contains(&own)).collect()
        }
        _ => listed,
    }
}

fn text(properties: &Value, pointer: &str) -> Option<String> {
    if pointer.is_empty() { None } else { some(properties.pointer(pointer)?.as_str()) }
}

fn is(properties: &Value, pointer: &str) -> bool {
    properties.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

fn name(row: &Row, id: &str, properties: &Value) -> String {
    match row.named {
        Named::Id => id.replace('|', "/"),
        Named::By(pointer) => text(properties, pointer).unwrap_or_else(|| id.to_owned()),
        Named::After(before) => {
            let id = id.split('|').next().unwrap_or(id);
            id.rsplit_once(before).map_or(id, |(_, name)| name).to_owned()
        }
        Named::Part(number) => {
            let parts: Vec<&str> = id.split('/').collect();
            let length = isize::try_from(parts.len()).unwrap_or(0);
            let at = usize::try_from(if number < 0 { length + number } else { number });
            at.ok().and_then(|at| parts.get(at)).map_or(id, |name| name).to_owned()
        }
    }
}

fn add(here: &Here<'_>, row: &Row, id: &str, properties: &Value, found: &mut Found) {
    let region = (!row.is_global()).then(|| here.region());
    let mut entry = empty_resource(row.of, &name(row, id, properties), here.account(), region);
    entry.tags = tags(properties.pointer(row.tags));
    entry.key = text(properties, row.key);
    entry.class = text(properties, row.class);
    entry.az = here.zone(text(properties, row.zone).as_deref());
    (row.more)(properties, &mut entry);
    if entry.multi_az {
        entry.az = None;
    }
    let arn = text(properties, row.arn).or_else(|| Some(id.to_owned()).filter(|id| id.starts_with("arn:")));
    found.resource(entry, arn);
}

/// Tags as a list of keys and values, or as a map.
fn tags(tags: Option<&Value>) -> BTreeMap<String, String> {
    let owned = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    match tags {
        Some(Value::Array(all)) => {
            let pair = |tag: &Value| {
                let key = tag.get("Key").or_else(|| tag.get("TagKey"))?.as_str()?;
                Some((key.to_owned(), owned(tag.get("Value").or_else(|| tag.get("TagValue")))))
            };
            all.iter().filter_map(pair).collect()
        }
        Some(Value::Object(all)) => {
            all.iter().map(|(key, value)| (key.clone(), owned(Some(value)))).collect()
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => BTreeMap::new(),
    }
}

/// Keeps the names of an environment's variables, and the places that their values name.
fn environment<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>, entry: &mut ResourceEntry) {
    let (mut names, mut named) = (BTreeSet::new(), BTreeSet::new());
    for (name, value) in variables {
        names.insert(name.to_owned());
        named.extend(mentions::in_text(value));
    }
    entry.env_names = names.into_iter().collect();
    entry.mentions = named.into_iter().collect();
}

fn environment_of_function(properties: &Value, entry: &mut ResourceEntry) {
    let variables = properties.pointer("/Environment/Variables").and_then(Value::as_object);
    let pairs = variables.into_iter().flatten();
    environment(pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default())), entry);
}

fn environment_of_containers(properties: &Value, entry: &mut ResourceEntry) {
    let containers = properties.pointer("/ContainerDefinitions").and_then(Value::as_array);
    let variables = containers.into_iter().flatten().flat_map(|container| {
        // A secret is named by where it comes from, which may be another region.
        let of = |key| container.get(key).and_then(Value::as_array).into_iter().flatten();
        of("Environment").chain(of("Secrets"))
    });
    let pairs = variables.filter_map(|variable| {
        let value = variable.get("Value").or_else(|| variable.get("ValueFrom"));
        Some((variable.get("Name")?.as_str()?, value.and_then(Value::as_str).unwrap_or_default()))
    });
    environment(pairs, entry);
}

fn replica(region: &str) -> Option<ReplicaEntry> {
    Some(ReplicaEntry { region: region.parse().ok()?, account: None, az: None, lag: None })
}

fn replicas_of_secret(properties: &Value, entry: &mut ResourceEntry) {
    let regions = properties.pointer("/ReplicaRegions").and_then(Value::as_array);
    let regions = regions.into_iter().flatten().filter_map(|replica| replica.get("Region")?.as_str());
    entry.replicas = regions.filter_map(replica).collect();
    entry.replicas.sort_by(|a, b| a.region.cmp(&b.region));
}

/// Gives the repositories the copies that the registry's rules make. An image that was pushed before
/// its rule has none, and nobody tells.
async fn replicate_registry(here: &Here<'_>, found: &mut Found) -> CloudResult<()> {
    const KIND: &str = "AWS::ECR::ReplicationConfiguration";
    let listed = match list(here, KIND, None).await {
        Ok(listed) => listed,
        Err(error) if is_unknown_type(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    for (id, mut properties) in listed {
        if properties.pointer("/ReplicationConfiguration").is_none() {
            properties = get(here, KIND, &id).await?.unwrap_or_default();
        }
        let rules = properties.pointer("/ReplicationConfiguration/Rules").and_then(Value::as_array);
        for rule in rules.into_iter().flatten() {
            let list = |key| rule.get(key).and_then(Value::as_array);
            let prefixes: Vec<&str> = list("RepositoryFilters")
                .into_iter()
                .flatten()
                .filter_map(|f| f.get("Filter")?.as_str())
                .collect();
            let copies: Vec<ReplicaEntry> = list("Destinations")
                .into_iter()
                .flatten()
                .filter_map(|to| {
                    let account = to.get("RegistryId").and_then(Value::as_str).and_then(|id| id.parse().ok());
                    let account = account.filter(|account| account != here.account());
                    Some(ReplicaEntry { account, ..replica(to.get("Region")?.as_str()?)? })
                })
                .collect();
            for resource in &mut found.resources {
                let entry = &mut resource.entry;
                let means = prefixes.is_empty() || prefixes.iter().any(|p| entry.id.name.starts_with(p));
                if entry.id.kind == "ecr:repository" && means {
                    entry.replicas.extend(copies.iter().cloned());
                    entry.replicas.sort_by(|a, b| (&a.region, &a.account).cmp(&(&b.region, &b.account)));
                    entry.replicas.dedup();
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_rows_of_a_service_stand_together() {
        let names: BTreeSet<&str> = TABLE.iter().map(|row| row.service).collect();
        assert_eq!(services().len(), names.len());
    }

    /// Each type of the estate's table is read by a service, or stands in the list of the others.
    #[test]
    fn every_known_type_is_read_or_said_not_to_be() {
        let own =
            ["ec2:", "rds:", "docdb:", "neptune:", "s3:", "cloudformation:", "backup:", "dynamodb:", "efs:"];
        for known in &estate::scope::TABLE {
            let by_own = own.iter().any(|service| known.kind.starts_with(service));
            let by_table = TABLE.iter().any(|row| row.of == known.kind);
            let not = NOT_READ.iter().any(|(kind, _)| *kind == known.kind);
            assert_eq!(u8::from(by_own) + u8::from(by_table) + u8::from(not), 1, "{}", known.kind);
        }
        for row in &TABLE {
            assert!(estate::scope::row_of(row.of).is_some(), "{}", row.of);
        }
    }

    /// What a reading may set, the merge must be able to take away again.
    #[test]
    fn each_key_that_a_row_sets_is_told_by_its_type() {
        let properties = json!({ "MultiAZEnabled": true, "MultiAZ": true,
            "DeploymentMode": "ACTIVE_STANDBY_MULTI_AZ", "ReplicaRegions": [{ "Region": "us-west-2" }] });
        let account = "111122223333".parse().unwrap();
        let mut told = 0;
        for row in &TABLE {
            let mut entry = empty_resource(row.of, "x", &account, None);
            (row.more)(&properties, &mut entry);
            for (is_set, key) in [(entry.multi_az, "multi_az"), (!entry.replicas.is_empty(), "replicas")] {
                assert_eq!(is_set, estate::write::always_tells(row.of, key) && row.of != "ecr:repository");
                told += usize::from(is_set);
            }
        }
        assert_eq!(told, 4);
        assert!(estate::write::always_tells("ecr:repository", "replicas"));
    }

    #[test]
    fn names_are_told_by_identifiers() {
        let name = |kind: &str, id: &str, properties: &Value| {
            super::name(TABLE.iter().find(|row| row.kind == kind).unwrap(), id, properties)
        };
        for (kind, id, expected) in [
            (
                "AWS::ElasticLoadBalancingV2::LoadBalancer",
                "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/web/50dc",
                "web",
            ),
            ("AWS::ECS::Service", "arn:aws:ecs:us-east-1:111122223333:service/shop/web|shop", "shop/web"),
            ("AWS::SQS::Queue", "https://sqs.us-east-1.amazonaws.com/111122223333/orders", "orders"),
            ("AWS::SNS::Topic", "arn:aws:sns:us-east-1:111122223333:alerts", "alerts"),
            ("AWS::Timestream::Table", "metrics|cpu", "metrics/cpu"),
            ("AWS::MSK::Cluster", "arn:aws:kafka:us-east-1:111122223333:cluster/events/1a2b-3", "events"),
            ("AWS::Events::Rule", "arn:aws:events:us-east-1:111122223333:rule/shop/nightly", "shop/nightly"),
        ] {
            assert_eq!(name(kind, id, &Value::Null), expected, "{kind}");
        }
        let secret = json!({ "Name": "db/password" });
        let arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:db/password-AbCdEf";
        assert_eq!(name("AWS::SecretsManager::Secret", arn, &secret), "db/password");
    }

    #[test]
    fn of_an_environment_the_names_are_kept_and_no_value() {
        let account = "111122223333".parse().unwrap();
        let mut entry = empty_resource("lambda:function", "f", &account, None);
        let properties = json!({ "Environment": { "Variables": {
            "DB": "postgres://app:hunter2@orders.c1.us-east-1.rds.amazonaws.com", "TOKEN": "s3cr3t" } } });
        environment_of_function(&properties, &mut entry);
        assert_eq!(entry.env_names, ["DB", "TOKEN"]);
        assert_eq!(entry.mentions, ["us-east-1"]);
        let written = serde_json::to_string(&entry).unwrap();
        assert!(!written.contains("hunter2") && !written.contains("s3cr3t"), "{written}");
    }
}
