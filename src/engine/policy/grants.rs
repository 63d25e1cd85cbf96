//! Collects what is needed in one account, from calls and where they go.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{Need, Only, TABLE, is_global, is_listing, is_presigned};
use base::ids::{AccountId, Region};
use port::{Conditions, Grant, TAG_RUN, Test};

/// The names of what a run makes: `dm-`, the four to eight characters that tell the run, and what it is for.
pub const NEW: &str = "dm-????????-*";

/// The call that `ec2:CreateTags` is part of.
pub const CREATE_ACTION: &str = "ec2:CreateAction";

/// What a statement is about, and how it may be put together with others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    pub purpose: &'static str,
    pub grant: Grant,
}

/// Where a call goes.
#[derive(Debug, Clone)]
pub struct At<'a> {
    /// The endpoints that it may be sent to.
    pub regions: &'a BTreeSet<Region>,
    /// Where the recovery point may lie: what is presigned goes there, too.
    pub sources: &'a BTreeSet<Region>,
    /// The bucket that it is about, where it is about one that the run does not make; `*`: not known before the run.
    pub bucket: Option<&'a str>,
}

/// A call that the table does not know: a defect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown(pub String);

pub struct Grants {
    account: AccountId,
    /// Of the sandbox; of an account without one, wherever it is read.
    region: Option<Region>,
    partition: &'static str,
    found: BTreeMap<(&'static str, BTreeSet<String>, Conditions), BTreeSet<String>>,
    /// Actions without resources, by the regions that they are called in.
    monitor: BTreeMap<String, BTreeSet<String>>,
}

impl Grants {
    /// `region` is the sandbox's where the account holds it.
    pub fn new(account: &AccountId, region: Option<&Region>, any: &Region) -> Self {
        Self {
            account: account.clone(),
            region: region.cloned(),
            partition: any.partition(),
            found: BTreeMap::new(),
            monitor: BTreeMap::new(),
        }
    }

    pub fn partition(&self) -> &'static str {
        self.partition
    }

    pub fn calls(&mut self, calls: &[&str], at: &At<'_>) -> Result<(), Unknown> {
        calls.iter().try_for_each(|call| self.call(call, at))
    }

    fn call(&mut self, call: &str, at: &At<'_>) -> Result<(), Unknown> {
        if let Some((_, needs)) = TABLE.iter().find(|(name, _)| *name == call) {
            needs.iter().for_each(|need| self.need(call, need, at));
            return Ok(());
        }
        if is_listing(call) {
            self.look(call, at.regions);
            return Ok(());
        }
        Err(Unknown(call.to_owned()))
    }

    fn look(&mut self, action: &str, regions: &BTreeSet<Region>) {
        let regions = regions.iter().filter(|_| !is_global(action)).map(ToString::to_string);
        self.monitor.entry(action.to_owned()).or_default().extend(regions);
    }

    fn need(&mut self, call: &str, need: &Need, at: &At<'_>) {
        if need.only == Only::Look {
            return self.look(need.action, at.regions);
        }
        let resources: BTreeSet<String> = need.on.iter().map(|on| self.arn(on, at.bucket)).collect();
        let mut regions = at.regions.clone();
        if need.only == Only::Used && is_presigned(call) {
            regions.extend(at.sources.iter().cloned());
        }
        let mut conditions = in_regions(&regions);
        let (purpose, key) = match need.only {
            Only::Born => ("Make", Some("aws:RequestTag")),
            Only::Ours => ("Change", Some("aws:ResourceTag")),
            Only::Used => ("Use", None),
            Only::Look | Only::Named | Only::Mine => ("Named", None),
        };
        if need.only == Only::Mine {
            let own = BTreeSet::from([self.account.to_string()]);
            conditions.insert((Test::StringEquals, "s3:ResourceAccount".into()), own);
        }
        if let Some(key) = key {
            conditions
                .insert((Test::StringLike, format!("{key}/{TAG_RUN}")), BTreeSet::from(["*".to_owned()]));
        }
        // EC2 tags what it makes in the same call, and authorises that apart.
        if need.only == Only::Born
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

    /// In an order that does not change.
    pub fn finish(mut self) -> Vec<Statement> {
        for (action, regions) in std::mem::take(&mut self.monitor) {
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
