//! Collects the permissions that are needed in one account, from calls and their targets.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{Need, Restriction, TABLE, is_global, is_listing};
use base::ids::{AccountId, Region};
use port::CreateCall;
use port::{Conditions, Grant, TAG_RUN, Test};

/// The names of the resources that a run creates: `dm-`, eight characters that identify the run,
/// and the purpose.
pub const NEW: &str = "dm-????????-*";

/// The condition key for the call that `ec2:CreateTags` is part of.
pub const CREATE_ACTION: &str = "ec2:CreateAction";

/// A grant and its purpose. The purpose decides which statements may be merged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    pub purpose: &'static str,
    pub grant: Grant,
}

/// The target of a call.
#[derive(Debug, Clone)]
pub struct CallTarget<'a> {
    /// The regions whose endpoints the call may be sent to.
    pub regions: &'a BTreeSet<Region>,
    /// The regions where the recovery point may be. Presigned requests go there too.
    pub sources: &'a BTreeSet<Region>,
    /// The bucket of the call, unless the run creates it. `*` if it is not known before the run.
    pub bucket: Option<&'a str>,
}

/// A call that is not in the table. This is a defect of Drillmaster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCall(pub String);

/// The permissions of one account.
pub struct Grants {
    account: AccountId,
    /// The sandbox's region. `None` in an account that the drill only reads, in any region.
    region: Option<Region>,
    partition: &'static str,
    found: BTreeMap<(&'static str, BTreeSet<String>, Conditions), BTreeSet<String>>,
    /// Actions that have no resources, with the regions where they are called.
    listings: BTreeMap<String, BTreeSet<String>>,
}

impl Grants {
    /// `region` is the sandbox's region if the sandbox is in this account. `any` is a region of the
    /// same partition.
    pub fn new(account: &AccountId, region: Option<&Region>, any: &Region) -> Self {
        Self {
            account: account.clone(),
            region: region.cloned(),
            partition: any.partition(),
            found: BTreeMap::new(),
            listings: BTreeMap::new(),
        }
    }

    pub fn partition(&self) -> &'static str {
        self.partition
    }

    pub fn calls(&mut self, calls: &[&str], at: &CallTarget<'_>) -> Result<(), UnknownCall> {
        calls.iter().try_for_each(|call| self.call(call, at))
    }

    fn call(&mut self, call: &str, at: &CallTarget<'_>) -> Result<(), UnknownCall> {
        if let Some((_, needs)) = TABLE.iter().find(|(name, _)| *name == call) {
            needs.iter().for_each(|need| self.need(call, need, at));
            return Ok(());
        }
        if is_listing(call) {
            self.list(call, at.regions);
            return Ok(());
        }
        Err(UnknownCall(call.to_owned()))
    }

    fn list(&mut self, action: &str, regions: &BTreeSet<Region>) {
        let regions = regions.iter().filter(|_| !is_global(action)).map(ToString::to_string);
        self.listings.entry(action.to_owned()).or_default().extend(regions);
    }

    fn need(&mut self, call: &str, need: &Need, at: &CallTarget<'_>) {
        if need.restriction == Restriction::Listing {
            return self.list(need.action, at.regions);
        }
        let resources: BTreeSet<String> = need.on.iter().map(|on| self.arn(on, at.bucket)).collect();
        let mut regions = at.regions.clone();
        if need.restriction == Restriction::Used && CreateCall::of(call).is_some_and(CreateCall::is_presigned)
        {
            regions.extend(at.sources.iter().cloned());
        }
        // A global service answers in a region of its own.
        let mut conditions = if is_global(need.action) { BTreeMap::new() } else { in_regions(&regions) };
        let (purpose, key) = match need.restriction {
            Restriction::New => ("Make", Some("aws:RequestTag")),
            Restriction::OfTheRun => ("Change", Some("aws:ResourceTag")),
            Restriction::Adopted => ("Adopt", Some("aws:RequestTag")),
            Restriction::Used => ("Use", None),
            Restriction::Listing | Restriction::Named | Restriction::OwnAccount => ("Named", None),
        };
        if need.restriction == Restriction::OwnAccount {
            let own = BTreeSet::from([self.account.to_string()]);
            conditions.insert((Test::StringEquals, "s3:ResourceAccount".into()), own);
        }
        if let Some(key) = key {
            conditions
                .insert((Test::StringLike, format!("{key}/{TAG_RUN}")), BTreeSet::from(["*".to_owned()]));
        }
        // EC2 tags a new resource in the same call, and authorises the tagging separately.
        if need.restriction == Restriction::New
            && let Some(operation) = call.strip_prefix("ec2:")
        {
            let mut when = conditions.clone();
            when.insert(
                (Test::StringEquals, CREATE_ACTION.to_owned()),
                BTreeSet::from([operation.to_owned()]),
            );
            self.add("Tag", "ec2:CreateTags", BTreeSet::clone(&resources), when);
        }
        self.add(purpose, need.action, resources, conditions);
    }

    pub fn add(
        &mut self,
        purpose: &'static str,
        action: &str,
        resources: BTreeSet<String>,
        conditions: Conditions,
    ) {
        self.found.entry((purpose, resources, conditions)).or_default().insert(action.to_owned());
    }

    pub fn arn(&self, on: &str, bucket: Option<&str>) -> String {
        if on == "*" {
            return on.to_owned();
        }
        let region = self.region.as_ref().map_or("*", Region::as_str);
        let rest = on.replace("{r}", region).replace("{a}", self.account.as_str());
        let rest = rest.replace("{new}", NEW).replace("{b}", bucket.unwrap_or(NEW));
        format!("arn:{}:{rest}", self.partition)
    }

    /// The statements, in a stable order.
    pub fn finish(mut self) -> Vec<Statement> {
        for (action, regions) in std::mem::take(&mut self.listings) {
            let conditions = if regions.is_empty() { Conditions::new() } else { conditions_of(regions) };
            self.add("Look", &action, BTreeSet::from(["*".to_owned()]), conditions);
        }
        self.found
            .into_iter()
            .map(|((purpose, resources, conditions), actions)| Statement {
                purpose,
                grant: Grant { actions, resources, conditions },
            })
            .collect()
    }
}

pub fn in_regions(regions: &BTreeSet<Region>) -> Conditions {
    conditions_of(regions.iter().map(ToString::to_string).collect())
}

fn conditions_of(regions: BTreeSet<String>) -> Conditions {
    Conditions::from([((Test::StringEquals, "aws:RequestedRegion".to_owned()), regions)])
}
