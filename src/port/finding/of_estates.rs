//! The rules that an estate shows without a drill, in words.

use base::explanation::Text;
use base::severity::Severity::{self, High, Low, Medium};

/// The severities of a rule, the gravest first, and its texts.
pub(super) type Told = (&'static [Severity], Text);

/// How a comment ignores one of these rules.
pub(super) const IGNORE: &str = "Write `# drillmaster: ignore RULE because …` in the estate or in \
                                 the playbook. The plan prints the reason.";

pub(super) const NO_BACKUP: Told = (
    &[High],
    Text {
        title: "Data without a backup",
        meaning: "No recovery point of the resource was usable at T0, and it has no replica.",
        reason: "What is lost with it is gone.",
        remedy: "Back it up. AWS Backup covers most types (`drillmaster plan` needs the \
                 recovery points in the estate).",
    },
);

pub(super) const BACKUPS_IN_ONE_ACCOUNT: Told = (
    &[High],
    Text {
        title: "Backups only in the account of production",
        meaning: "Every usable backup and replica of the resource is lost with its \
                  account: it lies there, or its key does.",
        reason: "Whoever has taken the account over can delete the data and all backups. \
                 Code Spaces lost everything to one stolen key, and closed.",
        remedy: "Copy the backups to an account with other users and other keys, under a \
                 key of that account. AWS Backup copies to vaults of other accounts.",
    },
);

pub(super) const BACKUPS_IN_ONE_REGION: Told = (
    &[High],
    Text {
        title: "Backups only in the region of production",
        meaning: "Every usable backup and replica of the resource is lost with its region: \
                  it lies there, or its key does.",
        reason: "A region that is out of service takes its snapshots, vaults and keys \
                 along.",
        remedy: "Copy the backups to another region, under a key of that region.",
    },
);

pub(super) const BACKUPS_UNLOCKED: Told = (
    &[High, Medium, Low],
    Text {
        title: "Backups that production's principals can delete",
        meaning: "Backups lie in the account of the resource, and of none that can be used is it \
                  shown that it cannot be deleted: by a lock (`vault_locked`), by MFA delete, or by \
                  a policy that denies it to everybody and denies its own change too (`guard`). The \
                  severity is medium where a lock can be taken off (governance mode, or before its \
                  date) or a policy denies only some cases. It is low if another account has a \
                  usable backup, and for object lock, which ends for each object (`locked_for`).",
        reason: "An attacker or a mistaken script with production's rights deletes the \
                 backups first.",
        remedy: "Lock them: AWS Backup Vault Lock in compliance mode, or S3 Object Lock. \
                 Then say so in the estate with `vault_locked: true`. `discover` says it itself.",
    },
);

pub(super) const KEY_LOST_WITH_DATA: Told = (
    &[High],
    Text {
        title: "The key of the backups is lost with the data",
        meaning: "Backups survive the loss, but all of them are encrypted with a key that \
                  does not. A multi-Region key counts as surviving if a replica of it does.",
        reason: "A backup that nobody can decrypt is no backup.",
        remedy: "Let each copy take a key of the account and region that it goes to.",
    },
);

pub(super) const POINTS_TOO_SPARSE: Told = (
    &[High],
    Text {
        title: "Recovery points older or rarer than the RPO",
        meaning: "The newest source that survives is older than the workload's RPO, or an \
                  unlucky moment in the last 30 days would have lost more. \
                  `worst-case-misses` judges the points that a drill can use. This rule \
                  judges all that survive.",
        reason: "No restore meets this objective, however well it goes.",
        remedy: "Back up or copy more often, or use continuous backups or replicas.",
    },
);

pub(super) const COPIES_TOO_LATE: Told = (
    &[Medium],
    Text {
        title: "Copies that are usable too late",
        meaning: "The newest point that survives was not usable at T0, or a point took \
                  longer than the RPO to become usable.",
        reason: "A copy that is under way at the disaster is lost with its source. The \
                 time that copies take is a part of the RPO.",
        remedy: "Copy smaller increments more often, or use a replica or a continuous \
                 backup.",
    },
);

pub(super) const IN_ONE_ZONE: Told = (
    &[High, Low],
    Text {
        title: "Data in one zone",
        meaning: "The resource lies in one availability zone, without a standby in another \
                  one. The severity is high if nothing usable outlives the zone, and low \
                  if recovery points do.",
        reason: "Zones fail more often than regions do. With a standby that is an \
                 interruption of minutes; without one it is a restore.",
        remedy: "Use Multi-AZ where the service has it.",
    },
);

pub(super) const NEWEST_POINT_NOT_CLEAN: Told = (
    &[High, Medium],
    Text {
        title: "The newest recovery point is infected or unscanned",
        meaning: "Some recovery points of the resource were scanned for malware. The \
                  newest that survives was found infected (high) or was not scanned \
                  (medium).",
        reason: "A restore of it restores the attacker too.",
        remedy: "Restore the newest clean point, and scan each new one.",
    },
);

pub(super) const STEP_NEEDS_LOST_PLANE: Told = (
    &[High],
    Text {
        title: "A step needs a control plane that is lost",
        meaning: "In the rehearsal a step made a call to a control plane that lives in the \
                  lost region. us-east-1 takes those of IAM, Route 53, CloudFront and S3's \
                  bucket management along.",
        reason: "On the day the call fails, wherever the step runs.",
        remedy: "Make roles, buckets, records and endpoints before the disaster.",
    },
);

pub(super) const HEADROOM: Told = (
    &[Medium],
    Text {
        title: "The plan leaves less than 20 % of the RTO",
        meaning: "The rehearsal met the RTO objective of the workload, with less than a \
                  fifth of it to spare. The assumed detection and decision count.",
        reason: "A real day is slower: people search, services throttle, and everybody \
                 restores at once.",
        remedy: "Shorten the critical path. `drillmaster forecast` says which steps pay.",
    },
);

pub(super) const QUOTA_TOO_LOW: Told = (
    &[High],
    Text {
        title: "The recovery region's quota is too low",
        meaning: "More instances, DB instances, clusters, addresses or GiB of volumes of the \
                  playbook's workloads are lost than may be made in the recovery region. The \
                  estate says how many: by `quotas` of the region, or by `quotas` of the account, \
                  less what the estate lists there.",
        reason: "The restore stops at the quota, and an increase takes hours or days.",
        remedy: "Raise the quota before the disaster.",
    },
);

pub(super) const EXISTS_ONLY_HERE: Told = (
    &[Medium, Low],
    Text {
        title: "It exists only where the loss is",
        meaning: "A key pair, address, image, security group, certificate, secret, \
                  parameter, repository or function has no replica, no usable backup and no \
                  namesake outside what is lost. What a stack makes again is left out, but \
                  for images, secrets and repositories: a template does not hold their \
                  contents. For addresses the severity is low.",
        reason: "Restored machines do not start without it, and the place to copy it from \
                 is gone.",
        remedy: "Put it in the recovery region now. An address cannot be there too: let \
                 names, not addresses, lead to the service.",
    },
);

pub(super) const NAMES_LOST_PLACE: Told = (
    &[Medium, Low],
    Text {
        title: "The configuration names the lost place",
        meaning: "The lost region, account or zone stands in the resource's `mentions`, or \
                  the region stands in the name of an environment variable or parameter. \
                  Without a loss each resource's own region and account are looked for \
                  (low).",
        reason: "The restored copy calls the place that is gone, or production.",
        remedy: "Take regions and accounts from the environment.",
    },
);

pub(super) const DATA_FAR_FROM_APPLICATION: Told = (
    &[Medium],
    Text {
        title: "The data lie far from the application",
        meaning: "A data store and the machines with the same tag `app` lie in different \
                  regions.",
        reason: "The application fails with either region, and each request is slow.",
        remedy: "Move the data to the application's region.",
    },
);

pub(super) const DNS_TTL_TOO_LONG: Told = (
    &[Medium],
    Text {
        title: "A DNS record lives too long",
        meaning: "The resource's `dns_ttl` is longer than a tenth of the RTO of its \
                  workload, or else of the shortest RTO.",
        reason: "Clients go to the lost address until their caches forget it.",
        remedy: "Shorten the TTL before the disaster: afterwards it is too late.",
    },
);

pub(super) const ACCESS_KEY_OLD: Told = (
    &[Medium],
    Text {
        title: "An access key is older than 90 days",
        meaning: "An IAM user has an active access key (`access_keys_made`) that is older \
                  than 90 days.",
        reason: "The longer a key exists, the more places hold it. One stolen key ended \
                 Code Spaces.",
        remedy: "Use roles. Rotate the keys that remain.",
    },
);

pub(super) const ROOT_ACCESS_KEY: Told = (
    &[High],
    Text {
        title: "The root user has an access key",
        meaning: "The estate says `root_access_keys: true` of an account.",
        reason: "No policy of the account limits the root user.",
        remedy: "Delete the key.",
    },
);

pub(super) const IN_NO_STACK: Told = (
    &[Low],
    Text {
        title: "The resource belongs to no stack",
        meaning: "The estate knows stacks in the account and region of the resource, and \
                  the resource is in none of them.",
        reason: "Nobody remembers after years how it was made by hand.",
        remedy: "Describe it in a template, and import it.",
    },
);

pub(super) const ONE_PROVIDER: Told = (
    &[Medium, Low],
    Text {
        title: "No copy with another provider",
        meaning: "Each usable recovery point of the resource lies with AWS. The severity \
                  is medium if the estate has an account with another `provider`, and low \
                  otherwise.",
        reason: "A contract, a bill or an organization can be lost too, with every account \
                 in it.",
        remedy: "Keep a copy of what the company cannot lose with another provider, under \
                 other credentials.",
    },
);

pub(super) const ESTATE_INCOMPLETE: Told = (
    &[High, Medium, Low],
    Text {
        title: "The estate was not read whole",
        meaning: "`discover` could not read a service, a region or an account. The severity is \
                  high where data or recovery points may lie there. It is low if only types are \
                  missing that `discover` never reads.",
        reason: "Nothing is known of what lies there. A resource there is in no workload and no \
                 blast radius, and one that seems unprotected may have its backup there.",
        remedy: "Give `discover` the permissions that it lacks, and run it again. What it reads \
                 goes from `incomplete` in the estate. Write resources of the types that it never \
                 reads by hand.",
    },
);

pub(super) const STACK_DRIFTED: Told = (
    &[Medium, Low],
    Text {
        title: "A stack is not what its template says",
        meaning: "CloudFormation saw that the stack drifted (`drift: drifted`). The severity is \
                  low where nobody knows: drift was never checked, or not in the last 90 days. \
                  `discover` reads the last result. It starts no detection.",
        reason: "The template makes again what it says, and not what somebody changed by hand \
                 since. That is missed on the day.",
        remedy: "Detect drift regularly. Bring each change into the template, or take it back.",
    },
);

pub(super) const QUOTA_BELOW_LOST: Told = (
    &[Medium],
    Text {
        title: "The recovery region's quotas are below the lost one's",
        meaning: "A quota of the account in the recovery region is lower than that in the place \
                  of the lost resources (`quotas` of the account). The sandbox's account counts, \
                  and the account of the resources if it survives.",
        reason: "Quotas were raised over the years where production grew. A whole recovery needs \
                 as much.",
        remedy: "Ask for the same quotas in the recovery region. An increase takes hours or days.",
    },
);

pub(super) const RESTORED_WITH_DEFAULTS: Told = (
    &[Medium],
    Text {
        title: "A database is restored with default groups",
        meaning: "The original has a parameter or option group of its own, and the step that \
                  restores it names none.",
        reason: "RDS then takes the engine's default: other limits, other time zone, no \
                 encryption of connections, no extension that must be preloaded. Groups do not \
                 leave their region with a snapshot.",
        remedy: "Make equal groups in the recovery region, and name them: `parameter_group`, \
                 `option_group`.",
    },
);

pub(super) const RESTORED_IN_ONE_ZONE: Told = (
    &[Medium],
    Text {
        title: "What lay in several zones is restored in one",
        meaning: "A database with a standby is restored without one, or the machines of a \
                  workload that lay in several zones come up in one.",
        reason: "Restores are in one zone unless they are told otherwise. Then the next zone that \
                 fails takes what was just recovered.",
        remedy: "Restore with `multi_az: true`, with two instances of a cluster, or with several \
                 machines in a network of several zones. If the playbook makes it later, or a \
                 drill need not, accept the finding.",
    },
);

pub(super) const DRILL_OVERDUE: Told = (
    &[Medium, Low],
    Text {
        title: "The drill is overdue",
        meaning: "The playbook has a `schedule`. A drill was due after the last real run that \
                  passed, and its window has closed (low). Several were, or no real run passed at \
                  all (medium). Runs are looked for in the folder `runs`, or beside `--out`. A \
                  simulated run never counts, and neither does one that did not pass.",
        reason: "Recovery plans rot: keys expire, quotas fill, people leave.",
        remedy: "Run the drill on AWS, and keep its folder.",
    },
);
