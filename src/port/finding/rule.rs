//! The registry of findings. It holds every rule with its explanation.
//!
//! The crate `template` describes the rules for inspecting a CloudFormation template.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error as _};
use strum::{IntoStaticStr, VariantArray};

use super::of_estates as of;
use base::explanation::{Explanation, Text, Topic};
use base::severity::Severity::{self, High, Low, Medium};

/// The rule of a finding. Journals and reports hold its name.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Rule {
    SandboxOpen,
    SandboxPublicAddress,
    SandboxRole,
    SandboxDataShared,
    SandboxBucketOpen,
    IsolationUnknown,
    SandboxWayIn,
    SandboxPrivateZone,
    SandboxNetworkAcl,
    SandboxResolverOpened,
    SandboxOccupied,
    DataFromAfterT0,
    DataNewerThanItsSource,
    NewerPointNeedsCopy,
    RestoredWithout,
    LagUnknown,
    ObjectsAfterT0,
    RestoredInPart,
    StoresApart,
    WorstCaseMisses,
    NoObjective,
    RecoveryPointsUnseen,
    ObjectsSampled,
    AccountOutOfReach,
    ProductionUnseen,
    Preflight,
    SandboxSharesAccount,
    SandboxResolvesNames,
    ZonesNotChecked,
    Template,
    StackLeaves,
    RunResumed,
    BackgroundEnded,
    CreationAbandoned,
    TeardownBlind,
    Assumed,
    ProbeWithoutValue,
    CheckProvesLittle,
    Namesake,
    NameNotAnswered,
    DependsOnWhatIsLost,
    CallsProduction,
    ReachesTheWorld,
    VariableNotSet,
    SecretNotReadAgain,
    SecretTooShort,
    NoBackup,
    BackupsInOneAccount,
    BackupsInOneRegion,
    BackupsUnlocked,
    KeyLostWithData,
    PointsTooSparse,
    CopiesTooLate,
    InOneZone,
    NewestPointNotClean,
    StepNeedsLostPlane,
    Headroom,
    QuotaTooLow,
    ExistsOnlyHere,
    NamesLostPlace,
    DataFarFromApplication,
    DnsTtlTooLong,
    AccessKeyOld,
    RootAccessKey,
    InNoStack,
    OneProvider,
    EstateIncomplete,
    StackDrifted,
    QuotaBelowLost,
    RestoredWithDefaults,
    RestoredInOneZone,
    DrillOverdue,
    RestoredOutside,
    RestoreUnproved,
    PointInfected,
    PointInColdStorage,
    VaultPolicyUnclear,
    NotRecovered,
    ObjectiveMissed,
}

impl Rule {
    /// Every variant, in the order of the definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    pub fn id(self) -> &'static str {
        self.into()
    }

    /// The severity. If the rule has several, the gravest.
    pub fn severity(self) -> Severity {
        self.explanation().severities.first().copied().unwrap_or(High)
    }

    pub fn topic(self) -> Topic {
        self.explanation().topic
    }

    pub fn explanation(self) -> Explanation {
        let explain = |topic, severities: &'static [Severity], text| {
            Explanation::new(self.id(), topic, severities, text)
        };
        let of_estate = |(severities, text): of::Told| {
            explain(Topic::Estate, severities, text).switch_off(of::IGNORE).page("plan.md#findings")
        };
        match self {
            Self::SandboxOpen => explain(
                Topic::Isolation,
                &[High],
                Text {
                    title: "The sandbox's network is open",
                    meaning: "Traffic can leave the sandbox or come in. The finding names the way: \
                              a route; an internet, NAT, egress-only, VPN or transit gateway; a \
                              peering; a VPC endpoint; a network interface that AWS manages; a \
                              function of AWS Lambda that is not the run's probe; or a rule of a \
                              security group that names something outside the VPC. The rule also \
                              covers an instance, a database or the probe of the run in a network \
                              that is not the run's.",
                    reason: "The sandbox holds production's data. Through an open way the data can \
                             leave. What was restored can also reach production and change it: it \
                             runs with production's configuration.",
                    remedy: "Find out who or what opened the way: a step, a template, or \
                             automation of the account. CloudTrail has the call. Prevent it in the \
                             sandbox's account.",
                },
            )
            .page("aws.md#isolation"),
            Self::SandboxPublicAddress => explain(
                Topic::Isolation,
                &[High],
                Text {
                    title: "Something in the sandbox has a public address",
                    meaning: "A network interface has a public address, an Elastic IP of the run \
                              is associated, a subnet gives new instances public addresses, or a \
                              database is publicly accessible.",
                    reason: "A public address is one half of a way in from the internet. One route \
                             more is enough to open it.",
                    remedy: "Restore without a public address, and leave Elastic IPs unassociated. \
                             Let a probe ask checks from inside (`sandbox.probe`), or send them \
                             through a tunnel (`--connect-to`).",
                },
            )
            .page("probe.md"),
            Self::SandboxRole => explain(
                Topic::Isolation,
                &[High],
                Text {
                    title: "Something in the sandbox has a role",
                    meaning: "An instance has an instance profile, or a database has an IAM role. \
                              Drillmaster starts instances without a role, so something else \
                              attached it.",
                    reason: "A restored machine runs production's programs. With a role they can \
                             call AWS: send mail, write to queues, change production.",
                    remedy: "Find out who or what attached the role. CloudTrail has the call. \
                             Prevent it in the sandbox's account.",
                },
            )
            .page("aws.md#isolation"),
            Self::SandboxDataShared => explain(
                Topic::Isolation,
                &[High],
                Text {
                    title: "A snapshot or image of the run is shared",
                    meaning: "A snapshot or a machine image that the run made is public, or is \
                              shared with another account or organization.",
                    reason: "The copy holds production's data. Whoever it is shared with can read \
                             all of it.",
                    remedy: "Take the share back. Then find out who or what made it. CloudTrail \
                             has the call.",
                },
            )
            .source(
                "Amazon EBS User Guide, \"Share an Amazon EBS snapshot with other AWS \
                     accounts\"",
            )
            .page("aws.md#isolation"),
            Self::SandboxBucketOpen => explain(
                Topic::Isolation,
                &[High],
                Text {
                    title: "A bucket of the run is open to others",
                    meaning: "A bucket that the run made lacks a part of the public access block, \
                              or has a policy that lets in anybody besides the sandbox's account. \
                              A policy that cannot be understood counts as open.",
                    reason: "The bucket holds copies of production's objects.",
                    remedy: "Close the bucket. Then find out who or what opened it. CloudTrail has \
                             the call.",
                },
            )
            .source("Amazon S3 User Guide, \"Blocking public access to your Amazon S3 storage\"")
            .page("aws.md#isolation"),
            Self::IsolationUnknown => explain(
                Topic::Isolation,
                &[High],
                Text {
                    title: "A part of the sandbox could not be looked at",
                    meaning: "A look could not read something: a call was denied, got no answer \
                              within ten minutes, or failed again and again. Or the last look, \
                              before the verdict, did not take place.",
                    reason: "Unknown is not closed. A drill passes only if the sandbox was seen to \
                             be closed.",
                    remedy: "Allow the sandbox's role the calls that the finding names. They only \
                             read. `drillmaster iam-policy` prints all of them. If the last look \
                             did not take place, run the drill again.",
                },
            )
            .page("aws.md#permissions"),
            Self::SandboxWayIn => explain(
                Topic::Isolation,
                &[Medium],
                Text {
                    title: "An EC2 Instance Connect Endpoint is in the sandbox",
                    meaning: "The sandbox's VPC has an EC2 Instance Connect Endpoint. Whoever IAM \
                              allows to use it can connect to what was restored. Nothing in the \
                              sandbox can connect to anything through it.",
                    reason: "The endpoint lets people reach production's data. It does not let the \
                             data out by itself, so the drill goes on.",
                    remedy: "Allow `ec2-instance-connect:OpenTunnel` to as few as possible. Delete \
                             the endpoint in a last step.",
                },
            )
            .switch_off("If checks go through the endpoint, the finding is expected, and stays.")
            .source("Amazon EC2 User Guide, \"Connect to your instances using a private IP address and EC2 Instance Connect Endpoint\"")
            .page("aws.md#checks-and-tunnels"),
            Self::SandboxPrivateZone => explain(
                Topic::Isolation,
                &[Medium],
                Text {
                    title: "Names of a private zone resolve in the sandbox",
                    meaning: "A private hosted zone of Route 53 is associated with the sandbox's \
                              VPC. Names give no way out, so the drill goes on.",
                    reason: "What was restored looks for its neighbours by the names in its \
                             configuration. In this zone it finds production's addresses under \
                             these names.",
                    remedy: "Associate no zone with the sandbox, or one whose names lead to what \
                             was restored.",
                },
            )
            .source("Amazon Route 53 Developer Guide, \"Working with private hosted zones\"")
            .page("aws.md#isolation"),
            Self::SandboxNetworkAcl => explain(
                Topic::Isolation,
                &[Low],
                Text {
                    title: "A network ACL replaces the default one",
                    meaning: "A subnet of the sandbox has a network ACL that is not the VPC's \
                              default one. An ACL can only take away from what routes and security \
                              groups let through.",
                    reason: "Something changed the sandbox. The ACL may also block traffic between \
                             the restored resources, and make checks fail.",
                    remedy: "Find out who or what put the ACL there. CloudTrail has the call.",
                },
            )
            .source(
                "Amazon VPC User Guide, \"Control subnet traffic with network access control \
                     lists\"",
            )
            .page("aws.md#isolation"),
            Self::SandboxResolverOpened => explain(
                Topic::Isolation,
                &[High],
                Text {
                    title: "The sandbox's closed resolver was opened",
                    meaning: "The playbook has the sandbox's resolver closed by a DNS Firewall. \
                              Somebody took the firewall off the VPC, let it fail open, removed \
                              its last rule, or added a rule that lets other names through.",
                    reason: "A name that is looked up leaves the sandbox. It can carry data out, \
                             and its answer can lead to production.",
                    remedy: "Find out who or what changed the firewall. CloudTrail has the call.",
                },
            )
            .source(
                "Amazon Route 53 Developer Guide, \"Using DNS Firewall to filter outbound DNS \
                     traffic\"",
            )
            .page("aws.md#the-resolver"),
            Self::SandboxOccupied => explain(
                Topic::Isolation,
                &[High],
                Text {
                    title: "Something is in a standing sandbox that should be empty",
                    meaning: "Before a drill uses a standing sandbox, nothing but the probe may \
                              have a network interface in it. Something has.",
                    reason: "What is there could answer checks in place of what the drill \
                             restores, or reach it.",
                    remedy: "Find out whose it is: the name and the tags of the interface tell. \
                             `drillmaster sweep` lists what drills have left. Remove it, or make \
                             the sandbox anew.",
                },
            )
            .page("aws.md#a-standing-sandbox"),
            Self::RestoredOutside => explain(
                Topic::Isolation,
                &[High],
                Text {
                    title: "AWS Backup restored something outside the sandbox",
                    meaning: "A restore job of the drill has completed, and what it made lies in \
                              another account, region or network than the sandbox, has another \
                              name, or existed before the job.",
                    reason: "Restored production data stands where other systems can reach it, or \
                             where it can reach them. The drill has failed.",
                    remedy: "Look at the resource at once. Teardown deletes it only if it is \
                             proved to be made by a job of this run. CloudTrail tells whether \
                             something else changed it.",
                },
            )
            .source("AWS Backup developer guide, \"Restoring a backup\"")
            .page("actions.md#backuprestore"),
            Self::RestoreUnproved => explain(
                Topic::Data,
                &[Medium],
                Text {
                    title: "A restore of objects completed, and nothing shows that it is whole",
                    meaning: "AWS Backup completes a restore job for S3 also when some objects \
                              failed. The step has seen objects in the bucket. How many the \
                              recovery point holds, the job does not say.",
                    reason: "A part of the data may be missing, although the step has succeeded.",
                    remedy: "Compare the bucket with a manifest in a step `s3.verify`, or let a \
                             check count its objects.",
                },
            )
            .source("AWS Backup developer guide, \"Restoring S3 data\"")
            .page("actions.md#backuprestore"),
            Self::PointInfected => explain(
                Topic::Data,
                &[High],
                Text {
                    title: "A step restored a recovery point in which malware was found",
                    meaning: "A step names a recovery point by its id, and a malware scan has found \
                              something in it. `point: latest` leaves such points out.",
                    reason: "What was restored may be encrypted, or may attack what runs beside it. A \
                             recovery from it is no recovery.",
                    remedy: "Restore the newest clean point. Name an infected one only to look into it.",
                },
            )
            .source("AWS Backup API reference, `AggregatedScanResult`")
            .page("playbooks.md#recovery-points"),
            Self::PointInColdStorage => explain(
                Topic::Data,
                &[Medium],
                Text {
                    title: "A step restored a recovery point from cold storage",
                    meaning: "The lifecycle of the recovery point has moved it to cold storage. AWS \
                              Backup takes it out before the restore: up to 72 hours for volumes, about \
                              four hours for file systems and tables. On the twin the restore takes as \
                              much longer.",
                    reason: "The hours count in the RTO. That the newest point is cold means that no \
                             warm one is left, or that the step names an old one.",
                    remedy: "Keep points in warm storage for as long as the objectives need them. Or \
                             name a warm point.",
                },
            )
            .source("AWS Backup developer guide, \"Restoring a backup\"; Amazon EBS User Guide, \"Considerations and limitations for archiving Amazon EBS snapshots\"")
            .page("playbooks.md#recovery-points"),
            Self::VaultPolicyUnclear => explain(
                Topic::Data,
                &[Low],
                Text {
                    title: "Whether the vault's policy allows the restore or the copy is unknown",
                    meaning: "The access policy of the vault denies restores or copies to some \
                              principals or under conditions, or it could not be read. Only its owner \
                              can read the policy of a shared vault. Or it is not known whether AWS \
                              manages the key of a point that is copied to another account. A policy \
                              that denies it to everybody is told otherwise: its points are not used.",
                    reason: "The restore or the copy may be refused on the day. The vault of EFS's \
                             automatic backups denies both until its policy is changed.",
                    remedy: "Look at the policy. Allow the drill what `drillmaster iam-policy` prints, \
                             such as `backup:GetBackupVaultAccessPolicy` and `kms:ListAliases`.",
                },
            )
            .page("aws.md#permissions"),
            Self::DataFromAfterT0 => explain(
                Topic::Data,
                &[High],
                Text {
                    title: "A step restored data from after T0",
                    meaning: "A step asked for data from after T0, the instant of the disaster: by \
                              `as_of`, a time, or the id of a recovery point.",
                    reason: "In a real disaster the point would not exist. So its age is unknown, \
                             and an unknown RPO meets no objective.",
                    remedy: "Restore from a point that was complete at T0: write `point: latest`, \
                             or a time before T0.",
                },
            )
            .page("playbooks.md#recovery-points"),
            Self::DataNewerThanItsSource => explain(
                Topic::Data,
                &[High],
                Text {
                    title: "The restored data claim to be newer than their recovery point",
                    meaning: "A check with `measures: rpo` read a timestamp that is newer than the \
                              recovery point that was restored.",
                    reason: "Something wrote the timestamp after the restore: a program in the \
                             sandbox, or the check itself. It tells nothing about production's \
                             data. It is not counted, and the age of the recovery point counts \
                             instead.",
                    remedy: "Let the query read a timestamp that only production writes.",
                },
            )
            .example(
                "yaml checks",
                "  - id: newest-order
    workload: orders
    measures: rpo
    sql:
      url: \"postgres://drill@{{ steps.db.endpoint }}/orders\"
      query: select max(updated_at) from orders
",
            )
            .page("checks.md#rpo-from-the-data"),
            Self::NewerPointNeedsCopy => explain(
                Topic::Data,
                &[Medium],
                Text {
                    title: "A newer recovery point survives, and needs a copy first",
                    meaning: "The step restored an older recovery point. A newer one survives the \
                              loss, or one of unknown age that may be newer. It is in another \
                              region, or is not shared with the sandbox's account, so the step \
                              could not restore it as it is.",
                    reason: "The workload lost more data than it had to. With a copy its RPO is \
                             better. The copy takes time, which counts in its RTO.",
                    remedy: "Copy the point to the recovery region before a disaster, and share it \
                             with the sandbox's account. Or copy it in a step of the playbook.",
                },
            )
            .example(
                "yaml steps",
                "  - id: copy
    uses: rds.copy_snapshot
    with: { from: { db: orders } }
  - id: db-from-copy
    uses: rds.restore
    with: { from: { snapshot: \"{{ steps.copy.snapshot_id }}\" } }
",
            )
            .page("aws.md#sharing-and-keys"),
            Self::RestoredWithout => explain(
                Topic::Data,
                &[Medium],
                Text {
                    title: "A table was restored without settings that production may have",
                    meaning: "A step restored a DynamoDB table. AWS does not restore its time to \
                              live, its stream, point-in-time recovery and auto scaling. The \
                              playbook does not say whether production has them.",
                    reason: "An application that reads the stream stands still. Without a time to \
                             live, old items stay. Without point-in-time recovery, the recovered \
                             table is unprotected. Without auto scaling, it may be throttled.",
                    remedy: "Set `ttl`, `stream` and `pitr` in the step as production has them. \
                             Write `none`, or `pitr: false`, for what production lacks. No action \
                             sets auto scaling: let a stack do that, and write `scaling: none`.",
                },
            )
            .source("Amazon DynamoDB Developer Guide, \"Restoring a table from a backup\"")
            .page("actions.md#dynamodbrestore"),
            Self::LagUnknown => explain(
                Topic::Data,
                &[Medium],
                Text {
                    title: "It is unknown how far a replica lagged behind",
                    meaning: "A step restored a bucket from its replica or from another copy. S3's \
                              API does not report how far the copy lagged behind the original at \
                              T0. Only replication metrics in CloudWatch do, and Drillmaster does \
                              not read them.",
                    reason: "The age of the data is unknown. So is the RPO, and an unknown RPO \
                             meets no objective.",
                    remedy: "Add a check with `measures: rpo` that returns the newest timestamp in \
                             the restored data.",
                },
            )
            .source("Amazon S3 User Guide, \"Using S3 Replication metrics\"")
            .page("aws.md#how-old-copies-are"),
            Self::ObjectsAfterT0 => explain(
                Topic::Data,
                &[Medium],
                Text {
                    title: "Objects were written after T0 and left out",
                    meaning: "The bucket that a step restored from holds objects that were written \
                              after T0. The step left them out. If one of them replaced an older \
                              object, a bucket without versions no longer has the older one.",
                    reason: "At T0 these objects may have existed in an older state, which is \
                             missing from what was restored.",
                    remedy: "Enable versioning for the bucket that is restored from. Then the step \
                             restores each object as it was at T0.",
                },
            )
            .source(
                "Amazon S3 User Guide, \"Retaining multiple versions of objects with S3 \
                     Versioning\"",
            )
            .page("actions.md#s3restore"),
            Self::RestoredInPart => explain(
                Topic::Data,
                &[Medium],
                Text {
                    title: "Only a part of a bucket was restored",
                    meaning: "A step `s3.restore` has a `prefix`. It restored only the objects \
                              whose keys begin with it.",
                    reason: "The drill did not show that the rest of the bucket can be restored. \
                             The bucket counts as not covered, and a workload that lists it is \
                             incomplete.",
                    remedy: "Remove `prefix`. Or list as a resource of the workload only what has \
                             to come back.",
                },
            )
            .page("actions.md#s3restore"),
            Self::StoresApart => explain(
                Topic::Data,
                &[Medium],
                Text {
                    title: "The stores of a workload were restored to instants far apart",
                    meaning: "The ages of the restored data stores of one workload differ by more \
                              than an hour, and the workload has no objective for `consistency`.",
                    reason: "Together the stores are a state that the application never had. An \
                             order in the one may be unknown in the other.",
                    remedy: "Restore all stores of the workload to the same instant. Or say under \
                             `objectives` how far apart they may be. The drill then fails if they \
                             are further apart, and the finding goes.",
                },
            )
            .example("yaml", "objectives: { rto: 1h, rpo: 15m, consistency: 5m }\n")
            .page("playbooks.md#consistency"),
            Self::WorstCaseMisses => explain(
                Topic::Data,
                &[Medium],
                Text {
                    title: "At another instant more data would have been lost than allowed",
                    meaning: "The worst case of the workload's RPO is beyond its objective. It is \
                              the most that a disaster at any instant of the look-back window (30 \
                              days) would have lost with the recovery points that there were.",
                    reason: "A drill has one T0, and a disaster chooses its own. Shortly before \
                             the next recovery point the newest one is oldest.",
                    remedy: "Make recovery points more often than the objective, and have copies \
                             complete sooner. Or use point-in-time recovery or replication.",
                },
            )
            .page("playbooks.md#recovery-points"),
            Self::NoObjective => explain(
                Topic::SetUp,
                &[Medium],
                Text {
                    title: "A workload has no objective",
                    meaning: "Neither the workload nor the playbook sets `rto`, `rpo` or \
                              `consistency`. The status of its figures is `none`.",
                    reason: "The drill shows that the workload came back. It does not show that \
                             this was soon enough, or that little enough was lost.",
                    remedy: "Set `objectives` for the workload, or for all workloads at the top of \
                             the playbook.",
                },
            )
            .example("yaml", "objectives: { rto: 1h, rpo: 15m }\n")
            .page("playbooks.md#workloads"),
            Self::RecoveryPointsUnseen => explain(
                Topic::Data,
                &[Medium],
                Text {
                    title: "Recovery points could not be listed somewhere",
                    meaning: "A call that lists recovery points failed in an account and region. \
                              The finding has the error.",
                    reason: "A newer recovery point may exist there. The drill restores from what \
                             it saw, so its RPO may be worse than necessary. A step that finds \
                             nothing to restore fails.",
                    remedy: "Give the drill credentials that may read there. `drillmaster \
                             iam-policy` prints the permissions.",
                },
            )
            .page("aws.md#permissions"),
            Self::ObjectsSampled => explain(
                Topic::Data,
                &[Medium, Low],
                Text {
                    title: "Only some objects of a bucket were looked at",
                    meaning: "Before a bucket is restored, Drillmaster reads the storage classes on \
                              the first page of its listing, and asks up to 20 of these objects for \
                              the key that encrypts them. The finding says how many of how many. \
                              Medium: some could not be read, or some are archived.",
                    reason: "Objects of a one-zone class are lost with their zone. Objects under a \
                             key of a lost account or region cannot be read. If the sample has one, \
                             the bucket is not used. If it has none, the rest may still have one. \
                             Archived objects can be copied only after S3 has restored them.",
                    remedy: "Keep all objects of a backup under one key that survives, and in a \
                             storage class with several zones. Let the drill's role list the bucket \
                             and read its objects.",
                },
            )
            .source("S3 user guide, \"Understanding and managing Amazon S3 storage classes\""),
            Self::ProductionUnseen => explain(
                Topic::Data,
                &[Medium],
                Text {
                    title: "What the workloads list could not be looked up",
                    meaning: "The playbook names no estate. So Drillmaster asks the accounts of the \
                              playbook for the resources that its workloads list, before T0. An \
                              account, a region or a type of resource could not be asked, or a \
                              resource was found nowhere that was asked.",
                    reason: "A resource that does not exist, or that is not lost, makes the drill \
                             smaller than it looks. Here nobody could tell.",
                    remedy: "Name production's account under `accounts`, with credentials that may \
                             read there. `drillmaster iam-policy` prints the permissions. Or name \
                             an `estate`, which says what production consists of.",
                },
            )
            .page("aws.md#what-workloads-list"),
            Self::AccountOutOfReach => explain(
                Topic::Data,
                &[Medium],
                Text {
                    title: "An account could not be reached",
                    meaning: "Drillmaster could not call AWS in an account of the playbook: \
                              `sts:GetCallerIdentity` or preflight failed there. It is not the \
                              sandbox's account: without that one there is no drill.",
                    reason: "Recovery points of the account were not seen. A real recovery would \
                             miss them too if it depends on the same credentials.",
                    remedy: "Correct the account's `profile` or `role` in the playbook, and the \
                             trust policy of the role.",
                },
            )
            .page("aws.md#credentials"),
            Self::Preflight => explain(
                Topic::SetUp,
                &[High, Medium, Low],
                Text {
                    title: "A permission or a quota is missing, or could not be proved",
                    meaning: "High: a call would be refused, a quota is too small, or the region \
                              does not offer an instance type. The drill ends before T0 (exit code \
                              3). Medium: a permission could not be proved; the real call may be \
                              allowed. Low: a quota could not be read.",
                    reason: "A permission that is missing would fail the recovery in the middle. \
                             It would fail a real one too.",
                    remedy: "Allow the call that the finding names: `drillmaster iam-policy` \
                             prints all that the playbook needs. Raise the quota, or restore less \
                             at once.",
                },
            )
            .switch_off(
                "At severity medium the finding may stay for credentials that Drillmaster cannot have \
                 simulated, such as those of a root user or of AWS IAM Identity Center.",
            )
            .source("IAM User Guide, \"IAM policy testing with the IAM policy simulator\"")
            .page("aws.md#permissions"),
            Self::SandboxSharesAccount => explain(
                Topic::SetUp,
                &[Medium],
                Text {
                    title: "The sandbox is in an account that holds production",
                    meaning: "The estate has resources of production in the sandbox's account.",
                    reason: "The drill's credentials work in production's account. One mistake, or \
                             one stolen key, reaches both.",
                    remedy: "Restore into an account of its own. Share the recovery points with \
                             it. Point-in-time recovery of RDS does not work across accounts.",
                },
            )
            .switch_off(
                "If the recovery points bind the drill to production's account, the \
                         finding stays.",
            )
            .source("AWS Whitepaper, \"Organizing Your AWS Environment Using Multiple Accounts\"")
            .page("aws.md#sharing-and-keys"),
            Self::SandboxResolvesNames => explain(
                Topic::SetUp,
                &[Low],
                Text {
                    title: "The sandbox can look up public names",
                    meaning: "The resolver of every VPC asks the world's name servers. No traffic \
                              leaves the sandbox, but the names that are looked up do.",
                    reason: "A program in the sandbox can put data into the names that it looks \
                             up.",
                    remedy: "Close it with `sandbox.resolver: closed`. Then only the names of what is \
                             restored are looked up, and the report tells what was asked for.",
                },
            )
            .example("yaml", "sandbox: { resolver: closed }\n")
            .switch_off("Without a probe an open resolver is the default.")
            .source(
                "Amazon Route 53 Developer Guide, \"Using DNS Firewall to filter outbound DNS \
                 traffic\"",
            )
            .page("playbooks.md#names-in-the-sandbox"),
            Self::ZonesNotChecked => explain(
                Topic::SetUp,
                &[Low],
                Text {
                    title: "It is unknown which zones offer what the drill launches",
                    meaning: "Drillmaster could not look up which zones offer the instance types \
                              and database classes of the playbook.",
                    reason: "The sandbox may be in a zone that does not offer a type. Then the \
                             step that launches it fails.",
                    remedy: "Allow `ec2:DescribeInstanceTypeOfferings` and \
                             `rds:DescribeOrderableDBInstanceOptions`, or name the zones in the \
                             playbook.",
                },
            )
            .example("yaml", "sandbox:\n  network: { zones: [usw2-az1, usw2-az2] }\n")
            .page("playbooks.md#sandbox"),
            Self::Template => explain(
                Topic::Templates,
                &[Medium, Low],
                Text {
                    title: "A template was deployed with an exception",
                    meaning: "Medium: `allow` of the step let something pass that the inspection \
                              would have stopped. Low: a resource has an `UpdateReplacePolicy` \
                              that keeps it; a drill updates nothing. The message gives the place \
                              in the template.",
                    reason: "An exception weakens the proof that the sandbox is closed and will be \
                             empty. An auditor should see it.",
                    remedy: "Remove the name from `allow` once the template can do without it. \
                             Give resources that only production needs a `Condition` on a \
                             parameter. At severity low nothing has to be done.",
                },
            )
            .example(
                "yaml steps drills/account-loss.yaml",
                "  - id: stack-with-roles
    uses: cloudformation.deploy
    with: { name: orders, template: orders.stack.yaml, allow: [iam, \"AWS::Batch::JobQueue\"] }
",
            )
            .page("templates.md#exceptions"),
            Self::StackLeaves => explain(
                Topic::Templates,
                &[Medium, Low],
                Text {
                    title: "Something stays when the stack is deleted",
                    meaning: "Medium: the template makes a KMS key. CloudFormation only schedules \
                              its deletion, and AWS deletes it 7 to 30 days later. Low: a service \
                              writes logs to a group that is not part of the stack (functions of \
                              Lambda, projects of CodeBuild, exported logs of RDS).",
                    reason: "Teardown does not see these resources: they carry no tag of the run. \
                             A key costs money until it is deleted, and log groups keep what \
                             production's programs wrote.",
                    remedy: "Pass a key that exists already by a parameter. Make the log groups in \
                             the template, so that they are deleted with the stack. Or delete them \
                             after the drill.",
                },
            )
            .page("templates.md#what-a-stack-leaves"),
            Self::RunResumed => explain(
                Topic::Run,
                &[Low],
                Text {
                    title: "The run was resumed",
                    meaning: "The process that ran the drill died, and `drillmaster resume` went \
                              on with the run. The finding has the time in between.",
                    reason: "The time without a runner counts as recovery time, so RTO may be \
                             worse than it had to be. `api_calls` counts only the calls of the \
                             last process.",
                    remedy: "For figures without a gap run the drill again, on a machine that \
                             stays up.",
                },
            )
            .page("troubleshooting.md#the-runner-dies"),
            Self::CreationAbandoned => explain(
                Topic::Run,
                &[Medium],
                Text {
                    title: "A creating call was still under way at teardown",
                    meaning: "Teardown waited 15 minutes for a call that creates something, and \
                              got no answer.",
                    reason: "The resource may appear after teardown has looked for the last time. \
                             Nobody deletes it then, and it costs money.",
                    remedy: "Some minutes later look for the tag `drillmaster:run`: `drillmaster \
                             sweep` does it.",
                },
            )
            .page("troubleshooting.md#leftovers"),
            Self::TeardownBlind => explain(
                Topic::Run,
                &[Medium],
                Text {
                    title: "Teardown could not look for what the run has made",
                    meaning: "A call that lists resources by tag failed in an account and region \
                              when teardown began. Teardown goes by its own records there.",
                    reason: "A resource that is in no record may be left behind: one whose \
                             creating call got no answer.",
                    remedy: "Allow the calls that the finding names. Then look for the tag \
                             `drillmaster:run`: `drillmaster sweep` does it.",
                },
            )
            .page("troubleshooting.md#leftovers"),
            Self::Assumed => explain(
                Topic::Run,
                &[Medium],
                Text {
                    title: "The twin assumed what nobody answered",
                    meaning: "The estate does not say how the check is answered, or not all that \
                              the check expects. The twin took what nobody answered to be as \
                              expected. Of a step: the twin runs no commands and asks no person, \
                              so it took the step to succeed; or the step uses the output of such \
                              a command.",
                    reason: "The rehearsal shows nothing about it. The report counts the assumed \
                             checks and steps beside the verdict.",
                    remedy: "Let a probe of the estate answer the check: `status`, `headers` and \
                             `body` for `http`, `count` and `bytes` for `s3`, otherwise `value`. \
                             Only a drill on AWS shows that commands and people do their part.",
                },
            )
            .example("yaml", "probes:\n  web-up: { healthy_after: 20s, status: 200 }\n")
            .page("twin.md#probes"),
            Self::BackgroundEnded => explain(
                Topic::Run,
                &[Medium],
                Text {
                    title: "A background program ended before the recovery did",
                    meaning: "A `command.run` step with `background: true` left a program running, \
                              such as a tunnel. The program ended by itself, or could not be \
                              started again when the run was resumed.",
                    reason: "Checks that go through it are unhealthy, although what they ask may \
                             be well.",
                    remedy: "See what the program said last. Let it keep its connection alive, and \
                             reconnect by itself.",
                },
            )
            .page("actions.md#commandrun"),
            Self::ProbeWithoutValue => explain(
                Topic::Run,
                &[Low],
                Text {
                    title: "The twin did not judge what a check expects",
                    meaning: "The check expects a value, and the estate gives none. The twin took \
                              the check to be healthy as soon as it answered. Runs of older \
                              versions have this finding. Newer ones have `assumed`.",
                    reason: "The rehearsal shows nothing about this expectation.",
                    remedy: "Give the check a value under `probes` of the estate.",
                },
            )
            .example("yaml", "probes:\n  order-count: { value: 120000 }\n")
            .page("twin.md#probes"),
            Self::CheckProvesLittle => explain(
                Topic::Run,
                &[Medium],
                Text {
                    title: "A check proves little",
                    meaning: "A check uses no output of the steps that it needs, accepts any \
                              answer, or sends a query that names no table. Or a workload has \
                              restored data, and none of its checks reads them.",
                    reason: "Such a check can be healthy although nothing was restored, or \
                             although what was restored is empty. The recovery time then says when \
                             something answered, not when the workload was back.",
                    remedy: "Let the check ask what the step made, by an expression such as `{{ \
                             steps.db.endpoint }}`, and let one check read the data: `sql`, `s3`, \
                             a `command`, or `http` with `expect_body`.",
                },
            )
            .page("checks.md#what-a-check-proves"),
            Self::Namesake => explain(
                Topic::Run,
                &[Medium, Low],
                Text {
                    title: "A name stands for several resources",
                    meaning: "An id of the estate stands for several resources, and one of them is \
                              lost. The drill restores that one. The finding is of medium severity \
                              if recovery points of that name lie where another of them lives. Or AWS \
                              Backup has recovery points of several resources of that name, and \
                              nothing says which one is meant: then none of them is used.",
                    reason: "Recovery points name a resource by its id. One that lies where the \
                             other resource lives may hold the other one's data. Then the drill \
                             shows that the other one can be restored.",
                    remedy: "Give the other resource an id with its place, such as \
                             `rds:db/orders[region=us-west-2]`: in the estate under `resources`, \
                             and as `of` of its recovery points.",
                },
            )
            .example("yaml", "recovery_points:\n  - { of: \"rds:db/orders[region=us-west-2]\", kind: rds_snapshot, id: rds:orders-2026-03-01, account: \"111122223333\", region: us-west-2, taken: -2h }\n")
            .page("twin.md#one-name-in-several-places"),
            Self::NameNotAnswered => explain(
                Topic::Run,
                &[Medium],
                Text {
                    title: "A name of the sandbox has no answer",
                    meaning: "The playbook gives a name an answer under `sandbox.names`, and the \
                              drill could not make it, or the probe in the sandbox found no \
                              address by the name. With us-east-1 lost, a zone gets no records: \
                              Route 53's control plane lives there.",
                    reason: "What looks the name up in the sandbox does not find what was restored. \
                             On the day the same holds for the records of your own cut-over.",
                    remedy: "Let the firewall of a closed resolver answer with `names_by: \
                             firewall`, or make the record before the disaster. If an answer \
                             leads to no address, see that what it names is in the sandbox.",
                },
            )
            .example(
                "yaml",
                "sandbox:\n  resolver: closed\n  names_by: firewall\n  names: { db.orders.internal: \"{{ steps.db.address }}\" }\n",
            )
            .source("AWS Whitepaper, \"AWS Fault Isolation Boundaries\"")
            .page("playbooks.md#names-in-the-sandbox"),
            Self::DependsOnWhatIsLost => explain(
                Topic::Run,
                &[High],
                Text {
                    title: "A restored machine looked for what is lost",
                    meaning: "A restored machine looked up a name that leads to the lost region, \
                              account or zone, or to a lost resource of production.",
                    reason: "It is a dependency that the recovery does not restore. On the day \
                             nobody answers there: the workload waits, fails, or runs without a \
                             part of what it does, although its checks are healthy.",
                    remedy: "Configure the endpoint by the region that the machine runs in, restore \
                             what it depends on, or lead the name to what is restored. \
                             `sandbox.names` does that in a drill.",
                },
            )
            .example(
                "yaml",
                "sandbox:\n  names: { db.orders.internal: \"{{ steps.db.address }}\" }\n",
            )
            .page("reports.md#what-it-tried-to-reach"),
            Self::CallsProduction => explain(
                Topic::Run,
                &[Medium],
                Text {
                    title: "A restored machine looked for production",
                    meaning: "A restored machine looked up a name that production goes by and that \
                              survives the loss, or a private name that only production's network \
                              would answer.",
                    reason: "In a recovery beside a production that still runs in part, the copy \
                             would work on the original: it would write into its database, or \
                             archive its log beside that of the original.",
                    remedy: "Lead the name to what is restored, with `sandbox.names` in a drill. \
                             Turn off what a copy must not do, before it starts.",
                },
            )
            .page("reports.md#what-it-tried-to-reach"),
            Self::ReachesTheWorld => explain(
                Topic::Run,
                &[Low],
                Text {
                    title: "A restored machine looked for the world",
                    meaning: "A restored machine looked up a public name that is neither AWS's nor \
                              production's.",
                    reason: "Whatever it wanted there did not happen in the drill. In a real \
                             recovery it would: mail, payments and webhooks may go out a second \
                             time. And it may be something that the workload needs, such as a \
                             licence server.",
                    remedy: "Know what each name is for. Where a copy must not do it, turn it off.",
                },
            )
            .switch_off("A workload that needs others keeps the finding.")
            .page("reports.md#what-it-tried-to-reach"),
            Self::VariableNotSet => explain(
                Topic::Run,
                &[Low],
                Text {
                    title: "An environment variable is not set",
                    meaning: "The playbook names an environment variable that is not set. On the \
                              twin a placeholder stands for it.",
                    reason: "On AWS the drill does not begin without the variable (exit code 3).",
                    remedy: "Set the variable before a run on AWS.",
                },
            )
            .page("playbooks.md#when-secrets-are-read"),
            Self::SecretNotReadAgain => explain(
                Topic::Run,
                &[Low],
                Text {
                    title: "A secret could not be read again",
                    meaning: "A secret was older than 5 minutes and could not be read again. The \
                              old value was used.",
                    reason: "A token may have expired. Then a check that uses it fails, although \
                             the workload is healthy.",
                    remedy: "Make sure that the source answers during the whole drill, without a \
                             person at the keyboard.",
                },
            )
            .page("playbooks.md#when-secrets-are-read"),
            Self::SecretTooShort => explain(
                Topic::Run,
                &[Low],
                Text {
                    title: "A secret is too short to be hidden",
                    meaning: "A secret has fewer than four characters. Drillmaster does not \
                              replace it with `***`: so short a text occurs in ordinary words too.",
                    reason: "The journal, the report and the terminal may show the secret.",
                    remedy: "Use a longer secret.",
                },
            )
            .switch_off("If the value is no secret, nothing has to be done. The finding stays.")
            .page("playbooks.md#where-secrets-are-hidden"),
            Self::NoBackup => of_estate(of::NO_BACKUP),
            Self::BackupsInOneAccount => of_estate(of::BACKUPS_IN_ONE_ACCOUNT),
            Self::BackupsInOneRegion => of_estate(of::BACKUPS_IN_ONE_REGION),
            Self::BackupsUnlocked => of_estate(of::BACKUPS_UNLOCKED),
            Self::KeyLostWithData => of_estate(of::KEY_LOST_WITH_DATA),
            Self::PointsTooSparse => of_estate(of::POINTS_TOO_SPARSE),
            Self::CopiesTooLate => of_estate(of::COPIES_TOO_LATE),
            Self::InOneZone => of_estate(of::IN_ONE_ZONE),
            Self::NewestPointNotClean => of_estate(of::NEWEST_POINT_NOT_CLEAN),
            Self::StepNeedsLostPlane => of_estate(of::STEP_NEEDS_LOST_PLANE),
            Self::Headroom => of_estate(of::HEADROOM),
            Self::QuotaTooLow => of_estate(of::QUOTA_TOO_LOW),
            Self::ExistsOnlyHere => of_estate(of::EXISTS_ONLY_HERE),
            Self::NamesLostPlace => of_estate(of::NAMES_LOST_PLACE),
            Self::DataFarFromApplication => of_estate(of::DATA_FAR_FROM_APPLICATION),
            Self::DnsTtlTooLong => of_estate(of::DNS_TTL_TOO_LONG),
            Self::AccessKeyOld => of_estate(of::ACCESS_KEY_OLD),
            Self::RootAccessKey => of_estate(of::ROOT_ACCESS_KEY),
            Self::InNoStack => of_estate(of::IN_NO_STACK),
            Self::OneProvider => of_estate(of::ONE_PROVIDER),
            Self::StackDrifted => of_estate(of::STACK_DRIFTED),
            Self::QuotaBelowLost => of_estate(of::QUOTA_BELOW_LOST),
            Self::RestoredWithDefaults => of_estate(of::RESTORED_WITH_DEFAULTS),
            Self::RestoredInOneZone => of_estate(of::RESTORED_IN_ONE_ZONE),
            Self::NotRecovered => explain(
                Topic::Run,
                &[High],
                Text {
                    title: "A workload did not recover",
                    meaning: "The drill ended, and a step or a check of the workload failed, or something \
                              lost was not restored. The report says what. This finding stands in the \
                              history alone.",
                    reason: "Until a drill shows otherwise, the workload does not come back.",
                    remedy: "Mend the cause, and hold the drill again. A run in which the workload \
                             recovers closes the finding.",
                },
            )
            .page("history.md#findings"),
            Self::ObjectiveMissed => explain(
                Topic::Run,
                &[High],
                Text {
                    title: "An objective was missed, or its measure is unknown",
                    meaning: "The workload came back, but its RTO, its RPO or the distance of its stores \
                              exceeds the objective, or could not be measured. This finding stands in the \
                              history alone.",
                    reason: "The business was promised less than the drill showed.",
                    remedy: "Make the recovery faster or the backups more frequent, or agree on another \
                             objective. A run that meets the objective closes the finding.",
                },
            )
            .page("history.md#findings"),
            Self::DrillOverdue => of_estate(of::DRILL_OVERDUE),
            Self::EstateIncomplete => of_estate(of::ESTATE_INCOMPLETE).page("discover.md#what-was-not-read"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no rule of findings that this version knows", .0.escape_debug())]
pub struct UnknownRule(String);

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(text: &str) -> Result<Self, UnknownRule> {
        Self::ALL.iter().copied().find(|rule| rule.id() == text).ok_or_else(|| UnknownRule(text.to_owned()))
    }
}

/// Written by hand, because the derived error would list all names.
impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_written_by_its_id() {
        for &rule in Rule::ALL {
            assert_eq!(serde_json::json!(rule), rule.id());
            assert_eq!(serde_json::from_value::<Rule>(rule.id().into()).unwrap(), rule);
        }
        let unknown = serde_json::from_str::<Rule>("\"sandbox-opened\"").unwrap_err().to_string();
        assert!(unknown.starts_with("`sandbox-opened` is no rule"), "{unknown}");
    }

    #[test]
    fn the_gravest_severity_comes_first() {
        for &rule in Rule::ALL {
            let severities = rule.explanation().severities;
            assert!(!severities.is_empty() && severities.is_sorted(), "{rule}");
            assert_eq!(rule.severity(), severities[0]);
        }
    }
}
