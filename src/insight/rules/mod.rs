//! Findings that an estate shows without a drill, one file per rule or family of rules.
//!
//! A rule that the estate cannot answer says nothing.

mod access;
mod application;
mod backups;
mod copies;
mod dns;
mod keys;
mod locks;
mod look;
mod names;
mod only_here;
mod plan;
mod practice;
mod providers;
mod restored;
mod scans;
mod stacks;
mod unread;
mod zones;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use base::severity::Severity;
use port::Finding;
use port::finding::Rule;

pub use look::{Brought, Goal, Look, Practice, RefusedStep, Restored, RestoredStep};

/// The resources that a finding names. The rest are counted.
const NAMED: usize = 5;

/// A rule that looks at an estate.
pub struct Entry {
    pub rule: Rule,
    /// What is wrong, as the beginning of the message.
    says: &'static str,
    /// What to do.
    fix: &'static str,
    look: fn(&Look<'_>) -> Vec<Hit>,
}

/// One resource that a rule found.
struct Hit {
    resource: String,
    /// What exactly was found. Empty: the rule says it all.
    detail: String,
    severity: Severity,
}

impl Hit {
    fn new(resource: &impl ToString, detail: impl Into<String>, severity: Severity) -> Self {
        Self { resource: resource.to_string(), detail: detail.into(), severity }
    }
}

/// All rules, in the order in which they are printed. There is no other list of them.
pub const RULES: &[Entry] = &[
    unread::INCOMPLETE,
    backups::NO_BACKUP,
    backups::IN_ONE_ACCOUNT,
    backups::IN_ONE_REGION,
    locks::UNLOCKED,
    keys::LOST_WITH_DATA,
    copies::TOO_SPARSE,
    copies::TOO_LATE,
    zones::IN_ONE_ZONE,
    scans::NOT_CLEAN,
    plan::REFUSED,
    plan::HEADROOM,
    plan::QUOTA,
    plan::QUOTA_BELOW,
    restored::DEFAULTS,
    restored::IN_ONE_ZONE,
    practice::OVERDUE,
    only_here::ONLY_HERE,
    names::LOST_PLACE,
    application::FAR,
    dns::TTL,
    access::OLD_KEY,
    access::ROOT_KEY,
    stacks::IN_NO_STACK,
    stacks::DRIFTED,
    providers::ONE_PROVIDER,
];

/// Whether a rule is one of these, so that a comment may ignore it.
pub fn may_be_ignored(rule: Rule) -> bool {
    RULES.iter().any(|entry| entry.rule == rule)
}

/// A rule that the estate or the playbook says to ignore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignore {
    pub rule: Rule,
    pub because: String,
    /// Where it says so: `estate.yaml:3`.
    pub place: String,
}

/// A finding, with the number of resources that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Grouped {
    #[serde(flatten)]
    pub finding: Finding,
    /// The first of the resources.
    pub resources: Vec<String>,
    pub count: usize,
}

/// A rule that was ignored, and the number of resources that it would have named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Ignored {
    pub rule: Rule,
    pub because: String,
    pub place: String,
    pub count: usize,
}

/// What all rules found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The gravest first.
    pub found: Vec<Grouped>,
    pub ignored: Vec<Ignored>,
}

/// Asks all rules.
pub fn findings(look: &Look<'_>, ignores: &[Ignore]) -> Findings {
    let mut all = Findings::default();
    for entry in RULES {
        let hits = (entry.look)(look);
        let mut ignored = ignores.iter().filter(|ignore| ignore.rule == entry.rule).peekable();
        if ignored.peek().is_some() {
            all.ignored.extend(ignored.map(|ignore| Ignored {
                rule: ignore.rule,
                because: ignore.because.clone(),
                place: ignore.place.clone(),
                count: hits.len(),
            }));
            continue;
        }
        let mut by_severity: IndexMap<Severity, Vec<Hit>> = IndexMap::new();
        for hit in hits {
            by_severity.entry(hit.severity).or_default().push(hit);
        }
        all.found.extend(by_severity.into_iter().map(|(severity, hits)| grouped(entry, severity, &hits)));
    }
    all.found.sort_by_key(|group| group.finding.severity);
    all
}

/// One finding about many resources. It names the first of them.
fn grouped(entry: &Entry, severity: Severity, hits: &[Hit]) -> Grouped {
    let named: Vec<String> = hits
        .iter()
        .take(NAMED)
        .map(|hit| match hit.detail.as_str() {
            "" => hit.resource.clone(),
            detail => format!("{} ({detail})", hit.resource),
        })
        .collect();
    let more = hits.len().saturating_sub(NAMED);
    let more_words = if more > 0 { format!(", and {more} more") } else { String::new() };
    let message = format!("{}: {}{more_words}", entry.says, named.join(", "));
    let resources: Vec<String> = hits.iter().take(NAMED).map(|hit| hit.resource.clone()).collect();
    let resource = match (resources.first(), hits.len()) {
        (Some(first), 1) => first.clone(),
        (Some(first), many) => format!("{first} and {} more", many - 1),
        (None, _) => String::new(),
    };
    Grouped {
        finding: Finding::new(entry.rule, resource, message, entry.fix).graded(severity),
        resources,
        count: hits.len(),
    }
}
