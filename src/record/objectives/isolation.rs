//! What the looks at the sandbox say of it, as a fold. What was found after T0 stays found, whoever closed it again. What
//! could not be looked at is known as soon as a later look could see it; never, if none did.

use crate::report::model::{Finding, Severity};
use event::{Exposed, Stage};

#[derive(Debug, Clone, Default)]
pub struct Isolation {
    /// By the last look before T0.
    before: Option<Looked>,
    /// Since T0, each once.
    since: Vec<Exposed>,
    /// By the latest look since T0.
    unknown: Vec<Exposed>,
    /// It was looked at once more before the verdict.
    last: bool,
}

#[derive(Debug, Clone, Default)]
struct Looked {
    exposures: Vec<Exposed>,
    unknown: Vec<Exposed>,
}

impl Isolation {
    pub fn apply(&mut self, stage: Stage, exposures: &[Exposed], unknown: &[Exposed]) {
        if stage == Stage::BeforeT0 {
            self.before = Some(Looked { exposures: exposures.to_vec(), unknown: unknown.to_vec() });
            return;
        }
        for found in exposures {
            if !self.since.contains(found) {
                self.since.push(found.clone());
            }
        }
        self.unknown = unknown.to_vec();
        self.last |= stage == Stage::Last;
    }

    /// Looked at before T0, and, where the disaster was `declared`, to the end, and closed whenever it was.
    pub fn is_verified(&self, declared: bool) -> bool {
        let closed = |looked: &Looked| looked.unknown.is_empty() && !looked.exposures.iter().any(is_high);
        self.before.as_ref().is_some_and(closed) && (!declared || self.failures().is_empty())
    }

    /// Why a drill that was carried out has failed for its sandbox.
    pub fn failures(&self) -> Vec<String> {
        let said = |words: &str, found: &Exposed| format!("{words}: {}: {}", found.resource, found.message);
        let open = self.since.iter().filter(|found| is_high(found));
        let open = open.map(|found| said("the sandbox was not closed after T0", found));
        let unknown = self.unknown.iter().map(|found| said(UNKNOWN, found));
        let unseen = (!self.last).then(|| format!("{UNKNOWN}: {NOT_LOOKED_AT}"));
        open.chain(unknown).chain(unseen).collect()
    }

    /// What the looks found, as the report tells it; each once. `carried_out`: it should have been looked at to the end.
    pub fn findings(&self, carried_out: bool) -> Vec<Finding> {
        let before = self.before.iter().flat_map(|looked| looked.exposures.iter().chain(&looked.unknown));
        let mut all: Vec<&Exposed> = Vec::new();
        for found in before.chain(&self.since).chain(&self.unknown) {
            if !all.contains(&found) {
                all.push(found);
            }
        }
        let mut findings: Vec<Finding> = all.into_iter().map(finding).collect();
        if carried_out && !self.last {
            findings.push(Finding {
                rule: "isolation-unknown".into(),
                severity: Severity::High,
                resource: "sandbox".into(),
                message: NOT_LOOKED_AT.into(),
                fix: "run the drill again; what was not looked at is not known to be closed".into(),
            });
        }
        findings
    }
}

const UNKNOWN: &str = "whether the sandbox was closed is unknown";
const NOT_LOOKED_AT: &str = "it was not looked at once more before teardown";

fn is_high(found: &Exposed) -> bool {
    found.severity == "high"
}

fn finding(found: &Exposed) -> Finding {
    Finding {
        rule: found.rule.clone(),
        severity: Severity::of(&found.severity),
        resource: found.resource.clone(),
        message: found.message.clone(),
        fix: found.fix.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(severity: &str, resource: &str) -> Exposed {
        let text = |text: &str| text.to_owned();
        Exposed {
            rule: text("sandbox-open"),
            severity: text(severity),
            resource: text(resource),
            message: text("open"),
            fix: text("close it"),
        }
    }

    #[test]
    fn what_was_found_stays_found_and_what_was_not_seen_may_be_seen_later() {
        let mut isolation = Isolation::default();
        assert!(!isolation.is_verified(false));
        isolation.apply(Stage::BeforeT0, &[found("medium", "zone")], &[]);
        assert!(isolation.is_verified(false));
        // Nobody has looked since.
        assert!(!isolation.is_verified(true));
        isolation.apply(Stage::AfterT0, &[], &[found("high", "vpc")]);
        assert_eq!(isolation.failures().len(), 2);
        let mut closed = isolation.clone();
        closed.apply(Stage::Last, &[found("low", "acl")], &[]);
        assert!(closed.is_verified(true), "{:?}", closed.failures());
        assert_eq!(closed.findings(true).len(), 2);
        isolation.apply(Stage::AfterT0, &[found("high", "sg")], &[]);
        isolation.apply(Stage::AfterT0, &[found("high", "sg")], &[]);
        isolation.apply(Stage::Last, &[], &[]);
        assert_eq!(isolation.failures(), ["the sandbox was not closed after T0: sg: open"]);
        assert!(!isolation.is_verified(true));
        let mut unseen = Isolation::default();
        unseen.apply(Stage::BeforeT0, &[], &[]);
        unseen.apply(Stage::Last, &[], &[found("high", "vpc")]);
        assert_eq!(unseen.failures(), ["whether the sandbox was closed is unknown: vpc: open"]);
    }
}
