//! What one service of one place holds, before the places are joined.

use std::collections::{BTreeMap, BTreeSet};

use crate::selection;
use base::duration::{Size, When};
use base::ids::{AccountId, Region};
use estate::discovered::What;
use estate::file::{Limits, PointEntry, ResourceEntry};
use estate::{PointKind, RecoveryPoint, ResourceId};
use port::{CloudError, ErrorKind, TAG_RUN};

/// The tag that CloudFormation gives to what a stack makes.
const TAG_STACK: &str = "aws:cloudformation:stack-name";

/// A resource that was read.
#[derive(Debug)]
pub struct FoundResource {
    pub entry: ResourceEntry,
    pub arn: Option<String>,
}

/// A recovery point that was read.
#[derive(Debug)]
pub struct FoundPoint {
    pub entry: PointEntry,
    /// The place of the resource that it restores, as far as AWS tells it.
    pub of_account: Option<AccountId>,
    pub of_region: Option<Region>,
    pub arn: Option<String>,
    /// The owner was asked, not an account that it is shared with.
    pub by_owner: bool,
}

/// A copy that AWS Backup made.
#[derive(Debug)]
pub struct Copy {
    pub from: String,
    pub to: String,
}

/// What a backup plan selects, in its account and region.
#[derive(Debug)]
pub struct Selection {
    pub account: AccountId,
    pub region: Region,
    pub plan: String,
    pub what: selection::Selection,
}

/// A replica that another place knows more of.
#[derive(Debug)]
pub struct LagOf {
    /// The ARN of the copy.
    pub arn: String,
    pub lag: base::duration::Span,
}

/// Everything that one service of one place holds.
#[derive(Debug, Default)]
pub struct Found {
    pub resources: Vec<FoundResource>,
    pub points: Vec<FoundPoint>,
    pub whole: BTreeSet<What>,
    /// Why something could not be read.
    pub failed: BTreeSet<String>,
    pub copies: Vec<Copy>,
    pub selections: Vec<Selection>,
    pub lags: Vec<LagOf>,
    /// ARNs of KMS keys that AWS manages.
    pub managed_keys: BTreeSet<String>,
    /// How much an account may have in a region.
    pub quotas: Vec<(AccountId, Region, Limits)>,
    /// Whether the root user of an account has access keys.
    pub root_keys: Vec<(AccountId, bool)>,
    /// The ids of drills' own resources: neither they nor their points belong to production.
    pub of_drills: BTreeSet<(ResourceId, AccountId, Option<Region>)>,
}

impl Found {
    /// Adds a resource, unless it belongs to a drill.
    pub fn resource(&mut self, mut entry: ResourceEntry, arn: Option<String>) {
        if entry.tags.contains_key(TAG_RUN) {
            self.of_drills.insert((entry.id, entry.account, entry.region));
            return;
        }
        entry.stack = entry.stack.take().or_else(|| entry.tags.get(TAG_STACK).cloned());
        self.resources.push(FoundResource { entry, arn });
    }

    pub fn point(&mut self, point: FoundPoint) {
        self.points.push(point);
    }

    pub fn whole(&mut self, kind: &str) {
        self.whole.insert(What::Resources(kind.to_owned()));
    }

    pub fn whole_points(&mut self, kind: PointKind, of: &str) {
        self.whole.insert(What::Points(kind, of.to_owned()));
    }

    /// Notes what could not be read. Something that was deleted meanwhile is not missing.
    pub fn fail(&mut self, error: &CloudError) {
        if error.kind != ErrorKind::NotFound {
            self.failed.insert(error.to_string());
        }
    }

    /// Takes what was read. `None`: it could not be read, which is noted.
    pub fn take<T>(&mut self, answer: Result<T, CloudError>) -> Option<T> {
        answer.map_err(|error| self.fail(&error)).ok()
    }

    pub fn join(&mut self, other: Self) {
        self.resources.extend(other.resources);
        self.points.extend(other.points);
        self.whole.extend(other.whole);
        self.failed.extend(other.failed);
        self.copies.extend(other.copies);
        self.selections.extend(other.selections);
        self.lags.extend(other.lags);
        self.managed_keys.extend(other.managed_keys);
        self.quotas.extend(other.quotas);
        self.root_keys.extend(other.root_keys);
        self.of_drills.extend(other.of_drills);
    }
}

impl FoundPoint {
    /// A point that this account sees.
    pub fn of(point: RecoveryPoint, seen_by: &AccountId) -> Self {
        let by_owner = point.account == *seen_by;
        Self { by_owner, ..Self::of_entry(entry_of(point)) }
    }

    /// A point that its owner sees.
    pub fn of_entry(entry: PointEntry) -> Self {
        Self { entry, of_account: None, of_region: None, arn: None, by_owner: true }
    }

    /// Says where the resource is that it restores.
    #[must_use]
    pub fn of_place(mut self, account: Option<AccountId>, region: Option<Region>) -> Self {
        (self.of_account, self.of_region) = (account, region);
        self
    }

    #[must_use]
    pub fn arn(mut self, arn: Option<&str>) -> Self {
        self.arn = arn.map(str::to_owned);
        self
    }
}

/// The entry of an estate for a point at one instant.
fn entry_of(point: RecoveryPoint) -> PointEntry {
    PointEntry {
        taken: point.taken.map(When::At),
        usable: point.usable.map(When::At),
        size: point.size,
        objects: point.objects,
        engine: point.engine,
        shared_with: point.shared_with,
        managed_key: point.managed_key,
        encrypted: point.encrypted,
        kms_key: point.kms_key,
        ..empty_point(point.of, point.kind, point.id, point.account, point.region)
    }
}

/// A point of which nothing more is known.
pub fn empty_point(
    of: ResourceId,
    kind: PointKind,
    id: String,
    account: AccountId,
    region: Region,
) -> PointEntry {
    PointEntry {
        of,
        kind,
        id,
        account,
        region,
        taken: None,
        usable: None,
        size: Size(0),
        objects: 0,
        late_objects: 0,
        retention: None,
        engine: None,
        shared_with: Vec::new(),
        managed_key: false,
        encrypted: false,
        kms_key: None,
        storage_class: None,
        vault: None,
        vault_locked: false,
        locked_for: None,
        guard: None,
        locks_on: None,
        scan: None,
        cold: false,
        every: None,
        keep: None,
        lag: None,
    }
}

/// A resource of which nothing more is known.
pub fn empty_resource(kind: &str, name: &str, account: &AccountId, region: Option<&Region>) -> ResourceEntry {
    ResourceEntry {
        id: id_of(kind, name),
        account: account.clone(),
        region: region.cloned(),
        az: None,
        multi_az: false,
        scope: None,
        size: Size(0),
        objects: 0,
        engine: None,
        tags: BTreeMap::new(),
        addresses: Vec::new(),
        storage_class: None,
        replicas: Vec::new(),
        protected_by: Vec::new(),
        stack: None,
        key: None,
        class: None,
        env_names: Vec::new(),
        mentions: Vec::new(),
        dns_ttl: None,
        access_keys_made: Vec::new(),
        drift: None,
        drift_checked: None,
        parameter_group: None,
        option_group: None,
    }
}

pub use crate::backup::kinds::id as id_of;

/// An attribute with a value.
pub fn some(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Sorted, without repetitions and empty texts.
pub fn sorted(all: impl IntoIterator<Item = String>) -> Vec<String> {
    let all: BTreeSet<String> = all.into_iter().filter(|text| !text.is_empty()).collect();
    all.into_iter().collect()
}

pub fn bytes(size: Option<i64>) -> Size {
    Size(size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0))
}
