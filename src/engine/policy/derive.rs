//! Derives the permissions that each account's role needs from a plan.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use serde_json::Value;

use super::grants::{CallTarget, Grants, Statement, UnknownCall, in_regions};
use super::table::{KEY, KEY_OF_A_VAULT, of_resource_type, recovery_points_of};
use crate::plan::live::Live;
use crate::plan::{CheckWork, Plan, StepWork, Work};
use crate::sandbox::calls;
use base::ids::{AccountId, Region};
use base::partition::Partition;
use checks;
use estate::{PointKind, Selector};
use playbook::action::{BackupUse, BucketRead, CopyUse, Prepared, SourceSpec, SourceWhat, TemplateUse};
use playbook::check::CheckType;
use playbook::expr::{self, is_template};
use playbook::model::Account;
use playbook::secret::SecretRef;
use port::{Conditions, Grant, LiveKind, Restorable, Test};
use template::resolve::Resolver;
use template::value::Truth;
use template::{Given, Surroundings, Template, parameter_text};

/// The permissions that the playbook needs in one account.
#[derive(Debug, Clone)]
pub struct AccountPolicy {
    pub account: AccountId,
    /// The playbook's names for the account.
    pub names: Vec<String>,
    /// The role that is assumed there, if the playbook names one.
    pub role: Option<String>,
    pub external_id: Option<String>,
    /// Whether the sandbox is in this account, so that the drill changes something here.
    pub is_sandbox: bool,
    pub statements: Vec<Statement>,
}

impl AccountPolicy {
    /// The grants that preflight proves.
    pub fn grants(&self) -> Vec<Grant> {
        self.statements.iter().map(|statement| statement.grant.clone()).collect()
    }

    /// Whether a copy of AWS Backup begins in this account.
    pub fn begins_copies(&self) -> bool {
        let mut actions = self.statements.iter().flat_map(|statement| &statement.grant.actions);
        actions.any(|action| action == "backup:StartCopyJob")
    }
}

/// The policies of all accounts of a drill.
#[derive(Debug, Clone)]
pub struct Policies {
    /// The accounts that the drill uses, the sandbox's first.
    pub accounts: Vec<AccountPolicy>,
    /// Notes for a person: permissions to add or review, because a playbook does not contain them.
    pub notes: BTreeSet<String>,
}

/// A declared call is in no table. This is a defect of Drillmaster, not of the playbook.
#[derive(Debug, thiserror::Error)]
#[error("the permissions of the call {0} are unknown; this is a defect of Drillmaster: please report it")]
pub struct PolicyError(String);

impl From<UnknownCall> for PolicyError {
    fn from(unknown: UnknownCall) -> Self {
        Self(unknown.0)
    }
}

/// Derives the policies of a plan, for every account that the drill enters on AWS.
pub fn of(plan: &Plan) -> Result<Policies, PolicyError> {
    derive(plan, true)
}

/// The same, without the permissions that a drill can do without: where the resources of workloads
/// cannot be looked up, they are unknown.
pub fn required(plan: &Plan) -> Result<Policies, PolicyError> {
    derive(plan, false)
}

fn derive(plan: &Plan, with_production: bool) -> Result<Policies, PolicyError> {
    let mut all = Derivation {
        plan,
        here: BTreeSet::from([plan.sandbox.region.clone()]),
        everywhere: plan.regions.iter().cloned().collect(),
        lost_region: BTreeSet::new(),
        grants: BTreeMap::new(),
        lost: None,
        notes: BTreeSet::new(),
    };
    let is_asked = |account: &&AccountId| {
        let of_copies = plan.has_account(account) && plan.steps().any(|(_, work)| reads_backups(work));
        of_copies || Live::of(plan).is_some_and(|live| live.accounts.contains(account))
    };
    if with_production {
        all.lost_region.extend(plan.loss.region().cloned());
    }
    all.lost = plan
        .loss
        .account()
        .filter(is_asked)
        .filter(|_| with_production)
        .map(|account| (account.clone(), Grants::new(account, None, &plan.sandbox.region)));
    for account in plan.surviving_accounts() {
        let region = (account == plan.sandbox_account).then_some(&plan.sandbox.region);
        let grants = Grants::new(&account, region, &plan.sandbox.region);
        all.grants.insert(account, grants);
    }
    all.harness()?;
    if with_production {
        all.production()?;
    }
    for node in &plan.nodes {
        match &node.work {
            Work::Step(work) => all.step(work)?,
            Work::Check(work) => all.check(work)?,
        }
    }
    all.service_roles();
    all.prove();
    let Derivation { grants, lost, notes, .. } = all;
    let mut accounts: Vec<AccountPolicy> = grants
        .into_iter()
        .chain(lost)
        .map(|(account, grants)| {
            let named = |wanted: &Account| wanted.id == account;
            let first = plan.accounts.values().find(|a| named(a));
            AccountPolicy {
                names: plan.accounts.iter().filter(|(_, a)| named(a)).map(|(n, _)| n.clone()).collect(),
                role: first.and_then(|a| a.role.clone()),
                external_id: first.and_then(|a| a.external_id.clone()),
                is_sandbox: account == plan.sandbox_account,
                statements: grants.finish(),
                account,
            }
        })
        .collect();
    accounts.sort_by_key(|policy| (!policy.is_sandbox, policy.account.clone()));
    Ok(Policies { accounts, notes })
}

/// Whether a step restores or copies recovery points of AWS Backup.
fn reads_backups(work: &StepWork) -> bool {
    work.source.as_ref().is_some_and(|source| source.kinds.contains(&PointKind::Backup))
}

struct Derivation<'a> {
    plan: &'a Plan,
    /// The sandbox's region.
    here: BTreeSet<Region>,
    /// The regions where recovery points are searched.
    everywhere: BTreeSet<Region>,
    /// The lost region, in which the age of AWS Backup's copies is looked up before T0.
    lost_region: BTreeSet<Region>,
    grants: BTreeMap<AccountId, Grants>,
    /// The lost account, which is only read before T0.
    lost: Option<(AccountId, Grants)>,
    notes: BTreeSet<String>,
}

impl Derivation<'_> {
    fn sandbox(&mut self, calls: &[&str]) -> Result<(), UnknownCall> {
        self.sandbox_from(calls, &BTreeSet::new())
    }

    fn sandbox_from(&mut self, calls: &[&str], sources: &BTreeSet<Region>) -> Result<(), UnknownCall> {
        let at = CallTarget { regions: &self.here, sources, bucket: None };
        let grants = self.grants.get_mut(&self.plan.sandbox_account);
        grants.map_or(Ok(()), |grants| grants.calls(calls, &at))
    }

    /// Allows creating calls, and the calls that undo them.
    fn created(&mut self, calls: &[&str]) -> Result<(), UnknownCall> {
        self.sandbox(calls)?;
        calls.iter().try_for_each(|call| self.sandbox(calls::undoing(call)))
    }

    fn harness(&mut self) -> Result<(), UnknownCall> {
        self.sandbox(calls::PREFLIGHT)?;
        self.sandbox(calls::ISOLATION)?;
        self.sandbox(calls::TAGGED)?;
        self.notes.insert(
            "ec2:RevokeSecurityGroupIngress and ec2:RevokeSecurityGroupEgress have no condition on the run's tag, because the default security group of the sandbox's VPC cannot be tagged: in an account with other networks they also allow changes to the rules of those networks' groups".into(),
        );
        self.created(calls::NETWORK)?;
        self.names()?;
        self.probe()
    }

    /// Allows what closes and watches the sandbox's resolver, and what answers names in it.
    fn names(&mut self) -> Result<(), UnknownCall> {
        let sandbox = &self.plan.sandbox;
        let (watches, zones) = (sandbox.watches_names(), crate::sandbox::names::zones(self.plan));
        if watches {
            self.created(calls::BUCKET)?;
            self.created(calls::NAMES)?;
            self.sandbox(calls::CLOSED_RESOLVER)?;
        }
        if watches && sandbox.answers_by_firewall() {
            self.created(calls::OVERRIDES)?;
        }
        if !zones.is_empty() {
            self.created(calls::ZONES)?;
        }
        Ok(())
    }

    /// Allows the probe, and to give it its role.
    fn probe(&mut self) -> Result<(), UnknownCall> {
        let Some(probe) = self.plan.sandbox.probe() else { return Ok(()) };
        self.created(calls::PROBE)?;
        let to = BTreeSet::from(["lambda.amazonaws.com".to_owned()]);
        let to = Conditions::from([((Test::StringEquals, "iam:PassedToService".into()), to)]);
        if let Some(grants) = self.grants.get_mut(&self.plan.sandbox_account) {
            let role = BTreeSet::from([probe.role.clone()]);
            grants.add("Pass", "iam:PassRole", role.clone(), to);
            for action in ["iam:GetRole", PROVE] {
                grants.add("Prove", action, role.clone(), Conditions::new());
            }
        }
        Ok(())
    }

    /// Allows the look-up of what the workloads list, where no estate describes it. The lost account
    /// is asked too, before it is lost.
    fn production(&mut self) -> Result<(), UnknownCall> {
        let Some(live) = Live::of(self.plan) else { return Ok(()) };
        let regions: BTreeSet<Region> = live.regions.iter().cloned().collect();
        for query in &live.queries {
            let calls = calls::resources(query.kind, query.asks_for_tags());
            let named = query.selectors.iter().map(|selector| match selector {
                Selector::Id(id) => id.name.as_str(),
                Selector::Tag { .. } => "*",
            });
            let buckets: BTreeSet<&str> = match query.kind {
                LiveKind::Bucket if query.asks_for_tags() => BTreeSet::from(["*"]),
                LiveKind::Bucket => named.collect(),
                LiveKind::Instance | LiveKind::Volume | LiveKind::Database | LiveKind::Cluster => {
                    BTreeSet::from(["*"])
                }
            };
            for bucket in buckets {
                let at = CallTarget { regions: &regions, sources: &regions, bucket: Some(bucket) };
                self.grants.values_mut().try_for_each(|grants| grants.calls(calls, &at))?;
                if let Some((_, grants)) = &mut self.lost {
                    grants.calls(calls, &at)?;
                }
            }
        }
        Ok(())
    }

    fn step(&mut self, work: &StepWork) -> Result<(), PolicyError> {
        let decl = &work.action.decl;
        let demands = &work.demands;
        let mut sources = work.source.as_ref().map(|source| self.regions_of(source)).unwrap_or_default();
        // A replica is made before T0, also of a database in the region that will be lost.
        sources.extend(demands.replica.as_ref().and_then(|replica| self.plan.region_of_replicated(replica)));
        self.sandbox_from(decl.calls, &sources)?;
        decl.calls.iter().try_for_each(|call| self.sandbox(calls::undoing(call)))?;
        if decl.needs(Prepared::DbSubnetGroup) || demands.db_subnet_group {
            self.created(calls::DB_SUBNET_GROUP)?;
        }
        if demands.db_instances > 0 {
            self.sandbox(calls::FOR_DATABASES)?;
        }
        if demands.db_class.is_some() || demands.class.is_some() {
            self.sandbox(calls::FOR_DB_CLASSES)?;
        }
        if demands.machines.is_some() {
            self.sandbox(calls::FOR_INSTANCES)?;
        }
        if decl.needs(Prepared::Bucket) || demands.bucket.is_some() {
            self.created(calls::BUCKET)?;
        }
        if demands.versioned {
            self.sandbox(calls::VERSIONED_BUCKET)?;
        }
        if let Some(source) = &work.source {
            self.survey(source)?;
        }
        if let Some(backup) = &demands.backup {
            self.backup(backup, work)?;
        }
        if let Some(copy) = &demands.copy {
            self.copy(copy, work)?;
        }
        self.buckets(work)?;
        self.key(work);
        self.stack(work)?;
        self.secrets(&work.with());
        if let Some(when) = &work.step.when {
            self.secrets(when);
        }
        Ok(())
    }

    /// Allows a restore by AWS Backup: its role is passed, and what it made is tagged and deleted.
    fn backup(&mut self, backup: &BackupUse, work: &StepWork) -> Result<(), UnknownCall> {
        let known = backup.restores.or_else(|| self.copied_kind(work)).and_then(Restorable::of);
        let all = known.map_or_else(|| Restorable::ALL.to_vec(), |one| vec![one]);
        for what in &all {
            self.sandbox(calls::restored(*what))?;
        }
        if known.is_none() {
            self.notes.insert(
                "what a recovery point of AWS Backup restores is known only during the run, so the policy allows it for every type: name the `resource` in the playbook, and the policy is narrower".into(),
            );
        }
        if all
            .iter()
            .any(|one| matches!(one, Restorable::Instance | Restorable::Volume | Restorable::FileSystem))
        {
            self.notes.insert(
                "AWS Backup does not tag what it restores, so the drill tags it: ec2:CreateTags and elasticfilesystem:TagResource have no condition that spares other machines, volumes and file systems of the account. Use an account of its own for the sandbox".into(),
            );
        }
        let account = self.plan.sandbox_account.clone();
        self.pass(&account, &backup.role, "restores with", &format!(
            "the role {} must trust backup.amazonaws.com (`sts:AssumeRole`), and carry AWSBackupServiceRolePolicyForRestores (for S3 AWSBackupServiceRolePolicyForS3Restore); AWS Backup makes the resources with it, and not with the drill's role",
            backup.role
        ));
        Ok(())
    }

    /// The type of the resource in a recovery point that an earlier step copies, if the playbook names it
    /// there.
    fn copied_kind(&self, work: &StepWork) -> Option<&'static str> {
        let SourceWhat::Id(id) = &work.source.as_ref()?.what else { return None };
        let named = expr::references(id).ok()?;
        let [reference] = named.as_slice() else { return None };
        let ["steps", step, "recovery_point"] =
            reference.path.iter().map(String::as_str).collect::<Vec<_>>()[..]
        else {
            return None;
        };
        let (_, copy) = self.plan.steps().find(|(node, _)| node.id == step)?;
        copy.demands.copy.as_ref()?;
        match &copy.source.as_ref()?.what {
            SourceWhat::Of { kind, .. } => Some(*kind),
            SourceWhat::Id(_) => None,
        }
    }

    /// Allows a copy by AWS Backup: a vault in the sandbox, and the copy job where the recovery point
    /// lies.
    fn copy(&mut self, copy: &CopyUse, work: &StepWork) -> Result<(), UnknownCall> {
        self.created(calls::VAULT)?;
        self.notes.insert(
            "AWS Backup gives a copy the tags of its original, and its ARN names no vault: backup:DeleteRecoveryPoint has no condition that spares other recovery points of the sandbox's account. Teardown deletes only those in the run's own vault. Use an account of its own for the sandbox.".into(),
        );
        if let Some(key) = &copy.kms_key {
            let keys = [KEY, KEY_OF_A_VAULT].concat();
            self.use_key(key, "backup", &keys);
            self.notes.insert(format!(
                "the policy of the key {key} must let AWS Backup use it in the sandbox's account (AWSServiceRoleForBackup); the key of the originals must let the sandbox's account use it, too"
            ));
        }
        let Some(from) = copy.from.clone().filter(|from| self.grants.contains_key(from)) else {
            return Ok(());
        };
        let regions = work.source.as_ref().map(|source| self.regions_of(source)).unwrap_or_default();
        let at = CallTarget { regions: &regions, sources: &regions, bucket: None };
        let kind = work.source.as_ref().and_then(|source| match &source.what {
            SourceWhat::Of { kind, .. } => Restorable::of(kind),
            SourceWhat::Id(arn) => Restorable::of_arn(arn),
        });
        if let Some(grants) = self.grants.get_mut(&from) {
            grants.calls(calls::COPY_OUT, &at)?;
            let points = copied_points(work, kind, grants);
            grants.add("Use", "backup:StartCopyJob", points, in_regions(&regions));
            if from != self.plan.sandbox_account && !kind.is_some_and(Restorable::is_fully_managed) {
                grants.calls(calls::COPIED_KEY, &at)?;
            }
        }
        if from != self.plan.sandbox_account {
            self.notes.insert(format!(
                "AWS Backup copies from account {from} only within one organization, whose management account has enabled cross-account backup"
            ));
        }
        self.pass(&from, &copy.role, "copies with", &format!(
            "the role {} must trust backup.amazonaws.com (`sts:AssumeRole`), and carry AWSBackupServiceRolePolicyForBackup (for S3 AWSBackupServiceRolePolicyForS3Backup); AWS Backup copies with it, and not with the drill's role",
            copy.role
        ));
        Ok(())
    }

    /// Allows preflight to look for the roles that services of AWS make resources with.
    fn service_roles(&mut self) {
        let Some(grants) = self.grants.get_mut(&self.plan.sandbox_account) else { return };
        for role in self.plan.service_roles() {
            let on = grants.arn(&format!("iam::{{a}}:role/{}", role.path()), None);
            grants.add("Prove", "iam:GetRole", BTreeSet::from([on]), Conditions::new());
        }
    }

    /// Allows to pass a role of an account to AWS Backup, and preflight to look at it. `does`: what AWS
    /// Backup does with it.
    fn pass(&mut self, account: &AccountId, role: &str, does: &str, note: &str) {
        let Some(grants) = self.grants.get_mut(account) else { return };
        let role = if is_template(role) {
            self.notes.insert(format!(
                "the role `{role}` that AWS Backup {does} is known only during the run, so the policy allows to pass every role of the account: narrow it"
            ));
            grants.arn("iam::{a}:role/*", None)
        } else {
            self.notes.insert(note.to_owned());
            role.to_owned()
        };
        let service = BTreeSet::from(["backup.amazonaws.com".to_owned()]);
        let to = Conditions::from([((Test::StringEquals, "iam:PassedToService".into()), service)]);
        let role = BTreeSet::from([role]);
        grants.add("Pass", "iam:PassRole", role.clone(), to);
        for action in ["iam:GetRole", PROVE] {
            grants.add("Prove", action, role.clone(), Conditions::new());
        }
    }

    fn check(&mut self, work: &CheckWork) -> Result<(), PolicyError> {
        match work.kind {
            CheckType::State => self.sandbox(checks::state::CALLS)?,
            CheckType::Dynamodb => self.sandbox(checks::dynamodb::CALLS)?,
            CheckType::S3 => {
                let name = work.spec.get("bucket").and_then(Value::as_str).unwrap_or("{{");
                // An expression names the output of a step, that is a bucket that the run has
                // created.
                let bucket = (!is_template(name)).then_some(name);
                let at = CallTarget { regions: &self.here, sources: &self.here, bucket };
                if let Some(grants) = self.grants.get_mut(&self.plan.sandbox_account) {
                    grants.calls(checks::s3::CALLS, &at)?;
                }
            }
            // These ask what was restored, and no API of AWS.
            CheckType::Http
            | CheckType::Tcp
            | CheckType::Dns
            | CheckType::Sql
            | CheckType::Data
            | CheckType::Redis
            | CheckType::Command => {}
        }
        self.secrets(&work.spec);
        Ok(())
    }

    /// The regions where the recovery point may be.
    fn regions_of(&self, source: &SourceSpec) -> BTreeSet<Region> {
        match &source.what {
            SourceWhat::Of { .. } => match (&source.owner, &source.region) {
                (Some(_), Some(region)) => BTreeSet::from([region.clone()]),
                (Some(_) | None, _) => self.everywhere.clone(),
            },
            SourceWhat::Id(id) => {
                let named = id.starts_with("arn:").then(|| id.split(':').nth(3)?.parse().ok()).flatten();
                match named {
                    Some(region) => BTreeSet::from([region]),
                    // A copy's region is that of its vault.
                    None if source.region.is_some() => source.region.iter().cloned().collect(),
                    None if is_template(id) => self.everywhere.clone(),
                    None => self.here.clone(),
                }
            }
        }
    }

    /// Allows the search for recovery points. It covers every surviving account. A point named by
    /// its id is searched in the sandbox's account only, in the sandbox's region or the region of
    /// its ARN.
    fn survey(&mut self, source: &SourceSpec) -> Result<(), UnknownCall> {
        if self.is_elsewhere(source.account.as_deref()) {
            return Ok(());
        }
        let regions = self.regions_of(source);
        let accounts: Vec<AccountId> = match (&source.owner, &source.what) {
            (Some(owner), _) => vec![owner.clone()],
            (None, SourceWhat::Of { .. }) => self.grants.keys().cloned().collect(),
            (None, SourceWhat::Id(_)) => vec![self.plan.sandbox_account.clone()],
        };
        let bucket = match &source.what {
            SourceWhat::Of { kind: "s3:bucket", name, .. } if !is_template(name) => name.as_str(),
            SourceWhat::Of { .. } | SourceWhat::Id(_) => "*",
        };
        let of = match &source.what {
            SourceWhat::Of { kind, .. } => Some(*kind),
            SourceWhat::Id(_) => None,
        };
        let at = CallTarget { regions: &regions, sources: &regions, bucket: Some(bucket) };
        for account in accounts {
            if let Some(grants) = self.grants.get_mut(&account) {
                for kind in &source.kinds {
                    grants.calls(calls::survey(*kind, of), &at)?;
                }
            }
        }
        if source.kinds.contains(&PointKind::Backup) { self.dates_of_copies() } else { Ok(()) }
    }

    /// Allows the look-up of how old AWS Backup's copies are, where the loss will be. Without it their
    /// age is unknown.
    fn dates_of_copies(&mut self) -> Result<(), UnknownCall> {
        let calls = calls::survey(PointKind::Backup, None);
        if !self.lost_region.is_empty() {
            let at = CallTarget { regions: &self.lost_region, sources: &self.lost_region, bucket: None };
            self.grants.values_mut().try_for_each(|grants| grants.calls(calls, &at))?;
        }
        if let Some((_, grants)) = &mut self.lost {
            let at = CallTarget { regions: &self.everywhere, sources: &self.everywhere, bucket: None };
            grants.calls(calls, &at)?;
        }
        Ok(())
    }

    /// Whether the account is another provider's. No role of AWS reads there.
    fn is_elsewhere(&self, account: Option<&str>) -> bool {
        let named = account.and_then(|name| self.plan.accounts.get(name));
        named.is_some_and(|account| account.endpoint.is_some())
    }

    /// Allows reads of the buckets that the arguments name. The account named beside the bucket
    /// reads it. The sandbox's account reads it too, since S3 copies on the server side with its
    /// credentials.
    fn buckets(&mut self, work: &StepWork) -> Result<(), UnknownCall> {
        let bucket_calls = work.action.decl.bucket_calls;
        if bucket_calls.is_empty() {
            return Ok(());
        }
        for BucketRead { name, region, account } in &work.demands.reads {
            if self.is_elsewhere(account.as_deref()) {
                continue;
            }
            let mut regions = self.here.clone();
            match region {
                Some(region) => drop(regions.insert(region.clone())),
                // The estate or the survey of recovery points finds its region.
                None => regions.extend(self.everywhere.iter().cloned()),
            }
            let bucket = if is_template(name) {
                self.notes.insert(format!(
                    "the bucket `{name}` is known only during the run, so the policy allows reads of every bucket: narrow `arn:aws:s3:::*`"
                ));
                "*"
            } else {
                name.as_str()
            };
            let mut readers = BTreeSet::from([self.plan.sandbox_account.clone()]);
            match account {
                Some(name) if is_template(name) => readers.extend(self.grants.keys().cloned()),
                Some(name) => readers.extend(self.plan.accounts.get(name).map(|a| a.id.clone())),
                None => {}
            }
            let at = CallTarget { regions: &regions, sources: &regions, bucket: Some(bucket) };
            for reader in readers {
                if let Some(grants) = self.grants.get_mut(&reader) {
                    grants.calls(bucket_calls, &at)?;
                }
            }
            self.notes.insert(format!(
                "the bucket {name}: if it belongs to another account, that account's bucket policy must let the reading role in (s3:ListBucket, s3:ListBucketVersions, s3:GetBucketVersioning, s3:GetObject, s3:GetObjectVersion, s3:GetObjectTagging, s3:GetObjectVersionTagging); if it is encrypted with a customer managed key, add kms:Decrypt for that key"
            ));
        }
        Ok(())
    }

    /// Allows the use of the key that encrypts a copy or a replica. EC2 and RDS use it on the
    /// role's behalf.
    fn key(&mut self, work: &StepWork) {
        if let Some(key) = &work.demands.kms_key {
            self.use_key(key, work.action.decl.service(), KEY);
        }
        if work.source.as_ref().is_some_and(|s| !s.kinds.iter().all(|kind| is_of_s3(*kind))) {
            self.notes.insert(
                "for snapshots and images that are encrypted with a customer managed key, the playbook does not name the key: add kms:CreateGrant, kms:Decrypt, kms:DescribeKey, kms:GenerateDataKeyWithoutPlaintext and kms:ReEncrypt* for it here, and let this account use it in the key's own policy".into(),
            );
            self.notes.insert(
                "recovery points of another account must be shared with the sandbox's account by their owner: a drill shares nothing and needs no permission for it".into(),
            );
        }
    }

    /// Allows the use of a key by a service on the role's behalf, in the sandbox.
    fn use_key(&mut self, key: &str, service: &str, actions: &[&str]) {
        let region = &self.plan.sandbox.region;
        let Some(grants) = self.grants.get_mut(&self.plan.sandbox_account) else { return };
        let mut conditions = in_regions(&self.here);
        let via = format!("{service}.{region}.{}", Partition::of(region).dns_suffix);
        conditions.insert((Test::StringEquals, "kms:ViaService".into()), BTreeSet::from([via]));
        let on = if key.starts_with("arn:") && key.contains(":key/") {
            key.to_owned()
        } else if is_template(key) || key.contains("alias/") {
            if let Some((_, alias)) = key.split_once("alias/").filter(|_| !is_template(key)) {
                let alias = BTreeSet::from([format!("alias/{alias}")]);
                conditions.insert((Test::ForAnyValueStringEquals, "kms:ResourceAliases".into()), alias);
            } else {
                self.notes.insert(format!(
                    "the key `{key}` is known only during the run, so the policy allows every key: narrow the keys in it"
                ));
            }
            grants.arn("kms:{r}:{a}:key/*", None)
        } else {
            grants.arn(&format!("kms:{{r}}:{{a}}:key/{key}"), None)
        };
        for action in actions {
            grants.add("Key", action, BTreeSet::from([on.clone()]), conditions.clone());
        }
    }

    /// Allows the calls for a stack. CloudFormation creates a stack's resources with the caller's
    /// permissions.
    fn stack(&mut self, work: &StepWork) -> Result<(), UnknownCall> {
        let Some(TemplateUse { path: name, parameters, .. }) = &work.demands.template else {
            return Ok(());
        };
        let surroundings = self.surroundings(parameters);
        let read = self.plan.files.read(name).ok();
        let Some(types) = read.and_then(|text| resource_types(&text, &surroundings)) else {
            self.notes.insert(format!(
                "the template {name} cannot be read now: add the permissions that CloudFormation needs to create and delete its resources"
            ));
            return Ok(());
        };
        let mut unknown = BTreeSet::new();
        for kind in types {
            match of_resource_type(&kind) {
                Some(calls) => self.sandbox(&calls)?,
                None => drop(unknown.insert(kind)),
            }
        }
        if !unknown.is_empty() {
            let unknown: Vec<String> = unknown.into_iter().collect();
            self.notes.insert(format!(
                "the template {name} makes {}: add the permissions that CloudFormation needs to create and delete it, which the policy does not contain",
                unknown.join(", ")
            ));
        }
        Ok(())
    }

    /// The surroundings of a template, with the parameters that are plain values. A resource that
    /// depends on another parameter counts as one that may be created.
    fn surroundings(&self, given: &IndexMap<String, Value>) -> Surroundings {
        let plain = given.iter().filter(|(_, value)| !expr::has_expression(value));
        Surroundings {
            account: Some(self.plan.sandbox_account.clone()),
            region: Some(self.plan.sandbox.region.clone()),
            parameters: plain
                .map(|(name, value)| (name.clone(), Given::Value(parameter_text(value))))
                .collect(),
            ..Surroundings::default()
        }
    }

    fn secrets(&mut self, value: &Value) {
        let Ok(named) = expr::named(value, "secret") else { return };
        for text in named {
            let Ok(SecretRef::Aws(secret)) = text.parse::<SecretRef>() else { continue };
            let (region, account) = secret
                .place
                .unwrap_or_else(|| (self.plan.sandbox.region.clone(), self.plan.sandbox_account.clone()));
            let reader =
                if self.grants.contains_key(&account) { account } else { self.plan.sandbox_account.clone() };
            let Some(grants) = self.grants.get_mut(&reader) else { continue };
            // Secrets Manager adds six random characters to ARNs. A request may leave them out.
            let on = if secret.id.starts_with("arn:") {
                BTreeSet::from([secret.id.clone(), format!("{}-??????", secret.id)])
            } else {
                let partition = grants.partition();
                let arn =
                    format!("arn:{partition}:secretsmanager:{region}:{reader}:secret:{}-??????", secret.id);
                BTreeSet::from([arn])
            };
            let conditions = in_regions(&BTreeSet::from([region]));
            grants.add("Secret", "secretsmanager:GetSecretValue", on, conditions);
            self.notes.insert(format!(
                "the secret {}: if it is encrypted with a customer managed key, add kms:Decrypt for that key",
                secret.id
            ));
        }
    }

    /// Allows preflight to ask IAM whether the other grants are allowed. The permission covers the
    /// role itself only.
    fn prove(&mut self) {
        for (account, grants) in &mut self.grants {
            let role = self.plan.accounts.values().find(|a| a.id == *account).and_then(|a| a.role.clone());
            let on = match role {
                Some(role) => BTreeSet::from([role]),
                None => {
                    ["iam::{a}:role/*", "iam::{a}:user/*"].iter().map(|on| grants.arn(on, None)).collect()
                }
            };
            grants.add("Prove", PROVE, on, Conditions::new());
        }
    }
}

/// The action with which preflight proves all other grants.
pub const PROVE: &str = "iam:SimulatePrincipalPolicy";

/// The recovery points that a step may copy: the one that it names, else those of its type.
fn copied_points(work: &StepWork, kind: Option<Restorable>, grants: &Grants) -> BTreeSet<String> {
    let named = work.source.as_ref().and_then(SourceSpec::id);
    match named.filter(|id| id.starts_with("arn:") && !is_template(id)) {
        Some(arn) => BTreeSet::from([arn.to_owned()]),
        None => recovery_points_of(kind).iter().map(|on| grants.arn(on, None)).collect(),
    }
}

fn is_of_s3(kind: PointKind) -> bool {
    kind.resource_kind() == "s3:bucket"
}

/// The types of the resources that are created or may be. `None` if the text is not a template.
fn resource_types(text: &str, surroundings: &Surroundings) -> Option<BTreeSet<String>> {
    let template = Template::read("template", text, 0).ok()?;
    let resolver = Resolver::new(&template, surroundings);
    let made =
        template.section("Resources").iter().filter(|entry| resolver.is_made(&entry.value) != Truth::No);
    Some(made.filter_map(|entry| entry.value.get("Type")?.as_str().map(str::to_owned)).collect())
}
