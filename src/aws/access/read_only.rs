//! The SDK's clients, reduced to the calls that read. Each call is forwarded by hand, and the full
//! client stays private. Without a permit there are no other clients.

macro_rules! read_only {
    ($(#[$doc:meta])* $name:ident, $sdk:ident: $($call:ident $builder:ident,)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name($sdk::Client);

        impl $name {
            pub(super) fn new(client: $sdk::Client) -> Self {
                Self(client)
            }

            $(pub fn $call(&self) -> $sdk::operation::$call::builders::$builder {
                self.0.$call()
            })*
        }
    };
}

read_only! {
    /// Reads EC2.
    Ec2Reader, aws_sdk_ec2:
    describe_addresses DescribeAddressesFluentBuilder,
    describe_availability_zones DescribeAvailabilityZonesFluentBuilder,
    describe_egress_only_internet_gateways DescribeEgressOnlyInternetGatewaysFluentBuilder,
    describe_image_attribute DescribeImageAttributeFluentBuilder,
    describe_images DescribeImagesFluentBuilder,
    describe_instance_attribute DescribeInstanceAttributeFluentBuilder,
    describe_instance_status DescribeInstanceStatusFluentBuilder,
    describe_instance_type_offerings DescribeInstanceTypeOfferingsFluentBuilder,
    describe_instance_types DescribeInstanceTypesFluentBuilder,
    describe_instances DescribeInstancesFluentBuilder,
    describe_internet_gateways DescribeInternetGatewaysFluentBuilder,
    describe_key_pairs DescribeKeyPairsFluentBuilder,
    describe_launch_templates DescribeLaunchTemplatesFluentBuilder,
    describe_nat_gateways DescribeNatGatewaysFluentBuilder,
    describe_network_acls DescribeNetworkAclsFluentBuilder,
    describe_network_interfaces DescribeNetworkInterfacesFluentBuilder,
    describe_regions DescribeRegionsFluentBuilder,
    describe_route_tables DescribeRouteTablesFluentBuilder,
    describe_security_groups DescribeSecurityGroupsFluentBuilder,
    describe_snapshot_attribute DescribeSnapshotAttributeFluentBuilder,
    describe_snapshots DescribeSnapshotsFluentBuilder,
    describe_subnets DescribeSubnetsFluentBuilder,
    describe_transit_gateway_vpc_attachments DescribeTransitGatewayVpcAttachmentsFluentBuilder,
    describe_transit_gateways DescribeTransitGatewaysFluentBuilder,
    describe_volumes DescribeVolumesFluentBuilder,
    describe_vpc_endpoints DescribeVpcEndpointsFluentBuilder,
    describe_vpc_peering_connections DescribeVpcPeeringConnectionsFluentBuilder,
    describe_vpcs DescribeVpcsFluentBuilder,
    describe_vpn_gateways DescribeVpnGatewaysFluentBuilder,
}

read_only! {
    /// Reads RDS.
    RdsReader, aws_sdk_rds:
    describe_db_cluster_automated_backups DescribeDBClusterAutomatedBackupsFluentBuilder,
    describe_db_cluster_snapshot_attributes DescribeDBClusterSnapshotAttributesFluentBuilder,
    describe_db_cluster_snapshots DescribeDBClusterSnapshotsFluentBuilder,
    describe_db_clusters DescribeDBClustersFluentBuilder,
    describe_db_instance_automated_backups DescribeDBInstanceAutomatedBackupsFluentBuilder,
    describe_db_instances DescribeDBInstancesFluentBuilder,
    describe_db_parameter_groups DescribeDBParameterGroupsFluentBuilder,
    describe_db_snapshot_attributes DescribeDBSnapshotAttributesFluentBuilder,
    describe_db_snapshots DescribeDBSnapshotsFluentBuilder,
    describe_db_subnet_groups DescribeDBSubnetGroupsFluentBuilder,
    describe_global_clusters DescribeGlobalClustersFluentBuilder,
    describe_option_groups DescribeOptionGroupsFluentBuilder,
    describe_orderable_db_instance_options DescribeOrderableDBInstanceOptionsFluentBuilder,
    list_tags_for_resource ListTagsForResourceFluentBuilder,
}

read_only! {
    /// Reads S3.
    S3Reader, aws_sdk_s3:
    get_bucket_encryption GetBucketEncryptionFluentBuilder,
    get_bucket_location GetBucketLocationFluentBuilder,
    get_bucket_policy GetBucketPolicyFluentBuilder,
    get_bucket_replication GetBucketReplicationFluentBuilder,
    get_bucket_tagging GetBucketTaggingFluentBuilder,
    get_bucket_versioning GetBucketVersioningFluentBuilder,
    get_object GetObjectFluentBuilder,
    get_object_lock_configuration GetObjectLockConfigurationFluentBuilder,
    get_object_tagging GetObjectTaggingFluentBuilder,
    get_public_access_block GetPublicAccessBlockFluentBuilder,
    head_bucket HeadBucketFluentBuilder,
    head_object HeadObjectFluentBuilder,
    list_buckets ListBucketsFluentBuilder,
    list_object_versions ListObjectVersionsFluentBuilder,
    list_objects_v2 ListObjectsV2FluentBuilder,
}

read_only! {
    /// Reads CloudFormation.
    CloudFormationReader, aws_sdk_cloudformation:
    describe_stack_events DescribeStackEventsFluentBuilder,
    describe_stacks DescribeStacksFluentBuilder,
    get_template GetTemplateFluentBuilder,
    list_stack_resources ListStackResourcesFluentBuilder,
}

read_only! {
    /// Reads AWS Backup.
    BackupReader, aws_sdk_backup:
    describe_copy_job DescribeCopyJobFluentBuilder,
    describe_restore_job DescribeRestoreJobFluentBuilder,
    get_backup_selection GetBackupSelectionFluentBuilder,
    get_backup_vault_access_policy GetBackupVaultAccessPolicyFluentBuilder,
    get_restore_job_metadata GetRestoreJobMetadataFluentBuilder,
    list_backup_plans ListBackupPlansFluentBuilder,
    list_backup_selections ListBackupSelectionsFluentBuilder,
    list_backup_vaults ListBackupVaultsFluentBuilder,
    list_copy_jobs ListCopyJobsFluentBuilder,
    list_recovery_points_by_backup_vault ListRecoveryPointsByBackupVaultFluentBuilder,
    list_restore_jobs ListRestoreJobsFluentBuilder,
    list_tags ListTagsFluentBuilder,
}

read_only! {
    /// Reads what Cloud Control lists.
    CloudControlReader, aws_sdk_cloudcontrol:
    get_resource GetResourceFluentBuilder,
    list_resources ListResourcesFluentBuilder,
}

read_only! {
    /// Reads metrics.
    CloudWatchReader, aws_sdk_cloudwatch:
    get_metric_data GetMetricDataFluentBuilder,
}

read_only! {
    /// Reads the names of log groups. What is in them stays unread.
    LogsReader, aws_sdk_cloudwatchlogs:
    describe_log_groups DescribeLogGroupsFluentBuilder,
}

read_only! {
    /// Reads DynamoDB.
    DynamoDbReader, aws_sdk_dynamodb:
    describe_backup DescribeBackupFluentBuilder,
    describe_continuous_backups DescribeContinuousBackupsFluentBuilder,
    describe_table DescribeTableFluentBuilder,
    describe_time_to_live DescribeTimeToLiveFluentBuilder,
    get_item GetItemFluentBuilder,
    list_backups ListBackupsFluentBuilder,
    list_tables ListTablesFluentBuilder,
    list_tags_of_resource ListTagsOfResourceFluentBuilder,
    scan ScanFluentBuilder,
}

read_only! {
    /// Reads functions of AWS Lambda.
    LambdaReader, aws_sdk_lambda:
    get_function GetFunctionFluentBuilder,
    list_functions ListFunctionsFluentBuilder,
    list_tags ListTagsFluentBuilder,
}

read_only! {
    /// Reads EFS.
    EfsReader, aws_sdk_efs:
    describe_file_systems DescribeFileSystemsFluentBuilder,
    describe_mount_targets DescribeMountTargetsFluentBuilder,
    describe_replication_configurations DescribeReplicationConfigurationsFluentBuilder,
}

read_only! {
    /// Reads Route 53.
    Route53Reader, aws_sdk_route53:
    list_resource_record_sets ListResourceRecordSetsFluentBuilder,
    list_tags_for_resource ListTagsForResourceFluentBuilder,
    get_change GetChangeFluentBuilder,
    get_hosted_zone GetHostedZoneFluentBuilder,
    list_hosted_zones ListHostedZonesFluentBuilder,
    list_hosted_zones_by_vpc ListHostedZonesByVPCFluentBuilder,
}

read_only! {
    /// Asks IAM for simulations, and reads roles and how old keys are.
    IamReader, aws_sdk_iam:
    get_account_summary GetAccountSummaryFluentBuilder,
    get_role GetRoleFluentBuilder,
    list_access_keys ListAccessKeysFluentBuilder,
    simulate_principal_policy SimulatePrincipalPolicyFluentBuilder,
}

read_only! {
    /// Reads Service Quotas.
    QuotasReader, aws_sdk_servicequotas:
    get_aws_default_service_quota GetAWSDefaultServiceQuotaFluentBuilder,
    get_service_quota GetServiceQuotaFluentBuilder,
}

read_only! {
    /// Reads Secrets Manager.
    SecretsReader, aws_sdk_secretsmanager:
    get_secret_value GetSecretValueFluentBuilder,
}

read_only! {
    /// Asks STS whom the credentials belong to.
    StsReader, aws_sdk_sts:
    get_caller_identity GetCallerIdentityFluentBuilder,
}

read_only! {
    /// Reads Route 53 Resolver.
    ResolverReader, aws_sdk_route53resolver:
    get_firewall_config GetFirewallConfigFluentBuilder,
    get_firewall_domain_list GetFirewallDomainListFluentBuilder,
    get_firewall_rule_group GetFirewallRuleGroupFluentBuilder,
    get_resolver_query_log_config GetResolverQueryLogConfigFluentBuilder,
    list_firewall_domain_lists ListFirewallDomainListsFluentBuilder,
    list_firewall_rule_group_associations ListFirewallRuleGroupAssociationsFluentBuilder,
    list_firewall_rule_groups ListFirewallRuleGroupsFluentBuilder,
    list_firewall_rules ListFirewallRulesFluentBuilder,
    list_resolver_query_log_config_associations ListResolverQueryLogConfigAssociationsFluentBuilder,
    list_resolver_query_log_configs ListResolverQueryLogConfigsFluentBuilder,
    list_tags_for_resource ListTagsForResourceFluentBuilder,
}
