//! The API operations that CloudFormation calls on a drill's behalf: for each resource type one
//! that creates it, and one that deletes it. The loss gate never sees these calls itself.
//!
//! Source: `handlers.create.permissions` and `handlers.delete.permissions` of CloudFormation's
//! resource schemas, as the `PyPI` package `cfn-lint` 1.58.0 carries them (schemas of 2026-10-20).
//! For types whose schema names none (`AWS::DocDB::DBCluster`, `AWS::Elasticsearch::Domain`, the
//! APIs of API Gateway and others) the API reference of the service. A schema lists everything that
//! a property may need; a row has the operation without which there is no such resource.
//!
//! Operations have the names by which the table of control planes (`estate::plane`) knows them.
//! Neptune's are called through the endpoint of RDS, and stand here as `neptune:…`.

/// The operations of one resource type.
pub struct Operations {
    pub kind: &'static str,
    /// `elasticache:CreateCacheCluster`. Absent if CloudFormation makes it without any service.
    pub create: Option<&'static str>,
    pub delete: Option<&'static str>,
}

impl Operations {
    /// All operations, in the order in which they are called.
    pub fn all(&self) -> impl Iterator<Item = &'static str> {
        self.create.into_iter().chain(self.delete)
    }
}

const fn row(kind: &'static str, create: &'static str, delete: &'static str) -> Operations {
    Operations { kind, create: Some(create), delete: Some(delete) }
}

/// A type that CloudFormation makes without any service.
const fn none(kind: &'static str) -> Operations {
    Operations { kind, create: None, delete: None }
}

/// The operations of a type. `None`: they are unknown.
pub fn operations(kind: &str) -> Option<&'static Operations> {
    let at = OPERATIONS.binary_search_by(|row| row.kind.cmp(kind)).ok()?;
    OPERATIONS.get(at)
}

/// Every type that the inspection admits by itself, and those that a step often allows. Sorted.
pub const OPERATIONS: &[Operations] = &[
    row("AWS::AmazonMQ::Broker", "mq:CreateBroker", "mq:DeleteBroker"),
    row("AWS::AmazonMQ::Configuration", "mq:CreateConfiguration", "mq:DeleteConfiguration"),
    row("AWS::ApiGateway::RestApi", "apigateway:CreateRestApi", "apigateway:DeleteRestApi"),
    row("AWS::ApiGatewayV2::Api", "apigateway:CreateApi", "apigateway:DeleteApi"),
    row(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "application-autoscaling:RegisterScalableTarget",
        "application-autoscaling:DeregisterScalableTarget",
    ),
    row(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        "application-autoscaling:PutScalingPolicy",
        "application-autoscaling:DeleteScalingPolicy",
    ),
    row(
        "AWS::AutoScaling::AutoScalingGroup",
        "autoscaling:CreateAutoScalingGroup",
        "autoscaling:DeleteAutoScalingGroup",
    ),
    row(
        "AWS::AutoScaling::LaunchConfiguration",
        "autoscaling:CreateLaunchConfiguration",
        "autoscaling:DeleteLaunchConfiguration",
    ),
    row("AWS::AutoScaling::LifecycleHook", "autoscaling:PutLifecycleHook", "autoscaling:DeleteLifecycleHook"),
    row("AWS::AutoScaling::ScalingPolicy", "autoscaling:PutScalingPolicy", "autoscaling:DeletePolicy"),
    row(
        "AWS::AutoScaling::ScheduledAction",
        "autoscaling:PutScheduledUpdateGroupAction",
        "autoscaling:DeleteScheduledAction",
    ),
    row("AWS::AutoScaling::WarmPool", "autoscaling:PutWarmPool", "autoscaling:DeleteWarmPool"),
    row("AWS::Backup::BackupVault", "backup:CreateBackupVault", "backup:DeleteBackupVault"),
    row("AWS::Batch::ComputeEnvironment", "batch:CreateComputeEnvironment", "batch:DeleteComputeEnvironment"),
    row("AWS::Batch::JobDefinition", "batch:RegisterJobDefinition", "batch:DeregisterJobDefinition"),
    row("AWS::Batch::JobQueue", "batch:CreateJobQueue", "batch:DeleteJobQueue"),
    none("AWS::CDK::Metadata"),
    row("AWS::CertificateManager::Certificate", "acm:RequestCertificate", "acm:DeleteCertificate"),
    none("AWS::CloudFormation::WaitCondition"),
    none("AWS::CloudFormation::WaitConditionHandle"),
    row("AWS::CloudFront::Distribution", "cloudfront:CreateDistribution", "cloudfront:DeleteDistribution"),
    row("AWS::CloudWatch::Alarm", "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"),
    row(
        "AWS::CloudWatch::AnomalyDetector",
        "cloudwatch:PutAnomalyDetector",
        "cloudwatch:DeleteAnomalyDetector",
    ),
    row("AWS::CloudWatch::CompositeAlarm", "cloudwatch:PutCompositeAlarm", "cloudwatch:DeleteAlarms"),
    row("AWS::CloudWatch::Dashboard", "cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"),
    row("AWS::CodeBuild::Project", "codebuild:CreateProject", "codebuild:DeleteProject"),
    row("AWS::Cognito::UserPool", "cognito-idp:CreateUserPool", "cognito-idp:DeleteUserPool"),
    row(
        "AWS::Cognito::UserPoolClient",
        "cognito-idp:CreateUserPoolClient",
        "cognito-idp:DeleteUserPoolClient",
    ),
    row("AWS::DAX::Cluster", "dax:CreateCluster", "dax:DeleteCluster"),
    row("AWS::DAX::ParameterGroup", "dax:CreateParameterGroup", "dax:DeleteParameterGroup"),
    row("AWS::DAX::SubnetGroup", "dax:CreateSubnetGroup", "dax:DeleteSubnetGroup"),
    row("AWS::DocDB::DBCluster", "rds:CreateDBCluster", "rds:DeleteDBCluster"),
    row(
        "AWS::DocDB::DBClusterParameterGroup",
        "rds:CreateDBClusterParameterGroup",
        "rds:DeleteDBClusterParameterGroup",
    ),
    row("AWS::DocDB::DBInstance", "rds:CreateDBInstance", "rds:DeleteDBInstance"),
    row("AWS::DocDB::DBSubnetGroup", "rds:CreateDBSubnetGroup", "rds:DeleteDBSubnetGroup"),
    row("AWS::DynamoDB::Table", "dynamodb:CreateTable", "dynamodb:DeleteTable"),
    row("AWS::EC2::DHCPOptions", "ec2:CreateDhcpOptions", "ec2:DeleteDhcpOptions"),
    row("AWS::EC2::FlowLog", "ec2:CreateFlowLogs", "ec2:DeleteFlowLogs"),
    row("AWS::EC2::Instance", "ec2:RunInstances", "ec2:TerminateInstances"),
    row("AWS::EC2::KeyPair", "ec2:CreateKeyPair", "ec2:DeleteKeyPair"),
    row("AWS::EC2::LaunchTemplate", "ec2:CreateLaunchTemplate", "ec2:DeleteLaunchTemplate"),
    row("AWS::EC2::NetworkAcl", "ec2:CreateNetworkAcl", "ec2:DeleteNetworkAcl"),
    row("AWS::EC2::NetworkAclEntry", "ec2:CreateNetworkAclEntry", "ec2:DeleteNetworkAclEntry"),
    row("AWS::EC2::NetworkInterface", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"),
    row("AWS::EC2::NetworkInterfaceAttachment", "ec2:AttachNetworkInterface", "ec2:DetachNetworkInterface"),
    row("AWS::EC2::PlacementGroup", "ec2:CreatePlacementGroup", "ec2:DeletePlacementGroup"),
    row("AWS::EC2::RouteTable", "ec2:CreateRouteTable", "ec2:DeleteRouteTable"),
    row("AWS::EC2::SecurityGroup", "ec2:CreateSecurityGroup", "ec2:DeleteSecurityGroup"),
    row("AWS::EC2::SecurityGroupEgress", "ec2:AuthorizeSecurityGroupEgress", "ec2:RevokeSecurityGroupEgress"),
    row(
        "AWS::EC2::SecurityGroupIngress",
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:RevokeSecurityGroupIngress",
    ),
    row("AWS::EC2::Subnet", "ec2:CreateSubnet", "ec2:DeleteSubnet"),
    row(
        "AWS::EC2::SubnetNetworkAclAssociation",
        "ec2:ReplaceNetworkAclAssociation",
        "ec2:ReplaceNetworkAclAssociation",
    ),
    row("AWS::EC2::SubnetRouteTableAssociation", "ec2:AssociateRouteTable", "ec2:DisassociateRouteTable"),
    row("AWS::EC2::VPCEndpoint", "ec2:CreateVpcEndpoint", "ec2:DeleteVpcEndpoints"),
    row("AWS::EC2::Volume", "ec2:CreateVolume", "ec2:DeleteVolume"),
    row("AWS::EC2::VolumeAttachment", "ec2:AttachVolume", "ec2:DetachVolume"),
    row("AWS::ECR::Repository", "ecr:CreateRepository", "ecr:DeleteRepository"),
    row("AWS::ECS::CapacityProvider", "ecs:CreateCapacityProvider", "ecs:DeleteCapacityProvider"),
    row("AWS::ECS::Cluster", "ecs:CreateCluster", "ecs:DeleteCluster"),
    row(
        "AWS::ECS::ClusterCapacityProviderAssociations",
        "ecs:PutClusterCapacityProviders",
        "ecs:PutClusterCapacityProviders",
    ),
    row("AWS::ECS::Service", "ecs:CreateService", "ecs:DeleteService"),
    row("AWS::ECS::TaskDefinition", "ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition"),
    row(
        "AWS::EFS::AccessPoint",
        "elasticfilesystem:CreateAccessPoint",
        "elasticfilesystem:DeleteAccessPoint",
    ),
    row("AWS::EFS::FileSystem", "elasticfilesystem:CreateFileSystem", "elasticfilesystem:DeleteFileSystem"),
    row(
        "AWS::EFS::MountTarget",
        "elasticfilesystem:CreateMountTarget",
        "elasticfilesystem:DeleteMountTarget",
    ),
    row("AWS::EKS::Addon", "eks:CreateAddon", "eks:DeleteAddon"),
    row("AWS::EKS::Cluster", "eks:CreateCluster", "eks:DeleteCluster"),
    row("AWS::EKS::FargateProfile", "eks:CreateFargateProfile", "eks:DeleteFargateProfile"),
    row("AWS::EKS::Nodegroup", "eks:CreateNodegroup", "eks:DeleteNodegroup"),
    row("AWS::ElastiCache::CacheCluster", "elasticache:CreateCacheCluster", "elasticache:DeleteCacheCluster"),
    row(
        "AWS::ElastiCache::ParameterGroup",
        "elasticache:CreateCacheParameterGroup",
        "elasticache:DeleteCacheParameterGroup",
    ),
    row(
        "AWS::ElastiCache::ReplicationGroup",
        "elasticache:CreateReplicationGroup",
        "elasticache:DeleteReplicationGroup",
    ),
    row(
        "AWS::ElastiCache::ServerlessCache",
        "elasticache:CreateServerlessCache",
        "elasticache:DeleteServerlessCache",
    ),
    row(
        "AWS::ElastiCache::SubnetGroup",
        "elasticache:CreateCacheSubnetGroup",
        "elasticache:DeleteCacheSubnetGroup",
    ),
    row("AWS::ElastiCache::User", "elasticache:CreateUser", "elasticache:DeleteUser"),
    row("AWS::ElastiCache::UserGroup", "elasticache:CreateUserGroup", "elasticache:DeleteUserGroup"),
    row(
        "AWS::ElasticLoadBalancing::LoadBalancer",
        "elasticloadbalancing:CreateLoadBalancer",
        "elasticloadbalancing:DeleteLoadBalancer",
    ),
    row(
        "AWS::ElasticLoadBalancingV2::Listener",
        "elasticloadbalancing:CreateListener",
        "elasticloadbalancing:DeleteListener",
    ),
    row(
        "AWS::ElasticLoadBalancingV2::ListenerCertificate",
        "elasticloadbalancing:AddListenerCertificates",
        "elasticloadbalancing:RemoveListenerCertificates",
    ),
    row(
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        "elasticloadbalancing:CreateRule",
        "elasticloadbalancing:DeleteRule",
    ),
    row(
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "elasticloadbalancing:CreateLoadBalancer",
        "elasticloadbalancing:DeleteLoadBalancer",
    ),
    row(
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        "elasticloadbalancing:CreateTargetGroup",
        "elasticloadbalancing:DeleteTargetGroup",
    ),
    row("AWS::Elasticsearch::Domain", "es:CreateElasticsearchDomain", "es:DeleteElasticsearchDomain"),
    row("AWS::Events::EventBus", "events:CreateEventBus", "events:DeleteEventBus"),
    row("AWS::Events::Rule", "events:PutRule", "events:DeleteRule"),
    row("AWS::FSx::FileSystem", "fsx:CreateFileSystem", "fsx:DeleteFileSystem"),
    row(
        "AWS::GlobalAccelerator::Accelerator",
        "globalaccelerator:CreateAccelerator",
        "globalaccelerator:DeleteAccelerator",
    ),
    row("AWS::Glue::Database", "glue:CreateDatabase", "glue:DeleteDatabase"),
    row("AWS::Glue::Job", "glue:CreateJob", "glue:DeleteJob"),
    row("AWS::Glue::Table", "glue:CreateTable", "glue:DeleteTable"),
    row("AWS::IAM::InstanceProfile", "iam:CreateInstanceProfile", "iam:DeleteInstanceProfile"),
    row("AWS::IAM::ManagedPolicy", "iam:CreatePolicy", "iam:DeletePolicy"),
    row("AWS::IAM::Policy", "iam:PutRolePolicy", "iam:DeleteRolePolicy"),
    row("AWS::IAM::Role", "iam:CreateRole", "iam:DeleteRole"),
    row("AWS::IAM::RolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy"),
    row("AWS::IAM::ServerCertificate", "iam:UploadServerCertificate", "iam:DeleteServerCertificate"),
    row("AWS::IAM::ServiceLinkedRole", "iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole"),
    row("AWS::IAM::VirtualMFADevice", "iam:CreateVirtualMFADevice", "iam:DeleteVirtualMFADevice"),
    row("AWS::KMS::Alias", "kms:CreateAlias", "kms:DeleteAlias"),
    row("AWS::KMS::Key", "kms:CreateKey", "kms:ScheduleKeyDeletion"),
    row("AWS::KMS::ReplicaKey", "kms:ReplicateKey", "kms:ScheduleKeyDeletion"),
    row("AWS::Kinesis::Stream", "kinesis:CreateStream", "kinesis:DeleteStream"),
    row(
        "AWS::KinesisFirehose::DeliveryStream",
        "firehose:CreateDeliveryStream",
        "firehose:DeleteDeliveryStream",
    ),
    row("AWS::Lambda::Alias", "lambda:CreateAlias", "lambda:DeleteAlias"),
    row(
        "AWS::Lambda::EventInvokeConfig",
        "lambda:PutFunctionEventInvokeConfig",
        "lambda:DeleteFunctionEventInvokeConfig",
    ),
    row(
        "AWS::Lambda::EventSourceMapping",
        "lambda:CreateEventSourceMapping",
        "lambda:DeleteEventSourceMapping",
    ),
    row("AWS::Lambda::Function", "lambda:CreateFunction", "lambda:DeleteFunction"),
    row("AWS::Lambda::LayerVersion", "lambda:PublishLayerVersion", "lambda:DeleteLayerVersion"),
    row("AWS::Lambda::Permission", "lambda:AddPermission", "lambda:RemovePermission"),
    row("AWS::Lambda::Url", "lambda:CreateFunctionUrlConfig", "lambda:DeleteFunctionUrlConfig"),
    row("AWS::Lambda::Version", "lambda:PublishVersion", "lambda:DeleteFunction"),
    row("AWS::Logs::LogGroup", "logs:CreateLogGroup", "logs:DeleteLogGroup"),
    row("AWS::Logs::LogStream", "logs:CreateLogStream", "logs:DeleteLogStream"),
    row("AWS::Logs::MetricFilter", "logs:PutMetricFilter", "logs:DeleteMetricFilter"),
    row("AWS::Logs::QueryDefinition", "logs:PutQueryDefinition", "logs:DeleteQueryDefinition"),
    row("AWS::Logs::SubscriptionFilter", "logs:PutSubscriptionFilter", "logs:DeleteSubscriptionFilter"),
    row("AWS::MSK::Cluster", "kafka:CreateCluster", "kafka:DeleteCluster"),
    row("AWS::MSK::Configuration", "kafka:CreateConfiguration", "kafka:DeleteConfiguration"),
    row("AWS::MemoryDB::ACL", "memorydb:CreateACL", "memorydb:DeleteACL"),
    row("AWS::MemoryDB::Cluster", "memorydb:CreateCluster", "memorydb:DeleteCluster"),
    row("AWS::MemoryDB::ParameterGroup", "memorydb:CreateParameterGroup", "memorydb:DeleteParameterGroup"),
    row("AWS::MemoryDB::SubnetGroup", "memorydb:CreateSubnetGroup", "memorydb:DeleteSubnetGroup"),
    row("AWS::MemoryDB::User", "memorydb:CreateUser", "memorydb:DeleteUser"),
    row("AWS::Neptune::DBCluster", "neptune:CreateDBCluster", "neptune:DeleteDBCluster"),
    row(
        "AWS::Neptune::DBClusterParameterGroup",
        "neptune:CreateDBClusterParameterGroup",
        "neptune:DeleteDBClusterParameterGroup",
    ),
    row("AWS::Neptune::DBInstance", "neptune:CreateDBInstance", "neptune:DeleteDBInstance"),
    row("AWS::Neptune::DBParameterGroup", "neptune:CreateDBParameterGroup", "neptune:DeleteDBParameterGroup"),
    row("AWS::Neptune::DBSubnetGroup", "neptune:CreateDBSubnetGroup", "neptune:DeleteDBSubnetGroup"),
    row("AWS::OpenSearchService::Domain", "es:CreateDomain", "es:DeleteDomain"),
    row("AWS::RDS::DBCluster", "rds:CreateDBCluster", "rds:DeleteDBCluster"),
    row(
        "AWS::RDS::DBClusterParameterGroup",
        "rds:CreateDBClusterParameterGroup",
        "rds:DeleteDBClusterParameterGroup",
    ),
    row("AWS::RDS::DBInstance", "rds:CreateDBInstance", "rds:DeleteDBInstance"),
    row("AWS::RDS::DBParameterGroup", "rds:CreateDBParameterGroup", "rds:DeleteDBParameterGroup"),
    row("AWS::RDS::DBProxy", "rds:CreateDBProxy", "rds:DeleteDBProxy"),
    row("AWS::RDS::DBProxyEndpoint", "rds:CreateDBProxyEndpoint", "rds:DeleteDBProxyEndpoint"),
    row("AWS::RDS::DBProxyTargetGroup", "rds:RegisterDBProxyTargets", "rds:DeregisterDBProxyTargets"),
    row("AWS::RDS::DBSubnetGroup", "rds:CreateDBSubnetGroup", "rds:DeleteDBSubnetGroup"),
    row("AWS::RDS::EventSubscription", "rds:CreateEventSubscription", "rds:DeleteEventSubscription"),
    row("AWS::RDS::OptionGroup", "rds:CreateOptionGroup", "rds:DeleteOptionGroup"),
    row("AWS::Redshift::Cluster", "redshift:CreateCluster", "redshift:DeleteCluster"),
    row(
        "AWS::Redshift::ClusterParameterGroup",
        "redshift:CreateClusterParameterGroup",
        "redshift:DeleteClusterParameterGroup",
    ),
    row(
        "AWS::Redshift::ClusterSubnetGroup",
        "redshift:CreateClusterSubnetGroup",
        "redshift:DeleteClusterSubnetGroup",
    ),
    row("AWS::ResourceGroups::Group", "resource-groups:CreateGroup", "resource-groups:DeleteGroup"),
    row("AWS::Route53::HostedZone", "route53:CreateHostedZone", "route53:DeleteHostedZone"),
    row("AWS::Route53::RecordSet", "route53:ChangeResourceRecordSets", "route53:ChangeResourceRecordSets"),
    row("AWS::S3::AccessPoint", "s3:CreateAccessPoint", "s3:DeleteAccessPoint"),
    row("AWS::S3::Bucket", "s3:CreateBucket", "s3:DeleteBucket"),
    row("AWS::S3::BucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"),
    row(
        "AWS::S3::MultiRegionAccessPoint",
        "s3control:CreateMultiRegionAccessPoint",
        "s3control:DeleteMultiRegionAccessPoint",
    ),
    row("AWS::S3Express::DirectoryBucket", "s3express:CreateBucket", "s3express:DeleteBucket"),
    row("AWS::SNS::Subscription", "sns:Subscribe", "sns:Unsubscribe"),
    row("AWS::SNS::Topic", "sns:CreateTopic", "sns:DeleteTopic"),
    row("AWS::SNS::TopicInlinePolicy", "sns:SetTopicAttributes", "sns:SetTopicAttributes"),
    row("AWS::SNS::TopicPolicy", "sns:SetTopicAttributes", "sns:SetTopicAttributes"),
    row("AWS::SQS::Queue", "sqs:CreateQueue", "sqs:DeleteQueue"),
    row("AWS::SQS::QueueInlinePolicy", "sqs:SetQueueAttributes", "sqs:SetQueueAttributes"),
    row("AWS::SQS::QueuePolicy", "sqs:SetQueueAttributes", "sqs:SetQueueAttributes"),
    row("AWS::SSM::Document", "ssm:CreateDocument", "ssm:DeleteDocument"),
    row("AWS::SSM::Parameter", "ssm:PutParameter", "ssm:DeleteParameter"),
    row("AWS::Scheduler::Schedule", "scheduler:CreateSchedule", "scheduler:DeleteSchedule"),
    row("AWS::Scheduler::ScheduleGroup", "scheduler:CreateScheduleGroup", "scheduler:DeleteScheduleGroup"),
    row(
        "AWS::SecretsManager::ResourcePolicy",
        "secretsmanager:PutResourcePolicy",
        "secretsmanager:DeleteResourcePolicy",
    ),
    row(
        "AWS::SecretsManager::RotationSchedule",
        "secretsmanager:RotateSecret",
        "secretsmanager:CancelRotateSecret",
    ),
    row("AWS::SecretsManager::Secret", "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret"),
    row(
        "AWS::SecretsManager::SecretTargetAttachment",
        "secretsmanager:PutSecretValue",
        "secretsmanager:PutSecretValue",
    ),
    row(
        "AWS::ServiceDiscovery::HttpNamespace",
        "servicediscovery:CreateHttpNamespace",
        "servicediscovery:DeleteNamespace",
    ),
    row(
        "AWS::ServiceDiscovery::PrivateDnsNamespace",
        "servicediscovery:CreatePrivateDnsNamespace",
        "servicediscovery:DeleteNamespace",
    ),
    row("AWS::ServiceDiscovery::Service", "servicediscovery:CreateService", "servicediscovery:DeleteService"),
    row("AWS::StepFunctions::Activity", "states:CreateActivity", "states:DeleteActivity"),
    row("AWS::StepFunctions::StateMachine", "states:CreateStateMachine", "states:DeleteStateMachine"),
    row("AWS::WAFv2::IPSet", "wafv2:CreateIPSet", "wafv2:DeleteIPSet"),
    row("AWS::WAFv2::WebACL", "wafv2:CreateWebACL", "wafv2:DeleteWebACL"),
    row("AWS::WAFv2::WebACLAssociation", "wafv2:AssociateWebACL", "wafv2:DisassociateWebACL"),
    row("AWS::XRay::Group", "xray:CreateGroup", "xray:DeleteGroup"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::INSIDE;

    #[test]
    fn every_admitted_type_has_its_operations() {
        assert!(OPERATIONS.is_sorted_by(|a, b| a.kind < b.kind), "the rows are not sorted");
        let missing: Vec<&&str> = INSIDE.iter().filter(|kind| operations(kind).is_none()).collect();
        assert!(missing.is_empty(), "give these types a row in `OPERATIONS`: {missing:?}");
    }

    #[test]
    fn operations_are_written_as_calls() {
        for row in OPERATIONS {
            for call in row.all() {
                let (service, operation) = call.split_once(':').unwrap();
                assert!(
                    service.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                    "{call}"
                );
                assert!(operation.starts_with(|first: char| first.is_ascii_uppercase()), "{call}");
            }
            assert_eq!(row.create.is_some(), row.delete.is_some(), "{}", row.kind);
        }
    }
}
