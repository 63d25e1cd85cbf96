//! Recovery points: which ones a step may use, which one it uses, and how much data a less lucky T0
//! would have lost.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bucket;
use super::locus::Locus;
use super::loss::Loss;
use super::resource::ResourceId;
use super::scope::Scope;
use base::duration::{Size, Span, Time, seconds_between};
use base::ids::{AccountId, Region, name_of};
use strum::VariantArray;

/// The kinds of recovery points.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, VariantArray,
)]
#[serde(rename_all = "snake_case")]
pub enum PointKind {
    EbsSnapshot,
    Ami,
    RdsSnapshot,
    RdsClusterSnapshot,
    /// The automated backups of a database: any instant up to a few minutes ago.
    RdsPitr,
    /// A read replica that can be promoted.
    RdsReplica,
    /// A bucket that another bucket replicates to.
    S3Replica,
    /// A versioned bucket: any instant since versioning was enabled.
    S3Versions,
    /// A recovery point of AWS Backup, in a vault.
    Backup,
    /// Point-in-time recovery of a DynamoDB table.
    DynamodbPitr,
    /// An on-demand backup of a DynamoDB table.
    DynamodbBackup,
    /// A file system that another one replicates to.
    EfsReplica,
}

impl PointKind {
    /// What helps where the key that encrypts the points is lost. A copy that keeps the key does
    /// not, and once the key is lost no copy can be made.
    pub fn under_another_key(self) -> &'static str {
        match self {
            Self::RdsSnapshot => {
                "re-encrypt before the disaster: `rds.copy_snapshot` with a `kms_key` that survives gives a copy under that key (`aws rds copy-db-snapshot --kms-key-id`)"
            }
            Self::RdsClusterSnapshot => {
                "re-encrypt before the disaster: a copy takes the key that it is given (`aws rds copy-db-cluster-snapshot --kms-key-id`)"
            }
            Self::EbsSnapshot => {
                "re-encrypt before the disaster: `ec2.copy_snapshot` with a `kms_key` that survives gives a copy under that key (`aws ec2 copy-snapshot --encrypted --kms-key-id`)"
            }
            Self::Ami => {
                "re-encrypt before the disaster: `ec2.copy_image` with a `kms_key` that survives gives a copy under that key (`aws ec2 copy-image --encrypted --kms-key-id`)"
            }
            Self::RdsPitr | Self::RdsReplica => {
                "re-encrypt before the disaster: let RDS replicate the automated backups to the recovery region under a key of that region (`aws rds start-db-instance-automated-backups-replication --kms-key-id`)"
            }
            Self::Backup => {
                "re-encrypt before the disaster: copy it to a vault whose key survives (`aws backup start-copy-job`)"
            }
            Self::DynamodbPitr | Self::DynamodbBackup => {
                "re-encrypt before the disaster: copy the table's backups with AWS Backup to a vault whose key survives"
            }
            Self::EfsReplica => {
                "re-encrypt before the disaster: replicate to a file system under a key that survives (`aws efs create-replication-configuration` with `KmsKeyId`)"
            }
            Self::S3Replica | Self::S3Versions => {
                "re-encrypt before the disaster: let replication write the objects under a key that survives (`ReplicaKmsKeyID` of the rule), and copy those that are there already onto themselves with it"
            }
        }
    }
}

impl PointKind {
    /// Every variant, in the order of the definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Whether points of this kind are continuous. At any instant of its window, such a series can
    /// give the data as they were one lag earlier.
    pub fn is_continuous(self) -> bool {
        match self {
            Self::RdsPitr
            | Self::RdsReplica
            | Self::S3Replica
            | Self::S3Versions
            | Self::DynamodbPitr
            | Self::EfsReplica => true,
            Self::EbsSnapshot
            | Self::Ami
            | Self::RdsSnapshot
            | Self::RdsClusterSnapshot
            | Self::Backup
            | Self::DynamodbBackup => false,
        }
    }

    /// Whether points of this kind are the log of a database, which reaches back as far as its
    /// retention.
    pub fn is_a_log(self) -> bool {
        match self {
            Self::RdsPitr | Self::DynamodbPitr => true,
            Self::EbsSnapshot
            | Self::Ami
            | Self::RdsSnapshot
            | Self::RdsClusterSnapshot
            | Self::RdsReplica
            | Self::S3Replica
            | Self::S3Versions
            | Self::Backup
            | Self::DynamodbBackup
            | Self::EfsReplica => false,
        }
    }

    /// The resource type of the point itself.
    pub fn resource_kind(self) -> &'static str {
        match self {
            Self::EbsSnapshot => "ec2:snapshot",
            Self::Ami => "ec2:image",
            Self::RdsSnapshot => "rds:snapshot",
            Self::RdsClusterSnapshot => "rds:cluster-snapshot",
            Self::RdsPitr | Self::RdsReplica => "rds:db",
            Self::S3Replica | Self::S3Versions => "s3:bucket",
            Self::Backup => "backup:recovery-point",
            Self::DynamodbPitr => "dynamodb:table",
            Self::DynamodbBackup => "dynamodb:backup",
            Self::EfsReplica => "efs:file-system",
        }
    }

    /// Whether only the owning account can use it.
    pub fn is_bound_to_its_account(self) -> bool {
        match self {
            Self::RdsPitr | Self::RdsReplica | Self::DynamodbPitr | Self::DynamodbBackup => true,
            Self::EbsSnapshot
            | Self::Ami
            | Self::RdsSnapshot
            | Self::RdsClusterSnapshot
            | Self::S3Replica
            | Self::S3Versions
            | Self::Backup
            | Self::EfsReplica => false,
        }
    }
}

/// A recovery point: a copy of a resource's data to restore from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecoveryPoint {
    /// The resource that it restores.
    pub of: ResourceId,
    /// The account and region of that resource, as far as the service tells them. Another resource of
    /// the same name may exist elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_account: Option<AccountId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_region: Option<Region>,
    pub kind: PointKind,
    /// The cloud's id: a snapshot's id or ARN, an image's id, a bucket's name.
    pub id: String,
    pub account: AccountId,
    pub region: Region,
    /// The consistency time: the data are as they were then. `None` if the cloud does not report
    /// it, so that the age is unknown.
    pub taken: Option<Time>,
    /// When the point was made, if `taken` is unknown. A copy starts after its data were taken.
    /// `made` therefore orders several points and limits how new their data can be. It never tells
    /// how old they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Time>,
    /// When the point became usable, that is when its copy was complete. `None` if it is not
    /// complete yet, or if the cloud does not report since when it is usable.
    pub usable: Option<Time>,
    /// When the point was first seen to be usable, if the cloud does not report since when it is.
    #[serde(default)]
    pub seen_usable: Option<Time>,
    pub size: Size,
    /// Objects in a bucket.
    #[serde(default)]
    pub objects: u64,
    /// The other accounts that may use it.
    #[serde(default)]
    pub shared_with: Vec<AccountId>,
    /// Whether it is shared with an organization, a part of one, or everybody. Whether a certain
    /// account may use it is then visible only to that account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared_widely: bool,
    /// Whether it is encrypted with a key that other accounts cannot be given (an AWS managed key).
    #[serde(default)]
    pub managed_key: bool,
    /// Whether it is encrypted. RDS does not restore an instance snapshot that is both shared and
    /// encrypted; it must be copied first. Aurora restores cluster snapshots that are (Aurora user
    /// guide, "Sharing a DB cluster snapshot").
    #[serde(default)]
    pub encrypted: bool,
    /// The ARN of the KMS key that encrypts it. If the key is lost, the point is lost.
    #[serde(default)]
    pub kms_key: Option<String>,
    /// The database engine, as RDS names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The options of a database's option group that RDS never takes away from its data: persistent
    /// and permanent ones, such as Oracle's TDE.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixed_options: Vec<String>,
    /// A bucket whose objects lie in one zone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_zone: bool,
    /// What some of a bucket's objects are like. `None`: nobody looked at any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
    /// The earliest instant that a database's log reaches. `None`: unknown, or not a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest: Option<Time>,
    /// Whether a malware scan found something in it. A step uses it only if it names it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub infected: bool,
    /// Whether a malware scan looked at all of it and found nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clean: bool,
    /// Whether it lies in cold storage. Its restore takes hours longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cold: bool,
    /// The state that keeps it from being used, as the service names it: `EXPIRED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What the access policy of its vault says of a restore, unless it allows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_policy: Option<VaultPolicy>,
    /// What it says of a copy, unless it allows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_policy: Option<VaultPolicy>,
    /// Why it is not known whether AWS manages the key that encrypts it. Other accounts are given no
    /// such key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_unclear: Option<String>,
    /// The vault of AWS Backup that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<String>,
    /// Whether it lies at another provider, whose regions are its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub elsewhere: bool,
}

/// What the access policy of a vault says of a restore or a copy from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VaultPolicy {
    /// It denies it to everybody.
    Denies,
    /// It may deny it, or it could not be read. Holds the reason.
    Unclear(String),
}

impl RecoveryPoint {
    /// A point with nothing else known: its age and usability are unknown, and only its own account
    /// may use it.
    pub fn new(
        of: ResourceId,
        kind: PointKind,
        id: impl Into<String>,
        account: AccountId,
        region: Region,
    ) -> Self {
        Self {
            of,
            of_account: None,
            of_region: None,
            kind,
            id: id.into(),
            account,
            region,
            taken: None,
            made: None,
            usable: None,
            seen_usable: None,
            size: Size(0),
            objects: 0,
            shared_with: Vec::new(),
            shared_widely: false,
            managed_key: false,
            encrypted: false,
            kms_key: None,
            engine: None,
            fixed_options: Vec::new(),
            one_zone: false,
            sample: None,
            earliest: None,
            infected: false,
            clean: false,
            cold: false,
            state: None,
            vault_policy: None,
            copy_policy: None,
            key_unclear: None,
            vault: None,
            elsewhere: false,
        }
    }
}

/// What was seen of some of a bucket's objects. The others may be different.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// The objects in the listing that was read.
    pub listed: u64,
    /// Whether the bucket holds more objects than that.
    pub more: bool,
    /// Those of the listed objects whose storage class lies in one zone.
    pub one_zone: u64,
    /// Those of the listed objects that cannot be read before they are taken out of an archive.
    pub archived: u64,
    /// The objects that were asked for their key.
    pub asked: u64,
    /// The KMS keys of those, by ARN, and how many objects each of them encrypts.
    pub keys: BTreeMap<String, u64>,
    /// Why no more objects could be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

impl Sample {
    /// What was looked at: `20 of at least 1000 objects`.
    pub fn told(&self) -> String {
        let at_least = if self.more || self.unread.is_some() { "at least " } else { "" };
        format!("{} of {at_least}{} objects", self.asked, self.listed)
    }
}

/// Which point a step asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    Latest,
    Id(String),
    /// The newest point whose data are not newer than this instant.
    AsOf(Time),
    /// The newest point whose data are older than this instant.
    Before(Time),
    /// The newest point that a malware scan called clean.
    LatestClean,
    /// Any point that can be used, by this number.
    Random(u64),
}

/// Where and how a point would be used.
#[derive(Debug, Clone)]
pub struct Use<'a> {
    pub loss: &'a Loss,
    pub t0: Time,
    pub account: &'a AccountId,
    /// Another account whose credentials read the point, if the step names one that survives.
    pub reader: Option<&'a AccountId>,
    pub region: &'a Region,
    pub kinds: &'a [PointKind],
    /// A copy step, for which the point may lie in any surviving region.
    pub across_regions: bool,
}

/// Why a point was not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    Lost,
    /// The key that encrypts it is lost.
    KeyLost,
    NotUsableAtT0,
    /// It was first looked up after T0, and the cloud does not report since when it is usable.
    UnknownAtT0,
    OtherRegion,
    NotShared,
    ManagedKey,
    SharedEncrypted,
    OtherKind,
    TooNew,
    /// Usable, but the step names another point.
    NotNamed,
    /// Usable, but older than the point that was used.
    Older,
    /// A point of another resource of the same tag. One point restores one resource.
    OfAnother,
    /// Usable, but of unknown age, while the age of the point that was used is known.
    Undated,
    /// A malware scan found something in it, and the step did not name it.
    Infected,
    /// No malware scan called it clean, and the step asks for a clean one.
    NotKnownClean,
    /// Usable, but another one was drawn.
    NotDrawn,
    /// A point of a resource that has the same name in another account or region.
    OfNamesake,
    /// The access policy of its vault denies restores.
    VaultDenies,
}

impl Rejection {
    pub fn reason(self) -> &'static str {
        match self {
            Self::Lost => "it is lost",
            Self::KeyLost => "the key that it is encrypted with is lost",
            Self::NotUsableAtT0 => "it was not usable at T0 (its copy was not complete, or it is archived)",
            Self::UnknownAtT0 => {
                "whether it was usable at T0 is not known (it was first asked for after T0, and the cloud does not tell)"
            }
            Self::OtherRegion => "it lies in another region and would have to be copied",
            Self::NotShared => "it is not shared with the sandbox's account",
            Self::ManagedKey => {
                "it is encrypted with an AWS managed key, which the sandbox's account cannot be given"
            }
            Self::SharedEncrypted => "it is shared and encrypted: copy it first with rds.copy_snapshot",
            Self::OtherKind => "it is of a kind that this step cannot use",
            Self::TooNew => "it is newer than the instant that was asked for",
            Self::NotNamed => "another one was named",
            Self::Older => "a newer one was used",
            Self::OfAnother => "it is of another resource that the tag selects",
            Self::Undated => "how old it is is not known, and one whose age is was used",
            Self::Infected => {
                "a malware scan found something in it: name it by its id to restore it all the same"
            }
            Self::NotKnownClean => "no malware scan has called it clean",
            Self::NotDrawn => "another one was drawn at random",
            Self::OfNamesake => "it is of a resource of the same name in another account or region",
            Self::VaultDenies => "the access policy of its vault denies backup:StartRestoreJob to everybody",
        }
    }

    /// Whether a copy of the point could have been used instead.
    pub fn is_mended_by_a_copy(self) -> bool {
        match self {
            Self::OtherRegion | Self::NotShared | Self::ManagedKey | Self::SharedEncrypted => true,
            Self::Lost
            | Self::KeyLost
            | Self::NotUsableAtT0
            | Self::UnknownAtT0
            | Self::OtherKind
            | Self::TooNew
            | Self::NotNamed
            | Self::Older
            | Self::OfAnother
            | Self::Infected
            | Self::NotKnownClean
            | Self::NotDrawn
            | Self::OfNamesake
            | Self::VaultDenies
            | Self::Undated => false,
        }
    }
}

/// The lost points whose bare id no surviving point has, each with its place. If two snapshots have
/// the same name, the bare name means the one in the place of the call.
pub fn lost_by_id<'a>(
    points: &'a [RecoveryPoint],
    loss: &'a Loss,
) -> impl Iterator<Item = (&'a str, String)> {
    let (surviving, lost): (Vec<_>, Vec<_>) = points.iter().partition(|point| point.survives(loss));
    let surviving: HashSet<&str> = surviving.into_iter().map(|point| point.id.as_str()).collect();
    lost.into_iter()
        .filter(move |point| !surviving.contains(point.id.as_str()))
        .map(|point| (point.id.as_str(), format!("{} {}", point.account, point.region)))
}

impl RecoveryPoint {
    /// What the point is called where it is used. Other accounts and regions may have a snapshot of RDS
    /// of the same name: there only its ARN means this one.
    pub fn called_at(&self, account: &AccountId, region: &Region) -> String {
        let resource = match self.kind {
            PointKind::RdsSnapshot => "snapshot",
            PointKind::RdsClusterSnapshot => "cluster-snapshot",
            PointKind::EbsSnapshot
            | PointKind::Ami
            | PointKind::RdsPitr
            | PointKind::RdsReplica
            | PointKind::S3Replica
            | PointKind::S3Versions
            | PointKind::Backup
            | PointKind::DynamodbPitr
            | PointKind::DynamodbBackup
            | PointKind::EfsReplica => return self.id.clone(),
        };
        if (self.account == *account && self.region == *region) || self.id.starts_with("arn:") {
            return self.id.clone();
        }
        let partition = self.region.partition();
        format!("arn:{partition}:rds:{}:{}:{resource}:{}", self.region, self.account, self.id)
    }

    pub fn locus(&self) -> Locus {
        Locus { account: Some(self.account.clone()), region: Some(self.region.clone()), az: None }
    }

    /// Where the resource is that it restores, as far as the service tells: `account 111122223333,
    /// region us-east-1`.
    pub fn of_place(&self) -> Option<String> {
        let account = self.of_account.as_ref().map(|account| format!("account {account}"));
        let region = self.of_region.as_ref().map(|region| format!("region {region}"));
        let place: Vec<String> = account.into_iter().chain(region).collect();
        (!place.is_empty()).then(|| place.join(", "))
    }

    /// Whether the resource that it restores may be at this place. What the service does not tell
    /// rules nothing out.
    pub fn may_be_of(&self, locus: &Locus) -> bool {
        let differs = |of: Option<bool>| of == Some(false);
        !differs(self.of_account.as_ref().zip(locus.account.as_ref()).map(|(of, at)| of == at))
            && !differs(self.of_region.as_ref().zip(locus.region.as_ref()).map(|(of, at)| of == at))
    }

    /// The time of the data that a continuous series gives for an instant. They are never newer
    /// than the series: versions that a replica has not received cannot be read from it.
    pub fn data_at(&self, at: Time) -> Time {
        self.taken.map_or(at, |taken| taken.min(at))
    }

    /// Whether this is a copy of a bucket whose lag is unknown. S3 does not report it.
    ///
    /// The objects do not show it either. Objects of a replica have the time of the original (S3 user
    /// guide, "What does Amazon S3 replicate?"), even if they arrived after T0. Objects of another
    /// copy have the time of copying. Versions show only the copy's own past. An estate knows the
    /// lag, and says since when the point was usable.
    ///
    /// `original`: the bucket that the playbook says it is a copy of.
    pub fn is_copy_of_unknown_lag(&self, original: Option<&str>) -> bool {
        let is_copy = original.is_some_and(|of| of != self.id) || self.of.name != self.id;
        self.kind.resource_kind() == "s3:bucket" && is_copy && self.usable.is_none()
    }

    pub fn survives(&self, loss: &Loss) -> bool {
        if self.elsewhere {
            return loss.account() != Some(&self.account);
        }
        if let (Loss::Az(lost), "s3:bucket") = (loss, self.kind.resource_kind()) {
            let one_zone = self.one_zone || self.sample.as_ref().is_some_and(|sample| sample.one_zone > 0);
            return !bucket::dies_with(lost, &self.id, Some(&self.region), None, one_zone);
        }
        // Every other kind of recovery point is regional (see the scope table), so the loss of a
        // zone takes none.
        !loss.takes(&self.locus(), Scope::Regional)
    }

    /// If a key that encrypts the point is lost, says so.
    pub fn lost_key(&self, loss: &Loss) -> Option<String> {
        let is_lost = |key: &str| key_locus(key).is_some_and(|locus| loss.takes(&locus, Scope::Regional));
        if let Some(key) = self.kms_key.as_deref().filter(|key| is_lost(key)) {
            return Some(format!("its key {key} is lost with {loss}"));
        }
        let sample = self.sample.as_ref()?;
        let (key, count) = sample.keys.iter().find(|(key, _)| is_lost(key))?;
        Some(format!(
            "{count} of the {} objects that were asked are encrypted with the key {key}, which is lost with {loss}",
            sample.asked
        ))
    }

    /// If objects of the bucket lie in one zone, which may be the lost one, says how many.
    fn lost_objects(&self, loss: &Loss) -> Option<String> {
        let sample = self.sample.as_ref().filter(|sample| sample.one_zone > 0 && !self.one_zone)?;
        loss.az()?;
        Some(format!(
            "{} of the {} objects that were listed are of a storage class in one zone, which may be the lost one",
            sample.one_zone, sample.listed
        ))
    }

    /// A rejection in words. Names the lost key of this point, or its lost objects.
    pub fn why(&self, why: Rejection, loss: &Loss) -> String {
        let told = match why {
            Rejection::KeyLost => self.lost_key(loss),
            Rejection::Lost => self.lost_objects(loss),
            Rejection::NotUsableAtT0 => {
                self.state.as_ref().map(|state| format!("it was not usable at T0: its status is {state}"))
            }
            Rejection::OfNamesake => self.of_place().map(|place| format!("it is of {} in {place}", self.of)),
            Rejection::UnknownAtT0
            | Rejection::OtherRegion
            | Rejection::NotShared
            | Rejection::ManagedKey
            | Rejection::SharedEncrypted
            | Rejection::OtherKind
            | Rejection::TooNew
            | Rejection::NotNamed
            | Rejection::Older
            | Rejection::OfAnother
            | Rejection::Infected
            | Rejection::NotKnownClean
            | Rejection::NotDrawn
            | Rejection::VaultDenies
            | Rejection::Undated => None,
        };
        told.unwrap_or_else(|| why.reason().to_owned())
    }

    /// Whether the point is there after the loss, with its key, and was usable at T0. Does not
    /// consider where it would be used.
    pub fn judge_survival(&self, loss: &Loss, t0: Time) -> Result<(), Rejection> {
        if !self.survives(loss) {
            return Err(Rejection::Lost);
        }
        if self.lost_key(loss).is_some() {
            return Err(Rejection::KeyLost);
        }
        match (self.usable, self.seen_usable) {
            (Some(usable), _) if usable <= t0 => Ok(()),
            (None, Some(seen)) if seen <= t0 => Ok(()),
            (None, Some(_)) => Err(Rejection::UnknownAtT0),
            _ => Err(Rejection::NotUsableAtT0),
        }
    }

    /// Whether the point could be used at T0. Does not consider whether another point is newer.
    pub fn judge(&self, on: &Use<'_>) -> Result<(), Rejection> {
        if !on.kinds.contains(&self.kind) {
            return Err(Rejection::OtherKind);
        }
        self.judge_survival(on.loss, on.t0)?;
        let own = self.account == *on.account;
        let is_read =
            on.reader.is_some_and(|reader| self.account == *reader || self.shared_with.contains(reader));
        let is_shared = is_read || self.shared_with.contains(on.account);
        if !own && (self.kind.is_bound_to_its_account() || !is_shared) {
            return Err(Rejection::NotShared);
        }
        if !own && self.managed_key {
            return Err(Rejection::ManagedKey);
        }
        if !own && self.encrypted && self.kind == PointKind::RdsSnapshot && !on.across_regions {
            return Err(Rejection::SharedEncrypted);
        }
        if self.region != *on.region && !on.across_regions {
            return Err(Rejection::OtherRegion);
        }
        if self.vault_policy == Some(VaultPolicy::Denies) && !on.across_regions {
            return Err(Rejection::VaultDenies);
        }
        Ok(())
    }
}

/// The place of a KMS key, by its ARN. A multi-Region key is a separate key in each region.
pub fn key_locus(key: &str) -> Option<Locus> {
    let mut parts = key.strip_prefix("arn:")?.splitn(5, ':').skip(2);
    Some(Locus { region: parts.next()?.parse().ok(), account: parts.next()?.parse().ok(), az: None })
}

/// The chosen point, and why every other point was rejected.
#[derive(Debug, Clone, Default)]
pub struct Selection<'a> {
    pub chosen: Option<&'a RecoveryPoint>,
    pub rejected: Vec<(&'a RecoveryPoint, Rejection)>,
}

impl<'a> Selection<'a> {
    /// Surviving points that could have been used through a copy only, and that are newer than the
    /// chosen one, or may be if an age is unknown.
    pub fn newer_by_copy(&self) -> impl Iterator<Item = &'a RecoveryPoint> + '_ {
        self.rejected.iter().filter_map(|(point, why)| {
            let by_copy = why.is_mended_by_a_copy() && !point.kind.is_bound_to_its_account();
            let begun = |p: &RecoveryPoint| p.taken.or(p.made);
            (by_copy && begun(point) > self.chosen.and_then(begun)).then_some(*point)
        })
    }
}

/// Chooses among `points`, which all belong to one resource or selector.
pub fn select<'a>(points: &'a [RecoveryPoint], wanted: &Wanted, on: &Use<'_>) -> Selection<'a> {
    let mut selection = Selection::default();
    let mut usable = Vec::new();
    for point in points {
        let verdict = point.judge(on).and_then(|()| match wanted {
            Wanted::Latest
            | Wanted::AsOf(_)
            | Wanted::Before(_)
            | Wanted::LatestClean
            | Wanted::Random(_)
                if point.infected =>
            {
                Err(Rejection::Infected)
            }
            Wanted::Latest | Wanted::Random(_) => Ok(()),
            Wanted::LatestClean => point.clean.then_some(()).ok_or(Rejection::NotKnownClean),
            Wanted::Id(id) => {
                (point.id == *id || name_of(&point.id) == id).then_some(()).ok_or(Rejection::NotNamed)
            }
            // A continuous series can give the data of any earlier instant.
            Wanted::AsOf(at)
                if point.kind.is_continuous() || point.taken.or(point.made).is_some_and(|t| t <= *at) =>
            {
                Ok(())
            }
            Wanted::Before(at)
                if point.kind.is_continuous() || point.taken.or(point.made).is_some_and(|t| t < *at) =>
            {
                Ok(())
            }
            Wanted::AsOf(_) | Wanted::Before(_) => Err(Rejection::TooNew),
        });
        match verdict {
            Ok(()) => usable.push(point),
            Err(why) => selection.rejected.push((point, why)),
        }
    }
    // A point of unknown age sorts before every known one, so it is used only if there is no other.
    usable.sort_by(|a, b| (a.taken, a.made, &b.id).cmp(&(b.taken, b.made, &a.id)));
    selection.chosen = match wanted {
        Wanted::Random(number) if !usable.is_empty() => {
            let all = u64::try_from(usable.len()).unwrap_or(u64::MAX);
            // Smaller than the length, which fits.
            Some(usable.remove(usize::try_from(number % all).unwrap_or_default()))
        }
        Wanted::Random(_)
        | Wanted::Latest
        | Wanted::LatestClean
        | Wanted::Id(_)
        | Wanted::AsOf(_)
        | Wanted::Before(_) => usable.pop(),
    };
    let Some(chosen) = selection.chosen else { return selection };
    selection.rejected.extend(usable.into_iter().map(|p| {
        let why = if p.of != chosen.of {
            Rejection::OfAnother
        } else if matches!(wanted, Wanted::Random(_)) {
            Rejection::NotDrawn
        } else if chosen.taken.is_some() && p.taken.is_none() {
            Rejection::Undated
        } else {
            Rejection::Older
        };
        (p, why)
    }));
    selection
}

/// The longest retention of automated backups that RDS allows.
pub const LONGEST_RETENTION: Span = Span::from_secs(35 * 86_400);

/// The shortest retention of automated backups, in whole days. Without one there is no log.
pub const LEAST_RETENTION: Span = Span::from_secs(86_400);

/// The default look-back of the worst case: 30 days.
pub const LOOK_BACK: Duration = Duration::from_hours(720);

/// The most data that a drill with another T0 would have lost.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct WorstCase {
    /// The loss in seconds. `None` if unknown.
    pub seconds: Option<f64>,
    /// A lower bound in seconds, if `seconds` is unknown because the cloud does not report when
    /// points became usable.
    pub at_least: Option<f64>,
    /// The number of points considered, without continuous series.
    pub points: usize,
    /// How far back these points reach, in seconds.
    pub span: Option<f64>,
}

impl WorstCase {
    /// The worst case of several resources, if this one is that of some of them: a lower bound.
    #[must_use]
    pub fn of_some(self) -> Self {
        Self { seconds: None, at_least: self.seconds.or(self.at_least), ..self }
    }
}

/// The worst case RPO, in seconds, of the resource whose points these are. Where a tag gave the
/// points of several resources, the worst of them: the points of one machine say nothing of another.
pub fn worst_case_rpo(
    points: &[RecoveryPoint],
    on: &Use<'_>,
    look_back: Duration,
    least_pitr_lag: Duration,
) -> WorstCase {
    let mut each: BTreeMap<&ResourceId, Vec<&RecoveryPoint>> = BTreeMap::new();
    for point in points {
        let of_it = each.entry(&point.of).or_default();
        // A resource of which no point can be used counts too: what it would have lost is unknown.
        if point.judge(on).is_ok() {
            of_it.push(point);
        }
    }
    let each = each.into_values().map(|points| worst_case_of_one(&points, on.t0, look_back, least_pitr_lag));
    let figure = |w: &WorstCase| w.seconds.or(w.at_least);
    each.reduce(|one, other| {
        let exact = one.seconds.is_some() && other.seconds.is_some();
        let worse = match (figure(&one), figure(&other)) {
            (Some(a), Some(b)) if b > a => other,
            (None, Some(_)) => other,
            _ => one,
        };
        // If one of them is unknown, the worst that is known is a lower bound.
        if exact { worse } else { worse.of_some() }
    })
    .unwrap_or_default()
}

/// The worst case of one resource, whose usable points these are. It is the supremum, over the instants t of the look-back window, of `t − consistency time of the
/// newest point usable at t`. The window does not start before the first point was usable.
///
/// The result is unknown if no point qualifies, or if a qualifying point has no known age.
/// `least_pitr_lag` is the lag of point-in-time recovery at its worst, whatever it was at T0.
pub fn worst_case_of_one(
    points: &[&RecoveryPoint],
    t0: Time,
    look_back: Duration,
    least_pitr_lag: Duration,
) -> WorstCase {
    let (mut dated, mut series) = (Vec::new(), None::<f64>);
    let mut exact = true;
    for point in points {
        let Some(taken) = point.taken else { return WorstCase::default() };
        if point.kind.is_continuous() {
            // A series loses its lag at every instant of the window. A snapshot can only improve on
            // that.
            let least = if point.kind.is_a_log() { least_pitr_lag } else { Duration::ZERO };
            let lag = seconds_between(taken, t0).max(least.as_secs_f64());
            series = Some(series.map_or(lag, |s| s.min(lag)));
        } else {
            // A point without a known `usable` time was not usable before it was taken. The later
            // it became usable, the more was lost, so the result is a lower bound.
            exact &= point.usable.is_some();
            dated.push((point.usable.unwrap_or(taken), taken));
        }
    }
    dated.sort();
    let Some(window) = chrono::TimeDelta::from_std(look_back).ok().map(|look_back| t0 - look_back) else {
        return WorstCase::default();
    };
    let mut worst: Option<f64> = None;
    let mut newest: Option<Time> = None;
    for (i, (usable, taken)) in dated.iter().enumerate() {
        newest = newest.max(Some(*taken));
        // This point is oldest just before the next one becomes usable, or at T0.
        let until = dated.get(i + 1).map_or(t0, |(next, ..)| *next);
        // If several points became usable at one instant, only the last of them was ever the
        // newest.
        let last = i + 1 == dated.len();
        if until > window
            && (until > *usable || last)
            && let Some(newest) = newest
        {
            let loss = seconds_between(newest, until);
            worst = Some(worst.map_or(loss, |w| w.max(loss)));
        }
    }
    let found = match (worst, series) {
        (Some(snapshots), Some(series)) => {
            exact |= snapshots >= series;
            Some(snapshots.min(series))
        }
        (one, other) => one.or(other),
    };
    let span = dated.first().map(|(usable, _)| seconds_between((*usable).max(window), t0));
    let (seconds, at_least) = if exact { (found, None) } else { (None, found) };
    WorstCase { seconds, at_least, points: dated.len(), span }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_LAG: Duration = Duration::ZERO;

    fn t0() -> Time {
        chrono::DateTime::from_timestamp(1_000_000_000, 0).unwrap()
    }

    fn point(id: &str, region: &str, account: &str, taken_h: f64, usable_h: f64) -> RecoveryPoint {
        #[expect(clippy::cast_possible_truncation, reason = "hours of a test")]
        let at = |hours: f64| t0() + chrono::TimeDelta::seconds((hours * 3600.0) as i64);
        let (of, account) = ("rds:db/orders".parse().unwrap(), account.parse().unwrap());
        RecoveryPoint {
            taken: Some(at(taken_h)),
            usable: Some(at(usable_h)),
            size: Size::gib(200),
            shared_with: vec!["999988887777".parse().unwrap()],
            ..RecoveryPoint::new(of, PointKind::RdsSnapshot, id, account, region.parse().unwrap())
        }
    }

    fn shop() -> Vec<RecoveryPoint> {
        vec![
            point("west-26h", "us-west-2", "111122223333", -26.0, -25.5),
            point("west-14h", "us-west-2", "111122223333", -14.0, -13.5),
            point("west-2h", "us-west-2", "111122223333", -2.0, -1.5),
            point("west-late", "us-west-2", "111122223333", -0.33, 0.17),
            point("east-1h", "us-east-1", "111122223333", -1.0, -1.0),
            point("vault-25h", "us-west-2", "444455556666", -25.0, -24.0),
        ]
    }

    fn with_use<T>(loss: &Loss, across: bool, f: impl FnOnce(&Use<'_>) -> T) -> T {
        let (account, region) = ("999988887777".parse().unwrap(), "us-west-2".parse().unwrap());
        let kinds = [PointKind::RdsSnapshot];
        f(&Use {
            loss,
            t0: t0(),
            account: &account,
            reader: None,
            region: &region,
            kinds: &kinds,
            across_regions: across,
        })
    }

    #[test]
    fn the_newest_survivor_usable_at_t0_is_chosen() {
        let points = shop();
        let region = Loss::Region("us-east-1".parse().unwrap());
        with_use(&region, false, |on| {
            let selection = select(&points, &Wanted::Latest, on);
            assert_eq!(selection.chosen.unwrap().id, "west-2h");
            let why: Vec<_> = selection.rejected.iter().map(|(p, w)| (p.id.as_str(), *w)).collect();
            assert!(why.contains(&("west-late", Rejection::NotUsableAtT0)), "{why:?}");
            assert!(why.contains(&("east-1h", Rejection::Lost)), "{why:?}");
            let worst = worst_case_rpo(&points, on, LOOK_BACK, NO_LAG);
            assert_eq!((worst.seconds, worst.at_least), (Some(45_000.0), None));
            assert_eq!((worst.points, worst.span), (4, Some(91_800.0)));
        });
        let account = Loss::Account("111122223333".parse().unwrap());
        with_use(&account, true, |on| {
            assert_eq!(select(&points, &Wanted::Latest, on).chosen.unwrap().id, "vault-25h");
            let worst = worst_case_rpo(&points, on, LOOK_BACK, NO_LAG);
            // The result of a single point is reported with the fact that it is only one.
            assert_eq!((worst.seconds, worst.points, worst.span), (Some(90_000.0), 1, Some(86_400.0)));
        });
    }

    #[test]
    fn a_newer_survivor_that_needs_a_copy_is_told() {
        let points = shop();
        let az = Loss::Az("use1-az1".parse().unwrap());
        with_use(&az, false, |on| {
            let selection = select(&points, &Wanted::Latest, on);
            assert_eq!(selection.chosen.unwrap().id, "west-2h");
            assert_eq!(selection.newer_by_copy().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["east-1h"]);
        });
    }

    #[test]
    fn a_continuous_series_has_no_gaps() {
        let mut points = shop();
        let mut pitr = point("pitr", "us-west-2", "999988887777", -0.1, -0.1);
        pitr.kind = PointKind::RdsPitr;
        points.push(pitr);
        let region = Loss::Region("us-east-1".parse().unwrap());
        with_use(&region, false, |on| {
            let on = Use { kinds: &[PointKind::RdsSnapshot, PointKind::RdsPitr], ..on.clone() };
            assert_eq!(worst_case_rpo(&points, &on, LOOK_BACK, NO_LAG).seconds, Some(360.0));
            // The lag at T0 promises nothing: it may be 2 min then and 5 min at other times.
            let least = Duration::from_mins(10);
            assert_eq!(worst_case_rpo(&points, &on, LOOK_BACK, least).seconds, Some(600.0));
        });
    }

    #[test]
    fn points_that_became_usable_together_leave_no_gap_between_them() {
        let region = Loss::Region("us-east-1".parse().unwrap());
        let mut points = vec![
            point("old", "us-west-2", "111122223333", -50.0, -10.0),
            point("new", "us-west-2", "111122223333", -11.0, -10.0),
        ];
        with_use(&region, false, |on| {
            assert_eq!(worst_case_rpo(&points, on, LOOK_BACK, NO_LAG).seconds, Some(39_600.0));
            points.push(point("now", "us-west-2", "111122223333", -1.0, 0.0));
            assert_eq!(worst_case_rpo(&points, on, LOOK_BACK, NO_LAG).seconds, Some(39_600.0));
        });
    }

    #[test]
    fn an_unknown_age_makes_the_worst_case_unknown() {
        let mut points = shop();
        points[0].taken = None;
        let region = Loss::Region("us-east-1".parse().unwrap());
        with_use(&region, false, |on| {
            assert_eq!(worst_case_rpo(&points, on, LOOK_BACK, NO_LAG), WorstCase::default());
        });
    }

    #[test]
    fn what_does_not_tell_since_when_it_is_usable_gives_a_lower_bound() {
        let mut points = shop();
        for point in &mut points {
            point.usable = None;
            point.seen_usable = Some(t0() - chrono::TimeDelta::seconds(3));
        }
        points.retain(|p| p.id != "west-late");
        let region = Loss::Region("us-east-1".parse().unwrap());
        with_use(&region, false, |on| {
            assert_eq!(select(&points, &Wanted::Latest, on).chosen.unwrap().id, "west-2h");
            let worst = worst_case_rpo(&points, on, LOOK_BACK, NO_LAG);
            // From 14 h to 2 h before T0. Each is assumed usable from when it was taken.
            assert_eq!((worst.seconds, worst.at_least), (None, Some(43_200.0)));
        });
        // Seen only after T0, so it may have become usable since.
        for point in &mut points {
            point.seen_usable = Some(t0() + chrono::TimeDelta::seconds(3));
        }
        with_use(&region, false, |on| {
            let selection = select(&points, &Wanted::Latest, on);
            assert!(selection.chosen.is_none());
            assert!(selection.rejected.iter().any(|(_, why)| *why == Rejection::UnknownAtT0));
        });
    }

    #[test]
    fn a_point_is_lost_with_its_key() {
        let mut point = point("vault", "us-west-2", "444455556666", -25.0, -24.0);
        point.kms_key = Some("arn:aws:kms:us-west-2:111122223333:key/1".into());
        let account = Loss::Account("111122223333".parse().unwrap());
        with_use(&account, true, |on| assert_eq!(point.judge(on), Err(Rejection::KeyLost)));
        assert!(point.why(Rejection::KeyLost, &account).ends_with("is lost with account 111122223333"));
        let region = Loss::Region("us-east-1".parse().unwrap());
        with_use(&region, true, |on| assert_eq!(point.judge(on), Ok(())));
        // A bare id or an alias names a key of the account and region that use it.
        point.kms_key = Some("alias/backup".into());
        with_use(&account, true, |on| assert_eq!(point.judge(on), Ok(())));
    }

    #[test]
    fn shared_and_encrypted_is_for_copies_only() {
        let mut point = point("west", "us-west-2", "111122223333", -2.0, -2.0);
        point.encrypted = true;
        let region = Loss::Region("us-east-1".parse().unwrap());
        with_use(&region, false, |on| assert_eq!(point.judge(on), Err(Rejection::SharedEncrypted)));
        with_use(&region, true, |on| assert_eq!(point.judge(on), Ok(())));
        // EC2 and Aurora accept shared and encrypted ones if their key is shared.
        for kind in [PointKind::EbsSnapshot, PointKind::RdsClusterSnapshot] {
            point.kind = kind;
            with_use(&region, false, |on| {
                let on = Use { kinds: &[kind], ..on.clone() };
                assert_eq!(point.judge(&on), Ok(()));
            });
        }
    }

    #[test]
    fn of_copies_whose_age_nobody_tells_the_one_that_was_made_last_is_chosen() {
        let mut points = shop();
        points.retain(|p| ["west-26h", "west-14h", "west-2h"].contains(&p.id.as_str()));
        // Ordered by id, the oldest would come first.
        for (point, id) in points.iter_mut().zip(["a", "b", "c"]) {
            (point.made, point.taken, point.id) = (point.taken, None, id.into());
        }
        let region = Loss::Region("us-east-1".parse().unwrap());
        with_use(&region, false, |on| {
            assert_eq!(select(&points, &Wanted::Latest, on).chosen.unwrap().id, "c");
            // A point that was made before that instant holds no newer data.
            let then = t0() - chrono::TimeDelta::hours(3);
            assert_eq!(select(&points, &Wanted::AsOf(then), on).chosen.unwrap().id, "b");
            assert_eq!(worst_case_rpo(&points, on, LOOK_BACK, NO_LAG), WorstCase::default());
        });
        // A point of known age is preferred to all of these.
        points[0].taken = points[0].made.take();
        with_use(&region, false, |on| {
            assert_eq!(select(&points, &Wanted::Latest, on).chosen.unwrap().id, "a");
        });
    }
}
