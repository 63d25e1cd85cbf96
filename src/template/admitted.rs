//! The properties of each admitted resource type. What is in no row stops a deployment.
//!
//! Source: CloudFormation's resource schemas. A test compares the rows with the list of them in
//! `tests/schemas`, so that a property which is new there must be put into a row.
//!
//! A row is a text: `A B{C D}` are the properties `A`, `B/C` and `B/D`. Lists are passed through.
//! `A*` is `A` with all that lies beneath.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

/// The properties of a type.
pub struct Admitted {
    pub kind: &'static str,
    /// Properties that stay inside the sandbox, whatever their value is.
    pub harmless: &'static str,
    /// Properties that name what stands already: they must refer to what the template makes, to the
    /// sandbox's own, or to what a step makes.
    pub own: &'static str,
    /// Properties whose value is judged, with the name of the judge: `CidrIp:range`.
    pub judged: &'static str,
    /// Known properties that nobody judges. They stop a deployment, unless `allow` names them.
    pub stops: &'static str,
}

/// What judges a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judge {
    /// A row of `table::PROPERTIES`.
    Value,
    /// Who a policy lets in. A policy that cannot be read is refused.
    Policy,
    /// Whether a range of addresses lies in the sandbox.
    Range,
    /// Whether it is the sandbox's region.
    Region,
    /// Whether it is the sandbox's account.
    Account,
    /// What a load balancer sends requests to: of the template, or an address of the sandbox.
    Target,
    /// Pairs of a name and a value, judged by their names.
    Attribute,
}

/// What the table says of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Harmless,
    Own,
    Judged(Judge),
    Stops,
}

/// A place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A property, or something beneath it.
    Of(Class),
    /// Properties of the table lie beneath.
    Above,
    /// Nothing is known of it.
    Nowhere,
}

type Rows = BTreeMap<String, Class>;

static TABLE: LazyLock<HashMap<&'static str, Rows>> =
    LazyLock::new(|| TYPES.iter().map(|row| (row.kind, row.classes().into_iter().collect())).collect());

/// Whether a type has a row.
pub fn has_row(kind: &str) -> bool {
    TABLE.contains_key(kind)
}

/// What the table says of a property of a type, by its path with `/` between the levels. `None` for
/// a type without a row.
pub fn place(kind: &str, path: &str) -> Option<Place> {
    let rows = TABLE.get(kind)?;
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    let mut starts = ends.filter_map(|end| path.get(..end));
    if let Some(class) = starts.find_map(|start| rows.get(start)) {
        return Some(Place::Of(*class));
    }
    let beneath = format!("{path}/");
    let above = rows.range(beneath.clone()..).next().is_some_and(|(name, _)| name.starts_with(&beneath));
    Some(if above { Place::Above } else { Place::Nowhere })
}

impl Admitted {
    /// The class of each property, by its path.
    pub fn classes(&self) -> Vec<(String, Class)> {
        let of = |text, class: Class| {
            paths(text).into_iter().map(move |path| (path.trim_end_matches('*').to_owned(), class))
        };
        let judged = paths(self.judged).into_iter().map(|path| match path.split_once(':') {
            Some((path, judge)) => (
                path.trim_end_matches('*').to_owned(),
                judge_named(judge).map_or(Class::Stops, Class::Judged),
            ),
            None => (path, Class::Stops),
        });
        of(self.harmless, Class::Harmless)
            .chain(of(self.own, Class::Own))
            .chain(judged)
            .chain(of(self.stops, Class::Stops))
            .collect()
    }
}

fn judge_named(name: &str) -> Option<Judge> {
    Some(match name {
        "value" => Judge::Value,
        "policy" => Judge::Policy,
        "range" => Judge::Range,
        "region" => Judge::Region,
        "account" => Judge::Account,
        "target" => Judge::Target,
        "attribute" => Judge::Attribute,
        _ => return None,
    })
}

/// The paths of `A B{C D}`: `A`, `B/C`, `B/D`.
pub fn paths(text: &str) -> Vec<String> {
    let (mut above, mut out) = (Vec::<&str>::new(), Vec::new());
    let mut word = |name: &str, above: &[&str]| {
        if !name.is_empty() {
            out.push(above.iter().copied().chain([name]).collect::<Vec<_>>().join("/"));
        }
    };
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_whitespace() || c == '{' || c == '}') {
        let (name, after) = rest.split_at(at);
        match after.chars().next() {
            Some('{') => above.push(name),
            Some('}') => {
                word(name, &above);
                above.pop();
            }
            _ => word(name, &above),
        }
        rest = after.get(1..).unwrap_or_default();
    }
    word(rest, &above);
    out
}

/// The admitted types.
pub const TYPES: &[Admitted] = &[
    Admitted {
        kind: "AWS::AutoScaling::AutoScalingGroup",
        harmless: "AutoScalingGroupName AvailabilityZoneDistribution{CapacityDistributionStrategy} \
            AvailabilityZoneIds AvailabilityZoneImpairmentPolicy{ImpairedZoneHealthCheckBehavior \
            ZonalShiftEnabled} AvailabilityZones CapacityRebalance \
            CapacityReservationSpecification{CapacityReservationPreference} Cooldown \
            DefaultInstanceWarmup DesiredCapacity DesiredCapacityType HealthCheckGracePeriod \
            HealthCheckType InstanceMaintenancePolicy{MaxHealthyPercentage MinHealthyPercentage} \
            LaunchTemplate{Version} LifecycleHookSpecificationList{DefaultResult \
            HeartbeatTimeout LifecycleHookName LifecycleTransition NotificationMetadata} \
            MaxInstanceLifetime MaxSize MetricsCollection{Granularity Metrics} MinSize \
            MixedInstancesPolicy{InstancesDistribution{DistributionSegments{TargetCapacityTypes} \
            OnDemandAllocationStrategy OnDemandBaseCapacity OnDemandPercentageAboveBaseCapacity \
            SpotAllocationStrategy SpotInstancePools SpotMaxPrice} \
            LaunchTemplate{LaunchTemplateSpecification{Version} Overrides{ImageId \
            InstanceRequirements* InstanceType LaunchTemplateSpecification{Version} \
            WeightedCapacity}}} NotificationConfiguration{NotificationTypes} \
            NotificationConfigurations{NotificationTypes} ServiceLinkedRoleARN \
            SkipZonalShiftValidation Tags* TerminationPolicies TrafficSources{Type}",
        own: "CapacityReservationSpecification{CapacityReservationTarget{CapacityReservationIds \
            CapacityReservationResourceGroupArns}} LaunchConfigurationName \
            LaunchTemplate{LaunchTemplateId LaunchTemplateName} \
            LifecycleHookSpecificationList{NotificationTargetARN RoleARN} LoadBalancerNames \
            MixedInstancesPolicy{LaunchTemplate{LaunchTemplateSpecification{LaunchTemplateId \
            LaunchTemplateName} Overrides{LaunchTemplateSpecification{LaunchTemplateId \
            LaunchTemplateName}}}} NotificationConfiguration{TopicARN} \
            NotificationConfigurations{TopicARN} PlacementGroup TargetGroupARNs \
            TrafficSources{Identifier} VPCZoneIdentifier",
        judged: "DeletionProtection:value InstanceId:value \
            InstanceLifecyclePolicy{RetentionTriggers{TerminateHookAbandon:value}} \
            NewInstancesProtectedFromScaleIn:value",
        stops: "Context",
    },
    Admitted {
        kind: "AWS::AutoScaling::LaunchConfiguration",
        harmless: "BlockDeviceMappings{DeviceName Ebs{Encrypted Iops SnapshotId Throughput VolumeSize \
            VolumeType} NoDevice VirtualName} EbsOptimized ImageId InstanceMonitoring \
            InstanceType KernelId KeyName LaunchConfigurationName MetadataOptions{HttpEndpoint \
            HttpPutResponseHopLimit HttpTokens} PlacementTenancy RamDiskId SpotPrice UserData",
        own: "ClassicLinkVPCId ClassicLinkVPCSecurityGroups SecurityGroups",
        judged: "AssociatePublicIpAddress:value BlockDeviceMappings{Ebs{DeleteOnTermination:value}} \
            IamInstanceProfile:value InstanceId:value",
        stops: "",
    },
    Admitted {
        kind: "AWS::AutoScaling::ScalingPolicy",
        harmless: "AdjustmentType Cooldown EstimatedInstanceWarmup MetricAggregationType \
            MinAdjustmentMagnitude PolicyType \
            PredictiveScalingConfiguration{MaxCapacityBreachBehavior MaxCapacityBuffer \
            MetricSpecifications{CustomizedCapacityMetricSpecification{MetricDataQueries*} \
            CustomizedLoadMetricSpecification{MetricDataQueries*} \
            CustomizedScalingMetricSpecification{MetricDataQueries*} \
            PredefinedLoadMetricSpecification{PredefinedMetricType ResourceLabel} \
            PredefinedMetricPairSpecification{PredefinedMetricType ResourceLabel} \
            PredefinedScalingMetricSpecification{PredefinedMetricType ResourceLabel} \
            TargetValue} Mode SchedulingBufferTime} ScalingAdjustment \
            StepAdjustments{MetricIntervalLowerBound MetricIntervalUpperBound ScalingAdjustment} \
            TargetTrackingConfiguration{CustomizedMetricSpecification{Dimensions{Name Value} \
            MetricName Metrics{Expression Id Label MetricStat{Metric{Dimensions{Name Value} \
            MetricName Namespace} Period Stat Unit} Period ReturnData} Namespace Period \
            Statistic Unit} DisableScaleIn PredefinedMetricSpecification{PredefinedMetricType \
            ResourceLabel} TargetValue}",
        own: "AutoScalingGroupName",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::AutoScaling::ScheduledAction",
        harmless: "DesiredCapacity EndTime MaxSize MinSize Recurrence StartTime TimeZone",
        own: "AutoScalingGroupName",
        judged: "",
        stops: "",
    },
    Admitted { kind: "AWS::CDK::Metadata", harmless: "Analytics Modules", own: "", judged: "", stops: "" },
    Admitted {
        kind: "AWS::CloudFormation::WaitCondition",
        harmless: "Count Timeout",
        own: "Handle",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::CloudFormation::WaitConditionHandle",
        harmless: "",
        own: "",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::CloudWatch::Alarm",
        harmless: "ActionConfiguration{AlarmTagsPropagation{Enabled ExcludedTagKeys IncludedTagKeys}} \
            ActionsEnabled AlarmDescription AlarmName ComparisonOperator DatapointsToAlarm \
            Dimensions{Name Value} EvaluateLowSampleCountPercentile \
            EvaluationCriteria{PromQLCriteria{PendingPeriod Query RecoveryPeriod}} \
            EvaluationInterval EvaluationPeriods EvaluationWindow{SlidingWindow \
            WallClockWindow{Timezone}} ExtendedStatistic MetricName Metrics{Expression Id Label \
            MetricStat{Metric{Dimensions{Name Value} MetricName Namespace} Period Stat Unit} \
            Period ReturnData} Namespace Period Statistic Tags* Threshold ThresholdMetricId \
            TreatMissingData Unit WarmUpConfiguration{OnlyStartEvaluatingAfterWarmUpPeriodEnds \
            WarmUpPeriodDurationInMinutes}",
        own: "AlarmActions InsufficientDataActions OKActions",
        judged: "Metrics{AccountId:account}",
        stops: "",
    },
    Admitted {
        kind: "AWS::CloudWatch::CompositeAlarm",
        harmless: "ActionConfiguration{AlarmTagsPropagation{Enabled ExcludedTagKeys IncludedTagKeys}} \
            ActionsEnabled ActionsSuppressor ActionsSuppressorExtensionPeriod \
            ActionsSuppressorWaitPeriod AlarmDescription AlarmName AlarmRule Tags*",
        own: "AlarmActions InsufficientDataActions OKActions",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::CloudWatch::Dashboard",
        harmless: "DashboardBody DashboardName Tags*",
        own: "",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::DocDB::DBCluster",
        harmless: "AvailabilityZones BackupRetentionPeriod CopyTagsToSnapshot DBClusterIdentifier \
            DBClusterParameterGroupName EnableCloudwatchLogsExports EngineVersion KmsKeyId \
            ManageMasterUserPassword MasterUserPassword MasterUserSecretKmsKeyId MasterUsername \
            NetworkType Port PreferredBackupWindow PreferredMaintenanceWindow RestoreToTime \
            RestoreType RotateMasterUserPassword ServerlessV2ScalingConfiguration{MaxCapacity \
            MinCapacity} SnapshotIdentifier StorageEncrypted StorageType Tags* \
            UseLatestRestorableTime",
        own: "DBSubnetGroupName VpcSecurityGroupIds",
        judged: "DeletionProtection:value GlobalClusterIdentifier:value \
            SourceDBClusterIdentifier:value",
        stops: "",
    },
    Admitted {
        kind: "AWS::DocDB::DBClusterParameterGroup",
        harmless: "Description Family Name Parameters Tags*",
        own: "",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::DocDB::DBInstance",
        harmless: "AutoMinorVersionUpgrade AvailabilityZone CACertificateIdentifier \
            CertificateRotationRestart DBInstanceClass DBInstanceIdentifier \
            EnablePerformanceInsights PreferredMaintenanceWindow Tags*",
        own: "DBClusterIdentifier",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::DocDB::DBSubnetGroup",
        harmless: "DBSubnetGroupDescription DBSubnetGroupName Tags*",
        own: "SubnetIds",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::DynamoDB::Table",
        harmless: "AttributeDefinitions{AttributeName AttributeType} BillingMode \
            ContributorInsightsSpecification{Enabled Mode} \
            GlobalSecondaryIndexes{ContributorInsightsSpecification{Enabled Mode} IndexName \
            KeySchema{AttributeName KeyType} OnDemandThroughput{MaxReadRequestUnits \
            MaxWriteRequestUnits} Projection{NonKeyAttributes ProjectionType} \
            ProvisionedThroughput{ReadCapacityUnits WriteCapacityUnits} \
            WarmThroughput{ReadUnitsPerSecond WriteUnitsPerSecond}} \
            ImportSourceSpecification{InputCompressionType InputFormat \
            InputFormatOptions{Csv{Delimiter HeaderList}} S3BucketSource{S3KeyPrefix}} \
            KeySchema{AttributeName KeyType} \
            KinesisStreamSpecification{ApproximateCreationDateTimePrecision} \
            LocalSecondaryIndexes{IndexName KeySchema{AttributeName KeyType} \
            Projection{NonKeyAttributes ProjectionType}} OnDemandThroughput{MaxReadRequestUnits \
            MaxWriteRequestUnits} PointInTimeRecoverySpecification{RecoveryPeriodInDays} \
            ProvisionedThroughput{ReadCapacityUnits WriteCapacityUnits} \
            SSESpecification{KMSMasterKeyId SSEEnabled SSEType} \
            StreamSpecification{StreamViewType Tags*} TableClass TableName Tags* \
            TimeToLiveSpecification{AttributeName Enabled} VectorIndexes{Dimensions \
            DistanceFunction IndexName Projection{NonKeyAttributes ProjectionType} \
            SearchSchema{AttributeName SearchSchemaElementType} VectorAttribute{AttributeName}} \
            WarmThroughput{ReadUnitsPerSecond WriteUnitsPerSecond}",
        own: "ImportSourceSpecification{S3BucketSource{S3Bucket}} \
            KinesisStreamSpecification{StreamArn}",
        judged: "DeletionProtectionEnabled:value \
            PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled:value} \
            ResourcePolicy{PolicyDocument:policy} \
            StreamSpecification{ResourcePolicy{PolicyDocument:policy}} \
            ImportSourceSpecification{S3BucketSource{S3BucketOwner:account}}",
        stops: "",
    },
    Admitted {
        kind: "AWS::EC2::Instance",
        harmless: "Affinity AvailabilityZone BlockDeviceMappings{DeviceName Ebs{Encrypted Iops KmsKeyId \
            SnapshotId VolumeSize VolumeType} NoDevice VirtualName} CpuOptions{CoreCount \
            ThreadsPerCore} CreditSpecification{CPUCredits} EbsOptimized \
            ElasticGpuSpecifications{Type} ElasticInferenceAccelerators{Count Type} \
            EnclaveOptions{Enabled} HibernationOptions{Configured} ImageId \
            InstanceInitiatedShutdownBehavior InstanceType KernelId KeyName \
            LaunchTemplate{Version} MetadataOptions{HttpEndpoint HttpProtocolIpv6 \
            HttpPutResponseHopLimit HttpTokens InstanceMetadataTags} Monitoring \
            NetworkInterfaces{Description DeviceIndex EnaSrdSpecification{EnaSrdEnabled \
            EnaSrdUdpSpecification{EnaSrdUdpEnabled}} PrivateIpAddress \
            PrivateIpAddresses{Primary PrivateIpAddress} SecondaryPrivateIpAddressCount} \
            PrivateDnsNameOptions{EnableResourceNameDnsAAAARecord EnableResourceNameDnsARecord \
            HostnameType} PrivateIpAddress PropagateTagsToVolumeOnCreation RamdiskId \
            SourceDestCheck Tags* Tenancy UserData Volumes{Device}",
        own: "HostId HostResourceGroupArn LaunchTemplate{LaunchTemplateId LaunchTemplateName} \
            NetworkInterfaces{GroupSet NetworkInterfaceId SubnetId} PlacementGroupName \
            SecurityGroupIds SecurityGroups SubnetId Volumes{VolumeId}",
        judged: "BlockDeviceMappings{Ebs{DeleteOnTermination:value}} DisableApiTermination:value \
            IamInstanceProfile:value Ipv6AddressCount:value Ipv6Addresses*:value \
            NetworkInterfaces{AssociateCarrierIpAddress:value AssociatePublicIpAddress:value \
            DeleteOnTermination:value Ipv6AddressCount:value Ipv6Addresses*:value}",
        stops: "AdditionalInfo LicenseSpecifications* SsmAssociations*",
    },
    Admitted {
        kind: "AWS::EC2::KeyPair",
        harmless: "KeyFormat KeyName KeyType PublicKeyMaterial Tags*",
        own: "",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::EC2::LaunchTemplate",
        harmless: "LaunchTemplateData{BlockDeviceMappings{DeviceName Ebs{EbsCardIndex Encrypted Iops \
            KmsKeyId SnapshotId Throughput VolumeInitializationRate VolumeSize VolumeType} \
            NoDevice VirtualName} \
            CapacityReservationSpecification{CapacityReservationPreference} CpuOptions{AmdSevSnp \
            CoreCount NestedVirtualization ThreadsPerCore} CreditSpecification{CpuCredits} \
            DisableApiStop EbsOptimized EnclaveOptions{Enabled} HibernationOptions{Configured} \
            ImageId InstanceInitiatedShutdownBehavior InstanceMarketOptions{MarketType \
            SpotOptions{BlockDurationMinutes InstanceInterruptionBehavior MaxPrice \
            SpotInstanceType ValidUntil}} InstanceRequirements* InstanceType KernelId KeyName \
            MaintenanceOptions{AutoRecovery} MetadataOptions{HttpEndpoint HttpProtocolIpv6 \
            HttpPutResponseHopLimit HttpTokens InstanceMetadataTags} Monitoring{Enabled} \
            NetworkInterfaces{ConnectionTrackingSpecification{TcpEstablishedTimeout \
            UdpStreamTimeout UdpTimeout} Description DeviceIndex EnaQueueCount \
            EnaSrdSpecification{EnaSrdEnabled EnaSrdUdpSpecification{EnaSrdUdpEnabled}} \
            InterfaceType Ipv4PrefixCount Ipv4Prefixes{Ipv4Prefix} NetworkCardIndex \
            PrivateIpAddress PrivateIpAddresses{Primary PrivateIpAddress} \
            SecondaryPrivateIpAddressCount} NetworkPerformanceOptions{BandwidthWeighting} \
            Placement{Affinity AvailabilityZone PartitionNumber SpreadDomain Tenancy} \
            PrivateDnsNameOptions{EnableResourceNameDnsAAAARecord EnableResourceNameDnsARecord \
            HostnameType} RamDiskId TagSpecifications* UserData} LaunchTemplateName \
            TagSpecifications* VersionDescription",
        own: "LaunchTemplateData{CapacityReservationSpecification{CapacityReservationTarget{CapacityReservationId \
            CapacityReservationResourceGroupArn}} NetworkInterfaces{Groups NetworkInterfaceId \
            SubnetId} Placement{GroupId GroupName HostId HostResourceGroupArn} SecurityGroupIds \
            SecurityGroups}",
        judged: "LaunchTemplateData{BlockDeviceMappings{Ebs{DeleteOnTermination:value}} \
            DisableApiTermination:value IamInstanceProfile*:value \
            NetworkInterfaces{AssociateCarrierIpAddress:value AssociatePublicIpAddress:value \
            DeleteOnTermination:value Ipv6AddressCount:value Ipv6Addresses*:value \
            Ipv6PrefixCount:value Ipv6Prefixes*:value PrimaryIpv6:value}}",
        stops: "LaunchTemplateData{LicenseSpecifications*}",
    },
    Admitted { kind: "AWS::EC2::NetworkAcl", harmless: "Tags*", own: "VpcId", judged: "", stops: "" },
    Admitted {
        kind: "AWS::EC2::NetworkAclEntry",
        harmless: "CidrBlock Egress Icmp* Ipv6CidrBlock PortRange* Protocol RuleAction RuleNumber",
        own: "NetworkAclId",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::EC2::NetworkInterface",
        harmless: "ConnectionTrackingSpecification{TcpEstablishedTimeout UdpStreamTimeout UdpTimeout} \
            Description InterfaceType Ipv4PrefixCount Ipv4Prefixes{Ipv4Prefix} PrivateIpAddress \
            PrivateIpAddresses{Primary PrivateIpAddress} SecondaryPrivateIpAddressCount \
            SourceDestCheck Tags*",
        own: "GroupSet SubnetId",
        judged: "EnablePrimaryIpv6:value Ipv6AddressCount:value Ipv6Addresses*:value \
            Ipv6PrefixCount:value Ipv6Prefixes*:value",
        stops: "PublicIpDnsHostnameTypeSpecification",
    },
    Admitted {
        kind: "AWS::EC2::NetworkInterfaceAttachment",
        harmless: "DeviceIndex EnaQueueCount EnaSrdSpecification{EnaSrdEnabled \
            EnaSrdUdpSpecification{EnaSrdUdpEnabled}}",
        own: "InstanceId NetworkInterfaceId",
        judged: "DeleteOnTermination:value",
        stops: "",
    },
    Admitted {
        kind: "AWS::EC2::PlacementGroup",
        harmless: "PartitionCount SpreadLevel Strategy Tags*",
        own: "ParentGroupId",
        judged: "",
        stops: "",
    },
    Admitted { kind: "AWS::EC2::RouteTable", harmless: "Tags*", own: "VpcId", judged: "", stops: "" },
    Admitted {
        kind: "AWS::EC2::SecurityGroup",
        harmless: "GroupDescription GroupName SecurityGroupEgress{Description FromPort IpProtocol \
            ToPort} SecurityGroupIngress{Description FromPort IpProtocol ToPort} Tags*",
        own: "SecurityGroupEgress{DestinationPrefixListId DestinationSecurityGroupId} \
            SecurityGroupIngress{SourcePrefixListId SourceSecurityGroupId \
            SourceSecurityGroupName} VpcId",
        judged: "SecurityGroupEgress{CidrIp:range CidrIpv6:range} SecurityGroupIngress{CidrIp:range \
            CidrIpv6:range SourceSecurityGroupOwnerId:account}",
        stops: "",
    },
    Admitted {
        kind: "AWS::EC2::SecurityGroupEgress",
        harmless: "Description FromPort IpProtocol ToPort",
        own: "DestinationPrefixListId DestinationSecurityGroupId GroupId",
        judged: "CidrIp:range CidrIpv6:range",
        stops: "",
    },
    Admitted {
        kind: "AWS::EC2::SecurityGroupIngress",
        harmless: "Description FromPort IpProtocol ToPort",
        own: "GroupId GroupName SourcePrefixListId SourceSecurityGroupId SourceSecurityGroupName",
        judged: "CidrIp:range CidrIpv6:range SourceSecurityGroupOwnerId:account",
        stops: "",
    },
    Admitted {
        kind: "AWS::EC2::Subnet",
        harmless: "AvailabilityZone AvailabilityZoneId CidrBlock EnableDns64 Ipv4NetmaskLength \
            Ipv6CidrBlock Ipv6Native Ipv6NetmaskLength \
            PrivateDnsNameOptionsOnLaunch{EnableResourceNameDnsAAAARecord \
            EnableResourceNameDnsARecord HostnameType} Tags*",
        own: "VpcId",
        judged: "AssignIpv6AddressOnCreation:value EnableLniAtDeviceIndex:value Ipv4IpamPoolId:value \
            Ipv6IpamPoolId:value MapPublicIpOnLaunch:value OutpostArn:value",
        stops: "",
    },
    Admitted {
        kind: "AWS::EC2::SubnetNetworkAclAssociation",
        harmless: "",
        own: "NetworkAclId SubnetId",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::EC2::SubnetRouteTableAssociation",
        harmless: "",
        own: "RouteTableId SubnetId",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::EC2::Volume",
        harmless: "AutoEnableIO AvailabilityZone AvailabilityZoneId Encrypted Iops KmsKeyId \
            MultiAttachEnabled Size SnapshotId Tags* Throughput VolumeInitializationRate \
            VolumeType",
        own: "",
        judged: "OutpostArn:value SourceVolumeId:value",
        stops: "",
    },
    Admitted {
        kind: "AWS::EC2::VolumeAttachment",
        harmless: "Device EbsCardIndex",
        own: "InstanceId VolumeId",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::ECS::Cluster",
        harmless: "ClusterName ClusterSettings{Name Value} \
            Configuration{ExecuteCommandConfiguration{KmsKeyId \
            LogConfiguration{CloudWatchEncryptionEnabled S3EncryptionEnabled S3KeyPrefix} \
            Logging} ManagedStorageConfiguration{FargateEphemeralStorageKmsKeyId KmsKeyId}} \
            DefaultCapacityProviderStrategy{Base Weight} Tags*",
        own: "Configuration{ExecuteCommandConfiguration{LogConfiguration{CloudWatchLogGroupName \
            S3BucketName}}}",
        judged: "CapacityProviders:value DefaultCapacityProviderStrategy{CapacityProvider:value}",
        stops: "ServiceConnectDefaults*",
    },
    Admitted {
        kind: "AWS::ECS::Service",
        harmless: "AvailabilityZoneRebalancing CapacityProviderStrategy{Base Weight} \
            DeploymentConfiguration{BakeTimeInMinutes \
            CanaryConfiguration{CanaryBakeTimeInMinutes CanaryPercent} \
            DeploymentCircuitBreaker{Enable ResetOnHealthyTask Rollback \
            ThresholdConfiguration{Type Value}} EarlySuccessCriteria{Enable HealthyPercent \
            SourceServiceRevisionCleanup} LinearConfiguration{StepBakeTimeInMinutes StepPercent} \
            MaximumPercent MinimumHealthyPercent Strategy} DeploymentController{Type} \
            DesiredCount EnableECSManagedTags EnableExecuteCommand \
            ForceNewDeployment{EnableForceNewDeployment ForceNewDeploymentNonce} \
            HealthCheckGracePeriodSeconds LaunchType LoadBalancers{ContainerName ContainerPort} \
            Monitoring{MetricConfigurations{MetricNames ResolutionSeconds}} \
            PlacementConstraints{Expression Type} PlacementStrategies{Field Type} \
            PlatformVersion PropagateTags SchedulingStrategy ServiceName Tags*",
        own: "Cluster LoadBalancers{LoadBalancerName TargetGroupArn} \
            NetworkConfiguration{AwsvpcConfiguration{SecurityGroups Subnets}} Role \
            TaskDefinition",
        judged: "CapacityProviderStrategy{CapacityProvider:value} GatewayConnectors*:value \
            NetworkConfiguration{AwsvpcConfiguration{AssignPublicIp:value}} \
            VpcLatticeConfigurations*:value",
        stops: "DeploymentConfiguration{Alarms* LifecycleHooks*} \
            LoadBalancers{AdvancedConfiguration*} ServiceConnectConfiguration* \
            ServiceRegistries* VolumeConfigurations*",
    },
    Admitted {
        kind: "AWS::ECS::TaskDefinition",
        harmless: "ContainerDefinitions{Command Cpu DependsOn{Condition ContainerName} \
            DisableNetworking DnsSearchDomains DnsServers DockerLabels DockerSecurityOptions \
            EntryPoint Environment{Name Value} Essential ExtraHosts{Hostname IpAddress} \
            HealthCheck{Command Interval Retries StartPeriod Timeout} Hostname Image Interactive \
            Links LinuxParameters{Capabilities{Add Drop} Devices{ContainerPath HostPath \
            Permissions} InitProcessEnabled MaxSwap SharedMemorySize Swappiness \
            Tmpfs{ContainerPath MountOptions Size}} LogConfiguration{SecretOptions{Name \
            ValueFrom}} Memory MemoryReservation MountPoints{ContainerPath ReadOnly \
            SourceVolume} Name PortMappings{AppProtocol ContainerPort ContainerPortRange \
            HostPort Name Protocol} Privileged PseudoTerminal ReadonlyRootFilesystem \
            RepositoryCredentials{CredentialsParameter} \
            ResourceRequirements{SharingStrategy{NvidiaMps{MaxComputePercent Memory}} Type \
            Value} RestartPolicy{Enabled IgnoredExitCodes RestartAttemptPeriod} Secrets{Name \
            ValueFrom} StartTimeout StopTimeout SystemControls{Namespace Value} \
            Ulimits{HardLimit Name SoftLimit} User VersionConsistency VolumesFrom{ReadOnly \
            SourceContainer} WorkingDirectory} Cpu EphemeralStorage{SizeInGiB} Family \
            InferenceAccelerators{DeviceName DeviceType} IpcMode Memory NetworkMode PidMode \
            PlacementConstraints{Expression Type} RequiresCompatibilities \
            RuntimePlatform{CpuArchitecture OperatingSystemFamily} Tags* \
            Volumes{ConfiguredAtLaunch EFSVolumeConfiguration{AuthorizationConfig{IAM} \
            RootDirectory TransitEncryption TransitEncryptionPort} Host{SourcePath} Name}",
        own: "ExecutionRoleArn TaskRoleArn \
            Volumes{EFSVolumeConfiguration{AuthorizationConfig{AccessPointId} FilesystemId}}",
        judged: "ContainerDefinitions{LogConfiguration{LogDriver:value Options:attribute}} \
            Volumes{FSxWindowsFileServerVolumeConfiguration*:value \
            S3FilesVolumeConfiguration*:value}",
        stops: "ContainerDefinitions{CredentialSpecs EnvironmentFiles* FirelensConfiguration*} \
            EnableFaultInjection ProxyConfiguration* Volumes{DockerVolumeConfiguration*}",
    },
    Admitted {
        kind: "AWS::EFS::AccessPoint",
        harmless: "AccessPointTags* ClientToken PosixUser{Gid SecondaryGids Uid} \
            RootDirectory{CreationInfo{OwnerGid OwnerUid Permissions} Path}",
        own: "FileSystemId",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::EFS::FileSystem",
        harmless: "AvailabilityZoneName Encrypted FileSystemProtection{ReplicationOverwriteProtection} \
            FileSystemTags* KmsKeyId LifecyclePolicies{TransitionToArchive TransitionToIA \
            TransitionToPrimaryStorageClass} PerformanceMode ProvisionedThroughputInMibps \
            ThroughputMode",
        own: "",
        judged: "BackupPolicy{Status:value} BypassPolicyLockoutSafetyCheck:value \
            ReplicationConfiguration*:value FileSystemPolicy:policy",
        stops: "",
    },
    Admitted {
        kind: "AWS::EFS::MountTarget",
        harmless: "IpAddress IpAddressType Ipv6Address",
        own: "FileSystemId SecurityGroups SubnetId",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::ElastiCache::CacheCluster",
        harmless: "AZMode AutoMinorVersionUpgrade CacheNodeType CacheParameterGroupName ClusterName \
            Engine EngineVersion IpDiscovery LogDeliveryConfigurations{DestinationType LogFormat \
            LogType} NetworkType NumCacheNodes Port PreferredAvailabilityZone \
            PreferredAvailabilityZones PreferredMaintenanceWindow SnapshotArns SnapshotName \
            SnapshotRetentionLimit SnapshotWindow Tags* TransitEncryptionEnabled",
        own: "CacheSecurityGroupNames CacheSubnetGroupName \
            LogDeliveryConfigurations{DestinationDetails{CloudWatchLogsDetails{LogGroup} \
            KinesisFirehoseDetails{DeliveryStream}}} NotificationTopicArn VpcSecurityGroupIds",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::ElastiCache::ParameterGroup",
        harmless: "CacheParameterGroupFamily Description Properties Tags*",
        own: "",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::ElastiCache::ReplicationGroup",
        harmless: "AtRestEncryptionEnabled AuthToken AutoMinorVersionUpgrade AutomaticFailoverEnabled \
            CacheNodeType CacheParameterGroupName ClusterMode DataTieringEnabled Durability \
            Engine EngineVersion IpDiscovery KmsKeyId LogDeliveryConfigurations{DestinationType \
            LogFormat LogType} MultiAZEnabled NetworkType NodeGroupConfiguration{NodeGroupId \
            PrimaryAvailabilityZone ReplicaAvailabilityZones ReplicaCount Slots} \
            NumCacheClusters NumNodeGroups Port PreferredCacheClusterAZs \
            PreferredMaintenanceWindow ReplicasPerNodeGroup ReplicationGroupDescription \
            ReplicationGroupId SnapshotArns SnapshotName SnapshotRetentionLimit SnapshotWindow \
            SnapshottingClusterId Tags* TransitEncryptionEnabled TransitEncryptionMode",
        own: "CacheSecurityGroupNames CacheSubnetGroupName \
            LogDeliveryConfigurations{DestinationDetails{CloudWatchLogsDetails{LogGroup} \
            KinesisFirehoseDetails{DeliveryStream}}} NotificationTopicArn PrimaryClusterId \
            SecurityGroupIds UserGroupIds",
        judged: "GlobalReplicationGroupId:value",
        stops: "",
    },
    Admitted {
        kind: "AWS::ElastiCache::SubnetGroup",
        harmless: "CacheSubnetGroupName Description Tags*",
        own: "SubnetIds",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::ElasticLoadBalancing::LoadBalancer",
        harmless: "AccessLoggingPolicy{EmitInterval Enabled S3BucketPrefix} \
            AppCookieStickinessPolicy{CookieName PolicyName} AvailabilityZones \
            ConnectionDrainingPolicy{Enabled Timeout} ConnectionSettings{IdleTimeout} CrossZone \
            HealthCheck{HealthyThreshold Interval Target Timeout UnhealthyThreshold} \
            LBCookieStickinessPolicy{CookieExpirationPeriod PolicyName} Listeners{InstancePort \
            InstanceProtocol LoadBalancerPort PolicyNames Protocol SSLCertificateId} \
            LoadBalancerName Policies{Attributes{Name Value} InstancePorts LoadBalancerPorts \
            PolicyName PolicyType} Tags*",
        own: "AccessLoggingPolicy{S3BucketName} Instances SecurityGroups Subnets",
        judged: "Scheme:value",
        stops: "",
    },
    Admitted {
        kind: "AWS::ElasticLoadBalancingV2::Listener",
        harmless: "AlpnPolicy Certificates{CertificateArn} \
            DefaultActions{FixedResponseConfig{ContentType MessageBody StatusCode} \
            ForwardConfig{TargetGroupStickinessConfig{DurationSeconds Enabled} \
            TargetGroups{Weight}} Order RedirectConfig{Host Path Port Protocol Query StatusCode} \
            Type} ListenerAttributes{Key Value} Port Protocol SslPolicy Tags*",
        own: "DefaultActions{ForwardConfig{TargetGroups{TargetGroupArn}} TargetGroupArn} \
            LoadBalancerArn",
        judged: "",
        stops: "DefaultActions{AuthenticateCognitoConfig* AuthenticateOidcConfig* \
            JwtValidationConfig*} MutualAuthentication*",
    },
    Admitted {
        kind: "AWS::ElasticLoadBalancingV2::ListenerRule",
        harmless: "Actions{FixedResponseConfig{ContentType MessageBody StatusCode} \
            ForwardConfig{TargetGroupStickinessConfig{DurationSeconds Enabled} \
            TargetGroups{Weight}} Order RedirectConfig{Host Path Port Protocol Query StatusCode} \
            Type} Conditions{Field HostHeaderConfig{RegexValues Values} \
            HttpHeaderConfig{HttpHeaderName RegexValues Values} HttpRequestMethodConfig{Values} \
            PathPatternConfig{RegexValues Values} QueryStringConfig{Values{Key Value}} \
            RegexValues SourceIpConfig{IpAddressType Values} Values} Priority Tags* \
            Transforms{HostHeaderRewriteConfig{Rewrites{Regex Replace}} Type \
            UrlRewriteConfig{Rewrites{Regex Replace}}}",
        own: "Actions{ForwardConfig{TargetGroups{TargetGroupArn}} TargetGroupArn} ListenerArn",
        judged: "",
        stops: "Actions{AuthenticateCognitoConfig* AuthenticateOidcConfig* JwtValidationConfig*}",
    },
    Admitted {
        kind: "AWS::ElasticLoadBalancingV2::LoadBalancer",
        harmless: "EnablePrefixForIpv6SourceNat EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic \
            IpAddressType MinimumLoadBalancerCapacity{CapacityUnits} Name \
            SubnetMappings{IPv6Address PrivateIPv4Address SourceNatIpv6Prefix} Tags* Type",
        own: "SecurityGroups SubnetMappings{SubnetId} Subnets",
        judged: "Ipv4IpamPoolId:value Scheme:value SubnetMappings{AllocationId:value} \
            LoadBalancerAttributes*:attribute",
        stops: "EnableCapacityReservationProvisionStabilize",
    },
    Admitted {
        kind: "AWS::ElasticLoadBalancingV2::TargetGroup",
        harmless: "HealthCheckEnabled HealthCheckIntervalSeconds HealthCheckPath HealthCheckPort \
            HealthCheckProtocol HealthCheckTimeoutSeconds HealthyThresholdCount IpAddressType \
            Matcher{GrpcCode HttpCode} Name Port Protocol ProtocolVersion Tags* \
            TargetControlPort TargetGroupAttributes{Key Value} TargetType \
            Targets{AvailabilityZone Port QuicServerId} UnhealthyThresholdCount",
        own: "VpcId",
        judged: "Targets{Id:target}",
        stops: "",
    },
    Admitted {
        kind: "AWS::IAM::InstanceProfile",
        harmless: "InstanceProfileName Path",
        own: "Roles",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::IAM::ManagedPolicy",
        harmless: "Description ManagedPolicyName Path",
        own: "Groups Roles Users",
        judged: "PolicyDocument:policy",
        stops: "",
    },
    Admitted {
        kind: "AWS::IAM::Policy",
        harmless: "PolicyName",
        own: "Groups Roles Users",
        judged: "PolicyDocument:policy",
        stops: "",
    },
    Admitted {
        kind: "AWS::IAM::Role",
        harmless: "Description ManagedPolicyArns MaxSessionDuration Path PermissionsBoundary \
            Policies{PolicyName} RoleName Tags*",
        own: "",
        judged: "AssumeRolePolicyDocument:policy Policies{PolicyDocument:policy}",
        stops: "",
    },
    Admitted {
        kind: "AWS::IAM::RolePolicy",
        harmless: "PolicyName",
        own: "RoleName",
        judged: "PolicyDocument:policy",
        stops: "",
    },
    Admitted {
        kind: "AWS::IAM::ServiceLinkedRole",
        harmless: "AWSServiceName CustomSuffix Description",
        own: "",
        judged: "",
        stops: "",
    },
    Admitted { kind: "AWS::KMS::Alias", harmless: "AliasName", own: "TargetKeyId", judged: "", stops: "" },
    Admitted {
        kind: "AWS::KMS::Key",
        harmless: "Description EnableKeyRotation Enabled KeySpec KeyUsage MultiRegion Origin \
            PendingWindowInDays RotationPeriodInDays Tags*",
        own: "",
        judged: "BypassPolicyLockoutSafetyCheck:value KeyPolicy:policy",
        stops: "",
    },
    Admitted {
        kind: "AWS::Lambda::Alias",
        harmless: "Description FunctionVersion Name \
            ProvisionedConcurrencyConfig{ProvisionedConcurrentExecutions} \
            RoutingConfig{AdditionalVersionWeights{FunctionVersion FunctionWeight}}",
        own: "FunctionName",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::Lambda::Function",
        harmless: "Architectures Code{ImageUri S3Bucket S3Key S3ObjectStorageMode S3ObjectVersion \
            SourceKMSKeyArn ZipFile} Description Environment{Variables} EphemeralStorage{Size} \
            FileSystemConfigs{LocalMountPath} FunctionName \
            FunctionScalingConfig{MaxExecutionEnvironments MinExecutionEnvironments} Handler \
            ImageConfig{Command EntryPoint WorkingDirectory} KmsKeyArn Layers \
            LoggingConfig{ApplicationLogLevel LogFormat SystemLogLevel} MemorySize PackageType \
            PublishToLatestPublished RecursiveLoop ReservedConcurrentExecutions Runtime \
            RuntimeManagementConfig{UpdateRuntimeOn} SnapStart{ApplyOn} Tags* Timeout \
            TracingConfig{Mode} VpcConfig{Ipv6AllowedForDualStack}",
        own: "DeadLetterConfig{TargetArn} FileSystemConfigs{Arn} LoggingConfig{LogGroup} Role \
            VpcConfig{SecurityGroupIds SubnetIds}",
        judged: "",
        stops: "CapacityProviderConfig* CodeSigningConfigArn DurableConfig* \
            FileSystemConfigs{S3FilesConfig*} RuntimeManagementConfig{RuntimeVersionArn} \
            TenancyConfig*",
    },
    Admitted {
        kind: "AWS::Lambda::Version",
        harmless: "CodeSha256 Description FunctionScalingConfig{MaxExecutionEnvironments \
            MinExecutionEnvironments} \
            ProvisionedConcurrencyConfig{ProvisionedConcurrentExecutions} \
            RuntimePolicy{UpdateRuntimeOn}",
        own: "FunctionName",
        judged: "",
        stops: "RuntimePolicy{RuntimeVersionArn}",
    },
    Admitted {
        kind: "AWS::Logs::LogGroup",
        harmless: "KmsKeyId LogGroupClass LogGroupName RetentionInDays Tags*",
        own: "",
        judged: "DeletionProtectionEnabled:value ResourcePolicyDocument:policy",
        stops: "BearerTokenAuthenticationEnabled DataProtectionPolicy FieldIndexPolicies",
    },
    Admitted {
        kind: "AWS::Logs::LogStream",
        harmless: "LogStreamName",
        own: "LogGroupName",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::Logs::MetricFilter",
        harmless: "ApplyOnTransformedLogs EmitSystemFieldDimensions FieldSelectionCriteria FilterName \
            FilterPattern MetricTransformations{DefaultValue Dimensions{Key Value} MetricName \
            MetricNamespace MetricValue Unit}",
        own: "LogGroupName",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::Neptune::DBCluster",
        harmless: "AvailabilityZones BackupRetentionPeriod CopyTagsToSnapshot DBClusterIdentifier \
            DBClusterParameterGroupName DBInstanceParameterGroupName DBPort \
            EnableCloudwatchLogsExports EngineVersion IamAuthEnabled KmsKeyId NetworkType \
            PreferredBackupWindow PreferredMaintenanceWindow RestoreToTime RestoreType \
            ServerlessScalingConfiguration{MaxCapacity MinCapacity} SnapshotIdentifier \
            StorageEncrypted Tags* UseLatestRestorableTime",
        own: "DBSubnetGroupName VpcSecurityGroupIds",
        judged: "AssociatedRoles*:value DeletionProtection:value GlobalClusterIdentifier:value \
            SourceDBClusterIdentifier:value",
        stops: "",
    },
    Admitted {
        kind: "AWS::Neptune::DBClusterParameterGroup",
        harmless: "Description Family Name Parameters Tags*",
        own: "",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::Neptune::DBInstance",
        harmless: "AllowMajorVersionUpgrade AutoMinorVersionUpgrade AvailabilityZone DBInstanceClass \
            DBInstanceIdentifier DBParameterGroupName DBSnapshotIdentifier \
            PreferredMaintenanceWindow Tags*",
        own: "DBClusterIdentifier DBSubnetGroupName",
        judged: "PubliclyAccessible:value",
        stops: "",
    },
    Admitted {
        kind: "AWS::Neptune::DBParameterGroup",
        harmless: "Description Family Name Parameters Tags*",
        own: "",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::Neptune::DBSubnetGroup",
        harmless: "DBSubnetGroupDescription DBSubnetGroupName Tags*",
        own: "SubnetIds",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::RDS::DBCluster",
        harmless: "AllocatedStorage AutoMinorVersionUpgrade AvailabilityZones BacktrackWindow \
            BackupRetentionPeriod ClusterScalabilityType CopyTagsToSnapshot DBClusterIdentifier \
            DBClusterInstanceClass DBClusterParameterGroupName DBInstanceParameterGroupName \
            DBSystemId DatabaseInsightsMode DatabaseName EnableCloudwatchLogsExports \
            EnableGlobalWriteForwarding EnableIAMDatabaseAuthentication \
            EnableLocalWriteForwarding Engine EngineLifecycleSupport EngineMode EngineVersion \
            Iops KmsKeyId ManageMasterUserPassword MasterUserAuthenticationType \
            MasterUserPassword MasterUserSecret{KmsKeyId} MasterUsername MonitoringInterval \
            NetworkType PerformanceInsightsEnabled PerformanceInsightsKmsKeyId \
            PerformanceInsightsRetentionPeriod Port PreferredBackupWindow \
            PreferredMaintenanceWindow RestoreToTime RestoreType ScalingConfiguration{AutoPause \
            MaxCapacity MinCapacity SecondsBeforeTimeout SecondsUntilAutoPause TimeoutAction} \
            ServerlessV2ScalingConfiguration{MaxCapacity MinCapacity SecondsUntilAutoPause} \
            SnapshotIdentifier StorageEncrypted StorageType Tags* UseLatestRestorableTime",
        own: "DBSubnetGroupName MonitoringRoleArn VpcSecurityGroupIds",
        judged: "AssociatedRoles*:value DeleteAutomatedBackups:value DeletionProtection:value \
            EnableHttpEndpoint:value GlobalClusterIdentifier:value PubliclyAccessible:value \
            ReplicationSourceIdentifier:value SourceDBClusterIdentifier:value \
            SourceDbClusterResourceId:value SourceRegion:region",
        stops: "Domain DomainIAMRoleName",
    },
    Admitted {
        kind: "AWS::RDS::DBClusterParameterGroup",
        harmless: "DBClusterParameterGroupName Description Family Parameters Tags*",
        own: "",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::RDS::DBInstance",
        harmless: "AdditionalStorageVolumes{AllocatedStorage Iops MaxAllocatedStorage StorageThroughput \
            StorageType VolumeName} AllocatedStorage AllowMajorVersionUpgrade ApplyImmediately \
            AutoMinorVersionUpgrade AvailabilityZone BackupRetentionPeriod \
            CACertificateIdentifier CertificateRotationRestart CharacterSetName \
            CopyTagsToSnapshot DBClusterSnapshotIdentifier DBInstanceClass DBInstanceIdentifier \
            DBName DBParameterGroupName DBSnapshotIdentifier DBSystemId DatabaseInsightsMode \
            DedicatedLogVolume EnableCloudwatchLogsExports EnableIAMDatabaseAuthentication \
            EnablePerformanceInsights Engine EngineLifecycleSupport EngineVersion Iops KmsKeyId \
            LicenseModel ManageMasterUserPassword MasterUserAuthenticationType \
            MasterUserPassword MasterUserSecret{KmsKeyId} MasterUsername MaxAllocatedStorage \
            MonitoringInterval MultiAZ NcharCharacterSetName NetworkType OptionGroupName \
            PerformanceInsightsKMSKeyId PerformanceInsightsRetentionPeriod Port \
            PreferredBackupWindow PreferredMaintenanceWindow ProcessorFeatures{Name Value} \
            PromotionTier ReplicaMode RestoreTime StorageEncrypted StorageThroughput StorageType \
            Tags* Timezone UseDefaultProcessorFeatures UseLatestRestorableTime",
        own: "CustomIAMInstanceProfile DBClusterIdentifier DBSecurityGroups DBSubnetGroupName \
            MonitoringRoleArn VPCSecurityGroups",
        judged: "AssociatedRoles*:value AutomaticBackupReplicationKmsKeyId:value \
            AutomaticBackupReplicationRegion:value \
            AutomaticBackupReplicationRetentionPeriod:value DeleteAutomatedBackups:value \
            DeletionProtection:value PubliclyAccessible:value SourceDBClusterIdentifier:value \
            SourceDBInstanceAutomatedBackupsArn:value SourceDBInstanceIdentifier:value \
            SourceDbiResourceId:value SourceRegion:region",
        stops: "AdditionalStorageVolumes{StorageOperationPercentProgress StorageOperationStatus} \
            BackupTarget Domain DomainAuthSecretArn DomainDnsIps DomainFqdn DomainIAMRoleName \
            DomainOu TdeCredentialArn TdeCredentialPassword",
    },
    Admitted {
        kind: "AWS::RDS::DBParameterGroup",
        harmless: "DBParameterGroupName Description Family Parameters Tags*",
        own: "",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::RDS::DBSubnetGroup",
        harmless: "DBSubnetGroupDescription DBSubnetGroupName Tags*",
        own: "SubnetIds",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::RDS::OptionGroup",
        harmless: "EngineName MajorEngineVersion OptionConfigurations{OptionName OptionVersion Port} \
            OptionGroupDescription OptionGroupName Tags*",
        own: "OptionConfigurations{DBSecurityGroupMemberships VpcSecurityGroupMemberships}",
        judged: "OptionConfigurations{OptionSettings*:attribute}",
        stops: "",
    },
    Admitted {
        kind: "AWS::Route53::HostedZone",
        harmless: "HostedZoneConfig{Comment} HostedZoneTags* Name",
        own: "QueryLoggingConfig{CloudWatchLogsLogGroupArn} VPCs{VPCId}",
        judged: "VPCs{VPCRegion:region}",
        stops: "DelegationSetId HostedZoneFeatures*",
    },
    Admitted {
        kind: "AWS::Route53::RecordSet",
        harmless: "AliasTarget{DNSName EvaluateTargetHealth} Comment Failover GeoLocation{ContinentCode \
            CountryCode SubdivisionCode} MultiValueAnswer Name ResourceRecords SetIdentifier TTL \
            Type Weight",
        own: "AliasTarget{HostedZoneId} HostedZoneId",
        judged: "HostedZoneName:value Region:region",
        stops: "CidrRoutingConfig* GeoProximityLocation* HealthCheckId",
    },
    Admitted {
        kind: "AWS::S3::Bucket",
        harmless: "AbacStatus AccelerateConfiguration{AccelerationStatus} AnalyticsConfigurations{Id \
            Prefix StorageClassAnalysis{DataExport{Destination{Format Prefix} \
            OutputSchemaVersion}} TagFilters{Key Value}} \
            BucketEncryption{ServerSideEncryptionConfiguration{BlockedEncryptionTypes{EncryptionType} \
            BucketKeyEnabled ServerSideEncryptionByDefault{KMSMasterKeyID SSEAlgorithm}}} \
            BucketName BucketNamePrefix BucketNamespace \
            CorsConfiguration{CorsRules{AllowedHeaders AllowedMethods AllowedOrigins \
            ExposedHeaders Id MaxAge}} IntelligentTieringConfigurations{Id Prefix Status \
            TagFilters{Key Value} Tierings{AccessTier Days}} \
            InventoryConfigurations{Destination{Format Prefix} Enabled Id IncludedObjectVersions \
            OptionalFields Prefix ScheduleFrequency} \
            LifecycleConfiguration{Rules{AbortIncompleteMultipartUpload{DaysAfterInitiation} \
            ExpirationDate ExpirationInDays ExpiredObjectDeleteMarker Id \
            NoncurrentVersionExpiration{NewerNoncurrentVersions NoncurrentDays} \
            NoncurrentVersionExpirationInDays \
            NoncurrentVersionTransition{NewerNoncurrentVersions StorageClass TransitionInDays} \
            NoncurrentVersionTransitions{NewerNoncurrentVersions StorageClass TransitionInDays} \
            ObjectSizeGreaterThan ObjectSizeLessThan Prefix Status TagFilters{Key Value} \
            Transition{StorageClass TransitionDate TransitionInDays} Transitions{StorageClass \
            TransitionDate TransitionInDays}} TransitionDefaultMinimumObjectSize} \
            LoggingConfiguration{LogFilePrefix \
            TargetObjectKeyFormat{PartitionedPrefix{PartitionDateSource} SimplePrefix}} \
            MetricsConfigurations{Id Prefix TagFilters{Key Value}} \
            NotificationConfiguration{LambdaConfigurations{Event Filter{S3Key{Rules{Name \
            Value}}}} QueueConfigurations{Event Filter{S3Key{Rules{Name Value}}}} \
            TopicConfigurations{Event Filter{S3Key{Rules{Name Value}}}}} \
            ObjectLockConfiguration{Rule{DefaultRetention{Days DefaultEventHold{Days Years} Mode \
            Years}}} OwnershipControls{Rules{ObjectOwnership}} Tags* \
            VersioningConfiguration{Status} WebsiteConfiguration{ErrorDocument IndexDocument \
            RedirectAllRequestsTo{HostName Protocol} RoutingRules{RedirectRule{HostName \
            HttpRedirectCode Protocol ReplaceKeyPrefixWith ReplaceKeyWith} \
            RoutingRuleCondition{HttpErrorCodeReturnedEquals KeyPrefixEquals}}}",
        own: "AnalyticsConfigurations{StorageClassAnalysis{DataExport{Destination{BucketArn}}}} \
            InventoryConfigurations{Destination{BucketArn}} \
            LoggingConfiguration{DestinationBucketName} \
            NotificationConfiguration{LambdaConfigurations{Function} QueueConfigurations{Queue} \
            TopicConfigurations{Topic}}",
        judged: "AccessControl:value ObjectLockConfiguration{ObjectLockEnabled:value} \
            ObjectLockEnabled:value PublicAccessBlockConfiguration{BlockPublicAcls:value \
            BlockPublicPolicy:value IgnorePublicAcls:value RestrictPublicBuckets:value} \
            ReplicationConfiguration*:value \
            AnalyticsConfigurations{StorageClassAnalysis{DataExport{Destination{BucketAccountId:account}}}} \
            InventoryConfigurations{Destination{BucketAccountId:account}}",
        stops: "MetadataConfiguration* MetadataTableConfiguration* \
            MetricsConfigurations{AccessPointArn} \
            NotificationConfiguration{EventBridgeConfiguration*}",
    },
    Admitted {
        kind: "AWS::S3::BucketPolicy",
        harmless: "",
        own: "Bucket",
        judged: "PolicyDocument:policy",
        stops: "",
    },
    Admitted {
        kind: "AWS::SNS::Subscription",
        harmless: "DeliveryPolicy FilterPolicy FilterPolicyScope RawMessageDelivery RedrivePolicy",
        own: "Endpoint SubscriptionRoleArn TopicArn",
        judged: "Protocol:value Region:region",
        stops: "ReplayPolicy",
    },
    Admitted {
        kind: "AWS::SNS::Topic",
        harmless: "ContentBasedDeduplication DeliveryStatusLogging{SuccessFeedbackSampleRate} \
            DisplayName FifoThroughputScope FifoTopic KmsMasterKeyId MaximumMessageSize \
            SignatureVersion Tags* TopicName TracingConfig",
        own: "DeliveryStatusLogging{FailureFeedbackRoleArn SuccessFeedbackRoleArn} \
            Subscription{Endpoint}",
        judged: "DeliveryStatusLogging{Protocol:value} Subscription{Protocol:value}",
        stops: "ArchivePolicy DataProtectionPolicy",
    },
    Admitted {
        kind: "AWS::SNS::TopicInlinePolicy",
        harmless: "",
        own: "TopicArn",
        judged: "PolicyDocument:policy",
        stops: "",
    },
    Admitted {
        kind: "AWS::SNS::TopicPolicy",
        harmless: "",
        own: "Topics",
        judged: "PolicyDocument:policy",
        stops: "",
    },
    Admitted {
        kind: "AWS::SQS::Queue",
        harmless: "ContentBasedDeduplication DeduplicationScope DelaySeconds FifoQueue \
            FifoThroughputLimit KmsDataKeyReusePeriodSeconds KmsMasterKeyId MaximumMessageSize \
            MessageRetentionPeriod QueueName ReceiveMessageWaitTimeSeconds RedriveAllowPolicy \
            RedrivePolicy{maxReceiveCount} SqsManagedSseEnabled Tags* VisibilityTimeout",
        own: "RedrivePolicy{deadLetterTargetArn}",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::SQS::QueueInlinePolicy",
        harmless: "",
        own: "Queue",
        judged: "PolicyDocument:policy",
        stops: "",
    },
    Admitted {
        kind: "AWS::SQS::QueuePolicy",
        harmless: "",
        own: "Queues",
        judged: "PolicyDocument:policy",
        stops: "",
    },
    Admitted {
        kind: "AWS::SSM::Parameter",
        harmless: "AllowedPattern DataType Description Name Policies Tags Tier Type Value",
        own: "",
        judged: "",
        stops: "",
    },
    Admitted {
        kind: "AWS::SecretsManager::ResourcePolicy",
        harmless: "",
        own: "SecretId",
        judged: "BlockPublicPolicy:value ResourcePolicy:policy",
        stops: "",
    },
    Admitted {
        kind: "AWS::SecretsManager::Secret",
        harmless: "Description GenerateSecretString{ExcludeCharacters ExcludeLowercase ExcludeNumbers \
            ExcludePunctuation ExcludeUppercase GenerateStringKey IncludeSpace PasswordLength \
            RequireEachIncludedType SecretStringTemplate} KmsKeyId Name SecretString Tags* Type",
        own: "",
        judged: "ReplicaRegions*:value",
        stops: "",
    },
    Admitted {
        kind: "AWS::SecretsManager::SecretTargetAttachment",
        harmless: "TargetType",
        own: "SecretId TargetId",
        judged: "",
        stops: "",
    },
];
